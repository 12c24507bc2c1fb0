"""The catalogue of models that can be downloaded: what, from where, how large, under which licence.

``weights/catalog.json`` is ``{"format_version": 1, "models": [...]}``.  An entry is only usable with the sha256 of the
file, so that what arrives is what was meant.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from studio.base.errors import ModelError
from studio.checkpoints.card import Role

VERSION = 1


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One downloadable model."""

    name: str
    title: str
    role: Role
    architecture: str
    url: str
    size: int
    """Bytes."""
    sha256: str
    licence: str
    credit: str = ""
    page: str = ""
    """Where its author describes it."""
    resolution: int = 0
    note: str = ""


def read_catalogue(path: Path) -> tuple[CatalogueEntry, ...]:
    """The entries of ``path``; none if there is no such file.  Raises :class:`ModelError` naming what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise ModelError("The catalogue of models cannot be read.", f"{exc.strerror}.") from exc
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ModelError("The catalogue of models cannot be read.", "It is not JSON.", detail=str(exc)) from exc
    if not isinstance(value, dict) or not isinstance(value.get("models"), list):
        raise ModelError("The catalogue of models cannot be read.", "It has no list of models.")
    if not isinstance(value.get("format_version"), int) or value["format_version"] > VERSION:
        raise ModelError(
            "The catalogue of models is of a newer kind.", "", "Update Latent Studio to use what it offers."
        )
    entries = tuple(_entry(item, i) for i, item in enumerate(value["models"]))
    names = [e.name for e in entries]
    if len(set(names)) != len(names):
        raise ModelError("The catalogue of models cannot be read.", "Two of its models have the same name.")
    return entries


def _entry(item: Any, index: int) -> CatalogueEntry:
    def wrong(what: str) -> ModelError:
        return ModelError("The catalogue of models cannot be read.", f"Entry {index + 1}: {what}.")

    if not isinstance(item, dict):
        raise wrong("it is no table")
    texts = {k: item.get(k, "") for k in ("name", "title", "role", "architecture", "url", "sha256", "licence", "credit", "page", "note")}  # fmt: skip  # noqa: E501
    if not all(isinstance(v, str) for v in texts.values()):
        raise wrong("a text is missing")
    for needed in ("name", "title", "architecture", "licence"):
        if not texts[needed]:
            raise wrong(f"it has no {needed}")
    if texts["role"] not in get_args(Role):
        raise wrong("its role is unknown")
    if not texts["url"].startswith("https://"):
        raise wrong("its address is not https")
    if not re.fullmatch(r"[0-9a-f]{64}", texts["sha256"]):
        raise wrong("its sha256 is not one")
    size, resolution = item.get("size"), item.get("resolution", 0)
    if type(size) is not int or size <= 0 or type(resolution) is not int:
        raise wrong("its size is not a number of bytes")
    role: Any = texts.pop("role")
    return CatalogueEntry(role=role, size=size, resolution=resolution, **texts)

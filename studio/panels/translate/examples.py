"""The pictures that stand in Picture and Enlarge before there is one of the artist's own."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.base import paths

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

log = logging.getLogger(__name__)

TEXTS = ("A flat face", "A round face", "A cartoon portrait", "A small lake")
"""The titles in ``resources/examples/translate.json``, for the translation files."""


@dataclass(frozen=True, slots=True)
class Example:
    """``models``: names of the models (and "upscaler") that it suits."""

    file: str
    title: str
    path: Path
    models: tuple[str, ...] = ()


def home() -> Path:
    """Where they are."""
    return paths.resources() / "examples"


@lru_cache(maxsize=1)
def examples() -> tuple[Example, ...]:
    """Every example that is there, in order."""
    root = home()
    try:
        entries = json.loads((root / "translate.json").read_text(encoding="utf-8"))["pictures"]
    except OSError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the list of example pictures cannot be read: %s", error)
        return ()
    return tuple(found for entry in entries if (found := _example(root, entry)) is not None)


def _example(root: Path, entry: Any) -> Example | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        return None
    path = root / entry["file"]
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return None
    return Example(
        entry["file"], str(entry.get("title", path.stem)), path, tuple(str(m) for m in entry.get("models", ()))
    )


def example_for(card: ModelCard | None, mode: str) -> Example | None:
    """What suits a model; another picture for one that none was made for."""
    found = examples()
    if card is None:
        return None
    wanted = "upscaler" if mode == "enlarge" else card.name
    suiting = next((example for example in found if wanted in example.models), None)
    return suiting or next((example for example in found if "any" in example.models), None)

"""The example pictures that ship with the program: contents and styles that it painted itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.base import paths
from studio.panels.style.values import Slot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Example:
    """One picture of ``resources/examples``."""

    kind: Slot
    title: str
    path: Path


def home() -> Path:
    """Where they are."""
    return paths.resources() / "examples"


@lru_cache(maxsize=4)
def examples(folder: Path | None = None) -> tuple[Example, ...]:
    """Every example that is there, the pair to open with first; none where the folder or its list is missing."""
    root = folder or home()
    try:
        index = json.loads((root / "index.json").read_text(encoding="utf-8"))
    except OSError:
        return ()
    except ValueError as error:
        log.warning("the list of example pictures cannot be read: %s", error)
        return ()
    kinds: tuple[tuple[Slot, str], ...] = (("content", "contents"), ("style", "styles"))
    found: list[Example] = []
    for kind, plural in kinds:
        for entry in index.get(plural, ()):
            name = _text(entry, "file") or _text(entry, "path") if isinstance(entry, Mapping) else str(entry)
            path = root / name
            if name and path.resolve().is_relative_to(root.resolve()) and path.is_file():
                found.append(Example(kind, _text(entry, "title") or _text(entry, "name") or path.stem, path))
    first = {str(name) for name in index.get("pair", ())} if isinstance(index.get("pair", ()), list) else set()
    return tuple(sorted(found, key=lambda example: example.path.name not in first and example.path.stem not in first))


def _text(entry: Any, key: str) -> str:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return value if isinstance(value, str) else ""


def first_of(kind: Slot, folder: Path | None = None) -> Example | None:
    """The example that a new project opens with."""
    return next((example for example in examples(folder) if example.kind == kind), None)

"""The example pictures that ship with the program: contents and styles that it painted itself."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.base import paths
from studio.panels.style.values import Slot

log = logging.getLogger(__name__)

TEXTS = (
    "Mountain lake",
    "Still life",
    "Portrait",
    "Street at dusk",
    "Night in swirls",
    "Woodblock wave",
    "Ink and mist",
    "River in dots",
    "Rose window",
    "Red, yellow, blue",
)
"""The titles in ``resources/examples/index.json``, for the translation files."""


@dataclass(frozen=True, slots=True)
class Example:
    """One picture of ``resources/examples``; ``pairs`` names what goes well with it, the best first."""

    kind: Slot
    title: str
    path: Path
    name: str = ""
    pairs: tuple[str, ...] = ()


def home() -> Path:
    """Where they are."""
    return paths.resources() / "examples"


@lru_cache(maxsize=1)
def examples() -> tuple[Example, ...]:
    """Every example that is there, in order; none where the folder or its list is missing."""
    root = home()
    try:
        entries = json.loads((root / "index.json").read_text(encoding="utf-8"))["pictures"]
    except OSError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the list of example pictures cannot be read: %s", error)
        return ()
    return tuple(found for entry in entries if (found := _example(root, entry)) is not None)


def _example(root: Path, entry: Any) -> Example | None:
    if not isinstance(entry, dict) or entry.get("kind") not in ("content", "style"):
        return None
    file = entry.get("file")
    path = root / file if isinstance(file, str) else root
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        return None
    pairs = tuple(str(name) for name in entry.get("pairs", ()))
    return Example(entry["kind"], str(entry.get("title", path.stem)), path, str(entry.get("name", "")), pairs)


def first_pair() -> tuple[Example, Example] | None:
    """What a new project opens with: the first content, and the style that goes best with it."""
    found = examples()
    content = next((example for example in found if example.kind == "content"), None)
    styles = {example.name: example for example in found if example.kind == "style"}
    if content is None or not styles:
        return None
    best = next((styles[name] for name in content.pairs if name in styles), next(iter(styles.values())))
    return content, best

"""From old formats to today's, one step at a time.

Every change of the format (a renamed key, a changed meaning, **a changed default**) adds one to
:data:`FORMAT_VERSION`, one :class:`Migration` at the end of the list, and a stored file of the old version in
``tests/fixtures/projects``.  New keys with defaults need no migration.  Migrations work on plain trees, know nothing
of today's schema (which goes on changing), leave keys that they do not know where they are, and meet hostile
values: what is not as it should be is left for the reader to complain about.

Version 0 (draft, before the first release)
    ``explore``: ``seed`` (int), ``truncation`` (float), ``truncation_layers`` (int or null) instead of ``latent`` and
    ``look``; ``favourites``: a list of {``name``, ``seed``} instead of ``bookmarks``; ``history``: a list of
    {``title``, ``model``, ``seed``, ``truncation``, ``picture``, ``star``} instead of ``gallery``.
Version 1
    The schema in ``session.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.base.errors import StudioError

Tree = dict[str, Any]

FORMAT_VERSION = 1
MIN_READER = 1
"""The oldest format version whose programs can read what this one writes."""


@dataclass(frozen=True)
class Migration:
    """Turns a session tree of ``version`` into one of ``version + 1`` (in place, and returns it)."""

    version: int
    why: str
    apply: Callable[[Tree], Tree]


def _entries(tree: Tree, key: str) -> list[Any]:
    value = tree.pop(key, [])
    return value if isinstance(value, list) else []


def _move(source: Tree, key: str, target: Tree, new_key: str) -> None:
    if key in source:
        target[new_key] = source.pop(key)


def _seed_and_look(entry: Tree) -> None:
    look: Tree = {}
    _move(entry, "truncation", look, "psi")
    _move(entry, "truncation_layers", look, "cutoff")
    if look:
        entry["look"] = look
    if "seed" in entry:
        entry["latent"] = {"type": "seed", "seed": entry.pop("seed")}


def _latents(tree: Tree) -> Tree:
    explore = tree.get("explore")
    model = ""
    if isinstance(explore, dict):
        _seed_and_look(explore)
        model = explore.get("model", "")
    bookmarks = []
    for index, entry in enumerate(_entries(tree, "favourites")):
        if isinstance(entry, dict):
            _seed_and_look(entry)
            bookmarks.append({"id": f"favourite-{index}", "model": model} | entry)
        else:
            bookmarks.append(entry)  # the reader leaves it out and says so
    gallery = []
    for index, entry in enumerate(_entries(tree, "history")):
        if isinstance(entry, dict):
            _seed_and_look(entry)
            request: Tree = {"type": "render"}
            for key in ("model", "latent", "look"):
                _move(entry, key, request, key)
            _move(entry, "star", entry, "starred")
            gallery.append({"id": f"history-{index}", "request": request} | entry)
        else:
            gallery.append(entry)
    if bookmarks:
        tree["bookmarks"] = bookmarks
    if gallery:
        tree["gallery"] = gallery
    return tree


MIGRATIONS: tuple[Migration, ...] = (
    Migration(0, "seeds became one of several kinds of latent, truncation a part of the look", _latents),
)


def migrate(tree: Tree, version: int) -> Tree:
    """The session tree of format ``version`` (0 .. FORMAT_VERSION) in today's form."""
    for migration in MIGRATIONS[version:]:
        try:
            tree = migration.apply(tree)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as exc:
            raise StudioError(
                "This project was made by an early version of the program and cannot be read.",
                "Something in it is not as that version wrote it.",
                detail=f"format {migration.version}: {type(exc).__name__}: {exc}",
            ) from exc
    return tree

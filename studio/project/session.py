"""The whole editable state of a project as one immutable value.

A control makes a new value with :func:`msgspec.structs.replace`; the document swaps it in and keeps (before,
after, text) on the undo stack.  New panels add a state here, with defaults, so that old files still open.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from studio.project.latents import Latent, Look, Push, Seed, Walk
from studio.project.requests import Request


class _State(msgspec.Struct, frozen=True):
    """Immutable plain data."""


class ModelRef(_State, frozen=True, kw_only=True):
    """A model by content: found again by sha256, then by name; the path is only a hint."""

    sha256: str
    name: str
    path: str = ""
    architecture: str = ""


class ExploreState(_State, frozen=True, kw_only=True):
    """What the Explore panel edits.  ``model`` "" means the embedded default."""

    model: str = ""
    latent: Latent = Seed(seed=1)
    look: Look = Look()
    directions: tuple[Push, ...] = ()
    """Every direction with a slider; those with an amount are also in the picture (look.pushes is derived)."""
    walk: Walk = Walk()
    compare_spaces: bool = False


class MixColumn(_State, frozen=True, kw_only=True):
    """One source of the mixing board."""

    id: str
    latent: Latent
    name: str
    colour: int = 0
    solo: bool = False
    mute: bool = False
    locked: bool = False


class MixState(_State, frozen=True, kw_only=True):
    """What the Mix panel edits.  ``weights[layer][column]``; ``band_*`` name bands: coarse, middle, fine."""

    model: str = ""
    columns: tuple[MixColumn, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    look: Look = Look()
    band_solo: tuple[str, ...] = ()
    band_mute: tuple[str, ...] = ()
    band_locked: tuple[str, ...] = ()
    matrix_first: int = 0
    matrix_last: int = -1


class Bookmark(_State, frozen=True, kw_only=True):
    """A latent worth keeping, usable everywhere a seed is."""

    id: str
    name: str
    model: str
    latent: Latent
    look: Look = Look()
    thumbnail: str = ""


class GalleryItem(_State, frozen=True, kw_only=True):
    """A result with its recipe.  ``picture`` and ``thumbnail`` are assets, kept when starred or saved."""

    id: str
    title: str
    request: Request
    picture: str
    thumbnail: str = ""
    starred: bool = False
    created: float = 0.0
    panel: str = "explore"


class Session(_State, frozen=True, kw_only=True):
    """Everything that a project file keeps."""

    workspace: str = "explore"
    models: tuple[ModelRef, ...] = ()
    explore: ExploreState = ExploreState()
    mix: MixState = MixState()
    bookmarks: tuple[Bookmark, ...] = ()
    gallery: tuple[GalleryItem, ...] = ()
    canvas_background: Literal["dark", "checker"] = "dark"


def assets_of(value: msgspec.Struct) -> frozenset[str]:
    """The sha256 of every asset that a session, or a part of one, refers to (walks the whole value)."""
    found: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, msgspec.Struct):
            for field in part.__struct_fields__:
                inner = getattr(part, field)
                if field in {"asset", "picture", "thumbnail"} and isinstance(inner, str):
                    if inner:
                        found.add(inner)
                else:
                    visit(inner)
        elif isinstance(part, tuple):
            for inner in part:
                visit(inner)

    visit(value)
    return frozenset(found)

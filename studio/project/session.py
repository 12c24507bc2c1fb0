"""The whole editable state of a project as one immutable value.

A control makes a new value with :func:`msgspec.structs.replace`; the document swaps it in and keeps (before,
after, text) on the undo stack.  New panels add a state here, with defaults, so that old files still open.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from studio.project.latents import Direct, Frame, Latent, Look, Push, Seed, Walk
from studio.project.requests import Request
from studio.project.style import FIXED_FEATURES, Stylize
from studio.project.translate import Trace, TranslateLook


class _State(msgspec.Struct, frozen=True):
    """Immutable plain data."""


class ModelRef(_State, frozen=True, kw_only=True):
    """A model by content: found again by sha256, then by name; the path is only a hint."""

    sha256: str
    name: str
    path: str = ""
    architecture: str = ""


class Pad(_State, frozen=True, kw_only=True):
    """Two to four latents at the corners of a square and the point between them that is the picture (bilinear)."""

    corners: tuple[Latent, ...] = ()
    x: float = 0.5
    y: float = 0.5
    curve: Literal["linear", "slerp"] = "linear"


class Piles(_State, frozen=True, kw_only=True):
    """Examples with and without something, from which a direction is made."""

    having: tuple[Latent, ...] = ()
    lacking: tuple[Latent, ...] = ()
    name: str = ""


class ExploreState(_State, frozen=True, kw_only=True):
    """What the Explore panel edits.  ``model`` "" means the embedded default."""

    model: str = ""
    latent: Latent = Seed(seed=1)
    look: Look = Look()
    directions: tuple[Push, ...] = ()
    """Every direction with a slider; those with an amount are also in the picture (look.pushes is derived)."""
    walk: Walk = Walk()
    compare_spaces: bool = False
    pad: Pad = Pad()
    piles: Piles = Piles()


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


class TrayItem(_State, frozen=True, kw_only=True):
    """A picture of the artist's own in the Morph tray, and how it is framed."""

    id: str
    picture: str
    name: str = ""
    frame: Frame | None = None


class MorphState(_State, frozen=True, kw_only=True):
    """What the Morph panel edits.  ``model`` "" means the embedded autoencoder.

    ``latent`` is what the canvas shows; the pad, the walk, the tray and the map write it.
    """

    model: str = ""
    latent: Latent = Direct()
    look: Look = Look(psi=1.0)
    directions: tuple[Push, ...] = ()
    """Every attribute, component and dimension with a slider, as in :class:`ExploreState`."""
    walk: Walk = Walk(speed="even")
    tray: tuple[TrayItem, ...] = ()
    pad: Pad = Pad()
    piles: Piles = Piles()
    sampled: bool = False
    """Pictures stand for a draw from their distribution instead of its mean."""
    seed: int = 0
    """Of that draw, and of the sampled grid."""
    temperature: float = 0.8
    axis_x: int = 0
    axis_y: int = 1
    """Which principal components the map of the latent space shows."""


class KeptIterate(_State, frozen=True, kw_only=True):
    """A run as it was before iteration ``at``: its picture, and picture with optimiser to go on from."""

    at: int
    picture: str
    start: str = ""


class StyleState(_State, frozen=True, kw_only=True):
    """What the Style panel edits.

    ``run`` is the request that Start would make (its ``model`` "" means the embedded feature network); ``solo`` and
    ``mute`` name sliders ("style relu3_1") and act when the request is made.  ``kept`` are the iterates of the last
    run, ``made`` is that run.
    """

    mode: Literal["run", "pass"] = "run"
    run: Stylize = Stylize(model="", content="")
    solo: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()
    kept: tuple[KeptIterate, ...] = ()
    made: Stylize | None = None
    painter: str = ""
    """The feed-forward network."""
    strength: float = 1.0
    paint_size: int = 0
    """The longer side in px in one pass (0: the picture's own)."""
    content_name: str = ""
    examples: tuple[str, ...] = ()
    """Which of "content" and "style" still hold the program's own example: what is dropped first replaces these."""


class TranslateState(_State, frozen=True, kw_only=True):
    """What the Translate panel edits.

    ``model`` "" means the embedded translator; ``back`` the one that goes the other way ("": its partner, if there is
    one).  ``drawing`` is the paper of Draw (an asset; "": blank), ``picture`` what Picture and Enlarge work on.
    """

    mode: Literal["draw", "picture", "enlarge"] = "draw"
    model: str = ""
    way: Literal["there", "back", "cycle"] = "there"
    back: str = ""
    drawing: str = ""
    picture: str = ""
    picture_name: str = ""
    example: bool = False
    """``picture`` is the program's own example."""
    look: TranslateLook = TranslateLook()
    size: int = 0
    """The longer side in px at which the network works (0: what the model is at home with; -1: the picture's own)."""
    trace: Trace | None = None
    """The photograph under the paper, and how its lines are found."""
    onion: float = 0.0
    """How much of the outcome shines through the paper, 0 to 1."""
    first_seed: int = 1
    """Of the variations."""
    upscaler: str = ""
    sharpness: float = 0.0


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
    style: StyleState = StyleState()
    morph: MorphState = MorphState()
    translate: TranslateState = TranslateState()
    bookmarks: tuple[Bookmark, ...] = ()
    gallery: tuple[GalleryItem, ...] = ()
    canvas_background: Literal["dark", "checker"] = "dark"


REFERENCES = frozenset({"asset", "picture", "thumbnail", "content", "mask", "start", "drawing"})
"""Fields whose text is the sha256 of an asset."""


def assets_of(value: msgspec.Struct) -> frozenset[str]:
    """The sha256 of every asset that a session, or a part of one, refers to (walks the whole value)."""
    found: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, msgspec.Struct):
            for field in part.__struct_fields__:
                inner = getattr(part, field)
                if field in REFERENCES and isinstance(inner, str):
                    if inner:
                        found.add(inner)
                else:
                    visit(inner)
        elif isinstance(part, tuple):
            for inner in part:
                visit(inner)

    visit(value)
    return frozenset(found)


MODEL_FIELDS = ("model", "back", "sharper")
"""Fields of a request whose text is the sha256 of a model."""


def models_of(request: msgspec.Struct) -> tuple[str, ...]:
    """The sha256 of every model file that a request needs, the leading one first (embedded defaults left out)."""
    found = (getattr(request, field, "") for field in MODEL_FIELDS)
    return tuple(dict.fromkeys(sha for sha in found if sha not in ("", FIXED_FEATURES)))

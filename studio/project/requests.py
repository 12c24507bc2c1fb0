"""Requests: frozen values that hold all that determines a result.  A request is also the recipe in an exported file.

A panel makes one from the session, the worker hands it to the operation registered for its type, and equal
requests mean equal results.  A new capability adds its request types here (or in a module of its own that is
joined into ``Request``) and an operation in ``engine/``.
"""

from __future__ import annotations

from typing import Literal

from studio.project.base import BaseRequest, Precision
from studio.project.latents import Direct, Direction, Latent, Look, Space, Walk
from studio.project.morph import Encode, LatentSpace, MakeAttribute
from studio.project.style import Forecast, LayerThumbs, Paint, Recolour, StyleSheet, Stylize
from studio.project.translate import Cycle, ReadLabels, Trace, Translate, Upscale, Variations


class Render(BaseRequest, frozen=True, kw_only=True, tag="render"):
    """One picture.  ``size`` 0: the network's own; a smaller one is its exact low-resolution output when it has one."""

    latent: Latent
    look: Look = Look()
    size: int = 0


class Sheet(BaseRequest, frozen=True, kw_only=True, tag="sheet"):
    """A contact sheet of latents at ``tile`` px (0: full size), ``columns`` wide (0: near square)."""

    latents: tuple[Latent, ...]
    look: Look = Look()
    tile: int = 0
    columns: int = 0


class Tiles(BaseRequest, frozen=True, kw_only=True, tag="tiles"):
    """Thumbnails of many latents, delivered one :class:`~studio.base.steps.Preview` each (``index``)."""

    latents: tuple[Latent, ...]
    looks: tuple[Look, ...] = (Look(),)
    """One look for all, or one for each latent."""
    tile: int = 64


class WalkFrames(BaseRequest, frozen=True, kw_only=True, tag="walk"):
    """Frames of a walk.  ``first``/``count`` choose a part (count 0: all): preview and render agree frame by frame."""

    walk: Walk
    look: Look = Look()
    size: int = 0
    first: int = 0
    count: int = 0


class PathLength(BaseRequest, frozen=True, kw_only=True, tag="path_length"):
    """Perceptual path length between ends, in z and in w (Karras et al. 2019, eps 1e-4) with ``samples`` pairs."""

    latent_a: Latent = Direct()
    latent_b: Latent = Direct()
    look: Look = Look()
    walk: Walk | None = None
    samples: int = 64
    seed: int = 0


class Compare(BaseRequest, frozen=True, kw_only=True, tag="compare"):
    """The same blend in z and in w: two pictures side by side at ``t`` between a and b."""

    latent_a: Latent
    latent_b: Latent
    t: float = 0.5
    look: Look = Look()


class FindDirections(BaseRequest, frozen=True, kw_only=True, tag="find_directions"):
    """Principal components of w (``samples`` mapped codes) or closed-form factors of ``first..last``."""

    method: Literal["principal", "factor"]
    count: int = 32
    samples: int = 20_000
    seed: int = 0
    first: int = 0
    last: int = -1


class FilmStrip(BaseRequest, frozen=True, kw_only=True, tag="film_strip"):
    """A latent pushed along one direction from ``-reach`` to ``+reach`` sigmas in ``count`` pictures of ``tile`` px."""

    latent: Latent
    look: Look = Look()
    direction: Direction
    first: int = 0
    last: int = -1
    reach: float = 3.0
    count: int = 7
    tile: int = 64


class Invert(BaseRequest, frozen=True, kw_only=True, tag="invert"):
    """A photograph (asset, picture file) into the latent space.

    ``editability`` 0: W+ may leave W freely (most faithful); 1: stays in W (most editable).
    """

    picture: str
    space: Literal["w", "w+"] = "w+"
    editability: float = 0.5
    steps: int = 300
    seed: int = 0
    labels: tuple[float, ...] = ()


class Influence(BaseRequest, frozen=True, kw_only=True, tag="influence"):
    """Where on the picture ``layer`` acts: mean absolute change when it alone is replaced (``samples`` times)."""

    latent: Latent
    look: Look = Look()
    layer: int
    samples: int = 6
    seed: int = 0
    size: int = 0


class Matrix(BaseRequest, frozen=True, kw_only=True, tag="matrix"):
    """Sources x sources: row picture with layers ``first..last`` taken from the column picture, ``tile`` px."""

    sources: tuple[Latent, ...]
    look: Look = Look()
    first: int
    last: int
    tile: int = 64


class ReadWs(BaseRequest, frozen=True, kw_only=True, tag="read_ws"):
    """The ws of a latent (to bookmark, export or invert from): result ``[num_ws, w_dim]`` float32."""

    latent: Latent
    look: Look = Look()


Request = (
    Render
    | Sheet
    | Tiles
    | WalkFrames
    | PathLength
    | Compare
    | FindDirections
    | FilmStrip
    | Invert
    | Influence
    | Matrix
    | ReadWs
    | Encode
    | LatentSpace
    | MakeAttribute
    | Stylize
    | Recolour
    | Paint
    | LayerThumbs
    | StyleSheet
    | Forecast
    | Translate
    | Cycle
    | Variations
    | ReadLabels
    | Trace
    | Upscale
)

__all__ = [
    "Compare",
    "Cycle",
    "Encode",
    "FilmStrip",
    "FindDirections",
    "Forecast",
    "Influence",
    "Invert",
    "LatentSpace",
    "LayerThumbs",
    "MakeAttribute",
    "Matrix",
    "Paint",
    "PathLength",
    "Precision",
    "ReadLabels",
    "ReadWs",
    "Recolour",
    "Render",
    "Request",
    "Sheet",
    "Space",
    "StyleSheet",
    "Stylize",
    "Tiles",
    "Trace",
    "Translate",
    "Upscale",
    "Variations",
    "WalkFrames",
]

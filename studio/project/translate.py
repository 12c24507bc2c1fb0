"""Requests of the Translate panel, and the plain data that they are made of.

A translator makes another picture of the same size, an upscaler a larger one.  What an artist draws is an asset like
any picture, so a drawing's outcome has the same kind of recipe as a photograph's.
"""

from __future__ import annotations

from typing import Literal

from studio.project.base import BaseRequest, Plain


class Amount(Plain, frozen=True, kw_only=True):
    """How much of something, from 0 to 1, and where.

    ``mask`` (asset, grey picture of any size, white: all of ``value``; black: ``outside``; "": everywhere ``value``),
    softened by ``feather`` px at 512 px.
    """

    value: float = 1.0
    mask: str = ""
    outside: float = 0.0
    feather: float = 8.0


FULL, NOTHING = Amount(), Amount(value=0.0)


class TranslateLook(Plain, frozen=True, kw_only=True):
    """How a picture goes through a translator.

    ``statistics``: from 0 (those stored in training) to 1 (the picture's own); ``None``: what the model's card advises.
    ``seed``: of the dropout; ``None`` drops nothing.  ``labels``: one number for each label of a many-domain model, any
    real numbers (empty: as the card has them).  ``strength`` blends from the picture itself to the outcome;
    ``keep_colours`` gives the outcome's light the picture's own colours.
    """

    statistics: float | None = None
    seed: int | None = None
    labels: tuple[float, ...] = ()
    strength: Amount = FULL
    keep_colours: Amount = NOTHING


class Translate(BaseRequest, frozen=True, kw_only=True, tag="translate"):
    """A picture through a translator.

    ``size``: the longer side in px at which the network works (0: the picture's own); the outcome has that size.
    ``tile``: side of tiles in px, which share the whole picture's statistics (0: as memory asks for).
    """

    picture: str
    look: TranslateLook = TranslateLook()
    size: int = 0
    tile: int = 0


class Cycle(BaseRequest, frozen=True, kw_only=True, tag="cycle"):
    """There with ``model``, back with ``back`` (sha256): what is lost on the way shows what each world lacks."""

    picture: str
    back: str
    look: TranslateLook = TranslateLook()
    size: int = 0
    tile: int = 0


class Variations(BaseRequest, frozen=True, kw_only=True, tag="variations"):
    """The same picture with other dropout seeds, one :class:`~studio.base.steps.Preview` (``index``) each."""

    picture: str
    look: TranslateLook = TranslateLook()
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    size: int = 0
    thumbnail: int = 128
    """The longer side of each in px."""


class ReadLabels(BaseRequest, frozen=True, kw_only=True, tag="read_labels"):
    """The labels of a many-domain model that change a picture least: what the model sees in it."""

    picture: str
    size: int = 0


class Trace(BaseRequest, frozen=True, kw_only=True, tag="trace"):
    """A photograph as a drawing to go on from.  ``model`` is not used.

    ``edges``: dark lines on white.  ``detail`` 0..1: how weak an edge is still drawn; ``smooth`` 0..1: how much is
    blurred away before; ``width``: of the lines in px.  ``segments``: flat areas of ``colours`` colours, or of those
    in ``palette`` ("#rrggbb"); ``detail``: how small an area may be.  ``size``: the longer side in px.
    """

    model: str = ""
    picture: str
    kind: Literal["edges", "segments"] = "edges"
    detail: float = 0.5
    smooth: float = 0.35
    width: float = 2.0
    colours: int = 6
    palette: tuple[str, ...] = ()
    size: int = 256


class Upscale(BaseRequest, frozen=True, kw_only=True, tag="upscale"):
    """A picture through an upscaler.

    ``sharper`` (sha256) is its sister of the same shape, and ``sharpness`` from 0 to 1 how far the weights lie towards
    it.  ``tile``: as in :class:`Translate`.
    """

    picture: str
    sharper: str = ""
    sharpness: float = 0.0
    tile: int = 0

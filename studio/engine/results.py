"""What operations return.  Plain numpy, no torch, so that panels may import it.

Pictures are ``[H, W, 3]`` or ``[H, W, 4]`` uint8 sRGB.  ``info`` holds small facts worth showing or keeping
(milliseconds, size, which features were measured, what was made smaller for lack of memory).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.base.steps import Preview, UInt8Image
from studio.project.session import KeptIterate

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture.

    ``deep``: the same in 16 bits, ``[H, W, 3]`` or ``[H, W, 4]`` uint16, when what it was made from had 16; ``icc``:
    the profile of the file that it was made from (``image`` itself is sRGB).
    """

    image: UInt8Image
    info: Mapping[str, Any] = field(default_factory=dict)
    deep: npt.NDArray[np.uint16] | None = None
    icc: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Several pictures in the order of the request (frames, tiles, a film strip)."""

    images: tuple[UInt8Image, ...]
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Numbers in an array: ws ``[num_ws, w_dim]`` float32, an influence map ``[H, W]`` float32 in 0..1."""

    values: npt.NDArray[Any]
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Named figures (path lengths, distances)."""

    values: Mapping[str, float]
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Directions of w space, strongest first.

    ``vectors`` ``[n, w_dim]`` float32 of length 1; ``sigmas`` ``[n]`` standard deviation of w along each;
    ``share`` ``[n]`` part of the variance (principal) or of the squared gain (factor) that each explains.
    """

    method: str
    vectors: Float32Array
    sigmas: Float32Array
    share: Float32Array
    first: int = 0
    last: int = -1
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Inversion:
    """A photograph found in latent space: the asset of ws ``[num_ws, w_dim]``, its picture, the loss curves."""

    ws_asset: str
    image: UInt8Image
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A picture through an autoencoder and back.

    ``mu``, ``logvar`` float32 of the latent's shape (``[D]`` or ``[C, rows, columns]``); ``image`` what the encoder
    was shown and ``reconstruction`` what came back, ``[H, W, 3]`` uint8; ``error`` ``[H, W]`` float32 in 0..1, mean
    absolute difference over the colours; ``sigma`` mean of exp(logvar / 2): how unsure it is (0: it does not say);
    ``psnr`` in dB over the 8-bit values.
    """

    mu: Float32Array
    logvar: Float32Array
    image: UInt8Image
    reconstruction: UInt8Image
    error: Float32Array
    sigma: float
    psnr: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """How encoded data lies in latent space.  N pictures, D dimensions (channels, of a spatial latent), k components.

    ``mu`` ``[N, D]`` means; ``kl`` ``[D]`` mean nats of each dimension against N(0, 1); ``active`` ``[D]`` bool;
    ``order`` ``[D]`` dimensions by KL, largest first.  ``histograms`` ``[D, B]`` counts of the means between ``edges``
    ``[B + 1]`` (what lies outside is counted in the outermost bins); ``posterior`` ``[D, B]`` the same for the whole
    distributions (expected counts), which N(0, 1) is to be held against.  ``components`` ``[k, D]`` principal
    components of length 1, ``shares`` ``[k]`` of the variance; ``points`` ``[N, 2]`` the data along two of them,
    from its mean, in sigmas ``steps`` ``[2]``: ``mean + x * steps[0] * component + y * steps[1] * component``.
    ``labels`` name -> uint8 ``[N]``.
    """

    mu: Float32Array
    kl: Float32Array
    active: npt.NDArray[np.bool_]
    order: npt.NDArray[np.intp]
    histograms: Float32Array
    posterior: Float32Array
    edges: Float32Array
    components: Float32Array
    shares: Float32Array
    points: Float32Array
    steps: Float32Array
    labels: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """A direction made from two piles.

    ``asset``: npy float32 ``[1, w_dim]`` of length 1, for ``Direction(kind="stored")``; ``sigma``: standard deviation
    of w along it; ``separability`` 0..1: balanced accuracy on examples that were left out (0.5: chance); ``having``,
    ``lacking``: where the examples of the piles lie along it, in sigmas from the middle between the piles;
    ``shrink`` 0..1: how far it is the bare difference of the means (1) and not the whitened direction (0).
    """

    asset: str
    name: str
    separability: float
    sigma: float
    having: Float32Array
    lacking: Float32Array
    shrink: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class KeptPreview(Preview):
    """A preview of a style run whose iterate was kept: the run can be taken up from ``kept`` while it goes on."""

    kept: KeptIterate | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StyleRun:
    """A finished run of style transfer.

    ``image`` after, ``raw`` before the colours were changed; ``kept`` the iterates, the last one last; ``losses`` one
    curve for each term ("content relu2_2", "style relu1_1", "tv", "total"), weighted as they were summed.
    ``info["run"]`` is the complete request, with all that was changed on the way: it makes this picture again.
    """

    image: UInt8Image
    raw: UInt8Image
    kept: tuple[KeptIterate, ...]
    losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CycleResult:
    """A picture to the other world and back.

    ``source`` what was shown to the first network, ``image`` what came there, ``back`` what came back, ``[H, W, 3]``
    uint8 of one size; ``error`` ``[H, W]`` float32 in 0..1, mean absolute difference between source and back over the
    colours; ``l1`` its mean; ``psnr`` in dB over the 8-bit values (inf: nothing was lost).
    """

    source: UInt8Image
    image: UInt8Image
    back: UInt8Image
    error: Float32Array
    l1: float
    psnr: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of a many-domain model that a picture seems to have already, in the model's order.

    ``info["change"]``: mean absolute change of the picture (0..1) with these labels; ``info["margins"]``: for
    each toggle and each choice, in the order of the card's groups, how much more it changes with the next best value
    (near 0: hard to tell).
    """

    values: tuple[float, ...]
    info: Mapping[str, Any] = field(default_factory=dict)


Result = (
    Picture
    | Pictures
    | Array
    | Numbers
    | Directions
    | Inversion
    | Encoding
    | Space
    | Attribute
    | StyleRun
    | CycleResult
    | Labels
)

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

from studio.base.steps import UInt8Image

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture."""

    image: UInt8Image
    info: Mapping[str, Any] = field(default_factory=dict)


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


Result = Picture | Pictures | Array | Numbers | Directions | Inversion

"""Colours as they are seen: Oklab (Bjorn Ottosson, 2020), in which equal distances look about equal."""

from __future__ import annotations

import torch
from torch import Tensor

_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def oklab(x: Tensor) -> Tensor:
    """sRGB ``[N, 3, H, W]`` in [0, 1] to L in 0..1, a and b within about 0.4."""
    linear = torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)
    lms = _by(linear, _TO_LMS).clamp_min(0.0) ** (1.0 / 3.0)
    return _by(lms, _TO_LAB)


def _by(x: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("ij,njhw->nihw", x.new_tensor(matrix), x)

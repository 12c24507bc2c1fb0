"""Assets to tensors and back, and the sizes in between.

Tensors here are ``[1, 3, H, W]`` float32, sRGB in [0, 1]; masks ``[1, 1, H, W]`` in [0, 1].
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.engine.context import Context
from studio.media.images import flatten

Size = tuple[int, int]
"""Height and width."""


def read(ctx: Context, sha: str, what: str) -> UInt8Image:
    """A picture asset ``[H, W, 3]``; what is transparent becomes white.  ``what`` names it when it is missing."""
    if not sha:
        raise StudioError(f"There is no {what} yet.", "", f"Drop a {what} first.")
    return flatten(ctx.assets.image(sha), (255, 255, 255))


def tensor(pixels: UInt8Image, device: str | torch.device = "cpu") -> Tensor:
    """``[H, W, 3]`` uint8 to ``[1, 3, H, W]``."""
    return (
        torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(2, 0, 1)[None].float() / 255.0
    ).contiguous()


def to_uint8(x: Tensor) -> UInt8Image:
    """The other way."""
    with torch.no_grad():
        values = (x[0].clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
        return values.permute(1, 2, 0).contiguous().cpu().numpy()


def fitted(size: Size, longer: int) -> Size:
    """Height and width of a picture whose longer side becomes ``longer`` px, at least 1 each."""
    h, w = size
    scale = longer / max(h, w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def resized(x: Tensor, size: Size) -> Tensor:
    """Another size: antialiased bicubic, kept within [0, 1].  The same size gives the same tensor."""
    if tuple(x.shape[2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False).clamp_(0.0, 1.0)


def smooth(x: Tensor, size: Size) -> Tensor:
    """Another size without overshoot (masks, moments of the optimiser): antialiased bilinear."""
    if tuple(x.shape[2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)

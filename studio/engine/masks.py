"""Grey pictures that say where something acts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.engine.context import Context
from studio.engine.pictures import Size, smooth

FEATHER_AT = 512
"""The picture side in px that ``feather`` is given for."""


def read_mask(ctx: Context, sha: str) -> Tensor:
    """A mask asset as ``[1, 1, H, W]`` in [0, 1]: its alpha where it has one that says something, else its light."""
    pixels = torch.from_numpy(ctx.assets.image(sha).copy()).float() / 255.0
    if pixels.dim() == 2:
        return pixels[None, None]
    if pixels.shape[2] == 4 and bool((pixels[..., 3] < 1.0).any()):
        return pixels[None, None, :, :, 3].contiguous()
    return pixels[..., :3].mean(dim=2)[None, None].contiguous()


def feathered(mask: Tensor, size: Size, feather: float) -> Tensor:
    """A mask ``[1, 1, H, W]`` at another size, softened by ``feather`` px of a picture of :data:`FEATHER_AT` px."""
    mask = smooth(mask, size).clamp_(0.0, 1.0)
    sigma = feather * max(size) / FEATHER_AT / 2.0
    return blurred(mask, sigma) if sigma > 0.3 else mask


def blurred(x: Tensor, sigma: float) -> Tensor:
    """``[1, 1, H, W]`` under a Gaussian of ``sigma`` px, the border repeated."""
    radius = min(int(3.0 * sigma + 0.5), min(x.shape[2:]) - 1)
    if radius < 1:
        return x
    t = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    kernel = kernel / kernel.sum()
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return F.conv2d(F.pad(x, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))

"""How near an enlargement is to the truth: PSNR and SSIM, as papers measure them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Y of ITU-R BT.601 in its narrow range (16 to 235), as super-resolution papers use it; pictures in [0, 1]."""


def luma(x: Tensor) -> Tensor:
    """``[N, 3, H, W]`` RGB in [0, 1] to Y ``[N, 1, H, W]``, from 16/255 to 235/255."""
    return (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True) + 16 / 255


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal to noise of each picture, dB, ``[N]``; both ``[N, C, H, W]`` in [0, 1].  Equal pictures: 100."""
    mse = (x.double() - y.double()).square().flatten(1).mean(dim=1)
    return (-10 * torch.log10(mse.clamp_min(1e-10))).float()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of each picture, ``[N]``, a mean over channels; both ``[N, C, H, W]`` in [0, 1].

    Wang et al. 2004: a Gaussian window of 11 x 11 px, sigma 1.5, K1 0.01, K2 0.03, only where the window fits.
    """
    if min(x.shape[-2:]) < 11:
        raise ValueError(f"SSIM needs pictures of at least 11 px, not {list(x.shape[-2:])}")
    n, c = x.shape[:2]
    x, y = x.double(), y.double()
    at = torch.arange(11, dtype=torch.float64, device=x.device) - 5
    row = torch.exp(-at.square() / (2 * 1.5**2))
    row = row / row.sum()
    window = (row[:, None] * row[None, :]).expand(c, 1, 11, 11).contiguous()

    def mean(t: Tensor) -> Tensor:
        return F.conv2d(t, window, groups=c)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    found = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return found.reshape(n, -1).mean(dim=1).float()


def fidelity(made: Tensor, truth: Tensor, border: int) -> dict[str, float]:
    """Means over pictures ``[N, 3, H, W]`` in [0, 1], rounded to 8 bits, without ``border`` px at each side."""
    made, truth = (
        (t.clamp(0, 1) * 255).round()[..., border : t.shape[-2] - border, border : t.shape[-1] - border] / 255
        for t in (made, truth)
    )
    y, t = luma(made), luma(truth)
    found = {"psnr_y": psnr(y, t), "psnr_rgb": psnr(made, truth), "ssim_y": ssim(y, t)}
    values = {name: float(v.mean()) for name, v in found.items()}
    assert all(math.isfinite(v) for v in values.values())
    return values

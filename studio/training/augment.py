"""Light, adaptive augmentation of what the discriminator sees (Karras et al. 2020, "Training GANs with Limited Data").

Only the cheap invertible changes that help most on small sets: small shifts, and brightness, contrast and saturation.
Real and generated pictures pass through the same thing, so the generator does not learn it as long as the strength
stays below about 0.8.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def augment(x: Tensor, strength: float, gen: torch.Generator, *, shift: float = 0.125) -> Tensor:
    """Change each picture, each way with probability ``strength``; differentiable in ``x`` ``[N, 3, H, W]``.

    Shifts are whole pixels, at most ``shift`` of the side, with the border repeated.
    """
    if strength <= 0:
        return x
    n, _, h, w = x.shape

    def chosen(value: Tensor, neutral: float) -> Tensor:
        use = torch.rand(n, generator=gen) < strength
        return torch.where(use, value, torch.full_like(value, neutral)).view(n, 1, 1, 1).to(x.device)

    brightness = chosen(torch.randn(n, generator=gen) * 0.2, 0.0)
    contrast = chosen(torch.exp2(torch.randn(n, generator=gen) * 0.4), 1.0)
    saturation = chosen(torch.exp2(torch.randn(n, generator=gen) * 0.7), 1.0)
    luma = (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    x = (luma + (x - luma) * saturation) * contrast + brightness
    reach = int(shift * h)
    if reach:
        move = torch.randint(-reach, reach + 1, (n, 2), generator=gen)
        move = move * (torch.rand(n, 1, generator=gen) < strength)
        rows = (torch.arange(h)[None] + move[:, :1]).clamp(0, h - 1).to(x.device)
        cols = (torch.arange(w)[None] + move[:, 1:]).clamp(0, w - 1).to(x.device)
        x = x.gather(2, rows[:, None, :, None].expand(-1, x.shape[1], -1, w))
        x = x.gather(3, cols[:, None, None, :].expand(-1, x.shape[1], h, -1))
    return x


class Adaptive:
    """Raises the strength while the discriminator is too sure of real pictures, and lowers it otherwise.

    The measure is the mean sign of its logits on real pictures; a full change takes ``pictures`` pictures.
    """

    def __init__(self, mode: str, target: float, *, pictures: float = 200_000.0) -> None:
        self.adaptive = mode == "ada"
        self.strength = 0.0 if mode in ("ada", "none") else float(mode)
        self.target, self.pictures = target, pictures
        self.sign = 0.0

    def update(self, real_logits: Tensor) -> None:
        """Take the logits of one batch of real pictures into account."""
        n = real_logits.shape[0]
        sign = float(real_logits.detach().sign().mean())
        self.sign += (sign - self.sign) * min(1.0, n / 1000)
        if self.adaptive:
            step = n / self.pictures if self.sign > self.target else -n / self.pictures
            self.strength = min(0.8, max(0.0, self.strength + step))


def blur_small(x: Tensor, passes: int) -> Tensor:
    """A few 3x3 binomial blurs: what a discriminator that is too far ahead may be shown at first."""
    k = x.new_tensor([1.0, 2.0, 1.0])
    k = (torch.outer(k, k) / 16)[None, None].expand(x.shape[1], 1, 3, 3)
    for _ in range(passes):
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), k, groups=x.shape[1])
    return x

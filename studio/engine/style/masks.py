"""Which style goes where, and how strongly content counts there."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.engine.context import Context
from studio.engine.style.pictures import Size, smooth
from studio.project.style import StyleLook, StyleSource

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


@dataclass
class Mix:
    """The masks of a look at one picture size.  ``amount`` is each style's share of the style cost."""

    masks: list[Tensor | None]
    amount: list[float]
    alpha: Tensor | None
    _sized: dict[tuple[int, Size], Tensor] = field(default_factory=dict)

    def at(self, index: int, size: Size) -> Tensor:
        """The mask of a style ``[h, w]`` at a layer's size."""
        return self._at(index, self.masks[index], size)

    def alpha_at(self, size: Size) -> Tensor:
        """What multiplies alpha at each place ``[h, w]``."""
        return self._at(-1, self.alpha, size)

    def _at(self, index: int, source: Tensor | None, size: Size) -> Tensor:
        if source is None:
            raise RuntimeError("there is no mask")
        if (index, size) not in self._sized:
            self._sized[index, size] = smooth(source, size)[0, 0].contiguous()
        return self._sized[index, size]


class Regions:
    """The masks of a run, read once."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._read: dict[str, Tensor] = {}
        self._mixes: dict[tuple[object, Size], Mix] = {}

    def of(self, look: StyleLook, size: Size) -> Mix:
        """Masks and shares of a look at a picture size."""
        key = (look.styles, size)
        if key not in self._mixes:
            if len(self._mixes) > 4:
                self._mixes.clear()
            self._mixes[key] = self._make(look.styles, size)
        return self._mixes[key]

    def _make(self, styles: tuple[StyleSource, ...], size: Size) -> Mix:
        masks = [self._mask(s, size) if s.mask else None for s in styles]
        one = torch.ones(1, 1, *size, device=self._ctx.device)
        weighted = [one * s.weight if m is None else m * s.weight for m, s in zip(masks, styles, strict=True)]
        cover = torch.zeros_like(one)
        for m in masks:
            cover = (cover + (one if m is None else m)).clamp_(max=1.0)
        # Shares are such that one style everywhere, two side by side, and one on half of the picture all paint their
        # places equally hard.
        total = sum((float(w.mean()) for w in weighted), 0.0)
        area = float(cover.mean())
        amount = [float(w.mean()) * area / total if total > 0 else 0.0 for w in weighted]
        alpha = None
        if any(s.alpha != 1.0 for s in styles):
            own = sum((w * s.alpha for w, s in zip(weighted, styles, strict=True)), torch.zeros_like(one))
            alpha = 1.0 + cover * (own / sum(weighted, torch.zeros_like(one)).clamp_min(1e-6) - 1.0)
        return Mix(masks, amount, alpha)

    def _mask(self, source: StyleSource, size: Size) -> Tensor:
        if source.mask not in self._read:
            self._read[source.mask] = read_mask(self._ctx, source.mask).to(self._ctx.device)
        mask = smooth(self._read[source.mask], size).clamp_(0.0, 1.0)
        sigma = source.feather * max(size) / FEATHER_AT / 2.0
        return _blurred(mask, sigma) if sigma > 0.3 else mask


def _blurred(mask: Tensor, sigma: float) -> Tensor:
    radius = min(int(3.0 * sigma + 0.5), min(mask.shape[2:]) - 1)
    if radius < 1:
        return mask
    t = torch.arange(-radius, radius + 1, device=mask.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    kernel = kernel / kernel.sum()
    mask = F.conv2d(F.pad(mask, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return F.conv2d(F.pad(mask, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))

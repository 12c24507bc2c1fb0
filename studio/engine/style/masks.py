"""Which style goes where, and how strongly content counts there."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.engine.context import Context
from studio.engine.masks import feathered, read_mask
from studio.engine.pictures import Size, smooth
from studio.project.style import StyleLook, StyleSource


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
        return feathered(self._read[source.mask], size, source.feather)

"""How much of an outcome is used, and where: strength, and the picture's own colours under the outcome's light.

Colours are kept by the blend mode "color" of PDF and of the W3C (Compositing and Blending Level 1, "Non-separable
blend modes"): the picture's colour, moved to the outcome's luma and, where that leaves the gamut, drawn towards the
grey of this luma.  Hue stays the picture's, since nothing is clipped channel by channel; and as both ends have one
luma, every mixture in between has it too.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.context import Context
from studio.engine.masks import feathered, read_mask
from studio.engine.pictures import Size, fitted
from studio.engine.translate.canvas import LUMA, Canvas
from studio.project.translate import Amount, TranslateLook

MASK_SIDE = 2048
"""Masks of larger pictures are kept at this size and interpolated row by row."""


class Strengths:
    """An :class:`Amount` over a picture of ``size``."""

    def __init__(self, ctx: Context, amount: Amount, size: Size) -> None:
        self._size = size
        self._inside, self._outside = _unit(amount.value), _unit(amount.outside)
        self._mask: Tensor | None = None
        if amount.mask and self._inside != self._outside:
            small = size if max(size) <= MASK_SIDE else fitted(size, MASK_SIDE)
            key = ("amount", amount.mask, small, amount.feather)
            self._mask = ctx.cache.make(key, lambda: feathered(read_mask(ctx, amount.mask), small, amount.feather))

    @property
    def everywhere(self) -> float | None:
        """The amount when it is the same at every place."""
        return self._inside if self._mask is None else None

    def rows(self, top: int, bottom: int) -> Tensor:
        """The amount at some rows, ``[1, 1, rows, W]`` (or ``[1, 1, 1, 1]`` when it is the same everywhere)."""
        if self._mask is None:
            return torch.full((1, 1, 1, 1), self._inside)
        mask = _rows(self._mask, self._size, top, bottom)
        return self._outside + (self._inside - self._outside) * mask


def _unit(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def _rows(mask: Tensor, size: Size, top: int, bottom: int) -> Tensor:
    """Rows of a mask that is interpolated (bilinear, pixel centres) to ``size``."""
    if tuple(mask.shape[2:]) == size:
        return mask[:, :, top:bottom]
    low, high, along = _between(torch.arange(top, bottom), size[0], mask.shape[2])
    rows = torch.lerp(mask[:, :, low], mask[:, :, high], along[:, None])
    low, high, along = _between(torch.arange(size[1]), size[1], mask.shape[3])
    return torch.lerp(rows[..., low], rows[..., high], along)


def _between(at: Tensor, length: int, places: int) -> tuple[Tensor, Tensor, Tensor]:
    position = ((at + 0.5) * (places / length) - 0.5).clamp(0, places - 1)
    low = position.floor().long()
    return low, (low + 1).clamp(max=places - 1), (position - low).float()


class Look:
    """What a :class:`TranslateLook` asks to be done with an outcome."""

    def __init__(self, ctx: Context, look: TranslateLook, size: Size) -> None:
        self.strength = Strengths(ctx, look.strength, size)
        self.colours = Strengths(ctx, look.keep_colours, size)

    @property
    def plain(self) -> bool:
        """The outcome is used as it is."""
        return self.strength.everywhere == 1.0 and self.colours.everywhere == 0.0

    def apply(self, outcome: Tensor, canvas: Canvas, top: int, bottom: int) -> Tensor:
        """Rows ``top:bottom`` of the outcome, ``[1, 3, rows, W]`` in [0, 1], with the picture's."""
        if self.plain:
            return outcome
        own = canvas.part(top, bottom)[0].to(outcome.device)
        if self.colours.everywhere != 0.0:
            amount = self.colours.rows(top, bottom).to(outcome.device)
            outcome = mixed(outcome, with_light_of(own, outcome), amount)
        if self.strength.everywhere != 1.0:
            outcome = mixed(own, outcome, self.strength.rows(top, bottom).to(outcome.device))
        return outcome


def mixed(a: Tensor, b: Tensor, amount: Tensor) -> Tensor:
    """From ``a`` (amount 0) to ``b`` (1), exact at both ends."""
    return torch.where(amount >= 1.0, b, a + (b - a) * amount)


def luma(x: Tensor) -> Tensor:
    """``[N, 3, H, W]`` to ``[N, 1, H, W]``."""
    return (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def with_light_of(colours: Tensor, light: Tensor) -> Tensor:
    """The hue and as much of the chroma of ``colours`` as fits at the luma of ``light``, both ``[N, 3, H, W]``."""
    target = luma(light).clamp(0.0, 1.0)
    chroma = colours - luma(colours)
    # How far each channel may go from the grey before it leaves [0, 1]; the nearest wall counts for all three.
    room = torch.where(chroma > 0, 1.0 - target, target) / chroma.abs().clamp_min(1e-6)
    scale = room.amin(dim=1, keepdim=True).clamp(max=1.0)
    return target + chroma * scale

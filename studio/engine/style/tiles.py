"""Exact tiles: which part of a picture each one owns, and how much more it must see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.pictures import Size


@dataclass(frozen=True, slots=True)
class Tile:
    """It owns rows ``top:bottom`` and columns ``left:right`` and sees ``see_top:see_bottom`` and so on, in px."""

    top: int
    bottom: int
    left: int
    right: int
    see_top: int
    see_bottom: int
    see_left: int
    see_right: int

    def cut(self, x: Tensor) -> Tensor:
        """What it sees of a picture ``[1, C, H, W]``."""
        return x[:, :, self.see_top : self.see_bottom, self.see_left : self.see_right]

    def owned(self, f: Tensor, stride: int) -> tuple[slice, slice]:
        """Rows and columns of its activations ``f`` (of what it sees) that are its own."""
        top, left = (self.top - self.see_top) // stride, (self.left - self.see_left) // stride
        bottom = f.shape[2] if self.bottom == self.see_bottom else top + (self.bottom - self.top) // stride
        right = f.shape[3] if self.right == self.see_right else left + (self.right - self.left) // stride
        return slice(top, bottom), slice(left, right)


def tiles(size: Size, side: int, reach: int, align: int) -> tuple[Tile, ...]:
    """Tiles that own about ``side`` px (0: one tile) and see ``reach`` px around; edges are multiples of ``align``.

    ``align`` is the stride of the deepest layer: then a tile's places are the whole picture's places.  At the
    picture's border a tile ends where the picture ends, so the network pads it as it pads the whole.
    """
    h, w = size
    if side <= 0:
        return (Tile(0, h, 0, w, 0, h, 0, w),)
    step = max(align, side // align * align)
    halo = -(-reach // align) * align
    rows, columns = _cuts(h, step, align), _cuts(w, step, align)
    return tuple(
        Tile(
            top,
            bottom,
            left,
            right,
            max(0, top - halo),
            min(h, bottom + halo),
            max(0, left - halo),
            min(w, right + halo),
        )
        for top, bottom in rows
        for left, right in columns
    )


def _cuts(length: int, step: int, align: int) -> list[tuple[int, int]]:
    """Even pieces of at most ``step``; a rest too small to stand alone goes to the last."""
    count = max(1, -(-length // step))
    each = -(-length // count // align) * align
    each = max(align, each)
    edges = list(range(0, length, each))
    if len(edges) > 1 and length - edges[-1] < 2 * align:
        edges.pop()
    return [(a, b) for a, b in zip(edges, [*edges[1:], length], strict=True)]


def places(f: Tensor) -> Tensor:
    """Activations ``[1, C, h, w]`` as places ``[h * w, C]`` (no copy when channels are last)."""
    return f.permute(0, 2, 3, 1).reshape(-1, f.shape[1])


def planes(rows: Tensor, like: Tensor) -> Tensor:
    """The other way, with the size of ``like``."""
    return rows.reshape(like.shape[0], like.shape[2], like.shape[3], like.shape[1]).permute(0, 3, 1, 2)


def empty_like(f: Tensor) -> Tensor:
    """Zeros in the shape and order of ``f``."""
    return torch.zeros_like(f)

"""Large pictures through a spatial autoencoder in tiles, so that 4096 px fit where 512 px do.

A *cell* is one place of the latent: ``factor`` pixels on a side.  A tile is worked on with ``margin`` cells more on
every side, which are thrown away: where the network sees no farther than the margin, the tiled result *is* the whole
one.  Where it sees everything (attention, group norms) neighbouring tiles differ a little, and ``blend`` cells to both
sides of a seam are mixed linearly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from studio.base.steps import Progress, Steps, run


@dataclass(frozen=True, slots=True)
class Tiling:
    """Cells on the side of a tile, cells thrown away around it, cells mixed at a seam (to each side)."""

    tile: int
    margin: int
    blend: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    """One tile along one axis, in cells: what is read, and the part of it that counts."""

    start: int
    end: int
    left: int
    right: int
    ramp_left: int
    ramp_right: int


def tiled(fn: Callable[[Tensor], Tensor], x: Tensor, n_in: int, n_out: int, how: Tiling) -> Tensor:
    """:func:`in_tiles` at once."""
    return run(in_tiles(fn, x, n_in, n_out, how))


def in_tiles(fn: Callable[[Tensor], Tensor], x: Tensor, n_in: int, n_out: int, how: Tiling) -> Steps[Tensor]:
    """``fn(x)`` in tiles, one picture at a time, with a step after each tile.

    ``x`` is ``[N, C, rows * n_in, columns * n_in]`` and ``fn`` gives ``[1, K, rows * n_out, columns * n_out]`` for each
    picture: ``n_in`` and ``n_out`` are the numbers on the side of a cell before and after.  Whoever calls it decides on
    gradients, and for each step anew: ``fn`` is called between them.
    """
    rows, columns = x.shape[2] // n_in, x.shape[3] // n_in
    if max(rows, columns) <= how.tile:
        return torch.cat([fn(picture) for picture in x.split(1)]) if x.shape[0] > 1 else fn(x)
    done: list[Tensor] = []
    total, count = x.shape[0] * len(list(_spans(rows, how))) * len(list(_spans(columns, how))), 0
    for picture in x.split(1):
        out: Tensor | None = None
        for down in _spans(rows, how):
            for across in _spans(columns, how):
                piece = fn(
                    picture[
                        :, :, down.start * n_in : down.end * n_in, across.start * n_in : across.end * n_in
                    ].contiguous()
                )
                count += 1
                if out is None:
                    # Shares of a seam add up to one in float32 only.
                    kind = torch.float32 if how.blend else piece.dtype
                    out = piece.new_zeros(1, piece.shape[1], rows * n_out, columns * n_out, dtype=kind)
                top, bottom = (down.left - down.start) * n_out, (down.right - down.start) * n_out
                left, right = (across.left - across.start) * n_out, (across.right - across.start) * n_out
                piece = piece[:, :, top:bottom, left:right]
                place = out[:, :, down.left * n_out : down.right * n_out, across.left * n_out : across.right * n_out]
                if how.blend:
                    weights = _ramp(down, n_out, out)[:, None] * _ramp(across, n_out, out)[None, :]
                    place += piece * weights
                else:
                    place.copy_(piece)
                yield Progress(count, total, "Working in tiles")
        assert out is not None
        done.append(out)
    return torch.cat(done) if len(done) > 1 else done[0]


def _spans(count: int, how: Tiling) -> Iterator[_Span]:
    """Tiles of nearly equal size along an axis of ``count`` cells."""
    pieces = -(-count // how.tile)
    edges = [round(i * count / pieces) for i in range(pieces + 1)]
    for i in range(pieces):
        first, last = i == 0, i == pieces - 1
        # A seam is mixed over no more than half a tile, so that never three tiles meet in it.
        blend = min(how.blend, min(b - a for a, b in pairwise(edges)) // 2)
        left = edges[i] - (0 if first else blend)
        right = edges[i + 1] + (0 if last else blend)
        yield _Span(
            max(0, left - how.margin),
            min(count, right + how.margin),
            left,
            right,
            0 if first else 2 * blend,
            0 if last else 2 * blend,
        )


def _ramp(span: _Span, n_out: int, like: Tensor) -> Tensor:
    """Weights along a tile that add up to one with its neighbours'."""
    weights = torch.ones((span.right - span.left) * n_out, dtype=like.dtype, device=like.device)
    for cells, at_end in ((span.ramp_left, False), (span.ramp_right, True)):
        n = cells * n_out
        if n:
            rise = (torch.arange(n, dtype=like.dtype, device=like.device) + 0.5) / n
            if at_end:
                weights[-n:] = rise.flip(0)
            else:
                weights[:n] = rise
    return weights

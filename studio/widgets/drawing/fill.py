"""Filling: the region around a place, closed where the lines have small gaps.

Regions are found by runs: the stretches of every row that may be filled, joined to those they touch in the next
row by label propagation over whole arrays, so that a sheet of 1024 px takes milliseconds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from studio.widgets.drawing.sheet import Pixels

Bits = npt.NDArray[np.bool_]


def _near(pixels: Pixels, x: int, y: int, tolerance: int) -> Bits:
    """Where no channel is further than ``tolerance`` from the pixel at (x, y)."""
    flat = pixels.reshape(pixels.shape[0], -1)
    seed = np.tile(pixels[y, x], pixels.shape[1])
    far = np.maximum(flat, seed) - np.minimum(flat, seed)
    near: Bits = (far > tolerance).view(np.uint32) == 0
    return near


def _far(pixels: npt.NDArray[np.uint8], seed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """The largest difference of a channel from ``seed``, 0 to 255, for ``[N, 4]``."""
    far: npt.NDArray[np.int32] = np.abs(pixels.astype(np.int32) - seed).max(axis=1)
    return far


def _stretches(bits: Bits) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the runs of all rows begin and end, counted row after row with one column of nothing after each."""
    height, width = bits.shape
    flat = np.zeros(height * (width + 1) + 1, np.bool_)
    flat[1:].reshape(height, width + 1)[:, :width] = bits
    steps = np.flatnonzero(flat[1:] != flat[:-1])  # in and out in turn
    return steps[::2], steps[1::2]


class _Runs:
    """The connected regions (by edges, not by corners) of a bitmap."""

    def __init__(self, bits: Bits) -> None:
        self._shape = (bits.shape[0], bits.shape[1] + 1)
        self.starts, self.ends = _stretches(bits)
        self.labels = self._joined()

    def _joined(self) -> npt.NDArray[np.int64]:
        count, row = len(self.starts), self._shape[1]
        first = np.searchsorted(self.ends, self.starts + row, "right")
        many = np.maximum(np.searchsorted(self.starts, self.ends + row, "left") - first, 0)
        above = np.repeat(np.arange(count), many)
        below = np.arange(len(above)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
        labels = np.arange(count)
        while len(above):  # hook the larger root on the smaller one, then shorten all paths to one step
            a, b = labels[above], labels[below]
            apart = a != b
            if not apart.any():
                break
            above, below, a, b = above[apart], below[apart], a[apart], b[apart]
            np.minimum.at(labels, np.maximum(a, b), np.minimum(a, b))
            while not np.array_equal(shorter := labels[labels], labels):
                labels = shorter
        return labels

    def label_at(self, x: int, y: int) -> int:
        """The region of a pixel, -1 where there is none."""
        at = y * self._shape[1] + x
        run = int(np.searchsorted(self.starts, at, "right")) - 1
        return int(self.labels[run]) if run >= 0 and at < self.ends[run] else -1

    def bits(self, chosen: npt.NDArray[np.bool_]) -> Bits:
        """The bitmap of the chosen runs."""
        starts, ends = self.starts[chosen], self.ends[chosen]
        size = self._shape[0] * self._shape[1]
        steps = np.empty(2 * len(starts) + 2, np.int64)
        steps[0], steps[-1], steps[1:-1:2], steps[2:-1:2] = 0, size, starts, ends
        stretches = np.diff(steps)
        flat = np.repeat(np.arange(len(stretches)) % 2 == 1, stretches)
        return flat.reshape(self._shape)[:, :-1]

    def holding(self, marks: Bits) -> npt.NDArray[np.bool_]:
        """For every run, whether its region holds a pixel of ``marks`` (which lie inside of the bitmap)."""
        hit = np.zeros(len(self.starts), np.bool_)
        marked = _stretches(marks)[0]
        hit[self.labels[np.searchsorted(self.starts, marked, "right") - 1]] = True
        return hit[self.labels]


def _shrunk(bits: Bits, radius: int) -> Bits:
    """Pixels whose whole square of ``radius`` is set; beyond the border everything is."""
    return ~_grown(~bits, radius)


def _grown(bits: Bits, radius: int) -> Bits:
    made = bits
    for axis in (0, 1):
        wide = made.copy()
        for step in range(1, min(radius, made.shape[axis] - 1) + 1):
            head, tail = [slice(None)] * 2, [slice(None)] * 2
            head[axis], tail[axis] = slice(step, None), slice(None, -step)
            wide[tuple(tail)] |= made[tuple(head)]
            wide[tuple(head)] |= made[tuple(tail)]
        made = wide
    return made


def region(pixels: Pixels, x: int, y: int, *, tolerance: int = 48, gap: int = 0) -> Bits:
    """The pixels that a fill at (x, y) reaches: ``[H, W]``.

    ``tolerance``: how far a channel may be from the pixel there, 0 to 255.  ``gap``: openings in the lines up to this
    many pixels are taken as closed; where the place itself is narrower than that, as far as it can be.
    """
    free = _near(pixels, x, y, tolerance)
    runs = _Runs(free)
    plain = runs.bits(runs.labels == runs.label_at(x, y))
    radius = (gap + 1) // 2
    while radius > 0:
        core = _shrunk(plain, radius)
        if core[y, x]:
            return _closed(plain, core, radius, x, y)
        radius //= 2
    return plain


def _closed(plain: Bits, core: Bits, radius: int, x: int, y: int) -> Bits:
    cores = _Runs(core)
    here = cores.bits(cores.labels == cores.label_at(x, y))
    made = _grown(here, radius) & plain
    rest = plain & ~made
    if not rest.any():
        return made
    # What remains is either another room behind a gap (it has a core of its own), or a corner of this one.
    left = _Runs(rest)
    made |= left.bits(~left.holding(rest & core))
    return made


def fill(pixels: Pixels, x: int, y: int, colour: Pixels, *, tolerance: int, gap: int, pure: bool) -> Bits | None:
    """Fill in place around (x, y) with ``colour`` (one pixel); what was filled, None when that was its colour already.

    The smooth edges of lines keep their part of the line: only their part of the old colour is exchanged.
    """
    seed = pixels[y, x].copy()
    if np.array_equal(seed, colour):
        return None
    inside = region(pixels, x, y, tolerance=tolerance, gap=gap)
    words, flat = pixels.view(np.uint32)[..., 0], pixels.reshape(-1, 4)
    edge = np.empty(0, np.int64) if pure else np.flatnonzero(_grown(inside, 1) & ~inside)
    if edge.size:
        height, width = inside.shape
        ey, ex = np.divmod(edge, width)
        line = np.ones(edge.size, np.int32)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                near = np.clip(ey + dy, 0, height - 1) * width + np.clip(ex + dx, 0, width - 1)
                np.maximum(line, _far(flat[near], seed), out=line)
        part = 1 - _far(flat[edge], seed) / line
        moved = flat[edge] + part[:, None] * (colour.astype(np.float64) - seed)
        flat[edge] = np.clip(moved + 0.5, 0, 255).astype(np.uint8)
    np.copyto(words, colour.view(np.uint32)[0], where=inside)
    return inside

"""Filling: the region around a place, closed where the lines have small gaps.

Regions are found by runs: the stretches of every row that may be filled, joined to those they touch in the next
row by label propagation over whole arrays, so that a sheet of 1024 px takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from studio.widgets.drawing.sheet import Pixels

Bits = npt.NDArray[np.bool_]

_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_SOFTEST, _STEEP = 48, 2
"""A soft edge is at most so many pixels wide, and rises by so much with each: the sky of a photograph does not."""


def _near(pixels: Pixels, x: int, y: int, tolerance: int) -> Bits:
    """Where no channel is further than ``tolerance`` from the pixel at (x, y)."""
    flat = pixels.reshape(pixels.shape[0], -1)
    seed = np.tile(pixels[y, x], pixels.shape[1])
    far = np.maximum(flat, seed) - np.minimum(flat, seed)
    near: Bits = (far > tolerance).view(np.uint32) == 0
    return near


def _far(pixels: Pixels, seed: Pixels) -> npt.NDArray[np.uint8]:
    """The largest difference of a channel from the pixel ``seed``, 0 to 255: ``[H, W]``."""
    flat = pixels.reshape(pixels.shape[0], -1)
    row = np.tile(seed, pixels.shape[1])
    each = np.maximum(flat, row) - np.minimum(flat, row)
    far: npt.NDArray[np.uint8] = np.maximum(np.maximum(each[:, 0::4], each[:, 1::4]), each[:, 2::4])
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


def _slopes(inside: Bits, far: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
    """The soft edges around a region, ring by ring, as flat indices: where pixels get further from its colour."""
    width, height = inside.shape[1], inside.shape[0]
    taken, levels = inside.reshape(-1).copy(), far.reshape(-1).astype(np.int16)
    front = np.flatnonzero(_grown(inside, 1) & ~inside)
    taken[front] = True
    rings = [front]
    while front.size and len(rings) <= _SOFTEST:
        further = []
        for beside in _beside(front, height, width, _AROUND[::2]):
            further.append(beside[~taken[beside] & (levels[beside] >= levels[front] + _STEEP)])
        front = np.unique(np.concatenate(further))
        taken[front] = True
        rings.append(front)
    return rings


def _beside(
    at: npt.NDArray[np.int64], height: int, width: int, ways: tuple[tuple[int, int], ...]
) -> Iterator[npt.NDArray[np.int64]]:
    y, x = np.divmod(at, width)
    for dy, dx in ways:
        yield np.clip(y + dy, 0, height - 1) * width + np.clip(x + dx, 0, width - 1)


def _unmix(
    pixels: Pixels, rings: list[npt.NDArray[np.int64]], far: npt.NDArray[np.uint8], seed: Pixels, ink: Pixels
) -> None:
    """Exchange the part of the old colour in pixels that are mixed of it and of a line.

    How far the line's own colour is from the old one is known where the slope ends; inner rings learn it from outer.
    """
    levels, flat = far.reshape(-1), pixels.reshape(-1, 4)
    line = np.zeros_like(levels)
    for ring in reversed(rings):
        most, here = np.maximum(levels[ring], 1), levels[ring].astype(np.int16)
        for beside in _beside(ring, far.shape[0], far.shape[1], _AROUND):
            np.maximum(most, levels[beside], out=most)
            rises = levels[beside] >= here + _STEEP
            np.maximum(most, np.where(rises, line[beside], 0), out=most)
        line[ring] = most
    edge = np.concatenate(rings)
    part = 1 - levels[edge] / line[edge].astype(np.float64)
    moved = flat[edge] + part[:, None] * (ink.astype(np.float64) - seed)
    flat[edge] = np.clip(moved + 0.5, 0, 255).astype(np.uint8)


def fill(pixels: Pixels, x: int, y: int, colour: Pixels, *, tolerance: int, gap: int, pure: bool) -> Bits | None:
    """Fill in place around (x, y) with ``colour`` (one pixel); what was filled, None when that was its colour already.

    The smooth edges of lines keep their part of the line: only their part of the old colour is exchanged.
    """
    seed = pixels[y, x].copy()
    if np.array_equal(seed, colour):
        return None
    inside = region(pixels, x, y, tolerance=tolerance, gap=gap)
    if not pure:
        far = _far(pixels, seed)
        _unmix(pixels, _slopes(inside, far), far, seed, colour)
    np.copyto(pixels.view(np.uint32)[..., 0], colour.view(np.uint32)[0], where=inside)
    return inside

"""Strokes: from the places of a hand to how much colour lies on every pixel.

A stroke is a mask of its own, and every piece of it is laid in with the larger of two values.  So a stroke that
crosses itself does not get darker there, and the smooth edges of a hundred short pieces are those of one line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect

from studio.widgets.drawing.history import rows
from studio.widgets.drawing.sheet import Pixels

Touch = npt.NDArray[np.float64]
"""x, y, radius (sheet pixels) and strength (0 to 1)."""

_BEND = 0.2
"""How far in pixels a piece may be from the curve it stands for."""


def touch(x: float, y: float, radius: float, strength: float = 1.0) -> Touch:
    """One place of the hand."""
    return np.array((x, y, radius, strength))


class Smoother:
    """Quadratic curves through the middles between places: passes near every one of them, has no corners."""

    def __init__(self) -> None:
        self._at: Touch | None = None
        self._last: Touch | None = None

    def begin(self, place: Touch) -> list[Touch]:
        """The first place: a dot."""
        self._at = self._last = place
        return [place, place]

    def move(self, place: Touch) -> list[Touch]:
        """Another place; the pieces of curve that are certain now, from where the last ones ended."""
        assert self._at is not None and self._last is not None
        middle = (self._last + place) / 2
        start, control, self._at, self._last = self._at, self._last, middle, place
        bend = float(np.hypot(*(start - 2 * control + middle)[:2]))
        count = min(32, max(1, math.ceil(math.sqrt(bend / (4 * _BEND)))))
        t = np.linspace(0, 1, count + 1)[:, None]
        return list((1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * middle)

    def finish(self) -> list[Touch]:
        """The last piece, to where the hand left."""
        assert self._at is not None and self._last is not None
        return [self._at, self._last]

    def tail(self) -> tuple[Touch, Touch] | None:
        """From where the ink ends to where the hand is."""
        return None if self._at is None or self._last is None else (self._at, self._last)


class StrokeMask:
    """How much of a stroke's colour lies on every pixel, 0 to 255.  ``soft``: fades from the middle outwards."""

    def __init__(self, height: int, width: int, *, soft: bool) -> None:
        self.values = np.zeros((height, width), np.uint8)
        self._soft = soft

    def lay(self, places: list[Touch], mirror: float | None = None) -> QRect:
        """Lay a chain of pieces in (and its reflection at x = ``mirror``); the rectangle that changed."""
        changed = QRect()
        for a, b in pairwise(places):
            for one, other in _reflected(a, b, mirror):
                changed = changed.united(self._piece(one, other))
        return changed

    def _piece(self, a: Touch, b: Touch) -> QRect:
        height, width = self.values.shape
        reach = max(a[2], b[2]) + 1.0
        left, right = max(0, math.floor(min(a[0], b[0]) - reach)), min(width, math.ceil(max(a[0], b[0]) + reach))
        top, bottom = max(0, math.floor(min(a[1], b[1]) - reach)), min(height, math.ceil(max(a[1], b[1]) + reach))
        if left >= right or top >= bottom:
            return QRect()
        x = np.arange(left, right, dtype=np.float32)[None] + np.float32(0.5 - a[0])
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - a[1])
        dx, dy = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
        length = dx * dx + dy * dy
        if length > 1e-6:
            t = np.clip((x * dx + y * dy) / length, 0, 1)
            away = np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2)
            radius, strength = a[2] + t * np.float32(b[2] - a[2]), a[3] + t * np.float32(b[3] - a[3])
        else:
            away = np.sqrt(x * x + y * y)
            radius, strength = np.float32(max(a[2], b[2])), np.float32(max(a[3], b[3]))
        if self._soft:
            cover = np.clip(1 - (away / np.maximum(radius, 0.5)) ** 2, 0, 1) ** 2
        else:
            cover = np.clip(radius - away + np.float32(0.5), 0, 1)
        here = self.values[top:bottom, left:right]
        np.maximum(here, (cover * (strength * np.float32(255)) + np.float32(0.5)).astype(np.uint8), out=here)
        return QRect(left, top, right - left, bottom - top)


def _reflected(a: Touch, b: Touch, mirror: float | None) -> Iterator[tuple[Touch, Touch]]:
    yield a, b
    if mirror is not None:
        turn, shift = np.array((-1.0, 1.0, 1.0, 1.0)), np.array((2 * mirror, 0.0, 0.0, 0.0))
        yield a * turn + shift, b * turn + shift


def blend(
    target: Pixels, before: Pixels, mask: StrokeMask, colour: Pixels, within: QRect, *, opacity: float, pure: bool
) -> None:
    """Write ``before`` with the stroke over it into ``target``.  ``colour`` is one pixel, or a sheet of them.

    With ``pure`` every pixel is one or the other and nothing between.
    """
    place = rows(within)
    cover, under = mask.values[place][..., None], before[place]
    ink = colour[place] if colour.ndim == 3 else colour
    if pure:
        target[place] = np.where(cover >= 128, ink, under)
        return
    part = cover.astype(np.uint16)
    if opacity < 1:
        part = (part * round(opacity * 255) + 127) // 255
    # (a m + b (255 - m)) / 255, rounded: exact in 16 bits
    mixed = ink * part + under * (255 - part) + np.uint16(128)
    target[place] = ((mixed + (mixed >> 8)) >> 8).astype(np.uint8)

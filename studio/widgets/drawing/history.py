"""Undo for a sheet: what every stroke changed, exactly, in little memory."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect

from studio.widgets.drawing.sheet import Pixels

_STEPS = 400


@dataclass(frozen=True)
class Patch:
    """Before XOR after inside of ``rect``, compressed: the same data leads back and forth."""

    rect: QRect
    data: bytes

    def apply(self, pixels: Pixels) -> None:
        """Undo it where it is done, do it where it is undone."""
        part = pixels[rows(self.rect)]
        part ^= np.frombuffer(zlib.decompress(self.data), np.uint8).reshape(part.shape)


def rows(rect: QRect) -> tuple[slice, slice]:
    """The numpy index of a rectangle."""
    return slice(rect.top(), rect.top() + rect.height()), slice(rect.left(), rect.left() + rect.width())


def difference(before: Pixels, after: Pixels, within: QRect) -> Patch | None:
    """What differs inside of ``within``; None when nothing does."""
    mixed = before[rows(within)] ^ after[rows(within)]
    words: npt.NDArray[np.uint32] = np.ascontiguousarray(mixed).view(np.uint32)[..., 0]
    down, across = np.flatnonzero(words.any(axis=1)), np.flatnonzero(words.any(axis=0))
    if not down.size:
        return None
    top, left = int(down[0]), int(across[0])
    high, wide = int(down[-1]) - top + 1, int(across[-1]) - left + 1
    data = zlib.compress(np.ascontiguousarray(mixed[top : top + high, left : left + wide]).tobytes(), 1)
    return Patch(QRect(within.left() + left, within.top() + top, wide, high), data)


class History:
    """Steps back and forth, never more than ``limit`` bytes of them (the oldest are forgotten)."""

    def __init__(self, limit: int = 64 << 20) -> None:
        self.limit = limit
        self._done: deque[Patch] = deque()
        self._undone: list[Patch] = []
        self._bytes = 0

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self._bytes = 0

    def push(self, patch: Patch) -> None:
        """A step was done; what was undone before cannot be done again."""
        self._bytes -= sum(len(p.data) for p in self._undone)
        self._undone.clear()
        self._done.append(patch)
        self._bytes += len(patch.data)
        while self._done and (self._bytes > self.limit or len(self._done) > _STEPS):
            self._bytes -= len(self._done.popleft().data)

    def undo(self, pixels: Pixels) -> QRect | None:
        """One step back; the changed rectangle, None when there is nothing to undo."""
        if not self._done:
            return None
        patch = self._done.pop()
        patch.apply(pixels)
        self._undone.append(patch)
        return patch.rect

    def redo(self, pixels: Pixels) -> QRect | None:
        """One step forth; the changed rectangle, None when there is nothing to redo."""
        if not self._undone:
            return None
        patch = self._undone.pop()
        patch.apply(pixels)
        self._done.append(patch)
        return patch.rect

    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return bool(self._done)

    def can_redo(self) -> bool:
        """Whether there is a step forth."""
        return bool(self._undone)

    def used(self) -> int:
        """Bytes held."""
        return self._bytes

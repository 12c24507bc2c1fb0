"""The sheet that is drawn on: finer than the picture it gives, and always up to date for little work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from studio.base.steps import UInt8Image
from studio.widgets.pictures import from_qimage, to_qimage

Pixels = npt.NDArray[np.uint8]
"""``[H, W, 4]`` uint8 in the order of QImage's RGB32: blue, green, red, 255."""

FINEST = 1024
"""The longer side of a sheet that is finer than its picture, at most."""
_FINER = 4


def detail_for(width: int, height: int) -> int:
    """How many sheet pixels lie along one picture pixel: 4 up to 256 px, 2 up to 512, else 1."""
    return max(1, min(_FINER, FINEST // max(width, height)))


def bgrx(colour: str | QColor) -> Pixels:
    """A colour as one pixel of a sheet."""
    made = QColor(colour)
    return np.array((made.blue(), made.green(), made.red(), 255), np.uint8)


def to_bgrx(pixels: UInt8Image) -> Pixels:
    """``[H, W, 3]`` RGB as pixels of a sheet."""
    return _of_image(to_qimage(pixels))


def to_rgb(pixels: Pixels) -> UInt8Image:
    """Pixels of a sheet as ``[H, W, 3]`` RGB (by way of Qt, several times as fast as turning the channels round)."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels)
    return from_qimage(QImage(data.data, width, height, 4 * width, QImage.Format.Format_RGB32))


def _of_image(image: QImage) -> Pixels:
    """A copy of the pixels of an RGB32 image."""
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).copy()


class _Reduced:
    """The sheet averaged over blocks of ``factor`` x ``factor``; only what was touched is computed again."""

    def __init__(self, width: int, height: int, factor: int) -> None:
        self.factor = factor
        self.image = QImage(width // factor, height // factor, QImage.Format.Format_RGB32)
        self.stale = QRect(0, 0, width, height)

    def renew(self, pixels: Pixels, *, pure: bool) -> None:
        if self.stale.isEmpty():
            return
        k, wide, high = self.factor, self.image.width(), self.image.height()
        left, top = self.stale.left() // k, self.stale.top() // k
        right, bottom = min(wide, self.stale.right() // k + 1), min(high, self.stale.bottom() // k + 1)
        part = pixels[top * k : bottom * k, left * k : right * k]
        target = np.frombuffer(self.image.bits(), np.uint8).reshape(high, wide, 4)[top:bottom, left:right]
        if pure:  # the middle of every block: an average would be a colour that nobody chose
            target[...] = part[k // 2 :: k, k // 2 :: k]
        else:
            total = np.full(target.shape, k * k // 2, np.uint16)
            for i in range(k):
                for j in range(k):
                    total += part[i::k, j::k]
            target[...] = total // (k * k)
        self.stale = QRect()


class Sheet:
    """A drawing of ``width`` x ``height`` picture pixels, kept ``detail`` times as fine.

    ``pure`` keeps every pixel one of the ``palette``: nothing is averaged, blended or smoothed.
    """

    def __init__(self, width: int, height: int, paper: str = "#ffffff") -> None:
        if not (1 <= width <= 4096 and 1 <= height <= 4096):
            raise ValueError(f"a sheet of {width} x {height} px cannot be drawn on")
        self.width, self.height = width, height
        self.detail = detail_for(width, height)
        self.paper = paper
        self.palette: list[str] = []
        self.image = QImage(width * self.detail, height * self.detail, QImage.Format.Format_RGB32)
        self.image.fill(QColor(paper))
        sides = (self.image.width(), self.image.height())
        self._small = _Reduced(*sides, self.detail) if self.detail > 1 else None
        self._half = _Reduced(*sides, 2) if all(side % 2 == 0 for side in sides) else None

    @property
    def pure(self) -> bool:
        """Whether only the colours of the palette may stand here."""
        return bool(self.palette)

    def rect(self) -> QRect:
        """The whole sheet in its own pixels."""
        return self.image.rect()

    def pixels(self) -> Pixels:
        """A view for reading and writing, for now only; say :meth:`touch` after writing."""
        return np.frombuffer(self.image.bits(), np.uint8).reshape(self.image.height(), self.image.width(), 4)

    def touch(self, rect: QRect) -> None:
        """These pixels have changed."""
        for reduced in (self._small, self._half):
            if reduced is not None:
                reduced.stale = reduced.stale.united(rect)

    def picture(self) -> UInt8Image:
        """The drawing as ``[height, width, 3]`` uint8 RGB, smooth at the edges (not so with a palette); a copy."""
        if self._small is None:
            return self.full()
        self._small.renew(self.pixels(), pure=self.pure)
        return from_qimage(self._small.image)

    def full(self) -> UInt8Image:
        """The sheet itself, ``[height * detail, width * detail, 3]`` uint8 RGB: what is kept, for nothing is lost."""
        return from_qimage(self.image)

    def half(self) -> QImage | None:
        """The sheet at half its size, for showing it small (None where it has an odd side)."""
        if self._half is None:
            return None
        self._half.renew(self.pixels(), pure=False)
        return self._half.image

    def fitted(self, pixels: UInt8Image) -> Pixels:
        """Any picture as this sheet would hold it: laid on its paper, scaled to its size, in its palette."""
        image = to_qimage(pixels)
        if image.hasAlphaChannel():
            laid = QImage(image.size(), QImage.Format.Format_RGB32)
            laid.fill(QColor(self.paper))
            painter = QPainter(laid)
            painter.drawImage(0, 0, image)
            painter.end()
            image = laid
        if image.size() != self.image.size():
            how = Qt.TransformationMode.FastTransformation if self.pure else Qt.TransformationMode.SmoothTransformation
            image = image.scaled(self.image.size(), Qt.AspectRatioMode.IgnoreAspectRatio, how)
        made = _of_image(image.convertToFormat(QImage.Format.Format_RGB32))
        return nearest(made, self.palette) if self.pure else made


def nearest(pixels: Pixels, palette: Sequence[str]) -> Pixels:
    """Every pixel in the nearest colour of the palette (least squared difference)."""
    best = np.full(pixels.shape[:2], np.iinfo(np.int32).max, np.int32)
    made = np.empty_like(pixels)
    wide = pixels[..., :3].astype(np.int32)
    for colour in palette:
        value = bgrx(colour)
        far = ((wide - value[:3].astype(np.int32)) ** 2).sum(axis=2)
        closer = far < best
        best[closer] = far[closer]
        made[closer] = value
    return made

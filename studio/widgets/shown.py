"""A picture that is being shown: the right pixels for every zoom, computed once."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage, QPainter

from studio.base.steps import UInt8Image
from studio.widgets.pictures import checkerboard, enlarge, to_qimage

_LARGE = 8_000_000
_EXACT = 2_500_000
_SMALL = 192
_GROWN = 400


class ShownPicture:
    """Pixels with everything that drawing them at any scale needs.  Shrinks by area averaging, never by skipping."""

    def __init__(self, pixels: UInt8Image) -> None:
        self.pixels = pixels
        self.height, self.width = int(pixels.shape[0]), int(pixels.shape[1])
        self.alpha = pixels.ndim == 3 and pixels.shape[2] == 4
        # A picture that would take long to convert is thinned for the overview and cut out for close looks.
        self._thin = 1
        while self.width * self.height / self._thin**2 > _LARGE:
            self._thin *= 2
        self._levels: dict[int, QImage] = {0: to_qimage(pixels[:: self._thin, :: self._thin])}
        self._exact: tuple[QSize, QImage] | None = None
        self._enlarged: dict[int, QImage] = {}

    def colour_at(self, x: int, y: int) -> tuple[int, ...] | None:
        """The channel values at a pixel of this picture, None outside."""
        if 0 <= x < self.width and 0 <= y < self.height:
            value = self.pixels[y, x]
            return tuple(int(v) for v in np.atleast_1d(value))
        return None

    def draw(self, painter: QPainter, target: QRectF, view: QRectF, *, blocky: bool, ratio: float) -> None:
        """Draw into ``target`` (logical pixels), of which only ``view`` is seen.  ``blocky``: pixels as squares."""
        if self.alpha:
            painter.fillRect(target.intersected(view), checkerboard())
        scale = target.width() * ratio / self.width
        if scale < 1:
            image, smooth = self._shrunk(target, scale, ratio)
        elif blocky:
            image, smooth = self._levels[0], False
        else:
            image, smooth = self._grown(scale), True
        if self._thin > 1 and scale * self._thin > 1:
            self._draw_cut(painter, target, view, smooth=not blocky)
            return
        seen = target.intersected(view.adjusted(-2, -2, 2, 2))
        if seen.isEmpty():
            return
        fx, fy = image.width() / target.width(), image.height() / target.height()
        # Whole source pixels, or the smoothing at the border would depend on the pan.
        left, top = np.floor((seen.left() - target.left()) * fx), np.floor((seen.top() - target.top()) * fy)
        right, bottom = np.ceil((seen.right() - target.left()) * fx), np.ceil((seen.bottom() - target.top()) * fy)
        source = QRectF(left, top, right - left, bottom - top).intersected(QRectF(image.rect()))
        corner = target.topLeft() + QPointF(source.left() / fx, source.top() / fy)
        place = QRectF(corner, QSizeF(source.width() / fx, source.height() / fy))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(place, image, source)

    def _draw_cut(self, painter: QPainter, target: QRectF, view: QRectF, *, smooth: bool) -> None:
        scale = target.width() / self.width
        seen = target.intersected(view)
        if seen.isEmpty():
            return
        left, top = int((seen.left() - target.left()) / scale), int((seen.top() - target.top()) / scale)
        right = min(self.width, int((seen.right() - target.left()) / scale) + 2)
        bottom = min(self.height, int((seen.bottom() - target.top()) / scale) + 2)
        cut = to_qimage(self.pixels[top:bottom, left:right])
        place = QRectF(target.topLeft() + QPointF(left, top) * scale, QSizeF(right - left, bottom - top) * scale)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(place, cut, QRectF(cut.rect()))

    def _shrunk(self, target: QRectF, scale: float, ratio: float) -> tuple[QImage, bool]:
        if self.width * self.height <= _EXACT:
            size = QSize(max(1, round(target.width() * ratio)), max(1, round(target.height() * ratio)))
            if self._exact is None or self._exact[0] != size:
                made = self._levels[0].scaled(
                    size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
                self._exact = (size, made)
            return self._exact[1], True
        level = 0
        while scale * self._thin * 2 ** (level + 1) <= 1:
            level += 1
        for step in range(1, level + 1):
            if step not in self._levels:
                above = self._levels[step - 1]
                half = QSize(max(1, above.width() // 2), max(1, above.height() // 2))
                self._levels[step] = above.scaled(
                    half, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
        return self._levels[level], True

    def _grown(self, scale: float) -> QImage:
        # Bilinear enlargement of a tiny picture shows its grid; a bicubic step before it does not.
        if scale < 1.5 or max(self.width, self.height) > _SMALL or self._thin > 1:
            return self._levels[0]
        factor = min(4, int(np.ceil(scale)), _GROWN // max(self.width, self.height))
        if factor not in self._enlarged:
            self._enlarged[factor] = to_qimage(enlarge(self.pixels, factor))
        return self._enlarged[factor]

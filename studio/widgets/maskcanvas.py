"""A canvas on which masks are painted: brush and eraser, by mouse or by a tablet's pressure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QPointingDevice,
    QTabletEvent,
)
from PySide6.QtWidgets import QWidget

from studio.widgets.canvas import Canvas
from studio.widgets.tokens import Theme

Mask = npt.NDArray[np.uint8]
"""``[h, w]`` uint8: 255 here, 0 not here."""

MASK_SIDE = 512
"""The longer side of a painted mask in pixels."""
LEAST_BRUSH, MOST_BRUSH = 4.0, 256.0
_PLATE = 0.5
_HERE, _ELSEWHERE = 0.3, 0.55
"""The mask in hand shows by its colour, and by the dark around it: no single colour is seen on every picture."""
_LIGHT_TOUCH = 0.25
"""The part of its size that the brush has at no pressure at all."""


def mask_shape(width: float, height: float) -> tuple[int, int]:
    """Height and width of the mask of a picture of this size."""
    scale = MASK_SIDE / max(width, height, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


def tinted(mask: Mask, colour: str, opacity: float = _PLATE, outside: float = 0.0) -> QImage:
    """The mask as a translucent plate of one colour; what lies outside of it is darkened by ``outside``."""
    tint = QColor(colour)
    inside = np.arange(256) * opacity
    table = np.zeros((256, 4))
    for channel, value in enumerate((tint.blue(), tint.green(), tint.red())):
        table[:, channel] = value * inside / 255
    table[:, 3] = inside + np.arange(255, -1, -1) * outside
    colours = np.ascontiguousarray(table.round().astype(np.uint8)[mask])
    height, width = mask.shape
    return QImage(colours.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def feathered(mask: Mask, feather: float) -> Mask:
    """The mask softened by ``feather`` mask pixels, for showing (three box blurs; the engine has its own)."""
    radius = min(round(feather / 2), (min(mask.shape) - 1) // 2)
    if radius < 1:
        return mask
    values = mask.astype(np.float32)
    for axis in (0, 1):
        for _ in range(3):
            edges = [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)]
            total = np.cumsum(np.pad(values, edges, mode="edge"), axis=axis, dtype=np.float32)
            width = 2 * radius + 1
            high = [slice(width, None) if a == axis else slice(None) for a in (0, 1)]
            low = [slice(None, -width) if a == axis else slice(None) for a in (0, 1)]
            values = (total[tuple(high)] - total[tuple(low)]) / width
    made: Mask = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return made


class MaskCanvas(Canvas):
    """A canvas with masks over its picture.  While :meth:`set_painting` is on, a left drag paints.

    Space or the middle button pans as ever, ``[`` and ``]`` change the brush, X turns it into an eraser and back,
    Escape asks to stop painting.
    """

    stroked = Signal(object)
    """The whole mask ``[h, w]`` uint8 after a stroke."""
    brush_changed = Signal(float, bool)
    """Size in mask pixels, and whether it erases (by keys or by the pen's other end)."""
    painting_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._painting = False
        self._brush, self._erase = 48.0, False
        self._colour = Theme.ACCENT
        self._paper: QImage | None = None
        self._soft: QImage | None = None
        self._feather = 0.0
        self._others: list[QImage] = []
        self._stroke: QPointF | None = None
        self._stroke_erases = False
        self._pointer: QPointF | None = None
        self.setTabletTracking(True)

    # -- masks -------------------------------------------------------------------------------------------------

    def set_masks(self, others: Sequence[tuple[Mask, str]]) -> None:
        """Masks that are only shown, with their colours."""
        self._others = [tinted(mask, colour, 0.35) for mask, colour in others]
        self.update()

    def set_painted(self, mask: Mask | None, colour: str, feather: float = 0.0) -> None:
        """The mask that is painted on, softened by ``feather`` for showing (None: there is none)."""
        if self._stroke is not None:
            return  # the hand is right
        self._colour, self._feather = colour, feather
        if mask is None:
            self._paper = None
        else:
            height, width = mask.shape
            data = np.ascontiguousarray(mask)
            self._paper = QImage(data.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
        self._soft = None
        self.update()

    def painted(self) -> Mask | None:
        """The mask as it is painted now."""
        if self._paper is None:
            return None
        paper = self._paper
        flat = np.frombuffer(paper.constBits(), np.uint8).reshape(paper.height(), paper.bytesPerLine())
        return flat[:, : paper.width()].copy()

    def set_painting(self, on: bool) -> None:
        """Whether a drag paints."""
        if on == self._painting:
            return
        self._painting = on
        self._stroke = self._pointer = None
        if on:
            self.set_mode("single")
        self._show_cursor(QPointF(-1, -1))
        self.update()

    def is_painting(self) -> bool:
        """Whether a drag paints."""
        return self._painting

    def set_brush(self, size: float, erase: bool) -> None:
        """Diameter in mask pixels (the longer side has :data:`MASK_SIDE`), and whether it takes away."""
        self._brush, self._erase = min(MOST_BRUSH, max(LEAST_BRUSH, size)), erase
        self.update()

    def brush(self) -> tuple[float, bool]:
        """Size and whether it erases."""
        return self._brush, self._erase

    # -- strokes -----------------------------------------------------------------------------------------------

    def _to_mask(self, at: QPointF) -> QPointF:
        assert self._paper is not None
        point, frame = self.to_picture(at), self._view.frame
        return QPointF(
            point.x() * self._paper.width() / frame.width(), point.y() * self._paper.height() / frame.height()
        )

    def _begin(self, at: QPointF, pressure: float, erase: bool) -> None:
        if self._paper is None:
            height, width = mask_shape(self._view.frame.width(), self._view.frame.height())
            self._paper = QImage(width, height, QImage.Format.Format_Grayscale8)
            # Taking away from a style that goes everywhere begins with everywhere.
            self._paper.fill(255 if erase else 0)
        self._stroke_erases = erase
        self._stroke = self._to_mask(at)
        self._paint_to(at, pressure)

    def _paint_to(self, at: QPointF, pressure: float) -> None:
        assert self._paper is not None and self._stroke is not None
        to = self._to_mask(at)
        painter = QPainter(self._paper)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = 0 if self._stroke_erases else 255
        size = self._brush * (_LIGHT_TOUCH + (1 - _LIGHT_TOUCH) * min(1.0, max(0.0, pressure)))
        if self._stroke == to:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(shade, shade, shade))
            painter.drawEllipse(to, size / 2, size / 2)
        else:
            pen = QPen(QColor(shade, shade, shade), size)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(self._stroke, to)
        painter.end()
        self._stroke = to
        self._soft = None
        self.update()

    def _finish(self) -> None:
        if self._stroke is not None:
            self._stroke = None
            self._soft = None
            self.update()
            self.stroked.emit(self.painted())

    def _may_paint(self) -> bool:
        return self._painting and not self._space and self.has_image() and self.mode() == "single"

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._may_paint():
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._begin(event.position(), 1.0, self._erase)
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(event.position())
        if self._stroke is not None:
            self._paint_to(event.position(), 1.0)
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._stroke is not None and event.button() == Qt.MouseButton.LeftButton:
            self._finish()
            self._show_cursor(event.position())
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._may_paint():
            self.mousePressEvent(event)  # two quick dabs are two dabs
        else:
            super().mouseDoubleClickEvent(event)

    def tabletEvent(self, event: QTabletEvent) -> None:
        at, kind = event.position(), event.type()
        if kind == QEvent.Type.TabletPress and event.button() == Qt.MouseButton.LeftButton and self._may_paint():
            other_end = event.pointerType() == QPointingDevice.PointerType.Eraser
            self._begin(at, event.pressure(), self._erase or other_end)
        elif kind == QEvent.Type.TabletMove and self._stroke is not None:
            self._point(at)
            self._paint_to(at, event.pressure())
        elif kind == QEvent.Type.TabletRelease and self._stroke is not None:
            self._finish()
        else:
            event.ignore()  # Qt makes a mouse event of it: panning, looking
            return
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self._painting and key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            size = self._brush * (1.2 if key == Qt.Key.Key_BracketRight else 1 / 1.2)
            self.set_brush(size, self._erase)
            self.brush_changed.emit(self._brush, self._erase)
        elif self._painting and key == Qt.Key.Key_X and not event.modifiers():
            self.set_brush(self._brush, not self._erase)
            self.brush_changed.emit(self._brush, self._erase)
        elif self._painting and key == Qt.Key.Key_Escape:
            self.painting_left.emit()
        else:
            super().keyPressEvent(event)

    def _point(self, at: QPointF | None) -> None:
        if self._painting and at != self._pointer:
            self._pointer = at
            self.update()

    def _show_cursor(self, at: QPointF) -> None:
        super()._show_cursor(at)
        if self._painting and not self._space:
            self.setCursor(Qt.CursorShape.CrossCursor)

    # -- looks -------------------------------------------------------------------------------------------------

    def _draw_over(self, painter: QPainter) -> None:
        if self.mode() != "single" or not self.has_image():
            return
        place = self._view.rect()
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing)
        for image in self._others:
            painter.drawImage(place, image)
        if self._paper is not None:
            if self._soft is None:
                mask = self.painted()
                assert mask is not None
                # While the hand moves the bare strokes are enough.
                soft = mask if self._stroke is not None else feathered(mask, self._feather)
                self._soft = tinted(soft, self._colour, _HERE, _ELSEWHERE)
            painter.drawImage(place, self._soft)
        if self._painting and self._pointer is not None:
            self._draw_brush(painter, place)
        painter.restore()

    def _draw_brush(self, painter: QPainter, place: QRectF) -> None:
        assert self._pointer is not None
        radius = self._brush / 2 * max(place.width(), place.height()) / MASK_SIDE
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((Theme.CANVAS, 3.0), (Theme.BAD if self._erase else Theme.INK, 1.3)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawEllipse(self._pointer, radius, radius)

"""A picture with a frame that says which part of it is seen; the frame may reach outside."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

Box = tuple[float, float, float, float]
_ROOM = 0.16
_GRIP = 9.0
_LEAST = 0.05


class CropBox(KeyboardFocus):
    """The frame as (left, top, right, bottom) in shares of the picture, always square in the picture's pixels.

    Drag inside to move, a corner to resize around the opposite one, the wheel to resize around the middle; arrows
    move, + and - resize (Shift: finer).  With ``guide`` an oval shows where a face should be.
    """

    framed = Signal(float, float, float, float, bool)
    """The new frame; final."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: UInt8Image | None = None
        self._pixmap: QPixmap | None = None
        self._box: Box = (0.0, 0.0, 1.0, 1.0)
        self._guide = False
        self._grip = ""
        self._press = QPointF()
        self._start: Box = self._box
        self._unsent = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Frame of the picture"))

    def set_image(self, image: UInt8Image | None) -> None:
        """Another picture."""
        if image is not self._image:
            self._image, self._pixmap = image, None
            self.update()

    def set_box(self, box: Box) -> None:
        """Another frame, silently."""
        if not self._grip:
            self._box = box
            self.update()

    def box(self) -> Box:
        """The frame."""
        return self._box

    def set_guide(self, on: bool) -> None:
        """Whether to show where a face should be."""
        self._guide = on
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(280, 216)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 120)

    def _place(self) -> QRectF:
        """Where the whole picture is drawn: with room around it for frames that reach outside."""
        if self._image is None:
            return QRectF(self.rect())
        high, wide = self._image.shape[:2]
        room = QRectF(self.rect()).adjusted(4, 4, -4, -4)
        scale = min(room.width() / (wide * (1 + 2 * _ROOM)), room.height() / (high * (1 + 2 * _ROOM)))
        width, height = wide * scale, high * scale
        return QRectF(room.center().x() - width / 2, room.center().y() - height / 2, width, height)

    def frame_rect(self) -> QRectF:
        """Where the frame is drawn."""
        place, (left, top, right, bottom) = self._place(), self._box
        x, y = place.left() + left * place.width(), place.top() + top * place.height()
        return QRectF(x, y, (right - left) * place.width(), (bottom - top) * place.height())

    def _corners(self) -> dict[str, QPointF]:
        rect = self.frame_rect()
        return {
            "lt": rect.topLeft(),
            "rt": rect.topRight(),
            "lb": rect.bottomLeft(),
            "rb": rect.bottomRight(),
        }

    def _grip_at(self, at: QPointF) -> str:
        for name, corner in self._corners().items():
            if (corner - at).manhattanLength() <= 2 * _GRIP:
                return name
        return "move" if self.frame_rect().contains(at) else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._pixmap = None
        super().resizeEvent(event)

    # -- moving ------------------------------------------------------------------------------------------------

    def _set(self, box: Box, *, final: bool) -> None:
        left, top, right, bottom = box
        # The middle of the frame stays on the picture: a frame beside it would show nothing.
        dx = min(1.0, max(0.0, (left + right) / 2)) - (left + right) / 2
        dy = min(1.0, max(0.0, (top + bottom) / 2)) - (top + bottom) / 2
        self._box = (left + dx, top + dy, right + dx, bottom + dy)
        self._unsent = not final
        self.update()
        self.framed.emit(*self._box, final)

    def _resized(self, start: Box, factor: float, anchor: tuple[float, float]) -> Box:
        left, top, right, bottom = start
        least = _LEAST / max(1e-6, min(right - left, bottom - top))
        most = (1 + 2 * _ROOM) * 1.5 / max(1e-6, max(right - left, bottom - top))
        factor = min(max(factor, least), max(most, 1.0))
        x, y = anchor
        return (
            x + (left - x) * factor,
            y + (top - y) * factor,
            x + (right - x) * factor,
            y + (bottom - y) * factor,
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._image is not None:
            self._grip = self._grip_at(event.position())
            self._press, self._start = event.position(), self._box

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._grip:
            grip = self._grip_at(event.position()) if self._image is not None else ""
            shapes = {
                "": Qt.CursorShape.ArrowCursor,
                "move": Qt.CursorShape.SizeAllCursor,
                "lt": Qt.CursorShape.SizeFDiagCursor,
                "rb": Qt.CursorShape.SizeFDiagCursor,
            }
            self.setCursor(shapes.get(grip, Qt.CursorShape.SizeBDiagCursor))
            return
        place, moved = self._place(), event.position() - self._press
        left, top, right, bottom = self._start
        if self._grip == "move":
            dx, dy = moved.x() / place.width(), moved.y() / place.height()
            self._set((left + dx, top + dy, right + dx, bottom + dy), final=False)
            return
        anchor = (right if "l" in self._grip else left, bottom if "t" in self._grip else top)
        width = (right - left) * place.width()
        outwards = (-moved.x() if "l" in self._grip else moved.x()) + (-moved.y() if "t" in self._grip else moved.y())
        self._set(self._resized(self._start, 1 + outwards / 2 / max(1.0, width), anchor), final=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._grip:
            self._grip = ""
            self._settle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._image is None or not self.hasFocus():
            event.ignore()
            return
        self._scale(1.08 ** (-event.angleDelta().y() / 120))
        self._settle()
        event.accept()

    def _scale(self, factor: float) -> None:
        left, top, right, bottom = self._box
        self._set(self._resized(self._box, factor, ((left + right) / 2, (top + bottom) / 2)), final=False)

    def _settle(self) -> None:
        if self._unsent and not self._grip:
            self._set(self._box, final=True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        step = 0.004 if fine else 0.02
        ways = {
            Qt.Key.Key_Left: (-step, 0.0),
            Qt.Key.Key_Right: (step, 0.0),
            Qt.Key.Key_Up: (0.0, -step),
            Qt.Key.Key_Down: (0.0, step),
        }
        left, top, right, bottom = self._box
        if event.key() in ways:
            dx, dy = ways[Qt.Key(event.key())]
            self._set((left + dx, top + dy, right + dx, bottom + dy), final=False)
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._scale(1.01 if fine else 1.05)
        elif event.key() == Qt.Key.Key_Minus:
            self._scale(1 / (1.01 if fine else 1.05))
        else:
            super().keyPressEvent(event)
            return
        self.show_ring()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat():
            self._settle()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._settle()
        super().focusOutEvent(event)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.CANVAS))
        painter.drawRoundedRect(QRectF(self.rect()), Theme.RADIUS, Theme.RADIUS)
        if self._image is None:
            return
        place, frame = self._place(), self.frame_rect()
        if self._pixmap is None:
            self._pixmap = thumbnail(self._image, place.size().toSize(), self.devicePixelRatioF())
        draw_rounded(painter, place, self._pixmap, 0)
        dark = QPainterPath()
        dark.addRect(QRectF(self.rect()))
        hole = QPainterPath()
        hole.addRect(frame)
        painter.fillPath(dark - hole, Theme.colour(Theme.CANVAS, 0.62))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._guide:
            painter.setPen(QPen(Theme.colour(Theme.INK, 0.75), 1.2, Qt.PenStyle.DashLine))
            oval = QRectF(0, 0, 0.46 * frame.width(), 0.62 * frame.height())
            oval.moveCenter(frame.center())
            painter.drawEllipse(oval)
            y = oval.top() + 0.44 * oval.height()
            painter.drawLine(QPointF(oval.left(), y), QPointF(oval.right(), y))
        painter.setPen(QPen(QColor(Theme.ACCENT), 1.5))
        painter.drawRect(frame)
        painter.setPen(QPen(QColor(Theme.CANVAS), 1))
        painter.setBrush(QColor(Theme.ACCENT))
        for corner in self._corners().values():
            painter.drawEllipse(corner, 4.5, 4.5)
        self.draw_ring(painter, QRectF(self.rect()))

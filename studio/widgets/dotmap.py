"""A map of pictures as dots: click one, drag to any place between them, draw a line around some."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

_NEAR = 7.0
_PAD = 10.0
_PEEK = 56


def inside(polygon: npt.NDArray[np.float64], points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of ``points [n, 2]`` lie in the closed ``polygon [m, 2]`` (even-odd rule)."""
    x, y = points[:, :1], points[:, 1:]
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    rise = np.where(y1 == y0, 1e-12, y1 - y0)
    crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / rise + x0)
    odd: npt.NDArray[np.bool_] = crosses.sum(axis=1) % 2 == 1
    return odd


class DotMap(KeyboardFocus):
    """``points [n, 2]`` (x to the right, y upwards) with a ring at the current place.

    Click a dot to take it, drag to go anywhere (Shift: finer), arrows move; in lasso mode (or with Alt held) a drag
    draws a line around dots.
    """

    dot_clicked = Signal(int)
    moved = Signal(float, float, bool)
    """x, y of the place; final."""
    lassoed = Signal(object)
    """Indices of the dots inside, a sorted int array (never empty)."""
    dot_hovered = Signal(int)
    """-1 when none is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points = np.zeros((0, 2))
        self._values: npt.NDArray[np.int64] | None = None
        self._screen = np.zeros((0, 2))
        self._reach = (3.0, 3.0)
        self._dots: QPixmap | None = None
        self._place: tuple[float, float] | None = None
        self._hover = -1
        self._peek: tuple[int, QPixmap] | None = None
        self._press: QPointF | None = None
        self._last = QPointF()
        self._dragging = self._unsent = False
        self._lasso_on = False
        self._line: list[QPointF] | None = None
        self._placeholder = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(self.tr("Map of the pictures"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_points(self, points: npt.ArrayLike) -> None:
        """Other pictures."""
        self._points = np.asarray(points, float).reshape(-1, 2)
        far = np.quantile(np.abs(self._points), 0.995, axis=0) if len(self._points) else np.zeros(2)
        self._reach = (max(2.0, 1.08 * float(far[0])), max(2.0, 1.08 * float(far[1])))
        self._values, self._hover, self._peek = None, -1, None
        self._lay_out()

    def set_values(self, values: npt.ArrayLike | None) -> None:
        """A small whole number for each dot, which gives it its colour; None: all alike."""
        self._values = None if values is None else np.asarray(values).astype(np.int64).reshape(-1)
        if self._values is not None and len(self._values) != len(self._points):
            raise ValueError(f"{len(self._values)} values for {len(self._points)} dots")
        self._dots = None
        self.update()

    def set_place(self, place: tuple[float, float] | None) -> None:
        """Where the ring is (None: nowhere), silently."""
        if not self._dragging:
            self._place = place
            self.update()

    def place(self) -> tuple[float, float] | None:
        """Where the ring is."""
        return self._place

    def set_peek(self, index: int, image: UInt8Image) -> None:
        """The picture of a dot, shown beside it while the pointer is on it."""
        self._peek = (index, thumbnail(image, QSize(_PEEK, _PEEK), self.devicePixelRatioF()))
        self.update()

    def set_lasso(self, on: bool) -> None:
        """Whether a drag draws a line around dots."""
        self._lasso_on = on

    def set_placeholder(self, text: str) -> None:
        """What stands there without dots."""
        self._placeholder = text
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(292, 190)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 100)

    def _to_screen(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        half = np.array([self.width() / 2 - _PAD, self.height() / 2 - _PAD])
        scaled = points / np.array(self._reach) * half * np.array([1.0, -1.0])
        placed: npt.NDArray[np.float64] = scaled + np.array([self.width() / 2, self.height() / 2])
        return placed

    def _to_map(self, at: QPointF) -> tuple[float, float]:
        x = (at.x() - self.width() / 2) / max(1.0, self.width() / 2 - _PAD) * self._reach[0]
        y = -(at.y() - self.height() / 2) / max(1.0, self.height() / 2 - _PAD) * self._reach[1]
        return x, y

    def _lay_out(self) -> None:
        self._screen = self._to_screen(self._points)
        self._dots = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()
        super().resizeEvent(event)

    def dot_at(self, at: QPointF) -> int:
        """The dot under the pointer, -1 when there is none."""
        if not len(self._screen):
            return -1
        away = np.hypot(self._screen[:, 0] - at.x(), self._screen[:, 1] - at.y())
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _NEAR else -1

    def dot_position(self, index: int) -> QPoint:
        """Where a dot is drawn."""
        return QPoint(round(self._screen[index, 0]), round(self._screen[index, 1]))

    # -- events ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and len(self._points):
            self._press = self._last = event.position()
            alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
            self._line = [event.position()] if self._lasso_on or alt else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            self._point_at(event.position())
            return
        if self._line is not None:
            self._line.append(event.position())
            self.update()
            return
        if not self._dragging:
            if (event.position() - self._press).manhattanLength() < 3:
                return
            self._dragging = True
        at = event.position()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._place is not None:
            here = self._to_screen(np.array([self._place]))[0]
            at = QPointF(here[0], here[1]) + (at - self._last) / 10
        self._last = event.position()
        self._go(*self._to_map(at))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is None or event.button() != Qt.MouseButton.LeftButton:
            return
        line, self._line = self._line, None
        dragged, self._dragging, self._press = self._dragging, False, None
        if line is not None:
            self._close_lasso(line)
            return
        if dragged:
            self._settle()
            return
        dot = self.dot_at(event.position())
        if dot >= 0:
            self.dot_clicked.emit(dot)
        else:
            self._go(*self._to_map(event.position()))
            self._settle()

    def _close_lasso(self, line: list[QPointF]) -> None:
        self.update()
        if len(line) < 3:
            return
        polygon = np.array([(p.x(), p.y()) for p in line])
        chosen = np.flatnonzero(inside(polygon, self._screen))
        if len(chosen):
            self.lassoed.emit(chosen)

    def _point_at(self, at: QPointF) -> None:
        dot = self.dot_at(at)
        if dot != self._hover:
            self._hover = dot
            self.setCursor(Qt.CursorShape.PointingHandCursor if dot >= 0 else Qt.CursorShape.CrossCursor)
            self.dot_hovered.emit(dot)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        if self._hover >= 0:
            self._hover = -1
            self.dot_hovered.emit(-1)
            self.update()

    def _go(self, x: float, y: float) -> None:
        x = min(self._reach[0], max(-self._reach[0], x))
        y = min(self._reach[1], max(-self._reach[1], y))
        self._place, self._unsent = (x, y), True
        self.setAccessibleDescription(f"{x:.2f}, {y:.2f}")
        self.update()
        self.moved.emit(x, y, False)

    def _settle(self) -> None:
        if self._unsent and self._place is not None and not self._dragging:
            self._unsent = False
            self.moved.emit(*self._place, True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 0.01 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0.1
        ways = {
            Qt.Key.Key_Left: (-step, 0.0),
            Qt.Key.Key_Right: (step, 0.0),
            Qt.Key.Key_Up: (0.0, step),
            Qt.Key.Key_Down: (0.0, -step),
        }
        if event.key() in ways and len(self._points):
            x, y = self._place or (0.0, 0.0)
            dx, dy = ways[Qt.Key(event.key())]
            self._go(x + dx, y + dy)
            self.show_ring()
        elif event.key() == Qt.Key.Key_Home and len(self._points):
            self._go(0.0, 0.0)
        else:
            super().keyPressEvent(event)

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
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(QRectF(self.rect()), Theme.RADIUS, Theme.RADIUS)
        if not len(self._points):
            painter.setPen(QColor(Theme.FAINT))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(16, 8, -16, -8), int(flags), self._placeholder)
            self.draw_ring(painter, QRectF(self.rect()))
            return
        if self._dots is None:
            self._dots = self._drawn()
        painter.drawPixmap(0, 0, self._dots)
        if self._line is not None and len(self._line) > 1:
            painter.setPen(QPen(QColor(Theme.ACCENT), 1.5, Qt.PenStyle.DashLine))
            painter.setBrush(Theme.colour(Theme.ACCENT, 0.12))
            painter.drawPolygon(QPolygonF(self._line))
        if self._place is not None:
            x, y = self._to_screen(np.array([self._place]))[0]
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((Theme.colour(Theme.CANVAS, 0.7), 4.5), (QColor(Theme.INK), 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawEllipse(QPointF(x, y), 7.0, 7.0)
        if self._hover >= 0 and self._line is None and not self._dragging:
            self._draw_hover(painter)
        self.draw_ring(painter, QRectF(self.rect()))

    def _draw_hover(self, painter: QPainter) -> None:
        x, y = self._screen[self._hover]
        painter.setPen(QPen(QColor(Theme.INK), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(x, y), 4.5, 4.5)
        if self._peek is not None and self._peek[0] == self._hover:
            left = x + 10 if x + 14 + _PEEK < self.width() else x - 10 - _PEEK
            top = min(max(4.0, y - _PEEK / 2), self.height() - _PEEK - 4.0)
            place = QRectF(left, top, _PEEK, _PEEK)
            draw_rounded(painter, place, self._peek[1], 4)
            painter.setPen(QPen(QColor(Theme.INK), 1))
            painter.drawRoundedRect(place, 4, 4)

    def _drawn(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        size = 4.5 if len(self._points) < 600 else 3.6
        values = self._values if self._values is not None else np.zeros(len(self._points), np.int64)
        shown = [(0, Theme.SECOND), (1, Theme.ACCENT)] if self._values is not None else [(0, Theme.SECOND)]
        known = [value for value, _ in shown]
        shown += [(int(v), Theme.source(int(v))) for v in np.unique(values) if int(v) not in known]
        for value, colour in shown:
            pen = QPen(Theme.colour(colour, 0.8), size)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            chosen = self._screen[values == value]
            painter.drawPoints(QPolygonF([QPointF(float(x), float(y)) for x, y in chosen]))
        painter.end()
        return pixmap

"""The latent map: an endless plane of pictures that is dragged under a mark."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import to_qimage
from studio.widgets.tilecache import Tile, TileCache, same_point
from studio.widgets.tokens import Theme

_LEAST_TILE = 40.0
"""A tile is shown at 40 to 80 logical pixels; beyond that another level takes over."""
_GAP = 2.0
_BATCH = 16
_PATIENCE_MS = 10_000
_CLOSEST, _FARTHEST = -6, 8


class LatentMap(KeyboardFocus):
    """A plane of which the point under the mark in the middle is the current one.

    Tile ``(i, j, level)`` is the picture of the point ``(i, j) * 2**level``.  Missing tiles that are in sight are
    asked for with :attr:`tiles_needed`, nearest to the middle first, a few at a time: the next few are asked for
    when those have been given by :meth:`set_tile`.  What is missing is shown by its coarser neighbour until then.

    Drag moves (Shift: finer), a click goes to a tile, the wheel or a pinch zooms around the mark, arrows move
    (Ctrl: to the next tile, Shift: finer), + and - zoom, Home goes to the origin.
    """

    tiles_needed = Signal(list)
    """A list of (i, j, level)."""
    moved = Signal(float, float, bool)
    """x, y of the current point; ``final`` is False while the hand is still moving."""
    zoomed = Signal(float)
    """Plane units across one tile."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setAccessibleName(self.tr("Latent map"))
        self.setToolTip(self.tr("Drag to wander, turn the wheel to see more, click a picture to go there"))
        self._x = self._y = 0.0
        self._scale = 44.0  # logical pixels per unit of the plane
        self._cache = TileCache()
        self._asked: set[Tile] = set()
        self._press: QPointF | None = None
        self._last = QPointF()
        self._dragged = False
        self._unsent = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(15)
        self._soon.timeout.connect(self._ask)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._ask_again)

    # -- the point and the zoom --------------------------------------------------------------------------------

    def position(self) -> tuple[float, float]:
        """The current point."""
        return self._x, self._y

    def set_position(self, x: float, y: float) -> None:
        """Go to a point, silently."""
        if self._press is not None and self._dragged:
            return  # the hand on the map is right
        if (x, y) != (self._x, self._y):
            self._go(x, y)

    def _go(self, x: float, y: float) -> None:
        self._x, self._y = x, y
        self.setAccessibleDescription(f"{x:.2f}, {y:.2f}")
        self._look()

    def span(self) -> float:
        """Plane units from one tile to the next."""
        return 2.0 ** self._level()

    def scale(self) -> float:
        """Logical pixels per plane unit."""
        return self._scale

    def set_scale(self, scale: float) -> None:
        """Zoom around the current point (44: one tile for each whole point)."""
        scale = min(1.9 * _LEAST_TILE / 2.0**_CLOSEST, max(_LEAST_TILE / 2.0**_FARTHEST, scale))
        if scale != self._scale:
            before = self._level()
            self._scale = scale
            if self._level() != before:
                self.zoomed.emit(self.span())
            self._look()

    # -- tiles -------------------------------------------------------------------------------------------------

    def set_tile(self, i: int, j: int, level: int, image: UInt8Image) -> None:
        """The picture of a point has arrived."""
        tile = (i, j, level)
        self._cache.put(tile, QPixmap.fromImage(to_qimage(image)))
        self._asked.discard(same_point(tile))
        if self._asked:
            self._patience.start()
        else:
            self._patience.stop()
            self._soon.start()
        self.update()

    def clear_tiles(self, *, forget: bool = False) -> None:
        """The pictures are no longer true (another look): show them until each is replaced, or ``forget`` them."""
        if forget:
            self._cache.clear()
        else:
            self._cache.set_stale()
        self._asked.clear()
        self._patience.stop()
        self._look()

    def missing(self) -> list[Tile]:
        """The tiles in sight that are not there, nearest to the middle first."""
        level = self._level()
        middle_i, middle_j = self._x / 2.0**level, self._y / 2.0**level
        found = [tile for tile in self._seen() if tile not in self._cache]
        found.sort(key=lambda t: (t[0] - middle_i) ** 2 + (t[1] - middle_j) ** 2)
        return found

    def _level(self) -> int:
        return math.ceil(math.log2(_LEAST_TILE / self._scale) - 1e-9)

    def _seen(self) -> list[Tile]:
        level = self._level()
        side = self._scale * 2.0**level
        middle_i, middle_j = self._x / 2.0**level, self._y / 2.0**level
        across, down = self.width() / side / 2 + 0.5, self.height() / side / 2 + 0.5
        rows = range(math.ceil(middle_j - down), math.floor(middle_j + down) + 1)
        columns = range(math.ceil(middle_i - across), math.floor(middle_i + across) + 1)
        return [(i, j, level) for j in rows for i in columns]

    def _look(self) -> None:
        self.update()
        if self.isVisible() and not self._asked:
            self._soon.start()

    def _ask(self) -> None:
        if self._asked or not self.isVisible():
            return
        wanted = self.missing()[:_BATCH]
        if wanted:
            self._asked = {same_point(tile) for tile in wanted}
            self._patience.start()
            self.tiles_needed.emit(wanted)

    def _ask_again(self) -> None:
        # What was asked for did not come (the job failed, the model went away): ask for what is wanted now.
        self._asked.clear()
        self._ask()

    # -- events ------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(292, 176)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 88)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._look()
        super().resizeEvent(event)

    def showEvent(self, event: QEvent) -> None:
        self._soon.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = self._last = event.position()
            self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            return
        if not self._dragged and (event.position() - self._press).manhattanLength() < 3:
            return
        self._dragged = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        moved, self._last = event.position() - self._last, event.position()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            moved /= 10
        self._move(-moved.x() / self._scale, -moved.y() / self._scale)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is None or event.button() != Qt.MouseButton.LeftButton:
            return
        dragged, self._press, self._dragged = self._dragged, None, False
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        if not dragged:
            x, y = self._nearest(event.position())
            self._go(x, y)
        self._unsent = False
        self.moved.emit(self._x, self._y, True)

    def _nearest(self, at: QPointF) -> tuple[float, float]:
        """The point of the tile under the pointer."""
        span = self.span()
        x = self._x + (at.x() - self.width() / 2) / self._scale
        y = self._y + (at.y() - self.height() / 2) / self._scale
        return round(x / span) * span, round(y / span) * span

    def _move(self, dx: float, dy: float) -> None:
        self._go(self._x + dx, self._y + dy)
        self._unsent = True
        self.moved.emit(self._x, self._y, False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() / 120
        if turned:
            self.set_scale(self._scale * 1.15**turned)
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.set_scale(self._scale * (1 + event.value()))
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ways = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        key, held, span = event.key(), event.modifiers(), self.span()
        if key in ways:
            dx, dy = ways[Qt.Key(key)]
            if held & Qt.KeyboardModifier.ControlModifier:
                x, y = round(self._x / span + dx) * span, round(self._y / span + dy) * span
                self._move((x - self._x) if dx else 0.0, (y - self._y) if dy else 0.0)
            else:
                step = span * (0.02 if held & Qt.KeyboardModifier.ShiftModifier else 0.2)
                self._move(dx * step, dy * step)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_scale(self._scale * 1.25)
        elif key == Qt.Key.Key_Minus:
            self.set_scale(self._scale / 1.25)
        elif key == Qt.Key.Key_Home:
            self._move(-self._x, -self._y)
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

    def _settle(self) -> None:
        if self._unsent and self._press is None:
            self._unsent = False
            self.moved.emit(self._x, self._y, True)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Theme.CANVAS))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        level = self._level()
        side = self._scale * 2.0**level
        left = self.width() / 2 - self._x * self._scale - side / 2
        top = self.height() / 2 - self._y * self._scale - side / 2
        empty = QColor(Theme.RAISED)
        for tile in self._seen():
            i, j = tile[:2]
            # Whole pixels: the gaps stay even while the plane moves.
            x, y = round(left + i * side), round(top + j * side)
            place = QRectF(x, y, round(left + (i + 1) * side) - x - _GAP, round(top + (j + 1) * side) - y - _GAP)
            pixmap = self._cache.get(tile)
            if pixmap is not None:
                painter.setOpacity(0.45 if self._cache.is_stale(tile) else 1.0)
                painter.drawPixmap(place, pixmap, QRectF(pixmap.rect()))
                painter.setOpacity(1.0)
                continue
            painter.fillRect(place, empty)
            near = self._cache.get((round(i / 2), round(j / 2), level + 1))
            if near is not None:
                painter.setOpacity(0.28)
                painter.drawPixmap(place, near, QRectF(near.rect()))
                painter.setOpacity(1.0)
        self._draw_mark(painter)
        self._draw_place(painter)
        self.draw_ring(painter, QRectF(self.rect()), 4)

    def _draw_mark(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((Theme.colour(Theme.CANVAS, 0.6), 4.5), (QColor(Theme.ACCENT), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(middle, 10.0, 10.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.ACCENT))
        painter.drawEllipse(middle, 1.8, 1.8)

    def _draw_place(self, painter: QPainter) -> None:
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        text = f"{self._x:.2f}, {self._y:.2f}".replace("-", "−")
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        place = QRectF(4, self.height() - 20, width, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.CANVAS, 0.7))
        painter.drawRoundedRect(place, 4, 4)
        painter.setPen(QColor("#c6c9d2"))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)

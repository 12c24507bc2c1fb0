"""A pad between two to four corners: a point in it is a mixture of them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.dropitems import Resolver, dropped_things
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import KeyboardFocus, draw_ring, droppable
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

_GAP = 2


class XYPad(KeyboardFocus):
    """``corners`` 2: A left, B right.  3: A top left, B top right, C bottom left.  4: and D bottom right.

    The background is a grid of ``rows`` x ``columns`` tiles given by :meth:`set_tile`.  Drag the point (Shift:
    finer), or arrows; drop a picture on a corner.

    ``grows``: the square stays while corners come and go (:meth:`set_corners`, 0 to 4); the corner that comes next
    shows a plus and takes a click or a drop like the others.
    """

    moved = Signal(float, float, bool)
    """x to the right and y down in [0, 1], final."""
    corner_dropped = Signal(int, object)
    corner_clicked = Signal(int)
    corner_menu = Signal(int, QPoint)
    """A menu is wanted for a corner, at this place of the screen."""

    def __init__(
        self,
        corners: int = 4,
        rows: int = 7,
        columns: int = 7,
        parent: QWidget | None = None,
        *,
        grows: bool = False,
    ) -> None:
        super().__init__(parent)
        if not grows and corners not in (2, 3, 4):
            raise ValueError(f"a pad has two to four corners, not {corners}")
        self._corners, self._grows = corners, grows
        self._rows, self._columns = (1 if corners == 2 and not grows else rows), columns
        self._stale = False
        self._placeholder = ""
        self._resolver: Resolver | None = None
        self._tiles: dict[tuple[int, int], UInt8Image] = {}
        self._pixmaps: dict[tuple[int, int], QPixmap] = {}
        middle = 1 / 3 if corners == 3 else 0.5
        self._x, self._y = middle, 0.0 if corners == 2 else middle
        self._dragging = False
        self._press: QPointF | None = None
        self._last = QPointF()
        self._unsent = False
        self._drop_corner = -1
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAcceptDrops(True)
        self.setAccessibleName(self.tr("Pad"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_resolver(self, resolver: Resolver | None) -> None:
        """What knows the thumbnails that may be dragged onto a corner."""
        self._resolver = resolver

    def set_placeholder(self, text: str) -> None:
        """Words in the part of a growing pad that is not in use yet."""
        if text != self._placeholder:
            self._placeholder = text
            self.update()

    def corners(self) -> int:
        """How many corners have a picture."""
        return self._corners

    def set_corners(self, count: int) -> None:
        """How many corners have a picture (ValueError for what this pad cannot be)."""
        if not 0 <= count <= 4 or (count != self._corners and not self._grows):
            raise ValueError(f"this pad cannot have {count} corners")
        if count != self._corners:
            self._corners = count
            self._x, self._y = self._bounded(self._x, self._y)
            self.update()

    def set_shape(self, rows: int, columns: int) -> None:
        """Another number of tiles."""
        if (rows, columns) != (self._rows, self._columns):
            self._rows, self._columns = rows, columns
            self.clear()
            self.updateGeometry()

    def set_stale(self, stale: bool = True) -> None:
        """Whether the tiles are being replaced: they are drawn dim until then."""
        if stale != self._stale:
            self._stale = stale
            self.update()

    def is_used(self, row: int, column: int) -> bool:
        """Whether the point can come to this tile."""
        if self._corners >= 4 or not self._grows:
            return self._corners != 3 or sum(self.tile_point(row, column)) <= 1 + 1e-6
        if self._corners == 3:
            return sum(self.tile_point(row, column)) <= 1 + 1e-6
        return row == 0 and (self._corners == 2 or (self._corners == 1 and column == 0))

    def point(self) -> tuple[float, float]:
        """Where the point is."""
        return self._x, self._y

    def set_point(self, x: float, y: float) -> None:
        """Move the point, silently."""
        if not self._dragging:
            self._x, self._y = self._bounded(x, y)
            self.update()

    def weights(self) -> tuple[float, ...]:
        """How much of every corner is in the point; they sum to 1."""
        x, y = self._x, self._y
        if self._corners < 2:
            return (1.0,) * self._corners
        if self._corners == 2:
            return 1 - x, x
        if self._corners == 3:
            return 1 - x - y, x, y
        return (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y

    def set_tile(self, row: int, column: int, image: UInt8Image | None) -> None:
        """A tile of the background has arrived."""
        self._pixmaps.pop((row, column), None)
        if image is None:
            self._tiles.pop((row, column), None)
        else:
            self._tiles[row, column] = image
        self.update()

    def clear(self) -> None:
        """Forget the tiles."""
        self._tiles.clear()
        self._pixmaps.clear()
        self.update()

    def tile_point(self, row: int, column: int) -> tuple[float, float]:
        """The point of a tile's middle, as it should be computed: the corner tiles are the corners."""
        return column / max(1, self._columns - 1), row / max(1, self._rows - 1)

    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self._rows, self._columns

    def _bounded(self, x: float, y: float) -> tuple[float, float]:
        x, y = min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
        if self._corners < 2:
            return 0.0, 0.0
        if self._corners == 2:
            y = 0.0
        if self._corners == 3 and x + y > 1:
            over = (x + y - 1) / 2
            x, y = x - over, y - over
            x, y = min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
        return x, y

    # -- geometry ----------------------------------------------------------------------------------------------

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        side = (width - (self._columns - 1) * _GAP) / self._columns
        return round(self._rows * side + (self._rows - 1) * _GAP)

    def sizeHint(self) -> QSize:
        width = self.width() if self.width() > 60 else 292
        return QSize(292, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 24)

    def _tile(self, row: int, column: int) -> QRectF:
        width = (self.width() - (self._columns - 1) * _GAP) / self._columns
        height = (self.height() - (self._rows - 1) * _GAP) / self._rows
        x, y = round(column * (width + _GAP)), round(row * (height + _GAP))
        return QRectF(x, y, round(column * (width + _GAP) + width) - x, round(row * (height + _GAP) + height) - y)

    def _corner(self, index: int) -> QRectF:
        row, column = self._rows - 1 if index >= 2 else 0, self._columns - 1 if index % 2 else 0
        return self._tile(row, column)

    def _field(self) -> QRectF:
        """Where the point can go: from the middle of one corner tile to the middle of the opposite one."""
        return QRectF(self._tile(0, 0).center(), self._tile(self._rows - 1, self._columns - 1).center())

    def _place(self) -> QPointF:
        field = self._field()
        return QPointF(field.left() + self._x * field.width(), field.top() + self._y * field.height())

    def _shown_corners(self) -> int:
        """Corners that can be pointed at: those with a picture, and the one that comes next."""
        return min(4, self._corners + 1) if self._grows else self._corners

    def _corner_at(self, at: QPointF) -> int:
        return next((i for i in range(self._shown_corners()) if self._corner(i).contains(at)), -1)

    def _target_at(self, at: QPointF) -> int:
        """Where a drop would land: on a corner, or (nowhere in particular) on the one that comes next."""
        corner = self._corner_at(at)
        return self._corners if corner < 0 and self._grows and self._corners < 4 else corner

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._pixmaps.clear()
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
        super().resizeEvent(event)

    # -- events ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = self._last = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            return
        if not self._dragging:
            if (event.position() - self._press).manhattanLength() < 3:
                return
            self._dragging = True
        if self._corners < 2:
            return
        field, at = self._field(), event.position()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            moved = (at - self._last) / 10
            at = self._place() + moved
        self._last = event.position()
        self._go((at.x() - field.left()) / max(1.0, field.width()), (at.y() - field.top()) / max(1.0, field.height()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is None or event.button() != Qt.MouseButton.LeftButton:
            return
        dragged, self._dragging, self._press = self._dragging, False, None
        corner = self._corner_at(event.position())
        if not dragged and corner >= 0:
            self.corner_clicked.emit(corner)
            return
        if self._corners < 2:
            return
        if not dragged:
            field, at = self._field(), event.position()
            x, y = (at.x() - field.left()) / max(1.0, field.width()), (at.y() - field.top()) / max(1.0, field.height())
            self._x, self._y = self._bounded(x, y)
            self.update()
        self._unsent = False
        self.moved.emit(self._x, self._y, True)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        corner = self._corner_at(QPointF(event.pos())) if by_mouse else 0
        if 0 <= corner < self._shown_corners():
            place = event.globalPos() if by_mouse else self.mapToGlobal(self._corner(corner).center().toPoint())
            self.corner_menu.emit(corner, place)

    def _go(self, x: float, y: float) -> None:
        self._x, self._y = self._bounded(x, y)
        self._unsent = True
        self.setAccessibleDescription(", ".join(f"{w:.0%}" for w in self.weights()))
        self.update()
        self.moved.emit(self._x, self._y, False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 0.005 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0.05
        ways = {
            Qt.Key.Key_Left: (-step, 0.0),
            Qt.Key.Key_Right: (step, 0.0),
            Qt.Key.Key_Up: (0.0, -step),
            Qt.Key.Key_Down: (0.0, step),
        }
        if event.key() in ways and self._corners >= 2:
            dx, dy = ways[Qt.Key(event.key())]
            self._go(self._x + dx, self._y + dy)
            self.show_ring()
        elif event.key() == Qt.Key.Key_Home and self._corners >= 2:
            middle = 1 / 3 if self._corners == 3 else 0.5
            self._go(middle, middle)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat():
            self._settle()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._settle()
        super().focusOutEvent(event)

    def _settle(self) -> None:
        if self._unsent and not self._dragging:
            self._unsent = False
            self.moved.emit(self._x, self._y, True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._drop_corner = self._target_at(event.position())
        event.setAccepted(self._drop_corner >= 0)
        self.update()

    def dragLeaveEvent(self, event: QEvent) -> None:
        self._drop_corner = -1
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_corner = -1
        self.update()
        corner, things = self._target_at(event.position()), dropped_things(event.mimeData(), self._resolver)
        if things and corner >= 0:
            event.acceptProposedAction()
            self.corner_dropped.emit(corner, things)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row in range(self._rows):
            for column in range(self._columns):
                used = self.is_used(row, column)
                if not used and not self._grows:
                    continue
                rect, image = self._tile(row, column), self._tiles.get((row, column))
                if image is None or not used:
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(QColor(Theme.RAISED) if used else Theme.colour(Theme.RAISED, 0.35))
                    painter.drawRoundedRect(rect, 3, 3)
                    continue
                if (row, column) not in self._pixmaps:
                    size = rect.size().toSize()
                    self._pixmaps[row, column] = thumbnail(image, size, self.devicePixelRatioF())
                draw_rounded(painter, rect, self._pixmaps[row, column], 3, 0.55 if self._stale else 1.0)
        if self._grows and self._corners < 3 and self._placeholder:
            painter.setPen(QColor(Theme.DIM))
            room = QRectF(self.rect()).adjusted(0.16 * self.width(), 0, -0.16 * self.width(), 0)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, int(flags), self._placeholder)
        for index in range(self._corners):
            self._draw_corner(painter, index)
        if self._shown_corners() > self._corners:
            self._draw_next(painter, self._corners)
        if self._corners >= 2 or not self._grows:
            place = self._place()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((Theme.colour(Theme.CANVAS, 0.6), 4.5), (QColor(Theme.ACCENT), 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawEllipse(place, 10.0, 10.0)
        self.draw_ring(painter, QRectF(self.rect()), 4)

    def _draw_next(self, painter: QPainter, index: int) -> None:
        rect = self._corner(index).adjusted(0.75, 0.75, -0.75, -0.75)
        hot = index == self._drop_corner
        painter.setPen(QPen(QColor(Theme.ACCENT if hot else Theme.FAINT), 1.2, Qt.PenStyle.DashLine))
        painter.setBrush(Theme.colour(Theme.ACCENT, 0.2) if hot else QColor(Theme.RAISED))
        painter.drawRoundedRect(rect, 3, 3)
        mark = icon_pixmap("plus", 16, Theme.ACCENT if hot else Theme.DIM, self.devicePixelRatioF())
        painter.drawPixmap(rect.center() - QPointF(8, 8), mark)

    def _draw_corner(self, painter: QPainter, index: int) -> None:
        rect = self._corner(index)
        draw_ring(painter, rect, 3)
        if index == self._drop_corner:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Theme.colour(Theme.ACCENT, 0.35))
            painter.drawRoundedRect(rect, 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.ACCENT))
        dot = rect.topLeft() + QPointF(11, 11)
        painter.drawEllipse(dot, 7.5, 7.5)
        font = self.font()
        font.setPixelSize(10)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(Theme.ON_ACCENT))
        place = QRectF(dot.x() - 8, dot.y() - 8, 16, 16)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), "ABCD"[index])
        if self._corners >= 2 and rect.width() >= 40:
            self._draw_share(painter, rect, self.weights()[index])

    def _draw_share(self, painter: QPainter, rect: QRectF, weight: float) -> None:
        """How much of a corner is in the point."""
        text = f"{weight:.0%}"
        width = painter.fontMetrics().horizontalAdvance(text) + 8
        place = QRectF(rect.right() - width - 2, rect.bottom() - 16, width, 14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.CANVAS, 0.7))
        painter.drawRoundedRect(place, 4, 4)
        painter.setPen(QColor(Theme.INK))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)

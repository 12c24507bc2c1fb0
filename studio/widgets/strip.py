"""A strip (or a wrapped wall) of pictures: the history, the gallery, the library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QSizePolicy, QToolTip, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.dragout import start_drag
from studio.widgets.icons import icon_pixmap
from studio.widgets.pictures import draw_rounded, thumbnail, to_qimage
from studio.widgets.tokens import Theme

ITEM_FORMAT = "application/x-latent-studio-item"
"""What a thumbnail carries when it is dragged inside the program: its id."""

_CAPTION = 18


@dataclass(frozen=True, slots=True, eq=False)
class Thumb:
    """One picture of a strip.  ``image`` uint8 ``[H, W, 3|4]`` or None while it is not there yet."""

    id: str
    image: UInt8Image | None = None
    title: str = ""
    tooltip: str = ""
    starred: bool = False
    badge: str = ""


class ThumbStrip(QAbstractScrollArea):
    """Thumbnails in one row (or wrapped); draws and scales only what is seen.

    Click or Enter activates, double-click adopts, the star (or S) keeps, Delete asks to remove, a drag takes the
    picture along.
    """

    activated = Signal(str)
    adopted = Signal(str)
    star_toggled = Signal(str, bool)
    remove_asked = Signal(str)
    context_requested = Signal(str, QPoint)

    def __init__(
        self,
        *,
        size: int = 68,
        wrap: bool = False,
        captions: bool = False,
        stars: bool = True,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._size, self._wrap, self._captions, self._stars = size, wrap, captions, stars
        self._gap = 14 if size >= 56 else 6
        self._items: list[Thumb] = []
        self._index: dict[str, int] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        self._current: str | None = None
        self._cursor = -1
        self._hover = -1
        self._press: tuple[int, QPointF] | None = None
        self._ring = False
        self._placeholder = ""
        self._source: Callable[[str], Path | None] | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("QAbstractScrollArea { background: transparent; border: none; }")
        off = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setHorizontalScrollBarPolicy(off if wrap else Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded if wrap else off)
        vertical = QSizePolicy.Policy.Expanding if wrap else QSizePolicy.Policy.Fixed
        self.setSizePolicy(QSizePolicy.Policy.Expanding, vertical)
        self.setAccessibleName(name or self.tr("Pictures"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_items(self, items: Iterable[Thumb]) -> None:
        """Show other items; pictures that stayed the same are not scaled again."""
        before = {thumb.id: thumb.image for thumb in self._items}
        self._items = list(items)
        for thumb in self._items:
            if before.get(thumb.id) is not thumb.image:
                self._pixmaps.pop(thumb.id, None)
        self._reindex()

    def add(self, thumb: Thumb, at: int = 0) -> None:
        """Insert one item (0: first).  What is looked at stays in place unless the strip is at its start."""
        bar = self._bar()
        keep = bar.value() if at == 0 and bar.value() > 0 and not self._wrap else None
        self._items.insert(len(self._items) if at < 0 else at, thumb)
        self._pixmaps.pop(thumb.id, None)
        self._reindex()
        if keep is not None:
            bar.setValue(keep + self._pitch())

    def update_item(self, thumb: Thumb) -> None:
        """Replace the item of the same id; raises KeyError when there is none."""
        at = self._index[thumb.id]
        if self._items[at].image is not thumb.image:
            self._pixmaps.pop(thumb.id, None)
        self._items[at] = thumb
        self.viewport().update(self._cell(at))

    def remove(self, item: str) -> None:
        """Take an item away; raises KeyError when there is none."""
        del self._items[self._index[item]]
        self._pixmaps.pop(item, None)
        if self._current == item:
            self._current = None
        self._reindex()

    def items(self) -> tuple[Thumb, ...]:
        """What is shown, in order."""
        return tuple(self._items)

    def set_current(self, item: str | None) -> None:
        """Ring the item whose result is in use (None: none) and bring it into sight."""
        if item == self._current:
            return
        self._current = item
        if item in self._index:
            self._cursor = self._index[item]
            self._reveal(self._cursor)
        self.viewport().update()

    def current(self) -> str | None:
        """The ringed item."""
        return self._current

    def set_placeholder(self, text: str) -> None:
        """What stands there while it is empty."""
        self._placeholder = text
        self.viewport().update()

    def set_drag_source(self, source: Callable[[str], Path | None] | None) -> None:
        """What writes the file of item ``id`` when it is dragged out and taken."""
        self._source = source

    def _reindex(self) -> None:
        self._index = {thumb.id: at for at, thumb in enumerate(self._items)}
        self._cursor = min(self._cursor, len(self._items) - 1)
        self._hover = -1
        for gone in self._pixmaps.keys() - self._index.keys():
            del self._pixmaps[gone]
        self._scroll_range()
        self.viewport().update()

    # -- geometry ----------------------------------------------------------------------------------------------

    def _pitch(self) -> int:
        return self._size + self._gap

    def _row_height(self) -> int:
        return self._size + (_CAPTION if self._captions else 0) + self._gap

    def _columns(self) -> int:
        if not self._wrap:
            return max(1, len(self._items))
        return max(1, (self.viewport().width() - 8 + self._gap) // self._pitch())

    def _bar(self):  # type: ignore[no-untyped-def]
        return self.verticalScrollBar() if self._wrap else self.horizontalScrollBar()

    def _cell(self, at: int) -> QRect:
        """The rectangle of a thumbnail in viewport coordinates."""
        columns = self._columns()
        x = 4 + (at % columns) * self._pitch() - self.horizontalScrollBar().value()
        y = 4 + (at // columns) * self._row_height() - self.verticalScrollBar().value()
        return QRect(x, y, self._size, self._size)

    def _at(self, point: QPointF) -> int:
        for index in self._seen():
            extra = _CAPTION if self._captions else 0
            if self._cell(index).adjusted(-2, -2, 2, 2 + extra).contains(point.toPoint()):
                return index
        return -1

    def _star_rect(self, at: int) -> QRect:
        cell = self._cell(at)
        side = 18 if self._size >= 56 else 14
        return QRect(cell.right() - side - 1, cell.top() + 2, side, side)

    def _seen(self) -> range:
        if not self._items:
            return range(0)
        if self._wrap:
            columns, row = self._columns(), self._row_height()
            top = self.verticalScrollBar().value()
            first = max(0, (top - 4) // row) * columns
            last = ((top + self.viewport().height()) // row + 1) * columns
        else:
            left = self.horizontalScrollBar().value()
            first = max(0, (left - 4) // self._pitch())
            last = (left + self.viewport().width()) // self._pitch() + 1
        return range(first, min(len(self._items), last))

    def _scroll_range(self) -> None:
        rows = -(-len(self._items) // self._columns())
        width = 8 + len(self._items) * self._pitch() - self._gap if not self._wrap else 0
        height = 8 + rows * self._row_height() - self._gap if self._wrap else 0
        room = self.viewport().size()
        for bar, wanted, there, step in (
            (self.horizontalScrollBar(), width, room.width(), self._pitch()),
            (self.verticalScrollBar(), height, room.height(), self._row_height()),
        ):
            bar.setRange(0, max(0, wanted - there))
            bar.setPageStep(there)
            bar.setSingleStep(step)

    def _reveal(self, at: int) -> None:
        cell, room, bar = self._cell(at), self.viewport().rect(), self._bar()
        low, high = (cell.top(), cell.bottom()) if self._wrap else (cell.left(), cell.right())
        end = room.height() if self._wrap else room.width()
        if low < 4:
            bar.setValue(bar.value() + low - 4)
        elif high > end - 4:
            bar.setValue(bar.value() + high - end + 4)

    def sizeHint(self) -> QSize:
        if self._wrap:
            return QSize(4 * self._pitch() + 20, 2 * self._row_height() + 8)
        return QSize(8 * self._pitch(), self._row_height() - self._gap + 8 + 10)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._size + 8, self._row_height() - self._gap + 8 + (0 if self._wrap else 10))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._scroll_range()
        super().resizeEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    # -- events ------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() * 0.6
        delta = turned.y() if self._wrap or abs(turned.y()) > abs(turned.x()) else turned.x()
        before = self._bar().value()
        self._bar().setValue(before - round(delta))
        event.setAccepted(self._bar().value() != before or self._bar().maximum() > 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and at >= 0:
            self._press = (at, event.position())
        self._ring = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if at != self._hover:
            self._hover = at
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if at >= 0 else Qt.CursorShape.ArrowCursor)
            self.viewport().update()
        if self._press and self._source:
            index, start = self._press
            if (event.position() - start).manhattanLength() >= QApplication.startDragDistance():
                self._press = None
                self._drag(self._items[index])

    def _drag(self, thumb: Thumb) -> None:
        source = self._source
        if source is not None and thumb.image is not None:
            start_drag(self, lambda: source(thumb.id), to_qimage(thumb.image), extra={ITEM_FORMAT: thumb.id.encode()})

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._press = self._press, None
        at = self._at(event.position())
        if pressed is None or pressed[0] != at or at < 0:
            return
        self._cursor = at
        if self._stars and self._star_rect(at).contains(event.position().toPoint()):
            self._toggle_star(at)
        else:
            self.activated.emit(self._items[at].id)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if at >= 0 and not (self._stars and self._star_rect(at).contains(event.position().toPoint())):
            self.adopted.emit(self._items[at].id)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        at = self._at(QPointF(event.pos())) if by_mouse else self._cursor
        if 0 <= at < len(self._items):
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self._cell(at).center())
            self.context_requested.emit(self._items[at].id, place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._items:
            super().keyPressEvent(event)
            return
        columns = self._columns() if self._wrap else len(self._items)
        moves = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns,
            Qt.Key.Key_Down: columns,
            Qt.Key.Key_Home: -len(self._items),
            Qt.Key.Key_End: len(self._items),
        }
        key = event.key()
        if key in moves and (self._wrap or key not in (Qt.Key.Key_Up, Qt.Key.Key_Down)):
            self._cursor = min(len(self._items) - 1, max(0, self._cursor + moves[Qt.Key(key)]))
            self._ring = True
            self._reveal(self._cursor)
            self.setAccessibleDescription(self._items[self._cursor].title)
        elif self._cursor < 0:
            super().keyPressEvent(event)
            return
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.activated.emit(self._items[self._cursor].id)
        elif key == Qt.Key.Key_S and self._stars:
            self._toggle_star(self._cursor)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_asked.emit(self._items[self._cursor].id)
        else:
            super().keyPressEvent(event)
            return
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if self._ring and self._cursor < 0 and self._items:
            self._cursor = self._index.get(self._current or "", 0)
        self.viewport().update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = False
        self.viewport().update()
        super().focusOutEvent(event)

    def _toggle_star(self, at: int) -> None:
        thumb = replace(self._items[at], starred=not self._items[at].starred)
        self.update_item(thumb)
        self.star_toggled.emit(thumb.id, thumb.starred)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._at(QPointF(event.pos()))
            text = (self._items[at].tooltip or self._items[at].title) if at >= 0 else ""
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    # -- painting ----------------------------------------------------------------------------------------------

    def _pixmap(self, thumb: Thumb) -> QPixmap | None:
        if thumb.image is None:
            return None
        if thumb.id not in self._pixmaps:
            ratio = self.devicePixelRatioF()
            self._pixmaps[thumb.id] = thumbnail(thumb.image, QSize(self._size, self._size), ratio)
        return self._pixmaps[thumb.id]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(Theme.SMALL)
        painter.setFont(font)
        if not self._items and self._placeholder:
            painter.setPen(QColor(Theme.FAINT))
            painter.drawText(self.viewport().rect(), int(Qt.AlignmentFlag.AlignCenter), self._placeholder)
        for at in self._seen():
            self._draw(painter, at)

    def _draw(self, painter: QPainter, at: int) -> None:
        thumb, cell = self._items[at], QRectF(self._cell(at))
        radius = 5.0 if self._size >= 56 else 4.0
        pixmap = self._pixmap(thumb)
        if pixmap is not None:
            draw_rounded(painter, cell, pixmap, radius)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(cell, radius, radius)
            mark = icon_pixmap("picture", 20, Theme.FAINT, self.devicePixelRatioF())
            painter.drawPixmap(cell.center() - QPointF(10, 10), mark)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if thumb.id == self._current:
            painter.setPen(QPen(QColor(Theme.ACCENT), 2))
            painter.drawRoundedRect(cell.adjusted(-3, -3, 3, 3), radius + 3, radius + 3)
        elif (self._ring and at == self._cursor) or at == self._hover:
            tint = Theme.colour(Theme.ACCENT if self._ring and at == self._cursor else Theme.INK, 0.75)
            painter.setPen(QPen(tint, 1.5))
            painter.drawRoundedRect(cell.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
        if self._stars and (thumb.starred or at == self._hover or (self._ring and at == self._cursor)):
            self._draw_star(painter, at, thumb.starred)
        if thumb.badge:
            self._draw_badge(painter, cell, thumb.badge)
        if self._captions:
            painter.setPen(QColor(Theme.INK if thumb.id == self._current else Theme.DIM))
            text = painter.fontMetrics().elidedText(thumb.title, Qt.TextElideMode.ElideRight, self._size)
            place = QRectF(cell.left(), cell.bottom() + 3, cell.width(), _CAPTION - 3)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)

    def _draw_star(self, painter: QPainter, at: int, starred: bool) -> None:
        place = QRectF(self._star_rect(at))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.CANVAS, 0.62))
        painter.drawEllipse(place)
        side = int(place.width()) - 5
        name, tint = ("star-filled", Theme.ACCENT) if starred else ("star", Theme.INK)
        mark = icon_pixmap(name, side, tint, self.devicePixelRatioF())
        painter.drawPixmap(place.center() - QPointF(side / 2, side / 2), mark)

    def _draw_badge(self, painter: QPainter, cell: QRectF, text: str) -> None:
        width = min(cell.width() - 6, painter.fontMetrics().horizontalAdvance(text) + 8.0)
        place = QRectF(cell.left() + 3, cell.bottom() - 18, width, 15)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.CANVAS, 0.7))
        painter.drawRoundedRect(place, 4, 4)
        painter.setPen(QColor(Theme.INK))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)

"""A pile of small pictures that takes what is dropped on it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip

from studio.base.steps import UInt8Image
from studio.widgets.dropitems import Resolver, dropped_things
from studio.widgets.droptarget import DropTarget
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import droppable
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.strip import ITEM_FORMAT
from studio.widgets.tokens import Theme

_SIDE, _GAP, _MOST_ROWS = 34, 4, 3


class PileView(DropTarget):
    """Thumbnails in rows, and a plus at their end that asks for what is on the canvas.

    A click on a picture takes it away; Delete takes the last one.  What does not fit is counted.
    """

    add_asked = Signal()
    remove_asked = Signal(int)

    def __init__(self, hint: str, name: str) -> None:
        super().__init__()
        self._hint = hint
        self._images: list[UInt8Image | None] = []
        self._tips: list[str] = []
        self._pixmaps: dict[int, QPixmap] = {}
        self._hover = -1
        self._resolver: Resolver | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMouseTracking(True)
        self.setAccessibleName(name)

    def set_resolver(self, resolver: Resolver | None) -> None:
        """What knows the thumbnails that may be dragged here."""
        self._resolver = resolver

    def set_pictures(self, images: Sequence[UInt8Image | None], tips: Sequence[str]) -> None:
        """Show these (None: not there yet)."""
        before, self._images, self._tips = self._images, list(images), list(tips)
        self._pixmaps = {
            i: pixmap
            for i, pixmap in self._pixmaps.items()
            if i < len(images) and i < len(before) and images[i] is before[i]
        }
        self.setAccessibleDescription(str(len(images)))
        if len(before) != len(images):
            self.updateGeometry()
        self.update()

    def count(self) -> int:
        """How many pictures there are."""
        return len(self._images)

    # -- geometry ----------------------------------------------------------------------------------------------

    def _columns(self, width: int) -> int:
        return max(1, (width - 8 + _GAP) // (_SIDE + _GAP))

    def _shown(self) -> int:
        """Pictures that fit beside the plus."""
        return min(len(self._images), _MOST_ROWS * self._columns(self.width()) - 1)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        rows = min(_MOST_ROWS, -(-(len(self._images) + 1) // self._columns(width)))
        return 8 + rows * (_SIDE + _GAP) - _GAP

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(self.width() if self.width() > 60 else 200))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, _SIDE + 8)

    def _cell(self, at: int) -> QRectF:
        columns = self._columns(self.width())
        return QRectF(4 + (at % columns) * (_SIDE + _GAP), 4 + (at // columns) * (_SIDE + _GAP), _SIDE, _SIDE)

    def _at(self, point: QPointF) -> int:
        return next((i for i in range(self._shown() + 1) if self._cell(i).contains(point)), -1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
        super().resizeEvent(event)

    # -- events ------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if at != self._hover:
            self._hover = at
            self.setCursor(Qt.CursorShape.PointingHandCursor if at >= 0 else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = self._at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or at < 0:
            return
        if at == self._shown():
            self.add_asked.emit()
        else:
            self.remove_asked.emit(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.add_asked.emit()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._images:
            self.remove_asked.emit(len(self._images) - 1)
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()) or event.mimeData().hasFormat(ITEM_FORMAT):
            event.acceptProposedAction()
            self._held_over(True)

    def dropEvent(self, event: QDropEvent) -> None:
        self._held_over(False)
        things = dropped_things(event.mimeData(), self._resolver)
        if things:
            event.acceptProposedAction()
            self.dropped.emit(things)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._at(QPointF(event.pos()))
            text = ""
            if 0 <= at < self._shown():
                text = self.tr("{0} — click to take it away").format(self._tips[at])
            elif at == self._shown():
                text = self.tr("Add what is on the canvas")
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(Theme.ACCENT if self.drop_hint else Theme.LINE), 1.0, Qt.PenStyle.DashLine))
        painter.setBrush(Theme.blend(Theme.ACCENT, Theme.RAISED, 0.1) if self.drop_hint else QColor(Theme.RAISED))
        painter.drawRoundedRect(rect, Theme.RADIUS, Theme.RADIUS)
        shown = self._shown()
        for at in range(shown):
            self._draw(painter, at)
        cell = self._cell(shown)
        ink = Theme.INK if self._hover == shown else Theme.DIM
        mark = icon_pixmap("plus", 16, ink, self.devicePixelRatioF())
        painter.drawPixmap(cell.center() - QPointF(8, 8), mark)
        painter.setPen(QColor(Theme.FAINT))
        room = QRectF(cell.right() + 4, cell.top(), self.width() - cell.right() - 12, cell.height())
        text = self._hint if not self._images else ""
        if shown < len(self._images):
            text = self.tr("and {0} more").format(len(self._images) - shown)
        if text:
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        self.draw_ring(painter, QRectF(self.rect()))

    def _draw(self, painter: QPainter, at: int) -> None:
        cell, image = self._cell(at), self._images[at]
        if image is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.LINE))
            painter.drawRoundedRect(cell, 3, 3)
        else:
            if at not in self._pixmaps:
                self._pixmaps[at] = thumbnail(image, cell.size().toSize(), self.devicePixelRatioF())
            draw_rounded(painter, cell, self._pixmaps[at], 3, 0.5 if at == self._hover else 1.0)
        if at == self._hover:
            mark = icon_pixmap("close", 16, Theme.INK, self.devicePixelRatioF())
            painter.drawPixmap(cell.center() - QPointF(8, 8), mark)

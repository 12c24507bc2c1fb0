"""What stands where nothing is yet: an invitation, or a place to drop something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from studio.widgets.droptarget import DropTarget
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import label, text_button
from studio.widgets.tokens import Theme


class EmptyState(QWidget):
    """An icon, a sentence of what could be here, a hint, and buttons that bring it about."""

    def __init__(self, icon_name: str, title: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(8)
        column.addStretch(1)
        mark = label("")
        mark.setPixmap(icon_pixmap(icon_name, 40, Theme.FAINT, 2.0))
        self._title = label(title, "heading", wrap=True)
        self._text = label(text, "dim", wrap=True)
        for part in (mark, self._title, self._text):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(part)
        self._text.setVisible(bool(text))
        self._row = QHBoxLayout()
        self._row.setContentsMargins(0, 8, 0, 0)
        self._row.setSpacing(8)
        self._row.addStretch(1)
        self._row.addStretch(1)
        column.addLayout(self._row)
        column.addStretch(1)

    def add_action(self, text: str, slot: Callable[..., Any], *, primary: bool = False) -> QPushButton:
        """A button below the words."""
        made = text_button(text, slot, kind="primary" if primary else "normal")
        self._row.insertWidget(self._row.count() - 1, made)
        return made

    def set_text(self, title: str, text: str = "") -> None:
        """Other words."""
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))


class DropArea(DropTarget):
    """A row that takes what is dropped on it, and opens a dialog when it is clicked."""

    clicked = Signal()

    def __init__(
        self, text: str, *, icon_name: str = "plus", height: int = 40, tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._text, self._icon_name, self._height = text, icon_name, height
        self._under = False
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        self.setToolTip(tip or text)

    def sizeHint(self) -> QSize:
        return QSize(200, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self._height)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._under = True
        self.update()

    def leaveEvent(self, event: Any) -> None:
        self._under = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        edge = Theme.ACCENT if self.drop_hint else ("#454955" if self._under else Theme.LINE)
        painter.setPen(QPen(QColor(edge), 1.0, Qt.PenStyle.DashLine))
        painter.setBrush(Theme.blend(Theme.ACCENT, Theme.RAISED, 0.1) if self.drop_hint else QColor(Theme.RAISED))
        painter.drawRoundedRect(rect, Theme.RADIUS, Theme.RADIUS)
        ink = Theme.INK if self._under or self.drop_hint else Theme.DIM
        mark = icon_pixmap(self._icon_name, 16, ink, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(12, rect.center().y() - 8), mark)
        font = self.font()
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        room = rect.adjusted(36, 0, -10, 0)
        text = painter.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        self.draw_ring(painter, QRectF(self.rect()))

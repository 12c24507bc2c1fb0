"""The rail at the left: one button for each workspace."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QVBoxLayout, QWidget

from studio.app.actions import with_shortcut
from studio.panels.registry import PanelEntry
from studio.widgets.parts import draw_ring
from studio.widgets.theme import Theme, font, icon_pixmap

WIDTH = 76


class RailButton(QAbstractButton):
    """Icon over word; the one in front has a raised ground and an accent mark at the window's edge."""

    def __init__(self, name: str, text: str, icon_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name, self._icon = name, icon_name
        self.setText(text)
        self.setCheckable(True)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 62)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(8, 1, -8, -1)
        chosen, over = self.isChecked(), self.underMouse()
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or over:
            painter.setBrush(Theme.colour(Theme.RAISED, 1.0 if chosen else 0.5))
            painter.drawRoundedRect(box, Theme.RADIUS, Theme.RADIUS)
        if chosen:
            painter.setBrush(Theme.colour(Theme.ACCENT))
            painter.drawRoundedRect(QRectF(-2, box.top() + 14, 4, box.height() - 28), 2, 2)
        colour = Theme.ACCENT if chosen else Theme.INK if over else Theme.DIM
        painter.drawPixmap(
            round(box.center().x() - 10),
            round(box.top() + 11),
            icon_pixmap(self._icon, 20, colour, self.devicePixelRatioF()),
        )
        painter.setFont(font(Theme.SMALL, font().weight().Medium))
        painter.setPen(Theme.colour(Theme.INK if chosen or over else Theme.DIM))
        words = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, int(box.width()) - 4)
        painter.drawText(
            box.adjusted(0, 34, 0, -4), int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), words
        )
        if self.hasFocus():
            draw_ring(painter, box)


class Rail(QWidget):
    """``chosen(name)`` when a person picks a workspace; :meth:`show_current` follows the window."""

    chosen = Signal(str)

    def __init__(self, entries: Iterable[PanelEntry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(self.tr("Workspaces"))
        self._group = QButtonGroup(self)
        self.buttons: dict[str, RailButton] = {}
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 10, 0, 10)
        box.setSpacing(4)
        for number, entry in enumerate(entries, 1):
            button = RailButton(entry.name, entry.title, entry.icon, self)
            if number <= 9:
                button.setToolTip(with_shortcut(entry.title, QKeySequence(f"Alt+{number}")))
            button.clicked.connect(lambda _=False, name=entry.name: self.chosen.emit(name))
            self._group.addButton(button)
            self.buttons[entry.name] = button
            box.addWidget(button)
        box.addStretch(1)

    def show_current(self, name: str) -> None:
        """Mark the workspace in front."""
        if name in self.buttons:
            self.buttons[name].setChecked(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Theme.colour(Theme.PANEL))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), Theme.colour(Theme.LINE, 0.6))

"""The inspector column and its collapsible sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import ElidedLabel, draw_ring, label, line, text_button
from studio.widgets.tokens import Theme


class _Toggle(QAbstractButton):
    """The title of a section with its chevron."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setText(title)
        self.setCheckable(True)
        self.setChecked(True)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _bold(self) -> QFont:
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def sizeHint(self) -> QSize:
        return QSize(18 + QFontMetrics(self._bold()).horizontalAdvance(self.text()) + 6, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, 24)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.setChecked(event.key() == Qt.Key.Key_Right)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ink = Theme.INK if self.isEnabled() else Theme.FAINT
        name = "chevron-down" if self.isChecked() else "chevron-right"
        arrow = icon_pixmap(name, 14, Theme.INK if self.underMouse() else Theme.DIM, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(-1, (self.height() - 14) / 2), arrow)
        painter.setPen(QColor(ink))
        painter.setFont(self._bold())
        room = QRectF(18, 0, self.width() - 18, self.height())
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        if self.hasFocus():
            draw_ring(painter, QRectF(self.rect()), 4)


class Section(QWidget):
    """A titled part of an inspector that folds away.  Add widgets to ``.body``.

    ``hint`` stands dim at the right of the title; :meth:`add_action` puts small words there that do something.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, hint: str = "", *, opened: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._toggle = _Toggle(title)
        self._hint = ElidedLabel(hint, "hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._hint.setAccessibleName(hint)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 2)
        head.setSpacing(6)
        head.addWidget(self._toggle)
        head.addWidget(self._hint, 1)
        self._head = head
        outer.addLayout(head)
        outer.addWidget(line())
        self._content = QWidget()
        self._content.setProperty("role", "scrolled")
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(0, 8, 0, 12)
        self.body.setSpacing(5)
        outer.addWidget(self._content)
        self._toggle.toggled.connect(self._show_content)
        self._toggle.setChecked(opened)
        self._show_content(opened)

    def title(self) -> str:
        """The title."""
        return self._toggle.text()

    def set_title(self, title: str) -> None:
        """Change the title ("Where layer 7 acts")."""
        self._toggle.setText(title)
        self._toggle.setAccessibleName(title)
        self._toggle.updateGeometry()
        self._toggle.update()

    def set_hint(self, hint: str) -> None:
        """Change the dim words at the right."""
        self._hint.setText(hint)
        self._hint.setAccessibleName(hint)

    def hint(self) -> str:
        """The dim words at the right."""
        return self._hint.text()

    def add_action(self, text: str, slot: Callable[..., Any], tip: str = "") -> QPushButton:
        """Small words at the right of the title ("+ import")."""
        made = text_button(text, slot, kind="link", tip=tip)
        self._head.addWidget(made)
        return made

    def add_corner(self, widget: QWidget) -> None:
        """Any small widget at the right of the title."""
        self._head.addWidget(widget)

    def add(self, widget: QWidget) -> QWidget:
        """Append a widget to the body and return it."""
        self.body.addWidget(widget)
        return widget

    def add_row(self, *widgets: QWidget, stretch: int = 0) -> QHBoxLayout:
        """Append a row; widget number ``stretch`` takes the room that is left (-1: all share it)."""
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for index, widget in enumerate(widgets):
            row.addWidget(widget, 1 if stretch in (index, -1) else 0)
        self.body.addLayout(row)
        return row

    def is_open(self) -> bool:
        """Whether the body is to be seen."""
        return self._toggle.isChecked()

    def set_open(self, opened: bool) -> None:
        """Unfold or fold."""
        self._toggle.setChecked(opened)

    def _show_content(self, opened: bool) -> None:
        self._content.setVisible(opened)
        self._toggle.setToolTip(self.tr("Fold away") if opened else self.tr("Unfold"))
        self.toggled.emit(opened)


class Inspector(QWidget):
    """The column at the right of a panel: a title, one line that says what the panel does, and sections."""

    def __init__(self, title: str, description: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(260)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(16, 12, 16, 8)
        head.setSpacing(3)
        self._title = label(title, "title")
        self._description = label(description, "dim", wrap=True)
        head.addWidget(self._title)
        head.addWidget(self._description)
        self._description.setVisible(bool(description))
        outer.addLayout(head)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._column = QWidget()
        self._column.setProperty("role", "scrolled")
        self.body = QVBoxLayout(self._column)
        self.body.setContentsMargins(16, 0, 16, 16)
        self.body.setSpacing(2)
        self.body.addStretch(1)
        self._scroll.setWidget(self._column)
        outer.addWidget(self._scroll, 1)

    def sizeHint(self) -> QSize:
        return QSize(Theme.INSPECTOR, 600)

    def set_description(self, text: str) -> None:
        """Change the line below the title."""
        self._description.setText(text)
        self._description.setVisible(bool(text))

    def add(self, widget: QWidget) -> QWidget:
        """Append a widget below what is there."""
        self.body.insertWidget(self.body.count() - 1, widget)
        return widget

    def add_section(self, title: str, hint: str = "", *, opened: bool = True) -> Section:
        """Append a section and return it."""
        made = Section(title, hint, opened=opened)
        self.add(made)
        return made

    def show_widget(self, widget: QWidget) -> None:
        """Scroll so that ``widget`` is seen."""
        self._scroll.ensureWidgetVisible(widget, 0, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(Theme.PANEL))

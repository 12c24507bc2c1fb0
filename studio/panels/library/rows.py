"""Rows of the library: a model, a missing model, an entry of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import draw_ring, label
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme


@dataclass(frozen=True, slots=True)
class RowData:
    """``tags`` are (word, colour) at the right; ``picture`` a sample instead of the icon."""

    id: str
    title: str
    detail: str
    icon: str = "model"
    tags: tuple[tuple[str, str], ...] = ()


class Row(QAbstractButton):
    """Icon or sample, title over detail, tags.  Double-click or Enter means: use it."""

    used = Signal(str)

    def __init__(self, data: RowData, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = data
        self._picture: UInt8Image | None = None
        self.setCheckable(True)
        self.setText(data.title)
        self.setAccessibleName(data.title)
        self.setAccessibleDescription(", ".join([data.detail, *(word for word, _ in data.tags)]))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_picture(self, picture: UInt8Image | None) -> None:
        """A sample in place of the icon."""
        self._picture = picture
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 60)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.used.emit(self.data.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.used.emit(self.data.id)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 1.5, -0.5, -1.5)
        painter.setPen(QColor(Theme.ACCENT) if self.isChecked() else QColor(Theme.LINE))
        ground = Theme.HOVER if self.underMouse() else Theme.RAISED
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(box, Theme.RADIUS, Theme.RADIUS)
        place = QRectF(box.left() + 8, box.top() + 8, 40, 40)
        ratio = self.devicePixelRatioF()
        if self._picture is not None:
            draw_rounded(painter, place, thumbnail(self._picture, QSize(40, 40), ratio))
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.PANEL))
            painter.drawRoundedRect(place, 4, 4)
            painter.drawPixmap(place.topLeft().toPoint() + _TEN, icon_pixmap(self.data.icon, 20, Theme.DIM, ratio))
        right = self._draw_tags(painter, box)
        room = QRectF(place.right() + 12, box.top() + 8, right - place.right() - 20, 20)
        strong = QFont(self.font())
        strong.setWeight(QFont.Weight.DemiBold)
        for text, font, colour in (
            (self.data.title, strong, Theme.INK),
            (self.data.detail, self.font(), Theme.DIM),
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            cut = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), cut)
            room.translate(0, 21)
        if self.hasFocus():
            draw_ring(painter, box)

    def _draw_tags(self, painter: QPainter, box: QRectF) -> float:
        """Draw the tags; returns where they begin."""
        font = QFont(self.font())
        font.setPixelSize(Theme.SMALL)
        painter.setFont(font)
        right = box.right() - 12
        for word, colour in reversed(self.data.tags):
            width = painter.fontMetrics().horizontalAdvance(word) + 14
            tag = QRectF(right - width, box.center().y() - 10, width, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Theme.colour(colour, 0.16))
            painter.drawRoundedRect(tag, 10, 10)
            painter.setPen(QColor(colour))
            painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), word)
            right -= width + 6
        return right


_TEN = QPoint(10, 10)


class RowList(QScrollArea):
    """Rows under headings, one of them chosen."""

    chosen = Signal(str)
    used = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setAccessibleName(name)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._page = QWidget()
        self._page.setProperty("role", "scrolled")
        self._box = QVBoxLayout(self._page)
        self._box.setContentsMargins(24, 8, 24, 24)
        self._box.setSpacing(4)
        self._box.addStretch(1)
        self.setWidget(self._page)
        self._group = QButtonGroup(self)
        self.rows: dict[str, Row] = {}

    def set_groups(self, groups: Iterable[tuple[str, Iterable[RowData]]], current: str = "") -> None:
        """Show (heading, rows) groups; an empty group has no heading.  ``current`` is chosen, silently."""
        while self._box.count() > 1:
            item = self._box.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        for heading, data in groups:
            made = [Row(one) for one in data]
            if not made:
                continue
            if heading:
                words = label(heading, "dim")
                words.setContentsMargins(2, 10, 0, 2)
                self._box.insertWidget(self._box.count() - 1, words)
            for row in made:
                row.clicked.connect(lambda _=False, key=row.data.id: self.chosen.emit(key))
                row.used.connect(self.used)
                self._group.addButton(row)
                self.rows[row.data.id] = row
                self._box.insertWidget(self._box.count() - 1, row)
        self.set_current(current)

    def set_current(self, key: str) -> None:
        """Mark one row."""
        if key in self.rows:
            self.rows[key].setChecked(True)

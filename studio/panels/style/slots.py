"""The places for pictures: one for the content, one for every style."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.icons import icon_pixmap
from studio.widgets.picture import PictureView
from studio.widgets.tokens import Theme

ASPECT = 1.5


class Slot(PictureView):
    """A picture that may be dropped on; ``menu_asked`` at a click, by key or by the right button."""

    menu_asked = Signal(QPoint)

    def __init__(self, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(" ", aspect=ASPECT, hint=hint, takes_drops=True, most=180, parent=parent)
        self._selected = False
        self._mark = ""
        self.clicked.connect(lambda: self.menu_asked.emit(self.mapToGlobal(QPoint(8, round(self._place().bottom())))))

    def set_selected(self, on: bool) -> None:
        """Ring it: its sliders are the ones below."""
        if on != self._selected:
            self._selected = on
            self.update()

    def set_mark(self, name: str) -> None:
        """A small icon in the corner ("" for none): it has a mask."""
        if name != self._mark:
            self._mark = name
            self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = self._place()
        if self._selected:
            painter.setPen(QPen(QColor(Theme.ACCENT), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), 5, 5)
        if self._mark:
            plate = QRectF(place.right() - 24, place.top() + 4, 20, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Theme.colour(Theme.CANVAS, 0.75))
            painter.drawRoundedRect(plate, 5, 5)
            mark = icon_pixmap(self._mark, 14, Theme.INK, self.devicePixelRatioF())
            painter.drawPixmap(plate.center().toPoint() - QPoint(7, 7), mark)


class SlotGrid(QWidget):
    """The content and the styles, two in a row."""

    menu_asked = Signal(int, QPoint)
    """-1: the content; else the number of the style."""
    dropped = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(6)
        for column in (0, 1):
            self._grid.setColumnStretch(column, 1)
        self.content = self._make(-1, self.tr("Drop a picture here, or click"))
        self.styles: list[Slot] = []
        self._grid.addWidget(self.content, 0, 0, Qt.AlignmentFlag.AlignTop)

    def _make(self, index: int, hint: str) -> Slot:
        slot = Slot(hint)
        slot.menu_asked.connect(lambda at: self.menu_asked.emit(index, at))
        slot.dropped.connect(lambda things: self.dropped.emit(index, things))
        return slot

    def set_count(self, styles: int) -> None:
        """At least one place for a style is shown, also when there is none yet."""
        wanted = max(1, styles)
        while len(self.styles) < wanted:
            slot = self._make(len(self.styles), self.tr("Drop a style here, or click"))
            self.styles.append(slot)
            place = len(self.styles)
            self._grid.addWidget(slot, place // 2, place % 2, Qt.AlignmentFlag.AlignTop)
            slot.show()
        while len(self.styles) > wanted:
            slot = self.styles.pop()
            self._grid.removeWidget(slot)
            slot.hide()
            slot.deleteLater()
        self.updateGeometry()

    def show_slot(self, slot: Slot, image: UInt8Image | None, caption: str, tint: str, tip: str) -> None:
        """Bring a place up to date."""
        slot.set_image(image)
        slot.set_caption(caption, tint)
        slot.setToolTip(tip)

    def sizeHint(self) -> QSize:
        return self._grid.sizeHint()

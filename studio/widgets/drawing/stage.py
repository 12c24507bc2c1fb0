"""The stage of a room that makes one picture of another: both beside each other, or one above the other."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle, QWidget

from studio.widgets.canvas import Canvas
from studio.widgets.tokens import Theme

_LEAST, _MOST = 0.15, 0.85
_NARROW_PX, _TALL = 520, 0.85
"""Below this width, or this part of the height, the two stand one above the other."""


class _Divider(QSplitterHandle):
    """A line with a grip.  Double-click: the middle.  Arrow keys move it."""

    def __init__(self, stage: SplitStage) -> None:
        super().__init__(stage.orientation(), stage)
        self._stage = stage
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(self.tr("Divider"))
        self.setToolTip(self.tr("Drag to give one side more room; double-click for the middle"))

    def sizeHint(self) -> QSize:
        return QSize(self._stage.handleWidth(), self._stage.handleWidth())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._stage.set_ratio(0.5)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Left: -0.02,
            Qt.Key.Key_Up: -0.02,
            Qt.Key.Key_Right: 0.02,
            Qt.Key.Key_Down: 0.02,
        }.get(Qt.Key(event.key()))
        if step is not None:
            self._stage.set_ratio(self._stage.ratio() + step)
        elif event.key() == Qt.Key.Key_Home:
            self._stage.set_ratio(0.5)
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        lit = self.underMouse() or self.hasFocus()
        painter.fillRect(self.rect(), QColor(Theme.ACCENT if self.hasFocus() else Theme.LINE))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.INK if lit else Theme.FAINT))
        middle = QRectF(self.rect()).center()
        along = QPointF(0, 6) if self.orientation() == Qt.Orientation.Horizontal else QPointF(6, 0)
        for step in (-1, 0, 1):
            painter.drawEllipse(middle + along * step, 1.2, 1.2)


class SplitStage(QSplitter):
    """Two canvases with a divider between them, side by side where there is room and stacked where there is not."""

    ratio_changed = Signal(float)
    """The part of the room that the first one has, after the hand moved the divider."""

    def __init__(self, first: QWidget, second: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._ratio = 0.5
        self.setHandleWidth(7)
        self.setChildrenCollapsible(False)
        self.setOpaqueResize(True)
        self.first, self.second = first, second
        for widget in (first, second):
            self.addWidget(widget)
        self.splitterMoved.connect(self._moved)

    def createHandle(self) -> QSplitterHandle:
        return _Divider(self)

    def set_captions(self, first: str, second: str) -> None:
        """The dim words in the corners: what to do on the one, and what the other is."""
        for widget, text in ((self.first, first), (self.second, second)):
            if isinstance(widget, Canvas):
                widget.set_caption(text)

    def ratio(self) -> float:
        """The part of the room that the first one has, 0.15 to 0.85."""
        return self._ratio

    def set_ratio(self, ratio: float) -> None:
        """Share the room; kept when the window changes."""
        ratio = min(_MOST, max(_LEAST, ratio))
        if ratio != self._ratio:
            self._ratio = ratio
            self.ratio_changed.emit(ratio)
        self._share()

    def is_stacked(self) -> bool:
        """Whether one stands above the other."""
        return self.orientation() == Qt.Orientation.Vertical

    def set_alone(self, alone: QWidget | None) -> None:
        """Show only one of the two (None: both)."""
        for widget in (self.first, self.second):
            widget.setVisible(alone is None or widget is alone)
        self._share()

    def _room(self) -> int:
        whole = self.height() if self.is_stacked() else self.width()
        return max(2, whole - self.handleWidth())

    def _share(self) -> None:
        first = round(self._room() * self._ratio)
        self.setSizes([first, self._room() - first])

    def _moved(self, _at: int, _index: int) -> None:
        first, second = self.sizes()
        if first + second > 0 and not self.first.isHidden() and not self.second.isHidden():
            self._ratio = min(_MOST, max(_LEAST, first / (first + second)))
            self.ratio_changed.emit(self._ratio)

    def resizeEvent(self, event: QResizeEvent) -> None:
        size = event.size()
        stacked = size.width() < _NARROW_PX or size.width() < _TALL * size.height()
        wanted = Qt.Orientation.Vertical if stacked else Qt.Orientation.Horizontal
        if wanted != self.orientation():
            self.setOrientation(wanted)
        super().resizeEvent(event)
        self._share()

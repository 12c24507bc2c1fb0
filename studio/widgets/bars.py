"""Bars side by side, one of which can be chosen: how much each dimension tells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.widgets.parts import KeyboardFocus
from studio.widgets.tokens import Theme


class Bars(KeyboardFocus):
    """``values [n] >= 0`` in the order given; those not ``lively`` are faint.  Click or arrows choose one."""

    chosen = Signal(int)

    def __init__(self, name: str, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: npt.NDArray[np.float64] = np.zeros(0)
        self._lively: npt.NDArray[np.bool_] = np.zeros(0, bool)
        self._names: list[str] = []
        self._unit, self._current = unit, -1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(name)

    def set_values(self, values: npt.ArrayLike, lively: npt.ArrayLike, names: list[str]) -> None:
        """Other bars; each has a name for its tooltip."""
        self._values, self._lively = np.asarray(values, float), np.asarray(lively, bool)
        self._names = names
        self._current = min(self._current, len(names) - 1)
        self.update()

    def set_current(self, index: int) -> None:
        """Mark a bar, silently."""
        self._current = index
        if 0 <= index < len(self._names):
            self.setAccessibleDescription(self._said(index))
        self.update()

    def _said(self, index: int) -> str:
        return f"{self._names[index]} · {self._values[index]:.2f} {self._unit}".rstrip()

    def sizeHint(self) -> QSize:
        return QSize(280, 56)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 40)

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(6, 6, -6, -4)

    def _index(self, at: QPointF) -> int:
        area, count = self._area(), len(self._values)
        return min(count - 1, max(0, int((at.x() - area.left()) / max(1.0, area.width()) * count))) if count else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self._index(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(self._index(event.position()))

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._values) and index != self._current:
            self.set_current(index)
            self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self._choose(min(len(self._values) - 1, max(0, self._current + steps[Qt.Key(event.key())])))
            self.show_ring()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._index(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._said(at) if at >= 0 else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(QRectF(self.rect()), Theme.RADIUS, Theme.RADIUS)
        count = len(self._values)
        top = float(self._values.max()) if count else 0.0
        if top > 0:
            area = self._area()
            pitch = area.width() / count
            gap = 1.0 if pitch >= 3 else 0.0
            for i, value in enumerate(self._values):
                colour = Theme.ACCENT if i == self._current else Theme.SECOND if self._lively[i] else Theme.FAINT
                height = max(1.0, float(value) / top * area.height())
                place = QRectF(area.left() + i * pitch, area.bottom() - height, max(1.0, pitch - gap), height)
                painter.fillRect(place, Theme.colour(colour, 1.0 if i == self._current else 0.8))
        self.draw_ring(painter, QRectF(self.rect()))

"""The film strip below a slider: what the picture becomes from one end to the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.base.steps import UInt8Image
from studio.widgets.tilegrid import TileGrid
from studio.widgets.tokens import Theme


class FilmStrip(TileGrid):
    """Frames at ``values`` (for example -3 to +3 sigma); a mark shows where the slider stands; a click chooses."""

    value_chosen = Signal(float)

    def __init__(self, values: Sequence[float] = (-3, -2, -1, 0, 1, 2, 3), parent: QWidget | None = None) -> None:
        super().__init__(1, max(1, len(values)), most=96, parent=parent)
        self._values = np.asarray(values, float)
        self._mark: float | None = None
        self.setAccessibleName(self.tr("Film strip"))
        self.clicked.connect(lambda _row, column: self.value_chosen.emit(float(self._values[column])))

    def values(self) -> tuple[float, ...]:
        """Where the frames are."""
        return tuple(float(v) for v in self._values)

    def set_frame(self, index: int, image: UInt8Image | None) -> None:
        """Frame ``index`` has arrived."""
        self.set_tile(0, index, image, f"{self._values[index]:+.1f}".replace("-", "−"))

    def set_mark(self, value: float | None) -> None:
        """Where the slider stands (None: no mark)."""
        self._mark = value
        self.update()

    def heightForWidth(self, width: int) -> int:
        return super().heightForWidth(width) + 6

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._mark is None or len(self._values) < 2:
            return
        place = float(np.interp(self._mark, self._values, np.arange(len(self._values))))
        first, last = self._rect((0, 0)).center(), self._rect((0, len(self._values) - 1)).center()
        x = first.x() + (last.x() - first.x()) * place / (len(self._values) - 1)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        y = self._rect((0, 0)).bottom() + 3.5
        painter.setPen(QPen(QColor(Theme.LINE), 1.5))
        painter.drawLine(QPointF(first.x(), y), QPointF(last.x(), y))
        painter.setPen(QColor(Theme.PANEL))
        painter.setBrush(QColor(Theme.ACCENT))
        painter.drawEllipse(QRectF(x - 3.5, y - 3.5, 7, 7))

"""A thin line that fills while something is done."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.widgets.tokens import Theme


class ProgressLine(QWidget):
    """A thin line that fills; ``resting`` draws it dim."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._part, self._resting = 0.0, False
        self.setFixedHeight(5)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Progress"))

    def set_part(self, part: float, *, resting: bool = False) -> None:
        """How much is done, from 0 to 1."""
        self._part, self._resting = min(1.0, max(0.0, part)), resting
        self.setAccessibleDescription(f"{100 * self._part:.0f} %")
        self.update()

    def part(self) -> float:
        """How much is done."""
        return self._part

    def sizeHint(self) -> QSize:
        return QSize(300, 5)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(self.rect())
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(whole, 2.5, 2.5)
        if self._part > 0:
            done = QRectF(whole)
            done.setWidth(max(5.0, whole.width() * self._part))
            painter.setBrush(QColor(Theme.DIM if self._resting else Theme.ACCENT))
            painter.drawRoundedRect(done, 2.5, 2.5)

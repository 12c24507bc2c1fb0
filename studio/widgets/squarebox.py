"""A place for a square widget that is as large as both its width and its height allow."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class SquareBox(QWidget):
    """Holds one widget as a square (``aspect`` width / height), at the left and top of the room that there is."""

    def __init__(self, child: QWidget, *, least: int = 160, aspect: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._child, self._least, self._aspect = child, least, aspect
        child.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(least, round(least / aspect))

    def sizeHint(self) -> QSize:
        return QSize(2 * self._least, round(2 * self._least / self._aspect))

    def resizeEvent(self, event: QResizeEvent) -> None:
        width = min(self.width(), round(self.height() * self._aspect))
        self._child.setGeometry(0, 0, width, round(width / self._aspect))
        super().resizeEvent(event)

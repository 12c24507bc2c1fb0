"""A row of widgets that wraps like words.

Not a QLayout: a layout written in Python must return None from ``itemAt`` past its end, and PySide (6.12) drops a
reference to None at every such call until the interpreter aborts.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class FlowBox(QWidget):
    """Left to right, then the next line; the height follows the width."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 6) -> None:
        super().__init__(parent)
        self._parts: list[QWidget] = []
        self._spacing = spacing
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add_part(self, widget: QWidget) -> None:
        """Append a widget."""
        widget.setParent(self)
        self._parts.append(widget)
        widget.show()
        self._again()

    def take_part(self, widget: QWidget) -> None:
        """Remove a widget and delete it."""
        self._parts.remove(widget)
        widget.hide()
        widget.deleteLater()
        self._again()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, move=False)

    def sizeHint(self) -> QSize:
        sizes = [part.sizeHint() for part in self._shown()]
        width = sum(size.width() + self._spacing for size in sizes) - self._spacing
        return QSize(max(0, width), max((size.height() for size in sizes), default=0))

    def minimumSizeHint(self) -> QSize:
        sizes = [part.sizeHint() for part in self._shown()]
        return QSize(
            max((size.width() for size in sizes), default=0), max((size.height() for size in sizes), default=0)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place(self.width(), move=True)
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._again()
        return super().event(event)

    def _again(self) -> None:
        self._place(self.width(), move=True)
        self.updateGeometry()

    def _shown(self) -> list[QWidget]:
        return [part for part in self._parts if not part.isHidden()]

    def _place(self, width: int, *, move: bool) -> int:
        x = y = tall = 0
        for part in self._shown():
            size = part.sizeHint()
            if x > 0 and x + size.width() > width:
                x, y, tall = 0, y + tall + self._spacing, 0
            if move:
                part.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + self._spacing
            tall = max(tall, size.height())
        return y + tall

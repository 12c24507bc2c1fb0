"""A field that opens in place of what it edits."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class InlineEdit(QLineEdit):
    """Enter or leaving keeps what was typed, Escape does not; then it says so once and is gone."""

    kept = Signal(str)
    closed = Signal()
    double_clicked_whole = Signal()
    """The second click of a double-click that began before the field opened."""

    def __init__(
        self,
        parent: QWidget,
        place: QRect,
        text: str,
        name: str,
        *,
        alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        typed: str = "",
    ) -> None:
        super().__init__(typed or text, parent)
        self.setProperty("kind", "inline")
        self.setAlignment(alignment)
        self.setAccessibleName(name)
        self.setGeometry(place)
        self._open = True
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        if typed:
            self.end(False)
        else:
            self.selectAll()

    def keep(self) -> None:
        """Close and tell what was typed."""
        self._close(keep=True)

    def cancel(self) -> None:
        """Close and forget what was typed."""
        self._close(keep=False)

    def _close(self, *, keep: bool) -> None:
        if not self._open:
            return
        self._open = False
        parent = self.parentWidget()
        if self.hasFocus() and parent is not None:
            parent.setFocus(Qt.FocusReason.OtherFocusReason)
        self.hide()
        self.deleteLater()
        self.closed.emit()
        if keep:
            self.kept.emit(self.text())

    def event(self, event: QEvent) -> bool:
        # Typing must not set off the shortcuts of the window.
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancel()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.keep()  # here and not by returnPressed: the field would pass the key on to what opens it again
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.keep()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.hasSelectedText() and self.selectedText() == self.text():
            self.double_clicked_whole.emit()
        else:
            super().mouseDoubleClickEvent(event)

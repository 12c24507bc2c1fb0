"""A widget on which files and pictures may be dropped."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from studio.widgets.parts import KeyboardFocus, droppable, dropped


class DropTarget(KeyboardFocus):
    """Says what was dropped, and knows (``drop_hint``) whether something is held over it."""

    dropped = Signal(object)
    """A list of paths, or of one uint8 picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.drop_hint = False
        self.setAcceptDrops(True)

    def _held_over(self, on: bool) -> None:
        self.drop_hint = on
        self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()) and event.source() is not self:
            event.acceptProposedAction()
            self._held_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._held_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._held_over(False)
        things = dropped(event.mimeData())
        if things:
            event.acceptProposedAction()
            self.dropped.emit(things)

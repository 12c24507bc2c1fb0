"""Below the canvas of pictures: what the full size takes, its progress, and the button that makes it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.widgets.parts import ElidedLabel, text_button
from studio.widgets.progressline import ProgressLine


class FullBar(QWidget):
    """Only there when what is shown is not the whole yet, or while the whole is made."""

    start_asked = Signal()
    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 6, 16, 10)
        column.setSpacing(6)
        self.line = ProgressLine()
        self.said = ElidedLabel("", "dim")
        self.stop = text_button(self.tr("Stop"), self.stop_asked.emit, kind="quiet", icon_name="stop")
        self.start = text_button("", self.start_asked.emit, kind="primary", icon_name="play")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.said, 1)
        row.addWidget(self.stop)
        row.addWidget(self.start)
        column.addWidget(self.line)
        column.addLayout(row)
        self.hide()

    def show_state(self, *, running: bool, needed: bool, text: str, said: str) -> None:
        """``needed``: there is more to make than what is shown; ``text``: of the button."""
        self.setVisible(running or needed)
        self.line.setVisible(running)
        self.stop.setVisible(running)
        self.start.setVisible(needed and not running)
        self.start.setText(text)
        self.said.setText(said)

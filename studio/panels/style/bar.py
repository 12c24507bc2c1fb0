"""Below the canvas: the iterates, the progress, and the buttons that start, pause, stop and branch."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from studio.widgets.icons import icon
from studio.widgets.iterates import IterateStrip
from studio.widgets.parts import ElidedLabel, text_button
from studio.widgets.progressline import ProgressLine
from studio.widgets.tokens import Theme


class RunBar(QWidget):
    """Says what was pressed; :meth:`show_state` says what can be."""

    start_asked = Signal()
    pause_asked = Signal(bool)
    stop_asked = Signal()
    branch_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paused = False
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 6, 16, 10)
        column.setSpacing(6)
        self.strip = IterateStrip()
        self.strip.set_placeholder(
            self.tr("The iterates of a run stand here: drag along them to see the picture grow.")
        )
        self.line = ProgressLine()
        self.said = ElidedLabel("", "dim")
        self.branch = self._button("branch", self.tr("Branch here"), self.branch_asked.emit)
        self.branch.setToolTip(self.tr("Go on from the iterate that is looked at, with the sliders as they are now"))
        self.pause = self._button("pause", self.tr("Pause"), lambda: self.pause_asked.emit(not self._paused))
        self.stop = self._button("stop", self.tr("Stop"), self.stop_asked.emit)
        self.stop.setToolTip(self.tr("End the run and keep the picture as it is"))
        self.start = text_button(self.tr("Start"), self.start_asked.emit, kind="primary", icon_name="play")
        self.start.setToolTip(self.tr("Start (Ctrl+Enter)"))
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.said, 1)
        for button in (self.branch, self.pause, self.stop, self.start):
            row.addWidget(button)
        column.addWidget(self.strip)
        column.addWidget(self.line)
        column.addLayout(row)
        self.show_state(running=False)

    def _button(self, icon_name: str, text: str, slot: object) -> QPushButton:
        return text_button(text, slot, kind="quiet", icon_name=icon_name)  # type: ignore[arg-type]

    def show_state(
        self,
        *,
        running: bool,
        paused: bool = False,
        possible: bool = True,
        branch: bool = False,
        iterates: bool = True,
        pausable: bool = True,
        start: str = "",
    ) -> None:
        """Which buttons there are and which of them can be pressed."""
        self._paused = paused
        self.strip.setVisible(iterates)
        self.branch.setVisible(iterates)
        self.branch.setEnabled(branch)
        self.pause.setVisible(running and pausable)
        self.stop.setVisible(running)
        self.start.setVisible(not running)
        self.start.setEnabled(possible)
        self.start.setText(start or self.tr("Start"))
        text = self.tr("Go on") if paused else self.tr("Pause")
        if text != self.pause.text():
            self.pause.setText(text)
            self.pause.setIcon(icon("play" if paused else "pause", Theme.INK))

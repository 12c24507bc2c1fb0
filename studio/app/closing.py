"""Closing the window: questions first, then every file to its end, then gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

if TYPE_CHECKING:
    from studio.app.window import MainWindow


class Closing(QObject):
    """:meth:`asked` is the close event's answer; what has to be waited for closes the window later."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._in_event = False
        self.ending = False
        """Nothing is left to ask or to wait for."""

    def asked(self) -> bool:
        """Somebody wants the window closed: True when it may close now."""
        if not self.ending:
            # Qt ignores close() within a close event, so the last step only marks the end there.
            self._in_event = True
            self._window.commands.end_jobs_then(self._question)
            self._in_event = False
        return self.ending

    def _question(self, *_: object) -> None:
        """Ask about changes once no save is under way (one may be making the question unnecessary)."""
        window = self._window
        if window.document.saving:
            window.commands.show_waiting(self.tr("Saving …"))
            window.files_lane.idle_changed.connect(self._question, Qt.ConnectionType.SingleShotConnection)
            return
        window.commands.hide_waiting()
        window.files.guarded(self._end)

    def _end(self, *_: object) -> None:
        """Close for good, as soon as every file is written."""
        window = self._window
        for lane in (window.files_lane, window.autosaver.lane, window.errands):
            if not lane.idle:
                window.commands.show_waiting(self.tr("Finishing …"))
                lane.idle_changed.connect(self._end, Qt.ConnectionType.SingleShotConnection)
                return
        window.commands.hide_waiting()
        self.ending = True
        window.keeper.save()
        window.autosaver.close()
        window.exporter.close()
        if not self._in_event:
            window.close()

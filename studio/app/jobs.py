"""Feeds the job strip: long jobs with phase, steps, honest time left, preview, pause and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from studio.app import language
from studio.base.steps import Preview
from studio.widgets.jobstrip import JobStrip

if TYPE_CHECKING:
    from studio.worker.bridge import Worker
    from studio.worker.job import JobView

QUIET_KEYS = frozenset({"document", "autosave", "errands"})
"""Keys of file jobs that tell of themselves elsewhere (or not at all)."""


class Jobs(QObject):
    """Owns the strip; the strip knows no worker."""

    def __init__(self, worker: Worker, parent: QWidget) -> None:
        super().__init__(parent)
        self._worker = worker
        self.strip = JobStrip()

    def long_jobs(self) -> list[JobView]:
        """The jobs that a person would call jobs: long ones, and imports; the running one first."""
        return [view for view in self._worker.jobs() if self._counts(view)]

    def toggle_pause(self, job: int) -> None:
        """Pause or continue."""
        for view in self.long_jobs():
            if view.id == job:
                (self._worker.resume if view.state == "paused" else self._worker.pause)(job)

    @staticmethod
    def _counts(view: JobView) -> bool:
        return view.lane == "long" or (view.lane == "io" and view.key not in QUIET_KEYS)


__all__ = ["Jobs", "Preview", "language"]

"""Feeds the job strip: long jobs with phase, steps, honest time left, preview, pause and cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from studio.app import language
from studio.base.errors import StudioError
from studio.base.steps import Preview
from studio.widgets.jobstrip import JobStrip

if TYPE_CHECKING:
    from studio.worker.bridge import Worker
    from studio.worker.job import JobView

QUIET_KEYS = frozenset({"document", "autosave", "errands"})
"""Keys of file jobs that tell of themselves elsewhere (or not at all)."""
REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job that may be tried again."""

    job: int
    error: StudioError


class Jobs(QObject):
    """Owns the strip; the strip knows no worker."""

    def __init__(self, worker: Worker, parent: QWidget) -> None:
        super().__init__(parent)
        self._worker = worker
        self._failures: list[Failure] = []
        self._elsewhere: frozenset[str] = frozenset()
        self.strip = JobStrip()
        self.strip.pause_asked.connect(worker.pause)
        self.strip.resume_asked.connect(worker.resume)
        self.strip.cancel_asked.connect(worker.cancel)
        worker.jobs_changed.connect(self._show)
        worker.progress.connect(self._show)
        worker.preview.connect(self._preview)
        worker.failed.connect(self._failed)

    def long_jobs(self) -> list[JobView]:
        """What a person would call jobs: the long ones and imports, the running one first."""
        return [view for view in self._worker.jobs() if self._counts(view)]

    def leave_out(self, keys: frozenset[str]) -> None:
        """Jobs of these keys are shown by the panel in front; the strip leaves them out."""
        if keys != self._elsewhere:
            self._elsewhere = keys
            self._show()

    def toggle_pause(self, job: int) -> None:
        """Pause or continue."""
        for view in self.long_jobs():
            if view.id == job:
                (self._worker.resume if view.state == "paused" else self._worker.pause)(job)

    def failure_of(self, error: StudioError) -> int | None:
        """The job that ended with this error, if it was lately."""
        return next((failure.job for failure in self._failures if failure.error is error), None)

    @staticmethod
    def _counts(view: JobView) -> bool:
        # A job without a title works for something that shows by itself (thumbnails).
        return bool(view.title) and (view.lane == "long" or (view.lane == "io" and view.key not in QUIET_KEYS))

    def _show(self, *_: object) -> None:
        self.strip.set_jobs(
            [
                replace(view, phase=language.say(view.phase), note=language.say(view.note))
                for view in self.long_jobs()
                if view.key not in self._elsewhere
            ]
        )

    def _preview(self, job: int, preview: Preview) -> None:
        self.strip.set_preview(job, preview.image)

    def _failed(self, job: int, _request: object, error: StudioError) -> None:
        self._failures = [*self._failures, Failure(job, error)][-REMEMBERED:]

"""The window's own jobs in the worker: files beside the device, imports and searches among the long jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from PySide6.QtCore import QObject, Signal

from studio.base.errors import StudioError, as_studio_error

if TYPE_CHECKING:
    from studio.worker.bridge import Worker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting:
    then: Callable[[Any], object] | None
    failed: Callable[[StudioError], object] | None
    ended: Callable[[], object] | None


class Calls(QObject):
    """Starts functions as worker jobs and hands each result to the one that asked; ``failed`` gets the other errors."""

    failed = Signal(object)

    def __init__(self, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = worker
        self._waiting: dict[int, _Waiting] = {}
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        worker.cancelled.connect(self._cancelled)

    def start(
        self,
        function: Callable[[Any], Any],
        title: str,
        then: Callable[[Any], object] | None = None,
        failed: Callable[[StudioError], object] | None = None,
        *,
        key: str = "",
        where: Literal["device", "io"] = "device",
        ended: Callable[[], object] | None = None,
    ) -> int:
        """Run ``function(context)`` as a job titled ``title``; then ``then(result)`` or ``failed(error)``.

        ``ended`` is called in every case, cancelled included, after them.
        """
        job = self._worker.call(function, title, key, where)
        self._waiting[job] = _Waiting(then, failed, ended)
        return job

    def _finish(self, job: int, tell: Callable[[_Waiting], object]) -> None:
        waiting = self._waiting.pop(job, None)
        if waiting is not None:
            try:
                tell(waiting)
            finally:
                if waiting.ended is not None:
                    waiting.ended()

    def _finished(self, job: int, request: object, result: object) -> None:
        self._finish(job, lambda waiting: waiting.then(result) if waiting.then is not None else None)

    def _failed(self, job: int, request: object, error: StudioError) -> None:
        self._finish(job, lambda waiting: (waiting.failed or self.failed.emit)(error))

    def _cancelled(self, job: int) -> None:
        self._finish(job, lambda _: None)


class Lane(QObject):
    """Functions one after the other, off the UI thread, beside the device: saving never waits for a training.

    ``idle_changed(bool)`` tells when the lane becomes busy or empty; ``failed`` gets errors that nobody handles.
    """

    idle_changed = Signal(bool)
    failed = Signal(object)

    def __init__(self, worker: Worker, key: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self._calls = Calls(worker, self)
        self._calls.failed.connect(self.failed)
        self._open = 0

    @property
    def idle(self) -> bool:
        """Nothing runs, waits, or is on its way back."""
        return self._open == 0

    def submit(
        self,
        function: Callable[[], T],
        done: Callable[[T], object] | None = None,
        failed: Callable[[StudioError], object] | None = None,
        *,
        doing: str = "This step",
    ) -> int:
        """Run ``function()`` in the lane, then ``done(result)`` or ``failed(error)`` in the UI thread.

        ``doing`` is the job's title and begins the sentence of an error that has none of its own.
        """

        def run(_: object) -> T:
            try:
                return function()
            except Exception as exc:
                raise as_studio_error(exc, doing=doing) from exc

        self._open += 1
        if self._open == 1:
            self.idle_changed.emit(False)
        return self._calls.start(run, doing, done, failed, key=self.key, where="io", ended=self._ended)

    def _ended(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.idle_changed.emit(True)

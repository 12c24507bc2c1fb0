"""One serial lane for files beside the worker's: saving must never wait for a picture that is being made."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from studio.base.errors import StudioError, as_studio_error

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Task:
    function: Callable[[], Any]
    done: Callable[[Any], object] | None
    failed: Callable[[StudioError], object] | None
    doing: str


class Background(QObject):
    """Runs functions one after the other in a thread of its own; their results arrive in the UI thread.

    ``idle_changed(bool)`` tells when the lane becomes busy or empty.  A failure that nobody handles goes to ``failed``.
    """

    idle_changed = Signal(bool)
    failed = Signal(object)
    _ended = Signal(object, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._open = 0
        self._stopped = False
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

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
    ) -> None:
        """Run ``function()`` in the lane, then ``done(result)`` or ``failed(error)`` in the UI thread."""
        if self._stopped:
            raise RuntimeError("the background lane was stopped")
        self._open += 1
        if self._open == 1:
            self.idle_changed.emit(False)
        self._tasks.put(_Task(function, done, failed, doing))

    def stop(self) -> None:
        """Finish what was submitted, then end the thread (waits; results are no longer delivered)."""
        if not self._stopped:
            self._stopped = True
            self._tasks.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            result: Any = None
            error: StudioError | None = None
            try:
                result = task.function()
            except BaseException as exc:
                error = as_studio_error(exc, doing=task.doing)
            try:
                self._ended.emit(task, result, error)
            except RuntimeError:  # the application is gone already; the work itself is done
                return

    def _deliver(self, task: _Task, result: Any, error: StudioError | None) -> None:
        self._open -= 1
        try:
            if error is None:
                if task.done is not None:
                    task.done(result)
            elif task.failed is not None:
                task.failed(error)
            else:
                self.failed.emit(error)
        finally:
            if self._open == 0:
                self.idle_changed.emit(True)

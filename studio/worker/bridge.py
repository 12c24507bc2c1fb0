"""The worker as Qt sees it: commands in, signals out, everything slow elsewhere.

Imports neither torch nor the engine: both arrive in the worker's thread with the first request (or
:meth:`Worker.warm_up`).  No command waits for work: each takes a lock for microseconds and returns.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QCoreApplication, QObject, Qt, QThread, QTimer, Signal

from studio.base.errors import StudioError, as_studio_error
from studio.worker.job import Happened, JobView
from studio.worker.outbox import Outbox
from studio.worker.pool import IoPool
from studio.worker.runner import Runner

if TYPE_CHECKING:
    from studio.checkpoints.library import Library
    from studio.engine.context import Context
    from studio.engine.devices import DeviceInfo
    from studio.project.assets import AssetStore
    from studio.project.requests import Precision

log = logging.getLogger(__name__)

DELIVERY_S = 0.008
"""How long the UI thread delivers in one go before it lets other events through."""
STATUS_S = 0.5
"""How often the status is told at most while jobs run."""
STACK_BYTES = 16 << 20
"""Stack of the worker's thread: macOS gives only 512 KB, which deep networks outgrow."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The live read-out.  Bytes; ``device`` is "" and ``devices`` empty until the first request needed one."""

    device: str = ""
    device_name: str = ""
    devices: tuple[DeviceInfo, ...] = ()
    precision: str = "fast"
    memory_used: int = 0
    memory_total: int = 0
    models_bytes: int = 0
    queue: int = 0
    last_ms: float | None = None
    """From the submission of the last live request to its result."""


class _DeviceThread(QThread):
    """The one thread that touches the device.  No event loop: it sleeps on the runner's condition."""

    def __init__(self, runner: Runner, after_tick: Callable[[bool], None]) -> None:
        super().__init__()
        self.setObjectName("studio-device")
        self.setStackSize(STACK_BYTES)
        self._runner = runner
        self._after_tick = after_tick

    def run(self) -> None:
        _lower_priority()
        self._runner.serve(self._after_tick)


class Worker(QObject):
    """Runs requests and functions off the UI thread; lives in the UI thread.

    Every job ends with exactly one of ``finished``, ``failed``, ``cancelled``, ``replaced`` (a live request that a
    newer one of its key overtook).  Signals arrive in the UI thread; previews and progress at most 20 times a second
    for each job, the last one always.  ``request`` is the request as last updated, ``None`` for :meth:`call`.
    """

    started = Signal(int)
    progress = Signal(int, object)
    """(id, JobView): ``phase``, ``done``, ``total`` as in Progress, and ``eta_s``."""
    preview = Signal(int, object)
    """(id, Preview)"""
    loss = Signal(int, object)
    """(id, Loss)"""
    finished = Signal(int, object, object)
    """(id, request, result)"""
    failed = Signal(int, object, object)
    """(id, request, StudioError)"""
    cancelled = Signal(int)
    replaced = Signal(int)
    jobs_changed = Signal()
    status_changed = Signal(object)
    """(WorkerStatus)"""
    trouble = Signal(object)
    """(StudioError) that belongs to no job: a device that is not there."""

    _bell = Signal()

    def __init__(
        self,
        *,
        assets: AssetStore | None = None,
        library: Library | None = None,
        device: str = "auto",
        precision: Precision = "fast",
        budget_bytes: int | None = None,
        context: Callable[[], Any] | None = None,
        start: Callable[[Any, Any], Any] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """``context`` and ``start`` replace the engine's Context and registry (tests, the window on mocks)."""
        super().__init__(parent)
        self._make_context = context or (
            lambda: _engine_context(assets, library, device=device, precision=precision, budget_bytes=budget_bytes)
        )
        self._real_start = start
        self._context_lock = threading.Lock()
        self._context: Any = None
        self._devices: tuple[DeviceInfo, ...] = ()
        self._status = WorkerStatus(precision=precision)
        self._status_at = 0.0
        self._stopped = False
        self._landed: dict[str, int] = {}
        self._muted: set[int] = set()

        ids = count(1)
        self._outbox = Outbox(self._ring)
        self._runner = Runner(self._shared_context, self._start, self._outbox.put, ids=ids)
        self._pool = IoPool(self._files_context, self._outbox.put, ids=ids)
        self._bell.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._deliver)

        self._thread = _DeviceThread(self._runner, self._after_tick)
        self._thread.start(QThread.Priority.LowPriority)
        atexit.register(self.stop)
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.stop)

    # Jobs -------------------------------------------------------------------------------------------------------

    def live(self, key: str, request: Any) -> int:
        """Ask for a picture now; the latest request of ``key`` wins.  The id of the job that will answer it.

        That may be the id of an earlier, equal request that is still being worked on.
        """
        return self._runner.live(key, request)

    def long(self, request: Any, title: str, key: str = "", *, device: str = "") -> int:
        """Queue a long job, first in, first out; ``device`` for this job alone.  Its id."""
        return self._runner.long(request, title, key, device=device)

    def call(
        self,
        function: Callable[[Context], Any],
        title: str,
        key: str = "",
        where: Literal["device", "io"] = "device",
    ) -> int:
        """Run ``function(context)`` off the UI thread; it returns a value or a Steps generator.  The job's id.

        ``device``: among the long jobs, with networks at hand.  ``io``: at once, beside the device, for files (open,
        import, read a picture, encode); calls of one ``key`` run in order; the context there has assets and
        library but neither device nor models.
        """
        return (self._pool if where == "io" else self._runner).call(function, title, key)

    def cancel(self, job_id: int) -> None:
        """End a job before its next step; no preview of it is delivered any more."""
        if self._runner.cancel(job_id) or self._pool.cancel(job_id):
            self._muted.add(job_id)

    def cancel_key(self, key: str) -> None:
        """End every job of this key."""
        for view in self.jobs():
            if view.key == key:
                self.cancel(view.id)

    def pause(self, job_id: int) -> None:
        """Let a long job rest after its current step.  It keeps its place: those behind it wait, live ones do not."""
        if not self._runner.pause(job_id):
            self._pool.pause(job_id)

    def resume(self, job_id: int) -> None:
        """Let a paused job go on."""
        if not self._runner.resume(job_id):
            self._pool.resume(job_id)

    def update(self, job_id: int, request: Any) -> bool:
        """Send a newer request into a running long job; ``False`` when it has ended."""
        return self._runner.update(job_id, request)

    def retry(self, job_id: int, device: str = "") -> int | None:
        """Try a failed job again, on ``device`` if given (``error.offer`` of a NotEnoughMemory).  Its id, if known."""
        return self._runner.retry(job_id, device)

    def jobs(self) -> list[JobView]:
        """The unfinished jobs: live, long in their order, files."""
        return self._runner.views() + self._pool.views()

    # Settings ---------------------------------------------------------------------------------------------------

    @property
    def status(self) -> WorkerStatus:
        """The latest status that was told."""
        return self._status

    def warm_up(self) -> None:
        """Load torch and choose the device now, in the worker's thread (call it once the window is up)."""
        self._runner.post(lambda: self._guarded(self._warm))

    def set_device(self, device: str) -> None:
        """Work on another device from the next job on (``auto``, ``cpu``, ``cuda:0``, ``mps``)."""
        self._control(lambda context: context.use_device(device))

    def set_precision(self, precision: Precision) -> None:
        """The default for requests that do not say."""

        def change(context: Any) -> None:
            context.precision = precision

        self._control(change)

    def set_budget(self, budget_bytes: int | None) -> None:
        """Bytes that loaded models may take; ``None``: a sensible part of what there is."""
        self._control(lambda context: context.use_budget(budget_bytes))

    def set_assets(self, assets: AssetStore) -> None:
        """The assets of another project, for every job that begins from now on."""
        self._shared_context().assets = assets

    def free_memory(self) -> None:
        """Give back caches and models that are not in use."""
        self._control(lambda context: context.free(keep_latest=False))

    def stop(self) -> None:
        """Cancel everything and end the threads; waits for the step that runs now.  May be called twice."""
        if self._stopped:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        self._outbox.close()
        self._runner.ask_to_close()
        self._pool.close()
        self._thread.wait()
        try:
            self._timer.stop()
        except RuntimeError:  # the application took it away before us
            log.debug("The delivery timer was gone already")

    # In the worker's threads --------------------------------------------------------------------------------------

    def _shared_context(self) -> Any:
        with self._context_lock:
            if self._context is None:
                self._context = self._make_context()
            return self._context

    def _files_context(self) -> Any:
        context = self._shared_context()
        return context.for_files() if hasattr(context, "for_files") else context

    def _start(self, context: Any, request: Any) -> Any:
        if self._real_start is not None:
            return self._real_start(context, request)
        self._warm()
        from studio.engine import registry

        return registry.start(context, request)

    def _warm(self) -> None:
        if self._devices or self._real_start is not None:
            return
        from studio.engine import devices

        devices.load_torch()
        devices.set_threads()
        self._devices = tuple(devices.available_devices())
        _ = self._shared_context().device
        self._tell_status()

    def _control(self, change: Callable[[Any], None]) -> None:
        def control() -> None:
            change(self._shared_context())
            self._tell_status()

        self._runner.post(lambda: self._guarded(control))

    def _guarded(self, control: Callable[[], None]) -> None:
        try:
            control()
        except Exception as error:
            self._outbox.put(Happened("trouble", payload=as_studio_error(error, doing="Changing the device")))

    def _after_tick(self, worked: bool) -> None:
        if not worked or time.monotonic() - self._status_at >= STATUS_S:
            self._tell_status()

    def _tell_status(self) -> None:
        self._status_at = time.monotonic()
        context, last = self._context, self._runner.last_live_s
        device = getattr(context, "device_in_use", "")
        used = total = models = 0
        if "torch" in sys.modules and device:
            from studio.engine import devices

            memory = devices.memory_use(device)
            used, total, models = memory.used, memory.total, context.models.used
        status = WorkerStatus(
            device=device,
            device_name=next((info.name for info in self._devices if info.id == device), ""),
            devices=self._devices,
            precision=getattr(context, "precision", self._status.precision),
            memory_used=used,
            memory_total=total,
            models_bytes=models,
            queue=len(self._runner) + len(self._pool),
            last_ms=None if last is None else last * 1000,
        )
        self._outbox.put(Happened("status", payload=status))

    def _ring(self) -> None:
        try:
            self._bell.emit()
        except RuntimeError:  # the application is gone already
            self._outbox.close()

    # In the UI thread -------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        until = time.perf_counter() + DELIVERY_S
        changed = False
        while not self._stopped and (event := self._outbox.take()) is not None:
            changed |= event.what not in ("preview", "progress", "loss", "status", "trouble")
            self._emit(event)
            if time.perf_counter() >= until:
                break
        if self._stopped:
            return
        if changed:
            self.jobs_changed.emit()
        due = self._outbox.due()
        if due is not None:
            self._timer.start(math.ceil(due * 1000))

    def _emit(self, event: Happened) -> None:
        job = event.job
        if event.lane == "live" and event.what in ("preview", "finished"):
            # The lanes give results in order; should one ever come late, it does not land.
            if job < self._landed.get(event.key, 0):
                log.error("A stale %s of job %d was dropped", event.what, job)
                if event.what == "finished":
                    self.replaced.emit(job)
                return
            self._landed[event.key] = job
        match event.what:
            case "started":
                self.started.emit(job)
            case "progress":
                self.progress.emit(job, event.payload)
            case "preview" if job not in self._muted:
                self.preview.emit(job, event.payload)
            case "loss":
                self.loss.emit(job, event.payload)
            case "finished":
                self.finished.emit(job, event.request, event.payload)
            case "failed":
                self.failed.emit(job, event.request, event.payload)
            case "cancelled":
                self.cancelled.emit(job)
            case "replaced":
                self.replaced.emit(job)
            case "status":
                if event.payload != self._status:
                    self._status = event.payload
                    self.status_changed.emit(event.payload)
            case "trouble":
                self.trouble.emit(event.payload)
        if event.what in ("finished", "failed", "cancelled", "replaced"):
            self._muted.discard(job)


def _engine_context(assets: Any, library: Any, **wishes: Any) -> Any:
    from studio.engine.context import Context

    return Context(assets=assets, library=library, **wishes)


def _lower_priority() -> None:
    """Let the window's thread go first.  torch's own threads inherit this where threads have a niceness (Linux)."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 1)
        except OSError:
            log.debug("The worker keeps its priority", exc_info=True)


__all__ = ["JobView", "StudioError", "Worker", "WorkerStatus"]

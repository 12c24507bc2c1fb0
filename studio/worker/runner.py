"""Takes the steps of jobs, one at a time, in the thread that owns the device.  Qt-free, driven by :meth:`Runner.tick`.

Commands (live, long, call, cancel, pause, resume, update) may come from any thread: they change the lanes under a
lock and wake the runner.  Generators are begun, advanced and closed only inside :meth:`Runner.tick` and
:meth:`Runner.close`, that is in the runner's thread, and never under the lock.

A job ends in exactly one of the states done, failed, cancelled, replaced, and is told once.  Cancel is granted
before any further step of any job.  Out of memory walks the ladder of :mod:`studio.engine.memory`: the operation is
begun again with a more modest context.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

from studio.base.errors import StudioError, as_studio_error
from studio.base.steps import Loss, Preview, Progress
from studio.worker.job import (
    Broke,
    Ended,
    Happened,
    Job,
    JobView,
    Lane,
    Sink,
    State,
    Stopped,
    close_steps,
    take_step,
)
from studio.worker.queue import JobQueue

log = logging.getLogger(__name__)


class Climb(Protocol):
    """The way of one job up the ladder of smaller ways."""

    def up(self, context: Any, request: Any) -> tuple[Any, str] | None:
        """A more modest context and the sentence that says what was made smaller; ``None`` at the end."""
        ...

    def failure(self, context: Any, doing: str, detail: str) -> StudioError:
        """What to tell when nothing helped."""
        ...


class Memory(Protocol):
    """How running out of memory is recognised and met (``studio.engine.memory`` is the real one)."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """By type, never by text."""
        ...

    def Climb(self) -> Climb:
        """A new climb."""
        ...

    def explain(self, error: BaseException, doing: str) -> StudioError:
        """Any failure in sentences."""
        ...


class Runner:
    """See the module.  ``context``: makes or gives the worker's context; ``start(context, request)``: the operation.

    ``clock`` is monotonic seconds; ``ids`` numbers the jobs (share it with a pool to keep them unique).
    """

    def __init__(
        self,
        context: Callable[[], Any],
        start: Callable[[Any, Any], Any],
        sink: Sink,
        *,
        memory: Memory | None = None,
        ids: Iterator[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._start = start
        self._sink = sink
        self._memory = memory
        self._ids = ids if ids is not None else count(1)
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._queue = JobQueue()
        self._jobs: dict[int, Job] = {}
        self._failed: deque[Job] = deque(maxlen=32)
        self._controls: deque[Callable[[], None]] = deque()
        self._closing = False
        self._closed = False
        self.last_live_s: float | None = None
        """Seconds from the submission of the last finished live request to its result."""

    # Commands, from any thread ----------------------------------------------------------------------------------

    def live(self, key: str, request: Any) -> int:
        """Ask for ``request`` in the live lane ``key``; the id of the job that will answer it (see JobQueue)."""
        with self._changed:
            answering, needless = self._queue.pending(key, request)
            if needless is not None:
                self._end(needless, "replaced")
            if answering is not None:
                return answering.id
            return self._add(Job(next(self._ids), "live", key, "", request))

    def long(self, request: Any, title: str, key: str = "", *, device: str = "") -> int:
        """Queue a long job; ``device`` for this job alone ("" : the worker's)."""
        with self._changed:
            return self._add(Job(next(self._ids), "long", key, title, request, device=device))

    def call(self, function: Callable[[Any], Any], title: str, key: str = "") -> int:
        """Queue ``function(context)``, which returns a value or a Steps generator, among the long jobs."""
        with self._changed:
            return self._add(Job(next(self._ids), "long", key, title, function=function))

    def retry(self, job_id: int, device: str = "") -> int | None:
        """Queue the request of a failed job again, on ``device`` if given; ``None`` when it is not known any more."""
        with self._changed:
            job = next((job for job in self._failed if job.id == job_id), None)
            if job is None:
                return None
            again = Job(next(self._ids), job.lane, job.key, job.title, job.request, job.function, device=device)
            return self._add(again)

    def cancel(self, job_id: int) -> bool:
        """End a job.  One that runs is closed before any further step.  ``False``: it had ended already."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.stopping is not None:
                return False
            if job.steps is None and not job.stepping:
                self._end(job, "cancelled")
            else:
                job.stopping = "cancelled"
                self._changed.notify_all()
            return True

    def cancel_key(self, key: str) -> int:
        """End every job of this key in every lane; how many."""
        with self._changed:
            return sum(self.cancel(job.id) for job in list(self._queue.jobs()) if job.key == key)

    def pause(self, job_id: int) -> bool:
        """Let a long job rest after its current step; it keeps its place.  ``False``: not a job that can."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.lane != "long" or job.state == "paused" or job.stopping is not None:
                return False
            job.state = "paused"
            job.pace.pause(self._clock())
            self._tell("changed", job)
            return True

    def resume(self, job_id: int) -> bool:
        """Let a paused job go on."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state != "paused":
                return False
            job.pace.resume(self._clock())
            job.state = "waiting" if job.started is None else "running"
            self._tell("changed", job)
            self._changed.notify_all()
            return True

    def update(self, job_id: int, request: Any) -> bool:
        """Give a long job a newer request (the latest counts); one that runs gets it sent in with its next step."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.lane != "long" or job.function is not None or job.stopping is not None:
                return False
            if job.steps is None and not job.stepping:
                job.request = request
            else:
                job.update = request
            return True

    def post(self, control: Callable[[], None]) -> None:
        """Run ``control`` in the runner's thread before its next step (another device, another budget)."""
        with self._changed:
            if not self._closing:
                self._controls.append(control)
                self._changed.notify_all()

    def views(self) -> list[JobView]:
        """The unfinished jobs: live ones, then long ones in their order."""
        with self._changed:
            now = self._clock()
            return [job.view(now, self._queue.behind(job)) for job in self._queue.jobs()]

    def __len__(self) -> int:
        return len(self._queue)

    def ask_to_close(self) -> None:
        """Make :meth:`serve` end after the current step.  Requests that come later are cancelled at once."""
        with self._changed:
            self._closing = True
            self._controls.clear()
            self._changed.notify_all()

    # Work, in the runner's thread ---------------------------------------------------------------------------------

    def serve(self, after_tick: Callable[[bool], None] | None = None) -> None:
        """Tick and sleep until asked to close, then close.  ``after_tick(worked)`` is called after every tick."""
        while not self._closing:
            try:
                worked = self.tick()
                if after_tick is not None:
                    after_tick(worked)
            except Exception:  # a defect of ours must not take the thread, and every later job, with it
                log.exception("The worker stumbled")
                worked = False
            if not worked:
                with self._changed:
                    if not self._closing and not self._ready():
                        self._changed.wait()
        self.close()

    def tick(self) -> bool:
        """Do what was asked for, then take one step of one job.  ``False``: there was nothing to do."""
        worked = False
        while self._controls:
            with self._changed:
                control = self._controls.popleft() if self._controls else None
            if control is not None:
                worked = True
                control()
        with self._changed:
            for job in self._queue.overtaken():
                job.stopping = "replaced"
            stopping = [job for job in self._queue.jobs() if job.stopping is not None]
        for job in stopping:
            worked = True
            close_steps(job)
            with self._changed:
                self._end(job, job.stopping or "cancelled")
        with self._changed:
            chosen = None if self._closing else self._queue.choose(self._clock())
            if chosen is None:
                return worked
            chosen.stepping = True
            update, chosen.update = chosen.update, None
            if update is not None:
                chosen.request = update
            if chosen.started is None:
                chosen.started = time.time()
                chosen.state = "running"
                chosen.pace.begin(self._clock())
                self._tell("started", chosen)
        self._step(chosen, update)
        return True

    def close(self) -> None:
        """Cancel everything and close the generators.  The runner takes no more work."""
        with self._changed:
            self._closing = True
            if self._closed:
                return
            self._closed = True
            jobs = list(self._queue.jobs())
        for job in jobs:
            close_steps(job)
            with self._changed:
                self._end(job, "cancelled")

    # Inside -------------------------------------------------------------------------------------------------------

    def _add(self, job: Job) -> int:
        job.submitted = self._clock()
        self._jobs[job.id] = job
        if self._closing:
            self._end(job, "cancelled")
            return job.id
        self._queue.add(job)
        self._tell("changed", job)
        self._changed.notify_all()
        return job.id

    def _ready(self) -> bool:
        if self._controls or any(job.stopping for job in self._queue.jobs()):
            return True
        live = self._queue.active or self._queue.waiting
        return bool(live) or bool(self._queue.long and self._queue.long[0].state != "paused")

    def _begin(self, job: Job) -> Any:
        context = job.context
        if context is None:
            context = self._context()
            if job.device:
                context = job.context = context.derive(device=job.device)
        return self._start(context, job.request) if job.function is None else job.function(context)

    def _step(self, job: Job, update: Any) -> None:
        shown_before = job.shown
        begun = self._clock()
        outcome = take_step(job, lambda: self._begin(job), update)
        now = self._clock()
        with self._changed:
            self._queue.stepped(job, shown_before, now, now - begun)
            if not isinstance(outcome, Broke):
                self._came_out(job, outcome, now)
                job.stepping = False
                return
        self._broke(job, outcome)
        with self._changed:
            job.stepping = False

    def _came_out(self, job: Job, outcome: Progress | Preview | Loss | Ended | Stopped, now: float) -> None:
        if isinstance(outcome, Stopped):
            self._end(job, "cancelled")
        elif isinstance(outcome, Ended):
            if job.stopping is not None and job.function is None:  # a picture that nobody wants any more
                self._end(job, job.stopping)
                return
            if job.lane == "live":
                self.last_live_s = now - job.submitted
            self._end(job, "done", outcome.result)
        elif job.stopping is not None:
            return
        elif isinstance(outcome, Progress):
            job.progress = outcome
            job.pace.progress(now, outcome)
            self._tell("progress", job, job.view(now, self._queue.behind(job)))
        elif isinstance(outcome, Preview):
            job.shown = True
            self._tell("preview", job, outcome)
        else:
            self._tell("loss", job, outcome)

    def _broke(self, job: Job, broke: Broke) -> None:
        """The operation raised: try a more modest way when it was memory, else tell."""
        job.steps = None
        if job.stopping is not None:
            log.warning("Job %d failed while it was being stopped", job.id, exc_info=broke.error)
            with self._changed:
                self._end(job, job.stopping)
            return
        doing = f"“{job.title}”" if job.title else "This step"
        try:
            error = self._more_modest(job, broke.error, doing)
        except Exception as fault:  # even freeing memory can fail; the job must end all the same
            log.exception("Job %d could not be tried again", job.id)
            error = as_studio_error(fault, doing=doing)
        if error is not None:
            with self._changed:
                job.error = error
                self._failed.append(job)
                self._end(job, "failed", error)

    def _more_modest(self, job: Job, error: BaseException, doing: str) -> StudioError | None:
        """Prepare the next try when memory ran out (``None``), else the failure in sentences."""
        memory = self._memory_rules()
        told = memory.explain(error, doing)
        if job.function is not None or not memory.is_out_of_memory(error):
            return told
        # The traceback keeps every tensor of the failed step alive: let it go before the next try.
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        job.climb = job.climb or memory.Climb()
        context = job.context if job.context is not None else self._context()
        next_try = job.climb.up(context, job.request)
        if next_try is None:
            failure: StudioError = job.climb.failure(context, doing, told.detail)
            return failure
        with self._changed:
            job.context, job.note = next_try
            job.progress = Progress(0, 0, job.note)
            job.pace.begin(self._clock())
            self._tell("progress", job, job.view(self._clock(), self._queue.behind(job)))
        return None

    def _memory_rules(self) -> Memory:
        if self._memory is None:
            from studio.engine import memory

            self._memory = memory
        return self._memory

    def _end(self, job: Job, state: State, payload: Any = None) -> None:
        """The one place where a job becomes final (under the lock)."""
        if job.over:
            return
        job.state = state
        job.steps = job.context = job.climb = None
        self._queue.remove(job)
        self._jobs.pop(job.id, None)
        if state == "done":
            self._tell("finished", job, payload)
        elif state == "failed":
            self._tell("failed", job, payload)
        elif state == "replaced":
            self._tell("replaced", job)
        else:
            self._tell("cancelled", job)

    def _tell(self, what: Any, job: Job, payload: Any = None) -> None:
        lane: Lane = job.lane
        self._sink(Happened(what, job.id, job.key, lane, payload, job.request))

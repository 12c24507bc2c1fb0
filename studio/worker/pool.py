"""The job contract for files: two threads beside the device, so that a save never waits for a training.  Qt-free.

Jobs take turns, one step each; those of one key go one after the other in the order in which they were asked for
(two saves of one project never cross).  A paused job steps aside.  Threads start with the first job, sleep when
there is nothing to do and end with :meth:`IoPool.close`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from studio.base.errors import as_studio_error
from studio.base.steps import Loss, Preview, Progress
from studio.worker.job import (
    Broke,
    Ended,
    Happened,
    Job,
    JobView,
    Outcome,
    Sink,
    State,
    Stopped,
    close_steps,
    take_step,
)

log = logging.getLogger(__name__)


class IoPool:
    """See the module.  ``context``: gives what ``function(context)`` gets."""

    def __init__(
        self,
        context: Callable[[], Any],
        sink: Sink,
        *,
        ids: Iterator[int] | None = None,
        threads: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._sink = sink
        self._ids = ids if ids is not None else count(1)
        self._count = threads
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._jobs: list[Job] = []
        self._threads: list[threading.Thread] = []
        self._closing = False

    # Commands, from any thread ----------------------------------------------------------------------------------

    def call(self, function: Callable[[Any], Any], title: str, key: str = "") -> int:
        """Queue ``function(context)``, which returns a value or a Steps generator."""
        with self._changed:
            job = Job(next(self._ids), "io", key, title, function=function, submitted=self._clock())
            if self._closing:
                self._end(job, "cancelled")
                return job.id
            self._jobs.append(job)
            if len(self._threads) < min(self._count, len(self._jobs)):
                thread = threading.Thread(target=self._work, name=f"studio-io-{len(self._threads) + 1}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._tell("changed", job)
            self._changed.notify_all()
            return job.id

    def cancel(self, job_id: int) -> bool:
        """End a job before its next step.  ``False``: it had ended already."""
        with self._changed:
            job = self._find(job_id)
            if job is None or job.stopping is not None:
                return False
            if job.steps is None and not job.stepping:
                self._end(job, "cancelled")
            else:
                job.stopping = "cancelled"
            self._changed.notify_all()
            return True

    def cancel_key(self, key: str) -> int:
        """End every job of this key; how many."""
        with self._changed:
            return sum(self.cancel(job.id) for job in list(self._jobs) if job.key == key)

    def pause(self, job_id: int) -> bool:
        """Let a job rest after its current step; others go on (but not those of its key)."""
        with self._changed:
            job = self._find(job_id)
            if job is None or job.state == "paused" or job.stopping is not None:
                return False
            job.state = "paused"
            job.pace.pause(self._clock())
            self._tell("changed", job)
            return True

    def resume(self, job_id: int) -> bool:
        """Let a paused job go on."""
        with self._changed:
            job = self._find(job_id)
            if job is None or job.state != "paused":
                return False
            job.pace.resume(self._clock())
            job.state = "waiting" if job.started is None else "running"
            self._tell("changed", job)
            self._changed.notify_all()
            return True

    def views(self) -> list[JobView]:
        """The unfinished jobs, oldest first."""
        with self._changed:
            now = self._clock()
            return [job.view(now) for job in sorted(self._jobs, key=lambda job: job.id)]

    def __len__(self) -> int:
        return len(self._jobs)

    def close(self) -> None:
        """Cancel everything after the steps that run now, and end the threads (waits for them)."""
        with self._changed:
            self._closing = True
            for job in list(self._jobs):
                self.cancel(job.id)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    # Work, in the pool's threads --------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.stopping is not None:
                close_steps(job)
                with self._changed:
                    self._end(job, job.stopping)
                    self._changed.notify_all()
                continue
            outcome = take_step(job, lambda job=job: job.function(self._context()))  # type: ignore[misc]
            with self._changed:
                job.stepping = False
                self._came_out(job, outcome)
                self._changed.notify_all()

    def _next(self) -> Job | None:
        """The next job to step or to close, marked as taken by this thread; sleeps; ``None`` when it is time to end."""
        with self._changed:
            while (job := self._in_turn()) is None:
                if self._closing and not self._jobs:
                    return None
                self._changed.wait()
            self._jobs.remove(job)  # to the end of the turn
            self._jobs.append(job)
            job.stepping = True
            if job.started is None:
                job.started = time.time()
                job.state = "running"
                job.pace.begin(self._clock())
                self._tell("started", job)
            return job

    def _in_turn(self) -> Job | None:
        first: dict[str, int] = {}
        for job in self._jobs:
            first[job.key] = min(job.id, first.get(job.key, job.id))
        for job in self._jobs:
            if job.stepping or (job.key and first[job.key] != job.id):
                continue
            if job.stopping is not None or job.state != "paused":
                return job
        return None

    def _came_out(self, job: Job, outcome: Outcome) -> None:
        now = self._clock()
        if isinstance(outcome, Ended):
            self._end(job, "done", outcome.result)
        elif isinstance(outcome, Stopped):
            self._end(job, "cancelled")
        elif isinstance(outcome, Broke):
            job.steps = None
            if job.stopping is not None:
                log.warning("Job %d failed while it was being stopped", job.id, exc_info=outcome.error)
                self._end(job, job.stopping)
                return
            job.error = as_studio_error(outcome.error, doing=f"“{job.title}”" if job.title else "This step")
            self._end(job, "failed", job.error)
        elif job.stopping is not None:
            return
        elif isinstance(outcome, Progress):
            job.progress = outcome
            job.pace.progress(now, outcome)
            self._tell("progress", job, job.view(now))
        elif isinstance(outcome, Preview):
            self._tell("preview", job, outcome)
        elif isinstance(outcome, Loss):
            self._tell("loss", job, outcome)

    def _find(self, job_id: int) -> Job | None:
        return next((job for job in self._jobs if job.id == job_id), None)

    def _end(self, job: Job, state: State, payload: Any = None) -> None:
        if job.over:
            return
        job.state = state
        job.steps = job.function = None
        if job in self._jobs:
            self._jobs.remove(job)
        what: Any = {"done": "finished", "failed": "failed"}.get(state, "cancelled")
        self._tell(what, job, payload)

    def _tell(self, what: Any, job: Job, payload: Any = None) -> None:
        self._sink(Happened(what, job.id, job.key, "io", payload))

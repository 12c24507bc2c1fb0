"""Which job is next: live lanes with room for one waiting request each, and one long lane.  Qt-free.

**Live.**  Every key (a panel, or a part of one) is a lane of its own.  At most one request of it is being worked
on and at most one waits: a newer one replaces the waiting one, an equal one is dropped in favour of the job that
will answer it anyway.  A job being worked on that *has shown a preview* gives way to a newer request of its key
between two of its steps; one that has shown nothing yet first shows its preview (or ends).  So an endless drag
keeps showing pictures, and a release is answered as soon as can be.

**Long.**  First in, first out; one is worked on.  A paused long job keeps its place and holds back those behind it
(the person decides the order, not the pause); live requests go on.

**Turns.**  Live requests that have shown nothing come first, the least recently served key before the others;
then live jobs that refine what they have shown; then the long job.  Those behind are never starved: work that has
waited ``patience`` times as long as its own last step (and at least ``floor`` seconds) gets one step in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from studio.worker.job import Job


@dataclass(slots=True)
class _Turn:
    """When a class of work had its last step, how long that took, and how long it waits at most for the next."""

    floor: float
    patience: float
    last: float = 0.0
    took: float = 0.0

    def due(self, now: float) -> bool:
        return now - self.last >= max(self.floor, self.patience * self.took)


class JobQueue:
    """The lanes and the rule of turns.  Not thread-safe: the runner holds its lock around every call."""

    def __init__(self) -> None:
        self.waiting: dict[str, Job] = {}
        self.active: dict[str, Job] = {}
        self.long: deque[Job] = deque()
        self._served: dict[str, int] = {}
        self._serial = count(1)
        self._refine = _Turn(floor=0.1, patience=3.0)
        self._long = _Turn(floor=2.0, patience=10.0)

    # In and out -----------------------------------------------------------------------------------------------

    def pending(self, key: str, request: Any) -> tuple[Job | None, Job | None]:
        """(the job of this key that will answer an equal request, the waiting one that ``request`` makes needless)."""
        waiting, active = self.waiting.get(key), self.active.get(key)
        if waiting is not None and _equal(waiting.request, request):
            return waiting, None
        if active is not None and active.stopping is None and _equal(active.request, request):
            return active, waiting
        return None, waiting

    def add(self, job: Job) -> None:
        """Put a job into its lane (a live one in place of the waiting one, which the caller has ended)."""
        if job.lane == "live":
            self.waiting[job.key] = job
            self._served.setdefault(job.key, 0)
        else:
            self.long.append(job)

    def remove(self, job: Job) -> None:
        """The job has ended."""
        if job.lane == "live":
            if self.waiting.get(job.key) is job:
                del self.waiting[job.key]
            if self.active.get(job.key) is job:
                del self.active[job.key]
        elif job in self.long:
            self.long.remove(job)

    def jobs(self) -> Iterator[Job]:
        """All unfinished jobs: live ones, then long ones in their order."""
        yield from self.active.values()
        yield from self.waiting.values()
        yield from self.long

    def behind(self, job: Job) -> int:
        """How many jobs of its lane come before it."""
        return self.long.index(job) if job in self.long else 0

    def __len__(self) -> int:
        return len(self.active) + len(self.waiting) + len(self.long)

    # Turns ----------------------------------------------------------------------------------------------------

    def overtaken(self) -> list[Job]:
        """Live jobs that have shown a preview and must give way to the newer request of their key."""
        return [job for key, job in self.active.items() if job.shown and key in self.waiting and not job.stopping]

    def choose(self, now: float) -> Job | None:
        """The job that takes the next step (a waiting one becomes its lane's active one); ``None``: nothing to do."""
        fresh = [job for job in self.active.values() if not job.shown]
        fresh += [job for key, job in self.waiting.items() if key not in self.active]
        refine = [job for job in self.active.values() if job.shown]
        long = self.long[0] if self.long and self.long[0].state != "paused" else None
        if not refine or not fresh:
            self._refine.last = now
        if long is None or not (fresh or refine):
            self._long.last = now

        if long is not None and (not (fresh or refine) or self._long.due(now)):
            return long
        if refine and (not fresh or self._refine.due(now)):
            return self._served_first(refine)
        if fresh:
            job = self._served_first(fresh)
            if self.waiting.get(job.key) is job:
                del self.waiting[job.key]
                self.active[job.key] = job
            return job
        return None

    def stepped(self, job: Job, shown_before: bool, now: float, took: float) -> None:
        """The job took a step that ended ``now`` and lasted ``took`` seconds."""
        if job.lane == "live":
            self._served[job.key] = next(self._serial)
            if shown_before:
                self._refine.last, self._refine.took = now, took
        else:
            self._long.last, self._long.took = now, took

    def _served_first(self, jobs: list[Job]) -> Job:
        return min(jobs, key=lambda job: (self._served.get(job.key, 0), job.id))


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)

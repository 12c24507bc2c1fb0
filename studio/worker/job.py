"""One job: what was asked, how far it is, and how to take one step of it.  Qt-free, torch-free."""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any, Literal

from studio.base.errors import Cancelled, StudioError
from studio.base.steps import Loss, Preview, Progress

log = logging.getLogger(__name__)

Lane = Literal["live", "long", "io"]
State = Literal["waiting", "running", "paused", "done", "failed", "cancelled", "replaced"]
"""``replaced``: a live request that a newer one of its lane overtook.  The last four are final."""

FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled", "replaced"})


class Pace:
    """How long is left, from measured steps: the median of recent ones, without the time spent paused.

    Time lent to live requests counts, since it is time that the person waits.  A new total begins anew.
    """

    RECENT = 31

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=self.RECENT)
        self._anchor: float | None = None
        self._done: float = 0
        self._total: float = 0
        self._paused_at: float | None = None

    def begin(self, now: float) -> None:
        """The job starts (again)."""
        self._steps.clear()
        self._anchor, self._done, self._total = now, 0, 0

    def pause(self, now: float) -> None:
        """Time does not count from now on."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        """Time counts again."""
        if self._paused_at is not None:
            if self._anchor is not None:
                self._anchor += now - self._paused_at
            self._paused_at = None

    def progress(self, now: float, told: Progress) -> None:
        """So many steps are taken, or so much of the work is done where steps differ in cost."""
        done, total = (told.done, told.total) if told.share is None else (told.share, 1.0)
        if self._paused_at is not None:  # the step during which pause was asked for counts until here
            now = min(now, self._paused_at)
        if self._anchor is None or total != self._total or done < self._done:
            # The first report of a phase only starts the watch: what came before it was preparation.
            self._steps.clear()
            self._anchor, self._done, self._total = now, done, total
            return
        if done > self._done:
            self._steps.append(max(0.0, now - self._anchor) / (done - self._done))
            self._anchor, self._done = now, done

    def eta(self, now: float) -> float | None:
        """Seconds left; ``None`` while it is not known (no total, or fewer than two measured steps)."""
        left = self._total - self._done
        if self._total <= 0 or len(self._steps) < 2 or self._anchor is None:
            return None
        step = statistics.median(self._steps)
        if self._paused_at is not None:
            now = self._paused_at
        into_step = min(step, max(0.0, now - self._anchor))
        return max(0.0, left * step - into_step)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the window shows it.  ``phase``, ``done``, ``total`` as in Progress; ``started`` is ``time.time()``."""

    id: int
    title: str
    key: str
    lane: Lane
    state: State
    phase: str = ""
    done: int = 0
    total: int = 0
    eta_s: float | None = None
    started: float | None = None
    error: StudioError | None = None
    note: str = ""
    """What was made smaller or slower for lack of memory, in a sentence."""
    behind: int = 0
    """How many jobs of its lane come before it."""


@dataclass(eq=False, slots=True)
class Job:
    """The runner's own record of a job.  ``request`` or ``function``, never both."""

    id: int
    lane: Lane
    key: str
    title: str
    request: Any = None
    function: Callable[[Any], Any] | None = None
    device: str = ""
    """A device of its own, "" for the worker's."""
    submitted: float = 0.0

    state: State = "waiting"
    steps: Generator[Any, Any, Any] | None = None
    context: Any = None
    """The context changed by the memory ladder; ``None``: the worker's own."""
    climb: Any = None
    update: Any = None
    """A newer request, to be sent in with the next step."""
    stopping: State | None = None
    """Asked to end as ``cancelled`` or ``replaced``; granted before any further step."""
    shown: bool = False
    """Has shown a preview."""
    stepping: bool = False

    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    pace: Pace = field(default_factory=Pace)
    started: float | None = None
    error: StudioError | None = None
    note: str = ""

    @property
    def over(self) -> bool:
        """Whether its state is final."""
        return self.state in FINAL

    def view(self, now: float, behind: int = 0) -> JobView:
        """What the window may know of it."""
        done, total, phase = self.progress.done, self.progress.total, self.progress.phase
        return JobView(
            self.id, self.title, self.key, self.lane, self.state, phase, done, total,
            self.pace.eta(now), self.started, self.error, self.note, behind,
        )  # fmt: skip


What = Literal[
    "started",
    "progress",
    "preview",
    "loss",
    "finished",
    "failed",
    "cancelled",
    "replaced",
    "changed",
    "status",
    "trouble",
]


@dataclass(frozen=True, slots=True)
class Happened:
    """Something to tell the UI thread.

    ``payload``: Preview, Loss, JobView (progress), a result (finished), an error (failed, trouble), WorkerStatus.
    """

    what: What
    job: int = 0
    key: str = ""
    lane: Lane = "long"
    payload: Any = None
    request: Any = None


Sink = Callable[[Happened], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """The operation returned."""

    result: Any


@dataclass(frozen=True, slots=True)
class Broke:
    """The operation raised."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Stopped:
    """The operation stopped by its own wish (it raised :class:`Cancelled`)."""


Outcome = Progress | Preview | Loss | Ended | Broke | Stopped


def take_step(job: Job, begin: Callable[[], Any], update: Any = None) -> Outcome:
    """Take one step of ``job`` and say what came out.  Nothing that the operation raises passes through.

    ``begin`` makes the generator, or returns the result at once (a plain function is one step).  ``update`` is
    sent into a generator that has begun.
    """
    try:
        if job.steps is None:
            made = begin()
            if not isinstance(made, GeneratorType):
                return Ended(made)
            job.steps = made
            event = next(made)
        else:
            event = job.steps.send(update)
    except StopIteration as stop:
        return Ended(stop.value)
    except Cancelled:
        return Stopped()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Broke(error)
    if isinstance(event, Progress | Preview | Loss):
        return event
    close_steps(job)
    return Broke(TypeError(f"an operation may yield Progress, Preview or Loss, not {type(event).__name__}"))


def close_steps(job: Job) -> None:
    """Close the generator, which runs its ``finally`` blocks.  A fault in them is logged: the job is over anyway."""
    steps, job.steps = job.steps, None
    if steps is None:
        return
    try:
        steps.close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        log.exception("Job %d (%s) failed while it was being stopped", job.id, job.title)

"""The file lane: real threads, met at barriers, no sleeping."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from studio.base.errors import Cancelled
from studio.base.steps import Loss, Preview, Progress
from studio.worker.job import Happened
from studio.worker.pool import IoPool
from tests.worker.fakes import ENDS, PIXEL

WAIT = 20.0


class Desk:
    """A pool and what it told; tests wait on conditions, never on time."""

    def __init__(self) -> None:
        self.told: list[Happened] = []
        self.changed = threading.Condition()
        self.pool = IoPool(lambda: "files", self.sink)

    def sink(self, event: Happened) -> None:
        with self.changed:
            self.told.append(event)
            self.changed.notify_all()

    def ended(self, job: int) -> Happened:
        """Wait for the end of a job."""
        with self.changed:
            assert self.changed.wait_for(lambda: any(e.job == job and e.what in ENDS for e in self.told), WAIT)
            ends = [e for e in self.told if e.job == job and e.what in ENDS]
        assert len(ends) == 1
        return ends[0]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.pool.close()


def test_a_function_and_its_value(desk: Desk) -> None:
    job = desk.pool.call(lambda context: f"read with {context}", "Open")
    assert desk.ended(job).payload == "read with files" and desk.ended(job).lane == "io"


def test_steps_with_progress_preview_and_loss(desk: Desk) -> None:
    def steps(context: object) -> Iterator[object]:
        yield Progress(1, 2, "reading")
        yield Preview(PIXEL)
        yield Loss(1, {"loss": 1.0})
        return "done"

    job = desk.pool.call(steps, "Import")
    assert desk.ended(job).payload == "done"
    told = [event.what for event in desk.told if event.job == job and event.what != "changed"]
    assert told == ["started", "progress", "preview", "loss", "finished"]


def test_a_slow_job_does_not_hold_back_another(desk: Desk) -> None:
    go = threading.Event()
    slow = desk.pool.call(lambda context: go.wait(WAIT), "Import", "import")
    fast = desk.pool.call(lambda context: "saved", "Save", "save")
    assert desk.ended(fast).payload == "saved"
    go.set()
    assert desk.ended(slow).payload is True


def test_jobs_of_one_key_run_in_order(desk: Desk) -> None:
    order: list[int] = []
    go = threading.Event()

    def save(number: int) -> Iterator[object]:
        go.wait(WAIT)
        for _ in range(3):
            order.append(number)
            yield Progress(0, 0)

    jobs = [desk.pool.call(lambda context, n=n: save(n), "Save", "project") for n in range(5)]
    go.set()
    for job in jobs:
        desk.ended(job)
    assert order == sorted(order) and len(order) == 15


def test_many_stepped_jobs_take_turns_on_two_threads(desk: Desk) -> None:
    names: set[str] = set()

    def steps() -> Iterator[object]:
        for i in range(20):
            names.add(threading.current_thread().name)
            yield Progress(i, 20)
        return True

    jobs = [desk.pool.call(lambda context: steps(), "x") for _ in range(10)]
    assert all(desk.ended(job).payload for job in jobs)
    assert names <= {"studio-io-1", "studio-io-2"}


def test_cancel_within_a_step_and_before_the_first(desk: Desk) -> None:
    at, go = threading.Event(), threading.Event()
    closed: list[bool] = []

    def steps(context: object) -> Iterator[object]:
        try:
            at.set()
            go.wait(WAIT)
            yield Progress(1, 2)
            raise AssertionError("a step after cancel")
        finally:
            closed.append(True)

    running = desk.pool.call(steps, "Import", "import")
    waiting = desk.pool.call(lambda context: None, "Import", "import")
    assert at.wait(WAIT)
    assert desk.pool.cancel(waiting) and desk.pool.cancel(running) and not desk.pool.cancel(running)
    go.set()
    assert desk.ended(running).what == desk.ended(waiting).what == "cancelled" and closed == [True]


def test_pause_steps_aside_and_resume_goes_on(desk: Desk) -> None:
    first = threading.Event()

    def steps(context: object) -> Iterator[object]:
        yield Progress(1, 3)
        first.set()
        yield Progress(2, 3)
        return "whole"

    gate = threading.Event()
    holder = desk.pool.call(lambda context: gate.wait(WAIT), "x", "k")
    job = desk.pool.call(steps, "Export", "k")
    assert desk.pool.pause(job) and not desk.pool.pause(job)
    gate.set()
    desk.ended(holder)
    other = desk.pool.call(lambda context: 1, "y")
    desk.ended(other)
    assert not first.is_set() and [view.state for view in desk.pool.views()] == ["paused"]
    assert desk.pool.resume(job) and not desk.pool.resume(job)
    assert desk.ended(job).payload == "whole"


def test_failures_and_stops(desk: Desk) -> None:
    def fails(context: object) -> None:
        raise PermissionError(13, "Permission denied", "/x")

    def stops(context: object) -> Iterator[object]:
        yield Progress(0, 0)
        raise Cancelled

    failed, stopped = desk.pool.call(fails, "Save"), desk.pool.call(stops, "Save")
    assert desk.ended(failed).payload.kind == "resource" and "“Save”" in desk.ended(failed).payload.what
    assert desk.ended(stopped).what == "cancelled"


def test_close_cancels_paused_and_waiting_jobs_and_ends_the_threads() -> None:
    desk = Desk()
    at, closed = threading.Event(), []

    def steps(context: object) -> Iterator[object]:
        try:
            for i in range(1000):
                at.set()
                yield Progress(i, 1000)
        finally:
            closed.append(True)

    jobs = [desk.pool.call(steps, "x", "k") for _ in range(3)]
    assert at.wait(WAIT)
    desk.pool.pause(jobs[0])
    desk.pool.close()
    late = desk.pool.call(lambda context: 1, "late")
    assert {desk.ended(job).what for job in [*jobs, late]} <= {"cancelled", "finished"}
    assert desk.ended(jobs[2]).what == desk.ended(late).what == "cancelled"
    assert len(closed) >= 1 and len(desk.pool) == 0


def test_cancel_key(desk: Desk) -> None:
    at, gate = threading.Event(), threading.Event()

    def hold(context: object) -> bool:
        at.set()
        return gate.wait(WAIT)

    holder = desk.pool.call(hold, "x", "a")
    waiting = [desk.pool.call(lambda context: 1, "y", "a") for _ in range(3)]
    other = desk.pool.call(lambda context: 1, "z", "b")
    assert at.wait(WAIT)
    assert desk.pool.cancel_key("a") == 4
    gate.set()
    assert desk.ended(holder).what == "finished"  # it was done when the cancel could be granted: what is done is done
    assert all(desk.ended(job).what == "cancelled" for job in waiting)
    assert desk.ended(other).what == "finished"

"""The worker as Qt sees it: real threads, real signals, fake operations."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QThread
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.base.errors import ResourceError
from studio.base.steps import Loss, Preview, Progress
from studio.worker.bridge import Worker, WorkerStatus
from studio.worker.job import Happened
from tests.worker.fakes import Ask

WAIT_MS = 20_000


class PaperContext:
    """A context without an engine."""

    def __init__(self) -> None:
        self.precision = "fast"
        self.device_in_use = ""
        self.assets: Any = None
        self.asked: list[object] = []

    def use_device(self, device: str) -> None:
        """Takes any device but "moon"."""
        if device == "moon":
            raise ResourceError("There is no device “moon” on this machine.")
        self.asked.append(device)

    def use_budget(self, budget: int | None) -> None:
        """Remembers."""
        self.asked.append(budget)

    def free(self, *, keep_latest: bool = True) -> None:
        """Remembers."""
        self.asked.append("free")


class Listener:
    """Every signal of a worker, in order, and where it was heard."""

    def __init__(self, worker: Worker) -> None:
        self.heard: list[tuple[str, int, tuple[Any, ...]]] = []
        self.threads: set[QThread] = set()
        for name in ("started", "progress", "preview", "loss", "finished", "failed", "cancelled", "replaced"):
            getattr(worker, name).connect(self.listener(name))

    def listener(self, name: str) -> Callable[..., None]:
        def hear(job: int, *rest: Any) -> None:
            self.heard.append((name, job, rest))
            self.threads.add(QThread.currentThread())

        return hear

    def story(self, job: int) -> list[str]:
        """What was heard of a job."""
        return [name for name, about, _ in self.heard if about == job]


def thread_name() -> str:
    """Of the thread that asks, whoever made it."""
    return QThread.currentThread().objectName() or threading.current_thread().name


ENDS = {"finished", "failed", "cancelled", "replaced"}


class Theatre:
    """Fake operations that wait at gates, so that tests decide when a step ends."""

    def __init__(self) -> None:
        self.gates: dict[int, threading.Event] = {}
        self.arrived: dict[int, threading.Event] = {}
        self.threads: set[str] = set()

    def gate(self, value: int) -> tuple[threading.Event, threading.Event]:
        """(arrived, go) of the step of a request whose script has a "g"."""
        self.arrived[value], self.gates[value] = threading.Event(), threading.Event()
        return self.arrived[value], self.gates[value]

    def start(self, context: Any, ask: Ask) -> Iterator[Any]:
        """The operation."""
        for i, letter in enumerate(ask.script):
            self.threads.add(thread_name())
            if letter == "g":
                self.arrived[ask.value].set()
                self.gates[ask.value].wait(WAIT_MS / 1000)
                yield Progress(i + 1, len(ask.script))
            elif letter == "p":
                yield Progress(i + 1, len(ask.script))
            elif letter == "v":
                yield Preview(np.full((2, 2, 3), ask.value % 256, np.uint8))
            elif letter == "l":
                yield Loss(i, {"loss": 1.0})
            elif letter == "x":
                raise ValueError("a fault")
        return ask.value


@pytest.fixture
def theatre() -> Theatre:
    return Theatre()


@pytest.fixture
def worker(qapp: QApplication, theatre: Theatre) -> Iterator[Worker]:
    made = Worker(context=PaperContext, start=theatre.start)
    yield made
    for gate in theatre.gates.values():
        gate.set()
    made.stop()


@pytest.fixture
def ear(worker: Worker) -> Listener:
    return Listener(worker)


def until_idle(qtbot: QtBot, worker: Worker) -> None:
    qtbot.waitUntil(lambda: not worker.jobs(), timeout=WAIT_MS)
    rest(qtbot, worker)


def rest(qtbot: QtBot, worker: Worker) -> None:
    """Until everything is delivered."""
    qtbot.waitUntil(lambda: worker._outbox.due() is None, timeout=WAIT_MS)


def test_importing_the_bridge_imports_neither_torch_nor_engine() -> None:
    code = (
        "import sys, studio.worker.bridge;"
        "assert not [m for m in sys.modules if m == 'torch' or m.startswith('studio.engine')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_signals_arrive_in_the_ui_thread_and_work_is_done_elsewhere(
    qtbot: QtBot, worker: Worker, ear: Listener, theatre: Theatre
) -> None:
    spy = QSignalSpy(worker.finished)
    job = worker.live("explore", Ask(7, "pvlr"))
    qtbot.waitUntil(lambda: spy.count() == 1, timeout=WAIT_MS)  # spy.wait() keeps Python's lock from the worker
    assert spy.at(0) == [job, Ask(7, "pvlr"), 7]
    assert ear.story(job) == ["started", "progress", "preview", "loss", "finished"]
    assert ear.threads == {qtbot_thread()} and theatre.threads == {"studio-device"}


def qtbot_thread() -> QThread:
    """The UI thread."""
    app = QCoreApplication.instance()
    assert app is not None
    return app.thread()


def test_failures_and_jobs_after_them(qtbot: QtBot, worker: Worker, ear: Listener) -> None:
    bad, good = worker.long(Ask(1, "px"), "Render"), worker.long(Ask(2, "r"), "Render")
    until_idle(qtbot, worker)
    assert ear.story(bad)[-1] == "failed" and ear.story(good)[-1] == "finished"
    error = next(rest[1] for name, _, rest in ear.heard if name == "failed")
    assert error.kind == "internal"
    again = worker.retry(bad)
    assert again is not None and worker.retry(good) is None
    until_idle(qtbot, worker)
    assert ear.story(again)[-1] == "failed"


def test_jobs_are_seen_with_their_place_and_state(qtbot: QtBot, worker: Worker, theatre: Theatre) -> None:
    arrived, go = theatre.gate(1)
    first, second = worker.long(Ask(1, "gpr"), "Train", "train"), worker.long(Ask(2, "r"), "Render")
    assert arrived.wait(WAIT_MS / 1000)
    views = {view.id: view for view in worker.jobs()}
    assert (views[first].state, views[second].state, views[second].behind) == ("running", "waiting", 1)
    assert views[first].title == "Train" and views[first].started is not None
    worker.pause(first)
    assert worker.jobs()[0].state == "paused"
    go.set()
    live = worker.live("explore", Ask(3, "r"))
    qtbot.waitUntil(lambda: live not in [view.id for view in worker.jobs()], timeout=WAIT_MS)
    assert [view.state for view in worker.jobs()] == ["paused", "waiting"]
    worker.resume(first)
    until_idle(qtbot, worker)


def test_cancel_within_a_step(qtbot: QtBot, worker: Worker, ear: Listener, theatre: Theatre) -> None:
    arrived, go = theatre.gate(1)
    job = worker.long(Ask(1, "gvvvvr"), "Train")
    assert arrived.wait(WAIT_MS / 1000)
    worker.cancel(job)
    go.set()
    until_idle(qtbot, worker)
    assert ear.story(job) == ["started", "cancelled"]


def test_cancel_by_key_reaches_every_lane(qtbot: QtBot, worker: Worker, ear: Listener, theatre: Theatre) -> None:
    arrived, go = theatre.gate(1)
    jobs = [worker.long(Ask(1, "gr"), "x", "mine")]
    assert arrived.wait(WAIT_MS / 1000)
    jobs += [worker.live("mine", Ask(2, "r"))]
    hold = threading.Event()
    jobs += [worker.call(lambda context: hold.wait(WAIT_MS / 1000), "x", "mine", where="io") for _ in range(3)]
    worker.cancel_key("mine")
    go.set()
    hold.set()
    until_idle(qtbot, worker)
    ends = [ear.story(job)[-1] for job in jobs]
    assert ends[:2] == ["cancelled"] * 2 and ends[4] == "cancelled"


def test_an_update_reaches_the_running_operation(qtbot: QtBot, worker: Worker) -> None:
    sent = []

    def start(context: Any, ask: Ask) -> Iterator[Any]:
        at.set()
        go.wait(WAIT_MS / 1000)
        sent.append((yield Progress(1, 2)))
        return "done"

    at, go = threading.Event(), threading.Event()
    worker._real_start = start
    job = worker.long(Ask(1), "Style")
    assert at.wait(WAIT_MS / 1000)
    assert worker.update(job, Ask(2))
    go.set()
    until_idle(qtbot, worker)
    assert sent == [Ask(2)] and not worker.update(job, Ask(3))


def test_functions_on_the_device_and_beside_it(qtbot: QtBot, worker: Worker, ear: Listener, theatre: Theatre) -> None:
    arrived, go = theatre.gate(1)
    train = worker.long(Ask(1, "gr"), "Train")
    assert arrived.wait(WAIT_MS / 1000)
    names = {}
    on_device = worker.call(lambda context: names.setdefault("device", thread_name()), "a")
    save = worker.call(lambda context: names.setdefault("io", thread_name()), "b", where="io")
    qtbot.waitUntil(lambda: "finished" in ear.story(save), timeout=WAIT_MS)  # a training does not hold it back
    assert "finished" not in ear.story(train) and on_device in [view.id for view in worker.jobs()]
    assert [view.lane for view in worker.jobs()] == ["long", "long"]
    go.set()
    until_idle(qtbot, worker)
    assert names["device"] == "studio-device" and names["io"].startswith("studio-io")


def test_a_flood_is_thinned_and_its_last_preview_arrives(qtbot: QtBot, worker: Worker, ear: Listener) -> None:
    def flood(context: Any) -> Iterator[Any]:
        for i in range(3000):
            yield Preview(np.full((2, 2, 3), i % 256, np.uint8), label=str(i // 3000), index=0)
            yield Progress(i + 1, 3000)
        hold.wait(WAIT_MS / 1000)

    hold = threading.Event()
    worker.call(flood, "Invert")

    def last_seen() -> bool:
        shown = [rest[0] for name, _, rest in ear.heard if name == "preview"]
        return bool(shown) and int(shown[-1].image[0, 0, 0]) == 2999 % 256

    qtbot.waitUntil(last_seen, timeout=WAIT_MS)  # although the job hangs after it
    hold.set()
    until_idle(qtbot, worker)
    assert sum(name == "preview" for name, _, _ in ear.heard) < 300
    done = [rest[0].done for name, _, rest in ear.heard if name == "progress"]
    assert done == sorted(done) and done[-1] == 3000


def test_settings_reach_the_context_and_trouble_is_told(qtbot: QtBot, worker: Worker) -> None:
    troubles = QSignalSpy(worker.trouble)
    statuses = QSignalSpy(worker.status_changed)
    worker.set_precision("exact")
    worker.set_budget(1 << 30)
    worker.set_device("cpu")
    worker.free_memory()
    worker.set_device("moon")
    worker.set_assets("assets")  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: troubles.count() == 1, timeout=WAIT_MS)
    assert "moon" in troubles.at(0)[0].what
    qtbot.waitUntil(lambda: worker.status.precision == "exact", timeout=WAIT_MS)
    assert worker._shared_context().asked == [1 << 30, "cpu", "free"] and worker._context.assets == "assets"
    assert statuses.count() >= 1 and isinstance(statuses.at(0)[0], WorkerStatus)


def test_the_status_counts_the_queue_and_times_live_requests(qtbot: QtBot, worker: Worker, theatre: Theatre) -> None:
    arrived, go = theatre.gate(1)
    worker.long(Ask(1, "gpgr"), "x")
    worker.long(Ask(2, "r"), "y")
    assert arrived.wait(WAIT_MS / 1000)
    go.set()
    worker.live("explore", Ask(3, "r"))
    until_idle(qtbot, worker)
    qtbot.waitUntil(lambda: worker.status.queue == 0 and worker.status.last_ms is not None, timeout=WAIT_MS)
    assert worker.status.last_ms is not None and worker.status.last_ms >= 0


def test_a_slot_that_raises_does_not_stop_the_deliveries(qtbot: QtBot, worker: Worker, ear: Listener) -> None:
    def bad(*args: Any) -> None:
        raise RuntimeError("a slot's fault")

    worker.preview.connect(bad)
    with qtbot.captureExceptions() as caught:
        job = worker.live("explore", Ask(1, "vr"))
        until_idle(qtbot, worker)
        qtbot.waitUntil(lambda: ear.story(job)[-1:] == ["finished"], timeout=WAIT_MS)
    assert caught and ear.story(job) == ["started", "preview", "finished"]


def test_a_stale_result_would_not_land(qtbot: QtBot, worker: Worker, ear: Listener) -> None:
    """The second guard, fed by hand: the lanes never let it come to this."""
    for job in (9, 4):
        worker._outbox.put(Happened("finished", job, "explore", "live", f"result {job}"))
    rest(qtbot, worker)
    assert ear.story(9) == ["finished"] and ear.story(4) == ["replaced"]


def test_stop_ends_everything_within_a_step_and_refuses_later_work(qapp: QApplication, theatre: Theatre) -> None:
    worker = Worker(context=PaperContext, start=theatre.start)
    worker.long(Ask(1, "p" * 100_000 + "r"), "Train")
    worker.call(lambda context: (Progress(0, 0) for _ in range(100_000)), "Export", where="io")
    worker.stop()
    worker.stop()
    assert worker._thread.isFinished() and worker.jobs() == []
    worker.live("explore", Ask(2))
    worker.call(lambda context: 1, "late", where="io")
    worker.set_precision("exact")
    assert worker.jobs() == []


def test_a_program_that_forgets_to_stop_still_ends() -> None:
    code = """
import os, sys, time
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
from studio.base.steps import Progress
from studio.worker.bridge import Worker
app = QApplication([])
def start(context, request):
    i = 0
    while True:
        i += 1
        yield Progress(i, 0)
worker = Worker(context=lambda: None, start=start)
worker.long("forever", "x")
worker.call(lambda context: iter(()), "y", where="io")
seen = []
worker.progress.connect(lambda *a: (seen.append(a), app.quit()))
mode = sys.argv[1]
if mode != "at once":
    app.exec()
    assert seen
if mode == "deleted":
    worker.deleteLater(); app.processEvents(); app.sendPostedEvents(None, 52)
if mode == "shutdown":
    app.shutdown()
"""
    for mode in ("at once", "exit", "deleted", "shutdown"):
        run = subprocess.run(
            [sys.executable, "-c", code, mode],
            timeout=60,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0 and "Traceback" not in run.stderr and "QThread" not in run.stderr, (mode, run.stderr)


def test_stopped_workers_are_let_go(qapp: QApplication, theatre: Theatre) -> None:
    import weakref

    worker = Worker(context=PaperContext, start=theatre.start)
    gone = weakref.ref(worker)
    worker.stop()
    del worker
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("seed", range(8))
def test_random_interleavings_through_real_threads(
    qtbot: QtBot, worker: Worker, ear: Listener, theatre: Theatre, seed: int
) -> None:
    chance = random.Random(seed)
    scripts = ("r", "pr", "vr", "pvppr", "ppppr", "px", "vlvlr")
    jobs: set[int] = set()
    latest: dict[str, tuple[int, Ask]] = {}
    longs: list[int] = []
    cancelled: set[int] = set()
    for step in range(400):
        match chance.randrange(14):
            case 0 | 1 | 2 | 3 | 4:
                key, value = chance.choice(("explore", "mix")), chance.randrange(200)
                ask = Ask(value, scripts[value % len(scripts)])
                latest[key] = (worker.live(key, ask), ask)
                jobs.add(latest[key][0])
            case 5 | 6:
                longs.append(worker.long(Ask(1000 + step, chance.choice(("pppr", "pvplr", "ppx"))), "long"))
                jobs.add(longs[-1])
            case 7:
                jobs.add(worker.call(lambda context, step=step: step, "io", chance.choice(("", "k")), where="io"))
            case 8:
                if jobs:
                    job = chance.choice(sorted(jobs))
                    worker.cancel(job)
                    cancelled.add(job)
            case 9:
                if views := worker.jobs():
                    worker.pause(chance.choice(views).id)
            case 10:
                for view in worker.jobs():
                    worker.resume(view.id)
            case 11:
                if longs:
                    worker.update(chance.choice(longs), Ask(5000 + step, "pr"))
            case _:
                QCoreApplication.processEvents()
    for view in worker.jobs():
        worker.resume(view.id)
    until_idle(qtbot, worker)
    qtbot.waitUntil(lambda: all(ENDS & set(ear.story(job)) for job in jobs), timeout=WAIT_MS)

    landed: dict[str, int] = {}
    keys = {}
    for job in jobs:
        story = ear.story(job)
        assert len([name for name in story if name in ENDS]) == 1 and story[-1] in ENDS, story
        assert story.count("started") <= 1
    for key, (job, ask) in latest.items():
        keys[job] = key
        if job not in cancelled:
            end = next((name, rest) for name, about, rest in ear.heard if about == job and name in ENDS)
            assert end[0] == ("failed" if "x" in ask.script else "finished") and end[1][0] == ask
    for name, job, _ in ear.heard:
        if name in ("preview", "finished") and job in keys:
            assert job >= landed.get(keys[job], 0)
            landed[keys[job]] = job
    began = [job for name, job, _ in ear.heard if name == "started" and job in longs]
    assert began == sorted(began)
    assert theatre.threads <= {"studio-device"}

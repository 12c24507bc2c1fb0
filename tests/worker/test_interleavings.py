"""Thousands of random interleavings of commands and steps: what must hold in every one of them."""

from __future__ import annotations

import random

import pytest

from tests.worker.fakes import ENDS, Ask, Bench

KEYS = ("explore", "mix", "map")
LIVE_SCRIPTS = ("r", "pr", "vr", "pvppr", "ppppr", "vvvvr", "px", "vpx", "pm", "vM", "pc")
LONG_SCRIPTS = ("r", "pppr", "pvplpr", "ppx", "ppM", "pppppppppr", "m", "pvc")
RUNS_PER_BATCH = 200


class Play:
    """One random interleaving, with a record of what was asked and when it was told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.bench = Bench()
        self.bench.stage.in_step = self.in_step
        self.runner = self.bench.runner
        self.serial = 0
        self.latest: dict[str, tuple[int, Ask]] = {}
        self.longs: list[int] = []
        self.all: set[int] = set()
        self.cancel_told_at: dict[int, int] = {}
        self.updates: dict[int, Ask] = {}

    def in_step(self, ask: Ask) -> None:
        """Within a step: the job that takes it must be allowed to, and commands may come from the UI thread."""
        stepping = [job for job in self.runner._queue.jobs() if job.stepping]
        assert len(stepping) == 1
        assert stepping[0].state == "running", "a paused or finished job took a step"
        assert stepping[0].id not in self.cancel_told_at, "a step after cancel"
        if self.random.random() < 0.3:
            self.command()

    def command(self) -> None:
        """Something that a person or a panel does."""
        match self.random.randrange(10):
            case 0 | 1 | 2 | 3:
                key = self.random.choice(KEYS)
                value = self.random.randrange(6)  # few values, so that equal requests are frequent
                ask = Ask(value, LIVE_SCRIPTS[(value + len(key)) % len(LIVE_SCRIPTS)], 0.01 * (1 + value))
                job = self.runner.live(key, ask)
                self.latest[key] = (job, ask)
                self.all.add(job)
            case 4 | 5:
                self.serial += 1
                ask = Ask(1000 + self.serial, self.random.choice(LONG_SCRIPTS), 0.05)
                job = self.runner.long(ask, "long", self.random.choice(("", *KEYS)))
                self.longs.append(job)
                self.all.add(job)
            case 6:
                job = self.any_job()
                if self.runner.cancel(job):
                    self.cancel_told_at.setdefault(job, len(self.bench.told))
            case 7:
                self.runner.pause(self.any_job())
            case 8:
                self.runner.resume(self.any_job())
            case 9:
                job = self.any_job()
                self.serial += 1
                ask = Ask(5000 + self.serial, "ppr")
                if self.runner.update(job, ask):
                    self.updates[job] = ask

    def any_job(self) -> int:
        """Mostly a job that is there, sometimes one that ended or never was."""
        unfinished = [view.id for view in self.runner.views()]
        if unfinished and self.random.random() < 0.8:
            return self.random.choice(unfinished)
        return self.random.randrange(1, 60)

    def check_now(self) -> None:
        """What must hold between any two actions."""
        begun = [job for job in self.runner._queue.jobs() if job.steps is not None]
        assert sum(job.lane == "long" for job in begun) <= 1
        live = [job.key for job in begun if job.lane == "live"]
        assert len(live) == len(set(live))
        assert len(self.runner._queue.waiting) <= len(KEYS)

    def play(self, actions: int) -> None:
        """Act at random, then let everything come to rest and check the whole story."""
        for _ in range(actions):
            if self.random.random() < 0.5:
                self.command()
            else:
                cancelled = [job for job in self.cancel_told_at if job in self.runner._jobs]
                self.runner.tick()
                assert not any(job in self.runner._jobs for job in cancelled), "cancel was not granted within a step"
            self.check_now()
        self.bench.stage.in_step = lambda ask: None
        while len(self.runner):
            for view in self.runner.views():
                self.runner.resume(view.id)
            assert self.runner.tick(), "work is left but nothing moves"
        self.check_story()

    def check_story(self) -> None:
        """What must hold of the whole."""
        told = self.bench.told
        landed: dict[str, int] = {}
        started: list[int] = []
        over: set[int] = set()
        for at, event in enumerate(told):
            if event.what == "changed":
                continue
            assert event.job not in over, f"{event.what} after the end of {event.job}"
            if event.what == "started":
                started.append(event.job)
            if event.what in ENDS:
                over.add(event.job)
            if event.lane == "live" and event.what in ("preview", "finished"):
                assert event.job >= landed.get(event.key, 0), "a stale picture landed"
                landed[event.key] = event.job
            if event.job in self.cancel_told_at and at >= self.cancel_told_at[event.job]:
                assert event.what == "cancelled", f"{event.what} after cancel"
        assert over == self.all, "every job ends, once"
        assert len(started) == len(set(started))
        assert [job for job in started if job in self.longs] == sorted(job for job in started if job in self.longs)
        stage = self.bench.stage
        assert stage.begun == stage.closed, "an operation was left open"
        for key, (job, ask) in self.latest.items():
            end = self.bench.end(job)
            if job in self.cancel_told_at:
                continue
            if "c" in ask.script:
                assert end.what == "cancelled"
            elif ask.script[-1] in "xm":
                assert end.what == "failed"
            else:
                assert end.what == "finished", f"the latest request of {key} was not answered"
                assert end.payload == ("result", ask)


@pytest.mark.parametrize("batch", range(12))
def test_random_interleavings(batch: int) -> None:
    for seed in range(batch * RUNS_PER_BATCH, (batch + 1) * RUNS_PER_BATCH):
        Play(seed).play(actions=60)


@pytest.mark.parametrize("fault", ["stale", "twice", "lost", "left open"])
def test_the_check_finds_faults(fault: str) -> None:
    """The counter-proof: a story that is tampered with does not pass."""
    play = Play(7)
    play.play(actions=200)
    told = play.bench.told
    ends = [at for at, event in enumerate(told) if event.what == "finished" and event.key == "mix"]
    first, last = ends[0], ends[-1]
    if fault == "stale":
        told[first], told[last] = told[last], told[first]
    elif fault == "twice":
        told.append(told[first])
    elif fault == "lost":
        del told[last]
    else:
        play.bench.stage.closed -= 1
    with pytest.raises(AssertionError):
        play.check_story()

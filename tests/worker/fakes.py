"""Operations that cost nothing and say what happened, for the worker's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from studio.base.errors import Cancelled, StudioError, as_studio_error
from studio.base.steps import Loss, Preview, Progress
from studio.worker.job import Happened
from studio.worker.runner import Runner

PIXEL = np.zeros((1, 1, 3), np.uint8)


class Clock:
    """Time that passes only when a step says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Ask:
    """A request.  ``script``: one letter for each step: p progress, v preview, l loss; the end: r return,
    x raise, c stop by itself, m out of memory (every time), M (once)."""

    value: int
    script: str = "pr"
    seconds: float = 0.01


@dataclass
class Stage:
    """The fake engine: remembers every step, watches that only one is being taken, can run a hook within a step."""

    clock: Clock
    stepping: int = 0
    begun: int = 0
    closed: int = 0
    steps: list[Ask] = field(default_factory=list)
    sent: list[tuple[Ask, Ask]] = field(default_factory=list)
    in_step: Callable[[Ask], None] = lambda ask: None
    ran_out: set[Ask] = field(default_factory=set)

    def start(self, context: Any, ask: Ask) -> Iterator[Any]:
        """The operation of a request."""
        self.begun += 1
        try:
            total = len(ask.script) - 1
            for done, letter in enumerate(ask.script):
                assert self.stepping == 0, "two steps at once"
                self.stepping += 1
                try:
                    self.steps.append(ask)
                    self.clock.now += ask.seconds
                    self.in_step(ask)
                finally:
                    self.stepping -= 1
                event: Any = None
                match letter:
                    case "p":
                        event = Progress(done + 1, total, "working")
                    case "v":
                        event = Preview(PIXEL, index=ask.value)
                    case "l":
                        event = Loss(done, {"loss": 1.0 / (done + 1)})
                    case "x":
                        raise ValueError("a fault")
                    case "c":
                        raise Cancelled
                    case "m":
                        raise MemoryError
                    case "M":
                        if ask not in self.ran_out:
                            self.ran_out.add(ask)
                            raise MemoryError
                        return ("result", ask)
                    case _:
                        return ("result", ask)
                changed = yield event
                if changed is not None:
                    self.sent.append((ask, changed))
                    ask = changed
            return ("result", ask)
        finally:
            self.closed += 1


class FakeMemory:
    """The ladder's rules without an engine: two rungs, then the end."""

    class Climb:
        """Two rungs."""

        def __init__(self) -> None:
            self.left = ["smaller", "smallest"]

        def up(self, context: Any, request: Any) -> tuple[Any, str] | None:
            """The next rung."""
            return ((context, rung), rung) if self.left and (rung := self.left.pop(0)) else None

        def failure(self, context: Any, doing: str, detail: str) -> StudioError:
            """The end."""
            return StudioError("not enough memory", kind="resource", detail=detail)

    @staticmethod
    def is_out_of_memory(error: BaseException) -> bool:
        """By type."""
        return isinstance(error, MemoryError)

    @staticmethod
    def explain(error: BaseException, doing: str) -> StudioError:
        """In sentences."""
        return as_studio_error(error, doing=doing)


class Bench:
    """A runner on fake operations with everything that it told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stage = Stage(self.clock)
        self.told: list[Happened] = []
        self.runner = Runner(
            lambda: "context",
            lambda context, ask: self.stage.start(context, ask),
            self.told.append,
            memory=FakeMemory(),  # type: ignore[arg-type]
            clock=self.clock,
        )

    def drain(self, limit: int = 10_000) -> None:
        """Tick until there is nothing to do."""
        for _ in range(limit):
            if not self.runner.tick():
                return
        raise AssertionError("the runner never comes to rest")

    def what(self, job: int) -> list[str]:
        """Everything told of a job, in order, without "changed"."""
        return [event.what for event in self.told if event.job == job and event.what != "changed"]

    def end(self, job: int) -> Happened:
        """How the job ended: exactly one end."""
        ends = [event for event in self.told if event.job == job and event.what in ENDS]
        assert len(ends) == 1, (job, ends)
        return ends[0]


ENDS = ("finished", "failed", "cancelled", "replaced")

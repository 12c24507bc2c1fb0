"""Measures how long the UI thread stands still.  For the worker's tests, the window's tests, and screens.

A timer in the UI thread beats every few milliseconds; a beat that comes late by ``x`` means that the thread could not
answer for ``x``, whether a slot computed, slept, waited for a lock or for Python's own lock.  On a shared machine the
thread is also late because the system gave the processor to other programs: where the system counts that time
(Linux: ``/proc/.../schedstat``) it is taken off, since no code of ours could change it.  What remains still has
noise (the holder of Python's lock may be the one without a processor), so :func:`smooth` measures again a few times:
a stall that the code causes comes back every time, one that the machine causes does not.

A watching thread notes *where* the UI thread stands while a beat is overdue.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import Qt, QTimer

BEAT_S = 0.005
LIMIT_S = 0.050


@dataclass(frozen=True)
class Stall:
    """The UI thread stood still for ``seconds`` (without the time in which the system had no processor for it)."""

    seconds: float
    wall: float
    where: str


@dataclass
class Watchdog:
    """``with Watchdog() as dog: ...`` (in the UI thread, with its event loop running inside); then ``dog.worst``."""

    limit: float = LIMIT_S
    stalls: list[Stall] = field(default_factory=list)
    beats: int = 0
    worst: float = 0.0
    worst_wall: float = 0.0

    def __enter__(self) -> Watchdog:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(int(BEAT_S * 1000))
        self._timer.timeout.connect(self._beat)
        self._thread_id = threading.get_ident()
        self._queued = _QueueTime()
        self._seen: list[list[traceback.FrameSummary]] = []
        self._over = threading.Event()
        self._last = time.perf_counter()
        self._last_queued = self._queued.read()
        self._watcher = threading.Thread(target=self._watch, name="watchdog")
        self._timer.start()
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._beat()  # a stall at the very end counts too
        self._timer.stop()
        self._timer.deleteLater()
        self._over.set()
        self._watcher.join()
        self._queued.close()

    def report(self) -> str:
        """The worst stalls and where they were."""
        worst = sorted(self.stalls, key=lambda stall: -stall.seconds)[:3]
        return "\n".join(f"{s.seconds * 1000:.0f} ms (wall {s.wall * 1000:.0f} ms)\n{s.where}" for s in worst)

    def _beat(self) -> None:
        now, queued = time.perf_counter(), self._queued.read()
        wall = now - self._last - BEAT_S
        own = max(0.0, wall - (queued - self._last_queued))
        self.worst, self.worst_wall = max(self.worst, own), max(self.worst_wall, wall)
        if own > self.limit:
            self.stalls.append(Stall(own, wall, "or\n".join(self._places()) or "(not seen)"))
        self._seen.clear()
        self.beats += 1
        # The queue is read again: time lost between here and the next beat belongs to that one.
        self._last, self._last_queued = time.perf_counter(), self._queued.read()

    def _watch(self) -> None:
        while not self._over.wait(self.limit / 4):
            if time.perf_counter() - self._last > self.limit * 0.7:
                frame = sys._current_frames().get(self._thread_id)
                if frame is not None:
                    self._seen.append(traceback.extract_stack(frame)[-6:])

    def _places(self) -> list[str]:
        """Where the thread was seen during the stall, the most frequent first, one for each chain of functions."""
        chains: dict[tuple[str, ...], list[list[traceback.FrameSummary]]] = {}
        for stack in self._seen:
            chains.setdefault(tuple(frame.name for frame in stack), []).append(stack)
        often = sorted(chains.values(), key=len, reverse=True)
        return ["".join(traceback.format_list(stacks[0])) for stacks in often[:3]]


class _QueueTime:
    """Seconds that this thread was ready to run but had no processor, since it began (0 where nobody counts)."""

    def __init__(self) -> None:
        self._file = -1
        path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        if path.exists():
            self._file = os.open(path, os.O_RDONLY)

    def read(self) -> float:
        if self._file < 0:
            return 0.0
        return int(os.pread(self._file, 100, 0).split()[1]) / 1e9

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def smooth(scene: Callable[[], None], *, limit: float = LIMIT_S, tries: int = 4) -> Watchdog:
    """Play ``scene`` (it runs the event loop) until one showing has no stall above ``limit``.

    Fails with the places of the stalls when every showing has one.
    """
    dogs: list[Watchdog] = []
    for _ in range(tries):
        with Watchdog(limit) as dog:
            scene()
        if dog.worst <= limit:
            return dog
        dogs.append(dog)
    best = min(dogs, key=lambda dog: dog.worst)
    raise AssertionError(f"the UI thread stands still in each of {tries} showings; the best one:\n{best.report()}")

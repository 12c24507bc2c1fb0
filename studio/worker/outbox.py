"""What goes to the UI thread: in order, not more often than the eye needs, nothing that matters lost.  Qt-free.

Previews, progress and status are *states*: a newer one of the same job (and the same ``label`` and ``index``) takes the
place of an older one that was not delivered yet, and after a delivery the next waits ``every`` seconds.  The last
one is never lost: it is delivered when its time comes, at the latest just before the job's end is told.  A job that
was cancelled or replaced takes what was held back with it.  Everything else is delivered one by one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import count

from studio.base.steps import Preview
from studio.worker.job import Happened

STATES = frozenset({"preview", "progress", "status"})
ENDS = frozenset({"finished", "failed", "cancelled", "replaced"})


class Outbox:
    """See the module.  ``wake()`` is called (from any thread) when :meth:`take` has something, or will have soon."""

    def __init__(
        self, wake: Callable[[], None], *, every: float = 0.05, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wake = wake
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._serial = count()
        self._ready: OrderedDict[Hashable, Happened] = OrderedDict()
        self._held: dict[tuple[int, Hashable], tuple[float, Happened]] = {}
        self._last: dict[int, dict[Hashable, float]] = {}
        self._rung = False
        self._closed = False

    def put(self, event: Happened) -> None:
        """Hand something over, from any thread."""
        with self._lock:
            if self._closed:
                return
            if event.what in STATES:
                self._put_state(event)
            else:
                if event.what in ENDS:
                    self._settle(event)
                self._ready[next(self._serial)] = event
            ring, self._rung = not self._rung, True
        if ring:
            self._wake()

    def take(self) -> Happened | None:
        """The next thing to deliver, ``None`` when there is nothing now.  UI thread only."""
        with self._lock:
            self._rung = False
            now = self._clock()
            for (job, slot), (due, event) in list(self._held.items()):
                if due <= now:
                    del self._held[job, slot]
                    self._ready[job, slot] = event
                    self._last[job][slot] = now
            if not self._ready:
                return None
            return self._ready.popitem(last=False)[1]

    def due(self) -> float | None:
        """Seconds until something that is held back may be delivered; 0 when something is ready; ``None``: nothing."""
        with self._lock:
            if self._ready:
                return 0.0
            if not self._held:
                return None
            return max(0.0, min(due for due, _ in self._held.values()) - self._clock())

    def close(self) -> None:
        """Deliver nothing more."""
        with self._lock:
            self._closed = True
            self._ready.clear()
            self._held.clear()
            self._last.clear()

    def _put_state(self, event: Happened) -> None:
        slot: Hashable = event.what
        if isinstance(event.payload, Preview):
            slot = ("preview", event.payload.label, event.payload.index)
        job = event.job
        if (job, slot) in self._ready:
            self._ready[job, slot] = event
            return
        now = self._clock()
        seen = self._last.setdefault(job, {})
        due = seen.get(slot, now - self._every) + self._every
        if due <= now and (job, slot) not in self._held:
            self._ready[job, slot] = event
            seen[slot] = now
        else:
            self._held[job, slot] = (due, event)

    def _settle(self, event: Happened) -> None:
        """The job ends: what was held back goes before its end, or away with it."""
        for job, slot in [at for at in self._held if at[0] == event.job]:
            held = self._held.pop((job, slot))[1]
            if event.what in ("finished", "failed"):
                self._ready[job, slot] = held
        if event.what == "cancelled":
            for at in [at for at, ready in self._ready.items() if ready.job == event.job and ready.what == "preview"]:
                del self._ready[at]
        self._last.pop(event.job, None)

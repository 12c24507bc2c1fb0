"""The one job contract: an operation is a generator of events that returns its result.

The worker advances an operation one ``next``/``send`` at a time.  Between two steps it may cancel it (the
generator is closed), pause it, serve a live request, or send new parameters::

    def invert(ctx, request) -> Steps[Inversion]:
        for i in range(request.steps):
            ...
            changed = yield Progress(i + 1, request.steps, "Finding the face")
            if changed is not None:
                request = changed        # a new request value: a weight was changed mid-run
        return Inversion(...)

A step should take well under a second, since pause and cancel answer between steps.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

UInt8Image = npt.NDArray[np.uint8]
"""A picture: ``[H, W, 3]`` or ``[H, W, 4]`` uint8, RGB(A), sRGB."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` steps (``total`` 0: not known); ``phase`` is a short phrase for the person.

    ``share``: the part of the whole work that is done, 0 to 1, where steps differ in cost; None: all cost the same.
    """

    done: int
    total: int
    phase: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A picture on the way to the result.  ``label`` says which (a scale, a tile), ``index`` where it belongs."""

    image: UInt8Image
    label: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Named loss values at ``step``, in the order in which they should be drawn."""

    step: int
    values: dict[str, float] = field(default_factory=dict)


Event = Progress | Preview | Loss

T = TypeVar("T")
Steps = Generator[Event, Any, T]


def run(steps: Steps[T]) -> T:
    """Drive an operation to its end without a worker and return its result (tests, command line)."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result

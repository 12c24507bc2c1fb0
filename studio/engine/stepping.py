"""Running the step generators of networks inside an operation."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

from studio.base.steps import Steps
from studio.nets.drawing_fast import one_core

T = TypeVar("T")
LIGHT = 1 << 19
"""Pixels up to which one core is quickest."""


def lightly(pixels: int) -> AbstractContextManager[None]:
    """For work on so many pixels: one core where that is little, since two mostly wait for each other then.

    (On a busy machine far worse: 4 s instead of 8 ms for a drawing, measured beside a training.)
    """
    return one_core() if pixels <= LIGHT else nullcontext()


def without_gradients(steps: Steps[T]) -> Steps[T]:
    """The same steps, each without gradients; none leaves the thread's mode changed (see the registry's rules)."""
    try:
        while True:
            with torch.no_grad():
                event = next(steps)
            yield event
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    finally:
        steps.close()

"""Running the step generators of networks inside an operation."""

from __future__ import annotations

from typing import TypeVar

import torch

from studio.base.steps import Steps

T = TypeVar("T")


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

"""Layer ranges as plain arithmetic (no torch: panels use it too)."""

from __future__ import annotations

from collections.abc import Sequence


def span(first: int, last: int, num_ws: int) -> tuple[int, int]:
    """The layer range ``first..last`` as half-open (start, stop) within the network; -1 as last: to the end."""
    stop = num_ws if last < 0 else min(last + 1, num_ws)
    return min(max(first, 0), num_ws), max(stop, 0)


def suggested_range(effect: Sequence[float], share: float = 0.7) -> tuple[int, int]:
    """The shortest run of layers (first, last) that holds ``share`` of the effect; all layers when there is none."""
    total = sum(effect)
    n = len(effect)
    best = (0, n - 1)
    if total <= 0.0:
        return best
    for first in range(n):
        held = 0.0
        for last in range(first, n):
            held += effect[last]
            if held >= share * total * (1.0 - 1e-9):
                if last - first < best[1] - best[0]:
                    best = (first, last)
                break
    return best

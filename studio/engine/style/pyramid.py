"""The sizes of a run: a sqrt-2 pyramid from 64 px up to the wished size, each with its iterations."""

from __future__ import annotations

from dataclasses import dataclass

from studio.engine.pictures import Size, fitted
from studio.project.style import Stylize

SMALLEST = 64


@dataclass(frozen=True, slots=True)
class Scale:
    """One level: iterations ``first`` to ``first + count - 1`` of the run are made at ``size``."""

    index: int
    size: Size
    first: int
    count: int

    @property
    def end(self) -> int:
        return self.first + self.count


def share(levels: tuple[Scale, ...], at: int, total: int) -> float:
    """The part of ``total`` iterations' work that ``at`` of them are: an iteration costs what its scale has pixels."""

    def work(iterations: int) -> int:
        return sum(s.size[0] * s.size[1] * min(max(iterations - s.first, 0), s.count) for s in levels)

    return work(at) / max(1, work(total))


def scales(run: Stylize, picture: Size, need: int) -> tuple[Scale, ...]:
    """The levels of a run for a content of this size; ``need``: the least px of the shorter side that the layers want.

    The last is exactly the wished size, the others are that divided by powers of sqrt 2, down to 64 px.
    """
    count = max(1, run.iterations)
    longer = max(16, run.size)
    sides = [longer]
    if run.pyramid:
        k = 1
        while (side := round(longer / 2 ** (k / 2))) >= SMALLEST and min(fitted(picture, side)) >= need:
            sides.append(side)
            k += 1
    found = []
    for index, side in enumerate(reversed(sides)):
        found.append(Scale(index, fitted(picture, side), index * count, count))
    return tuple(found)

"""A folder of pictures through a feed-forward painter, beside the window.  No Qt, no torch at import.

The work is :func:`studio.engine.translate.batch.run_batch`, as for all folders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.base.steps import Steps
from studio.engine.translate.batch import run_batch
from studio.media.folders import pictures_in
from studio.project.style import Paint


@dataclass(frozen=True, slots=True)
class Painted:
    """What became of a folder: files that were written, and (name, why) of those that could not be painted."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    folder: Path
    skipped: int = 0
    """How many had been painted like this before."""


def painter(source: Path, target: Path, request: Paint) -> Callable[[Any], Steps[Painted]]:
    """The job that paints every picture of ``source`` into ``target``.

    One that cannot be read or painted is left out and told at the end.  The pictures do not go into the project.
    """

    def paint(ctx: Any) -> Steps[Painted]:
        done = yield from run_batch(ctx, pictures_in(source), target, request)
        failures = tuple((failure.name, failure.why) for failure in done.failures)
        return Painted(done.written, failures, done.folder, len(done.skipped))

    return paint

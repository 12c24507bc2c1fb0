"""How long is left."""

from __future__ import annotations

import pytest

from studio.base.steps import Progress
from studio.worker.job import Pace


def test_steps_of_one_cost() -> None:
    pace = Pace()
    pace.begin(0.0)
    for i in range(4):
        pace.progress(float(i), Progress(i, 10))
    assert pace.eta(3.0) == pytest.approx(7.0)


def test_steps_that_grow_are_counted_by_their_share_of_the_work() -> None:
    # Ten steps of 1 s are followed by ten of 4 s: after ten, 40 s are left, not 10.
    pace = Pace()
    pace.begin(0.0)
    for i in range(11):
        pace.progress(float(i), Progress(i, 20, "", i / 50))
    assert pace.eta(10.0) == pytest.approx(40.0)
    assert pace.eta(12.0) == pytest.approx(38.0)

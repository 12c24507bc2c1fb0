"""The strip of iterates: scrubbing, keys, going back to the newest."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from studio.widgets.iterates import Iterate, IterateStrip
from tests.widgets.hands import Heard, click, drag, key


@pytest.fixture
def strip(shown) -> IterateStrip:  # type: ignore[no-untyped-def]
    made = IterateStrip()
    made.set_frames([Iterate(at, np.full((20, 30, 3), at, np.uint8)) for at in (0, 25, 50, 75)])
    return shown(made, 400, 60)


def test_dragging_along_looks_at_each(strip: IterateStrip) -> None:
    heard = Heard(strip.looked)
    drag(strip, [strip.cell(i).center() for i in (0, 1, 2, 1)])
    assert [at for (at,) in heard] == [0, 25, 50, 25]
    assert strip.current() == 25


def test_a_second_click_goes_back_to_the_newest(strip: IterateStrip) -> None:
    left = Heard(strip.live_asked)
    click(strip, strip.cell(1).center())
    assert strip.current() == 25 and not left
    click(strip, strip.cell(1).center())
    assert strip.current() is None and len(left) == 1


def test_keys(strip: IterateStrip) -> None:
    heard, left = Heard(strip.looked), Heard(strip.live_asked)
    key(strip, Qt.Key.Key_Left)
    key(strip, Qt.Key.Key_Left)
    key(strip, Qt.Key.Key_Home)
    key(strip, Qt.Key.Key_Escape)
    assert [at for (at,) in heard] == [50, 25, 0] and len(left) == 1


def test_what_is_gone_is_not_looked_at(strip: IterateStrip) -> None:
    click(strip, strip.cell(3).center())
    strip.set_frames(strip.frames()[:2])
    assert strip.current() is None


def test_many_fit_into_the_width(strip: IterateStrip) -> None:
    strip.set_frames([Iterate(at, np.full((20, 30, 3), at, np.uint8)) for at in range(120)])
    assert strip.cell(119).right() <= strip.width() + 1
    strip.grab()
    heard = Heard(strip.looked)
    click(strip, QPointF(strip.width() - 2, 10))
    assert heard == [(119,)]


def test_nothing_to_look_at(strip: IterateStrip) -> None:
    strip.set_frames([])
    click(strip, QPointF(10, 10))
    key(strip, Qt.Key.Key_Left)
    assert strip.current() is None

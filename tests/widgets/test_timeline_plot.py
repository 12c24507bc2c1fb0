"""Timeline and plots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from studio.widgets.pictures import from_qimage
from studio.widgets.plot import Histogram, LossPlot, _short, _thinned, _ticks
from studio.widgets.timeline import Timeline
from tests.widgets.hands import ALT, CTRL, Heard, click, double_click, drag, drop_files, hover, key


@pytest.fixture
def line(shown, noise) -> Timeline:  # type: ignore[no-untyped-def]
    made = Timeline()
    made.set_keys([("a", 0, "seed 1"), ("b", 1, "seed 2"), ("c", 3, "photo", "smooth")], 4, loop=True, fps=10)
    made.set_thumbnail("b", noise)
    return shown(made, 400, 66)


def center(line: Timeline, index: int) -> QPointF:
    return line._rect(index).center()


def test_a_key_is_dragged_between_its_neighbours(line: Timeline) -> None:
    heard = Heard(line.key_moved)
    drag(line, [center(line, 1), QPointF(line._x(1.4), 20), QPointF(line._x(2.0), 20)])
    assert heard[-1] == ("b", pytest.approx(2.0, abs=0.02), True)
    assert all(not final for *_, final in heard[:-1])
    drag(line, [center(line, 1), QPointF(line._x(4.0), 20)])
    assert heard[-1][1] == pytest.approx(2.9)


def test_the_first_key_stays_at_the_beginning(line: Timeline) -> None:
    heard = Heard(line.key_moved)
    drag(line, [center(line, 0), QPointF(line._x(2.0), 20)], let_go=False)
    assert not heard and line._keys[0].time == 0
    drag(line, [QPointF(1, 1), QPointF(1, 1)])


def test_click_activates_a_key(line: Timeline) -> None:
    heard, moved = Heard(line.key_activated), Heard(line.key_moved)
    click(line, center(line, 2))
    assert heard == [("c",)] and not moved


def test_scrubbing(line: Timeline) -> None:
    heard = Heard(line.playhead_moved)
    drag(line, [QPointF(line._x(2.0), 60), QPointF(line._x(2.5), 60), QPointF(line._x(9.0), 60)])
    assert heard[0] == (pytest.approx(2.0), False)
    assert heard[-1] == (pytest.approx(4.0), True)
    line.set_playhead(1.5)
    assert line.playhead() == 1.5 and len(heard) == 4


def test_double_click_asks_for_a_key(line: Timeline) -> None:
    heard = Heard(line.key_asked)
    double_click(line, QPointF(line._x(2.0), 20))
    assert heard == [(pytest.approx(2.0),)]
    double_click(line, center(line, 1))
    assert len(heard) == 1


def test_timeline_keys(line: Timeline) -> None:
    moved, gone, head, play = (
        Heard(line.key_moved),
        Heard(line.key_removed),
        Heard(line.playhead_moved),
        Heard(line.play_toggled),
    )
    key(line, Qt.Key.Key_Right)
    assert head == [(pytest.approx(0.1), True)]
    key(line, Qt.Key.Key_Right, CTRL)
    key(line, Qt.Key.Key_Right, CTRL)
    assert line.accessibleDescription() == "seed 2"
    key(line, Qt.Key.Key_Left, ALT)
    assert moved == [("b", pytest.approx(0.9), True)]
    key(line, Qt.Key.Key_Delete)
    assert gone == [("b",)]
    key(line, Qt.Key.Key_Space)
    assert len(play) == 1
    key(line, Qt.Key.Key_End)
    assert head[-1] == (4.0, True)


def test_the_chosen_key_stays_chosen_and_pictures_are_kept(line: Timeline) -> None:
    click(line, center(line, 1))
    line.grab()
    kept = line._pixmaps["b"]
    line.set_keys([("x", 0, "new"), ("b", 2, "seed 2")], 3)
    line.grab()
    assert line._chosen == 1 and line._pixmaps["b"] is kept and "a" not in line._images


def test_drops_and_an_empty_timeline(line: Timeline, shown) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(line.dropped)
    drop_files(line, QPointF(line._x(2.0), 20), "/tmp/x.png")
    assert heard[0][0] == pytest.approx(2.0)
    empty = shown(Timeline(), 200, 66)
    empty.grab()
    key(empty, Qt.Key.Key_Delete)
    click(empty, QPointF(100, 20))


def test_loss_curves_are_drawn_where_they_belong(shown) -> None:  # type: ignore[no-untyped-def]
    plot = shown(LossPlot(), 300, 110)
    for step in range(100):
        plot.add(step, {"content": 1 - step / 100})
    pixels = from_qimage(plot.grab().toImage()).astype(int)
    amber = (pixels[..., 0] > 200) & (pixels[..., 2] < 130)
    rows, columns = np.nonzero(amber[24:94])
    assert columns.max() > 270
    assert rows[columns < 60].mean() < rows[columns > 260].mean() - 30, "it falls"
    assert plot.names() == ("content",)
    assert plot.accessibleDescription() == "content 0.01"


def test_not_a_number_leaves_a_gap_and_nothing_crashes(shown) -> None:  # type: ignore[no-untyped-def]
    plot = shown(LossPlot(log=True), 200, 90)
    plot.grab()
    for step, value in enumerate((1.0, math.nan, 0.0, -3.0, math.inf, 0.1)):
        plot.add(step, {"a": value})
        plot.grab()
    plot.set_curves({"b": ([0, 1], [0.0, 0.0]), "c": ([], []), "d": ([5], [math.nan])})
    plot.grab()
    plot.set_log(False)
    plot.grab()
    hover(plot, QPointF(100, 50))
    plot.grab()
    plot.clear()
    plot.grab()
    assert plot.names() == ()


def test_a_click_changes_the_scale(shown) -> None:  # type: ignore[no-untyped-def]
    plot = shown(LossPlot(), 200, 90)
    heard = Heard(plot.scale_changed)
    click(plot, QPointF(50, 50))
    key(plot, Qt.Key.Key_L)
    assert heard == [(True,), (False,)]


def test_long_runs_keep_their_spikes() -> None:
    ys = np.zeros(200_000)
    ys[123_456] = 7.0
    xs, thin = _thinned(np.arange(200_000.0), ys, 300)
    assert len(xs) <= 1200 and thin.max() == 7.0 and xs[0] == 0 and xs[-1] == 199_999
    assert (np.diff(xs) > 0).all()


@pytest.mark.parametrize(
    ("low", "high", "log"), [(0, 1, False), (-3, 8, False), (1e-5, 10, True), (0.3, 0.31, False), (2, 3, True)]
)
def test_ticks_are_few_round_and_inside(low: float, high: float, log: bool) -> None:
    ticks = _ticks(low, high, 3, log=log)
    assert 1 <= len(ticks) <= 8
    assert all(low - 1e-9 <= t <= high + 1e-9 for t in ticks)


def test_short_numbers() -> None:
    assert [_short(v) for v in (0, 0.1834, 12.44, 3.1e-5, 214_000, 3.2e6)] == [
        "0",
        "0.183",
        "12.4",
        "3.1e-5",
        "214k",
        "3.2M",
    ]


def test_histogram(shown) -> None:  # type: ignore[no-untyped-def]
    histogram = shown(Histogram(), 200, 72)
    histogram.grab()
    histogram.set_samples(np.random.RandomState(0).randn(500), normal=True)
    histogram.set_mark(0.5)
    pixels = from_qimage(histogram.grab().toImage()).astype(int)
    assert ((pixels[..., 2] > 180) & (pixels[..., 0] < 130)).sum() > 500
    with pytest.raises(ValueError, match="one more edge"):
        histogram.set_counts([1, 2], [0, 1])

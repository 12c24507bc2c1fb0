"""Strips, grids, film strips and pads of pictures."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.widgets.filmstrip import FilmStrip
from studio.widgets.strip import Thumb, ThumbStrip
from studio.widgets.tilegrid import TileGrid
from studio.widgets.xypad import XYPad
from tests.widgets.hands import SHIFT, Heard, click, double_click, drag, drop_files, hover, key, press, release, wheel


def many(count: int, noise) -> list[Thumb]:  # type: ignore[no-untyped-def]
    return [Thumb(str(i), noise, f"seed {i}") for i in range(count)]


@pytest.fixture
def strip(shown, noise) -> ThumbStrip:  # type: ignore[no-untyped-def]
    made = ThumbStrip()
    made.set_items(many(30, noise))
    return shown(made, 420, 86)


def at(strip: ThumbStrip, index: int) -> QPointF:
    return QPointF(strip._cell(index).center())


def test_click_activates_and_double_click_adopts(strip: ThumbStrip) -> None:
    activated, adopted = Heard(strip.activated), Heard(strip.adopted)
    click(strip.viewport(), at(strip, 2))
    assert activated == [("2",)] and not adopted
    double_click(strip.viewport(), at(strip, 1))
    assert adopted == [("1",)]


def test_the_star_toggles_and_does_not_activate(strip: ThumbStrip) -> None:
    activated, starred = Heard(strip.activated), Heard(strip.star_toggled)
    click(strip.viewport(), QPointF(strip._star_rect(3).center()))
    assert starred == [("3", True)] and not activated
    assert strip.items()[3].starred
    click(strip.viewport(), QPointF(strip._star_rect(3).center()))
    assert starred[-1] == ("3", False)


def test_letting_go_elsewhere_does_nothing(strip: ThumbStrip) -> None:
    activated = Heard(strip.activated)
    press(strip.viewport(), at(strip, 2))
    release(strip.viewport(), at(strip, 3))
    assert not activated


def test_keys_walk_scroll_activate_star_and_remove(strip: ThumbStrip) -> None:
    activated, starred, removed = Heard(strip.activated), Heard(strip.star_toggled), Heard(strip.remove_asked)
    strip.set_current("0")
    for _ in range(12):
        key(strip, Qt.Key.Key_Right)
    assert strip.horizontalScrollBar().value() > 0
    assert strip.viewport().rect().contains(strip._cell(12))
    key(strip, Qt.Key.Key_Return)
    key(strip, Qt.Key.Key_S)
    key(strip, Qt.Key.Key_Delete)
    assert activated == [("12",)] and starred == [("12", True)] and removed == [("12",)]
    assert strip.accessibleDescription() == "seed 12"


def test_the_wheel_scrolls_sideways(strip: ThumbStrip) -> None:
    assert wheel(strip.viewport(), QPointF(50, 40), -2)
    assert strip.horizontalScrollBar().value() > 0


def test_new_results_come_first_without_moving_what_is_looked_at(strip: ThumbStrip, noise) -> None:  # type: ignore[no-untyped-def]
    strip.add(Thumb("new", noise))
    assert strip.items()[0].id == "new" and strip.horizontalScrollBar().value() == 0
    strip.horizontalScrollBar().setValue(500)
    before = strip._cell(strip._index["9"]).left()
    strip.add(Thumb("newer", noise))
    assert strip._cell(strip._index["9"]).left() == before


def test_update_and_remove(strip: ThumbStrip, noise) -> None:  # type: ignore[no-untyped-def]
    strip.grab()
    kept = strip._pixmaps["1"]
    strip.update_item(Thumb("1", noise, "other words"))
    strip.grab()
    assert strip._pixmaps["1"] is kept, "the same picture is not scaled again"
    strip.update_item(Thumb("1", 255 - noise))
    strip.grab()
    assert strip._pixmaps["1"] is not kept
    strip.set_current("1")
    strip.remove("1")
    assert strip.current() is None and "1" not in strip._pixmaps
    with pytest.raises(KeyError):
        strip.remove("1")


def test_five_hundred_cost_what_is_seen(shown, noise) -> None:  # type: ignore[no-untyped-def]
    strip = ThumbStrip(wrap=True, captions=True)
    strip.set_items(many(500, noise))
    shown(strip, 500, 300)
    strip.grab()
    assert 10 < len(strip._pixmaps) < 60
    strip.verticalScrollBar().setValue(strip.verticalScrollBar().maximum())
    strip.grab()
    assert "499" in strip._pixmaps
    columns = strip._columns()
    strip.set_current("499")
    key(strip, Qt.Key.Key_Up)
    assert strip._cursor == 499 - columns


def test_pictures_that_are_not_there_yet(shown) -> None:  # type: ignore[no-untyped-def]
    strip = shown(ThumbStrip(), 300, 86)
    strip.set_placeholder("Results appear here")
    strip.grab()
    strip.set_items([Thumb("a"), Thumb("b")])
    strip.grab()
    key(strip, Qt.Key.Key_Return)


@pytest.fixture
def grid(shown) -> TileGrid:  # type: ignore[no-untyped-def]
    return shown(TileGrid(3, 4), 206, 154)


def test_tiles_arrive_and_are_clicked(grid: TileGrid, noise) -> None:  # type: ignore[no-untyped-def]
    clicked, hovered, adopted = Heard(grid.clicked), Heard(grid.hovered), Heard(grid.adopted)
    grid.set_tile(1, 2, noise, "seed 3")
    place = grid._rect((1, 2)).center()
    hover(grid, place)
    click(grid, place)
    double_click(grid, place)
    assert clicked[0] == (1, 2) and adopted == [(1, 2)]
    hover(grid, QPointF(400, 400))
    assert hovered == [(1, 2), (-1, -1)]
    with pytest.raises(IndexError):
        grid.set_tile(3, 0, noise)
    assert grid.image(1, 2) is noise and grid.image(0, 0) is None


def test_a_tile_redraws_only_itself(grid: TileGrid, noise) -> None:  # type: ignore[no-untyped-def]
    grid.set_tile(0, 0, noise)
    grid.grab()
    kept = grid._pixmaps[0, 0]
    grid.set_tile(0, 1, noise)
    grid.grab()
    assert grid._pixmaps[0, 0] is kept


def test_grid_keys(grid: TileGrid, noise) -> None:  # type: ignore[no-untyped-def]
    clicked, adopted = Heard(grid.clicked), Heard(grid.adopted)
    for code in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_End, Qt.Key.Key_Right):
        key(grid, code)
    key(grid, Qt.Key.Key_Return)
    key(grid, Qt.Key.Key_Return, SHIFT)
    assert clicked == [(1, 3)] and adopted == [(1, 3)]


def test_stale_tiles_are_dim_until_they_are_replaced(grid: TileGrid) -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    grid.set_tile(0, 0, white)
    place = grid._rect((0, 0)).center().toPoint()
    grid.set_stale()
    assert grid.grab().toImage().pixelColor(place).red() < 160
    grid.set_tile(0, 0, white)
    assert grid.grab().toImage().pixelColor(place).red() > 250


def test_height_follows_width_in_a_layout(shown, noise, themed) -> None:  # type: ignore[no-untyped-def]
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    grid = TileGrid(4, 4)
    column.addWidget(grid)
    column.addStretch(1)
    shown(box, 200, 600)
    assert abs(grid.height() - 200) <= 3
    grid.set_headers([noise] * 4, [noise] * 4, ["#ff0000"] * 4, ["#00ff00"] * 4)
    box.resize(300, 600)
    themed.processEvents()
    assert abs(grid.height() - 300) <= 4
    last = grid._rect((3, 3))
    assert grid.rect().adjusted(0, 0, 1, 1).contains(last.toRect())
    grid.set_shape(2, 4)
    themed.processEvents()
    assert grid.height() < 200
    box.grab()


def test_film_strip_chooses_values_and_marks(shown, noise) -> None:  # type: ignore[no-untyped-def]
    film = shown(FilmStrip((-3, 0, 3)), 150, 60)
    heard = Heard(film.value_chosen)
    film.set_frame(2, noise)
    film.set_mark(1.5)
    click(film, film._rect((0, 2)).center())
    assert heard == [(3.0,)]
    film.grab()


@pytest.mark.parametrize(
    ("corners", "point", "weights"),
    [
        (2, (0.25, 0.9), (0.75, 0.25)),
        (3, (0.2, 0.3), (0.5, 0.2, 0.3)),
        (4, (1.0, 0.0), (0, 1, 0, 0)),
        (4, (0.5, 0.5), (0.25, 0.25, 0.25, 0.25)),
    ],
)
def test_pad_weights(themed, corners, point, weights) -> None:  # type: ignore[no-untyped-def]
    pad = XYPad(corners)
    pad.set_point(*point)
    assert pad.weights() == pytest.approx(weights)
    assert sum(pad.weights()) == pytest.approx(1)
    pad.deleteLater()


def test_pad_drags_stay_inside_and_end_final(shown) -> None:  # type: ignore[no-untyped-def]
    pad = shown(XYPad(3, 5, 5), 200, 200)
    heard = Heard(pad.moved)
    middle = pad._place()
    drag(pad, [middle, middle + QPointF(20, 20), QPointF(500, 500)])
    assert [final for *_, final in heard] == [False, False, True]
    assert min(pad.weights()) >= -1e-9 and sum(pad.weights()) == pytest.approx(1)
    key(pad, Qt.Key.Key_Left)
    assert heard[-2][2] is False and heard[-1][2] is True


def test_pad_corners_are_clicked_and_dropped_on(shown, noise) -> None:  # type: ignore[no-untyped-def]
    pad = shown(XYPad(4, 5, 5), 200, 200)
    clicked, dropped, moved = Heard(pad.corner_clicked), Heard(pad.corner_dropped), Heard(pad.moved)
    click(pad, pad._corner(3).center())
    assert clicked == [(3,)] and not moved
    click(pad, QPointF(100, 100))
    assert moved == [(pytest.approx(0.5, abs=0.02), pytest.approx(0.5, abs=0.02), True)]
    drop_files(pad, pad._corner(1).center(), "/tmp/x.png")
    assert dropped[0][0] == 1
    pad.set_tile(0, 0, noise)
    pad.grab()
    with pytest.raises(ValueError, match="two to four"):
        XYPad(5)


def test_first_paint_of_a_full_strip_is_quick(shown) -> None:  # type: ignore[no-untyped-def]
    picture = np.zeros((1024, 1024, 3), np.uint8)
    strip = ThumbStrip()
    strip.set_items([Thumb(str(i), picture) for i in range(500)])
    started = time.thread_time()
    shown(strip, 1000, 86)
    strip.grab()
    assert time.thread_time() - started < 2.0

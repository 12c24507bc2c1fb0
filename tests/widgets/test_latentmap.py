"""The latent map: tiles asked for once and nearest first, moving, zooming, what is shown meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPixmap

from studio.widgets.latentmap import LatentMap
from studio.widgets.pictures import from_qimage
from studio.widgets.tilecache import TileCache, same_point
from tests.widgets.hands import CTRL, SHIFT, Heard, click, drag, key, press, release, wheel


def flat(value: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.full((32, 32, 3), value, np.uint8)


@pytest.fixture
def plane(shown, qtbot) -> LatentMap:  # type: ignore[no-untyped-def]
    made = LatentMap()
    made.asked = Heard(made.tiles_needed)
    shown(made, 220, 132)  # 5 x 3 tiles of 44 px
    qtbot.waitUntil(lambda: len(made.asked) == 1, timeout=2000)
    return made


def answer_all(plane: LatentMap, qtbot) -> list[tuple[int, int, int]]:  # type: ignore[no-untyped-def]
    """Give every tile that is asked for until nothing more is; returns them in order."""
    given_tiles: list[tuple[int, int, int]] = []
    done = 0
    while True:
        for (tiles,) in plane.asked[done:]:
            done += 1
            for tile in tiles:
                given_tiles.append(tile)
                plane.set_tile(*tile, flat(90))
        if not plane.missing():
            return given_tiles
        count = len(plane.asked)
        qtbot.waitUntil(lambda count=count: len(plane.asked) > count, timeout=2000)


def test_nearest_tiles_come_first_and_each_once(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    given_tiles = answer_all(plane, qtbot)
    assert given_tiles[0] == (0, 0, 0)
    assert len(given_tiles) == len(set(given_tiles)) == len(plane._seen())
    distances = [i * i + j * j for i, j, _ in given_tiles]
    assert distances == sorted(distances)
    assert all(len(tiles) <= 16 for (tiles,) in plane.asked)
    count = len(plane.asked)
    plane.repaint()
    plane.resize(210, 130)
    qtbot.wait(40)
    assert len(plane.asked) == count, "nothing is missing, nothing is asked"


def test_nothing_new_is_asked_while_an_answer_is_due(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    plane.set_position(40.0, 7.0)
    qtbot.wait(40)
    assert len(plane.asked) == 1
    for tile in plane.asked[0][0]:
        plane.set_tile(*tile, flat(1))
    qtbot.waitUntil(lambda: len(plane.asked) == 2, timeout=2000)
    assert plane.asked[1][0][0] == (40, 7, 0), "what is in sight now, from the middle"


def test_lost_answers_are_asked_again(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    plane._patience.setInterval(10)
    plane._patience.start()
    qtbot.waitUntil(lambda: len(plane.asked) == 2, timeout=2000)
    assert plane.asked[1] == plane.asked[0]
    plane._patience.stop()


def test_a_drag_moves_the_other_way_and_ends_final(plane: LatentMap) -> None:
    heard = Heard(plane.moved)
    drag(plane, [QPointF(110, 66), QPointF(88, 66), QPointF(66, 44)])
    assert [final for *_, final in heard] == [False, False, True]
    assert heard[-1][:2] == (pytest.approx(1.0), pytest.approx(0.5))
    assert plane.position() == heard[-1][:2]


def test_shift_drags_finer(plane: LatentMap) -> None:
    drag(plane, [QPointF(110, 66), QPointF(66, 66)], SHIFT)
    assert plane.position()[0] == pytest.approx(0.1)


def test_a_click_goes_to_that_tile(plane: LatentMap) -> None:
    plane.set_position(0.3, 0.2)
    heard = Heard(plane.moved)
    at = QPointF(110 + (1 - 0.3) * 44 + 5, 66 + (-1 - 0.2) * 44 - 5)
    click(plane, at)
    assert heard == [(1.0, -1.0, True)]


def test_set_position_is_silent_and_yields_to_the_hand(plane: LatentMap) -> None:
    heard = Heard(plane.moved)
    plane.set_position(3, 4)
    assert not heard and plane.position() == (3, 4)
    drag(plane, [QPointF(110, 66), QPointF(66, 66)], let_go=False)
    plane.set_position(-50, 0)
    assert plane.position() == (pytest.approx(4.0), 4)
    release(plane, QPointF(66, 66))


def test_keys(plane: LatentMap) -> None:
    heard = Heard(plane.moved)
    key(plane, Qt.Key.Key_Right)
    assert heard == [(pytest.approx(0.2), 0.0, False), (pytest.approx(0.2), 0.0, True)]
    key(plane, Qt.Key.Key_Right, CTRL)
    assert plane.position() == (pytest.approx(1.0), 0.0)
    key(plane, Qt.Key.Key_Up, SHIFT)
    assert plane.position()[1] == pytest.approx(-0.02)
    key(plane, Qt.Key.Key_Home)
    assert plane.position() == (0.0, 0.0)


def test_the_wheel_zooms_around_the_mark_and_changes_level(plane: LatentMap) -> None:
    heard, zoomed = Heard(plane.moved), Heard(plane.zoomed)
    plane.set_position(2.5, 1.5)
    wheel(plane, QPointF(10, 10), -5)
    assert plane.position() == (2.5, 1.5) and not heard
    assert plane.span() == 2.0 and zoomed == [(2.0,)]
    assert plane._seen()[0][2] == 1
    for _ in range(200):
        wheel(plane, QPointF(10, 10), -3)
    assert plane.span() == 2.0**8
    for _ in range(200):
        wheel(plane, QPointF(10, 10), 3)
    assert plane.span() == 2.0**-6
    assert len(plane._seen()) < 100


@given(scale=st.floats(0.2, 4000))
def test_tiles_are_never_small_nor_huge(scale: float) -> None:
    plane = LatentMap()
    plane.set_scale(scale)
    assert 40 - 1e-6 <= plane.scale() * plane.span() < 80 + 1e-6
    plane.deleteLater()


def test_zooming_out_reuses_what_is_known(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    answer_all(plane, qtbot)
    plane.set_scale(22.0)  # every second point
    missing = set(plane.missing())
    assert (0, 0, 1) not in missing and (1, 0, 1) not in missing
    assert missing, "the outer ones are new"


def test_a_coarser_picture_stands_in_until_the_tile_arrives(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    for tile in plane.asked[0][0]:
        plane.set_tile(*tile, flat(255))
    plane.set_scale(88.0)  # points in between have no picture yet
    image = from_qimage(plane.grab().toImage())
    middle, neighbour = image[66 - 15, 110], image[66 - 15, 110 + 44]
    assert middle.min() > 240
    assert 60 < neighbour.max() < 200, "dim, but not empty"


def test_stale_tiles_are_shown_and_asked_for_again(plane: LatentMap, qtbot) -> None:  # type: ignore[no-untyped-def]
    answer_all(plane, qtbot)
    count = len(plane.asked)
    plane.clear_tiles()
    assert from_qimage(plane.grab().toImage())[66 - 15, 110].max() > 20, "the old picture stays, dimmed"
    qtbot.waitUntil(lambda: len(plane.asked) == count + 1, timeout=2000)
    plane.clear_tiles(forget=True)
    assert (0, 0, 0) in plane.missing()


def test_a_hidden_map_asks_for_nothing(themed, qtbot) -> None:  # type: ignore[no-untyped-def]
    plane = LatentMap()
    qtbot.addWidget(plane)
    heard = Heard(plane.tiles_needed)
    plane.set_position(4, 4)
    qtbot.wait(40)
    assert not heard


def test_press_without_a_move_keeps_the_drag_short(plane: LatentMap) -> None:
    press(plane, QPointF(110, 66))
    release(plane, QPointF(111, 66))
    assert plane.position() == (0.0, 0.0)


@given(i=st.integers(-300, 300), j=st.integers(-300, 300), level=st.integers(-4, 6))
def test_names_of_one_point_are_one(i: int, j: int, level: int) -> None:
    assert same_point((2 * i, 2 * j, level)) == same_point((i, j, level + 1))
    a, b, c = same_point((i, j, level))
    assert (a * 2.0**c, b * 2.0**c) == (i * 2.0**level, j * 2.0**level)


def test_the_cache_drops_what_was_not_used(themed) -> None:  # type: ignore[no-untyped-def]
    cache = TileCache(budget=4 * 10 * 10 * 3)
    for i in (1, 3, 5):
        cache.put((i, 0, 0), QPixmap(10, 10))
    cache.get((1, 0, 0))
    cache.put((7, 0, 0), QPixmap(10, 10))
    assert (1, 0, 0) in cache and (3, 0, 0) not in cache and len(cache) == 3
    cache.set_stale()
    assert (1, 0, 0) not in cache and cache.get((1, 0, 0)) is not None
    cache.put((1, 0, 0), QPixmap(10, 10))
    assert (1, 0, 0) in cache and not cache.is_stale((1, 0, 0))

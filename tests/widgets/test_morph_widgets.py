"""The widgets of the Morph panel: a growing pad, the dot map with its lasso, piles, the crop box, bars."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PySide6.QtCore import QByteArray, QMimeData, QPointF, QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from studio.widgets.bars import Bars
from studio.widgets.cropbox import CropBox
from studio.widgets.dotmap import DotMap, inside
from studio.widgets.pile import PileView
from studio.widgets.squarebox import SquareBox
from studio.widgets.strip import ITEM_FORMAT
from studio.widgets.xypad import XYPad
from tests.widgets.hands import ALT, LEFT, NONE, SHIFT, Heard, click, drag, drop_files, hover, key


def drop_item(widget: QWidget, at: QPointF, item: str) -> None:
    """Let go of a thumbnail of this program over a widget."""
    mime = QMimeData()
    mime.setData(ITEM_FORMAT, QByteArray(item.encode()))
    mime.setImageData(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        entered = QDragEnterEvent(at.toPoint(), Qt.DropAction.CopyAction, mime, LEFT, NONE)
    widget.dragEnterEvent(entered)
    widget.dropEvent(QDropEvent(at, Qt.DropAction.CopyAction, mime, LEFT, NONE))


# The pad --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pad(shown) -> XYPad:  # type: ignore[no-untyped-def]
    made = XYPad(0, 7, 7, grows=True)
    made.heard = Heard(made.moved)  # type: ignore[attr-defined]
    made.clicks = Heard(made.corner_clicked)  # type: ignore[attr-defined]
    made.drops = Heard(made.corner_dropped)  # type: ignore[attr-defined]
    return shown(made, 292, 292)  # type: ignore[no-any-return]


def test_a_pad_grows_corner_by_corner(pad: XYPad) -> None:
    for count, used in ((0, 0), (1, 1), (2, 7), (3, 28), (4, 49)):
        pad.set_corners(count)
        assert sum(pad.is_used(row, column) for row in range(7) for column in range(7)) == used
        assert len(pad.weights()) == count and sum(pad.weights()) == pytest.approx(1.0 if count else 0.0)
    with pytest.raises(ValueError, match="cannot"):
        pad.set_corners(5)
    with pytest.raises(ValueError, match="cannot"):
        XYPad(4).set_corners(3)


def test_the_next_corner_takes_a_click_and_a_drop_anywhere(pad: XYPad, tmp_path) -> None:  # type: ignore[no-untyped-def]
    pad.set_corners(1)
    click(pad, QPointF(280, 10))
    assert pad.clicks == [(1,)]  # type: ignore[attr-defined]
    click(pad, QPointF(10, 280))
    assert len(pad.clicks) == 1, "C does not come before B"  # type: ignore[attr-defined]
    drop_files(pad, QPointF(150, 150), str(tmp_path / "a.png"))
    assert pad.drops[0][0] == 1  # type: ignore[attr-defined]
    drag(pad, [QPointF(150, 150), QPointF(200, 200)])
    assert pad.heard == [], "one picture has nothing between"  # type: ignore[attr-defined]


def test_two_corners_keep_the_point_on_their_edge(pad: XYPad) -> None:
    pad.set_corners(2)
    drag(pad, [QPointF(20, 20), QPointF(150, 200)])
    x, y, final = pad.heard[-1]  # type: ignore[attr-defined]
    assert y == 0.0 and final and 0.4 < x < 0.6


def test_a_thumbnail_lands_as_what_it_stands_for(pad: XYPad) -> None:
    pad.set_corners(4)
    pad.set_resolver({"example:3": "three"}.get)
    drop_item(pad, QPointF(280, 280), "example:3")
    assert pad.drops == [(3, ["three"])]  # type: ignore[attr-defined]
    drop_item(pad, QPointF(280, 280), "from elsewhere")
    assert len(pad.drops) == 1, "an id that nobody knows, without a file or a picture, is nothing"  # type: ignore[attr-defined]


def test_a_square_box_is_as_large_as_both_sides_allow(shown, qtbot) -> None:  # type: ignore[no-untyped-def]
    child = QWidget()
    box = SquareBox(child, least=50)
    shown(box, 300, 120)
    assert child.size() == QSize(120, 120)
    box.resize(90, 120)
    assert child.size() == QSize(90, 90)


# The map --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dots(shown) -> DotMap:  # type: ignore[no-untyped-def]
    made = DotMap()
    shown(made, 300, 200)
    made.set_points([[-1.5, 0.0], [0.0, 0.0], [1.5, 0.0], [0.0, 1.0]])
    made.clicked = Heard(made.dot_clicked)  # type: ignore[attr-defined]
    made.went = Heard(made.moved)  # type: ignore[attr-defined]
    made.lassos = Heard(made.lassoed)  # type: ignore[attr-defined]
    made.peeks = Heard(made.dot_hovered)  # type: ignore[attr-defined]
    return made


def at_dot(dots: DotMap, index: int) -> QPointF:
    return QPointF(dots.dot_position(index))


def test_a_click_takes_a_dot_or_goes_between_them(dots: DotMap) -> None:
    click(dots, at_dot(dots, 2))
    assert dots.clicked == [(2,)] and dots.went == []  # type: ignore[attr-defined]
    click(dots, QPointF(225, 40))
    assert [final for *_, final in dots.went] == [False, True]  # type: ignore[attr-defined]
    x, y, _ = dots.went[-1]  # type: ignore[attr-defined]
    assert x > 0.5 and y > 0.5, "upwards is up"


def test_a_drag_tells_every_step_and_its_end(dots: DotMap) -> None:
    drag(dots, [QPointF(150, 100), QPointF(200, 100), QPointF(250, 100)])
    finals = [final for *_, final in dots.went]  # type: ignore[attr-defined]
    assert finals == [False, False, True] and dots.went[-1][:2] == dots.place()  # type: ignore[attr-defined]
    dots.set_place((0.0, 0.0))
    key(dots, Qt.Key.Key_Right)
    assert dots.went[-1] == (0.1, 0.0, True)  # type: ignore[attr-defined]
    key(dots, Qt.Key.Key_Up, SHIFT)
    assert dots.went[-1][1] == pytest.approx(0.01)  # type: ignore[attr-defined]


def test_a_lasso_tells_what_is_inside(dots: DotMap) -> None:
    around = [at_dot(dots, 1) + QPointF(dx, dy) for dx, dy in ((-20, 20), (20, 20), (20, -90), (-20, -90))]
    drag(dots, around, keys=ALT)
    assert dots.went == [] and [list(found) for (found,) in dots.lassos] == [[1, 3]]  # type: ignore[attr-defined]
    dots.set_lasso(True)
    drag(dots, [QPointF(2, 2), QPointF(10, 2), QPointF(10, 10)])
    assert len(dots.lassos) == 1, "nothing inside is nothing"  # type: ignore[attr-defined]


def test_inside_follows_the_even_odd_rule() -> None:
    polygon = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], float)
    points = np.array([[1, 1], [2, 3], [3.5, 2], [5, 1], [2, 0.5]], float)
    assert inside(polygon, points).tolist() == [True, False, True, False, True]


def test_values_colour_the_dots_and_a_peek_shows(dots: DotMap, noise) -> None:  # type: ignore[no-untyped-def]
    plain = dots.grab().toImage()
    dots.set_values([0, 1, 1, 0])
    assert dots.grab().toImage() != plain
    with pytest.raises(ValueError, match="values"):
        dots.set_values([1, 2])
    hover(dots, at_dot(dots, 1))
    assert dots.peeks == [(1,)]  # type: ignore[attr-defined]
    before = dots.grab().toImage()
    dots.set_peek(1, noise)
    assert dots.grab().toImage() != before


def test_an_empty_map_says_why(dots: DotMap) -> None:
    dots.set_points([])
    dots.set_placeholder("nothing yet")
    click(dots, QPointF(50, 50))
    assert dots.went == [] and not dots.grab().isNull()  # type: ignore[attr-defined]


# Piles ----------------------------------------------------------------------------------------------------------------


def test_a_pile_shows_takes_and_gives_back(shown, noise) -> None:  # type: ignore[no-untyped-def]
    pile = PileView("drop here", "With")
    added, removed, dropped = Heard(pile.add_asked), Heard(pile.remove_asked), Heard(pile.dropped)
    shown(pile, 200, 42)
    pile.set_pictures([noise, None], ["one", "two"])
    click(pile, QPointF(60, 20))
    click(pile, QPointF(98, 20))
    assert removed == [(1,)] and added == [()]
    key(pile, Qt.Key.Key_Delete)
    key(pile, Qt.Key.Key_Return)
    assert removed[-1] == (1,) and len(added) == 2
    pile.set_resolver({"example:3": 3}.get)
    drop_item(pile, QPointF(10, 10), "example:3")
    assert dropped == [([3],)]


def test_a_large_pile_counts_what_does_not_fit(shown, noise) -> None:  # type: ignore[no-untyped-def]
    pile = PileView("drop here", "With")
    shown(pile, 200, 118)
    pile.set_pictures([noise] * 100, ["x"] * 100)
    assert pile.count() == 100 and pile._shown() == 14 and pile.heightForWidth(200) == 118


# The crop box ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def crop(shown) -> CropBox:  # type: ignore[no-untyped-def]
    made = CropBox()
    shown(made, 280, 190)
    made.set_image(np.zeros((200, 400, 3), np.uint8))
    made.set_box((0.25, 0.0, 0.75, 1.0))
    made.heard = Heard(made.framed)  # type: ignore[attr-defined]
    return made


def is_square(box: tuple[float, ...]) -> bool:
    return (box[2] - box[0]) * 400 == pytest.approx((box[3] - box[1]) * 200)


def test_the_frame_moves_and_keeps_its_size(crop: CropBox) -> None:
    middle = crop.frame_rect().center()
    drag(crop, [middle, middle + QPointF(30, 0)])
    left, top, right, bottom = crop.box()
    assert right - left == pytest.approx(0.5) and left > 0.25 and (top, bottom) == (0.0, 1.0)
    assert [final for *_, final in crop.heard] == [False, True]  # type: ignore[attr-defined]
    middle = crop.frame_rect().center()
    drag(crop, [middle, middle + QPointF(900, 0)])
    left, _, right, _ = crop.box()
    assert (left + right) / 2 == pytest.approx(1.0), "its middle stays on the picture"


def test_a_corner_resizes_around_the_opposite_one_and_stays_square(crop: CropBox) -> None:
    corner = crop.frame_rect().bottomRight()
    drag(crop, [corner, corner + QPointF(-20, -20)])
    left, top, right, bottom = crop.box()
    assert (left, top) == pytest.approx((0.25, 0.0)) and right < 0.75 and is_square((left, top, right, bottom))
    for _ in range(100):
        key(crop, Qt.Key.Key_Minus)
    box = crop.box()
    assert is_square(box) and box[3] - box[1] >= 0.04, "it cannot vanish"


def test_keys_move_the_frame(crop: CropBox) -> None:
    key(crop, Qt.Key.Key_Right)
    assert crop.box()[0] == pytest.approx(0.27) and crop.heard[-1][-1] is True  # type: ignore[attr-defined]
    before = crop.grab().toImage()
    crop.set_guide(True)
    assert crop.grab().toImage() != before


# Bars -----------------------------------------------------------------------------------------------------------------


def test_bars_are_chosen_by_hand_and_by_key(shown) -> None:  # type: ignore[no-untyped-def]
    bars = Bars("KL", "nats")
    chosen = Heard(bars.chosen)
    shown(bars, 212, 56)
    bars.set_values([4.0, 2.0, 1.0, 0.0], [True, True, True, False], ["z3", "z1", "z2", "z4"])
    click(bars, QPointF(80, 20))
    key(bars, Qt.Key.Key_Right)
    key(bars, Qt.Key.Key_Right)
    key(bars, Qt.Key.Key_Right)
    assert chosen == [(1,), (2,), (3,)] and bars.accessibleDescription() == "z4 · 0.00 nats"

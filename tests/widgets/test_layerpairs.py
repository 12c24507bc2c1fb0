"""The two columns of sliders: by hand, by keys, solo and mute, bars and thumbnails."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from studio.widgets.inline import InlineEdit
from studio.widgets.layerpairs import LayerPairs, Spot
from tests.widgets.hands import ALT, SHIFT, Heard, click, double_click, drag, key

NAMES = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture
def pairs(shown) -> LayerPairs:  # type: ignore[no-untyped-def]
    made = LayerPairs(("content", "style"))
    made.set_layers(NAMES)
    made.set_values({("relu1_1", "style"): 0.5, ("relu2_1", "content"): 0.8})
    made.set_defaults({("relu1_1", "style"): 1.0})
    return shown(made, 340, 200)


def middle(pairs: LayerPairs, row: int, column: int) -> QPointF:
    return pairs.cell(row, column).center()


def test_a_drag_changes_one_slider_and_ends_with_one_final_value(pairs: LayerPairs) -> None:
    heard = Heard(pairs.value_changed)
    at, width = middle(pairs, 0, 1), pairs.cell(0, 1).width()
    drag(pairs, [at, at + QPointF(5, 0), at + QPointF(5 + width / 4, 0)])
    assert {entry[:2] for entry in heard} == {("relu1_1", "style")}
    assert [final for *_, final in heard] == [False] * (len(heard) - 1) + [True]
    assert pairs.value("relu1_1", "style") == pytest.approx(0.5 + 0.25 + 5 / width, abs=0.02)
    drag(pairs, [at, at + QPointF(5, 0), at + QPointF(600, 0)])
    assert pairs.value("relu1_1", "style") == 1.0, "a drag ends at 1"


def test_shift_is_finer(pairs: LayerPairs) -> None:
    at = middle(pairs, 0, 1)
    drag(pairs, [at, at + QPointF(5, 0), at + QPointF(5 + pairs.cell(0, 1).width(), 0)], SHIFT)
    assert pairs.value("relu1_1", "style") == pytest.approx(0.6, abs=0.02)


def test_a_double_click_resets(pairs: LayerPairs) -> None:
    heard = Heard(pairs.value_changed)
    double_click(pairs, middle(pairs, 0, 1))
    double_click(pairs, middle(pairs, 1, 0))
    assert heard == [("relu1_1", "style", 1.0, True), ("relu2_1", "content", 0.0, True)]


def test_the_hand_is_right_while_it_drags(pairs: LayerPairs) -> None:
    at = middle(pairs, 0, 1)
    drag(pairs, [at, at + QPointF(5, 0), at + QPointF(30, 0)], let_go=False)
    held = pairs.value("relu1_1", "style")
    pairs.set_values({("relu1_1", "style"): 0.0, ("relu2_1", "content"): 0.1})
    assert pairs.value("relu1_1", "style") == held and pairs.value("relu2_1", "content") == 0.1
    key(pairs, Qt.Key.Key_Escape)
    assert pairs.value("relu1_1", "style") == 0.5, "Escape takes the drag back"


def test_solo_and_mute_are_asked_for(pairs: LayerPairs) -> None:
    heard = Heard(pairs.switched)
    click(pairs, pairs.switch_rect(2, 1, "solo").center())
    click(pairs, pairs.switch_rect(1, 0, "mute").center())
    click(pairs, middle(pairs, 0, 1), ALT)
    assert heard == [("relu3_1", "style", "solo"), ("relu2_1", "content", "mute"), ("relu1_1", "style", "solo")]


def test_solo_silences_its_own_column_only(pairs: LayerPairs) -> None:
    pairs.set_switches({("relu1_1", "style")}, {("relu3_1", "content")})
    assert pairs.silenced("relu2_1", "style") and not pairs.silenced("relu1_1", "style")
    assert not pairs.silenced("relu2_1", "content") and pairs.silenced("relu3_1", "content")


def test_keys(pairs: LayerPairs) -> None:
    heard, switched = Heard(pairs.value_changed), Heard(pairs.switched)
    click(pairs, middle(pairs, 0, 1))
    key(pairs, Qt.Key.Key_Plus, text="+")
    assert heard == [("relu1_1", "style", 0.55, False), ("relu1_1", "style", 0.55, True)]
    key(pairs, Qt.Key.Key_Down)
    key(pairs, Qt.Key.Key_Left)
    key(pairs, Qt.Key.Key_M, text="m")
    assert switched == [("relu2_1", "content", "mute")]
    assert "relu2_1, content 0.80" in pairs.accessibleDescription()
    key(pairs, Qt.Key.Key_Delete)
    assert pairs.value("relu2_1", "content") == 0.0


@pytest.mark.parametrize(("typed", "value"), [("2,5", 2.5), ("99", 10.0), ("-1", 0.0), ("nan", 0.8), ("x", 0.8)])
def test_a_number_is_typed(pairs: LayerPairs, typed: str, value: float) -> None:
    pairs.edit(1, 0)
    field = pairs.findChild(InlineEdit)
    field.setText(typed)
    field.keep()
    assert pairs.value("relu2_1", "content") == value


def test_bars_and_thumbnails(pairs: LayerPairs) -> None:
    before = pairs.grab().toImage()
    pairs.set_shares({("relu1_1", "style"): 0.9})
    pairs.set_image("relu2_1", np.full((32, 48, 3), 200, np.uint8))
    after = pairs.grab().toImage()
    bar = pairs.cell(0, 1)
    ratio = after.devicePixelRatio()
    spot = (round((bar.left() + 0.8 * bar.width()) * ratio), round((bar.bottom() + 4) * ratio))
    assert before.pixel(*spot) != after.pixel(*spot)
    assert "90 %" in pairs.tooltip(Spot("cell", 0, 1))
    assert pairs.tooltip(Spot("thumb", 1)).count("data:image/png;base64,") == 1
    pairs.set_layers(("relu1_1",))
    assert pairs.image("relu2_1") is None, "another network: other thumbnails"

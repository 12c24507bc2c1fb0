"""The number slider: what every hand movement says."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.widgets.slider import NumberSlider
from tests.widgets.hands import SHIFT, Heard, click, double_click, drag, key, move, press, release, wheel


@pytest.fixture
def slider(shown) -> NumberSlider:  # type: ignore[no-untyped-def]
    made = NumberSlider("Truncation ψ", 0.0, 2.0, 1.0, 0.01, 2)
    return shown(made, 200, 26)


def test_a_drag_tells_every_step_and_one_final(slider: NumberSlider) -> None:
    heard = Heard(slider.value_changed)
    drag(slider, [QPointF(50, 13), QPointF(60, 13), QPointF(70, 13), QPointF(80, 13)])
    assert [final for _, final in heard] == [False, False, False, True]
    assert heard[-1][0] == pytest.approx(1.3)
    assert heard[-2][0] == heard[-1][0]
    assert slider.value() == pytest.approx(1.3)
    assert slider.is_changed()


def test_a_click_changes_nothing(slider: NumberSlider) -> None:
    heard = Heard(slider.value_changed)
    click(slider, QPointF(30, 13))
    assert not heard and slider.value() == 1.0


def test_shift_is_ten_times_finer(slider: NumberSlider) -> None:
    drag(slider, [QPointF(50, 13), QPointF(60, 13), QPointF(150, 13)], SHIFT)
    assert slider.value() == pytest.approx(1.1)


def test_a_drag_stops_at_the_ends_and_comes_back_soon(slider: NumberSlider) -> None:
    drag(slider, [QPointF(50, 13), QPointF(900, 13)], let_go=False)
    assert slider.value() == 2.0
    move(slider, QPointF(800, 13))  # 100 px back, of which 40 are slack
    assert slider.value() == pytest.approx(1.4)
    release(slider, QPointF(800, 13))


def test_escape_takes_a_drag_back(slider: NumberSlider) -> None:
    heard = Heard(slider.value_changed)
    drag(slider, [QPointF(50, 13), QPointF(100, 13)], let_go=False)
    key(slider, Qt.Key.Key_Escape)
    assert slider.value() == 1.0
    assert heard[-1] == (1.0, True)
    release(slider, QPointF(100, 13))
    assert heard[-1] == (1.0, True) and len(heard) == 2


def test_double_click_resets_with_one_final_signal(slider: NumberSlider) -> None:
    slider.set_value(0.3)
    heard = Heard(slider.value_changed)
    double_click(slider, QPointF(60, 13))
    assert heard == [(1.0, True)]
    assert not slider.is_changed()


def test_set_value_is_silent_and_bounded(slider: NumberSlider) -> None:
    heard = Heard(slider.value_changed)
    slider.set_value(7)
    assert slider.value() == 2.0
    slider.set_value(float("nan"))
    assert slider.value() == 1.0
    assert not heard


def test_set_value_does_not_fight_the_hand(slider: NumberSlider) -> None:
    drag(slider, [QPointF(50, 13), QPointF(70, 13)], let_go=False)
    slider.set_value(0.0)
    assert slider.value() == pytest.approx(1.2)
    release(slider, QPointF(70, 13))


@pytest.mark.parametrize(
    ("code", "keys", "expected"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 1.01),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier, 0.99),
        (Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, 1.2),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0.0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 2.0),
    ],
)
def test_keys_move_and_settle_when_let_go(slider: NumberSlider, code, keys, expected) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(slider.value_changed)
    key(slider, code, keys)
    assert heard == [(pytest.approx(expected), False), (pytest.approx(expected), True)]


def test_delete_resets(slider: NumberSlider) -> None:
    slider.set_value(0.2)
    key(slider, Qt.Key.Key_Delete)
    assert slider.value() == 1.0


def test_wheel_only_with_focus(shown, qtbot) -> None:  # type: ignore[no-untyped-def]
    box = QWidget()
    column = QVBoxLayout(box)
    first, second = NumberSlider("a", 0, 1, 0.5), NumberSlider("b", 0, 1, 0.5)
    column.addWidget(first)
    column.addWidget(second)
    shown(box)
    first.setFocus()
    heard = Heard(second.value_changed)
    assert not wheel(second, QPointF(20, 13)), "the panel must go on scrolling"
    assert second.value() == 0.5 and not heard
    second.setFocus()
    assert wheel(second, QPointF(20, 13), 2)
    assert second.value() == pytest.approx(0.52)
    assert heard == [(pytest.approx(0.52), False)]
    first.setFocus()  # leaving settles at once, without waiting for the wheel to rest
    assert heard[-1] == (pytest.approx(0.52), True)


def test_wheel_settles_by_itself(slider: NumberSlider, qtbot) -> None:  # type: ignore[no-untyped-def]
    slider.setFocus()
    with qtbot.waitSignal(slider.value_changed, check_params_cb=lambda _v, final: final, timeout=3000):
        wheel(slider, QPointF(20, 13))


def test_typing_a_number(slider: NumberSlider, qtbot) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(slider.value_changed)
    slider.setFocus()
    key(slider, Qt.Key.Key_0, text="0")
    editor = slider._editor
    assert editor is not None and editor.text() == "0"
    qtbot.keyClicks(editor, ",75 psi")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert heard == [(0.75, True)]
    assert slider._editor is None and slider.hasFocus()


def test_escape_and_nonsense_keep_the_value(slider: NumberSlider, qtbot) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(slider.value_changed)
    slider.edit()
    qtbot.keyClicks(slider._editor, "1.5")
    qtbot.keyClick(slider._editor, Qt.Key.Key_Escape)
    slider.edit()
    slider._editor.setText("much")
    qtbot.keyClick(slider._editor, Qt.Key.Key_Return)
    assert not heard and slider.value() == 1.0


def test_click_on_the_value_types_and_the_second_click_resets(slider: NumberSlider, qtbot) -> None:  # type: ignore[no-untyped-def]
    slider.set_value(0.3)
    click(slider, QPointF(190, 13))
    assert slider._editor is not None
    qtbot.mouseDClick(slider._editor, Qt.MouseButton.LeftButton)
    assert slider._editor is None and slider.value() == 1.0


def test_text_has_unit_sign_and_true_minus(themed) -> None:  # type: ignore[no-untyped-def]
    slider = NumberSlider("Smile", -4, 4, 0, 0.1, 1, "σ", center=0)
    slider.set_value(-0.8)
    assert slider.text() == "−0.8 σ"
    slider.set_value(1.4)
    assert slider.text() == "+1.4 σ"
    slider.set_value(0.01)
    assert slider.text() == "0.0 σ"
    assert not slider.is_changed()
    words = NumberSlider("Cutoff", 0, 12, 12, 1, 0, text_of=lambda v: f"{v:.0f} of 12")
    assert words.text() == "12 of 12"
    for made in (slider, words):
        made.deleteLater()


def test_whole_numbers_stay_whole(shown) -> None:  # type: ignore[no-untyped-def]
    slider = shown(NumberSlider("Layer", 0, 12, 4, 1, 0), 200, 26)
    heard = Heard(slider.value_changed)
    drag(slider, [QPointF(50, 13), QPointF(71, 13), QPointF(95, 13)])
    assert all(value == int(value) for value, _ in heard)
    key(slider, Qt.Key.Key_Right)
    assert slider.value() == heard[-1][0] == 8


def test_seeds_move_by_pixels(shown) -> None:  # type: ignore[no-untyped-def]
    slider = shown(NumberSlider("Seed", 0, 2**32 - 1, 0, 1, 0, per_pixel=0.5), 200, 26)
    slider.set_value(4127)
    drag(slider, [QPointF(50, 13), QPointF(60, 13)])
    assert slider.value() == 4132


def test_accessible_name_value_and_long_names(slider: NumberSlider, shown) -> None:  # type: ignore[no-untyped-def]
    assert slider.accessibleName() == "Truncation ψ"
    assert slider.accessibleDescription() == "1.00"
    long = shown(NumberSlider("A very long name that an artist gave to a direction", 0, 1, 0), 160, 26)
    assert long._tooltip().startswith("A very long name")
    assert "Default 0.00" in long._tooltip()


def test_a_disabled_slider_keeps_still(slider: NumberSlider) -> None:
    slider.setEnabled(False)
    slider.edit()
    assert slider._editor is None


def test_bounds_must_make_sense() -> None:
    with pytest.raises(ValueError, match="not below"):
        NumberSlider("x", 1, 1, 1)


def test_press_outside_release_does_not_stick(slider: NumberSlider) -> None:
    press(slider, QPointF(50, 13))
    release(slider, QPointF(50, 13))
    heard = Heard(slider.value_changed)
    move(slider, QPointF(150, 13))
    assert not heard

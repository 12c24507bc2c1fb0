"""The layer board: changing weights by hand and keys, painting, locks, switches, names, scrolling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from studio.widgets.layerboard import BoardColumn, BoardRow, LayerBoard
from tests.widgets.hands import ALT, SHIFT, Heard, click, double_click, drag, drop_files, hover, key

ROWS = [BoardRow("4 px", "coarse"), BoardRow("8 px", "coarse"), BoardRow("16 px", "middle"), BoardRow("32 px", "fine")]


@pytest.fixture
def board(shown) -> LayerBoard:  # type: ignore[no-untyped-def]
    made = LayerBoard()
    columns = [
        BoardColumn("a", "Seed 12", None, 0),
        BoardColumn("b", "Seed 905", None, 1),
        BoardColumn("c", "Mine", None, 2),
    ]
    made.set_board(columns, ROWS, [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    return shown(made, 560, 420)


def cell(board: LayerBoard, row: int, column: int, dx: float = 0.0) -> QPointF:
    return board.geometry_of_board().cell(row, column).center() + QPointF(dx, 0)


def test_a_drag_sideways_changes_one_cell(board: LayerBoard) -> None:
    heard = Heard(board.weight_changed)
    width = board.geometry_of_board().cell_width
    start = cell(board, 0, 1, -width / 2 + 2)
    drag(
        board.viewport(),
        [start, start + QPointF(4, 0), start + QPointF(4 + width / 4, 0), start + QPointF(4 + width / 2, 0)],
    )
    assert {(row, column) for row, column, *_ in heard} == {(0, 1)}
    assert [final for *_, final in heard] == [False] * (len(heard) - 1) + [True]
    assert heard[-1][2] == pytest.approx(0.5, abs=0.01)
    assert board.weights()[0, 1] == heard[-1][2]


def test_shift_is_finer(board: LayerBoard) -> None:
    width = board.geometry_of_board().cell_width
    start = cell(board, 1, 1)
    drag(board.viewport(), [start, start + QPointF(4, 0), start + QPointF(4 + width, 0)], SHIFT)
    assert board.weights()[1, 1] == pytest.approx(0.6, abs=0.01)


def test_a_drag_over_rows_paints_them_even_when_it_is_fast(board: LayerBoard) -> None:
    heard = Heard(board.weight_changed)
    drag(board.viewport(), [cell(board, 0, 0), cell(board, 3, 0)])
    assert (board.weights()[:, 0] == 1.0).all()
    assert [entry[3] for entry in heard].count(True) == 1 and heard[-1][3]


def test_a_click_changes_nothing_and_a_double_click_toggles(board: LayerBoard) -> None:
    heard = Heard(board.weight_changed)
    click(board.viewport(), cell(board, 0, 1))
    assert not heard
    double_click(board.viewport(), cell(board, 0, 1))
    assert heard == [(0, 1, 1.0, True)]
    double_click(board.viewport(), cell(board, 0, 1))
    assert heard[-1] == (0, 1, 0.0, True)


def test_alt_click_gives_the_row_to_one(board: LayerBoard) -> None:
    heard = Heard(board.weight_changed)
    click(board.viewport(), cell(board, 1, 2), ALT)
    assert board.weights()[1].tolist() == [0, 0, 1]
    assert heard == [(1, 0, 0.0, False), (1, 1, 0.0, False), (1, 2, 1.0, True)]


def test_locked_cells_refuse_and_say_so(board: LayerBoard, themed) -> None:  # type: ignore[no-untyped-def]
    columns = [replace(c, locked=c.id == "b") for c in board._columns]
    board.set_columns(columns)
    board.set_bands(locked=["coarse"])
    heard = Heard(board.weight_changed)
    for at in (cell(board, 2, 1), cell(board, 0, 0)):
        drag(board.viewport(), [at, at + QPointF(30, 0)])
        assert board._refused is not None
        board._forgive()
        double_click(board.viewport(), at)
    assert not heard
    board._calm.stop()
    drag(board.viewport(), [cell(board, 3, 0), cell(board, 0, 0)], let_go=True)  # painting passes locked rows by
    assert board.weights()[:, 0].tolist() == [1, 0.5, 0, 0]


def test_keys_walk_and_change(board: LayerBoard) -> None:
    heard = Heard(board.weight_changed)
    key(board, Qt.Key.Key_Down)
    key(board, Qt.Key.Key_Right)
    key(board, Qt.Key.Key_Plus, text="+")
    assert heard[-1] == (1, 1, pytest.approx(0.6), True)
    key(board, Qt.Key.Key_Minus, SHIFT, text="_")
    assert heard[-1] == (1, 1, pytest.approx(0.59), True)
    key(board, Qt.Key.Key_3, text="3")
    assert heard[-1] == (1, 1, pytest.approx(0.3), True)
    key(board, Qt.Key.Key_0, text="0")
    assert heard[-1][2] == 0.0
    key(board, Qt.Key.Key_0, text="0")
    assert heard[-1][2] == 1.0
    key(board, Qt.Key.Key_Space)
    assert heard[-1][2] == 0.0
    key(board, Qt.Key.Key_Return, ALT)
    assert board.weights()[1].tolist() == [0, 1, 0]
    assert "Seed 905" in board.accessibleDescription()


def test_switches_by_mouse_and_keys(board: LayerBoard) -> None:
    heard, bands = Heard(board.column_action), Heard(board.band_action)
    place = board.geometry_of_board()
    for index in range(3):
        click(board.viewport(), place.switch(1, index).center())
    assert heard == [("b", "solo"), ("b", "mute"), ("b", "lock")]
    key(board, Qt.Key.Key_M, text="m")
    assert heard[-1] == ("a", "mute")
    click(board.viewport(), place.band_switch(1, 2).center())
    assert bands == [("coarse", "lock")]
    hover(board.viewport(), place.thumb(2).center())
    click(board.viewport(), place.remove(2).center())
    assert heard[-1] == ("c", "remove")


def test_renaming_in_place(board: LayerBoard, qtbot) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(board.column_renamed)
    double_click(board.viewport(), board.geometry_of_board().name(0).center())
    editor = board._editor
    assert editor is not None and editor.selectedText() == "Seed 12"
    qtbot.keyClicks(editor, "Anna")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert heard == [("a", "Anna")] and board._editor is None
    board.rename("b")
    qtbot.keyClicks(board._editor, "nobody")
    qtbot.keyClick(board._editor, Qt.Key.Key_Escape)
    assert len(heard) == 1


def test_hovering_tells_the_row(board: LayerBoard) -> None:
    heard = Heard(board.row_hovered)
    hover(board.viewport(), cell(board, 2, 1))
    hover(board.viewport(), cell(board, 2, 2))
    hover(board.viewport(), QPointF(60, 5))
    assert heard == [(2,), (-1,)]


def test_new_weights_wait_for_the_hand(board: LayerBoard) -> None:
    start = cell(board, 1, 1)
    drag(board.viewport(), [start, start + QPointF(30, 0)], let_go=False)
    now = board.weights()
    board.set_weights(np.zeros((4, 3)))
    assert (board.weights() == now).all()
    drag(board.viewport(), [start, start])
    board.set_weights(np.zeros((4, 3)))
    assert not board.weights().any()


def test_shapes_must_agree(board: LayerBoard) -> None:
    with pytest.raises(ValueError, match="4 layers x 3"):
        board.set_weights(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="use set_board"):
        board.set_columns([])


def test_many_rows_and_columns_scroll_below_a_fixed_header(board: LayerBoard) -> None:
    columns = [BoardColumn(str(i), f"Seed {i}", None, i) for i in range(14)]
    board.set_board(columns, [BoardRow("8 px", "coarse")] * 26, np.zeros((26, 14)))
    assert board.verticalScrollBar().maximum() > 0 and board.horizontalScrollBar().maximum() > 0
    head = board.geometry_of_board().thumb(0).top()
    board.verticalScrollBar().setValue(200)
    assert board.geometry_of_board().thumb(0).top() == head
    for _ in range(25):
        key(board, Qt.Key.Key_Down)
    for _ in range(13):
        key(board, Qt.Key.Key_Right)
    place = board.geometry_of_board()
    assert board.viewport().rect().contains(place.cell(25, 13).toRect()), "the cursor stays in sight"
    board.grab()


def test_the_plus_and_drops(board: LayerBoard) -> None:
    added, dropped = Heard(board.add_asked), Heard(board.dropped)
    click(board.viewport(), board.geometry_of_board().add().center())
    assert len(added) == 1
    drop_files(board, QPointF(10, 10), "/tmp/x.png")
    assert str(dropped[0][0][0]) == "/tmp/x.png"


def test_an_empty_board_is_no_trouble(shown) -> None:  # type: ignore[no-untyped-def]
    board = shown(LayerBoard(), 400, 300)
    board.grab()
    key(board, Qt.Key.Key_Down)
    click(board.viewport(), QPointF(200, 200))
    board.set_board([], ROWS, np.zeros((4, 0)))
    board.grab()
    assert board.weights().shape == (4, 0)

"""Contact sheets and strips."""

from __future__ import annotations

import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.media.sheets import contact_sheet, strip


def tile(value: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_near_square_by_default() -> None:
    sheet = contact_sheet([tile(i) for i in range(7)], gap=2, background=(255, 0, 0))
    assert sheet.shape == (3 * 6 - 2, 3 * 6 - 2, 3)
    for index in range(7):
        row, column = divmod(index, 3)
        assert (sheet[row * 6 : row * 6 + 4, column * 6 : column * 6 + 4] == index).all()
    assert (sheet[4:6] == (255, 0, 0)).all()
    assert (sheet[12:, 6:] == (255, 0, 0)).all()


def test_columns_and_different_sizes() -> None:
    sheet = contact_sheet([tile(1), tile(2, 2, 2)], columns=1, gap=0, background=(9, 9, 9))
    assert sheet.shape == (8, 4, 3)
    assert (sheet[5:7, 1:3] == 2).all() and (sheet[4] == 9).all()
    assert contact_sheet([tile(1)], columns=5).shape == (4, 4, 3)


def test_strips_and_transparency() -> None:
    assert strip([tile(1), tile(2), tile(3)], gap=1).shape == (4, 14, 3)
    assert strip([tile(1), tile(2)], gap=1, vertical=True).shape == (9, 4, 3)
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (strip([clear], background=(5, 6, 7)) == (5, 6, 7)).all()


def test_nothing_is_a_sentence() -> None:
    with pytest.raises(StudioError, match="no pictures"):
        contact_sheet([])

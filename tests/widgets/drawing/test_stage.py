"""Two canvases: beside each other, stacked, and the divider between."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from studio.widgets.canvas import Canvas
from studio.widgets.drawing.drawcanvas import DrawCanvas
from studio.widgets.drawing.stage import SplitStage
from tests.widgets.hands import Heard, double_click, drag, key


@pytest.fixture
def stage(shown) -> SplitStage:  # type: ignore[no-untyped-def]
    paper, result = DrawCanvas(), Canvas()
    paper.set_size(128, 128)
    result.set_image(np.full((128, 128, 3), 90, np.uint8))
    made = SplitStage(paper, result)
    made.set_captions("draw here", "live · 31 ms")
    return shown(made, 1000, 600)


def test_side_by_side_and_in_line(stage: SplitStage) -> None:
    paper, result = stage.first, stage.second
    assert isinstance(paper, DrawCanvas) and isinstance(result, Canvas)
    assert not stage.is_stacked() and abs(paper.width() - result.width()) <= 1
    one, other = paper.from_picture(QPointF(0, 0)), result.from_picture(QPointF(0, 0))
    assert (one - other).manhattanLength() < 2, "both pictures stand at the same height, in the same size"
    assert paper._caption == "draw here" and result._caption == "live · 31 ms"


@pytest.mark.parametrize(("width", "height", "stacked"), [(480, 500, True), (700, 1000, True), (900, 700, False)])
def test_stacked_where_it_is_narrow(stage: SplitStage, themed, width: int, height: int, stacked: bool) -> None:  # type: ignore[no-untyped-def]
    stage.set_ratio(0.4)
    stage.resize(width, height)
    themed.processEvents()
    assert stage.is_stacked() is stacked
    first, second = stage.sizes()
    assert first / (first + second) == pytest.approx(0.4, abs=0.01), "the shares are kept"
    stage.resize(1000, 600)
    themed.processEvents()
    assert not stage.is_stacked() and stage.ratio() == 0.4


def test_the_divider_is_dragged_centred_and_moved_by_keys(stage: SplitStage, themed) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(stage.ratio_changed)
    handle = stage.handle(1)
    drag(handle, [QPointF(3, 100), QPointF(-100, 100), QPointF(-197, 100)])
    assert stage.ratio() < 0.45 and heard and heard[-1][0] == stage.ratio()
    double_click(handle, QPointF(3, 100))
    assert stage.ratio() == 0.5 and abs(stage.first.width() - stage.second.width()) <= 1
    key(handle, Qt.Key.Key_Right)
    assert stage.ratio() == pytest.approx(0.52) and stage.first.width() > stage.second.width()
    stage.set_ratio(3)
    assert stage.ratio() == 0.85
    key(handle, Qt.Key.Key_Home)
    assert stage.ratio() == 0.5 and handle.accessibleName()


def test_one_alone(stage: SplitStage, themed) -> None:  # type: ignore[no-untyped-def]
    stage.set_ratio(0.3)
    stage.set_alone(stage.second)
    themed.processEvents()
    assert stage.first.isHidden() and stage.second.width() > 950
    stage.resize(900, 600)
    stage.set_alone(None)
    themed.processEvents()
    first, second = stage.sizes()
    assert first / (first + second) == pytest.approx(0.3, abs=0.01)

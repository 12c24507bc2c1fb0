"""Painting masks: brush and eraser, pressure, keys, and that looking around still works."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QInputDevice, QPointingDevice, QTabletEvent
from PySide6.QtWidgets import QApplication

from studio.widgets.maskcanvas import MASK_SIDE, MaskCanvas, feathered, mask_shape, tinted
from tests.widgets.hands import MIDDLE, Heard, drag, key

PEN = QPointingDevice(
    "pen",
    7,
    QInputDevice.DeviceType.Stylus,
    QPointingDevice.PointerType.Pen,
    QInputDevice.Capability.Pressure,
    1,
    3,
)


@pytest.fixture
def canvas(shown, noise) -> MaskCanvas:  # type: ignore[no-untyped-def]
    made = MaskCanvas()
    made.set_image(np.tile(noise, (2, 4, 1)))  # 256 x 128
    shown(made, 500, 400)
    made.set_painting(True)
    return made


def at(canvas: MaskCanvas, x: float, y: float) -> QPointF:
    """A point by its part of the picture."""
    return canvas.from_picture(QPointF(256 * x, 128 * y))


def test_a_stroke_paints_where_the_hand_was(canvas: MaskCanvas) -> None:
    heard = Heard(canvas.stroked)
    canvas.set_brush(40, False)
    drag(canvas, [at(canvas, 0.25, 0.5), at(canvas, 0.5, 0.5), at(canvas, 0.75, 0.5)])
    assert len(heard) == 1
    mask = heard[0][0]
    assert mask.shape == (256, 512) == mask_shape(256, 128)
    assert mask[128, 256] == 255 and mask[128, 130] == 255 and mask[128 - 15, 200] == 255
    assert mask[128 - 30, 256] == 0 and mask[128, 20] == 0 and mask[10, 10] == 0


def test_the_eraser_begins_with_everywhere(canvas: MaskCanvas) -> None:
    heard = Heard(canvas.stroked)
    canvas.set_brush(40, True)
    drag(canvas, [at(canvas, 0.5, 0.5), at(canvas, 0.5, 0.5)])
    mask = heard[0][0]
    assert mask[128, 256] == 0 and mask[10, 10] == 255


def test_strokes_add_to_what_is_there(canvas: MaskCanvas) -> None:
    start = np.zeros((256, 512), np.uint8)
    start[:20] = 255
    canvas.set_painted(start, "#ff0000", 8)
    heard = Heard(canvas.stroked)
    drag(canvas, [at(canvas, 0.5, 0.5), at(canvas, 0.6, 0.5)])
    mask = heard[0][0]
    assert mask[5, 5] == 255 and mask[128, 256] == 255 and start[128, 256] == 0


def test_another_value_does_not_take_a_stroke_away(canvas: MaskCanvas) -> None:
    heard = Heard(canvas.stroked)
    drag(canvas, [at(canvas, 0.5, 0.5), at(canvas, 0.6, 0.5)], let_go=False)
    canvas.set_painted(None, "#00ff00")
    assert canvas.painted() is not None, "the hand is right"
    drag(canvas, [at(canvas, 0.6, 0.5), at(canvas, 0.7, 0.5)])
    assert heard[0][0][128, 300] == 255


def test_looking_around_while_painting(canvas: MaskCanvas) -> None:
    heard = Heard(canvas.stroked)
    before = at(canvas, 0.5, 0.5)
    drag(canvas, [before, before + QPointF(40, 0)], button=MIDDLE)
    key(canvas, Qt.Key.Key_Space, let_go=False)
    drag(canvas, [before, before + QPointF(40, 0)])
    assert not heard and canvas.painted() is None
    assert (at(canvas, 0.5, 0.5) - before).x() == pytest.approx(80, abs=1)


def test_keys(canvas: MaskCanvas) -> None:
    brush, left = Heard(canvas.brush_changed), Heard(canvas.painting_left)
    canvas.set_brush(50, False)
    key(canvas, Qt.Key.Key_BracketRight, text="]")
    key(canvas, Qt.Key.Key_X, text="x")
    key(canvas, Qt.Key.Key_Escape)
    assert brush == [(60.0, False), (60.0, True)] and len(left) == 1


def test_without_the_brush_a_drag_does_not_paint(canvas: MaskCanvas) -> None:
    canvas.set_painting(False)
    heard = Heard(canvas.stroked)
    drag(canvas, [at(canvas, 0.4, 0.5), at(canvas, 0.6, 0.5)])
    assert not heard


def _pen(canvas: MaskCanvas, kind: QEvent.Type, place: QPointF, pressure: float) -> bool:
    button = Qt.MouseButton.LeftButton
    event = QTabletEvent(
        kind,
        PEN,
        place,
        QPointF(canvas.mapToGlobal(place.toPoint())),
        pressure,
        0,
        0,
        0,
        0,
        0,
        Qt.KeyboardModifier.NoModifier,
        button,
        button,
    )
    QApplication.sendEvent(canvas, event)
    return event.isAccepted()


@pytest.mark.parametrize(("pressure", "wide"), [(1.0, True), (0.1, False)])
def test_a_pen_paints_by_its_pressure(canvas: MaskCanvas, pressure: float, wide: bool) -> None:
    heard = Heard(canvas.stroked)
    canvas.set_brush(60, False)
    assert _pen(canvas, QEvent.Type.TabletPress, at(canvas, 0.3, 0.5), pressure)
    assert _pen(canvas, QEvent.Type.TabletMove, at(canvas, 0.6, 0.5), pressure)
    assert _pen(canvas, QEvent.Type.TabletRelease, at(canvas, 0.6, 0.5), 0.0)
    mask = heard[0][0]
    assert mask[128, 220] == 255
    assert bool(mask[128 - 24, 220] == 255) is wide


def test_the_overlay_is_seen_and_goes(canvas: MaskCanvas) -> None:
    canvas.set_painting(False)
    bare = canvas.grab().toImage()
    spot = at(canvas, 0.5, 0.5).toPoint() * int(bare.devicePixelRatio())
    canvas.set_painted(np.full((256, 512), 255, np.uint8), "#ff0000")
    assert canvas.grab().toImage().pixel(spot) != bare.pixel(spot)
    canvas.set_painted(None, "#ff0000")
    canvas.set_masks([(np.full((8, 16), 255, np.uint8), "#00ff00")])
    assert canvas.grab().toImage().pixel(spot) != bare.pixel(spot)
    canvas.set_masks([])
    assert canvas.grab().toImage().pixel(spot) == bare.pixel(spot)


def test_feather_softens_and_keeps_the_whole() -> None:
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 48:] = 255
    soft = feathered(mask, 12)
    assert soft[32, 2] == 0 and soft[32, 94] == 255
    assert 100 < soft[32, 48] < 160 and soft[32, 44] > 0
    assert feathered(mask, 0) is mask
    assert (feathered(np.full((5, 5), 255, np.uint8), 100) == 255).all()


def test_tint() -> None:
    image = tinted(np.array([[0, 255]], np.uint8), "#ff8000", 0.5)
    assert image.pixelColor(0, 0).alpha() == 0
    colour = image.pixelColor(1, 0)
    assert (colour.red(), colour.blue()) == (255, 0) and 125 <= colour.alpha() <= 128
    dark = tinted(np.array([[0, 255]], np.uint8), "#ff8000", 0.3, 0.5)
    assert dark.pixelColor(0, 0).alpha() in (127, 128) and dark.pixelColor(0, 0).red() == 0
    assert dark.pixelColor(1, 0).alpha() in (76, 77) and dark.pixelColor(1, 0).red() == 255
    assert MASK_SIDE == 512

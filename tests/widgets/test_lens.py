"""The lens of the canvas: what it shows, where, and how large."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt

from studio.widgets.canvas import MODES, Canvas
from studio.widgets.lens import Lens, lens_target
from studio.widgets.pictures import from_qimage
from tests.widgets.hands import ALT, NONE, Heard, drag, hover, key, wheel

BRIGHT, DIM = np.full((64, 64, 3), 200, np.uint8), np.full((64, 64, 3), 40, np.uint8)


@pytest.fixture
def canvas(shown) -> Canvas:  # type: ignore[no-untyped-def]
    made = shown(Canvas(), 500, 400)
    made.set_image(BRIGHT)
    made.set_compare(DIM)
    made.set_mode("lens")
    return made


def seen(canvas: Canvas, at: QPointF) -> int:
    spot = at.toPoint()
    return int(from_qimage(canvas.grab().toImage())[spot.y(), spot.x(), 0])


def test_the_other_picture_is_seen_around_the_pointer(canvas: Canvas) -> None:
    assert canvas.mode() == "lens" and canvas.bar.lens.isChecked() and MODES == ("single", "wipe", "side", "lens")
    at = canvas.from_picture(QPointF(16, 30))
    hover(canvas, at)
    radius = canvas._lens.circle(canvas.rect()).width() / 2
    assert 44 <= radius <= 120
    assert seen(canvas, at) == 40
    assert seen(canvas, at + QPointF(radius - 6, 0)) == 40 and seen(canvas, at + QPointF(radius + 8, 0)) == 200
    corner = QPointF(radius, -radius) * 0.78  # a circle, not a square
    assert seen(canvas, at + corner) == 200
    hover(canvas, canvas.from_picture(QPointF(56, 30)))
    assert seen(canvas, at) == 200, "nothing stays behind"


def test_pictures_of_another_size_lie_on_the_same_place(canvas: Canvas) -> None:
    small = np.zeros((64, 64, 3), np.uint8)
    small[32:, :32] = 255
    large = np.kron(small, np.ones((4, 4, 1), np.uint8))
    canvas.set_image(small)
    for other in (large, small[::2, ::2]):
        canvas.set_compare(other)
        hover(canvas, canvas.from_picture(QPointF(32, 32)))
        for x, y, value in ((29, 35, 255), (35, 35, 0), (29, 29, 0)):
            assert seen(canvas, canvas.from_picture(QPointF(x, y))) == value


def test_alt_and_the_wheel_magnify_around_the_pointer(canvas: Canvas) -> None:
    checks = np.zeros((64, 64, 3), np.uint8)
    checks[:, 33:] = 255
    canvas.set_compare(checks)
    at = canvas.from_picture(QPointF(32, 32))
    hover(canvas, at)
    zoom = canvas.zoom()
    edge = canvas.zoom()  # the edge is one picture pixel right of the pointer
    assert seen(canvas, at + QPointF(edge - 3, 0)) < 60 < 200 < seen(canvas, at + QPointF(edge + 4, 0))
    assert wheel(canvas, at, 3, ALT)
    assert canvas.lens_factor() == pytest.approx(1.728) and canvas.zoom() == zoom
    edge *= canvas.lens_factor()
    assert seen(canvas, at + QPointF(edge - 3, 0)) < 60 < 200 < seen(canvas, at + QPointF(edge + 4, 0))
    wheel(canvas, at, 30, ALT)
    assert canvas.lens_factor() == 4.0
    wheel(canvas, at, -60, ALT)
    assert canvas.lens_factor() == 1.0
    wheel(canvas, at, 1, NONE)
    assert canvas.zoom() > zoom, "the wheel alone zooms as ever"


def test_keys_change_the_lens(canvas: Canvas) -> None:
    key(canvas, Qt.Key.Key_BracketRight)
    assert canvas.lens_factor() == pytest.approx(1.2)
    key(canvas, Qt.Key.Key_BracketLeft)
    assert canvas.lens_factor() == pytest.approx(1.0)


def test_without_a_picture_to_compare_it_magnifies(canvas: Canvas) -> None:
    heard = Heard(canvas.mode_changed)
    canvas.set_compare(None)
    assert canvas.mode() == "lens" and not heard
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 34:] = 255
    canvas.set_image(picture)
    at = canvas.from_picture(QPointF(32, 32))
    hover(canvas, at)
    assert canvas.lens_factor() == 2.0
    edge = 2 * canvas.zoom() * 2
    assert seen(canvas, at + QPointF(edge - 4, 0)) < 60 and seen(canvas, at + QPointF(2 * canvas.zoom() + 4, 0)) < 60
    canvas.set_mode("wipe")
    assert canvas.mode() == "single", "a wipe needs something to compare with"
    canvas.set_image(None)
    canvas.set_mode("lens")
    canvas.grab()


def test_the_readout_is_that_of_what_is_seen(canvas: Canvas) -> None:
    heard = Heard(canvas.pixel_hovered)
    hover(canvas, canvas.from_picture(QPointF(10.5, 20.5)))
    assert heard[-1] == (10, 20, (40, 40, 40))


def test_panning_and_held_compare_work_under_the_lens(canvas: Canvas) -> None:
    canvas.zoom_to(9.0)
    before = canvas.from_picture(QPointF(32, 32))
    drag(canvas, [QPointF(240, 200), QPointF(250, 200), QPointF(280, 200)])
    assert (canvas.from_picture(QPointF(32, 32)) - before).x() == pytest.approx(30)
    canvas.hold_compare(True)
    assert seen(canvas, QPointF(30, 200)) == 40
    canvas.hold_compare(False)
    assert seen(canvas, QPointF(30, 200)) == 200


def test_the_button_and_unknown_modes(canvas: Canvas) -> None:
    canvas.bar.lens.click()
    assert canvas.mode() == "single"
    canvas.bar.lens.click()
    assert canvas.mode() == "lens"
    canvas.set_mode("side")
    assert not canvas.bar.lens.isChecked()
    with pytest.raises(ValueError, match="no mode"):
        canvas.set_mode("loupe")


def test_geometry() -> None:
    target = QRectF(10, 20, 100, 50)
    assert lens_target(target, QPointF(10, 20), 2) == QRectF(10, 20, 200, 100)
    assert lens_target(target, QPointF(60, 45), 3) == QRectF(-90, -30, 300, 150)
    lens = Lens()
    canvas = QRectF(0, 0, 400, 300).toRect()
    assert lens.circle(canvas).center() == QRectF(canvas).center()
    old, new = lens.move(QPointF(40, 50), canvas)
    assert lens.circle(canvas).center() == QPointF(40, 50)
    assert old.contains(QRectF(canvas).center().toPoint()) and new.contains(40, 50)
    assert new.contains(lens.circle(canvas).toAlignedRect())

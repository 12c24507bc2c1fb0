"""The canvas: zoom, pan, fit, compare, readout, dragging out and dropping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPointF, QSize, Qt
from PySide6.QtGui import QImage

from studio.widgets.canvas import Canvas
from studio.widgets.dragout import LazyFile
from studio.widgets.pictures import enlarge, from_qimage, heat_image, thumbnail, to_qimage
from studio.widgets.shown import ShownPicture
from studio.widgets.viewport import Viewport
from tests.widgets.hands import CTRL, MIDDLE, NONE, Heard, click, double_click, drag, drop_files, hover, key, wheel


@pytest.fixture
def canvas(shown, noise) -> Canvas:  # type: ignore[no-untyped-def]
    made = shown(Canvas(), 500, 400)
    made.set_image(noise)
    return made


number = st.floats(0, 500)


@given(x=number, y=number, factor=st.floats(0.05, 20), pan=st.tuples(st.floats(-90, 90), st.floats(-90, 90)))
@settings(max_examples=80, deadline=None)
def test_zoom_keeps_the_point_under_the_cursor(x: float, y: float, factor: float, pan: tuple[float, float]) -> None:
    view = Viewport()
    view.set_size(500, 500)
    view.set_frame(640, 480)
    view.pan(*pan)
    at = QPointF(x, y)
    point = view.to_frame(at)
    inside = 0 <= point.x() <= 640 and 0 <= point.y() <= 480
    view.zoom(view.scale * factor, at)
    kept_middle = 0 < view.center.x() < 640 and 0 < view.center.y() < 480
    if inside and kept_middle:  # else the view was held on the picture
        assert (view.to_frame(at) - point).manhattanLength() < 1e-6 * max(1, 1 / view.scale) + 1e-6


def test_round_trip_of_coordinates() -> None:
    view = Viewport()
    view.set_size(300, 200)
    view.set_frame(1024, 1024)
    view.zoom(3.3, QPointF(10, 20))
    point = QPointF(123.4, 56.7)
    assert (view.to_frame(view.to_view(point)) - point).manhattanLength() < 1e-9


def test_fit_follows_the_window_and_zoom_ends_it(canvas: Canvas, themed) -> None:  # type: ignore[no-untyped-def]
    assert canvas.is_fitted()
    small = canvas.zoom()
    canvas.resize(800, 700)
    themed.processEvents()
    assert canvas.zoom() > small and canvas.is_fitted()
    canvas.zoom_to(2.0)
    assert not canvas.is_fitted()
    canvas.resize(500, 400)
    themed.processEvents()
    assert canvas.zoom() == pytest.approx(2.0)


def test_wheel_zooms_at_the_cursor(canvas: Canvas) -> None:
    heard = Heard(canvas.zoom_changed)
    at = QPointF(200, 170)
    point = canvas.to_picture(at)
    wheel(canvas, at, 3)
    assert (canvas.to_picture(at) - point).manhattanLength() < 1e-6
    assert heard and heard[-1][0] == pytest.approx(canvas.zoom())
    wheel(canvas, at, -3)
    assert (canvas.to_picture(at) - point).manhattanLength() < 1e-6


def test_keys_fit_actual_size_zoom_and_pan(canvas: Canvas) -> None:
    key(canvas, Qt.Key.Key_1, CTRL)
    assert canvas.zoom() == pytest.approx(1.0)
    key(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom() == pytest.approx(1.2)
    before = canvas.to_picture(QPointF(0, 0))
    key(canvas, Qt.Key.Key_Right)
    assert canvas.to_picture(QPointF(0, 0)).x() > before.x()
    key(canvas, Qt.Key.Key_0, CTRL)
    assert canvas.is_fitted()


def test_middle_drag_and_space_drag_pan(canvas: Canvas) -> None:
    canvas.zoom_to(8.0)
    start = canvas.to_picture(QPointF(250, 200))
    drag(canvas, [QPointF(250, 200), QPointF(290, 200)], button=MIDDLE)
    assert canvas.to_picture(QPointF(290, 200)).x() == pytest.approx(start.x())
    key(canvas, Qt.Key.Key_Space, let_go=False)
    drag(canvas, [QPointF(290, 200), QPointF(250, 200)])
    key(canvas, Qt.Key.Key_Space)
    assert canvas.to_picture(QPointF(250, 200)).x() == pytest.approx(start.x())


def test_the_picture_cannot_be_lost(canvas: Canvas) -> None:
    canvas.zoom_to(4.0)
    drag(canvas, [QPointF(250, 200), QPointF(9000, 9000)], button=MIDDLE)
    assert canvas._view.rect().intersects(canvas.rect())


def test_double_click_changes_between_fit_and_actual_size(canvas: Canvas) -> None:
    double_click(canvas, QPointF(250, 150))
    assert canvas.zoom() == pytest.approx(1.0)
    double_click(canvas, QPointF(250, 150))
    assert canvas.is_fitted()


def test_a_new_picture_of_the_same_size_keeps_the_view(canvas: Canvas, noise) -> None:  # type: ignore[no-untyped-def]
    canvas.zoom_to(5.0, QPointF(100, 100))
    point = canvas.to_picture(QPointF(40, 60))
    canvas.set_image(255 - noise)
    assert canvas.to_picture(QPointF(40, 60)) == point
    canvas.set_image(noise[:32, :32], natural_size=(64, 64))  # a preview of it
    assert canvas.to_picture(QPointF(40, 60)) == point
    canvas.set_image(np.zeros((10, 30, 3), np.uint8))
    assert canvas.is_fitted()


def test_a_preview_covers_the_same_frame(canvas: Canvas) -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    canvas.set_image(flat)
    whole = from_qimage(canvas.grab().toImage())
    canvas.set_image(flat[:16, :16], natural_size=(64, 64))
    assert np.abs(from_qimage(canvas.grab().toImage()).astype(int) - whole).max() <= 1


def _pixel(canvas: Canvas, x: float, y: float) -> tuple[int, int, int]:
    at = canvas.from_picture(QPointF(x, y)).toPoint()
    colour = canvas.grab().toImage().pixelColor(at)
    return colour.red(), colour.green(), colour.blue()


def test_above_200_percent_pixels_are_squares(canvas: Canvas) -> None:
    checks = np.zeros((64, 64, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    canvas.set_image(checks)
    canvas.zoom_to(10.0)
    seen = from_qimage(canvas.grab().toImage())[60:340, 100:400, 0]
    assert set(np.unique(seen)) <= {0, 255}, "no in-between colours"
    assert _pixel(canvas, 30.5, 30.5) == (255, 255, 255)
    assert _pixel(canvas, 31.5, 30.5) == (0, 0, 0)


def test_shrinking_averages(canvas: Canvas) -> None:
    checks = np.zeros((1024, 1024, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    canvas.set_image(checks)
    canvas.zoom_to(0.25)
    seen = from_qimage(canvas.grab().toImage())[100:300, 150:350, 0].astype(float)
    assert abs(seen.mean() - 127.5) < 6 and seen.std() < 12, "a fine pattern becomes grey, not moiré"


def test_large_pictures_shrink_by_levels_and_are_cut_for_close_looks() -> None:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QPainter

    wide = np.zeros((3000, 12000, 3), np.uint8)
    wide[:, 6000:] = 200
    shown = ShownPicture(wide)
    assert shown._thin == 4
    target = QImage(600, 200, QImage.Format.Format_RGB32)
    for scale, left in ((0.05, 0.0), (2.0, -11800.0)):
        target.fill(0)
        painter = QPainter(target)
        shown.draw(painter, QRectF(left, 0, 12000 * scale, 3000 * scale), QRectF(0, 0, 600, 200), blocky=True, ratio=1)
        painter.end()
        row = from_qimage(target)[100, :, 0]
        edge = int(np.flatnonzero(row > 100)[0])
        assert abs(edge - (6000 * scale + left)) <= 1


def test_wipe_shows_both_and_the_divider_can_be_dragged(canvas: Canvas) -> None:
    canvas.set_image(np.full((64, 64, 3), 200, np.uint8))
    canvas.set_compare(np.full((64, 64, 3), 40, np.uint8))
    canvas.set_mode("wipe")
    assert canvas.mode() == "wipe" and canvas.bar.wipe.isChecked()
    assert _pixel(canvas, 10, 50) == (40, 40, 40) and _pixel(canvas, 54, 50) == (200, 200, 200)
    divider = canvas.from_picture(QPointF(32, 50))
    drag(canvas, [divider, canvas.from_picture(QPointF(8, 50))])
    assert canvas.wipe() == pytest.approx(0.125, abs=0.01)
    assert _pixel(canvas, 20, 50) == (200, 200, 200)
    key(canvas, Qt.Key.Key_BracketRight)
    assert canvas.wipe() == pytest.approx(0.175, abs=0.01)


def test_side_by_side_links_the_zoom(canvas: Canvas, noise) -> None:  # type: ignore[no-untyped-def]
    canvas.set_compare(255 - noise)
    canvas.set_mode("side")
    wheel(canvas, QPointF(400, 150), 4)
    half = canvas.width() / 2
    assert canvas.to_picture(QPointF(60, 150)) == canvas.to_picture(QPointF(60 + half, 150))


def test_hold_shows_the_other_picture(canvas: Canvas) -> None:
    canvas.set_image(np.full((64, 64, 3), 200, np.uint8))
    canvas.set_compare(np.full((64, 64, 3), 40, np.uint8))
    key(canvas, Qt.Key.Key_Backslash, let_go=False)
    assert _pixel(canvas, 32, 50) == (40, 40, 40)
    key(canvas, Qt.Key.Key_Backslash)
    assert _pixel(canvas, 32, 50) == (200, 200, 200)
    canvas.bar.hold.pressed.emit()
    assert _pixel(canvas, 32, 50) == (40, 40, 40)
    canvas.bar.hold.released.emit()


def test_compare_needs_something_to_compare_with(canvas: Canvas, noise) -> None:  # type: ignore[no-untyped-def]
    canvas.set_mode("wipe")
    assert canvas.mode() == "single" and not canvas.bar.wipe.isEnabled()
    canvas.set_compare(noise)
    canvas.set_mode("side")
    heard = Heard(canvas.mode_changed)
    canvas.set_compare(None)
    assert canvas.mode() == "single" and heard == [("single",)]
    with pytest.raises(ValueError, match="no mode"):
        canvas.set_mode("triple")


def test_readout_tells_picture_pixels(canvas: Canvas, noise) -> None:  # type: ignore[no-untyped-def]
    heard = Heard(canvas.pixel_hovered)
    hover(canvas, canvas.from_picture(QPointF(10.5, 20.5)))
    assert heard[-1] == (10, 20, tuple(int(v) for v in noise[20, 10]))
    hover(canvas, QPointF(1, 1))
    assert heard[-1] == (-1, -1, None)


def test_clicks_tell_where(canvas: Canvas) -> None:
    heard = Heard(canvas.picture_clicked)
    click(canvas, canvas.from_picture(QPointF(10.5, 20.5)))
    assert heard[0] == (pytest.approx(10.5), pytest.approx(20.5))
    click(canvas, QPointF(2, 2))
    assert len(heard) == 1


def test_checkerboard_below_transparent_parts(canvas: Canvas) -> None:
    clear = np.zeros((64, 64, 4), np.uint8)
    canvas.set_image(clear)
    seen = from_qimage(canvas.grab().toImage())
    rect = canvas._view.rect().toRect()
    inside = seen[rect.top() + 4 : rect.bottom() - 60, rect.left() + 4 : rect.right() - 4, 0]
    assert len(np.unique(inside)) == 2


def test_overlay_warms_where_it_is_high(canvas: Canvas) -> None:
    canvas.set_image(np.zeros((64, 64, 3), np.uint8))
    heat = np.zeros((8, 8), np.float32)
    heat[:4] = 1.0
    canvas.set_overlay(heat)
    hot, cold = _pixel(canvas, 32, 12), _pixel(canvas, 32, 56)
    assert hot[0] > 150 and max(cold) < 10
    canvas.set_overlay(None)
    assert max(_pixel(canvas, 32, 12)) < 10


def test_drops_are_told_as_paths(canvas: Canvas, tmp_path: Path) -> None:
    heard = Heard(canvas.dropped)
    file = tmp_path / "a picture.png"
    drop_files(canvas, QPointF(50, 50), str(file))
    assert heard == [([file],)]
    assert not canvas.drop_hint


def test_lazy_file_is_written_only_when_it_is_taken(tmp_path: Path, noise) -> None:  # type: ignore[no-untyped-def]
    asked: list[int] = []

    def write() -> Path:
        asked.append(1)
        return tmp_path / "out ü.png"

    mime: QMimeData = LazyFile(write, to_qimage(noise), {"application/x-test": b"7"})
    assert mime.hasUrls() and mime.hasImage() and not asked
    assert bytes(mime.data("application/x-test").data()) == b"7"
    assert mime.imageData().size() == QSize(64, 64)
    assert not asked
    assert Path(mime.urls()[0].toLocalFile()) == tmp_path / "out ü.png"
    mime.urls()
    assert asked == [1], "written once, however often it is asked for"


def test_nothing_shown_is_no_trouble(shown) -> None:  # type: ignore[no-untyped-def]
    canvas = shown(Canvas(), 200, 200)
    canvas.set_placeholder("The picture appears here")
    assert not wheel(canvas, QPointF(50, 50))
    hover(canvas, QPointF(50, 50))
    click(canvas, QPointF(50, 50))
    canvas.grab()
    assert not canvas.has_image() and canvas.image() is None


def test_narrow_canvas_drops_the_words_of_its_tools(shown) -> None:  # type: ignore[no-untyped-def]
    canvas = shown(Canvas(), 640, 300)
    wide = canvas.bar.width()
    canvas.resize(230, 300)
    assert canvas.bar.width() < wide
    assert canvas.bar.geometry().left() >= 0 and canvas.bar.geometry().right() <= canvas.width()
    assert all(b.accessibleName() for b in (canvas.bar.fit, canvas.bar.actual, canvas.bar.wipe, canvas.bar.side))


def test_pixels_survive_the_way_to_qt_and_back(noise) -> None:  # type: ignore[no-untyped-def]
    assert (from_qimage(to_qimage(noise)) == noise).all()
    cut = noise[3:40:2, 5:60]  # not contiguous, rows not a multiple of four bytes
    assert (from_qimage(to_qimage(cut)) == cut).all()
    alpha = np.dstack([noise, np.full((64, 64), 255, np.uint8)])
    assert (from_qimage(to_qimage(alpha)) == alpha).all()
    with pytest.raises(ValueError, match="uint8"):
        to_qimage(noise.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="H, W"):
        heat_image(np.zeros(4))


def test_thumbnails_fill_and_keep_the_middle(themed) -> None:  # type: ignore[no-untyped-def]
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    made = from_qimage(thumbnail(wide, QSize(20, 20), 2.0).toImage())
    assert made.shape[:2] == (40, 40) and (made[:, 2:-2, 0] > 250).all()


def test_enlarging_keeps_flat_parts_and_the_mean(noise) -> None:  # type: ignore[no-untyped-def]
    flat = np.full((9, 7, 3), 77, np.uint8)
    assert (enlarge(flat, 4) == 77).all() and enlarge(flat, 4).shape == (36, 28, 3)
    assert abs(float(enlarge(noise, 3).mean()) - float(noise.mean())) < 2
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :, None], 4, 0).repeat(3, 2)
    middle = enlarge(ramp, 2)[0, 8:-8, 0].astype(int)
    assert (np.diff(middle) == 5).all(), "a straight ramp stays straight"
    assert NONE is not None

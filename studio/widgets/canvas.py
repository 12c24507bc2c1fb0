"""The canvas: one picture, looked at closely, compared, dragged out, dropped on."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.canvas_bar import CanvasBar
from studio.widgets.canvas_paint import draw_corner_words, draw_divider, draw_drop_hint, draw_tag
from studio.widgets.dragout import FileSource, start_drag
from studio.widgets.droptarget import DropTarget
from studio.widgets.lens import Lens
from studio.widgets.pictures import heat_image, to_qimage
from studio.widgets.shown import ShownPicture
from studio.widgets.tokens import Theme
from studio.widgets.viewport import Viewport

Mode = Literal["single", "wipe", "side", "lens"]
MODES: tuple[Mode, ...] = get_args(Mode)
_BLOCKY = 2.0  # above 200 % pixels are squares, unless the picture is only being fitted
_GRIP = 10.0


class Canvas(DropTarget):
    """Shows a picture and its comparison.

    Wheel zooms at the cursor, space or the middle button pans, Ctrl+0 fits, Ctrl+1 is 100 % (one picture pixel
    on one screen pixel), arrows pan, + and - zoom, a held backslash shows the compared picture, ``[`` and ``]``
    move the wipe and change the lens (as the wheel does with Alt).  A left drag takes the picture out when
    :meth:`set_drag_source` was given, and pans otherwise.
    """

    pixel_hovered = Signal(int, int, object)
    """x, y, channel values (a tuple), or -1, -1, None when the pointer leaves the picture."""
    picture_clicked = Signal(float, float)
    zoom_changed = Signal(float)
    """1.0 is 100 %."""
    mode_changed = Signal(str)
    context_requested = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Canvas"))
        self._view = Viewport()
        self._view.margins = (16.0, 32.0, 16.0, 52.0)
        self._main: ShownPicture | None = None
        self._other: ShownPicture | None = None
        self._mode: Mode = "single"
        self._held = False
        self._wipe = 0.5
        self._lens = Lens()
        self._heat: QImage | None = None
        self._caption = ""
        self._labels = (self.tr("before"), self.tr("now"))
        self._placeholder = ""
        self._readout = ""
        self._swatch: QColor | None = None
        self._space = False
        self._press: tuple[QPointF, str] | None = None
        self._last = QPointF()
        self._source: FileSource | None = None
        self._told_zoom = 0.0
        self.bar = CanvasBar(self)
        self.bar.fit_asked.connect(self.fit)
        self.bar.actual_asked.connect(lambda: self.zoom_to(1.0))
        self.bar.mode_asked.connect(self.set_mode)
        self.bar.hold_asked.connect(self.hold_compare)

    # -- what is shown -----------------------------------------------------------------------------------------

    def set_image(self, pixels: UInt8Image | None, natural_size: tuple[int, int] | None = None) -> None:
        """Show ``[H, W, 3|4]`` uint8 (not copied: do not change it).

        ``natural_size`` (width, height): the size that the full picture has when ``pixels`` is a smaller preview
        of it; the preview then fills the same frame, and the view does not move when the full one follows.
        """
        self._main = None if pixels is None else ShownPicture(pixels)
        self._lens.set_main(pixels)
        if self._main is not None:
            width, height = natural_size or (self._main.width, self._main.height)
            self._view.set_frame(width, height)
            self.setAccessibleDescription(self.tr("A picture of {0} by {1} pixels").format(width, height))
        self._tell_zoom()
        self.update()

    def has_image(self) -> bool:
        """Whether a picture is shown."""
        return self._main is not None

    def image(self) -> UInt8Image | None:
        """The picture as it was given."""
        return None if self._main is None else self._main.pixels

    def set_compare(self, pixels: UInt8Image | None, before: str = "", now: str = "") -> None:
        """The picture to compare with (drawn into the same frame) and the words for both."""
        self._other = None if pixels is None else ShownPicture(pixels)
        self._labels = (before or self.tr("before"), now or self.tr("now"))
        self.bar.set_comparable(self._other is not None)
        if self._other is None:
            self._held = False
            if self._mode in ("wipe", "side"):
                self.set_mode("single")
        self.update()

    def can_compare(self) -> bool:
        """Whether there is a picture to compare with."""
        return self._other is not None

    def set_mode(self, mode: str) -> None:
        """``single``, ``wipe``, ``side`` or ``lens``.  Wipe and side need a picture to compare with; a lens shows that
        one around the pointer, or magnifies where there is none."""
        if mode not in MODES:
            raise ValueError(f"a canvas has no mode {mode!r}")
        wanted: Mode = mode if self._other is not None or mode == "lens" else "single"
        self.bar.set_mode(wanted)
        if wanted != self._mode:
            self._mode = wanted
            self._lay_out()
            self.mode_changed.emit(wanted)
        self.update()

    def mode(self) -> Mode:
        """How the two pictures are shown now."""
        return self._mode

    def hold_compare(self, held: bool) -> None:
        """Show the other picture while ``held``."""
        self._held = held and self._other is not None
        self.update()

    def set_overlay(self, values: npt.NDArray[Any] | None) -> None:
        """Lay a heat map over the picture: floats ``[h, w]`` in [0, 1] of any size; None removes it."""
        self._heat = None if values is None else heat_image(values)
        self.update()

    def set_caption(self, text: str) -> None:
        """The dim line in the top left corner."""
        if text != self._caption:
            self._caption = text
            self.update(0, 0, self.width(), 40)

    def set_placeholder(self, text: str) -> None:
        """What stands in the middle while there is no picture."""
        self._placeholder = text
        self.update()

    def set_drag_source(self, source: FileSource | None) -> None:
        """What writes the file when the picture is dragged out (called only when somebody takes it)."""
        self._source = source

    # -- looking -----------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show the whole picture and keep it whole when the window changes."""
        self._view.fit()
        self._tell_zoom()
        self.update()

    def is_fitted(self) -> bool:
        """Whether the picture follows the size of the canvas."""
        return self._view.fitted

    def zoom(self) -> float:
        """Screen pixels for each picture pixel; 1.0 is 100 %."""
        return self._view.scale * self.devicePixelRatioF()

    def zoom_to(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom so that one picture pixel covers ``factor`` screen pixels, keeping what is under ``at``."""
        self._view.zoom(factor / self.devicePixelRatioF(), None if at is None else self._in_pane(at))
        self._tell_zoom()
        self.update()

    def wipe(self) -> float:
        """Where the divider of the wipe stands, 0 to 1 of the picture's width."""
        return self._wipe

    def set_wipe(self, at: float) -> None:
        """Move the divider of the wipe."""
        self._wipe = min(1.0, max(0.0, at))
        self.update()

    def lens_factor(self) -> float:
        """How many times larger the lens shows what lies under it."""
        return self._lens.factor(self._other is not None)

    def set_lens_factor(self, factor: float) -> None:
        """1 to 4; without a picture to compare with, the lens magnifies at least twice."""
        self._lens.set_factor(factor)
        self.update()

    def to_picture(self, at: QPointF) -> QPointF:
        """From widget coordinates to picture pixels."""
        return self._view.to_frame(self._in_pane(at))

    def from_picture(self, point: QPointF) -> QPointF:
        """From picture pixels to widget coordinates (of the first pane)."""
        return self._view.to_view(point)

    def _panes(self) -> list[tuple[QRectF, ShownPicture | None, str]]:
        whole = QRectF(self.rect())
        if self._mode == "side" and self._other is not None:
            half = whole.width() / 2
            return [
                (QRectF(0, 0, half, whole.height()), self._other, self._labels[0]),
                (QRectF(half, 0, half, whole.height()), self._main, self._labels[1]),
            ]
        if self._held:
            return [(whole, self._other, self._labels[0])]
        return [(whole, self._main, "")]

    def _in_pane(self, at: QPointF) -> QPointF:
        half = self.width() / 2
        return QPointF(at.x() - half, at.y()) if self._mode == "side" and at.x() >= half else at

    def _lay_out(self) -> None:
        self._view.set_size(self.width() / (2 if self._mode == "side" else 1), self.height())
        self._tell_zoom()

    def _tell_zoom(self) -> None:
        if abs(self.zoom() - self._told_zoom) > 1e-6:
            self._told_zoom = self.zoom()
            self.zoom_changed.emit(self._told_zoom)

    # -- events ------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(640, 640)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 160)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()
        self.bar.set_narrow(self.width() - 24)
        self.bar.adjustSize()
        self.bar.move((self.width() - self.bar.width()) // 2, self.height() - self.bar.height() - 10)
        super().resizeEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.has_image():
            event.ignore()
            return
        if self._mode == "lens" and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            # Qt turns the wheel sideways while Alt is held.
            turned = (event.angleDelta().x() + event.angleDelta().y()) / 120
            self.set_lens_factor(self.lens_factor() * 1.2**turned)
            event.accept()
            return
        # Two fingers on a touchpad pan; a wheel, and fingers with Ctrl, zoom.
        touchpad = event.device().type() == QInputDevice.DeviceType.TouchPad and not event.pixelDelta().isNull()
        if touchpad and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._view.pan(event.pixelDelta().x(), event.pixelDelta().y())
        else:
            turned = event.angleDelta().y() / 120
            if turned:
                self.zoom_to(self.zoom() * 1.2**turned, event.position())
        self._tell_zoom()
        self.update()
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_to(self.zoom() * (1 + event.value()), event.position())
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at, button = event.position(), event.button()
        self._last = at
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._press = (at, "pan")
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif button == Qt.MouseButton.LeftButton and self._on_divider(at):
            self._press = (at, "wipe")
        elif button == Qt.MouseButton.LeftButton and self._main is not None:
            self._press = (at, "maybe")
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        moved, self._last = at - self._last, at
        if self._mode == "lens":
            for place in self._lens.move(at, self.rect()):
                self.update(place)
        if self._press is None:
            self._read(at)
            self._show_cursor(at)
            return
        start, doing = self._press
        if doing == "pan":
            self._view.pan(moved.x(), moved.y())
            self._tell_zoom()
            self.update()
        elif doing == "wipe":
            rect = self._view.rect()
            self.set_wipe((at.x() - rect.left()) / max(1.0, rect.width()))
        elif (at - start).manhattanLength() >= QApplication.startDragDistance():
            if self._source is None:
                self._press = (start, "pan")
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
            elif self._main is not None and self._view.rect().contains(self._in_pane(start)):
                self._press = None
                start_drag(self, self._source, to_qimage(self._main.pixels))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._press is not None and self._press[1] == "maybe":
            point = self.to_picture(event.position())
            if QRectF(0, 0, self._view.frame.width(), self._view.frame.height()).contains(point):
                self.picture_clicked.emit(point.x(), point.y())
        self._press = None
        self._show_cursor(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._main is not None:
            self.zoom_to(1.0, event.position()) if self._view.fitted else self.fit()

    def leaveEvent(self, event: QEvent) -> None:
        self._read(None)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.context_requested.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        arrows = {
            Qt.Key.Key_Left: (40, 0),
            Qt.Key.Key_Right: (-40, 0),
            Qt.Key.Key_Up: (0, 40),
            Qt.Key.Key_Down: (0, -40),
        }
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = True
                self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif key == Qt.Key.Key_0 and control:
            self.fit()
        elif key == Qt.Key.Key_1 and control:
            self.zoom_to(1.0)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_to(self.zoom() * 1.2)
        elif key == Qt.Key.Key_Minus:
            self.zoom_to(self.zoom() / 1.2)
        elif key == Qt.Key.Key_Backslash:
            self.hold_compare(True)
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight) and self._mode == "wipe":
            self.set_wipe(self._wipe + (0.05 if key == Qt.Key.Key_BracketRight else -0.05))
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight) and self._mode == "lens":
            self.set_lens_factor(self.lens_factor() * (1.2 if key == Qt.Key.Key_BracketRight else 1 / 1.2))
        elif key in arrows and not control and self._main is not None:
            self._view.pan(*arrows[Qt.Key(key)])
            self.update()
        else:
            super().keyPressEvent(event)
            return
        self.show_ring()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return
        if event.key() == Qt.Key.Key_Space:
            self._space = False
            self.unsetCursor()
        elif event.key() == Qt.Key.Key_Backslash:
            self.hold_compare(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        self.hold_compare(False)
        super().focusOutEvent(event)

    def _divider_x(self) -> float:
        rect = self._view.rect()
        return rect.left() + self._wipe * rect.width()

    def _on_divider(self, at: QPointF) -> bool:
        return self._mode == "wipe" and not self._held and abs(at.x() - self._divider_x()) <= _GRIP

    def _show_cursor(self, at: QPointF) -> None:
        if self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._on_divider(at):
            self.setCursor(Qt.CursorShape.SplitHCursor)
        else:
            self.unsetCursor()

    def _read(self, at: QPointF | None) -> None:
        shown = self._main
        if at is not None and (self._held or (self._mode == "side" and at.x() < self.width() / 2)):
            shown = self._other
        if at is not None and self._mode == "wipe" and at.x() < self._divider_x():
            shown = self._other
        if self._mode == "lens" and self._other is not None:
            shown = self._other  # the pointer is the middle of the lens
        colour: tuple[int, ...] | None = None
        x = y = -1
        if at is not None and shown is not None:
            point = self.to_picture(at)
            frame = self._view.frame
            x, y = int(point.x() // 1), int(point.y() // 1)
            colour = shown.colour_at(
                int(point.x() * shown.width / frame.width() // 1), int(point.y() * shown.height / frame.height() // 1)
            )
        if colour is None:
            x = y = -1
        before = self._readout
        self._readout, self._swatch = "", None
        if colour is not None:
            rgb = colour[:3] if len(colour) >= 3 else colour[:1] * 3
            self._swatch = QColor(*rgb)
            self._readout = f"{x}, {y}   {self._swatch.name()}"
        if before != self._readout:
            self.pixel_hovered.emit(x, y, colour)
            self.update(0, 0, self.width(), 40)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Theme.CANVAS))
        for pane, shown, name in self._panes():
            painter.save()
            painter.setClipRect(pane)
            painter.translate(pane.topLeft())
            self._draw_picture(painter, shown, QRectF(0, 0, pane.width(), pane.height()))
            painter.restore()
            if name:
                draw_tag(painter, name, self._view.rect().translated(pane.topLeft()).intersected(pane))
        self._draw_over(painter)
        if self._mode == "wipe" and not self._held and self._other is not None:
            self._draw_wipe(painter)
        elif self._mode == "lens" and not self._held:
            blocky = not self._view.fitted and self.zoom() * self.lens_factor() > _BLOCKY
            self._lens.draw(painter, self._other, self._target(), self.rect(), self._labels[0], blocky=blocky)
        elif self._mode == "side":
            painter.fillRect(QRectF(self.width() / 2 - 0.5, 0, 1, self.height()), QColor(Theme.LINE))
        if self._main is None and self._placeholder:
            painter.setPen(QColor(Theme.FAINT))
            room = self.rect().adjusted(24, 24, -24, -56)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._placeholder)
        readout = ""
        if self._main is not None:
            readout = f"{self._readout}   {self.zoom() * 100:.0f} %".strip()
        covered = self._main is not None and self._view.rect().top() < 28
        draw_corner_words(painter, self.width(), self._caption, readout, self._swatch, plates=covered)
        if self.drop_hint:
            draw_drop_hint(painter, QRectF(self.rect()))
        self.draw_ring(painter, QRectF(self.rect()), 0)

    def _draw_over(self, painter: QPainter) -> None:
        """For subclasses: what lies over the picture and below the words."""

    def _target(self) -> QRectF:
        """Where the picture's frame lies in its pane."""
        target, ratio = self._view.rect(), self.devicePixelRatioF()
        if self._view.fitted:  # on whole screen pixels, so that edges are sharp
            left, top = round(target.left() * ratio) / ratio, round(target.top() * ratio) / ratio
            target = QRectF(left, top, round(target.width() * ratio) / ratio, round(target.height() * ratio) / ratio)
        return target

    def _draw_picture(self, painter: QPainter, shown: ShownPicture | None, view: QRectF) -> None:
        if shown is None:
            return
        target, ratio = self._target(), self.devicePixelRatioF()
        blocky = not self._view.fitted and self.zoom() > _BLOCKY
        shown.draw(painter, target, view, blocky=blocky, ratio=ratio)
        if self._heat is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, self._heat)

    def _draw_wipe(self, painter: QPainter) -> None:
        x = self._divider_x()
        rect = self._view.rect()
        painter.save()
        painter.setClipRect(QRectF(0, 0, x, self.height()))
        painter.fillRect(QRectF(0, 0, x, self.height()).intersected(rect), QColor(Theme.CANVAS))
        self._draw_picture(painter, self._other, QRectF(self.rect()))
        painter.restore()
        shown = rect.intersected(QRectF(self.rect()))
        draw_divider(painter, x, shown.top(), shown.bottom())
        if shown.width() > 160:
            draw_tag(painter, self._labels[0], QRectF(shown.left(), shown.top(), max(0, x - shown.left()), 40))
            draw_tag(painter, self._labels[1], QRectF(x, shown.top(), max(0, shown.right() - x), 40), right=True)

"""Paper as it is looked at: the sheet, what shines through it, the ring of the brush, only where they changed."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.base.steps import UInt8Image
from studio.widgets.canvas import Canvas
from studio.widgets.canvas_paint import draw_drop_hint
from studio.widgets.drawing.hand import Drawing
from studio.widgets.drawing.paint import draw_brush_ring, draw_invitation, draw_words
from studio.widgets.drawing.tools import SHAPES, Tool
from studio.widgets.pictures import to_qimage
from studio.widgets.tokens import Theme

_BLOCKY = 4.0
"""Screen pixels for each sheet pixel above which these are squares."""


class PaperView(Canvas):
    """A canvas whose picture is a :class:`Drawing`; looking around works as on every canvas."""

    def __init__(self, parent: QWidget | None = None, limit: int = 64 << 20) -> None:
        super().__init__(parent)
        self._drawing = Drawing(512, 512, Theme.PAPER, limit)
        self._onion: tuple[QImage, float, bool] | None = None
        self._pointer: QPointF | None = None
        self._ringed = False
        self._blank = True
        self.setAccessibleName(self.tr("Paper"))
        self.bar.hide()
        self._view.roomy = 1.5
        self._view.set_frame(512, 512)

    def picture(self) -> UInt8Image:
        """``[height, width, 3]`` uint8 in the size that was asked for: what the network gets."""
        return self._drawing.sheet.picture()

    def tool(self) -> Tool:
        """The tool in the hand."""
        return self._drawing.settings.tool

    def brush_size(self) -> float:
        """The width of the tool's lines in picture pixels."""
        return self._drawing.width() / self._drawing.sheet.detail

    def set_onion(self, pixels: UInt8Image | None, opacity: float = 0.35, *, over: bool = False) -> None:
        """Let a picture shine through the paper (or lie over it); it is only seen, never part of the drawing."""
        self._onion = None if pixels is None or opacity <= 0 else (to_qimage(pixels), min(1.0, opacity), over)
        self.update()

    def show_size(self, on: bool) -> None:
        """Show the ring of the brush in the middle, while its size is being set elsewhere."""
        self._ringed = on
        self.update()

    def picture_size(self) -> QSize:
        """The size of :meth:`picture` in pixels."""
        return QSize(self._drawing.sheet.width, self._drawing.sheet.height)

    def _note_blank(self) -> None:
        was, self._blank = self._blank, self.is_blank()
        if was != self._blank and self._placeholder:
            self.update()

    def is_blank(self) -> bool:
        """Whether nothing is drawn."""
        return bool((self._drawing.sheet.pixels() == self._drawing.bare()).all())

    def has_image(self) -> bool:
        return True

    def image(self) -> UInt8Image | None:
        return self.picture()

    def _on_screen(self, rect: QRect) -> QRect:
        place, sheet = self._target(), self._drawing.sheet.rect()
        fx, fy = place.width() / sheet.width(), place.height() / sheet.height()
        spot = QRectF(rect.x() * fx, rect.y() * fy, rect.width() * fx, rect.height() * fy)
        return spot.translated(place.topLeft()).toAlignedRect().adjusted(-2, -2, 2, 2)

    def _tail_rect(self) -> QRect:
        tail = self._drawing.tail()
        if tail is None:
            return QRect()
        reach = tail[2] / 2 * self._view.scale + 2
        box = QRectF(self.from_picture(tail[0]), self.from_picture(tail[1])).normalized()
        return box.adjusted(-reach, -reach, reach, reach).toAlignedRect()

    def _ring_radius(self) -> float:
        if self.tool() == "fill" or (self.tool() in SHAPES and self._drawing.settings.filled):
            return 0.0
        return self.brush_size() / 2 * self._view.scale

    def _point(self, at: QPointF | None) -> None:
        reach = self._ring_radius() + 3
        for place in (self._pointer, at):
            if place is not None:
                box = QRectF(place.x() - reach, place.y() - reach, 2 * reach, 2 * reach)
                self.update(box.toAlignedRect())
        self._pointer = at

    def _show_cursor(self, at: QPointF) -> None:
        super()._show_cursor(at)
        if not self._space and self._press is None:
            self.setCursor(Qt.CursorShape.CrossCursor)

    def _read(self, at: QPointF | None) -> None:
        """Paper has no readout."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(Theme.DESK))
        place = self._target()
        painter.setPen(QPen(QColor(Theme.PAPER_LINE), 1))
        painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
        self._draw_sheet(painter, place)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.save()
        painter.setClipRect(place)
        self._draw_tail(painter)
        if self._onion is not None:
            image, opacity, over = self._onion
            if not over:
                painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
            painter.setOpacity(opacity)
            painter.drawImage(place, image)
        painter.restore()
        if self._drawing.settings.mirror:
            pen = QPen(Theme.colour(Theme.SECOND, 0.8), 1, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            middle = place.center().x()
            painter.drawLine(QPointF(middle, place.top()), QPointF(middle, place.bottom()))
        if self._blank and self._placeholder:
            draw_invitation(painter, self._placeholder, place)
        draw_words(painter, self._caption, self.width(), plate=self._view.rect().top() < 28)
        self._draw_brush(painter)
        if self.drop_hint:
            draw_drop_hint(painter, QRectF(self.rect()))
        self.draw_ring(painter, QRectF(self.rect()), 0)

    def _draw_brush(self, painter: QPainter) -> None:
        radius = self._ring_radius()
        middle = self._target().center() if self._ringed else self._pointer
        if middle is not None and radius >= 1.5 and not self._space:
            draw_brush_ring(painter, middle, radius)

    def _draw_sheet(self, painter: QPainter, place: QRectF) -> None:
        sheet = self._drawing.sheet
        scale = place.width() * self.devicePixelRatioF() / sheet.image.width()
        half = sheet.half() if scale <= 0.6 else None
        image = sheet.image if half is None else half
        smooth = scale < 1 or (scale < _BLOCKY and not sheet.pure)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(place, image, QRectF(image.rect()))

    def _draw_tail(self, painter: QPainter) -> None:
        """The ink that is certain ends half a step behind the hand; the rest is shown, not kept."""
        tail = self._drawing.tail()
        if tail is not None and tail[0] != tail[1]:
            pen = QPen(QColor(tail[3]), tail[2] * self._view.scale)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(self.from_picture(tail[0]), self.from_picture(tail[1]))

"""What the canvas draws beside pictures: words on plates, the divider of the wipe, the drop hint."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from studio.widgets.tokens import Theme

_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


def draw_tag(painter: QPainter, text: str, room: QRectF, *, right: bool = False) -> None:
    """A word on a dark plate in a corner of ``room``; left out where it does not fit."""
    width = painter.fontMetrics().horizontalAdvance(text) + 16
    if room.width() < width + 16:
        return
    left = room.right() - width - 8 if right else room.left() + 8
    place = QRectF(left, room.top() + 8, width, 22)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Theme.colour(Theme.CANVAS, 0.72))
    painter.drawRoundedRect(place, 11, 11)
    painter.setPen(QColor(Theme.INK))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)


def draw_divider(painter: QPainter, x: float, top: float, bottom: float) -> None:
    """The line of the wipe with its grip."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(x - 1.5, top, 3, bottom - top), Theme.colour(Theme.CANVAS, 0.55))
    painter.fillRect(QRectF(x - 0.75, top, 1.5, bottom - top), QColor(Theme.INK))
    middle = QPointF(x, (top + bottom) / 2)
    painter.setPen(QPen(QColor(Theme.INK), 1.5))
    painter.setBrush(Theme.colour(Theme.PANEL, 0.95))
    painter.drawEllipse(middle, 11.0, 11.0)
    for way in (-1, 1):
        tip = middle + QPointF(way * 6.5, 0)
        painter.drawPolyline([tip + QPointF(-way * 3, -3.5), tip, tip + QPointF(-way * 3, 3.5)])


def draw_corner_words(
    painter: QPainter, width: float, caption: str, readout: str, swatch: QColor | None, *, plates: bool
) -> None:
    """The caption at the left and the readout at the right of the top edge, on plates where a picture lies below."""
    font = painter.font()
    font.setPixelSize(Theme.SMALL)
    painter.setFont(font)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    metrics = painter.fontMetrics()
    taken = 0
    if readout:
        taken = metrics.horizontalAdvance(readout)
        place = QRectF(width - taken - 16, 8, taken + 1, 20)
        if plates:
            _plate(painter, place.adjusted(-20 if swatch is not None else 0, 0, 0, 0))
        painter.setPen(QColor(Theme.DIM))
        painter.drawText(place, _MIDDLE, readout)
        if swatch is not None:
            painter.setPen(QPen(QColor(Theme.LINE), 1))
            painter.setBrush(swatch)
            painter.drawRoundedRect(QRectF(place.left() - 18, place.top() + 4.5, 11, 11), 3, 3)
    if caption:
        text = metrics.elidedText(caption, Qt.TextElideMode.ElideRight, max(40, int(width) - taken - 64))
        place = QRectF(16, 8, metrics.horizontalAdvance(text) + 1, 20)
        if plates:
            _plate(painter, place)
        painter.setPen(QColor(Theme.DIM))
        painter.drawText(place, _MIDDLE, text)


def _plate(painter: QPainter, place: QRectF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Theme.colour(Theme.CANVAS, 0.72))
    painter.drawRoundedRect(place.adjusted(-8, 0, 8, 0), 10, 10)


def draw_drop_hint(painter: QPainter, rect: QRectF) -> None:
    """A dashed frame: let go here."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(Theme.ACCENT), 2, Qt.PenStyle.DashLine))
    painter.setBrush(Theme.colour(Theme.ACCENT, 0.08))
    painter.drawRoundedRect(rect.adjusted(8, 8, -8, -8), 10, 10)

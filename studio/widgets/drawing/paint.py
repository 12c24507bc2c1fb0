"""What lies over the paper: words, and the ring of the brush."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from studio.widgets.tokens import Theme


def draw_words(painter: QPainter, text: str, width: int, *, plate: bool) -> None:
    """The dim line in the top left corner of a canvas of ``width``, on a plate where the paper lies below."""
    if not text:
        return
    font = painter.font()
    font.setPixelSize(Theme.SMALL)
    painter.setFont(font)
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(40, width - 32))
    room = QRectF(16, 8, metrics.horizontalAdvance(shown) + 1, 20)
    if plate:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.DESK, 0.86))
        painter.drawRoundedRect(room.adjusted(-8, 0, 8, 0), 10, 10)
    painter.setPen(QColor(Theme.PAPER_DIM))
    painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), shown)


def draw_invitation(painter: QPainter, text: str, place: QRectF) -> None:
    """What to do, faintly, in the middle of bare paper."""
    painter.setPen(QColor(Theme.PAPER_OFF))
    font = painter.font()
    font.setPixelSize(Theme.TITLE)
    painter.setFont(font)
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    painter.drawText(place.adjusted(16, 16, -16, -16), flags, text)


def draw_brush_ring(painter: QPainter, middle: QPointF, radius: float) -> None:
    """The edge of the brush, seen on every colour."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((Theme.colour(Theme.PAPER, 0.9), 2.6), (Theme.colour(Theme.PAPER_INK, 0.85), 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(middle, radius, radius)

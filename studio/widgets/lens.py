"""The lens of the canvas: a round glass through which the other picture is seen, in its place, larger if wanted."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from studio.base.steps import UInt8Image
from studio.widgets.canvas_paint import draw_tag
from studio.widgets.shown import ShownPicture
from studio.widgets.tokens import Theme

MOST = 4.0
_LEAST_ALONE = 2.0
"""A lens with nothing to compare must magnify, or nothing is seen of it."""
_SMALLEST, _LARGEST, _PART = 44.0, 120.0, 0.26


def lens_target(target: QRectF, middle: QPointF, factor: float) -> QRectF:
    """Where a picture that fills ``target`` lies when it is enlarged ``factor`` times around ``middle``."""
    corner = middle + (target.topLeft() - middle) * factor
    return QRectF(corner, target.size() * factor)


class Lens:
    """Follows the pointer, and stays where it left."""

    def __init__(self) -> None:
        self._at: QPointF | None = None
        self._factor = 1.0
        self._pixels: UInt8Image | None = None
        self._main: ShownPicture | None = None

    def set_main(self, pixels: UInt8Image | None) -> None:
        """The picture that is magnified where there is none to compare with."""
        self._pixels, self._main = pixels, None

    def factor(self, comparing: bool) -> float:
        """How much it enlarges."""
        return self._factor if comparing else max(_LEAST_ALONE, self._factor)

    def set_factor(self, factor: float) -> None:
        """Held within 1 and :data:`MOST`."""
        self._factor = min(MOST, max(1.0, factor))

    def circle(self, canvas: QRect) -> QRectF:
        """The box of the glass on a canvas (in its middle until the pointer has been there)."""
        middle = self._at or QRectF(canvas).center()
        radius = min(_LARGEST, max(_SMALLEST, _PART * min(canvas.width(), canvas.height())))
        return QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius)

    def move(self, at: QPointF, canvas: QRect) -> list[QRect]:
        """Follow the pointer; what has to be painted again."""
        old = self.circle(canvas)
        self._at = QPointF(at)
        return [box.adjusted(-6, -6, 6, 34).toAlignedRect() for box in (old, self.circle(canvas))]

    def draw(
        self, painter: QPainter, other: ShownPicture | None, target: QRectF, canvas: QRect, label: str, *, blocky: bool
    ) -> None:
        """The glass with ``other`` in it (or with the picture itself), whose frame fills ``target`` on the canvas."""
        factor = self.factor(other is not None)
        shown = other
        if shown is None and self._pixels is not None:
            # One of its own: a shown picture remembers one size, and the canvas shows it in another.
            self._main = shown = self._main or ShownPicture(self._pixels)
        if shown is None:
            return
        glass = self.circle(canvas)
        painter.save()
        path = QPainterPath()
        path.addEllipse(glass)
        painter.setClipPath(path)
        painter.fillRect(glass, QColor(Theme.CANVAS))
        ratio = painter.device().devicePixelRatio()
        shown.draw(painter, lens_target(target, glass.center(), factor), glass, blocky=blocky, ratio=ratio)
        painter.restore()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((Theme.colour(Theme.CANVAS, 0.6), 5.0), (QColor(Theme.INK), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(glass)
        words = [label] if other is not None and label else []
        words += [f"{factor:.1f} ×"] if factor > 1.005 else []
        if words:
            text = "   ".join(words)
            wide = painter.fontMetrics().horizontalAdvance(text) + 34
            draw_tag(painter, text, QRectF(glass.center().x() - wide / 2 + 1, glass.bottom() - 4, wide, 30))
        painter.restore()

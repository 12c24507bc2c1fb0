"""The arithmetic of looking at a picture: zoom, pan, fit.  No painting, no events."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF

_LARGEST = 64.0
_SMALLEST_PX = 24.0


class Viewport:
    """How a picture frame of ``frame`` units lies in a view of ``size`` logical pixels.

    ``scale`` is logical pixels per picture pixel; ``center`` the picture point in the middle of the view.  While
    ``fitted`` the frame follows the view's size within ``margins`` (left, top, right, bottom).
    """

    def __init__(self) -> None:
        self.frame = QSizeF(1, 1)
        self.size = QSizeF(1, 1)
        self.margins = (16.0, 24.0, 16.0, 24.0)
        self.roomy = 3.0
        """Margins are given up in a view that is smaller than this many times their sum."""
        self.scale = 1.0
        self.center = QPointF(0.5, 0.5)
        self.fitted = True

    def set_frame(self, width: float, height: float) -> None:
        """Another picture.  One of the same size keeps the view."""
        frame = QSizeF(max(1.0, width), max(1.0, height))
        if frame == self.frame:
            return
        self.frame = frame
        self.fit()

    def set_size(self, width: float, height: float) -> None:
        """The view was resized."""
        self.size = QSizeF(max(1.0, width), max(1.0, height))
        if self.fitted:
            self.fit()
        else:
            self._clamp()

    def fit(self) -> None:
        """Show the whole frame, as large as the margins allow, and keep doing so."""
        self.fitted = True
        left, top, right, bottom = self.margins
        if self.size.height() < self.roomy * (top + bottom):  # no room for margins
            top = bottom = 4.0
        if self.size.width() < self.roomy * (left + right):
            left = right = 4.0
        width = max(8.0, self.size.width() - left - right)
        height = max(8.0, self.size.height() - top - bottom)
        self.scale = min(width / self.frame.width(), height / self.frame.height())
        middle = QPointF(self.frame.width() / 2, self.frame.height() / 2)
        self.center = middle - QPointF((left - right) / 2, (top - bottom) / 2) / self.scale

    def zoom(self, scale: float, at: QPointF | None = None) -> None:
        """Set ``scale``; the picture point under the view point ``at`` (None: the middle) stays where it is."""
        fixed = at if at is not None else QPointF(self.size.width() / 2, self.size.height() / 2)
        point = self.to_frame(fixed)
        least = min(_SMALLEST_PX / max(self.frame.width(), self.frame.height()), self._fit_scale())
        self.scale = min(_LARGEST, max(least, scale))
        self.fitted = False
        self.center += point - self.to_frame(fixed)
        self._clamp()

    def _fit_scale(self) -> float:
        return min(self.size.width() / self.frame.width(), self.size.height() / self.frame.height())

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by logical pixels."""
        self.fitted = False
        self.center -= QPointF(dx, dy) / self.scale
        self._clamp()

    def _clamp(self) -> None:
        # The middle of the view stays on the picture, so that it cannot be lost.
        self.center.setX(min(self.frame.width(), max(0.0, self.center.x())))
        self.center.setY(min(self.frame.height(), max(0.0, self.center.y())))

    def to_view(self, point: QPointF) -> QPointF:
        """From picture pixels to logical view pixels."""
        return QPointF(self.size.width() / 2, self.size.height() / 2) + (point - self.center) * self.scale

    def to_frame(self, point: QPointF) -> QPointF:
        """From logical view pixels to picture pixels."""
        return self.center + (point - QPointF(self.size.width() / 2, self.size.height() / 2)) / self.scale

    def rect(self) -> QRectF:
        """The frame in logical view pixels."""
        return QRectF(self.to_view(QPointF(0, 0)), self.frame * self.scale)

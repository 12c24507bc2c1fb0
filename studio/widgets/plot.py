"""Plots that paint themselves: a loss curve that grows, and a distribution.

They are drawn here and not by a plotting library, because importing one (0.2 s) would be felt when the first
plot appears.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.widgets.parts import KeyboardFocus
from studio.widgets.tokens import Theme

_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 10.0, 22.0, 16.0


def _short(value: float) -> str:
    """A number in few characters: 0.183, 12.4, 3.1e-5, 214k."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e6:
        return f"{value / 1e6:.3g}M"
    if size >= 1e4:
        return f"{value / 1e3:.3g}k"
    if size < 1e-3:
        return f"{value:.1e}".replace("e-0", "e-")
    return f"{value:.3g}"


def _ticks(low: float, high: float, most: int, *, log: bool) -> list[float]:
    """A few round numbers between ``low`` and ``high``."""
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        found = [10.0**k for k in range(first, last + 1, max(1, (last - first + 1) // most))]
        if len(found) >= 2:
            return found
    span = (high - low) / max(1, most)
    if span <= 0 or not math.isfinite(span):
        return [low]
    unit = 10.0 ** math.floor(math.log10(span))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= span)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


class _Series:
    __slots__ = ("colour", "steps", "values")

    def __init__(self, colour: str) -> None:
        self.steps, self.values, self.colour = array("d"), array("d"), colour


class LossPlot(KeyboardFocus):
    """Named curves over steps, with their last values; the pointer reads any step; L (or a click) makes it logarithmic.

    Values that are not finite leave a gap.  Long runs are drawn by the smallest and largest value of every pixel.
    """

    scale_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None, *, log: bool = False) -> None:
        super().__init__(parent)
        self._series: dict[str, _Series] = {}
        self._log = log
        self._hover: float | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Loss curve"))
        self.setToolTip(self.tr("Click to change between an even and a logarithmic scale"))

    def add(self, step: float, values: Mapping[str, float]) -> None:
        """The next point of every named curve."""
        for name, value in values.items():
            series = self._series.get(name)
            if series is None:
                series = self._series[name] = _Series(Theme.source(len(self._series)))
            series.steps.append(step)
            series.values.append(value if math.isfinite(value) else math.nan)
        self.setAccessibleDescription(", ".join(f"{name} {_short(value)}" for name, value in values.items()))
        self.update()

    def set_curves(self, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
        """Whole curves at once: name -> (steps, values)."""
        self._series.clear()
        for name, (steps, values) in curves.items():
            series = self._series[name] = _Series(Theme.source(len(self._series)))
            series.steps, series.values = array("d", steps), array("d", values)
        self.update()

    def set_colour(self, name: str, colour: str) -> None:
        """Draw a curve in a colour of its own (KeyError where there is none)."""
        self._series[name].colour = colour
        self.update()

    def clear(self) -> None:
        """Forget all curves."""
        self._series.clear()
        self._hover = None
        self.update()

    def names(self) -> tuple[str, ...]:
        """The curves, in order of appearance."""
        return tuple(self._series)

    def is_log(self) -> bool:
        """Whether the values are drawn on a logarithmic scale."""
        return self._log

    def set_log(self, log: bool) -> None:
        """Choose the scale."""
        if log != self._log:
            self._log = log
            self.scale_changed.emit(log)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, 110)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 72)

    # -- events ------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = event.position().x()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = None
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.set_log(not self._log)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_L, Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.set_log(not self._log)
        else:
            super().keyPressEvent(event)

    # -- painting ----------------------------------------------------------------------------------------------

    def _bounds(self) -> tuple[float, float, float, float] | None:
        """First and last step, lowest and highest value (drawn scale's own numbers), or None without any point."""
        first, last, low, high = math.inf, -math.inf, math.inf, -math.inf
        for series in self._series.values():
            values = np.array(series.values)
            good = values[np.isfinite(values) & (values > 0)] if self._log else values[np.isfinite(values)]
            if good.size:
                low, high = min(low, float(good.min())), max(high, float(good.max()))
                first, last = min(first, series.steps[0]), max(last, series.steps[-1])
        if not math.isfinite(low):
            return None
        if self._log:
            return first, max(last, first + 1), low / 1.1, high * 1.1
        low = min(low, 0.0) if low > 0 and low < 0.5 * high else low
        pad = 0.06 * (high - low) or max(1e-9, 0.1 * abs(high))
        return first, max(last, first + 1), low - (pad if low != 0 else 0), high + pad

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(whole, Theme.RADIUS, Theme.RADIUS)
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        bounds = self._bounds()
        if bounds is None:
            painter.setPen(QColor(Theme.FAINT))
            painter.drawText(whole, int(Qt.AlignmentFlag.AlignCenter), self.tr("Nothing measured yet"))
        else:
            area = whole.adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)
            self._draw_grid(painter, area, bounds)
            for series in self._series.values():
                self._draw_series(painter, area, bounds, series)
            self._draw_legend(painter, area, bounds)
        self.draw_ring(painter, whole)

    def _y(self, value: float, area: QRectF, bounds: tuple[float, float, float, float]) -> float:
        low, high = bounds[2:]
        if self._log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return area.bottom() - (value - low) / (high - low) * area.height()

    def _draw_grid(self, painter: QPainter, area: QRectF, bounds: tuple[float, float, float, float]) -> None:
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for tick in _ticks(bounds[2], bounds[3], 3 if area.height() > 50 else 2, log=self._log):
            y = self._y(tick, area, bounds)
            painter.fillRect(QRectF(area.left(), y - 0.5, area.width(), 1), Theme.colour(Theme.LINE, 0.8))
            painter.setPen(QColor(Theme.FAINT))
            painter.drawText(QRectF(0, y - 7, area.left() - 6, 14), right, _short(tick))
        last = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        painter.drawText(area.adjusted(0, area.height() + 2, 0, 14), last, _short(bounds[1]))
        if self._log:
            painter.drawText(QRectF(area.left(), area.bottom() + 2, 60, 12), 0, self.tr("log scale"))

    def _draw_series(
        self, painter: QPainter, area: QRectF, bounds: tuple[float, float, float, float], series: _Series
    ) -> None:
        if not series.steps:
            return
        steps, values = np.array(series.steps), np.array(series.values)
        low, high = bounds[2:]
        if self._log:
            values = np.log10(np.where(values > 0, values, np.nan))
            low, high = math.log10(low), math.log10(high)
        xs = area.left() + (steps - bounds[0]) / (bounds[1] - bounds[0]) * area.width()
        ys = area.bottom() - (values - low) / (high - low) * area.height()
        xs, ys = _thinned(xs, ys, int(area.width()))
        painter.setPen(QPen(QColor(series.colour), 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        good = np.isfinite(ys)
        for run in np.split(np.arange(len(ys)), np.flatnonzero(~good)):
            run = run[good[run]]
            if len(run) == 1:
                painter.drawPoint(QPointF(xs[run[0]], ys[run[0]]))
            elif len(run):
                painter.drawPolyline(QPolygonF([QPointF(float(xs[i]), float(ys[i])) for i in run]))

    def _draw_legend(self, painter: QPainter, area: QRectF, bounds: tuple[float, float, float, float]) -> None:
        at_step: float | None = None
        if self._hover is not None and area.left() <= self._hover <= area.right():
            at_step = bounds[0] + (self._hover - area.left()) / area.width() * (bounds[1] - bounds[0])
            painter.fillRect(QRectF(self._hover - 0.5, area.top(), 1, area.height()), QColor(Theme.FAINT))
        x = 10.0
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        for name, series in self._series.items():
            if not series.steps:
                continue
            steps = np.array(series.steps)
            index = len(steps) - 1 if at_step is None else int(np.abs(steps - at_step).argmin())
            value = series.values[index]
            text = f"{name} {_short(value) if math.isfinite(value) else '–'}"
            width = painter.fontMetrics().horizontalAdvance(text)
            if x + width + 12 > self.width() - 6:
                break
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(series.colour))
            painter.drawEllipse(QPointF(x + 3, 12), 3, 3)
            painter.setPen(QColor(Theme.DIM))
            painter.drawText(QRectF(x + 11, 4, width + 2, 16), middle, text)
            x += width + 24
            if at_step is not None and math.isfinite(value) and (value > 0 or not self._log):
                at = area.left() + (steps[index] - bounds[0]) / (bounds[1] - bounds[0]) * area.width()
                painter.setPen(QPen(QColor(Theme.RAISED), 1))
                painter.setBrush(QColor(series.colour))
                painter.drawEllipse(QPointF(at, self._y(value, area, bounds)), 3.5, 3.5)


def _thinned(
    xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64], pixels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """At most four points for every pixel column: the first, lowest, highest and last of its bucket, in order."""
    if len(xs) <= 4 * max(1, pixels):
        return xs, ys
    edges = np.linspace(0, len(xs), pixels + 1).astype(int)
    keep: set[int] = set()
    for a, b in itertools.pairwise(edges):
        part = ys[a:b]
        if b > a and np.isfinite(part).any():
            keep.update((a, a + int(np.nanargmin(part)), a + int(np.nanargmax(part)), b - 1))
    index = np.array(sorted(keep))
    return xs[index], ys[index]


class Histogram(QWidget):
    """A distribution as bars, with the normal curve it should have and a mark where something stands."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: npt.NDArray[np.float64] = np.empty(0)
        self._edges: npt.NDArray[np.float64] = np.empty(0)
        self._normal = False
        self._mark: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Distribution"))

    def set_counts(self, counts: npt.ArrayLike, edges: npt.ArrayLike, *, normal: bool = False) -> None:
        """``counts [n]`` between ``edges [n + 1]``; ``normal`` draws N(0, 1) over them at the same area."""
        self._counts, self._edges = np.asarray(counts, float), np.asarray(edges, float)
        if self._counts.ndim != 1 or len(self._edges) != len(self._counts) + 1:
            raise ValueError(f"{self._counts.shape} counts need one more edge, not {self._edges.shape}")
        self._normal = normal
        self.update()

    def set_samples(self, samples: npt.ArrayLike, bins: int = 32, *, normal: bool = False) -> None:
        """Count ``samples`` and show them."""
        counts, edges = np.histogram(np.asarray(samples, float), bins)
        self.set_counts(counts, edges, normal=normal)

    def set_mark(self, value: float | None) -> None:
        """A line where something stands."""
        self._mark = value
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, 72)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(QRectF(self.rect()), Theme.RADIUS, Theme.RADIUS)
        if not self._counts.size or self._counts.max() <= 0:
            return
        area = QRectF(self.rect()).adjusted(8, 8, -8, -18)
        low, high = float(self._edges[0]), float(self._edges[-1])

        def x_of(value: float) -> float:
            return area.left() + (value - low) / (high - low) * area.width()

        density = self._counts / (self._counts.sum() * np.diff(self._edges))
        bell = np.exp(-(np.linspace(low, high, 80) ** 2) / 2) / math.sqrt(2 * math.pi)
        top = max(float(density.max()), float(bell.max()) if self._normal else 0.0)
        painter.setBrush(Theme.colour(Theme.SECOND, 0.75))
        for index, value in enumerate(density):
            left, right = x_of(float(self._edges[index])), x_of(float(self._edges[index + 1]))
            height = float(value) / top * area.height()
            painter.drawRect(QRectF(left + 0.5, area.bottom() - height, max(0.5, right - left - 1), height))
        if self._normal:
            points = np.linspace(low, high, 80)
            curve = [
                QPointF(x_of(float(a)), area.bottom() - float(b) / top * area.height())
                for a, b in zip(points, bell, strict=True)
            ]
            painter.setPen(QPen(QColor(Theme.DIM), 1.2))
            painter.drawPolyline(QPolygonF(curve))
        if self._mark is not None and low <= self._mark <= high:
            painter.fillRect(QRectF(x_of(self._mark) - 1, area.top() - 4, 2, area.height() + 4), QColor(Theme.ACCENT))
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(Theme.FAINT))
        foot = QRectF(area.left(), area.bottom() + 2, area.width(), 14)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignLeft), _short(low).replace("-", "−"))
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight), _short(high))

"""A drawing and the hand on it, without a window: what a press, a move and a release do to the sheet."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QColor, QPainter

from studio.base.steps import UInt8Image
from studio.widgets.drawing.fill import fill
from studio.widgets.drawing.history import History, difference, rows
from studio.widgets.drawing.sheet import Pixels, Sheet, bgrx, nearest
from studio.widgets.drawing.strokes import Smoother, StrokeMask, Touch, blend, touch
from studio.widgets.drawing.tools import SHAPES, Settings, Tool, draw_shape, shape_bounds, shape_box

_THIN_PEN, _THIN_BRUSH = 0.25, 0.35
"""The part of its width that a line has at no pressure at all."""
_FAINT = 0.06


class _Stroke:
    """One stroke of pen, brush or eraser on its way."""

    def __init__(self, sheet: Sheet, tool: Tool, width: float, mirror: float | None) -> None:
        self.tool, self.width, self.mirror = tool, width, mirror
        self.smoother = Smoother()
        self.mask = StrokeMask(sheet.image.height(), sheet.image.width(), soft=tool == "brush" and not sheet.pure)

    def place(self, at: QPointF, pressure: float, *, pure: bool) -> Touch:
        press = min(1.0, max(0.0, pressure))
        thin = _THIN_BRUSH if self.tool == "brush" else _THIN_PEN
        strength = _FAINT + (1 - _FAINT) * press if self.tool == "brush" and not pure else 1.0
        return touch(at.x(), at.y(), self.width / 2 * (thin + (1 - thin) * press), strength)


class Drawing:
    """Places are in picture pixels, rectangles that come back in sheet pixels."""

    def __init__(self, width: int, height: int, paper: str = "#ffffff", limit: int = 64 << 20) -> None:
        self.sheet = Sheet(width, height, paper)
        self.settings = Settings()
        self.history = History(limit)
        self._base: Pixels | None = None
        self._before: Pixels | None = None
        self._changed = QRect()
        self._stroke: _Stroke | None = None
        self._shape: tuple[Tool, QPointF, QRect] | None = None

    # -- what the paper is -------------------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """A sheet of another size with the same drawing, scaled; it cannot be undone."""
        old, before = self.sheet, self.sheet.full()
        self.sheet = Sheet(width, height, old.paper)
        self.sheet.palette = old.palette
        self._base = None
        self.history.clear()
        self.write(self.sheet.fitted(before))

    def set_base(self, pixels: UInt8Image | None) -> None:
        """What the eraser and :meth:`clear` bring back instead of bare paper."""
        self._base = None if pixels is None else self.sheet.fitted(pixels)

    def set_palette(self, colours: list[str], paper: str) -> None:
        """Only these colours from now on (an empty list: all), and the colour of bare paper."""
        sheet, old = self.sheet, bgrx(self.sheet.paper)
        made = self.sheet.pixels().copy()
        bare = (made == old).all(axis=2)
        sheet.palette, sheet.paper = list(colours), paper
        if colours:
            made = nearest(made, colours)
        made[bare] = bgrx(paper)
        self._base = nearest(self._base, colours) if colours and self._base is not None else self._base
        self.history.clear()
        self.write(made)

    def write(self, made: Pixels) -> None:
        """Replace all pixels."""
        self.sheet.pixels()[...] = made
        self.sheet.touch(self.sheet.rect())

    def bare(self) -> Pixels:
        """The sheet with nothing on it."""
        if self._base is not None:
            return self._base.copy()
        return np.broadcast_to(bgrx(self.sheet.paper), self.sheet.pixels().shape).copy()

    # -- the hand ----------------------------------------------------------------------------------------------

    def busy(self) -> bool:
        """Whether a stroke is on its way."""
        return self._before is not None

    def begin(self, at: QPointF, pressure: float = 1.0, *, erase: bool = False) -> QRect:
        """The hand comes down; ``erase``: with the other end of its pen."""
        sheet, tool = self.sheet, "eraser" if erase else self.settings.tool
        self._before = sheet.pixels().copy()
        self._changed = QRect()
        if tool == "fill":
            return self._fill(at)
        if tool in SHAPES:
            self._shape = (tool, at, QRect())
            return QRect()
        mirror = sheet.image.width() / 2 if self.settings.mirror else None
        self._stroke = stroke = _Stroke(sheet, tool, self.width(tool), mirror)
        return self._lay(stroke, stroke.smoother.begin(stroke.place(at * sheet.detail, pressure, pure=sheet.pure)))

    def move(self, at: QPointF, pressure: float = 1.0, *, even: bool = False) -> QRect:
        """The hand moves.  ``even``: shapes become squares, circles, lines at whole angles."""
        if self._shape is not None:
            return self._drag_shape(at, even=even)
        if self._stroke is None:
            return QRect()
        place = self._stroke.place(at * self.sheet.detail, pressure, pure=self.sheet.pure)
        return self._lay(self._stroke, self._stroke.smoother.move(place))

    def finish(self) -> tuple[QRect, Pixels] | None:
        """The hand leaves: what changed last, and the sheet before the stroke; None when there was none."""
        before = self._before
        if before is None:
            return None
        last = self._lay(self._stroke, self._stroke.smoother.finish()) if self._stroke is not None else QRect()
        self._before = self._stroke = self._shape = None
        return last, before

    def remember(self, before: Pixels, within: QRect | None = None) -> bool:
        """Make undoable what changed since ``before``; False when nothing did."""
        area = self.sheet.rect() if within is None else within.intersected(self.sheet.rect())
        patch = difference(before, self.sheet.pixels(), area) if not area.isEmpty() else None
        if patch is not None:
            self.history.push(patch)
        return patch is not None

    def changed(self) -> QRect:
        """Everything that the last stroke touched."""
        return self._changed

    def cancel(self) -> QRect:
        """Take the stroke back that is on its way."""
        if self._before is None:
            return QRect()
        self.write(self._before)
        self._before = self._stroke = self._shape = None
        return self._changed

    def step(self, *, back: bool) -> QRect | None:
        """Undo or redo."""
        pixels = self.sheet.pixels()
        rect = self.history.undo(pixels) if back else self.history.redo(pixels)
        if rect is not None:
            self.sheet.touch(rect)
        return rect

    def colour_at(self, at: QPointF) -> str | None:
        """``#rrggbb`` at a place, None beside the paper."""
        place = (at * self.sheet.detail).toPoint()
        return self.sheet.image.pixelColor(place).name() if self.sheet.rect().contains(place) else None

    def width(self, tool: Tool | None = None) -> float:
        """The width of the lines of a tool in sheet pixels."""
        part = self.settings.sizes[self.settings.sized(tool)]
        return part * max(self.sheet.image.width(), self.sheet.image.height())

    def tail(self) -> tuple[QPointF, QPointF, float, str] | None:
        """Where the ink ends, where the hand is (picture pixels), width and colour; for hard lines."""
        stroke = self._stroke
        ends = stroke.smoother.tail() if stroke is not None and stroke.tool != "brush" else None
        if stroke is None or ends is None:
            return None
        (x0, y0, _, _), (x1, y1, radius, _) = ends
        k = self.sheet.detail
        colour = self.sheet.paper if stroke.tool == "eraser" else self.settings.colour
        return QPointF(x0, y0) / k, QPointF(x1, y1) / k, 2 * radius / k, colour

    def _touched(self, rect: QRect) -> QRect:
        rect = rect.intersected(self.sheet.rect())
        if not rect.isEmpty():
            self.sheet.touch(rect)
            self._changed = self._changed.united(rect)
        return rect

    def _lay(self, stroke: _Stroke, places: list[Touch]) -> QRect:
        assert self._before is not None
        sheet = self.sheet
        rect = stroke.mask.lay(places, stroke.mirror)
        if rect.isEmpty():
            return rect
        ink = bgrx(self.settings.colour)
        if stroke.tool == "eraser":
            ink = bgrx(sheet.paper) if self._base is None else self._base
        opacity = self.settings.opacity if stroke.tool == "brush" else 1.0
        blend(sheet.pixels(), self._before, stroke.mask, ink, rect, opacity=opacity, pure=sheet.pure)
        return self._touched(rect)

    def _drag_shape(self, at: QPointF, *, even: bool) -> QRect:
        assert self._shape is not None and self._before is not None
        tool, start, drawn = self._shape
        sheet, width, k = self.sheet, self.width(tool), self.sheet.detail
        box = shape_box(tool, start * k, at * k, even=even)
        boxes = [box]
        if self.settings.mirror:
            whole = sheet.image.width()
            boxes.append(
                QRectF(QPointF(whole - box.left(), box.top()), QPointF(whole - box.right(), box.bottom()))
                if tool == "line"
                else QRectF(whole - box.right(), box.top(), box.width(), box.height())
            )
        fresh = QRect()
        for each in boxes:
            fresh = fresh.united(shape_bounds(each, width))
        fresh = fresh.intersected(sheet.rect())
        # The rubber band leaves nothing behind: what it covered last comes back first.
        both = drawn.united(fresh)
        if not both.isEmpty():
            sheet.pixels()[rows(both)] = self._before[rows(both)]
        painter = QPainter(sheet.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not sheet.pure)
        for each in boxes:
            draw_shape(painter, tool, each, self.settings.colour, width, filled=self.settings.filled)
        painter.end()
        self._shape = (tool, start, fresh)
        return self._touched(both)

    def _fill(self, at: QPointF) -> QRect:
        sheet, settings = self.sheet, self.settings
        places = [at] + ([QPointF(sheet.width - at.x(), at.y())] if settings.mirror else [])
        done = QRect()
        for place in places:
            x, y = int(place.x() * sheet.detail // 1), int(place.y() * sheet.detail // 1)
            if not sheet.rect().contains(x, y):
                continue
            inside = fill(
                sheet.pixels(),
                x,
                y,
                bgrx(QColor(settings.colour)),
                tolerance=0 if sheet.pure else settings.tolerance,
                gap=round(settings.gap * sheet.detail),
                pure=sheet.pure,
            )
            if inside is not None:
                done = sheet.rect()
        return self._touched(done)

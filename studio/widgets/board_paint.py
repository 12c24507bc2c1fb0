"""How a layer board looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPixmap

from studio.widgets.board import HEAD, LEFT, SWITCHES, THUMB, BoardColumn, BoardGeometry, Hit, column_colour
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import draw_ring
from studio.widgets.pictures import draw_rounded, rounded_path
from studio.widgets.tokens import Theme

_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_CENTER = int(Qt.AlignmentFlag.AlignCenter)
_INK_ON = {"solo": Theme.ACCENT, "mute": Theme.BAD, "lock": Theme.SECOND}


@dataclass(slots=True)
class BoardLook:
    """Everything that the painting needs beside the geometry."""

    columns: Sequence[BoardColumn]
    weights: npt.NDArray[np.float64]
    bands: Mapping[str, frozenset[str]]
    """switch -> the bands for which it is on."""
    hover: Hit
    cursor: tuple[int, int] | None
    refused: tuple[int, int] | None
    pixmap: Callable[[BoardColumn], QPixmap | None]
    font: QFont
    ratio: float = 1.0
    letters: Mapping[str, str] = field(default_factory=lambda: {"solo": "S", "mute": "M"})


class BoardPainter:
    """Paints one frame: cells first, then what covers them."""

    def __init__(self, painter: QPainter, geometry: BoardGeometry, look: BoardLook) -> None:
        self.p, self.g, self.look = painter, geometry, look
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._fonts: dict[tuple[int, QFont.Weight], QFont] = {}
        self._font_now: tuple[int, QFont.Weight] | None = None
        soloed = any(column.solo for column in look.columns)
        self._silent = [column.mute or (soloed and not column.solo) for column in look.columns]

    def paint(self) -> None:
        """The whole board."""
        body = QRectF(LEFT, HEAD, self.g.size.width() - LEFT, self.g.size.height() - HEAD)
        self.p.save()
        self.p.setClipRect(body)
        rows = self._rows_in_sight()
        for row in rows:
            if row == self.look.hover.row:
                self.p.fillRect(self.g.row_band(row), Theme.colour(Theme.INK, 0.035))
        for row in rows:
            for column in range(self.g.columns):
                self._cell(row, column)
        self._bands_lines(rows)
        self._restore()
        self._labels(rows)
        self._heads()

    def _rows_in_sight(self) -> range:
        first = int(self.g.offset.y() // self.g.pitch)
        last = int((self.g.offset.y() + self.g.size.height() - HEAD) // self.g.pitch) + 1
        return range(max(0, first), min(len(self.g.rows), last))

    def _text(self, size: int, weight: QFont.Weight = QFont.Weight.Normal) -> None:
        key = (size, weight)
        if key not in self._fonts:
            font = QFont(self.look.font)
            font.setPixelSize(size)
            font.setWeight(weight)
            self._fonts[key] = font
        if key != self._font_now:
            self._font_now = key
            self.p.setFont(self._fonts[key])

    def _restore(self) -> None:
        self.p.restore()
        self._font_now = None  # the painter has its old font again

    def is_locked(self, row: int, column: int) -> bool:
        """Whether a cell refuses to be changed."""
        return self.look.columns[column].locked or self.g.rows[row].band in self.look.bands["lock"]

    def _cell(self, row: int, column: int) -> None:
        rect = self.g.cell(row, column)
        if rect.right() < LEFT or rect.left() > self.g.size.width():
            return
        source = self.look.columns[column]
        weight = float(self.look.weights[row, column])
        hovered = self.look.hover.kind == "cell" and (self.look.hover.row, self.look.hover.column) == (row, column)
        band = self.g.rows[row].band
        soloed = self.look.bands["solo"]
        silent = self._silent[column] or band in self.look.bands["mute"] or bool(soloed and band not in soloed)
        p = self.p
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(QColor(Theme.HOVER if hovered else Theme.RAISED))
        p.drawRoundedRect(rect, 4, 4)
        filled = rect.width() * min(1.0, weight)
        if weight > 0:
            strength = 0.28 if silent else (0.9 if hovered else 0.78)
            p.setBrush(Theme.blend(column_colour(source), Theme.RAISED, strength))
            if filled >= 8:
                p.drawRoundedRect(QRectF(rect.left(), rect.top(), filled, rect.height()), 4, 4)
            else:
                p.save()
                p.setClipPath(rounded_path(rect, 4), Qt.ClipOperation.IntersectClip)
                p.drawRect(QRectF(rect.left(), rect.top(), filled, rect.height()))
                self._restore()
        locked = self.is_locked(row, column)
        if weight > 0 or hovered:
            self._text(Theme.SMALL, QFont.Weight.Medium)
            # The digits lie on the fill, on the cell, or half on each: then light ones with a dark edge read best.
            over = filled > 38
            ink = Theme.ON_ACCENT if over and not silent else (Theme.INK if weight > 0 else Theme.FAINT)
            p.setPen(QColor(Theme.DIM if silent else ink))
            p.drawText(rect.adjusted(8, 0, -4, 0), _MIDDLE, f"{weight:.2f}")
        if locked and rect.height() >= 16:
            tint = Theme.SECOND if hovered else Theme.FAINT
            mark = icon_pixmap("lock", 12, tint if filled < rect.width() - 18 else Theme.ON_ACCENT, self.look.ratio)
            p.drawPixmap(QPointF(rect.right() - 16, rect.center().y() - 6), mark)
        if self.look.refused == (row, column):
            draw_ring(p, rect, 4, Theme.BAD)
        elif self.look.cursor == (row, column):
            draw_ring(p, rect.adjusted(-1.5, -1.5, 1.5, 1.5), 5)

    def _bands_lines(self, rows: range) -> None:
        for row in rows:
            if row > 0 and self.g.rows[row].band != self.g.rows[row - 1].band:
                y = self.g.row_band(row).top()
                self.p.fillRect(QRectF(LEFT, y - 0.5, self.g.content.width() - LEFT - 50, 1), QColor(Theme.LINE))

    def _labels(self, rows: range) -> None:
        self.p.save()
        self.p.setClipRect(QRectF(0, HEAD, LEFT, self.g.size.height() - HEAD))
        self.p.fillRect(QRectF(0, HEAD, LEFT - 4, self.g.size.height() - HEAD), QColor(Theme.WINDOW))
        for row in rows:
            line = self.g.row_band(row)
            hovered = row == self.look.hover.row
            if hovered:
                self.p.fillRect(line, Theme.colour(Theme.INK, 0.035))
            self._text(Theme.SMALL)
            self.p.setPen(QColor(Theme.FAINT))
            self.p.drawText(
                QRectF(0, line.top(), 16, line.height()), int(Qt.AlignmentFlag.AlignRight) | _MIDDLE, str(row)
            )
            self._text(Theme.TEXT, QFont.Weight.Medium)
            self.p.setPen(QColor(Theme.INK))
            self.p.drawText(QRectF(22, line.top(), LEFT - 80, line.height()), _MIDDLE, self.g.rows[row].label)
            if self.g.rows[row].band:
                self._band(row, line)
        self._restore()

    def _band(self, row: int, line: QRectF) -> None:
        group = self.g.band_rows(row)
        band = self.g.rows[row].band
        near = self.look.hover.row in group and self.look.hover.kind in ("row", "band")
        any_on = any(band in self.look.bands[switch] for switch in SWITCHES)
        alone = len(group) == 1
        if row == group[0] and not (alone and (near or any_on)):
            self._text(Theme.SMALL)
            self.p.setPen(QColor(Theme.INK if near else Theme.DIM))
            text = self.p.fontMetrics().elidedText(
                QCoreApplication.translate("Card", band), Qt.TextElideMode.ElideRight, 52
            )
            self.p.drawText(QRectF(LEFT - 56, line.top(), 52, line.height()), _MIDDLE, text)
        if row == group[-1 if alone else 1] and (near or any_on):
            for index, switch in enumerate(SWITCHES):
                hot = self.look.hover.kind == "band" and self.look.hover.part == switch and near
                self._switch(self.g.band_switch(row, index), switch, band in self.look.bands[switch], hot)

    def _switch(self, rect: QRectF, switch: str, on: bool, hot: bool) -> None:
        p = self.p
        ink = _INK_ON[switch] if on else (Theme.INK if hot else Theme.FAINT)
        if on or hot:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(Theme.colour(_INK_ON[switch] if on else Theme.INK, 0.18 if on else 0.08))
            p.drawRoundedRect(rect, 4, 4)
        if switch == "lock":
            mark = icon_pixmap("lock" if on else "unlock", 13, ink, self.look.ratio)
            p.drawPixmap(rect.center() - QPointF(6.5, 6.5), mark)
            return
        self._text(Theme.SMALL, QFont.Weight.DemiBold if on else QFont.Weight.Medium)
        p.setPen(QColor(ink))
        p.drawText(rect, _CENTER, self.look.letters[switch])

    def _heads(self) -> None:
        p = self.p
        p.save()
        p.setClipRect(QRectF(LEFT - 4, 0, self.g.size.width() - LEFT + 4, HEAD))
        p.fillRect(QRectF(0, 0, self.g.size.width(), HEAD), QColor(Theme.WINDOW))
        for index, column in enumerate(self.look.columns):
            self._head(index, column)
        place = self.g.add()
        hot = self.look.hover.kind == "add"
        p.setPen(QPen(QColor(Theme.ACCENT if hot else Theme.LINE), 1.2, Qt.PenStyle.DashLine))
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.drawRoundedRect(place.adjusted(1, 1, -1, -1), 6, 6)
        mark = icon_pixmap("plus", 16, Theme.ACCENT if hot else Theme.DIM, self.look.ratio)
        p.drawPixmap(place.center() - QPointF(8, 8), mark)
        self._restore()
        if self.g.offset.y() > 0:
            p.fillRect(QRectF(0, HEAD - 1, self.g.size.width(), 1), QColor(Theme.LINE))

    def _head(self, index: int, column: BoardColumn) -> None:
        p, thumb = self.p, self.g.thumb(index)
        if thumb.right() < LEFT - 40 or thumb.left() > self.g.size.width():
            return
        here = self.look.hover.kind == "column" and self.look.hover.column == index
        pixmap = self.look.pixmap(column)
        if pixmap is not None:
            draw_rounded(p, thumb, pixmap, 5, 0.35 if self._silent[index] else 1.0)
        else:
            p.setPen(Qt.PenStyle.NoPen)
            p.setBrush(QColor(Theme.RAISED))
            p.drawRoundedRect(thumb, 5, 5)
            mark = icon_pixmap("picture", 20, Theme.FAINT, self.look.ratio)
            p.drawPixmap(thumb.center() - QPointF(10, 10), mark)
        p.setPen(Qt.PenStyle.NoPen)
        p.setBrush(Theme.colour(column_colour(column), 0.4 if self._silent[index] else 1.0))
        p.drawRoundedRect(QRectF(thumb.left(), THUMB + 7, THUMB, 3), 1.5, 1.5)
        if here and self.look.hover.part in ("thumb", "remove"):
            cross = self.g.remove(index)
            p.setBrush(Theme.colour(Theme.BAD if self.look.hover.part == "remove" else Theme.CANVAS, 0.8))
            p.drawEllipse(cross)
            p.drawPixmap(cross.center() - QPointF(5, 5), icon_pixmap("close", 10, Theme.INK, self.look.ratio))
        self._text(Theme.TEXT, QFont.Weight.Medium)
        p.setPen(QColor(Theme.DIM if self._silent[index] else Theme.INK))
        room = self.g.name(index)
        text = p.fontMetrics().elidedText(column.name, Qt.TextElideMode.ElideRight, int(room.width()))
        p.drawText(room, _CENTER, text)
        states = (column.solo, column.mute, column.locked)
        for number, (switch, on) in enumerate(zip(SWITCHES, states, strict=True)):
            self._switch(self.g.switch(index, number), switch, on, here and self.look.hover.part == switch)
        if self.look.cursor == (-1, index):
            draw_ring(p, thumb.adjusted(-3, -3, 3, 3), 7)

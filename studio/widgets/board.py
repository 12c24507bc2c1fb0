"""What a layer board shows, and where on it things are.  No painting, no events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, QSizeF

from studio.base.steps import UInt8Image
from studio.widgets.tokens import Theme

LEFT = 130.0
"""Room for a row's number, size and band."""
HEAD = 122.0
"""Room for a column's thumbnail, colour, name and switches."""
THUMB = 64.0
_GAP = 12.0
_COLUMN = (78.0, 132.0)
_PITCH = (24.0, 38.0)

Switch = Literal["solo", "mute", "lock"]
SWITCHES: tuple[Switch, ...] = ("solo", "mute", "lock")


@dataclass(frozen=True, slots=True, eq=False)
class BoardColumn:
    """One source.  ``colour`` counts :attr:`Theme.SOURCES`; ``image`` uint8 ``[H, W, 3]`` or None."""

    id: str
    name: str
    image: UInt8Image | None = None
    colour: int = 0
    solo: bool = False
    mute: bool = False
    locked: bool = False
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One layer: "16 px" and the band it belongs to ("coarse"); rows of a band follow each other."""

    label: str
    band: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What is under the pointer.  ``row``/``column`` -1: none.  ``part`` names a switch or ``thumb`` / ``name``."""

    kind: Literal["none", "cell", "column", "band", "row", "add"]
    row: int = -1
    column: int = -1
    part: str = ""


NOTHING = Hit("none")


class BoardGeometry:
    """Rectangles for a board in a view of ``size``, scrolled by ``offset``; header and labels do not scroll."""

    def __init__(self, size: QSizeF, rows: list[BoardRow], columns: int, offset: QPointF) -> None:
        self.size, self.rows, self.columns, self.offset = size, rows, columns, offset
        room = size.width() - LEFT - 44  # the last 44 for "add"
        wide = (room - columns * _GAP) / max(1, columns)
        self.cell_width = min(_COLUMN[1], max(_COLUMN[0], wide))
        self.pitch = min(_PITCH[1], max(_PITCH[0], (size.height() - HEAD - 4) / max(1, len(rows))))
        self.cell_height = self.pitch - (8.0 if self.pitch > 32 else 4.0)
        self.content = QSizeF(LEFT + columns * (self.cell_width + _GAP) + 44, HEAD + len(rows) * self.pitch + 4)

    def cell(self, row: int, column: int) -> QRectF:
        """A weight."""
        y = HEAD + row * self.pitch - self.offset.y() + (self.pitch - self.cell_height) / 2
        return QRectF(self.column_x(column), y, self.cell_width, self.cell_height)

    def column_x(self, column: int) -> float:
        """The left edge of a column."""
        return LEFT + column * (self.cell_width + _GAP) - self.offset.x()

    def row_band(self, row: int) -> QRectF:
        """The whole row, labels included."""
        return QRectF(0, HEAD + row * self.pitch - self.offset.y(), self.size.width(), self.pitch)

    def thumb(self, column: int) -> QRectF:
        """The thumbnail of a column."""
        return QRectF(self.column_x(column) + (self.cell_width - THUMB) / 2, 4, THUMB, THUMB)

    def remove(self, column: int) -> QRectF:
        """The cross on the thumbnail."""
        thumb = self.thumb(column)
        return QRectF(thumb.right() - 18, thumb.top() + 2, 16, 16)

    def name(self, column: int) -> QRectF:
        """The name of a column."""
        return QRectF(self.column_x(column), THUMB + 12, self.cell_width, 18)

    def switch(self, column: int, index: int) -> QRectF:
        """Switch ``index`` (solo, mute, lock) of a column."""
        left = self.column_x(column) + self.cell_width / 2 - 33
        return QRectF(left + index * 23, THUMB + 31, 20, 18)

    def add(self) -> QRectF:
        """The place of the next source."""
        x = self.column_x(self.columns)
        return QRectF(x, 4, 36, THUMB)

    def band_first(self, row: int) -> int:
        """The first row of the band that ``row`` belongs to."""
        while row > 0 and self.rows[row - 1].band == self.rows[row].band:
            row -= 1
        return row

    def band_rows(self, row: int) -> range:
        """The rows of the band of ``row``."""
        first = last = self.band_first(row)
        while last + 1 < len(self.rows) and self.rows[last + 1].band == self.rows[first].band:
            last += 1
        return range(first, last + 1)

    def band_switch(self, row: int, index: int) -> QRectF:
        """Switch ``index`` of the band of ``row``: below its name, or on it where the band is one row."""
        rows = self.band_rows(row)
        line = self.row_band(rows[1] if len(rows) > 1 else rows[0])
        left = LEFT - 56 + index * 16
        return QRectF(left, line.center().y() - 8, 15, 16)

    def hit(self, at: QPointF) -> Hit:
        """What is at a point of the view."""
        if at.y() < HEAD:
            return self._hit_head(at) if at.x() >= LEFT else NOTHING
        row = int((at.y() - HEAD + self.offset.y()) // self.pitch)
        if not 0 <= row < len(self.rows):
            return NOTHING
        if at.x() < LEFT:
            if self.rows[row].band:
                for index, switch in enumerate(SWITCHES):
                    if self.band_switch(row, index).contains(at):
                        return Hit("band", row, part=switch)
            return Hit("row", row)
        for column in range(self.columns):
            if self.cell(row, column).adjusted(-_GAP / 2, 0, _GAP / 2, 0).contains(at):
                return Hit("cell", row, column)
        return Hit("row", row)

    def _hit_head(self, at: QPointF) -> Hit:
        if self.add().contains(at):
            return Hit("add")
        for column in range(self.columns):
            for index, switch in enumerate(SWITCHES):
                if self.switch(column, index).contains(at):
                    return Hit("column", column=column, part=switch)
            if self.remove(column).contains(at):
                return Hit("column", column=column, part="remove")
            if self.thumb(column).contains(at):
                return Hit("column", column=column, part="thumb")
            if self.name(column).contains(at):
                return Hit("column", column=column, part="name")
        return NOTHING


def column_colour(column: BoardColumn) -> str:
    """The colour of a source."""
    return Theme.source(column.colour)

"""Two columns of sliders, one row for each layer: what is kept of one picture, what is taken of another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QToolTip, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.inline import InlineEdit
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import as_html, draw_rounded, rounded_path, thumbnail
from studio.widgets.tokens import Theme

Column = Literal["content", "style"]
Switch = Literal["solo", "mute"]
COLUMNS: tuple[Column, Column] = ("content", "style")
SWITCHES: tuple[Switch, Switch] = ("solo", "mute")

HEAD, ROW, THUMB, NAME = 22, 38, 32, 56
_CELL, _SIDE, _GAP = 22, 18, 8
_MOST = 10.0
"""What may be typed; a drag goes to 1."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the pointer is: a cell, one of its switches, or a thumbnail."""

    kind: Literal["cell", "solo", "mute", "thumb", "nothing"]
    row: int = -1
    column: int = -1


class LayerPairs(KeyboardFocus):
    """Rows are layers; the left column is the content's, the right one the style's.

    Drag a cell sideways (Shift: ten times finer), double-click resets, Alt-click solos, type a number; arrows walk,
    + and - change, S and M switch, Delete resets.  A thin bar below each cell shows its share of the loss.
    """

    value_changed = Signal(str, str, float, bool)
    """layer, column, value from 0, final."""
    switched = Signal(str, str, str)
    """layer, column, solo | mute."""

    def __init__(self, titles: tuple[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles = titles
        self._names: tuple[str, ...] = ()
        self._values: dict[tuple[str, str], float] = {}
        self._defaults: dict[tuple[str, str], float] = {}
        self._shares: dict[tuple[str, str], float] = {}
        self._on: dict[Switch, frozenset[tuple[str, str]]] = {"solo": frozenset(), "mute": frozenset()}
        self._images: dict[str, UInt8Image] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        self._waiting = ""
        self._cursor = (0, 1)
        self._hover = Spot("nothing")
        self._press: tuple[Spot, QPointF] | None = None
        self._dragging = False
        self._drag_value = self._drag_start = self._last_x = 0.0
        self._unsent: tuple[int, int] | None = None
        self._editor: InlineEdit | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Layers"))

    # -- what is shown -----------------------------------------------------------------------------------------

    def set_layers(self, names: Sequence[str]) -> None:
        """Other rows; thumbnails and bars of the old ones are forgotten."""
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        self._images.clear()
        self._pixmaps.clear()
        self._shares.clear()
        self._cursor = (0, 1)
        self.updateGeometry()
        self.update()

    def layers(self) -> tuple[str, ...]:
        """The rows."""
        return self._names

    def set_values(self, values: Mapping[tuple[str, str], float]) -> None:
        """(layer, column) -> lambda, silently; the one in the hand stays."""
        held = self._key(self._press[0]) if self._dragging and self._press else None
        kept = self._values.get(held) if held else None
        self._values = dict(values)
        if held is not None and kept is not None:
            self._values[held] = kept
        self._say()
        self.update()

    def value(self, layer: str, column: str) -> float:
        """The lambda of a cell."""
        return self._values.get((layer, column), 0.0)

    def set_defaults(self, values: Mapping[tuple[str, str], float]) -> None:
        """Where a double-click brings each cell (missing: 0)."""
        self._defaults = dict(values)
        self.update()

    def set_switches(self, solo: Collection[tuple[str, str]], mute: Collection[tuple[str, str]]) -> None:
        """Which cells are solo and which are muted."""
        self._on = {"solo": frozenset(solo), "mute": frozenset(mute)}
        self.update()

    def silenced(self, layer: str, column: str) -> bool:
        """Whether a cell has no effect now: muted, or another one of its column is solo."""
        key = (layer, column)
        soloed = any(c == column for _, c in self._on["solo"])
        return key in self._on["mute"] or (soloed and key not in self._on["solo"])

    def set_shares(self, shares: Mapping[tuple[str, str], float]) -> None:
        """(layer, column) -> share of the loss in [0, 1]."""
        self._shares = dict(shares)
        self.update()

    def share(self, layer: str, column: str) -> float:
        """The share that is shown."""
        return self._shares.get((layer, column), 0.0)

    def set_image(self, layer: str, image: UInt8Image | None) -> None:
        """What the layer alone makes (None: not known)."""
        self._pixmaps.pop(layer, None)
        if image is None:
            self._images.pop(layer, None)
        else:
            self._images[layer] = image
        self.update()

    def image(self, layer: str) -> UInt8Image | None:
        """The thumbnail of a row."""
        return self._images.get(layer)

    def set_waiting(self, why: str) -> None:
        """What the tooltip of an empty thumbnail says."""
        self._waiting = why

    # -- geometry ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(320, HEAD + ROW * len(self._names))

    def minimumSizeHint(self) -> QSize:
        return QSize(252, HEAD + ROW * len(self._names))

    def _left(self) -> int:
        return THUMB + 8 + NAME

    def cell(self, row: int, column: int) -> QRectF:
        """The rectangle of a slider."""
        room = (self.width() - self._left() - _GAP) / 2
        x = self._left() + column * (room + _GAP)
        return QRectF(x, HEAD + row * ROW + 4, room - _SIDE, _CELL)

    def switch_rect(self, row: int, column: int, which: Switch) -> QRectF:
        """The rectangle of a small S or M."""
        cell = self.cell(row, column)
        return QRectF(cell.right() + 3, cell.top() - 3 + SWITCHES.index(which) * 15, 14, 14)

    def _thumb(self, row: int) -> QRectF:
        return QRectF(0, HEAD + row * ROW + 2, THUMB, THUMB)

    def spot(self, at: QPointF) -> Spot:
        """What is under a point."""
        row = int((at.y() - HEAD) // ROW)
        if at.y() < HEAD or not 0 <= row < len(self._names):
            return Spot("nothing")
        if at.x() < self._left():
            return Spot("thumb", row)
        for column in range(2):
            if self.cell(row, column).adjusted(0, -2, 0, 8).contains(at):
                return Spot("cell", row, column)
            for which in SWITCHES:
                if self.switch_rect(row, column, which).adjusted(-1, 0, 2, 0).contains(at):
                    return Spot(which, row, column)
        return Spot("nothing", row)

    def _key(self, spot: Spot) -> tuple[str, str]:
        return self._names[spot.row], COLUMNS[spot.column]

    # -- changing ----------------------------------------------------------------------------------------------

    def _change(self, row: int, column: int, value: float, *, final: bool) -> None:
        value = round(min(_MOST, max(0.0, value)), 2)
        key = (self._names[row], COLUMNS[column])
        if value != self._values.get(key, 0.0):
            self._values[key] = value
            self._unsent = None if final else (row, column)
            self._say()
            self.update()
            self.value_changed.emit(*key, value, final)
        elif final and self._unsent == (row, column):
            self._unsent = None
            self.value_changed.emit(*key, value, True)

    def _settle(self) -> None:
        if self._unsent is not None:
            row, column = self._unsent
            self._change(row, column, self.value(self._names[row], COLUMNS[column]), final=True)

    def _reset(self, row: int, column: int) -> None:
        self._change(row, column, self._defaults.get((self._names[row], COLUMNS[column]), 0.0), final=True)

    def _say(self) -> None:
        row, column = self._cursor
        if row < len(self._names):
            name = self._names[row]
            value = self.value(name, COLUMNS[column])
            self.setAccessibleDescription(f"{name}, {self._titles[column]} {value:.2f}")

    # -- mouse -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        spot = self.spot(event.position())
        self._ring = False
        if event.button() != Qt.MouseButton.LeftButton or spot.column < 0:
            super().mousePressEvent(event)
            return
        self._cursor = (spot.row, spot.column)
        self._say()
        if spot.kind == "cell" and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.switched.emit(*self._key(spot), "solo")
        elif spot.kind == "cell":
            self._press = (spot, event.position())
            self._last_x = event.position().x()
            self._drag_value = self._drag_start = self.value(*self._key(spot))
        else:
            self.switched.emit(*self._key(spot), spot.kind)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._press is None:
            self._hovered(self.spot(at))
            return
        spot, start = self._press
        if not self._dragging and abs(at.x() - start.x()) < QApplication.startDragDistance() / 3:
            return
        self._dragging = True
        cell = self.cell(spot.row, spot.column)
        per_pixel = 1.0 / max(1.0, cell.width())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            per_pixel /= 10
        self._drag_value += (at.x() - self._last_x) * per_pixel
        self._last_x = at.x()
        top = max(1.0, self._drag_start)
        self._drag_value = min(top + 20 * per_pixel, max(-20 * per_pixel, self._drag_value))
        self._change(spot.row, spot.column, min(top, self._drag_value), final=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            return
        spot, _ = self._press
        self._press = None
        if self._dragging:
            self._dragging = False
            self._change(spot.row, spot.column, self.value(*self._key(spot)), final=True)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        spot = self.spot(event.position())
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if spot.kind == "cell":
            self._press, self._dragging = None, False
            self._reset(spot.row, spot.column)
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        spot = self.spot(event.position())
        turned = event.angleDelta().y() or event.angleDelta().x()
        if not self.hasFocus() or spot.kind != "cell" or (spot.row, spot.column) != self._cursor or not turned:
            event.ignore()  # the column scrolls
            return
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        value = self.value(*self._key(spot)) + turned / 120 * (0.01 if fine else 0.05)
        self._change(spot.row, spot.column, min(max(1.0, self.value(*self._key(spot))), value), final=True)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered(Spot("nothing"))

    def _hovered(self, spot: Spot) -> None:
        if spot != self._hover:
            self._hover = spot
            shapes = {"cell": Qt.CursorShape.SizeHorCursor, "nothing": Qt.CursorShape.ArrowCursor}
            self.setCursor(shapes.get(spot.kind, Qt.CursorShape.PointingHandCursor))
            self.update()

    # -- keys --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._names:
            super().keyPressEvent(event)
            return
        row, column = self._cursor
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        walks = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        spot = Spot("cell", row, column)
        value, typed = self.value(*self._key(spot)), event.text()
        step = 0.01 if shift else 0.05
        if self._dragging and key == Qt.Key.Key_Escape:
            self._press, self._dragging = None, False
            self._unsent = (row, column)
            self._change(row, column, self._drag_start, final=True)
        elif key in walks:
            down, across = walks[Qt.Key(key)]
            self._settle()
            self._cursor = (min(len(self._names) - 1, max(0, row + down)), min(1, max(0, column + across)))
            self.show_ring()
            self._say()
            self.update()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._change(row, column, value + (-step if key == Qt.Key.Key_Minus else step), final=False)
        elif key in (Qt.Key.Key_S, Qt.Key.Key_M):
            self.switched.emit(*self._key(spot), "solo" if key == Qt.Key.Key_S else "mute")
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._reset(row, column)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2) and not event.modifiers() & ~(
            Qt.KeyboardModifier.KeypadModifier
        ):
            self.edit(row, column)
        elif typed and typed in "0123456789.,":
            self.edit(row, column, typed)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat() and not self._dragging:
            self._settle()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if not self._dragging:
            self._settle()
        super().focusOutEvent(event)

    def edit(self, row: int, column: int, typed: str = "") -> None:
        """Open the field in which a number is typed."""
        if self._editor is not None:
            return
        place: QRect = self.cell(row, column).toAlignedRect()
        name = f"{self._names[row]} {self._titles[column]}"
        editor = InlineEdit(self, place, f"{self.value(self._names[row], COLUMNS[column]):.2f}", name, typed=typed)
        editor.kept.connect(lambda text: self._typed(row, column, text))
        editor.closed.connect(self._closed)
        self._editor = editor

    def _typed(self, row: int, column: int, text: str) -> None:
        try:
            value = float(text.strip().replace(",", "."))
        except ValueError:
            return
        if value == value:  # not NaN
            self._change(row, column, value, final=True)

    def _closed(self) -> None:
        self._editor = None
        self.update()

    # -- looks -------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tooltip(self.spot(QPointF(event.pos()))), self)
            return True
        return super().event(event)

    def tooltip(self, spot: Spot) -> str:
        """The words (or the larger thumbnail) for what is under the pointer."""
        if spot.kind == "thumb":
            name = self._names[spot.row]
            image = self._images.get(name)
            if image is None:
                return self._waiting
            return f"<p>{self.tr('What {0} alone makes of this pair').format(name)}</p>{as_html(image)}"
        if spot.kind == "cell":
            name, column = self._key(spot)
            share = self._shares.get((name, column))
            lines = [f"{name} · {self._titles[spot.column]}"]
            if share is not None:
                lines.append(self.tr("{0} % of the loss now").format(f"{100 * share:.0f}"))
            lines.append(self.tr("Double-click resets, Shift is finer, Alt-click is solo, or type a number."))
            return "\n".join(lines)
        if spot.kind == "solo":
            return self.tr("Solo: of this column only this layer counts (S)")
        if spot.kind == "mute":
            return self.tr("Mute: this layer does not count (M)")
        return ""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(Theme.SMALL)
        painter.setFont(font)
        for column, (title, tint) in enumerate(zip(self._titles, (Theme.SECOND, Theme.ACCENT), strict=True)):
            painter.setPen(QColor(tint))
            place = self.cell(0, column)
            painter.drawText(QRectF(place.left() + 8, 0, place.width(), 20), _MIDDLE, title)
        seen = QRectF(event.rect())
        for row in range(len(self._names)):
            if QRectF(0, HEAD + row * ROW, self.width(), ROW).intersects(seen):
                self._draw_row(painter, row)

    def _draw_row(self, painter: QPainter, row: int) -> None:
        name = self._names[row]
        place = self._thumb(row)
        if name in self._images:
            if name not in self._pixmaps:
                self._pixmaps[name] = thumbnail(self._images[name], QSize(THUMB, THUMB), self.devicePixelRatioF())
            draw_rounded(painter, place, self._pixmaps[name], 4)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(place, 4, 4)
        font = self.font()
        font.setWeight(QFont.Weight.Medium)
        painter.setFont(font)
        dead = all(self.silenced(name, c) or not self.value(name, c) for c in COLUMNS)
        painter.setPen(QColor(Theme.DIM if dead else Theme.INK))
        painter.drawText(QRectF(THUMB + 8, place.top(), NAME - 4, THUMB), _MIDDLE, name)
        for column in range(2):
            self._draw_cell(painter, row, column)

    def _draw_cell(self, painter: QPainter, row: int, column: int) -> None:
        key = (self._names[row], COLUMNS[column])
        cell, value = self.cell(row, column), self._values.get(key, 0.0)
        silent = self.silenced(*key)
        tint = (Theme.SECOND, Theme.ACCENT)[column]
        hovered = self._hover == Spot("cell", row, column)
        painter.save()
        painter.setClipPath(rounded_path(cell, 4))
        painter.fillRect(cell, QColor(Theme.HOVER if hovered else Theme.RAISED))
        if value > 0:
            fill = QRectF(cell)
            fill.setWidth(max(3.0, cell.width() * min(1.0, value)))
            painter.fillRect(fill, Theme.blend(tint, Theme.RAISED, 0.16 if silent else 0.6))
        default = self._defaults.get(key, 0.0)
        if abs(default - value) > 0.004 and default > 0:
            x = cell.left() + cell.width() * min(1.0, default)
            painter.fillRect(QRectF(x - 0.5, cell.bottom() - 5, 1, 5), Theme.colour(tint, 0.8))
        painter.restore()
        painter.setFont(self.font())
        painter.setPen(QColor(Theme.INK if value > 0 and not silent else Theme.FAINT))
        painter.drawText(cell.adjusted(8, 0, -4, 0), _MIDDLE, f"{value:.2f}")
        share = min(1.0, max(0.0, self._shares.get(key, 0.0)))
        bar = QRectF(cell.left(), cell.bottom() + 3, max(2.0, share * cell.width()), 2)
        painter.fillRect(bar, Theme.colour(tint, 0.35 if silent or not share else 1.0))
        self._draw_switches(painter, row, column)
        if self.has_ring() and self._cursor == (row, column):
            painter.setPen(QPen(QColor(Theme.ACCENT), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(0.75, 0.75, -0.75, -0.75), 4, 4)

    def _draw_switches(self, painter: QPainter, row: int, column: int) -> None:
        key = (self._names[row], COLUMNS[column])
        font = self.font()
        font.setPixelSize(9)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        for which in SWITCHES:
            letter, on_tint = ("S", Theme.ACCENT) if which == "solo" else ("M", Theme.BAD)
            place = self.switch_rect(row, column, which)
            on = key in self._on[which]
            hovered = self._hover == Spot(which, row, column)
            if on or hovered:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(on_tint if on else Theme.HOVER))
                painter.drawRoundedRect(place, 3, 3)
            near = hovered or self._hover.row == row
            painter.setPen(QColor(Theme.ON_ACCENT if on else Theme.INK if near else Theme.OFF))
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), letter)


_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)

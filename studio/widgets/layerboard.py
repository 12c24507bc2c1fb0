"""The layer board: for every layer a weight for every source."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from studio.widgets.board import HEAD, LEFT, NOTHING, SWITCHES, BoardColumn, BoardGeometry, BoardRow, Hit
from studio.widgets.board_view import BoardView
from studio.widgets.inline import InlineEdit
from studio.widgets.parts import droppable, dropped

__all__ = ["BoardColumn", "BoardRow", "LayerBoard"]

_DEAD = 4.0


@dataclass(slots=True)
class _Drag:
    row: int
    column: int
    start: QPointF
    value: float
    base: float
    moved: bool = False
    last_row: int = -1
    last_x: float = 0.0


class LayerBoard(BoardView):
    """Rows are layers, columns are sources, cells are weights from 0 to 1.

    Drag a cell sideways to change it (Shift: finer) and on over other rows to paint them with the same weight,
    double-click toggles 0 and 1, Alt-click gives the row to one source alone.  Keys: arrows walk, + and - change
    (Shift: finer), 0 to 9 set tenths, Space toggles, Alt+Enter gives the row to one, S / M / L switch the column,
    F2 renames it, Delete on its header asks to remove it.
    """

    weight_changed = Signal(int, int, float, bool)
    """row, column, value, final (a drag over many cells ends with one final signal)."""
    column_action = Signal(str, str)
    """id; solo | mute | lock | remove | rename (rename opens the field here first)."""
    column_renamed = Signal(str, str)
    band_action = Signal(str, str)
    """band; solo | mute | lock."""
    row_hovered = Signal(int)
    """-1: none."""
    column_clicked = Signal(str)
    add_asked = Signal(QPoint)
    dropped = Signal(object)
    """A list of paths, or of one uint8 picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drag: _Drag | None = None
        self._editor: InlineEdit | None = None
        self.setAcceptDrops(True)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._editor is not None:
            self._editor.keep()
        super().scrollContentsBy(dx, dy)

    # -- changing weights --------------------------------------------------------------------------------------

    def _set(self, row: int, column: int, value: float, *, final: bool) -> None:
        value = round(min(1.0, max(0.0, value)), 3)
        value = 0.0 if value < 0.015 else (1.0 if value > 0.985 else value)
        if value != self._weights[row, column] or final:
            self._weights[row, column] = value
            self.viewport().update()
            self.weight_changed.emit(row, column, value, final)

    def _change(self, row: int, column: int, value: float) -> None:
        if self.is_locked(row, column):
            self._refuse(row, column)
        else:
            self._set(row, column, value, final=True)

    def _solo_cell(self, row: int, column: int) -> None:
        if self.is_locked(row, column):
            self._refuse(row, column)
            return
        for other in range(len(self._columns)):
            if other != column and self._weights[row, other] > 0 and not self.is_locked(row, other):
                self._set(row, other, 0.0, final=False)
        self._set(row, column, 1.0, final=True)

    # -- mouse -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        hit = self.geometry_of_board().hit(event.position())
        self._ring = False
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if hit.kind == "cell":
            self._cursor = (hit.row, hit.column)
            if event.modifiers() & Qt.KeyboardModifier.AltModifier:
                self._solo_cell(hit.row, hit.column)
            elif self.is_locked(hit.row, hit.column):
                self._refuse(hit.row, hit.column)
            else:
                value = float(self._weights[hit.row, hit.column])
                at = event.position()
                self._drag = _Drag(hit.row, hit.column, at, value, value, last_row=hit.row, last_x=at.x())
                self._held = True
        elif hit.kind == "column":
            source = self._columns[hit.column]
            if hit.part in (*SWITCHES, "remove"):
                self.column_action.emit(source.id, hit.part)
            elif hit.part == "thumb":
                self.column_clicked.emit(source.id)
        elif hit.kind == "band":
            self.band_action.emit(self._rows[hit.row].band, hit.part)
        elif hit.kind == "add":
            self.add_asked.emit(event.globalPosition().toPoint())
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        board = self.geometry_of_board()
        if self._drag is not None:
            self._drag_to(event, board)
            return
        self._set_hover(board.hit(event.position()))

    def _drag_to(self, event: QMouseEvent, board: BoardGeometry) -> None:
        drag, at = self._drag, event.position()
        assert drag is not None
        row = int((at.y() - HEAD + board.offset.y()) // board.pitch)
        row = min(len(self._rows) - 1, max(0, row))
        sideways = abs(at.x() - drag.start.x()) >= _DEAD
        if not drag.moved and not sideways and row == drag.row:
            return
        if not drag.moved and sideways:
            drag.last_x = at.x()
        drag.moved = True
        if sideways or drag.value != drag.base:
            fine = 0.1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            drag.value += (at.x() - drag.last_x) / board.cell_width * fine
            drag.value = min(1.3, max(-0.3, drag.value))
        drag.last_x = at.x()
        step = 1 if row >= drag.last_row else -1
        painted = {drag.row, row} if row == drag.last_row else set(range(drag.last_row, row + step, step))
        for one in sorted(painted):
            if not self.is_locked(one, drag.column):
                self._set(one, drag.column, drag.value, final=False)
        drag.last_row = row
        self._cursor = (row, drag.column)
        self._set_hover(Hit("cell", row, drag.column))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag, self._drag = self._drag, None
        self._held = False
        if drag is not None and drag.moved:
            row = drag.last_row if not self.is_locked(drag.last_row, drag.column) else drag.row
            self.weight_changed.emit(row, drag.column, float(self._weights[row, drag.column]), True)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        hit = self.geometry_of_board().hit(event.position())
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if hit.kind == "cell":
            self._drag, self._held = None, False
            self._change(hit.row, hit.column, 0.0 if self._weights[hit.row, hit.column] >= 0.5 else 1.0)
        elif hit.kind == "column" and hit.part == "name":
            self.rename(self._columns[hit.column].id)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(NOTHING)

    def _set_hover(self, hit: Hit) -> None:
        if hit == self._hover:
            return
        if hit.row != self._hover.row:
            self.row_hovered.emit(hit.row)
        self._hover = hit
        pointing = hit.kind in ("column", "band", "add")
        sideways = Qt.CursorShape.SizeHorCursor if hit.kind == "cell" else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if pointing else sideways)
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        hit = self.geometry_of_board().hit(QPointF(event.pos())) if mouse else Hit("column", column=self._cursor[1])
        if hit.column < 0 or not self._columns:
            return
        column = self._columns[hit.column]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries = (
            (self.tr("Solo"), "solo", column.solo),
            (self.tr("Mute"), "mute", column.mute),
            (self.tr("Lock"), "lock", column.locked),
        )
        for text, action, on in entries:
            entry = menu.addAction(text)
            entry.setCheckable(True)
            entry.setChecked(on)
            entry.triggered.connect(lambda _on=False, a=action: self.column_action.emit(column.id, a))
        menu.addSeparator()
        menu.addAction(self.tr("Rename")).triggered.connect(lambda: self.rename(column.id))
        menu.addAction(self.tr("Remove")).triggered.connect(lambda: self.column_action.emit(column.id, "remove"))
        menu.popup(event.globalPos())

    # -- keys --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._columns or not self._rows:
            super().keyPressEvent(event)
            return
        key, held = Qt.Key(event.key()), event.modifiers()
        row, column = self._cursor
        row, column = min(row, len(self._rows) - 1), min(max(0, column), len(self._columns) - 1)
        walks = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_PageUp: (-4, 0),
            Qt.Key.Key_PageDown: (4, 0),
            Qt.Key.Key_Home: (0, -column),
            Qt.Key.Key_End: (0, len(self._columns)),
        }
        switches = {Qt.Key.Key_S: "solo", Qt.Key.Key_M: "mute", Qt.Key.Key_L: "lock"}
        enter = key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        plain = not held & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier)
        if key in walks:
            dy, dx = walks[key]
            row = min(len(self._rows) - 1, max(-1, row + dy))
            self._cursor = (row, min(len(self._columns) - 1, max(0, column + dx)))
            self._reveal()
            self._tell_cursor()
        elif key in switches and plain:
            self.column_action.emit(self._columns[column].id, switches[key])
        elif key == Qt.Key.Key_F2:
            self.rename(self._columns[column].id)
        elif row < 0 and key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.column_action.emit(self._columns[column].id, "remove")
        elif row < 0 and enter:
            self.column_clicked.emit(self._columns[column].id)
        elif row >= 0 and not self._key_weight(event, row, column):
            super().keyPressEvent(event)
            return
        self._ring = True
        self.viewport().update()

    def _key_weight(self, event: QKeyEvent, row: int, column: int) -> bool:
        key, held = event.key(), event.modifiers()
        now = float(self._weights[row, column])
        step = 0.01 if held & Qt.KeyboardModifier.ShiftModifier else 0.1
        typed = event.text()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and held & Qt.KeyboardModifier.AltModifier:
            self._solo_cell(row, column)
        elif key == Qt.Key.Key_Space:
            self._change(row, column, 0.0 if now >= 0.5 else 1.0)
        elif typed in ("+", "="):
            self._change(row, column, now + step)
        elif typed in ("-", "_"):
            self._change(row, column, now - step)
        elif typed.isdecimal() and len(typed) == 1:
            # 1 to 9 are tenths; 0 empties and a second 0 fills, so that both ends are one key away.
            digit = int(typed)
            self._change(row, column, digit / 10 if digit else (1.0 if now == 0 else 0.0))
        else:
            return False
        self._tell_cursor()
        return True

    def _tell_cursor(self) -> None:
        row, column = self._cursor
        name = self._columns[column].name
        if row < 0:
            self.setAccessibleDescription(name)
        else:
            self.setAccessibleDescription(
                self.tr("{0}, layer {1}: {2}").format(name, row, f"{self._weights[row, column]:.2f}")
            )
        self.row_hovered.emit(row)

    def _reveal(self) -> None:
        row, column = self._cursor
        board = self.geometry_of_board()
        cell = board.cell(max(0, row), column)
        for low, high, start, end, bar in (
            (cell.left(), cell.right(), LEFT, board.size.width(), self.horizontalScrollBar()),
            (cell.top(), cell.bottom(), HEAD, board.size.height(), self.verticalScrollBar()),
        ):
            if low < start:
                bar.setValue(int(bar.value() + low - start - 4))
            elif high > end:
                bar.setValue(int(bar.value() + high - end + 4))

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.viewport().update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = False
        self.viewport().update()
        super().focusOutEvent(event)

    # -- renaming ----------------------------------------------------------------------------------------------

    def rename(self, column_id: str) -> None:
        """Open the field for a source's name."""
        index = next((i for i, column in enumerate(self._columns) if column.id == column_id), -1)
        if index < 0:
            return
        if self._editor is not None:
            self._editor.keep()
        before = self._columns[index].name
        place = self.geometry_of_board().name(index).adjusted(-4, -2, 4, 2).toRect()
        middle = Qt.AlignmentFlag.AlignCenter
        editor = InlineEdit(self.viewport(), place, before, self.tr("Name"), alignment=middle)
        editor.kept.connect(lambda text: self._renamed(column_id, before, text.strip()))
        editor.closed.connect(self._editor_closed)
        self._editor = editor

    def _renamed(self, column_id: str, before: str, name: str) -> None:
        if name and name != before:
            self.column_renamed.emit(column_id, name)

    def _editor_closed(self) -> None:
        self._editor = None
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- dropping ------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()):
            event.acceptProposedAction()
            self._drop_hint = True
            self.viewport().update()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_hint = False
        self.viewport().update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_hint = False
        self.viewport().update()
        things = dropped(event.mimeData())
        if things:
            event.acceptProposedAction()
            self.dropped.emit(things)

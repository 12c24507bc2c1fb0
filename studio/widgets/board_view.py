"""A layer board as it is shown: content, place, looks.  :mod:`layerboard` adds the hand and the keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QSize, QSizeF, Qt, QTimer
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from studio.widgets.board import HEAD, LEFT, NOTHING, SWITCHES, THUMB, BoardColumn, BoardGeometry, BoardRow, Hit
from studio.widgets.board_paint import BoardLook, BoardPainter
from studio.widgets.pictures import thumbnail
from studio.widgets.tokens import Theme


class BoardView(QAbstractScrollArea):
    """Shows columns, rows and weights; scrolls when there are many; header and labels stay."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: list[BoardColumn] = []
        self._rows: list[BoardRow] = []
        self._weights = np.zeros((0, 0))
        self._bands: dict[str, frozenset[str]] = {switch: frozenset() for switch in SWITCHES}
        self._pixmaps: dict[str, tuple[object, QPixmap]] = {}
        self._hover = NOTHING
        self._held = False
        self._cursor = (0, 0)
        self._ring = False
        self._refused: tuple[int, int] | None = None
        self._drop_hint = False
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(600)
        self._calm.timeout.connect(self._forgive)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setStyleSheet(f"QAbstractScrollArea {{ background: {Theme.WINDOW}; border: none; border-radius: 0; }}")
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(self.tr("Mixing board"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_board(self, columns: Sequence[BoardColumn], rows: Sequence[BoardRow], weights: npt.ArrayLike) -> None:
        """Show everything anew, silently.  ``weights [rows, columns]``; raises ValueError for another shape."""
        self._columns, self._rows = list(columns), list(rows)
        ids = {column.id for column in columns}
        for gone in self._pixmaps.keys() - ids:
            del self._pixmaps[gone]
        self._weights = np.zeros((len(rows), len(columns)))
        self.set_weights(weights)
        self._cursor = (min(self._cursor[0], len(rows) - 1), min(self._cursor[1], len(columns) - 1))
        self._scroll_range()

    def set_columns(self, columns: Sequence[BoardColumn]) -> None:
        """The same number of sources with other names, pictures or switches."""
        if len(columns) != len(self._columns):
            raise ValueError(f"{len(columns)} sources for a board of {len(self._columns)}: use set_board")
        self._columns = list(columns)
        self.viewport().update()

    def set_weights(self, weights: npt.ArrayLike) -> None:
        """Other weights, silently; while a cell is being dragged the hand is right and this waits."""
        wanted = np.asarray(weights, float)
        if not self._rows or not self._columns:
            wanted = np.zeros((len(self._rows), len(self._columns)))
        if wanted.shape != (len(self._rows), len(self._columns)):
            raise ValueError(f"{len(self._rows)} layers x {len(self._columns)} sources, not {wanted.shape}")
        if not self._held:
            self._weights = np.clip(wanted, 0.0, 1.0)
            self.viewport().update()

    def weights(self) -> npt.NDArray[np.float64]:
        """A copy of the weights as shown."""
        return self._weights.copy()

    def set_bands(self, solo: Collection[str] = (), mute: Collection[str] = (), locked: Collection[str] = ()) -> None:
        """For which bands the switches are on."""
        self._bands = {"solo": frozenset(solo), "mute": frozenset(mute), "lock": frozenset(locked)}
        self.viewport().update()

    def is_locked(self, row: int, column: int) -> bool:
        """Whether a cell refuses to be changed."""
        return self._columns[column].locked or self._rows[row].band in self._bands["lock"]

    # -- geometry ----------------------------------------------------------------------------------------------

    def geometry_of_board(self) -> BoardGeometry:
        """Where everything is now."""
        offset = QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        return BoardGeometry(QSizeF(self.viewport().size()), self._rows, len(self._columns), offset)

    def sizeHint(self) -> QSize:
        return QSize(int(LEFT) + max(2, len(self._columns)) * 116 + 44, int(HEAD) + 12 * 36)

    def minimumSizeHint(self) -> QSize:
        return QSize(int(LEFT) + 120, int(HEAD) + 80)

    def _scroll_range(self) -> None:
        board, room = self.geometry_of_board(), self.viewport().size()
        for bar, wanted, there, step in (
            (self.horizontalScrollBar(), board.content.width(), room.width(), board.cell_width),
            (self.verticalScrollBar(), board.content.height(), room.height(), board.pitch),
        ):
            bar.setRange(0, max(0, int(wanted - there)))
            bar.setPageStep(there)
            bar.setSingleStep(int(step))
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._scroll_range()
        super().resizeEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    # -- looks ---------------------------------------------------------------------------------------------------

    def _refuse(self, row: int, column: int) -> None:
        self._refused = (row, column)
        self._calm.start()
        by_column = self._columns[column].locked
        name = self._columns[column].name if by_column else self._rows[row].band
        at = self.geometry_of_board().cell(row, column).center().toPoint()
        QToolTip.showText(self.viewport().mapToGlobal(at), self.tr("{0} is locked").format(name), self.viewport())
        self.viewport().update()

    def _forgive(self) -> None:
        self._refused = None
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self._tooltip(self.geometry_of_board().hit(QPointF(event.pos())))
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def _tooltip(self, hit: Hit) -> str:
        switches = {
            "solo": self.tr("Solo: hear only this one"),
            "mute": self.tr("Mute: leave this one out"),
            "lock": self.tr("Lock: refuse changes"),
            "remove": self.tr("Remove this source"),
            "name": self.tr("Double-click renames"),
        }
        if hit.kind == "column":
            column = self._columns[hit.column]
            return switches.get(hit.part, column.tooltip or column.name)
        if hit.kind == "band":
            return f"{self._rows[hit.row].band}\n{switches[hit.part]}"
        if hit.kind == "add":
            return self.tr("Add a source")
        if hit.kind == "cell":
            return self.tr("Drag sideways, or on over other rows. Alt-click: this source alone. Double-click: 0 or 1.")
        return ""

    def _pixmap(self, column: BoardColumn) -> QPixmap | None:
        if column.image is None:
            return None
        kept = self._pixmaps.get(column.id)
        if kept is None or kept[0] is not column.image:
            made = thumbnail(column.image, QSize(int(THUMB), int(THUMB)), self.devicePixelRatioF())
            kept = self._pixmaps[column.id] = (column.image, made)
        return kept[1]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor(Theme.WINDOW))
        look = BoardLook(
            columns=self._columns,
            weights=self._weights,
            bands=self._bands,
            hover=self._hover,
            cursor=self._cursor if self._ring and self.hasFocus() else None,
            refused=self._refused,
            pixmap=self._pixmap,
            font=self.font(),
            ratio=self.devicePixelRatioF(),
        )
        BoardPainter(painter, self.geometry_of_board(), look).paint()
        if self._drop_hint:
            painter.fillRect(self.viewport().rect(), Theme.colour(Theme.ACCENT, 0.07))

"""A grid of tiles that fills in as pictures arrive: mixing matrices, variations, film strips."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

Cell = tuple[int, int]


class TileGrid(KeyboardFocus):
    """``rows`` x ``columns`` square tiles as wide as the widget allows (``most`` pixels at most).

    Tiles that have not arrived are dark.  :meth:`set_headers` puts a thumbnail (and a colour) before every row and
    above every column.  Click or Enter activates, double-click adopts.
    """

    clicked = Signal(int, int)
    adopted = Signal(int, int)
    hovered = Signal(int, int)
    """-1, -1 when the pointer leaves."""
    context_requested = Signal(int, int, object)

    def __init__(
        self,
        rows: int = 1,
        columns: int = 1,
        *,
        gap: int = 2,
        most: int = 160,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._gap, self._most = gap, most
        self._rows, self._columns = max(0, rows), max(1, columns)
        self._images: dict[Cell, UInt8Image] = {}
        self._pixmaps: dict[Cell, QPixmap] = {}
        self._stale: set[Cell] = set()
        self._tips: dict[Cell, str] = {}
        self._heads: tuple[list[UInt8Image | None], list[UInt8Image | None]] = ([], [])
        self._head_pixmaps: dict[tuple[str, int], QPixmap] = {}
        self._head_colours: tuple[list[str], list[str]] = ([], [])
        self._selected: Cell | None = None
        self._hover: Cell | None = None
        self._cursor: Cell = (0, 0)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMouseTracking(True)
        self.setAccessibleName(name or self.tr("Pictures"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_shape(self, rows: int, columns: int) -> None:
        """Another number of tiles; what falls outside is forgotten."""
        if (rows, columns) == (self._rows, self._columns):
            return
        self._rows, self._columns = max(0, rows), max(1, columns)
        for store in (self._images, self._pixmaps, self._tips):
            for cell in [c for c in store if c[0] >= rows or c[1] >= columns]:
                del store[cell]  # type: ignore[attr-defined]
        self._cursor = (0, 0)
        self._selected = self._hover = None
        self.updateGeometry()
        self.update()

    def shape(self) -> Cell:
        """Rows and columns."""
        return self._rows, self._columns

    def set_tile(self, row: int, column: int, image: UInt8Image | None, tip: str = "") -> None:
        """A tile has arrived (None: it is gone).  Raises IndexError outside the grid."""
        if not (0 <= row < self._rows and 0 <= column < self._columns):
            raise IndexError(f"tile {row}, {column} of a grid of {self._rows} x {self._columns}")
        cell = (row, column)
        self._pixmaps.pop(cell, None)
        self._stale.discard(cell)
        if image is None:
            self._images.pop(cell, None)
        else:
            self._images[cell] = image
        self._tips[cell] = tip
        self.update(self._rect(cell).toAlignedRect())

    def image(self, row: int, column: int) -> UInt8Image | None:
        """The picture of a tile."""
        return self._images.get((row, column))

    def clear(self) -> None:
        """Forget all tiles."""
        self._images.clear()
        self._pixmaps.clear()
        self._tips.clear()
        self._stale.clear()
        self.update()

    def set_stale(self) -> None:
        """What is shown is no longer true: draw it dim until each tile is replaced."""
        self._stale = set(self._images)
        self.update()

    def set_headers(
        self,
        rows: Sequence[UInt8Image | None] = (),
        columns: Sequence[UInt8Image | None] = (),
        row_colours: Sequence[str] = (),
        column_colours: Sequence[str] = (),
    ) -> None:
        """Thumbnails before the rows and above the columns, and the colour of each."""
        self._heads = (list(rows), list(columns))
        self._head_colours = (list(row_colours), list(column_colours))
        self._head_pixmaps.clear()
        self.updateGeometry()
        self.update()

    def set_selected(self, cell: Cell | None) -> None:
        """Ring one tile."""
        self._selected = cell
        if cell is not None:
            self._cursor = cell
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------

    def _head(self) -> tuple[float, float]:
        """Room for headers at the left and at the top."""
        side = min(30.0, max(16.0, 0.72 * self._side_of(self.width(), 0)))
        return (side + 5 if self._heads[0] else 0.0), (side + 5 if self._heads[1] else 0.0)

    def _side_of(self, width: float, left: float) -> float:
        room = (width - left - (self._columns - 1) * self._gap) / self._columns
        return max(4.0, min(float(self._most), room))

    def _side(self) -> float:
        return self._side_of(self.width(), self._head()[0])

    def _rect(self, cell: Cell) -> QRectF:
        (left, top), side = self._head(), self._side()
        pitch = side + self._gap
        # On whole pixels, or neighbours would differ by one in sharpness.
        x, y = round(left + cell[1] * pitch), round(top + cell[0] * pitch)
        return QRectF(x, y, round(left + cell[1] * pitch + side) - x, round(top + cell[0] * pitch + side) - y)

    def _at(self, point: QPointF) -> Cell | None:
        (left, top), pitch = self._head(), self._side() + self._gap
        column, row = int((point.x() - left) // pitch), int((point.y() - top) // pitch)
        inside = 0 <= row < self._rows and 0 <= column < self._columns
        return (row, column) if inside else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        left = top = 0.0
        side = min(30.0, max(16.0, 0.72 * self._side_of(width, 0)))
        left = side + 5 if self._heads[0] else 0.0
        top = side + 5 if self._heads[1] else 0.0
        return round(top + self._rows * (self._side_of(width, left) + self._gap) - self._gap + 0.5)

    def sizeHint(self) -> QSize:
        width = self.width() if self.width() > 40 else 290
        return QSize(290, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(24, 16)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self._pixmaps.clear()
            self._head_pixmaps.clear()
            self.updateGeometry()
        super().resizeEvent(event)

    # -- events ------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cell = self._at(event.position())
        if cell != self._hover:
            self._hover = cell
            self.setCursor(Qt.CursorShape.PointingHandCursor if cell in self._images else Qt.CursorShape.ArrowCursor)
            self.hovered.emit(*(cell or (-1, -1)))
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        if self._hover is not None:
            self._hover = None
            self.hovered.emit(-1, -1)
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self._cursor = cell
            self.clicked.emit(*cell)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        cell = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self.adopted.emit(*cell)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        cell = self._at(QPointF(event.pos())) if mouse else self._cursor
        if cell is not None:
            self.context_requested.emit(*cell, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, column = self._cursor
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Home: (0, -column),
            Qt.Key.Key_End: (0, self._columns - 1 - column),
        }
        key = event.key()
        if key in moves:
            dy, dx = moves[Qt.Key(key)]
            self._cursor = (min(self._rows - 1, max(0, row + dy)), min(self._columns - 1, max(0, column + dx)))
            self.show_ring()
            self.setAccessibleDescription(
                self.tr("Row {0}, column {1}").format(self._cursor[0] + 1, self._cursor[1] + 1)
            )
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            (self.adopted if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else self.clicked).emit(row, column)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._tips.get(cell, "") if cell else "", self)
            return True
        return super().event(event)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        seen = QRectF(event.rect())
        for row in range(self._rows):
            for column in range(self._columns):
                rect = self._rect((row, column))
                if rect.intersects(seen):
                    self._draw_tile(painter, (row, column), rect)
        self._draw_heads(painter)
        for cell, colour, width in self._rings():
            painter.setPen(QPen(QColor(colour), width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self._rect(cell).adjusted(1, 1, -1, -1), 3, 3)

    def _rings(self) -> list[tuple[Cell, str, float]]:
        found: list[tuple[Cell, str, float]] = []
        if self._hover in self._images and self._hover is not None:
            found.append((self._hover, Theme.INK, 1.5))
        if self._selected is not None:
            found.append((self._selected, Theme.ACCENT, 2.0))
        if self.has_ring() and self._rows:
            found.append((self._cursor, Theme.ACCENT, 1.5))
        return found

    def _draw_tile(self, painter: QPainter, cell: Cell, rect: QRectF) -> None:
        image = self._images.get(cell)
        if image is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(rect, 3, 3)
            return
        if cell not in self._pixmaps:
            self._pixmaps[cell] = thumbnail(image, rect.size().toSize(), self.devicePixelRatioF())
        draw_rounded(painter, rect, self._pixmaps[cell], 3, 0.35 if cell in self._stale else 1.0)

    def _draw_heads(self, painter: QPainter) -> None:
        left, top = self._head()
        for kind, images, colours in (
            ("row", self._heads[0], self._head_colours[0]),
            ("column", self._heads[1], self._head_colours[1]),
        ):
            side = (left if kind == "row" else top) - 5
            for index, image in enumerate(images[: self._rows if kind == "row" else self._columns]):
                tile = self._rect((index, 0) if kind == "row" else (0, index))
                if kind == "row":
                    place = QRectF(0, tile.center().y() - side / 2, side, side)
                    mark = QRectF(side + 1.5, tile.top() + 3, 2, tile.height() - 6)
                else:
                    place = QRectF(tile.center().x() - side / 2, 0, side, side)
                    mark = QRectF(tile.left() + 3, side + 1.5, tile.width() - 6, 2)
                if image is not None:
                    key = (kind, index)
                    if key not in self._head_pixmaps:
                        size = QSize(round(side), round(side))
                        self._head_pixmaps[key] = thumbnail(image, size, self.devicePixelRatioF())
                    draw_rounded(painter, place, self._head_pixmaps[key], 3)
                if index < len(colours):
                    painter.fillRect(mark, QColor(colours[index]))

"""The mixing matrix: every source with every other, for a range of layers."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tilegrid import TileGrid

MOST = 8
"""Sources shown in the matrix; more would be too small to see."""


class MatrixSection(Section):
    """Rows give the picture, columns give the chosen layers; a click adopts a cell."""

    range_changed = Signal(int, int, bool)
    adopted = Signal(int, int)
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Matrix"), self.tr("click to adopt"), opened=False, parent=parent)
        self.first = NumberSlider(self.tr("From layer"), 0, 1, 0, 1, 0)
        self.last = NumberSlider(self.tr("To layer"), 0, 1, 1, 1, 0)
        self.grid = TileGrid(1, 1)
        self.note = label(self.tr("Add two sources to see how they mix."), "dim", wrap=True)
        self._count = 0
        self._names: list[str] = []
        self.add_row(self.first, self.last, stretch=0)
        self.add(self.note)
        self.add(self.grid)
        self.first.value_changed.connect(self._edited)
        self.last.value_changed.connect(self._edited)
        self.grid.clicked.connect(self.adopted)
        self.toggled.connect(lambda on: self.opened.emit() if on else None)

    def show_range(self, first: int, last: int, layers: int) -> None:
        """Show the layer range (silently)."""
        top = max(1, layers - 1)
        for slider, value, default in ((self.first, first, 0), (self.last, top if last < 0 else last, top)):
            slider.set_range(0, top)
            slider.set_default(default)
            slider.set_value(min(value, top))

    def set_sources(self, names: list[str]) -> None:
        """Fit the grid to the sources."""
        count = min(MOST, len(names))
        self.note.setVisible(count < 2)
        self.grid.setVisible(count >= 2)
        if count != self._count:
            self._count = count
            self.grid.set_shape(max(1, count), max(1, count))
        self._names = names[:count]

    def set_tile(self, index: int, image: UInt8Image) -> None:
        """A cell has come (row by row)."""
        if self._count:
            row, column = divmod(index, self._count)
            tip = (
                self.tr("%1 with these layers of %2").replace("%1", self._names[row]).replace("%2", self._names[column])
            )
            self.grid.set_tile(row, column, image, tip)

    def _edited(self, _value: float, final: bool) -> None:
        first, last = int(self.first.value()), int(self.last.value())
        self.range_changed.emit(min(first, last), max(first, last), final)

"""Looking at the board: the mixing matrix, and where a layer acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer

from studio.base.steps import Preview
from studio.panels.mix.matrix import MOST, MatrixSection
from studio.panels.parts.generator import TILE, Role
from studio.project.requests import Influence, Matrix
from studio.widgets.parts import label
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.mix.panel import MixPanel

HOVER_MS = 120
"""How long the pointer rests on a row before its layer is looked at."""
SHOWN = 256
"""Where a layer acts is measured at the network's own size up to this."""


class MatrixRole(Role):
    """Fills the matrix while its section is open."""

    keys = frozenset({"matrix"})

    def __init__(self, panel: MixPanel, section: MatrixSection) -> None:
        super().__init__(panel)
        self.section = section
        self._asked: Matrix | None = None
        section.range_changed.connect(
            lambda first, last, final: panel.edit(
                self.tr("Layers of the matrix"), "matrix", final, matrix_first=first, matrix_last=last
            )
        )
        section.adopted.connect(panel.adopt_cell)
        section.opened.connect(self.ask)

    def ask(self) -> None:
        """Ask for the matrix of the session, unless it is the one that is shown."""
        state = self.panel.state
        if self.panel.card is None or len(state.columns) < 2 or not self.section.is_open():
            return
        request = Matrix(
            model=self.panel.sha,
            precision=self.panel.precision,
            sources=tuple(column.latent for column in state.columns[:MOST]),
            look=state.look,
            first=state.matrix_first,
            last=state.matrix_last if state.matrix_last >= 0 else len(self.panel.layers) - 1,
            tile=TILE,
        )
        if request != self._asked:
            self._asked = request
            self.section.grid.set_stale()
            self.panel.live(request, "matrix")

    def preview(self, key: str, job: int, preview: Preview) -> None:
        self.section.set_tile(preview.index, preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for i, image in enumerate(result.images):
            self.section.set_tile(i, image)

    def ended(self, key: str, job: int) -> None:
        self._asked = None


class InfluenceRole(Role):
    """Lets the canvas glow where the hovered layer draws."""

    keys = frozenset({"influence"})

    def __init__(self, panel: MixPanel, section: Section) -> None:
        super().__init__(panel)
        self.section = section
        self.note = label(
            self.tr("Rest the pointer on a row of the board: the picture glows where that layer draws."),
            "dim",
            wrap=True,
        )
        section.add(self.note)
        self._row = -1
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(HOVER_MS)
        self._timer.timeout.connect(self._ask)

    def hover(self, row: int) -> None:
        """The pointer is on this row (-1: on none)."""
        self._row = row
        if row >= 0:
            self._timer.start()
            return
        self._timer.stop()
        self.panel.cancel("influence")
        self.panel.canvas.set_overlay(None)
        self.section.set_title(self.tr("Where a layer acts"))

    def _ask(self) -> None:
        picture = self.panel.request()
        if picture is None or self._row < 0:
            return
        self.section.set_title(self.tr("Where layer %1 acts").replace("%1", str(self._row)))
        request = Influence(
            model=picture.model,
            precision=picture.precision,
            latent=picture.latent,
            look=picture.look,
            layer=self._row,
            size=self.panel.own_size(SHOWN),
        )
        self.panel.live(request, "influence")

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if request.layer != self._row:
            return
        self.panel.canvas.set_overlay(result.values)
        text = self.tr("Layer %1 changes the picture by %2 % on average.").replace("%1", str(request.layer))
        self.note.setText(text.replace("%2", f"{100 * float(result.info.get('strength', 0.0)):.1f}"))

"""Drawing new pictures from nothing: a temperature, and a grid of draws of which any can be taken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.base.steps import Preview
from studio.panels.parts.blending import tempered
from studio.panels.parts.generator import TILE, Role
from studio.project.requests import Tiles
from studio.project.session import MorphState
from studio.widgets.chips import ChipRow
from studio.widgets.parts import icon_button, label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tilegrid import TileGrid

if TYPE_CHECKING:
    from studio.panels.morph.panel import MorphPanel

ROWS, COLUMNS = 3, 5


class SamplingSection(Section):
    """The temperature, the dice, the grid."""

    temperature_changed = Signal(float, bool)
    rolled = Signal()
    chosen = Signal(int)
    """Number of the draw that was clicked."""
    draw_chosen = Signal(bool)
    """Whether pictures stand for a draw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Sampling"), parent=parent)
        self.temperature = NumberSlider(
            self.tr("Temperature"),
            0.0,
            1.5,
            0.8,
            tip=self.tr("0: the average picture. 1: as varied as what the model learnt from. Beyond: stranger."),
        )
        self.dice = icon_button("dice", self.tr("Other draws"), self.rolled.emit, framed=True)
        self.grid = TileGrid(ROWS, COLUMNS, most=64, name=self.tr("Drawn pictures"))
        self.grid.setToolTip(self.tr("Click a picture to take it"))
        self.stands = ChipRow(
            [("mean", self.tr("Their mean μ")), ("draw", self.tr("A draw"))], name=self.tr("Pictures stand for")
        )
        self.stands.setToolTip(
            self.tr(
                "What the model sees is a cloud, not a point: its middle, or one draw from it (the dice draw again)."
            )
        )
        self.add_row(self.temperature, self.dice)
        self.add(self.grid)
        self.add_row(label(self.tr("Pictures stand for"), "dim"), self.stands, stretch=1)
        self.stands.changed.connect(lambda kind: self.draw_chosen.emit(kind == "draw"))
        self.temperature.value_changed.connect(self.temperature_changed)
        self.grid.clicked.connect(lambda row, column: self.chosen.emit(row * COLUMNS + column))

    def show_draw(self, drawn: bool) -> None:
        """Whether pictures stand for a draw (silently)."""
        self.stands.set_current("draw" if drawn else "mean")


class Sampling(Role):
    """The draws of the Morph panel: seeds ``seed, seed + 1 ...`` at the temperature of the session."""

    keys = frozenset({"samples"})

    panel: MorphPanel

    def __init__(self, panel: MorphPanel, section: SamplingSection) -> None:
        super().__init__(panel)
        self.section = section
        self._asked: Tiles | None = None
        section.temperature_changed.connect(
            lambda value, final: panel.edit(self.tr("Temperature"), "temperature", final, temperature=value)
        )
        section.rolled.connect(self.roll)
        section.chosen.connect(self.take)
        section.toggled.connect(lambda _: self.ask())

    def seeds(self) -> list[int]:
        """The seeds of the grid."""
        state: MorphState = self.panel.state
        return [state.seed + i for i in range(ROWS * COLUMNS)]

    def show(self) -> None:
        """Bring the section to the session, silently."""
        state: MorphState = self.panel.state
        self.section.temperature.set_value(state.temperature)
        self.section.set_hint(self.tr("temperature %1").replace("%1", f"{state.temperature:.2f}"))
        self.ask()

    def ask(self) -> None:
        """Ask for the grid when it is to be seen and is another."""
        panel = self.panel
        if panel.card is None or not panel.active or panel.spatial or not self.section.is_open():
            return
        state: MorphState = panel.state
        latents = tuple(tempered(seed, state.temperature) for seed in self.seeds())
        request = Tiles(
            model=panel.sha, precision=panel.precision, latents=latents, looks=(panel.bare_look(),), tile=TILE
        )
        if request != self._asked:
            self._asked = request
            self.section.grid.set_stale()
            panel.live(request, "samples")

    def roll(self) -> None:
        """Other draws."""
        seed = random.randrange(1_000_000)
        if self.panel.state.sampled:
            self.panel.set_draw(True, seed)
        else:
            self.panel.change(self.tr("Other draws"), seed=seed)

    def take(self, index: int) -> None:
        """A draw becomes the picture."""
        self.panel.show_latent(tempered(self.seeds()[index], self.panel.state.temperature))

    def preview(self, key: str, job: int, preview: Preview) -> None:
        self._put(preview.index, preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for i, image in enumerate(result.images):
            self._put(i, image)

    def _put(self, index: int, image: Any) -> None:
        if index < ROWS * COLUMNS:
            tip = self.tr("seed {seed}").replace("{seed}", str(self.seeds()[index]))
            self.section.grid.set_tile(index // COLUMNS, index % COLUMNS, image, tip)

    def ended(self, key: str, job: int) -> None:
        self._asked = None

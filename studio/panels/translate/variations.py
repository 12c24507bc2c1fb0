"""Variations: the same picture with other dropout seeds, to pick from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.base.steps import Preview
from studio.panels.translate.part import Part
from studio.panels.translate.values import SEEDS, has, variations_of
from studio.project.session import TranslateState
from studio.project.translate import Translate, Variations
from studio.widgets.chips import ChipRow
from studio.widgets.section import Section
from studio.widgets.tilegrid import TileGrid

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel

COLUMNS = 4
THUMBNAIL = 128


class Varying(Part):
    """The section Variations; only for networks that were trained with dropout."""

    keys = frozenset({"variations"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("Variations"), tr("click to adopt"))
        self.off = ChipRow([("off", tr("dropout off"))], False, name=tr("Variation"))
        self.off.chip("off").setToolTip(tr("No dropout: always the same picture"))
        self.more = self.section.add_action(tr("others"), self.others, tr("Eight other seeds"))
        self.grid = TileGrid(SEEDS // COLUMNS, COLUMNS, gap=5, name=tr("Variations"))
        self.section.add(self.grid)
        self.section.add(self.off)
        self._shown: Variations | None = None
        self._asked: Variations | None = None
        self.grid.clicked.connect(lambda row, column: self.adopt(row * COLUMNS + column))
        self.off.toggled.connect(lambda _key, _on: self.adopt(-1))

    def show(self, state: TranslateState) -> None:
        on = state.mode != "enlarge" and has(self.panel.card, "has_dropout")
        self.section.setVisible(on)
        if not on:
            return
        at = -1 if state.look.seed is None else state.look.seed - state.first_seed
        self.grid.set_selected(divmod(at, COLUMNS) if 0 <= at < SEEDS else None)
        self.off.set_checked(["off"] if state.look.seed is None else [])
        hint = self.tr("click to adopt")
        self.section.set_hint(hint if state.look.seed is None else self.tr("seed {0}").format(state.look.seed))
        if self.wanted() != self._shown:
            self.grid.set_stale()

    def wanted(self) -> Variations | None:
        """What the grid should show; None while there is nothing to vary."""
        state: TranslateState = self.panel.state
        request = self.panel.request(full=False)
        if isinstance(request, Translate) and has(self.panel.card, "has_dropout"):
            return variations_of(request, state.first_seed, THUMBNAIL)
        return None

    def ask(self) -> None:
        """Bring the grid up to date (when the hand rests: eight pictures would slow it down)."""
        wanted = self.wanted()
        if wanted is None:
            self._shown = None
            self.grid.clear()
        elif self.section.is_open() and wanted not in (self._shown, self._asked):
            self._asked = wanted
            self.panel.live(wanted, "variations")

    def forget(self) -> None:
        """A model may be understood otherwise now: its variations are made anew."""
        self._shown = None

    def adopt(self, index: int) -> None:
        """The picture goes on with this seed (-1: without dropout)."""
        state: TranslateState = self.panel.state
        seed = None if index < 0 else state.first_seed + index
        if seed == state.look.seed:
            self.show(state)
            return
        text = self.tr("Without dropout") if seed is None else self.tr("Adopt a variation")
        self.panel.edit(text, "", True, look=self.panel.with_look(seed=seed))

    def others(self) -> None:
        """Eight other seeds."""
        state: TranslateState = self.panel.state
        self.panel.change(self.tr("Other variations"), first_seed=state.first_seed + SEEDS)
        self.ask()

    def _put(self, index: int, image: Any) -> None:
        if self._asked is not None and 0 <= index < SEEDS:
            tip = self.tr("seed {0}").format(self._asked.seeds[index])
            self.grid.set_tile(*divmod(index, COLUMNS), image, tip)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        self._put(preview.index, preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for index, image in enumerate(result.images):
            self._put(index, image)
        self._shown = self._asked
        self._asked = None

    def ended(self, key: str, job: int) -> None:
        self._asked = None

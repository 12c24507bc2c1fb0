"""How the picture goes through: statistics, strength, own colours, size; and what a large size costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from studio.panels.translate.part import Part
from studio.panels.translate.values import (
    LARGEST,
    OWN,
    advised_statistics,
    has,
    home_size,
    longer_side,
    work_size,
)
from studio.project.session import TranslateState
from studio.widgets.chips import ChipRow
from studio.widgets.parts import icon_button, label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel

SMALLEST = 32
STRENGTH, COLOURS = 0, 1
"""Which of the two amounts a brush is for."""
_LATER_S = 1.5
"""Seconds from which a large picture's time is worth a word."""


class How(Part):
    """The section How."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("How"))
        self.statistics = NumberSlider(
            tr("Statistics  stored ↔ own"),
            0.0,
            1.0,
            1.0,
            0.01,
            2,
            text_of=self._statistics_text,
            tip=tr("Which averages steady the network: those stored in training, or those of this very picture."),
        )
        self.strength = NumberSlider(
            tr("Strength"), 0.0, 1.0, 1.0, 0.01, 2, tip=tr("0: the picture itself. 1: all of the translation.")
        )
        self.colours = NumberSlider(
            tr("Keep my colours"),
            0.0,
            1.0,
            0.0,
            0.01,
            2,
            tip=tr("The translation gives the light, the picture keeps its own colours."),
        )
        self.brushes = (
            icon_button("hand", tr("Paint where it is strong"), lambda: self._brush(STRENGTH), checkable=True),
            icon_button("hand", tr("Paint where colours are kept"), lambda: self._brush(COLOURS), checkable=True),
        )
        self.size = NumberSlider(
            tr("Work size"), SMALLEST, LARGEST, 256, 8, 0, "px", per_pixel=4, tip=tr("The longer side.")
        )
        self.sizes = ChipRow([("home", ""), ("own", tr("own size"))], name=tr("Work size"))
        self.sizes.chip("own").setToolTip(tr("Every pixel of the picture goes through"))
        self.cost = label("", "dim", wrap=True)
        self.section.add(self.statistics)
        for slider, brush in zip((self.strength, self.colours), self.brushes, strict=True):
            self.section.add_row(slider, brush)
        for part in (self.size, self.sizes, self.cost):
            self.section.add(part)
        self.statistics.value_changed.connect(lambda v, final: self._look(self.statistics, final, statistics=v))
        self.strength.value_changed.connect(lambda v, final: self._amount("strength", final, v))
        self.colours.value_changed.connect(lambda v, final: self._amount("keep_colours", final, v))
        self.size.value_changed.connect(lambda v, final: panel.edit(self.tr("Work size"), "size", final, size=int(v)))
        self.sizes.changed.connect(
            lambda which: panel.edit(self.tr("Work size"), "", True, size=OWN if which == "own" else 0)
        )

    @staticmethod
    def _number(value: float) -> str:
        return f"{value:.2f}"

    def _statistics_text(self, value: float) -> str:
        if value >= 0.995:
            return self.tr("own")
        return self.tr("stored") if value <= 0.005 else self._number(value)

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        on = state.mode != "enlarge"
        self.section.setVisible(on)
        if not on:
            return
        card, look = self.panel.card, state.look
        self.statistics.setVisible(has(card, "has_stored_statistics"))
        self.statistics.set_default(advised_statistics(card))
        self.statistics.set_value(advised_statistics(card) if look.statistics is None else look.statistics)
        self.strength.set_value(look.strength.value)
        self.colours.set_value(look.keep_colours.value)
        painting = self.panel.masks.index if self.panel.masks.painting else -1
        for index, brush in enumerate(self.brushes):
            brush.setVisible(state.mode == "picture")
            brush.setChecked(index == painting)
        own, home = self.panel.own_size(), home_size(card)
        shown = longer_side(work_size(state, card, own), own) or home or SMALLEST
        self.size.set_default(home or max(own) or SMALLEST)
        self.size.set_value(shown)
        picture = state.mode == "picture"
        self.sizes.setVisible(picture and bool(home))
        self.sizes.chip("home").setText(self.tr("as trained · {0} px").format(home))
        self.sizes.chip("home").updateGeometry()
        self.sizes.set_current({0: "home", OWN: "own"}.get(state.size, ""))
        self.show_cost()

    def show_cost(self) -> None:
        """What the full size takes, where that is worth a word."""
        text = self.panel.doing.cost_words()
        self.cost.setText(text)
        self.cost.setVisible(bool(text))

    # Doing ---------------------------------------------------------------------------------------------------

    def _look(self, slider: NumberSlider, final: bool, **changes: Any) -> None:
        self.panel.edit(slider.name(), "statistics", final, look=self.panel.with_look(**changes))

    def _amount(self, field: str, final: bool, value: float) -> None:
        amount = msgspec.structs.replace(getattr(self.panel.state.look, field), value=value)
        name = self.strength.name() if field == "strength" else self.colours.name()
        self.panel.edit(name, field, final, look=self.panel.with_look(**{field: amount}))

    def _brush(self, index: int) -> None:
        self.panel.masks.take(index)

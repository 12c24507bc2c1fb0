"""Enlarge: how sharp, between the plain network and its sister that invents detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.panels.translate.part import Part
from studio.project.session import TranslateState
from studio.widgets.parts import label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


class Enlarging(Part):
    """The section Larger."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("Larger"))
        self.sharpness = NumberSlider(
            tr("Sharpness"),
            0.0,
            1.0,
            0.0,
            0.01,
            2,
            tip=tr("0: the truest. 1: the sharpest; it invents detail that was not there."),
        )
        self.words = label("", "dim", wrap=True)
        self.section.add(self.sharpness)
        self.section.add(self.words)
        self.sharpness.value_changed.connect(
            lambda v, final: panel.edit(self.tr("Sharpness"), "sharpness", final, sharpness=v)
        )

    def show(self, state: TranslateState) -> None:
        on = state.mode == "enlarge"
        self.section.setVisible(on)
        if not on:
            return
        models = self.panel.modelling.models
        self.sharpness.setVisible(models.sharper is not None)
        self.sharpness.set_value(state.sharpness)
        own, cost = self.panel.own_size(), self.panel.doing.cost_words()
        self.section.set_hint(f"{models.upscaler.hyper.get('scale', 1)} ×" if models.upscaler is not None else "")
        words = f"{own[0]} × {own[1]} → {cost}" if all(own) and cost else ""
        self.words.setText(words)
        self.words.setVisible(bool(words))

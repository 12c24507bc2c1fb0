"""Truncation and noise: the controls of :class:`~studio.project.latents.Look` that every generator panel has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.project.latents import Look, Noise
from studio.widgets.chips import ChipRow
from studio.widgets.parts import icon_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

SEED_LIMIT = 2**32 - 1


class LookControls(Section):
    """Truncation psi with its cutoff layer, and the noise: kind, strength, seed, strength layer by layer."""

    edited = Signal(object, str, str, bool)
    """``(look, text, drag, final)``: the new look, the undo text, which control, whether the gesture is over."""

    def __init__(self, look: Look | None = None, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Truncation and noise"), parent=parent)
        self._look = look or Look()
        self._layers: list[dict[str, Any]] = []
        self.psi = NumberSlider(
            self.tr("Truncation ψ"),
            -1.0,
            2.0,
            0.7,
            tip=self.tr(
                "0: the average picture. 1: as the network was trained. Beyond: stranger. Below 0: the opposite."
            ),
        )
        self.cutoff = NumberSlider(
            self.tr("Cutoff layer"),
            0,
            12,
            12,
            1,
            0,
            text_of=self._cutoff_text,
            tip=self.tr("Truncation acts on the layers below this one; the finer layers keep their full variety."),
        )
        self.mode = ChipRow(
            [("const", self.tr("Fixed")), ("seed", self.tr("Seed")), ("none", self.tr("None"))], name=self.tr("Noise")
        )
        self.mode.setToolTip(self.tr("Noise draws the small accidents: fixed with the model, from a seed, or none."))
        self.strength = NumberSlider(
            self.tr("Noise strength"), 0.0, 3.0, 1.0, tip=self.tr("How strong the noise is in all layers together.")
        )
        self.seed = NumberSlider(self.tr("Noise seed"), 0, SEED_LIMIT, 0, 1, 0, per_pixel=0.25)
        self.dice = icon_button("dice", self.tr("Another noise"), self._roll, framed=True)
        self.each = Section(self.tr("Noise layer by layer"), opened=False)
        self.rows: list[NumberSlider] = []

        self.add(self.psi)
        self.add(self.cutoff)
        self.add(self.mode)
        self.add(self.strength)
        self.add_row(self.seed, self.dice)
        self.add(self.each)

        self.psi.value_changed.connect(lambda v, f: self._edit(self.tr("Truncation"), "psi", f, psi=v))
        self.cutoff.value_changed.connect(self._cutoff_changed)
        self.mode.changed.connect(lambda m: self._noise(self.tr("Noise"), "", True, mode=m))
        self.strength.value_changed.connect(
            lambda v, f: self._noise(self.tr("Noise strength"), "strength", f, strength=v)
        )
        self.seed.value_changed.connect(lambda v, f: self._noise(self.tr("Noise seed"), "seed", f, seed=int(v)))
        self.set_look(self._look)

    def set_layers(self, layers: Sequence[dict[str, Any]], has_noise: bool = True) -> None:
        """Fit the controls to a network: its layers, and whether it has noise inputs at all."""
        self._layers = list(layers)
        count = max(1, len(layers))
        self.cutoff.set_range(0, count)
        self.cutoff.set_default(count)
        self.cutoff.setVisible(count > 1)
        for widget in (self.mode, self.strength, self.seed, self.dice, self.each):
            widget.setVisible(has_noise)
        for row in self.rows:
            row.setParent(None)
            row.deleteLater()
        self.rows = []
        for layer in layers if has_noise else ():
            row = NumberSlider(f"{layer['index']} · {layer['resolution']} px", 0.0, 3.0, 1.0)
            row.value_changed.connect(lambda v, f, i=layer["index"]: self._row_changed(i, v, f))
            self.each.add(row)
            self.rows.append(row)
        self.set_look(self._look)

    def set_look(self, look: Look) -> None:
        """Show a look (silently)."""
        self._look = look
        noise = look.noise
        self.psi.set_value(look.psi)
        count = max(1, len(self._layers))
        self.cutoff.set_value(count if look.cutoff is None else min(look.cutoff, count))
        self.mode.set_current(noise.mode)
        self.strength.set_value(noise.strength)
        self.seed.set_value(noise.seed)
        for i, row in enumerate(self.rows):
            row.set_value(noise.layers[i] if i < len(noise.layers) else 1.0)
        silent = noise.mode == "none"
        self.strength.setEnabled(not silent)
        self.each.setEnabled(not silent)
        self.seed.setVisible(noise.mode == "seed" and not self.mode.isHidden())
        self.dice.setVisible(noise.mode == "seed" and not self.mode.isHidden())

    def _cutoff_text(self, value: float) -> str:
        count = max(1, len(self._layers))
        return self.tr("all %1").replace("%1", str(count)) if value >= count else f"{int(value)} / {count}"

    def _cutoff_changed(self, value: float, final: bool) -> None:
        cutoff = None if value >= max(1, len(self._layers)) else int(value)
        self._edit(self.tr("Cutoff layer"), "cutoff", final, cutoff=cutoff)

    def _row_changed(self, index: int, value: float, final: bool) -> None:
        old = self._look.noise.layers
        layers = [old[i] if i < len(old) else 1.0 for i in range(len(self._layers))]
        layers[index] = value
        kept = () if all(x == 1.0 for x in layers) else tuple(layers)
        self._noise(self.tr("Noise of one layer"), f"noise{index}", final, layers=kept)

    def _roll(self) -> None:
        self._noise(self.tr("Another noise"), "", True, seed=random.randrange(SEED_LIMIT))

    def _noise(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        noise: Noise = msgspec.structs.replace(self._look.noise, **changes)
        self._edit(text, drag, final, noise=noise)

    def _edit(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        self._look = msgspec.structs.replace(self._look, **changes)
        self.edited.emit(self._look, text, drag, final)

"""There and back: what came there, what came back, and what was lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.base.steps import UInt8Image
from studio.engine.results import CycleResult
from studio.panels.parts.labels import said
from studio.panels.translate.part import Part
from studio.panels.translate.values import worlds
from studio.project.session import TranslateState
from studio.widgets.chips import ChipRow
from studio.widgets.parts import label
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel

HEAT = 1024
"""The longer side of the map of what was lost, at most: it is laid over in every turn."""
HOT = 0.25
"""The mean difference of colours, of the whole range, that is drawn as the hottest."""


class Cycling(Part):
    """The section There and back; which of the three pictures is looked at is not part of the session."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.seen = "back"
        self._hot: tuple[CycleResult, npt.NDArray[Any]] | None = None
        self.section = Section(tr("There and back"))
        self.chips = ChipRow(
            [("image", tr("What came there")), ("back", tr("What came back")), ("lost", tr("What was lost"))],
            name=tr("Look at"),
        )
        self.chips.set_current(self.seen)
        self.words = label("", "", wrap=True)
        self.note = label(
            tr("Hot places came back different. A world without them cannot keep them."), "dim", wrap=True
        )
        for part in (self.chips, self.words, self.note):
            self.section.add(part)
        self.chips.changed.connect(self.look)

    def look(self, which: str) -> None:
        """Look at another of the three."""
        self.seen = which
        self.chips.set_current(which)
        self.panel.show_canvas()
        self.show(self.panel.state)

    def result_now(self) -> CycleResult | None:
        """The round trip on the canvas."""
        picture = self.panel.doing.picture
        return picture[2] if picture is not None and isinstance(picture[2], CycleResult) else None

    def show(self, state: TranslateState) -> None:
        on = state.mode != "enlarge" and state.way == "cycle" and self.panel.modelling.models.back is not None
        self.section.setVisible(on)
        if not on:
            return
        result = self.result_now()
        self.section.set_hint("" if result is None else f"{100 * result.l1:.1f} %")
        self.words.setText("" if result is None else self.sentence(result))
        self.words.setVisible(result is not None)
        self.note.setVisible(self.seen == "lost")

    def sentence(self, result: CycleResult) -> str:
        """How much was lost, in plain words."""
        part = 100 * result.l1
        if part < 2:
            how = self.tr("Almost everything came back")
        elif part < 6:
            how = self.tr("Most came back")
        else:
            how = self.tr("Much was lost")
        number = self.tr("colours differ by {0} % on average").format(f"{part:.1f}")
        decibel = "" if not np.isfinite(result.psnr) else f" ({result.psnr:.1f} dB)"
        return f"{how}: {number}{decibel}."

    def seen_now(self, result: CycleResult) -> tuple[UInt8Image, npt.NDArray[Any] | None, str]:
        """Picture, heat over it, and its name in the chain."""
        a, b = (said(word) for word in worlds(self.panel.modelling.models.there))
        if self.seen == "image":
            return result.image, None, f"{a} → {b}"
        name = f"{a} → {b} → {a}"
        if self.seen == "back":
            return result.back, None, name
        return result.back, self._heat(result), name

    def _heat(self, result: CycleResult) -> npt.NDArray[Any]:
        if self._hot is None or self._hot[0] is not result:
            error = result.error
            step = -(-max(error.shape) // HEAT)
            if step > 1:  # the mean of whole blocks, quick enough for a picture of any size
                high, wide = max(1, error.shape[0] // step), max(1, error.shape[1] // step)
                rows, columns = error[: high * step, : wide * step], range(step)
                places = [(i, j) for i in columns[:: max(1, step // 4)] for j in columns[:: max(1, step // 4)]]
                small = [rows[i::step, j::step][:high, :wide] for i, j in places]
                error = np.mean(small, axis=0) if all(part.shape == (high, wide) for part in small) else small[0]
            self._hot = (result, np.clip(error / HOT, 0.0, 1.0))
        return self._hot[1]

"""Whose colours the picture has: chosen after the run (or during it), without a new one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from studio.base.steps import UInt8Image
from studio.panels.style.part import Part
from studio.project.session import StyleState
from studio.project.style import Recolour
from studio.widgets.chips import ChipRow
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel


AT_HAND = 16
"""Recoloured pictures that need not be made again."""


class Colouring(Part):
    """The section Colours."""

    keys = frozenset({"recolour"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.section = Section(tr("Colours"), tr("after the run, no new one"))
        self.chips = ChipRow(
            [
                ("style", tr("Style")),
                ("luminance", tr("Luminance")),
                ("match", tr("Match")),
                ("histogram", tr("Histogram")),
            ],
            name=tr("Colours"),
        )
        for key, tip in (
            ("style", tr("The colours of the style")),
            ("luminance", tr("The content's colours; only light and dark are painted")),
            ("match", tr("The result's colours brought to the content's mean and spread")),
            ("histogram", tr("Every colour as often as in the content")),
        ):
            self.chips.chip(key).setToolTip(tip)
        self.section.add(self.chips)
        self.chips.changed.connect(lambda key: panel.edit_run(tr("Colours"), "", True, colours=key))
        self._asked: Recolour | None = None
        self._made: OrderedDict[Recolour, UInt8Image] = OrderedDict()

    def show(self, state: StyleState) -> None:
        self.chips.set_current(state.run.colours)
        self.section.set_hint(self.tr("after the run, no new one") if state.mode == "run" else "")

    def get(self, picture: str, content: str) -> UInt8Image | None:
        """A picture of a run (asset, in the style's colours) in the colours of the session, asking for it."""
        colours = self.panel.state.run.colours
        if colours == "style":
            return self.panel.bank.get(picture)
        request = Recolour(picture=picture, content=content, colours=colours)
        if request in self._made:
            self._made.move_to_end(request)
            return self._made[request]
        if request != self._asked:
            self._asked = request
            self.panel.live(request, "recolour")
        return None

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        image: UInt8Image = result.image
        self._made[request] = image
        while len(self._made) > AT_HAND:
            self._made.popitem(last=False)
        if request == self._asked:
            self._asked = None
        self.panel.running.recoloured(request.picture, request.colours, image)

    def ended(self, key: str, job: int) -> None:
        self._asked = None

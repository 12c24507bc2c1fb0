"""Whose colours the picture has: chosen after the run (or during it), without a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.steps import UInt8Image
from studio.panels.style.part import Part
from studio.project.session import StyleState
from studio.project.style import Recolour
from studio.widgets.chips import ChipRow
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel


class Colouring(Part):
    """The section Colours.  ``show_for`` has a picture shown in the colours of the session."""

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

    def show(self, state: StyleState) -> None:
        self.chips.set_current(state.run.colours)

    def ask(self, picture: str) -> None:
        """Have a finished picture (asset, in the style's colours) recoloured."""
        state: StyleState = self.panel.state
        made = state.made
        if made is None:
            return
        request = Recolour(picture=picture, content=made.content, colours=state.run.colours)
        if request != self._asked:
            self._asked = request
            self.panel.live(request, "recolour")

    def forget(self) -> None:
        """Another picture is in front: an answer on its way is not for it."""
        self._asked = None

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        image: UInt8Image = result.image
        if request == self._asked:
            self._asked = None
            self.panel.running.recoloured(request.picture, request.colours, image)

    def ended(self, key: str, job: int) -> None:
        self._asked = None


def in_colours(made: Any, colours: str) -> Any:
    """The run that gives the picture in these colours."""
    return msgspec.structs.replace(made, colours=colours)

"""What the canvas shows: the outcome, a mask over the picture, a round trip, or the picture itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.base.steps import UInt8Image
from studio.panels.translate.part import Part
from studio.panels.translate.values import source_of
from studio.project.session import TranslateState

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


class Showing(Part):
    """Keeps the canvas, its words and its comparison."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        self.canvas = panel.canvas
        self._framed: tuple[int, int] | None = None
        self._compared: UInt8Image | None = None
        self._own_compare = False
        self.canvas.mode_changed.connect(lambda _: self._compare())

    def _on_canvas(self) -> tuple[UInt8Image | None, Any, str, UInt8Image | None]:
        """Picture, heat over it, caption, and what it is compared with."""
        state: TranslateState = self.panel.state
        source = self.panel.bank.get(state.picture) if state.mode != "draw" else None
        if self.panel.masks.painting:
            return source, None, self.panel.masks.section.hint(), None
        if self.panel.doing.growing is not None:
            return self.panel.doing.growing, None, self.tr("growing"), source
        cycle = self.panel.cycling.result_now()
        if cycle is not None and state.way == "cycle":
            image, heat, name = self.panel.cycling.seen_now(cycle)
            number = f" · {100 * cycle.l1:.1f} %" if self.panel.cycling.seen != "image" else ""
            return image, heat, name + number, cycle.source
        if self.panel.doing.picture is not None and self._belongs():
            return self.panel.doing.picture[0], None, self.panel.doing.caption(), source
        return source, None, self.tr("original") if source is not None else "", None

    def _belongs(self) -> bool:
        """Whether the picture at hand is one of what is worked on now (perhaps with other settings)."""
        assert self.panel.doing.picture is not None
        request = self.panel.doing.picture[1]
        if self.panel.state.mode == "draw":
            return bool(self.panel.request(full=False) is not None)
        return bool(getattr(request, "picture", "") == self.panel.state.picture)

    def show_canvas(self) -> None:
        """Show what is to be seen now: the outcome, a mask over the picture, or the picture itself.panel."""
        image, heat, caption, source = self._on_canvas()
        frame = self._frame_of(image)
        if image is not self.canvas.image() or frame != self._framed:
            self._framed = frame
            self.canvas.set_image(image, frame)
        self.canvas.set_overlay(heat)
        self.canvas.set_caption(caption)
        self.canvas.set_placeholder("" if image is not None else self.invitation())
        self._compare(source)
        if self.panel.state.mode == "draw":
            self.panel.paper.show_onion(image)

    def _frame_of(self, image: UInt8Image | None) -> tuple[int, int] | None:
        """The size of the finished picture: previews and the original fill the same frame."""
        if image is None or self.panel.state.mode == "draw":
            return None
        size = self.panel.doing.outcome_size()
        return size if all(size) else None

    def invitation(self) -> str:
        """What stands where there is no picture."""
        state: TranslateState = self.panel.state
        if self.panel.card is None:
            return self.panel.modelling.sentence()
        if self.panel.bank.is_missing(source_of(state)):
            return self.panel.ready_sentence()
        if state.mode != "draw":
            return self.tr("Drop a picture here, or paste one.")
        if self.panel.doing.in_flight():
            return self.tr("The first picture is on its way")
        if self.panel.card.hyper.get("input") == "ink":
            return self.tr("Draw a face on the paper.\nIt grows here while you draw.")
        return self.tr("Paint on the paper.\nThe outcome grows here.")

    def _compare(self, source: UInt8Image | None = None) -> None:
        """The picture itself is what an outcome is compared with, unless the person chose another."""
        if source is None and self.canvas.image() is not None:
            source = self._on_canvas()[3]
        if self.canvas.mode() in ("wipe", "side") and not self._own_compare:
            return
        if source is self._compared and self._own_compare and (source is None or self.canvas.can_compare()):
            return
        self._compared, self._own_compare = source, True
        self.canvas.set_compare(source, self.tr("original"), self.tr("now"))

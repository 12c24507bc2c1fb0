"""From a photograph: its edges or its areas under the paper, to draw over or to draw on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.translate.paper import laid
from studio.panels.translate.part import Part
from studio.panels.translate.values import palette_of
from studio.project.session import TranslateState
from studio.project.translate import Trace
from studio.widgets.chips import ChipRow
from studio.widgets.empty import DropArea
from studio.widgets.flow import FlowBox
from studio.widgets.parts import label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel

SIDE = 512
"""The longer side of a tracing in px."""
WIDTH = 6.0


class Tracing(Part):
    """The section From a photograph; the tracing lies under the paper until it is drawn on or taken away."""

    keys = frozenset({"trace"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self._image: tuple[UInt8Image, Trace] | None = None
        self._asked: Trace | None = None
        self._failed: Trace | None = None
        self.section = Section(tr("From a photograph"), "")
        self._reveal = QTimer(self)  # the section has its place when the layout has run
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(60)
        self._reveal.timeout.connect(lambda: panel.inspector.show_widget(self.section))
        self.drop = DropArea(
            tr("Drop a picture to trace it"), tip=tr("Or click to choose one. Its lines come under the paper.")
        )
        self.kind = ChipRow([("edges", tr("Edges")), ("segments", tr("Areas"))], name=tr("Trace as"))
        self.detail = NumberSlider(tr("Detail"), 0.0, 1.0, 0.5, 0.01, 2, tip=tr("How weak a line is still drawn."))
        self.smooth = NumberSlider(
            tr("Smoothness"), 0.0, 1.0, 0.35, 0.01, 2, tip=tr("How much small stuff is blurred away before.")
        )
        self.width = NumberSlider(tr("Line width"), 1.0, 24.0, WIDTH, 0.5, 1, "px")
        self.colours = NumberSlider(tr("Colours"), 2, 16, 6, 1, 0, tip=tr("How many flat colours there are."))
        self.does = FlowBox()
        self.use = text_button(tr("Draw on it"), self.draw_on, kind="primary", tip=tr("Puts the lines on the paper"))
        self.plain = text_button(tr("As it is"), self.as_it_is, tip=tr("Puts the picture itself on the paper"))
        self.gone = text_button(tr("Take away"), self.remove, kind="quiet")
        for button in (self.use, self.plain, self.gone):
            self.does.add_part(button)
        self.note = label("", "dim", wrap=True)
        parts: tuple[QWidget, ...] = (
            self.drop,
            self.kind,
            self.detail,
            self.smooth,
            self.width,
            self.colours,
            self.does,
            self.note,
        )
        for part in parts:
            self.section.add(part)
        self.drop.clicked.connect(self.choose)
        self.drop.dropped.connect(lambda things: panel.take_here(things, trace=True))
        self.kind.changed.connect(lambda kind: self._edit(tr("Trace as"), "", True, kind=kind))
        for slider, field in (
            (self.detail, "detail"),
            (self.smooth, "smooth"),
            (self.width, "width"),
            (self.colours, "colours"),
        ):
            slider.value_changed.connect(
                lambda v, final, f=field, s=slider: self._edit(
                    s.name(), f"trace.{f}", final, **{f: int(v) if f == "colours" else v}
                )
            )

    # What is traced ------------------------------------------------------------------------------------------

    def request(self) -> Trace | None:
        """What the session asks for."""
        state: TranslateState = self.panel.state
        trace = state.trace
        if trace is None or not trace.picture:
            return None
        palette = tuple(colour for _, colour in palette_of(self.panel.card))
        return msgspec.structs.replace(trace, size=SIDE, palette=palette, precision=self.panel.precision)

    def below(self) -> UInt8Image | None:
        """The tracing that lies under the paper now."""
        state: TranslateState = self.panel.state
        if state.mode != "draw" or state.trace is None or self._image is None:
            return None
        return self._image[0] if self._image[1].picture == state.trace.picture else None

    def ask(self) -> None:
        """Trace anew what has changed."""
        request = self.request()
        if request is None or not self.panel.active or self.panel.state.mode != "draw":
            return
        if self._image is not None and self._image[1] == request:
            return
        if request not in (self._asked, self._failed):
            self._asked = request
            self.panel.live(request, "trace")

    def paper_changed(self) -> None:
        """The drawing above it is another one (undo, recall)."""
        if self.below() is not None:
            self.panel.paper.push()

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        on = state.mode == "draw"
        self.section.setVisible(on)
        if not on:
            return
        trace = state.trace
        for part in (self.kind, self.detail, self.smooth, self.width, self.colours, self.does):
            part.setVisible(trace is not None)
        self.note.setVisible(False)
        if trace is None:
            self._image = None
            self.section.set_hint("")
            return
        edges = trace.kind == "edges"
        self.kind.set_current(trace.kind)
        self.width.setVisible(edges)
        self.colours.setVisible(not edges and not palette_of(self.panel.card))
        self.detail.set_value(trace.detail)
        self.smooth.set_value(trace.smooth)
        self.width.set_value(trace.width)
        self.colours.set_value(trace.colours)
        hint = self.tr("edges · detail {0}") if edges else self.tr("areas · detail {0}")
        self.section.set_hint(hint.format(f"{trace.detail:.2f}"))
        self.use.setEnabled(self.below() is not None)
        if self._failed is not None and self._failed == self.request():
            self.note.setText(self.tr("This picture cannot be traced. Drop another one."))
            self.note.setVisible(True)
        self.ask()

    # Doing ---------------------------------------------------------------------------------------------------

    def _edit(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        trace = self.panel.state.trace
        if trace is not None:
            made = msgspec.structs.replace(trace, **changes)
            self.panel.edit(text, drag, final, trace=made)

    def take(self, source: Path | UInt8Image, title: str) -> None:
        """Trace this picture from now on."""
        self.panel.bank.keep(source, title, self._kept)

    def _kept(self, sha: str, _pixels: UInt8Image, title: str) -> None:
        old = self.panel.state.trace
        trace = Trace(picture=sha, width=WIDTH) if old is None else msgspec.structs.replace(old, picture=sha)
        self.section.set_open(True)
        self.panel.edit(self.tr("Trace a picture"), "", True, mode="draw", trace=trace)
        self._reveal.start()
        self.studio.notify(
            self.tr("“{0}” lies under the paper. “Draw on it” puts its lines on the paper.").format(title), good=True
        )

    def choose(self) -> None:
        """A picture from a file."""
        for path in self.panel.pictures.choose_files(self.tr("Choose a picture to trace")):
            self.take(path, path.stem)

    def draw_on(self) -> None:
        """The tracing becomes part of the drawing."""
        if self.below() is not None:
            self.panel.paper.put(self.panel.paper.sheet(), self.tr("Draw on the tracing"), trace=None)

    def as_it_is(self) -> None:
        """The picture itself on the paper: a drawing that was made elsewhere."""
        trace = self.panel.state.trace
        pixels = self.panel.bank.get(trace.picture) if trace is not None else None
        if pixels is not None:
            paper = self.panel.paper
            side = paper.canvas.sheet().shape[0]
            paper.put(laid(pixels, side, paper.colour), self.tr("Put a picture on the paper"), trace=None)

    def remove(self) -> None:
        """The paper alone again."""
        self.panel.edit(self.tr("Take the tracing away"), "", True, trace=None)

    # Jobs ----------------------------------------------------------------------------------------------------

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if self._asked == request:
            self._asked = None
        self._image = (result.image, request)
        self.panel.paper.push()
        self.panel.show_all()

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        self._failed, self._asked = self._asked, None
        return False

    def ended(self, key: str, job: int) -> None:
        self._asked = None
        self.show(self.panel.state)

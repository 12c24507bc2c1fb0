"""The Translate panel: puts its parts together, makes requests from the session, and says what the canvas shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.panels.base import Action, Studio
from studio.panels.parts.bank import PictureBank
from studio.panels.parts.models import model_line
from studio.panels.parts.part import PartsPanel
from studio.panels.translate.actions import actions_of
from studio.panels.translate.cycling import Cycling
from studio.panels.translate.doing import Doing
from studio.panels.translate.enlarging import Enlarging
from studio.panels.translate.folder import Folder
from studio.panels.translate.how import How
from studio.panels.translate.labels import Labelling
from studio.panels.translate.masks import Masking
from studio.panels.translate.modelling import Modelling
from studio.panels.translate.paper import Paper
from studio.panels.translate.pictures import Pictures
from studio.panels.translate.recall import recalled
from studio.panels.translate.showing import Showing
from studio.panels.translate.tracing import Tracing
from studio.panels.translate.values import request_of, source_of, takes_ink
from studio.panels.translate.variations import Varying
from studio.project.requests import Precision
from studio.project.session import Session, TranslateState
from studio.project.translate import TranslateLook
from studio.widgets.chips import ChipRow
from studio.widgets.drawing.stage import SplitStage
from studio.widgets.maskcanvas import MaskCanvas
from studio.widgets.section import Inspector
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.results import Picture

MODES = ("draw", "picture", "enlarge")


class _Stage(QWidget):
    """Hands the focus on to the canvas that is worked on."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__()
        self._panel = panel

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._panel.take_focus()


class TranslatePanel(PartsPanel):
    """Paper at the left, what it becomes at the right; or a picture and what it becomes."""

    name = "translate"
    state_field = "translate"
    own_jobs = frozenset({"full", "sheet", "frame"})

    canvas: MaskCanvas
    inspector: Inspector

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self.canvas = MaskCanvas()
        self._last: dict[str, str] = {}
        self.bank = PictureBank(self, whole=True)
        self.modelling = Modelling(self)
        self.modelling.find(self.state)
        self.doing = Doing(self)
        self.tracing = Tracing(self)
        self.paper = Paper(self)
        self.labels = Labelling(self)
        self.how = How(self)
        self.masks = Masking(self)
        self.varying = Varying(self)
        self.pictures = Pictures(self)
        self.cycling = Cycling(self)
        self.enlarging = Enlarging(self)
        self.folder = Folder(self)
        self.showing = Showing(self)
        self.parts = (
            self.bank,
            self.modelling,
            self.labels,
            self.paper,
            self.tracing,
            self.pictures,
            self.how,
            self.masks,
            self.varying,
            self.cycling,
            self.enlarging,
            self.folder,
            self.doing,
        )
        self.stage = self._build_stage()
        self.inspector = self._build_inspector()
        self.bank.changed.connect(self._picture_came)
        self.show_all()

    def _build_stage(self) -> QWidget:
        stage = _Stage(self)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.doing.bar)
        self.split = SplitStage(self.paper.canvas, right)
        box = QVBoxLayout(stage)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.split)
        return stage

    def _build_inspector(self) -> Inspector:
        inspector = Inspector(self.title, self.description)
        self.mode = ChipRow(
            [("draw", self.tr("Draw")), ("picture", self.tr("Picture")), ("enlarge", self.tr("Enlarge"))],
            name=self.tr("What to do"),
        )
        self.mode.chip("draw").setToolTip(self.tr("Draw, and the picture follows the pen"))
        self.mode.chip("picture").setToolTip(self.tr("A photograph or a picture into another world"))
        self.mode.chip("enlarge").setToolTip(self.tr("The same picture, larger"))
        self.mode.changed.connect(self.set_mode)
        inspector.add(self.mode)
        inspector.body.insertSpacing(inspector.body.count() - 1, 8)
        self.onion = NumberSlider(
            self.tr("Onion skin"), 0.0, 1.0, 0.0, 0.01, 2, tip=self.tr("How much of the outcome shines on the paper.")
        )
        self.onion.value_changed.connect(
            lambda v, final: self.change(self.tr("Onion skin"), drag="onion", final=final, onion=v)
        )
        self.how.section.add(self.onion)
        for part in (
            self.modelling.section,
            self.pictures.section,
            self.labels.section,
            self.cycling.section,
            self.enlarging.section,
            self.how.section,
            self.masks.section,
            self.varying.section,
            self.tracing.section,
            self.folder.section,
        ):
            inspector.add(part)
        return inspector

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Translate")

    @property
    def description(self) -> str:
        return self.tr("Say it in one world, see it in another.")

    def activate(self) -> None:
        super().activate()
        self.bank.forget_missing()
        self.modelling.forget()
        self.doing.forget()
        self.pictures.begin()
        self.show_all()
        self.doing.warm_up()

    def deactivate(self) -> None:
        super().deactivate()
        self.masks.leave()
        self.doing.rest.stop()

    def session_changed(self, before: Session, after: Session) -> None:
        if before is after or before.translate != after.translate:
            self.doing.forget()
            if before.translate.mode != after.translate.mode:
                self.doing.leave_mode()
            self.show_all()
            self.pictures.begin()
            if before.translate.mode != after.translate.mode or before.translate.model != after.translate.model:
                self.doing.warm_up()

    def settle(self) -> None:
        self.paper.settle()
        self.masks.settle()

    def models_changed(self) -> None:
        self.modelling.forget()
        self.labels.forget()
        self.varying.forget()
        self.doing.forget_model_pictures()
        super().models_changed()

    def actions(self) -> Sequence[Action]:
        return actions_of(self)

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        if self.doing.picture is None:
            return None
        result = self.cycling.result_now()
        image = self.doing.picture[0] if result is None else self.cycling.seen_now(result)[0]
        return image, self.doing.picture[1]

    def current_result(self) -> Picture | None:
        from studio.engine.results import Picture

        result = self.doing.picture[2] if self.doing.picture is not None else None
        return result if isinstance(result, Picture) else None

    def picture_title(self) -> str:
        return self.doing.file_title() if self.doing.picture is not None else ""

    def model_line(self) -> str:
        return model_line(self.card)

    def accept_file(self, path: Path, title: str) -> bool:
        self.take(path, title)
        return True

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        self.take(pixels, title)
        return True

    def accept_task(self, task: str, pixels: UInt8Image, title: str) -> bool:
        if task not in ("enlarge", "picture"):
            return False
        self.pictures.take(pixels, title, task)
        return True

    def accept_model(self, card: ModelCard) -> bool:
        if card.role == "upscaler":
            self.change(self.tr("Choose a model"), **{**self.mode_fields("enlarge"), "upscaler": card.sha256})
        elif card.role == "translator":
            mode = "draw" if takes_ink(card) else "picture"
            self.change(self.tr("Choose a model"), mode=mode, **self.modelling.fields_of(card.sha256))
        else:
            return False
        return True

    def accept_request(self, request: msgspec.Struct) -> bool:
        self.bank.forget_missing()
        fields = recalled(self, request)
        if fields is not None:
            self.change(self.tr("Recall"), **fields)
            if not self.active:
                self.show_all()
        return fields is not None

    # The session ---------------------------------------------------------------------------------------------

    @property
    def precision(self) -> Precision:
        """The precision of requests."""
        return "exact" if self.studio.precision == "exact" else "fast"

    @property
    def card(self) -> ModelCard | None:
        """The model that requests begin with."""
        return self.modelling.card

    def model_name(self) -> str:
        """What the model is called."""
        return (self.card.title or self.card.name) if self.card is not None else ""

    def own_size(self) -> tuple[int, int]:
        """Width and height of what is worked on; (0, 0) while it is not known."""
        if self.state.mode == "draw":
            return self.paper.side, self.paper.side
        return self.bank.size(self.state.picture)

    def with_look(self, **changes: Any) -> TranslateLook:
        """The look with some fields changed."""
        made: TranslateLook = msgspec.structs.replace(self.state.look, **changes)
        return made

    def edit(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        """Change the state by hand: at the end of the gesture its picture is a result."""
        if not final:
            self.doing.settle(False)
        self.change(text, drag=drag or None, final=final, **changes)
        if final:  # afterwards: the picture at hand may be that of what was there before
            self.doing.settle(True)

    def request(self, *, full: bool) -> Any:
        """What the session asks for; None while something is missing."""
        state: TranslateState = self.state
        picture = source_of(state)
        if state.mode == "draw":
            frame = self.paper.source()
            picture = picture if frame is None else frame
        if not picture or self.bank.is_missing(picture):
            return None
        own = self.own_size()
        if not all(own):
            return None
        read = self.labels.read() if self.labels.count else ()
        return request_of(state, self.modelling.models, self.precision, own, full=full, read=read, picture=picture)

    def ready_sentence(self) -> str:
        """What is missing."""
        state: TranslateState = self.state
        if self.card is None or (state.way == "cycle" and self.modelling.models.back is None):
            return self.modelling.sentence()
        if self.bank.is_missing(source_of(state)):
            return self.tr("The picture of this project is missing. Drop it again.")
        if state.mode == "draw":
            return self.tr("Draw something first.")
        return self.tr("Drop a picture to begin.")

    def set_mode(self, mode: str) -> None:
        """Draw, picture or enlarge."""
        if mode != self.state.mode:
            self.change(self.tr("Another way of working"), **self.mode_fields(mode))
            self.doing.settle(False)

    def mode_fields(self, mode: str) -> dict[str, Any]:
        """What changes with the mode: drawing and pictures each go on with the model that suits them."""
        state: TranslateState = self.state
        fields: dict[str, Any] = {"mode": mode}
        there = self.modelling.models.there
        if mode == state.mode or mode == "enlarge" or there is None:
            return fields
        if state.mode != "enlarge":
            self._last[state.mode] = there.sha256
        if (mode == "draw") == takes_ink(there):
            return fields
        cards = self.studio.of_role("translator")
        last = self._last.get(mode, "")
        suits = [c for c in cards if c.sha256 == last] or [c for c in cards if takes_ink(c) == (mode == "draw")]
        if suits:
            fields |= self.modelling.fields_of(suits[0].sha256)
        return fields

    def choose(self) -> None:
        """A picture from a file, to trace or to work on."""
        if self.state.mode == "draw" and takes_ink(self.card):
            self.tracing.choose()
        else:
            self.pictures.choose()

    def turn(self) -> None:
        """A to B, or B to A."""
        self.change(self.tr("Which way"), way="there" if self.state.way == "back" else "back")

    def cycle(self) -> None:
        """There and back, or only there."""
        self.change(self.tr("Which way"), way="there" if self.state.way == "cycle" else "cycle")

    def take(self, source: Path | UInt8Image, title: str) -> None:
        """A picture from anywhere: under the paper while somebody draws in ink, else to be worked on."""
        if self.state.mode == "draw" and takes_ink(self.card):
            self.tracing.take(source, title)
        else:
            self.pictures.take(source, title)

    def take_here(self, things: Iterable[Any], *, trace: bool) -> None:
        """Something was dropped on a place of the inspector."""
        self.pictures.dropped_here(things, trace=trace)

    # Showing -------------------------------------------------------------------------------------------------

    def take_focus(self) -> None:
        """Keys go to the canvas of the hand: letters choose tools at once (and no ring says so)."""
        canvas = self.paper.canvas if self.state.mode == "draw" else self.canvas
        canvas.setFocus(Qt.FocusReason.MouseFocusReason)

    def show_all(self) -> None:
        """Bring every part to the session, silently."""
        state: TranslateState = self.state
        self.modelling.find(state)
        self.mode.set_current(state.mode)
        drawing = state.mode == "draw"
        had = self.paper.canvas.hasFocus() or self.canvas.hasFocus()
        turned = self.paper.canvas.isHidden() == drawing
        self.paper.canvas.setVisible(drawing)
        if had and turned:
            self.take_focus()
        self.split.set_alone(None if drawing else self.split.second)
        self.onion.setVisible(drawing)
        self.onion.set_value(state.onion)
        if drawing:
            self.masks.leave()
        for part in self.parts:
            part.show(state)
        self.doing.ask()
        self.show_canvas()
        self.studio.picture_changed(self)

    def _picture_came(self, sha: str) -> None:
        if sha in (self.state.drawing, self.state.picture):
            self.show_all()

    def result_came(self, request: msgspec.Struct) -> None:
        """A picture is there."""
        state: TranslateState = self.state
        self.show_canvas()
        self.how.show_cost()
        self.cycling.show(state)
        self.enlarging.show(state)
        self.doing.show_bar()
        self.studio.picture_changed(self)
        self.paper.frame_ended()
        if state.mode != "draw" and not self.doing.in_flight():
            self.varying.show(state)
            self.varying.ask()

    def show_canvas(self) -> None:
        """Show what is to be seen now."""
        self.showing.show_canvas()

    def say_phase(self, phase: str) -> str:
        """A phase of a job in the person's language."""
        from PySide6.QtCore import QCoreApplication

        return QCoreApplication.translate("Phases", phase) if phase else ""


__all__ = ["MODES", "TranslatePanel"]

"""The Style panel: puts its parts together, makes requests from the session, and says what the canvas shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.checkpoints.card import ModelCard
from studio.panels.base import Action, Studio
from studio.panels.parts.bank import PictureBank
from studio.panels.parts.part import PartsPanel
from studio.panels.style.colours import Colouring
from studio.panels.style.forecast import Forecasting
from studio.panels.style.layers import Layers
from studio.panels.style.masks import Masking
from studio.panels.style.passing import Passing
from studio.panels.style.pictures import Pictures
from studio.panels.style.recall import recalled
from studio.panels.style.running import Running
from studio.panels.style.settings import Settings
from studio.panels.style.sheet import Sheet
from studio.panels.style.values import features_model, layers_of, request_of, shown_look, with_look
from studio.project.requests import Precision
from studio.project.session import Session, StyleState
from studio.project.style import FIXED_FEATURES, Stylize
from studio.widgets.chips import ChipRow
from studio.widgets.maskcanvas import MaskCanvas
from studio.widgets.section import Inspector


class StylePanel(PartsPanel):
    """Content, styles, two columns of sliders, a picture that grows."""

    name = "style"
    state_field = "style"
    own_jobs = frozenset({"run", "paint_full"})

    canvas: MaskCanvas
    inspector: Inspector

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self.canvas = MaskCanvas()
        self.canvas.set_placeholder(self.tr("Drop a picture: it is what is kept. Drop a second one: it is the style."))
        self.card: ModelCard | None = None
        self._found: str | None = None
        self._own_compare = False
        self._framed: tuple[int, int] | None = None
        self._compared: UInt8Image | None = None
        self._find_model()
        self.bank = PictureBank(self)
        self.forecasting = Forecasting(self)
        self.passing = Passing(self)
        self.pictures = Pictures(self)
        self.settings = Settings(self)
        self.colours = Colouring(self)
        self.masks = Masking(self)
        self.board = Layers(self)
        self.sheet = Sheet(self)
        self.running = Running(self)
        self.parts = (
            self.bank,
            self.forecasting,
            self.passing,
            self.pictures,
            self.settings,
            self.colours,
            self.masks,
            self.board,
            self.sheet,
            self.running,
        )
        self.stage = self._build_stage()
        self.inspector = self._build_inspector()
        self.bank.changed.connect(self._picture_came)
        self.forecasting.changed.connect(self.running.show_bar)
        self.canvas.mode_changed.connect(lambda _: self._compare())
        self.studio.worker.jobs_changed.connect(self._jobs_changed)
        self.show_all()

    def _build_stage(self) -> QWidget:
        middle = QWidget()
        box = QVBoxLayout(middle)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.canvas, 1)
        box.addWidget(self.running.bar)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(middle)
        split.addWidget(self.board.board)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 0)
        split.setSizes([620, 330])
        return split

    def _build_inspector(self) -> Inspector:
        inspector = Inspector(self.title, self.description)
        self.mode = ChipRow([("run", self.tr("Painted slowly")), ("pass", self.tr("In one pass"))], name=self.tr("Way"))
        self.mode.chip("run").setToolTip(self.tr("Every layer under your hand; takes about a minute"))
        self.mode.chip("pass").setToolTip(self.tr("A network that has learned to paint; at once"))
        self.mode.changed.connect(lambda mode: self.change(self.tr("Another way of painting"), mode=mode))
        inspector.add(self.mode)
        inspector.body.insertSpacing(inspector.body.count() - 1, 8)
        for part in (
            self.pictures.section,
            self.passing.section,
            self.settings.balance,
            self.colours.section,
            self.masks.section,
            self.running.section,
            self.sheet.section,
            self.settings.section,
            self.settings.advanced,
            self.passing.folder,
        ):
            inspector.add(part)
        return inspector

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Style")

    @property
    def description(self) -> str:
        return self.tr("Keep what is there, change the hand that painted it.")

    def activate(self) -> None:
        super().activate()
        self.bank.forget_missing()
        self._found = None
        self.passing.models_changed()
        self.pictures.begin()
        self.show_all()

    def deactivate(self) -> None:
        super().deactivate()
        self.masks.leave()
        self.board.stop_thumbs()

    def session_changed(self, before: Session, after: Session) -> None:
        if before is after or before.style != after.style:
            self.show_all()
            self.running.follow()

    def settle(self) -> None:
        self.masks.settle()

    def models_changed(self) -> None:
        self._found = None
        self.passing.models_changed()
        super().models_changed()

    def actions(self) -> Sequence[Action]:
        running = self.running
        runs = self._runs
        return (
            Action(
                "style.start", self.tr("Start painting"), self.start, "Ctrl+Return", "play", enabled=self._can_start
            ),
            Action("style.stop", self.tr("Stop and keep the picture"), self.stop, "", "stop", enabled=self.busy),
            Action("style.pause", self.tr("Pause or go on"), self._pause, "", "pause", enabled=lambda: running.running),
            Action(
                "style.branch", self.tr("Branch here"), running.branch_here, "", "branch", enabled=running.can_branch
            ),
            Action("style.preset", self.tr("Next preset of the layers"), self.board.next_preset, "L", enabled=runs),
            Action("style.mask", self.tr("Paint where this style goes"), self._mask, "B", "hand", enabled=runs),
            Action("style.sheet", self.tr("Draw the contact sheet"), self.sheet.ask, "", "grid", enabled=runs),
            Action("style.swap", self.tr("Swap content and style"), self.pictures.swap, "", "loop"),
            Action("style.content", self.tr("Choose the content…"), lambda: self.pictures.choose(-1), "", "picture"),
            Action("style.style", self.tr("Choose a style…"), lambda: self.pictures.choose(0), "", "style"),
            Action("style.more", self.tr("Add another style…"), self.pictures.choose_more, "", "plus"),
            Action("style.mode", self.tr("Painted slowly, or in one pass"), self._other_mode, "O", "refresh"),
            Action("style.folder", self.tr("Paint a whole folder…"), self.passing.paint_folder, "", "folder"),
        )

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        if self.state.mode == "pass":
            return self.passing.picture
        if self.running.running or self.running.is_looking():
            return self.running.looked_picture()
        return self.running.picture

    def model_line(self) -> str:
        if self.state.mode == "pass":
            card = self.passing.card
            return f"{card.title or card.name} · {self.tr('in one pass')}" if card is not None else ""
        name = (
            self.tr("fixed-seed features")
            if self.sha == FIXED_FEATURES
            else (self.card.title or self.card.name)
            if self.card is not None
            else ""
        )
        if not name:
            return ""
        size = self.tr("style transfer {0} px").format(self.state.run.size)
        return f"{name} · {self.tr('{0} layers').format(len(self.layers))} · {size}"

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        self.pictures.take(pixels, title)
        return True

    def accept_model(self, card: ModelCard) -> bool:
        if card.role == "features":
            self.settings.use_network(card.sha256)
            self.settings.section.set_open(True)
        elif card.role == "stylizer":
            self.passing.use(card.sha256)
        else:
            return False
        return True

    def accept_request(self, request: msgspec.Struct) -> bool:
        self.bank.forget_missing()
        fields = recalled(self, request)
        if fields is not None:
            self.change(self.tr("Recall"), **fields)
        return fields is not None

    # The session ---------------------------------------------------------------------------------------------

    @property
    def sha(self) -> str:
        """The feature network of requests."""
        return features_model(self.state.run.model, self.card)

    @property
    def precision(self) -> Precision:
        """The precision of requests."""
        return "exact" if self.studio.precision == "exact" else "fast"

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that have sliders."""
        return layers_of(None if self.sha == FIXED_FEATURES else self.card)

    def layers_of_model(self, sha: str) -> tuple[str, ...]:
        """The layers of another network."""
        return layers_of(self._features(sha))

    def _features(self, sha: str) -> ModelCard | None:
        card = None if sha == FIXED_FEATURES else self.studio.card(sha, "features")
        return card if card is not None and card.role == "features" else None

    def _find_model(self) -> None:
        model = self.state.run.model
        if model != self._found:  # looking through the library takes milliseconds
            self._found = model
            self.card = self._features(model)

    def request(self) -> Stylize | None:
        """What Start would ask for; None while something is missing."""
        state: StyleState = self.state
        if not state.run.content or not shown_look(state.run).styles:
            return None
        if self.card is None and self.sha != FIXED_FEATURES:
            return None
        return request_of(state, self.sha, self.layers, self.precision)

    def ready_sentence(self) -> str:
        """What stands beside Start: what is missing, or what the run takes."""
        state: StyleState = self.state
        if not state.run.content:
            return self.tr("Drop a picture to begin.")
        if not shown_look(state.run).styles:
            return self.tr("Drop a second picture: the style.")
        if self.card is None and self.sha != FIXED_FEATURES:
            return self.tr("Its feature network is missing: choose another under Run.")
        gone = [s.picture for s in shown_look(state.run).styles if self.bank.is_missing(s.picture)]
        if gone or self.bank.is_missing(state.run.content):
            return self.tr("A picture of this project is missing. Drop it again.")
        return self.forecasting.text

    def uses_look(self) -> bool:
        """Whether layers, masks and balance count (not in one pass)."""
        return bool(self.state.mode == "run")

    def uses_styles(self) -> bool:
        """Whether style pictures count."""
        return self.uses_look() or self.passing.wants_style

    def replace_state(self, text: str, state: StyleState) -> None:
        """The whole state as one undo step."""
        session = self.studio.document.session
        self.studio.document.edit(msgspec.structs.replace(session, style=state), text)
        if not self.active:
            self.show_all()

    def edit_run(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        """Change fields of the run; one that was recalled short goes its whole way again."""
        changes.setdefault("stop", self.state.run.stop if changes.keys() == {"colours"} else 0)
        run = msgspec.structs.replace(self.state.run, **changes)
        self.change(text, drag=drag or None, final=final, run=run)

    def edit_look(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        """Change fields of the look."""
        look = msgspec.structs.replace(shown_look(self.state.run), **changes)
        self.change(text, drag=drag or None, final=final, run=with_look(self.state, look))

    def show_all(self) -> None:
        """Bring every part to the session, silently."""
        state: StyleState = self.state
        self._find_model()
        self.passing.show_model(state)
        self.mode.set_current(state.mode)
        slow = state.mode == "run"
        for section in (self.settings.balance, self.settings.section, self.settings.advanced):
            section.setVisible(slow)
        self.board.board.setVisible(slow)
        for part in self.parts:
            part.show(state)
        if slow:
            if not self.running.running:
                self.forecasting.want()
        elif self.active:
            self.passing.ask()
        self.show_canvas()
        self.studio.picture_changed(self)

    def _picture_came(self, sha: str) -> None:
        self.pictures.show(self.state)
        self.running.picture_came(sha)
        self.running.show_bar()
        if self.state.mode == "pass" and self.active:
            self.passing.ask()
        self.show_canvas()

    # The canvas ----------------------------------------------------------------------------------------------

    def shown_picture(self) -> UInt8Image | None:
        """What stands on the canvas, when it is something that was painted."""
        return self._on_canvas()[0] if self._on_canvas()[2] else None

    def _on_canvas(self) -> tuple[UInt8Image | None, str, bool]:
        """Picture, caption, and whether it was painted (and is not the content itself)."""
        content = self.bank.get(self.state.run.content)
        if self.masks.painting:
            grows = self.running.live if self.running.running else None
            return (content if grows is None else grows), self.tr("where the style goes"), False
        if self.state.mode == "pass":
            painted = self.passing.picture
            if painted is not None:
                return painted[0], self.passing.caption(painted[1]), True
            return content, self.tr("content"), False
        looked = self.running.looked()
        if looked is not None:
            return looked[0], looked[1], True
        if self.running.running or self.running.live is not None:
            if self.running.live is not None:
                return self.running.live, self.running.caption(), True
            return content, self.running.caption(), False
        finished = self.running.finished()
        if finished is not None:
            return finished[0], self.running.caption(), True
        return content, self.tr("content"), False

    def show_canvas(self) -> None:
        """Show what is to be seen now: the run, an iterate, the last picture, or the content."""
        image, caption, painted = self._on_canvas()
        frame = self.frame_of(image)
        if image is not self.canvas.image() or frame != self._framed:
            self._framed = frame
            self.canvas.set_image(image, frame)
        self.canvas.set_caption(caption if image is not None else "")
        self._compare(painted)

    def frame_of(self, image: UInt8Image | None) -> tuple[int, int] | None:
        """The size of the finished picture: small pictures on the way fill the same frame."""
        content = self.bank.get(self.state.run.content)
        if image is None or content is None:
            return None
        height, width = content.shape[:2]
        size = self.state.run.size if self.state.mode == "run" else max(image.shape[:2])
        run = self.running.sent or (self.running.picture[1] if self.running.picture else None)
        if run is not None and self.state.mode == "run":
            size = run.size
        scale = size / max(height, width)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _compare(self, painted: bool | None = None) -> None:
        """The content is what a result is compared with, unless the person chose another picture."""
        painted = self._on_canvas()[2] if painted is None else painted
        content = self.bank.get(self.state.run.content) if painted else None
        if self.canvas.mode() != "single" and not self._own_compare:
            return
        if content is self._compared and self._own_compare:
            return
        self._compared = content
        self._own_compare = True
        self.canvas.set_compare(content, self.tr("content"), self.tr("now"))

    # Doing ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Ctrl+Enter: begin what this mode does."""
        if self.state.mode == "pass":
            self.passing.paint()
        elif self.request() is None:
            self.studio.notify(self.ready_sentence())
        else:
            self.running.start()

    def stop(self) -> None:
        """End what goes on."""
        if self.state.mode == "pass":
            self.passing.stop()
        else:
            self.running.stop()

    def busy(self) -> bool:
        """Whether a run or a painting goes on."""
        return self.running.running or self.passing.running

    def end_gently(self, job: int) -> bool:
        return self.running.end_gently(job)

    def _can_start(self) -> bool:
        return not self.busy()

    def _runs(self) -> bool:
        return bool(self.state.mode == "run")

    def _pause(self) -> None:
        self.running.pause(not self.running.paused)

    def _mask(self) -> None:
        if self.masks.painting:
            self.masks.leave()
        else:
            self.masks.begin()

    def _other_mode(self) -> None:
        self.change(self.tr("Another way of painting"), mode="pass" if self.state.mode == "run" else "run")

    def show_bar(self) -> None:
        """Buttons and words below the canvas."""
        self.running.show_bar()

    def title_of(self) -> str:
        """A short name of what is painted: "harbour × waves"."""
        state: StyleState = self.state
        styles = shown_look(state.run).styles
        names = [state.content_name or self.tr("content"), *(s.name for s in styles[:1] if s.name)]
        return " × ".join(names)

    # Jobs ----------------------------------------------------------------------------------------------------

    def work_begins(self) -> None:
        """Something that was asked for begins: thumbnails and estimates wait."""
        self.board.stop_thumbs()
        self.forecasting.stop()

    def work_ends(self) -> None:
        """It is over: thumbnails may go on."""
        self.forecasting.want()
        self.board.want_thumbs()

    def others_work(self) -> bool:
        """Whether any long job goes on that is not a thumbnail of ours."""
        return any(view.lane == "long" and view.key != "style.thumbs" for view in self.studio.worker.jobs())

    def _jobs_changed(self) -> None:
        if self.board.makes_thumbs() and self.others_work():
            self.board.stop_thumbs()
            self.board.want_thumbs()

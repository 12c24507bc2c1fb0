"""In one pass: a network that has learned to paint, live by its strength, for one picture or a folder of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QWidget

from studio.base.steps import Preview, UInt8Image
from studio.panels.style.batch import Painted, painter
from studio.panels.style.part import Part
from studio.panels.style.values import shown_look
from studio.project.session import StyleState
from studio.project.style import Paint
from studio.widgets.parts import icon_button, label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.panels.style.panel import StylePanel

LIVE = 512
"""While sliders move the picture is painted with at most this many pixels on its longer side."""
LARGEST = 8192


class Passing(Part):
    """The sections of this mode, and its pictures."""

    keys = frozenset({"paint", "paint_full", "batch"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.card: ModelCard | None = None
        self.picture: tuple[UInt8Image, Paint] | None = None
        self._found: str | None = None
        self._job = self._batch = -1
        self.section = Section(tr("Painter"), tr("one pass, at once"))
        self.box = QComboBox()
        self.box.setAccessibleName(tr("Painter"))
        self.box.setToolTip(tr("A network that has learned to paint. Drop a model file on the window to add one."))
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choose = QWidget()
        row = QHBoxLayout(choose)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.box, 1)
        row.addWidget(icon_button("plus", tr("Open a model file"), self.studio.open_model_dialog, framed=True))
        self.said = label("", "dim", wrap=True)
        self.strength = NumberSlider(
            tr("Strength"), 0.0, 1.0, 1.0, 0.01, 2, tip=tr("0: the picture itself. 1: all of the style.")
        )
        self.size = NumberSlider(
            tr("Size"), 0, LARGEST, 0, 16, 0, per_pixel=8, text_of=self._size_text, tip=tr("The longer side.")
        )
        for part in (choose, self.said, self.strength, self.size):
            self.section.add(part)
        self.folder = Section(tr("A whole folder"), tr("nothing is written over"), opened=False)
        self.run_folder = text_button(tr("Paint a folder…"), self.paint_folder, icon_name="folder")
        self.folder_note = label(
            tr("Every picture of a folder is painted with these settings into another folder."), "dim", wrap=True
        )
        self.folder.add(self.folder_note)
        self.folder.add(self.run_folder)
        self.box.activated.connect(lambda index: self.use(str(self.box.itemData(index) or "")))
        self.strength.value_changed.connect(
            lambda v, final: panel.change(tr("Strength"), drag="strength", final=final, strength=v)
        )
        self.size.value_changed.connect(
            lambda v, final: panel.change(tr("Size"), drag="paint_size", final=final, paint_size=int(v))
        )

    def _size_text(self, value: float) -> str:
        return f"{int(value)} px" if value else self.tr("as the picture")

    # Showing -------------------------------------------------------------------------------------------------

    def show_model(self, state: StyleState) -> None:
        """Which painter (before the other parts are shown: whether styles count depends on it)."""
        if state.painter != self._found:
            self._found = state.painter
            card = self.studio.card(state.painter, "stylizer")
            self.card = card if card is not None and card.role == "stylizer" else None

    def models_changed(self) -> None:
        """Models came or went: look again."""
        self._found = None

    def show(self, state: StyleState) -> None:
        on = state.mode == "pass"
        self.section.setVisible(on)
        self.folder.setVisible(on)
        if not on:
            return
        cards = self.studio.of_role("stylizer")
        sha = self.card.sha256 if self.card is not None else state.painter
        with QSignalBlocker(self.box):
            self.box.clear()
            for card in cards:
                self.box.addItem(card.title or card.name, card.sha256)
            at = self.box.findData(sha)
            if at < 0 and state.painter:
                refs = self.studio.document.session.models
                name = next((m.name for m in refs if m.sha256 == state.painter), self.tr("Model"))
                self.box.addItem(self.tr("%1 (missing)").replace("%1", name), state.painter)
                at = self.box.count() - 1
            self.box.setCurrentIndex(at)
        self.said.setText(self._sentence(state))
        self.strength.set_value(state.strength)
        self.size.set_value(state.paint_size)
        self.run_folder.setEnabled(self.card is not None)
        self.run_folder.setText(
            self.tr("Stop painting the folder") if self.panel.owns(self._batch) else self.tr("Paint a folder…")
        )

    def _sentence(self, state: StyleState) -> str:
        if self.card is None and state.painter:
            return self.tr("This painter is not on this computer. Choose another, or add its file.")
        if self.card is None:
            return self.tr("No painter is here yet. Add a style network by its file.")
        if self.wants_style:
            return self.tr("Paints in the style of the pictures above.")
        return self.tr("Knows one style by heart; the style pictures above do not count.")

    def ready_sentence(self) -> str:
        """What stands beside Paint."""
        state: StyleState = self.panel.state
        if self.card is None:
            return self._sentence(state)
        if not state.run.content:
            return self.tr("Drop a picture to begin.")
        if self.wants_style and not shown_look(state.run).styles:
            return self.tr("Drop a second picture: the style.")
        return self.tr("The canvas follows every change; Paint makes the full picture.")

    @property
    def wants_style(self) -> bool:
        """Whether the painter looks at the style pictures."""
        return self.card is not None and bool(self.card.hyper.get("wants_style", False))

    # Asking --------------------------------------------------------------------------------------------------

    def use(self, sha: str) -> None:
        """Another painter."""
        if sha and sha != self.panel.state.painter:
            self.panel.change(self.tr("Choose a painter"), painter=sha, mode="pass")

    def request(self, *, full: bool) -> Paint | None:
        """What is painted; ``full``: at the size that was chosen."""
        state: StyleState = self.panel.state
        if self.card is None or not state.run.content:
            return None
        styles = shown_look(state.run).styles if self.wants_style else ()
        if self.wants_style and not styles:
            return None
        size = state.paint_size
        if not full:
            content = self.panel.bank.get(state.run.content)
            if content is None:
                return None
            own = max(content.shape[:2])
            size = 0 if not size and own <= LIVE else min(size or LIVE, LIVE)
        return Paint(
            model=self.card.sha256,
            precision=self.panel.precision,
            picture=state.run.content,
            styles=styles,
            strength=state.strength,
            size=size,
            colours=state.run.colours,
        )

    def ask(self) -> None:
        """The live picture of the session."""
        request = self.request(full=False)
        if request is None:
            self.picture = None
        elif not self._shows(request):
            self.panel.live(request, "paint")

    def _shows(self, request: Paint) -> bool:
        if self.picture is None:
            return False
        # A finished picture in the full size says more than a live one.
        return self.picture[1] in (request, self.request(full=True))

    def paint(self) -> None:
        """At full size, into the history."""
        request = self.request(full=True)
        if request is not None and not self.panel.owns(self._job):
            self.panel.work_begins()
            self._job = self.panel.long(request, self.tr("Painting"), "paint_full")
            self.panel.show_bar()

    @property
    def running(self) -> bool:
        """Whether the full picture is being painted."""
        return self.panel.owns(self._job)

    def stop(self) -> None:
        """End it."""
        self.panel.cancel("paint_full")

    def caption(self, request: Paint) -> str:
        """A few words about a painted picture."""
        card = self.studio.card(request.model, "stylizer")
        name = (card.title or card.name) if card is not None else self.tr("painter")
        return f"{name} · {request.strength * 100:.0f} %"

    # A folder ------------------------------------------------------------------------------------------------

    def _ask_folder(self, key: str, title: str) -> Path | None:
        last = str(self.studio.settings.value(f"style/{key}", "") or "")
        name = QFileDialog.getExistingDirectory(self.panel.inspector, title, last)
        if not name:
            return None
        self.studio.settings.setValue(f"style/{key}", name)
        return Path(name)

    def paint_folder(self) -> None:
        """Choose two folders and begin, or stop."""
        if self.panel.owns(self._batch):
            self.panel.cancel("batch")
            return
        source = self._ask_folder("from", self.tr("Which folder is to be painted?"))
        target = self._ask_folder("to", self.tr("Where should the painted pictures go?")) if source else None
        if source is not None and target is not None:
            self.begin_folder(source, target)

    def begin_folder(self, source: Path, target: Path) -> None:
        """Paint every picture of ``source`` into ``target``."""
        request = self.request(full=True)
        if request is None:
            # A folder needs no picture on the canvas.
            state: StyleState = self.panel.state
            if self.card is None or (self.wants_style and not shown_look(state.run).styles):
                self.studio.notify(self.tr("Choose a painter and its style first."))
                return
            request = Paint(model=self.card.sha256, picture="", strength=state.strength, size=state.paint_size)
        self.panel.work_begins()
        self._batch = self.panel.call(painter(source, target, request), self.tr("Painting a folder"), "batch")
        self.show(self.panel.state)

    def _tell(self, painted: Painted) -> None:
        written, failed = len(painted.written), len(painted.failures)
        folder = painted.folder.name
        if not written and not failed:
            if painted.skipped:
                self.studio.notify(self.tr("All pictures of that folder are painted like this already."), good=True)
            else:
                self.studio.notify(self.tr("There is no picture in that folder."))
            return
        text = self.tr("{0} pictures were painted into “{1}”.").format(written, folder)
        if written == 1:
            text = self.tr("One picture was painted into “{0}”.").format(folder)
        if failed:
            named = "; ".join(f"{name}: {why}" for name, why in painted.failures[:3])
            more = self.tr("{0} could not be painted. {1}").format(failed, named)
            text = f"{text} {more}"
        self.studio.notify(text, good=not failed)

    # Jobs ----------------------------------------------------------------------------------------------------

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if key == "paint_full" and self.panel.state.mode == "pass":
            self.panel.canvas.set_image(preview.image, self.panel.frame_of(preview.image))

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "batch":
            self._tell(result)
            self.ended(key, job)
            return
        self.picture = (result.image, request)
        if key == "paint_full":
            self.studio.add_result(request, result.image, self.caption(request), self.panel.name)
            self.ended(key, job)
        self.panel.show_canvas()
        self.studio.picture_changed(self.panel)

    def ended(self, key: str, job: int) -> None:
        self._job = -1 if key == "paint_full" else self._job
        self._batch = -1 if key == "batch" else self._batch
        if key != "paint":
            self.panel.work_ends()
            self.show(self.panel.state)

    def recall(self, request: Paint) -> dict[str, Any]:
        """The fields of the state that make this picture again."""
        state: StyleState = self.panel.state
        look = shown_look(state.run)
        if request.styles:
            look = msgspec.structs.replace(look, styles=request.styles)
        run = msgspec.structs.replace(
            state.run, content=request.picture, look=look, changes=(), colours=request.colours
        )
        return {
            "mode": "pass",
            "run": run,
            "painter": request.model,
            "strength": request.strength,
            "paint_size": request.size,
            "examples": (),
            "content_name": "",
        }

"""A folder of pictures goes through, one after the other; what failed can be tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from studio.base.errors import StudioError
from studio.base.steps import Steps
from studio.engine.translate.batch import Batch, run_batch
from studio.media.folders import pictures_in
from studio.panels.translate.part import Part
from studio.panels.translate.values import template_of, with_label
from studio.project.session import TranslateState
from studio.project.translate import ReadLabels, Translate, Upscale
from studio.widgets.flow import FlowBox
from studio.widgets.jobstrip import time_left
from studio.widgets.parts import label, text_button
from studio.widgets.progressline import ProgressLine
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel
    from studio.worker.bridge import JobView

NAMED = 3
"""Failures that are told by name."""


def reads_each(changes: dict[int, float]) -> Callable[[Any, Any], Steps[Any]]:
    """Labels are read from each picture, and only what was changed by hand is changed in it."""

    def prepare(ctx: Any, request: Any) -> Steps[Any]:
        from studio.engine import registry

        asked = ReadLabels(model=request.model, precision=request.precision, picture=request.picture, size=request.size)
        found = yield from registry.start(ctx, asked)
        look = msgspec.structs.replace(request.look, labels=with_label(found.values, changes))
        return msgspec.structs.replace(request, look=look)

    return prepare


def goes_through(
    sources: Sequence[Path] | Path, target: Path, template: Translate | Upscale, changes: dict[int, float] | None
) -> Callable[[Any], Steps[Batch]]:
    """The job; ``sources``: files, or the folder that holds them; ``changes``: labels, for a many-domain model."""

    def run(ctx: Any) -> Steps[Batch]:
        files = pictures_in(sources) if isinstance(sources, Path) else list(sources)
        prepare = None if changes is None else reads_each(changes)
        return (yield from run_batch(ctx, files, target, template, prepare=prepare))

    return run


class Folder(Part):
    """The section Folder."""

    keys = frozenset({"batch"})

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self._job = -1
        self._task: tuple[Path, Translate | Upscale, dict[int, float] | None] | None = None
        self.done: Batch | None = None
        self._earlier: Batch | None = None
        self.section = Section(tr("Folder"), tr("nothing is written over"), opened=False)
        self.note = label(
            tr("Every picture of a folder goes through with these settings, into another folder."), "dim", wrap=True
        )
        self.line = ProgressLine()
        self.start = text_button(tr("Choose a folder…"), self.choose, icon_name="folder")
        self.again = text_button(tr("Try the failed ones again"), self.retry, icon_name="refresh")
        self.show_it = text_button(tr("Show in folder"), self.reveal, kind="quiet")
        self.does = FlowBox()
        for button in (self.start, self.again, self.show_it):
            self.does.add_part(button)
        for part in (self.note, self.line, self.does):
            self.section.add(part)

    @property
    def running(self) -> bool:
        """Whether a folder goes through now."""
        return self.panel.owns(self._job)

    def show(self, state: TranslateState) -> None:
        running = self.running
        self.start.setText(self.tr("Stop") if running else self.tr("Choose a folder…"))
        self.start.setEnabled(running or self.panel.card is not None)
        self.line.setVisible(running)
        self.again.setVisible(not running and self.done is not None and bool(self.done.failures))
        self.show_it.setVisible(not running and self.done is not None and bool(self.done.written))
        if not running:
            self.section.set_hint(self.tr("nothing is written over"))

    # Doing ---------------------------------------------------------------------------------------------------

    def _ask_folder(self, key: str, title: str) -> Path | None:
        last = str(self.studio.settings.value(f"translate/{key}", "") or "")
        name = QFileDialog.getExistingDirectory(self.panel.inspector, title, last)
        if not name:
            return None
        self.studio.settings.setValue(f"translate/{key}", name)
        return Path(name)

    def choose(self) -> None:
        """Choose two folders and begin, or stop."""
        if self.running:
            self.panel.cancel("batch")
            return
        source = self._ask_folder("from", self.tr("Which folder is to go through?"))
        target = self._ask_folder("to", self.tr("Where should the pictures go?")) if source else None
        if source is not None and target is not None:
            self.begin(source, target)

    def begin(self, source: Path, target: Path) -> None:
        """Every picture of ``source`` into ``target``."""
        template = template_of(self.panel.state, self.panel.modelling.models, self.panel.precision)
        if template is None:
            self.studio.notify(self.panel.modelling.sentence() or self.tr("Choose a model first."))
            return
        self._earlier = self.done = None
        self._task = (target, template, self.panel.labels.changes() if self.panel.labels.count else None)
        self._run(source)

    def retry(self) -> None:
        """What failed, once more."""
        if self.done is not None and self._task is not None and not self.running:
            self._earlier = self.done
            self._run(self.done.failed)

    def _run(self, sources: Sequence[Path] | Path) -> None:
        assert self._task is not None
        target, template, changes = self._task
        title = self.tr("Enlarging a folder") if isinstance(template, Upscale) else self.tr("Translating a folder")
        self._job = self.panel.call(goes_through(sources, target, template, changes), title, "batch")
        self.section.set_open(True)
        self.line.set_part(0.0)
        self.note.setText(self.tr("The pictures go into “{0}”.").format(target.name))
        self.show(self.panel.state)

    def reveal(self) -> None:
        """The folder in the file manager."""
        if self.done is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.done.folder)))

    def sentence(self, done: Batch) -> str:
        """What became of a folder."""
        written, skipped, failed = len(done.written), len(done.skipped), len(done.failures)
        if not written and not skipped and not failed:
            return self.tr("There is no picture in that folder.")
        parts = [
            self.tr("One picture went into “{0}”.").format(done.folder.name)
            if written == 1
            else self.tr("{0} pictures went into “{1}”.").format(written, done.folder.name)
        ]
        if skipped:
            parts.append(self.tr("{0} were there already.").format(skipped))
        if failed:
            named = "; ".join(f"{failure.name}: {failure.why}" for failure in done.failures[:NAMED])
            parts.append(self.tr("{0} did not work. {1}").format(failed, named))
        return " ".join(parts)

    # Jobs ----------------------------------------------------------------------------------------------------

    def progress(self, key: str, job: int, view: JobView) -> None:
        if not view.total:
            return
        self.line.set_part(view.done / view.total)
        count = self.tr("{0} of {1}").format(min(view.done + 1, view.total), view.total)
        self.section.set_hint(" · ".join(filter(None, (count, time_left(view.eta_s)))))

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        self._job = -1
        self.done = result if self._earlier is None else self._earlier.joined(result)
        text = self.sentence(self.done)
        self.note.setText(text)
        self.studio.notify(text, good=not self.done.failures and bool(self.done.written or self.done.skipped))
        self.show(self.panel.state)

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        self.note.setText(str(error))
        return False

    def ended(self, key: str, job: int) -> None:
        self._job = -1
        self.show(self.panel.state)

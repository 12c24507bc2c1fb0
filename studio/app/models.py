"""The models at hand, as the window sees them: cards, imports, and those that a project misses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from studio.app.calls import Calls
from studio.app.dialogs import Dialog
from studio.app.document import Document
from studio.app.files import Files
from studio.base.errors import StudioError
from studio.checkpoints.card import ModelCard, Role
from studio.checkpoints.library import SUFFIXES, Library
from studio.project.session import ModelRef, Session, models_of
from studio.project.style import FIXED_FEATURES
from studio.widgets.parts import label

if TYPE_CHECKING:
    from studio.worker.bridge import Worker

PATTERNS = "(" + " ".join(f"*{suffix}" for suffix in SUFFIXES) + ")"


def used_models(session: Session) -> set[str]:
    """The sha256 of every model that something in the session needs ("" for the embedded one is left out)."""
    found = chosen_models(session)
    found.update(mark.model for mark in session.bookmarks)
    for item in session.gallery:
        found.update(models_of(item.request))
    return found - {"", FIXED_FEATURES}


def chosen_models(session: Session) -> set[str]:
    """The sha256 of the models that the workspaces are set to ("" for embedded ones)."""
    style, translate = session.style, session.translate
    return {
        *(session.explore.model, session.mix.model, session.morph.model, style.run.model, style.painter),
        *(translate.model, translate.back, translate.upscaler),
    }


class Models(QObject):
    """``changed`` after imports, removals and finds; ``imported(card)`` for a model that may be used now."""

    changed = Signal()
    imported = Signal(object)

    def __init__(
        self,
        library: Library,
        document: Document,
        worker: Worker,
        calls: Calls,
        files: Files,
        notify: Callable[..., object],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self.library = library
        self._document, self._calls, self._files, self._notify = document, calls, files, notify
        self._window, self._worker = window, worker
        self._entries: list[ModelCard] | None = None
        document.changed.connect(self._note_used)
        document.replaced.connect(self._tell_missing)

    # Reading -------------------------------------------------------------------------------------------------

    def entries(self) -> list[ModelCard]:
        """All models, embedded first."""
        if self._entries is None:
            self._entries = list(self.library.entries())
        return self._entries

    def card(self, model: str, role: Role = "generator") -> ModelCard | None:
        """By sha256; "" is the embedded default of ``role``; None when it is missing."""
        if not model:
            return self.library.default(role)
        return next((card for card in self.entries() if card.sha256 == model), None)

    def of_role(self, role: Role) -> list[ModelCard]:
        """The usable models with this role, embedded first."""
        return [card for card in self.entries() if card.role == role and card.usable]

    def missing(self) -> list[ModelRef]:
        """The models that the project needs and this computer does not have."""
        known = {ref.sha256: ref for ref in self._document.session.models}
        here = {card.sha256 for card in self.entries()}
        absent = sorted(used_models(self._document.session) - here)
        return [known.get(sha, ModelRef(sha256=sha, name=sha[:12])) for sha in absent]

    def anything_missing(self) -> bool:
        """Whether the project misses a model."""
        return bool(self.missing())

    # Changing ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again at what is there."""
        self._entries = None
        self.changed.emit()

    def import_dialog(self) -> None:
        """Choose model files and import them."""
        words = self.tr("Models")
        self.import_files(
            self._files.choose("model", self.tr("Add models"), f"{words} {PATTERNS}", several=True), use=True
        )

    def import_files(self, paths: Iterable[Path], *, use: bool = True) -> None:
        """Import files one after the other off the UI thread; the last one that came in is used when asked."""
        for path in paths:
            self._calls.start(
                lambda _, path=path: self.library.import_file(path),  # type: ignore[misc]
                self.tr("Adding the model “{name}”").format(name=path.name),
                lambda card: self._came_in(card, use),
            )

    def remove(self, card: ModelCard) -> None:
        """Take an imported model out of the library (the original file stays where it is)."""
        self._calls.start(
            lambda _: self.library.remove(card.sha256),
            self.tr("Removing “{name}”").format(name=card.title or card.name),
            lambda _: self.refresh(),
        )

    def assume(self, card: ModelCard, name: str, value: object) -> None:
        """The person knows better what the file does not say; pictures are made anew."""
        self._calls.start(
            lambda _: self.library.set_assumptions(card.sha256, {name: value}),
            self.tr("Reading “{name}” again").format(name=card.title or card.name),
            lambda _: self._again(),
        )

    def rename(self, card: ModelCard, title: str) -> None:
        """Another title for an imported model."""
        self._calls.start(lambda _: self.library.rename(card.sha256, title), "", lambda _: self.refresh(), where="io")

    def find_missing(self) -> None:
        """Show what is missing and search a folder for it."""
        absent = self.missing()
        if absent:
            MissingModels(self._window, absent, self._search).open()

    def _search(self, refs: list[ModelRef]) -> None:
        folder = self._files.folder("models", self.tr("Where might the missing models be?"))
        if folder is None:
            return
        for ref in refs:
            self._calls.start(
                lambda _, ref=ref: self.library.relink(ref, folder),  # type: ignore[misc]
                self.tr("Looking for “{name}”").format(name=ref.name),
                lambda found, ref=ref: self._searched(ref, found),  # type: ignore[misc]
            )

    def _searched(self, ref: ModelRef, found: Any) -> None:
        if found is None:
            self._notify(
                StudioError(
                    self.tr("“{name}” is not in that folder.").format(name=ref.name),
                    self.tr("Every file was compared by its content, so another name would not have mattered."),
                    self.tr("Try another folder, or ask whoever made the project for the file."),
                )
            )
            return
        self._calls.start(
            lambda _: self.library.import_file(found),
            self.tr("Adding the model “{name}”").format(name=ref.name),
            lambda card: self._found(ref, card),
        )

    def _found(self, ref: ModelRef, card: ModelCard) -> None:
        self._notify(self.tr("“{name}” was found.").format(name=ref.name), good=True)
        self._again()

    def _again(self) -> None:
        """Whatever shows a picture of a model asks for it again."""
        self._worker.free_memory()
        self.refresh()

    def _came_in(self, card: ModelCard, use: bool) -> None:
        self.refresh()
        self._notify(self.tr("“{name}” is in the library.").format(name=card.title or card.name), good=True)
        if use:
            self.imported.emit(card)

    # Following the document ----------------------------------------------------------------------------------

    def _note_used(self, before: Session, after: Session) -> None:
        chosen = chosen_models(after)
        if chosen_models(before) == chosen:
            return
        known = {ref.sha256 for ref in after.models}
        new: list[ModelRef] = []
        for sha in sorted(chosen - known - {"", FIXED_FEATURES}):
            card = self.card(sha)
            if card is not None:
                path = str(card.source or "")
                new.append(ModelRef(sha256=sha, name=card.name, path=path, architecture=card.architecture))
        if new:
            now = self._document.session
            self._document.amend(msgspec.structs.replace(now, models=(*now.models, *new)))

    def _tell_missing(self, notes: object) -> None:
        absent = self.missing()
        if absent:
            self.find_missing()


class MissingModels(Dialog):
    """Names what is missing and offers to search; the project stays usable either way."""

    def __init__(self, parent: QWidget, refs: list[ModelRef], search: Callable[[list[ModelRef]], object]) -> None:
        super().__init__(
            parent,
            self.tr("Models are missing"),
            self.tr(
                "This project was made with models that are not on this computer. Everything else is here, and all"
                " values are kept; only new pictures need the model."
            ),
            width=520,
        )
        for ref in refs:
            name = label(ref.name, "heading")
            detail = " · ".join(part for part in (ref.architecture, ref.path) if part)
            more = label(detail or self.tr("known by {sha}").format(sha=ref.sha256[:12]), "dim", wrap=True)
            more.setToolTip(ref.sha256)
            self.body.addWidget(name)
            self.body.addWidget(more)
        self.body.addStretch(1)
        self.add_close(self.tr("Go on without"))
        self.search = self.add_button(self.tr("Search a folder …"), lambda: self._go(search, refs), kind="primary")

    def _go(self, search: Callable[[list[ModelRef]], object], refs: list[ModelRef]) -> None:
        self.accept()
        search(refs)

"""New, open, save, recent, and the question about unsaved changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.app.dialogs import Question, ask
from studio.app.document import Document
from studio.app.settings import Settings
from studio.base.errors import StudioError

SUFFIX = ".studio"


class Files(QObject):
    """What the File menu does with projects."""

    def __init__(
        self,
        document: Document,
        settings: Settings,
        window: QWidget,
        notify: Callable[[StudioError | str], object],
        leave: Callable[[Callable[[], object]], object],
    ) -> None:
        """``leave(then)`` asks about what another project would end, and goes on with ``then``."""
        super().__init__(window)
        self._document, self._settings, self._window, self._notify = document, settings, window, notify
        self._leave = leave
        self.question: Question | None = None
        document.saved.connect(self._saved)
        document.replaced.connect(self._replaced)
        document.noted.connect(lambda notes: self._notify("\n".join(notes)))
        document.failed.connect(notify)

    # Actions -------------------------------------------------------------------------------------------------

    def new(self) -> None:
        """An empty project."""
        self._leave(lambda: self.guarded(self._document.new))

    def open_dialog(self) -> None:
        """Choose a project and open it."""
        chosen = self.choose("project", self.tr("Open a project"), self.patterns())
        if chosen:
            self.open(chosen[0])

    def open(self, path: Path) -> None:
        """Open a project, after the questions about running jobs and unsaved changes."""
        self._leave(lambda: self.guarded(lambda: self._document.open(path)))

    def save(self) -> None:
        """Save; asks for a name the first time."""
        if not self._document.save():
            self.save_as()

    def save_as(self) -> None:
        """Save under another name."""
        self._save_as(None)

    def _save_as(self, then: Callable[[], object] | None) -> None:
        known = self._document.path
        name = known.name if known else self.tr("Untitled") + SUFFIX
        path = self.target("project", self.tr("Save the project"), self.patterns(), name)
        if path is not None:
            self._document.save(path, then)

    def guarded(self, then: Callable[[], object]) -> None:
        """Do ``then`` once nothing can be lost: at once, after saving, or after "Do not save"."""
        self._document.settling.emit()
        if not self._document.modified:
            then()
            return
        if self.question is not None:
            self.question.raise_()
            return

        def answered(key: str) -> None:
            self.question = None
            if key == "drop":
                then()
            elif key == "save" and not self._document.save(then=then):
                self._save_as(then)

        name = self._document.title
        self.question = ask(
            self._window,
            self.tr("Save the changes to “{name}”?").format(name=name),
            self.tr("Without saving, what you did since the last save is lost."),
            (
                ("drop", self.tr("Do not save"), "danger"),
                ("cancel", self.tr("Cancel"), "normal"),
                ("save", self.tr("Save"), "primary"),
            ),
            answered,
        )

    def fill_recent(self, menu: QMenu) -> None:
        """The submenu of recent projects."""
        part = menu.addMenu(self.tr("Recent projects"))
        for path in self._settings.recent():
            entry = part.addAction(path.stem)
            entry.setToolTip(str(path))
            entry.triggered.connect(lambda _=False, path=path: self.open(path))
        part.menuAction().setEnabled(not part.isEmpty())
        if not part.isEmpty():
            part.addSeparator()
            part.addAction(self.tr("Forget these")).triggered.connect(self._settings.clear_recent)

    # Dialogs that remember their folder ----------------------------------------------------------------------

    def patterns(self) -> str:
        """The filter of project files."""
        return self.tr("Latent Studio projects") + f" (*{SUFFIX})"

    def choose(self, purpose: str, title: str, patterns: str, *, several: bool = False) -> list[Path]:
        """Files to open; [] when cancelled."""
        folder = self._settings.folder(purpose)
        everything = f"{patterns};;{self.tr('All files')} (*)"
        if several:
            names, _ = QFileDialog.getOpenFileNames(self._window, title, folder, everything)
        else:
            name, _ = QFileDialog.getOpenFileName(self._window, title, folder, everything)
            names = [name] if name else []
        paths = [Path(name) for name in names]
        if paths:
            self._settings.remember_folder(purpose, paths[0])
        return paths

    def folder(self, purpose: str, title: str) -> Path | None:
        """A folder; None when cancelled."""
        name = QFileDialog.getExistingDirectory(self._window, title, self._settings.folder(purpose))
        if not name:
            return None
        self._settings.remember_folder(purpose, Path(name))
        return Path(name)

    def target(self, purpose: str, title: str, patterns: str, name: str) -> Path | None:
        """Where to write; the dialog asks before overwriting."""
        dialog = QFileDialog(self._window, title, self._settings.folder(purpose), patterns)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        # The suffix is added before the dialog asks about overwriting, so that no file is replaced unasked.
        dialog.setDefaultSuffix(Path(name).suffix.removeprefix("."))
        dialog.selectFile(name)
        accepted = dialog.exec() == QFileDialog.DialogCode.Accepted and dialog.selectedFiles()
        chosen = Path(dialog.selectedFiles()[0]) if accepted else None
        dialog.deleteLater()
        if chosen is not None:
            self._settings.remember_folder(purpose, chosen)
        return chosen

    # Following the document ----------------------------------------------------------------------------------

    def _saved(self, path: Path) -> None:
        self._settings.add_recent(path)

    def _replaced(self, notes: list[str]) -> None:
        if self._document.path is not None:
            self._settings.add_recent(self._document.path)
        if notes:
            self._notify("\n".join(notes))

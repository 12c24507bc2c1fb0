"""The one document: an immutable session, one undo stack, and the file it belongs to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from studio.app.calls import Lane
from studio.app.patch import patched
from studio.base.errors import StudioError
from studio.base.steps import UInt8Image, run
from studio.project import storage
from studio.project.assets import AssetStore
from studio.project.session import Session

SAME_GESTURE = 0.4
"""Seconds within which finished edits of one token still are one gesture (wheel ticks, held arrow keys)."""
UNDO_LIMIT = 1000


class _Edit(QUndoCommand):
    """One step.  Steps of one ``gesture`` (0: none) merge."""

    def __init__(self, document: Document, before: Session, after: Session, text: str, gesture: int) -> None:
        super().__init__(text)
        self.document = document
        self.before, self.after = before, after
        self.gesture = gesture

    def id(self) -> int:
        return 1 if self.gesture else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Edit) or other.gesture != self.gesture:
            return False
        # Other hands may have amended the session between two moves of a drag: keep only the drag's difference.
        self.after = patched(self.after, other.before, other.after)
        self.setObsolete(self.after == self.before)
        return True

    def redo(self) -> None:
        self.document._apply(self.before, self.after)

    def undo(self) -> None:
        self.document._apply(self.after, self.before)


class _Gestures:
    """Numbers the drags, so that a new drag of the same control is a new undo step."""

    def __init__(self) -> None:
        self._token: str | None = None
        self._final = True
        self._time = 0.0
        self._number = 0

    def number(self, token: str | None, final: bool) -> int:
        """The number of the gesture that this edit belongs to; 0 for an edit that stands alone."""
        now = time.monotonic()
        goes_on = token == self._token and (not self._final or now - self._time <= SAME_GESTURE)
        self._token, self._final, self._time = token, final, now
        if token is None:
            return 0
        if not goes_on:
            self._number += 1
        return self._number

    def end(self) -> None:
        """Whatever comes next is a new gesture."""
        self._token = None


class Document(QObject):
    """Session, undo, file.  All methods are for the UI thread; files are read and written in ``lane``."""

    changed = Signal(object, object)
    """``(before, after)`` sessions, after every edit, undo, redo, amendment and opened file."""
    replaced = Signal(object)
    """Another project took the place: a list of sentences about what was found (missing things, migrations)."""
    noted = Signal(object)
    """Sentences about the opened project that were found out later (damaged pictures)."""
    file_changed = Signal()
    """Path, modified mark, read-only mark or saving state changed."""
    saved = Signal(object)
    """The path that was written."""
    failed = Signal(object)
    """A :class:`StudioError` of opening or saving; the document is unchanged."""
    settling = Signal()
    """The value is about to be saved, stepped back or judged: what a hand did and is still being kept comes now."""

    def __init__(self, lane: Lane, assets: AssetStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lane = lane
        self.assets = assets
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_LIMIT)
        self.preview: Callable[[], UInt8Image | None] = lambda: None
        """Gives the picture that a saved file shows of itself."""
        self._session = Session()
        self._saved = self._session
        self._path: Path | None = None
        self._read_only = False
        self._gestures = _Gestures()
        self._writing = 0
        self._reading = 0
        self._was_modified = False

    # Value ---------------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The value now."""
        return self._session

    @property
    def path(self) -> Path | None:
        """The project file; None before the first save."""
        return self._path

    @property
    def title(self) -> str:
        """The file's name, or "Untitled"."""
        return self._path.name if self._path else QCoreApplication.translate("Document", "Untitled")

    @property
    def read_only(self) -> bool:
        """Written by a newer program: look, and save under another name."""
        return self._read_only

    @property
    def modified(self) -> bool:
        """The value differs from the file's.  Which workspace is shown does not count."""
        now, saved = self._session, self._saved
        return now is not saved and msgspec.structs.replace(now, workspace=saved.workspace) != saved

    @property
    def saving(self) -> bool:
        """A save is on its way to the disk."""
        return self._writing > 0

    @property
    def opening(self) -> bool:
        """A file is being read."""
        return self._reading > 0

    def edit(self, session: Session, text: str, *, drag: str | None = None, final: bool = True) -> None:
        """Swap in ``session`` as one undo step; see :meth:`studio.panels.base.DocumentLike.edit`."""
        gesture = self._gestures.number(drag, final)
        if session != self._session:
            self.undo_stack.push(_Edit(self, self._session, session, text, gesture))

    def undo(self) -> None:
        """One step back; an unfinished drag ends with it."""
        self.settling.emit()
        self._gestures.end()
        self.undo_stack.undo()

    def redo(self) -> None:
        """One step forward."""
        self.settling.emit()
        self._gestures.end()
        self.undo_stack.redo()

    def undo_state(self) -> tuple[bool, bool]:
        """Whether there is something to take back, and something to do again."""
        return self.undo_stack.canUndo(), self.undo_stack.canRedo()

    def amend(self, session: Session) -> None:
        """Swap in ``session`` without an undo step (undo passes over what it changed)."""
        if session != self._session:
            self._swap(session)

    def begin(self, session: Session) -> None:
        """Swap in ``session``, whose changes are what a workspace starts with: nobody did it, so nothing is unsaved."""
        self._saved = patched(self._saved, self._session, session)
        self.amend(session)

    def _apply(self, before: Session, after: Session) -> None:
        self._swap(patched(self._session, before, after))

    def _swap(self, session: Session) -> None:
        before, self._session = self._session, session
        if before != session:
            self.changed.emit(before, session)
        self._tell_modified()

    def _tell_modified(self, *, force: bool = False) -> None:
        modified = self.modified
        if force or modified != self._was_modified:
            self._was_modified = modified
            self.file_changed.emit()

    # File ----------------------------------------------------------------------------------------------------

    def new(self) -> None:
        """An empty project (the caller has asked about unsaved changes)."""
        self._use(AssetStore())
        self._replace(Session(workspace=self._session.workspace), None, read_only=False, notes=[])

    def open(self, path: Path) -> None:
        """Read a project in the background; ``replaced`` or ``failed`` follows."""
        self._reading += 1
        self.file_changed.emit()

        def done(opened: storage.Opened) -> None:
            self._reading -= 1
            self._use(opened.assets)
            self._replace(opened.session, path, read_only=opened.read_only, notes=opened.notes)
            self._check(opened)

        def failed(error: StudioError) -> None:
            self._reading -= 1
            self.file_changed.emit()
            self.failed.emit(error)

        self.lane.submit(lambda: storage.load(path), done, failed, doing=self.tr("Opening the project"))

    def _check(self, opened: storage.Opened) -> None:
        """Opening compares only the first assets with their hashes; the rest is looked at now, in the background."""
        said = set(opened.notes)

        def done(notes: list[str]) -> None:
            fresh = [note for note in notes if note not in said]
            if fresh and self.assets is opened.assets:
                self.noted.emit(fresh)

        def check() -> list[str]:
            return run(storage.check_assets(opened.session, opened.assets))

        self.lane.submit(check, done, lambda error: self.failed.emit(error), doing=self.tr("Checking the project"))

    def restore(self, session: Session, assets: AssetStore, path: Path | None, *, read_only: bool = False) -> None:
        """Take over a recovered session: it belongs to ``path`` and is not saved yet."""
        self._use(assets)
        self._replace(session, path, read_only=read_only, notes=[])
        self._saved = Session(workspace="")
        self._tell_modified(force=True)

    def save(self, path: Path | None = None, then: Callable[[], object] | None = None) -> bool:
        """Write the value of this moment in the background; editing goes on.  ``then`` runs after success.

        Without a ``path`` the document's own; False when there is none or the project is read-only.
        """
        target = path or self._path
        if target is None or (self._read_only and target == self._path):
            return False
        self.settling.emit()
        snapshot, assets, preview = self._session, self.assets, self.preview()
        self._writing += 1
        self.file_changed.emit()

        def write() -> None:
            storage.save(target, snapshot, assets, preview=_png(preview))

        def done(_: object) -> None:
            self._writing -= 1
            self._path, self._saved, self._read_only = target, snapshot, False
            self._tell_modified(force=True)
            self.saved.emit(target)
            if then is not None:
                then()

        def failed(error: StudioError) -> None:
            self._writing -= 1
            self.file_changed.emit()
            self.failed.emit(error)

        self.lane.submit(write, done, failed, doing=self.tr("Saving the project"))
        return True

    def _use(self, assets: AssetStore) -> None:
        """Another store takes the place; the old one lets go of its file."""
        old, self.assets = self.assets, assets
        if old is not assets:
            self.lane.submit(old.close, doing=self.tr("Closing the project"))

    def _replace(self, session: Session, path: Path | None, *, read_only: bool, notes: list[str]) -> None:
        self._gestures.end()
        self.undo_stack.clear()
        before, self._session, self._saved = self._session, session, session
        self._path, self._read_only = path, read_only
        self.replaced.emit(notes)
        if before != session:
            self.changed.emit(before, session)
        self._tell_modified(force=True)


def _png(pixels: UInt8Image | None) -> bytes | None:
    if pixels is None:
        return None
    import io

    from PIL import Image

    from studio.media.images import thumbnail

    buffer = io.BytesIO()
    Image.fromarray(thumbnail(pixels, 512)).save(buffer, "PNG")
    return buffer.getvalue()

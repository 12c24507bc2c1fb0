"""A safety copy after every pause in editing, and the question about copies that a crash left behind."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QDateTime, QLocale, QObject, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from studio.app.calls import Lane
from studio.app.dialogs import Dialog
from studio.app.document import Document
from studio.app.settings import Settings
from studio.base.errors import StudioError
from studio.project import recovery
from studio.project.recovery import Autosave, Recoverable
from studio.project.storage import Opened
from studio.widgets.parts import label, text_button

LONGEST_WAIT = 20.0
"""Seconds after which a copy is written although the editing has not paused."""


class Autosaver(QObject):
    """Follows the document.  The copy goes away when the document is saved or the program ends in order."""

    def __init__(
        self,
        document: Document,
        settings: Settings,
        lane: Lane,
        notify: Callable[[StudioError], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._settings, self.lane, self._notify = document, settings, lane, notify
        self._copy: Autosave | None = None
        self._since: float | None = None
        self._told = False
        self._busy = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.write)
        document.changed.connect(self._touch)
        document.saved.connect(self._touch)
        document.replaced.connect(self._touch)

    def _touch(self, *_: object) -> None:
        now = time.monotonic()
        self._since = self._since or now
        pause = float(self._settings.get("autosave_seconds"))
        left = max(0.0, LONGEST_WAIT - (now - self._since))
        self._timer.start(round(1000 * min(pause, left)))

    def write(self, then: Callable[[], object] | None = None) -> None:
        """Write the copy now (off the UI thread), or remove it when everything is in the file."""
        if self._busy:  # the disk is slower than the person: take the newest value when it is ready
            self._timer.start(500)
            return
        self._timer.stop()
        self._since = None
        document = self._document
        session, assets, path, title = document.session, document.assets, document.path, document.title
        modified = document.modified
        if not modified and self._copy is None:
            return
        self._busy = True

        def work() -> None:
            if self._copy is None:
                self._copy = Autosave()
            if modified:
                self._copy.write(session, assets, original=path, title=title)
            else:
                self._copy.clear()

        def done(_: object) -> None:
            self._busy = self._told = False
            if then is not None:
                then()

        def failed(error: StudioError) -> None:
            self._busy = False
            if not self._told:  # once, not every two seconds
                self._told = True
                self._notify(error)

        self.lane.submit(work, done, failed, doing=self.tr("Writing the safety copy"))

    def close(self) -> None:
        """The program ends in order: the copy is not needed any more."""
        self._timer.stop()
        if self._copy is not None:
            self._copy.close()
            self._copy = None


class Recovery(QObject):
    """Looks for copies that a crash left and carries out what the person decides about them."""

    def __init__(
        self,
        document: Document,
        autosaver: Autosaver,
        lane: Lane,
        notify: Callable[..., object],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._autosaver, self._lane, self._notify = document, autosaver, lane, notify
        self._window = window
        self.dialog: RecoveryDialog | None = None

    def look(self) -> None:
        """Search in the background; ask when there is something."""
        self._lane.submit(recovery.list_recoverable, self._found, doing=self.tr("Looking for safety copies"))

    def _found(self, entries: list[Recoverable]) -> None:
        if entries:
            self.dialog = RecoveryDialog(self._window, entries, self)
            self.dialog.open()

    def restore(self, entry: Recoverable, *, keep: bool) -> None:
        """Open a copy in place of the document.  ``keep``: only to look at it; the copy stays as it is."""

        def done(opened: Opened) -> None:
            path = None if keep else opened.path
            self._document.restore(opened.session, opened.assets, path, read_only=opened.read_only and not keep)
            if opened.notes:
                self._notify("\n".join(opened.notes))
            if not keep:
                # Only when the new copy is on the disk may the old one go: a second crash loses nothing either.
                self._autosaver.write(then=lambda: self.discard(entry))

        self._lane.submit(lambda: recovery.restore(entry), done, doing=self.tr("Restoring"))

    def discard(self, entry: Recoverable) -> None:
        """Remove a copy for good."""
        self._lane.submit(lambda: recovery.discard(entry), doing=self.tr("Removing the safety copy"))


class RecoveryDialog(Dialog):
    """One row for each copy: restore, look, discard."""

    def __init__(self, parent: QWidget, entries: list[Recoverable], recover: Recovery) -> None:
        super().__init__(
            parent,
            self.tr("Not everything was saved"),
            self.tr("The program ended unexpectedly the last time. What you did was kept in safety copies."),
            width=620,
        )
        self._recover = recover
        self._left = len(entries)
        self.rows: list[dict[str, QPushButton]] = []
        for entry in entries:
            self.body.addWidget(self._row(entry))
        self.body.addStretch(1)
        self.add_close(self.tr("Decide later"))

    def _row(self, entry: Recoverable) -> QWidget:
        frame = QFrame()
        row = QHBoxLayout(frame)
        row.setContentsMargins(0, 6, 0, 6)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(entry.title or self.tr("Untitled"), "heading"))
        when = QLocale().toString(_date(entry.time), QLocale.FormatType.ShortFormat)
        where = str(entry.original) if entry.original else self.tr("never saved")
        words.addWidget(label(entry.problem or f"{when} · {where}", "error" if entry.problem else "dim", wrap=True))
        row.addLayout(words, 1)
        buttons: dict[str, QPushButton] = {}
        if not entry.problem:
            buttons["restore"] = text_button(
                self.tr("Restore"), kind="primary", tip=self.tr("Go on where you were; saving writes to the project.")
            )
            buttons["restore"].clicked.connect(lambda: self._take(entry, keep=False))
            buttons["show"] = text_button(
                self.tr("Show"), tip=self.tr("Look at it as an untitled project; the copy stays until you decide.")
            )
            buttons["show"].clicked.connect(lambda: self._take(entry, keep=True))
        discard = text_button(self.tr("Discard"), kind="danger")
        discard.clicked.connect(lambda: self._discard(entry, frame, discard))
        buttons["discard"] = discard
        for button in buttons.values():
            row.addWidget(button)
        self.rows.append(buttons)
        return frame

    def _take(self, entry: Recoverable, *, keep: bool) -> None:
        self._recover.restore(entry, keep=keep)
        self.accept()

    def _discard(self, entry: Recoverable, frame: QWidget, button: QPushButton) -> None:
        sure = self.tr("Really discard")
        if button.text() != sure:
            button.setText(sure)
            return
        self._recover.discard(entry)
        frame.hide()
        self._left -= 1
        if self._left == 0:
            self.accept()


def _date(seconds: float) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(seconds))

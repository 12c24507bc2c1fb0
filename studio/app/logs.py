"""One funnel for everything that goes wrong or is worth noting: log file, log viewer, notices, crash file."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from studio.base import paths
from studio.base.errors import StudioError, as_studio_error

log = logging.getLogger("studio")
KEPT = 2000
"""Records that the viewer can show."""
QUIET_SECONDS = 5.0
"""The same fault within this time is told once (a fault in a paint or timer handler comes sixty times a second)."""
_NOISE = ("propagateSizeHints", "QSocketNotifier", "Could not parse application stylesheet ''")


@dataclass(frozen=True, slots=True)
class Line:
    """One log record as text.  ``time`` in seconds since the epoch, ``level`` as in :mod:`logging`."""

    time: float
    level: int
    source: str
    text: str


class LogBook(QObject):
    """The last records, readable from the UI thread; ``added(Line)`` arrives there whatever thread logged."""

    added = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def put(self, line: Line) -> None:
        """Any thread."""
        with self._lock:
            self.lines.append(line)
        try:
            self.added.emit(line)
        except RuntimeError:  # the application is closing: the file still has the line
            pass

    def snapshot(self) -> list[Line]:
        """All kept records, oldest first."""
        with self._lock:
            return list(self.lines)


class _BookHandler(logging.Handler):
    def __init__(self, book: LogBook) -> None:
        super().__init__()
        self._book = book

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._book.put(Line(record.created, record.levelno, record.name, text))


class Funnel(QObject):
    """Catches what nothing else caught, logs it, and hands it on as a :class:`StudioError` in the UI thread."""

    fault = Signal(object)

    def __init__(self, book: LogBook, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.book = book
        self._handlers: list[logging.Handler] = []
        self._old: tuple[Any, Any, Any] | None = None
        self._old_qt: Any = None
        self._crash: IO[str] | None = None
        self._had_faulthandler = False
        self._told: dict[str, float] = {}
        self.crashed_before = ""
        """What the faulthandler left behind when the program last died ("" after a quiet end)."""

    def install(self, folder: Path | None = None) -> None:
        """Log to ``folder`` (rotated files) and to the book, and take over every hook.  Before the first widget."""
        folder = folder or paths.log_dir()
        root = logging.getLogger()
        to_file = RotatingFileHandler(folder / "studio.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8")
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        self._handlers = [to_file, _BookHandler(self.book)]
        for handler in self._handlers:
            root.addHandler(handler)
        root.setLevel(logging.INFO)
        logging.captureWarnings(True)
        self._old = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._exception
        threading.excepthook = self._thread_exception
        sys.unraisablehook = self._unraisable
        self._old_qt = qInstallMessageHandler(_qt_message)
        self._open_crash_file(folder / "crash.txt")

    def uninstall(self) -> None:
        """Put everything back (the end of the program, and of each test)."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        self._handlers = []
        logging.captureWarnings(False)
        if self._old is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._old
            self._old = None
        qInstallMessageHandler(self._old_qt)
        if self._crash is not None:
            faulthandler.disable()
            self._crash.close()
            self._crash = None
            if self._had_faulthandler:
                faulthandler.enable()

    def report(self, exc: BaseException, doing: str = "This step") -> None:
        """Log ``exc`` and tell it once; any thread."""
        error = as_studio_error(exc, doing=doing)
        log.error("%s", error.sentence(), exc_info=(type(exc), exc, exc.__traceback__))
        key = f"{type(exc).__name__}|{error.what}|{error.why}"
        now = time.monotonic()
        if now - self._told.get(key, float("-inf")) < QUIET_SECONDS:
            return
        self._told[key] = now
        self.fault.emit(error)

    def _open_crash_file(self, file: Path) -> None:
        try:
            self.crashed_before = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
            if self.crashed_before:
                log.error("the program died the last time:\n%s", self.crashed_before)
            self._crash = file.open("w", encoding="utf-8")
            self._had_faulthandler = faulthandler.is_enabled()
            faulthandler.enable(self._crash)
        except OSError as exc:
            log.warning("no crash file: %s", exc)

    def _exception(self, kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, exc, trace)
            return
        self.report(exc.with_traceback(trace))

    def _thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self.report(args.exc_value)

    def _unraisable(self, args: Any) -> None:
        # Faults while something is taken apart harm nothing that is shown: they go to the log only.
        log.error("%s", args.err_msg or "fault while cleaning up", exc_info=(args.exc_type, args.exc_value, None))


_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def _qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    if not any(part in message for part in _NOISE):
        logging.getLogger("qt").log(_LEVELS.get(kind, logging.INFO), "%s", message)


def guard_streams() -> None:
    """Give the program streams where it has none (a windowed program on Windows), so that a print cannot kill it."""
    import os

    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - lives with the program


def connect_notices(funnel: Funnel, notify: Any) -> None:
    """Show every fault as a notice; queued, since a fault can come from the middle of a paint."""
    funnel.fault.connect(notify, Qt.ConnectionType.QueuedConnection)


__all__ = ["Funnel", "Line", "LogBook", "StudioError", "connect_notices", "guard_streams"]

"""Starting the window: hooks first, then the window, then everything that takes time.

Nothing here or below may import torch: the window has to be on the screen within a second, and torch alone takes
longer than that.  It is loaded in the worker's thread after the first paint.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.base import paths
from studio.base.errors import StudioError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from studio.app.logs import Funnel
    from studio.app.window import MainWindow

log = logging.getLogger(__name__)


def display_problem() -> str:
    """A sentence when this machine has no display to open a window on; "" when it has one."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return ""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return ""
    return (
        "There is no display here to open a window on. Without one these work: studio render, studio explore,"
        " studio mix, studio walk, studio models, studio info, studio doctor (each with --help)."
    )


def run_window(argv: Sequence[str] = ()) -> int:
    """Open the window with the files in ``argv``; returns the exit code when it is closed."""
    import multiprocessing

    from studio.app.logs import Funnel, LogBook, guard_streams

    multiprocessing.freeze_support()
    guard_streams()
    problem = display_problem()
    if problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the only place where somebody can read it
        return 3
    options = _parse(argv)
    faulthandler.enable()
    app = _application()
    book = LogBook(app)
    funnel = Funnel(book, app)
    funnel.install()
    try:
        return _run(app, funnel, book, options)
    except StudioError as error:
        funnel.report(error)
        print(error.sentence(), file=sys.stderr)  # noqa: T201
        return 1
    finally:
        funnel.uninstall()


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="studio", description="Open the window of Latent Studio.")
    parser.add_argument("files", nargs="*", type=Path, help="projects, pictures, models to open")
    return parser.parse_args(list(argv))


def _application() -> QApplication:
    """The one QApplication, named and scaled; the settings' scale must be known before it exists."""
    from PySide6.QtCore import QCoreApplication, QSettings, Qt
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QCoreApplication.setOrganizationName("LatentStudio")
    QCoreApplication.setApplicationName(paths.APP_NAME)
    stored = QSettings(str(paths.data_dir() / "settings.ini"), QSettings.Format.IniFormat)
    percent = str(stored.value("interface_percent", 100))
    if percent.isdigit() and percent != "100" and "QT_SCALE_FACTOR" not in os.environ:
        os.environ["QT_SCALE_FACTOR"] = str(max(75, min(250, int(percent))) / 100)
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    return QApplication([paths.APP_NAME])


def build(app: QApplication, book: object) -> MainWindow:
    """The window with its worker, not yet shown (also for tests and screenshots)."""
    from studio.app import language
    from studio.app.logs import LogBook
    from studio.app.settings import Settings
    from studio.app.window import MainWindow
    from studio.checkpoints.library import Library
    from studio.project.assets import AssetStore
    from studio.widgets.theme import apply_theme
    from studio.worker.bridge import Worker

    settings = Settings(parent=app)
    language.install(str(settings.get("language")))
    apply_theme(app)
    assets, library = AssetStore(), Library(paths.weights(), paths.models_dir())
    megabytes = int(settings.get("memory_mb"))
    worker = Worker(
        assets=assets,
        library=library,
        device=str(settings.get("device")),
        precision="exact" if settings.get("precision") == "exact" else "fast",
        budget_bytes=megabytes << 20 or None,
        parent=app,
    )
    assert isinstance(book, LogBook)
    return MainWindow(worker, assets, library, settings, book)


def _run(app: QApplication, funnel: Funnel, book: object, options: argparse.Namespace) -> int:
    from PySide6.QtCore import QTimer

    from studio.app.logs import connect_notices

    window = build(app, book)
    connect_notices(funnel, window.notify)
    window.show()

    def after_first_paint() -> None:
        window.begin()
        window.recovery.look()
        if options.files:
            window.intake.take([file.expanduser() for file in options.files])
        if funnel.crashed_before:
            log.info("the last run ended in a crash; its trace is in the log above")

    QTimer.singleShot(0, after_first_paint)
    code = app.exec()
    window.worker.stop()
    window.document.assets.close()
    return code

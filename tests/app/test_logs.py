"""One funnel for everything that nobody caught."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, qWarning
from pytestqt.qtbot import QtBot

from studio.app.logs import Funnel, LogBook, guard_streams
from studio.app.logview import LogView
from studio.base.errors import StudioError


@pytest.fixture
def funnel(qtbot: QtBot, tmp_path: Path) -> Iterator[Funnel]:
    made = Funnel(LogBook())
    made.install(tmp_path)
    yield made
    made.uninstall()


def raise_and_hook(error: Exception) -> None:
    try:
        raise error
    except Exception:
        sys.excepthook(*sys.exc_info())


def test_an_uncaught_fault_is_logged_with_its_trace_and_told(funnel: Funnel, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(funnel.fault) as told:
        raise_and_hook(ValueError("broken"))
    error = told.args[0]
    assert isinstance(error, StudioError) and error.kind == "internal" and "ValueError" in error.detail
    assert "raise_and_hook" in (tmp_path / "studio.log").read_text()
    assert any("broken" in line.text for line in funnel.book.snapshot())


def test_a_fault_in_every_paint_is_told_once(funnel: Funnel) -> None:
    told: list[Any] = []
    funnel.fault.connect(told.append)
    for _ in range(50):
        raise_and_hook(ValueError("again"))
    raise_and_hook(ValueError("other"))
    assert len(told) == 2


def test_threads_warnings_and_qt_arrive_too(funnel: Funnel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(funnel.fault):
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", stacklevel=1)
    qWarning("from the depths of Qt")
    text = "\n".join(line.text for line in funnel.book.snapshot())
    assert "old ways" in text and "from the depths of Qt" in text


def test_everything_is_put_back(funnel: Funnel) -> None:
    hook = sys.excepthook
    funnel.uninstall()
    assert sys.excepthook is not hook
    funnel.uninstall()


def test_a_crash_leaves_its_trace_for_the_next_start(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "crash.txt").write_text("Fatal Python error: Segmentation fault")
    made = Funnel(LogBook())
    made.install(tmp_path)
    assert "Segmentation fault" in made.crashed_before
    made.uninstall()
    again = Funnel(LogBook())
    again.install(tmp_path)
    assert again.crashed_before == ""
    again.uninstall()


def test_a_program_without_streams_can_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    guard_streams()
    print("into nothing")
    sys.stdout.close()


def test_the_viewer_follows_and_filters(qtbot: QtBot) -> None:
    book = LogBook()
    funnel = Funnel(book)
    logger = logging.getLogger("test.viewer")
    view = LogView(None, book)
    qtbot.addWidget(view)
    from studio.app.logs import Line

    book.put(Line(0, logging.INFO, logger.name, "quiet"))
    book.put(Line(1, logging.ERROR, logger.name, "loud"))
    QCoreApplication.processEvents()
    assert "quiet" in view.text.toPlainText() and "loud" in view.text.toPlainText()
    view.level.setCurrentIndex(2)
    assert "quiet" not in view.text.toPlainText() and "loud" in view.text.toPlainText()
    view.level.setCurrentIndex(0)
    view.words.setText("QUIET")
    assert "quiet" in view.text.toPlainText() and "loud" not in view.text.toPlainText()
    del funnel

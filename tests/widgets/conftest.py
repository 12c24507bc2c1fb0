"""Every widget test has the theme, and may leave no timer running and no window open."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from studio.widgets.theme import apply_theme


@pytest.fixture(scope="session")
def themed(qapp: QApplication) -> QApplication:
    """The application with its looks."""
    apply_theme(qapp)
    return qapp


def _running() -> set[int]:
    return {id(t) for t in shiboken6.getAllValidWrappers() if isinstance(t, QTimer) and t.isActive()}


@pytest.fixture(autouse=True)
def nothing_left(themed: QApplication) -> Iterator[None]:
    """Fails a test that leaves a window or a running timer behind."""
    windows, timers = set(themed.topLevelWidgets()), _running()
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [w for w in themed.topLevelWidgets() if w not in windows and w.isVisible()]
    assert not left, f"windows left open: {left}"
    assert not _running() - timers, "a timer is still running"


@pytest.fixture
def shown(qtbot, themed: QApplication):  # type: ignore[no-untyped-def]
    """Show a widget at a size and give it back."""

    def show(widget: QWidget, width: int = 300, height: int = 200) -> QWidget:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        themed.processEvents()
        return widget

    return show


@pytest.fixture
def noise() -> npt.NDArray[np.uint8]:
    """A small picture without structure."""
    made: npt.NDArray[np.uint8] = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    return made

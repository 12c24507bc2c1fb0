"""A test that leaves a thread or a running timer behind fails."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QThread, QTimer
from shiboken6 import isValid


def leaks(known: set[threading.Thread]) -> list[str]:
    """Threads, running QThreads and active timers that should be gone."""
    found = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        # Python keeps a dummy for every foreign thread that it ever met, even when that thread is gone.
        if thread not in known and not isinstance(thread, threading._DummyThread)
    ]
    app = QCoreApplication.instance()
    main = app.thread() if app is not None else None
    for thing in gc.get_objects():
        kind = type(thing)
        if issubclass(kind, QThread) and isValid(thing) and thing != main and thing.isRunning():
            found.append(f"QThread {thing.objectName() or kind.__name__}")
        elif issubclass(kind, QTimer) and isValid(thing) and thing.isActive():
            found.append(f"QTimer of {type(thing.parent()).__name__}")
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare before and after."""
    known = set(threading.enumerate())
    yield
    if "qapp" in request.fixturenames or set(threading.enumerate()) - known:
        found = leaks(known)
        if found:
            pytest.fail("left behind: " + ", ".join(found))

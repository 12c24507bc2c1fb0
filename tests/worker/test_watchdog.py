"""The watchdog catches what it must: the counter-proof of every test that uses it."""

from __future__ import annotations

import threading
import time

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from pytestqt.qtbot import QtBot

from tests.worker.watchdog import Watchdog, smooth


def spin(milliseconds: int) -> None:
    """Run the event loop for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def scene_with(slot: object) -> None:
    """An event loop in which ``slot`` is called once."""
    QTimer.singleShot(60, slot)
    spin(300)


def test_a_quiet_loop_is_smooth(qtbot: QtBot) -> None:
    assert smooth(lambda: spin(300)).beats > 20


def sleeps() -> None:
    """A slot that waits for something."""
    time.sleep(0.12)


def computes() -> None:
    """A slot that computes."""
    until = time.thread_time() + 0.12
    while time.thread_time() < until:
        pass


def waits_for_a_lock() -> None:
    """A slot that waits for a lock which another thread holds."""
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(0.12, lock.release).start()
    with lock:
        pass


@pytest.mark.parametrize("slot", [sleeps, computes, waits_for_a_lock])
def test_a_blocking_slot_is_caught_and_named(qtbot: QtBot, slot: object) -> None:
    with pytest.raises(AssertionError, match="stands still") as caught:
        smooth(lambda: scene_with(slot), tries=2)
    assert slot.__name__ in str(caught.value)


def test_the_figure_is_about_right(qtbot: QtBot) -> None:
    with Watchdog() as dog:
        scene_with(sleeps)
    assert dog.worst > 0.1 and len(dog.stalls) >= 1


def test_a_stall_of_the_last_moment_counts(qtbot: QtBot) -> None:
    with Watchdog() as dog:
        spin(50)
        time.sleep(0.12)
    assert dog.worst > 0.1

"""After a crash: nothing that was done is lost, and the person decides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from studio.app.autosave import RecoveryDialog
from studio.app.window import MainWindow
from studio.base import paths
from studio.project import recovery
from studio.project.latents import Seed

CRASH = """
import msgspec, os, sys
from pathlib import Path
from studio.project.assets import AssetStore
from studio.project.latents import Seed
from studio.project.recovery import Autosave
from studio.project.session import ExploreState, Session
session = Session(explore=ExploreState(latent=Seed(seed=int(sys.argv[1]))))
original = Path(sys.argv[2]) if len(sys.argv) > 2 else None
Autosave().write(session, AssetStore(), original=original, title="lost")
os._exit(9)
"""


@pytest.fixture
def crash(personal_folders: Path) -> Callable[..., None]:
    """Another run of the program that died after its autosave."""

    def run(seed: int, original: Path | None = None) -> None:
        arguments = [str(seed), *([str(original)] if original else [])]
        done = subprocess.run([sys.executable, "-c", CRASH, *arguments], timeout=60)
        assert done.returncode == 9

    return run


def seed(window: MainWindow) -> int:
    latent = window.document.session.explore.latent
    assert isinstance(latent, Seed)
    return latent.seed


def edit(window: MainWindow, value: int) -> None:
    session = window.document.session
    state = msgspec.structs.replace(session.explore, latent=Seed(seed=value))
    window.document.edit(msgspec.structs.replace(session, explore=state), "Seed")


def ask(window: MainWindow, qtbot: QtBot) -> RecoveryDialog:
    window.recovery.look()
    qtbot.waitUntil(lambda: window.recovery.dialog is not None)
    assert window.recovery.dialog is not None
    return window.recovery.dialog


def test_nothing_is_asked_after_a_quiet_end(window: MainWindow, qtbot: QtBot) -> None:
    window.recovery.look()
    qtbot.waitUntil(lambda: window.files_lane.idle)
    assert window.recovery.dialog is None


def test_restore_takes_over_and_the_old_copy_goes_when_the_new_one_is_safe(
    window: MainWindow, qtbot: QtBot, crash: Any
) -> None:
    crash(4127)
    dialog = ask(window, qtbot)
    dialog.rows[0]["restore"].click()
    qtbot.waitUntil(lambda: seed(window) == 4127)
    assert window.document.modified, "it is in no file yet"
    qtbot.waitUntil(lambda: window.autosaver.lane.idle and window.files_lane.idle)
    qtbot.waitUntil(lambda: len(list(paths.autosave_dir().glob("*.studio"))) == 1)
    assert not recovery.list_recoverable(), "the copy that is left is our own"


def test_restore_belongs_to_its_project(window: MainWindow, qtbot: QtBot, crash: Any, tmp_path: Path) -> None:
    edit(window, 1000)
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "mine.studio")
    window.document.new()
    crash(2000, tmp_path / "mine.studio")
    ask(window, qtbot).rows[0]["restore"].click()
    qtbot.waitUntil(lambda: seed(window) == 2000)
    assert window.document.path == tmp_path / "mine.studio" and window.document.modified
    with qtbot.waitSignal(window.document.saved):
        window.run_action("file.save")
    qtbot.waitUntil(lambda: window.autosaver.lane.idle and window.files_lane.idle)


def test_show_looks_without_deciding(window: MainWindow, qtbot: QtBot, crash: Any) -> None:
    crash(5)
    ask(window, qtbot).rows[0]["show"].click()
    qtbot.waitUntil(lambda: seed(window) == 5)
    assert window.document.path is None
    assert len(recovery.list_recoverable()) == 1


def test_discard_asks_twice(window: MainWindow, qtbot: QtBot, crash: Any) -> None:
    crash(5)
    dialog = ask(window, qtbot)
    button = dialog.rows[0]["discard"]
    button.click()
    assert len(recovery.list_recoverable()) == 1 and dialog.isVisible()
    button.click()
    qtbot.waitUntil(lambda: not recovery.list_recoverable())
    assert not dialog.isVisible()


def test_a_damaged_copy_can_only_be_discarded(window: MainWindow, qtbot: QtBot) -> None:
    (paths.autosave_dir() / "old.studio").write_bytes(b"rubbish")
    rows = ask(window, qtbot).rows
    assert list(rows[0]) == ["discard"]


def test_a_copy_is_written_after_a_pause_and_goes_with_the_save(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window.app_settings.set("autosave_seconds", 0.5)
    edit(window, 9)
    qtbot.waitUntil(lambda: bool(list(paths.autosave_dir().glob("*.studio"))))
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "a.studio")
    qtbot.waitUntil(lambda: not list(paths.autosave_dir().glob("*.studio")))


def test_a_disk_that_refuses_is_told_once(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.base.errors import StudioError

    def refuse(*_: Any, **__: Any) -> None:
        raise StudioError("The disk is full.")

    monkeypatch.setattr(recovery.Autosave, "write", refuse)
    for value in (2, 3, 4):
        edit(window, value)
        window.autosaver.write()
        qtbot.waitUntil(lambda: window.autosaver.lane.idle)
    assert [notice.accessibleName() for notice in window.notices.notices()] == ["The disk is full."]

"""The window as a whole: what a person does, from the outside."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from studio.app.dialogs import Dialog, Question
from studio.app.export import ExportOptions
from studio.app.window import MainWindow
from studio.project.latents import Seed
from studio.project.session import Session

replace = msgspec.structs.replace


def go_to(window: MainWindow, seed: int) -> None:
    session = window.document.session
    state = replace(session.explore, latent=Seed(seed=seed))
    window.document.edit(replace(session, explore=state), f"Seed {seed}")


def seed_of(window: MainWindow) -> int:
    latent = window.document.session.explore.latent
    assert isinstance(latent, Seed)
    return latent.seed


def shows(window: MainWindow, seed: int) -> bool:
    picture = window.current_picture()
    return picture is not None and getattr(picture[1], "latent", None) == Seed(seed=seed)


def drop(window: MainWindow, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(100, 100), Qt.DropAction.CopyAction, mime, buttons, keys))


# Starting -----------------------------------------------------------------------------------------------------------


def test_the_window_is_painted_before_torch_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from studio.app import start\n"
        "from studio.app.logs import LogBook\n"
        "app = start._application()\n"
        "window = start.build(app, LogBook(app))\n"
        "window.show(); app.processEvents()\n"
        "assert window.isVisible() and 'torch' not in sys.modules, 'torch came before the window'\n"
        "assert 'PIL' not in sys.modules and 'pyqtgraph' not in sys.modules\n"
        "window.worker.stop()\n"
    )
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "STUDIO_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_without_a_display_a_sentence_names_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from studio.app import start

    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert start.run_window([]) == 3
    assert "studio render" in capsys.readouterr().err


def test_the_first_picture_comes_by_itself(window: MainWindow) -> None:
    assert window.current_picture() is not None
    assert window.status.model.text()
    assert window.history.items(), "the first picture is in the history"


# Document -----------------------------------------------------------------------------------------------------------


def test_editing_undoing_and_the_mark(window: MainWindow, qtbot: QtBot) -> None:
    assert not window.header.mark.isVisible()
    go_to(window, 5)
    qtbot.waitUntil(lambda: shows(window, 5))
    assert window.header.mark.isVisible() and window.isWindowModified()
    window.run_action("edit.undo")
    qtbot.waitUntil(lambda: shows(window, 1))
    assert not window.header.mark.isVisible()


def test_save_asks_for_a_name_once(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.studio"
    asked: list[str] = []
    monkeypatch.setattr(window.files, "target", lambda *args: asked.append(args[0]) or path)
    go_to(window, 5)
    with qtbot.waitSignal(window.document.saved):
        window.run_action("file.save")
    go_to(window, 6)
    with qtbot.waitSignal(window.document.saved):
        window.run_action("file.save")
    assert asked == ["project"] and path.is_file()
    assert window.header.name.text() == "mine.studio" and not window.header.mark.isVisible()
    assert window.app_settings.recent() == [path.resolve()]


@pytest.mark.parametrize("answer", ["save", "drop", "cancel"])
def test_unsaved_changes_are_asked_about(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Any, answer: str
) -> None:
    path = tmp_path / "mine.studio"
    monkeypatch.setattr(window.files, "target", lambda *_: path)
    go_to(window, 5)
    window.run_action("file.new")
    question = asked(Question)
    assert question is not None and seed_of(window) == 5
    question.choose(answer)
    if answer == "cancel":
        assert seed_of(window) == 5
    else:
        qtbot.waitUntil(lambda: seed_of(window) == 1)
    assert path.exists() == (answer == "save")


def test_a_cancelled_name_cancels_everything(window: MainWindow, monkeypatch: pytest.MonkeyPatch, asked: Any) -> None:
    monkeypatch.setattr(window.files, "target", lambda *_: None)
    go_to(window, 5)
    window.run_action("file.new")
    asked(Question).choose("save")
    assert seed_of(window) == 5 and window.document.modified


# Closing ------------------------------------------------------------------------------------------------------------


def test_closing_waits_for_a_save_with_a_sign(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Any
) -> None:
    from studio.project import storage

    gate = threading.Event()
    real = storage.save
    monkeypatch.setattr(storage, "save", lambda *a, **k: (gate.wait(20), real(*a, **k))[1])
    go_to(window, 5)
    window.document.save(tmp_path / "a.studio")
    try:
        window.close()
        assert window.isVisible() and asked(Dialog) is not None
        assert window.header.state.text()
    finally:
        gate.set()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert (tmp_path / "a.studio").is_file() and asked(Question) is None


def test_closing_with_changes_asks_and_cancel_keeps_the_window(window: MainWindow, asked: Any) -> None:
    go_to(window, 5)
    window.close()
    asked(Question).choose("cancel")
    assert window.isVisible()
    window.close()
    asked(Question).choose("drop")
    assert not window.isVisible()


def test_a_result_of_sixteen_bits_keeps_them_in_the_history(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.engine.results import Picture

    pixels = np.zeros((8, 8, 3), np.uint8)
    request = window.current_picture()[1]
    result = Picture(pixels, deep=np.full((8, 8, 3), 5, np.uint16))
    monkeypatch.setattr(window.panel, "current_result", lambda: result)
    window.add_result(request, pixels, "deep", window.panel.name)
    monkeypatch.setattr(window.panel, "current_result", lambda: None)
    assert window.exporter._result_of(pixels) is result, "also when another picture is in front"


def test_what_a_hand_did_is_in_the_project_before_it_is_saved_undone_or_closed(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = [7, 8, 9]
    monkeypatch.setattr(window.panel, "settle", lambda: go_to(window, pending.pop(0)) if pending else None)
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "a.studio")
    assert not window.document.modified and pending == [8, 9]
    go_to(window, 2)
    before = window.document.undo_stack.index()
    window.run_action("edit.undo")
    assert pending == [9] and window.document.undo_stack.index() == before, "what was settled is taken back"
    window.document._saved = window.document.session
    window.close()
    asked(Question).choose("drop")
    assert not pending and not window.isVisible()


def test_closing_asks_about_a_running_job(window: MainWindow, qtbot: QtBot, asked: Any) -> None:
    gate = threading.Event()

    def job(_: Any) -> Any:
        while not gate.wait(0.01):
            yield
        return None

    window.worker.call(job, "Painting a fresco")
    try:
        qtbot.waitUntil(window.commands.has_jobs)
        window.close()
        question = asked(Question)
        assert window.isVisible() and question is not None
        question.choose("end")
        qtbot.waitUntil(lambda: not window.isVisible())
    finally:
        gate.set()


def test_layout_and_zoom_come_back(window: MainWindow, qtbot: QtBot) -> None:
    window.run_action("view.history")
    assert not window.history_dock.isVisible()
    canvas = window.panel.canvas
    canvas.zoom_to(3.0)
    window.close()
    assert not window.app_settings.layout("docks").isEmpty()
    other = MainWindow(window.worker, window.assets, window.library, window.app_settings, window.book)
    other.show()
    try:
        assert not other.history_dock.isVisible()
        with qtbot.waitSignal(other.first_picture):
            other.begin()
        assert other.panel.canvas.zoom() == pytest.approx(3.0)
    finally:
        other.closing.ending = True
        other.close()
        other.deleteLater()


# Things that are dropped --------------------------------------------------------------------------------------------


def test_an_exported_picture_brings_everything_back(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    from studio.app import export

    go_to(window, 77)
    qtbot.waitUntil(lambda: shows(window, 77))
    picture = window.current_picture()
    assert picture is not None
    path = export.write(tmp_path / "a.png", *picture, window.document.session, window.assets, ExportOptions())
    go_to(window, 3)
    drop(window, path)
    qtbot.waitUntil(lambda: seed_of(window) == 77)
    window.run_action("edit.undo")
    assert seed_of(window) == 3, "bringing a recipe back is one step"


def test_a_photograph_goes_to_the_panel_in_front(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / "me.jpg")
    got: list[str] = []
    monkeypatch.setattr(window.panel, "accept_picture", lambda pixels, title: got.append(title) or True)
    drop(window, tmp_path / "me.jpg")
    qtbot.waitUntil(lambda: got == ["me"])


def test_a_picture_of_any_workspace_is_enlarged_in_translate(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    qtbot.waitUntil(lambda: window.current_picture() is not None)
    window.run_action("picture.enlarge")
    assert window.panel is not None and window.panel.name == "translate"
    qtbot.waitUntil(lambda: bool(window.document.session.translate.picture))
    from studio.media.images import save_image

    state = window.document.session.translate
    assert state.mode == "enlarge" and state.picture_name.startswith("seed")
    file = tmp_path / "scan.png"
    save_image(file, np.full((20, 30, 3), 7, np.uint8), recipe=None)
    window.take([file])
    qtbot.waitUntil(lambda: window.document.session.translate.picture_name == "scan")
    kept = window.assets.get(window.document.session.translate.picture)
    assert kept == file.read_bytes(), "the file itself, with all its bits"


def test_a_pasted_picture(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    monkeypatch.setattr(window.panel, "accept_picture", lambda pixels, title: got.append(pixels) or True)
    image = QImage(6, 4, QImage.Format.Format_RGB888)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    window.run_action("edit.paste")
    assert got[0].shape == (4, 6, 3) and got[0][0, 0].tolist() == [255, 0, 0]


def test_a_project_is_opened_and_what_came_with_it_waits(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    go_to(window, 9)
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "p.studio")
    window.document.new()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "me.jpg")
    opened_at: list[int] = []
    monkeypatch.setattr(window.panel, "accept_picture", lambda *_: opened_at.append(seed_of(window)) or True)
    drop(window, tmp_path / "me.jpg", tmp_path / "p.studio")
    qtbot.waitUntil(lambda: opened_at == [9])
    assert window.document.path == tmp_path / "p.studio"


def test_rubbish_is_answered_with_a_sentence(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    drop(window, tmp_path / "notes.docx")
    qtbot.waitUntil(lambda: any("notes.docx" in notice.accessibleName() for notice in window.notices.notices()))


# Pictures out -------------------------------------------------------------------------------------------------------


def test_export_and_export_again(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    settings = window.app_settings
    settings.set("export_scale", 2)
    monkeypatch.setattr(window.files, "target", lambda *args: tmp_path / args[-1])
    window.exporter.export()
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("*.png"))) == 1)
    qtbot.waitUntil(lambda: window.errands.idle)
    with Image.open(next(tmp_path.glob("*.png"))) as image:
        assert image.size == (128, 128)
    settings.remember_folder("export", tmp_path)
    window.run_action("picture.export_again")
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("*.png"))) == 2)


def test_copy_puts_the_picture_on_the_clipboard(window: MainWindow) -> None:
    window.run_action("picture.copy")
    assert QGuiApplication.clipboard().image().size().width() == 64


def test_compare_pins_this_moment(window: MainWindow, qtbot: QtBot) -> None:
    window.run_action("picture.compare")
    assert window.commands.comparing() and window.panel.canvas.mode() == "wipe"
    window.run_action("picture.compare_next")
    assert window.panel.canvas.mode() == "side"
    window.run_action("picture.compare")
    assert not window.commands.comparing()


# Searching, settings ------------------------------------------------------------------------------------------------


def test_the_palette_finds_models_pictures_and_workspaces(window: MainWindow, qtbot: QtBot) -> None:
    window.open_palette()
    kinds = {entry.kind for entry in window.palette_box.found()}
    assert {"Model", "History", "Workspace", "Action", "Explore"} <= kinds
    qtbot.keyClicks(window.palette_box.field, "library")
    qtbot.keyClick(window.palette_box.field, Qt.Key.Key_Return)
    assert window.panel.name == "library"
    assert window._used_lately()[0] == "go.library"


def test_settings_reach_the_worker(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.app.settings_dialog import SettingsDialog

    told: list[tuple[str, Any]] = []
    for name in ("set_device", "set_precision", "set_budget"):
        monkeypatch.setattr(window.worker, name, lambda value, name=name: told.append((name, value)))
    dialog = SettingsDialog(window, window.app_settings, [("auto", "Automatic"), ("cpu", "CPU")])
    dialog.widgets["device"].setCurrentIndex(1)
    dialog.widgets["precision"].setCurrentIndex(1)
    dialog.widgets["memory_mb"].setValue(1024)
    dialog.close()
    assert ("set_device", "cpu") in told and ("set_precision", "exact") in told
    assert ("set_budget", 1024 << 20) in told
    assert window.precision == "exact"


def test_every_dialog_opens_and_closes(window: MainWindow, asked: Callable[[type[Any]], Any]) -> None:
    for name in ("file.settings", "help.shortcuts", "help.about", "help.log", "picture.export"):
        window.run_action(name)
        dialog = asked(Dialog)
        assert dialog is not None, name
        dialog.close()
        assert asked(Dialog) is None, name


# For everybody ------------------------------------------------------------------------------------------------------


def test_everything_that_takes_the_focus_has_a_name(window: MainWindow) -> None:
    for name in ("explore", "translate", "library"):
        window.show_panel(name)
    nameless = []
    for kind in (QAbstractButton, QComboBox, QLineEdit, QSpinBox):
        for widget in window.findChildren(kind):
            if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or widget.objectName().startswith("qt_"):
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            if not (widget.accessibleName() or text):
                nameless.append(f"{type(widget).__name__} in {_path(widget)}")
    assert not nameless


def test_the_tab_key_reaches_header_rail_and_inspector(window: MainWindow) -> None:
    seen: set[QWidget] = set()
    widget: QWidget = window.header.menu_button
    for _ in range(400):
        seen.add(widget)
        widget = widget.nextInFocusChain()
    assert window.rail.buttons["mix"] in seen and window.history_view.strip in seen
    assert any(window.panel.inspector.isAncestorOf(one) for one in seen)


def _path(widget: QWidget) -> str:
    names = []
    parent: QWidget | None = widget
    while parent is not None:
        names.append(type(parent).__name__)
        parent = parent.parentWidget()
    return " < ".join(names[:5])


def test_workspace_is_kept_but_is_no_change(window: MainWindow) -> None:
    window.show_panel("library")
    assert window.document.session.workspace == "library"
    assert not window.document.modified and not window.document.undo_stack.canUndo()


def test_an_opened_project_shows_its_workspace(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.show_panel("library")
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "a.studio")
    window.show_panel("explore")
    with qtbot.waitSignal(window.document.replaced):
        window.document.open(tmp_path / "a.studio")
    assert window.panel.name == "library"
    assert isinstance(window.document.session, Session)


def test_another_project_asks_about_a_running_job_and_takes_nothing_over(
    window: MainWindow, qtbot: QtBot, asked: Any
) -> None:
    gate = threading.Event()

    def job(_: Any) -> Any:
        while not gate.wait(0.01):
            yield
        return "late"

    done: list[Any] = []
    window.calls.start(job, "Painting a fresco", done.append)
    try:
        qtbot.waitUntil(window.commands.has_jobs)
        window.run_action("file.new")
        question = asked(Question)
        assert question is not None
        question.choose("stay")
        assert window.commands.has_jobs()
        window.run_action("file.new")
        asked(Question).choose("end")
        qtbot.waitUntil(lambda: not window.commands.has_jobs())
    finally:
        gate.set()
    qtbot.waitUntil(lambda: window.files_lane.idle)
    assert done == []


def test_a_whole_run_of_the_program_with_a_file(tmp_path: Path, window: MainWindow, qtbot: QtBot) -> None:
    go_to(window, 31)
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "mine.studio")
    code = (
        "import sys\n"
        "from PySide6.QtCore import QTimer\n"
        "from studio.app import start\n"
        "from studio.app.window import MainWindow\n"
        "begin = MainWindow.begin\n"
        "def then_close(window):\n"
        "    begin(window)\n"
        "    window.document.replaced.connect(lambda notes: QTimer.singleShot(0, window.close))\n"
        "MainWindow.begin = then_close\n"
        "sys.exit(start.run_window([sys.argv[1]]))\n"
    )
    data = tmp_path / "other data"
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "STUDIO_DATA": str(data), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "mine.studio")],
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert (data / "settings.ini").is_file() and (data / "logs" / "studio.log").is_file()
    assert "mine.studio" in (data / "settings.ini").read_text()
    assert not list((data / "autosave").glob("*.studio"))

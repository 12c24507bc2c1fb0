"""One table of actions: everything in it works, no key means two things."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from studio.app.actions import menu_titles, plain, table
from studio.app.window import MainWindow
from studio.panels.registry import entries
from studio.widgets.icons import icon_names


def test_every_handler_is_there(window: MainWindow) -> None:
    for spec in table():
        for path in filter(None, (spec.handler, spec.enabled, spec.checked)):
            assert callable(attrgetter(path)(window.commands)), f"{spec.name}: {path}"
        for path in filter(None, (spec.enabled, spec.checked)):
            assert attrgetter(path)(window.commands)() in (True, False), f"{spec.name}: {path}"


def test_names_are_unique_and_menus_exist() -> None:
    specs = table()
    assert len({spec.name for spec in specs}) == len(specs)
    assert {spec.menu for spec in specs} <= set(menu_titles())
    assert {spec.icon for spec in specs if spec.icon} <= set(icon_names())


def test_no_key_means_two_things(window: MainWindow) -> None:
    own = [QKeySequence(f"Alt+{n}") for n in range(1, len(entries()) + 1)] + [QKeySequence("F10")]
    own += [QKeySequence(keys) for spec in table() for keys in spec.shortcuts]
    assert all(not sequence.isEmpty() for sequence in own)
    for entry in entries():
        panel = [QKeySequence(action.shortcut) for action in window.make_panel(entry.name).actions() if action.shortcut]
        counted = Counter(sequence.toString() for sequence in own + panel)
        assert not [keys for keys, count in counted.items() if count > 1], entry.name


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_panel_actions_have_names_texts_and_icons(window: MainWindow, entry: object) -> None:
    panel = window.make_panel(entry.name)  # type: ignore[attr-defined]
    names = [action.name for action in panel.actions()]
    assert len(set(names)) == len(names)
    for action in panel.actions():
        assert action.name.startswith(f"{panel.name}.") and action.text
        assert not action.icon or action.icon in icon_names(), action.name
        assert action.enabled() in (True, False)


def test_every_action_is_in_a_menu(window: MainWindow) -> None:
    menu = window.header.menu_button.menu()
    menu.aboutToShow.emit()
    listed = {action.objectName() for part in menu.actions() for action in part.menu().actions()}
    assert {spec.name for spec in table()} <= listed
    assert {action.name for action in window.panel.actions()} <= listed


def test_a_shortcut_reaches_its_handler(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.palette_box.isVisible)
    window.palette_box.dismiss()
    before = window.history_dock.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.history_dock.isVisible() != before)


def test_running_by_name_respects_what_is_enabled(window: MainWindow) -> None:
    assert not window.commands.can_undo()
    window.run_action("edit.undo")
    assert not window.document.undo_stack.canRedo()


def test_an_action_of_another_panel_runs_without_a_switch(window: MainWindow) -> None:
    from studio.panels.base import Action

    ran: list[str] = []
    library = window.make_panel("library")
    library.actions = lambda: (Action("library.test", "x", lambda: ran.append("x")),)  # type: ignore[method-assign]
    window.run_action("library.test")
    assert ran == ["x"] and window.panel is not library


def test_undo_says_what_it_undoes(window: MainWindow, qtbot: QtBot) -> None:
    import msgspec

    session = window.document.session
    window.document.edit(msgspec.structs.replace(session, canvas_background="checker"), "Ground of the canvas")
    qtbot.waitUntil(lambda: "Ground of the canvas" in window.actions_table.by_name["edit.undo"].text())
    assert window.actions_table.by_name["edit.undo"].isEnabled()


def test_plain_drops_the_dots() -> None:
    assert plain("Open project …") == "Open project"

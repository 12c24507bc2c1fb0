"""The one table of actions: menus, shortcuts, the command palette and the shortcuts sheet all read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from studio.panels.base import Action
from studio.widgets.theme import icon


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """``handler``, ``enabled`` and ``checked`` are dotted paths from :class:`Commands` ("files.save").

    ``menu`` is a key of :func:`menu_titles`; ``group`` separates entries within it.
    """

    name: str
    text: str
    handler: str
    menu: str
    group: int = 0
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    enabled: str = ""
    checked: str = ""
    tip: str = ""


def menu_titles() -> dict[str, str]:
    """Menu key -> translated title, in order.  "panel" is filled with the actions of the panel in front."""
    tr = QCoreApplication.translate
    return {
        "file": tr("Menu", "File"),
        "edit": tr("Menu", "Edit"),
        "picture": tr("Menu", "Picture"),
        "view": tr("Menu", "View"),
        "panel": tr("Menu", "Workspace"),
        "job": tr("Menu", "Jobs"),
        "help": tr("Menu", "Help"),
    }


def table() -> tuple[ActionSpec, ...]:
    """Every action of the window, with texts in the language that is installed now."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("Actions", text)

    spec = ActionSpec
    # fmt: off
    return (
        spec("file.new", tr("New project"), "files.new", "file", 0, ("Ctrl+N",), "plus"),
        spec("file.open", tr("Open project …"), "files.open_dialog", "file", 0, ("Ctrl+O",), "open"),
        spec("file.save", tr("Save"), "files.save", "file", 1, ("Ctrl+S",), "save"),
        spec("file.save_as", tr("Save as …"), "files.save_as", "file", 1, ("Ctrl+Shift+S",), "save"),
        spec("file.import_model", tr("Add a model …"), "models.import_dialog", "file", 2, ("Ctrl+I",), "import"),
        spec("file.find_models", tr("Find missing models …"), "models.find_missing", "file", 2, (), "search",
             "models.anything_missing"),
        spec("file.settings", tr("Settings …"), "show_settings", "file", 3, ("Ctrl+,",), "settings"),
        spec("file.quit", tr("Quit"), "quit", "file", 4, ("Ctrl+Q",)),
        spec("edit.undo", tr("Undo"), "document.undo", "edit", 0, ("Ctrl+Z",), "undo", "can_undo"),
        spec("edit.redo", tr("Redo"), "document.redo", "edit", 0, ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "can_redo"),
        spec("edit.paste", tr("Paste a picture"), "intake.paste", "edit", 1, ("Ctrl+V",), "paste",
             tip=tr("Pastes a picture, or files that were copied.")),
        spec("edit.bookmark", tr("Bookmark this picture"), "bookmark_current", "edit", 2, ("Ctrl+B",), "bookmark",
             "has_picture"),
        spec("edit.star", tr("Keep this picture in the gallery"), "star_current", "edit", 2, ("Ctrl+D",), "star",
             "has_picture"),
        spec("picture.export", tr("Export picture …"), "exporter.show_dialog", "picture", 0, ("Ctrl+E",), "export",
             "has_picture"),
        spec("picture.export_again", tr("Export beside the last one"), "exporter.export_again", "picture", 0,
             ("Ctrl+Shift+E",), "export", "has_picture",
             tip=tr("Saves with the last format and size into the last folder, without asking.")),
        spec("picture.copy", tr("Copy picture"), "exporter.copy", "picture", 0, ("Ctrl+C",), "copy", "has_picture"),
        spec("picture.open", tr("Open a picture …"), "intake.open_dialog", "picture", 1, ("Ctrl+Shift+O",), "picture",
             tip=tr("An exported picture brings its recipe back; a photograph goes to the workspace in front.")),
        spec("picture.compare", tr("Compare with this moment"), "toggle_compare", "picture", 2, ("Ctrl+Shift+C",),
             "compare", "has_picture", "comparing",
             tip=tr("Keeps the picture as it is now and shows it beside what you make of it.")),
        spec("picture.compare_next", tr("Change the way of comparing"), "next_compare_mode", "picture", 2, ("Ctrl+M",),
             "wipe", "comparing"),
        spec("picture.enlarge", tr("Enlarge this picture"), "enlarge_current", "picture", 3, ("Ctrl+Shift+U",), "fit",
             "has_picture", tip=tr("Takes it to Translate, where networks make it larger.")),
        spec("picture.translate", tr("Translate this picture"), "translate_current", "picture", 3, (), "translate",
             "has_picture", tip=tr("Takes it to Translate, into another world.")),
        spec("view.palette", tr("Search everything"), "show_palette", "view", 0, ("Ctrl+K", "Ctrl+P"), "search"),
        spec("view.fit", tr("Fit the picture"), "canvas_fit", "view", 1, ("Ctrl+0",), "fit"),
        spec("view.actual", tr("Actual size"), "canvas_actual", "view", 1, ("Ctrl+1",), "actual-size"),
        spec("view.zoom_in", tr("Zoom in"), "canvas_zoom_in", "view", 1, ("Ctrl++", "Ctrl+="), "plus"),
        spec("view.zoom_out", tr("Zoom out"), "canvas_zoom_out", "view", 1, ("Ctrl+-",), "minus"),
        spec("view.history", tr("History"), "toggle_history", "view", 2, ("Ctrl+H",), "clock",
             checked="history_visible"),
        spec("view.inspector", tr("Inspector"), "toggle_inspector", "view", 2, ("Ctrl+J",), "layers",
             checked="inspector_visible"),
        spec("view.full_screen", tr("Full screen"), "toggle_full_screen", "view", 3, ("F11",), "window",
             checked="full_screen"),
        spec("view.reset_layout", tr("Reset the layout"), "reset_layout", "view", 3, (), "reset"),
        spec("job.cancel", tr("Cancel the running job"), "cancel_job", "job", 0, ("Esc",), "stop", "has_jobs"),
        spec("job.pause", tr("Pause or continue"), "pause_job", "job", 0, ("Ctrl+.",), "pause", "has_jobs"),
        spec("job.cancel_all", tr("Cancel all jobs"), "cancel_all_jobs", "job", 0, ("Ctrl+Shift+Esc",), "close",
             "has_jobs"),
        spec("help.shortcuts", tr("Keyboard shortcuts"), "show_shortcuts", "help", 0, ("F1",), "keyboard"),
        spec("help.log", tr("What happened (log)"), "show_log", "help", 1, ("Ctrl+Shift+L",), "log"),
        spec("help.folder", tr("Open my data folder"), "open_data_folder", "help", 1, (), "folder"),
        spec("help.about", tr("About Latent Studio"), "show_about", "help", 2, (), "info"),
    )
    # fmt: on


class Actions:
    """The table as living :class:`QAction` objects on one window."""

    def __init__(self, window: QWidget, target: object, specs: Iterable[ActionSpec] | None = None) -> None:
        self._window, self._target = window, target
        self.extra: dict[str, Callable[[QMenu], object]] = {}
        """Menu key -> what else comes at its end (recent projects)."""
        self.specs = {spec.name: spec for spec in (table() if specs is None else specs)}
        self.by_name: dict[str, QAction] = {}
        self._panel: list[tuple[Action, QAction]] = []
        for spec in self.specs.values():
            made = self._make(spec.name, spec.text, spec.shortcuts, spec.icon, spec.tip)
            made.setCheckable(bool(spec.checked))
            made.triggered.connect(self._runner(spec.handler))
            self.by_name[spec.name] = made

    def run(self, name: str) -> None:
        """Run an action by name, also one of the panel in front; one that is not enabled now does nothing."""
        self.refresh()
        for action, made in self._panel:
            if action.name == name:
                made.trigger()
                return
        self.by_name[name].trigger()

    def refresh(self) -> None:
        """Ask every action whether it is enabled and checked."""
        for name, made in self.by_name.items():
            spec = self.specs[name]
            made.setEnabled(not spec.enabled or bool(self._ask(spec.enabled)))
            if spec.checked:
                made.setChecked(bool(self._ask(spec.checked)))
        for action, made in self._panel:
            made.setEnabled(action.enabled())
            if action.checked is not None:
                made.setChecked(action.checked())

    def set_panel(self, actions: Iterable[Action]) -> None:
        """Replace the actions of the panel in front (their shortcuts work only while it is there)."""
        for _, made in self._panel:
            self._window.removeAction(made)
            made.deleteLater()
        self._panel = []
        for action in actions:
            shortcuts = (action.shortcut,) if action.shortcut else ()
            made = self._make(action.name, action.text, shortcuts, action.icon, action.tip)
            made.setCheckable(action.checked is not None)
            made.triggered.connect(_caller(action.run))
            self._panel.append((action, made))

    def panel_actions(self) -> list[QAction]:
        """The actions of the panel in front."""
        return [made for _, made in self._panel]

    def everything(self) -> list[QAction]:
        """The panel's actions, then the table's."""
        return [*self.panel_actions(), *self.by_name.values()]

    def fill_menu(self, menu: QMenu, key: str) -> None:
        """Put the actions of one menu into ``menu``, with lines between the groups."""
        if key == "panel":
            for made in self.panel_actions():
                menu.addAction(made)
            return
        group: int | None = None
        for spec in self.specs.values():
            if spec.menu != key:
                continue
            if group is not None and spec.group != group:
                menu.addSeparator()
            group = spec.group
            menu.addAction(self.by_name[spec.name])
        if key in self.extra:
            menu.addSeparator()
            self.extra[key](menu)

    def _make(self, name: str, text: str, shortcuts: Iterable[str], icon_name: str, tip: str) -> QAction:
        made = QAction(text, self._window)
        made.setObjectName(name)
        if icon_name:
            made.setIcon(icon(icon_name))
        made.setShortcuts([QKeySequence(keys) for keys in shortcuts])
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        made.setToolTip(with_shortcut(tip or plain(text), made.shortcut()))
        made.setStatusTip(tip)
        self._window.addAction(made)
        return made

    def _runner(self, path: str) -> Callable[[], None]:
        return lambda: self._ask(path)

    def _ask(self, path: str) -> Any:
        return attrgetter(path)(self._target)()


def _caller(function: Callable[[], object]) -> Callable[[], None]:
    # triggered() passes a bool that panels' functions do not take.
    def call() -> None:
        function()

    return call


def plain(text: str) -> str:
    """An action's text without the dots that announce a dialog."""
    return text.removesuffix("…").rstrip()


def with_shortcut(text: str, sequence: QKeySequence) -> str:
    """A tooltip that names the shortcut in the platform's own writing."""
    keys = sequence.toString(QKeySequence.SequenceFormat.NativeText)
    return f"{text}  ({keys})" if keys else text

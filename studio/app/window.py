"""The main window: puts the rooms together and is the :class:`~studio.panels.base.Studio` that panels talk to."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QSettings, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QStackedWidget, QToolBar, QVBoxLayout, QWidget

from studio.app import language
from studio.app.actions import Actions
from studio.app.autosave import Autosaver, Recovery
from studio.app.calls import Calls, Lane
from studio.app.closing import Closing
from studio.app.commands import Commands
from studio.app.document import Document
from studio.app.exporter import Exporter
from studio.app.files import Files
from studio.app.header import Header, system_menu_bar
from studio.app.history import History
from studio.app.historydock import HistoryDock
from studio.app.intake import Intake
from studio.app.jobs import Jobs
from studio.app.layout import LayoutKeeper
from studio.app.logs import LogBook
from studio.app.models import Models
from studio.app.palette import Palette
from studio.app.rail import Rail
from studio.app.search import found_entries
from studio.app.settings import Settings
from studio.app.statusbar import StatusLine
from studio.base.errors import StudioError
from studio.base.paths import APP_NAME
from studio.base.steps import UInt8Image
from studio.checkpoints.library import Library
from studio.panels.base import Panel
from studio.panels.registry import HOME, entries
from studio.project.assets import AssetStore
from studio.project.latents import Latent, Look
from studio.project.names import describe
from studio.project.session import Bookmark, Session
from studio.widgets.parts import droppable, dropped
from studio.widgets.toast import Notices

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard, Role
    from studio.worker.bridge import Worker

MB = 1 << 20


class MainWindow(QMainWindow):
    """One document, one worker, the panels.  ``first_picture`` tells when something is on the canvas."""

    first_picture = Signal()

    def __init__(self, worker: Worker, assets: AssetStore, library: Library, settings: Settings, book: LogBook) -> None:
        super().__init__()
        self.setObjectName("main")
        self.setWindowTitle(APP_NAME)
        self.setAcceptDrops(True)
        self.setMinimumSize(960, 600)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setDockNestingEnabled(False)
        self.app_settings, self.book = settings, book
        self._worker = worker
        self.panel: Panel | None = None
        self.panels: dict[str, Panel] = {}
        self.shown_once: set[str] = set()
        self._begun = False

        # What works.
        self.files_lane = Lane(worker, "document", self)
        self.errands = Lane(worker, "errands", self)
        self.calls = Calls(worker, self)
        self.document = Document(self.files_lane, assets, self)
        self.document.preview = self._preview
        self.files = Files(self.document, settings, self, self.notify, self._leave)
        self.models = Models(library, self.document, worker, self.calls, self.files, self.notify, self)
        self.history = History(self.document, self.errands, int(settings.get("history_mb")) * MB, self)
        self.intake = Intake(self, self.errands)
        self.exporter = Exporter(self, self.errands)
        self.autosaver = Autosaver(self.document, settings, Lane(worker, "autosave", self), self.notify, self)
        self.recovery = Recovery(self.document, self.autosaver, self.files_lane, self.notify, self)
        self.commands = Commands(self)
        self.actions_table = Actions(self, self.commands)
        self.actions_table.extra["file"] = self.files.fill_recent

        # What is seen.
        self.header = Header(self.actions_table)
        self.setMenuWidget(self.header)
        self.system_menu = system_menu_bar(self.actions_table) if sys.platform == "darwin" else None
        self.rail = Rail(entries())
        self._add_rail()
        self.stages = QStackedWidget()
        self.jobs = Jobs(worker, self)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stages, 1)
        column.addWidget(self.jobs.strip)
        self.setCentralWidget(centre)
        self.inspectors = QStackedWidget()
        self.inspectors.setMinimumWidth(280)
        self.inspector_dock = self._dock("inspector", self.tr("Inspector"), self.inspectors)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.inspector_dock)
        self.history_view = HistoryDock(self.history)
        self.history_view.setMinimumHeight(112)
        self.history_dock = self._dock("history", self.tr("History"), self.history_view)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.history_dock)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.status = StatusLine()
        self.statusBar().addWidget(self.status, 1)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().setStyleSheet("QStatusBar { border: none; padding: 0; }")
        self.notices = Notices(centre)
        self.palette_box = Palette(self)

        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(0)
        self._refresh_timer.timeout.connect(self._refresh)
        self._connect()
        self.keeper = LayoutKeeper(self)
        self.closing = Closing(self)
        self.keeper.restore()
        self.show_panel(self.document.session.workspace)

    # The Studio that panels talk to --------------------------------------------------------------------------

    @property
    def worker(self) -> Worker:
        """Runs requests."""
        return self._worker

    @property
    def assets(self) -> AssetStore:
        """Pictures and codes of the document."""
        return self.document.assets

    @property
    def library(self) -> Library:
        """Embedded and imported models."""
        return self.models.library

    @property
    def settings(self) -> QSettings:
        """Small things to remember."""
        return self.app_settings.store

    @property
    def precision(self) -> str:
        """ "fast" or "exact", for new requests."""
        return str(self.app_settings.get("precision"))

    def card(self, model: str, role: Role = "generator") -> ModelCard | None:
        """The card of a model; see :class:`~studio.panels.base.Studio`."""
        return self.models.card(model, role)

    def of_role(self, role: Role) -> list[ModelCard]:
        """The models at hand that have this role."""
        return self.models.of_role(role)

    def notify(self, message: StudioError | str, *, good: bool = False, reveal: Path | None = None) -> None:
        """A notice over the window; ``reveal`` adds a button that shows a file in its folder."""
        if isinstance(message, StudioError):
            said = StudioError(
                language.say(message.what),
                language.say(message.why),
                language.say(message.todo),
                detail=message.detail,
                kind=message.kind,
            )
            self.notices.tell_error(said, self._ways_out(message))
            return
        actions: list[tuple[str, Callable[[], object]]] = []
        if reveal is not None:
            folder = QUrl.fromLocalFile(str(reveal.parent))
            actions = [(self.tr("Show in folder"), lambda: QDesktopServices.openUrl(folder))]
        self.notices.tell(language.say(message), "good" if good else "info", actions=actions)

    def _ways_out(self, error: StudioError) -> list[tuple[str, Callable[[], object]]]:
        """What a notice about an error offers beside words: the processor when the graphics card is too small."""
        device, job = getattr(error, "offer", ""), self.jobs.failure_of(error)
        if not device or job is None:
            return []
        owner = next((panel for panel in self.panels.values() if panel.owns(job)), None)
        key = owner.key_of(job) if owner is not None else ""

        def again() -> None:
            new = self.worker.retry(job, device)
            if new is not None and owner is not None:
                owner.adopt(new, key)

        return [(self.tr("Try on the processor"), again)]

    def add_result(self, request: msgspec.Struct, picture: UInt8Image, title: str, panel: str) -> None:
        """A finished picture goes into the history."""
        item = self.history.add(request, picture, title, panel)
        source = self.panels.get(panel)
        result = source.current_result() if source is not None else None
        if result is not None and result.image is picture and (result.deep is not None or result.icc is not None):
            self.history.keep_whole(item, result)
        self.history_view.set_current(item.id)

    def add_bookmark(self, latent: Latent, look: Look, model: str, name: str, picture: UInt8Image | None) -> None:
        """Keep a latent by name, as an undoable edit."""
        from studio.app.history import small

        assets = self.assets
        mark = Bookmark(id=uuid.uuid4().hex, name=name, model=model, latent=latent, look=look)

        def done(sha: str) -> None:
            if assets is self.assets:
                now = self.document.session
                made = msgspec.structs.replace(mark, thumbnail=sha)
                self.document.edit(
                    msgspec.structs.replace(now, bookmarks=(*now.bookmarks, made)), self.tr("Add a bookmark")
                )
                self.notify(self.tr("“{name}” is among the bookmarks.").format(name=name), good=True)

        self.errands.submit(
            lambda: "" if picture is None else assets.put_image(small(picture)), done, doing=self.tr("Bookmarking")
        )

    def recall(self, request: msgspec.Struct, panel: str) -> bool:
        """Bring a recipe back in its workspace; False when nothing there can."""
        self.show_panel(panel)
        return self.panel is not None and self.panel.accept_request(request)

    def open_model_dialog(self) -> None:
        """Choose model files to import."""
        self.models.import_dialog()

    def choose_files(self, purpose: str, title: str, patterns: str, *, several: bool = False) -> list[Path]:
        """A file dialog that remembers its folder."""
        return self.files.choose(purpose, title, patterns, several=several)

    def choose_target(self, purpose: str, title: str, patterns: str, name: str) -> Path | None:
        """A save dialog that remembers its folder."""
        return self.files.target(purpose, title, patterns, name)

    def load_picture(self, path: Path, then: Callable[[UInt8Image, str], object]) -> None:
        """Read a picture off the UI thread."""
        self.intake.load(path, then)

    def export_picture(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> None:
        """Ask where, and write a picture with its recipe."""
        self.exporter.export_picture(pixels, request, title)

    def picture_file(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> Path:
        """A PNG with its recipe that lasts as long as the program, for dragging out."""
        return self.exporter.drag_file(pixels, request, title)

    def show_recipe(self, request: msgspec.Struct, title: str) -> None:
        """Show the text that makes a picture again."""
        self.commands.show_recipe(request, title)

    def take(self, things: Iterable[Path | UInt8Image]) -> None:
        """Something was dropped on a part of the window: it goes where it belongs."""
        self.intake.take(things)

    def show_panel(self, name: str) -> None:
        """Bring a workspace to the front, made on first use."""
        known = [entry.name for entry in entries()]
        if name not in known:
            name = known[0]
        panel = self.make_panel(name)
        if panel is self.panel:
            return
        if self.panel is not None:
            self.panel.deactivate()
        self.panel = panel
        self.jobs.leave_out(frozenset(f"{name}.{key}" for key in panel.own_jobs))
        self.stages.setCurrentWidget(panel.stage)
        self.inspectors.setCurrentWidget(panel.inspector)
        self.rail.show_current(name)
        self.actions_table.set_panel(panel.actions())
        session = self.document.session
        if session.workspace != name:
            self.document.amend(msgspec.structs.replace(session, workspace=name))
        if self._begun:
            panel.activate()
        self.picture_changed(panel)
        panel.stage.setFocus(Qt.FocusReason.OtherFocusReason)

    def begin(self) -> None:
        """The window is on the screen: ask for the first picture (which makes the worker load what is slow)."""
        if not self._begun:
            self._begun = True
            self.worker.warm_up()
            if self.panel is not None:
                self.panel.activate()
                self.picture_changed(self.panel)

    def make_panel(self, name: str) -> Panel:
        """A panel by name, made on first use, without showing it."""
        if name not in self.panels:
            entry = next(entry for entry in entries() if entry.name == name)
            panel = entry.create(self)
            panel.setParent(self)
            self.stages.addWidget(panel.stage)
            self.inspectors.addWidget(panel.inspector)
            if panel.canvas is not None:
                panel.canvas.dropped.connect(self.intake.take)
                panel.canvas.set_drag_source(self.exporter.drag_current)
                panel.canvas.mode_changed.connect(self.refresh_soon)
            self.panels[name] = panel
        return self.panels[name]

    def run_action(self, name: str) -> None:
        """Run an action of the table or of any panel; a panel that is not in front stays where it is."""
        prefix = name.split(".")[0]
        if prefix in {entry.name for entry in entries()} and (self.panel is None or self.panel.name != prefix):
            for action in self.make_panel(prefix).actions():
                if action.name == name and action.enabled():
                    action.run()
            return
        self.actions_table.run(name)

    def picture_changed(self, panel: Panel) -> None:
        """Follow the panel in front."""
        if panel is not self.panel:
            return
        self.status.show_model(panel.model_line())
        if panel.current_picture() is not None and panel.name not in self.shown_once:
            self.shown_once.add(panel.name)
            self.keeper.restore_zoom(panel)
            if len(self.shown_once) == 1:
                self.first_picture.emit()
        self.refresh_soon()

    # What commands ask ---------------------------------------------------------------------------------------

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        """The picture of the workspace in front and its request."""
        return None if self.panel is None else self.panel.current_picture()

    def picture_title(self) -> str:
        """A short name of the picture in front: "seed 4127"."""
        if self.panel is not None and (own := self.panel.picture_title()):
            return own
        picture = self.current_picture()
        latent = getattr(picture[1], "latent", None) if picture else None
        return describe(latent, language.say) if latent is not None else self.tr("picture")

    def open_palette(self) -> None:
        """The command palette over the window."""
        self.palette_box.open(found_entries(self), self._used_lately())

    def refresh_soon(self, *_: object) -> None:
        """Bring actions and header up to date, once for many causes."""
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()

    # Building ------------------------------------------------------------------------------------------------

    def _dock(self, name: str, title: str, widget: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        dock.setTitleBarWidget(QWidget(dock))
        dock.setWidget(widget)
        dock.setAccessibleName(title)
        dock.visibilityChanged.connect(self.refresh_soon)
        return dock

    def _add_rail(self) -> None:
        bar = QToolBar(self.tr("Workspaces"))
        bar.setObjectName("rail")
        bar.setMovable(False)
        bar.setFloatable(False)
        bar.setStyleSheet("QToolBar { border: none; padding: 0; spacing: 0; margin: 0; }")
        bar.addWidget(self.rail)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, bar)

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_panel)
        self.calls.failed.connect(self.notify)
        self.files_lane.failed.connect(self.notify)
        self.errands.failed.connect(self.notify)
        self.worker.trouble.connect(self.notify)
        self.worker.status_changed.connect(self.status.show_status)
        self.worker.jobs_changed.connect(self.refresh_soon)
        self.models.imported.connect(self.use_model)
        self.models.changed.connect(self._models_changed)
        document = self.document
        document.settling.connect(self._settle)
        document.replaced.connect(self._replaced)
        document.changed.connect(self._changed)
        document.file_changed.connect(self._show_file)
        document.undo_stack.indexChanged.connect(self.refresh_soon)
        view = self.history_view
        view.recall.connect(self.commands.recall_item)
        view.compare.connect(self.commands.compare_item)
        view.export.connect(self.commands.export_item)
        view.reveal.connect(self.commands.reveal_item)
        view.star.connect(self.commands.star_item)
        view.set_drag_source(self.commands.drag_item)
        self.app_settings.changed.connect(self._setting_changed)
        self.palette_box.used.connect(self._remember_used)
        for number, entry in enumerate(entries()[:9], 1):
            shortcut = QShortcut(QKeySequence(f"Alt+{number}"), self)
            shortcut.activated.connect(lambda name=entry.name: self.show_panel(name))
        QShortcut(QKeySequence("F10"), self).activated.connect(self.header.menu_button.showMenu)
        self._show_file()

    # Following -----------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self.actions_table.refresh()
        stack = self.document.undo_stack
        for name, words, empty in (
            ("edit.undo", stack.undoText(), self.tr("Undo")),
            ("edit.redo", stack.redoText(), self.tr("Redo")),
        ):
            action = self.actions_table.by_name[name]
            action.setText(f"{empty}: {words}" if words else empty)
        self.header.set_comparing(self.commands.comparing())

    def _show_file(self) -> None:
        document = self.document
        busy = ""
        if document.saving:
            busy = self.tr("Saving …")
        elif document.opening:
            busy = self.tr("Opening …")
        self.header.show_project(document.title, modified=document.modified, read_only=document.read_only, busy=busy)
        self.setWindowModified(document.modified)
        self.setWindowTitle(f"{document.title}[*] — {APP_NAME}")

    def _changed(self, before: Session, after: Session) -> None:
        if after.workspace != before.workspace:
            self.show_panel(after.workspace)
        self.refresh_soon()

    def _leave(self, then: Callable[[], object]) -> None:
        self.commands.end_jobs_then(then)

    def _settle(self) -> None:
        for panel in list(self.panels.values()):
            panel.settle()

    def _replaced(self, _: object) -> None:
        self.commands.cancel_for_new_document()
        self.worker.set_assets(self.document.assets)
        self.show_panel(self.document.session.workspace)
        self.refresh_soon()

    def use_model(self, card: ModelCard) -> None:
        """Work with a model from now on, in the workspace in front if it can."""
        if self.panel is not None and self.panel.accept_model(card):
            return
        home = HOME.get(card.role)
        if home is not None and home in {entry.name for entry in entries()}:
            self.show_panel(home)
            if self.panel is not None:
                self.panel.accept_model(card)

    def use_bookmark(self, mark: Bookmark) -> None:
        """Go to a bookmarked latent, in the workspace in front if it can."""
        if self.panel is None or not self.panel.accept_bookmark(mark):
            card = self.models.card(mark.model)
            self.show_panel(HOME.get(card.role, "explore") if card is not None else "explore")
            if self.panel is not None:
                self.panel.accept_bookmark(mark)

    def _models_changed(self) -> None:
        if self.panel is not None:
            self.panel.models_changed()
            self.picture_changed(self.panel)

    def _setting_changed(self, key: str) -> None:
        get = self.app_settings.get
        if key == "device":
            self.worker.set_device(str(get(key)))
        elif key == "precision":
            self.worker.set_precision("exact" if get(key) == "exact" else "fast")
            self._models_changed()
        elif key == "memory_mb":
            self.worker.set_budget(int(get(key)) * MB or None)
        elif key == "history_mb":
            self.history.set_budget(int(get(key)) * MB)

    def _remember_used(self, key: str) -> None:
        rest = [other for other in self._used_lately() if other != key]
        self.settings.setValue("palette/lately", [key, *rest][:8])

    def _used_lately(self) -> list[str]:
        found = self.settings.value("palette/lately", [])
        return [str(key) for key in (found if isinstance(found, list) else [found])]

    def _preview(self) -> UInt8Image | None:
        picture = self.current_picture()
        if picture is not None:
            return picture[0]
        return next((item.picture for item in self.history.items() if item.picture is not None), None)

    # Qt's own handlers ------------------------------------------------------------------------------------------------

    def createPopupMenu(self) -> QMenu | None:  # type: ignore[override]
        # Docks are shown and hidden by actions that have names and shortcuts.
        return None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.palette_box.isVisible():
            self.palette_box.place()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        things = dropped(event.mimeData())
        if things:
            event.acceptProposedAction()
            self.intake.take(things)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.setAccepted(self.closing.asked())

"""What the actions of the window do, beside files, models, pictures in and out, which have rooms of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, QUrl
from PySide6.QtGui import QDesktopServices

from studio.app.dialogs import Dialog, ask
from studio.app.history import Item
from studio.app.historydock import RecipeDialog
from studio.app.jobs import QUIET_KEYS
from studio.base import paths
from studio.base.steps import UInt8Image
from studio.panels.registry import entries

if TYPE_CHECKING:
    from studio.app.document import Document
    from studio.app.exporter import Exporter
    from studio.app.files import Files
    from studio.app.intake import Intake
    from studio.app.models import Models
    from studio.app.window import MainWindow
    from studio.widgets.canvas import Canvas

MODES = ("wipe", "side", "single")


class Commands(QObject):
    """The root of the dotted paths in the action table."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._waiting: Dialog | None = None
        self._star_next: msgspec.Struct | None = None

    @property
    def document(self) -> Document:
        """Undo and redo."""
        return self._window.document

    @property
    def files(self) -> Files:
        """Projects."""
        return self._window.files

    @property
    def models(self) -> Models:
        """Models."""
        return self._window.models

    @property
    def exporter(self) -> Exporter:
        """Pictures out."""
        return self._window.exporter

    @property
    def intake(self) -> Intake:
        """Pictures and files in."""
        return self._window.intake

    # Enabled and checked -------------------------------------------------------------------------------------

    def can_undo(self) -> bool:
        """Something can be taken back."""
        return self.document.undo_stack.canUndo()

    def can_redo(self) -> bool:
        """Something can be done again."""
        return self.document.undo_stack.canRedo()

    def has_picture(self) -> bool:
        """The workspace in front shows a finished picture."""
        return self._window.current_picture() is not None

    def comparing(self) -> bool:
        """The canvas compares two pictures."""
        canvas = self._canvas()
        return canvas is not None and canvas.mode() != "single"

    def has_jobs(self) -> bool:
        """A long job runs or waits."""
        return bool(self._window.jobs.long_jobs())

    def history_visible(self) -> bool:
        """The history strip is shown."""
        return not self._window.history_dock.isHidden()

    def inspector_visible(self) -> bool:
        """The inspector is shown."""
        return not self._window.inspector_dock.isHidden()

    def full_screen(self) -> bool:
        """The window fills the screen."""
        return self._window.isFullScreen()

    # Window --------------------------------------------------------------------------------------------------

    def quit(self) -> None:
        """Close the window, after the questions."""
        self._window.close()

    def show_palette(self) -> None:
        """Ctrl+K."""
        self._window.open_palette()

    def toggle_history(self) -> None:
        """Show or hide the history strip."""
        self._window.history_dock.setVisible(not self.history_visible())

    def toggle_inspector(self) -> None:
        """Show or hide the inspector."""
        self._window.inspector_dock.setVisible(not self.inspector_visible())

    def toggle_full_screen(self) -> None:
        """Fill the screen, or not."""
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    def reset_layout(self) -> None:
        """Docks as they were at first."""
        self._window.keeper.reset()

    def show_settings(self) -> None:
        """The settings window."""
        from studio.app.settings_dialog import SettingsDialog

        devices = [("auto", self.tr("Automatic")), ("cpu", self.tr("Processor (CPU)"))]
        known = {key for key, _ in devices}
        devices += [(info.id, info.name) for info in self._window.worker.status.devices if info.id not in known]
        SettingsDialog(self._window, self._window.app_settings, devices).open()

    def show_shortcuts(self) -> None:
        """The sheet of shortcuts."""
        from studio.app.shortcuts import ShortcutsDialog

        panel = self._window.panel
        title = panel.title if panel else ""
        ShortcutsDialog(self._window, self._window.actions_table, title, [entry.title for entry in entries()]).open()

    def show_log(self) -> None:
        """The log viewer."""
        from studio.app.logview import LogView

        LogView(self._window, self._window.book).show()

    def show_about(self) -> None:
        """Version and licences."""
        from studio.app.about import AboutDialog

        AboutDialog(self._window).open()

    def open_data_folder(self) -> None:
        """The person's data folder in the file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.data_dir())))

    # Canvas --------------------------------------------------------------------------------------------------

    def _canvas(self) -> Canvas | None:
        panel = self._window.panel
        return panel.canvas if panel is not None else None

    def canvas_fit(self) -> None:
        """The whole picture."""
        if (canvas := self._canvas()) is not None:
            canvas.fit()

    def canvas_actual(self) -> None:
        """One pixel of the picture is one of the screen."""
        if (canvas := self._canvas()) is not None:
            canvas.zoom_to(1.0)

    def canvas_zoom_in(self) -> None:
        """Closer."""
        if (canvas := self._canvas()) is not None:
            canvas.zoom_to(canvas.zoom() * 1.25)

    def canvas_zoom_out(self) -> None:
        """Further away."""
        if (canvas := self._canvas()) is not None:
            canvas.zoom_to(canvas.zoom() / 1.25)

    def toggle_compare(self) -> None:
        """Pin the picture of this moment beside what follows, or stop comparing."""
        canvas, picture = self._canvas(), self._window.current_picture()
        if canvas is None:
            return
        if self.comparing():
            canvas.set_compare(None)
            canvas.set_mode("single")
        elif picture is not None:
            self._compare_with(picture[0])
        self._window.refresh_soon()

    def next_compare_mode(self) -> None:
        """Wipe, side by side, lens, and around again."""
        canvas = self._canvas()
        if canvas is not None and self.comparing():
            canvas.set_mode({"wipe": "side", "side": "lens"}.get(canvas.mode(), "wipe"))

    def _compare_with(self, pixels: UInt8Image) -> None:
        canvas = self._canvas()
        if canvas is not None:
            canvas.set_compare(pixels, self.tr("before"), self.tr("now"))
            canvas.set_mode("wipe")
            self._window.refresh_soon()

    def enlarge_current(self) -> None:
        """The picture in front becomes larger in Translate."""
        self._task("enlarge")

    def translate_current(self) -> None:
        """The picture in front goes into another world in Translate."""
        self._task("picture")

    def _task(self, task: str) -> None:
        picture, title = self._window.current_picture(), self._window.picture_title()
        if picture is not None:
            self._window.show_panel("translate")
            panel = self._window.panel
            if panel is None or not panel.accept_task(task, picture[0], title):
                self._window.notify(self.tr("This workspace has no use for a picture."))

    # Pictures of the history ---------------------------------------------------------------------------------

    def bookmark_current(self) -> None:
        """Keep the latent of the picture in front."""
        picture = self._window.current_picture()
        request = picture[1] if picture else None
        latent = getattr(request, "latent", None)
        if picture is None or latent is None:
            return
        look, model = getattr(request, "look", None), getattr(request, "model", "")
        if look is not None:
            self._window.add_bookmark(latent, look, model, self._window.picture_title(), picture[0])

    def star_current(self) -> None:
        """Keep the picture in front in the gallery."""
        picture, panel = self._window.current_picture(), self._window.panel
        if picture is None or panel is None:
            return
        history = self._window.history
        item = history.add(picture[1], picture[0], self._window.picture_title(), panel.name)
        if not history.starred(item.id):
            history.star(item.id)

    def _item(self, key: str) -> Item | None:
        return self._window.history.find(key)

    def recall_item(self, key: str) -> None:
        """Bring the recipe of a result back."""
        item = self._item(key)
        if item is not None and self._window.recall(item.request, item.panel):
            self._window.history_view.set_current(key)

    def star_item(self, key: str) -> None:
        """Into the gallery, or out of it."""
        if not self._window.history.star(key):
            self._window.notify(self.tr("This picture left the memory. Bring it back first, then keep it."))

    def compare_item(self, key: str) -> None:
        """A result beside what is shown."""
        if not self._window.history.picture(key, self._compare_with):
            item = self._item(key)
            if item is not None and item.thumbnail is not None:
                self._compare_with(item.thumbnail)

    def export_item(self, key: str) -> None:
        """Write a result with its recipe."""
        item = self._item(key)
        if item is None:
            return
        found = self._window.history.picture(
            key, lambda pixels: self.exporter.export_picture(pixels, item.request, item.title)
        )
        if not found:
            self._window.notify(self.tr("This picture left the memory. Bring it back first, then export it."))

    def drag_item(self, key: str) -> Path | None:
        """A file for dragging a result out; None when its picture is not at hand."""
        item = self._item(key)
        if item is None or item.picture is None:
            return None
        return self.exporter.drag_file(item.picture, item.request, item.title)

    def reveal_item(self, key: str) -> None:
        """Show the recipe of a result."""
        item = self._item(key)
        if item is not None:
            self.show_recipe(item.request, item.title)

    def show_recipe(self, request: msgspec.Struct, title: str) -> None:
        """The recipe as text, in a window."""
        from studio.project import recipes

        text = recipes.to_text(recipes.recipe_for(request, self.document.session, self.document.assets))  # type: ignore[arg-type]
        pretty = msgspec.json.format(text, indent=2)
        RecipeDialog(self._window, title, pretty).open()

    # Jobs ----------------------------------------------------------------------------------------------------

    def cancel_job(self) -> None:
        """End the long job that runs; its panel may know a gentler way."""
        jobs = self._window.jobs.long_jobs()
        if not jobs:
            return
        owner = next((panel for panel in self._window.panels.values() if panel.owns(jobs[0].id)), None)
        if owner is None or not owner.end_gently(jobs[0].id):
            self._window.worker.cancel(jobs[0].id)

    def pause_job(self) -> None:
        """Let the running job rest, or go on."""
        jobs = self._window.jobs.long_jobs()
        if jobs:
            self._window.jobs.toggle_pause(jobs[0].id)

    def cancel_all_jobs(self) -> None:
        """End every long job."""
        for job in self._window.jobs.long_jobs():
            self._window.worker.cancel(job.id)

    def cancel_for_new_document(self) -> None:
        """What was asked for another project must not land in this one."""
        for job in self._window.worker.jobs():
            if job.key not in QUIET_KEYS:
                self._window.worker.cancel(job.id)

    def end_jobs_then(self, then: Callable[[], object]) -> None:
        """Do ``then`` when no long job runs; ask about one that it would end."""
        jobs = self._window.jobs.long_jobs()
        if not jobs:
            then()
            return

        def answered(key: str) -> None:
            if key == "end":
                self.cancel_all_jobs()
                then()

        ask(
            self._window,
            self.tr("A job is still running"),
            self.tr("“{title}” is not finished. This would end it.").format(title=jobs[0].title),
            (
                ("end", self.tr("End it"), "danger"),
                ("stay", self.tr("Keep working"), "primary"),
            ),
            answered,
        )

    # Waiting -------------------------------------------------------------------------------------------------

    def show_waiting(self, text: str) -> None:
        """A sign that the window closes as soon as something is done."""
        if self._waiting is None:
            self._waiting = Dialog(
                self._window, text, QCoreApplication.translate("Commands", "The window closes when it is done.")
            )
            self._waiting.destroyed.connect(self._forget_waiting)
            self._waiting.open()

    def hide_waiting(self) -> None:
        """Take the sign away."""
        if self._waiting is not None:
            self._waiting.accept()
            self._waiting = None

    def _forget_waiting(self) -> None:
        self._waiting = None

"""Sizes of the window and its docks, and the zoom of each canvas: remembered, restored, brought back to the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt

from studio.panels.base import Panel
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.app.window import MainWindow

VERSION = 1
"""Another arrangement of docks needs another number, or old states would tear it apart."""
FIRST_SIZE = QSize(1440, 900)
HISTORY_HEIGHT = 118


class LayoutKeeper:
    """Reads and writes the "layout" and "zoom" groups of the settings."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def restore(self) -> None:
        """As it was left, within what the screen has now."""
        window = self._window
        geometry = window.app_settings.layout("geometry")
        if geometry.isEmpty() or not window.restoreGeometry(geometry):
            screen = window.screen()
            room = screen.availableGeometry().size() if screen is not None else FIRST_SIZE
            window.resize(FIRST_SIZE.boundedTo(QSize(room.width() - 40, room.height() - 60)))
        if not window.restoreState(window.app_settings.layout("docks"), VERSION):
            self.reset()

    def reset(self) -> None:
        """Docks as they were at first."""
        window = self._window
        for dock in (window.inspector_dock, window.history_dock):
            dock.setFloating(False)
            dock.show()
        window.resizeDocks([window.inspector_dock], [Theme.INSPECTOR], Qt.Orientation.Horizontal)
        window.resizeDocks([window.history_dock], [HISTORY_HEIGHT], Qt.Orientation.Vertical)

    def save(self) -> None:
        """Remember everything (the window closes)."""
        window = self._window
        window.app_settings.set_layout("geometry", window.saveGeometry())
        window.app_settings.set_layout("docks", window.saveState(VERSION))
        for name, panel in window.panels.items():
            if panel.canvas is not None and name in window.shown_once:
                zoom = 0.0 if panel.canvas.is_fitted() else panel.canvas.zoom()
                window.settings.setValue(f"zoom/{name}", zoom)
        window.app_settings.sync()

    def restore_zoom(self, panel: Panel) -> None:
        """The zoom that this workspace's canvas had, once it shows a picture; a fitted one stays fitted."""
        try:
            zoom = float(str(self._window.settings.value(f"zoom/{panel.name}", 0.0)))
        except ValueError:
            return
        if panel.canvas is not None and zoom > 0:
            panel.canvas.zoom_to(zoom)

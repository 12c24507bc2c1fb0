"""The history strip under the canvas, and the window that shows a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QPlainTextEdit, QVBoxLayout, QWidget

from studio.app.dialogs import Dialog
from studio.app.history import History, Item
from studio.base.steps import UInt8Image
from studio.widgets.icons import icon
from studio.widgets.parts import ElidedLabel, icon_button, label
from studio.widgets.strip import Thumb, ThumbStrip


class HistoryDock(QWidget):
    """Shows :class:`History`; asks the window by signals for what concerns more than the history."""

    recall = Signal(str)
    compare = Signal(str)
    export = Signal(str)
    reveal = Signal(str)
    star = Signal(str)

    def __init__(self, history: History, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._thumbs: dict[str, Thumb] = {}
        self.strip = ThumbStrip(size=68, name=self.tr("History"))
        self.strip.set_placeholder(self.tr("Every picture that you finish will wait here with its recipe."))
        self.only_kept = QCheckBox(self.tr("Gallery only"))
        self.only_kept.setToolTip(self.tr("Show only the pictures that are kept in the project"))
        self.only_kept.toggled.connect(self.refill)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(label(self.tr("History"), "heading"))
        head.addWidget(ElidedLabel(self.tr("every result keeps its recipe — click to recall, star to keep"), "hint"), 1)
        head.addWidget(self.only_kept)
        head.addWidget(icon_button("trash", self.tr("Clear what is not starred"), history.clear, size=14))
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 4, 12, 4)
        box.setSpacing(2)
        box.addLayout(head)
        box.addWidget(self.strip, 1)
        self.strip.activated.connect(self.recall)
        self.strip.adopted.connect(self.recall)
        self.strip.star_toggled.connect(lambda key, _: self.star.emit(key))
        self.strip.remove_asked.connect(history.discard)
        self.strip.context_requested.connect(self._menu)
        history.changed.connect(self.refill)
        history.thumbnail_ready.connect(self._thumbnail)
        self.refill()

    def set_drag_source(self, source: Callable[[str], Path | None]) -> None:
        """What writes the file of an item that is dragged out."""
        self.strip.set_drag_source(source)

    def refill(self) -> None:
        """Show the items as they are now."""
        kept, starred = self.only_kept.isChecked(), self._history.starred_ids()
        shown = [item for item in self._history.items() if not kept or item.id in starred]
        self._thumbs = {item.id: self._thumb(item, item.id in starred) for item in shown}
        self.strip.set_items(self._thumbs.values())

    def set_current(self, item_id: str | None) -> None:
        """Ring the item in use."""
        self.strip.set_current(item_id)

    def _thumb(self, item: Item, starred: bool) -> Thumb:
        return Thumb(item.id, item.thumbnail, title=item.title, tooltip=item.title, starred=starred)

    def _thumbnail(self, key: str, pixels: UInt8Image) -> None:
        if key in self._thumbs:
            self._thumbs[key] = replace(self._thumbs[key], image=pixels)
            self.strip.update_item(self._thumbs[key])

    def menu(self, key: str) -> QMenu:
        """What can be done with one result."""
        menu = QMenu(self)
        keep = self.tr("Take out of the gallery") if self._history.starred(key) else self.tr("Keep in the gallery")
        entries = (
            (self.recall, self.tr("Bring back"), "undo"),
            (self.compare, self.tr("Compare with what is shown"), "compare"),
            None,
            (self.star, keep, "star"),
            (self.export, self.tr("Export …"), "export"),
            (self.reveal, self.tr("Show the recipe"), "info"),
            None,
            (None, self.tr("Discard"), "trash"),
        )
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            asked, words, icon_name = entry
            made = menu.addAction(icon(icon_name), words)
            slot = self._history.discard if asked is None else asked.emit
            made.triggered.connect(lambda _=False, slot=slot: slot(key))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def _menu(self, key: str, at: QPoint) -> None:
        if self._history.find(key) is not None:
            self.menu(key).popup(at)


class RecipeDialog(Dialog):
    """A recipe as text, to read or to copy."""

    def __init__(self, parent: QWidget, title: str, text: str) -> None:
        super().__init__(
            parent,
            title,
            self.tr("This text makes the picture again. It travels in every exported PNG."),
            width=600,
        )
        self.setMinimumHeight(420)
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Recipe"))
        self.body.addWidget(self.text, 1)
        self.add_button(self.tr("Copy"), lambda: QGuiApplication.clipboard().setText(text), left=True)
        self.add_close()

"""What the command palette can find: actions, workspaces, models, bookmarks, pictures, projects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSize
from PySide6.QtGui import QAction, QKeySequence, QPixmap

from studio.app.actions import plain
from studio.app.palette import Entry
from studio.base.steps import UInt8Image
from studio.panels.registry import entries
from studio.widgets.icons import icon
from studio.widgets.pictures import thumbnail

if TYPE_CHECKING:
    from studio.app.window import MainWindow


def found_entries(window: MainWindow) -> list[Entry]:
    """Everything, in the order in which it is listed while nothing is typed."""
    window.actions_table.refresh()
    return [
        *_actions(window),
        *_workspaces(window),
        *_models(window),
        *_bookmarks(window),
        *_pictures(window),
        *_projects(window),
    ]


def _actions(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    own = {made.objectName() for made in window.actions_table.panel_actions()}
    for made in window.actions_table.everything():
        if not made.isEnabled() or made.objectName() == "view.palette":
            continue
        kind = window.panel.title if made.objectName() in own and window.panel else tr("Search", "Action")
        yield Entry(
            plain(made.text()),
            partial(_trigger, made),
            kind=kind,
            hint=made.shortcut().toString(QKeySequence.SequenceFormat.NativeText),
            icon=made.icon() if not made.icon().isNull() else icon("target"),
            key=made.objectName(),
            words=made.objectName().replace(".", " ").replace("_", " "),
        )


def _trigger(action: QAction) -> None:
    action.trigger()


def _workspaces(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    for number, entry in enumerate(entries(), 1):
        if window.panel is None or entry.name != window.panel.name:
            yield Entry(
                tr("Search", "Go to {name}").format(name=entry.title),
                partial(window.show_panel, entry.name),
                kind=tr("Search", "Workspace"),
                hint=f"Alt+{number}",
                icon=icon(entry.icon),
                key=f"go.{entry.name}",
                words=entry.name,
            )


def _models(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    for card in window.models.entries():
        if card.role == "generator":
            yield Entry(
                tr("Search", "Use {name}").format(name=card.title or card.name),
                partial(window.use_model, card),
                kind=tr("Search", "Model"),
                icon=icon("model"),
                key=f"model.{card.sha256}",
                words=f"{card.name} {card.architecture} {card.data}",
            )


def _bookmarks(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    for mark in window.document.session.bookmarks:
        yield Entry(
            mark.name,
            partial(window.use_bookmark, mark),
            kind=tr("Search", "Bookmark"),
            icon=icon("bookmark"),
            key=f"bookmark.{mark.id}",
        )


def _pictures(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    for item in window.history.items()[:100]:
        kept = window.history.starred(item.id)
        yield Entry(
            item.title,
            partial(window.commands.recall_item, item.id),
            kind=tr("Search", "Gallery") if kept else tr("Search", "History"),
            picture=_small(item.thumbnail),
            icon=icon("picture"),
            key=f"picture.{item.id}",
        )


def _projects(window: MainWindow) -> Iterator[Entry]:
    tr = QCoreApplication.translate
    for path in window.app_settings.recent():
        if path != window.document.path:
            yield Entry(
                tr("Search", "Open {name}").format(name=path.stem),
                partial(window.files.open, path),
                kind=tr("Search", "Project"),
                icon=icon("open"),
                key=f"project.{path}",
                words=str(path.parent),
            )


def _small(pixels: UInt8Image | None) -> QPixmap | None:
    return None if pixels is None else thumbnail(pixels, QSize(24, 24), 2.0)

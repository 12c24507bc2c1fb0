"""The shortcuts sheet (F1): every key on one page, made from the action table, and what the canvas answers to."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.app.actions import Actions, menu_titles, plain
from studio.app.dialogs import Dialog
from studio.widgets.parts import label
from studio.widgets.tokens import Theme


class ShortcutsDialog(Dialog):
    """Columns of groups; each row an action and its keys."""

    def __init__(self, parent: QWidget | None, actions: Actions, panel: str, workspaces: Iterable[str]) -> None:
        super().__init__(parent, self.tr("Keyboard shortcuts"), width=820)
        self.setMinimumHeight(520)
        groups = [(title, self._of_menu(actions, key)) for key, title in menu_titles().items() if key != "panel"]
        own = [(made.text(), _keys(made.shortcuts())) for made in actions.panel_actions() if made.shortcuts()]
        if own:
            groups.insert(0, (panel, own))
        groups.append((self.tr("Workspaces"), [(name, f"Alt+{n}") for n, name in enumerate(workspaces, 1)]))
        groups.append((self.tr("Canvas and sliders"), self._hands()))
        page = QWidget()
        page.setProperty("role", "scrolled")
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 12, 0)
        row.setSpacing(32)
        columns = [QVBoxLayout() for _ in range(2)]
        heights = [0, 0]
        for title, rows in groups:
            if not rows:
                continue
            place = heights.index(min(heights))
            heights[place] += len(rows) + 2
            columns[place].addLayout(self._group(title, rows))
        for column in columns:
            column.setSpacing(18)
            column.addStretch(1)
            row.addLayout(column, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        self.body.addWidget(area, 1)
        self.add_close()

    def _of_menu(self, actions: Actions, key: str) -> list[tuple[str, str]]:
        return [
            (plain(spec.text), _keys(actions.by_name[spec.name].shortcuts()))
            for spec in actions.specs.values()
            if spec.menu == key and spec.shortcuts
        ]

    def _hands(self) -> list[tuple[str, str]]:
        return [
            (self.tr("Zoom at the pointer"), self.tr("Wheel")),
            (self.tr("Move the picture"), self.tr("Space + drag, middle drag")),
            (self.tr("Fine steps on a slider"), self.tr("Shift + drag")),
            (self.tr("Back to the default"), self.tr("Double-click")),
            (self.tr("Type a value"), self.tr("Enter on a slider")),
            (self.tr("Main menu"), "F10"),
        ]

    def _group(self, title: str, rows: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(0, 1)
        grid.addWidget(label(title, "heading"), 0, 0, 1, 2)
        for number, (words, keys) in enumerate(rows, 1):
            grid.addWidget(label(words, "dim"), number, 0)
            cap = label(keys)
            cap.setStyleSheet(
                f"background: {Theme.RAISED}; border: 1px solid {Theme.LINE}; border-radius: 4px; padding: 1px 6px;"
            )
            grid.addWidget(cap, number, 1, Qt.AlignmentFlag.AlignRight)
        return grid


def _keys(sequences: Iterable[QKeySequence]) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(sequence.toString(native) for sequence in list(sequences)[:2])

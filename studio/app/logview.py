"""The log viewer: what happened, filtered, copyable, in the order it happened."""

from __future__ import annotations

import logging
import time

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from studio.app.dialogs import Dialog
from studio.app.logs import Line, LogBook
from studio.base import paths
from studio.widgets.tokens import Theme

_COLOURS = {logging.WARNING: Theme.ACCENT, logging.ERROR: Theme.BAD, logging.CRITICAL: Theme.BAD}


class LogView(Dialog):
    """Follows the book while it is open; not modal, so that one can watch while working."""

    def __init__(self, parent: QWidget | None, book: LogBook) -> None:
        super().__init__(
            parent,
            self.tr("What happened"),
            self.tr("The newest lines are at the end. When you report a fault, copy them along."),
            width=760,
        )
        self.setModal(False)
        self.setMinimumHeight(460)
        self._book = book
        self.level = QComboBox()
        self.level.setAccessibleName(self.tr("Which lines"))
        for text, least in (
            (self.tr("Everything"), logging.DEBUG),
            (self.tr("Warnings and errors"), logging.WARNING),
            (self.tr("Errors only"), logging.ERROR),
        ):
            self.level.addItem(text, least)
        self.words = QLineEdit()
        self.words.setPlaceholderText(self.tr("Only lines with …"))
        self.words.setAccessibleName(self.tr("Only lines with these words"))
        self.words.setClearButtonEnabled(True)
        row = QHBoxLayout()
        row.addWidget(self.level)
        row.addWidget(self.words, 1)
        self.body.addLayout(row)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(5000)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(self.tr("Log lines"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.body.addWidget(self.text, 1)
        self.add_button(self.tr("Open the folder"), self._open_folder, left=True)
        self.add_button(self.tr("Copy all"), self._copy)
        self.add_close()
        self.level.currentIndexChanged.connect(self._refill)
        self.words.textChanged.connect(self._refill)
        book.added.connect(self._add)
        self._refill()

    def _shown(self, line: Line) -> bool:
        words = self.words.text().casefold()
        return line.level >= self.level.currentData() and (
            not words or words in f"{line.source} {line.text}".casefold()
        )

    def _refill(self) -> None:
        self.text.clear()
        for line in self._book.snapshot():
            self._add(line)

    def _add(self, line: Line) -> None:
        if not self._shown(line):
            return
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        look = QTextCharFormat()
        look.setForeground(QColor(_COLOURS.get(line.level, Theme.DIM)))
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.text.document().isEmpty():
            cursor.insertBlock()
        when = time.strftime("%H:%M:%S", time.localtime(line.time))
        cursor.insertText(f"{when}  {line.source}  {line.text}", look)
        if at_end:
            bar.setValue(bar.maximum())

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.log_dir())))

"""The make of every dialog: a title, a sentence, a body, buttons at the right.  Nothing here blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from studio.widgets.parts import label, text_button


class Dialog(QDialog):
    """A window-modal dialog.  ``body`` takes the content, :meth:`add_button` the answers (first: the usual one)."""

    def __init__(self, parent: QWidget | None, title: str, lead: str = "", width: int = 460) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(width)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 20, 24, 18)
        outer.setSpacing(12)
        outer.addWidget(label(title, "title"))
        if lead:
            sentence = label(lead, wrap=True)
            sentence.setStyleSheet("color: palette(text);")
            outer.addWidget(sentence)
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        outer.addLayout(self.body, 1)
        self._answers_row = QHBoxLayout()
        self._answers_row.setSpacing(8)
        self._answers_row.addStretch(1)
        outer.addSpacing(4)
        outer.addLayout(self._answers_row)

    def add_button(
        self, text: str, slot: Callable[[], object], *, kind: str = "normal", left: bool = False
    ) -> QPushButton:
        """A button at the right (or left) end of the row; a ``primary`` one answers to Enter."""
        made = text_button(text, kind=kind)
        made.clicked.connect(lambda: slot())
        if kind == "primary":
            made.setDefault(True)
        self._answers_row.insertWidget(0 if left else self._answers_row.count(), made)
        return made

    def add_close(self, text: str = "") -> QPushButton:
        """The button that only closes."""
        return self.add_button(text or QCoreApplication.translate("Dialog", "Close"), self.reject)


class Question(Dialog):
    """A sentence and a few answers; ``then(key)`` is called once with the answer, "" for Escape."""

    def __init__(
        self,
        parent: QWidget | None,
        title: str,
        text: str,
        answers: Sequence[tuple[str, str, str]],
        then: Callable[[str], object],
    ) -> None:
        super().__init__(parent, title, text)
        self._then = then
        self._answer = ""
        self.answers: dict[str, QPushButton] = {}
        for key, words, kind in answers:
            self.answers[key] = self.add_button(words, partial(self.choose, key), kind=kind)
        self.finished.connect(self._finish)

    def choose(self, key: str) -> None:
        """Answer."""
        self._answer = key
        self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Arrow keys walk between the answers as they do in every platform's own dialogs.
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Right)
            return
        super().keyPressEvent(event)

    def _finish(self, _: int) -> None:
        self._then(self._answer)


def ask(
    parent: QWidget | None,
    title: str,
    text: str,
    answers: Sequence[tuple[str, str, str]],
    then: Callable[[str], object],
) -> Question:
    """Show a question; ``answers`` are (key, words, kind) with the kinds of :func:`text_button`."""
    question = Question(parent, title, text, answers, then)
    question.open()
    return question

"""Languages: one table of sentences for each, ``resources/i18n/CODE.json``, from the English text to the other.

English is the source and needs no table.  A key is the English text, or ``Context::text`` where one English word
needs different words in different places.  Keys that begin with ``@`` describe the table itself.
"""

from __future__ import annotations

import json
import logging
import re
from functools import cache
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QObject, QTranslator

from studio.base import paths

log = logging.getLogger(__name__)

SYSTEM = "system"
SOURCE = "en"


class TableTranslator(QTranslator):
    """Looks English up in a table; what is not in it stays English."""

    def __init__(self, code: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.code = code
        self._table = load_table(code)

    def isEmpty(self) -> bool:
        return not self._table

    def translate(  # type: ignore[override]
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        # None, not "": Qt asks on and falls back to the source text only for a null string.
        return self._table.get(f"{context}::{source}") or self._table.get(source)


def _folder() -> Path:
    return paths.resources() / "i18n"


@cache
def load_table(code: str) -> dict[str, str]:
    """The table of a language, {} for English.  A damaged file is logged and counts as empty."""
    if code == SOURCE:
        return {}
    file = _folder() / f"{code}.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        log.warning("the language file %s cannot be used: %s", file.name, exc)
        return {}
    return {str(key): str(value) for key, value in raw.items()}


@cache
def _templates(code: str) -> list[tuple[re.Pattern[str], list[int], str]]:
    found = []
    for key, words in load_table(code).items():
        pieces = re.split(r"\{(\d+)\}", key)
        if len(pieces) > 1:
            pattern = "(.*)".join(re.escape(piece) for piece in pieces[::2])
            found.append((re.compile(pattern, re.DOTALL), [int(number) for number in pieces[1::2]], words))
    # The one with the most text of its own first: "Saving “{0}” stopped." before "{0} stopped."
    return sorted(found, key=lambda entry: -len(entry[0].pattern))


def say(text: str) -> str:
    """A sentence of a room that knows no Qt (an error, a phase of a job) in the language that is installed.

    The rooms below write English; what they put into a sentence is found again by the template in the table:
    "“{0}” is a folder." fits "“cats” is a folder.".  What is not in the table stays English.
    """
    app = QCoreApplication.instance()
    translator = app.findChild(TableTranslator) if app is not None else None
    if translator is None or not text:
        return text
    exact = translator.translate("", text)
    if exact is not None:
        return exact
    for pattern, numbers, words in _templates(translator.code):
        match = pattern.fullmatch(text)
        if match is not None:
            for number, value in zip(numbers, match.groups(), strict=True):
                words = words.replace(f"{{{number}}}", say(value))
            return words
    return text


def available() -> dict[str, str]:
    """Code -> the language's name in itself, English first."""
    found = {SOURCE: "English"}
    for file in sorted(_folder().glob("*.json")):
        found[file.stem] = load_table(file.stem).get("@name", file.stem)
    return found


def resolve(choice: str) -> str:
    """The code for a choice of the settings: ``system`` follows the machine where it is a language that we have."""
    codes = available()
    if choice in codes:
        return choice
    for name in QLocale.system().uiLanguages():
        code = name.replace("_", "-").split("-")[0]
        if code in codes:
            return code
    return SOURCE


def install(choice: str) -> str:
    """Install the translator for ``choice`` into the application; returns the code that is in use."""
    code = resolve(choice)
    app = QCoreApplication.instance()
    if app is not None:
        for old in app.findChildren(TableTranslator):
            app.removeTranslator(old)
            old.deleteLater()
        if code != SOURCE:
            app.installTranslator(TableTranslator(code, app))
    return code

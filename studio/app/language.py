"""Languages: one table of sentences for each, ``resources/i18n/CODE.json``, from the English text to the other.

English is the source and needs no table.  A key is the English text, or ``Context::text`` where one English word
needs different words in different places.  Keys that begin with ``@`` describe the table itself.
"""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QObject, QTranslator

from studio.base import paths

log = logging.getLogger(__name__)

SYSTEM = "system"
SOURCE = "en"


class TableTranslator(QTranslator):
    """Looks English up in a table; what is not in it stays English."""

    def __init__(self, table: dict[str, str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table = table

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
            app.installTranslator(TableTranslator(load_table(code), app))
    return code

"""English and Korean: everything that a person reads has words in both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from studio.app import language
from studio.app.language import TableTranslator
from tests import strings

OTHERS = [code for code in language.available() if code != "en"]


@pytest.fixture
def korean(qapp: QApplication) -> Iterator[None]:
    language.install("ko")
    yield
    language.install("en")
    QApplication.processEvents()


def test_korean_ships() -> None:
    assert language.available() == {"en": "English", "ko": "한국어"}


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_is_missing(code: str) -> None:
    missing = strings.lacking(code, strings.ui_only(strings.collect()))
    assert not missing, (
        "run python tests/strings.py " + code + "\n" + "\n".join(f"{text!r}  {at[0]}" for text, at in missing.items())
    )


@pytest.mark.parametrize("code", OTHERS)
def test_holes_are_the_same(code: str) -> None:
    for source, words in language.load_table(code).items():
        if not source.startswith("@"):
            holes = re.findall(r"%\d|\{\w*[^}]*\}", source.split("::", 1)[-1])
            assert sorted(re.findall(r"%\d|\{\w*[^}]*\}", words)) == sorted(holes), source


@pytest.mark.parametrize("code", OTHERS)
def test_formats_can_be_filled(code: str) -> None:
    for source, words in language.load_table(code).items():
        if re.search(r"\{\w+", words) and not source.startswith("@"):
            names = set(re.findall(r"\{([A-Za-z_]\w*)", words))
            words.format(*range(10), **dict.fromkeys(names, 1.0 if "." in words else 1))


def test_every_text_of_the_window_is_literal() -> None:
    strings.collect()  # raises NotLiteral with the place


def test_the_translator_falls_back_to_english(korean: None) -> None:
    tr = QCoreApplication.translate
    assert tr("Rail", "Explore") == "탐색"
    assert tr("Rail", "No such sentence") == "No such sentence"


def test_a_word_may_differ_by_context(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    translator = TableTranslator("en")
    monkeypatch.setattr(translator, "_table", {"Open": "열기", "Section::Open": "펼치기"})
    assert translator.translate("Menu", "Open") == "열기"
    assert translator.translate("Section", "Open") == "펼치기"
    assert translator.translate("Menu", "Close") is None


def test_sentences_of_rooms_without_qt_are_recognised_by_their_template(
    korean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"“{0}” is a folder.": "“{0}”은(는) 폴더입니다.", "{0} stopped.": "{0} 중단됨.", "Saving": "저장"}
    monkeypatch.setattr(language, "load_table", lambda code: table)
    translator = QApplication.instance().findChild(TableTranslator)  # type: ignore[union-attr]
    monkeypatch.setattr(translator, "_table", table)
    language._templates.cache_clear()
    try:
        assert language.say("“cats” is a folder.") == "“cats”은(는) 폴더입니다."
        assert language.say("Saving stopped.") == "저장 중단됨.", "what is put in is said too"
        assert language.say("Something else.") == "Something else."
        assert language.say("") == ""
    finally:
        language._templates.cache_clear()


def test_english_needs_no_table(qapp: QApplication) -> None:
    language.install("en")
    assert language.say("Saving") == "Saving"
    assert language.load_table("en") == {}


def test_an_unknown_choice_becomes_a_language_that_we_have() -> None:
    assert language.resolve("xx") in language.available()
    assert language.resolve("ko") == "ko"


def test_a_damaged_table_leaves_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zz.json").write_text("{not json")
    monkeypatch.setattr(language, "_folder", lambda: tmp_path)
    language.load_table.cache_clear()
    try:
        assert language.load_table("zz") == {}
        assert language.available()["zz"] == "zz"
    finally:
        language.load_table.cache_clear()

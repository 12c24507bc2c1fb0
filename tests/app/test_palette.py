"""What the palette finds, and that keys work it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from studio.app.palette import Entry, Palette, initials, ranked, score


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("exp", "Export picture", True),
        ("pic exp", "Export picture", True),
        ("ep", "Export picture", True),
        ("sv as", "Save as", True),
        ("zzz", "Export picture", False),
        ("픽처", "픽처 내보내기", True),
        ("내보", "픽처 내보내기", True),
        ("ㄴㅂㄴㄱ", "그림 내보내기", True),
        ("ㅋ", "그림 내보내기", False),
    ],
)
def test_finding(query: str, text: str, found: bool) -> None:
    assert (score(query, text) is not None) == found


def test_word_starts_win_over_the_middle_and_scattered_letters() -> None:
    texts = ["Reset layout", "Save", "As saved", "Slow average view"]
    entries = [Entry(text, lambda: None) for text in texts]
    assert [e.text for e in ranked("save", entries)][:2] == ["Save", "As saved"]


def test_first_consonants() -> None:
    assert initials("탐색 A") == "ㅌㅅ A"


def test_other_words_find_too_but_come_later() -> None:
    first, second = Entry("Mix", lambda: None), Entry("혼합", lambda: None, words="mix")
    assert ranked("mix", [second, first]) == [first, second]


def test_nothing_typed_lists_what_was_used_lately_first() -> None:
    entries = [Entry(text, lambda: None, key=text) for text in "abc"]
    assert [e.text for e in ranked("", entries, ["c", "b"])] == ["c", "b", "a"]


@pytest.fixture
def palette(qtbot: QtBot) -> Iterator[Palette]:
    parent = QWidget()
    parent.resize(900, 600)
    qtbot.addWidget(parent)
    made = Palette(parent)
    parent.show()
    yield made
    parent.hide()


def test_enter_runs_the_chosen_row(palette: Palette, qtbot: QtBot) -> None:
    ran: list[str] = []
    entries = [Entry(text, lambda text=text: ran.append(text), key=text) for text in ("alpha", "alps", "beta")]
    palette.open(entries)
    assert palette.isVisible() and len(palette.found()) == 3
    qtbot.keyClicks(palette.field, "alp")
    assert {entry.text for entry in palette.found()} == {"alpha", "alps"}
    second = palette.found()[1].text
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    with qtbot.waitSignal(palette.used) as used:
        qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert ran == [second] == used.args and not palette.isVisible()


def test_escape_closes_and_runs_nothing(palette: Palette, qtbot: QtBot) -> None:
    palette.open([Entry("a", pytest.fail)])
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_nothing_found_says_so(palette: Palette, qtbot: QtBot) -> None:
    palette.open([Entry("a", lambda: None)])
    qtbot.keyClicks(palette.field, "qqq")
    assert palette.nothing.isVisible() and not palette.list.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()

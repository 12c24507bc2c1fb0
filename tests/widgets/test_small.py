"""Sections, chips, job strip, notices, drop areas, small pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton, QWidget

from studio.base.errors import ModelError, StudioError
from studio.widgets.chips import ChipRow
from studio.widgets.empty import DropArea, EmptyState
from studio.widgets.jobstrip import JobStrip, time_left
from studio.widgets.parts import ElidedLabel, icon_button, text_button
from studio.widgets.picture import PictureView
from studio.widgets.section import Inspector, Section
from studio.widgets.toast import Notices
from tests.widgets.hands import Heard, click, drop_files, key


@dataclass(frozen=True)
class Job:
    id: int
    title: str = "Finding the face"
    state: str = "running"
    phase: str = "W+"
    done: int = 3
    total: int = 10
    eta_s: float | None = 41.0
    behind: int = 0
    note: str = ""


def test_a_section_folds_by_mouse_and_keys(shown) -> None:  # type: ignore[no-untyped-def]
    section = Section("Directions", "hint")
    inside = QPushButton("x")
    section.add(inside)
    shown(section, 300, 120)
    heard = Heard(section.toggled)
    assert inside.isVisible()
    click(section._toggle, QPointF(10, 10))
    assert not inside.isVisible() and not section.is_open() and heard == [(False,)]
    key(section._toggle, Qt.Key.Key_Right)
    assert section.is_open()
    section.set_title("Where layer 7 acts")
    section.set_hint("hover a row")
    assert (section.title(), section.hint()) == ("Where layer 7 acts", "hover a row")


def test_section_actions_act(shown) -> None:  # type: ignore[no-untyped-def]
    pressed: list[int] = []
    section = Section("Directions")
    button = section.add_action("+ import", lambda: pressed.append(1), tip="Import a direction file")
    shown(section, 300, 80)
    click(button, QPointF(5, 5))
    assert pressed == [1]


def test_an_inspector_scrolls_when_it_is_long(shown, themed) -> None:  # type: ignore[no-untyped-def]
    inspector = Inspector("Explore", "Wander.")
    sections = [inspector.add_section(f"Part {i}") for i in range(12)]
    for section in sections:
        section.add(QPushButton("x"))
    shown(inspector, 324, 300)
    bar = inspector._scroll.verticalScrollBar()
    assert bar.maximum() > 0
    inspector.show_widget(sections[-1])
    themed.processEvents()
    assert bar.value() > 0
    heights = {section.height() for section in sections}
    assert len(heights) == 1, "sections are as high as what they hold"


def test_exclusive_chips(shown) -> None:  # type: ignore[no-untyped-def]
    row = shown(ChipRow(["Coarse", ("m", "Middle"), ("f", "Fine", "star")]), 300, 24)
    heard = Heard(row.changed)
    row.set_current("m")
    assert row.current() == "m" and not heard
    click(row.chip("f"), QPointF(8, 8))
    click(row.chip("f"), QPointF(8, 8))
    assert heard == [("f",), ("f",)] and row.checked() == {"f"}
    key(row.chip("f"), Qt.Key.Key_Left)
    row.grab()


def test_optional_chips_can_all_be_off(shown) -> None:  # type: ignore[no-untyped-def]
    row = shown(ChipRow(["a", "b"], optional=True), 300, 24)
    heard = Heard(row.changed)
    click(row.chip("a"), QPointF(8, 8))
    click(row.chip("a"), QPointF(8, 8))
    assert heard == [("a",), ("",)] and row.current() == ""


def test_switch_chips_and_new_options(shown) -> None:  # type: ignore[no-untyped-def]
    row = shown(ChipRow(["a", "b"], exclusive=False), 300, 24)
    heard = Heard(row.toggled)
    click(row.chip("a"), QPointF(8, 8))
    click(row.chip("b"), QPointF(8, 8))
    assert heard == [("a", True), ("b", True)] and row.checked() == {"a", "b"}
    row.set_options(["b", "c"])
    assert row.checked() == {"b"}


def test_chips_wrap(shown, themed) -> None:  # type: ignore[no-untyped-def]
    inspector = Inspector("x")
    section = inspector.add_section("Presets")
    row = ChipRow([f"A longer word {i}" for i in range(6)])
    section.add(row)
    shown(inspector, 324, 400)
    places = [row.chip(f"A longer word {i}").geometry() for i in range(6)]
    assert len({place.top() for place in places}) >= 3
    assert all(row.rect().contains(place) for place in places), "no chip is cut off"


def test_chips_survive_many_layouts(shown, themed) -> None:  # type: ignore[no-untyped-def]
    row = shown(ChipRow([str(i) for i in range(9)]), 100, 60)
    for width in range(60, 400, 3):
        row.resize(width, 60)
        themed.processEvents()
    assert row.heightForWidth(60) > row.heightForWidth(400)


def test_job_rows_tell_and_ask(shown, noise, themed) -> None:  # type: ignore[no-untyped-def]
    strip = JobStrip(patience_ms=0)
    shown(strip, 500, 200)
    assert not strip.isVisible() or not strip.shown()
    strip.set_jobs([Job(1), Job(2, state="waiting", behind=1), Job(3, state="done"), Job(4, state="failed")])
    assert strip.isVisible() and strip.shown() == (1, 2)
    pause, resume, cancel = Heard(strip.pause_asked), Heard(strip.resume_asked), Heard(strip.cancel_asked)
    row = strip._rows[1]
    assert "3 of 10" in row.accessibleDescription() and "0:41 left" in row.accessibleDescription()
    click(row._pause, QPointF(5, 5))
    assert pause == [(1,)]
    strip.set_jobs([Job(1, state="paused"), Job(2, state="waiting", behind=1)])
    assert strip._rows[1] is row, "rows are kept while they live"
    click(row._pause, QPointF(5, 5))
    click(row._cancel, QPointF(5, 5))
    assert resume == [(1,)] and cancel == [(1,)]
    strip.set_preview(1, noise)
    strip.set_preview(99, noise)
    strip.grab()
    strip.set_jobs([])
    assert not strip.isVisible() and strip.shown() == ()


def test_short_jobs_do_not_flicker(shown, qtbot) -> None:  # type: ignore[no-untyped-def]
    strip = JobStrip(patience_ms=60)
    shown(strip, 400, 100)
    strip.set_jobs([Job(1)])
    assert strip.shown() == ()
    strip.set_jobs([])
    strip.set_jobs([Job(2)])
    qtbot.waitUntil(lambda: strip.shown() == (2,), timeout=2000)
    strip.set_jobs([])


def test_many_jobs_are_counted(shown) -> None:  # type: ignore[no-untyped-def]
    strip = JobStrip(patience_ms=0, most=2)
    shown(strip, 400, 200)
    strip.set_jobs([Job(i, state="waiting", behind=i) for i in range(5)])
    assert strip.shown() == (0, 1) and "3" in strip._more.text()
    strip.set_jobs([])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (-1, ""), (0.4, "a moment left"), (41, "0:41 left"), (3730, "1:02:10 left"), (59.9, "1:00 left")],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text


@pytest.fixture
def notices(shown) -> Notices:  # type: ignore[no-untyped-def]
    window = shown(QWidget(), 800, 600)
    made = Notices(window)
    made.window_kept = window
    return made


def test_notices_stand_in_the_corner_and_follow_it(notices: Notices, themed) -> None:  # type: ignore[no-untyped-def]
    notices.tell("Saved", "good")
    themed.processEvents()
    parent = notices.parentWidget()
    assert notices.geometry().right() == 800 - 16 - 1 and notices.geometry().bottom() <= 600 - 40
    parent.resize(700, 500)
    themed.processEvents()
    assert notices.geometry().right() == 700 - 16 - 1
    notices.clear()
    assert not notices.isVisible() and not notices.notices()


def test_the_same_notice_is_told_once_and_the_oldest_go(notices: Notices) -> None:
    notices.tell("Saved")
    notices.tell("Saved")
    assert len(notices.notices()) == 1
    for i in range(6):
        notices.tell(f"Step {i}")
    assert [n.key[1] for n in notices.notices()] == ["Step 2", "Step 3", "Step 4", "Step 5"]
    notices.clear()


def test_notices_leave_by_themselves(notices: Notices, qtbot) -> None:  # type: ignore[no-untyped-def]
    notice = notices.tell("Saved", seconds=0.02)
    QApplication.sendEvent(notice, QEvent(QEvent.Type.Leave))  # wherever this platform thinks that the pointer is
    qtbot.waitUntil(lambda: not notices.notices(), timeout=2000)


def test_errors_stay_with_folded_detail_that_can_be_copied(notices: Notices, qtbot) -> None:  # type: ignore[no-untyped-def]
    notice = notices.tell_error(
        ModelError("Not opened.", "It holds code.", "Ask for safetensors.", detail="line 1\nline 2")
    )
    assert notice._timer.remainingTime() == -1
    assert notice._fold is None
    height = notices.height()
    details = next(b for b in notice.findChildren(QPushButton) if b.text() == "Details")
    copy = next(b for b in notice.findChildren(QPushButton) if b.text() == "Copy")
    click(details, QPointF(3, 3))
    assert notice._fold is not None and notice._fold.isVisible() and "line 2" in notice._fold.toPlainText()
    assert notices.height() > height
    click(copy, QPointF(3, 3))
    assert "It holds code." in QGuiApplication.clipboard().text() and "line 2" in QGuiApplication.clipboard().text()
    click(next(b for b in notice.findChildren(QToolButton)), QPointF(3, 3))
    assert not notices.notices()


def test_notice_kinds_and_actions(notices: Notices) -> None:
    done: list[str] = []
    notice = notices.tell_error(StudioError("The picture is missing."), [("Relink", lambda: done.append("relink"))])
    assert notice.key[0] == "warning"
    click(next(b for b in notice.findChildren(QPushButton) if b.text() == "Relink"), QPointF(3, 3))
    assert done == ["relink"] and not notices.notices()


def test_drop_area(shown) -> None:  # type: ignore[no-untyped-def]
    area = shown(DropArea("Drop a picture"), 200, 40)
    clicked, dropped = Heard(area.clicked), Heard(area.dropped)
    click(area, QPointF(20, 20))
    key(area, Qt.Key.Key_Return)
    drop_files(area, QPointF(5, 5), "/tmp/a.png", "/tmp/b.png")
    assert len(clicked) == 2 and [str(p) for p in dropped[0][0]] == ["/tmp/a.png", "/tmp/b.png"]
    assert area.accessibleName() == area.toolTip() == "Drop a picture"


def test_empty_state_offers_a_way_on(shown) -> None:  # type: ignore[no-untyped-def]
    done: list[int] = []
    state = EmptyState("library", "No models yet", "Drop one.")
    button = state.add_action("Open", lambda: done.append(1), primary=True)
    shown(state, 300, 260)
    click(button, QPointF(4, 4))
    assert done == [1]
    state.set_text("Other", "")
    state.grab()


def test_picture_view(shown, noise) -> None:  # type: ignore[no-untyped-def]
    view = shown(PictureView("content", aspect=2.0, takes_drops=True), 200, 120)
    assert view.heightForWidth(200) == 120
    clicked = Heard(view.clicked)
    view.grab()
    view.set_image(noise)
    view.set_overlay(np.ones((4, 4)))
    view.grab()
    click(view, QPointF(10, 10))
    key(view, Qt.Key.Key_Space)
    assert len(clicked) == 2
    view.set_caption("style · weight 1.00", "#f2a65a")
    assert view.accessibleName() == "style · weight 1.00"
    heard = Heard(view.dropped)
    drop_files(view, QPointF(5, 5), "/tmp/a.png")
    assert len(heard) == 1


def test_buttons_have_names_and_tips(themed) -> None:  # type: ignore[no-untyped-def]
    button = icon_button("undo", "Undo")
    assert button.accessibleName() == button.toolTip() == "Undo"
    assert button.focusPolicy() == Qt.FocusPolicy.TabFocus
    words = text_button("Export", kind="primary", icon_name="export", checkable=True)
    assert words.isCheckable() and not words.autoDefault()
    for made in (button, words):
        made.deleteLater()


def test_elided_labels_do_not_widen_their_column(shown) -> None:  # type: ignore[no-untyped-def]
    label = shown(ElidedLabel("a long line of text that has no room here at all", "dim"), 80, 20)
    assert label.minimumSizeHint().width() < 40
    label.grab()
    assert replace(Job(1), id=2).id == 2

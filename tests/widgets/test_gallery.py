"""All widgets together: they can be built, painted quickly, and reached by keyboard and screen reader."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget

from tests.widgets import gallery


@pytest.fixture
def window(shown, monkeypatch) -> QWidget:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(gallery, "faces", lambda count: [gallery.drawn_face(i) for i in range(count)])
    return shown(gallery.build(), 1440, 1400)


def test_everything_paints_quickly_the_second_time(window: QWidget, themed) -> None:  # type: ignore[no-untyped-def]
    window.grab()
    slow = {}
    own = [w for w in window.findChildren(QWidget) if type(w).__module__.startswith("studio.widgets") and w.isVisible()]
    assert len(own) > 40
    for widget in own:
        best = 1.0
        for _ in range(3):
            started = time.thread_time()
            widget.repaint()
            best = min(best, time.thread_time() - started)
        if best > 0.06:  # ten times what is meant, in processor time: the machine may be busy with other things
            slow[type(widget).__name__] = best
    assert not slow


def test_every_control_has_a_name_and_every_icon_button_a_tip(window: QWidget) -> None:
    nameless = [
        type(w).__name__
        for w in window.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus
        and type(w).__module__.startswith("studio.widgets")
        and not w.accessibleName()
    ]
    assert not nameless
    bare = [b for b in window.findChildren(QAbstractButton) if not b.text() and not b.toolTip()]
    assert not [b for b in bare if not b.objectName().startswith("Scroll")], bare


def test_tab_reaches_many_places(window: QWidget, themed) -> None:  # type: ignore[no-untyped-def]
    window.activateWindow()
    reached = set()
    for _ in range(60):
        window.focusNextPrevChild(True)
        focused = themed.focusWidget()
        if focused is not None:
            reached.add(type(focused).__name__)
    assert {"NumberSlider", "Canvas", "LayerBoard", "ThumbStrip", "LatentMap"} <= reached

"""Hands for tests: mouse, wheel and keys sent straight to a widget, with modifiers and without waiting."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton
MIDDLE = Qt.MouseButton.MiddleButton


def _mouse(
    widget: QWidget,
    kind: QEvent.Type,
    at: QPointF,
    button: Qt.MouseButton,
    held: Qt.MouseButton,
    keys: Qt.KeyboardModifier,
) -> None:
    event = QMouseEvent(kind, at, QPointF(widget.mapToGlobal(at.toPoint())), button, held, keys)
    QApplication.sendEvent(widget, event)


def press(widget: QWidget, at: QPointF, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NONE) -> None:
    """Button down."""
    _mouse(widget, QEvent.Type.MouseButtonPress, at, button, button, keys)


def move(widget: QWidget, at: QPointF, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NONE) -> None:
    """Move with the button down (NoButton: hover)."""
    _mouse(widget, QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, button, keys)


def release(widget: QWidget, at: QPointF, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NONE) -> None:
    """Button up."""
    _mouse(widget, QEvent.Type.MouseButtonRelease, at, button, Qt.MouseButton.NoButton, keys)


def click(widget: QWidget, at: QPointF, keys: Qt.KeyboardModifier = NONE) -> None:
    """Down and up."""
    press(widget, at, keys=keys)
    release(widget, at, keys=keys)


def double_click(widget: QWidget, at: QPointF) -> None:
    """A whole double-click, as Qt delivers it."""
    click(widget, at)
    _mouse(widget, QEvent.Type.MouseButtonDblClick, at, LEFT, LEFT, NONE)
    release(widget, at)


def drag(
    widget: QWidget,
    points: Sequence[QPointF],
    keys: Qt.KeyboardModifier = NONE,
    button: Qt.MouseButton = LEFT,
    *,
    let_go: bool = True,
) -> None:
    """Press at the first point, move through the rest, release at the last."""
    press(widget, points[0], button, keys)
    for point in points[1:]:
        move(widget, point, button, keys)
    if let_go:
        release(widget, points[-1], button, keys)


def hover(widget: QWidget, at: QPointF) -> None:
    """The pointer passes."""
    move(widget, at, Qt.MouseButton.NoButton)


def wheel(widget: QWidget, at: QPointF, notches: float = 1.0, keys: Qt.KeyboardModifier = NONE) -> bool:
    """Turn the wheel; says whether the widget took it."""
    event = QWheelEvent(
        at,
        QPointF(widget.mapToGlobal(at.toPoint())),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def key(
    widget: QWidget, code: Qt.Key, keys: Qt.KeyboardModifier = NONE, text: str = "", *, let_go: bool = True
) -> None:
    """A key, down and up."""
    QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyPress, code, keys, text))
    if let_go:
        QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyRelease, code, keys, text))


def drop_files(widget: QWidget, at: QPointF, *files: str) -> None:
    """Let go of files over a widget."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(file) for file in files])
    # Qt delivers drops only to the target of a live drag, which a test has not: the handlers are called as Qt would.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its constructor is Qt's own, there is no other
        entered = QDragEnterEvent(at.toPoint(), Qt.DropAction.CopyAction, mime, LEFT, NONE)
    widget.dragEnterEvent(entered)
    assert entered.isAccepted(), "the widget does not take files"
    widget.dropEvent(QDropEvent(at, Qt.DropAction.CopyAction, mime, LEFT, NONE))


class Heard(list):  # type: ignore[type-arg]
    """What a signal said: one tuple for every emission."""

    def __init__(self, signal) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        signal.connect(lambda *said: self.append(said))

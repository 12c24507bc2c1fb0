"""The number slider: its own label, value and fill in one row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from studio.widgets.inline import InlineEdit
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import rounded_path
from studio.widgets.tokens import Theme

_NUMBER = re.compile(r"[-+−]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")
_PAD = 10
_IDLE_MS = 400


class NumberSlider(KeyboardFocus):
    """A number in ``[minimum, maximum]`` with a name.

    Drag anywhere (Shift: ten times finer, Escape: back), type a number, use arrows / Page / Home / End, turn the
    wheel while focused, double-click to reset.  ``center`` makes the fill start there (bipolar), else it starts at
    the minimum.  ``per_pixel`` sets how far one pixel of a drag goes, for ranges that no screen is wide enough for.

    ``value_changed(value, final)``: ``final`` is False while a drag, a held key or the wheel goes on; one final
    signal follows.
    """

    value_changed = Signal(float, bool)

    def __init__(
        self,
        name: str,
        minimum: float = 0.0,
        maximum: float = 1.0,
        default: float = 0.0,
        step: float = 0.01,
        decimals: int = 2,
        unit: str = "",
        center: float | None = None,
        *,
        per_pixel: float | None = None,
        tip: str = "",
        text_of: Callable[[float], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not minimum < maximum:
            raise ValueError(f"{name}: the minimum {minimum} is not below the maximum {maximum}")
        self._name, self._unit, self._tip, self._text_of = name, unit, tip, text_of
        self._minimum, self._maximum = float(minimum), float(maximum)
        self._step, self._decimals, self._center, self._per_pixel = float(step), decimals, center, per_pixel
        self._default = self._bounded(default)
        self._value = self._default
        self._histogram: npt.NDArray[np.float64] | None = None
        self._press: QPointF | None = None
        self._dragging = False
        self._drag_value = self._drag_start = self._value
        self._last_x = 0.0
        self._hover = False
        self._unsent = False
        self._editor: InlineEdit | None = None
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE_MS)
        self._idle.timeout.connect(self._settle)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        self._say()

    # -- the value ---------------------------------------------------------------------------------------------

    def value(self) -> float:
        """The value now."""
        return self._value

    def default(self) -> float:
        """The value that double-click returns to."""
        return self._default

    def is_changed(self) -> bool:
        """Whether the value differs from the default, as far as it is shown."""
        return abs(self._value - self._default) > 0.5 * 10.0**-self._decimals * 0.999

    def set_value(self, value: float) -> None:
        """Show another value without telling anybody."""
        if self._dragging:
            return  # the hand on the slider is right
        self._value = self._bounded(value)
        self._say()

    def set_default(self, default: float) -> None:
        """Change what counts as unchanged."""
        self._default = self._bounded(default)
        self.update()

    def set_range(self, minimum: float, maximum: float) -> None:
        """Change the bounds; the value is brought inside without a signal."""
        if not minimum < maximum:
            raise ValueError(f"{self._name}: the minimum {minimum} is not below the maximum {maximum}")
        self._minimum, self._maximum = float(minimum), float(maximum)
        self._default, self._value = self._bounded(self._default), self._bounded(self._value)
        self._say()

    def range(self) -> tuple[float, float]:
        """The bounds."""
        return self._minimum, self._maximum

    def name(self) -> str:
        """The label."""
        return self._name

    def set_name(self, name: str) -> None:
        """Change the label."""
        self._name = name
        self.setAccessibleName(name)
        self.update()

    def set_histogram(self, counts: npt.ArrayLike | None) -> None:
        """Draw a faint distribution of values over the range behind the slider (None: none)."""
        if counts is None:
            self._histogram = None
        else:
            values = np.asarray(counts, float)
            top = float(values.max()) if values.size else 0.0
            self._histogram = values / top if values.size > 1 and top > 0 else None
        self.update()

    def text(self) -> str:
        """The value as it is shown, with its unit."""
        if self._text_of is not None:
            return self._text_of(self._value)
        shown = (
            f"{self._value:+.{self._decimals}f}" if self._center is not None else f"{self._value:.{self._decimals}f}"
        )
        if float(shown) == 0.0:
            shown = f"{0:.{self._decimals}f}"
        shown = shown.replace("-", "−")
        return f"{shown} {self._unit}" if self._unit else shown

    def reset(self) -> None:
        """Back to the default, telling everybody."""
        self._change(self._default, final=True)

    def _bounded(self, value: float) -> float:
        if not math.isfinite(value):
            return getattr(self, "_default", self._minimum)
        value = min(self._maximum, max(self._minimum, value))
        return round(value, self._decimals) if self._decimals else float(round(value))

    def _change(self, value: float, *, final: bool) -> None:
        value = self._bounded(value)
        if value != self._value:
            self._value = value
            self._say()
            self._unsent = not final
            self.value_changed.emit(value, final)
        elif final and self._unsent:
            self._unsent = False
            self.value_changed.emit(value, True)

    def _settle(self) -> None:
        self._idle.stop()
        self._change(self._value, final=True)

    def _say(self) -> None:
        self.setAccessibleDescription(self.text())
        self.update()

    # -- geometry ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(220, Theme.ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, Theme.ROW)

    def _x_of(self, value: float) -> float:
        return (value - self._minimum) / (self._maximum - self._minimum) * self.width()

    def _value_width(self) -> int:
        return self.fontMetrics().horizontalAdvance(self.text()) + 2

    def _name_room(self) -> int:
        return self.width() - 2 * _PAD - self._value_width() - 16

    def _on_value(self, at: QPointF) -> bool:
        return at.x() > self.width() - _PAD - self._value_width() - 6

    # -- mouse -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        self._press = event.position()
        self._last_x = event.position().x()
        self._drag_value = self._drag_start = self._value
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._press is None:
            self.setCursor(Qt.CursorShape.IBeamCursor if self._on_value(at) else Qt.CursorShape.SizeHorCursor)
            return
        if not self._dragging and abs(at.x() - self._press.x()) < 3:
            return
        self._dragging = True
        per_pixel = self._per_pixel or (self._maximum - self._minimum) / max(1, self.width())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            per_pixel /= 10
        self._drag_value += (at.x() - self._last_x) * per_pixel
        self._last_x = at.x()
        # The hand may run past an end and must come back over the same way before the value moves again.
        slack = 40 * per_pixel
        self._drag_value = min(self._maximum + slack, max(self._minimum - slack, self._drag_value))
        self._change(round(self._drag_value / self._step) * self._step, final=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            super().mouseReleaseEvent(event)
            return
        clicked = not self._dragging
        self._press, self._dragging = None, False
        if clicked:
            if self._on_value(event.position()):
                self.edit()
        else:
            self._change(self._value, final=True)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._press, self._dragging = None, False
            self.reset()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()
        if not self.hasFocus() or not turned:
            event.ignore()
            return
        step = self._step if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else self._key_step()
        self._change(self._value + turned / 120 * step, final=False)
        self._idle.start()
        event.accept()

    def _key_step(self) -> float:
        return max(self._step, 10.0**-self._decimals)

    def enterEvent(self, event: QEvent) -> None:
        self._hover = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = False
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        reset = QAction(self.tr("Reset to {0}").format(self._text_at(self._default)), menu)
        reset.setEnabled(self.is_changed())
        reset.triggered.connect(self.reset)
        typed = QAction(self.tr("Type a value"), menu)
        typed.triggered.connect(self.edit)
        copied = QAction(self.tr("Copy value"), menu)
        copied.triggered.connect(lambda: QGuiApplication.clipboard().setText(f"{self._value:.{self._decimals}f}"))
        menu.addActions([reset, typed, copied])
        if self.actions():
            menu.addSeparator()
            menu.addActions(self.actions())
        menu.popup(event.globalPos())

    def _text_at(self, value: float) -> str:
        now, self._value = self._value, value
        try:
            return self.text()
        finally:
            self._value = now

    # -- keys --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        fine = self._step if shift else self._key_step()
        span = self._maximum - self._minimum
        moves = {
            Qt.Key.Key_Left: -fine,
            Qt.Key.Key_Down: -fine,
            Qt.Key.Key_Right: fine,
            Qt.Key.Key_Up: fine,
            Qt.Key.Key_PageDown: -max(fine, span / 10),
            Qt.Key.Key_PageUp: max(fine, span / 10),
        }
        typed = event.text()
        if self._dragging and key == Qt.Key.Key_Escape:
            self._press, self._dragging = None, False
            self._unsent = True
            self._change(self._drag_start, final=True)
        elif key in moves:
            self.show_ring()
            self._change(self._value + moves[Qt.Key(key)], final=False)
        elif key == Qt.Key.Key_Home:
            self._change(self._minimum, final=False)
        elif key == Qt.Key.Key_End:
            self._change(self._maximum, final=False)
        elif key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.reset()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2) and not event.modifiers() & ~(
            Qt.KeyboardModifier.KeypadModifier
        ):
            self.edit()
        elif typed and typed in "0123456789-+.,−":
            self.edit(typed)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat() and self._unsent and not self._dragging:
            self._settle()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if self._unsent and not self._dragging:
            self._settle()
        super().focusOutEvent(event)

    # -- typing ------------------------------------------------------------------------------------------------

    def edit(self, text: str = "") -> None:
        """Open the field in which a number is typed; ``text`` is already typed."""
        if self._editor is not None or not self.isEnabled():
            return
        width = min(self.width() - 4, max(84, self._value_width() + 2 * _PAD))
        place = QRect(self.width() - width - 2, 2, width, self.height() - 4)
        right = Qt.AlignmentFlag.AlignRight
        editor = InlineEdit(self, place, f"{self._value:.{self._decimals}f}", self._name, alignment=right, typed=text)
        editor.kept.connect(self._typed)
        editor.closed.connect(self._editor_closed)
        editor.double_clicked_whole.connect(self._reset_from_editor)
        self._editor = editor
        self.update()

    def _typed(self, text: str) -> None:
        found = _NUMBER.search(text)
        if found:
            self._change(float(found.group().replace(",", ".").replace("−", "-")), final=True)

    def _editor_closed(self) -> None:
        self._editor = None
        self.update()

    def _reset_from_editor(self) -> None:
        if self._editor is not None:
            self._editor.cancel()
        self.reset()

    # -- looks -------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._tooltip(), self)
            return True
        return super().event(event)

    def _tooltip(self) -> str:
        parts = []
        if self.fontMetrics().horizontalAdvance(self._name) > self._name_room():
            parts.append(self._name)
        if self._tip or self.toolTip():
            parts.append(self._tip or self.toolTip())
        parts.append(
            self.tr("Default {0}. Double-click resets, Shift is finer, or type a number.").format(
                self._text_at(self._default)
            )
        )
        return "\n".join(parts)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect())
        on, changed = self.isEnabled(), self.is_changed()
        base = Theme.HOVER if on and (self._hover or self._dragging) else Theme.RAISED
        painter.save()
        painter.setClipPath(rounded_path(rect))
        painter.fillRect(rect, QColor(base))
        if self._histogram is not None:
            self._draw_histogram(painter)
        x = self._x_of(self._value)
        if on:
            self._draw_fill(painter, x, changed)
        painter.restore()
        edge = min(max(x, 1.0), rect.width() - 1.0)
        mark = Theme.ACCENT if changed else (Theme.INK if self._hover else Theme.DIM)
        painter.fillRect(QRectF(edge - 1, 1, 2, rect.height() - 2), QColor(mark if on else Theme.OFF))
        self._draw_text(painter, on, changed)
        self.draw_ring(painter, rect)

    def _draw_fill(self, painter: QPainter, x: float, changed: bool) -> None:
        start = self._x_of(self._center) if self._center is not None else 0.0
        default = self._x_of(self._default)
        height = self.height()

        def span(a: float, b: float, colour: QColor) -> None:
            painter.fillRect(QRectF(min(a, b), 0, abs(b - a), height), colour)

        if not changed:
            span(start, x, QColor(Theme.REST))
            return
        span(start, x, Theme.colour(Theme.ACCENT, 0.16))
        span(default, x, Theme.colour(Theme.ACCENT, 0.14))
        # Where the default stands.
        painter.fillRect(QRectF(default - 0.5, height - 5, 1, 5), Theme.colour(Theme.ACCENT, 0.7))

    def _draw_text(self, painter: QPainter, on: bool, changed: bool) -> None:
        inner = QRectF(self.rect()).adjusted(_PAD, 0, -_PAD, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        metrics = self.fontMetrics()
        room = self._name_room()
        name = metrics.elidedText(self._name, Qt.TextElideMode.ElideRight, room)
        painter.setPen(QColor(Theme.INK if on else Theme.FAINT))
        font = self.font()
        font.setWeight(QFont.Weight.Medium)
        painter.setFont(font)
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), name)
        if changed and on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.ACCENT))
            width = QFontMetrics(font).horizontalAdvance(name)
            painter.drawEllipse(QPointF(_PAD + width + 8, self.height() / 2), 2.0, 2.0)
        if self._editor is None:
            painter.setPen(QColor((Theme.ACCENT if changed else Theme.DIM) if on else Theme.FAINT))
            painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignRight), self.text())

    def _draw_histogram(self, painter: QPainter) -> None:
        assert self._histogram is not None
        counts, height = self._histogram, self.height()
        xs = np.linspace(0, self.width(), len(counts))
        points = [QPointF(0, height)]
        points += [QPointF(float(a), height - 1 - float(b) * (height - 6)) for a, b in zip(xs, counts, strict=True)]
        points.append(QPointF(self.width(), height))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Theme.colour(Theme.DIM, 0.16))
        painter.drawPolygon(QPolygonF(points))

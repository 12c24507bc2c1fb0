"""The canvas that is drawn on: paper in the colours of paper, tools below, zoom and pan as everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPointingDevice,
    QResizeEvent,
    QTabletEvent,
)
from PySide6.QtWidgets import QWidget

from studio.base.steps import UInt8Image
from studio.widgets.drawing.paper import PaperView
from studio.widgets.drawing.sheet import Pixels, to_rgb
from studio.widgets.drawing.toolbar import DrawBar
from studio.widgets.drawing.tools import LEAST_SIZE, MOST_SIZE, TOOLS, Settings, Tool
from studio.widgets.tokens import Theme

_KEYS: dict[Qt.Key, Tool] = {
    Qt.Key.Key_P: "pen",
    Qt.Key.Key_B: "brush",
    Qt.Key.Key_E: "eraser",
    Qt.Key.Key_G: "fill",
    Qt.Key.Key_L: "line",
    Qt.Key.Key_R: "rectangle",
    Qt.Key.Key_O: "ellipse",
}
_OTHER_KEYS = (
    Qt.Key.Key_X,
    Qt.Key.Key_M,
    Qt.Key.Key_BracketLeft,
    Qt.Key.Key_BracketRight,
    Qt.Key.Key_Escape,
)
_UNDO_KEYS = (Qt.Key.Key_Z, Qt.Key.Key_Y)


class DrawCanvas(PaperView):
    """White paper and a pen.

    P pen, B brush, E eraser, G fill, L line, R rectangle, O ellipse, X swaps the colours, ``[`` and ``]`` change the
    size, M mirrors, Escape takes back a stroke that is on its way; Alt and a click picks a colour.  With ``own_undo``
    (the default) Ctrl+Z and Ctrl+Shift+Z step through at most ``limit`` bytes of strokes; without it the document
    undoes: connect :attr:`stroke_finished`, :attr:`undo_asked` and :attr:`redo_asked`, and hand the sheet back
    with ``set_picture(sheet, undoable=False)``.
    """

    changed = Signal(bool)
    """The drawing changed; True when the hand has left (or it changed at once).  Once per turn of the event loop."""
    stroke_finished = Signal(object, object)
    """The whole sheet before and after (:meth:`sheet`), after a stroke, a fill, a clearing, an undoable picture."""
    picked = Signal(str)
    """``#rrggbb`` that was picked from the paper."""
    settings_changed = Signal()
    """Another tool, size, colour, palette, or a switch."""
    undo_changed = Signal()
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, parent: QWidget | None = None, *, own_undo: bool = True, limit: int = 64 << 20) -> None:
        super().__init__(parent, limit)
        self.own_undo = own_undo
        self._palette: list[tuple[str, str]] = []
        self._outside_undo = (False, False)
        self._stylus = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(lambda: self.changed.emit(False))
        self.setTabletTracking(True)
        self.tools = DrawBar(self)
        self.tools.refresh()

    # -- the drawing -------------------------------------------------------------------------------------------

    def set_size(self, width: int, height: int) -> None:
        """The size of :meth:`picture` in pixels; what is drawn is scaled to it.  Raises ValueError beyond 1..4096."""
        sheet = self._drawing.sheet
        if (width, height) != (sheet.width, sheet.height):
            self._drawing.cancel()
            self._drawing.resize(width, height)
            self._view.set_frame(width, height)
            self._tell_undo()
            self._after(None, final=True)

    def sheet(self) -> UInt8Image:
        """The drawing as it is kept, up to four times as fine: store this one, :meth:`set_picture` takes it exactly."""
        return self._drawing.sheet.full()

    def set_picture(self, pixels: UInt8Image, *, undoable: bool = True) -> bool:
        """Put any picture on the paper (scaled to it, in the palette where there is one).

        ``undoable=False`` is for the document that shows its own state: no signals, and the own history is forgotten
        if anything changed.  While a stroke is on its way the hand is right: nothing happens, and False comes back.
        """
        drawing = self._drawing
        if drawing.busy():
            return False
        before = drawing.sheet.pixels().copy()
        drawing.write(drawing.sheet.fitted(pixels))
        if not undoable:
            if (before != drawing.sheet.pixels()).any():
                drawing.history.clear()
                self._tell_undo()
            self._note_blank()
            self.update()
            return True
        self._done(before, None)
        return True

    def set_base(self, pixels: UInt8Image | None) -> None:
        """A picture that lies on the paper: the eraser and clearing bring it back.  Clears (undoable)."""
        self._drawing.set_base(pixels)
        self.clear()

    def clear(self) -> None:
        """Fresh paper (or the base picture); can be undone."""
        self._drawing.cancel()
        before = self._drawing.sheet.pixels().copy()
        self._drawing.write(self._drawing.bare())
        self._done(before, None)

    def set_palette(self, entries: Sequence[tuple[str, str]], paper: str = "") -> None:
        """Class colours ``(name, "#rrggbb")``: only these stand on the paper, no in-between ones.  Empty: any colour.

        ``paper`` is the colour of nothing drawn (default: the first class, or white).  Forgets the own history.
        """
        self._palette = [(name, QColor(colour).name()) for name, colour in entries]
        colours = [colour for _, colour in self._palette]
        self._drawing.cancel()
        self._drawing.set_palette(colours, paper or (colours[0] if colours else Theme.PAPER))
        settings = self._drawing.settings
        if colours:
            settings.colour = next((c for c in colours if c != self._drawing.sheet.paper), colours[0])
            settings.other = self._drawing.sheet.paper
        else:
            settings.colour, settings.other = "#000000", "#ffffff"
        self._tell_undo()
        self.settings_changed.emit()
        self._after(None, final=True)

    def palette_entries(self) -> list[tuple[str, str]]:
        """The class colours, empty where any colour may be used."""
        return list(self._palette)

    # -- what is in the hand -----------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Tool, colours, sizes and switches (read; change them with the methods below)."""
        return self._drawing.settings

    def set_tool(self, tool: str) -> None:
        """One of :data:`~studio.widgets.drawing.tools.TOOLS`.  Raises ValueError for another."""
        if tool not in TOOLS:
            raise ValueError(f"there is no tool {tool!r}")
        self._change(tool=tool)

    def set_brush_size(self, width: float) -> None:
        """The width of the tool's lines in picture pixels (held within 0.4 % and half of the longer side)."""
        sheet, settings = self._drawing.sheet, self._drawing.settings
        part = min(MOST_SIZE, max(LEAST_SIZE, width / max(sheet.width, sheet.height)))
        self._change(sizes={**settings.sizes, settings.sized(): part})

    def colour(self) -> str:
        """``#rrggbb`` of what is drawn."""
        return self._drawing.settings.colour

    def set_colour(self, colour: str) -> None:
        """Draw in this colour.  Raises ValueError for one that the palette has not."""
        name = QColor(colour).name()
        if self._palette and name not in [c for _, c in self._palette]:
            raise ValueError(f"{name} is no colour of the palette")
        self._change(colour=name)

    def swap_colours(self) -> None:
        """The other colour comes into the hand."""
        settings = self._drawing.settings
        self._change(colour=settings.other, other=settings.colour)

    def set_mirror(self, on: bool) -> None:
        """Whether everything is drawn on both sides of the middle."""
        self._change(mirror=on)

    def set_filled(self, on: bool) -> None:
        """Whether shapes are filled."""
        self._change(filled=on)

    def _change(self, **values: object) -> None:
        settings = self._drawing.settings
        if any(getattr(settings, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(settings, name, value)
            self.settings_changed.emit()
            self.update()

    # -- undo --------------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """One step back: here, or asked of the document."""
        self._step(back=True)

    def redo(self) -> None:
        """One step forth."""
        self._step(back=False)

    def _step(self, *, back: bool) -> None:
        if not self.own_undo:
            (self.undo_asked if back else self.redo_asked).emit()
        elif not self._drawing.busy() and (rect := self._drawing.step(back=back)) is not None:
            self._tell_undo()
            self._after(rect, final=True)

    def undo_state(self) -> tuple[bool, bool]:
        """Whether there is something to undo, and to redo."""
        if not self.own_undo:
            return self._outside_undo
        return self._drawing.history.can_undo(), self._drawing.history.can_redo()

    def set_undo_state(self, can_undo: bool, can_redo: bool) -> None:
        """Without own undo: what the document could do now, for the buttons."""
        self._outside_undo = (can_undo, can_redo)
        self._tell_undo()

    def _tell_undo(self) -> None:
        self.undo_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.lay_out_tools()
        super().resizeEvent(event)

    def lay_out_tools(self) -> None:
        """Fit the bar of tools into the width, and the paper above it."""
        height = self.tools.fit(self.width() - 16)
        self._view.margins = (16.0, 32.0, 16.0, height + 14.0)  # one row: as beside it on the canvas of the result
        self._lay_out()
        self.tools.move((self.width() - self.tools.width()) // 2, self.height() - self.tools.height() - 10)

    # -- the hand ----------------------------------------------------------------------------------------------

    def _after(self, rect: QRect | None, *, final: bool) -> None:
        """Something changed: show it now, say it once per turn of the event loop."""
        if rect is None:
            self.update()
        elif not rect.isEmpty():
            self.update(self._on_screen(rect))
        if final:
            self._soon.stop()
            self._note_blank()
            self.changed.emit(True)
        elif (rect is None or not rect.isEmpty()) and not self._soon.isActive():
            self._soon.start()

    def _done(self, before: Pixels, last: QRect | None) -> None:
        """A stroke is over (``last``: what its end changed; None: all of the sheet may have)."""
        drawing = self._drawing
        within = drawing.sheet.rect() if last is None else drawing.changed()
        if self.own_undo:
            real = drawing.remember(before, within)
            self._tell_undo()
        else:
            real = bool((before != drawing.sheet.pixels()).any())
        if real:  # before the change is told: who hears of that knows whether there is something to keep
            self.stroke_finished.emit(to_rgb(before), drawing.sheet.full())
        self._after(last, final=True)

    def _begin(self, at: QPointF, pressure: float, *, erase: bool = False) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._blank:
            self._blank = False
            self.update()
        self._after(self._drawing.begin(self.to_picture(at), pressure, erase=erase), final=False)
        self._point(at)

    def _draw_to(self, at: QPointF, pressure: float, keys: Qt.KeyboardModifier) -> None:
        before = self._tail_rect()
        even = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        rect = self._drawing.move(self.to_picture(at), pressure, even=even)
        self._after(rect, final=False)
        tail = before.united(self._tail_rect())
        if not tail.isEmpty():
            self.update(tail)

    def _finish(self) -> None:
        tail = self._tail_rect()
        ended = self._drawing.finish()
        if ended is not None:
            self._done(ended[1], ended[0])
            if not tail.isEmpty():
                self.update(tail)

    def settle(self) -> None:
        """A stroke that is on its way ends here (the hand may still be down)."""
        self._finish()

    def _pick(self, at: QPointF) -> None:
        colour = self._drawing.colour_at(self.to_picture(at))
        if colour is not None:
            self.set_colour(colour)
            self.picked.emit(colour)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._space:
            super().mousePressEvent(event)
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._pick(event.position())
        elif not self._drawing.busy():
            self._stylus = False
            self._begin(event.position(), 1.0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(event.position())
        if self._drawing.busy() and not self._stylus:
            self._draw_to(event.position(), 1.0, event.modifiers())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drawing.busy() and event.button() == Qt.MouseButton.LeftButton and not self._stylus:
            self._finish()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)  # two quick dabs are two dabs

    def tabletEvent(self, event: QTabletEvent) -> None:
        at, kind = event.position(), event.type()
        left = event.button() == Qt.MouseButton.LeftButton
        plain = not self._space and not event.modifiers() & Qt.KeyboardModifier.AltModifier
        if kind == QEvent.Type.TabletPress and left and plain and not self._drawing.busy():
            self._stylus = True
            self._begin(at, event.pressure(), erase=event.pointerType() == QPointingDevice.PointerType.Eraser)
        elif kind == QEvent.Type.TabletMove and self._drawing.busy() and self._stylus:
            self._point(at)
            self._draw_to(at, event.pressure(), event.modifiers())
        elif kind == QEvent.Type.TabletRelease and self._drawing.busy() and self._stylus:
            self._finish()
        else:
            event.ignore()  # Qt makes a mouse event of it: panning, picking
            return
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        super().leaveEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._finish()  # a stroke whose release will never come ends here
        super().focusOutEvent(event)

    def event(self, event: QEvent) -> bool:
        # A letter is a tool here, whatever the window does with it elsewhere.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._is_mine(event):
            event.accept()
            return True
        return super().event(event)

    def _is_mine(self, event: QKeyEvent) -> bool:
        keys = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if keys in (Qt.KeyboardModifier.ControlModifier, _CTRL_SHIFT):
            return self.own_undo and event.key() in _UNDO_KEYS
        if event.key() == Qt.Key.Key_Escape:
            return self._drawing.busy()
        return not keys and (event.key() in _KEYS or event.key() in _OTHER_KEYS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if not self._is_mine(event):
            super().keyPressEvent(event)
        elif key in _UNDO_KEYS:
            shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._step(back=key == Qt.Key.Key_Z and not shifted)
        elif self._drawing.busy():
            if key == Qt.Key.Key_Escape:
                self._after(self._drawing.cancel(), final=True)
        elif key in _KEYS:
            self.set_tool(_KEYS[Qt.Key(key)])
        elif key == Qt.Key.Key_X:
            self.swap_colours()
        elif key == Qt.Key.Key_M:
            self.set_mirror(not self._drawing.settings.mirror)
        else:
            self.set_brush_size(self.brush_size() * (1.15 if key == Qt.Key.Key_BracketRight else 1 / 1.15))


_CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier

"""A timeline of keyframes with a playhead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.dropitems import Resolver, dropped_things
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import KeyboardFocus, draw_ring, droppable
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

_SIDE = 12.0
_RULER = 13.0
_LEAST = 0.1

_EASINGS = {
    "linear": ((1 / 3, 1 / 3), (2 / 3, 2 / 3)),
    "smooth": ((0.42, 0.0), (0.58, 1.0)),
    "in": ((0.42, 0.0), (1.0, 1.0)),
    "out": ((0.0, 0.0), (0.58, 1.0)),
}


@dataclass(slots=True)
class _Key:
    id: str
    time: float
    name: str
    easing: str = "linear"


class Timeline(KeyboardFocus):
    """Keys at times in seconds from 0 to ``total``.

    Drag a key to move it between its neighbours (the first stays at 0), drag elsewhere to scrub, double-click an
    empty place to ask for a key, Delete removes the chosen one.  Left / Right step a frame, Ctrl+Left / Ctrl+Right
    choose a key, Alt+Left / Alt+Right move it, Home / End jump, Space plays.
    """

    key_moved = Signal(str, float, bool)
    key_activated = Signal(str)
    """Clicked, or Enter: go there."""
    key_removed = Signal(str)
    key_asked = Signal(float)
    """A key is wanted at this time."""
    playhead_moved = Signal(float, bool)
    play_toggled = Signal()
    dropped = Signal(float, object)
    """Time, and a list of paths, of one picture, or of what the resolver knows."""
    context_requested = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys: list[_Key] = []
        self._images: dict[str, UInt8Image] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        self._total = 1.0
        self._loop = False
        self._fps = 24
        self._playhead = 0.0
        self._chosen = -1
        self._hover = -1
        self._drag: tuple[str, int, float] | None = None
        self._moved = False
        self._drop_at: float | None = None
        self._resolver: Resolver | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setAccessibleName(self.tr("Timeline"))

    # -- content -----------------------------------------------------------------------------------------------

    def set_resolver(self, resolver: Resolver | None) -> None:
        """What knows the thumbnails that may be dragged here."""
        self._resolver = resolver

    def set_keys(
        self,
        keys: Sequence[tuple[str, float, str] | tuple[str, float, str, str]],
        total: float,
        *,
        loop: bool = False,
        fps: int = 24,
    ) -> None:
        """``(id, seconds, name)`` or ``(id, seconds, name, easing)`` in order of time; ``total`` seconds in all."""
        chosen = self._keys[self._chosen].id if 0 <= self._chosen < len(self._keys) else ""
        self._keys = [_Key(*key) for key in keys]
        self._total, self._loop, self._fps = max(_LEAST, total), loop, max(1, fps)
        ids = {key.id for key in self._keys}
        for store in (self._images, self._pixmaps):
            for gone in store.keys() - ids:
                del store[gone]
        self._chosen = next((i for i, key in enumerate(self._keys) if key.id == chosen), -1)
        self._playhead = min(self._playhead, self._total)
        self.update()

    def set_thumbnail(self, key: str, image: UInt8Image) -> None:
        """The picture of a key has arrived."""
        if self._images.get(key) is not image:
            self._images[key] = image
            self._pixmaps.pop(key, None)
            self.update()

    def set_playhead(self, seconds: float) -> None:
        """Show where it plays, silently."""
        seconds = min(self._total, max(0.0, seconds))
        if seconds != self._playhead:
            before, self._playhead = self._x(self._playhead), seconds
            now = self._x(seconds)
            self.update(int(min(before, now)) - 6, 0, int(abs(now - before)) + 12, self.height())

    def playhead(self) -> float:
        """Where it stands, in seconds."""
        return self._playhead

    # -- geometry ----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(280, 66)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 52)

    def _track(self) -> QRectF:
        return QRectF(_SIDE, 0, max(1.0, self.width() - 2 * _SIDE), self.height() - _RULER)

    def _thumb_side(self) -> float:
        return max(20.0, min(44.0, self._track().height() - 12))

    def _x(self, seconds: float) -> float:
        track, half = self._track(), self._thumb_side() / 2
        return track.left() + half + (track.width() - 2 * half) * seconds / self._total

    def _seconds(self, x: float) -> float:
        track, half = self._track(), self._thumb_side() / 2
        at = (x - track.left() - half) / max(1.0, track.width() - 2 * half)
        return min(1.0, max(0.0, at)) * self._total

    def _rect(self, index: int) -> QRectF:
        side = self._thumb_side()
        return QRectF(self._x(self._keys[index].time) - side / 2, (self._track().height() - side) / 2, side, side)

    def _at(self, point: QPointF) -> int:
        near = [i for i in range(len(self._keys)) if self._rect(i).contains(point)]
        return min(near, key=lambda i: abs(self._rect(i).center().x() - point.x()), default=-1)

    # -- events ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        at = self._at(event.position())
        self._moved = False
        if at >= 0 and event.position().y() < self._track().bottom():
            self._chosen = at
            self._drag = ("key", at, event.position().x() - self._x(self._keys[at].time))
        else:
            self._drag = ("playhead", -1, 0.0)
            self._scrub(self._seconds(event.position().x()), final=False)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is None:
            hover = self._at(event.position())
            if hover != self._hover:
                self._hover = hover
                self.setCursor(Qt.CursorShape.OpenHandCursor if hover >= 0 else Qt.CursorShape.ArrowCursor)
                self.update()
            return
        kind, index, grip = self._drag
        if kind == "playhead":
            self._scrub(self._seconds(event.position().x()), final=False)
            return
        wanted = self._seconds(event.position().x() - grip)
        if not self._moved and abs(self._x(wanted) - self._x(self._keys[index].time)) < 3:
            return
        self._moved = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._move_key(index, wanted, final=False)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag, self._drag = self._drag, None
        if drag is None:
            return
        if drag[0] == "playhead":
            self.playhead_moved.emit(self._playhead, True)
        elif self._moved:
            self.key_moved.emit(self._keys[drag[1]].id, self._keys[drag[1]].time, True)
        else:
            self.key_activated.emit(self._keys[drag[1]].id)
        self.unsetCursor()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._at(event.position()) < 0:
            self._drag = None
            self.key_asked.emit(self._seconds(event.position().x()))

    def _move_key(self, index: int, seconds: float, *, final: bool) -> None:
        if index <= 0:
            return  # the walk begins with the first key
        low = self._keys[index - 1].time + _LEAST
        last = index == len(self._keys) - 1
        high = self._total - (_LEAST if self._loop else 0.0) if last else self._keys[index + 1].time - _LEAST
        seconds = round(max(low, min(high, seconds)), 3)
        if seconds != self._keys[index].time or final:
            self._keys[index].time = seconds
            self.update()
            self.key_moved.emit(self._keys[index].id, seconds, final)

    def _scrub(self, seconds: float, *, final: bool) -> None:
        seconds = min(self._total, max(0.0, seconds))
        if seconds != self._playhead or final:
            self.set_playhead(seconds)
            self.playhead_moved.emit(seconds, final)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        at = self._at(QPointF(event.pos())) if mouse else self._chosen
        if 0 <= at < len(self._keys):
            self._chosen = at
            self.update()
            self.context_requested.emit(self._keys[at].id, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, held = event.key(), event.modifiers()
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(key), 0)
        there = 0 <= self._chosen < len(self._keys)
        if way and held & Qt.KeyboardModifier.ControlModifier and self._keys:
            self._chosen = min(len(self._keys) - 1, max(0, self._chosen + way))
            self.setAccessibleDescription(self._keys[self._chosen].name)
        elif way and held & Qt.KeyboardModifier.AltModifier and there:
            self._move_key(self._chosen, self._keys[self._chosen].time + way * 0.1, final=True)
        elif way:
            self._scrub(self._playhead + way / self._fps, final=True)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._scrub(0.0 if key == Qt.Key.Key_Home else self._total, final=True)
        elif key == Qt.Key.Key_Space:
            self.play_toggled.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and there:
            self.key_activated.emit(self._keys[self._chosen].id)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and there:
            self.key_removed.emit(self._keys[self._chosen].id)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Insert):
            self.key_asked.emit(self._playhead)
        else:
            super().keyPressEvent(event)
            return
        self.show_ring()
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._at(QPointF(event.pos()))
            text = self.tr("Drag to scrub. Double-click adds a key here.")
            if at >= 0:
                key = self._keys[at]
                text = self.tr("{0} at {1} s. Drag moves it, Delete removes it.").format(key.name, f"{key.time:.2f}")
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if droppable(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._drop_at = self._seconds(event.position().x())
        event.acceptProposedAction()
        self.update()

    def dragLeaveEvent(self, event: QEvent) -> None:
        self._drop_at = None
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_at = None
        self.update()
        things = dropped_things(event.mimeData(), self._resolver)
        if things:
            event.acceptProposedAction()
            self.dropped.emit(self._seconds(event.position().x()), things)

    # -- painting ----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, 0, self.width(), self.height() - _RULER)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.RAISED))
        painter.drawRoundedRect(track, Theme.RADIUS, Theme.RADIUS)
        if not self._keys:
            painter.setPen(QColor(Theme.FAINT))
            painter.drawText(track, int(Qt.AlignmentFlag.AlignCenter), self.tr("No keys yet"))
        self._draw_ruler(painter)
        self._draw_curves(painter)
        for index in range(len(self._keys)):
            if index != self._chosen:
                self._draw_key(painter, index)
        if 0 <= self._chosen < len(self._keys):
            self._draw_key(painter, self._chosen)
        if self._keys:
            self._draw_playhead(painter)
        if self._drop_at is not None:
            painter.fillRect(QRectF(self._x(self._drop_at) - 1, 0, 2, track.height()), QColor(Theme.SECOND))
        self.draw_ring(painter, track)

    def _draw_ruler(self, painter: QPainter) -> None:
        font = self.font()
        font.setPixelSize(9)
        painter.setFont(font)
        step = next((s for s in (0.5, 1, 2, 5, 10, 30, 60, 120) if self._total / s <= self.width() / 44), 300.0)
        ticks = int(self._total / step + 1e-6)
        bottom = self.height() - _RULER
        for tick in range(ticks + 1):
            x = self._x(tick * step)
            painter.fillRect(QRectF(x - 0.5, bottom + 1, 1, 3), QColor(Theme.FAINT))
            painter.setPen(QColor(Theme.FAINT))
            place = QRectF(x - 20, bottom + 3, 40, _RULER - 3)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), f"{tick * step:g} s" if tick else "0")

    def _draw_curves(self, painter: QPainter) -> None:
        """How each stretch is run through: the easing as a curve from one key to the next."""
        high, low = 8.0, self.height() - _RULER - 8.0
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(Theme.colour(Theme.SECOND, 0.7), 1.5))
        for index, key in enumerate(self._keys):
            last = index == len(self._keys) - 1
            if last and not self._loop:
                break
            left = self._x(key.time)
            width = self._x(self._total if last else self._keys[index + 1].time) - left
            # Up and down by turns, so that the curve is one line.
            start, end = (low, high) if index % 2 == 0 else (high, low)
            (ax, ay), (bx, by) = _EASINGS.get(key.easing, _EASINGS["linear"])
            path = QPainterPath(QPointF(left, start))
            path.cubicTo(
                QPointF(left + ax * width, start + ay * (end - start)),
                QPointF(left + bx * width, start + by * (end - start)),
                QPointF(left + width, end),
            )
            painter.drawPath(path)

    def _draw_key(self, painter: QPainter, index: int) -> None:
        key, rect = self._keys[index], self._rect(index)
        image = self._images.get(key.id)
        if image is not None:
            if key.id not in self._pixmaps:
                self._pixmaps[key.id] = thumbnail(image, rect.size().toSize(), self.devicePixelRatioF())
            draw_rounded(painter, rect, self._pixmaps[key.id], 4)
        else:
            painter.setPen(QPen(QColor(Theme.LINE), 1))
            painter.setBrush(QColor(Theme.HOVER))
            painter.drawRoundedRect(rect, 4, 4)
            mark = icon_pixmap("picture", 16, Theme.FAINT, self.devicePixelRatioF())
            painter.drawPixmap(rect.center() - QPointF(8, 8), mark)
        if index == self._chosen:
            draw_ring(painter, rect.adjusted(-1.5, -1.5, 1.5, 1.5), 5)
        elif index == self._hover:
            draw_ring(painter, rect, 4, Theme.INK)

    def _draw_playhead(self, painter: QPainter) -> None:
        x = self._x(self._playhead)
        bottom = self.height() - _RULER
        painter.fillRect(QRectF(x - 2, 0, 4, bottom), Theme.colour(Theme.CANVAS, 0.35))
        painter.fillRect(QRectF(x - 1, 0, 2, bottom + 2), QColor(Theme.ACCENT))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(Theme.ACCENT))
        painter.drawPolygon([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 6)])

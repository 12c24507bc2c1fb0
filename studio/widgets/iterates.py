"""The iterates of a run as a strip: drag along it and the picture grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.parts import KeyboardFocus
from studio.widgets.pictures import draw_rounded, thumbnail
from studio.widgets.tokens import Theme

_TALL, _FOOT, _GAP = 44, 14, 3


@dataclass(frozen=True, slots=True, eq=False)
class Iterate:
    """One picture on the way.  ``solid``: one can go on from here."""

    at: int
    image: UInt8Image | None = None
    solid: bool = True
    tip: str = ""


class IterateStrip(KeyboardFocus):
    """Fits all iterates into its width (each is cut to its middle where there are many).

    ``looked(at)`` while the pointer is dragged along, or with the arrow keys; ``live_asked`` with Escape, End, or a
    click on the frame that is looked at.
    """

    looked = Signal(int)
    live_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[Iterate] = []
        self._pixmaps: dict[int, QPixmap] = {}
        self._current: int | None = None
        self._hover = -1
        self._placeholder = ""
        self._pressed_on: int | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Iterations"))

    def set_frames(self, frames: Sequence[Iterate]) -> None:
        """All iterates, in order."""
        before = {frame.at: frame.image for frame in self._frames}
        self._frames = list(frames)
        for frame in self._frames:
            if before.get(frame.at) is not frame.image:
                self._pixmaps.pop(frame.at, None)
        if self._current is not None and all(frame.at != self._current for frame in self._frames):
            self._current = None
        self.update()

    def frames(self) -> tuple[Iterate, ...]:
        """What is shown."""
        return tuple(self._frames)

    def set_current(self, at: int | None) -> None:
        """Which one is looked at (None: what is newest)."""
        self._current = at
        self.update()

    def current(self) -> int | None:
        """The iterate that is looked at."""
        return self._current

    def set_placeholder(self, text: str) -> None:
        """What stands there while there are none."""
        self._placeholder = text
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, _TALL + _FOOT)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _TALL + _FOOT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._pixmaps.clear()
        super().resizeEvent(event)

    def _pitch(self) -> float:
        if not self._frames:
            return _TALL + _GAP
        # The last gap falls outside, where there is one.
        share = self.width() / len(self._frames)
        return min(_TALL * 1.4 + _GAP, share + (_GAP / len(self._frames) if share > 12 else 0))

    def cell(self, index: int) -> QRectF:
        """The rectangle of a frame."""
        pitch = self._pitch()
        left, right = round(index * pitch), round((index + 1) * pitch)
        gap = _GAP if pitch > 12 else 1
        return QRectF(left, 0, max(1, right - left - gap), _TALL)

    def _at(self, x: float) -> int:
        if not self._frames:
            return -1
        return min(len(self._frames) - 1, max(0, int(x // self._pitch())))

    def _look(self, index: int) -> None:
        frame = self._frames[index]
        if frame.at != self._current:
            self._current = frame.at
            self.setAccessibleDescription(frame.tip or str(frame.at))
            self.update()
            self.looked.emit(frame.at)

    def _leave(self) -> None:
        if self._current is not None:
            self._current = None
            self.update()
            self.live_asked.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._frames:
            self._pressed_on = self._current
            self._look(self._at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        inside = event.position().x() < self._pitch() * len(self._frames)
        index = self._at(event.position().x()) if inside else -1
        if index != self._hover:
            self._hover = index
            self.setCursor(Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor)
            self.update()
        if event.buttons() & Qt.MouseButton.LeftButton and self._frames:
            self._pressed_on = None
            self._look(self._at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # A second click on the frame that is looked at goes back to the newest.
        if self._pressed_on is not None and self._frames:
            if self._frames[self._at(event.position().x())].at == self._pressed_on:
                self._leave()
            self._pressed_on = None

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = event.key(), len(self._frames) - 1
        ats = [frame.at for frame in self._frames]
        index = ats.index(self._current) if self._current in ats else last
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home) and self._frames:
            step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -last - 1}[Qt.Key(key)]
            self.show_ring()
            self._look(min(last, max(0, index + step)))
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_End) and self._current is not None:
            self._leave()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self._at(event.pos().x())
            QToolTip.showText(event.globalPos(), self._frames[index].tip if index >= 0 else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        if not self._frames:
            painter.setPen(QColor(Theme.FAINT))
            painter.drawText(QRectF(self.rect()), int(Qt.AlignmentFlag.AlignVCenter), self._placeholder)
        labelled = -100.0
        for index, frame in enumerate(self._frames):
            place = self.cell(index)
            self._draw_frame(painter, frame, place)
            here = frame.at == self._current
            if here or index == self._hover:
                painter.setPen(QPen(QColor(Theme.ACCENT if here else Theme.INK), 2.0 if here else 1.2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), 3, 3)
            text = str(frame.at)
            width = painter.fontMetrics().horizontalAdvance(text)
            if place.left() >= labelled and place.left() + width <= self.width():
                painter.setPen(QColor(Theme.ACCENT if here else Theme.DIM if frame.solid else Theme.FAINT))
                painter.drawText(QRectF(place.left(), _TALL + 1, width + 2, _FOOT - 1), 0, text)
                labelled = place.left() + width + 8
        self.draw_ring(painter, QRectF(self.rect()), 4)

    def _draw_frame(self, painter: QPainter, frame: Iterate, place: QRectF) -> None:
        if frame.image is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(Theme.RAISED))
            painter.drawRoundedRect(place, 3, 3)
            return
        known = self._pixmaps.get(frame.at)
        if known is None or abs(known.deviceIndependentSize().width() - place.width()) > 1.5:
            known = thumbnail(frame.image, place.size().toSize(), self.devicePixelRatioF())
            self._pixmaps[frame.at] = known
        draw_rounded(painter, place, known, 3)

"""Small shared parts: labels that elide, buttons of one make, the keyboard focus ring, dropped things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QFontMetrics, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from studio.base.steps import UInt8Image
from studio.widgets.icons import icon
from studio.widgets.pictures import from_qimage
from studio.widgets.tokens import Theme

_KEYBOARD = {
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
    Qt.FocusReason.OtherFocusReason,
}


class KeyboardFocus(QWidget):
    """A widget that shows a focus ring when the keyboard (not the mouse) brought the focus here.

    Subclasses call :meth:`draw_ring` last in their ``paintEvent``.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ring = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = event.reason() in _KEYBOARD
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = False
        self.update()
        super().focusOutEvent(event)

    def show_ring(self) -> None:
        """Keys are used now: make the focus visible."""
        if not self._ring:
            self._ring = True
            self.update()

    def has_ring(self) -> bool:
        """Whether the focus is to be seen."""
        return self._ring and self.hasFocus()

    def draw_ring(self, painter: QPainter, rect: QRectF, radius: float = Theme.RADIUS) -> None:
        """Draw the focus ring just inside ``rect`` when it is due."""
        if self.has_ring():
            draw_ring(painter, rect, radius)


def draw_ring(painter: QPainter, rect: QRectF, radius: float = Theme.RADIUS, colour: str = Theme.ACCENT) -> None:
    """A 1.5 px ring just inside ``rect``."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(0.75, 0.75, -0.75, -0.75), radius, radius)
    painter.restore()


class ElidedLabel(QLabel):
    """One line of text that is cut with an ellipsis where the room ends; the whole is in the tooltip then."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        if role:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(16, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and not self.toolTip():
            from PySide6.QtGui import QHelpEvent
            from PySide6.QtWidgets import QToolTip

            if isinstance(event, QHelpEvent) and self.fontMetrics().horizontalAdvance(self.text()) > self.width():
                QToolTip.showText(event.globalPos(), self.text(), self)
                return True
        return super().event(event)


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """A plain-text label in one of the roles of the style sheet."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


def line() -> QWidget:
    """A hairline."""
    from PySide6.QtWidgets import QFrame

    made = QFrame()
    made.setProperty("role", "line")
    made.setFixedHeight(1)
    return made


def icon_button(
    name: str,
    tip: str,
    slot: Callable[..., Any] | None = None,
    *,
    checkable: bool = False,
    framed: bool = False,
    size: int = 18,
    colour: str = Theme.DIM,
) -> QToolButton:
    """A button that is an icon; ``tip`` is its tooltip and its accessible name."""
    made = QToolButton()
    made.setIcon(icon(name, colour))
    made.setIconSize(QSize(size, size))
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    made.setCheckable(checkable)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setFixedSize(size + 10, size + 10)
    if framed:
        made.setProperty("kind", "framed")
    if slot is not None:
        made.clicked.connect(slot)
    return made


def text_button(
    text: str,
    slot: Callable[..., Any] | None = None,
    *,
    kind: str = "normal",
    icon_name: str = "",
    tip: str = "",
    checkable: bool = False,
) -> QPushButton:
    """A button with words; ``kind`` as in the style sheet (primary, normal, quiet, link, danger)."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setAutoDefault(False)
    made.setCheckable(checkable)
    if icon_name:
        made.setIcon(icon(icon_name, Theme.ON_ACCENT if kind == "primary" else Theme.INK))
        made.setIconSize(QSize(16, 16))
    if tip:
        made.setToolTip(tip)
    if slot is not None:
        made.clicked.connect(slot)
    return made


def restyle(widget: QWidget) -> None:
    """Read the style sheet again after a dynamic property of ``widget`` changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def droppable(mime: QMimeData) -> bool:
    """Whether something that the program may understand is being dragged: local files or a picture."""
    return mime.hasImage() or any(url.isLocalFile() for url in mime.urls())


def dropped(mime: QMimeData) -> list[Path | UInt8Image]:
    """What was dropped or pasted: the local files, or else the picture itself."""
    files: list[Path | UInt8Image] = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if files:
        return files
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return [from_qimage(image)]
    return []

"""Chips: a few words to choose from, all in sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from studio.widgets.flow import FlowBox
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import draw_ring
from studio.widgets.tokens import Theme

Option = str | tuple[str, str] | tuple[str, str, str]
"""An id that is its own words, or (id, words), or (id, words, icon name)."""


class Chip(QAbstractButton):
    """One pill.  Amber when it is on; ``swatch`` puts a dot of a colour before the words."""

    def __init__(self, text: str, icon_name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self._icon_name = icon_name
        self._swatch: QColor | None = None
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_swatch(self, colour: str | None) -> None:
        """A dot of ``#rrggbb`` before the words (None: no dot)."""
        self._swatch = QColor(colour) if colour else None
        self.updateGeometry()
        self.update()

    def _lead(self) -> int:
        return 18 if self._icon_name or self._swatch is not None else 0

    def sizeHint(self) -> QSize:
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold)
        from PySide6.QtGui import QFontMetrics

        return QSize(QFontMetrics(font).horizontalAdvance(self.text()) + 22 + self._lead(), 24)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        on, enabled = self.isChecked(), self.isEnabled()
        if on:
            fill, edge, ink = Theme.ACCENT, Theme.ACCENT, Theme.ON_ACCENT
        elif self.isDown() or self.underMouse():
            fill, edge, ink = Theme.HOVER, "#3c404c", Theme.INK
        else:
            fill, edge, ink = Theme.RAISED, Theme.LINE, "#c6c9d2"
        if not enabled:
            fill, edge, ink = Theme.PANEL, Theme.RAISED, Theme.OFF
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        lead = self._lead()
        if self._swatch is not None:
            painter.setPen(QPen(Theme.colour(Theme.CANVAS, 0.5), 1))
            painter.setBrush(self._swatch)
            painter.drawEllipse(QPointF(rect.left() + 16, rect.center().y()), 5, 5)
        elif self._icon_name:
            mark = icon_pixmap(self._icon_name, 14, ink, self.devicePixelRatioF())
            painter.drawPixmap(QPointF(rect.left() + 9, rect.center().y() - 7), mark)
        font = self.font()
        font.setWeight(QFont.Weight.DemiBold if on else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(rect.adjusted(lead, 0, 0, 0), int(Qt.AlignmentFlag.AlignCenter), self.text())
        if self.hasFocus():
            draw_ring(painter, QRectF(self.rect()), self.height() / 2 - 1, Theme.INK if on else Theme.ACCENT)


class ChipRow(FlowBox):
    """Chips that wrap.

    Exclusive: one is on, ``changed(id)`` says which (with ``optional`` a second click chooses ``""``).  Not
    exclusive: each is a switch, ``toggled(id, on)``.  Arrow keys go from chip to chip.
    """

    changed = Signal(str)
    toggled = Signal(str, bool)

    def __init__(
        self,
        options: Sequence[Option] = (),
        exclusive: bool = True,
        *,
        optional: bool = False,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._exclusive, self._optional = exclusive, optional
        self._chips: dict[str, Chip] = {}
        if name:
            self.setAccessibleName(name)
        self.set_options(options)

    def set_options(self, options: Sequence[Option]) -> None:
        """Other chips; what is on is kept where the id is still there."""
        on = self.checked()
        for chip in self._chips.values():
            self.take_part(chip)
        self._chips.clear()
        for option in options:
            parts = (option, option) if isinstance(option, str) else option
            chip = Chip(parts[1], parts[2] if len(parts) > 2 else "", self)
            chip.setChecked(parts[0] in on)
            chip.clicked.connect(lambda _on=False, key=parts[0]: self._clicked(key))
            self._chips[parts[0]] = chip
            self.add_part(chip)

    def chip(self, option: str) -> Chip:
        """The chip of an id, for tooltips and swatches."""
        return self._chips[option]

    def checked(self) -> set[str]:
        """The ids that are on."""
        return {key for key, chip in self._chips.items() if chip.isChecked()}

    def current(self) -> str:
        """The one that is on ("" when none is)."""
        return next(iter(self.checked()), "")

    def set_current(self, option: str | None) -> None:
        """Turn on this one alone (None or "": none), silently."""
        self.set_checked([option] if option else [])

    def set_checked(self, options: Iterable[str]) -> None:
        """Turn on exactly these, silently."""
        wanted = set(options)
        for key, chip in self._chips.items():
            chip.setChecked(key in wanted)

    def _clicked(self, key: str) -> None:
        chip = self._chips[key]
        if not self._exclusive:
            self.toggled.emit(key, chip.isChecked())
            return
        if not chip.isChecked() and not self._optional:
            chip.setChecked(True)
        for other, button in self._chips.items():
            if other != key:
                button.setChecked(False)
        self.changed.emit(key if chip.isChecked() else "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = list(self._chips)
        at = next((i for i, key in enumerate(keys) if self._chips[key].hasFocus()), -1)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}.get(
            Qt.Key(event.key()), 0
        )
        if at >= 0 and step:
            self._chips[keys[(at + step) % len(keys)]].setFocus(Qt.FocusReason.TabFocusReason)
        elif at >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._chips[keys[at]].click()
        else:
            super().keyPressEvent(event)

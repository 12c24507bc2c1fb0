"""The pill of tools that floats at the bottom of the canvas."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from studio.widgets.icons import icon
from studio.widgets.tokens import Theme


class CanvasBar(QWidget):
    """Fit, 100 %, wipe, side by side, lens, A/B.  Says what was asked; the canvas does it."""

    fit_asked = Signal()
    actual_asked = Signal()
    mode_asked = Signal(str)
    hold_asked = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 10, 3)
        row.setSpacing(2)
        self.fit = self._tool("fit", self.tr("Fit"), self.tr("Show the whole picture (Ctrl+0)"))
        self.actual = self._tool("", self.tr("100 %"), self.tr("One picture pixel on one screen pixel (Ctrl+1)"))
        self.wipe = self._tool("wipe", self.tr("Wipe"), "", checkable=True)
        self.side = self._tool("side-by-side", self.tr("Side by side"), "", checkable=True)
        self.lens = self._tool("lens", self.tr("Lens"), "", checkable=True)
        self.hold = self._tool("", self.tr("A/B"), "")
        self.fit.clicked.connect(self.fit_asked)
        self.actual.clicked.connect(self.actual_asked)
        self.wipe.clicked.connect(lambda on: self.mode_asked.emit("wipe" if on else "single"))
        self.side.clicked.connect(lambda on: self.mode_asked.emit("side" if on else "single"))
        self.lens.clicked.connect(lambda on: self.mode_asked.emit("lens" if on else "single"))
        self.hold.pressed.connect(lambda: self.hold_asked.emit(True))
        self.hold.released.connect(lambda: self.hold_asked.emit(False))
        self.set_comparable(False)

    def _tool(self, icon_name: str, text: str, tip: str, *, checkable: bool = False) -> QToolButton:
        made = QToolButton()
        if icon_name:
            made.setIcon(icon(icon_name))
            made.setIconSize(QSize(16, 16))
        made.setText(text)
        made.setToolTip(tip)
        made.setAccessibleName(text)
        made.setAccessibleDescription(tip)
        made.setCheckable(checkable)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setFixedHeight(24)
        made.setProperty("kind", "pill")
        self.layout().addWidget(made)  # type: ignore[union-attr]
        return made

    def add_tool(self, icon_name: str, text: str, tip: str, *, checkable: bool = False) -> QToolButton:
        """A tool of the panel's own at the right end."""
        return self._tool(icon_name, text, tip, checkable=checkable)

    def set_comparable(self, possible: bool) -> None:
        """Whether there is something to compare with."""
        nothing = self.tr("Nothing to compare with yet")
        tips = {
            self.wipe: self.tr("Wipe between before and now"),
            self.side: self.tr("Before and now side by side"),
            self.hold: self.tr("Hold to see the picture before (or hold \\)"),
        }
        for button, tip in tips.items():
            button.setEnabled(possible)
            button.setToolTip(tip if possible else nothing)
        seen = self.tr("A lens on the picture before; Alt and the wheel make it stronger")
        self.lens.setToolTip(seen if possible else self.tr("A magnifying glass; Alt and the wheel make it stronger"))

    def set_mode(self, mode: str) -> None:
        """Show which way of comparing is on."""
        self.wipe.setChecked(mode == "wipe")
        self.side.setChecked(mode == "side")
        self.lens.setChecked(mode == "lens")

    def set_narrow(self, room: int) -> None:
        """Drop the words, and then what has a key or the wheel, where it does not fit into ``room`` pixels."""
        buttons = self.findChildren(QToolButton)
        for words, all_tools in ((True, True), (False, True), (False, False)):
            style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if words else Qt.ToolButtonStyle.ToolButtonIconOnly
            for button in buttons:
                if not button.icon().isNull():
                    button.setToolButtonStyle(style)
            for button in (self.actual, self.hold):
                button.setVisible(all_tools)
            if self.sizeHint().width() <= room:
                break

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(Theme.LINE), 1))
        painter.setBrush(Theme.colour(Theme.PANEL, 0.94))
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)

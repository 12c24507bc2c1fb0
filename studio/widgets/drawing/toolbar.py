"""The bar of tools that floats over the paper: in one row, or in two where there is little room."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QColor, QFont, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QColorDialog,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.widgets.drawing.tools import LEAST_SIZE, MOST_SIZE, SHAPES, Tool
from studio.widgets.flow import FlowBox
from studio.widgets.icons import icon_pixmap
from studio.widgets.parts import draw_ring
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.widgets.drawing.drawcanvas import DrawCanvas

_NOTCHES = 200
_SIDE, _APART, _EDGE = 30, 8, 10
_CHOSEN = Theme.blend(Theme.ACCENT, Theme.PAPER, 0.42).name()
_HOVER = Theme.blend(Theme.PAPER_INK, Theme.PAPER, 0.08).name()
_SHEET = f"""
QToolButton {{ border: 1px solid transparent; border-radius: 8px; padding: 0; background: transparent; }}
QToolButton:hover {{ background: {_HOVER}; }}
QToolButton:pressed {{ background: {Theme.PAPER_LINE}; }}
QToolButton:checked {{ background: {_CHOSEN}; }}
QToolButton:focus {{ border-color: {Theme.ACCENT_DOWN}; }}
QSlider::groove:horizontal {{ height: 3px; background: {Theme.PAPER_LINE}; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ background: {Theme.PAPER_DIM}; border-radius: 1px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -5px 0; border-radius: 6px;
  background: {Theme.PAPER_INK}; }}
QSlider::handle:horizontal:focus {{ background: {Theme.ACCENT_DOWN}; }}
"""


def _icon(name: str, *, menu: bool = False) -> QIcon:
    """In the ink of paper; ``menu``: with a small corner that says there is more."""
    made = QIcon()
    for ratio in (1.0, 2.0):
        for mode, colour in (
            (QIcon.Mode.Normal, Theme.PAPER_INK),
            (QIcon.Mode.Active, Theme.PAPER_INK),
            (QIcon.Mode.Disabled, Theme.PAPER_OFF),
        ):
            drawn = icon_pixmap(name, 18, colour, ratio)
            if menu:
                drawn = QPixmap(drawn)
                painter = QPainter(drawn)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colour))
                painter.drawPolygon([QPointF(18, 13.5), QPointF(18, 18), QPointF(13.5, 18)])
                painter.end()
            made.addPixmap(drawn, mode)
    return made


class ColourWell(QAbstractButton):
    """The colour in the hand before the other one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = ("#000000", "#ffffff")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(34, 30)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, place in (
            (self.colours[1], QRectF(14.5, 11.5, 14, 14)),
            (self.colours[0], QRectF(5.5, 4.5, 17, 17)),
        ):
            painter.setPen(QPen(QColor(Theme.PAPER), 4))
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(place, 4, 4)
            painter.setPen(QPen(QColor(Theme.PAPER_DIM), 1))
            painter.drawRoundedRect(place, 4, 4)
        if self.hasFocus():
            draw_ring(painter, QRectF(self.rect()), 8, Theme.ACCENT_DOWN)


class Swatch(QAbstractButton):
    """One class colour, with its name where there is room."""

    def __init__(self, name: str, colour: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colour = colour
        self.setText(name)
        self.setToolTip(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._named = True

    def set_named(self, named: bool) -> None:
        """Whether the name stands beside the dot."""
        self._named = named
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        words = self.fontMetrics().horizontalAdvance(self.text()) + 12 if self._named else 0
        return QSize(24 + words, 24)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or self.underMouse():
            painter.setBrush(QColor(_CHOSEN if self.isChecked() else _HOVER))
            painter.drawRoundedRect(rect, 12, 12)
        painter.setPen(QPen(QColor(Theme.PAPER_DIM), 1))
        painter.setBrush(QColor(self.colour))
        painter.drawEllipse(QPointF(12, 12), 7, 7)
        if self._named:
            font = self.font()
            font.setWeight(QFont.Weight.DemiBold if self.isChecked() else QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(QColor(Theme.PAPER_INK))
            room = rect.adjusted(23, 0, -4, 0)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), self.text())
        if self.hasFocus():
            draw_ring(painter, QRectF(self.rect()), 11, Theme.ACCENT_DOWN)


class DrawBar(QWidget):
    """Tools, colours, size, mirror, undo.  Changes the canvas it floats on, and shows what the canvas has."""

    def __init__(self, canvas: DrawCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setStyleSheet(_SHEET)
        self.setAccessibleName(self.tr("Drawing tools"))
        column = QVBoxLayout(self)
        column.setContentsMargins(_EDGE, 4, _EDGE, 4)
        column.setSpacing(2)
        self.swatches = FlowBox(spacing=2)
        self.swatches.setAccessibleName(self.tr("Classes"))
        self.swatches.hide()
        self.classes: list[Swatch] = []
        column.addWidget(self.swatches)
        self._rows = (QHBoxLayout(), QHBoxLayout(), QHBoxLayout())
        for row in self._rows:
            row.setSpacing(_APART)
            row.addStretch()
            row.addStretch()
            column.addLayout(row)
        self._build_tools()
        self._build_ink()
        self._build_more()
        self._room = 10_000
        canvas.settings_changed.connect(self.refresh)
        canvas.undo_changed.connect(self.refresh)
        self._told: tuple[object, ...] = ()

    # -- parts -------------------------------------------------------------------------------------------------

    def _group(self) -> QWidget:
        made = QWidget(self)
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        return made

    def _button(self, group: QWidget, icon_name: str, name: str, tip: str, *, checkable: bool = False) -> QToolButton:
        made = QToolButton(group)
        made.setIcon(_icon(icon_name))
        made.setIconSize(QSize(18, 18))
        made.setFixedSize(_SIDE, _SIDE)
        made.setText(name)
        made.setToolTip(tip)
        made.setAccessibleName(name)
        made.setAccessibleDescription(tip)
        made.setCheckable(checkable)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        group.layout().addWidget(made)  # type: ignore[union-attr]
        return made

    def _build_tools(self) -> None:
        self._tools = self._group()
        words = (
            ("pen", self.tr("Pen"), self.tr("Pen (P): a clean line; press harder for a wider one")),
            ("brush", self.tr("Brush"), self.tr("Brush (B): soft; press harder for more colour")),
            ("eraser", self.tr("Eraser"), self.tr("Eraser (E), or the other end of your stylus")),
            ("fill", self.tr("Fill"), self.tr("Fill (G): pours colour in, and small gaps in the lines hold it")),
        )
        self.buttons: dict[str, QToolButton] = {}
        for tool, name, tip in words:
            button = self._button(self._tools, tool, name, tip, checkable=True)
            button.clicked.connect(lambda _on=False, tool=tool: self._choose(tool))
            self.buttons[tool] = button
        tip = self.tr("Shapes: line (L), rectangle (R), ellipse (O); hold Shift for even sides")
        self.shapes = self._button(self._tools, "shape-rectangle", self.tr("Shapes"), tip, checkable=True)
        self.shapes.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._last_shape: Tool = "rectangle"
        self.menu = QMenu(self.shapes)
        group = QActionGroup(self.menu)
        self.shape_actions: dict[str, QAction] = {}
        for shape, name in zip(SHAPES, (self.tr("Line"), self.tr("Rectangle"), self.tr("Ellipse")), strict=True):
            action = self.menu.addAction(name)
            action.setCheckable(True)
            group.addAction(action)
            action.triggered.connect(lambda _on=False, shape=shape: self._choose(shape))
            self.shape_actions[shape] = action
        self.menu.addSeparator()
        self.filled = self.menu.addAction(self.tr("Filled"))
        self.filled.setCheckable(True)
        self.filled.triggered.connect(self._canvas.set_filled)
        self.shapes.setMenu(self.menu)

    def _build_ink(self) -> None:
        self._ink = self._group()
        self.well = ColourWell(self._ink)
        self.well.setAccessibleName(self.tr("Colour"))
        self.well.setToolTip(self.tr("Colour: click to choose, X swaps the two, Alt and a click on the paper picks"))
        self.well.clicked.connect(self._choose_colour)
        self.slider = QSlider(Qt.Orientation.Horizontal, self._ink)
        self.slider.setRange(0, _NOTCHES)
        self.slider.setFixedWidth(84)
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.setAccessibleName(self.tr("Size"))
        self.slider.valueChanged.connect(self._resize)
        self.slider.sliderPressed.connect(lambda: self._canvas.show_size(True))
        self.slider.sliderReleased.connect(lambda: self._canvas.show_size(False))
        row = self._ink.layout()
        assert isinstance(row, QHBoxLayout)
        row.setSpacing(6)
        row.addWidget(self.well)
        row.addWidget(self.slider)

    def _build_more(self) -> None:
        self._more = self._group()
        tip = self.tr("Mirror (M): draw on both sides of the middle at once")
        self.mirror = self._button(self._more, "mirror", self.tr("Mirror"), tip, checkable=True)
        self.fit_paper = self._button(self._more, "fit", self.tr("Fit"), self.tr("Show the whole paper (Ctrl+0)"))
        self.undo = self._button(self._more, "undo", self.tr("Undo"), self.tr("Undo the last stroke (Ctrl+Z)"))
        self.redo = self._button(self._more, "redo", self.tr("Redo"), self.tr("Do it again (Ctrl+Shift+Z)"))
        self.clear = self._button(self._more, "trash", self.tr("Clear"), self.tr("Fresh paper; can be undone"))
        self.mirror.clicked.connect(self._canvas.set_mirror)
        self.fit_paper.clicked.connect(self._canvas.fit)
        self.undo.clicked.connect(self._canvas.undo)
        self.redo.clicked.connect(self._canvas.redo)
        self.clear.clicked.connect(self._canvas.clear)

    def add_tool(self, icon_name: str, name: str, tip: str, *, checkable: bool = False) -> QToolButton:
        """A button of the panel's own at the right end."""
        made = self._button(self._more, icon_name, name, tip, checkable=checkable)
        self._canvas.lay_out_tools()
        return made

    # -- what is asked -----------------------------------------------------------------------------------------

    def _choose(self, tool: str) -> None:
        self._canvas.set_tool(tool)
        self.refresh()  # also where it was chosen already: a button has toggled itself

    def _choose_colour(self) -> None:
        if self._canvas.palette_entries():
            self._canvas.swap_colours()
            return
        chosen = QColorDialog.getColor(QColor(self._canvas.colour()), self, self.tr("Colour of the pen"))
        if chosen.isValid():
            self._canvas.set_colour(chosen.name())

    def _longer(self) -> float:
        frame = self._canvas.picture_size()
        return float(max(frame.width(), frame.height()))

    def _resize(self, notch: int) -> None:
        part = LEAST_SIZE * (MOST_SIZE / LEAST_SIZE) ** (notch / _NOTCHES)
        self._canvas.set_brush_size(part * self._longer())

    # -- what is shown -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the tool, colours, size and switches of the canvas."""
        canvas, settings = self._canvas, self._canvas.settings()
        for tool, button in self.buttons.items():
            button.setChecked(tool == settings.tool)
        if settings.tool in SHAPES:
            self._last_shape = settings.tool
        self.shapes.setChecked(settings.tool in SHAPES)
        for shape, action in self.shape_actions.items():
            action.setChecked(shape == settings.tool)
        self.filled.setChecked(settings.filled)
        self.mirror.setChecked(settings.mirror)
        can_undo, can_redo = canvas.undo_state()
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)
        self.well.colours = (settings.colour, settings.other)
        self.well.update()
        width = canvas.brush_size()
        self.slider.blockSignals(True)
        part = width / self._longer() / LEAST_SIZE
        self.slider.setValue(round(_NOTCHES * math.log(part) / math.log(MOST_SIZE / LEAST_SIZE)))
        self.slider.blockSignals(False)
        self.slider.setToolTip(self.tr("Size {0} px; [ and ] change it").format(f"{width:.1f}"))
        told = (self._last_shape, tuple(canvas.palette_entries()))
        if told != self._told:
            self._told = told
            self.shapes.setIcon(_icon(f"shape-{self._last_shape}", menu=True))
            self._show_palette()
        for swatch in self.classes:
            swatch.setChecked(swatch.colour == settings.colour)

    def _show_palette(self) -> None:
        entries = self._canvas.palette_entries()
        for old in self.classes:
            self.swatches.take_part(old)
        self.classes.clear()
        for name, colour in entries:
            made = Swatch(name, colour)
            made.clicked.connect(lambda _on=False, colour=colour: self._take(colour))
            self.swatches.add_part(made)
            self.classes.append(made)
        self.swatches.setVisible(bool(entries))
        self.fit(self._room)
        self._canvas.lay_out_tools()

    def _take(self, colour: str) -> None:
        self._canvas.set_colour(colour)
        self.refresh()

    def fit(self, room: int) -> int:
        """Lay out within ``room`` pixels of width; the height that this takes."""
        self._room = room
        tools, ink, more = self._tools, self._ink, self._more
        for rows in (
            ((tools, ink, more),),
            ((tools, more), (ink,)),
            ((tools,), (ink, more)),
            ((tools,), (ink,), (more,)),
        ):
            wide = max(sum(group.sizeHint().width() + _APART for group in row) - _APART for row in rows) + 2 * _EDGE
            if wide <= room:
                break
        for row in self._rows:
            for group in (tools, ink, more):
                row.removeWidget(group)
        for place, groups in zip(self._rows, rows, strict=False):
            for group in groups:
                place.insertWidget(place.count() - 1, group)
        high = len(rows) * (_SIDE + 2) - 2 + 8
        if parts := self.classes:
            for part in parts:
                part.set_named(True)
            full = self.swatches.sizeHint().width()
            for part in parts:
                part.set_named(full <= 2 * (room - 2 * _EDGE))
            wide = min(room, max(wide, self.swatches.sizeHint().width() + 2 * _EDGE))
            high += self.swatches.heightForWidth(wide - 2 * _EDGE) + 2
        self.resize(min(room, wide), high)
        return high

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(Theme.PAPER_LINE), 1))
        painter.setBrush(Theme.colour(Theme.PAPER, 0.96))
        radius = min(rect.height() / 2, 19.0)
        painter.drawRoundedRect(rect, radius, radius)

"""The named controls of a conditional model: attributes to turn up and down, choices to pick and to blend.

What is not set by hand follows the seed, drawn from the model's own mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.engine.explore.labels import free_labels
from studio.project.latents import LabelValue, Look
from studio.widgets.parts import icon_button, label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tokens import Theme

FREE = -0.02
"""The slider value that stands for “as the seed drew it”: one step below 0."""


def said(word: str) -> str:
    """A word of a model's card in the person's language, where the language knows it."""
    return QCoreApplication.translate("Card", word)


class Swatch(QAbstractButton):
    """One class of a choice: a coloured or named chip; a ring when it is set, a dot when the seed chose it."""

    def __init__(self, name: str, colour: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(name)
        self.setToolTip(name)
        self.setAccessibleName(name)
        self.colour = colour
        self.weight = 0.0
        self.by_seed = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        wide = 22 if self.colour else self.fontMetrics().horizontalAdvance(self.text()) + 16
        return QSize(wide, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, 24)

    def show_weight(self, weight: float, by_seed: float) -> None:
        """``weight`` set by hand 0..1 (0: not), ``by_seed`` what the seed drew where nothing is set."""
        if (weight, by_seed) != (self.weight, self.by_seed):
            self.weight, self.by_seed = weight, by_seed
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = self.rect().adjusted(2, 2, -2, -2)
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(QColor(self.colour or (Theme.HOVER if self.underMouse() else Theme.RAISED)))
        painter.drawRoundedRect(rect, 5, 5)
        if not self.colour:
            painter.setPen(QColor(Theme.INK if self.weight > 0 else Theme.DIM))
            text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width() - 6)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
        if self.weight > 0 or self.hasFocus():
            pen = painter.pen()
            pen.setColor(QColor(Theme.ACCENT))
            pen.setWidthF(1.0 + 1.5 * max(0.3, min(1.0, self.weight)))
            painter.setPen(pen)
            painter.setBrush(QColor(0, 0, 0, 0))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), 6, 6)
        elif self.by_seed > 0 and not self.colour:
            painter.setBrush(QColor(Theme.DIM))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(rect.center().x() - 8, rect.bottom() - 2, 16, 2, 1, 1)
        elif self.by_seed > 0:
            painter.setBrush(QColor(Theme.INK))
            pen = painter.pen()
            pen.setColor(QColor(Theme.CANVAS))
            painter.setPen(pen)
            painter.drawEllipse(rect.center(), 3, 3)


class Choice(QWidget):
    """A choice: one row of swatches; a click sets, a second click frees, the sliders below blend."""

    set_weights = Signal(object, str, bool)
    """``({index: weight, or None to free it}, drag, final)``"""

    def __init__(
        self, group: dict[str, Any], names: Sequence[str], parent: QWidget | None = None, *, free_tip: str = ""
    ) -> None:
        super().__init__(parent)
        self.indices = [int(i) for i in group["indices"]]
        self.title = said(str(group.get("title", "")))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 2, 0, 2)
        outer.setSpacing(4)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(label(self.title, "dim"), 1)
        self.blend = icon_button("mix", self.tr("Blend several"), self._show_blend, checkable=True, size=14)
        self.free = icon_button("reset", free_tip or self.tr("Follow the seed again"), self._clear, size=14)
        head.addWidget(self.blend)
        head.addWidget(self.free)
        outer.addLayout(head)
        colours = list(group.get("colors") or [])
        shown = list(group.get("names") or [])
        self.swatches: list[Swatch] = []
        grid = QGridLayout()
        grid.setSpacing(3)
        columns = min(len(self.indices), 7 if colours else 3) or 1
        for at, index in enumerate(self.indices):
            name = said(str(shown[at]) if at < len(shown) else str(names[index]))
            swatch = Swatch(name[:1].upper() + name[1:], str(colours[at]) if at < len(colours) else "")
            swatch.clicked.connect(lambda _=False, i=index: self._pick(i))
            self.swatches.append(swatch)
            grid.addWidget(swatch, at // columns, at % columns)
        outer.addLayout(grid)
        self.sliders: list[NumberSlider] = []
        for at, index in enumerate(self.indices):
            slider = NumberSlider(self.swatches[at].text(), 0.0, 1.0, 0.0)
            slider.value_changed.connect(lambda v, f, i=index: self.set_weights.emit({i: v}, f"label{i}", f))
            slider.hide()
            outer.addWidget(slider)
            self.sliders.append(slider)

    def _show_blend(self, on: bool) -> None:
        for slider in self.sliders:
            slider.setVisible(on)

    def _pick(self, index: int) -> None:
        alone = self.swatches[self.indices.index(index)].weight >= 1.0
        self.set_weights.emit({i: (1.0 if i == index and not alone else None) for i in self.indices}, "", True)

    def _clear(self) -> None:
        self.set_weights.emit(dict.fromkeys(self.indices), "", True)

    def show_values(self, named: dict[int, float], drawn: Sequence[float]) -> None:
        """Show what is set by hand and what the seed drew."""
        any_set = any(i in named for i in self.indices)
        for swatch, slider, index in zip(self.swatches, self.sliders, self.indices, strict=True):
            swatch.show_weight(named.get(index, 0.0), 0.0 if any_set else float(drawn[index]))
            slider.set_value(named.get(index, 0.0))
        self.free.setEnabled(any_set)


class LabelControls(Section):
    """All groups of a model's labels."""

    edited = Signal(object, str, str, bool)
    """``(look, text, drag, final)`` as in :class:`~studio.panels.parts.look.LookControls`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Attributes"), self.tr("what is not set follows the seed"), parent=parent)
        self._look = Look()
        self._names: list[str] = []
        self._groups: list[dict[str, Any]] = []
        self._c_dim = 0
        self._toggles: dict[int, NumberSlider] = {}
        self._choices: list[Choice] = []
        self._drawn: list[float] | None = None
        self.reset = self.add_action(self.tr("reset"), self._reset, self.tr("All attributes follow the seed again"))

    def set_model(self, names: Sequence[str], groups: Sequence[dict[str, Any]], c_dim: int) -> None:
        """Build the controls of a model; hidden when it has no labels."""
        self.setVisible(c_dim > 0)
        if (list(names), list(groups), c_dim) == (self._names, self._groups, self._c_dim):
            return
        self._names, self._groups, self._c_dim = list(names), list(groups), c_dim
        while self.body.count():
            item = self.body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self._toggles, self._choices = {}, []
        named = [*names] + [str(i) for i in range(len(names), c_dim)]
        whole = list(groups) or (
            [{"title": self.tr("Class"), "kind": "choice", "indices": list(range(c_dim))}] if c_dim else []
        )
        for group in whole:
            if group.get("kind") == "toggle":
                shown = list(group.get("names") or [])
                for at, index in enumerate(group["indices"]):
                    self._add_toggle(int(index), str(shown[at]) if at < len(shown) else named[int(index)])
            else:
                choice = Choice(group, named)
                choice.set_weights.connect(self._set)
                self.add(choice)
                self._choices.append(choice)
        self.set_look(self._look, 0)

    def _add_toggle(self, index: int, name: str) -> None:
        name = said(name)
        # One step below 0 means "as the seed drew it", which is also where a double-click brings it back.
        slider = NumberSlider(
            name[:1].upper() + name[1:],
            FREE,
            1.5,
            FREE,
            0.02,
            2,
            text_of=partial(self._toggle_text, index),
            tip=self.tr("0: without. 1: with. Beyond 1: more than the model ever saw. Double-click: follow the seed."),
        )
        slider.value_changed.connect(lambda v, f, i=index: self._set({i: None if v < 0 else v}, f"label{i}", f))
        self._toggles[index] = slider
        self.add(slider)

    def _toggle_text(self, index: int, value: float) -> str:
        if value >= 0:
            return f"{value:.2f}"
        if self._drawn is None:
            return self.tr("by seed")
        return self.tr("seed: with") if self._drawn[index] >= 0.5 else self.tr("seed: without")

    def set_look(self, look: Look, seed: int | None) -> None:
        """Show a look (silently); ``seed`` tells what the free labels are (None: several seeds meet)."""
        self._look = look
        drawn = free_labels(seed, self._c_dim, self._groups) if seed is not None and self._c_dim else None
        self._drawn = [float(x) for x in drawn] if drawn is not None else None
        named = {v.index: v.value for v in look.labels}
        for index, slider in self._toggles.items():
            slider.set_value(named.get(index, FREE))
            slider.update()
        for choice in self._choices:
            choice.show_values(named, self._drawn or [0.0] * self._c_dim)
        self.reset.setVisible(bool(look.labels))

    def _set(self, weights: dict[int, float | None], drag: str, final: bool) -> None:
        named = {v.index: v.value for v in self._look.labels}
        for index, value in weights.items():
            if value is None:
                named.pop(index, None)
            else:
                named[index] = float(value)
        labels = tuple(LabelValue(index=i, value=v) for i, v in sorted(named.items()))
        self._look = msgspec.structs.replace(self._look, labels=labels)
        self.edited.emit(self._look, self.tr("Attributes"), drag, final)

    def _reset(self) -> None:
        self._set(dict.fromkeys(range(self._c_dim)), "", True)

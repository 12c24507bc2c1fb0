"""Directions of latent space as sliders in sigmas, with a film strip of the one in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy.typing as npt
from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSpinBox,
    QWidget,
)

from studio.base.steps import UInt8Image
from studio.project.latents import Direction, Push
from studio.widgets.filmstrip import FilmStrip
from studio.widgets.parts import icon_button, label, text_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

REACH = 3.0
PICTURES = 7
BATCH = 6
"""How many found directions get a slider at a time."""


def layers_text(push: Push, count: int) -> str:
    """ "layers 0-5", empty when the push acts on all of ``count`` layers."""
    last = count - 1 if push.last < 0 else min(push.last, count - 1)
    return "" if push.first <= 0 and last >= count - 1 else f"{push.first}–{last}"


def strip_amounts() -> list[float]:
    """The sigmas of the film strip's pictures."""
    return [-REACH + 2 * REACH * i / (PICTURES - 1) for i in range(PICTURES)]


class PushDialog(QDialog):
    """Name and layers of a direction."""

    def __init__(self, push: Push, layers: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Direction"))
        form = QFormLayout(self)
        self.title = QLineEdit(push.name)
        self.first, self.last = QSpinBox(), QSpinBox()
        for box in (self.first, self.last):
            box.setRange(0, max(0, layers - 1))
        self.first.setValue(max(0, push.first))
        self.last.setValue(layers - 1 if push.last < 0 else push.last)
        self.first.valueChanged.connect(lambda v: self.last.setValue(max(v, self.last.value())))
        self.last.valueChanged.connect(lambda v: self.first.setValue(min(v, self.first.value())))
        form.addRow(self.tr("Name"), self.title)
        if layers > 1:
            form.addRow(self.tr("From layer"), self.first)
            form.addRow(self.tr("To layer"), self.last)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)
        self._push, self._layers = push, layers

    def push(self) -> Push:
        """The push with what was entered."""
        whole = self.first.value() == 0 and self.last.value() == self._layers - 1
        return msgspec.structs.replace(
            self._push,
            name=self.title.text().strip() or self._push.name,
            first=self.first.value(),
            last=-1 if whole else self.last.value(),
        )


class DirectionsSection(Section):
    """Sliders, found, made or imported, each with name and layer range; one film strip below.

    ``reach``: how many sigmas a slider goes.  Kinds in ``elsewhere`` have their sliders in another section.  More than
    ``few`` sliders (0: any number) wait behind a button, except those that stand at something.
    """

    changed = Signal(object, str, str, bool)
    """``(pushes, text, drag, final)``."""
    find_asked = Signal(str)
    """"principal" or "factor"."""
    import_wanted = Signal()
    strip_needed = Signal(int)
    """The film strip of this row is wanted."""
    range_wanted = Signal(int)
    """Suggest the layers of this row."""

    def __init__(
        self,
        title: str = "",
        *,
        reach: float = 6.0,
        elsewhere: frozenset[str] = frozenset(),
        few: int = 0,
        invitation: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title or self.tr("Directions"), parent=parent)
        self._pushes: tuple[Push, ...] = ()
        self._layers = 1
        self._reach, self._elsewhere, self._few = reach, elsewhere, few
        self._all = not few
        self._histograms: Mapping[Direction, npt.NDArray[Any]] = {}
        self.current = -1
        self.add_action(self.tr("+ find"), self._find_menu, self.tr("Let the program look for directions"))
        self.add_action(
            self.tr("+ import"), self.import_wanted.emit, self.tr("Directions from a file (.pt, .npy, .safetensors)")
        )
        self.empty = label(
            invitation
            or self.tr(
                "Directions change one thing at a time. Find the strongest ones of this model, or import a file."
            ),
            "dim",
            wrap=True,
        )
        self.add(self.empty)
        self._rows: list[tuple[int, QWidget, NumberSlider]] = []
        self.more = text_button("", self._show_all, kind="quiet")
        self.add(self.more)
        self.strip_title = label("", "dim")
        self.strip = FilmStrip(strip_amounts())
        self.strip.value_chosen.connect(self._adopt)
        self.add(self.strip_title)
        self.add(self.strip)
        self.strip.hide()
        self.strip_title.hide()

    # What is shown -------------------------------------------------------------------------------------------

    def set_layers(self, count: int) -> None:
        """How many w layers the network has."""
        if count != self._layers:
            self._layers = max(1, count)
            self._build(self._pushes)

    def set_pushes(self, pushes: tuple[Push, ...]) -> None:
        """Show these directions (silently)."""
        before, self._pushes = self._pushes, pushes
        same = len(before) == len(pushes) and all(
            (a.direction.kind, a.name, a.first, a.last) == (b.direction.kind, b.name, b.first, b.last)
            for a, b in zip(before, pushes, strict=False)
        )
        if not same:
            self._build(pushes)
        for index, _, slider in self._rows:
            slider.set_value(pushes[index].amount)
        self._fold()
        self.strip.set_mark(pushes[self.current].amount if 0 <= self.current < len(pushes) else None)

    def _fold(self) -> None:
        """Hide what waits behind the button."""
        hidden = 0
        for place, (index, row, _) in enumerate(self._rows):
            newest = place == len(self._rows) - 1 and self._pushes[index].direction.kind == "stored"
            shown = self._all or place < self._few or self._pushes[index].amount != 0 or newest
            row.setVisible(shown)
            hidden += not shown
        self.more.setText(self.tr("%1 more").replace("%1", str(hidden)))
        self.more.setVisible(hidden > 0)

    def _show_all(self) -> None:
        self._all = True
        self._fold()

    def set_histograms(self, histograms: Mapping[Direction, npt.NDArray[Any]]) -> None:
        """How data lies along each direction, counted from ``-reach`` to ``+reach``: drawn behind its slider."""
        self._histograms = histograms
        for index, _, slider in self._rows:
            slider.set_histogram(histograms.get(self._pushes[index].direction))

    def slider_of(self, index: int) -> NumberSlider | None:
        """The slider of a push, None when it is elsewhere."""
        return next((slider for i, _, slider in self._rows if i == index), None)

    def set_strip_picture(self, index: int, image: UInt8Image) -> None:
        """One picture of the film strip has come."""
        self.strip.set_frame(index, image)

    def found(self, method: str, count: int) -> tuple[Push, ...]:
        """The pushes with the next few of ``count`` found directions added."""
        have = {p.direction.index for p in self._pushes if p.direction.kind == method}
        fresh = [i for i in range(count) if i not in have][:BATCH]
        name = self.tr("Component %1") if method == "principal" else self.tr("Factor %1")
        return self._pushes + tuple(
            Push(
                direction=Direction(kind="principal" if method == "principal" else "factor", index=i),
                name=name.replace("%1", str(i + 1)),
            )
            for i in fresh
        )

    def imported(self, asset: str, names: Sequence[str], limit: int = 3 * BATCH) -> tuple[Push, ...]:
        """The pushes with the rows of an imported file added (at most ``limit``)."""
        return self._pushes + tuple(
            Push(direction=Direction(kind="stored", index=i, asset=asset), name=name)
            for i, name in list(enumerate(names))[:limit]
        )

    def clear_strip(self) -> None:
        """Forget the film strip's pictures (the place or the look changed)."""
        if self.current >= len(self._pushes):
            self.current = -1
        shown = self.current >= 0
        self.strip.setVisible(shown)
        self.strip_title.setVisible(shown)
        if shown:
            push = self._pushes[self.current]
            self.strip_title.setText(self.tr("%1 from −3 σ to +3 σ — click to adopt").replace("%1", push.name))

    # What the hand does --------------------------------------------------------------------------------------

    def _build(self, pushes: tuple[Push, ...]) -> None:
        for _, row, _ in self._rows:
            row.setParent(None)
            row.deleteLater()
        self._rows = []
        at = self.body.indexOf(self.more)
        here = [(i, push) for i, push in enumerate(pushes) if push.direction.kind not in self._elsewhere]
        for place, (i, push) in enumerate(here):
            layers = layers_text(push, self._layers)
            name = f"{push.name} · {layers}" if layers else push.name
            slider = NumberSlider(name, -self._reach, self._reach, 0.0, 0.1, 1, "σ", 0.0)
            slider.set_histogram(self._histograms.get(push.direction))
            slider.value_changed.connect(lambda v, f, i=i: self._moved(i, v, f))
            row = QWidget()
            box = QHBoxLayout(row)
            box.setContentsMargins(0, 0, 0, 0)
            box.setSpacing(4)
            box.addWidget(slider, 1)
            box.addWidget(
                icon_button(
                    "film", self.tr("Film strip of this direction"), lambda _=False, i=i: self.show_strip(i), size=14
                )
            )
            more = icon_button("more", self.tr("Rename, remove and more"), size=14)
            more.clicked.connect(lambda _=False, i=i, b=more: self._menu(i, b.mapToGlobal(QPoint(0, b.height()))))
            box.addWidget(more)
            self.body.insertWidget(at + place, row)
            self._rows.append((i, row, slider))
        self.empty.setVisible(not here)
        self.clear_strip()

    def _emit(self, pushes: tuple[Push, ...], text: str, drag: str = "", final: bool = True) -> None:
        self.changed.emit(pushes, text, drag, final)

    def _with(self, index: int, push: Push) -> tuple[Push, ...]:
        return tuple(push if i == index else p for i, p in enumerate(self._pushes))

    def _moved(self, index: int, value: float, final: bool) -> None:
        push = msgspec.structs.replace(self._pushes[index], amount=value)
        self._emit(self._with(index, push), push.name, f"push{index}", final)

    def show_strip(self, index: int) -> None:
        """Show (or put away) the film strip of a row."""
        self.current = -1 if self.current == index else index
        self.strip.clear()
        self.clear_strip()
        if self.current >= 0:
            self.strip_needed.emit(index)

    def _adopt(self, amount: float) -> None:
        if 0 <= self.current < len(self._pushes):
            push = msgspec.structs.replace(self._pushes[self.current], amount=round(amount, 2))
            self._emit(self._with(self.current, push), push.name)

    def _find_menu(self) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Principal components"), lambda: self.find_asked.emit("principal")).setToolTip(
            self.tr("Along which the pictures of this model differ most")
        )
        menu.addAction(self.tr("Factors of the style weights"), lambda: self.find_asked.emit("factor"))
        self._popup(menu)

    def _menu(self, index: int, at: QPoint) -> None:
        menu = QMenu(self)
        if self._layers > 1:
            menu.addAction(self.tr("Name and layers…"), lambda: self._edit(index))
            menu.addAction(self.tr("Suggest layers"), lambda: self.range_wanted.emit(index))
        else:
            menu.addAction(self.tr("Rename…"), lambda: self._edit(index))
        menu.addAction(self.tr("Back to 0 σ"), lambda: self._moved(index, 0.0, True))
        menu.addSeparator()
        menu.addAction(self.tr("Remove"), lambda: self._remove(index))
        self._popup(menu, at)

    def _popup(self, menu: QMenu, at: QPoint | None = None) -> None:
        from PySide6.QtGui import QCursor

        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at or QCursor.pos())

    def _edit(self, index: int) -> None:
        dialog = PushDialog(self._pushes[index], self._layers, self)
        dialog.accepted.connect(lambda: self._emit(self._with(index, dialog.push()), self.tr("Direction")))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _remove(self, index: int) -> None:
        left: tuple[Any, ...] = tuple(p for i, p in enumerate(self._pushes) if i != index)
        if self.current == index:
            self.current = -1
        self._emit(left, self.tr("Remove direction"))

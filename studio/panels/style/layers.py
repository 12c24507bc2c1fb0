"""The board of layers: two columns of sliders, presets, and what each layer alone makes of this pair."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, UInt8Image
from studio.panels.style.part import Part
from studio.panels.style.values import (
    FIRST_PRESET,
    cell_name,
    cells_named,
    preset_of,
    rows_from,
    shares_of,
    shown_look,
    sources_alone,
    weights_of,
)
from studio.project.session import StyleState
from studio.project.style import PRESETS, LayerThumbs, LayerWeight, preset
from studio.widgets.chips import ChipRow
from studio.widgets.layerpairs import LayerPairs
from studio.widgets.parts import ElidedLabel, label

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

PATIENCE_MS = 2500
"""How long nothing else must have been asked before thumbnails are made."""
REMEMBERED = 12
"""Pairs whose thumbnails stay at hand."""


class Layers(Part):
    """``board`` stands at the right of the canvas."""

    keys = frozenset({"thumbs"})

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        self.pairs = LayerPairs((self.tr("content"), self.tr("style")))
        self.pairs.set_waiting(self.tr("What this layer alone makes of the pair appears here when nothing else runs."))
        self.presets = ChipRow(
            [
                ("fine texture", self.tr("Fine texture")),
                ("balanced", self.tr("Balanced")),
                ("bold shapes", self.tr("Bold shapes")),
                ("Gatys", "Gatys"),
                ("neural-style", "neural-style"),
            ],
            name=self.tr("Presets"),
        )
        self.hint = ElidedLabel("", "dim")
        self.board = self._build()
        self._thumbs: OrderedDict[LayerThumbs, dict[str, UInt8Image]] = OrderedDict()
        self._job = -1
        self._asked: LayerThumbs | None = None
        self._part: tuple[str, ...] = ()
        self._refused: LayerThumbs | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PATIENCE_MS)
        self._later.timeout.connect(self._ask_thumbs)
        self.presets.changed.connect(self.use_preset)
        self.pairs.value_changed.connect(self._weight)
        self.pairs.switched.connect(self._switch)

    def _build(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(300)
        box = QVBoxLayout(side)
        box.setContentsMargins(16, 12, 8, 8)
        box.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(self.tr("Layers"), "title"))
        head.addWidget(self.hint, 1)
        box.addLayout(head)
        explained = label(
            self.tr(
                "Upper rows see grain, brush hair and colour; lower rows see strokes, shapes and how they are laid out."
            ),
            "dim",
            wrap=True,
        )
        box.addWidget(explained)
        box.addWidget(self.presets)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        inner = QWidget()
        inner.setProperty("role", "scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.addWidget(self.pairs)
        column.addStretch(1)
        scroll.setWidget(inner)
        box.addWidget(scroll, 1)
        return side

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: StyleState) -> None:
        names = self.panel.layers
        values = weights_of(shown_look(state.run), names)
        self.pairs.set_layers(names)
        self.pairs.set_values(values)
        current = preset_of(values, names)
        self.presets.set_current(current)
        self._rest(current or FIRST_PRESET, names)
        self.pairs.set_switches(cells_named(state.solo), cells_named(state.mute))
        balanced = state.run.scaling == "balanced"
        self.hint.setText(self.tr("λ per layer, balanced") if balanced else self.tr("λ per layer, Gatys' formulas"))
        self._show_thumbs()
        self.want_thumbs()

    def _rest(self, name: str, names: tuple[str, ...]) -> None:
        rows = preset(name, names)
        defaults = {(row.name, "content"): row.content for row in rows}
        defaults |= {(row.name, "style"): row.style for row in rows}
        self.pairs.set_defaults(defaults)

    # Editing -------------------------------------------------------------------------------------------------

    def _weight(self, layer: str, column: str, value: float, final: bool) -> None:
        names = self.panel.layers
        values = weights_of(shown_look(self.panel.state.run), names)
        values[layer, column] = value
        text = self.tr("Weight of {0}").format(layer)
        self.panel.edit_look(text, f"{column} {layer}", final, layers=rows_from(values, names))

    def use_preset(self, name: str) -> None:
        """Another starting point; solo and mute end with it."""
        rows: tuple[LayerWeight, ...] = preset(name, self.panel.layers)
        state: StyleState = self.panel.state
        look = msgspec.structs.replace(shown_look(state.run), layers=rows)
        run = msgspec.structs.replace(state.run, look=look, changes=(), stop=0)
        self.panel.change(self.tr("Preset"), run=run, solo=(), mute=())

    def next_preset(self) -> None:
        """The preset after the one that stands there."""
        names = list(PRESETS)
        current = self.presets.current()
        self.use_preset(names[(names.index(current) + 1) % len(names)] if current in names else FIRST_PRESET)

    def _switch(self, layer: str, column: str, which: str) -> None:
        state: StyleState = self.panel.state
        name = cell_name((layer, column))
        now = state.solo if which == "solo" else state.mute
        after = tuple(n for n in now if n != name) if name in now else (*now, name)
        text = self.tr("Solo") if which == "solo" else self.tr("Mute")
        # A recalled run with changes on its way becomes one look when its sliders are touched.
        run = msgspec.structs.replace(state.run, look=shown_look(state.run), changes=(), stop=0)
        changes: dict[str, Any] = {which: after}
        self.panel.change(text, run=run, **changes)

    # The loss of each layer ----------------------------------------------------------------------------------

    def show_loss(self, loss: Loss | None) -> None:
        """Bars below the sliders (None: no run)."""
        self.pairs.set_shares(shares_of(loss.values) if loss is not None else {})

    # Thumbnails ----------------------------------------------------------------------------------------------

    def _request(self) -> LayerThumbs | None:
        state: StyleState = self.panel.state
        look = shown_look(state.run)
        if not state.run.content or not look.styles:
            return None
        return LayerThumbs(
            model=self.panel.sha,
            precision=self.panel.precision,
            content=state.run.content,
            styles=sources_alone(look),
            layers=self.panel.layers,
            statistic=state.run.statistic,
        )

    def want_thumbs(self) -> None:
        """Make them when nothing has been asked for a while."""
        request = self._request()
        if request is None or not self.panel.uses_look() or request == self._refused:
            self.stop_thumbs()
            return
        have = self._thumbs.get(request, {})
        if len(have) == len(request.layers):
            self._later.stop()
            return
        if self.panel.owns(self._job) and self._asked == request:
            return
        self.stop_thumbs()
        self._later.start()

    def makes_thumbs(self) -> bool:
        """Whether thumbnails are being made."""
        return self.panel.owns(self._job)

    def stop_thumbs(self) -> None:
        """Something that was asked for comes first."""
        self._later.stop()
        if self.panel.owns(self._job):
            self.panel.cancel("thumbs")

    def _ask_thumbs(self) -> None:
        request = self._request()
        if request is None or not self.panel.active:
            return
        if self.panel.others_work():
            self._later.start()
            return
        self._asked = request
        self._part = tuple(name for name in request.layers if name not in self._thumbs.get(request, {}))
        part = msgspec.structs.replace(request, layers=self._part)
        # Without a title: a job that shows by itself.
        self._job = self.panel.long(part, "", "thumbs")

    def _show_thumbs(self) -> None:
        request = self._request()
        have = self._thumbs.get(request, {}) if request is not None else {}
        for name in self.panel.layers:
            self.pairs.set_image(name, have.get(name))

    def _keep(self, name: str, image: UInt8Image) -> None:
        if self._asked is None:
            return
        self._thumbs.setdefault(self._asked, {})[name] = image
        self._thumbs.move_to_end(self._asked)
        while len(self._thumbs) > REMEMBERED:
            self._thumbs.popitem(last=False)
        if self._asked == self._request():
            self.pairs.set_image(name, image)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if 0 <= preview.index < len(self._part):
            self._keep(self._part[preview.index], preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for name, image in zip(request.layers, getattr(result, "images", ()), strict=False):
            self._keep(name, image)

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        # Nobody asked for them: without thumbnails the sliders work as well.
        self._refused = self._asked
        self._later.stop()
        return True

"""How a run goes: balance, size, length, where it starts, and what only experts touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from studio.panels.style.part import Part
from studio.panels.style.values import FIXED_LAYERS, shown_look
from studio.project.session import StyleState
from studio.project.style import FIXED_FEATURES, Start, StyleLook, Stylize
from studio.widgets.chips import ChipRow
from studio.widgets.parts import icon_button, label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

LARGEST = 4096
_LOOK, _RUN = StyleLook(), Stylize(model="", content="")


class Settings(Part):
    """Three sections: Balance (always open), Run, Advanced (folded)."""

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self.balance = Section(tr("Balance"))
        self.alpha = NumberSlider(
            tr("Content α"), 0.0, 10.0, _LOOK.alpha, 0.1, 2, tip=tr("How firmly the content is kept.")
        )
        self.beta = NumberSlider(tr("Style β"), 0.0, 40.0, _LOOK.beta, 0.1, 2, tip=tr("How strongly the style paints."))
        self.tv = NumberSlider(
            tr("Smoothness (TV)"), 0.0, 10.0, _LOOK.tv, 0.1, 2, tip=tr("More: calmer surfaces. 0: every grain stays.")
        )
        self.size = NumberSlider(
            tr("Size"), 64, LARGEST, _RUN.size, 16, 0, "px", per_pixel=8, tip=tr("The longer side of the result.")
        )
        for slider in (self.alpha, self.beta, self.tv, self.size):
            self.balance.add(slider)

        self.section = Section(tr("Run"), opened=False)
        self.iterations = NumberSlider(tr("Iterations"), 5, 1000, _RUN.iterations, 5, 0, per_pixel=2)
        self.start = ChipRow(
            [
                ("content", tr("Content")),
                ("noise", tr("Noise")),
                ("style", tr("Style")),
                ("picture", tr("This picture")),
            ],
            name=tr("Start from"),
        )
        self.start.chip("picture").setToolTip(tr("The picture that the canvas shows now becomes the beginning."))
        self.noise = NumberSlider(tr("Noise in the beginning"), 0.0, 1.0, 0.0, 0.01, 2)
        self.seed = NumberSlider(tr("Seed"), 0, 9999, 0, 1, 0, per_pixel=1)
        self.network = QComboBox()
        self.network.setAccessibleName(tr("Feature network"))
        self.network.setToolTip(
            tr("The network whose layers are compared. Drop a VGG file on the window to add another one.")
        )
        self.network.setMinimumContentsLength(12)
        self.network.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.said = label("", "dim", wrap=True)
        choose = QWidget()
        row = QHBoxLayout(choose)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.network, 1)
        row.addWidget(icon_button("plus", tr("Open a model file"), self.studio.open_model_dialog, framed=True))
        self.section.add(self.iterations)
        self.section.add(label(tr("Start from"), "dim"))
        self.section.add(self.start)
        self.section.add(self.noise)
        self.section.add(self.seed)
        self.section.add(label(tr("Feature network"), "dim"))
        self.section.add(choose)
        self.section.add(self.said)

        self.advanced = Section(tr("Advanced"), opened=False)
        self.statistic = self._chips(
            tr("What of a layer is the style"),
            [
                ("gram", tr("Gram")),
                ("covariance", tr("Mean + covariance")),
                ("moments", tr("Moments")),
                ("sliced", tr("Sliced")),
            ],
        )
        self.scaling = self._chips(
            tr("Scale of the weights"), [("balanced", tr("Balanced")), ("gatys", tr("Gatys' formulas"))]
        )
        self.scaling.setToolTip(
            tr(
                "Balanced: equal weights mean equal influence. Gatys' formulas: content / (4 nH nW nC),"
                " style / (4 nC² (nH nW)²), as published."
            )
        )
        self.optimiser = self._chips(tr("Optimiser"), [("adam", "Adam"), ("lbfgs", "L-BFGS")])
        self.step = NumberSlider(tr("Step size"), 0.001, 0.1, _LOOK.step, 0.001, 3, tip=tr("Of Adam; works mid-run."))
        self.advanced.add(self.step)
        self.pyramid = self._chips(tr("From small to large"), [("on", tr("Pyramid")), ("off", tr("One size"))])
        self.pooling = self._chips(
            tr("Pooling"), [("network", tr("As trained")), ("average", tr("Average")), ("max", tr("Maximum"))]
        )
        self.average = NumberSlider(
            tr("Averaging of iterates"),
            0.0,
            0.99,
            _RUN.average,
            0.01,
            2,
            tip=tr("Steadier pictures. 0: the bare ones."),
        )
        self.keep = NumberSlider(tr("Keep one of every"), 0, 200, _RUN.keep, 5, 0, text_of=self._keep_text)
        self.tile = NumberSlider(tr("Tiles"), 0, 1024, _RUN.tile, 64, 0, text_of=self._tile_text)
        for slider in (self.average, self.keep, self.tile):
            self.advanced.add(slider)
        self._connect()

    def _chips(self, title: str, options: list[tuple[str, str]]) -> ChipRow:
        self.advanced.add(label(title, "dim"))
        made = ChipRow(options, name=title)
        self.advanced.add(made)
        return made

    def _keep_text(self, value: float) -> str:
        return self.tr("{0} iterations").format(int(value)) if value else self.tr("only the last")

    def _tile_text(self, value: float) -> str:
        return f"{int(value)} px" if value else self.tr("as memory asks")

    def _connect(self) -> None:
        panel = self.panel
        for slider, field in ((self.alpha, "alpha"), (self.beta, "beta"), (self.tv, "tv"), (self.step, "step")):
            slider.value_changed.connect(
                lambda v, final, f=field, s=slider: panel.edit_look(s.name(), f, final, **{f: v})
            )
        whole = ((self.size, "size"), (self.iterations, "iterations"), (self.seed, "seed"), (self.keep, "keep"))
        for slider, field in (*whole, (self.tile, "tile")):
            slider.value_changed.connect(
                lambda v, final, f=field, s=slider: panel.edit_run(s.name(), f, final, **{f: int(v)})
            )
        self.average.value_changed.connect(
            lambda v, final: panel.edit_run(self.average.name(), "average", final, average=v)
        )
        for chips, field in (
            (self.statistic, "statistic"),
            (self.scaling, "scaling"),
            (self.optimiser, "optimiser"),
            (self.pooling, "pooling"),
        ):
            chips.changed.connect(lambda v, f=field, c=chips: panel.edit_run(c.accessibleName(), "", True, **{f: v}))
        self.pyramid.changed.connect(
            lambda v: panel.edit_run(self.pyramid.accessibleName(), "", True, pyramid=v == "on")
        )
        self.start.changed.connect(self._start_from)
        self.noise.value_changed.connect(lambda v, final: self._edit_start(self.noise.name(), "noise", final, noise=v))
        self.network.activated.connect(lambda index: self.use_network(str(self.network.itemData(index))))

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: StyleState) -> None:
        run, look = state.run, shown_look(state.run)
        for slider, value in (
            (self.alpha, look.alpha),
            (self.beta, look.beta),
            (self.tv, look.tv),
            (self.step, look.step),
            (self.size, run.size),
            (self.iterations, run.iterations),
            (self.seed, run.seed),
            (self.keep, run.keep),
            (self.tile, run.tile),
            (self.average, run.average),
            (self.noise, run.start.noise),
        ):
            slider.set_value(value)
        self.iterations.set_name(self.tr("Iterations at each size") if run.pyramid else self.tr("Iterations"))
        self.start.set_current(run.start.kind)
        self.noise.setVisible(run.start.kind != "noise")
        self.statistic.set_current(run.statistic)
        self.scaling.set_current(run.scaling)
        self.optimiser.set_current(run.optimiser)
        self.pyramid.set_current("on" if run.pyramid else "off")
        self.pooling.set_current(run.pooling)
        self.step.setEnabled(run.optimiser == "adam")
        self._show_networks()

    def _show_networks(self) -> None:
        cards = self.studio.of_role("features")
        with QSignalBlocker(self.network):
            self.network.clear()
            for one in cards:
                self.network.addItem(one.title or one.name, one.sha256)
            self.network.addItem(self.tr("Fixed-seed features (untrained)"), FIXED_FEATURES)
            at = self.network.findData(self.panel.sha)
            if at < 0:
                refs = self.studio.document.session.models
                name = next((m.name for m in refs if m.sha256 == self.panel.sha), self.tr("Model"))
                self.network.addItem(self.tr("%1 (missing)").replace("%1", name), self.panel.sha)
                at = self.network.count() - 1
            self.network.setCurrentIndex(at)
        card = self.panel.card
        if self.panel.sha == FIXED_FEATURES:
            said = self.tr("Random filters from a fixed seed. It has seen no pictures: it knows texture, not things.")
        elif card is None:
            said = self.tr("This network is not on this computer. Choose another, or add its file.")
        else:
            said = " · ".join(
                part for part in (card.data, self.tr("{0} layers").format(len(self.panel.layers))) if part
            )
        self.said.setText(said)

    # Editing -------------------------------------------------------------------------------------------------

    def use_network(self, sha: str) -> None:
        """Look with another network; lambdas stay where it has layers of the same names."""
        state: StyleState = self.panel.state
        if sha == self.panel.sha:
            return
        names = set(FIXED_LAYERS if sha == FIXED_FEATURES else self.panel.layers_of_model(sha))
        look = shown_look(state.run)
        kept = tuple(row for row in look.layers if row.name in names)
        if not any(row.style for row in kept):
            kept = ()
        run = msgspec.structs.replace(
            state.run, model=sha, look=msgspec.structs.replace(look, layers=kept), changes=(), stop=0
        )
        known = tuple(name for name in state.solo if name.partition(" ")[2] in names)
        muted = tuple(name for name in state.mute if name.partition(" ")[2] in names)
        self.panel.change(self.tr("Choose the feature network"), run=run, solo=known, mute=muted)

    def _edit_start(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        start = msgspec.structs.replace(self.panel.state.run.start, **changes)
        self.panel.edit_run(text, drag, final, start=start)

    def _start_from(self, kind: str) -> None:
        text = self.tr("Start from")
        if kind != "picture":
            self.panel.edit_run(text, "", True, start=Start(kind=kind, noise=self.panel.state.run.start.noise))  # type: ignore[arg-type]
            return
        shown = self.panel.shown_picture()
        if shown is None:
            self.start.set_current(self.panel.state.run.start.kind)
            self.studio.notify(self.tr("There is no picture on the canvas yet."))
            return
        self.panel.bank.keep(shown, "", lambda sha, _pixels, _title: self._start_with(sha))

    def _start_with(self, sha: str) -> None:
        noise = self.panel.state.run.start.noise
        self.panel.edit_run(self.tr("Start from"), "", True, start=Start(kind="picture", picture=sha, noise=noise))

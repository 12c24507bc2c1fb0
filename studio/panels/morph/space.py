"""How encoded data lies in latent space: a map of pictures, what each dimension tells, a slider for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from studio.widgets.bars import Bars
from studio.widgets.dotmap import DotMap
from studio.widgets.parts import icon_button, label, text_button
from studio.widgets.plot import Histogram
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.results import Space

AXES = 6
"""Principal components that the map can show."""
SHOWN = 12
"""Dimensions that get a slider at a time."""
REACH = 6.0
"""Sigmas to either side."""


class SpaceSection(Section):
    """The map with its colours and axes, the bars of all dimensions, the distribution of one."""

    axes_chosen = Signal(int, int)
    lasso_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Latent space"), parent=parent)
        self._space: Space | None = None
        self._labels: list[str] = []
        self.map = DotMap()
        self.map.setToolTip(
            self.tr("Every dot is a picture. Click one, drag to go between them, draw a line with the lasso (or Alt).")
        )
        self.colour = QComboBox()
        self.colour.setAccessibleName(self.tr("Colour the dots by"))
        self.colour.setToolTip(self.tr("Colour the dots by what the pictures show"))
        self.across, self.up = QComboBox(), QComboBox()
        for box, name in ((self.across, self.tr("Component across")), (self.up, self.tr("Component upwards"))):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setFixedWidth(70)
        self.lasso = icon_button(
            "lasso",
            self.tr("Draw a line around dots: inside against outside becomes an attribute"),
            checkable=True,
            framed=True,
        )
        self.kl = Bars(self.tr("What each dimension tells"), self.tr("nats"))
        self.histogram = Histogram()
        self.histogram.setFixedHeight(84)
        self.words = label("", "dim", wrap=True)
        self.add(self.map)
        self.add_row(self.colour, self.across, self.up, self.lasso)
        self.kl_words = label(self.tr("What each dimension tells (KL), largest first: click one"), "dim")
        self.add(self.kl_words)
        self.add(self.kl)
        self.add(self.histogram)
        self.add(self.words)
        self.colour.currentIndexChanged.connect(lambda _: self._colour())
        self.across.activated.connect(lambda _: self._axes())
        self.up.activated.connect(lambda _: self._axes())
        self.lasso.toggled.connect(self.map.set_lasso)
        self.kl.chosen.connect(self.show_dimension)
        self.show_space(None, 0, 1, {})

    def show_space(self, space: Space | None, axis_x: int, axis_y: int, titles: dict[str, str]) -> None:
        """Show a space (None: there is none yet); ``titles``: names of labels as people say them."""
        self._space = space
        for part in (self.colour, self.across, self.up, self.lasso, self.kl_words, self.kl, self.histogram, self.words):
            part.setVisible(space is not None)
        if space is None:
            self.map.set_points([])
            self.set_hint("")
            return
        self.map.set_points(space.points)
        count = min(AXES, len(space.components))
        with QSignalBlocker(self.across), QSignalBlocker(self.up), QSignalBlocker(self.colour):
            for box, axis in ((self.across, axis_x), (self.up, axis_y)):
                box.clear()
                box.addItems([str(i + 1) for i in range(count)])
                box.setCurrentIndex(min(axis, count - 1))
            before = self.colour.currentData()
            self.colour.clear()
            self.colour.addItem(self.tr("one colour"), "")
            for name in space.labels:
                self.colour.addItem(titles.get(name, name), name)
            found = self.colour.findData(before) if before is not None else min(1, self.colour.count() - 1)
            self.colour.setCurrentIndex(max(0, found))
        self.colour.setVisible(bool(space.labels))
        self._colour()
        hint = self.tr("%1 of %2 dimensions in use").replace("%1", str(int(space.active.sum())))
        self.set_hint(hint.replace("%2", str(len(space.kl))))
        order = space.order
        self.kl.set_values(space.kl[order], space.active[order], [f"z{int(d) + 1}" for d in order])
        self.kl.set_current(0)
        self.show_dimension(0)

    def _colour(self) -> None:
        name = self.colour.currentData()
        if self._space is not None:
            self.map.set_values(self._space.labels[name] if name else None)

    def _axes(self) -> None:
        across, up = self.across.currentIndex(), self.up.currentIndex()
        if across >= 0 and up >= 0:
            self.axes_chosen.emit(across, up)

    def show_dimension(self, place: int) -> None:
        """The distribution of the dimension at this place of the order."""
        space = self._space
        if space is None or not 0 <= place < len(space.order):
            return
        dimension = int(space.order[place])
        self.histogram.set_counts(space.posterior[dimension], space.edges, normal=True)
        if space.active[dimension]:
            text = self.tr("Dimension %1 tells %2 nats. The curve is N(0, 1), what it would be if it told nothing.")
        else:
            text = self.tr("Dimension %1 is not in use (%2 nats): pulling on it changes nothing.")
        self.words.setText(text.replace("%1", str(dimension + 1)).replace("%2", f"{float(space.kl[dimension]):.2f}"))


class DimensionsSection(Section):
    """A slider for each dimension, those that tell most first."""

    moved = Signal(int, float, bool)
    """Dimension, sigmas, final."""
    reset_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Dimensions"), self.tr("by what they tell"), opened=False, parent=parent)
        self._order: list[int] = []
        self._shown = SHOWN
        self._amounts: dict[int, float] = {}
        self._kl: Sequence[float] = ()
        self._histograms: dict[int, npt.NDArray[np.float64]] = {}
        self.rows: dict[int, NumberSlider] = {}
        self.reset = self.add_action(self.tr("all to 0"), self.reset_asked.emit, self.tr("Bring all dimensions back"))
        self.more = text_button(self.tr("More dimensions"), self._more, kind="quiet")
        self.add(self.more)

    def set_dimensions(self, order: Sequence[int], kl: Sequence[float]) -> None:
        """Which dimensions there are, in order, and what each tells in nats."""
        if (list(order), list(kl)) == (self._order, list(self._kl)):
            return
        self._order, self._kl, self._shown = list(order), list(kl), SHOWN
        self._build()

    def shown(self) -> list[int]:
        """The dimensions that have a slider."""
        return self._order[: self._shown]

    def set_amounts(self, amounts: dict[int, float]) -> None:
        """Where the sliders stand (silently)."""
        self._amounts = amounts
        self.reset.setVisible(any(amounts.values()))
        for dimension, slider in self.rows.items():
            slider.set_value(amounts.get(dimension, 0.0))

    def set_histograms(self, histograms: dict[int, npt.NDArray[np.float64]]) -> None:
        """How data lies along each, from ``-REACH`` to ``REACH`` sigmas: drawn behind the sliders."""
        self._histograms = histograms
        for dimension, slider in self.rows.items():
            slider.set_histogram(histograms.get(dimension))

    def _more(self) -> None:
        self._shown += SHOWN
        self._build()

    def _build(self) -> None:
        for slider in self.rows.values():
            slider.setParent(None)
            slider.deleteLater()
        self.rows = {}
        for place, dimension in enumerate(self.shown()):
            name = f"z{dimension + 1} · {float(self._kl[dimension]):.2f}" if len(self._kl) else f"z{dimension + 1}"
            slider = NumberSlider(name, -REACH, REACH, 0.0, 0.05, 1, "σ", 0.0)
            slider.set_histogram(self._histograms.get(dimension))
            slider.set_value(self._amounts.get(dimension, 0.0))
            slider.value_changed.connect(lambda v, f, d=dimension: self.moved.emit(d, v, f))
            self.body.insertWidget(place, slider)
            self.rows[dimension] = slider
        self.more.setVisible(self._shown < len(self._order))


def said(word: str) -> str:
    """A word of a model's card in the person's language, where the language knows it."""
    return QCoreApplication.translate("Card", word)

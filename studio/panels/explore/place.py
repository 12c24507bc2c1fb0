"""Where in latent space: the latent map, the seed, and the space in which seeds blend."""

from __future__ import annotations

import random

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.project.latents import Latent, MapPoint, Seed
from studio.project.names import seed_at
from studio.widgets.chips import ChipRow
from studio.widgets.latentmap import LatentMap
from studio.widgets.parts import icon_button
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider

SEED_LIMIT = 2**32 - 1


def place_of(latent: Latent) -> tuple[float, float] | None:
    """Where a latent lies on the plane of seeds; None for what is not on it."""
    if isinstance(latent, MapPoint):
        return latent.x, latent.y
    if isinstance(latent, Seed):
        return float(latent.seed % 100), float(latent.seed // 100)
    return None


def seed_of(latent: Latent) -> int | None:
    """The one seed that a latent stands for; None for blends and stored codes."""
    if isinstance(latent, Seed):
        return latent.seed
    if isinstance(latent, MapPoint) and latent.x == round(latent.x) and latent.y == round(latent.y):
        return seed_at(round(latent.x), round(latent.y))
    return None


class PlaceSection(Section):
    """The latent map with the seed below it."""

    went = Signal(object, str, str, bool)
    """``(latent, text, drag, final)``."""
    space_chosen = Signal(str)
    side_by_side = Signal(bool)
    tiles_needed = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Latent map"), self.tr("drag · wheel zooms"), parent=parent)
        self.map = LatentMap()
        self.map.setFixedHeight(196)
        self.seed = NumberSlider(
            self.tr("Seed"),
            0,
            SEED_LIMIT,
            1,
            1,
            0,
            per_pixel=0.25,
            tip=self.tr("The number of a picture. The same number gives the same picture everywhere."),
        )
        self.dice = icon_button("dice", self.tr("Somewhere else"), self.roll, framed=True)
        self.space = ChipRow([("z", "z"), ("w", "w")], name=self.tr("Space of the blend"))
        self.space.setToolTip(
            self.tr("Where pictures blend. w: straight, smooth and plain. z: along the shape of the training data.")
        )
        self.both = icon_button("side-by-side", self.tr("z and w side by side"), checkable=True, framed=True)
        self.add(self.map)
        self.add_row(self.seed, self.dice, self.space, self.both)
        self.seed.value_changed.connect(lambda v, f: self.went.emit(Seed(seed=int(v)), self.tr("Seed"), "seed", f))
        self.map.moved.connect(self._moved)
        self.map.tiles_needed.connect(self.tiles_needed)
        self.space.changed.connect(self.space_chosen)
        self.both.toggled.connect(self.side_by_side)

    def roll(self) -> None:
        """A seed from anywhere that is easy to say."""
        self.went.emit(Seed(seed=random.randrange(10_000)), self.tr("Somewhere else"), "", True)

    def show_place(self, latent: Latent, space: str, both: bool) -> None:
        """Show where we are (silently)."""
        place = place_of(latent)
        if place is not None:
            self.map.set_position(*place)
        seed = seed_of(latent)
        if seed is not None:
            self.seed.set_value(seed)
        elif place is not None:
            self.seed.set_value(seed_at(round(place[0]), round(place[1])))
        self.space.set_current(space)
        if self.both.isChecked() != both:
            self.both.blockSignals(True)
            self.both.setChecked(both)
            self.both.blockSignals(False)

    def _moved(self, x: float, y: float, final: bool) -> None:
        latent: Latent = MapPoint(x=x, y=y)
        if x == round(x) and y == round(y):
            latent = Seed(seed=seed_at(round(x), round(y)))
        self.went.emit(latent, self.tr("Move on the map"), "map", final)

"""The Morph panel: puts its sections together and makes requests from the session."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.panels.base import Action, Studio
from studio.panels.morph.framing import FrameSection
from studio.panels.morph.sampling import Sampling, SamplingSection
from studio.panels.morph.space import REACH, DimensionsSection, SpaceSection, said
from studio.panels.morph.spacing import Spacing
from studio.panels.morph.tray import TrayBoard, Traying, mapped_state
from studio.panels.parts.blending import drawn_seed, pad_latent, tempered, with_draw
from studio.panels.parts.directions import DirectionsSection
from studio.panels.parts.keeping import Kept
from studio.panels.parts.latent import LatentPanel
from studio.panels.parts.pad import PadBoard
from studio.panels.parts.walk import WalkSection
from studio.project.latents import Blend, DataPoint, Direct, Direction, Latent, Look, Push, Seed, Stored, Walk
from studio.project.morph import Encode, LatentSpace
from studio.project.names import describe
from studio.project.requests import Render
from studio.project.session import MorphState, Pad, Piles, Session
from studio.widgets.parts import ElidedLabel, label
from studio.widgets.section import Inspector
from studio.widgets.squarebox import SquareBox

CORNERS = (30, 4, 22, 17)
"""Examples that a new pad begins with: four that differ in colour, hair and mood, none with glasses to begin with."""
BEGIN = 0.2
"""Where its point stands: near the first, so that the first picture is clear and already a morph."""
FEW = 9
"""Attributes that are shown at once; the others wait behind a button."""


class MorphPanel(LatentPanel):
    """Pad, timeline and tray beside the canvas; attributes, draws and the latent space at the right."""

    name = "morph"
    state_field = "morph"
    model_role = "autoencoder"

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        attributes = DirectionsSection(
            self.tr("Attributes"),
            reach=REACH,
            elsewhere=frozenset({"axis"}),
            few=FEW,
            invitation=self.tr("This model came without attributes. Make your own from examples below, or find some."),
        )
        walk = WalkSection(lifted=True)
        super().__init__(studio, attributes, walk, PadBoard(), parent)
        self._shown: MorphState | None = None
        self._compared: UInt8Image | None = None
        self._fresh: MorphState | None = None
        """The state that everything beside the picture was brought to."""
        walk.noise_loop.hide()
        walk.set_title(self.tr("Timeline settings"))
        walk.set_open(False)
        self.clean = QCheckBox(self.tr("Change one thing alone"))
        self.clean.setToolTip(
            self.tr("Leaves out of every attribute what it shares with the others: glasses without a beard, say.")
        )
        self.clean.clicked.connect(self._set_clean)
        attributes.body.insertWidget(0, self.clean)
        self.frame_section = FrameSection()
        self.traying = Traying(self, TrayBoard(), self.frame_section)
        self.sampling = Sampling(self, SamplingSection())
        self.spacing = Spacing(self, SpaceSection(), DimensionsSection())
        self.roles = [*self.roles, self.traying, self.sampling, self.spacing]
        self.note = label("", "dim", wrap=True)
        self.stage = self._build_stage()
        inspector = Inspector(self.title, self.description)
        self.inspector = inspector
        for part in (
            self.models,
            self.note,
            self.frame_section,
            attributes,
            self.piling.section,
            self.sampling.section,
            self.spacing.section,
            self.spacing.dimensions,
            walk,
        ):
            inspector.add(part)
        self.piling.section.set_title(self.tr("Make an attribute"))
        self.piling.made.connect(lambda _: self.spacing.show())
        self.sampling.section.draw_chosen.connect(self.set_draw)
        self._show(self.state)

    def _build_stage(self) -> QWidget:
        board = QWidget()
        board.setMinimumWidth(340)
        column = QVBoxLayout(board)
        column.setContentsMargins(16, 12, 16, 10)
        column.setSpacing(6)
        hint = ElidedLabel(self.tr("drop a picture on a corner, drag the point"), "dim")
        column.addLayout(_head(label(self.tr("Pad"), "title"), hint, self.padding.board.tools))
        column.addWidget(SquareBox(self.padding.board.pad, least=150), 1)
        timeline_hint = ElidedLabel("", "dim")
        self.walking.section.hint_changed.connect(timeline_hint.setText)
        column.addLayout(_head(label(self.tr("Timeline"), "title"), timeline_hint, self.walking.section.transport))
        column.addWidget(self.walking.section.timeline)
        column.addWidget(self.traying.board)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.canvas)
        split.addWidget(board)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        split.setSizes([520, 480])
        return split

    # What the model is ---------------------------------------------------------------------------------------

    @property
    def data_count(self) -> int:
        """How many encoded pictures came with the model."""
        return int(self.card.hyper.get("data_count", 0)) if self.card is not None else 0

    @property
    def spatial(self) -> bool:
        """Whether a latent is a grid of codes (Stable Diffusion and the like), not one row of numbers."""
        return bool(self.card is not None and self.card.hyper.get("spatial"))

    def _attributes(self) -> list[dict[str, Any]]:
        return list(self.card.hyper.get("attributes") or []) if self.card is not None else []

    def attribute_titles(self) -> dict[str, str]:
        """What the model's attributes are called, by their names."""
        return {
            str(a.get("name", "")): said(str(a.get("title") or str(a.get("name", "")).capitalize()))
            for a in self._attributes()
        }

    def first_directions(self) -> tuple[Push, ...]:
        """A slider for every attribute that came with the model."""
        titles = list(self.attribute_titles().values())
        return tuple(Push(direction=Direction(kind="attribute", index=i), name=title) for i, title in enumerate(titles))

    def _first(self) -> dict[str, Any]:
        """What a new session begins with: examples on the pad, so that the first drag already does something."""
        if self.card is None or self.spatial:
            return {"pad": Pad(), "latent": Direct(), "directions": ()}
        count = self.data_count
        corners: tuple[Latent, ...] = tuple(Seed(seed=i + 1) for i in range(len(CORNERS)))
        if count > max(CORNERS):
            corners = tuple(DataPoint(index=i) for i in CORNERS)
        elif count >= len(CORNERS):
            corners = tuple(DataPoint(index=i * count // len(CORNERS)) for i in range(len(CORNERS)))
        pad = Pad(corners=corners, x=BEGIN, y=BEGIN)
        return {"pad": pad, "latent": pad_latent(pad), "directions": self.first_directions()}

    def model_shown(self) -> None:
        self.pushing.section.set_layers(1)
        spatial = self.spatial
        for part in (self.sampling.section, self.spacing.section, self.spacing.dimensions):
            part.setVisible(not spatial)
        self.frame_section.large.setVisible(spatial)
        self.note.setText(
            self.tr(
                "This model keeps a grid of codes for each picture. Draws, dimensions and the map mean nothing there "
                "and rest; morphing and reconstructing work at large sizes."
            )
            if spatial
            else ""
        )
        self.note.setVisible(spatial)
        self.canvas.set_placeholder(
            self.tr("Drop two pictures on the tray, then drag the point between them")
            if spatial
            else self.tr("The first picture is on its way")
        )

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Morph")

    @property
    def description(self) -> str:
        return self.tr("Every point between two pictures is a picture.")

    def activate(self) -> None:
        super().activate()
        self._shown = None
        self.show_model(self.state.model)
        if not self._begin():
            self._follow(self.state)

    def _begin(self) -> bool:
        """Fill a session that was never touched; True when it was (and was followed)."""
        state: MorphState = self.state
        untouched = msgspec.structs.replace(state, model="") == MorphState()
        if untouched and self.card is not None:
            session = self.studio.document.session
            begun = msgspec.structs.replace(state, **self._first())
            self.studio.document.begin(msgspec.structs.replace(session, morph=begun))
            return begun != state
        return False

    def session_changed(self, before: Session, after: Session) -> None:
        if before.morph != after.morph or before is after:
            self._follow(after.morph)

    def models_changed(self) -> None:
        super().models_changed()
        if self.active:
            self._begin()

    def actions(self) -> Sequence[Action]:
        return (
            Action("morph.add", self.tr("Add pictures to the tray…"), self.traying.choose, "A", "plus"),
            Action(
                "morph.draw", self.tr("Draw something new"), self.draw, "D", "dice", enabled=lambda: not self.spatial
            ),
            *self.common_actions(),
            Action(
                "morph.clean",
                self.tr("Change one thing alone"),
                lambda: self._set_clean(not self.is_clean()),
                checked=self.is_clean,
            ),
            Action(
                "morph.sampled",
                self.tr("Pictures stand for a draw"),
                lambda: self.set_draw(not self.state.sampled),
                checked=lambda: bool(self.state.sampled),
            ),
            Action("morph.zero", self.tr("All attributes to 0"), self.reset_attributes, "0", "reset"),
        )

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        self.keeping.take([pixels], self.show_latent, title)
        return True

    def accept_request(self, request: msgspec.Struct) -> bool:
        if isinstance(request, Encode):
            if not self.fits(request.model):
                return False
            self.traying.bring_back(request)
            return True
        if isinstance(request, LatentSpace):
            if not self.fits(request.model):
                return False
            self.spacing.section.set_open(True)
            self.change(self.tr("Recall"), model=request.model, axis_x=request.axis_x, axis_y=request.axis_y)
            return True
        return super().accept_request(request)

    def latent_of_picture(self, kept: Kept) -> Latent | None:
        return self.traying.add(kept)

    def resolve(self, item: str) -> Latent | None:
        return self.traying.resolve(item)

    def random_latent(self) -> Latent:
        if self.data_count:
            return DataPoint(index=random.randrange(self.data_count))
        return tempered(random.randrange(10_000), self.state.temperature)

    # Session to controls to request --------------------------------------------------------------------------

    def bare_look(self) -> Look:
        look: Look = msgspec.structs.replace(self.state.look, pushes=())
        return look

    def render_of(self, latent: Latent) -> Render:
        """The request of a latent alone."""
        return Render(model=self.sha, precision=self.precision, latent=latent, look=self.bare_look())

    def request(self) -> Render | None:
        if self.spatial and isinstance(self.state.latent, Direct):
            return None
        return super().request()

    def caption(self) -> str:
        state: MorphState = self.state
        pad, latent = state.pad, state.latent
        kind = self.tr("sampled") if state.sampled else "μ"
        seed = drawn_seed(latent)
        if len(pad.corners) >= 2 and latent == pad_latent(pad):
            curve = self.tr("arc") if pad.curve == "slerp" else self.tr("straight")
            text = self.tr("morph of %1 pictures").replace("%1", str(len(pad.corners))) + f" · {curve} · {kind}"
        elif seed is not None and isinstance(latent, Blend):
            temperature = f"{latent.parts[0].weight:.2f}"
            text = self.tr("draw %1 · temperature %2").replace("%1", str(seed)).replace("%2", temperature)
        elif isinstance(latent, Blend) and any(isinstance(part.latent, Stored) for part in latent.parts[1:]):
            text = self.tr("moved on the map from %1").replace("%1", describe(latent.parts[0].latent, self.tr))
        else:
            text = describe(latent, self.tr)
        pushed = [p for p in state.directions if p.amount]
        names = ", ".join(f"{p.name} {p.amount:+.1f}".replace("-", "−") for p in pushed[:3])
        more = " …" if len(pushed) > 3 else ""
        return f"{text} · {names}{more}" if names else text

    def _show(self, state: MorphState) -> None:
        """Bring the controls to the session's values, silently; what is slow waits for the end of a gesture."""
        before, self._shown = self._shown, state
        self.show_model(state.model)
        if before is None or before.directions != state.directions:
            self.pushing.section.set_pushes(state.directions)
            self.clean.setChecked(self.is_clean())
            self.clean.setVisible(bool(self._cleanable()))
        self.sampling.section.temperature.set_value(state.temperature)
        self.sampling.section.show_draw(state.sampled)
        self.padding.pad.set_point(state.pad.x, state.pad.y)

    def _follow(self, state: MorphState) -> None:
        """Controls, then the picture, then (not while a gesture goes on) all that is beside it."""
        self._show(state)
        self._ask()
        if self._settled:
            self._refresh()

    def _refresh(self) -> None:
        self._fresh = self.state
        self.padding.show()
        self.walking.show()
        self.traying.show()
        self.sampling.show()
        self.spacing.show()
        self.piling.show()
        self.piling.want()
        self.show_compare()

    def settled(self) -> None:
        # While the hand is still moving the picture comes first; tiles and thumbnails would slow it down.
        if self._fresh is not self.state:
            self._refresh()

    def _ask(self) -> None:
        request = self.request()
        if self.picture is None or self.picture[1] != request:
            self.walking.stop()
        self.ask_picture()
        if self._settled:
            self.pushing.ask_strip()

    def show_image(self, image: UInt8Image, caption: str = "", *, natural: bool = False) -> None:
        """Show a picture; ``natural``: in the frame of its own size."""
        if natural:
            self.canvas.set_image(image)
            self.canvas.set_caption(caption or self.caption())
        else:
            super().show_image(image, caption)

    def show_compare(self) -> None:
        """The picture that the canvas' picture was encoded from stands beside it, to compare."""
        image = self.traying.picture_of(self.state.latent)
        if image is not self._compared:
            self._compared = image
            self.canvas.set_compare(image, self.tr("picture"), self.tr("reconstruction"))

    # What the hand does --------------------------------------------------------------------------------------

    def show_latent(self, latent: Latent) -> None:
        """A picture, a draw or a dot comes onto the canvas."""
        self.go(latent, self.tr("Show the picture"))

    def draw(self) -> None:
        """Something that nobody has seen."""
        self.show_latent(tempered(random.randrange(10_000), self.state.temperature))

    def mapped(self, change: Callable[[Latent], Latent]) -> dict[str, Any]:
        """The changed fields when every latent of the session is replaced by ``change``."""
        return mapped_state(self.state, change)

    def set_draw(self, sampled: bool, seed: int | None = None) -> None:
        """Pictures stand for a draw (of ``seed``) or for their mean, everywhere."""
        chosen = self.state.seed if seed is None else seed
        fields = self.mapped(lambda latent: with_draw(latent, chosen if sampled else None))
        text = self.tr("Pictures stand for a draw") if sampled else self.tr("Pictures stand for their mean")
        self.change(text, sampled=sampled, seed=chosen, **fields)

    def _cleanable(self) -> list[Push]:
        return [p for p in self.state.directions if p.direction.kind in ("attribute", "stored")]

    def is_clean(self) -> bool:
        """Whether attributes leave out what they share."""
        pushes = self._cleanable()
        return bool(pushes) and all(p.direction.clean for p in pushes)

    def _set_clean(self, on: bool) -> None:
        directions = tuple(
            msgspec.structs.replace(p, direction=msgspec.structs.replace(p.direction, clean=bool(on)))
            if p.direction.kind in ("attribute", "stored")
            else p
            for p in self.state.directions
        )
        self.change(self.tr("Change one thing alone"), directions=directions)

    def reset_attributes(self) -> None:
        """Every slider back to 0."""
        directions = tuple(
            msgspec.structs.replace(p, amount=0.0) for p in self.state.directions if p.direction.kind != "axis"
        )
        self.change(self.tr("All attributes to 0"), directions=directions)

    def use_model(self, sha: str) -> None:
        state: MorphState = self.state
        # A picture means itself to every encoder; examples and stored codes belong to the model they came from.
        self.show_model(sha)
        fresh = self._first()
        corners = tuple(c for c in state.pad.corners if _own(c))
        if len(corners) >= 2:
            fresh["pad"] = Pad(corners=corners, curve=state.pad.curve)
            fresh["latent"] = pad_latent(fresh["pad"])
        if _own(state.latent) and not isinstance(state.latent, Direct):
            fresh["latent"] = state.latent
        keys = tuple(key for key in state.walk.keys if _own(key.latent))
        walk: Walk = msgspec.structs.replace(state.walk, keys=keys)
        self.change(self.tr("Choose model"), model=sha, walk=walk, piles=Piles(), axis_x=0, axis_y=1, **fresh)


def _own(latent: Latent) -> bool:
    """Whether a latent means something to every autoencoder."""
    if isinstance(latent, Blend):
        return all(_own(part.latent) for part in latent.parts)
    return not isinstance(latent, Stored | DataPoint)


def _head(title: QWidget, hint: QWidget, tools: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    row.addWidget(title)
    row.addWidget(hint, 1)
    row.addWidget(tools)
    return row

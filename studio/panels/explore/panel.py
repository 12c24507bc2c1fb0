"""The Explore panel: puts its sections together and makes requests from the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.base.steps import Preview, UInt8Image
from studio.panels.base import Action, Studio
from studio.panels.explore.inverting import Inverting
from studio.panels.explore.photo import PhotoSection
from studio.panels.explore.place import PlaceSection, seed_of
from studio.panels.parts.blending import portable
from studio.panels.parts.directions import DirectionsSection
from studio.panels.parts.generator import TILE
from studio.panels.parts.keeping import Kept
from studio.panels.parts.latent import LatentPanel
from studio.panels.parts.pad import PadBoard
from studio.panels.parts.walk import WalkSection
from studio.project.latents import Direct, Latent, Look, MapPoint, Seed, Stored
from studio.project.names import describe
from studio.project.requests import Render, Tiles
from studio.project.session import ExploreState, Piles, Session
from studio.widgets.section import Inspector, Section


class ExplorePanel(LatentPanel):
    """Latent map, truncation, noise, attributes, directions, piles, walks, the pad, own photographs."""

    name = "explore"
    state_field = "explore"

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, DirectionsSection(), WalkSection(), PadBoard(stacked=True), parent)
        self._shown: ExploreState | None = None
        self._twin: Render | None = None
        self._map_look: tuple[str, Look] | None = None
        self._map_tiles: dict[int, list[tuple[int, int, int]]] = {}

        self.canvas.set_placeholder(self.tr("The first picture is on its way"))
        self.stage = QWidget()
        box = QVBoxLayout(self.stage)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.canvas)

        inspector = Inspector(self.title, self.description)
        self.inspector = inspector
        self.place = PlaceSection()
        self.inverting = Inverting(self, PhotoSection())
        self.roles = [*self.roles, self.inverting]
        self.pad = Section(self.tr("Pad"), self.tr("blend up to four pictures"), opened=False)
        self.pad.add(self.padding.board.pad)
        self.pad.add(self.padding.board.tools)
        self.pad.toggled.connect(lambda _: self.padding.show())
        self.padding.needed = self.pad.is_open
        for part in (
            self.models,
            self.place,
            self.labels,
            self.look,
            self.pushing.section,
            self.piling.section,
            self.pad,
            self.walking.section,
            self.inverting.section,
        ):
            inspector.add(part)

        self.place.went.connect(lambda latent, text, drag, final: self.edit(text, drag, final, latent=latent))
        self.place.space_chosen.connect(
            lambda s: self.change(self.tr("Space of the blend"), look=msgspec.structs.replace(self.state.look, space=s))
        )
        self.place.side_by_side.connect(lambda on: self.change(self.tr("z and w side by side"), compare_spaces=on))
        self.place.tiles_needed.connect(self._ask_map)
        self._show(self.state)

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Explore")

    @property
    def description(self) -> str:
        return self.tr("Wander through every picture this model can make.")

    def activate(self) -> None:
        super().activate()
        self._shown = None
        self._show(self.state)
        self._ask()

    def session_changed(self, before: Session, after: Session) -> None:
        if before.explore != after.explore:
            self._show(after.explore)
            self._ask()

    def actions(self) -> Sequence[Action]:
        pushing = self.pushing
        return (
            Action("explore.dice", self.tr("Somewhere else"), self.place.roll, "D", "dice"),
            *self.common_actions(),
            Action("explore.components", self.tr("Find principal components"), lambda: pushing.find("principal")),
            Action("explore.factors", self.tr("Find factors of the style weights"), lambda: pushing.find("factor")),
            Action("explore.photo", self.tr("Find a photograph in this model…"), self.inverting.choose, "", "portrait"),
            Action("explore.mix", self.tr("Use as a source in Mix"), self._to_mix, "M", "mix"),
            Action("explore.average", self.tr("Show the average picture"), self._go_average),
        )

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        self.inverting.take(pixels, title)
        if isinstance(self.inspector, Inspector):
            self.inspector.show_widget(self.inverting.section)
        return True

    def latent_of_picture(self, kept: Kept) -> Latent | None:
        self.studio.notify(
            self.tr(
                "This model cannot read photographs at once. Find it first with “Own photo”, then use what was found."
            )
        )
        return None

    # Session to controls to request --------------------------------------------------------------------------

    def caption(self) -> str:
        state: ExploreState = self.state
        space = self.tr("%1 space").replace("%1", state.look.space)
        return f"{describe(state.latent, self.tr)} · ψ {state.look.psi:.2f} · {space}"

    def model_shown(self) -> None:
        self.pushing.section.set_layers(len(self.layers))

    def _show(self, state: ExploreState) -> None:
        """Bring the controls to the session's values, silently; only what changed is touched."""
        before, self._shown = self._shown, state
        self.show_model(state.model)
        if before is None or (before.latent, before.look, before.compare_spaces) != (
            state.latent,
            state.look,
            state.compare_spaces,
        ):
            self.place.show_place(state.latent, state.look.space, state.compare_spaces)
            self.look.set_look(state.look)
            self.labels.set_look(state.look, seed_of(state.latent))
        if before is None or before.directions != state.directions:
            self.pushing.section.set_pushes(state.directions)
        if before is None or before.piles != state.piles:
            self.piling.show()
            self.piling.want()
        if self._settled and not self._refresh_map() and (before is None or before.walk != state.walk):
            self.walking.show()
        if self._settled:
            self.padding.show()

    def settled(self) -> None:
        # While the hand is still moving the picture comes first; the map and the keys would slow it down.
        self._refresh_map()
        self.padding.show()

    def _refresh_map(self) -> bool:
        """Another look: draw the map and the keys anew.  True when it was another."""
        map_look = (self.sha, msgspec.structs.replace(self.look_now(), space="w"))
        fresh = map_look != self._map_look
        if fresh:
            self._map_look = map_look
            self.place.map.clear_tiles()
            self.walking.show()
        return fresh

    def _ask(self) -> None:
        """Everything that depends on the session: the picture, its twin, the film strip."""
        request = self.request()
        if self.picture is None or self.picture[1] != request:
            self.walking.stop()
        self.ask_picture()
        if request is not None and self.state.compare_spaces:
            other = "z" if request.look.space == "w" else "w"
            twin = msgspec.structs.replace(request, look=msgspec.structs.replace(request.look, space=other))
            if twin != self._twin:
                self._twin = twin
                self.live(twin, "twin")
        elif self._twin is not None:
            self._twin = None
            self.canvas.set_compare(None)
            self.canvas.set_mode("single")
        self.pushing.ask_strip()

    def _ask_map(self, tiles: list[tuple[int, int, int]]) -> None:
        # Before it is in front for the first time the window has not been painted: nothing slow may begin.
        if self.card is None or not tiles or not self.active:
            return
        latents = tuple(MapPoint(x=i * 2.0**level, y=j * 2.0**level) for i, j, level in tiles)
        look = msgspec.structs.replace(self.look_now(), space="w")
        request = Tiles(model=self.sha, precision=self.precision, latents=latents, looks=(look,), tile=TILE)
        job = self.live(request, "map")
        self._map_tiles = {at: kept for at, kept in self._map_tiles.items() if self.owns(at)}
        self._map_tiles[job] = list(tiles)

    def _map_tile(self, job: int, index: int, image: UInt8Image) -> None:
        tiles = self._map_tiles.get(job, [])
        if index < len(tiles):
            self.place.map.set_tile(*tiles[index], image)

    # What comes back -----------------------------------------------------------------------------------------

    def preview(self, job: int, preview: Preview) -> None:
        if self.key_of(job) == "map":
            self._map_tile(job, preview.index, preview.image)
        else:
            super().preview(job, preview)

    def result(self, job: int, request: Any, result: Any) -> None:
        key = self.key_of(job)
        if key == "map":
            for i, image in enumerate(result.images):
                self._map_tile(job, i, image)
        elif key == "twin":
            if self.state.compare_spaces:
                other = str(request.look.space)
                self.canvas.set_compare(result.image, other, "z" if other == "w" else "w")
                if self.canvas.mode() == "single":
                    self.canvas.set_mode("side")
        else:
            super().result(job, request, result)

    # Elsewhere -----------------------------------------------------------------------------------------------

    def use_model(self, sha: str) -> None:
        state: ExploreState = self.state
        # What was found or imported for one network means nothing in another; a seed means a picture everywhere.
        directions = tuple(p for p in state.directions if p.direction.kind != "stored")
        latent: Latent = Seed(seed=1) if isinstance(state.latent, Stored) else state.latent
        noise = msgspec.structs.replace(state.look.noise, layers=())
        look = msgspec.structs.replace(state.look, labels=(), cutoff=None, noise=noise)
        self.change(
            self.tr("Choose model"),
            model=sha,
            latent=latent,
            look=look,
            directions=directions,
            pad=msgspec.structs.replace(state.pad, corners=tuple(c for c in state.pad.corners if portable(c))),
            piles=Piles(),
        )

    def _to_mix(self) -> None:
        self.studio.show_panel("mix")
        self.studio.run_action("mix.current")

    def _go_average(self) -> None:
        self.change(self.tr("Average picture"), latent=Direct())

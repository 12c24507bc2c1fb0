"""The Explore panel: puts its sections together, makes requests from the session, shows what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, Progress, UInt8Image
from studio.engine.explore.walks import frame_count
from studio.panels.base import Action, Panel, Studio
from studio.panels.explore.directions import PICTURES, REACH, DirectionsSection
from studio.panels.explore.photo import PhotoSection
from studio.panels.explore.place import PlaceSection, seed_of
from studio.panels.explore.player import WalkPlayer
from studio.panels.explore.walk import WalkSection
from studio.panels.parts.labels import LabelControls
from studio.panels.parts.look import LookControls
from studio.panels.parts.models import ModelChooser, layers_of, model_line
from studio.project.latents import Key, Latent, Look, MapPoint, Push, Seed, Stored, Walk
from studio.project.names import describe
from studio.project.requests import (
    FilmStrip,
    FindDirections,
    Invert,
    PathLength,
    Precision,
    Render,
    Tiles,
    WalkFrames,
)
from studio.project.session import Bookmark, ExploreState, Session
from studio.widgets.canvas import Canvas
from studio.widgets.section import Inspector

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

TILE = 64
PREVIEW = 512
"""Walks of larger networks are played at the largest own size up to this."""


def look_of(state: ExploreState) -> Look:
    """The look with the directions that stand at something."""
    return msgspec.structs.replace(state.look, pushes=tuple(p for p in state.directions if p.amount))


def same_push(a: Push, b: Push) -> bool:
    """Whether two pushes are the same slider."""
    return (a.direction, a.first, a.last) == (b.direction, b.first, b.last)


class ExplorePanel(Panel):
    """Latent map, truncation, noise, attributes, directions, walks, own photographs."""

    name = "explore"
    state_field = "explore"

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self._card: ModelCard | None = None
        self._picture: tuple[UInt8Image, Render] | None = None
        self._jobs_of: dict[str, int] = {}
        self._map_tiles: list[tuple[int, int, int]] = []
        self._thumbnails: dict[tuple[str, Look, Latent], UInt8Image] = {}
        self._photo: tuple[str, str] | None = None
        self._losses: dict[str, list[tuple[int, float]]] = {}
        self._settled = True

        self.canvas = Canvas()
        self.canvas.set_placeholder(self.tr("The first picture is on its way"))
        self.stage = QWidget()
        box = QVBoxLayout(self.stage)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.canvas)

        inspector = Inspector(self.title, self.description)
        self.inspector = inspector
        self.models = ModelChooser()
        self.place = PlaceSection()
        self.look = LookControls()
        self.labels = LabelControls()
        self.directions = DirectionsSection()
        self.walk = WalkSection()
        self.photo = PhotoSection()
        for section in (self.models, self.place, self.labels, self.look, self.directions, self.walk, self.photo):
            inspector.add(section)

        self.player = WalkPlayer(self)
        self._connect()
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
        self._show(self.state)
        self._ask()

    def deactivate(self) -> None:
        super().deactivate()
        self.player.stop()

    def session_changed(self, before: Session, after: Session) -> None:
        if before.explore != after.explore:
            self._show(after.explore)
            self._ask()

    def actions(self) -> Sequence[Action]:
        return (
            Action("explore.dice", self.tr("Somewhere else"), self.place.roll, "D", "dice"),
            Action("explore.key", self.tr("Add a key to the walk"), self._add_key, "K", "film"),
            Action("explore.play", self.tr("Play the walk"), self._toggle_play, "P", "play", enabled=self._can_walk),
            Action("explore.render", self.tr("Render the walk…"), self._render_walk, "", "film", enabled=self._can_walk),
            Action("explore.components", self.tr("Find principal components"), lambda: self._find("principal")),
            Action("explore.factors", self.tr("Find factors of the style weights"), lambda: self._find("factor")),
            Action("explore.photo", self.tr("Find a photograph in this model…"), self._choose_photo, "", "portrait"),
            Action("explore.bookmark", self.tr("Bookmark this place"), self._bookmark, "B", "bookmark"),
            Action("explore.mix", self.tr("Use as a source in Mix"), self._to_mix, "M", "mix"),
            Action("explore.average", self.tr("Show the average picture"), self._go_average),
        )

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        return self._picture

    def model_line(self) -> str:
        return model_line(self._card)

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        asset = self.studio.assets.put_image(pixels)
        self._photo = (asset, title)
        self.photo.set_picture(pixels, title)
        inspector = self.inspector
        if isinstance(inspector, Inspector):
            inspector.show_widget(self.photo)
        return True

    def accept_request(self, request: msgspec.Struct) -> bool:
        model = getattr(request, "model", self.state.model)
        if isinstance(request, Render | FilmStrip):
            return self._restore(model, request.latent, request.look)
        if isinstance(request, WalkFrames):
            latent = request.walk.keys[0].latent if request.walk.keys else self.state.latent
            return self._restore(model, latent, request.look, walk=request.walk)
        return False

    def accept_bookmark(self, bookmark: Bookmark) -> bool:
        return self._restore(bookmark.model or self.state.model, bookmark.latent, bookmark.look)

    def accept_directions(self, path: Path) -> bool:
        self._jobs_of["import"] = self.call(_reader(path), self.tr("Reading directions"), "import")
        return True

    def accept_model(self, card: ModelCard) -> bool:
        if card.role != "generator":
            return False
        if card.sha256 != (self._card.sha256 if self._card else ""):
            self._use_model(card.sha256)
        return True

    # Controls ------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.models.chosen.connect(self._use_model)
        self.models.wanted.connect(self.studio.open_model_dialog)
        self.place.went.connect(
            lambda latent, text, drag, final: self._change(text, drag, final, latent=latent)
        )
        self.place.space_chosen.connect(
            lambda space: self.change(
                self.tr("Space of the blend"), look=msgspec.structs.replace(self.state.look, space=space)
            )
        )
        self.place.side_by_side.connect(lambda on: self.change(self.tr("z and w side by side"), compare_spaces=on))
        self.place.tiles_needed.connect(self._ask_map)
        self.look.edited.connect(lambda look, text, drag, final: self._change(text, drag, final, look=look))
        self.labels.edited.connect(lambda look, text, drag, final: self._change(text, drag, final, look=look))
        self.directions.changed.connect(
            lambda pushes, text, drag, final: self._change(text, drag, final, directions=pushes)
        )
        self.directions.find.connect(self._find)
        self.directions.import_wanted.connect(self._import_directions)
        self.directions.strip_needed.connect(lambda _: self._ask_strip())
        self.directions.range_wanted.connect(self._suggest)
        self.walk.changed.connect(lambda walk, text, drag, final: self._change(text, drag, final, walk=walk))
        self.walk.key_wanted.connect(self._add_key)
        self.walk.visited.connect(lambda latent: self.change(self.tr("Go to the key"), latent=latent))
        self.walk.play.connect(self._play)
        self.walk.scrubbed.connect(self._scrub)
        self.walk.render.connect(self._render_walk)
        self.walk.measure.connect(self._measure)
        self.photo.wanted.connect(self._choose_photo)
        self.photo.dropped.connect(self._drop_photo)
        self.photo.start.connect(self._invert)
        self.photo.cancel.connect(lambda: self.studio.worker.cancel(self._jobs_of.get("invert", -1)))
        self.photo.editability_changed.connect(self._editability)
        self.player.shown.connect(self._show_frame)
        self.player.playing_changed.connect(self.walk.set_playing)

    def _change(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        self._settled = final
        self.change(text, drag=drag or None, final=final, **changes)
        if final:
            # A drag that ends where the picture already stands brings no new request: it is a result now.
            self._keep_result()

    def _show(self, state: ExploreState) -> None:
        """Bring every control to the session's values, silently."""
        card = self.studio.card(state.model)
        if card is not self._card:
            self._card = card
            layers = layers_of(card)
            hyper = card.hyper if card else {}
            self.look.set_layers(layers, has_noise=bool(card) and str(card.architecture) == "stylegan2" if card else False)
            self.labels.set_model(
                card.label_names if card else [], card.label_groups if card else [], int(hyper.get("c_dim", 0))
            )
            self.directions.set_layers(len(layers))
            self._thumbnails.clear()
            self.studio.picture_changed(self)
        missing = next((m.name for m in self.studio.document.session.models if m.sha256 == state.model), "")
        self.models.set_models(
            self.studio.generators(), card.sha256 if card else state.model, missing or self.tr("Model")
        )
        self.place.show_place(state.latent, state.look.space, state.compare_spaces)
        self.look.set_look(state.look)
        self.labels.set_look(state.look, seed_of(state.latent))
        self.directions.set_pushes(state.directions)
        self.walk.show_walk(
            state.walk, {k.latent: t for k in state.walk.keys if (t := self._thumbnail(k.latent)) is not None}
        )
        map_look = msgspec.structs.replace(look_of(state), space="w")
        if map_look != getattr(self, "_map_look", None):
            self._map_look = map_look
            self.place.map.clear_tiles()

    # Asking for pictures -------------------------------------------------------------------------------------

    @property
    def _sha(self) -> str:
        return self._card.sha256 if self._card else self.state.model

    def _precision(self) -> Precision:
        return "exact" if self.studio.precision == "exact" else "fast"

    def _request(self, **changes: Any) -> Render:
        state: ExploreState = self.state
        made = Render(model=self._sha, precision=self._precision(), latent=state.latent, look=look_of(state))
        return msgspec.structs.replace(made, **changes)

    def _ask(self) -> None:
        """Everything that depends on the session: the picture, its twin, the strip, the keys."""
        if self._card is None:
            self.canvas_text(self.tr("This project's model is not here. Choose another, or relink it in the Library."))
            return
        request = self._request()
        if self._picture is None or self._picture[1] != request:
            self.player.stop()
            self._jobs_of["picture"] = self.live(request, "picture")
        if self.state.compare_spaces:
            other = "z" if request.look.space == "w" else "w"
            twin = msgspec.structs.replace(request, look=msgspec.structs.replace(request.look, space=other))
            self._jobs_of["twin"] = self.live(twin, "twin")
        elif self._jobs_of.pop("twin", None) is not None and self.canvas is not None:
            self.canvas.set_compare(None)
            self.canvas.set_mode("single")
        self._ask_keys()
        self._ask_strip()

    def canvas_text(self, text: str) -> None:
        """An empty canvas with a sentence."""
        if self.canvas is not None:
            self.canvas.set_image(None)
            self.canvas.set_placeholder(text)

    def _ask_map(self, tiles: list[tuple[int, int, int]]) -> None:
        if self._card is None or not tiles:
            return
        self._map_tiles = list(tiles)
        latents = tuple(MapPoint(x=i * 2.0**level, y=j * 2.0**level) for i, j, level in tiles)
        look = msgspec.structs.replace(look_of(self.state), space="w")
        self._jobs_of["map"] = self.live(
            Tiles(model=self._sha, precision=self._precision(), latents=latents, looks=(look,), tile=TILE), "map"
        )

    def _ask_keys(self) -> None:
        missing = tuple(k.latent for k in self.state.walk.keys if self._thumbnail(k.latent) is None)
        if missing:
            self._jobs_of["keys"] = self.live(
                Tiles(
                    model=self._sha, precision=self._precision(), latents=missing, looks=(look_of(self.state),), tile=TILE
                ),
                "keys",
            )

    def _ask_strip(self) -> None:
        at = self.directions.current
        if self._card is None or not 0 <= at < len(self.state.directions):
            return
        push: Push = self.state.directions[at]
        look = look_of(self.state)
        others = tuple(p for p in look.pushes if not same_push(p, push))
        self._jobs_of["strip"] = self.live(
            FilmStrip(
                model=self._sha,
                precision=self._precision(),
                latent=self.state.latent,
                look=msgspec.structs.replace(look, pushes=others),
                direction=push.direction,
                first=push.first,
                last=push.last,
                reach=REACH,
                count=PICTURES,
                tile=TILE,
            ),
            "strip",
        )

    def _thumbnail(self, latent: Latent) -> UInt8Image | None:
        return self._thumbnails.get((self._sha, look_of(self.state), latent))

    # What comes back -----------------------------------------------------------------------------------------

    def _is(self, what: str, job: int) -> bool:
        return self._jobs_of.get(what) == job

    def preview(self, job: int, preview: Preview) -> None:
        if self._is("picture", job):
            if not self.player.playing:
                self._on_canvas(preview.image)
        elif self._is("map", job) and preview.index < len(self._map_tiles):
            self.place.map.set_tile(*self._map_tiles[preview.index], preview.image)
        elif self._is("strip", job):
            self.directions.set_strip_picture(preview.index, preview.image)
        elif self._is("frames", job):
            self.player.put(preview.index, preview.image)
        elif self._is("invert", job):
            self._on_canvas(preview.image)
        elif self._is("film", job):
            self._on_canvas(preview.image)

    def progress(self, job: int, progress: Progress) -> None:
        pass  # The job strip and the status bar show it.

    def loss(self, job: int, loss: Loss) -> None:
        if self._is("invert", job):
            self.photo.plot.add(loss.step, loss.values)

    def result(self, job: int, request: Any, result: Any) -> None:
        if isinstance(request, Render):
            self._rendered(job, request, result)
        elif self._is("keys", job):
            for latent, image in zip(request.latents, result.images, strict=True):
                self._thumbnails[self._sha, request.looks[0], latent] = image
            self._show(self.state)
        elif self._is("map", job):
            for tile, image in zip(self._map_tiles, result.images, strict=False):
                self.place.map.set_tile(*tile, image)
        elif self._is("strip", job):
            for i, image in enumerate(result.images):
                self.directions.set_strip_picture(i, image)
            self._suggested(request, result)
        elif self._is("find", job):
            self.change(
                self.tr("Find directions"), directions=self.directions.found(result.method, len(result.vectors))
            )
        elif self._is("import", job):
            asset, names = result
            self.change(self.tr("Import directions"), directions=self.directions.imported(asset, names))
        elif self._is("invert", job):
            self._inverted(request, result)
        elif self._is("length", job):
            self._measured(result)
        elif self._is("film", job):
            self.studio.notify(self.tr("Saved %1").replace("%1", Path(result).name), good=True)

    def failed(self, job: int, request: Any, error: StudioError) -> None:
        if self._is("invert", job):
            self.photo.set_running(False)
        if self._is("frames", job):
            self.player.stop()
        super().failed(job, request, error)

    def stopped(self, job: int) -> None:
        if self._is("invert", job):
            self.photo.set_running(False)
            self._picture = None
            self._ask()

    def _rendered(self, job: int, request: Render, result: Any) -> None:
        if self._is("twin", job) and self.canvas is not None:
            now = request.look.space
            other = "z" if now == "w" else "w"
            self.canvas.set_compare(result.image, now, other)
            if self.canvas.mode() == "single":
                self.canvas.set_mode("side")
            return
        if not self._is("picture", job):
            return
        self._picture = (result.image, request)
        if not self.player.playing:
            self._on_canvas(result.image)
        self.studio.picture_changed(self)
        if self._settled:
            self._keep_result()

    def _keep_result(self) -> None:
        """A settled picture is a result: into the history."""
        if self._picture is not None and self._picture[1] == self._request():
            image, request = self._picture
            self.studio.add_result(request, image, self._caption(), self.name)

    def _on_canvas(self, image: UInt8Image) -> None:
        if self.canvas is None:
            return
        side = int(self._card.hyper.get("resolution", 0)) if self._card else 0
        self.canvas.set_image(image, (side, side) if side else None)
        self.canvas.set_caption(self._caption())

    def _caption(self) -> str:
        state: ExploreState = self.state
        space = self.tr("%1 space").replace("%1", state.look.space)
        return f"{describe(state.latent)} · ψ {state.look.psi:.2f} · {space}"

    # Directions ----------------------------------------------------------------------------------------------

    def _find(self, method: str) -> None:
        request = FindDirections(
            model=self._sha, precision=self._precision(), method="principal" if method == "principal" else "factor"
        )
        self._jobs_of["find"] = self.long(request, self.tr("Finding directions"), "find")

    def _import_directions(self) -> None:
        files = self.studio.choose_files(
            "directions", self.tr("Directions"), self.tr("Directions (*.pt *.pth *.npy *.safetensors)")
        )
        for path in files[:1]:
            self.accept_directions(path)

    def _suggest(self, index: int) -> None:
        self._suggest_for: Push | None = self.state.directions[index]
        if self.directions.current != index:
            self.directions._show(index)
        else:
            self._ask_strip()

    def _suggested(self, request: FilmStrip, result: Any) -> None:
        push = getattr(self, "_suggest_for", None)
        if push is None or push.direction != request.direction or "suggested" not in result.info:
            return
        self._suggest_for = None
        first, last = (int(x) for x in result.info["suggested"])
        pushes = tuple(
            msgspec.structs.replace(p, first=first, last=last) if same_push(p, push) else p
            for p in self.state.directions
        )
        self.change(self.tr("Suggested layers"), directions=pushes)

    # Walks ---------------------------------------------------------------------------------------------------

    def _can_walk(self) -> bool:
        return len(self.state.walk.keys) >= 2

    def _walk_request(self, size: int = 0) -> WalkFrames:
        return WalkFrames(
            model=self._sha, precision=self._precision(), walk=self.state.walk, look=look_of(self.state), size=size
        )

    def _preview_size(self) -> int:
        hyper = self._card.hyper if self._card else {}
        fitting = [s for s in hyper.get("low_resolutions", []) if s <= PREVIEW]
        return max(fitting) if int(hyper.get("resolution", 0)) > PREVIEW and fitting else 0

    def _add_key(self) -> None:
        walk: Walk = self.state.walk
        key = Key(latent=self.state.latent)
        if walk.keys:
            key = msgspec.structs.replace(walk.keys[-1], latent=self.state.latent, name="")
        self.change(self.tr("Add key"), walk=msgspec.structs.replace(walk, keys=(*walk.keys, key)))

    def _toggle_play(self) -> None:
        self._play(not self.player.playing)

    def _play(self, on: bool) -> None:
        if not on or not self._can_walk():
            self.player.stop()
            self.walk.set_playing(False)
            if self._picture is not None:
                self._on_canvas(self._picture[0])
            return
        self._load_walk()
        self.player.play()

    def _load_walk(self) -> None:
        request = self._walk_request(self._preview_size())
        if self.player.load(request):
            self._jobs_of["frames"] = self.live(request, "frames")

    def _scrub(self, frame: int) -> None:
        if not self._can_walk():
            return
        self.player.stop()
        self._load_walk()
        image = self.player.seek(frame)
        if image is not None:
            self._show_frame(frame, image)

    def _show_frame(self, frame: int, image: UInt8Image) -> None:
        self._on_canvas(image)
        self.walk.set_frame(frame)
        if self.canvas is not None:
            self.canvas.set_caption(
                self.tr("frame %1 of %2").replace("%1", str(frame + 1)).replace("%2", str(self.player.total))
            )

    def _render_walk(self) -> None:
        path = self.studio.choose_target(
            "film",
            self.tr("Render the walk"),
            self.tr("Films and pictures (*.mp4 *.webp *.gif *.png)"),
            "walk.webp",
        )
        if path is None:
            return
        title = self.tr("Rendering %1 (%2 frames)").replace("%1", path.name).replace("%2", str(frame_count(self.state.walk)))
        self._jobs_of["film"] = self.call(_filmer(self._walk_request(), path), title, "film")

    def _measure(self) -> None:
        request = PathLength(
            model=self._sha, precision=self._precision(), look=look_of(self.state), walk=self.state.walk
        )
        self._jobs_of["length"] = self.long(request, self.tr("Measuring path length"), "length")

    def _measured(self, result: Any) -> None:
        parts = [f"{name} {value:.3g}" for name, value in result.values.items()]
        features = result.info.get("features", "")
        text = " · ".join(parts)
        if features:
            text += "\n" + self.tr("measured with %1").replace("%1", str(features))
        self.walk.set_figures(text)

    # Own photograph ------------------------------------------------------------------------------------------

    def _choose_photo(self) -> None:
        files = self.studio.choose_files(
            "picture", self.tr("Choose a picture"), self.tr("Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.gif *.bmp)")
        )
        self._drop_photo(files)

    def _drop_photo(self, paths: object) -> None:
        if isinstance(paths, list | tuple) and paths:
            self.studio.load_picture(Path(str(paths[0])), self.accept_picture)

    def _inversion(self) -> Invert | None:
        if self._photo is None:
            return None
        return Invert(
            model=self._sha,
            precision="exact",
            picture=self._photo[0],
            space="w+" if self.photo.space.current() == "w+" else "w",
            editability=self.photo.editability.value(),
            steps=int(self.photo.steps.value()),
        )

    def _invert(self) -> None:
        request = self._inversion()
        if request is not None and self._photo is not None:
            title = self.tr("Finding %1").replace("%1", self._photo[1])
            self._jobs_of["invert"] = self.long(request, title, "invert")
            self.photo.set_running(True)

    def _editability(self, _value: float, final: bool) -> None:
        request = self._inversion()
        if self.photo.running and final and request is not None:
            self.studio.worker.update(self._jobs_of["invert"], request)

    def _inverted(self, request: Invert, result: Any) -> None:
        self.photo.set_running(False)
        psnr = result.info.get("psnr")
        if isinstance(psnr, int | float):
            self.photo.set_note(self.tr("Found at %1 dB. It is now the picture you explore.").replace("%1", f"{psnr:.1f}"))
        title = self._photo[1] if self._photo else self.tr("Photo")
        stored = Stored(asset=result.ws_asset, form="ws", name=title)
        look = msgspec.structs.replace(self.state.look, psi=1.0, cutoff=None, labels=())
        self.change(self.tr("Photo found"), latent=stored, look=look)

    # Elsewhere -----------------------------------------------------------------------------------------------

    def _use_model(self, sha: str) -> None:
        directions = tuple(p for p in self.state.directions if p.direction.kind != "stored")
        latent: Latent = self.state.latent
        if isinstance(latent, Stored):
            latent = Seed(seed=1)
        look = msgspec.structs.replace(
            self.state.look, labels=(), cutoff=None, noise=msgspec.structs.replace(self.state.look.noise, layers=())
        )
        self._picture = None
        self.change(self.tr("Choose model"), model=sha, latent=latent, look=look, directions=directions)

    def _restore(self, model: str, latent: Latent, look: Look, **more: Any) -> bool:
        state: ExploreState = self.state
        directions = tuple(
            next((q for q in look.pushes if same_push(p, q)), msgspec.structs.replace(p, amount=0.0))
            for p in state.directions
        )
        directions += tuple(q for q in look.pushes if not any(same_push(p, q) for p in state.directions))
        own = msgspec.structs.replace(look, pushes=())
        self.change(self.tr("Recall"), model=model, latent=latent, look=own, directions=directions, **more)
        return True

    def _bookmark(self) -> None:
        image = self._picture[0] if self._picture else None
        self.studio.add_bookmark(
            self.state.latent, look_of(self.state), self._sha, describe(self.state.latent), image
        )

    def _to_mix(self) -> None:
        self._bookmark_for_mix = Bookmark(
            id="", name=describe(self.state.latent), model=self._sha, latent=self.state.latent, look=look_of(self.state)
        )
        self.studio.run_action("mix.add_current")

    def _go_average(self) -> None:
        from studio.project.latents import Direct

        self.change(self.tr("Average picture"), latent=Direct())


def _reader(path: Path) -> Any:
    """Read a file of directions in the worker and keep it as an asset: ``(asset, names)``."""

    def read(ctx: Any) -> tuple[str, list[str]]:
        from studio.checkpoints.directions import read_directions

        found = read_directions(path)
        return ctx.assets.put_array(found.vectors), list(found.names)

    return read


def _filmer(request: WalkFrames, path: Path) -> Any:
    """Draw and write a walk in the worker."""

    def make(ctx: Any) -> Any:
        from studio.engine.explore.film import film

        return film(ctx, request, path)

    return make

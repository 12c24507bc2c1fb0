"""Playing, rendering and measuring a walk: the jobs behind the Walk section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.steps import Preview, UInt8Image
from studio.engine.explore.walks import frame_count
from studio.panels.parts.generator import TILE, Role
from studio.panels.parts.player import WalkPlayer
from studio.panels.parts.walk import WalkSection
from studio.project.latents import Key, Latent, Look, Walk
from studio.project.requests import PathLength, Tiles, WalkFrames

if TYPE_CHECKING:
    from studio.panels.parts.latent import LatentPanel

PLAYED = 512
"""Walks of larger networks are played at the network's own size up to this; they are rendered in full."""


def _filmer(request: WalkFrames, path: Path) -> Callable[[Any], Any]:
    def make(ctx: Any) -> Any:
        from studio.engine.explore.film import film

        return film(ctx, request, path)

    return make


class Walking(Role):
    """The walk of a panel."""

    keys = frozenset({"keys", "frames", "film", "length"})

    panel: LatentPanel

    def __init__(self, panel: LatentPanel, section: WalkSection) -> None:
        super().__init__(panel)
        self.section = section
        self.player = WalkPlayer(self)
        self._look: Callable[[], Look] = panel.look_now
        self._thumbnails: dict[tuple[str, Look, Latent], UInt8Image] = {}
        section.changed.connect(lambda walk, text, drag, final: panel.edit(text, drag, final, walk=walk))
        section.key_wanted.connect(lambda: self.add_key())
        section.key_asked.connect(lambda seconds: self._insert_key(seconds))
        section.visited.connect(lambda latent: panel.change(self.tr("Go to the key"), latent=latent))
        section.play.connect(self.play)
        section.scrubbed.connect(self._scrub)
        section.set_resolver(panel.resolve)
        section.dropped_at.connect(
            lambda seconds, things: panel.keeping.take(things, lambda latent: self._insert_key(seconds, latent))
        )
        section.render_asked.connect(self.render)
        section.measure.connect(self._measure)
        self.player.shown.connect(self._show_frame)
        self.player.playing_changed.connect(section.set_playing)

    @property
    def walk(self) -> Walk:
        """The session's walk."""
        walk: Walk = self.panel.state.walk
        return walk

    def possible(self) -> bool:
        """Whether there is a way to go: two keys."""
        return len(self.walk.keys) >= 2 and self.panel.card is not None

    def show(self) -> None:
        """Bring the section to the session's walk, and ask for what its timeline lacks."""
        look, sha = self._look(), self.panel.sha
        known = {
            key.latent: image
            for key in self.walk.keys
            if (image := self._thumbnails.get((sha, look, key.latent))) is not None
        }
        self.section.show_walk(self.walk, known)
        missing = tuple(dict.fromkeys(key.latent for key in self.walk.keys if key.latent not in known))
        if missing and self.panel.card is not None and self.panel.active:
            request = Tiles(model=sha, precision=self.panel.precision, latents=missing, looks=(look,), tile=TILE)
            self.panel.live(request, "keys")

    def add_key(self, latent: Latent | None = None) -> None:
        """A latent (the present picture) becomes the next key."""
        latent = self.panel.shown() if latent is None else latent
        if latent is None:
            return
        keys = self.walk.keys
        key = msgspec.structs.replace(keys[-1], latent=latent, name="") if keys else Key(latent=latent)
        self.panel.change(self.tr("Add key"), walk=msgspec.structs.replace(self.walk, keys=(*keys, key)))

    def _insert_key(self, seconds: float, latent: Latent | None = None) -> None:
        latent = self.panel.state.latent if latent is None else latent
        keys = list(self.walk.keys)
        at, start = 0, 0.0
        while at < len(keys) and start + keys[at].seconds <= seconds:
            start += keys[at].seconds
            at += 1
        if at >= len(keys):
            self.add_key(latent)
            return
        # The stretch is cut in two where the hand pointed; the whole lasts as long as before.
        before = max(0.1, round(seconds - start, 3))
        after = max(0.1, round(keys[at].seconds - before, 3))
        fresh = msgspec.structs.replace(keys[at], latent=latent, name="", seconds=after)
        keys[at] = msgspec.structs.replace(keys[at], seconds=before)
        keys.insert(at + 1, fresh)
        self.panel.change(self.tr("Add key"), walk=msgspec.structs.replace(self.walk, keys=tuple(keys)))

    def toggle(self) -> None:
        """Play or stop."""
        self.play(not self.player.playing)

    def play(self, on: bool) -> None:
        """Play from where it stands, or stop and go back to the picture."""
        if on and self.possible():
            self._load()
            self.player.play()
            return
        self.player.stop()
        self.section.set_playing(False)
        if self.panel.picture is not None:
            self.panel.show_image(self.panel.picture[0])

    def stop(self) -> None:
        """Stand still."""
        self.player.stop()

    def request(self, size: int = 0) -> WalkFrames:
        """All frames of the walk."""
        return WalkFrames(
            model=self.panel.sha, precision=self.panel.precision, walk=self.walk, look=self._look(), size=size
        )

    def render(self) -> None:
        """Write the walk into a file of the person's choice."""
        path = self.studio.choose_target(
            "film", self.tr("Render the walk"), self.tr("Films (*.mp4 *.webp *.gif *.png)"), "walk.webp"
        )
        if path is not None:
            title = self.tr("Rendering %1, %2 frames")
            title = title.replace("%1", path.name).replace("%2", str(frame_count(self.walk)))
            self.panel.call(_filmer(self.request(), path), title, "film")

    def _load(self) -> None:
        request = self.request(self.panel.own_size(PLAYED))
        if self.player.load(request):
            self.panel.live(request, "frames")
            if self.walk.speed == "even":
                # Frames come when the whole way has been measured; that takes seconds.
                self.panel.canvas.set_caption(self.tr("finding an even speed …"))

    def _scrub(self, frame: int) -> None:
        if self.possible():
            self.player.stop()
            self._load()
            image = self.player.seek(frame)
            if image is not None:
                self._show_frame(frame, image)

    def _show_frame(self, frame: int, image: UInt8Image) -> None:
        text = self.tr("frame %1 of %2")
        self.panel.show_image(image, text.replace("%1", str(frame + 1)).replace("%2", str(self.player.total)))
        self.section.set_frame(frame)

    def _measure(self) -> None:
        request = PathLength(model=self.panel.sha, precision=self.panel.precision, look=self._look(), walk=self.walk)
        self.panel.long(request, self.tr("Measuring path length"), "length")

    def preview(self, key: str, job: int, preview: Preview) -> None:
        if key == "frames":
            self.player.put(preview.index, preview.image)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "keys":
            for latent, image in zip(request.latents, result.images, strict=True):
                self._thumbnails[request.model, request.looks[0], latent] = image
            self.show()
        elif key == "film":
            self.studio.notify(self.tr("Saved %1").replace("%1", Path(result).name), good=True)
        elif key == "length":
            self.section.set_figures(self._figures(result))

    def ended(self, key: str, job: int) -> None:
        if key == "frames":
            self.player.stop()

    def _figures(self, result: Any) -> str:
        text = " · ".join(f"{name} {value:.4g}" for name, value in result.values.items())
        features = str(result.info.get("features", ""))
        return text + ("\n" + self.tr("measured with %1").replace("%1", features) if features else "")

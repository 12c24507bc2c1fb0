"""Bringing pictures from outside into the project: read, shrunk and kept beside the window, never in its thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.base.steps import UInt8Image
from studio.panels.parts.generator import Role
from studio.project.latents import Blend, DataPoint, Direct, Encoded, Latent, MapPoint, Mixed, Seed, Stored
from studio.project.requests import Render

if TYPE_CHECKING:
    from studio.panels.parts.latent import LatentPanel

KEPT = 2048
"""A photograph is kept with at most this many pixels on its longer side: more than any network draws."""
LATENTS = (Seed, MapPoint, Stored, Blend, Mixed, Direct, Encoded, DataPoint)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A picture of the project, small enough to look at, and the request that made it if it said so."""

    asset: str
    pixels: UInt8Image
    title: str
    request: Any = None


def keeper(thing: Path | UInt8Image, title: str) -> Callable[[Any], Kept]:
    """What reads and keeps a picture; writing a large one takes seconds."""

    def keep(ctx: Any) -> Kept:
        from studio.media.images import load_image, thumbnail
        from studio.project import recipes

        request = None
        if isinstance(thing, Path):
            image = load_image(thing)
            pixels = image.pixels
            text = image.text.get("latent-studio", "")
            if text:
                recipe = recipes.from_text(text)
                recipes.install(recipe, ctx.assets)
                request = recipe.request
        else:
            pixels = thing
        pixels = thumbnail(pixels, KEPT)
        return Kept(ctx.assets.put_image(pixels), pixels, title, request)

    return keep


class Keeping(Role):
    """Things that were dropped become latents of this panel's model, one after another."""

    keys = frozenset({"keep"})

    panel: LatentPanel

    def __init__(self, panel: LatentPanel) -> None:
        super().__init__(panel)
        self._then: dict[int, Callable[[Latent], object]] = {}

    def take(self, things: list[Any], then: Callable[[Latent], object], title: str = "") -> None:
        """Call ``then`` with the latent of each thing: a latent, a file, or a picture (which is called ``title``)."""
        for thing in things:
            if isinstance(thing, LATENTS):
                then(thing)
                continue
            name = thing.stem if isinstance(thing, Path) else title or self.tr("Picture")
            job = self.panel.call(keeper(thing, name), self.tr("Reading the picture"), "keep", "io")
            self._then[job] = then

    def result(self, key: str, job: int, request: Any, result: Kept) -> None:
        then = self._then.pop(job, None)
        if then is None:
            return
        made = result.request
        if isinstance(made, Render) and made.model == self.panel.sha:
            then(made.latent)
            return
        latent = self.panel.latent_of_picture(result)
        if latent is not None:
            then(latent)

    def ended(self, key: str, job: int) -> None:
        self._then.pop(job, None)

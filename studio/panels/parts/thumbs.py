"""Small pictures of latents, asked for once and shared by everything that shows them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal

from studio.base.steps import Preview, UInt8Image
from studio.panels.parts.generator import TILE, Role
from studio.project.latents import Latent, Look
from studio.project.requests import Tiles

if TYPE_CHECKING:
    from studio.panels.parts.latent import LatentPanel

BATCH = 64
KEEP = 2000
Key = tuple[str, Look, Latent]


class Thumbs(Role):
    """Pictures of latents in the panel's bare look (no directions pushed)."""

    keys = frozenset({"thumbs"})
    came = Signal()
    """Some of what was wanted is there now."""

    panel: LatentPanel

    def __init__(self, panel: LatentPanel) -> None:
        super().__init__(panel)
        self._have: OrderedDict[Key, UInt8Image] = OrderedDict()
        self._wanted: dict[str, tuple[Latent, ...]] = {}
        self._asked: dict[int, tuple[str, Look, tuple[Latent, ...]]] = {}
        self._failed: set[Key] = set()

    def get(self, latent: Latent) -> UInt8Image | None:
        """The picture of a latent, if it is there."""
        return self._have.get((self.panel.sha, self.panel.bare_look(), latent))

    def want(self, who: str, latents: Iterable[Latent]) -> None:
        """``who`` shows these from now on: ask for those that are missing."""
        wanted = tuple(dict.fromkeys(latents))
        if self._wanted.get(who) != wanted:
            self._wanted[who] = wanted
        self.ask()

    def ask(self) -> None:
        """Ask for what is missing now."""
        if self.panel.card is None or not self.panel.active:
            return
        sha, look = self.panel.sha, self.panel.bare_look()
        whole = dict.fromkeys(latent for latents in self._wanted.values() for latent in latents)
        missing = tuple(
            latent
            for latent in whole
            if (sha, look, latent) not in self._have and (sha, look, latent) not in self._failed
        )[:BATCH]
        if not missing or any(
            asked == (sha, look, missing) and self.panel.owns(job) for job, asked in self._asked.items()
        ):
            return
        request = Tiles(model=sha, precision=self.panel.precision, latents=missing, looks=(look,), tile=TILE)
        job = self.panel.live(request, "thumbs")
        self._asked = {at: asked for at, asked in self._asked.items() if self.panel.owns(at)}
        self._asked[job] = (sha, look, missing)

    def _put(self, job: int, index: int, image: UInt8Image) -> None:
        sha, look, latents = self._asked.get(job, ("", Look(), ()))
        if index < len(latents):
            self._have[sha, look, latents[index]] = image
            while len(self._have) > KEEP:
                self._have.popitem(last=False)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        self._put(job, preview.index, preview.image)
        self.came.emit()

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        for i, image in enumerate(result.images):
            self._put(job, i, image)
        self._asked.pop(job, None)
        self.came.emit()
        self.ask()

    def ended(self, key: str, job: int) -> None:
        # Not again and again: what failed is asked for anew only in another look or for another model.
        sha, look, latents = self._asked.pop(job, ("", Look(), ()))
        self._failed.update((sha, look, latent) for latent in latents)

"""Where the columns of the board come from: seeds, bookmarks, what Explore shows, dropped pictures, the mix itself."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QInputDialog, QMenu

from studio.base.steps import UInt8Image
from studio.panels.parts.generator import TILE, Role
from studio.panels.parts.latent import look_of
from studio.panels.parts.sources import with_source
from studio.project.latents import Latent, Look, Seed, Stored
from studio.project.names import describe
from studio.project.requests import ReadWs, Tiles

if TYPE_CHECKING:
    from studio.panels.mix.panel import MixPanel

SEEDS = 10_000
"""New seeds are below this: easy to say and to write down."""


def _alike(a: Look, b: Look) -> bool:
    """Whether two looks make the same picture of a latent (their noise apart)."""
    return msgspec.structs.replace(a, noise=b.noise) == b


class Sourcing(Role):
    """Adds sources and knows their thumbnails."""

    keys = frozenset({"read", "sources"})

    panel: MixPanel

    def __init__(self, panel: MixPanel) -> None:
        super().__init__(panel)
        self._names: dict[int, str] = {}
        self._thumbnails: dict[tuple[str, Look, Latent], UInt8Image] = {}

    def thumbnail(self, latent: Latent) -> UInt8Image | None:
        """The picture of a source alone, in the look of the board."""
        return self._thumbnails.get((self.panel.sha, self.panel.state.look, latent))

    def ask_thumbnails(self) -> None:
        """Ask for the thumbnails that are missing."""
        missing = tuple(dict.fromkeys(c.latent for c in self.panel.state.columns if self.thumbnail(c.latent) is None))
        if missing and self.panel.card is not None:
            request = Tiles(
                model=self.panel.sha,
                precision=self.panel.precision,
                latents=missing,
                looks=(self.panel.state.look,),
                tile=TILE,
            )
            self.panel.live(request, "sources")

    def menu(self) -> None:
        """What can be added, at the pointer."""
        menu = QMenu(self.panel.stage)
        menu.addAction(self.tr("A new seed"), self.add_seed)
        menu.addAction(self.tr("A seed by number…"), self._ask_seed)
        menu.addAction(self.tr("What Explore shows"), self.add_explored)
        if self.panel.picture is not None:
            menu.addAction(self.tr("This mix itself"), self._add_mix)
        bookmarks = [b for b in self.studio.document.session.bookmarks if b.model in ("", self.panel.sha)]
        if bookmarks:
            menu.addSeparator()
        for bookmark in bookmarks[:30]:
            menu.addAction(bookmark.name, partial(self.panel.accept_bookmark, bookmark))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos() + QPoint(-20, 8))

    def add(self, latent: Latent, name: str) -> None:
        """One more column."""
        state = with_source(self.panel.state, latent, name)
        self.panel.change(self.tr("Add source"), columns=state.columns, weights=state.weights)

    def add_seed(self) -> None:
        """A column with a seed from anywhere."""
        latent = Seed(seed=random.randrange(SEEDS))
        self.add(latent, describe(latent, self.tr))

    def _ask_seed(self) -> None:
        seed, fine = QInputDialog.getInt(self.panel.stage, self.tr("Seed"), self.tr("Number"), 1, 0, 2**31 - 1)
        if fine:
            self.add(Seed(seed=seed), describe(Seed(seed=seed), self.tr))

    def add_explored(self) -> None:
        """A column with what the Explore panel shows."""
        explored = self.studio.document.session.explore
        name = describe(explored.latent, self.tr)
        self.add_finished(explored.latent, look_of(explored), explored.model, name)

    def _add_mix(self) -> None:
        request = self.panel.request()
        if request is not None:
            self.add(request.latent, self.panel.caption())

    def add_finished(self, latent: Latent, look: Look, model: str, name: str) -> bool:
        """Add a latent as it looked elsewhere.

        One whose look is this board's comes as it is; one with labels, directions or a truncation of its own is read
        to its finished w first, so that it stays the picture that was chosen.
        """
        card = self.studio.card(model)
        if card is None or card.sha256 != self.panel.sha:
            self.studio.notify(
                self.tr("This picture was made by another model. All sources of a board come from one model.")
            )
            return False
        if _alike(look, self.panel.state.look):
            self.add(latent, name)
        else:
            request = ReadWs(model=self.panel.sha, precision=self.panel.precision, latent=latent, look=look)
            self._names[self.panel.live(request, "read")] = name
        return True

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "read":
            name = self._names.pop(job, "")
            self.add(Stored(asset=self.studio.assets.put_array(result.values), form="ws", name=name), name)
            return
        for latent, image in zip(request.latents, result.images, strict=True):
            self._thumbnails[request.model, request.looks[0], latent] = image
        self.panel.show_board()

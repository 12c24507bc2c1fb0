"""What every panel over a latent space has in common: one latent, directions, a walk, a pad and piles.

Explore (a StyleGAN's w) and Morph (an autoencoder's latent) are both of this kind; each adds what only its models
can do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject

from studio.panels.base import Action, Studio
from studio.panels.parts.directions import DirectionsSection
from studio.panels.parts.generator import GeneratorPanel
from studio.panels.parts.keeping import Keeping, Kept
from studio.panels.parts.pad import PadBoard, Padding
from studio.panels.parts.piles import PilesSection, Piling
from studio.panels.parts.pushing import Pushing, merged
from studio.panels.parts.thumbs import Thumbs
from studio.panels.parts.walk import WalkSection
from studio.panels.parts.walking import Walking
from studio.project.latents import Latent, Look, Seed
from studio.project.morph import MakeAttribute
from studio.project.names import describe
from studio.project.requests import FilmStrip, Render, WalkFrames
from studio.project.session import Bookmark, ExploreState, MorphState


def look_of(state: ExploreState | MorphState) -> Look:
    """The look with the directions that stand at something."""
    return msgspec.structs.replace(state.look, pushes=tuple(p for p in state.directions if p.amount))


class LatentPanel(GeneratorPanel):
    """A panel whose state has ``latent``, ``look``, ``directions``, ``walk``, ``pad`` and ``piles``.

    ``roles`` holds the concerns; subclasses add their own.
    """

    def __init__(
        self,
        studio: Studio,
        directions: DirectionsSection,
        walk: WalkSection,
        pad: PadBoard,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(studio, parent)
        self.thumbs = Thumbs(self)
        self.keeping = Keeping(self)
        self.walking = Walking(self, walk)
        self.pushing = Pushing(self, directions)
        self.padding = Padding(self, pad)
        self.piling = Piling(self, PilesSection())
        self.roles = [self.thumbs, self.keeping, self.walking, self.pushing, self.padding, self.piling]
        self.thumbs.came.connect(self.piling.show)

    # For subclasses to answer --------------------------------------------------------------------------------

    def latent_of_picture(self, kept: Kept) -> Latent | None:
        """A picture from outside as a latent of this model; None when it cannot be one (which is told)."""
        raise NotImplementedError

    def random_latent(self) -> Latent:
        """A place that nobody chose."""
        return Seed(seed=random.randrange(10_000))

    def resolve(self, item: str) -> Latent | None:
        """The latent of a thumbnail that was dragged inside the program; None for one that is not known here."""
        return None

    # Session to requests -------------------------------------------------------------------------------------

    def look_now(self) -> Look:
        """The look of requests."""
        return look_of(self.state)

    def bare_look(self) -> Look:
        """The look of thumbnails: without directions."""
        look: Look = self.state.look
        return look

    def request(self) -> Render | None:
        if self.card is None:
            return None
        return Render(model=self.sha, precision=self.precision, latent=self.state.latent, look=self.look_now())

    # What the window asks ------------------------------------------------------------------------------------

    def deactivate(self) -> None:
        super().deactivate()
        self.walking.stop()

    def common_actions(self) -> Sequence[Action]:
        """The actions that both panels have, under their own names."""
        name, walking, padding = self.name, self.walking, self.padding
        return (
            Action(f"{name}.key", self.tr("Add a key to the walk"), walking.add_key, "K", "film"),
            Action(f"{name}.play", self.tr("Play the walk"), walking.toggle, "P", "play", enabled=walking.possible),
            Action(f"{name}.render", self.tr("Render the walk…"), walking.render, "", "film", enabled=walking.possible),
            Action(f"{name}.corner", self.tr("Put this picture on the pad"), padding.add_current, "C", "grid"),
            Action(
                f"{name}.analogy",
                self.tr("Analogy on the pad: D = B + C − A"),
                padding.add_analogy,
                "",
                "branch",
                enabled=padding.can_analogy,
            ),
            Action(
                f"{name}.round",
                self.tr("Walk around the pad"),
                padding.walk_around,
                "",
                "loop",
                enabled=padding.possible,
            ),
            Action(
                f"{name}.strip",
                self.tr("Export a strip…"),
                padding.export_strip,
                "",
                "export",
                enabled=padding.possible,
            ),
            Action(
                f"{name}.sheet",
                self.tr("Export the pad as a contact sheet…"),
                padding.export_sheet,
                "",
                "export",
                enabled=padding.possible,
            ),
            Action(
                f"{name}.with", self.tr("This picture shows it: pile “with”"), lambda: self.piling.add_current("having")
            ),
            Action(
                f"{name}.without",
                self.tr("This picture lacks it: pile “without”"),
                lambda: self.piling.add_current("lacking"),
            ),
            Action(f"{name}.bookmark", self.tr("Bookmark this place"), self.bookmark, "B", "bookmark"),
        )

    def fits(self, model: str) -> bool:
        """Whether a model (sha256) belongs here; one that is missing might."""
        card = self.studio.card(model, self.model_role)
        return card is None or card.role == self.model_role

    def accept_request(self, request: msgspec.Struct) -> bool:
        if not self.fits(str(getattr(request, "model", ""))):
            return False
        if isinstance(request, Render | FilmStrip):
            return self.restore(request.model, request.latent, request.look)
        if isinstance(request, WalkFrames):
            keys = request.walk.keys
            latent = keys[0].latent if keys else self.state.latent
            return self.restore(request.model, latent, request.look, walk=request.walk)
        if isinstance(request, MakeAttribute):
            piles = msgspec.structs.replace(
                self.state.piles, having=request.having, lacking=request.lacking, name=request.name
            )
            return self.restore(request.model, self.state.latent, request.look, piles=piles)
        return False

    def accept_bookmark(self, bookmark: Bookmark) -> bool:
        if not self.fits(bookmark.model):
            return False
        return self.restore(bookmark.model or self.state.model, bookmark.latent, bookmark.look)

    def accept_directions(self, path: Path) -> bool:
        self.pushing.read(path)
        return True

    def restore(self, model: str, latent: Latent, look: Look, **more: Any) -> bool:
        """Bring a model, a latent and a look back as one undo step; the sliders stand as the look's pushes say."""
        directions = merged(self.state.directions, look.pushes)
        own = msgspec.structs.replace(look, pushes=())
        self.change(self.tr("Recall"), model=model, latent=latent, look=own, directions=directions, **more)
        return True

    def shown(self) -> Latent | None:
        """What is on the canvas, to be put somewhere; None (which is told) while nothing is."""
        request = self.request()
        if request is None:
            self.studio.notify(self.tr("There is no picture on the canvas yet."))
            return None
        return request.latent

    def go(self, latent: Latent, text: str, drag: str = "", final: bool = True, **more: Any) -> None:
        """Show a latent, as one step of a gesture."""
        self.edit(text, drag, final, latent=latent, **more)

    def bookmark(self) -> None:
        """Keep the present place by name."""
        image = self.picture[0] if self.picture else None
        name = describe(self.state.latent, self.tr)
        self.studio.add_bookmark(self.state.latent, self.look_now(), self.sha, name, image)

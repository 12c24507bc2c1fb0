"""What every panel over a generator does: which model, asking for the picture, showing it, keeping results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from PySide6.QtCore import QObject

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, UInt8Image
from studio.panels.base import Panel, Studio
from studio.panels.parts.labels import LabelControls
from studio.panels.parts.look import LookControls
from studio.panels.parts.models import ModelChooser, layers_of, model_line
from studio.project.requests import Precision, Render
from studio.widgets.canvas import Canvas

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.card import Role as ModelRole

TILE = 64
"""Thumbnails of sources, keys and map tiles, in pixels."""
WITH_NOISE = frozenset({"stylegan2"})
"""Architectures with noise inputs."""


class Role(QObject):
    """One concern of a panel (its walk, its photograph): a section, and the jobs that it starts.

    ``keys`` names the jobs whose events come here; the panel hands them on.
    """

    keys: frozenset[str] = frozenset()

    def __init__(self, panel: GeneratorPanel) -> None:
        super().__init__(panel)
        self.panel = panel
        self.studio = panel.studio

    def preview(self, key: str, job: int, preview: Preview) -> None:
        """A picture on the way."""

    def loss(self, key: str, job: int, loss: Loss) -> None:
        """Loss values on the way."""

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        """A job is done."""

    def ended(self, key: str, job: int) -> None:
        """A job failed (which is told) or was cancelled."""


class GeneratorPanel(Panel):
    """A panel with a canvas that shows one :class:`Render`, made from the session by :meth:`request`."""

    canvas: Canvas
    model_role: ClassVar[ModelRole] = "generator"
    """What a model must be to be played here."""

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self.card: ModelCard | None = None
        self.picture: tuple[UInt8Image, Render] | None = None
        self.roles: list[Role] = []
        self._settled = True
        self.canvas = Canvas()
        self.models = ModelChooser()
        self.look = LookControls()
        self.labels = LabelControls()
        self.models.chosen.connect(self.use_model)
        self.models.wanted.connect(studio.open_model_dialog)
        self.look.edited.connect(lambda look, text, drag, final: self.edit(text, drag, final, look=look))
        self.labels.edited.connect(lambda look, text, drag, final: self.edit(text, drag, final, look=look))

    # For subclasses to answer --------------------------------------------------------------------------------

    def request(self) -> Render | None:
        """The picture that the session asks for; None while there is nothing to show."""
        raise NotImplementedError

    def caption(self) -> str:
        """A few words about the picture."""
        raise NotImplementedError

    def use_model(self, sha: str) -> None:
        """Go on with another model."""
        raise NotImplementedError

    def settled(self) -> None:
        """A gesture is over: bring up to date what would only slow it down (thumbnails, the map)."""

    def model_shown(self) -> None:
        """Another card is in place: fit what depends on the network."""

    # The model -----------------------------------------------------------------------------------------------

    @property
    def sha(self) -> str:
        """The model of requests."""
        return self.card.sha256 if self.card is not None else str(self.state.model)

    @property
    def precision(self) -> Precision:
        """The precision of requests."""
        return "exact" if self.studio.precision == "exact" else "fast"

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The network's layers, as its card lists them."""
        return layers_of(self.card)

    @property
    def resolution(self) -> int:
        """Pixels on a side; 0 without a model."""
        return int(self.card.hyper.get("resolution", 0)) if self.card is not None else 0

    def own_size(self, most: int) -> int:
        """The largest size up to ``most`` that the network can draw by itself; 0: its full size."""
        if self.card is None or self.resolution <= most:
            return 0
        return max((int(s) for s in self.card.hyper.get("low_resolutions", []) if s <= most), default=0)

    def show_model(self, sha: str) -> None:
        """Bring the chooser and the controls to the model of the session, silently."""
        card = self.studio.card(sha, self.model_role)
        if card != self.card:
            self.card = card
            self.look.set_layers(self.layers, has_noise=card is not None and card.architecture in WITH_NOISE)
            c_dim = int(card.hyper.get("c_dim", 0)) if card is not None else 0
            self.labels.set_model(card.label_names if card else [], card.label_groups if card else [], c_dim)
            self.model_shown()
            self.studio.picture_changed(self)
        known = next((m.name for m in self.studio.document.session.models if m.sha256 == sha), self.tr("Model"))
        self.models.set_models(self.studio.of_role(self.model_role), self.sha, known if card is None else "")

    def model_line(self) -> str:
        return model_line(self.card)

    def accept_model(self, card: ModelCard) -> bool:
        if card.role != self.model_role:
            return False
        if card.sha256 != self.sha:
            self.use_model(card.sha256)
        return True

    # The picture ---------------------------------------------------------------------------------------------

    def edit(self, text: str, drag: str, final: bool, **changes: Any) -> None:
        """Change the state; while a gesture goes on its pictures are not results yet."""
        self._settled = final
        self.change(text, drag=drag or None, final=final, **changes)
        if final:
            # A gesture that ends where the picture already stands brings no new request: it is a result now.
            self._keep()
            self.settled()

    def ask_picture(self) -> None:
        """Ask for the session's picture, unless it is the one on the canvas."""
        if self.card is None:
            self.picture = None
            self.canvas.set_image(None)
            self.canvas.set_placeholder(
                self.tr("The model of this project is not here. Choose another, or find it again in the Library.")
            )
            return
        request = self.request()
        if request is None:
            self.picture = None
            self.canvas.set_image(None)
        elif self.picture is None or self.picture[1] != request:
            self.live(request, "picture")

    def show_image(self, image: UInt8Image, caption: str = "") -> None:
        """Put a picture on the canvas, in the frame of the full size."""
        side = self.resolution
        self.canvas.set_image(image, (side, side) if side else None)
        self.canvas.set_caption(caption or self.caption())

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        return self.picture

    def _keep(self) -> None:
        if self.picture is not None and self.picture[1] == self.request():
            image, request = self.picture
            self.studio.add_result(request, image, self.caption(), self.name)

    # Events --------------------------------------------------------------------------------------------------

    def _role(self, key: str) -> Role | None:
        return next((role for role in self.roles if key in role.keys), None)

    def preview(self, job: int, preview: Preview) -> None:
        key = self.key_of(job)
        role = self._role(key)
        if role is not None:
            role.preview(key, job, preview)
        elif key == "picture":
            self.show_image(preview.image)

    def loss(self, job: int, loss: Loss) -> None:
        key = self.key_of(job)
        role = self._role(key)
        if role is not None:
            role.loss(key, job, loss)

    def result(self, job: int, request: Any, result: Any) -> None:
        key = self.key_of(job)
        role = self._role(key)
        if role is not None:
            role.result(key, job, request, result)
        elif key == "picture":
            self.picture = (result.image, request)
            self.show_image(result.image)
            self.studio.picture_changed(self)
            if self._settled:
                self._keep()

    def failed(self, job: int, request: Any, error: StudioError) -> None:
        self.stopped(job)
        super().failed(job, request, error)

    def stopped(self, job: int) -> None:
        key = self.key_of(job)
        role = self._role(key)
        if role is not None:
            role.ended(key, job)

"""Finding an own photograph in the latent space: the job behind the photo section."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.base.steps import Loss, Preview, UInt8Image
from studio.panels.explore.photo import PhotoSection
from studio.panels.parts.generator import Role
from studio.panels.parts.keeping import keeper
from studio.project.latents import Stored
from studio.project.requests import Invert

if TYPE_CHECKING:
    from studio.panels.explore.panel import ExplorePanel


class Inverting(Role):
    """The photograph of the Explore panel."""

    keys = frozenset({"invert", "photo"})

    def __init__(self, panel: ExplorePanel, section: PhotoSection) -> None:
        super().__init__(panel)
        self.section = section
        self._photo: tuple[str, str] | None = None
        self._title = ""
        self._job = -1
        section.wanted.connect(self.choose)
        section.dropped.connect(self._dropped)
        section.start.connect(self._start)
        section.cancel.connect(lambda: panel.cancel("invert"))
        section.editability_changed.connect(self._editability)

    def choose(self) -> None:
        """Let the person pick a picture."""
        files = self.studio.choose_files(
            "picture",
            self.tr("Choose a picture"),
            self.tr("Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.gif *.bmp)"),
        )
        self._dropped(files)

    def take(self, pixels: UInt8Image, title: str) -> None:
        """A picture to be found."""
        self._photo = None
        self._title = title
        self.section.set_picture(pixels, title)
        self.section.run.setEnabled(False)
        self.panel.call(keeper(pixels, title), self.tr("Reading the picture"), "photo", "io")

    def _dropped(self, what: object) -> None:
        if isinstance(what, list | tuple):
            if what:
                self.studio.load_picture(Path(str(what[0])), self.take)
        elif what is not None:
            self.take(what, self.tr("Picture"))  # type: ignore[arg-type]  # a dropped picture, not a file

    def _request(self) -> Invert | None:
        if self._photo is None or self.panel.card is None:
            return None
        return Invert(
            model=self.panel.sha,
            precision=self.panel.precision,
            picture=self._photo[0],
            space="w+" if self.section.space.current() == "w+" else "w",
            editability=self.section.editability.value(),
            steps=int(self.section.steps.value()),
        )

    def _start(self) -> None:
        request = self._request()
        if request is not None and self._photo is not None:
            self.section.set_running(True)
            self._job = self.panel.long(request, self.tr("Finding %1").replace("%1", self._photo[1]), "invert")

    def _editability(self, _value: float, final: bool) -> None:
        request = self._request()
        if final and self.section.running and request is not None:
            self.studio.worker.update(self._job, request)

    def preview(self, key: str, job: int, preview: Preview) -> None:
        title = self._photo[1] if self._photo else ""
        self.panel.show_image(preview.image, self.tr("finding %1").replace("%1", title))

    def loss(self, key: str, job: int, loss: Loss) -> None:
        self.section.plot.add(loss.step, loss.values)

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "photo":
            self._photo = (result.asset, self._title)
            self.section.run.setEnabled(True)
            return
        self.section.set_running(False)
        psnr = result.info.get("psnr")
        if isinstance(psnr, int | float):
            text = self.tr("Found, %1 dB from the photograph. It is now the picture that you explore.")
            self.section.set_note(text.replace("%1", f"{psnr:.1f}"))
        stored = Stored(asset=result.ws_asset, form="ws", name=self._photo[1] if self._photo else self.tr("Photo"))
        # A stored code is finished: truncation and labels pass it by, so the look may stay as it is.
        self.panel.change(self.tr("Photograph found"), latent=stored)

    def ended(self, key: str, job: int) -> None:
        if key == "photo":
            return
        self.section.set_running(False)
        self.panel.picture = None
        self.panel.ask_picture()

"""Takes whatever is dropped, pasted, opened or given on the command line to where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from studio.app.calls import Lane
from studio.app.drops import PICTURES, Drop, classify, in_order
from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.registry import panel_for
from studio.project.recipes import Recipe
from studio.widgets.parts import dropped

if TYPE_CHECKING:
    from studio.app.window import MainWindow


class Intake(QObject):
    """``take`` is the one door.  Files are looked into in ``lane``; the window hears what to do."""

    def __init__(self, window: MainWindow, lane: Lane) -> None:
        super().__init__(window)
        self._window, self._lane = window, lane
        self._later: list[Drop] = []
        window.document.replaced.connect(self._go_on)

    def take(self, things: Iterable[Path | UInt8Image]) -> None:
        """Files and pictures, in any mixture."""
        paths: list[Path] = []
        for thing in things:
            if isinstance(thing, Path):
                paths.append(thing)
            else:
                self._picture(thing, self.tr("Pasted picture"))
        if paths:
            self._lane.submit(
                lambda: in_order([classify(path) for path in paths]), self._act, doing=self.tr("Opening the files")
            )

    def paste(self) -> None:
        """What is on the clipboard."""
        things = dropped(QGuiApplication.clipboard().mimeData())
        if things:
            self.take(things)
        else:
            self._window.notify(self.tr("There is no picture on the clipboard."))

    def open_dialog(self) -> None:
        """Choose pictures to open."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(PICTURES))
        self.take(self._window.files.choose("picture", self.tr("Open pictures"), f"{self.tr('Pictures')} ({patterns})"))

    def load(self, path: Path, then: Callable[[UInt8Image, str], object]) -> None:
        """Read a picture in the background; ``then(pixels, title)`` or a notice."""

        def read() -> UInt8Image:
            from studio.media.images import load_image

            return load_image(path).pixels

        self._lane.submit(read, lambda pixels: then(pixels, path.stem), doing=self.tr("Opening the picture"))

    # What to do with each ------------------------------------------------------------------------------------

    def _act(self, drops: list[Drop]) -> None:
        for place, drop in enumerate(drops):
            if drop.kind == "project" and drop.path is not None:
                # The rest belongs to the project that is being opened.
                self._later = drops[place + 1 :]
                self._window.files.open(drop.path)
                return
            self._one(drop)

    def _go_on(self, _: object) -> None:
        later, self._later = self._later, []
        for drop in later:
            self._one(drop)

    def _one(self, drop: Drop) -> None:
        if drop.error is not None:
            self._window.notify(drop.error)
        elif drop.recipe is not None:
            self.restore(drop.recipe, drop.title)
        elif drop.pixels is not None:
            panel = self._window.panel
            if drop.path is None or panel is None or not panel.accept_file(drop.path, drop.title):
                self._picture(drop.pixels, drop.title)
        elif drop.kind == "model" and drop.path is not None:
            self._window.models.import_files([drop.path])
        elif drop.kind == "directions" and drop.path is not None:
            self._directions(drop.path)

    def restore(self, recipe: Recipe, title: str) -> None:
        """Bring a recipe back: its codes into the project, its request into the workspace that it belongs to."""
        from studio.project import recipes

        assets = self._window.assets
        self._lane.submit(
            lambda: recipes.install(recipe, assets),
            lambda _: self._restored(recipe, title),
            doing=self.tr("Restoring the recipe"),
        )

    def _restored(self, recipe: Recipe, title: str) -> None:
        window = self._window
        for ref in recipe.models:
            if window.models.card(ref.sha256) is None:
                window.notify(
                    StudioError(
                        self.tr("“{title}” was made with a model that is not on this computer.").format(title=title),
                        self.tr("The model is called “{name}”.").format(name=ref.name),
                        self.tr("Add that model, then drop the picture again."),
                    )
                )
                return
        if window.panel is not None and window.panel.accept_ingredient(recipe.request, title):
            return
        card = window.models.card(str(getattr(recipe.request, "model", "")))
        if window.recall(recipe.request, panel_for(recipe.request, card.role if card is not None else "generator")):
            window.notify(
                self.tr("The recipe of “{title}” is back. Undo returns to what was before.").format(title=title),
                good=True,
            )

    def _picture(self, pixels: UInt8Image, title: str) -> None:
        window = self._window
        if window.panel is not None and window.panel.accept_picture(pixels, title):
            return
        window.show_panel("explore")
        if window.panel is None or not window.panel.accept_picture(pixels, title):
            window.notify(self.tr("This workspace has no use for a picture."))

    def _directions(self, path: Path) -> None:
        window = self._window
        if window.panel is not None and window.panel.accept_directions(path):
            return
        window.show_panel("explore")
        if window.panel is None or not window.panel.accept_directions(path):
            window.notify(self.tr("These directions do not fit the model in use."))

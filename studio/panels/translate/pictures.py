"""The picture of Picture and Enlarge: where it comes from, and the example that stands there at first."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QCoreApplication, QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from studio.base.steps import UInt8Image
from studio.panels.parts.bank import PICTURE_FILES
from studio.panels.translate.examples import Example, example_for, examples
from studio.panels.translate.part import Part
from studio.project.session import TranslateState
from studio.widgets.parts import dropped
from studio.widgets.picture import PictureView
from studio.widgets.section import Section

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel
    from studio.project.assets import AssetStore


class Pictures(Part):
    """The section Picture."""

    def __init__(self, panel: TranslatePanel) -> None:
        super().__init__(panel)
        tr = self.tr
        self._beginning = ""
        self._store: Callable[[], AssetStore | None] = lambda: None
        self.section = Section(tr("Picture"), tr("drop, paste or click"))
        self.view = PictureView(" ", aspect=1.8, hint=tr("drop a picture"), takes_drops=True, most=300)
        self.view.setToolTip(tr("The picture that is worked on. Click for more."))
        self.section.add(self.view)
        self.view.clicked.connect(lambda: self.menu(self.view.mapToGlobal(QPoint(8, 40))))
        self.view.dropped.connect(lambda things: panel.take_here(things, trace=False))

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: TranslateState) -> None:
        on = state.mode != "draw"
        self.section.setVisible(on)
        if not on:
            return
        self.view.set_image(self.panel.bank.get(state.picture))
        width, height = self.panel.bank.size(state.picture)
        words = [self.tr("missing")] if self.panel.bank.is_missing(state.picture) else []
        if not words and state.picture:
            words = [state.picture_name or self.tr("picture")]
        if width:
            words.append(f"{width} × {height} px")
        self.view.set_caption(" · ".join(words) or " ")
        self.section.set_hint(
            self.tr("an example; drop your own") if state.example else self.tr("drop, paste or click")
        )

    # Coming in -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Where no picture is yet, or an example of another model stands, one that suits the model comes."""
        state: TranslateState = self.panel.state
        if state.mode == "draw" or (state.picture and not state.example):
            return
        found = example_for(self.panel.card, state.mode)
        # Once for each project: another one begins without a picture again.
        if found is None or (found.file == self._beginning and self._store() is self.studio.assets):
            return
        self._beginning, self._store = found.file, weakref.ref(self.studio.assets)
        self.panel.bank.keep(found.path, example_title(found), partial(self._begun, found.file))

    def _begun(self, file: str, sha: str, _pixels: UInt8Image, title: str) -> None:
        session = self.studio.document.session
        state = session.translate
        if (state.picture and not state.example) or file != self._beginning:
            return  # the person was quicker
        look = msgspec.structs.replace(state.look, labels=())
        made = msgspec.structs.replace(state, picture=sha, picture_name=title, example=True, look=look)
        # Nothing to undo: nobody did it.
        self.studio.document.begin(msgspec.structs.replace(session, translate=made))
        if not self.panel.active:
            self.panel.show_all()

    def take(self, source: Path | UInt8Image, title: str, mode: str = "") -> None:
        """Work on this picture from now on."""
        self.panel.bank.keep(source, title, partial(self._kept, mode))

    def _kept(self, mode: str, sha: str, _pixels: UInt8Image, title: str) -> None:
        state: TranslateState = self.panel.state
        mode = mode or ("picture" if state.mode == "draw" else state.mode)
        fields: dict[str, Any] = {"picture": sha, "picture_name": title, "example": False}
        if sha != state.picture:
            # Masks were painted over the old picture, and labels were read from it.
            fields["look"] = self.panel.with_look(
                labels=(),
                strength=msgspec.structs.replace(state.look.strength, mask=""),
                keep_colours=msgspec.structs.replace(state.look.keep_colours, mask=""),
            )
        if mode != state.mode:
            fields |= self.panel.mode_fields(mode)
        self.panel.edit(self.tr("Choose a picture"), "", True, **fields)

    def choose_files(self, title: str) -> list[Path]:
        """Files from a dialog."""
        patterns = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_FILES))
        return self.studio.choose_files("picture", title, f"{self.tr('Pictures')} ({patterns})")

    def choose(self) -> None:
        """A picture from a file."""
        for path in self.choose_files(self.tr("Choose a picture")):
            self.take(path, path.stem)

    def go_on(self) -> None:
        """The result becomes the picture that is worked on."""
        current = self.panel.current_picture()
        if current is None:
            self.studio.notify(self.tr("There is no result yet."))
            return
        self.take(current[0], self.panel.doing.title())

    def drawing(self) -> None:
        """The drawing of Draw becomes the picture."""
        state: TranslateState = self.panel.state
        if state.drawing:
            look = self.panel.with_look(labels=())
            self.panel.edit(
                self.tr("Choose a picture"),
                "",
                True,
                picture=state.drawing,
                picture_name=self.tr("drawing"),
                example=False,
                look=look,
            )

    def menu(self, at: QPoint) -> None:
        """What can be put there."""
        menu = QMenu(self.panel.inspector)
        menu.addAction(self.tr("Choose a file…"), self.choose)
        clip = QGuiApplication.clipboard().mimeData()
        things = dropped(clip) if clip is not None else []
        if things:
            menu.addAction(self.tr("Paste"), lambda: self.panel.take_here(things[:1], trace=False))
        if self.panel.current_picture() is not None:
            menu.addAction(self.tr("The result"), self.go_on)
        if self.panel.state.drawing:
            menu.addAction(self.tr("My drawing"), self.drawing)
        found = examples()
        if found:
            more = menu.addMenu(self.tr("Examples"))
            for example in found:
                more.addAction(example_title(example), partial(self.take, example.path, example_title(example)))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def dropped_here(self, things: Iterable[Any], *, trace: bool) -> None:
        """Something was dropped on a place of this panel; what is no picture goes where it belongs."""
        rest: list[Any] = []
        taken = False
        for thing in things:
            if isinstance(thing, Path) and thing.suffix.lower() not in PICTURE_FILES:
                rest.append(thing)
            elif not taken:
                taken = True
                title = thing.stem if isinstance(thing, Path) else self.tr("Picture")
                (self.panel.tracing.take if trace else self.take)(thing, title)
        if rest:
            self.studio.take(rest)  # a model that missed the window


def example_title(example: Example) -> str:
    """The title of an example in the person's language."""
    return QCoreApplication.translate("Examples", example.title)

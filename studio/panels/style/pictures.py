"""Which pictures: the content, the styles with their weights and sizes, the examples; where a dropped one goes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QCoreApplication, QElapsedTimer, QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QImageReader, QPixmap
from PySide6.QtWidgets import QMenu

from studio.base.steps import UInt8Image
from studio.panels.parts.bank import PICTURE_FILES
from studio.panels.style.examples import Example, examples, first_pair
from studio.panels.style.part import Part
from studio.panels.style.slots import SlotGrid
from studio.panels.style.values import place_for, shown_look, with_style
from studio.project.session import StyleState
from studio.project.style import StyleSource
from studio.widgets.parts import dropped, label
from studio.widgets.section import Section
from studio.widgets.slider import NumberSlider
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

TOGETHER_MS = 3000
"""Two pictures that come within this time were dropped together."""
CONTENT = -1


class Pictures(Part):
    """The first section of the inspector."""

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        self.selected = 0
        self._since_content = QElapsedTimer()
        self._icons: dict[Path, QIcon] = {}
        self.section = Section(self.tr("Pictures"), self.tr("drop, paste or click"))
        self.add_style = self.section.add_action(self.tr("+ style"), self.choose_more, self.tr("Add another style"))
        self.grid = SlotGrid()
        self.section.add(self.grid)
        self.which = label("", "dim")
        self.weight = NumberSlider(
            self.tr("Weight"), 0.0, 4.0, 1.0, 0.05, 2, tip=self.tr("This style's part among all of them.")
        )
        self.scale = NumberSlider(
            self.tr("Size of the strokes"),
            0.25,
            3.0,
            1.0,
            0.05,
            2,
            tip=self.tr("The style picture is used at this multiple of the run's size: smaller makes finer strokes."),
        )
        for part in (self.which, self.weight, self.scale):
            self.section.add(part)
        self.grid.menu_asked.connect(self.menu)
        self.grid.dropped.connect(self._dropped)
        self.weight.value_changed.connect(lambda v, final: self._edit(self.tr("Weight of a style"), final, weight=v))
        self.scale.value_changed.connect(lambda v, final: self._edit(self.tr("Size of the strokes"), final, scale=v))

    # Showing -------------------------------------------------------------------------------------------------

    def show(self, state: StyleState) -> None:
        styles = shown_look(state.run).styles
        self.selected = min(self.selected, max(0, len(styles) - 1))
        self.grid.set_count(len(styles))
        bank, example = self.panel.bank, self.tr("an example; drop your own picture here")
        sha = state.run.content
        name = self.tr("missing") if bank.is_missing(sha) else state.content_name
        caption = self.tr("content") + (f" · {name}" if name else "")
        tip = example if "content" in state.examples else self.tr("What is kept. Click for more.")
        self.grid.show_slot(self.grid.content, bank.get(sha), caption, Theme.SECOND, tip)
        for index, slot in enumerate(self.grid.styles):
            source = styles[index] if index < len(styles) else None
            caption = self.tr("style")
            if source is not None:
                weight = self.tr("weight {0}").format(f"{source.weight:.2f}")
                detail = weight if len(styles) > 1 or source.weight != 1.0 or not source.name else source.name
                caption += f" · {self.tr('missing') if bank.is_missing(source.picture) else detail}"
            tip = example if "style" in state.examples else self.tr("Whose hand paints. Click for more.")
            image = bank.get(source.picture) if source is not None else None
            self.grid.show_slot(slot, image, caption, Theme.ACCENT, tip)
            slot.setVisible(self.panel.uses_styles())
            slot.set_selected(len(styles) > 1 and index == self.selected)
            slot.set_mark("hand" if source is not None and source.mask and self.panel.uses_look() else "")
        several = len(styles) > 1
        self.which.setVisible(several)
        self.weight.setVisible(several)
        self.scale.setVisible(bool(styles) and self.panel.uses_styles())
        self.add_style.setVisible(self.panel.uses_styles())
        if styles:
            source = styles[self.selected]
            text = self.tr("Style {0} of {1}").format(self.selected + 1, len(styles))
            self.which.setText(f"{text} · {source.name}" if source.name else text)
            self.weight.set_value(source.weight)
            self.scale.set_value(source.scale)

    def _edit(self, text: str, final: bool, **changes: Any) -> None:
        state: StyleState = self.panel.state
        if self.selected < len(shown_look(state.run).styles):
            run = with_style(state.run, self.selected, **changes)
            self.panel.change(text, drag=f"source{self.selected}", final=final, run=run)

    def select(self, index: int) -> None:
        """Show the sliders and the mask of another style."""
        if index != self.selected:
            self.selected = index
            self.panel.show_all()

    # Coming in -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A project without pictures opens with a worked example."""
        state: StyleState = self.panel.state
        if state.run.content or shown_look(state.run).styles:
            return
        for found in first_pair() or ():
            self.panel.bank.keep(found.path, self.studio_text(found.title), partial(self._begun, found.kind))

    def _begun(self, kind: str, sha: str, _pixels: UInt8Image, title: str) -> None:
        session = self.studio.document.session
        state = session.style
        if kind in state.examples or (state.run.content if kind == "content" else shown_look(state.run).styles):
            return  # the person was quicker
        made = _placed(state, CONTENT if kind == "content" else 0, sha, title)
        made = msgspec.structs.replace(made, examples=(*state.examples, kind))
        # Nothing to undo: nobody did it.
        self.studio.document.begin(msgspec.structs.replace(session, style=made))
        if not self.panel.active:
            self.panel.show_all()

    def take(self, source: Path | UInt8Image, title: str) -> None:
        """A picture from anywhere (dropped on the window, pasted): the example content goes first, then the style.

        Later the content is replaced; of two that come together the second is the style.
        """
        state: StyleState = self.panel.state
        kind = place_for(state.examples)
        if not state.run.content:
            kind = "content"
        elif not shown_look(state.run).styles:
            kind = "style"
        together = self._since_content.isValid() and self._since_content.elapsed() < TOGETHER_MS
        if kind == "content" and together and self.panel.uses_styles():
            kind = "style"
            self._since_content.invalidate()
        elif kind == "content":
            self._since_content.start()
        self.put(source, title, CONTENT if kind == "content" else 0, tell=True)

    def put(self, source: Path | UInt8Image, title: str, index: int, *, tell: bool = False) -> None:
        """A picture for one place: :data:`CONTENT`, or the number of a style (one beyond the last: a new one)."""
        self.panel.bank.keep(source, title, partial(self._kept, index, tell))

    def _kept(self, index: int, tell: bool, sha: str, _pixels: UInt8Image, title: str) -> None:
        state: StyleState = self.panel.state
        made = _placed(state, index, sha, title)
        text = self.tr("Choose the content") if index == CONTENT else self.tr("Choose a style")
        if index != CONTENT:
            self.selected = min(index, len(shown_look(made.run).styles) - 1)
        self.panel.replace_state(text, made)
        if tell:
            said = (
                self.tr("“{0}” is the content now. A second picture becomes the style.")
                if index == CONTENT
                else self.tr("“{0}” is the style now.")
            )
            self.studio.notify(said.format(title), good=True)

    def _dropped(self, index: int, things: Iterable[Any]) -> None:
        rest: list[Any] = []
        for number, thing in enumerate(things):
            if isinstance(thing, Path) and thing.suffix.lower() not in PICTURE_FILES:
                rest.append(thing)
            elif number and index == CONTENT:
                self.put(thing, _title(thing, self.tr("Picture")), number - 1)
            else:
                self.put(thing, _title(thing, self.tr("Picture")), index + number)
        if rest:
            self.studio.take(rest)  # a model that missed the window

    def choose(self, index: int) -> None:
        """A file for one place."""
        title = self.tr("Choose the content") if index == CONTENT else self.tr("Choose a style")
        patterns = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_FILES))
        for path in self.studio.choose_files("picture", title, f"{self.tr('Pictures')} ({patterns})"):
            self.put(path, path.stem, index)

    def choose_more(self) -> None:
        """One more style from a file."""
        self.choose(len(shown_look(self.panel.state.run).styles))

    def remove(self, index: int) -> None:
        """Take a style away."""
        state: StyleState = self.panel.state
        look = shown_look(state.run)
        left = tuple(s for i, s in enumerate(look.styles) if i != index)
        examples_left = tuple(e for e in state.examples if e != "style" or left)
        run = msgspec.structs.replace(state.run, look=msgspec.structs.replace(look, styles=left), changes=(), stop=0)
        self.panel.change(self.tr("Remove a style"), run=run, examples=examples_left)

    def swap(self) -> None:
        """Content and first style change places."""
        state: StyleState = self.panel.state
        look = shown_look(state.run)
        if not look.styles or not state.run.content:
            return
        first = msgspec.structs.replace(look.styles[0], picture=state.run.content, name=state.content_name, mask="")
        run = msgspec.structs.replace(
            state.run,
            content=look.styles[0].picture,
            look=msgspec.structs.replace(look, styles=(first, *look.styles[1:])),
            changes=(),
            stop=0,
        )
        self.panel.change(self.tr("Swap content and style"), run=run, content_name=look.styles[0].name)

    # The menu of a place -------------------------------------------------------------------------------------

    def menu(self, index: int, at: QPoint) -> None:
        """What can be put there."""
        styles = shown_look(self.panel.state.run).styles
        if index != CONTENT:
            self.select(min(index, max(0, len(styles) - 1)))
        menu = QMenu(self.panel.inspector)
        menu.addAction(self.tr("Choose a file…"), partial(self.choose, index))
        clip = QGuiApplication.clipboard().mimeData()
        things = dropped(clip) if clip is not None else []
        if things:
            menu.addAction(self.tr("Paste"), partial(self._dropped, index, things[:1]))
        current = self.panel.current_picture()
        if current is not None:
            menu.addAction(
                self.tr("The picture on the canvas"), partial(self.put, current[0], self.tr("result"), index)
            )
        self._add_examples(menu, index)
        menu.addSeparator()
        if index == CONTENT and styles:
            menu.addAction(self.tr("Swap content and style"), self.swap)
        if index != CONTENT and index < len(styles) and len(styles) > 1:
            menu.addAction(self.tr("Remove this style"), partial(self.remove, index))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def _add_examples(self, menu: QMenu, index: int) -> None:
        kind = "content" if index == CONTENT else "style"
        found = [example for example in examples() if example.kind == kind]
        if not found:
            return
        more = menu.addMenu(self.tr("Examples"))
        more.aboutToShow.connect(partial(self._fill_examples, more, found, index))

    def _fill_examples(self, menu: QMenu, found: list[Example], index: int) -> None:
        menu.clear()
        for example in found:
            if example.path not in self._icons:
                self._icons[example.path] = _icon(example.path)
            action = menu.addAction(self._icons[example.path], self.studio_text(example.title))
            action.triggered.connect(partial(self._use_example, example, index))

    def _use_example(self, example: Example, index: int, _checked: bool = False) -> None:
        self.put(example.path, self.studio_text(example.title), index)

    def studio_text(self, text: str) -> str:
        """The title of an example in the person's language."""
        return QCoreApplication.translate("Examples", text)


def _placed(state: StyleState, index: int, sha: str, title: str) -> StyleState:
    """The state with a picture in a place; it is the person's own then."""
    if index == CONTENT:
        # Masks were painted over the old content and mean nothing on the new one.
        look = shown_look(state.run)
        bare = tuple(msgspec.structs.replace(s, mask="") for s in look.styles)
        run = msgspec.structs.replace(
            state.run, content=sha, look=msgspec.structs.replace(look, styles=bare), changes=()
        )
        left = tuple(e for e in state.examples if e != "content")
        return msgspec.structs.replace(state, run=run, content_name=title, examples=left)
    look = shown_look(state.run)
    styles = list(look.styles)
    if index < len(styles):
        styles[index] = msgspec.structs.replace(styles[index], picture=sha, name=title)
    else:
        styles.append(StyleSource(picture=sha, name=title))
    run = msgspec.structs.replace(
        state.run, look=msgspec.structs.replace(look, styles=tuple(styles)), changes=(), stop=0
    )
    left = tuple(e for e in state.examples if e != "style")
    return msgspec.structs.replace(state, run=run, examples=left)


def _title(thing: object, otherwise: str) -> str:
    return thing.stem if isinstance(thing, Path) else otherwise


def _icon(path: Path) -> QIcon:
    """A thumbnail that is decoded small (a JPEG at an eighth of its size takes a moment only)."""
    reader = QImageReader(str(path))
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(QSize(48, 48), Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    return QIcon(QPixmap.fromImage(reader.read()))

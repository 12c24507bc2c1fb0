"""The tray: the artist's own pictures and the examples of the model, with how well the model knows each."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QMenu, QStackedLayout, QVBoxLayout, QWidget

from studio.base.steps import UInt8Image
from studio.panels.morph.framing import FrameSection
from studio.panels.parts.blending import replaced, walk_with
from studio.panels.parts.generator import Role
from studio.panels.parts.keeping import Kept
from studio.project.latents import DataPoint, Encoded, Frame, Latent
from studio.project.morph import Encode
from studio.project.session import MorphState, TrayItem
from studio.widgets.chips import ChipRow
from studio.widgets.empty import DropArea
from studio.widgets.parts import ElidedLabel, icon_button, label
from studio.widgets.strip import Thumb, ThumbStrip

if TYPE_CHECKING:
    from studio.engine.results import Encoding
    from studio.panels.morph.panel import MorphPanel

EXAMPLES = 24
"""Examples shown at a time."""
SIDE = 56
INSET = 0.46
"""Share of a thumbnail's side that the reconstruction in its corner takes."""
KEPT = 96
"""Encodings that are remembered."""
MINE, EXAMPLE = "tray:", "example:"
"""What the ids of thumbnails begin with, so that a corner or a pile knows what is dropped on it."""


class TrayBoard(QWidget):
    """Two shelves (own pictures, examples of the model) of which one is shown."""

    shelf_chosen = Signal(str)
    more_examples = Signal()
    wanted = Signal()
    """Choose files."""
    dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hint = ElidedLabel("", "dim")
        self.shelf = ChipRow([("mine", self.tr("Mine")), ("examples", self.tr("Examples"))], name=self.tr("Shelf"))
        self.other = icon_button("dice", self.tr("Other examples"), self.more_examples.emit)
        self.add = icon_button("plus", self.tr("Add pictures"), self.wanted.emit, framed=True)
        self.mine = ThumbStrip(size=SIDE, stars=False, name=self.tr("Own pictures"))
        self.examples = ThumbStrip(size=SIDE, stars=False, name=self.tr("Examples of the model"))
        self.invitation = DropArea(
            self.tr("Drop or paste pictures, or click to choose some"),
            height=SIDE + 8,
            tip=self.tr("Pictures like those that the model learnt from come out best"),
        )
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(label(self.tr("Tray"), "title"))
        head.addWidget(self.hint, 1)
        head.addWidget(self.other)
        head.addWidget(self.shelf)
        head.addWidget(self.add)
        shelves = QWidget()
        self._stack = QStackedLayout(shelves)
        self._stack.setContentsMargins(0, 0, 0, 0)
        for part in (self.mine, self.examples, self.invitation):
            self._stack.addWidget(part)
        shelves.setFixedHeight(self.mine.minimumSizeHint().height())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(shelves)
        self.shelf.changed.connect(self.shelf_chosen)
        self.invitation.clicked.connect(self.wanted)
        self.invitation.dropped.connect(self.dropped)

    def show_shelf(self, shelf: str, *, empty: bool) -> None:
        """Show one shelf; ``empty``: nothing is on the artist's own."""
        self.shelf.set_current(shelf)
        self.other.setVisible(shelf == "examples")
        front = self.examples if shelf == "examples" else self.invitation if empty else self.mine
        self._stack.setCurrentWidget(front)
        self.hint.setText(
            self.tr("click to see · drag onto a corner, the timeline or a pile")
            if shelf == "examples"
            else self.tr("picture · reconstruction · how sure (σ)")
        )


class Traying(Role):
    """The tray of the Morph panel, and the framing of the picture in hand."""

    keys = frozenset({"encode", "whole", "load", "back"})

    panel: MorphPanel

    def __init__(self, panel: MorphPanel, board: TrayBoard, section: FrameSection) -> None:
        super().__init__(panel)
        self.board, self.section = board, section
        self.current = ""
        """Id of the item in hand."""
        self._shelf = ""
        self._first_example = 0
        self._seen: dict[tuple[str, str, Frame | None], Encoding] = {}
        self._pixels: dict[str, UInt8Image] = {}
        self._asked: Encode | None = None
        self._given_up: set[tuple[str, str, Frame | None]] = set()
        self._pairs: dict[tuple[str, str, Frame | None], UInt8Image] = {}
        self._examples_shown: tuple[list[int], list[int]] = ([], [])
        self._loading: set[str] = set()
        self._back: Encode | None = None
        board.shelf_chosen.connect(self._choose_shelf)
        board.more_examples.connect(self.other_examples)
        board.wanted.connect(self.choose)
        board.dropped.connect(self.studio.take)
        for strip in (board.mine, board.examples):
            strip.activated.connect(self.show_item)
            strip.adopted.connect(self._adopt)
            strip.context_requested.connect(self._menu)
            strip.set_drag_source(self._file)
        board.mine.remove_asked.connect(self.remove)
        section.framed.connect(self.frame)
        section.whole_asked.connect(self._whole)
        panel.thumbs.came.connect(self._show_examples)

    # What there is -------------------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[TrayItem, ...]:
        """The session's tray."""
        tray: tuple[TrayItem, ...] = self.panel.state.tray
        return tray

    def item(self, item: str) -> TrayItem | None:
        """The item of an id, without its prefix."""
        return next((found for found in self.items if found.id == item), None)

    def latent_of(self, item: TrayItem) -> Encoded:
        """What an item stands for."""
        state: MorphState = self.panel.state
        sample = state.seed if state.sampled else None
        return Encoded(picture=item.picture, frame=item.frame, sample=sample, name=item.name)

    def resolve(self, item: str) -> Latent | None:
        """The latent of a thumbnail of the tray."""
        if item.startswith(EXAMPLE):
            return DataPoint(index=int(item.removeprefix(EXAMPLE)))
        found = self.item(item.removeprefix(MINE)) if item.startswith(MINE) else None
        return self.latent_of(found) if found is not None else None

    def example_indices(self) -> list[int]:
        """The examples on the shelf."""
        count = self.panel.data_count
        return [(self._first_example + i) % count for i in range(min(EXAMPLES, count))]

    # Showing -------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Bring the shelves and the framing to the session, silently, and ask for what is missing."""
        panel = self.panel
        if self.item(self.current) is None:
            self.current = ""
        shelf = self._shelf or ("mine" if self.items or not panel.data_count else "examples")
        if not panel.data_count:
            shelf = "mine"
        self.board.shelf.setVisible(panel.data_count > 0)
        self.board.show_shelf(shelf, empty=not self.items)
        self._show_mine()
        self._show_examples()
        self._show_frame()
        if shelf == "examples":
            panel.thumbs.want("examples", [DataPoint(index=i) for i in self.example_indices()])
        self._ask()

    def _key(self, item: TrayItem) -> tuple[str, str, Frame | None]:
        return self.panel.sha, item.picture, item.frame

    def _show_mine(self) -> None:
        thumbs = []
        for item in self.items:
            seen = self._seen.get(self._key(item))
            image = self._pair(self._key(item), seen) if seen is not None else self._pixels.get(item.picture)
            badge = f"σ {seen.sigma:.2f}" if seen is not None and seen.sigma > 0 else ""
            tip = item.name
            if seen is not None:
                tip += "\n" + self.section.sure_words(seen)
            thumbs.append(Thumb(MINE + item.id, image, item.name, tip, badge=badge))
        self.board.mine.set_items(thumbs)
        self.board.mine.set_current(MINE + self.current if self.current else None)

    def _pair(self, key: tuple[str, str, Frame | None], seen: Encoding) -> UInt8Image:
        """The picture as it was framed, its reconstruction set into the corner (made once)."""
        found = self._pairs.get(key)
        if found is None:
            from studio.media.images import thumbnail

            found = thumbnail(seen.image, 2 * SIDE)[..., :3].copy()
            small = thumbnail(seen.reconstruction, round(INSET * max(found.shape[:2])))[..., :3]
            high, wide = min(small.shape[0], found.shape[0]), min(small.shape[1], found.shape[1])
            found[: high + 3, -wide - 3 :] = 16
            found[:high, -wide:] = small[:high, :wide]
            self._pairs[key] = found
        return found

    def _show_examples(self) -> None:
        indices = self.example_indices()
        pictures = [self.panel.thumbs.get(DataPoint(index=i)) for i in indices]
        if (indices, [id(picture) for picture in pictures]) != self._examples_shown:
            self._examples_shown = (indices, [id(picture) for picture in pictures])
            name = self.tr("Example %1")
            self.board.examples.set_items(
                Thumb(f"{EXAMPLE}{i}", picture, "", name.replace("%1", str(i + 1)))
                for i, picture in zip(indices, pictures, strict=True)
            )
        shown = self.panel.state.latent
        self.board.examples.set_current(f"{EXAMPLE}{shown.index}" if isinstance(shown, DataPoint) else None)

    def _show_frame(self) -> None:
        item = self.item(self.current)
        self.section.setVisible(item is not None)
        if item is not None:
            self._load(item)
            self.section.show_item(item, self._pixels.get(item.picture), self._seen.get(self._key(item)))

    def _load(self, item: TrayItem) -> None:
        """The whole picture of an item of a project that was opened."""
        if item.picture not in self._pixels and item.picture not in self._loading and self.panel.active:
            self._loading.add(item.picture)
            self.panel.call(_loader(item.picture, item.name), self.tr("Reading the picture"), "load", "io")

    def bring_back(self, request: Encode) -> None:
        """A recipe of an encoding: its picture on the tray, framed as it was."""
        self._back = request
        self.panel.call(_loader(request.picture, self.tr("Picture")), self.tr("Reading the picture"), "back", "io")

    # Encoding ------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for the encoding of the item in hand, then of the others, one at a time."""
        panel = self.panel
        if panel.card is None or not panel.active:
            return
        first = self.item(self.current)
        order = ([first] if first is not None else []) + list(self.items)
        wanted = next((i for i in order if self._key(i) not in self._seen and self._key(i) not in self._given_up), None)
        if wanted is None:
            return
        request = Encode(model=panel.sha, precision=panel.precision, picture=wanted.picture, frame=wanted.frame)
        if request != self._asked:
            self._asked = request
            panel.live(request, "encode")

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "load":
            self._pixels[result.asset] = result.pixels
            self.show()
            return
        if key == "back":
            self.panel.show_latent(self.add(result))
            if self._back is not None and self._back.picture == result.asset and self._back.frame is not None:
                self.frame(self._back.frame, True)
            self._back = None
            return
        if key == "whole":
            self.studio.add_result(request, result.reconstruction, self.tr("reconstruction"), self.panel.name)
            self.panel.show_image(result.reconstruction, self.tr("reconstruction at full size"), natural=True)
            return
        self._asked = None
        self._seen[request.model, request.picture, request.frame] = result
        while len(self._seen) > KEPT:
            gone = next(iter(self._seen))
            del self._seen[gone]
            self._pairs.pop(gone, None)
        self._show_mine()
        self._show_frame()
        self.panel.show_compare()
        self._ask()

    def ended(self, key: str, job: int) -> None:
        # What failed was told; it is not tried again until something about it changes.
        if key == "encode" and self._asked is not None:
            self._given_up.add((self._asked.model, self._asked.picture, self._asked.frame))
            self._asked = None

    def picture_of(self, latent: Latent) -> UInt8Image | None:
        """The framed picture that a latent was encoded from, to compare with."""
        if not isinstance(latent, Encoded):
            return None
        seen = self._seen.get((self.panel.sha, latent.picture, latent.frame))
        return seen.image if seen is not None else None

    # What the hand does --------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Let the person pick pictures."""
        files = self.studio.choose_files(
            "picture",
            self.tr("Choose pictures"),
            self.tr("Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.gif *.bmp)"),
            several=True,
        )
        self.panel.keeping.take(list(files), self.panel.show_latent)

    def add(self, kept: Kept) -> Encoded:
        """A picture comes onto the tray (once); what it stands for."""
        self._pixels[kept.asset] = kept.pixels
        item = next((i for i in self.items if i.picture == kept.asset), None)
        self._shelf = "mine"
        if item is None:
            item = TrayItem(id=uuid.uuid4().hex, picture=kept.asset, name=kept.title)
            self.current = item.id
            self.panel.change(self.tr("Add a picture"), tray=(*self.items, item))
        self.current = item.id
        return self.latent_of(item)

    def show_item(self, item: str) -> None:
        """A thumbnail was clicked: its picture on the canvas."""
        self.current = item.removeprefix(MINE) if item.startswith(MINE) else ""
        latent = self.resolve(item)
        if latent is not None:
            self.panel.show_latent(latent)
        self.show()

    def _adopt(self, item: str) -> None:
        latent = self.resolve(item)
        if latent is not None:
            self.panel.padding.put(len(self.panel.state.pad.corners), latent)

    def remove(self, item: str) -> None:
        """Take a picture from the tray (what was made of it stays)."""
        gone = item.removeprefix(MINE)
        self.panel.change(self.tr("Take from the tray"), tray=tuple(i for i in self.items if i.id != gone))

    def _rename(self, item: TrayItem) -> None:
        name, fine = QInputDialog.getText(self.board, self.tr("Name"), self.tr("Name"), text=item.name)
        if fine and name.strip():
            tray = tuple(msgspec.structs.replace(i, name=name.strip()) if i.id == item.id else i for i in self.items)
            self.panel.change(self.tr("Rename"), tray=tray)

    def other_examples(self) -> None:
        """The next examples of the model."""
        if self.panel.data_count:
            self._first_example = (self._first_example + EXAMPLES) % self.panel.data_count
            self.show()

    def _choose_shelf(self, shelf: str) -> None:
        self._shelf = shelf
        self.show()

    def frame(self, frame: Frame, final: bool) -> None:
        """The item in hand is framed otherwise, wherever it is in use."""
        item = self.item(self.current)
        if item is None:
            return

        def change(latent: Latent) -> Latent:
            if isinstance(latent, Encoded) and (latent.picture, latent.frame) == (item.picture, item.frame):
                return msgspec.structs.replace(latent, frame=frame)
            return latent

        tray = tuple(msgspec.structs.replace(i, frame=frame) if i.id == item.id else i for i in self.items)
        self._given_up.clear()
        self.panel.edit(self.tr("Frame the picture"), "frame", final, tray=tray, **self.panel.mapped(change))

    def _whole(self) -> None:
        item = self.item(self.current)
        if item is not None and self.panel.card is not None:
            request = Encode(
                model=self.panel.sha,
                precision=self.panel.precision,
                picture=item.picture,
                frame=item.frame,
                tile=max(256, self.panel.resolution),
            )
            self.panel.long(request, self.tr("Reconstructing %1").replace("%1", item.name), "whole")

    def _file(self, item: str) -> Path | None:
        found = self.item(item.removeprefix(MINE)) if item.startswith(MINE) else None
        latent = self.resolve(item)
        if latent is None or self.panel.card is None:
            return None
        image = self._pixels.get(found.picture) if found is not None else self.panel.thumbs.get(latent)
        if image is None:
            return None
        return self.studio.picture_file(
            image, self.panel.render_of(latent), found.name if found else self.tr("example")
        )

    def _menu(self, item: str, at: QPoint) -> None:
        latent = self.resolve(item)
        if latent is None:
            return
        panel, menu = self.panel, QMenu(self.board)
        corners = len(panel.state.pad.corners)
        for i in range(min(4, corners + 1)):
            text = self.tr("Put on the pad at %1").replace("%1", "ABCD"[i])
            menu.addAction(text, partial(panel.padding.put, i, latent))
        menu.addAction(self.tr("Add to the walk"), partial(panel.walking.add_key, latent))
        menu.addSeparator()
        menu.addAction(self.tr("Pile “with”"), partial(panel.piling.add, "having", latent))
        menu.addAction(self.tr("Pile “without”"), partial(panel.piling.add, "lacking", latent))
        found = self.item(item.removeprefix(MINE)) if item.startswith(MINE) else None
        if found is not None:
            menu.addSeparator()
            menu.addAction(self.tr("Rename…"), partial(self._rename, found))
            menu.addAction(self.tr("Remove"), partial(self.remove, item))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)


def _loader(picture: str, title: str) -> Any:
    def load(ctx: Any) -> Kept:
        return Kept(picture, ctx.assets.image(picture), title)

    return load


def mapped_state(state: MorphState, change: Any) -> dict[str, Any]:
    """The fields of a state that hold latents, with every latent changed; only those that differ."""

    def deep(latent: Latent) -> Latent:
        return replaced(latent, change)

    pad = msgspec.structs.replace(state.pad, corners=tuple(deep(c) for c in state.pad.corners))
    piles = msgspec.structs.replace(
        state.piles,
        having=tuple(deep(x) for x in state.piles.having),
        lacking=tuple(deep(x) for x in state.piles.lacking),
    )
    fields = {"latent": deep(state.latent), "pad": pad, "piles": piles, "walk": walk_with(state.walk, deep)}
    return {name: value for name, value in fields.items() if value != getattr(state, name)}

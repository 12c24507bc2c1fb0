"""Every finished picture with its recipe, newest first, within a budget of memory.

What is not starred lives only as long as the window: thumbnail, recipe, and the full picture while the budget lasts
(a recipe makes the picture again).  Starring moves an item into the project's gallery, picture included, as an
undoable edit.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Signal

from studio.app.calls import Lane
from studio.app.document import Document
from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.project.assets import AssetStore
from studio.project.session import GalleryItem, Session

if TYPE_CHECKING:
    from studio.engine.results import Picture

log = logging.getLogger(__name__)

THUMBNAIL = 160
"""Longest side of a thumbnail in pixels."""
BATCH = 16
"""Thumbnails that are read in one go."""
LIMIT = 500
"""Most items that are not starred."""


@dataclass(slots=True, eq=False)
class Item:
    """One result.  ``picture`` is None when it was pruned (or lives as an asset of the gallery)."""

    id: str
    title: str
    request: msgspec.Struct
    panel: str
    created: float
    thumbnail: UInt8Image | None = None
    picture: UInt8Image | None = None
    whole: Picture | None = None
    """The result behind the picture when that holds more than its 8 bits; it goes with the picture."""

    @property
    def bytes(self) -> int:
        """Memory held."""
        # A small picture is its own thumbnail.
        held = {id(array): array.nbytes for array in (self.thumbnail, self.picture) if array is not None}
        if self.whole is not None and self.whole.deep is not None:
            held[id(self.whole.deep)] = self.whole.deep.nbytes
        return sum(held.values())


def small(pixels: UInt8Image, side: int = THUMBNAIL) -> UInt8Image:
    """A thumbnail good enough for a strip, quick enough for the UI thread: mean over whole blocks of pixels."""
    height, width = pixels.shape[:2]
    step = max(height, width) // side
    if step <= 1:
        return np.ascontiguousarray(pixels)
    # The mean of about 4 x 4 pixels of each block, summed plane by plane: ten times as fast as one mean over axes.
    down, across = min(step, height), min(step, width)
    rows, columns = height // down, width // across
    total = np.zeros((rows, columns, pixels.shape[2]), np.uint32)
    places = [(i, j) for i in range(0, down, -(-down // 4)) for j in range(0, across, -(-across // 4))]
    for i, j in places:
        total += pixels[i : rows * down : down, j : columns * across : across]
    made: UInt8Image = (total // len(places)).astype(np.uint8)
    return made


def _read(assets: AssetStore, kept: list[GalleryItem]) -> dict[str, UInt8Image]:
    """The thumbnails of gallery items; a missing one leaves its frame empty (opening the picture says why)."""
    found: dict[str, UInt8Image] = {}
    for item in kept:
        try:
            found[item.id] = small(assets.image(item.thumbnail or item.picture))
        except StudioError as error:
            log.warning("a thumbnail is missing: %s", error)
    return found


class History(QObject):
    """The items of this window joined with the gallery of the document."""

    changed = Signal()
    thumbnail_ready = Signal(str, object)
    """``(id, pixels)`` of a gallery item whose thumbnail was read."""

    def __init__(self, document: Document, lane: Lane, budget_bytes: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self._lane = lane
        self._budget = budget_bytes
        self._items: dict[str, Item] = {}
        self._thumbnails: dict[str, UInt8Image] = {}
        self._asked: set[str] = set()
        self._starring: set[str] = set()
        document.changed.connect(self._on_changed)
        document.replaced.connect(self._on_replaced)

    # Reading -------------------------------------------------------------------------------------------------

    def items(self) -> list[Item]:
        """Everything to show, newest first: this window's results and the gallery."""
        merged = dict(self._items)
        for kept in self.document.session.gallery:
            if kept.id not in merged:
                merged[kept.id] = Item(
                    kept.id, kept.title, kept.request, kept.panel, kept.created, self._thumbnails.get(kept.id)
                )
        return sorted(merged.values(), key=lambda item: -item.created)

    def find(self, item_id: str) -> Item | None:
        """One item by id."""
        return next((item for item in self.items() if item.id == item_id), None)

    def starred_ids(self) -> set[str]:
        """Everything that is (or is just being put) in the gallery."""
        return self._starring | {kept.id for kept in self.document.session.gallery}

    def starred(self, item_id: str) -> bool:
        """Whether it is (or is just being put) in the gallery."""
        return item_id in self._starring or any(kept.id == item_id for kept in self.document.session.gallery)

    def keep_whole(self, item: Item, result: Picture) -> None:
        """Remember the 16 bits and the profile of an item, while its picture is at hand."""
        item.whole = result
        self._prune()

    def whole(self, pixels: UInt8Image) -> Picture | None:
        """The result that these pixels of an item belong to, when it holds more than they do."""
        return next((i.whole for i in self._items.values() if i.whole is not None and i.picture is pixels), None)

    def bytes(self) -> int:
        """Memory held by what is not starred."""
        return sum(item.bytes for item in self._items.values())

    def picture(self, item_id: str, then: Callable[[UInt8Image], object]) -> bool:
        """Give the full picture to ``then``, at once or after reading it; False when it was pruned."""
        item = self._items.get(item_id)
        if item is not None and item.picture is not None:
            then(item.picture)
            return True
        kept = self._kept(item_id)
        if kept is None:
            return False
        assets = self.document.assets
        self._lane.submit(lambda: assets.image(kept.picture), then, doing=self.tr("Reading the picture"))
        return True

    def want_thumbnails(self) -> None:
        """Read the gallery's thumbnails that are not there yet, in the background; ``thumbnail_ready`` follows."""
        known = self._thumbnails.keys() | self._asked | self._items.keys()
        new = [kept for kept in self.document.session.gallery if kept.id not in known]
        self._asked.update(kept.id for kept in new)
        # A few at a time: a gallery of hundreds must neither come all at once nor as hundreds of jobs.
        for start in range(0, len(new), BATCH):
            self._lane.submit(partial(_read, self.document.assets, new[start : start + BATCH]), self._got)

    # Changing ------------------------------------------------------------------------------------------------

    def add(self, request: msgspec.Struct, picture: UInt8Image, title: str, panel: str) -> Item:
        """A finished picture; one with an equal request comes to the front instead of coming twice."""
        for item in self._items.values():
            if item.request == request and item.panel == panel:
                item.created, item.picture, item.thumbnail = time.time(), picture, small(picture)
                item.whole = None
                self.changed.emit()
                return item
        item = Item(uuid.uuid4().hex, title, request, panel, time.time(), small(picture), picture)
        self._items[item.id] = item
        self._prune()
        self.changed.emit()
        return item

    def set_budget(self, budget_bytes: int) -> None:
        """Change how much memory the unstarred results may take."""
        self._budget = budget_bytes
        self._prune()
        self.changed.emit()

    def star(self, item_id: str) -> bool:
        """Put an item into the gallery, or take it out again; both can be undone.

        False when its picture was pruned: it has to be made again first.
        """
        kept = self._kept(item_id)
        session = self.document.session
        if kept is not None:
            gallery = tuple(other for other in session.gallery if other.id != item_id)
            self.document.edit(msgspec.structs.replace(session, gallery=gallery), self.tr("Take out of the gallery"))
            return True
        item = self._items.get(item_id)
        if item_id in self._starring:
            return True
        if item is None or item.picture is None:
            return False
        self._starring.add(item_id)
        assets, full, thumbnail = self.document.assets, item.picture, item.thumbnail

        def store() -> tuple[str, str]:
            return assets.put_image(full), assets.put_image(thumbnail if thumbnail is not None else small(full))

        def stored(names: tuple[str, str]) -> None:
            self._starring.discard(item_id)
            if assets is not self.document.assets:  # another project was opened meanwhile
                return
            new = GalleryItem(
                id=item.id,
                title=item.title,
                request=item.request,  # type: ignore[arg-type]
                picture=names[0],
                thumbnail=names[1],
                starred=True,
                created=item.created,
                panel=item.panel,
            )
            now = self.document.session
            self.document.edit(
                msgspec.structs.replace(now, gallery=(*now.gallery, new)), self.tr("Keep in the gallery")
            )

        def failed(error: object) -> None:
            self._starring.discard(item_id)
            self.changed.emit()
            self._lane.failed.emit(error)

        self._lane.submit(store, stored, failed, doing=self.tr("Keeping the picture"))
        self.changed.emit()
        return True

    def discard(self, item_id: str) -> None:
        """Remove an item; one in the gallery as an undoable edit."""
        item = self._items.pop(item_id, None)
        if self._kept(item_id) is not None:
            session = self.document.session
            gallery = tuple(other for other in session.gallery if other.id != item_id)
            self.document.edit(msgspec.structs.replace(session, gallery=gallery), self.tr("Discard a picture"))
        if item is not None:
            self.changed.emit()

    def clear(self) -> None:
        """Remove everything that is not in the gallery."""
        self._items = {key: item for key, item in self._items.items() if self.starred(key)}
        self.changed.emit()

    # Inside --------------------------------------------------------------------------------------------------

    def _kept(self, item_id: str) -> GalleryItem | None:
        return next((kept for kept in self.document.session.gallery if kept.id == item_id), None)

    def _oldest(self) -> Iterator[Item]:
        yield from sorted(self._items.values(), key=lambda item: item.created)

    def _prune(self) -> None:
        """Within the budget: first the oldest full pictures go (never the newest ten), then the oldest items."""
        held = self.bytes()
        in_gallery = {kept.id for kept in self.document.session.gallery}
        oldest = [item for item in self._oldest() if item.id not in self._starring]
        for item in oldest[:-10]:
            if held <= self._budget:
                break
            if item.picture is not None:
                held -= item.bytes
                item.picture = item.whole = None
                held += item.bytes
        loose = [item for item in oldest if item.id not in in_gallery]
        for item in loose[: max(0, len(loose) - LIMIT)]:
            del self._items[item.id]

    def _got(self, found: dict[str, UInt8Image]) -> None:
        for key, pixels in found.items():
            self._asked.discard(key)
            self._thumbnails[key] = pixels
            self.thumbnail_ready.emit(key, pixels)

    def _on_changed(self, before: Session, after: Session) -> None:
        if before.gallery is not after.gallery:
            self.want_thumbnails()
            self.changed.emit()

    def _on_replaced(self, notes: Any) -> None:
        self._items.clear()
        self._thumbnails.clear()
        self._asked.clear()
        self.want_thumbnails()
        self.changed.emit()

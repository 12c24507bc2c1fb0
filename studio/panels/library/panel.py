"""The Library panel: four shelves in the middle, the chosen thing at the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from studio.base.errors import StudioError
from studio.base.steps import Preview, UInt8Image
from studio.panels.base import Action, Panel, Studio
from studio.panels.library.content import (
    catalogue,
    catalogue_row,
    has_home,
    model_row,
    short_title,
    thumbnail_reader,
)
from studio.panels.library.details import (
    SAMPLES,
    BookmarkDetails,
    CatalogueDetails,
    ModelDetails,
    PictureDetails,
)
from studio.panels.library.rows import RowData, RowList
from studio.panels.registry import HOME
from studio.project.latents import Look, Seed
from studio.project.requests import Precision, Tiles
from studio.project.session import Bookmark, GalleryItem, Session
from studio.widgets.chips import ChipRow
from studio.widgets.empty import EmptyState
from studio.widgets.parts import label, text_button
from studio.widgets.section import Inspector
from studio.widgets.strip import Thumb, ThumbStrip
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

MISSING = "missing:"
SAMPLE_TILE = 64


class LibraryPanel(Panel):
    """Models, bookmarks, gallery, catalogue."""

    name = "library"

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(studio, parent)
        self._chosen: dict[str, str] = {}
        self._pictures: dict[str, UInt8Image] = {}
        self._samples: dict[str, dict[int, UInt8Image]] = {}
        self._sample_jobs: dict[int, str] = {}
        self._asked: set[str] = set()
        self._exports: dict[int, GalleryItem] = {}

        self.shelves = ChipRow(self._shelf_options(), name=self.tr("Shelf"))
        self.shelves.set_current("models")
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search here …"))
        self.search.setAccessibleName(self.tr("Search this shelf"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(240)
        self.add = text_button(self.tr("Add a model …"), studio.open_model_dialog, icon_name="import")

        self.models = RowList(self.tr("Models"))
        self.bookmarks = self._wall(self.tr("Bookmarks"))
        self.gallery = self._wall(self.tr("Gallery"))
        self.catalogue = RowList(self.tr("Catalogue"))
        self.empty = {
            "models": EmptyState(
                "model",
                self.tr("No models here"),
                self.tr("Drop a model file on the window, or choose one with the button above."),
            ),
            "bookmarks": EmptyState(
                "bookmark",
                self.tr("No bookmarks yet"),
                self.tr("Ctrl+B keeps the place that you are looking at. A bookmark can be used wherever a seed can."),
            ),
            "gallery": EmptyState(
                "star",
                self.tr("Nothing kept yet"),
                self.tr("The star on a picture of the history keeps it here, in the project, with its recipe."),
            ),
        }
        self.pages = QStackedWidget()
        self._page = {
            "models": self.models,
            "bookmarks": self._inset(self.bookmarks),
            "gallery": self._inset(self.gallery),
            "catalogue": self.catalogue,
        }
        for page in (*self._page.values(), *self.empty.values()):
            self.pages.addWidget(page)

        self.stage = QWidget()
        column = QVBoxLayout(self.stage)
        column.setContentsMargins(0, 16, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(24, 0, 24, 0)
        head.setSpacing(12)
        head.addWidget(self.shelves, 1)
        head.addWidget(self.search)
        head.addWidget(self.add)
        column.addLayout(head)
        column.addWidget(self.pages, 1)

        inspector = Inspector(self.title, self.description)
        self._holder = QVBoxLayout()
        self._holder.setContentsMargins(0, 0, 0, 0)
        holder = QWidget()
        holder.setLayout(self._holder)
        inspector.add(holder)
        self.inspector = inspector
        self.details: QWidget | None = None

        self.shelves.changed.connect(self.show_shelf)
        self.search.textChanged.connect(lambda _: self._fill())
        self.models.chosen.connect(self._choose)
        self.models.used.connect(self._use_row)
        self.catalogue.chosen.connect(self._choose)
        for wall in (self.bookmarks, self.gallery):
            wall.activated.connect(self._choose)
            wall.remove_asked.connect(self._remove)
        self.bookmarks.adopted.connect(self._use_bookmark)
        self.gallery.adopted.connect(self._recall)
        self.gallery.set_drag_source(self._drag)
        self.gallery.star_toggled.connect(lambda key, _: self._remove(key))
        studio.models.changed.connect(self._models_changed)

    def _shelf_options(self) -> list[tuple[str, str, str]]:
        options = [
            ("models", self.tr("Models"), "model"),
            ("bookmarks", self.tr("Bookmarks"), "bookmark"),
            ("gallery", self.tr("Gallery"), "star"),
        ]
        return [*options, ("catalogue", self.tr("Catalogue"), "link")] if catalogue() else options

    def _wall(self, name: str) -> ThumbStrip:
        wall = ThumbStrip(size=112, wrap=True, captions=True, stars=False, name=name)
        return wall

    @staticmethod
    def _inset(widget: QWidget) -> QWidget:
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(24, 8, 8, 0)
        box.addWidget(widget)
        return page

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.tr("Library")

    @property
    def description(self) -> str:
        return self.tr("Models, places and pictures that you keep.")

    def activate(self) -> None:
        super().activate()
        self._fill()

    def session_changed(self, before: Session, after: Session) -> None:
        if before.bookmarks is not after.bookmarks or before.gallery is not after.gallery or before is after:
            self._fill()

    def actions(self) -> Sequence[Action]:
        return (
            Action("library.models", self.tr("Show the models"), lambda: self.show_shelf("models"), icon="model"),
            Action(
                "library.bookmarks",
                self.tr("Show the bookmarks"),
                lambda: self.show_shelf("bookmarks"),
                icon="bookmark",
            ),
            Action("library.gallery", self.tr("Show the gallery"), lambda: self.show_shelf("gallery"), icon="star"),
        )

    def accept_model(self, card: ModelCard) -> bool:
        self._chosen["models"] = card.sha256
        self.show_shelf("models")
        return True

    # Shelves -------------------------------------------------------------------------------------------------

    @property
    def shelf(self) -> str:
        """Which shelf is shown: models, bookmarks, gallery, catalogue."""
        return self.shelves.current() or "models"

    def show_shelf(self, shelf: str) -> None:
        """Bring a shelf to the front."""
        self.shelves.set_current(shelf)
        self._fill()

    def _fill(self) -> None:
        shelf = self.shelf
        self.add.setVisible(shelf in ("models", "catalogue"))
        {
            "models": self._fill_models,
            "bookmarks": self._fill_bookmarks,
            "gallery": self._fill_gallery,
            "catalogue": self._fill_catalogue,
        }[shelf]()
        self._show_details()

    def _matches(self, *texts: str) -> bool:
        words = self.search.text().casefold().split()
        everything = " ".join(texts).casefold()
        return all(word in everything for word in words)

    def _fill_models(self) -> None:
        cards = [
            card
            for card in self.studio.models.entries()
            if self._matches(card.title, card.name, card.architecture, card.data)
        ]
        session = self.studio.document.session
        default = self.studio.card("")
        used = {model or (default.sha256 if default else "") for model in (session.explore.model, session.mix.model)}
        missing = [
            RowData(
                MISSING + ref.sha256,
                ref.name,
                ref.architecture or self.tr("The project needs it; it is not on this computer."),
                "warning",
                ((self.tr("missing"), Theme.BAD),),
            )
            for ref in self.studio.models.missing()
            if self._matches(ref.name)
        ]
        if self._chosen.get("models", "") not in {card.sha256 for card in cards} and cards:
            self._chosen["models"] = next((card.sha256 for card in cards if card.sha256 in used), cards[0].sha256)
        self.models.set_groups(
            (
                (self.tr("Missing"), missing),
                (self.tr("Came with the program"), [model_row(card, used) for card in cards if card.embedded]),
                (self.tr("Added by you"), [model_row(card, used) for card in cards if not card.embedded]),
            ),
            self._chosen.get("models", ""),
        )
        for sha, tiles in self._samples.items():
            if sha in self.models.rows and 0 in tiles:
                self.models.rows[sha].set_picture(tiles[0])
        anything = bool(self.models.rows) or bool(self.search.text())
        self.pages.setCurrentWidget(self.models if anything else self.empty["models"])

    def _fill_bookmarks(self) -> None:
        marks = [mark for mark in self.studio.document.session.bookmarks if self._matches(mark.name)]
        self.bookmarks.set_items(
            Thumb(mark.id, self._pictures.get(mark.thumbnail), title=mark.name, tooltip=mark.name) for mark in marks
        )
        self._keep_choice("bookmarks", [mark.id for mark in marks], self.bookmarks)
        self._want([mark.thumbnail for mark in marks])

    def _fill_gallery(self) -> None:
        items = [item for item in reversed(self.studio.document.session.gallery) if self._matches(item.title)]
        self.gallery.set_items(
            Thumb(
                item.id,
                self._pictures.get(item.thumbnail or item.picture),
                title=short_title(item.title),
                tooltip=item.title,
            )
            for item in items
        )
        self._keep_choice("gallery", [item.id for item in items], self.gallery)
        self._want([item.thumbnail or item.picture for item in items])

    def _keep_choice(self, shelf: str, ids: list[str], wall: ThumbStrip) -> None:
        if self._chosen.get(shelf) not in ids:
            self._chosen[shelf] = ids[0] if ids else ""
        wall.set_current(self._chosen[shelf] or None)
        has_any = bool(self.search.text()) or bool(ids)
        self.pages.setCurrentWidget(self._page[shelf] if has_any else self.empty[shelf])

    def _fill_catalogue(self) -> None:
        found = [entry for entry in catalogue() if self._matches(entry.name, entry.title, entry.architecture)]
        rows = [catalogue_row(entry) for entry in found]
        self.catalogue.set_groups(
            ((self.tr("Made by others, free to download"), rows),), self._chosen.get("catalogue", "")
        )
        self.pages.setCurrentWidget(self.catalogue)

    # Pictures ------------------------------------------------------------------------------------------------

    def _want(self, shas: list[str]) -> None:
        """Read thumbnails that are not here yet, all in one quiet job."""
        new = [sha for sha in dict.fromkeys(shas) if sha and sha not in self._pictures and sha not in self._asked]
        if new:
            self._asked.update(new)
            self.call(thumbnail_reader(new), "", "thumbnails", where="io")

    def preview(self, job: int, preview: Preview) -> None:
        if job in self._sample_jobs:
            self._got_sample(self._sample_jobs[job], preview.index, preview.image)
            return
        self._pictures[preview.label] = preview.image
        session = self.studio.document.session
        for shelf, wall, things in (
            ("bookmarks", self.bookmarks, session.bookmarks),
            ("gallery", self.gallery, session.gallery),
        ):
            for thing in things:
                sha = thing.thumbnail or getattr(thing, "picture", "")
                if sha == preview.label and any(thumb.id == thing.id for thumb in wall.items()):
                    title = getattr(thing, "name", "") or getattr(thing, "title", "")
                    wall.update_item(Thumb(thing.id, preview.image, title=short_title(title), tooltip=title))
                    if self.shelf == shelf and self._chosen.get(shelf) == thing.id:
                        self._show_details()

    def result(self, job: int, request: Any, result: Any) -> None:
        item = self._exports.pop(job, None)
        if item is not None:
            self.studio.export_picture(result, item.request, item.title)
            return
        sha = self._sample_jobs.pop(job, "")
        for index, image in enumerate(getattr(result, "images", ())) if sha else ():
            self._got_sample(sha, index, image)

    def failed(self, job: int, request: Any, error: StudioError) -> None:
        self._sample_jobs.pop(job, None)
        self._exports.pop(job, None)
        self.studio.notify(error)

    def _ask_samples(self, card: ModelCard) -> None:
        if card.sha256 in self._samples:
            return
        seeds = tuple(Seed(seed=number) for number in range(1, SAMPLES[0] * SAMPLES[1] + 1))
        precision: Precision = "exact" if self.studio.precision == "exact" else "fast"
        request = Tiles(model=card.sha256, precision=precision, latents=seeds, looks=(Look(psi=0.7),), tile=SAMPLE_TILE)
        self._sample_jobs[self.live(request, "samples")] = card.sha256

    def _got_sample(self, sha: str, index: int, image: UInt8Image) -> None:
        self._samples.setdefault(sha, {})[index] = image
        if isinstance(self.details, ModelDetails) and self.details.card.sha256 == sha:
            self.details.samples.set_tile(*divmod(index, SAMPLES[1]), image)
        if index == 0 and sha in self.models.rows:
            self.models.rows[sha].set_picture(image)

    # The chosen thing ----------------------------------------------------------------------------------------

    def _choose(self, key: str) -> None:
        if key.startswith(MISSING):
            self.studio.models.find_missing()
            return
        self._chosen[self.shelf] = key
        self._show_details()

    def _show_details(self) -> None:
        made = self._make_details(self._chosen.get(self.shelf, ""))
        old, self.details = self.details, made
        if old is not None:
            self._holder.removeWidget(old)
            old.hide()
            old.deleteLater()
        if made is not None:
            self._holder.addWidget(made)

    def _make_details(self, key: str) -> QWidget | None:
        session = self.studio.document.session
        if self.shelf == "models":
            card = next((card for card in self.studio.models.entries() if card.sha256 == key), None)
            return self._model_details(card) if card is not None else None
        if self.shelf == "bookmarks":
            mark = next((mark for mark in session.bookmarks if mark.id == key), None)
            return self._bookmark_details(mark) if mark is not None else None
        if self.shelf == "gallery":
            item = next((item for item in session.gallery if item.id == key), None)
            return self._picture_details(item) if item is not None else None
        entry = next((entry for entry in catalogue() if entry.name == key), None)
        if entry is None:
            return None
        details = CatalogueDetails(entry)
        details.column.insertWidget(0, label(entry.title, "heading", wrap=True))
        return details

    def _model_details(self, card: ModelCard) -> QWidget:
        details = ModelDetails(card, usable=has_home(card))
        details.use.connect(lambda: self._use_model(card))
        details.remove.connect(lambda: self.studio.models.remove(card))
        details.assumed.connect(lambda name, value: self._assume(card, name, value))
        tiles = self._samples.get(card.sha256, {})
        for index, image in tiles.items():
            details.samples.set_tile(*divmod(index, SAMPLES[1]), image)
        if card.usable and card.role == "generator":
            self._ask_samples(card)
        details.column.insertWidget(0, label(card.title or card.name, "heading", wrap=True))
        return details

    def _bookmark_details(self, mark: Bookmark) -> QWidget:
        details = BookmarkDetails(mark, self._pictures.get(mark.thumbnail), self._model_name(mark.model))
        details.use.connect(lambda: self._use_bookmark(mark.id))
        details.remove.connect(lambda: self._remove(mark.id))
        details.renamed.connect(lambda name: self._rename(mark.id, name))
        return details

    def _picture_details(self, item: GalleryItem) -> QWidget:
        picture = self._pictures.get(item.thumbnail or item.picture)
        details = PictureDetails(item, picture, self._model_name(getattr(item.request, "model", "")))
        details.recall.connect(lambda: self._recall(item.id))
        details.recipe.connect(lambda: self.studio.show_recipe(item.request, item.title))
        details.remove.connect(lambda: self._remove(item.id))
        details.export.connect(lambda: self._export(item))
        return details

    def _model_name(self, model: str) -> str:
        card = self.studio.card(model)
        if card is not None:
            return card.title or card.name
        known = next((ref.name for ref in self.studio.document.session.models if ref.sha256 == model), model[:12])
        return self.tr("{name} (missing)").format(name=known)

    # What can be done ----------------------------------------------------------------------------------------

    def _use_row(self, key: str) -> None:
        card = next((card for card in self.studio.models.entries() if card.sha256 == key), None)
        if card is not None and has_home(card):
            self._use_model(card)

    def _use_model(self, card: ModelCard) -> None:
        self.studio.show_panel(HOME[card.role])
        self.studio.use_model(card)

    def _assume(self, card: ModelCard, name: str, value: object) -> None:
        self._samples.pop(card.sha256, None)
        self.studio.models.assume(card, name, value)

    def _use_bookmark(self, key: str) -> None:
        mark = next((mark for mark in self.studio.document.session.bookmarks if mark.id == key), None)
        if mark is not None:
            self.studio.show_panel("explore")
            self.studio.use_bookmark(mark)

    def _recall(self, key: str) -> None:
        item = next((item for item in self.studio.document.session.gallery if item.id == key), None)
        if item is not None:
            self.studio.recall(item.request, item.panel)

    def _export(self, item: GalleryItem) -> None:
        # The full picture, not the thumbnail that is shown here.
        assets = self.studio.assets
        self._exports[self.call(lambda _: assets.image(item.picture), "", "export", where="io")] = item

    def _drag(self, key: str) -> Path | None:
        item = next((item for item in self.studio.document.session.gallery if item.id == key), None)
        if item is None or not self.studio.assets.has(item.picture):
            return None
        return self.studio.picture_file(self.studio.assets.image(item.picture), item.request, short_title(item.title))

    def _rename(self, key: str, name: str) -> None:
        session = self.studio.document.session
        marks = tuple(msgspec.structs.replace(m, name=name) if m.id == key else m for m in session.bookmarks)
        self.studio.document.edit(msgspec.structs.replace(session, bookmarks=marks), self.tr("Rename a bookmark"))

    def _remove(self, key: str) -> None:
        session = self.studio.document.session
        if self.shelf == "bookmarks":
            marks = tuple(mark for mark in session.bookmarks if mark.id != key)
            self.studio.document.edit(msgspec.structs.replace(session, bookmarks=marks), self.tr("Remove a bookmark"))
        elif self.shelf == "gallery":
            items = tuple(item for item in session.gallery if item.id != key)
            self.studio.document.edit(
                msgspec.structs.replace(session, gallery=items), self.tr("Take out of the gallery")
            )

    def _models_changed(self) -> None:
        if self.active and self.shelf == "models":
            self._fill()

"""What the shelves hold, as rows and captions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import cache
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

from studio.base import paths
from studio.base.errors import StudioError
from studio.base.steps import Preview
from studio.checkpoints.catalogue import CatalogueEntry, read_catalogue
from studio.panels.library.details import size_words
from studio.panels.library.rows import RowData
from studio.panels.parts.models import architecture_name, picture_words, role_name
from studio.panels.registry import HOME, entries
from studio.widgets.tokens import Theme

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

log = logging.getLogger(__name__)


@cache
def catalogue() -> tuple[CatalogueEntry, ...]:
    """The models that can be downloaded elsewhere; () when there is no catalogue."""
    try:
        return read_catalogue(paths.weights() / "catalog.json")
    except StudioError as error:
        log.warning("%s", error.sentence())
        return ()


def model_row(card: ModelCard, used: set[str]) -> RowData:
    """A model's row; ``used`` are the sha256 of the models that the project works with."""
    tr = QCoreApplication.translate
    hyper = card.hyper
    parts = [architecture_name(card)]
    if card.role != "generator":
        parts.append(role_name(card))
    if size := picture_words(card):
        parts.append(size)
    if hyper.get("num_ws", 1) > 1:
        parts.append(tr("LibraryPanel", "{count} layers").format(count=hyper["num_ws"]))
    if card.size:
        parts.append(size_words(card.size))
    if card.licence:
        parts.append(card.licence)
    tags: list[tuple[str, str]] = []
    if card.sha256 in used:
        tags.append((tr("LibraryPanel", "in use"), Theme.ACCENT))
    if not has_home(card):
        tags.append((tr("LibraryPanel", "no workspace yet"), Theme.FAINT))
    return RowData(card.sha256, card.title or card.name, " · ".join(parts), "model", tuple(tags))


def has_home(card: ModelCard) -> bool:
    """Whether there is a workspace that can use this model."""
    return card.usable and HOME.get(card.role) in {entry.name for entry in entries()}


def catalogue_row(entry: CatalogueEntry) -> RowData:
    """The row of a model that can be downloaded."""
    detail = " · ".join((entry.architecture, size_words(entry.size), entry.licence))
    return RowData(entry.name, entry.title, detail, "link")


def short_title(title: str) -> str:
    """A caption under a thumbnail: "seed 8" of "seed 8 · ψ 0.70 · w space"."""
    return title.split(" · ")[0]


def thumbnail_reader(shas: list[str]) -> Callable[[Any], Generator[Preview, Any, None]]:
    """A job that reads thumbnails one after the other; a damaged one leaves its frame empty."""

    def read(ctx: Any) -> Generator[Preview, Any, None]:
        for index, sha in enumerate(shas):
            try:
                image = ctx.assets.image(sha)
            except StudioError as error:
                log.warning("a thumbnail is missing: %s", error)
                continue
            yield Preview(image, sha, index)

    return read

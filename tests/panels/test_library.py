"""The library in the real window: shelves, details, and what can be done with each thing."""

# ruff: noqa: F811 - fixtures of the window are imported by name

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from studio.app.window import MainWindow
from studio.checkpoints.card import Assumption
from studio.panels.library import LibraryPanel
from studio.panels.library import panel as panel_module
from studio.panels.library.details import BookmarkDetails, CatalogueDetails, ModelDetails, PictureDetails, size_words
from studio.project.latents import Seed
from studio.project.session import ModelRef
from tests.app.conftest import (  # noqa: F401 - fixtures
    a_card,
    asked,
    assets,
    library,
    no_thread_stays,
    settings,
    window,
    worker,
)

replace = msgspec.structs.replace


@pytest.fixture
def shelf(window: MainWindow, qtbot: QtBot) -> LibraryPanel:
    window.show_panel("library")
    panel = window.panel
    assert isinstance(panel, LibraryPanel)
    return panel


def a_seed(window: MainWindow, seed: int, qtbot: QtBot) -> None:
    """Make a picture of this seed in Explore."""
    window.show_panel("explore")
    session = window.document.session
    state = replace(session.explore, latent=Seed(seed=seed))
    window.document.edit(replace(session, explore=state), "Seed")
    qtbot.waitUntil(lambda: getattr(window.current_picture()[1], "latent", None) == Seed(seed=seed))  # type: ignore[index]


def test_models_are_listed_with_samples(shelf: LibraryPanel, qtbot: QtBot) -> None:
    assert isinstance(shelf.details, ModelDetails)
    row = shelf.models.rows["a" * 64]
    assert row.data.title == "Paper" and "64 px" in row.data.detail and "CC0" in row.data.detail
    assert [word for word, _ in row.data.tags] == ["in use"]
    qtbot.waitUntil(lambda: shelf._samples.get("a" * 64, {}).keys() == set(range(8)))


def test_a_missing_model_has_a_row_that_leads_to_the_search(
    shelf: LibraryPanel,
    window: MainWindow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = window.document.session
    missing = ModelRef(sha256="f" * 64, name="portraits")
    window.document.edit(
        replace(session, explore=replace(session.explore, model="f" * 64), models=(missing,)), "Choose model"
    )
    shelf.show_shelf("models")
    looked: list[str] = []
    monkeypatch.setattr(window.models, "find_missing", lambda: looked.append("x"))
    shelf.models.rows["missing:" + "f" * 64].click()
    assert looked == ["x"]


def test_searching_a_shelf(shelf: LibraryPanel) -> None:
    shelf.search.setText("stylegan2 paper")
    assert shelf.models.rows
    shelf.search.setText("something else")
    assert not shelf.models.rows


def test_using_a_model_goes_to_explore(shelf: LibraryPanel, window: MainWindow) -> None:
    shelf.models.used.emit("a" * 64)
    assert window.panel is not None and window.panel.name == "explore"


def test_what_was_assumed_can_be_changed(
    shelf: LibraryPanel,
    window: MainWindow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(window.models, "assume", lambda card, name, value: told.append((name, value)))
    card = a_card().changed(assumptions=(Assumption("kernel", "1331", "usual", ("1331", "11")),), embedded=False)
    monkeypatch.setattr(window.models, "_entries", [card])
    shelf.show_shelf("models")
    assert isinstance(shelf.details, ModelDetails)
    box = shelf.details.assumption_boxes["kernel"]
    assert box.isEnabled() and box.currentText() == "1331"
    box.activated.emit(1)
    assert told == [("kernel", "11")]


def test_bookmarks_are_used_renamed_and_removed(
    window: MainWindow,
    qtbot: QtBot,
) -> None:
    a_seed(window, 42, qtbot)
    window.run_action("edit.bookmark")
    qtbot.waitUntil(lambda: bool(window.document.session.bookmarks))
    a_seed(window, 7, qtbot)
    window.show_panel("library")
    panel = window.panel
    assert isinstance(panel, LibraryPanel)
    panel.show_shelf("bookmarks")
    mark = window.document.session.bookmarks[0]
    qtbot.waitUntil(lambda: panel._pictures.get(mark.thumbnail) is not None)
    assert isinstance(panel.details, BookmarkDetails)
    panel.details.name.setText("the smiling one")
    panel.details.name.editingFinished.emit()
    assert window.document.session.bookmarks[0].name == "the smiling one"
    panel.bookmarks.adopted.emit(mark.id)
    assert window.panel is not panel and window.document.session.explore.latent == Seed(seed=42)
    window.show_panel("library")
    panel.bookmarks.remove_asked.emit(mark.id)
    assert not window.document.session.bookmarks
    window.document.undo()
    assert window.document.session.bookmarks[0].name == "the smiling one"


def test_the_gallery_brings_back_exports_and_lets_go(
    window: MainWindow,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_seed(window, 42, qtbot)
    window.run_action("edit.star")
    qtbot.waitUntil(lambda: bool(window.document.session.gallery))
    a_seed(window, 7, qtbot)
    window.show_panel("library")
    panel = window.panel
    assert isinstance(panel, LibraryPanel)
    panel.show_shelf("gallery")
    assert isinstance(panel.details, PictureDetails)
    got: list[Any] = []
    monkeypatch.setattr(window, "export_picture", lambda pixels, request, title: got.append((pixels, request)))
    panel.details.export.emit()
    qtbot.waitUntil(lambda: bool(got))
    assert isinstance(got[0][0], np.ndarray) and got[0][0].shape == (64, 64, 3)
    assert got[0][1].latent == Seed(seed=42)
    panel.details.recall.emit()
    assert window.document.session.explore.latent == Seed(seed=42)
    window.show_panel("library")
    assert isinstance(panel.details, PictureDetails)
    panel.details.remove.emit()
    assert not window.document.session.gallery
    assert panel.pages.currentWidget() is panel.empty["gallery"]


def test_empty_shelves_say_how_to_fill_them(shelf: LibraryPanel) -> None:
    for name in ("bookmarks", "gallery"):
        shelf.show_shelf(name)
        assert shelf.pages.currentWidget() is shelf.empty[name] and shelf.details is None


def test_the_catalogue_says_where_a_model_is(shelf: LibraryPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.checkpoints.catalogue import CatalogueEntry

    entry = CatalogueEntry(
        "faces", "Faces", "generator", "stylegan2", "https://example.org/f.pkl", 10**8, "c" * 64, "CC BY-NC 4.0"
    )
    monkeypatch.setattr(panel_module, "catalogue", lambda: (entry,))
    assert [option[0] for option in shelf._shelf_options()][-1] == "catalogue"
    shelf.shelves.set_options(shelf._shelf_options())
    shelf.show_shelf("catalogue")
    shelf.catalogue.rows["faces"].click()
    assert isinstance(shelf.details, CatalogueDetails)


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 B"), (8_700_000, "8.7 MB"), (381_000_000, "381 MB"), (2_340_000_000, "2.34 GB")]
)
def test_sizes_as_people_say_them(size: int, words: str) -> None:
    assert size_words(size) == words

"""Results with their recipes: within a budget, starred into the project, undoable."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from studio.app import history as history_module
from studio.app.calls import Lane
from studio.app.document import Document
from studio.app.history import THUMBNAIL, History, small
from studio.engine.results import Picture
from studio.project.latents import Seed
from studio.project.requests import Render


def request(seed: int) -> Render:
    return Render(model="a" * 64, latent=Seed(seed=seed))


def picture(seed: int, side: int = 64) -> np.ndarray:
    return np.full((side, side, 3), seed % 255, np.uint8)


@pytest.fixture
def history(document: Document, lane: Lane, qtbot: QtBot) -> Iterator[History]:
    made = History(document, lane, 10 << 20, lane)
    yield made
    qtbot.waitUntil(lambda: lane.idle)


def add(history: History, seed: int, side: int = 64) -> str:
    return history.add(request(seed), picture(seed, side), f"seed {seed}", "explore").id


def test_newest_first(history: History) -> None:
    ids = [add(history, seed) for seed in (1, 2, 3)]
    assert [item.id for item in history.items()] == ids[::-1]


def test_an_equal_request_comes_to_the_front_instead_of_twice(history: History) -> None:
    first = add(history, 1)
    add(history, 2)
    assert add(history, 1) == first
    assert [item.title for item in history.items()] == ["seed 1", "seed 2"]


def test_sixteen_bits_stay_as_long_as_the_picture(history: History) -> None:
    pixels = picture(1, 256)
    deep = pixels.astype(np.uint16) * 257
    item = history.add(request(1), pixels, "deep", "translate")
    alone = history.bytes()
    result = Picture(pixels, deep=deep)
    history.keep_whole(item, result)
    assert history.whole(pixels) is result and history.whole(picture(1, 256)) is None
    assert history.bytes() == alone + deep.nbytes, "they count"
    history.set_budget(1)
    for seed in range(2, 13):
        add(history, seed)
    assert item.picture is None and item.whole is None and history.bytes() < deep.nbytes
    history.keep_whole(item, result)
    history.add(request(1), picture(1, 256), "deep", "translate")
    assert item.whole is None, "another picture"


def test_beyond_the_budget_the_oldest_pictures_go_their_recipes_stay(history: History) -> None:
    history.set_budget(30 * 256 * 256 * 3)
    for seed in range(60):
        add(history, seed, 256)
    items = history.items()
    assert len(items) == 60 and all(item.thumbnail is not None for item in items)
    assert all(item.picture is not None for item in items[:10])
    assert items[-1].picture is None
    assert sum(item.picture.nbytes for item in items if item.picture is not None) <= 30 * 256 * 256 * 3


def test_there_is_a_last_one(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "LIMIT", 20)
    for seed in range(30):
        add(history, seed)
    assert [item.title for item in history.items()][-1] == "seed 10"


def test_starring_is_an_edit_with_the_picture_in_the_project(
    history: History, document: Document, qtbot: QtBot
) -> None:
    key = add(history, 7)
    assert history.star(key) and history.starred(key)
    qtbot.waitUntil(lambda: bool(document.session.gallery))
    kept = document.session.gallery[0]
    assert kept.id == key and kept.request == request(7) and kept.starred
    assert (document.assets.image(kept.picture) == picture(7)).all()
    document.undo()
    assert not history.starred(key) and history.find(key) is not None
    document.redo()
    assert history.starred(key)
    assert history.star(key) and not document.session.gallery, "a second star takes it out"


def test_starring_twice_in_haste_keeps_it_once(history: History, document: Document, qtbot: QtBot, lane: Lane) -> None:
    key = add(history, 7)
    history.star(key)
    history.star(key)
    qtbot.waitUntil(lambda: lane.idle)
    assert [kept.id for kept in document.session.gallery] == [key]


def test_a_pruned_picture_cannot_be_starred_and_says_so(history: History) -> None:
    key = add(history, 7)
    item = history.find(key)
    assert item is not None
    item.picture = None
    assert not history.star(key)
    assert not history.picture(key, lambda _: None)


def test_discarding_a_kept_one_can_be_undone(history: History, document: Document, qtbot: QtBot) -> None:
    key = add(history, 7)
    history.star(key)
    qtbot.waitUntil(lambda: bool(document.session.gallery))
    history.discard(key)
    assert history.find(key) is None
    document.undo()
    assert history.find(key) is not None


def test_clearing_keeps_the_gallery(history: History, document: Document, qtbot: QtBot) -> None:
    key = add(history, 7)
    add(history, 8)
    history.star(key)
    qtbot.waitUntil(lambda: bool(document.session.gallery))
    history.clear()
    assert [item.id for item in history.items()] == [key]


def test_an_opened_project_brings_its_gallery_and_nothing_else(
    history: History, document: Document, qtbot: QtBot, tmp_path: object
) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    key = add(history, 7)
    add(history, 8)
    history.star(key)
    qtbot.waitUntil(lambda: bool(document.session.gallery))
    with qtbot.waitSignal(document.saved):
        document.save(tmp_path / "a.studio")
    document.new()
    assert not history.items()
    with qtbot.waitSignal(history.thumbnail_ready) as ready:
        document.open(tmp_path / "a.studio")
    assert ready.args[0] == key and [item.id for item in history.items()] == [key]
    got: list[np.ndarray] = []
    assert history.picture(key, got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert (got[0] == picture(7)).all()
    document.assets.close()


@pytest.mark.parametrize("shape", [(64, 64, 3), (1024, 1024, 3), (1000, 333, 4), (5, 2000, 3)])
def test_thumbnails_keep_the_shape(shape: tuple[int, int, int]) -> None:
    made = small(np.full(shape, 77, np.uint8))
    assert made.dtype == np.uint8 and (made == 77).all() and made.shape[2] == shape[2]
    assert max(made.shape[:2]) < 2 * THUMBNAIL

"""Models that come, go, and are missed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from studio.app.models import MissingModels, used_models
from studio.app.window import MainWindow
from studio.checkpoints.library import Library
from studio.project.latents import Seed
from studio.project.requests import Render
from studio.project.session import Bookmark, ExploreState, GalleryItem, MixState, ModelRef, Session

replace = msgspec.structs.replace


def test_every_place_that_needs_a_model_is_known() -> None:
    session = Session(
        explore=ExploreState(model="e"),
        mix=MixState(model="m"),
        bookmarks=(Bookmark(id="1", name="", model="b", latent=Seed(seed=1)),),
        gallery=(GalleryItem(id="1", title="", request=Render(model="g", latent=Seed(seed=1)), picture=""),),
    )
    assert used_models(session) == {"e", "m", "b", "g"}
    assert used_models(Session()) == set()


def test_using_a_model_notes_it_in_the_project_without_a_step(window: MainWindow) -> None:
    card = window.card("")
    assert card is not None
    session = window.document.session
    window.document.edit(replace(session, explore=replace(session.explore, model=card.sha256)), "Choose model")
    assert [ref.sha256 for ref in window.document.session.models] == [card.sha256]
    window.document.undo()
    assert window.document.session.models, "the note stays"


@pytest.fixture
def orphan(window: MainWindow, qtbot: QtBot, tmp_path: Path, fixtures: Path) -> Path:
    """A project that was made with a model of the fixtures, which this computer does not have."""
    file = fixtures / "stylegan2_uncond_32px.safetensors"
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    session = window.document.session
    needed = replace(
        session,
        explore=replace(session.explore, model=sha, latent=Seed(seed=11)),
        models=(ModelRef(sha256=sha, name="portraits", path="/elsewhere/portraits.pkl", architecture="stylegan2"),),
    )
    window.document.edit(needed, "x")
    with qtbot.waitSignal(window.document.saved):
        window.document.save(tmp_path / "orphan.studio")
    window.document.new()
    return tmp_path / "orphan.studio"


def test_a_missing_model_is_told_and_all_values_are_kept(
    window: MainWindow, qtbot: QtBot, orphan: Path, asked: Any
) -> None:
    window.files.open(orphan)
    qtbot.waitUntil(lambda: asked(MissingModels) is not None)
    assert window.document.session.explore.latent == Seed(seed=11)
    assert [ref.name for ref in window.models.missing()] == ["portraits"]
    window.actions_table.refresh()
    assert window.actions_table.by_name["file.find_models"].isEnabled()
    asked(MissingModels).reject()


def test_the_missing_model_is_found_by_content_under_any_name(
    window: MainWindow,
    qtbot: QtBot,
    orphan: Path,
    asked: Any,
    tmp_path: Path,
    fixtures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "downloads" / "deep"
    folder.mkdir(parents=True)
    (folder / "other.safetensors").write_bytes((fixtures / "stylegan2_cond_32px.safetensors").read_bytes())
    (folder / "renamed.safetensors").write_bytes((fixtures / "stylegan2_uncond_32px.safetensors").read_bytes())
    window.files.open(orphan)
    qtbot.waitUntil(lambda: asked(MissingModels) is not None)
    monkeypatch.setattr(window.files, "folder", lambda *_: tmp_path / "downloads")
    asked(MissingModels).search.click()
    qtbot.waitUntil(lambda: not window.models.anything_missing(), timeout=60_000)
    assert window.card(window.document.session.explore.model) is not None
    assert not window.document.modified


def test_a_model_that_is_not_there_is_told(
    window: MainWindow, qtbot: QtBot, orphan: Path, asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    window.files.open(orphan)
    qtbot.waitUntil(lambda: asked(MissingModels) is not None)
    monkeypatch.setattr(window.files, "folder", lambda *_: tmp_path / "empty")
    asked(MissingModels).search.click()
    qtbot.waitUntil(lambda: bool(window.notices.notices()))
    assert "portraits" in window.notices.notices()[0].accessibleName()


def test_importing_uses_the_model_and_removing_forgets_it(
    window: MainWindow, qtbot: QtBot, library: Library, fixtures: Path
) -> None:
    window.models.import_files([fixtures / "stylegan2_uncond_32px.safetensors"])
    qtbot.waitUntil(lambda: len(window.models.of_role("generator")) == 2, timeout=60_000)
    card = next(card for card in window.models.of_role("generator") if not card.embedded)
    qtbot.waitUntil(lambda: window.document.session.explore.model == card.sha256)
    window.models.remove(card)
    qtbot.waitUntil(lambda: len(window.models.of_role("generator")) == 1)
    assert library.card(card.sha256) is None and window.models.anything_missing()


def test_a_file_that_is_no_model_is_told_and_nothing_changes(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'echo no'\ntR.")
    window.models.import_files([tmp_path / "bad.pkl"])
    qtbot.waitUntil(lambda: bool(window.notices.notices()), timeout=60_000)
    assert len(window.models.of_role("generator")) == 1

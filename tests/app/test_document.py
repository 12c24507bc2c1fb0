"""One document: undo, drags, files."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from studio.app import document as document_module
from studio.app.document import Document
from studio.base.errors import StudioError
from studio.base.steps import Steps
from studio.project.latents import Seed
from studio.project.session import ModelRef, Session

replace = msgspec.structs.replace


def with_seed(session: Session, seed: int) -> Session:
    return replace(session, explore=replace(session.explore, latent=Seed(seed=seed)))


def seed(document: Document) -> int:
    latent = document.session.explore.latent
    assert isinstance(latent, Seed)
    return latent.seed


def go(document: Document, value: int, drag: str | None = None, final: bool = True) -> None:
    document.edit(with_seed(document.session, value), f"Seed {value}", drag=drag, final=final)


def test_every_edit_is_a_step_with_its_name(document: Document) -> None:
    go(document, 5)
    go(document, 6)
    assert document.undo_stack.undoText() == "Seed 6"
    document.undo()
    assert seed(document) == 5
    document.undo()
    assert seed(document) == 1 and not document.undo_stack.canUndo()
    document.redo()
    assert seed(document) == 5


def test_a_drag_is_one_step(document: Document) -> None:
    for value in range(2, 20):
        go(document, value, "seed", final=value == 19)
    assert document.undo_stack.count() == 1
    document.undo()
    assert seed(document) == 1


def test_the_next_drag_is_another_step(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "SAME_GESTURE", -1.0)
    for value in (2, 3):
        go(document, value, "seed", final=value == 3)
    for value in (4, 5):
        go(document, value, "seed", final=value == 5)
    assert document.undo_stack.count() == 2
    document.undo()
    assert seed(document) == 3


def test_ticks_of_a_wheel_are_one_gesture(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "SAME_GESTURE", 60.0)
    for value in (2, 3, 4):
        go(document, value, "seed", final=True)
    assert document.undo_stack.count() == 1


def test_another_control_begins_another_step(document: Document) -> None:
    go(document, 2, "seed", final=False)
    session = document.session
    look = replace(session.explore.look, psi=0.1)
    document.edit(replace(session, explore=replace(session.explore, look=look)), "Psi", drag="psi", final=False)
    assert document.undo_stack.count() == 2


def test_a_drag_that_returns_to_its_start_leaves_nothing(document: Document) -> None:
    go(document, 7)
    go(document, 8, "seed", final=False)
    go(document, 9, "seed", final=False)
    go(document, 7, "seed", final=True)
    assert document.undo_stack.count() == 1
    document.undo()
    assert seed(document) == 1


def test_a_drag_that_does_not_move_leaves_nothing(document: Document) -> None:
    go(document, 1, "seed", final=False)
    go(document, 1, "seed", final=True)
    assert document.undo_stack.count() == 0 and not document.modified


def test_undo_in_the_middle_of_a_drag_ends_it(document: Document) -> None:
    go(document, 2, "seed", final=False)
    document.undo()
    go(document, 3, "seed", final=False)
    assert document.undo_stack.count() == 1
    document.undo()
    assert seed(document) == 1


def test_undo_passes_over_amendments(document: Document) -> None:
    go(document, 2)
    document.amend(replace(document.session, models=(ModelRef(sha256="a", name="a"),)))
    document.undo()
    assert seed(document) == 1 and document.session.models


def test_changed_tells_both_values_once(document: Document) -> None:
    seen: list[tuple[Session, Session]] = []
    document.changed.connect(lambda before, after: seen.append((before, after)))
    before = document.session
    go(document, 2)
    go(document, 2)
    assert seen == [(before, document.session)]


def test_modified_follows_the_value_not_the_number_of_steps(document: Document) -> None:
    assert not document.modified
    document.amend(replace(document.session, workspace="mix"))
    assert not document.modified, "which workspace is shown is no change"
    go(document, 2)
    assert document.modified
    document.undo()
    assert not document.modified


def test_what_a_workspace_starts_with_is_no_change(document: Document) -> None:
    document.begin(replace(document.session, morph=replace(document.session.morph, temperature=0.5)))
    assert document.session.morph.temperature == 0.5
    assert not document.modified and not document.undo_stack.canUndo()
    document.edit(replace(document.session, style=replace(document.session.style, strength=0.5)), "strength")
    document.begin(replace(document.session, mix=replace(document.session.mix, band_solo=("fine",))))
    assert document.modified
    document.undo()
    assert not document.modified and document.session.mix.band_solo == ("fine",)


def test_save_and_open_bring_everything_back(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    go(document, 4127)
    saved = document.session
    path = tmp_path / "harbour.studio"
    with qtbot.waitSignal(document.saved):
        assert document.save(path)
        assert document.saving
    assert not document.modified and not document.saving and document.title == "harbour.studio"
    document.new()
    assert seed(document) == 1 and document.path is None
    with qtbot.waitSignal(document.replaced):
        document.open(path)
        assert document.opening
    assert document.session == saved and document.path == path
    assert not document.modified and not document.undo_stack.canUndo()


def test_a_save_holds_the_moment_it_was_asked_for(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    go(document, 10)
    with qtbot.waitSignal(document.saved):
        document.save(tmp_path / "a.studio")
        go(document, 11)  # editing goes on while the file is written
    assert document.modified and seed(document) == 11
    with qtbot.waitSignal(document.replaced):
        document.open(tmp_path / "a.studio")
    assert seed(document) == 10


def test_pictures_travel_with_the_project(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    from studio.project.latents import Stored

    sha = document.assets.put(b"x" * 5000, "npy")
    session = document.session
    stored = Stored(asset=sha, form="w")
    document.edit(replace(session, explore=replace(session.explore, latent=stored)), "Stored")
    with qtbot.waitSignal(document.saved):
        document.save(tmp_path / "a.studio")
    document.new()
    assert not document.assets.has(sha)
    with qtbot.waitSignal(document.replaced):
        document.open(tmp_path / "a.studio")
    assert document.assets.get(sha) == b"x" * 5000
    document.assets.close()


def test_a_failed_open_changes_nothing(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    go(document, 5)
    bad = tmp_path / "bad.studio"
    bad.write_bytes(b"not a project")
    with qtbot.waitSignal(document.failed) as caught:
        document.open(bad)
    assert isinstance(caught.args[0], StudioError) and caught.args[0].sentence()
    assert seed(document) == 5 and document.path is None and not document.opening


def test_a_failed_save_keeps_the_changes_marked(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    go(document, 5)
    with qtbot.waitSignal(document.failed):
        document.save(tmp_path / "no such folder" / "a.studio")
    assert document.modified and document.path is None and not document.saving


def test_without_a_name_nothing_is_saved(document: Document) -> None:
    assert not document.save()


def test_read_only_is_saved_under_another_name_only(document: Document, qtbot: QtBot, tmp_path: Path) -> None:
    document.restore(with_seed(document.session, 3), document.assets, tmp_path / "newer.studio", read_only=True)
    assert document.modified and document.read_only
    assert not document.save()
    with qtbot.waitSignal(document.saved):
        assert document.save(tmp_path / "mine.studio")
    assert not document.read_only


def test_a_picture_damaged_beyond_the_first_look_is_told_later(
    document: Document, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "late.studio"
    with qtbot.waitSignal(document.saved):
        document.save(path)
    asked: list[Session] = []

    def check(session: Session, assets: object) -> Steps[list[str]]:
        asked.append(session)
        return ["The picture “x” is damaged."]
        yield

    monkeypatch.setattr("studio.project.storage.check_assets", check)
    with qtbot.waitSignal(document.noted) as told:
        document.open(path)
    assert told.args == [["The picture “x” is damaged."]]
    assert asked == [document.session]

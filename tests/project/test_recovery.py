"""Autosaves: written at every pause, found after a crash, restored with everything."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from project_samples import picture, sample, sample_file

from studio.base import files, paths
from studio.base.errors import ResourceError, StudioError
from studio.project import recovery, storage
from studio.project.assets import AssetStore
from studio.project.recovery import Autosave, discard, list_recoverable, restore
from studio.project.session import Session, assets_of

ROOT = Path(__file__).parents[2]


def crash(autosave: Autosave) -> None:
    """What the operating system does when a program dies: its locks are gone, its files stay."""
    autosave._lock.release()


def names(folder: Path | None = None) -> list[str]:
    return sorted(file.suffix for file in (folder or paths.autosave_dir()).iterdir())


def test_an_unsaved_project_comes_back() -> None:
    assets = AssetStore()
    session = sample(assets)
    autosave = Autosave()
    autosave.write(session, assets, title="Untitled")
    assert list_recoverable() == []  # this program is alive
    crash(autosave)
    (entry,) = list_recoverable()
    assert (entry.original, entry.title, entry.problem, entry.superseded) == (None, "Untitled", "", False)
    opened = restore(entry)
    assert opened.session == session and opened.path is None and not opened.notes and not opened.read_only
    assert all(opened.assets.get(sha) == assets.get(sha) for sha in assets_of(session))
    discard(entry)
    assert list_recoverable() == [] and names() == []
    assert all(opened.assets.check(sha) for sha in assets_of(session))  # nothing depends on what was discarded


def test_only_what_the_project_file_lacks_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    session = sample_file(path, 5)
    opened = storage.load(path)
    new = opened.assets.put_image(picture(90))
    item = msgspec.structs.replace(session.gallery[0], id="new", picture=new)
    edited = msgspec.structs.replace(session, gallery=(*session.gallery[1:], item))
    autosave = Autosave()
    autosave.write(edited, opened.assets, original=path)
    assert [file.stem for file in autosave.path.with_suffix(".assets").iterdir()] == [new]
    crash(autosave)
    (entry,) = list_recoverable()
    assert entry.original == path and entry.title == "a"
    back = restore(entry)
    assert back.session == edited and back.path == path and not back.notes
    assert np.array_equal(back.assets.image(new), picture(90))
    storage.save(path, back.session, back.assets)
    assert storage.load(path).session == edited and not storage.load(path).notes


def test_assets_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assets = AssetStore()
    session = sample(assets)
    autosave = Autosave()
    autosave.write(session, assets)
    written: list[Path] = []
    original = files.Replacement.__init__

    def noted(self: files.Replacement, path: Path) -> None:
        written.append(path)
        original(self, path)

    monkeypatch.setattr(files.Replacement, "__init__", noted)
    fewer = msgspec.structs.replace(session, gallery=session.gallery[1:])
    autosave.write(fewer, assets)
    assert written == [autosave.path]
    kept = {file.stem for file in autosave.path.with_suffix(".assets").iterdir()}
    assert kept == assets_of(fewer)
    autosave.close()


def test_a_later_save_elsewhere_does_not_hollow_the_autosave(tmp_path: Path) -> None:
    """After Save As, what only the first file holds is not in "the project" any more."""
    session = sample_file(tmp_path / "a.studio")
    opened = storage.load(tmp_path / "a.studio")
    storage.save(tmp_path / "b.studio", msgspec.structs.replace(session, gallery=()), opened.assets)
    autosave = Autosave()
    autosave.write(session, opened.assets, original=tmp_path / "b.studio")  # undone after Save As
    (tmp_path / "a.studio").unlink()
    crash(autosave)
    back = restore(list_recoverable()[0])
    assert back.session == session and not back.notes


def test_without_its_project_an_autosave_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    session = sample_file(path)
    opened = storage.load(path)
    autosave = Autosave()
    autosave.write(session, opened.assets, original=path)
    crash(autosave)
    path.unlink()
    back = restore(list_recoverable()[0])
    assert back.session == session and not back.read_only
    assert "cannot be opened" in back.notes[0] and "are missing" in back.notes[1]


def test_unknown_keys_and_members_come_back_too(tmp_path: Path) -> None:
    import json
    import zipfile

    path = tmp_path / "a.studio"
    sample_file(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("plugin.txt", "kept")
    opened = storage.load(path)
    opened.extras.session.keys["future"] = {"x": 1}
    autosave = Autosave()
    edited = msgspec.structs.replace(opened.session, workspace="explore")
    autosave.write(edited, opened.assets, original=path)
    crash(autosave)
    back = restore(list_recoverable()[0])
    storage.save(path, back.session, back.assets)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("plugin.txt") == b"kept"
        assert json.loads(archive.read("session.json"))["future"] == {"x": 1}
        assert storage.AUTOSAVE_MEMBER not in archive.namelist()


def test_a_newer_project_stays_protected(tmp_path: Path) -> None:
    import json
    import zipfile

    path = tmp_path / "a.studio"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format_version": 9}))
        archive.writestr("session.json", "{}")
    opened = storage.load(path)
    autosave = Autosave()
    autosave.write(Session(workspace="mix"), opened.assets, original=path)
    crash(autosave)
    back = restore(list_recoverable()[0])
    assert back.read_only and "newer version" in back.notes[0]
    with pytest.raises(StudioError, match="another name"):
        storage.save(path, back.session, back.assets)


def test_a_project_saved_later_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    session = sample_file(path)
    autosave = Autosave()
    autosave.write(session, storage.load(path).assets, original=path)
    crash(autosave)
    assert not list_recoverable()[0].superseded
    os.utime(path, (2**31, 2**31))
    assert list_recoverable()[0].superseded


def test_the_newest_comes_first_and_closing_leaves_nothing() -> None:
    first, second, third = Autosave(), Autosave(), Autosave()
    for autosave, title in ((second, "early"), (first, "late")):
        autosave.write(Session(), AssetStore(), title=title)
    third.write(Session(), AssetStore())
    third.clear()
    for autosave in (first, second, third):
        crash(autosave)
    assert [entry.title for entry in list_recoverable()] == ["late", "early"]
    for entry in list_recoverable():
        discard(entry)
    assert names() == []
    orderly = Autosave()
    orderly.write(Session(), AssetStore())
    orderly.close()
    assert names() == []


def test_restoring_in_the_documented_order_survives_a_second_crash(tmp_path: Path) -> None:
    assets = AssetStore()
    session = sample(assets)
    first = Autosave()
    first.write(session, assets, title="mine")
    crash(first)
    (entry,) = list_recoverable()
    opened = restore(entry)
    second = Autosave()
    second.write(opened.session, opened.assets, original=entry.original, title=entry.title)
    discard(entry)
    crash(second)
    (entry,) = list_recoverable()
    again = restore(entry)
    assert again.session == session and not again.notes and entry.title == "mine"


@pytest.mark.parametrize("data", [b"", b"nonsense", None])
def test_rubbish_in_the_folder_is_told_or_cleaned(data: bytes | None) -> None:
    folder = paths.autosave_dir()
    broken = folder / "x.studio"
    if data is None:  # a project that somebody put there
        storage.save(broken, Session(), AssetStore())
    else:
        broken.write_bytes(data)
    (folder / "y.lock").touch()
    (folder / "z.assets").mkdir()
    (folder / "z.assets" / "a.png").touch()
    (folder / "letter.txt").touch()
    (entry,) = list_recoverable()
    assert entry.path == broken and entry.problem.endswith(".")
    assert sorted(file.name for file in folder.iterdir()) == ["letter.txt", "x.studio"]
    if data is not None:
        with pytest.raises(StudioError):
            restore(entry)
    discard(entry)
    assert list_recoverable() == []


def test_foreign_files_among_the_assets_are_not_taken(tmp_path: Path) -> None:
    assets = AssetStore()
    session = sample(assets)
    autosave = Autosave()
    autosave.write(session, assets)
    folder = autosave.path.with_suffix(".assets")
    wrong = sorted(folder.iterdir())[0]
    wrong.write_bytes(b"other bytes")
    (folder / "letter.txt").write_text("x")
    crash(autosave)
    back = restore(list_recoverable()[0])
    assert not back.assets.has(wrong.stem) and "1 picture or code is missing" in back.notes[0]


def test_a_full_disk_is_a_sentence_and_the_old_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    autosave = Autosave()
    autosave.write(Session(workspace="first"), AssetStore())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(ResourceError, match="disk is full"):
            autosave.write(Session(workspace="second"), AssetStore())
    crash(autosave)
    assert restore(list_recoverable()[0]).session.workspace == "first"
    assert not list(paths.autosave_dir().glob(".*"))


def test_writing_from_several_threads() -> None:
    autosave = Autosave()
    assets = AssetStore()
    session = sample(assets)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(10):
                part = msgspec.structs.replace(session, gallery=session.gallery[: (number + index) % 4])
                autosave.write(part, assets)
        except BaseException as exc:
            problems.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    crash(autosave)
    assert not problems and not restore(list_recoverable()[0]).notes


CHILD = """
import os, sys
from studio.project.recovery import Autosave, list_recoverable
from studio.project.session import Session
from studio.project.assets import AssetStore
autosave = Autosave()
autosave.write(Session(workspace="child"), AssetStore(), title="child")
print(len(list_recoverable()), flush=True)
sys.stdin.readline()
os._exit(9)
"""


def test_another_program_is_seen_alive_and_gone() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "0\n"
    mine = Autosave()
    assert list_recoverable() == []
    process.communicate("\n", timeout=20)
    (entry,) = list_recoverable()
    assert entry.title == "child" and restore(entry).session.workspace == "child"
    mine.close()


def test_looking_for_rubbish_does_not_take_a_new_programs_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making its lock file and locking it, another program may find it, lock it, and remove it."""
    original = files._lock_fd
    meddled: list[bool] = []

    def meddle(fd: int) -> bool:
        if not meddled:
            meddled.append(True)
            assert list_recoverable() == []
        return original(fd)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_lock_fd", meddle)
        autosave = Autosave()
    autosave.write(Session(), AssetStore())
    assert meddled
    assert autosave._lock.held and autosave._lock.path.exists()
    assert list_recoverable() == []
    autosave.close()


def test_a_folder_that_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudioError):
        Autosave(tmp_path / "no" / "such")
    assert recovery.list_recoverable(tmp_path / "no") == []

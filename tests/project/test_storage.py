"""Saving and opening projects."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
from project_samples import picture, sample, sample_file

from studio.base import files
from studio.base.errors import ResourceError, StudioError
from studio.base.steps import Progress, run
from studio.project import storage
from studio.project.archive import Archive
from studio.project.assets import AssetStore, MissingAssetError
from studio.project.latents import Seed
from studio.project.session import ExploreState, Session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.studio"


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Unzip, change members (in order), zip again."""
    with zipfile.ZipFile(path) as source:
        members = {info.filename: source.read(info) for info in source.infolist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)


def edit_json(path: Path, name: str, change: Callable[[Any], None]) -> None:
    def apply(members: dict[str, bytes]) -> None:
        tree = json.loads(members[name])
        change(tree)
        members[name] = json.dumps(tree).encode()

    rewrite(path, apply)


# What a file looks like, and that it comes back


def test_a_project_round_trips(path: Path) -> None:
    assets = AssetStore()
    session = sample(assets)
    wanted = {sha: assets.get(sha) for sha in assets.shas()}
    storage.save(path, session, assets, preview=b"a preview")
    opened = storage.load(path)
    assert opened.session == session
    assert not opened.notes and not opened.read_only and opened.format_version == 1
    assert {sha: opened.assets.get(sha) for sha in opened.assets.shas()} == wanted


def test_the_layout_of_the_file(path: Path) -> None:
    session = sample_file(path)
    raw = path.read_bytes()
    assert raw[30 : 30 + 8 + len(storage.MIMETYPE)] == b"mimetype" + storage.MIMETYPE  # stored, first, without extras
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:4] == ["mimetype", "manifest.json", "session.json", "preview.png"]
        assert {name.split("/")[0] for name in names[4:]} == {"assets", "gallery"}
        manifest = json.loads(archive.read("manifest.json"))
        assert (manifest["format_version"], manifest["min_reader"], manifest["app"]) == (1, 1, "Latent Studio")
        assert manifest["app_version"] and manifest["saved"].endswith("Z")
        for info in archive.infolist():
            if info.filename.endswith((".png", ".jpg")):
                assert info.compress_type == zipfile.ZIP_STORED
            if info.filename.endswith((".npy", ".json")):
                assert info.compress_type == zipfile.ZIP_DEFLATED
        for item in session.gallery:
            assert f"gallery/{item.picture}.png" in names and f"assets/{item.thumbnail}.png" in names


def test_equal_projects_have_equal_sessions(tmp_path: Path) -> None:
    for name in "ab":
        sample_file(tmp_path / f"{name}.studio")
    a, b = (zipfile.ZipFile(tmp_path / f"{name}.studio") for name in "ab")
    with a, b:
        assert a.read("session.json") == b.read("session.json") and a.namelist() == b.namelist()


def test_only_what_the_session_names_is_saved(path: Path) -> None:
    assets = AssetStore()
    session = sample(assets)
    unused = assets.put(b"not used", "bin")
    storage.save(path, session, assets)
    assert unused not in storage.load(path).assets.shas()
    assert assets.get(unused) == b"not used"


def test_the_preview_stays_until_there_is_a_new_one(path: Path) -> None:
    assets = AssetStore()
    storage.save(path, Session(), assets, preview=b"one")
    storage.save(path, Session(workspace="mix"), assets)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("preview.png") == b"one"
    opened = storage.load(path)
    storage.save(path, Session(), opened.assets)
    storage.save(path, Session(), opened.assets, preview=b"two")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("preview.png") == b"two" and archive.namelist().count("preview.png") == 1


def test_saving_twice_copies_packed_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sample_file(path)
    opened = storage.load(path)
    new = opened.assets.put_image(picture(77))
    item = msgspec.structs.replace(session.gallery[0], id="new", picture=new, thumbnail="")
    packed: list[str] = []
    original = zipfile.ZipFile.writestr

    def noted(self: zipfile.ZipFile, info: zipfile.ZipInfo, *args: Any, **options: Any) -> None:
        packed.append(info.filename)
        original(self, info, *args, **options)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", noted)
    bigger = msgspec.structs.replace(session, gallery=(*session.gallery, item))
    storage.save(path, bigger, opened.assets)
    assert packed == ["mimetype", "manifest.json", "session.json", f"gallery/{new}.png"]
    monkeypatch.undo()
    again = storage.load(path)
    assert again.session == bigger and not again.notes
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_an_asset_moves_between_gallery_and_assets(path: Path) -> None:
    session = sample_file(path)
    opened = storage.load(path)
    item = msgspec.structs.replace(session.gallery[0], thumbnail=session.gallery[0].picture, picture="")
    storage.save(path, msgspec.structs.replace(session, gallery=(item,)), opened.assets)
    with zipfile.ZipFile(path) as archive:
        assert f"assets/{item.thumbnail}.png" in archive.namelist()
    assert not storage.load(path).notes


def test_opening_reads_no_asset_of_a_large_project(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_file(path, 8)
    monkeypatch.setattr(storage, "CHECK_AT_ONCE", 0)
    read: list[str] = []
    original = Archive.chunks

    def noted(self: Archive, name: str, limit: int = 0) -> Iterator[bytes]:
        read.append(name)
        return original(self, name, limit)

    monkeypatch.setattr(Archive, "chunks", noted)
    opened = storage.load(path)
    assert set(read) == {"mimetype", "session.json", "manifest.json"}
    notes: list[str] = []
    events = []
    job = storage.check_assets(opened.session, opened.assets)
    while True:
        try:
            events.append(next(job))
        except StopIteration as stop:
            notes = stop.value
            break
    assert notes == [] and events[-1] == Progress(18, 18, "Checking the project")


# Things that this program does not know


def test_unknown_keys_and_members_are_kept(path: Path, tmp_path: Path) -> None:
    session = sample_file(path)
    kept_by_key = AssetStore().put(b"future data", "bin")

    def change(members: dict[str, bytes]) -> None:
        for name in ("session.json", "manifest.json"):
            tree = json.loads(members[name])
            tree["future"] = {"a": [1, {"b": None}], "asset": kept_by_key}
            members[name] = json.dumps(tree).encode()
        tree = json.loads(members["session.json"])
        tree["gallery"][2]["request"]["look"]["grain"] = 0.25
        members["session.json"] = json.dumps(tree).encode()
        members["notes/ideas.txt"] = b"paint it blue"
        members["plugin.bin"] = bytes(range(256)) * 10
        members[f"assets/{kept_by_key}.bin"] = b"future data"

    def look(file: Path) -> tuple[Any, ...]:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            tree = json.loads(archive.read("session.json"))
            members = [archive.read(name) for name in ("notes/ideas.txt", "plugin.bin", f"assets/{kept_by_key}.bin")]
            grain = [entry["request"].get("look", {}).get("grain") for entry in tree["gallery"]]
            return manifest["future"], tree["future"], grain, members

    rewrite(path, change)
    before = look(path)
    opened = storage.load(path)
    assert not opened.notes and not opened.read_only
    assert opened.extras is opened.assets.extras and set(opened.extras.members) >= {"notes/ideas.txt", "plugin.bin"}
    edited = msgspec.structs.replace(opened.session, workspace="explore", gallery=session.gallery[1:])
    storage.save(path, edited, opened.assets)
    storage.save(tmp_path / "copy.studio", edited, opened.assets)
    storage.save(tmp_path / "copy.studio", edited, storage.load(tmp_path / "copy.studio").assets)
    for file in (path, tmp_path / "copy.studio"):
        after = look(file)
        assert after[:2] == before[:2] and after[3] == before[3]
        assert after[2] == before[2][1:]


def test_a_newer_format_is_for_looking(path: Path, tmp_path: Path) -> None:
    session = sample_file(path)

    def newer(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps(manifest | {"format_version": 7, "min_reader": 6}).encode()
        tree = json.loads(members["session.json"])
        tree["explore"]["latent"] = {"type": "hologram", "angle": 3}
        tree["gallery"][0]["request"] = {"type": "sculpt"}
        members["session.json"] = json.dumps(tree).encode()

    rewrite(path, newer)
    before = path.read_bytes()
    opened = storage.load(path)
    assert opened.read_only and opened.format_version == 7
    assert "newer version" in opened.notes[0] and "format 7" in opened.notes[0]
    assert any("gallery pictures" in note for note in opened.notes) and any("latent" in note for note in opened.notes)
    assert opened.session.bookmarks == session.bookmarks and len(opened.session.gallery) == 2
    with pytest.raises(StudioError, match="Save under another name"):
        storage.save(path, opened.session, opened.assets)
    (tmp_path / "link.studio").symlink_to(path)
    with pytest.raises(StudioError, match="Save under another name"):
        storage.save(tmp_path / "link.studio", opened.session, opened.assets)
    assert path.read_bytes() == before
    storage.save(tmp_path / "mine.studio", opened.session, opened.assets)
    mine = storage.load(tmp_path / "mine.studio")
    assert mine.session == opened.session and not mine.read_only and not mine.notes
    storage.save(tmp_path / "mine.studio", Session(), mine.assets)


def test_what_cannot_be_read_protects_the_file(path: Path, tmp_path: Path) -> None:
    sample_file(path)
    edit_json(path, "session.json", lambda tree: tree["gallery"][0].update(created="noon"))
    opened = storage.load(path)
    assert opened.read_only and len(opened.session.gallery) == 2
    with pytest.raises(StudioError, match="another name"):
        storage.save(path, opened.session, opened.assets)


@pytest.mark.parametrize(
    "manifest", [None, b"{", b"[]", b'{"format_version": "one"}', b'{"format_version": -1}', b"{}"]
)
def test_a_broken_label_is_said(path: Path, manifest: bytes | None) -> None:
    session = sample_file(path)
    rewrite(path, lambda members: members.pop("manifest.json") if manifest is None else None)  # type: ignore[arg-type]
    if manifest is not None:
        rewrite(path, lambda members: members.update({"manifest.json": manifest}))
    opened = storage.load(path)
    assert opened.session == session and opened.read_only
    assert "label" in opened.notes[0]


# Missing and damaged assets


def test_a_missing_picture_is_no_error(path: Path) -> None:
    session = sample_file(path)
    gone = session.gallery[1].picture
    rewrite(path, lambda members: members.pop(f"gallery/{gone}.png"))  # type: ignore[arg-type]
    opened = storage.load(path)
    assert opened.session == session and not opened.read_only
    assert opened.notes == [
        "1 picture or code is missing from the project or damaged (“Picture 1 그림”). All settings are kept."
    ]
    with pytest.raises(MissingAssetError):
        opened.assets.get(gone)
    storage.save(path, opened.session, opened.assets)
    again = storage.load(path)
    assert again.session == session and again.notes == opened.notes
    assert again.assets.put_image(picture(1)) == gone  # made again
    storage.save(path, again.session, again.assets)
    assert not storage.load(path).notes


@pytest.mark.parametrize("whole_crc", [True, False])
@pytest.mark.parametrize("pictures", [3, 40])
def test_a_damaged_picture_is_missing_and_goes_along(
    path: Path, whole_crc: bool, pictures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pictures == 40:
        monkeypatch.setattr(storage, "CHECK_AT_ONCE", 1000)
    session = sample_file(path, pictures)
    bad = session.gallery[2].picture
    name = f"gallery/{bad}.png"
    if whole_crc:
        rewrite(path, lambda members: members.update({name: b"other bytes"}))
    else:
        raw = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            raw[archive.getinfo(name).header_offset + 200] ^= 1
        path.write_bytes(raw)
    opened = storage.load(path)
    notes = opened.notes if pictures == 3 else run(storage.check_assets(opened.session, opened.assets))
    assert len(notes) == 1 and "1 picture or code is missing from the project or damaged (“Picture 2" in notes[0]
    assert not opened.assets.has(bad) and opened.session == session
    storage.save(path, opened.session, opened.assets)  # what is left of it is still in the file, for experts
    with zipfile.ZipFile(path) as archive:
        assert name in archive.namelist()
    again = storage.load(path)
    assert again.session == session
    assert run(storage.check_assets(again.session, again.assets)) == notes
    assert again.assets.put_image(picture(2)) == bad
    storage.save(path, again.session, again.assets)
    mended = storage.load(path)
    assert run(storage.check_assets(mended.session, mended.assets)) == []


def test_damage_that_nobody_has_noticed_does_not_stop_a_save(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHECK_AT_ONCE", 1000)
    session = sample_file(path, 30)
    opened = storage.load(path)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"gallery/{session.gallery[5].picture}.png")
    with path.open("r+b") as file:  # the disk rots while the project is open
        file.seek(info.header_offset + 150)
        file.write(b"\0\0\0\0")
    storage.save(path, opened.session, opened.assets)
    assert not opened.assets.has(session.gallery[5].picture)
    assert all(opened.assets.check(item.picture) for item in session.gallery if item is not session.gallery[5])


def test_a_vanished_project_file_is_saved_again(path: Path) -> None:
    session = sample_file(path)
    opened = storage.load(path)
    path.unlink()
    storage.save(path, session, opened.assets)
    assert storage.load(path).session == session and not storage.load(path).notes


# Disks and folders that refuse


class FullDisk(io.FileIO):
    """A file on a disk with room for ``room`` bytes."""

    room = 0

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > FullDisk.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.name))
        return super().write(data) or 0


def test_a_full_disk_at_any_byte_harms_nothing(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sample_file(path)
    before = path.read_bytes()
    opened = storage.load(path)
    opened.assets.put_image(picture(5))
    original = zipfile.io.open

    def open_full(name: Any, mode: str = "r", *args: Any, **options: Any) -> IO[Any]:
        return FullDisk(name, mode) if "w" in mode else original(name, mode, *args, **options)  # type: ignore[return-value]

    monkeypatch.setattr(zipfile.io, "open", open_full)
    other = msgspec.structs.replace(session, workspace="explore")
    for room in range(0, len(before) * 9 // 10, len(before) // 40):
        FullDisk.room = room
        with pytest.raises(ResourceError, match="disk is full"):
            storage.save(path, other, opened.assets)
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.studio"]
    monkeypatch.undo()
    storage.save(path, other, opened.assets)
    assert storage.load(path).session == other


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_harms_nothing(tmp_path: Path, path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sample_file(path)
    before = path.read_bytes()
    opened = storage.load(path)

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(StudioError, match="Input/output error"):
        storage.save(path, Session(), opened.assets)
    monkeypatch.undo()
    assert path.read_bytes() == before and len(list(tmp_path.glob(".*"))) == 0
    assert all(opened.assets.check(sha) for sha in opened.assets.shas())
    storage.save(path, session, opened.assets)


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a process of its own; returns its exit code (0: no exception)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads are none of the child's business
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process with limits of its own")
def test_a_real_limit_of_file_size(tmp_path: Path, path: Path) -> None:
    session = sample_file(path)
    before = path.read_bytes()

    def work() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))
        opened = storage.load(path)
        with pytest.raises(StudioError, match="stopped"):
            storage.save(path, Session(workspace="mix", gallery=session.gallery), opened.assets)

    assert in_child(work) == 0
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.studio"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process without the rights of root")
def test_a_read_only_folder_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "protected"
    folder.mkdir()
    session = sample_file(folder / "a.studio")
    for parent in (tmp_path, *tmp_path.parents):
        if stat.S_IMODE(parent.stat().st_mode) & 0o001 == 0 and parent.owner() == Path(tmp_path).owner():
            try:
                parent.chmod(0o755)
            except PermissionError:
                pytest.skip("the temporary folder is closed to others")
    folder.chmod(0o555)

    def work() -> None:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        opened = storage.load(folder / "a.studio")
        assert opened.read_only and opened.notes == [
            "The file or its folder is write protected; save under another name."
        ]
        assert opened.session == session
        with pytest.raises(ResourceError, match="cannot be written to"):
            storage.save(folder / "a.studio", Session(), opened.assets)
        with pytest.raises(ResourceError, match="cannot be written to"):
            storage.save(folder / "new.studio", Session(), AssetStore())

    try:
        assert in_child(work) == 0
    finally:
        folder.chmod(0o755)
    assert [file.name for file in folder.iterdir()] == ["a.studio"]
    assert storage.load(folder / "a.studio").session == session


def test_impossible_places_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "folder.studio").mkdir()
    with pytest.raises(StudioError, match="is a folder"):
        storage.save(tmp_path / "folder.studio", Session(), AssetStore())
    with pytest.raises(StudioError, match="not there any more"):
        storage.save(tmp_path / "gone" / "a.studio", Session(), AssetStore())
    with pytest.raises(StudioError):
        storage.save(tmp_path / ("x" * 300), Session(), AssetStore())
    assert [file.name for file in tmp_path.iterdir() if file.name != "data"] == ["folder.studio"]


# How it is written


def test_the_order_of_a_save(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, flushed, read back, renamed, folder flushed: in another order, a power cut may lose the project."""
    sample_file(path)
    opened = storage.load(path)
    order: list[str] = []

    def note(module: Any, name: str, what: Callable[..., str]) -> None:
        original = getattr(module, name)

        def noted(*args: Any, **options: Any) -> Any:
            order.append(what(*args))
            return original(*args, **options)

        monkeypatch.setattr(module, name, noted)

    note(storage, "_write", lambda *_: "write")
    note(storage, "_verified", lambda *_: "verify")
    note(files.os, "fsync", lambda fd: "fsync folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync file")
    note(files.os, "replace", lambda *_: "replace")
    storage.save(path, Session(), opened.assets)
    assert order == ["write", "fsync file", "verify", "replace", "fsync folder"]


@pytest.mark.parametrize("part", ["session.json", "gallery/", "assets/", "mimetype", "drop"])
def test_a_file_that_reads_back_differently_is_not_kept(path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sample_file(path)
    before = path.read_bytes()
    opened = storage.load(path)
    new = opened.assets.put_image(picture(50))
    item = msgspec.structs.replace(session.gallery[0], id="n", picture=new)
    other = msgspec.structs.replace(session, gallery=(*session.gallery, item), workspace="explore")
    original = storage._write

    def spoiled(temp: Path, *args: Any) -> Any:
        done = original(temp, *args)
        with zipfile.ZipFile(temp) as archive:
            name = next(name for name in archive.namelist() if part == "drop" or name.startswith(part))
            start = archive.getinfo(name).header_offset + 30 + len(name) + 2
        raw = bytearray(temp.read_bytes())
        if part == "drop":
            raw = raw.replace(b"gallery/", b"galleri/")
        else:
            raw[start] ^= 0xFF
        temp.write_bytes(raw)
        return done

    monkeypatch.setattr(storage, "_write", spoiled)
    with pytest.raises(StudioError):
        storage.save(path, other, opened.assets)
    assert path.read_bytes() == before
    monkeypatch.undo()
    storage.save(path, other, opened.assets)
    assert storage.load(path).session == other


def test_links_and_permissions_stay(tmp_path: Path, path: Path) -> None:
    sample_file(path)
    path.chmod(0o640)
    link = tmp_path / "link.studio"
    link.symlink_to(path)
    storage.save(link, Session(), AssetStore())
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert storage.load(path).session == Session()


def test_leftovers_of_killed_saves_are_cleaned(tmp_path: Path, path: Path) -> None:
    def crash() -> None:
        files.Replacement(path).temp.write_bytes(b"half a project")
        os._exit(0)

    in_child(crash)
    mine = files.Replacement(path)  # a save that is going on in this program
    foreign = tmp_path / f".0badc0de-1-abc{files.TEMP_SUFFIX}"
    foreign.touch()
    old = tmp_path / f".0badc0de-2-abc{files.TEMP_SUFFIX}"
    old.touch()
    os.utime(old, (0, 0))
    (tmp_path / "letter.studio.tmp").write_text("not ours")
    assert len(list(tmp_path.glob(".*"))) == 4
    storage.save(path, Session(), AssetStore())
    assert sorted(file.name for file in tmp_path.glob(".*")) == sorted([mine.temp.name, foreign.name])
    assert (tmp_path / "letter.studio.tmp").exists()
    mine.discard()


def test_a_value_that_could_not_be_opened_is_not_saved(path: Path) -> None:
    wrong = Session(explore=ExploreState(latent=Seed(seed="four")))  # type: ignore[arg-type]
    with pytest.raises(StudioError):
        storage.save(path, wrong, AssetStore())
    assert not path.exists()

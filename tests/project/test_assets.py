"""The asset store: by content, from any thread, within a budget."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from project_samples import picture, sample, sample_file

from studio.base import paths
from studio.base.errors import StudioError
from studio.project import storage
from studio.project.assets import AssetStore, MissingAssetError


def scratch_folders() -> list[Path]:
    return sorted(paths.cache_dir().glob("scratch-*"))


def test_content_is_the_name() -> None:
    store = AssetStore()
    sha = store.put(b"hello", ".BIN")
    assert sha == hashlib.sha256(b"hello").hexdigest()
    assert store.put(b"hello", "png") == sha
    assert store.get(sha) == b"hello" and store.ext(sha) == "bin" and store.has(sha)
    assert store.shas() == {sha}


@pytest.mark.parametrize("sha", ["", "0" * 64, "../../etc/passwd", "x" * 10_000])
def test_missing_is_a_users_sentence(sha: str) -> None:
    store = AssetStore()
    assert not store.has(sha)
    for ask in (store.get, store.ext, store.array, store.image):
        with pytest.raises(MissingAssetError, match="missing") as caught:
            ask(sha)
        assert caught.value.kind == "user"


@pytest.mark.parametrize("ext", ["", "../x", "a/b", "p ng", "verylongextension", "é"])
def test_suffixes_are_plain(ext: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        AssetStore().put(b"x", ext)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["f4", "f8", ">f4", "f2", "u1", "i8", "?", ">u2"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    )
)
def test_arrays_round_trip(values: np.ndarray) -> None:
    store = AssetStore()
    sha = store.put_array(values)
    found = store.array(sha)
    assert found.shape == values.shape and found.dtype == values.dtype.newbyteorder("<")
    assert np.array_equal(found, values, equal_nan=values.dtype.kind == "f")
    found[...] = 1  # a copy of one's own
    assert store.put_array(np.asfortranarray(values).reshape(values.shape)) == sha
    assert store.put_array(values.astype(values.dtype.newbyteorder(">"))) == sha


def test_arrays_of_other_things_are_refused() -> None:
    store = AssetStore()
    for values in (np.array([object()]), np.array(["a"]), np.array([1j])):
        with pytest.raises(ValueError, match="only numbers"):
            store.put_array(values)


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode("latin1").ljust(118 - 1) + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\1\0\xff\xff",
        b"\x89PNG not an array",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", bytes(15)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", bytes(17)),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -4), }", bytes(16)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n(S'true'\ntR."),
        npy("{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }", bytes(16)),
        npy("__import__('os').abort()"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "(" * 90),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", bytes(16), b"\3\0"),
    ],
)
def test_hostile_arrays_are_a_sentence(data: bytes) -> None:
    store = AssetStore()
    with pytest.raises(StudioError, match="not an array of numbers"):
        store.array(store.put(data, "npy"))


def test_pictures_round_trip() -> None:
    store = AssetStore()
    sha = store.put_image(picture(1))
    assert np.array_equal(store.image(sha), picture(1))
    assert store.ext(sha) == "png" and store.put_image(picture(1).copy()) == sha
    with pytest.raises(StudioError, match="not a picture"):
        store.image(store.put(b"text", "png"))


def test_the_budget_holds_and_nothing_is_lost() -> None:
    store = AssetStore(budget=10_000)
    blobs = [bytes([index]) * 3000 for index in range(40)]
    shas = [store.put(blob, "bin") for blob in blobs]
    assert store._held <= 10_000
    (folder,) = scratch_folders()
    assert len(list(folder.glob("*.bin"))) == 37
    assert [store.get(sha) for sha in shas] == blobs
    assert store.put(blobs[0], "bin") == shas[0]
    store.close()
    assert scratch_folders() == []
    with pytest.raises(MissingAssetError):
        store.get(shas[0])


def test_scratch_goes_with_the_store() -> None:
    store = AssetStore(budget=10)
    store.put(b"a" * 20, "bin")
    store.put(b"b" * 20, "bin")
    assert len(scratch_folders()) == 1
    del store
    gc.collect()
    assert scratch_folders() == []


CRASH = """
import os, sys
from studio.project.assets import AssetStore
store = AssetStore(budget=10)
for index in range(3):
    store.put(bytes([index]) * 20, "bin")
os._exit(9)
"""


def test_scratch_of_a_crashed_program_is_cleaned_by_the_next() -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", CRASH], env=os.environ | {"PYTHONPATH": root}, cwd=root)
    assert done.returncode == 9
    (old,) = scratch_folders()
    other = AssetStore(budget=10)
    for index in range(3):
        other.put(bytes([index]) * 20, "bin")
    (new,) = scratch_folders()
    assert new != old
    third = AssetStore(budget=10)  # the second one is alive: its folder stays
    third.put(b"a" * 20, "bin")
    third.put(b"b" * 20, "bin")
    assert len(scratch_folders()) == 2
    assert other.get(hashlib.sha256(bytes(20)).hexdigest()) == bytes(20)


def test_no_room_for_scratch_means_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    store = AssetStore(budget=10)
    shas = [store.put(bytes([index]) * 20, "bin") for index in range(5)]
    assert [store.get(sha) for sha in shas] == [bytes([index]) * 20 for index in range(5)]


def test_damaged_or_vanished_scratch_is_missing_not_wrong() -> None:
    store = AssetStore(budget=10)
    first, second, _ = (store.put(bytes([index]) * 20, "bin") for index in range(3))
    (folder,) = scratch_folders()
    (folder / f"{first}.bin").unlink()
    with pytest.raises(MissingAssetError):
        store.get(first)
    assert not store.has(first)
    store._verified.clear()
    (folder / f"{second}.bin").write_bytes(b"something else")
    with pytest.raises(MissingAssetError):
        store.get(second)
    assert store.get(store.put(bytes(20), "bin")) == bytes(20)  # it can be put again


def test_many_threads_while_saves_go_on(tmp_path: Path) -> None:
    """Readers and writers race with saves that move the store from file to file."""
    path = tmp_path / "a.studio"
    session = sample_file(path, 6)
    store = storage.load(path).assets
    store._budget = 5_000
    wanted = sorted(store.shas())
    expected = {sha: store.get(sha) for sha in wanted}
    stop, problems = threading.Event(), []

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        count = 0
        while not stop.is_set() or count < 50:
            count += 1
            try:
                sha = wanted[rng.integers(len(wanted))]
                assert store.get(sha) == expected[sha]
                blob = rng.bytes(int(rng.integers(1, 2000)))
                assert store.get(store.put(blob, "bin")) == blob
            except BaseException as exc:
                problems.append(exc)
                return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for index in range(12):
        storage.save(tmp_path / f"{'ab'[index % 3 == 0]}.studio", session, store)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert storage.load(path).session == session
    store.close()


def test_undo_finds_what_a_save_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    store = AssetStore()
    session = sample(store, 4)
    storage.save(path, session, store)
    everything = store.shas()
    less = msgspec.structs.replace(session, gallery=session.gallery[:1])
    storage.save(path, less, store)
    assert len(storage.load(path).assets.shas()) < len(everything)
    assert store.shas() == everything
    for sha in everything:
        assert hashlib.sha256(store.get(sha)).hexdigest() == sha
    storage.save(path, session, store)  # undone, and saved again
    assert storage.load(path).assets.shas() == everything


def test_saving_elsewhere_keeps_reading_the_first_file(tmp_path: Path) -> None:
    session = sample_file(tmp_path / "a.studio", 4)
    store = storage.load(tmp_path / "a.studio").assets
    everything = store.shas()
    less = msgspec.structs.replace(session, gallery=())
    storage.save(tmp_path / "b.studio", less, store)
    assert store.shas() == everything and scratch_folders() == []
    assert all(store.check(sha) for sha in everything)
    storage.save(tmp_path / "a.studio", less, store)  # now the first file goes: what only it had is taken over
    assert all(store.check(sha) for sha in everything)
    assert storage.load(tmp_path / "a.studio").session == less


@pytest.mark.parametrize("fails", [False, True])
def test_where_open_files_cannot_be_replaced(tmp_path: Path, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of Windows: every file is closed around the rename, and open again afterwards, whatever happens."""
    from studio.base import files
    from studio.project import assets

    monkeypatch.setattr(assets, "_MUST_CLOSE", True)
    path = tmp_path / "a.studio"
    session = sample_file(path, 4)
    store = storage.load(path).assets
    everything = store.shas()
    replace = os.replace

    def noted(source: Path, target: Path) -> None:
        assert store.archive is not None and store.archive.closed
        if fails:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    less = msgspec.structs.replace(session, gallery=session.gallery[1:])
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", noted)
        if fails:
            with pytest.raises(StudioError, match="cannot be written"):
                storage.save(path, less, store)
        else:
            storage.save(path, less, store)
    assert store.shas() == everything and all(store.check(sha) for sha in everything)
    assert storage.load(path).session == (session if fails else less)
    storage.save(path, session, store)
    assert storage.load(path).session == session and not storage.load(path).notes


def test_saved_assets_leave_memory_and_scratch(tmp_path: Path) -> None:
    store = AssetStore(budget=3_000)
    session = sample(store, 5)
    assert len(scratch_folders()) == 1
    storage.save(tmp_path / "a.studio", session, store)
    assert store._held == 0 and not list(scratch_folders()[0].glob("*.*"))
    assert all(store.check(sha) for sha in store.shas())

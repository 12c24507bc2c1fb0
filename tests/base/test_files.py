"""Atomic files, locks that die with their owner, leftovers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.base import files
from studio.base.files import TEMP_SUFFIX, FileLock, clean_leftovers, replacing, temporary_name, write_atomic

ROOT = Path(__file__).parents[2]


def test_new_bytes_take_the_place_of_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two" and len(list(tmp_path.glob("*.txt"))) == 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_any_exception_keeps_the_old_file(tmp_path: Path, exception: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(exception), replacing(path) as temp:
        temp.write_bytes(b"half")
        raise exception
    assert path.read_bytes() == b"old" and not list(tmp_path.glob(".*"))


def test_a_disk_that_knows_no_folder_sync_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import stat

    original = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        original(fd)

    monkeypatch.setattr(files.os, "fsync", refuse)
    write_atomic(tmp_path / "a.txt", b"one")
    assert (tmp_path / "a.txt").read_bytes() == b"one"


def test_a_lock_has_one_owner(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire() and first.acquire() and first.held
    assert not second.acquire() and not second.held
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    first.release()
    assert second.acquire()
    second.release(remove=True)
    assert not (tmp_path / "lock").exists()
    second.release(remove=True)


def test_a_lock_dies_with_its_program(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from studio.base.files import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.readline(); os._exit(9)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout and process.stdout.readline() == "True\n"
    lock = FileLock(tmp_path / "lock")
    assert not lock.acquire()
    process.communicate("\n", timeout=20)
    assert lock.acquire()
    lock.release()


def test_leftovers(tmp_path: Path) -> None:
    host = files._host()
    dead = 2**22 + 12345  # above the largest process id of Linux by default
    gone_file, gone_folder = (tmp_path / f".{host}-{dead}-{x}{TEMP_SUFFIX}" for x in "ab")
    gone_file.touch()
    gone_folder.mkdir()
    (gone_folder / "frame.png").touch()
    mine = temporary_name(tmp_path)
    mine.touch()
    odd = tmp_path / f".{host}-{'9' * 40}-c{TEMP_SUFFIX}"
    odd.touch()
    assert clean_leftovers(tmp_path) == 2
    assert sorted(tmp_path.glob(".*")) == sorted([mine, odd])

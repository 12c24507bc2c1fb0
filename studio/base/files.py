"""Files that are either the old ones or the new ones, never something between; and locks that die with their owner.

A file is written under a temporary name in the same folder, flushed to the disk and then renamed over the old one
(``os.replace`` is atomic on one file system); after that the folder itself is flushed, so that the new name survives
a power cut.  What a killed program leaves behind is recognised by its name and lock, and removed by
:func:`clean_leftovers`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TEMP_SUFFIX = ".studio.tmp"
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
_OLD_ENOUGH = 3600.0  # seconds after which an unlocked temporary file of another machine counts as left behind


def _lock_fd(fd: int) -> bool:
    """Lock an open file for this process without waiting; False when somebody else holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class FileLock:
    """An exclusive lock on a small file that the operating system frees when the process ends, however it ends.

    The file holds the process id, for people who look; whether it is locked is what counts, so that a process id
    that was given to another program confuses nobody.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> bool:
        """Take the lock; False when another program (or another lock object) has it.  OSError: no such folder."""
        if self._fd is not None:
            return True
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        if not _lock_fd(fd) or not self._still_named(fd):
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.write(fd, b"%d" % os.getpid())
        self._fd = fd
        return True

    def _still_named(self, fd: int) -> bool:
        # Between opening and locking, the former owner may have removed the file: then the lock is on nothing.
        try:
            return os.path.samestat(os.fstat(fd), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self, *, remove: bool = False) -> None:
        """Free the lock; with ``remove`` the file goes too."""
        if self._fd is None:
            return
        if remove and sys.platform != "win32":  # while it is still locked, so that nobody loses a lock just taken
            self.path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = None
        if remove and sys.platform == "win32":
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, where system and file system can do that (others are left alone)."""
    if sys.platform == "win32":
        return
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        if exc.errno not in _CANNOT_SYNC:
            raise


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def temporary_name(folder: Path) -> Path:
    """A new name in ``folder`` that :func:`clean_leftovers` recognises (a file, or a folder of files)."""
    return folder / f".{_host()}-{os.getpid()}-{secrets.token_hex(6)}{TEMP_SUFFIX}"


class Replacement:
    """A temporary file beside ``path``, to be written and then committed or discarded.  OSError: the folder refuses.

    ``temp`` exists, empty, when the object is made; write it by that name.  A link is followed, so that the file
    that it points to is replaced and not the link.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.temp = temporary_name(self.path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd: int | None = os.open(self.temp, flags, 0o666)
        if sys.platform != "win32":  # there, a lock would keep others (an encoder) from writing the file
            _lock_fd(self._fd)

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def flush(self) -> None:
        """Bring what was written to the disk."""
        assert self._fd is not None
        os.fsync(self._fd)

    def rename(self) -> None:
        """Give the flushed file the old one's permissions and put it in its place."""
        with contextlib.suppress(OSError):  # there is no old one, or the disk knows no permissions
            self.temp.chmod(stat.S_IMODE(self.path.stat().st_mode))
        if sys.platform == "win32":  # an open file cannot be renamed there
            self._close()
        os.replace(self.temp, self.path)  # noqa: PTH105 - the name that people know from the promise
        self._close()

    def commit(self) -> None:
        """All of it: flush the file, put it in its place, flush the folder."""
        self.flush()
        self.rename()
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove the temporary file; what was there before stays.  Does nothing after a commit."""
        self._close()
        with contextlib.suppress(OSError):  # the disk may be gone; the leftover is then cleaned at a later save
            self.temp.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a new version of ``path`` under the temporary name that is handed out; any exception keeps the old one."""
    new = Replacement(path)
    try:
        yield new.temp
        new.commit()
    except BaseException:
        new.discard()
        raise


def write_atomic(path: Path, data: bytes) -> None:
    """Put ``data`` into ``path``: all of it or nothing, and on the disk when this returns.  OSError as usual."""
    with replacing(path) as temp:
        temp.write_bytes(data)


def _alive(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid))


def clean_leftovers(folder: Path) -> int:
    """Remove temporary files in ``folder`` that killed programs left there; return how many.

    A file is left behind when nobody holds its lock and its program is gone (on this machine), or, made by
    another machine, when it is also an hour old.  Files that cannot be removed stay for another time.
    """
    removed = 0
    for entry in os.scandir(folder):
        if not entry.name.startswith(".") or not entry.name.endswith(TEMP_SUFFIX):
            continue
        parts = entry.name[1:].split("-")
        with contextlib.suppress(OSError):
            mine = parts[0] == _host() and len(parts) == 3 and parts[1].isdecimal() and len(parts[1]) < 11
            gone = mine and not _alive(int(parts[1]))
            if not gone and time.time() - entry.stat().st_mtime < _OLD_ENOUGH:
                continue
            if entry.is_dir(follow_symlinks=False):
                if gone:  # folders have no lock
                    shutil.rmtree(entry.path, ignore_errors=True)
                    removed += 1
                continue
            fd = os.open(entry.path, os.O_RDWR)
            try:
                free = sys.platform == "win32" or _lock_fd(fd)
            finally:
                os.close(fd)
            if free:
                Path(entry.path).unlink()
                removed += 1
    return removed

"""A project zip opened for reading, and members copied from one to another without recompressing them.

The file may come from anywhere: every limit that it can run into is named in the message, names that leave the
project are not used, and nothing is unpacked before it is asked for.
"""

from __future__ import annotations

import contextlib
import errno
import io
import lzma
import os
import struct
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from studio.base.errors import StudioError, as_studio_error

MAX_MEMBERS = 50_000
MAX_DIRECTORY = 16 * 2**20
MAX_MEMBER = 2**30
MAX_RATIO = 200
RATIO_FREE = 32 * 2**20
"""Members up to this size may be packed as tightly as they like."""
_CHUNK = 2**20

# What zipfile and zlib raise for damaged data; anything else is a defect of ours.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    lzma.LZMAError,
    NotImplementedError,  # a compression method that is not known
    RuntimeError,  # encrypted
    ValueError,
    OverflowError,
    IndexError,
)


def _is_damage(exc: BaseException) -> bool:
    # A position outside the file, read from a broken directory, is refused by the system with EINVAL; bz2 tells of
    # nonsense with an OSError without a number.
    return not isinstance(exc, OSError) or exc.errno in (None, errno.EINVAL)


class DamagedError(StudioError):
    """A file or a member that cannot be read as what it should be."""


class ClosedError(Exception):
    """The archive was closed (a save has put a new file in its place)."""


class _Bounded(io.FileIO):
    """A file that refuses huge reads while the directory is read, for a directory is read in one piece."""

    guard = True

    def read(self, size: int | None = -1) -> bytes:
        if self.guard:
            rest = max(0, os.fstat(self.fileno()).st_size - self.tell())
            wanted = rest if size is None or size < 0 else min(size, rest)
            if wanted > MAX_DIRECTORY:
                raise DamagedError(
                    "The project has too large a table of contents.",
                    f"At most {MAX_DIRECTORY // 2**20} MB are read.",
                )
            size = wanted
        return super().read(-1 if size is None else size) or b""


def safe_name(name: str) -> bool:
    """Whether a member's name stays inside the project (no absolute paths, drives, ``..``, control characters)."""
    parts = name.split("/")
    return (
        bool(name)
        and len(name) <= 500
        and "\\" not in name
        and ":" not in name
        and all(character.isprintable() for character in name)
        and all(part not in {"", ".", ".."} for part in parts)
    )


class Archive:
    """An open project zip.  ``members``: name -> ZipInfo of everything that may be used; ``notes``: what may not.

    Thread-safe; reads raise :class:`DamagedError` (bad data), :class:`ClosedError`, or OSError (the disk).
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self.notes: list[str] = []
        self.path = path
        self._load(path)
        try:
            self.members = self._usable(self._zip.infolist())
        except BaseException:
            self.close()
            raise

    def _load(self, path: Path) -> None:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would be waited for, for ever
            raise DamagedError(f"“{path.name}” is not a file.")
        self._file = _Bounded(path, "rb")
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            self._zip = zipfile.ZipFile(self._file)
        except (*_DAMAGE, OSError) as exc:
            self._file.close()
            if not _is_damage(exc):
                raise
            raise DamagedError(
                f"“{path.name}” is not a project, or it is damaged.",
                "It cannot be read as the kind of file that projects are." if self._size else "It is empty.",
                "Open another version of it, or look whether the studio offers to restore an autosave.",
                detail=f"{type(exc).__name__}: {exc}",
            ) from exc
        except BaseException:
            self._file.close()
            raise
        self._file.guard = False
        # A store that nobody closes must not keep the file open for ever.
        weakref.finalize(self, self._file.close)

    def reopen(self, path: Path) -> None:
        """Open the same archive again after :meth:`close`, perhaps under a new name."""
        with self._lock:
            self.path = path
            self._load(path)

    def _usable(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(infos) > MAX_MEMBERS:
            raise DamagedError(
                f"“{self.path.name}” has too many entries.", f"It lists {len(infos)}; at most {MAX_MEMBERS} are read."
            )
        if sum(info.compress_size for info in infos) > self._size:
            raise DamagedError(
                f"“{self.path.name}” is damaged.", "Its entries overlap: together they are larger than the file."
            )
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.filename
            if name.endswith("/") and info.file_size == 0:
                continue
            if not safe_name(name) or name != info.orig_filename:
                self.notes.append(f"An entry with an unsafe name ({ascii(name)[:60]}) is not used.")
            elif name in members:
                raise DamagedError(
                    f"“{self.path.name}” is damaged.",
                    f"It holds two entries of the name “{name[:80]}”, and which one is meant is not known.",
                )
            elif problem := _refusal(info):
                self.notes.append(f"“{name[:80]}” is not used: {problem}.")
            else:
                members[name] = info
        return members

    def read(self, name: str, limit: int = MAX_MEMBER) -> bytes:
        """All bytes of a member, checked against its CRC.  KeyError: no such member."""
        return b"".join(self.chunks(name, limit))

    def chunks(self, name: str, limit: int = MAX_MEMBER) -> Iterator[bytes]:
        """The member's bytes in pieces; :class:`DamagedError` at the end when the CRC is wrong."""
        info = self.members[name]
        if info.file_size > limit:
            raise DamagedError(f"“{name}” is too large.", f"At most {limit // 2**20} MB are read.")
        try:
            with self._open():
                stream = self._zip.open(info)
            with stream:
                done = 0
                while True:
                    with self._open():
                        piece = stream.read(_CHUNK)
                    if not piece:
                        break
                    done += len(piece)
                    yield piece
            if done != info.file_size:
                raise zipfile.BadZipFile(f"{done} bytes instead of {info.file_size}")
        except (*_DAMAGE, OSError) as exc:
            if not _is_damage(exc):
                raise
            raise DamagedError(f"“{name}” is damaged.", detail=f"{type(exc).__name__}: {exc}") from exc

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._file.closed:
                raise ClosedError
            yield

    def copy_raw(self, name: str, target: zipfile.ZipFile, new_name: str) -> None:
        """Append the member to ``target`` as it is, packed bytes and all.

        DamagedError: it cannot be found in this file; ``target`` is then untouched.
        """
        info = self.members[name]
        copy = zipfile.ZipInfo(new_name, info.date_time)
        copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
        copy.CRC, copy.file_size, copy.compress_size = info.CRC, info.file_size, info.compress_size
        start = self._data_start(info)
        output = target.fp
        assert output is not None
        copy.header_offset = output.tell()
        output.write(copy.FileHeader())
        left = info.compress_size
        while left:
            with self._open():
                self._file.seek(start + info.compress_size - left)
                piece = self._file.read(min(_CHUNK, left))
            if not piece:
                raise OSError(errno.EIO, "The project became shorter while it was read", str(self.path))
            output.write(piece)
            left -= len(piece)
        # What ZipFile itself does after writing a member.
        target.filelist.append(copy)
        target.NameToInfo[new_name] = copy
        target.start_dir = output.tell()

    def _data_start(self, info: zipfile.ZipInfo) -> int:
        with self._open():
            self._file.seek(max(0, info.header_offset))
            header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise DamagedError(f"“{info.filename}” is damaged.", "Its header is missing.")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start = info.header_offset + 30 + int(name_length) + int(extra_length)
        if start + info.compress_size > os.fstat(self._file.fileno()).st_size:
            raise DamagedError(f"“{info.filename}” is damaged.", "It ends before it should.")
        return start

    def close(self) -> None:
        with self._lock:
            self._zip.close()
            self._file.close()

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)


def _refusal(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 0x1:
        return "it is encrypted"
    if info.file_size > MAX_MEMBER:
        return f"it is larger than {MAX_MEMBER // 2**20} MB"
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        return "its sizes do not agree"
    if info.file_size > RATIO_FREE and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return f"it would grow to more than {MAX_RATIO} times its size"
    return ""


def open_archive(path: Path) -> Archive:
    """Open a project zip.  StudioError with a sentence when it is absent, refused or no zip."""
    try:
        return Archive(path)
    except FileNotFoundError as exc:
        raise StudioError(
            f"“{path.name}” is not there any more.", f"It was looked for in {path.parent}.", "Choose another file."
        ) from exc
    except IsADirectoryError as exc:
        raise StudioError(f"“{path.name}” is a folder, not a project.") from exc
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Opening “{path.name}”") from exc

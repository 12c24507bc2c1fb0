"""One open model file: only ever read, in pieces, by position.  Nothing here interprets what it reads."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from studio.base.errors import ModelError
from studio.checkpoints.limits import MAX_FILE, damaged, plain, too_much

_CHUNK = 1 << 20


class OpenFile:
    """A regular file, opened for reading; ``read`` and ``readinto`` take positions and never go past the end."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        shown = plain(self.path.name or str(self.path))
        try:
            # Without O_NONBLOCK opening a named pipe would wait for ever.
            flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
            mode = self.path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise ModelError(
                    f"“{shown}” is a folder, not a model file.", "", "Choose the checkpoint file inside it."
                )
            if not stat.S_ISREG(mode):
                raise ModelError(f"“{shown}” is not an ordinary file.", "", "Choose a checkpoint file.")
            fd = os.open(self.path, flags)
        except ModelError:
            raise
        except FileNotFoundError as exc:
            raise ModelError(f"There is no file “{shown}”.", "", "Choose another file.") from exc
        except (OSError, ValueError) as exc:
            why = (getattr(exc, "strerror", None) or str(exc)).rstrip(".")
            raise ModelError(f"“{shown}” cannot be opened.", f"{why}.", "Check its permissions.") from exc
        self._raw = os.fdopen(fd, "rb", buffering=0)
        info = os.fstat(fd)
        self.size = info.st_size
        self._lock = threading.Lock()
        if not stat.S_ISREG(info.st_mode):
            self.close()
            raise ModelError(f"“{shown}” is not an ordinary file.", "", "Choose a checkpoint file.")
        if self.size > MAX_FILE:
            self.close()
            raise too_much(f"it is {self.size / (1 << 30):.0f} GB", f"{MAX_FILE >> 30} GB")

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; refs into it can no longer be read."""
        self._raw.close()

    def readinto(self, offset: int, target: memoryview) -> None:
        """Fill ``target`` (bytes) from ``offset``; :class:`ModelError` when the file ends before that."""
        if offset < 0 or offset + len(target) > self.size:
            raise damaged(f"it ends at byte {self.size:,}, before the end of what it announces")
        done = 0
        try:
            with self._lock:
                self._raw.seek(offset)
                while done < len(target):
                    n = self._raw.readinto(target[done:])
                    if not n:
                        raise damaged("it became shorter while it was read")
                    done += n
        except OSError as exc:
            raise ModelError("The model file could not be read to its end.", f"{exc.strerror}.") from exc

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``.  The bounds are checked before anything is allocated."""
        if size < 0 or offset < 0 or offset + size > self.size:
            raise damaged(f"it ends at byte {self.size:,}, before the end of what it announces")
        data = bytearray(size)
        self.readinto(offset, memoryview(data))
        return bytes(data)

    def hashing(self) -> Iterator[tuple[int, str]]:
        """Read the file through once: (bytes done, ""), and at the end (size, sha256 as hex)."""
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        at = 0
        while at < self.size:
            n = min(_CHUNK, self.size - at)
            self.readinto(at, buffer[:n])
            digest.update(buffer[:n])
            at += n
            yield at, ""
        yield at, digest.hexdigest()

    def sha256(self) -> str:
        """The file's sha256 as hex."""
        return [name for _, name in self.hashing()][-1]


class MemoryFile:
    """Bytes that are in memory already, read the same way."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def readinto(self, offset: int, target: memoryview) -> None:
        """Fill ``target`` from ``offset``."""
        if offset < 0 or offset + len(target) > self.size:
            raise damaged("a part of it ends before the end of what it announces")
        target[:] = self.data[offset : offset + len(target)]

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``."""
        if size < 0 or offset < 0 or offset + size > self.size:
            raise damaged("a part of it ends before the end of what it announces")
        return self.data[offset : offset + size]


@dataclass(frozen=True, slots=True)
class Blob:
    """A stretch of the file that has not been read yet."""

    file: OpenFile | MemoryFile
    offset: int
    size: int
    encoding: str = ""
    """"" raw bytes; "latin1-utf8": characters 0..255 written as UTF-8 (numpy arrays in protocol 2 pickles)."""

    def part(self, offset: int, size: int) -> Blob:
        """A stretch of this stretch, checked."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise damaged("a part of it lies outside the whole")
        return Blob(self.file, self.offset + offset, size)

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """Raw bytes of it, now."""
        piece = self.part(offset, self.size - offset if size is None else size)
        return self.file.read(piece.offset, piece.size)

    def decoded(self, size: int) -> bytearray:
        """Exactly ``size`` bytes after undoing :attr:`encoding`, in pieces; :class:`ModelError` if there are not."""
        if not self.encoding:
            if size != self.size:
                raise damaged(f"an array of {size:,} bytes has {self.size:,} bytes of data")
            out = bytearray(size)
            self.file.readinto(self.offset, memoryview(out))
            return out
        import codecs

        if not size <= self.size <= 2 * size:
            raise damaged(f"an array of {size:,} bytes has {self.size:,} bytes of data")
        decoder = codecs.getincrementaldecoder("utf-8")()
        out = bytearray(size)
        at = done = 0
        try:
            while done < self.size:
                n = min(_CHUNK, self.size - done)
                piece = decoder.decode(self.read(done, n), done + n == self.size).encode("latin-1")
                done += n
                if at + len(piece) > size:
                    break
                out[at : at + len(piece)] = piece
                at += len(piece)
        except UnicodeError as exc:
            raise damaged("an array's data is not what its format says") from exc
        if done != self.size or at != size:
            raise damaged("an array's data is longer or shorter than its shape")
        return out

"""Pictures and arrays by content: put once, found again by sha256, read when they are needed.

What is put during a session stays in memory, and beyond a budget on disk in a scratch folder that goes with the
program.  What an opened project holds is read from its file; saving moves the store over to the new file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import math
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.base import paths
from studio.base.errors import StudioError
from studio.base.files import FileLock, write_atomic
from studio.base.steps import UInt8Image
from studio.project.archive import MAX_MEMBER, Archive, ClosedError, DamagedError
from studio.project.plain import Unknown

log = logging.getLogger(__name__)

SHA = re.compile(r"[0-9a-f]{64}")
_EXT = re.compile(r"[a-z0-9]{1,8}")
_MEMBER = re.compile(r"(?:assets|gallery)/([0-9a-f]{64})\.([a-z0-9]{1,8})")
_MUST_CLOSE = os.name == "nt"
"""An open file cannot be replaced on Windows."""
MEMORY_BUDGET = 256 * 2**20
"""Bytes of assets kept in memory before the oldest go to the scratch folder."""


class MissingAssetError(StudioError):
    """An asset that is in no place that is known, or whose bytes are not what they were."""


def _missing(sha: str, why: str) -> MissingAssetError:
    return MissingAssetError(
        "A picture or code of this project is missing.",
        why,
        "Make it again from its settings, or open an older copy of the project.",
        detail=str(sha)[:100],
    )


def digest(data: bytes) -> str:
    """The sha256 of ``data`` in hex, which is the name of an asset."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Extras:
    """What a project file holds beyond what this program knows; it goes along when the project is saved."""

    manifest: dict[str, Any] = field(default_factory=dict)
    session: Unknown = field(default_factory=Unknown)
    protected: Path | None = None
    """A file that must not be written over (a newer format, or read only in part)."""
    members: tuple[str, ...] = ()
    """Names of members that are carried along as they are."""


class _Scratch:
    """A folder for assets that do not fit into memory; it goes with the program, or after its crash with the next."""

    def __init__(self) -> None:
        root = paths.cache_dir()
        for old in root.glob("scratch-*"):
            lock = FileLock(old / "lock")
            with contextlib.suppress(OSError):
                if lock.acquire():
                    lock.release()
                    shutil.rmtree(old, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=root))
        self._lock = FileLock(self.folder / "lock")
        self._lock.acquire()

    def remove(self) -> None:
        self._lock.release(remove=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class AssetStore:
    """The assets of one document.  All methods may be called from any thread.

    ``budget``: bytes kept in memory.  ``archive``: the project file that the store reads from (see ``storage``).
    """

    def __init__(self, *, budget: int = MEMORY_BUDGET, archive: Archive | None = None) -> None:
        self.extras = Extras()
        self.saving = threading.Lock()
        """Held while the store is being written to a file; one save at a time."""
        self._budget = budget
        self._lock = threading.RLock()
        self._ext: dict[str, str] = {}
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._scratch: _Scratch | None = None
        self._spilled: set[str] = set()
        self._archives: list[Archive] = []
        self._index: dict[str, tuple[Archive, str]] = {}
        self._verified: set[str] = set()
        self._damaged: set[str] = set()
        if archive is not None:
            self._add(archive)

    # Bytes

    def put(self, data: bytes, ext: str) -> str:
        """Keep ``data``; returns its sha256.  ``ext``: its kind as a file suffix without the dot ("png", "npy")."""
        ext = ext.lower().lstrip(".")
        if not _EXT.fullmatch(ext):
            raise ValueError(f"not a file suffix: {ext!r}")
        if len(data) > MAX_MEMBER:
            raise StudioError(
                "This is too large to be kept in a project.",
                f"It has {len(data) // 2**20} MB; at most {MAX_MEMBER // 2**20} MB are kept.",
            )
        data = bytes(data)
        sha = digest(data)
        with self._lock:
            self._damaged.discard(sha)
            if sha in self._memory or sha in self._spilled or (sha in self._index and sha in self._verified):
                return sha
            self._verified.add(sha)
            self._ext[sha] = ext
            self._memory[sha] = data
            self._held += len(data)
            self._spill()
        return sha

    def get(self, sha: str) -> bytes:
        """The bytes of an asset, as they were put.  MissingAssetError (a user's StudioError): there is none."""
        for _ in range(8):  # again when a save moved the asset between looking and reading
            with self._lock:
                if sha in self._memory:
                    self._memory.move_to_end(sha)
                    return self._memory[sha]
                if sha in self._damaged:
                    raise _missing(sha, "Its bytes in the file are damaged.")
                file = self._scratch_file(sha) if sha in self._spilled else None
                archive, name = self._index.get(sha, (None, ""))
            try:
                if file is not None:
                    data = file.read_bytes()
                elif archive is not None:
                    data = archive.read(name)
                else:
                    raise _missing(sha, "It is not in the project file.")
            except (ClosedError, FileNotFoundError):
                with self._lock:
                    if file is not None and sha in self._spilled and not file.exists():
                        self._spilled.discard(sha)  # somebody emptied the scratch folder
                continue
            except DamagedError as exc:
                data, why = b"", exc.sentence()
            except OSError as exc:
                raise _missing(sha, f"The file that holds it cannot be read ({exc.strerror or exc}).") from exc
            else:
                why = "Its bytes in the file are not what they were."
            if self._is(sha, data):
                return data
            if file is not None:
                with self._lock:
                    self._spilled.discard(sha)
                continue
            with self._lock:
                self._damaged.add(sha)
            raise _missing(sha, why)
        raise _missing(sha, "It is not in the project file.")

    def _is(self, sha: str, data: bytes) -> bool:
        # Files are checked by their sha256 once; afterwards the CRC of the zip guards them.
        if sha in self._verified and data:
            return True
        if digest(data) != sha:
            return False
        with self._lock:
            self._verified.add(sha)
        return True

    def has(self, sha: str) -> bool:
        """Whether the asset is here (one that was found damaged is not)."""
        with self._lock:
            there = sha in self._memory or sha in self._spilled or sha in self._index
            return there and sha not in self._damaged

    def ext(self, sha: str) -> str:
        """The suffix that the asset was put with."""
        with self._lock:
            if sha not in self._ext:
                raise _missing(sha, "It is not in the project file.")
            return self._ext[sha]

    def shas(self) -> frozenset[str]:
        """All assets that are here."""
        with self._lock:
            return frozenset(self._memory.keys() | self._spilled | self._index.keys()) - self._damaged

    def check(self, sha: str) -> bool:
        """Read the asset and compare it with its name; False: it is missing or damaged."""
        try:
            self.get(sha)
        except MissingAssetError:
            return False
        return True

    # Arrays and pictures

    def put_array(self, values: npt.ArrayLike) -> str:
        """Keep a numeric array as npy (little-endian, C order); returns its sha256."""
        array = np.ascontiguousarray(values).reshape(np.shape(values))  # ascontiguousarray makes 0-d arrays 1-d
        if array.dtype.kind not in "biuf":
            raise ValueError(f"only numbers can be kept, not {array.dtype}")
        buffer = io.BytesIO()
        np.save(buffer, array.astype(array.dtype.newbyteorder("<"), copy=False), allow_pickle=False)
        return self.put(buffer.getvalue(), "npy")

    def array(self, sha: str) -> npt.NDArray[Any]:
        """The array that was put, writable.  StudioError: missing, or not an array of numbers."""
        data = self.get(sha)
        try:
            return _read_npy(data)
        except (ValueError, TypeError) as exc:  # numpy raises TypeError for sizes that no number has
            raise StudioError(
                "A code of this project cannot be read.", "It is not an array of numbers.", detail=f"{sha}: {exc}"
            ) from exc

    def put_image(self, pixels: UInt8Image) -> str:
        """Keep a picture ``[H, W, 3|4]`` uint8 as PNG; returns its sha256."""
        from studio.media.images import encode_image

        return self.put(encode_image(pixels, ".png", compression=2), "png")  # a quarter of the time, a tenth more bytes

    def image(self, sha: str) -> UInt8Image:
        """A kept picture as ``[H, W, 3|4]`` uint8.  StudioError: missing, or not a picture."""
        from studio.media.images import load_image

        return load_image(self.get(sha)).pixels

    # Memory and disk

    def _spill(self) -> None:
        """Move the assets that were used longest ago to the scratch folder until the budget holds."""
        while self._held > self._budget and len(self._memory) > 1:
            sha, data = next(iter(self._memory.items()))
            try:
                if self._scratch is None:
                    self._scratch = _Scratch()
                    weakref.finalize(self, self._scratch.remove)
                self._scratch_file(sha).write_bytes(data)
            except OSError as exc:  # no room there: memory is the place that is left
                log.warning("assets stay in memory, the scratch folder cannot be written: %s", exc)
                self._budget = max(self._budget, 2 * self._held)
                return
            self._spilled.add(sha)
            del self._memory[sha]
            self._held -= len(data)

    def _scratch_file(self, sha: str) -> Path:
        assert self._scratch is not None
        return self._scratch.folder / f"{sha}.{self._ext[sha]}"

    def export(self, sha: str, folder: Path) -> None:
        """Make ``folder/SHA.EXT`` hold the asset, on the disk when this returns; nothing to do when it is there."""
        target = folder / f"{sha}.{self.ext(sha)}"
        if target.exists():
            return
        write_atomic(target, self.get(sha))

    def adopt(self, file: Path) -> None:
        """Take over a file that :meth:`export` wrote.  One whose bytes do not fit its name is left out."""
        sha, ext = file.stem, file.suffix[1:]
        if SHA.fullmatch(sha) and _EXT.fullmatch(ext) and not self.has(sha):
            data = file.read_bytes()
            if digest(data) == sha:
                self.put(data, ext)

    # The project file

    @property
    def archive(self) -> Archive | None:
        """The project file that the store reads from."""
        return self._archives[-1] if self._archives else None

    def is_fresh(self, sha: str) -> bool:
        """Whether the asset was put in this session and is not only in a project file."""
        with self._lock:
            return sha in self._memory or sha in self._spilled

    def in_archive(self, sha: str) -> tuple[Archive, str] | None:
        """Where a project file holds the asset: (archive, member's name)."""
        with self._lock:
            return self._index.get(sha)

    def _add(self, archive: Archive) -> None:
        self._archives.append(archive)
        for name in archive.members:
            if match := _MEMBER.fullmatch(name):
                self._index[match[1]] = (archive, name)
                self._ext.setdefault(match[1], match[2])

    @contextlib.contextmanager
    def moving_to(self, path: Path, archive: Archive) -> Iterator[None]:
        """Around putting a new file, open as ``archive``, in the place of ``path``; then the store reads from it.

        What a replaced file held and the new one does not (things that undo may bring back) is taken over first.
        """
        held = set(_shas_of(archive))
        replaced = [old for old in self._archives if _same_file(old.path, path)]
        for sha, (old, _) in list(self._index.items()):
            if old in replaced and sha not in held:
                self._rescue(sha)
        with self._lock:
            if _MUST_CLOSE:
                for file in (*replaced, archive):
                    file.close()
            try:
                yield
            except BaseException:
                if _MUST_CLOSE:
                    for old in replaced:
                        old.reopen(old.path)
                raise
            if _MUST_CLOSE:
                archive.reopen(path)
            archive.path = path
            for old in replaced:
                old.close()
                self._archives.remove(old)
            self._index = {sha: home for sha, home in self._index.items() if home[0] not in replaced}
            self._add(archive)
            self._forget(held)

    def _rescue(self, sha: str) -> None:
        with self._lock:
            if sha in self._memory or sha in self._spilled:
                return
        try:
            data = self.get(sha)
        except MissingAssetError as exc:
            log.warning("an asset that is not used any more cannot be kept for undo: %s", exc)
            return
        with self._lock:
            self._memory[sha] = data
            self._held += len(data)
            self._spill()

    def _forget(self, shas: Iterable[str]) -> None:
        """Drop what the project file holds now."""
        for sha in shas:
            if sha in self._damaged:
                continue
            if sha in self._memory:
                self._held -= len(self._memory.pop(sha))
            if sha in self._spilled:
                self._spilled.discard(sha)
                with contextlib.suppress(OSError):
                    self._scratch_file(sha).unlink(missing_ok=True)

    def drop(self, sha: str) -> None:
        """Let go of something that was put in this session and that nothing refers to (a drawing on its way).

        What a project file holds stays.
        """
        with self._lock:
            self._forget([sha])

    def mark_damaged(self, sha: str) -> None:
        """The project file's copy was found to be damaged."""
        with self._lock:
            self._damaged.add(sha)

    def close(self) -> None:
        """Close the project file and remove the scratch folder.  Nothing can be read afterwards."""
        with self._lock:
            for archive in self._archives:
                archive.close()
            self._archives.clear()
            self._index.clear()
            self._memory.clear()
            self._spilled.clear()
            self._held = 0
            if self._scratch is not None:
                self._scratch.remove()
                self._scratch = None


def _shas_of(archive: Archive) -> Iterator[str]:
    for name in archive.members:
        if match := _MEMBER.fullmatch(name):
            yield match[1]


def _same_file(a: Path, b: Path) -> bool:
    return os.path.realpath(a) == os.path.realpath(b)


_NPY_HEADER = re.compile(
    rb"\{'descr': '([<>|][biuf]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, )*(?:\d{1,18},?)?)\), \}\s*"
)


def _read_npy(data: bytes) -> npt.NDArray[Any]:
    """An npy file (version 1.0 or 2.0) from memory; its header is neither evaluated nor believed."""
    if data[:6] != b"\x93NUMPY" or data[6:8] not in (b"\1\0", b"\2\0"):
        raise ValueError("not npy")
    width = 2 if data[6] == 1 else 4
    start = 8 + width + int.from_bytes(data[8 : 8 + width], "little")
    match = _NPY_HEADER.fullmatch(data[8 + width : min(start, 4096)])
    if match is None:
        raise ValueError("the header is not that of an array of numbers")
    dtype = np.dtype(match[1].decode())
    shape = tuple(int(length) for length in match[3].replace(b",", b" ").split())
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"{len(data) - start} bytes for shape {shape}")
    values = np.frombuffer(data, dtype, offset=start)
    return values.reshape(shape, order="F" if match[2] == b"True" else "C").copy()

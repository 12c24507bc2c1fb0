"""Autosaves: what was not saved yet survives a crash of the program.

Each running program keeps in the autosave folder::

    NAME.lock     locked as long as the program lives, however it ends
    NAME.studio   the session (a project without assets), written as atomically as a save
    NAME.assets/  the assets that no saved project holds, one file each, written once

so that an autosave costs what is new and no more.  On the next start, :func:`list_recoverable` finds those whose
program is gone.  Take one back in this order, and a second crash loses nothing either::

    opened = recovery.restore(entry)
    autosave.write(opened.session, opened.assets, original=entry.original)
    recovery.discard(entry)
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from studio.base import paths
from studio.base.errors import StudioError, as_studio_error
from studio.base.files import FileLock, Replacement, clean_leftovers
from studio.project import plain, storage
from studio.project.archive import open_archive
from studio.project.assets import AssetStore
from studio.project.session import Session, assets_of

log = logging.getLogger(__name__)


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What an autosave knows beside the session."""

    original: str = ""
    title: str = ""
    time: float = 0.0
    pid: int = 0


@dataclass(frozen=True)
class Recoverable:
    """An autosave whose program is gone.

    ``time``: seconds since 1970; ``superseded``: the project was saved (by whomever) after it; ``problem``: a
    sentence why it cannot be restored ("": it can).
    """

    path: Path
    original: Path | None
    title: str
    time: float
    superseded: bool = False
    problem: str = ""

    @property
    def assets_folder(self) -> Path:
        return self.path.with_suffix(".assets")


class Autosave:
    """The autosave of this running program.  All methods may be called from any thread, one at a time."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or paths.autosave_dir()
        self._busy = threading.Lock()
        try:
            while True:  # another program that looks for rubbish may take the lock for a moment
                name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(3)}"
                self._lock = FileLock(folder / f"{name}.lock")
                if self._lock.acquire():
                    break
            clean_leftovers(folder)
        except OSError as exc:
            raise as_studio_error(exc, doing="Preparing the autosave") from exc
        self.path = folder / f"{name}.studio"
        self._assets_folder = self.path.with_suffix(".assets")

    def write(self, session: Session, assets: AssetStore, *, original: Path | None = None, title: str = "") -> None:
        """Keep this value; the one before stays until the new one is safe.  StudioError: the disk refuses."""
        try:
            with self._busy:
                self._write(session, assets, original, title)
        except StudioError:
            raise
        except Exception as exc:
            raise as_studio_error(exc, doing="The autosave") from exc

    def _write(self, session: Session, assets: AssetStore, original: Path | None, title: str) -> None:
        saved = os.path.realpath(original) if original is not None else ""
        wanted = assets_of(session)
        for sha in sorted(wanted):
            home = assets.in_archive(sha)
            in_original = home is not None and saved == os.path.realpath(home[0].path) and not assets.is_fresh(sha)
            if assets.has(sha) and not in_original:
                self._assets_folder.mkdir(exist_ok=True)
                assets.export(sha, self._assets_folder)
        record = _Record(original=saved, title=title, time=time.time(), pid=os.getpid())
        exact = {
            "mimetype": storage.MIMETYPE,
            "manifest.json": storage.manifest_bytes(assets.extras),
            "session.json": storage.session_bytes(session, assets.extras),
            storage.AUTOSAVE_MEMBER: plain.encode(record),
        }
        new = Replacement(self.path)
        try:
            with zipfile.ZipFile(new.temp, "w") as target:
                for name, data in exact.items():
                    target.writestr(zipfile.ZipInfo(name), data)
            archive = open_archive(new.temp)
            try:
                if any(archive.read(name) != data for name, data in exact.items()):
                    raise StudioError("The autosave could not be read back.", "The disk may be failing.")
            finally:
                archive.close()
            new.commit()
        except BaseException:
            new.discard()
            raise
        self._drop_unused(wanted)

    def _drop_unused(self, wanted: frozenset[str]) -> None:
        if self._assets_folder.is_dir():
            for file in self._assets_folder.iterdir():
                if file.stem not in wanted:
                    with contextlib.suppress(OSError):
                        file.unlink()

    def clear(self) -> None:
        """Everything is saved: there is nothing to restore."""
        with self._busy:
            _remove(self.path)

    def close(self) -> None:
        """The program ends in order: nothing stays."""
        self.clear()
        self._lock.release(remove=True)


def _remove(path: Path) -> None:
    # First the session: assets without one are rubbish, a session without its assets is a loss.
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        log.warning("an autosave could not be removed: %s", exc)
        return
    shutil.rmtree(path.with_suffix(".assets"), ignore_errors=True)


def list_recoverable(folder: Path | None = None) -> list[Recoverable]:
    """The autosaves that programs left which are gone, newest first; rubbish of theirs is removed on the way."""
    folder = folder or paths.autosave_dir()
    found = []
    for lock_file in sorted(folder.glob("*.lock")):
        path = lock_file.with_suffix(".studio")
        lock = FileLock(lock_file)
        with contextlib.suppress(OSError):
            if not lock.acquire():
                continue
            if path.exists():
                found.append(_entry(path))
            else:
                _remove(path)
            lock.release(remove=not path.exists())
    for path in sorted(folder.glob("*.studio")):  # whose lock file was lost
        if not path.with_suffix(".lock").exists():
            found.append(_entry(path))
    for rest in folder.glob("*.assets"):  # a discard that was interrupted
        if not rest.with_suffix(".studio").exists() and not rest.with_suffix(".lock").exists():
            shutil.rmtree(rest, ignore_errors=True)
    return sorted(found, key=lambda entry: entry.time, reverse=True)


def _entry(path: Path) -> Recoverable:
    written = path.stat().st_mtime
    try:
        archive = open_archive(path)
        try:
            record = msgspec.json.decode(archive.read(storage.AUTOSAVE_MEMBER, 2**20), type=_Record)
        finally:
            archive.close()
    except (StudioError, KeyError, msgspec.DecodeError) as exc:
        why = exc.sentence() if isinstance(exc, StudioError) else "It does not say what it belongs to."
        return Recoverable(path, None, path.stem, written, problem=why)
    original = Path(record.original) if record.original else None
    superseded = False
    if original is not None:
        with contextlib.suppress(OSError):
            superseded = original.stat().st_mtime > record.time
    title = record.title or (original.stem if original else "")
    return Recoverable(path, original, title, record.time or written, superseded)


def restore(entry: Recoverable) -> storage.Opened:
    """Open an autosave, with what it needs from its assets folder and from the project that it belongs to.

    ``Opened.path`` is that project's (None: it was never saved).  The autosave stays until :func:`discard`.
    StudioError: it cannot be read.
    """
    kept = storage.load(entry.path, assets_inside=False)
    kept.assets.close()
    notes, read_only, assets = list(kept.notes), False, AssetStore()
    if entry.original is not None:
        try:
            original = storage.load(entry.original)
        except StudioError as exc:
            notes.append(f"The project that this autosave belongs to cannot be opened: {exc.sentence()}")
        else:
            assets, read_only = original.assets, original.read_only
            if read_only:
                notes += original.notes
    assets.extras.manifest, assets.extras.session = kept.extras.manifest, kept.extras.session
    if kept.read_only:  # it could be read only in part
        read_only, assets.extras.protected = True, entry.original
    if entry.assets_folder.is_dir():
        for file in sorted(entry.assets_folder.iterdir()):
            assets.adopt(file)
    notes += storage.missing_notes(kept.session, assets)
    return storage.Opened(kept.session, assets, read_only, notes, entry.original)


def discard(entry: Recoverable) -> None:
    """Remove an autosave for good."""
    _remove(entry.path)
    with contextlib.suppress(OSError):
        entry.path.with_suffix(".lock").unlink(missing_ok=True)

"""``.studio`` files: reading what is there, saving so that nothing is ever lost.

A project is a zip: ``mimetype`` (first, stored), ``manifest.json``, ``session.json``, ``assets/SHA256.EXT``,
``gallery/SHA256.EXT`` (pictures of gallery items; otherwise like assets), ``preview.png``.  Other members and unknown
JSON keys are kept.  Assets that are already in the file before are copied as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

import studio
from studio.base.errors import StudioError, as_studio_error
from studio.base.files import Replacement, clean_leftovers, sync_folder
from studio.base.paths import APP_NAME
from studio.base.steps import Progress, Steps
from studio.project import plain
from studio.project.archive import RATIO_FREE, Archive, DamagedError, open_archive
from studio.project.assets import SHA, AssetStore, Extras, MissingAssetError
from studio.project.migrations import FORMAT_VERSION, MIN_READER, migrate
from studio.project.session import Session, assets_of

SUFFIX = ".studio"
MIMETYPE = b"application/x-latent-studio"
AUTOSAVE_MEMBER = "autosave.json"
CHECK_AT_ONCE = 16 * 2**20
"""Bytes of assets that are checked when a project is opened; :func:`check_assets` looks at all."""

_CORE = ("mimetype", "manifest.json", "session.json")
_OURS = re.compile(r"(?:assets|gallery)/[0-9a-f]{64}\.[a-z0-9]{1,8}")
_PACKED_ALREADY = {"png", "jpg", "jpeg", "webp", "gif", "avif", "mp4", "safetensors", "zip"}
_MANIFEST_KEYS = {"format_version", "min_reader", "app", "app_version", "saved"}


@dataclass
class Opened:
    """A project that was read.

    ``notes``: sentences about what is missing or could not be read (none: all is well); ``read_only``: the file must
    not be written over (it is newer, protected, or was read only in part), saving under another name is possible.
    """

    session: Session
    assets: AssetStore
    read_only: bool = False
    notes: list[str] = field(default_factory=list)
    path: Path | None = None
    format_version: int = FORMAT_VERSION

    @property
    def extras(self) -> Extras:
        """What the file holds beyond what this program knows; :func:`save` takes it from the assets by itself."""
        return self.assets.extras


# Saving


def save(
    path: Path | str,
    session: Session,
    assets: AssetStore,
    *,
    preview: bytes | None = None,
) -> None:
    """Write the project so that at every instant either the old file or the new one is there, whole.

    ``preview``: a PNG (None: the old one stays).  What the opened file held beyond our knowledge goes along
    (``assets.extras``).  Afterwards ``assets`` reads from the new file.  May run in any thread; one at a time for each
    store.  StudioError: nothing was changed.
    """
    path = Path(path)
    try:
        with assets.saving:
            _save(path, session, assets, preview)
    except StudioError:
        raise
    except Exception as exc:
        raise as_studio_error(exc, doing=f"Saving “{path.name}”") from exc


def _save(path: Path, session: Session, assets: AssetStore, preview: bytes | None) -> None:
    extras = assets.extras
    if extras.protected is not None and os.path.realpath(extras.protected) == os.path.realpath(path):
        raise StudioError(
            f"“{path.name}” is open for reading only.",
            "Writing over it would lose what this version of the program cannot read.",
            "Save under another name.",
        )
    if path.is_dir():
        raise StudioError(f"“{path.name}” is a folder.", "A project is a file.", "Choose another name.")
    if not path.parent.is_dir():
        raise StudioError(
            f"The folder of “{path.name}” is not there any more.", f"It was {path.parent}.", "Choose another folder."
        )
    clean_leftovers(Path(os.path.realpath(path)).parent)
    new = Replacement(path)
    archive: Archive | None = None
    try:
        written = _write(new.temp, session, assets, preview, extras, _wanted(session, assets, extras))
        new.flush()
        archive = _verified(new.temp, written, assets)
        with assets.moving_to(path, archive):  # nobody can read an asset meanwhile: only the rename is in here
            new.rename()
        sync_folder(new.path.parent)
        if preview is not None and "preview.png" not in extras.members:
            extras.members += ("preview.png",)
    except BaseException:
        if archive is not None:
            archive.close()
        new.discard()
        raise


def _wanted(session: Session, assets: AssetStore, extras: Extras) -> list[str]:
    """The assets that belong into the file: what the session names, and what unknown keys seem to name."""
    wanted = assets_of(session) | _named_in(extras.manifest) | _named_in_unknown(extras.session)
    return sorted(sha for sha in wanted if assets.has(sha) or assets.in_archive(sha))


def _named_in(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return {tree} if SHA.fullmatch(tree) else set()
    if isinstance(tree, dict):
        return set().union(*map(_named_in, tree.keys()), *map(_named_in, tree.values()))
    return set().union(*map(_named_in, tree)) if isinstance(tree, list) else set()


def _named_in_unknown(unknown: plain.Unknown) -> set[str]:
    parts = [*unknown.fields.values(), *(inner for _, _, inner in unknown.items)]
    return _named_in(unknown.keys).union(*map(_named_in_unknown, parts))


@dataclass
class _Written:
    """What a file must hold to be believed: exact bytes, fresh assets by their sha256, the rest by their CRC."""

    exact: dict[str, bytes] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    copied: dict[str, tuple[Archive, str]] = field(default_factory=dict)


def session_bytes(session: Session, extras: Extras) -> bytes:
    """``session.json``, with the unknown keys of the opened file.  StudioError: too deep or too large."""
    try:
        data = msgspec.json.encode(session)
        faithful = msgspec.json.decode(data, type=Session) == session
    except (ValueError, TypeError, RecursionError):  # NaN, half characters, numbers of numpy
        faithful = False
    if not faithful:
        data = plain.encode(session)  # takes ten times as long, and mends them
    if extras.session:
        data = msgspec.json.encode(plain.with_unknown(msgspec.json.decode(data), session, extras.session))
    if plain.decode_session(plain.parse(data, "The project's content"))[1]:
        raise StudioError(
            "The project cannot be saved as it is.", "A value in it could not be read again.", kind="internal"
        )
    return data


def manifest_bytes(extras: Extras) -> bytes:
    """``manifest.json``."""
    known = {
        "format_version": FORMAT_VERSION,
        "min_reader": MIN_READER,
        "app": APP_NAME,
        "app_version": studio.__version__,
        "saved": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return msgspec.json.format(msgspec.json.encode(extras.manifest | known), indent=1)


def _write(
    temp: Path, session: Session, assets: AssetStore, preview: bytes | None, extras: Extras, shas: Iterable[str]
) -> _Written:
    done = _Written()
    gallery = {item.picture for item in session.gallery}
    source = assets.archive
    with zipfile.ZipFile(temp, "w") as target:

        def add(name: str, data: bytes, *, pack: bool) -> None:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED
            target.writestr(info, data)

        def add_exact(name: str, data: bytes, *, pack: bool = True) -> None:
            add(name, data, pack=pack)
            done.exact[name] = data

        add_exact("mimetype", MIMETYPE, pack=False)
        add_exact("manifest.json", manifest_bytes(extras))
        add_exact("session.json", session_bytes(session, extras))
        if preview is not None:
            add_exact("preview.png", preview, pack=False)
        for sha in shas:
            name = f"{'gallery' if sha in gallery else 'assets'}/{sha}.{assets.ext(sha)}"
            home = None if assets.is_fresh(sha) else assets.in_archive(sha)
            try:
                if home is None:
                    data = assets.get(sha)
                    add(name, data, pack=assets.ext(sha) not in _PACKED_ALREADY and len(data) <= RATIO_FREE)
                    done.fresh[name] = sha
                else:
                    home[0].copy_raw(home[1], target, name)
                    done.copied[name] = home
            except (DamagedError, MissingAssetError):
                assets.mark_damaged(sha)  # its place in the session stays; opening will say that it is missing
        if source is not None:
            for name in extras.members:
                if name in source.members and name not in target.NameToInfo:
                    try:
                        source.copy_raw(name, target, name)
                    except DamagedError:
                        continue  # nothing of it can be found in the file
                    done.copied[name] = (source, name)
    return done


def _verified(temp: Path, written: _Written, assets: AssetStore) -> Archive:
    """Open the new file as anybody would and compare everything in it with what was to be written."""
    archive = Archive(temp)
    try:
        if set(archive.members) != written.exact.keys() | written.fresh.keys() | written.copied.keys():
            raise _not_as_written("an entry is missing")
        if next(iter(archive.members)) != "mimetype":
            raise _not_as_written("the order of entries")
        for name, data in written.exact.items():
            if archive.read(name) != data:
                raise _not_as_written(name)
        for name, sha in written.fresh.items():
            if _sha_of(archive, name) != sha:
                raise _not_as_written(name)
        for name, (source, old_name) in written.copied.items():
            if not _intact(archive, name):
                if _intact(source, old_name):
                    raise _not_as_written(name)
                # It was damaged before: it goes along as it is, for whoever may want to rescue something of it.
                if SHA.fullmatch(Path(name).stem):
                    assets.mark_damaged(Path(name).stem)
    except BaseException:
        archive.close()
        raise
    return archive


def _not_as_written(what: str) -> StudioError:
    return StudioError(
        "The project was not saved: reading back what was written gave something else.",
        "The disk may be failing.",
        "Save to another disk.",
        kind="resource",
        detail=what,
    )


def _sha_of(archive: Archive, name: str) -> str:
    found = hashlib.sha256()
    for piece in archive.chunks(name):
        found.update(piece)
    return found.hexdigest()


def _intact(archive: Archive, name: str) -> bool:
    try:
        for _ in archive.chunks(name):
            pass
    except DamagedError:
        return False
    return True


# Opening


def load(path: Path | str, *, assets_inside: bool = True) -> Opened:
    """Open a project.  Only the session and the table of contents are read; assets when they are asked for.

    ``assets_inside`` False: an autosave, whose assets are elsewhere, so that none is reported as missing.
    StudioError: it is no project, or so damaged that nothing can be shown.  Everything less is told in ``notes``.
    """
    path = Path(path)
    archive = open_archive(path)
    try:
        return _load(path, archive, assets_inside)
    except StudioError:
        archive.close()
        raise
    except Exception as exc:
        archive.close()
        raise as_studio_error(exc, doing=f"Opening “{path.name}”") from exc


def _core(archive: Archive, name: str, read: Callable[[bytes], Any]) -> Any:
    try:
        return read(archive.read(name, plain.MAX_JSON))
    except StudioError as exc:
        raise DamagedError(
            f"“{archive.path.name}” is damaged and cannot be opened.",
            exc.sentence(),
            "Open an older copy of it, or look whether the studio offers to restore an autosave.",
            detail=exc.detail,
        ) from exc


def _load(path: Path, archive: Archive, assets_inside: bool) -> Opened:
    notes = list(archive.notes)
    if "session.json" not in archive.members or not _says_studio(archive):
        raise DamagedError(
            f"“{path.name}” is not a project of {APP_NAME}.", " ".join(["It holds no session of ours.", *notes[:3]])
        )
    tree = _core(archive, "session.json", lambda data: plain.parse(data, "Its content"))
    manifest, version = _manifest(archive, notes)
    protect = bool(notes)  # something is left out, and writing over the file would lose it
    if version > FORMAT_VERSION:
        protect = True
        notes.append(
            f"This project was made by a newer version of {APP_NAME} (format {version}; this program knows up to "
            f"{FORMAT_VERSION}). It is open for looking; to go on working, save it under another name."
        )
        if not _is_at_most(manifest.get("min_reader"), FORMAT_VERSION):
            notes.append("Parts of it may not show, or look different there.")
    elif version < FORMAT_VERSION:
        tree = migrate(tree, version)
        notes.append("This project was made by an earlier version of the program; saving brings it to today's form.")
    session, broken = plain.decode_session(tree)
    if broken:
        protect = True
        notes += [*broken, "The file itself stays as it is; to go on working, save under another name."]

    assets = AssetStore(archive=archive)
    extras = assets.extras
    extras.manifest = {key: value for key, value in manifest.items() if key not in _MANIFEST_KEYS}
    extras.session = plain.unknown_keys(session, tree)
    extras.members = tuple(
        name for name in archive.members if name not in _CORE and name != AUTOSAVE_MEMBER and not _OURS.fullmatch(name)
    )
    extras.protected = path if protect else None
    read_only = protect
    if not assets_inside:
        return Opened(session, assets, read_only, notes, path, version)
    notes += missing_notes(session, assets)
    if not protect and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        read_only = True
        notes.append("The file or its folder is write protected; save under another name.")
    return Opened(session, assets, read_only, notes, path, version)


def _says_studio(archive: Archive) -> bool:
    """Whether the file calls itself a project; a broken or absent label does not speak against it."""
    try:
        return "mimetype" not in archive.members or archive.read("mimetype", 1000).strip() == MIMETYPE
    except DamagedError:
        return True


def _manifest(archive: Archive, notes: list[str]) -> tuple[dict[str, Any], int]:
    try:
        manifest = plain.parse(archive.read("manifest.json", 2**20), "The manifest")
        version = manifest.get("format_version")
        if type(version) is int and 0 <= version < 2**31:
            return manifest, version
    except (StudioError, KeyError):
        manifest = {}
    notes.append("The file's label (manifest.json) is missing or damaged; it was read as today's format.")
    return manifest, FORMAT_VERSION


def _is_at_most(value: Any, limit: int) -> bool:
    return type(value) is int and value <= limit


def missing_notes(session: Session, assets: AssetStore) -> list[str]:
    """Sentences about assets that the session names and the store does not have.

    What can be read quickly (:data:`CHECK_AT_ONCE` bytes, small ones first) is compared with its sha256 as well.
    """
    wanted = assets_of(session)
    homes = {sha: home for sha in wanted if (home := assets.in_archive(sha)) and not assets.is_fresh(sha)}
    room = CHECK_AT_ONCE
    for sha, (archive, name) in sorted(homes.items(), key=lambda item: item[1][0].members[item[1][1]].file_size):
        room -= archive.members[name].file_size
        if room < 0:
            break
        assets.check(sha)
    return _missing_sentences(session, {sha for sha in wanted if not assets.has(sha)})


def _missing_sentences(session: Session, missing: set[str]) -> list[str]:
    if not missing:
        return []
    names = [item.title for item in session.gallery if {item.picture, item.thumbnail} & missing]
    names += [mark.name for mark in session.bookmarks if assets_of(mark) & missing]
    named = ", ".join(f"“{name}”" for name in names[:3] if name) + (" and others" if len(names) > 3 else "")
    count = "1 picture or code is" if len(missing) == 1 else f"{len(missing)} pictures or codes are"
    where = f" ({named})" if named else ""
    return [f"{count} missing from the project or damaged{where}. All settings are kept."]


def check_assets(session: Session, assets: AssetStore) -> Steps[list[str]]:
    """Compare every asset of an opened project with its sha256, in the background; returns sentences as ``load``."""
    wanted = sorted(assets_of(session))
    missing: set[str] = set()
    for index, sha in enumerate(wanted):
        if not assets.check(sha):
            missing.add(sha)
        yield Progress(index + 1, len(wanted), "Checking the project")
    return _missing_sentences(session, missing)

"""The table of contents of a zip, read defensively: stored parts only, nothing unpacked, nothing written to disk."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, OpenFile
from studio.checkpoints.limits import MAX_DIRECTORY, MAX_ENTRIES, MAX_NAME, damaged, plain, too_much

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True, slots=True)
class Entry:
    """One part of the archive."""

    name: str
    method: int
    packed: int
    size: int
    header: int

    def blob(self, file: OpenFile) -> Blob:
        """Where its bytes lie.  Only parts that are stored as they are (torch writes no others)."""
        if self.method != 0 or self.packed != self.size:
            raise ModelError(
                "This model file was refused: its parts are compressed.",
                f"“{plain(self.name, 40)}” unpacks from {self.packed:,} to {self.size:,} bytes; checkpoints are "
                "stored as they are, since compressed ones can unpack without end.",
                "Save it again with torch.save, or as safetensors.",
            )
        local = _LOCAL.unpack(file.read(self.header, _LOCAL.size))
        if local[0] != b"PK\x03\x04":
            raise damaged(f"its part “{plain(self.name, 40)}” is not where the table of contents says")
        blob = Blob(file, 0, file.size)
        return blob.part(self.header + _LOCAL.size + local[9] + local[10], self.size)


def read_directory(file: OpenFile) -> dict[str, Entry]:
    """All parts by name.  Names that lead out of the archive, twins, links and secrets are refused."""
    count, size, start = _find(file)
    if count > MAX_ENTRIES:
        raise too_much(f"it is said to have {count:,} parts", f"{MAX_ENTRIES:,} parts")
    if size > MAX_DIRECTORY:
        raise too_much("its table of contents is too long", f"{MAX_DIRECTORY >> 20} MB")
    if size > count * (_CENTRAL.size + MAX_NAME + 4096) or start + size > file.size:
        raise damaged("its table of contents does not fit the file")
    raw = file.read(start, size)
    entries: dict[str, Entry] = {}
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(raw):
            raise damaged("its table of contents is cut off")
        head = _CENTRAL.unpack_from(raw, at)
        if head[0] != b"PK\x01\x02":
            raise damaged("its table of contents is not one")
        flags, method, packed, full = head[3], head[4], head[8], head[9]
        n_name, n_extra, n_comment, attributes, header = head[10], head[11], head[12], head[15], head[16]
        if n_name > MAX_NAME:
            raise too_much("the name of a part is too long", f"{MAX_NAME} characters")
        at += _CENTRAL.size
        name = raw[at : at + n_name].decode("utf-8", "replace")
        packed, full, header = _zip64(raw[at + n_name : at + n_name + n_extra], packed, full, header)
        at += n_name + n_extra + n_comment
        _check_name(name, flags, attributes)
        if name in entries:
            raise ModelError(
                "This model file was refused: two of its parts have the same name.",
                f"“{plain(name, 40)}” occurs twice.",
            )
        entries[name] = Entry(name, method, packed, full, header)
    _check_places(entries, start)
    return entries


def _find(file: OpenFile) -> tuple[int, int, int]:
    """(parts, bytes, position) of the table of contents."""
    tail = min(file.size, 0xFFFF + _END.size)
    raw = file.read(file.size - tail, tail)
    at = raw.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(raw):
        raise damaged("the table of contents at its end is missing")
    end = _END.unpack_from(raw, at)
    if end[1] not in (0, 0xFFFF) or end[2] not in (0, 0xFFFF):
        raise damaged("it is a part of an archive in several pieces")
    count, size, start = end[4], end[5], end[6]
    place = file.size - tail + at - _LOCATOR.size
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        if place < 0:
            raise damaged("the table of contents at its end is missing")
        locator = _LOCATOR.unpack(file.read(place, _LOCATOR.size))
        if locator[0] != b"PK\x06\x07":
            raise damaged("the table of contents at its end is missing")
        end64 = _END64.unpack(file.read(locator[2], _END64.size))
        if end64[0] != b"PK\x06\x06":
            raise damaged("the table of contents at its end is missing")
        count, size, start = end64[7], end64[8], end64[9]
    return count, size, start


def _zip64(extra: bytes, packed: int, full: int, header: int) -> tuple[int, int, int]:
    """Sizes above 4 GB, which live in an extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, n = struct.unpack_from("<HH", extra, at)
        at += 4
        if kind == 1:
            field = extra[at : at + n]
            values = list(struct.unpack_from(f"<{len(field) // 8}Q", field))
            try:
                full = values.pop(0) if full == 0xFFFFFFFF else full
                packed = values.pop(0) if packed == 0xFFFFFFFF else packed
                header = values.pop(0) if header == 0xFFFFFFFF else header
            except IndexError:
                raise damaged("the size of a part is missing") from None
        at += n
    return packed, full, header


def _check_name(name: str, flags: int, attributes: int) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0] or "\0" in name:
        raise ModelError(
            "This model file was refused: a part of it wants to lie outside of it.",
            f"It is called “{plain(name, 60)}”. Nothing was unpacked.",
            "Get the model from its author.",
        )
    if (attributes >> 16) & 0o170000 == 0o120000:
        raise ModelError(
            "This model file was refused: a part of it is a link to another file.", f"It is “{plain(name, 60)}”."
        )
    if flags & 1:
        raise ModelError("This model file is locked with a password.", "", "Unlock it and save it again.")


def _check_places(entries: dict[str, Entry], directory: int) -> None:
    """Parts that lie over each other are how small zips become endless ones."""
    last = 0
    for entry in sorted(entries.values(), key=lambda e: e.header):
        if entry.header < last:
            raise ModelError(
                "This model file was refused: its parts lie over each other.",
                f"“{plain(entry.name, 40)}” begins inside another part; only files made to do harm are like that.",
            )
        last = entry.header + _LOCAL.size + entry.packed
    if last > directory:
        raise damaged("its parts are longer than the file")

"""Members packed by a method that they were not packed with are damage, whichever way Python tells of it."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from studio.project.archive import Archive, DamagedError


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 97])
def test_another_method_is_damage(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.studio"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("session.json", b"{}" * 500)
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + place
        data[at : at + 2] = struct.pack("<H", method)
    path.write_bytes(data)
    archive = Archive(path)
    with pytest.raises(DamagedError):
        archive.read("session.json")
    archive.close()

"""PNG and TIFF written strip by strip, with 8 or 16 bits: what Pillow cannot write, or only with copies of the whole.

PNG: W3C PNG third edition; each row takes the filter (none, sub, up) with the smallest sum of differences, as libpng's
heuristic does.  TIFF 6.0 with Deflate and horizontal prediction.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from studio.base.errors import StudioError
from studio.media.deep import rows_of
from studio.media.metadata import pack, png_info

Picture = npt.NDArray[Any]
"""``[H, W]`` or ``[H, W, 3|4]``, uint8 or uint16."""
Change = Callable[[Picture], Picture]
"""What is done to each strip before it is written; the shape of rows stays."""

_KINDS = {1: 0, 3: 2, 4: 6}  # channels -> PNG's colour types
_STRIP = 2**18
"""Pixels of a strip: its filtered versions stay within the processor's reach."""


def write_png(
    file: IO[bytes],
    pixels: Picture,
    *,
    icc: bytes | None = None,
    recipe: str | None = None,
    change: Change | None = None,
    compression: int = 4,
) -> None:
    """A PNG with as many bits as ``pixels`` has.  ``compression`` 0..9 (all lossless).  OSError: the disk refuses."""
    height, width, channels, depth = _described(pixels)

    def chunk(kind: bytes, body: bytes) -> None:
        file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, _KINDS[channels], 0, 0, 0))
    if icc:
        chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if (info := png_info(recipe)) is not None:
        for kind, body, *_ in info.chunks:
            chunk(kind, body)
    packer = zlib.compressobj(compression)
    above = np.zeros(width * channels * depth // 8, np.uint8)
    for top, bottom in rows_of(height, width, _STRIP):
        rows = _bytes_of(pixels[top:bottom], change, ">")
        if body := packer.compress(_filtered(rows, above, channels * depth // 8)):
            chunk(b"IDAT", body)
        above = rows[-1].copy()
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")


def _described(pixels: Picture) -> tuple[int, int, int, int]:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3) or channels not in _KINDS:
        raise ValueError(f"not a picture: {pixels.dtype} {pixels.shape}")
    return pixels.shape[0], pixels.shape[1], channels, 8 * pixels.dtype.itemsize


def _bytes_of(strip: Picture, change: Change | None, order: str) -> npt.NDArray[np.uint8]:
    strip = strip if change is None else change(strip)
    wanted = strip.dtype.newbyteorder(order)  # type: ignore[arg-type]
    return np.ascontiguousarray(strip, wanted).view(np.uint8).reshape(strip.shape[0], -1)


def _filtered(rows: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], step: int) -> bytes:
    """Rows with their filter bytes; ``step``: bytes of a pixel, ``above``: the row before the first."""
    count, length = rows.shape
    before = np.concatenate((above[None], rows[:-1]))
    ways = np.empty((3, count, length), np.uint8)
    ways[0] = rows
    ways[1, :, :step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=ways[1, :, step:])
    np.subtract(rows, before, out=ways[2])
    # Differences are signed: 255 is as near to 0 as 1.
    cost = np.minimum(ways, 0 - ways).sum(axis=2, dtype=np.int64)
    best = cost.argmin(axis=0)
    made = np.empty((count, length + 1), np.uint8)
    made[:, 0] = best
    made[:, 1:] = ways[best, np.arange(count)]
    return made.tobytes()


def write_tiff(
    file: IO[bytes],
    pixels: Picture,
    *,
    icc: bytes | None = None,
    recipe: str | None = None,
    change: Change | None = None,
    compression: int = 6,
) -> None:
    """A TIFF with as many bits as ``pixels`` has, packed without loss.  StudioError: more than its 4 GB."""
    height, width, channels, depth = _described(pixels)
    pieces = rows_of(height, width, _STRIP)
    file.write(struct.pack("<2sHI", b"II", 42, 0))
    offsets, sizes, position = [], [], 8
    for top, bottom in pieces:
        rows = _bytes_of(pixels[top:bottom], change, "<")
        samples = rows.view(f"<u{depth // 8}").reshape(bottom - top, width, channels)
        made = samples.copy()
        np.subtract(samples[:, 1:], samples[:, :-1], out=made[:, 1:])
        body = zlib.compress(made.tobytes(), compression)
        file.write(body)
        offsets.append(position)
        sizes.append(len(body))
        position += len(body)
        if position > 2**32 - 2**26:
            raise StudioError("The picture is larger than 4 GB, which TIFF cannot hold.", todo="Choose PNG.")
    entries = [
        (256, "I", [width]), (257, "I", [height]), (258, "H", [depth] * channels), (259, "H", [8]),
        (262, "H", [2 if channels > 1 else 1]), (273, "I", offsets), (277, "H", [channels]),
        (278, "I", [pieces[0][1]]), (279, "I", sizes), (284, "H", [1]), (317, "H", [2]),
    ]  # fmt: skip
    if channels == 4:
        entries.append((338, "H", [2]))  # alpha that is not multiplied in
    raw = [] if recipe is None else [(37510, b"ASCII\0\0\0" + pack(recipe))]
    raw += [(34675, icc)] if icc else []
    _directory(file, position, entries, raw)


def _directory(
    file: IO[bytes], position: int, entries: list[tuple[int, str, list[int]]], raw: list[tuple[int, bytes]]
) -> None:
    found = [(tag, {"H": 3, "I": 4}[kind], len(v), struct.pack(f"<{len(v)}{kind}", *v)) for tag, kind, v in entries]
    found += [(tag, 7, len(data), data) for tag, data in raw]
    position += position % 2
    after = position + 2 + 12 * len(found) + 4
    head, bodies = struct.pack("<H", len(found)), b""
    for tag, kind, count, data in sorted(found):
        head += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            head += data.ljust(4, b"\0")
        else:
            head += struct.pack("<I", after + len(bodies))
            bodies += data + b"\0" * (len(data) % 2)
    file.seek(position)
    file.write(head + struct.pack("<I", 0) + bodies)
    file.seek(4)
    file.write(struct.pack("<I", position))

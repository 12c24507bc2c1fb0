"""Files with 16 bits and colour profiles, made here byte by byte: no code of the studio takes part."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""XYZ under D50 of the primaries of Adobe RGB (1998)."""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(a: npt.NDArray[np.uint16], kind: int, *, interlaced: bool = False, before: bytes = b"") -> bytes:
    """A PNG of colour type ``kind``; ``before``: chunks before the pixels."""

    def rows(x: npt.NDArray[np.uint16]) -> bytes:
        return b"".join(b"\0" + r.astype(">u2").tobytes() for r in x)

    parts = [a[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [a]
    raw = b"".join(rows(part) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", a.shape[1], a.shape[0], 16, kind, 0, 0, interlaced)
    body = chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff16(a: npt.NDArray[np.uint16], order: str, *, packed: bool, predicted: bool, orientation: int = 1) -> bytes:
    """A TIFF of RGB or RGBA in strips of 5 rows, of one byte order ("<", ">")."""
    h, w, n = a.shape
    b = a.copy()
    if predicted:
        b[:, 1:] = a[:, 1:] - a[:, :-1]
    strips = [b[i : i + 5].astype(order + "u2").tobytes() for i in range(0, h, 5)]
    strips = [zlib.compress(s) for s in strips] if packed else strips
    data = b"".join(strips)
    data += b"\0" * (len(data) % 2)
    at = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    entries = [
        (256, "I", [w]), (257, "I", [h]), (258, "H", [16] * n), (259, "H", [8 if packed else 1]), (262, "H", [2]),
        (273, "I", at), (274, "H", [orientation]), (277, "H", [n]), (278, "I", [5]), (279, "I", [*map(len, strips)]),
        (284, "H", [1]), (317, "H", [2 if predicted else 1]), *([(338, "H", [2])] if n == 4 else []),
    ]  # fmt: skip
    start = 8 + len(data)
    after = start + 2 + 12 * len(entries) + 4
    head, bodies = struct.pack(order + "H", len(entries)), b""
    for tag, kind, values in entries:
        body = struct.pack(f"{order}{len(values)}{kind}", *values)
        head += struct.pack(order + "HHI", tag, 3 if kind == "H" else 4, len(values))
        if len(body) <= 4:
            head += body.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", after + len(bodies))
            bodies += body
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HI", 42, start) + data + head + struct.pack(order + "I", 0) + bodies


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def table(values: npt.NDArray[np.float64]) -> bytes:
    words = (values * 65535).round().astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + words + b"\0" * (len(words) % 4)


def parametric(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(_s15(v) for v in values)


def profile(tone: bytes, primaries: tuple[tuple[float, ...], ...] = ADOBE, *, space: bytes = b"RGB ") -> bytes:
    """An ICC 2 profile of a matrix and one curve for all colours, or of a grey curve."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(_s15(v) for v in values)

    name = b"Made by a test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(79),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
    }
    if space == b"RGB ":
        for letter, values in zip(b"rgb", primaries, strict=True):
            tags[bytes([letter]) + b"XYZ"] = xyz(values)
            tags[bytes([letter]) + b"TRC"] = tone
    else:
        tags[b"kTRC"] = tone
    head, bodies = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, body in tags.items():
        head += struct.pack(">4sII", tag, start + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    total = 128 + len(head) + len(bodies)
    header = struct.pack(">I4sI4s4s4s", total, b"lcms", 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(_s15(v) for v in (0.9642, 1.0, 0.8249)) + bytes(48)
    return header + head + bodies


def iccp(icc: bytes) -> bytes:
    return chunk(b"iCCP", b"a\0\0" + zlib.compress(icc))

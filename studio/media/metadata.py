"""The recipe text inside picture files, and the other texts that they carry.

PNG and APNG: an iTXt chunk with the key "latent-studio" (compressed when long).  JPEG, WebP, TIFF: the same text in
EXIF UserComment, packed to ASCII; a JPEG whose text does not fit into EXIF's 64 KB: APP10 segments with our name.
GIF: a comment.  MP4: a ``uuid`` box at the end, which players skip.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable
from typing import IO

from PIL import ExifTags, PngImagePlugin, TiffImagePlugin, TiffTags
from PIL import Image as PILImage

TEXT_KEY = "latent-studio"
MAX_TEXT = 32 * 2**20
"""Bytes of text that are unpacked at most."""

# Pillow unpacks 1 MB of text at most; a recipe with codes in it may be larger.  (All chunks together: 64 MB, as it is.)
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, MAX_TEXT)

_PREFIX = b"latent-studio:"
_ASCII = b"ASCII\0\0\0"
_USER_COMMENT = int(ExifTags.Base.UserComment)
_EXIF_LIMIT = 60_000
_SEGMENT_NAME = b"latent-studio\0"
_SEGMENT_LIMIT = 60_000
_BOX_ID = bytes.fromhex("6c6174656e742d73747564696f000001")  # "latent-studio" and a version


def pack(text: str) -> bytes:
    """The text as printable ASCII: our prefix and base64 of zlib of UTF-8."""
    return _PREFIX + base64.b64encode(zlib.compress(text.encode(), 6))


def unpack(data: bytes) -> str | None:
    """The other way; None when it is not ours or is damaged."""
    data = data.strip(b"\0 \r\n")
    if not data.startswith(_PREFIX):
        return None
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(base64.b64decode(data[len(_PREFIX) :], validate=True), MAX_TEXT)
        if not unpacker.eof:
            return None
        return raw.decode()
    except (binascii.Error, ValueError, zlib.error):
        return None


# Writing


def png_info(text: str | None) -> PngImagePlugin.PngInfo | None:
    """What Pillow writes into a PNG."""
    if text is None:
        return None
    info = PngImagePlugin.PngInfo()
    info.add_itxt(TEXT_KEY, text, zip=len(text) > 1000)
    return info


def exif_bytes(text: str | None) -> bytes:
    """An EXIF block with the packed text in UserComment (empty without text)."""
    if text is None:
        return b""
    exif = PILImage.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[_USER_COMMENT] = _ASCII + pack(text)
    return exif.tobytes()


def tiff_info(text: str | None) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The same for a TIFF, in its main directory (the library that packs TIFFs writes no other)."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    if text is not None:
        info.tagtype[_USER_COMMENT] = TiffTags.UNDEFINED
        info[_USER_COMMENT] = _ASCII + pack(text)
    return info


def jpeg_parts(text: str | None) -> tuple[bytes, bytes]:
    """(EXIF block, extra segments) for a JPEG: the text is in one of them."""
    if text is None:
        return b"", b""
    packed = pack(text)
    if len(packed) <= _EXIF_LIMIT:
        return exif_bytes(text), b""
    pieces = [packed[i : i + _SEGMENT_LIMIT] for i in range(0, len(packed), _SEGMENT_LIMIT)]
    segments = b""
    for index, piece in enumerate(pieces):
        body = _SEGMENT_NAME + struct.pack(">HH", index, len(pieces)) + piece
        segments += b"\xff\xea" + struct.pack(">H", len(body) + 2) + body
    return b"", segments


def mp4_box(text: str) -> bytes:
    """A ``uuid`` box to be appended to an MP4 file."""
    body = _BOX_ID + pack(text)
    return struct.pack(">I4s", len(body) + 8, b"uuid") + body


# Reading


def texts_of(image: PILImage.Image) -> dict[str, str]:
    """The texts of an opened picture; the recipe under :data:`TEXT_KEY` whatever the format.

    Read it after the pixels: a PNG may have texts behind them.
    """
    found: dict[str, str] = {}
    if image.format == "PNG":  # elsewhere Pillow keeps its own remarks there
        found = {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
    if TEXT_KEY not in found:
        for candidate in _candidates(image):
            if (text := unpack(candidate)) is not None:
                found[TEXT_KEY] = text
                break
    return found


def _candidates(image: PILImage.Image) -> Iterable[bytes]:
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        yield comment
    try:
        exif = image.getexif()
        user_comments = [exif.get_ifd(ExifTags.IFD.Exif).get(_USER_COMMENT), exif.get(_USER_COMMENT)]
    except Exception:  # EXIF of strangers: Pillow raises whatever its parser stumbles over
        user_comments = []
    for user_comment in user_comments:
        if isinstance(user_comment, str):
            user_comment = user_comment.encode("ascii", "replace")
        if isinstance(user_comment, bytes):
            yield user_comment.removeprefix(_ASCII)
    parts: dict[int, bytes] = {}
    count = 0
    for marker, data in getattr(image, "applist", []):
        head = len(_SEGMENT_NAME) + 4
        if marker == "APP10" and data.startswith(_SEGMENT_NAME) and len(data) > head:
            index, count = struct.unpack(">HH", data[head - 4 : head])
            parts[index] = data[head:]
    if count and len(parts) == count and sorted(parts) == list(range(count)):
        yield b"".join(parts[index] for index in range(count))


def is_mp4(file: IO[bytes]) -> bool:
    """Whether the file is a film (pictures in AVIF and HEIC files begin almost the same)."""
    file.seek(0)
    head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] not in {b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1"}


def mp4_text(file: IO[bytes]) -> str | None:
    """The recipe in an MP4 file; None when there is none.  Only the boxes' headers are read."""
    end = file.seek(0, 2)
    position = 0
    for _ in range(1000):
        if position + 8 > end:
            return None
        file.seek(position)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0], 16
        if kind == b"uuid" and header == 8 and size <= MAX_TEXT and file.read(16) == _BOX_ID:
            return unpack(file.read(size - 24))
        if size < header:
            return None
        position += size
    return None

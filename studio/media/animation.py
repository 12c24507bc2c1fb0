"""Films in formats that need no encoder from outside: APNG, animated WebP, GIF, PNG sequences.

Each frame is packed on its own by Pillow and put into the container here, so that writing goes frame by frame (it can
stop at any), every frame that is given is in the file, and durations are exact: Pillow's own writers want all frames at
once and join equal ones.

Sources of the formats: APNG 1.0 (Mozilla), WebP Container Specification (Google), GIF89a.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from PIL import Image as PILImage

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.media.images import encode_image
from studio.media.metadata import exif_bytes, pack, png_info


class Writer(Protocol):
    """A film that is being written: frames of one size and kind go in, one after the other."""

    def add(self, frame: UInt8Image) -> None:
        """Append a frame ``[H, W, 3|4]`` uint8."""

    def finish(self) -> Iterator[None]:
        """Bring the file to its end, in steps."""

    def abort(self) -> None:
        """Let go of everything; what was written is of no use."""


def frame_rate(fps: float) -> Fraction:
    """Frames per second as a fraction (23.976 is 24000/1001).  StudioError: not between 0.1 and 1000."""
    if not 0.1 <= fps <= 1000:
        raise StudioError(f"{fps:g} pictures a second are not possible.", "Between 0.1 and 1000 are.")
    exact = Fraction(fps).limit_denominator(1000)
    broadcast = Fraction(round(fps) * 1000, 1001)
    return broadcast if abs(fps - broadcast) < 0.002 and fps != round(fps) else exact


def _ticks(index: int, rate: Fraction, per_second: int) -> int:
    """Duration of frame ``index`` in whole ticks, so that rounding errors never add up."""
    return round((index + 1) * per_second / rate) - round(index * per_second / rate)


class _FileWriter:
    def __init__(self, file: IO[bytes], rate: Fraction, loop: bool, recipe: str | None) -> None:
        self.file, self.rate, self.loop, self.recipe = file, rate, loop, recipe
        self.count = 0

    def abort(self) -> None:
        """Nothing is held but the file, which belongs to somebody else."""


class ApngWriter(_FileWriter):
    """Animated PNG: lossless, with full transparency."""

    def add(self, frame: UInt8Image) -> None:
        data = encode_image(frame, ".png")
        chunks = list(_png_chunks(data))
        if self.count == 0:
            self.file.write(data[:8])
            self._chunk(b"IHDR", next(body for kind, body in chunks if kind == b"IHDR"))
            self._control_at = self.file.tell()
            self._chunk(b"acTL", bytes(8))
            self._recipe_chunks()
            self._sequence = 0
        height, width = frame.shape[:2]
        delay = (1 / self.rate).limit_denominator(65535)
        control = struct.pack(">IIIIIHHBB", self._next(), width, height, 0, 0, delay.numerator, delay.denominator, 0, 0)
        self._chunk(b"fcTL", control)
        for kind, body in chunks:
            if kind == b"IDAT":
                if self.count == 0:
                    self._chunk(b"IDAT", body)
                else:
                    self._chunk(b"fdAT", struct.pack(">I", self._next()) + body)
        self.count += 1

    def finish(self) -> Iterator[None]:
        self._chunk(b"IEND", b"")
        self.file.seek(self._control_at)
        self._chunk(b"acTL", struct.pack(">II", self.count, 0 if self.loop else 1))
        yield

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _recipe_chunks(self) -> None:
        if (info := png_info(self.recipe)) is not None:
            for chunk in info.chunks:
                self._chunk(chunk[0], chunk[1])

    def _chunk(self, kind: bytes, body: bytes) -> None:
        self.file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


class WebpWriter(_FileWriter):
    """Animated WebP: lossless when ``quality`` is None, else lossy with 1..100."""

    def __init__(self, file: IO[bytes], rate: Fraction, loop: bool, recipe: str | None, quality: int | None) -> None:
        super().__init__(file, rate, loop, recipe)
        self.quality = quality
        self._alpha = False

    def add(self, frame: UInt8Image) -> None:
        height, width = frame.shape[:2]
        if self.count == 0:
            if max(height, width) > 16383:
                raise StudioError(
                    "WebP can hold at most 16383 pixels in each direction.", todo="Choose a smaller size."
                )
            self._size = (width, height)
            self.file.write(b"RIFF\0\0\0\0WEBP")
            self._head_at = self.file.tell()
            self._write_head()
            self._chunk(b"ANIM", struct.pack("<IH", 0, 0 if self.loop else 1))
        self._alpha |= frame.shape[2] == 4
        buffer = io.BytesIO()
        image = PILImage.fromarray(np.ascontiguousarray(frame))
        if self.quality is None:
            image.save(buffer, "WEBP", lossless=True, quality=40, method=1, exact=True)
        else:
            image.save(buffer, "WEBP", quality=self.quality, method=3)
        duration = _ticks(self.count, self.rate, 1000)
        body = bytes(6) + _u24(width - 1) + _u24(height - 1) + _u24(duration) + b"\x02"  # replaces, never blends
        for kind, content in _riff_chunks(buffer.getvalue()):
            if kind in {b"ALPH", b"VP8 ", b"VP8L"}:
                body += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        self._chunk(b"ANMF", body)
        self.count += 1

    def _write_head(self) -> None:
        flags = 0x02 | (0x10 if self._alpha else 0) | (0x08 if self.recipe is not None else 0)
        width, height = self._size
        self._chunk(b"VP8X", struct.pack("<I", flags) + _u24(width - 1) + _u24(height - 1))

    def finish(self) -> Iterator[None]:
        if self.recipe is not None:
            self._chunk(b"EXIF", exif_bytes(self.recipe).removeprefix(b"Exif\0\0"))
        size = self.file.tell()
        if size >= 2**32:
            raise StudioError("The film is larger than 4 GB, which WebP cannot hold.", todo="Choose MP4.")
        self.file.seek(4)
        self.file.write(struct.pack("<I", size - 8))
        self.file.seek(self._head_at)
        self._write_head()
        yield

    def _chunk(self, kind: bytes, body: bytes) -> None:
        self.file.write(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2))


def _u24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


class GifWriter(_FileWriter):
    """GIF: up to 256 colours for each frame (pictures with no more keep theirs exactly), on or off transparency."""

    def add(self, frame: UInt8Image) -> None:
        if self.rate > 50:
            raise StudioError(
                "GIF shows at most 50 pictures a second.", todo="Choose fewer pictures a second, or another format."
            )
        height, width = frame.shape[:2]
        if self.count == 0:
            self.file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0))
            if self.loop:
                self.file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
            if self.recipe is not None:
                self.file.write(b"\x21\xfe" + _sub_blocks(pack(self.recipe)))
        image, transparent = _paletted(frame)
        buffer = io.BytesIO()
        image.save(buffer, "GIF", optimize=False, interlace=False)
        table, descriptor, pixels = _gif_parts(buffer.getvalue())
        bits = (len(table) // 3).bit_length() - 2
        flags = (0x08 if transparent is not None else 0x04) | (transparent is not None)
        self.file.write(
            b"\x21\xf9\x04" + struct.pack("<BHBB", flags, _ticks(self.count, self.rate, 100), transparent or 0, 0)
        )
        self.file.write(descriptor + bytes([0x80 | bits]) + table + pixels)
        self.count += 1

    def finish(self) -> Iterator[None]:
        self.file.write(b"\x3b")
        yield


def _paletted(frame: UInt8Image) -> tuple[PILImage.Image, int | None]:
    """The frame with a palette, and the index that means transparent."""
    hidden = frame[..., 3] < 128 if frame.shape[2] == 4 else np.zeros(frame.shape[:2], bool)
    rgb = np.ascontiguousarray(frame[..., :3])
    if hidden.any():
        rgb[hidden] = rgb[~hidden][0] if not hidden.all() else 0
    image = PILImage.fromarray(rgb)
    room = 255 if hidden.any() else 256
    colours = image.getcolors(room)
    if colours is None:
        image = image.quantize(room, PILImage.Quantize.MEDIANCUT, dither=PILImage.Dither.FLOYDSTEINBERG)
    else:
        packed = (rgb.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(axis=2)
        values = np.array(sorted((r << 16) | (g << 8) | b for _, (r, g, b) in colours), np.uint32)  # type: ignore[misc]
        image = PILImage.fromarray(np.searchsorted(values, packed).astype(np.uint8), "P")
        image.putpalette(np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8).tobytes())
    if not hidden.any():
        return image, None
    palette = (image.getpalette() or [])[: 3 * 255]
    indices = np.array(image)
    indices[hidden] = 255
    image = PILImage.fromarray(indices, "P")
    image.putpalette(palette + [0] * (768 - len(palette)))
    return image, 255


def _gif_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """(colour table, image descriptor without its flags, packed pixels) of a GIF with one picture."""
    table_size = 3 * 2 ** ((data[10] & 7) + 1)
    table = data[13 : 13 + table_size]
    position = 13 + table_size
    while data[position] == 0x21:  # extensions
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    descriptor, flags = data[position : position + 9], data[position + 9]
    position += 10
    if flags & 0x80:
        table_size = 3 * 2 ** ((flags & 7) + 1)
        table = data[position : position + table_size]
        position += table_size
    return table, descriptor, data[position:-1]


def _sub_blocks(data: bytes) -> bytes:
    pieces = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


class SequenceWriter:
    """A folder of PNG files whose names sort in the order of the film."""

    def __init__(self, folder: Path, stem: str, recipe: str | None) -> None:
        self.folder, self.stem, self.recipe = folder, stem, recipe
        self.count = 0

    def add(self, frame: UInt8Image) -> None:
        # A long recipe is in the first file only: a thousand copies of it would outweigh the pictures.
        recipe = self.recipe if self.count == 0 or len(self.recipe or "") < 20_000 else None
        self.count += 1
        (self.folder / f"{self.stem}_{self.count:06d}.png").write_bytes(encode_image(frame, ".png", recipe=recipe))

    def finish(self) -> Iterator[None]:
        yield

    def abort(self) -> None:
        """The folder belongs to somebody else."""

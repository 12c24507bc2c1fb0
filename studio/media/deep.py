"""Pictures with 16 bits for each colour, read with Pillow, which hands out only 8 of them.

Its decoders turn each 16-bit sample into one byte and can be told which one: with the byte order that the file has
they take the high byte, with the other one the low byte.  So the same data are decoded twice and put together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

UInt16Image = npt.NDArray[np.uint16]
"""``[H, W, 3]`` or ``[H, W, 4]`` uint16; alpha is not multiplied in."""
STRIP = 2 * 2**20
"""Pixels that are worked on at once: a large picture is not in memory several times."""

_OTHER = {"B": "L", "L": "B"}
_NATIVE = "L" if sys.byteorder == "little" else "B"


@dataclass(frozen=True)
class Way:
    """How the samples come out of an opened file: Pillow's ``mode`` and raw modes of the high and the low bytes.

    ``low`` "": one decoding gives both, as pairs of channels.
    """

    mode: str
    high: str
    low: str


def way_of(image: PILImage.Image) -> Way | None:
    """How to read the 16-bit colours of a PNG or TIFF that was opened and not yet loaded; None: it has none."""
    tiles = getattr(image, "tile", [])
    if image.format not in {"PNG", "TIFF"} or not tiles:
        return None
    rawmodes = {tile.args if isinstance(tile.args, str) else tile.args[0] for tile in tiles}
    if len(rawmodes) != 1:  # planes one after the other
        return None
    rawmode = str(rawmodes.pop())
    if rawmode == "LA;16B" and image.format == "PNG":
        return Way("RGBA", "RGBA", "")  # four bytes for each pixel, as they lie in the file
    kind, _, order = rawmode.partition(";16")
    order = _NATIVE if order == "N" else order
    if kind not in {"RGB", "RGBA", "RGBX"} or order not in _OTHER:
        return None
    return Way(image.mode, f"{kind};16{order}", f"{kind};16{_OTHER[order]}")


def read_deep(opened: Callable[[], AbstractContextManager[PILImage.Image]], way: Way) -> UInt16Image:
    """The samples ``[H, W, 3|4]`` of a file (grey ones three times); ``opened`` opens it anew, once for each decoding.

    Raises whatever Pillow raises on broken files.
    """
    with opened() as image:
        high = _decoded(image, way.mode, way.high)
        if not way.low:
            return _paired(high)
        with opened() as again:
            low = _decoded(again, way.mode, way.low)
            channels = len(high.getbands())
            deep = np.empty((high.height, high.width, channels), np.uint16)
            for top, bottom in rows_of(high.height, high.width):
                box = (0, top, high.width, bottom)
                part = deep[top:bottom]
                part[:] = np.asarray(high.crop(box))
                part <<= 8
                part |= np.asarray(low.crop(box))
            return deep


def _decoded(image: PILImage.Image, mode: str, rawmode: str) -> PILImage.Image:
    found: Any = image
    found._mode = mode
    found.tile = [
        tile._replace(args=rawmode if isinstance(tile.args, str) else (rawmode, *tile.args[1:])) for tile in found.tile
    ]
    image.load()
    return image


def _paired(image: PILImage.Image) -> UInt16Image:
    deep = np.empty((image.height, image.width, 4), np.uint16)
    for top, bottom in rows_of(image.height, image.width):
        data = np.asarray(image.crop((0, top, image.width, bottom))).astype(np.uint16)
        deep[top:bottom, :, :3] = (data[..., 0] << 8 | data[..., 1])[..., None]
        deep[top:bottom, :, 3] = data[..., 2] << 8 | data[..., 3]
    return deep


def with_transparent(deep: UInt16Image, colour: tuple[int, ...]) -> UInt16Image:
    """The picture with alpha: pixels of one colour are clear (PNG's tRNS)."""
    clear = (deep[..., :3] == np.array(colour, np.uint16)).all(axis=2)
    alpha = np.where(clear, 0, 65535).astype(np.uint16)
    return np.concatenate((deep[..., :3], alpha[..., None]), axis=2)


def to_eight(deep: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """The nearest 8-bit values of 16-bit ones of any shape ``[H, ...]``."""
    made = np.empty(deep.shape, np.uint8)
    for top, bottom in rows_of(deep.shape[0], int(np.prod(deep.shape[1:]))):
        # The same as (v + 128) // 257 for all 65536 values, without a division.
        made[top:bottom] = (deep[top:bottom].astype(np.uint32) * 255 + 32895) >> 16
    return made


def rows_of(height: int, width: int, pixels: int = STRIP) -> list[tuple[int, int]]:
    """Rows from top to bottom in pieces of about so many pixels."""
    step = max(1, pixels // max(1, width))
    return [(top, min(height, top + step)) for top in range(0, height, step)]

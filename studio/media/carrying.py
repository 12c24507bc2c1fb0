"""Pictures written as the file that they were made from was: its bits, its colour profile, its transparency.

Rules.  Pixels here are sRGB.  A file's own RGB profile is kept by default: the colours go back into it and the profile
goes with them.  Where nothing leads back (grey, CMYK and damaged profiles; profiles of scanners that know one
direction only) the picture is written as sRGB.  16 bits stay 16 bits in PNG and TIFF; JPEG and WebP have 8.  JPEG has
no transparency: it is laid on white.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studio.base.errors import as_studio_error
from studio.base.files import replacing
from studio.base.steps import UInt8Image
from studio.media.deep import UInt16Image
from studio.media.images import save_image
from studio.media.profiles import curves_of, deep_from_srgb, from_srgb, is_srgb, space_of
from studio.media.strips import Change, Picture, write_png, write_tiff

DEEP_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Formats that can hold 16 bits for each colour."""


def save_like(
    path: str | Path,
    pixels: UInt8Image,
    *,
    deep: UInt16Image | None = None,
    icc: bytes | None = None,
    recipe: str | None = None,
    quality: int = 95,
) -> bool:
    """Write a picture by its suffix; whole or not at all.

    ``pixels`` ``[H, W, 3|4]`` uint8 sRGB; ``deep`` the same in 16 bits; ``icc``: into whose colours they go (``None``:
    sRGB, without a profile); ``quality`` for JPEG and WebP.  Returns whether the profile went along.  StudioError: the
    suffix is unknown, or the disk refuses.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in DEEP_SUFFIXES:
        made = None if icc is None else from_srgb(pixels, icc)
        if made is None:
            save_image(path, pixels, recipe=recipe, quality=quality)
            return False
        save_image(path, made, recipe=recipe, quality=quality, icc=icc)
        return True
    values: Picture = pixels if deep is None else deep
    change = _into(icc, deep=deep is not None)
    if icc is not None and deep is not None and change is None:  # tables: 8 bits in the right colours
        values, change = pixels, _into(icc, deep=False)
    carried = icc if change is not None else None
    write = write_png if suffix == ".png" else write_tiff
    try:
        with replacing(path) as temp, temp.open("wb") as file:
            write(file, values, icc=carried, recipe=recipe, change=change)
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Saving “{path.name}”") from exc
    return carried is not None


def _into(icc: bytes | None, *, deep: bool) -> Change | None:
    """How strips get into the colours of a profile; None: they cannot."""
    if icc is None or space_of(icc) != "RGB":
        return None
    if is_srgb(icc):
        return lambda strip: strip
    if deep:
        curves = curves_of(icc)
        return None if curves is None else lambda strip: deep_from_srgb(strip, curves)
    if from_srgb(np.zeros((1, 1, 3), np.uint8), icc) is None:
        return None

    def change(strip: Picture) -> Picture:
        made = from_srgb(strip, icc)
        assert made is not None
        return made

    return change

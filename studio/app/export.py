"""Pictures out of the program: formats, sizes, recipe inside, clipboard.  Encoding never runs in the UI thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from studio.base.steps import UInt8Image
from studio.project.assets import AssetStore
from studio.project.session import Session

if TYPE_CHECKING:
    from studio.engine.results import Picture

FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WebP", "tiff": "TIFF"}
LOSSY = frozenset({"jpg", "webp"})
SCALES = (1, 2, 3, 4, 6, 8)
MAX_SIDE = 32_768
"""Longest side that is written; larger ones open nowhere."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """``scale`` enlarges whole-number times: ``smooth`` by Lanczos, else every pixel stays a square."""

    format: str = "png"
    scale: int = 1
    smooth: bool = True
    quality: int = 92
    recipe: bool = True


def enlarged(pixels: UInt8Image, scale: int, smooth: bool) -> UInt8Image:
    """``[H, W, C]`` -> ``[H * scale, W * scale, C]`` uint8."""
    if scale <= 1:
        return pixels
    if not smooth:
        return np.ascontiguousarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1))
    from PIL import Image

    height, width = pixels.shape[:2]
    made = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.LANCZOS)
    return np.asarray(made)


def allowed_scales(size: tuple[int, int]) -> list[int]:
    """The scales at which a picture of ``(width, height)`` stays within :data:`MAX_SIDE`."""
    return [scale for scale in SCALES if scale == 1 or max(size) * scale <= MAX_SIDE]


def write(
    path: Path,
    pixels: UInt8Image,
    request: msgspec.Struct | None,
    session: Session,
    assets: AssetStore,
    options: ExportOptions,
    result: Picture | None = None,
) -> Path:
    """Write one picture (not the UI thread).  PNG carries its recipe; returns the path that was written.

    ``result``: where the picture comes from when it holds more than these 8 bits (16 bits, the profile of its source),
    which is kept where the size is and the format can.
    """
    from studio.media.carrying import save_like
    from studio.media.images import save_image
    from studio.project.recipes import recipe_for, to_text

    text = None
    if options.recipe and options.format == "png" and request is not None:
        text = to_text(recipe_for(request, session, assets))  # type: ignore[arg-type]
    if result is not None and options.scale == 1 and (result.deep is not None or result.icc is not None):
        save_like(path, pixels, deep=result.deep, icc=result.icc, recipe=text, quality=options.quality)
        return path
    save_image(path, enlarged(pixels, options.scale, options.smooth), recipe=text, quality=options.quality)
    return path


def file_name(title: str, suffix: str) -> str:
    """A title as a file name that every system accepts: "seed 4127.png"."""
    cleaned = re.sub(r'[<>:"/\\|?*\x00-\x1f]+', " ", title).strip(" .")
    cleaned = re.sub(r"\s+", " ", cleaned)[:80].strip(" .") or "picture"
    if cleaned.split(".")[0].upper() in {
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(f"{n}{i}" for n in ("COM", "LPT") for i in range(1, 10)),
    }:
        cleaned = f"_{cleaned}"
    return f"{cleaned}.{suffix}"


def free_path(folder: Path, name: str) -> Path:
    """``folder/name``, or ``name 2``, ``name 3`` ... when it is taken: nothing is ever overwritten silently."""
    path = folder / name
    number = 2
    while path.exists():
        path = folder / f"{Path(name).stem} {number}{Path(name).suffix}"
        number += 1
    return path

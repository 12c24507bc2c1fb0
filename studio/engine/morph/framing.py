"""Which part of a picture an autoencoder sees: crop, fill, resize.  Without torch, so that panels may use it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.media.images import flatten
from studio.project.latents import Frame

Box = tuple[float, float, float, float]
LARGEST = 8192
"""Pixels on a side of what is encoded at its own size."""

SMALLEST = 1.0
"""Pixels of the picture that a frame must at least hold on each side."""


def box_of(frame: Frame | None, width: int, height: int, aspect: float = 1.0) -> Box:
    """The part of a ``width`` x ``height`` picture that is seen: (left, top, right, bottom) in px, maybe outside of it.

    The largest box of ``aspect`` (width / height) in the middle of the frame, so that nothing is ever stretched; no
    frame: of the whole picture.  A frame without any extent is told as an error.
    """
    frame = frame or Frame()
    left, right = frame.left * width, frame.right * width
    top, bottom = frame.top * height, frame.bottom * height
    wide, high = right - left, bottom - top
    if not (np.isfinite([left, top, right, bottom]).all() and wide >= SMALLEST and high >= SMALLEST):
        raise StudioError(
            "The frame of this picture is empty.",
            "It has no width or no height.",
            "Draw the frame anew around what should be seen.",
        )
    seen_wide, seen_high = min(wide, high * aspect), min(high, wide / aspect)
    x, y = left + (wide - seen_wide) / 2, top + (high - seen_high) / 2
    return x, y, x + seen_wide, y + seen_high


def framed(pixels: UInt8Image, frame: Frame | None, width: int, height: int) -> UInt8Image:
    """The framed part of a picture ``[H, W, 3 or 4]`` as ``[height, width, 3]``.

    Resized by Pillow's Lanczos (which averages when it shrinks), from fractional places, so that a frame that is
    dragged glides.  Outside of the picture: its edge repeated, or the frame's colour, which also lies under what is
    transparent.  A frame that shows nothing of the picture is told as an error.
    """
    colour = _colour(frame)
    rgb = flatten(pixels, colour) if pixels.shape[-1] == 4 else pixels
    high, wide = rgb.shape[:2]
    left, top, right, bottom = box_of(frame, wide, high, width / height)
    seen = max(left, 0.0), max(top, 0.0), min(right, float(wide)), min(bottom, float(high))
    if seen[2] - seen[0] <= 0 or seen[3] - seen[1] <= 0:
        raise StudioError(
            "The frame lies beside the picture.", "Nothing of the picture is in it.", "Move the frame onto the picture."
        )
    x0, x1 = _span(seen[0], seen[2], left, right, width)
    y0, y1 = _span(seen[1], seen[3], top, bottom, height)
    if seen == (0.0, 0.0, float(wide), float(high)) and (x1 - x0, y1 - y0) == (wide, high):
        inside = rgb  # nothing to resize: the very pixels
    else:
        # The part that is seen must be one that Pillow can read: at least a pixel of the picture.
        part = _at_least_a_pixel(seen, wide, high)
        image = Image.fromarray(np.ascontiguousarray(rgb))
        inside = np.asarray(image.resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS, box=part, reducing_gap=3.0))
    if (x0, y0, x1, y1) == (0, 0, width, height):
        return np.array(inside)
    around = ((y0, height - y1), (x0, width - x1), (0, 0))
    if frame is not None and frame.fill == "colour":
        out = np.empty((height, width, 3), dtype=np.uint8)
        out[:] = colour
        out[y0:y1, x0:x1] = inside
        return out
    edged: npt.NDArray[np.uint8] = np.pad(inside, around, mode="edge")
    return edged


def _span(low: float, high: float, start: float, stop: float, size: int) -> tuple[int, int]:
    """Where ``low..high`` of ``start..stop`` lies among ``size`` pixels: whole pixels, at least one."""
    scale = size / (stop - start)
    first = min(size - 1, max(0, round((low - start) * scale)))
    return first, min(size, max(first + 1, round((high - start) * scale)))


def _at_least_a_pixel(box: Box, wide: int, high: int) -> Box:
    left, top, right, bottom = box
    if right - left < SMALLEST:
        left = min(left, wide - SMALLEST)
        right = left + SMALLEST
    if bottom - top < SMALLEST:
        top = min(top, high - SMALLEST)
        bottom = top + SMALLEST
    return max(0.0, left), max(0.0, top), right, bottom


def _colour(frame: Frame | None) -> tuple[int, int, int]:
    text = (frame or Frame()).colour
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise StudioError(f"“{text}” is not a colour.", "", "Write it as #rrggbb.") from None
    return red, green, blue


def whole(pixels: UInt8Image, frame: Frame | None, multiple: int) -> UInt8Image:
    """The frame at the picture's own size (not made square), its sides cut evenly to multiples of ``multiple``.

    No frame: the whole picture.  A side shorter than ``multiple`` is enlarged to it.
    """
    high, wide = pixels.shape[:2]
    shape = frame or Frame()
    box_of(frame, wide, high)  # tells a frame that cannot be
    width = max(multiple, int((shape.right - shape.left) * wide) // multiple * multiple)
    height = max(multiple, int((shape.bottom - shape.top) * high) // multiple * multiple)
    if max(width, height) > LARGEST:
        raise StudioError(
            f"A picture of {width} x {height} px is too large.",
            f"{LARGEST} px on a side are the most.",
            "Frame a part of it.",
        )
    return framed(pixels, frame, width, height)


def all_of(width: int, height: int) -> Frame:
    """The smallest square frame that holds the whole of a picture; what lies beside it is filled."""
    side = max(width, height)
    across, down = (side - width) / 2 / width, (side - height) / 2 / height
    return Frame(left=-across, right=1.0 + across, top=-down, bottom=1.0 + down)

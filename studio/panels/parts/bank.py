"""Pictures of the project as a panel shows them: read, kept and shrunk beside the window, a few at hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Signal

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.base import Panel
from studio.panels.parts.part import Part

SHOWN = 1600
"""Pictures are at hand with at most this many pixels on the longer side; requests read the asset itself."""
KEPT = 4096
"""What is kept in the project of a larger picture, unless it is kept whole."""
AS_IT_IS = 16 * 2**20
"""Bytes up to which a file goes into the project unchanged."""
WHOLE = 1 << 30
"""Bytes up to which one goes in whose every bit counts (16 bits, a colour profile)."""
LARGE = 1_500_000
"""Pixels from which a picture is not worth the time of lossless packing."""
AT_HAND = 40
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
PICTURE_FILES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
"""Suffixes of pictures for dialogs and drops."""

Then = Callable[[str, UInt8Image, str], object]
"""(sha256, pixels as they are shown, title)"""
Size = tuple[int, int]
"""Width and height of the picture itself."""


def _shrunk(pixels: UInt8Image, side: int) -> UInt8Image:
    from studio.media.images import thumbnail

    return np.ascontiguousarray(thumbnail(pixels, side) if max(pixels.shape[:2]) > side else pixels)


def _size(pixels: UInt8Image) -> Size:
    return int(pixels.shape[1]), int(pixels.shape[0])


def reader(sha: str) -> Callable[[Any], tuple[UInt8Image, Size]]:
    """Reads an asset, shrunk for showing; and its own size."""

    def read(ctx: Any) -> tuple[UInt8Image, Size]:
        pixels = ctx.assets.image(sha)
        return _shrunk(pixels, SHOWN), _size(pixels)

    return read


def _put(ctx: Any, pixels: UInt8Image, whole: bool) -> str:
    """A large photograph as a very good JPEG (ten times as fast, and small enough to travel in recipes), else PNG."""
    if not whole and pixels.shape[2] == 3 and pixels.shape[0] * pixels.shape[1] > LARGE:
        from studio.media.images import encode_image

        return str(ctx.assets.put(encode_image(pixels, ".jpg", quality=96), "jpg"))
    return str(ctx.assets.put_image(pixels))


def keeper(source: Path | UInt8Image, whole: bool = False) -> Callable[[Any], tuple[str, UInt8Image, Size]]:
    """Puts a picture into the project: a file of sensible size as it is, anything else as PNG.

    ``whole``: a file of any size as it is (its 16 bits and its profile are wanted later), a picture without loss.
    """

    def keep(ctx: Any) -> tuple[str, UInt8Image, Size]:
        from studio.media.images import load_image

        if isinstance(source, Path):
            pixels = load_image(source).pixels
            small = max(pixels.shape[:2]) <= KEPT and source.stat().st_size <= AS_IT_IS
            if whole and source.stat().st_size <= WHOLE and source.suffix:
                sha: str = ctx.assets.put(source.read_bytes(), source.suffix)
                return sha, _shrunk(pixels, SHOWN), _size(pixels)
            if small and source.suffix.lower() in SUFFIXES:
                sha = ctx.assets.put(source.read_bytes(), source.suffix)
                return sha, _shrunk(pixels, SHOWN), _size(pixels)
        else:
            pixels = source
        kept = pixels if whole else _shrunk(pixels, KEPT)
        return _put(ctx, kept, whole), _shrunk(kept, SHOWN), _size(kept)

    return keep


class PictureBank(Part):
    """``changed(sha)``: a picture is at hand now, or is known to be missing."""

    keys = frozenset({"picture", "keep"})
    changed = Signal(str)

    def __init__(self, panel: Panel, *, whole: bool = False) -> None:
        super().__init__(panel)
        self._whole = whole
        self._at_hand: OrderedDict[str, UInt8Image] = OrderedDict()
        self._sizes: dict[str, Size] = {}
        self._missing: set[str] = set()
        self._reading: dict[int, str] = {}
        self._keeping: dict[int, tuple[Then, str]] = {}

    def get(self, sha: str) -> UInt8Image | None:
        """The picture if it is at hand; asks for it otherwise."""
        if sha in self._at_hand:
            self._at_hand.move_to_end(sha)
            return self._at_hand[sha]
        if sha and sha not in self._missing and sha not in self._reading.values():
            job = self.panel.call(reader(sha), self.tr("Opening the picture"), "picture", "io")
            self._reading[job] = sha
        return None

    def size(self, sha: str) -> Size:
        """Width and height of the picture itself; (0, 0) while it is not known."""
        return self._sizes.get(sha, (0, 0))

    def is_missing(self, sha: str) -> bool:
        """Whether the project does not hold it any more."""
        return sha in self._missing

    def put(self, sha: str, pixels: UInt8Image, size: Size | None = None) -> None:
        """Have a picture at hand that was made here; ``size``: its own, when ``pixels`` are shrunk."""
        self._missing.discard(sha)
        self._sizes[sha] = size or _size(pixels)
        self._at_hand[sha] = pixels
        self._at_hand.move_to_end(sha)
        while len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)

    def keep(self, source: Path | UInt8Image, title: str, then: Then) -> None:
        """Put a picture into the project, then tell its name."""
        job = self.panel.call(keeper(source, self._whole), self.tr("Reading the picture"), "keep", "io")
        self._keeping[job] = (then, title)

    def forget_missing(self) -> None:
        """What was missing may have come back (a recipe brought it)."""
        self._missing.clear()

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "picture":
            sha = self._reading.pop(job, "")
            self.put(sha, *result)
            self.changed.emit(sha)
            return
        then, title = self._keeping.pop(job)
        sha, pixels, size = result
        self.put(sha, pixels, size)
        then(sha, pixels, title)

    def failed(self, key: str, job: int, error: StudioError) -> bool:
        if key != "picture":
            return False
        sha = self._reading.get(job, "")
        self._missing.add(sha)
        self.changed.emit(sha)
        return True

    def ended(self, key: str, job: int) -> None:
        self._reading.pop(job, None)
        self._keeping.pop(job, None)

"""Pictures of the project as the panel shows them: read, kept and shrunk beside the window, a few at hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Signal

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.panels.style.part import Part

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel

SHOWN = 1600
"""Pictures are at hand with at most this many pixels on the longer side; runs read the asset itself."""
KEPT = 4096
"""What is kept in the project of a larger picture."""
AS_IT_IS = 16 * 2**20
"""Bytes up to which a file goes into the project unchanged."""
LARGE = 1_500_000
"""Pixels from which a picture is not worth the time of lossless packing."""
AT_HAND = 40
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})

Then = Callable[[str, UInt8Image, str], object]
"""(sha256, pixels as they are shown, title)"""


def _shrunk(pixels: UInt8Image, side: int) -> UInt8Image:
    from studio.media.images import thumbnail

    return np.ascontiguousarray(thumbnail(pixels, side) if max(pixels.shape[:2]) > side else pixels)


def reader(sha: str) -> Callable[[Any], UInt8Image]:
    """Reads an asset, shrunk for showing."""
    return lambda ctx: _shrunk(ctx.assets.image(sha), SHOWN)


def _put(ctx: Any, pixels: UInt8Image) -> str:
    """A large photograph as a very good JPEG (ten times as fast, and small enough to travel in recipes), else PNG."""
    if pixels.shape[2] == 3 and pixels.shape[0] * pixels.shape[1] > LARGE:
        from studio.media.images import encode_image

        return str(ctx.assets.put(encode_image(pixels, ".jpg", quality=96), "jpg"))
    return str(ctx.assets.put_image(pixels))


def keeper(source: Path | UInt8Image) -> Callable[[Any], tuple[str, UInt8Image]]:
    """Puts a picture into the project: a file of sensible size as it is, anything else as PNG."""

    def keep(ctx: Any) -> tuple[str, UInt8Image]:
        from studio.media.images import load_image

        if isinstance(source, Path):
            pixels = load_image(source).pixels
            small = max(pixels.shape[:2]) <= KEPT and source.stat().st_size <= AS_IT_IS
            if small and source.suffix.lower() in SUFFIXES:
                sha: str = ctx.assets.put(source.read_bytes(), source.suffix)
                return sha, _shrunk(pixels, SHOWN)
        else:
            pixels = source
        kept = _shrunk(pixels, KEPT)
        return _put(ctx, kept), _shrunk(kept, SHOWN)

    return keep


class PictureBank(Part):
    """``changed(sha)``: a picture is at hand now, or is known to be missing."""

    keys = frozenset({"picture", "keep"})
    changed = Signal(str)

    def __init__(self, panel: StylePanel) -> None:
        super().__init__(panel)
        self._at_hand: OrderedDict[str, UInt8Image] = OrderedDict()
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

    def is_missing(self, sha: str) -> bool:
        """Whether the project does not hold it any more."""
        return sha in self._missing

    def put(self, sha: str, pixels: UInt8Image) -> None:
        """Have a picture at hand that was made here."""
        self._missing.discard(sha)
        self._at_hand[sha] = pixels
        self._at_hand.move_to_end(sha)
        while len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)

    def keep(self, source: Path | UInt8Image, title: str, then: Then) -> None:
        """Put a picture into the project, then tell its name."""
        job = self.panel.call(keeper(source), self.tr("Reading the picture"), "keep", "io")
        self._keeping[job] = (then, title)

    def forget_missing(self) -> None:
        """What was missing may have come back (a recipe brought it)."""
        self._missing.clear()

    def result(self, key: str, job: int, request: Any, result: Any) -> None:
        if key == "picture":
            sha = self._reading.pop(job, "")
            self.put(sha, result)
            self.changed.emit(sha)
            return
        then, title = self._keeping.pop(job)
        sha, pixels = result
        self.put(sha, pixels)
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

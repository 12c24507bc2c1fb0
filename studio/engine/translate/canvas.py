"""Pictures on their way into a network and out of it, without several copies of a large one in floating point.

A :class:`Canvas` is a picture at the size at which the network works; any part of it can be had as numbers in [0, 1].
An :class:`Outcome` takes finished parts and rounds them to 8 bits, and to 16 where the source had as many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError, StudioError
from studio.base.steps import UInt8Image
from studio.engine.caches import MB
from studio.engine.context import Context
from studio.engine.pictures import Size, fitted, resized
from studio.engine.results import Picture
from studio.engine.stepping import lightly
from studio.media.images import MAX_PIXELS, load_image

KEEP_BYTES = 48 * MB
"""Pictures up to this size stay decoded between requests."""
STRIP = 1 << 20
"""Pixels that are held in floating point at once while a large picture is put together."""
LUMA = (0.299, 0.587, 0.114)
"""Rec. 601, of sRGB values as they are: what black-and-white networks were trained on (Pillow's ``L``)."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture of ``size``: ``values`` ``[H, W, 3|4]`` uint8 or uint16, or after a change of size ``planes``
    ``[1, 3|4, h, w]`` float32 in [0, 1].  Colours are not multiplied by alpha.  ``deep``: the file had 16 bits.
    """

    size: Size
    alpha: bool
    deep: bool
    icc: bytes | None = None
    values: npt.NDArray[Any] = field(default_factory=lambda: np.empty((0, 0, 3), np.uint8))
    planes: Tensor | None = None

    def part(
        self, top: int = 0, bottom: int | None = None, left: int = 0, right: int | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Colours ``[1, 3, h, w]`` and alpha ``[1, 1, h, w]`` (``None``: opaque) of a rectangle, in [0, 1]."""
        bottom, right = self.size[0] if bottom is None else bottom, self.size[1] if right is None else right
        if self.planes is not None:
            piece = self.planes[:, :, top:bottom, left:right]
        else:
            cut = self.values[top:bottom, left:right]
            scale = np.float32(1.0 / (65535 if cut.dtype == np.uint16 else 255))
            piece = torch.from_numpy(np.multiply(cut.transpose(2, 0, 1)[None], scale, dtype=np.float32))
        return piece[:, :3], piece[:, 3:4] if self.alpha else None

    def shown(self, top: int = 0, bottom: int | None = None) -> Tensor:
        """Rows as networks see them, ``[1, 3, h, W]``: what is transparent is white paper."""
        colours, alpha = self.part(top, bottom)
        return colours if alpha is None else colours * alpha + (1.0 - alpha)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        planes = 0 if self.planes is None else self.planes.numel() * 4
        return int(self.values.nbytes) + planes


def open_canvas(ctx: Context, sha: str, size: int = 0, what: str = "picture") -> Canvas:
    """A picture asset with its longer side at ``size`` px (0: its own), decoded once while it is asked for often.

    Smaller by averaging areas, so that the thin lines of a drawing get lighter but never break; larger by bicubic
    interpolation.  ``what`` names it when it is missing.
    """
    if not sha:
        raise StudioError(f"There is no {what} yet.", "", f"Draw something or drop a {what} first.")
    key = ("canvas", sha, size)
    found: Canvas | None = ctx.cache.get(key)
    if found is None:
        if size == 0:
            found = _read(ctx, sha)
        else:
            own = open_canvas(ctx, sha, 0, what)
            with torch.no_grad(), lightly(own.size[0] * own.size[1]):
                found = _sized(own, size)
        if found.nbytes <= KEEP_BYTES:
            ctx.cache.put(key, found, found.nbytes)
    return found


def _read(ctx: Context, sha: str) -> Canvas:
    image = load_image(ctx.assets.get(sha))
    pixels: npt.NDArray[Any] = image.pixels
    deep = image.deep is not None
    if image.deep is not None:
        pixels = _deep(image.deep, image.pixels)
    alpha = pixels.shape[2] == 4
    if alpha and bool((pixels[..., 3] == np.iinfo(pixels.dtype).max).all()):
        # The outcome keeps a fourth channel only where it says something.
        pixels, alpha = np.ascontiguousarray(pixels[..., :3]), False
    return Canvas((pixels.shape[0], pixels.shape[1]), alpha, deep, image.icc, pixels)


def _deep(deep: npt.NDArray[np.uint16], pixels: UInt8Image) -> npt.NDArray[np.uint16]:
    """16-bit grey or colours with the alpha that the 8-bit picture has."""
    colours = np.repeat(deep[..., None], 3, axis=2) if deep.ndim == 2 else deep
    if pixels.shape[2] == 4 and colours.shape[2] == 3:
        colours = np.concatenate((colours, pixels[..., 3:].astype(np.uint16) * 257), axis=2)
    return colours


def _sized(source: Canvas, longer: int) -> Canvas:
    size = fitted(source.size, longer)
    if size[0] * size[1] > MAX_PIXELS:
        raise too_many(size)
    if size == source.size:
        return source
    scale = np.float32(1.0 / (65535 if source.values.dtype == np.uint16 else 255))

    def plane(c: int) -> Tensor:
        # One channel at a time: a large picture is never in memory as floating point.
        return torch.from_numpy(np.multiply(source.values[None, None, :, :, c], scale, dtype=np.float32))

    planes = torch.empty(1, 4 if source.alpha else 3, *size)
    alpha = plane(3) if source.alpha else None
    small = None if alpha is None else averaged(alpha, size)
    for c in range(3):
        if alpha is None or small is None:
            planes[:, c : c + 1] = averaged(plane(c), size)
            continue
        # Colours count as much as they are seen; where nothing is seen, as they are.
        seen = averaged(plane(c).mul_(alpha), size)
        planes[:, c : c + 1] = torch.where(small > 0, seen / small.clamp_min(1e-6), averaged(plane(c), size))
    if small is not None:
        planes[:, 3:4] = small
    return Canvas(size, source.alpha, source.deep, source.icc, planes=planes.clamp_(0.0, 1.0))


def averaged(x: Tensor, size: Size) -> Tensor:
    """``[N, C, H, W]`` at another size: means over areas when it shrinks, bicubic when it grows."""
    h, w = x.shape[2:]
    if (h, w) == size:
        return x
    if h < size[0] or w < size[1]:
        return resized(x, size)
    if h % size[0] == 0 and w % size[1] == 0:
        return F.avg_pool2d(x, (h // size[0], w // size[1]))
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)


def to_network(canvas: Canvas, channels: int, device: str) -> Tensor:
    """What a translator is given: ``[1, channels, H, W]`` float32 in [-1, 1]; one channel is the light."""
    return (channels_of(canvas.shown(), channels) * 2.0 - 1.0).to(device)


def to_pixels(canvas: Canvas, channels: int) -> npt.NDArray[Any]:
    """The same as ``[H, W, channels]`` uint8, or uint16 where the file had 16 bits."""
    if channels == 3 and not canvas.alpha and canvas.planes is None:
        return canvas.values
    most = 65535 if canvas.deep else 255
    out = np.empty((*canvas.size, channels), np.uint16 if canvas.deep else np.uint8)
    for top, bottom in strips(canvas.size):
        out[top:bottom] = rounded(channels_of(canvas.shown(top, bottom), channels), most)
    return out


def unit(made: Tensor | npt.NDArray[Any], top: int = 0, bottom: int | None = None) -> Tensor:
    """Rows of what a network made, a tensor in [-1, 1] or pixels, as colours ``[1, 3, rows, W]`` in [0, 1]."""
    if isinstance(made, Tensor):
        y = ((made[:, :, top:bottom].float() + 1.0) * 0.5).clamp_(0.0, 1.0)
    else:
        scale = np.float32(1.0 / np.iinfo(made.dtype).max)
        y = torch.from_numpy(np.multiply(made[top:bottom].transpose(2, 0, 1)[None], scale, dtype=np.float32))
    return channels_of(y, 3)


def channels_of(x: Tensor, channels: int) -> Tensor:
    """Colours or grey ``[N, 3|1, H, W]`` as that many channels."""
    if x.shape[1] == channels:
        return x
    if channels == 1:
        weights = torch.tensor(LUMA, device=x.device, dtype=x.dtype)
        return (x[:, :3] * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    if channels == 3 and x.shape[1] == 1:
        return x.expand(-1, 3, -1, -1)
    raise not_pictures(channels if channels not in (1, 3) else x.shape[1])


def not_pictures(channels: int) -> ModelError:
    """The network takes or makes something else (maps of classes, say): so it is for every picture of a folder."""
    return ModelError(
        "This model does not work on ordinary pictures.",
        f"It has {channels} channels; a picture has one or three.",
        "Choose another model.",
    )


def strips(size: Size, pixels: int = STRIP) -> list[tuple[int, int]]:
    """Rows from top to bottom in pieces of about so many pixels."""
    rows = max(1, pixels // max(1, size[1]))
    return [(top, min(size[0], top + rows)) for top in range(0, size[0], rows)]


class Outcome:
    """A finished picture in the making; ``alpha`` and ``deep`` say what it has."""

    def __init__(self, size: Size, *, alpha: bool, deep: bool, icc: bytes | None) -> None:
        if size[0] * size[1] > MAX_PIXELS:
            raise too_many(size)
        self.size, self._icc = size, icc
        channels = 4 if alpha else 3
        self.image = np.empty((*size, channels), np.uint8)
        self.deep = np.empty((*size, channels), np.uint16) if deep else None

    def put(self, colours: Tensor, alpha: Tensor | None, top: int = 0, left: int = 0) -> None:
        """A part, ``[1, 3|1, h, w]`` and ``[1, 1, h, w]`` in [0, 1] (what is beyond is cut off)."""
        h, w = colours.shape[2:]
        for target, most in ((self.image, 255), (self.deep, 65535)):
            if target is None:
                continue
            place = target[top : top + h, left : left + w]
            place[..., :3] = rounded(colours, most)
            if target.shape[2] == 4:
                place[..., 3:] = most if alpha is None else rounded(alpha, most)

    def picture(self, info: dict[str, Any]) -> Picture:
        """The whole."""
        return Picture(self.image, info, deep=self.deep, icc=self._icc)


def rounded(x: Tensor, most: int) -> npt.NDArray[Any]:
    """``[1, C, h, w]`` in [0, 1] as whole numbers ``[h, w, C]`` from 0 to ``most``."""
    values = (x[0].detach().float().clamp(0.0, 1.0) * most + 0.5).to(torch.int32 if most > 255 else torch.uint8)
    made: npt.NDArray[Any] = values.permute(1, 2, 0).cpu().numpy()
    return made


def too_many(size: Size) -> StudioError:
    """The outcome would have more pixels than any picture that is opened."""
    return StudioError(
        "The picture would become too large.",
        f"It would have {size[1]} × {size[0]} px; at most {MAX_PIXELS / 1e6:g} megapixels are made.",
        "Choose a smaller size, or work on a part of it.",
    )

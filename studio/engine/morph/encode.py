"""A picture through an autoencoder and back: what it keeps, what it loses, how sure it is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds, to_uint8
from studio.engine.morph.encodings import (
    Moments,
    deterministic,
    device_of,
    encode,
    framed_picture,
    moments,
    plain,
    sides_of,
)
from studio.engine.registry import operation
from studio.engine.results import Encoding
from studio.nets.roles import Autoencoder
from studio.project.latents import Encoded
from studio.project.morph import Encode

SMALLEST_TILE = 4
"""Places of the latent on a side of a tile; smaller ones are all seam."""


@operation(Encode, parts=True, doing="Encoding the picture")
def encode_picture(ctx: Context, request: Encode) -> Steps[Encoding]:
    """The framed picture through the encoder and back; with ``tile`` a large one at its own size.

    ``sample`` decodes a draw from the distribution instead of its mean.  ``info``: ``kl`` nats in all, ``rows`` and
    ``columns`` of a spatial latent (what :class:`~studio.project.latents.Look` needs to show it again), ``sure`` False
    where the network says nothing about that.
    """
    started = time.perf_counter()
    sha, net = open_autoencoder(ctx, request.model, request.precision)
    if request.tile:
        seen, image, back = yield from _tiled(ctx, net, request)
    else:
        seen = moments(ctx, sha, net, Encoded(picture=request.picture, frame=request.frame))
        image = framed_picture(ctx, request.picture, request.frame, *sides_of(net))
        yield Progress(1, 2, "Drawing it again")
        z = seen.draw(request.sample)[None].to(device_of(net))
        with torch.no_grad():
            back = to_uint8(net.decode(z))[0]
    return _compared(seen, image, back, started)


def open_autoencoder(ctx: Context, sha: str, precision: Any = None) -> tuple[str, Autoencoder]:
    """(sha256, network) of a request; ``""`` is the embedded autoencoder."""
    net = ctx.autoencoder(sha, precision)
    if sha:
        return ctx.card(sha).sha256, net
    card = ctx.library.default("autoencoder")
    return (card.sha256 if card is not None else ""), net


def _compared(seen: Moments, image: UInt8Image, back: UInt8Image, started: float) -> Encoding:
    difference = image.astype(np.float32) - back.astype(np.float32)
    square = float(np.mean(difference.astype(np.float64) ** 2))
    mu, logvar = seen.mu.numpy(), seen.logvar.numpy()
    sure = not deterministic(seen.logvar)
    kl = 0.5 * float((mu.astype(np.float64) ** 2 + np.exp(logvar.astype(np.float64)) - 1.0 - logvar).sum())
    info = {
        "ms": milliseconds(started),
        "resolution": image.shape[1],
        "rows": mu.shape[1] if mu.ndim == 3 else 0,
        "columns": mu.shape[2] if mu.ndim == 3 else 0,
        "kl": kl if sure else float("nan"),
        "sure": sure,
    }
    return Encoding(
        mu=mu,
        logvar=logvar,
        image=image,
        reconstruction=back,
        error=np.abs(difference).mean(axis=2) / np.float32(255.0),
        sigma=float(np.exp(logvar / 2).mean()) if sure else 0.0,
        psnr=float("inf") if square == 0.0 else 10.0 * float(np.log10(255.0**2 / square)),
        info=info,
    )


def _tiled(ctx: Context, net: Autoencoder, request: Encode) -> Steps[tuple[Moments, UInt8Image, UInt8Image]]:
    """The whole frame at the picture's own size, in tiles that overlap; sides are cut to whole places of the latent."""
    from studio.engine.morph.framing import whole

    if not net.spatial:
        raise StudioError(
            "This model sees pictures of one size only.",
            f"It takes {net.resolution} x {net.resolution} px, never a larger picture in tiles.",
            "Frame the part that matters, or choose a model with a spatial latent.",
        )
    image = whole(ctx.assets.image(request.picture), request.frame, net.factor)
    places = max(SMALLEST_TILE, ctx.share(max(SMALLEST_TILE, request.tile // net.factor)))
    yield Progress(0, 2, "Encoding in tiles")
    seen = yield from encode_tiles(net, image, places)
    z = seen.draw(request.sample)[None].to(device_of(net))
    back = yield from decode_tiles(net, z, places)
    return seen, image, to_uint8(back)[0]


def ramp(length: int, overlap: int, first: bool, last: bool) -> Tensor:
    """Weights of a tile along one side: 1 inside, rising linearly over the overlap where it has a neighbour."""
    weights = torch.ones(length)
    edge = torch.arange(1, overlap + 1, dtype=torch.float32) / (overlap + 1)
    if not first:
        weights[:overlap] = edge
    if not last:
        weights[-overlap:] = torch.minimum(weights[-overlap:], edge.flip(0))
    return weights


def spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Tiles ``(start, stop)`` that cover ``length`` places, neighbours sharing at least ``overlap``."""
    if length <= tile:
        return [(0, length)]
    stride = max(1, tile - overlap)
    count = 1 + -(-(length - tile) // stride)
    starts = [round(i * (length - tile) / (count - 1)) for i in range(count)]
    return [(start, start + tile) for start in starts]


def _blended(shape: tuple[int, ...], parts: list[tuple[Tensor, int, int, Tensor]]) -> Tensor:
    total, weight = torch.zeros(shape), torch.zeros(shape[-2:])
    for part, top, left, mask in parts:
        high, wide = mask.shape
        total[..., top : top + high, left : left + wide] += part * mask
        weight[top : top + high, left : left + wide] += mask
    return total / weight


def _mask(rows: tuple[int, int], columns: tuple[int, int], size: tuple[int, int], overlap: int, scale: int) -> Tensor:
    down = ramp((rows[1] - rows[0]) * scale, overlap * scale, rows[0] == 0, rows[1] == size[0])
    across = ramp((columns[1] - columns[0]) * scale, overlap * scale, columns[0] == 0, columns[1] == size[1])
    return down[:, None] * across[None]


def encode_tiles(net: Autoencoder, image: UInt8Image, places: int) -> Steps[Moments]:
    """mu and logvar of a picture whose sides are multiples of the factor, from tiles of ``places`` x ``places``."""
    f, exact = net.factor, plain(net)
    size = image.shape[0] // f, image.shape[1] // f
    overlap = max(1, places // 4)
    tiles = [(r, c) for r in spans(size[0], places, overlap) for c in spans(size[1], places, overlap)]
    mus, logvars = [], []
    for i, (r, c) in enumerate(tiles):
        part = encode(exact, image[r[0] * f : r[1] * f, c[0] * f : c[1] * f])
        mask = _mask(r, c, size, overlap, 1)
        mus.append((part.mu, r[0], c[0], mask))
        logvars.append((part.logvar, r[0], c[0], mask))
        yield Progress(i + 1, len(tiles), "Encoding in tiles")
    shape = (net.latent_dim, *size)
    return Moments(_blended(shape, mus), _blended(shape, logvars))


def decode_tiles(net: Autoencoder, z: Tensor, places: int) -> Steps[Tensor]:
    """The picture ``[1, 3, H, W]`` of a spatial latent ``[1, C, rows, columns]``, from tiles that fade over."""
    f = net.factor
    size = z.shape[-2], z.shape[-1]
    overlap = max(1, places // 4)
    tiles = [(r, c) for r in spans(size[0], places, overlap) for c in spans(size[1], places, overlap)]
    parts = []
    for i, (r, c) in enumerate(tiles):
        with torch.no_grad():
            drawn = net.decode(z[..., r[0] : r[1], c[0] : c[1]])[0].float().cpu()
        parts.append((drawn, r[0] * f, c[0] * f, _mask(r, c, size, overlap, f)))
        yield Progress(i + 1, len(tiles), "Drawing the tiles")
    return _blended((3, size[0] * f, size[1] * f), parts)[None]

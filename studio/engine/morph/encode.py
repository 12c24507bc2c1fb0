"""A picture through an autoencoder and back: what it keeps, what it loses, how sure it is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds, to_uint8
from studio.engine.morph.encodings import (
    Moments,
    checked,
    deterministic,
    device_of,
    framed_picture,
    moments,
    plain,
    sides_of,
    to_signed,
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
    x = to_signed(image, device_of(net))
    exact: Any = plain(net)
    drawing: Any = net
    tiled = hasattr(exact, "encode_steps") and hasattr(exact, "decode_steps")  # a small one takes it whole
    seen = checked(*((yield from exact.encode_steps(x, places)) if tiled else exact.encode(x)))
    z = seen.draw(request.sample)[None].to(device_of(net))
    yield Progress(1, 2, "Drawing it again")
    back = (yield from drawing.decode_steps(z, places)) if tiled else drawing.decode(z)
    return seen, image, to_uint8(back)[0]

"""A picture through a translator; there and back; and what dropout makes of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds
from studio.engine.pictures import fitted
from studio.engine.registry import operation
from studio.engine.results import CycleResult, Picture, Pictures
from studio.engine.stepping import lightly
from studio.engine.translate.blend import Look
from studio.engine.translate.canvas import (
    Canvas,
    Outcome,
    averaged,
    channels_of,
    open_canvas,
    rounded,
    strips,
    unit,
)
from studio.engine.translate.network import Made, Ready, open_translator, tile_for
from studio.project.base import Precision
from studio.project.translate import Cycle, Translate, TranslateLook, Variations

AT_ONCE = 4
"""Variations of a small picture that go through together."""
TOGETHER = 256
"""Pixels on the longer side up to which they do."""


@operation(Translate, parts=True, doing="Translating the picture")
def translate_picture(ctx: Context, request: Translate) -> Steps[Picture]:
    """The picture (asset) through the translator, at ``size``, blended as its look asks.

    ``info``: ``ms``, ``model``, ``size`` (height, width), ``tile`` (0: in one piece), and where the network knows of
    them ``statistics`` and ``seed``.
    """
    started = time.perf_counter()
    ready, canvas = _opened(ctx, request)
    tile = tile_for(ctx, request.tile)
    made = yield from ready.run(ctx, ready.input(canvas), tile)
    blended = Look(ctx, request.look, canvas.size)
    outcome = Outcome(canvas.size, alpha=canvas.alpha, deep=canvas.deep, icc=canvas.icc)
    pieces = strips(canvas.size)
    for done, (top, bottom) in enumerate(pieces):
        with torch.no_grad(), lightly((bottom - top) * canvas.size[1]):
            outcome.put(blended.apply(unit(made, top, bottom), canvas, top, bottom), canvas.part(top, bottom)[1], top)
        if len(pieces) > 1:
            yield Progress(done + 1, len(pieces), "Putting the picture together")
    used = tile if max(canvas.size) > tile else 0
    return outcome.picture({"ms": milliseconds(started), "size": canvas.size, "tile": used, **ready.facts})


def _opened(ctx: Context, request: Translate | Cycle | Variations) -> tuple[Ready, Canvas]:
    canvas = open_canvas(ctx, request.picture, request.size)
    # bfloat16 has 8 bits: what comes with 16 goes through in full precision.
    precision: Precision = "exact" if canvas.deep else request.precision
    return open_translator(ctx, request.model, request.look, precision), canvas


@operation(Cycle, parts=True, doing="Translating there and back")
def cycle(ctx: Context, request: Cycle) -> Steps[CycleResult]:
    """There with ``model``, back with ``back``, and where the way there and back lost something.

    Strength and own colours of the look are left out: they would hide what the networks do.
    """
    started = time.perf_counter()
    if not request.back:
        raise StudioError("There is no model that goes back.", "", "Choose the other model of the pair.")
    there, canvas = _opened(ctx, request)
    plain = TranslateLook(statistics=request.look.statistics, seed=request.look.seed)
    home = open_translator(ctx, request.back, plain, request.precision)
    tile = tile_for(ctx, request.tile)
    x = there.input(canvas)
    yield Progress(0, 2, "There")
    away = yield from there.run(ctx, x, tile)
    yield Progress(1, 2, "And back")
    back = yield from home.run(ctx, _fitting(away, home.net.in_channels), tile)
    with torch.no_grad(), lightly(canvas.size[0] * canvas.size[1]):
        source, image, returned = _pixels(x), _pixels(away), _pixels(back)
    info = {"ms": milliseconds(started), "size": canvas.size, **there.facts, "back": home.title}
    return compared(source, image, returned, info)


def _fitting(made: Made, channels: int) -> Made:
    """Black-and-white networks meet colour ones: the light goes on."""
    if isinstance(made, Tensor):
        return made if made.shape[1] == channels else channels_of(unit(made), channels) * 2.0 - 1.0
    if made.shape[2] == channels:
        return made
    out = np.empty((*made.shape[:2], channels), made.dtype)
    for top, bottom in strips((made.shape[0], made.shape[1])):
        out[top:bottom] = rounded(channels_of(unit(made, top, bottom), channels), int(np.iinfo(made.dtype).max))
    return out


def _pixels(made: Made) -> UInt8Image:
    size = (made.shape[2], made.shape[3]) if isinstance(made, Tensor) else (made.shape[0], made.shape[1])
    out = np.empty((*size, 3), np.uint8)
    for top, bottom in strips(size):
        out[top:bottom] = rounded(unit(made, top, bottom), 255)
    return out


def compared(source: UInt8Image, image: UInt8Image, back: UInt8Image, info: dict[str, Any]) -> CycleResult:
    """Where ``back`` differs from ``source``."""
    error = np.empty(source.shape[:2], np.float32)
    square = 0.0
    for top, bottom in strips((source.shape[0], source.shape[1])):
        difference = source[top:bottom].astype(np.float32) - back[top:bottom].astype(np.float32)
        error[top:bottom] = np.abs(difference).mean(axis=2) / np.float32(255.0)
        square += float(np.square(difference, dtype=np.float64).sum())
    square /= source.size
    psnr = float("inf") if square == 0.0 else 10.0 * float(np.log10(255.0**2 / square))
    return CycleResult(source, image, back, error, float(error.mean(dtype=np.float64)), psnr, info)


@operation(Variations, parts=True, doing="Drawing variations")
def variations(ctx: Context, request: Variations) -> Steps[Pictures]:
    """The picture once for each dropout seed, as thumbnails, blended as the look asks."""
    started = time.perf_counter()
    ready, canvas = _opened(ctx, request)
    if not ready.net.has_dropout:
        raise StudioError(
            f"“{ready.title}” has no variations.",
            "It was trained without dropout, so the same picture always gives the same outcome.",
            "Choose a model with dropout (pix2pix), or change the picture.",
        )
    blended = Look(ctx, request.look, canvas.size)
    x = ready.input(canvas)
    each = ctx.share(AT_ONCE) if max(canvas.size) <= TOGETHER and isinstance(x, Tensor) else 1
    images: list[UInt8Image] = []
    while len(images) < len(request.seeds):
        seeds = request.seeds[len(images) : len(images) + each]
        given = x.expand(len(seeds), -1, -1, -1) if isinstance(x, Tensor) else x
        made = yield from ready.run(ctx, given, tile_for(ctx), seeds=seeds)
        for y in made.split(1) if isinstance(made, Tensor) else [made]:
            with torch.no_grad(), lightly(canvas.size[0] * canvas.size[1]):
                image = _thumbnail(y, canvas, blended, request.thumbnail)
            yield Preview(image, str(request.seeds[len(images)]), len(images))
            images.append(image)
        yield Progress(len(images), len(request.seeds), "Drawing variations")
    return Pictures(tuple(images), {"ms": milliseconds(started), "seeds": request.seeds, **ready.facts})


def _thumbnail(made: Made, canvas: Canvas, blended: Look, side: int) -> UInt8Image:
    seen = torch.cat(
        [blended.apply(unit(made, top, bottom), canvas, top, bottom) for top, bottom in strips(canvas.size)], dim=2
    )
    alpha = canvas.part()[1]
    size = fitted(canvas.size, side) if side and side < max(canvas.size) else canvas.size
    whole = Outcome(size, alpha=alpha is not None, deep=False, icc=None)
    if alpha is None:
        whole.put(averaged(seen, size), None)
    else:
        small = averaged(alpha, size)
        whole.put(averaged(seen * alpha, size) / small.clamp_min(1e-6), small)
    return whole.image

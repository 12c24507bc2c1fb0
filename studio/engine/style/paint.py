"""Painting in one pass, by a feed-forward network."""

from __future__ import annotations

import time
from typing import Any

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.pictures import fitted, read, resized, tensor, to_uint8
from studio.engine.registry import operation
from studio.engine.results import Picture
from studio.engine.stepping import without_gradients
from studio.engine.style.colours import recolour
from studio.project.style import Paint

TILE = 1024


@operation(Paint, long=True, parts=True, doing="Painting the picture")
def paint(ctx: Context, request: Paint) -> Steps[Picture]:
    """The picture (asset) painted by the network, with the content's colours where that is wished.

    A network that takes its style from a picture needs ``styles``; one that knows a single style ignores them.
    """
    begun = time.perf_counter()
    yield Progress(0, 0, "Painting")
    net: Any = ctx.stylizer(request.model, request.precision)
    pixels = read(ctx, request.picture, "picture to be painted")
    x = tensor(pixels, ctx.device)
    if request.size:
        x = resized(x, fitted((x.shape[2], x.shape[3]), request.size))
    styles, weights = [], []
    if net.wants_style:
        longer = max(x.shape[2:])
        for source in request.styles:
            whole = tensor(read(ctx, source.picture, "style picture"), ctx.device)
            own = (whole.shape[2], whole.shape[3])
            styles.append(resized(whole, fitted(own, max(32, round(longer * max(0.05, source.scale))))))
            weights.append(source.weight)
        if not styles or not any(w > 0 for w in weights):
            raise StudioError("There is no style picture yet.", "", "Drop a style picture first.")
    tile = request.tile or TILE
    tile = max(128, round(tile / ctx.parts**0.5))
    strength = min(max(request.strength, 0.0), 1.0)
    painted = yield from without_gradients(net.stylize_steps(x, styles, weights, strength, tile=tile))
    image = recolour(to_uint8(painted), pixels, request.colours)
    return Picture(image, {"ms": round(1000 * (time.perf_counter() - begun)), "tile": tile})

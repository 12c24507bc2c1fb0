"""The mixing matrix: every source with a layer range taken from every other source."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Steps
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.directions import pushed, pusher
from studio.engine.explore.draw import info_of, pictures
from studio.engine.explore.ranges import span
from studio.engine.registry import operation
from studio.engine.results import Pictures
from studio.project.requests import Matrix


@operation(Matrix, parts=True, doing="Filling the mixing matrix")
def matrix(ctx: Context, request: Matrix) -> Steps[Pictures]:
    """n x n pictures, row by row: the row's source with layers ``first..last`` of the column's source.

    Each is also a Preview with index ``row * n + column`` as it is drawn.  A cell is what
    :func:`studio.engine.mix.weights.cell` says, so that adopting it gives the very same picture.
    """
    started = time.perf_counter()
    n = len(request.sources)
    if n == 0:
        raise StudioError("The mixing matrix is empty.", "", "Add a source to the mixing board first.")
    model = open_model(ctx, request.model, request.precision, request.look)
    ready = yield from pusher(model, request.look.pushes)
    codes = Codes(model, request.look)
    sources = [codes.ws(latent) for latent in request.sources]
    start, stop = span(request.first, request.last, model.net.num_ws)

    def code(i: int) -> Tensor:
        row, column = sources[i // n], sources[i % n]
        mixed = torch.cat((row[:start], column[start:stop], row[stop:])) if start < stop else row
        return pushed(mixed, ready)

    images = yield from pictures(
        ctx, model.net, n * n, code, [request.look.noise], request.tile, phase="Filling the matrix"
    )
    return Pictures(tuple(images), info_of(model.net, started, rows=n, columns=n))

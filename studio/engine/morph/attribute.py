"""A direction from two piles of pictures, for every model with a latent space."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.draw import milliseconds
from studio.engine.explore.wstats import w_stats
from studio.engine.morph.piles import Float64Array, balanced_accuracy, find, left_out
from studio.engine.registry import operation
from studio.engine.results import Attribute
from studio.project.latents import Latent
from studio.project.morph import MakeAttribute


@operation(MakeAttribute, doing="Making the attribute")
def make_attribute(ctx: Context, request: MakeAttribute) -> Steps[Attribute]:
    """The direction from the pile ``lacking`` to the pile ``having`` (:mod:`.piles` says how), kept as an asset.

    An example is its w (the mean over the layers where they differ) in the look of the request, without its pushes; a
    spatial latent is taken whole, all examples framed to one grid.  ``info["measured"]`` False: a pile is too small to
    leave one out, and the separability (then 0.5) says nothing.
    """
    started = time.perf_counter()
    for pile, word in ((request.having, "with"), (request.lacking, "without")):
        if not pile:
            raise StudioError(
                f"The pile “{word}” is empty.", "A direction needs both.", f"Put at least one picture on “{word}”."
            )
    model = open_model(ctx, request.model, request.precision, request.look)
    stats = yield from w_stats(model)
    codes = Codes(model, request.look)
    count = len(request.having) + len(request.lacking)
    having = yield from _rows(codes, request.having, 0, count)
    lacking = yield from _rows(codes, request.lacking, len(request.having), count)
    # The dimensions of an autoencoder are independent by training, those of w only along its components.
    basis = stats.components if model.autoencoder is None else None
    found = find(having, lacking, basis)
    if found is None:
        raise StudioError(
            "The two piles do not differ.",
            "Their pictures have the same mean.",
            "Put pictures with it on one pile and pictures without it on the other.",
        )
    yield Progress(count, count, "Testing on pictures that were left out")
    unseen = left_out(having, lacking, basis)
    separability = balanced_accuracy(*unseen)
    measured = bool(np.isfinite(separability))
    sigma = max(stats.sigma(found.vector), 1e-6)
    shown = [
        np.where(np.isfinite(left), left, rows @ found.vector - found.middle) / sigma
        for left, rows in zip(unseen, (having, lacking), strict=True)
    ]
    return Attribute(
        asset=ctx.assets.put_array(found.vector.astype(np.float32)[None]),
        name=request.name,
        separability=separability if measured else 0.5,
        sigma=sigma,
        having=shown[0].astype(np.float32),
        lacking=shown[1].astype(np.float32),
        shrink=found.shrink,
        info={"ms": milliseconds(started), "measured": measured, "examples": (len(having), len(lacking))},
    )


def _rows(codes: Codes, latents: Sequence[Latent], done: int, count: int) -> Steps[Float64Array]:
    rows = []
    for i, latent in enumerate(latents):
        rows.append(codes.ws(latent).double().mean(dim=0).cpu().numpy())
        yield Progress(done + i + 1, count, "Reading the pictures")
    return np.stack(rows)

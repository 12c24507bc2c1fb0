"""What a many-domain model sees in a picture: the labels with which it changes the picture least."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds
from studio.engine.registry import operation
from studio.engine.results import Labels
from studio.engine.translate.canvas import open_canvas, to_network
from studio.engine.translate.labels import Group, groups_of
from studio.engine.translate.network import Ready, open_translator, tile_for
from studio.project.translate import ReadLabels, TranslateLook

AT_ONCE = 8
ROUNDS = 3
FEW = 3
LARGEST = 256
"""Pictures are made smaller than this to be read."""
HOME = 128
"""The side to read at when the card does not tell the model's own."""

Values = tuple[float, ...]


@operation(ReadLabels, parts=True, doing="Reading the picture")
def read_labels(ctx: Context, request: ReadLabels) -> Steps[Labels]:
    """Toggles on or off and one of each choice, such that the translated picture is nearest to the picture.

    A model of this kind is trained to give a picture back when it is asked for the labels that the picture has, so its
    own change tells them.  From the card's labels on, every toggle and every choice is tried by itself and the best
    of each is taken over; this is repeated while it helps (three times at most).
    """
    started = time.perf_counter()
    ready = open_translator(ctx, request.model, TranslateLook(statistics=1.0), request.precision)
    if ready.labels is None:
        raise StudioError(
            f"“{ready.title}” has no labels to read.",
            "It knows one way to translate only.",
            "Choose a model with several domains (StarGAN).",
        )
    home = ready.card.hyper.get("size")
    side = request.size or (home if isinstance(home, int) and home > 0 else HOME)
    canvas = open_canvas(ctx, request.picture, min(side, LARGEST))
    x = to_network(canvas, ready.net.in_channels, ready.device)
    measured: dict[Values, float] = {}
    best: Values = tuple(ready.labels[0].tolist())
    groups = groups_of(ready.card.label_groups, int(ready.net.c_dim))
    margins: dict[int, float] = {}
    order: dict[int, list[int]] = {}
    for turn in range(ROUNDS):
        options = [found for group in groups for found in _options(group, best, order)]
        # What was clear from the rest is not asked again.
        unsure = float(np.median(list(margins.values()))) if margins else math.inf
        asked = {n: values for n, values in enumerate(options) if values and margins.get(n, 0.0) <= unsure}
        yield from _measure(ctx, ready, x, [best, *(v for values in asked.values() for v in values)], measured, turn)
        here, taken = measured[best], best
        if turn == 0:
            for group in groups:
                _rank(group, best, measured, order)
        for number, values in asked.items():
            near = min(values, key=lambda v: measured[v])
            others = sorted(measured[v] for v in {*values, best})
            margins[number] = others[1] - others[0] if len(others) > 1 else 0.0
            if measured[near] < here:
                taken = tuple(n if n != b else t for n, b, t in zip(near, best, taken, strict=True))
        if taken == best:
            break
        yield from _measure(ctx, ready, x, [taken], measured, turn)
        # What is best one by one need not be best together: then only the strongest single change is made.
        best = min((*(v for values in asked.values() for v in values), taken), key=lambda v: measured[v])
    info = {
        "ms": milliseconds(started),
        "change": measured[best],
        "margins": tuple(margins.values()),
        "looked": len(measured),
        "model": ready.title,
    }
    return Labels(best, info)


def _options(group: Group, best: Values, order: dict[int, list[int]]) -> list[list[Values]]:
    """For every toggle of a group, or for its choice, the other values that could be taken."""
    indices = [int(i) for i in group["indices"]]
    if group.get("kind") != "choice":
        return [[_with(best, {i: 0.0 if best[i] > 0.5 else 1.0})] for i in indices]
    return [[v for v in (_only(best, indices, c) for c in order.get(indices[0], indices)) if v != best]]


def _rank(group: Group, best: Values, measured: dict[Values, float], order: dict[int, list[int]]) -> None:
    """Only the nearest few of a choice are worth a second look."""
    if group.get("kind") != "choice":
        return
    indices = [int(i) for i in group["indices"]]
    tried = [c for c in indices if _only(best, indices, c) in measured]
    order[indices[0]] = sorted(tried, key=lambda c: measured[_only(best, indices, c)])[:FEW]


def _only(values: Values, indices: list[int], chosen: int) -> Values:
    return _with(values, {i: float(i == chosen) for i in indices})


def _with(values: Values, changes: dict[int, float]) -> Values:
    return tuple(changes.get(i, v) for i, v in enumerate(values))


def _measure(
    ctx: Context, ready: Ready, x: Tensor, wanted: Sequence[Values], measured: dict[Values, float], turn: int
) -> Steps[None]:
    """How much the network changes the picture with each of these labels: mean absolute difference in 0..1."""
    missing = [v for v in dict.fromkeys(wanted) if v not in measured]
    each = ctx.share(AT_ONCE)
    for start in range(0, len(missing), each):
        some = missing[start : start + each]
        yield Progress(start, len(missing), "Reading the picture" if turn == 0 else "Reading it again")
        given = x.expand(len(some), -1, -1, -1)
        y = yield from ready.run(ctx, given, tile_for(ctx), labels=torch.tensor(some, device=x.device))
        assert isinstance(y, Tensor)
        change = (y - x).abs().mean(dim=(1, 2, 3)) * 0.5
        measured.update(zip(some, change.tolist(), strict=True))

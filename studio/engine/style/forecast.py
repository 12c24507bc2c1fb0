"""Before Start: bytes and seconds."""

from __future__ import annotations

import time

import msgspec
import torch

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.pictures import fitted
from studio.engine.registry import operation
from studio.engine.results import Numbers
from studio.engine.style.costs import Costs
from studio.engine.style.needs import available, peak_bytes, tile_for
from studio.engine.style.pyramid import scales
from studio.engine.style.run import StyleTransfer
from studio.project.style import Forecast

TIMED_AT = 128
OVERHEAD_S = 0.004
"""Seconds of an iteration however small the picture is."""


@operation(Forecast, doing="Estimating the run")
def forecast(ctx: Context, request: Forecast) -> Steps[Numbers]:
    """``peak`` bytes that the run takes at most, ``available`` bytes that are free, ``tile`` px it would use (0: none),
    ``seconds`` by the timing of two small iterations, ``iterations`` of the whole run, ``whole`` bytes without tiles.
    """
    run = msgspec.structs.replace(request.run, resume=None)
    transfer = StyleTransfer(ctx, run, light=True)
    look = transfer.look(0)
    transfer.read_styles(look)
    names = transfer.layers()
    if not names:
        raise StudioError("Every layer of this run is at zero.", "", "Raise at least one lambda, or choose a preset.")
    network = transfer.network
    content = transfer.content
    levels = scales(run, (content.shape[2], content.shape[3]), network.need(names))
    yield Progress(0, 2, "Estimating")
    key = ("style speed", run.model, run.precision, run.statistic, run.pooling, names, len(look.styles), ctx.device)
    each = ctx.cache.get(key)
    if each is None:
        size = fitted((content.shape[2], content.shape[3]), TIMED_AT)
        need = network.need(names)
        size = (max(need, size[0]), max(need, size[1]))
        costs = Costs(transfer.setting, size, transfer.regions)
        yield from costs.prepare(look)
        x = torch.nn.functional.interpolate(content, size=size).contiguous()
        times = []
        for step in range(3):
            begun = time.perf_counter()
            yield from costs.evaluate(x, look, step)
            times.append(time.perf_counter() - begun)
        each = max(1e-9, (min(times) - OVERHEAD_S) / (size[0] * size[1]))
        ctx.cache.put(key, each, 64)
    size = levels[-1].size
    tile = tile_for(ctx, run, network, size, names)
    tiled = 1.6 if tile else 1.0  # everything is looked at twice, with what lies around the tiles
    seconds = sum(level.count * (OVERHEAD_S + each * level.size[0] * level.size[1]) for level in levels) * tiled
    return Numbers(
        {
            "peak": float(peak_bytes(run, network, size, names, tile)),
            "whole": float(peak_bytes(run, network, size, names, 0)),
            "available": float(available(ctx.device)),
            "tile": float(tile),
            "seconds": seconds,
            "iterations": float(levels[-1].end),
        }
    )

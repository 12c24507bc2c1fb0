"""What a run needs: memory at its peak, by looking at what the network keeps for a small picture."""

from __future__ import annotations

import math
from typing import Any

import torch

from studio.engine import devices
from studio.engine.context import Context
from studio.engine.pictures import Size
from studio.engine.style.network import Network
from studio.engine.style.statistics import FEWEST, FULL, PROJECTIONS
from studio.project.style import Stylize

SIDES = (2048, 1536, 1024, 768, 512, 384, 256)
"""Tiles that are tried, largest first."""
KEPT_CONTENT = 1 << 30
"""Bytes of the content's activations that are kept for tiles; beyond that they are computed again."""
SHARE = 0.7
"""Of the memory that is free now, how much a run may plan with."""
PICTURES = 16
"""Full-size pictures in float32 that are held at once: iterate, mean, moments, gradient, content, passing ones."""
TEMPORARY = 1.5
"""Times the largest activation: what comes and goes beside what is kept."""
PROBE = 96


def available(device: str) -> int:
    """Bytes that are free now."""
    if device.startswith("cuda"):
        use = devices.memory_use(device)
        return max(0, use.total - use.used)
    import psutil

    return int(psutil.virtual_memory().available)


def activations(network: Network, names: tuple[str, ...]) -> tuple[float, float]:
    """(bytes kept for the way back, bytes of the largest activation in float32) for each pixel of the picture."""
    if not names:
        return 0.0, 0.0
    side = max(PROBE, network.need(names))
    seen: dict[int, int] = {}
    largest = 0

    def pack(t: torch.Tensor) -> Any:
        nonlocal largest
        storage = t.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        largest = max(largest, t.numel() * 4)
        return t

    x = torch.zeros(1, 3, side, side, device=network.device, requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        found = network.features(x, names)
    for f in found.values():
        storage = f.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        largest = max(largest, f.numel() * 4)
    pixels = side * side
    return sum(seen.values()) / pixels, float(largest) / pixels


def peak_bytes(run: Stylize, network: Network, size: Size, names: tuple[str, ...], tile: int) -> int:
    """Bytes at the peak of one iteration at a size (beyond the program and its networks)."""
    pixels = size[0] * size[1]
    kept, largest = activations(network, names)
    at_once = pixels
    if tile:
        reach = network.reach(names)
        at_once = min(pixels, (tile + 2 * reach) ** 2)
    total = at_once * (kept + TEMPORARY * largest) + pixels * 12 * (PICTURES + (20 if run.optimiser == "lbfgs" else 0))
    if tile:
        total += min(KEPT_CONTENT, pixels * kept)
    if run.statistic == "sliced":
        places = max(pixels // network.stride(n) ** 2 for n in names) if names else 0
        rows = PROJECTIONS if places <= FULL else max(FEWEST, PROJECTIONS * FULL // places)
        chunk = min(rows, max(1, (1 << 16) * PROJECTIONS // max(1, places)))
        total += 4 * places * rows * max(1, len(names) // 2 + 1) + places * chunk * 20
    return int(total)


def tile_for(ctx: Context, run: Stylize, network: Network, size: Size, names: tuple[str, ...]) -> int:
    """The side of the tiles: as asked for; else 0 (no tiles) when all fits into memory, else the largest that fits."""
    if run.tile > 0 and ctx.parts <= 1:
        return run.tile
    if ctx.parts > 1:  # memory ran out with what was planned
        return max(128, round((run.tile or max(size)) / math.sqrt(ctx.parts)))
    room = int(SHARE * available(ctx.device))
    if peak_bytes(run, network, size, names, 0) <= room:
        return 0
    fitting = [s for s in SIDES if s < max(size) and peak_bytes(run, network, size, names, s) <= room]
    return fitting[0] if fitting else min(SIDES[-1], max(128, max(size)))

"""Where on the picture a layer acts: what changes when that layer alone is given to someone else."""

from __future__ import annotations

import time
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, noise_of, open_model
from studio.engine.explore.directions import pushed, pusher
from studio.engine.explore.draw import info_of, shrink, synthesize
from studio.engine.registry import operation
from studio.engine.results import Array
from studio.project.latents import Seed
from studio.project.requests import Influence


@operation(Influence, doing="Looking where the layer acts")
def influence(ctx: Context, request: Influence) -> Steps[Array]:
    """A heat map ``[H, W]`` float32 in [0, 1] (1: where the layer changes most), refined sample by sample.

    The mean absolute change over the colours, over ``samples`` other seeds in this one layer.  Previews are the map so
    far as a grey picture.  ``info["strength"]`` is the mean change before scaling, in parts of the full range, so that
    layers can be compared.  Pictures are never drawn so small that the layer itself would be left out.
    """
    started = time.perf_counter()
    model = open_model(ctx, request.model, request.precision, request.look)
    net, look = model.net, request.look
    if not 0 <= request.layer < net.num_ws:
        raise StudioError(f"This model has no layer {request.layer}.", f"Its layers are 0 to {net.num_ws - 1}.")
    ready = yield from pusher(model, look.pushes)
    codes = Codes(model, look)
    base = pushed(codes.ws(request.latent), ready)
    wished = request.size if 0 < request.size < net.resolution else net.resolution
    drawn = min(net.resolution, max(wished, net.layers[request.layer].resolution))
    noise, strength = noise_of(look.noise, net)
    original = synthesize(net, base[None], noise, strength, drawn)
    yield Progress(0, request.samples, "Looking where the layer acts")
    total: Tensor | None = None
    rng = np.random.RandomState((request.seed ^ 0x1AFE) & 0xFFFFFFFF)
    heat: npt.NDArray[np.float32] = np.zeros((drawn, drawn), dtype=np.float32)
    # One by one and never in a batch: a prepared network keeps what lies below the layer, and only the rest is drawn.
    for i in range(max(1, request.samples)):
        other = pushed(codes.ws(Seed(seed=int(rng.randint(2**31)))), ready)
        swapped = base.clone()
        swapped[request.layer] = other[request.layer]
        change = (synthesize(net, swapped[None], noise, strength, drawn) - original).abs().mean(dim=1, keepdim=True)
        total = change if total is None else total + change
        heat = _heat(total, wished)
        yield Preview(grey(heat), f"layer {request.layer}", i)
        yield Progress(i + 1, request.samples, "Looking where the layer acts")
    mean = float(cast(Tensor, total).mean()) / max(1, request.samples) / 2.0
    return Array(heat, info_of(net, started, layer=request.layer, strength=mean))


def _heat(total: Tensor, size: int) -> npt.NDArray[np.float32]:
    """Summed changes ``[1, 1, H, W]`` to [0, 1], a little smoothed (the eye wants places, not pixels)."""
    soft = max(1, total.shape[-1] // 64)
    smooth = F.avg_pool2d(total, 2 * soft + 1, stride=1, padding=soft, count_include_pad=False)
    x = shrink(smooth, size)[0, 0]
    top = x.max()
    x = x / top if float(top) > 0.0 else torch.zeros_like(x)
    return np.ascontiguousarray(x.clamp(0.0, 1.0).float().cpu().numpy())


def grey(values: npt.NDArray[np.float32]) -> UInt8Image:
    """A map in [0, 1] as a grey picture ``[H, W, 3]``."""
    levels = np.rint(values * 255.0).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)

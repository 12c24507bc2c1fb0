"""Codes to pictures: sizes, batches and progressive drawing, shared by every operation that shows something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.codes import noise_of
from studio.nets.roles import Generator
from studio.nets.roles import Noise as NetNoise
from studio.project.latents import Noise

FIRST_PREVIEW = 64
"""Smaller low-resolution pictures than this say nothing."""
PATIENCE = 0.06
"""Seconds before a picture that is still being drawn is shown as it is so far."""


def to_uint8(pictures: Tensor) -> list[UInt8Image]:
    """Network output ``[N, 3 or 1, H, W]``, about [-1, 1], to ``[H, W, 3]`` uint8 arrays: x * 127.5 + 128, cut off.

    This is the rounding of the original networks' tools, so that a seed gives the very picture that people know.
    """
    x = (pictures.detach().float() * 127.5 + 128.0).clamp_(0.0, 255.0).to(torch.uint8)
    if x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    return list(x.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def sizes(net: Generator, size: int) -> tuple[int | None, int]:
    """(what to ask the network for, what the picture is then made) for a wished ``size`` (0: full; never enlarged)."""
    full = net.resolution
    if size <= 0 or size >= full:
        return None, full
    fitting = [r for r in net.low_resolutions if r >= size]
    return (min(fitting) if fitting else None), size


def shrink(pictures: Tensor, size: int) -> Tensor:
    """``[N, C, H, W]`` to ``size`` px wide by area (unchanged when it is that size or smaller)."""
    if pictures.shape[-1] <= size:
        return pictures
    high = max(1, round(pictures.shape[-2] * size / pictures.shape[-1]))
    return F.interpolate(pictures, size=(high, size), mode="area")


def synthesize(
    net: Generator, ws: Tensor, noise: NetNoise = "const", strength: float | Tensor = 1.0, size: int = 0
) -> Tensor:
    """ws ``[N, num_ws, w_dim]`` to pictures ``[N, C, size, size]`` float32, not clipped, without gradients."""
    asked, final = sizes(net, size)
    with torch.no_grad():
        return shrink(net.synthesize(ws, noise, strength=strength, size=asked), final)


def picture(
    net: Generator,
    ws: Tensor,
    noise: Noise | tuple[NetNoise, float | Tensor],
    size: int = 0,
    *,
    previews: bool = True,
    index: int = 0,
) -> Steps[UInt8Image]:
    """One code ``[num_ws, w_dim]`` to a picture.

    While a network is slow, the picture so far (its own low-resolution outputs) is shown as previews; every
    resolution is a step of its own, so that a newer wish can overtake an older one in the middle of it.
    """
    kind, strength = noise_of(noise, net) if isinstance(noise, Noise) else noise
    asked, final = sizes(net, size)
    growing = getattr(net, "synthesize_steps", None)
    if growing is None or ws.is_cuda:  # a graphics card is quick, and quickest with the whole picture at once
        return to_uint8(synthesize(net, ws[None], kind, strength, size))[0]
    started = time.perf_counter()
    last: Tensor | None = None
    steps = cast("Iterator[Tensor]", growing(ws[None], kind, strength=strength, size=asked))
    stages = _stages(net, asked)
    done = 0
    while True:
        with torch.no_grad():
            new = next(steps, None)
        if new is None:
            break
        if last is not None and time.perf_counter() - started > PATIENCE:
            if previews and FIRST_PREVIEW <= last.shape[-1] < final:
                yield Preview(to_uint8(last)[0], f"{last.shape[-1]} px", index)
            else:
                yield Progress(done, stages, "Drawing")
        last, done = new, done + 1
    return to_uint8(shrink(cast(Tensor, last), final))[0]


def _stages(net: Generator, asked: int | None) -> int:
    return 1 + sum(1 for r in net.low_resolutions if asked is None or r < asked)


def batch_size(ctx: Context, net: Generator, size: int) -> int:
    """How many pictures to draw at once: about a hundredth of a second, so that a drag is never kept waiting.

    A processor draws them one after the other anyway; a graphics card wants many.
    """
    pixels = (sizes(net, size)[0] or net.resolution) ** 2
    quick = ctx.device.startswith("cuda")
    room = min(64, (1 << 22) // pixels) if quick else min(8, (1 << 13) // pixels)
    return ctx.share(max(1, room))


def pictures(
    ctx: Context,
    net: Generator,
    count: int,
    code: Callable[[int], Tensor],
    noise: Sequence[Noise],
    size: int = 0,
    *,
    phase: str = "Drawing",
    previews: bool = True,
) -> Steps[list[UInt8Image]]:
    """Many pictures in batches: ``code(i)`` is ws ``[num_ws, w_dim]``; one Preview each, with its index.

    ``noise`` is one for all or one for each; only neighbours with equal noise share a batch.
    """
    each = batch_size(ctx, net, size)
    out: list[UInt8Image] = []
    while len(out) < count:
        start = len(out)
        this = noise[min(start, len(noise) - 1)]
        stop = start + 1
        while stop < min(count, start + each) and noise[min(stop, len(noise) - 1)] == this:
            stop += 1
        kind, strength = noise_of(this, net)
        ws = torch.stack([code(i) for i in range(start, stop)])
        for image in to_uint8(synthesize(net, ws, kind, strength, size)):
            if previews:
                yield Preview(image, "", len(out))
            out.append(image)
        yield Progress(len(out), count, phase)
    return out


def milliseconds(since: float) -> float:
    """Milliseconds since a reading of ``time.perf_counter`` (for the status line, not part of any result)."""
    return round((time.perf_counter() - since) * 1000.0, 1)


def info_of(net: Generator, since: float, **more: Any) -> dict[str, Any]:
    """The small facts that every picture carries."""
    return {"ms": milliseconds(since), "resolution": net.resolution, **more}

"""Pictures of latents: one, a sheet, tiles, two spaces side by side, the frames of a walk, and bare codes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, Model, noise_of, open_model
from studio.engine.explore.directions import Vector, pushed, pusher
from studio.engine.explore.draw import info_of, picture, pictures
from studio.engine.explore.pace import timed
from studio.engine.explore.walks import frame_count, noise_angle
from studio.engine.registry import operation
from studio.engine.results import Array, Numbers, Picture, Pictures
from studio.nets.roles import Noise as NetNoise
from studio.nets.roles import NoiseCircle
from studio.project.latents import Blend, Latent, Look, Part, Push
from studio.project.requests import Compare, ReadWs, Render, Sheet, Tiles, WalkFrames


def final_ws(model: Model, latent: Latent, look: Look) -> Steps[Tensor]:
    """The ws ``[num_ws, w_dim]`` that the picture is made from: seeds, blends, truncation and pushes."""
    ready = yield from pusher(model, look.pushes)
    return pushed(Codes(model, look).ws(latent), ready)


def _labels(model: Model, latent: Latent, look: Look) -> dict[str, Any]:
    labels = Codes(model, look).labels_of(latent) if model.net.c_dim else ()
    return {"labels": labels} if labels else {}


@operation(Render, doing="Drawing the picture")
def render(ctx: Context, request: Render) -> Steps[Picture]:
    """One picture; large ones are shown on the way.  ``info`` has the labels that the latent drew or was given."""
    started = time.perf_counter()
    model = open_model(ctx, request.model, request.precision, request.look)
    ws = yield from final_ws(model, request.latent, request.look)
    image = yield from picture(model.net, ws, request.look.noise, request.size)
    return Picture(image, info_of(model.net, started, **_labels(model, request.latent, request.look)))


@operation(Tiles, parts=True, doing="Drawing the thumbnails")
def tiles(ctx: Context, request: Tiles) -> Steps[Pictures]:
    """Thumbnails in batches, one Preview each as they come; then all of them in order."""
    started = time.perf_counter()
    looks = request.looks or (Look(),)
    model = open_model(ctx, request.model, request.precision, looks[0])
    if len(looks) not in (1, len(request.latents)):
        raise StudioError("The thumbnails and their looks do not match.", f"{len(request.latents)} and {len(looks)}.")
    if any(model.on_grid(look) is not model for look in looks):
        raise StudioError("These thumbnails are of different sizes.", "", "Give all looks the same rows and columns.")
    ready: dict[tuple[Push, ...], list[tuple[Vector, Push]]] = {}
    for look in looks:
        if look.pushes not in ready:
            ready[look.pushes] = yield from pusher(model, look.pushes)
    codes = {look: Codes(model, look) for look in looks}

    def code(i: int) -> Tensor:
        look = looks[i if len(looks) > 1 else 0]
        return pushed(codes[look].ws(request.latents[i]), ready[look.pushes])

    noise = [look.noise for look in looks]
    images = yield from pictures(ctx, model.net, len(request.latents), code, noise, request.tile)
    return Pictures(tuple(images), info_of(model.net, started))


@operation(Sheet, long=True, parts=True, doing="Drawing the contact sheet")
def sheet(ctx: Context, request: Sheet) -> Steps[Picture]:
    """A contact sheet; each picture is also a Preview with its index while the sheet fills."""
    from studio.media.sheets import contact_sheet

    started = time.perf_counter()
    if not request.latents:
        raise StudioError("This sheet is empty.", "", "Choose at least one seed.")
    model = open_model(ctx, request.model, request.precision, request.look)
    ready = yield from pusher(model, request.look.pushes)
    codes = Codes(model, request.look)
    images = yield from pictures(
        ctx,
        model.net,
        len(request.latents),
        lambda i: pushed(codes.ws(request.latents[i]), ready),
        [request.look.noise],
        request.tile,
    )
    made = contact_sheet(images, columns=request.columns)
    return Picture(made, info_of(model.net, started, pictures=len(images)))


@operation(Compare, doing="Comparing z and w")
def compare(ctx: Context, request: Compare) -> Steps[Pictures]:
    """The blend at ``t`` between a and b: (in z, in w).  ``info["z"]`` False: an end has no z, and both are in w."""
    started = time.perf_counter()
    model = open_model(ctx, request.model, request.precision, request.look)
    ready = yield from pusher(model, request.look.pushes)
    parts = (Part(latent=request.latent_a, weight=1.0 - request.t), Part(latent=request.latent_b, weight=request.t))
    latent = Blend(parts=tuple(part for part in parts if part.weight != 0.0))
    images: list[UInt8Image] = []
    z_codes = Codes(model, _in_space(request.look, "z"))
    for codes in (z_codes, Codes(model, _in_space(request.look, "w"))):
        ws = pushed(codes.ws(latent), ready)
        image = yield from picture(model.net, ws, request.look.noise, index=len(images))
        images.append(image)
        yield Preview(image, codes.look.space, len(images) - 1)
    return Pictures(tuple(images), info_of(model.net, started, spaces=("z", "w"), z=z_codes.has_z(latent)))


def _in_space(look: Look, space: str) -> Look:
    import msgspec

    return msgspec.structs.replace(look, space=space)


@operation(WalkFrames, long=True, doing="Drawing the walk")
def walk_frames(ctx: Context, request: WalkFrames) -> Steps[Numbers]:
    """The frames ``first .. first + count`` of a walk, each one a Preview whose index is its number in the walk.

    Frames are drawn one by one, so a frame alone is bit for bit the frame of the whole film.  They are not collected:
    the result says only how many there were (a minute at 1024 px would be gigabytes).  ``info["keys"]``: the frame of
    each key, which an even speed moves.
    """
    started = time.perf_counter()
    model = open_model(ctx, request.model, request.precision, request.look)
    walk, look = request.walk, request.look
    total = frame_count(walk)
    first = min(max(0, request.first), total)
    stop = total if request.count <= 0 else min(total, first + request.count)
    ready = yield from pusher(model, look.pushes)
    way = yield from timed(model, Codes(model, look), walk, lambda ws: pushed(ws, ready))
    kind, strength = noise_of(look.noise, model.net)
    drifting = walk.noise_loop and look.noise.mode == "seed"
    for frame in range(first, stop):
        noise: NetNoise = NoiseCircle(look.noise.seed, noise_angle(walk, frame)) if drifting else kind
        ws = way.ws(frame)
        image = yield from picture(model.net, ws, (noise, strength), request.size, previews=False)
        yield Preview(image, f"frame {frame}", frame)
        yield Progress(frame - first + 1, stop - first, "Drawing frames")
    facts = info_of(model.net, started, keys=way.keys, fps=walk.fps)
    return Numbers({"frames": float(stop - first), "total": float(total), "seconds": total / max(1, walk.fps)}, facts)


@operation(ReadWs, doing="Reading the code")
def read_ws(ctx: Context, request: ReadWs) -> Steps[Array]:
    """The finished ws of a latent, ``[num_ws, w_dim]`` float32: stored, it gives the same picture in any look."""
    model = open_model(ctx, request.model, request.precision, request.look)
    ws = yield from final_ws(model, request.latent, request.look)
    values: np.ndarray[Any, np.dtype[np.float32]] = ws.detach().to(torch.float32).cpu().numpy().copy()
    return Array(values, {"num_ws": model.net.num_ws, "w_dim": model.net.w_dim})

"""Perceptual path length (Karras et al. 2019): how far the picture goes when the code goes a little way.

At a random t of a path, the perceptual distance of G(t) and G(t + eps), divided by eps squared (the distance is a
squared one), eps = 1e-4; the mean over many t.  Lower is smoother.  Paths in z follow the great circle, paths in w the
straight line.  Always measured with the plain float32 network: half precision would drown such small steps.  Networks
beyond 256 px are measured at 256 px (their own smaller output where they have one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, Model, Point, mean_point, noise_of, open_model
from studio.engine.explore.directions import pushed, pusher
from studio.engine.explore.draw import synthesize
from studio.engine.explore.pace import timed
from studio.engine.explore.perception import LOOK_AT, Perception, perception
from studio.engine.explore.walks import frame_count, steps_of
from studio.engine.registry import operation
from studio.engine.results import Numbers
from studio.project.latents import Direct, Seed
from studio.project.requests import PathLength

EPS = 1e-4
_PHASE = "Measuring the path length"

Pair = tuple[Tensor, Tensor]


@operation(PathLength, long=True, doing="Measuring the path length")
def path_length(ctx: Context, request: PathLength) -> Steps[Numbers]:
    """``z`` and ``w`` path lengths with their standard errors (``z`` is absent where the ends have no z).

    Without ends and walk: between random seeds, as in the paper (but with the look's truncation).  With two ends:
    between these.  With a walk: along its curve, one key to the next being a length of 1, and also ``length`` (how
    far the picture travels in all), ``seconds`` and ``unevenness`` (standard deviation of its speed over the mean,
    0: even) in the look's own space.  ``info["features"]`` names what measured.
    """
    model = open_model(ctx.derive(frugal=False), request.model, "exact", request.look)
    eyes = perception(model)
    ready = yield from pusher(model, request.look.pushes)
    codes = Codes(model, request.look)
    count = max(1, request.samples)
    rng = np.random.RandomState(request.seed & 0xFFFFFFFF)
    if request.walk is not None:
        ways, seconds = yield from _along_walk(codes, request, rng, count)
    elif isinstance(request.latent_a, Direct) and isinstance(request.latent_b, Direct):
        ways, seconds = _anywhere(codes, rng), None
    else:
        ways, seconds = _between(codes, request, rng), None
    found: dict[str, list[float]] = {space: [] for space in ways}
    for i in range(count):
        for space, way in ways.items():
            a, b = (pushed(ws, ready) for ws in way(i))
            near = _draw(model, request, a)
            yield Progress(i, count, _PHASE)
            found[space].append(_distance(eyes, near, _draw(model, request, b)) / EPS**2)
            yield Progress(i, count, _PHASE)
        yield Progress(i + 1, count, _PHASE)
    values: dict[str, float] = {"samples": float(count)}
    for space, distances in found.items():
        values[space] = _trimmed_mean(distances)
        values[f"{space}_error"] = float(np.std(distances) / np.sqrt(len(distances)))
    if seconds is not None:
        # Speed per second at each sample, from the same pairs.
        own = found.get(request.look.space) or found["w"]
        speed = np.sqrt(np.asarray(own)) / np.asarray(seconds)
        duration = frame_count(request.walk) / request.walk.fps if request.walk else 0.0
        values["seconds"] = duration
        values["length"] = float(speed.mean() * duration)
        values["unevenness"] = float(speed.std() / speed.mean()) if speed.mean() > 0 else 0.0
    return Numbers(values, {"features": eyes.name, "eps": EPS, "size": min(model.net.resolution, LOOK_AT)})


def _draw(model: Model, request: PathLength, ws: Tensor) -> Tensor:
    noise, strength = noise_of(request.look.noise, model.net)
    return synthesize(model.net, ws[None], noise, strength, min(model.net.resolution, LOOK_AT))


def _distance(eyes: Perception, a: Tensor, b: Tensor) -> float:
    with torch.no_grad():
        return float(eyes.distance(a, b)[0])


def _trimmed_mean(distances: list[float]) -> float:
    """The mean between the 1st and the 99th percentile, as the authors compute it."""
    x = np.asarray(distances)
    low, high = np.percentile(x, 1, method="lower"), np.percentile(x, 99, method="higher")
    return float(x[(x >= low) & (x <= high)].mean())


Way = Callable[[int], Pair]


def _z_pair(codes: Codes, a: Point, b: Point, t: float) -> Pair:
    near, far = (codes.map(mean_point([a, b], (1.0 - u, u), curved=True)) for u in (t, t + EPS))
    return near, far


def _w_pair(a: Tensor, b: Tensor, t: float) -> Pair:
    return torch.lerp(a, b, t), torch.lerp(a, b, t + EPS)


def _anywhere(codes: Codes, rng: np.random.RandomState) -> dict[str, Way]:
    drawn: dict[int, tuple[Seed, Seed, float]] = {}

    def ends(i: int) -> tuple[Seed, Seed, float]:
        if i not in drawn:
            a, b = (Seed(seed=int(s)) for s in rng.randint(0, 2**31, size=2))
            drawn[i] = a, b, float(rng.random_sample())
        return drawn[i]

    def in_z(i: int) -> Pair:
        a, b, t = ends(i)
        first, second = codes.point(a), codes.point(b)
        assert first is not None and second is not None  # a seed always has a z
        return _z_pair(codes, first, second, t)

    def in_w(i: int) -> Pair:
        a, b, t = ends(i)
        return _w_pair(codes.ws(a), codes.ws(b), t)

    return {"z": in_z, "w": in_w}


def _between(codes: Codes, request: PathLength, rng: np.random.RandomState) -> dict[str, Way]:
    times = rng.random_sample(max(1, request.samples))
    ends = codes.ws(request.latent_a), codes.ws(request.latent_b)
    ways: dict[str, Way] = {"w": lambda i: _w_pair(*ends, float(times[i]))}
    a, b = codes.point(request.latent_a), codes.point(request.latent_b)
    if a is not None and b is not None:
        first, second = a, b
        ways = {"z": lambda i: _z_pair(codes, first, second, float(times[i])), **ways}
    return ways


def _along_walk(
    codes: Codes, request: PathLength, rng: np.random.RandomState, count: int
) -> Steps[tuple[dict[str, Way], list[float]]]:
    walk: Any = request.walk
    if walk.speed == "even" and len(walk.keys) > 1:
        # How even it has become: along the film as it is drawn, in the space of the look.
        way = yield from timed(codes.model, codes, walk, lambda ws: ws)
        total = frame_count(walk) - (0 if walk.loop else 1)
        frames = [(i + float(rng.random_sample())) * total / count for i in range(count)]
        space = "z" if codes.look.space == "z" and all(codes.has_z(key.latent) for key in walk.keys) else "w"
        stretch = total / len(walk.keys)  # a length of 1, as from key to key
        ends = {space: lambda i: (way.ws(frames[i]), way.ws(frames[i] + EPS * stretch))}
        return ends, [stretch / max(1, walk.fps)] * count
    steps = steps_of(walk)
    total = steps[-1].first + steps[-1].frames
    # One t in each of ``count`` equal parts: a walk is short, and chance should not skip a part of it.
    frames = [(i + float(rng.random_sample())) * total / count for i in range(count)]
    lengths = [next(s.frames for s in reversed(steps) if frame >= s.first) for frame in frames]
    ways: dict[str, Way] = {}
    if all(codes.has_z(key.latent) for key in walk.keys):
        z_path = codes.path(walk, "z")
        ways["z"] = lambda i: (z_path(frames[i]), z_path(frames[i] + EPS * lengths[i]))
    w_path = codes.path(walk, "w")
    ways["w"] = lambda i: (w_path(frames[i]), w_path(frames[i] + EPS * lengths[i]))
    seconds = [frames_long / max(1, walk.fps) for frames_long in lengths]
    return ways, seconds

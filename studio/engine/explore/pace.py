"""Even speed: the time of a walk bent so that the picture changes by the same amount from frame to frame.

Between two keys the picture is drawn small at places that grow denser where it changes most (the longest stretch is
halved until there are :data:`LOOKS`), the perceptual distance from each to the next added up to the length of the way
(the square root of the studio features' squared distance, so that lengths add), and frames are put at equal shares of
it.  Every key keeps a frame of its own: keys move to the frame that is nearest to where they
lie on the whole way, so the ends, the keys and the seam of a loop stay exact and the speed differs between two
stretches by no more than that rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, Model, noise_of, open_model
from studio.engine.explore.directions import pushed, pusher
from studio.engine.explore.draw import synthesize
from studio.engine.explore.perception import Perception, perception
from studio.engine.explore.walks import Step, frame_count, key_frames, steps_of
from studio.nets.drawing_fast import one_core
from studio.project.latents import Key, Walk
from studio.project.requests import WalkFrames

FIRST, LOOKS = 8, 24
"""Parts of the way from key to key: before the longest are halved, and after."""

LOOK_AT = 48
"""Pictures are compared at this width: where something moves shows there too, and it is quick."""

STILL = 1e-3
"""A way shorter than this in all is rounding (one grey level of 255 in every pixel is 3e-3)."""

FLOOR = 1e-3
"""Of the mean speed: where nothing changes at all, time still passes."""

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """Frames of the film to places of the walk.  ``keys``: the frame of each key."""

    keys: tuple[int, ...]
    total: int
    closed: bool
    steps: tuple[Step, ...]
    ways: tuple[tuple[Float64Array, Float64Array], ...]
    """For each step: times, and the share of the way that is behind at each; both rise from 0 to 1."""

    def __call__(self, frame: float) -> float:
        """Which frame of the walk as it was timed (with linear easing) is shown at this frame of the even film."""
        frame = frame % self.total if self.closed else min(max(frame, 0.0), float(self.total))
        ends = (*self.keys[: len(self.steps)], self.total)
        index = max(i for i in range(len(self.steps)) if frame >= ends[i])
        step, (times, behind) = self.steps[index], self.ways[index]
        share = (frame - ends[index]) / (ends[index + 1] - ends[index])
        u = float(np.interp(share, behind, times))
        return step.first + u * step.frames


def straight(walk: Walk) -> Walk:
    """The same curve without easing, which even speed replaces, and without names."""
    keys = tuple(msgspec.structs.replace(key, easing="linear", name="") for key in walk.keys)
    return msgspec.structs.replace(walk, keys=keys, speed="keys")


def timed(model: Model, codes: Codes, walk: Walk, ready: Callable[[Tensor], Tensor]) -> Steps[Timed]:
    """The ws of a walk at any frame and the frames of its keys, at the speed that the walk asks for.

    ``ready`` puts the pushes on a code.  An even walk is looked at first (kept in memory, so that it happens once).
    """
    if walk.speed != "even" or len(walk.keys) < 2:
        path = codes.path(walk)
        return Timed(lambda frame: ready(path(frame)), key_frames(walk))
    plain = straight(walk)
    path = codes.path(plain)
    pace = yield from even(model, codes, plain, lambda frame: ready(path(frame)))
    return Timed(lambda frame: ready(path(pace(frame))), pace.keys)


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """``ws(frame)`` ``[num_ws, w_dim]`` with its pushes, and the frame of each key."""

    ws: Callable[[float], Tensor]
    keys: tuple[int, ...]


def even(model: Model, codes: Codes, walk: Walk, ws: Callable[[float], Tensor]) -> Steps[Pace]:
    """The pace at which a walk (without easing) changes evenly."""
    steps = steps_of(walk)
    lengths, ways = [], []
    eyes = perception(model)
    for i, step in enumerate(steps):
        key = _name(model, codes, walk, step, i)
        found: tuple[Float64Array, Float64Array] | None = model.ctx.cache.get(key)
        if found is None:
            found = yield from _measure(model, codes, ws, step, eyes, (i, len(steps)))
            model.ctx.cache.put(key, found)
        times, parts = found
        lengths.append(float(parts.sum()))
        ways.append((times, _rising(times, parts)))
    closed = walk.loop
    starts = share_frames(lengths, steps)
    total = steps[-1].first + steps[-1].frames
    keys = starts if closed else (*starts, total)
    return Pace(keys, total, closed, steps, tuple(ways))


def _rising(times: Float64Array, parts: Float64Array) -> Float64Array:
    """The share of the way that is behind at each time, strictly rising from 0 to 1."""
    floored = np.maximum(parts, FLOOR * max(1e-12, float(parts.sum())) * np.diff(times))
    behind = np.concatenate(([0.0], np.cumsum(floored)))
    behind = behind / behind[-1]
    behind[-1] = 1.0
    return np.asarray(behind)


def share_frames(lengths: list[float], steps: tuple[Step, ...]) -> tuple[int, ...]:
    """The first frame of each step when frames are shared by length; every step keeps at least one.

    A way of no length at all keeps the times that the walk has.
    """
    total = steps[-1].first + steps[-1].frames
    whole = sum(lengths)
    if whole <= STILL:
        return tuple(step.first for step in steps)
    starts = [0]
    for i in range(1, len(steps)):
        nearest = round(total * sum(lengths[:i]) / whole)
        starts.append(min(max(nearest, starts[-1] + 1), total - (len(steps) - i)))
    return tuple(starts)


def _name(model: Model, codes: Codes, walk: Walk, step: Step, index: int) -> Hashable:
    """What the way of one step depends on: its two ends; for a cubic curve the whole walk."""
    at_work = ("pace", model.sha, type(model.net).__name__, type(getattr(model.net, "net", model.net)).__name__)
    look = codes.look
    if walk.curve == "cubic":
        return (*at_work, str(model.device), walk, index, look)
    ends: tuple[Key, Key] = walk.keys[step.start], walk.keys[step.end]
    return (*at_work, str(model.device), ends[0].latent, ends[1].latent, walk.curve, look)


def _measure(
    model: Model,
    codes: Codes,
    ws: Callable[[float], Tensor],
    step: Step,
    eyes: Perception,
    place: tuple[int, int],
) -> Steps[tuple[Float64Array, Float64Array]]:
    """(Times ``[LOOKS + 1]`` from 0 to 1, perceptual distances between them ``[LOOKS]``) along a step.

    Drawn one by one, as batches would be rounded otherwise.
    """

    def look(t: float) -> Tensor:
        with torch.no_grad(), one_core():  # small pictures: several cores would mostly wait for each other
            return eyes.glance(_look(model, codes, ws(step.first + step.frames * t)))

    def told() -> Progress:
        return Progress(place[0] * (LOOKS + 1) + len(seen), place[1] * (LOOKS + 1), "Finding an even speed")

    times = [i / FIRST for i in range(FIRST + 1)]
    seen: list[Tensor] = []
    for t in times:
        seen.append(look(t))
        yield told()
    with torch.no_grad(), one_core():
        parts = [eyes.step(a, b) for a, b in pairwise(seen)]
    while len(parts) < LOOKS and sum(parts) > STILL:
        k = max(range(len(parts)), key=parts.__getitem__)
        t = (times[k] + times[k + 1]) / 2
        middle = look(t)
        with torch.no_grad(), one_core():
            halves = [eyes.step(seen[k], middle), eyes.step(middle, seen[k + 1])]
        times.insert(k + 1, t)
        seen.insert(k + 1, middle)
        parts[k : k + 1] = halves
        yield told()
    return np.asarray(times), np.asarray(parts)


def _look(model: Model, codes: Codes, ws: Tensor) -> Tensor:
    noise, strength = noise_of(codes.look.noise, model.net)
    picture = synthesize(model.net, ws[None], noise, strength, min(model.net.resolution, LOOK_AT)).float()
    return picture.expand(-1, 3, -1, -1) if picture.shape[1] == 1 else picture


def times(ctx: Context, request: WalkFrames) -> Steps[tuple[float, ...]]:
    """Where on the walk, as it was timed, each frame of its film is (the same numbers unless the speed is even).

    To be driven inside of ``ctx.scope()``; what :func:`~studio.engine.explore.walks.at` makes of a number are the
    weights of the keys (of the :func:`straight` walk).
    """
    walk, frames = request.walk, range(frame_count(request.walk))
    if walk.speed != "even" or len(walk.keys) < 2:
        return tuple(float(frame) for frame in frames)
    model = open_model(ctx, request.model, request.precision, request.look)
    ready = yield from pusher(model, request.look.pushes)
    codes, plain = Codes(model, request.look), straight(walk)
    path = codes.path(plain)
    pace = yield from even(model, codes, plain, lambda frame: pushed(path(frame), ready))
    return tuple(pace(float(frame)) for frame in frames)

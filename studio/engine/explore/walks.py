"""The timing and the curve of a walk, as pure arithmetic: which keys weigh how much in which frame.

A frame of a walk is a weighted mean of its keys (or a spherical blend of two), so everything about time and curves
lives here without any network, and a frame is a function of its number alone: computed by itself it is the frame of
the whole film.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio.base.errors import StudioError
from studio.project.latents import Walk


@dataclass(frozen=True, slots=True)
class Step:
    """From key ``start`` to key ``end`` in the frames ``first .. first + frames`` (the last one is the next key)."""

    start: int
    end: int
    first: int
    frames: int


@dataclass(frozen=True, slots=True)
class Mix:
    """Weights of keys, sum 1; a single key has weight exactly 1.  ``curved``: two keys, to be blended spherically."""

    keys: tuple[int, ...]
    weights: tuple[float, ...]
    curved: bool = False


def ease(kind: str, u: float) -> float:
    """Time within a segment, [0, 1] to [0, 1]: linear, smooth (3u^2 - 2u^3), in (slow start), out (slow end)."""
    if kind == "smooth":
        return u * u * (3.0 - 2.0 * u)
    if kind == "in":
        return u * u
    if kind == "out":
        return u * (2.0 - u)
    return u


def steps_of(walk: Walk) -> tuple[Step, ...]:
    """The segments of a walk, each a whole number of frames (at least one), so that every key is a frame.

    Key times are rounded on the common time line, never one after another: a film of any length keeps its length.
    """
    n = len(walk.keys)
    if n == 0:
        raise StudioError("This walk has no keys.", "A walk leads from key to key.", "Add a key on the timeline first.")
    if n == 1:
        return (Step(0, 0, 0, max(1, round(walk.keys[0].seconds * walk.fps))),)
    pairs = [(i, i + 1) for i in range(n - 1)] + ([(n - 1, 0)] if walk.loop else [])
    steps = []
    seconds, frame = 0.0, 0
    for start, end in pairs:
        seconds += max(0.0, walk.keys[start].seconds)
        stop = max(frame + 1, round(seconds * walk.fps))
        steps.append(Step(start, end, frame, stop - frame))
        frame = stop
    return tuple(steps)


def frame_count(walk: Walk) -> int:
    """How many frames the film has.  A loop does not show its first key twice; an open walk shows both ends."""
    last = steps_of(walk)[-1]
    closed = walk.loop or len(walk.keys) == 1
    return last.first + last.frames + (0 if closed else 1)


def duration(walk: Walk) -> float:
    """Seconds that the film lasts."""
    return frame_count(walk) / max(1, walk.fps)


def key_frames(walk: Walk) -> tuple[int, ...]:
    """The frame at which each key is hit exactly."""
    steps = steps_of(walk)
    frames = [step.first for step in steps]
    if not walk.loop and len(walk.keys) > 1:
        frames.append(steps[-1].first + steps[-1].frames)
    return tuple(frames)


def with_frames(walk: Walk, frames: int) -> Walk:
    """The same walk in exactly ``frames`` frames: the seconds of its keys are stretched alike.

    Raises a user error when there are fewer frames than keys.
    """
    import msgspec

    n = len(walk.keys)
    parts = n if walk.loop or n == 1 else n - 1
    units = frames if walk.loop or n == 1 else frames - 1
    if n == 0 or units < parts:
        raise StudioError(
            f"{frames} frames are too few for {n} keys.", "Every key needs a frame of its own.", "Ask for more frames."
        )
    shares = [max(1e-9, key.seconds) for key in walk.keys[:parts]]
    scale = units / walk.fps / sum(shares)
    keys = [
        msgspec.structs.replace(key, seconds=share * scale)
        for key, share in zip(walk.keys[:parts], shares, strict=True)
    ]
    fitted = msgspec.structs.replace(walk, keys=(*keys, *walk.keys[parts:]))
    if frame_count(fitted) != frames:  # a key shorter than a frame was stretched: share the frames evenly instead
        even = [msgspec.structs.replace(key, seconds=units / parts / walk.fps) for key in walk.keys[:parts]]
        fitted = msgspec.structs.replace(walk, keys=(*even, *walk.keys[parts:]))
    return fitted


def noise_angle(walk: Walk, frame: float) -> float:
    """Where the noise stands on its circle, in radians: once around in a loop, half around in an open walk."""
    n = frame_count(walk)
    if walk.loop or len(walk.keys) == 1:
        return 2.0 * math.pi * frame / n
    return math.pi * frame / max(1, n - 1)


def at(walk: Walk, frame: float) -> Mix:
    """The keys and their weights at a frame (a loop takes any number, an open walk stays at its ends).

    linear and slerp: the two keys of the segment by its eased time.  cubic: a cubic Hermite curve through all keys
    with the tangents of Catmull and Rom over the real key times, so that position and speed are continuous in time at
    every key and at the seam of a loop; on it, "smooth" and "linear" are the same, since a stop at every key is what
    a curve avoids, and "in" and "out" bend the time within their segment.
    """
    steps = steps_of(walk)
    total = steps[-1].first + steps[-1].frames
    closed = walk.loop or len(walk.keys) == 1
    frame = frame % total if closed else min(max(frame, 0.0), float(total))
    index = len(steps) - 1
    while index > 0 and frame < steps[index].first:
        index -= 1
    step = steps[index]
    if step.start == step.end:
        return Mix((step.start,), (1.0,))
    u = (frame - step.first) / step.frames
    if u <= 0.0:
        return Mix((step.start,), (1.0,))
    if u >= 1.0:
        return Mix((step.end,), (1.0,))
    easing = walk.keys[step.start].easing
    if walk.curve == "cubic":
        return _cubic(walk, steps, index, u if easing == "smooth" else ease(easing, u))
    u = ease(easing, u)
    return Mix((step.start, step.end), (1.0 - u, u), curved=walk.curve == "slerp")


def _cubic(walk: Walk, steps: tuple[Step, ...], index: int, u: float) -> Mix:
    """Cubic Hermite with Catmull-Rom tangents (non-uniform), written as weights of at most four keys."""
    n = len(steps)
    here = steps[index]
    weights: dict[int, float] = {}

    def add(key: int, weight: float) -> None:
        weights[key] = weights.get(key, 0.0) + weight

    u2, u3 = u * u, u * u * u
    add(here.start, 2.0 * u3 - 3.0 * u2 + 1.0)
    add(here.end, 3.0 * u2 - 2.0 * u3)
    # Tangent at a key: (next - previous) / (time between them), in units of this segment's length.
    before = steps[index - 1] if index > 0 or walk.loop else None
    after = steps[(index + 1) % n] if index < n - 1 or walk.loop else None
    for basis, left, right in ((u3 - 2.0 * u2 + u, before, here), (u3 - u2, here, after)):
        a = left.start if left is not None else here.start
        b = right.end if right is not None else here.end
        frames = (left.frames if left is not None else 0) + (right.frames if right is not None else 0)
        scale = basis * here.frames / frames
        add(b, scale)
        add(a, -scale)
    kept = [(key, weight) for key, weight in sorted(weights.items()) if weight != 0.0]
    return Mix(tuple(key for key, _ in kept), tuple(weight for _, weight in kept))

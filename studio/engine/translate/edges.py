"""Line drawings from photographs.

The picture is looked at by a bank of elongated filters, each a difference of Gaussians across its direction and a
Gaussian along it: the flow-based difference of Gaussians of Kang et al. (2007) with straight pieces of flow.  Unlike an
edge detector it gives one line where there is one, on dark strokes as well as on the dark side of an edge.  Crests of
its response become points between the pixels (Steger, 1998), neighbouring points become strokes, and weak or short
strokes are left out (hysteresis, Canny 1986).  Strokes are drawn with a pen of any width at any size.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from studio.engine.translate.graph import Ints, components, neighbours
from studio.engine.translate.oklab import oklab

Floats = npt.NDArray[np.float32]

AT = 256
"""The longer side in px that settings are meant for."""
SIGMA = 1.2
"""Of the filters in px: how fine it looks is a matter of the size at which it looks."""
FINEST, COARSEST = 0.75, 3.2
"""What is seen, in px at :data:`AT`, for ``smooth`` 0 and 1."""
SIDES = (72, 384)
"""At which it looks."""
DIRECTIONS = 12
LONG = 2.6
"""Times SIGMA: the Gaussian along a line."""
REACH = 6
"""Pixels of it that are looked at to each side."""
STEP = 0.112
"""What the difference of the two Gaussians answers at most beside a step of 1."""
COLOUR = 1.6
"""Weight of a difference in colour against one in light."""
WEAKEST, STRONGEST = 0.025, 0.30
"""Contrast from which an edge is drawn for ``detail`` 1 and 0, where 1 is from black to white."""
CROWD, INHIBITION = 5.0, 1.2
SPUR = 4
"""Points of a twig that is no stroke of its own."""
AT_ONCE = 1 << 20
"""Places around strokes that are looked at together: broad pens have many."""
FOLLOW = 0.4
"""Times this contrast a line is followed once it has begun."""


def side_for(smooth: float) -> int:
    """The longer side in px at which the picture is looked at."""
    sigma = FINEST * (COARSEST / FINEST) ** min(max(smooth, 0.0), 1.0)
    return int(min(max(round(AT * SIGMA / sigma), SIDES[0]), SIDES[1]))


def response(rgb: Tensor) -> tuple[Floats, npt.NDArray[np.intp]]:
    """How much of a line there is at each place ``[H, W]``, and in which of the directions.  ``rgb`` ``[1, 3, H, W]``.

    A line darker than its surroundings answers with a positive number, about 1 at the dark side of a step from black
    to white.
    """
    lab = oklab(rgb)[0].cpu().numpy()
    across = (blurred(lab, 1.6 * SIGMA) - blurred(lab, SIGMA)) / np.float32(STEP)
    h, w = across.shape[1:]
    padded = np.pad(across, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")
    light, colour = np.full((h, w), -1.0, np.float32), np.full((h, w), -1.0, np.float32)
    which, also = np.zeros((h, w), np.intp), np.zeros((h, w), np.intp)
    for direction, taps in enumerate(_lines()):
        along = np.zeros_like(across)
        for dy, dx, weight in taps:
            along += padded[:, REACH + dy : REACH + dy + h, REACH + dx : REACH + dx + w] * np.float32(weight)
        better = along[0] > light
        np.copyto(light, along[0], where=better)
        np.copyto(which, direction, where=better)
        tint = np.maximum(along[1], along[2]) * np.float32(COLOUR)
        better = tint > colour
        np.copyto(colour, tint, where=better)
        np.copyto(also, direction, where=better)
    # A colour's edge beside one of light is the same edge.
    alone = (colour > light) & (_largest(light, 3) < 0.7 * colour)
    return np.maximum(np.where(alone, colour, light), 0.0), np.where(alone, also, which)


def blurred(x: Floats, sigma: float) -> Floats:
    """``[..., H, W]`` under a Gaussian of ``sigma`` px, the border repeated.

    In numpy: on pictures this small torch's threads wait for each other longer than they work.
    """
    radius = math.ceil(3.0 * sigma)
    t = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (t / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (-2, -1):
        size = x.shape[axis]
        around = [(0, 0)] * x.ndim
        around[axis] = (radius, radius)
        wide = np.pad(x, around, mode="edge")
        x = np.zeros_like(x)
        for i, weight in enumerate(kernel):
            x += weight * (wide[..., i : i + size, :] if axis == -2 else wide[..., i : i + size])
    return x


def _largest(x: Floats, radius: int) -> Floats:
    """The largest value within a square around each place of ``[H, W]``."""
    for axis in (0, 1):
        size = x.shape[axis]
        wide = np.pad(x, [(radius, radius) if axis == i else (0, 0) for i in (0, 1)], mode="edge")
        shifted = [wide[i : i + size] if axis == 0 else wide[:, i : i + size] for i in range(2 * radius + 1)]
        x = np.maximum.reduce(shifted)
    return x


@functools.cache
def _lines() -> tuple[tuple[tuple[int, int, float], ...], ...]:
    """For each direction the places along it and their weights, which sum to 1."""
    lines = []
    for i in range(DIRECTIONS):
        angle = math.pi * i / DIRECTIONS
        taps: dict[tuple[int, int], float] = {}
        for t in range(-REACH, REACH + 1):
            place = round(t * math.sin(angle)), round(t * math.cos(angle))
            taps[place] = taps.get(place, 0.0) + math.exp(-0.5 * (t / (LONG * SIGMA)) ** 2)
        total = sum(taps.values())
        lines.append(tuple((dy, dx, weight / total) for (dy, dx), weight in taps.items()))
    return tuple(lines)


def strokes(found: Floats, which: npt.NDArray[np.intp], detail: float) -> tuple[Floats, Ints, Ints]:
    """Points ``[n, 2]`` (y, x; pixel centres are whole numbers) and the links between them."""
    high = STRONGEST * (WEAKEST / STRONGEST) ** min(max(detail, 0.0), 1.0)
    # A picture in fog is drawn as one in sunshine, within limits: noise is no line.
    strong = float(np.quantile(found, 0.985)) if found.size else 0.0
    high *= min(max(strong / 0.30, 0.35), 1.3)
    ys, xs = np.nonzero(found > FOLLOW * high)
    angle = np.pi * which[ys, xs] / DIRECTIONS
    ny, nx = np.cos(angle), -np.sin(angle)
    here = found[ys, xs]
    ahead, behind = _sample(found, ys + ny, xs + nx), _sample(found, ys - ny, xs - nx)
    crest = (here >= ahead) & (here > behind)
    bend = ahead + behind - 2.0 * here
    shift = np.clip(0.5 * (behind - ahead) / np.minimum(bend, -1e-9), -0.6, 0.6)
    ys, xs, shift, here = ys[crest], xs[crest], shift[crest], here[crest]
    points = np.stack((ys + shift * ny[crest], xs + shift * nx[crest]), axis=1).astype(np.float32)
    mask = np.zeros(found.shape, bool)
    mask[ys, xs] = True
    a, b = neighbours(mask)
    root = components(len(points), a, b)
    # Where everything is full of lines, none of them is an outline (surround inhibition: Grigorescu et al., 2003).
    crowd = blurred(found, CROWD * SIGMA)[ys, xs]
    best = np.zeros(len(points), np.float32)
    np.maximum.at(best, root, here - INHIBITION * crowd)
    length = np.bincount(root, minlength=len(points))
    least = (4.0 + 14.0 * (1.0 - detail)) * max(found.shape) / 200.0
    kept = (best[root] >= high) & (length[root] >= least)
    number = np.cumsum(kept) - 1
    both = kept[a] & kept[b]
    return smoothed(*pruned(points[kept], number[a[both]], number[b[both]]))


def _sample(values: Floats, y: npt.NDArray[Any], x: npt.NDArray[Any]) -> Floats:
    h, w = values.shape
    y, x = np.clip(y, 0, h - 1.001), np.clip(x, 0, w - 1.001)
    y0, x0 = y.astype(np.intp), x.astype(np.intp)
    fy, fx = y - y0, x - x0
    y1, x1 = np.minimum(y0 + 1, h - 1), np.minimum(x0 + 1, w - 1)
    top = values[y0, x0] * (1 - fx) + values[y0, x1] * fx
    low = values[y1, x0] * (1 - fx) + values[y1, x1] * fx
    made: Floats = (top * (1 - fy) + low * fy).astype(np.float32)
    return made


def pruned(points: Floats, a: Ints, b: Ints, length: int = SPUR) -> tuple[Floats, Ints, Ints]:
    """The same strokes without twigs of up to ``length`` points: peeled from all ends, then ends grow back."""
    count = len(points)
    alive, degree = np.ones(count, bool), np.zeros(count, np.intp)
    for _ in range(length):
        both = alive[a] & alive[b]
        degree = np.bincount(a[both], minlength=count) + np.bincount(b[both], minlength=count)
        alive &= degree > 1
    both = alive[a] & alive[b]
    degree = np.bincount(a[both], minlength=count) + np.bincount(b[both], minlength=count)
    tips = alive & (degree <= 1)
    for _ in range(length):
        grown = np.zeros(count, bool)
        grown[b[tips[a]]] = True
        grown[a[tips[b]]] = True
        tips = grown & ~alive
        alive |= tips
    number = np.cumsum(alive) - 1
    both = alive[a] & alive[b]
    return points[alive], number[a[both]], number[b[both]]


def smoothed(points: Floats, a: Ints, b: Ints, rounds: int = 2) -> tuple[Floats, Ints, Ints]:
    """The same strokes with each point halfway towards the middle of its neighbours: a hand has no pixels."""
    degree = np.bincount(a, minlength=len(points)) + np.bincount(b, minlength=len(points))
    inner = (degree >= 2)[:, None]
    for _ in range(rounds):
        total = np.stack([
            np.bincount(a, points[b, i], len(points)) + np.bincount(b, points[a, i], len(points)) for i in (0, 1)
        ], axis=1)  # fmt: skip
        middle = total / np.maximum(degree, 1)[:, None]
        points = np.where(inner, 0.5 * points + 0.5 * middle, points).astype(np.float32)
    return points, a, b


def inked(points: Floats, a: Ints, b: Ints, size: tuple[int, int], width: float) -> Floats:
    """Strokes (in px of the outcome) drawn with a round pen: ``[H, W]`` from 0 (paper) to 1 (ink)."""
    ink = np.zeros(size, np.float32)
    if not len(a):
        return ink
    radius = max(width, 0.5) / 2.0
    p, q = points[a], points[b]
    reach = math.ceil(radius + 0.5 + float(np.abs(q - p).max()) / 2.0)
    offset = np.arange(-reach, reach + 1)
    centre = np.rint((p + q) / 2.0).astype(np.intp)
    along = q - p
    squared = np.maximum((along**2).sum(axis=1), 1e-6)
    each = max(1, AT_ONCE // len(offset) ** 2)
    for start in range(0, len(p), each):
        part = slice(start, start + each)
        y = centre[part, 0, None, None] + offset[None, :, None]
        x = centre[part, 1, None, None] + offset[None, None, :]
        dy, dx = y - p[part, 0, None, None], x - p[part, 1, None, None]
        ay, ax = along[part, 0, None, None], along[part, 1, None, None]
        t = np.clip((dy * ay + dx * ax) / squared[part, None, None], 0.0, 1.0)
        distance = np.hypot(dy - t * ay, dx - t * ax)
        cover = np.clip(radius + 0.5 - distance, 0.0, 1.0).astype(np.float32)
        if radius < 0.5:
            cover *= 2.0 * radius
        y, x = np.broadcast_arrays(y, x)
        inside = (cover > 0) & (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
        np.maximum.at(ink, (y[inside], x[inside]), cover[inside])
    return ink


def drawn(rgb: Tensor, size: tuple[int, int], detail: float, width: float) -> Floats:
    """The drawing ``[H, W]`` in 0..1 (1: ink) of a picture ``[1, 3, h, w]`` that is looked at as it is."""
    points, a, b = strokes(*response(rgb), detail)
    scale = np.array([size[0] / rgb.shape[2], size[1] / rgb.shape[3]], np.float32)
    return inked((points + 0.5) * scale - 0.5, a, b, size, width)

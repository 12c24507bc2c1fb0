"""Bamboo before mountains in mist: ink and water on paper, one red seal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, shape, smooth

RIDGES = (
    ([(0, 0.33), (0.12, 0.27), (0.22, 0.30), (0.36, 0.20), (0.47, 0.235), (0.6, 0.29), (0.8, 0.31)], 0.20, 0.13, 0.010),
    (
        [(0, 0.46), (0.1, 0.44), (0.2, 0.45), (0.34, 0.42), (0.44, 0.335), (0.53, 0.245), (0.6, 0.28), (0.8, 0.43)],
        *(0.36, 0.16, 0.014),
    ),
    (
        [(0, 0.50), (0.08, 0.455), (0.15, 0.47), (0.25, 0.545), (0.4, 0.60), (0.6, 0.57), (0.72, 0.50), (0.8, 0.475)],
        *(0.50, 0.12, 0.016),
    ),
)
"""Mountains, the far ones nearly water: outline, strength of the ink, how far it fades downwards, roughness."""


def _wet(ink: Plane, rng: np.random.RandomState, bleed: float, rim: float) -> Plane:
    """Ink that has run: softened, gathered along its border, uneven where the paper took it differently."""
    height, width = ink.shape
    soft = blur(ink, bleed)
    border = np.clip(blur(ink, bleed * 0.6) - blur(ink, bleed * 3.5), 0, 1)
    return np.clip(soft * (0.82 + 0.16 * clouds(rng, height, width, 9, 5)) + rim * border * soft, 0, 1)


def _ridge(x: Plane, points: list[tuple[float, float]], rough: Plane) -> Plane:
    xs, ys = zip(*points, strict=True)
    grid_x = np.linspace(min(xs), max(xs), 400)
    raw = np.interp(grid_x, xs, ys)
    kernel = np.hanning(23) / np.hanning(23).sum()
    line = np.convolve(np.pad(raw, 11, mode="edge"), kernel, "valid")
    return (np.interp(x[0], grid_x, line)[None] + rough).astype(np.float32)


def _blade(at: tuple[float, float], angle: float, length: float, width: float, curl: float) -> NDArray[np.float64]:
    """A leaf in one press of the brush: thin, swelling, pointed."""
    t = np.linspace(0, 1, 24)
    a = angle + curl * (t - 0.2)
    path = np.asarray(at) + np.cumsum(np.stack((np.cos(a), np.sin(a)), 1) * length / 24, axis=0)
    side = np.stack((-np.sin(a), np.cos(a)), 1)
    swell = (width * np.sin(np.pi * t**0.62) ** 1.15)[:, None]
    return np.vstack((path + side * swell * 0.55, (path - side * swell * 0.45)[::-1]))


def paint(height: int = 1024, width: int = 800) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1082)
    x, y = grid(height, width)
    fibre = noise(rng, height, width, 170, 6) + noise(rng, height, width, 300)
    paper = mix(
        hexes("eee5d0")[0],
        hexes("ddd0b2")[0],
        np.clip(0.45 + 0.16 * clouds(rng, height, width, 3, 5) + 0.05 * fibre, 0, 1),
    )
    ink = np.zeros((height, width), np.float32)
    # Mountains, the far ones nearly water; each fades downwards into mist.
    for points, strength, mist, jag in RIDGES:
        rough = jag * clouds(rng, height, width, 14, 5)
        edge = _ridge(x, points, rough[height // 2][None])
        inside = np.clip((y - edge) * height / 3, 0, 1)
        fall = np.exp(-np.clip(y - edge, 0, 9) / mist)
        folds = smooth(
            0.0,
            1.2,
            clouds(rng, height, width, 16, 5) + 0.5 * np.sin((x * 1.3 + y) * 46 + 5 * clouds(rng, height, width, 5, 3)),
        )
        wash = inside * fall * (0.62 + 0.55 * folds)
        rim = np.exp(-(((y - edge) / 0.0035) ** 2)) * (
            0.35 + 0.5 * smooth(-0.3, 1.0, clouds(rng, height, width, 10, 3))
        )
        layer = strength * np.clip(_wet(wash, rng, 2.2, 0.5) + 0.55 * blur(rim, 0.8), 0, 1.3)
        ink = ink * (1 - 0.55 * inside * fall) + layer
    # Pines on the near slope: dabs.
    for i in range(34):
        px = 0.02 + 0.2 * rng.rand() if i % 2 else 0.58 + 0.21 * rng.rand()
        foot = (
            float(np.interp(px, (0, 0.08, 0.15, 0.25, 0.6, 0.72, 0.8), (0.52, 0.475, 0.49, 0.56, 0.59, 0.52, 0.495)))
            + 0.015 * rng.rand()
        )
        tall = 0.014 + 0.018 * rng.rand()
        crown = np.exp(-(((x - px) / (0.26 * tall)) ** 2) - ((y - foot + 0.55 * tall) / (0.55 * tall)) ** 2)
        ink += 0.34 * smooth(0.30, 0.8, crown * (0.8 + 0.35 * noise(rng, height, width, 160)) if i < 2 else crown)
    # A pavilion's roof, birds far off, water with a boat.
    for k in range(7):
        bx, by, s = 0.30 + 0.045 * k + 0.012 * (k % 3), 0.135 + 0.016 * ((k * 5) % 4), 0.010 + 0.002 * (k % 2)
        wing = np.abs(y - by + 0.55 * s - 0.9 * np.abs(np.abs(x - bx) - 0.5 * s)) < 0.0016
        ink += 0.7 * blur((wing & (np.abs(x - bx) < s)).astype(np.float32), 0.8)
    ripples = smooth(0.982, 1.0, np.sin(y * 240 + 6 * clouds(rng, height, width, 4, 3, stretch=4)))
    ink += 0.30 * blur(
        ripples * smooth(0.62, 0.70, y) * smooth(0.0, 1.2, clouds(rng, height, width, 6, 3, stretch=5)), 0.9
    )
    hull = shape(
        height,
        width,
        np.array([(0.455, 0.726), (0.478, 0.740), (0.545, 0.741), (0.575, 0.722), (0.548, 0.733), (0.48, 0.732)])
        * height,
    )
    roof = shape(
        height,
        width,
        np.array([(0.487, 0.732), (0.492, 0.716), (0.508, 0.711), (0.526, 0.716), (0.532, 0.732)]) * height,
    )
    pole = shape(height, width, np.array([(0.557, 0.735), (0.592, 0.66), (0.5935, 0.66), (0.559, 0.735)]) * height)
    man = shape(
        height,
        width,
        np.array(
            [
                (0.549, 0.731),
                (0.552, 0.708),
                (0.546, 0.706),
                (0.556, 0.697),
                (0.567, 0.705),
                (0.561, 0.708),
                (0.563, 0.731),
            ]
        )
        * height,
    )
    ink += 0.9 * np.clip(blur(hull, 0.9) + 0.55 * roof + pole + man, 0, 1)
    ink += 0.16 * blur(np.roll(hull + roof, 14, 0), 4)
    # Bamboo, near and dark: segments in one stroke each, a dry brush on the way up.
    dry = clouds(rng, height, width, 3, 2) + 1.5 * noise(rng, height, width, 8, 1 / 26)
    for foot, top, lean, w, dark in (
        (0.085, -0.05, 0.055, 0.021, 0.95),
        (0.165, -0.05, -0.02, 0.013, 0.62),
        (0.735, 0.22, -0.05, 0.010, 0.42),
    ):
        y0, joints = 1.05, []
        length = 0.125
        while y0 > top:
            joints.append(y0)
            y0 -= length * (0.9 + 0.25 * rng.rand())
        for a, b in pairwise(joints):
            mid = foot + lean * (1.05 - y)
            t = np.clip((y - b) / (a - b), 0, 1)
            half = w * (0.90 + 0.32 * np.abs(2 * t - 1) ** 5) * (0.75 + 0.25 * y)
            side = (x - mid) / half
            stroke = smooth(1.03, 0.93, np.abs(side)) * ((y > b + 0.0045) & (y < a - 0.0045))
            tone = 0.42 + 0.5 * np.clip(np.abs(side + 0.15), 0, 1) ** 2 + 0.25 * smooth(0.25, 0.0, t) + 0.10 * dry
            tone *= 1 - 0.75 * smooth(0.6, 1.5, dry) * (np.abs(side) < 0.8)
            ink = np.maximum(ink, blur(stroke * np.clip(tone, 0, 1.1) * dark, 0.9))
            knot = np.exp(-(((y - b) / 0.0026) ** 2)) * smooth(1.25, 0.9, np.abs(side)) * (0.75 + 0.3 * np.abs(side))
            ink = np.maximum(ink, dark * 1.05 * knot)
    leaves = np.zeros((height, width), np.float32)
    pale = np.zeros((height, width), np.float32)
    clumps = (
        (0.13, 0.10, 9),
        (0.20, 0.21, 8),
        (0.115, 0.34, 7),
        (0.26, 0.07, 7),
        (0.15, 0.47, 6),
        (0.70, 0.36, 6),
        (0.74, 0.27, 5),
        (0.055, 0.22, 6),
        (0.175, 0.62, 5),
    )
    for cx, cy, count in clumps:
        for _ in range(count):
            angle = (
                0.95
                + 0.62 * rng.standard_normal() * 0.8
                + (0.7 if cx > 0.5 else 0.0)
                + (1.1 if rng.rand() < 0.3 else 0)
            )
            leaf = _blade(
                (cx + 0.02 * rng.standard_normal(), cy + 0.016 * rng.standard_normal()),
                angle,
                0.085 + 0.075 * rng.rand(),
                0.0115 + 0.005 * rng.rand(),
                0.35 * rng.standard_normal(),
            )
            target = pale if rng.rand() < 0.33 or cx > 0.5 else leaves
            np.maximum(target, shape(height, width, leaf * height, 2), out=target)
        twig = _blade((cx - 0.03, cy + 0.02), -0.3, 0.10, 0.0022, 0.9)
        np.maximum(leaves, 0.8 * shape(height, width, twig * height, 2), out=leaves)
    ink = np.maximum(ink, 0.40 * _wet(pale, rng, 1.2, 0.8))
    ink = np.maximum(ink, 0.96 * np.clip(_wet(leaves, rng, 0.8, 0.25) * (1.04 + 0.08 * dry), 0, 1))
    splash = smooth(3.1, 3.5, noise(rng, height, width, 90)) * 0.5
    ink = np.clip(ink + splash, 0, 1.15)
    ink = ink * (1 + 0.05 * fibre * (ink > 0.02))
    picture = paper * np.exp(-2.55 * ink[..., None] * np.array((0.98, 0.95, 0.88), np.float32))
    # The seal.
    sx, sy, half = 0.70, 0.905, 0.030
    u, v = (
        (x - sx) / half + 0.05 * clouds(rng, height, width, 60, 2),
        (y - sy) / half + 0.05 * clouds(rng, height, width, 60, 2),
    )
    box = smooth(1.02, 0.96, np.maximum(np.abs(u), np.abs(v)))
    cut = (
        (np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.80) < 0.045)
        | ((np.abs(v - 0.40) < 0.07) & (np.abs(u) < 0.6))
        | ((np.abs(u + 0.38) < 0.07) & (np.abs(v + 0.1) < 0.48))
    )
    cut |= (
        ((np.abs(u - 0.30) < 0.07) & (np.abs(v + 0.02) < 0.56))
        | ((np.abs(v + 0.44) < 0.07) & (np.abs(u) < 0.6))
        | ((np.abs(v - 0.02) < 0.06) & (np.abs(u) < 0.42))
    )
    worn = smooth(1.3, 0.6, noise(rng, height, width, 240))
    return np.clip(mix(picture, hexes("b5332a")[0], box * ~cut * worn * 0.9), 0, 1)

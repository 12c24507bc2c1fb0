"""A great wave before a mountain, cut in wood: contours, flat blues, white claws of foam on printed paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .tools import Colour, Easel, Plane, clouds, grid, hexes, mix, noise, ramp, smooth

Curve = NDArray[np.float64]
DEEP, DARK, MIDDLE, PALE, FOAM, LINE = hexes("16325c 1f4a7d 4f86a8 a9c8c9 f3ecd9 12233f")


def spline(points: list[tuple[float, float]], n: int = 160) -> Curve:
    """A smooth curve through the points (Catmull-Rom, by chord length), ``[n, 2]``."""
    p = np.asarray(points, np.float64)
    p = np.vstack((2 * p[0] - p[1], p, 2 * p[-1] - p[-2]))
    t = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(p, axis=0), axis=1) ** 0.5)))
    out = []
    for u in np.linspace(t[1], t[-2] - 1e-9, n):
        i = int(np.searchsorted(t, u, side="right")) - 1
        i = min(max(i, 1), len(p) - 3)
        t0, t1, t2, t3 = t[i - 1 : i + 3]
        a1 = (t1 - u) / (t1 - t0) * p[i - 1] + (u - t0) / (t1 - t0) * p[i]
        a2 = (t2 - u) / (t2 - t1) * p[i] + (u - t1) / (t2 - t1) * p[i + 1]
        a3 = (t3 - u) / (t3 - t2) * p[i + 1] + (u - t2) / (t3 - t2) * p[i + 2]
        b1 = (t2 - u) / (t2 - t0) * a1 + (u - t0) / (t2 - t0) * a2
        b2 = (t3 - u) / (t3 - t1) * a2 + (u - t1) / (t3 - t1) * a3
        out.append((t2 - u) / (t2 - t1) * b1 + (u - t1) / (t2 - t1) * b2)
    return np.array(out)


def normals(curve: Curve) -> Curve:
    """Unit normals to the left of the direction of travel (up, for a curve that runs to the right)."""
    d = np.gradient(curve, axis=0)
    d /= np.linalg.norm(d, axis=1, keepdims=True) + 1e-12
    return np.stack((d[:, 1], -d[:, 0]), axis=1)


class Print:
    """A block print in units of the height."""

    def __init__(self, height: int, width: int, ground: Plane, rng: np.random.RandomState) -> None:
        self.easel, self.rng, self.unit = Easel(height, width, ground, scale=2), rng, float(height)

    def fill(self, curve: Curve, colour: Colour) -> None:
        """A flat shape."""
        self.easel.polygon(curve * self.unit, colour)

    def cut(self, curve: Curve, width: float, colour: Colour = LINE) -> None:
        """A contour that swells and thins as a knife leaves it."""
        n = len(curve)
        swell = 0.55 + 0.45 * np.sin(np.linspace(0.2, np.pi - 0.2, n)) + 0.12 * np.sin(np.linspace(0, 17, n))
        self.easel.line(curve * self.unit, np.maximum(width * self.unit * swell, 0.8), colour)

    def claws(self, roots: Curve, out: Curve, length: float, hook: float) -> None:
        """Foam: fingers from ``roots`` along ``out``, bent by ``hook``, with smaller ones; outlined as one mass."""
        fingers: list[tuple[Curve, NDArray[np.float64]]] = []

        def grow(at: NDArray[np.float64], way: NDArray[np.float64], reach: float, bend: float, level: int) -> None:
            t = np.linspace(0, 1, 14)
            angle = np.arctan2(way[1], way[0]) + bend * t**1.3
            path = at + np.cumsum(np.stack((np.cos(angle), np.sin(angle)), 1) * reach / 14, axis=0)
            fingers.append((path, reach * 0.36 * (1 - t) ** 0.7 + reach * 0.05))
            if level:
                for k in range(3):
                    i = 4 + 3 * k
                    a = angle[i] - np.sign(bend) * (0.5 + 0.3 * self.rng.rand())
                    grow(path[i], np.array((np.cos(a), np.sin(a))), reach * (0.5 - 0.07 * k), bend * 1.1, level - 1)

        for at, way in zip(roots, out, strict=True):
            reach = length * (0.65 + 0.7 * self.rng.rand())
            turn = 0.5 * self.rng.standard_normal() * 0.5
            c, s = np.cos(turn), np.sin(turn)
            grow(at, np.array((c * way[0] - s * way[1], s * way[0] + c * way[1])), reach, hook, 1)
        for colour, grown in ((LINE, 0.0052), (FOAM, 0.0)):
            for path, widths in fingers:
                self.easel.line(path * self.unit, (widths + grown) * self.unit, colour)

    def spray(self, x: float, y: float, spread: float, count: int) -> None:
        """Drops."""
        for _ in range(count):
            dx, dy = self.rng.standard_normal(2) * spread
            r = 0.0016 + 0.0042 * self.rng.rand() ** 2
            self.easel.dot((x + dx) * self.unit, (y + dy) * self.unit, *[(r + 0.0016) * self.unit] * 2, LINE)
            self.easel.dot((x + dx) * self.unit, (y + dy) * self.unit, r * self.unit, r * self.unit, FOAM)


def breaker(page: Print, back: Curve, face: Curve, stripes: int, claw: float, hook: float, line: float) -> None:
    """A breaking wave: ``back`` runs from its foot over the crest to the tip, ``face`` from its foot to the tip."""
    body = np.vstack((back, face[::-1]))
    page.fill(body, DEEP)
    for k in range(stripes):
        a, b = (k + 0.18) / stripes, (k + 0.62) / stripes
        fade = 1 - 0.25 * (k / stripes)
        wobble = 0.012 * np.sin(np.linspace(0, 9, len(back)) + k)[:, None] * (face - back)
        one, two = back + (face - back) * a + wobble, back + (face - back) * b + wobble
        colour = (PALE, MIDDLE, DARK, MIDDLE, PALE, DARK)[k % 6]
        page.fill(
            np.vstack((one, two[::-1])), tuple(c * fade + (1 - fade) * d for c, d in zip(colour, DARK, strict=True))
        )
        page.cut(one, line * 0.55)
    page.cut(back, line * 1.3)
    page.cut(face, line)
    n = len(back)
    up = normals(back)
    crest = slice(int(n * 0.42), n)
    wide = 0.13 * np.clip(np.linspace(0, 4, n - crest.start), 0, 1)[:, None]
    ribbon = np.vstack((back[crest], (back[crest] + (face[crest] - back[crest]) * wide)[::-1]))
    page.fill(ribbon, FOAM)
    for depth, size in ((0.16, 0.8), (0.07, 1.0), (0.0, 1.0)):
        step = np.arange(int(n * 0.44), n, 5 if depth else 4)
        roots = (back + (face - back) * depth)[step]
        way = up[step] if depth == 0 else -up[step] * 0.6 + (back[np.minimum(step + 3, n - 1)] - back[step - 3]) * 12
        page.claws(
            roots,
            way / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-9),
            claw * size,
            hook if depth == 0 else hook * 0.7,
        )
    lip = np.arange(int(n * 0.72), n, 4)
    page.claws(face[lip], np.tile((0.25, 1.0), (len(lip), 1)) / 1.03, claw * 0.95, hook * 0.9)


def swell(
    page: Print, line: Curve, floor: float, colours: tuple[Colour, Colour], rows: int, depth: float, width: float
) -> None:
    """A long wave: its contour, filled down to ``floor``, with rows of lighter water that follow the contour."""
    ends = np.array(((line[-1, 0], floor), (line[0, 0], floor)))
    page.fill(np.vstack((line, ends)), colours[0])
    for k in range(rows):
        top = depth * (k + 0.3) / rows
        flat = (1 - k / rows) ** 0.8
        mean = float(line[:, 1].mean())
        base = np.stack((line[:, 0], mean + (line[:, 1] - mean) * flat + top), axis=1)
        thick = depth / rows * (0.42 + 0.2 * np.sin(np.linspace(0, 20, len(line)) + 2 * k))
        page.fill(np.vstack((base, (base + np.stack((np.zeros_like(thick), thick), 1))[::-1])), colours[1])
        page.cut(base, width * 0.5)
    page.cut(line, width)


def paint(height: int = 768, width: int = 1120) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1831)
    x, y = grid(height, width)
    right = width / height
    sky = ramp(
        list(zip((0.0, 0.16, 0.34, 0.58, 0.72), hexes("b9a98a e3cfa4 f0dfb8 e9c9a0 c9a98e"), strict=True)),
        y + 0.01 * clouds(rng, height, width, 3, 4, stretch=5),
    )
    drift = smooth(0.35, 1.1, clouds(rng, height, width, 4, 3, stretch=5) - 9 * np.abs(y - 0.2)) * 0.5
    sky = mix(sky, hexes("f6ead0")[0], drift)
    sun = np.sqrt((x - 1.17) ** 2 + (y - 0.17) ** 2)
    sky = mix(sky, hexes("c8503a")[0], np.clip((0.062 - sun) * height / 1.5, 0, 1) * 0.9)
    page = Print(height, width, sky, rng)
    # The mountain.
    peak = spline([(0.62, 0.70), (0.80, 0.615), (0.90, 0.515), (0.935, 0.487)], 60)
    other = spline([(0.985, 0.487), (1.03, 0.525), (1.14, 0.62), (1.34, 0.70)], 60)
    mountain = np.vstack((peak, [(0.948, 0.493), (0.96, 0.484), (0.972, 0.492)], other))
    page.fill(mountain, hexes("5c7c98")[0])
    snow = [(p[0], p[1]) for p in mountain if p[1] < 0.565]
    teeth = [
        (snow[-1][0] - (snow[-1][0] - snow[0][0]) * t, 0.565 + (0.038 if i % 2 else -0.022))
        for i, t in enumerate(np.linspace(0.04, 0.96, 11))
    ]
    page.fill(np.array(snow + teeth), FOAM)
    page.cut(mountain, 0.0042)
    # Far water.
    xs = np.linspace(-0.05, right + 0.05, 240)
    for k, base in enumerate((0.665, 0.70, 0.735)):
        line = np.stack((xs, base - 0.012 * np.abs(np.sin(5.5 * xs + 1.3 * k)) ** 0.6 + 0.012 * np.sin(2 * xs + k)), 1)
        swell(page, line, 1.1, ((MIDDLE, PALE), (DARK, MIDDLE), (MIDDLE, PALE))[k], 3, 0.045, 0.0032)
    # A wave behind, the great one, and a small one that is as steep as the mountain.
    behind = spline([(-0.1, 0.60), (0.02, 0.50), (0.10, 0.43), (0.18, 0.42), (0.24, 0.47), (0.255, 0.52)])
    breaker(
        page,
        behind,
        spline([(0.30, 0.86), (0.20, 0.74), (0.16, 0.62), (0.18, 0.54), (0.255, 0.52)]),
        6,
        0.034,
        1.5,
        0.003,
    )
    back = spline(
        [
            (-0.12, 0.80),
            (0.05, 0.62),
            (0.17, 0.40),
            (0.31, 0.20),
            (0.47, 0.095),
            (0.62, 0.10),
            (0.72, 0.19),
            (0.745, 0.30),
        ],
        220,
    )
    face = spline(
        [
            (1.05, 0.93),
            (0.84, 0.885),
            (0.66, 0.79),
            (0.56, 0.66),
            (0.53, 0.50),
            (0.56, 0.36),
            (0.64, 0.285),
            (0.745, 0.30),
        ],
        220,
    )
    low = np.vstack((back, face[::-1], [(1.05, 1.1), (-0.12, 1.1)]))
    page.fill(low, DARK)
    breaker(page, back, face, 13, 0.062, 1.7, 0.0044)
    page.spray(0.82, 0.34, 0.075, 90)
    page.spray(0.70, 0.12, 0.06, 40)
    page.spray(0.26, 0.40, 0.03, 12)
    crest = spline(
        [(0.80, 0.99), (0.95, 0.90), (1.07, 0.79), (1.15, 0.735), (1.225, 0.725), (1.285, 0.765), (1.30, 0.815)]
    )
    front = spline([(1.56, 0.99), (1.38, 0.965), (1.26, 0.92), (1.20, 0.86), (1.215, 0.81), (1.30, 0.815)])
    page.fill(np.vstack((crest, front[::-1], [(1.56, 1.1), (0.80, 1.1)])), DARK)
    breaker(page, crest, front, 8, 0.042, 1.6, 0.0038)
    page.spray(1.34, 0.78, 0.03, 22)
    for k, base in enumerate((0.90, 0.955)):
        line = np.stack(
            (xs, base + 0.035 * np.sin(3.4 * xs + 2.0 + 1.9 * k) - 0.022 * np.abs(np.sin(5 * xs + k)) ** 0.5), 1
        )
        swell(page, line, 1.1, ((DEEP, MIDDLE), (DARK, PALE))[k], 4, 0.09, 0.004)
        n = len(line)
        for start in range(10 + 13 * k, n - 12, 46):
            step = np.arange(start, start + 14, 3)
            page.claws(line[step], normals(line)[step] * (1, 1), 0.026, 1.5)
    picture = page.easel.picture()
    # Printed by hand: grain of the block, fibres of the paper, ink that gathers unevenly.
    grain = clouds(rng, height, width, 60, 3, stretch=30) + 0.5 * np.sin(
        (y * 150 + 2.5 * clouds(rng, height, width, 2, 3)) * 2
    )
    fibre = noise(rng, height, width, height / 1.6) * 0.6 + noise(rng, height, width, 240, 5) * 0.6
    ink = clouds(rng, height, width, 5, 5)
    picture = picture * (1 + 0.022 * grain[..., None] + 0.016 * fibre[..., None] + 0.03 * ink[..., None])
    worn = smooth(2.0, 2.9, noise(rng, height, width, 300)) * 0.35
    return np.clip(mix(picture, hexes("efe2c4")[0], worn), 0, 1)

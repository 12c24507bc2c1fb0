"""Night over a valley in short thick strokes that follow the air."""

from __future__ import annotations

import numpy as np

from .tools import Colour, Easel, Plane, clouds, grid, hexes, luma, mix, ramp, relief, sample, saturate, smooth

LIGHTS = ((0.98, 0.20, 0.105), (0.30, 0.165, 0.06), (0.60, 0.30, 0.05), (0.13, 0.36, 0.045), (1.22, 0.42, 0.04))
"""Moon and stars: x, y, radius in heights."""
EDDIES = ((0.46, 0.335, 0.17, 1.0), (0.76, 0.42, 0.125, -1.0), (0.15, 0.17, 0.11, -0.8), (1.18, 0.22, 0.1, 0.8))
"""Whirls of the sky: x, y, radius, sense."""


def _scene(height: int, width: int, rng: np.random.RandomState) -> tuple[Plane, Plane]:
    """Colours and directions (angle) before any stroke."""
    x, y = grid(height, width)
    aspect = width / height
    # Air: a broad wind from the left that bends, and whirls in it.
    u = np.ones_like(x) * 0.55
    v = 0.35 * np.sin(3.1 * x + 0.6) + 0.12 * clouds(rng, height, width, 3, 2)
    whirl = np.zeros_like(x)
    for cx, cy, r, sense in (*EDDIES, *((lx, ly, 1.35 * lr, 1.0) for lx, ly, lr in LIGHTS)):
        dx, dy = x - cx, y - cy
        d = np.sqrt(dx * dx + dy * dy) + 1e-4
        pull = np.exp(-((d / r) ** 2)) * 3.2
        u += -dy / d * pull * sense
        v += dx / d * pull * sense
        whirl += np.exp(-((d / r) ** 2)) * (0.5 + 0.5 * np.cos(d / r * 9.0 + np.arctan2(dy, dx) * sense))
    angle = np.arctan2(v, u)
    band = clouds(rng, height, width, 3, 3, stretch=2.2)
    sky = ramp(
        list(zip((0.0, 0.25, 0.5, 0.75, 1.0), hexes("0d1b4c 173a86 2c63b0 5f9fd0 b9d9d8"), strict=True)),
        np.clip(0.18 + 0.42 * y / 0.6 + 0.11 * band + 0.36 * (whirl - 0.25) * (whirl > 0.03), 0, 1),
    )
    glow = np.exp(-(((y - 0.60 - 0.03 * np.sin(4 * x)) / 0.07) ** 2))
    sky = mix(sky, hexes("cfe3c4")[0], 0.55 * glow)
    for i, (cx, cy, r) in enumerate(LIGHTS):
        d = np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / r
        halo = np.exp(-((d / 1.25) ** 2)) * (0.72 + 0.28 * np.cos(d * 10))
        sky = mix(sky, hexes("f2d45c" if i else "f6c945")[0], halo)
        sky = mix(sky, hexes("fff3b8")[0], smooth(0.55, 0.3, d))
        if i == 0:
            bite = np.sqrt((x - cx - 0.035) ** 2 + (y - cy + 0.012) ** 2) / r
            sky = mix(sky, hexes("e98a2e")[0], smooth(0.42, 0.34, bite) * 0.85)
    picture = sky
    # Hills, each a little nearer, their strokes along the slope.
    for k, (base, rise, colours) in enumerate(
        (
            (0.62, 0.035, "21407c 3f76a6"),
            (0.68, 0.045, "1b3a63 3d8085"),
            (0.76, 0.05, "1c4a4a 6f9f52"),
            (0.88, 0.03, "17352f c2a63c"),
        )
    ):
        phase = 1.7 * k
        edge = base - rise * (np.sin(2.6 * x + phase) + 0.5 * np.sin(6.3 * x + 2 * phase)) - 0.02 * x
        slope = -rise * (2.6 * np.cos(2.6 * x + phase) + 3.15 * np.cos(6.3 * x + 2 * phase)) - 0.02
        inside = smooth(edge - 0.003, edge + 0.003, y) if False else np.clip((y - edge) * height / 2 + 0.5, 0, 1)
        low, high = hexes(colours)
        tone = 0.5 + 0.5 * np.sin((y - edge) * 60 + 3 * np.sin(5 * x + k))
        depth = np.clip((y - edge) / 0.16, 0, 1)
        picture = mix(picture, mix(high, low, 0.35 * tone + 0.6 * depth), inside)
        angle = np.where(inside > 0.5, np.arctan2(slope + 0.3 * np.sin(9 * x + k), np.ones_like(x)), angle)
    # A village with lit windows.
    for i in range(17):
        cx = 0.42 + 0.053 * i * (1 + 0.06 * np.sin(i * 2.1)) * aspect / 1.333
        foot = 0.745 + 0.014 * np.sin(i * 1.7)
        w, h = 0.017 + 0.006 * (i % 3), 0.026 + 0.008 * ((i * 5) % 3)
        wall = (np.abs(x - cx) < w) & (y < foot) & (y > foot - h)
        roof = (np.abs(x - cx) < (y - (foot - 1.9 * h)) * 1.1) & (y <= foot - h) & (y > foot - 1.9 * h)
        picture = mix(picture, hexes("2d5687 3f6f94 274a70")[i % 3], wall.astype(np.float32))
        picture = mix(picture, hexes("6b4a4a 31456b 8a5a3a")[i % 3], roof.astype(np.float32))
        lit = (np.abs(x - cx - 0.004) < 0.0045) & (np.abs(y - foot + 0.45 * h) < 0.006)
        picture = mix(picture, hexes("ffd24a")[0], lit.astype(np.float32))
    spire = (np.abs(x - 0.83) < np.clip((y - 0.56) * 0.075, 0, 0.011)) & (y < 0.745)
    picture = mix(picture, hexes("20385f")[0], spire.astype(np.float32))
    # The cypress: flames that rise.
    centre = 0.165 + 0.012 * np.sin(9 * y)
    half = 0.085 * np.sin(np.clip((y - 0.13) / 0.95, 0, 1) * 2.2) ** 0.85 + 0.012 * np.sin(34 * y + 20 * x)
    tree = np.clip((half - np.abs(x - centre)) * height / 3 + 0.5, 0, 1) * (y > 0.13)
    flame = 0.5 + 0.5 * np.sin(46 * (x - centre) + 9 * np.sin(7 * y))
    picture = mix(picture, mix(hexes("0d1f1a")[0], hexes("5c6f2c")[0], flame**2 * 0.75), tree)
    angle = np.where(tree > 0.5, -np.pi / 2 + 0.75 * np.sin(7 * y + 12 * (x - centre)), angle)
    return saturate(picture, 1.1), angle.astype(np.float32)


def _stroke(
    easel: Easel,
    rng: np.random.RandomState,
    colours: Plane,
    angle: Plane,
    x: float,
    y: float,
    length: float,
    width: float,
) -> None:
    """One loaded brush: parallel bristles of slightly different colours along the flow from (x, y)."""
    height, wide = angle.shape
    n = max(4, int(length / 4))
    path = np.empty((n, 2))
    px, py = x, y
    for i in range(n):
        path[i] = px, py
        a = float(angle[min(height - 1, max(0, int(py))), min(wide - 1, max(0, int(px)))])
        px, py = px + np.cos(a) * length / n, py + np.sin(a) * length / n
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    side = np.stack((-ahead[:, 1], ahead[:, 0]), axis=1)
    base = colours[min(height - 1, max(0, int(y))), min(wide - 1, max(0, int(x)))]
    shift = rng.standard_normal(3) * 0.035 + rng.standard_normal() * 0.06
    bristles = max(3, int(width / 1.6))
    taper = np.sin(np.linspace(0.25, np.pi - 0.12, n)) ** 0.5
    for b in range(bristles):
        off = (b + 0.5) / bristles - 0.5
        jitter = rng.standard_normal(3) * 0.018 + rng.standard_normal() * 0.05
        c = base + shift + jitter
        start, stop = (int(n * 0.12 * rng.rand()), n - int(n * 0.22 * rng.rand()))
        line = path + side * (off * width * taper)[:, None]
        colour: Colour = (float(c[0]), float(c[1]), float(c[2]))
        body = 0.35 + 0.5 * (1 - (2 * off) ** 2) + 0.25 * rng.standard_normal()
        easel.line(line[start:stop], width / bristles * 1.5, colour, body)


def paint(height: int = 768, width: int = 1024) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1889)
    colours, angle = _scene(height, width, rng)
    unit = height / 768
    easel = Easel(height, width, mix(colours, hexes("22355c")[0], np.full((height, width), 0.5, np.float32)))
    edge = luma(colours)
    gy, gx = np.gradient(edge)
    detail = np.clip(np.sqrt(gx * gx + gy * gy) * 14, 0, 1)
    for count, length, size, most in ((2600, 62, 13, 0.35), (5200, 40, 8.5, 0.8), (5600, 24, 5.5, 9.0)):
        spots = []
        while len(spots) < count:
            px, py = rng.rand() * width, rng.rand() * height
            d = float(detail[int(py), int(px)])
            if d < most and (most < 9 or rng.rand() < 0.25 + d):
                spots.append((px, py))
        for px, py in spots:
            k = 0.75 + 0.5 * rng.rand()
            _stroke(easel, rng, colours, angle, px, py, length * k * unit, size * (0.8 + 0.4 * rng.rand()) * unit)
    picture = easel.picture()
    light = relief(easel.surface(), 1.5)
    return np.clip(picture * (1 + 0.32 * light[..., None]) + 0.02 * light[..., None], 0, 1)


__all__ = ["paint", "sample"]

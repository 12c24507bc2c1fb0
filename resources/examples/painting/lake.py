"""A mountain lake in the last light: a height field seen through haze, and its mirror image in rippled water."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, ramp, sample, shape, smooth

SPAN, DEPTH = 26.0, 17.0
"""Kilometres of land from left to right, and ahead."""
HORIZON, FOCAL = 0.53, 1.02
"""In heights of the picture."""
SUN = np.array((0.29, 0.235, 0.905))
SUN = SUN / np.linalg.norm(SUN)
"""Right, up, ahead."""
HAZE, GLOW = hexes("8fa3c4 ffc98a")


class Land:
    """Heights (km above the lake) and what follows from them, ``[z, x]``."""

    def __init__(self, rng: np.random.RandomState, n: int = 1400) -> None:
        self.n = n
        z, x = np.mgrid[0:n, 0:n].astype(np.float32) / n
        x, z = (x - 0.5) * SPAN, z * DEPTH
        h = np.zeros((n, n), np.float32)
        slope_x, slope_z = np.zeros_like(h), np.zeros_like(h)
        scale = 1.0
        for i in range(9):
            bumps = noise(rng, n, n, 4 * 2**i)
            if i < 4:
                bumps = 1.25 - 1.9 * np.abs(np.tanh(bumps * 0.9))  # ridges
            gz, gx = np.gradient(bumps)
            # Steep land keeps less of the finer bumps, as if water had worn it (Quilez's eroded noise).
            slope_x, slope_z = slope_x + gx * scale * 22, slope_z + gz * scale * 22
            h += scale * bumps / (1 + 1.1 * (slope_x**2 + slope_z**2))
            scale *= 0.47
        wide = 0.55 * clouds(rng, n, n, 3, 3)
        shore = 3.4 + 0.9 * np.sin(x * 0.8 + 0.6) + 0.5 * wide
        rise = smooth(0.0, 6.5, z - shore) * 1.5 + 0.85 * smooth(1.5, 7.5, np.abs(x + 0.6) - 0.35 * z + 0.9)
        peak = 1.55 * np.exp(-(((x + 1.7) / 2.3) ** 2) - ((z - 11.5) / 2.6) ** 2)
        peak += 0.85 * np.exp(-(((x - 6.2) / 2.3) ** 2) - ((z - 10.0) / 2.2) ** 2)
        self.h = ((0.52 * h + 0.55) * (rise + 0.55 * peak) + 0.8 * peak - 0.16).astype(np.float32)
        self.h = blur(self.h, 1.1)
        cell = SPAN / n
        gz, gx = np.gradient(self.h, DEPTH / n, cell)
        length = np.sqrt(gx**2 + gz**2 + 1)
        self.normal = np.stack((-gx / length, 1 / length, -gz / length), axis=-1).astype(np.float32)
        self.light = self._lit()
        self.rough = clouds(rng, n, n, 60, 4)
        self.wood = clouds(rng, n, n, 16, 4)

    def at(self, plane: Plane, x: Plane, z: Plane) -> Plane:
        """A plane's values at places in km."""
        return sample(plane, (x / SPAN + 0.5) * self.n, z / DEPTH * self.n)

    def _lit(self) -> Plane:
        """1 where the sun shines, softly 0 where a mountain is before it."""
        n = self.n
        j, i = np.meshgrid(np.arange(n, dtype=np.float32), np.arange(n, dtype=np.float32))
        tan = SUN[1] / np.hypot(SUN[0], SUN[2])
        block = np.zeros((n, n), np.float32)
        t = 1.5
        while t < n / 3:
            far = t * SPAN / n
            over = sample(self.h, j + t * SUN[0], i + t * SUN[2]) - self.h - far * tan
            block = np.maximum(block, over / (0.03 * far + 0.01))
            t *= 1.09
        return smooth(1.0, 0.0, block)


def _sky(height: int, width: int, rng: np.random.RandomState) -> tuple[Plane, NDArray[np.float32]]:
    """The sky of the upper picture ``[H, W, 3]`` (below the horizon its mirror image), and the direction of pixels."""
    x, y = grid(height, width)
    dx, dy = (x - width / height / 2) / FOCAL, np.abs(HORIZON - y) / FOCAL
    ray = np.stack((dx, dy, np.ones_like(dx)), axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    up = ray[..., 1]
    sky = ramp(list(zip((0.0, 0.06, 0.16, 0.30, 0.5), hexes("ffd7a1 f6c9a8 b9b6c9 6f8fc0 3f66a6"), strict=True)), up)
    near = np.clip(ray @ SUN.astype(np.float32), 0, 1)
    sky = mix(sky, hexes("ffb765")[0], 0.75 * near**10)
    sky = mix(sky, hexes("ffe3a6")[0], 0.8 * near**60)
    # A ceiling of broken cloud in perspective, and a few long bars near the sun.
    n = 1024
    field = clouds(rng, n, n, 5, 8, gain=0.58)
    far = 1 / np.clip(up + 0.045, 0.02, None)
    u, v = dx * far * 150 + 300, far * 190
    fold = [np.abs((w % (2 * n)) - n) for w in (u, v)]
    cover = sample(field, np.minimum(fold[0], n - 2), np.minimum(fold[1], n - 2))
    ahead = sample(field, np.minimum(fold[0] + 16, n - 2), np.minimum(np.abs(fold[1] - 24), n - 2))
    thick = smooth(0.15, 1.5, cover + 0.35 * smooth(0.28, 0.1, up)) * smooth(0.02, 0.1, up)
    lit = np.clip(0.55 + 0.55 * (cover - ahead) + 0.5 * near**6, 0, 1)
    cloud = mix(
        hexes("8a86a8")[0], ramp(list(zip((0, 0.5, 1), hexes("f2a67f ffd9ae fff0d2"), strict=True)), near**3), lit
    )
    sky = mix(sky, cloud, thick * 0.88)
    bars = clouds(rng, height, width, 16, 4, stretch=9)
    sky = mix(
        sky, mix(hexes("c9808a")[0], hexes("ffc27a")[0], near**8), smooth(0.5, 1.5, bars) * smooth(0.2, 0.08, up) * 0.7
    )
    disc = np.arccos(np.clip(ray @ SUN.astype(np.float32), -1, 1))
    sky = mix(sky, (1.0, 0.97, 0.86), smooth(0.021, 0.017, disc))
    return np.clip(
        sky + (np.exp(-disc / 0.05) * 0.55)[..., None] * np.array((1.0, 0.78, 0.45), np.float32), 0, 1.4
    ), ray


def _view(land: Land, sky: Plane, ray: NDArray[np.float32], eye: float) -> tuple[Plane, Plane]:
    """The picture from ``eye`` km above the lake (below: the one that the water mirrors, turned up), and water 0..1."""
    height, width = sky.shape[:2]
    columns = ((np.arange(width) + 0.5) / height - width / height / 2) / FOCAL
    steps = 0.32 * (DEPTH * 0.98 / 0.32) ** (np.arange(1500) / 1499)
    rows = np.empty((len(steps), width), np.float32)
    heights = np.empty_like(rows)
    for k, z in enumerate(steps):
        h = land.at(land.h, (columns * z).astype(np.float32), np.full(width, z, np.float32))
        h = np.where(
            h > 0, h + 0.004 * land.at(land.rough, (columns * z).astype(np.float32), np.full(width, z, np.float32)), 0
        )
        heights[k] = h
        # From below the water hides nothing: only land is mirrored.
        rows[k] = np.where((h > 0) | (eye > 0), (HORIZON - (h - eye) / z * FOCAL) * height, np.inf)
    top = np.minimum.accumulate(rows, axis=0)
    row = np.arange(height) + 0.5
    z = np.full((height, width), np.inf, np.float32)
    for c in range(width):
        k = np.searchsorted(-top[:, c], -row, side="left")
        hit = (k > 0) & (k < len(steps))
        a, b = top[np.maximum(k[hit] - 1, 0), c], top[k[hit], c]
        drop = np.where(np.isfinite(a), a - b, 0.0)
        t = np.clip(np.where(drop > 1e-6, (a - row[hit]) / np.maximum(drop, 1e-6), 1.0), 0, 1)
        z[hit, c] = steps[k[hit] - 1] + (steps[k[hit]] - steps[k[hit] - 1]) * t
        z[(k == 0), c] = steps[0]
    if eye < 0:
        z[row > HORIZON * height] = np.inf
    ground = np.isfinite(z)
    zz = np.where(ground, z, 1.0).astype(np.float32)
    xx = (columns[None] * zz).astype(np.float32)
    h = land.at(land.h, xx, zz)
    normal = land.at(land.normal, xx, zz)
    lit, rough, wood = land.at(land.light, xx, zz), land.at(land.rough, xx, zz), land.at(land.wood, xx, zz)
    sun = np.clip(normal @ SUN.astype(np.float32), 0, 1) * lit
    flat = normal[..., 1]
    rock = mix(hexes("4b4654")[0], hexes("8c7f7c")[0], np.clip(0.5 + 0.35 * rough, 0, 1))
    grass = mix(hexes("3c4a2c")[0], hexes("7f7a3c")[0], np.clip(0.45 + 0.3 * rough + 0.2 * wood, 0, 1))
    trees = mix(hexes("16261f")[0], hexes("2f4030")[0], np.clip(0.5 + 0.5 * rough, 0, 1))
    earth = mix(grass, trees, smooth(-0.5, 0.3, wood + 0.8 * (0.5 - h)))
    earth = mix(earth, rock, smooth(0.80, 0.66, flat + 0.04 * rough) + smooth(0.95, 1.35, h + 0.1 * rough))
    earth = mix(
        earth,
        hexes("e6eaf4")[0],
        smooth(1.30, 1.62, h + 0.12 * rough + 0.25 * (flat - 0.75)) * smooth(0.45, 0.62, flat),
    )
    colour = earth * (sun[..., None] * np.array((2.5, 1.75, 1.05), np.float32) * 1.25)
    colour += earth * (0.30 + 0.42 * flat[..., None]) * np.array((0.62, 0.72, 1.0), np.float32)
    near = np.clip(ray @ SUN.astype(np.float32), 0, 1)
    haze = mix(HAZE, GLOW, np.clip(0.18 + 0.95 * near**5, 0, 1))
    thick = 1 - np.exp(-np.clip(zz - 0.8, 0, None) / 8.5 * np.exp(-np.clip(h, 0, None) / 1.7) * 0.95)
    colour = mix(colour, haze, thick)
    colour = mix(colour, sky, 1 - ground)
    if eye < 0:
        # What the water would mirror just below the shore is the shore.
        last = height - 1 - np.argmax(ground[::-1], axis=0)
        colour = np.take_along_axis(colour, np.minimum(np.arange(height)[:, None], last[None])[..., None], axis=0)
    water = ((h <= 0.0) & ground).astype(np.float32)
    return colour.astype(np.float32), water


def _pines(height: int, rng: np.random.RandomState) -> list[NDArray[np.float64]]:
    """Outlines of the near trees, in pixels."""
    out = []
    for cx, foot, tall in (
        (0.045, 1.0, 0.80),
        (0.135, 1.02, 0.60),
        (0.20, 1.01, 0.40),
        (0.265, 1.02, 0.27),
        (1.29, 1.03, 0.46),
        (1.215, 1.02, 0.25),
    ):
        n = int(16 + 30 * tall)
        left, right = [], []
        for i in range(n):
            t = i / (n - 1)
            reach = tall * (0.012 + 0.155 * t**0.82)
            y = foot - tall * (1 - t)
            for side, points in ((-1, left), (1, right)):
                r = reach * (0.72 + 0.5 * rng.rand())
                points.append((cx + side * r, y + 0.016 * tall + 0.03 * r))
                points.append((cx + side * r * 0.38, y + 0.001))
        out.append(np.array([(cx, foot - tall - 0.02), *right, (cx, foot), *left[::-1]]) * height)
    return out


def paint(height: int = 768, width: int = 1024) -> Plane:
    """The picture."""
    rng = np.random.RandomState(77)
    land = Land(rng)
    sky, ray = _sky(height, width, rng)
    eye = 0.13
    picture, water = _view(land, sky, ray, eye)
    mirrored, _ = _view(land, sky, ray, -eye)
    x, y = grid(height, width)
    below = np.clip(y - HORIZON, 1e-3, None)
    # Ripples are small far away and long from left to right; gusts leave smooth lanes between them.
    wave = np.zeros((height, width), np.float32)
    across, ahead = (x - width / height / 2) / below, 1 / below
    for length in (0.8, 0.4, 0.2, 0.1, 0.05):
        near = noise(rng, 512, 512, 16)
        u, v = np.abs((across / length * 7 % 1024) - 512), np.abs((ahead / length * 32 % 1024) - 512)
        wave += (
            sample(near, np.minimum(u, 510), np.minimum(v, 510)) * smooth(0.6, 4.0, length * below**2 * height) * 0.8
        )
    far_off = noise(rng, height, width, height / 2.2, 14) * smooth(0.22, 0.03, below)
    wave += far_off * 0.9
    gust = smooth(-0.4, 1.2, clouds(rng, height, width, 5, 3, stretch=8))
    tilt = wave * (0.25 + 0.75 * gust) * np.clip(below / 0.4, 0.04, 1) ** 0.8
    row = (2 * HORIZON - y) * height + (9 + 34 * np.clip(below, 0, 1)) * tilt
    image = sample(mirrored, x * height + 5 * tilt, np.clip(row, 0, height - 1))
    fresnel = np.clip(1.02 - 1.15 * below + 0.10 * tilt, 0.28, 0.94)
    deep = mix(hexes("2b4a63")[0], hexes("14283c")[0], np.clip(below / 0.45, 0, 1))
    lake = mix(deep, image * 0.95, fresnel)
    glint = smooth(0.5, 1.9, wave) * np.exp(
        -(((x - width / height / 2 - SUN[0] / SUN[2] * FOCAL) / (0.03 + 0.30 * below)) ** 2)
    )
    lake = lake + (0.9 * glint)[..., None] * np.array((1.0, 0.78, 0.48), np.float32)
    picture = mix(picture, lake, water)
    mist = np.exp(-(((y - HORIZON - 0.006) / 0.012) ** 2)) * (0.3 + 0.25 * clouds(rng, height, width, 4, 3, stretch=6))
    picture = mix(picture, mix(HAZE, GLOW, np.clip(ray @ SUN.astype(np.float32), 0, 1) ** 5), np.clip(mist, 0, 1))
    # The near shore and its pines, against the light.
    edge = [
        (
            i * width / 40,
            height
            * (
                0.955 + 0.02 * np.sin(i * 0.5) - 0.045 * np.exp(-((i / 9) ** 2)) - 0.05 * np.exp(-(((i - 40) / 6) ** 2))
            ),
        )
        for i in range(41)
    ]
    dark = shape(height, width, [(0, height), *edge, (width, height)], 2)
    for outline in _pines(height, rng):
        dark = np.maximum(dark, shape(height, width, outline, 2))
    grainy = np.clip(0.5 + 0.4 * clouds(rng, height, width, 40, 4), 0, 1)
    rim = np.clip(dark - np.roll(blur(dark, 1.4), (1, -3), (0, 1)), 0, 1)
    near = mix(hexes("0a1216")[0], hexes("1d2a22")[0], grainy) + rim[..., None] * np.array(
        (0.55, 0.36, 0.16), np.float32
    )
    picture = mix(picture, near, dark)
    bloom = blur(np.clip(picture - 0.85, 0, 1), 14) * 0.9 + blur(np.clip(picture - 0.75, 0, 1), 60) * 0.5
    out = 1 - np.exp(-1.75 * np.clip(picture + bloom, 0, None) ** 1.2)
    vignette = 1 - 0.22 * ((x - width / height / 2) ** 2 + (y - 0.5) ** 2)
    return np.clip(out / 0.86 * vignette[..., None] + 0.008 * rng.standard_normal((height, width, 1)), 0, 1).astype(
        np.float32
    )

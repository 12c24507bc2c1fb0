"""A river on a Sunday afternoon in dots of pure colour that mix in the eye."""

from __future__ import annotations

import numpy as np

from .tools import Easel, Plane, clouds, grid, hexes, luma, mix, noise, ramp, smooth


def _foliage(
    picture: Plane, x: Plane, y: Plane, spots: list[tuple[float, float, float]], dark: str, light: str, rough: Plane
) -> Plane:
    """Round masses of leaves, lit from the upper right."""
    low, high = hexes(dark)[0], hexes(light)[0]
    for cx, cy, r in spots:
        d = np.sqrt(((x - cx) / 1.12) ** 2 + (y - cy) ** 2) / r + 0.10 * rough
        lit = np.clip(0.5 + 0.9 * ((x - cx) - (y - cy)) / (1.7 * r) + 0.16 * rough, 0, 1)
        picture = mix(picture, mix(low, high, lit), smooth(1.02, 0.93, d))
    return picture


def _boat(picture: Plane, x: Plane, y: Plane, cx: float, foot: float, size: float, hull: str) -> Plane:
    """A sail boat and its reflection."""
    for turn, fade in ((1.0, 1.0), (-0.8, 0.55)):
        v = (foot - y) * turn
        main = (x > cx) & (x - cx < 0.42 * size * (1 - v / size)) & (v > 0.07 * size) & (v < size)
        fore = (x < cx) & (cx - x < 0.24 * size * (1 - v / (0.85 * size))) & (v > 0.07 * size) & (v < 0.85 * size)
        body = (np.abs(x - cx - 0.06 * size) < 0.36 * size + 0.5 * v) & (v > -0.005 * size) & (v < 0.065 * size)
        picture = mix(picture, hexes("fff6dc")[0], main * fade)
        picture = mix(picture, hexes("f3dfb8")[0], fore * fade)
        picture = mix(picture, hexes(hull)[0], body * fade)
    return picture


def _figure(picture: Plane, x: Plane, y: Plane, cx: float, foot: float, size: float, dress: str, shade: str) -> Plane:
    """Somebody with a parasol."""
    v = (foot - y) / size
    u = (x - cx) / size
    skirt = (np.abs(u) < 0.17 - 0.12 * v + 0.05 * np.exp(-(((v - 0.05) / 0.1) ** 2))) & (v > 0) & (v < 0.62)
    bust = (np.abs(u - 0.01) < 0.075) & (v >= 0.5) & (v < 0.8)
    arm = (np.abs(v - 0.64 - 0.12 * (u - 0.06)) < 0.024) & (u > 0.0) & (u < 0.185)
    head = (u - 0.01) ** 2 + (v - 0.87) ** 2 < 0.062**2
    stick = (np.abs(u - 0.16 - 0.02 * v) < 0.012) & (v > 0.55) & (v < 1.12)
    cover = (((u - 0.19) / 0.34) ** 2 + ((v - 1.06) / 0.19) ** 2 < 1) & (v > 1.06)
    colours = hexes(dress)
    side = np.clip(0.5 + u * 4, 0, 1)
    for part, colour in ((skirt, None), (bust, None), (arm, None), (head, "d89b74"), (stick, "5a4028")):
        fill = mix(colours[0], colours[1], side) if colour is None else hexes(colour)[0]
        picture = mix(picture, fill, part.astype(np.float32))
    low, high = hexes(shade)
    return mix(picture, mix(low, high, np.clip(0.5 + 2 * (u - 0.15), 0, 1)), cover.astype(np.float32))


def _scene(height: int, width: int, rng: np.random.RandomState) -> Plane:
    x, y = grid(height, width)
    rough = clouds(rng, height, width, 14, 4)
    picture = ramp(list(zip((0.0, 0.2, 0.4), hexes("7db4dd b9d6e4 f7e3bb"), strict=True)), y)
    puffs = smooth(0.3, 1.3, clouds(rng, height, width, 4, 4, stretch=2.4) + 0.4 - 5 * np.abs(y - 0.16))
    picture = mix(picture, hexes("fff3e2")[0], puffs * 0.85)
    # Far bank with its trees, then the river that mirrors them.
    bank = 0.405 + 0.004 * np.sin(9 * x)
    far = [(0.06 + 0.085 * i, 0.375 - 0.016 * ((i * 7) % 5), 0.036 + 0.012 * ((i * 3) % 4)) for i in range(17)]
    above = _foliage(picture, x, y, far, "4d7d86", "a9c585", rough)
    above = mix(above, hexes("d9cf8e")[0], ((y > bank - 0.012) & (y < bank + 0.004)).astype(np.float32))
    for hx, w, h, c in ((0.62, 0.036, 0.04, "f4e6cf"), (0.70, 0.028, 0.034, "f0cfa6"), (1.05, 0.04, 0.045, "f7ecd8")):
        wall = (np.abs(x - hx) < w) & (y < bank) & (y > bank - h)
        roof = (np.abs(x - hx) < (y - bank + 1.75 * h) * w / (0.75 * h)) & (y <= bank - h) & (y > bank - 1.75 * h)
        above = mix(above, hexes(c)[0], wall.astype(np.float32))
        above = mix(above, hexes("cf6a45")[0], roof.astype(np.float32))
    for px in (0.86, 0.895, 0.935):
        tall = smooth(1.05, 0.9, np.abs((x - px) / 0.013) ** 2 + np.abs((y - 0.335) / 0.085) ** 2 + 0.2 * rough)
        above = mix(above, hexes("3f7a4f")[0], tall)
    row = np.clip((2 * 0.408 - y) * height, 0, height - 1).astype(int)[:, 0]
    mirrored = above[row]
    ripple = clouds(rng, height, width, 26, 3, stretch=7)
    depth = np.clip((y - 0.41) / 0.3, 0, 1)
    water = mix(mirrored, ramp(list(zip((0, 1), hexes("9fc9d6 2f6fa8"), strict=True)), depth), 0.35 + 0.45 * depth)
    water = mix(water, hexes("fff1c9")[0], smooth(0.7, 1.5, ripple) * 0.75 * (1 - 0.5 * depth))
    water = mix(water, hexes("2c5f96")[0], smooth(0.6, 1.6, -ripple) * 0.5)
    picture = np.where((y > bank)[..., None], water, above)
    for args in (
        (0.50, 0.455, 0.15, "7a3b2e"),
        (0.79, 0.435, 0.085, "2e4f7a"),
        (1.12, 0.49, 0.2, "8a3f35"),
        (0.31, 0.43, 0.06, "2e4f7a"),
    ):
        picture = _boat(picture, x, y, *args)
    # The near bank: grass in the sun, long cool shadows, path along the water.
    shore = 0.60 + 0.14 * (1.0 - x / (width / height)) ** 2 * -1 + 0.16 * x / (width / height) - 0.01 * np.sin(7 * x)
    grass = mix(
        hexes("c9c64a")[0], hexes("6f9f3c")[0], np.clip(0.45 + 0.3 * clouds(rng, height, width, 5, 4, stretch=3), 0, 1)
    )
    grass = mix(grass, hexes("f0df78")[0], np.clip((0.12 - (y - shore)) / 0.12, 0, 1) * 0.6)
    picture = np.where((y > shore)[..., None], grass, picture)
    picture = mix(picture, hexes("e8cf9a")[0], smooth(0.012, 0.004, np.abs(y - shore - 0.004)))
    shadows = smooth(
        0.1,
        0.7,
        clouds(rng, height, width, 3, 3, stretch=3.5) + 8 * np.clip(y - 0.86, 0, 1) + 0.9 * smooth(0.55, 0.1, x) - 0.35,
    )
    picture = mix(picture, hexes("2f5a6b")[0], shadows * 0.66 * (y > shore + 0.03))
    for i in range(90):
        fx, fy = rng.rand() * width / height, 0.72 + 0.28 * rng.rand()
        spot = np.exp(-(((x - fx) ** 2 + (y - fy) ** 2) / 0.0055**2))
        picture = mix(
            picture, hexes("f4f0e6 e8543f f5c53a d66aa0")[i % 4], np.clip(spot * 1.3, 0, 1) * (y > shore + 0.05)
        )
    # Trees that frame it, people who rest.
    trunk = (np.abs(x - 0.15 - 0.03 * np.sin(5 * y)) < 0.024 + 0.03 * np.clip(y - 0.72, 0, 1)) & (y > 0.2) & (y < 0.87)
    picture = mix(
        picture, mix(hexes("3b2a4a")[0], hexes("a5673f")[0], np.clip((x - 0.13) / 0.05, 0, 1)), trunk.astype(np.float32)
    )
    thin = (np.abs(x - 0.33 - 0.02 * np.sin(6 * y)) < 0.011) & (y > 0.25) & (y < 0.74)
    picture = mix(picture, hexes("54385a")[0], thin.astype(np.float32))
    crowns = [
        (0.02, 0.09, 0.13),
        (0.17, 0.05, 0.15),
        (0.31, 0.13, 0.115),
        (0.08, 0.23, 0.10),
        (0.22, 0.22, 0.10),
        (0.37, 0.22, 0.07),
        (0.42, 0.07, 0.08),
    ]
    picture = _foliage(picture, x, y, crowns, "1f4a4f", "8fbf3f", rough)
    picture = _figure(picture, x, y, 0.60, 0.905, 0.30, "3b2f6b a24a7f", "c8402f f2945a")
    picture = _figure(picture, x, y, 0.46, 0.80, 0.19, "e9e2d0 fff7ea", "3f6fb0 8fc0e0")
    picture = _figure(picture, x, y, 1.04, 0.865, 0.22, "c05a2a f0b04a", "f0e2b8 fff6d8")
    return picture.astype(np.float32)


def paint(height: int = 768, width: int = 1024) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1884)
    scene = _scene(height, width, rng)
    unit = height / 768
    easel = Easel(height, width, mix(hexes("efe3c6")[0], scene, np.full((height, width), 0.45, np.float32)), scale=2)
    edge = luma(scene)
    gy, gx = np.gradient(edge)
    fine = np.sqrt(gx * gx + gy * gy) > 0.05
    for pitch, radius, only in ((8.5, 4.6, False), (6.2, 3.5, False), (5.0, 2.6, False), (3.8, 1.9, True)):
        pitch, radius = pitch * unit, radius * unit
        rows, columns = int(height / pitch) + 1, int(width / pitch) + 1
        places = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), -1).reshape(-1, 2) * pitch
        places = places + rng.uniform(-0.55, 0.55, places.shape) * pitch
        places = places[rng.permutation(len(places))]
        kind = rng.rand(len(places))
        drift = rng.standard_normal((len(places), 4))
        for (px, py), k, d in zip(places, kind, drift, strict=True):
            i, j = min(height - 1, max(0, int(py))), min(width - 1, max(0, int(px)))
            if only and not fine[i, j]:
                continue
            c = scene[i, j].astype(np.float64)
            grey = float(c.mean())
            if k < 0.15 and not only:  # the complement, of the same brightness: what makes the others glow
                c = grey + (grey - c) * 0.85 + (0.05, 0.0, -0.05)
            elif k < 0.33:  # sunlight or sky
                c = c * 0.7 + (np.array((1.0, 0.83, 0.40)) if d[3] > 0 else np.array((0.30, 0.42, 0.85))) * (
                    0.18 + 0.25 * grey
                )
            else:
                c = grey + (c - grey) * 1.45
            c = c + d[:3] * 0.05 + 0.03 * d[3]
            r = radius * (0.85 + 0.3 * float(rng.rand()))
            easel.dot(px, py, r, r * 0.93, (float(c[0]), float(c[1]), float(c[2])))
    weave = noise(rng, height, width, height / 1.5)
    return np.clip(easel.picture() * (1 + 0.02 * weave[..., None]), 0, 1).astype(np.float32)

"""A street of gabled houses after rain at dusk: two walls and wet stones, each pixel's ray followed by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, ramp, sample, smooth

HALF = 3.6
"""Half of the street's width, m."""
EYE = np.array((-0.55, 1.65, 0.0))
"""Right, up, ahead, m."""
FOCAL, HORIZON, VANISH = 0.92, 0.60, 0.56
"""Heights of the picture; the vanishing point's place across (share of the width) and down."""
LAMPS = tuple(
    (side * (HALF - 0.55), 3.25, z) for side, z in ((-1, 5.2), (1, 8.4), (-1, 12.5), (1, 17.5), (-1, 24.0), (1, 33.0))
)
"""Lanterns, m."""
FRONTS = hexes("8f4a3a b98a58 6d5a58 a8553e 5d6f74 c7a273 7b4438 94795c 4f5a66 a3684c 8c8a7a")


class Row:
    """One side of the street: houses by distance."""

    def __init__(self, rng: np.random.RandomState, side: int) -> None:
        self.side = side
        self.ends = [1.2]
        while self.ends[-1] < 90:
            self.ends.append(self.ends[-1] + 3.6 + 1.9 * rng.rand())
        n = len(self.ends)
        self.eaves = 5.4 + 2.3 * rng.rand(n)
        self.tops = 2.0 + 1.3 * rng.rand(n)
        self.kind = (np.arange(n) * 2 + rng.randint(0, 2, n) + (side > 0)) % 3
        self.colour = np.array(
            [FRONTS[(i * 4 + (3 if side > 0 else 0) + rng.randint(2)) % len(FRONTS)] for i in range(n)], np.float32
        )
        self.floors = rng.randint(2, 4, n)
        self.windows = rng.randint(2, 4, n)
        self.lit = rng.rand(n, 6, 4)
        self.warm = rng.rand(n, 6, 4)


def _front(row: Row, z: Plane, y: Plane, brick: Plane) -> tuple[Plane, Plane, Plane]:
    """Colour, own light and cover (0: sky) of a row's wall at places ``z`` ahead and ``y`` up, m."""
    ends = np.asarray(row.ends)
    i = np.clip(np.searchsorted(ends, z) - 1, 0, len(ends) - 2)
    wide = ends[i + 1] - ends[i]
    u = np.clip((z - ends[i]) / wide, 0, 1)
    eave, rise, kind = row.eaves[i], row.tops[i], row.kind[i]
    away = np.abs(u - 0.5) * 2
    step = np.floor((1 - away) * 5.999) / 5
    bell = 1 - smooth(0.12, 0.95, away) + 0.12 * (away < 0.2)
    roof = np.where(kind == 0, np.minimum(step, 1), np.where(kind == 1, 1 - away, bell))
    top = eave + rise * roof
    cover = smooth(0.03, -0.03, y - top)
    stone = hexes("d9cdb4")[0]
    colour = row.colour[i] * (0.86 + 0.16 * brick[..., None])
    rim = smooth(0.2, 0.16, top - y) * cover
    colour = mix(colour, stone, np.clip(rim + smooth(0.07, 0.04, np.abs(y - eave)) * 0.8, 0, 1))
    colour = mix(colour, hexes("3a3638")[0], smooth(0.5, 0.42, y) * 0.9)
    # Windows in rows; the ground floor has a door and a shop window.
    floors, count = row.floors[i], row.windows[i]
    tall = (eave - 2.9) / floors
    f = np.clip(np.floor((y - 2.9) / tall), -1, 4).astype(int)
    fy = (y - 2.9) / tall - f
    c = np.clip(np.floor(u * count), 0, 3).astype(int)
    cx = (u * count - c - 0.5) / count * wide
    upper = (f >= 0) & (f < floors)
    half = 0.34
    frame = (np.abs(cx) < half + 0.09) & (fy > 0.17) & (fy < 0.90) & upper
    pane = (np.abs(cx) < half) & (fy > 0.22) & (fy < 0.85) & upper
    bars = ((np.abs(cx) < 0.025) | (np.abs(fy - 0.58) < 0.018)) & pane
    attic = (y > eave + 0.35) & (y < eave + 0.35 + 0.32 * rise) & (np.abs(u - 0.5) * wide < 0.3)
    shop_x = (u - 0.62) * wide
    shop = (np.abs(shop_x) < 0.26 * wide) & (y > 0.75) & (y < 2.35)
    mull = shop & ((np.abs((shop_x / 0.55) % 1 - 0.5) > 0.46) | (np.abs(y - 1.95) < 0.03))
    door = (np.abs((u - 0.17) * wide) < 0.48) & (y < 2.3)
    awning = (np.abs(shop_x) < 0.29 * wide) & (y > 2.35) & (y < 2.75)
    n = len(ends)
    lit = row.lit[np.clip(i, 0, n - 1), np.clip(f + 1, 0, 5), c]
    warm = row.warm[np.clip(i, 0, n - 1), np.clip(f + 1, 0, 5), c][..., None]
    colour = mix(colour, stone, frame * 0.85)
    glass = mix(hexes("1b2736")[0], hexes("51698a")[0], np.clip(fy, 0, 1))
    colour = np.where((pane | attic | shop)[..., None], glass, colour)
    colour = np.where((bars | mull)[..., None], np.asarray(hexes("e6dcc6")[0], np.float32) * 0.6, colour)
    doors = np.asarray(hexes("24443a 5a2a2a 24385a"), np.float32)[i % 3]
    colour = np.where(door[..., None], doors * (0.8 + 0.3 * ((u * wide * 4) % 1 > 0.12))[..., None], colour)
    stripes = ((u * wide * 3.2) % 1 > 0.5)[..., None]
    cloth = np.where(
        stripes, np.asarray(hexes("e8dcc0")[0]), np.asarray(hexes("9e3b33 35566b 3f6b4a"), np.float32)[(i + 1) % 3]
    )
    colour = np.where(awning[..., None], cloth * (0.75 + 0.5 * (2.75 - y))[..., None], colour)
    glow = np.zeros_like(colour)
    light = np.asarray(hexes("ffb14e")[0], np.float32) * (1 - warm) + np.asarray(hexes("ffd994")[0], np.float32) * warm
    curtain = 0.72 + 0.28 * np.cos(cx * 26) * (np.abs(cx) > 0.16) + 0.1 * fy
    glow += light * ((pane & ~bars & (lit < 0.42)) * (0.75 + 0.9 * (0.42 - lit)) * curtain * 1.25)[..., None]
    inside = 0.75 + 0.35 * np.sin(shop_x * 9 + i) * np.sin(y * 7 + 2 * i)
    bright = row.lit[np.clip(i, 0, n - 1), 0, 0]
    glow += np.asarray(hexes("ffc46a")[0], np.float32) * ((shop & ~mull & (bright < 0.75)) * inside * 1.35)[..., None]
    glow += light * (attic & (row.lit[np.clip(i, 0, n - 1), 5, 1] < 0.35))[..., None] * 1.1
    return colour.astype(np.float32), glow.astype(np.float32), cover.astype(np.float32)


def _sky(ray: NDArray[np.float32], field: Plane) -> Plane:
    """Dusk: the last light at the end of the street."""
    up = np.clip(ray[..., 1], 0, 1)
    side = np.clip(ray[..., 2], 0, 1) ** 4
    sky = ramp(list(zip((0.0, 0.10, 0.24, 0.45, 0.8), hexes("ffb27a e79a8a 8f86ab 4a6296 233a6b"), strict=True)), up)
    sky = mix(sky * 0.8, sky, side)
    n = field.shape[0]
    far = 1 / np.clip(up + 0.09, 0.05, None)
    u = np.abs((ray[..., 0] * far * 110 + 260) % (2 * n) - n)
    v = np.abs((far * 150) % (2 * n) - n)
    puff = smooth(0.2, 1.5, sample(field, np.minimum(u, n - 2), np.minimum(v, n - 2)))
    return mix(sky, ramp(list(zip((0.0, 0.2, 0.5), hexes("ff9d74 c98296 5f6a97"), strict=True)), up), puff * 0.75)


def _see(
    origin: NDArray[np.float32], ray: NDArray[np.float32], rows: tuple[Row, Row], field: Plane, brick: Plane
) -> Plane:
    """What rays that do not meet the ground see: fronts by lamplight, or sky."""
    picture = _sky(ray, field)
    for row in rows:
        wall = row.side * HALF
        t = (wall - origin[..., 0]) / np.where(np.abs(ray[..., 0]) < 1e-6, 1e-6, ray[..., 0])
        z, y = origin[..., 2] + t * ray[..., 2], origin[..., 1] + t * ray[..., 1]
        hit = (t > 0) & (z > 1.3) & (z < 88) & (y > 0)
        zz, yy = np.where(hit, z, 10.0).astype(np.float32), np.where(hit, y, 1.0).astype(np.float32)
        n = brick.shape[0]
        grain = sample(brick, np.minimum(zz * 40 % n, n - 2), np.minimum(yy * 60 % n, n - 2))
        colour, glow, cover = _front(row, zz, yy, grain)
        sky_light = np.array((0.30, 0.34, 0.52), np.float32) * (0.55 + 0.06 * yy[..., None])
        end_light = np.array((0.55, 0.30, 0.20), np.float32) * np.clip(zz / 60, 0, 1)[..., None]
        lamp = np.zeros_like(zz)
        for lx, ly, lz in LAMPS:
            d2 = (wall - lx) ** 2 + (yy - ly) ** 2 + (zz - lz) ** 2
            lamp += np.abs(wall - lx) / d2**1.5 * 1.0 + 0.10 / (1 + d2)
        seen = colour * (sky_light + end_light + lamp[..., None] * np.array((1.9, 1.25, 0.6), np.float32)) + glow
        fog = (1 - np.exp(-zz / 46))[..., None]
        seen = seen * (1 - fog) + fog * np.array((0.86, 0.56, 0.46), np.float32)
        picture = mix(picture, seen, hit * cover)
    return picture


def paint(height: int = 1024, width: int = 800) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1887)
    rows = Row(rng, -1), Row(rng, 1)
    field = clouds(rng, 640, 640, 5, 7)
    brick = noise(rng, 720, 720, 90, 2.5) + 0.6 * noise(rng, 720, 720, 9)
    x, y = grid(height, width)
    ray = np.stack(((x - VANISH * width / height) / FOCAL, (HORIZON - y) / FOCAL, np.ones_like(x)), axis=-1)
    ray = (ray / np.linalg.norm(ray, axis=-1, keepdims=True)).astype(np.float32)
    origin = np.broadcast_to(EYE.astype(np.float32), ray.shape)
    picture = _see(origin, ray, rows, field, brick)
    # The ground: setts with puddles; each mirrors what its own tilt sees.
    down = y > HORIZON + 0.004
    t = np.where(down, EYE[1] / np.clip(-ray[..., 1], 1e-3, None), 1.0)
    gx, gz = EYE[0] + t * ray[..., 0], t * ray[..., 2]
    ground = down & (np.abs(gx) < HALF) & (gz < 88)
    pave = np.abs(gx) > HALF - 1.15
    bump = np.where(gz < 90, gz, 0)
    shift = (np.floor(bump / 0.19) % 2) * 0.5
    su, sv = (gx / 0.27 + shift) % 1 - 0.5, (bump / 0.19) % 1 - 0.5
    fade = smooth(20, 4, bump)
    joint = smooth(0.36, 0.5, np.maximum(np.abs(su), np.abs(sv))) * fade
    number = np.floor(gx / 0.27 + shift) * 57.31 + np.floor(bump / 0.19) * 131.7
    own = np.modf(np.abs(np.sin(number) * 43758.5453))[0].astype(np.float32)
    n = 512
    lanes = clouds(rng, n, n, 7, 5)
    pool = sample(lanes, np.clip((gx + HALF) * 62, 0, n - 2), np.minimum(np.abs((bump * 24) % (2 * n) - n), n - 2))
    wet = smooth(0.1, 0.75, pool + 0.25 * smooth(1.3, 0.2, np.abs(np.abs(gx) - 2.2)) - 0.2 * pave)
    tilt_x = (su * 0.10 * fade * (1 - wet) + (own - 0.5) * 0.055 * fade * (1 - wet)).astype(np.float32)
    fine = noise(rng, height, width, height / 3) * 0.008 * (1 - 0.6 * wet) + noise(rng, height, width, 40, 3) * 0.010
    tilt_z = (sv * 0.16 * fade * (1 - wet) + fine).astype(np.float32)
    normal = np.stack((tilt_x, np.ones_like(tilt_x), tilt_z), axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    back = ray - 2 * (ray * normal).sum(-1, keepdims=True) * normal
    back[..., 1] = np.abs(back[..., 1]) + 1e-3
    place = np.stack((gx, np.full_like(gx, 0.01), gz), axis=-1).astype(np.float32)
    image = _see(place, back.astype(np.float32), rows, field, brick)
    stone = mix(hexes("3b3a40")[0], hexes("6a6460")[0], np.clip(0.2 + 0.6 * own + 0.15 * pool, 0, 1))
    stone = np.where(
        pave[..., None], mix(hexes("5a5654")[0], hexes("77706a")[0], np.clip(0.5 + 0.4 * pool, 0, 1)), stone
    )
    stone = stone * (1 - 0.75 * joint[..., None])
    kerb = smooth(0.09, 0.05, np.abs(np.abs(gx) - (HALF - 1.15)))
    stone = mix(stone, hexes("8a837a")[0], kerb * 0.6)
    lamp = np.zeros_like(gx)
    for lx, ly, lz in LAMPS:
        d2 = (gx - lx) ** 2 + ly**2 + (gz - lz) ** 2
        lamp += ly / d2**1.5
    lit = stone * (np.array((0.36, 0.36, 0.52), np.float32) + lamp[..., None] * np.array((9.0, 5.8, 2.6), np.float32))
    graze = np.clip(1 + ray[..., 1], 0, 1) ** 5
    mirror = np.clip(0.10 + 0.75 * graze + 0.34 * wet, 0, 0.93) * (1 - 0.6 * joint)
    fog = (1 - np.exp(-bump / 46))[..., None]
    floor = mix(lit, image * 1.02, mirror)
    floor = floor * (1 - fog) + fog * np.array((0.86, 0.56, 0.46), np.float32)
    picture = np.where(ground[..., None], floor, picture)
    # Lanterns on their posts, and what they pour into the damp air (and onto the stones, drawn out).
    flare = np.zeros_like(picture)
    for lx, ly, lz in LAMPS[::-1]:
        px, scale = VANISH * width / height + (lx - EYE[0]) / lz * FOCAL, FOCAL / lz
        py, foot = HORIZON - (ly - EYE[1]) * scale, HORIZON + EYE[1] * scale
        post = (np.abs(x - px) < 0.045 * scale * (1 + 0.8 * (y > foot - 0.5 * scale))) & (y > py) & (y < foot)
        picture = mix(picture, hexes("14161c")[0], post * 0.95)
        box = (np.abs(x - px) < 0.16 * scale * (1.25 - 0.5 * (y - py + 0.25 * scale) / (0.5 * scale))) & (
            np.abs(y - py) < 0.24 * scale
        )
        hat = (np.abs(x - px) < (y - py + 0.44 * scale) * 1.1) & (y > py - 0.44 * scale) & (y < py - 0.22 * scale)
        picture = mix(picture, (1.6, 1.25, 0.72), box.astype(np.float32))
        picture = mix(picture, hexes("14161c")[0], hat.astype(np.float32))
        d = np.sqrt((x - px) ** 2 + (y - py) ** 2)
        r = 0.55 * scale
        flare += (np.exp(-((d / r) ** 2)) * 0.55 + 0.030 / (0.2 + (d / r) ** 2))[..., None] * np.array(
            (1.0, 0.66, 0.30), np.float32
        )
    picture = picture + flare
    # Somebody goes home under an umbrella.
    for wx, wz, tone in ((0.55, 9.5, "15161f"), (-1.0, 15.5, "1b1a22")):
        s = FOCAL / wz
        px, foot = VANISH * width / height + (wx - EYE[0]) * s, HORIZON + EYE[1] * s
        for turn, strength in ((1.0, 0.97), (-1.0, 0.55)):
            v, u = (foot - y) * turn / s, (x - px) / s
            coat = (
                (np.abs(u) < 0.19 + 0.10 * np.clip(1.1 - v, 0, 1) - 0.12 * np.clip(v - 1.2, 0, 1))
                & (v > 0.42)
                & (v < 1.48)
            )
            legs = (np.abs(np.abs(u) - 0.10 - 0.03 * (0.5 - v)) < 0.06) & (v > 0) & (v < 0.5)
            head = u**2 + (v - 1.6) ** 2 < 0.115**2
            hood = (((u - 0.06) / 0.62) ** 2 + ((v - 1.72) / 0.42) ** 2 < 1) & (v > 1.72)
            who = (coat | legs | head).astype(np.float32)
            picture = mix(picture, hexes(tone)[0], who * strength)
            picture = mix(
                picture, mix(hexes("4a1620")[0], hexes("b23a3a")[0], np.clip(0.5 + u * 0.9, 0, 1)), hood * strength
            )
    bloom = blur(np.clip(picture - 0.9, 0, 2), 10) * 0.7 + blur(np.clip(picture - 0.8, 0, 2), 40) * 0.5
    out = 1 - np.exp(-1.7 * np.clip(picture + bloom, 0, None) ** 1.15)
    vignette = 1 - 0.28 * ((x - width / height / 2) ** 2 + (y - 0.52) ** 2)
    return np.clip(out * 1.12 * vignette[..., None] + 0.007 * rng.standard_normal((height, width, 1)), 0, 1).astype(
        np.float32
    )

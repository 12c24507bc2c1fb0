"""A still life by window light: distance fields, marched; soft shadows, bounced light, polished skins."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, sample, smooth

Points = NDArray[np.float32]
LIGHT = np.array((-0.66, 0.58, -0.48), np.float32)
LIGHT = LIGHT / np.linalg.norm(LIGHT)
"""Left, up, towards the eye."""
EYE, AIM = np.array((0.35, 2.35, -7.4), np.float32), np.array((0.08, 0.98, 0.0), np.float32)
FOCAL = 1.66
TABLE, WALL, APPLE, PEAR, BOTTLE, BOWL, ORANGE, GRAPES, CLOTH, LEMON = range(10)


def _turned(profile: list[tuple[float, float]]) -> Callable[[Points], Plane]:
    """The distance to a body of revolution round y, by its outline (radius, height): exact to a polygon."""
    p = np.asarray(profile, np.float32)

    def distance(q: Points) -> Plane:
        r, y = np.hypot(q[:, 0], q[:, 2]), q[:, 1]
        best = np.full(len(q), 1e9, np.float32)
        inside = np.zeros(len(q), bool)
        for a, b in pairwise(p):
            e = b - a
            t = np.clip(((r - a[0]) * e[0] + (y - a[1]) * e[1]) / float(e @ e), 0, 1)
            best = np.minimum(best, (r - a[0] - t * e[0]) ** 2 + (y - a[1] - t * e[1]) ** 2)
            cross = (a[1] > y) != (b[1] > y)
            slope = (b[0] - a[0]) * (y - a[1]) / np.where(np.abs(b[1] - a[1]) < 1e-9, 1e-9, b[1] - a[1]) + a[0]
            inside ^= cross & (r < slope)
        return np.where(inside, -1, 1) * np.sqrt(best)

    return distance


def _curve(points: list[tuple[float, float]], n: int = 26) -> list[tuple[float, float]]:
    """A smooth outline through the points."""
    p = np.asarray(points, np.float64)
    t = np.linspace(0, len(p) - 1, n)
    q = np.vstack((2 * p[0] - p[1], p, 2 * p[-1] - p[-2]))
    i = np.minimum(t.astype(int), len(p) - 2)
    f = (t - i)[:, None]
    a, b, c, d = q[i], q[i + 1], q[i + 2], q[i + 3]
    out = 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
    return [(max(0.0, float(r)), float(y)) for r, y in out]


BOTTLE_OF = _turned(
    _curve(
        [
            (0, 0.0),
            (0.40, 0.0),
            (0.46, 0.10),
            (0.47, 0.95),
            (0.45, 1.45),
            (0.30, 1.85),
            (0.155, 2.1),
            (0.145, 2.65),
            (0.175, 2.68),
            (0.175, 2.80),
            (0.10, 2.82),
            (0, 2.82),
        ],
        34,
    )
)
PEAR_OF = _turned(
    _curve(
        [
            (0, 0.02),
            (0.30, 0.03),
            (0.50, 0.22),
            (0.53, 0.45),
            (0.42, 0.75),
            (0.27, 0.98),
            (0.20, 1.18),
            (0.10, 1.28),
            (0, 1.26),
        ],
        26,
    )
)
BOWL_OF = _turned(
    [
        (0, 0.0),
        (0.5, 0.0),
        (0.52, 0.10),
        (0.36, 0.16),
        (0.62, 0.26),
        (0.95, 0.46),
        (1.16, 0.74),
        (1.19, 0.80),
        (1.14, 0.80),
        (0.92, 0.55),
        (0.6, 0.36),
        (0, 0.28),
    ]
)
GRAPE_AT = [
    (
        1.95 + 0.24 * ((i * 7) % 5) - 0.22 * (i // 8) + 0.06 * ((i * 3) % 4),
        0.155 + 0.235 * (i // 8),
        -1.02 + 0.23 * ((i * 3) % 4) + 0.08 * (i // 8),
    )
    for i in range(20)
]
GRAPES_AT = np.asarray(GRAPE_AT, np.float32)
GRAPE_MIDDLE = tuple(float(v) for v in GRAPES_AT.mean(0))
GRAPE_REACH = float(np.linalg.norm(GRAPES_AT - GRAPES_AT.mean(0), axis=1).max()) + 0.17
FRUITS = (
    (APPLE, (-0.42, 0.98, -0.28), 0.50), (ORANGE, (0.47, 0.95, -0.30), 0.47), (APPLE, (0.05, 0.98, 0.42), 0.48),
    (LEMON, (-0.05, 1.42, -0.05), 0.36), (APPLE, (-1.38, 0.47, -1.25), 0.47), (LEMON, (0.62, 0.31, -1.62), 0.34),
)  # fmt: skip
PEAR_AT, BOTTLE_AT, BOWL_AT = (1.62, 0.0, 0.05), (-1.62, 0.0, 0.55), (0.05, 0.0, 0.0)


def _ball(q: Points, kind: int, radius: float) -> Plane:
    """An apple with its dent, a dimpled orange, a lemon with its tips."""
    r = np.hypot(q[:, 0], q[:, 2])
    if kind == APPLE:
        d = np.sqrt(r * r + q[:, 1] ** 2) + 1e-6
        tilt = np.arctan2(r, q[:, 1])  # 0: the stem
        hull = 1 - 0.34 * np.exp(-((tilt / 0.36) ** 2)) - 0.14 * np.exp(-(((tilt - np.pi) / 0.3) ** 2))
        return (d - radius * hull * (1 - 0.10 * smooth(1.5, 2.8, tilt))) * 0.8
    if kind == LEMON:
        body = np.sqrt((q[:, 0] / 1.24) ** 2 + q[:, 1] ** 2 + q[:, 2] ** 2) - radius * 0.86
        tip = np.hypot(np.hypot(q[:, 1], q[:, 2]), np.abs(q[:, 0]) - radius * 1.08) - 0.12 * radius
        h = np.clip(0.5 + (body - tip) / 0.24, 0, 1)
        return (body + (tip - body) * h - 0.12 * h * (1 - h)) * 0.85
    return np.sqrt((q * q).sum(1)) - radius


def _scene(p: Points) -> tuple[Plane, NDArray[np.int8]]:
    """Distance to the nearest thing, and which."""
    wave = 0.035 * np.sin(p[:, 0] * 2.3 + 1.2 * np.sin(p[:, 2] * 1.4)) + 0.02 * np.sin(p[:, 2] * 3.1 + p[:, 0])
    best, which = p[:, 1].copy(), np.full(len(p), TABLE, np.int8)

    def add(d: Plane, kind: int) -> None:
        near = d < best
        best[near] = d[near]
        which[near] = kind

    add(3.2 - p[:, 2], WALL)
    # The cloth lies under the things and hangs over the table's edge in folds.
    edge = -1.72 + 0.10 * np.sin(p[:, 0] * 2.1)
    inside = np.maximum(
        np.maximum(np.abs(p[:, 0] - 0.35) - 1.75 - 0.16 * np.sin(p[:, 2] * 3), edge - p[:, 2]), p[:, 2] - 1.0
    )
    add(np.maximum(p[:, 1] - 0.035 - 0.45 * np.clip(wave, -0.02, 1), inside) * 0.8, CLOTH)

    def within(middle: tuple[float, float, float], radius: float, kind: int, exact: Callable[[Points], Plane]) -> None:
        """Far from the ball around a thing, the distance to the ball will do."""
        d = np.sqrt(((p - np.asarray(middle, np.float32)) ** 2).sum(1)) - radius
        close = np.where((d < best) & (d < 0.25))[0]
        d[close] = exact(p[close])
        add(d, kind)

    for kind, at, radius in FRUITS:
        here = np.asarray(at, np.float32)
        within(at, radius * 1.3, kind, lambda q, k=kind, r=radius, a=here: _ball(q - a, k, r))
    within((PEAR_AT[0], 0.6, PEAR_AT[2]), 0.8, PEAR, lambda q: PEAR_OF(q - np.asarray(PEAR_AT, np.float32)))
    within((BOTTLE_AT[0], 1.4, BOTTLE_AT[2]), 1.5, BOTTLE, lambda q: BOTTLE_OF(q - np.asarray(BOTTLE_AT, np.float32)))
    within((BOWL_AT[0], 0.4, BOWL_AT[2]), 1.28, BOWL, lambda q: BOWL_OF(q - np.asarray(BOWL_AT, np.float32)))
    within(GRAPE_MIDDLE, GRAPE_REACH, GRAPES, lambda q: np.sqrt(((q[:, None] - GRAPES_AT) ** 2).sum(2).min(1)) - 0.16)
    stem = (
        np.hypot(
            np.hypot(p[:, 0] - PEAR_AT[0] - 0.10 * np.clip(p[:, 1] - 1.2, 0, 1), p[:, 2] - PEAR_AT[2]),
            np.clip(p[:, 1] - 1.5, 0, 9),
        )
        - 0.022
    )
    add(np.maximum(stem, 1.2 - p[:, 1]), WALL + 100)
    return best, which


def _march(origin: Points, ray: Points, far: float, steps: int) -> Plane:
    """How far each ray goes until it meets something (``far``: nothing)."""
    t = np.full(len(ray), 0.02, np.float32)
    live = np.arange(len(ray))
    for _ in range(steps):
        d, _ = _scene(origin[live] + ray[live] * t[live, None])
        t[live] += np.clip(d, 0.0008, None)
        live = live[(d > 0.0012 * t[live]) & (t[live] < far)]
        if not len(live):
            break
    return t


def _shadow(p: Points, steps: int = 28) -> Plane:
    """How much of the window a place sees, 0..1 (penumbra by nearest pass; Quilez)."""
    seen, t = np.ones(len(p), np.float32), np.full(len(p), 0.03, np.float32)
    live = np.arange(len(p))
    for _ in range(steps):
        d, _ = _scene(p[live] + LIGHT * t[live, None])
        seen[live] = np.minimum(seen[live], 0.5 + 0.5 * d / (0.13 * t[live]))
        t[live] += np.clip(d, 0.03, 0.4)
        live = live[(seen[live] > 0.0) & (t[live] < 6)]
        if not len(live):
            break
    s = np.clip(seen, 0, 1)
    return s * s * (3 - 2 * s)


def _normals(p: Points) -> Points:
    e = 0.002
    n = np.stack(
        [
            _scene(p + np.eye(3, dtype=np.float32)[i] * e)[0] - _scene(p - np.eye(3, dtype=np.float32)[i] * e)[0]
            for i in range(3)
        ],
        -1,
    )
    return (n / (np.linalg.norm(n, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def _nearest_fruit(p: Points) -> Points:
    """The place within the fruit that a point is on."""
    best, local = np.full(len(p), 1e9, np.float32), np.zeros_like(p)
    for kind, at, radius in FRUITS:
        q = p - np.asarray(at, np.float32)
        d = np.abs(_ball(q, kind, radius))
        near = d < best
        best[near], local[near] = d[near], q[near] / radius
    return local


def _skin(p: Points, which: NDArray[np.int8], n: Points, tex: list[Plane]) -> tuple[Points, Plane, Plane]:
    """Colour, shine and sharpness of the shine; bends the normals of dimpled skins."""
    size = tex[0].shape[0]

    def lookup(k: int, u: Plane, v: Plane, scale: float) -> Plane:
        fold = [np.abs((w * scale + 7 * size) % (2 * size) - size) for w in (u, v)]
        return sample(tex[k], np.minimum(fold[0], size - 2), np.minimum(fold[1], size - 2))

    colour = np.zeros_like(p)
    shine, sharp = np.full(len(p), 0.04, np.float32), np.full(len(p), 20.0, np.float32)
    x, y, z = p.T

    def put(mask: NDArray[np.bool_], c: Points, gloss: float, power: float) -> None:
        colour[mask] = c[mask] if c.ndim == 2 else c
        shine[mask], sharp[mask] = gloss, power

    wood = lookup(0, x * 1.0, z * 14, 22) * 0.5 + lookup(1, x * 3, z * 20, 30) * 0.35
    plank = np.abs((z * 0.9 + 0.3) % 1 - 0.5) > 0.49
    put(
        which == TABLE,
        mix(hexes("3a2314")[0], hexes("8a5a32")[0], np.clip(0.5 + 0.32 * wood, 0, 1)) * (1 - 0.6 * plank[:, None]),
        0.12,
        40,
    )
    put(
        which == WALL,
        mix(
            hexes("3d3a33")[0],
            hexes("6e675a")[0],
            np.clip(0.45 + 0.2 * lookup(0, x, y, 60) + 0.1 * lookup(1, x, y, 120), 0, 1),
        ),
        0.0,
        5,
    )
    put(which == WALL + 100, np.asarray(hexes("4a3420")[0], np.float32), 0.1, 10)
    thread = 0.5 + 0.5 * np.sign(np.sin(x * 110)) * np.sign(np.sin(z * 110))
    band = (np.abs(np.abs(z + 0.35) - 1.05) < 0.05) | (np.abs(np.abs(x - 0.35) - 1.45) < 0.05)
    put(
        which == CLOTH,
        mix(hexes("cfc8b8")[0], hexes("ece6d8")[0], thread * 0.5 + 0.25)
        * np.where(band[:, None], np.array((0.45, 0.55, 0.85), np.float32), 1),
        0.02,
        8,
    )
    local = _nearest_fruit(p)
    around = np.arctan2(local[:, 2], local[:, 0])
    streak = lookup(1, around, local[:, 1] * 0.12, 190)
    blush = np.clip(
        0.55 + 0.45 * np.sin(around * 1.0 + 0.8) + 0.12 * streak + 0.25 * lookup(0, around, local[:, 1], 60), 0, 1
    )
    apple = mix(hexes("c9b23a")[0], hexes("b0201e")[0], blush)
    apple = mix(apple, hexes("7d1016")[0], np.clip(0.28 * streak, 0, 0.4))
    hollow = smooth(0.30, 0.05, np.hypot(local[:, 0], local[:, 2])) * (local[:, 1] > 0.2)
    put(which == APPLE, mix(apple, hexes("8a8a35")[0], hollow), 0.55, 70)
    put(
        which == ORANGE,
        mix(
            hexes("d9691a")[0], hexes("f39a2c")[0], np.clip(0.5 + 0.25 * lookup(0, local[:, 0], local[:, 1], 80), 0, 1)
        ),
        0.30,
        24,
    )
    put(
        which == LEMON,
        mix(
            hexes("d9b11c")[0], hexes("f4dc4a")[0], np.clip(0.5 + 0.25 * lookup(0, local[:, 0], local[:, 1], 80), 0, 1)
        ),
        0.32,
        30,
    )
    for kind, rough in ((ORANGE, 0.10), (LEMON, 0.06)):
        m = which == kind
        n[m] += rough * np.stack(
            [lookup(k % 2, local[m, 0] + k, local[m, 1] + 0.7 * local[m, 2], 300 + 17 * k) for k in range(3)], -1
        )
    pear_y = (y - PEAR_AT[1]) / 1.3
    freckle = smooth(1.4, 2.2, lookup(1, x + z, y, 260))
    pear = mix(hexes("8f9a2e")[0], hexes("d8c24a")[0], np.clip(0.3 + 0.8 * pear_y + 0.2 * lookup(0, x, y, 90), 0, 1))
    pear = mix(
        pear,
        hexes("b5652a")[0],
        np.clip(
            smooth(0.35, -0.5, x - PEAR_AT[0] + 0.4 * lookup(0, y, z, 50)) * 0.0
            + smooth(0.0, 0.5, x - PEAR_AT[0]) * 0.6,
            0,
            1,
        ),
    )
    put(which == PEAR, mix(pear, hexes("6d5a22")[0], freckle * 0.5), 0.28, 26)
    glaze = mix(hexes("2f5d8c")[0], hexes("4f86b5")[0], np.clip(0.5 + 0.25 * lookup(0, np.arctan2(z, x), y, 80), 0, 1))
    rim = smooth(0.70, 0.74, y) + smooth(0.03, 0.0, np.abs(y - 0.5)) * 0.8
    put(which == BOWL, mix(glaze, hexes("efe9da")[0], np.clip(rim, 0, 1)), 0.6, 90)
    put(which == BOTTLE, mix(hexes("0c2416")[0], hexes("1f4a2a")[0], np.clip((y - 0.2) / 2.2, 0, 1)), 0.9, 160)
    label = (which == BOTTLE) & (y > 0.55) & (y < 1.22)
    lines = (np.abs((y - 0.62) / 0.09 % 1 - 0.5) > 0.38) & (y < 0.9) | (np.abs(y - 1.06) < 0.05)
    across = np.abs(np.arctan2(x - BOTTLE_AT[0], -(z - BOTTLE_AT[2]))) < 0.9
    put(
        label & across,
        np.where(
            (lines & (np.abs(np.arctan2(x - BOTTLE_AT[0], -(z - BOTTLE_AT[2]))) < 0.6))[:, None],
            np.asarray(hexes("7a5a3a")[0], np.float32),
            np.asarray(hexes("e5d8b8")[0], np.float32),
        ),
        0.05,
        10,
    )
    put((which == BOTTLE) & (y > 2.62), np.asarray(hexes("7a1f22")[0], np.float32), 0.3, 30)
    put(
        which == GRAPES,
        mix(hexes("2c1238")[0], hexes("6b2f6e")[0], np.clip(0.5 + 0.3 * lookup(0, x * 2, y * 2, 90), 0, 1)),
        0.5,
        60,
    )
    return colour, shine, sharp


def _shade(p: Points, ray: Points, tex: list[Plane], *, deep: bool) -> Points:
    """Light that leaves surface points ``p`` towards where ``ray`` came from."""
    _, which = _scene(p)
    n = _normals(p)
    colour, shine, sharp = _skin(p, which, n, tex)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    colour = np.clip(colour, 0, 1) ** 2.0
    lit = _shadow(p + n * 0.01) * np.clip(n @ LIGHT, 0, 1)
    open_ = np.ones(len(p), np.float32)
    for k, reach in enumerate((0.06, 0.16, 0.36)):
        open_ -= (0.55 / 1.6**k) * np.clip(reach - _scene(p + n * reach)[0], 0, None) / reach
    open_ = np.clip(open_, 0.05, 1)
    window = np.array((1.0, 0.90, 0.74), np.float32) * 2.35
    room = np.array((0.20, 0.23, 0.30), np.float32) * (0.55 + 0.45 * n[:, 1:2]) * 1.2
    bounce = (
        np.array((0.26, 0.17, 0.10), np.float32)
        * np.clip(0.45 - 0.55 * n[:, 1:2], 0, 1)
        * np.exp(-np.clip(p[:, 1:2], 0, 9))
    )
    warm = np.array((0.16, 0.10, 0.06), np.float32) * np.clip(n[:, 0:1] * 0.8 - 0.2, 0, 1)
    out = colour * (window * lit[:, None] + (room + bounce + warm) * open_[:, None])
    # Thin skins and glass let a little light through.
    out += (
        colour
        * (np.isin(which, (GRAPES, BOTTLE, LEMON)) * np.clip(-(n @ LIGHT) + 0.35, 0, 1) * 0.5)[:, None]
        * window
        * 0.5
    )
    half = LIGHT - ray
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    gloss = np.clip((n * half).sum(1), 0, 1) ** (sharp * 2.2) * (sharp + 8) / 30
    edge = 0.04 + 0.96 * np.clip(1 + (n * ray).sum(1), 0, 1) ** 5
    out += (shine * gloss * np.clip(lit * 3, 0, 1))[:, None] * window * 0.55
    back = ray - 2 * (ray * n).sum(1, keepdims=True) * n
    # The window itself, cross-barred, in what is polished.
    u, v = back[:, 0] / np.clip(-back[:, 2] * 0 + np.abs(back[:, 1]) + 0.35, 0.2, None), back[:, 1]
    pane = (
        smooth(0.55, 0.62, -back[:, 0])
        * smooth(0.95, 0.90, -back[:, 0])
        * smooth(0.12, 0.2, v)
        * smooth(0.72, 0.64, v)
        * (back[:, 2] < 0.45)
    )
    pane *= 1 - 0.75 * (smooth(0.03, 0.015, np.abs(back[:, 0] + 0.76)) + smooth(0.03, 0.015, np.abs(v - 0.42)) > 0.5)
    del u
    out += (
        (pane * np.clip(shine * 1.3, 0, 1) * (edge + 0.10) * (sharp > 50))[:, None]
        * np.array((1.0, 0.97, 0.9), np.float32)
        * 5.5
    )
    if deep:
        mirror = np.where((shine > 0.25) | (which == TABLE))[0]
        start = p[mirror] + n[mirror] * 0.02
        way = back[mirror].astype(np.float32)
        t = _march(start, way, 9.0, 30)
        seen = _shade(np.clip(start + way * t[:, None], -9, 9).astype(np.float32), way, tex, deep=False)
        amount = np.clip(shine[mirror] * 1.2, 0, 1) * edge[mirror] * 1.4 + np.where(which[mirror] == TABLE, 0.05, 0.02)
        out[mirror] += seen * amount[:, None]
    return out.astype(np.float32)


def paint(height: int = 800, width: int = 1040) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1606)
    tex = [clouds(rng, 400, 400, 4, 5), noise(rng, 400, 400, 100)]
    forward = (AIM - EYE) / np.linalg.norm(AIM - EYE)
    right = np.cross((0.0, 1.0, 0.0), forward)
    right /= np.linalg.norm(right)
    up = np.cross(forward, right)
    total = np.zeros((height, width, 3), np.float32)
    passes = ((-0.25, -0.25), (0.25, 0.25)) if height >= 400 else ((0.0, 0.0),)
    for ox, oy in passes:
        x, y = grid(height, width)
        dx, dy = (x + ox / height - width / height / 2) / FOCAL, (0.5 - y - oy / height) / FOCAL
        ray = forward[None, None] + dx[..., None] * right + dy[..., None] * up
        ray = (ray / np.linalg.norm(ray, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)
        origin = np.broadcast_to(EYE, ray.shape).astype(np.float32)
        t = _march(origin, ray, 14.0, 60)
        total += _shade((origin + ray * t[:, None]).astype(np.float32), ray, tex, deep=True).reshape(height, width, 3)
    picture = total / len(passes)
    # The window lights the wall in a slanting bar.
    x, y = grid(height, width)
    beam = smooth(0.18, 0.0, np.abs(y + 0.42 * x - 0.62) - 0.16) * smooth(0.9, 0.1, y)
    picture *= 1 + 0.35 * beam[..., None] * (y < 0.55)[..., None]
    bloom = blur(np.clip(picture - 0.9, 0, 2), 5) * 0.5 + blur(np.clip(picture - 1.0, 0, 2), 24) * 0.15
    out = (1 - np.exp(-1.7 * np.clip(picture + bloom, 0, None))) ** (1 / 2.0)
    vignette = 1 - 0.35 * ((x - width / height / 2) ** 2 + (y - 0.52) ** 2)
    return np.clip(out * vignette[..., None] + 0.006 * rng.standard_normal((height, width, 1)), 0, 1).astype(np.float32)

"""A rose window: panes of coloured glass between leads, with the sun behind them."""

from __future__ import annotations

import numpy as np

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, relief, smooth

RINGS = (
    (0, 1),
    (0.085, 8),
    (0.15, 16),
    (0.22, 16),
    (0.29, 24),
    (0.36, 24),
    (0.435, 32),
    (0.52, 36),
    (0.61, 40),
    (0.7, 40),
)
"""Radius (in heights) and number of the panes of each ring."""
CIRCLES = (0.047, 0.118, 0.186, 0.325, 0.478)
"""Leads that run all the way round."""
PALETTES = (
    "ffe88a",
    "e8352e f2702d",
    "1f57c3 f2b134",
    "e23a2e 1b4fc0",
    "f5b52e 1fa37a 0f6b5c",
    "1d3fa0 c0233f 2e7bd6",
    "f2b134 6a2a93 e04a2f 1d3fa0",
    "143a8c 1b6fb5 2a9d8f 143a8c 7a2d8f",
    "0e2a66 176087 0e2a66 5b2b82 1a8a6f c0233f",
    "0e2a66 5b2b82 14325f",
)


def paint(height: int = 896, width: int = 896) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1230)
    x, y = grid(height, width)
    x, y = x - width / height / 2, y - 0.5
    # The leads are not ruled: the plane is bent a little before the panes are cut.
    bx = x + 0.006 * clouds(rng, height, width, 5, 3)
    by = y + 0.006 * clouds(rng, height, width, 5, 3)
    sites: list[tuple[float, float, int, int]] = []
    for k, (radius, count) in enumerate(RINGS):
        for i in range(count):
            a = 2 * np.pi * (i + 0.5 * (k % 2)) / count + (0.0 if k < 7 else 0.05 * rng.standard_normal())
            r = radius * (1 + (0.0 if k < 7 else 0.04 * rng.standard_normal()))
            sites.append((r * np.cos(a), r * np.sin(a), k, i))
    first = np.full((height, width), 9.0, np.float32)
    second = first.copy()
    owner = np.zeros((height, width), np.int32)
    for n, (sx, sy, _, _) in enumerate(sites):
        d = np.sqrt((bx - sx) ** 2 + (by - sy) ** 2)
        nearer = d < first
        second = np.where(nearer, first, np.minimum(second, d))
        owner[nearer] = n
        first = np.minimum(first, d)
    border = (second - first) / 2
    r = np.sqrt(bx * bx + by * by)
    strong = np.minimum.reduce([np.abs(r - c) for c in CIRCLES])
    lead = np.minimum(border - 0.0034, strong - 0.0052)
    colours = np.empty((len(sites), 3), np.float32)
    light = np.empty(len(sites), np.float32)
    for n, (_, _, k, i) in enumerate(sites):
        choices = hexes(PALETTES[k])
        colours[n] = choices[i % len(choices)] if k < 7 else choices[rng.randint(len(choices))]
        light[n] = 0.82 + 0.3 * rng.rand()
    pane, bright = colours[owner], light[owner]
    # Glass: streaks that differ from pane to pane, seeds (bubbles), thickness towards the leads.
    streak = np.zeros_like(x)
    for turn in range(4):
        wave = clouds(rng, height, width, 6, 5, stretch=3.5 if turn % 2 else 1.0)
        streak = np.where(owner % 4 == turn, wave, streak)
    bubbles = smooth(2.1, 2.7, noise(rng, height, width, 190))
    glow = np.exp(-((r / 0.5) ** 2))
    shade = bright * (0.62 + 0.55 * glow + 0.2 * streak) + 0.25 * bubbles
    shade = shade * (0.72 + 0.36 * smooth(0.0, 0.022, np.minimum(border, strong)))
    glass = np.clip(pane, 0.012, 1) ** 1.5 * shade[..., None] * 1.35
    white = np.clip((shade - 0.95) * 0.5, 0, 0.4)
    glass = mix(glass, (1.0, 0.96, 0.82), white * (0.4 + 0.6 * glow))
    # Leads: dark, rounded, lit from the side; light spills over them.
    width_of = 0.0035
    body = np.sqrt(np.clip(1 - (np.clip(lead + width_of, 0, width_of) / width_of) ** 2, 0, 1))
    metal = 0.055 + 0.10 * np.clip(relief(body * (lead < 0), 2.0), 0, 1)
    metal = metal + 0.02 * noise(rng, height, width, 220)
    cover = np.clip(-lead * height / 1.2 + 0.5, 0, 1)
    picture = mix(glass, np.stack((metal, metal * 0.98, metal * 1.05), axis=-1), cover)
    # The stone around it.
    far = smooth(0.487, 0.490, np.maximum(np.abs(x), np.abs(y)))
    picture = mix(picture, (0.05, 0.045, 0.05), far)
    spill = blur(np.clip(picture, 0, 2) ** 2, 9) * 0.22 + blur(np.clip(picture, 0, 2) ** 2, 36) * 0.20
    out = 1 - np.exp(-1.25 * np.clip(picture + spill, 0, None))
    return np.clip(out * 1.16, 0, 1).astype(np.float32)

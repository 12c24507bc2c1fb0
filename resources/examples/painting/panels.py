"""Black bars and panels of primary colour on a hand-painted canvas."""

from __future__ import annotations

import numpy as np

from .tools import Plane, clouds, grid, hexes, mix, noise, relief, smooth

RED, BLUE, YELLOW, WHITE, GREY, BLACK = hexes("cf2a1f 1f4aa8 f2c21b f1ecdf d8d6d0 17161a")
UPRIGHT = (
    (0.205, -0.02, 1.02, 0.020),
    (0.760, -0.02, 1.02, 0.026),
    (0.480, 0.62, 1.02, 0.016),
    (0.905, -0.02, 0.335, 0.014),
    (0.355, -0.02, 0.14, 0.014),
    (0.605, 0.80, 1.02, 0.013),
)
"""x, from y, to y, thickness; in shares of the picture."""
LEVEL = (
    (0.140, -0.02, 0.760, 0.016),
    (0.620, -0.02, 1.02, 0.026),
    (0.335, 0.760, 1.02, 0.018),
    (0.800, 0.205, 0.760, 0.018),
    (0.480, -0.02, 0.205, 0.016),
    (0.875, 0.760, 1.02, 0.020),
    (0.70, -0.02, 0.205, 0.013),
)
"""y, from x, to x, thickness."""
PANELS = (
    (0.205, 0.140, 0.760, 0.620, RED),
    (-0.02, 0.700, 0.205, 1.02, BLUE),
    (0.760, -0.02, 0.905, 0.335, YELLOW),
    (0.760, 0.875, 1.02, 1.02, RED),
    (0.480, 0.800, 0.605, 1.02, YELLOW),
    (-0.02, -0.02, 0.205, 0.140, GREY),
    (0.355, -0.02, 0.760, 0.140, BLUE),
    (-0.02, 0.480, 0.205, 0.620, YELLOW),
    (0.605, 0.800, 0.760, 1.02, GREY),
    (0.905, -0.02, 1.02, 0.335, GREY),
)


def paint(height: int = 896, width: int = 896) -> Plane:
    """The picture."""
    rng = np.random.RandomState(1930)
    x, y = grid(height, width)
    x = x * height / width
    # No edge is quite straight, no line quite black.
    bx, by = x + 0.0012 * clouds(rng, height, width, 9, 4), y + 0.0012 * clouds(rng, height, width, 9, 4)
    picture = np.broadcast_to(np.asarray(WHITE, np.float32), (height, width, 3)).copy()
    strokes = noise(rng, height, width, 150, 14), noise(rng, height, width, 150 / 14, 1 / 14)
    body = 0.5 * strokes[0]
    for i, (left, top, right, bottom, colour) in enumerate(PANELS):
        inside = ((bx > left) & (bx < right) & (by > top) & (by < bottom)).astype(np.float32)
        brush = strokes[i % 2]
        tone = np.asarray(colour, np.float32) * (
            1 + 0.05 * brush[..., None] + 0.05 * clouds(rng, height, width, 4, 4)[..., None]
        )
        picture = mix(picture, tone, inside)
        body = np.where(inside > 0, 0.9 * brush, body)
    line = np.full((height, width), -1.0, np.float32)
    for at, start, end, thick in UPRIGHT:
        line = np.maximum(line, np.minimum.reduce([thick / 2 - np.abs(bx - at), by - start, end - by]))
    for at, start, end, thick in LEVEL:
        line = np.maximum(line, np.minimum.reduce([thick / 2 - np.abs(by - at), bx - start, end - bx]))
    cover = smooth(-0.7 / height, 0.7 / height, line)
    ink = np.asarray(BLACK, np.float32) * (1 + 0.25 * strokes[0][..., None])
    picture = mix(picture, ink, cover * np.clip(0.975 + 0.02 * noise(rng, height, width, 300), 0, 1))
    body = body + 0.8 * cover
    weave = np.sin(2 * np.pi * x * width / 3.1) * np.sin(2 * np.pi * y * height / 3.1)
    light = relief(0.55 * body + 0.10 * weave + 0.25 * noise(rng, height, width, height / 2.5), 0.16)
    picture = picture * (1 + 0.45 * light[..., None])
    # Time: fine cracks in the white, a warm varnish.
    field = clouds(rng, height, width, 26, 3)
    crack = smooth(0.016, 0.0, np.abs(field)) * smooth(0.2, 1.0, clouds(rng, height, width, 4, 2))
    picture = mix(picture, picture * 0.72, crack * 0.55)
    warm = 1 - 0.05 * smooth(0.3, 0.75, np.hypot(x - 0.5, y - 0.5))
    return np.clip(picture * warm[..., None] * np.array((1.0, 0.99, 0.965), np.float32), 0, 1).astype(np.float32)

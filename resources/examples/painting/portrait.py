"""A portrait of somebody whom the embedded generator made up, enlarged seven times and lit like a figure of clay.

``portrait_source.png`` is ``studio explore --seeds 8 --psi 0.8`` with the embedded model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .tools import Plane, blur, clouds, grid, hexes, mix, noise, ramp, relief, smooth

SOURCE = Path(__file__).resolve().parent.parent / "portrait_source.png"


def _sharp(picture: Plane, rounds: int = 14) -> Plane:
    """Soft borders drawn together into clean ones, channel by channel (shock filter, Osher and Rudin 1990)."""
    for i in range(rounds):
        soft = blur(picture, 3.0 if i < rounds // 2 else 1.8)
        gy, gx = np.gradient(soft, axis=(0, 1))
        norm = np.sqrt(gx * gx + gy * gy) + 1e-5
        gyy, gyx = np.gradient(gy, axis=(0, 1))
        gxy, gxx = np.gradient(gx, axis=(0, 1))
        bend = (gxx * gx * gx + (gxy + gyx) * gx * gy + gyy * gy * gy) / norm**2
        padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        around = [
            padded[1 + j : padded.shape[0] - 1 + j, 1 + k : padded.shape[1] - 1 + k]
            for j, k in ((0, 1), (0, -1), (1, 0), (-1, 0))
        ]
        high, low = np.maximum.reduce(around), np.minimum.reduce(around)
        step = 0.5 * np.tanh(bend * 900)
        picture = np.where(
            step > 0,
            picture + step * (np.minimum(low, picture) - picture),
            picture - step * (np.maximum(high, picture) - picture),
        )
    return picture.astype(np.float32)


def _moved(plane: Plane, down: int, right: int) -> Plane:
    """The plane shifted; zero comes in."""
    return np.pad(plane, ((down, 0), (right, 0)))[: plane.shape[0], : plane.shape[1]]


def paint(height: int = 896, width: int = 896) -> Plane:
    """The picture."""
    rng = np.random.RandomState(8)
    with Image.open(SOURCE) as image:
        big = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    flat = _sharp(np.asarray(big, np.float32) / 255)
    x, y = grid(height, width)
    ground = np.median(flat[: height // 10].reshape(-1, 3), axis=0)
    away = np.sqrt(((flat - ground) ** 2).sum(-1))
    figure = smooth(0.15, 0.27, blur(away, 1.2))
    figure = figure * smooth(0.35, 0.6, blur(figure, 7))
    # The background becomes a wall in evening light; the figure throws a soft shadow on it.
    wall = ramp(
        list(zip((0.0, 0.5, 1.0), hexes("c9b6e8 8f86c9 4c4f91"), strict=True)), np.hypot(x - 0.28, y - 0.2) * 0.85
    )
    wall = wall * (1 + 0.035 * clouds(rng, height, width, 4, 6)[..., None])
    beam = smooth(0.16, 0.10, np.abs(x + 0.55 * y - 0.62)) * 0.5 + smooth(0.10, 0.05, np.abs(x + 0.55 * y - 0.98)) * 0.4
    wall = mix(wall, hexes("ffdcae")[0], blur(beam, 6) * 0.42 * smooth(1.0, 0.2, y))
    cast = blur(_moved(figure, int(0.035 * height), int(0.05 * width)), 22)
    wall = wall * (1 - 0.50 * cast[..., None])
    # Clay: every colour's patch is a cushion of its own, the whole figure a larger one.
    edges = np.zeros_like(x)
    for c in range(3):
        gy, gx = np.gradient(blur(flat[..., c], 1.2))
        edges = np.maximum(edges, np.hypot(gx, gy))
    line = smooth(0.012, 0.06, edges) * figure
    body = np.zeros_like(x)
    for sigma, weight in ((5, 7), (14, 20), (40, 60), (90, 130)):
        body += weight * (blur(figure, sigma) * figure - 0.32 * blur(line, sigma))
    light = relief(blur(body, 2.5), 1.15, 2.3)
    tint = np.where(
        light[..., None] > 0, np.array((1.0, 0.90, 0.72), np.float32), np.array((0.75, 0.72, 0.95), np.float32)
    )
    grain = 0.014 * noise(rng, height, width, 260) + 0.020 * clouds(rng, height, width, 24, 4)
    skin = flat**1.12 * (1.0 + grain[..., None]) * (1 + 0.30 * light[..., None] * tint)
    depth = np.clip(blur(figure, 40) - 0.45, 0, 1)
    skin = skin * (1.0 + 0.16 * depth[..., None]) * (1.17 - 0.28 * np.clip(x - 0.30, 0, 1)[..., None])
    lit = np.clip(relief(blur(figure, 3), 9.0, 2.3), 0, 1) * figure
    skin = skin + (0.22 * lit)[..., None] * np.array((1.0, 0.86, 0.62), np.float32)
    under = blur(_moved(line, 7, 4), 5) * (1 - line)
    skin = skin * (1 - 0.20 * under[..., None])
    picture = mix(wall, skin, figure)
    vignette = 1 - 0.30 * ((x - 0.45) ** 2 + (y - 0.45) ** 2)
    return np.clip(picture * vignette[..., None] + 0.006 * rng.standard_normal((height, width, 1)), 0, 1).astype(
        np.float32
    )

"""What all pictures are made with: noise, blur, colours, brushes.

Pictures are float32 ``[H, W, 3]`` in [0, 1] as they are seen (sRGB values) unless a name says ``linear``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Plane = NDArray[np.float32]
Colour = tuple[float, float, float]


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """x and y ``[H, W]`` in units of the height, y down, from the middle of the first pixel."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / height, (y + 0.5) / height


def resize(plane: Plane, height: int, width: int) -> Plane:
    """One plane at another size, smooth (bicubic)."""
    out = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(out, dtype=np.float32)


def noise(rng: np.random.RandomState, height: int, width: int, cells: float, stretch: float = 1.0) -> Plane:
    """Smooth noise of about unit variance with ``cells`` bumps over the height (``stretch`` times longer in x)."""
    cells = max(1.0, cells)
    cell = height / cells
    rows, columns = int(np.ceil(cells)) + 2, int(np.ceil(width / cell / stretch)) + 2
    small = rng.standard_normal((rows, columns)).astype(np.float32)
    big = resize(small, int(np.ceil(rows * cell)), int(np.ceil(columns * cell * stretch)))
    top, left = (big.shape[0] - height) // 2, (big.shape[1] - width) // 2
    return big[top : top + height, left : left + width]


def clouds(
    rng: np.random.RandomState,
    height: int,
    width: int,
    cells: float = 3,
    octaves: int = 6,
    gain: float = 0.55,
    stretch: float = 1.0,
) -> Plane:
    """Noise over octaves, about unit variance."""
    out = np.zeros((height, width), np.float32)
    weight, total = 1.0, 0.0
    for i in range(octaves):
        if cells * 2**i > height:
            break
        out += weight * noise(rng, height, width, cells * 2**i, stretch)
        total += weight**2
        weight *= gain
    return (out / np.sqrt(total)).astype(np.float32)


def blur(picture: Plane, sigma: float) -> Plane:
    """A Gaussian blur; the border is mirrored."""
    if sigma <= 0:
        return picture
    if picture.ndim == 3:
        return np.stack([blur(picture[..., c], sigma) for c in range(picture.shape[2])], axis=2)
    pad = int(3 * sigma) + 1
    wide = np.pad(picture, pad, mode="symmetric")
    fy, fx = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])[None]
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (fy**2 + fx**2))
    out = np.fft.irfft2(np.fft.rfft2(wide) * kernel, wide.shape)
    return out[pad:-pad, pad:-pad].astype(np.float32)


def smooth(low: float, high: float, x: Plane) -> Plane:
    """0 below ``low``, 1 above ``high``, a smooth step between (``low`` may exceed ``high``)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def mix(a: Plane | Colour, b: Plane | Colour, t: Plane) -> Plane:
    """From ``a`` to ``b`` by ``t`` ``[H, W]``; colours or pictures."""
    pa, pb = np.asarray(a, np.float32), np.asarray(b, np.float32)
    return (pa + (pb - pa) * np.clip(t, 0, 1)[..., None]).astype(np.float32)


def ramp(stops: list[tuple[float, Colour]], t: Plane) -> Plane:
    """A colour for each value of ``t``, linear between the stops."""
    at = [s for s, _ in stops]
    return np.stack([np.interp(t, at, [c[i] for _, c in stops]) for i in range(3)], axis=-1).astype(np.float32)


def hexes(text: str) -> list[Colour]:
    """Colours from ``"1b2a49 e8c547"``."""
    return [(int(h[0:2], 16) / 255, int(h[2:4], 16) / 255, int(h[4:6], 16) / 255) for h in text.split()]


def luma(picture: Plane) -> Plane:
    """Brightness ``[H, W]``."""
    return (picture @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


def saturate(picture: Plane, amount: float) -> Plane:
    """Colours ``amount`` times as strong."""
    grey = luma(picture)[..., None]
    return np.clip(grey + (picture - grey) * amount, 0, 1).astype(np.float32)


def sample(picture: Plane, x: Plane, y: Plane) -> Plane:
    """The picture at pixel places ``x, y`` (floats), linear between pixels, the border repeated."""
    height, width = picture.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    i, j = y.astype(np.int32), x.astype(np.int32)
    u, v = (x - j).astype(np.float32), (y - i).astype(np.float32)
    if picture.ndim == 3:
        u, v = u[..., None], v[..., None]
    top = picture[i, j] * (1 - u) + picture[i, j + 1] * u
    low = picture[i + 1, j] * (1 - u) + picture[i + 1, j + 1] * u
    return (top * (1 - v) + low * v).astype(np.float32)


def relief(height: Plane, strength: float, angle: float = 2.2) -> Plane:
    """Light on a surface from the upper left: about 0 where it is flat, positive towards the light."""
    gy, gx = np.gradient(height)
    return np.clip(strength * (gx * np.cos(angle) - gy * np.sin(angle)), -1, 1).astype(np.float32)


def shape(height: int, width: int, points: NDArray[np.float64] | list[tuple[float, float]], scale: int = 3) -> Plane:
    """How much of each pixel a polygon covers, ``points`` (x, y) in pixels."""
    image = Image.new("L", (width * scale, height * scale), 0)
    ImageDraw.Draw(image).polygon([(float(x) * scale, float(y) * scale) for x, y in points], fill=255)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255


class Easel:
    """A Pillow canvas ``scale`` times as large, for lines and discs; read back smooth."""

    def __init__(self, height: int, width: int, ground: Plane | Colour | None = None, scale: int = 2) -> None:
        self.height, self.width, self.scale = height, width, scale
        if ground is None or isinstance(ground, tuple):
            fill = tuple(round(255 * c) for c in (ground or (0.0, 0.0, 0.0)))
            self.image = Image.new("RGB", (width * scale, height * scale), fill)
        else:
            small = Image.fromarray(to_bytes(ground))
            self.image = small.resize((width * scale, height * scale), Image.Resampling.BICUBIC)
        self.relief = Image.new("L", self.image.size, 0)
        self.draw, self.high = ImageDraw.Draw(self.image), ImageDraw.Draw(self.relief)

    def line(
        self, points: NDArray[np.float64], widths: NDArray[np.float64] | float, colour: Colour, body: float = 0
    ) -> None:
        """A stroke through ``points`` ``[n, 2]`` (pixels) of these ``widths``; ``body`` is its height in the relief."""
        s = self.scale
        fill, rise = tuple(int(255 * min(1.0, max(0.0, c)) + 0.5) for c in colour), int(255 * min(1.0, max(0.0, body)))
        w = np.broadcast_to(np.asarray(widths, np.float64), (len(points),)) * s
        p = points * s
        for i in range(len(p) - 1):
            thick = max(1, round(float(w[i] + w[i + 1]) / 2))
            ends = [tuple(p[i]), tuple(p[i + 1])]
            for draw, value in ((self.draw, fill), (self.high, rise)):
                draw.line(ends, fill=value, width=thick)
                if thick > 2:
                    x, y, r = float(p[i + 1, 0]), float(p[i + 1, 1]), thick / 2 - 0.5
                    draw.ellipse((x - r, y - r, x + r, y + r), fill=value)

    def dot(self, x: float, y: float, rx: float, ry: float, colour: Colour, body: float = 0) -> None:
        """A disc (ellipse) at pixels ``x, y``."""
        s = self.scale
        box = ((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s)
        self.draw.ellipse(box, fill=tuple(int(255 * min(1.0, max(0.0, c)) + 0.5) for c in colour))
        self.high.ellipse(box, fill=int(255 * min(1.0, max(0.0, body))))

    def polygon(self, points: NDArray[np.float64], colour: Colour) -> None:
        """A filled shape."""
        fill = tuple(int(255 * min(1.0, max(0.0, c)) + 0.5) for c in colour)
        self.draw.polygon([(float(x) * self.scale, float(y) * self.scale) for x, y in points], fill=fill)

    def picture(self) -> Plane:
        """``[H, W, 3]``."""
        small = self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        return np.asarray(small, np.float32) / 255

    def surface(self) -> Plane:
        """The relief ``[H, W]``."""
        return np.asarray(self.relief.resize((self.width, self.height), Image.Resampling.LANCZOS), np.float32) / 255


def to_bytes(picture: Plane) -> NDArray[np.uint8]:
    """uint8 for saving."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)

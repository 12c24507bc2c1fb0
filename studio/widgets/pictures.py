"""From numpy pictures to what Qt draws: conversion, thumbnails, the checkerboard, heat maps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPixmap, QTransform

from studio.base.steps import UInt8Image
from studio.widgets.tokens import Theme


def to_qimage(pixels: UInt8Image) -> QImage:
    """A copy of ``[H, W, 3|4]`` (or grey ``[H, W]``) uint8 as RGB32 or premultiplied ARGB32.

    Raises ValueError for another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(f"a picture is [H, W, 3] or [H, W, 4] uint8, not {pixels.shape} {pixels.dtype}")
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    kinds = {2: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}
    channels = 2 if data.ndim == 2 else data.shape[2]
    stride = width * (1 if data.ndim == 2 else channels)
    view = QImage(data.data, width, height, stride, kinds[channels])
    target = QImage.Format.Format_ARGB32_Premultiplied if channels == 4 else QImage.Format.Format_RGB32
    return view.convertToFormat(target)


def from_qimage(image: QImage) -> UInt8Image:
    """The pixels of any QImage as ``[H, W, 4]`` (with alpha) or ``[H, W, 3]`` uint8."""
    alpha = image.hasAlphaChannel()
    made = image.convertToFormat(QImage.Format.Format_RGBA8888 if alpha else QImage.Format.Format_RGB888)
    channels = 4 if alpha else 3
    flat = np.frombuffer(made.constBits(), np.uint8).reshape(made.height(), made.bytesPerLine())
    return flat[:, : made.width() * channels].reshape(made.height(), made.width(), channels).copy()


def thumbnail(pixels: UInt8Image | QImage, size: QSize, ratio: float = 1.0) -> QPixmap:
    """The middle of a picture, filling ``size`` logical pixels, area-averaged, at device pixel ``ratio``."""
    image = pixels if isinstance(pixels, QImage) else to_qimage(_thinned(pixels, size, ratio))
    side = QSize(max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio)))
    scaled = image.scaled(
        side, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    )
    left, top = (scaled.width() - side.width()) // 2, (scaled.height() - side.height()) // 2
    made = QPixmap.fromImage(scaled.copy(left, top, side.width(), side.height()))
    made.setDevicePixelRatio(ratio)
    return made


def _thinned(pixels: UInt8Image, size: QSize, ratio: float) -> UInt8Image:
    # A photograph of 100 Mpx need not be converted whole for a thumbnail of 64 px.
    wanted = 4 * ratio * max(size.width(), size.height())
    step = max(1, int(min(pixels.shape[:2]) // wanted))
    return pixels[::step, ::step] if step > 1 else pixels


def as_html(image: UInt8Image) -> str:
    """A picture (96 to 192 px wide) as a tooltip shows it."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    side = min(192, max(96, image.shape[0], image.shape[1]))
    thumbnail(image, QSize(side, round(side * image.shape[0] / image.shape[1]))).save(buffer, "PNG")
    return f'<img src="data:image/png;base64,{bytes(data.toBase64().data()).decode()}"/>'


@lru_cache(maxsize=8)
def checkerboard(square: int = 8) -> QBrush:
    """The brush that lies under transparent parts."""
    tile = QPixmap(2 * square, 2 * square)
    tile.fill(QColor("#2a2c33"))
    painter = QPainter(tile)
    other = QColor("#35383f")
    painter.fillRect(0, 0, square, square, other)
    painter.fillRect(square, square, square, square, other)
    painter.end()
    return QBrush(tile)


def draw_rounded(painter: QPainter, rect: QRectF, pixmap: QPixmap, radius: float = 4.0, opacity: float = 1.0) -> None:
    """Draw ``pixmap`` into ``rect`` with smooth round corners (clipping alone is not smoothed by the raster engine)."""
    painter.save()
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    painter.setOpacity(painter.opacity() * opacity)
    if radius <= 0:
        painter.drawPixmap(rect, pixmap, QRectF(pixmap.rect()))
    else:
        # Texture brushes misplace pixmaps that have a device pixel ratio (Qt 6.12): give them one without.
        flat = pixmap
        if pixmap.devicePixelRatio() != 1.0:
            flat = QPixmap(pixmap)
            flat.setDevicePixelRatio(1.0)
        brush = QBrush(flat)
        place = QTransform.fromTranslate(rect.x(), rect.y())
        place.scale(rect.width() / max(1, flat.width()), rect.height() / max(1, flat.height()))
        brush.setTransform(place)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush)
        painter.drawRoundedRect(rect, radius, radius)
    painter.restore()


def rounded_path(rect: QRectF, radius: float = Theme.RADIUS) -> QPainterPath:
    """A rounded rectangle as a path, for clipping."""
    path = QPainterPath()
    path.addRoundedRect(rect, radius, radius)
    return path


@lru_cache(maxsize=1)
def _heat_table() -> npt.NDArray[np.uint8]:
    """256 premultiplied BGRA colours, from nothing over amber to near white."""
    t = np.linspace(0.0, 1.0, 256)
    stops = np.array([0.0, 0.35, 0.75, 1.0])
    table = np.zeros((256, 4))
    for channel, values in enumerate(((20, 60, 90, 205), (20, 110, 166, 236), (60, 235, 242, 255))):  # B, G, R
        table[:, channel] = np.interp(t, stops, values)
    table[:, 3] = 255 * 0.85 * np.clip(t * 1.35, 0, 1) ** 0.8
    table[:, :3] *= table[:, 3:] / 255
    return table.round().astype(np.uint8)


def heat_image(values: npt.NDArray[Any]) -> QImage:
    """A map ``[H, W]`` of floats in [0, 1] as a translucent heat map."""
    if values.ndim != 2:
        raise ValueError(f"a map is [H, W], not {values.shape}")
    index = (np.nan_to_num(np.clip(values, 0.0, 1.0)) * 255).astype(np.uint8)
    colours = np.ascontiguousarray(_heat_table()[index])
    height, width = index.shape
    return QImage(colours.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _cubic(t: float) -> tuple[float, float, float, float]:
    """The four weights of Catmull-Rom interpolation (Keys 1981, a = -1/2) at ``t`` in [0, 1) after the second tap."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


def _stretched(values: npt.NDArray[np.float32], factor: int, axis: int) -> npt.NDArray[np.float32]:
    """``values`` enlarged along one axis, phase by phase, so that every sum runs over whole arrays."""
    length = values.shape[axis]
    edges = [(2, 2) if a == axis else (0, 0) for a in range(values.ndim)]
    padded = np.pad(values, edges, mode="edge")
    shape = list(values.shape)
    shape[axis] = length * factor
    out = np.empty(shape, np.float32)
    whole = (slice(None),) * axis
    for phase in range(factor):
        at = (phase + 0.5) / factor - 0.5
        first = 0 if at < 0 else 1  # the pad is two wide: tap -1 of sample 0 is at 1
        taps = _cubic(at - np.floor(at))
        part = padded[(*whole, slice(first, first + length))] * np.float32(taps[0])
        for k in range(1, 4):
            part += padded[(*whole, slice(first + k, first + k + length))] * np.float32(taps[k])
        out[(*whole, slice(phase, None, factor))] = part
    return out


def enlarge(pixels: UInt8Image, factor: int) -> UInt8Image:
    """A small picture ``factor`` times as large, smooth and sharp (bicubic), for showing and never for exporting."""
    tall = _stretched(pixels.astype(np.float32), factor, 0)
    wide = _stretched(tall, factor, 1)
    wide += 0.5
    made: UInt8Image = np.clip(wide, 0, 255, out=wide).astype(np.uint8)
    return made

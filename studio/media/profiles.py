"""Colour profiles: from a file's own colours to sRGB and back, in 8 and in 16 bits.

Networks and screens get sRGB; what is exported goes back to the profile of the file that it was made from.  8 bits go
through LittleCMS.  It takes no 16-bit pictures from Pillow, so profiles made of a matrix and curves (Adobe RGB,
Display P3, ProPhoto, nearly all cameras and editors) or of one grey curve are computed here; ICC.1:2022, sections 8.3,
10.6 (curveType) and 10.18 (parametricCurveType).  Relative colorimetric: white stays white.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageCms

from studio.base.steps import UInt8Image
from studio.media.deep import UInt16Image, rows_of

Float = npt.NDArray[np.float64]

_FINE = 1 << 18
"""Entries of tables over the square root of light: finer than 16 bits everywhere, in the shadows too."""
# sRGB's primaries as seen under D50 (IEC 61966-2-1 with Bradford's adaptation, as in the ICC's own sRGB profiles).
_SRGB_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)


@functools.cache
def srgb_profile() -> ImageCms.ImageCmsProfile:
    """LittleCMS's own sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def opened_profile(icc: bytes) -> ImageCms.ImageCmsProfile | None:
    """The profile; None when it is damaged."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def space_of(icc: bytes) -> str:
    """Of which colours a profile speaks: "RGB", "GRAY", "CMYK", "Lab" ...; "" when it is damaged."""
    profile = opened_profile(icc)
    return "" if profile is None else str(profile.profile.xcolor_space).strip()


def is_srgb(icc: bytes) -> bool:
    """Whether the profile says that it is sRGB: nothing is to be converted."""
    profile = opened_profile(icc)
    return profile is not None and (profile.profile.profile_description or "").lower().startswith("srgb")


# 16 bits ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curves:
    """A profile of a matrix and curves: ``light`` ``[1|3, 65536]`` of each 16-bit value, in 0..1, never falling;
    ``matrix`` ``[3, 3]`` from light to XYZ under D50 (None: grey, one curve).
    """

    light: Float
    matrix: Float | None


@functools.lru_cache(8)
def curves_of(icc: bytes) -> Curves | None:
    """Matrix and curves of a profile; None: it works otherwise (tables), is not of colours seen, or is damaged."""
    try:
        tags = _tags(icc)
        if any(name in tags for name in (b"A2B0", b"A2B1", b"D2B0", b"D2B1")):
            return None  # the tables go before
        if icc[20:24] != b"XYZ ":
            return None
        if icc[16:20] == b"GRAY":
            return Curves(_curve(tags[b"kTRC"])[None], None)
        if icc[16:20] != b"RGB ":
            return None
        light = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        matrix = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        return Curves(light, matrix) if abs(np.linalg.det(matrix)) > 1e-6 else None
    except (KeyError, struct.error, ValueError, IndexError, ArithmeticError):
        return None


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    found = {}
    for i in range(min(count, 200)):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        found[name] = icc[offset : offset + size]
    return found


def _xyz(data: bytes) -> Float:
    if data[:4] != b"XYZ ":
        raise ValueError("not XYZ")
    return np.array(struct.unpack_from(">3i", data, 8)) / 65536.0


def _curve(data: bytes) -> Float:
    x = np.arange(65536) / 65535.0
    if data[:4] == b"curv":
        (count,) = struct.unpack_from(">I", data, 8)
        if count == 0:
            return x
        if count == 1:
            return x ** float(struct.unpack_from(">H", data, 12)[0] / 256.0)
        table = np.frombuffer(data, ">u2", count, 12) / 65535.0
        y = np.interp(x, np.linspace(0.0, 1.0, count), table)
    elif data[:4] == b"para":
        y = _parametric(x, data)
    else:
        raise ValueError("an unknown kind of curve")
    if not np.isfinite(y).all() or y[-1] <= y[0]:
        raise ValueError("not a curve of light")
    # Some grey profiles fall by rounding in the deepest black; the way back needs curves that never do.
    return np.asarray(np.maximum.accumulate(np.clip(y, 0.0, 1.0)))


def _parametric(x: Float, data: bytes) -> Float:
    (kind,) = struct.unpack_from(">H", data, 8)
    count = (1, 3, 4, 5, 7)[kind]
    g, a, b, c, d, e, f = (np.array(struct.unpack_from(f">{count}i", data, 12)) / 65536.0).tolist() + [0.0] * (
        7 - count
    )
    if kind == 0:
        return np.asarray(x**g)
    if kind in (1, 2):  # a straight bottom, raised by c
        return np.asarray(np.where(x >= -b / a, np.maximum(a * x + b, 0.0) ** g, 0.0) + c)
    return np.asarray(np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f))


def deep_to_srgb(deep: npt.NDArray[np.uint16], curves: Curves) -> npt.NDArray[np.uint16]:
    """16-bit values ``[H, W]`` (a grey profile) or ``[H, W, 3|4]`` in a profile's colours as sRGB; alpha stays."""
    return _converted(deep, *_road(curves, back=False))


def deep_from_srgb(deep: UInt16Image, curves: Curves) -> UInt16Image:
    """sRGB in 16 bits ``[H, W, 3|4]`` as values in the colours of an RGB profile; alpha stays."""
    return _converted(deep, *_road(curves, back=True))


_Road = tuple[tuple[npt.NDArray[np.float32], ...], Float | None, tuple[npt.NDArray[np.uint16], ...]]
"""Values to light (a curve for each colour), light to light (a matrix), and from its square root to values."""


@functools.lru_cache(4)
def _road(curves: Curves, back: bool) -> _Road:
    light = tuple(curve.astype(np.float32) for curve in curves.light)
    if back:
        assert curves.matrix is not None
        tables = tuple(_fine_table(curve) for curve in curves.light)
        return (_srgb_curve().astype(np.float32),) * 3, np.linalg.inv(curves.matrix) @ _SRGB_TO_XYZ, tables
    matrix = None if curves.matrix is None else np.linalg.inv(_SRGB_TO_XYZ) @ curves.matrix
    return light if len(light) == 3 else light * 3, matrix, (_fine_table(_srgb_curve()),) * 3


def _converted(
    deep: npt.NDArray[np.uint16],
    light: tuple[npt.NDArray[np.float32], ...],
    matrix: Float | None,
    tables: tuple[npt.NDArray[np.uint16], ...],
) -> npt.NDArray[np.uint16]:
    made = deep.copy()
    planes = made[..., None] if made.ndim == 2 else made[..., :3]
    weights = None if matrix is None else matrix.astype(np.float32).T
    for top, bottom in rows_of(deep.shape[0], deep.shape[1]):
        part = planes[top:bottom]
        values = np.stack([light[c][part[..., c]] for c in range(part.shape[2])], axis=2)
        if weights is not None:
            values = values @ weights
        np.clip(values, 0.0, 1.0, out=values)
        np.sqrt(values, out=values)
        index = (values * np.float32(_FINE - 1) + np.float32(0.5)).astype(np.int32)
        for c in range(part.shape[2]):
            part[..., c] = tables[c][index[..., c]]
    return made


def _fine_table(light: Float) -> npt.NDArray[np.uint16]:
    """The way back from the square root of light to 16-bit values."""
    wanted = (np.arange(_FINE) / (_FINE - 1)) ** 2
    return np.asarray(np.interp(wanted, light, np.arange(65536.0)) + 0.5).astype(np.uint16)


@functools.cache
def _srgb_curve() -> Float:
    x = np.arange(65536) / 65535.0
    return np.asarray(np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4))


# 8 bits, back ----------------------------------------------------------------------------------------------------


@functools.lru_cache(4)
def _way_back(icc: bytes) -> ImageCms.ImageCmsTransform | None:
    profile = opened_profile(icc)
    if profile is None or str(profile.profile.xcolor_space).strip() != "RGB":
        return None
    try:
        return ImageCms.buildTransform(
            srgb_profile(),
            profile,
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def from_srgb(pixels: UInt8Image, icc: bytes) -> UInt8Image | None:
    """sRGB ``[H, W, 3|4]`` in the colours of a profile, alpha as it is; None: nothing leads there.

    Only RGB profiles have a way back (a grey or CMYK file's profile does not fit a picture in colour), and of those
    that are made of tables only the ones that hold one.
    """
    if is_srgb(icc):
        return pixels
    if (transform := _way_back(icc)) is None:
        return None
    made = pixels.copy()
    for top, bottom in rows_of(pixels.shape[0], pixels.shape[1]):
        strip = PILImage.fromarray(np.ascontiguousarray(pixels[top:bottom, :, :3]))
        colours = ImageCms.applyTransform(strip, transform)
        assert colours is not None
        made[top:bottom, :, :3] = np.asarray(colours)
    return made

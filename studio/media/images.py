"""Pictures in and out.  Whatever a file holds, what comes in is upright sRGB in 8 bits; what goes out is whole.

Limits are named in the messages; Pillow's own guard against picture bombs stays on.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as PILImage

from studio.base.errors import OutOfMemory, StudioError, as_studio_error
from studio.base.files import write_atomic
from studio.base.steps import UInt8Image
from studio.media.deep import Way, read_deep, to_eight, way_of, with_transparent
from studio.media.metadata import TEXT_KEY, exif_bytes, is_mp4, jpeg_parts, mp4_text, png_info, texts_of, tiff_info
from studio.media.profiles import curves_of, deep_to_srgb, is_srgb, space_of, srgb_profile

MAX_PIXELS = 200_000_000
# Pillow warns above this and refuses above twice as much; load_image refuses before, by the caller's limit.
PILImage.MAX_IMAGE_PIXELS = MAX_PIXELS

# No EPS (it runs another program), no formats whose decoders nobody looks at.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "AVIF", "JPEG2000")
READABLE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".tif", ".tiff"),
    *(".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".avif", ".jp2", ".j2k"),
)
"""Suffixes of picture files that :func:`load_image` reads (for file dialogs; the content decides)."""
WRITABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_KNOWN = "PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF and JPEG 2000 are known."


@dataclass(frozen=True, eq=False)
class Image:
    """A picture that was read.

    ``pixels`` ``[H, W, 3|4]`` uint8, sRGB, upright; ``deep`` the same in uint16 when the file has 16 bits (``depth``
    16), ``[H, W]`` of grey and ``[H, W, 3|4]`` of colours; ``icc`` the file's own profile (``pixels`` and ``deep`` are
    converted from it); ``size`` (width, height);
    ``text`` what the file says in words, the recipe under "latent-studio"; ``notes`` sentences about what was not
    taken over.
    """

    pixels: UInt8Image
    icc: bytes | None = None
    depth: int = 8
    deep: npt.NDArray[np.uint16] | None = None
    size: tuple[int, int] = (0, 0)
    source: Path | None = None
    text: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


# Reading


def load_image(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture from a file or from bytes; of animations the first frame.

    ``max_pixels``: larger ones are refused before they are unpacked.  StudioError with a sentence: not there, not a
    picture, broken off, too large.  OutOfMemory: it did not fit.
    """
    path = None if isinstance(source, bytes) else Path(source)
    with _opened(source, max_pixels) as image:
        if (way := way_of(image)) is not None and (found := _deep_image(image, source, path, way)) is not None:
            return found
        tiles = getattr(image, "tile", [])  # how the file stores its pixels; empty once they are read
        rawmode = str(tiles[0].args) if tiles else ""
        image.load()
        return _as_image(image, path, rawmode)


def read_recipe(source: str | Path | bytes) -> str | None:
    """The recipe text in a picture or film that the studio exported, without unpacking pixels where possible.

    None: it holds none.  StudioError as :func:`load_image`.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, bytes):
            file: Any = io.BytesIO(source)
        else:
            file = stack.enter_context(_file(Path(source)))
        if is_mp4(file):
            return mp4_text(file)
    with _opened(source, MAX_PIXELS) as image:
        found = texts_of(image)
        if TEXT_KEY not in found and image.format == "PNG":  # some programs put texts behind the pixels
            image.load()
            found = texts_of(image)
        return found.get(TEXT_KEY)


def _file(path: Path) -> io.BufferedReader:
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would be waited for, for ever
        raise StudioError(f"“{path.name}” is not a file.")
    try:
        return path.open("rb")
    except FileNotFoundError as exc:
        raise StudioError(
            f"“{path.name}” is not there any more.", f"It was looked for in {path.parent}.", "Choose another file."
        ) from exc
    except IsADirectoryError as exc:
        raise StudioError(f"“{path.name}” is a folder, not a picture.") from exc
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Opening “{path.name}”") from exc


@contextlib.contextmanager
def _opened(source: str | Path | bytes, max_pixels: int) -> Iterator[PILImage.Image]:
    """The file as an opened Pillow picture; every failure inside becomes a sentence."""
    name = "This picture" if isinstance(source, bytes) else f"“{Path(source).name}”"
    with contextlib.ExitStack() as stack:
        file: Any = io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(_file(Path(source)))
        try:
            image = stack.enter_context(PILImage.open(file, formats=FORMATS))
            if image.width * image.height > max_pixels:
                raise _too_large(name, f"It has {image.width} × {image.height} pixels", max_pixels)
            yield image
        except StudioError:
            raise
        except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as exc:
            raise _too_large(name, "It has far more pixels", max_pixels) from exc
        except MemoryError as exc:
            raise OutOfMemory(
                f"{name} could not be opened: there was not enough memory.",
                todo="Close other programs or make the picture smaller.",
            ) from exc
        except UnidentifiedImageError as exc:
            raise _not_a_picture(name, file) from exc
        except Exception as exc:  # decoders of broken files raise whatever they stumble over
            raise StudioError(
                f"{name} is damaged or broken off and cannot be read.",
                "Perhaps it was not copied or downloaded to its end.",
                "Choose another copy of it.",
                detail=f"{type(exc).__name__}: {exc}",
            ) from exc


def _too_large(name: str, why: str, max_pixels: int) -> StudioError:
    limit = f"{max_pixels / 1e6:g} megapixels" if max_pixels >= 100_000 else f"{max_pixels} pixels"
    return StudioError(f"{name} is too large.", f"{why}; at most {limit} are opened.", "Make it smaller first.")


def _not_a_picture(name: str, file: Any) -> StudioError:
    with contextlib.suppress(OSError, ValueError):
        file.seek(0)
        head = file.read(16)
        if head[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"}:
            return StudioError(
                f"{name} is a HEIC photograph, which cannot be read.", todo="Export it as JPEG from the phone."
            )
        if not head:
            return StudioError(f"{name} is empty.")
    return StudioError(f"{name} is not a picture that can be read.", _KNOWN)


def _as_image(image: PILImage.Image, path: Path | None, rawmode: str) -> Image:
    notes: list[str] = []
    text = texts_of(image)
    orientation = _orientation(image)  # after load(): Pillow turns TIFF itself and then takes the mark away
    icc = image.info.get("icc_profile")
    icc = icc if isinstance(icc, bytes) and icc else None
    if "16" in rawmode and image.mode in {"RGB", "RGBA", "LA", "CMYK"}:
        notes.append("The picture has 16 bits for each colour; 8 of them are used.")
    image, deep = _eight_bits(image, notes)
    pixels = np.ascontiguousarray(_upright(_srgb(image, icc, notes), orientation))
    if deep is not None:
        if icc is not None and space_of(icc) == "GRAY" and (curves := curves_of(icc)) is not None:
            deep = deep_to_srgb(deep, curves)
        deep = np.ascontiguousarray(_upright(deep, orientation))
    return Image(
        pixels=pixels,
        icc=icc,
        depth=8 if deep is None else 16,
        deep=deep,
        size=(pixels.shape[1], pixels.shape[0]),
        source=path,
        text=text,
        notes=tuple(notes),
    )


def _deep_image(image: PILImage.Image, source: str | Path | bytes, path: Path | None, way: Way) -> Image | None:
    """A picture with 16 bits for each colour; None: its profile is known to LittleCMS only, which takes 8 bits."""
    icc = image.info.get("icc_profile")
    icc = icc if isinstance(icc, bytes) and icc else None
    curves = None
    if icc is not None and not is_srgb(icc) and (curves := curves_of(icc)) is None and space_of(icc) == "RGB":
        return None
    ends: dict[str, Any] = {}

    @contextlib.contextmanager
    def opened() -> Iterator[PILImage.Image]:
        with PILImage.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as again:
            yield again
            ends.update(text=texts_of(again), turned=_orientation(again))  # what stands behind the pixels, too

    deep = read_deep(opened, way)
    transparent = image.info.get("transparency")
    if isinstance(transparent, tuple) and len(transparent) == 3:
        deep = with_transparent(deep, transparent)
    notes: tuple[str, ...] = ()
    if curves is not None and (curves.matrix is not None or way.low == ""):
        deep = deep_to_srgb(deep, curves)
    elif icc is not None and not is_srgb(icc):
        notes = ("The colour profile does not belong to this kind of picture and was not used.",)
    deep = np.ascontiguousarray(_upright(deep, ends["turned"]))
    size = (deep.shape[1], deep.shape[0])
    return Image(
        pixels=to_eight(deep), icc=icc, depth=16, deep=deep, size=size, source=path, text=ends["text"], notes=notes
    )


def _orientation(image: PILImage.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # EXIF of strangers: Pillow raises whatever its parser stumbles over; upright is the default
        return 1
    return value if value in range(1, 9) else 1


def _upright(array: Any, orientation: int) -> Any:
    """Undo the EXIF orientation of ``[H, W, ...]`` (TIFF 6.0, tag 274)."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    return array


def _eight_bits(image: PILImage.Image, notes: list[str]) -> tuple[PILImage.Image, npt.NDArray[np.uint16] | None]:
    """A picture of 16-bit, 32-bit or float greys in 8 bits, 16 bits of grey beside it; others as they are."""
    if image.mode.startswith("I;16"):
        return _grey16(image, np.asarray(image).astype(np.uint16))
    if image.mode == "I":
        values = np.asarray(image)
        if values.min() >= 0 and values.max() <= 65535:
            return _grey16(image, values.astype(np.uint16))
        notes.append("The picture has 32-bit values; they were stretched from black to white.")
        return PILImage.fromarray(_stretched(values)), None
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low >= 0.0 and high <= 1.0:
            return PILImage.fromarray((values * 255.0 + 0.5).astype(np.uint8)), None
        if low >= 0.0 and high <= 255.0:
            return PILImage.fromarray((values + 0.5).astype(np.uint8)), None
        notes.append("The picture has values beyond white; they were stretched from black to white.")
        return PILImage.fromarray(_stretched(values)), None
    return image, None


def _grey16(
    image: PILImage.Image, deep: npt.NDArray[np.uint16]
) -> tuple[PILImage.Image, npt.NDArray[np.uint16] | None]:
    grey = PILImage.fromarray(((deep.astype(np.uint32) + 128) // 257).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(PILImage.fromarray(np.where(deep == transparent, 0, 255).astype(np.uint8)))
    return grey, deep


def _stretched(values: npt.NDArray[Any]) -> UInt8Image:
    low, high = float(values.min()), float(values.max())
    scaled: UInt8Image = ((values - low) * (255.0 / max(high - low, 1e-30)) + 0.5).astype(np.uint8)
    return scaled


_SPACE_OF_MODE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
_STRIP = 4 * 2**20
"""Pixels converted at a time: a large picture is in memory twice, not six times."""


def _colour_mode(image: PILImage.Image) -> str:
    """L, RGB, CMYK or LAB: in which of them the colours of the picture are."""
    if image.mode in {"CMYK", "LAB"}:
        return image.mode
    if image.mode in {"1", "L"}:  # one grey value may be marked as transparent, which Pillow resolves in colour only
        return "RGB" if image.has_transparency_data else "L"
    return "L" if image.mode in {"LA", "La"} else "RGB"


def _srgb(image: PILImage.Image, icc: bytes | None, notes: list[str]) -> UInt8Image:
    """Pixels ``[H, W, 3|4]`` in sRGB.  Relative colorimetric with black point compensation, as picture editors do."""
    mode, transparent = _colour_mode(image), image.has_transparency_data
    transform: ImageCms.ImageCmsTransform | None = None
    if mode == "LAB" or icc is not None:
        mode, transform = _transform(mode, icc, notes)
    width, height = image.size
    pixels = np.empty((height, width, 4 if transparent else 3), np.uint8)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        if transparent:
            strip = strip if strip.mode == "RGBA" else strip.convert("RGBA")
            pixels[top : top + rows, :, 3] = np.asarray(strip.getchannel("A"))
        if transform is not None:
            colour = ImageCms.applyTransform(strip if strip.mode == mode else strip.convert(mode), transform)
            assert colour is not None
        else:
            colour = strip if strip.mode in {"RGB", "RGBA"} else strip.convert("RGB")
        pixels[top : top + rows, :, :3] = np.asarray(colour)[..., :3]
    return pixels


def _transform(mode: str, icc: bytes | None, notes: list[str]) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """From the embedded profile to sRGB when it fits and changes something, and the mode that it speaks of."""
    try:
        if icc is None or mode == "LAB":  # Lab needs none
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if space == "RGB" and mode == "L":  # grey pictures are often marked as sRGB
            mode = "RGB"
        if space != _SPACE_OF_MODE[mode]:
            notes.append("The colour profile does not belong to this kind of picture and was not used.")
            return mode, None
        if space == "RGB" and (profile.profile.profile_description or "").lower().startswith("srgb"):
            return mode, None
        transform = ImageCms.buildTransform(
            profile,
            srgb_profile(),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("The colour profile of the picture is damaged and was not used.")
        return mode, None
    return mode, transform


# Writing


def encode_image(
    pixels: UInt8Image,
    suffix: str,
    *,
    recipe: str | None = None,
    quality: int = 95,
    icc: bytes | None = None,
    compression: int = 4,
) -> bytes:
    """A picture file in memory, by ``suffix`` (".png", ".jpg", ".webp", ".tiff").

    ``quality`` 1..100 for JPEG and WebP (a WebP of 100 is lossless); ``compression`` 0..9 for PNG (all lossless).  A
    JPEG has no transparency: it is laid on white.  StudioError: the format is unknown or cannot hold the picture.
    """
    suffix = suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise StudioError(
            f"Pictures cannot be saved as “{suffix or 'no suffix'}”.", todo="Choose .png, .jpg, .webp or .tiff."
        )
    image = _checked(pixels)
    options: dict[str, Any] = {}
    if suffix == ".png":
        options = {"format": "PNG", "pnginfo": png_info(recipe), "compress_level": compression}
    elif suffix in {".jpg", ".jpeg"}:
        exif, extra = jpeg_parts(recipe)
        image = PILImage.fromarray(flatten(pixels, (255, 255, 255)))
        options = {"format": "JPEG", "quality": quality, "subsampling": 0, "optimize": True, "exif": exif}
        options["extra"] = extra
    elif suffix == ".webp":
        options = {"format": "WEBP", "quality": quality, "lossless": quality >= 100, "exact": True, "method": 4}
        options["exif"] = exif_bytes(recipe)
    else:
        options = {"format": "TIFF", "compression": "tiff_adobe_deflate", "tiffinfo": tiff_info(recipe)}
    if icc:
        options["icc_profile"] = icc
    buffer = io.BytesIO()
    try:
        image.save(buffer, **options)
    except (OSError, ValueError, OverflowError) as exc:
        raise StudioError(
            f"The picture could not be saved as “{suffix}”.",
            f"It has {image.width} × {image.height} pixels, and this format may not hold as many.",
            "Choose PNG, or a smaller size.",
            detail=f"{type(exc).__name__}: {exc}",
        ) from exc
    return buffer.getvalue()


def save_image(
    path: str | Path, pixels: UInt8Image, *, recipe: str | None = None, quality: int = 95, icc: bytes | None = None
) -> None:
    """Write a picture by its suffix; whole or not at all.  ``recipe``: the text that restores it when dropped back."""
    path = Path(path)
    data = encode_image(pixels, path.suffix, recipe=recipe, quality=quality, icc=icc)
    try:
        write_atomic(path, data)
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Saving “{path.name}”") from exc


def _checked(pixels: UInt8Image) -> PILImage.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise ValueError(f"not a picture: {pixels.dtype} {pixels.shape}, expected uint8 [H, W, 3|4]")
    return PILImage.fromarray(np.ascontiguousarray(pixels))


# Sizes


def flatten(pixels: UInt8Image, background: tuple[int, int, int]) -> UInt8Image:
    """A picture without transparency ``[H, W, 3]``: laid on a colour."""
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    under = np.array(background, np.uint16)
    mixed = pixels[..., :3] * alpha + under * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def thumbnail(pixels: UInt8Image, size: int) -> UInt8Image:
    """The picture made small enough to fit into ``size`` x ``size``; smaller ones stay as they are."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    if scale >= 1.0:
        return pixels
    return _resized(_checked(pixels), max(1, round(width * scale)), max(1, round(height * scale)))


def fit_square(pixels: UInt8Image, size: int) -> UInt8Image:
    """The middle square of the picture, made ``size`` x ``size``."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    return _resized(_checked(square), size, size)


def _resized(image: PILImage.Image, width: int, height: int) -> UInt8Image:
    # Pillow weighs colours by their alpha here, so that no fringe of hidden colour appears.
    return np.array(image.resize((width, height), PILImage.Resampling.LANCZOS, reducing_gap=3.0))

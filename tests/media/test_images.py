"""Pictures of every kind in, upright sRGB out; and back into files that carry their recipe."""

from __future__ import annotations

import errno
import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms, ImageOps

from studio.base.errors import ResourceError, StudioError
from studio.media import images, metadata
from studio.media.images import encode_image, fit_square, flatten, load_image, read_recipe, save_image, thumbnail

RNG = np.random.default_rng(0)


def smooth(height: int = 24, width: int = 40, channels: int = 3) -> np.ndarray:
    """A picture that JPEG keeps well: soft, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [x, y, 1 - x, 0.25 + y / 2][:channels]
    return (np.dstack(planes) * 255).astype(np.uint8)


def encoded(image: PILImage.Image, fmt: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(fmt: str, orientation: int) -> None:
    image = PILImage.fromarray(smooth())
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(fmt, {})
    data = encoded(image, fmt, exif=exif, **options)
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    found = load_image(data)
    assert found.pixels.shape == expected.shape
    assert found.size == (expected.shape[1], expected.shape[0])
    assert np.abs(found.pixels.astype(int) - expected).max() <= (3 if fmt == "JPEG" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_deep_values_too(orientation: int) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    deep = RNG.integers(0, 65536, (5, 9), dtype=np.uint16)
    found = load_image(encoded(PILImage.fromarray(deep), "PNG", exif=exif))
    assert found.deep is not None
    assert np.array_equal(found.pixels[..., 0], (found.deep.astype(np.uint32) + 128) // 257)
    assert found.deep.shape == ((9, 5) if orientation > 4 else (5, 9))


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey(fmt: str) -> None:
    deep = np.array([[0, 1, 128, 129], [256, 32768, 65407, 65535]], np.uint16)
    found = load_image(encoded(PILImage.fromarray(deep), fmt))
    assert found.depth == 16
    assert found.deep is not None and found.deep.dtype == np.uint16
    assert np.array_equal(found.deep, deep)
    assert found.pixels.shape == (2, 4, 3)
    assert found.pixels[..., 1].tolist() == [[0, 0, 0, 1], [1, 128, 255, 255]]


def test_big_endian_sixteen_bit_tiff() -> None:
    deep = np.array([[1, 2, 258], [65535, 3, 4]], ">u2")
    entries = [(256, 3), (257, 2), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 2), (279, 12)]
    ifd = struct.pack(">H", len(entries))
    for tag, value in entries:
        ifd += struct.pack(">HHIHH", tag, 3, 1, value, 0)
    data = b"MM\0\x2a" + struct.pack(">I", 20) + deep.tobytes() + ifd + struct.pack(">I", 0)
    found = load_image(data)
    assert found.deep is not None
    assert found.deep.tolist() == deep.tolist()


def test_sixteen_bits_of_colour_come_in_whole() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">6H", 65535, 0, 256, 1, 32768, 65280)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    found = load_image(data)
    assert found.depth == 16 and found.deep is not None and not found.notes
    assert found.deep.tolist() == [[[65535, 0, 256], [1, 32768, 65280]]]
    assert found.pixels.tolist() == [[[255, 0, 1], [0, 128, 254]]]


def test_one_bit_palette_grey_and_alpha() -> None:
    bits = np.array([[0, 255], [255, 0]], np.uint8)
    found = load_image(encoded(PILImage.fromarray(bits).convert("1"), "PNG"))
    assert np.array_equal(found.pixels, np.dstack([bits] * 3))

    grey = RNG.integers(0, 256, (6, 7), dtype=np.uint8)
    assert np.array_equal(load_image(encoded(PILImage.fromarray(grey), "PNG")).pixels, np.dstack([grey] * 3))

    both = RNG.integers(0, 256, (6, 7, 2), dtype=np.uint8)
    found = load_image(encoded(PILImage.fromarray(both, "LA"), "PNG"))
    assert np.array_equal(found.pixels, both[..., [0, 0, 0, 1]])

    rgba = RNG.integers(0, 256, (6, 7, 4), dtype=np.uint8)
    for fmt, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert np.array_equal(load_image(encoded(PILImage.fromarray(rgba), fmt, **options)).pixels, rgba), fmt


def test_palette_with_and_without_transparency() -> None:
    palette = PILImage.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    assert load_image(encoded(palette, "PNG")).pixels.tolist() == [[[255, 0, 0], [0, 255, 0]]]
    clear = load_image(encoded(palette, "PNG", transparency=1)).pixels
    assert clear.tolist() == [[[255, 0, 0, 255], [0, 255, 0, 0]]]
    key = load_image(encoded(PILImage.new("RGB", (1, 1), (1, 2, 3)), "PNG", transparency=(1, 2, 3))).pixels
    assert key[0, 0, 3] == 0


def test_cmyk_without_profile() -> None:
    cmyk = PILImage.new("CMYK", (8, 8), (0, 255, 255, 0))
    found = load_image(encoded(cmyk, "JPEG", quality=100)).pixels
    assert found.shape == (8, 8, 3)
    assert np.abs(found[4, 4].astype(int) - (255, 0, 0)).max() < 6


def test_profile_is_converted_and_kept() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))  # not RGB: does not belong
    pixels = smooth()
    found = load_image(encoded(PILImage.fromarray(pixels), "PNG", icc_profile=linear.tobytes()))
    assert np.array_equal(found.pixels, pixels)
    assert found.icc == linear.tobytes()
    assert found.notes

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = load_image(encoded(PILImage.fromarray(pixels), "PNG", icc_profile=srgb))
    assert np.array_equal(found.pixels, pixels)
    assert found.icc == srgb and not found.notes


def swapped_profile() -> bytes:
    """The sRGB profile with the primaries of red and blue exchanged: whoever uses it exchanges the colours."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    for index in range(count):
        at = 132 + 12 * index
        name = bytes(data[at : at + 4])
        if name in (b"rXYZ", b"bXYZ"):
            data[at : at + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
        if name == b"desc":
            offset, size = struct.unpack_from(">II", data, at + 4)
            text = data[offset : offset + size].replace("sRGB".encode("utf-16-be"), "odd.".encode("utf-16-be"))
            data[offset : offset + size] = text
    return bytes(data)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_foreign_profile_changes_the_colours(channels: int) -> None:
    pixels = smooth(channels=channels)
    found = load_image(encoded(PILImage.fromarray(pixels), "PNG", icc_profile=swapped_profile()))
    assert np.abs(found.pixels[..., 2::-1].astype(int) - pixels[..., :3]).max() <= 2
    assert np.array_equal(found.pixels[..., 3:], pixels[..., 3:])


def cmyk_profile() -> bytes:
    """A printer's profile with a table of 2^4 colours: no ink is white, full black or all inks are dark."""
    table = b""
    for c in (0, 1):
        for m in (0, 1):
            for y in (0, 1):
                for k in (0, 1):
                    light = 0 if k else 255 - 60 * (c + m + y)
                    table += bytes([light, 128 + (50 * (m - c) if not k else 0), 128 + (60 * y if not k else 0)])
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut += ramp * 4 + table + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 6) + b"press\0" + bytes(78)
    tags, body, at = [], b"", 128 + 4 + 12 * 3
    for name, data in ((b"A2B0", lut), (b"wtpt", white), (b"desc", text)):
        data += bytes(-len(data) % 4)
        tags.append(name + struct.pack(">II", at + len(body), len(data)))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02100000, b"prtr", b"CMYK", b"Lab ") + bytes(12)
    head += b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + b"".join(tags) + body


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_cmyk_with_a_profile(fmt: str) -> None:
    profile = cmyk_profile()
    inks = np.zeros((8, 32, 4), np.uint8)
    inks[:, 8:16, 2] = 255  # yellow
    inks[:, 16:24, 1] = 255  # magenta
    inks[:, 24:, 3] = 255  # black
    options = {"quality": 100, "subsampling": 0} if fmt == "JPEG" else {}
    found = load_image(encoded(PILImage.fromarray(inks, "CMYK"), fmt, icc_profile=profile, **options))
    white, yellow, magenta, black = (found.pixels[4, x].astype(int) for x in (4, 12, 20, 28))
    assert not found.notes and found.icc == profile
    assert white.min() > 245 and black.max() < 12
    assert yellow[0] - yellow[2] > 80 and magenta[0] - magenta[1] > 50
    naive = np.asarray(PILImage.fromarray(inks, "CMYK").convert("RGB"))[4, 12].astype(int)
    assert np.abs(yellow - naive).max() > 30  # it is the profile that decided


def test_lab_pictures() -> None:
    lab = np.zeros((2, 2, 3), np.uint8)
    lab[0, 0] = (255, 0, 0)
    lab[1, 1] = (128, 0, 0)
    found = load_image(encoded(PILImage.fromarray(lab, "LAB"), "TIFF")).pixels
    assert found[0, 0].min() > 250 and found[0, 1].max() < 5
    assert np.abs(found[1, 1].astype(int) - 119).max() < 4
    odd = load_image(encoded(PILImage.fromarray(lab, "LAB"), "TIFF", icc_profile=swapped_profile())).pixels
    assert np.array_equal(odd, found)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_pictures_are_converted_in_strips(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = PILImage.fromarray(smooth(37, 23, 4)).convert("RGB" if mode in "CMYK P" else "RGBA").convert(mode)
    data = encoded(image, "TIFF" if mode == "CMYK" else "PNG", icc_profile=swapped_profile())
    whole = load_image(data).pixels
    monkeypatch.setattr(images, "_STRIP", 23 * 5)
    assert np.array_equal(load_image(data).pixels, whole)


def test_grey_picture_with_an_rgb_profile_and_a_broken_profile() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = load_image(encoded(PILImage.fromarray(grey), "PNG", icc_profile=swapped_profile()))
    assert np.abs(found.pixels.astype(int) - grey[..., None]).max() <= 1
    found = load_image(encoded(PILImage.fromarray(grey), "PNG", icc_profile=b"nonsense" * 30))
    assert np.array_equal(found.pixels, np.dstack([grey] * 3))
    assert "profile" in found.notes[0]


def test_float_and_wide_integers() -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(
        load_image(encoded(PILImage.fromarray(values), "TIFF")).pixels[..., 0], (values * 255 + 0.5).astype(np.uint8)
    )
    wide = np.array([[0, 70000], [35000, 1]], np.int32)
    found = load_image(encoded(PILImage.fromarray(wide), "TIFF"))
    assert found.pixels[..., 0].tolist() == [[0, 255], [127, 0]] or found.pixels[1, 0, 0] in (127, 128)
    assert found.notes


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG"])
def test_animations_give_their_first_frame(fmt: str) -> None:
    frames = [PILImage.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    data = encoded(frames[0], fmt, save_all=True, append_images=frames[1:], lossless=True)
    assert load_image(data).pixels[0, 0].tolist() == [255, 0, 0]


def test_limits_are_named() -> None:
    with pytest.raises(StudioError, match=r"40 × 24 pixels; at most 900 pixels"):
        load_image(encode_image(smooth(), ".png"), max_pixels=900)
    assert load_image(encode_image(smooth(), ".png"), max_pixels=960).size == (40, 24)


@pytest.mark.parametrize("side", [16_000, 30_000, 2**31 - 1])
def test_bombs_are_refused_before_they_are_unpacked(side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(bytes(10_000_000))) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        with pytest.raises(StudioError, match="at most 200 megapixels"):
            load_image(data)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert PILImage.MAX_IMAGE_PIXELS == images.MAX_PIXELS


def test_text_bombs_are_refused() -> None:
    info = zlib.compress(b"x" * (metadata.MAX_TEXT + 10))
    body = b"latent-studio\0\1\0\0\0" + info
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    png = encode_image(smooth(), ".png")
    with pytest.raises(StudioError):
        load_image(png[:33] + chunk + png[33:])
    assert metadata.unpack(b"latent-studio:" + __import__("base64").b64encode(info)) is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
def test_every_truncation_is_a_sentence_or_a_picture(suffix: str) -> None:
    data = encode_image(smooth(), suffix, recipe="a recipe " * 20)
    whole = load_image(data).pixels
    for length in {*range(60), *range(60, len(data) - 1, max(1, len(data) // 60))}:
        try:
            found = load_image(data[:length])
        except StudioError as exc:
            assert exc.kind == "user" and exc.what.endswith(".")
        else:  # what is missing is behind the pixels
            assert np.array_equal(found.pixels, whole)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".gif", ".bmp"])
def test_flipped_bytes_never_do_worse_than_a_sentence(suffix: str) -> None:
    fmt = {".gif": "GIF", ".bmp": "BMP"}.get(suffix)
    source = encoded(PILImage.fromarray(smooth()), fmt) if fmt else encode_image(smooth(), suffix, recipe="r")
    rng = np.random.default_rng(7)
    for _ in range(150):
        data = bytearray(source)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            found = load_image(bytes(data), max_pixels=1_000_000)
        except StudioError as exc:
            assert exc.kind in {"user", "resource"}
        else:
            assert found.pixels.dtype == np.uint8 and found.pixels.shape[2] in (3, 4)


def test_wrong_files_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="not there any more"):
        load_image(tmp_path / "gone.png")
    with pytest.raises(StudioError, match="is a folder"):
        load_image(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(StudioError, match="is not a file"):
            load_image(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(StudioError, match="is empty"):
        load_image(tmp_path / "empty.png")
    (tmp_path / "notes.png").write_text("shopping list")
    with pytest.raises(StudioError, match=r"“notes\.png” is not a picture"):
        load_image(tmp_path / "notes.png")
    with pytest.raises(StudioError, match="HEIC"):
        load_image(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(StudioError, match="is not a picture"):
        load_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")  # EPS would run Ghostscript


LONG = "{" + "".join(f'"{i}": "{v}", ' for i, v in enumerate(RNG.integers(0, 2**62, 8000))) + "}"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
@pytest.mark.parametrize("recipe", ["{}", '{"name": "żółć 한국어 🎨"}', LONG], ids=["short", "unicode", "long"])
def test_recipes_travel_in_every_format(tmp_path: Path, suffix: str, recipe: str) -> None:
    assert len(LONG) > 200_000  # more than EXIF holds
    path = tmp_path / f"picture{suffix}"
    save_image(path, smooth(), recipe=recipe)
    assert read_recipe(path) == recipe
    assert load_image(path).text["latent-studio"] == recipe
    assert load_image(path).source == path and set(load_image(path).text) == {"latent-studio"}
    save_image(path, smooth(), recipe=None)
    assert read_recipe(path) is None


def test_a_recipe_behind_the_pixels_is_found() -> None:
    plain, with_recipe = encode_image(smooth(), ".png"), encode_image(smooth(), ".png", recipe="late")
    start = with_recipe.index(b"iTXt") - 4
    length = struct.unpack_from(">I", with_recipe, start)[0] + 12
    end = plain.index(b"IEND") - 4
    assert read_recipe(plain[:end] + with_recipe[start : start + length] + plain[end:]) == "late"


def test_text_of_others_is_read_too() -> None:
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A picture")
    assert load_image(encoded(PILImage.new("RGB", (2, 2)), "PNG", pnginfo=info)).text == {"Title": "A picture"}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = RNG.integers(0, 256, (17, 23, channels), dtype=np.uint8)
    save_image(tmp_path / f"a{suffix}", pixels)
    assert np.array_equal(load_image(tmp_path / f"a{suffix}").pixels, pixels)


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_of_full_quality_is_lossless(channels: int) -> None:
    pixels = RNG.integers(0, 256, (17, 23, channels), dtype=np.uint8)
    assert np.array_equal(load_image(encode_image(pixels, ".webp", quality=100)).pixels, pixels)


def test_quality_and_profile_reach_the_file() -> None:
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for suffix in (".jpg", ".webp"):
        assert len(encode_image(noise, suffix, quality=40)) < 0.7 * len(encode_image(noise, suffix, quality=95))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for suffix in (".png", ".jpg", ".webp", ".tiff"):
        assert load_image(encode_image(smooth(), suffix, icc=srgb)).icc == srgb


def test_jpeg_lays_transparency_on_white() -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    assert load_image(encode_image(clear, ".jpg")).pixels.min() >= 254


def test_saving_keeps_the_old_file_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    save_image(path, smooth())
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceError, match="disk is full"):
        save_image(path, smooth(48, 48))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_saving_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"Choose \.png"):
        save_image(tmp_path / "a.xyz", smooth())
    with pytest.raises(StudioError):
        save_image(tmp_path / "no" / "a.png", smooth())
    with pytest.raises(StudioError, match=r"20000 × 1 pixels"):
        encode_image(np.zeros((1, 20_000, 3), np.uint8), ".webp")
    with pytest.raises(ValueError, match="not a picture"):
        encode_image(np.zeros((4, 4), np.uint8), ".png")


def test_equal_pictures_give_equal_bytes() -> None:
    for suffix in (".png", ".jpg", ".webp", ".tiff"):
        assert encode_image(smooth(), suffix, recipe="r") == encode_image(smooth().copy(), suffix, recipe="r")


def test_thumbnail_and_square() -> None:
    pixels = smooth(90, 200)
    small = thumbnail(pixels, 50)
    assert small.shape == (22, 50, 3)
    assert np.abs(small[0, 0].astype(int) - pixels[0, 0]).max() < 12
    assert thumbnail(pixels, 500) is pixels
    assert thumbnail(smooth(1, 300), 100).shape == (1, 100, 3)

    square = fit_square(pixels, 90)
    assert np.array_equal(square, pixels[:, 55:145])
    assert fit_square(pixels, 32).shape == (32, 32, 3)
    assert fit_square(smooth(20, 30, 4), 64).shape == (64, 64, 4)


def test_resizing_does_not_bleed_hidden_colour() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (200, 100, 50, 255)
    pixels[:, 32:] = (0, 255, 0, 0)
    small = thumbnail(pixels, 16)
    seen = small[small[..., 3] > 8][:, :3].astype(int)
    assert np.abs(seen - (200, 100, 50)).max() < 12


def test_flatten_is_exact_at_the_ends() -> None:
    pixels = np.array([[[9, 8, 7, 255], [9, 8, 7, 0]]], np.uint8)
    assert flatten(pixels, (1, 2, 3)).tolist() == [[[9, 8, 7], [1, 2, 3]]]


def test_real_files(shared: Path) -> None:
    found = 0
    for path in sorted((shared / "examples").rglob("*")):
        if path.suffix.lower() in images.READABLE_SUFFIXES:
            picture = load_image(path)
            assert picture.pixels.shape[:2] == picture.size[::-1]
            found += 1
    assert found

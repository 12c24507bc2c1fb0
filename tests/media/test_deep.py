"""16 bits for each colour, in and out, and the colours of a file's own profile."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms

from studio.base.errors import StudioError
from studio.media.carrying import save_like
from studio.media.deep import to_eight
from studio.media.images import load_image
from studio.media.profiles import curves_of, deep_from_srgb, deep_to_srgb, from_srgb
from studio.media.strips import write_png, write_tiff
from tests.media.deep_files import chunk, curve, iccp, parametric, png16, profile, table, tiff16

RNG = np.random.default_rng(16)
GAMMA = profile(curve(563 / 256))
WIDE = profile(curve(1.8), ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0314, 0.0001, 0.8249)))


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 65536, shape, dtype=np.uint16)


# Reading


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (6, 4), (4, 2)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_comes_in_whole(kind: int, channels: int, interlaced: bool) -> None:
    a = noise(13, 11, channels)
    found = load_image(png16(a, kind, interlaced=interlaced))
    wanted = a if channels > 2 else a[..., [0, 0, 0, 1]]
    assert found.depth == 16 and found.deep is not None and np.array_equal(found.deep, wanted)
    assert np.array_equal(found.pixels, np.round(wanted / 257.0).astype(np.uint8))
    assert not found.notes and found.size == (11, 13)


@pytest.mark.parametrize(
    ("order", "packed", "predicted", "channels"),
    [c for c in itertools.product("<>", (False, True), (False, True), (3, 4)) if c[1] or not c[2]],
)
def test_a_tiff_comes_in_whole(order: str, packed: bool, predicted: bool, channels: int) -> None:
    a = noise(13, 11, channels)
    found = load_image(tiff16(a, order, packed=packed, predicted=predicted))
    assert found.deep is not None and np.array_equal(found.deep, a)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_another_program_wrote_comes_in_whole(tmp_path: Path, suffix: str, alpha: bool) -> None:
    from PySide6.QtGui import QImage, QImageWriter

    a = noise(13, 11, 4)
    image = QImage(a.tobytes(), 11, 13, 88, QImage.Format.Format_RGBA64)
    if not alpha:
        a[..., 3] = 65535
        image = QImage(a.tobytes(), 11, 13, 88, QImage.Format.Format_RGBX64)
    if suffix.encode() not in [bytes(f.data()) for f in QImageWriter.supportedImageFormats()]:
        pytest.skip("this Qt writes no such files")
    path = tmp_path / f"a.{suffix}"
    assert QImageWriter(str(path), suffix.encode()).write(image)
    found = load_image(path)
    assert found.deep is not None and np.array_equal(found.deep, a if alpha else a[..., :3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_orientation_turns_all_bits(orientation: int, suffix: str) -> None:
    a = noise(13, 11, 3)
    exif = PILImage.Exif()
    exif[274] = orientation
    if suffix == "png":
        data = png16(a, 2, before=chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    else:
        data = tiff16(a, "<", packed=True, predicted=True, orientation=orientation)
    found = load_image(data)
    turned = {1: a, 2: a[:, ::-1], 3: a[::-1, ::-1], 4: a[::-1]}
    b = a.swapaxes(0, 1)
    turned |= {5: b, 6: b[:, ::-1], 7: b[::-1, ::-1], 8: b[::-1]}
    assert found.deep is not None and np.array_equal(found.deep, turned[orientation])


def test_one_colour_may_be_clear() -> None:
    a = noise(4, 5, 3)
    a[1, 2] = (1, 2, 3)
    a[3, 3] = (1, 2, 4)  # the same in 8 bits
    found = load_image(png16(a, 2, before=chunk(b"tRNS", b"\0\1\0\2\0\3")))
    assert found.deep is not None and found.deep.shape == (4, 5, 4)
    clear = found.deep[..., 3] == 0
    assert clear[1, 2] and clear.sum() == 1


def test_a_broken_off_file_is_told_of() -> None:
    data = png16(noise(40, 40, 3), 2)
    with pytest.raises(StudioError, match="damaged"):
        load_image(data[: len(data) // 2])


def test_the_nearest_eight_bits() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(to_eight(every), np.round(every / 257.0).astype(np.uint8))


# Profiles

CURVES = {
    "gamma": curve(2.2),
    "table": table(np.linspace(0, 1, 1024) ** 2.4),
    "para 0": parametric(0, 1.8),
    "para 3": parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    "straight": b"curv\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("name", CURVES)
def test_colours_are_those_of_littlecms(name: str) -> None:
    icc = profile(CURVES[name])
    pixels = RNG.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PILImage.fromarray(pixels).save(buffer, "PNG", icc_profile=icc)
    theirs = load_image(buffer.getvalue()).pixels.astype(int)
    curves = curves_of(icc)
    assert curves is not None
    ours = to_eight(deep_to_srgb(pixels.astype(np.uint16) * 257, curves)).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - pixels).max() > 10  # the profile says something


def test_the_way_back_is_that_of_littlecms() -> None:
    pixels = RNG.integers(0, 256, (50, 60, 4), dtype=np.uint8)
    theirs, curves = from_srgb(pixels, GAMMA), curves_of(GAMMA)
    assert theirs is not None and curves is not None
    ours = deep_from_srgb(pixels.astype(np.uint16) * 257, curves)
    assert np.abs(to_eight(ours).astype(int) - theirs).max() <= 1
    assert np.array_equal(theirs[..., 3], pixels[..., 3]) and np.array_equal(ours[..., 3], pixels[..., 3] * 257.0)


@pytest.mark.parametrize("icc", [GAMMA, WIDE], ids=["adobe", "wide"])
def test_there_and_back_is_the_same(icc: bytes) -> None:
    curves = curves_of(icc)
    assert curves is not None
    inside = noise(60, 50, 3)  # of sRGB, which both hold
    again = deep_to_srgb(deep_from_srgb(inside, curves), curves)
    # In the deepest shadows a step of the profile is many of sRGB: a quarter of an 8-bit step at most.
    assert np.abs(again.astype(int) - inside).max() <= 64
    assert np.abs(again.astype(int) - inside).mean() < 1.0


def test_a_grey_curve_is_followed() -> None:
    icc = profile(curve(1.0), space=b"GRAY")
    grey = np.array([[0, 16384, 32768, 65535]], np.uint16)
    buffer = io.BytesIO()
    PILImage.fromarray(grey).save(buffer, "PNG", icc_profile=icc)
    found = load_image(buffer.getvalue())
    assert found.deep is not None
    light = np.array([0, 16384, 32768, 65535]) / 65535
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 65535
    assert np.abs(found.deep[0] - wanted).max() < 2
    assert np.abs(found.pixels[0, :, 0] - wanted / 257).max() <= 1


def test_a_deep_file_with_a_profile_goes_out_as_it_came_in(tmp_path: Path) -> None:
    curves = curves_of(GAMMA)
    assert curves is not None
    own = deep_from_srgb(noise(30, 40, 4), curves)
    found = load_image(png16(own, 6, before=iccp(GAMMA)))
    assert found.icc == GAMMA and found.deep is not None
    assert np.abs(found.deep.astype(int) - own).max() > 2000
    for suffix in (".png", ".tiff"):
        path = tmp_path / f"out{suffix}"
        assert save_like(path, found.pixels, deep=found.deep, icc=found.icc, recipe="a recipe")
        with PILImage.open(path) as plain:
            assert plain.info["icc_profile"] == GAMMA
        again = load_image(path)
        assert again.text["latent-studio"] == "a recipe"
        assert again.deep is not None and np.abs(again.deep.astype(int) - found.deep).max() <= 64
    stored = load_image(_without_profile(tmp_path / "out.png")).deep
    assert stored is not None and np.abs(stored.astype(int) - own).max() <= 64


def _without_profile(path: Path) -> bytes:
    data, position = path.read_bytes(), 8
    while data[position + 4 : position + 8] != b"iCCP":
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return data[:position] + data[position + 12 + int.from_bytes(data[position : position + 4], "big") :]


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg", ".webp"])
def test_eight_bits_with_a_profile_go_there_and_back(tmp_path: Path, suffix: str) -> None:
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.stack([x * 4, y * 4, (x + y) * 2], axis=2).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    assert save_like(path, pixels, icc=GAMMA, quality=100)
    found = load_image(path)
    assert found.icc == GAMMA
    assert np.abs(found.pixels.astype(int) - pixels).mean() < 1.5


@pytest.mark.parametrize("icc", [profile(curve(2.2), space=b"GRAY"), b"nonsense" * 40], ids=["grey", "damaged"])
def test_without_a_way_back_it_is_srgb(tmp_path: Path, icc: bytes) -> None:
    pixels = RNG.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    for suffix in (".png", ".tiff"):
        assert not save_like(tmp_path / f"a{suffix}", pixels, icc=icc)
        found = load_image(tmp_path / f"a{suffix}")
        assert found.icc is None and np.array_equal(found.pixels, pixels)


def test_srgb_by_name_is_carried_untouched(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    a = noise(20, 30, 3)
    found = load_image(png16(a, 2, before=iccp(icc)))
    assert found.deep is not None and np.array_equal(found.deep, a)
    assert save_like(tmp_path / "a.png", found.pixels, deep=found.deep, icc=icc)
    again = load_image(tmp_path / "a.png")
    assert again.icc == icc and again.deep is not None and np.array_equal(again.deep, a)


# Writing


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 5, 4), (300, 200, 3), (1500, 400, 3), (9, 6)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("write", [write_png, write_tiff])
def test_what_is_written_is_read_again(shape: tuple[int, ...], kind: type, write) -> None:  # type: ignore[no-untyped-def]
    a = RNG.integers(0, np.iinfo(kind).max + 1, shape).astype(kind)
    a[: shape[0] // 2] = np.linspace(0, np.iinfo(kind).max, shape[1]).reshape(1, -1, *[1] * (len(shape) - 2))
    file = io.BytesIO()
    write(file, a)
    found = load_image(file.getvalue())
    if kind == np.uint16:
        assert found.deep is not None and np.array_equal(found.deep, a)
    else:
        assert found.deep is None and np.array_equal(found.pixels, a if a.ndim == 3 else a[..., None].repeat(3, 2))


def test_qt_reads_what_is_written(tmp_path: Path) -> None:
    from PySide6.QtGui import QImage

    a = noise(40, 33, 4)
    save_like(tmp_path / "a.png", to_eight(a), deep=a)
    image = QImage(str(tmp_path / "a.png"))
    assert image.format() == QImage.Format.Format_RGBA64
    rows = np.frombuffer(image.constBits(), np.uint16).reshape(40, -1)[:, : 33 * 4]
    assert np.array_equal(rows.reshape(40, 33, 4), a)


def test_filters_make_smooth_pictures_small() -> None:
    y, x = np.mgrid[0:256, 0:256]
    a = np.stack([x * 200 + y * 50, y * 250, (x + y) * 128], axis=2).astype(np.uint16)
    file = io.BytesIO()
    write_png(file, a)
    assert len(file.getvalue()) < a.nbytes / 20


def test_a_jpeg_is_laid_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    save_like(tmp_path / "a.jpg", pixels)
    assert load_image(tmp_path / "a.jpg").pixels.min() >= 254


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.media.carrying.write_png", full)
    with pytest.raises(StudioError):
        save_like(path, np.zeros((4, 4, 3), np.uint8))
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_profile_of_tables_leaves_eight_bits_in_the_right_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    a = noise(20, 30, 3)
    data = png16(a, 2, before=iccp(GAMMA))
    whole = load_image(data)
    monkeypatch.setattr("studio.media.images.curves_of", lambda icc: None)
    found = load_image(data)
    assert found.deep is None and found.depth == 8 and "16 bits" in found.notes[0]
    assert np.abs(found.pixels.astype(int) - whole.pixels).max() <= 3


def test_tables_are_not_taken_for_curves() -> None:
    assert curves_of(GAMMA.replace(b"wtpt", b"A2B0", 1)) is None
    assert curves_of(GAMMA[:150]) is None and curves_of(b"") is None
    assert curves_of(profile(b"curv\0\0\0\0" + b"\xff" * 12)) is None


def test_grey_with_alpha_follows_its_curve() -> None:
    a = noise(6, 7, 2)
    found = load_image(png16(a, 4, before=iccp(profile(curve(1.0), space=b"GRAY"))))
    assert found.deep is not None and np.array_equal(found.deep[..., 3], a[..., 1])
    bright = a[..., 0] > 2000
    assert (found.deep[..., 0] > a[..., 0])[bright & (a[..., 0] < 65000)].all()


def test_colours_with_a_grey_profile_stay_as_they_are() -> None:
    a = noise(6, 7, 3)
    found = load_image(png16(a, 2, before=iccp(profile(curve(1.0), space=b"GRAY"))))
    assert found.deep is not None and np.array_equal(found.deep, a) and "does not belong" in found.notes[0]


@pytest.mark.parametrize("kind", [1, 2])
def test_a_curve_without_a_slope_is_no_profile(kind: int) -> None:
    assert curves_of(profile(parametric(kind, 2.4, 0.0, 0.5, 0.1))) is None

"""Names, sizes, formats, and that the recipe travels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.app import export
from studio.app.drops import classify
from studio.app.export import ExportOptions
from studio.project.assets import AssetStore
from studio.project.latents import Seed
from studio.project.requests import Render
from studio.project.session import Session

REQUEST = Render(model="0" * 64, latent=Seed(seed=7))


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)


def test_sharp_enlarging_repeats_every_pixel(picture: np.ndarray) -> None:
    made = export.enlarged(picture, 4, smooth=False)
    assert made.shape == (80, 120, 3) and (made[::4, ::4] == picture).all() and (made[3::4, 3::4] == picture).all()


def test_smooth_enlarging_keeps_size_and_mean(picture: np.ndarray) -> None:
    made = export.enlarged(picture, 3, smooth=True)
    assert made.shape == (60, 90, 3) and made.dtype == np.uint8
    assert abs(float(made.mean()) - float(picture.mean())) < 2


def test_size_one_is_the_picture_itself(picture: np.ndarray) -> None:
    assert export.enlarged(picture, 1, smooth=True) is picture


def test_scales_stay_within_what_programs_open() -> None:
    assert export.allowed_scales((128, 128)) == [1, 2, 3, 4, 6, 8]
    assert max(export.allowed_scales((8192, 4096))) == 4
    assert export.allowed_scales((60_000, 10)) == [1]


@pytest.mark.parametrize("format", ["png", "jpg", "webp", "tiff"])
def test_every_format_opens_again(picture: np.ndarray, tmp_path: Path, assets: AssetStore, format: str) -> None:
    path = tmp_path / f"a.{format}"
    export.write(path, picture, REQUEST, Session(), assets, ExportOptions(format=format, scale=2))
    with Image.open(path) as image:
        assert image.size == (60, 40)


def test_png_brings_its_recipe_back(picture: np.ndarray, tmp_path: Path, assets: AssetStore) -> None:
    path = export.write(tmp_path / "a.png", picture, REQUEST, Session(), assets, ExportOptions())
    drop = classify(path)
    assert drop.kind == "recipe" and drop.recipe is not None and drop.recipe.request == REQUEST
    assert drop.pixels is not None and (drop.pixels == picture).all()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("seed 4127", "seed 4127.png"),
        ("a/b:c*?", "a b c.png"),
        ("..", "picture.png"),
        ("CON", "_CON.png"),
        ("x" * 300, "x" * 80 + ".png"),
        ("사진 3", "사진 3.png"),
    ],
)
def test_names_that_every_system_takes(title: str, name: str) -> None:
    assert export.file_name(title, "png") == name


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a 2.png").touch()
    assert export.free_path(tmp_path, "a.png") == tmp_path / "a 3.png"


def test_sixteen_bits_and_the_profile_go_along(picture: np.ndarray, tmp_path: Path, assets: AssetStore) -> None:
    from studio.engine.results import Picture
    from studio.media.images import load_image

    deep = picture.astype(np.uint16) * 257 + 3
    result = Picture(picture, deep=deep)
    for name in ("deep.png", "deep.tiff"):
        path = tmp_path / name
        options = ExportOptions(format=path.suffix[1:])
        export.write(path, picture, REQUEST, Session(), assets, options, result)
        read = load_image(path)
        assert read.deep is not None and (read.deep[..., :3] == deep).all()
    assert classify(tmp_path / "deep.png").recipe is not None, "the recipe too"
    larger = ExportOptions(scale=2, smooth=False)
    export.write(tmp_path / "larger.png", picture, REQUEST, Session(), assets, larger, result)
    assert load_image(tmp_path / "larger.png").size == (60, 40), "enlarged pixels have 8 bits"

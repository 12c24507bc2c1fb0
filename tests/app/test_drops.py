"""What was dropped is decided by what is inside."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.app.drops import Drop, classify, in_order
from studio.project import recipes, storage
from studio.project.assets import AssetStore
from studio.project.latents import Seed
from studio.project.requests import Render
from studio.project.session import Session


def test_a_project_also_under_another_name(tmp_path: Path, assets: AssetStore) -> None:
    path = tmp_path / "a.studio"
    storage.save(path, Session(), assets)
    assets.close()
    other = path.rename(tmp_path / "a.zip")
    assert classify(other).kind == "project"


def test_a_zip_is_no_project(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    drop = classify(path)
    assert drop.kind == "unknown" and drop.error is not None and "a.zip" in drop.error.sentence()


def test_a_picture(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "a.jpg")
    drop = classify(tmp_path / "a.jpg")
    assert drop.kind == "picture" and drop.pixels is not None and drop.pixels.shape == (4, 6, 3) and drop.title == "a"


def test_a_damaged_picture_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    drop = classify(tmp_path / "a.png")
    assert drop.kind == "unknown" and drop.error is not None and drop.error.what


def test_a_recipe_as_text(tmp_path: Path, assets: AssetStore) -> None:
    request = Render(model="a" * 64, latent=Seed(seed=3))
    (tmp_path / "a.json").write_text(recipes.to_text(recipes.recipe_for(request, Session(), assets)))
    drop = classify(tmp_path / "a.json")
    assert drop.kind == "recipe_file" and drop.recipe is not None and drop.recipe.request == request


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_arrays_are_directions(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert classify(tmp_path / name).kind == "directions"


def test_a_model(fixtures: Path) -> None:
    assert classify(fixtures / "stylegan2_uncond_32px.safetensors").kind == "model"


def test_directions_in_the_clothes_of_a_model(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"direction": np.ones((3, 512), np.float32)}, tmp_path / "smile.safetensors")
    assert classify(tmp_path / "smile.safetensors").kind == "directions"


def test_a_file_that_only_looks_like_a_model(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"not a checkpoint")
    drop = classify(tmp_path / "a.pt")
    assert drop.kind == "unknown" and drop.error is not None and drop.error.kind == "model"


@pytest.mark.parametrize("name", ["missing.png", "notes.docx"])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    if name == "notes.docx":
        (tmp_path / name).touch()
    drop = classify(tmp_path / name)
    assert drop.kind == "unknown" and drop.error is not None and name in drop.error.sentence()


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert classify(tmp_path).error is not None


def test_a_model_folder_is_a_model(tmp_path: Path) -> None:
    """Settings and weights in a folder are one model; a folder that merely holds files is none."""
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    assert classify(tmp_path).error is not None
    (tmp_path / "config.json").write_text("{}")
    drop = classify(tmp_path)
    assert (drop.kind, drop.path) == ("model", tmp_path)
    assert classify(tmp_path / "diffusion_pytorch_model.safetensors").kind == "unknown"


def test_project_first_models_before_pictures_one_project_only() -> None:
    drops = [Drop("picture"), Drop("model"), Drop("project", Path("a")), Drop("project", Path("b")), Drop("unknown")]
    kinds = [(d.kind, d.path) for d in in_order(drops)]
    assert kinds == [("project", Path("a")), ("model", None), ("picture", None), ("unknown", None)]

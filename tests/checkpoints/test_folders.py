"""Folders as models, settings beside a file, and names that say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from studio.base.errors import ModelError
from studio.checkpoints import load_model
from studio.checkpoints.folders import config_beside, model_file, shown_name
from tests.checkpoints.makers import tiny


def test_the_file_of_a_folder(tmp_path: Path) -> None:
    """The exact weights before the halved ones; a pipeline's vae; one lone file; nothing else."""
    vae = tmp_path / "pipe" / "vae"
    vae.mkdir(parents=True)
    for name in ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors", "zoo.bin"):
        (vae / name).write_bytes(b"x")
    assert model_file(vae) == model_file(tmp_path / "pipe") == vae / "diffusion_pytorch_model.safetensors"
    (vae / "diffusion_pytorch_model.safetensors").unlink()
    assert model_file(vae).name == "diffusion_pytorch_model.fp16.safetensors"
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "net.pth").write_bytes(b"x")
    (lone / "readme.md").write_bytes(b"x")
    assert model_file(lone) == lone / "net.pth" == model_file(lone / "net.pth")
    (lone / "other.pth").write_bytes(b"x")
    with pytest.raises(ModelError, match="is a folder"):
        model_file(lone)
    with pytest.raises(ModelError, match="no file"):
        load_model(tmp_path / "absent")


def test_a_folder_loads_like_its_file(tmp_path: Path) -> None:
    """And is named after itself where its file is named like all such files."""
    folder = tmp_path / "Faces of mine" / "vae"
    folder.mkdir(parents=True)
    torch.save(tiny(clamp=None).state_dict(), folder / "diffusion_pytorch_model.bin")
    by_folder, by_file = load_model(folder), load_model(folder / "diffusion_pytorch_model.bin")
    assert by_folder.card == by_file.card and by_folder.card.name == "Faces of mine"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.pth", "b"),
        ("a/decoder_160000.pth.tar", "decoder_160000"),
        ("a/sdxl-vae/diffusion_pytorch_model.fp16.safetensors", "sdxl-vae"),
        (f"hub/models--stabilityai--sd-vae-ft-mse/snapshots/{'0a' * 20}/diffusion_pytorch_model.bin", "sd-vae-ft-mse"),
        ("My model/vae/diffusion_pytorch_model.safetensors", "My model"),
        ("adain/decoder.pth", "adain"),
    ],
)
def test_names(path: str, name: str) -> None:
    """A file named like all others is called after its folder."""
    assert shown_name(Path(path)) == name


def test_settings_beside_a_file(tmp_path: Path) -> None:
    """Its own before the folder's; a card, rubbish and giants are no settings."""
    file = tmp_path / "a.safetensors"
    assert config_beside(file) == {}
    (tmp_path / "config.json").write_text(json.dumps({"x": 1}))
    assert config_beside(file) == {"x": 1}
    (tmp_path / "a.json").write_text(json.dumps({"x": 2}))
    assert config_beside(file) == {"x": 2}
    for rubbish in ("[1]", "{", "[" * 100_000, json.dumps({"role": "generator", "architecture": "x"}), " " * (2 << 20)):
        (tmp_path / "a.json").write_text(rubbish)
        assert config_beside(file) == {"x": 1}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/taef2_decoder.pth", "taef2"),
        ("a/painter_decoder_iter_160000.pth.tar", "painter_iter_160000"),
        ("adain/decoder.pth", "adain"),
        ("a/mydecoders.pth", "mydecoders"),
    ],
)
def test_names_of_parts(path: str, name: str) -> None:
    """The whole is not called after the part that was opened."""
    assert shown_name(Path(path), "decoder") == name

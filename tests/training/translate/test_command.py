"""``studio train pix2pix`` and ``cyclegan``: from folders to models, and failures in sentences."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.training.cli import main
from studio.training.translate.command import is_emoji, preset_of
from studio.training.translate.presets import CYCLEGAN, PIX2PIX
from studio.training.translate.translate_config import CycleConfig, Pix2PixConfig

TINY = ["--size", "16", "--batch", "2", "--critic-width", "4", "--critic-layers", "1", "--precision", "fp32"]


@pytest.fixture()
def folders(tmp_path: Path) -> tuple[Path, Path]:
    gen = torch.Generator().manual_seed(0)
    for i in range(12):
        x = (torch.rand(4, 4, generator=gen) > 0.5).repeat_interleave(4, 0).repeat_interleave(4, 1)
        for name, colour in (("lines", (1, 1, 1)), ("paint", (1, 0.5, 0))):
            picture = torch.stack([x * c for c in colour], -1).mul(255).byte().numpy()
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(picture).save(tmp_path / name / f"{i:02d}.png")
    return tmp_path / "lines", tmp_path / "paint"


def test_pix2pix_from_folders_to_a_model(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ["--out", "toy", "--runs", str(tmp_path / "runs")]
    train = ["pix2pix", "--pairs", str(folders[0]), str(folders[1]), *runs, *TINY, "--widths", "4,4"]
    assert main([*train, "--images", "8"]) == 0
    assert main([*train, "--images", "12", "--resume"]) == 0
    told = capsys.readouterr().out
    assert "12 pictures at 16 px" in told
    assert "12 pictures seen" in told and "held-out l1" in told
    about = tmp_path / "about.json"
    about.write_text('{"credit": "nobody", "hyper": {"source_title": "Lines", "target_title": "Paint"}}')
    export = ["export", "--data", str(folders[0]), "--second", str(folders[1]), *runs, "--name", "toy"]
    assert main([*export, "--weights", str(tmp_path / "weights"), "--about", str(about)]) == 0
    card = json.loads((tmp_path / "weights" / "toy.json").read_text())
    assert card["hyper"]["target_title"] == "Paint" and card["credit"] == "nobody"
    assert card["training"]["config"]["size"] == 16
    base = ["--base", str(tmp_path / "weights" / "toy.safetensors")]
    again = [*train[:4], "--out", "next", "--runs", str(tmp_path), *TINY, "--images", "2"]
    assert main([*again, *base]) == 0, "the base says how wide the network is"
    assert main([*again, *base, "--widths", "8,8"]) == 1
    assert "another shape" in capsys.readouterr().err
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    assert main([*again, "--base", str(tmp_path / "broken.safetensors")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_cyclegan_from_folders_to_two_models(folders: tuple[Path, Path], tmp_path: Path) -> None:
    runs = ["--out", "toy", "--runs", str(tmp_path / "runs")]
    net = [
        "--network",
        "resnet",
        "--ngf",
        "4",
        "--n-blocks",
        "1",
        "--n-downsampling",
        "1",
        "--images",
        "4",
        "--preset",
        "personas-toon",
    ]
    assert main(["cyclegan", "--worlds", *map(str, folders), *runs, *TINY, *net]) == 0
    export = ["export", "--data", str(folders[0]), "--second", str(folders[1]), *runs]
    export += ["--name", "there", "--back", "back", "--weights", str(tmp_path / "weights")]
    assert main(export) == 0
    cards = [json.loads((tmp_path / "weights" / f"{n}.json").read_text()) for n in ("there", "back")]
    assert [c["hyper"]["partner"] for c in cards] == ["back", "there"]
    assert cards[0]["training"]["config"]["ngf"] == 4, "what is said wins over the preset"
    assert cards[1]["hyper"]["source_title"] == CYCLEGAN["personas-toon"].hyper["target_title"]


@pytest.mark.parametrize("command", ["pix2pix", "cyclegan"])
def test_failures_are_sentences(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--data", str(tmp_path / "none"), "--out", "x"]) == 1
    assert "not found" in capsys.readouterr().err
    assert main([command, "--data", str(tmp_path), "--out", "x", "--preset", "nothing"]) == 1
    assert "no preset" in capsys.readouterr().err
    assert main([command, "--data", str(tmp_path), "--out", "x", "--size", "30"]) == 1
    assert "does not suit" in capsys.readouterr().err
    assert main([command]) == 2


def test_pairs_without_partners_are_told(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders[1] / "03.png").unlink()
    where = ["--out", "x", "--runs", str(tmp_path)]
    assert main(["pix2pix", "--pairs", *map(str, folders), *where, *TINY, "--widths", "4,4"]) == 1
    told = capsys.readouterr().err
    assert "no partner" in told and "03" in told and "cyclegan" in told


@pytest.mark.parametrize("command", ["pix2pix", "cyclegan"])
def test_help_says_what_every_setting_is_for(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "--minutes" in told and "--base" in told and "few hundred" in told


def test_presets_are_settings() -> None:
    for presets, kind in ((PIX2PIX, Pix2PixConfig), (CYCLEGAN, CycleConfig)):
        for preset in presets.values():
            cfg = kind.from_dict(dict(preset.settings))
            cfg.check()
            assert {k: getattr(cfg, k) for k in preset.settings} == dict(preset.settings)
            assert {"source_title", "target_title"} <= preset.hyper.keys()
    assert preset_of("", Pix2PixConfig) is None


def test_the_emoji_are_known_by_their_line_drawings(tmp_path: Path) -> None:
    (tmp_path / "set" / "inner" / "high_contrast").mkdir(parents=True)
    assert is_emoji(str(tmp_path / "set"))
    assert is_emoji(str(tmp_path / "set" / "inner"))
    assert not is_emoji(str(tmp_path))
    for name, entry in (("yes.zip", "fluent/high_contrast/1f600.webp"), ("no.zip", "a/b.png")):
        with zipfile.ZipFile(tmp_path / name, "w") as z:
            z.writestr(entry, b"")
    assert is_emoji(str(tmp_path / "yes.zip"))
    assert not is_emoji(str(tmp_path / "no.zip"))
    (tmp_path / "text.txt").write_text("no zip")
    assert not is_emoji(str(tmp_path / "text.txt"))

"""From ``studio train vae`` to an embedded model that loads like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from studio.checkpoints import load_model
from studio.nets.vae import VAE
from studio.training.cli import main

TINY = [
    "--size", "16", "--batch", "4", "--latent-dim", "14", "--encoder", "4:8,8:8", "--decoder", "4:8,8:8",
    "--blocks", "4:1,8:1", "--top", "4", "--precision", "fp32",
]  # fmt: skip


def test_train_export_measure_load(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, weights = str(tmp_path / "runs"), tmp_path / "weights"
    told = ["--data", str(folder), "--out", "a", "--runs", runs]
    assert main(["vae", *told, *TINY, "--images", "16", "--anchor-weight", "0.05"]) == 0
    assert main(["vae", *told, *TINY, "--images", "24", "--resume", "--anchor-weight", "0.05"]) == 0
    assert "24 pictures seen" in capsys.readouterr().out
    about = tmp_path / "about.json"
    about.write_text(
        json.dumps({"credit": "nobody", "training": {"recipe": "short"}, "attribute_titles": {"hat": "Hat!"}})
    )
    told += [
        "--weights",
        str(weights),
        "--name",
        "tiny",
        "--title",
        "Tiny",
        "--about",
        str(about),
        "--judge-steps",
        "3",
    ]
    assert main(["export", *told]) == 0
    shown = json.loads(capsys.readouterr().out)
    card = json.loads((weights / "tiny.json").read_text())
    assert card["scores"] == shown and card["training"]["recipe"] == "short" and card["training"]["images"] == 24
    assert (card["role"], card["architecture"], card["precision"]) == ("autoencoder", "vae", "float16")
    names = [a["name"] for a in card["hyper"]["attributes"]]
    assert names == ["hat", "background blue", "background green", "background red"]
    assert card["hyper"]["attributes"][0]["title"] == "Hat!"
    assert set(shown["attributes"]) == set(names)
    # Of the backgrounds, which exclude each other, cleaning may leave nothing: that is not measured.
    assert "hat" in shown["attributes_cleaned"] and set(shown["attributes_cleaned"]) <= set(names)
    assert len(shown["kl_dimensions"]) == 14 and shown["held_out_pictures"] == 4
    for sheet in ("reconstructions", "morphs", "samples", "attributes"):
        assert (tmp_path / "runs" / "a" / f"look_{sheet}.png").exists()

    loaded = load_model(weights / "tiny.safetensors")
    assert loaded.card.role == "autoencoder" and loaded.card.hyper["attributes"] == card["hyper"]["attributes"]
    assert loaded.card.credit == "nobody"
    net = loaded.network
    assert isinstance(net, VAE) and net.hyper["data_count"] == 36
    assert net.attributes_vectors is not None and net.attributes_vectors.shape == (4, 14)
    assert net.data_labels is not None and net.data_labels.dtype == torch.uint8
    assert float(net.attributes_vectors.norm(dim=1)[0]) == pytest.approx(1.0, abs=1e-3)

    assert (
        main(["measure", "--model", str(weights / "tiny.safetensors"), "--data", str(folder), "--judge-steps", "3"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == shown, "the card's numbers are those that the command prints"


def test_without_labels_there_are_no_attributes(folder: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in folder.glob("*.png"):
        (plain / path.name).write_bytes(path.read_bytes())
    told = ["--data", str(plain), "--out", "a", "--runs", str(tmp_path / "runs")]
    assert main(["vae", *told, *TINY, "--images", "8", "--kind", "aae"]) == 0
    assert main(["export", *told, "--weights", str(tmp_path / "w"), "--name", "plain", "--judge-steps", "3"]) == 0
    card = json.loads((tmp_path / "w" / "plain.json").read_text())
    assert (
        card["hyper"]["attributes"] == [] and "attributes" not in card["scores"] and card["scores"]["kl_nats"] is None
    )
    net = load_model(tmp_path / "w" / "plain.safetensors").network
    assert isinstance(net, VAE) and net.attributes_vectors is None and net.data_labels is None and not net.variational


def test_labels_are_wanted_for_anchoring(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "000.png").write_bytes((folder / "000.png").read_bytes())
    told = ["--data", str(plain), "--out", "a", "--runs", str(tmp_path / "runs")]
    assert main(["vae", *told, *TINY, "--images", "8", "--anchor-weight", "0.05"]) == 1
    assert "no label table" in capsys.readouterr().err
    assert main(["vae", *told, "--size", "32", *TINY[2:]]) == 1
    assert "32 px" in capsys.readouterr().err

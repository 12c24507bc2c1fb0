"""The portrait that ships: its labels are all there, and glasses can be put on and taken off."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.nets.stargan import StarGAN
from studio.training.data import load_pictures, to_float
from studio.training.translate.stargan_labels import labelled

ROOT = Path(__file__).parents[3]
CARD = json.loads((ROOT / "weights" / "portrait.json").read_text("utf-8"))


def test_every_label_has_its_control() -> None:
    net = StarGAN.from_state_dict(load_file(ROOT / "weights" / "portrait.safetensors"))
    indices = sorted(i for g in CARD["label_groups"] for i in g["indices"])
    assert indices == list(range(net.c_dim))
    assert len(CARD["label_names"]) == net.c_dim == CARD["hyper"]["c_dim"]
    assert CARD["hyper"]["up"] == net.up == "resize"
    hair = next(g for g in CARD["label_groups"] if g["kind"] == "choice")
    assert len(hair["colors"]) == len(hair["names"]) == 7
    assert "Draftbit" in CARD["credit"]
    assert (ROOT / "weights" / "portrait.safetensors").stat().st_size <= 1_500_000


def test_portraits_stay_as_they_are_and_glasses_come_and_go(tmp_path: Path) -> None:
    source = ROOT.parent / "shared" / "data" / "avatars_personas.zip"
    if not source.is_file():
        pytest.skip("the data set is not here")
    with zipfile.ZipFile(source) as archive:
        names = sorted(n for n in archive.namelist() if n.endswith((".webp", ".png")))
        # Each of them is the last of ten in sorted order: held out.
        wanted = names[39::400]
        table = next(n for n in archive.namelist() if n.endswith("labels.csv"))
        for name in (*wanted, table):
            (tmp_path / Path(name).name).write_bytes(archive.read(name))
    data = load_pictures(tmp_path, 128)
    assert len(data) == len(wanted) == 20
    plan, labels, _ = labelled(data, "a_glasses,a_sunglasses,a_hat,a_facial_hair", "color_hair")
    net = StarGAN.from_state_dict(load_file(ROOT / "weights" / "portrait.safetensors"))
    x = to_float(data.images)
    assert plan.c_dim == net.c_dim
    assert float((net.translate(x, labels=labels) - x).abs().mean()) / 2 < 0.03
    bare = (labels[:, :2].sum(dim=1) == 0).nonzero().flatten()
    dark = labels[bare].clone()
    dark[:, 1] = 1
    eyes = (slice(None), slice(None), slice(50, 62), slice(44, 84))
    before, half, after = (net.translate(x[bare], labels=c)[eyes].mean() for c in
                           (labels[bare], labels[bare].lerp(dark, 0.5), dark))  # fmt: skip
    assert after < before - 0.3
    assert after < half < before
    assert torch.isfinite(after)

"""Export of a training, and the judge of labels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.nets.stylegan2 import StyleGAN2
from studio.training.anchor import AnchorSpec
from studio.training.attributes import judge_accuracy, toggle_agreement, train_judge
from studio.training.data import load_pictures, to_float
from studio.training.export import export_model, half_state


def test_exported_model_is_the_network(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    spec = AnchorSpec(data.rows)
    net = StyleGAN2(spec.z_dim, 16, {4: 8, 8: 8, 16: 8}, c_dim=spec.c_dim, mapping_layers=2, conv_clamp=None).eval()
    card = export_model(
        net,
        tmp_path,
        "tiny",
        title="Tiny",
        spec=spec,
        groups=spec.label_groups(spec.table(data.rows)),
        about={"credit": "nobody"},
    )
    assert json.loads((tmp_path / "tiny.json").read_text()) == card
    path = tmp_path / "tiny.safetensors"
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    again = StyleGAN2.from_state_dict(load_file(path), conv_clamp=card["hyper"]["conv_clamp"])
    assert again.hyper == net.hyper == {k: card["hyper"][k] for k in net.hyper}
    z = torch.randn(2, spec.z_dim)
    with torch.no_grad():
        assert torch.allclose(again(z), net(z), atol=0.02)
    assert len(card["label_names"]) == card["hyper"]["c_dim"]
    net.mapping.fc0.weight.data.fill_(1e6)
    with pytest.raises(ValueError, match=r"mapping\.fc0\.weight"):
        half_state(net)


def test_judge_learns_and_notices_a_label_that_does_nothing(folder: Path) -> None:
    data = load_pictures(folder, 32)
    spec = AnchorSpec(data.rows)
    judge = train_judge(spec, data, steps=60, batch=20)
    truth = spec.table(data.rows)
    got = judge_accuracy(spec, judge, to_float(data.images), truth)
    assert got["background"] > 0.9
    same = to_float(data.images[:1])
    agreement = toggle_agreement(spec, judge, lambda z, c: same.expand(z.shape[0], -1, -1, -1), count=12)
    assert agreement["a_hat"] == 0.5, "one picture for both states is right half of the time"
    assert set(agreement) == {"a_hat", "background", "color_skin"}

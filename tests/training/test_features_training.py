"""The feature network learns, resumes exactly, and its normalised file is the same network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.base.errors import StudioError
from studio.base.steps import Loss, run
from studio.nets.style_features import StudioVGG
from studio.training.data import load_pictures
from studio.training.features import FeaturesTrainer, export_features, normalised, train_features, vary
from studio.training.features_config import FeaturesConfig
from studio.training.snapshot import load_snapshot

CFG = {
    "size": 32, "blocks": "8x1,12x1,16x1", "crops": "32", "shares": "1", "batch": 16, "lr": 1e-2, "weight_decay": 0.0,
    "smoothing": 0.0, "precision": "fp32", "dropout": 0.0, "ema_images": 100.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Upright, level and checked stripes, in folders."""
    root = tmp_path_factory.mktemp("classes")
    gen = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    for name, plane in (("across", y // 4 % 2), ("checks", (x // 4 + y // 4) % 2), ("down", x // 4 % 2)):
        (root / name).mkdir()
        for i in range(20):
            tint = torch.rand(3, 1, 1, generator=gen)
            picture = (plane[None] * (0.4 + 0.6 * tint) * 200 + 40 * torch.rand(3, 32, 32, generator=gen)).byte()
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(root / name / f"{i:02d}.png")
    return root


def test_loss_falls_and_held_out_is_told(classes: Path, tmp_path: Path) -> None:
    data = load_pictures(classes, 32)
    steps = train_features(FeaturesConfig(**CFG, images=16 * 110), data, tmp_path)
    losses = [e.values for e in steps if isinstance(e, Loss)]
    falling = [v["cross entropy"] for v in losses if "cross entropy" in v]
    assert falling[-1] < 0.7 * falling[0]
    assert losses[-1]["held-out accuracy"] > 0.6


def test_resumed_equals_uninterrupted(classes: Path, tmp_path: Path) -> None:
    data = load_pictures(classes, 32)
    cfg = FeaturesConfig(**{**CFG, "dropout": 0.3}, images=16 * 12)
    run(train_features(cfg, data, tmp_path / "whole"))
    asked = iter([False] * 5 + [True])
    first = run(train_features(cfg, data, tmp_path / "parts", stop=lambda: next(asked)))
    assert not first.finished
    second = run(train_features(cfg, data, tmp_path / "parts", resume=True))
    assert second.finished
    a, b = (load_snapshot(tmp_path / n / "snapshot.pt") for n in ("whole", "parts"))
    assert a["seen"] == b["seen"]
    for key in ("net", "ema"):
        assert all(torch.equal(a[key][k], b[key][k]) for k in a[key])


def test_pictures_without_folders_are_refused(classes: Path) -> None:
    with pytest.raises(StudioError, match="no classes"):
        FeaturesTrainer(FeaturesConfig(**CFG), load_pictures(classes / "down", 32), torch.device("cpu"))


def test_normalised_is_the_same_network_with_even_channels(classes: Path) -> None:
    t = FeaturesTrainer(FeaturesConfig(**CFG), load_pictures(classes, 32), torch.device("cpu"))
    filters, plan = t.net.filters(), t.cfg.plan()
    x = t.held.images.float() / 255
    even = StudioVGG.from_state_dict(normalised(filters, plan, x))
    plain = StudioVGG.from_state_dict(filters)
    names = [f"relu{n}" for n, _ in plan]
    with torch.no_grad():
        a, b = plain.features(x, names), even.features(x, names)
    for name in names:
        mean = b[name].mean(dim=(0, 2, 3))
        loud = mean > 0.9
        assert loud.float().mean() > 0.5, "most channels speak, and then one on average"
        assert torch.allclose(mean[loud], torch.ones(int(loud.sum())), atol=1e-3)
        scale = b[name].amax(dim=(0, 2, 3)) / a[name].amax(dim=(0, 2, 3)).clamp_min(1e-9)
        assert torch.allclose(a[name] * scale.view(1, -1, 1, 1), b[name], atol=1e-3 * float(b[name].max()))


def test_export_is_small_and_loads(classes: Path, tmp_path: Path) -> None:
    run(train_features(FeaturesConfig(**CFG, images=64), load_pictures(classes, 32), tmp_path))
    card = export_features(load_snapshot(tmp_path / "snapshot.pt"), classes, tmp_path, "small", about={"credit": "me"})
    assert card["role"] == "features"
    assert card["credit"] == "me"
    assert card["hyper"]["layer_names"][1] == "relu1_1"
    assert 0 <= card["scores"]["held_out_accuracy"] <= 1
    assert (tmp_path / "small.safetensors").stat().st_size == card["size"]


def test_variations_stay_pictures() -> None:
    gen = torch.Generator().manual_seed(2)
    x = vary(torch.rand(6, 3, 32, 32, generator=gen), 24, gen)
    assert x.shape == (6, 3, 24, 24)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1


def test_settings_are_read() -> None:
    cfg = FeaturesConfig(crops="64,96", shares="0.5,0.5")
    assert [cfg.crop_at(p) for p in (0.0, 0.49, 0.51, 1.0)] == [64, 64, 96, 96]
    with pytest.raises(StudioError):
        FeaturesConfig(blocks="many").plan()

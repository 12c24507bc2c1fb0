"""A style network learns its style, resumes exactly, and begins from another one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, run
from studio.nets.johnson import JohnsonNet
from studio.training.data import Pictures, load_pictures
from studio.training.johnson import JohnsonTrainer, export_johnson, style_picture, train_johnson, zoomed
from studio.training.johnson_config import JohnsonConfig
from studio.training.snapshot import load_snapshot

SMALL = {"size": 32, "style_size": 48, "widths": "4,6,8", "n_blocks": 1, "batch": 2, "precision": "fp32", "lr": 5e-3,
             "style_layers": "relu1_1:1,relu2_1:1", "content_layers": "relu2_1:1"}  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in blocks."""
    root = tmp_path_factory.mktemp("photos")
    gen = torch.Generator().manual_seed(0)
    for i in range(20):
        x = torch.rand(1, 3, 8, 8, generator=gen).repeat_interleave(4, 2).repeat_interleave(4, 3)
        Image.fromarray((x[0] * 255).byte().permute(1, 2, 0).numpy()).save(root / f"{i:02d}.png")
    return root


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Red and yellow stripes."""
    path = tmp_path_factory.mktemp("style") / "stripes.png"
    x = torch.zeros(64, 80, 3)
    x[..., 0] = 0.9
    x[::6, :, 1] = 0.8
    Image.fromarray((x * 255).byte().numpy()).save(path)
    return str(path)


@pytest.fixture(scope="module")
def data(photos: Path) -> Pictures:
    return load_pictures(photos, 32)


def test_style_loss_falls(data: Pictures, style: str, tmp_path: Path) -> None:
    events = list(train_johnson(JohnsonConfig(style=style, **SMALL, images=2 * 60), data, tmp_path))
    totals = [e.values["total"] for e in events if isinstance(e, Loss) and "total" in e.values]
    assert totals[-1] < 0.6 * totals[0]
    assert "held-out style" in next(e for e in reversed(events) if isinstance(e, Loss)).values
    assert any(isinstance(e, Preview) for e in events)


def test_resumed_equals_uninterrupted(data: Pictures, style: str, tmp_path: Path) -> None:
    cfg = JohnsonConfig(style=style, **SMALL, images=16)
    run(train_johnson(cfg, data, tmp_path / "whole"))
    asked = iter([False] * 3 + [True])
    run(train_johnson(cfg, data, tmp_path / "parts", stop=lambda: next(asked)))
    run(train_johnson(cfg, data, tmp_path / "parts", resume=True))
    a, b = (load_snapshot(tmp_path / n / "snapshot.pt") for n in ("whole", "parts"))
    for key in ("net", "ema"):
        assert all(torch.equal(a[key][k], b[key][k]) for k in a[key])


def test_export_loads_and_another_begins_from_it(photos: Path, data: Pictures, style: str, tmp_path: Path) -> None:
    run(train_johnson(JohnsonConfig(style=style, **SMALL, images=4), data, tmp_path))
    card = export_johnson(load_snapshot(tmp_path / "snapshot.pt"), photos, tmp_path, "stripes", about={})
    assert card["role"] == "stylizer"
    assert card["training"]["style_picture"] == "stripes.png"
    assert Path(card["training"]["config"]["features"]).name == card["training"]["config"]["features"]
    base = str(tmp_path / "stripes.safetensors")
    t = JohnsonTrainer(JohnsonConfig(style=style, **SMALL, seed=1, base=base), data, torch.device("cpu"))
    fresh = JohnsonTrainer(JohnsonConfig(style=style, **SMALL, seed=1), data, torch.device("cpu"))
    saved = load_snapshot(tmp_path / "snapshot.pt")["ema"]["conv3.conv2d.weight"]
    assert torch.allclose(t.net.conv3.conv2d.weight, saved, atol=1e-3)
    assert not torch.allclose(fresh.net.conv3.conv2d.weight, saved, atol=1e-3)
    assert JohnsonNet.from_hyper(card["hyper"]).values == "0-1"


def test_wrong_settings_are_told(style: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no style picture"):
        JohnsonConfig().check()
    with pytest.raises(StudioError, match="statistic"):
        JohnsonConfig(style=style, statistic="mode").check()
    with pytest.raises(StudioError, match="could not be opened"):
        style_picture(tmp_path / "none.png", 64)


def test_zoomed_keeps_size_and_mirrors_or_enlarges() -> None:
    gen = torch.Generator().manual_seed(1)
    x = torch.rand(4, 3, 32, 32, generator=gen)
    for a, b in zip(zoomed(x, 1.0, gen), x, strict=True):
        assert torch.allclose(a, b, atol=1e-4) or torch.allclose(a, b.flip(2), atol=1e-4)
    large = zoomed(x, 4.0, gen)
    assert large.shape == x.shape
    assert float(large.diff(dim=3).abs().mean()) < float(x.diff(dim=3).abs().mean())

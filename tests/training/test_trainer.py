"""A tiny training on the CPU: it runs, learns, stops within its limit and resumes exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from studio.base.errors import ModelError
from studio.base.steps import Loss, Preview, run
from studio.training.augment import Adaptive, augment
from studio.training.config import TrainConfig
from studio.training.data import load_pictures
from studio.training.ema import Ema
from studio.training.snapshot import load_snapshot, save_snapshot
from studio.training.stylegan2 import train
from studio.training.trainer import Trainer


def tiny(**changes: object) -> TrainConfig:
    settings: dict[str, object] = {
        "size": 16,
        "batch": 4,
        "z_dim": 8,
        "w_dim": 16,
        "mapping_layers": 2,
        "channels": "4:8,8:8,16:8",
        "precision": "fp32",
        "warm_steps": 3,
        "r1_every": 2,
        "pl_every": 2,
        "images": 40,
        "augment": "0.3",
    }
    return TrainConfig.from_dict(settings | changes)


@pytest.mark.parametrize("anchor", [False, True])
def test_runs_with_finite_losses(folder: Path, tmp_path: Path, anchor: bool) -> None:
    data = load_pictures(folder, 16)
    steps = train(tiny(anchor=anchor, size=16), data, tmp_path, save_minutes=100)
    events = []
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        result = stop.value
    assert result.seen == 40 and result.finished
    assert any(isinstance(e, Preview) for e in events)
    assert not any(isinstance(e, Loss) and not all(abs(v) < 1e6 for v in e.values.values()) for e in events)
    lines = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["seen"] == 40
    assert (tmp_path / "samples_0000040.png").exists()
    state = load_snapshot(tmp_path / "snapshot.pt")
    assert all(v.isfinite().all() for v in state["g"].values())


@pytest.mark.parametrize("anchor", [False, True])
def test_resumed_equals_uninterrupted(folder: Path, tmp_path: Path, anchor: bool) -> None:
    data = load_pictures(folder, 16)
    cfg = tiny(anchor=anchor, decay_from=1.0)
    whole = Trainer(tiny(anchor=anchor, decay_from=1.0), data, torch.device("cpu"))
    for _ in range(5):
        whole.step(0.0)
    first = Trainer(cfg, data, torch.device("cpu"))
    for _ in range(2):
        first.step(0.0)
    save_snapshot(tmp_path / "s.pt", first.state())
    second = Trainer(tiny(anchor=anchor, decay_from=1.0), data, torch.device("cpu"))
    torch.manual_seed(12345)
    second.load(load_snapshot(tmp_path / "s.pt"))
    for _ in range(3):
        second.step(0.0)
    for name in ("g", "ema", "d"):
        a, b = whole.state()[name], second.state()[name]
        assert all(torch.equal(a[k], b[k]) for k in a), name


def test_discriminator_may_look_at_a_smaller_picture(folder: Path) -> None:
    t = Trainer(tiny(anchor=True, d_size=8), load_pictures(folder, 16), torch.device("cpu"))
    assert t.d.resolution == 8
    assert set(t.step(0.0)) >= {"reconstruction", "generator", "discriminator", "r1"}


def test_stops_within_the_time_limit(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    result = run(train(tiny(images=0), data, tmp_path, minutes=1e-6))
    assert result.seen == 0 and (tmp_path / "snapshot.pt").exists()
    again = run(train(tiny(images=8), data, tmp_path, resume=True))
    assert again.seen == 8


def test_anchored_reconstruction_falls(folder: Path) -> None:
    data = load_pictures(folder, 16)
    t = Trainer(tiny(anchor=True, adv_weight=0.0, lr_g=0.01, beta1=0.9, batch=8), data, torch.device("cpu"))
    values = [t.step(0.0)["reconstruction"] for _ in range(60)]
    assert sum(values[-5:]) < 0.7 * sum(values[:5])


def test_growing_keeps_the_picture(folder: Path) -> None:
    small = Trainer(tiny(anchor=True), load_pictures(folder, 16), torch.device("cpu"))
    channels = "4:8,8:8,16:8,32:4"
    large = Trainer(tiny(anchor=True, size=32, channels=channels), load_pictures(folder, 32), torch.device("cpu"))
    large.load(small.state())
    ws = large.g.map(torch.randn(2, large.g.z_dim))
    with torch.no_grad():
        a = small.g.synthesize(ws[:, : small.g.num_ws], "none")
        b = large.g.synthesize(ws, "none")
        assert torch.allclose(large.g.synthesize(ws, "none", size=16), a, atol=1e-5)
    up = torch.nn.functional.interpolate(a, scale_factor=2, mode="bilinear")
    assert float((b - up).abs().mean()) < 0.1 * float(a.abs().mean())


def test_snapshots_are_whole_or_refused(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "s.pt", {"a": torch.ones(2), "b": {"c": 1}})
    assert load_snapshot(tmp_path / "s.pt")["b"] == {"c": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["s.pt"]
    (tmp_path / "bad.pt").write_bytes((tmp_path / "s.pt").read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read"):
        load_snapshot(tmp_path / "bad.pt")


def test_ema_half_life() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    ema = Ema(net, half_life=64)
    net.weight.data.fill_(1.0)
    for _ in range(4):
        ema.update(net, 16, seen=10**9)
    assert abs(float(ema.net.weight) - 0.5) < 1e-5


def test_augmentation() -> None:
    gen = torch.Generator().manual_seed(0)
    x = torch.rand(8, 3, 16, 16, requires_grad=True)
    assert augment(x, 0.0, gen) is x
    y = augment(x, 1.0, gen)
    assert y.shape == x.shape and not torch.allclose(x, y)
    y.sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    state = gen.get_state()
    a = augment(x, 0.5, gen)
    gen.set_state(state)
    assert torch.equal(a, augment(x, 0.5, gen))


def test_adaptive_strength_follows_the_sign() -> None:
    ada = Adaptive("ada", 0.6, pictures=1000)
    for _ in range(40):
        ada.update(torch.ones(100))
    assert ada.strength == 0.8
    for _ in range(40):
        ada.update(-torch.ones(100))
    assert ada.strength == 0.0
    assert Adaptive("0.25", 0.6).strength == 0.25

"""Training an autoencoder: it learns, stops, resumes exactly, and names a collapse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, Progress, run
from studio.nets.vae import CERTAIN, kl_per_dimension
from studio.training.anchor import AnchorSpec
from studio.training.data import load_pictures
from studio.training.losses import g_nonsaturating
from studio.training.snapshot import load_snapshot
from studio.training.vae import train_vae
from studio.training.vae_anchor import LabelCodes, expected_largest
from studio.training.vae_config import VaeConfig, by_resolution
from studio.training.vae_critics import PatchCritic, recoloured
from studio.training.vae_passes import psnr, reduced
from studio.training.vae_trainer import VaeTrainer

WIDTHS = "4:8,8:8"
BLOCKS = "4:1,8:1"


def config(**changes: Any) -> VaeConfig:
    """16 px, 20 dimensions, in float32 so that runs can be compared exactly."""
    settings: dict[str, Any] = {
        "size": 16, "latent_dim": 20, "encoder": WIDTHS, "decoder": WIDTHS, "blocks": BLOCKS, "top": 4, "batch": 8,
        "lr": 3e-3, "warm": 80, "ema_images": 50.0, "precision": "fp32", "probe_weight": 0.0, "guide_steps": 3,
    }  # fmt: skip
    return VaeConfig(**{**settings, **changes})


def test_it_learns_to_rebuild(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    events: list[Any] = []
    steps = train_vae(config(images=8 * 90, lr=8e-3, beta=1e-3), data, tmp_path)
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        trained = stop.value
    losses = [e.values for e in events if isinstance(e, Loss) and "reconstruction" in e.values]
    assert losses[-1]["reconstruction"] < 0.75 * losses[0]["reconstruction"]
    assert trained.finished and trained.seen == 720 and trained.snapshot.exists()
    previews = [e for e in events if isinstance(e, Preview)]
    assert previews and previews[-1].image.shape[1] == 8 * 16
    assert {e.phase for e in events if isinstance(e, Progress)} >= {"Preparing", "Training"}
    last, kl = (json.loads((tmp_path / n).read_text().splitlines()[-1]) for n in ("log.jsonl", "kl.jsonl"))
    assert len(kl["kl"]) == 20 and kl["seen"] == 720 and kl["warning"] == ""
    assert last["held_out_kl"] == pytest.approx(sum(kl["kl"]), abs=0.01)
    assert 0 <= last["active_units"] <= 20


@pytest.mark.parametrize("kind", ["vae", "ae", "aae"])
def test_resumed_is_the_same_as_uninterrupted(folder: Path, tmp_path: Path, kind: str) -> None:
    data = load_pictures(folder, 16)
    extra: dict[str, Any] = {"adv_weight": 0.01, "r1_every": 2, "probe_weight": 0.02}
    run(train_vae(config(kind=kind, images=48, decay_from=1.0, **extra), data, tmp_path / "whole"))
    run(train_vae(config(kind=kind, images=24, decay_from=1.0, **extra), data, tmp_path / "parts"))
    run(train_vae(config(kind=kind, images=48, decay_from=1.0, **extra), data, tmp_path / "parts", resume=True))
    whole, parts = (load_snapshot(tmp_path / n / "snapshot.pt") for n in ("whole", "parts"))
    assert whole["seen"] == parts["seen"] == 48
    for key, value in whole["ema"].items():
        assert torch.allclose(value, parts["ema"][key], atol=1e-6), key
    for name in ("critic", "probe", "latent_critic"):
        for key, value in whole["helpers"][name].items():
            assert torch.allclose(value, parts["helpers"][name][key], atol=1e-6), (name, key)


def test_the_network_of_a_resumed_training_is_the_snapshots(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    run(train_vae(config(images=8, latent_dim=20), data, tmp_path))
    run(train_vae(config(images=16, latent_dim=30, beta=0.5, kind="ae"), data, tmp_path, resume=True))
    kept = load_snapshot(tmp_path / "snapshot.pt")["config"]
    assert (kept["latent_dim"], kept["kind"], kept["beta"]) == (20, "vae", 0.5)


def test_a_smaller_one_is_grown_and_the_top_waits(folder: Path, tmp_path: Path) -> None:
    """32 px, then 16 px, then 32 px again: what fits goes on, and the top layers come back as they were left."""
    large: dict[str, Any] = {"size": 32, "encoder": "4:8,8:8,16:6", "decoder": "4:8,8:8,16:6", "blocks": "4:1,8:1,16:1"}
    data, small = load_pictures(folder, 32), load_pictures(folder, 16)
    run(train_vae(config(images=16, **large), data, tmp_path))
    first = load_snapshot(tmp_path / "snapshot.pt")
    run(train_vae(config(images=24, top=5), small, tmp_path, resume=True))
    second = load_snapshot(tmp_path / "snapshot.pt")
    assert set(second["spare"]["net"]) >= {"decoder.b16_0.conv1.weight", "decoder.grow.weight", "encoder.stem.weight"}
    third = VaeTrainer(config(**large), data, torch.device("cpu"))
    third.load(second)
    for name in ("net", "ema"):
        got = third.state()[name]
        for key, value in got.items():
            came = second[name] if "b4" in key or "b8_" in key else first[name]
            if key.startswith(("decoder.b", "decoder.grow")) or key in ("decoder.out.weight", "encoder.stem.weight"):
                assert torch.equal(value, came[key]), key
    assert third.age == 0 and third.seen == 24


def test_it_stops_when_asked_and_keeps_what_it_has(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    asked = iter([False, False, True])
    trained = run(train_vae(config(), data, tmp_path, stop=lambda: next(asked)))
    assert trained.seen == 16 and load_snapshot(trained.snapshot)["steps"] == 2


def test_a_collapse_is_named(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    phases: set[str] = set()
    steps = train_vae(config(beta=50.0, warm=1, free_bits=0.0, lr=1e-2, images=400), data, tmp_path, save_minutes=0.0)
    try:
        while True:
            event = next(steps)
            if isinstance(event, Progress):
                phases.add(event.phase)
    except StopIteration:
        pass
    assert any("collapsed" in p and "--beta" in p for p in phases)
    healthy = VaeTrainer(config(warm=0), data, torch.device("cpu"))
    assert healthy.collapse(12) == "" and "0 of its 20" in healthy.collapse(0)
    assert VaeTrainer(config(warm=100), data, torch.device("cpu")).collapse(0) == "", "still warming up"


def test_kl_warm_up_and_free_bits(folder: Path) -> None:
    t = VaeTrainer(config(beta=0.4, warm=100), load_pictures(folder, 16), torch.device("cpu"))
    for seen, beta in ((0, 0.0), (25, 0.1), (100, 0.4), (1000, 0.4)):
        t.seen = seen
        assert t.beta == pytest.approx(beta)


def test_plain_autoencoder_is_certain(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    t = VaeTrainer(config(kind="ae"), data, torch.device("cpu"))
    out = t.step(0.0)
    assert "kl" not in out and "latent_critic" not in out
    assert bool((t.net.encode(torch.zeros(1, 3, 16, 16))[1] == CERTAIN).all())


def test_adversarial_autoencoder_pulls_its_codes_towards_the_prior(folder: Path) -> None:
    """Codes far from the prior: the critic learns to tell them, and what it then asks for makes them smaller."""
    t = VaeTrainer(config(kind="aae", lr_d=4e-3), load_pictures(folder, 16), torch.device("cpu"))
    out = t.step(0.0)
    assert "latent_critic" in out and "kl" not in out
    mu = 4 + torch.randn(32, 20, generator=torch.Generator().manual_seed(0))
    t.opts["latent_critic"].param_groups[0]["lr"] = 4e-3
    first = t.latent_critic_step(mu)
    for _ in range(40):
        last = t.latent_critic_step(mu)
    assert last < 0.5 * first
    mu.requires_grad_()
    g_nonsaturating(t.latent_critic(mu)).backward()
    assert mu.grad is not None and float((mu.grad * mu.detach()).sum()) > 0, "descent shrinks the codes"


def test_guide_critic_and_perceptual_term_take_part(folder: Path) -> None:
    data = load_pictures(folder, 16)
    cfg = config(adv_weight=0.02, guide_weight=0.05, probe_weight=0.05, perceptual_weight=0.1, adv_share=1.0)
    t = VaeTrainer(cfg, data, torch.device("cpu"))
    t.fit_guide()
    out = t.step(0.0) | t.step(0.0)
    assert set(out) >= {"reconstruction", "kl", "labels", "guide", "generator", "critic", "perceptual"}
    assert all(torch.isfinite(p).all() for p in t.net.parameters())
    assert PatchCritic()(torch.zeros(2, 3, 128, 128)).shape == (2, 16 * 16 + 8 * 8 + 4 * 4)


def test_edits_move_the_code_from_one_value_to_another(folder: Path) -> None:
    data = load_pictures(folder, 16)
    t = VaeTrainer(config(anchor_weight=0.05), data, torch.device("cpu"))
    assert t.codes is not None and t.spec is not None
    index = torch.arange(12)
    mu = t.codes.mean(t.factors[index])
    z, wanted = t.edited(mu, index)
    changed = (wanted != t.factors[index]).any(dim=1)
    assert bool(changed.any())
    for i, factor in enumerate(t.spec.factors):
        block = z[:, factor.start : factor.start + len(factor.values)]
        assert torch.equal(block.argmax(dim=1), wanted[:, i]), factor.name


def test_label_codes_are_the_priors_means(folder: Path) -> None:
    spec = AnchorSpec(load_pictures(folder, 16).rows)
    codes = LabelCodes(spec, spec.z_dim + 2)
    gen = torch.Generator().manual_seed(0)
    assert expected_largest(1) == pytest.approx(0.0, abs=1e-9)
    assert expected_largest(2) == pytest.approx(0.5642, abs=1e-4)
    f = torch.zeros(20000, len(spec.factors), dtype=torch.int64)
    drawn = codes.draw(f, gen, gentle=1.0)
    tight = ~codes.loose.bool()
    assert torch.allclose(drawn.mean(0)[tight], codes.mean(f[:1])[0][tight], atol=0.03)
    assert float(drawn[:, -1].std()) == pytest.approx(1.0, abs=0.02), "free dimensions are left to the prior"
    for i, x in enumerate(spec.factors):
        if not bool(codes.loose[x.start]):
            assert bool((drawn[:, x.start : x.start + len(x.values)].argmax(dim=1) == f[:, i]).all())
    with pytest.raises(StudioError, match="too small for these labels"):
        LabelCodes(spec, spec.z_dim - 1)


def test_anchored_codes_follow_the_labels(folder: Path, tmp_path: Path) -> None:
    data = load_pictures(folder, 16)
    t = VaeTrainer(config(anchor_weight=0.1, warm=1000), data, torch.device("cpu"))
    first = t.step(0.0)["anchor"]
    for _ in range(60):
        last = t.step(0.0)["anchor"]
    assert last < 0.7 * first
    assert not torch.equal(kl_per_dimension(*t.net.encode(torch.zeros(1, 3, 16, 16))), torch.zeros(1, 20))


def test_in_betweens_glide_in_colour_and_hold_their_shape(folder: Path) -> None:
    """A quarter of the way: codes on the line, and the end that is asked from the averaged network has f's shapes."""
    data = load_pictures(folder, 16)
    t = VaeTrainer(config(anchor_weight=0.05, glide_weight=0.5, mse_weight=1.0), data, torch.device("cpu"))
    assert t.codes is not None and t.spec is not None
    f, g = t.factors[:6], t.factors[6:12]
    shapes = (torch.arange(6) < 3)[:, None]
    z, there = t.codes.between(f, g, torch.full((6, 1), 0.25), shapes)
    assert torch.allclose(z[:3], 0.75 * t.codes.mean(f)[:3] + 0.25 * t.codes.mean(g)[:3])
    assert torch.allclose(z[3:], 0.75 * t.codes.mean(f)[3:] + 0.25 * there[3:])
    hair = next(x for x in t.spec.factors if x.name == "hair")
    block = slice(hair.start, hair.start + len(hair.values))
    assert torch.equal(there[:, block], t.codes.mean(f)[:, block]), "shapes stay"
    assert torch.equal(there[:, ~t.codes.loose.bool()], t.codes.mean(f)[:, ~t.codes.loose.bool()])
    assert not torch.equal(there, t.codes.mean(f))
    x = torch.zeros(8, 3, 16, 16)
    codes, target = t.gliding(x, torch.arange(8))
    assert codes.shape == (2, 20) and target.shape == (2, 3, 16, 16)
    assert "glide" in t.step(0.0)


def test_focus_is_on_places_with_errors(folder: Path) -> None:
    t = VaeTrainer(config(focus=6.0), load_pictures(folder, 16), torch.device("cpu"))
    e = torch.full((2, 3, 16, 16), 0.01)
    e[:, :, 6:10, 6:10] = 1.0
    weights = t.focus(e)
    assert weights.shape == (1, 1, 16, 16)
    assert float(weights[0, 0, 8, 8]) > 2 > 1 > float(weights[0, 0, 0, 0])
    assert float(weights.max()) <= 6
    assert "reconstruction" in t.step(0.0)


def test_recoloured_keeps_shapes() -> None:
    x = torch.zeros(2, 3, 4, 4)
    x[:, 0, :, 2:] = 1.0
    y = recoloured(x, torch.Generator().manual_seed(0))
    assert torch.equal(y[..., :1].expand(2, 3, 4, 2), y[..., :2]) and torch.equal(
        y[..., 2:3].expand(2, 3, 4, 2), y[..., 2:]
    )
    assert not torch.allclose(y[0], y[1])


def test_settings_are_checked() -> None:
    with pytest.raises(StudioError, match="kind"):
        config(kind="gan").check()
    with pytest.raises(StudioError, match="reconstruction"):
        config(reconstruction="ssim").check()
    with pytest.raises(StudioError, match="32 px"):
        config(size=32).check()
    with pytest.raises(StudioError, match="widths"):
        by_resolution("4x8")
    cfg = config(beta=0.3)
    assert VaeConfig.from_dict({**cfg.to_dict(), "newer": 1}) == cfg
    VaeConfig().check()


def test_small_things(folder: Path) -> None:
    data = load_pictures(folder, 32)
    assert reduced(data, 16).images.shape == (40, 3, 16, 16) and reduced(data, 64) is data
    assert float(psnr(torch.full((1, 3, 2, 2), 0.2))) == pytest.approx(20.0, abs=1e-4)

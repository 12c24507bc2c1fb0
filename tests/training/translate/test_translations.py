"""pix2pix and CycleGAN learn, resume exactly, and become models with cards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, run
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.unet_generator import UNetGenerator
from studio.training.snapshot import load_snapshot
from studio.training.translate import common
from studio.training.translate.cyclegan import CycleTrainer, train_cyclegan
from studio.training.translate.pairs import Pairs
from studio.training.translate.pix2pix import Pix2PixTrainer, train_pix2pix
from studio.training.translate.publish import export_cyclegan, export_pix2pix
from studio.training.translate.translate_config import CycleConfig, Pix2PixConfig
from studio.training.translate.worlds import Worlds

CPU = torch.device("cpu")
SHARED = {"size": 16, "batch": 4, "precision": "fp32", "features": "", "critic_width": 4, "critic_layers": 1}
PIX = Pix2PixConfig(**SHARED, widths="8,8,8", lr=4e-3, ema_images=16.0)
CYCLE = CycleConfig(**SHARED, ngf=4, n_blocks=1, n_downsampling=1, pool=6, lr=2e-3, ema_images=16.0)


def squares(n: int, seed: int) -> torch.Tensor:
    """White pictures with a black square somewhere."""
    gen = torch.Generator().manual_seed(seed)
    x = torch.full((n, 3, 16, 16), 255, dtype=torch.uint8)
    for i, (top, left) in enumerate(torch.randint(1, 8, (n, 2), generator=gen).tolist()):
        x[i, :, top : top + 7, left : left + 7] = 0
    return x


def coloured(x: torch.Tensor) -> torch.Tensor:
    """The black of pictures in orange."""
    y = x.clone()
    dark = x[:, 0] < 128
    for channel, value in enumerate((255, 160, 30)):
        y[:, channel][dark] = value
    return y


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    x = squares(24, 0)
    names = tuple(f"{i:02d}" for i in range(24))
    return Pairs(x, coloured(x), names, names, torch.ones(24))


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    held = squares(4, 9)
    return Worlds(squares(20, 1), coloured(squares(16, 2)), held, coloured(held), torch.ones(20), torch.ones(16), True)


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_pix2pix_learns_to_colour(pairs: Pairs, tmp_path: Path) -> None:
    events = list(train_pix2pix(Pix2PixConfig.from_dict({**PIX.to_dict(), "images": 240}), pairs, tmp_path))
    losses = [e.values["l1"] for e in events if isinstance(e, Loss) and "l1" in e.values]
    assert losses[-1] < 0.6 * losses[0]
    held = next(e.values["held-out l1"] for e in events if isinstance(e, Loss) and "held-out l1" in e.values)
    copying = (pairs.targets - pairs.inputs.float()).abs().mean() / 255
    assert held < 0.7 * float(copying)
    preview = next(e for e in events if isinstance(e, Preview)).image
    assert preview.shape == (16 * 4, 16 * 2, 3), "input, stored, own, truth of two held-out pairs"
    assert (tmp_path / "samples_0000240.png").exists()


def test_the_coach_sees_swapped_brightness(pairs: Pairs) -> None:
    t = Pix2PixTrainer(PIX, pairs, CPU)
    t.preview()
    before = list(t.says)
    t.made = lambda inputs, statistics="stored": 1 - coloured(inputs).float() / 255  # type: ignore[method-assign]
    t.preview()
    assert any("swapped" in sentence for sentence in t.says)
    assert not any("swapped" in sentence for sentence in before)


@pytest.mark.parametrize("more", [{}, {"ink": True, "wobble": 1.0, "own_share": 0.5, "critic_augment": 0.5}])
def test_pix2pix_resumed_equals_uninterrupted(pairs: Pairs, tmp_path: Path, more: dict[str, object]) -> None:
    cfg = Pix2PixConfig.from_dict({**PIX.to_dict(), **more, "images": 24})
    run(train_pix2pix(cfg, pairs, tmp_path / "whole"))
    part = tmp_path / "part"
    t = Pix2PixTrainer(cfg, pairs, CPU)
    for i in range(3):
        t.step(4 * i / 24)
    part.mkdir()
    torch.save(t.state(), part / "snapshot.pt")
    torch.manual_seed(77)
    run(train_pix2pix(cfg, pairs, part, resume=True))
    a, b = (load_snapshot(tmp_path / name / "snapshot.pt") for name in ("whole", "part"))
    assert a["seen"] == b["seen"] == 24
    assert same(a["net"], b["net"]) and same(a["ema"], b["ema"]) and same(a["critic"], b["critic"])


def test_cyclegan_learns_the_cycle(worlds: Worlds, tmp_path: Path) -> None:
    cfg = CycleConfig.from_dict({**CYCLE.to_dict(), "images": 240})
    events = list(train_cyclegan(cfg, worlds, tmp_path))
    cycle = [e.values["cycle"] for e in events if isinstance(e, Loss) and "cycle" in e.values]
    assert cycle[-1] < 0.6 * cycle[0]
    held = next(e.values for e in events if isinstance(e, Loss) and "held-out cycle a" in e.values)
    assert held["held-out cycle a"] < 0.7 * CycleTrainer(CYCLE, worlds, CPU).measure()["held-out cycle a"]
    assert "held-out l1 b" in held
    assert next(e for e in events if isinstance(e, Preview)).image.shape == (16 * 8, 16 * 4, 3)


@pytest.mark.parametrize("more", [{}, {"identity_every": 2, "norm": "batch", "border": "white"}])
def test_cyclegan_resumed_equals_uninterrupted(worlds: Worlds, tmp_path: Path, more: dict[str, object]) -> None:
    cfg = CycleConfig.from_dict({**CYCLE.to_dict(), **more, "images": 24})
    run(train_cyclegan(cfg, worlds, tmp_path / "whole"))
    part = tmp_path / "part"
    t = CycleTrainer(cfg, worlds, CPU)
    for i in range(3):
        t.step(4 * i / 24)
    part.mkdir()
    torch.save(t.state(), part / "snapshot.pt")
    run(train_cyclegan(cfg, worlds, part, resume=True))
    a, b = (load_snapshot(tmp_path / name / "snapshot.pt") for name in ("whole", "part"))
    assert same(a["generators"], b["generators"]) and same(a["critics"], b["critics"])
    assert torch.equal(a["pool_a"]["pictures"], b["pool_a"]["pictures"])


def test_worlds_of_different_numbers_are_shown(worlds: Worlds) -> None:
    """Held-out pictures without partners, more on one side than on the other."""
    lone = Worlds(worlds.a, worlds.b, squares(30, 4), coloured(squares(3, 5)), worlds.weights_a, worlds.weights_b)
    for data in (lone, lone.turned()):
        t = CycleTrainer(CYCLE, data, CPU)
        assert "held-out l1 a" not in t.measure()
        picture = t.preview()
        assert picture is not None
        assert picture.shape == (16 * 6, 16 * 3, 3)


def test_a_training_goes_on_at_another_size(worlds: Worlds, tmp_path: Path) -> None:
    """First small, then large: the networks go on, the pool of small pictures does not."""
    run(train_cyclegan(CycleConfig.from_dict({**CYCLE.to_dict(), "images": 8}), worlds, tmp_path))
    large = Worlds(
        *(
            x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            for x in (worlds.a, worlds.b, worlds.held_a, worlds.held_b)
        ),
        worlds.weights_a, worlds.weights_b,
    )  # fmt: skip
    run(
        train_cyclegan(
            CycleConfig.from_dict({**CYCLE.to_dict(), "images": 16, "size": 32}), large, tmp_path, resume=True
        )
    )
    state = load_snapshot(tmp_path / "snapshot.pt")
    assert state["seen"] == 16
    assert state["pool_a"]["pictures"].shape[-1] == 32


def test_the_two_worlds_are_drawn_independently(worlds: Worlds) -> None:
    """Even where the pictures of both worlds lie in the same order, a batch holds no pairs but by chance."""
    numbers = torch.arange(200, dtype=torch.uint8).view(200, 1, 1, 1).expand(200, 3, 16, 16).contiguous()
    weights = torch.ones(200)
    still = CycleConfig.from_dict({**CYCLE.to_dict(), "least_scale": 1.0, "most_scale": 1.0, "shift": 0.0})
    t = CycleTrainer(still, worlds, CPU)
    together = 0
    for _ in range(20):
        a, b = t.draw(numbers, weights), t.draw(numbers, weights)
        together += int((a[:, 0, 8, 8] == b[:, 0, 8, 8]).sum())
    assert together <= 4, "of 80, about 0.4 by chance"


def test_pix2pix_export(pairs: Pairs, tmp_path: Path) -> None:
    t = Pix2PixTrainer(PIX, pairs, CPU)
    for _ in range(12):
        t.step(0.0)
    card = export_pix2pix(
        t.state(), pairs, tmp_path, "toy", title="Toy", about={"credit": "nobody", "training": {"machine": "a test"}},
        hyper={"source_title": "Ink", "target_title": "Paint", "input": "ink"},
    )  # fmt: skip
    assert json.loads((tmp_path / "toy.json").read_text()) == card
    assert (card["role"], card["architecture"]) == ("translator", "pix2pix-unet")
    assert card["hyper"]["input"] == "ink" and card["hyper"]["size"] == 16
    assert card["hyper"]["statistics"] in (0.0, 1.0)
    assert card["hyper"]["has_dropout"] is False, "three levels are too few for dropout"
    assert card["training"]["machine"] == "a test" and card["training"]["steps"] == 12
    scores = card["scores"]
    assert scores["held_out"] == 2
    assert scores["copying_the_input"]["l1"] > 0.05 < scores["mean_color"]["l1"]
    net = UNetGenerator.from_state_dict(load_file(tmp_path / "toy.safetensors"), **card["hyper"])
    x = squares(1, 3).float() / 127.5 - 1
    assert net.up == "resize"
    assert bool(net.translate(x).isfinite().all())
    assert not torch.equal(net.translate(x), net.translate(x, "own"))


def test_stored_statistics_are_those_of_the_averaged_weights(pairs: Pairs) -> None:
    """Over the batches that they were taken from, stored statistics give what training behaviour gives."""
    t = Pix2PixTrainer(PIX, pairs, CPU)
    for _ in range(6):
        t.step(0.0)
    x, _ = t.batch()
    net = t.ema.net
    common.recalibrate(net, [x], torch.float32)
    stored = net.translate(x)
    net.train()
    with torch.no_grad():
        now = net(x)
    assert torch.allclose(stored, now, atol=2e-2)


def test_cyclegan_export(worlds: Worlds, tmp_path: Path) -> None:
    t = CycleTrainer(CYCLE, worlds, CPU)
    for _ in range(4):
        t.step(0.0)
    cards = export_cyclegan(
        t.state(), worlds, tmp_path, ("ink_to_paint", "paint_to_ink"), titles=("There", "Back"), about={},
        hyper={"source_title": "Ink", "target_title": "Paint"},
    )  # fmt: skip
    assert [c["hyper"]["partner"] for c in cards] == ["paint_to_ink", "ink_to_paint"]
    assert [c["hyper"]["source_title"] for c in cards] == ["Ink", "Paint"]
    for c in cards:
        assert {"cycle_l1", "l1", "perceptual", "copying_the_input"} <= c["scores"].keys()
        net = ResNetGenerator.from_state_dict(load_file(tmp_path / f"{c['name']}.safetensors"))
        assert net.hyper == {k: c["hyper"][k] for k in net.hyper}


def test_going_on_from_a_model(pairs: Pairs, tmp_path: Path) -> None:
    t = Pix2PixTrainer(PIX, pairs, CPU)
    t.step(0.0)
    export_pix2pix(t.state(), pairs, tmp_path, "base", about={}, hyper={})
    base = str(tmp_path / "base.safetensors")
    again = Pix2PixTrainer(Pix2PixConfig.from_dict({**PIX.to_dict(), "base": base}), pairs, CPU)
    assert same(again.net.state_dict(), {k: v.float() for k, v in load_file(base).items()})
    with pytest.raises(StudioError, match="another shape"):
        Pix2PixTrainer(Pix2PixConfig.from_dict({**PIX.to_dict(), "base": base, "widths": "8,8"}), pairs, CPU)
    with pytest.raises(StudioError, match="not found"):
        Pix2PixTrainer(Pix2PixConfig.from_dict({**PIX.to_dict(), "base": base + "x"}), pairs, CPU)
    with pytest.raises(StudioError, match="begins with two models"):
        CycleTrainer(
            CycleConfig.from_dict({**CYCLE.to_dict(), "base": base}),
            Worlds(*(pairs.inputs,) * 4, *(pairs.weights,) * 2),
            CPU,
        )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"size": 20}, "does not suit"),
        ({"widths": "a,b"}, "are no widths"),
        ({"network": "vgg"}, "no network"),
        ({"loss": "hinge"}, "no loss"),
        ({"norm": "layer"}, "no norm"),
        ({"least_scale": 2.0, "most_scale": 1.0}, "scales must rise"),
    ],
)
def test_settings_that_make_no_sense(more: dict[str, object], words: str) -> None:
    with pytest.raises(StudioError, match=words):
        Pix2PixConfig.from_dict({**PIX.to_dict(), **more}).check()


def test_perceptual_term_falls_to_nothing_for_equal_pictures(pairs: Pairs) -> None:
    cfg = Pix2PixConfig.from_dict({**PIX.to_dict(), "perceptual_weight": 1.0, "perceptual_reduce": 2})
    t = Pix2PixTrainer(cfg, pairs, CPU)
    x, y = t.batch()
    assert float(t.perceptual(y, y)) == 0
    assert float(t.perceptual(x, y)) > 0.01
    assert "perceptual" in t.step(0.0)
    assert "held-out perceptual" in t.measure()

"""SRResNet and SRGAN: they learn, resume exactly, keep their held-out pictures apart, and interpolate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.nets.srresnet import MSRResNet
from studio.nets.translator_ops import mix_weights
from studio.training.data import Pictures
from studio.training.translate.upscale import (
    UpscaleTrainer,
    bicubic,
    load_upscale,
    parted,
    pillow_reduced,
    reduced,
    take_over,
    train_srresnet,
)
from studio.training.translate.upscale_config import SharpConfig, UpscaleConfig
from studio.training.translate.upscale_publish import export_upscaler
from studio.training.translate.upscale_scores import fidelity, luma, psnr, ssim
from studio.training.translate.upscale_sharp import SharpTrainer, train_srgan

TINY: dict[str, Any] = {"nf": 8, "num_block": 1, "size": 32, "patch": 8, "batch": 4, "precision": "fp32", "warm": 2}


def pictures(n: int = 20, size: int = 32) -> Pictures:
    """Sharp discs of chance colours."""
    gen = torch.Generator().manual_seed(3)
    at = torch.arange(size)
    out = torch.empty(n, 3, size, size, dtype=torch.uint8)
    for i in range(n):
        c = torch.randint(size, (2,), generator=gen)
        disc = (at[None] - c[0]) ** 2 + (at[:, None] - c[1]) ** 2 < (size // 3) ** 2
        ink, paper = torch.randint(256, (2, 3, 1, 1), generator=gen)
        out[i] = torch.where(disc, ink, paper).to(torch.uint8)
    return Pictures(out, tuple(f"{i:02d}.png" for i in range(n)))


def textures(n: int, size: int = 32) -> Pictures:
    """Coloured noise just coarse enough that a reduction to half the size keeps nearly all of it."""
    gen = torch.Generator().manual_seed(3)
    x = F.interpolate(torch.randn(n, 3, size // 2 - 1, size // 2 - 1, generator=gen), size=(size, size), mode="bicubic")
    return Pictures(((x * 0.25 + 0.5).clamp(0, 1) * 255).round().byte(), tuple(f"{i:02d}.png" for i in range(n)))


def base_file(folder: Path, scale: int = 2) -> Path:
    torch.manual_seed(1)
    net = MSRResNet(3, 3, 8, 1, (2,) if scale == 2 else (2, 2))
    save_file(net.state_dict(), folder / "base.safetensors")
    return folder / "base.safetensors"


def test_reductions_are_those_of_pillow() -> None:
    x = pictures(6).images.float() / 255
    for scale in (2, 4):
        # Pillow also clips between its passes, which hard edges notice.
        far = (reduced(x, scale) - pillow_reduced(x, scale)).abs() * 255
        assert float(far.max()) < 6
        assert float(far.mean()) < 0.1
        whole = Image.fromarray(np.ascontiguousarray((x[0] * 255).byte().permute(1, 2, 0).numpy()))
        small = np.asarray(whole.resize((32 // scale, 32 // scale), Image.Resampling.BICUBIC))
        assert (pillow_reduced(x[:1], scale)[0].permute(1, 2, 0) * 255).round().numpy() == pytest.approx(small)


def test_ssim_against_known_values() -> None:
    x = torch.full((1, 1, 16, 16), 0.2)
    y = torch.full((1, 1, 16, 16), 0.6)
    # Two constants: the second factor is 1, the first (2 m n + c1) / (m^2 + n^2 + c1).
    assert float(ssim(x, y)) == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-6)
    gen = torch.Generator().manual_seed(0)
    z = torch.rand(2, 3, 24, 20, generator=gen)
    assert ssim(z, z).tolist() == pytest.approx([1, 1])
    assert float(ssim(z, 1 - z).max()) < 0
    with pytest.raises(ValueError, match="at least 11"):
        ssim(z[..., :8], z[..., :8])


def test_ssim_equals_the_definition_window_by_window() -> None:
    gen = np.random.default_rng(1)
    a, b = gen.random((13, 12)), gen.random((13, 12))
    at = np.arange(11) - 5.0
    w = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * 1.5**2))
    w /= w.sum()
    found = []
    for i in range(3):
        for j in range(2):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (w * p).sum(), (w * q).sum()
            vp, vq, cov = (w * (p - mp) ** 2).sum(), (w * (q - mq) ** 2).sum(), (w * (p - mp) * (q - mq)).sum()
            found.append((2 * mp * mq + 1e-4) * (2 * cov + 9e-4) / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    mine = ssim(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None])
    assert float(mine) == pytest.approx(np.mean(found), abs=1e-6)


def test_psnr_and_luma() -> None:
    x = torch.zeros(1, 3, 4, 4)
    assert float(psnr(x, x + 0.1)) == pytest.approx(20, abs=1e-4)
    assert float(psnr(x, x)) == 100
    assert (luma(torch.ones(1, 3, 1, 1)) * 255).flatten().tolist() == pytest.approx([235])
    assert (luma(torch.zeros(1, 3, 1, 1)) * 255).flatten().tolist() == pytest.approx([16])
    y = torch.rand(1, 3, 24, 24)
    spoiled = y.clone()
    spoiled[..., :2, :] = 1 - spoiled[..., :2, :]
    assert fidelity(spoiled, y, 2)["psnr_rgb"] == 100, "the border does not count"
    assert fidelity(spoiled, y, 1)["psnr_rgb"] < 40


def test_cuts_and_their_truths_belong_together() -> None:
    t = UpscaleTrainer(UpscaleConfig(**TINY, more_share=0.0), pictures(), torch.device("cpu"))
    x, truth = t.cuts()
    assert x.shape == (4, 3, 8, 8)
    assert truth.shape == (4, 3, 16, 16)
    # A reduction of the truth's cut is the small cut, but for the border, which knew more.
    assert float((reduced(truth, 2) - x)[..., 2:-2, 2:-2].abs().max()) <= 1.01 / 255


def test_it_learns_to_beat_bicubic_on_pictures_that_it_has_not_seen() -> None:
    cfg = UpscaleConfig(**{**TINY, "batch": 8, "lr": 4e-3, "ema_images": 50.0})
    t = UpscaleTrainer(cfg, textures(40), torch.device("cpu"))
    before = t.measure()["psnr_y over bicubic"]
    for i in range(150):
        t.step(i / 150)
    after = t.measure()
    assert before < 0
    assert after["psnr_y over bicubic"] > 1.0
    assert after["ssim_y over bicubic"] > 0
    assert t.preview() is not None
    assert t.says == []


def test_held_out_pictures_are_never_shown() -> None:
    data = pictures(20)
    data.images[9::10] = 255
    cfg = UpscaleConfig(**{**TINY, "batch": 16})
    t = UpscaleTrainer(cfg, data, torch.device("cpu"))
    assert len(t.held) == 2
    assert bool((t.held.images == 255).all())
    for _ in range(10):
        assert not bool((t.cuts()[1] == 1).flatten(1).all(dim=1).any())


def test_further_sources_have_their_share_and_small_pictures_are_left_out(tmp_path: Path) -> None:
    for folder, shade, count, side in (("own", 10, 12, 40), ("more", 200, 30, 32), ("own/small", 99, 3, 20)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            Image.new("RGB", (side, side), (shade, shade, shade)).save(tmp_path / folder / f"{i:02d}.png")
    cfg = UpscaleConfig(**{**TINY, "batch": 64}, more=str(tmp_path / "more"), more_share=0.25, more_most=10)
    data = load_upscale(tmp_path / "own", cfg)
    own, further = parted(data)
    assert (len(own), len(further)) == (12, 10)
    t = UpscaleTrainer(cfg, data, torch.device("cpu"))
    share = float(torch.cat([(t.cuts()[0].mean(dim=(1, 2, 3)) > 0.5).float() for _ in range(6)]).mean())
    assert 0.15 < share < 0.35
    with pytest.raises(StudioError, match="too small"):
        load_upscale(tmp_path / "own" / "small", cfg)


@pytest.mark.parametrize("sharp", [False, True])
def test_a_resumed_training_is_the_same_training(tmp_path: Path, sharp: bool) -> None:
    base = str(base_file(tmp_path))

    def go(folder: Path, images: int, resume: bool = False) -> dict[str, torch.Tensor]:
        if sharp:
            cfg = SharpConfig(**TINY, base=base, features="", layers="relu1_1:1", critic_width=8)
            cfg.images = 24
            stop = iter([False] * (images // 4) + [True] * 99)
            run(train_srgan(cfg, pictures(), folder, resume=resume, stop=lambda: next(stop)))
        else:
            plain = UpscaleConfig(**TINY, images=24)
            stop = iter([False] * (images // 4) + [True] * 99)
            run(train_srresnet(plain, pictures(), folder, resume=resume, stop=lambda: next(stop)))
        state = torch.load(folder / "snapshot.pt", weights_only=True)
        return {**state["net"], **{f"ema.{k}": v for k, v in state["ema"].items()}, **state.get("critic", {})}

    whole = go(tmp_path / "whole", 24)
    go(tmp_path / "parts", 12)
    parts = go(tmp_path / "parts", 24, resume=True)
    assert all(torch.equal(whole[k], parts[k]) for k in whole)
    assert list((tmp_path / "parts").glob("samples_*.png"))


def test_the_sharp_sister_has_the_same_shape_and_every_mixture_is_a_network(tmp_path: Path) -> None:
    base = base_file(tmp_path)
    cfg = SharpConfig(**TINY, base=str(base), features="", layers="relu1_1:1,relu2_1:1", critic_width=8, gan_weight=1.0)
    t = SharpTrainer(cfg, pictures(), torch.device("cpu"))
    for i in range(6):
        out = t.step(i / 6)
    assert set(out) >= {"difference", "perceptual", "generator", "critic", "critic right"}
    plain = MSRResNet(3, 3, 8, 1, (2,))
    take_over(plain, str(base))
    sharp = t.ema.net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    x = torch.rand(1, 3, 10, 12)
    with torch.no_grad():
        ends = [net.upscale(x) for net in (plain, sharp)]
        mixed = [mix_weights([plain, sharp], [1 - s, s]) for s in (0.0, 0.5, 1.0)]
        made = [cast(MSRResNet, net).upscale(x) for net in mixed]
    assert torch.equal(made[0], ends[0])
    assert torch.equal(made[2], ends[1])
    assert not torch.equal(ends[0], ends[1])
    assert bool(made[1].isfinite().all())
    assert made[1].shape == (1, 3, 20, 24)
    halfway = MSRResNet.from_state_dict(mixed[1].state_dict())
    assert torch.equal(halfway.upscale(x), made[1])


def test_a_larger_network_begins_with_a_smaller_one(tmp_path: Path) -> None:
    base = base_file(tmp_path)
    cfg = UpscaleConfig(**{**TINY, "scale": 4, "patch": 8, "base": str(base)})
    t = UpscaleTrainer(cfg, pictures(), torch.device("cpu"))
    small = MSRResNet(3, 3, 8, 1, (2,))
    count = take_over(small, str(base))
    assert count == len(small.state_dict())
    assert torch.equal(t.net.state_dict()["body.0.conv1.weight"], small.state_dict()["body.0.conv1.weight"])
    assert t.net.scale == 4


def test_the_coach_says_when_nothing_was_learned() -> None:
    t = UpscaleTrainer(UpscaleConfig(**TINY), pictures(), torch.device("cpu"))
    x = bicubic(t.held_out(2)[0], 2) * 2 - 1
    truth = t.held_out(2)[1] * 2 - 1
    assert t.findings(x, x, truth) == [], "it is too early to say"
    t.steps = 1000
    assert [f.code for f in t.findings(x, x, truth)] == ["nothing yet"]
    assert t.findings(x, 0.5 * (x + truth), truth) == []
    grid = 0.2 * ((torch.arange(32)[None] + torch.arange(32)[:, None]) % 2).float()
    assert ["--pixel-weight" in f.advice for f in t.findings(x, truth + grid, truth)] == [True]


def test_bad_settings_are_told_in_sentences(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    with pytest.raises(StudioError, match="cannot be trained"):
        UpscaleConfig(scale=5).check()
    with pytest.raises(StudioError, match="no network to sharpen"):
        SharpConfig().check()
    with pytest.raises(StudioError, match="no layers"):
        SharpConfig(base="x", layers="relu").check()
    with pytest.raises(StudioError, match="too few"):
        UpscaleTrainer(UpscaleConfig(**TINY), pictures(5), cpu)
    with pytest.raises(StudioError, match="do not fit"):
        UpscaleTrainer(UpscaleConfig(**{**TINY, "patch": 20}), pictures(), cpu)
    with pytest.raises(StudioError, match="was not found"):
        UpscaleTrainer(UpscaleConfig(**TINY, base=str(tmp_path / "none.safetensors")), pictures(), cpu)
    with pytest.raises(StudioError, match="another shape"):
        UpscaleTrainer(UpscaleConfig(**{**TINY, "nf": 12}, base=str(base_file(tmp_path))), pictures(), cpu)
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(StudioError, match="cannot be read"):
        UpscaleTrainer(UpscaleConfig(**TINY, base=str(tmp_path / "broken.safetensors")), pictures(), cpu)


def test_the_exported_model_has_a_card_with_scores(tmp_path: Path) -> None:
    base = base_file(tmp_path)
    about = {"credit": "me", "hyper": {"sharper": "crisp"}}
    plain = UpscaleTrainer(UpscaleConfig(**TINY, base=str(base)), textures(20), torch.device("cpu"))
    card = export_upscaler(plain.state(), textures(20), tmp_path, "soft", title="Soft", about=about)
    assert (card["role"], card["architecture"]) == ("upscaler", "srresnet")
    assert card["hyper"]["scale"] == 2
    assert card["hyper"]["sharper"] == "crisp"
    assert card["credit"] == "me"
    assert card["scores"]["bicubic"]["psnr_y"] > card["scores"]["psnr_y"], "this one has learned nothing"
    assert json.loads((tmp_path / "soft.json").read_text("utf-8")) == card

    cfg = SharpConfig(**{**TINY, "lr": 0.05}, base=str(base), features="", layers="relu1_1:1", critic_width=8)
    t = SharpTrainer(cfg, textures(20), torch.device("cpu"))
    for _ in range(3):
        t.step(0.0)
    for part in (1.0, 0.5):
        card = export_upscaler(t.state(), textures(20), tmp_path, "crisp", about={"part": part})
        scores = card["scores"]
        assert card["architecture"] == "srgan"
        assert scores["sharpness_0"] != scores["sharpness_1"]
        assert scores["psnr_y"] == scores["sharpness_1"]["psnr_y"]
        assert (scores["psnr_y"] == pytest.approx(scores["sharpness_0"]["psnr_y"])) is False
    one, half = (load_file(tmp_path / f"{n}.safetensors") for n in ("soft", "crisp"))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in half.items()}
    whole = t.ema.net.state_dict()["conv_hr.weight"]
    middle = (one["conv_hr.weight"].float() + whole) / 2
    assert float((half["conv_hr.weight"].float() - middle).abs().max()) < 2e-3
    net = MSRResNet.from_state_dict(half)
    assert net.upscale(torch.rand(1, 3, 9, 9)).shape == (1, 3, 18, 18)

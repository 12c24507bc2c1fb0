"""StyleGAN3 (t and r) agrees with the original networks' own output, and reads its plan from keys and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.base.errors import ModelError
from studio.nets import stylegan3_ops
from studio.nets.roles import Generator
from studio.nets.stylegan3 import StyleGAN3, infer_plans

FIXTURES = Path(__file__).parents[1] / "fixtures"


def fixture(variant: str) -> tuple[StyleGAN3, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    sd = load_file(FIXTURES / f"stylegan3_{variant}_64px.safetensors")
    return StyleGAN3.from_state_dict(sd), load_file(FIXTURES / f"stylegan3_{variant}_64px_expected.safetensors"), sd


def near(got: torch.Tensor, want: torch.Tensor, tol: float = 1e-4) -> None:
    assert got.shape == want.shape
    assert float((got - want).abs().max()) <= tol * float(want.max() - want.min())


@pytest.mark.parametrize("variant", ["t", "r"])
def test_agrees_with_the_original(variant: str) -> None:
    g, want, _ = fixture(variant)
    assert isinstance(g, Generator)
    assert g.variant == variant
    near(g.map(want["z"]), want["ws"])
    near(g.synthesize(want["ws"]), want["image"])
    near(g.synthesize(want["ws"][1:]), want["image"][1:])


@pytest.mark.parametrize("variant", ["t", "r"])
def test_bands_of_rows_change_nothing(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The non-linearity in bands of one or a few rows is the one in a single piece."""
    g, want, _ = fixture(variant)
    for size in (1, 200_000):
        monkeypatch.setattr(stylegan3_ops, "BAND_BYTES", size)
        near(g.synthesize(want["ws"]), want["image"])


def test_filtered_lrelu_against_the_definition() -> None:
    """Zeros in between, pad, filter, leaky ReLU, filter, keep every second: written out with F.conv2d."""
    x = torch.randn(1, 3, 9, 9)
    fu, fd = torch.rand(12), torch.rand(12, 12) / 100
    up, down, lo, out = 2, 2, 7, 10
    hi = (out - 1) * down + 12 - (9 * up + lo) + 11
    z = torch.zeros(1, 3, 18, 18)
    z[:, :, ::2, ::2] = x
    z = torch.nn.functional.pad(z, (lo, hi, lo, hi))
    k = torch.outer(fu, fu).flip(0, 1) * up**2
    z = torch.nn.functional.conv2d(z.transpose(0, 1), k[None, None]).transpose(0, 1)
    z = (torch.nn.functional.leaky_relu(z, 0.1) * 1.5).clamp(-2, 2)
    z = torch.nn.functional.conv2d(z.transpose(0, 1), fd.flip(0, 1)[None, None]).transpose(0, 1)[:, :, ::2, ::2]
    got = stylegan3_ops.filtered_lrelu(
        x, fu, fd, up=up, down=down, padding=(lo, hi), out_size=out, gain=1.5, slope=0.1, clamp=2.0
    )
    near(got, z, 1e-5)


def test_role_and_layers() -> None:
    g, want, _ = fixture("t")
    assert g.num_ws == len(g.layers) == 16
    assert g.low_resolutions == ()
    assert [row.index for row in g.layers] == list(range(16))
    assert {row.band for row in g.layers} == {"coarse", "middle", "fine"}
    with pytest.raises(ValueError, match="64"):
        g.synthesize(want["ws"], size=32)
    assert torch.equal(
        g.synthesize(want["ws"][:1], 5, strength=torch.zeros(16)), g.synthesize(want["ws"][:1], "none", size=64)
    )
    cut = g.map(want["z"], psi=0.5, cutoff=3)
    assert torch.equal(cut[:, 3:], g.map(want["z"])[:, 3:])
    near(cut[:, :3], g.w_avg + 0.5 * (g.map(want["z"])[:, :3] - g.w_avg), 1e-5)


def test_moves_with_its_transform() -> None:
    """The input's transform shifts the whole picture: what makes this network the one for smooth motion."""
    g, want, _ = fixture("t")
    ws = want["ws"][:1]
    still = g.synthesize(ws)
    g.synthesis.input.transform[0, 2] = 4 / 64  # 4 of the picture's 64 pixels, in picture widths
    moved = g.synthesize(ws)
    middle = slice(20, 44)
    error = (moved[..., middle, 16:40] - still[..., middle, 20:44]).abs().mean()
    back = (moved[..., middle, 24:48] - still[..., middle, 20:44]).abs().mean()
    nothing = (still[..., middle, 16:40] - still[..., middle, 20:44]).abs().mean()
    assert min(error, back) < 0.2 * nothing


def test_gradients_reach_ws() -> None:
    g, want, _ = fixture("r")
    ws = want["ws"][:1].clone().requires_grad_()
    g.synthesize(ws).square().mean().backward()
    assert ws.grad is not None
    assert bool(ws.grad[:, 1:].abs().sum(dim=2).gt(0).all())


def test_rates_follow_from_shapes() -> None:
    _, _, sd = fixture("t")
    plans = infer_plans(sd)
    assert [p.rate_out for p in plans] == [16] * 4 + [32] * 4 + [64] * 7
    assert plans[0].rate_in == 16
    assert {p.up for p in plans} == {1, 2, 4}


def test_hyper_overrides_and_travels() -> None:
    g, want, sd = fixture("t")
    double = StyleGAN3.from_state_dict(sd, {**g.hyper, "output_scale": 0.5, "something_else": "ignored"})
    near(double.synthesize(want["ws"]), 2 * want["image"])
    assert double.hyper["output_scale"] == 0.5
    assert g.hyper["architecture"] == "stylegan3-t"


@pytest.mark.parametrize(
    "harm",
    [
        lambda sd: sd.pop("synthesis.L3_36_16.weight"),
        lambda sd: sd.pop("synthesis.L3_36_16.up_filter"),
        lambda sd: sd.pop("synthesis.input.freqs"),
        lambda sd: sd.pop("mapping.fc0.weight"),
        lambda sd: sd.update({"synthesis.L2_36_16.weight": torch.zeros(16, 16, 5, 5)}),
        lambda sd: sd.update({"synthesis.L2_36_16.weight": torch.zeros(16, 12, 3, 3)}),
        lambda sd: sd.update({"synthesis.L2_36_16.weight": torch.zeros(7)}),
        lambda sd: sd.update({"synthesis.L0_36_16.up_filter": torch.zeros(1)}),
        lambda sd: sd.update({"synthesis.L4_52_16.up_filter": torch.zeros(17)}),
        lambda sd: sd.update({"synthesis.L4_52_16.up_filter": torch.zeros([])}),
        lambda sd: sd.update({"synthesis.L9_84_16.down_filter": torch.zeros(12, 6)}),
        lambda sd: sd.update({"synthesis.L15_99999999_3.weight": torch.zeros(3, 3, 1, 1)}),
        lambda sd: sd.update({"stranger": torch.zeros(1)}),
        lambda sd: sd.clear(),
    ],
)
def test_wrong_tensors_are_told(harm) -> None:
    _, _, sd = fixture("t")
    harm(sd)
    with pytest.raises(ModelError, match="StyleGAN3"):
        StyleGAN3.from_state_dict(sd)

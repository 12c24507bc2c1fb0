"""The prepared StyleGAN2 gives the reference's pictures, in every precision, architecture and way of computing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.nets import stylegan2_fast_cpu, stylegan2_fast_device, stylegan2_fast_prepare, stylegan2_fast_probe
from studio.nets.roles import Generator, NoiseCircle
from studio.nets.stylegan2 import Architecture, StyleGAN2
from studio.nets.stylegan2_fast import FastStyleGAN2
from studio.nets.stylegan2_fast_cpu import CpuExecutor
from studio.nets.stylegan2_fast_device import DeviceExecutor
from studio.nets.stylegan2_fast_prefix import CACHE_BYTES, Prefix, Wish
from studio.nets.stylegan2_fast_prepare import merge_up, plan_network
from studio.nets.stylegan2_ops import fir, fir_filter

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = ["stylegan2_uncond_32px", "stylegan2_cond_32px", "stylegan2_resnet_32px"]


def near(got: torch.Tensor, want: torch.Tensor, tol: float = 1e-4) -> None:
    assert got.shape == want.shape
    assert float((got - want).abs().max()) <= tol * float(want.max() - want.min())


def psnr(got: torch.Tensor, want: torch.Tensor) -> float:
    """Against a peak-to-peak of four standard deviations, about what fills [-1, 1] in a trained network."""
    return float(10 * torch.log10((4 * want.std()) ** 2 / (got - want).square().mean()))


def small(architecture: Architecture = "skip", *, clamp: float | None = 256.0, seed: int = 0) -> StyleGAN2:
    """A random 64 px network with noise and biases that matter."""
    torch.manual_seed(seed)
    channels = {4: 12, 8: 12, 16: 8, 32: 6, 64: 4}
    g = StyleGAN2(16, 24, channels, mapping_layers=2, architecture=architecture, conv_clamp=clamp).eval()
    with torch.no_grad():
        for name, p in g.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.3)
            elif name.endswith("bias") and "affine" not in name:
                p.normal_(0.0, 0.2)
    return g.requires_grad_(False)


def prefix(
    g: StyleGAN2, kind: str, dtype: torch.dtype = torch.float32, *, merge: bool = True, cache: int = CACHE_BYTES
) -> Prefix:
    """The machinery behind FastStyleGAN2 with every choice made by the test."""
    plans = plan_network(g, dtype, merge=merge, per_sample=kind == "cpu")
    if kind == "cpu":
        return Prefix(plans, CpuExecutor(plans, dtype), cache)
    return Prefix(plans, DeviceExecutor(plans, dtype, torch.device("cpu")), cache)


def wish(ws: torch.Tensor, noise: object = "const", strength: float = 1.0) -> Wish:
    return Wish(ws, noise, [strength] * ws.shape[1])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_exact_mode_agrees_with_the_original(name: str) -> None:
    g = StyleGAN2.from_state_dict(load_file(FIXTURES / f"{name}.safetensors"))
    want = load_file(FIXTURES / f"{name}_expected.safetensors")
    fast = FastStyleGAN2(g, dtype=torch.float32)
    assert isinstance(fast, Generator)
    label = want.get("label")
    near(fast.map(want["z"], label), want["ws"])
    cut = fast.map(want["z"], label, psi=0.6, cutoff=4)
    near(fast.synthesize(want["ws"]), want["image"])
    near(fast.synthesize(want["ws"], "none"), want["image_no_noise"])
    near(fast.synthesize(cut), want["image_truncated"])
    near(fast.synthesize(torch.cat((want["ws"][0:1, :4], want["ws"][1:2, 4:]), dim=1)), want["image_mixed"])
    assert (fast.layers, fast.low_resolutions) == (g.layers, g.low_resolutions)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("kind", ["cpu", "device"])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_every_way_is_the_same_network(architecture: Architecture, kind: str, merge: bool) -> None:
    g = small(architecture)
    ws = torch.randn(2, g.num_ws, g.w_dim)
    p = prefix(g, kind, merge=merge)
    for noise in ("const", "none", 7, NoiseCircle(3, 0.4)):
        near(p.pictures(wish(ws, noise), 64), g.synthesize(ws, noise))
    for r in g.low_resolutions:
        near(p.pictures(wish(ws), r), g.synthesize(ws, size=r))


@pytest.mark.parametrize("by_weight", [False, True])
@pytest.mark.parametrize("onednn", [False, True])
@pytest.mark.parametrize("merge", [False, True])
def test_cpu_ways_agree(monkeypatch: pytest.MonkeyPatch, by_weight: bool, onednn: bool, merge: bool) -> None:
    """Scaling weights or activations, with oneDNN's private operators or without, in one band or in many."""
    monkeypatch.setattr(stylegan2_fast_prepare, "prefers_weight", lambda *_: by_weight)
    if onednn and not stylegan2_fast_cpu.has_onednn(torch.float32):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(stylegan2_fast_cpu, "has_onednn", lambda _: onednn)
    g = small()
    ws = torch.randn(1, g.num_ws, g.w_dim)
    for band in (1, 2 << 20):
        monkeypatch.setattr(stylegan2_fast_cpu, "BAND_BYTES", band)
        p = prefix(g, "cpu", merge=merge)
        near(p.pictures(wish(ws), 64), g.synthesize(ws))
        near(p.pictures(wish(ws, "none"), 64), g.synthesize(ws, "none"))


@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("kind", ["cpu", "device"])
def test_clamp_is_kept(kind: str, clamp: float | None) -> None:
    g = small("resnet", clamp=clamp)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    near(prefix(g, kind).pictures(wish(ws), 64), g.synthesize(ws))


@pytest.mark.parametrize("kind", ["cpu", "device"])
def test_unusual_filters_are_kept(kind: str) -> None:
    g = small("resnet")
    for name, buffer in g.named_buffers():
        if name.endswith("resample_filter"):
            buffer.copy_(torch.tensor([[1.0, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]) / 36)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    for merge in (False, True):
        near(prefix(g, kind, merge=merge).pictures(wish(ws), 64), g.synthesize(ws))


@pytest.mark.parametrize(
    ("kind", "dtype"), [("cpu", torch.bfloat16), ("device", torch.bfloat16), ("device", torch.half)]
)
@pytest.mark.parametrize("architecture", ["skip", "resnet"])
def test_half_precision_is_close(architecture: Architecture, kind: str, dtype: torch.dtype) -> None:
    g = small(architecture)
    ws = torch.randn(3, g.num_ws, g.w_dim)
    want = g.synthesize(ws)
    for merge in (False, True):
        assert psnr(prefix(g, kind, dtype, merge=merge).pictures(wish(ws), 64), want) >= 45


def test_float16_does_not_overflow() -> None:
    """Styles and weights far outside float16's range: their factors meet only after the convolution."""
    g = small()
    g.synthesis.block(32).conv1.weight.mul_(3000.0)
    g.synthesis.block(32).conv1.affine.weight.mul_(3000.0)
    g.synthesis.block(64).conv0.weight.mul_(1e-4)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    want = g.synthesize(ws)
    got = prefix(g, "device", torch.half).pictures(wish(ws), 64)
    assert bool(got.isfinite().all())
    assert psnr(got, want) >= 45


def test_merged_kernel_is_both_steps() -> None:
    x, w = torch.randn(2, 7, 6, 9), torch.randn(5, 7, 3, 3)
    for kernel in (fir_filter(), torch.rand(4, 4)):
        want = fir(torch.nn.functional.conv_transpose2d(x, w.transpose(0, 1), stride=2), kernel, (1, 1, 1, 1), 4.0)
        cells = torch.nn.functional.conv2d(x, merge_up(w, kernel), padding=1).reshape(2, 2, 2, 5, 6, 9)
        near(cells.permute(0, 3, 4, 1, 5, 2).reshape(2, 5, 12, 18), want, 1e-5)


def test_strength_per_layer_and_scalar_tensor() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    each = torch.linspace(0, 2, g.num_ws)
    near(fast.synthesize(ws, 5, strength=each), g.synthesize(ws, 5, strength=each))
    near(fast.synthesize(ws, strength=torch.tensor(0.5)), g.synthesize(ws, strength=0.5))
    near(fast.synthesize(ws, strength=0.0), g.synthesize(ws, "none"))


def test_wrong_shapes_are_told() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    with pytest.raises(ValueError, match="48"):
        fast.synthesize(ws, size=48)
    with pytest.raises(ValueError, match="ws must be"):
        fast.synthesize(ws[:, 1:])
    with pytest.raises(ValueError, match="strength must be"):
        fast.synthesize(ws, strength=torch.ones(3))
    with pytest.raises(ValueError, match="one code"):
        next(fast.synthesize_steps(ws.repeat(2, 1, 1)))
    assert fast.synthesize(ws[:0]).shape == (0, 3, 64, 64)


def test_gradients_take_the_exact_way() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = torch.randn(1, g.num_ws, g.w_dim, requires_grad=True)
    x = fast.synthesize(ws, "none")
    near(x.detach(), g.synthesize(ws.detach(), "none"))
    x.square().sum().backward()
    assert ws.grad is not None
    assert bool((ws.grad.abs().sum(dim=2) > 0).all())
    assert not g.training
    with torch.no_grad():
        assert not fast.synthesize(ws).requires_grad


def test_moving_makes_the_weights_again() -> None:
    g = small()
    fast = FastStyleGAN2(g, dtype=torch.float32)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    fast.synthesize(ws)
    g.synthesis.block(8).conv1.bias.add_(1.0)
    fast.to("cpu")
    near(fast.synthesize(ws), g.synthesize(ws))


def test_probe_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = stylegan2_fast_probe
    probe._probe.cache_clear()
    try:
        assert probe.probe_dtype("cpu") in (torch.float32, torch.bfloat16)
        calls: list[torch.dtype] = []

        def seconds(fast: float) -> object:
            def measure(_: str, dtype: torch.dtype) -> float:
                calls.append(dtype)
                return 1.0 if dtype == torch.float32 else fast

            return measure

        monkeypatch.setattr(probe, "_bf16_convolutions", lambda: True)
        for fast, chosen in ((0.5, torch.bfloat16), (0.9, torch.float32)):
            probe._probe.cache_clear()
            monkeypatch.setattr(probe, "_seconds", seconds(fast))
            assert probe.probe_dtype("cpu") == chosen
        before = len(calls)
        assert probe.probe_dtype(torch.device("cpu")) == torch.float32
        assert len(calls) == before  # remembered
        probe._probe.cache_clear()
        monkeypatch.setattr(probe, "_bf16_convolutions", lambda: False)
        assert probe.probe_dtype("cpu") == torch.float32
        assert len(calls) == before
    finally:
        probe._probe.cache_clear()


def test_failed_capture_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that cannot be recorded turns graphs off for the model, and the picture comes all the same."""
    g = small()
    p = prefix(g, "device")
    executor = p.executor
    assert isinstance(executor, DeviceExecutor)
    executor.graphs = True

    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(stylegan2_fast_device, "_Recorded", refuse)
    ws = torch.randn(1, g.num_ws, g.w_dim)
    near(p.pictures(wish(ws), 64), g.synthesize(ws))
    assert not executor.graphs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_cuda_graphs(dtype: torch.dtype) -> None:
    g = small()
    ws = torch.randn(2, g.num_ws, g.w_dim)
    want = {noise: g.synthesize(ws, noise) for noise in ("const", "none", 7)}
    fast = FastStyleGAN2(g, device="cuda", dtype=dtype)
    eager = FastStyleGAN2(g, device="cuda", dtype=dtype, cuda_graphs=False)
    for noise, w in want.items():
        got = fast.synthesize(ws, noise)
        assert torch.equal(got, fast.synthesize(ws, noise))
        for x in (got, eager.synthesize(ws, noise)):
            assert psnr(x.cpu(), w) >= (100 if dtype == torch.float32 else 45)
    assert fast._prefix is not None
    assert isinstance(fast._prefix.executor, DeviceExecutor)
    assert fast._prefix.executor.graphs


def test_the_cache_limit_is_what_there_is_to_keep() -> None:
    g = small()
    fast = FastStyleGAN2(g)
    with torch.inference_mode():
        fast.synthesize(torch.randn(1, g.num_ws, g.w_dim))
    assert 0 < fast.cache_nbytes <= fast.cache_limit + (4 << 20), "scratch memory apart"
    assert fast.cache_limit < CACHE_BYTES, "a small network is not charged for a large one's activations"
    assert FastStyleGAN2(g, cache_bytes=1000).cache_limit == 1000

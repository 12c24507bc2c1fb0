"""The prepared forms of translators and upscalers make the same pictures, whatever the precision and the layout."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.base.steps import run
from studio.nets import translator_fast, translator_tiles, upscaler_fast
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.roles import Translator, Upscaler
from studio.nets.srresnet import MSRResNet, SRGANGenerator
from studio.nets.stargan import StarGAN
from studio.nets.translator_fast import FastPass, FastTranslator, PackedConv, as_transposed, can_pack
from studio.nets.translator_graph import work
from studio.nets.translator_ops import Norm, Pass, PictureTranslator, ResizeConv, mix_weights
from studio.nets.unet_generator import UNetGenerator
from studio.nets.upscaler_fast import FastUpscaler


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def grown(net: nn.Module) -> Any:
    g = torch.Generator().manual_seed(0)
    for name, t in net.state_dict().items():
        if name.endswith("filt"):
            continue
        if t.ndim == 4:
            t.copy_(torch.randn(t.shape, generator=g) * (2.0 / t[0].numel()) ** 0.5)
        else:
            t.copy_(torch.rand(t.shape, generator=g) + 0.5 if "var" in name else torch.randn(t.shape, generator=g) / 5)
    return net.eval().requires_grad_(False)


def resnet(**hyper: Any) -> Any:
    return grown(ResNetGenerator(**{"ngf": 4, "n_blocks": 2, **hyper}))


NETS: dict[str, Any] = {
    "strided": lambda: resnet(norm="instance"),
    "antialias": lambda: resnet(norm="instance", down="antialias", up="antialias"),
    "resize": lambda: resnet(norm="batch", up="resize", padding="replicate", dropout=True, colors="bgr"),
    "unet": lambda: grown(UNetGenerator(widths=(4, 6, 8, 8, 8, 8))),
    "unet resize": lambda: grown(UNetGenerator(widths=(4, 6, 8, 8), norm="instance", up="resize")),
    "labels": lambda: grown(StarGAN(c_dim=2, conv_dim=4, repeat_num=2)),
}


def db(want: Tensor, got: Tensor, peak: float = 2.0) -> float:
    return 10 * math.log10(peak**2 / max(1e-30, float((want - got).double().square().mean())))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("packed", [True, False])
def test_float32_is_the_same(name: str, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layout, packed weights, folded statistics, merged enlargements: none of them changes the picture."""
    monkeypatch.setattr(translator_fast, "can_pack", lambda _: packed and can_pack(torch.float32))
    monkeypatch.setattr(translator_fast, "HEAVY", 1)
    net = NETS[name]()
    fast = FastTranslator(net, torch.float32)
    assert isinstance(fast, Translator)
    labels = torch.tensor([[0.5, -1.0]]) if net.c_dim else None
    for shape in ((2, 3, 33, 50), (1, 3, 64, 64), (2, 3, 33, 50)):
        x = noise(*shape)
        for statistics in ("own", "stored", 0.3):
            seed = 4 if net.has_dropout else None
            want, got = (n.translate(x, statistics, seed, labels) for n in (net, fast))
            assert got.shape == want.shape and got.dtype == torch.float32 and got.is_contiguous()
            assert float((got - want).abs().max()) < 2e-4
    tiled = run(fast.translate_steps(noise(1, 3, 150, 130), "own", None, labels, tile=48))
    assert float((tiled - net.translate(noise(1, 3, 150, 130), "own", None, labels)).abs().max()) < 1e-4


@pytest.mark.parametrize("name", NETS)
def test_bfloat16_is_nearly_the_same(name: str) -> None:
    net = NETS[name]()
    fast = FastTranslator(net, torch.bfloat16)
    assert fast.has_dropout == net.has_dropout and fast.has_stored_statistics == net.has_stored_statistics
    x = noise(1, 3, 64, 64)
    got = fast.translate(x, "own")
    assert db(net.translate(x, "own"), got) > 30
    assert torch.equal(got, fast.translate(x, "own")), "one request, one picture"


def test_each_picture_has_its_own_statistics() -> None:
    """A batch is the pictures one by one, with the share of stored statistics too."""
    net = NETS["resize"]()
    fast = FastTranslator(net, torch.float32)
    x = torch.cat((noise(1, 3, 16, 16), 0.2 * noise(1, 3, 16, 16, seed=2)))
    for statistics in ("own", 0.5):
        alone = torch.cat([fast.translate(one, statistics) for one in x.split(1)])
        torch.testing.assert_close(fast.translate(x, statistics), alone, atol=1e-5, rtol=0)


def test_single_places_have_no_statistics() -> None:
    norm = Norm(3, affine=True, stored=True)
    x = noise(2, 3, 1, 1)
    for own in ("own", 0.5):
        torch.testing.assert_close(FastPass(own).normalise(norm, x), Pass(own).normalise(norm, x))


def test_enlargement_in_one() -> None:
    conv = grown(ResizeConv(3, 5, 3, padding=1))
    x = noise(2, 3, 7, 4)
    torch.testing.assert_close(as_transposed(conv)(x), conv(x), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not can_pack(torch.float32), reason="this torch has no oneDNN")
def test_packed_weights_follow_the_size() -> None:
    for conv in (nn.Conv2d(32, 48, 3, padding=1), nn.ConvTranspose2d(32, 48, 3, 2, 1, output_padding=1)):
        packed = PackedConv(conv.requires_grad_(False))
        for n in (4, 9, 4, 1):
            torch.testing.assert_close(packed(noise(1, 32, n, n)), conv(noise(1, 32, n, n)), atol=1e-4, rtol=1e-4)


def test_overflow_is_met_once_and_remembered() -> None:
    """float16: what overflows is made by the plain network, in tiles too, and from then on at once."""
    for tiled in (False, True):
        net = resnet(norm="none")
        net.model[1].weight.mul_(1e6)
        fast, x = FastTranslator(net, torch.float16), noise(1, 3, 40, 40)
        steps = fast.translate_steps(x, tile=16)
        got = run(steps) if tiled else fast.translate(x)
        assert fast.overflowed and not fast._copies
        torch.testing.assert_close(got, net.translate(x), atol=1e-4, rtol=0)
        assert torch.equal(fast.translate(x), net.translate(x))


def test_prepared_chooses_by_what_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    net = NETS["strided"]()
    monkeypatch.setattr(translator_fast, "probe_dtype", lambda _: torch.bfloat16)
    monkeypatch.setattr(translator_fast, "FAITHFUL", 0.0)
    assert translator_fast.prepared(net).dtype is torch.bfloat16
    monkeypatch.setattr(translator_fast, "FAITHFUL", 80.0)
    assert translator_fast.prepared(net).dtype is torch.float32
    monkeypatch.setattr(translator_fast, "FAITHFUL", 1e9)
    assert translator_fast.prepared(net) is net
    other = object()
    assert translator_fast.prepared(other) is other


def test_work_is_counted() -> None:
    """By the plain network's own convolutions."""
    net: PictureTranslator = NETS["strided"]()
    counted = 0

    def note(m: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> None:
        nonlocal counted
        weight: Any = m.weight
        counted += weight.numel() * (given[0] if isinstance(m, nn.ConvTranspose2d) else y)[0, 0].numel()

    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
            m.register_forward_hook(note)
    net.translate(noise(1, 3, 32, 32))
    assert work(net) == counted / 32**2


def test_light_pictures_take_one_step() -> None:
    fast = FastTranslator(NETS["strided"](), torch.float32)
    assert translator_tiles.is_light(fast.exact, noise(1, 3, 64, 64))
    assert len(list(fast.translate_steps(noise(1, 3, 64, 64)))) == 1
    assert len(list(fast.translate_steps(noise(1, 3, 64, 64), tile=32))) > 4


UPSCALERS: dict[str, Any] = {
    "msr": lambda: grown(MSRResNet(nf=8, num_block=2, steps=(2,), colors="bgr")),
    "srgan": lambda: grown(SRGANGenerator(nf=8, num_block=2, steps=(2,))),
    "srgan batch": lambda: grown(SRGANGenerator(nf=8, num_block=2, steps=(2, 2), closing="batch", slopes=8)),
}


@pytest.mark.parametrize("name", UPSCALERS)
def test_upscalers(name: str) -> None:
    """Folding and layout change nothing; bfloat16 little; a mixture of two is the mixture of the plain ones."""
    net = UPSCALERS[name]()
    x = noise(2, 3, 19, 24) / 2 + 0.5
    want = net.upscale(x)
    got = FastUpscaler(net, torch.float32).upscale(x)
    assert float((got - want).abs().max()) < 1e-5 and got.is_contiguous()
    fast = FastUpscaler(net, torch.bfloat16)
    assert isinstance(fast, Upscaler) and (fast.scale, fast.margin) == (net.scale, net.margin)
    assert db(want, fast.upscale(x), 1.0) > 40
    other = copy.deepcopy(net)
    for p in other.parameters():
        p.add_(0.02)
    between = mix_weights((fast, FastUpscaler(other, torch.bfloat16)), (0.5, 0.5))
    assert db(mix_weights((net, other), (0.5, 0.5)).upscale(x), between.upscale(x), 1.0) > 40
    assert db(want, between.upscale(x), 1.0) < db(want, fast.upscale(x), 1.0) - 3


def test_upscalers_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    net = UPSCALERS["srgan"]()
    net.block1[0].weight.mul_(1e7)
    x = noise(1, 3, 12, 12)
    fast = FastUpscaler(net, torch.float16)
    assert torch.equal(fast.upscale(x), net.upscale(x)) and fast.overflowed
    assert torch.equal(fast.upscale(x), net.upscale(x))


def test_prepared_upscalers(monkeypatch: pytest.MonkeyPatch) -> None:
    net = UPSCALERS["msr"]()
    monkeypatch.setattr(upscaler_fast, "probe_dtype", lambda _: torch.float32)
    assert upscaler_fast.prepared(net) is net
    monkeypatch.setattr(upscaler_fast, "probe_dtype", lambda _: torch.bfloat16)
    assert isinstance(upscaler_fast.prepared(net), FastUpscaler)
    monkeypatch.setattr(translator_fast, "FAITHFUL", 1e9)
    assert upscaler_fast.prepared(net) is net


def test_memory_that_runs_out_says_nothing_of_the_precision() -> None:
    def make(_net: Any, _dtype: torch.dtype) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        translator_fast.first_faithful(object(), [torch.float16, torch.bfloat16], make, lambda *_: 99.0)

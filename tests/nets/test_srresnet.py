"""SRResNet and SRGAN agree with direct formulations, and a real SRGAN file enlarges better than bicubic."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError
from studio.checkpoints.skeleton import Hollow, hollow
from studio.nets.roles import Upscaler
from studio.nets.srresnet import MSRResNet, PictureUpscaler, SRGANGenerator
from studio.nets.translator_ops import mix_weights

REAL = Path(__file__).parents[3] / "shared" / "checkpoints" / "srgan_leftthomas_x4.pth"


def lively(net: PictureUpscaler) -> PictureUpscaler:
    g = torch.Generator().manual_seed(0)
    for name, t in net.state_dict().items():
        t.copy_(torch.rand(t.shape, generator=g) + 0.5 if "var" in name else torch.randn(t.shape, generator=g) / 5)
    return net.eval().requires_grad_(False)


def picture(*size: int) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(5))


def near(got: Tensor, want: Tensor, tol: float = 1e-5) -> None:
    assert got.shape == want.shape
    assert got.dtype == torch.float32
    assert float((got - want).detach().abs().max()) <= tol


@pytest.mark.parametrize("closing", ["prelu", "batch"])
def test_srgan_by_hand(closing: str) -> None:
    net = lively(SRGANGenerator(nf=4, num_block=2, closing=closing, slopes=1 if closing == "prelu" else 4))
    w, x = net.state_dict(), picture(2, 3, 9, 7)

    def conv(y: Tensor, name: str) -> Tensor:
        return F.conv2d(y, w[f"{name}.weight"], w[f"{name}.bias"], padding=w[f"{name}.weight"].shape[-1] // 2)

    def prelu(y: Tensor, name: str) -> Tensor:
        return torch.where(y > 0, y, y * w[f"{name}.weight"].view(1, -1, 1, 1))

    def norm(y: Tensor, name: str) -> Tensor:
        m, v, a, b = (w[f"{name}.{k}"].view(1, -1, 1, 1) for k in ("running_mean", "running_var", "weight", "bias"))
        return (y - m) / (v + 1e-5).sqrt() * a + b

    first = y = prelu(conv(x, "block1.0"), "block1.1")
    for b in ("block2", "block3"):
        z = prelu(norm(conv(y, f"{b}.conv1"), f"{b}.bn1"), f"{b}.prelu")
        y = y + norm(conv(z, f"{b}.conv2"), f"{b}.bn2")
    y = conv(y, "block4.0")
    y = first + (prelu(y, "block4.1") if closing == "prelu" else norm(y, "block4.1"))
    for i in (0, 1):
        y = prelu(F.pixel_shuffle(conv(y, f"block5.{i}.conv"), 2), f"block5.{i}.prelu")
    near(net.upscale(x), (torch.tanh(conv(y, "block5.2")) + 1) / 2)


@pytest.mark.parametrize("steps", [(2,), (3,), (2, 2)])
def test_msrresnet_by_hand(steps: tuple[int, ...]) -> None:
    net = lively(MSRResNet(nf=4, num_block=2, steps=steps))
    w, x = net.state_dict(), picture(1, 3, 8, 6)

    def conv(y: Tensor, name: str) -> Tensor:
        return F.conv2d(y, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)

    def leaky(y: Tensor) -> Tensor:
        return torch.where(y > 0, y, 0.1 * y)

    y = leaky(conv(x, "conv_first"))
    for i in (0, 1):
        y = y + conv(conv(y, f"body.{i}.conv1").clamp(min=0), f"body.{i}.conv2")
    for i, r in enumerate(steps):
        y = leaky(F.pixel_shuffle(conv(y, f"upconv{i + 1}"), r))
    y = conv(leaky(conv(y, "conv_hr")), "conv_last")
    y = y + F.interpolate(x, scale_factor=net.scale, mode="bilinear")
    assert bool((y < 0).any() or (y > 1).any())
    near(net(x), y)
    near(net.upscale(x), y.clamp(0, 1))
    old = {k.replace("body.", "recon_trunk.").replace("conv_hr.", "HRconv."): t for k, t in w.items()}
    near(MSRResNet.from_state_dict(old).upscale(x), net.upscale(x), 0)


NETS = [
    SRGANGenerator(nf=4, num_block=1, steps=(2,)),
    SRGANGenerator(nf=4, num_block=5, steps=(2, 2, 2), slopes=4, kernel=5),
    SRGANGenerator(nf=4, num_block=3, steps=(2, 2), closing="batch", in_channels=1, out_channels=1),
    MSRResNet(nf=4, num_block=1, steps=(2,)),
    MSRResNet(nf=4, num_block=4, steps=(3,)),
    MSRResNet(nf=4, num_block=2, steps=(2, 2), in_channels=1, out_channels=1),
]


@pytest.mark.parametrize("net", NETS, ids=lambda n: f"{n.ARCHITECTURE} x{n.scale}")
def test_the_plan_is_read_back(net: PictureUpscaler) -> None:
    net = lively(net)
    sd = net.state_dict()
    back = type(net).from_state_dict(sd)
    assert isinstance(back, Upscaler)
    assert back.hyper == net.hyper
    x = picture(1, net.in_channels, 5, 6)
    y = back.upscale(x)
    assert y.shape == (1, net.in_channels, 5 * net.scale, 6 * net.scale)
    assert torch.equal(y, net.upscale(x))
    with Hollow(1 << 20):
        bare = type(net).from_state_dict({k: hollow(t.shape, t.dtype) for k, t in sd.items()})
    assert bare.hyper == net.hyper
    assert type(net).from_hyper(net.hyper).state_dict().keys() == sd.keys()


@pytest.mark.parametrize("net", NETS, ids=lambda n: f"{n.ARCHITECTURE} x{n.scale}")
def test_the_margin_is_enough_and_hardly_more(net: PictureUpscaler) -> None:
    """What is farther away than the margin has no gradient; two pixels nearer than it has one."""
    net = lively(net).double()
    size = 2 * net.margin + 9
    x = torch.rand(1, net.in_channels, 3, size, dtype=torch.float64, requires_grad=True)
    middle = size // 2
    net(x)[..., middle * net.scale : (middle + 1) * net.scale].sum().backward()
    reach = x.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    far = max(middle - int(reach.min()), int(reach.max()) - middle)
    net.float()
    assert net.margin - 2 <= far <= net.margin


def test_the_colour_order_is_an_assumption() -> None:
    sd, x = lively(MSRResNet(nf=4, num_block=1)).state_dict(), picture(1, 3, 4, 4)
    rgb, bgr = MSRResNet.from_state_dict(sd), MSRResNet.from_state_dict(sd, colors="bgr")
    assert torch.equal(bgr.upscale(x), rgb.upscale(x.flip(1)).flip(1))


def test_two_networks_meet_in_the_middle() -> None:
    """The slider between the faithful and the sharp sister."""
    a = lively(MSRResNet(nf=4, num_block=1))
    b = MSRResNet.from_state_dict({k: t + 0.01 for k, t in a.state_dict().items()})
    x = picture(1, 3, 6, 6)
    near(mix_weights([a, b], [0.75, 0.25]).conv_hr.weight, a.conv_hr.weight + 0.0025, 1e-6)
    near(mix_weights([a, b], [0, 1]).upscale(x), b.upscale(x), 0)


def test_gradients_reach_everything() -> None:
    for net in (SRGANGenerator(nf=4, num_block=1), MSRResNet(nf=4, num_block=1)):
        net.train()(picture(2, 3, 6, 6)).square().mean().backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())


@pytest.mark.parametrize(
    ("net", "harm", "named"),
    [
        (0, lambda sd: sd.pop("block1.0.weight"), "block1.0.weight"),
        (0, lambda sd: sd.pop("block2.bn1.running_var"), "block2.bn1.running_var"),
        (1, lambda sd: sd.pop("block3.conv1.weight"), "block3.conv1.weight"),
        (1, lambda sd: sd.pop("block8.1.conv.weight"), "block8.1.conv.weight"),
        (1, lambda sd: sd.pop("block8.3.weight"), "block8.3.weight"),
        (1, lambda sd: sd.update({"block8.0.conv.weight": torch.zeros(20, 4, 3, 3)}), "20"),
        (1, lambda sd: sd.update({"block1.1.weight": torch.zeros(3)}), "described"),
        (1, lambda sd: sd.update({"stranger": torch.zeros(1)}), "stranger"),
        (0, lambda sd: sd.clear(), "block2"),
        (3, lambda sd: sd.pop("conv_first.weight"), "conv_first.weight"),
        (3, lambda sd: sd.pop("upconv1.weight"), "upconv1.weight"),
        (4, lambda sd: sd.pop("body.2.conv1.weight"), "body.2.conv1.weight"),
        (4, lambda sd: sd.pop("conv_hr.bias"), "conv_hr.bias"),
        (4, lambda sd: sd.update({"upconv1.weight": torch.zeros(4, 4, 3, 3)}), "enlargement"),
        (4, lambda sd: sd.update({"upconv1.weight": torch.zeros(37, 4, 3, 3)}), "37"),
        (4, lambda sd: sd.update({"conv_last.weight": torch.zeros(2, 4, 3, 3)}), "channels"),
    ],
)
def test_wrong_tensors_are_told(net: int, harm, named: str) -> None:
    sd = dict(NETS[net].state_dict())
    harm(sd)
    with pytest.raises(ModelError, match=r"SRGAN|MSRResNet") as told:
        type(NETS[net]).from_state_dict(sd)
    assert named in told.value.sentence()


def pattern(n: int = 160) -> Tensor:
    """A disc, a slanted ladder and bars: edges at many angles, ``[1, 3, n, n]`` in [0, 1]."""
    y, x = torch.meshgrid(torch.arange(n) + 0.5, torch.arange(n) + 0.5, indexing="ij")
    disc = ((x - 60).hypot(y - 60) < 40).float()
    ladder = ((x * 0.7 + y * 0.4) % 48 < 24).float()
    bars = ((x - y * 0.3) % 32 < 14).float() * (y > 100)
    return torch.stack((0.15 + 0.6 * disc + 0.1 * ladder, 0.2 + 0.5 * ladder * (1 - disc), 0.3 + 0.4 * bars))[None]


@pytest.mark.skipif(not REAL.is_file(), reason="the real checkpoint is not here")
def test_a_real_srgan_beats_bicubic() -> None:
    net = SRGANGenerator.from_state_dict(torch.load(REAL, map_location="cpu", weights_only=True))
    assert (net.scale, net.num_block, net.nf, net.closing) == (4, 5, 64, "prelu")
    full = pattern()
    low = F.interpolate(full, scale_factor=0.25, mode="bicubic", antialias=True).clamp(0, 1)
    plain = F.interpolate(low, scale_factor=4, mode="bicubic").clamp(0, 1)
    sharp = net.upscale(low)
    assert sharp.shape == full.shape

    def error(x: Tensor) -> float:
        return float((x - full).square().mean())

    def edges(x: Tensor) -> float:
        return float(x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean())

    assert error(sharp) < 0.85 * error(plain)
    assert edges(sharp) > 1.5 * edges(plain)
    assert float((F.avg_pool2d(sharp, 4) - low).abs().mean()) < 0.02


def test_tables_of_whole_numbers_are_not_mixed() -> None:
    a, b = (torch.nn.BatchNorm2d(2) for _ in range(2))
    for net in (a, b):  # what transformers look their places up with
        net.register_buffer("places", torch.arange(500))
    assert torch.equal(mix_weights([a, b], [0.7, 0.3]).get_buffer("places"), torch.arange(500))

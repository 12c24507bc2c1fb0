"""The ResNet generators agree with the originals' own output, and read their plan from keys and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.checkpoints.skeleton import Hollow, hollow
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.roles import Translator
from studio.nets.translator_ops import Norm, Pass, mix_weights, reflect_to

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = {
    "cyclegan_resnet6_instance": {"n_blocks": 6, "norm": "instance", "dropout": False, "down": "strided"},
    "cyclegan_resnet9_instance_dropout": {"n_blocks": 9, "norm": "instance", "dropout": True, "up": "transposed"},
    "cut_resnet9_antialias": {"n_blocks": 9, "norm": "instance", "down": "antialias", "up": "antialias"},
    "pix2pix_resnet6_batch": {"n_blocks": 6, "norm": "batch", "bias": False, "in_channels": 1, "out_channels": 3},
}


def fixture(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return load_file(FIXTURES / f"{name}.safetensors"), load_file(FIXTURES / f"{name}_expected.safetensors")


def near(got: Tensor, want: Tensor, tol: float = 1e-4) -> None:
    assert got.shape == want.shape
    assert got.dtype == torch.float32
    assert float((got - want).detach().abs().max()) <= tol


def small(seed: int = 0, **hyper) -> ResNetGenerator:
    """A little network with lively weights and statistics."""
    net = ResNetGenerator(**{"ngf": 4, "n_blocks": 2, **hyper})
    g = torch.Generator().manual_seed(seed)
    for name, t in net.state_dict().items():
        if not name.endswith("filt"):
            t.copy_(torch.rand(t.shape, generator=g) + 0.5 if "var" in name else torch.randn(t.shape, generator=g) / 4)
    return net.eval().requires_grad_(False)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("statistics", ["stored", "own"])
def test_agrees_with_the_original(name: str, statistics: str) -> None:
    sd, want = fixture(name)
    net = ResNetGenerator.from_state_dict(sd)
    assert isinstance(net, Translator)
    assert {k: net.hyper[k] for k in NAMES[name]} == NAMES[name]
    assert net.hyper["ngf"] == 4
    assert net.has_dropout is ("dropout" in name)
    assert net.has_stored_statistics is ("batch" in name)
    near(net.translate(want["input"], statistics), want[f"output_{statistics}_statistics"])


@pytest.mark.parametrize(
    "hyper",
    [
        {"n_downsampling": 1},
        {"n_downsampling": 3, "ngf": 2},
        {"n_downsampling": 0},
        {"padding": "zero"},
        {"padding": "zero", "dropout": True, "norm": "batch"},
        {"norm": "none"},
        {"norm": "instance_affine", "bias": False},
        {"norm": "batch", "bias": True, "dropout": True},
        {"down": "antialias", "up": "transposed"},
        {"down": "antialias", "up": "antialias", "down_taps": 5, "up_taps": 3},
        {"up": "antialias"},
        {"up": "resize"},
    ],
    ids=str,
)
def test_the_plan_is_read_back(hyper: dict) -> None:
    net = small(**hyper)
    sd = net.state_dict()
    back = ResNetGenerator.from_state_dict(sd)
    assert back.hyper == net.hyper
    x = noise(1, 3, 32, 24)
    assert torch.equal(back.translate(x), net.translate(x))
    with Hollow(1 << 20):
        bare = ResNetGenerator.from_state_dict({k: hollow(t.shape, t.dtype) for k, t in sd.items()})
    assert bare.hyper == net.hyper
    assert ResNetGenerator.from_hyper(net.hyper).state_dict().keys() == sd.keys()


def test_resize_and_zero_padding_by_hand() -> None:
    """The two layouts that no fixture has, written out."""
    net = small(n_downsampling=1, n_blocks=1, up="resize", padding="zero", norm="none", bias=True)
    w, x = net.state_dict(), noise(1, 3, 8, 8)

    def conv(y: Tensor, name: str, **kw: int) -> Tensor:
        return F.conv2d(y, w[f"{name}.weight"], w[f"{name}.bias"], **kw)

    y = F.relu(conv(F.pad(x, (3, 3, 3, 3), mode="reflect"), "model.1"))
    y = F.relu(conv(y, "model.4", stride=2, padding=1))
    y = y + conv(F.relu(conv(y, "model.7.conv_block.0", padding=1)), "model.7.conv_block.3", padding=1)
    y = F.relu(conv(y.repeat_interleave(2, 2).repeat_interleave(2, 3), "model.8", padding=1))
    y = torch.tanh(conv(F.pad(y, (3, 3, 3, 3), mode="reflect"), "model.12"))
    near(net.translate(x), y, 1e-6)


def test_a_fresh_blur_is_the_authors() -> None:
    sd, _ = fixture("cut_resnet9_antialias")
    own = ResNetGenerator(ngf=4, down="antialias", up="antialias").state_dict()
    for name in ("model.7.filt", "model.11.filt", "model.21.filt", "model.25.filt"):
        near(own[name], sd[name], 1e-6)


def test_stray_statistics_of_old_files_are_dropped() -> None:
    sd, want = fixture("cyclegan_resnet6_instance")
    for name in ("model.2", "model.10.conv_block.2", "model.17"):
        sd[f"{name}.running_mean"] = sd[f"{name}.running_var"] = torch.full((4,), 9.0)
        sd[f"{name}.num_batches_tracked"] = torch.tensor(7)
    near(ResNetGenerator.from_state_dict(sd).translate(want["input"]), want["output_stored_statistics"])


def test_half_precision_files_become_float32() -> None:
    sd, want = fixture("cyclegan_resnet6_instance")
    net = ResNetGenerator.from_state_dict({k: t.half() for k, t in sd.items()})
    assert {t.dtype for t in net.state_dict().values()} == {torch.float32}
    near(net.translate(want["input"]), want["output_own_statistics"], 0.02)


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (3, 5), (1, 1), (8, 130)])
def test_any_size(size: tuple[int, int]) -> None:
    net = small(n_blocks=1)
    y = net.translate(noise(2, 3, *size))
    assert y.shape == (2, 3, *size)
    assert bool(y.isfinite().all())
    assert float(y.abs().max()) <= 1


def test_padding_reflects_and_is_cropped() -> None:
    x = torch.arange(3.0).reshape(1, 1, 1, 3).expand(1, 1, 2, 3)
    grown = reflect_to(x, 4, 8)
    assert grown.shape == (1, 1, 8, 8)
    assert grown[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert reflect_to(x[..., :1], 4).shape == (1, 1, 4, 4)
    net, wide = small(), noise(1, 3, 30, 33)
    assert torch.equal(net.translate(wide), net.translate(reflect_to(wide, 4))[:, :, :30, :33])


def test_statistics_blend_from_stored_to_own() -> None:
    sd, want = fixture("pix2pix_resnet6_batch")
    net = ResNetGenerator.from_state_dict(sd)
    x = want["input"]
    near(net.translate(x, 0.0), want["output_stored_statistics"])
    near(net.translate(x, 1.0), want["output_own_statistics"])
    # This network is chaotic with stored statistics, so close ones are compared by the mean.
    assert float((net.translate(x, 1 - 1e-6) - want["output_own_statistics"]).abs().mean()) < 1e-3
    assert float((net.translate(x, 1e-6) - want["output_stored_statistics"]).abs().mean()) < 1e-3
    a, m, b = (net.translate(x, s) for s in ("stored", 0.5, "own"))
    assert float((m - a).abs().mean()) > 0.01
    assert float((m - b).abs().mean()) > 0.01
    for wrong in (-0.1, 1.1, float("nan"), "batch"):
        with pytest.raises(ValueError, match="statistics"):
            net.translate(x, wrong)


def test_the_blend_by_hand() -> None:
    norm = Norm(2, affine=True, stored=True).requires_grad_(False)
    norm.weight.copy_(torch.tensor([2.0, 0.5]))
    norm.bias.copy_(torch.tensor([0.1, -1.0]))
    norm.running_mean.copy_(torch.tensor([3.0, -1.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    x = noise(1, 2, 5, 6)
    for s in (0.0, 0.3, 1.0):
        mean = (1 - s) * norm.running_mean + s * x.mean(dim=(2, 3))[0]
        var = (1 - s) * norm.running_var + s * x.var(dim=(2, 3), correction=0)[0]
        want = (x - mean.view(1, 2, 1, 1)) / (var.view(1, 2, 1, 1) + 1e-5).sqrt()
        near(norm(x, Pass(s)), want * norm.weight.view(1, 2, 1, 1) + norm.bias.view(1, 2, 1, 1), 1e-5)


@pytest.mark.parametrize("statistics", ["stored", "own", 0.4])
def test_own_statistics_are_each_pictures_own(statistics: str | float) -> None:
    net = small(norm="batch", dropout=True)
    x = noise(3, 3, 16, 20)
    together = net.translate(x, statistics, dropout_seed=5)
    near(together[1:2], net.translate(x[1:2], statistics, dropout_seed=5), 1e-5)


def test_dropout_is_off_or_seeded() -> None:
    net = small(dropout=True)
    x = noise(2, 3, 16, 16)
    assert net.has_dropout
    off = net.translate(x)
    one, two = net.translate(x, dropout_seed=1), net.translate(x, dropout_seed=2)
    assert torch.equal(off, net.translate(x))
    torch.rand(7)  # the world's own draws change nothing
    assert torch.equal(one, net.translate(x, dropout_seed=1))
    assert all(float((a - b).abs().mean()) > 1e-3 for a, b in ((off, one), (one, two)))
    each = net.translate(x, dropout_seed=[1, 2])
    near(each[:1], one[:1], 1e-5)
    near(each[1:], two[1:], 1e-5)
    assert bool(net.translate(x, dropout_seed=-3).isfinite().all())
    with pytest.raises(ValueError, match="seeds"):
        net.translate(x, dropout_seed=[1, 2, 3])
    assert torch.equal(small().translate(x, dropout_seed=1), small().translate(x))


def test_dropout_keeps_the_mean() -> None:
    y = Pass(dropout_seed=3).drop(torch.ones(1, 8, 64, 64), 2, 0.5)
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert abs(float(y.mean()) - 1) < 0.03
    assert not torch.equal(y, Pass(dropout_seed=3).drop(torch.ones(1, 8, 64, 64), 1, 0.5))


def test_a_tile_with_the_whole_pictures_statistics_is_a_piece_of_the_whole() -> None:
    """What tiles need: a pass that brings its own moments, here those seen in a run over the whole picture."""

    class Seen(Pass):
        def __init__(self) -> None:
            super().__init__("own")
            self.kept: dict[Norm, tuple[Tensor, Tensor]] = {}

        def moments(self, norm: Norm, x: Tensor) -> tuple[Tensor, Tensor]:
            if norm not in self.kept:
                var, mean = torch.var_mean(x, dim=(2, 3), correction=0)
                self.kept[norm] = mean, var
            return self.kept[norm]

    net = small(n_blocks=1)
    x, how = noise(1, 3, 128, 32), Seen()
    whole = net.run(x, how)
    near(whole, net.translate(x), 1e-5)
    tile = net.run(x[:, :, 40:128], how)
    near(tile[:, :, 32:], whole[:, :, 72:], 1e-5)
    assert float((net.translate(x[:, :, 40:128])[:, :, 32:] - whole[:, :, 72:]).abs().max()) > 1e-3


def test_training_mode_is_torchs_own() -> None:
    ours, theirs = Norm(4, affine=True, stored=True).train(), nn.BatchNorm2d(4).train()
    for seed in range(3):
        x = noise(2, 4, 6, 6, seed=seed) * 3 + 1
        near(ours(x), theirs(x).detach(), 1e-5)
    near(ours.running_mean, theirs.running_mean, 1e-6)
    near(ours.running_var, theirs.running_var, 1e-6)
    net = small(norm="batch", dropout=True).train().requires_grad_(True)
    before = net.model[2].running_mean.clone()
    x = noise(2, 3, 16, 16)
    a, b = net(x), net(x)
    assert not torch.equal(a, b)
    assert not torch.equal(before, net.model[2].running_mean)
    a.square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())


def test_colour_order_is_an_assumption() -> None:
    sd = small().state_dict()
    x = noise(1, 3, 16, 16)
    rgb, bgr = ResNetGenerator.from_state_dict(sd), ResNetGenerator.from_state_dict(sd, colors="bgr", other="ignored")
    assert torch.equal(bgr.translate(x), rgb.translate(x.flip(1)).flip(1))
    assert ResNetGenerator.from_state_dict(sd, **bgr.hyper).hyper == bgr.hyper
    repeated = ResNetGenerator.from_state_dict(sd, padding="replicate")
    assert repeated.padding == "replicate"
    assert not torch.equal(repeated.translate(x), rgb.translate(x))
    with pytest.raises(ModelError, match="colours"):
        ResNetGenerator.from_state_dict(sd, colors="grb")


def test_weights_mix() -> None:
    a, b = small(0, norm="batch"), small(7, norm="batch")
    x = noise(1, 3, 16, 16)
    assert torch.equal(mix_weights([a, b], [1, 0]).translate(x), a.translate(x))
    half = mix_weights([a, b], [2, 2])
    near(half.model[1].weight, (a.model[1].weight + b.model[1].weight) / 2, 1e-6)
    near(half.model[2].running_var, (a.model[2].running_var + b.model[2].running_var) / 2, 1e-6)
    assert not torch.equal(a.translate(x), half.translate(x))
    with pytest.raises(ModelError, match="built alike"):
        mix_weights([a, small(n_blocks=3)], [1, 1])
    with pytest.raises(ValueError, match="weight"):
        mix_weights([a, b], [1, -1])


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (3, 8, 8), (1, 3, 0, 8), (0, 3, 8, 8)])
def test_pictures_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pictures are"):
        small().translate(torch.zeros(shape))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda sd: sd.pop("model.4.weight"), "model.4.weight"),
        (lambda sd: sd.pop("model.1.weight"), "model.1.weight"),
        (lambda sd: sd.pop("model.1.bias"), "model.1.bias"),
        (lambda sd: sd.pop("model.23.weight"), "model.23.weight"),
        (lambda sd: sd.pop("model.16.weight"), "model.16.weight"),
        (lambda sd: sd.pop("model.12.conv_block.1.weight"), "model.12.conv_block.1.weight"),
        (lambda sd: [sd.pop(k) for k in list(sd) if k.startswith("model.12.")], "model.12"),
        (lambda sd: sd.update({"model.7.weight": torch.zeros(16, 9, 3, 3)}), "model.7.weight"),
        (lambda sd: sd.update({"model.1.weight": torch.zeros(4)}), "model.1.weight"),
        (lambda sd: sd.update({"model.1.weight": torch.zeros(0, 3, 7, 7)}), "model.1.weight"),
        (lambda sd: sd.update({"model.7.filt": torch.zeros(16, 1, 3, 3)}), "step 10"),
        (lambda sd: sd.update({"model.900000.conv_block.1.weight": torch.zeros(1, 1, 1, 1)}), "model.16.conv_block"),
        (lambda sd: sd.update({"model.10.conv_block.8.weight": torch.zeros(1, 1, 1, 1)}), "8"),
        (lambda sd: sd.update({"stranger": torch.zeros(1)}), "stranger"),
        (lambda sd: sd.clear(), "residual blocks"),
    ],
)
def test_wrong_tensors_are_told(harm, named: str) -> None:
    sd, _ = fixture("cyclegan_resnet6_instance")
    harm(sd)
    with pytest.raises(ModelError, match="ResNet generator") as told:
        ResNetGenerator.from_state_dict(sd)
    assert named in told.value.sentence()


def test_incomplete_hyper_is_told() -> None:
    for hyper in ({"ngf": -1}, {"ngf": "many"}, {"n_downsampling": 40}, {"norm": "layer"}, {"up": "magic"}):
        with pytest.raises(ModelError, match="described"):
            ResNetGenerator.from_hyper(hyper)

"""The pix2pix U-Nets agree with the originals' own output, and read their plan from keys and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from studio.base.errors import ModelError
from studio.checkpoints.skeleton import Hollow, hollow
from studio.nets.roles import Translator
from studio.nets.translator_ops import Dropout
from studio.nets.unet_generator import UNetGenerator, level_prefix, standard_widths

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = {"pix2pix_unet128_batch_dropout": (7, 3), "pix2pix_unet256_batch": (8, 1)}


def fixture(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return load_file(FIXTURES / f"{name}.safetensors"), load_file(FIXTURES / f"{name}_expected.safetensors")


def near(got: Tensor, want: Tensor, tol: float = 1e-4) -> None:
    assert got.shape == want.shape
    assert got.dtype == torch.float32
    assert float((got - want).detach().abs().max()) <= tol


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def small(**hyper) -> UNetGenerator:
    net = UNetGenerator(**{"widths": (3, 4, 5), **hyper})
    g = torch.Generator().manual_seed(0)
    for name, t in net.state_dict().items():
        t.copy_(torch.rand(t.shape, generator=g) + 0.5 if "var" in name else torch.randn(t.shape, generator=g) / 3)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("statistics", ["stored", "own"])
def test_agrees_with_the_original(name: str, statistics: str) -> None:
    sd, want = fixture(name)
    net = UNetGenerator.from_state_dict(sd)
    assert isinstance(net, Translator)
    assert (net.levels, net.out_channels) == NAMES[name]
    assert net.widths == standard_widths(net.levels, 4)
    assert net.norm == "batch"
    assert net.has_stored_statistics
    near(net.translate(want["input"], statistics), want[f"output_{statistics}_statistics"])


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("up", ["transposed", "resize"])
def test_levels_by_hand(norm: str, up: str) -> None:
    """The recursion written out level by level, for what no fixture has."""
    net = small(norm=norm, up=up, in_channels=2, out_channels=1)
    w, x = net.state_dict(), noise(1, 2, 32, 24)

    def down(y: Tensor, name: str) -> Tensor:
        return F.conv2d(y, w[f"{name}.weight"], w.get(f"{name}.bias"), stride=2, padding=1)

    def rise(y: Tensor, name: str) -> Tensor:
        y, b = F.relu(y), w.get(f"{name}.bias")
        if up == "transposed":
            return F.conv_transpose2d(y, w[f"{name}.weight"], b, stride=2, padding=1)
        return F.conv2d(y.repeat_interleave(2, 2).repeat_interleave(2, 3), w[f"{name}.weight"], b, padding=1)

    def settle(y: Tensor) -> Tensor:
        return F.instance_norm(y) if norm == "instance" else y

    one, two = "model.model.1.model", "model.model.1.model.3.model"
    a = down(x, "model.model.0")
    b = settle(down(F.leaky_relu(a, 0.2), f"{one}.1"))
    c = down(F.leaky_relu(b, 0.2), f"{two}.1")
    y = torch.cat((b, settle(rise(c, f"{two}.3"))), dim=1)
    y = torch.cat((a, settle(rise(y, f"{one}.5"))), dim=1)
    near(net.translate(x), torch.tanh(rise(y, "model.model.3")), 1e-5)


@pytest.mark.parametrize(
    "hyper",
    [
        {"norm": "instance"},
        {"norm": "batch", "bias": True},
        {"norm": "none"},
        {"norm": "instance_affine", "bias": False},
        {"up": "resize"},
        {"widths": (2, 3)},
        {"widths": (2, 3, 4, 4, 4, 4, 4), "in_channels": 1, "out_channels": 4},
    ],
    ids=str,
)
def test_the_plan_is_read_back(hyper: dict) -> None:
    net = small(**hyper)
    sd = net.state_dict()
    back = UNetGenerator.from_state_dict(sd)
    assert back.hyper == net.hyper
    x = noise(1, net.in_channels, 128, 128)
    assert torch.equal(back.translate(x), net.translate(x))
    with Hollow(1 << 20):
        bare = UNetGenerator.from_state_dict({k: hollow(t.shape, t.dtype) for k, t in sd.items()})
    assert bare.hyper == net.hyper
    assert UNetGenerator.from_hyper(net.hyper).state_dict().keys() == sd.keys()


def test_dropout_stands_where_the_authors_put_it() -> None:
    """The blocks of full width, without the innermost: 4, 5 and 6 of the eight levels."""
    places = {
        n: [m.place for m in UNetGenerator(widths=standard_widths(n, 2)).modules() if isinstance(m, Dropout)]
        for n in (5, 6, 7, 8)
    }
    assert {n: sorted(p) for n, p in places.items()} == {5: [], 6: [4], 7: [4, 5], 8: [4, 5, 6]}


def test_dropout_is_off_seeded_or_assumed_away() -> None:
    sd, want = fixture("pix2pix_unet128_batch_dropout")
    net, never = UNetGenerator.from_state_dict(sd), UNetGenerator.from_state_dict(sd, dropout=False)
    x = want["input"]
    assert net.has_dropout
    assert not never.has_dropout
    one, two = net.translate(x, "own", dropout_seed=1), net.translate(x, "own", dropout_seed=2)
    assert torch.equal(one, net.translate(x, "own", dropout_seed=1))
    assert float((one - two).abs().mean()) > 1e-4
    assert float((one - want["output_own_statistics"]).abs().mean()) > 1e-4
    near(never.translate(x, "own", dropout_seed=1), want["output_own_statistics"])
    pair = net.translate(torch.cat((x.flip(3), x)), "own", dropout_seed=1)
    near(pair[1:], one, 1e-5)


def test_statistics_blend() -> None:
    sd, want = fixture("pix2pix_unet128_batch_dropout")
    net = UNetGenerator.from_state_dict(sd)
    near(net.translate(want["input"], 0), want["output_stored_statistics"])
    near(net.translate(want["input"], 1), want["output_own_statistics"])
    near(net.translate(want["input"], 1e-6), want["output_stored_statistics"], 1e-3)
    near(net.translate(want["input"], 1 - 1e-6), want["output_own_statistics"], 1e-3)


@pytest.mark.parametrize("size", [(128, 128), (100, 130), (1, 1), (7, 128)])
@pytest.mark.parametrize("statistics", ["stored", "own", 0.5])
def test_any_size(size: tuple[int, int], statistics: str | float) -> None:
    sd, _ = fixture("pix2pix_unet128_batch_dropout")
    y = UNetGenerator.from_state_dict(sd).translate(noise(1, 3, *size), statistics)
    assert y.shape == (1, 3, *size)
    assert bool(y.isfinite().all())


def test_training_drops_and_learns_statistics() -> None:
    net = small(widths=(2, 2, 3, 3, 4, 4)).train().requires_grad_(True)
    x = noise(2, 3, 64, 64)
    norm = net.model.model[1].model[2]
    before = norm.running_mean.clone()
    a, b = net(x), net(x)
    assert not torch.equal(a, b)
    assert not torch.equal(before, norm.running_mean)
    a.square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in net.parameters())


def test_stray_statistics_of_old_files_are_dropped() -> None:
    net = small(norm="instance")
    sd = dict(net.state_dict())
    sd["model.model.1.model.2.running_mean"] = sd["model.model.1.model.2.running_var"] = torch.zeros(4)
    back = UNetGenerator.from_state_dict(sd)
    assert back.norm == "instance"
    assert torch.equal(back.translate(noise(1, 3, 16, 16)), net.translate(noise(1, 3, 16, 16)))


INNER = level_prefix(6)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda sd: sd.pop("model.model.0.weight"), "model.model.0.weight"),
        (lambda sd: sd.pop("model.model.3.weight"), "model.model.3.weight"),
        (lambda sd: sd.pop("model.model.3.bias"), "model.model.3.bias"),
        (lambda sd: sd.pop(f"{INNER}.3.weight"), f"{INNER}.3.weight"),
        (lambda sd: sd.pop(f"{level_prefix(3)}.1.weight"), f"{level_prefix(3)}.1.weight"),
        (lambda sd: sd.pop(f"{level_prefix(2)}.6.running_var"), f"{level_prefix(2)}.6.running_var"),
        (lambda sd: sd.update({f"{INNER}.1.weight": torch.zeros(32, 31, 4, 4)}), f"{INNER}.1.weight"),
        (lambda sd: sd.update({f"{INNER}.1.weight": torch.zeros(32)}), f"{INNER}.1.weight"),
        (lambda sd: sd.update({f"{level_prefix(40)}.1.weight": torch.zeros(1, 1, 4, 4)}), "41 levels"),
        (lambda sd: sd.update({"stranger": torch.zeros(1)}), "stranger"),
        (lambda sd: sd.clear(), "levels"),
    ],
)
def test_wrong_tensors_are_told(harm, named: str) -> None:
    sd, _ = fixture("pix2pix_unet128_batch_dropout")
    harm(sd)
    with pytest.raises(ModelError, match="U-Net") as told:
        UNetGenerator.from_state_dict(sd)
    assert named in told.value.sentence()


def test_incomplete_hyper_is_told() -> None:
    for hyper in ({"widths": [4]}, {"widths": [4] * 20}, {"widths": 4}, {"widths": [4, 0]}, {"colors": "x"}):
        with pytest.raises(ModelError, match="described"):
            UNetGenerator.from_hyper(hyper)

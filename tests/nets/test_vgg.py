"""VGG features: exact against a plain VGG, every preprocessing, differentiable, no further than needed, in tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError
from studio.nets.features import StudioFeatures, calibration_pictures
from studio.nets.roles import FeatureNet
from studio.nets.style_features import StudioVGG
from studio.nets.vgg import VGG, VGG16, VGG19
from studio.training.features_net import FeatureClassifier

BLOCKS = ((6, 2), (8, 2), (10, 3), (12, 1))
NAMES = ("conv1_1", "relu1_1", "relu2_2", "conv3_2", "relu3_3", "relu4_1")
X = torch.rand(2, 3, 40, 32, generator=torch.Generator().manual_seed(2))


def random_net(**kwargs: object) -> VGG:
    torch.manual_seed(0)
    return VGG(BLOCKS, **kwargs).eval().requires_grad_(False)  # type: ignore[arg-type]


def plain(net: VGG, x: Tensor, *, pool: str, pad: str, ceil: bool = False) -> dict[str, Tensor]:
    """Simonyan and Zisserman, written down."""
    s = net.state_dict()
    out = {}
    for block, (_, count) in enumerate(BLOCKS, start=1):
        if block > 1:
            x = (F.max_pool2d if pool == "max" else F.avg_pool2d)(x, 2, ceil_mode=ceil)
        for i in range(1, count + 1):
            name = f"{block}_{i}"
            x = F.pad(x, (1, 1, 1, 1), mode="reflect") if pad == "reflect" else F.pad(x, (1, 1, 1, 1))
            x = out[f"conv{name}"] = F.conv2d(x, s[f"conv{name}.weight"], s[f"conv{name}.bias"])
            x = out[f"relu{name}"] = x.relu()
    return out


def same(got: dict[str, Tensor], want: dict[str, Tensor], names: Sequence[str] = NAMES) -> None:
    assert list(got) == list(names)
    for name in names:
        torch.testing.assert_close(got[name], want[name], atol=1e-5, rtol=1e-5)


def test_torchvisions() -> None:
    """ImageNet's mean and deviation, zeros beyond the border, maxima."""
    net = random_net()
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    want = plain(net, (X - mean) / std, pool="max", pad="zeros")
    same(net.features(X, NAMES), want)
    assert isinstance(net, FeatureNet)
    assert net.layer_names[:4] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2")
    assert net.channels("relu3_3") == 10 and net.stride("relu4_1") == 8


def test_caffes() -> None:
    """BGR, 0..255 minus the mean."""
    net = random_net(preprocessing="caffe")
    blue_first = torch.stack((X[:, 2] * 255 - 103.939, X[:, 1] * 255 - 116.779, X[:, 0] * 255 - 123.68), dim=1)
    want = plain(net, blue_first, pool="max", pad="zeros")
    for name, got in net.features(X, NAMES).items():
        torch.testing.assert_close(got, want[name], atol=1e-3, rtol=1e-5)


def test_pooling_and_padding_can_be_chosen() -> None:
    """The network's own, or another for one call."""
    net = random_net(preprocessing="none")
    same(net.features(X, NAMES, pooling="average"), plain(net, X, pool="average", pad="zeros"))
    same(net.features(X, NAMES, padding="reflect"), plain(net, X, pool="max", pad="reflect"))
    net.pooling, net.padding = "average", "reflect"
    same(net.features(X, NAMES), plain(net, X, pool="average", pad="reflect"))
    odd = X[:, :, :37, :29]
    net = random_net(preprocessing="none", ceil=True)
    same(net.features(odd, NAMES), plain(net, odd, pool="max", pad="zeros", ceil=True))


def test_the_first_convolution_of_adains_encoder() -> None:
    """A 1x1 convolution prepares the picture; mirrored borders and ceil follow from it."""
    net = random_net(leading=True, preprocessing="none", padding="reflect", ceil=True)
    again = VGG.from_state_dict(net.state_dict())
    assert (again.padding, again.ceil, again.preprocessing) == ("reflect", True, "none")
    s = net.state_dict()
    want = plain(net, F.conv2d(X, s["conv0.weight"], s["conv0.bias"]), pool="max", pad="reflect")
    same(again.features(X, NAMES), want)


def test_gradient_is_that_of_the_plain_network() -> None:
    """ReLUs in place take nothing away from the gradient."""
    net = random_net(preprocessing="none")
    names = ("conv1_1", "relu1_2", "conv3_1", "relu4_1")

    def gradient(features: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.autograd.grad(sum((features[n].square() * (i + 1)).sum() for i, n in enumerate(names)), x)[0]

    a, b = X.clone().requires_grad_(), X.clone().requires_grad_()
    got, want = gradient(net.features(a, names), a), gradient(plain(net, b, pool="max", pad="zeros"), b)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-4)
    assert float(want.abs().max()) > 0


def test_no_further_than_needed() -> None:
    """What lies deeper than the deepest wished layer is not touched."""
    net = random_net()
    del net.conv3_2
    assert net.features(X, ["relu2_1", "conv3_1"])["conv3_1"].shape == (2, 10, 10, 8)
    with pytest.raises(AttributeError):
        net.features(X, ["conv3_2"])


def test_tiles_with_a_halo_are_exact() -> None:
    """What a tile with its halo gives inside is what the whole picture gives there."""
    net = random_net(preprocessing="none", padding="reflect", pooling="average")
    x = torch.rand(1, 3, 160, 160)
    halo = net.halo(["relu4_1"])
    assert halo == 2 * 1 + 2 * 2 + 3 * 4 + 8 and net.halo(["relu1_2"]) == 2
    around = -(-halo // 8) * 8
    whole = net.features(x, ["relu4_1"])["relu4_1"][:, :, 8:12, 6:12]
    part = x[:, :, 64 - around : 96 + around, 48 - around : 96 + around]
    inside = net.features(part, ["relu4_1"])["relu4_1"][
        :, :, around // 8 : around // 8 + 4, around // 8 : around // 8 + 6
    ]
    torch.testing.assert_close(inside, whole, atol=1e-6, rtol=1e-5)


def test_prepared_copies() -> None:
    """The same numbers in float32, three digits of them in bfloat16; the network itself stays as it was."""
    net = random_net()
    want = net.features(X, NAMES)
    same(net.prepared().features(X, NAMES), want)
    half = net.prepared(torch.bfloat16).features(X, NAMES)
    assert half["relu4_1"].dtype == torch.bfloat16 and want["relu4_1"].dtype == torch.float32
    for name in NAMES:
        assert float((half[name].float() - want[name]).norm() / want[name].norm()) < 0.02
    assert net.conv1_1.weight.dtype == torch.float32


def test_wrong_names_and_small_pictures() -> None:
    """Sentences of a kind that says what there is."""
    net = random_net()
    with pytest.raises(ValueError, match=r"no layer relu9_1.*conv1_1"):
        net.features(X, ["relu9_1"])
    with pytest.raises(ValueError, match="too small for conv4_1"):
        net.features(X[:, :, :8, :8], ["relu4_1"], padding="reflect")
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\]"):
        net.features(X[0], ["relu1_1"])


def test_shapes_of_the_real_ones() -> None:
    """Sixteen and nineteen layers, counted without the three that name classes."""
    assert sum(n for _, n in VGG16) == 13 and sum(n for _, n in VGG19) == 16


def test_what_does_not_fit() -> None:
    """Tensors are named."""
    s = dict(random_net().state_dict())
    with pytest.raises(ModelError, match=r"conv1_1\.weight"):
        VGG.from_state_dict({k: v for k, v in s.items() if not k.startswith("conv1_1")})
    with pytest.raises(ModelError, match=r"conv2_1\.bias"):
        VGG.from_state_dict({k: v for k, v in s.items() if k != "conv2_1.bias"})
    with pytest.raises(ModelError, match="not described"):
        VGG.from_state_dict(s, pooling="median")


# -- the small one, and calibration
def test_a_trained_one_loads() -> None:
    """What the training exports is this network: no preprocessing, averages, mirrored borders."""
    torch.manual_seed(1)
    plan = [(f"{b}_{i + 1}", n) for b, (n, count) in enumerate(BLOCKS, start=1) for i in range(count)]
    filters = FeatureClassifier(plan, 5).filters()
    net = StudioVGG.from_state_dict(filters)
    same(net.features(X, NAMES), plain(net, X, pool="average", pad="reflect"))


def test_calibrated_on_a_picture() -> None:
    """Every channel has zero mean and unit variance there; a constant picture breaks nothing."""
    style = torch.from_numpy(calibration_pictures(np.random.RandomState(9), 1, 64))
    torch.manual_seed(3)
    net = StudioVGG(BLOCKS).eval().requires_grad_(False)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    names = [n for n in net.layer_names if n.startswith("conv")]
    for f in net.calibrated(style).features(style, names).values():
        torch.testing.assert_close(f.mean(dim=(0, 2, 3)), torch.zeros(f.shape[1]), atol=1e-4, rtol=0)
        torch.testing.assert_close(f.var(dim=(0, 2, 3), correction=0), torch.ones(f.shape[1]), atol=1e-3, rtol=0)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()), "a copy is calibrated"
    flat = net.calibrated(torch.full((1, 3, 64, 64), 0.5)).features(style, names)
    assert all(bool(f.isfinite().all()) for f in flat.values())
    tiny = net.calibrated(style[:, :, :12, :12])
    assert torch.equal(tiny.conv4_1.weight, net.conv4_1.weight), "deeper than the picture reaches nothing changes"


def test_the_fixed_ones() -> None:
    """The fixed-seed features are such a network too."""
    fixed = StudioFeatures()
    assert isinstance(fixed, FeatureNet) and fixed.layer_names[0] == "relu1_1"
    want = fixed.features(X)
    for name, got in fixed.as_vgg().features(X, fixed.layer_names).items():
        torch.testing.assert_close(got, want[name], atol=1e-4, rtol=1e-4)
    got = fixed.calibrated(X).features(X, ["conv4_2"])["conv4_2"]
    torch.testing.assert_close(got.mean(dim=(0, 2, 3)), torch.zeros(256), atol=1e-4, rtol=0)

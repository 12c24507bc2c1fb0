"""Feed-forward style networks: every convention gives its author's numbers, any size, and tiles are the whole."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError
from studio.base.steps import Progress, run
from studio.nets.johnson import SMALL, JohnsonNet
from studio.nets.roles import Stylizer, Translator
from studio.nets.translator_ops import reflect_to
from tests.nets import style_reference as ref

X = torch.rand(2, 3, 36, 44, generator=torch.Generator().manual_seed(7))
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def close(a: Tensor, b: Tensor, atol: float = 2e-5) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=1e-5)


def ml5_names(s: ref.State) -> ref.State:
    """Canonical names of a file of ml5's kind."""
    body = {"conv1": 1, "conv2": 2, "conv3": 3, "deconv1": 4, "deconv2": 5, "conv4": 6}
    out = {}
    for name, t in s.items():
        if m := re.match(r"res(\d)\.conv(\d)\.(norm\.)?(\w+)", name):
            out[f"res{m[1]}.in{m[2]}.{m[4]}" if m[3] else f"res{m[1]}.conv{m[2]}.conv2d.{m[4]}"] = t
        else:
            first, leaf = name.split(".")[0], name.rpartition(".")[2]
            conv = "deconv3" if first == "conv4" else first
            out[f"in{body[first]}.{leaf}" if ".norm." in name else f"{conv}.conv2d.{leaf}"] = t
    return out


def test_pytorch_examples() -> None:
    """0..255 in and out; running statistics of old files change nothing."""
    s = ref.examples_state()
    old = {**s, "in1.running_mean": torch.full((6,), 9.0), "res1.in2.running_var": torch.full((10,), 9.0)}
    net = JohnsonNet.from_state_dict(old)
    assert net.hyper["widths"] == [6, 8, 10] and net.hyper["up"] == "resize" and net.hyper["n_blocks"] == 2
    want = ref.examples(s, X * 255) / 255
    assert float(((want > 0) & (want < 1)).float().mean()) > 0.2, "the reference is a picture"
    close(net.stylize(X), want.clamp(0, 1))
    close(net.translate(X * 2 - 1), (want * 2 - 1).clamp(-1, 1))
    assert isinstance(net, Stylizer) and isinstance(net, Translator) and not net.wants_style


def test_values_normalised_by_imagenet() -> None:
    """gordicaleksa: normalised in, and out of it again."""
    s = ref.examples_state(raw=False)
    net = JohnsonNet.from_state_dict(s, values="imagenet")
    close(net.stylize(X), (ref.examples(s, (X - MEAN) / STD) * STD + MEAN).clamp(0, 1))
    net = JohnsonNet.from_state_dict(s, values="0-1")
    close(net.stylize(X), ref.examples(s, X).clamp(0, 1))


def test_tensorflow() -> None:
    """lengstrom: TensorFlow's borders, transposed convolutions as gradients of convolutions, tanh."""
    s = ref.ml5_state()
    net = JohnsonNet.from_state_dict(ml5_names(s))
    assert net.hyper["up"] == "transposed" and net.hyper["last_norm"] and net.hyper["tanh"] and not net.hyper["bias"]
    net.frame = 0
    close(net.stylize(X), (ref.ml5(s, X * 255) / 255).clamp(0, 1))


def test_zeros_beyond_the_border_leave_no_marks() -> None:
    """Networks with zero borders see the picture in a mirrored frame, which is cut off again."""
    s = ref.ml5_state()
    net = JohnsonNet.from_state_dict(ml5_names(s))
    x = torch.rand(1, 3, 60, 84)
    grown = F.pad(x, (32, 32, 32, 32), mode="reflect")
    close(net.stylize(x), (ref.ml5(s, grown * 255) / 255).clamp(0, 1)[:, :, 32:92, 32:116])
    assert JohnsonNet.from_state_dict(ref.examples_state()).frame == 0
    assert net.stylize(x[:, :, :5, :2]).shape == (1, 3, 5, 2)


def test_torch_transposed_in_bgr() -> None:
    """rrmina: torch's transposed convolutions, colours turned on the way in and out."""
    s = ref.torch_up_state()
    net = JohnsonNet.from_state_dict(s, colors="bgr")
    assert net.hyper["up"] == "torch"
    close(net.stylize(X), (ref.examples(s, X.flip(1) * 255, torch_up=True).flip(1) / 255).clamp(0, 1))


def test_relu_after_everything() -> None:
    """eriklindernoren."""
    s = ref.examples_state(raw=False)
    net = JohnsonNet.from_state_dict(s, relu=True, values="0-1")
    close(net.stylize(X), ref.examples(s, X, relu=True).clamp(0, 1))


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (37, 41), (9, 8)])
def test_any_size(size: tuple[int, int]) -> None:
    """Grown by reflection to multiples of four, cut afterwards."""
    s = ref.examples_state()
    x = torch.rand(1, 3, *size)
    y = JohnsonNet.from_state_dict(s).stylize(x)
    assert y.shape == x.shape
    grown = reflect_to(x, 4, 8)
    close(y, (ref.examples(s, grown * 255) / 255).clamp(0, 1)[:, :, : size[0], : size[1]])


def test_strength() -> None:
    """0 is the picture itself, in between is in between."""
    net = JohnsonNet.from_state_dict(ref.examples_state())
    whole = net.stylize(X)
    assert torch.equal(net.stylize(X, strength=0), X)
    close(net.stylize(X, strength=0.25), X + 0.25 * (whole - X))
    assert torch.equal(net.stylize(X), net.stylize(X, [X], [1.0])), "styles mean nothing to it"


KINDS = {
    "resize": lambda: JohnsonNet.from_state_dict(ref.examples_state()),
    "transposed": lambda: JohnsonNet.from_state_dict(ml5_names(ref.ml5_state())),
    "torch": lambda: JohnsonNet.from_state_dict(ref.torch_up_state(), colors="bgr"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(101, 75), (64, 200)])
def test_tiles_are_the_whole(kind: str, size: tuple[int, int]) -> None:
    """Statistics of the whole picture: no seam, no other colours; progress after every tile."""
    net = KINDS[kind]()
    # Left and right, top and bottom differ, so that a tile's own statistics would show.
    ramp = torch.linspace(0, 1, size[0]).view(1, 1, -1, 1) * torch.linspace(1, 0, size[1]).view(1, 1, 1, -1)
    x = (ramp + 0.3 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    steps = net.stylize_steps(x, tile=32, strength=0.8)
    told = []
    try:
        while True:
            told.append(next(steps))
    except StopIteration as stop:
        tiled = stop.value
    close(tiled, net.stylize(x, strength=0.8), atol=1e-5)
    assert len(told) > 12 and all(isinstance(t, Progress) for t in told)
    halves = torch.cat([net.stylize(half) for half in x.chunk(2, dim=3)], dim=3)
    assert (halves - net.stylize(x)).abs().max() > 0.05, "tiles on their own would be another picture"
    assert torch.equal(run(net.stylize_steps(x, tile=4096)), net.stylize(x))


def test_small_ones_fit() -> None:
    """The shape of the embedded networks: below 0.8 MB in half precision, and it learns."""
    net = JohnsonNet(**SMALL, values="0-1")
    assert sum(p.numel() for p in net.parameters()) * 2 < 800_000
    x = torch.rand(1, 3, 16, 16)
    net(x * 2 - 1).square().mean().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for n, p in net.named_parameters() if "weight" in n)
    again = JohnsonNet.from_hyper(net.hyper)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.eval().stylize(x), net.eval().stylize(x))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("in4.bias"), "in4.bias"),
        (lambda s: s.pop("res1.conv1.conv2d.weight"), "res1.conv1"),
        (lambda s: s.update({"conv1.conv2d.weight": torch.zeros(6, 1, 9, 9)}), "conv1"),
        (lambda s: s.update({"conv1.conv2d.weight": torch.zeros(6, 3, 8, 8)}), "impossible"),
        (lambda s: s.update({"deconv2.conv2d.weight": torch.zeros(5, 8, 3, 3)}), "deconv2"),
        (lambda s: s.update({"more.weight": torch.zeros(5)}), "more.weight"),
        (lambda s: s.update({"conv2.conv2d.weight": torch.zeros(0, 6, 3, 3)}), "conv2"),
    ],
)
def test_what_does_not_fit_is_named(change: object, said: str) -> None:
    """A sentence with the tensor's name."""
    s = ref.examples_state()
    change(s)  # type: ignore[operator]
    with pytest.raises(ModelError, match=said):
        JohnsonNet.from_state_dict(s)

"""Feed-forward style networks written down plainly from their authors' descriptions, and files of their kinds."""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
WIDTHS = (6, 8, 10)


def random_like(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> State:
    """Tensors whose every number matters: filters of unit gain, scales about one, biases that are not zero."""
    gen = torch.Generator().manual_seed(seed)
    out = {}
    for name, shape in shapes.items():
        t = torch.randn(shape, generator=gen)
        if len(shape) == 4:
            t = t / (shape[1] * shape[2] * shape[3]) ** 0.5
        elif name.endswith("weight"):
            t = 1 + 0.3 * t
        else:
            t = 0.3 * t
        out[name] = t
    return out


def examples_state(widths: tuple[int, int, int] = WIDTHS, blocks: int = 2, seed: int = 0, *, raw: bool = True) -> State:
    """A file of pytorch/examples.  ``raw``: its pictures are 0..255, else about 0..1."""
    a, b, c = widths
    convs = {"conv1": (a, 3, 9, 9), "conv2": (b, a, 3, 3), "conv3": (c, b, 3, 3),
             "deconv1": (b, c, 3, 3), "deconv2": (a, b, 3, 3), "deconv3": (3, a, 9, 9)}  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in convs.items():
        shapes |= {f"{name}.conv2d.weight": shape, f"{name}.conv2d.bias": shape[:1]}
    for i, n in enumerate((a, b, c, b, a), start=1):
        shapes |= {f"in{i}.weight": (n,), f"in{i}.bias": (n,)}
    for i in range(1, blocks + 1):
        for half in (1, 2):
            shapes |= {f"res{i}.conv{half}.conv2d.weight": (c, c, 3, 3), f"res{i}.conv{half}.conv2d.bias": (c,)}
            shapes |= {f"res{i}.in{half}.weight": (c,), f"res{i}.in{half}.bias": (c,)}
    state = random_like(shapes, seed)
    state["deconv3.conv2d.weight"] *= 60 if raw else 0.3
    state["deconv3.conv2d.bias"] += 128 if raw else 0.5
    return state


def norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    var = x.var(dim=(2, 3), unbiased=False, keepdim=True)
    return (x - mean) / (var + eps).sqrt() * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def mirrored(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
    p = weight.shape[2] // 2
    return F.conv2d(F.pad(x, (p, p, p, p), mode="reflect"), weight, bias, stride)


def examples(s: State, x: Tensor, *, relu: bool = False, torch_up: bool = False) -> Tensor:
    """pytorch/examples: values of the network in and out.  ``relu``: eriklindernoren's; ``torch_up``: rrmina's."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return mirrored(x, s[f"{name}.conv2d.weight"], s[f"{name}.conv2d.bias"], stride)

    def inst(name: str, x: Tensor) -> Tensor:
        return norm(x, s[f"{name}.weight"], s[f"{name}.bias"], 1e-5)

    def up(name: str, x: Tensor) -> Tensor:
        if torch_up:
            w, b = s[f"{name}.conv2d.weight"], s[f"{name}.conv2d.bias"]
            return F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1)
        return conv(name, x.repeat_interleave(2, 2).repeat_interleave(2, 3))

    x = inst("in1", conv("conv1", x)).relu()
    x = inst("in2", conv("conv2", x, 2)).relu()
    x = inst("in3", conv("conv3", x, 2)).relu()
    i = 1
    while f"res{i}.conv1.conv2d.weight" in s:
        y = inst(f"res{i}.in1", conv(f"res{i}.conv1", x)).relu()
        y = inst(f"res{i}.in2", conv(f"res{i}.conv2", y))
        x = x + (y.relu() if relu else y)
        i += 1
    x = inst("in4", up("deconv1", x)).relu()
    x = inst("in5", up("deconv2", x)).relu()
    x = conv("deconv3", x)
    return x.relu() if relu else x


def ml5_state(widths: tuple[int, int, int] = WIDTHS, blocks: int = 2) -> State:
    """A file of lengstrom's network as brought to torch."""
    a, b, c = widths
    convs = {"conv1": (a, 3, 9, 9), "conv2": (b, a, 3, 3), "conv3": (c, b, 3, 3),
             "deconv1": (c, b, 3, 3), "deconv2": (b, a, 3, 3), "conv4": (3, a, 9, 9)}  # fmt: skip
    for i in range(1, blocks + 1):
        convs |= {f"res{i}.conv1": (c, c, 3, 3), f"res{i}.conv2": (c, c, 3, 3)}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in convs.items():
        n = shape[1] if name.startswith("deconv") else shape[0]
        shapes |= {f"{name}.weight": shape, f"{name}.norm.weight": (n,), f"{name}.norm.bias": (n,)}
    return random_like(shapes, 4)


def same(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """TensorFlow's conv2d with padding SAME."""
    k = weight.shape[2]
    total = [max((-(-n // stride) - 1) * stride + k - n, 0) for n in x.shape[2:]]
    (top, left), (bottom, right) = [t // 2 for t in total], [t - t // 2 for t in total]
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, None, stride)


def same_transposed(x: Tensor, weight: Tensor) -> Tensor:
    """TensorFlow's conv2d_transpose: by definition the gradient of the convolution with padding SAME."""
    big = torch.zeros(x.shape[0], weight.shape[1], 2 * x.shape[2], 2 * x.shape[3], requires_grad=True)
    with torch.enable_grad():
        return torch.autograd.grad(same(big, weight, 2), big, x)[0]


def ml5(s: State, x: Tensor) -> Tensor:
    """lengstrom's network: 0..255 in and out."""

    def layer(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return norm(same(x, s[f"{name}.weight"], stride), s[f"{name}.norm.weight"], s[f"{name}.norm.bias"], 1e-3)

    def up(name: str, x: Tensor) -> Tensor:
        y = same_transposed(x, s[f"{name}.weight"])
        return norm(y, s[f"{name}.norm.weight"], s[f"{name}.norm.bias"], 1e-3).relu()

    x = layer("conv1", x).relu()
    x = layer("conv2", x, 2).relu()
    x = layer("conv3", x, 2).relu()
    i = 1
    while f"res{i}.conv1.weight" in s:
        x = x + layer(f"res{i}.conv2", layer(f"res{i}.conv1", x).relu())
        i += 1
    x = up("deconv2", up("deconv1", x))
    return torch.tanh(layer("conv4", x)) * 150 + 255 / 2


def gordic_file(s: State) -> State:
    """The same under gordicaleksa's names."""
    out = {}
    for name, t in s.items():
        name = re.sub(r"^deconv([12])\.conv2d\.", r"up\1.conv2d.conv2d.", name)
        out[re.sub(r"^deconv3\.", "up3.", name)] = t
    return out


def rrmina_file(s: State) -> State:
    """The same (with transposed filters) under rrmina's names."""
    names = {"conv1": "ConvBlock.0.conv_layer", "conv2": "ConvBlock.2.conv_layer", "conv3": "ConvBlock.4.conv_layer",
             "deconv1": "DeconvBlock.0.conv_transpose", "deconv2": "DeconvBlock.2.conv_transpose",
             "deconv3": "DeconvBlock.4.conv_layer", "in1": "ConvBlock.0.norm_layer", "in2": "ConvBlock.2.norm_layer",
             "in3": "ConvBlock.4.norm_layer", "in4": "DeconvBlock.0.norm_layer",
             "in5": "DeconvBlock.2.norm_layer"}  # fmt: skip
    out = {}
    for name, t in s.items():
        leaf = name.rpartition(".")[2]
        if m := re.match(r"res(\d)\.(conv|in)(\d)\.", name):
            kind = "conv_layer" if m[2] == "conv" else "norm_layer"
            out[f"ResidualBlock.{int(m[1]) - 1}.conv{m[3]}.{kind}.{leaf}"] = t
        else:
            out[f"{names[name.split('.')[0]]}.{leaf}"] = t
    return out


def lindernoren_file(s: State) -> State:
    """The same under eriklindernoren's names."""
    blocks = sum(bool(re.fullmatch(r"res\d+\.in1\.weight", n)) for n in s)
    last = blocks + 5
    place = {"conv1": 0, "conv2": 1, "conv3": 2, "deconv1": last - 2, "deconv2": last - 1, "deconv3": last}
    place |= {"in1": 0, "in2": 1, "in3": 2, "in4": last - 2, "in5": last - 1}
    out = {}
    for name, t in s.items():
        leaf = name.rpartition(".")[2]
        if m := re.match(r"res(\d)\.(conv|in)(\d)\.", name):
            kind = "block.1" if m[2] == "conv" else "norm"
            out[f"model.{int(m[1]) + 2}.block.{int(m[3]) - 1}.{kind}.{leaf}"] = t
        else:
            first = name.split(".")[0]
            out[f"model.{place[first]}.{'norm' if first.startswith('in') else 'block.1'}.{leaf}"] = t
    return out


def torch_up_state(seed: int = 2) -> State:
    """rrmina's network by pytorch/examples' names: transposed convolutions store [in, out]."""
    s = examples_state(seed=seed)
    for name in ("deconv1", "deconv2"):
        s[f"{name}.conv2d.weight"] = s[f"{name}.conv2d.weight"].transpose(0, 1).contiguous()
    return s

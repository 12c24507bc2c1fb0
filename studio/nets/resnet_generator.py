"""The ResNet generator of CycleGAN, pix2pix, CUT and pix2pixHD's global network (Johnson 2016; Zhu et al., 2017).

Module numbers are those of the authors' ``nn.Sequential``, so their files' keys are canonical here: ``model.1`` is the
first convolution, ``model.N.conv_block.M`` a residual block.  CUT's anti-aliased variant (Zhang, 2019; Park et al.,
2020) puts a blur after each down-sampling and before each up-sampling convolution, as numbered steps of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill
from studio.nets.translator_ops import (
    MAX_DEPTH,
    Aware,
    Dropout,
    NormKind,
    Pass,
    PictureTranslator,
    ResizeConv,
    check_width,
    consecutive,
    make_norm,
    norm_kind,
    shape_of,
    strays,
    through,
)

Padding = Literal["reflect", "replicate", "zero"]
Down = Literal["strided", "antialias"]
Up = Literal["transposed", "antialias", "resize"]
WHAT = "ResNet generator (CycleGAN, pix2pix, CUT)"
ASSUMED: dict[str, Any] = {"padding": "reflect", "colors": "rgb"}
"""What no file says (``padding`` inside the blocks may also be ``replicate``; ``zero`` is seen in the keys)."""


def _taps(n: int, channels: int) -> Tensor:
    """Binomial blur ``[C, 1, n, n]`` that adds up to 1."""
    row = torch.tensor([float(math.comb(n - 1, i)) for i in range(n)]) / 2 ** (n - 1)
    taps: Tensor = (row[:, None] * row[None, :]).expand(channels, 1, n, n).clone()
    return taps


class BlurDown(nn.Module):
    """Blur and keep every second pixel."""

    def __init__(self, channels: int, taps: int = 3) -> None:
        super().__init__()
        self.channels, self.pad = channels, ((taps - 1) // 2, taps // 2)
        self.register_buffer("filt", _taps(taps, channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, 2H, 2W]`` to ``[N, C, H, W]``."""
        x = F.pad(x, (*self.pad, *self.pad), mode="reflect")
        return F.conv2d(x, cast(Tensor, self.filt), stride=2, groups=self.channels)


class BlurUp(nn.Module):
    """Twice the pixels, blurred; the border is repeated."""

    def __init__(self, channels: int, taps: int = 4) -> None:
        super().__init__()
        self.channels, self.taps = channels, taps
        self.register_buffer("filt", _taps(taps, channels) * 4)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, C, 2H, 2W]``."""
        h, w = x.shape[2] * 2, x.shape[3] * 2
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        padding = 1 + (self.taps - 1) // 2
        x = F.conv_transpose2d(x, cast(Tensor, self.filt), stride=2, padding=padding, groups=self.channels)
        return x[:, :, 1 : h + 1, 1 : w + 1]


class ResNetBlock(Aware):
    """x + convolutions of x, under the authors' numbers: a dropout in between moves the second half by one."""

    def __init__(self, width: int, norm: NormKind, bias: bool, padding: Padding, dropout: bool, place: int) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for half in range(2):
            if padding != "zero":
                steps.append(nn.ReflectionPad2d(1) if padding == "reflect" else nn.ReplicationPad2d(1))
            steps += [nn.Conv2d(width, width, 3, padding=int(padding == "zero"), bias=bias), make_norm(width, norm)]
            if half == 0:
                steps += [nn.ReLU(inplace=True), *([Dropout(place)] if dropout else [])]
        self.conv_block = nn.Sequential(*steps)

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        return x + through(self.conv_block, x, how)


class ResNetGenerator(PictureTranslator):
    """The generator, in the role :class:`studio.nets.roles.Translator`.

    ``ngf`` channels after the first convolution, doubled by each of ``n_downsampling`` halvings, then ``n_blocks``
    residual blocks.  ``up="resize"`` is ours, for training: nearest neighbour and a convolution.
    """

    ARCHITECTURE = "resnet-generator"
    TITLE = WHAT
    HYPER = ("in_channels", "out_channels", "ngf", "n_blocks", "n_downsampling", "norm", "bias", "dropout", "down",
             "up", "down_taps", "up_taps", "padding", "colors")  # fmt: skip

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        ngf: int = 64,
        n_blocks: int = 9,
        n_downsampling: int = 2,
        *,
        norm: NormKind = "instance",
        bias: bool | None = None,
        dropout: bool = False,
        down: Down = "strided",
        up: Up = "transposed",
        down_taps: int = 3,
        up_taps: int = 4,
        padding: Padding = "reflect",
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        check_width(in_channels, out_channels, ngf, ngf << n_downsampling)
        if not (0 <= n_blocks <= MAX_DEPTH and 1 <= down_taps <= 7 and 2 <= up_taps <= 7):
            raise ValueError("the number of blocks or the length of the blur is impossible")
        if padding not in ("reflect", "replicate", "zero") or colors not in ("rgb", "bgr"):
            raise ValueError("the padding or the order of colours is unknown")
        if down not in ("strided", "antialias") or up not in ("transposed", "antialias", "resize"):
            raise ValueError("the way of changing sizes is unknown")
        self.in_channels, self.out_channels, self.ngf = in_channels, out_channels, ngf
        self.n_blocks, self.n_downsampling = n_blocks, n_downsampling
        self.norm: NormKind = norm
        self.bias = bias = norm in ("instance", "instance_affine") if bias is None else bias
        self.dropout, self.padding, self.colors = dropout, padding, colors
        self.down, self.up, self.down_taps, self.up_taps = down, up, down_taps, up_taps
        self.multiple = 1 << n_downsampling
        # The borders reflect 3 pixels at full size and one pixel at the smallest.
        self.least = max(4, 2 * self.multiple)

        def settled(width: int) -> list[nn.Module]:
            return [make_norm(width, norm), nn.ReLU(inplace=True)]

        steps: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, ngf, 7, bias=bias), *settled(ngf)]
        for i in range(n_downsampling):
            n = ngf << i
            stride = 2 if down == "strided" else 1
            steps += [nn.Conv2d(n, 2 * n, 3, stride=stride, padding=1, bias=bias), *settled(2 * n)]
            if down == "antialias":
                steps.append(BlurDown(2 * n, down_taps))
        width = ngf << n_downsampling
        steps += [ResNetBlock(width, norm, bias, padding, dropout, i) for i in range(n_blocks)]
        for i in reversed(range(n_downsampling)):
            n = ngf << i
            if up == "transposed":
                steps.append(nn.ConvTranspose2d(2 * n, n, 3, stride=2, padding=1, output_padding=1, bias=bias))
            elif up == "resize":
                steps.append(ResizeConv(2 * n, n, 3, padding=1, bias=bias))
            else:
                steps += [BlurUp(2 * n, up_taps), nn.Conv2d(2 * n, n, 3, padding=1, bias=bias)]
            steps += settled(n)
        steps += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, out_channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*steps)

    def forward(self, x: Tensor, how: Pass | None = None, labels: Tensor | None = None) -> Tensor:
        """``[N, C, H, W]`` in [-1, 1], sides multiples of :attr:`multiple`, to the same."""
        return through(self.model, x, how)

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> ResNetGenerator:
        """Build the network that canonical tensors describe, in float32 and evaluation mode.

        ``assumptions`` may override :data:`ASSUMED`; other names are ignored, so a card's whole ``hyper`` may be
        given.  Raises :class:`ModelError` naming the tensors that are missing, unexpected or misshapen.
        """
        gone = strays(sd)
        sd = {k: t for k, t in sd.items() if k not in gone}
        hyper = {**infer_hyper(sd), "colors": assumptions.get("colors", ASSUMED["colors"])}
        if hyper["padding"] != "zero":
            hyper["padding"] = assumptions.get("padding", ASSUMED["padding"])
        net = cls.from_hyper(hyper)
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def infer_hyper(sd: Mapping[str, Tensor]) -> dict[str, Any]:
    """The hyper-parameters that keys and shapes tell (``padding`` only if it is ``zero``)."""
    blocks: dict[int, set[int]] = {}
    for k, t in sd.items():
        if (m := re.match(r"model\.(\d{1,6})\.conv_block\.(\d{1,6})\.weight$", k)) and t.ndim == 4:
            blocks.setdefault(int(m.group(1)), set()).add(int(m.group(2)))
    if not blocks:
        raise ModelError(f"This is not a complete {WHAT}.", "It has no residual blocks (model.N.conv_block).")
    first = min(blocks)
    n_blocks = consecutive(blocks, first, WHAT, "model.{}.conv_block")
    inner = set().union(*blocks.values())
    if inner <= {1, 5, 6}:
        padding, dropout = "reflect", 6 in inner
    elif inner <= {0, 3, 4}:
        padding, dropout = "zero", 4 in inner
    else:
        raise ModelError(
            f"This {WHAT} is laid out in an unknown way.", f"Its blocks have convolutions at {sorted(inner)}."
        )
    blurs = {int(m.group(1)): shape_of(sd, k, WHAT)[-1] for k in sd if (m := re.match(r"model\.(\d{1,6})\.filt$", k))}
    down_blurs, up_blurs = [i for i in blurs if i < first], [i for i in blurs if i > first]
    n_downsampling, rest = divmod(first - 4, 4 if down_blurs else 3)
    if rest or not 0 <= n_downsampling <= 8:
        raise ModelError(
            f"This {WHAT} is laid out in an unknown way.", f"Its residual blocks begin at step {first} (model.{first})."
        )
    after = first + n_blocks
    up: Up = "antialias" if up_blurs else "transposed"
    if n_downsampling and not up_blurs:
        a, b, _, _ = shape_of(sd, f"model.{after}.weight", WHAT)
        # A transposed convolution stores [in, out], a plain one [out, in]; here the wide side is the input.
        up = "resize" if a < b else "transposed"
    last = f"model.{after + n_downsampling * (4 if up_blurs else 3) + 1}.weight"
    ngf, in_channels, _, _ = shape_of(sd, "model.1.weight", WHAT)
    convs = [k for k, t in sd.items() if k.endswith(".weight") and t.ndim == 4 and k != last]
    biased = 2 * sum(f"{k[:-7]}.bias" in sd for k in convs) > len(convs)
    return {
        "in_channels": in_channels,
        "out_channels": shape_of(sd, last, WHAT)[0],
        "ngf": ngf,
        "n_blocks": n_blocks,
        "n_downsampling": n_downsampling,
        "norm": norm_kind(sd, biased),
        "bias": biased,
        "dropout": dropout,
        "down": "antialias" if down_blurs else "strided",
        "up": up,
        "down_taps": blurs[down_blurs[0]] if down_blurs else 3,
        "up_taps": blurs[up_blurs[0]] if up_blurs else 4,
        "padding": padding,
    }

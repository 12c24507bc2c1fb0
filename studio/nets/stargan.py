"""The generator of StarGAN (Choi et al., 2018, version 1): one network for many domains, chosen by labels.

Module numbers are those of the authors' ``nn.Sequential``.  Labels enter as constant planes beside the picture; any
real numbers are taken, which is what makes continuous sliders.  The authors' files carry running statistics of their
instance normalisation that their own programs never use: they are dropped, and so ``statistics`` changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill
from studio.nets.translator_ops import (
    Aware,
    Pass,
    PictureTranslator,
    ResizeConv,
    check_width,
    consecutive,
    make_norm,
    shape_of,
    strays,
    through,
)

WHAT = "StarGAN generator"
Up = Literal["transposed", "resize"]
ASSUMED: dict[str, Any] = {"colors": "rgb"}
"""What no file says."""


def _step(conv: nn.Module, width: int) -> list[nn.Module]:
    return [conv, make_norm(width, "instance_affine"), nn.ReLU(inplace=True)]


class StarGANBlock(Aware):
    """x + two convolutions of x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *_step(nn.Conv2d(width, width, 3, padding=1, bias=False), width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            make_norm(width, "instance_affine"),
        )

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        return x + through(self.main, x, how)


class StarGAN(PictureTranslator):
    """The generator, in the role :class:`studio.nets.roles.Translator` with ``c_dim`` labels.

    ``up="resize"`` is ours, for training: nearest neighbour and a 3x3 convolution, which cannot make checkerboards.
    """

    ARCHITECTURE = "stargan"
    TITLE = WHAT
    HYPER = ("in_channels", "c_dim", "conv_dim", "repeat_num", "n_downsampling", "up", "colors")

    def __init__(
        self,
        in_channels: int = 3,
        c_dim: int = 5,
        conv_dim: int = 64,
        repeat_num: int = 6,
        n_downsampling: int = 2,
        up: Up = "transposed",
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        check_width(in_channels, in_channels + c_dim, conv_dim, conv_dim << n_downsampling)
        if c_dim < 0 or colors not in ("rgb", "bgr"):
            raise ValueError("the number of labels or the order of colours is impossible")
        if up not in ("transposed", "resize"):
            raise ValueError("the way of changing sizes is unknown")
        self.in_channels = self.out_channels = in_channels
        self.c_dim, self.conv_dim, self.repeat_num = c_dim, conv_dim, repeat_num
        self.n_downsampling, self.up, self.colors = n_downsampling, up, colors
        self.multiple = 1 << n_downsampling
        # A single pixel has no statistics.
        self.least = 2 * self.multiple
        steps = _step(nn.Conv2d(in_channels + c_dim, conv_dim, 7, padding=3, bias=False), conv_dim)
        for i in range(n_downsampling):
            n = conv_dim << i
            steps += _step(nn.Conv2d(n, 2 * n, 4, stride=2, padding=1, bias=False), 2 * n)
        steps += [StarGANBlock(conv_dim << n_downsampling) for _ in range(repeat_num)]
        for i in reversed(range(n_downsampling)):
            n = conv_dim << i
            grow = (
                ResizeConv(2 * n, n, 3, padding=1, bias=False)
                if up == "resize"
                else nn.ConvTranspose2d(2 * n, n, 4, stride=2, padding=1, bias=False)
            )
            steps += _step(grow, n)
        steps += [nn.Conv2d(conv_dim, in_channels, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*steps)

    def forward(self, x: Tensor, how: Pass | None = None, labels: Tensor | None = None) -> Tensor:
        """``[N, C, H, W]`` in [-1, 1] and labels ``[N or 1, c_dim]`` (``None``: zeros) to a picture of this size."""
        n, _, h, w = x.shape
        if self.c_dim:
            if labels is None:
                labels = x.new_zeros(1, self.c_dim)
            if labels.ndim != 2 or labels.shape[0] not in (1, n) or labels.shape[1] != self.c_dim:
                raise ValueError(f"labels are [{n}, {self.c_dim}] here, not {list(labels.shape)}")
            x = torch.cat((x, labels.to(x)[:, :, None, None].expand(n, -1, h, w)), dim=1)
        return through(self.main, x, how)

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> StarGAN:
        """Build the network that canonical tensors describe, in float32 and evaluation mode.

        ``assumptions`` may override :data:`ASSUMED`; other names are ignored, so a card's whole ``hyper`` may be
        given.  Raises :class:`ModelError` naming the tensors that are missing, unexpected or misshapen.
        """
        gone = strays(sd, affine=False)
        sd = {k: t for k, t in sd.items() if k not in gone}
        net = cls.from_hyper({**infer_hyper(sd), **{k: assumptions.get(k, v) for k, v in ASSUMED.items()}})
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def infer_hyper(sd: Mapping[str, Tensor]) -> dict[str, Any]:
    """The hyper-parameters that keys and shapes tell."""
    blocks = {int(m.group(1)) for k in sd if (m := re.match(r"main\.(\d{1,6})\.main\.", k))}
    if not blocks:
        raise ModelError(f"This is not a complete {WHAT}.", "It has no residual blocks (main.N.main).")
    first = min(blocks)
    repeat_num = consecutive(blocks, first, WHAT, "main.{}.main")
    n_downsampling, rest = divmod(first - 3, 3)
    if rest or not 0 <= n_downsampling <= 8:
        raise ModelError(f"This {WHAT} is laid out in an unknown way.", f"Its residual blocks begin at step {first}.")
    conv_dim, n_in, _, _ = shape_of(sd, "main.0.weight", WHAT)
    up: Up = "transposed"
    if n_downsampling:
        a, b, _, _ = shape_of(sd, f"main.{first + repeat_num}.weight", WHAT)
        # A transposed convolution stores [in, out], a plain one [out, in]; here the wide side is the input.
        up = "resize" if a < b else "transposed"
    n_out = shape_of(sd, f"main.{first + repeat_num + 3 * n_downsampling}.weight", WHAT)[0]
    if n_in < n_out:
        raise ModelError(f"This is not a {WHAT}.", f"It takes {n_in} planes and makes {n_out}.")
    return {
        "in_channels": n_out,
        "c_dim": n_in - n_out,
        "conv_dim": conv_dim,
        "repeat_num": repeat_num,
        "n_downsampling": n_downsampling,
        "up": up,
    }

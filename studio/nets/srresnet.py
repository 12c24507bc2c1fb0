"""Classic super-resolution networks that no library detects (Ledig et al., 2017, "SRResNet" and "SRGAN").

``SRGANGenerator`` is the layout ``block1 .. block8`` that is widespread in torch files: batch norm, PReLU, output
``(tanh + 1) / 2``.  ``MSRResNet`` is the modified one without normalisation, which adds its picture to a bilinear
enlargement (Wang et al., BasicSR); ours are trained in it.  Both take and make pictures in [0, 1].
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill
from studio.nets.translator_ops import (
    MAX_DEPTH,
    HyperNet,
    check_width,
    consecutive,
    make_norm,
    shape_of,
    strays,
)

SRGAN = "SRGAN generator (block1 ... block8)"
MSR = "MSRResNet"
MAX_SCALE = 16
ASSUMED: dict[str, Any] = {"colors": "rgb"}
"""What no file says."""

_OLD_NAMES = (("recon_trunk.", "body."), ("HRconv.", "conv_hr."))


class PictureUpscaler(HyperNet):
    """The part of :class:`studio.nets.roles.Upscaler` that both networks share."""

    scale: int
    margin: int

    def upscale(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] to ``[N, C, scale * H, scale * W]``, float32, clipped to [0, 1]."""
        return self._colors(self.forward(self._picture(x))).float().clamp(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] to the enlarged picture, not clipped."""
        raise NotImplementedError


def _margin(start: float, steps: Sequence[int], end: int) -> int:
    """Pixels of the input that one pixel of the outcome sees to each side.

    ``start`` of them before the first enlargement; then a 3x3 convolution and an enlargement for each of ``steps``;
    ``end`` at full size.
    """
    scale, seen = 1, start
    for r in steps:
        seen += 1 / scale
        scale *= r
    return math.ceil(seen + end / scale)


def _check(in_channels: int, out_channels: int, nf: int, steps: Sequence[int], num_block: int, colors: str) -> None:
    check_width(in_channels, out_channels, nf, nf * max((1, *steps)) ** 2)
    if not all(2 <= r <= 4 for r in steps) or not 1 < math.prod(steps) <= MAX_SCALE:
        raise ValueError(f"an enlargement by {' x '.join(map(str, steps)) or 1} is impossible")
    if not 1 <= num_block <= MAX_DEPTH or colors not in ("rgb", "bgr"):
        raise ValueError("the number of blocks or the order of colours is impossible")


class _NormedBlock(nn.Module):
    def __init__(self, nf: int, slopes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(nf, nf, 3, padding=1)
        self.bn1 = make_norm(nf, "batch")
        self.prelu = nn.PReLU(slopes)
        self.conv2 = nn.Conv2d(nf, nf, 3, padding=1)
        self.bn2 = make_norm(nf, "batch")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))
        return x + y


class _ShuffleUp(nn.Module):
    def __init__(self, nf: int, r: int, slopes: int) -> None:
        super().__init__()
        self.r = r
        self.conv = nn.Conv2d(nf, nf * r * r, 3, padding=1)
        self.prelu = nn.PReLU(slopes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.prelu(F.pixel_shuffle(self.conv(x), self.r))
        return y


class SRGANGenerator(PictureUpscaler):
    """``block1``: the first convolution; then ``num_block`` residual blocks, a closing block, the enlargement.

    ``closing`` is what follows the closing convolution: ``prelu`` in files of one version, ``batch`` norm in another.
    ``slopes`` is 1 or the number of channels (one PReLU slope for all, or for each).
    """

    ARCHITECTURE = "srgan"
    TITLE = SRGAN
    HYPER = ("in_channels", "out_channels", "nf", "num_block", "steps", "kernel", "closing", "slopes", "colors")

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        nf: int = 64,
        num_block: int = 5,
        steps: Sequence[int] = (2, 2),
        *,
        kernel: int = 9,
        closing: str = "prelu",
        slopes: int = 1,
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, nf, steps, num_block, colors)
        if closing not in ("prelu", "batch") or slopes not in (1, nf) or kernel % 2 == 0 or not 1 <= kernel <= 15:
            raise ValueError("the closing block, the slopes or the kernel are unknown")
        self.in_channels, self.out_channels, self.nf, self.num_block = in_channels, out_channels, nf, num_block
        self.steps, self.kernel, self.closing, self.slopes, self.colors = tuple(steps), kernel, closing, slopes, colors
        self.scale = math.prod(self.steps)
        self.margin = _margin(kernel // 2 + 2 * num_block + 1, self.steps, kernel // 2)
        pad = kernel // 2
        self.block1 = nn.Sequential(nn.Conv2d(in_channels, nf, kernel, padding=pad), nn.PReLU(slopes))
        for i in range(num_block):
            self.add_module(f"block{i + 2}", _NormedBlock(nf, slopes))
        after: nn.Module = nn.PReLU(slopes) if closing == "prelu" else make_norm(nf, "batch")
        self.add_module(f"block{num_block + 2}", nn.Sequential(nn.Conv2d(nf, nf, 3, padding=1), after))
        ups = [_ShuffleUp(nf, r, slopes) for r in self.steps]
        out = nn.Conv2d(nf, out_channels, kernel, padding=pad)
        self.add_module(f"block{num_block + 3}", nn.Sequential(*ups, out))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] to the enlarged picture."""
        first: Tensor = self.block1(x)
        y = first
        for i in range(2, self.num_block + 3):
            y = getattr(self, f"block{i}")(y)
        y = getattr(self, f"block{self.num_block + 3}")(first + y)
        return (torch.tanh(y) + 1) / 2

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> SRGANGenerator:
        """Build the network that canonical tensors describe, in float32 and evaluation mode.

        ``assumptions`` may override :data:`ASSUMED`; other names are ignored.  Raises :class:`ModelError` naming
        the tensors that are missing, unexpected or misshapen.
        """
        gone = strays(sd)
        sd = {k: t for k, t in sd.items() if k not in gone}
        residual = [int(m.group(1)) for k in sd if (m := re.match(r"block(\d{1,4})\.conv1\.weight$", k))]
        num_block = consecutive(residual, 2, SRGAN, "block{}.conv1.weight")
        nf, in_channels, kernel, _ = shape_of(sd, "block1.0.weight", SRGAN)
        closing, tail = f"block{num_block + 2}", f"block{num_block + 3}"
        ups = [int(m.group(1)) for k in sd if (m := re.match(tail + r"\.(\d{1,4})\.conv\.weight$", k))]
        n = consecutive(ups, 0, SRGAN, tail + ".{}.conv.weight")
        shapes = [shape_of(sd, f"{tail}.{i}.conv.weight", SRGAN) for i in range(n)]
        hyper = {
            "in_channels": in_channels,
            "out_channels": shape_of(sd, f"{tail}.{n}.weight", SRGAN)[0],
            "nf": nf,
            "num_block": num_block,
            "steps": [_factor(s[0], nf, SRGAN) for s in shapes],
            "kernel": kernel,
            "closing": "batch" if f"{closing}.1.running_mean" in sd else "prelu",
            "slopes": shape_of(sd, "block1.1.weight", SRGAN, 1)[0],
        }
        net = cls.from_hyper({**hyper, **{k: assumptions.get(k, v) for k, v in ASSUMED.items()}})
        fill(net, sd, SRGAN)
        net.eval().requires_grad_(False)
        return net


class _PlainBlock(nn.Module):
    def __init__(self, nf: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(nf, nf, 3, padding=1)
        self.conv2 = nn.Conv2d(nf, nf, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(F.relu(self.conv1(x)))
        return x + y


class MSRResNet(PictureUpscaler):
    """``conv_first``, ``body``, ``upconv1`` ..., ``conv_hr``, ``conv_last``, on top of a bilinear enlargement."""

    ARCHITECTURE = "msrresnet"
    TITLE = MSR
    HYPER = ("in_channels", "out_channels", "nf", "num_block", "steps", "colors")

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        nf: int = 64,
        num_block: int = 16,
        steps: Sequence[int] = (2, 2),
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, nf, steps, num_block, colors)
        if in_channels != out_channels:
            raise ValueError("a picture is added to its enlargement, so both have the same channels")
        self.in_channels, self.out_channels, self.nf, self.num_block = in_channels, out_channels, nf, num_block
        self.steps, self.colors = tuple(steps), colors
        self.scale = math.prod(self.steps)
        self.margin = max(2, _margin(1 + 2 * num_block, self.steps, 2))
        self.conv_first = nn.Conv2d(in_channels, nf, 3, padding=1)
        self.body = nn.Sequential(*(_PlainBlock(nf) for _ in range(num_block)))
        for i, r in enumerate(self.steps):
            self.add_module(f"upconv{i + 1}", nn.Conv2d(nf, nf * r * r, 3, padding=1))
        self.conv_hr = nn.Conv2d(nf, nf, 3, padding=1)
        self.conv_last = nn.Conv2d(nf, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` in [0, 1] to the enlarged picture, about [0, 1]."""
        return self.details(x) + self.enlarged(x)

    def enlarged(self, x: Tensor) -> Tensor:
        """The bilinear enlargement that the details are added to."""
        return F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)

    def details(self, x: Tensor) -> Tensor:
        """What the network adds to the bilinear enlargement."""
        y: Tensor = self.body(F.leaky_relu(self.conv_first(x), 0.1))
        for i, r in enumerate(self.steps):
            y = F.leaky_relu(F.pixel_shuffle(getattr(self, f"upconv{i + 1}")(y), r), 0.1)
        y = self.conv_last(F.leaky_relu(self.conv_hr(y), 0.1))
        return y

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> MSRResNet:
        """Build the network that canonical tensors (or those under its old names) describe, as its sister does."""
        sd = canonical_msr(sd)
        blocks = [int(m.group(1)) for k in sd if (m := re.match(r"body\.(\d{1,4})\.conv1\.weight$", k))]
        num_block = consecutive(blocks, 0, MSR, "body.{}.conv1.weight")
        nf, in_channels, _, _ = shape_of(sd, "conv_first.weight", MSR)
        ups = [int(m.group(1)) for k in sd if (m := re.match(r"upconv(\d{1,4})\.weight$", k))]
        n = consecutive(ups, 1, MSR, "upconv{}.weight")
        hyper = {
            "in_channels": in_channels,
            "out_channels": shape_of(sd, "conv_last.weight", MSR)[0],
            "nf": nf,
            "num_block": num_block,
            "steps": [_factor(shape_of(sd, f"upconv{i + 1}.weight", MSR)[0], nf, MSR) for i in range(n)],
        }
        net = cls.from_hyper({**hyper, **{k: assumptions.get(k, v) for k, v in ASSUMED.items()}})
        fill(net, sd, MSR)
        net.eval().requires_grad_(False)
        return net


def canonical_msr(sd: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of today for files of the years before."""
    renamed = {}
    for name, tensor in sd.items():
        for old, new in _OLD_NAMES:
            if name.startswith(old):
                name = new + name[len(old) :]
        renamed[name] = tensor
    return renamed


def _factor(n_out: int, nf: int, what: str) -> int:
    r = math.isqrt(n_out // nf)
    if r * r * nf != n_out:
        raise ModelError(f"This {what} is laid out in an unknown way.", f"{nf} channels cannot become {n_out}.")
    return r

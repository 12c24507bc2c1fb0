"""The U-Net generator of pix2pix (Isola et al., 2017).

Each level holds the next one inside it, as the authors' modules do, so their files' keys are canonical here:
``model.model.1.model.3.model ...``.  Eight levels are their ``unet_256``, seven their ``unet_128``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill
from studio.nets.translator_ops import (
    Aware,
    Dropout,
    NormKind,
    Pass,
    PictureTranslator,
    ResizeConv,
    check_width,
    make_norm,
    norm_kind,
    shape_of,
    strays,
    through,
)

Up = Literal["transposed", "resize"]
WHAT = "U-Net generator (pix2pix)"
MAX_LEVELS = 12
ASSUMED: dict[str, Any] = {"dropout": True, "colors": "rgb"}
"""What no file says: dropout leaves no trace here, and the authors' training has it unless told otherwise."""


class UNetLevel(Aware):
    """Down, everything inside, up; the outcome joins the input, except at the outermost level."""

    def __init__(
        self,
        depth: int,
        n_in: int,
        widths: Sequence[int],
        n_out: int,
        *,
        norm: NormKind,
        bias: bool,
        dropout: bool,
        up: Up,
    ) -> None:
        super().__init__()
        outermost, innermost = depth == 0, depth == len(widths) - 1
        width = widths[depth]
        down = nn.Conv2d(n_in, width, 4, stride=2, padding=1, bias=bias)
        inside = width if innermost else 2 * width
        up_bias = True if outermost else bias
        if up == "transposed":
            rise: nn.Module = nn.ConvTranspose2d(inside, n_out, 4, stride=2, padding=1, bias=up_bias)
        else:
            rise = ResizeConv(inside, n_out, 3, padding=1, bias=up_bias)
        # In place as the authors have it: what joins later is then leaky too, and the ReLU that follows makes up
        # for it.
        steps: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2, inplace=True)]
        steps.append(down)
        if not outermost and not innermost:
            steps.append(make_norm(width, norm))
        if not innermost:
            inner = UNetLevel(depth + 1, width, widths, width, norm=norm, bias=bias, dropout=dropout, up=up)
            steps.append(inner)
        steps += [nn.ReLU(inplace=True), rise]
        steps.append(nn.Tanh() if outermost else make_norm(n_out, norm))
        # The authors' rule: the levels of full width, without the innermost.
        if dropout and depth >= 4 and not innermost:
            steps.append(Dropout(depth))
        self.outermost = outermost
        self.model = nn.Sequential(*steps)

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, n_in, H, W]`` to ``[N, n_in + n_out, H, W]`` (``[N, n_out, H, W]`` outermost)."""
        y = through(self.model, x, how)
        return y if self.outermost else torch.cat((x, y), dim=1)


class UNetGenerator(PictureTranslator):
    """The generator, in the role :class:`studio.nets.roles.Translator`.

    ``widths`` are the channels of the levels from the outermost in; :func:`standard_widths` gives the authors'.
    ``up="resize"`` is ours, for training: nearest neighbour and a 3x3 convolution.
    """

    ARCHITECTURE = "unet-generator"
    TITLE = WHAT
    HYPER = ("in_channels", "out_channels", "widths", "norm", "bias", "dropout", "up", "colors")

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        widths: Sequence[int] = (64, 128, 256, 512, 512, 512, 512, 512),
        *,
        norm: NormKind = "batch",
        bias: bool | None = None,
        dropout: bool = True,
        up: Up = "transposed",
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        check_width(in_channels, out_channels, *widths)
        if not 2 <= len(widths) <= MAX_LEVELS:
            raise ValueError(f"a U-Net of {len(widths)} levels is impossible")
        if up not in ("transposed", "resize") or colors not in ("rgb", "bgr"):
            raise ValueError("the way of changing sizes or the order of colours is unknown")
        self.in_channels, self.out_channels, self.widths = in_channels, out_channels, tuple(widths)
        self.norm: NormKind = norm
        self.bias = bias = norm in ("instance", "instance_affine") if bias is None else bias
        self.dropout, self.colors = bool(dropout), colors
        self.up: Up = up
        self.multiple = self.least = 1 << len(widths)
        self.model = UNetLevel(
            0, in_channels, self.widths, out_channels, norm=norm, bias=bias, dropout=self.dropout, up=up
        )

    @property
    def levels(self) -> int:
        """How often the picture is halved."""
        return len(self.widths)

    def forward(self, x: Tensor, how: Pass | None = None, labels: Tensor | None = None) -> Tensor:
        """``[N, C, H, W]`` in [-1, 1], sides multiples of :attr:`multiple`, to the same."""
        y: Tensor = self.model(x, how)
        return y

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> UNetGenerator:
        """Build the network that canonical tensors describe, in float32 and evaluation mode.

        ``assumptions`` may override :data:`ASSUMED`; other names are ignored, so a card's whole ``hyper`` may be
        given.  Raises :class:`ModelError` naming the tensors that are missing, unexpected or misshapen.
        """
        gone = strays(sd)
        sd = {k: t for k, t in sd.items() if k not in gone}
        net = cls.from_hyper({**infer_hyper(sd), **{k: assumptions.get(k, v) for k, v in ASSUMED.items()}})
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def standard_widths(levels: int, ngf: int = 64) -> tuple[int, ...]:
    """The authors' widths: doubling up to eight times ``ngf``."""
    return tuple(ngf * min(1 << i, 8) for i in range(levels))


def level_prefix(depth: int) -> str:
    """Where the steps of a level are: ``model.model`` for the outermost."""
    return "model.model" if depth == 0 else "model.model.1.model" + ".3.model" * (depth - 1)


def infer_hyper(sd: Mapping[str, Tensor]) -> dict[str, Any]:
    """The hyper-parameters that keys and shapes tell."""
    deepest = 0
    for k in sd:
        if m := re.match(r"model\.model\.1\.model((?:\.3\.model)*)\.\d+\.", k):
            deepest = max(deepest, 1 + m.group(1).count("model"))
    if not 1 <= deepest < MAX_LEVELS:
        raise ModelError(f"This is not a complete {WHAT}.", f"It has {deepest + 1} levels (model.model.1.model ...).")
    downs = [f"{level_prefix(d)}.{min(d, 1)}.weight" for d in range(deepest + 1)]
    shapes = [shape_of(sd, k, WHAT) for k in downs]
    # A 4x4 kernel is the authors' transposed convolution [in, out]; 3x3 is ours, [out, in].
    last = shape_of(sd, "model.model.3.weight", WHAT)
    resized = last[-1] == 3
    biased = 2 * sum(f"{k[:-7]}.bias" in sd for k in downs) > len(downs)
    return {
        "in_channels": shapes[0][1],
        "out_channels": last[0] if resized else last[1],
        "widths": [s[0] for s in shapes],
        "norm": norm_kind(sd, biased),
        "bias": biased,
        "up": "resize" if resized else "transposed",
    }

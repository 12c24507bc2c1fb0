"""Feed-forward style networks: one network, one style, one pass (Johnson et al. 2016; Ulyanov et al. 2017).

Two conventions are met, and the shapes tell them apart but for the range of values:

``resize``      pytorch/examples, gordicaleksa, and ours: mirrored borders, nearest neighbour and a convolution upwards,
                the last layer is bare.  Values are 0..255 in and out (pytorch/examples), or normalised by ImageNet's
                mean and deviation in and out (gordicaleksa).
``transposed``  lengstrom's TensorFlow network and its ports (ml5): zero borders placed as TensorFlow's SAME does,
                transposed convolutions, no biases, a normalisation (eps 1e-3) after every convolution and
                ``150 tanh + 127.5`` at the end.  0..255 in.
``torch``       rrmina's: mirrored borders, torch's own transposed convolutions, a bare last layer; BGR.

Module names are those of pytorch/examples; ``in6`` is the normalisation of the last layer where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Steps
from studio.nets.tensors import fill
from studio.nets.tiling import Staged, blended, staged
from studio.nets.translator_ops import (
    MAX_DEPTH,
    Aware,
    Norm,
    Pass,
    PictureTranslator,
    check_width,
    consecutive,
    reflect_to,
    shape_of,
)

Up = Literal["resize", "transposed", "torch"]
Values = Literal["0-255", "imagenet", "0-1"]
WHAT = "feed-forward style network (Johnson)"

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]."""

FRAME = 32

SMALL: dict[str, Any] = {"widths": (16, 32, 64), "n_blocks": 4}
"""The shape of the networks that come with the program: 349,000 numbers, 0.7 MB in half precision."""


class StyleConv(nn.Module):
    """A convolution with its border, and the doubling before it where it goes upwards."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        *,
        stride: int = 1,
        up: bool = False,
        zero: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.up, self.zero, self.stride, self.kernel = up, zero, stride, kernel
        self.conv2d = nn.Conv2d(n_in, n_out, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, n_in, H, W]`` to ``[N, n_out, H', W']``: half, the same or twice the size."""
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        if self.zero:
            # TensorFlow's SAME: what is odd about the padding goes to the right and the bottom.
            rows, columns = (max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0) for n in x.shape[2:])
            x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        else:
            n = self.kernel // 2
            x = F.pad(x, (n, n, n, n), mode="reflect")
        return cast(Tensor, self.conv2d(x))


class StyleDeconv(nn.Module):
    """A transposed convolution to twice the size.  ``same``: cut as TensorFlow does, else as torch does."""

    def __init__(self, n_in: int, n_out: int, *, same: bool, bias: bool) -> None:
        super().__init__()
        self.same = same
        self.conv2d = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, n_in, H, W]`` to ``[N, n_out, 2 H, 2 W]``."""
        h, w = 2 * x.shape[2], 2 * x.shape[3]
        y = cast(Tensor, self.conv2d(x))
        # The whole outcome is 2 n + 1 long: SAME cuts it behind, torch's padding in front.
        at = 0 if self.same else 1
        return y[:, :, at : at + h, at : at + w]


class StyleBlock(Aware):
    """x + two convolutions of x; no ReLU after the sum."""

    def __init__(self, width: int, *, zero: bool, bias: bool, eps: float, relu: bool = False) -> None:
        super().__init__()
        self.relu = relu
        self.conv1 = StyleConv(width, width, 3, zero=zero, bias=bias)
        self.in1 = Norm(width, affine=True, stored=False, eps=eps)
        self.conv2 = StyleConv(width, width, 3, zero=zero, bias=bias)
        self.in2 = Norm(width, affine=True, stored=False, eps=eps)

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        y = F.relu(self.in1(self.conv1(x), how))
        y = self.in2(self.conv2(y), how)
        return x + (F.relu(y) if self.relu else y)


class JohnsonNet(PictureTranslator):
    """A feed-forward style network, in the roles Stylizer and Translator of :mod:`studio.nets.roles`.

    ``widths`` are the channels at full, half and quarter size, ``n_blocks`` residual blocks follow at quarter size.
    ``values`` is what the network takes and gives (see above); ``kernel`` the side of the first and last filters;
    ``relu`` puts a ReLU after every layer, at the end of the blocks and of the network too (eriklindernoren's).
    """

    ARCHITECTURE = "johnson"
    TITLE = WHAT
    HYPER = ("widths", "n_blocks", "kernel", "up", "bias", "last_norm", "tanh", "relu", "values", "colors")
    in_channels = out_channels = 3
    multiple = 4
    wants_style = False

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128),
        n_blocks: int = 5,
        *,
        kernel: int = 9,
        up: Up = "resize",
        bias: bool | None = None,
        last_norm: bool | None = None,
        tanh: bool | None = None,
        relu: bool = False,
        values: Values = "0-255",
        colors: str = "rgb",
    ) -> None:
        super().__init__()
        a, b, c = (int(n) for n in widths)
        check_width(a, b, c)
        if not (0 <= n_blocks <= MAX_DEPTH and 1 <= kernel <= 31 and kernel % 2):
            raise ValueError("the number of blocks or the size of the filters is impossible")
        if up not in ("resize", "transposed", "torch") or values not in ("0-255", "imagenet", "0-1"):
            raise ValueError("the way upwards or the range of values is unknown")
        if colors not in ("rgb", "bgr"):
            raise ValueError("the order of colours is unknown")
        same = up == "transposed"
        self.widths, self.n_blocks, self.kernel = (a, b, c), n_blocks, kernel
        self.up: Up = up
        self.values: Values = values
        self.bias = bias = not same if bias is None else bias
        self.last_norm = last_norm = same if last_norm is None else last_norm
        self.tanh = same if tanh is None else tanh
        self.relu = relu
        self.colors = colors
        self.frame = FRAME if same else 0
        """Pixels mirrored around the picture and cut off again: zeros beyond the border leave marks inside of it."""
        # The borders mirror kernel // 2 pixels at full size and one pixel at quarter size.
        self.least = max(8, kernel // 2 + 1)
        eps = 1e-3 if same else 1e-5

        def conv(n_in: int, n_out: int, k: int, stride: int = 1) -> StyleConv:
            return StyleConv(n_in, n_out, k, stride=stride, zero=same, bias=bias)

        def norm(n: int) -> Norm:
            return Norm(n, affine=True, stored=False, eps=eps)

        def doubling(n_in: int, n_out: int) -> nn.Module:
            if up == "resize":
                return StyleConv(n_in, n_out, 3, up=True, bias=bias)
            return StyleDeconv(n_in, n_out, same=same, bias=bias)

        self.conv1, self.in1 = conv(3, a, kernel), norm(a)
        self.conv2, self.in2 = conv(a, b, 3, 2), norm(b)
        self.conv3, self.in3 = conv(b, c, 3, 2), norm(c)
        for i in range(n_blocks):
            self.add_module(f"res{i + 1}", StyleBlock(c, zero=same, bias=bias, eps=eps, relu=relu))
        self.deconv1, self.in4 = doubling(c, b), norm(b)
        self.deconv2, self.in5 = doubling(b, a), norm(a)
        self.deconv3 = conv(a, 3, kernel)
        self.in6 = norm(3) if last_norm else None

    # -- the three stages, on the network's own values

    def head(self, x: Tensor, how: Pass | None) -> Tensor:
        """``[N, 3, H, W]`` to ``[N, c, H / 4, W / 4]``, before the third normalisation."""
        x = F.relu(self.in1(self.conv1(x), how))
        x = F.relu(self.in2(self.conv2(x), how))
        return cast(Tensor, self.conv3(x))

    def trunk(self, x: Tensor, how: Pass | None) -> Tensor:
        """Normalisation and the residual blocks, at quarter size."""
        x = F.relu(self.in3(x, how))
        for i in range(self.n_blocks):
            x = self.get_submodule(f"res{i + 1}")(x, how)
        return x

    def tail(self, x: Tensor, how: Pass | None) -> Tensor:
        """``[N, c, H / 4, W / 4]`` to ``[N, 3, H, W]``, before the last normalisation."""
        x = F.relu(self.in4(self.deconv1(x), how))
        x = F.relu(self.in5(self.deconv2(x), how))
        return cast(Tensor, self.deconv3(x))

    def enter(self, x: Tensor) -> Tensor:
        """RGB in [-1, 1] to the values that the network takes."""
        x = self._colors(x)
        if self.values == "imagenet":
            mean, std = _column(MEAN, x), _column(STD, x)
            return (x * 0.5 + 0.5 - mean) / std
        return (x + 1) * (127.5 if self.values == "0-255" else 0.5)

    def leave(self, y: Tensor, how: Pass | None) -> Tensor:
        """From what the last convolution gives to RGB in [-1, 1]."""
        if self.in6 is not None:
            y = self.in6(y, how)
        if self.relu:
            y = F.relu(y)
        if self.tanh:
            y = torch.tanh(y) * 150 + 127.5
            return self._colors(y / 127.5 - 1)
        if self.values == "imagenet":
            return self._colors((y * _column(STD, y) + _column(MEAN, y)) * 2 - 1)
        return self._colors(y / (127.5 if self.values == "0-255" else 0.5) - 1)

    def forward(self, x: Tensor, how: Pass | None = None, labels: Tensor | None = None) -> Tensor:
        """``[N, 3, H, W]`` RGB in [-1, 1], sides multiples of 4, to the same size; not clipped."""
        return self.leave(self.tail(self.trunk(self.head(self.enter(x), how), how), how), how)

    def _picture(self, x: Tensor) -> Tensor:
        """Colours are turned in :meth:`enter` and :meth:`leave`, so that training and tiles see them turned too."""
        if x.ndim != 4 or x.shape[1] != 3 or 0 in x.shape:
            raise ValueError(f"pictures are [N, 3, H, W] here, not {list(x.shape)}")
        return x.to(self.conv1.conv2d.weight.dtype)

    def run(self, x: Tensor, how: Pass, labels: Tensor | None = None) -> Tensor:
        """:meth:`translate` with a pass of one's own."""
        grown, at = self._grown(x)
        y = self.forward(grown, how, labels)
        return y[:, :, at : at + x.shape[2], at : at + x.shape[3]].float().clamp(-1, 1)

    def _grown(self, x: Tensor) -> tuple[Tensor, int]:
        """The picture with its frame, and with sides that fit; and where it begins in that."""
        x = self._picture(x)
        at = max(0, min(self.frame, min(x.shape[2:]) - 1)) // self.multiple * self.multiple
        if at:
            x = F.pad(x, (at, at, at, at), mode="reflect")
        return reflect_to(x, self.multiple, self.least), at

    def stylize(
        self, x: Tensor, styles: Sequence[Tensor] = (), weights: Sequence[float] = (), strength: float = 1.0
    ) -> Tensor:
        """``[N, 3, H, W]`` RGB in [0, 1] of any size, mixed with its painting by ``strength`` (0: the picture itself).

        ``styles`` and ``weights`` mean nothing to a network that knows one style.
        """
        if strength == 0:
            return x.float()
        return blended(x, self.run(x * 2 - 1, Pass("own")) * 0.5 + 0.5, strength)

    def stylize_steps(
        self,
        x: Tensor,
        styles: Sequence[Tensor] = (),
        weights: Sequence[float] = (),
        strength: float = 1.0,
        *,
        tile: int = 1024,
    ) -> Steps[Tensor]:
        """:meth:`stylize` in tiles of ``tile`` pixels, with the statistics of the whole picture: the same outcome."""
        grown, at = self._grown(x)
        y = yield from staged(self, grown, tile)
        return blended(x, y[:, :, at : at + x.shape[2], at : at + x.shape[3]], strength)

    def stages(self) -> Staged:
        """For :func:`studio.nets.tiling.staged`: pictures in [0, 1]."""
        return Staged(
            head=lambda x, how: self.head(self.enter(x * 2 - 1), how),
            trunk=lambda x, how: self.trunk(x, how),
            tail=self.tail,
            leave=lambda y, how: (self.leave(y, how) * 0.5 + 0.5).clamp(0, 1).float(),
            factor=4,
            # Pixels that one place sees to each side: of the head 4 + 1 + 2, of the tail 4 + 1 + 2 + the doubling.
            margin=self.kernel // 2 + 12,
        )

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **assumptions: Any) -> JohnsonNet:
        """Build the network that canonical tensors describe, in float32 and evaluation mode.

        ``assumptions``: ``values`` and ``colors`` (what no file says), ``up`` where it is ``torch``; other names are
        ignored.  Running statistics of old files are ignored.  Raises :class:`ModelError` naming the tensors that do
        not fit.
        """
        sd = {k: t for k, t in sd.items() if not k.endswith((".running_mean", ".running_var", ".num_batches_tracked"))}
        told: dict[str, Any] = {
            k: assumptions[k] for k in ("values", "colors", "up", "tanh", "relu") if k in assumptions
        }
        net = cls.from_hyper({**infer_hyper(sd), **told})
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def infer_hyper(sd: Mapping[str, Tensor]) -> dict[str, Any]:
    """The hyper-parameters that canonical keys and shapes tell."""
    found = [int(m.group(1)) for k in sd if (m := re.match(r"res(\d{1,6})\.conv1\.", k))]
    n_blocks = consecutive(found, 1, WHAT, "res{}.conv1") if found else 0
    a, n_in, kernel, wide = shape_of(sd, "conv1.conv2d.weight", WHAT)
    b = shape_of(sd, "conv2.conv2d.weight", WHAT)[0]
    c = shape_of(sd, "conv3.conv2d.weight", WHAT)[0]
    if n_in != 3 or kernel != wide:
        raise ModelError(
            f"This is not a complete {WHAT}.", f"wrong shape: conv1.conv2d.weight {[a, n_in, kernel, wide]}."
        )
    # A transposed convolution stores [in, out], a plain one [out, in]; here the wide side is the input.
    first, second, _, _ = shape_of(sd, "deconv1.conv2d.weight", WHAT)
    biased = "conv2.conv2d.bias" in sd
    up: Up = "resize" if (first, second) == (b, c) and b != c else "torch" if biased else "transposed"
    return {
        "widths": [a, b, c],
        "n_blocks": n_blocks,
        "kernel": kernel,
        "up": up,
        "bias": biased,
        "last_norm": "in6.weight" in sd,
        "tanh": up == "transposed",
    }


def _column(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)

"""VGG-16, VGG-19 and networks of their shape as feature extractors (Simonyan and Zisserman 2015).

One class serves all files.  What differs between them is how a picture is prepared, what stands in for the pixels
beyond the border, and how maps are pooled:

``preprocessing``  ``torchvision`` (RGB, ImageNet's mean and deviation), ``caffe`` (BGR, 0..255 minus the mean),
                   ``none`` (RGB in [0, 1] as it is: ours, and ``vgg_normalised``, whose first 1x1 convolution does it)
``padding``        ``zeros`` as VGG was trained, ``reflect`` as AdaIN's encoder and ours were; for style transfer
                   ``reflect`` avoids a frame around the picture with any weights
``pooling``        ``max`` as trained, ``average`` as Gatys et al. (2016) prefer
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill
from studio.nets.translator_ops import MAX_DEPTH, check_width, shape_of

Preprocessing = Literal["torchvision", "caffe", "none"]
Pooling = Literal["network", "average", "max"]
Padding = Literal["zeros", "reflect"]
WHAT = "VGG network"

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of the convolutions of each block."""
VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""torchvision's, RGB in [0, 1]."""
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""BGR in 0..255."""


class VGG(nn.Module):
    """The convolutions of a VGG, in the role FeatureNet of :mod:`studio.nets.roles`.

    ``blocks``: (channels, convolutions) of each block, with pooling between them.  The convolutions are the modules
    ``conv1_1``, ``conv1_2`` ...; ``conv0`` is a 1x1 convolution in front where there is one.
    """

    ARCHITECTURE = "vgg"
    TITLE = WHAT

    def __init__(
        self,
        blocks: Sequence[tuple[int, int]] = VGG19,
        *,
        preprocessing: Preprocessing = "torchvision",
        padding: Padding = "zeros",
        pooling: Pooling = "max",
        ceil: bool = False,
        leading: bool = False,
    ) -> None:
        super().__init__()
        self.blocks = tuple((int(n), int(count)) for n, count in blocks)
        check_width(*(n for n, _ in self.blocks))
        if not self.blocks or not all(0 < count <= MAX_DEPTH for _, count in self.blocks) or len(self.blocks) > 12:
            raise ValueError("the number of blocks or of their convolutions is impossible")
        if preprocessing not in get_args(Preprocessing) or padding not in get_args(Padding):
            raise ValueError("the preprocessing or the padding is unknown")
        if pooling not in ("average", "max"):
            raise ValueError("the pooling is unknown")
        self.preprocessing: Preprocessing = preprocessing
        self.padding: Padding = padding
        self.pooling: Pooling = pooling
        """What ``pooling="network"`` means."""
        self.ceil = ceil
        """Whether maps of odd size keep their last row when they are pooled."""
        self.leading = leading
        if leading:
            self.conv0 = nn.Conv2d(3, 3, 1)
        n_in = 3
        for name, n in self.plan:
            self.add_module(f"conv{name}", nn.Conv2d(n_in, n, 3))
            n_in = n

    @property
    def plan(self) -> list[tuple[str, int]]:
        """("1_1", channels), ("1_2", channels) ... in order."""
        return [(f"{b}_{i + 1}", n) for b, (n, count) in enumerate(self.blocks, start=1) for i in range(count)]

    @property
    def hyper(self) -> dict[str, Any]:
        """What :meth:`from_state_dict` needs beside the tensors, and what a card tells."""
        return {
            "blocks": [list(b) for b in self.blocks],
            "preprocessing": self.preprocessing,
            "padding": self.padding,
            "pooling": self.pooling,
            "ceil": self.ceil,
        }

    @property
    def layer_names(self) -> tuple[str, ...]:
        """``conv1_1``, ``relu1_1``, ``conv1_2`` ... from shallow to deep."""
        return tuple(f"{kind}{name}" for name, _ in self.plan for kind in ("conv", "relu"))

    def channels(self, name: str) -> int:
        """Channels of a layer."""
        return dict(self.plan)[_place(name, self.layer_names)]

    def stride(self, name: str) -> int:
        """Pixels of the picture for one place of a layer."""
        return 1 << (int(_place(name, self.layer_names).split("_")[0]) - 1)

    def halo(self, names: Sequence[str]) -> int:
        """Pixels that one place of the deepest of these layers sees to each side beyond its own.

        Tiles with this much around them, whose sides start at multiples of the stride, have exact inner activations.
        """
        wanted = {_place(n, self.layer_names) for n in names}
        seen = deepest = 0
        for name, _ in self.plan:
            seen += self.stride(f"conv{name}")
            if name in wanted:
                deepest = seen
        return deepest

    def features(
        self,
        x: Tensor,
        names: Sequence[str],
        *,
        pooling: Pooling = "network",
        padding: Padding | None = None,
    ) -> dict[str, Tensor]:
        """Pictures ``[N, 3, H, W]`` RGB in [0, 1] to ``{name: [N, C, h, w]}``; differentiable.

        Computes no further than the deepest wished layer.  ``pooling`` and ``padding`` replace the network's own.
        Activations are of the weights' precision (see :meth:`prepared`).  Raises :class:`ValueError` for an unknown
        name and for a picture too small for a layer.
        """
        known = self.layer_names
        wanted = set(names)
        for name in names:
            _place(name, known)
        how = self.pooling if pooling == "network" else pooling
        reflect = (padding or self.padding) == "reflect"
        first = cast(nn.Conv2d, self.get_submodule("conv1_1")).weight
        x = self.prepare(x).to(first.dtype).contiguous(memory_format=torch.channels_last)
        found: dict[str, Tensor] = {}
        if self.leading:
            x = self.conv0(x)
        for name, _ in self.plan:
            if len(found) == len(wanted):
                break
            if name.endswith("_1") and name != "1_1":
                x = self._pool(x, how)
            if min(x.shape[2:]) < (2 if reflect else 1):
                raise ValueError(f"the picture is too small for conv{name}")
            conv = cast(nn.Conv2d, self.get_submodule(f"conv{name}"))
            if reflect:
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias)
            else:
                x = F.conv2d(x, conv.weight, conv.bias, padding=1)
            if f"conv{name}" in wanted:
                found[f"conv{name}"] = x
                x = F.relu(x)
            else:
                x = F.relu_(x)
            if f"relu{name}" in wanted:
                found[f"relu{name}"] = x
        return {n: found[n] for n in names}

    def prepare(self, x: Tensor) -> Tensor:
        """RGB in [0, 1] to what the first convolution takes."""
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"pictures are [N, 3, H, W] here, not {list(x.shape)}")
        if self.preprocessing == "torchvision":
            return (x - _column(MEAN, x)) / _column(STD, x)
        if self.preprocessing == "caffe":
            return x.flip(1) * 255 - _column(CAFFE_MEAN, x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """The deepest layer."""
        last = self.layer_names[-1]
        return self.features(x, [last])[last]

    def prepared(self, dtype: torch.dtype = torch.float32) -> Self:
        """A copy in ``dtype`` with weights laid out for the processor, for many calls.

        ``bfloat16`` halves memory and, where the processor multiplies in it, time; float32 numbers are kept to three
        digits then.
        """
        net = copy.deepcopy(self).to(dtype)
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _pool(self, x: Tensor, how: Pooling) -> Tensor:
        if how == "average":
            return F.avg_pool2d(x, 2, ceil_mode=self.ceil)
        return F.max_pool2d(x, 2, ceil_mode=self.ceil)

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **told: Any) -> Self:
        """Build the network that canonical tensors (``conv1_1.weight`` ...) describe, in evaluation mode.

        ``told``: ``preprocessing``, ``padding``, ``pooling``, ``ceil``; other names are ignored.  Raises
        :class:`ModelError` naming the tensors that do not fit.
        """
        hyper = {k: told[k] for k in ("preprocessing", "padding", "pooling", "ceil") if k in told}
        leading = "conv0.weight" in sd
        if leading:
            # AdaIN's encoder is the only one with a 1x1 convolution in front.
            hyper = {"preprocessing": "none", "padding": "reflect", "ceil": True, **hyper}
        try:
            net = cls(infer_blocks(sd), leading=leading, **hyper)
        except (ValueError, TypeError) as exc:
            raise ModelError(f"This {cls.TITLE} is not described completely.", f"{exc}.") from exc
        fill(net, sd, cls.TITLE)
        net.eval().requires_grad_(False)
        return net


def infer_blocks(sd: Mapping[str, Tensor]) -> list[tuple[int, int]]:
    """Channels and number of the convolutions of each block.  Raises :class:`ModelError`."""
    blocks: list[tuple[int, int]] = []
    while f"conv{len(blocks) + 1}_1.weight" in sd and len(blocks) < 12:
        block = len(blocks) + 1
        count = 1
        while f"conv{block}_{count + 1}.weight" in sd and count < MAX_DEPTH:
            count += 1
        blocks.append((shape_of(sd, f"conv{block}_1.weight", WHAT)[0], count))
    if not blocks:
        raise ModelError(f"This is not a complete {WHAT}.", "missing: conv1_1.weight.")
    return blocks


def _place(name: str, known: tuple[str, ...]) -> str:
    """ "3_1" of "relu3_1"."""
    if name not in known:
        raise ValueError(f"there is no layer {name}; there are {', '.join(known)}")
    return name[4:]


def _column(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)

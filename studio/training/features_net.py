"""The feature network while it learns: VGG's shape without normalisation of activations, and a head that names classes.

Batch normalisation would take half of the time on a CPU.  Its work is done on the weights instead: every filter has
zero mean and a fixed length times a learned gain (scaled weight standardisation, Brock et al. 2021, "Characterizing
signal propagation to close the performance gap in unnormalized ResNets").  So the finished filters are simply these
weights, and, from the second layer on, none of them measures mere brightness.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_MEAN, INPUT_SCALE = 0.45, 4.0
"""Pictures in [0, 1] become ``(x - mean) * scale``, about zero mean, unit variance; later folded into ``conv1_1``."""

RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))
"""Keeps the variance of a rectified unit normal at one."""


class StandardConv(nn.Module):
    """A 3x3 convolution with standardised filters; ``centred`` False leaves their means alone (the first layer)."""

    def __init__(self, n_in: int, n_out: int, *, centred: bool = True) -> None:
        super().__init__()
        self.centred = centred
        self.raw = nn.Parameter(torch.randn(n_out, n_in, 3, 3).contiguous(memory_format=torch.channels_last))
        self.gain = nn.Parameter(torch.ones(n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def weight(self) -> Tensor:
        """The filters as they are used, ``[n_out, n_in, 3, 3]``."""
        w = self.raw - self.raw.mean(dim=(1, 2, 3), keepdim=True) if self.centred else self.raw
        length = w.square().sum(dim=(1, 2, 3), keepdim=True).add(1e-8).sqrt()
        return w * (self.gain.view(-1, 1, 1, 1) * (RELU_GAIN if self.centred else 1.0) / length)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, n_in, H, W]`` to ``[N, n_out, H, W]``, before ReLU."""
        w = self.weight().to(x.dtype).contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, w, self.bias.to(x.dtype), padding=1)


class FeatureClassifier(nn.Module):
    """``plan``: (layer, channels) of every convolution; a new block begins at each ``_1`` with average pooling."""

    def __init__(self, plan: list[tuple[str, int]], classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.plan = plan
        self.convs = nn.ModuleDict()
        n_in = 3
        for name, n_out in plan:
            self.convs[name] = StandardConv(n_in, n_out, centred=n_in != 3)
            n_in = n_out
        self.dropout = dropout
        self.head = nn.Linear(2 * n_in, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures ``[N, 3, H, W]`` in [0, 1] to logits ``[N, classes]``, float32."""
        x = (x - INPUT_MEAN) * INPUT_SCALE
        for name, _ in self.plan:
            if name.endswith("_1") and name != "1_1":
                x = F.avg_pool2d(x, 2)
            x = F.relu(self.convs[name](x), inplace=True)
        seen = torch.cat((x.mean(dim=(2, 3)), x.amax(dim=(2, 3))), dim=1).float()
        logits: Tensor = self.head(F.dropout(seen, self.dropout, self.training))
        return logits

    @torch.no_grad()
    def filters(self) -> dict[str, Tensor]:
        """``convB_I.weight`` and ``.bias`` by VGG names, float32, for pictures in [0, 1] without preprocessing.

        The input's shift goes into the first bias, exactly where the padding repeats or mirrors pictures (instead of
        adding grey, as while learning).
        """
        out = {}
        for name, _ in self.plan:
            conv = self.convs[name]
            assert isinstance(conv, StandardConv)
            w, b = conv.weight().float(), conv.bias.detach().float()
            if name == "1_1":
                w = w * INPUT_SCALE
                b = b - w.sum(dim=(1, 2, 3)) * INPUT_MEAN
            out[f"conv{name}.weight"] = w.contiguous()
            out[f"conv{name}.bias"] = b.clone()
        return out

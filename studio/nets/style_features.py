"""The small feature network that comes with the program, and calibration on a picture.

A VGG in shape, a fraction of it in width, trained on photographs by :mod:`studio.training.features` (it names the
folder that a photograph lies in).  It takes RGB in [0, 1] as it is, mirrors the picture at its borders and pools by
averages.  Layers are called as in VGG, so that settings carry over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.nets.vgg import VGG, Padding, Pooling, Preprocessing

BLOCKS = ((32, 2), (64, 2), (96, 3), (128, 3), (192, 1))
"""(channels, convolutions) of each block of the embedded network, up to ``relu5_1``."""


class StudioVGG(VGG):
    """A narrow VGG: average pooling, mirrored borders, no preprocessing."""

    ARCHITECTURE = "studio-vgg"
    TITLE = "small VGG network"

    def __init__(
        self,
        blocks: Sequence[tuple[int, int]] = BLOCKS,
        *,
        preprocessing: Preprocessing = "none",
        padding: Padding = "reflect",
        pooling: Pooling = "average",
        ceil: bool = False,
        leading: bool = False,
    ) -> None:
        super().__init__(
            blocks, preprocessing=preprocessing, padding=padding, pooling=pooling, ceil=ceil, leading=leading
        )

    @torch.no_grad()
    def calibrated(self, x: Tensor) -> Self:
        """A copy whose every channel has zero mean and unit variance over pictures ``x`` before its ReLU.

        ``x`` ``[N, 3, H, W]`` in [0, 1], for style transfer the style pictures: then no channel is dead or always on
        there, and all weigh alike.  A layer that ``x`` is too small for, and a channel that says nothing of it, keep
        what they have.
        """
        net = self.prepared(torch.float32)
        x = net.prepare(x.float())
        for name, _ in net.plan:
            if name.endswith("_1") and name != "1_1":
                x = net._pool(x, net.pooling)
            if min(x.shape[2:]) < 2:
                break
            conv = cast(nn.Conv2d, net.get_submodule(f"conv{name}"))
            y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), conv.weight)
            var, mean = torch.var_mean(y.double(), dim=(0, 2, 3), correction=0)
            std = var.sqrt()
            alive = std > 1e-6 * std.max().clamp_min(1e-12)
            scale = torch.where(alive, 1 / std.clamp_min(1e-12), 1.0).float()
            conv.weight.mul_(scale.view(-1, 1, 1, 1))
            assert conv.bias is not None
            conv.bias.copy_(torch.where(alive, (-mean / std.clamp_min(1e-12)).float(), conv.bias))
            x = F.relu(y * scale.view(-1, 1, 1) + conv.bias.view(-1, 1, 1))
        return net

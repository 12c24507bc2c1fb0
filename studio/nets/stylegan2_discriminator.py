"""The StyleGAN2 discriminator (resnet architecture), canonical names; used in training only."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingABC
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.nets.stylegan2 import Mapping
from studio.nets.stylegan2_ops import SQRT2, FullyConnected, fir, fir_filter, full


class DiscriminatorConv(nn.Module):
    """Convolution with run-time weight scaling 1/sqrt(in k^2); ``down`` halves the size after the low-pass."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, down: bool = False, activate: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.down, self.activate = down, activate
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.register_buffer("resample_filter", fir_filter())

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """``[N, I, h, w]`` to ``[N, O, h, w]`` or half of it; the output is multiplied by ``gain``."""
        k = self.weight.shape[-1]
        gain = gain * (SQRT2 if self.activate else 1.0)
        w = (self.weight * (gain / math.sqrt(self.weight[0].numel()))).to(x.dtype)
        b = None if self.bias is None else (self.bias * gain).to(x.dtype)
        if not self.down:
            y = F.conv2d(x, w, b, padding=k // 2)
        elif k == 1:
            # The filter and then every second pixel; the convolution commutes with dropping pixels.
            y = F.conv2d(self._low_pass(x, 1, stride=2), w, b)
        else:
            y = F.conv2d(self._low_pass(x, 2), w, b, stride=2)
        # Leaky ReLU commutes with a positive gain.
        return F.leaky_relu(y, 0.2) if self.activate else y

    def _low_pass(self, x: Tensor, pad: int, stride: int = 1) -> Tensor:
        kernel = cast(Tensor, self.resample_filter)
        if stride == 1:
            return fir(x, kernel, (pad, pad, pad, pad))
        c = x.shape[1]
        k = kernel.to(x.dtype)[None, None].expand(c, 1, -1, -1)
        return F.conv2d(x, k, groups=c, padding=pad, stride=stride)


class DiscriminatorBlock(nn.Module):
    """Two convolutions and a shortcut, halving the size; the first block also reads the picture."""

    def __init__(self, n_in: int, n_mid: int, n_out: int) -> None:
        super().__init__()
        if n_in == 0:
            self.fromrgb = DiscriminatorConv(3, n_mid, 1)
        self.reads = n_in == 0
        self.conv0 = DiscriminatorConv(n_mid, n_mid, 3)
        self.conv1 = DiscriminatorConv(n_mid, n_out, 3, down=True)
        self.skip = DiscriminatorConv(n_mid, n_out, 1, down=True, activate=False, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, h, w]`` (or the picture) to ``[N, n_out, h/2, w/2]``."""
        if self.reads:
            x = self.fromrgb(x)
        g = math.sqrt(0.5)
        out: Tensor = self.conv1(self.conv0(x), g) + self.skip(x, g)
        return out


def minibatch_std(x: Tensor, group: int = 4) -> Tensor:
    """Append one channel: the deviation over groups of ``group`` samples (fewer if they do not divide)."""
    n, c, h, w = x.shape
    g = math.gcd(min(group, n), n)
    y = x.reshape(g, -1, c, h, w)
    y = ((y - y.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return torch.cat((x, y[:, None, None, None].repeat(g, 1, h, w)), dim=1)


class Epilogue(nn.Module):
    """4 px features to a number (or, conditional, to a vector that is projected on the embedded label)."""

    def __init__(self, n_in: int, cmap_dim: int) -> None:
        super().__init__()
        self.conv = DiscriminatorConv(n_in + 1, n_in, 3)
        self.fc = FullyConnected(n_in * 16, n_in, activate=True)
        self.out = FullyConnected(n_in, cmap_dim or 1)
        self.cmap_dim = cmap_dim

    def forward(self, x: Tensor, cmap: Tensor | None) -> Tensor:
        """``[N, C, 4, 4]`` to ``[N]``."""
        x = self.conv(minibatch_std(x))
        x = cast(Tensor, self.out(self.fc(x.flatten(1))))
        if cmap is None:
            return x[:, 0]
        return (x * cmap).sum(dim=1) / math.sqrt(self.cmap_dim)


class Discriminator(nn.Module):
    """Picture (and label) to a logit; positive means real."""

    def __init__(
        self, channels: MappingABC[int, int], *, c_dim: int = 0, cmap_dim: int = 0, mapping_layers: int = 8
    ) -> None:
        super().__init__()
        sizes = sorted(channels, reverse=True)
        self.resolution, self.c_dim = sizes[0], c_dim
        cmap_dim = (cmap_dim or channels[4]) if c_dim else 0
        self.sizes = sizes[:-1]
        for at, r in enumerate(self.sizes):
            block = DiscriminatorBlock(0 if at == 0 else channels[r], channels[r], channels[sizes[at + 1]])
            self.add_module(f"b{r}", block)
        if c_dim:
            self.mapping = Mapping(0, c_dim, cmap_dim, mapping_layers)
            del self.mapping.w_avg
        self.b4 = Epilogue(channels[4], cmap_dim)
        self.compute_dtype = torch.float32

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """x ``[N, 3, S, S]`` about [-1, 1], c ``[N, c_dim]`` to logits ``[N]`` float32."""
        x = x.to(self.compute_dtype, memory_format=torch.channels_last)
        for r in self.sizes:
            x = getattr(self, f"b{r}")(x)
        cmap = self.mapping(None, c) if self.c_dim else None
        return cast(Tensor, self.b4(full(x), cmap))

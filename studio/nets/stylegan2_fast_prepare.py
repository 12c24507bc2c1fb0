"""Weights of a StyleGAN2 in the shape that fast inference wants, made once for each model.

Two things are prepared.  An up-sampling convolution (stride-2 transposed 3x3, then the [1, 3, 3, 1] low-pass) is one
6x6 kernel at twice the size, and that is four 3x3 kernels at the size of the input, one for each output pixel of a
2x2 cell: *polyphase*.  And every layer knows which of the two ways of modulation is cheaper: scaling its activations
around one shared weight (few pixels, many channels), or scaling the weight of one sample (many pixels, few channels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2 import StyleGAN2, SynthesisLayer
from studio.nets.stylegan2_ops import SQRT2, FullyConnected, is_standard_fir


def merge_up(weight: Tensor, kernel: Tensor) -> Tensor:
    """Transposed convolution and low-pass as one convolution with four times the outputs.

    weight ``[O, I, 3, 3]``, kernel ``[4, 4]``; returns ``[4 O, I, 3, 3]`` float32 for padding 1, its outputs ordered
    (row of the 2x2 cell, column, O).  Exact: both are linear, and zeros beyond the border stay zeros.
    """
    o, i, _, _ = weight.shape
    # The transposed convolution scatters the stored kernel, and the low-pass is a correlation: so is their product.
    low_pass = (kernel.float() * 4.0)[None, None]
    cells = weight.new_empty(2, 2, o, i, 3, 3, dtype=torch.float32)
    for n, part in enumerate(weight.float()):  # one output at a time: all at once would take ten times the result
        six = F.conv2d(part[:, None], low_pass, padding=3)[:, 0]
        for row in (0, 1):
            for column in (0, 1):
                # Output row 2h + p reads the input rows h-1, h, h+1 with the taps 4+p, 2+p, p of the six.
                cells[row, column, n] = six[:, [4 + row, 2 + row, row]][:, :, [4 + column, 2 + column, column]]
    return cells.reshape(4 * o, i, 3, 3)


@dataclass(slots=True)
class Affine:
    """The style layer w -> factors of the input channels, with all run-time scales folded into its bias and input."""

    weight: Tensor
    bias: Tensor
    scale: float

    def __call__(self, w: Tensor) -> Tensor:
        """w ``[N, w_dim]`` to ``[N, I]`` float32."""
        return F.linear(w * self.scale, self.weight, self.bias)


def plan_affine(layer: FullyConnected) -> Affine:
    """Share the layer's weight; scale w, which is shorter."""
    return Affine(layer.weight.float(), layer.bias.float() * layer.lr, layer.lr / math.sqrt(layer.weight.shape[1]))


@dataclass(slots=True)
class ConvPlan:
    """One 3x3 layer, prepared.  ``gain`` (with the root of 2) is folded into noise, bias and demodulation."""

    index: int
    resolution: int
    up: bool
    merged: bool
    n_in: int
    n_out: int
    affine: Affine
    power: Tensor
    """Sum of squares over the kernel, ``[O, I]`` float32: what demodulation needs of the weight."""
    weight: Tensor
    """``[O or 4 O, I, 3, 3]`` for a convolution, ``[I, O, 3, 3]`` for a transposed one; float32 when ``by_weight``."""
    by_weight: bool
    kernel: Tensor
    """The low-pass with gain 4 as a depthwise weight ``[O, 1, 4, 4]`` in the compute dtype."""
    noise_const: Tensor
    noise_scale: float
    bias: Tensor
    gain: float
    clamp: float | None

    def demodulation(self, styles: Tensor) -> Tensor:
        """The factors of the output channels, ``[N, O]`` float32, with the layer's gain."""
        return (styles.square() @ self.power.t() + 1e-8).rsqrt() * self.gain


@dataclass(slots=True)
class RgbPlan:
    """One colour layer: the 1x1 weight ``[3, I]`` float32 with 1/sqrt(I) folded in, and the skip filter."""

    index: int
    resolution: int
    affine: Affine
    weight: Tensor
    bias: Tensor
    clamp: float | None
    kernel: Tensor | None
    """The skip filter, ``None`` for the usual one."""


@dataclass(slots=True)
class BlockPlan:
    """Everything at one resolution; ``skip`` is the shortcut of the resnet architecture, ``[O, I, 1, 1]``."""

    resolution: int
    conv0: ConvPlan | None
    conv1: ConvPlan
    rgb: RgbPlan | None
    skip: Tensor | None
    skip_kernel: Tensor | None
    const: Tensor | None


def unusual(kernel: Tensor) -> Tensor | None:
    """The kernel, or ``None`` when it is the [1, 3, 3, 1] low-pass that has a shorter way."""
    return None if is_standard_fir(kernel) else kernel.float()


def prefers_weight(n_in: int, n_out: int, resolution: int, up: bool, merged: bool) -> bool:
    """Whether scaling one sample's weight is less work than scaling its activations (measured: three to one)."""
    weight = n_in * n_out * 9 * (4 if merged else 1)
    activations = n_out * resolution**2 + n_in * (resolution // 2 if up else resolution) ** 2
    return 3 * weight < activations


def plan_conv(layer: SynthesisLayer, dtype: torch.dtype, *, gain: float, merge: bool, per_sample: bool) -> ConvPlan:
    """Prepare one layer.  ``merge``: polyphase where it up-samples; ``per_sample``: weights may be scaled instead."""
    o, i, _, _ = layer.weight.shape
    r, up = layer.resolution, layer.up
    kernel = cast(Tensor, layer.resample_filter).float()
    merged = up and merge
    weight = merge_up(layer.weight, kernel) if merged else layer.weight.float()
    if up and not merged:
        weight = weight.transpose(0, 1)
    by_weight = per_sample and prefers_weight(i, o, r, up, merged)
    return ConvPlan(
        index=layer.index,
        resolution=r,
        up=up,
        merged=merged,
        n_in=i,
        n_out=o,
        affine=plan_affine(layer.affine),
        power=layer.weight.float().square().sum(dim=(2, 3)),
        weight=weight.to(torch.float32 if by_weight else dtype).contiguous(memory_format=torch.channels_last),
        by_weight=by_weight,
        kernel=(kernel * 4.0).to(dtype)[None, None].repeat(o, 1, 1, 1),
        noise_const=cast(Tensor, layer.noise_const).float(),
        noise_scale=float(layer.noise_strength) * SQRT2 * gain,
        bias=layer.bias.float() * (SQRT2 * gain),
        gain=SQRT2 * gain,
        clamp=None if layer.clamp is None else layer.clamp * gain,
    )


def plan_network(net: StyleGAN2, dtype: torch.dtype, *, merge: bool, per_sample: bool) -> list[BlockPlan]:
    """Prepare all blocks, in float32 or in the compute ``dtype``, on the network's device, without gradients.

    ``merge``: polyphase up-sampling from 32 px on (below that the transposed convolution has too few pixels for
    four times the weights to pay).  ``per_sample``: the executor runs one sample at a time.
    """
    plans = []
    with torch.no_grad():
        for r in net.channels:
            block = net.synthesis.block(r)
            resnet = net.architecture == "resnet" and not block.first
            merged = merge and r >= 32
            conv0 = None
            if not block.first:
                conv0 = plan_conv(block.conv0, dtype, gain=1.0, merge=merged, per_sample=per_sample)
            gain = math.sqrt(0.5) if resnet else 1.0
            conv1 = plan_conv(block.conv1, dtype, gain=gain, merge=False, per_sample=per_sample)
            rgb = None
            if block.has_rgb:
                t = block.torgb
                i = t.weight.shape[1]
                rgb = RgbPlan(
                    index=conv1.index + 1,
                    resolution=r,
                    affine=plan_affine(t.affine),
                    weight=t.weight.float().reshape(3, i) * (1.0 / math.sqrt(i)),
                    bias=t.bias.float(),
                    clamp=t.clamp,
                    kernel=unusual(cast(Tensor, block.resample_filter)),
                )
            skip = skip_kernel = None
            if resnet:
                w = block.skip.weight.float()
                skip = (w * (math.sqrt(0.5) / math.sqrt(w.shape[1]))).to(dtype)
                skip_kernel = unusual(cast(Tensor, block.skip.resample_filter))
            const = None
            if block.first:
                const = block.const.float().permute(1, 2, 0).to(dtype).contiguous()
            plans.append(BlockPlan(r, conv0, conv1, rgb, skip, skip_kernel, const))
    return plans

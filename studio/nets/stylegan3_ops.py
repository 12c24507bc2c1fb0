"""The arithmetic of StyleGAN3 (Karras et al., "Alias-Free Generative Adversarial Networks", 2021), in plain torch.

The filtered leaky ReLU is the whole cost of this network apart from the convolutions: up-sample, non-linearity,
down-sample.  It is computed in bands of rows, so that the up-sampled picture (four times the pixels, or sixteen) never
exists as a whole: less memory, and the band stays in the processor's cache.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BAND_BYTES = 8 << 20
"""Largest up-sampled band of :func:`filtered_lrelu`, in bytes; small enough for allocators to recycle it."""


def _upsample(x: Tensor, f: Tensor, up: int, start: int, length: int, axis: int) -> Tensor:
    """Zeros between the samples, convolved with the 1-D filter ``f`` (gain ``up``), along ``axis`` (2 or 3).

    Returns ``length`` samples of the full convolution from index ``start``, which may lie outside it (zeros there).
    """
    c = x.shape[1]
    shape = (c, 1, -1, 1) if axis == 2 else (c, 1, 1, -1)
    k = (f * up).to(x.dtype).reshape(1, 1, *shape[2:]).expand(c, -1, -1, -1)
    y = F.conv_transpose2d(x, k, stride=(up, 1) if axis == 2 else (1, up), groups=c)
    n = y.shape[axis]
    lo, hi = max(0, -start), max(0, start + length - n)
    if lo or hi:
        y = F.pad(y, (0, 0, lo, hi) if axis == 2 else (lo, hi))
    return y.narrow(axis, start + lo, length)


def _downsample(x: Tensor, f: Tensor, down: int) -> Tensor:
    """Filter with the 1-D (separable) or 2-D kernel ``f`` without padding, then keep every ``down``-th sample."""
    c = x.shape[1]
    k = f.flip(list(range(f.ndim))).to(x.dtype)
    if f.ndim == 2:
        return F.conv2d(x, k[None, None].expand(c, 1, -1, -1), stride=down, groups=c)
    x = F.conv2d(x, k.reshape(1, 1, 1, -1).expand(c, -1, -1, -1), stride=(1, down), groups=c)
    return F.conv2d(x, k.reshape(1, 1, -1, 1).expand(c, -1, -1, -1), stride=(down, 1), groups=c)


def filtered_lrelu(
    x: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    *,
    up: int,
    down: int,
    padding: tuple[int, int],
    out_size: int,
    gain: float,
    slope: float,
    clamp: float | None,
) -> Tensor:
    """``[N, C, h, h]`` to ``[N, C, out_size, out_size]``: up-sample, leaky ReLU, gain, clamp, down-sample.

    ``padding`` is (low, high) in up-sampled samples, before the up-sampling filter; both axes are alike.  The bias is
    already in ``x``.  Equations as in the authors' reference ``filtered_lrelu``.
    """
    n, c, h, w = x.shape
    lo, hi = padding
    taps_up, taps_down = up_filter.shape[0], down_filter.shape[0]
    shift = taps_up - 1 - lo  # sample m after the up-sampling filter is sample m + shift of the full convolution
    width = w * up + lo + hi - taps_up + 1
    x = x.contiguous(memory_format=torch.channels_last)
    per_row = n * c * width * x.element_size() * down
    rows = max(1, min(out_size, BAND_BYTES // max(1, per_row)))
    bands = []
    for a in range(0, out_size, rows):
        b = min(out_size, a + rows)
        first, count = a * down + shift, (b - a - 1) * down + taps_down
        i0 = min(max(0, -((taps_up - 1 - first) // up)), h - 1)
        i1 = max(i0 + 1, min(h, (first + count - 1) // up + 1))
        y = _upsample(x[:, :, i0:i1], up_filter, up, first - i0 * up, count, 2)
        y = _upsample(y, up_filter, up, shift, width, 3)
        y = F.leaky_relu(y, slope) * gain
        if clamp is not None:
            y = y.clamp(-clamp, clamp)
        bands.append(_downsample(y, down_filter, down))
    y = torch.cat(bands, dim=2) if len(bands) > 1 else bands[0]
    if y.shape[2:] != (out_size, out_size):
        raise ValueError(f"the filters give {tuple(y.shape[2:])}, not {out_size} px: the layer's sizes do not fit")
    return y


def modulated_conv3(x: Tensor, weight: Tensor, styles: Tensor, bias: Tensor, *, input_gain: Tensor) -> Tensor:
    """The demodulated convolution of StyleGAN3: weight ``[O, I, k, k]``, padding k - 1, styles ``[N, I]``, plus bias.

    Weights and styles are first scaled to unit second moment (for the small number in the root to mean the same
    everywhere); activations are scaled instead of weights, which is the same number.
    """
    weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
    styles = styles * styles.square().mean(dim=1, keepdim=True).rsqrt()
    d = (styles.square() @ weight.square().sum(dim=(2, 3)).t() + 1e-8).rsqrt()
    x = x * (styles * input_gain).to(x.dtype)[:, :, None, None]
    y = F.conv2d(x, weight.to(x.dtype), padding=weight.shape[2] - 1)
    return torch.addcmul(bias.to(y.dtype)[None, :, None, None], y, d.to(y.dtype)[:, :, None, None])

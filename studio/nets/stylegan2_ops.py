"""The arithmetic of StyleGAN2 (Karras et al. 2020), in plain torch and in the canonical scaling.

Everything here works in any floating dtype and any memory layout, forwards and backwards (twice, for R1 and path
length).  Feature maps are ``[N, C, H, W]``, styles ``[N, C]``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FIR = (1.0, 3.0, 3.0, 1.0)
SQRT2 = math.sqrt(2.0)


def fir_filter() -> Tensor:
    """The separable low-pass of every up- and down-sampling: outer([1, 3, 3, 1]) / 64, ``[4, 4]`` float32."""
    f = torch.tensor(FIR)
    k = torch.outer(f, f)
    return k / k.sum()


def normalize_2nd_moment(x: Tensor, eps: float = 1e-8) -> Tensor:
    """``x * rsqrt(mean(x^2) + eps)`` over dimension 1; used on z and on the embedded label before the mapping."""
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


def full(x: Tensor) -> Tensor:
    """``x`` in float32, or as it is when it is float64."""
    return x if x.dtype == torch.float64 else x.float()


def is_standard_fir(kernel: Tensor) -> bool:
    """True for the [1, 3, 3, 1] kernel that nearly every checkpoint has."""
    return kernel.shape == (4, 4) and bool(torch.allclose(kernel.detach().float().cpu(), fir_filter(), atol=1e-4))


def fir(x: Tensor, kernel: Tensor, pad: tuple[int, int, int, int], gain: float = 1.0) -> Tensor:
    """Filter every channel with ``kernel`` (``[4, 4]``, symmetric) after zero padding (left, right, top, bottom)."""
    c = x.shape[1]
    k = (kernel * gain).to(x.dtype)[None, None].expand(c, 1, -1, -1)
    return F.conv2d(F.pad(x, pad), k, groups=c)


def upsample2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, then the low-pass with gain 4 (``[N, C, 2H, 2W]``)."""
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)
    return fir(x, kernel, (2, 1, 2, 1), 4.0)


def upsample2d_fast(x: Tensor) -> Tensor:
    """The same as :func:`upsample2d` with the standard kernel, as weighted sums of shifted copies of the input.

    Each output pixel is 3/4 of its nearest input and 1/4 of the next one, per axis, zeros beyond the border.
    """
    p = F.pad(x, (1, 1, 1, 1))
    rows = torch.stack((0.25 * p[:, :, :-2] + 0.75 * p[:, :, 1:-1], 0.75 * p[:, :, 1:-1] + 0.25 * p[:, :, 2:]), dim=3)
    rows = rows.flatten(2, 3)
    cols = torch.stack(
        (0.25 * rows[..., :-2] + 0.75 * rows[..., 1:-1], 0.75 * rows[..., 1:-1] + 0.25 * rows[..., 2:]), dim=4
    )
    return cols.flatten(3, 4)


def modulated_conv(x: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool, up: bool, kernel: Tensor) -> Tensor:
    """The plain formulation: one weight for each sample, scaled by its styles, in one grouped convolution.

    x ``[N, I, H, W]``, weight ``[O, I, k, k]``, styles ``[N, I]``.  ``up``: stride 2 transposed convolution followed
    by the low-pass with gain 4 (output ``2H x 2W``).
    """
    n, i, h, w = x.shape
    o, _, k, _ = weight.shape
    wn = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        wn = wn * (wn.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, n * i, h, w)
    if up:
        y = F.conv_transpose2d(x, wn.transpose(1, 2).reshape(n * i, o, k, k), stride=2, groups=n)
        return fir(y.reshape(n, o, *y.shape[2:]), kernel, (1, 1, 1, 1), 4.0)
    return F.conv2d(x, wn.reshape(n * o, i, k, k), padding=k // 2, groups=n).reshape(n, o, h, w)


def scaled_conv(x: Tensor, weight: Tensor, styles: Tensor, *, up: bool, kernel: Tensor) -> Tensor:
    """The same convolution with the styles on the activations and one shared weight; not demodulated yet."""
    x = x * styles.to(x.dtype)[:, :, None, None]
    wx = weight.to(x.dtype)
    if up:
        return fir(F.conv_transpose2d(x, wx.transpose(0, 1), stride=2), kernel, (1, 1, 1, 1), 4.0)
    return F.conv2d(x, wx, padding=weight.shape[2] // 2)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """What the output of :func:`scaled_conv` is multiplied by: ``[N, O]``."""
    return (styles.square() @ weight.square().sum(dim=(2, 3)).t() + 1e-8).rsqrt()


def lrelu(x: Tensor, gain: float = SQRT2, clamp: float | None = None) -> Tensor:
    """Leaky ReLU 0.2 times ``gain``, then clamped to +-``clamp``."""
    x = F.leaky_relu(x, 0.2) * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


class FullyConnected(nn.Module):
    """``x W^T * (lr / sqrt(in)) + b * lr``, with leaky ReLU when ``activate``; parameters hold values over ``lr``."""

    def __init__(self, n_in: int, n_out: int, *, activate: bool = False, lr: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.activate, self.lr = activate, lr
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / lr)
        self.bias = nn.Parameter(torch.full((n_out,), bias / lr))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in]`` to ``[N, out]``, in the dtype of ``x``."""
        w = self.weight * (self.lr / math.sqrt(self.weight.shape[1]))
        y = F.linear(x, w.to(x.dtype), (self.bias * self.lr).to(x.dtype))
        return lrelu(y) if self.activate else y

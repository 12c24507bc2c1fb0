"""The losses of adversarial and anchored training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2_ops import full


def g_nonsaturating(fake_logits: Tensor) -> Tensor:
    """-log sigmoid(D(G)), the non-saturating generator loss (Goodfellow et al. 2014), mean over the batch."""
    return F.softplus(-fake_logits).mean()


def d_logistic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log sigmoid(D(real)) - log(1 - sigmoid(D(fake))), mean over the batch."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """Mean over the batch of |d D(x) / d x|^2 (Mescheder et al. 2018); the loss is gamma / 2 times this.

    ``real`` must require gradients.  The result can be differentiated again.
    """
    (grad,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return full(grad).square().sum(dim=(1, 2, 3)).mean()


def path_lengths(pictures: Tensor, ws: Tensor, noise: Tensor | None = None) -> Tensor:
    """|J^T y| of each sample with y ~ N(0, I) / sqrt(H W), ``[N]`` (Karras et al. 2020, section 3.2).

    The squared norm sums over w and averages over the layers, as in the authors' code.  ``ws`` ``[N, L, w]`` requires
    gradients; ``noise`` replaces y (tests).
    """
    if noise is None:
        noise = torch.randn_like(pictures) / (pictures.shape[2] * pictures.shape[3]) ** 0.5
    (grad,) = torch.autograd.grad((pictures * noise).sum(), ws, create_graph=True)
    return full(grad).square().sum(dim=2).mean(dim=1).sqrt()


def path_length_penalty(lengths: Tensor, mean: Tensor, decay: float = 0.01) -> tuple[Tensor, Tensor]:
    """((lengths - a)^2 mean, new a) where a is the running mean of the lengths."""
    new_mean = mean.lerp(lengths.mean().detach(), decay)
    return (lengths - new_mean).square().mean(), new_mean


def charbonnier(x: Tensor, eps: float = 0.02) -> Tensor:
    """sqrt(x^2 + eps^2) - eps: absolute value with a round bottom."""
    return (x.square() + eps * eps).sqrt() - eps


def reconstruction(picture: Tensor, target: Tensor, *, scales: int = 3, edges: float = 1.0) -> Tensor:
    """Charbonnier distance of pictures and of their horizontal and vertical differences at a few scales.

    Each coarser scale is the 2x2 average of the one before.  ``picture`` and ``target`` ``[N, 3, H, W]``; the result is
    float32 also for bfloat16 pictures.
    """
    e = picture - target
    total = torch.zeros((), device=e.device)

    def mean(x: Tensor) -> Tensor:
        return x.mean(dtype=torch.promote_types(x.dtype, torch.float32))

    for s in range(scales):
        total = total + mean(charbonnier(e))
        if edges:
            total = total + edges * (mean(charbonnier(e.diff(dim=2))) + mean(charbonnier(e.diff(dim=3))))
        if s + 1 < scales:
            e = F.avg_pool2d(e, 2)
    return total / scales

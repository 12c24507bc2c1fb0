"""A Frechet distance between two sets of pictures, without any network to download.

The published FID measures features of an Inception network trained on photographs.  Here the features are those of a
small convolution pyramid with *fixed random weights* (seed 0), which is a sound two-sample measure for flat drawings,
but its numbers can be compared only with each other, never with published FIDs.  Always give the distance between two
sets of real pictures of the same size beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FEATURES = 96
METHOD = (
    "Frechet distance of Gaussians fitted to 96 features of a convolution pyramid with fixed random weights (seed 0; "
    "three 5x5 stride-2 levels of 32 channels with absolute values, pooled to 4x4, projected); not comparable with "
    "Inception FID"
)


class RandomFeatures:
    """Pictures to ``[N, 96]`` float64 features; the same weights for the same picture size, always."""

    def __init__(self, size: int, device: torch.device | str = "cpu") -> None:
        gen = torch.Generator().manual_seed(0)
        self.device = torch.device(device)
        self.weights: list[Tensor] = []
        channels = 3
        for _ in range(3):
            w = torch.randn(32, channels, 5, 5, generator=gen)
            w = w - w.mean(dim=(2, 3), keepdim=True) * 0.5
            self.weights.append((w / w[0].numel() ** 0.5).to(self.device))
            channels = 32
        self.project = (torch.randn(3 * 32 * 16, FEATURES, generator=gen) / (3 * 32 * 16) ** 0.5).to(self.device)
        self.size = size

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """``[N, 3, size, size]`` float pictures about [-1, 1]."""
        x = images.to(self.device).float().clamp(-1, 1)
        pooled = []
        for w in self.weights:
            x = F.conv2d(x, w, stride=2, padding=2).abs()
            pooled.append(F.adaptive_avg_pool2d(x, 4).flatten(1))
        features: Tensor = torch.cat(pooled, dim=1) @ self.project
        return features.double().cpu()


def gaussian(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``[F]`` and covariance ``[F, F]`` of features ``[N, F]``."""
    return features.mean(dim=0), torch.cov(features.t())


def frechet_distance(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau 1982), in float64."""
    (m1, c1), (m2, c2) = a, b
    values, vectors = torch.linalg.eigh(c1)
    root = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.t()
    cross = torch.linalg.eigvalsh(root @ c2 @ root).clamp_min(0).sqrt().sum()
    return float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * cross)


def compare(
    real: Tensor, other_real: Tensor, make: Callable[[int], Tensor], *, batch: int = 100
) -> dict[str, float | int | str]:
    """Distance of as many generated pictures to ``real``, beside the distance of ``other_real`` to ``real``.

    ``real`` (held out) and ``other_real`` (seen in training) are float ``[N, 3, S, S]``; ``make(n)`` gives n new
    pictures.  Also the distance of the two halves of ``real``, which is larger, as the sets are half as big.
    """
    features = RandomFeatures(real.shape[-1])
    n = real.shape[0]
    fr = features(real)
    fake = torch.cat([features(make(min(batch, n - i))) for i in range(0, n, batch)])
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return {
        "frechet": round(frechet_distance(gaussian(fr), gaussian(fake)), 5),
        "frechet_training_pictures": round(frechet_distance(gaussian(fr), gaussian(features(other_real[:n]))), 5),
        "frechet_held_out_halves": round(
            frechet_distance(gaussian(fr[order[: n // 2]]), gaussian(fr[order[n // 2 :]])), 5
        ),
        "pictures": n,
        "method": METHOD,
    }

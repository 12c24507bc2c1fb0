"""What is measured of translations on pictures that they were not trained on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.roles import FeatureNet

LAYERS = ("relu1_2", "relu2_2", "relu3_1", "relu4_1")
METHOD = (
    "L1: mean absolute difference of pixels, values 0 to 1. Perceptual: activations of four layers of the studio's own "
    "feature network (relu1_2, relu2_2, relu3_1, relu4_1), channels scaled to length 1 at every place, squared "
    "difference, averaged over places and layers, as in LPIPS but without its learned weights: not comparable with "
    "published LPIPS values"
)


@torch.no_grad()
def perceptual_distance(net: FeatureNet, a: Tensor, b: Tensor, batch: int = 32) -> float:
    """Mean distance of pictures ``[N, 3, H, W]`` in [0, 1]; see :data:`METHOD`.  0: equal; at most 4."""
    layers = tuple(n for n in LAYERS if n in net.layer_names) or net.layer_names
    total = 0.0
    for x, y in zip(a.split(batch), b.split(batch), strict=True):
        fx, fy = net.features(x, layers), net.features(y, layers)
        for name in layers:
            u, v = (F.normalize(f[name].float(), dim=1, eps=1e-6) for f in (fx, fy))
            total += float((u - v).square().sum(dim=1).mean()) * len(x) / len(layers)
    return total / len(a)


def l1(a: Tensor, b: Tensor) -> float:
    """Mean absolute difference."""
    return float((a - b).abs().mean())


def pair_scores(net: FeatureNet, made: Tensor, truth: Tensor) -> dict[str, float]:
    """``l1`` and ``perceptual`` of made pictures against the true ones, both ``[N, 3, H, W]`` in [0, 1]."""
    return {"l1": round(l1(made, truth), 4), "perceptual": round(perceptual_distance(net, made, truth), 4)}


def mean_color(pictures: Tensor) -> Tensor:
    """The mean picture colour ``[1, 3, 1, 1]`` of ``[N, 3, H, W]``."""
    return pictures.float().mean(dim=(0, 2, 3), keepdim=True)

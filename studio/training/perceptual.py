"""The loss of style networks (Johnson et al. 2016): feature reconstruction plus style reconstruction.

Every term is relative, so that weights mean the same for any feature network and any style: the content term of a
layer is the squared error of its activations over their variance, the style term the squared error of its statistics
over their own squared norm.  Statistics of a layer with C channels and M places, F ``[C, M]``:

``gram``        G = F F^T / M (Gatys et al. 2015)
``covariance``  mean m = F 1 / M and S = (F - m 1^T)(F - m 1^T)^T / M, one term each

Statistics average over places, so a network soon finds that one small patch of wild stripes can pay for a whole
picture.  Therefore activations above a level that a channel exceeds in 2 % of the style's places count as that level,
in the style and in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from studio.nets.roles import FeatureNet

STATISTICS = ("gram", "covariance")
RARE = 0.02


def statistics(f: Tensor, kind: str) -> tuple[Tensor, ...]:
    """Of activations ``[N, C, h, w]``, float32: Gram matrices ``[N, C, C]``, or means ``[N, C]`` and covariances."""
    flat = f.float().flatten(2)
    places = flat.shape[2]
    if kind == "gram":
        return (flat @ flat.transpose(1, 2) / places,)
    if kind != "covariance":
        raise ValueError(f"there is no statistic {kind}; there are {', '.join(STATISTICS)}")
    mean = flat.mean(dim=2)
    rest = flat - mean[..., None]
    return mean, rest @ rest.transpose(1, 2) / places


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbours, ``[N, C, H, W]`` to a number."""
    return (x[:, :, 1:] - x[:, :, :-1]).square().mean() + (x[:, :, :, 1:] - x[:, :, :, :-1]).square().mean()


def level(f: Tensor) -> Tensor:
    """What each channel of ``[N, C, h, w]`` exceeds in :data:`RARE` of its places, ``[1, C, 1, 1]`` float32."""
    flat = f.float().transpose(0, 1).flatten(1)
    kept = max(1, round(flat.shape[1] * (1 - RARE)))
    return flat.kthvalue(kept, dim=1).values.view(1, -1, 1, 1)


class PerceptualLoss:
    """How far pictures are from a content and from one style, by layers of ``net``.

    ``styles``: pictures ``[1, 3, h, w]`` in [0, 1] of the same style (other sizes, other cuts): their statistics are
    averaged.  ``content`` and ``style`` weigh the layers.  ``pooled``: the pictures of a batch share the style, so that
    not every one of them must have all of its colours.  ``net`` is a :class:`FeatureNet` and a module.
    """

    def __init__(
        self,
        net: FeatureNet,
        styles: Sequence[Tensor],
        *,
        content: Mapping[str, float],
        style: Mapping[str, float],
        statistic: str = "covariance",
        pooled: bool = False,
    ) -> None:
        self.net, self.statistic, self.pooled = net, statistic, pooled
        self.content_weights, self.style_weights = dict(content), dict(style)
        self.names = tuple(n for n in net.layer_names if n in self.content_weights or n in self.style_weights)
        missing = [n for n in (*self.content_weights, *self.style_weights) if n not in self.names]
        if missing:
            raise ValueError(f"there is no layer {missing[0]}; there are {', '.join(net.layer_names)}")
        if isinstance(net, nn.Module):
            net.requires_grad_(False)
        found: dict[str, list[tuple[Tensor, ...]]] = {n: [] for n in self.style_weights}
        self.highest: dict[str, Tensor] = {}
        """Of each style layer, the level above which activations do not count for more, ``[1, C, 1, 1]``."""
        with torch.no_grad():
            for picture in styles:
                for name, f in net.features(picture, tuple(self.style_weights)).items():
                    if name not in self.highest:
                        self.highest[name] = level(f)
                    found[name].append(statistics(torch.minimum(f.float(), self.highest[name]), statistic))
        self.targets = {n: tuple(torch.stack(s).mean(dim=0) for s in zip(*v, strict=True)) for n, v in found.items()}

    @torch.no_grad()
    def content_of(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Activations of the content layers and their variance, for :meth:`__call__`."""
        return {
            n: (f.float(), f.float().var(dim=(2, 3), correction=0).mean().clamp_min(1e-8))
            for n, f in self.net.features(x, tuple(self.content_weights)).items()
        }

    def __call__(self, y: Tensor, content: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """The weighted terms by name ("content relu2_2", "style relu1_1", ...); ``y`` ``[N, 3, H, W]`` in [0, 1]."""
        seen = self.net.features(y, self.names)
        out = {
            f"content {n}": weight * (seen[n].float() - content[n][0]).square().mean() / content[n][1]
            for n, weight in self.content_weights.items()
        }
        for n, weight in self.style_weights.items():
            out[f"style {n}"] = weight * self.style_term(seen[n], n)
        return out

    def style_term(self, f: Tensor, name: str) -> Tensor:
        """The unweighted style term of one layer's activations, a mean over pictures."""
        terms = []
        f = torch.minimum(f.float(), self.highest[name])
        for mine, target in zip(statistics(f, self.statistic), self.targets[name], strict=True):
            mine = mine.mean(dim=0, keepdim=True) if self.pooled else mine
            axes = tuple(range(1, mine.ndim))
            terms.append((mine - target).square().sum(dim=axes) / target.square().sum().clamp_min(1e-12))
        return torch.stack(terms).sum(dim=0).mean()

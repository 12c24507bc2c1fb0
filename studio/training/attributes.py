"""Does a label do what it says?  A small classifier, trained on the true factors, looks at generated pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.training.anchor import AnchorSpec
from studio.training.data import Pictures, to_float


class Judge(nn.Module):
    """A small convolution network with one head for each factor."""

    def __init__(self, spec: AnchorSpec) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in (24, 48, 64, 96):
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.ReLU()]
            channels = width
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleList([nn.Linear(channels * 16, len(f.values)) for f in spec.factors])

    def forward(self, x: Tensor) -> list[Tensor]:
        """``[N, 3, S, S]`` to the logits of every factor."""
        y = F.adaptive_avg_pool2d(self.body(x), 4).flatten(1)
        return [head(y) for head in self.heads]


def train_judge(spec: AnchorSpec, data: Pictures, *, steps: int, seed: int = 0, batch: int = 64) -> Judge:
    """Fit a judge to true pictures; small shifts of the picture keep it from counting pixels."""
    torch.manual_seed(seed)
    gen = torch.Generator().manual_seed(seed)
    judge = Judge(spec).train()
    opt = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=1e-3)
    table = spec.table(data.rows)
    weights = spec.rarity(table) ** 0.75
    for step in range(steps):
        for group in opt.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        index = torch.multinomial(weights, batch, replacement=True, generator=gen)
        x = to_float(data.images[index])
        dx, dy = (int(v) for v in torch.randint(-2, 3, (2,), generator=gen))
        x = x.roll((dy, dx), dims=(2, 3)) + 0.03 * torch.randn(x.shape, generator=gen)
        f = table[index]
        loss = torch.stack([F.cross_entropy(y, f[:, i]) for i, y in enumerate(judge(x))]).sum()
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
    return judge.eval()


@torch.no_grad()
def read_factors(judge: Judge, images: Tensor, batch: int = 100) -> Tensor:
    """The judged value of every factor, ``[N, factors]``, of float pictures about [-1, 1]."""
    parts = [torch.stack([y.argmax(1) for y in judge(x.clamp(-1, 1))], dim=1) for x in images.split(batch)]
    return torch.cat(parts)


def judge_accuracy(spec: AnchorSpec, judge: Judge, images: Tensor, truth: Tensor) -> dict[str, float]:
    """Share of pictures judged to have the true value, for each factor."""
    got = read_factors(judge, images)
    return {x.name: round(float((got[:, i] == truth[:, i]).float().mean()), 4) for i, x in enumerate(spec.factors)}


@torch.no_grad()
def toggle_agreement(
    spec: AnchorSpec, judge: Judge, render: Callable[[Tensor, Tensor], Tensor], *, count: int = 100
) -> dict[str, float]:
    """For each toggle and colour group: the share of seeds whose picture the judge finds as the label says.

    A toggle is set on and off (all other toggles off); a colour is set to every value in turn over the seeds.
    """
    gen = torch.Generator().manual_seed(7)
    z = torch.randn(count, spec.z_dim, generator=gen)
    out: dict[str, float] = {}
    for i, x in enumerate(spec.factors):
        for t, by_value in x.toggles:
            flag = torch.tensor(by_value)
            right = 0.0
            for state in (0, 1):
                c = torch.zeros(count, spec.c_dim)
                c[:, t] = state
                got = flag[read_factors(judge, render(z, c))[:, i]]
                right += float((got == state).float().mean()) / 2
            out[spec.toggles[t]] = round(right, 4)
        # Hair and facial hair colours are only judged where they can be seen: neither is part of this measure.
        if x.label_start is not None and x.name != "color_hair":
            value = torch.arange(count) % len(x.values)
            c = torch.zeros(count, spec.c_dim)
            c[torch.arange(count), x.label_start + value] = 1
            out[x.name] = round(float((read_factors(judge, render(z, c))[:, i] == value).float().mean()), 4)
    return out

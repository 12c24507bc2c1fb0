"""From a finished training of a StarGAN to an embedded model with a card, and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.checkpoints.facts import facts
from studio.nets.stargan import StarGAN
from studio.training.data import Pictures, to_float
from studio.training.export import half_state, write_model
from studio.training.translate.stargan import turned
from studio.training.translate.stargan_config import StarganConfig
from studio.training.translate.stargan_labels import LabelPlan, labelled

JUDGE_SIZE = 64
MOST = 80
"""Held-out pictures that are changed in every way."""
METHOD = (
    "On held-out pictures. unchanged_l1: mean absolute difference (0 to 1) between a picture and itself with the "
    "labels that it has. obeyed: share of pictures in which a judge sees a label as it was set, after switching it on "
    "and off (choices: after setting each value), where visible; kept: share of the other labels that it still "
    "sees as before. The judge is a small classifier trained on true pictures alone, which took no part in the training"
)


class LabelJudge(nn.Module):
    """A small convolution network that reads the labels of a plan from pictures of :data:`JUDGE_SIZE` px."""

    def __init__(self, c_dim: int) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        before = 3
        for width in (24, 48, 64, 96):
            steps += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.ReLU()]
            before = width
        self.body = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.head = nn.Linear(before * 16, c_dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, S, S]`` in [-1, 1] to the logits of the labels."""
        out: Tensor = self.head(self.body(small(x)))
        return out


def small(x: Tensor) -> Tensor:
    """Pictures averaged down to what a judge looks at."""
    k = max(1, x.shape[-1] // JUDGE_SIZE)
    return x if k == 1 else F.avg_pool2d(x, k)


def train_judge(plan: LabelPlan, images: Tensor, labels: Tensor, *, steps: int, batch: int = 48) -> LabelJudge:
    """Fit a judge to true pictures (uint8) and their labels; slight shifts and noise keep it from counting pixels."""
    torch.manual_seed(0)
    gen = torch.Generator().manual_seed(0)
    judge = LabelJudge(plan.c_dim).train()
    opt = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=1e-3)
    reduced = torch.cat([small(part.float()).round().to(torch.uint8) for part in images.split(256)])
    n = len(plan.toggles)
    chance = 1 + 2 * labels[:, :n].sum(dim=1)
    for step in range(steps):
        for group in opt.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        index = torch.multinomial(chance, batch, replacement=True, generator=gen)
        x = to_float(reduced[index])
        dx, dy = (int(v) for v in torch.randint(-2, 3, (2,), generator=gen))
        x = x.roll((dy, dx), dims=(2, 3)) + 0.03 * torch.randn(x.shape, generator=gen)
        plan.loss(judge(x), labels[index]).backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
    return judge.eval()


@torch.no_grad()
def read(plan: LabelPlan, judge: LabelJudge, x: Tensor) -> Tensor:
    """The labels that a judge sees, ``[N, c_dim]`` of 0 and 1."""
    logits = torch.cat([judge(part.clamp(-1, 1)) for part in x.split(64)])
    out = (logits > 0).float()
    for start, end in plan.spans():
        out[:, start:end] = F.one_hot(logits[:, start:end].argmax(dim=1), end - start).float()
    return out


def agreement(plan: LabelPlan, seen: Tensor, wanted: Tensor) -> dict[str, float]:
    """For each toggle and choice, the share of rows ``[N, c_dim]`` in which both agree."""
    out = {t.removeprefix("a_"): float((seen[:, i] == wanted[:, i]).float().mean()) for i, t in enumerate(plan.toggles)}
    for (name, _), (start, end) in zip(plan.choices, plan.spans(), strict=True):
        same = seen[:, start:end].argmax(dim=1) == wanted[:, start:end].argmax(dim=1)
        out[name] = float(same.float().mean())
    return {k: round(v, 4) for k, v in out.items()}


@torch.no_grad()
def changed(net: StarGAN, x: Tensor, labels: Tensor) -> Tensor:
    """``[N, 3, S, S]`` in [-1, 1] with the labels."""
    parts = zip(x.split(16), labels.split(16), strict=True)
    return torch.cat([net.translate(a, labels=b) for a, b in parts])


def score(
    net: StarGAN, plan: LabelPlan, judge: LabelJudge, held: Pictures, hidden: Mapping[str, str]
) -> dict[str, Any]:
    """See :data:`METHOD`.  ``hidden``: for a choice, the toggles (columns of 0 and 1, with commas) that hide it."""
    index = torch.arange(0, len(held), max(1, -(-len(held) // MOST)))
    x, own = to_float(held.images[index]), plan.encode([held.rows[int(i)] for i in index])
    rows = [held.rows[int(i)] for i in index]
    real = to_float(held.images)
    out: dict[str, Any] = {
        "held_out": len(held),
        "changed": len(x),
        "unchanged_l1": round(float((changed(net, x, own) - x).abs().mean()) / 2, 4),
    }
    shown = _shown(held.rows, hidden)
    truth = plan.encode(held.rows)
    seen = read(plan, judge, real)
    accuracy = agreement(plan, seen, truth)
    for name, visible in shown.items():
        accuracy[name] = agreement(plan, seen[visible], truth[visible])[name]
    out["judge_on_true_pictures"] = accuracy
    obeyed: dict[str, Any] = {}
    kept: list[float] = []
    before = read(plan, judge, x)
    for i, toggle in enumerate(plan.toggles):
        want = turned(own, plan.spans(), i)
        seen = read(plan, judge, changed(net, x, want))
        right = seen[:, i] == want[:, i]
        on, off = (float(right[want[:, i] == s].float().mean()) for s in (1, 0))
        obeyed[toggle.removeprefix("a_")] = {"on": round(on, 4), "off": round(off, 4)}
        rest = [j for j in range(len(plan.toggles)) if j != i]
        kept.append(float((seen[:, rest] == before[:, rest]).float().mean()) if rest else 1.0)
    for (name, values), (start, end) in zip(plan.choices, plan.spans(), strict=True):
        visible = _shown(rows, hidden).get(name, torch.ones(len(rows), dtype=torch.bool))
        value = torch.arange(len(x)) % len(values)
        want = own.clone()
        want[:, start:end] = F.one_hot(value, len(values)).float()
        seen = read(plan, judge, changed(net, x, want))
        obeyed[name] = round(float((seen[:, start:end].argmax(1) == value)[visible].float().mean()), 4)
        n = len(plan.toggles)
        kept.append(float((seen[:, :n] == before[:, :n]).float().mean()))
    out["obeyed"] = obeyed
    out["kept"] = round(sum(kept) / len(kept), 4)
    out["method"] = METHOD
    return out


def _shown(rows: Any, hidden: Mapping[str, str]) -> dict[str, Tensor]:
    return {
        name: torch.tensor([all(r.get(c, "0") != "1" for c in columns.split(",")) for r in rows])
        for name, columns in hidden.items()
    }


def export_stargan(
    state: Mapping[str, Any],
    data: Pictures,
    weights: Path,
    name: str,
    *,
    title: str = "",
    about: Mapping[str, Any],
    judge_steps: int = 1200,
) -> dict[str, Any]:
    """``NAME.safetensors`` (half precision) and ``NAME.json`` (card) of a finished training; returns the card.

    The held-out tenth of ``data`` gives the scores (``judge_steps`` 0: only how much is left unchanged).  ``about``
    overrides parts of the card; its ``hyper`` is added to the card's, ``value_names`` are plain words for values by
    "column:value", ``hidden`` tells which toggles hide a choice.
    """
    cfg = StarganConfig.from_dict(state["config"])
    plan, _, data = labelled(data, cfg.toggles, cfg.choices)
    train, held = data.split()
    net = StarGAN.from_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in state["ema"].items()}
    )
    half_state(net)
    about = dict(about)
    hidden = about.pop("hidden", {})
    labels = plan.encode(train.rows)
    if judge_steps:
        judge = train_judge(plan, train.images, labels, steps=judge_steps)
        scores = score(net, plan, judge, held, hidden)
    else:
        x = to_float(held.images[:MOST])
        scores = {
            "unchanged_l1": round(float((changed(net, x, plan.encode(held.rows[:MOST])) - x).abs().mean()) / 2, 4)
        }
    recipe = cfg.to_dict()
    for key in ("base", "teacher"):
        recipe[key] = Path(recipe[key]).name
    names = about.pop("value_names", {})
    card = {
        "title": title or name,
        "role": "translator",
        "architecture": "stargan",
        "hyper": {**facts("translator", net), "size": cfg.size, "input": "picture", **about.pop("hyper", {})},
        "label_names": plan.label_names(),
        "label_groups": plan.label_groups(labels, names),
        "scores": scores,
        "training": {
            "pictures": len(train),
            "pictures_seen": state["seen"],
            "steps": state["steps"],
            "minutes": round(state["minutes"], 1),
            "config": recipe,
            **about.pop("training", {}),
        },
        **about,
    }
    return write_model(net, weights, name, card)

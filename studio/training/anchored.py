"""Training steps with label-anchored latents (see :mod:`studio.training.anchor`)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.nets.stylegan2 import StyleGAN2
from studio.nets.stylegan2_ops import FullyConnected
from studio.training.anchor import AnchorSpec
from studio.training.losses import reconstruction

BAND_CUTS = (3, 7)
"""First w index of the middle and of the fine band: 16 px and 64 px, as the mixing board shows them at 128 px."""


def banded_codes(
    g: StyleGAN2, spec: AnchorSpec, f: Tensor, gen: torch.Generator, *, mixed: float = 0.5, spread: float = 0.2
) -> Tensor:
    """ws ``[N, num_ws, w_dim]`` for pictures with factors ``f``.

    A part ``mixed`` of them takes its coarse, middle and fine layers from three different codes, each true only in the
    factors of its own band: so hair and clothes are taught to the coarse layers, the face to the middle ones, and the
    colours to the fine ones.  ``spread``: largest change of the distance from the mean w (truncation robustness).
    """
    n = f.shape[0]
    device = g.w_avg.device
    bands = spec.bands()
    straight = torch.rand(n, 1, generator=gen) >= mixed
    parts = []
    for band in range(3):
        keep = straight | (bands[None] == band)
        parts.append(torch.where(keep, f, spec.shuffled(f, gen)))
    codes = [spec.codes(p, gen, drop=0.1, drop_all=0.25, extra=0.12) for p in parts]
    z = torch.cat([codes[0].z, *(torch.where(straight, codes[0].z, x.z) for x in codes[1:])])
    c = torch.cat([codes[0].c, *(torch.where(straight, codes[0].c, x.c) for x in codes[1:])])
    w = g.mapping(z.to(device), c.to(device)).view(3, n, -1)
    with torch.no_grad():
        g.mapping.w_avg.copy_(w.detach().mean(dim=(0, 1)).lerp(g.mapping.w_avg, 0.995))
    a, b = (min(cut, g.num_ws) for cut in BAND_CUTS)
    ws = torch.cat(
        (
            w[0][:, None].expand(-1, a, -1),
            w[1][:, None].expand(-1, b - a, -1),
            w[2][:, None].expand(-1, g.num_ws - b, -1),
        ),
        dim=1,
    )
    if spread:
        psi = 1 + spread * (torch.rand(n, 1, 1, generator=gen) * 2 - 1)
        psi = torch.where(torch.rand(n, 1, 1, generator=gen) < 0.5, psi, torch.ones(())).to(device)
        ws = g.w_avg + psi * (ws - g.w_avg)
    return ws


def paired_loss(pictures: list[Tensor], target: Tensor, *, low_weight: float = 0.25) -> Tensor:
    """Reconstruction of the full picture and, with ``low_weight``, of the skip picture at half size (the preview)."""
    loss = reconstruction(pictures[-1], target)
    if low_weight and len(pictures) > 1 and pictures[-2].shape[-1] >= 32:
        loss = loss + low_weight * reconstruction(pictures[-2], F.avg_pool2d(target, 2), scales=2)
    return loss


def mapping_groups(g: StyleGAN2, lr: float, boost: float) -> list[dict[str, object]]:
    """Optimiser groups: the mapping's hidden layers at ``lr * boost``, everything else at ``lr``."""
    hidden = [p for name, p in g.mapping.named_parameters() if name.startswith("fc")]
    rest = [p for name, p in g.named_parameters() if not name.startswith("mapping.fc")]
    return [{"params": rest, "lr": lr, "scale": 1.0}, {"params": hidden, "lr": lr * boost, "scale": boost}]


def warm_up_mapping(
    g: StyleGAN2,
    spec: AnchorSpec,
    f: Tensor,
    gen: torch.Generator,
    *,
    steps: int,
    batch: int = 1024,
    rate: float = 1.0,
    report: Callable[[int, float, float], None] | None = None,
) -> float:
    """Teach the mapping alone to tell the factors apart: w must give them away to a linear reader.

    Without this the synthesis would have to wait until the mapping has found out what a largest entry is.  Returns
    the share of factor values that can be read from w at the end.
    """
    device = g.w_avg.device
    reader = nn.ModuleList([FullyConnected(g.w_dim, len(x.values)) for x in spec.factors]).to(device)
    groups = [
        {"params": [p for n, p in g.mapping.named_parameters() if n.startswith("fc")], "lr": rate},
        {"params": [*g.mapping.embed.parameters(), *reader.parameters()], "lr": 0.01},
    ]
    opt = torch.optim.Adam(groups, betas=(0.9, 0.99))
    right = 0.0
    for step in range(steps):
        for group, base in zip(opt.param_groups, (rate, 0.01), strict=True):
            group["lr"] = base * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
        v = spec.shuffled(f[torch.randint(f.shape[0], (batch,), generator=gen)], gen)
        codes = spec.codes(v, gen, drop=0.1, drop_all=0.25, extra=0.12)
        w = g.mapping(codes.z.to(device), codes.c.to(device))
        v = v.to(device)
        logits = [head(w) * 4 for head in reader]
        loss = torch.stack([F.cross_entropy(x, v[:, i]) for i, x in enumerate(logits)]).sum()
        size = w.square().mean(dim=1)
        (loss + 0.5 * (size - 1).square().mean()).backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            right = float(torch.stack([(x.argmax(1) == v[:, i]).float().mean() for i, x in enumerate(logits)]).mean())
            if report is not None:
                report(step, float(loss.detach()), right)
    with torch.no_grad():
        codes = spec.codes(spec.shuffled(f, gen), gen)
        g.mapping.w_avg.copy_(g.mapping(codes.z.to(device), codes.c.to(device)).mean(dim=0))
    return right

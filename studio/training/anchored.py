"""Training steps with label-anchored latents (see :mod:`studio.training.anchor`)."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2 import StyleGAN2
from studio.training.anchor import AnchorSpec
from studio.training.losses import reconstruction

BAND_CUTS = (3, 7)
"""First w index of the middle and of the fine band: 16 px and 64 px, as the mixing board shows them at 128 px."""


def banded_codes(
    g: StyleGAN2,
    spec: AnchorSpec,
    f: Tensor,
    gen: torch.Generator,
    *,
    mixed: float = 0.4,
    spread: float = 0.2,
    exact: float = 0.5,
) -> Tensor:
    """ws ``[N, num_ws, w_dim]`` for pictures with factors ``f``.

    A part ``mixed`` of them takes its fine layers from another code than its coarse and middle ones (and a third of
    those its middle layers from yet another), each true only in the factors of its own band: so hair and clothes are
    taught to the coarse layers, the face to the middle ones, and the colours to the fine ones.  ``spread``: largest
    change of the distance from the mean w (truncation robustness).  ``exact``: the part whose codes are written down
    from :func:`codebook` instead of asked from the mapping, so that the synthesis never waits for it.
    """
    n = f.shape[0]
    device = g.w_avg.device
    bands = spec.bands()
    draw = torch.rand(n, 1, generator=gen)
    straight = draw >= mixed
    two = draw >= mixed / 3
    other = spec.shuffled(f, gen)
    coarse = torch.where(straight | torch.where(two, bands[None] < 2, bands[None] == 0), f, other)
    middle = torch.where(bands[None] == 1, f, spec.shuffled(f, gen))
    fine = torch.where(bands[None] == 2, f, spec.shuffled(f, gen))
    parts = (coarse, middle, fine)
    codes = [spec.codes(p, gen, drop=0.1, drop_all=0.25, extra=0.12) for p in parts]
    same = (two, straight)
    z = torch.cat([codes[0].z, *(torch.where(m, codes[0].z, x.z) for m, x in zip(same, codes[1:], strict=True))])
    c = torch.cat([codes[0].c, *(torch.where(m, codes[0].c, x.c) for m, x in zip(same, codes[1:], strict=True))])
    w = g.mapping(z.to(device), c.to(device)).view(3, n, -1)
    with torch.no_grad():
        g.mapping.w_avg.copy_(w.detach().mean(dim=(0, 1)).lerp(g.mapping.w_avg, 0.995))
    if exact:
        written = torch.stack([spec.one_hot(p) for p in parts]).to(device)
        written[1] = torch.where(two.to(device), written[0], written[1])
        written[2] = torch.where(straight.to(device), written[0], written[2])
        use = (torch.rand(1, n, 1, generator=gen) < exact).to(device)
        w = torch.where(use, written @ codebook(spec, g.w_dim).to(device), w)
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


def codebook(spec: AnchorSpec, w_dim: int, seed: int = 0) -> Tensor:
    """A direction of w for every factor value, ``[spec.z_dim, w_dim]``: orthogonal; w gets mean square 1."""
    return _codebook(spec.z_dim, len(spec.factors), w_dim, seed)


@functools.lru_cache(maxsize=4)
def _codebook(values: int, factors: int, w_dim: int, seed: int) -> Tensor:
    gen = torch.Generator().manual_seed(seed)
    noise = torch.randn(max(w_dim, values), values, generator=gen)
    # More values than dimensions (tiny test networks): no orthogonal directions, random ones must do.
    basis: Tensor = torch.linalg.qr(noise).Q.t() if values <= w_dim else F.normalize(noise[:w_dim].t(), dim=1)
    scaled: Tensor = basis * (w_dim / factors) ** 0.5
    return scaled


def mapping_loss(g: StyleGAN2, spec: AnchorSpec, v: Tensor, gen: torch.Generator) -> tuple[Tensor, float]:
    """How far w is from the sum of one fixed direction for each factor value of ``v``, and the share read back rightly.

    Squared distance, and cross entropy of the values as read along the directions of :func:`codebook`.
    """
    device = g.w_avg.device
    book = codebook(spec, g.w_dim).to(device)
    codes = spec.codes(v, gen, drop=0.1, drop_all=0.35, extra=0.12)
    w = g.mapping(codes.z.to(device), codes.c.to(device))
    score = w @ book.t() / book.square().sum(dim=1).mean()
    parts = [score[:, x.start : x.start + len(x.values)] for x in spec.factors]
    truth = v.to(device)
    named = torch.stack([F.cross_entropy(y * 8, truth[:, i]) for i, y in enumerate(parts)]).mean()
    loss = (w - spec.one_hot(v).to(device) @ book).square().mean() + named
    right = torch.stack([(y.detach().argmax(1) == truth[:, i]).float().mean() for i, y in enumerate(parts)]).mean()
    return loss, float(right)


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
    """Teach the mapping alone to tell the factors apart: w becomes the sum of one fixed direction for each value.

    Without this the synthesis would have to wait until the mapping has found out what a largest entry is, and what z
    says would stay faint in w beside what the label says.  Returns the share of factor values read back rightly.
    """
    device = g.w_avg.device
    rates = (rate, 0.01)
    groups = [
        {"params": [p for n, p in g.mapping.named_parameters() if n.startswith("fc")], "lr": rates[0]},
        {"params": list(g.mapping.embed.parameters()), "lr": rates[1]},
    ]
    opt = torch.optim.Adam(groups, betas=(0.9, 0.99))
    right = 0.0
    for step in range(steps):
        for group, base in zip(opt.param_groups, rates, strict=True):
            group["lr"] = base * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
        v = spec.shuffled(f[torch.randint(f.shape[0], (batch,), generator=gen)], gen)
        loss, right = mapping_loss(g, spec, v, gen)
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        if report is not None and (step % 50 == 0 or step == steps - 1):
            report(step, float(loss.detach()), right)
    with torch.no_grad():
        codes = spec.codes(spec.shuffled(f, gen), gen, drop_all=0.5)
        g.mapping.w_avg.copy_(g.mapping(codes.z.to(device), codes.c.to(device)).mean(dim=0))
    return right

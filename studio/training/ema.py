"""The exponential moving average of a generator's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A copy of ``net`` whose weights follow it with a half-life of ``half_life`` pictures."""

    def __init__(self, net: nn.Module, half_life: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, net: nn.Module, batch: int, seen: int) -> None:
        """Move towards ``net`` after ``batch`` more pictures; early on (``seen`` small) the half-life is shorter."""
        beta = 0.5 ** (batch / max(1e-8, min(self.half_life, seen * 0.05 + batch)))
        mine, theirs = list(self.net.parameters()), list(net.parameters())
        torch._foreach_lerp_(mine, [p.detach() for p in theirs], 1.0 - beta)
        for a, b in zip(self.net.buffers(), net.buffers(), strict=True):
            a.copy_(b)

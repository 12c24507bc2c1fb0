"""The exponential moving average of a generator's weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

NetT = TypeVar("NetT", bound=nn.Module)


class Ema(Generic[NetT]):
    """A copy of ``net`` whose weights follow it with a half-life of ``half_life`` pictures."""

    def __init__(self, net: NetT, half_life: float) -> None:
        self.net: NetT = copy.deepcopy(net)
        self.net.eval().requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, net: nn.Module, batch: int, seen: int) -> None:
        """Move towards ``net`` after ``batch`` more pictures; early on (``seen`` small) the half-life is shorter."""
        beta = 0.5 ** (batch / max(1e-8, min(self.half_life, seen * 0.05 + batch)))
        mine: list[torch.Tensor] = list(self.net.parameters())
        theirs = list(net.parameters())
        torch._foreach_lerp_(mine, [p.detach() for p in theirs], 1.0 - beta)
        for a, b in zip(self.net.buffers(), net.buffers(), strict=True):
            a.copy_(b)

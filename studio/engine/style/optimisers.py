"""Adam and L-BFGS as plain functions of arrays, so that their state can be kept, resized and taken up again exactly.

Adam follows Kingma & Ba 2015 (bias-corrected, as ``torch.optim.Adam``); L-BFGS is the two-loop recursion without a
line search, one evaluation a step, as neural-style uses it (``torch.optim.LBFGS`` with ``max_iter=1``).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from studio.engine.pictures import Size, smooth

BETAS = (0.9, 0.99)
EPS = 1e-8
HISTORY = 10


class Optimiser(Protocol):
    """Moves a picture against its gradient, in place."""

    def step(self, x: Tensor, grad: Tensor, size: float) -> None: ...

    def resize(self, size: Size, gain: float) -> None:
        """Go on at another picture size, where gradients are ``gain`` times as large."""

    def state(self) -> dict[str, np.ndarray]: ...

    def restore(self, state: dict[str, np.ndarray], device: torch.device) -> None: ...


class Adam:
    """``size`` is the step in pixel values at most, roughly."""

    def __init__(self) -> None:
        self._m: Tensor | None = None
        self._v: Tensor | None = None
        self._steps = 0

    def step(self, x: Tensor, grad: Tensor, size: float) -> None:
        if self._m is None or self._v is None:
            self._m, self._v = torch.zeros_like(x), torch.zeros_like(x)
        self._steps += 1
        a, b = BETAS
        self._m.lerp_(grad, 1.0 - a)
        self._v.mul_(b).addcmul_(grad, grad, value=1.0 - b)
        root = (self._v.sqrt() / math.sqrt(1.0 - b**self._steps)).add_(EPS)
        x.addcdiv_(self._m, root, value=-size / (1.0 - a**self._steps))

    def resize(self, size: Size, gain: float) -> None:
        if self._m is not None and self._v is not None:
            self._m = (smooth(self._m, size) * gain).contiguous()
            self._v = (smooth(self._v, size) * gain**2).clamp_(min=0.0).contiguous()

    def state(self) -> dict[str, np.ndarray]:
        found = {"adam_steps": np.int64(self._steps).reshape(1)}
        if self._m is not None and self._v is not None:
            found |= {"adam_m": self._m.cpu().numpy(), "adam_v": self._v.cpu().numpy()}
        return found

    def restore(self, state: dict[str, np.ndarray], device: torch.device) -> None:
        self._steps = int(state["adam_steps"][0])
        if "adam_m" in state:
            self._m = torch.from_numpy(state["adam_m"]).to(device)
            self._v = torch.from_numpy(state["adam_v"]).to(device)


class LBFGS:
    """It searches its own step size: ``size`` is not used."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, x: Tensor, grad: Tensor, size: float) -> None:
        if self._last is not None:
            s, y = x - self._last[0], grad - self._last[1]
            if float((s * y).sum()) > 1e-10 * float((y * y).sum()):
                self._pairs = [*self._pairs[-(HISTORY - 1) :], (s, y)]
        self._last = (x.clone(), grad.clone())
        d = -grad
        alphas = []
        for s, y in reversed(self._pairs):
            alpha = float((s * d).sum()) / float((s * y).sum())
            d = d.add(y, alpha=-alpha)
            alphas.append(alpha)
        if self._pairs:
            s, y = self._pairs[-1]
            d = d * (float((s * y).sum()) / float((y * y).sum()))
        else:
            d = d * (FIRST / max(float(d.abs().mean()), 1e-30))
        for (s, y), alpha in zip(self._pairs, reversed(alphas), strict=True):
            d = d.add(s, alpha=alpha - float((y * d).sum()) / float((s * y).sum()))
        # A direction that would repaint everything at once comes of a poor estimate of the curvature.
        d = d * min(1.0, LARGEST / max(float(d.abs().mean()), 1e-30))
        x.add_(d)

    def resize(self, size: Size, gain: float) -> None:
        self._pairs, self._last = [], None  # what was learned of the curvature does not carry over

    def state(self) -> dict[str, np.ndarray]:
        found = {"lbfgs_pairs": np.int64(len(self._pairs)).reshape(1)}
        for i, (s, y) in enumerate(self._pairs):
            found |= {f"lbfgs_s{i}": s.cpu().numpy(), f"lbfgs_y{i}": y.cpu().numpy()}
        if self._last is not None:
            found |= {"lbfgs_x": self._last[0].cpu().numpy(), "lbfgs_g": self._last[1].cpu().numpy()}
        return found

    def restore(self, state: dict[str, np.ndarray], device: torch.device) -> None:
        def get(name: str) -> Tensor:
            return torch.from_numpy(state[name]).to(device)

        self._pairs = [(get(f"lbfgs_s{i}"), get(f"lbfgs_y{i}")) for i in range(int(state["lbfgs_pairs"][0]))]
        self._last = (get("lbfgs_x"), get("lbfgs_g")) if "lbfgs_x" in state else None


FIRST, LARGEST = 0.01, 0.1
"""Mean change of a pixel by L-BFGS's first step, and at most by any."""

"""What of a layer's activations makes the style, as terms with values and gradients, exact in parts.

Every term is measured over any number of pieces of a picture (tiles), finished once, and then pulled on each piece::

    term.begin(step)
    for piece in pieces: term.measure(piece, weight)     # no gradients are kept
    value = term.finish()
    for piece in pieces: gradient = term.pull(piece, weight)

A piece is ``[M, C]``: M places of C channels, float32 or bfloat16; ``weight`` ``[M]`` (None: 1) is the mask there.  All
sums are float32.  Values with one piece and with many are the same up to rounding.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.project.style import Statistic

CHUNK = 1 << 16
PROJECTIONS = 48
FEWEST = 8
FULL = 1 << 18
"""Up to so many places sliced Wasserstein takes 48 projections a step, beyond that fewer, down to 8: they are fresh at
every step, and sorting is what it costs."""
SAMPLES = 1 << 14
"""Places of the style picture that stand for its distribution in sliced Wasserstein."""
_EPS = 1e-6


class Term(ABC):
    """The style cost of one layer against one style picture, for a target that was measured before."""

    @abstractmethod
    def begin(self, step: int) -> None:
        """Forget what was measured; ``step`` numbers the evaluation (fresh projections)."""

    @abstractmethod
    def measure(self, piece: Tensor, weight: Tensor | None) -> None: ...

    @abstractmethod
    def finish(self) -> float: ...

    @abstractmethod
    def pull(self, piece: Tensor, weight: Tensor | None) -> Tensor:
        """The gradient ``[M, C]`` of the value with respect to a piece, in its type; pieces in the order measured."""


class Sums:
    """Mass, first and second moments of places, summed up: all that the three moment statistics know of a picture."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.mass = 0.0
        self.first: Tensor | None = None
        self.second: Tensor | None = None

    def add(self, piece: Tensor, weight: Tensor | None) -> None:
        for start in range(0, piece.shape[0], CHUNK):
            f = piece[start : start + CHUNK].float()
            w = None if weight is None else weight[start : start + CHUNK, None].float()
            g = f if w is None else f * w
            first = g.sum(dim=0)
            second = g.T @ f if self.full else (g * f).sum(dim=0)
            self.mass += float(f.shape[0]) if w is None else float(w.sum())
            self.first = first if self.first is None else self.first + first
            self.second = second if self.second is None else self.second + second

    def means(self) -> tuple[Tensor, Tensor]:
        """First and second moments divided by the mass."""
        if self.first is None or self.second is None:
            raise RuntimeError("nothing was measured")
        mass = max(self.mass, _EPS)
        return self.first / mass, self.second / mass


class MomentTerm(Term):
    """Gram, covariance or channel moments: all are functions of :class:`Sums`."""

    def __init__(self, kind: Statistic, target: Sums) -> None:
        self._kind = kind
        self._mean, self._square = (t.detach() for t in target.means())
        # Features of another network may be a hundred times as large: means and covariances are compared in units of
        # the target's mean square.
        power = self._square.diagonal() if target.full else self._square
        self._unit = max(float(power.mean()), 1e-12)
        self._sums = Sums(full=target.full)
        self._gradient: tuple[Tensor, Tensor] | None = None

    def begin(self, step: int) -> None:
        self._sums = Sums(full=self._sums.full)
        self._gradient = None

    def measure(self, piece: Tensor, weight: Tensor | None) -> None:
        self._sums.add(piece, weight)

    def finish(self) -> float:
        with torch.enable_grad():
            mean, square = (t.requires_grad_() for t in self._sums.means())
            value = self._value(mean, square)
            a, b = torch.autograd.grad(value, (mean, square), allow_unused=True)
        mass = max(self._sums.mass, _EPS)
        first = torch.zeros_like(mean) if a is None else a / mass
        if b is None:
            raise RuntimeError("a statistic without second moments")
        self._gradient = first, (b + b.T if b.dim() == 2 else 2.0 * b) / mass
        return float(value.detach())

    def _value(self, mean: Tensor, square: Tensor) -> Tensor:
        channels = mean.shape[0]
        if self._kind == "gram":  # the seed's formula, with G over places so that pictures of two sizes compare
            return (square - self._square).square().sum() / (4.0 * channels**2)
        means = (mean - self._mean).square().sum() / (channels * self._unit)
        if self._kind == "covariance":
            ours, theirs = square - torch.outer(mean, mean), self._square - torch.outer(self._mean, self._mean)
            return means + (ours - theirs).square().sum() / (channels * self._unit**2)
        floor = 1e-4 * self._unit
        ours, theirs = square - mean.square(), self._square - self._mean.square()
        spread = ours.clamp_min(0).add(floor).sqrt() - theirs.clamp_min(0).add(floor).sqrt()
        return means + spread.square().sum() / (channels * self._unit)

    def pull(self, piece: Tensor, weight: Tensor | None) -> Tensor:
        if self._gradient is None:
            raise RuntimeError("pull comes after finish")
        first, second = self._gradient
        out = torch.empty_like(piece)
        for start in range(0, piece.shape[0], CHUNK):
            f = piece[start : start + CHUNK].float()
            g = f @ second if second.dim() == 2 else f * second
            g = g + first
            if weight is not None:
                g = g * weight[start : start + CHUNK, None]
            out[start : start + CHUNK] = g.to(out.dtype)
        return out


class Samples:
    """Places of a style picture, thinned evenly to at most :data:`SAMPLES`."""

    def __init__(self, every: int) -> None:
        self._every = max(1, every)
        self._parts: list[Tensor] = []
        self._seen = 0

    def add(self, piece: Tensor, weight: Tensor | None) -> None:
        offset = -self._seen % self._every
        self._seen += piece.shape[0]
        self._parts.append(piece[offset :: self._every].float())

    def all(self) -> Tensor:
        """``[N, C]``."""
        return torch.cat(self._parts)


class SlicedTerm(Term):
    """Sliced Wasserstein distance (Heitz et al. 2021): the sorted values along random directions are compared.

    ``key`` seeds the directions together with the step, so any step can be repeated without the ones before.  The
    style's values at the places' ranks are interpolated, so the pictures' sizes may differ; weights move the ranks.
    """

    def __init__(self, target: Tensor, key: int) -> None:
        self._target, self._key = target, key
        self._unit = max(float(target.square().mean()), 1e-12)
        self._step = 0
        self._projections: Tensor | None = None
        self._parts: list[Tensor] = []
        self._weights: list[Tensor | None] = []
        self._gradient: Tensor | None = None
        self._at = 0
        self.places = 0

    def expect(self, places: int) -> None:
        """How many places the whole picture has at this layer (it decides the number of projections)."""
        self.places = places

    def begin(self, step: int) -> None:
        count = PROJECTIONS if self.places <= FULL else max(FEWEST, PROJECTIONS * FULL // self.places)
        generator = torch.Generator().manual_seed((self._key * 1_000_003 + step * 7919 + 17) & 0x7FFFFFFFFFFFFFFF)
        drawn = torch.randn(self._target.shape[1], count, generator=generator)
        self._projections = (drawn / drawn.norm(dim=0, keepdim=True)).to(self._target.device)
        self._parts, self._weights, self._gradient, self._at = [], [], None, 0

    def measure(self, piece: Tensor, weight: Tensor | None) -> None:
        if self._projections is None:
            raise RuntimeError("measure comes after begin")
        self._parts.append((piece.float() @ self._projections).T)
        self._weights.append(weight)

    def finish(self) -> float:
        if self._projections is None or not self._parts:
            raise RuntimeError("finish comes after measure")
        goals = _sorted((self._target @ self._projections).T.contiguous())
        values = (self._parts[0] if len(self._parts) == 1 else torch.cat(self._parts, dim=1)).contiguous()
        self._parts = []
        weight = None
        if any(w is not None for w in self._weights):
            weight = torch.cat([w for w in self._weights if w is not None]).float()
        count, places = values.shape
        mass = float(places) if weight is None else max(float(weight.sum()), _EPS)
        total = 0.0
        each = max(1, (CHUNK * PROJECTIONS) // places)
        for start in range(0, count, each):
            rows = values[start : start + each]
            order = _order(rows)
            goal = goals[start : start + each]
            if weight is None:  # the ranks (m + 1/2) / M of all rows: just what resampling to another length reads
                wished = F.interpolate(goal[None], size=places, mode="linear", align_corners=False)[0]
            else:
                w = weight[order]
                wished = _quantiles(goal, (torch.cumsum(w, 1) - 0.5 * w) / mass)
            rows.sub_(torch.empty_like(rows).scatter_(1, order, wished))  # how far each place is from its quantile
            if weight is None:
                total += float(rows.square().sum()) / mass
            else:
                total += float((rows.square() * weight).sum()) / mass
                rows.mul_(weight)
        self._gradient = values.mul_(2.0 / (mass * count * self._unit))
        return total / (count * self._unit)

    def pull(self, piece: Tensor, weight: Tensor | None) -> Tensor:
        if self._gradient is None or self._projections is None:
            raise RuntimeError("pull comes after finish")
        mine = self._gradient[:, self._at : self._at + piece.shape[0]]
        self._at += piece.shape[0]
        return (mine.T @ self._projections.T).to(piece.dtype)


def _order(rows: Tensor) -> Tensor:
    """Indices ``[K, M]`` that sort each row.  On the processor numpy does it: several times faster than torch."""
    if rows.device.type != "cpu":
        return torch.argsort(rows, dim=1)
    return torch.from_numpy(np.argsort(rows.numpy(), axis=1))


def _sorted(rows: Tensor) -> Tensor:
    if rows.device.type != "cpu":
        return torch.sort(rows, dim=1).values
    return torch.from_numpy(np.sort(rows.numpy(), axis=1))


def _quantiles(goals: Tensor, ranks: Tensor) -> Tensor:
    """Values at ``ranks`` ``[K, M]`` in 0..1 of sorted samples ``[K, n]``, linear in between."""
    n = goals.shape[1]
    at = (ranks * n - 0.5).clamp(0.0, n - 1.0)
    low = at.floor()
    i = low.long()
    return torch.lerp(goals.gather(1, i), goals.gather(1, (i + 1).clamp_max(n - 1)), at - low)


class Measure:
    """Takes in a style picture piece by piece and becomes the term that compares with it."""

    def __init__(self, kind: Statistic, places: int, key: int) -> None:
        self._kind, self._key = kind, key
        self._into: Sums | Samples
        self._into = Samples(math.ceil(places / SAMPLES)) if kind == "sliced" else Sums(full=kind != "moments")

    def add(self, piece: Tensor) -> None:
        self._into.add(piece, None)

    def term(self) -> Term:
        if isinstance(self._into, Samples):
            return SlicedTerm(self._into.all(), self._key)
        return MomentTerm(self._kind, self._into)

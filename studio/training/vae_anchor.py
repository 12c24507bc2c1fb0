"""Label-anchored codes for an autoencoder: a dimension for every value of every labelled column.

Each column ("factor") of the label table owns a block of the latent with one dimension for each of its values, as in
:mod:`studio.training.anchor`.  Under the prior N(0, I) the largest entry of a block says the value, so that every value
is as likely as any other and a draw from the prior describes a whole picture.  The code of a picture is the mean of the
prior given what the labels say: with ``s = E[max of k normals]``, the true value's entry is ``s`` and the other k - 1
share ``-s / (k - 1)``.  Dimensions beyond the blocks are free.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.training.anchor import FINE_PREFIXES, AnchorSpec

COLOUR_SPREAD = 0.15
"""Standard deviation around the code of a colour: colours are left free to blend between their values."""


def expected_largest(k: int) -> float:
    """The mean of the largest of ``k`` standard normals (trapezoidal rule over its density)."""
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = torch.exp(-0.5 * x * x) / (2 * torch.pi) ** 0.5
    below = 0.5 * (1 + torch.erf(x / 2**0.5))
    return float(torch.trapezoid(x * k * density * below ** (k - 1), x))


class LabelCodes:
    """Codes of factor values, ``dim`` entries long."""

    def __init__(self, spec: AnchorSpec, dim: int) -> None:
        if dim < spec.z_dim:
            raise StudioError(
                f"A latent of {dim} is too small for these labels.",
                f"They have {spec.z_dim} values.",
                f"Use --latent-dim {spec.z_dim} or more, or --anchor-weight 0.",
            )
        self.spec, self.dim = spec, dim
        self.rows = torch.zeros(spec.z_dim, dim)
        """``[values, dim]``: what each value adds to a code."""
        self.loose = torch.zeros(dim)
        """1 for the entries of colours."""
        for f in spec.factors:
            k = len(f.values)
            block = slice(f.start, f.start + k)
            if k > 1:
                largest = expected_largest(k)
                self.rows[block, block] = -largest / (k - 1)
                self.rows[block, block].fill_diagonal_(largest)
            if f.name.startswith(FINE_PREFIXES):
                self.loose[block] = 1.0

    def mean(self, f: Tensor) -> Tensor:
        """The code of factor values ``[N, factors]``: ``[N, dim]``, zero in the free dimensions."""
        return self.spec.one_hot(f) @ self.rows

    def draw(self, f: Tensor, gen: torch.Generator, *, gentle: float = 0.2) -> Tensor:
        """Random codes ``[N, dim]`` that say ``f``: draws from the prior given the labels, drawn back to their mean.

        Each is drawn back by a factor between ``gentle`` and 1 of its own, mostly a small one, so that codes near the
        border of two values are rare and the decoder may pass from one to the other gradually.  Colours lie near their
        means.
        """
        n = len(f)
        z = torch.randn(n, self.dim, generator=gen)
        rows = torch.arange(n)
        for i, x in enumerate(self.spec.factors):
            block = z[:, x.start : x.start + len(x.values)]
            top = block.argmax(dim=1)
            a, b = block[rows, top].clone(), block[rows, f[:, i]].clone()
            block[rows, top] = b
            block[rows, f[:, i]] = a
        mean = self.mean(f)
        back = gentle + (1 - gentle) * torch.rand(n, 1, generator=gen).square()
        held = mean + back * (z - mean)
        near = mean + COLOUR_SPREAD * torch.randn(n, self.dim, generator=gen)
        return torch.where(self.loose.bool(), near, held)

    def between(self, f: Tensor, other: Tensor, t: Tensor, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes a part ``t`` ``[N, 1]`` of the way from ``f`` to ``other``, and those of ``f`` in the colours of
        ``other``.

        Where ``shapes`` ``[N, 1]`` bool is false only the colours are on the way, and the shapes are those of ``f``.
        """
        loose = torch.tensor([x.name.startswith(FINE_PREFIXES) for x in self.spec.factors])
        here, there = self.mean(f), self.mean(torch.where(loose, other, f))
        return torch.lerp(here, torch.where(shapes, self.mean(other), there), t), there

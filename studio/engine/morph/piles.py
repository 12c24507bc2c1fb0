"""A direction from two piles of codes, as plain arithmetic (numpy only).

Three steps, each made for few examples:

1. the difference of the two means, every example of a pile counting the same and both piles the same, however unequal
   they are;
2. shrunk component by component (of the basis that is given) by the positive part of James and Stein: what the chance
   of so few examples explains is taken off, ``d * max(0, 1 - s^2 (1/n1 + 1/n0) / d^2)``;
3. whitened by the scatter inside of the piles (linear discriminant analysis), as far as the examples can carry it:
   ``v = (rho m I + (1 - rho) S)^-1 d`` with S the covariance inside of the piles (pooled, so that a tiny pile does not
   pretend to know it), m its mean variance and rho the shrinkage of Ledoit and Wolf ("A well-conditioned estimator
   for large-dimensional covariance matrices", 2004).  Two examples give rho = 1, the difference itself; many give a
   direction that leaves out what varies anyway.

On the avatars, with an autoencoder of ours, piles of 8 found directions nearer to those of 7,000 pictures than the bare
difference of means does (cosine 0.53 for 0.44), and tell other pictures apart better (87 % for 80 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

FOLDS = 20
"""Examples are left out one by one up to twice this number, then in so many groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """``vector`` ``[D]`` of length 1 (towards having), ``middle`` between the piles along it, ``shrink`` rho."""

    vector: Float64Array
    middle: float
    shrink: float


def find(having: Float64Array, lacking: Float64Array, basis: Float64Array | None = None) -> Found | None:
    """The direction from ``lacking`` ``[n, D]`` to ``having`` ``[m, D]``; ``None`` when the means do not differ.

    ``basis`` ``[D, D]`` orthonormal rows in which chance is independent (``None``: the dimensions themselves).
    """
    plus, minus = having.mean(axis=0), lacking.mean(axis=0)
    difference = plus - minus
    scale = float(np.abs(having).max() + np.abs(lacking).max())
    if np.linalg.norm(difference) <= 1e-7 * max(1e-12, scale) * np.sqrt(len(difference)):
        return None
    inside = np.concatenate([having - plus, lacking - minus])
    wanted = _without_chance(difference, inside, (len(having), len(lacking)), basis)
    vector, shrink = _whitened(wanted, inside)
    vector = vector / np.linalg.norm(vector)
    return Found(vector, float((plus + minus) @ vector / 2), shrink)


def _without_chance(
    difference: Float64Array, inside: Float64Array, sizes: tuple[int, int], basis: Float64Array | None
) -> Float64Array:
    freedom = sum(sizes) - 2
    if freedom < 1:
        return difference
    turned, spread = (difference, inside) if basis is None else (basis @ difference, inside @ basis.T)
    chance = (spread**2).sum(axis=0) / freedom * (1 / sizes[0] + 1 / sizes[1])
    kept = turned * np.maximum(0.0, 1.0 - chance / np.maximum(turned**2, 1e-300))
    if not np.any(kept):
        return difference
    return np.asarray(kept if basis is None else basis.T @ kept)


def _whitened(wanted: Float64Array, inside: Float64Array) -> tuple[Float64Array, float]:
    """(Shrunk covariance)^-1 wanted, and rho, from the rows ``inside`` ``[n, D]``.

    Through whichever is smaller of their n x n and D x D products (Woodbury).
    """
    n, width = inside.shape
    few = n < width
    products = inside @ inside.T if few else inside.T @ inside  # traces and Frobenius norms of the two are equal
    mean = float(np.trace(products)) / n / width
    if mean <= 1e-12:
        return wanted, 1.0
    square = float((products**2).sum()) / n**2
    apart = square / width - mean**2
    error = (float(((inside**2).sum(axis=1) ** 2).sum()) / n - square) / n / width
    rho = 1.0 if apart <= 0.0 else float(np.clip(error / apart, 0.0, 1.0))
    rho = max(rho, 1e-4)  # a whole inverse of a covariance that is not whole would be none
    base, part = rho * mean, (1.0 - rho) / n
    shrunk = base * np.eye(len(products)) + part * products
    if not few:
        return np.linalg.solve(shrunk, wanted), rho
    inner = np.linalg.solve(shrunk, inside @ wanted)
    return np.asarray((wanted - part * inside.T @ inner) / base), rho


def left_out(
    having: Float64Array, lacking: Float64Array, basis: Float64Array | None = None
) -> tuple[Float64Array, Float64Array]:
    """Where each example lies along a direction that was found without it, measured from the middle; ``[m]``, ``[n]``.

    nan where leaving it out leaves its pile empty, or no difference.
    """
    together = np.concatenate([having, lacking])
    first = np.arange(len(together)) < len(having)
    order = np.concatenate([np.arange(len(having)), np.arange(len(lacking))])  # each pile is spread over the folds
    fold = np.arange(len(together)) if len(together) <= 2 * FOLDS else order % FOLDS
    out = np.full(len(together), np.nan)
    for k in np.unique(fold):
        kept, tested = fold != k, np.flatnonzero(fold == k)
        if not (kept & first).any() or not (kept & ~first).any():
            continue
        found = find(together[kept & first], together[kept & ~first], basis)
        if found is not None:
            out[tested] = together[tested] @ found.vector - found.middle
    return out[first], out[~first]


def balanced_accuracy(having: Float64Array, lacking: Float64Array) -> float:
    """The mean of both piles' shares on their own side of 0; nan where a pile has none that was measured."""
    shares = []
    for values, sign in ((having, 1.0), (lacking, -1.0)):
        known = values[np.isfinite(values)] * sign
        shares.append(float(np.mean((known > 0) + 0.5 * (known == 0))) if len(known) else float("nan"))
    return float(np.mean(shares))

"""Class labels of a latent: what its number draws from the model's own mixture, and what the person set by hand.

Labels are numbers, not words: any real mixture is allowed.  numpy only, so that panels may read them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.project.latents import LabelValue

Labels = npt.NDArray[np.float32]
Group = Mapping[str, Any]

_STREAM = 0x5EED  # keeps the labels of a seed apart from its z, which comes from RandomState(seed) itself


def groups_of(label_groups: Sequence[Group], c_dim: int) -> list[Group]:
    """The card's groups, made whole: labels that no group names form one choice if there are no groups at all.

    Each group has ``kind`` (toggle: every label is on or off by itself; choice: one of them), ``indices`` and a
    ``prior`` for each index (toggle: the probability of on; choice: the share).
    """
    if c_dim == 0:
        return []
    if not label_groups:
        return [{"kind": "choice", "indices": list(range(c_dim)), "prior": [1.0 / c_dim] * c_dim}]
    return list(label_groups)


def _prior(group: Group) -> list[float]:
    indices = list(group["indices"])
    prior = group.get("prior")
    if prior is None or prior == []:
        return [0.5 if group.get("kind") == "toggle" else 1.0 / len(indices)] * len(indices)
    if isinstance(prior, int | float):
        return [float(prior)] * len(indices)
    return [float(p) for p in prior]


def draw(
    rng: np.random.RandomState,
    c_dim: int,
    groups: Sequence[Group],
    named: Mapping[int, float] | None = None,
) -> Labels:
    """One label vector ``[c_dim]`` from the priors, with the ``named`` labels as they were set.

    A label set by hand takes its share of its choice, and what remains of 1 stays with the free labels: asking for
    half "curly" leaves the other half to the hair that the seed drew.  The draw of the others does not change.
    """
    named = named or {}
    out = np.zeros(c_dim, dtype=np.float32)
    for group in groups:
        indices, prior = list(group["indices"]), _prior(group)
        u = rng.random_sample(len(indices))
        if group.get("kind") == "toggle":
            for index, p, x in zip(indices, prior, u, strict=True):
                out[index] = 1.0 if x < p else 0.0
            continue
        # An exponential race: the first arrival is an exact draw from the shares, and the first arrival among the
        # free labels an exact draw from theirs, so that naming one label never reshuffles the rest.
        free = [(-np.log1p(-x) / p, index) for index, p, x in zip(indices, prior, u, strict=True) if p > 0]
        free = [item for item in free if item[1] not in named]
        if free:
            taken = sum(named[i] for i in indices if i in named)
            out[min(free)[1]] = min(1.0, max(0.0, 1.0 - taken))
    for index, value in named.items():
        if 0 <= index < c_dim:
            out[index] = value
    return out


def named_values(labels: Iterable[LabelValue]) -> dict[int, float]:
    """The labels set by hand, by index (the last one wins)."""
    return {label.index: float(label.value) for label in labels}


def free_labels(
    seed: int, c_dim: int, label_groups: Sequence[Group], labels: Iterable[LabelValue] = ()
) -> Labels | None:
    """The labels of a seed, ``[c_dim]`` float32 (``None`` for a network without labels).

    Drawn with ``RandomState(seed ^ 0x5EED)`` from each group's prior, then overridden by ``labels``.
    """
    if c_dim == 0:
        return None
    rng = np.random.RandomState((seed & 0xFFFFFFFF) ^ _STREAM)
    return draw(rng, c_dim, groups_of(label_groups, c_dim), named_values(labels))


def draw_many(rng: np.random.RandomState, n: int, c_dim: int, label_groups: Sequence[Group]) -> Labels | None:
    """``n`` label vectors from the priors, ``[n, c_dim]`` float32 (``None`` without labels)."""
    if c_dim == 0:
        return None
    out = np.zeros((n, c_dim), dtype=np.float32)
    for group in groups_of(label_groups, c_dim):
        indices, prior = np.asarray(group["indices"], dtype=np.intp), np.asarray(_prior(group))
        u = rng.random_sample((n, len(indices)))
        if group.get("kind") == "toggle":
            out[:, indices] = u < prior
        elif np.any(prior > 0):
            with np.errstate(divide="ignore"):
                arrivals = np.where(prior > 0, -np.log1p(-u) / prior, np.inf)
            out[np.arange(n), indices[np.argmin(arrivals, axis=1)]] = 1.0
    return out

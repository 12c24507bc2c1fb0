"""Labels of many-domain models as numbers.  Without torch, so that panels may use it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from studio.base.errors import StudioError

Group = Mapping[str, Any]


def groups_of(label_groups: Sequence[Group], c_dim: int) -> list[Group]:
    """The card's groups; labels that no group names are toggles, each by itself.

    Groups that speak of labels which are not there (the card beside a file was written by somebody) are left out.
    """
    groups = [group for group in label_groups if _fits(group.get("indices"), c_dim)]
    named = {int(i) for group in groups for i in group["indices"]}
    free = [i for i in range(c_dim) if i not in named]
    return [*groups, *([{"kind": "toggle", "indices": free}] if free else [])]


def _fits(indices: Any, c_dim: int) -> bool:
    return isinstance(indices, list | tuple) and all(isinstance(i, int) and 0 <= i < c_dim for i in indices)


def card_labels(label_groups: Sequence[Group], c_dim: int) -> tuple[float, ...]:
    """One number for each label as the card has them: its defaults; of a choice without one its most frequent."""
    values = [0.0] * c_dim
    for group in groups_of(label_groups, c_dim):
        indices = [int(i) for i in group["indices"]]
        default = group.get("default")
        if isinstance(default, Sequence) and not isinstance(default, str):
            for i, value in zip(indices, default, strict=False):
                values[i] = float(value)
        elif group.get("kind") == "choice" and indices:
            prior = group.get("prior") or ()
            prior = prior if len(prior) == len(indices) else [1.0] * len(indices)
            chosen = int(default) if isinstance(default, int) else max(range(len(indices)), key=lambda i: prior[i])
            values[indices[min(max(chosen, 0), len(indices) - 1)]] = 1.0
    return tuple(values)


def labels_for(label_groups: Sequence[Group], c_dim: int, wished: Sequence[float]) -> tuple[float, ...] | None:
    """What the network is given: the wish, or without one the card's (``None`` for a model without labels).

    StudioError: their number does not fit the model, or they are no numbers.
    """
    if c_dim == 0:
        return None
    if not wished:
        return card_labels(label_groups, c_dim)
    if len(wished) != c_dim or not all(math.isfinite(v) for v in wished):
        raise StudioError(
            "The labels do not belong to this model.",
            f"It takes {c_dim} numbers, and there are {len(wished)}."
            if len(wished) != c_dim
            else "One of them is not a number.",
            "Set the labels anew, or choose the model that they were made with.",
        )
    return tuple(float(v) for v in wished)

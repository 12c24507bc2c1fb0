"""Attribute vectors from a table of labels, and how well they do what their names say.

An attribute is a yes or no for every picture: the ``a_*`` columns, ``skin`` (the darker half of ``skin_index``) and one
for each background.  Attributes that follow from the same column of the table (glasses, sunglasses and closed eyes from
``eyes``) exclude each other by construction: turning one on must turn the others off, and that is not held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.training.anchor import AnchorSpec
from studio.training.attributes import Judge, read_factors

AMOUNTS = (2.0, 3.0, 4.0, 5.0)
"""Sigmas at which an attribute is measured."""

LEFT = 0.05
"""Of a vector of length 1: what must be left when it is cleaned (as in the engine)."""

READABLE = 0.75
"""Columns that the judge reads rightly less often on real held-out pictures are left out of ``columns_changed``."""

SMALLEST = 8
"""An attribute that fewer pictures have (or lack) gets no vector."""


@dataclass(frozen=True)
class Attribute:
    """``name`` as on the card, ``factor`` the column that decides it (an index of the spec's factors), and whether each
    value of that factor has it."""

    name: str
    factor: int
    having: tuple[bool, ...]


def attributes_of(spec: AnchorSpec, rows: Sequence[dict[str, str]]) -> tuple[Attribute, ...]:
    """The attributes that a label table speaks of."""
    out = []
    for t, toggle in enumerate(spec.toggles):
        for i, factor in enumerate(spec.factors):
            flags = dict(factor.toggles).get(t)
            if flags is not None:
                out.append(Attribute(toggle.removeprefix("a_").replace("_", " "), i, tuple(bool(v) for v in flags)))
                break
    for i, factor in enumerate(spec.factors):
        if factor.name == "color_skin" and rows and "skin_index" in rows[0]:
            depth = {r["color_skin"]: int(r["skin_index"]) for r in rows}
            middle = (min(depth.values()) + max(depth.values())) / 2
            out.append(Attribute("skin", i, tuple(depth.get(v, 0) > middle for v in factor.values)))
    for i, factor in enumerate(spec.factors):
        if factor.name == "background":
            for v in factor.values:
                out.append(Attribute(f"background {v}", i, tuple(w == v for w in factor.values)))
    return tuple(out)


def table(attributes: Sequence[Attribute], f: Tensor) -> Tensor:
    """Factor values ``[N, factors]`` as attributes ``[N, A]`` bool."""
    return torch.stack([torch.tensor(a.having)[f[:, a.factor]] for a in attributes], dim=1)


def balanced_direction(codes: Tensor, has: Tensor, others: Tensor) -> Tensor:
    """The mean of codes that have an attribute minus the mean of those that lack it, the other labels being equal.

    ``codes`` ``[N, D]``, ``has`` ``[N]`` bool, ``others`` ``[N, B]`` bool.  The codes are grouped by equal other labels
    (strata); the differences of the groups are averaged with weights ``n1 n0 / (n1 + n0)``, those of least variance.  A
    label that comes along with the attribute more often than not thus leaves no trace.  When no group has both, the
    plain difference of means is returned.  Length and sign as they are: one step of it goes from lacking to having.
    """
    codes = codes.double()
    group = torch.zeros(len(codes), dtype=torch.int64)
    if others.shape[1]:
        _, group = torch.unique(others.to(torch.int8), dim=0, return_inverse=True)
    count = int(group.max()) + 1
    sums, sizes = [], []
    for side in (has, ~has):
        sums.append(codes.new_zeros(count, codes.shape[1]).index_add_(0, group[side], codes[side]))
        sizes.append(torch.bincount(group[side], minlength=count).double())
    weight = sizes[0] * sizes[1] / (sizes[0] + sizes[1]).clamp_min(1)
    if not bool((weight > 0).any()):
        return codes[has].mean(dim=0) - codes[~has].mean(dim=0)
    means = [s / n.clamp_min(1)[:, None] for s, n in zip(sums, sizes, strict=True)]
    return ((means[0] - means[1]) * weight[:, None]).sum(dim=0) / weight.sum()


@dataclass(frozen=True)
class Vectors:
    """``vectors`` ``[A, D]`` of length 1, ``sigmas`` ``[A]``: standard deviation of encoded data along each, ``steps``
    ``[A]``: sigmas from the middle of those that lack it to the middle of those that have it, ``lows`` and ``highs``
    ``[A]``: the 1st and 99th percentile of the data along it, in sigmas from the mean."""

    vectors: Tensor
    sigmas: Tensor
    steps: Tensor
    lows: Tensor
    highs: Tensor


def find_vectors(
    codes: Tensor, labels: Tensor, used: Tensor | None = None, columns: Sequence[int] | None = None
) -> Vectors:
    """The vectors of all attributes ``labels`` ``[N, A]`` bool of encoded pictures ``codes`` ``[N, D]``.

    ``used`` ``[N, A]`` bool: the pictures that the direction of each attribute is made from (:func:`typical_only`).
    ``columns`` ``[A]``: the column that decides each; attributes of the same column are not held equal (glasses and
    sunglasses cannot be), so that putting the one on takes the other off.
    """
    rows, sigmas, steps, lows, highs = [], [], [], [], []
    for a in range(labels.shape[1]):
        own = a if columns is None else columns[a]
        others = labels[:, [b for b in range(labels.shape[1]) if (b if columns is None else columns[b]) != own]]
        use = slice(None) if used is None else used[:, a]
        step = balanced_direction(codes[use], labels[use, a], others[use])
        vector = step / step.norm().clamp_min(1e-12)
        along = codes.double() @ vector
        sigma = along.std().clamp_min(1e-6)
        spread = (along - along.mean()) / sigma
        rows.append(vector)
        sigmas.append(sigma)
        steps.append(step.norm() / sigma)
        lows.append(spread.quantile(0.01))
        highs.append(spread.quantile(0.99))
    return Vectors(*(torch.stack(v).float() for v in (rows, sigmas, steps, lows, highs)))


def typical_only(attributes: Sequence[Attribute], spec: AnchorSpec, f: Tensor, typical: Mapping[str, str]) -> Tensor:
    """Which pictures make each attribute's direction, ``[N, A]`` bool: of those that have it the typical ones alone.

    ``typical`` names for some attributes one value of their column ("long hair": "extraLong").  The mean of seven
    hairstyles is no hairstyle: a slider that leads there shows all of them at once.
    """
    has = table(attributes, f)
    out = torch.ones_like(has)
    for i, a in enumerate(attributes):
        if a.name in typical:
            values = spec.factors[a.factor].values
            if typical[a.name] not in values or not a.having[values.index(typical[a.name])]:
                raise StudioError(f"“{typical[a.name]}” is not a kind of {a.name}.", f"Known are {', '.join(values)}.")
            out[:, i] = ~has[:, i] | (f[:, a.factor] == values.index(typical[a.name]))
    return out


def enough(attributes: Sequence[Attribute], labels: Tensor) -> list[int]:
    """Which attributes are had and lacked by enough pictures."""
    having = labels.sum(dim=0)
    return [i for i in range(len(attributes)) if min(int(having[i]), len(labels) - int(having[i])) >= SMALLEST]


def cleaned(vectors: Tensor, index: int) -> Tensor | None:
    """What vector ``index`` does not share with the others (orthogonalised), of length 1: the engine's ``clean``.

    ``None`` when less than :data:`LEFT` of it is left.
    """
    v = vectors.double()
    others = torch.cat((v[:index], v[index + 1 :]))
    rest = v[index] - others.t() @ torch.linalg.lstsq(others.t(), v[index]).solution
    if float(rest.norm()) < LEFT:
        return None
    unit: Tensor = rest / rest.norm()
    return unit.float()


@torch.no_grad()
def measure(
    attributes: Sequence[Attribute],
    found: Vectors,
    judge: Judge,
    codes: Tensor,
    decode: Callable[[Tensor], Tensor],
    *,
    clean: bool = False,
    amounts: Sequence[float] = AMOUNTS,
    most: int = 60,
    readable: Sequence[int] | None = None,
) -> dict[str, dict[str, Any]]:
    """How an attribute's slider behaves on codes ``[N, D]`` of held-out pictures, as ``judge`` reads what is decoded.

    For every attribute: ``turned_on`` by amount, the share of at most ``most`` pictures read as lacking it that have it
    after +k sigma; ``turned_off``, the share of those having it that lack it after minus the middle
    amount; and, at the ``amount``
    with the best ``turned_on``, ``others_changed``, the mean share of the *other columns'* attributes that are read
    differently than before, and ``columns_changed``, the same for every other column of the table (mouth, nose,
    colours, ...; only those in ``readable``, when given), which is stricter.  ``decode`` gives pictures of the judge's
    size.  Attributes of which nothing is left when they are cleaned are missing.
    """
    before = read_factors(judge, decode(codes))
    flags = table(attributes, before)
    out: dict[str, dict[str, Any]] = {}
    for i, a in enumerate(attributes):
        vector = cleaned(found.vectors, i) if clean else found.vectors[i]
        if vector is None:
            continue
        sigma = found.sigmas[i]
        lacking = torch.nonzero(~flags[:, i]).flatten()[:most]
        having = torch.nonzero(flags[:, i]).flatten()[:most]
        entry: dict[str, Any] = {"turned_on": {}, "turned_off": {}}
        best = -1.0
        elsewhere = [j for j, b in enumerate(attributes) if b.factor != a.factor]
        columns = [c for c in (range(before.shape[1]) if readable is None else readable) if c != a.factor]
        for k in amounts:
            if len(lacking):
                got = read_factors(judge, decode(codes[lacking] + k * sigma * vector))
                after = table(attributes, got)
                share = float(after[:, i].float().mean())
                entry["turned_on"][f"{k:g}"] = round(share, 3)
                if share > best + 0.01:
                    best = share
                    changed = (after != flags[lacking])[:, elsewhere]
                    entry["amount"] = k
                    entry["others_changed"] = round(float(changed.float().mean()), 4)
                    entry["columns_changed"] = round(
                        float((got[:, columns] != before[lacking][:, columns]).float().mean()), 4
                    )
            if len(having) and k == amounts[len(amounts) // 2]:
                off = table(attributes, read_factors(judge, decode(codes[having] - k * sigma * vector)))
                entry["turned_off"][f"{k:g}"] = round(1 - float(off[:, i].float().mean()), 3)
        out[a.name] = entry
    return out

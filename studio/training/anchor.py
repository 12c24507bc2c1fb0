"""Label-anchored latents: z that means something, so that (z, label) -> picture can be learned from pairs.

Pictures described by a complete table of *factors* (each a choice out of a few values) are drawn as pairs: colours and
0/1 attributes go into the label c, and every factor also owns a block of z whose largest allowed entry says its value.
For a picture, z is drawn from N(0, I) and the largest allowed entry of each block is swapped with the entry of the true
value; for uniformly spread values z stays exactly standard normal given c, so at use any seed is a valid picture.

* ``a_*`` columns are toggles.  Those that follow from a factor (``a_hat`` from ``hair``) restrict which of its values
  are allowed.
* ``color_*`` and ``background`` become one-hot groups of c.  A group that is all zeros leaves the choice to z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError

IGNORED = {"file", "skin_index"}
COARSE = {"hair", "clothes"}
FINE_PREFIXES = ("color_", "background")
LABELLED = ("class", "label", "color_skin", "color_hair", "background", "color_clothing")
MOST_VALUES = 64
"""Columns with more different values than this are not choices (names, numbers) and are left out."""


@dataclass(frozen=True)
class Factor:
    """One describing column: its values, where its block of z starts, and which band of layers it is taught to."""

    name: str
    values: tuple[str, ...]
    start: int
    band: int
    label_start: int | None
    toggles: tuple[tuple[int, tuple[int, ...]], ...]
    """(label index, 0/1 for each value) of the toggles that this factor decides."""


@dataclass(frozen=True)
class Codes:
    """z ``[N, z_dim]`` and label c ``[N, c_dim]``."""

    z: Tensor
    c: Tensor


class AnchorSpec:
    """The plan of z and c for one label table."""

    def __init__(self, rows: Sequence[dict[str, str]]) -> None:
        if not rows:
            raise StudioError(
                "Anchored training needs a label table.",
                "No labels.csv was found beside the pictures.",
                "Add labels.csv, or train without --anchor.",
            )
        columns = [k for k in rows[0] if k not in IGNORED]
        self.toggles = tuple(k for k in columns if k.startswith("a_"))
        names = [k for k in columns if not k.startswith("a_") and 1 < len({r[k] for r in rows}) <= MOST_VALUES]
        self.labelled = tuple(n for n in LABELLED if n in names)
        label_at = len(self.toggles)
        label_start: dict[str, int] = {}
        for n in self.labelled:
            label_start[n] = label_at
            label_at += len({r[n] for r in rows})
        self.c_dim = label_at
        factors: list[Factor] = []
        at = 0
        for n in names:
            values = tuple(sorted({r[n] for r in rows}))
            decided = []
            for t, toggle in enumerate(self.toggles):
                seen = {v: {r[toggle] for r in rows if r[n] == v} for v in values}
                if all(len(s) == 1 for s in seen.values()) and len({next(iter(s)) for s in seen.values()}) == 2:
                    decided.append((t, tuple(int(next(iter(seen[v]))) for v in values)))
            band = 2 if n.startswith(FINE_PREFIXES) else 0 if n in COARSE else 1
            factors.append(Factor(n, values, at, band, label_start.get(n), tuple(decided)))
            at += len(values)
        self.factors = tuple(factors)
        self.z_dim = at

    @property
    def one_hot_dim(self) -> int:
        """Length of :meth:`one_hot` (the same blocks as z)."""
        return self.z_dim

    def table(self, rows: Sequence[dict[str, str]]) -> Tensor:
        """The value index of every factor of every row, ``[N, factors]`` int64."""
        index = [{v: i for i, v in enumerate(f.values)} for f in self.factors]
        return torch.tensor([[ix[r[f.name]] for f, ix in zip(self.factors, index, strict=True)] for r in rows])

    def one_hot(self, f: Tensor) -> Tensor:
        """Factor values as one multi-hot vector ``[N, z_dim]``: what a discriminator is told about a picture."""
        return torch.cat([F.one_hot(f[:, i], len(x.values)) for i, x in enumerate(self.factors)], dim=1).float()

    def bands(self, device: torch.device | str = "cpu") -> Tensor:
        """The band (0 coarse, 1 middle, 2 fine) of every factor, ``[factors]``."""
        return torch.tensor([f.band for f in self.factors], device=device)

    def codes(
        self, f: Tensor, gen: torch.Generator, *, drop: float = 0.0, drop_all: float = 0.0, extra: float = 0.0
    ) -> Codes:
        """Random (z, c) whose picture has the factor values ``f`` ``[N, factors]``.

        ``drop``: chance that one colour group of c is left to z; ``drop_all``: that all of them are.  ``extra``:
        chance that toggles which the true value outranks (the fewer values a toggle allows, the higher its rank) are
        switched on too, so that contradictory toggles have a settled answer.
        """
        n = f.shape[0]
        z = torch.randn(n, self.z_dim, generator=gen)
        c = torch.zeros(n, self.c_dim)
        no_colours = torch.rand(n, generator=gen) < drop_all
        rows = torch.arange(n)
        for i, x in enumerate(self.factors):
            v = f[:, i]
            k = len(x.values)
            allowed = torch.ones(n, k, dtype=torch.bool)
            for t, by_value in x.toggles:
                flag = torch.tensor(by_value)
                c[:, t] = flag[v].float()
                allowed &= flag[None] == flag[v][:, None]
            if extra and len(x.toggles) > 1:
                rank = sorted(x.toggles, key=lambda p: (sum(p[1]), -p[0]))
                on = c[:, [t for t, _ in rank]]
                outranked = on.cumsum(dim=1) - on > 0
                add = (torch.rand(n, len(rank), generator=gen) < 0.6) & (torch.rand(n, 1, generator=gen) < extra)
                c[:, [t for t, _ in rank]] = torch.maximum(on, (outranked & add).float())
            block = z[:, x.start : x.start + k]
            top = block.masked_fill(~allowed, -torch.inf).argmax(dim=1)
            a, b = block[rows, top].clone(), block[rows, v].clone()
            block[rows, top] = b
            block[rows, v] = a
            if x.label_start is not None:
                shown = ~(no_colours | (torch.rand(n, generator=gen) < drop))
                c[rows, x.label_start + v] = shown.float()
        return Codes(z, c)

    def labels(self, f: Tensor) -> Tensor:
        """The true label c ``[N, c_dim]`` of factor rows."""
        c = torch.zeros(f.shape[0], self.c_dim)
        for i, x in enumerate(self.factors):
            for t, by_value in x.toggles:
                c[:, t] = torch.tensor(by_value)[f[:, i]].float()
            if x.label_start is not None:
                c[torch.arange(f.shape[0]), x.label_start + f[:, i]] = 1.0
        return c

    def rarity(self, f: Tensor) -> Tensor:
        """How many times rarer than evenly spread the rarest value of each row is, ``[N]`` (at least 1)."""
        worst = torch.ones(len(f))
        for i, x in enumerate(self.factors):
            share = torch.bincount(f[:, i], minlength=len(x.values)).float() / len(f)
            worst = torch.maximum(worst, 1 / (len(x.values) * share.clamp_min(1e-6))[f[:, i]])
        return worst

    def shuffled(self, f: Tensor, gen: torch.Generator) -> Tensor:
        """New factor rows whose every column is drawn from the column of ``f`` (combinations nobody has seen)."""
        n, k = f.shape
        pick = torch.randint(n, (n, k), generator=gen)
        return f.gather(0, pick)

    def label_groups(self, f: Tensor) -> list[dict[str, object]]:
        """The named controls for the model card; priors are the frequencies in ``f``."""
        groups: list[dict[str, object]] = []
        prior = torch.zeros(len(self.toggles))
        for i, x in enumerate(self.factors):
            for t, by_value in x.toggles:
                prior[t] = torch.tensor(by_value, dtype=torch.float32)[f[:, i]].mean()
        groups.append(
            {
                "title": "Features",
                "kind": "toggle",
                "names": [t.removeprefix("a_").replace("_", " ") for t in self.toggles],
                "indices": list(range(len(self.toggles))),
                "prior": [round(float(p), 4) for p in prior],
                "default": [0] * len(self.toggles),
            }
        )
        titles = {
            "color_skin": "Skin",
            "color_hair": "Hair colour",
            "background": "Background",
            "color_clothing": "Clothes colour",
        }
        for i, x in enumerate(self.factors):
            if x.label_start is None:
                continue
            k = len(x.values)
            share = torch.bincount(f[:, i], minlength=k).float() / f.shape[0]
            groups.append(
                {
                    "title": titles.get(x.name, x.name),
                    "kind": "choice",
                    "names": list(x.values),
                    "indices": list(range(x.label_start, x.label_start + k)),
                    "prior": [round(float(p), 4) for p in share],
                    "default": None,
                    "colors": list(x.values) if x.name.startswith("color_") else None,
                }
            )
        return groups

    def label_names(self) -> list[str]:
        """One name for each of the ``c_dim`` label entries."""
        names = [t.removeprefix("a_") for t in self.toggles]
        for n in self.labelled:
            factor = next(x for x in self.factors if x.name == n)
            names += [f"{n}:{v}" for v in factor.values]
        return names

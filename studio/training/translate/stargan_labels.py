"""Labels of a set of pictures as one vector: toggles of 0 or 1, then choices of one out of a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.training.data import Pictures

MOST_VALUES = 16
FOLDER = "kind"
"""The name of the choice that the folders of pictures without a table make."""
TITLES = {"color_hair": "Hair colour", "color_skin": "Skin", "color_clothing": "Clothes colour",
          "background": "Background", FOLDER: "Kind"}  # fmt: skip


@dataclass(frozen=True)
class LabelPlan:
    """``toggles``: column names; ``choices``: (column name, values)."""

    toggles: tuple[str, ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def c_dim(self) -> int:
        """Length of a label vector."""
        return len(self.toggles) + sum(len(v) for _, v in self.choices)

    def spans(self) -> list[tuple[int, int]]:
        """Where each choice begins and ends."""
        out, at = [], len(self.toggles)
        for _, values in self.choices:
            out.append((at, at + len(values)))
            at += len(values)
        return out

    def encode(self, rows: Sequence[Mapping[str, str]]) -> Tensor:
        """``[N, c_dim]`` float32 of rows of the table."""
        out = torch.zeros(len(rows), self.c_dim)
        for i, row in enumerate(rows):
            for j, name in enumerate(self.toggles):
                out[i, j] = float(row[name])
            for (name, values), (start, _) in zip(self.choices, self.spans(), strict=True):
                out[i, start + values.index(row[name])] = 1.0
        return out

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Classification: binary cross entropy of the toggles, summed, and cross entropy of each choice; a mean."""
        n = len(self.toggles)
        total = logits.new_zeros(())
        if n:
            total = total + F.binary_cross_entropy_with_logits(logits[:, :n], labels[:, :n], reduction="sum") / len(
                logits
            )
        for start, end in self.spans():
            total = total + F.cross_entropy(logits[:, start:end], labels[:, start:end])
        return total

    def label_names(self) -> list[str]:
        """One name for each entry of the vector."""
        names = [t.removeprefix("a_") for t in self.toggles]
        return names + [f"{name}:{v}" for name, values in self.choices for v in values]

    def label_groups(self, labels: Tensor, names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The named controls of a card; priors are the frequencies in ``labels`` ``[N, c_dim]``.

        ``names``: plain words for values, by ``column:value``.
        """
        prior = [round(float(p), 4) for p in labels.mean(dim=0)]
        groups: list[dict[str, Any]] = []
        n = len(self.toggles)
        if n:
            groups.append(
                {
                    "title": "Features",
                    "kind": "toggle",
                    "names": [t.removeprefix("a_").replace("_", " ") for t in self.toggles],
                    "indices": list(range(n)),
                    "prior": prior[:n],
                    "default": [0] * n,
                }
            )
        for (name, values), (start, end) in zip(self.choices, self.spans(), strict=True):
            group: dict[str, Any] = {
                "title": TITLES.get(name, name.removeprefix("color_").replace("_", " ").capitalize()),
                "kind": "choice",
                "names": [(names or {}).get(f"{name}:{v}", v) for v in values],
                "indices": list(range(start, end)),
                "prior": prior[start:end],
                "default": None,
            }
            if all(v.startswith("#") for v in values):
                group["colors"] = list(values)
            groups.append(group)
        return groups


def labelled(data: Pictures, toggles: str = "", choices: str = "") -> tuple[LabelPlan, Tensor, Pictures]:
    """The plan of the labels of a set, the labels ``[N, c_dim]``, and the set with a row for every picture.

    ``toggles``, ``choices``: columns with commas; empty: all that look like it; "-": none.  Without a table the folders
    are the choice.  Raises :class:`StudioError` where there is nothing to choose.
    """
    if not data.rows:
        kinds = sorted(set(data.folders))
        if len(kinds) < 2:
            raise StudioError(
                "The pictures have no labels.",
                "There is neither a labels.csv nor more than one folder of pictures.",
                "Put each kind of picture into a folder of its own, or add a labels.csv.",
            )
        data = Pictures(data.images, data.names, tuple({FOLDER: f} for f in data.folders), data.folders)
    columns = list(data.rows[0])
    values = {c: tuple(sorted({row[c] for row in data.rows})) for c in columns}
    wanted = [c for c in columns if c.startswith("a_")] if not toggles else _listed(toggles)
    chosen = (
        [c for c in columns if c in (FOLDER, "class", "label") or c.startswith("color_")]
        if not choices
        else _listed(choices)
    )
    if missing := [c for c in (*wanted, *chosen) if c not in values]:
        raise StudioError(f"The table has no column “{missing[0]}”.", f"It has {', '.join(columns)}.")
    for c in wanted:
        if not set(values[c]) <= {"0", "1"}:
            raise StudioError(f"The column “{c}” has other values than 0 and 1.", todo="Use it as a choice instead.")
    for c in chosen:
        if len(values[c]) > MOST_VALUES:
            raise StudioError(f"The column “{c}” has {len(values[c])} values.", f"A choice has at most {MOST_VALUES}.")
    plan = LabelPlan(tuple(wanted), tuple((c, values[c]) for c in chosen if len(values[c]) > 1))
    if plan.c_dim == 0:
        raise StudioError("There is nothing to choose in this table.", todo="Name columns with --toggles or --choices.")
    return plan, plan.encode(data.rows), data


def _listed(text: str) -> list[str]:
    return [] if text == "-" else [part.strip() for part in text.split(",") if part.strip()]

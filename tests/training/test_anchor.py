"""Label-anchored latents: z stays normal, says the truth, and contradictions are settled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.base.errors import StudioError
from studio.training.anchor import AnchorSpec
from studio.training.data import load_pictures

from .conftest import rows


def spec_and_table() -> tuple[AnchorSpec, torch.Tensor]:
    spec = AnchorSpec(rows(72))
    return spec, spec.table(rows(72))


def test_plan_of_z_and_c(folder: Path) -> None:
    spec = AnchorSpec(load_pictures(folder, 16).rows)
    assert spec.toggles == ("a_hat",)
    assert spec.c_dim == 1 + 3 + 3 and spec.z_dim == 3 + 4 + 3
    hair = next(f for f in spec.factors if f.name == "hair")
    assert hair.band == 0 and hair.toggles == ((0, (1, 1, 0, 0)),)  # beanie, cap, disc, square
    assert len(spec.label_names()) == spec.c_dim
    with pytest.raises(StudioError, match="label table"):
        AnchorSpec([])


def test_largest_allowed_entry_is_the_true_value() -> None:
    spec, table = spec_and_table()
    f = table.repeat(50, 1)
    codes = spec.codes(f, torch.Generator().manual_seed(0))
    assert torch.equal(codes.c, spec.labels(f))
    for i, x in enumerate(spec.factors):
        block = codes.z[:, x.start : x.start + len(x.values)].clone()
        for t, by_value in x.toggles:
            wrong = torch.tensor(by_value)[None] != codes.c[:, t, None]
            block[wrong.expand_as(block)] = -torch.inf
        assert torch.equal(block.argmax(1), f[:, i])


def test_z_stays_standard_normal() -> None:
    spec, table = spec_and_table()
    z = spec.codes(table.repeat(600, 1), torch.Generator().manual_seed(1)).z
    n = z.shape[0]
    assert float(z.mean(0).abs().max()) < 5 / n**0.5
    assert float((z.var(0) - 1).abs().max()) < 6 * (2 / n) ** 0.5
    corr = torch.corrcoef(z.t()) - torch.eye(spec.z_dim)
    # Blocks that the label restricts are exchanged within one half only, all else is independent.
    assert float(corr.abs().max()) < 6 / n**0.5


def test_dropped_colours_are_left_to_z() -> None:
    spec, table = spec_and_table()
    c = spec.codes(table, torch.Generator().manual_seed(2), drop_all=1.0).c
    assert float(c[:, 1:].abs().max()) == 0
    assert torch.equal(c[:, 0], spec.labels(table)[:, 0])


def test_contradicting_toggles_follow_the_rarer() -> None:
    values = [("a", 1, 0), ("b", 1, 0), ("c", 0, 1), ("d", 0, 0)]
    table = [{"hair": h, "a_long": str(p), "a_hat": str(q)} for h, p, q in values for _ in range(5)]
    spec = AnchorSpec(table)
    f = spec.table(table)
    c = spec.codes(f, torch.Generator().manual_seed(3), extra=1.0).c
    hat, long = c[:, 1] == 1, c[:, 0] == 1
    assert bool((hat & long).any()), "hats sometimes carry the outranked toggle too"
    assert torch.equal(hat, spec.labels(f)[:, 1] == 1), "but nothing outranked ever gains a hat"


def test_label_groups_describe_c() -> None:
    spec, table = spec_and_table()
    groups = spec.label_groups(table)
    assert groups[0]["kind"] == "toggle" and groups[0]["prior"] == [0.5]
    indices = [i for g in groups for i in g["indices"]]  # type: ignore[attr-defined]
    assert sorted(indices) == list(range(spec.c_dim))
    for g in groups[1:]:
        assert abs(sum(g["prior"]) - 1) < 0.01  # type: ignore[arg-type]

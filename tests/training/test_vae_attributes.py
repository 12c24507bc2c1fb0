"""Attribute vectors: balanced, orthogonalised, and measured honestly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.base.errors import StudioError
from studio.training.anchor import AnchorSpec
from studio.training.attributes import Judge
from studio.training.data import load_pictures
from studio.training.vae_attributes import (
    Attribute,
    attributes_of,
    balanced_direction,
    cleaned,
    enough,
    find_vectors,
    measure,
    table,
    typical_only,
)


def correlated(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes in which label 0 lives on axis 0 and label 1 on axis 1, and label 1 mostly comes with label 0."""
    gen = torch.Generator().manual_seed(0)
    first = torch.rand(count, generator=gen) < 0.4
    second = torch.rand(count, generator=gen) < torch.where(first, 0.9, 0.1)
    labels = torch.stack((first, second), dim=1)
    codes = 0.3 * torch.randn(count, 4, generator=gen)
    codes[:, :2] += labels * torch.tensor([2.0, 3.0])
    return codes, labels


def test_balancing_separates_labels_that_come_together() -> None:
    codes, labels = correlated()
    plain = codes[labels[:, 0]].mean(0) - codes[~labels[:, 0]].mean(0)
    assert float(plain[1]) > 2, "the plain difference is mostly the other label"
    balanced = balanced_direction(codes, labels[:, 0], labels[:, 1:])
    assert torch.allclose(balanced.float(), torch.tensor([2.0, 0, 0, 0]), atol=0.06)
    assert balanced.dtype == torch.float64


def test_the_difference_is_that_of_float64_by_hand() -> None:
    codes = torch.tensor([[0.0], [1.0], [5.0], [10.0], [12.0]])
    has = torch.tensor([False, True, True, False, True])
    other = torch.tensor([[False], [False], [False], [True], [True]])
    # strata: (mean of 1, 5) - 0 with weight 2 * 1 / 3; 12 - 10 with weight 1 / 2
    expected = (3.0 * 2 / 3 + 2.0 / 2) / (2 / 3 + 1 / 2)
    assert float(balanced_direction(codes, has, other)) == float(torch.tensor(expected, dtype=torch.float64))


def test_labels_that_never_meet_fall_back_to_the_plain_difference() -> None:
    codes = torch.tensor([[0.0], [1.0]])
    has = torch.tensor([False, True])
    assert float(balanced_direction(codes, has, torch.tensor([[False], [True]]))) == 1.0


def test_vectors_have_length_one_and_the_datas_sigma() -> None:
    codes, labels = correlated()
    found = find_vectors(codes, labels)
    assert torch.allclose(found.vectors.norm(dim=1), torch.ones(2), atol=1e-6)
    assert torch.allclose(found.sigmas, (codes @ found.vectors.t()).std(dim=0), rtol=1e-3)
    assert torch.allclose(found.steps * found.sigmas, torch.tensor([2.0, 3.0]), atol=0.1)
    assert bool((found.lows < 0).all() and (found.highs > 0).all())


def test_cleaned_shares_nothing_with_the_others() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    rest = cleaned(vectors, 1)
    assert rest is not None
    assert float(rest.norm()) == 1.0 or abs(float(rest.norm()) - 1) < 1e-5
    assert torch.allclose(vectors[[0, 2]] @ rest, torch.zeros(2), atol=1e-6)
    assert float(rest @ vectors[1]) > 0
    assert cleaned(torch.cat((vectors, vectors[:1])), 3) is None, "a copy of another has nothing of its own"


def test_attributes_of_a_table(folder: Path) -> None:
    data = load_pictures(folder, 16)
    spec = AnchorSpec(data.rows)
    found = attributes_of(spec, data.rows)
    assert [a.name for a in found] == ["hat", "background blue", "background green", "background red"]
    labels = table(found, spec.table(data.rows))
    assert labels[:, 0].tolist() == [r["a_hat"] == "1" for r in data.rows]
    assert labels[:, 3].tolist() == [r["background"] == "red" for r in data.rows]
    assert enough(found, labels) == [0, 1, 2, 3]
    assert enough(found, labels[:10]) == [], "of ten pictures nothing can be said"
    deep = [{**row, "skin_index": str(["red", "green", "blue"].index(row["color_skin"]))} for row in data.rows]
    skin = next(a for a in attributes_of(spec, deep) if a.name == "skin")
    names = next(f for f in spec.factors if f.name == "color_skin").values
    assert dict(zip(names, skin.having, strict=True)) == {"red": False, "green": False, "blue": True}


def test_a_typical_value_stands_for_all(folder: Path) -> None:
    """Hats are caps and beanies; towards the cap alone the vector leads to caps."""
    data = load_pictures(folder, 16)
    spec = AnchorSpec(data.rows)
    found = attributes_of(spec, data.rows)[:1]
    f = spec.table(data.rows)
    hair = next(x for x in spec.factors if x.name == "hair")
    codes = spec.one_hot(f)[:, hair.start : hair.start + len(hair.values)]
    labels = table(found, f)
    both = find_vectors(codes, labels).vectors[0]
    caps = find_vectors(codes, labels, typical_only(found, spec, f, {"hat": "cap"})).vectors[0]
    beanie, cap = hair.values.index("beanie"), hair.values.index("cap")
    assert float(both[beanie]) == pytest.approx(float(both[cap]))
    assert float(caps[cap]) > 0.7 and float(caps[beanie]) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(StudioError, match="not a kind of hat"):
        typical_only(found, spec, f, {"hat": "square"})


class Told(torch.nn.Module):
    """A judge that reads the factors from the pixels of a made-up picture ``[N, factors, 1, 1]``."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.stack((0.5 - x[:, i, 0, 0], x[:, i, 0, 0] - 0.5), dim=1) for i in range(x.shape[1])]


def test_measuring_sees_what_turns_on_and_what_comes_along() -> None:
    """Attribute 0 moves its own column alone; attribute 1 moves column 1 and drags column 0 along."""
    judge: Judge = Told()  # type: ignore[assignment]
    attributes = (Attribute("own", 0, (False, True)), Attribute("dragging", 1, (False, True)))
    codes = torch.zeros(20, 2)
    codes[10:] = 1.0
    found = find_vectors(codes + 0.01 * torch.randn(20, 2), torch.stack((codes[:, 0] > 0, codes[:, 1] > 0), dim=1))
    found = type(found)(torch.tensor([[1.0, 0], [0.6, 0.8]]), torch.tensor([0.5, 0.5]), *(torch.zeros(2),) * 3)
    got = measure(attributes, found, judge, codes, lambda z: z[:, :, None, None], amounts=(0.5, 3.0))
    assert got["own"]["turned_on"] == {"0.5": 0.0, "3": 1.0} and got["own"]["turned_off"]["3"] == 1.0
    assert got["own"]["others_changed"] == 0.0 and got["own"]["amount"] == 3.0
    assert got["dragging"]["turned_on"]["3"] == 1.0 and got["dragging"]["others_changed"] == 1.0
    clean = measure(attributes, found, judge, codes, lambda z: z[:, :, None, None], amounts=(3.0,), clean=True)
    assert clean["dragging"]["turned_on"]["3"] == 1.0 and clean["dragging"]["others_changed"] == 0.0

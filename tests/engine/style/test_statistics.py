"""Style terms against direct formulas in float64, whole and in pieces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from studio.engine.style.costs import _content, _variation
from studio.engine.style.statistics import Measure, SlicedTerm, Term
from studio.project.style import Statistic


def _features(places: int, channels: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(places, channels, generator=torch.Generator().manual_seed(seed)).relu() + 0.1


def _term(kind: Statistic, target: Tensor) -> Term:
    measure = Measure(kind, target.shape[0], 5)
    measure.add(target)
    return measure.term()


def _evaluate(term: Term, pieces: list[Tensor], weights: list[Tensor | None]) -> tuple[float, Tensor]:
    if isinstance(term, SlicedTerm):
        term.expect(sum(len(p) for p in pieces))
    term.begin(3)
    for piece, weight in zip(pieces, weights, strict=True):
        term.measure(piece, weight)
    value = term.finish()
    return value, torch.cat([term.pull(p, w) for p, w in zip(pieces, weights, strict=True)])


def _gram(f: Tensor, t: Tensor, w: Tensor) -> Tensor:
    c, m = f.shape[1], f.shape[0]
    ours = (f * w[:, None]).T @ f * (m / w.sum())
    theirs = t.T @ t * (m / t.shape[0])
    return (ours - theirs).square().sum() / (4 * c**2 * m**2)


def _covariance(f: Tensor, t: Tensor, w: Tensor) -> Tensor:
    def parts(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        mean = (a * b[:, None]).sum(0) / b.sum()
        apart = a - mean
        return mean, (apart * b[:, None]).T @ apart / b.sum()

    ones = torch.ones(len(t), dtype=t.dtype)
    (m1, c1), (m2, c2) = parts(f, w), parts(t, ones)
    unit = t.square().mean()
    return ((m1 - m2).square().sum() / unit + (c1 - c2).square().sum() / unit**2) / f.shape[1]


def _moments(f: Tensor, t: Tensor, w: Tensor) -> Tensor:
    unit = t.square().mean()
    mean = (f * w[:, None]).sum(0) / w.sum()
    var = ((f - mean).square() * w[:, None]).sum(0) / w.sum()
    floor = 1e-4 * unit
    spread = (var + floor).sqrt() - (t.var(0, unbiased=False) + floor).sqrt()
    return ((mean - t.mean(0)).square().sum() + spread.square().sum()) / (unit * f.shape[1])


FORMULAS: dict[Statistic, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "gram": _gram,
    "covariance": _covariance,
    "moments": _moments,
}


@pytest.mark.parametrize("kind", list(FORMULAS))
@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradient_follow_the_formula_in_float64(kind: Statistic, masked: bool) -> None:
    f, t = _features(150), _features(90, seed=1)
    w = torch.rand(150, generator=torch.Generator().manual_seed(2)) if masked else None
    value, gradient = _evaluate(_term(kind, t), [f], [w])
    exact = f.double().requires_grad_()
    weight = torch.ones(150).double() if w is None else w.double()
    expected = FORMULAS[kind](exact, t.double(), weight)
    (slope,) = torch.autograd.grad(expected, exact)
    assert value == pytest.approx(float(expected.detach()), rel=1e-4)
    assert torch.allclose(gradient.double(), slope, rtol=2e-3, atol=1e-5 * float(slope.abs().max()))


@pytest.mark.parametrize("kind", ["gram", "covariance", "moments", "sliced"])
@pytest.mark.parametrize("masked", [False, True])
def test_pieces_add_up_to_the_whole(kind: Statistic, masked: bool) -> None:
    f, t = _features(200), _features(120, seed=1)
    w = torch.rand(200, generator=torch.Generator().manual_seed(2)) if masked else None
    term = _term(kind, t)
    value, gradient = _evaluate(term, [f], [w])
    weights = [None, None, None] if w is None else [w[:70], w[70:90], w[90:]]
    again, parts = _evaluate(term, [f[:70], f[70:90], f[90:]], list(weights))
    assert again == pytest.approx(value, rel=1e-5)
    assert torch.allclose(parts, gradient, rtol=1e-4, atol=1e-5 * float(gradient.abs().max()))


def test_sliced_is_the_distance_of_sorted_projections() -> None:
    f, t = _features(64), _features(64, seed=1)
    value, gradient = _evaluate(_term("sliced", t), [f], [None])
    generator = torch.Generator().manual_seed((5 * 1_000_003 + 3 * 7919 + 17) & 0x7FFFFFFFFFFFFFFF)
    directions = torch.randn(6, 48, generator=generator).double()
    directions /= directions.norm(dim=0)
    exact = f.double().requires_grad_()
    ours, theirs = (exact @ directions).sort(dim=0).values, (t.double() @ directions).sort(dim=0).values
    expected = (ours - theirs).square().mean() / t.double().square().mean()
    (slope,) = torch.autograd.grad(expected, exact)
    assert value == pytest.approx(float(expected.detach()), rel=1e-4)
    assert torch.allclose(gradient.double(), slope, rtol=1e-3, atol=1e-6)


def test_sliced_compares_pictures_of_different_sizes() -> None:
    t = _features(400, seed=1)
    doubled = t.repeat_interleave(2, dim=0)
    assert (
        _evaluate(_term("sliced", t), [doubled], [None])[0] < 1e-3 * _evaluate(_term("sliced", t), [2 * t], [None])[0]
    )


def test_a_mask_leaves_the_rest_alone() -> None:
    f, t = _features(100), _features(100, seed=1)
    w = torch.zeros(100)
    w[:40] = 1.0
    for kind in ("gram", "covariance", "moments", "sliced"):
        value, gradient = _evaluate(_term(kind, t), [f], [w])  # type: ignore[arg-type]
        assert float(gradient[40:].abs().max()) == 0.0
        if kind != "sliced":  # its projections are the same, its mass is not: the masked part alone
            alone, part = _evaluate(_term(kind, t), [f[:40]], [None])  # type: ignore[arg-type]
            assert value == pytest.approx(alone, rel=1e-4)
            assert torch.allclose(gradient[:40], part, rtol=1e-3, atol=1e-7)


def test_content_and_variation_follow_their_formulas() -> None:
    f, p = torch.randn(1, 4, 5, 6), torch.randn(1, 4, 5, 6)
    value, gradient = _content(f, p, None, 120.0)
    x = f.double().requires_grad_()
    expected = (x - p.double()).square().sum() / (4 * 5 * 6 * 4)
    assert value == pytest.approx(float(expected.detach()), rel=1e-5)
    assert np.allclose(gradient, torch.autograd.grad(expected, x)[0], atol=1e-7)
    picture = torch.rand(1, 3, 7, 9)
    value, gradient = _variation(picture)
    x = picture.double().requires_grad_()
    expected = (
        (x[:, :, 1:] - x[:, :, :-1]).square().sum() + (x[:, :, :, 1:] - x[:, :, :, :-1]).square().sum()
    ) / x.numel()
    assert value == pytest.approx(float(expected.detach()), rel=1e-5)
    assert np.allclose(gradient, torch.autograd.grad(expected, x)[0], atol=1e-7)

"""The loss of style networks against its formula, written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.nets.style_features import StudioVGG
from studio.training.perceptual import RARE, PerceptualLoss, statistics, total_variation

BLOCKS = ((6, 1), (8, 2))


@pytest.fixture
def net() -> StudioVGG:
    torch.manual_seed(1)
    return StudioVGG(BLOCKS).eval()


def numpy_terms(f: np.ndarray, target: np.ndarray, kind: str) -> float:
    """One picture's style term, ``f`` and ``target`` ``[C, M]`` float64."""

    def stats(v: np.ndarray) -> list[np.ndarray]:
        m = v.shape[1]
        if kind == "gram":
            return [v @ v.T / m]
        mean = v.mean(axis=1, keepdims=True)
        return [mean[:, 0], (v - mean) @ (v - mean).T / m]

    return sum(float(((a - b) ** 2).sum() / (b**2).sum()) for a, b in zip(stats(f), stats(target), strict=True))


@pytest.mark.parametrize("kind", ["gram", "covariance"])
def test_equals_the_formula(net: StudioVGG, kind: str) -> None:
    gen = torch.Generator().manual_seed(3)
    y, x, style = (torch.rand(n, 3, 24, 32, generator=gen) for n in (2, 2, 1))
    loss = PerceptualLoss(
        net, [style], content={"relu2_1": 0.5}, style={"relu1_1": 2.0, "relu2_2": 3.0}, statistic=kind
    )
    found = {k: float(v) for k, v in loss(y, loss.content_of(x)).items()}
    exact = StudioVGG(BLOCKS).double().eval()
    exact.load_state_dict(net.state_dict())
    names = ("relu1_1", "relu2_1", "relu2_2")
    with torch.no_grad():
        fy, fx, fs = (
            {k: v.flatten(2).numpy() for k, v in exact.features(p.double(), names).items()} for p in (y, x, style)
        )
    want = {"content relu2_1": 0.5 * ((fy["relu2_1"] - fx["relu2_1"]) ** 2).mean() / fx["relu2_1"].var(axis=2).mean()}
    for name, weight in (("relu1_1", 2.0), ("relu2_2", 3.0)):
        style_of = fs[name][0]
        top = np.sort(style_of, axis=1)[:, round(style_of.shape[1] * (1 - RARE)) - 1][:, None]
        terms = [numpy_terms(np.minimum(f, top), np.minimum(style_of, top), kind) for f in fy[name]]
        want[f"style {name}"] = weight * np.mean(terms)
    assert found == pytest.approx(want, rel=1e-4)


def test_the_style_itself_costs_no_style(net: StudioVGG) -> None:
    style = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    loss = PerceptualLoss(net, [style], content={"relu2_1": 1.0}, style={"relu1_1": 1.0, "relu2_2": 1.0})
    terms = loss(style, loss.content_of(style))
    assert all(float(v) < 1e-8 for v in terms.values())


def test_unknown_layer_and_statistic_are_told(net: StudioVGG) -> None:
    with pytest.raises(ValueError, match="relu9_9"):
        PerceptualLoss(net, [], content={"relu9_9": 1.0}, style={})
    with pytest.raises(ValueError, match="median"):
        statistics(torch.zeros(1, 2, 3, 3), "median")


def test_total_variation_of_a_ramp() -> None:
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 1, 8, 8)
    assert float(total_variation(ramp)) == pytest.approx(1.0)


def test_pooled_pictures_share_the_style(net: StudioVGG) -> None:
    gen = torch.Generator().manual_seed(5)
    style = torch.rand(1, 3, 32, 32, generator=gen)
    y = style.expand(2, -1, -1, -1).clone()
    y[0] *= 0.5
    args = {"content": {"relu2_1": 1.0}, "style": {"relu2_2": 1.0}}
    alone, shared = (PerceptualLoss(net, [style], **args, pooled=p) for p in (False, True))
    seen = net.features(y, ["relu2_2"])["relu2_2"]
    mean, cov = (s.mean(dim=0) for s in statistics(torch.minimum(seen, shared.highest["relu2_2"]), "covariance"))
    want = sum(
        float((a - b[0]).square().sum() / b.square().sum())
        for a, b in zip((mean, cov), shared.targets["relu2_2"], strict=True)
    )
    assert float(shared.style_term(seen, "relu2_2")) == pytest.approx(want, rel=1e-4)
    assert float(shared.style_term(seen, "relu2_2")) < float(alone.style_term(seen, "relu2_2"))

"""The fixed-seed feature network is the same everywhere, calibrated, and orders differences as an eye would."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from studio.nets.features import (
    FEATURES_NAME,
    LAYERS,
    SEED,
    StudioFeatures,
    calibration_pictures,
    orthogonal_filters,
)

EXPECTED = {"relu1_1": 1.279098, "relu3_2": 2.751746, "relu5_1": 3.063014}
"""Mean squares of three layers for the picture of :func:`test_is_the_same_everywhere`."""


@pytest.fixture(scope="module")
def net() -> StudioFeatures:
    return StudioFeatures().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Four varied pictures in [-1, 1] that the network was not calibrated on."""
    return torch.from_numpy(calibration_pictures(np.random.RandomState(5), 4, 64)) * 2 - 1


def test_is_the_same_everywhere(net: StudioFeatures) -> None:
    """Numbers of the first machine, for a picture made of sines; another machine may differ in rounding only."""
    t = torch.linspace(0, 6, 48)
    x = torch.stack([(t[:, None] * (i + 1)).sin() * (t[None] + i).cos() for i in range(3)])[None] * 0.5 + 0.5
    got = {n: float(v.square().mean()) for n, v in net.features(x, ("relu1_1", "relu3_2", "relu5_1")).items()}
    assert got == pytest.approx(EXPECTED, rel=2e-4)
    again = StudioFeatures()
    assert all(torch.equal(a, b) for a, b in zip(net.buffers(), again.buffers(), strict=True))


def test_filters_are_orthogonal_and_sum_to_zero() -> None:
    w = orthogonal_filters(np.random.RandomState(0), 64, 32, zero_mean=True).reshape(64, -1)
    assert np.abs(w @ w.T - np.eye(64)).max() < 1e-5
    assert np.abs(w.sum(axis=1)).max() < 1e-4
    first = orthogonal_filters(np.random.RandomState(0), 32, 3, zero_mean=False).reshape(32, -1)
    assert np.abs(first[:27] @ first[:27].T - np.eye(27)).max() < 1e-5
    assert np.abs(first[27:] @ first[27:].T - np.eye(5)).max() < 1e-5


def test_is_calibrated(net: StudioFeatures) -> None:
    """On its calibration pictures every channel is on about half of the time, with a mean square of about a half."""
    x = torch.from_numpy(calibration_pictures(np.random.RandomState(SEED)))
    for name, f in net.features(x).items():
        on = (f > 0).float().mean(dim=(0, 2, 3))
        assert float(on.min()) > 0.1, name
        assert float(on.max()) < 0.9, name
        assert float(f.square().mean()) == pytest.approx(0.5, abs=0.2), name


def test_layers_and_sizes(net: StudioFeatures) -> None:
    x = torch.rand(2, 3, 64, 48)
    found = net.features(x, ["relu2_1", "relu1_2"])
    assert list(found) == ["relu2_1", "relu1_2"]
    assert found["relu2_1"].shape == (2, 64, 32, 24)
    assert list(net(x)) == list(LAYERS)
    with pytest.raises(ValueError, match="relu9_9"):
        net.features(x, ["relu9_9"])
    with pytest.raises(ValueError, match="too small"):
        net.features(torch.rand(1, 3, 16, 16), ["relu5_1"])
    with pytest.raises(ValueError, match="one size"):
        net.perceptual_distance(x, x[..., 1:])
    assert net.name == FEATURES_NAME


def test_distance_orders_like_an_eye(net: StudioFeatures, pictures: torch.Tensor) -> None:
    d = net.perceptual_distance
    assert torch.equal(d(pictures, pictures), torch.zeros(4))
    other = pictures.roll(1, 0)
    assert torch.allclose(d(pictures, other), d(other, pictures), rtol=1e-4)
    dark = d(pictures, pictures * 0.8)
    blur = d(pictures, F.avg_pool2d(pictures, 3, 1, 1))
    more = d(pictures, F.avg_pool2d(pictures, 7, 1, 3))
    assert bool((dark < blur).all())
    assert bool((blur < more).all())
    assert bool((more < 0.5 * d(pictures, other)).all())
    # A shift by one pixel is far less than another picture, though its pixels differ more than those of a blur.
    shifted = d(pictures, pictures.roll(1, 3))
    assert bool((shifted < 0.3 * d(pictures, other)).all())
    assert d(pictures[:, :, :8, :8], other[:, :, :8, :8]).shape == (4,)


def test_gradient_leads_back(net: StudioFeatures, pictures: torch.Tensor) -> None:
    """Descending the distance from a grey picture approaches the goal; a flat picture has finite gradients."""
    goal = pictures[:1]
    x = torch.zeros_like(goal).requires_grad_()
    adam = torch.optim.Adam([x], lr=0.02)
    start = float(net.perceptual_distance(x.detach(), goal))
    for _ in range(30):
        adam.zero_grad()
        net.perceptual_distance(x, goal).sum().backward()
        assert x.grad is not None
        assert bool(x.grad.isfinite().all())
        adam.step()
    assert float(net.perceptual_distance(x.detach(), goal)) < 0.7 * start


def test_signatures_are_as_far_apart_as_the_pictures() -> None:
    from studio.nets.features import StudioFeatures

    net = StudioFeatures()
    gen = torch.Generator().manual_seed(0)
    for size in (16, 48):
        a, b = (torch.rand(2, 3, size, size, generator=gen) * 2 - 1 for _ in range(2))
        found = (net.signature(a) - net.signature(b)).square().sum(dim=1)
        torch.testing.assert_close(found, net.perceptual_distance(a, b), rtol=1e-4, atol=1e-6)

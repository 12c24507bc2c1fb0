"""The Frechet distance."""

from __future__ import annotations

import torch

from studio.training.frechet import RandomFeatures, compare, frechet_distance, gaussian


def test_known_gaussians() -> None:
    eye = torch.eye(3, dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    assert abs(frechet_distance((zero, eye), (zero, eye))) < 1e-9
    assert abs(frechet_distance((zero, eye), (zero + 2, eye)) - 12) < 1e-9
    # Commuting covariances: sum of (sqrt a - sqrt b)^2.
    assert abs(frechet_distance((zero, eye * 4), (zero, eye * 9)) - 3) < 1e-9
    a = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    c = a @ a.t() + eye
    product = torch.linalg.eigvals(c @ (2 * eye + c @ c)).real.sqrt().sum()
    want = float(c.trace() + (2 * eye + c @ c).trace() - 2 * product)
    assert abs(frechet_distance((zero, c), (zero, 2 * eye + c @ c)) - want) < 1e-8


def test_features_are_fixed_and_tell_sets_apart() -> None:
    gen = torch.Generator().manual_seed(1)
    x = torch.rand(120, 3, 32, 32, generator=gen) * 2 - 1
    assert torch.equal(RandomFeatures(32)(x), RandomFeatures(32)(x))
    assert gaussian(RandomFeatures(32)(x))[1].shape == (96, 96)
    same = compare(x[:60], x[60:], lambda n: torch.rand(n, 3, 32, 32, generator=gen) * 2 - 1)
    other = compare(x[:60], x[60:], lambda n: torch.rand(n, 3, 32, 32, generator=gen) * 0.4 + 0.3)
    assert float(other["frechet"]) > 3 * float(same["frechet"])
    assert 0.3 < float(same["frechet"]) / float(same["frechet_training_pictures"]) < 3

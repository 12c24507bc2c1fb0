"""Measures of translations: zero for equal pictures, larger for larger differences."""

from __future__ import annotations

import pytest
import torch

from studio.training.johnson import feature_network
from studio.training.translate.scores import l1, mean_color, pair_scores, perceptual_distance


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    gen = torch.Generator().manual_seed(0)
    return torch.rand(6, 3, 4, 4, generator=gen).repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_perceptual_distance(pictures: torch.Tensor) -> None:
    net = feature_network("")
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(1))
    near, far = (pictures + s * noise for s in (0.02, 0.3))
    assert perceptual_distance(net, pictures, pictures) == 0
    small, large = (perceptual_distance(net, pictures, x) for x in (near, far))
    assert 0 < small < large <= 4
    assert perceptual_distance(net, far, pictures) == pytest.approx(large, rel=1e-5)
    assert perceptual_distance(net, pictures, far, batch=4) == pytest.approx(large, rel=1e-5)


def test_l1_and_mean_colour(pictures: torch.Tensor) -> None:
    assert l1(torch.zeros(2, 3), torch.full((2, 3), 0.25)) == 0.25
    color = mean_color(pictures)
    assert color.shape == (1, 3, 1, 1)
    assert torch.allclose(color.flatten(), pictures.mean(dim=(0, 2, 3)))
    assert pair_scores(feature_network(""), pictures, pictures) == {"l1": 0.0, "perceptual": 0.0}

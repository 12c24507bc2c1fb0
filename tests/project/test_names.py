"""Names that people say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from project_samples import values

from studio.project.latents import Blend, Direct, Latent, MapPoint, Mixed, Part, Seed, Stored
from studio.project.names import TEXTS, describe, seed_at


def blend(*latents: Latent) -> Blend:
    return Blend(parts=tuple(Part(latent=latent) for latent in latents))


A, B, C = Seed(seed=3), Seed(seed=9), Seed(seed=27)


@pytest.mark.parametrize(
    ("latent", "name"),
    [
        (Seed(seed=4127), "seed 4127"),
        (MapPoint(x=3, y=2), "seed 203"),
        (MapPoint(x=-1, y=0), "seed 4294967295"),
        (MapPoint(x=0.5, y=-1.25), "map 0.50, -1.25"),
        (Stored(asset="a", name="Anna"), "Anna"),
        (Stored(asset="a"), "stored code"),
        (Direct(), "average picture"),
        (blend(A, B), "between seed 3 and seed 9"),
        (blend(A, B, C), "between 3 pictures"),
        (blend(A, A), "seed 3"),
        (blend(A, blend(A, B)), "between 2 pictures"),
        (Blend(parts=(Part(latent=A), Part(latent=B, weight=0))), "seed 3"),
        (blend(), "empty blend"),
        (Mixed(sources=(A, B, C), weights=((1, 0, 0), (0, 1, 0))), "mix of seed 3 and seed 9"),
        (Mixed(sources=(A, B, C), weights=((1, 1, 1),)), "mix of 3 pictures"),
        (Mixed(sources=(A, B), weights=()), "seed 3"),
        (Mixed(sources=(), weights=()), "empty blend"),
    ],
)
def test_names(latent: Latent, name: str) -> None:
    assert describe(latent) == name


def test_names_can_be_translated() -> None:
    korean = {"between {a} and {b}": "{a}, {b} 사이", "seed {seed}": "시드 {seed}"}
    assert describe(blend(A, B), lambda text: korean[text]) == "시드 3, 시드 9 사이"


@settings(max_examples=200, deadline=None)
@given(values(Latent, deep=5))
def test_everything_has_a_name_and_every_template_is_listed(latent: Latent) -> None:
    asked: set[str] = set()
    assert isinstance(describe(latent, lambda text: asked.add(text) or text), str)  # type: ignore[func-returns-value]
    assert asked <= set(TEXTS)


def test_the_plane_of_seeds() -> None:
    assert [seed_at(0, 0), seed_at(5, 1), seed_at(-5, 0)] == [0, 105, 2**32 - 5]

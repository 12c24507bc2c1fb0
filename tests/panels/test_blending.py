"""Arithmetic with latents: ends are exact, weights are what they say, and all of it stays a recipe."""

from __future__ import annotations

import pytest

from studio.panels.parts.blending import (
    analogy,
    between,
    drawn_seed,
    pad_latent,
    portable,
    shifted,
    tempered,
    with_draw,
)
from studio.project.latents import Blend, DataPoint, Direct, Encoded, Latent, Part, Seed, Stored
from studio.project.session import Pad

A, B, C, D = (DataPoint(index=i) for i in range(4))


def weights(latent: Latent | None) -> dict[Latent, float]:
    """What a linear blend is made of, nested ones too."""
    if not isinstance(latent, Blend):
        assert latent is not None
        return {latent: 1.0}
    total = sum(part.weight for part in latent.parts)
    out: dict[Latent, float] = {}
    for part in latent.parts:
        for inner, weight in weights(part.latent).items():
            out[inner] = out.get(inner, 0.0) + weight * part.weight / total
    return out


@pytest.mark.parametrize("curve", ["linear", "slerp"])
def test_a_corner_is_the_very_latent(curve: str) -> None:
    pad = Pad(corners=(A, B, C, D), curve=curve)  # type: ignore[arg-type]
    for x, y, corner in ((0, 0, A), (1, 0, B), (0, 1, C), (1, 1, D)):
        assert pad_latent(Pad(corners=pad.corners, x=x, y=y, curve=pad.curve)) == corner
    three = Pad(corners=(A, B, C), curve=pad.curve)
    for x, y, corner in ((0, 0, A), (1, 0, B), (0, 1, C)):
        assert pad_latent(Pad(corners=three.corners, x=x, y=y, curve=pad.curve)) == corner
    assert pad_latent(Pad()) is None and pad_latent(Pad(corners=(B,), x=0.7)) == B


def test_four_corners_are_bilinear_and_three_barycentric() -> None:
    found = weights(pad_latent(Pad(corners=(A, B, C, D), x=0.25, y=0.5)))
    assert found == pytest.approx({A: 0.375, B: 0.125, C: 0.375, D: 0.125})
    found = weights(pad_latent(Pad(corners=(A, B, C), x=0.25, y=0.5)))
    assert found == pytest.approx({A: 0.25, B: 0.25, C: 0.5})
    assert weights(pad_latent(Pad(corners=(A, B), x=0.25, y=0.0))) == pytest.approx({A: 0.75, B: 0.25})


def test_an_arc_blends_two_at_a_time() -> None:
    made = pad_latent(Pad(corners=(A, B, C, D), x=0.25, y=0.5, curve="slerp"))
    assert isinstance(made, Blend) and made.curve == "slerp" and len(made.parts) == 2
    upper = made.parts[0].latent
    assert isinstance(upper, Blend) and upper.curve == "slerp"
    assert weights(upper) == pytest.approx({A: 0.75, B: 0.25})
    three = pad_latent(Pad(corners=(A, B, C), x=0.25, y=0.5, curve="slerp"))
    assert weights(three) == pytest.approx({A: 0.25, B: 0.25, C: 0.5})


def test_the_same_picture_twice_is_one_part() -> None:
    made = pad_latent(Pad(corners=(A, A, B, B), x=0.3, y=0.5))
    assert isinstance(made, Blend) and len(made.parts) == 2 and weights(made) == pytest.approx({A: 0.5, B: 0.5})
    assert pad_latent(Pad(corners=(A, A, A, A), x=0.3, y=0.5)) == A


def test_between_keeps_its_ends() -> None:
    assert between(A, B, 0.0, "linear") == A and between(A, B, 1.0, "slerp") == B and between(A, A, 0.4, "slerp") == A


def test_analogy_is_b_plus_c_minus_a() -> None:
    assert weights(analogy(A, B, C)) == {B: 1.0, C: 1.0, A: -1.0}
    assert analogy(A, A, C) == C and analogy(A, B, A) == B


def test_a_draw_carries_its_temperature() -> None:
    made = tempered(12, 0.8)
    assert weights(made) == pytest.approx({Seed(seed=12): 0.8, Direct(): 0.2})
    assert tempered(12, 1.0) == Seed(seed=12) and drawn_seed(made) == 12 and drawn_seed(A) is None


def test_a_shift_is_carried_on_and_comes_back() -> None:
    once = shifted(A, ("x" * 64, "y" * 64), (0.5, -0.25))
    found = weights(once)
    x, y = Stored(asset="x" * 64, form="w"), Stored(asset="y" * 64, form="w")
    assert (found[A], found[x], found[y], found[Direct()]) == pytest.approx((1.0, 0.5, -0.25, -0.25))
    twice = shifted(once, ("x" * 64, "y" * 64), (0.5, 0.0))
    assert isinstance(twice, Blend) and twice.parts[0] == Part(latent=A), "not wrapped again"
    assert weights(twice)[x] == pytest.approx(1.0)
    assert shifted(once, ("x" * 64, "y" * 64), (-0.5, 0.25)) == A


def test_draws_reach_into_blends() -> None:
    picture = Encoded(picture="p" * 64)
    made = with_draw(Blend(parts=(Part(latent=picture), Part(latent=A))), 7)
    assert isinstance(made, Blend) and made.parts[0].latent == Encoded(picture="p" * 64, sample=7)
    assert with_draw(made, None) == Blend(parts=(Part(latent=picture), Part(latent=A)))


def test_what_every_model_understands() -> None:
    assert portable(tempered(3, 0.5)) and not portable(Blend(parts=(Part(latent=Seed(seed=1)), Part(latent=A))))

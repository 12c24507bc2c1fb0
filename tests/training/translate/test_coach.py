"""The coach must see each failure, and must be silent about healthy pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.training.data import load_pictures, to_float
from studio.training.translate import coach


def scenes(n: int = 6, size: int = 64, seed: int = 0) -> Tensor:
    """Smooth coloured shapes with edges, in [-1, 1]."""
    gen = torch.Generator().manual_seed(seed)
    x = F.interpolate(torch.randn(n, 3, 6, 6, generator=gen), size=(size, size), mode="bicubic").tanh()
    at = torch.linspace(-1, 1, size)
    for i in range(n):
        c = torch.rand(2, generator=gen) - 0.5
        disc = ((at[None, :] - c[0]) ** 2 + (at[:, None] - c[1]) ** 2) < 0.15
        x[i] = torch.where(disc, torch.rand(3, 1, 1, generator=gen) * 2 - 1, x[i])
    return x


def codes(findings: list[coach.Finding]) -> list[str]:
    return [f.code for f in findings]


def test_healthy_pictures_are_not_blamed() -> None:
    x = scenes()
    truth = (x * 0.8 + 0.1).roll(2, 3)
    out = truth + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    errors = [(0.5, 0.52), (0.4, 0.45), (0.3, 0.41), (0.25, 0.40)]
    assert coach.look(x, out, truth, errors=errors, critic=[0.3, 0.6, 0.5, 0.7, 0.4, 0.5]) == []
    assert coach.look(x, out) == []
    assert coach.look() == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda t: -t, "inverted brightness"),
        (lambda t: t.mean(0, keepdim=True).expand_as(t) + 0.01 * t, "collapse"),
        (lambda t: t * 0.005 + 0.3, "nothing yet"),
    ],
)
def test_failures_are_named(spoil: Callable[[Tensor], Tensor], code: str) -> None:
    x = scenes()
    assert codes(coach.look(x, spoil(x), x)) == [code]
    assert codes(coach.look(x, spoil(x))) == [code]


def test_inverted_colours_at_the_right_brightness() -> None:
    x = scenes()
    grey = (x * x.new_tensor(coach.LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert codes(coach.look(x, grey - (x - grey))) == ["inverted colours"]
    assert coach.look(x, grey.expand_as(x)) == [], "black and white is a choice, not a mistake"
    assert coach.look(x, -x, keeps=False) == [], "some translations may swap bright and dark"
    assert coach.look(-x, x, x) == [], "the truth decides, where there is one"


def test_a_copy_is_nothing_learned_unless_a_copy_is_wanted() -> None:
    x = scenes()
    assert codes(coach.look(x, x + 0.001, -x)) == ["inverted brightness", "copies"]
    assert codes(coach.look(x, x + 0.001, x.roll(8, 3))) == ["copies"]
    assert coach.look(x, x + 0.001, x) == []


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("kind", ["both", "columns"])
def test_grids_are_seen_and_edges_are_not(period: int, kind: str) -> None:
    x = scenes(size=128)
    at = (torch.arange(128) % period < period // 2).float() * 2 - 1
    grid = at[None, :] * at[:, None] if kind == "both" else at[None, :].expand(128, 128)
    assert codes(coach.look(x, x + 0.06 * grid)) == ["checkerboard"]
    assert coach.look(x + 0.06 * grid, x + 0.06 * grid) == [], "the grid is in the real pictures already"
    stripes = torch.zeros_like(x)
    stripes[:, :, :, 40:] = 1
    stripes[:, :, 70:] -= 0.7
    assert coach.checkerboard(stripes) is None
    noise = x + 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    assert coach.checkerboard(noise) is None


def test_untrained_transposed_convolutions_make_grids_and_resized_ones_do_not() -> None:
    torch.manual_seed(0)
    x = scenes(8, 64)
    small = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    transposed = torch.nn.ConvTranspose2d(3, 3, 3, stride=2, padding=1, output_padding=1)
    with torch.no_grad():
        assert codes([f for f in [coach.checkerboard(transposed(small), x)] if f]) == ["checkerboard"]
        plain = torch.nn.Conv2d(3, 3, 3, padding=1)
        smooth = F.interpolate(small, scale_factor=2, mode="bilinear")
        assert coach.checkerboard(plain(smooth), x) is None


def test_overfitting_needs_a_held_out_error_that_rises() -> None:
    falling = [(1.0, 1.0), (0.5, 0.6), (0.3, 0.5), (0.2, 0.49)]
    assert coach.overfitting(falling) is None
    assert coach.overfitting([*falling, (0.1, 0.6)]) is not None
    assert coach.overfitting([*falling, (0.3, 0.6)]) is None, "both got worse: that is something else"
    assert coach.overfitting([(0.5, 0.5), (0.1, 1.0)]) is None, "too early to say"


def test_a_critic_must_be_sure_for_a_while() -> None:
    assert coach.too_sure([0.99] * 4) is None
    assert coach.too_sure([0.1, *[0.97] * 5]) is not None
    assert coach.too_sure([0.97, 0.97, 0.97, 0.97, 0.2]) is None


def test_a_finding_reads_as_a_sentence_with_advice() -> None:
    found = coach.look(scenes(), -scenes())
    assert str(found[0]).startswith("Bright and dark are swapped")
    assert "--seed" in str(found[0])


def test_real_drawings_and_avatars_are_healthy() -> None:
    shared = Path(__file__).parents[4] / "shared" / "data"
    if not (shared / "avatars_toonhead.zip").is_file():
        pytest.skip("the data sets are not here")
    pictures = to_float(load_pictures(shared / "avatars_toonhead.zip", 128, every=200).images)
    assert coach.look(pictures, pictures * 0.9, pictures) == []

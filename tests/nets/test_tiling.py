"""Tiles cover a picture once, and moments gathered in pieces are those of the whole."""

from __future__ import annotations

import pytest
import torch

from studio.base.steps import run
from studio.nets.tiling import Moments, local, moments, tiles


@pytest.mark.parametrize(
    ("rows", "columns", "size", "halo"), [(1, 1, 4, 2), (13, 7, 4, 0), (8, 8, 3, 2), (5, 90, 32, 9)]
)
def test_tiles_cover_once(rows: int, columns: int, size: int, halo: int) -> None:
    """Every place counts in one tile; the halo stays inside."""
    seen = torch.zeros(1, 1, 2 * rows, 2 * columns)
    for tile in tiles(rows, columns, size, halo):
        assert tile.bottom - tile.top <= size and tile.right - tile.left <= size
        tile.place(seen, 2).add_(1)
        part = tile.read(torch.zeros(1, 1, rows * 4, columns * 4), 4)
        assert part.shape[2] == 4 * (tile.y1 - tile.y0) and tile.inner(part).shape[2] == 4 * (tile.bottom - tile.top)
    assert bool((seen == 1).all())


def test_moments_in_pieces() -> None:
    """Double precision between the pieces: a large mean and a small deviation survive."""
    x = 1000 + torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    gathered = Moments()
    for piece in tiles(64, 64, 10, 0):
        gathered.add(piece.place(x, 1))
    for correction in (0, 1):
        mean, var = gathered.done(correction)
        wanted = x.double().var(dim=(2, 3), correction=correction), x.double().mean(dim=(2, 3))
        torch.testing.assert_close(var.double(), wanted[0], rtol=1e-5, atol=0)
        torch.testing.assert_close(mean.double(), wanted[1], rtol=1e-6, atol=0)
        torch.testing.assert_close(moments(x, correction)[1], var, rtol=1e-4, atol=0)


def test_local_is_the_whole() -> None:
    """A convolution with its reach as margin."""
    conv = torch.nn.Conv2d(3, 4, 5, stride=2, padding=2, padding_mode="reflect").requires_grad_(False)
    x = torch.rand(1, 3, 60, 44)
    torch.testing.assert_close(run(local(conv, x, 2, 1, 16, 4)), conv(x), atol=1e-6, rtol=0)
    wrong = run(local(conv, x, 2, 1, 16, 0))
    assert (wrong - conv(x)).abs().max() > 1e-3, "without a margin the seams show"

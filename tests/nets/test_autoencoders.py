"""Spatial autoencoders in tiles: exact where the network is local, without a step where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from studio.nets.autoencoder_tiles import Tiling, tiled
from studio.nets.autoencoder_tiny import AutoencoderTiny, reach
from studio.nets.drawing import AutoencoderGenerator
from studio.nets.roles import Autoencoder
from tests.checkpoints import autoencoders as make

LEVEL = 1 / 255 * 2
"""One level of a picture in [-1, 1]."""


def tiny(**kind: Any) -> AutoencoderTiny:
    encoder, decoder = make.tiny_halves(**kind)
    state = {f"{s}.{k}": v for s, n in (("encoder", encoder), ("decoder", decoder)) for k, v in n.state_dict().items()}
    return AutoencoderTiny.from_state_dict(state).eval().requires_grad_(False)


@pytest.mark.parametrize("how", [Tiling(4, 0), Tiling(4, 2), Tiling(4, 1, 1), Tiling(5, 3, 2), Tiling(4, 0, 9)])
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 3), (3, 1), (2, 2)])
def test_tiles_cover_everything_once(how: Tiling, n_in: int, n_out: int) -> None:
    """A step that sees one cell is the same in tiles, with every margin and mixture, for any sides and batch."""

    def step(x: Tensor) -> Tensor:
        cells = torch.nn.functional.avg_pool2d(x, n_in)
        return torch.nn.functional.interpolate(cells, scale_factor=n_out) * 2 + 1

    seen: list[int] = []

    def counted(x: Tensor) -> Tensor:
        seen.append(max(x.shape[2:]) // n_in)
        return step(x)

    x = torch.randn(2, 3, 13 * n_in, 7 * n_in)
    torch.testing.assert_close(tiled(counted, x, n_in, n_out, how), step(x))
    assert max(seen) <= how.tile + 2 * how.margin + 2 * min(how.blend, how.tile // 2)


def test_seams_of_half_precision() -> None:
    """What tiles of low precision have in common stays what it is: shares add up to one."""
    x = torch.full((1, 1, 40, 40), 3.0, dtype=torch.bfloat16)
    out = tiled(lambda t: t, x, 1, 1, Tiling(11, 1, 4))
    torch.testing.assert_close(out, torch.full_like(out, 3.0), atol=1e-5, rtol=0)


KINDS: dict[str, dict[str, Any]] = {"plain": {}, "sees all": {"gn": True}, "1/32": {"deep": True}}


@pytest.mark.parametrize("kind", KINDS)
def test_tiny_in_tiles_is_exact(kind: str) -> None:
    """Both ways, whatever the sides; the branch that sees the whole picture included."""
    net = tiny(**KINDS[kind])
    f = net.factor
    x = torch.rand(2, 3, 40 * f if f == 8 else 12 * f, 24 * f if f == 8 else 9 * f) * 2 - 1
    mu, logvar = net.encode(x)
    tile = 9 if f == 8 else 5
    got, got_logvar = net.encode_tiled(x, tile)
    torch.testing.assert_close(got, mu, atol=1e-5, rtol=0)
    assert torch.equal(got_logvar, logvar)
    torch.testing.assert_close(net.decode_tiled(mu, tile), net.decode(mu), atol=1e-5, rtol=0)


def test_the_reach_is_no_smaller_than_what_is_seen() -> None:
    """A change of one cell changes nothing farther away than the reach says, and something nearly as far."""
    net = tiny()
    z = torch.zeros(1, 4, 47, 47)
    other = z.clone()
    other[0, :, 23, 23] = 5
    changed = (net.decode(other) != net.decode(z)).any(dim=1)[0].nonzero() // net.factor
    far = int((changed - 23).abs().max())
    assert far <= reach(net.plans[1]) <= far + 8
    x = torch.zeros(1, 3, 47 * 8, 47 * 8)
    other = x.clone()
    other[0, :, 23 * 8 : 24 * 8, 23 * 8 : 24 * 8] = 1
    changed = (net.encode(other)[0] != net.encode(x)[0]).any(dim=1)[0].nonzero()
    far = int((changed - 23).abs().max())
    assert far <= reach(net.plans[0]) <= far + 8


def test_kl_in_tiles_has_no_step() -> None:
    """What sees everything differs in tiles; across a seam it changes no faster than anywhere else."""
    net = make.kl()
    rows = torch.linspace(-1, 1, 4 * 32)
    x = (rows[:, None] * 0.5 + rows[None, :] * 0.3).expand(1, 3, -1, -1).contiguous()
    mu, _ = net.encode(x)
    one = net.decode_tiled(mu, 64)
    assert torch.equal(one, net.decode(mu))
    parts = net.decode_tiled(mu, 16)
    assert parts.shape == one.shape
    seam = parts.shape[3] // 2
    steps = (parts[..., 1:] - parts[..., :-1]).abs().mean(dim=(0, 1, 2))
    usual = (one[..., 1:] - one[..., :-1]).abs().mean(dim=(0, 1, 2))
    assert float(steps[seam - 3 : seam + 3].max()) < 2 * float(usual.max())


def test_gradients_change_nothing() -> None:
    """What is overwritten without gradients is kept with them; the numbers are the same, and they can be followed."""
    net = make.kl()
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        plain = net.decode(net.encode(x)[0])
    leaf = x.clone().requires_grad_(True)
    y = net.decode(net.encode(leaf)[0])
    assert torch.equal(y, plain)
    y.square().mean().backward()
    assert leaf.grad is not None and float(leaf.grad.abs().sum()) > 0


def test_roles() -> None:
    """Each is an autoencoder, and a generator with one layer."""
    for net in (tiny(), make.kl()):
        assert isinstance(net, Autoencoder)
        drawing = AutoencoderGenerator(net, 2, 3)
        assert drawing.synthesize(torch.zeros(1, 1, drawing.w_dim)).shape == (1, 3, 2 * net.factor, 3 * net.factor)

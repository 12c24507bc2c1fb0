"""An autoencoder as a generator, plain and prepared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from studio.nets import drawing_fast
from studio.nets.drawing import AutoencoderGenerator
from studio.nets.drawing_fast import FAITHFUL, FastAutoencoder, agreement, prepared
from studio.nets.roles import Autoencoder, Generator
from studio.nets.vae import VAE


def vae() -> VAE:
    torch.manual_seed(0)
    widths = {4: 16, 8: 16, 16: 8}
    return VAE(12, {4: 16, 8: 8, 16: 4}, widths, top=8).eval().requires_grad_(False)


class Spatial(nn.Module):
    spatial, factor, resolution, latent_dim = True, 4, 32, 3

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.down, self.up = nn.Conv2d(3, 6, 4, 4), nn.ConvTranspose2d(3, 3, 4, 4)
        self.requires_grad_(False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.down(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        return self.up(z)


def test_an_autoencoder_is_a_generator_of_one_layer() -> None:
    net = vae()
    drawing = AutoencoderGenerator(net)
    assert isinstance(net, Autoencoder) and isinstance(drawing, Generator)
    assert (drawing.z_dim, drawing.w_dim, drawing.num_ws, drawing.resolution) == (12, 12, 1, 32)
    z = torch.randn(2, 12)
    assert torch.equal(drawing.map(z, None, 0.5)[:, 0], 0.5 * z)
    assert torch.equal(drawing.map(z, None, 0.5, 0)[:, 0], z), "truncated below layer 0: nowhere"
    assert torch.equal(drawing.synthesize(drawing.map(z)), net.decode(z))
    assert torch.equal(drawing.latent(z), z[:, None]) and not drawing.w_avg.any()


def test_a_spatial_latent_is_flattened_in_its_own_order() -> None:
    net = Spatial()
    drawing = AutoencoderGenerator(net, 5, 7)
    assert drawing.latent_shape == (3, 5, 7) and drawing.w_dim == 105 and drawing.resolution == 28
    z = torch.randn(2, 3, 5, 7)
    assert torch.equal(drawing.synthesize(drawing.latent(z)), net.decode(z))
    assert drawing.synthesize(drawing.latent(z)).shape == (2, 3, 20, 28)
    assert AutoencoderGenerator(net).latent_shape == (3, 8, 8)


def test_large_spatial_pictures_are_sketched_first() -> None:
    net = Spatial()
    large = AutoencoderGenerator(net, 32, 40)
    z = torch.randn(1, 3, 32, 40)
    steps = list(large.synthesize_steps(large.latent(z)))
    assert [tuple(s.shape[-2:]) for s in steps] == [(32, 40), (128, 160)]
    assert torch.equal(steps[1], net.decode(z))
    small = AutoencoderGenerator(net)
    assert len(list(small.synthesize_steps(small.latent(torch.randn(1, 3, 8, 8))))) == 1
    flat = AutoencoderGenerator(vae())
    assert len(list(flat.synthesize_steps(torch.randn(1, 1, 12)))) == 1


@pytest.mark.parametrize("net", [vae(), Spatial()], ids=["flat", "spatial"])
def test_the_prepared_form_draws_the_same_picture(net: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_fast, "probe_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(drawing_fast, "FAITHFUL", 30.0)
    fast = prepared(net)
    assert isinstance(fast, FastAutoencoder) and isinstance(fast, Autoencoder)
    assert 30.0 < agreement(net, fast) < 100.0, "half precision is close, and is not float32"
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    assert torch.equal(fast.encode(x)[0], net.encode(x)[0])
    shape = (1, 3, 4, 4) if net.spatial else (1, 12)
    drawn = fast.decode(torch.randn(shape))
    assert drawn.dtype == torch.float32
    assert drawn.shape[-1] == (16 if net.spatial else 32)


def test_a_decoder_that_would_draw_differently_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fragile(Spatial):
        def decode(self, z: Tensor) -> Tensor:
            return self.up(z * 1000) - self.up(z * 1000).round()

    monkeypatch.setattr(drawing_fast, "probe_dtype", lambda device: torch.bfloat16)
    net = Fragile()
    assert agreement(net, FastAutoencoder(net, torch.bfloat16)) < FAITHFUL
    assert prepared(net) is net


def test_light_decoders_draw_with_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(Spatial):
        def decode(self, z: Tensor) -> Tensor:
            threads.append(torch.get_num_threads())
            return self.up(z)

    threads: list[int] = []
    monkeypatch.setattr(drawing_fast, "probe_dtype", lambda device: torch.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fast = prepared(Counting())
        assert isinstance(fast, FastAutoencoder) and fast.light
        threads.clear()
        fast.decode(torch.zeros(1, 3, 8, 8))
        assert threads == [1] and torch.get_num_threads() == 2
        monkeypatch.setattr(drawing_fast, "LIGHT", 0.0)
        heavy = Counting()
        assert prepared(heavy) is heavy
    finally:
        torch.set_num_threads(before)

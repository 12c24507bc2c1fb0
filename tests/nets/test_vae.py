"""The autoencoder of our own: its formulas in float64, its shapes, its file."""

from __future__ import annotations

import math

import pytest
import torch

from studio.base.errors import ModelError
from studio.nets.roles import Autoencoder
from studio.nets.vae import (
    CERTAIN,
    VAE,
    elbo,
    gaussian_nll,
    kl_per_dimension,
    reparameterise,
    shapes_of,
    sub_pixels,
)

WIDTHS = {4: 6, 8: 5, 16: 4}


def tiny(*, variational: bool = True, seed: int = 0) -> VAE:
    """32 px, 5 dimensions; its last layers are not zero, so that everything shows in the picture."""
    torch.manual_seed(seed)
    return VAE(5, {4: 7, 8: 6, 16: 5}, WIDTHS, blocks={4: 1, 8: 2, 16: 1}, top=3, variational=variational).eval()


def codes(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(seed)
    shape = (6, 5)
    return torch.randn(shape, generator=gen, dtype=torch.float64), torch.randn(
        shape, generator=gen, dtype=torch.float64
    ) - 1


def test_kl_is_that_of_torch_and_of_the_integral() -> None:
    mu, logvar = codes()
    got = kl_per_dimension(mu, logvar)
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(torch.zeros(()), torch.ones(())))
    assert torch.allclose(got, expected, rtol=0, atol=1e-12)
    x = torch.linspace(-20, 20, 40001, dtype=torch.float64)
    one = torch.distributions.Normal(mu[0, 0], (logvar[0, 0] / 2).exp())
    integrand = one.log_prob(x).exp() * (one.log_prob(x) + 0.5 * x * x + 0.5 * math.log(2 * math.pi))
    assert float(torch.trapezoid(integrand, x)) == pytest.approx(float(got[0, 0]), abs=1e-9)
    assert torch.equal(kl_per_dimension(torch.zeros(2), torch.zeros(2)), torch.zeros(2)), "N(0, 1) costs nothing"
    assert torch.allclose(kl_per_dimension(mu.float(), logvar.float()).double(), expected, atol=1e-5)


def test_likelihood_and_elbo_are_the_written_sums() -> None:
    gen = torch.Generator().manual_seed(3)
    x, y = torch.randn(2, 6, 3, 4, 4, generator=gen, dtype=torch.float64)
    mu, logvar = codes()
    for sigma in (1.0, 0.3):
        expected = -torch.distributions.Normal(y, sigma).log_prob(x).flatten(1).sum(1)
        assert torch.allclose(gaussian_nll(x, y, sigma), expected, rtol=1e-12)
        for beta in (1.0, 4.0):
            got = elbo(x, y, mu, logvar, beta=beta, sigma=sigma)
            assert got.shape == (6,)
            assert torch.allclose(got, -expected - beta * kl_per_dimension(mu, logvar).sum(1), rtol=1e-12)


def test_elbo_is_a_lower_bound_of_the_likelihood() -> None:
    """A linear Gaussian model, whose log p(x) is known: below it for any q, and equal for the true posterior."""
    a, sigma, x = 1.7, 0.8, torch.tensor([[[[0.9]]]], dtype=torch.float64)
    log_p = float(torch.distributions.Normal(0.0, math.sqrt(a * a + sigma**2)).log_prob(x))
    gen = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, 1, generator=gen, dtype=torch.float64)

    def bound(mean: float, variance: float) -> float:
        mu = torch.full((len(noise), 1), mean, dtype=torch.float64)
        logvar = torch.full_like(mu, math.log(variance))
        z = reparameterise(mu, logvar, noise)
        return float(elbo(x.expand(len(noise), 1, 1, 1), (a * z)[:, :, None, None], mu, logvar, sigma=sigma).mean())

    exact = sigma**2 / (a * a + sigma**2)
    assert bound(a * float(x) / (a * a + sigma**2), exact) == pytest.approx(log_p, abs=0.01)
    assert bound(0.0, 1.0) < log_p - 0.1
    assert bound(0.4, 0.1) < log_p - 0.01


def test_reparameterised_gradient_is_the_gradient_of_the_expectation() -> None:
    """E[z^3] of N(mu, s^2) is mu^3 + 3 mu s^2: gradients 3 mu^2 + 3 s^2, and 3 mu s^2 with respect to log s^2."""
    mu = torch.tensor([[0.7]], dtype=torch.float64, requires_grad=True)
    logvar = torch.tensor([[-0.5]], dtype=torch.float64, requires_grad=True)
    half = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    noise = torch.cat((half, -half))  # antithetic: odd moments vanish
    z = reparameterise(mu, logvar, noise)
    z.pow(3).mean().backward()
    s2 = math.exp(-0.5)
    assert mu.grad is not None and logvar.grad is not None
    assert float(mu.grad) == pytest.approx(3 * 0.49 + 3 * s2, rel=0.01)
    assert float(logvar.grad) == pytest.approx(3 * 0.7 * s2, rel=0.02)
    inputs = (mu.detach().requires_grad_(), logvar.detach().requires_grad_())
    assert torch.autograd.gradcheck(lambda m, v: reparameterise(m, v, noise[:3]).square().sum(), inputs)
    m, v = codes()
    assert torch.autograd.gradcheck(kl_per_dimension, (m.requires_grad_(), v.requires_grad_()))


def test_shapes_and_role() -> None:
    net = tiny()
    assert isinstance(net, Autoencoder)
    assert (net.resolution, net.latent_dim, net.spatial, net.factor) == (32, 5, False, 0)
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    mu, logvar = net.encode(x)
    assert mu.shape == logvar.shape == (3, 5)
    picture = net.decode(mu)
    assert picture.shape == x.shape and picture.dtype == torch.float32
    assert torch.allclose(net.decode(mu[1:2]), picture[1:2], atol=1e-5), "each picture is its own"
    assert not torch.allclose(picture[0], picture[1], atol=1e-4), "z reaches the picture"


def test_the_doubling_starts_without_a_checkerboard() -> None:
    with torch.no_grad():
        net = tiny()
        grown = sub_pixels(net.decoder.grow(torch.randn(1, 4, 8, 8)))
    assert torch.equal(grown[:, :, ::2, ::2], grown[:, :, 1::2, 1::2])
    assert torch.equal(grown[:, :, ::2, ::2], grown[:, :, ::2, 1::2])


def test_sub_pixels_are_pixel_shuffle_in_another_order() -> None:
    x = torch.randn(2, 12, 3, 5)
    reordered = x.reshape(2, 4, 3, 3, 5).transpose(1, 2).reshape(2, 12, 3, 5)
    assert torch.equal(sub_pixels(x), torch.nn.functional.pixel_shuffle(reordered, 2))


@pytest.mark.parametrize("variational", [True, False])
def test_rebuilt_from_its_tensors_alone(variational: bool) -> None:
    net = tiny(variational=variational)
    net.keep("attributes", {"vectors": torch.randn(2, 5), "sigmas": torch.rand(2)})
    net.keep(
        "data", {"mu": torch.randn(4, 5), "logvar": torch.randn(4, 5), "labels": torch.ones(4, 2, dtype=torch.uint8)}
    )
    again = VAE.from_state_dict(net.state_dict()).eval()
    assert again.hyper == net.hyper and again.hyper["data_count"] == 4
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    assert torch.equal(again.encode(x)[0], net.encode(x)[0])
    assert torch.equal(again(x), net(x))
    for name in ("attributes_vectors", "attributes_sigmas", "data_mu", "data_logvar", "data_labels"):
        assert torch.equal(getattr(again, name), getattr(net, name))
    assert again.data_labels is not None and again.data_labels.dtype == torch.uint8
    half = VAE.from_state_dict({k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()})
    assert {p.dtype for p in half.parameters()} == {torch.float32}
    assert half.data_mu is not None and half.data_mu.dtype == torch.float32
    if not variational:
        assert bool((again.encode(x)[1] == CERTAIN).all())


def test_nothing_kept_is_nothing() -> None:
    net = tiny()
    assert net.data_mu is None and net.attributes_vectors is None and net.hyper["data_count"] == 0
    with pytest.raises(ValueError, match="takes along"):
        net.keep("data", {"pictures": torch.zeros(1)})


def test_a_file_that_does_not_fit_is_named() -> None:
    sd = dict(tiny().state_dict())
    with pytest.raises(ModelError, match=r"decoder\.out\.weight"):
        shapes_of({k: v for k, v in sd.items() if k != "decoder.out.weight"})
    with pytest.raises(ModelError, match=r"encoder\.down8\.bias"):
        VAE.from_state_dict({k: v for k, v in sd.items() if k != "encoder.down8.bias"})
    with pytest.raises(ModelError, match=r"decoder\.b8_1\.conv2\.weight"):
        VAE.from_state_dict({**sd, "decoder.b8_1.conv2.weight": torch.zeros(1, 1, 3, 3)})


def test_logvar_stays_within_reason() -> None:
    net = tiny()
    with torch.no_grad():
        net.encoder.head.bias[5:] = torch.tensor([100.0, -100.0, 0.0, 0.0, 0.0])
    logvar = net.encode(torch.zeros(1, 3, 32, 32))[1].detach()
    assert float(logvar[0, 0]) == 10.0 and float(logvar[0, 1]) == CERTAIN

"""The losses against direct formulas in float64."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from studio.nets.stylegan2 import StyleGAN2
from studio.nets.stylegan2_discriminator import Discriminator
from studio.training import losses

CHANNELS = {4: 4, 8: 4, 16: 4}


def central_difference(fn, x: torch.Tensor, h: float = 1e-5) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """The gradient of a scalar function by central differences."""
    grad = torch.zeros_like(x)
    flat, out = x.view(-1), grad.view(-1)
    for i in range(flat.numel()):
        keep = float(flat[i])
        flat[i] = keep + h
        up = fn(x)
        flat[i] = keep - h
        out[i] = (up - fn(x)) / (2 * h)
        flat[i] = keep
    return grad


def test_logistic_losses() -> None:
    r, f = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    want_g = -torch.log(torch.sigmoid(f)).mean()
    want_d = -torch.log(torch.sigmoid(r)).mean() - torch.log(1 - torch.sigmoid(f)).mean()
    assert torch.allclose(losses.g_nonsaturating(f), want_g)
    assert torch.allclose(losses.d_logistic(r, f), want_d)


def test_r1_is_the_squared_gradient() -> None:
    torch.manual_seed(0)
    d = Discriminator({4: 3, 8: 3}).double()
    d.compute_dtype = torch.float64
    d.b4.forward = lambda x, cmap: x.square().sum(dim=(1, 2, 3))  # type: ignore[method-assign]
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        want = central_difference(lambda v: float(d.b4(d.b8(v), None).sum()), x.clone()).square().sum()
    x.requires_grad_(True)
    got = losses.r1_penalty(d.b4(d.b8(x), None), x)
    assert torch.allclose(got, want, rtol=1e-4)
    weight = d.b8.conv1.weight
    (second,) = torch.autograd.grad(got, weight)
    index = (1, 2, 0, 1)
    h = 1e-5
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[index] += sign * h
        y = x.detach().requires_grad_(True)
        values.append(float(losses.r1_penalty(d.b4(d.b8(y), None), y).detach()))
        with torch.no_grad():
            weight[index] -= sign * h
    assert abs(float(second[index].detach()) - (values[0] - values[1]) / (2 * h)) < 1e-4 * max(1.0, abs(values[0]))


def test_path_length_is_the_norm_of_the_transposed_jacobian() -> None:
    torch.manual_seed(1)
    g = StyleGAN2(4, 6, {4: 3, 8: 3}, mapping_layers=1, conv_clamp=None).double().train()
    g.compute_dtype = torch.float64
    for block in (g.synthesis.block(4), g.synthesis.block(8)):
        block.torgb.bias.data.fill_(0.1)
    ws = torch.randn(1, g.num_ws, 6, dtype=torch.float64)
    y = torch.randn(1, 3, 8, 8, dtype=torch.float64) / 8

    def projected(v: torch.Tensor) -> float:
        with torch.no_grad():
            return float((g.synthesize(v, "none") * y).sum())

    want = central_difference(projected, ws.clone(), 1e-4).square().sum(dim=2).mean(dim=1).sqrt()
    ws.requires_grad_(True)
    got = losses.path_lengths(g.synthesize(ws, "none"), ws, y)
    assert torch.allclose(got, want, rtol=1e-6)
    penalty, mean = losses.path_length_penalty(got, torch.zeros((), dtype=got.dtype))
    assert torch.allclose(mean, 0.01 * got.detach().mean())
    assert torch.allclose(penalty, (got - mean).square().mean())
    penalty.backward()
    grads = [p.grad for p in g.synthesis.parameters() if p.grad is not None]
    assert grads and all(x.isfinite().all() for x in grads)


def test_reconstruction_is_zero_only_for_equal_pictures() -> None:
    a = torch.rand(2, 3, 16, 16)
    assert float(losses.reconstruction(a, a)) == 0
    b = a.clone()
    b[:, :, 3, 3] += 0.5
    small, large = losses.reconstruction(a, b), losses.reconstruction(a, b + 0.5)
    assert 0 < float(small) < float(large)
    flat = losses.reconstruction(a, a + 0.5, scales=1, edges=1.0)
    assert torch.allclose(flat, losses.charbonnier(torch.tensor(0.5)))


def test_discriminator_down_sampling_is_filter_then_stride() -> None:
    """The canonical layer: pad 2, low-pass, then a stride 2 convolution without padding; 1x1: pad 1."""
    torch.manual_seed(2)
    d = Discriminator({4: 3, 8: 4})
    x = torch.randn(2, 4, 8, 8)
    k = d.b8.conv1.resample_filter[None, None].expand(4, 1, 4, 4)  # type: ignore[index]
    w = d.b8.conv1.weight / (4 * 9) ** 0.5
    want = F.leaky_relu(F.conv2d(F.conv2d(F.pad(x, (2, 2, 2, 2)), k, groups=4), w, stride=2), 0.2) * 2**0.5
    assert torch.allclose(d.b8.conv1(x), want, atol=1e-5)
    low = F.conv2d(F.pad(x, (1, 1, 1, 1)), k, groups=4)[:, :, ::2, ::2]
    assert torch.allclose(d.b8.skip(x), F.conv2d(low, d.b8.skip.weight / 2), atol=1e-5)
    assert d(torch.randn(4, 3, 8, 8)).shape == (4,)


def test_conditional_discriminator_uses_the_label() -> None:
    torch.manual_seed(3)
    d = Discriminator(CHANNELS, c_dim=5, mapping_layers=2)
    x = torch.randn(4, 3, 16, 16)
    a = d(x, torch.eye(5)[:4])
    assert a.shape == (4,) and not torch.allclose(a, d(x, torch.eye(5)[1:]))
    assert "mapping.embed.weight" in d.state_dict() and "b4.out.weight" in d.state_dict()

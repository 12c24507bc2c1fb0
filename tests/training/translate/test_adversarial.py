"""The critic sees what it should, losses are what the papers say, the pool remembers."""

from __future__ import annotations

import pytest
import torch

from studio.nets.resnet_generator import ResNetGenerator
from studio.training.translate.adversarial import (
    ImagePool,
    PatchCritic,
    Watch,
    augmented,
    certainty,
    critic_loss,
    generator_loss,
    gradient_penalty,
    init_weights,
    linear_decay,
    receptive_field,
)


@pytest.mark.parametrize(("n_layers", "pixels"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field_is_that_of_the_papers(n_layers: int, pixels: int) -> None:
    assert receptive_field(n_layers) == pixels


def test_one_logit_depends_on_exactly_its_receptive_field() -> None:
    critic = PatchCritic(3, 4, 2, norm="none")
    with torch.no_grad():
        for p in critic.parameters():
            p.abs_().add_(0.01)
    x = torch.rand(1, 3, 96, 96, requires_grad=True)
    y = critic(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == receptive_field(2)


@pytest.mark.parametrize(("size", "n_layers", "places"), [(128, 3, 14), (256, 3, 30), (64, 2, 14)])
def test_number_of_patches(size: int, n_layers: int, places: int) -> None:
    critic = PatchCritic(6, 4, n_layers)
    assert critic(torch.zeros(2, 6, size, size)).shape == (2, 1, places, places)


def test_widths_must_fit() -> None:
    assert PatchCritic(3, widths=(4, 6, 8), n_layers=2).model[0].out_channels == 4
    with pytest.raises(ValueError, match="3 widths"):
        PatchCritic(3, widths=(4, 6), n_layers=2)


def test_losses() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])
    assert float(critic_loss(real, fake, "lsgan")) == pytest.approx(0.5 * (2 + 2))
    assert float(generator_loss(fake, "lsgan")) == pytest.approx((1 + 9) / 2)
    assert float(critic_loss(real, fake, "wgan")) == pytest.approx(-1 - 2)
    assert float(generator_loss(fake, "wgan")) == pytest.approx(1)
    zero = torch.zeros(3)
    assert float(critic_loss(zero, zero, "nonsaturating")) == pytest.approx(2 * torch.log(torch.tensor(2.0)).item())
    with pytest.raises(ValueError, match="no adversarial loss"):
        generator_loss(zero, "hinge")  # type: ignore[arg-type]


def test_gradient_penalty_of_a_linear_critic() -> None:
    """|grad| of sum(w x) is |w| everywhere."""
    w = torch.full((3, 4, 4), 0.5)
    real, fake = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)
    penalty = gradient_penalty(lambda x: (x * w).sum(dim=(1, 2, 3)), real, fake, torch.Generator().manual_seed(0))
    assert float(penalty) == pytest.approx((float(w.norm()) - 1) ** 2, rel=1e-5)


def test_gradient_penalty_reaches_the_weights_even_where_the_critic_is_flat() -> None:
    critic = PatchCritic(3, 4, 1, norm="none")
    with torch.no_grad():
        for p in critic.parameters():
            p.zero_()
    gradient_penalty(critic, torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)).backward()
    assert all(bool(p.grad.isfinite().all()) for p in critic.parameters() if p.grad is not None)


def test_pool_fills_then_exchanges_half() -> None:
    gen = torch.Generator().manual_seed(0)
    pool = ImagePool(50)
    for i in range(50):
        x = torch.full((1, 1, 1, 1), float(i))
        assert torch.equal(pool.query(x, gen), x)
    old = 0
    for i in range(50, 450):
        out = pool.query(torch.full((1, 1, 1, 1), float(i), requires_grad=True), gen)
        assert not out.requires_grad
        old += int(float(out) < i)
    assert len(pool.pictures) == 50
    assert 150 < old < 250


def test_pool_of_no_size_gives_back() -> None:
    x = torch.rand(3, 1, 2, 2)
    assert torch.equal(ImagePool(0).query(x, torch.Generator()), x)


def test_pool_continues_from_its_state() -> None:
    gen = torch.Generator().manual_seed(0)
    pool, twin = ImagePool(4), ImagePool(4)
    for _ in range(3):
        pool.query(torch.rand(3, 1, 2, 2, generator=gen), gen)
    twin.load(pool.state())
    x, a, b = torch.rand(6, 1, 2, 2), torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    assert torch.equal(pool.query(x, a), twin.query(x, b))


def test_augmentation_moves_a_condition_with_its_picture() -> None:
    gen = torch.Generator().manual_seed(0)
    x = torch.zeros(16, 3, 32, 32)
    x[:, :, 10:20, 12:22] = 1
    both = augmented(x, 1.0, gen, x)
    assert both.shape == (16, 6, 32, 32)
    condition, picture = both[:, :3], both[:, 3:]
    assert set(condition.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(condition, x)
    for c, p in zip(condition, picture, strict=True):
        inside = p[0][c[0] > 0.5]
        assert float(inside.std()) < 1e-4
        assert abs(float(inside.mean() - p[0][c[0] < 0.5].mean())) > 0.1
    assert torch.equal(augmented(x, 0.0, gen), x)


def test_first_pictures_are_nearly_grey() -> None:
    torch.manual_seed(0)
    net = ResNetGenerator(ngf=8, n_blocks=2, norm="none", up="resize")
    init_weights(net)
    with torch.no_grad():
        assert float(net(torch.rand(1, 3, 32, 32)).abs().max()) < 0.1


def test_linear_decay() -> None:
    assert [linear_decay(p) for p in (0, 0.5, 0.75, 1.0, 2.0)] == [1, 1, 0.5, 0, 0]
    assert linear_decay(1.0, least=0.1) == pytest.approx(0.1)


def test_certainty_counts_patches() -> None:
    real, fake = torch.tensor([0.9, 0.8, 0.2, 0.7]), torch.tensor([0.1, 0.6, 0.2, 0.3])
    assert certainty(real, fake) == pytest.approx(0.75 - 0.25)
    assert certainty(real, fake, "nonsaturating") == 0


def test_what_is_watched_continues() -> None:
    watch, twin = Watch(), Watch()
    for i in range(4):
        watch.note(0.5 - 0.1 * i, 1.0)
        watch.held = 0.3
        watch.close()
    watch.close()
    twin.load(watch.state())
    assert twin.errors == watch.errors == [(pytest.approx(0.5 - 0.1 * i), 0.3) for i in range(4)]
    assert twin.critic == [1.0] * 4


def test_both_beginnings_have_no_opinion() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 3, 64, 64) * 2 - 1
    for init in ("normal", "kaiming"):
        critic = PatchCritic(3, 16, 2, init=init)  # type: ignore[arg-type]
        assert float(critic(x).detach().abs().mean()) < 0.6
    assert float(critic.model[0].weight.detach().std()) == pytest.approx((2 / 1.04 / 48) ** 0.5, rel=0.1)

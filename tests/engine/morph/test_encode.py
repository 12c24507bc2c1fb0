"""A picture through the encoder and back; tiles; the latent space of encoded data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explore_tiny import collect
from morph_tiny import MorphContext, picture

from studio.base.errors import StudioError
from studio.base.steps import Progress, run
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.directions import pushed, pusher
from studio.engine.morph.framing import framed
from studio.engine.morph.space import ACTIVE_KL, counts, expected
from studio.engine.registry import start
from studio.engine.results import Encoding, Space
from studio.project.latents import Direction, Encoded, Frame, Look, Push, Stored
from studio.project.morph import Encode, LatentSpace
from studio.project.requests import Render


@pytest.fixture(scope="module")
def ctx() -> MorphContext:
    return MorphContext()


def test_a_picture_there_and_back(ctx: MorphContext) -> None:
    asset = ctx.assets.put_image(picture(1))
    found = run(start(ctx, Encode(model="vae", picture=asset, frame=Frame(top=0.1))))
    assert isinstance(found, Encoding)
    assert np.array_equal(found.image, framed(picture(1), Frame(top=0.1), 16, 16))
    net = ctx.autoencoder("vae")
    shown = run(start(ctx, Render(model="vae", latent=Encoded(picture=asset, frame=Frame(top=0.1))))).image
    assert np.array_equal(found.reconstruction, shown)
    apart = found.image.astype(float) - found.reconstruction
    assert found.error == pytest.approx(np.abs(apart).mean(axis=2) / 255, abs=1e-6)
    assert found.error.shape == (16, 16) and found.error.min() >= 0 and found.error.max() <= 1
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / (apart**2).mean()))
    logvar = found.logvar.astype(np.float64)
    assert found.sigma == pytest.approx(np.exp(logvar / 2).mean())
    nats = sum(
        float(
            torch.distributions.kl_divergence(
                torch.distributions.Normal(torch.tensor(m), torch.tensor(np.exp(v / 2))),
                torch.distributions.Normal(0.0, 1.0),
            )
        )
        for m, v in zip(found.mu.astype(np.float64), logvar, strict=True)
    )
    assert found.info["kl"] == pytest.approx(nats, rel=1e-4)
    drawn = run(start(ctx, Encode(model="vae", picture=asset, sample=1)))
    assert not np.array_equal(drawn.reconstruction, found.reconstruction)
    assert net.latent_dim == len(found.mu)


def test_a_plain_autoencoder_does_not_say_how_sure_it_is(ctx: MorphContext) -> None:
    asset = ctx.assets.put_image(picture(1))
    found = run(start(ctx, Encode(model="plain", picture=asset)))
    assert found.sigma == 0.0 and not found.info["sure"] and np.isnan(found.info["kl"])


def test_tiles_agree_with_the_whole_where_places_are_independent(ctx: MorphContext) -> None:
    """The tiny network sees no further than one place, so its tiles must fit exactly."""
    pixels = picture(2, height=120, width=203)
    asset = ctx.assets.put_image(pixels)
    events, found = collect(start(ctx, Encode(model="spatial", picture=asset, tile=40)))
    assert found.image.shape == (120, 200, 3) and found.mu.shape == (4, 15, 25)
    assert (found.info["rows"], found.info["columns"]) == (15, 25)
    assert len([e for e in events if isinstance(e, Progress)]) > 10
    look = Look(rows=15, columns=25)
    alone = run(start(ctx, Render(model="spatial", latent=Stored(asset=ctx.assets.put_array(found.mu)), look=look)))
    assert np.abs(alone.image.astype(int) - found.reconstruction).max() <= 1
    with pytest.raises(StudioError, match="one size only"):
        run(start(ctx, Encode(model="vae", picture=asset, tile=64)))


# The latent space ----------------------------------------------------------------------------------------------------


def test_the_space_of_the_model_s_own_data(ctx: MorphContext) -> None:
    found = run(start(ctx, LatentSpace(model="vae")))
    assert isinstance(found, Space)
    net = ctx.autoencoder("vae")
    mu, logvar = net.data_mu.double(), net.data_logvar.double()
    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).mean(dim=0)
    assert found.kl == pytest.approx(kl.numpy(), rel=1e-4)
    assert list(found.kl[found.order]) == sorted(found.kl, reverse=True)
    assert np.array_equal(found.active, found.kl > ACTIVE_KL) and found.info["active"] == found.active.sum()
    assert (found.histograms.sum(axis=1) == 40).all() and found.posterior.sum(axis=1) == pytest.approx(40)
    assert set(found.labels) == {"glasses", "hat"}
    assert np.array_equal(found.labels["hat"], net.data_labels[:, 1].numpy())
    assert found.points.std(axis=0, ddof=1) == pytest.approx([1, 1], rel=1e-4)
    assert np.allclose(found.components @ found.components.T, np.eye(len(found.components)), atol=1e-5)
    other = run(start(ctx, LatentSpace(model="vae", axis_x=3, axis_y=1)))
    assert np.array_equal(other.points[:, 1], found.points[:, 1]) and other.info["axes"] == (3, 1)
    ctx.cache.clear()
    again = run(start(ctx, LatentSpace(model="vae")))
    assert np.array_equal(again.points, found.points) and again.info["components"] == found.info["components"]


@pytest.mark.parametrize("own", [True, False])
def test_a_place_on_the_map_can_be_decoded(ctx: MorphContext, own: bool) -> None:
    """A dot pushed from the mean along both components is the picture's code but for the other components."""
    pictures = () if own else tuple(Encoded(picture=ctx.assets.put_image(picture(s))) for s in range(9))
    found = run(start(ctx, LatentSpace(model="vae", axis_x=0, axis_y=2, pictures=pictures)))
    look = Look(
        pushes=tuple(
            Push(direction=Direction(kind="stored", asset=found.info["components"], index=axis), amount=float(x))
            for axis, x in zip(found.info["axes"], found.points[7], strict=True)
        )
    )
    model = open_model(ctx, "vae")
    ready = run(pusher(model, look.pushes))
    here = pushed(Codes(model, look).ws(Stored(asset=found.info["mean"])), ready)[0].numpy()
    rest = found.mu[7] - here
    assert found.components[[0, 2]] @ rest == pytest.approx([0, 0], abs=1e-4)
    assert np.abs(rest).max() > 0.001


def test_the_space_of_pictures(ctx: MorphContext) -> None:
    pictures = tuple(Encoded(picture=ctx.assets.put_image(picture(s))) for s in range(5))
    for model, width in (("vae", 6), ("spatial", 4), ("plain", 6)):
        found = run(start(ctx, LatentSpace(model=model, pictures=pictures)))
        assert found.mu.shape == (5, width) and found.points.shape == (5, 2) and np.isfinite(found.points).all()
        assert found.info["sure"] == (model != "plain")
    one = run(start(ctx, LatentSpace(model="vae", pictures=pictures[:1])))
    assert (one.points == 0).all() and len(one.components) == 2
    with pytest.raises(StudioError, match="without encoded pictures"):
        run(start(ctx, LatentSpace(model="spatial")))


def test_histograms_count_what_lies_outside_at_the_ends() -> None:
    edges = np.linspace(-5, 5, 11)
    found = counts(np.array([[-9.0], [-5.0], [0.5], [5.0], [7.0]]), edges)
    assert found[0].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    standard = run(expected(np.zeros((3, 1)), np.zeros((3, 1)), edges))
    assert standard[0, 5] == pytest.approx(3 * 0.341345, abs=1e-4)

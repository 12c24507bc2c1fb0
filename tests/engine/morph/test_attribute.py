"""Directions of an autoencoder: attributes, axes, cleaning, piles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explore_tiny import stylegan2
from morph_tiny import MorphContext, picture

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.directions import clean, pushed, pusher, resolve
from studio.engine.explore.wstats import w_stats
from studio.engine.morph.piles import balanced_accuracy, find, left_out
from studio.engine.registry import start
from studio.engine.results import Attribute, Directions, Pictures
from studio.project.latents import DataPoint, Direct, Direction, Encoded, Look, Push, Seed
from studio.project.morph import MakeAttribute
from studio.project.requests import FilmStrip, FindDirections, Render


@pytest.fixture(scope="module")
def ctx() -> MorphContext:
    made = MorphContext()
    made._nets["gan"] = stylegan2()
    return made


def vector(ctx: MorphContext, direction: Direction, model: str = "vae") -> tuple[np.ndarray, float]:
    found = run(resolve(open_model(ctx, model), direction))
    return found.rows[0].numpy().astype(np.float64), found.sigma


def test_attributes_are_those_of_the_model_in_their_sigmas(ctx: MorphContext) -> None:
    net = ctx.autoencoder("vae")
    for index in (0, 1):
        rows, sigma = vector(ctx, Direction(kind="attribute", index=index))
        assert np.allclose(rows, net.attributes_vectors[index].numpy(), atol=1e-6)
        assert sigma == pytest.approx(float(net.attributes_sigmas[index]))
    look = Look(pushes=(Push(direction=Direction(kind="attribute", index=1), amount=-2.0),))
    model = open_model(ctx, "vae")
    moved = pushed(Codes(model, look).ws(DataPoint(index=3)), run(pusher(model, look.pushes)))
    assert torch.allclose(moved[0], net.data_mu[3].float() - 2 * 0.25 * net.attributes_vectors[1])
    with pytest.raises(StudioError, match="no direction number 2"):
        vector(ctx, Direction(kind="attribute", index=2))
    for other in ("spatial", "gan"):
        with pytest.raises(StudioError, match="without attributes"):
            vector(ctx, Direction(kind="attribute"), other)


def test_an_axis_is_a_dimension_and_its_sigma_that_of_the_data(ctx: MorphContext) -> None:
    rows, sigma = vector(ctx, Direction(kind="axis", index=2))
    assert rows.tolist() == [0, 0, 1, 0, 0, 0]
    assert sigma == pytest.approx(ctx.autoencoder("vae").data_mu[:, 2].float().std().item(), rel=1e-4)
    with pytest.raises(StudioError, match="no direction number 6"):
        vector(ctx, Direction(kind="axis", index=6))


def test_a_channel_of_a_spatial_latent_moves_in_all_places(ctx: MorphContext) -> None:
    model = open_model(ctx, "spatial")
    look = Look(pushes=(Push(direction=Direction(kind="axis", index=1), amount=1.5),))
    moved = pushed(Codes(model, look).ws(Direct()), run(pusher(model, look.pushes))).reshape(4, 16)
    assert torch.allclose(moved[1], torch.full((16,), 1.5)) and not moved[[0, 2, 3]].any()
    for kind in ("principal", "factor"):
        found = run(start(ctx, FindDirections(model="spatial", method=kind, count=9)))  # type: ignore[arg-type]
        assert isinstance(found, Directions) and found.vectors.shape == (4, 64)
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_principal_components_are_those_of_the_encoded_data(ctx: MorphContext) -> None:
    found = run(start(ctx, FindDirections(model="vae", method="principal", count=6)))
    data = ctx.autoencoder("vae").data_mu.double().numpy()
    along = (data - data.mean(axis=0)) @ found.vectors.astype(np.float64).T
    assert found.sigmas == pytest.approx(along.std(axis=0, ddof=1), rel=1e-4)
    assert np.allclose(np.corrcoef(along[:, 0], along[:, 1])[0, 1], 0, atol=1e-4)
    assert found.sigmas[0] == pytest.approx(np.sqrt(run(w_stats(open_model(ctx, "vae"))).covariance.trace()), rel=0.5)


def test_a_clean_direction_leaves_the_other_attributes_alone(ctx: MorphContext) -> None:
    net = ctx.autoencoder("vae")
    raw, _ = vector(ctx, Direction(kind="attribute", index=0))
    rows, sigma = vector(ctx, Direction(kind="attribute", index=0, clean=True))
    other = net.attributes_vectors[1].double().numpy()
    assert abs(rows @ other) < 1e-6 < abs(raw @ other)
    assert np.linalg.norm(rows) == pytest.approx(1) and sigma > 0
    for kind in ("axis", "principal"):
        rows, _ = vector(ctx, Direction(kind=kind, index=2, clean=True))  # type: ignore[arg-type]
        assert np.abs(net.attributes_vectors.double().numpy() @ rows).max() < 1e-6
    # One of the attributes themselves, made by hand, is cleaned of the others and not of itself.
    own = ctx.assets.put_array(raw[None].astype(np.float32))
    again, _ = vector(ctx, Direction(kind="stored", asset=own, clean=True))
    assert np.allclose(again, vector(ctx, Direction(kind="attribute", index=0, clean=True))[0], atol=1e-5)


def test_cleaning_is_the_residual_of_least_squares() -> None:
    rng = np.random.RandomState(0)
    others, rows = rng.randn(3, 8), rng.randn(1, 8)
    left = clean(rows, others)
    assert np.abs(others @ left[0]).max() < 1e-10
    assert np.allclose(clean(left, others), left)
    with pytest.raises(StudioError, match="its own"):
        clean(others.sum(axis=0, keepdims=True), others)


def test_film_strips_go_along_attributes(ctx: MorphContext) -> None:
    request = FilmStrip(model="vae", latent=DataPoint(index=0), direction=Direction(kind="attribute"), count=5, tile=8)
    strip = run(start(ctx, request))
    assert isinstance(strip, Pictures) and len(strip.images) == 5 and strip.info["sigma"] == pytest.approx(0.5)


# Piles ---------------------------------------------------------------------------------------------------------------


def two_piles(n: int, m: int, width: int = 12, apart: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.RandomState(1)
    spread = np.linspace(1.5, 0.5, width)
    true = np.zeros(width)
    true[3] = apart
    return rng.randn(n, width) * spread + true, rng.randn(m, width) * spread, true / apart


def test_one_picture_on_each_pile_gives_their_difference() -> None:
    found = find(np.array([[1.0, 2.0, 0.0]]), np.array([[0.0, 2.0, 0.0]]))
    assert found is not None and found.vector.tolist() == [1.0, 0.0, 0.0]
    assert found.shrink == 1.0 and found.middle == pytest.approx(0.5)
    assert find(np.ones((3, 4)), np.ones((2, 4))) is None


def test_the_direction_beats_the_difference_of_means() -> None:
    having, lacking, true = two_piles(10, 14)
    found = find(having, lacking)
    plain = having.mean(axis=0) - lacking.mean(axis=0)
    assert found is not None and 0 < found.shrink < 1
    assert found.vector @ true > 0.97 > plain @ true / np.linalg.norm(plain)


def test_many_examples_give_the_discriminant_of_the_textbook() -> None:
    """rho falls with the number of examples, and then v is S^-1 (m1 - m0)."""
    rng = np.random.RandomState(0)
    mix = np.array([[1.0, 0.9, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 2.0]])
    having, lacking = rng.randn(40_000, 3) @ mix + (1.0, 0.0, 0.0), rng.randn(9_000, 3) @ mix
    found = find(having[:3000], lacking[:3000])
    expected = np.linalg.solve(mix.T @ mix, [1.0, 0.0, 0.0])
    assert found is not None and found.shrink < 0.02
    assert found.vector == pytest.approx(expected / np.linalg.norm(expected), abs=0.05)


def test_few_and_many_dimensions_are_the_same_arithmetic() -> None:
    """Empty dimensions change nothing but the mean variance; with rho 0 not even that."""
    rng = np.random.RandomState(0)
    having, lacking = rng.randn(20, 5) + 1, rng.randn(20, 5)
    narrow = find(having, lacking)
    turned, _ = np.linalg.qr(rng.randn(60, 60))
    wide = find(np.pad(having, ((0, 0), (0, 55))) @ turned, np.pad(lacking, ((0, 0), (0, 55))) @ turned, turned)
    assert narrow is not None and wide is not None
    inside = np.concatenate([having - having.mean(axis=0), lacking - lacking.mean(axis=0)])
    padded = np.pad(inside, ((0, 0), (0, 55)))
    covariance = padded.T @ padded / 40
    d = np.pad(having.mean(axis=0) - lacking.mean(axis=0), (0, 55))
    d[:5] *= np.maximum(0, 1 - (inside**2).sum(axis=0) / 38 * (2 / 20) / d[:5] ** 2)
    rho = wide.shrink
    direct = np.linalg.solve(rho * np.trace(covariance) / 60 * np.eye(60) + (1 - rho) * covariance, d)
    assert turned @ wide.vector == pytest.approx(direct / np.linalg.norm(direct), abs=1e-9)


def test_unequal_piles_count_the_same() -> None:
    having, lacking, true = two_piles(200, 6)
    found = find(having, lacking)
    assert found is not None and found.vector @ true > 0.8
    assert found.middle == pytest.approx(1.5, abs=0.5)


def test_separability_is_measured_on_what_was_left_out() -> None:
    """In many dimensions anything can be separated in sight; left out, chance must look like chance."""
    rng = np.random.RandomState(0)
    noise = rng.randn(60, 200)
    seen = find(noise[:30], noise[30:])
    assert seen is not None
    assert balanced_accuracy(noise[:30] @ seen.vector - seen.middle, noise[30:] @ seen.vector - seen.middle) > 0.9
    assert balanced_accuracy(*left_out(noise[:30], noise[30:])) < 0.65
    having, lacking, _ = two_piles(12, 30)
    assert balanced_accuracy(*left_out(having, lacking)) > 0.75
    one = left_out(having[:1], lacking)
    assert np.isnan(one[0]).all() and np.isfinite(one[1]).all() and np.isnan(balanced_accuracy(*one))


def test_an_attribute_from_pictures(ctx: MorphContext) -> None:
    net = ctx.autoencoder("vae")
    has = net.data_labels[:, 1].bool()
    piles = [tuple(DataPoint(index=int(i)) for i in torch.nonzero(side)[:, 0]) for side in (has, ~has)]
    found = run(start(ctx, MakeAttribute(model="vae", having=piles[0], lacking=piles[1], name="hat")))
    assert isinstance(found, Attribute) and found.name == "hat" and found.info["measured"]
    stored = ctx.assets.array(found.asset)
    assert stored.shape == (1, 6) and stored.dtype == np.float32 and np.linalg.norm(stored) == pytest.approx(1)
    assert found.having.mean() > 0 > found.lacking.mean() and found.separability > 0.6
    assert len(found.having) == has.sum() and len(found.lacking) == (~has).sum()
    rows, sigma = vector(ctx, Direction(kind="stored", asset=found.asset))
    assert np.allclose(rows, stored[0], atol=1e-6) and sigma == pytest.approx(found.sigma)
    push = Push(direction=Direction(kind="stored", asset=found.asset), amount=2.0)
    run(start(ctx, Render(model="vae", latent=Seed(seed=1), look=Look(pushes=(push,)))))


def test_attributes_of_every_kind_of_model(ctx: MorphContext) -> None:
    pictures = [Encoded(picture=ctx.assets.put_image(picture(s))) for s in range(4)]
    spatial = MakeAttribute(model="spatial", having=tuple(pictures[:2]), lacking=tuple(pictures[2:]))
    assert ctx.assets.array(run(start(ctx, spatial)).asset).shape == (1, 64)
    seeds = tuple(Seed(seed=s) for s in range(6))
    gan = run(start(ctx, MakeAttribute(model="gan", having=seeds[:3], lacking=seeds[3:])))
    assert ctx.assets.array(gan.asset).shape == (1, 24)
    single = run(start(ctx, MakeAttribute(model="gan", having=seeds[:1], lacking=seeds[1:2])))
    assert single.separability == 0.5 and not single.info["measured"] and single.shrink == 1.0


def test_piles_that_give_nothing_are_told(ctx: MorphContext) -> None:
    seed = (Seed(seed=1),)
    with pytest.raises(StudioError, match="“with” is empty"):
        run(start(ctx, MakeAttribute(model="vae", having=(), lacking=seed)))
    with pytest.raises(StudioError, match="“without” is empty"):
        run(start(ctx, MakeAttribute(model="vae", having=seed, lacking=())))
    with pytest.raises(StudioError, match="do not differ"):
        run(start(ctx, MakeAttribute(model="vae", having=seed, lacking=seed)))

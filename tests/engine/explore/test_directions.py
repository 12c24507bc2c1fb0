"""Directions: statistics of w, principal components, factors, pushes, the strip and its suggested range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from explore_tiny import TinyContext, ZOnly, collect, previews, stylegan2

from studio.base.errors import StudioError
from studio.base.steps import Progress, run
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.directions import factors, push_by, pushed, pusher, resolve, style_weights
from studio.engine.explore.ranges import span, suggested_range
from studio.engine.explore.wstats import w_stats
from studio.engine.registry import is_long, start
from studio.engine.results import Directions
from studio.project.latents import Direction, Look, Push, Seed
from studio.project.requests import FilmStrip, FindDirections, Render, Tiles


@pytest.fixture
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), labelled=stylegan2(c_dim=3, seed=1), zonly=ZOnly())


def test_statistics_agree_with_all_codes_at_once_and_are_kept(ctx: TinyContext, personal_folders: Path) -> None:
    model = open_model(ctx, "plain")
    events, stats = collect(w_stats(model, samples=2500, seed=3))
    assert [e.done for e in events if isinstance(e, Progress)] == [500, 1000, 1500, 2000, 2500]
    w = model.net.map(torch.from_numpy(np.random.RandomState(3).randn(2500, 16).astype(np.float32)))[:, 0]
    assert np.allclose(stats.covariance, np.cov(w.double().numpy().T), rtol=1e-6, atol=1e-9)
    assert np.allclose(stats.mean, w.double().mean(dim=0).numpy())
    assert np.allclose(stats.components @ stats.components.T, np.eye(24), atol=1e-8)
    assert np.all(np.diff(stats.sigmas) <= 1e-12)
    first = stats.components[0]
    assert first[np.argmax(np.abs(first))] > 0
    assert stats.sigma(first) == pytest.approx(stats.sigmas[0])
    assert np.std(w.double().numpy() @ first, ddof=1) == pytest.approx(stats.sigmas[0])
    ctx.cache.clear()
    events, again = collect(w_stats(model, samples=2500, seed=3))
    assert events == [] and np.array_equal(again.components, stats.components), "not read from the folder"
    kept = next((personal_folders / "cache").glob("w-*.npz"))
    kept.write_bytes(kept.read_bytes()[:1000])
    ctx.cache.clear()
    events, again = collect(w_stats(model, samples=2500, seed=3))
    assert events and np.array_equal(again.components, stats.components), "a damaged file is measured again"


def test_labels_take_part_in_the_statistics(ctx: TinyContext) -> None:
    stats = run(w_stats(open_model(ctx, "labelled"), samples=3000))
    net = ctx.generator("labelled")
    with_none = net.map(torch.from_numpy(np.random.RandomState(0).randn(3000, 16).astype(np.float32)))[:, 0]
    assert not np.allclose(stats.mean, with_none.double().mean(dim=0).numpy(), atol=1e-2)


def test_principal_components_through_the_registry(ctx: TinyContext) -> None:
    request = FindDirections(model="plain", method="principal", count=5, samples=2000)
    assert is_long(request)
    found = run(start(ctx, request))
    assert isinstance(found, Directions)
    assert found.vectors.shape == (5, 24) and np.allclose(np.linalg.norm(found.vectors, axis=1), 1)
    assert np.all(np.diff(found.share) <= 0) and 0 < found.share.sum() <= 1


def test_factors_are_the_steps_that_move_styles_most(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    a = style_weights(net, 1)
    assert a.shape == (net.synthesis.b8.conv0.affine.weight.shape[0], 24)
    assert np.array_equal(style_weights(net, 7), net.synthesis.b32.torgb.affine.weight.double().numpy())
    vectors, values = factors(net, 1, 3)
    stacked = np.concatenate([style_weights(net, i) for i in (1, 2, 3)])
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
    gains = np.linalg.norm(stacked @ vectors.T, axis=0) ** 2
    assert np.allclose(gains, values, atol=1e-9) and np.all(np.diff(gains) <= 1e-9)
    random = np.random.RandomState(0).randn(200, 24)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert gains[0] >= (np.linalg.norm(stacked @ random.T, axis=0) ** 2).max()
    found = run(start(ctx, FindDirections(model="plain", method="factor", first=1, last=3, count=4, samples=500)))
    assert np.allclose(found.vectors, vectors[:4], atol=1e-6) and found.last == 3
    with pytest.raises(StudioError, match="empty"):
        factors(net, 5, 2)
    assert factors(ctx.generator("zonly"), 0, -1)[0].shape == (12, 12)


def test_a_push_goes_its_sigmas_in_its_layers_and_truncation_does_not_shrink_it(ctx: TinyContext) -> None:
    model = open_model(ctx, "plain")
    direction = Direction(kind="principal", index=2)
    vector = run(resolve(model, direction))
    stats = run(w_stats(model))
    assert vector.sigma == pytest.approx(stats.sigmas[2], rel=1e-5)
    push = Push(direction=direction, amount=1.5, first=2, last=4)
    for psi in (1.0, 0.3):
        look = Look(psi=psi, pushes=(push,))
        ws = Codes(model, look).ws(Seed(seed=1))
        moved = pushed(ws, run(pusher(model, look.pushes)))
        assert torch.equal(moved[:2], ws[:2]) and torch.equal(moved[5:], ws[5:])
        along = (moved - ws)[3] @ vector.rows[0]
        assert float(along) == pytest.approx(1.5 * vector.sigma, rel=1e-3)
    assert push_by(ws, vector, 0.0, 0, -1) is ws
    assert torch.equal(push_by(ws, vector, 2.0, 6, 3), ws), "an empty range does nothing"


def test_stored_directions_of_both_shapes(ctx: TinyContext) -> None:
    rng = np.random.RandomState(0)
    model = open_model(ctx, "plain")
    flat = ctx.assets.put_array(rng.randn(3, 24).astype(np.float32) * 9)
    layered = ctx.assets.put_array(rng.randn(2, 8, 24).astype(np.float32))
    vector = run(resolve(model, Direction(kind="stored", asset=flat, index=1)))
    assert vector.rows.shape == (1, 24) and float(vector.rows.norm()) == pytest.approx(1.0, abs=1e-5)
    assert run(resolve(model, Direction(kind="stored", asset=layered, index=1))).rows.shape == (8, 24)
    bad = (
        Direction(kind="stored", asset=flat, index=3),
        Direction(kind="stored", asset=ctx.assets.put_array(np.zeros((1, 24), np.float32))),
        Direction(kind="stored", asset=ctx.assets.put_array(np.ones((1, 7), np.float32))),
        Direction(kind="stored", asset=ctx.assets.put_array(np.ones((1, 5, 24), np.float32))),
        Direction(kind="principal", index=24),
    )
    for direction in bad:
        with pytest.raises(StudioError):
            run(resolve(model, direction))


def test_the_strip_has_the_picture_in_its_middle_and_suggests_where_it_acts(ctx: TinyContext) -> None:
    direction = Direction(kind="principal", index=0)
    look = Look(pushes=(Push(direction=direction, amount=2.0),))
    request = FilmStrip(model="plain", latent=Seed(seed=3), look=look, direction=direction, count=5, tile=16)
    events, result = collect(start(ctx, request))
    assert [p.index for p in previews(events)] == list(range(5)) and len(result.images) == 5
    plain = run(start(ctx, Tiles(model="plain", latents=(Seed(seed=3),), tile=16))).images[0]
    assert np.abs(result.images[2].astype(int) - plain).max() <= 1, "the middle of the strip is not the picture"
    assert result.info["amounts"] == (-3.0, -1.5, 0.0, 1.5, 3.0)
    low, high = result.info["suggested"]
    effect = result.info["effect"]
    assert 0 <= low <= high < 8 and len(effect) == 8 and sum(effect[low : high + 1]) >= 0.69 * sum(effect)
    end = Render(
        model="plain", latent=Seed(seed=3), look=Look(pushes=(Push(direction=direction, amount=3.0),)), size=16
    )
    assert np.abs(run(start(ctx, end)).image.astype(int) - result.images[-1]).max() <= 1


def test_layer_ranges() -> None:
    assert span(0, -1, 8) == (0, 8) and span(3, 99, 8) == (3, 8) and span(-4, 2, 8) == (0, 3)
    assert suggested_range([0.0, 1.0, 5.0, 4.0, 0.1]) == (2, 3)
    assert suggested_range([0.0, 0.0]) == (0, 1) and suggested_range([1.0]) == (0, 0)

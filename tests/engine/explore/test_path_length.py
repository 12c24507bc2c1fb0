"""Perceptual path length: against its definition, between ends, along walks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from explore_tiny import LightFeatures, TinyContext, ZOnly, stylegan2

from studio.base.steps import run
from studio.engine.explore.codes import seed_z, slerp
from studio.engine.explore.path_length import EPS
from studio.engine.registry import start
from studio.nets.features import FEATURES_NAME
from studio.project.latents import Direct, Key, Look, Seed, Walk
from studio.project.requests import PathLength


@pytest.fixture(scope="module")
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), zonly=ZOnly())


def measured(ctx: TinyContext, **kwargs: object) -> dict[str, float]:
    result = run(start(ctx, PathLength(**{"model": "plain", "samples": 12, "look": Look(psi=1.0), **kwargs})))  # type: ignore[arg-type]
    assert result.info["features"] == LightFeatures.name and result.info["eps"] == EPS
    return dict(result.values)


def test_the_studios_own_features_are_used_and_named() -> None:
    result = run(start(TinyContext(light=False, plain=stylegan2()), PathLength(model="plain", samples=2)))
    assert result.info["features"] == FEATURES_NAME and result.values["w"] > 0


def test_between_two_ends_it_is_the_definition(ctx: TinyContext) -> None:
    """With a coarser step, so that this plain computation is not drowned in rounding."""
    found = measured(ctx, latent_a=Seed(seed=1), latent_b=Seed(seed=2), samples=24)
    net, eyes = ctx.generator("plain"), LightFeatures()
    times = np.random.RandomState(0).random_sample(24)
    step = 1e-3

    def mean(code) -> float:  # type: ignore[no-untyped-def]
        with torch.no_grad():
            pairs = [(net.synthesize(code(t)), net.synthesize(code(t + step))) for t in times]
            return float(np.mean([float(eyes.perceptual_distance(a, b)[0]) for a, b in pairs])) / step**2

    a, b = seed_z(1, 16)[None], seed_z(2, 16)[None]
    in_z = mean(lambda t: net.map(slerp(a, b, t)))
    in_w = mean(lambda t: torch.lerp(net.map(a), net.map(b), float(t)))
    assert found["z"] == pytest.approx(in_z, rel=0.1) and found["w"] == pytest.approx(in_w, rel=0.1)
    assert 0 < found["z_error"] < found["z"] and found["samples"] == 24


def test_between_random_seeds_and_repeatably(ctx: TinyContext) -> None:
    first = measured(ctx)
    assert first == measured(ctx) and first["z"] > 0 and first["w"] > 0
    assert measured(ctx, seed=1) != first
    assert measured(ctx, look=Look(psi=0.1))["w"] < 0.2 * first["w"], "near the mean, everything is closer"
    assert measured(ctx, model="zonly")["z"] > 0


def test_an_end_without_z_has_only_w(ctx: TinyContext) -> None:
    found = measured(ctx, latent_a=Seed(seed=1), latent_b=Direct())
    assert "z" not in found and found["w"] > 0
    still = measured(ctx, latent_a=Seed(seed=1), latent_b=Seed(seed=1))
    assert still["w"] == pytest.approx(0.0, abs=1e-3) and still["z"] == pytest.approx(0.0, abs=1e-3)


def test_walks_have_a_length_and_an_evenness(ctx: TinyContext) -> None:
    keys = tuple(Key(latent=Seed(seed=s), seconds=1.0, easing="linear") for s in (1, 2, 3))
    even = Walk(keys=keys, curve="linear", fps=12)
    found = measured(ctx, walk=even, samples=30)
    assert found["seconds"] == 3.0 and found["length"] > 0 and found["z"] > 0
    jerky = Walk(keys=tuple(Key(latent=k.latent, seconds=1.0, easing="in") for k in keys), curve="linear", fps=12)
    assert measured(ctx, walk=jerky, samples=30)["unevenness"] > found["unevenness"]
    even = msgspec.structs.replace(jerky, speed="even")
    assert measured(ctx, walk=even, samples=30)["unevenness"] < found["unevenness"] / 2
    slow = Walk(keys=tuple(Key(latent=k.latent, seconds=3.0, easing="linear") for k in keys), curve="linear", fps=12)
    assert measured(ctx, walk=slow, samples=30)["length"] == pytest.approx(found["length"], rel=0.15)
    assert measured(ctx, walk=slow, samples=30)["w"] == pytest.approx(found["w"], rel=0.15), "time is not length"

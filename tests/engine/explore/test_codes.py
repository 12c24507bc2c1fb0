"""Latents to codes: the order of things, exact ends, spaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explore_tiny import TinyContext, ZOnly, stylegan2
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.base.errors import StudioError
from studio.engine.explore.codes import Codes, codes, map_parts, noise_of, open_model, seed_z, slerp, truncate
from studio.engine.explore.walks import frame_count, key_frames
from studio.project.latents import (
    Blend,
    Direct,
    Key,
    LabelValue,
    Look,
    MapPoint,
    Mixed,
    Noise,
    Part,
    Seed,
    Stored,
    Walk,
)


@pytest.fixture(scope="module")
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), labelled=stylegan2(c_dim=3, seed=1), zonly=ZOnly())


def ws(ctx: TinyContext, latent: object, look: Look | None = None, model: str = "plain") -> torch.Tensor:
    return Codes(open_model(ctx, model), look or Look()).ws(latent)  # type: ignore[arg-type]


def test_a_seed_is_the_number_that_people_share(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    z = torch.from_numpy(np.random.RandomState(4127).randn(1, 16).astype(np.float32))
    for psi, cutoff in ((1.0, None), (0.7, None), (0.7, 4), (-0.5, 0), (1.5, 99)):
        found = ws(ctx, Seed(seed=4127), Look(psi=psi, cutoff=cutoff))
        assert torch.equal(found, net.map(z, None, psi=psi, cutoff=cutoff)[0])
    assert torch.equal(codes(ctx, net, Seed(seed=4127), Look(psi=1.0), model="plain"), net.map(z))
    assert torch.equal(seed_z(2**32 + 5, 16), seed_z(5, 16))


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("model", ["plain", "labelled", "zonly"])
def test_ends_of_blends_are_their_sources_bit_for_bit(ctx: TinyContext, space: str, model: str) -> None:
    look = Look(space=space, psi=0.8)  # type: ignore[arg-type]
    a, b = Seed(seed=3), Seed(seed=9)
    for curve in ("linear", "slerp"):
        for first, second, source in ((1.0, 0.0, a), (0.0, 2.5, b)):
            parts = (Part(latent=a, weight=first), Part(latent=b, weight=second))
            assert torch.equal(
                ws(ctx, Blend(parts=parts, curve=curve), look, model),  # type: ignore[arg-type]
                ws(ctx, source, look, model),
            )
    assert torch.equal(ws(ctx, MapPoint(x=7, y=-3), look, model), ws(ctx, Seed(seed=(7 - 300) % 2**32), look, model))
    n = ctx.generator(model).num_ws
    mixed = Mixed(sources=(a, b), weights=((1.0, 0.0),) * n)
    assert torch.equal(ws(ctx, mixed, look, model), ws(ctx, a, look, model))


def test_the_map_blends_the_four_seeds_around(ctx: TinyContext) -> None:
    parts = map_parts(MapPoint(x=2.25, y=1.5))
    assert [(p.latent.seed, p.weight) for p in parts] == [(102, 0.375), (103, 0.125), (202, 0.375), (203, 0.125)]  # type: ignore[union-attr]
    look = Look(psi=1.0)
    expected = sum(p.weight * ws(ctx, p.latent, look) for p in parts)
    assert torch.allclose(ws(ctx, MapPoint(x=2.25, y=1.5), look), expected, atol=1e-6)
    with pytest.raises(StudioError):
        ws(ctx, MapPoint(x=float("nan"), y=0))


@given(st.floats(-300, 300), st.floats(-300, 300))
def test_map_weights_are_a_partition(x: float, y: float) -> None:
    parts = map_parts(MapPoint(x=x, y=y))
    assert sum(p.weight for p in parts) == pytest.approx(1.0) and 1 <= len(parts) <= 4


def test_z_and_w_are_different_ways_between_the_same_ends(ctx: TinyContext) -> None:
    blend = Blend(parts=(Part(latent=Seed(seed=1)), Part(latent=Seed(seed=2))))
    in_z, in_w = ws(ctx, blend, Look(space="z", psi=1.0)), ws(ctx, blend, Look(space="w", psi=1.0))
    assert not torch.allclose(in_z, in_w, atol=1e-3)
    net = ctx.generator("plain")
    middle = (seed_z(1, 16) + seed_z(2, 16)) / 2
    assert torch.allclose(in_z, net.map(middle[None])[0], atol=1e-4), "a style network does not see the length of z"
    # What has no z takes the blend to w.
    mixed = Blend(parts=(Part(latent=Seed(seed=1)), Part(latent=Direct())))
    assert torch.equal(ws(ctx, mixed, Look(space="z")), ws(ctx, mixed, Look(space="w")))


def test_truncation_of_a_blend_is_the_blend_of_the_truncated(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    for curve in ("linear", "slerp"):
        blend = Blend(parts=(Part(latent=Seed(seed=1), weight=0.3), Part(latent=Seed(seed=2), weight=0.7)), curve=curve)  # type: ignore[arg-type]
        full = ws(ctx, blend, Look(psi=1.0))
        assert torch.allclose(ws(ctx, blend, Look(psi=0.4, cutoff=5)), truncate(full, net.w_avg, 0.4, 5), atol=1e-5)


def test_a_stored_photograph_is_not_pulled_to_the_mean(ctx: TinyContext) -> None:
    code = np.random.RandomState(0).randn(8, 24).astype(np.float32)
    asset = ctx.assets.put_array(code)
    assert np.array_equal(ws(ctx, Stored(asset=asset), Look(psi=0.2)).numpy(), code)
    w = ctx.assets.put_array(code[0])
    pulled = ws(ctx, Stored(asset=w, form="w"), Look(psi=0.5))
    assert torch.allclose(pulled[3], ctx.generator("plain").w_avg.lerp(torch.from_numpy(code[0]), 0.5))
    z = ctx.assets.put_array(seed_z(12, 16).numpy())
    assert torch.equal(ws(ctx, Stored(asset=z, form="z")), ws(ctx, Seed(seed=12)))
    with pytest.raises(StudioError, match="another model"):
        ws(ctx, Stored(asset=asset), model="zonly")
    with pytest.raises(StudioError, match="another model"):
        ws(ctx, Stored(asset=ctx.assets.put_array(code[:5])))


def test_layers_mix_by_their_own_shares(ctx: TinyContext) -> None:
    a, b = ws(ctx, Seed(seed=1)), ws(ctx, Seed(seed=2))
    mixed = ws(ctx, Mixed(sources=(Seed(seed=1), Seed(seed=2)), weights=((1, 0), (1, 3), (0, 5))))
    assert torch.equal(mixed[0], a[0]) and torch.equal(mixed[2:], b[2:])
    assert torch.allclose(mixed[1], 0.25 * a[1] + 0.75 * b[1])
    assert torch.equal(ws(ctx, Mixed(sources=(Seed(seed=1), Seed(seed=2)), weights=())), a)
    with pytest.raises(StudioError, match="no sources"):
        ws(ctx, Mixed(sources=(), weights=()))


def test_labels_follow_the_seed_until_they_are_set(ctx: TinyContext) -> None:
    model = open_model(ctx, "labelled")
    free = Codes(model, Look()).labels_of(Seed(seed=5))
    assert len(free) == 3 and free[1] + free[2] == 1
    other = Look(labels=(LabelValue(index=1, value=1.0 - free[1]),))
    assert not torch.equal(ws(ctx, Seed(seed=5), other, "labelled"), ws(ctx, Seed(seed=5), None, "labelled"))
    net = ctx.generator("labelled")
    expected = net.map(seed_z(5, 16)[None], torch.tensor([free]), psi=0.7)[0]
    assert torch.equal(ws(ctx, Seed(seed=5), None, "labelled"), expected)
    assert Codes(open_model(ctx, "plain"), Look()).labels_of(Seed(seed=5)) == ()


def test_a_blend_in_z_blends_the_labels_too(ctx: TinyContext) -> None:
    seeds = [s for s in range(40) if Codes(open_model(ctx, "labelled"), Look()).labels_of(Seed(seed=s))[1] == 1]
    others = [s for s in range(40) if s not in seeds]
    blend = Blend(parts=(Part(latent=Seed(seed=seeds[0]), weight=3), Part(latent=Seed(seed=others[0]), weight=1)))
    labels = Codes(open_model(ctx, "labelled"), Look(space="z")).labels_of(blend)
    assert labels[1:] == pytest.approx((0.75, 0.25))


def test_slerp_is_on_the_arc() -> None:
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    assert torch.allclose(slerp(a, b, 0.5), torch.tensor([2**0.5, 2**0.5]))
    assert torch.equal(slerp(a, b, 0.0), a) and torch.equal(slerp(a, b, 1.0), b)
    assert torch.allclose(slerp(a, 3 * a, 0.5), 2 * a), "without an angle it is a straight line"
    assert torch.isfinite(slerp(a, -a, 0.3)).all() and torch.isfinite(slerp(torch.zeros(2), a, 0.3)).all()


def test_blends_without_weight_are_told(ctx: TinyContext) -> None:
    for parts in ((), (Part(latent=Seed(seed=1), weight=0.0),)):
        with pytest.raises(StudioError, match="nothing to blend"):
            ws(ctx, Blend(parts=parts))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["linear", "slerp", "cubic"]), st.sampled_from(["z", "w"]), st.booleans())
def test_walks_pass_through_their_keys(curve: str, space: str, loop: bool) -> None:
    ctx = TinyContext(plain=stylegan2())
    keys = tuple(Key(latent=Seed(seed=s), seconds=0.5) for s in (1, 2, 3))
    walk = Walk(keys=keys, curve=curve, loop=loop, fps=8)  # type: ignore[arg-type]
    coder = Codes(open_model(ctx, "plain"), Look(space=space))  # type: ignore[arg-type]
    path = coder.path(walk)
    for key, frame in zip(keys, key_frames(walk), strict=True):
        assert torch.equal(path(frame), coder.ws(key.latent))
    if loop:
        assert torch.equal(path(frame_count(walk)), path(0))
    assert not torch.allclose(path(2), path(0), atol=1e-4)


def test_noise_can_differ_layer_by_layer(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    assert noise_of(Noise(), net) == ("const", 1.0)
    kind, strength = noise_of(Noise(mode="seed", seed=9, strength=0.5, layers=(1.0, 0.0)), net)
    assert kind == 9 and isinstance(strength, torch.Tensor)
    assert strength.tolist() == [0.5, 0.0] + [0.5] * 6

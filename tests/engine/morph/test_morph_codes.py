"""Latents of an autoencoder: encoded pictures, examples, exact ends, temperature, grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explore_tiny import collect, previews, stylegan2
from hypothesis import given, settings
from hypothesis import strategies as st
from morph_tiny import MorphContext, picture

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.engine.explore.codes import Codes, open_model
from studio.engine.explore.draw import to_uint8
from studio.engine.explore.walks import frame_count, key_frames
from studio.engine.morph.encodings import to_signed
from studio.engine.morph.framing import framed
from studio.engine.registry import start
from studio.project.latents import (
    Blend,
    DataPoint,
    Direct,
    Encoded,
    Frame,
    Key,
    Look,
    MapPoint,
    Part,
    Seed,
    Stored,
    Walk,
)
from studio.project.requests import ReadWs, Render, Tiles, WalkFrames


@pytest.fixture(scope="module")
def ctx() -> MorphContext:
    made = MorphContext()
    made._nets["gan"] = stylegan2()
    return made


def put(ctx: MorphContext, seed: int = 0, **kwargs: int) -> str:
    return ctx.assets.put_image(picture(seed, **kwargs))


def ws(ctx: MorphContext, latent: object, look: Look | None = None, model: str = "vae") -> torch.Tensor:
    look = look or Look()
    return Codes(open_model(ctx, model, look=look), look).ws(latent)  # type: ignore[arg-type]


def test_an_encoded_picture_is_its_mean(ctx: MorphContext) -> None:
    asset = put(ctx)
    net = ctx.autoencoder("vae")
    mu, logvar = net.encode(to_signed(framed(picture(), None, 16, 16), "cpu"))
    assert torch.equal(ws(ctx, Encoded(picture=asset)), mu)
    eps = torch.from_numpy(np.random.RandomState(7).randn(6).astype(np.float32))
    assert torch.equal(ws(ctx, Encoded(picture=asset, sample=7)), mu + torch.exp(logvar / 2) * eps)
    other = ws(ctx, Encoded(picture=asset, frame=Frame(left=0.5)))
    assert not torch.allclose(other, mu, atol=1e-3)


def test_temperature_acts_on_draws_and_not_on_pictures(ctx: MorphContext) -> None:
    asset = put(ctx)
    stored = ctx.assets.put_array(np.arange(6, dtype=np.float32))
    for latent in (Encoded(picture=asset), DataPoint(index=3), Stored(asset=stored), Direct()):
        assert torch.equal(ws(ctx, latent, Look(psi=0.2)), ws(ctx, latent, Look(psi=1.0)))
    z = torch.from_numpy(np.random.RandomState(5).randn(6).astype(np.float32))
    assert torch.equal(ws(ctx, Seed(seed=5), Look(psi=0.5)), 0.5 * z[None])
    assert torch.equal(ws(ctx, MapPoint(x=5, y=0), Look(psi=0.5)), 0.5 * z[None])
    assert torch.equal(ws(ctx, Direct()), torch.zeros(1, 6))


def test_examples_are_those_of_the_model(ctx: MorphContext) -> None:
    assert torch.equal(ws(ctx, DataPoint(index=4)), ctx.autoencoder("vae").data_mu[4:5].float())
    with pytest.raises(StudioError, match="no example number 41"):
        ws(ctx, DataPoint(index=40))
    with pytest.raises(StudioError, match="without examples"):
        ws(ctx, DataPoint(index=0), model="spatial")
    for latent in (DataPoint(index=0), Encoded(picture=put(ctx))):
        with pytest.raises(StudioError, match="no encoder"):
            ws(ctx, latent, model="gan")


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("curve", ["linear", "slerp"])
@pytest.mark.parametrize("model", ["vae", "spatial"])
def test_ends_are_exact(ctx: MorphContext, space: str, curve: str, model: str) -> None:
    a, b = Encoded(picture=put(ctx, 1)), Encoded(picture=put(ctx, 2), sample=3)
    look = Look(space=space)  # type: ignore[arg-type]
    for weights, source in (((1.0, 0.0), a), ((0.0, 0.3), b)):
        parts = tuple(Part(latent=latent, weight=w) for latent, w in zip((a, b), weights, strict=True))
        assert torch.equal(ws(ctx, Blend(parts=parts, curve=curve), look, model), ws(ctx, source, look, model))  # type: ignore[arg-type]


@pytest.mark.parametrize("space", ["z", "w"])
def test_the_analogy_is_exact(ctx: MorphContext, space: str) -> None:
    look = Look(space=space, psi=1.0)  # type: ignore[arg-type]
    for a, b, c in (
        (Encoded(picture=put(ctx, 1)), Encoded(picture=put(ctx, 2)), Encoded(picture=put(ctx, 3))),
        (Seed(seed=1), Seed(seed=2), Seed(seed=3)),
    ):
        parts = (Part(latent=b), Part(latent=c), Part(latent=a, weight=-1.0))
        expected = ws(ctx, b, look).double() + ws(ctx, c, look).double() - ws(ctx, a, look).double()
        assert torch.equal(ws(ctx, Blend(parts=parts), look), expected.float())
        same = (Part(latent=b), Part(latent=c), Part(latent=b, weight=-1.0))
        assert torch.equal(ws(ctx, Blend(parts=same), look), ws(ctx, c, look))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["linear", "slerp", "cubic"]), st.booleans(), st.sampled_from(["vae", "spatial"]))
def test_walks_pass_their_keys_and_loops_close(curve: str, loop: bool, model: str) -> None:
    ctx = MorphContext()
    latents = (Encoded(picture=put(ctx, 1)), Encoded(picture=put(ctx, 2)), Seed(seed=3))
    keys = tuple(Key(latent=latent, seconds=0.5) for latent in latents)
    walk = Walk(keys=keys, curve=curve, loop=loop, fps=8)  # type: ignore[arg-type]
    coder = Codes(open_model(ctx, model), Look())
    path = coder.path(walk)
    for key, frame in zip(keys, key_frames(walk), strict=True):
        assert torch.equal(path(frame), coder.ws(key.latent))
    if loop:
        assert torch.equal(path(frame_count(walk)), path(0))


def test_pictures_and_frames_are_the_decoder_s(ctx: MorphContext) -> None:
    net = ctx.autoencoder("vae")
    a, b = Encoded(picture=put(ctx, 1)), DataPoint(index=2)
    image = run(start(ctx, Render(model="vae", latent=a))).image
    assert np.array_equal(image, to_uint8(net.decode(ws(ctx, a)))[0])
    walk = Walk(keys=(Key(latent=a), Key(latent=b)), curve="linear", loop=False, fps=4)
    events, _ = collect(start(ctx, WalkFrames(model="vae", walk=walk)))
    frames = [p.image for p in previews(events)]
    assert len(frames) == 5 and np.array_equal(frames[0], image)
    assert np.array_equal(frames[-1], run(start(ctx, Render(model="vae", latent=b))).image)
    alone, _ = collect(start(ctx, WalkFrames(model="vae", walk=walk, first=2, count=1)))
    assert np.array_equal(previews(alone)[0].image, frames[2])
    tiles = run(start(ctx, Tiles(model="vae", latents=(a, b, Seed(seed=1)), tile=8)))
    assert [t.shape for t in tiles.images] == [(8, 8, 3)] * 3


def test_a_spatial_latent_has_the_grid_of_the_look(ctx: MorphContext) -> None:
    asset = put(ctx, height=64, width=96)
    look = Look(rows=8, columns=12)
    image = run(start(ctx, Render(model="spatial", latent=Encoded(picture=asset), look=look))).image
    assert image.shape == (64, 96, 3)
    assert run(start(ctx, Render(model="spatial", latent=Encoded(picture=asset)))).image.shape == (32, 32, 3)
    code = run(start(ctx, ReadWs(model="spatial", latent=Encoded(picture=asset), look=look))).values
    assert code.shape == (1, 4 * 8 * 12)
    kept = Stored(asset=ctx.assets.put_array(code))
    assert np.array_equal(run(start(ctx, Render(model="spatial", latent=kept, look=look))).image, image)
    own = Stored(asset=ctx.assets.put_array(code.reshape(4, 8, 12)))
    assert np.array_equal(run(start(ctx, Render(model="spatial", latent=own, look=look))).image, image)
    blend = Blend(parts=(Part(latent=kept), Part(latent=Encoded(picture=asset))))
    with pytest.raises(StudioError, match="another size"):
        run(start(ctx, Render(model="spatial", latent=blend)))
    with pytest.raises(StudioError, match="not possible"):
        run(start(ctx, Render(model="spatial", latent=blend, look=Look(rows=100_000))))
    mixed = Tiles(model="spatial", latents=(Seed(seed=1),) * 2, looks=(look, Look()))
    with pytest.raises(StudioError, match="different sizes"):
        run(start(ctx, mixed))


def test_the_same_request_is_the_same_picture(ctx: MorphContext) -> None:
    request = Render(model="vae", latent=Encoded(picture=put(ctx, 9), sample=4), look=Look(psi=1.0))
    first = run(start(ctx, request)).image
    ctx.cache.clear()
    assert np.array_equal(run(start(ctx, request)).image, first)

"""Pictures: one, many, two spaces, frames; equal requests give equal pictures."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from explore_tiny import TinyContext, ZOnly, collect, previews, stylegan2
from msgspec.structs import replace

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.engine.explore import draw
from studio.engine.explore.draw import sizes, to_uint8
from studio.engine.registry import start
from studio.project.latents import Blend, Direct, Direction, Key, Look, MapPoint, Noise, Part, Push, Seed, Stored, Walk
from studio.project.requests import Compare, ReadWs, Render, Sheet, Tiles, WalkFrames


@pytest.fixture(scope="module")
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), labelled=stylegan2(c_dim=3, seed=1), zonly=ZOnly())


def image(ctx: TinyContext, **kwargs: object) -> np.ndarray:
    return run(start(ctx, Render(**{"model": "plain", "latent": Seed(seed=1), **kwargs}))).image  # type: ignore[arg-type]


def test_a_picture_is_the_networks_own(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    z = torch.from_numpy(np.random.RandomState(1).randn(1, 16).astype(np.float32))
    x = net.synthesize(net.map(z, psi=0.7))
    expected = (x * 127.5 + 128).clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).numpy()
    found = image(ctx)
    assert found.dtype == np.uint8 and np.array_equal(found, expected)
    assert np.array_equal(image(ctx), found)
    small = image(ctx, size=16)
    low = net.synthesize(net.map(z, psi=0.7), size=16)
    assert np.array_equal(small, to_uint8(low)[0]) and small.shape == (16, 16, 3)
    assert image(ctx, size=12).shape == (12, 12, 3) and image(ctx, size=999).shape == (32, 32, 3)


def test_everything_in_the_look_shows(ctx: TinyContext) -> None:
    base = image(ctx)
    push = Push(direction=Direction(kind="principal", index=0), amount=2.0)
    looks = (
        Look(psi=1.0),
        Look(cutoff=3),
        Look(noise=Noise(mode="none")),
        Look(noise=Noise(mode="seed", seed=3)),
        Look(noise=Noise(strength=2.0)),
        Look(noise=Noise(layers=(1.0, 0.0, 1.0))),
        Look(pushes=(push,)),
    )
    seen = [base, *(image(ctx, look=look) for look in looks)]
    assert len({hashlib.sha256(x.tobytes()).hexdigest() for x in seen}) == len(seen)
    assert np.array_equal(image(ctx, look=Look(noise=Noise(mode="seed", seed=3))), seen[4])


@pytest.mark.parametrize("model", ["plain", "labelled", "zonly"])
def test_every_kind_of_latent_on_every_kind_of_network(ctx: TinyContext, model: str) -> None:
    read = run(start(ctx, ReadWs(model=model, latent=Seed(seed=5), look=Look(psi=0.8)))).values
    stored = Stored(asset=ctx.assets.put_array(read))
    again = image(ctx, model=model, latent=stored, look=Look(psi=0.1))
    assert np.array_equal(again, image(ctx, model=model, latent=Seed(seed=5), look=Look(psi=0.8)))
    blend = Blend(parts=(Part(latent=stored), Part(latent=MapPoint(x=1.5, y=2.5)), Part(latent=Direct())))
    assert image(ctx, model=model, latent=blend).ndim == 3


def test_labels_are_told(ctx: TinyContext) -> None:
    result = run(start(ctx, Render(model="labelled", latent=Seed(seed=5))))
    assert (
        len(result.info["labels"]) == 3
        and "labels" not in run(start(ctx, Render(model="plain", latent=Seed(seed=5)))).info
    )


def test_tiles_come_one_by_one_in_their_own_looks(ctx: TinyContext) -> None:
    latents = tuple(Seed(seed=i) for i in range(11))
    looks = tuple(Look(psi=0.1 * i, noise=Noise(mode="seed", seed=i // 4)) for i in range(11))
    events, result = collect(start(ctx, Tiles(model="plain", latents=latents, looks=looks, tile=16)))
    assert [p.index for p in previews(events)] == list(range(11))
    for i in (0, 3, 4, 10):
        alone = image(ctx, latent=latents[i], look=looks[i], size=16)
        assert np.abs(alone.astype(int) - result.images[i]).max() <= 1
    with pytest.raises(StudioError, match="do not match"):
        run(start(ctx, Tiles(model="plain", latents=latents, looks=looks[:2])))
    smaller = ctx.derive(parts=16)
    assert draw.batch_size(smaller, ctx.generator("plain"), 16) < draw.batch_size(ctx, ctx.generator("plain"), 16)


def test_a_sheet_is_its_pictures(ctx: TinyContext) -> None:
    pytest.importorskip("studio.media.sheets")
    request = Sheet(model="plain", latents=tuple(Seed(seed=i) for i in range(6)), tile=16, columns=3)
    events, result = collect(start(ctx, request))
    assert len(previews(events)) == 6
    assert result.image.shape[1] >= 48 and result.image.shape[0] >= 32
    with pytest.raises(StudioError, match="empty"):
        run(start(ctx, replace(request, latents=())))


def test_two_spaces_side_by_side(ctx: TinyContext) -> None:
    request = Compare(model="plain", latent_a=Seed(seed=1), latent_b=Seed(seed=2), t=0.5, look=Look(psi=1.0))
    result = run(start(ctx, request))
    assert len(result.images) == 2 and not np.array_equal(*result.images) and result.info["z"]
    for t, seed in ((0.0, 1), (1.0, 2)):
        ends = run(start(ctx, replace(request, t=t))).images
        assert np.array_equal(ends[0], ends[1])
        assert np.array_equal(ends[0], image(ctx, latent=Seed(seed=seed), look=Look(psi=1.0)))
    no_z = run(start(ctx, replace(request, latent_b=Direct())))
    assert not no_z.info["z"] and np.array_equal(*no_z.images)


@pytest.mark.parametrize("space", ["z", "w"])
def test_a_frame_alone_is_the_frame_of_the_film(ctx: TinyContext, space: str) -> None:
    keys = tuple(Key(latent=Seed(seed=s), seconds=0.5) for s in (1, 2, 3))
    look = Look(space=space, noise=Noise(mode="seed", seed=4))  # type: ignore[arg-type]
    request = WalkFrames(model="plain", walk=Walk(keys=keys, fps=8, noise_loop=True), look=look)
    events, result = collect(start(ctx, request))
    frames = {p.index: p.image for p in previews(events)}
    assert list(frames) == list(range(12)) and result.values["total"] == 12 and result.info["keys"] == (0, 4, 8)
    for k in (0, 5, 11):
        events, part = collect(start(ctx, replace(request, first=k, count=1)))
        (alone,) = previews(events)
        assert alone.index == k and np.array_equal(alone.image, frames[k]) and part.values["frames"] == 1
    still = {
        p.index: p.image
        for p in previews(collect(start(ctx, replace(request, walk=replace(request.walk, noise_loop=False))))[0])
    }
    assert np.array_equal(still[4], image(ctx, latent=Seed(seed=2), look=look)), "a key is not its own picture"
    assert not np.array_equal(still[4], frames[4]), "the noise did not drift"


def test_a_slow_network_is_shown_on_the_way(ctx: TinyContext, monkeypatch: pytest.MonkeyPatch) -> None:
    net = stylegan2(128)

    def growing(ws, noise, *, strength, size):  # type: ignore[no-untyped-def]
        yield from net.synthesize_all(ws, noise, strength=strength, size=size)

    net.synthesize_steps = growing  # type: ignore[assignment]
    slow = TinyContext(big=net)
    monkeypatch.setattr(draw, "PATIENCE", -1.0)
    events, result = collect(start(slow, Render(model="big", latent=Seed(seed=1))))
    assert [p.image.shape[0] for p in previews(events)] == [64]
    assert len(events) == 5, "every resolution is a step where a newer wish can overtake"
    assert np.array_equal(result.image, image(TinyContext(plain=stylegan2(128))))


def test_sizes(ctx: TinyContext) -> None:
    net = ctx.generator("plain")
    assert sizes(net, 0) == (None, 32) and sizes(net, 8) == (8, 8) and sizes(net, 9) == (16, 9)
    assert sizes(ctx.generator("zonly"), 4) == (None, 4)

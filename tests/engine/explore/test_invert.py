"""Inversion: a picture that the network made is found again; the sliders do what they say; stopping is clean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from explore_tiny import TinyContext, ZOnly, collect, previews, stylegan2
from msgspec.structs import replace

from studio.base.errors import StudioError
from studio.base.steps import Loss, Progress, run
from studio.engine.explore.invert import psnr
from studio.engine.registry import is_long, start
from studio.nets.features import FEATURES_NAME
from studio.project.latents import Look, Seed, Stored
from studio.project.requests import Invert, Render


@pytest.fixture
def ctx() -> TinyContext:
    return TinyContext(plain=stylegan2(), labelled=stylegan2(c_dim=3, seed=1), zonly=ZOnly())


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.engine.explore.invert.CANDIDATES", 48)
    monkeypatch.setattr("studio.engine.explore.wstats.SAMPLES", 2000)


def target(ctx: TinyContext, seed: int = 77, model: str = "plain") -> tuple[np.ndarray, str]:
    image = run(start(ctx, Render(model=model, latent=Seed(seed=seed), look=Look(psi=1.0)))).image
    return image, ctx.assets.put_image(image)


def test_its_own_picture_is_found_in_w(ctx: TinyContext) -> None:
    """At least 40 dB in 100 steps; the picture is of no seed that the search tries."""
    image, sha = target(ctx)
    request = Invert(model="plain", picture=sha, space="w", editability=0.0, steps=100)
    assert is_long(request)
    events, found = collect(start(ctx, request))
    assert found.info["psnr"] >= 40.0 and psnr(found.image, image) == pytest.approx(found.info["psnr"])
    losses = [e for e in events if isinstance(e, Loss)]
    assert [e.step for e in losses] == list(range(1, 101))
    assert losses[-1].values["total"] < 0.15 * losses[0].values["total"]
    assert set(losses[0].values) == {"total", "perceptual", "pixel", "low"}
    assert len(found.losses["total"]) == 100
    assert len(previews(events)) >= 10 and previews(events)[0].image.shape == (32, 32, 3)
    ws = ctx.assets.array(found.ws_asset)
    assert ws.shape == (8, 24) and ws.dtype == np.float32 and np.all(ws == ws[:1]), "in W all layers are alike"
    shown = run(start(ctx, Render(model="plain", latent=Stored(asset=found.ws_asset), look=Look(psi=0.2)))).image
    assert np.array_equal(shown, found.image), "the code shows another picture than the search did"


def test_the_studios_own_features_are_used_and_named() -> None:
    ctx = TinyContext(light=False, plain=stylegan2())
    _, sha = target(ctx)
    found = run(start(ctx, Invert(model="plain", picture=sha, space="w", steps=3)))
    assert found.info["features"] == FEATURES_NAME
    assert found.losses["perceptual"][-1] < found.losses["perceptual"][0]


def test_editability_keeps_the_layers_together(ctx: TinyContext) -> None:
    rng = np.random.RandomState(0)
    photo = ctx.assets.put_image(rng.randint(0, 255, (40, 32, 3)).astype(np.uint8))
    spreads = []
    for editability in (0.0, 0.5, 0.95, 1.0):
        request = Invert(model="plain", picture=photo, editability=editability, steps=40)
        spreads.append(run(start(ctx, request)).info["spread"])
    assert spreads[0] > spreads[1] > spreads[2] > 0.0 and spreads[3] == 0.0


def test_the_same_request_finds_the_same_code(ctx: TinyContext) -> None:
    _, sha = target(ctx)
    request = Invert(model="plain", picture=sha, steps=6)
    assert run(start(ctx, request)).ws_asset == run(start(ctx, request)).ws_asset
    assert run(start(ctx, replace(request, seed=5))).ws_asset != run(start(ctx, request)).ws_asset


def test_it_can_be_changed_on_the_way(ctx: TinyContext) -> None:
    _, sha = target(ctx)
    request = Invert(model="plain", picture=sha, steps=30, editability=0.0)
    steps = start(ctx, request)
    sent: Any = None
    seen = 0
    while True:
        try:
            event = steps.send(sent)
        except StopIteration as stop:
            found = stop.value
            break
        sent = None
        if isinstance(event, Loss):
            seen = event.step
            if event.step == 10:
                sent = replace(request, editability=1.0, steps=14)
    assert seen == 14 and found.info["spread"] == 0.0 and found.info["steps"] == 14


def test_stopping_closes_cleanly_and_leaves_the_network_alone(ctx: TinyContext) -> None:
    _, sha = target(ctx)
    net = ctx.generator("plain")
    before = {k: v.clone() for k, v in net.state_dict().items()}
    had = ctx.assets.shas()
    steps = start(ctx, Invert(model="plain", picture=sha, steps=50))
    for event in steps:
        if isinstance(event, Loss) and event.step == 3:
            break
    steps.close()
    assert not net.training and all(p.grad is None and not p.requires_grad for p in net.parameters())
    assert all(bool((v == before[k]).all()) for k, v in net.state_dict().items())
    assert ctx.assets.shas() == had, "a stopped search left something behind"


def test_photographs_of_any_shape_and_networks_of_any_kind(ctx: TinyContext) -> None:
    rng = np.random.RandomState(0)
    rgba = ctx.assets.put_image(rng.randint(0, 255, (50, 30, 4)).astype(np.uint8))
    for model in ("plain", "labelled", "zonly"):
        events, found = collect(start(ctx, Invert(model=model, picture=rgba, steps=4)))
        assert found.info["psnr"] > 3 and [e for e in events if isinstance(e, Progress)][-1].done == 4
    with pytest.raises(StudioError, match="labels"):
        run(start(ctx, Invert(model="labelled", picture=rgba, steps=2, labels=(1.0,))))
    assert run(start(ctx, Invert(model="labelled", picture=rgba, steps=2, labels=(1.0, 0.0, 1.0)))).info["steps"] == 2
    with pytest.raises(StudioError):
        run(start(ctx, Invert(model="plain", picture="0" * 64)))


def test_large_networks_begin_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor a search never waits for the full size of a large network."""
    net = stylegan2(64)
    asked: list[Any] = []
    original = net.synthesize

    def watched(ws: Any, *args: Any, size: Any = None, **kwargs: Any) -> Any:
        if ws.requires_grad:
            asked.append(size)
        return original(ws, *args, size=size, **kwargs)

    monkeypatch.setattr(net, "synthesize", watched)
    monkeypatch.setattr("studio.engine.explore.invert.STAGES", ((0.0, 16), (0.5, 32), (0.75, 0)))
    ctx = TinyContext(net=net)
    sha = ctx.assets.put_image(np.zeros((64, 64, 3), np.uint8))
    found = run(start(ctx, Invert(model="net", picture=sha, steps=8)))
    assert asked == [16] * 4 + [32] * 4 and found.image.shape == (64, 64, 3)


def test_psnr() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr(a, a) == 99.0 and psnr(a, a + np.uint8(255)) == pytest.approx(0.0)


def test_an_autoencoder_reads_pictures_itself() -> None:
    from explore_tiny import ZOnly

    from studio.nets.drawing import AutoencoderGenerator

    class Auto(ZOnly):
        spatial, factor, latent_dim = False, 0, 12

    ctx = TinyContext(auto=AutoencoderGenerator(Auto()))  # type: ignore[arg-type]
    with pytest.raises(StudioError, match="has an encoder"):
        run(start(ctx, Invert(model="auto", picture="0" * 64)))

"""Thumbnails, contact sheets, forecasts, colours, painting; the lean network; what is made when memory is short."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from studio.base.errors import StudioError
from studio.base.steps import Preview
from studio.engine.registry import start
from studio.engine.style.colours import recolour
from studio.engine.style.lean import Lean
from studio.engine.style.masks import Regions
from studio.engine.style.needs import peak_bytes, tile_for
from studio.engine.style.network import Network
from studio.engine.style.pyramid import Scale, scales, share
from studio.engine.style.tiles import tiles
from studio.nets.features import StudioFeatures
from studio.nets.johnson import JohnsonNet
from studio.project.style import (
    FIXED_FEATURES,
    Forecast,
    LayerThumbs,
    LayerWeight,
    Paint,
    Recolour,
    StyleLook,
    StyleSheet,
    StyleSource,
)
from tests.engine.style.parts import NET, SmallContext, events, finish, network, painting, photograph, request


def test_thumbnails_come_one_by_one_and_are_kept() -> None:
    ctx = SmallContext()
    run = request(ctx)
    wanted = LayerThumbs(
        model=NET, content=run.content, styles=run.look.styles, layers=("relu1_1", "relu3_1"), size=48, iterations=4
    )
    found, made = events(start(ctx, wanted))
    previews = [e for e in found if isinstance(e, Preview)]
    assert [(p.index, p.label) for p in previews] == [(0, "relu1_1"), (1, "relu3_1")]
    assert all(p.image.shape == (48, 48, 3) for p in previews)
    assert not np.array_equal(previews[0].image, previews[1].image)
    again, _ = events(start(ctx, msgspec.structs.replace(wanted, layers=("relu3_1",))))
    assert np.array_equal(next(e.image for e in again if isinstance(e, Preview)), made.images[1])
    assert len(again) == 1


def test_a_contact_sheet_has_a_picture_for_each_look() -> None:
    ctx = SmallContext()
    run = request(ctx, pyramid=True)
    looks = (run.look, msgspec.structs.replace(run.look, beta=0.0), msgspec.structs.replace(run.look, beta=60.0))
    _, made = events(start(ctx, StyleSheet(model=NET, run=run, looks=looks, size=64, iterations=6)))
    content = ctx.assets.image(run.content).astype(float)
    far = [float(np.abs(image - content).mean()) for image in made.images]
    assert far[1] < far[0] < far[2]


def test_forecast_names_bytes_and_seconds() -> None:
    ctx = SmallContext()
    run = request(ctx, size=512, iterations=10, pyramid=True)
    _, small = events(start(ctx, Forecast(model=NET, run=run)))
    _, large = events(start(ctx, Forecast(model=NET, run=msgspec.structs.replace(run, size=1024))))
    assert 0 < small.values["peak"] < large.values["peak"]
    assert 0 < small.values["seconds"] < large.values["seconds"]
    assert small.values["tile"] == 0 and small.values["available"] > 0
    assert small.values["iterations"] == 70


def test_short_memory_means_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = SmallContext()
    run = request(ctx, size=2048, statistic="covariance")
    net, names = Network(ctx.features(NET), "cpu", low=False), ("relu1_1", "relu3_1")
    whole = peak_bytes(run, net, (2048, 2048), names, 0)
    tiled = peak_bytes(run, net, (2048, 2048), names, 512)
    assert tiled < whole
    for room, fits in ((10 * whole, True), (int(whole / 0.75), False)):
        monkeypatch.setattr("studio.engine.style.needs.available", lambda _device, room=room: room)
        side = tile_for(ctx, run, net, (2048, 2048), names)
        assert (side == 0) == fits
        assert peak_bytes(run, net, (2048, 2048), names, side) <= room
    assert tile_for(ctx.derive(parts=4), run, net, (2048, 2048), names) == 1024  # type: ignore[arg-type]


def test_the_ladder_makes_the_same_picture_in_tiles() -> None:
    ctx = SmallContext()
    run = request(ctx, size=160, iterations=2, statistic="covariance")
    whole = finish(ctx, run)
    tiled = finish(ctx.derive(parts=4), run)
    assert tiled.info["tile"] == 128
    assert np.abs(whole.image.astype(int) - tiled.image.astype(int)).max() <= 2
    assert np.array_equal(finish(ctx, tiled.info["run"]).image, tiled.image)


@pytest.mark.parametrize("size", [(64, 64), (97, 130), (40, 300)])
def test_tiles_cover_everything_once(size: tuple[int, int]) -> None:
    seen = np.zeros(size, int)
    for t in tiles(size, 32, 13, 8):
        seen[t.top : t.bottom, t.left : t.right] += 1
        assert t.top % 8 == t.left % 8 == t.see_top % 8 == t.see_left % 8 == 0
        assert t.see_top <= max(0, t.top - 13) and t.see_bottom >= min(size[0], t.bottom + 13)
    assert (seen == 1).all()


def test_pyramid_ends_at_the_wished_size() -> None:
    run = request(SmallContext(), pyramid=True, size=384, iterations=7)
    levels = scales(run, (300, 400), 16)
    assert [max(level.size) for level in levels] == [68, 96, 136, 192, 272, 384]
    assert [level.first for level in levels] == [0, 7, 14, 21, 28, 35] and levels[-1].end == 42
    thin = scales(run, (40, 400), 16)
    assert min(min(level.size) for level in thin) >= 16


def test_lean_gives_the_gradients_of_the_plain_network() -> None:
    for net, names in (
        (network(2, pooling="max"), ["conv2_1", "relu2_2", "relu3_1"]),
        (StudioFeatures(), ["relu1_1", "relu2_2", "relu3_1"]),
    ):
        grads = []
        for lean in (False, True):
            x = torch.rand(1, 3, 35, 42, generator=torch.Generator().manual_seed(0)).requires_grad_()
            if lean:
                with Lean():
                    found = net.features(x, names)
            else:
                found = net.features(x, names)
            total = sum((f.sin().sum() for f in found.values()), torch.zeros(()))
            grads.append(torch.autograd.grad(total, x)[0])
        assert torch.allclose(grads[0], grads[1], rtol=1e-3, atol=1e-4 * float(grads[0].abs().max()))


def test_pooling_can_be_chosen_for_any_network() -> None:
    x = torch.rand(1, 3, 32, 32)
    means, largest = (
        Network(StudioFeatures(), "cpu", low=False, pooling=p).features(x, ["relu2_1"]) for p in ("average", "max")
    )
    own = Network(StudioFeatures(), "cpu", low=False).features(x, ["relu2_1"])
    assert torch.allclose(own["relu2_1"], means["relu2_1"])
    assert not torch.allclose(own["relu2_1"], largest["relu2_1"])


def test_the_fixed_network_is_calibrated_on_the_style() -> None:
    ctx = SmallContext()
    made = finish(ctx, request(ctx, model=FIXED_FEATURES, look={"layers": ()}, iterations=2))
    assert "style relu4_1" in made.losses and "content relu2_2" in made.losses
    assert all(np.isfinite(curve).all() for curve in made.losses.values())


@pytest.mark.parametrize("colours", ["luminance", "match", "histogram"])
def test_colours_after_the_fact(colours: Any) -> None:
    picture, content = painting(64, 64), photograph(64, 64)
    made = recolour(picture, content, colours)
    a, b = made.reshape(-1, 3).astype(float), content.reshape(-1, 3).astype(float)
    if colours == "luminance":
        light = np.array([0.299, 0.587, 0.114])
        inside = ((made > 0) & (made < 255)).all(axis=-1)
        assert np.abs((made @ light - picture @ light)[inside]).max() < 1.5
    elif colours == "match":
        assert np.abs(a.mean(0) - b.mean(0)).max() < 4
        assert np.abs(np.cov(a.T) - np.cov(b.T)).max() < 0.25 * np.abs(np.cov(b.T)).max()
    else:
        assert np.abs(np.sort(a, axis=0).mean(0) - np.sort(b, axis=0).mean(0)).max() < 25
    grey = np.full((8, 8, 3), 128, np.uint8)
    assert recolour(grey, grey, colours).shape == (8, 8, 3)
    ctx = SmallContext()
    wanted = Recolour(picture=ctx.assets.put_image(picture), content=ctx.assets.put_image(content), colours=colours)
    assert np.array_equal(events(start(ctx, wanted))[1].image, made)


def test_painting_in_one_pass() -> None:
    torch.manual_seed(0)
    net = JohnsonNet().eval().requires_grad_(False)
    ctx = SmallContext()
    ctx.stylizer = lambda sha, precision=None: net  # type: ignore[method-assign,assignment]
    picture = ctx.assets.put_image(photograph(90, 120))
    _, made = events(start(ctx, Paint(model=NET, picture=picture)))
    assert made.image.shape == (90, 120, 3)
    _, half = events(start(ctx, Paint(model=NET, picture=picture, strength=0.0, size=60)))
    assert half.image.shape == (45, 60, 3)
    _, tiled = events(start(ctx, Paint(model=NET, picture=picture, tile=64)))
    assert np.abs(tiled.image.astype(int) - made.image.astype(int)).max() <= 1


def test_masks_share_the_style_cost_by_area() -> None:
    ctx = SmallContext()
    left = np.zeros((20, 20, 3), np.uint8)
    left[:, :10] = 255
    a, b = ctx.assets.put_image(left), ctx.assets.put_image(255 - left)

    def mix(*styles: StyleSource) -> Any:
        return Regions(ctx).of(StyleLook(styles=styles), (40, 40))

    def one(mask: str = "", **more: float) -> StyleSource:
        return StyleSource(picture="p", mask=mask, feather=0.0, **more)  # type: ignore[arg-type]

    assert mix(one()).amount == pytest.approx([1.0])
    assert mix(one(a), one(b)).amount == pytest.approx([0.5, 0.5], abs=0.02)
    assert mix(one(a)).amount == pytest.approx([0.5], abs=0.02)
    assert mix(one(weight=1.0), one(weight=0.25)).amount == pytest.approx([0.8, 0.2])
    alpha = mix(one(a, alpha=0.3), one(b)).alpha
    assert float(alpha[0, 0, 20, 5]) == pytest.approx(0.3) and float(alpha[0, 0, 20, 35]) == pytest.approx(1.0)


def test_no_layer_at_all_is_told() -> None:
    ctx = SmallContext()
    run = request(ctx, look={"layers": (LayerWeight(name="relu1_1"),)})
    with pytest.raises(StudioError, match="zero"):
        finish(ctx, run)
    with pytest.raises(StudioError, match="zero"):
        events(start(ctx, Forecast(model=NET, run=run)))


def test_progress_tells_what_is_done_of_the_work_not_of_the_iterations() -> None:
    levels = (Scale(0, (64, 64), 0, 10), Scale(1, (128, 128), 10, 10))
    assert share(levels, 0, 20) == 0.0 and share(levels, 20, 20) == 1.0
    assert share(levels, 10, 20) == pytest.approx(0.2), "the larger scale is four fifths of the work"
    assert share(levels, 12, 12) == 1.0, "a run that ends early is done where it ends"

"""Larger pictures: exact in tiles, towards the sharper sister, with alpha, 16 bits and grey networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.base.errors import ModelError, StudioError
from studio.base.steps import Progress, run
from studio.engine.registry import start
from studio.engine.translate.upscale import spread, tiles
from studio.nets.translator_ops import mix_weights
from studio.project.translate import Upscale
from tests.engine.translate.parts import Shelf, enlarger, events, photograph, resnet


def enlarged(shelf: Shelf, **how: Any) -> Any:
    return run(start(shelf.ctx, Upscale(precision="exact", **how)))


def direct(net: Any, pixels: Any) -> Any:
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
    return (net.upscale(x)[0] * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("scale", "size"), [(2, (40, 56)), (4, (33, 20)), (2, (1, 1))])
def test_the_outcome_is_the_networks(shelf: Shelf, scale: int, size: tuple[int, int]) -> None:
    net, pixels = enlarger(scale=scale), photograph(*size)
    made = enlarged(shelf, model=shelf.put(net), picture=shelf.image(pixels))
    assert made.image.shape == (scale * size[0], scale * size[1], 3)
    assert np.abs(made.image.astype(int) - direct(net, pixels)).max() <= 1
    assert made.info["scale"] == scale and made.info["tile"] == 0 and made.deep is None


def test_tiles_are_seamless_and_tell_their_progress(shelf: Shelf) -> None:
    net, pixels = enlarger(), photograph(90, 130)
    sha, picture = shelf.put(net), shelf.image(pixels)
    found, made = events(start(shelf.ctx, Upscale(precision="exact", model=sha, picture=picture, tile=32)))
    progress = [e for e in found if isinstance(e, Progress) and e.total]
    assert [e.done for e in progress] == list(range(15)) and {e.total for e in progress} == {15}
    assert np.abs(made.image.astype(int) - direct(net, pixels)).max() <= 1
    assert made.info["tile"] == 32
    smaller = run(start(shelf.ctx.derive(parts=4), Upscale(precision="exact", model=sha, picture=picture, tile=64)))
    assert smaller.info["tile"] == 32


def test_tiles_cover_everything_once_and_begin_at_multiples() -> None:
    for size in ((1, 1), (100, 37), (64, 65)):
        seen = np.zeros(size, int)
        for top, bottom, left, right in tiles(size, 32, 8):
            seen[top:bottom, left:right] += 1
            assert top % 8 == left % 8 == 0
        assert (seen == 1).all()


def test_between_a_model_and_its_sharper_sister(shelf: Shelf) -> None:
    a, b, pixels = enlarger(1), enlarger(2), photograph()
    plain, sharp, picture = shelf.put(a, "a"), shelf.put(b, "b"), shelf.image(pixels)
    for t, net in ((0.0, a), (0.3, mix_weights((a, b), (0.7, 0.3))), (1.0, b)):
        made = enlarged(shelf, model=plain, sharper=sharp, sharpness=t, picture=picture)
        assert np.abs(made.image.astype(int) - direct(net, pixels)).max() <= 1
        assert made.info["sharpness"] == pytest.approx(t)
    # Without a sister there is nothing to go towards.
    made = enlarged(shelf, model=plain, sharpness=1.0, picture=picture)
    assert np.abs(made.image.astype(int) - direct(a, pixels)).max() <= 1


def test_half_way_is_half_way_in_the_prepared_form_too(shelf: Shelf) -> None:
    a, b, pixels = enlarger(1), enlarger(2), photograph()
    plain, sharp, picture = shelf.put(a, "a"), shelf.put(b, "b"), shelf.image(pixels)
    request = Upscale(model=plain, sharper=sharp, sharpness=0.5, picture=picture)
    made = run(start(shelf.ctx, request))
    expected = direct(mix_weights((a, b), (0.5, 0.5)), pixels)
    assert np.abs(made.image.astype(float) - expected).mean() < 1.0
    assert np.array_equal(made.image, run(start(shelf.ctx, request)).image)


def test_sisters_must_be_alike(shelf: Shelf) -> None:
    a, b = shelf.put(enlarger(scale=2), "a"), shelf.put(enlarger(scale=4), "b")
    for sharpness in (0.5, 1.0):
        with pytest.raises(ModelError, match="not built alike"):
            enlarged(shelf, model=a, sharper=b, sharpness=sharpness, picture=shelf.image(photograph()))


def test_between_two_knows_what_was_assumed_of_them(shelf: Shelf) -> None:
    a, b, pixels = enlarger(1), enlarger(2), photograph()
    plain, sharp, picture = shelf.put(a, "a"), shelf.put(b, "b"), shelf.image(pixels)
    before = enlarged(shelf, model=plain, sharper=sharp, sharpness=0.5, picture=picture).image
    for sha in (plain, sharp):
        shelf.library.set_assumptions(sha, {"colors": "bgr"})
    shelf.ctx._cards.clear()
    after = enlarged(shelf, model=plain, sharper=sharp, sharpness=0.5, picture=picture).image
    expected = direct(mix_weights((a, b), (0.5, 0.5)), np.ascontiguousarray(pixels[..., ::-1]))[..., ::-1]
    assert np.abs(after.astype(int) - expected).max() <= 1 and not np.array_equal(after, before)
    # One that sees red first and one that sees blue first have nothing between them.
    shelf.library.set_assumptions(plain, {"colors": "rgb"})
    shelf.ctx._cards.clear()
    with pytest.raises(ModelError, match="not built alike"):
        enlarged(shelf, model=plain, sharper=sharp, sharpness=0.5, picture=picture)


def test_sixteen_bits_stay(shelf: Shelf) -> None:
    net = enlarger()
    ramp = np.linspace(0, 65535, 48 * 32).reshape(48, 32).astype(np.uint16)
    made = enlarged(shelf, model=shelf.put(net), picture=shelf.file(Image.fromarray(ramp)))
    x = torch.from_numpy(np.repeat((ramp / 65535).astype(np.float32)[None, None], 3, axis=1))
    expected = net.upscale(x)[0].permute(1, 2, 0).numpy() * 65535
    assert made.deep.shape == (96, 64, 3) and np.abs(made.deep - expected).max() < 2


def test_alpha_grows_with_the_picture_without_halos(shelf: Shelf) -> None:
    net = enlarger()
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[..., :3] = (0, 255, 0)  # a colour that must never be seen
    pixels[20:44, 20:44] = (200, 60, 60, 255)
    sha, picture = shelf.put(net), shelf.image(pixels)
    made = enlarged(shelf, model=sha, picture=picture).image
    assert made.shape == (128, 128, 4)
    alpha = made[..., 3]
    assert (alpha[:36] == 0).all() and (alpha[44:84, 44:84] == 255).all()
    # The same picture on a ground of its own colour: what is seen of an edge must not know the hidden green.
    same = pixels.copy()
    same[..., :3] = (200, 60, 60)
    other = enlarged(shelf, model=sha, picture=shelf.image(same)).image
    seen = alpha > 8
    assert np.abs(made[seen].astype(int) - other[seen]).max() <= 1
    tiled = enlarged(shelf, model=sha, picture=picture, tile=32).image
    assert np.abs(tiled[seen].astype(int) - made[seen]).max() <= 1
    assert np.abs(tiled[..., 3].astype(int) - alpha).max() <= 1


def test_colours_spread_only_under_what_is_hidden() -> None:
    colours, alpha = torch.rand(1, 3, 30, 30), torch.zeros(1, 1, 30, 30)
    alpha[..., 10:20, 10:20] = 0.5
    made = spread(colours, alpha)
    assert torch.equal(made[..., 10:20, 10:20], colours[..., 10:20, 10:20])
    assert torch.equal(made[..., 0, 0], colours[..., 0, 0])
    assert torch.allclose(made[..., 9, 14], colours[..., 10, 13:16].mean(dim=2))
    opaque = torch.ones(1, 1, 30, 30)
    assert spread(colours, opaque) is colours


def test_networks_for_grey_make_the_light(shelf: Shelf) -> None:
    net, grey = enlarger(channels=1), np.repeat(photograph(40, 40)[..., :1], 3, axis=2)
    sha = shelf.put(net)
    made = enlarged(shelf, model=sha, picture=shelf.image(grey)).image
    assert np.abs(made[..., :1].astype(int) - direct(net, grey[..., :1])).max() <= 1
    assert np.abs(made[..., 0].astype(int) - made[..., 2]).max() <= 1
    warm = np.stack((grey[..., 0], grey[..., 0] // 2, grey[..., 0] // 4), axis=2)
    made = enlarged(shelf, model=sha, picture=shelf.image(warm)).image.astype(float)
    assert made[..., 0].mean() > made[..., 1].mean() > made[..., 2].mean()


def test_what_cannot_be_is_told(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, sha, other = shelf.image(photograph()), shelf.put(enlarger(), "a"), shelf.put(resnet(), "b")
    for how, words in (
        ({"model": other}, "cannot be used here"),
        ({"model": sha, "picture": ""}, "There is no picture yet"),
        ({"model": sha, "sharper": "2" * 64, "sharpness": 0.5}, "not on this computer"),
    ):
        with pytest.raises(StudioError) as told:
            enlarged(shelf, **{"picture": picture, **how})
        assert words in told.value.sentence()
    for channels in (2, 4):
        with pytest.raises(StudioError, match="does not work on ordinary pictures") as told:
            enlarged(shelf, model=shelf.put(enlarger(channels=channels), f"n{channels}"), picture=picture)
        assert f"It has {channels} channels" in told.value.why
    monkeypatch.setattr("studio.engine.translate.canvas.MAX_PIXELS", 10_000)
    with pytest.raises(StudioError, match="would become too large"):
        enlarged(shelf, model=sha, picture=picture)


def test_without_an_upscaler_there_is_a_sentence(shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="no upscaler on this computer"):
        enlarged(shelf, model="", picture=shelf.image(photograph()))


def test_cancelled_between_tiles_nothing_stays(shelf: Shelf, tmp_path: Path) -> None:
    request = Upscale(
        precision="exact", model=shelf.put(enlarger()), picture=shelf.image(photograph(100, 100)), tile=32
    )
    before = sorted(tmp_path.rglob("*"))
    steps = start(shelf.ctx, request)
    for _ in range(4):
        next(steps)
    steps.close()
    assert sorted(tmp_path.rglob("*")) == before and torch.is_grad_enabled()
    assert np.array_equal(run(start(shelf.ctx, request)).image, run(start(shelf.ctx, request)).image)

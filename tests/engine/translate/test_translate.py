"""Pictures through translators: exact, blended, with alpha and 16 bits; there and back; variations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.base.errors import ModelError, StudioError
from studio.base.steps import Preview, run
from studio.engine.registry import start
from studio.engine.translate.blend import luma, with_light_of
from studio.engine.translate.canvas import averaged, open_canvas
from studio.project.translate import Amount, Cycle, Translate, TranslateLook, Variations
from tests.engine.translate.parts import (
    Shelf,
    eight_bits,
    enlarger,
    events,
    photograph,
    resnet,
    signed,
    stargan,
    unet,
)


def translated(shelf: Shelf, request: Translate) -> Any:
    return run(start(shelf.ctx, request))


def near(a: Any, b: Any, most: int = 1) -> bool:
    return int(np.abs(a.astype(int) - b.astype(int)).max()) <= most


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (1, 1), (3, 40)])
def test_the_outcome_is_the_networks(shelf: Shelf, size: tuple[int, int]) -> None:
    net, pixels = unet(), photograph(*size)
    sha = shelf.put(net)
    made = translated(shelf, Translate(precision="exact", model=sha, picture=shelf.image(pixels)))
    assert made.image.shape == (*size, 3) and made.deep is None
    # Without a word on the card a network uses the picture's own statistics, as its authors ran it.
    assert near(made.image, eight_bits(net.translate(signed(pixels), "own")))
    assert made.info["statistics"] == 1.0 and made.info["size"] == size


def test_statistics_are_the_requests_or_else_the_cards(shelf: Shelf) -> None:
    net, pixels = unet(), photograph()
    sha = shelf.put(net, hyper={"statistics": 0.25})
    picture = shelf.image(pixels)
    for asked, used in ((None, 0.25), (0.0, 0.0), (0.7, 0.7), (1.0, 1.0)):
        made = translated(
            shelf, Translate(precision="exact", model=sha, picture=picture, look=TranslateLook(statistics=asked))
        )
        assert near(made.image, eight_bits(net.translate(signed(pixels), used)))
        assert made.info["statistics"] == used


def test_a_card_that_says_nonsense_does_no_harm(shelf: Shelf) -> None:
    net, pixels = unet(), photograph()
    sha, picture = shelf.put(net, hyper={"statistics": "often", "size": [1]}), shelf.image(pixels)
    made = translated(shelf, Translate(precision="exact", model=sha, picture=picture))
    assert near(made.image, eight_bits(net.translate(signed(pixels), "own")))
    groups = ({"kind": "choice", "indices": [0, 99], "names": ["a", "b"]}, {"kind": "toggle"})
    sha = shelf.put(stargan(), "many", label_groups=groups)
    made = translated(shelf, Translate(precision="exact", model=sha, picture=picture))
    assert near(made.image, eight_bits(stargan().translate(signed(pixels), labels=torch.zeros(1, 5))))


def test_a_seed_is_a_variation_and_comes_again(shelf: Shelf) -> None:
    net, pixels = unet(), photograph()
    sha, picture = shelf.put(net), shelf.image(pixels)
    made = [
        translated(shelf, Translate(precision="exact", model=sha, picture=picture, look=TranslateLook(seed=seed))).image
        for seed in (None, 7, 7, 8)
    ]
    assert np.array_equal(made[1], made[2]) and not np.array_equal(made[1], made[3])
    assert near(made[1], eight_bits(net.translate(signed(pixels), "own", 7)))
    assert not np.array_equal(made[0], made[1])


def test_a_drawing_is_averaged_down_so_that_thin_lines_stay(shelf: Shelf) -> None:
    paper = np.full((512, 512, 3), 255, np.uint8)
    paper[:, 201] = 0
    canvas = open_canvas(shelf.ctx, shelf.image(paper), 128)
    seen = canvas.shown()
    assert seen.shape == (1, 3, 128, 128)
    assert torch.allclose(seen[..., 50], torch.tensor(0.75)) and float(seen[..., :50].min()) == 1.0
    assert canvas is open_canvas(shelf.ctx, shelf.image(paper), 128)  # decoded once
    # Areas that do not fit are averaged too: nothing gets lost.
    odd = averaged(torch.from_numpy(paper[None, None, :, :, 0] / np.float32(255)), (100, 100))
    assert float((1 - odd).sum(dim=3).mean()) == pytest.approx(100 / 512, rel=0.02)


def test_the_size_is_the_longer_side(shelf: Shelf) -> None:
    sha, picture = shelf.put(resnet()), shelf.image(photograph(60, 90))
    assert translated(shelf, Translate(precision="exact", model=sha, picture=picture, size=45)).image.shape == (
        30,
        45,
        3,
    )
    assert translated(shelf, Translate(precision="exact", model=sha, picture=picture, size=120)).image.shape == (
        80,
        120,
        3,
    )


def test_networks_for_grey_see_the_light(shelf: Shelf) -> None:
    net, pixels = unet(channels=1), photograph()
    made = translated(shelf, Translate(precision="exact", model=shelf.put(net), picture=shelf.image(pixels)))
    light = luma(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255) * 2 - 1
    assert near(made.image, eight_bits(net.translate(light, "own")))


def test_strength_goes_from_the_picture_to_the_outcome_where_the_mask_says(shelf: Shelf) -> None:
    sha, pixels = shelf.put(resnet()), photograph()
    picture = shelf.image(pixels)
    full = translated(shelf, Translate(precision="exact", model=sha, picture=picture)).image

    def at(**amount: Any) -> Any:
        look = TranslateLook(strength=Amount(**amount))
        return translated(shelf, Translate(precision="exact", model=sha, picture=picture, look=look)).image

    assert np.array_equal(at(value=0.0), pixels)
    half = at(value=0.5)
    assert near(half, (full.astype(float) + pixels) / 2 + 0.5)
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[:, 32:] = 255
    sharp = at(mask=shelf.image(mask), feather=0.0)
    assert np.array_equal(sharp[:, :32], pixels[:, :32]) and np.array_equal(sharp[:, 32:], full[:, 32:])
    turned = at(mask=shelf.image(mask), feather=0.0, value=0.0, outside=1.0)
    assert np.array_equal(turned[:, :32], full[:, :32]) and np.array_equal(turned[:, 32:], pixels[:, 32:])
    soft = at(mask=shelf.image(mask), feather=64.0)
    assert not np.array_equal(soft[:, 30], pixels[:, 30]) and not np.array_equal(soft[:, 34], full[:, 34])


def test_kept_colours_are_the_pictures_under_the_outcomes_light(shelf: Shelf) -> None:
    sha, pixels = shelf.put(resnet()), photograph()
    picture = shelf.image(pixels)
    full = translated(shelf, Translate(precision="exact", model=sha, picture=picture)).image

    def at(value: float) -> Any:
        look = TranslateLook(keep_colours=Amount(value=value))
        return translated(shelf, Translate(precision="exact", model=sha, picture=picture, look=look)).image

    def light(image: Any) -> Any:
        return image.astype(float) @ np.array([0.299, 0.587, 0.114])

    assert np.array_equal(at(0.0), full)
    for value in (0.3, 1.0):
        assert np.abs(light(at(value)) - light(full)).max() < 1.5
    kept, own = at(1.0).astype(float), pixels.astype(float)
    kept, own = kept - kept.mean(axis=2, keepdims=True), own - own.mean(axis=2, keepdims=True)
    strong = (np.linalg.norm(kept, axis=2) > 12) & (np.linalg.norm(own, axis=2) > 12)
    cosine = (kept * own).sum(axis=2) / np.maximum(np.linalg.norm(kept, axis=2) * np.linalg.norm(own, axis=2), 1e-6)
    assert strong.any() and cosine[strong].min() > 0.97  # the same hue


def test_colours_that_do_not_fit_lose_chroma_not_hue() -> None:
    red, white = torch.tensor([1.0, 0.1, 0.1]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.9)
    made = with_light_of(red, white)
    assert float(luma(made)) == pytest.approx(0.9, abs=1e-5)
    assert float(made.max()) <= 1.0 + 1e-6 and float(made[0, 0]) > float(made[0, 1]) == float(made[0, 2])
    assert torch.allclose(with_light_of(red, red), red, atol=1e-6)


def test_alpha_comes_through_and_what_is_transparent_is_paper(shelf: Shelf) -> None:
    net, pixels = resnet(), photograph()
    alpha = np.zeros((64, 64, 1), np.uint8)
    alpha[16:48, 16:48] = 255
    alpha[16:48, 15] = 100
    seen = np.where(alpha == 255, pixels, 255).astype(float)
    seen[16:48, 15] = pixels[16:48, 15] * (100 / 255) + 155
    sha, picture = shelf.put(net), shelf.image(np.concatenate((pixels, alpha), axis=2))
    made = translated(shelf, Translate(precision="exact", model=sha, picture=picture))
    assert made.image.shape == (64, 64, 4) and np.array_equal(made.image[..., 3], alpha[..., 0])
    assert near(made.image[..., :3], eight_bits(net.translate(signed(seen))))
    small = translated(shelf, Translate(precision="exact", model=sha, picture=picture, size=32)).image
    assert small.shape == (32, 32, 4) and set(np.unique(small[..., 3])) >= {0, 255}
    bare = TranslateLook(strength=Amount(value=0.0))
    again = translated(shelf, Translate(precision="exact", model=sha, picture=picture, look=bare)).image
    assert np.array_equal(again, np.concatenate((pixels, alpha), axis=2))  # hidden colours too


def test_an_alpha_that_says_nothing_is_left_out(shelf: Shelf) -> None:
    pixels = np.concatenate((photograph(), np.full((64, 64, 1), 255, np.uint8)), axis=2)
    assert (
        translated(
            shelf, Translate(precision="exact", model=shelf.put(resnet()), picture=shelf.image(pixels))
        ).image.shape[2]
        == 3
    )


def test_sixteen_bits_come_out_as_sixteen(shelf: Shelf) -> None:
    net = resnet()
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    sha, picture = shelf.put(net), shelf.file(Image.fromarray(ramp))
    made = translated(shelf, Translate(precision="exact", model=sha, picture=picture))
    assert made.deep is not None and made.deep.dtype == np.uint16 and made.deep.shape == (64, 64, 3)
    x = torch.from_numpy(np.repeat((ramp / 65535).astype(np.float32)[None, None], 3, axis=1)) * 2 - 1
    y = ((net.translate(x)[0] + 1) / 2).permute(1, 2, 0).numpy()
    assert np.abs(made.deep / 65535 - y).max() < 2e-5
    assert near(made.image, made.deep / 257 + 0.5)
    bare = TranslateLook(strength=Amount(value=0.0))
    kept = translated(shelf, Translate(precision="exact", model=sha, picture=picture, look=bare))
    assert np.array_equal(kept.deep[..., 0], ramp)


def test_labels_steer_and_the_cards_are_the_default(shelf: Shelf) -> None:
    net, pixels = stargan(), photograph()
    groups: tuple[dict[str, Any], ...] = (
        {"title": "Features", "kind": "toggle", "indices": [0, 1], "default": [0, 1]},
        {"title": "Hair", "kind": "choice", "indices": [2, 3, 4], "prior": [0.2, 0.5, 0.3], "default": None},
    )
    sha, picture = shelf.put(net, label_groups=groups), shelf.image(pixels)
    for wish, used in (((), (0, 1, 0, 1, 0)), ((0.3, -1.0, 0, 0, 2.0),) * 2):
        made = translated(
            shelf, Translate(precision="exact", model=sha, picture=picture, look=TranslateLook(labels=wish))
        )
        assert near(made.image, eight_bits(net.translate(signed(pixels), labels=torch.tensor([used]).float())))


def test_what_cannot_be_is_told_in_a_sentence(shelf: Shelf) -> None:
    picture = shelf.image(photograph())
    many, plain, larger = shelf.put(stargan(), "a"), shelf.put(resnet(), "b"), shelf.put(enlarger(), "c")
    wishes: list[tuple[Any, str]] = [
        (
            Translate(precision="exact", model=many, picture=picture, look=TranslateLook(labels=(1.0, 0.0))),
            "It takes 5 numbers",
        ),
        (
            Translate(precision="exact", model=many, picture=picture, look=TranslateLook(labels=(float("nan"),) * 5)),
            "not a number",
        ),
        (Translate(precision="exact", model=plain, picture=""), "There is no picture yet"),
        (Translate(precision="exact", model=plain, picture="0" * 64), ""),
        (Translate(precision="exact", model=larger, picture=picture), "cannot be used here"),
        (Translate(precision="exact", model="1" * 64, picture=picture), "not on this computer"),
        (Translate(precision="exact", model=plain, picture=picture, size=40_000), "megapixels"),
        (Variations(precision="exact", model=plain, picture=picture), "has no variations"),
        (Cycle(precision="exact", model=plain, back=larger, picture=picture), "cannot be used here"),
        (Cycle(precision="exact", model=plain, back="", picture=picture), "no model that goes back"),
        (Translate(precision="exact", model=shelf.put(resnet(channels=2), "d"), picture=picture), "It has 2 channels"),
        (Cycle(precision="exact", model=plain, back=shelf.put(resnet(channels=7), "e"), picture=picture), "7 channels"),
    ]
    for wish, words in wishes:
        with pytest.raises(StudioError) as told:
            run(start(shelf.ctx, wish))
        assert words in told.value.sentence() and told.value.kind in ("user", "model")
    # Labels that another model left behind do no harm to one without.
    translated(shelf, Translate(precision="exact", model=plain, picture=picture, look=TranslateLook(labels=(1.0,))))


def test_without_a_translator_there_is_a_sentence(shelf: Shelf) -> None:
    with pytest.raises(ModelError, match="no translator on this computer"):
        translated(shelf, Translate(precision="exact", model="", picture=shelf.image(photograph())))


def test_there_and_back_shows_what_is_lost(shelf: Shelf) -> None:
    there, home, pixels = resnet(1), unet(2), photograph()
    a, b, picture = shelf.put(there, "a"), shelf.put(home, "b"), shelf.image(pixels)
    found, made = events(
        start(shelf.ctx, Cycle(precision="exact", model=a, back=b, picture=picture, look=TranslateLook(seed=3)))
    )
    away = there.translate(signed(pixels))
    back = home.translate(away, "own", 3)
    assert np.array_equal(made.source, pixels)
    assert near(made.image, eight_bits(away)) and near(made.back, eight_bits(back))
    difference = np.abs(made.back.astype(float) - pixels)
    assert made.error.dtype == np.float32 and np.abs(made.error - difference.mean(axis=2) / 255).max() < 1e-6
    assert made.l1 == pytest.approx(difference.mean() / 255, abs=1e-6)
    assert made.psnr == pytest.approx(10 * np.log10(255**2 / np.square(difference).mean()), abs=1e-6)
    assert [e.phase for e in found if hasattr(e, "phase")][-3:-1] == ["And back", "Translating"] or len(found) >= 3


def test_variations_come_one_by_one(shelf: Shelf) -> None:
    net, pixels = unet(), photograph(64, 48)
    sha, picture = shelf.put(net), shelf.image(pixels)
    found, made = events(
        start(shelf.ctx, Variations(precision="exact", model=sha, picture=picture, seeds=(3, 1, 4, 1, 5), thumbnail=64))
    )
    previews = [e for e in found if isinstance(e, Preview)]
    assert [p.index for p in previews] == [0, 1, 2, 3, 4] and [p.label for p in previews] == ["3", "1", "4", "1", "5"]
    assert all(np.array_equal(p.image, i) for p, i in zip(previews, made.images, strict=True))
    assert np.array_equal(made.images[1], made.images[3]) and not np.array_equal(made.images[0], made.images[1])
    assert near(made.images[0], eight_bits(net.translate(signed(pixels), "own", 3)))
    small = run(start(shelf.ctx, Variations(precision="exact", model=sha, picture=picture, seeds=(3,), thumbnail=32)))
    assert small.images[0].shape == (32, 24, 3)


def test_a_request_gives_the_same_picture_again_and_leaves_nothing_behind(shelf: Shelf, tmp_path: Path) -> None:
    sha, picture = shelf.put(unet()), shelf.image(photograph(90, 70))
    request = Translate(precision="exact", model=sha, picture=picture, tile=32, look=TranslateLook(seed=1))
    first = translated(shelf, request)
    shelf.ctx.free()
    assert np.array_equal(first.image, translated(shelf, request).image)
    before = sorted(p for p in tmp_path.rglob("*"))
    steps = start(shelf.ctx, request)
    next(steps)
    steps.close()
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert torch.is_grad_enabled()

"""Lines where the edges are, areas of the asked colours; the same again every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.engine.registry import start
from studio.engine.translate.edges import pruned
from studio.engine.translate.graph import areas, components
from studio.engine.translate.segments import cleaned
from studio.project.translate import Trace
from tests.engine.translate.parts import Shelf, photograph


def traced(shelf: Shelf, pixels: Any, **how: Any) -> Any:
    return run(start(shelf.ctx, Trace(picture=shelf.image(pixels), **how)))


def disc(side: int = 256, radius: float = 70.0, ink: Any = (40, 60, 120), paper: Any = (230, 220, 200)) -> Any:
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return np.where((np.hypot(y, x) < radius)[..., None], ink, paper).astype(np.uint8)


def test_an_edge_becomes_one_line_beside_it_and_nothing_else() -> None:
    from studio.base.steps import run as drive
    from studio.engine.context import Context
    from studio.engine.translate.trace import trace

    ctx = Context(device="cpu")
    made = drive(trace(ctx, Trace(picture=ctx.assets.put_image(disc()), size=256))).image
    y, x = np.mgrid[0:256, 0:256] - 127.5
    dark = made[..., 0] < 100
    radius = np.hypot(y, x)[dark]
    assert abs(np.median(radius) - 70) < 4 and radius.min() > 60 and radius.max() < 75
    # All the way round, and as wide as asked for.
    turns = np.unique((np.degrees(np.arctan2(y, x)[dark]) // 10).astype(int))
    assert len(turns) == 36
    ink = (255 - made[..., 0].astype(float)).sum() / 255
    assert ink / (2 * np.pi * np.median(radius)) == pytest.approx(2.0, rel=0.25)
    assert np.array_equal(made[..., 0], made[..., 2])


def test_a_pen_stroke_stays_one_stroke(shelf: Shelf) -> None:
    paper = np.full((200, 200, 3), 255, np.uint8)
    paper[98:102, 30:170] = 20
    made = traced(shelf, paper, size=200)
    column = made.image[:, 100, 0] < 128
    assert column.any() and np.diff(column.astype(int)).tolist().count(1) == 1
    assert abs(np.nonzero(column)[0].mean() - 99.5) < 1.0


def test_colours_of_one_light_have_an_edge_too(shelf: Shelf) -> None:
    pixels = np.empty((128, 128, 3), np.uint8)
    pixels[:, :64], pixels[:, 64:] = (190, 80, 80), (40, 128, 120)
    made = traced(shelf, pixels, size=128)
    assert (made.image[20:108, 56:72, 0] < 128).any(axis=1).mean() > 0.95
    assert (made.image[:, :48] == 255).all() and (made.image[:, 80:] == 255).all()


def test_detail_width_and_size_do_what_they_say(shelf: Shelf) -> None:
    pixels = np.full((160, 160, 3), 200, np.uint8)
    pixels[:, 40:] = 120
    pixels[:, 100:] = 110  # hardly an edge
    weak = [traced(shelf, pixels, size=160, detail=d, smooth=0.0).image[80, 90:110, 0].min() for d in (0.0, 1.0)]
    assert weak[0] == 255 and weak[1] < 100
    ink = [(255 - traced(shelf, pixels, size=160, width=w).image[..., 0].astype(float)).sum() for w in (1, 2, 6)]
    assert ink[1] == pytest.approx(2 * ink[0], rel=0.1) and ink[2] == pytest.approx(6 * ink[0], rel=0.1)
    large = traced(shelf, pixels, size=640)
    assert large.image.shape == (640, 640, 3)
    assert np.diff((large.image[300, :, 0] < 128).astype(int)).tolist().count(1) == 1


def test_wild_settings_cost_no_more_than_the_widest(shelf: Shelf) -> None:
    pixels = np.full((40, 40, 3), 200, np.uint8)
    pixels[:, 20:] = 60
    wild = traced(shelf, pixels, size=40, width=1e9, smooth=1e9)
    assert np.array_equal(wild.image, traced(shelf, pixels, size=40, width=64.0, smooth=1.0).image)
    assert (wild.image < 128).any()
    assert (traced(shelf, pixels, size=40, width=float("nan")).image < 255).any()
    assert traced(shelf, pixels, kind="segments", size=40, smooth=1e9).image.shape == (40, 40, 3)


def test_an_even_picture_and_a_single_pixel_give_empty_paper(shelf: Shelf) -> None:
    for pixels in (np.full((90, 60, 3), 90, np.uint8), np.zeros((1, 1, 3), np.uint8)):
        assert (traced(shelf, pixels, size=90).image == 255).all()


def test_what_is_transparent_is_paper(shelf: Shelf) -> None:
    pixels = np.zeros((96, 96, 4), np.uint8)
    pixels[30:66, 30:66, 3] = 255
    made = traced(shelf, pixels, size=96)
    assert made.image.shape == (96, 96, 3) and (made.image[48, 26:36, 0] < 128).any()
    assert (made.image[:20] == 255).all()


def test_areas_have_the_asked_colours_and_sharp_borders(shelf: Shelf) -> None:
    made = traced(shelf, disc(), kind="segments", colours=2, size=256)
    assert {tuple(c) for c in made.image.reshape(-1, 3).tolist()} == {(40, 60, 120), (230, 220, 200)}
    assert (made.image == disc()).all(axis=2).mean() > 0.995
    assert set(made.info["colours"]) == {"#283c78", "#e6dcc8"}
    # A picture of fewer colours than asked for gets no more than it has.
    assert len(traced(shelf, disc(), kind="segments", colours=9, size=256).info["colours"]) == 2


def test_a_palette_is_taken_as_it_is(shelf: Shelf) -> None:
    made = traced(shelf, disc(), kind="segments", palette=("#ff0000", "#0000ff", "#ffffff"), size=128)
    assert made.info["colours"] == ("#0000ff", "#ffffff")
    assert tuple(made.image[64, 64]) == (0, 0, 255) and tuple(made.image[2, 2]) == (255, 255, 255)


def test_detail_says_how_small_an_area_may_be(shelf: Shelf) -> None:
    pixels = np.full((128, 128, 3), 240, np.uint8)
    pixels[20:26, 20:26] = 10
    pixels[60:110, 60:110] = 10
    few, many = (traced(shelf, pixels, kind="segments", colours=2, detail=d, smooth=0.0, size=128) for d in (0.0, 1.0))
    assert few.image[23, 23, 0] > 200 and many.image[23, 23, 0] < 50
    assert few.image[80, 80, 0] < 50


def test_larger_outcomes_keep_their_areas(shelf: Shelf) -> None:
    made = traced(shelf, disc(), kind="segments", colours=2, size=600)
    assert made.image.shape == (600, 600, 3) and len(np.unique(made.image.reshape(-1, 3), axis=0)) == 2
    share = (made.image[..., 0] < 100).mean()
    assert share == pytest.approx(np.pi * 70**2 / 256**2, rel=0.02)


@pytest.mark.parametrize("kind", ["edges", "segments"])
def test_the_same_request_gives_the_same_drawing(shelf: Shelf, kind: Any) -> None:
    pixels = photograph(120, 90)
    first = traced(shelf, pixels, kind=kind, size=180).image
    shelf.ctx.free()
    assert np.array_equal(first, traced(shelf, pixels, kind=kind, size=180).image)


def test_wrong_wishes_are_told(shelf: Shelf) -> None:
    for how, words in (
        ({"size": 0}, "A drawing of 0 px"),
        ({"size": 100_000}, "A drawing of 100000 px"),
        ({"kind": "segments", "palette": ("#12",)}, "is no colour"),
    ):
        with pytest.raises(StudioError) as told:
            traced(shelf, photograph(), **how)  # type: ignore[arg-type]
        assert words in told.value.sentence()


def test_what_hangs_together() -> None:
    chain = np.arange(99, dtype=np.intp)
    assert not components(100, chain[::-1] + 1, chain[::-1]).any()
    part, size = areas(np.array([[1, 1, 2], [2, 1, 2], [2, 2, 2], [1, 2, 1]]))
    assert part[0, 2] == part[1, 0] == part[3, 1] and part[0, 0] == part[1, 1]
    assert len({part[0, 0], part[3, 0], part[3, 2], part[0, 2]}) == 4 and sorted(size.tolist()) == [1, 1, 3, 7]


def test_areas_agree_with_a_plain_flood(shelf: Shelf) -> None:
    values = np.random.RandomState(3).randint(0, 3, (23, 31))
    part, size = areas(values)
    seen = np.full(values.shape, -1)
    for y in range(23):
        for x in range(31):
            if seen[y, x] >= 0:
                continue
            todo, found = [(y, x)], 0
            seen[y, x] = part[y, x]
            while todo:
                v, u = todo.pop()
                found += 1
                assert part[v, u] == part[y, x]
                for b, a in ((v + 1, u), (v - 1, u), (v, u + 1), (v, u - 1)):
                    if 0 <= b < 23 and 0 <= a < 31 and seen[b, a] < 0 and values[b, a] == values[v, u]:
                        seen[b, a] = part[y, x]
                        todo.append((b, a))
            assert size[part[y, x]] == found


def test_small_areas_join_their_neighbour() -> None:
    which = np.zeros((20, 20), np.intp)
    which[:, 10:] = 1
    which[5, 5], which[6, 14] = 2, 2
    made = cleaned(which, 3, 4)
    assert (made[:, :10] == 0).all() and (made[:, 10:] == 1).all()


def test_twigs_are_cut_and_ends_stay() -> None:
    trunk = np.stack((np.zeros(30), np.arange(30)), axis=1)
    twig = np.stack((np.arange(1, 4), np.full(3, 15)), axis=1)
    points = np.concatenate((trunk, twig)).astype(np.float32)
    a = np.array([*range(29), 15, 30, 31], np.intp)
    b = np.array([*range(1, 30), 30, 31, 32], np.intp)
    kept, _, _ = pruned(points, a, b)
    assert len(kept) == 30 and (kept[:, 0] == 0).all()

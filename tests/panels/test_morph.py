"""The Morph panel: a pad that is full from the start, a tray, attributes, the latent space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from studio.base.steps import Preview
from studio.checkpoints.card import ModelCard
from studio.engine.results import Array, Attribute, Encoding, Picture, Pictures, Space
from studio.panels.morph import MorphPanel
from studio.panels.morph.framing import face, square, whole
from studio.panels.morph.sampling import COLUMNS
from studio.panels.parts.blending import pad_latent, tempered
from studio.project.assets import AssetStore
from studio.project.latents import Blend, DataPoint, Direct, Direction, Encoded, Frame, Key, Push, Seed
from studio.project.morph import Encode, LatentSpace, MakeAttribute
from studio.project.requests import FilmStrip, ReadWs, Render, Sheet, Tiles, WalkFrames
from studio.project.session import MorphState, TrayItem
from tests.panels.conftest import SHA, PaperStudio, image

FACES, PLAIN, GRID = "c" * 64, "d" * 64, "e" * 64
DATA = 40


def a_vae(sha: str = FACES, **hyper: Any) -> ModelCard:
    """An autoencoder with two attributes and 40 pictures."""
    known = {
        "resolution": 64,
        "latent_dim": 4,
        "spatial": False,
        "factor": 0,
        "data_count": DATA,
        "attributes": [{"name": "glasses", "title": "Glasses"}, {"name": "hat"}],
    }
    return ModelCard(
        name=f"faces-{sha[0]}", role="autoencoder", architecture="vae", sha256=sha, hyper={**known, **hyper}
    )


def a_space() -> Space:
    """Statistics of 40 pictures in four dimensions, the first two of which are used."""
    spread = np.array([1.0, 0.5, 0.02, 0.01], np.float32)
    mu = np.random.RandomState(0).randn(DATA, 4).astype(np.float32) * spread
    components = np.eye(4, dtype=np.float32)
    steps = spread[:2]
    return Space(
        mu=mu,
        kl=np.array([2.0, 1.5, 0.0, 0.0], np.float32),
        active=np.array([True, True, False, False]),
        order=np.arange(4),
        histograms=np.ones((4, 10), np.float32),
        posterior=np.ones((4, 10), np.float32),
        edges=np.linspace(-5, 5, 11, dtype=np.float32),
        components=components,
        shares=np.array([0.8, 0.2, 0.0, 0.0], np.float32),
        points=((mu - mu.mean(axis=0))[:, :2] / steps).astype(np.float32),
        steps=steps,
        labels={"glasses": (mu[:, 0] > 0).astype(np.uint8)},
        info={"axes": (0, 1)},
    )


@pytest.fixture
def panel(studio: PaperStudio) -> Iterator[MorphPanel]:
    studio.cards += [a_vae(), a_vae(PLAIN, data_count=0, attributes=[]), a_vae(GRID, spatial=True, data_count=0)]
    made = MorphPanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(1000, 620)
    made.inspector.resize(324, 900)
    made.activate()
    yield made
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()


def keep(studio: PaperStudio, key: str = "morph.keep") -> Any:
    """Let the io lane do what was asked of it; what came of it."""
    job, function = studio.worker.last(key)
    found = function(SimpleNamespace(assets=studio.assets))
    studio.worker.finished.emit(job, None, found)
    return found


def seen(shade: int = 9, sigma: float = 0.1) -> Encoding:
    """What an encoder might say."""
    return Encoding(
        mu=np.zeros(4, np.float32),
        logvar=np.zeros(4, np.float32),
        image=image(shade),
        reconstruction=image(shade + 1),
        error=np.full((64, 64), 0.1, np.float32),
        sigma=sigma,
        psnr=25.0,
    )


# The beginning --------------------------------------------------------------------------------------------------------


def test_it_begins_with_examples_on_the_pad_and_a_slider_for_each_attribute(
    panel: MorphPanel, studio: PaperStudio
) -> None:
    state: MorphState = panel.state
    assert [type(c) for c in state.pad.corners] == [DataPoint] * 4 and len(set(state.pad.corners)) == 4
    assert state.latent == pad_latent(state.pad) and isinstance(state.latent, Blend)
    assert [(p.name, p.direction) for p in state.directions] == [
        ("Glasses", Direction(kind="attribute", index=0)),
        ("Hat", Direction(kind="attribute", index=1)),
    ]
    assert studio.document.steps == [], "beginning is nothing to undo"
    assert studio.worker.asked[0][1] == "morph.picture", "the picture comes before everything beside it"
    request = studio.worker.answer("morph.picture", Picture(image(7)))
    assert request == Render(model=FACES, latent=state.latent, look=state.look)
    assert studio.results == [(request, "morph of 4 pictures · straight · μ")]


def test_a_session_that_was_worked_on_is_left_alone(studio: PaperStudio, panel: MorphPanel) -> None:
    panel.change("", latent=DataPoint(index=3), pad=msgspec.structs.replace(panel.state.pad, corners=()))
    panel.deactivate()
    panel.activate()
    assert panel.state.pad.corners == () and panel.state.latent == DataPoint(index=3)


def test_a_model_without_examples_begins_with_draws(panel: MorphPanel) -> None:
    panel.use_model(PLAIN)
    assert all(isinstance(c, Seed) for c in panel.state.pad.corners) and panel.state.directions == ()
    assert panel.traying.board.shelf.isHidden()


# The pad --------------------------------------------------------------------------------------------------------------


def test_the_pad_is_dragged_live_and_settles_into_one_result(panel: MorphPanel, studio: PaperStudio) -> None:
    studio.worker.answer("morph.picture", Picture(image(1)))
    tiles = studio.worker.count("morph.pad")
    asked = studio.worker.count("morph.picture")
    corners = panel.state.pad.corners
    for x in (0.6, 0.8, 1.0):
        panel.padding.pad.moved.emit(x, 0.0, False)
    assert studio.worker.count("morph.picture") == asked + 3
    assert panel.state.latent == corners[1], "the corner is the very picture"
    assert {drag for _, drag, _ in studio.document.steps} == {"morph.pad"}
    studio.worker.answer("morph.picture", Picture(image(2)))
    assert len(studio.results) == 1
    panel.padding.pad.moved.emit(1.0, 0.0, True)
    assert len(studio.results) == 2 and studio.worker.count("morph.pad") == tiles, "tiles do not follow the point"


def test_tiles_fill_the_pad_and_the_corner_tiles_are_the_corners(panel: MorphPanel, studio: PaperStudio) -> None:
    job, request = studio.worker.last("morph.pad")
    assert isinstance(request, Tiles) and len(request.latents) == 49
    assert [request.latents[i] for i in (0, 6, 42, 48)] == list(panel.state.pad.corners)
    landed: list[tuple[int, int, int]] = []
    panel.padding.pad.set_tile = lambda r, c, pixels: landed.append((r, c, int(pixels[0, 0, 0])))  # type: ignore[method-assign]
    studio.worker.preview.emit(job, Preview(image(5), index=8))
    assert landed == [(1, 1, 5)]


def test_corners_grow_from_none_to_four(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.padding.clear()
    assert panel.padding.pad.corners() == 0 and not panel.padding.possible()
    for i in range(5):
        panel.padding.put(len(panel.state.pad.corners), DataPoint(index=i))
        assert panel.padding.pad.corners() == min(4, i + 1)
    assert panel.state.pad.corners == tuple(DataPoint(index=i) for i in (0, 1, 2, 4)), "a fifth replaces the last"
    panel.padding.remove(0)
    assert panel.state.pad.corners == tuple(DataPoint(index=i) for i in (1, 2, 4))
    request = studio.worker.last("morph.pad")[1]
    assert len(request.latents) == 28, "three corners are a triangle of tiles"
    panel.padding.remove(0)
    assert len(studio.worker.last("morph.pad")[1].latents) == 7, "two corners are one row"


def test_analogy_and_walk_around(panel: MorphPanel) -> None:
    a, b, c = panel.state.pad.corners[:3]
    panel.padding.add_analogy()
    made = panel.state.pad.corners[3]
    assert isinstance(made, Blend) and {p.latent: p.weight for p in made.parts} == {b: 1.0, c: 1.0, a: -1.0}
    assert panel.state.latent == made, "it is shown at once"
    panel.padding.walk_around()
    walk = panel.state.walk
    assert [key.latent for key in walk.keys] == [a, b, made, c] and walk.loop and walk.speed == "even"
    assert walk.curve == "cubic"


def test_strip_and_sheet_are_exported(panel: MorphPanel, studio: PaperStudio) -> None:
    exported: list[Any] = []
    studio.export_picture = lambda pixels, request, title: exported.append((request, title))  # type: ignore[attr-defined]
    panel.padding.export_strip()
    request = studio.worker.answer("morph.sheet", Picture(image(3)))
    assert isinstance(request, Sheet) and request.columns == len(request.latents) == 9
    assert (request.latents[0], request.latents[-1]) == panel.state.pad.corners[:2]
    panel.padding.export_sheet()
    assert len(studio.worker.answer("morph.sheet", Picture(image(3))).latents) == 49
    assert [title for _, title in exported] == ["strip", "contact sheet"]


def test_thumbnails_are_known_by_what_they_stand_for(panel: MorphPanel) -> None:
    assert panel.resolve("example:12") == DataPoint(index=12)
    assert panel.resolve("tray:nobody") is None and panel.resolve("a history item") is None
    panel.padding.pad.corner_dropped.emit(1, [panel.resolve("example:12")])
    assert panel.state.pad.corners[1] == DataPoint(index=12)
    panel.walking.section.dropped_at.emit(0.0, [DataPoint(index=5)])
    assert panel.state.walk.keys == (Key(latent=DataPoint(index=5)),)


# The tray -------------------------------------------------------------------------------------------------------------


def test_a_dropped_picture_comes_onto_the_tray_and_is_encoded(panel: MorphPanel, studio: PaperStudio) -> None:
    assert panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    kept = keep(studio)
    (item,) = panel.state.tray
    assert (item.picture, item.name) == (kept.asset, "me.jpg")
    assert panel.state.latent == Encoded(picture=kept.asset, name="me.jpg")
    request = studio.worker.answer("morph.encode", seen(sigma=0.6))
    assert request == Encode(model=FACES, picture=kept.asset)
    assert not panel.frame_section.isHidden() and "unsure" in panel.frame_section.words.text()
    assert panel.traying.board.mine.items()[0].badge == "σ 0.60"
    assert panel.canvas._other is not None, "the picture stands beside its reconstruction"
    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "again.jpg")
    keep(studio)
    assert len(panel.state.tray) == 1, "the same picture is on the tray once"
    panel.traying.show_item("example:3")
    assert panel.canvas._other is None and panel.state.latent == DataPoint(index=3)


def test_framing_follows_the_picture_wherever_it_is_in_use(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    picture = keep(studio).asset
    panel.walking.add_key()
    panel.padding.put(0, panel.state.latent)
    frame = Frame(left=0.1, top=0.2, right=0.7, bottom=0.9)
    panel.frame_section.framed.emit(frame, False)
    panel.frame_section.framed.emit(frame, True)
    wanted = Encoded(picture=picture, frame=frame, name="me.jpg")
    assert panel.state.tray[0].frame == frame and panel.state.pad.corners[0] == wanted
    assert panel.state.walk.keys[0].latent == wanted and panel.state.latent == pad_latent(panel.state.pad)
    assert studio.worker.last("morph.encode")[1].frame == frame


def test_presets_of_the_frame_are_square_in_pixels() -> None:
    for make in (square, face, whole):
        left, top, right, bottom = make(400, 300)
        assert (right - left) * 400 == pytest.approx((bottom - top) * 300)
        left, top, right, bottom = make(300, 500)
        assert (right - left) * 300 == pytest.approx((bottom - top) * 500)
    assert whole(400, 300)[1] < 0 < square(400, 300)[0]


def test_a_failed_encoding_is_not_asked_for_again_and_again(panel: MorphPanel, studio: PaperStudio) -> None:
    from studio.base.errors import StudioError

    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    keep(studio)
    job, request = studio.worker.last("morph.encode")
    studio.worker.failed.emit(job, request, StudioError("no"))
    asked = studio.worker.count("morph.encode")
    panel.padding.pad.moved.emit(0.1, 0.1, True)
    assert studio.worker.count("morph.encode") == asked


def test_pictures_of_an_opened_project_are_loaded_for_the_frame(panel: MorphPanel, studio: PaperStudio) -> None:
    asset = studio.assets.put_image(image(60))
    panel.change("", tray=(TrayItem(id="one", picture=asset, name="old"),))
    panel.traying.show_item("tray:one")
    keep(studio, "morph.load")
    assert panel.traying.section.crop._image is not None


def test_draws_reach_every_use_of_a_picture(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    keep(studio)
    panel.padding.put(0, panel.state.latent)
    panel.set_draw(True, 5)
    assert panel.state.sampled and panel.state.seed == 5
    assert panel.state.pad.corners[0].sample == 5  # type: ignore[union-attr]
    panel.set_draw(False)
    assert panel.state.pad.corners[0].sample is None  # type: ignore[union-attr]


# Attributes and piles -------------------------------------------------------------------------------------------------


def test_an_attribute_is_pulled_cleaned_and_reset(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.pushing.section._moved(0, 2.0, True)
    request = panel.request()
    assert request is not None and request.look.pushes == (panel.state.directions[0],)
    assert panel.caption().endswith("Glasses +2.0")
    panel._set_clean(True)
    assert all(p.direction.clean for p in panel.state.directions) and panel.is_clean()
    panel.pushing.section.show_strip(0)
    strip = studio.worker.last("morph.strip")[1]
    assert isinstance(strip, FilmStrip) and strip.direction == Direction(kind="attribute", index=0, clean=True)
    panel.reset_attributes()
    assert panel.request().look.pushes == ()  # type: ignore[union-attr]


def test_a_direction_is_made_from_piles_and_spoken_of_in_words(panel: MorphPanel, studio: PaperStudio) -> None:
    section = panel.piling.section
    assert not section.make.isEnabled()
    for i in range(2):
        panel.piling.add("having", DataPoint(index=i))
        panel.piling.add("lacking", DataPoint(index=10 + i))
    panel.piling.add("lacking", DataPoint(index=1))
    assert panel.state.piles.having == (DataPoint(index=0),), "a picture is on one pile only"
    panel.piling.add("having", DataPoint(index=1))
    assert section.make.isEnabled()
    section.name.setText("beard")
    section.make.click()
    request = studio.worker.last("morph.attribute")[1]
    assert isinstance(request, MakeAttribute) and (len(request.having), request.name) == (2, "beard")
    asset = studio.assets.put_array(np.eye(4, dtype=np.float32)[:1])
    made = Attribute(asset, "beard", 0.62, 1.0, np.ones(2, np.float32), -np.ones(2, np.float32), 0.8)
    studio.worker.answer("morph.attribute", made)
    assert panel.state.directions[-1] == Push(direction=Direction(kind="stored", asset=asset), name="beard")
    assert "vague" in section.words.text() and "62" in section.words.text() and "2 and 2" in section.words.text()
    panel.piling.section.cleared.emit()
    assert "vague" in section.words.text(), "what was found stays to be read"


# The latent space -----------------------------------------------------------------------------------------------------


@pytest.fixture
def charted(panel: MorphPanel, studio: PaperStudio) -> MorphPanel:
    """The panel with its latent space at hand and the picture at the mean."""
    space = a_space()
    request = studio.worker.answer("morph.space", space)
    assert isinstance(request, LatentSpace) and request.pictures == ()
    studio.worker.answer("morph.code", Array(space.mu.mean(axis=0)[None]))
    return panel


def test_dots_are_pictures_and_the_ring_is_where_we_are(charted: MorphPanel, studio: PaperStudio) -> None:
    section = charted.spacing.section
    assert section.map.place() == pytest.approx((0.0, 0.0), abs=1e-5)
    assert section.hint() == "2 of 4 dimensions in use" and section.colour.itemText(1) == "Glasses"
    section.map.dot_clicked.emit(7)
    assert charted.state.latent == DataPoint(index=7)
    assert isinstance(studio.worker.last("morph.code")[1], ReadWs)
    studio.worker.answer("morph.code", Array(charted.spacing.space.mu[7][None]))  # type: ignore[union-attr]
    assert section.map.place() == pytest.approx(tuple(charted.spacing.space.points[7]), abs=1e-4)  # type: ignore[union-attr]


def test_dragging_the_map_moves_the_picture_and_nothing_else_of_it(charted: MorphPanel, studio: PaperStudio) -> None:
    start = charted.state.latent
    space = charted.spacing.space
    assert space is not None
    studio.assets.close()
    studio.assets = AssetStore()  # another project was opened after the map was drawn
    for x, final in ((0.5, False), (1.0, False), (1.0, True)):
        charted.spacing.section.map.moved.emit(x, -1.0, final)
    made = charted.state.latent
    assert isinstance(made, Blend) and made.parts[0].latent == start
    code = space.mu.mean(axis=0).astype(np.float64)
    for part in made.parts[1:-1]:
        code = code + part.weight * studio.assets.array(part.latent.asset).reshape(-1)  # type: ignore[union-attr]
    assert charted.spacing.place_of(code.astype(np.float32)) == pytest.approx((1.0, -1.0), abs=1e-4)
    assert made.parts[-1].latent == Direct() and sum(p.weight for p in made.parts) == pytest.approx(1.0)


def test_a_lasso_makes_an_attribute(charted: MorphPanel, studio: PaperStudio) -> None:
    charted.spacing.section.map.lassoed.emit(np.array([1, 4, 6]))
    request = studio.worker.last("morph.attribute")[1]
    assert request.having == tuple(DataPoint(index=i) for i in (1, 4, 6)) and len(request.lacking) == DATA - 3
    charted.spacing.lasso(np.arange(DATA))
    assert "at least two" in studio.told[-1] and studio.worker.count("morph.attribute") == 1


def test_dimensions_are_ordered_by_what_they_tell_and_pull(charted: MorphPanel) -> None:
    section = charted.spacing.dimensions
    assert section.shown() == [0, 1], "dimensions that are not in use have no slider"
    section.moved.emit(1, 1.5, False)
    section.moved.emit(1, 2.0, True)
    axis = Direction(kind="axis", index=1)
    assert next(p for p in charted.request().look.pushes if p.direction == axis).amount == 2.0  # type: ignore[union-attr]
    assert charted.pushing.section.slider_of(2) is None, "it has its slider among the dimensions"
    section.moved.emit(1, 0.0, True)
    assert not any(p.direction == axis for p in charted.state.directions)


def test_the_data_stands_behind_the_sliders(charted: MorphPanel, studio: PaperStudio) -> None:
    job, _ = studio.worker.last("morph.measure")
    first = charted.state.directions[0].direction
    vector = np.array([1, 0, 0, 0], np.float32)
    studio.worker.finished.emit(job, None, {first: (vector, 1.0)})
    slider = charted.pushing.section.slider_of(0)
    assert slider is not None and slider._histogram is not None
    middle = len(slider._histogram) // 2
    before = float((np.arange(len(slider._histogram)) * slider._histogram).sum() / slider._histogram.sum())
    assert abs(before - middle) < 3, "the mean picture stands in the middle of the data"
    charted.show_latent(DataPoint(index=0))
    code = charted.spacing.space.mu.mean(axis=0) + 2 * vector  # type: ignore[union-attr]
    studio.worker.answer("morph.code", Array(code[None]))
    assert slider._histogram is not None
    after = float((np.arange(len(slider._histogram)) * slider._histogram).sum() / slider._histogram.sum())
    assert after < before - 5, "seen from a picture that has much of it, the data lies to the left"


def test_other_axes_ask_for_another_map(charted: MorphPanel, studio: PaperStudio) -> None:
    charted.spacing.section.axes_chosen.emit(1, 3)
    request = studio.worker.last("morph.space")[1]
    assert (request.axis_x, request.axis_y) == (1, 3)


def test_own_pictures_are_the_data_of_a_model_without_any(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.use_model(PLAIN)
    assert panel.spacing.wanted() is None
    for shade in (10, 20):
        panel.accept_picture(np.full((30, 30, 3), shade, np.uint8), str(shade))
        keep(studio)
    wanted = panel.spacing.wanted()
    assert wanted is not None and [type(p) for p in wanted.pictures] == [Encoded, Encoded]


# Draws ----------------------------------------------------------------------------------------------------------------


def test_draws_follow_the_temperature_and_are_taken_whole(panel: MorphPanel, studio: PaperStudio) -> None:
    request = studio.worker.last("morph.samples")[1]
    assert request.latents[0] == tempered(0, 0.8)
    panel.sampling.section.temperature.value_changed.emit(0.5, True)
    assert studio.worker.last("morph.samples")[1].latents[1] == tempered(1, 0.5)
    panel.sampling.section.grid.clicked.emit(1, 2)
    assert panel.state.latent == tempered(COLUMNS + 2, 0.5)
    assert panel.caption() == f"draw {COLUMNS + 2} · temperature 0.50"
    panel.sampling.section.temperature.value_changed.emit(1.0, True)
    assert panel.state.latent == tempered(COLUMNS + 2, 0.5), "what was taken keeps its temperature"


# Models and recipes ---------------------------------------------------------------------------------------------------


def test_another_model_keeps_own_pictures_and_lets_examples_go(panel: MorphPanel, studio: PaperStudio) -> None:
    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    keep(studio)
    own = panel.state.latent
    panel.walking.add_key()
    panel.walking.add_key(DataPoint(index=2))
    panel.accept_model(a_vae(PLAIN))
    assert panel.state.model == PLAIN and panel.state.latent == own and len(panel.state.tray) == 1
    assert [key.latent for key in panel.state.walk.keys] == [own]
    assert not panel.accept_model(studio.cards[0]), "a generator is at home elsewhere"


def test_a_grid_of_codes_rests_the_tools_that_mean_nothing_there(panel: MorphPanel, studio: PaperStudio) -> None:
    asked = studio.worker.count("morph.samples"), studio.worker.count("morph.space")
    panel.use_model(GRID)
    for part in (panel.sampling.section, panel.spacing.section, panel.spacing.dimensions):
        assert part.isHidden()
    assert not panel.note.isHidden() and not panel.frame_section.large.isHidden()
    assert panel.request() is None, "nothing is shown until there is a picture"
    assert (studio.worker.count("morph.samples"), studio.worker.count("morph.space")) == asked
    panel.accept_picture(np.full((30, 40, 3), 90, np.uint8), "me.jpg")
    keep(studio)
    assert isinstance(panel.request(), Render)
    panel.frame_section.whole_asked.emit()
    request = studio.worker.last("morph.whole")[1]
    assert isinstance(request, Encode) and request.tile >= 256
    studio.worker.answer("morph.whole", seen())
    assert studio.results[-1][0] == request


def test_recipes_come_back(panel: MorphPanel, studio: PaperStudio) -> None:
    push = Push(direction=Direction(kind="attribute", index=1), name="Hat", amount=1.5)
    request = Render(
        model=FACES, latent=DataPoint(index=9), look=msgspec.structs.replace(panel.state.look, pushes=(push,))
    )
    assert panel.accept_request(request) and panel.request() == request
    walk = msgspec.structs.replace(panel.state.walk, keys=(Key(latent=DataPoint(index=1)), Key(latent=Seed(seed=2))))
    assert panel.accept_request(WalkFrames(model=FACES, walk=walk)) and panel.state.walk == walk
    assert not panel.accept_request(Render(model=SHA, latent=Seed(seed=1))), "a generator's picture is Explore's"
    asset = studio.assets.put_image(image(60))
    frame = Frame(left=0.1, top=0.1, right=0.6, bottom=0.6)
    assert panel.accept_request(Encode(model=FACES, picture=asset, frame=frame))
    keep(studio, "morph.back")
    assert panel.state.tray[-1].frame == frame and panel.state.latent.frame == frame  # type: ignore[union-attr]


def test_a_picture_with_its_recipe_takes_a_corner_as_what_it_is(
    panel: MorphPanel, studio: PaperStudio, tmp_path: Path
) -> None:
    from studio.media.images import save_image
    from studio.project import recipes

    request = Render(model=FACES, latent=DataPoint(index=17))
    recipe = recipes.recipe_for(request, studio.document.session, studio.assets)
    path = tmp_path / "made.png"
    save_image(path, image(40), recipe=recipes.to_text(recipe))
    panel.padding.pad.corner_dropped.emit(2, [path])
    keep(studio)
    assert panel.state.pad.corners[2] == DataPoint(index=17) and panel.state.tray == ()


def test_nothing_is_asked_for_before_it_is_in_front(studio: PaperStudio) -> None:
    studio.cards.append(a_vae())
    made = MorphPanel(studio)  # type: ignore[arg-type]  # made of paper
    assert studio.worker.asked == []
    made.stage.deleteLater()
    made.inspector.deleteLater()


def test_a_missing_model_is_said(studio: PaperStudio) -> None:
    made = MorphPanel(studio)  # type: ignore[arg-type]  # made of paper
    made.activate()
    assert studio.worker.asked == [] and "not here" in made.canvas._placeholder
    made.stage.deleteLater()
    made.inspector.deleteLater()


def test_actions_have_names_of_their_own(panel: MorphPanel) -> None:
    actions = panel.actions()
    assert len({a.name for a in actions}) == len(actions) and all(a.name.startswith("morph.") for a in actions)
    shortcuts = [a.shortcut for a in actions if a.shortcut]
    assert len(set(shortcuts)) == len(shortcuts)


def test_pictures_from_tiles_reach_the_tray(panel: MorphPanel, studio: PaperStudio) -> None:
    request = studio.worker.last("morph.thumbs")[1]
    assert isinstance(request, Tiles) and request.latents[0] == DataPoint(index=0)
    studio.worker.answer("morph.thumbs", Pictures(tuple(image(i) for i in range(len(request.latents)))))
    assert panel.traying.board.examples.items()[2].image is not None

"""The Explore panel: what it asks for, what it keeps, what it never shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from studio.base.steps import Loss, Preview
from studio.engine.results import Array, Attribute, Directions, Inversion, Numbers, Picture, Pictures
from studio.panels.explore import ExplorePanel
from studio.panels.parts.pushing import merged
from studio.project.latents import Blend, Direction, LabelValue, Look, MapPoint, Push, Seed, Stored
from studio.project.morph import MakeAttribute
from studio.project.requests import FilmStrip, FindDirections, Invert, PathLength, Render, Tiles, WalkFrames
from studio.project.session import Bookmark, ModelRef
from tests.panels.conftest import OTHER, SHA, PaperStudio, a_card, image


@pytest.fixture
def panel(studio: PaperStudio) -> Iterator[ExplorePanel]:
    made = ExplorePanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(600, 500)
    made.inspector.resize(320, 900)
    made.activate()
    yield made
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()


def test_the_first_picture_is_asked_for_and_kept(panel: ExplorePanel, studio: PaperStudio) -> None:
    request = studio.worker.answer("explore.picture", Picture(image(7)))
    assert request == Render(model=SHA, latent=Seed(seed=1), look=Look())
    assert panel.current_picture() is not None and panel.current_picture()[0][0, 0, 0] == 7  # type: ignore[index]
    assert studio.results == [(request, "seed 1 · ψ 0.70 · w space")]


def test_a_drag_asks_every_time_and_becomes_one_result(panel: ExplorePanel, studio: PaperStudio) -> None:
    studio.worker.answer("explore.picture", Picture(image(1)))
    asked = studio.worker.count("explore.picture")
    for value in (0.5, 0.6, 0.9):
        panel.look.psi.value_changed.emit(value, False)
    studio.worker.answer("explore.picture", Picture(image(2)))
    assert len(studio.results) == 1, "a picture in the middle of a drag is no result"
    panel.look.psi.value_changed.emit(0.9, True)
    assert studio.worker.count("explore.picture") == asked + 3, "the release asks for nothing that is already there"
    assert [request.look.psi for request, _ in studio.results] == [0.7, 0.9]
    assert {drag for _, drag, _ in studio.document.steps} == {"explore.psi"}


def test_pictures_of_a_drag_are_shown_as_they_come(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.look.psi.value_changed.emit(0.1, False)
    early, _ = studio.worker.last("explore.picture")
    panel.look.psi.value_changed.emit(0.2, False)
    studio.worker.preview.emit(early, Preview(image(50)))
    assert int(panel.canvas.image()[0, 0, 0]) == 50  # type: ignore[index]


def test_jobs_of_others_are_not_touched(panel: ExplorePanel, studio: PaperStudio) -> None:
    studio.worker.finished.emit(999, Render(model=SHA, latent=Seed(seed=9)), Picture(image(200)))
    assert panel.current_picture() is None


def test_seed_map_and_dice(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.place.map.moved.emit(3.25, 1.5, False)
    assert panel.state.latent == MapPoint(x=3.25, y=1.5)
    panel.place.map.moved.emit(3.0, 1.0, True)
    assert panel.state.latent == Seed(seed=103)
    assert panel.place.seed.value() == 103
    panel.place.seed.value_changed.emit(250.0, True)
    assert panel.place.map.position() == (50.0, 2.0)
    before = panel.state.latent
    panel.place.roll()
    assert isinstance(panel.state.latent, Seed) and panel.state.latent != before


def test_map_tiles_land_where_they_were_asked_for(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.place.map.tiles_needed.emit([(2, 3, 0), (1, 1, 2)])
    job, request = studio.worker.last("explore.map")
    assert isinstance(request, Tiles)
    assert request.latents == (MapPoint(x=2.0, y=3.0), MapPoint(x=4.0, y=4.0))
    landed: list[tuple[int, int, int, int]] = []
    panel.place.map.set_tile = lambda i, j, level, pixels: landed.append((i, j, level, int(pixels[0, 0, 0])))  # type: ignore[method-assign]
    panel.place.map.tiles_needed.emit([(9, 9, 0)])
    studio.worker.preview.emit(job, Preview(image(5), index=1))
    assert landed == [(1, 1, 2, 5)], "a tile of the earlier request goes to its own place"


def test_labels_follow_the_seed_until_they_are_set(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.labels._set({0: 1.0, 1: 0.25}, "", True)
    assert panel.state.look.labels == (LabelValue(index=0, value=1.0), LabelValue(index=1, value=0.25))
    panel.labels._set({0: None}, "", True)
    assert panel.state.look.labels == (LabelValue(index=1, value=0.25),)
    panel.labels._reset()
    assert panel.state.look.labels == ()


def test_directions_are_found_pushed_and_shown(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.pushing.find("principal")
    found = Directions("principal", np.eye(8, dtype=np.float32), np.ones(8, np.float32), np.ones(8, np.float32) / 8)
    assert isinstance(studio.worker.answer("explore.find", found), FindDirections)
    assert [p.direction.index for p in panel.state.directions] == list(range(6))
    panel.pushing.find("principal")
    studio.worker.answer("explore.find", found)
    assert [p.direction.index for p in panel.state.directions] == list(range(8)), "the next ones, not the same again"

    section = panel.pushing.section
    section._moved(2, 1.5, True)
    assert panel.request().look.pushes == (panel.state.directions[2],)  # type: ignore[union-attr]
    section.show_strip(2)
    strip = studio.worker.last("explore.strip")[1]
    assert isinstance(strip, FilmStrip) and strip.look.pushes == () and strip.direction.index == 2
    section.strip.value_chosen.emit(-2.0)
    assert panel.state.directions[2].amount == -2.0
    assert studio.worker.count("explore.strip") == 1, "its own amount does not change its strip"


def test_suggested_layers_are_taken_from_the_strip(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.change("", directions=(Push(direction=Direction(kind="principal"), name="One"),))
    panel.pushing.section.range_wanted.emit(0)
    studio.worker.answer("explore.strip", Pictures((image(1),) * 7, {"suggested": (2, 5)}))
    assert (panel.state.directions[0].first, panel.state.directions[0].last) == (2, 5)


def test_recall_restores_everything_and_keeps_the_sliders(panel: ExplorePanel, studio: PaperStudio) -> None:
    own = Push(direction=Direction(kind="principal", index=0), name="One", amount=3.0)
    panel.change("", directions=(own,))
    foreign = Push(direction=Direction(kind="factor", index=4), name="Old", amount=-1.0, first=2, last=3)
    request = Render(model=SHA, latent=Seed(seed=77), look=Look(psi=0.3, pushes=(foreign,)))
    assert panel.accept_request(request)
    assert panel.request() == request, "the recalled recipe is exactly what is asked for"
    assert [p.amount for p in panel.state.directions] == [0.0, -1.0]
    assert merged((own,), (own,)) == (own,)


def test_z_and_w_stand_side_by_side(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.place.side_by_side.emit(True)
    request = studio.worker.answer("explore.twin", Picture(image(9)))
    assert request.look.space == "z" and panel.request().look.space == "w"  # type: ignore[union-attr]
    assert panel.canvas.mode() == "side"
    panel.place.side_by_side.emit(False)
    assert panel.canvas.mode() == "single"


def test_a_walk_is_built_played_and_rendered(panel: ExplorePanel, studio: PaperStudio, tmp_path: Path) -> None:
    walking = panel.walking
    walking.play(True)
    assert not walking.player.playing, "nothing to play yet"
    walking.add_key()
    panel.change("", latent=Seed(seed=2))
    walking.add_key()
    assert [key.latent for key in panel.state.walk.keys] == [Seed(seed=1), Seed(seed=2)]
    studio.worker.answer("explore.keys", Pictures((image(1), image(2))))
    panel.change("", latent=Seed(seed=3))
    walking._insert_key(0.25)
    keys = panel.state.walk.keys
    assert [key.latent for key in keys] == [Seed(seed=1), Seed(seed=3), Seed(seed=2)]
    assert sum(key.seconds for key in keys) == pytest.approx(2.0) and keys[0].seconds == pytest.approx(0.25)

    walking.play(True)
    job, request = studio.worker.last("explore.frames")
    assert isinstance(request, WalkFrames) and request.size == 0 and walking.player.playing
    studio.worker.preview.emit(job, Preview(image(33), index=4))
    panel.walking._scrub(4)
    assert not walking.player.playing and int(panel.canvas.image()[0, 0, 0]) == 33  # type: ignore[index]
    studio.target = tmp_path / "walk.webp"
    walking.render()
    assert studio.worker.count("explore.film") == 1


def test_large_networks_are_played_small(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.use_model(OTHER)
    assert panel.own_size(512) == 512 and panel.own_size(2000) == 0


def test_path_length_says_which_features(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.walking.add_key()
    panel.walking.add_key()
    panel.walking._measure()
    assert isinstance(studio.worker.last("explore.length")[1], PathLength)
    studio.worker.answer("explore.length", Numbers({"z": 10.0, "w": 5.0}, {"features": "paper features"}))
    assert "paper features" in panel.walking.section.figures.text()


def kept(studio: PaperStudio) -> np.ndarray:
    """Let the io lane keep the photograph; what it kept."""
    job, keep = studio.worker.last("explore.photo")
    found = keep(SimpleNamespace(assets=studio.assets))
    studio.worker.finished.emit(job, None, found)
    return studio.assets.image(found.asset)


def test_a_photograph_is_kept_beside_the_window_and_not_larger_than_needed(
    panel: ExplorePanel, studio: PaperStudio
) -> None:
    panel.accept_picture(np.zeros((30, 5000, 3), np.uint8), "wide.jpg")
    section = panel.inverting.section
    assert not section.run.isEnabled(), "nothing is encoded in the window's thread"
    assert max(kept(studio).shape) == 2048
    assert section.run.isEnabled()


def test_a_photograph_is_found_and_explored(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.accept_picture(image(3), "me.jpg")
    assert kept(studio).shape == (64, 64, 3)
    panel.inverting.section.start.emit()
    job, request = studio.worker.last("explore.invert")
    assert isinstance(request, Invert) and studio.assets.has(request.picture)
    panel.inverting.section.editability.set_value(0.9)
    panel.inverting.section.editability_changed.emit(0.9, True)
    assert [(at, changed.editability) for at, changed in studio.worker.updates] == [(job, 0.9)]
    studio.worker.loss.emit(job, Loss(1, {"total": 2.0}))
    assert "total" in panel.inverting.section.plot.names()
    ws = studio.assets.put_array(np.zeros((10, 8), np.float32))
    studio.worker.answer("explore.invert", Inversion(ws, image(4), {}, {"psnr": 31.2}))
    assert panel.state.latent == Stored(asset=ws, form="ws", name="me.jpg")
    assert not panel.inverting.section.running


def test_a_cancelled_search_brings_the_picture_back(panel: ExplorePanel, studio: PaperStudio) -> None:
    studio.worker.answer("explore.picture", Picture(image(1)))
    panel.accept_picture(image(3), "me.jpg")
    assert kept(studio).shape == (64, 64, 3)
    panel.inverting.section.start.emit()
    job, _ = studio.worker.last("explore.invert")
    asked = studio.worker.count("explore.picture")
    studio.worker.cancelled.emit(job)
    assert not panel.inverting.section.running
    assert studio.worker.count("explore.picture") == asked + 1


def test_another_model_keeps_what_means_something(panel: ExplorePanel, studio: PaperStudio) -> None:
    stored = Push(direction=Direction(kind="stored", asset="c" * 64), name="File", amount=1.0)
    principal = Push(direction=Direction(kind="principal"), name="One")
    look = Look(labels=(LabelValue(index=0, value=1.0),), cutoff=3)
    panel.change("", latent=Stored(asset="d" * 64), directions=(stored, principal), look=look)
    panel.use_model(OTHER)
    assert panel.state.latent == Seed(seed=1) and panel.state.directions == (principal,)
    assert panel.state.look.labels == () and panel.state.look.cutoff is None
    assert studio.worker.last("explore.picture")[1].model == OTHER
    assert panel.labels.isHidden(), "a network without labels has no attributes"


def test_a_missing_model_is_a_sentence(panel: ExplorePanel, studio: PaperStudio) -> None:
    session = studio.document.session
    missing = msgspec.structs.replace(session.explore, model="f" * 64)
    models = (ModelRef(sha256="f" * 64, name="lost"),)
    asked = studio.worker.count("explore.picture")
    studio.document.amend(msgspec.structs.replace(session, explore=missing, models=models))
    assert studio.worker.count("explore.picture") == asked
    assert "lost" in panel.models.box.currentText()
    assert panel.state.latent == session.explore.latent, "nothing is lost"


def test_bookmarks_come_back(panel: ExplorePanel, studio: PaperStudio) -> None:
    panel.bookmark()
    assert studio.bookmarks == [(Seed(seed=1), "seed 1")]
    panel.accept_bookmark(Bookmark(id="1", name="x", model=SHA, latent=Seed(seed=5), look=Look(psi=1.0)))
    assert panel.state.latent == Seed(seed=5) and panel.state.look.psi == 1.0


def test_every_action_can_be_run(panel: ExplorePanel, studio: PaperStudio) -> None:
    for action in panel.actions():
        if action.enabled():
            action.run()
    assert studio.shown == ["mix"] and studio.ran == ["mix.current"]


def test_read_ws_is_not_explores(panel: ExplorePanel, studio: PaperStudio) -> None:
    studio.worker.finished.emit(1234, None, Array(np.zeros(3)))
    assert panel.state.latent == Seed(seed=1)


def test_the_map_waits_for_the_end_of_a_gesture(panel: ExplorePanel, studio: PaperStudio) -> None:
    cleared: list[float] = []
    panel.place.map.clear_tiles = lambda **_: cleared.append(panel.state.look.psi)  # type: ignore[method-assign]
    for value in (0.5, 0.6):
        panel.look.psi.value_changed.emit(value, False)
    assert cleared == [], "while the hand moves the picture comes first"
    panel.look.psi.value_changed.emit(0.6, True)
    assert cleared == [0.6]


def test_controls_are_built_once_for_a_model(panel: ExplorePanel) -> None:
    rows = list(panel.look.rows)
    rows[3].value_changed.emit(2.0, False)
    panel.look.psi.value_changed.emit(0.2, True)
    assert panel.look.rows == rows, "a slider in the hand is never taken away"
    assert panel.state.look.noise.layers[3] == 2.0


def test_the_pad_blends_seeds_and_goes_with_a_portable_model(panel: ExplorePanel, studio: PaperStudio) -> None:
    asked = studio.worker.count("explore.pad")
    panel.padding.add_current()
    panel.padding.put(1, Seed(seed=9))
    panel.padding.put(2, Stored(asset="c" * 64))
    assert studio.worker.count("explore.pad") == asked, "a folded pad draws nothing"
    panel.pad.set_open(True)
    assert studio.worker.count("explore.pad") == asked + 1
    panel.padding.pad.moved.emit(0.5, 0.0, True)
    latent = panel.request().latent  # type: ignore[union-attr]
    assert isinstance(latent, Blend) and [p.latent for p in latent.parts] == [Seed(seed=1), Seed(seed=9)]
    panel.use_model(OTHER)
    assert panel.state.pad.corners == (Seed(seed=1), Seed(seed=9)), "a stored code stays with its model"


def test_a_direction_of_w_is_made_from_piles(panel: ExplorePanel, studio: PaperStudio) -> None:
    for seed in range(4):
        panel.piling.add("having" if seed % 2 else "lacking", Seed(seed=seed))
    panel.piling.make("age")
    request = studio.worker.last("explore.attribute")[1]
    assert isinstance(request, MakeAttribute) and request.having == (Seed(seed=1), Seed(seed=3))
    asset = studio.assets.put_array(np.eye(8, dtype=np.float32)[:1])
    made = Attribute(asset, "age", 0.95, 1.0, np.ones(2, np.float32), -np.ones(2, np.float32), 0.0)
    studio.worker.answer("explore.attribute", made)
    assert panel.state.directions[-1].direction == Direction(kind="stored", asset=asset)
    assert "clear" in panel.piling.section.words.text()


def test_pictures_of_an_autoencoder_belong_elsewhere(panel: ExplorePanel, studio: PaperStudio) -> None:
    studio.cards.append(a_card("f" * 64).changed(role="autoencoder"))
    assert not panel.accept_request(Render(model="f" * 64, latent=Seed(seed=1)))
    assert not panel.accept_bookmark(Bookmark(id="a", name="face", model="f" * 64, latent=Seed(seed=1)))

"""The Mix panel: board, presets, matrix, sources."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from studio.base.steps import Preview
from studio.engine.results import Array, Picture, Pictures
from studio.panels.mix import MixPanel
from studio.panels.parts.sources import with_source, without_source
from studio.project.latents import Direct, LabelValue, Look, Mixed, Seed, Stored
from studio.project.requests import Influence, Matrix, ReadWs, Render
from studio.project.session import Bookmark, MixState
from tests.panels.conftest import OTHER, SHA, PaperStudio, image


@pytest.fixture
def panel(studio: PaperStudio) -> Iterator[MixPanel]:
    made = MixPanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(900, 600)
    made.inspector.resize(320, 900)
    made.activate()
    yield made
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()


def the_mix(panel: MixPanel) -> Mixed:
    request = panel.request()
    assert request is not None and isinstance(request.latent, Mixed)
    return request.latent


def test_a_new_board_is_not_empty(panel: MixPanel, studio: PaperStudio) -> None:
    assert [c.latent for c in panel.state.columns] == [Seed(seed=1), Seed(seed=12), Seed(seed=905)]
    request = studio.worker.answer("mix.picture", Picture(image(1)))
    assert isinstance(request, Render) and isinstance(request.latent, Mixed)
    rows = request.latent.weights
    assert rows[0][:2] == (1.0, 0.0) and rows[-1][:2] == (0.0, 1.0)
    assert studio.document.steps == [], "a board that begins by itself is nothing to undo"
    assert studio.results[0][1] == "mix of 3 sources"


def test_a_cell_is_dragged(panel: MixPanel, studio: PaperStudio) -> None:
    panel.board.weight_changed.emit(0, 1, 1.0, False)
    panel.board.weight_changed.emit(0, 1, 3.0, True)
    assert the_mix(panel).weights[0][:2] == (0.25, 0.75)
    assert {drag for _, drag, _ in studio.document.steps} == {"mix.cell"}


def test_solo_mute_lock(panel: MixPanel, studio: PaperStudio) -> None:
    first, second, _ = panel.state.columns
    panel.board.column_action.emit(second.id, "solo")
    assert the_mix(panel).sources[-1] == Direct(), "layers of the silent fall back to the mean"
    panel.board.column_action.emit(second.id, "solo")
    panel.board.column_action.emit(first.id, "lock")
    panel.board.weight_changed.emit(0, 0, 0.1, True)
    assert panel.state.weights[0][0] == 1.0, "a locked column does not move"
    panel.board.band_action.emit("coarse", "mute")
    assert panel.state.band_mute == ("coarse",)
    panel.board.band_action.emit("coarse", "mute")
    assert panel.state.band_mute == ()


def test_presets(panel: MixPanel, studio: PaperStudio) -> None:
    panel._preset("fine")
    bands = [layer["band"] for layer in panel.layers]
    for band, row in zip(bands, panel.state.weights, strict=True):
        assert row == ((0.0, 0.0, 1.0) if band == "fine" else (1.0, 0.0, 0.0))
    panel.change("", columns=panel.state.columns[:1], weights=((1.0,),))
    panel._preset("fine")
    assert studio.told and "two sources" in studio.told[-1]


def test_sources_come_and_go(panel: MixPanel, studio: PaperStudio) -> None:
    count = len(panel.state.columns)
    panel.sourcing.add_seed()
    assert len(panel.state.columns) == count + 1
    assert all(row[-1] == 0.0 for row in panel.state.weights), "a new source begins silent"
    colours = [c.colour for c in panel.state.columns]
    assert len(set(colours)) == len(colours)
    gone = panel.state.columns[0].id
    panel.board.column_action.emit(gone, "remove")
    assert gone not in [c.id for c in panel.state.columns] and len(panel.state.weights[0]) == count
    panel.board.column_renamed.emit(panel.state.columns[0].id, "  Anna ")
    assert panel.state.columns[0].name == "Anna"


def test_removing_and_adding_are_inverse() -> None:
    state = with_source(with_source(MixState(), Seed(seed=1), "a"), Seed(seed=2), "b")
    again = without_source(with_source(state, Seed(seed=3), "c"), "nobody")
    back = without_source(again, again.columns[-1].id)
    assert back == state


def test_what_looks_different_is_read_first(panel: MixPanel, studio: PaperStudio) -> None:
    count = len(panel.state.columns)
    look = Look(labels=(LabelValue(index=0, value=1.0),))
    panel.accept_bookmark(Bookmark(id="1", name="Hat", model=SHA, latent=Seed(seed=4), look=look))
    request = studio.worker.last("mix.read")[1]
    assert isinstance(request, ReadWs) and len(panel.state.columns) == count
    studio.worker.answer("mix.read", Array(np.ones((10, 8), np.float32)))
    added = panel.state.columns[-1]
    assert isinstance(added.latent, Stored) and added.name == "Hat"
    assert studio.assets.array(added.latent.asset).shape == (10, 8)
    panel.accept_bookmark(Bookmark(id="2", name="Plain", model=SHA, latent=Seed(seed=4), look=Look()))
    assert panel.state.columns[-1].latent == Seed(seed=4), "the same look comes as it is"


def test_pictures_of_another_model_are_refused_with_a_sentence(panel: MixPanel, studio: PaperStudio) -> None:
    count = len(panel.state.columns)
    assert not panel.accept_ingredient(Render(model=OTHER, latent=Seed(seed=1)), "x")
    assert len(panel.state.columns) == count and "another model" in studio.told[-1]


def test_a_mix_is_recalled(panel: MixPanel, studio: PaperStudio) -> None:
    weights = tuple((0.5, 0.5) for _ in panel.layers)
    request = Render(model=SHA, latent=Mixed(sources=(Seed(seed=7), Seed(seed=8)), weights=weights), look=Look(psi=0.5))
    assert panel.accept_request(request)
    assert panel.request() == request
    assert not panel.accept_request(Render(model=SHA, latent=Seed(seed=7)))


def test_the_matrix_fills_and_is_adopted(panel: MixPanel, studio: PaperStudio) -> None:
    assert studio.worker.count("mix.matrix") == 0, "closed, it costs nothing"
    panel.matrix.section.set_open(True)
    job, request = studio.worker.last("mix.matrix")
    assert isinstance(request, Matrix) and len(request.sources) == 3
    studio.worker.preview.emit(job, Preview(image(9), index=5))
    assert panel.matrix.section.grid.image(1, 2) is not None
    panel.matrix.section.range_changed.emit(4, 7, True)
    assert studio.worker.last("mix.matrix")[1].first == 4
    panel.matrix.section.grid.clicked.emit(1, 2)
    used = [row.index(1.0) for row in panel.state.weights]
    assert used == [2 if 4 <= i <= 7 else 1 for i in range(len(panel.layers))]


def test_a_hovered_layer_glows(panel: MixPanel, studio: PaperStudio) -> None:
    panel.influence.hover(3)
    panel.influence._ask()
    request = studio.worker.last("mix.influence")[1]
    assert isinstance(request, Influence) and request.layer == 3
    panel.influence.hover(-1)
    shown: list[object] = []
    panel.canvas.set_overlay = shown.append  # type: ignore[method-assign]
    studio.worker.answer("mix.influence", Array(np.ones((8, 8), np.float32), {"strength": 0.1}))
    assert shown == [], "the pointer has left: nothing glows"


def test_thumbnails_reach_the_board(panel: MixPanel, studio: PaperStudio) -> None:
    request = studio.worker.last("mix.sources")[1]
    studio.worker.answer("mix.sources", Pictures(tuple(image(i) for i in range(len(request.latents)))))
    assert panel.sourcing.thumbnail(Seed(seed=12)) is not None
    asked = studio.worker.count("mix.sources")
    panel.sourcing.ask_thumbnails()
    assert studio.worker.count("mix.sources") == asked


def test_explore_from_a_mix(panel: MixPanel, studio: PaperStudio) -> None:
    panel._to_explore()
    assert studio.document.session.explore.latent == the_mix(panel) and studio.shown == ["explore"]


def test_what_explore_shows_is_added(panel: MixPanel, studio: PaperStudio) -> None:
    session = studio.document.session
    explore = msgspec.structs.replace(session.explore, latent=Seed(seed=44))
    studio.document.amend(msgspec.structs.replace(session, explore=explore))
    panel.sourcing.add_explored()
    assert panel.state.columns[-1].latent == Seed(seed=44)


def test_another_model_begins_anew(panel: MixPanel, studio: PaperStudio) -> None:
    panel.use_model(OTHER)
    assert panel.sha == OTHER and len(panel.layers) == 18
    assert panel.board.weights().shape == (18, 3)

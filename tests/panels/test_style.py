"""The Style panel: pictures in, sliders, runs that change on the way, iterates, colours, recall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview
from studio.engine.results import KeptPreview, Numbers, Picture, Pictures
from studio.panels.style import StylePanel
from studio.panels.style import examples as example_room
from studio.panels.style.pictures import CONTENT
from studio.project.session import GalleryItem, KeptIterate
from studio.project.style import (
    FIXED_FEATURES,
    Change,
    Forecast,
    LayerThumbs,
    Paint,
    Recolour,
    StyleLook,
    StyleSheet,
    Stylize,
)
from tests.panels.style_paper import FEATURES, LAYERS, PAINTER, StyleStudio, picture, with_pair


@pytest.fixture
def studio(qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StyleStudio]:
    # The pictures that ship are another test's matter.
    monkeypatch.setattr(example_room, "home", lambda: tmp_path / "examples")
    example_room.examples.cache_clear()
    made = StyleStudio(tmp_path)
    yield made
    made.assets.close()
    example_room.examples.cache_clear()


@pytest.fixture
def panel(studio: StyleStudio) -> Iterator[StylePanel]:
    made = StylePanel(studio)  # type: ignore[arg-type]  # made of paper
    made.stage.resize(900, 600)
    made.inspector.resize(320, 900)
    made.activate()
    yield made
    made.deactivate()
    for part in made.parts:
        for timer in ("_later",):
            if hasattr(part, timer):
                getattr(part, timer).stop()
    for widget in (made.stage, made.inspector):
        widget.close()
        widget.deleteLater()


def steps(studio: StyleStudio) -> list[str]:
    return [text for text, _, _ in studio.document.steps]


def finish(studio: StyleStudio, panel: StylePanel, **info: Any) -> Stylize:
    """End the run that goes on with three kept iterates."""
    job, request = studio.worker.last("style.run")
    final = panel.running.sent
    kept = tuple(
        KeptIterate(at=at, picture=studio.assets.put_image(picture(at)), start=studio.assets.put_array(np.ones(at + 1)))
        for at in (25, 50, 75)
    )
    result = SimpleNamespace(
        image=picture(99), raw=picture(75), kept=kept, losses={}, seconds=3.0, info={"run": final, **info}
    )
    studio.worker.finished.emit(job, request, result)
    studio.run_files()
    return final


# Pictures ------------------------------------------------------------------------------------------------------------


def test_without_pictures_it_says_what_to_do(panel: StylePanel, studio: StyleStudio) -> None:
    assert panel.request() is None and not panel.running.bar.start.isEnabled()
    assert "Drop a picture" in panel.running.bar.said.text()
    panel.start()
    assert studio.told and studio.worker.count("style.run") == 0


def test_two_dropped_pictures_are_content_and_style(panel: StylePanel, studio: StyleStudio) -> None:
    content, style = with_pair(panel, studio)
    assert (studio.assets.image(content) == picture(10)).all()
    assert (studio.assets.image(style) == picture(200)).all()
    assert "content now" in studio.told[0] and "style now" in studio.told[1]
    assert panel.running.bar.start.isEnabled()
    assert panel.canvas.image() is not None


def test_two_pictures_dropped_together_over_an_own_pair(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.pictures._since_content.invalidate()
    panel.accept_picture(picture(1), "a")
    panel.accept_picture(picture(2), "b")
    studio.run_files()
    assert (panel.state.content_name, panel.state.run.look.styles[0].name) == ("a", "b")
    panel.pictures._since_content.invalidate()
    panel.accept_picture(picture(3), "c")
    studio.run_files()
    assert panel.state.content_name == "c", "one alone is the content"


def test_a_new_project_opens_with_a_worked_example(panel: StylePanel, studio: StyleStudio, tmp_path: Path) -> None:
    from studio.media.images import save_image

    folder = tmp_path / "examples"
    folder.mkdir()
    for name, shade in (("hill.png", 40), ("ink.png", 150), ("other.png", 90)):
        save_image(folder / name, picture(shade), recipe=None)
    (tmp_path / "outside.png").write_bytes(b"x")
    pictures = [
        {"kind": "content", "file": "hill.png", "name": "hill", "title": "Hill", "pairs": ["gone", "ink"]},
        {"kind": "style", "file": "other.png", "name": "other", "title": "Other"},
        {"kind": "style", "file": "ink.png", "name": "ink", "title": "Ink"},
        {"kind": "style", "file": "gone.png", "name": "gone"},
        {"kind": "style", "file": "../outside.png", "name": "outside"},
        {"kind": "other", "file": "ink.png"},
        "nothing",
    ]
    index = {"pictures": pictures}
    (folder / "index.json").write_text(json.dumps(index))
    example_room.examples.cache_clear()
    assert [e.title for e in example_room.examples()] == ["Hill", "Other", "Ink"], "inside the folder, and there"
    panel.activate()
    studio.run_files()
    assert panel.state.examples == ("content", "style") and panel.request() is not None
    assert studio.document.steps == [], "nothing to undo"
    panel.accept_picture(picture(1), "mine")
    studio.run_files()
    assert panel.state.content_name == "mine" and panel.state.run.look.styles[0].name == "Ink"
    panel.pictures._since_content.invalidate()
    panel.accept_picture(picture(2), "my style")
    studio.run_files()
    assert panel.state.run.look.styles[0].name == "my style" and panel.state.examples == ()
    assert panel.state.content_name == "mine"


def test_a_slot_takes_what_is_dropped_on_it(panel: StylePanel, studio: StyleStudio, tmp_path: Path) -> None:
    with_pair(panel, studio)
    from studio.media.images import save_image

    file = tmp_path / "photo.jpg"
    save_image(file, picture(60), recipe=None)
    panel.pictures.grid.dropped.emit(0, [file, tmp_path / "net.pth"])
    studio.run_files()
    style = panel.state.run.look.styles[0]
    assert style.name == "photo" and studio.assets.get(style.picture) == file.read_bytes(), "kept as it is"
    assert studio.taken == [tmp_path / "net.pth"]
    panel.pictures.grid.dropped.emit(1, [picture(5)])
    studio.run_files()
    assert len(panel.state.run.look.styles) == 2 and panel.pictures.selected == 1
    assert len(panel.pictures.grid.styles) == 2


def test_a_file_that_is_no_picture_is_told(panel: StylePanel, studio: StyleStudio, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    panel.pictures.put(bad, "bad", CONTENT)
    studio.run_files()
    assert studio.told and panel.state.run.content == ""


def test_several_styles_have_weights_and_sizes_of_their_own(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.pictures.put(picture(77), "second", 1)
    studio.run_files()
    panel.pictures.weight.value_changed.emit(0.3, True)
    panel.pictures.scale.value_changed.emit(0.5, True)
    first, second = panel.state.run.look.styles
    assert (first.weight, first.scale) == (1.0, 1.0) and (second.weight, second.scale) == (0.3, 0.5)
    panel.pictures.select(0)
    assert panel.pictures.weight.value() == 1.0
    panel.pictures.remove(0)
    assert [s.name for s in panel.state.run.look.styles] == ["second"]


def test_swap(panel: StylePanel, studio: StyleStudio) -> None:
    content, style = with_pair(panel, studio)
    panel.pictures.swap()
    assert (panel.state.run.content, panel.state.run.look.styles[0].picture) == (style, content)
    assert panel.state.content_name == "waves"


def test_a_missing_picture_is_a_sentence(panel: StylePanel, studio: StyleStudio) -> None:
    run = Stylize(model="", content="0" * 64, look=StyleLook(styles=panel.state.run.look.styles))
    panel.accept_request(run)
    studio.run_files()
    assert studio.told == []
    with_pair(panel, studio)
    run = msgspec.structs.replace(panel.state.run, content="0" * 64)
    panel.accept_request(run)
    studio.run_files()
    assert "missing" in panel.running.bar.said.text()


# Sliders -------------------------------------------------------------------------------------------------------------


def test_the_rows_are_the_layers_of_the_network(panel: StylePanel, studio: StyleStudio) -> None:
    assert panel.board.pairs.layers() == LAYERS
    with_pair(panel, studio)
    request = panel.request()
    assert request is not None and request.model == FEATURES
    assert [(w.name, w.content, w.style) for w in request.look.layers if w.content or w.style] == [
        ("relu1_1", 0.0, 1.0),
        ("relu2_1", 0.0, 1.0),
        ("relu2_2", 0.5, 0.0),
        ("relu3_1", 0.0, 1.0),
        ("relu4_1", 0.0, 1.0),
    ]


def test_a_slider_writes_one_lambda(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board.pairs.value_changed.emit("relu3_2", "style", 0.4, False)
    panel.board.pairs.value_changed.emit("relu3_2", "style", 0.6, True)
    request = panel.request()
    assert {w.name: w.style for w in request.look.layers}["relu3_2"] == 0.6
    assert {w.name: w.style for w in request.look.layers}["relu1_1"] == 1.0
    assert {drag for _, drag, _ in studio.document.steps[-2:]} == {"style.style relu3_2"}
    assert panel.board.presets.current() == ""


def test_solo_and_mute_act_in_the_request_only(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board.pairs.switched.emit("relu2_1", "style", "solo")
    request = panel.request()
    assert [w.name for w in request.look.layers if w.style] == ["relu2_1"]
    assert [w.name for w in request.look.layers if w.content] == ["relu2_2"], "the other column stays"
    panel.board.pairs.switched.emit("relu2_1", "style", "solo")
    panel.board.pairs.switched.emit("relu2_2", "content", "mute")
    request = panel.request()
    assert not any(w.content for w in request.look.layers)
    assert panel.board.pairs.value("relu2_2", "content") == 0.5, "the value stays"


def test_presets(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board.pairs.switched.emit("relu2_1", "style", "solo")
    panel.board.presets.changed.emit("fine texture")
    request = panel.request()
    assert {w.name: w.style for w in request.look.layers if w.style} == {"relu1_1": 1.0, "relu1_2": 0.8, "relu2_1": 0.6}
    assert panel.board.presets.current() == "fine texture" and panel.state.solo == ()


def test_settings_reach_the_request(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    s = panel.settings
    s.beta.value_changed.emit(12.0, True)
    s.size.value_changed.emit(512, True)
    s.statistic.changed.emit("sliced")
    s.pyramid.changed.emit("off")
    s.start.changed.emit("noise")
    s.optimiser.changed.emit("lbfgs")
    request = panel.request()
    assert request.look.beta == 12.0 and request.size == 512 and request.statistic == "sliced"
    assert request.pyramid is False and request.start.kind == "noise" and request.optimiser == "lbfgs"
    assert isinstance(request.size, int) and not s.step.isEnabled()


def test_networks(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board.pairs.value_changed.emit("relu1_2", "style", 0.9, True)
    panel.settings.use_network(FIXED_FEATURES)
    request = panel.request()
    assert request.model == FIXED_FEATURES and len(request.look.layers) == 13
    assert {w.name: w.style for w in request.look.layers}["relu1_2"] == 0.9
    assert panel.accept_model(next(c for c in studio.cards if c.sha256 == FEATURES))
    assert panel.state.run.model == FEATURES
    panel.change("", run=msgspec.structs.replace(panel.state.run, model="9" * 64))
    assert panel.request() is None and "network" in panel.running.bar.said.text()
    assert "missing" in panel.settings.network.currentText()


def test_without_an_embedded_network_the_fixed_seed_one_serves(panel: StylePanel, studio: StyleStudio) -> None:
    studio.cards = [c for c in studio.cards if c.role != "features"]
    panel.models_changed()
    with_pair(panel, studio)
    assert panel.request().model == FIXED_FEATURES


# Runs ----------------------------------------------------------------------------------------------------------------


def test_a_run_from_start_to_history(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, request = studio.worker.last("style.run")
    assert isinstance(request, Stylize) and request.size == 384 and studio.worker.titles[job]
    assert not panel.running.bar.start.isVisibleTo(panel.stage) and panel.running.bar.stop.isVisibleTo(panel.stage)
    panel.start()
    assert studio.worker.count("style.run") == 1, "one run at a time"
    view = SimpleNamespace(done=30, total=120, phase="Scale 2 of 4 · 90 px", eta_s=41.0, note="")
    studio.worker.progress.emit(job, view)
    assert "0:41" in panel.running.bar.said.text() and panel.running.bar.line.part() == 0.25
    assert panel.running.caption() == "iteration 30 of 120 · scale 2 of 4 · 90 px"
    small = picture(50, 48, 32)
    studio.worker.preview.emit(job, Preview(small, index=30))
    assert panel.canvas.image() is small
    assert panel.current_picture() is None, "not finished"
    studio.worker.loss.emit(job, Loss(30, {"content relu2_2": 1.0, "style relu1_1": 3.0, "tv": 0.0, "total": 4.0}))
    assert panel.board.pairs.share("relu1_1", "style") == 0.75
    assert set(panel.running.plot.names()) == {"content", "style"}
    made = finish(studio, panel)
    assert studio.results == [(made, "harbour × waves")]
    assert panel.state.made == made and [k.at for k in panel.state.kept] == [25, 50, 75]
    picture_now = panel.current_picture()
    assert picture_now is not None and picture_now[1] == made and (picture_now[0] == picture(99)).all()
    assert panel.running.bar.start.isVisibleTo(panel.stage)


def test_sliders_work_while_it_runs(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, first = studio.worker.last("style.run")
    panel.board.pairs.value_changed.emit("relu1_1", "style", 0.2, False)
    panel.settings.beta.value_changed.emit(3.0, True)
    panel.colours.chips.changed.emit("luminance")
    updates = studio.worker.updates
    assert [number for number, _ in updates] == [job] * 3
    last = updates[-1][1]
    assert last.look.beta == 3.0 and last.colours == "luminance"
    assert {w.name: w.style for w in last.look.layers}["relu1_1"] == 0.2
    panel.settings.size.value_changed.emit(512, True)
    assert len(updates) == 3, "the size is of the next run"
    panel.pictures.put(picture(5), "another", 0)
    studio.run_files()
    assert updates[-1][1].look.styles[0].name == "another" and updates[-1][1].size == first.size


def test_pause_and_go_on(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, _ = studio.worker.last("style.run")
    panel.running.bar.pause.click()
    assert panel.running.bar.said.text() == "paused"
    panel.running.bar.pause.click()
    assert studio.worker.rested == [("pause", job), ("resume", job)]


def test_stop_keeps_the_picture(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, request = studio.worker.last("style.run")
    panel.stop()
    assert studio.worker.ended == ["style.run"], "nothing is there yet: given up"
    panel.start()
    job, request = studio.worker.last("style.run")
    studio.worker.preview.emit(job, Preview(picture(50, 48, 32), index=3))
    panel.running.pause(True)
    assert panel.end_gently(job)
    assert studio.worker.updates[-1] == (job, msgspec.structs.replace(request, stop=1))
    assert studio.worker.rested[-1] == ("resume", job), "a resting run must wake to end"
    assert not panel.end_gently(job), "asked twice: given up"
    made = finish(studio, panel, run=msgspec.structs.replace(request, stop=3))
    assert panel.state.made.stop == 3 and len(studio.results) == 1 and made is not None
    assert panel.request().stop == 0, "the next run goes its whole way"


def test_branching_while_it_runs(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, request = studio.worker.last("style.run")
    kept = KeptIterate(at=25, picture=studio.assets.put_image(picture(25)), start=studio.assets.put_array(np.ones(26)))
    studio.worker.preview.emit(job, KeptPreview(picture(50, 48, 32), index=25, kept=kept))
    panel.running.bar.strip.looked.emit(25)
    assert panel.running.bar.branch.isEnabled()
    panel.settings.beta.value_changed.emit(2.0, True)
    panel.running.branch_here()
    assert studio.worker.count("style.run") == 1 and studio.worker.updates[-1][1].stop == 1
    changed = msgspec.structs.replace(request, stop=40, changes=(Change(at=30, look=panel.request().look),))
    finish(studio, panel, run=changed)
    _, branch = studio.worker.last("style.run")
    assert studio.worker.count("style.run") == 2 and branch.resume.at == 25 and branch.stop == 0
    assert [change.at for change in branch.changes] == [25], "what was changed after the iterate is gone"
    assert studio.results[0][0] == changed, "the run before is in the history"


def test_a_failed_run_is_told_and_another_can_begin(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    job, request = studio.worker.last("style.run")
    studio.worker.failed.emit(job, request, StudioError("It did not work."))
    assert studio.told[-1].startswith("It did not work") and panel.running.bar.start.isEnabled()
    panel.start()
    assert studio.worker.count("style.run") == 2


def test_looking_back_and_branching(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    made = finish(studio, panel)
    strip = panel.running.bar.strip
    assert [frame.at for frame in strip.frames()] == [25, 50, 75]
    assert not panel.running.bar.branch.isEnabled()
    strip.looked.emit(50)
    assert (panel.canvas.image() == picture(50)).all() and panel.running.bar.branch.isEnabled()
    panel.settings.beta.value_changed.emit(2.0, True)
    panel.running.branch_here()
    _, branch = studio.worker.last("style.run")
    kept = panel.state.kept[1]
    assert branch.resume is not None and (branch.resume.at, branch.resume.start) == (50, kept.start)
    assert [change.at for change in branch.changes] == [50] and branch.changes[0].look.beta == 2.0
    assert branch.look == made.look, "up to there it is the same run"
    assert [frame.at for frame in strip.frames()] == [25, 50]


def test_a_branch_can_be_changed_on_its_way(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    finish(studio, panel)
    panel.running.bar.strip.looked.emit(50)
    panel.running.branch_here()
    job, branch = studio.worker.last("style.run")
    assert branch.changes == (), "with the same sliders it is the same run"
    panel.settings.beta.value_changed.emit(1.0, True)
    assert studio.worker.updates[-1][0] == job


def test_colours_after_the_run_without_a_new_one(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    made = finish(studio, panel)
    panel.colours.chips.changed.emit("match")
    job, request = studio.worker.last("style.recolour")
    assert request == Recolour(picture=panel.state.kept[-1].picture, content=made.content, colours="match")
    studio.worker.finished.emit(job, request, Picture(picture(123)))
    assert (panel.canvas.image() == picture(123)).all()
    assert studio.results[-1][0] == msgspec.structs.replace(made, colours="match")
    assert studio.worker.count("style.run") == 1
    panel.colours.chips.changed.emit("style")
    studio.run_files()
    assert (panel.canvas.image() == picture(75)).all() and studio.worker.count("style.recolour") == 1


def test_a_finished_picture_comes_back_with_its_project(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    finish(studio, panel)
    session = studio.document.session
    again = StylePanel(studio)  # type: ignore[arg-type]
    again.activate()
    studio.run_files()
    assert studio.document.session == session
    assert (again.canvas.image() == picture(75)).all() and again.current_picture() is not None
    again.deactivate()
    again.board._later.stop()
    again.forecasting._later.stop()


def test_an_iterate_is_a_picture_of_its_own(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    late = msgspec.structs.replace(panel.request().look, beta=1.0)
    made = msgspec.structs.replace(panel.running.sent, changes=(Change(at=60, look=late),))
    finish(studio, panel, run=made)
    panel.running.bar.strip.looked.emit(50)
    image, request = panel.current_picture()
    assert (image == picture(50)).all() and request == msgspec.structs.replace(made, stop=50, changes=())
    panel.colours.chips.changed.emit("luminance")
    assert panel.current_picture() is None, "on its way"
    job, recolour = studio.worker.last("style.recolour")
    studio.worker.finished.emit(job, recolour, Picture(picture(51)))
    image, request = panel.current_picture()
    assert (panel.canvas.image() == picture(51)).all() and image is panel.canvas.image()
    assert request.colours == "luminance" and request.stop == 50


def test_a_recalled_run_shows_its_picture_at_once(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.start()
    first = finish(studio, panel)
    panel.settings.beta.value_changed.emit(2.0, True)
    panel.start()
    finish(studio, panel)
    unknown = msgspec.structs.replace(first, seed=9)
    panel.accept_request(unknown)
    assert panel.state.made is None and panel.current_picture() is None
    panel.accept_request(first)
    studio.run_files()
    assert panel.state.made == first and panel.current_picture()[1] == first
    assert [frame.at for frame in panel.running.bar.strip.frames()] == [25, 50, 75]
    item = GalleryItem(id="g", title="t", request=unknown, picture=studio.assets.put_image(picture(33)))
    session = studio.document.session
    studio.document.amend(msgspec.structs.replace(session, gallery=(item,)))
    panel.accept_request(unknown)
    studio.run_files()
    assert (panel.canvas.image() == picture(33)).all() and not panel.running.bar.branch.isEnabled()


def test_recall_gives_the_same_run(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    look = msgspec.structs.replace(panel.request().look, beta=2.0)
    wanted = msgspec.structs.replace(panel.request(), size=256, changes=(Change(at=40, look=look),))
    panel.board.pairs.switched.emit("relu2_1", "style", "solo")
    assert panel.accept_request(wanted)
    assert panel.request() == wanted, "changes on the way and all"
    assert panel.settings.beta.value() == 2.0, "the sliders show how it ended"
    panel.settings.tv.value_changed.emit(3.0, True)
    request = panel.request()
    assert request.changes == () and request.look.beta == 2.0 and request.look.tv == 3.0


def test_forecast(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.forecasting._later.timeout.emit()
    request = studio.worker.last("style.forecast")[1]
    assert isinstance(request, Forecast) and request.run.size == 384 and request.run.content == panel.state.run.content
    panel.settings.beta.value_changed.emit(3.0, True)
    panel.board.pairs.value_changed.emit("relu1_1", "style", 0.3, True)
    panel.forecasting._later.timeout.emit()
    assert studio.worker.count("style.forecast") == 1, "what only weighs takes neither time nor memory"
    values = {"peak": 1.2e9, "available": 8e9, "seconds": 48.0, "tile": 0.0}
    studio.worker.answer("style.forecast", Numbers(values))
    said = panel.running.bar.said
    assert "0:48" in said.text() and "1.2 GB" in said.text() and not panel.forecasting.warning
    text, warns = panel.forecasting.sentence({**values, "tile": 512.0})
    assert "512 px" in text and not warns
    text, warns = panel.forecasting.sentence({**values, "peak": 9e9})
    assert warns and "will not fit" in text


# Thumbnails, sheet ---------------------------------------------------------------------------------------------------


def test_thumbnails_of_layers_wait_their_turn(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    studio.worker.queue = [SimpleNamespace(lane="long", key="explore.invert")]
    panel.board._later.timeout.emit()
    assert studio.worker.count("style.thumbs") == 0, "others work"
    studio.worker.queue = []
    panel.board._later.timeout.emit()
    job, request = studio.worker.last("style.thumbs")
    assert isinstance(request, LayerThumbs) and request.layers == LAYERS and studio.worker.titles[job] == ""
    studio.worker.preview.emit(job, Preview(picture(3), index=2))
    assert (panel.board.pairs.image("relu2_1") == picture(3)).all()
    panel.start()
    assert "style.thumbs" in studio.worker.ended, "a run that was asked for comes first"
    finish(studio, panel)
    panel.board._later.timeout.emit()
    job, request = studio.worker.last("style.thumbs")
    assert "relu2_1" not in request.layers and len(request.layers) == len(LAYERS) - 1, "what is there stays"
    studio.worker.finished.emit(job, request, Pictures(tuple(picture(i) for i in range(len(request.layers)))))
    assert all(panel.board.pairs.image(name) is not None for name in LAYERS)
    count = studio.worker.count("style.thumbs")
    panel.settings.beta.value_changed.emit(3.0, True)
    assert not panel.board._later.isActive() and studio.worker.count("style.thumbs") == count


def test_another_job_ends_the_thumbnails(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board._later.timeout.emit()
    studio.worker.queue = [SimpleNamespace(lane="long", key="explore.walk")]
    studio.worker.jobs_changed.emit()
    assert studio.worker.ended[-1] == "style.thumbs"


def test_thumbnails_that_fail_are_not_asked_for_again(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.board._later.timeout.emit()
    job, request = studio.worker.last("style.thumbs")
    told = len(studio.told)
    studio.worker.failed.emit(job, request, StudioError("no"))
    assert len(studio.told) == told and not panel.board._later.isActive()


def test_the_contact_sheet_is_adopted_with_a_click(panel: StylePanel, studio: StyleStudio) -> None:
    with_pair(panel, studio)
    panel.sheet.ask()
    job, request = studio.worker.last("style.sheet")
    assert isinstance(request, StyleSheet) and len(request.looks) == 15 and panel.sheet.grid.shape() == (5, 3)
    studio.worker.preview.emit(job, Preview(picture(4), index=5))
    assert (panel.sheet.grid.image(1, 2) == picture(4)).all()
    panel.sheet.grid.clicked.emit(1, 2)
    look = panel.state.run.look
    assert look.layers == request.looks[5].layers and look.beta == request.looks[5].beta == 24.0
    assert look.styles[0].name == "waves"
    studio.worker.finished.emit(job, request, Pictures(tuple(picture(i) for i in range(15))))
    assert (panel.sheet.grid.image(4, 2) == picture(14)).all()
    panel.sheet.vary.set_current("scale")
    panel.sheet.ask()
    request = studio.worker.last("style.sheet")[1]
    assert {look.styles[0].scale for look in request.looks} == {0.5, 0.75, 1.0, 1.5}


def test_actions_and_lines(panel: StylePanel, studio: StyleStudio) -> None:
    by_name = {action.name: action for action in panel.actions()}
    assert by_name["style.start"].shortcut == "Ctrl+Return"
    assert not by_name["style.stop"].enabled() and not by_name["style.branch"].enabled()
    with_pair(panel, studio)
    by_name["style.start"].run()
    assert studio.worker.count("style.run") == 1 and by_name["style.stop"].enabled()
    assert panel.model_line() == "studio-vgg · 7 layers · style transfer 384 px"
    assert not panel.accept_model(studio.cards[0]), "a generator belongs elsewhere"
    assert panel.accept_request(Paint(model=PAINTER, picture=panel.state.run.content))
    assert panel.state.mode == "pass"

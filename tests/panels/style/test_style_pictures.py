"""The Style panel: pictures and sliders become a request."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from studio.panels.style import StylePanel
from studio.panels.style import examples as example_room
from studio.panels.style.pictures import CONTENT
from studio.project.style import (
    FIXED_FEATURES,
    Paint,
    StyleLook,
    Stylize,
)
from tests.panels.style.paper import FEATURES, LAYERS, PAINTER, StyleStudio, picture, with_pair

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

"""Pictures: where they come from and go, the ways, labels, masks, large ones, larger ones, recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.base.steps import Preview
from studio.engine.results import CycleResult, Picture
from studio.panels.translate import TranslatePanel
from studio.panels.translate import examples as example_room
from studio.panels.translate.values import OWN
from studio.project.latents import Seed
from studio.project.requests import Render
from studio.project.session import TranslateState
from studio.project.translate import Amount, Cycle, ReadLabels, Trace, Translate, TranslateLook, Upscale
from tests.panels.style.paper import picture, steps
from tests.panels.translate.paper import (
    BACK,
    INK,
    MANY,
    OWN_MODEL,
    THERE,
    TWICE,
    TWICE_SHARP,
    TranslateStudio,
    draw,
    live,
    read,
    with_picture,
)


def card(studio: TranslateStudio, sha: str) -> Any:
    return next(c for c in studio.cards if c.sha256 == sha)


# Coming in --------------------------------------------------------------------------------------------------------


def test_modes_go_on_with_the_model_that_suits_them(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.mode.changed.emit("picture")
    assert panel.state.mode == "picture" and panel.card.sha256 == THERE, "ink makes nothing of a photograph"
    assert len(studio.document.steps) == 1, "one step"
    assert not panel.paper.canvas.isVisibleTo(panel.stage)
    panel.modelling.use(MANY)
    panel.set_mode("draw")
    assert panel.card.sha256 == INK and panel.paper.canvas.isVisibleTo(panel.stage)
    panel.set_mode("picture")
    assert panel.card.sha256 == MANY, "the one that pictures went through last"
    panel.set_mode("enlarge")
    assert panel.card.sha256 == TWICE and panel.state.model == MANY


def test_a_picture_is_translated_and_compared(panel: TranslatePanel, studio: TranslateStudio) -> None:
    sha = with_picture(panel, studio)
    assert live(studio) == Translate(model=THERE, picture=sha, size=128)
    assert (panel.canvas.image() == picture(10)).all(), "the original while nothing is there"
    studio.answer(50, (128, 85))
    assert (panel.canvas.image() == picture(50, 128, 85)).all()
    assert panel.doing.title() == "harbour → Round" == panel.picture_title()
    panel.canvas.set_mode("wipe")
    panel.canvas.set_compare(None)  # as the window does to stop comparing
    assert panel.canvas.mode() == "single" and panel.canvas.can_compare(), "the original can be compared with again"
    panel.canvas.set_mode("lens")
    assert panel.canvas.mode() == "lens" and len(studio.results) == 1, "choosing a picture is a result"


def test_a_file_goes_into_the_project_byte_for_byte(
    panel: TranslatePanel, studio: TranslateStudio, tmp_path: Path
) -> None:
    from studio.media.images import save_image

    file = tmp_path / "scan.tif"
    save_image(file, picture(9, 40, 30), recipe=None)
    panel.set_mode("picture")
    assert panel.accept_file(file, "scan")
    studio.run_files()
    state: TranslateState = panel.state
    assert studio.assets.get(state.picture) == file.read_bytes() and studio.assets.ext(state.picture) == "tif"
    assert state.picture_name == "scan" and panel.own_size() == (40, 30)
    studio.answer()
    result = Picture(picture(1, 40, 30), deep=np.zeros((30, 40, 3), np.uint16), icc=b"profile")
    panel.how.strength.value_changed.emit(0.5, True)
    studio.worker.answer("translate.live", result)
    assert panel.current_result() is result, "what the exporter asks for"


def test_wrong_things(panel: TranslatePanel, studio: TranslateStudio, tmp_path: Path) -> None:
    panel.set_mode("picture")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    panel.take_here([broken], trace=False)
    studio.run_files()
    assert panel.state.picture == "" and studio.told, "told in a sentence"
    model = tmp_path / "net.pth"
    panel.take_here([model], trace=False)
    assert studio.taken == [model], "a model that missed the window goes on"
    panel.pictures.go_on()
    assert "no result" in studio.told[-1]


def test_another_picture_takes_masks_and_labels_away(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    look = TranslateLook(labels=(1.0,), strength=Amount(value=0.5, mask="m" * 64))
    panel.change("", look=look)
    panel.accept_picture(picture(99), "other")
    studio.run_files()
    assert panel.state.look.labels == () and panel.state.look.strength == Amount(value=0.5)


def test_pictures_of_other_workspaces(panel: TranslatePanel, studio: TranslateStudio) -> None:
    assert panel.accept_task("enlarge", picture(3, 20, 20), "seed 7")
    studio.run_files()
    assert (panel.state.mode, panel.state.picture_name) == ("enlarge", "seed 7")
    assert panel.accept_task("picture", picture(4, 20, 20), "seed 8")
    studio.run_files()
    assert panel.state.mode == "picture" and not panel.accept_task("cook", picture(4), "x")
    studio.answer(5)
    panel.pictures.go_on()
    studio.run_files()
    assert (studio.assets.image(panel.state.picture) == picture(5, 128, 128)).all()


def test_an_example_that_suits_the_model(studio: TranslateStudio, tmp_path: Path, panel: TranslatePanel) -> None:
    import json

    from studio.media.images import save_image

    folder = tmp_path / "examples"
    folder.mkdir()
    save_image(folder / "a.png", picture(1), recipe=None)
    save_image(folder / "b.png", picture(2), recipe=None)
    listed = [{"file": "a.png", "title": "A", "models": ["there"]}, {"file": "b.png", "title": "B", "models": ["any"]}]
    outside = {"file": "../x.png", "title": "X", "models": ["any"]}
    (folder / "translate.json").write_text(json.dumps({"pictures": [outside, *listed, 5]}))
    example_room.examples.cache_clear()
    assert [example.title for example in example_room.examples()] == ["A", "B"]
    panel.set_mode("picture")
    studio.run_files()
    assert (panel.state.picture_name, panel.state.example) == ("A", True)
    before = len(studio.document.steps)
    panel.modelling.use(MANY)
    studio.run_files()
    assert panel.state.picture_name == "B" and len(studio.document.steps) == before + 1, "nothing to undo"
    panel.accept_picture(picture(7), "mine")
    studio.run_files()
    panel.modelling.use(THERE)
    studio.run_files()
    assert panel.state.picture_name == "mine" and not panel.state.example
    (folder / "translate.json").write_text("{")
    example_room.examples.cache_clear()
    assert example_room.examples() == ()


# Ways -------------------------------------------------------------------------------------------------------------


def test_the_other_way_and_round(panel: TranslatePanel, studio: TranslateStudio) -> None:
    sha = with_picture(panel, studio)
    assert panel.modelling.way.chip("back").text() == "Round → Flat"
    panel.modelling.way.changed.emit("back")
    assert live(studio).model == BACK and steps(studio)[-1] == "Which way"
    panel.modelling.way.changed.emit("cycle")
    asked = live(studio)
    assert asked == Cycle(model=THERE, back=BACK, picture=sha, size=128)
    error = np.full((85, 128), 0.1, np.float32)
    result = CycleResult(picture(1, 128, 85), picture(2, 128, 85), picture(3, 128, 85), error, 0.1, 18.0)
    studio.worker.answer("translate.live", result)
    assert (panel.canvas.image() == result.back).all() and "10.0 %" in panel.cycling.words.text()
    assert "Much was lost" in panel.cycling.sentence(result)
    panel.cycling.chips.changed.emit("image")
    assert (panel.canvas.image() == result.image).all() and panel.current_picture()[0] is result.image
    panel.cycling.chips.changed.emit("lost")
    image, heat, name = panel.cycling.seen_now(result)
    assert image is result.back and heat is not None and float(heat.max()) == pytest.approx(0.4)
    assert name == "Flat → Round → Flat"
    panel.turn()
    assert panel.state.way == "back" and not panel.cycling.section.isVisibleTo(panel.inspector)


def test_a_way_back_for_a_model_of_ones_own(panel: TranslatePanel, studio: TranslateStudio) -> None:
    assert panel.accept_model(card(studio, OWN_MODEL)) and panel.state.mode == "picture"
    assert panel.modelling.return_row.isVisibleTo(panel.inspector)
    assert not panel.modelling.way.isVisibleTo(panel.inspector)
    panel.modelling._use_back(panel.modelling.back.findData(BACK))
    assert panel.state.back == BACK and panel.modelling.way.isVisibleTo(panel.inspector)
    assert panel.modelling.assumed.isVisibleTo(panel.inspector)
    row = panel.modelling.assumed.body.itemAt(0).widget()
    row.box.setCurrentIndex(1)
    row.box.activated.emit(1)
    assert studio.models.assumed == [("own", "dropout", True)]


def test_a_round_trip_whose_way_back_is_gone(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    panel.cycle()
    studio.cards = [c for c in studio.cards if c.sha256 != BACK]
    panel.models_changed()
    assert "way back is missing" in panel.modelling.said.text() == panel.ready_sentence()
    assert panel.modelling.way.isVisibleTo(panel.inspector), "or nobody would find out of it"
    panel.modelling.way.changed.emit("there")
    assert live(studio).model == THERE and panel.modelling.said.text() == ""


def test_kinds_in_plain_words(panel: TranslatePanel, studio: TranslateStudio) -> None:
    assert panel.modelling.kind() == "paired"
    for sha, kind in ((THERE, "unpaired"), (MANY, "many-domain"), (TWICE, "2 times larger")):
        panel.accept_model(card(studio, sha))
        assert panel.modelling.kind() == kind and panel.modelling.section.hint() == kind


def test_without_models_it_says_so(panel: TranslatePanel, studio: TranslateStudio) -> None:
    studio.cards = [c for c in studio.cards if c.role not in ("translator", "upscaler")]
    panel.models_changed()
    assert "No translating model" in panel.modelling.said.text() == panel.showing.invitation()
    panel.set_mode("enlarge")
    assert "No enlarging model" in panel.modelling.said.text()
    panel.change("", mode="picture", model="f" * 63 + "0")
    assert "not on this computer" in panel.modelling.said.text()
    assert "missing" in panel.modelling.chooser.box.currentText() and studio.worker.count("translate.live") == 0


# Many domains -----------------------------------------------------------------------------------------------------


def many(panel: TranslatePanel, studio: TranslateStudio) -> ReadLabels:
    with_picture(panel, studio)
    panel.accept_model(card(studio, MANY))
    request: ReadLabels = studio.worker.last("translate.labels")[1]
    return request


def test_a_picture_is_read_before_it_is_changed(panel: TranslatePanel, studio: TranslateStudio) -> None:
    asked = studio.worker.count("translate.live")
    request = many(panel, studio)
    assert request == ReadLabels(model=MANY, picture=panel.state.picture, size=128)
    assert [r for _, k, r in studio.worker.asked if k == "translate.live" and r.model == MANY] == []
    assert "Reading" in panel.labels.note.text()
    studio.worker.answer("translate.labels", read(1.0, 0.0, 0.0, 1.0))
    assert live(studio).look.labels == (1.0, 0.0, 0.0, 1.0) and panel.state.look.labels == ()
    assert panel.labels._toggles[0].value() == 1.0 and not panel.labels._toggles[0].is_changed()
    before = len(studio.document.steps)
    panel.labels._toggles[1].value_changed.emit(0.6, True)
    assert panel.state.look.labels == (1.0, 0.6, 0.0, 1.0) == live(studio).look.labels
    assert steps(studio)[before:] == ["Attributes"] and studio.worker.count("translate.labels") == 1 and asked >= 0
    panel.labels._choices[0].swatches[0].clicked.emit()
    assert panel.state.look.labels == (1.0, 0.6, 1.0, 0.0)
    panel.labels._choices[0]._clear()
    assert panel.state.look.labels == (1.0, 0.6, 0.0, 1.0) and panel.labels.changes() == {1: 0.6}
    panel.labels.reset.click()
    assert panel.state.look.labels == ()


def test_another_picture_is_read_by_itself(panel: TranslatePanel, studio: TranslateStudio) -> None:
    many(panel, studio)
    studio.worker.answer("translate.labels", read(1.0, 0.0, 0.0, 1.0))
    panel.labels._toggles[1].value_changed.emit(1.0, True)
    panel.accept_picture(picture(66), "other")
    studio.run_files()
    assert panel.state.look.labels == () and studio.worker.count("translate.labels") == 2
    studio.worker.answer("translate.labels", read(0.0, 0.0, 1.0, 0.0))
    panel.labels.read_again()
    assert studio.worker.count("translate.labels") == 3


def test_a_picture_that_cannot_be_read_is_translated_all_the_same(
    panel: TranslatePanel, studio: TranslateStudio
) -> None:
    request = many(panel, studio)
    job, _ = studio.worker.last("translate.labels")
    told = len(studio.told)
    studio.worker.failed.emit(job, request, StudioError("No."))
    assert live(studio).model == MANY and live(studio).look.labels == () and len(studio.told) == told
    assert "could not be read" in panel.labels.note.text()
    panel.show_all()
    assert studio.worker.count("translate.labels") == 1


# How --------------------------------------------------------------------------------------------------------------


def test_each_control_is_one_step_and_undo_restores(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    panel.accept_model(card(studio, INK))
    panel.set_mode("picture")
    panel.change("", model=INK)
    start = studio.document.session
    how = panel.how
    for slider, value, found in (
        (how.statistics, 0.5, lambda s: s.look.statistics == 0.5),
        (how.strength, 0.25, lambda s: s.look.strength.value == 0.25),
        (how.colours, 0.75, lambda s: s.look.keep_colours.value == 0.75),
        (how.size, 200, lambda s: s.size == 200),
    ):
        before = len(studio.document.steps)
        slider.value_changed.emit(value, True)
        assert found(panel.state) and len(studio.document.steps) == before + 1
        studio.document.amend(start)
        assert not found(panel.state) and slider.value() == slider.default(), slider.name()
    how.sizes.changed.emit("own")
    assert panel.state.size == OWN and live(studio).size == 0
    how.sizes.changed.emit("home")
    assert panel.state.size == 0 and live(studio).size == 128


def test_the_advised_statistics_are_where_the_slider_begins(panel: TranslatePanel, studio: TranslateStudio) -> None:
    assert panel.how.statistics.value() == 0.0 and panel.how.statistics.text() == "stored"
    draw(panel)
    assert live(studio).look.statistics is None, "as the card advises"
    panel.accept_model(card(studio, THERE))
    assert not panel.how.statistics.isVisibleTo(panel.inspector), "it has none"


def test_a_brush_for_where(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.masks.take(0)
    assert "needs a picture" in studio.told[-1] and not panel.canvas.is_painting()
    with_picture(panel, studio)
    studio.answer()
    panel.masks.take(0)
    assert panel.canvas.is_painting() and (panel.canvas.image() == picture(10)).all()
    assert panel.how.brushes[0].isChecked() and not panel.how.brushes[1].isChecked()
    mask = np.zeros((341, 512), np.uint8)
    mask[:100] = 255
    panel.canvas.stroked.emit(mask)
    studio.run_files()
    amount = panel.state.look.strength
    assert (studio.assets.image(amount.mask)[..., 0] == mask).all() and steps(studio)[-1] == "Brush stroke"
    assert live(studio).look.strength == amount
    panel.masks.take(1)
    assert panel.canvas.is_painting() and panel.how.brushes[1].isChecked()
    panel.canvas.stroked.emit(mask)
    studio.run_files()
    kept = panel.state.look.keep_colours
    assert kept.mask and kept.value == 1.0, "or nothing would be seen of it"
    panel.masks.take(1)
    assert not panel.canvas.is_painting() and panel.masks.section.isVisibleTo(panel.inspector)
    panel.masks.remove()
    assert panel.state.look.keep_colours.mask == ""


# Large and larger -------------------------------------------------------------------------------------------------


def test_large_pictures_follow_the_hand_small_and_are_made_in_full(
    panel: TranslatePanel, studio: TranslateStudio
) -> None:
    with_picture(panel, studio, 1200, 900)
    panel.how.sizes.changed.emit("own")
    assert live(studio).size == 512
    studio.answer(20, (512, 384))
    bar = panel.doing.bar
    assert bar.start.isVisibleTo(panel.stage) and "1200 × 900" in bar.said.text()
    assert "preview" in panel.doing.caption() and "preview" in panel.picture_title()
    results = len(studio.results)
    bar.start_asked.emit()
    job, full = studio.worker.last("translate.full")
    assert full.size == 0 and panel.doing.running and bar.stop.isVisibleTo(panel.stage)
    studio.worker.preview.emit(job, Preview(picture(30, 60, 45)))
    assert (panel.canvas.image() == picture(30, 60, 45)).all()
    studio.finish(job, Picture(picture(31, 1200, 900)))
    assert len(studio.results) == results + 1 and studio.results[-1][0] == full and not panel.doing.running
    asked = studio.worker.count("translate.live")
    panel.show_all()
    assert studio.worker.count("translate.live") == asked, "the full picture says more than a live one"
    assert not bar.start.isVisibleTo(panel.stage)


def test_what_is_quick_is_made_in_full_when_the_hand_rests(
    panel: TranslatePanel, studio: TranslateStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_picture(panel, studio, 1200, 900)
    panel.how.sizes.changed.emit("own")
    studio.answer(20, (512, 384))
    monkeypatch.setattr(panel.doing, "seconds", lambda _: 60.0)
    panel.doing.rested()
    assert studio.worker.count("translate.full") == 0 and "1:00" not in panel.doing.cost_words()
    assert "about 60 s" in panel.doing.cost_words(), "a minute is asked for"
    monkeypatch.setattr(panel.doing, "seconds", lambda _: 2.0)
    panel.doing.rested()
    assert studio.worker.last("translate.full")[1].size == 0


def test_enlarging_with_a_sister(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.accept_task("enlarge", picture(10, 60, 40), "small")
    studio.run_files()
    assert live(studio) == Upscale(model=TWICE, picture=panel.state.picture)
    assert "60 × 40 → 120 × 80 px" in panel.enlarging.words.text()
    panel.enlarging.sharpness.value_changed.emit(0.5, True)
    assert (live(studio).sharper, live(studio).sharpness) == (TWICE_SHARP, 0.5)
    names = [panel.modelling.chooser.box.itemText(i) for i in range(panel.modelling.chooser.box.count())]
    assert names == ["twice", "alone"], "the sister is reached by the slider"
    panel.accept_picture(picture(10, 3000, 2000), "large")
    studio.run_files()
    asked = studio.worker.count("translate.live")
    assert panel.doing.bar.start.text() == "Enlarge" and (panel.canvas.image().shape[1]) == 1600, "the original"
    panel.doing.run()
    assert studio.worker.count("translate.live") == asked and studio.worker.last("translate.full")[1].picture


def test_ctrl_enter_without_a_picture(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.set_mode("picture")
    panel.doing.keep_now()
    assert "Drop a picture" in studio.told[-1]


# Recipes ----------------------------------------------------------------------------------------------------------


def test_recall_of_every_recipe(panel: TranslatePanel, studio: TranslateStudio) -> None:
    sha = studio.assets.put_image(picture(8, 300, 200))
    drawing = studio.assets.put_image(picture(8, 512, 512))
    look = TranslateLook(strength=Amount(value=0.5))
    for request in (
        Translate(model=INK, picture=drawing, size=128, look=msgspec.structs.replace(look, seed=4, statistics=0.25)),
        Translate(model=THERE, picture=sha, size=0, look=look),
        Translate(model=BACK, picture=sha, size=128, look=look),
        Translate(model=MANY, picture=sha, size=200, look=TranslateLook(labels=(1.0, 0.0, 0.5, 0.5))),
        Cycle(model=THERE, back=BACK, picture=sha, size=128),
        Upscale(model=TWICE, picture=sha, sharper=TWICE_SHARP, sharpness=0.5),
    ):
        before = len(studio.document.steps)
        assert panel.accept_request(request), request
        studio.run_files()
        assert panel.request(full=True) == request
        assert steps(studio)[before:] == ["Recall"]
    assert panel.accept_request(Trace(picture=sha, detail=0.9))
    assert panel.state.mode == "draw" and panel.state.trace.detail == 0.9
    assert not panel.accept_request(Render(model="x", latent=Seed(seed=1)))


def test_a_recipe_without_its_model_or_picture_is_a_sentence(panel: TranslatePanel, studio: TranslateStudio) -> None:
    assert panel.accept_request(Translate(model="0" * 64, picture="0" * 64, size=128))
    studio.run_files()
    assert panel.request(full=True) is None and "not on this computer" in panel.ready_sentence()
    panel.accept_request(Translate(model=THERE, picture="0" * 64, size=128))
    studio.run_files()
    assert "missing" in panel.ready_sentence() == panel.showing.invitation()


def test_models_that_are_dropped(panel: TranslatePanel, studio: TranslateStudio) -> None:
    for sha, mode in ((TWICE, "enlarge"), (INK, "draw"), (OWN_MODEL, "picture")):
        assert panel.accept_model(card(studio, sha))
        assert panel.state.mode == mode and panel.card.sha256 == sha
    assert not panel.accept_model(studio.cards[0]), "a generator belongs elsewhere"


def test_what_happens_while_another_workspace_is_in_front(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    panel.deactivate()
    asked = studio.worker.count("translate.live")
    panel.change("", look=TranslateLook(strength=Amount(value=0.1)))
    panel.doing.rested()
    assert studio.worker.count("translate.live") == asked
    panel.activate()
    assert live(studio).look.strength.value == 0.1


def test_actions_are_for_the_palette_and_leave_the_letters_to_the_tools(panel: TranslatePanel) -> None:
    actions = {action.name: action for action in panel.actions()}
    assert len(actions) == len(panel.actions()) >= 12
    assert all(len(action.shortcut) != 1 for action in actions.values()), "letters choose tools"
    assert all(action.enabled() in (True, False) for action in actions.values())
    actions["translate.enlarge"].run()
    assert panel.state.mode == "enlarge" and actions["translate.enlarge"].checked()

"""Nothing that a hand did is lost, and no picture stands for a request that is not its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, Qt

from studio.base.errors import StudioError
from studio.engine.results import CycleResult, Picture
from studio.panels.translate import TranslatePanel
from studio.panels.translate import examples as example_room
from studio.panels.translate.cycling import HEAT
from studio.project.assets import AssetStore
from studio.project.session import Session
from tests.panels.style.paper import picture, steps
from tests.panels.translate.paper import INK, TWICE, TranslateStudio, draw, grey, live, with_picture
from tests.widgets.hands import key, move, press, release


def spot(panel: TranslatePanel, x: float, y: float) -> QPointF:
    """A place on the paper, in parts of its side."""
    return panel.paper.canvas.from_picture(QPointF(x, y) * panel.paper.side)


def test_what_is_being_kept_is_in_the_session_before_it_is_saved_or_undone(
    panel: TranslatePanel, studio: TranslateStudio
) -> None:
    draw(panel, (0.1, 0.1), (0.2, 0.2))
    draw(panel, (0.4, 0.1), (0.4, 0.9))
    sheet = panel.paper.canvas.sheet()
    assert steps(studio) == [], "both are on their way"
    panel.settle()
    assert steps(studio) == ["Draw", "Draw"]
    assert (studio.assets.image(panel.state.drawing) == sheet).all()
    now = studio.document.session
    studio.run_files()
    assert studio.document.session == now and not panel.paper.busy(), "the jobs have nothing to add"


def test_a_stroke_under_the_hand_is_settled_too(panel: TranslatePanel, studio: TranslateStudio) -> None:
    paper = panel.paper.canvas
    press(paper, spot(panel, 0.2, 0.2))
    move(paper, spot(panel, 0.8, 0.8))
    panel.settle()
    assert steps(studio) == ["Draw"] and not panel.paper.busy()
    move(paper, spot(panel, 0.8, 0.2))
    release(paper, spot(panel, 0.8, 0.2))
    studio.run_files()
    assert steps(studio) == ["Draw"], "the rest of that movement is no stroke"


def test_a_mask_is_settled_too(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    panel.masks.take(0)
    mask = np.zeros((341, 512), np.uint8)
    mask[:100] = 255
    panel.canvas.stroked.emit(mask)
    panel.settle()
    kept = panel.state.look.strength.mask
    assert (studio.assets.image(kept)[..., 0] == mask).all() and steps(studio)[-1] == "Brush stroke"
    count = len(steps(studio))
    studio.run_files()
    assert len(steps(studio)) == count and panel.state.look.strength.mask == kept


def test_a_stroke_does_not_land_in_another_project(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    old, studio.assets = studio.assets, AssetStore()
    studio.run_files()
    assert panel.state.drawing == "" and panel.paper.canvas.is_blank() and steps(studio) == []
    old.close()


def test_a_stroke_that_leaves_nothing_leaves_no_frame(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    studio.answer(5)
    paper = panel.paper.canvas
    press(paper, spot(panel, 0.1, 0.9))
    move(paper, spot(panel, 0.9, 0.9))
    panel.paper.push()
    assert panel.paper.source() is not None, "while the hand is there"
    key(paper, Qt.Key.Key_Escape)
    release(paper, spot(panel, 0.9, 0.9))
    assert panel.paper.source() is None and live(studio).picture != panel.state.drawing
    studio.answer(6)
    assert live(studio).picture == panel.state.drawing, "what was on its way is not the last word"
    studio.answer(7)
    panel.doing.keep_now()
    assert studio.results[-1][0].picture == panel.state.drawing, "never a frame that is let go"


def test_a_drawing_that_was_small_for_a_moment_is_as_sharp_as_before(
    panel: TranslatePanel, studio: TranslateStudio
) -> None:
    draw(panel)
    studio.run_files()
    sheet = panel.paper.canvas.sheet()
    panel.change("", size=64)
    assert panel.paper.canvas.sheet().shape == (256, 256, 3)
    panel.change("", size=0)
    assert (panel.paper.canvas.sheet() == sheet).all()


def test_another_size_waits_for_the_hand(panel: TranslatePanel, studio: TranslateStudio) -> None:
    paper = panel.paper.canvas
    press(paper, spot(panel, 0.2, 0.2))
    move(paper, spot(panel, 0.8, 0.8))
    paper.changed.emit(False)
    panel.change("", size=256)
    release(paper, spot(panel, 0.8, 0.8))
    studio.run_files()
    assert panel.state.drawing and paper.picture().shape == (256, 256, 3), "the stroke is there, and then the size"


def test_a_missing_drawing_leaves_no_other_one_on_the_paper(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    kept = panel.state.drawing
    panel.change("", drawing="0" * 64)
    studio.run_files()
    assert panel.bank.is_missing("0" * 64) and panel.paper.canvas.is_blank()
    panel.change("", drawing=kept)
    assert not panel.paper.canvas.is_blank()


def test_a_result_over_a_tracing_keeps_what_it_was_made_of(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.tracing.take(picture(10, 64, 64), "harbour")
    studio.run_files()
    studio.worker.answer("translate.trace", Picture(grey(0, 512)))
    studio.run_files()
    studio.answer(5)
    panel.doing.keep_now()
    made_of = studio.results[-1][0].picture
    for x in (0.2, 0.4, 0.6):
        draw(panel, (x, 0.1), (x, 0.9))
        studio.run_files()
        studio.answer(6)
    assert studio.assets.has(made_of)


def test_a_large_drawing_is_made_in_full_when_it_is_kept(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.change("", size=1024)
    draw(panel)
    studio.run_files()
    assert studio.answer(5, (512, 512)).size == 512
    panel.doing.keep_now()
    job, full = studio.worker.last("translate.full")
    assert full.size == 1024 and full.picture == panel.state.drawing
    studio.finish(job, Picture(picture(6, 1024, 1024)))
    assert studio.results[-1][0] == full and panel.doing.whole()


def test_a_choice_at_once_is_a_result_too(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    panel.change("", model=INK)
    studio.answer(1)
    panel.doing.keep_now()
    before = len(studio.results)
    panel.varying.adopt(2)
    assert len(studio.results) == before, "what was there is no outcome of it"
    asked = studio.answer(2)
    assert asked.look.seed is not None and studio.results[-1][0] == asked


def test_a_full_picture_of_something_else_goes_only_into_the_history(
    panel: TranslatePanel, studio: TranslateStudio
) -> None:
    with_picture(panel, studio, 1200, 900)
    panel.how.sizes.changed.emit("own")
    studio.answer(20, (512, 384))
    panel.doing.run()
    job, full = studio.worker.last("translate.full")
    panel.accept_picture(picture(60, 80, 60), "valley")
    studio.run_files()
    mine = studio.answer(21, (80, 60))
    studio.finish(job, Picture(picture(31, 1200, 900)))
    assert studio.results[-1][0] == full and not panel.doing.running
    shown = panel.current_picture()
    assert shown is not None and shown[1] == mine and (panel.canvas.image() == picture(21, 80, 60)).all()


def test_an_outcome_of_another_way_of_working_is_not_shown(panel: TranslatePanel, studio: TranslateStudio) -> None:
    with_picture(panel, studio)
    studio.answer(20, (96, 64))
    panel.set_mode("enlarge")
    assert panel.card is not None and panel.card.sha256 == TWICE and panel.current_picture() is None
    job, _ = studio.worker.last("translate.live")
    what = studio.worker.last("translate.live")[1]
    studio.worker.failed.emit(job, what, StudioError("It did not work.", "So it is."))
    assert panel.current_picture() is None and "original" in panel.showing._on_canvas()[2]


def test_every_project_begins_with_its_example(panel: TranslatePanel, studio: TranslateStudio, tmp_path: Path) -> None:
    import json

    from studio.media.images import save_image

    folder = tmp_path / "examples"
    folder.mkdir()
    save_image(folder / "a.png", picture(1), recipe=None)
    listed = {"pictures": [{"file": "a.png", "title": "A", "models": ["any"]}]}
    (folder / "translate.json").write_text(json.dumps(listed))
    example_room.examples.cache_clear()
    panel.set_mode("picture")
    studio.run_files()
    assert panel.state.example
    old, studio.assets = studio.assets, AssetStore()
    studio.document.amend(Session())
    panel.set_mode("picture")
    studio.run_files()
    assert panel.state.example and studio.assets.has(panel.state.picture)
    old.close()


def test_what_was_lost_is_laid_over_quickly_at_any_size(panel: TranslatePanel) -> None:
    error = np.zeros((3000, 2200), np.float32)
    error[:1500] = 0.125
    result = CycleResult(grey(1, 8), grey(2, 8), grey(3, 8), error, 0.1, 20.0)
    panel.cycling.look("lost")
    heat = panel.cycling.seen_now(result)[1]
    assert heat is not None and max(heat.shape) <= HEAT
    assert abs(float(heat[:400].mean()) - 0.5) < 1e-6 and float(heat[-400:].max()) == 0.0
    assert panel.cycling.seen_now(result)[1] is heat, "made once"

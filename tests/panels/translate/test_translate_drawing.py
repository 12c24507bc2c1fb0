"""Drawing: one frame on its way, a drawing of the project after every stroke, nothing for blank paper."""

from __future__ import annotations

import msgspec
import numpy as np

from studio.engine.results import Picture
from studio.panels.translate import TranslatePanel
from studio.panels.translate.paper import joined, laid
from studio.project.session import TranslateState
from studio.project.translate import Trace
from tests.panels.style.paper import picture, steps
from tests.panels.translate.paper import INK, TranslateStudio, draw, eight, grey, live


def test_a_new_project_begins_with_blank_paper_and_no_garbage(panel: TranslatePanel, studio: TranslateStudio) -> None:
    state: TranslateState = panel.state
    assert state == TranslateState() and panel.paper.canvas.isVisibleTo(panel.stage)
    assert panel.card is not None and panel.card.sha256 == INK, "what wants ink comes first"
    assert studio.worker.count("translate.live") == 0 and not panel.canvas.has_image()
    assert "Draw a face" in panel.showing.invitation() and panel.paper.canvas.is_blank()
    warm = studio.worker.answer("translate.warm", Picture(grey(5)))
    assert warm.model == INK and studio.assets.image(warm.picture).min() == 255, "ready before the first stroke"
    assert not panel.canvas.has_image()
    assert panel.current_picture() is None and steps(studio) == []


def test_a_stroke_is_one_step_and_the_result_follows(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    frame = live(studio)
    assert (frame.model, frame.size) == (INK, 128) and studio.assets.image(frame.picture).shape == (128, 128, 3)
    assert panel.state.drawing == "" and steps(studio) == [], "kept beside the window"
    assert "on its way" in panel.showing.invitation()
    studio.run_files()
    assert steps(studio) == ["Draw"]
    kept = studio.assets.image(panel.state.drawing)
    assert kept.shape == (512, 512, 3) and kept.min() == 0, "the finer sheet"
    assert live(studio).picture == panel.state.drawing
    studio.answer(42)
    assert (panel.canvas.image() == picture(42, 128, 128)).all() and panel.current_picture()[1] == live(studio)
    assert "live" in panel.doing.caption() and studio.results == [], "not a result yet"
    panel.doing.rested()
    assert [request.picture for request, _ in studio.results] == [panel.state.drawing]


def test_only_one_frame_is_on_its_way_and_the_last_one_wins(panel: TranslatePanel, studio: TranslateStudio) -> None:
    paper = panel.paper.canvas
    draw(panel, (0.1, 0.1), (0.2, 0.2))
    first = live(studio)
    for x in (0.4, 0.6, 0.8):
        draw(panel, (x, 0.1), (x, 0.9))
    assert studio.worker.count("translate.live") == 1, "the rest waits"
    studio.answer(1)
    last = live(studio)
    assert studio.worker.count("translate.live") == 2 and last != first
    assert (studio.assets.image(last.picture) == paper.picture()).all(), "all that came meanwhile"
    studio.answer(2)
    assert studio.worker.count("translate.live") == 2
    studio.run_files()
    assert steps(studio) == ["Draw"] * 4
    assert (studio.assets.image(panel.state.drawing) == paper.sheet()).all()
    studio.answer(3)
    draw(panel, (0.1, 0.95), (0.9, 0.95))
    assert not studio.assets.has(first.picture) and studio.assets.has(panel.state.drawing), "frames are let go"


def test_a_frame_that_comes_after_the_drawing_was_kept(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel, (0.1, 0.1), (0.2, 0.2))
    draw(panel, (0.4, 0.1), (0.4, 0.9))
    studio.run_files()
    assert live(studio).picture == panel.state.drawing
    studio.answer(4)
    assert live(studio).picture == panel.state.drawing and panel.paper.source() is None
    panel.doing.rested()
    assert [request.picture for request, _ in studio.results] == [panel.state.drawing]


def test_undo_brings_the_paper_back(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel, (0.1, 0.5), (0.9, 0.5))
    studio.run_files()
    one, sheet = studio.document.session, panel.paper.canvas.sheet()
    draw(panel, (0.5, 0.1), (0.5, 0.9))
    studio.run_files()
    assert (panel.paper.canvas.sheet() != sheet).any()
    studio.document.amend(one)  # as undo does
    assert (panel.paper.canvas.sheet() == sheet).all() and live(studio).picture == one.translate.drawing
    studio.document.amend(msgspec.structs.replace(one, translate=TranslateState()))
    assert panel.paper.canvas.is_blank() and not panel.canvas.has_image()
    panel.paper.canvas.undo_asked.emit()
    assert studio.ran == ["edit.undo"]


def test_a_drawing_of_an_opened_project_comes_from_the_project(panel: TranslatePanel, studio: TranslateStudio) -> None:
    sheet = np.full((512, 512, 3), 255, np.uint8)
    sheet[100:140, 50:400] = 0
    panel.change("", drawing=studio.assets.put_image(sheet))
    assert panel.paper.canvas.is_blank(), "it is being read"
    studio.run_files()
    assert (panel.paper.canvas.sheet() == sheet).all() and live(studio).picture == panel.state.drawing
    panel.change("", drawing="0" * 64)
    studio.run_files()
    assert "missing" in panel.paper.words(panel.state) and panel.request(full=True) is None


def test_fresh_paper_shows_nothing(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    studio.answer()
    panel.paper.clear()
    assert not panel.canvas.has_image()
    studio.run_files()
    assert panel.state.drawing == "" and steps(studio)[-1] == "Fresh paper"
    assert panel.request(full=True) is None and panel.current_picture() is None
    panel.doing.keep_now()
    assert "Draw something" in studio.told[-1]


def test_a_slow_frame_does_not_come_after_the_paper_was_emptied(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    job, request = studio.worker.last("translate.live")
    panel.paper.clear()
    studio.worker.finished.emit(job, request, Picture(grey(3)))
    assert not panel.canvas.has_image() and panel.current_picture() is None


def test_a_failure_is_told_once_and_not_asked_for_again(panel: TranslatePanel, studio: TranslateStudio) -> None:
    from studio.base.errors import StudioError

    draw(panel)
    studio.run_files()
    job, request = studio.worker.last("translate.live")
    studio.worker.failed.emit(job, request, StudioError("No.", "It cannot."))
    asked = studio.worker.count("translate.live")
    panel.show_all()
    assert studio.worker.count("translate.live") == asked and "No." in studio.told[-1]
    draw(panel, (0.1, 0.9), (0.9, 0.9))
    assert studio.worker.count("translate.live") == asked + 1


def test_variations_follow_the_resting_hand(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    studio.answer()
    assert studio.worker.count("translate.variations") == 0, "eight pictures would slow the hand"
    panel.doing.rested()
    wanted = studio.worker.last("translate.variations")[1]
    assert wanted.seeds == tuple(range(1, 9)) and wanted.picture == panel.state.drawing
    studio.worker.answer("translate.variations", eight())
    assert (panel.varying.grid.image(1, 3) == picture(16, 32, 32)).all()
    panel.varying.grid.clicked.emit(1, 0)
    assert panel.state.look.seed == 5 and live(studio).look.seed == 5 and steps(studio)[-1] == "Adopt a variation"
    panel.varying.off.toggled.emit("off", True)
    assert panel.state.look.seed is None
    panel.varying.others()
    assert panel.state.first_seed == 9 and studio.worker.last("translate.variations")[1].seeds[0] == 9


def test_the_outcome_shines_through(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.onion.value_changed.emit(0.4, True)
    assert panel.state.onion == 0.4 and steps(studio) == ["Onion skin"]
    draw(panel)
    studio.run_files()
    studio.answer(9)
    shines = panel.paper.canvas._onion
    assert shines is not None and shines[1] == 0.4


def test_a_pinned_moment_stays_while_somebody_draws_on(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    studio.answer(9)
    panel.canvas.set_compare(picture(9, 128, 128), "before", "now")  # as the window does
    panel.canvas.set_mode("wipe")
    draw(panel, (0.1, 0.9), (0.9, 0.9))
    studio.run_files()
    studio.answer(10)
    assert panel.canvas.mode() == "wipe" and panel.canvas.can_compare()


def test_the_paper_takes_the_size_that_is_worked_at(panel: TranslatePanel, studio: TranslateStudio) -> None:
    draw(panel)
    studio.run_files()
    panel.how.size.value_changed.emit(256, True)
    assert panel.paper.canvas.picture().shape[0] == 256 and live(studio).size == 256
    assert not panel.paper.canvas.is_blank() and steps(studio) == ["Draw", "Work size"]


def test_large_frames_are_packed_beside_the_window(panel: TranslatePanel, studio: TranslateStudio) -> None:
    panel.how.size.value_changed.emit(512, True)
    draw(panel)
    assert studio.worker.count("translate.live") == 0 and studio.worker.count("translate.frame") == 1
    draw(panel, (0.1, 0.9), (0.9, 0.9))
    assert studio.worker.count("translate.frame") == 1, "one at a time"
    studio.run_files()
    assert live(studio).picture == panel.state.drawing and live(studio).size == 512
    assert panel.paper.source() is None and panel.own_jobs >= {"frame", "sheet"}, "the job strip stays still"


# A photograph under the paper ------------------------------------------------------------------------------------


def traced(panel: TranslatePanel, studio: TranslateStudio) -> np.ndarray:
    """A photograph whose edges are one black bar."""
    assert panel.accept_picture(picture(120, 300, 200), "harbour")
    studio.run_files()
    lines = np.full((341, 512, 3), 255, np.uint8)
    lines[150:190] = 0
    studio.worker.answer("translate.trace", Picture(lines))
    return lines


def test_a_dropped_photograph_is_traced_under_the_paper(panel: TranslatePanel, studio: TranslateStudio) -> None:
    traced(panel, studio)
    trace = panel.state.trace
    assert trace is not None and studio.assets.image(trace.picture).shape == (200, 300, 3)
    assert "Draw on it" in studio.told[-1] and panel.tracing.section.isVisibleTo(panel.inspector)
    assert panel.paper.canvas.is_blank() and panel.state.drawing == ""
    frame = studio.assets.image(live(studio).picture)
    assert frame[64].max() < 30 and frame[10].min() == 255, "the lines are translated at once"
    panel.tracing.detail.value_changed.emit(0.8, False)
    asked = studio.worker.last("translate.trace")[1]
    assert isinstance(asked, Trace) and asked.detail == 0.8 and asked.picture == trace.picture
    panel.tracing.kind.changed.emit("segments")
    assert studio.worker.last("translate.trace")[1].kind == "segments"
    assert panel.tracing.colours.isVisibleTo(panel.inspector) and not panel.tracing.width.isVisibleTo(panel.inspector)


def test_draw_on_it_makes_the_lines_part_of_the_drawing(panel: TranslatePanel, studio: TranslateStudio) -> None:
    traced(panel, studio)
    draw(panel, (0.5, 0.05), (0.5, 0.2))
    studio.run_files()
    assert studio.assets.image(panel.state.drawing)[256, 40].min() == 255, "the lines lie below still"
    panel.tracing.draw_on()
    studio.run_files()
    sheet = studio.assets.image(panel.state.drawing)
    assert panel.state.trace is None and sheet[256, 40].max() == 0 and sheet[60, 256].max() == 0
    assert steps(studio)[-1] == "Draw on the tracing" and live(studio).picture == panel.state.drawing


def test_a_tracing_is_taken_away_or_put_there_as_it_is(panel: TranslatePanel, studio: TranslateStudio) -> None:
    traced(panel, studio)
    panel.tracing.remove()
    assert panel.state.trace is None and panel.request(full=True) is None and not panel.canvas.has_image()
    traced(panel, studio)
    panel.tracing.as_it_is()
    studio.run_files()
    assert panel.state.trace is None and panel.state.drawing and not panel.paper.canvas.is_blank()


def test_what_cannot_be_traced_is_said(panel: TranslatePanel, studio: TranslateStudio) -> None:
    from studio.base.errors import StudioError

    panel.accept_picture(picture(120), "harbour")
    studio.run_files()
    job, request = studio.worker.last("translate.trace")
    studio.worker.failed.emit(job, request, StudioError("No.", "It is empty."))
    assert "cannot be traced" in panel.tracing.note.text() and "No." in studio.told[-1]
    panel.show_all()
    assert studio.worker.count("translate.trace") == 1, "not again and again"


def test_paper_arithmetic() -> None:
    wide = np.zeros((50, 100, 3), np.uint8)
    square = laid(wide, 64)
    assert square.shape == (64, 64, 3) and square[32, 32].max() == 0 and square[2, 32].min() == 255
    drawing, below = np.full((2, 2, 3), 255, np.uint8), np.full((2, 2, 3), 90, np.uint8)
    drawing[0, 0] = 0
    made = joined(drawing, below)
    assert made[0, 0, 0] == 0 and made[1, 1, 0] == 90

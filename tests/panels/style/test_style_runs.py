"""Runs of the Style panel: changes on the way, iterates, branches, colours, recall."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview
from studio.engine.results import KeptPreview, Numbers, Picture
from studio.panels.style import StylePanel
from studio.project.session import GalleryItem, KeptIterate
from studio.project.style import (
    Change,
    Forecast,
    Recolour,
    Stylize,
)
from tests.panels.style.paper import StyleStudio, finish, picture, with_pair


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

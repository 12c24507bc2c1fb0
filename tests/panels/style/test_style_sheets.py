"""Pictures that the Style panel makes beside a run: thumbnails of layers and the contact sheet."""

from __future__ import annotations

from types import SimpleNamespace

from studio.base.errors import StudioError
from studio.base.steps import Preview
from studio.engine.results import Pictures
from studio.panels.style import StylePanel
from studio.project.style import (
    LayerThumbs,
    StyleSheet,
)
from tests.panels.style.paper import LAYERS, StyleStudio, finish, picture, with_pair


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

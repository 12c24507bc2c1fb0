"""Painting in one pass: live by strength, at full size, a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.base.errors import StudioError
from studio.base.steps import Preview, Progress
from studio.engine.results import Picture
from studio.panels.style import StylePanel
from studio.panels.style.batch import Painted, painter
from studio.project.assets import AssetStore
from studio.project.style import Paint, StyleSource
from tests.panels.style.paper import ADAIN, PAINTER, StyleStudio, picture, with_pair


@pytest.fixture
def panel(panel: StylePanel, studio: StyleStudio) -> StylePanel:
    with_pair(panel, studio)
    return panel


def test_the_canvas_follows_the_strength(panel: StylePanel, studio: StyleStudio) -> None:
    panel.mode.changed.emit("pass")
    request = studio.worker.last("style.paint")[1]
    assert request == Paint(model=PAINTER, picture=panel.state.run.content, size=0), "the embedded painter, at once"
    studio.worker.answer("style.paint", Picture(picture(42)))
    assert (panel.canvas.image() == picture(42)).all()
    panel.passing.strength.value_changed.emit(0.4, False)
    assert studio.worker.last("style.paint")[1].strength == 0.4
    panel.colours.chips.changed.emit("luminance")
    assert studio.worker.last("style.paint")[1].colours == "luminance"
    assert studio.results == [], "only what was asked for goes into the history"


def test_a_painter_that_wants_styles_gets_them(panel: StylePanel, studio: StyleStudio) -> None:
    panel.passing.use(PAINTER)
    assert not panel.uses_styles() and "by heart" in panel.passing.said.text()
    assert panel.accept_model(next(card for card in studio.cards if card.sha256 == ADAIN))
    request = studio.worker.last("style.paint")[1]
    assert request.model == ADAIN and request.styles == panel.state.run.look.styles
    assert panel.uses_styles()


def test_large_pictures_are_painted_small_while_sliders_move(panel: StylePanel, studio: StyleStudio) -> None:
    panel.passing.use(PAINTER)
    panel.passing.size.value_changed.emit(2048, True)
    assert studio.worker.last("style.paint")[1].size == 512
    panel.start()
    job, full = studio.worker.last("style.paint_full")
    assert full.size == 2048 and studio.worker.titles[job]
    assert panel.busy() and panel.running.bar.stop.isVisibleTo(panel.stage)
    studio.worker.finished.emit(job, full, Picture(picture(8, 240, 160)))
    assert studio.results == [(full, "waves · 100 %")] and not panel.busy()
    assert panel.current_picture()[1] == full
    asked = studio.worker.count("style.paint")
    panel.show_all()
    assert studio.worker.count("style.paint") == asked, "the full picture says more than a live one"


def test_recall(panel: StylePanel, studio: StyleStudio) -> None:
    styles = (StyleSource(picture=studio.assets.put_image(picture(3))),)
    wanted = Paint(model=ADAIN, picture=panel.state.run.content, styles=styles, strength=0.3, size=300, colours="match")
    assert panel.accept_request(wanted)
    assert panel.passing.request(full=True) == wanted


def test_without_a_painter_it_says_so(panel: StylePanel, studio: StyleStudio) -> None:
    studio.cards = [card for card in studio.cards if card.role != "stylizer"]
    panel.models_changed()
    panel.mode.changed.emit("pass")
    assert "No painter" in panel.passing.said.text() and not panel.running.bar.start.isEnabled()
    assert studio.worker.count("style.paint") == 0
    panel.change("", painter="7" * 64)
    assert "missing" in panel.passing.box.currentText()


class Painters:
    """In the engine's place: inverts pictures, refuses those that are 13 px wide."""

    def __init__(self) -> None:
        self.seen: list[Paint] = []

    def start(self, ctx: Any, request: Paint) -> Any:
        self.seen.append(request)
        pixels = ctx.assets.image(request.picture)
        if pixels.shape[1] == 13:
            raise StudioError("No.", "It is 13 px wide.")
        yield Progress(1, 2, "half")
        yield Preview(pixels)
        return Picture(255 - pixels[..., :3])


class Ctx(SimpleNamespace):
    library = SimpleNamespace(card=lambda sha: None)

    def derive(self) -> Ctx:
        return Ctx(assets=self.assets)


def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.engine import registry
    from studio.media.images import load_image, save_image

    engine = Painters()
    monkeypatch.setattr(registry, "start", engine.start)
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for name, width in (("b.png", 20), ("a.png", 30), ("bad width.png", 13)):
        save_image(source / name, picture(50, width, 10), recipe=None)
    (source / "broken.jpg").write_bytes(b"nothing")
    (source / "notes.txt").write_text("no picture")
    (target / "a.png").write_bytes(b"mine")
    store = AssetStore()
    style = store.put_image(picture(1))
    request = Paint(model="m", picture="", styles=(StyleSource(picture=style),), strength=0.5)
    job = painter(source, target, request)(Ctx(assets=store))
    events = []
    try:
        while True:
            events.append(next(job))
    except StopIteration as stop:
        painted: Painted = stop.value
    assert [path.name for path in painted.written] == ["a 2.png", "b.png"]
    assert (target / "a.png").read_bytes() == b"mine", "nothing is written over"
    assert (load_image(target / "b.png").pixels == 255 - picture(50, 20, 10)).all()
    assert [name for name, _ in painted.failures] == ["bad width.png", "broken.jpg"] and painted.skipped == 0
    assert painted.failures[0][1] == "It is 13 px wide."
    counts = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert counts == sorted(counts) and counts[-1] == (4, 4)
    assert {r.strength for r in engine.seen} == {0.5} and engine.seen[0].styles == request.styles
    assert store.shas() == {style}, "the pictures do not go into the project"
    store.close()


def test_a_folder_is_told_in_one_sentence(panel: StylePanel, studio: StyleStudio, tmp_path: Path) -> None:
    panel.passing.use(PAINTER)
    panel.passing.begin_folder(tmp_path / "in", tmp_path / "out")
    job, _ = studio.worker.last("style.batch")
    assert "Stop" in panel.passing.run_folder.text()
    result = Painted((tmp_path / "a.png",), (("b.png", "It is broken."),), tmp_path / "out")
    studio.worker.finished.emit(job, None, result)
    assert studio.told[-1] == "One picture was painted into “out”. 1 could not be painted. b.png: It is broken."
    assert "Paint a folder" in panel.passing.run_folder.text()
    panel.passing.begin_folder(tmp_path / "in", tmp_path / "out")
    studio.worker.finished.emit(studio.worker.last("style.batch")[0], None, Painted((), (), tmp_path))
    assert "no picture" in studio.told[-1]

"""Folders: every picture through the settings, what failed once more, labels read from each."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.base.steps import Progress
from studio.engine.results import Labels, Picture
from studio.engine.translate.batch import Batch, Failure
from studio.panels.translate import TranslatePanel
from studio.panels.translate.folder import goes_through
from studio.project.assets import AssetStore
from studio.project.translate import ReadLabels, Translate
from tests.panels.style.paper import picture
from tests.panels.translate.paper import MANY, THERE, TranslateStudio, read, with_picture


class Engine:
    """Inverts pictures, refuses those that are 13 px wide, reads two labels."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.width = 13

    def start(self, ctx: Any, request: Any) -> Any:
        self.seen.append(request)
        pixels = ctx.assets.image(request.picture)
        if isinstance(request, ReadLabels):
            yield Progress(1, 1, "read")
            return Labels((float(pixels[0, 0, 0]), 0.0))
        if pixels.shape[1] == self.width:
            raise StudioError("No.", "It is 13 px wide.")
        yield Progress(1, 2, "half")
        return Picture(255 - pixels[..., :3])


class Ctx(SimpleNamespace):
    def derive(self) -> Ctx:
        return Ctx(assets=self.assets, library=self.library)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    from studio.engine import registry

    made = Engine()
    monkeypatch.setattr(registry, "start", made.start)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from studio.media.images import save_image

    source = tmp_path / "in"
    source.mkdir()
    for name, width in (("b.png", 20), ("a.png", 30), ("odd.png", 13)):
        save_image(source / name, picture(50, width, 10), recipe=None)
    return source


def run(job: Any) -> Batch:
    ctx = Ctx(assets=AssetStore(), library=SimpleNamespace(card=lambda _: None, default=lambda _: None))
    steps = job(ctx)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        done: Batch = stop.value
        return done
    finally:
        ctx.assets.close()


def test_a_folder_goes_through_and_what_failed_once_more(
    panel: TranslatePanel, studio: TranslateStudio, engine: Engine, folder: Path, tmp_path: Path
) -> None:
    with_picture(panel, studio)
    panel.folder.begin(folder, tmp_path / "out")
    job, task = studio.worker.last("translate.batch")
    assert panel.folder.running and panel.folder.start.text() == "Stop"
    view = SimpleNamespace(done=1, total=3, eta_s=8.0, phase="b.png")
    studio.worker.progress.emit(job, view)
    assert panel.folder.section.hint() == "2 of 3 · 0:08 left"
    studio.finish(job, run(task))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "b.png"}
    assert {type(request) for request in engine.seen} == {Translate} and engine.seen[0].model == THERE
    said = studio.told[-1]
    assert "2 pictures went into “out”" in said and "odd.png: It is 13 px wide." in said
    assert panel.folder.again.isVisibleTo(panel.folder.section) and not panel.folder.running
    engine.width = 0
    panel.folder.again.click()
    job, task = studio.worker.last("translate.batch")
    studio.finish(job, run(task))
    assert "3 pictures" in studio.told[-1] and "did not work" not in studio.told[-1]
    assert not panel.folder.again.isVisibleTo(panel.folder.section)
    panel.folder.begin(folder, tmp_path / "out")
    job, task = studio.worker.last("translate.batch")
    studio.finish(job, run(task))
    assert "3 were there already" in studio.told[-1] and len(list((tmp_path / "out").iterdir())) == 3


def test_labels_are_read_from_each_picture(engine: Engine, folder: Path, tmp_path: Path) -> None:
    template = Translate(model=MANY, picture="", size=64)
    done = run(goes_through([folder / "a.png"], tmp_path / "out", template, {1: 0.5}))
    assert len(done.written) == 1
    asked, made = engine.seen
    assert isinstance(asked, ReadLabels) and asked.size == 64 and asked.model == MANY
    assert made.look.labels == (205.0, 0.5), "what it has, and what was changed by hand"


def test_only_what_was_changed_by_hand_goes_to_the_folder(
    panel: TranslatePanel, studio: TranslateStudio, tmp_path: Path
) -> None:
    with_picture(panel, studio)
    panel.accept_model(next(card for card in studio.cards if card.sha256 == MANY))
    studio.worker.answer("translate.labels", read(1.0, 0.0, 0.0, 1.0))
    panel.labels._toggles[1].value_changed.emit(0.5, True)
    panel.folder.begin(tmp_path, tmp_path / "out")
    assert panel.folder._task is not None and panel.folder._task[2] == {1: 0.5}


def test_stopping_and_failing(panel: TranslatePanel, studio: TranslateStudio, tmp_path: Path) -> None:
    with_picture(panel, studio)
    panel.folder.begin(tmp_path / "nowhere", tmp_path / "out")
    panel.folder.choose()
    assert studio.worker.ended == ["translate.batch"] and not panel.folder.running
    panel.folder.begin(tmp_path / "nowhere", tmp_path / "out")
    job, _ = studio.worker.last("translate.batch")
    studio.worker.failed.emit(job, None, StudioError("There is no folder.", ""))
    assert "no folder" in panel.folder.note.text() and "no folder" in studio.told[-1]
    studio.cards = []
    panel.models_changed()
    panel.folder.begin(tmp_path, tmp_path / "out")
    assert not panel.folder.running and studio.told[-1]


def test_the_report_in_words(panel: TranslatePanel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "no picture" in panel.folder.sentence(Batch(out))
    one = Batch(out, (out / "a.png",), (), tuple(Failure(f"{i}.png", "Why.", out) for i in range(5)))
    said = panel.folder.sentence(one)
    assert said.startswith("One picture went into “out”.") and "5 did not work. 0.png: Why." in said
    assert "4.png" not in said, "not all of them by name"
    assert np.size(one.failed) == 5

"""The paper studio with what the Style panel needs: networks of its roles, pausing, a look at the queue."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PySide6.QtCore import Signal

from studio.base.errors import StudioError
from studio.checkpoints.card import ModelCard
from studio.panels.style import StylePanel
from studio.project.session import KeptIterate
from studio.project.style import StyleSource, Stylize
from tests.panels.conftest import PaperStudio, PaperWorker

FEATURES, PAINTER, ADAIN = "f" * 64, "d" * 64, "e" * 64
LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu4_1")


def style_cards() -> list[ModelCard]:
    """A feature network, a painter of one style, and one that wants styles."""
    names = ["conv1_1", *LAYERS]
    return [
        ModelCard(
            name="studio-vgg",
            role="features",
            architecture="studio-vgg",
            sha256=FEATURES,
            hyper={"layer_names": names},
            data="trained on photographs",
        ),
        ModelCard(name="waves", role="stylizer", architecture="johnson", sha256=PAINTER, hyper={"wants_style": False}),
        ModelCard(name="adain", role="stylizer", architecture="adain", sha256=ADAIN, hyper={"wants_style": True}),
    ]


class StyleWorker(PaperWorker):
    """Also pauses and shows its queue; jobs without a title are allowed (thumbnails)."""

    jobs_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rested: list[tuple[str, int]] = []
        self.queue: list[Any] = []
        self.titles: dict[int, str] = {}

    def long(self, request: Any, title: str, key: str = "") -> int:
        job = self._new(key, request)
        self.titles[job] = title
        return job

    def pause(self, job: int) -> None:
        self.rested.append(("pause", job))

    def resume(self, job: int) -> None:
        self.rested.append(("resume", job))

    def jobs(self) -> list[Any]:
        return self.queue

    def cancel_key(self, key: str) -> None:
        super().cancel_key(key)
        found = [job for job, name, _ in self.asked if name == key]
        for job in found:
            self.cancelled.emit(job)


class StyleStudio(PaperStudio):
    """Runs the file jobs itself when told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.worker = StyleWorker()
        self.cards += style_cards()
        self.files: list[Path] = []
        self.taken: list[Any] = []
        self._read = 0

    def choose_files(self, purpose: str, title: str, patterns: str, *, several: bool = False) -> list[Path]:
        return self.files

    def take(self, things: Any) -> None:
        self.taken += list(things)

    def run_files(self) -> int:
        """Do every file job that waits, also those that come of it; how many there were."""
        done = 0
        while self._read < len(self.worker.asked):
            job, _, what = self.worker.asked[self._read]
            self._read += 1
            if callable(what):
                done += 1
                try:
                    result = what(SimpleNamespace(assets=self.assets))
                except StudioError as error:
                    self.worker.failed.emit(job, None, error)
                else:
                    self.worker.finished.emit(job, None, result)
        return done


def picture(shade: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A picture that is not flat."""
    made = np.full((height, width, 3), shade, np.uint8)
    made[: height // 2, :, 0] = 255 - shade
    return made


def with_pair(panel: StylePanel, studio: StyleStudio) -> tuple[str, str]:
    """Content and one style, as a person would drop them; their assets."""
    panel.accept_picture(picture(10), "harbour")
    studio.run_files()
    panel.accept_picture(picture(200), "waves")
    studio.run_files()
    run = panel.state.run
    styles: tuple[StyleSource, ...] = run.look.styles
    return run.content, styles[0].picture


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

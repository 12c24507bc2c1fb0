"""The worker on the real engine: lazy torch, models from the library, previews that give way, the ladder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.base.errors import StudioError
from studio.base.steps import run
from studio.checkpoints.library import Library
from studio.engine import memory
from studio.engine.results import Picture, Pictures
from studio.project.latents import Seed
from studio.project.requests import Render, Sheet
from studio.worker.bridge import Worker

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """One small generator."""
    folder = tmp_path_factory.mktemp("library")
    made = Library(folder / "weights", folder / "models")
    run(made.import_file(Path(__file__).parents[1] / "fixtures" / "stylegan2_uncond_32px.safetensors"))
    return made


@pytest.fixture
def model(library: Library) -> str:
    return library.entries()[0].sha256


@pytest.fixture
def worker(qapp: QApplication, library: Library) -> Iterator[Worker]:
    made = Worker(library=library, device="cpu", budget_bytes=1 << 28)
    yield made
    made.stop()


class Results:
    """What finished and what failed."""

    def __init__(self, worker: Worker) -> None:
        self.done: dict[int, Any] = {}
        self.failed: dict[int, StudioError] = {}
        worker.finished.connect(lambda job, request, result: self.done.__setitem__(job, result))
        worker.failed.connect(lambda job, request, error: self.failed.__setitem__(job, error))

    def of(self, qtbot: QtBot, job: int) -> Any:
        """Wait for a job."""
        qtbot.waitUntil(lambda: job in self.done or job in self.failed, timeout=WAIT_MS)
        assert job in self.done, self.failed[job].sentence() + self.failed[job].detail
        return self.done[job]


def test_a_picture_and_the_status(qtbot: QtBot, worker: Worker, model: str) -> None:
    results = Results(worker)
    assert worker.status.device == ""
    worker.warm_up()
    picture = results.of(qtbot, worker.live("explore", Render(model=model, latent=Seed(seed=1))))
    assert isinstance(picture, Picture) and picture.image.shape == (32, 32, 3) and picture.image.dtype == np.uint8
    qtbot.waitUntil(lambda: worker.status.last_ms is not None and worker.status.queue == 0, timeout=WAIT_MS)
    status = worker.status
    assert status.device == "cpu" and status.device_name and status.devices[-1].id == "cpu"
    assert 0 < status.memory_used < status.memory_total and status.models_bytes > 0


def test_equal_requests_mean_equal_pictures_through_every_way(qtbot: QtBot, worker: Worker, model: str) -> None:
    results = Results(worker)
    request = Render(model=model, latent=Seed(seed=3))
    one = results.of(qtbot, worker.live("explore", request)).image
    two = results.of(qtbot, worker.long(request, "Render", device="cpu")).image
    np.testing.assert_array_equal(one, two)


def test_a_missing_model_is_told_and_the_worker_goes_on(qtbot: QtBot, worker: Worker, model: str) -> None:
    results = Results(worker)
    bad = worker.live("explore", Render(model="0" * 64, latent=Seed(seed=1)))
    qtbot.waitUntil(lambda: bad in results.failed, timeout=WAIT_MS)
    assert results.failed[bad].kind == "model"
    assert results.of(qtbot, worker.live("explore", Render(model=model, latent=Seed(seed=1))))


def test_a_sheet_survives_memory_that_runs_out_for_large_batches(
    qtbot: QtBot, worker: Worker, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real ladder on the real operation: batches above four pictures have no room."""
    from studio.nets.stylegan2_fast import FastStyleGAN2

    results = Results(worker)
    sheet = Sheet(model=model, latents=tuple(Seed(seed=i) for i in range(16)))
    whole = results.of(qtbot, worker.long(sheet, "Sheet"))
    sizes: list[int] = []
    real = FastStyleGAN2.synthesize

    def tight(self: Any, ws: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(ws.shape[0])
        if ws.shape[0] > 4:
            raise MemoryError
        return real(self, ws, *args, **kwargs)

    monkeypatch.setattr(FastStyleGAN2, "synthesize", tight)
    notes: list[str] = []
    worker.progress.connect(lambda job, view: notes.append(view.note))
    again = results.of(qtbot, worker.long(sheet, "Sheet"))
    assert max(sizes) > 4 and sizes[-1] <= 4
    assert any("smaller parts" in note for note in notes)
    images = (whole.images, again.images) if isinstance(whole, Pictures) else ((whole.image,), (again.image,))
    for a, b in zip(*images, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_the_end_of_the_ladder_keeps_the_worker_alive(
    qtbot: QtBot, worker: Worker, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.nets.stylegan2_fast import FastStyleGAN2

    def never(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    results = Results(worker)
    with monkeypatch.context() as patch:
        patch.setattr(FastStyleGAN2, "synthesize", never)
        patch.setattr(FastStyleGAN2, "synthesize_steps", never)
        job = worker.live("explore", Render(model=model, latent=Seed(seed=1)))
        qtbot.waitUntil(lambda: job in results.failed, timeout=WAIT_MS)
    error = results.failed[job]
    assert isinstance(error, memory.NotEnoughMemory) and error.kind == "resource" and error.offer == ""
    again = worker.retry(job)
    assert again is not None and results.of(qtbot, again)


def test_a_device_that_is_not_there(qtbot: QtBot, worker: Worker, model: str) -> None:
    results = Results(worker)
    troubles: list[StudioError] = []
    worker.trouble.connect(troubles.append)
    worker.set_device("cuda:99")
    job = worker.long(Render(model=model, latent=Seed(seed=1)), "Render", device="cuda:98")
    qtbot.waitUntil(lambda: bool(troubles) and job in results.failed, timeout=WAIT_MS)
    assert "cuda:99" in troubles[0].what and results.failed[job].kind == "resource"
    assert results.of(qtbot, worker.live("explore", Render(model=model, latent=Seed(seed=1))))

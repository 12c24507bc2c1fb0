"""The window's parts on a real worker with an engine made of paper."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.app.calls import Lane
from studio.app.document import Document
from studio.app.logs import LogBook
from studio.app.settings import Settings
from studio.app.window import MainWindow
from studio.checkpoints.card import ModelCard
from studio.checkpoints.library import Library
from studio.engine.results import Picture, Pictures
from studio.project.assets import AssetStore
from studio.project.requests import Render, Tiles
from studio.worker.bridge import Worker


class PaperContext:
    """What functions of :meth:`Worker.call` get."""

    def __init__(self, assets: AssetStore) -> None:
        self.assets = assets
        self.library: Any = None


def paper(seed: int, side: int = 32) -> np.ndarray:
    """A picture that depends on a number."""
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def paper_start(_context: Any, request: Any) -> Any:
    """Answers requests as the engine would."""
    if isinstance(request, Tiles):
        return Pictures(tuple(paper(hash(latent) % 1000, request.tile) for latent in request.latents))
        yield
    number = hash(request.latent) % 1000 if isinstance(request, Render) else 0
    return Picture(paper(number, 64))
    yield


@pytest.fixture
def assets() -> Iterator[AssetStore]:
    store = AssetStore()
    yield store
    store.close()


@pytest.fixture
def worker(qapp: QApplication, assets: AssetStore) -> Iterator[Worker]:
    made = Worker(context=lambda: PaperContext(assets), start=paper_start)
    yield made
    made.stop()
    made.deleteLater()


@pytest.fixture
def lane(worker: Worker) -> Lane:
    return Lane(worker, "test", worker)


@pytest.fixture
def document(qtbot: QtBot, lane: Lane, assets: AssetStore) -> Document:
    return Document(lane, assets, lane)


@pytest.fixture(autouse=True)
def no_thread_stays(qapp: QApplication) -> Iterator[None]:
    """A test that leaves a thread running, or a window open, fails."""
    before = set(threading.enumerate())
    yield
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible():
            widget.close()
    # A QThread is a dummy to Python and stays listed after its end; Qt's own list is asked below.
    dummy = threading._DummyThread  # type: ignore[attr-defined]
    left = [t for t in threading.enumerate() if t not in before and not isinstance(t, dummy)]
    left = [t for t in left if t.name.startswith("studio")]
    for thread in left:
        thread.join(5)
    assert not [t.name for t in left if t.is_alive()], "threads were left running"
    running = [t for t in qapp.findChildren(QThread) if t.isRunning()]
    assert not running, "Qt threads were left running"


def a_card(name: str = "paper", sha: str = "a" * 64) -> ModelCard:
    """A generator that only exists as its card."""
    bands = ("coarse", "middle", "fine")
    layers = [
        {"index": i, "name": f"layer {i}", "resolution": 4 * 2 ** (i // 2), "band": bands[i // 2]} for i in range(6)
    ]
    return ModelCard(
        name=name,
        role="generator",
        architecture="stylegan2",
        title=name.title(),
        sha256=sha,
        licence="CC0",
        hyper={
            "resolution": 64,
            "z_dim": 16,
            "w_dim": 16,
            "c_dim": 0,
            "num_ws": 6,
            "layers": layers,
            "low_resolutions": [4, 8, 16, 32],
        },
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "paper.json").write_text(a_card().to_json())
    (weights / "paper.safetensors").touch()
    return Library(weights, tmp_path / "models")


@pytest.fixture
def settings(qapp: QApplication, tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "settings.ini")
    made.set("autosave_seconds", 600.0)
    return made


@pytest.fixture
def window(
    qtbot: QtBot, worker: Worker, assets: AssetStore, library: Library, settings: Settings
) -> Iterator[MainWindow]:
    """The whole window, with a picture on its canvas."""
    made = MainWindow(worker, assets, library, settings, LogBook())
    made.resize(1280, 800)
    made.show()
    with qtbot.waitSignal(made.first_picture, timeout=20_000):
        made.begin()
    yield made
    qtbot.waitUntil(lambda: made.files_lane.idle and made.errands.idle and made.autosaver.lane.idle, timeout=20_000)
    made.closing.ending = True
    made.autosaver.close()
    made.exporter.close()
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def asked(window: MainWindow) -> Callable[[type[Any]], Any]:
    """The dialog of a class that is open now."""

    def find(kind: type[Any]) -> Any:
        return next((w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()), None)

    return find

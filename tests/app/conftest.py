"""The window's parts on a real worker with an engine made of paper."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.app.calls import Lane
from studio.app.document import Document
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

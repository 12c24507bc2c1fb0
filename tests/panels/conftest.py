"""A studio made of paper: the real panels, a document without a file, a worker that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QApplication

from studio.checkpoints.card import ModelCard
from studio.project.assets import AssetStore
from studio.project.session import Session

SHA = "a" * 64
OTHER = "b" * 64


def a_card(sha: str = SHA, resolution: int = 64, c_dim: int = 3) -> ModelCard:
    """A StyleGAN2 with a toggle and a choice of two."""
    sizes = [4] + [s for s in (8, 16, 32, 64, 128, 256, 512, 1024) if s <= resolution for _ in range(2)]
    sizes.append(resolution)
    layers = [
        {
            "index": i,
            "name": f"{s} px",
            "resolution": s,
            "band": ("coarse", "middle", "fine")[min(2, 3 * i // len(sizes))],
        }
        for i, s in enumerate(sizes)
    ]
    groups = (
        {"title": "Things", "kind": "toggle", "names": ["Hat"], "indices": [0], "prior": [0.5]},
        {"title": "Colour", "kind": "choice", "names": ["Red", "Blue"], "indices": [1, 2], "prior": [0.5, 0.5]},
    )
    return ModelCard(
        name=f"paper-{sha[0]}",
        role="generator",
        architecture="stylegan2",
        sha256=sha,
        hyper={
            "resolution": resolution,
            "z_dim": 8,
            "w_dim": 8,
            "c_dim": c_dim,
            "num_ws": len(layers),
            "layers": layers,
            "low_resolutions": [s for s in (4, 8, 16, 32, 64, 128, 256, 512) if s < resolution],
        },
        label_names=("Hat", "Red", "Blue")[:c_dim],
        label_groups=groups if c_dim else (),
    )


class PaperDocument(QObject):
    """Edits without undo."""

    changed = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.read_only = False
        self.steps: list[tuple[str, str | None, bool]] = []

    def edit(self, session: Session, text: str, *, drag: str | None = None, final: bool = True) -> None:
        self.steps.append((text, drag, final))
        self.amend(session)

    def undo_state(self) -> tuple[bool, bool]:
        return bool(self.steps), False

    def amend(self, session: Session) -> None:
        before, self.session = self.session, session
        if before != session:
            self.changed.emit(before, session)

    begin = amend


class PaperWorker(QObject):
    """Writes down jobs; the test tells what becomes of them."""

    started = Signal(int)
    progress = Signal(int, object)
    preview = Signal(int, object)
    loss = Signal(int, object)
    finished = Signal(int, object, object)
    failed = Signal(int, object, object)
    cancelled = Signal(int)
    replaced = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, str, Any]] = []
        self.updates: list[tuple[int, Any]] = []
        self.ended: list[str] = []

    def _new(self, key: str, what: Any) -> int:
        self.asked.append((len(self.asked) + 1, key, what))
        return len(self.asked)

    def live(self, key: str, request: Any) -> int:
        return self._new(key, request)

    def long(self, request: Any, title: str, key: str = "") -> int:
        assert title
        return self._new(key, request)

    def call(self, function: Callable[[Any], Any], title: str, key: str = "", where: str = "device") -> int:
        assert title
        return self._new(key, function)

    def cancel_key(self, key: str) -> None:
        self.ended.append(key)

    def update(self, job: int, request: Any) -> None:
        self.updates.append((job, request))

    def last(self, key: str) -> tuple[int, Any]:
        """The newest job of a key."""
        job, _, what = [entry for entry in self.asked if entry[1] == key][-1]
        return job, what

    def count(self, key: str) -> int:
        """How often a key was asked for."""
        return sum(1 for entry in self.asked if entry[1] == key)

    def answer(self, key: str, result: Any) -> Any:
        """Finish the newest job of a key; returns its request."""
        job, what = self.last(key)
        self.finished.emit(job, what, result)
        return what


class PaperStudio:
    """What panels ask of the window."""

    def __init__(self, folder: Path) -> None:
        self.document = PaperDocument()
        self.worker = PaperWorker()
        self.assets = AssetStore()
        self.settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        self.precision = "fast"
        self.cards = [a_card(), a_card(OTHER, 1024, 0)]
        self.told: list[str] = []
        self.results: list[tuple[Any, str]] = []
        self.bookmarks: list[tuple[Any, str]] = []
        self.shown: list[str] = []
        self.ran: list[str] = []
        self.target: Path | None = None

    def card(self, model: str, role: str = "generator") -> ModelCard | None:
        # A new object each time, as a library that reads its folder gives it.
        found = next((c for c in self.cards if model == c.sha256 or (not model and c.role == role)), None)
        return found.changed() if found is not None else None

    def of_role(self, role: str) -> list[ModelCard]:
        return [card for card in self.cards if card.role == role and card.usable]

    def notify(self, message: Any, *, good: bool = False) -> None:
        self.told.append(str(message))

    def add_result(self, request: Any, picture: Any, title: str, panel: str) -> None:
        self.results.append((request, title))

    def add_bookmark(self, latent: Any, look: Any, model: str, name: str, picture: Any) -> None:
        self.bookmarks.append((latent, name))

    def open_model_dialog(self) -> None:
        self.told.append("model dialog")

    def choose_files(self, purpose: str, title: str, patterns: str, *, several: bool = False) -> list[Path]:
        return []

    def choose_target(self, purpose: str, title: str, patterns: str, name: str) -> Path | None:
        return self.target

    def load_picture(self, path: Path, then: Callable[[Any, str], object]) -> None:
        then(image(1), path.name)

    def take(self, things: Iterable[Any]) -> None:
        self.told.append("dropped")

    def show_panel(self, name: str) -> None:
        self.shown.append(name)

    def run_action(self, name: str) -> None:
        self.ran.append(name)

    def picture_changed(self, panel: Any) -> None:
        pass


def image(shade: int, side: int = 64) -> np.ndarray:
    """A flat picture."""
    return np.full((side, side, 3), shade, np.uint8)


@pytest.fixture
def studio(qapp: QApplication, tmp_path: Path) -> Iterator[PaperStudio]:
    made = PaperStudio(tmp_path)
    yield made
    made.assets.close()

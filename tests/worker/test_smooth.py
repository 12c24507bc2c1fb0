"""The UI thread never stands still while everything happens at once: a long job, endless live requests, a save."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from studio.base.steps import Loss, Preview, Progress
from studio.project import storage
from studio.project.assets import AssetStore
from studio.project.latents import Seed
from studio.project.requests import Render
from studio.project.session import GalleryItem, Session
from studio.worker.bridge import Worker
from tests.worker.watchdog import smooth

SECONDS = 2.0
PICTURES = 60


@dataclass(frozen=True)
class Train:
    """Endless heavy steps, each about 50 ms of convolutions with gradients."""


@dataclass(frozen=True)
class Draw:
    """A live picture: convolutions, a preview, more convolutions."""

    frame: int


class Net:
    """Real work on real tensors."""

    def __init__(self) -> None:
        self.big = torch.randn(64, 64, 3, 3) * 0.03
        self.small = torch.randn(32, 32, 3, 3) * 0.05

    def start(self, context: Any, request: Any) -> Iterator[Any]:
        """The operations of this test."""
        if isinstance(request, Train):
            weight = self.big.clone().requires_grad_(True)
            x = torch.randn(1, 64, 96, 96)
            step = 0
            while True:
                step += 1
                y = x
                for _ in range(3):
                    y = F.leaky_relu(F.conv2d(y, weight, padding=1), 0.2)
                loss = y.square().mean()
                loss.backward()
                yield Loss(step, {"loss": float(loss.detach())})
                yield Preview(self.picture(y[0, :3].detach()))
                yield Progress(step, 10_000, "Training")
        x = torch.full((1, 32, 128, 128), request.frame / 100)
        with torch.no_grad():
            x = F.conv2d(x, self.small, padding=1)
        yield Preview(self.picture(x[0, :3]))
        with torch.no_grad():
            for _ in range(3):
                x = F.leaky_relu(F.conv2d(x, self.small, padding=1), 0.2)
        return self.picture(F.interpolate(x[:, :3], scale_factor=4)[0])

    @staticmethod
    def picture(x: torch.Tensor) -> np.ndarray:
        """[3, H, W] to [H, W, 3] uint8."""
        return (x * 127 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


@pytest.fixture
def project() -> Iterator[tuple[Session, AssetStore]]:
    """A project with many pictures (20 MB)."""
    assets = AssetStore()
    random = np.random.default_rng(0)
    shas = [assets.put_array(random.integers(0, 255, (330_000,), np.uint8)) for _ in range(PICTURES)]
    items = tuple(
        GalleryItem(id=str(i), title=f"picture {i}", request=Render(model="m", latent=Seed(seed=i)), picture=sha)
        for i, sha in enumerate(shas)
    )
    yield Session(gallery=items), assets
    assets.close()


class Scene:
    """A window that drags at 60 requests a second, shows what comes back, and saves the project again and again."""

    def __init__(self, worker: Worker, project: tuple[Session, AssetStore], folder: Path) -> None:
        self.worker, (self.session, self.assets), self.folder = worker, project, folder
        self.label = QLabel()
        self.label.resize(512, 512)
        self.label.show()
        self.frame = self.shown = self.saves = self.steps = 0
        self.errors: list[Any] = []
        worker.preview.connect(lambda job, preview: self.show(preview.image))
        worker.finished.connect(self.finished)
        worker.failed.connect(lambda job, request, error: self.errors.append(error.detail or error.sentence()))
        worker.loss.connect(self.count)

    def count(self, job: int, loss: Loss) -> None:
        self.steps += 1

    def finished(self, job: int, request: Any, result: Any) -> None:
        if isinstance(request, Draw):
            self.show(result)
        elif result == "saved":
            self.saves += 1
            self.save()

    def show(self, image: np.ndarray) -> None:
        """What a canvas does."""
        self.shown += 1
        height, width, _ = image.shape
        self.label.setPixmap(QPixmap.fromImage(QImage(image, width, height, width * 3, QImage.Format.Format_RGB888)))

    def drag(self) -> None:
        self.frame += 1
        self.worker.live("explore", Draw(self.frame))

    def save(self) -> None:
        path = self.folder / f"project-{self.saves}.studio"

        def write(context: Any) -> str:
            storage.save(path, self.session, self.assets)
            return "saved"

        self.worker.call(write, "Save", "project", where="io")

    def play(self) -> None:
        """At least two seconds of it, and until the training took a step and a save was written meanwhile."""
        begun, steps, saves = time.monotonic(), self.steps, self.saves
        loop = QEventLoop()

        def tick() -> None:
            self.drag()
            took = time.monotonic() - begun
            if took > 60 or (took > SECONDS and self.steps > steps and self.saves > saves):
                loop.quit()

        ticker = QTimer(interval=16)
        ticker.timeout.connect(tick)
        ticker.start()
        loop.exec()
        ticker.stop()
        self.played = time.monotonic() - begun


def test_a_long_job_dragging_and_saving_at_once(
    qapp: QApplication, qtbot: QtBot, project: tuple[Session, AssetStore], tmp_path: Path
) -> None:
    net = Net()
    worker = Worker(context=lambda: None, start=net.start)
    try:
        scene = Scene(worker, project, tmp_path)
        train = worker.long(Train(), "Train")
        scene.save()
        dog = smooth(scene.play)
        scene.errors += ["too slow to be a test"] if scene.played > 60 else []
        assert scene.errors == []
        # It was no idle scene: pictures came all the time, the training moved, the project was written.
        assert scene.frame >= 30 * SECONDS * 0.5 and scene.shown >= 10
        assert scene.steps >= 1 and scene.saves >= 1 and dog.beats > 50
        assert train in [view.id for view in worker.jobs()]
        seen = f"{scene.shown} pictures, {scene.saves} saves in {scene.played:.1f} s"
        print(f"{seen}: worst stall {dog.worst * 1000:.1f} ms, by the clock {dog.worst_wall * 1000:.1f} ms")
    finally:
        begun = time.perf_counter()
        worker.stop()
        scene.label.deleteLater()
        assert time.perf_counter() - begun < 20


def test_the_same_scene_with_a_blocking_slot_is_caught(
    qapp: QApplication, qtbot: QtBot, project: tuple[Session, AssetStore], tmp_path: Path
) -> None:
    """The counter-proof: a picture is worked on in the UI thread, as nobody should."""
    net = Net()
    worker = Worker(context=lambda: None, start=net.start)
    try:
        scene = Scene(worker, project, tmp_path)
        worker.long(Train(), "Train")

        scene.save()

        def works_here() -> None:
            until = time.thread_time() + 0.12
            while time.thread_time() < until:
                np.sort(np.random.default_rng(0).random(10_000))

        def play() -> None:
            QTimer.singleShot(200, works_here)
            scene.play()

        with pytest.raises(AssertionError, match="works_here"):
            smooth(play, tries=2)
    finally:
        worker.stop()
        scene.label.deleteLater()

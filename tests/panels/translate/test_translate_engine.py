"""The panel on the real worker and the real engine, with small networks of random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from studio.checkpoints.facts import facts
from studio.checkpoints.library import Library
from studio.engine.results import CycleResult
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.srresnet import MSRResNet
from studio.nets.stargan import StarGAN
from studio.nets.unet_generator import UNetGenerator
from studio.panels.translate import TranslatePanel
from studio.panels.translate import examples as example_room
from studio.project.assets import AssetStore
from studio.training.export import write_model
from studio.worker.bridge import Worker
from tests.panels.style.paper import picture
from tests.panels.translate.paper import GROUPS, TranslateStudio, draw

NETS: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "ink": ("translator", lambda: UNetGenerator(3, 3, (8,) * 6), {"input": "ink", "size": 64}, {}),
    "there": ("translator", lambda: ResNetGenerator(3, 3, 4, 1), {"partner": "back", "size": 64}, {}),
    "back": ("translator", lambda: ResNetGenerator(3, 3, 4, 1), {"partner": "there", "size": 64}, {}),
    "many": ("translator", lambda: StarGAN(3, 4, 4, 1), {"size": 64}, {"label_groups": GROUPS}),
    "twice": ("upscaler", lambda: MSRResNet(3, 3, 8, 1, (2,)), {"sharper": "twice_sharp"}, {}),
    "twice_sharp": ("upscaler", lambda: MSRResNet(3, 3, 8, 1, (2,)), {}, {}),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    for name, (role, make, about, more) in NETS.items():
        net = make().eval()
        card = {"role": role, "architecture": net.ARCHITECTURE, "hyper": {**facts(role, net), **about}, **more}
        write_model(net, folder, name, {"title": name, **card})
    return folder


@pytest.fixture
def studio(qapp: Any, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TranslateStudio]:
    monkeypatch.setattr(example_room, "home", lambda: tmp_path / "examples")
    example_room.examples.cache_clear()
    made = TranslateStudio(tmp_path)
    library = Library(weights, tmp_path / "models")
    made.assets = AssetStore()
    made.cards = list(library.entries())
    made.worker = Worker(assets=made.assets, library=library, device="cpu")  # type: ignore[assignment]
    yield made
    made.worker.stop()  # type: ignore[attr-defined]
    made.assets.close()
    example_room.examples.cache_clear()


def by_name(studio: TranslateStudio, name: str) -> Any:
    return next(card for card in studio.cards if card.name == name)


def settled(panel: TranslatePanel, qtbot: QtBot) -> None:
    """Until the picture of the session is there."""
    qtbot.waitUntil(lambda: panel.doing.whole(), timeout=30_000)


def test_draw_and_it_grows(panel: TranslatePanel, studio: TranslateStudio, qtbot: QtBot) -> None:
    draw(panel, (0.2, 0.2), (0.8, 0.3), (0.5, 0.8))
    settled(panel, qtbot)
    assert panel.canvas.image().shape == (64, 64, 3) and panel.state.drawing
    panel.doing.rested()
    qtbot.waitUntil(lambda: panel.varying.grid.image(1, 3) is not None, timeout=30_000)
    assert studio.results and studio.told == []
    panel.accept_picture(picture(120, 90, 60), "photo")
    qtbot.waitUntil(lambda: panel.tracing.below() is not None, timeout=30_000)
    panel.tracing.draw_on()
    qtbot.waitUntil(lambda: panel.state.trace is None, timeout=30_000)
    settled(panel, qtbot)


def test_pictures_there_and_back_and_their_attributes(
    panel: TranslatePanel, studio: TranslateStudio, qtbot: QtBot
) -> None:
    panel.accept_model(by_name(studio, "there"))
    panel.accept_picture(picture(60, 90, 60), "photo")
    qtbot.waitUntil(lambda: bool(panel.state.picture), timeout=30_000)
    settled(panel, qtbot)
    assert panel.canvas.image().shape == (43, 64, 3)
    panel.cycle()
    settled(panel, qtbot)
    result = panel.cycling.result_now()
    assert isinstance(result, CycleResult) and 0 < result.l1 < 1 and "%" in panel.cycling.words.text()
    panel.accept_model(by_name(studio, "many"))
    qtbot.waitUntil(lambda: bool(panel.labels.read()), timeout=30_000)
    settled(panel, qtbot)
    before = panel.canvas.image()
    panel.labels._toggles[1].value_changed.emit(1.5, True)
    settled(panel, qtbot)
    assert (panel.canvas.image() != before).any() and studio.told == []


def test_larger_and_between_two_sisters(
    panel: TranslatePanel, studio: TranslateStudio, qtbot: QtBot, tmp_path: Path
) -> None:
    from studio.media.images import load_image, save_image

    panel.accept_task("enlarge", picture(60, 40, 30), "small")
    qtbot.waitUntil(lambda: bool(panel.state.picture), timeout=30_000)
    settled(panel, qtbot)
    plain = panel.canvas.image()
    assert plain.shape == (60, 80, 3)
    panel.enlarging.sharpness.value_changed.emit(1.0, True)
    settled(panel, qtbot)
    assert (panel.canvas.image() != plain).any()
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a.png", "b.png"):
        save_image(source / name, picture(9, 20, 10), recipe=None)
    (source / "c.png").write_bytes(b"nothing")
    panel.folder.begin(source, tmp_path / "out")
    qtbot.waitUntil(lambda: panel.folder.done is not None, timeout=30_000)
    assert [path.name for path in panel.folder.done.written] == ["a.png", "b.png"]
    assert np.asarray(load_image(tmp_path / "out" / "a.png").pixels).shape == (20, 40, 3)
    assert panel.folder.again.isVisibleTo(panel.folder.section) and "c.png" in studio.told[-1]

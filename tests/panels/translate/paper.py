"""The paper studio with translators and upscalers in it, and hands that draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF

from studio.base.steps import UInt8Image
from studio.checkpoints.card import Assumption, ModelCard
from studio.engine.results import Labels, Picture, Pictures
from studio.panels.translate import TranslatePanel
from studio.project.translate import Translate
from tests.panels.style.paper import StyleStudio, StyleWorker, picture
from tests.widgets.hands import drag

INK, THERE, BACK, MANY, OWN_MODEL = "1" * 64, "2" * 64, "3" * 64, "4" * 64, "5" * 64
TWICE, TWICE_SHARP, ALONE = "6" * 64, "7" * 64, "8" * 64
GROUPS = (
    {"title": "Features", "kind": "toggle", "names": ["glasses", "hat"], "indices": [0, 1], "default": [0, 0]},
    {"title": "Hair", "kind": "choice", "names": ["ink", "red"], "indices": [2, 3], "prior": [0.6, 0.4]},
)


def _translator(name: str, sha: str, architecture: str, **hyper: Any) -> ModelCard:
    facts = {"in_channels": 3, "out_channels": 3, "c_dim": 0, "multiple": 4, "size": 128}
    facts |= {"has_stored_statistics": False, "has_dropout": False}
    return ModelCard(
        name=name,
        title=name.replace("_", " "),
        role="translator",
        architecture=architecture,
        sha256=sha,
        hyper=facts | hyper,
        embedded=sha != OWN_MODEL,
    )


def translate_cards() -> list[ModelCard]:
    """One for ink, a pair, one of many domains, one of somebody's own; three that enlarge."""
    ink = _translator("ink", INK, "pix2pix-unet", input="ink", has_stored_statistics=True, has_dropout=True)
    ink.hyper.update(source_title="Ink drawing", target_title="3D emoji", statistics=0.0)
    there = _translator("there", THERE, "cyclegan-resnet", partner="back", source_title="Flat", target_title="Round")
    back = _translator("back", BACK, "cyclegan-resnet", partner="there", source_title="Round", target_title="Flat")
    many = _translator("many", MANY, "stargan", c_dim=4).changed(
        label_names=("glasses", "hat", "hair:ink", "hair:red"), label_groups=GROUPS
    )
    own = _translator("own", OWN_MODEL, "cyclegan-resnet").changed(
        assumptions=(Assumption("dropout", False, "The file does not say.", (False, True)),)
    )
    own.hyper.pop("size")
    twice = ModelCard(name="twice", role="upscaler", architecture="msrresnet", sha256=TWICE)
    twice.hyper.update(scale=2, sharper="twice_sharp")
    sharp = ModelCard(name="twice_sharp", role="upscaler", architecture="msrresnet", sha256=TWICE_SHARP)
    sharp.hyper.update(scale=2)
    alone = ModelCard(name="alone", role="upscaler", architecture="rrdb", sha256=ALONE, hyper={"scale": 4})
    return [ink, there, back, many, own, twice, sharp, alone]


class Shelf:
    """Notes what was assumed."""

    def __init__(self) -> None:
        self.assumed: list[tuple[str, str, object]] = []

    def assume(self, card: ModelCard, name: str, value: object) -> None:
        self.assumed.append((card.name, name, value))


class TranslateWorker(StyleWorker):
    """The latest live request of a key wins, as with the real one."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, int] = {}
        for signal in (self.finished, self.failed, self.cancelled):
            signal.connect(self._over)

    def _over(self, job: int, *_: object) -> None:
        self._open = {key: other for key, other in self._open.items() if other != job}

    def live(self, key: str, request: Any) -> int:
        job = super().live(key, request)
        old, self._open[key] = self._open.get(key), job
        if old is not None:
            self.replaced.emit(old)
        return job


class TranslateStudio(StyleStudio):
    """Also answers live requests the way the engine would."""

    def __init__(self, folder: Any) -> None:
        super().__init__(folder)
        self.worker = TranslateWorker()
        self.cards += translate_cards()
        self.models = Shelf()

    def answer(self, shade: int = 77, size: tuple[int, int] = (128, 128)) -> Any:
        """Finish the newest live picture; its request."""
        return self.worker.answer("translate.live", Picture(picture(shade, *size)))

    def finish(self, job: int, result: Any) -> None:
        """Finish one job."""
        what = next(what for number, _, what in self.worker.asked if number == job)
        self.worker.finished.emit(job, what, result)


def draw(panel: TranslatePanel, *points: tuple[float, float]) -> None:
    """One stroke over the paper, in parts of its side."""
    paper = panel.paper.canvas
    side = panel.paper.side
    drag(paper, [paper.from_picture(QPointF(x * side, y * side)) for x, y in points or ((0.2, 0.2), (0.8, 0.8))])


def with_picture(panel: TranslatePanel, studio: TranslateStudio, width: int = 96, height: int = 64) -> str:
    """A picture of one's own in Picture mode; its asset."""
    panel.set_mode("picture")
    panel.pictures.take(picture(10, width, height), "harbour")
    studio.run_files()
    return str(panel.state.picture)


def live(studio: TranslateStudio) -> Translate:
    """The newest live request."""
    request: Translate = studio.worker.last("translate.live")[1]
    return request


def eight(shade: int = 9) -> Pictures:
    """Eight small pictures."""
    return Pictures(tuple(picture(shade + i, 32, 32) for i in range(8)))


def read(*values: float) -> Labels:
    """What the model saw in a picture."""
    return Labels(values)


def grey(shade: int, side: int = 128) -> UInt8Image:
    """A flat picture."""
    return np.full((side, side, 3), shade, np.uint8)

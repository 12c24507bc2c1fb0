"""Small pictures, small networks with random weights, and a context that knows them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch

from studio.base.steps import Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.registry import start
from studio.engine.results import StyleRun
from studio.nets.style_features import StudioVGG
from studio.project.style import LayerWeight, StyleLook, StyleSource, Stylize

NET = "f" * 64


def photograph(height: int = 64, width: int = 64, seed: int = 0) -> UInt8Image:
    """Soft shapes with some grain."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(6 * (x * rng.randn() + y * rng.randn()) + rng.rand() * 6) for _ in range(3)]
    picture = np.stack(waves, axis=-1) * 0.3 + 0.5 + 0.05 * rng.randn(height, width, 3)
    return np.asarray(np.clip(picture, 0, 1) * 255, dtype=np.uint8)


def painting(height: int = 56, width: int = 72, seed: int = 1) -> UInt8Image:
    """Stripes in strong colours."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    on = (np.sin(0.8 * x + 0.3 * y) > 0)[..., None]
    picture = np.where(on, rng.rand(3), rng.rand(3)) + 0.1 * rng.randn(height, width, 3)
    return np.asarray(np.clip(picture, 0, 1) * 255, dtype=np.uint8)


def network(seed: int = 0, width: int = 8, **how: Any) -> StudioVGG:
    """A VGG with three blocks of random filters."""
    torch.manual_seed(seed)
    net = StudioVGG([(width, 2), (width, 2), (2 * width, 2)], **how)
    return net.eval().requires_grad_(False)


class SmallContext(Context):
    """A context whose feature network is the one given."""

    def __init__(self, net: torch.nn.Module | None = None) -> None:
        super().__init__(device="cpu")
        self._net = network() if net is None else net

    def features(self, sha: str) -> Any:
        return self._net if sha == NET else super().features(sha)

    def is_loaded(self, sha: str, precision: Any = None) -> bool:
        return True


LAYERS = (
    LayerWeight(name="relu1_1", style=1.0),
    LayerWeight(name="relu2_1", style=0.7),
    LayerWeight(name="relu2_2", content=0.5),
    LayerWeight(name="relu3_1", style=1.0),
)


def request(ctx: Context, **more: Any) -> Stylize:
    """A run of 64 px in float32, without a pyramid, five iterations."""
    look = msgspec.structs.replace(
        StyleLook(styles=(StyleSource(picture=ctx.assets.put_image(painting())),), layers=LAYERS),
        **more.pop("look", {}),
    )
    settings: dict[str, Any] = {
        "model": NET,
        "precision": "exact",
        "content": ctx.assets.put_image(photograph()),
        "look": look,
        "size": 64,
        "iterations": 5,
        "pyramid": False,
        "keep": 2,
    }
    return Stylize(**(settings | more))


def finish(ctx: Context, run: Stylize) -> StyleRun:
    """The finished run."""
    _, made = events(start(ctx, run))
    assert isinstance(made, StyleRun)
    return made


def events(steps: Steps[Any]) -> tuple[list[Any], Any]:
    """All events, and the result."""
    found = []
    try:
        while True:
            found.append(next(steps))
    except StopIteration as stop:
        return found, stop.value

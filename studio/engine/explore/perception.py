"""How different two pictures look, by the studio's own feature network (named in every result that uses it)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from studio.engine.explore.codes import Model
from studio.engine.explore.draw import shrink

LOOK_AT = 256
"""Larger pictures are compared at this width, as in the papers."""


class Perception:
    """Perceptual distances on one device.  ``name`` says which features measure."""

    def __init__(self, net: Any) -> None:
        self._net = net
        self.name: str = getattr(net, "name", type(net).__name__)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """``[N]`` squared feature distances of pictures ``[N, 3, H, W]`` in about [-1, 1]; differentiable."""
        out: Tensor = self._net.perceptual_distance(shrink(a, LOOK_AT), shrink(b, LOOK_AT))
        return out

    def glance(self, x: Tensor) -> Tensor:
        """What :meth:`step` compares of a picture ``[1, 3, H, W]``; each picture of a row is looked at once."""
        signature = getattr(self._net, "signature", None)
        seen: Tensor = shrink(x, LOOK_AT) if signature is None else signature(shrink(x, LOOK_AT))
        return seen

    def step(self, a: Tensor, b: Tensor) -> float:
        """The root of the distance of two glances (roots add up along a way, squares do not)."""
        apart = self._net.perceptual_distance(a, b)[0] if a.ndim == 4 else (a - b).square().sum()
        return float(apart.clamp_min(0.0).sqrt())


def perception(model: Model) -> Perception:
    """The feature network on the model's device, made once."""
    from studio.nets.features import StudioFeatures

    device = str(model.device)

    def make() -> Any:
        return StudioFeatures().eval().requires_grad_(False).to(device)

    return Perception(model.ctx.cache.make(("features", device), make))

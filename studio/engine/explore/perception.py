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


def perception(model: Model) -> Perception:
    """The feature network on the model's device, made once."""
    from studio.nets.features import StudioFeatures

    device = str(model.device)

    def make() -> Any:
        return StudioFeatures().eval().requires_grad_(False).to(device)

    return Perception(model.ctx.cache.make(("features", device), make))

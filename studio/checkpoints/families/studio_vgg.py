"""The small feature network of :mod:`studio.nets.style_features`, as ``studio train features`` exports it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAME = re.compile(r"conv(\d{1,2})_(\d{1,3})\.(?:weight|bias)")


def detect(c: Candidate) -> Recognised | None:
    """VGG's names and nothing else, in widths that no VGG has; or the file's own word for it."""
    first = c.tensors.get("conv1_1.weight")
    if first is None or not all(_NAME.fullmatch(n) for n in c.tensors):
        return None
    named = c.metadata.get("architecture") == "studio-vgg"
    if not named and first.shape[:1] == (64,):
        return None

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        del values
        from studio.nets.style_features import StudioVGG

        return StudioVGG.from_state_dict(meta)

    return Recognised("features", "studio-vgg", "Latent Studio's feature network", dict(c.tensors), make)

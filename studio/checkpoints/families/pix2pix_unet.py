"""The U-Net translators of pix2pix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.families.translators import (
    answered,
    beside,
    colors,
    layout,
    open_questions,
    size,
    stated,
    takes,
)
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn


def detect(c: Candidate) -> Recognised | None:
    """A level inside a level: ``0`` goes down, ``1.model`` is the inside, ``3`` comes up."""
    prefix = ""
    while all(n.startswith(prefix + "model.") for n in c.tensors) and len(prefix) < 48:
        prefix += "model."
    down, up = c.tensors.get(f"{prefix}0.weight"), c.tensors.get(f"{prefix}3.weight")
    if down is None or up is None or f"{prefix}1.model.1.weight" not in c:
        return None
    if len(down.shape) != 4 or len(up.shape) != 4 or down.shape[2:] != (4, 4):
        return None
    tensors = {f"model.model.{n[len(prefix) :]}": t for n, t in c.tensors.items()}
    levels = 1 + max(n.count(".model") for n in c.tensors) - prefix.count(".model")
    stored = any(n.endswith("running_mean") for n in tensors)
    dropout = None
    # Only the levels between the fourth and the innermost ever drop anything.
    if levels > 5:
        why = (
            "Dropout leaves no trace in the file. The authors train with it unless they are told otherwise, and it is "
            "what makes variations of one drawing."
        )
        dropout = Assumption("dropout", True, why, (True, False))
    fixed, left = open_questions(c, dropout, colors(), size(min(1024, 1 << levels)), takes(down.shape[1]))
    hyper = stated(c)

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.unet_generator import UNetGenerator

        return UNetGenerator.from_state_dict(meta, **{**fixed, **values})

    def tells(values: Values) -> dict[str, Any]:
        return answered(values, fixed, {"size": 256, "input": "picture", "statistics": float(stored)}, hyper)

    return Recognised(
        "translator",
        "pix2pix-unet",
        layout(c, "junyanz pix2pix (U-Net)"),
        tensors,
        make,
        assumptions=left,
        tells=tells,
        notes=beside(c),
        hyper=hyper,
    )

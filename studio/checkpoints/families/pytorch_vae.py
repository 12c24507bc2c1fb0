"""VAEs of the collection PyTorch-VAE (VanillaVAE and those that share its layers)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values, ours, stored_assumptions
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

MARKS = ("encoder.0.0.weight", "fc_mu.weight", "decoder_input.weight", "final_layer.0.weight", "final_layer.3.weight")
RANGES = ("0..1", "-1..1")
_WHY = "The file does not say which numbers its pictures had; today's collection trains with 0 to 1."
_TRAINING = ("feature_network.", "loss.")
"""What some of the collection's models keep beside the network, only for training."""


def detect(c: Candidate) -> Recognised | None:
    """The collection's names; ``fc_var`` is left out by those that are no variational ones (WAE has ``fc_z``)."""
    if not all(name in c for name in (*MARKS, "fc_var.weight")):
        return None
    if len(c.tensors["encoder.0.0.weight"].shape) != 4 or len(c.tensors["fc_mu.weight"].shape) != 2:
        return None
    tensors = {n: t for n, t in c.tensors.items() if not n.startswith(_TRAINING)}
    known = stored_assumptions(c).get("picture_range") if ours(c, "pytorch-vae") else None
    assumption = known or Assumption("picture_range", RANGES[0], _WHY, RANGES)

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.autoencoder_linear import PyTorchVAE

        return PyTorchVAE.from_state_dict(meta, values["picture_range"])

    return Recognised(
        "autoencoder",
        "pytorch-vae",
        "PyTorch-VAE",
        tensors,
        make,
        assumptions=(assumption,),
        optional=_counter,
    )


def _counter(name: str, _: tuple[int, ...]) -> Lazy | None:
    """torch's counter of batches, which old files lack and nothing reads."""
    if not re.search(r"\.num_batches_tracked$", name):
        return None

    def fn() -> Tensor:
        import torch

        return torch.zeros((), dtype=torch.int64)

    return Lazy((), "int64", fn, computed=True)

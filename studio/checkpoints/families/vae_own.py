"""The autoencoder of :mod:`studio.nets.vae`, as ``studio train vae`` exports it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

MARKS = ("encoder.stem.weight", "encoder.head.weight", "decoder.root.weight", "decoder.grow.weight")
_LARGEST = 2048
"""Pixels on a side of what such a network at most makes."""


def detect(c: Candidate) -> Recognised | None:
    """All of the layout's corner stones (nobody else's autoencoder has ``decoder.root`` and ``decoder.grow``)."""
    if not all(name in c for name in MARKS):
        return None
    sizes = [int(m[1]) for m in (re.match(r"decoder\.b(\d{1,9})_\d{1,3}\.", name) for name in c.tensors) if m]
    if not sizes or max(sizes) * 2 > _LARGEST:
        raise ValueError(f"a decoder of {max(sizes, default=0)} px")

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        del values
        from studio.nets.vae import VAE

        return VAE.from_state_dict(meta)

    return Recognised("autoencoder", "vae", "Latent Studio's autoencoder", dict(c.tensors), make)

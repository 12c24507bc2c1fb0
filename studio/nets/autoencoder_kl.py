"""The autoencoder of Stable Diffusion, SDXL, SD3 and FLUX (AutoencoderKL), from the library ``diffusers``.

``diffusers`` is imported when the first such model is opened (about two seconds) and kept from reaching for the
network; of it only the two halves and the 1x1 convolutions around the latent are used.  The names of the tensors are
the library's, so a copy that the model library writes is a file that everybody reads.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.autoencoder_tiles import Tiling, tiled
from studio.nets.tensors import fill

HOME = 512
"""Pixels on a side that these networks are at home with; any multiple of the factor works."""
TILE, MARGIN, BLEND = 64, 4, 8
"""Cells (8 px in all but a few): a tile, what is thrown away around it, what is mixed at a seam to each side.

Not exact: the middle of these networks attends to the whole picture and their group norms average over it, so a tile
that holds only sky is normalised by sky.  Mixing hides the step; tones may drift by a few levels between tiles.
"""
LOGVAR = (-30.0, 20.0)
PLAN = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "mid_block_add_attention": True,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
}
"""What a plan holds (here SD's), in diffusers' words; also ``down_block_types``, ``up_block_types``, and
``decoder_block_out_channels`` where the decoder's differ."""


def _library() -> Any:
    # Opening a file must never turn into a download.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module("diffusers")
    except ImportError as exc:
        raise ModelError(
            "The library that reads this kind of autoencoder is not installed.",
            "It is called “diffusers”.",
            "Install Latent Studio again with all its parts.",
            detail=str(exc),
        ) from exc


class AutoencoderKL(nn.Module):
    """Both halves as an :class:`~studio.nets.roles.Autoencoder` with a spatial latent."""

    spatial = True
    resolution = HOME

    def __init__(self, plan: Mapping[str, Any]) -> None:
        super().__init__()
        self.plan = dict(plan)
        kind = "AutoencoderKLFlux2" if "decoder_block_out_channels" in plan else "AutoencoderKL"
        built = getattr(_library(), kind)(**self.plan)
        self.encoder: nn.Module = built.encoder
        self.decoder: nn.Module = built.decoder
        self.quant_conv: nn.Module | None = built.quant_conv
        self.post_quant_conv: nn.Module | None = built.post_quant_conv
        self.latent_dim = int(plan["latent_channels"])
        self.factor = 2 ** (len(plan["block_out_channels"]) - 1)

    @property
    def hyper(self) -> dict[str, Any]:
        """What the card says beside the role's facts."""
        return {"plan": self.plan, "sees_all": True}

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], plan: Mapping[str, Any]) -> AutoencoderKL:
        """Tensors under diffusers' names; :class:`ModelError` that names every key that does not fit."""
        net = cls(plan)
        fill(net, sd, "AutoencoderKL")
        return net

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [-1, 1] to mean and log-variance."""
        return _halves(self._moments(x))

    def decode(self, z: Tensor) -> Tensor:
        """Latents (unscaled, as :meth:`encode` gives them) to pictures in about [-1, 1]."""
        pictures: Tensor = self.decoder(z if self.post_quant_conv is None else self.post_quant_conv(z))
        return pictures

    def encode_tiled(self, x: Tensor, tile: int = TILE) -> tuple[Tensor, Tensor]:
        """Like :meth:`encode` with the memory of one tile; what differs is said at :data:`TILE`."""
        return _halves(tiled(self._moments, x, self.factor, 1, Tiling(tile, MARGIN, BLEND)))

    def decode_tiled(self, z: Tensor, tile: int = TILE) -> Tensor:
        """Like :meth:`decode` with the memory of one tile; what differs is said at :data:`TILE`."""
        return tiled(self.decode, z, 1, self.factor, Tiling(tile, MARGIN, BLEND))

    def _moments(self, x: Tensor) -> Tensor:
        moments: Tensor = self.encoder(x)
        return moments if self.quant_conv is None else self.quant_conv(moments)


def _halves(moments: Tensor) -> tuple[Tensor, Tensor]:
    mu, logvar = torch.chunk(moments, 2, dim=1)
    return mu.contiguous(), logvar.clamp(*LOGVAR)

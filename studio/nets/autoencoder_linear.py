"""The convolutional VAE of the collection PyTorch-VAE: halving convolutions, a flat latent, doubling ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill

Range = Literal["0..1", "-1..1"]
"""What the pictures of its training were."""
SIDE = 2
"""Cells on the side of the smallest picture inside."""
MAX_LEVELS = 8
LEAK = 0.01


class PyTorchVAE(nn.Module):
    """Layers and names as in the collection's ``VanillaVAE``, which most of its other models share.

    ``widths`` are the channels of the halving convolutions; pictures have ``2 * 2 ** len(widths)`` px.  Although the
    last step is tanh, the collection trains with pictures in [0, 1], so that only its upper half is used.
    """

    spatial = False
    factor = 0

    def __init__(self, widths: Sequence[int], latent_dim: int, picture_range: Range = "0..1") -> None:
        super().__init__()
        self.widths, self.latent_dim, self.picture_range = tuple(widths), latent_dim, picture_range
        self.resolution = SIDE * 2 ** len(widths)
        flat = widths[-1] * SIDE * SIDE
        down = zip((3, *widths[:-1]), widths, strict=True)
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.LeakyReLU(LEAK))
                for a, b in down
            )
        )
        self.fc_mu = nn.Linear(flat, latent_dim)
        self.fc_var = nn.Linear(flat, latent_dim)
        self.decoder_input = nn.Linear(latent_dim, flat)
        back = tuple(reversed(widths))
        self.decoder = nn.Sequential(*(_doubling(a, b) for a, b in pairwise(back)))
        self.final_layer = nn.Sequential(
            *_doubling(back[-1], back[-1]), nn.Conv2d(back[-1], 3, 3, padding=1), nn.Tanh()
        )

    @property
    def hyper(self) -> dict[str, Any]:
        """What the card says beside the role's facts."""
        return {"widths": list(self.widths), "picture_range": self.picture_range}

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], picture_range: Range = "0..1") -> PyTorchVAE:
        """The collection's names; shapes decide everything else.  :class:`ModelError` for what does not fit."""
        widths: list[int] = []
        while (name := f"encoder.{len(widths)}.0.weight") in sd and len(widths) < MAX_LEVELS:
            widths.append(int(sd[name].shape[0]))
        latent = sd["fc_mu.weight"].shape[0] if "fc_mu.weight" in sd else 0
        if not widths or min(*widths, latent) < 1:
            raise ModelError("This looks like a VAE of PyTorch-VAE, but its first layers are missing or empty.")
        net = cls(widths, latent, picture_range)
        fill(net, sd, "VAE of PyTorch-VAE", optional=lambda name: name.endswith("num_batches_tracked"))
        return net

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [-1, 1] to mean and log-variance, ``[N, D]`` each."""
        if self.picture_range == "0..1":
            x = x * 0.5 + 0.5
        h = torch.flatten(self.encoder(x), 1)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z: Tensor) -> Tensor:
        """``[N, D]`` to pictures; with a range of 0..1 what training never asked for lies below -1."""
        h = self.decoder_input(z).reshape(-1, self.widths[-1], SIDE, SIDE)
        pictures: Tensor = self.final_layer(self.decoder(h))
        return pictures * 2 - 1 if self.picture_range == "0..1" else pictures


def _doubling(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(n_out),
        nn.LeakyReLU(LEAK),
    )

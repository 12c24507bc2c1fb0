"""An autoencoder seen as a generator: its latent is z and w at once, so that whatever plays with w plays with it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from studio.nets.roles import Autoencoder, Layer, Noise

SKETCH = 4
"""How many times smaller the sketch of a large picture is."""

SKETCHED = 8
"""Places on the shorter side that a sketch needs to say anything."""


class AutoencoderGenerator(nn.Module):
    """The drawing half of ``net`` as a :class:`~studio.nets.roles.Generator` with one layer.

    ``resolution`` is the width of its pictures.  ``z_dim == w_dim``: D, or C * rows * columns of a spatial latent in
    the order ``[C, rows, columns]``.  The mean w is zero, and ``psi`` shrinks towards it: the temperature of a draw.
    """

    c_dim = 0
    num_ws = 1

    def __init__(self, net: Autoencoder, rows: int = 0, columns: int = 0) -> None:
        super().__init__()
        self.net = net
        own = net.resolution // net.factor if net.spatial else 0
        self.rows, self.columns = (rows or own, columns or own) if net.spatial else (0, 0)
        self.resolution = self.columns * net.factor if net.spatial else net.resolution
        self.z_dim = self.w_dim = net.latent_dim * (self.rows * self.columns if net.spatial else 1)
        device = next(iter(net.parameters())).device if isinstance(net, nn.Module) else torch.device("cpu")
        self.register_buffer("w_mean", torch.zeros(self.w_dim, device=device), persistent=False)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (Layer(0, "latent", self.resolution, "coarse"),)

    @property
    def w_avg(self) -> torch.Tensor:
        return self.get_buffer("w_mean")

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """``(D,)`` or ``(C, rows, columns)``."""
        return (self.net.latent_dim, self.rows, self.columns) if self.net.spatial else (self.net.latent_dim,)

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        return ()

    def map(
        self, z: torch.Tensor, labels: torch.Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> torch.Tensor:
        del labels
        return (z if cutoff == 0 else z * psi)[:, None]

    def synthesize(
        self,
        ws: torch.Tensor,
        noise: Noise = "const",
        *,
        strength: float | torch.Tensor = 1.0,
        size: int | None = None,
    ) -> torch.Tensor:
        del noise, strength, size
        return self.net.decode(self._latent_of(ws))

    def synthesize_steps(
        self,
        ws: torch.Tensor,
        noise: Noise = "const",
        *,
        strength: float | torch.Tensor = 1.0,
        size: int | None = None,
    ) -> Iterator[torch.Tensor]:
        """The same picture; of a large spatial latent a small sketch first, decoded from its local means.

        Such decoders take seconds where a quarter of the side takes a sixteenth of that.
        """
        z = self._latent_of(ws)
        if self.net.spatial and min(z.shape[-2:]) >= SKETCHED * SKETCH:
            yield self.net.decode(F.avg_pool2d(z, SKETCH))
        yield self.synthesize(ws, noise, strength=strength, size=size)

    def _latent_of(self, ws: torch.Tensor) -> torch.Tensor:
        return ws[:, 0].reshape(-1, *self.latent_shape)

    def latent(self, z: torch.Tensor) -> torch.Tensor:
        """A latent ``[N, D]`` or ``[N, C, rows, columns]`` of the autoencoder as ws ``[N, 1, w_dim]``."""
        return z.reshape(z.shape[0], 1, -1)

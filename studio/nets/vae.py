"""A convolutional variational autoencoder of our own: a vector latent, square pictures.

Layout of the state dict, from which alone :meth:`VAE.from_state_dict` rebuilds the network (``R`` a resolution, from
the picture's down to 4 and up again):

* ``encoder.stem`` halves the picture, ``encoder.b{R}`` work at ``R`` px, each but the last followed by a strided
  convolution ``encoder.down{R}``; ``encoder.head`` gives mu and logvar, or mu alone for a plain or adversarial
  autoencoder (then logvar is :data:`CERTAIN` everywhere);
* ``decoder.root`` makes 4 px from z; ``decoder.b{R}_{i}`` are residual blocks in which z scales and shifts the channels
  (so that a flat colour is one number, not a texture); pictures grow by repetition followed by convolution, and the
  last doubling is a sub-pixel convolution that starts as a repetition: neither makes checkerboards;
* ``attributes.vectors`` ``[A, D]``, ``attributes.sigmas`` ``[A]``, ``data.mu``, ``data.logvar`` ``[N, D]`` and
  ``data.labels`` ``[N, A]`` uint8, when the model brings them along.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.tensors import fill

CERTAIN = -30.0
"""The log-variance of an autoencoder that has none: no spread at all."""

SLOPE = 0.2
"""Of the leaky ReLU."""


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)) of every dimension of every sample in nats, in the shape of ``mu``.

    Closed form 1/2 (mu^2 + exp(logvar) - 1 - logvar); Kingma and Welling 2014, appendix B.  Nothing is summed.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


def reparameterise(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """z = mu + exp(logvar / 2) * noise: a draw from N(mu, exp(logvar)) through which gradients reach both."""
    return mu + (0.5 * logvar).exp() * noise


def gaussian_nll(x: Tensor, reconstruction: Tensor, sigma: float = 1.0) -> Tensor:
    """-log N(x; reconstruction, sigma^2 I) of every sample in nats, ``[N]``: summed over channels and pixels.

    With the constant 1/2 log(2 pi sigma^2) of each value, so that it is a likelihood and not only its slope.
    """
    e = (x - reconstruction).flatten(1)
    return 0.5 * e.square().sum(1) / sigma**2 + e.shape[1] * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def elbo(
    x: Tensor, reconstruction: Tensor, mu: Tensor, logvar: Tensor, *, beta: float = 1.0, sigma: float = 1.0
) -> Tensor:
    """log p(x | z) - beta * KL(q(z | x) || N(0, I)) of every sample in nats, ``[N]``, for the one z that was drawn.

    The likelihood is :func:`gaussian_nll` (summed over pixels); KL is summed over the latent's dimensions.  Nothing is
    averaged: the mean of the result over the batch is the objective to be *raised*.  With ``beta`` = 1 its expectation
    over z is a lower bound of log p(x).
    """
    return -gaussian_nll(x, reconstruction, sigma) - beta * kl_per_dimension(mu, logvar).flatten(1).sum(1)


def sub_pixels(x: Tensor) -> Tensor:
    """``[N, 4 C, H, W]`` to ``[N, C, 2 H, 2 W]``: channel ``(2 i + j) C + c`` is channel c of sub-pixel (i, j).

    Torch's ``pixel_shuffle`` with the sub-pixel as the slow index, so that whole rows of channels are moved: four times
    as fast for channels-last tensors.
    """
    n, c, h, w = x.shape
    y = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, c // 4).permute(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * h, 2 * w, c // 4).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; with ``z_dim`` the channels between them are scaled and shifted by z."""

    def __init__(self, n_in: int, n_out: int, z_dim: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else None
        self.style = nn.Linear(z_dim, 2 * n_out) if z_dim else None
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, a=SLOPE)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        # The branch begins small: a deep network without normalisation starts nearly as its shortcuts.
        self.conv2.weight.data.mul_(0.3)
        if self.style is not None:
            nn.init.normal_(self.style.weight, std=0.3 / math.sqrt(z_dim))
            nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        y = self.conv1(x)
        if self.style is not None:
            scale, shift = self.style(z)[:, :, None, None].chunk(2, dim=1)
            y = torch.addcmul(y + shift, y, scale)
        y = self.conv2(F.leaky_relu(y, SLOPE))
        return F.leaky_relu(y + (x if self.skip is None else self.skip(x)), SLOPE)


class Encoder(nn.Module):
    """Picture to ``[N, outputs]``; ``channels`` by resolution, from half the picture's down to 4 px."""

    def __init__(self, channels: Mapping[int, int], outputs: int) -> None:
        super().__init__()
        self.sizes = tuple(sorted(channels, reverse=True))
        self.stem = nn.Conv2d(3, channels[self.sizes[0]], 4, stride=2, padding=1)
        for i, r in enumerate(self.sizes):
            self.add_module(f"b{r}", ResidualBlock(channels[r], channels[r]))
            if i + 1 < len(self.sizes):
                down = nn.Conv2d(channels[r], channels[r // 2], 4, stride=2, padding=1)
                self.add_module(f"down{r}", down)
        self.head = nn.Linear(channels[4] * 16, outputs)
        nn.init.normal_(self.head.weight, std=0.5 / math.sqrt(channels[4] * 16))

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.stem(x), SLOPE)
        for r in self.sizes:
            x = self.get_submodule(f"b{r}")(x)
            if r > 4:
                x = F.leaky_relu(self.get_submodule(f"down{r}")(x), SLOPE)
        y: Tensor = self.head(x.flatten(1))
        return y


class Decoder(nn.Module):
    """z to a picture; ``channels`` by resolution from 4 px to half the picture's, as many residual ``blocks``."""

    def __init__(self, latent_dim: int, channels: Mapping[int, int], blocks: Mapping[int, int], top: int) -> None:
        super().__init__()
        self.sizes = tuple(sorted(channels))
        self.blocks = dict(blocks)
        self.root = nn.Linear(latent_dim, channels[4] * 16)
        before = channels[4]
        for r in self.sizes:
            for i in range(blocks[r]):
                self.add_module(f"b{r}_{i}", ResidualBlock(before, channels[r], latent_dim))
                before = channels[r]
        self.grow = nn.Conv2d(before, 4 * top, 3, padding=1)
        self.out = nn.Conv2d(top, 3, 3, padding=1)
        nn.init.kaiming_normal_(self.grow.weight, a=SLOPE)
        # All four sub-pixels of a channel start equal (Aitken et al. 2017): a repetition, no checkerboard.
        self.grow.weight.data.copy_(self.grow.weight.data[:top].repeat(4, 1, 1, 1))
        nn.init.zeros_(self.grow.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, z: Tensor) -> Tensor:
        x = F.leaky_relu(self.root(z), SLOPE).reshape(z.shape[0], -1, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        for r in self.sizes:
            if r > 4:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            for i in range(self.blocks[r]):
                x = self.get_submodule(f"b{r}_{i}")(x, z)
        x = F.leaky_relu(sub_pixels(self.grow(x)), SLOPE)
        picture: Tensor = self.out(x)
        return picture


class _Kept(nn.Module):
    """Named buffers under a prefix of their own."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name, value)


class VAE(nn.Module):
    """An :class:`~studio.nets.roles.Autoencoder` with a vector latent.

    ``encoder_channels`` and ``decoder_channels``: widths by resolution, 4 to half the picture's; ``blocks``: residual
    blocks of the decoder at each; ``top``: channels at the full size; ``variational`` False: no logvar.
    """

    spatial = False
    factor = 0

    def __init__(
        self,
        latent_dim: int,
        encoder_channels: Mapping[int, int],
        decoder_channels: Mapping[int, int],
        *,
        blocks: Mapping[int, int] | None = None,
        top: int = 16,
        variational: bool = True,
    ) -> None:
        super().__init__()
        sizes = sorted(decoder_channels)
        if sizes != sorted(encoder_channels) or sizes != [4 << i for i in range(len(sizes))]:
            raise ValueError("channels are wanted for 4, 8, 16, ... px, both ways")
        self.latent_dim = latent_dim
        self.resolution = 2 * sizes[-1]
        self.variational = variational
        self.encoder = Encoder(encoder_channels, latent_dim * (2 if variational else 1))
        self.decoder = Decoder(latent_dim, decoder_channels, blocks or dict.fromkeys(sizes, 1), top)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, 3, R, R]`` in [-1, 1] to mu and logvar, ``[N, D]`` float32; logvar is kept within -30 and 10."""
        y = self.encoder(x).float()
        if not self.variational:
            return y, torch.full_like(y, CERTAIN)
        mu, logvar = y.chunk(2, dim=1)
        return mu, logvar.clamp(CERTAIN, 10.0)

    def decode(self, z: Tensor) -> Tensor:
        """``[N, D]`` to pictures ``[N, 3, R, R]`` float32, about [-1, 1], not clipped."""
        picture: Tensor = self.decoder(z)
        return picture.float()

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction from the mean."""
        return self.decode(self.encode(x)[0])

    def keep(self, group: str, tensors: Mapping[str, Tensor]) -> None:
        """Take along ``attributes`` (vectors, sigmas) or ``data`` (mu, logvar, labels) as buffers of these names."""
        if group not in KEPT or not set(tensors) <= set(KEPT[group]):
            raise ValueError(f"{group} {sorted(tensors)} is nothing that a VAE takes along")
        self.add_module(group, _Kept(tensors))

    def _kept(self, name: str) -> Tensor | None:
        return dict(self.named_buffers()).get(name)

    @property
    def attributes_vectors(self) -> Tensor | None:
        """Directions of attributes ``[A, D]``, each of length 1."""
        return self._kept("attributes.vectors")

    @property
    def attributes_sigmas(self) -> Tensor | None:
        """Standard deviation of encoded data along each, ``[A]``."""
        return self._kept("attributes.sigmas")

    @property
    def data_mu(self) -> Tensor | None:
        """Means of the pictures whose encodings came along, ``[N, D]``."""
        return self._kept("data.mu")

    @property
    def data_logvar(self) -> Tensor | None:
        """Their log-variances, ``[N, D]``."""
        return self._kept("data.logvar")

    @property
    def data_labels(self) -> Tensor | None:
        """Which attributes they have, ``[N, A]`` uint8."""
        return self._kept("data.labels")

    @property
    def hyper(self) -> dict[str, Any]:
        """What the network is, for a model card."""
        enc, dec = self.encoder, self.decoder
        return {
            "resolution": self.resolution,
            "spatial": False,
            "latent_dim": self.latent_dim,
            "factor": 0,
            "variational": self.variational,
            "encoder_channels": {str(r): enc.get_parameter(f"b{r}.conv1.weight").shape[0] for r in enc.sizes},
            "decoder_channels": {str(r): dec.get_parameter(f"b{r}_0.conv1.weight").shape[0] for r in dec.sizes},
            "blocks": {str(r): n for r, n in dec.blocks.items()},
            "data_count": 0 if self.data_mu is None else self.data_mu.shape[0],
        }

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor]) -> VAE:
        """The network of these tensors; :class:`ModelError` when they do not fit."""
        net = cls(**shapes_of(sd))
        for group, names in KEPT.items():
            found = {n: torch.empty_like(sd[f"{group}.{n}"]) for n in names if f"{group}.{n}" in sd}
            if found:
                net.keep(group, {n: t if n == "labels" else t.float() for n, t in found.items()})
        fill(net, sd, "variational autoencoder of Latent Studio")
        return net


KEPT: dict[str, Sequence[str]] = {"attributes": ("vectors", "sigmas"), "data": ("mu", "logvar", "labels")}
"""Buffers that a model may bring along, by group."""

_BLOCK = re.compile(r"decoder\.b(\d+)_(\d+)\.conv1\.weight")


def shapes_of(sd: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of :class:`VAE`, read from the shapes of a state dict (anything with ``.shape``)."""

    def shape(name: str) -> Sequence[int]:
        if name not in sd:
            raise ModelError(
                "The tensors of this file do not fit a variational autoencoder of Latent Studio.", f"Missing: {name}."
            )
        found: Sequence[int] = sd[name].shape
        return found

    found = [m for m in map(_BLOCK.fullmatch, sd) if m is not None]
    blocks: dict[int, int] = {}
    for m in found:
        blocks[int(m[1])] = max(blocks.get(int(m[1]), 0), int(m[2]) + 1)
    latent_dim = shape("decoder.root.weight")[1]
    return {
        "latent_dim": latent_dim,
        "encoder_channels": {r: shape(f"encoder.b{r}.conv1.weight")[0] for r in blocks},
        "decoder_channels": {r: shape(f"decoder.b{r}_0.conv1.weight")[0] for r in blocks},
        "blocks": blocks,
        "top": shape("decoder.out.weight")[1],
        "variational": shape("encoder.head.weight")[0] == 2 * latent_dim,
    }

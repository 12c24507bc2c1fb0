"""Roles that panels and operations know; an architecture in this folder implements one of them.

``Generator``   z -> w -> picture, with layers that take one w each
``Autoencoder`` picture <-> latent
``FeatureNet``  picture -> named layer activations
``Stylizer``    picture (and style pictures) -> painted picture, in one pass
``Translator``  picture -> picture (issue: Translate)
``Upscaler``    picture -> larger picture (issue: Translate)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch

from studio.base.steps import Steps

Band = Literal["coarse", "middle", "fine"]


@dataclass(frozen=True, slots=True)
class NoiseCircle:
    """Drifting noise: ``cos(angle)`` of the noise of ``seed`` and ``sin(angle)`` of the next seed's."""

    seed: int
    angle: float


Noise = Literal["const", "none"] | int | NoiseCircle
"""``const``: the stored noise pictures; ``none``: no noise; an integer: fresh noise from that seed; or a drift."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the mixing board: the layers of a generator that take ``ws[:, index]``."""

    index: int
    name: str
    resolution: int
    band: Band


def band_of(resolution: int, full: int) -> Band:
    """Coarse / middle / fine as in the StyleGAN paper (4-8, 16-32, 64+ of 1024), scaled to small networks.

    The three bands split log2(resolution) from 4 to ``full`` into even thirds; at 1024 px that is
    4-16 / 32-128 / 256-1024 counted from the top, so the paper's cut is kept for ``full`` >= 256.
    """
    if full >= 256:
        return "coarse" if resolution <= 8 else "middle" if resolution <= 32 else "fine"
    import math

    steps = max(1.0, math.log2(full) - 1)
    at = (math.log2(max(4, resolution)) - 2) / steps
    return "coarse" if at < 1 / 3 else "middle" if at < 2 / 3 else "fine"


@runtime_checkable
class Generator(Protocol):
    """Latent codes to pictures.  Also a ``torch.nn.Module`` in evaluation mode.

    Tensors: z ``[N, z_dim]`` standard normal; labels ``[N, c_dim]`` float (any real mixture of classes, ``None``
    means all zeros); ws ``[N, num_ws, w_dim]`` float32; pictures ``[N, 3, H, W]`` float32, about [-1, 1], not clipped.
    A network with z only (DCGAN) has ``num_ws == 1``, ``w_dim == z_dim``, ``map`` the identity with psi towards zero.
    """

    z_dim: int
    w_dim: int
    c_dim: int
    num_ws: int
    resolution: int

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One entry for each w index, in order."""

    @property
    def w_avg(self) -> torch.Tensor:
        """The mean w, ``[w_dim]`` float32."""

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        """Sizes that ``synthesize(size=...)`` gives exactly from the network's own skip output (may be empty)."""

    def map(
        self,
        z: torch.Tensor,
        labels: torch.Tensor | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
    ) -> torch.Tensor:
        """z -> ws, truncated towards ``w_avg`` by ``psi`` in the layers below ``cutoff`` (``None``: all)."""

    def synthesize(
        self,
        ws: torch.Tensor,
        noise: Noise = "const",
        *,
        strength: float | torch.Tensor = 1.0,
        size: int | None = None,
    ) -> torch.Tensor:
        """ws -> picture.

        ``strength`` multiplies the noise, one number or ``[num_ws]`` for each layer.  ``size`` asks for the
        network's own lower-resolution output (one of ``low_resolutions``).
        """


@runtime_checkable
class Autoencoder(Protocol):
    """Pictures to the mean and log-variance of a latent, and latents to pictures.  Also a ``torch.nn.Module``.

    x ``[N, 3, H, W]`` float32, RGB in [-1, 1]; z ``[N, D]`` (``spatial`` False, pictures of ``resolution`` px), or
    ``[N, C, H / factor, W / factor]`` (``spatial`` True, any sides that are multiples of ``factor``).
    """

    resolution: int
    """Pixels on a side; for a spatial one the size that it is at home with."""
    spatial: bool
    latent_dim: int
    """D, or C when spatial."""
    factor: int
    """Pixels for each place of a spatial latent (0: not spatial)."""

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``mu, logvar``, both of the latent's shape; a plain autoencoder's logvar is -inf-like (-30) everywhere."""

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Pictures ``[N, 3, H, W]`` float32, about [-1, 1], not clipped."""


@runtime_checkable
class FeatureNet(Protocol):
    """Pictures to named activations.  Also a ``torch.nn.Module`` in evaluation mode."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """VGG names from shallow to deep: "conv1_1", "relu1_1", ... (whichever can be asked for)."""

    def features(self, x: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """x ``[N, 3, H, W]`` RGB in [0, 1] to ``{name: [N, C, h, w]}``; differentiable; preprocessing done inside."""


@runtime_checkable
class Stylizer(Protocol):
    """A feed-forward painter.  Also a ``torch.nn.Module`` in evaluation mode."""

    wants_style: bool
    """True: it paints in the style of a picture it is given; False: in the one style that it knows."""

    def stylize(
        self, x: torch.Tensor, styles: Sequence[torch.Tensor] = (), weights: Sequence[float] = (), strength: float = 1.0
    ) -> torch.Tensor:
        """x ``[N, 3, H, W]`` RGB in [0, 1] of any size to the same shape; ``styles`` ``[1, 3, h, w]`` in [0, 1]."""

    def stylize_steps(
        self,
        x: torch.Tensor,
        styles: Sequence[torch.Tensor] = (),
        weights: Sequence[float] = (),
        strength: float = 1.0,
        *,
        tile: int = 1024,
    ) -> Steps[torch.Tensor]:
        """:meth:`stylize` in tiles of ``tile`` px that share the whole picture's statistics: the same outcome."""


Statistics = Literal["stored", "own"] | float
"""Which means and variances a batch norm uses: those of training, the picture's own, or a mixture from 0 to 1."""


@runtime_checkable
class Translator(Protocol):
    """A picture to another picture of the same size.  Also a ``torch.nn.Module`` in evaluation mode.

    ``c_dim`` labels steer it (0: none).  ``has_stored_statistics`` and ``has_dropout`` say whether the arguments of
    these names change anything.
    """

    in_channels: int
    out_channels: int
    c_dim: int
    multiple: int
    """Sides that are multiples of this need no padding inside."""

    @property
    def has_stored_statistics(self) -> bool:
        """Whether there are statistics of training beside the picture's own."""

    @property
    def has_dropout(self) -> bool:
        """Whether dropout was part of training, so that seeds give variations."""

    def translate(
        self,
        x: torch.Tensor,
        statistics: Statistics = "stored",
        dropout_seed: int | Sequence[int] | None = None,
        labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``[N, in_channels, H, W]`` to ``[N, out_channels, H, W]``, both float32 in [-1, 1], of any size.

        Each picture's result is its own, whatever else is in the batch.  ``dropout_seed`` ``None`` drops nothing; one
        seed for all pictures or one for each repeats a variation.  ``labels`` ``[N or 1, c_dim]``, any real numbers.
        """


@runtime_checkable
class Upscaler(Protocol):
    """A picture to a larger one.  Also a ``torch.nn.Module`` in evaluation mode."""

    in_channels: int
    out_channels: int
    scale: int
    margin: int
    """Pixels of the input that one pixel of the outcome sees to each side: tiles that overlap by it fit exactly."""

    def upscale(self, x: torch.Tensor) -> torch.Tensor:
        """``[N, C, H, W]`` in [0, 1] to ``[N, C, scale * H, scale * W]``, float32 in [0, 1]."""

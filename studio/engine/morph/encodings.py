"""Pictures as an autoencoder sees them: mean and log-variance, kept in memory; and the data that came with a model."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.engine.context import Context
from studio.engine.morph.framing import framed
from studio.nets.drawing_fast import one_core
from studio.nets.roles import Autoencoder
from studio.project.latents import Encoded, Frame

SURE = -20.0
"""A log-variance below this everywhere: the network has none (a plain or adversarial autoencoder)."""

MAX_GRID = 512
"""Rows or columns of a spatial latent; more would be a mistake (4096 px at a factor of 8)."""

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """``mu`` and ``logvar`` float32 on the CPU, of the latent's own shape: ``[D]`` or ``[C, rows, columns]``."""

    mu: Tensor
    logvar: Tensor

    def draw(self, seed: int | None) -> Tensor:
        """The mean; with a seed ``mu + exp(logvar / 2) * eps``, eps = ``RandomState(seed).randn`` of its shape.

        That is the reparameterised draw of Kingma and Welling (2014), from the generator whose stream is frozen.
        """
        if seed is None:
            return self.mu
        eps = np.random.RandomState(seed & 0xFFFFFFFF).randn(*self.mu.shape).astype(np.float32)
        return self.mu + torch.exp(self.logvar / 2) * torch.from_numpy(eps)


def grid_of(net: Autoencoder, rows: int = 0, columns: int = 0) -> tuple[int, int]:
    """Rows and columns of the latent that is asked for (0: the network's own); (0, 0) for a flat latent."""
    if not net.spatial:
        return 0, 0
    own = net.resolution // net.factor
    found = rows or own, columns or own
    if not all(1 <= n <= MAX_GRID for n in found):
        raise StudioError(
            f"A latent of {found[0]} x {found[1]} places is not possible.",
            f"This model takes 1 to {MAX_GRID} places on each side.",
            "Choose another size.",
        )
    return found


def sides_of(net: Autoencoder, rows: int = 0, columns: int = 0) -> tuple[int, int]:
    """(width, height) in px of the pictures of this grid."""
    rows, columns = grid_of(net, rows, columns)
    return (columns * net.factor, rows * net.factor) if net.spatial else (net.resolution, net.resolution)


def to_signed(pixels: UInt8Image, device: torch.device | str) -> Tensor:
    """``[H, W, 3]`` uint8 to ``[1, 3, H, W]`` float32 in [-1, 1]."""
    x = torch.from_numpy(np.array(pixels)).to(device).permute(2, 0, 1)[None]
    return x.to(torch.float32) / 127.5 - 1.0


def device_of(net: Autoencoder) -> torch.device:
    """Where the network is."""
    parameter = next(iter(getattr(net, "parameters", lambda: iter(()))()), None)
    return torch.device("cpu") if parameter is None else parameter.device


def framed_picture(ctx: Context, picture: str, frame: Frame | None, width: int, height: int) -> UInt8Image:
    """The framed part of a picture asset ``[height, width, 3]``, kept."""
    key = ("framed", picture, frame, width, height)
    found: UInt8Image = ctx.cache.make(key, lambda: framed(ctx.assets.image(picture), frame, width, height))
    return found


def moments(ctx: Context, sha: str, net: Autoencoder, latent: Encoded, rows: int = 0, columns: int = 0) -> Moments:
    """What the encoder makes of a picture asset, kept (``sample`` plays no part in it).

    Always by the plain float32 network: where a picture lies must not depend on how quickly it is drawn.
    """
    width, height = sides_of(net, rows, columns)
    key = ("moments", sha, str(device_of(net)), latent.picture, latent.frame, width, height)

    def look() -> Moments:
        pixels = framed_picture(ctx, latent.picture, latent.frame, width, height)
        with one_core() if getattr(net, "light", False) else nullcontext():
            return encode(plain(net), pixels)

    found: Moments = ctx.cache.make(key, look)
    return found


def encode(net: Autoencoder, pixels: UInt8Image) -> Moments:
    """One framed picture ``[H, W, 3]`` through the encoder; numbers that are none are told as an error."""
    with torch.no_grad():
        mu, logvar = net.encode(to_signed(pixels, device_of(net)))
    return checked(mu, logvar)


def checked(mu: Tensor, logvar: Tensor) -> Moments:
    """The first of a batch of encodings; an error when its numbers are none."""
    found = Moments(mu[0].float().cpu(), logvar[0].float().cpu())
    if not (torch.isfinite(found.mu).all() and torch.isfinite(found.logvar).all()):
        raise StudioError(
            "The model could not encode this picture.",
            "Its numbers overflowed.",
            "Choose the exact precision in the settings, or another model.",
        )
    return found


def deterministic(logvar: Tensor | Float32Array) -> bool:
    """Whether the network says nothing about how sure it is (a plain autoencoder's logvar is -30 everywhere)."""
    return bool((logvar < SURE).all())


# What came with a model ----------------------------------------------------------------------------------------------

Companion = Literal["data_mu", "data_logvar", "data_labels", "attributes_vectors", "attributes_sigmas"]


def companion(net: Any, name: Companion) -> npt.NDArray[Any] | None:
    """What a model brought beside its weights, or ``None``.

    Its data: ``data_mu``, ``data_logvar`` ``[N, D]`` float32, ``data_labels`` ``[N, A]`` uint8.  Its attributes:
    ``attributes_vectors`` ``[A, D]``, ``attributes_sigmas`` ``[A]`` float32.  ``net``: an autoencoder, or the generator
    made of one.
    """
    values = getattr(plain(getattr(net, "net", net)), name, None)
    if not isinstance(values, Tensor) or values.numel() == 0:
        return None
    kept = values.detach().cpu()
    found: npt.NDArray[Any] = (kept.float() if kept.is_floating_point() else kept.to(torch.uint8)).numpy()
    return found


def plain(net: Any) -> Any:
    """The float32 network behind a prepared one."""
    return getattr(net, "exact", net)

"""Requests of the Morph panel that Explore's do not cover.

An autoencoder is a generator whose z is its latent (``w`` and ``z`` are the same, one layer), so pictures, sheets,
tiles, walks, film strips and directions are the requests of :mod:`studio.project.requests` with the autoencoder as
their model.  Its own latents are :class:`~studio.project.latents.Encoded` and
:class:`~studio.project.latents.DataPoint`; ``Look.psi`` is the temperature of what is sampled.
"""

from __future__ import annotations

from studio.project.base import BaseRequest
from studio.project.latents import Encoded, Frame, Latent, Look


class Encode(BaseRequest, frozen=True, kw_only=True, tag="encode"):
    """A picture through the encoder and back: mu, logvar, reconstruction, error map, how sure the encoder is.

    ``tile``: side of tiles in px for a spatial autoencoder at the picture's own size (0: framed, untiled).
    """

    picture: str
    frame: Frame | None = None
    sample: int | None = None
    tile: int = 0


class LatentSpace(BaseRequest, frozen=True, kw_only=True, tag="latent_space"):
    """How encoded data lies in latent space: histograms, KL of each dimension, a map of two components.

    ``pictures``: the data; none: the encodings that came with the model.
    """

    pictures: tuple[Encoded, ...] = ()
    axis_x: int = 0
    axis_y: int = 1
    """Which principal components span the map."""


class MakeAttribute(BaseRequest, frozen=True, kw_only=True, tag="make_attribute"):
    """A direction from two piles, for every model with a latent space (an autoencoder's, a StyleGAN's w).

    The difference of the piles' means, shrunk towards a whitened one as far as few examples can carry it; its
    separability is measured on pictures that were left out.
    """

    having: tuple[Latent, ...]
    lacking: tuple[Latent, ...]
    look: Look = Look()
    name: str = ""

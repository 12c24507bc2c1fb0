"""Small random autoencoders in a context, for tests of operations (no files, no training)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "explore"))

import numpy as np
import torch
from explore_tiny import Card, TinyContext
from torch import nn

from studio.base.steps import Steps
from studio.engine.context import LabelPrior
from studio.nets.autoencoder_tiles import Tiling, in_tiles
from studio.nets.drawing import AutoencoderGenerator


class TinyVAE(nn.Module):
    """A flat autoencoder of random weights with everything that a trained one brings: data and attributes."""

    spatial = False
    factor = 0

    def __init__(self, resolution: int = 16, latent_dim: int = 6, data: int = 40, plain: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.resolution, self.latent_dim, self.plain = resolution, latent_dim, plain
        self.down = nn.Conv2d(3, 8, 4, 4)
        self.head = nn.Linear(8 * (resolution // 4) ** 2, 2 * latent_dim)
        self.body = nn.Linear(latent_dim, 12 * (resolution // 4) ** 2)
        self.up = nn.ConvTranspose2d(12, 3, 4, 4)
        rng = np.random.RandomState(0)
        labels = rng.rand(data, 2) < 0.5
        mu = rng.randn(data, latent_dim) * np.linspace(1.5, 0.05, latent_dim)
        mu[:, 0] += 2.0 * labels[:, 0]
        mu[:, 1] += 2.0 * labels[:, 1] + 0.8 * labels[:, 0]
        vectors = np.eye(2, latent_dim)
        vectors[0, 1] = 0.5
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.data_mu = torch.from_numpy(mu.astype(np.float16))
        self.data_logvar = torch.full((data, latent_dim), -3.0).half()
        self.data_labels = torch.from_numpy(labels.astype(np.uint8))
        self.attributes_vectors = torch.from_numpy(vectors.astype(np.float32))
        self.attributes_sigmas = torch.tensor([0.5, 0.25])
        self.eval().requires_grad_(False)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.head(torch.tanh(self.down(x)).flatten(1))
        mu, logvar = found.chunk(2, dim=1)
        return 3 * mu, torch.full_like(logvar, -30.0) if self.plain else logvar - 2.0

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.body(z)).reshape(len(z), 12, self.resolution // 4, -1)
        return torch.tanh(self.up(x))


class TinySpatial(nn.Module):
    """A spatial autoencoder of random weights, as those of Stable Diffusion are: any sides, no data."""

    spatial = True

    def __init__(self, resolution: int = 32, channels: int = 4, factor: int = 8) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.resolution, self.latent_dim, self.factor = resolution, channels, factor
        self.down = nn.Conv2d(3, 2 * channels, factor, factor)
        self.up = nn.ConvTranspose2d(channels, 3, factor, factor)
        self.eval().requires_grad_(False)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mu, logvar = self.down(x).chunk(2, dim=1)
        return mu, logvar - 1.0

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.up(z))

    def encode_steps(self, x: torch.Tensor, tile: int) -> Steps[tuple[torch.Tensor, torch.Tensor]]:
        return (yield from in_tiles(lambda t: torch.cat(self.encode(t), 1), x, 8, 1, Tiling(tile, 0))).chunk(2, dim=1)

    def decode_steps(self, z: torch.Tensor, tile: int) -> Steps[torch.Tensor]:
        return in_tiles(self.decode, z, 1, 8, Tiling(tile, 0))


class MorphContext(TinyContext):
    """A context whose autoencoders (and generators) are given instead of loaded."""

    def __init__(self, **nets: Any) -> None:
        super().__init__(**(nets or {"vae": TinyVAE(), "plain": TinyVAE(plain=True), "spatial": TinySpatial()}))

    def card(self, sha: str) -> Any:
        name = sha or next(iter(self._nets))
        net = self._nets.get(name)
        if not hasattr(net, "encode"):
            return super().card(name)
        card = object.__new__(Card)
        card.sha256 = card.name = card.title = name
        card.role, card.label_groups = "autoencoder", ()
        card.hyper = {"c_dim": 0, "attributes": [{"name": "glasses", "sigma": 0.5}, {"name": "hat", "sigma": 0.25}]}
        return card

    def label_prior(self, sha: str) -> LabelPrior:
        return super().label_prior(sha) if self.card(sha).role == "generator" else LabelPrior(0)

    def generator(self, sha: str, precision: Any = None) -> Any:
        net = self._nets[self.card(sha).sha256]
        return AutoencoderGenerator(net) if hasattr(net, "encode") else net

    def autoencoder(self, sha: str, precision: Any = None) -> Any:
        return self._nets[self.card(sha).sha256]


def picture(seed: int = 0, height: int = 40, width: int = 30, channels: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A smooth colourful picture."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(2 * np.pi * (rng.randn() * x + rng.randn() * y) + rng.rand() * 6) for _ in range(channels)]
    return (127.5 + 120 * np.stack(waves, -1)).astype(np.uint8)

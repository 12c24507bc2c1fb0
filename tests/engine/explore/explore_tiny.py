"""Small random networks in a context, for tests of operations (no files, no training)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from studio.base.errors import ModelError
from studio.base.steps import Preview, Steps
from studio.engine.context import Context, LabelPrior
from studio.nets.roles import Layer
from studio.nets.stylegan2 import StyleGAN2
from studio.project.assets import AssetStore

GROUPS = (
    {"title": "Glasses", "kind": "toggle", "names": ["glasses"], "indices": [0], "prior": [0.3]},
    {"title": "Hair", "kind": "choice", "names": ["bald", "curly"], "indices": [1, 2], "prior": [0.5, 0.5]},
)


def stylegan2(resolution: int = 32, c_dim: int = 0, w_dim: int = 24, seed: int = 0) -> StyleGAN2:
    """A StyleGAN2 with lively random weights: styles and noise matter, w_avg is where its codes are."""
    torch.manual_seed(seed)
    channels = {r: max(4, 64 // r) for r in (4, 8, 16, 32, 64, 128) if r <= resolution}
    net = StyleGAN2(16, w_dim, channels, c_dim=c_dim, mapping_layers=2).eval().requires_grad_(False)
    for name, parameter in net.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
        if name.endswith("affine.weight"):
            parameter.mul_(2.0)
    z = torch.from_numpy(np.random.RandomState(1).randn(500, 16).astype(np.float32))
    labels = torch.eye(c_dim)[torch.arange(500) % c_dim] if c_dim else None
    net.mapping.w_avg.copy_(net.map(z, labels)[:, 0].mean(dim=0))
    return net


class ZOnly(torch.nn.Module):
    """A generator without a mapping and without layers, as a DCGAN is: z is its w."""

    def __init__(self, dim: int = 12) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.z_dim = self.w_dim = dim
        self.c_dim, self.num_ws, self.resolution = 0, 1, 8
        self.body = torch.nn.Sequential(torch.nn.ConvTranspose2d(dim, 6, 4), torch.nn.ReLU())
        self.head = torch.nn.ConvTranspose2d(6, 3, 4, 2, 1)
        self.eval().requires_grad_(False)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (Layer(0, "all", 8, "coarse"),)

    @property
    def w_avg(self) -> torch.Tensor:
        return torch.zeros(self.w_dim)

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        return ()

    def map(self, z: Any, labels: Any = None, psi: float = 1.0, cutoff: int | None = None) -> torch.Tensor:
        return (z * psi)[:, None]

    def synthesize(self, ws: Any, noise: Any = "const", *, strength: Any = 1.0, size: Any = None) -> torch.Tensor:
        return torch.tanh(self.head(self.body(ws[:, 0, :, None, None])))


class Card:
    def __init__(self, sha: str, net: Any, groups: tuple[Any, ...]) -> None:
        self.sha256, self.name, self.title, self.role = sha, sha, sha, "generator"
        self.hyper = {"c_dim": net.c_dim, "num_ws": net.num_ws}
        self.label_groups = groups


class LightFeatures(torch.nn.Module):
    """Stands in for the studio's features where a test is about something else: quick, and in the same shape."""

    name = "light features of the tests"

    def __init__(self) -> None:
        super().__init__()
        gen = torch.Generator().manual_seed(0)
        self.filters = torch.randn(8, 3, 3, 3, generator=gen) / 5

    def perceptual_distance(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(a.shape[0])
        for _ in range(3):
            fa, fb = (torch.tanh(torch.nn.functional.conv2d(x, self.filters, padding=1)) for x in (a, b))
            total = total + (fa - fb).square().mean(dim=(1, 2, 3))
            a, b = torch.nn.functional.avg_pool2d(a, 2), torch.nn.functional.avg_pool2d(b, 2)
        return total


class TinyContext(Context):
    """A context whose models are given instead of loaded."""

    def __init__(self, *, light: bool = True, **nets: Any) -> None:
        super().__init__(device="cpu", assets=AssetStore())
        if light:
            self.cache.put(("features", "cpu"), LightFeatures())
        self._nets = nets
        self._device = "cpu"
        self._library = object()  # type: ignore[assignment]

    def card(self, sha: str) -> Any:
        name = sha or next(iter(self._nets))
        if name not in self._nets:
            raise ModelError("The model for this picture is not on this computer.")
        net = self._nets[name]
        return Card(name, net, GROUPS if net.c_dim == 3 else ())

    def is_loaded(self, sha: str, precision: Any = None) -> bool:
        return True

    def label_prior(self, sha: str) -> LabelPrior:
        card = self.card(sha)
        return LabelPrior(card.hyper["c_dim"], tuple(card.label_groups))

    def generator(self, sha: str, precision: Any = None) -> Any:
        return self._nets[self.card(sha).sha256]


def collect(steps: Steps[Any]) -> tuple[list[Any], Any]:
    """All events and the result."""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


def previews(events: list[Any]) -> list[Preview]:
    return [event for event in events if isinstance(event, Preview)]

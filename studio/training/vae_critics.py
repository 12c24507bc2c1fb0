"""The critics of an autoencoder's training: one looks at patches of pictures, one at the latent."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Real or made, for patches of about 22, 46 and 94 pixels: logits ``[N, places]`` of three depths."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128, 128)) -> None:
        super().__init__()
        before = (3, *widths[:-1])
        steps = [nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(before, widths, strict=True)]
        for step in steps:
            nn.init.kaiming_normal_(step.weight, a=0.2)
        self.steps = nn.ModuleList(steps)
        self.heads = nn.ModuleList([nn.Conv2d(b, 1, 1) for b in widths[2:]])

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, S, S]`` to the logits of all patches, float32."""
        out = []
        for i, step in enumerate(self.steps):
            if min(x.shape[2:]) < 2:
                break
            x = F.leaky_relu(step(x), 0.2)
            if i >= 2:
                out.append(self.heads[i - 2](x).float().flatten(1))
        return torch.cat(out, dim=1)


def latent_critic(latent_dim: int) -> nn.Sequential:
    """The critic of an adversarial autoencoder: z ``[N, D]`` to a logit ``[N, 1]``."""
    return nn.Sequential(
        nn.Linear(latent_dim, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
    )


def recoloured(x: Tensor, gen: torch.Generator, *, strength: float = 0.5) -> Tensor:
    """Each picture ``[N, 3, H, W]`` through a random mixture of its channels and a random offset of its own.

    What a critic sees, real and made pictures alike: it shall judge shapes and edges and not know a palette, or it
    would forbid every colour between two of the data's.
    """
    n = len(x)
    mix = torch.eye(3) + strength * torch.randn(n, 3, 3, generator=gen)
    offset = 0.5 * strength * torch.randn(n, 3, 1, 1, generator=gen)
    y = torch.einsum("nij,njhw->nihw", mix.to(x.device, x.dtype), x) + offset.to(x.device, x.dtype)
    return y.contiguous(memory_format=torch.channels_last)

"""Many pictures through an autoencoder, and what is measured of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.vae import VAE
from studio.training.data import Pictures, to_float


def reduced(data: Pictures, size: int) -> Pictures:
    """The same pictures averaged down to ``size`` px (as they are when they are not larger)."""
    k = data.images.shape[-1] // size
    if k <= 1:
        return data
    parts = [F.avg_pool2d(part.float(), k).round().to(torch.uint8) for part in data.images.split(500)]
    return Pictures(torch.cat(parts), data.names, data.rows)


def psnr(e: Tensor) -> Tensor:
    """Peak signal to noise ratio of errors ``[N, 3, H, W]`` in the [-1, 1] scale (peak 2), dB, ``[N]``."""
    return 10 * torch.log10(4.0 / e.square().mean(dim=(1, 2, 3)).clamp_min(1e-12))


@torch.no_grad()
def encode_all(
    net: VAE, images: Tensor, device: torch.device | str = "cpu", *, half: bool = False, batch: int = 64
) -> tuple[Tensor, Tensor]:
    """mu and logvar of uint8 pictures ``[N, 3, R, R]``, on the CPU."""
    dev = torch.device(device)
    parts = []
    for part in images.split(batch):
        with torch.autocast(dev.type, torch.bfloat16, enabled=half):
            parts.append(net.encode(to_float(part, dev).contiguous(memory_format=torch.channels_last)))
    return torch.cat([m for m, _ in parts]).cpu(), torch.cat([v for _, v in parts]).cpu()


@torch.no_grad()
def decode_all(
    net: VAE, z: Tensor, device: torch.device | str = "cpu", *, half: bool = False, batch: int = 64
) -> Tensor:
    """Pictures of codes ``[N, D]``, about [-1, 1], on the CPU."""
    dev = torch.device(device)
    parts = []
    for part in z.split(batch):
        with torch.autocast(dev.type, torch.bfloat16, enabled=half):
            parts.append(net.decode(part.to(dev)).cpu())
    return torch.cat(parts)

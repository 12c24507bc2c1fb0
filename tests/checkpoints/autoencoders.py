"""Autoencoder files as their authors' programs write them, with random numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio.nets.autoencoder_kl import PLAN, AutoencoderKL

CONFIG: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.27.0.dev0",
    "act_fn": "silu",
    "block_out_channels": [32, 32, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 16,
    "out_channels": 3,
    "sample_size": 256,
    "scaling_factor": 0.13025,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
}


def plan(config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What our network is built from, of a config.json."""
    return {k: v for k, v in (config or CONFIG).items() if k in PLAN or k == "decoder_block_out_channels"}


def kl(config: Mapping[str, Any] | None = None) -> AutoencoderKL:
    """Our network with random numbers that keep pictures alive."""
    net = AutoencoderKL(plan(config))
    enliven(net)
    return net.eval().requires_grad_(False)


def enliven(net: nn.Module) -> None:
    """Random numbers whose pictures are neither flat nor endless; the same for the same names and shapes."""
    torch.manual_seed(0)
    for name, p in sorted(net.named_parameters()):
        with torch.no_grad():
            p.copy_(torch.randn_like(p) * (0.1 if p.ndim == 1 else (1 / math.sqrt(p[0].numel()))))
            if "norm" in name and name.endswith("weight"):
                p.add_(1)


def kl_state() -> dict[str, Tensor]:
    """The tensors of a small AutoencoderKL, by name and shape alone (no network is built)."""
    out: dict[str, Tensor] = {}
    channels = CONFIG["block_out_channels"]

    def conv(name: str, n_out: int, n_in: int, k: int = 3) -> None:
        out[f"{name}.weight"], out[f"{name}.bias"] = torch.zeros(n_out, n_in, k, k), torch.zeros(n_out)

    def norm(name: str, n: int) -> None:
        out[f"{name}.weight"], out[f"{name}.bias"] = torch.ones(n), torch.zeros(n)

    def block(name: str, n_in: int, n_out: int) -> None:
        norm(f"{name}.norm1", n_in)
        conv(f"{name}.conv1", n_out, n_in)
        norm(f"{name}.norm2", n_out)
        conv(f"{name}.conv2", n_out, n_out)
        if n_in != n_out:
            conv(f"{name}.conv_shortcut", n_out, n_in, 1)

    def middle(name: str, n: int) -> None:
        block(f"{name}.resnets.0", n, n)
        norm(f"{name}.attentions.0.group_norm", n)
        for leaf in ("to_q", "to_k", "to_v", "to_out.0"):
            out[f"{name}.attentions.0.{leaf}.weight"] = torch.zeros(n, n)
            out[f"{name}.attentions.0.{leaf}.bias"] = torch.zeros(n)
        block(f"{name}.resnets.1", n, n)

    latent, last, n = CONFIG["latent_channels"], channels[-1], channels[0]
    conv("encoder.conv_in", n, 3)
    for i, width in enumerate(channels):
        for j in range(CONFIG["layers_per_block"]):
            block(f"encoder.down_blocks.{i}.resnets.{j}", n, width)
            n = width
        if i < len(channels) - 1:
            conv(f"encoder.down_blocks.{i}.downsamplers.0.conv", n, n)
    middle("encoder.mid_block", last)
    norm("encoder.conv_norm_out", last)
    conv("encoder.conv_out", 2 * latent, last)
    conv("decoder.conv_in", last, latent)
    middle("decoder.mid_block", last)
    for i, width in enumerate(reversed(channels)):
        for j in range(CONFIG["layers_per_block"] + 1):
            block(f"decoder.up_blocks.{i}.resnets.{j}", n, width)
            n = width
        if i < len(channels) - 1:
            conv(f"decoder.up_blocks.{i}.upsamplers.0.conv", n, n)
    norm("decoder.conv_norm_out", n)
    conv("decoder.conv_out", 3, n)
    conv("quant_conv", 2 * latent, 2 * latent, 1)
    conv("post_quant_conv", latent, latent, 1)
    return out


def folder(
    path: Path, net: nn.Module, config: Mapping[str, Any] | None = None, more: Mapping[str, Tensor] | None = None
) -> Path:
    """A diffusers folder: config.json and the weights (and ``more`` beside them)."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(dict(config or CONFIG)))
    state = {k: v.contiguous() for k, v in {**net.state_dict(), **(more or {})}.items()}
    save_file(state, path / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    return path


def compvis(state: Mapping[str, Tensor], levels: int = 3, prefix: str = "") -> dict[str, Tensor]:
    """diffusers' names turned into CompVis's, attention as 1x1 convolutions."""
    out: dict[str, Tensor] = {}
    names = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    for key, value in state.items():
        k = key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        k = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", k)
        k = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", k)
        k = re.sub(r"down_blocks\.(\d+)\.attentions\.", r"down.\1.attn.", k)
        k = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda m: f"up.{levels - 1 - int(m[1])}.block.", k)
        k = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda m: f"up.{levels - 1 - int(m[1])}.upsample.", k)
        k = re.sub(r"up_blocks\.(\d+)\.attentions\.", lambda m: f"up.{levels - 1 - int(m[1])}.attn.", k)
        k = re.sub(r"mid_block\.resnets\.(\d)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", k)
        k = k.replace("mid_block.attentions.0.", "mid.attn_1.")
        if ".attn" in k:
            for new, old in names.items():
                k = k.replace(f".{new}.", f".{old}.")
            if value.ndim == 2:
                value = value[:, :, None, None]
        out[prefix + k] = value
    return out


def old_attention(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of attention in diffusers before 0.15."""
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    out = {}
    for key, value in state.items():
        for new, old in names.items():
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        out[key] = value
    return out


class TinyBlock(nn.Module):
    """The author's block, written from the description of the format."""

    def __init__(self, n_in: int, n_out: int, gn: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(*_conv(n_in, n_out), *_conv(n_out, n_out), nn.Conv2d(n_out, n_out, 3, padding=1))
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else nn.Identity()
        self.pool = None
        if gn:
            n = n_in * 4
            self.pool = nn.Sequential(
                nn.Conv2d(n_in, n, 1, bias=False), nn.GroupNorm(4, n), nn.ReLU(), nn.Conv2d(n, n_in, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return (self.conv(x) + self.skip(x)).relu()


def _conv(n_in: int, n_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU()


class TinyClamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def tiny_halves(
    latent: int = 4, width: int = 8, *, gn: bool = False, deep: bool = False
) -> tuple[nn.Module, nn.Module]:
    """(encoder, decoder) as in taesd.py; ``deep``: its 1/32 variant with changing widths."""
    torch.manual_seed(latent + width)
    w = width

    def down(kw: bool = False) -> list[nn.Module]:
        return [nn.Conv2d(w, w, 3, stride=2, padding=1, bias=False), *(TinyBlock(w, w, kw) for _ in range(3))]

    def up(a: int, b: int, kw: bool = False) -> list[nn.Module]:
        blocks = [TinyBlock(a, a, kw) for _ in range(3)]
        return [*blocks, nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1, bias=False)]

    if deep:
        head: list[nn.Module] = [
            nn.Conv2d(3, w // 2, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(w // 2, w, 3, stride=2, padding=1),
            nn.ReLU(),
            TinyBlock(w, w),
        ]
        encoder = nn.Sequential(*head, *down(), *down(), *down(), nn.Conv2d(w, latent, 3, padding=1))
        path = [*up(4 * w, 2 * w), *up(2 * w, w), *up(w, w), *up(w, w), *up(w, w)]
        first = nn.Conv2d(latent, 4 * w, 3, padding=1)
    else:
        encoder = nn.Sequential(
            nn.Conv2d(3, w, 3, padding=1),
            TinyBlock(w, w),
            *down(),
            *down(),
            *down(gn),
            nn.Conv2d(w, latent, 3, padding=1),
        )
        path = [*up(w, w, gn), *up(w, w), *up(w, w)]
        first = nn.Conv2d(latent, w, 3, padding=1)
    decoder = nn.Sequential(TinyClamp(), first, nn.ReLU(), *path, TinyBlock(w, w), nn.Conv2d(w, 3, 3, padding=1))
    for net in (encoder, decoder):
        net.eval().requires_grad_(False)
    return encoder, decoder


class Vanilla(nn.Module):
    """The VAE of PyTorch-VAE, written from the description of its layers."""

    def __init__(self, widths: tuple[int, ...] = (4, 8, 8), latent: int = 6) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.widths = widths
        down, n = [], 3
        for w in widths:
            down.append(nn.Sequential(nn.Conv2d(n, w, 3, 2, 1), nn.BatchNorm2d(w), nn.LeakyReLU()))
            n = w
        self.encoder = nn.Sequential(*down)
        self.fc_mu, self.fc_var = nn.Linear(n * 4, latent), nn.Linear(n * 4, latent)
        self.decoder_input = nn.Linear(latent, n * 4)
        back = widths[::-1]
        up = [
            nn.Sequential(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), nn.BatchNorm2d(b), nn.LeakyReLU())
            for a, b in pairwise(back)
        ]
        self.decoder = nn.Sequential(*up)
        last = back[-1]
        self.final_layer = nn.Sequential(
            nn.ConvTranspose2d(last, last, 3, 2, 1, 1), nn.BatchNorm2d(last), nn.LeakyReLU(),
            nn.Conv2d(last, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.5, 2)
        self.eval().requires_grad_(False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x).flatten(1)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z: Tensor) -> Tensor:
        return self.final_layer(self.decoder(self.decoder_input(z).view(-1, self.widths[-1], 2, 2)))


def hollow_file(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16") -> Path:
    """A safetensors file of zeros that takes no room on the disk."""
    size = {"F16": 2, "F32": 4, "BF16": 2}[dtype]
    header: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        n = size * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + n]}
        at += n
    head = json.dumps(header).encode()
    with path.open("wb") as out:
        out.write(len(head).to_bytes(8, "little") + head)
        out.truncate(8 + len(head) + at)
    return path

"""The autoencoder of Stable Diffusion, SDXL, SD3 and FLUX (AutoencoderKL).

Names and arithmetic are those of the library ``diffusers`` (its numbers are reproduced bit for bit; a test compares
where the library is installed), so a copy that the model library writes is a file that everybody reads.  The library
itself is not used: importing it takes seconds and brings a network client and twenty packages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.steps import Steps, run
from studio.nets.autoencoder_tiles import Tiling, in_tiles
from studio.nets.tensors import fill

HOME = 512
"""Pixels on a side that these networks are at home with; any multiple of the factor works."""
TILE, MARGIN, BLEND = 64, 4, 8
"""Cells (8 px in all but a few): a tile, what is thrown away around it, what is mixed at a seam to each side.

Not exact: the middle of these networks attends to the whole picture and their group norms average over it, so a tile
that holds only sky is normalised by sky.  Mixing hides the step; tones may drift by a few levels between tiles.
"""
LOGVAR = (-30.0, 20.0)
EPS = 1e-6
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "swish": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "relu": F.relu,
}
PLAN = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "mid_block_add_attention": True,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
}
"""What a plan holds (here SD's), in diffusers' words; a level whose type begins with "Attn" attends after every layer.
``decoder_block_out_channels`` stands there too when the decoder's widths differ (finest first, like the encoder's)."""


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation; in place where no gradient needs what was there (a norm's result, which is always new)."""
    if ACTIVATIONS[name] is not F.silu:
        return ACTIVATIONS[name]
    return lambda x: F.silu(x, inplace=not torch.is_grad_enabled())


class Residual(nn.Module):
    """Two normalised convolutions and a way around them (diffusers: ``ResnetBlock2D``)."""

    def __init__(self, n_in: int, n_out: int, plan: Mapping[str, Any]) -> None:
        super().__init__()
        groups = plan["norm_num_groups"]
        self.act = _activation(plan["act_fn"])
        self.norm1 = nn.GroupNorm(groups, n_in, EPS)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, n_out, EPS)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else None

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, K, H, W]``."""
        h: Tensor = self.conv2(self.act(self.norm2(self.conv1(self.act(self.norm1(x))))))
        around: Tensor = x if self.conv_shortcut is None else self.conv_shortcut(x)
        return around + h if torch.is_grad_enabled() else h.add_(around)


class Attention(nn.Module):
    """Every place looks at every other, with one head."""

    def __init__(self, n: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, n, EPS)
        self.to_q, self.to_k, self.to_v = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)
        self.to_out = nn.ModuleList([nn.Linear(n, n)])

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        places = self.group_norm(x.flatten(2)).transpose(1, 2)
        q, k, v = (to(places)[:, None] for to in (self.to_q, self.to_k, self.to_v))
        h: Tensor = self.to_out[0](F.scaled_dot_product_attention(q, k, v)[:, 0])
        return h.transpose(1, 2).reshape(x.shape) + x


class Resize(nn.Module):
    """Half (after padding right and below) or double the size."""

    def __init__(self, n: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(n, n, 3, padding=1) if up else nn.Conv2d(n, n, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, C, 2H, 2W]`` or ``[N, C, H / 2, W / 2]``."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else F.pad(x, (0, 1, 0, 1))
        resized: Tensor = self.conv(x)
        return resized


class Level(nn.Module):
    """Layers of one resolution, with attention after each or none, and the way to the next resolution."""

    def __init__(
        self, n_in: int, n_out: int, layers: int, plan: Mapping[str, Any], *, attends: bool, up: bool, last: bool
    ) -> None:
        super().__init__()
        widths = [n_in] + [n_out] * layers
        self.resnets = nn.ModuleList(Residual(widths[i], n_out, plan) for i in range(layers))
        groups = plan["norm_num_groups"]
        self.attentions = nn.ModuleList(Attention(n_out, groups) for _ in range(layers)) if attends else None
        way = None if last else nn.ModuleList([Resize(n_out, up=up)])
        self.upsamplers: nn.ModuleList | None = way if up else None
        self.downsamplers: nn.ModuleList | None = None if up else way

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to the next level's input."""
        for i, layer in enumerate(self.resnets):
            x = layer(x)
            if self.attentions is not None:
                x = self.attentions[i](x)
        for resize in self.upsamplers or self.downsamplers or ():
            x = resize(x)
        return x


class Middle(nn.Module):
    """The coarsest resolution: layer, attention, layer."""

    def __init__(self, n: int, plan: Mapping[str, Any]) -> None:
        super().__init__()
        attends = plan["mid_block_add_attention"]
        self.attentions = nn.ModuleList([Attention(n, plan["norm_num_groups"])]) if attends else None
        self.resnets = nn.ModuleList([Residual(n, n, plan), Residual(n, n, plan)])

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        x = self.resnets[0](x)
        if self.attentions is not None:
            x = self.attentions[0](x)
        out: Tensor = self.resnets[1](x)
        return out


class Half(nn.Module):
    """What encoder and decoder have in common: a first convolution, levels, a middle, a normalised last convolution."""

    def __init__(self, n_in: int, n_out: int, widths: Sequence[int], plan: Mapping[str, Any], *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.act = _activation(plan["act_fn"])
        kinds = plan["up_block_types" if up else "down_block_types"]
        layers = plan["layers_per_block"] + (1 if up else 0)
        order = list(reversed(widths)) if up else list(widths)
        self.conv_in = nn.Conv2d(n_in, order[0], 3, padding=1)
        levels = nn.ModuleList(
            Level(
                order[max(0, i - 1)],
                width,
                layers,
                plan,
                attends=str(kinds[i]).startswith("Attn"),
                up=up,
                last=i == len(order) - 1,
            )
            for i, width in enumerate(order)
        )
        self.up_blocks: nn.ModuleList | None = levels if up else None
        self.down_blocks: nn.ModuleList | None = None if up else levels
        self.mid_block = Middle(widths[-1], plan)
        self.conv_norm_out = nn.GroupNorm(plan["norm_num_groups"], order[-1], EPS)
        self.conv_out = nn.Conv2d(order[-1], n_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to moments, or latents to pictures."""
        x = self.conv_in(x)
        if self.up:
            x = self.mid_block(x)
        for level in self.up_blocks or self.down_blocks or ():
            x = level(x)
        if not self.up:
            x = self.mid_block(x)
        out: Tensor = self.conv_out(self.act(self.conv_norm_out(x)))
        return out


class AutoencoderKL(nn.Module):
    """Both halves as an :class:`~studio.nets.roles.Autoencoder` with a spatial latent."""

    spatial = True
    resolution = HOME

    def __init__(self, plan: Mapping[str, Any]) -> None:
        super().__init__()
        self.plan = {**PLAN, **plan}
        plan = self.plan
        widths, latent = plan["block_out_channels"], int(plan["latent_channels"])
        self.encoder = Half(plan["in_channels"], 2 * latent, widths, plan, up=False)
        back = plan.get("decoder_block_out_channels") or widths
        self.decoder = Half(latent, plan["out_channels"], back, plan, up=True)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1) if plan["use_quant_conv"] else None
        self.post_quant_conv = nn.Conv2d(latent, latent, 1) if plan["use_post_quant_conv"] else None
        self.latent_dim = latent
        self.factor = 2 ** (len(widths) - 1)

    @property
    def hyper(self) -> dict[str, Any]:
        """What the card says beside the role's facts."""
        return {"plan": self.plan, "sees_all": True}

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], plan: Mapping[str, Any]) -> AutoencoderKL:
        """Tensors under diffusers' names; :class:`ModelError` that names every key that does not fit."""
        net = cls(plan)
        fill(net, sd, "AutoencoderKL")
        return net

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [-1, 1] to mean and log-variance."""
        return _halves(self._moments(x))

    def decode(self, z: Tensor) -> Tensor:
        """Latents (unscaled, as :meth:`encode` gives them) to pictures in about [-1, 1]."""
        pictures: Tensor = self.decoder(z if self.post_quant_conv is None else self.post_quant_conv(z))
        return pictures

    def encode_tiled(self, x: Tensor, tile: int = TILE) -> tuple[Tensor, Tensor]:
        """Like :meth:`encode` with the memory of one tile; what differs is said at :data:`TILE`."""
        return run(self.encode_steps(x, tile))

    def encode_steps(self, x: Tensor, tile: int = TILE) -> Steps[tuple[Tensor, Tensor]]:
        """:meth:`encode_tiled` tile by tile."""
        return _halves((yield from in_tiles(self._moments, x, self.factor, 1, Tiling(tile, MARGIN, BLEND))))

    def decode_tiled(self, z: Tensor, tile: int = TILE) -> Tensor:
        """Like :meth:`decode` with the memory of one tile; what differs is said at :data:`TILE`."""
        return run(self.decode_steps(z, tile))

    def decode_steps(self, z: Tensor, tile: int = TILE) -> Steps[Tensor]:
        """:meth:`decode_tiled` tile by tile."""
        return in_tiles(self.decode, z, 1, self.factor, Tiling(tile, MARGIN, BLEND))

    def _moments(self, x: Tensor) -> Tensor:
        moments: Tensor = self.encoder(x)
        return moments if self.quant_conv is None else self.quant_conv(moments)


def _halves(moments: Tensor) -> tuple[Tensor, Tensor]:
    mu, logvar = torch.chunk(moments, 2, dim=1)
    return mu.contiguous(), logvar.clamp(*LOGVAR)

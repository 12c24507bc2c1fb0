"""Tiny autoencoders (TAESD and its relatives, by Ollin Boer Bohan): convolutions and ReLU, nothing else.

Verified against the author's networks.  ``diffusers.AutoencoderTiny`` has no counterpart of the global branch that the
one for FLUX.2 has, so the whole family is written here.  Inside, pictures are in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Steps, run
from studio.nets.autoencoder_tiles import Tiling, in_tiles
from studio.nets.tensors import fill

HOME = 512
"""Pixels on a side that these networks are at home with; any multiple of the factor works."""
PLAIN_LOGVAR = -30.0
"""The log-variance of an encoder that is sure of itself."""
TILE = 96
"""Cells on the side of a tile (768 px of a factor 8)."""
MAX_LAYERS = 64
MAX_FACTOR = 64
GROUPS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer of a half."""

    kind: Literal["clamp", "relu", "up", "conv", "block"]
    n_in: int = 0
    n_out: int = 0
    kernel: int = 3
    stride: int = 1
    bias: bool = True
    pool: int = 0
    """Channels of the global branch of a block; 0: it has none."""


class Clamp(nn.Module):
    """Latents softly kept within -3 .. 3."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    """Three convolutions and a way around them; optionally a branch that sees the whole picture before."""

    def __init__(self, n_in: int, n_out: int, pool: int = 0) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
        )
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else nn.Identity()
        self.pool = (
            nn.Sequential(
                nn.Conv2d(n_in, pool, 1, bias=False),
                nn.GroupNorm(GROUPS, pool),
                nn.ReLU(),
                nn.Conv2d(pool, n_in, 1, bias=False),
            )
            if pool
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, K, H, W]``."""
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + self.skip(x))


def _module(piece: Piece) -> nn.Module:
    if piece.kind == "clamp":
        return Clamp()
    if piece.kind == "relu":
        return nn.ReLU()
    if piece.kind == "up":
        return nn.Upsample(scale_factor=2)
    if piece.kind == "block":
        return Block(piece.n_in, piece.n_out, piece.pool)
    return nn.Conv2d(
        piece.n_in, piece.n_out, piece.kernel, stride=piece.stride, padding=piece.kernel // 2, bias=piece.bias
    )


class AutoencoderTiny(nn.Module):
    """Both halves as an :class:`~studio.nets.roles.Autoencoder`; a plain autoencoder, so its log-variance is -30."""

    spatial = True
    resolution = HOME

    def __init__(self, encoder: Sequence[Piece], decoder: Sequence[Piece]) -> None:
        super().__init__()
        self.plans = (tuple(encoder), tuple(decoder))
        for plan in self.plans:
            _check(plan)
        self.encoder = nn.Sequential(*(_module(p) for p in encoder))
        self.decoder = nn.Sequential(*(_module(p) for p in decoder))
        self.latent_dim = encoder[-1].n_out
        self.factor = factor_of(encoder)
        if self.factor != factor_of(decoder) or self.latent_dim != inputs_of(decoder):
            raise ModelError(
                "The two halves of this tiny autoencoder do not belong together.",
                f"One makes {self.latent_dim} channels at 1/{self.factor}, "
                f"the other takes {inputs_of(decoder)} at 1/{factor_of(decoder)}.",
                "Choose the encoder and the decoder of one autoencoder.",
            )
        if encoder[0].n_in != 3 or decoder[-1].n_out != 3:
            raise ModelError(
                "This tiny autoencoder is not for pictures of three colours.",
                f"It takes {encoder[0].n_in} channels and makes {decoder[-1].n_out}.",
            )

    @property
    def hyper(self) -> dict[str, Any]:
        """What the card says beside the role's facts."""
        return {"sees_all": any(p.pool for plan in self.plans for p in plan)}

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor]) -> AutoencoderTiny:
        """``encoder.N.*`` and ``decoder.N.*`` as the author's class names them; shapes decide everything.

        Raises :class:`ModelError` for what is no such network.
        """
        shapes = {k: tuple(v.shape) for k, v in sd.items()}
        net = cls(plan_encoder(half(shapes, "encoder.")), plan_decoder(half(shapes, "decoder.")))
        fill(net, sd, "tiny autoencoder")
        return net

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in [-1, 1] to the latent, and -30 for its log-variance."""
        mu = self.encoder(x * 0.5 + 0.5)
        return mu, torch.full_like(mu, PLAIN_LOGVAR)

    def decode(self, z: Tensor) -> Tensor:
        """Latents to pictures in about [-1, 1]."""
        pictures: Tensor = self.decoder(z)
        return pictures * 2 - 1

    def encode_tiled(self, x: Tensor, tile: int = TILE) -> tuple[Tensor, Tensor]:
        """Like :meth:`encode`, with the memory of one tile of ``tile`` cells; exact."""
        return run(self.encode_steps(x, tile))

    def encode_steps(self, x: Tensor, tile: int = TILE) -> Steps[tuple[Tensor, Tensor]]:
        """:meth:`encode_tiled` tile by tile.

        The layers up to the lowest resolution see only so far and are worked on in tiles; those that see everything
        work on the whole at 1/factor.
        """
        plan = self.plans[0]
        cut = next((i for i, p in enumerate(plan) if p.pool), len(plan))
        local, rest = self.encoder[:cut], self.encoder[cut:]
        how = Tiling(tile, reach(plan[:cut]))
        seen = yield from in_tiles(lambda t: local(t * 0.5 + 0.5), x, self.factor, 1, how)
        mu: Tensor = rest(seen)
        return mu, torch.full_like(mu, PLAIN_LOGVAR)

    def decode_tiled(self, z: Tensor, tile: int = TILE) -> Tensor:
        """Like :meth:`decode`, with the memory of one tile of ``tile`` cells; exact."""
        return run(self.decode_steps(z, tile))

    def decode_steps(self, z: Tensor, tile: int = TILE) -> Steps[Tensor]:
        """:meth:`decode_tiled` tile by tile."""
        plan = self.plans[1]
        cut = 1 + max((i for i, p in enumerate(plan) if p.pool), default=-1)
        first, local = self.decoder[:cut], self.decoder[cut:]
        how = Tiling(tile, reach(plan[cut:]))
        return (yield from in_tiles(lambda t: local(t) * 2 - 1, first(z), 1, self.factor, how))


def _check(plan: Sequence[Piece]) -> None:
    """Every layer takes what the one before it gives, and none gives nothing."""
    widths = [(p.n_in, p.n_out) for p in plan if p.kind in ("conv", "block")]
    chained = all(a[1] == b[0] for a, b in pairwise(widths))
    if not chained or any(min(w) < 1 for w in widths) or not 1 < factor_of(plan) <= MAX_FACTOR:
        raise ModelError(
            "This looks like a tiny autoencoder, but its layers do not follow from each other.",
            "",
            "Get it again from its author.",
        )


def factor_of(plan: Sequence[Piece]) -> int:
    """Pixels to a cell."""
    n = 1
    for piece in plan:
        n *= 2 if piece.kind == "up" else piece.stride
    return n


def inputs_of(plan: Sequence[Piece]) -> int:
    """Channels that a half takes."""
    return next((p.n_in for p in plan if p.kind in ("conv", "block")), 0)


def reach(plan: Sequence[Piece]) -> int:
    """Cells to each side that one result of these layers depends on (an upper bound)."""
    factor = factor_of(plan)
    # Pixels of the finest resolution to one step of the layer: from the coarse end when sizes double.
    step = factor if any(p.kind == "up" for p in plan) else 1
    pixels = 0
    for piece in plan:
        if piece.kind == "up":
            step //= 2
        elif piece.kind == "conv":
            pixels += step * (piece.kernel // 2)
            step *= piece.stride
        elif piece.kind == "block":
            pixels += 3 * step
    return -(-pixels // factor) + 1


def half(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[int, dict[str, tuple[int, ...]]]:
    """The layers of a half by number: ``{"weight": shape, "conv.0.weight": shape, ...}``; other names are an error."""
    out: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        if not name.startswith(prefix):
            continue
        found = re.fullmatch(r"(\d{1,3})\.(.+)", name[len(prefix) :])
        if found is None or int(found.group(1)) >= MAX_LAYERS:
            raise ModelError("This looks like a tiny autoencoder, but a layer does not fit.", f"It is {name[:80]}.")
        out.setdefault(int(found.group(1)), {})[found.group(2)] = shape
    if len(out) < 3:
        raise ModelError("This looks like a tiny autoencoder, but one of its halves is missing.")
    return out


def plan_encoder(layers: Mapping[int, Mapping[str, tuple[int, ...]]]) -> list[Piece]:
    """Convolutions without a bias halve; those that a ReLU (which leaves a gap in the numbers) follows do too."""
    out: list[Piece] = []
    for i in range(max(layers) + 1):
        if i not in layers:
            out.append(Piece("relu"))
            continue
        piece = _piece(i, layers[i])
        last = i == max(layers)
        halves = piece.kind == "conv" and (not piece.bias or (i + 1 not in layers and not last))
        out.append(Piece(**{**asdict(piece), "stride": 2}) if halves else piece)
    return out


def plan_decoder(layers: Mapping[int, Mapping[str, tuple[int, ...]]]) -> list[Piece]:
    """The gaps in the numbers: the first is the soft clamp, the next the first ReLU, then they double the size."""
    out: list[Piece] = []
    for i in range(max(layers) + 1):
        if i in layers:
            out.append(_piece(i, layers[i]))
        else:
            out.append(Piece("clamp" if i == 0 else "relu" if i == 2 else "up"))
    return out


def _piece(i: int, leaves: Mapping[str, tuple[int, ...]]) -> Piece:
    if "conv.0.weight" in leaves and len(leaves["conv.0.weight"]) == 4:
        n_out, n_in = leaves["conv.0.weight"][:2]
        pool = leaves.get("pool.0.weight", (0,))[0]
        if pool % GROUPS:
            raise ModelError("This looks like a tiny autoencoder, but a layer does not fit.", f"It is layer {i}.")
        return Piece("block", n_in, n_out, pool=pool)
    shape = leaves.get("weight", ())
    if len(shape) == 4 and shape[2] == shape[3] and shape[2] in (1, 3) and set(leaves) <= {"weight", "bias"}:
        return Piece("conv", shape[1], shape[0], kernel=shape[2], bias="bias" in leaves)
    raise ModelError("This looks like a tiny autoencoder, but a layer does not fit.", f"It is layer {i}.")

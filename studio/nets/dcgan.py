"""The DCGAN family (Radford et al., 2015): generators that turn z into a picture with no w and no layers to mix.

Two kinds are one network here: transposed convolutions from a 1x1 map, and a linear stem followed by up-sampling and
plain convolutions.  Classes are extra inputs beside z, or an embedding that multiplies or joins it.  The role's w is
the network's own input, so that mixing, directions and walks work as for every other generator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.roles import Layer, Noise
from studio.nets.tensors import fill

Activation = Literal["relu", "leaky"]
Output = Literal["tanh", "sigmoid", "none"]
LabelMode = Literal["none", "concat", "embed_concat", "embed_multiply"]
MAX_RESOLUTION = 4096


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block: up-sampling by nearest neighbour if ``up``, a convolution, batch norm if ``norm``, an activation."""

    n_in: int
    n_out: int
    kernel: int
    stride: int = 1
    padding: int = 0
    transposed: bool = True
    up: bool = False
    bias: bool = False
    norm: bool = True
    active: bool = True
    """False when the block's output goes on as it is."""

    def size(self, n: int) -> int:
        """The side of the picture after this block."""
        n *= 2 if self.up else 1
        if self.transposed:
            return (n - 1) * self.stride - 2 * self.padding + self.kernel
        return (n + 2 * self.padding - self.kernel) // self.stride + 1


class StoredNorm(nn.Module):
    """Batch norm with the statistics of training: a scale and a shift for each channel."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        return F.batch_norm(x, self.get_buffer("running_mean"), self.get_buffer("running_var"), self.weight, self.bias,
                            eps=self.eps)  # fmt: skip


class Block(nn.Module):
    """One step of the generator."""

    def __init__(self, plan: BlockPlan, activation: Activation, eps: float) -> None:
        super().__init__()
        self.plan, self.activation = plan, activation
        p = plan
        if p.transposed:
            self.conv: nn.Module = nn.ConvTranspose2d(p.n_in, p.n_out, p.kernel, p.stride, p.padding, bias=p.bias)
        else:
            self.conv = nn.Conv2d(p.n_in, p.n_out, p.kernel, p.stride, p.padding, bias=p.bias)
        if p.norm:
            self.norm = StoredNorm(p.n_out, eps)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, n_in, h, w]`` to ``[N, n_out, ...]``."""
        if self.plan.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.conv(x)
        if self.plan.norm:
            x = self.norm(x)
        if not self.plan.active:
            return x
        return F.relu(x) if self.activation == "relu" else F.leaky_relu(x, 0.2)


class DCGAN(nn.Module):
    """The generator, in the role :class:`studio.nets.roles.Generator` with ``num_ws == 1``.

    ``z_dim`` numbers are drawn, ``c_dim`` classes are given; ``w_dim`` is what the first layer takes.
    """

    def __init__(
        self,
        z_dim: int,
        plans: tuple[BlockPlan, ...],
        *,
        stem: tuple[int, int] | None = None,
        stem_norm: bool = False,
        c_dim: int = 0,
        label_mode: LabelMode = "none",
        label_width: int = 0,
        activation: Activation = "relu",
        output: Output = "tanh",
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.num_ws = z_dim, c_dim, 1
        self.plans, self.stem_shape, self.label_mode = plans, stem, label_mode
        self.activation: Activation = activation
        self.output: Output = output
        self.norm_eps, self.label_width = norm_eps, label_width
        joined = {"concat": c_dim, "embed_concat": label_width}.get(label_mode, 0)
        self.w_dim = z_dim + joined
        if label_mode.startswith("embed"):
            self.label_emb = nn.Embedding(c_dim, label_width)
        size = 1
        if stem is not None:
            channels, size = stem
            self.fc = nn.Linear(self.w_dim, channels * size * size)
            if stem_norm:
                # The original always leaves this first norm's epsilon at torch's default.
                self.stem_norm = StoredNorm(channels, 1e-5)
        self.has_stem_norm = stem_norm
        self.blocks = nn.ModuleList(Block(p, activation, norm_eps) for p in plans)
        for p in plans:
            size = p.size(size)
        self.resolution = size

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One row: z makes the whole picture."""
        return (Layer(0, "whole picture", self.resolution, "coarse"),)

    @property
    def w_avg(self) -> Tensor:
        """Zero, ``[w_dim]`` float32, where z is centred."""
        return torch.zeros(self.w_dim, device=self.blocks[0].conv.weight.device)  # type: ignore[union-attr,arg-type]

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        """Always empty."""
        return ()

    @property
    def hyper(self) -> dict[str, object]:
        """Everything needed to build the network again."""
        return {
            "resolution": self.resolution,
            "z_dim": self.z_dim,
            "w_dim": self.w_dim,
            "c_dim": self.c_dim,
            "num_ws": 1,
            "stem": None if self.stem_shape is None else list(self.stem_shape),
            "stem_norm": self.has_stem_norm,
            "label_mode": self.label_mode,
            "label_width": self.label_width,
            "activation": self.activation,
            "output": self.output,
            "norm_eps": self.norm_eps,
            "blocks": [asdict(p) for p in self.plans],
        }

    def map(self, z: Tensor, labels: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z ``[N, z_dim]`` and labels ``[N, c_dim]`` to ws ``[N, 1, w_dim]``; ``psi`` pulls z, not the class, to 0."""
        z = z.float() * (psi if cutoff is None or cutoff > 0 else 1.0)
        if self.c_dim == 0:
            return z[:, None]
        if labels is None:
            labels = z.new_zeros(z.shape[0], self.c_dim)
        labels = labels.float()
        if self.label_mode == "concat":
            return torch.cat((z, labels), dim=1)[:, None]
        # An embedding has no meaning for "no class": the mean of all classes stands for it.
        total = labels.sum(dim=1, keepdim=True)
        labels = torch.where(total == 0, torch.full_like(labels, 1.0 / self.c_dim), labels)
        e = labels @ self.label_emb.weight
        return (z * e if self.label_mode == "embed_multiply" else torch.cat((z, e), dim=1))[:, None]

    def synthesize(
        self, ws: Tensor, noise: Noise = "const", *, strength: float | Tensor = 1.0, size: int | None = None
    ) -> Tensor:
        """ws ``[N, 1, w_dim]`` to pictures ``[N, 3, H, W]`` float32 in [-1, 1]; grey networks repeat their channel.

        ``noise`` and ``strength`` are accepted for the role and change nothing: this network has none.
        """
        if size is not None and size != self.resolution:
            raise ValueError(f"this network makes pictures of {self.resolution} px only, not {size}")
        x = ws[:, 0].float()
        if self.stem_shape is None:
            x = x[:, :, None, None]
        else:
            channels, side = self.stem_shape
            x = self.fc(x).reshape(-1, channels, side, side)
            if self.has_stem_norm:
                x = self.stem_norm(x)
        for block in self.blocks:
            x = block(x)
        if self.output == "tanh":
            x = torch.tanh(x)
        elif self.output == "sigmoid":
            x = torch.sigmoid(x) * 2 - 1
        return x.expand(-1, 3, -1, -1).contiguous() if x.shape[1] == 1 else x[:, :3]

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z and labels straight to pictures."""
        return self.synthesize(self.map(z, labels))

    @classmethod
    def from_hyper(cls, hyper: Mapping[str, Any]) -> DCGAN:
        """The network that :attr:`hyper` of another one describes, with fresh weights.  Raises :class:`ModelError`."""
        try:
            plans = tuple(BlockPlan(**{k: _plain(v) for k, v in p.items()}) for p in hyper["blocks"])
            stem = hyper.get("stem")
            _sane(plans, 1 if stem is None else int(stem[1]))
            c_dim, mode = int(hyper.get("c_dim", 0)), hyper.get("label_mode", "none")
            net = cls(
                int(hyper["z_dim"]),
                plans,
                stem=None if stem is None else (int(stem[0]), int(stem[1])),
                stem_norm=bool(hyper.get("stem_norm", False)),
                c_dim=c_dim,
                label_mode=mode,
                label_width=int(hyper.get("label_width", 0)),
                activation=hyper.get("activation", "relu"),
                output=hyper.get("output", "tanh"),
                norm_eps=float(hyper.get("norm_eps", 1e-5)),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, ZeroDivisionError) as exc:
            raise ModelError("This DCGAN is not described completely.", f"{exc}.") from exc
        return net

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], hyper: Mapping[str, Any]) -> DCGAN:
        """Build from canonical tensors and :attr:`hyper`; every key must fit.  Float32, evaluation mode."""
        net = cls.from_hyper(hyper)
        fill(net, sd, "DCGAN generator")
        return net.eval().requires_grad_(False)


def _sane(plans: tuple[BlockPlan, ...], size: int) -> None:
    """Refuse what makes no picture, before anything is allocated for it."""
    for p in plans:
        if not (0 < p.n_in <= 1 << 16 and 0 < p.n_out <= 1 << 16 and 0 < p.kernel <= 64):
            raise ModelError("This DCGAN is not described completely.", "A block has an impossible width or kernel.")
        if not (0 < p.stride <= 8 and 0 <= p.padding <= 64):
            raise ModelError("This DCGAN is not described completely.", "A block has an impossible step.")
        size = p.size(size)
        if not 1 <= size <= MAX_RESOLUTION:
            raise ModelError("This DCGAN does not make pictures.", f"Its side would be {size} px.")
    if not plans or plans[-1].n_out not in (1, 3, 4):
        raise ModelError("This DCGAN does not make pictures.", "Pictures have 1, 3 or 4 channels.")


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int):
        raise TypeError(f"{value!r} is not a number")
    return value


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``main.10`` after ``main.9``."""
    return tuple(
        (0, int(p), "") if p.isascii() and p.isdigit() and len(p) < 10 else (1, 0, p) for p in re.split(r"[.]", name)
    )

"""StyleGAN3 (Karras et al., "Alias-Free Generative Adversarial Networks", 2021), configurations T and R.

Parameter names, shapes and scalings are the canonical ones of the authors' torch release.  T has 3x3 convolutions and
separable filters, R has 1x1 convolutions and radial down-sampling filters; both come out of keys and shapes here:
a layer's name carries its size and width, its filters carry the factors, and the sampling rates follow backwards from
the size of the picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.roles import Layer, Noise, band_of
from studio.nets.stylegan2 import Mapping
from studio.nets.stylegan2_ops import SQRT2, FullyConnected
from studio.nets.stylegan3_ops import filtered_lrelu, modulated_conv3
from studio.nets.tensors import fill, truncate

ASSUMED: dict[str, float] = {"conv_clamp": 256.0, "output_scale": 0.25, "first_cutoff": 2.0, "num_critical": 2}
"""What no file says; the values of every published network.  ``hyper`` of :meth:`from_state_dict` may override them."""

MAX_RESOLUTION = 4096


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One synthesis layer: sizes and sampling rates in samples, ``up`` and ``down`` factors of its filters."""

    name: str
    n_in: int
    n_out: int
    size_in: int
    size_out: int
    rate_in: int
    rate_out: int
    up: int
    down: int
    taps_up: int
    down_shape: tuple[int, ...]
    kernel: int
    is_rgb: bool

    @property
    def padding(self) -> tuple[int, int]:
        """(low, high) padding before the up-sampling filter, in up-sampled samples, as the authors centre it."""
        total = (self.size_out - 1) * self.down + 1
        total -= (self.size_in + self.kernel - 1) * self.up
        total += self.taps_up + self.down_shape[0] - 2
        lo = (total + self.up) // 2
        return lo, total - lo


class SynthesisInput(nn.Module):
    """Fourier features of a plane that ws[0] moves and turns: the picture's coordinate system."""

    def __init__(self, w_dim: int, channels: int, size: int, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnected(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        radius = torch.randn(channels, 2)
        length = radius.square().sum(dim=1, keepdim=True).sqrt()
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", radius / (length * length.square().exp().pow(0.25)) * bandwidth)
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        """w ``[N, w_dim]`` to ``[N, C, size, size]``."""
        t: Tensor = self.affine(w.float())
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        c, s, tx, ty = t.unbind(dim=1)
        o, i = torch.zeros_like(c), torch.ones_like(c)
        turn = torch.stack((c, -s, o, s, c, o, o, o, i), dim=1).reshape(-1, 3, 3)
        move = torch.stack((i, o, -tx, o, i, -ty, o, o, i), dim=1).reshape(-1, 3, 3)
        m = turn @ move @ cast(Tensor, self.transform)[None]
        freqs = cast(Tensor, self.freqs)[None]
        phases = cast(Tensor, self.phases)[None] + (freqs @ m[:, :2, 2:]).squeeze(2)
        freqs = freqs @ m[:, :2, :2]
        # Frequencies that the transform pushed beyond the band fade out instead of aliasing.
        fade = (1 - (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        half = 0.5 * self.size / self.rate
        theta = torch.tensor([[[half, 0.0, 0.0], [0.0, half, 0.0]]], device=w.device)
        grid = F.affine_grid(theta, [1, 1, self.size, self.size], align_corners=False)
        x: Tensor = grid.reshape(1, -1, 2) @ freqs.transpose(1, 2)
        x = torch.sin((x + phases[:, None]) * (2 * math.pi)) * fade[:, None]
        x = x @ (self.weight / math.sqrt(self.weight.shape[0])).t()
        return x.transpose(1, 2).reshape(w.shape[0], -1, self.size, self.size)


class SynthesisLayer3(nn.Module):
    """Modulated convolution and filtered leaky ReLU; the last one makes the three colour channels instead."""

    def __init__(self, plan: LayerPlan, w_dim: int, clamp: float | None) -> None:
        super().__init__()
        self.plan, self.clamp = plan, clamp
        self.affine = FullyConnected(w_dim, plan.n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(plan.n_out, plan.n_in, plan.kernel, plan.kernel))
        self.bias = nn.Parameter(torch.zeros(plan.n_out))
        self.register_buffer("magnitude_ema", torch.ones([]))
        if not plan.is_rgb:
            self.register_buffer("up_filter", torch.full((plan.taps_up,), 1.0 / plan.taps_up))
            self.register_buffer("down_filter", torch.full(plan.down_shape, 1.0 / math.prod(plan.down_shape)))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x ``[N, I, size_in, size_in]``, w ``[N, w_dim]`` to ``[N, O, size_out, size_out]``."""
        p = self.plan
        input_gain = cast(Tensor, self.magnitude_ema).rsqrt()
        if p.is_rgb:
            s = self.affine(w) * (input_gain / math.sqrt(p.n_in * p.kernel**2))
            y = F.conv2d(x * s[:, :, None, None], self.weight, self.bias, padding=p.kernel - 1)
            lo, hi = p.padding
            y = F.pad(y, (lo, hi, lo, hi))
            return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)
        y = modulated_conv3(x, self.weight, self.affine(w), self.bias, input_gain=input_gain)
        return filtered_lrelu(
            y,
            cast(Tensor, self.up_filter),
            cast(Tensor, self.down_filter),
            up=p.up,
            down=p.down,
            padding=p.padding,
            out_size=p.size_out,
            gain=SQRT2,
            slope=0.2,
            clamp=self.clamp,
        )


class Synthesis3(nn.Module):
    """The input and the layers in order, under their canonical names."""

    def __init__(
        self, w_dim: int, plans: tuple[LayerPlan, ...], bandwidth: float, clamp: float | None, scale: float
    ) -> None:
        super().__init__()
        self.names, self.scale = tuple(p.name for p in plans), scale
        self.input = SynthesisInput(w_dim, plans[0].n_in, plans[0].size_in, plans[0].rate_in, bandwidth)
        for p in plans:
            self.add_module(p.name, SynthesisLayer3(p, w_dim, clamp))

    def forward(self, ws: Tensor) -> Tensor:
        """ws ``[N, num_ws, w_dim]`` to pictures, float32."""
        x: Tensor = self.input(ws[:, 0])
        for i, name in enumerate(self.names):
            x = getattr(self, name)(x, ws[:, i + 1])
        return x * self.scale


class StyleGAN3(nn.Module):
    """The generator, in the role :class:`studio.nets.roles.Generator`.  It has no noise and no smaller pictures."""

    def __init__(
        self,
        z_dim: int,
        w_dim: int,
        plans: tuple[LayerPlan, ...],
        *,
        c_dim: int = 0,
        mapping_layers: int = 2,
        conv_clamp: float | None = 256.0,
        output_scale: float = 0.25,
        first_cutoff: float = 2.0,
        num_critical: int = 2,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.c_dim = z_dim, w_dim, c_dim
        self.plans = plans
        self.resolution = plans[-1].size_out
        self.num_ws = len(plans) + 1
        self.conv_clamp, self.output_scale = conv_clamp, output_scale
        self.first_cutoff, self.num_critical = first_cutoff, num_critical
        self.mapping = Mapping(z_dim, c_dim, w_dim, mapping_layers)
        self.synthesis = Synthesis3(w_dim, plans, first_cutoff, conv_clamp, output_scale)

    @property
    def variant(self) -> str:
        """``t`` (3x3 convolutions, separable filters) or ``r`` (1x1, radial filters, turns with its content)."""
        return "r" if self.plans[0].kernel == 1 else "t"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One row for each w index: the coordinate system, the layers, the colours.

        ``resolution`` is the layer's sampling rate (its pictures carry a margin on top).  The band follows the
        layer's cutoff frequency, which is what its details can be as fine as: here rates rise late and in steps.
        """
        full, n = self.resolution, len(self.plans) - 1
        rows = [Layer(0, "place and turn", self.plans[0].rate_in, "coarse")]
        for i, p in enumerate(self.plans):
            at = min(i / max(1, n - self.num_critical), 1.0)
            cutoff = self.first_cutoff * (full / 2 / self.first_cutoff) ** at
            name = f"{full} px, colour" if p.is_rgb else f"{p.rate_out} px, layer {i + 1}"
            rows.append(Layer(i + 1, name, p.rate_out, band_of(round(2 * cutoff), full)))
        return tuple(rows)

    @property
    def w_avg(self) -> Tensor:
        """The mean w, ``[w_dim]`` float32."""
        return self.mapping.w_avg.float()

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        """Always empty: only the last layer makes colours."""
        return ()

    @property
    def hyper(self) -> dict[str, object]:
        """What the model card stores beside the tensors."""
        return {
            "architecture": f"stylegan3-{self.variant}",
            "resolution": self.resolution,
            "z_dim": self.z_dim,
            "w_dim": self.w_dim,
            "c_dim": self.c_dim,
            "num_ws": self.num_ws,
            "mapping_layers": self.mapping.num_layers,
            "conv_clamp": self.conv_clamp,
            "output_scale": self.output_scale,
            "first_cutoff": self.first_cutoff,
            "num_critical": self.num_critical,
        }

    def map(self, z: Tensor, labels: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z ``[N, z_dim]`` to ws ``[N, num_ws, w_dim]`` float32; layers below ``cutoff`` go to ``w_avg`` by ``psi``."""
        ws: Tensor = self.mapping(z, labels)[:, None].repeat(1, self.num_ws, 1)
        return truncate(ws, self.w_avg, psi, cutoff)

    def synthesize(
        self,
        ws: Tensor,
        noise: Noise = "const",
        *,
        strength: float | Tensor = 1.0,
        size: int | None = None,
    ) -> Tensor:
        """ws to pictures ``[N, 3, H, W]`` float32, about [-1, 1], not clipped.

        ``noise`` and ``strength`` are accepted for the role and change nothing: this network has none.
        """
        if size is not None and size != self.resolution:
            raise ValueError(f"this network makes pictures of {self.resolution} px only, not {size}")
        x: Tensor = self.synthesis(ws.float())
        return x

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z and labels straight to pictures."""
        return self.synthesize(self.map(z, labels))

    @classmethod
    def from_state_dict(cls, sd: MappingABC[str, Tensor], hyper: MappingABC[str, Any] | None = None) -> StyleGAN3:
        """Build the network that a canonical state dict describes, in float32 and evaluation mode.

        ``hyper`` may override what no tensor tells (:data:`ASSUMED`); other keys in it are ignored.  Raises
        :class:`ModelError` naming the tensors that are missing, unexpected or misshapen.
        """
        known = {k: (hyper or {}).get(k, v) for k, v in ASSUMED.items()}
        plans = infer_plans(sd)
        try:
            w_dim = int(sd[f"synthesis.{plans[0].name}.affine.weight"].shape[1])
            c_dim = int(sd["mapping.embed.weight"].shape[1]) if "mapping.embed.weight" in sd else 0
            z_dim = int(sd["mapping.fc0.weight"].shape[1]) - (w_dim if c_dim else 0)
        except (KeyError, IndexError) as exc:
            raise _incomplete(f"A tensor is missing or has no second dimension: {exc}.") from exc
        if z_dim < 0:
            raise _incomplete("The first mapping layer is narrower than the label embedding beside it.")
        depth = len({m.group(1) for k in sd if (m := re.match(r"mapping\.fc(\d+)\.weight$", k))})
        net = cls(
            z_dim,
            w_dim,
            plans,
            c_dim=c_dim,
            mapping_layers=depth,
            conv_clamp=known["conv_clamp"],
            output_scale=float(known["output_scale"]),
            first_cutoff=float(known["first_cutoff"]),
            num_critical=int(known["num_critical"]),
        )
        fill(net, sd, "StyleGAN3 generator")
        return net.eval().requires_grad_(False)


def _incomplete(why: str) -> ModelError:
    return ModelError("This is not a complete StyleGAN3 generator.", why)


def infer_plans(sd: MappingABC[str, Tensor]) -> tuple[LayerPlan, ...]:
    """The layers that the keys name, with factors and sampling rates, from the shapes alone.

    A filter has ``6 * factor`` taps; the first layer doubles and halves, which gives the 6.  The last two layers run
    at the picture's own rate, so the rates of all others follow backwards through the factors.
    """
    found = {
        int(m.group(1)): (k[len("synthesis.") : -len(".weight")], int(m.group(2)), int(m.group(3)))
        for k in sd
        if (m := re.match(r"synthesis\.L(\d+)_(\d+)_(\d+)\.weight$", k))
    }
    if len(found) < 3 or sorted(found) != list(range(len(found))):
        raise _incomplete(f"Its layers are {sorted(found) or 'absent'}; L0, L1, L2 ... were expected.")
    names = [found[i][0] for i in range(len(found))]
    sizes = [found[i][1] for i in range(len(found))]
    if not all(0 < s <= 2 * MAX_RESOLUTION for s in sizes):
        raise _incomplete(f"A layer of {max(sizes)} px is outside what any such network has.")
    try:
        taps = int(sd[f"synthesis.{names[0]}.up_filter"].shape[0]) // 2
        plans: list[LayerPlan] = []
        rate = sizes[-1]
        for i in reversed(range(len(names))):
            o, n_in, k, k2 = (int(v) for v in sd[f"synthesis.{names[i]}.weight"].shape)
            is_rgb = i == len(names) - 1
            up = down = taps_up = 1
            down_shape: tuple[int, ...] = (1,)
            if not is_rgb:
                taps_up = int(sd[f"synthesis.{names[i]}.up_filter"].shape[0])
                down_shape = tuple(int(v) for v in sd[f"synthesis.{names[i]}.down_filter"].shape)
                up, down = taps_up // taps, down_shape[0] // taps
            if k != k2 or k not in (1, 3) or o != found[i][2] or len(down_shape) > 2 or len(set(down_shape)) > 1:
                raise _incomplete(f"Layer {names[i]} has weights or filters of an unknown shape.")
            if not is_rgb and (up < 1 or down < 1 or up * taps != taps_up or down * taps != down_shape[0]):
                raise _incomplete(f"The filters of layer {names[i]} do not fit those of the first layer.")
            rate_in, rest = divmod(rate * down, up)
            if rest or rate_in < 1:
                raise _incomplete(f"The sampling rates before layer {names[i]} are not whole numbers.")
            plans.append(
                LayerPlan(
                    name=names[i],
                    n_in=n_in,
                    n_out=o,
                    size_in=sizes[max(i - 1, 0)],
                    size_out=sizes[i],
                    rate_in=rate_in,
                    rate_out=rate,
                    up=up,
                    down=down,
                    taps_up=taps_up,
                    down_shape=down_shape,
                    kernel=k,
                    is_rgb=is_rgb,
                )
            )
            rate = rate_in
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as exc:
        raise _incomplete(f"A tensor is missing or has an unknown shape: {exc}.") from exc
    plans.reverse()
    if any(a.n_out != b.n_in for a, b in pairwise(plans)):
        raise _incomplete("The widths of its layers do not follow each other.")
    return tuple(plans)

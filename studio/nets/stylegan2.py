"""StyleGAN2 (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020), the reference formulation.

Parameter names, shapes and scalings are the canonical ones of the authors' torch release, so a canonical state dict
loads with ``load_state_dict``.  Any size, any channels, mapping of any depth, class-conditional, and the three
architectures ``skip`` (images summed over resolutions), ``resnet`` and ``orig``.

In evaluation mode the modulated convolution is the plain one (one weight per sample, grouped); in training mode it
scales activations instead, in ``compute_dtype``.  Both are the same mathematics.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as MappingABC
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.nets.roles import Layer, Noise, NoiseCircle, band_of
from studio.nets.stylegan2_ops import (
    SQRT2,
    FullyConnected,
    demodulation,
    fir,
    fir_filter,
    full,
    is_standard_fir,
    lrelu,
    modulated_conv,
    normalize_2nd_moment,
    scaled_conv,
    upsample2d,
)
from studio.nets.tensors import fill, truncate

Architecture = Literal["skip", "resnet", "orig"]
TrainNoise = Noise | Literal["random"]


def noise_plane(seed: int | NoiseCircle, layer: int, resolution: int) -> Tensor:
    """The noise picture of w index ``layer`` for ``seed``: ``[resolution, resolution]`` float32, on the CPU.

    Each layer has its own stream, so that layers can be computed in any order and again from the middle.
    """
    if isinstance(seed, NoiseCircle):
        a, b = (noise_plane(seed.seed + i, layer, resolution) for i in (0, 1))
        return a * math.cos(seed.angle) + b * math.sin(seed.angle)
    gen = torch.Generator()
    gen.manual_seed((int(seed) * 1_000_003 + layer) & 0x7FFF_FFFF_FFFF_FFFF)
    return torch.randn(resolution, resolution, generator=gen)


def layer_table(resolution: int) -> tuple[Layer, ...]:
    """The rows of the mixing board for a StyleGAN2 of this size: ``2 log2(resolution) - 2`` of them.

    Row 2j-1 and 2j are the first and second convolution at 4*2^j px; the last row only colours the picture.
    """
    rows = [Layer(0, "4 px", 4, band_of(4, resolution))]
    for j in range(1, int(math.log2(resolution)) - 1):
        r = 4 << j
        rows.append(Layer(2 * j - 1, f"{r} px, first", r, band_of(r, resolution)))
        rows.append(Layer(2 * j, f"{r} px, second", r, band_of(r, resolution)))
    rows.append(Layer(len(rows), f"{resolution} px, colour", resolution, band_of(resolution, resolution)))
    return tuple(rows)


class Mapping(nn.Module):
    """z (and the embedded label) to w: fully connected layers with learning-rate multiplier 0.01."""

    w_avg: Tensor

    def __init__(self, z_dim: int, c_dim: int, w_dim: int, num_layers: int, *, lr: float = 0.01) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_layers = z_dim, c_dim, w_dim, num_layers
        width = z_dim + (w_dim if c_dim else 0)
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim)
        for i in range(num_layers):
            self.add_module(f"fc{i}", FullyConnected(width if i == 0 else w_dim, w_dim, activate=True, lr=lr))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        """z ``[N, z_dim]``, c ``[N, c_dim]`` to w ``[N, w_dim]``, float32, not truncated."""
        parts = []
        if self.z_dim:
            assert z is not None
            parts.append(normalize_2nd_moment(full(z)))
        if self.c_dim:
            if c is None:
                assert z is not None
                c = z.new_zeros(z.shape[0], self.c_dim)
            parts.append(normalize_2nd_moment(self.embed(full(c))))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU; ``up`` doubles the size."""

    def __init__(
        self, n_in: int, n_out: int, w_dim: int, resolution: int, index: int, *, up: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.resolution, self.index, self.up, self.clamp = resolution, index, up, clamp
        self.affine = FullyConnected(w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("resample_filter", fir_filter())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def noise(self, x: Tensor, noise: TrainNoise, strength: float | Tensor) -> Tensor | None:
        """The scaled noise to add, ``[1 or N, 1, r, r]``, or ``None``."""
        r = self.resolution
        if noise == "none":
            return None
        if noise == "random":
            plane = torch.randn(x.shape[0], 1, r, r, device=x.device)
        elif noise == "const":
            plane = cast(Tensor, self.noise_const)[None, None].float()
        else:
            plane = noise_plane(noise, self.index, r)[None, None].to(x.device)
        s = strength[self.index] if isinstance(strength, Tensor) else strength
        return plane * (self.noise_strength.float() * s)

    def forward(
        self,
        x: Tensor,
        w: Tensor,
        noise: TrainNoise,
        strength: float | Tensor,
        grouped: bool,
        gain: float = 1.0,
    ) -> Tensor:
        """x ``[N, I, h, h]``, w ``[N, w_dim]`` to ``[N, O, r, r]``."""
        kernel = cast(Tensor, self.resample_filter)
        styles = self.affine(w)
        clamp = None if self.clamp is None else self.clamp * gain
        gain *= SQRT2
        if grouped:
            y = modulated_conv(x, self.weight, styles, demodulate=True, up=self.up, kernel=kernel)
            extra = self.noise(y, noise, strength)
            if extra is not None:
                y = y + extra.to(y.dtype)
            return lrelu(y + self.bias.to(y.dtype)[None, :, None, None], gain, clamp)
        y = scaled_conv(x, self.weight, styles, up=self.up, kernel=kernel)
        # Leaky ReLU commutes with a positive gain, so demodulation, gain and bias are one fused operation.
        scale = (demodulation(self.weight, styles) * gain).to(y.dtype)[:, :, None, None]
        bias = (self.bias * gain).to(y.dtype)[None, :, None, None]
        extra = self.noise(y, noise, strength)
        if extra is not None:
            # Broadcasting [N,1,H,W] onto channels-last memory falls back to the other layout and every later addition
            # then pays for two layouts, so the sum of noise and bias is built channels-last.
            bias = bias + (extra * gain).to(y.dtype).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
            bias = bias.contiguous(memory_format=torch.channels_last)
        y = F.leaky_relu(torch.addcmul(bias, y, scale), 0.2, inplace=True)
        return y if clamp is None else y.clamp(-clamp, clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to three channels, without demodulation."""

    def __init__(self, n_in: int, w_dim: int, *, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, n_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, n_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor, grouped: bool) -> Tensor:
        """x ``[N, I, r, r]`` to ``[N, 3, r, r]`` float32."""
        s = self.affine(w) * (1.0 / math.sqrt(self.weight.shape[1]))
        if grouped:
            y = modulated_conv(x, self.weight, s, demodulate=False, up=False, kernel=x)
        else:
            y = scaled_conv(x, self.weight, s, up=False, kernel=x)
        y = full(y) + full(self.bias)[None, :, None, None]
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class SkipConv(nn.Module):
    """The 1x1 up-sampling shortcut of the resnet architecture (no bias)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 1, 1))
        self.register_buffer("resample_filter", fir_filter())

    def forward(self, x: Tensor) -> Tensor:
        """``[N, I, h, w]`` to ``[N, O, 2h, 2w]``, with the residual gain sqrt(1/2)."""
        w = self.weight * (math.sqrt(0.5) / math.sqrt(self.weight.shape[1]))
        return upsample2d(F.conv2d(x, w.to(x.dtype)), cast(Tensor, self.resample_filter))


class SynthesisBlock(nn.Module):
    """All that happens at one resolution."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        w_dim: int,
        resolution: int,
        *,
        architecture: Architecture,
        is_last: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        j = int(math.log2(resolution)) - 2
        self.resolution, self.architecture, self.is_last = resolution, architecture, is_last
        self.register_buffer("resample_filter", fir_filter())
        self.first = resolution == 4
        if self.first:
            self.const = nn.Parameter(torch.randn(n_out, 4, 4))
        else:
            self.conv0 = SynthesisLayer(n_in, n_out, w_dim, resolution, 2 * j - 1, up=True, clamp=clamp)
            if architecture == "resnet":
                self.skip = SkipConv(n_in, n_out)
        self.conv1 = SynthesisLayer(n_out, n_out, w_dim, resolution, 2 * j, up=False, clamp=clamp)
        self.has_rgb = is_last or architecture == "skip"
        if self.has_rgb:
            self.torgb = ToRGB(n_out, w_dim, clamp=clamp)

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        ws: Tensor,
        noise: TrainNoise,
        strength: float | Tensor,
        dtype: torch.dtype,
        grouped: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Feature map and picture so far to the next ones; ``ws`` is the full ``[N, num_ws, w_dim]``."""
        i1 = self.conv1.index
        if self.first:
            n = ws.shape[0]
            x = self.const[None].expand(n, -1, -1, -1).to(dtype)
            if not grouped:
                x = x.contiguous(memory_format=torch.channels_last)
            x = self.conv1(x, ws[:, i1], noise, strength, grouped)
        else:
            assert x is not None
            w0, w1 = ws[:, i1 - 1], ws[:, i1]
            if self.architecture == "resnet":
                y = self.skip(x)
                x = self.conv0(x, w0, noise, strength, grouped)
                x = y + self.conv1(x, w1, noise, strength, grouped, gain=math.sqrt(0.5))
            else:
                x = self.conv1(self.conv0(x, w0, noise, strength, grouped), w1, noise, strength, grouped)
        if img is not None:
            img = upsample2d(img, cast(Tensor, self.resample_filter))
        if self.has_rgb:
            rgb = self.torgb(x, ws[:, i1 + 1], grouped)
            img = rgb if img is None else img + rgb
        assert x is not None
        return x, img


class Synthesis(nn.Module):
    """The blocks ``b4 .. b{resolution}``; ``channels`` maps each resolution to its width."""

    def __init__(
        self, w_dim: int, channels: MappingABC[int, int], *, architecture: Architecture, clamp: float | None
    ) -> None:
        super().__init__()
        self.resolutions = tuple(sorted(channels))
        for at, r in enumerate(self.resolutions):
            n_in = channels[self.resolutions[at - 1]] if at else 0
            block = SynthesisBlock(
                n_in,
                channels[r],
                w_dim,
                r,
                architecture=architecture,
                is_last=at == len(self.resolutions) - 1,
                clamp=clamp,
            )
            self.add_module(f"b{r}", block)

    def block(self, resolution: int) -> SynthesisBlock:
        """The block of one resolution."""
        return cast(SynthesisBlock, getattr(self, f"b{resolution}"))


class StyleGAN2(nn.Module):
    """The generator, in the role :class:`studio.nets.roles.Generator`."""

    def __init__(
        self,
        z_dim: int,
        w_dim: int,
        channels: MappingABC[int, int],
        *,
        c_dim: int = 0,
        mapping_layers: int = 8,
        architecture: Architecture = "skip",
        conv_clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.c_dim = z_dim, w_dim, c_dim
        self.channels = dict(sorted(channels.items()))
        self.resolution = max(channels)
        self.num_ws = 2 * int(math.log2(self.resolution)) - 2
        self.architecture: Architecture = architecture
        self.conv_clamp = conv_clamp
        self.mapping = Mapping(z_dim, c_dim, w_dim, mapping_layers)
        self.synthesis = Synthesis(w_dim, self.channels, architecture=architecture, clamp=conv_clamp)
        self.compute_dtype = torch.float32

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One row for each w index."""
        return layer_table(self.resolution)

    @property
    def w_avg(self) -> Tensor:
        """The mean w, ``[w_dim]`` float32."""
        return self.mapping.w_avg.float()

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        """The smaller pictures that the skip architecture makes on its way (none for the others)."""
        return tuple(r for r in self.channels if r < self.resolution) if self.architecture == "skip" else ()

    @property
    def hyper(self) -> dict[str, object]:
        """What the model card stores: everything needed to build the network again."""
        return {
            "architecture": self.architecture,
            "resolution": self.resolution,
            "z_dim": self.z_dim,
            "w_dim": self.w_dim,
            "c_dim": self.c_dim,
            "num_ws": self.num_ws,
            "mapping_layers": self.mapping.num_layers,
            "conv_clamp": self.conv_clamp,
            "channels": {str(r): c for r, c in self.channels.items()},
        }

    def map(self, z: Tensor, labels: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z ``[N, z_dim]`` to ws ``[N, num_ws, w_dim]`` float32; layers below ``cutoff`` go to ``w_avg`` by ``psi``."""
        w: Tensor = self.mapping(z, labels)
        ws = w[:, None].repeat(1, self.num_ws, 1)
        return truncate(ws, self.w_avg, psi, cutoff)

    def synthesize(
        self,
        ws: Tensor,
        noise: TrainNoise = "const",
        *,
        strength: float | Tensor = 1.0,
        size: int | None = None,
    ) -> Tensor:
        """ws to pictures ``[N, 3, size, size]`` float32, about [-1, 1], not clipped.

        ``noise="random"`` draws fresh noise for each sample from torch's global generator (training).  ``size`` may
        be one of ``low_resolutions``: the picture so far at that size, and nothing above it is computed.
        """
        return self.synthesize_all(ws, noise, strength=strength, size=size)[-1]

    def synthesize_all(
        self,
        ws: Tensor,
        noise: TrainNoise = "const",
        *,
        strength: float | Tensor = 1.0,
        size: int | None = None,
    ) -> list[Tensor]:
        """Like :meth:`synthesize`, with the pictures of all resolutions up to ``size``, small to large."""
        if size is not None and size != self.resolution and size not in self.low_resolutions:
            raise ValueError(
                f"this network makes pictures of {(*self.low_resolutions, self.resolution)} px, not {size}"
            )
        grouped = not self.training and self.compute_dtype == torch.float32
        x: Tensor | None = None
        img: Tensor | None = None
        out: list[Tensor] = []
        for r in self.channels:
            block = self.synthesis.block(r)
            x, img = block(x, img, ws, noise, strength, self.compute_dtype, grouped)
            if img is not None:
                out.append(img)
            if r == size:
                break
        return out

    def forward(self, z: Tensor, labels: Tensor | None = None, noise: TrainNoise = "const") -> Tensor:
        """z and labels straight to pictures."""
        return self.synthesize(self.map(z, labels), noise)

    @classmethod
    def from_state_dict(
        cls,
        sd: MappingABC[str, Tensor],
        *,
        architecture: Architecture | None = None,
        conv_clamp: float | None = 256.0,
    ) -> StyleGAN2:
        """Build the network that a canonical state dict describes, in float32 and evaluation mode.

        Sizes, widths, depths and the architecture are read from keys and shapes; ``conv_clamp`` cannot be (256 is
        the authors' value, ``None`` for networks trained without).  Missing ``resample_filter`` buffers get the
        standard filter.  Raises :class:`ModelError` naming every key that is missing, unexpected or misshapen.
        """
        kwargs = infer_hyper(sd)
        if architecture is not None:
            kwargs["architecture"] = architecture
        net = cls(**kwargs, conv_clamp=conv_clamp)  # type: ignore[arg-type]
        load_canonical(net, sd)
        return net.eval().requires_grad_(False)


def infer_hyper(sd: MappingABC[str, Tensor]) -> dict[str, object]:
    """The constructor arguments (all but ``conv_clamp``) that a canonical state dict implies."""
    try:
        resolutions = sorted({int(m.group(1)) for k in sd if (m := re.match(r"synthesis\.b(\d+)\.conv1\.weight$", k))})
        want = [4 << j for j in range(len(resolutions))]
        if not resolutions or resolutions != want:
            raise ModelError(
                "This is not a complete StyleGAN2 generator.",
                f"Its blocks are {resolutions or 'absent'}; 4, 8, 16 ... were expected.",
            )
        depth = len({int(m.group(1)) for k in sd if (m := re.match(r"mapping\.fc(\d+)\.weight$", k))})
        w_dim = int(sd["synthesis.b4.conv1.affine.weight"].shape[1])
        c_dim = int(sd["mapping.embed.weight"].shape[1]) if "mapping.embed.weight" in sd else 0
        z_dim = int(sd["mapping.fc0.weight"].shape[1]) - (w_dim if c_dim else 0)
    except (KeyError, IndexError) as exc:
        raise ModelError("This is not a complete StyleGAN2 generator.", f"A tensor is missing: {exc}.") from exc
    architecture: Architecture = "orig"
    if len(resolutions) > 1 and any(f"synthesis.b{r}.skip.weight" in sd for r in resolutions[1:]):
        architecture = "resnet"
    elif all(f"synthesis.b{r}.torgb.weight" in sd for r in resolutions):
        architecture = "skip"
    return {
        "z_dim": z_dim,
        "w_dim": w_dim,
        "c_dim": c_dim,
        "mapping_layers": depth,
        "architecture": architecture,
        "channels": {r: int(sd[f"synthesis.b{r}.conv1.weight"].shape[0]) for r in resolutions},
    }


def load_canonical(net: nn.Module, sd: MappingABC[str, Tensor]) -> None:
    """Copy a canonical state dict into ``net``; every key must fit (resample filters may be missing)."""
    fill(net, sd, "StyleGAN2 generator", optional=lambda key: key.endswith("resample_filter"))


__all__ = [
    "Architecture",
    "Mapping",
    "StyleGAN2",
    "Synthesis",
    "SynthesisBlock",
    "SynthesisLayer",
    "ToRGB",
    "TrainNoise",
    "fir",
    "infer_hyper",
    "is_standard_fir",
    "layer_table",
    "load_canonical",
    "noise_plane",
]

"""MicroAST: any style in one pass, without VGG (Wang et al. 2023, "Towards Super-Fast Ultra-Resolution ...").

Two small encoders (content, style), a modulator that turns the style's features into filter signals, and a decoder
whose residual blocks are steered by them.  Module names are those of the authors' files, behind the name of the part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Steps, run
from studio.nets.adain import WHOLE, deviation, fitting, shares_of
from studio.nets.tensors import fill
from studio.nets.tiling import local, moments
from studio.nets.translator_ops import check_width, shape_of

WHAT = "MicroAST style transfer"
PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")


class MirroredConv(nn.Module):
    """A convolution over a picture mirrored at its borders."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.pad = kernel // 2
        self.conv_layer = nn.Conv2d(n_in, n_out, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, n_in, H, W]`` to ``[N, n_out, H / stride, W / stride]``."""
        if self.pad:
            x = F.pad(x, (self.pad, self.pad, self.pad, self.pad), mode="reflect")
        return cast(Tensor, self.conv_layer(x))


class SteeredBlock(nn.Module):
    """A residual block whose convolutions may be scaled, and mixed with what goes in, channel by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = MirroredConv(width, width, 3)
        self.conv2 = MirroredConv(width, width, 3)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same; signals ``[1, C, 1, 1]``."""
        if weight is None or bias is None:
            return x + cast(Tensor, self.conv2(F.relu(self.conv1(x))))
        y = F.relu(weight * self.conv1(x) + bias * x)
        return x + weight * cast(Tensor, self.conv2(y)) + bias * y


class Encoder(nn.Module):
    """A picture to maps at a quarter of its size, at two depths."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        relu = nn.ReLU(inplace=True)
        self.enc1 = nn.Sequential(
            *(MirroredConv(3, a, 9), relu, MirroredConv(a, b, 3, 2, a), relu, MirroredConv(b, b, 1), relu),
            *(MirroredConv(b, c, 3, 2, b), relu, MirroredConv(c, c, 1), relu, SteeredBlock(c)),
        )
        self.enc2 = nn.Sequential(SteeredBlock(c))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, H, W]`` to ``[N, 2 C, H / 4, W / 4]``: the shallow maps, then the deep ones."""
        shallow = self.enc1(x)
        return torch.cat((shallow, self.enc2(shallow)), dim=1)


class Modulator(nn.Module):
    """Style features to the signals that steer the decoder's blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("weight1", "bias1", "weight2", "bias2"):
            self.add_module(name, nn.Sequential(MirroredConv(width, width, 3, 1, width)))

    def forward(self, shallow: Tensor, deep: Tensor) -> list[Tensor]:
        """Weights and biases for shallow and deep: four of ``[N, C, 1, 1]``."""
        pairs = (("weight1", shallow), ("bias1", shallow), ("weight2", deep), ("bias2", deep))
        return [self.get_submodule(name)(x).mean(dim=(2, 3), keepdim=True) for name, x in pairs]


class Decoder(nn.Module):
    """Two steered blocks at quarter size, then up."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        relu = nn.ReLU(inplace=True)

        def up() -> nn.Module:
            return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

        self.dec1 = SteeredBlock(c)
        self.dec2 = SteeredBlock(c)
        self.dec3 = nn.Sequential(
            *(up(), MirroredConv(c, b, 3, 1, b), relu, MirroredConv(b, b, 1), relu),
            *(up(), MirroredConv(b, a, 3, 1, a), relu, MirroredConv(a, a, 1), relu, MirroredConv(a, 3, 9)),
        )


class MicroAST(nn.Module):
    """The four parts, in the role Stylizer of :mod:`studio.nets.roles`.  ``widths`` at full, half and quarter size."""

    ARCHITECTURE = "microast"
    TITLE = WHAT
    wants_style = True
    multiple = 4
    least = 8

    def __init__(self, widths: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        check_width(*widths)
        a, b, c = self.widths = (int(widths[0]), int(widths[1]), int(widths[2]))
        if b % a or c % b:
            raise ValueError("each width must be a multiple of the one before")
        self.content_encoder, self.style_encoder = Encoder(self.widths), Encoder(self.widths)
        self.modulator, self.decoder = Modulator(c), Decoder(self.widths)

    @property
    def hyper(self) -> dict[str, Any]:
        """For the model card."""
        return {"widths": list(self.widths)}

    def stylize(
        self, x: Tensor, styles: Sequence[Tensor] = (), weights: Sequence[float] = (), strength: float = 1.0
    ) -> Tensor:
        """``[N, 3, H, W]`` RGB in [0, 1] of any size in the mixed styles (``[1, 3, h, w]`` each), the same size.

        ``weights`` count relative to each other (none: all alike).  ``strength`` mixes the style's signals with the
        content's own, taken by the style encoder; above 1 they are exaggerated.  (The authors' alpha mixes features of
        the two encoders, whose scales have nothing to do with each other: below 1 the published networks paint a flat
        cyan.)  Raises :class:`ValueError` without a style.
        """
        return run(self.stylize_steps(x, styles, weights, strength, tile=WHOLE))

    def stylize_steps(
        self,
        x: Tensor,
        styles: Sequence[Tensor] = (),
        weights: Sequence[float] = (),
        strength: float = 1.0,
        *,
        tile: int = 1024,
    ) -> Steps[Tensor]:
        """:meth:`stylize` in tiles of ``tile`` pixels with moments of the whole pictures: the same outcome.

        The maps at quarter size (64 channels) are held whole.
        """
        told = [(share * strength, style) for share, style in zip(shares_of(styles, weights), styles, strict=True)]
        content = self._picture(x)
        if strength != 1:
            told.append((1 - strength, content))
        mixed: list[Tensor] = []
        for share, style in told:
            maps = yield from local(self.style_encoder, self._picture(style), 4, 1, tile, 24)
            found = [share * part for part in self.signals(maps)]
            mixed = [a + b for a, b in zip(mixed, found, strict=True)] if mixed else found
        shallow, deep = (mixed[0], mixed[1].clamp_min(0)), (mixed[2], mixed[3].clamp_min(0))
        weight1, bias1, weight2, bias2 = mixed[4:]
        h, w = x.shape[-2:]
        maps = yield from local(self.content_encoder, content, 4, 1, tile, 24)
        y = maps[:, self.widths[2] :]
        y = self.decoder.dec1(_given(y, deep), weight2, bias2)
        y = self.decoder.dec2(_given(y, shallow), weight1, bias1)
        y = yield from local(self.decoder.dec3, y, 1, 4, tile, 16)
        return y[:, :, :h, :w].float().clamp(0, 1)

    def signals(self, maps: Tensor) -> list[Tensor]:
        """All that is taken from a style, from its encoder's maps ``[N, 2 C, h, w]``: eight tensors ``[N, C, 1, 1]``.

        Mean and deviation of the shallow and of the deep maps, then :class:`Modulator`'s.
        """
        shallow, deep = maps.chunk(2, dim=1)
        return [
            *deviation(*moments(shallow, correction=1)),
            *deviation(*moments(deep, correction=1)),
            *self.modulator(shallow, deep),
        ]

    def _picture(self, x: Tensor) -> Tensor:
        first = cast(MirroredConv, self.content_encoder.enc1[0])
        return fitting(x, first.conv_layer.weight.dtype, self.multiple, self.least)

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **_: Any) -> MicroAST:
        """Build the network from ``content_encoder.enc1.0.conv_layer.weight`` ..., in evaluation mode.

        Raises :class:`ModelError` naming the tensors that do not fit.
        """
        names = [f"content_encoder.enc1.{at}.conv_layer.weight" for at in (0, 2, 6)]
        try:
            net = cls([shape_of(sd, name, WHAT)[0] for name in names])
        except ValueError as exc:
            raise ModelError(f"This is not a complete {WHAT}.", f"{exc}.") from exc
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def part_of(names: Sequence[str]) -> str:
    """Which part of the network has tensors of these names: ``encoder``, ``modulator``, ``decoder`` or ""."""
    kinds = {
        "encoder": r"enc[12]\.\d{1,2}\.(?:conv[12]\.)?conv_layer\.(?:weight|bias)",
        "modulator": r"(?:weight|bias)[12]\.0\.conv_layer\.(?:weight|bias)",
        "decoder": r"dec(?:[12]\.conv[12]|3\.\d{1,2})\.conv_layer\.(?:weight|bias)",
    }
    for kind, pattern in kinds.items():
        if names and all(re.fullmatch(pattern, n) for n in names):
            return kind
    return ""


def _given(x: Tensor, style: tuple[Tensor, Tensor]) -> Tensor:
    """``x`` with the style's mean and deviation in place of its own."""
    mean, std = deviation(*moments(x, correction=1))
    return (x - mean) / std * style[1] + style[0]

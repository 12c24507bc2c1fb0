"""The prepared form of translators: channels last, half precision where this machine is faster in it.

What makes it fast, in the order of what it brings: bfloat16 on processors that multiply matrices in it; weights in
oneDNN's own order (those of a U-Net's inner levels are large, and ordering them anew for every call takes longer than
using them); statistics by the kernel of batch normalisation, which reads channels last as they lie; nearest neighbour
and a 3x3 convolution as the transposed 4x4 convolution that they are together; stored statistics folded into the
weights.  Used only when it is measured to make the same picture; otherwise the network is used as it is.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.steps import Progress, Steps
from studio.nets.drawing_fast import one_core
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.roles import Statistics
from studio.nets.stargan import StarGAN
from studio.nets.stylegan2_fast_probe import probe_dtype
from studio.nets.tiling import PAINTING
from studio.nets.translator_graph import work
from studio.nets.translator_ops import Norm, Pass, PictureTranslator, Pixels, ResizeConv, reflect_to
from studio.nets.translator_tiles import ROOM, TILE, NotFinite, is_light, translate_steps
from studio.nets.unet_generator import UNetGenerator

log = logging.getLogger(__name__)

FAITHFUL = 40.0
"""dB of PSNR that the prepared form must keep on pictures in [-1, 1]."""

LIGHT = {torch.float32: 1e9, torch.bfloat16: 3e9}
"""Multiplications for a picture up to which one core of the processor works on it (some 15 ms): several would mostly
wait for each other on a busy computer, and the window needs one itself."""

TRIED = 64
HEAVY = 1 << 17
"""Numbers in a weight from which on it is put in order once."""


class FastPass(Pass):
    """A pass that gathers statistics by the kernel of batch normalisation, one picture at a time."""

    def normalise(self, norm: Norm, x: Tensor) -> Tensor:
        """As :meth:`Pass.normalise`."""
        own = self.own if norm.stored else 1.0
        if own == 0 or x.shape[2] * x.shape[3] == 1:
            return super().normalise(norm, x)
        if own == 1:
            made = [
                torch.native_batch_norm(one, norm.weight, norm.bias, None, None, True, 0.0, norm.eps)[0]
                for one in x.split(1)
            ]
            return torch.cat(made) if len(made) > 1 else made[0]
        means, variances = [], []
        for one in x.split(1):
            _, mean, inverse = torch.native_batch_norm(one, None, None, None, None, True, 0.0, norm.eps)
            means.append(mean.float())
            variances.append((inverse.float().pow(-2) - norm.eps).clamp_min_(0))
        scale, shift = self.scale_shift(norm, torch.stack(means), torch.stack(variances))
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether oneDNN's convolutions with weights in its own order are here and right (they are private to torch)."""
    try:
        with torch.no_grad():
            for transposed in (False, True):
                made = nn.ConvTranspose2d(8, 16, 4, 2, 1) if transposed else nn.Conv2d(8, 16, 3, 2, 1)
                plain = made.to(dtype)
                x = torch.arange(2 * 8 * 6 * 5).sin().view(2, 8, 6, 5).to(dtype)
                x = x.contiguous(memory_format=torch.channels_last)
                if not torch.allclose(PackedConv(plain)(x).float(), plain(x).float(), rtol=0.02, atol=0.02):
                    return False
        return True
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


class PackedConv(nn.Module):
    """A convolution or transposed convolution with its weight in oneDNN's own order for the latest size of input.

    Another size is another order: then it is ordered anew, which is what the plain convolution does every time.
    """

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.stride, self.padding, self.groups = list(conv.stride), [int(n) for n in conv.padding], conv.groups
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        self.rest = [int(n) for n in conv.output_padding]
        self.plain = conv.weight.detach()
        self.bias = None if conv.bias is None else conv.bias.detach()
        self._ready: tuple[tuple[int, ...], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """As the plain module."""
        ops, ones, size = torch.ops.mkldnn, [1, 1], tuple(x.shape)
        x = x.contiguous(memory_format=torch.channels_last)
        if self._ready is None or self._ready[0] != size:
            if self.transposed:
                packed: Tensor = ops._reorder_convolution_transpose_weight(
                    self.plain, self.padding, self.rest, self.stride, ones, self.groups, size
                )
            else:
                packed = ops._reorder_convolution_weight(self.plain, self.padding, self.stride, ones, self.groups, size)
            self._ready = (size, packed)
        weight = self._ready[1]
        if self.transposed:
            y: Tensor = ops._convolution_transpose_pointwise(
                x, weight, self.bias, self.padding, self.rest, self.stride, ones, self.groups, "none", [], ""
            )
        else:
            y = ops._convolution_pointwise(
                x, weight, self.bias, self.padding, self.stride, ones, self.groups, "none", [], ""
            )
        return y


def as_transposed(conv: ResizeConv) -> nn.ConvTranspose2d:
    """Nearest neighbour x2 and this convolution in one: each pixel paints the sum of its four copies' kernels."""
    out = nn.ConvTranspose2d(conv.in_channels, conv.out_channels, 4, 2, 1, bias=conv.bias is not None)
    with torch.no_grad():
        turned = conv.weight.float().flip(2, 3).transpose(0, 1)
        shifts = [F.pad(turned, (c, 1 - c, r, 1 - r)) for r in (0, 1) for c in (0, 1)]
        out.weight.copy_(torch.stack(shifts).sum(0))
        if out.bias is not None and conv.bias is not None:
            out.bias.copy_(conv.bias)
    return out.to(conv.weight.device, conv.weight.dtype).requires_grad_(False)


def fold(conv: nn.Conv2d | nn.ConvTranspose2d, norm: Norm) -> None:
    """Give a convolution the scale and the shift of the normalisation with stored statistics that follows it."""
    mean, var = cast(Tensor, norm.running_mean).float()[None], cast(Tensor, norm.running_var).float()[None]
    scale, shift = (t.flatten() for t in Pass("stored").scale_shift(norm, mean, var))
    with torch.no_grad():
        bias = shift if conv.bias is None else shift + conv.bias.float() * scale
        along = scale[None, :, None, None] if isinstance(conv, nn.ConvTranspose2d) else scale[:, None, None, None]
        conv.weight = nn.Parameter((conv.weight.float() * along).to(conv.weight.dtype), requires_grad=False)
        conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)


def swift(net: PictureTranslator, dtype: torch.dtype, folded: bool) -> Any:
    """A copy in ``dtype`` and channels last, normalisations apart, without the tanh at its end.

    ``folded``: for stored statistics only.
    """
    made = copy.deepcopy(net).eval().requires_grad_(False)
    device = next(net.parameters()).device
    packed = device.type == "cpu" and can_pack(dtype)
    for parent in [m for m in made.modules() if isinstance(m, nn.Sequential)]:
        before: nn.Module | None = None
        for name, step in list(parent.named_children()):
            if isinstance(step, ResizeConv):
                step = as_transposed(step)
                parent._modules[name] = step
            if folded and isinstance(step, Norm) and step.stored and isinstance(before, nn.Conv2d | nn.ConvTranspose2d):
                fold(before, step)
                parent._modules[name] = nn.Identity()
            before = step
    for parent in [m for m in made.modules() if isinstance(m, nn.Sequential)]:
        for name, step in list(parent.named_children()):
            # Its steps end in eighths of a percent in half precision, which skies show.
            if isinstance(step, nn.Tanh):
                parent._modules[name] = nn.Identity()
            if isinstance(step, Norm):
                continue  # in float32: cheap, and they count for whole maps
            if isinstance(step, nn.Conv2d | nn.ConvTranspose2d) or next(iter(step.children()), None) is None:
                cast(Any, step).to(dtype=dtype, memory_format=torch.channels_last)
            heavy = isinstance(step, nn.Conv2d | nn.ConvTranspose2d) and step.weight.numel() >= HEAVY
            if packed and heavy:
                parent._modules[name] = PackedConv(cast(Any, step))
    return made


class FastTranslator(nn.Module):
    """``exact`` in ``dtype`` and channels last, in the role :class:`studio.nets.roles.Translator`.

    Where float16 overflows, ``exact`` takes over for good.
    """

    def __init__(self, exact: PictureTranslator, dtype: torch.dtype) -> None:
        super().__init__()
        self.exact, self.dtype = exact, dtype
        self.in_channels, self.out_channels, self.c_dim = exact.in_channels, exact.out_channels, exact.c_dim
        self.multiple, self.least, self.colors = exact.multiple, exact.least, exact.colors
        self.work = work(exact)
        self.overflowed = False
        self._copies: dict[bool, Any] = {}
        # Other numbers in the plain network (a mixture of two, say) make other copies.
        self.register_load_state_dict_post_hook(forget)

    @property
    def has_stored_statistics(self) -> bool:
        """As the plain network."""
        return self.exact.has_stored_statistics

    @property
    def has_dropout(self) -> bool:
        """As the plain network."""
        return self.exact.has_dropout

    @property
    def hyper(self) -> dict[str, object]:
        """As the plain network."""
        return self.exact.hyper

    def clear_cache(self) -> None:
        """Forget the prepared weights; they are made again when they are asked for."""
        self._copies.clear()

    def _copy(self, folded: bool) -> Any:
        if folded not in self._copies:
            self._copies[folded] = swift(self.exact, self.dtype, folded)
        return self._copies[folded]

    def translate(
        self,
        x: Tensor,
        statistics: Statistics = "stored",
        dropout_seed: int | Sequence[int] | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """As the plain network, nearly."""
        if self.overflowed:
            return self.exact.translate(x, statistics, dropout_seed, labels)
        how = FastPass(statistics, dropout_seed, count=int(x.shape[0]))
        net = self._copy(how.own == 0 and self.has_stored_statistics)
        grown = reflect_to(self.exact._picture(x), self.multiple, self.least).to(self.dtype)
        light = x.device.type == "cpu" and grown[:, 0].numel() * self.work < LIGHT.get(self.dtype, 0)
        with one_core() if light else nullcontext():
            y = net.forward(grown.contiguous(memory_format=torch.channels_last), how, labels)
            y = cast(Tensor, y[:, :, : x.shape[2], : x.shape[3]].float())
        if self.dtype is torch.float16 and not bool(torch.isfinite(y).all()):
            self._overflow()
            return self.exact.translate(x, statistics, dropout_seed, labels)
        return self.exact._colors(y.tanh_()).contiguous()

    def translate_steps(
        self,
        x: Tensor | Pixels,
        statistics: Statistics = "stored",
        dropout_seed: int | Sequence[int] | None = None,
        labels: Tensor | None = None,
        *,
        tile: int = TILE,
        room: int = ROOM,
    ) -> Steps[Any]:
        """:meth:`translate` in short steps and bounded memory; see :mod:`studio.nets.translator_tiles`."""
        if isinstance(x, Tensor) and is_light(self.exact, x, tile):
            with torch.no_grad():
                y = self.translate(x, statistics, dropout_seed, labels)
            yield Progress(1, 1, PAINTING)
            return y
        if not self.overflowed:
            try:
                return (
                    yield from translate_steps(
                        self.exact, x, statistics, dropout_seed, labels, tile=tile, room=room, dtype=self.dtype
                    )
                )
            except NotFinite:
                self._overflow()
        return (yield from translate_steps(self.exact, x, statistics, dropout_seed, labels, tile=tile, room=room))

    def _overflow(self) -> None:
        log.info("%s overflows in %s and works in float32 from now on", type(self.exact).__name__, self.dtype)
        self.overflowed = True
        self.clear_cache()


def forget(module: Any, _keys: object) -> None:
    """After other numbers were loaded."""
    module.clear_cache()


def prepared(net: Any) -> Any:
    """The fast form of a translator, or the network itself where it is of another kind or the picture would differ."""
    if not isinstance(net, ResNetGenerator | UNetGenerator | StarGAN):
        return net
    wished = probe_dtype(next(net.parameters()).device)
    choices = {torch.float16: [wished, torch.bfloat16, torch.float32], torch.bfloat16: [wished, torch.float32]}
    return first_faithful(net, choices.get(wished, [wished]), FastTranslator, agreement)


def first_faithful(
    net: Any, dtypes: Sequence[torch.dtype], make: Callable[[Any, torch.dtype], Any], alike: Callable[[Any, Any], float]
) -> Any:
    """The form in the first of these precisions that makes the same picture (:data:`FAITHFUL`), or the network itself.

    ``alike(net, fast)``: PSNR in dB.
    """
    name = type(net).__name__
    for dtype in dtypes:
        try:
            fast = make(net, dtype)
            quality = alike(net, fast)
        except torch.OutOfMemoryError:
            raise  # says nothing of the precision
        except (RuntimeError, NotImplementedError) as exc:
            log.info("%s does not work in %s: %s", name, dtype, exc)
            continue
        if quality >= FAITHFUL and not fast.overflowed:
            return fast
        log.info("%s in %s is only %.1f dB like itself", name, dtype, quality)
    return net


def agreement(net: PictureTranslator, fast: Any) -> float:
    """PSNR in dB of ``fast`` against ``net`` on a drawing and on something colourful, the lower (-inf: no numbers)."""
    device = next(net.parameters()).device
    side = max(TRIED, net.least)
    side += -side % net.multiple
    lowest = math.inf
    with torch.no_grad():
        labels = torch.arange(net.c_dim, device=device).remainder(2).float()[None] if net.c_dim else None
        for x in trial_pictures(side, net.in_channels):
            for statistics in ("own", "stored") if net.has_stored_statistics else ("own",):
                plain = net.translate(x.to(device), cast(Any, statistics), None, labels)
                other = fast.translate(x.to(device), cast(Any, statistics), None, labels)
                if not bool(torch.isfinite(other).all()):
                    return -math.inf
                error = float((plain - other).double().square().mean())
                lowest = min(lowest, 10 * math.log10(4 / max(1e-30, error)))
    fast.clear_cache()
    return lowest


def trial_pictures(side: int, channels: int) -> list[Tensor]:
    """Black lines on white, and colours with some noise: ``[1, C, side, side]`` in [-1, 1] each."""
    gen = torch.Generator().manual_seed(0)
    row = torch.linspace(-1, 1, side)
    distance = (row[:, None].square() + row[None, :].square()).sqrt()
    drawing = torch.where(((distance - 0.7).abs() < 0.05) | ((row[:, None] + row[None, :]).abs() < 0.05), -1.0, 1.0)
    waves = torch.rand(channels, 2, generator=gen) * 6
    colours = torch.sin(waves[:, :1, None] * row[:, None] + waves[:, 1:, None] * row[None, :] * 1.0)
    colours = (0.7 * colours + 0.1 * torch.randn(channels, side, side, generator=gen)).clamp(-1, 1)
    return [drawing.expand(1, channels, -1, -1).contiguous(), colours[None]]

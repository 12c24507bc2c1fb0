"""Fast StyleGAN2 on the CPU: one sample at a time, in place, in bands of rows that stay in the processor's cache.

Activations live in buffers that are made once and kept: they are the prefix cache, and they spare every layer the
page faults of a fresh allocation, which cost as much as its convolution.  A buffer is ``[H + 2, W, C]`` (channels
last) with a zero row above and below, so that any band of rows with its neighbours is a plain view.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2_fast_prefix import Wish
from studio.nets.stylegan2_fast_prepare import BlockPlan, ConvPlan, RgbPlan
from studio.nets.stylegan2_ops import upsample2d

BAND_BYTES = 2 << 20
"""A band of output rows: about what the second-level caches of two cores hold."""


def nchw(x: Tensor) -> Tensor:
    """A ``[H, W, C]`` view as ``[1, C, H, W]`` in channels-last strides."""
    return x[None].permute(0, 3, 1, 2)


@cache
def has_onednn(dtype: torch.dtype) -> bool:
    """Whether oneDNN's convolution that adds onto its destination is here and right (it is private to torch)."""
    try:
        with torch.no_grad():
            x = torch.arange(2 * 6 * 5 * 5, dtype=torch.float32).reshape(2, 6, 5, 5)[:1].sin().to(dtype)
            w = torch.arange(8 * 6 * 9, dtype=torch.float32).reshape(8, 6, 3, 3).cos().to(dtype)
            x, w = x.contiguous(memory_format=torch.channels_last), w.contiguous(memory_format=torch.channels_last)
            want = F.conv2d(x.float(), w.float(), padding=(0, 1)) + 1.0
            got = torch.ones(3, 5, 8, dtype=dtype)
            _accumulate(got, x, pack(w, (0, 1), (1, 6, 5, 5)), None, (0, 1))
            return bool(torch.allclose(nchw(got).float(), want, rtol=0.02, atol=0.05))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def pack(weight: Tensor, padding: tuple[int, int], size: tuple[int, int, int, int]) -> Tensor:
    """The weight in oneDNN's own order for inputs of about ``size``, so that each call need not reorder it."""
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, padding, (1, 1), (1, 1), 1, size)
    return packed


def pack_transposed(weight: Tensor, size: tuple[int, int, int, int]) -> Tensor:
    """The same for a stride-2 transposed convolution, weight ``[I, O, 3, 3]``."""
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_transpose_weight(
        weight, (0, 0), (0, 0), (2, 2), (1, 1), 1, size
    )
    return packed


def _accumulate(dst: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> None:
    torch.ops.mkldnn._convolution_pointwise_.binary(
        nchw(dst), x, weight, bias, padding, (1, 1), (1, 1), 1, "add", 1.0, None, [], None
    )


class CpuExecutor:
    """Runs prepared layers for one sample.  Feature maps are ``[H + 2, W, C]`` buffers."""

    one_by_one = True

    def __init__(self, plans: list[BlockPlan], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.onednn = has_onednn(dtype)
        self._scratch: dict[str, Tensor] = {}
        for plan in (c for b in plans for c in (b.conv0, b.conv1) if c is not None):
            if not plan.by_weight:
                side = plan.resolution // 2 if plan.up else plan.resolution
                rows = self._bands(side, side * plan.n_out * (4 if plan.up else 1))[0][1]
                if not plan.up or plan.merged:
                    plan.weight = self._ready(plan.weight, rows, side)
                elif self.onednn:
                    plan.weight = pack_transposed(plan.weight, (1, plan.n_in, rows + 2, side))

    def clear(self) -> None:
        """Forget scratch memory (prepared weights stay)."""
        self._scratch.clear()

    @property
    def nbytes(self) -> int:
        """Bytes of scratch memory."""
        return sum(t.nbytes for t in self._scratch.values())

    def _temporary(self, name: str, shape: tuple[int, ...]) -> Tensor:
        size = 1
        for n in shape:
            size *= n
        held = self._scratch.get(name)
        if held is None or held.numel() < size:
            held = self._scratch[name] = torch.empty(size, dtype=self.dtype)
        return held[:size].view(shape)

    def _bands(self, rows: int, row_numbers: int) -> list[tuple[int, int]]:
        """Ranges of output rows; the split depends on the layer alone, so that equal requests run alike."""
        step = max(8, BAND_BYTES // (row_numbers * self.dtype.itemsize))
        return [(a, min(rows, a + step)) for a in range(0, rows, step)]

    def _add_conv(self, dst: Tensor, src: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        """``dst += conv(src)`` for rows with their neighbours: src ``[h + 2, W, I]``, dst ``[h, W, O]``."""
        if self.onednn:
            _accumulate(dst, nchw(src), weight, bias, (0, 1))
        else:
            dst.add_(F.conv2d(nchw(src), weight, bias, padding=(0, 1))[0].permute(1, 2, 0))

    def _conv(self, src: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same as a new tensor ``[h, W, O]``."""
        if self.onednn:
            y = torch.ops.mkldnn._convolution_pointwise(
                nchw(src), weight, bias, (0, 1), (1, 1), (1, 1), 1, "none", [], ""
            )
        else:
            y = F.conv2d(nchw(src), weight, bias, padding=(0, 1))
        rows: Tensor = y[0].permute(1, 2, 0)
        return rows

    def _conv_transpose(self, x: Tensor, weight: Tensor, *, shared: bool) -> Tensor:
        """``[1, I, h, w]`` to ``[1, O, 2h + 1, 2w + 1]``; a shared weight is packed."""
        if shared and self.onednn:
            y: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(
                x, weight, None, (0, 0), (0, 0), (2, 2), (1, 1), 1, "none", [], ""
            )
            return y
        return F.conv_transpose2d(x, weight, stride=2)

    def _ready(self, weight: Tensor, rows: int, width: int) -> Tensor:
        if not self.onednn:
            return weight
        return pack(weight, (0, 1), (1, weight.shape[1], rows + 2, width))

    def feature_bytes(self, plan: ConvPlan, batch: int) -> int:
        """Bytes of the layer's buffer."""
        return (plan.resolution + 2) * plan.resolution * plan.n_out * self.dtype.itemsize

    def empty(self, plan: ConvPlan, batch: int) -> Tensor:
        """A buffer with its two zero rows."""
        return torch.zeros(plan.resolution + 2, plan.resolution, plan.n_out, dtype=self.dtype)

    def first(self, block: BlockPlan, batch: int) -> Tensor:
        """The learned constant between two zero rows."""
        assert block.const is not None
        return F.pad(block.const, (0, 0, 0, 0, 1, 1))

    def scaled_noise(self, plan: ConvPlan, plane: Tensor, loudness: float) -> Tensor:
        """``[r, r, 1]`` in the compute precision, or in the order of the 2x2 cells: ``[h, w, 4, 1]``."""
        scaled = (plane * loudness).to(self.dtype)
        if not plan.merged:
            return scaled[:, :, None]
        h = plan.resolution // 2
        return scaled.view(h, 2, h, 2).transpose(1, 2).reshape(h, h, 4, 1)

    def whole(self, wish: Wish, last: int, noise: Callable[[ConvPlan], Tensor | None]) -> None:
        """There is no other way here than layer by layer."""

    def conv(self, plan: ConvPlan, src: Tensor, dst: Tensor | None, w: Tensor, noise: Tensor | None) -> Tensor:
        """One layer: modulated convolution, noise, bias, leaky ReLU, clamp; fills the inner rows of ``dst``."""
        assert dst is not None
        s = plan.affine(w)
        d = plan.demodulation(s)
        if not plan.up:
            step = self._plain
        elif plan.merged:
            step = self._polyphase
        else:
            step = self._transposed
        step(plan, src, dst, s[0], d[0], noise)
        return dst

    def _finish(self, plan: ConvPlan, rows: Tensor) -> None:
        F.leaky_relu_(rows, 0.2)
        if plan.clamp is not None:
            rows.clamp_(-plan.clamp, plan.clamp)

    def _plain(self, plan: ConvPlan, src: Tensor, dst: Tensor, s: Tensor, d: Tensor, noise: Tensor | None) -> None:
        r = plan.resolution
        bands = self._bands(r, r * plan.n_out)
        if plan.by_weight:
            scaled = (plan.weight * (d[:, None] * s[None])[:, :, None, None]).to(self.dtype)
            weight = self._ready(scaled, bands[0][1], r)
            bias = plan.bias.to(self.dtype)
        else:
            weight = plan.weight
            bias = (plan.bias / d).to(self.dtype)
            x = self._temporary("scaled", tuple(src.shape))
            torch.mul(src, s.to(self.dtype), out=x)
            src, factor = x, d.to(self.dtype)
        for a, e in bands:
            rows = dst[a + 1 : e + 1]
            if plan.by_weight:
                self._fill(rows, None if noise is None else noise[a:e])
                self._add_conv(rows, src[a : e + 2], weight, bias)
            else:
                y = self._conv(src[a : e + 2], weight, bias)
                self._scale(y, factor, None if noise is None else noise[a:e], rows)
            self._finish(plan, rows)

    @staticmethod
    def _scale(y: Tensor, factor: Tensor, noise: Tensor | None, out: Tensor) -> None:
        if noise is None:
            torch.mul(y, factor, out=out)
        else:
            torch.addcmul(noise, y, factor, out=out)

    @staticmethod
    def _fill(rows: Tensor, noise: Tensor | None) -> None:
        if noise is None:
            rows.zero_()
        else:
            rows.copy_(noise.expand(rows.shape))

    def _polyphase(self, plan: ConvPlan, src: Tensor, dst: Tensor, s: Tensor, d: Tensor, noise: Tensor | None) -> None:
        h, o = plan.resolution // 2, plan.n_out
        bands = self._bands(h, h * 4 * o)
        if plan.by_weight:
            scaled = (plan.weight * (d.repeat(4)[:, None] * s[None])[:, :, None, None]).to(self.dtype)
            weight = self._ready(scaled, bands[0][1], h)
            bias = plan.bias.repeat(4).to(self.dtype)
        else:
            weight = plan.weight
            bias = (plan.bias / d).repeat(4).to(self.dtype)
            x = self._temporary("scaled", tuple(src.shape))
            torch.mul(src, s.to(self.dtype), out=x)
            src, factor = x, d.to(self.dtype)
        for a, e in bands:
            y = self._temporary("cells", (e - a, h, 4 * o))
            y4 = y.view(e - a, h, 4, o)
            if plan.by_weight:
                self._fill(y4, None if noise is None else noise[a:e])
                self._add_conv(y, src[a : e + 2], weight, bias)
            else:
                fresh = self._conv(src[a : e + 2], weight, bias).view(y4.shape)
                self._scale(fresh, factor, None if noise is None else noise[a:e], y4)
            self._finish(plan, y)
            rows = dst[2 * a + 1 : 2 * e + 1].view(e - a, 2, h, 2 * o)
            rows.copy_(y.view(e - a, h, 2, 2 * o).transpose(1, 2))

    def _transposed(self, plan: ConvPlan, src: Tensor, dst: Tensor, s: Tensor, d: Tensor, noise: Tensor | None) -> None:
        r, o = plan.resolution, plan.n_out
        weight = plan.weight  # [I, O, 3, 3]
        if plan.by_weight:
            weight = (weight * (s[:, None] * d[None])[:, :, None, None]).to(self.dtype)
            bias = plan.bias.to(self.dtype)
        else:
            bias = (plan.bias / d).to(self.dtype)
            x = self._temporary("scaled", tuple(src.shape))
            torch.mul(src, s.to(self.dtype), out=x)
            src, factor = x, d.to(self.dtype)
        for a, e in self._bands(r // 2, r * 2 * o):
            # Rows 2a-1 .. 2e+1 of the transposed convolution are what output rows 2a .. 2e-1 filter; they come from
            # input rows a-1 .. e, which are the buffer's rows a .. e+1.
            y = self._conv_transpose(nchw(src[a : e + 2]), weight, shared=not plan.by_weight)
            y = y[:, :, 1 : 2 * (e - a) + 4]
            y = F.conv2d(y, plan.kernel, bias, padding=(0, 1), groups=o)[0].permute(1, 2, 0)
            rows = dst[2 * a + 1 : 2 * e + 1]
            part = None if noise is None else noise[2 * a : 2 * e]
            if not plan.by_weight:
                self._scale(y, factor, part, rows)
            elif part is not None:
                torch.add(y, part, out=rows)
            else:
                rows.copy_(y)
            self._finish(plan, rows)

    def rgb(self, plan: RgbPlan, x: Tensor, w: Tensor, img: Tensor | None) -> Tensor:
        """The picture so far: ``[1, 3, r, r]`` float32 from the features and the smaller picture."""
        weight = (plan.weight * plan.affine(w)).to(self.dtype)[:, :, None, None]
        y = F.conv2d(nchw(x[1:-1]), weight)
        new = torch.add(y, plan.bias[:, None, None], out=torch.empty(y.shape))
        if plan.clamp is not None:
            new.clamp_(-plan.clamp, plan.clamp)
        return new if img is None else new.add_(double(img, plan.kernel))

    def add_shortcut(self, block: BlockPlan, src: Tensor, dst: Tensor) -> None:
        """The 1x1 convolution of the block's input, at twice the size, onto its output."""
        assert block.skip is not None
        dst[1:-1].add_(double(F.conv2d(nchw(src[1:-1]), block.skip), block.skip_kernel)[0].permute(1, 2, 0))


def double(x: Tensor, kernel: Tensor | None) -> Tensor:
    """Twice the size by the low-pass with gain 4 (as ``upsample2d``); ``None`` is the usual kernel."""
    if kernel is not None:
        return upsample2d(x, kernel)
    # outer([1, 3, 3, 1]) / 16 at twice the size is bilinear interpolation; only the border differs, where the
    # low-pass reads zeros and the interpolation would repeat the edge.
    y = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return y[:, :, 2:-2, 2:-2]

"""Fast StyleGAN2 on a graphics card: the whole batch at once, shared weights, one CUDA graph for each shape."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2_fast_cpu import double
from studio.nets.stylegan2_fast_prefix import Wish
from studio.nets.stylegan2_fast_prepare import BlockPlan, ConvPlan, RgbPlan

log = logging.getLogger(__name__)

GRAPHS_KEPT = 4
"""Shapes whose recorded graph (with its memory) is kept; the one used longest ago goes first."""


class DeviceExecutor:
    """Runs prepared layers for a batch.  Feature maps are ``[N, C, H, W]`` in channels-last memory.

    In float16 weights and styles are first scaled to a largest absolute value of 1 (divided by the root of the
    fan-in), as the authors do, and the factor of the output channels takes it back: no sum can overflow.
    """

    one_by_one = False

    def __init__(
        self, blocks: list[BlockPlan], dtype: torch.dtype, device: torch.device, *, graphs: bool = True
    ) -> None:
        self.blocks, self.dtype, self.device = blocks, dtype, device
        self.graphs = graphs and device.type == "cuda"
        self._recorded: OrderedDict[tuple[int, int], _Recorded] = OrderedDict()
        self._shrunk: dict[int, Tensor] = {}
        if dtype == torch.float16:
            for plan in (c for b in blocks for c in (b.conv0, b.conv1) if c is not None):
                self._shrink(plan)

    def _shrink(self, plan: ConvPlan) -> None:
        """Bring a layer's weight into the range of float16; remember the factors of the output channels."""
        w = plan.weight.float()
        phases = 4 if plan.merged else 1
        out_last = plan.up and not plan.merged
        per_out = w.transpose(0, 1) if out_last else w.reshape(phases, plan.n_out, *w.shape[1:]).transpose(0, 1)
        largest = per_out.abs().flatten(1).amax(dim=1).clamp_min(1e-12) * (plan.n_in * 9) ** 0.5
        scale = largest if out_last else largest.repeat(phases)
        w = w / (scale[None, :, None, None] if out_last else scale[:, None, None, None])
        plan.weight = w.to(self.dtype).contiguous(memory_format=torch.channels_last)
        self._shrunk[plan.index] = largest

    @property
    def nbytes(self) -> int:
        """Bytes of the inputs and outputs of recorded graphs (what they use inside is the allocator's)."""
        return sum(g.nbytes for g in self._recorded.values())

    def clear(self) -> None:
        """Let go of recorded graphs."""
        self._recorded.clear()

    def feature_bytes(self, plan: ConvPlan, batch: int) -> int:
        """Bytes of the layer's feature map."""
        return batch * plan.n_out * plan.resolution**2 * self.dtype.itemsize

    def empty(self, plan: ConvPlan, batch: int) -> None:
        """The device's allocator is quick: every layer makes its own output."""

    def first(self, block: BlockPlan, batch: int) -> Tensor:
        """The learned constant for each sample."""
        assert block.const is not None
        return block.const[None].expand(batch, -1, -1, -1).contiguous().permute(0, 3, 1, 2)

    def scaled_noise(self, plan: ConvPlan, plane: Tensor, loudness: float) -> Tensor:
        """``[r, r, 1]`` in the compute precision."""
        return (plane * loudness).to(self.dtype)[:, :, None]

    def _arithmetic(self) -> AbstractContextManager[object]:
        """Repeatable kernels; and in float32, all 24 bits of it (cuDNN would round to 10 by itself)."""
        if self.device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(  # type: ignore[no-any-return]
            enabled=True, benchmark=False, deterministic=True, allow_tf32=self.dtype != torch.float32
        )

    def conv(self, plan: ConvPlan, src: Tensor, dst: Tensor | None, w: Tensor, noise: Tensor | None) -> Tensor:
        """One layer: modulated convolution, noise, bias, leaky ReLU, clamp."""
        with self._arithmetic():
            return self._conv(plan, src, w, noise)

    def _conv(self, plan: ConvPlan, src: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        s = plan.affine(w)
        d = plan.demodulation(s)
        if plan.index in self._shrunk:
            top = s.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
            s, d = s / top, d * top * self._shrunk[plan.index]
        x = src * s.to(self.dtype)[:, :, None, None]
        if not plan.up:
            y = F.conv2d(x, plan.weight, padding=1)
        elif plan.merged:
            y = F.conv2d(x, plan.weight, padding=1)
            n, _, h, wide = y.shape
            cells = y.permute(0, 2, 3, 1).reshape(n, h, wide, 2, 2, plan.n_out)
            y = cells.transpose(2, 3).reshape(n, 2 * h, 2 * wide, plan.n_out).permute(0, 3, 1, 2)
        else:
            y = F.conv_transpose2d(x, plan.weight, stride=2)
            y = F.conv2d(y, plan.kernel, padding=1, groups=plan.n_out)
        # In [N, H, W, C] order every factor broadcasts along contiguous memory.
        rows = y.permute(0, 2, 3, 1)
        rows = torch.addcmul(plan.bias.to(self.dtype), rows, d.to(self.dtype)[:, None, None, :])
        if noise is not None:
            rows.add_(noise)
        F.leaky_relu_(rows, 0.2)
        if plan.clamp is not None:
            rows.clamp_(-plan.clamp, plan.clamp)
        return rows.permute(0, 3, 1, 2)

    def add_shortcut(self, block: BlockPlan, src: Tensor, dst: Tensor) -> None:
        """The 1x1 convolution of the block's input, at twice the size, onto its output."""
        assert block.skip is not None
        with self._arithmetic():
            y = F.conv2d(src, block.skip)
        dst.add_(double(y, block.skip_kernel))

    def rgb(self, plan: RgbPlan, x: Tensor, w: Tensor, img: Tensor | None) -> Tensor:
        """The picture so far: ``[N, 3, r, r]`` float32."""
        s = plan.affine(w)
        with self._arithmetic():
            y = F.conv2d(x * s.to(self.dtype)[:, :, None, None], plan.weight.to(self.dtype)[:, :, None, None])
        y = y.float().contiguous() + plan.bias[:, None, None]
        if plan.clamp is not None:
            y.clamp_(-plan.clamp, plan.clamp)
        return y if img is None else y.add_(double(img, plan.kernel))

    def run(self, ws: Tensor, last: int, noise: Callable[[ConvPlan], Tensor | None]) -> Tensor:
        """All blocks from the constant on, keeping nothing."""
        x = self.first(self.blocks[0], ws.shape[0])
        img: Tensor | None = None
        for block in self.blocks:
            before = x
            for plan in (block.conv0, block.conv1):
                if plan is not None:
                    x = self.conv(plan, x, None, ws[:, plan.index], noise(plan))
            if block.skip is not None:
                self.add_shortcut(block, before, x)
            if block.rgb is not None:
                img = self.rgb(block.rgb, x, ws[:, block.rgb.index], img)
            if block.resolution == last:
                break
        assert img is not None
        return img

    def whole(self, wish: Wish, last: int, noise: Callable[[ConvPlan], Tensor | None]) -> Tensor | None:
        """The picture by a recorded CUDA graph of this shape; ``None`` without graphs (then layer by layer).

        With graphs every picture goes this way, so that equal requests keep giving equal bits.
        """
        if not self.graphs:
            return None
        key = (wish.ws.shape[0], last)
        try:
            if key not in self._recorded:
                while len(self._recorded) >= GRAPHS_KEPT:
                    self._recorded.popitem(last=False)
                self._recorded[key] = _Recorded(self, wish.ws, last)
            self._recorded.move_to_end(key)
            return self._recorded[key].replay(wish.ws, noise)
        except torch.cuda.OutOfMemoryError:
            self._recorded.clear()
            raise
        except RuntimeError as exc:
            log.warning("CUDA graphs are off for this model: %s", exc)
            self.graphs = False
            self._recorded.clear()
            return None


@dataclass(slots=True)
class _Slot:
    plan: ConvPlan
    plane: Tensor
    source: Tensor | None


class _Recorded:
    """One recorded graph with its fixed inputs: ws and a noise picture for each layer (zeros: none)."""

    def __init__(self, executor: DeviceExecutor, ws: Tensor, last: int) -> None:
        self._ws = ws.clone()
        self._slots: dict[int, _Slot] = {}
        for block in executor.blocks:
            for plan in (block.conv0, block.conv1):
                if plan is not None and plan.resolution <= last:
                    plane = torch.zeros(plan.resolution, plan.resolution, 1, dtype=executor.dtype, device=ws.device)
                    self._slots[plan.index] = _Slot(plan, plane, None)
        side = torch.cuda.Stream(ws.device)
        side.wait_stream(torch.cuda.current_stream(ws.device))
        with torch.cuda.stream(side):
            for _ in range(2):  # lets cuDNN choose its kernels and the allocator find its blocks before recording
                executor.run(self._ws, last, lambda plan: self._slots[plan.index].plane)
        torch.cuda.current_stream(ws.device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._out = executor.run(self._ws, last, lambda plan: self._slots[plan.index].plane)

    @property
    def nbytes(self) -> int:
        """Bytes of inputs and output."""
        return self._ws.nbytes + self._out.nbytes + sum(s.plane.nbytes for s in self._slots.values())

    def replay(self, ws: Tensor, noise: Callable[[ConvPlan], Tensor | None]) -> Tensor:
        """The picture of these inputs, a tensor of the caller's own."""
        self._ws.copy_(ws)
        for slot in self._slots.values():
            plane = noise(slot.plan)
            if plane is slot.source:  # the prefix hands out the same tensor as long as the noise stays the same
                continue
            if plane is None:
                slot.plane.zero_()
            else:
                slot.plane.copy_(plane)
            slot.source = plane
        self._graph.replay()
        return self._out.clone()

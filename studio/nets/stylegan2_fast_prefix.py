"""What is kept between two pictures of one network, and where the next one may begin.

Layer i depends on the rows 0 .. i of ws and on the noise of those layers.  So if two requests first differ in row k,
every activation below k is the same in both, and only the layers from k on are computed again: an edit of fine layers,
a walk in them, a mixing board that turns one row, or a preview that grows to the full picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from studio.nets.roles import Noise
from studio.nets.stylegan2 import noise_plane
from studio.nets.stylegan2_fast_prepare import BlockPlan, ConvPlan, RgbPlan

CACHE_BYTES = 640 << 20
"""Default bound of the kept activations: all layers of a 1024 px config-f network, also in float32."""


@dataclass(slots=True)
class Wish:
    """The complete inputs: ws ``[N, num_ws, w_dim]`` float32 on the device, noise, its strength for each w index."""

    ws: Tensor
    noise: Noise
    strength: list[float]

    def sample(self, n: int) -> Wish:
        """One sample of the batch."""
        return Wish(self.ws[n : n + 1], self.noise, self.strength)

    def loudness(self, plan: ConvPlan) -> float:
        """The factor of the noise picture in this layer; 0 where there is none to add."""
        return 0.0 if self.noise == "none" else plan.noise_scale * self.strength[plan.index]

    def first_difference(self, other: Wish | None, convs: dict[int, ConvPlan]) -> int:
        """The first w index whose row or noise differs (``num_ws`` when nothing does)."""
        if other is None or self.ws.shape != other.ws.shape:
            return 0
        differs: list[bool] = (self.ws != other.ws).any(dim=2).any(dim=0).tolist()
        for i, changed in enumerate(differs):
            if changed:
                return i
            if i in convs:
                a, b = self.loudness(convs[i]), other.loudness(convs[i])
                if a != b or (a != 0.0 and self.noise != other.noise):
                    return i
        return len(differs)


class Executor(Protocol):
    """Runs single layers; the CPU and the graphics card have one each.  Feature maps are the executor's own affair."""

    one_by_one: bool
    """Whether batches are computed sample by sample."""

    def feature_bytes(self, plan: ConvPlan, batch: int) -> int:
        """Bytes of the layer's feature map."""

    def empty(self, plan: ConvPlan, batch: int) -> Tensor | None:
        """Memory to compute a layer into, if this executor wants it given."""

    def first(self, block: BlockPlan, batch: int) -> Tensor:
        """The learned constant as the first feature map."""

    def conv(self, plan: ConvPlan, src: Tensor, dst: Tensor | None, w: Tensor, noise: Tensor | None) -> Tensor:
        """One layer, w ``[N, w_dim]``, with its noise (of :meth:`scaled_noise`), into ``dst`` where given."""

    def add_shortcut(self, block: BlockPlan, src: Tensor, dst: Tensor) -> None:
        """Add the shortcut of the resnet architecture, made from the block's input, to the block's features."""

    def rgb(self, plan: RgbPlan, x: Tensor, w: Tensor, img: Tensor | None) -> Tensor:
        """The picture so far, ``[N, 3, r, r]`` float32, a new tensor."""

    def scaled_noise(self, plan: ConvPlan, plane: Tensor, loudness: float) -> Tensor:
        """A layer's noise picture ``[r, r]`` in the precision, and the order, that :meth:`conv` wants."""

    def whole(self, wish: Wish, last: int, noise: Callable[[ConvPlan], Tensor | None]) -> Tensor | None:
        """The picture by a way of its own that keeps nothing (a CUDA graph), or ``None`` where there is none."""

    def clear(self) -> None:
        """Let go of scratch memory."""

    @property
    def nbytes(self) -> int:
        """Bytes of scratch memory."""


class Prefix:
    """The activations of the last request, in a bounded memory, and the way from them to the next picture."""

    def __init__(self, blocks: list[BlockPlan], executor: Executor, cache_bytes: int) -> None:
        self.blocks, self.executor, self.cache_bytes = blocks, executor, cache_bytes
        self._convs = {c.index: c for b in blocks for c in (b.conv0, b.conv1) if c is not None}
        self._block_of = {c.index: b for b in blocks for c in (b.conv0, b.conv1) if c is not None}
        self._at = {b.resolution: i for i, b in enumerate(blocks)}
        self._slots = 3 if any(b.skip is not None for b in blocks) else 2
        self._planes: dict[int, tuple[Noise, Tensor]] = {}
        self._scaled: dict[int, tuple[Noise, float, Tensor]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything that depends on a request."""
        self._wish: Wish | None = None
        self._batch = 0
        self._kept: set[int] = set()
        self._features: dict[int, Tensor] = {}
        self._pictures: dict[int, Tensor] = {}
        self._memory: dict[int, Tensor] = {}
        self._tenant: dict[int, int] = {}
        self._planes.clear()
        self._scaled.clear()
        self.executor.clear()

    @property
    def nbytes(self) -> int:
        """Bytes held: activations, pictures, noise, scratch memory."""
        held = {t.data_ptr(): t.nbytes for t in (*self._features.values(), *self._memory.values())}
        noise = (*(t for _, t in self._planes.values()), *(t for _, _, t in self._scaled.values()))
        return sum(held.values()) + sum(t.nbytes for t in (*self._pictures.values(), *noise)) + self.executor.nbytes

    def pictures(self, wish: Wish, size: int) -> Tensor:
        """The pictures ``[N, 3, size, size]`` float32 of a wish, a tensor of the caller's own."""
        if self.executor.one_by_one and wish.ws.shape[0] != 1:
            parts = [self.pictures(wish.sample(n), size) for n in range(wish.ws.shape[0])]
            return torch.cat(parts) if parts else wish.ws.new_zeros(0, 3, size, size)
        whole = self.executor.whole(wish, size, lambda plan: self._noise(plan, wish))
        if whole is not None:
            return whole
        self._begin(wish)
        at = self._at[size]
        picture = self._picture(at)
        return picture.clone() if at in self._pictures else picture

    def advance(self, wish: Wish, size: int) -> None:
        """Compute the features up to ``size`` without a picture."""
        self._begin(wish)
        self._feature(self.blocks[self._at[size]].conv1.index)

    def _begin(self, wish: Wish) -> None:
        """Make ``wish`` the current one and drop what it does not share with the last."""
        batch = wish.ws.shape[0]
        if batch != self._batch:
            self._features, self._pictures, self._memory, self._tenant = {}, {}, {}, {}
            self._batch, self._kept = batch, self._affordable(batch)
        k = wish.first_difference(self._wish, self._convs)
        self._features = {i: t for i, t in self._features.items() if i < k}
        self._pictures = {at: t for at, t in self._pictures.items() if self._rgb(at).index < k}
        self._wish = wish

    def _affordable(self, batch: int) -> set[int]:
        """The layers whose activations are kept: all but the finest ones that exceed the bound."""
        kept: set[int] = set()
        total = 0
        for i in sorted(self._convs):
            total += self.executor.feature_bytes(self._convs[i], batch)
            if total > self.cache_bytes:
                break
            kept.add(i)
        return kept

    def _rgb(self, at: int) -> RgbPlan:
        plan = self.blocks[at].rgb
        assert plan is not None
        return plan

    def _feature(self, i: int) -> Tensor:
        """The activations after layer i, from the nearest ones that are there."""
        held = self._features.get(i)
        if held is not None:
            return held
        assert self._wish is not None
        plan, block = self._convs[i], self._block_of[i]
        before: Tensor | None = None
        if block.skip is not None and plan is block.conv1:
            before = self._feature(i - 2)
        src = self._feature(i - 1) if i else self.executor.first(block, self._batch)
        if i in self._kept:
            dst = self._own_memory(plan)
        else:
            # Layers that are not kept take turns in a few places; who was there before goes.
            self._features.pop(self._tenant.get(i % self._slots, i), None)
            self._tenant[i % self._slots] = i
            dst = self.executor.empty(plan, self._batch)
        out = self.executor.conv(plan, src, dst, self._wish.ws[:, i], self._noise(plan, self._wish))
        if before is not None:
            self.executor.add_shortcut(block, before, out)
        self._features[i] = out
        return out

    def _own_memory(self, plan: ConvPlan) -> Tensor | None:
        """The layer's lasting buffer, if this executor uses one: the same memory for every picture."""
        held = self._memory.get(plan.index)
        if held is None:
            held = self.executor.empty(plan, self._batch)
            if held is not None:
                self._memory[plan.index] = held
        return held

    def _picture(self, at: int) -> Tensor:
        """The picture so far after block number ``at``."""
        held = self._pictures.get(at)
        if held is not None:
            return held
        assert self._wish is not None
        plan = self._rgb(at)
        below = self._picture(at - 1) if at and self.blocks[at - 1].rgb is not None else None
        x = self._feature(self.blocks[at].conv1.index)
        picture = self.executor.rgb(plan, x, self._wish.ws[:, plan.index], below)
        if at + 1 < len(self.blocks) and self.cache_bytes > 0:
            self._pictures[at] = picture
        return picture

    def _noise(self, plan: ConvPlan, wish: Wish) -> Tensor | None:
        """The scaled noise picture of a layer, ``None`` where it adds nothing."""
        loudness = wish.loudness(plan)
        if loudness == 0.0:
            return None
        held = self._scaled.get(plan.index)
        if held is None or held[0] != wish.noise or held[1] != loudness:
            scaled = self.executor.scaled_noise(plan, self._plane(plan, wish.noise), loudness)
            held = self._scaled[plan.index] = (wish.noise, loudness, scaled)
        return held[2]

    def _plane(self, plan: ConvPlan, noise: Noise) -> Tensor:
        if noise == "const":
            return plan.noise_const
        assert noise != "none"
        held = self._planes.get(plan.index)
        if held is None or held[0] != noise:
            plane = noise_plane(noise, plan.index, plan.resolution).to(plan.noise_const.device)
            held = self._planes[plan.index] = (noise, plane)
        return held[1]

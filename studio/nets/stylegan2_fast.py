"""Prepared inference for StyleGAN2: the same pictures as :class:`StyleGAN2`, several times faster.

What it does: modulation by activations or by weights, whichever is less work; up-sampling convolution and low-pass as
one polyphase convolution; channels-last, half precision where it was measured to be faster; pointwise work in place;
and **prefix reuse**: the activations of the last picture stay, and the next one starts at the first layer whose w,
noise or strength changed.  The same request gives the same bits, whatever was computed before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.nets.roles import Layer, Noise
from studio.nets.stylegan2 import StyleGAN2
from studio.nets.stylegan2_fast_cpu import CpuExecutor
from studio.nets.stylegan2_fast_device import DeviceExecutor
from studio.nets.stylegan2_fast_prefix import CACHE_BYTES, Executor, Prefix, Wish
from studio.nets.stylegan2_fast_prepare import plan_network
from studio.nets.stylegan2_fast_probe import has_matrix_unit, probe_dtype


class FastStyleGAN2(nn.Module):
    """The role :class:`studio.nets.roles.Generator`, prepared from an exact network.

    ``device`` moves the exact network there (``None``: where it is); ``dtype`` is the precision of the convolutions
    (``None``: what :func:`probe_dtype` finds faster; ``torch.float32``: the exact mode, within 1e-3 of the reference).
    ``cache_bytes`` bounds the kept activations; 0 keeps none and every picture is computed from its beginning.

    Pictures of one batch do not depend on each other on the CPU (they are computed one after the other, each from the
    prefix it shares with the one before); on a graphics card the batch runs as one, and a picture may differ in its
    last bits between batches of different sizes.  A ``ws`` that wants gradients goes through the exact network:
    nothing here is differentiable.  Calls from several threads wait for each other.
    """

    def __init__(
        self,
        exact: StyleGAN2,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        cache_bytes: int = CACHE_BYTES,
        cuda_graphs: bool = True,
    ) -> None:
        super().__init__()
        self.exact = exact.eval().requires_grad_(False)
        if device is not None:
            self.exact.to(device)
        self.z_dim, self.w_dim, self.c_dim = exact.z_dim, exact.w_dim, exact.c_dim
        self.num_ws, self.resolution = exact.num_ws, exact.resolution
        self.cache_bytes, self.cuda_graphs = cache_bytes, cuda_graphs
        self._asked_dtype = dtype
        self._lock = threading.RLock()
        self._prefix: Prefix | None = None
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.exact.w_avg.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the convolutions."""
        if self._asked_dtype is not None:
            return self._asked_dtype
        chosen = probe_dtype(self.device)
        if chosen == torch.float16 and self.exact.conv_clamp is None:
            # Only networks that clamp were trained to stay within float16's range.
            bf16 = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
            return torch.bfloat16 if bf16 else torch.float32
        return chosen

    @property
    def architecture(self) -> str:
        """``skip``, ``resnet`` or ``orig``, as the exact network's."""
        return self.exact.architecture

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One row for each w index."""
        return self.exact.layers

    @property
    def w_avg(self) -> Tensor:
        """The mean w, ``[w_dim]`` float32."""
        return self.exact.w_avg

    @property
    def low_resolutions(self) -> tuple[int, ...]:
        """The smaller pictures that the skip architecture makes on its way (none for the others)."""
        return self.exact.low_resolutions

    @property
    def cache_limit(self) -> int:
        """Bytes that the kept activations can come to for one picture: what there is to keep, within the bound."""
        planes = sum(3 * width * side * side for side, width in self.exact.channels.items())
        return min(self.cache_bytes, planes * 4)

    @property
    def cache_nbytes(self) -> int:
        """Bytes of activations and scratch memory held now."""
        return self._prefix.nbytes if self._prefix is not None else 0

    def clear_cache(self) -> None:
        """Let go of the kept activations (the next picture is computed from its beginning)."""
        with self._lock:
            if self._prefix is not None:
                self._prefix.clear()

    def _apply(self, fn: Any, recurse: bool = True) -> FastStyleGAN2:
        """A move to another device or precision makes the prepared weights stale: they are made again when needed."""
        self._prefix = None
        return cast(FastStyleGAN2, super()._apply(fn, recurse))  # type: ignore[no-untyped-call]

    def _prepared(self) -> Prefix:
        if self._prefix is None:
            cpu = self.device.type == "cpu"
            dtype = self.dtype
            merge = dtype != torch.float32 and (not cpu or has_matrix_unit())
            plans = plan_network(self.exact, dtype, merge=merge, per_sample=cpu)
            executor: Executor
            if cpu:
                executor = CpuExecutor(plans, dtype)
            else:
                executor = DeviceExecutor(plans, dtype, self.device, graphs=self.cuda_graphs)
            self._prefix = Prefix(plans, executor, self.cache_bytes)
        return self._prefix

    def map(self, z: Tensor, labels: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z ``[N, z_dim]`` to ws ``[N, num_ws, w_dim]`` float32; layers below ``cutoff`` go to ``w_avg`` by ``psi``."""
        return self.exact.map(z, labels, psi, cutoff)

    def synthesize(
        self,
        ws: Tensor,
        noise: Noise = "const",
        *,
        strength: float | Tensor = 1.0,
        size: int | None = None,
    ) -> Tensor:
        """ws to pictures ``[N, 3, size, size]`` float32, about [-1, 1], not clipped.

        ``size`` may be one of ``low_resolutions``: the network's own picture so far, and nothing above is computed;
        a following call for the whole picture goes on from there.
        """
        if torch.is_grad_enabled() and ws.requires_grad:
            return self._differentiable(ws, noise, strength, size)
        wish = self._wish(ws, noise, strength)
        last = self._last(size)
        with self._lock, torch.no_grad():
            return self._prepared().pictures(wish, last)

    def synthesize_steps(
        self,
        ws: Tensor,
        noise: Noise = "const",
        *,
        strength: float | Tensor = 1.0,
        size: int | None = None,
    ) -> Iterator[Tensor]:
        """Like :meth:`synthesize` for one code ``[1, num_ws, w_dim]``, giving the picture so far after each block.

        Yields ``[1, 3, r, r]`` float32 for r = 4, 8 ... ``size``; only the last one where the architecture has no
        smaller pictures.  The caller may stop anywhere, and other pictures may be asked for between two steps.
        """
        if ws.shape[0] != 1:
            raise ValueError(f"one code at a time grows step by step, not {ws.shape[0]}")
        wish = self._wish(ws, noise, strength)
        last = self._last(size)
        for r in self.exact.channels:
            with self._lock, torch.no_grad():
                if r == last or r in self.low_resolutions:
                    picture = self._prepared().pictures(wish, r)
                else:
                    self._prepared().advance(wish, r)
                    continue
            yield picture
            if r == last:
                return

    def forward(self, z: Tensor, labels: Tensor | None = None, noise: Noise = "const") -> Tensor:
        """z and labels straight to pictures."""
        return self.synthesize(self.map(z, labels), noise)

    def _last(self, size: int | None) -> int:
        if size is None or size == self.resolution:
            return self.resolution
        if size not in self.low_resolutions:
            raise ValueError(
                f"this network makes pictures of {(*self.low_resolutions, self.resolution)} px, not {size}"
            )
        return size

    def _wish(self, ws: Tensor, noise: Noise, strength: float | Tensor) -> Wish:
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws must be [N, {self.num_ws}, {self.w_dim}], not {list(ws.shape)}")
        if isinstance(strength, Tensor) and strength.ndim:
            if strength.shape != (self.num_ws,):
                raise ValueError(f"strength must be one number or [{self.num_ws}], not {list(strength.shape)}")
            each = [float(v) for v in strength.detach().cpu()]
        else:
            each = [float(strength)] * self.num_ws
        return Wish(ws.detach().to(self.device, torch.float32, copy=True), noise, each)

    def _differentiable(self, ws: Tensor, noise: Noise, strength: float | Tensor, size: int | None) -> Tensor:
        """The exact network in its shared-weight formulation, which costs least with gradients."""
        before = self.exact.training
        self.exact.training = True
        try:
            return self.exact.synthesize(ws, noise, strength=strength, size=size)
        finally:
            self.exact.training = before

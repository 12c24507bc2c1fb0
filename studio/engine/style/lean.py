"""Any convolutional feature network, run so that only what its pictures' gradient needs is kept.

The weights of a feature network never learn.  So a convolution need not keep what it was given, a ReLU keeps what it
gives, and average pooling nothing.  :class:`Lean` puts such forms in the place of the functions
of torch while a network runs, whatever its code looks like; with ``low`` they work in bfloat16, which halves memory
again and is several times faster where the processor multiplies in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_Pair = tuple[int, int]


@functools.cache
def multiplies_in_bf16(device: str) -> bool:
    """Whether bfloat16 is faster than float32 there: AMX or AVX512-BF16 on the processor, Ampere and later beyond."""
    kind = torch.device(device).type
    if kind == "cpu":
        able = getattr(torch.cpu, "_is_amx_tile_supported", None), getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return torch.backends.mkldnn.is_available() and any(bool(f()) for f in able if f is not None)
    return kind == "cuda" and torch.cuda.is_bf16_supported()


class Lean(TorchFunctionMode):
    """While it is entered, ``conv2d``, ``relu`` and ``avg_pool2d`` keep as little as they can.

    Enter it around the forward pass only (backward needs nothing of it), never across a ``yield``.
    """

    def __init__(self, *, low: bool = False) -> None:
        super().__init__()
        self._type = torch.bfloat16 if low else None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CONV:
            return self._conv(func, *args, **kwargs)
        if func in _RELU:
            return _LeanRelu.apply(args[0], func in _INPLACE)
        if func in _AVERAGE and not kwargs and len(args) >= 2 and _pair(args[1]) == (2, 2) and len(args) == 2:
            return _LeanAverage.apply(args[0])
        return func(*args, **kwargs)

    def _conv(
        self,
        func: Callable[..., Any],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        if weight.requires_grad or isinstance(padding, str):
            return func(input, weight, bias, stride, padding, dilation, groups)
        dtype = self._type or input.dtype
        x = input.to(dtype)
        kernel = _prepared(weight, dtype)
        plain = _pair(stride) == (1, 1) and _pair(dilation) == (1, 1) and groups == 1
        pad = _pair(padding)
        fits = plain and all(weight.shape[2 + i] - 1 >= pad[i] for i in (0, 1))
        b = None if bias is None else bias.to(dtype)
        if not fits or not x.requires_grad:
            return func(x, kernel.forward, b, stride, padding, dilation, groups)
        return _LeanConv.apply(x, kernel.forward, kernel.backward, b, pad)


class _Kernel:
    """A convolution's weights as they are used, forwards and turned round for the way back."""

    __slots__ = ("backward", "forward")

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        with torch.no_grad():
            made = weight.detach().to(dtype)
            self.forward = made.contiguous(memory_format=torch.channels_last)
            turned = made.flip(2, 3).transpose(0, 1)
            self.backward = turned.contiguous(memory_format=torch.channels_last)


_kernels: weakref.WeakKeyDictionary[Any, dict[torch.dtype, _Kernel]] = weakref.WeakKeyDictionary()


class _ById:
    """Tensors compare by value; kernels are remembered by which tensor it is."""

    __slots__ = ("__weakref__",)


def _prepared(weight: Tensor, dtype: torch.dtype) -> _Kernel:
    handle = getattr(weight, "_lean_handle", None)
    if handle is None:
        handle = _ById()
        weight._lean_handle = handle  # type: ignore[attr-defined]
    known = _kernels.setdefault(handle, {})
    if dtype not in known:
        known[dtype] = _Kernel(weight, dtype)
    return known[dtype]


class _LeanConv(torch.autograd.Function):
    """Stride 1: the gradient with respect to the input is a convolution with the turned weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, turned: Tensor, bias: Tensor | None, padding: _Pair) -> Tensor:
        ctx.turned = turned
        ctx.padding = (weight.shape[2] - 1 - padding[0], weight.shape[3] - 1 - padding[1])
        return F.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        back = grads[0].to(ctx.turned.dtype)
        return F.conv2d(back, ctx.turned, None, padding=ctx.padding), None, None, None, None


class _LeanRelu(torch.autograd.Function):
    """Keeps its outcome only (which the next layer, being lean, does not keep a second time)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inplace: bool) -> Tensor:
        if inplace:
            ctx.mark_dirty(x)
            y = x.clamp_min_(0)
        else:
            y = torch.clamp_min(x, 0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grads[0], y, 0), None


class _LeanAverage(torch.autograd.Function):
    """2 x 2 means; keeps the size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        g = grads[0] * 0.25
        h, w = ctx.size[2:]
        full = F.interpolate(g, scale_factor=2, mode="nearest")
        if full.shape[2:] != (h, w):
            full = F.pad(full, (0, w - full.shape[3], 0, h - full.shape[2]))
        return full


def _pair(value: Any) -> _Pair:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


_CONV = {F.conv2d, torch.conv2d}
_INPLACE = {F.relu_, torch.relu_, Tensor.relu_}
_RELU = {F.relu, torch.relu, Tensor.relu, *_INPLACE}
_AVERAGE = {F.avg_pool2d}


@contextmanager
def kept_memory() -> Iterator[None]:
    """The allocator keeps what is freed meanwhile (see :func:`studio.training.config.keep_memory`), then gives it back.

    Every iteration takes and frees the same large activations; fresh pages for them cost a quarter of the time.
    """
    from studio.training.config import keep_memory

    able = keep_memory()
    try:
        yield
    finally:
        if able:
            _give_back()


def _give_back() -> None:
    """glibc: return freed pages to the system now, whatever the thresholds are."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

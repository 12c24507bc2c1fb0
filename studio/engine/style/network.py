"""A feature network as the run uses it: which layers, at which strides, with which reach, cheaply."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from studio.engine.context import Context
from studio.engine.pictures import Size, fitted, read, resized, tensor
from studio.engine.style.lean import Lean, multiplies_in_bf16
from studio.project.style import FIXED_FEATURES


class Network:
    """One feature network with its manner of working.

    ``low``: bfloat16 where that is faster.  ``pooling``: "network", or "average" / "max" in the place of its own.
    """

    def __init__(self, net: Any, device: str, *, low: bool, pooling: str = "network") -> None:
        self.net, self.device = net, torch.device(device)
        self.low = low and multiplies_in_bf16(device)
        self._pooling = pooling
        self.layers: tuple[str, ...] = tuple(net.layer_names)
        # A VGG is told how to pool and to mirror the picture at its borders, where its own zeros would show.
        told = inspect.signature(net.features).parameters
        self._told: dict[str, Any] = {"padding": "reflect"} if "padding" in told else {}
        if "pooling" in told:
            self._told["pooling"] = pooling
            self._pooling = "network"
        self._strides: dict[str, int] = {}
        self._reach: dict[str, int] = {}

    def features(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Activations ``[1, C, h, w]`` of a picture ``[1, 3, H, W]`` in [0, 1]; bfloat16 when it works in that."""
        x = x.contiguous(memory_format=torch.channels_last)
        with self._manner():
            return dict(self.net.features(x, list(names), **self._told))

    @contextmanager
    def _manner(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self._pooling != "network":
                stack.enter_context(_Pooling(self._pooling))
            stack.enter_context(Lean(low=self.low))
            yield

    def stride(self, name: str) -> int:
        """Pixels from one place of the layer to the next."""
        if name not in self._strides:
            x = torch.zeros(1, 3, 64, 64, device=self.device)
            with torch.no_grad():
                self._strides[name] = max(1, round(64 / self.features(x, [name])[name].shape[2]))
        return self._strides[name]

    def need(self, names: Sequence[str]) -> int:
        """The least side in px that these layers can look at."""
        return max((max(4, 2 * self.stride(n)) for n in names), default=4)

    def grid(self, size: Size, names: Sequence[str]) -> dict[str, Size]:
        """Height and width of the layers for a picture of this size, without computing it."""
        thin = self.need(names)
        found = {}
        with torch.no_grad():
            tall = self.features(torch.zeros(1, 3, size[0], thin, device=self.device), names)
            wide = self.features(torch.zeros(1, 3, thin, size[1], device=self.device), names)
        for n in names:
            found[n] = (tall[n].shape[2], wide[n].shape[3])
        return found

    def reach(self, names: Sequence[str]) -> int:
        """How many pixels away a pixel can be and still count at a place of these layers.

        Found by looking: the gradient of the middle place of a noise picture, over a few pictures.
        """
        return max((self._reach_of(n) for n in names), default=0)

    def _reach_of(self, name: str) -> int:
        if name in self._reach:
            return self._reach[name]
        if hasattr(self.net, "halo"):
            # What the network says, and one place more: pooling looks to one side.
            self._reach[name] = int(self.net.halo([name])) + self.stride(name)
            return self._reach[name]
        side = 64
        generator = torch.Generator().manual_seed(7)
        while True:
            far = 0
            for _ in range(2):
                x = torch.rand(1, 3, side, side, generator=generator).to(self.device).requires_grad_()
                with torch.enable_grad():
                    # The sum over channels before cancelling: absolute contributions do not matter, only where.
                    f = self.net.features(x, [name], **self._told)[name]
                    at = f.shape[2] // 2
                    picked = f[0, :, at, at]
                    (grad,) = torch.autograd.grad((picked * torch.linspace(0.5, 1.5, len(picked)).to(f)).sum(), x)
                rows = grad.abs().amax(dim=(0, 1, 3)).nonzero().flatten()
                columns = grad.abs().amax(dim=(0, 1, 2)).nonzero().flatten()
                middle = at * side / f.shape[2]
                for seen in (rows, columns):
                    if len(seen):
                        far = max(far, round(middle - float(seen[0])), round(float(seen[-1]) + 1 - middle))
            if far < side // 2 - self.stride(name) or side >= 1024:
                break
            side *= 2
        self._reach[name] = far
        return far


class _Pooling(TorchFunctionMode):
    """Average in the place of max pooling, or the other way, for windows that do not overlap."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted = wanted

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _MAX and self._wanted == "average":
            return F.avg_pool2d(args[0], *_window(args, kwargs))
        if func in _AVERAGE and self._wanted == "max":
            return F.max_pool2d(args[0], *_window(args, kwargs))
        return func(*args, **kwargs)


_MAX = {F.max_pool2d, torch.max_pool2d}
_AVERAGE = {F.avg_pool2d}


def _window(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    size = args[1] if len(args) > 1 else kwargs["kernel_size"]
    stride = args[2] if len(args) > 2 else kwargs.get("stride")
    return (size,) if stride is None or stride == size else (size, stride)


CALIBRATED_AT = 256
"""The longer side of the style picture in px that the network without learned weights is calibrated on."""


def open_network(ctx: Context, model: str, *, low: bool, pooling: str, style: str = "") -> Network:
    """The feature network of a request; the one without learned weights is calibrated on the ``style`` picture."""
    net: Any = ctx.features(model)
    if model == FIXED_FEATURES and style:
        key = ("style features", style, ctx.device)
        made = ctx.cache.get(key)
        if made is None:
            whole = tensor(read(ctx, style, "style picture"), ctx.device)
            made = net.calibrated(resized(whole, fitted((whole.shape[2], whole.shape[3]), CALIBRATED_AT)))
            ctx.cache.put(key, made, sum(p.nbytes for p in made.parameters()))
        net = made
    return Network(net, ctx.device, low=low, pooling=pooling)

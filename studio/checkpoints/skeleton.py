"""Building a network without its numbers.

Inside :class:`Hollow` every new tensor has its shape and one number of memory, and writing to a tensor does nothing.
So a network can be built from shapes in a moment, whatever they are, compared with a file, and given its numbers
afterwards, each of them in memory once.  (torch's own meta device does this too, but its first use imports its
compiler for more than a second.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from studio.checkpoints.limits import too_much


def hollow(shape: Sequence[int], dtype: str | torch.dtype = torch.float32) -> torch.Tensor:
    """A tensor of this shape over one number."""
    kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    return torch.empty_strided(tuple(shape), (0,) * len(shape), dtype=kind)


def _sizes(*args: Any, size: Any = None, **_: Any) -> Sequence[int]:
    first = size if size is not None else args[0] if args else ()
    if isinstance(first, Sequence):
        return [int(n) for n in first]
    return [int(n) for n in args]


class Hollow(TorchFunctionMode):
    """The mode; ``limit`` is the most numbers that one tensor may be said to have."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make, skip or pass on one call."""
        kwargs = kwargs or {}
        if func in _FACTORIES:
            filled = func is torch.full
            shape = _sizes(*(args[:1] if filled else args), size=kwargs.get("size"))
            count = math.prod(max(1, n) for n in shape)
            if count > self.limit:
                raise too_much(
                    f"its shapes describe a network with a tensor of {count:,} numbers", "what its own file can hold"
                )
            return hollow(shape, kwargs.get("dtype") or torch.float32)
        name = getattr(func, "__name__", "")
        first = args[0] if args else kwargs.get("tensor")
        if isinstance(first, torch.Tensor):
            if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
                return first
            if name in ("div", "__truediv__", "mul", "__mul__", "__rmul__") and not isinstance(args[1], torch.Tensor):
                return first
            if name == "to" and (kinds := [a for a in (*args[1:], *kwargs.values()) if isinstance(a, torch.dtype)]):
                return hollow(first.shape, kinds[0])
        return func(*args, **kwargs)


_FACTORIES = frozenset((torch.randn, torch.rand, torch.zeros, torch.ones, torch.empty, torch.full))

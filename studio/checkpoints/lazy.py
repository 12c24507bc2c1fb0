"""Tensors that are still in the file: a shape and a kind of number now, the numbers when they are asked for.

A network is built from these one tensor at a time, so the numbers are in memory once and never twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob
from studio.checkpoints.limits import MAX_DIMENSIONS, MAX_ELEMENTS, damaged, plain, too_much

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

ITEM_SIZE = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one number, by torch's name of the kind."""


def check_shape(shape: object) -> tuple[int, ...]:
    """``shape`` as a tuple of sizes; :class:`ModelError` if it is none that a weight can have."""
    if not isinstance(shape, tuple | list) or not all(type(n) is int for n in shape):
        raise damaged("a tensor has a shape that is not a row of whole numbers")
    if len(shape) > MAX_DIMENSIONS:
        raise too_much(f"a tensor has {len(shape)} dimensions", f"{MAX_DIMENSIONS} dimensions")
    if any(n < 0 for n in shape):
        raise damaged("a tensor has a negative size")
    # Zero sizes must not hide absurd ones beside them.
    if math.prod(max(1, n) for n in shape) > MAX_ELEMENTS:
        size = " x ".join(plain(str(n), 20) for n in shape)
        raise too_much(f"a tensor is said to have {size} numbers", f"{MAX_ELEMENTS:,} numbers in one tensor")
    return tuple(shape)


@dataclass(frozen=True, eq=False, slots=True)
class Lazy:
    """A tensor to be: ``load()`` makes it, contiguous, in ``dtype`` (torch's name), of ``shape``."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Tensor]
    stored: int = 0
    """Bytes of the file that it reads; 0 for what is not in the file."""
    computed: bool = False
    """True when the numbers are the result of arithmetic, and not the stored ones in another order."""
    fill: Callable[[Tensor], None] | None = None
    """Reads straight into a contiguous tensor of the same shape and kind, where that is possible."""

    @property
    def nbytes(self) -> int:
        """Bytes that it will take."""
        return math.prod(self.shape) * ITEM_SIZE[self.dtype]

    @property
    def floating(self) -> bool:
        """True for real numbers (weights), False for counters and masks."""
        return "float" in self.dtype

    def load(self) -> Tensor:
        """The numbers, in a new contiguous tensor."""
        return self._view().contiguous()

    def load_into(self, target: Tensor) -> None:
        """The numbers into ``target``, contiguous and of this shape, in its kind of number."""
        if self.fill is not None and str(target.dtype) == f"torch.{self.dtype}":
            self.fill(target)
        else:
            target.copy_(self._view())

    def _view(self) -> Tensor:
        t = self.read()
        if tuple(t.shape) != self.shape:
            raise damaged(f"a tensor of shape {list(t.shape)} was announced as {list(self.shape)}")
        return t

    def changed(self, shape: tuple[int, ...], fn: Callable[[Tensor], Tensor]) -> Lazy:
        """The same numbers in another arrangement."""
        return Lazy(shape, self.dtype, lambda: fn(self._view()), self.stored, self.computed)

    def reshape(self, *shape: int) -> Lazy:
        """The same numbers in another shape."""
        if math.prod(shape) != math.prod(self.shape):
            raise ModelError(
                "The tensors of this file do not fit together.", f"{list(self.shape)} is not {list(shape)}."
            )
        return self.changed(tuple(shape), lambda t: t.reshape(shape))

    def permute(self, *order: int) -> Lazy:
        """The axes in another order."""
        if sorted(order) != list(range(len(self.shape))):
            raise ModelError(
                "The tensors of this file do not fit together.", f"{list(self.shape)} has not {len(order)} axes."
            )
        shape = tuple(self.shape[i] for i in order)
        return self.changed(shape, lambda t: t.permute(order))

    def flip(self, *axes: int) -> Lazy:
        """Reversed along ``axes``."""
        return self.changed(self.shape, lambda t: t.flip(axes))

    def first(self, n: int) -> Lazy:
        """The first ``n`` along axis 0."""
        return self.changed((n, *self.shape[1:]), lambda t: t[:n])

    def repeat(self, n: int) -> Lazy:
        """``n`` copies along axis 0."""
        shape = (n * self.shape[0], *self.shape[1:])
        return self.changed(shape, lambda t: t.repeat(n, *(1 for _ in self.shape[1:])))

    def map(self, fn: Callable[[Tensor], Tensor]) -> Lazy:
        """Number by number arithmetic, in float32."""
        return Lazy(self.shape, "float32", lambda: fn(self._view().float()), self.stored, True)


def made(shape: tuple[int, ...], fn: Callable[[], Tensor]) -> Lazy:
    """A float32 tensor that is not in the file at all."""
    return Lazy(check_shape(shape), "float32", fn, 0, True)


def from_blob(
    blob: Blob,
    dtype: str,
    shape: tuple[int, ...],
    *,
    offset: int = 0,
    strides: tuple[int, ...] | None = None,
    swapped: bool = False,
) -> Lazy:
    """A tensor over ``blob``: ``offset`` and ``strides`` count numbers; everything is checked before it is believed."""
    shape = check_shape(shape)
    item = ITEM_SIZE[dtype]
    contiguous = row_major(shape)
    if strides is None:
        strides = contiguous
    if len(strides) != len(shape) or offset < 0 or any(s < 0 for s in strides):
        raise damaged("a tensor has strides that do not fit its shape")
    count = math.prod(shape)
    extent = 0 if count == 0 else 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if blob.encoding:
        if offset or extent != count:
            raise damaged("an array is stored in a way that no program writes")
    else:
        blob.part(offset * item, extent * item)
    if count > 4 * extent + 64:
        # Stride 0 turns four bytes into any number of them.
        raise too_much(f"a tensor makes {count:,} numbers out of {extent:,}", "four times what is stored")
    ordered = all(n == 1 or a == b for n, a, b in zip(shape, strides, contiguous, strict=True))

    def fill(flat: Tensor) -> None:
        if flat.numel():
            blob.file.readinto(blob.offset + offset * item, memoryview(_bytes(flat).data))
            if swapped:
                _swap(flat, item)

    def read() -> Tensor:
        import torch

        kind = getattr(torch, dtype)
        if blob.encoding:
            flat = torch.frombuffer(blob.decoded(count * item), dtype=kind) if count else torch.empty(0, dtype=kind)
            if swapped:
                _swap(flat, item)
        else:
            flat = torch.empty(extent, dtype=kind)
            fill(flat)
        return flat.reshape(shape) if ordered else flat.as_strided(shape, strides)

    return Lazy(shape, dtype, read, extent * item, fill=fill if ordered and not blob.encoding else None)


def _bytes(flat: Tensor) -> npt.NDArray[np.uint8]:
    """The bytes of a contiguous tensor, writable."""
    import torch

    raw: npt.NDArray[np.uint8] = flat.view(-1).view(torch.uint8).numpy()
    return raw


def _swap(flat: Tensor, item: int) -> None:
    """Turn the bytes of every number around, in place."""
    raw = _bytes(flat).reshape(-1, item)
    raw[:] = raw[:, ::-1].copy()


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a contiguous tensor."""
    out: list[int] = []
    step = 1
    for n in reversed(shape):
        out.append(step)
        step *= max(1, n)
    return tuple(reversed(out))

"""What is kept in memory because it may be needed again: values and models, each within a budget of bytes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

MB = 1 << 20
DEFAULT_CACHE_BYTES = 256 * MB


def size_of(value: Any) -> int:
    """About how many bytes a value holds: arrays, tensors, modules, and containers or dataclasses of them."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(size_of(inner) for inner in value.values())
    if isinstance(value, tuple | list | set | frozenset):
        return sum(size_of(inner) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    if callable(getattr(value, "parameters", None)) and callable(getattr(value, "buffers", None)):
        # Shared storage (a prepared weight beside its source) counts once.
        seen = {
            tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
            for tensor in (*value.parameters(), *value.buffers())
        }
        return sum(seen.values())
    if hasattr(value, "element_size") and hasattr(value, "nelement"):
        return int(value.element_size() * value.nelement())
    return sys.getsizeof(value)


class ByteCache:
    """Least recently used values within a budget of bytes.  Safe from several threads."""

    def __init__(self, budget_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._lock = threading.RLock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._budget = budget_bytes
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._used

    @property
    def budget(self) -> int:
        """Bytes that may be held."""
        return self._budget

    @budget.setter
    def budget(self, budget_bytes: int) -> None:
        with self._lock:
            self._budget = budget_bytes
            self._trim()

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value, which becomes the most recently used; ``default`` when it is not there."""
        with self._lock:
            if key not in self._values:
                return default
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Any, nbytes: int | None = None) -> None:
        """Keep a value, unless it is larger than the budget.  ``nbytes``: when :func:`size_of` cannot know."""
        size = size_of(value) if nbytes is None else nbytes
        with self._lock:
            self.drop(key)
            if size > self._budget:
                return
            self._values[key] = (value, size)
            self._used += size
            self._trim()

    def make(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made and kept when it is not there.  A failure keeps nothing."""
        missing = object()
        found = self.get(key, missing)
        if found is missing:
            found = make()
            self.put(key, found)
        return found  # type: ignore[no-any-return]

    def drop(self, key: Hashable) -> None:
        """Forget one value."""
        with self._lock:
            gone = self._values.pop(key, None)
            if gone is not None:
                self._used -= gone[1]

    def clear(self) -> int:
        """Forget everything; the bytes that were held."""
        with self._lock:
            freed, self._used = self._used, 0
            self._values.clear()
            return freed

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def _trim(self) -> None:
        while self._used > self._budget and self._values:
            _, (_, size) = self._values.popitem(last=False)
            self._used -= size


@dataclass(slots=True)
class _Held:
    model: Any
    size: int


class ModelCache:
    """Loaded models within a budget of bytes, least recently used leave first.

    A model that a running operation uses (``owner``) is never evicted: dropping it here would not free its
    memory, only load it twice.  So the budget can be exceeded by what is in use, and by one model larger
    than all of it.  A load that fails leaves nothing behind.  Safe from several threads; one load at a time.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._lock = threading.RLock()
        self._loading = threading.RLock()
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._owners: dict[object, set[Hashable]] = {}
        self._budget = budget_bytes

    @property
    def used(self) -> int:
        """Bytes of all loaded models."""
        with self._lock:
            return sum(held.size for held in self._held.values())

    @property
    def budget(self) -> int:
        """Bytes that models may take."""
        return self._budget

    @budget.setter
    def budget(self, budget_bytes: int) -> None:
        with self._lock:
            self._budget = budget_bytes
            self._trim(0)

    def get(
        self,
        key: Hashable,
        load: Callable[[], T],
        *,
        owner: object | None = None,
        expected: int = 0,
        size: Callable[[T], int] = size_of,
    ) -> T:
        """The model under ``key``, loaded when it is not there.

        ``owner`` keeps it until :meth:`release`.  ``expected`` bytes are made free before loading, so that the
        old and the new model are not both in memory at the peak.
        """
        with self._loading:
            with self._lock:
                held = self._held.get(key)
                if held is None:
                    self._trim(expected)
            if held is None:
                model = load()
                held = _Held(model, size(model))
            with self._lock:
                self._held[key] = held
                self._held.move_to_end(key)
                if owner is not None:
                    self._owners.setdefault(owner, set()).add(key)
                self._trim(0, keep=key)
            return held.model  # type: ignore[no-any-return]

    def peek(self, key: Hashable, owner: object | None = None) -> Any:
        """The model under ``key`` if it is loaded (then used now, and kept for ``owner``), else ``None``."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            if owner is not None:
                self._owners.setdefault(owner, set()).add(key)
            return held.model

    def release(self, owner: object) -> None:
        """The owner has ended: its models may be evicted again."""
        with self._lock:
            self._owners.pop(owner, None)
            self._trim(0, keep=next(reversed(self._held), None))

    def free(self, *, keep_latest: bool = False) -> int:
        """Evict every model that is not in use (but the most recently used, if asked); the bytes that were freed."""
        with self._lock:
            before = self.used
            keep = self._in_use()
            if keep_latest and self._held:
                keep = keep | {next(reversed(self._held))}
            for key in [key for key in self._held if key not in keep]:
                del self._held[key]
            return before - self.used

    def loaded(self) -> list[Any]:
        """The loaded models, least recently used first."""
        with self._lock:
            return [held.model for held in self._held.values()]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def _in_use(self) -> set[Hashable]:
        return set().union(*self._owners.values())

    def _trim(self, room: int, keep: Hashable | None = None) -> None:
        in_use = self._in_use()
        over = self.used + room - self._budget
        for key in [key for key in self._held if key not in in_use and key != keep]:
            if over <= 0:
                return
            over -= self._held.pop(key).size

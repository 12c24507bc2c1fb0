"""What an operation works with: the device, the loaded models, the assets, the caches.

The worker owns one :class:`Context` for the program; :func:`studio.engine.registry.start` gives every running
operation a scope of it, so that models in use are never evicted.  torch is imported when a device or a model
is first asked for.
"""

from __future__ import annotations

import copy
import gc
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from studio.base.errors import ModelError

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.library import Library
    from studio.nets.roles import Generator
    from studio.project.assets import AssetStore
    from studio.project.requests import Precision

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

    def release(self, owner: object) -> None:
        """The owner has ended: its models may be evicted again."""
        with self._lock:
            self._owners.pop(owner, None)
            self._trim(0, keep=next(reversed(self._held), None))

    def free(self) -> int:
        """Evict every model that is not in use; the bytes that were freed."""
        with self._lock:
            before = self.used
            in_use = self._in_use()
            for key in [key for key in self._held if key not in in_use]:
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


@dataclass(frozen=True, slots=True)
class LabelPrior:
    """How class labels fall when nobody sets them; :mod:`studio.engine.explore.labels` draws from it.

    A group is the card's dict ``{title, kind: "toggle" | "choice", names, indices, prior, default, colors}``.
    """

    c_dim: int
    groups: tuple[Mapping[str, Any], ...] = ()


class Context:
    """Device, precision, models, assets and caches for operations.

    ``parts``: how many times smaller than usual the pieces of work should be (see :meth:`share`).
    ``frugal``: every model is used in its fast (smaller) form whatever the request says.
    Both are raised by the out-of-memory ladder only; an operation reads them through :meth:`share` and
    :meth:`generator`.
    """

    def __init__(
        self,
        *,
        assets: AssetStore | None = None,
        library: Library | None = None,
        device: str = "auto",
        precision: Precision = "fast",
        budget_bytes: int | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._wish = device
        self._device = ""
        self._assets = assets
        self._library = library
        self.precision: Precision = precision
        self._models = None if budget_bytes is None else ModelCache(budget_bytes)
        self.cache = ByteCache(cache_bytes)
        self.parts = 1
        self.frugal = False
        self._owner: object | None = None

    # What is shared -------------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """The torch device in use: ``cpu``, ``cuda:0``, ``mps`` (chosen on first use when the wish was ``auto``)."""
        if not self._device:
            from studio.engine import devices

            self._device = devices.choose(self._wish)
        return self._device

    def use_device(self, wish: str) -> None:
        """Work on another device from now on (``auto``, ``cpu``, ``cuda:0`` ...); models on the old one leave.

        Running operations keep theirs.  Raises :class:`StudioError` when there is no such device; then nothing changes.
        """
        from studio.engine import devices

        chosen = devices.choose(wish)
        self._wish = wish
        if chosen != self._device:
            self._device = chosen
            self.models.free()

    @property
    def models(self) -> ModelCache:
        """The loaded models."""
        if self._models is None:
            from studio.engine import devices

            self._models = ModelCache(devices.model_budget(self.device))
        return self._models

    @property
    def assets(self) -> AssetStore:
        """Pictures and codes of the project."""
        if self._assets is None:
            from studio.project.assets import AssetStore

            self._assets = AssetStore()
        return self._assets

    @assets.setter
    def assets(self, assets: AssetStore) -> None:
        self._assets = assets

    @property
    def library(self) -> Library:
        """The models that this computer has."""
        if self._library is None:
            from studio.base import paths
            from studio.checkpoints.library import Library

            self._library = Library(paths.weights(), paths.models_dir())
        return self._library

    # Models ---------------------------------------------------------------------------------------------------

    def card(self, sha: str) -> ModelCard:
        """The card of a model (``""``: the embedded generator); :class:`ModelError` when it is not on this computer."""
        card = self.library.card(sha) if sha else self.library.default("generator")
        if card is None:
            raise _missing(sha)
        return card

    def label_prior(self, sha: str) -> LabelPrior:
        """How the class labels of this model fall when nobody sets them."""
        card = self.card(sha)
        return LabelPrior(int(card.hyper.get("c_dim", 0)), tuple(card.label_groups))

    def is_loaded(self, sha: str, precision: Precision | None = None) -> bool:
        """Whether :meth:`generator` would answer at once."""
        if self._models is None or not self._device:
            return False
        return self._key(sha or self.card(sha).sha256, precision) in self._models

    def generator(self, sha: str, precision: Precision | None = None) -> Generator:
        """The generator with this sha256 (``""``: the embedded one), on the device, without gradients of its own.

        ``fast`` prefers the prepared form of the network where there is one; ``exact`` is plain float32.  ``None``:
        as the context says.  Raises :class:`ModelError` when the model is missing, unreadable or no generator.
        """
        card = self.card(sha)
        key = self._key(card.sha256, precision)
        path = self.library.find(card.sha256)
        if path is None:
            raise _missing(sha)

        def load() -> Any:
            from studio.checkpoints import load_model

            loaded = load_model(path, device=self.device)
            if loaded.card.role != "generator":
                raise ModelError(
                    f"“{loaded.card.title or loaded.card.name}” cannot be used here.",
                    "It does not make pictures from latent codes.",
                    "Choose a generator in the library.",
                )
            network = loaded.network.eval().requires_grad_(False)
            return _prepared(network) if self._effective(precision) == "fast" else network

        found: Generator = self.models.get(key, load, owner=self._owner, expected=path.stat().st_size)
        return found

    def _effective(self, precision: Precision | None) -> Precision:
        return "fast" if self.frugal else precision or self.precision

    def _key(self, sha: str, precision: Precision | None) -> Hashable:
        return ("generator", sha, self._effective(precision), self.device)

    # Memory ---------------------------------------------------------------------------------------------------

    def share(self, count: int) -> int:
        """How many of ``count`` pictures (or tiles) to work on at once: all, or fewer after memory ran out."""
        return max(1, count // self.parts)

    def free(self) -> None:
        """Give back what can be made again: caches, models that are not in use, the device's reserve."""
        self.cache.clear()
        if self._models is not None:
            self._models.free()
            for model in self._models.loaded():
                forget = getattr(model, "forget", None)
                if callable(forget):
                    forget()
        gc.collect()
        if self._device:
            from studio.engine import devices

            devices.empty_cache(self._device)

    def derive(
        self,
        *,
        device: str | None = None,
        precision: Precision | None = None,
        parts: int | None = None,
        frugal: bool | None = None,
    ) -> Context:
        """The same context with some things changed; models, assets and caches stay shared."""
        _ = self.models, self.assets, self.library  # made now, so that both share them
        other = copy.copy(self)
        if device is not None:
            from studio.engine import devices

            other._wish, other._device = device, devices.choose(device)
        other.precision = self.precision if precision is None else precision
        other.parts = self.parts if parts is None else parts
        other.frugal = self.frugal if frugal is None else frugal
        return other

    @contextmanager
    def scope(self) -> Iterator[Context]:
        """A context for one running operation: the models that it asks for stay until the block ends."""
        child = self.derive()
        child._owner = object()
        try:
            yield child
        finally:
            child.models.release(child._owner)


def _prepared(network: Any) -> Any:
    """The prepared (faster) form of a network where its family has one."""
    from studio.nets.stylegan2 import StyleGAN2

    if isinstance(network, StyleGAN2):
        from studio.nets.stylegan2_fast import FastStyleGAN2

        return FastStyleGAN2(network)
    return network


def _missing(sha: str) -> ModelError:
    return ModelError(
        "The model for this picture is not on this computer.",
        f"It is known by {sha[:12]}…" if sha else "No generator came with this installation.",
        "Import the model, or choose Relink to search a folder for it.",
    )

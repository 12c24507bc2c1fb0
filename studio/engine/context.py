"""What an operation works with: the device, the loaded models, the assets, the caches.

The worker owns one :class:`Context` for the program; :func:`studio.engine.registry.start` gives every running
operation a scope of it, so that models in use are never evicted.  torch is imported when a device or a model
is first asked for.
"""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from studio.base.errors import ModelError
from studio.engine.caches import DEFAULT_CACHE_BYTES, ByteCache, ModelCache, size_of
from studio.project.style import FIXED_FEATURES

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard, Role
    from studio.checkpoints.library import Library
    from studio.nets.roles import Autoencoder, FeatureNet, Generator, Stylizer, Translator, Upscaler
    from studio.project.assets import AssetStore
    from studio.project.requests import Precision

CARD_S = 0.5
"""Seconds for which a card is not asked for again."""


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
        self._budget = budget_bytes
        self._models: ModelCache | None = None
        self.cache = ByteCache(cache_bytes)
        self.parts = 1
        self.frugal = False
        self._owner: object | None = None
        self._cards: dict[str, tuple[float, ModelCard]] = {}
        self._files_only = False

    # What is shared -------------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """The torch device in use: ``cpu``, ``cuda:0``, ``mps`` (chosen on first use when the wish was ``auto``)."""
        self._not_for_files()
        if not self._device:
            from studio.engine import devices

            self._device = devices.choose(self._wish)
        return self._device

    @property
    def device_in_use(self) -> str:
        """The torch device, or "" while none was needed yet (asking does not import torch)."""
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
            self.cache.clear()  # some of it lies on the old device (a mixture of two networks)
            self.models.free()
            self.use_budget(self._budget)

    def use_budget(self, budget_bytes: int | None) -> None:
        """Bytes that loaded models may take (``None``: a sensible part of what the device has)."""
        self._budget = budget_bytes
        if self._models is not None:
            from studio.engine import devices

            self._models.budget = devices.model_budget(self.device) if budget_bytes is None else budget_bytes

    @property
    def models(self) -> ModelCache:
        """The loaded models."""
        self._not_for_files()
        if self._models is None:
            from studio.engine import devices

            budget = devices.model_budget(self.device) if self._budget is None else self._budget
            self._models = ModelCache(budget)
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
        """The card of a model (``""``: the embedded generator); :class:`ModelError` when it is not on this computer.

        The library looks at its folders every time it is asked; during a drag a look of a moment ago will do.
        """
        now = time.monotonic()
        known = self._cards.get(sha)
        if known is None or now - known[0] > CARD_S:
            card = self.library.card(sha) if sha else self.library.default("generator")
            if card is None:
                self._cards.pop(sha, None)
                raise _missing(sha)
            self._cards[sha] = known = (now, card)
        return known[1]

    def label_prior(self, sha: str) -> LabelPrior:
        """How the class labels of this model fall when nobody sets them."""
        card = self.card(sha)
        return LabelPrior(int(card.hyper.get("c_dim", 0)), tuple(card.label_groups))

    def is_loaded(self, sha: str, precision: Precision | None = None) -> bool:
        """Whether :meth:`network` would answer at once."""
        if sha == FIXED_FEATURES:
            return True
        if self._models is None or not self._device:
            return False
        return self._key(self.card(sha), self._effective(precision)) in self._models

    def generator(self, sha: str, precision: Precision | None = None) -> Generator:
        """The generator with this sha256 (``""``: the embedded one), on the device, without gradients of its own.

        ``fast`` prefers the prepared form of the network where there is one; ``exact`` is plain float32.  ``None``:
        as the context says.  An autoencoder is a generator whose z is its latent.  Raises :class:`ModelError` when the
        model is missing, unreadable or no generator.
        """
        found = self.network(self.card(sha), ("generator", "autoencoder"), precision)
        return cast("Generator", _drawing(found))

    def autoencoder(self, sha: str, precision: Precision | None = None) -> Autoencoder:
        """The autoencoder with this sha256 (``""``: the embedded one); errors as in :meth:`generator`."""
        return cast("Autoencoder", self.network(self._card_of(sha, "autoencoder"), ("autoencoder",), precision))

    def features(self, sha: str) -> FeatureNet:
        """The feature network (``""``: the embedded one; :data:`FIXED_FEATURES`); errors as in :meth:`generator`."""
        if sha == FIXED_FEATURES:
            from studio.nets.features import StudioFeatures

            known = ("fixed features", self.device)
            made: FeatureNet = self.models.get(
                known, lambda: StudioFeatures().to(self.device), owner=self._owner, expected=0, size=size_of
            )
            return made
        return cast("FeatureNet", self.network(self._card_of(sha, "features"), ("features",), "exact"))

    def stylizer(self, sha: str, precision: Precision | None = None) -> Stylizer:
        """The feed-forward style network with this sha256; errors as in :meth:`generator`."""
        return cast("Stylizer", self.network(self._card_of(sha, "stylizer"), ("stylizer",), precision))

    def translator(self, sha: str, precision: Precision | None = None) -> Translator:
        """The translator with this sha256 (``""``: the embedded one); errors as in :meth:`generator`."""
        return cast("Translator", self.network(self._card_of(sha, "translator"), ("translator",), precision))

    def upscaler(self, sha: str, precision: Precision | None = None) -> Upscaler:
        """The upscaler with this sha256 (``""``: the embedded one); errors as in :meth:`generator`."""
        return cast("Upscaler", self.network(self._card_of(sha, "upscaler"), ("upscaler",), precision))

    def _card_of(self, sha: str, role: Role) -> ModelCard:
        if sha:
            return self.card(sha)
        card = self.library.default(role)
        if card is None:
            raise _missing("")
        return card

    def network(self, card: ModelCard, roles: tuple[Role, ...], precision: Precision | None = None) -> Any:
        """The network of a card, loaded and kept; :class:`ModelError` unless its role is one of ``roles``."""
        if card.role not in roles:
            raise _unfit(card.title or card.name, roles[0])
        wanted = self._effective(precision)
        found = self.models.peek(self._key(card, wanted), self._owner)
        if found is None and wanted == "exact":
            # The fast form works over the exact network: use that one instead of loading it twice.
            found = getattr(self.models.peek(self._key(card, "fast"), self._owner), "exact", None)
        return self._load(card, wanted) if found is None else found

    def _load(self, card: ModelCard, wanted: Precision) -> Any:
        path = self.library.find(card.sha256)
        if path is None:
            raise _missing(card.sha256)

        def load() -> Any:
            from studio.checkpoints import load_model

            network = self.models.peek(self._key(card, "exact"))
            if network is None:
                network = load_model(path, device=self.device).network.eval().requires_grad_(False)
            return _prepared(network) if wanted == "fast" else network

        expected = path.stat().st_size
        return self.models.get(self._key(card, wanted), load, owner=self._owner, expected=expected, size=_weight_of)

    def _effective(self, precision: Precision | None) -> Precision:
        return "fast" if self.frugal else precision or self.precision

    def _key(self, card: ModelCard, precision: Precision) -> Hashable:
        # What was assumed about the file decides what network it is.
        return (card.sha256, repr(sorted(card.assumed().items())), precision, self.device)

    # Memory ---------------------------------------------------------------------------------------------------

    def share(self, count: int) -> int:
        """How many of ``count`` pictures (or tiles) to work on at once: all, or fewer after memory ran out."""
        return max(1, count // self.parts)

    def free(self, *, keep_latest: bool = True) -> None:
        """Give back what can be made again: caches, models that are not in use, the device's reserve.

        ``keep_latest`` spares the most recently used model, which the next try most likely needs.
        """
        self.cache.clear()
        if self._models is not None:
            self._models.free(keep_latest=keep_latest)
            for model in self._models.loaded():
                clear = getattr(model, "clear_cache", None)
                if callable(clear):
                    clear()
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

    def for_files(self) -> Context:
        """The same assets and library for a job beside the device's thread: device and models are out of its reach.

        Networks are used by one thread only, so a job that needs one belongs into the device's lane.
        """
        _ = self.assets, self.library
        other = copy.copy(self)
        other._files_only = True
        return other

    def _not_for_files(self) -> None:
        if self._files_only:
            raise RuntimeError('a job of the "io" lane asked for the device or a model: call it with where="device"')

    @contextmanager
    def scope(self) -> Iterator[Context]:
        """A context for one running operation: the models that it asks for stay until the block ends."""
        child = self.derive()
        child._owner = object()
        try:
            yield child
        finally:
            child.models.release(child._owner)


def _drawing(network: Any) -> Any:
    """The generator in a network: itself, or the drawing half of an autoencoder."""
    if hasattr(network, "synthesize"):
        return network
    from studio.nets.drawing import AutoencoderGenerator

    return AutoencoderGenerator(network)


def _prepared(network: Any) -> Any:
    """The prepared (faster) form of a network where its family has one."""
    from studio.nets.stylegan2 import StyleGAN2

    if isinstance(network, StyleGAN2):
        from studio.nets.stylegan2_fast import FastStyleGAN2

        return FastStyleGAN2(network)
    if hasattr(network, "encode") and hasattr(network, "decode"):
        from studio.nets.drawing_fast import prepared

        return prepared(network)
    if hasattr(network, "translate"):
        from studio.nets import translator_fast

        return translator_fast.prepared(network)
    if hasattr(network, "upscale"):
        from studio.nets import upscaler_fast

        return upscaler_fast.prepared(network)
    return network


def _weight_of(model: Any) -> int:
    """What a loaded model may come to hold: its weights, and for a prepared one their copies and kept activations."""
    prepared = hasattr(model, "clear_cache")
    return size_of(model) * (2 if prepared else 1) + int(getattr(model, "cache_limit", 0))


_LACKS: dict[str, tuple[str, str]] = {
    "generator": ("It does not make pictures from latent codes.", "Choose a generator in the library."),
    "autoencoder": ("It does not turn pictures into codes and back.", "Choose an autoencoder in the library."),
    "features": ("It does not look at pictures layer by layer.", "Choose a feature network in the library."),
    "stylizer": ("It does not paint pictures in a style.", "Choose a style network in the library."),
    "translator": ("It does not turn one kind of picture into another.", "Choose a translator in the library."),
    "upscaler": ("It does not enlarge pictures.", "Choose an upscaler in the library."),
}
"""What a model of another role does not do, and what to do about it."""


def _unfit(name: str, role: Role) -> ModelError:
    return ModelError(f"“{name}” cannot be used here.", *_LACKS.get(role, _LACKS["generator"]))


def _missing(sha: str) -> ModelError:
    return ModelError(
        "The model for this picture is not on this computer.",
        f"It is known by {sha[:12]}…" if sha else "No generator came with this installation.",
        "Import the model, or choose Relink to search a folder for it.",
    )

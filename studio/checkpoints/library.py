"""The model library: the models that come with the program, and those that the person brought.

An imported model is a pair of files in the person's models folder: ``NAME-xxxxxxxx.safetensors`` in the canonical
layout and the card of the same name.  The original file is not needed any more.  This module imports no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from studio.base.errors import ModelError, StudioError
from studio.base.steps import Progress, Steps
from studio.checkpoints.card import ModelCard, Role
from studio.checkpoints.facts import COMPUTED
from studio.checkpoints.folders import SUFFIXES as SUFFIXES

_MAX_CARD = 1 << 20


class Reference(Protocol):
    """What a project remembers of a model."""

    @property
    def sha256(self) -> str:
        """Content."""

    @property
    def name(self) -> str:
        """File or card name."""

    @property
    def path(self) -> str:
        """Where it was last."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    card: ModelCard
    path: Path


@dataclass(slots=True)
class Library:
    """Models by content (sha256), name or path.  Cheap to make; looks at the folders when it is asked."""

    weights_dir: Path
    models_dir: Path
    _cache: dict[Path, tuple[tuple[int, int], ModelCard]] = field(default_factory=dict)

    def entries(self) -> list[ModelCard]:
        """All cards: the models that come with the program first, then the imported ones, each by name."""
        return [shelf.card for shelf in self._shelves()]

    def card(self, sha256: str) -> ModelCard | None:
        """The card of the model with this content."""
        shelf = self._shelf(sha256)
        return shelf.card if shelf else None

    def find(self, key: str | os.PathLike[str]) -> Path | None:
        """The file to load for a sha256, a name or a path; ``None`` if there is none."""
        shelf = self._shelf(os.fspath(key))
        if shelf is not None:
            return shelf.path
        path = Path(key)
        with contextlib.suppress(OSError, ValueError):
            if path.is_file():
                return path
        return None

    def default(self, role: Role) -> ModelCard | None:
        """The model to begin with in this role."""
        usable = [card for card in self.entries() if card.role == role and card.usable]
        marked = [card for card in usable if card.extra.get("default") is True]
        return next(iter(marked or usable), None)

    def import_file(
        self, path: str | os.PathLike[str], *, assumptions: Mapping[str, Any] | None = None
    ) -> Steps[ModelCard]:
        """Read a checkpoint of any layout and keep it, as steps with progress.

        Returns the card.  A model that is here already is not kept twice: only what was assumed is brought up to
        date.  Raises :class:`ModelError` for a file that is no sound network; nothing is left behind then.
        """
        from studio.checkpoints.load import load_steps

        loaded = yield from load_steps(path, assumptions=assumptions, keeping=True)
        card = loaded.card
        here = self._shelf(card.sha256)
        if here is not None and here.path.resolve() != Path(path).resolve():
            if here.card.embedded or here.card.assumptions == card.assumptions:
                return here.card
            return self.set_assumptions(card.sha256, card.assumed())
        if here is not None:
            return here.card
        self.models_dir.mkdir(parents=True, exist_ok=True)
        stem = f"{_slug(card.name)}-{card.sha256[:8]}"
        target = self.models_dir / f"{stem}.safetensors"
        return (yield from _keep(loaded.tensors or loaded.network.state_dict(), card, target))

    def set_assumptions(self, sha256: str, values: Mapping[str, Any]) -> ModelCard:
        """Change assumed values of an imported model (its card is rewritten) and return the new card."""
        shelf = self._shelf(sha256)
        if shelf is None:
            raise StudioError("This model is not in the library.", "", "Import it again.")
        if shelf.card.embedded:
            raise StudioError("The models that come with the program cannot be changed.")
        from studio.checkpoints.load import inspect

        fresh = inspect(shelf.path, assumptions={**shelf.card.assumed(), **values})
        changed = fresh.changed(source=shelf.card.source)
        _write_card(shelf.path.with_suffix(".json"), changed)
        return changed

    def rename(self, sha256: str, title: str) -> ModelCard:
        """Give an imported model another title."""
        shelf = self._shelf(sha256)
        if shelf is None or shelf.card.embedded:
            raise StudioError("Only imported models can be renamed.")
        changed = shelf.card.changed(title=title.strip() or shelf.card.title)
        _write_card(shelf.path.with_suffix(".json"), changed)
        return changed

    def remove(self, sha256: str) -> None:
        """Forget an imported model and delete the library's copy (never the original file)."""
        shelf = self._shelf(sha256)
        if shelf is None:
            return
        if shelf.card.embedded:
            raise StudioError("The models that come with the program cannot be removed.")
        # The card first: a copy without a card is no model, a card without a copy would be a broken one.
        shelf.path.with_suffix(".json").unlink(missing_ok=True)
        shelf.path.unlink(missing_ok=True)
        self._cache.clear()

    def relink(self, ref: Reference, folder: str | os.PathLike[str]) -> Steps[Path | None]:
        """Look for a missing model in ``folder`` and below, by content; the likeliest names first.

        Returns the file whose sha256 (or whose card's) is ``ref.sha256``, or ``None``.
        """
        found = sorted(_model_files(Path(folder)), key=lambda p: (not _alike(p, ref), len(p.parts), str(p)))
        total = len(found)
        for i, path in enumerate(found):
            yield Progress(i, total, f"Looking at {path.name}")
            card = _read_card(path.with_suffix(".json"))
            if card is not None and ref.sha256 in (card.sha256, card.stored_sha256):
                return path
            for sha in _hashing(path):
                if sha == ref.sha256:
                    return path
                yield Progress(i, total, f"Looking at {path.name}")
        return None

    # -- inside
    def _shelves(self) -> list[_Shelf]:
        out: list[_Shelf] = []
        seen: set[str] = set()
        for folder, embedded in ((self.weights_dir, True), (self.models_dir, False)):
            try:
                cards = sorted(folder.glob("*.json"))
            except OSError:
                continue
            for path in cards:
                weights = path.with_suffix(".safetensors")
                card = self._read(path) if weights.is_file() else None
                if card is None or card.sha256 in seen:
                    continue
                seen.add(card.sha256)
                out.append(_Shelf(card.changed(embedded=embedded), weights))
        return out

    def _read(self, path: Path) -> ModelCard | None:
        try:
            info = path.stat()
        except OSError:
            return None
        stamp = (info.st_mtime_ns, info.st_size)
        known = self._cache.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        card = _read_card(path)
        if card is not None:
            self._cache[path] = (stamp, card)
        return card

    def _shelf(self, key: str) -> _Shelf | None:
        if not key:
            return None
        shelves = self._shelves()
        for shelf in shelves:
            if key in (shelf.card.sha256, shelf.card.stored_sha256):
                return shelf
        for shelf in shelves:
            if key in (shelf.card.name, shelf.path.stem, str(shelf.path), shelf.path.name):
                return shelf
        return None


def _keep(tensors: Mapping[str, Any], card: ModelCard, target: Path) -> Steps[ModelCard]:
    """Write the canonical copy and then its card; whole or not at all."""
    from studio.checkpoints.formats.safetensors import write_safetensors

    metadata = {
        "format": "latent-studio",
        "role": card.role,
        "architecture": card.architecture,
        "source_sha256": card.sha256,
    }
    for name, value in card.hyper.items():
        if name not in (*COMPUTED, *metadata, "layout", "container", "files"):
            metadata[name] = value if isinstance(value, str) else json.dumps(value)
    listed = [{"name": a.name, "value": a.value, "why": a.why, "choices": list(a.choices)} for a in card.assumptions]
    metadata["assumptions"] = json.dumps(listed)
    stored = {name: t.half() if _halves(t, card.precision) else t for name, t in tensors.items()}
    total = sum(t.numel() * t.element_size() for t in stored.values())
    sha = ""
    try:
        for done, name in write_safetensors(target, stored, metadata):
            sha = name
            yield Progress(min(done, total), total, "Keeping a copy")
        kept = card.changed(stored_sha256=sha)
        _write_card(target.with_suffix(".json"), kept)
    except OSError as exc:
        from studio.base.errors import as_studio_error

        target.unlink(missing_ok=True)
        raise as_studio_error(exc, doing="Keeping the model") from exc
    return kept


def _halves(tensor: Any, precision: str) -> bool:
    """True when a tensor came as float16 and still is exactly that."""
    if precision != "float16" or not tensor.is_floating_point():
        return False
    return bool((tensor.half().float() == tensor).all())


def _write_card(path: Path, card: ModelCard) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("w", encoding="utf-8") as out:
            out.write(card.to_json())
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_card(path: Path) -> ModelCard | None:
    """The card in a file, or ``None`` if there is none that can be read (another program's JSON, a broken one)."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_CARD:
            return None
        return ModelCard.from_json(path.read_bytes())
    except (OSError, ModelError):
        return None


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "model"


def _model_files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in files:
            path = Path(root) / name
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield path


def _alike(path: Path, ref: Reference) -> bool:
    names = {Path(ref.path).name, ref.name} if ref.path else {ref.name}
    return path.name in names or path.stem in names


def _hashing(path: Path) -> Iterator[str]:
    """ "" for every few megabytes read, then the sha256; nothing for a file that cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(4 << 20):
                digest.update(chunk)
                yield ""
    except OSError:
        return
    yield digest.hexdigest()

"""From a file to a network: read, recognise, check, fill.  Nothing of the file is ever executed."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError, StudioError
from studio.base.steps import Progress, Steps, run
from studio.checkpoints.card import Assumption, ModelCard
from studio.checkpoints.companions import Beside
from studio.checkpoints.facts import facts, same_network, title
from studio.checkpoints.families.base import Recognised
from studio.checkpoints.families.registry import recognise
from studio.checkpoints.files import OpenFile
from studio.checkpoints.folders import config_beside, model_file, shown_name
from studio.checkpoints.formats.contents import Contents, read_contents
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.limits import plain, too_much
from studio.checkpoints.pairs import direction, drawn, sides
from studio.checkpoints.skeleton import Hollow, hollow

if TYPE_CHECKING:
    from torch import nn

_SLACK = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A network in evaluation mode, float32, without gradients, and its card."""

    card: ModelCard
    network: nn.Module
    tensors: Mapping[str, Any] | None = None
    """The file's own tensors where another library filled the network: what the model library keeps then."""


def load_model(
    path: str | os.PathLike[str], *, device: str = "cpu", assumptions: Mapping[str, Any] | None = None
) -> LoadedModel:
    """Load the network in ``path``, whatever made it.  Never executes the file.

    ``path`` may be a folder (a diffusers model or pipeline), or one file of a network in several: the others are found
    beside it.  The network implements its role of :mod:`studio.nets.roles`, as ``card.role`` says.  ``assumptions``
    replaces assumed values by name (those of ``card.assumptions``).  Raises :class:`ModelError` with a sentence for
    everything that is not a sound network of a known kind.
    """
    return run(load_steps(path, device=device, assumptions=assumptions))


def inspect(path: str | os.PathLike[str], *, assumptions: Mapping[str, Any] | None = None) -> ModelCard:
    """The card of ``path`` without loading the numbers.

    Kinds that are recognised but not usable yet get a card too (``usable`` False, the sentence in ``notes``).
    Raises :class:`ModelError` for everything else.
    """
    with ExitStack() as stack:
        found = _open(path, stack)
        recognised = found.recognised
        shas = {file.path: file.sha256() for file in found.files.values()}
        side, said = _sidecar(found.file.path, shas[found.file.path])
        if recognised.make is None:
            return _card(found, shas, None, side, (), {}, said)
        _directed(found, side)
        values, told = _settle(recognised, side, assumptions, shas[found.file.path])
        return _card(found, shas, _skeleton(recognised, values, found.size), side, told, values, said)


def load_steps(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    assumptions: Mapping[str, Any] | None = None,
    keeping: bool = False,
) -> Steps[LoadedModel]:
    """Like :func:`load_model`, as steps with progress.  ``keeping`` asks for :attr:`LoadedModel.tensors`."""
    tensors: dict[str, Any] | None = None
    with ExitStack() as stack:
        yield Progress(0, 0, "Reading the file")
        found = _open(path, stack)
        recognised = found.recognised
        if recognised.make is None:
            raise ModelError(recognised.sentence)
        _check_amount(recognised, found.size)
        # The skeleton has names and shapes only: a file that does not fit is refused before a number is read.
        _skeleton(recognised, {a.name: a.value for a in recognised.assumptions}, found.size)
        shas: dict[Path, str] = {}
        before = 0
        for file in found.files.values():
            for done, name in file.hashing():
                shas[file.path] = name
                yield Progress(before + done, found.size, "Checking the file")
            before += file.size
        side, said = _sidecar(found.file.path, shas[found.file.path])
        _directed(found, side)
        values, told = _settle(recognised, side, assumptions, shas[found.file.path])
        if recognised.whole is not None:
            numbers = yield from _numbers(recognised)
            network = _whole(recognised, numbers, values)
            tensors = numbers if keeping else None
        else:
            network = _skeleton(recognised, values, found.size)
            yield from _fill(network, recognised)
        if recognised.finish is not None:
            recognised.finish(network)
        card = _card(found, shas, network, side, told, values, said)
    return LoadedModel(card, network.to(device), tensors)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """An opened file, what is in it, and the files that belong to it."""

    file: OpenFile
    contents: Contents
    recognised: Recognised
    trail: tuple[str, ...]

    @property
    def files(self) -> dict[str, OpenFile]:
        """All files by part, the main one first; one file that is everything has no part's name."""
        return self.recognised.files or {"": self.file}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def _open(path: str | os.PathLike[str], stack: ExitStack) -> _Found:
    file = stack.enter_context(OpenFile(model_file(path)))
    contents = read_contents(file)
    recognised, candidate = recognise(contents, Beside(file, stack), config_beside(file.path))
    return _Found(file, contents, recognised, candidate.trail)


def _directed(found: _Found, side: ModelCard | None) -> None:
    """Where a translator leads from and to: its name says it, or the name of its table in a file with several."""
    recognised = found.recognised
    if recognised.role != "translator":
        return
    if side is not None and "source_title" in side.hyper and "direction" not in side.assumed():
        return
    names = [plain(n) for n in (*reversed(found.trail), side.name if side is not None else shown_name(found.file.path))]
    told = direction(*names)
    if told is not None and all(a.name != "direction" for a in recognised.assumptions):
        recognised.assumptions = (*recognised.assumptions, told)
    if drawn(*names):
        recognised.assumptions = tuple(
            dataclasses.replace(a, value="ink") if a.name == "input" else a for a in recognised.assumptions
        )
    rest = recognised.tells
    recognised.tells = lambda values: {**rest(values), **sides(values.get("direction", ""))}


def _settle(
    recognised: Recognised, side: ModelCard | None, given: Mapping[str, Any] | None, sha: str
) -> tuple[dict[str, Any], tuple[Assumption, ...]]:
    """The assumed values: what the person says, else what the card beside the file says, else the default."""
    chosen = {**(side.assumed() if side else {}), **(given or {})}
    names = {a.name for a in recognised.assumptions}
    unknown = [n for n in (given or {}) if n not in names]
    if unknown:
        allowed = ", ".join(sorted(names)) or "nothing had to be assumed"
        raise StudioError(
            f"This model has no assumption called “{plain(unknown[0])}”.", f"Known are: {allowed}.", kind="user"
        )
    told = []
    known: dict[str, Any] = {n: v for n, v in recognised.settled(sha).items() if n not in (given or {})}
    for a in recognised.assumptions:
        if a.name in known:
            continue
        if side is not None and a.name in side.hyper and a.name not in chosen:
            # The card beside the file states it: nothing to assume.
            known[a.name] = side.hyper[a.name]
            continue
        value = chosen.get(a.name, a.value)
        if not _possible(value, a):
            allowed = ", ".join(str(choice) for choice in a.choices)
            raise StudioError(f"“{a.name}” cannot be {value!r}.", f"It can be {allowed}.", kind="user")
        told.append(Assumption(a.name, value, a.why, a.choices))
    return {**known, **{a.name: a.value for a in told}}, tuple(told)


def _possible(value: Any, a: Assumption) -> bool:
    """One of the choices; where these are measures (floats), any other positive number too."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not a.choices:
        return number if isinstance(a.value, int | float) else type(value) is type(a.value)
    if value in a.choices:
        return True
    return number and value > 0 and any(isinstance(choice, float) for choice in a.choices)


def _check_amount(recognised: Recognised, size: int) -> None:
    """Names that share numbers could ask for far more memory than the file has bytes."""
    wanted = sum(t.stored for t in recognised.tensors.values())
    if wanted > 1.25 * size + _SLACK:
        raise too_much(
            f"its tensors would take {wanted >> 20:,} MB", f"what a file of {size / (1 << 20):.1f} MB can hold"
        )


def _skeleton(recognised: Recognised, values: Mapping[str, Any], size: int) -> nn.Module:
    """The network without numbers; every key and every shape has been compared."""
    assert recognised.make is not None
    try:
        with Hollow(size + _SLACK):
            return recognised.make({n: hollow(t.shape, t.dtype) for n, t in recognised.tensors.items()}, values)
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, OverflowError, ZeroDivisionError) as exc:
        raise ModelError(
            f"This looks like {recognised.source}, but its shapes make no network.",
            "",
            "Get the model from its author.",
            detail=f"{type(exc).__name__}: {exc}",
        ) from exc


def _numbers(recognised: Recognised) -> Steps[dict[str, Any]]:
    """All the numbers, checked."""
    read: dict[str, Any] = {}
    sick: list[str] = []
    for i, (name, lazy) in enumerate(recognised.tensors.items()):
        read[name] = tensor = lazy.load()
        if tensor.is_floating_point() and not _finite(tensor.float()):
            sick.append(name)
        if i % 32 == 0:
            yield Progress(i, len(recognised.tensors), "Loading the model")
    if sick:
        raise _broken(sick)
    return read


def _whole(recognised: Recognised, numbers: Mapping[str, Any], values: Mapping[str, Any]) -> nn.Module:
    """The network that another library builds and fills."""
    assert recognised.whole is not None
    try:
        return recognised.whole(numbers, values)
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AssertionError) as exc:
        raise ModelError(
            f"This looks like {recognised.source}, but it cannot be built.",
            "",
            "Get the model from its author.",
            detail=f"{type(exc).__name__}: {exc}",
        ) from exc


def _fill(network: nn.Module, recognised: Recognised) -> Steps[None]:
    """Read the numbers, one tensor at a time, check them and give them to the network."""
    import torch

    own = network.state_dict()
    # All places first: what is read on the way comes and goes behind them and leaves no holes between them.
    state = {name: torch.empty(slot.shape, dtype=slot.dtype) for name, slot in own.items()}
    sick: list[str] = []
    total = sum(t.numel() for t in own.values()) or 1
    done = told = 0
    for name, target in state.items():
        lazy = recognised.tensors.get(name) or recognised.optional(name, tuple(target.shape))
        if lazy is None:
            raise ModelError(f"This looks like {recognised.source}, but a tensor is missing.", f"It is {name}.")
        if target.is_floating_point() != lazy.floating:
            raise ModelError("A tensor of this model is of the wrong kind.", f"“{plain(name)}” holds {lazy.dtype}.")
        lazy.load_into(target)
        if target.is_floating_point() and not _finite(target):
            sick.append(name)
        done += target.numel()
        if done - told > total // 50:
            told = done
            yield Progress(done, total, "Loading the model")
    if sick:
        raise _broken(sick)
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)


def _broken(sick: list[str]) -> ModelError:
    """The refusal of a model with NaN or infinity in the tensors of these names."""
    return ModelError(
        "This model is broken: some of its numbers are not numbers.",
        f"NaN or infinity in {', '.join(sick[:3])}{' ...' if len(sick) > 3 else ''}.",
        "Its training failed. Choose an earlier checkpoint.",
        detail="\n".join(sick),
    )


def _finite(tensor: Any) -> bool:
    import torch

    flat = tensor.reshape(-1)
    # A sum carries every NaN and infinity on; only if it is none itself must each number be looked at (in pieces: a
    # mask over the whole would be a quarter of the tensor again).
    if math.isfinite(float(flat.sum())):
        return True
    return all(bool(torch.isfinite(part).all()) for part in flat.split(1 << 20))


def _sidecar(path: Path, sha: str) -> tuple[ModelCard | None, tuple[str, ...]]:
    """The card beside a file of ours, if it is this file's card; a note if it is another's."""
    beside = path.with_suffix(".json")
    try:
        if path.suffix != ".safetensors" or not beside.is_file() or beside.stat().st_size > 1 << 20:
            return None, ()
        card = ModelCard.from_json(beside.read_bytes())
    except (OSError, ModelError):
        return None, ()
    if sha in (card.sha256, card.stored_sha256):
        return card, ()
    return None, (f"The card “{plain(beside.name)}” beside this file belongs to another file and was not used.",)


def _card(
    found: _Found,
    shas: Mapping[Path, str],
    network: nn.Module | None,
    side: ModelCard | None,
    told: tuple[Assumption, ...],
    values: Mapping[str, Any],
    said: tuple[str, ...],
) -> ModelCard:
    recognised, contents = found.recognised, found.contents
    hyper: dict[str, Any] = {"layout": recognised.source, "container": contents.container, **recognised.hyper}
    notes = [*recognised.notes, *said]
    if contents.foreign:
        some = ", ".join(contents.foreign[:3]) + (" ..." if len(contents.foreign) > 3 else "")
        notes.append(f"The file asks for code that was not run: {some}.")
    if len(found.files) > 1:
        others = ", ".join(f"“{plain(f.path.name)}”" for f in found.files.values() if f is not found.file)
        notes.append(f"It was put together with {others}.")
        hyper["files"] = [
            {"part": part, "name": plain(f.path.name), "sha256": shas[f.path]} for part, f in found.files.items()
        ]
    part, main = next(iter(found.files.items()))
    stem = shown_name(main.path, part)
    named = stem
    labels: dict[str, Any] = {}
    if network is not None:
        hyper.update(facts(recognised.role, network))
        # A card that assumes nothing knows better.
        follows = {k: v for k, v in recognised.tells(values).items() if side is None or k not in side.hyper or told}
        for key in ("label_names", "label_groups"):
            labels[key] = tuple(follows.pop(key, ()))
        hyper.update(follows)
        named = title(stem, recognised.architecture, recognised.role, hyper)
    elif recognised.sentence:
        notes.insert(0, recognised.sentence)
    card = ModelCard(
        name=stem,
        title=named,
        role=recognised.role,
        architecture=recognised.architecture,
        hyper=hyper,
        sha256=shas[main.path],
        source=str(main.path),
        assumptions=told,
        precision=_precision(recognised.tensors),
        notes=tuple(notes),
        size=found.size,
        usable=network is not None,
        **labels,
    )
    if side is None:
        return card
    # What people wrote about the model stays; what the network is comes from the network.
    kind = side.architecture if same_network(side.architecture, card.architecture) else card.architecture
    found_as: dict[str, Any] = {k: side.hyper[k] for k in ("layout", "container") if k in side.hyper}
    merged: dict[str, Any] = {**side.hyper, **hyper, **found_as}
    chosen: dict[str, Any] = labels if any(a.name == "labels" for a in told) else {}
    renamed = side.title != _usual_title(side)
    return side.changed(
        hyper=merged,
        title=side.title if renamed else title(side.name, kind, card.role, merged),
        assumptions=told,
        role=card.role,
        architecture=kind,
        usable=card.usable,
        precision=card.precision,
        **chosen,
    )


def _usual_title(card: ModelCard) -> str:
    """The title that this program gives, "" for a card that does not say enough."""
    try:
        return title(card.name, card.architecture, card.role, card.hyper)
    except (KeyError, TypeError):
        return ""


def _precision(tensors: Mapping[str, Lazy]) -> str:
    """The kind of number that most of the weights are stored in."""
    amounts: dict[str, int] = {}
    for lazy in tensors.values():
        if lazy.floating and not lazy.computed:
            amounts[lazy.dtype] = amounts.get(lazy.dtype, 0) + math.prod(lazy.shape)
    return max(amounts, key=lambda k: amounts[k]) if amounts else "float32"

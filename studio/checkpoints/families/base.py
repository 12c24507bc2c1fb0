"""What a detector says about a table of weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.card import Assumption, Role
from studio.checkpoints.files import OpenFile
from studio.checkpoints.lazy import Lazy, made
from studio.checkpoints.limits import plain
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

Values = Mapping[str, Any]
"""Assumed values by name."""


@dataclass(eq=False, slots=True)
class Recognised:
    """A network that was recognised.

    ``make`` builds it from tensors without numbers (and raises :class:`ModelError` naming every key that does not
    fit); ``tensors`` are the numbers under the canonical names, those of ``network.state_dict()``; ``optional`` are
    values for what no file needs to say.  The network is built without numbers and given them afterwards, so a buffer
    that is not in its state dict must not hold numbers of its own.  Without ``make`` it is a kind that cannot be used
    yet, and ``sentence`` says so.
    """

    role: Role
    architecture: str
    source: str
    """The layout of the file in words ("rosinality StyleGAN2")."""
    tensors: dict[str, Lazy] = field(default_factory=dict)
    make: Callable[[Mapping[str, Tensor], Values], nn.Module] | None = None
    assumptions: tuple[Assumption, ...] = ()
    optional: Callable[[str, tuple[int, ...]], Lazy | None] = lambda _name, _shape: None
    finish: Callable[[nn.Module], None] | None = None
    """A last step on the finished network (an average that has to be computed)."""
    settled: Callable[[str], dict[str, Any]] = lambda _sha256: {}
    """Assumed values that the sha256 of the main file settles: published files whose makers are known."""
    tells: Callable[[Values], dict[str, Any]] = lambda _values: {}
    """What the card's ``hyper`` says because of assumed values; ``label_names`` and ``label_groups`` go to their own
    places on the card.  What the card beside a file says of these goes before."""
    whole: Callable[[Mapping[str, Tensor], Values], nn.Module] | None = None
    """Builds the finished network from all the numbers at once, for networks that another library fills; ``make`` then
    gives the plan of it."""
    notes: tuple[str, ...] = ()
    hyper: dict[str, Any] = field(default_factory=dict)
    sentence: str = ""
    files: dict[str, OpenFile] = field(default_factory=dict)
    """The files of a network in several parts, by part, the main one first (see :mod:`studio.checkpoints.companions`);
    empty when the opened file is all there is."""


Detector = Callable[[Candidate], Recognised | None]

SURPRISES = (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, ZeroDivisionError)
"""What a stranger's names and shapes may make a detector raise: the file's fault, not ours."""


def ours(c: Candidate, architecture: str) -> bool:
    """True for a copy that our own library (or training) wrote of a network of this architecture."""
    return c.metadata.get("format") == "latent-studio" and c.metadata.get("architecture") == architecture


class Taking:
    """Tensors taken out of a foreign layout one by one, so that nothing is missed and nothing is left over."""

    def __init__(self, tensors: Mapping[str, Lazy], what: str) -> None:
        self.tensors, self.what = tensors, what
        self.left = dict(tensors)
        self.missing: list[str] = []
        self.out: dict[str, Lazy] = {}

    def put(self, target: str, source: str, change: Callable[[Lazy], Lazy] | None = None) -> None:
        """``target`` (canonical) is ``source`` (foreign), changed."""
        found = self.tensors.get(source)
        if found is None:
            self.missing.append(source)
            return
        self.left.pop(source, None)
        try:
            self.out[target] = change(found) if change else found
        except (ModelError, IndexError) as exc:
            raise self._unfit([f"wrong shape: {plain(source)} {list(found.shape)}"]) from exc

    def drop(self, *ends: str) -> None:
        """Leave out what ends like this."""
        for name in [n for n in self.left if n.endswith(ends)]:
            del self.left[name]

    def done(self) -> dict[str, Lazy]:
        """All that was taken; :class:`ModelError` naming what was missing or left over."""
        told = [f"missing: {n}" for n in self.missing] + [f"unexpected: {plain(n)}" for n in self.left]
        if told:
            raise self._unfit(told)
        return self.out

    def _unfit(self, told: list[str]) -> ModelError:
        more = f"; and {len(told) - 4} more" if len(told) > 4 else ""
        return ModelError(
            f"This looks like {self.what}, but its tensors do not fit.",
            "; ".join(told[:4]) + more + ".",
            "Only unchanged networks of this kind can be read.",
            detail="\n".join(told),
        )


def average_of_mapped(net: nn.Module) -> None:
    """Set ``mapping.w_avg`` to the mean of 4096 mapped z (seed 0), for files that do not carry it."""
    import numpy as np
    import torch

    mapping: Any = net.get_submodule("mapping")
    z = torch.from_numpy(np.random.RandomState(0).randn(4096, mapping.z_dim)).float()
    c = None
    if mapping.c_dim:
        # Every class has its turn; the average stands for all of them.
        c = torch.eye(mapping.c_dim)[torch.arange(4096) % mapping.c_dim]
    device = mapping.w_avg.device
    with torch.no_grad():
        parts = [
            mapping(z[i : i + 512].to(device), None if c is None else c[i : i + 512].to(device)).double().sum(dim=0)
            for i in range(0, 4096, 512)
        ]
        mapping.w_avg.copy_((torch.stack(parts).sum(dim=0) / 4096).float())


def zeros(*shape: int) -> Lazy:
    """Zeros that stand for something that the file leaves out."""

    def fn() -> Tensor:
        import torch

        return torch.zeros(shape)

    return made(shape, fn)


def seeded_noise(resolution: int, index: int) -> Lazy:
    """The stored noise picture of a network whose file has none: seed 0 of its layer."""

    def fn() -> Tensor:
        from studio.nets.stylegan2 import noise_plane

        return noise_plane(0, index, resolution)

    return made((resolution, resolution), fn)


_ABSENT = object()


def stored_value(c: Candidate, name: str, default: Any = _ABSENT) -> Any:
    """A value that the file's own notes state (safetensors metadata: "256", "none", JSON), else ``default``."""
    text = c.metadata.get(name)
    if text is None or len(text) > 100_000:
        return default
    if text.strip().lower() in ("none", "null", ""):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def stored_assumptions(c: Candidate) -> dict[str, Assumption]:
    """The assumptions that the library wrote into a converted network, in their order."""
    listed = stored_value(c, "assumptions", [])
    return {
        entry["name"]: Assumption(
            entry["name"], entry.get("value"), str(entry.get("why", "")), tuple(entry.get("choices") or ())
        )
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }


def is_clamp(value: Any) -> bool:
    """True for what ``conv_clamp`` can be: ``None`` or a positive number."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0)

"""Networks that come in several files: a decoder and its encoder, a painter and the network it looks with.

A family in parts is one :class:`Several` in ``families/registry.py``.  Opening any one of its files opens all: the
others are looked for in the same folder, by content; a name only ranks them (and tells apart parts that are alike
inside).  Nothing of them is executed, and a neighbour that cannot be read is passed over.

    Several("adain", "stylizer", "an AdaIN style transfer",
            parts=(Part("decoder", "the decoder", is_decoder), Part("encoder", "the VGG encoder", is_vgg)),
            join=joined)

``is_decoder(candidate)`` answers ``None`` (it is not that), or a key that the parts of one network have in common
(the number of latent channels; ``True`` where there is nothing to compare).  ``joined({"decoder": candidate, ...})``
gives the :class:`Recognised` of the whole, as any detector does; its tensors may come from all of the candidates.

The first part is the main one: its sha256 is the model's identity, whichever part was opened.  The card lists all in
``hyper["files"]`` (part, name, sha256).  Detectors are asked before families in parts, so a part that is useful alone
(a VGG) stays itself when it is opened.  The library's copy is one file with everything in it, which a plain detector
must know (:func:`studio.checkpoints.families.base.ours`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from studio.base.errors import ModelError
from studio.checkpoints.card import Role
from studio.checkpoints.families.base import SURPRISES, Recognised
from studio.checkpoints.files import OpenFile
from studio.checkpoints.folders import SUFFIXES
from studio.checkpoints.formats.contents import read_contents
from studio.checkpoints.limits import plain
from studio.checkpoints.unwrap import Candidate, candidates

MAX_NEIGHBOURS = 64
"""Files of the folder that are looked into, the likeliest names first."""
MAX_SIZE = 1 << 30
"""Bytes of a companion."""


TEXTS = (
    "This is {0} of {1}; {2} is not beside it. Put it into the same folder and open either again.",
    "This is {0} of {1}; {2} are not beside it. Put them into the same folder and open any of them again.",
    "This is a part of {0}; {1} are alike inside, so the file's name must say which it is. "
    "Rename it so that it contains {2}.",
    "a tiny autoencoder (TAESD)",
    "the decoder",
    "the encoder",
)
"""What is said of a lone part, and the words of the families that go into it (for the translations)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a network in several."""

    name: str
    """The key that ``join`` gets it under."""
    what: str
    """In words, with its article: "the decoder"."""
    test: Callable[[Candidate], Hashable | None]
    hint: str = ""
    """A word that its file's name must contain; only for parts that are alike inside."""


@dataclass(frozen=True, slots=True)
class Several:
    """A network in several files; the main part first."""

    architecture: str
    role: Role
    what: str
    """In words, with its article: "an AdaIN style transfer"."""
    parts: tuple[Part, ...]
    join: Callable[[Mapping[str, Candidate]], Recognised]


class Beside:
    """The model files in the folder of an opened one.  What it opens is closed with ``stack``."""

    def __init__(self, file: OpenFile, stack: ExitStack) -> None:
        self.file, self._stack = file, stack
        self._kept: list[OpenFile] = []

    def __iter__(self) -> Iterator[tuple[OpenFile, list[Candidate]]]:
        """Readable neighbours, the likeliest names first, each closed again unless :meth:`keep` was called for it."""
        for path in self._paths():
            try:
                file = OpenFile(path)
            except ModelError:
                continue
            try:
                if 0 < file.size <= MAX_SIZE:
                    with contextlib.suppress(ModelError):
                        yield file, candidates(read_contents(file))
            finally:
                if file not in self._kept:
                    file.close()

    def keep(self, file: OpenFile) -> None:
        """Leave ``file`` open until the model is loaded."""
        self._kept.append(self._stack.enter_context(file))

    def _paths(self) -> list[Path]:
        own = self.file.path
        try:
            found = [p for p in own.absolute().parent.iterdir() if p.suffix.lower() in SUFFIXES and p.name != own.name]
        except OSError:
            return []
        likeness = {p: SequenceMatcher(None, p.name, own.name).ratio() for p in found[: 16 * MAX_NEIGHBOURS]}
        return sorted(likeness, key=lambda p: (-likeness[p], p.name))[:MAX_NEIGHBOURS]


def gather(several: Several, found: list[Candidate], beside: Beside | None) -> tuple[Recognised, Candidate] | None:
    """The whole network that a file with the tables ``found`` is a part of; ``None`` if it is no part of it.

    With a part missing the answer is a :class:`Recognised` that cannot be used and whose sentence names the part.
    """
    if beside is None:
        return None
    own: dict[str, tuple[OpenFile, Candidate]] = {}
    key: Hashable | None = None
    named = beside.file.path.name.lower()
    alike: list[Part] = []
    for part in several.parts:
        here = _first(part, found)
        if here is None:
            continue
        alike.append(part)
        if part.hint in named and not own:
            key = here[0]
            own[part.name] = (beside.file, here[1])
    if not own:
        return _unnamed(several, alike, found) if alike else None
    opened = next(iter(own))
    for file, tables in beside:
        for part in several.parts:
            if part.name in own or part.hint not in file.path.name.lower():
                continue
            there = _first(part, tables)
            if there is not None and there[0] == key:
                own[part.name] = (file, there[1])
                beside.keep(file)
                break
        if len(own) == len(several.parts):
            break
    missing = [part for part in several.parts if part.name not in own]
    this = next(part for part in several.parts if part.name == opened)
    if missing:
        lacks = " and ".join(part.what for part in missing)
        sentence = TEXTS[0 if len(missing) == 1 else 1].format(this.what, several.what, lacks)
        return Recognised(several.role, several.architecture, several.what, sentence=sentence), own[opened][1]
    whole = several.join({name: candidate for name, (_, candidate) in own.items()})
    whole.files = {part.name: own[part.name][0] for part in several.parts}
    return whole, own[opened][1]


def _unnamed(several: Several, alike: list[Part], found: list[Candidate]) -> tuple[Recognised, Candidate]:
    """A part that only its name could tell from another, and does not."""
    words = " or ".join(f"“{plain(part.hint)}”" for part in alike)
    which = " and ".join(part.what for part in alike)
    sentence = TEXTS[2].format(several.what, which, words)
    return Recognised(several.role, several.architecture, several.what, sentence=sentence), found[0]


def _first(part: Part, tables: list[Candidate]) -> tuple[Hashable, Candidate] | None:
    """The first table that is this part, and its key."""
    for candidate in tables:
        try:
            key = part.test(candidate)
        except (*SURPRISES, ModelError):
            continue
        if key is not None and not candidate.bad:
            return key, candidate
    return None

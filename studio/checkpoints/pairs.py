"""Translators that belong together, and what their files' names say of where they lead.  Plain data, no torch.

No file says from which kind of picture to which it translates; its name often does: ``latest_net_G_A``, ``AtoB``,
``netG_B2A``, ``horse2zebra``, ``flat_to_3d``.  Two that differ only in that are the two halves of a pair.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from studio.checkpoints.card import Assumption, ModelCard

_ARROW = " → "
_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_NET = r"(?:net)?g(?:en|enerator)?[-_ .]?"
_BOTH = re.compile(rf"(?i){_START}(?P<net>{_NET})?(?P<a>[abxy])(?P<join>2|[-_ ]?to[-_ ]?)?(?P<b>[abxy]){_END}")
_ONE = re.compile(rf"(?i){_START}{_NET}(?P<a>[abxy]){_END}")
_LAST = re.compile(r"(?i)(?<=[-_ .])(?P<a>[abxy])$")
_WORDS = re.compile(
    r"(?P<a>[A-Za-z][A-Za-z]+)2(?P<b>[A-Za-z][A-Za-z0-9]+)"
    rf"|{_START}(?P<c>[A-Za-z0-9]+)[-_ ]to[-_ ](?P<d>[A-Za-z0-9]+){_END}"
    r"|(?P<e>[a-z0-9]{2,})To(?P<f>[A-Z][A-Za-z0-9]+)"
)
_LINES = frozenset(("edge", "edges", "sketch", "sketches", "line", "lines", "lineart", "drawing", "drawings", "ink",
                    "scribble", "scribbles", "contour", "contours"))  # fmt: skip
_OTHER = {"a": "b", "b": "a", "x": "y", "y": "x"}


@dataclass(frozen=True, slots=True)
class Way:
    """What a name says: what both halves of a pair have in common, and which of the two this one is."""

    key: str
    forth: bool
    source: str = ""
    target: str = ""
    """Where it leads from and to; empty where the name tells only the halves apart."""


def way(stem: str) -> Way | None:
    """Read a file's name (without its ending); ``None`` if it says nothing of a direction."""
    if (m := _BOTH.search(stem)) and (m["join"] or m["net"]) and _OTHER[m["a"].lower()] == m["b"].lower():
        a, b = m["a"].upper(), m["b"].upper()
        return Way(_rest(stem, m, "".join(sorted(a + b))), a < b, a, b)
    if m := _ONE.search(stem):
        a = m["a"].upper()
        b = _OTHER[m["a"].lower()].upper()
        return Way(_rest(stem, m, "".join(sorted(a + b))), a < b, a, b)
    for m in _WORDS.finditer(stem):
        a, b = (text for text in m.groups() if text)
        if a.lower() != b.lower():
            both = sorted((a.lower(), b.lower()))
            return Way(_rest(stem, m, "/".join(both)), a.lower() == both[0], _words(a), _words(b))
    if m := _LAST.search(stem):
        return Way(_rest(stem, m, "last"), m["a"].lower() in "ax")
    return None


def _rest(stem: str, m: re.Match[str], mark: str) -> str:
    return f"{stem[: m.start()]}<{mark}>{stem[m.end() :]}".lower()


def _words(text: str) -> str:
    return text[:1].upper() + text[1:]


def direction(*names: str) -> Assumption | None:
    """The assumption that the first name with a direction in it makes, ``None`` if none has one."""
    for name in names:
        found = way(name)
        if found is not None and found.source:
            forth, back = f"{found.source}{_ARROW}{found.target}", f"{found.target}{_ARROW}{found.source}"
            why = f"“{name[:60]}” says so; nothing inside the file does."
            return Assumption("direction", forth, why, (forth, back))
    return None


def sides(value: Any) -> dict[str, str]:
    """``source_title`` and ``target_title`` for the value of that assumption."""
    source, arrow, target = str(value).partition(_ARROW)
    return {"source_title": source, "target_title": target} if arrow else {}


def drawn(*names: str) -> bool:
    """Whether a name says that the way begins with lines: ``edges2shoes``, ``sketch_to_face``."""
    return any((found := way(name)) is not None and found.source.lower() in _LINES for name in names)


def partners(cards: Iterable[ModelCard]) -> dict[str, str]:
    """For each translator that has one the sha256 of the model that goes back.

    Two name each other in ``hyper["partner"]``; or they come from the same folder, their names differ in the
    direction alone, and each takes as many channels as the other makes.
    """
    able = [c for c in cards if c.role == "translator" and c.usable and not c.hyper.get("c_dim")]
    by_name: dict[str, ModelCard] = {}
    for card in able:
        by_name.setdefault(card.name, card)
    out: dict[str, str] = {}
    for card in able:
        other = by_name.get(str(card.hyper.get("partner") or ""))
        if other is not None and other is not card and other.hyper.get("partner") == card.name and _fit(card, other):
            out[card.sha256] = other.sha256
    halves: dict[tuple[bool, str, str], list[tuple[bool, ModelCard]]] = defaultdict(list)
    for card in able:
        found = way(card.name)
        if card.sha256 not in out and not card.hyper.get("partner") and found is not None:
            halves[card.embedded, _folder(card.source), found.key].append((found.forth, card))
    for listed in halves.values():
        forth, back = ([c for f, c in listed if f is which] for which in (True, False))
        # Three of a name are no pair.
        if len(forth) == len(back) == 1 and _fit(forth[0], back[0]):
            out[forth[0].sha256], out[back[0].sha256] = back[0].sha256, forth[0].sha256
    return out


def _fit(a: ModelCard, b: ModelCard) -> bool:
    """Whether each takes what the other makes."""
    one, two = a.hyper, b.hyper
    return (one.get("in_channels"), one.get("out_channels")) == (two.get("out_channels"), two.get("in_channels"))


def _folder(source: str) -> str:
    return re.split(r"[\\/](?=[^\\/]*$)", source)[0] if re.search(r"[\\/]", source) else ""

"""Between typed values and JSON: one canonical form, unknown keys that survive, and reading what is half broken.

* :func:`encode` gives equal values equal bytes: defaults are left out by equality (msgspec leaves them out by
  identity), whole numbers in float fields are written as floats, and -0.0 as 0.0.
* :func:`unknown_keys` and :func:`with_unknown` carry the keys that this program does not know from a loaded file
  to the saved one, at any depth, along with the list element that they belong to.
* :func:`decode_session` reads what it can and says in sentences what it could not.

Everything here takes plain trees of dict, list, str, int, float, bool and None.
"""

from __future__ import annotations

import functools
import logging
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from studio.base.errors import StudioError
from studio.project.session import Session

log = logging.getLogger(__name__)

MAX_JSON = 32 * 2**20
"""Bytes of JSON that are read at most (tens of thousands of gallery pictures)."""
MAX_VALUES = 2_000_000
"""Values in it: small ones need twenty times as much memory as text, and time."""
MAX_DEPTH = 300
"""Levels of nesting; a blend of a blend takes three."""

Encoder = Callable[[Any], Any]


# Typed value -> plain tree


class _NotANumberError(ValueError):
    """NaN or infinity, which JSON cannot hold."""


def _float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise _NotANumberError(str(number))
    return number + 0.0  # -0.0 equals 0.0, so it is written the same


def _text(value: Any) -> str:
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a path with bytes that are no UTF-8
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def _union(options: tuple[Any, ...]) -> Encoder:
    known = [option for option in options if option is not type(None)]
    if all(isinstance(option, type) and issubclass(option, msgspec.Struct) for option in known):
        return lambda value: None if value is None else _struct(value)
    inner = _encoder(known[0])  # the schema has no other unions than X | None
    return lambda value: None if value is None else inner(value)


@functools.cache
def _encoder(kind: Any) -> Encoder:
    """What writes a value of the type ``kind``."""
    origin = typing.get_origin(kind)
    if kind is float:
        return _float
    if kind is bool:
        return bool
    if kind is int:
        return int
    if kind is str or origin is typing.Literal:
        return _text
    if origin is tuple:
        inner = _encoder(typing.get_args(kind)[0])
        return lambda values: [inner(value) for value in values]
    if origin in (typing.Union, types.UnionType):
        return _union(typing.get_args(kind))
    if origin is dict:
        inner = _encoder(typing.get_args(kind)[1])
        return lambda values: {_text(key): inner(value) for key, value in values.items()}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct
    raise TypeError(f"the schema uses a type that cannot be written: {kind}")


@dataclass(frozen=True)
class _Shape:
    tag: dict[str, Any]
    fields: tuple[tuple[str, str, Any, Any], ...]
    omit_defaults: bool
    names: frozenset[str]


_REQUIRED = object()


def _default(info: msgspec.structs.FieldInfo) -> Any:
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    return _REQUIRED


@functools.cache
def _shape(kind: type[msgspec.Struct]) -> _Shape:
    config = kind.__struct_config__
    tag = {} if config.tag is None else {str(config.tag_field): config.tag}
    rows = tuple((info.name, info.encode_name, info.type, _default(info)) for info in msgspec.structs.fields(kind))
    return _Shape(tag, rows, config.omit_defaults, frozenset(tag) | {row[1] for row in rows})


def _struct(value: msgspec.Struct) -> dict[str, Any]:
    shape = _shape(type(value))
    plain: dict[str, Any] = dict(shape.tag)
    for name, key, kind, default in shape.fields:
        inner = getattr(value, name)
        if shape.omit_defaults and default is not _REQUIRED and inner == default:
            continue
        try:
            plain[key] = _encoder(kind)(inner)
        except _NotANumberError:
            # A project that cannot be saved because of one such number would lose everything else.
            log.warning("%s.%s is not a finite number; its default is kept", type(value).__name__, name)
            if default is _REQUIRED:
                plain[key] = 0.0
            elif not shape.omit_defaults:
                plain[key] = _encoder(kind)(default)
    return plain


def to_plain(value: msgspec.Struct) -> dict[str, Any]:
    """A struct as a tree of plain values, canonical (see the module).  StudioError: nested too deeply."""
    try:
        return _struct(value)
    except RecursionError as exc:
        raise _too_deep("This value") from exc


def encode(value: msgspec.Struct) -> bytes:
    """Canonical JSON in UTF-8: equal values give equal bytes."""
    return msgspec.json.encode(to_plain(value))


# Bytes -> plain tree


def _too_deep(what: str) -> StudioError:
    return StudioError(
        f"{what} is nested too deeply.",
        f"More than {MAX_DEPTH} levels (about {MAX_DEPTH // 3} blends inside blends) are refused.",
    )


def depth(tree: Any) -> int:
    """How many containers stand inside one another (0: a plain value)."""
    level, deepest = [tree], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        deepest += 1
        if deepest > MAX_DEPTH:
            break
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return deepest


def parse(data: bytes, what: str) -> dict[str, Any]:
    """JSON bytes that must be an object.  ``what`` begins the sentence of the StudioError."""
    if len(data) > MAX_JSON:
        raise StudioError(f"{what} is too large.", f"At most {MAX_JSON // 2**20} MB are read.")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise StudioError(f"{what} is too large.", f"At most {MAX_VALUES // 1_000_000} million values are read.")
    try:
        tree = msgspec.json.decode(data)
    except RecursionError as exc:
        raise _too_deep(what) from exc
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise StudioError(f"{what} is damaged.", detail=str(exc)) from exc
    if not isinstance(tree, dict):
        raise StudioError(f"{what} is damaged.", "It does not hold what it should.")
    if depth(tree) > MAX_DEPTH:
        raise _too_deep(what)
    return tree


# Unknown keys


@dataclass
class Unknown:
    """The keys that the schema does not know, in the shape of the value that they were found in."""

    keys: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Unknown] = field(default_factory=dict)
    items: list[tuple[int, Any, Unknown]] = field(default_factory=list)
    """Of a list: index, the typed element, what is unknown in it."""
    kind: type | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.fields or self.items)


def unknown_keys(value: Any, raw: Any) -> Unknown:
    """What of ``raw`` the typed ``value`` that was decoded from it does not hold."""
    found = Unknown(kind=type(value))
    if isinstance(value, msgspec.Struct) and isinstance(raw, dict):
        shape = _shape(type(value))
        found.keys = {key: inner for key, inner in raw.items() if key not in shape.names}
        for name, key, _, _ in shape.fields:
            if isinstance(raw.get(key), dict | list) and (inner := unknown_keys(getattr(value, name), raw[key])):
                found.fields[key] = inner
    elif isinstance(value, tuple) and isinstance(raw, list):
        pairs = zip(value, raw, strict=True) if len(value) == len(raw) else _by_id(value, raw)
        for index, (item, raw_item) in enumerate(pairs):
            if isinstance(raw_item, dict | list) and (inner := unknown_keys(item, raw_item)):
                found.items.append((index, item, inner))
    return found


def _by_id(value: tuple[Any, ...], raw: list[Any]) -> list[tuple[Any, Any]]:
    # Some entries could not be read and were left out: the others are known by their ids.
    entries = {entry["id"]: entry for entry in raw if isinstance(entry, dict) and isinstance(entry.get("id"), str)}
    return [(item, entries.get(getattr(item, "id", None))) for item in value]


def _same_element(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if hasattr(a, "id"):
        return bool(a.id == b.id)
    return bool(a == b)


def with_unknown(plain: Any, value: Any, unknown: Unknown) -> Any:
    """Put the unknown keys back into ``plain``, the tree of the (edited) ``value``; returns ``plain``.

    They stay with the field they were in as long as the field holds the same kind of thing; in lists they follow
    the element: by its id, else an equal element, else the one at the same place.
    """
    if type(value) is not unknown.kind:
        return plain
    if isinstance(value, msgspec.Struct):
        shape = _shape(type(value))
        for key, inner in unknown.keys.items():
            plain.setdefault(key, inner)
        for name, key, kind, _ in shape.fields:
            if key in unknown.fields:
                field_value = getattr(value, name)
                if key not in plain:  # it was left out, being the default
                    plain[key] = _encoder(kind)(field_value)
                with_unknown(plain[key], field_value, unknown.fields[key])
    elif isinstance(value, tuple):
        taken: set[int] = set()
        homeless: list[tuple[int, Unknown]] = []
        for index, element, inner in unknown.items:
            places = [index, *range(len(value))] if index < len(value) else range(len(value))
            home = next((i for i in places if i not in taken and _same_element(value[i], element)), None)
            if home is None:
                if not hasattr(element, "id"):  # one with an id was taken away, and its keys with it
                    homeless.append((index, inner))
                continue
            taken.add(home)
            with_unknown(plain[home], value[home], inner)
        for index, inner in homeless:
            if index < len(value) and index not in taken:
                with_unknown(plain[index], value[index], inner)
    return plain


# Plain tree -> session

_WHOLE = {"mix"}
"""States whose fields only make sense together (columns and weights): one broken field resets them all."""


def decode_session(tree: dict[str, Any]) -> tuple[Session, list[str]]:
    """The session in ``tree`` and sentences about everything in it that could not be read (none: all was read).

    A bookmark, gallery picture or other list entry that cannot be read is left out; a broken setting of a panel
    takes its default.  Whoever gets notes must not write over the file.
    """
    try:
        return msgspec.convert(tree, Session), []
    except (msgspec.ValidationError, RecursionError) as exc:
        log.info("session is read piece by piece: %s", exc)
    notes: list[str] = []
    values: dict[str, Any] = {}
    for info in msgspec.structs.fields(Session):
        if info.encode_name not in tree:
            continue
        raw = tree[info.encode_name]
        value, broken = _readable(raw, info.type, whole=info.name in _WHOLE)
        if value is not _REQUIRED:
            values[info.name] = value
        if broken:
            notes.append(_broken_note(info.name, broken, raw))
    return Session(**values), notes


def _convert(raw: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError):
        return _REQUIRED


def _readable(raw: Any, kind: Any, *, whole: bool) -> tuple[Any, list[str]]:
    """The readable part of a field of the session (or ``_REQUIRED``) and the names of what is broken."""
    value = _convert(raw, kind)
    if value is not _REQUIRED:
        return value, []
    if typing.get_origin(kind) is tuple and isinstance(raw, list):
        element = typing.get_args(kind)[0]
        read = [_convert(item, element) for item in raw]
        broken = [str(index) for index, item in enumerate(read) if item is _REQUIRED]
        return tuple(item for item in read if item is not _REQUIRED), broken
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict) and not whole:
        values: dict[str, Any] = {}
        names: list[str] = []
        for info in msgspec.structs.fields(kind):
            if info.encode_name in raw:
                inner = _convert(raw[info.encode_name], info.type)
                if inner is _REQUIRED:
                    names.append(info.encode_name)
                else:
                    values[info.name] = inner
        return kind(**values), names
    return _REQUIRED, ["all"]


_LISTS = {"models": "models", "bookmarks": "bookmarks", "gallery": "gallery pictures"}


def _broken_note(name: str, broken: list[str], raw: Any) -> str:
    if name in _LISTS and isinstance(raw, list):
        return f"{len(broken)} of {len(raw)} {_LISTS[name]} could not be read and are left out."
    if broken == ["all"]:
        return f"The part “{name}” of the project could not be read; it starts fresh."
    return f"Settings of “{name}” could not be read and have their defaults: {', '.join(broken)}."

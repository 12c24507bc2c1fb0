"""Reading a pickle as data.

Python's own unpickler is a machine that calls whatever the file names.  This one has the same instructions and no
means to call anything: a global is a name, a call is a node, an object is a node with its state beside it.  The few
constructors that checkpoints are made of (tensors, arrays, ordered dicts) are given as ``makers``, functions of ours
that turn arguments into plain data.  Long byte strings stay in the file.  Lengths are checked against the file before
anything is allocated, and steps and memory are counted.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Mapping
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob
from studio.checkpoints.limits import INLINE, MAX_INTEGER, MAX_LINE, MAX_NAME, Budget, damaged, plain, too_much
from studio.checkpoints.pickles.nodes import Name, Node, Text

Maker = Callable[[Any], Any]
"""Arguments (a tuple) to plain data."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PACKAGES = _words(
    "os posix nt subprocess importlib ctypes multiprocessing urllib asyncio http shutil webbrowser concurrent"
)
_MODULES = _words(
    "sys builtins __builtin__ posixpath ntpath pty socket runpy imp code codeop _ctypes threading _thread ftplib "
    "smtplib telnetlib commands popen2 signal timeit pdb bdb cProfile profile trace types marshal shelve tempfile "
    "io _io site pydoc zipimport pkgutil linecache gc inspect atexit platform operator _operator nturl2path"
)
"""Modules whose functions no checkpoint needs to call.  Not a defence (nothing is ever called): it lets the person be
told that this file was made to do harm."""

_HARMLESS = frozenset(
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in _words(
        "set frozenset dict list tuple bytearray bytes str int float bool complex slice range object unicode long "
        "getattr type Exception print"
    )
) | _words("types.SimpleNamespace io.BytesIO _io.BytesIO operator.itemgetter operator.attrgetter")


def harmful(name: Name) -> bool:
    """True when calling ``name`` could only be meant to run something."""
    first = name.module.split(".")[0]
    return (first in _PACKAGES or name.module in _MODULES) and str(name) not in _HARMLESS


_Key = str | int | float | bool | bytes | None


class Reader:
    """Bytes of a blob in order, through a small window."""

    def __init__(self, blob: Blob) -> None:
        self.blob, self.at = blob, 0
        self._start = self._end = 0
        self._window = b""

    def read(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        at = self.at
        if at < self._start or at + n > self._end:
            self._start, size = at, max(n, min(1 << 16, self.blob.size - at))
            self._window = self.blob.read(at, size)
            self._end = at + size
        self.at = at + n
        i = at - self._start
        return self._window[i : i + n]

    def line(self) -> bytes:
        """The rest of the line, without its end."""
        out = bytearray()
        while (c := self.read(1)) != b"\n":
            out += c
            if len(out) > MAX_LINE:
                raise too_much("a line of it is too long", f"{MAX_LINE:,} bytes")
        return bytes(out).rstrip(b"\r")

    def later(self, n: int) -> Blob:
        """The next ``n`` bytes, left in the file."""
        part = self.blob.part(self.at, n)
        self.at += n
        return part


class Interpreter:
    """One pickle stream.  ``run`` returns its value; ``foreign`` holds the names of everything that was not made."""

    def __init__(
        self,
        source: Reader,
        budget: Budget,
        makers: Mapping[str, Maker],
        persistent: Callable[[Any], Any] | None = None,
        foreign: dict[str, None] | None = None,
    ) -> None:
        self.source, self.budget, self.makers, self.persistent = source, budget, makers, persistent
        self.foreign: dict[str, None] = {} if foreign is None else foreign
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value of the next pickle in the source."""
        try:
            return self._run()
        except (
            struct.error,
            IndexError,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as exc:
            raise damaged(
                f"its bookkeeping makes no sense at byte {self.source.at:,}", detail=f"{type(exc).__name__}: {exc}"
            ) from exc

    def _run(self) -> Any:
        read, budget, table = self.source.read, self.budget, _TABLE
        while True:
            code = read(1)[0]
            budget.step()
            if code == 0x2E:  # STOP
                if self.marks or len(self.stack) != 1:
                    raise damaged("its bookkeeping ends in the middle")
                return self.stack.pop()
            handler = table.get(code)
            if handler is None:
                raise damaged(f"byte {self.source.at - 1:,} is no instruction that a checkpoint can have")
            handler(self)

    # -- small helpers
    def push(self, value: Any, cost: int = 64) -> None:
        """Put a value on the stack and count it."""
        self.budget.charge(cost)
        self.stack.append(value)

    def pop_mark(self) -> list[Any]:
        """All values since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def number(self, form: str) -> int:
        """A little-endian whole number."""
        value: int = struct.unpack(form, self.source.read(struct.calcsize(form)))[0]
        if value < 0:
            raise damaged("a length in it is negative")
        return value

    def text(self, n: int) -> Any:
        """A text of ``n`` bytes; long ones stay in the file."""
        if n > INLINE:
            return Text(self.source.later(n))
        self.budget.charge(n)
        return self.source.read(n).decode("utf-8", "surrogatepass")

    def data(self, n: int) -> Any:
        """``n`` bytes; long ones stay in the file."""
        if n > INLINE:
            return self.source.later(n)
        self.budget.charge(n)
        return self.source.read(n)

    def old_text(self, n: int) -> Any:
        """A Python 2 string: a text if it is one, else bytes (as if read with latin1)."""
        if n > INLINE:
            return self.source.later(n)
        self.budget.charge(n)
        return self.source.read(n).decode("latin-1")

    def remember(self, index: int) -> None:
        """Keep the top of the stack under a number."""
        self.budget.charge(96)
        self.memo[index] = self.stack[-1]

    def name(self, module: Any, name: Any) -> Name:
        """A global, by name only."""
        if not isinstance(module, str) or not isinstance(name, str) or not module or not name:
            raise damaged("it names something without a name")
        if len(module) + len(name) > MAX_NAME:
            raise too_much("a name in it is too long", f"{MAX_NAME} characters")
        return Name(module, name)

    def call(self, what: Any, args: Any) -> Any:
        """The data that this call stands for, or a node that says what was asked."""
        if isinstance(what, Name):
            full = str(what)
            maker = self.makers.get(full)
            if maker is not None:
                if not isinstance(args, tuple):
                    raise damaged("a call in it has no list of arguments")
                return maker(args)
            if harmful(what):
                raise ModelError(
                    f"This file was refused: it tries to run “{plain(full)}” when it is opened.",
                    "A model has no need of that; it is the mark of a file made to do harm. Nothing was run.",
                    "Do not open it in other programs, and get the model from its author.",
                )
            if len(self.foreign) < 64:
                self.foreign[full] = None
        self.budget.charge(160)
        return Node(what, args)

    def set_items(self, target: Any, flat: list[Any]) -> None:
        """Keys and values into a dict or a node."""
        if len(flat) % 2:
            raise damaged("a table in it has a key without a value")
        self.budget.charge(48 * len(flat))
        table = target.items if isinstance(target, Node) else target
        if type(table) is not dict:
            raise damaged("it fills a table that is none")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            table[_plain_key(key)] = value


def _plain_key(key: Any) -> Any:
    # Hashing a deeply nested tuple recurses in C without end; names and numbers are all that checkpoints use.
    if isinstance(key, _Key | Name):
        return key
    if isinstance(key, tuple) and len(key) <= 8 and all(isinstance(part, _Key) for part in key):
        return key
    raise damaged("a table in it has a key that is neither a name nor a number")


def _extend(vm: Interpreter, items: list[Any]) -> None:
    target = vm.stack[-1]
    vm.budget.charge(16 * len(items))
    if isinstance(target, Node):
        target.elements.extend(items)
    elif type(target) is list:
        target.extend(items)
    else:
        raise damaged("it extends a list that is none")


def _frame(vm: Interpreter) -> None:
    if vm.number("<Q") > vm.source.blob.size - vm.source.at:
        raise damaged("it is cut off")


def _protocol(vm: Interpreter) -> None:
    if vm.source.read(1)[0] > 5:
        raise damaged("it is written in a newer way than any known one")


def _mark(vm: Interpreter) -> None:
    vm.budget.charge(64)
    vm.marks.append(vm.stack)
    vm.stack = []


def _pop(vm: Interpreter) -> None:
    if vm.stack:
        vm.stack.pop()
    else:
        vm.pop_mark()


def _dup(vm: Interpreter) -> None:
    vm.push(vm.stack[-1], 8)


def _decimal(vm: Interpreter) -> None:
    line = vm.source.line()
    if len(line) > 2 * MAX_INTEGER:
        raise too_much("a number in it is too long", f"{MAX_INTEGER} bytes")
    if line in (b"00", b"01"):
        vm.push(line == b"01")
    else:
        vm.push(int(line.rstrip(b"L")))


def _long(vm: Interpreter, form: str) -> None:
    n = vm.number(form)
    if n > MAX_INTEGER:
        raise too_much("a number in it is too long", f"{MAX_INTEGER} bytes")
    vm.push(int.from_bytes(vm.source.read(n), "little", signed=True))


def _quoted(vm: Interpreter) -> None:
    line = vm.source.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"\"'":
        raise damaged("a text in it has no quotes")
    vm.push(codecs.escape_decode(line[1:-1])[0].decode("latin-1"), 64 + len(line))  # type: ignore[attr-defined]


def _raw_unicode(vm: Interpreter) -> None:
    line = vm.source.line()
    vm.push(line.decode("raw-unicode-escape"), 64 + len(line))


def _persid(vm: Interpreter) -> None:
    _persist(vm, vm.source.line().decode("latin-1"))


def _persist(vm: Interpreter, pid: Any) -> None:
    if vm.persistent is None:
        raise damaged("it refers to parts outside itself")
    vm.push(vm.persistent(pid), 96)


def _reduce(vm: Interpreter) -> None:
    args = vm.stack.pop()
    vm.push(vm.call(vm.stack.pop(), args))


def _newobj_ex(vm: Interpreter) -> None:
    kwargs, args, cls = vm.stack.pop(), vm.stack.pop(), vm.stack.pop()
    made = vm.call(cls, args)
    if isinstance(made, Node) and isinstance(kwargs, dict):
        made.items.update(kwargs)
    vm.push(made)


def _obj(vm: Interpreter) -> None:
    items = vm.pop_mark()
    vm.push(vm.call(items[0], tuple(items[1:])))


def _inst(vm: Interpreter) -> None:
    name = vm.name(vm.source.line().decode("utf-8"), vm.source.line().decode("utf-8"))
    vm.push(vm.call(name, tuple(vm.pop_mark())))


def _build(vm: Interpreter) -> None:
    state = vm.stack.pop()
    target = vm.stack[-1]
    if isinstance(target, Node):
        target.set_state(state)
    # Attributes of an ordered dict (torch's `_metadata`) say nothing that is needed.


def _global(vm: Interpreter) -> None:
    vm.push(vm.name(vm.source.line().decode("utf-8"), vm.source.line().decode("utf-8")), 200)


def _stack_global(vm: Interpreter) -> None:
    name, module = vm.stack.pop(), vm.stack.pop()
    vm.push(vm.name(module, name), 200)


def _extension(vm: Interpreter, form: str) -> None:
    vm.push(Name("copyreg", f"extension{vm.number(form)}"), 200)


def _get(vm: Interpreter, index: int) -> None:
    if index not in vm.memo:
        raise damaged("it refers to something that it does not contain")
    vm.push(vm.memo[index], 8)


def _tuple(vm: Interpreter, n: int) -> None:
    if len(vm.stack) < n:
        raise damaged("its bookkeeping makes no sense")
    items = tuple(vm.stack[-n:])
    del vm.stack[-n:]
    vm.push(items)


def _marked_tuple(vm: Interpreter) -> None:
    items = tuple(vm.pop_mark())
    vm.push(items, 64 + 8 * len(items))


def _marked_list(vm: Interpreter) -> None:
    items = vm.pop_mark()
    vm.push(items, 64 + 8 * len(items))


def _marked_dict(vm: Interpreter) -> None:
    items = vm.pop_mark()
    table: dict[Any, Any] = {}
    vm.set_items(table, items)
    vm.push(table)


def _marked_set(vm: Interpreter, name: str) -> None:
    vm.push(Node(Name("builtins", name), elements=vm.pop_mark()), 200)


def _append(vm: Interpreter) -> None:
    _extend(vm, [vm.stack.pop()])


def _set_item(vm: Interpreter) -> None:
    value, key = vm.stack.pop(), vm.stack.pop()
    vm.set_items(vm.stack[-1], [key, value])


def _set_items(vm: Interpreter) -> None:
    items = vm.pop_mark()
    vm.set_items(vm.stack[-1], items)


def _push(make: Callable[[Interpreter], Any]) -> Callable[[Interpreter], None]:
    return lambda vm: vm.push(make(vm))


_TABLE: dict[int, Callable[[Interpreter], None]] = {
    0x28: _mark,
    0x30: _pop,
    0x31: lambda vm: vm.pop_mark().clear(),
    0x32: _dup,
    0x46: _push(lambda vm: float(vm.source.line())),
    0x49: _decimal,
    0x4C: _decimal,
    0x4A: _push(lambda vm: struct.unpack("<i", vm.source.read(4))[0]),
    0x4B: _push(lambda vm: vm.number("<B")),
    0x4D: _push(lambda vm: vm.number("<H")),
    0x4E: _push(lambda _vm: None),
    0x50: _persid,
    0x51: lambda vm: _persist(vm, vm.stack.pop()),
    0x52: _reduce,
    0x53: _quoted,
    0x54: _push(lambda vm: vm.old_text(vm.number("<i"))),
    0x55: _push(lambda vm: vm.old_text(vm.number("<B"))),
    0x56: _raw_unicode,
    0x58: _push(lambda vm: vm.text(vm.number("<I"))),
    0x42: _push(lambda vm: vm.data(vm.number("<I"))),
    0x43: _push(lambda vm: vm.data(vm.number("<B"))),
    0x47: _push(lambda vm: struct.unpack(">d", vm.source.read(8))[0]),
    0x5D: _push(lambda _vm: []),
    0x7D: _push(lambda _vm: {}),
    0x29: _push(lambda _vm: ()),
    0x61: _append,
    0x62: _build,
    0x63: _global,
    0x64: _marked_dict,
    0x65: lambda vm: _extend(vm, vm.pop_mark()),
    0x67: lambda vm: _get(vm, int(vm.source.line())),
    0x68: lambda vm: _get(vm, vm.number("<B")),
    0x6A: lambda vm: _get(vm, vm.number("<I")),
    0x69: _inst,
    0x6C: _marked_list,
    0x6F: _obj,
    0x70: lambda vm: vm.remember(int(vm.source.line())),
    0x71: lambda vm: vm.remember(vm.number("<B")),
    0x72: lambda vm: vm.remember(vm.number("<I")),
    0x73: _set_item,
    0x74: _marked_tuple,
    0x75: _set_items,
    0x80: _protocol,
    0x81: _reduce,  # NEWOBJ: class and arguments, like a call
    0x82: lambda vm: _extension(vm, "<B"),
    0x83: lambda vm: _extension(vm, "<H"),
    0x84: lambda vm: _extension(vm, "<i"),
    0x85: lambda vm: _tuple(vm, 1),
    0x86: lambda vm: _tuple(vm, 2),
    0x87: lambda vm: _tuple(vm, 3),
    0x88: _push(lambda _vm: True),
    0x89: _push(lambda _vm: False),
    0x8A: lambda vm: _long(vm, "<B"),
    0x8B: lambda vm: _long(vm, "<i"),
    0x8C: _push(lambda vm: vm.text(vm.number("<B"))),
    0x8D: _push(lambda vm: vm.text(vm.number("<Q"))),
    0x8E: _push(lambda vm: vm.data(vm.number("<Q"))),
    0x8F: _push(lambda _vm: Node(Name("builtins", "set"))),
    0x90: lambda vm: _extend(vm, vm.pop_mark()),
    0x91: lambda vm: _marked_set(vm, "frozenset"),
    0x92: _newobj_ex,
    0x93: _stack_global,
    0x94: lambda vm: vm.remember(len(vm.memo)),
    0x95: _frame,
    0x96: _push(lambda vm: vm.data(vm.number("<Q"))),
}
"""Every instruction of protocols 0 to 5 but STOP and the two for buffers outside the file."""

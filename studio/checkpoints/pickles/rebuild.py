"""What checkpoints are made of, rebuilt as plain data: tensors, arrays, dicts, and the inert modules around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, MemoryFile
from studio.checkpoints.lazy import ITEM_SIZE, Lazy, check_shape, from_blob, row_major
from studio.checkpoints.limits import MAX_NESTING, Budget, damaged, plain, too_much
from studio.checkpoints.pickles.interpreter import Interpreter, Maker, Reader
from studio.checkpoints.pickles.nodes import Name, Node, NotDense, Text

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
_NUMPY = {
    **{f"f{n}": f"float{8 * n}" for n in (2, 4, 8)},
    **{f"i{n}": f"int{8 * n}" for n in (1, 2, 4, 8)},
    **{f"u{n}": f"uint{8 * n}" for n in (1, 2, 4, 8)},
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}
PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"


@dataclass(eq=False, slots=True)
class Storage:
    """A run of numbers of one kind; ``blob`` is known once the container says where it lies."""

    dtype: str
    count: int
    blob: Blob | None = None
    base: Storage | None = None
    offset: int = 0

    def where(self) -> Blob:
        """Its bytes."""
        item = ITEM_SIZE[self.dtype]
        if self.base is not None:
            if self.base.base is not None:
                raise damaged("a part of it is a part of a part")
            return self.base.where().part(self.offset * item, self.count * item)
        if self.blob is None:
            raise damaged("the numbers of a tensor are missing")
        return self.blob.part(0, self.count * item)


@dataclass(eq=False, slots=True)
class TensorRef:
    """A tensor that the pickle describes."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def lazy(self) -> Lazy:
        """The tensor, checked against the file."""
        return from_blob(self.storage.where(), self.dtype, self.shape, offset=self.offset, strides=self.strides)


class ArrayRef(Node):
    """A numpy array; BUILD brings shape, kind and data."""

    def lazy(self) -> Lazy:
        """The array as a tensor, checked."""
        state = self.state
        if not isinstance(state, tuple) or len(state) != 5:
            raise damaged("an array in it has no data")
        _, shape, kind, fortran, data = state
        if not isinstance(kind, DType):
            raise damaged("an array in it has no kind of number")
        dtype, swapped = kind.numbers()
        shape = check_shape(shape)
        blob = as_blob(data)
        if not blob.encoding and blob.size != ITEM_SIZE[dtype] * _count(shape):
            raise damaged(f"an array of shape {list(shape)} has {blob.size:,} bytes of data")
        strides = tuple(reversed(row_major(tuple(reversed(shape))))) if fortran is True else None
        found = from_blob(blob, dtype, shape, strides=strides, swapped=swapped)
        return found.permute(*self.args) if self.args and self.args != tuple(range(len(shape))) else found


class DType(Node):
    """A numpy kind of number; BUILD brings the byte order."""

    def numbers(self) -> tuple[str, bool]:
        """(torch's name, True when the bytes are in the other order)."""
        code = self.args[0] if self.args else None
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "<"
        if not isinstance(code, str):
            raise damaged("an array in it is of an unknown kind")
        if code[:1] in "<>|=":
            order, code = code[0], code[1:]
        if code not in _NUMPY:
            raise ModelError("An array in this file does not hold plain numbers.", f"Its kind is “{plain(code, 20)}”.")
        return _NUMPY[code], order == ">"


def _not_dense(kind: str) -> Maker:
    return lambda _args: NotDense(_NOT_DENSE.get(kind, kind))


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for size in shape:
        n *= size
    return n


def as_blob(data: Any) -> Blob:
    """Bytes, a Python 2 string or a stretch of the file, as a stretch."""
    if isinstance(data, Blob):
        return data
    if isinstance(data, str):
        data = data.encode("latin-1")
    if not isinstance(data, bytes):
        raise damaged("an array in it has no data")
    return Blob(MemoryFile(data), 0, len(data))


def _whole(*values: Any) -> None:
    if not all(type(v) is int for v in values):
        raise damaged("a tensor in it is described by something that is no number")


class Rebuilder:
    """The makers of one file, with the budget and the list of foreign names that they share."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.foreign: dict[str, None] = {}
        self.depth = 0
        self.makers = self._makers()

    def run(self, source: Reader, persistent: Callable[[Any], Any] | None = None) -> Any:
        """The next pickle of ``source`` as data."""
        return Interpreter(source, self.budget, self.makers, persistent, self.foreign).run()

    def _makers(self) -> dict[str, Maker]:
        out: dict[str, Maker] = {
            "collections.OrderedDict": _ordered,
            "collections.defaultdict": lambda _args: {},
            "collections.Counter": _ordered,
            "dnnlib.util.EasyDict": _ordered,
            "dnnlib.EasyDict": _ordered,
            "argparse.Namespace": lambda args: Node(Name("argparse", "Namespace"), args),
            "omegaconf.dictconfig.DictConfig": lambda args: Node(Name("omegaconf", "DictConfig"), args),
            PERSISTENT: _persistent,
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_v3,
            "torch._utils._rebuild_parameter": _parameter,
            "torch._utils._rebuild_parameter_with_state": _parameter,
            "torch.nn.parameter.Parameter": _parameter,
            "torch._tensor._rebuild_from_type_v2": self._from_type,
            "torch._tensor._rebuild_from_type": self._from_type,
            "torch.Size": lambda args: tuple(args[0]) if args else (),
            "torch.device": lambda args: str(args[0]) if args else "",
            "torch.storage._load_from_bytes": self._nested,
            "numpy.dtype": lambda args: DType(Name("numpy", "dtype"), args),
        }
        for kind in (
            "sparse_tensor",
            "sparse_csr_tensor",
            "qtensor",
            "nested_tensor",
            "meta_tensor_no_storage",
            "wrapper_subclass",
            "device_tensor_from_numpy",
            "device_tensor_from_cpu_tensor",
            "xla_tensor",
        ):
            out[f"torch._utils._rebuild_{kind}"] = _not_dense(kind)
        for copyreg in ("copyreg", "copy_reg"):
            out[f"{copyreg}._reconstructor"] = self._reconstructor
        for core in ("numpy.core", "numpy._core"):
            out[f"{core}.multiarray._reconstruct"] = self._array
            out[f"{core}.multiarray.scalar"] = _scalar
            out[f"{core}.numeric._frombuffer"] = _frombuffer
        out["_codecs.encode"] = _encode
        for module in ("builtins", "__builtin__"):
            out[f"{module}.bytes"] = out[f"{module}.bytearray"] = _bytes
        return out

    def _tensor(self, args: tuple[Any, ...]) -> Any:
        storage, offset, shape, strides = args[:4]
        if isinstance(storage, NotDense):
            return storage
        if not isinstance(storage, Storage):
            raise damaged("a tensor in it has no numbers")
        _whole(offset, *strides)
        self.budget.charge(1000)  # with all that is made of it later
        return TensorRef(storage, storage.dtype, offset, check_shape(shape), tuple(strides))

    def _array(self, args: tuple[Any, ...]) -> ArrayRef:
        self.budget.charge(1200)
        return ArrayRef(Name("numpy", "ndarray"))

    def _tensor_v3(self, args: tuple[Any, ...]) -> Any:
        made = self._tensor(args)
        dtype = args[6] if len(args) > 6 else None
        if isinstance(made, TensorRef):
            if not isinstance(dtype, Name) or dtype.name not in ITEM_SIZE:
                return NotDense(f"of the kind {plain(str(dtype), 40)}")
            made.dtype = dtype.name
            made.storage = Storage("uint8", made.storage.count, made.storage.blob, made.storage.base)
        return made

    def _from_type(self, args: tuple[Any, ...]) -> Any:
        func, inner = args[0], args[2]
        maker = self.makers.get(str(func)) if isinstance(func, Name) else None
        return NotDense("of an unknown kind") if maker is None else maker(inner)

    def _reconstructor(self, args: tuple[Any, ...]) -> Any:
        cls, _base, state = args
        maker = self.makers.get(str(cls)) if isinstance(cls, Name) else None
        if isinstance(state, dict) and maker is _ordered:
            return dict(state)
        made = maker(()) if maker is not None else Node(cls)
        if isinstance(made, Node) and isinstance(state, dict):
            made.items.update(state)
        return made

    def _nested(self, args: tuple[Any, ...]) -> Any:
        from studio.checkpoints.formats.torch_old import read_old_torch

        if self.depth >= MAX_NESTING:
            raise too_much("pickles lie inside pickles inside pickles", f"{MAX_NESTING} of them")
        self.depth += 1
        try:
            return read_old_torch(as_blob(args[0]), self)
        finally:
            self.depth -= 1


_NOT_DENSE = {
    "sparse_tensor": "sparse",
    "sparse_csr_tensor": "sparse",
    "qtensor": "quantised",
    "nested_tensor": "a nested tensor",
    "meta_tensor_no_storage": "without numbers",
}


def _ordered(args: tuple[Any, ...]) -> Any:
    if not args:
        return {}
    if isinstance(args[0], dict):
        return dict(args[0])
    pairs = args[0]
    if isinstance(pairs, list) and all(
        isinstance(p, list | tuple) and len(p) == 2 and isinstance(p[0], str | int) for p in pairs
    ):
        return {key: value for key, value in pairs}  # noqa: C416 - pairs may be lists
    raise damaged("a table in it is made of something else")


def _parameter(args: tuple[Any, ...]) -> Any:
    return args[0]


def _persistent(args: tuple[Any, ...]) -> Any:
    """An object of NVIDIA's: class name and state; the source code beside them is not even decoded."""
    meta = args[0]
    if not isinstance(meta, dict) or not isinstance(meta.get("class_name"), str):
        raise damaged("a network in it has no class")
    return Node(Name("nvidia", meta["class_name"]), (), meta.get("state"))


def _scalar(args: tuple[Any, ...]) -> Any:
    import numpy as np

    if len(args) != 2 or not isinstance(args[0], DType):
        raise damaged("a number in it has no kind")
    dtype, swapped = args[0].numbers()
    data = as_blob(args[1])
    if data.size != ITEM_SIZE[dtype] or data.encoding:
        raise damaged("a number in it is too long or too short")
    raw = data.read()
    return np.frombuffer(raw[::-1] if swapped else raw, dtype)[0].item()


def _frombuffer(args: tuple[Any, ...]) -> Any:
    """Protocol 5: the bytes, kind, shape and order; ``axes`` when the array was stored with its axes turned."""
    data, kind, shape, order = args[:4]
    made = ArrayRef(Name("numpy", "ndarray"))
    made.state = (1, shape, kind, order == "F", data)
    axes = args[4] if len(args) > 4 else None
    if order == "K" and axes is not None:
        _whole(*axes)
        made.args = tuple(axes)
    return made


def _encode(args: tuple[Any, ...]) -> Any:
    """Protocol 2 writes bytes as a text and this call."""
    text, encoding = args
    if encoding not in ("latin1", "latin-1"):
        raise damaged("bytes in it are written in an unknown way")
    if isinstance(text, Text):
        blob = text.blob
        return Blob(blob.file, blob.offset, blob.size, "latin1-utf8")
    return text.encode("latin-1")


def _bytes(args: tuple[Any, ...]) -> Any:
    """Bytes as the oldest protocols write them."""
    return b"" if not args else _encode(args) if len(args) == 2 else as_blob(args[0])


def state_dict_of(node: Node, limit: int = 4096) -> tuple[dict[str, Any], dict[str, Node]]:
    """A pickled module as (its tensors by dotted name, its sub-modules by dotted name).

    Parameters, buffers and modules are found in the state that every torch module has.  Sub-modules that occur twice
    are walked twice, up to ``limit`` of them.
    """
    tensors: dict[str, Any] = {}
    modules: dict[str, Node] = {}
    todo: list[tuple[str, Node]] = [("", node)]
    while todo:
        prefix, at = todo.pop()
        if len(modules) >= limit or prefix.count(".") > 32:
            raise too_much("its modules never seem to end", f"{limit} modules")
        modules[prefix[:-1]] = at
        inside = at.attributes
        for group in ("_parameters", "_buffers"):
            values = inside.get(group)
            if isinstance(values, dict):
                tensors.update({f"{prefix}{k}": v for k, v in values.items() if isinstance(k, str) and v is not None})
        subs = inside.get("_modules")
        if isinstance(subs, dict):
            todo.extend((f"{prefix}{k}.", v) for k, v in subs.items() if isinstance(k, str) and isinstance(v, Node))
    return tensors, modules

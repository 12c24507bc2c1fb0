"""numpy's own files: one array (``.npy``), or several in a zip (``.npz``).  Never the ones that hold pickles."""

from __future__ import annotations

import ast
import zlib

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, MemoryFile, OpenFile
from studio.checkpoints.formats.zips import Entry, read_directory
from studio.checkpoints.lazy import ITEM_SIZE, Lazy, check_shape, from_blob, row_major
from studio.checkpoints.limits import damaged, plain, too_much
from studio.checkpoints.pickles.interpreter import Reader
from studio.checkpoints.pickles.nodes import Name
from studio.checkpoints.pickles.rebuild import DType

MAX_NPY_HEADER = 10_000
"""Bytes; numpy's own limit."""
MAX_UNPACKED = 64 << 20
"""Bytes of one compressed array."""


def read_npy(blob: Blob) -> Lazy:
    """The array in a ``.npy``, left where it is."""
    source = Reader(blob)
    if source.read(6) != b"\x93NUMPY":
        raise damaged("it does not begin as numpy writes it")
    major = source.read(2)[0]
    length = int.from_bytes(source.read(2 if major == 1 else 4), "little")
    if length > MAX_NPY_HEADER:
        raise too_much(f"its header is said to have {length:,} bytes", f"{MAX_NPY_HEADER:,} bytes")
    try:
        header = ast.literal_eval(source.read(length).decode("latin-1").strip())
        code, fortran, shape = header["descr"], header["fortran_order"], check_shape(header["shape"])
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as exc:
        raise damaged("its header is not what numpy writes", detail=str(exc)[:200]) from exc
    if not isinstance(code, str) or "O" in code:
        raise ModelError("This numpy file holds objects, not numbers.", "", "Save it as plain numbers.")
    dtype, swapped = DType(Name("numpy", "dtype"), (code,)).numbers()
    size = ITEM_SIZE[dtype]
    for n in shape:
        size *= n
    data = blob.part(source.at, blob.size - source.at)
    if data.size < size:
        raise damaged(f"an array of shape {list(shape)} has {data.size:,} bytes of data")
    strides = tuple(reversed(row_major(tuple(reversed(shape))))) if fortran is True else None
    return from_blob(data.part(0, size), dtype, shape, strides=strides, swapped=swapped)


def read_npz(file: OpenFile) -> dict[str, Lazy] | None:
    """The arrays of a ``.npz``, or ``None`` if the zip is something else."""
    entries = read_directory(file)
    if not entries or not all(name.endswith(".npy") for name in entries):
        return None
    out: dict[str, Lazy] = {}
    for name, entry in entries.items():
        blob = entry.blob(file) if entry.method == 0 else _unpack(file, entry)
        try:
            out[name.removesuffix(".npy")] = read_npy(blob)
        except ModelError:
            # A pickled note beside the numbers (GANSpace writes such) does not spoil them.
            continue
    return out


def _unpack(file: OpenFile, entry: Entry) -> Blob:
    """A compressed array.  Numbers hardly shrink; what unpacks to more than four times its size is no array."""
    if entry.method != 8:
        raise damaged(f"its part “{plain(entry.name, 40)}” is packed in an unknown way")
    if entry.size > min(MAX_UNPACKED, 4 * entry.packed + 4096):
        raise too_much(
            f"“{plain(entry.name, 40)}” unpacks from {entry.packed:,} to {entry.size:,} bytes",
            f"four times its size and {MAX_UNPACKED >> 20} MB",
        )
    stored = Entry(entry.name, 0, entry.packed, entry.packed, entry.header).blob(file)
    unpacker = zlib.decompressobj(-15)
    try:
        data = unpacker.decompress(stored.read(), entry.size + 1)
    except zlib.error as exc:
        raise damaged(f"its part “{plain(entry.name, 40)}” cannot be unpacked") from exc
    if len(data) != entry.size:
        raise damaged(f"its part “{plain(entry.name, 40)}” is longer or shorter than it says")
    return Blob(MemoryFile(data), 0, len(data))

"""safetensors, read and written in a stream: a header of names, shapes and places, then the numbers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, OpenFile
from studio.checkpoints.lazy import ITEM_SIZE, Lazy, check_shape, from_blob
from studio.checkpoints.limits import MAX_ENTRIES, MAX_HEADER, damaged, plain, too_much

_KINDS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
    "C64": "complex64",
}
_NAMES = {v: k for k, v in _KINDS.items()}


def looks_like_safetensors(head: bytes) -> bool:
    """Eight bytes of length, then the beginning of a JSON object."""
    return len(head) > 9 and head[8:9] == b"{" and head[9:10] in b'" }\n\r\t'


def read_safetensors(file: OpenFile) -> tuple[dict[str, Lazy], dict[str, str]]:
    """(tensors by name, metadata).  The places must cover the file exactly, without holes and without overlaps."""
    if file.size < 10:
        raise damaged("it is too short to hold anything")
    length = int.from_bytes(file.read(0, 8), "little")
    if length > MAX_HEADER:
        raise too_much(f"its header is said to have {length:,} bytes", f"{MAX_HEADER:,} bytes")
    if 8 + length > file.size:
        raise damaged(f"its header is said to have {length:,} bytes, the file has {file.size:,}")
    header = _parse(file.read(8, length), file.size)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise damaged("the notes in its header are not text")
    data = Blob(file, 8 + length, file.size - 8 - length)
    places: list[tuple[int, int, str]] = []
    out: dict[str, Lazy] = {}
    for name, entry in header.items():
        dtype, shape, begin, end = _entry(name, entry)
        size = ITEM_SIZE[dtype]
        for n in shape:
            size *= n
        if end - begin != size:
            raise damaged(f"“{plain(name, 40)}” takes {size:,} bytes by its shape and {end - begin:,} by its place")
        places.append((begin, end, name))
        out[name] = from_blob(data.part(begin, size), dtype, shape)
    at = 0
    for begin, end, name in sorted(places):
        if begin != at:
            raise damaged(f"“{plain(name, 40)}” does not begin where the tensor before it ends")
        at = end
    if at != data.size:
        raise damaged(f"its tensors take {at:,} bytes and it has {data.size:,}")
    return out, metadata


def _parse(raw: bytes, size: int) -> dict[str, Any]:
    # A header of brackets and commas unfolds into far more memory than it takes itself.
    pieces = raw.count(b",") + raw.count(b"{") + raw.count(b"[")
    if pieces > 20 * MAX_ENTRIES or pieces * 250 > (16 << 20) + size // 2:
        raise too_much(f"its header lists {pieces:,} things", f"what {MAX_ENTRIES:,} tensors need")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            raise damaged("two of its tensors have the same name")
        return table

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as exc:
        raise damaged("its header is not what safetensors writes", detail=str(exc)[:200]) from exc
    if not isinstance(header, dict):
        raise damaged("its header is not what safetensors writes")
    if len(header) > MAX_ENTRIES:
        raise too_much(f"it has {len(header):,} tensors", f"{MAX_ENTRIES:,} tensors")
    return header


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
        raise damaged(f"“{plain(name, 40)}” is not described")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _KINDS:
        raise ModelError(
            "A tensor in this file is of an unknown kind.", f"“{plain(name, 40)}” is “{plain(entry['dtype'], 20)}”."
        )
    places = entry["data_offsets"]
    if not isinstance(places, list) or len(places) != 2 or not all(type(n) is int and n >= 0 for n in places):
        raise damaged(f"“{plain(name, 40)}” lies nowhere")
    return _KINDS[entry["dtype"]], check_shape(entry["shape"]), places[0], places[1]


def write_safetensors(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Write ``tensors`` (name -> torch tensor on the CPU) to ``path``, whole or not at all.

    Yields (bytes written, "") and at the end (size, sha256 of the file).  The file appears under its name only when
    it is complete and on the disk.
    """
    import torch

    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    # Large numbers first keeps every tensor aligned to its own size.
    order = sorted(tensors, key=lambda k: (-tensors[k].element_size(), k))
    for name in order:
        t = tensors[name]
        size = t.numel() * t.element_size()
        kind = _NAMES[str(t.dtype).removeprefix("torch.")]
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    temporary = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    done = 0
    try:
        with temporary.open("wb") as out:
            done += _put(out, len(head).to_bytes(8, "little") + head, digest)
            for name in order:
                t = tensors[name].detach().contiguous().reshape(-1)
                if t.numel():
                    done += _put(out, memoryview(t.view(torch.uint8).numpy()), digest)
                yield done, ""
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    yield done, digest.hexdigest()


def _put(out: BinaryIO, data: bytes | memoryview, digest: Any) -> int:
    out.write(data)
    digest.update(data)
    return len(data)

"""torch's own format before 1.6: a row of pickles, then the numbers.  Also what lies inside NVIDIA's pickles."""

from __future__ import annotations

from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob
from studio.checkpoints.lazy import ITEM_SIZE
from studio.checkpoints.limits import MAX_ENTRIES, damaged, plain, too_much
from studio.checkpoints.pickles.interpreter import Reader
from studio.checkpoints.pickles.nodes import Name, NotDense
from studio.checkpoints.pickles.rebuild import STORAGES, Rebuilder, Storage

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def storage_kind(kind: Any) -> str | NotDense:
    """The kind of number of a storage class, by its name."""
    name = kind.name if isinstance(kind, Name) else ""
    if name in STORAGES:
        return STORAGES[name]
    return NotDense("quantised" if name.startswith("Q") else f"of the kind “{plain(name, 40)}”")


def read_old_torch(blob: Blob, rebuild: Rebuilder) -> Any:
    """The value in an old torch stream; its tensors point into ``blob``."""
    source = Reader(blob)
    if rebuild.run(source) != _NUMBER or rebuild.run(source) != _VERSION:
        raise damaged("it does not begin as torch writes it")
    system = rebuild.run(source)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ModelError(
            "This checkpoint was written on a machine with another byte order.", "", "Save it again on a PC or a Mac."
        )
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Any:
        if not isinstance(pid, tuple) or not pid:
            raise damaged("it refers to a part in an unknown way")
        if pid[0] == "module":
            return pid[1] if len(pid) > 1 else None
        if pid[0] != "storage" or len(pid) < 5:
            raise damaged("it refers to a part in an unknown way")
        kind, key, count = storage_kind(pid[1]), pid[2], pid[4]
        view = pid[5] if len(pid) > 5 else None
        if isinstance(kind, NotDense):
            return kind
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise damaged("the numbers of a tensor are described by something else")
        if key not in storages:
            if len(storages) >= MAX_ENTRIES:
                raise too_much("it has too many tensors", f"{MAX_ENTRIES:,} tensors")
            rebuild.budget.charge(300)
            storages[key] = Storage(kind, count)
        base = storages[key]
        if view is None:
            return base
        _, offset, size = view
        if type(offset) is not int or type(size) is not int or offset < 0 or size < 0:
            raise damaged("a part of a tensor is described by something else")
        return Storage(base.dtype, size, base=base, offset=offset)

    value = rebuild.run(source, persistent)
    keys = rebuild.run(source)
    if not isinstance(keys, list):
        raise damaged("its list of tensors is missing")
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None or storage.blob is not None:
            raise damaged("its list of tensors does not fit its tensors")
        count = int.from_bytes(source.read(8), "little", signed=True)
        if count != storage.count:
            raise damaged(f"a tensor of {storage.count:,} numbers has {count:,} numbers of data")
        storage.blob = source.later(count * ITEM_SIZE[storage.dtype])
    if any(s.blob is None for s in storages.values()):
        raise damaged("the numbers of a tensor are missing")
    return value

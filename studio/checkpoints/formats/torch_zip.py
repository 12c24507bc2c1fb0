"""torch's format since 1.6: a zip whose ``data.pkl`` describes tensors and whose other parts are their numbers."""

from __future__ import annotations

from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, OpenFile
from studio.checkpoints.formats.torch_old import storage_kind
from studio.checkpoints.formats.zips import Entry, read_directory
from studio.checkpoints.lazy import ITEM_SIZE
from studio.checkpoints.limits import damaged
from studio.checkpoints.pickles.interpreter import Reader
from studio.checkpoints.pickles.nodes import NotDense
from studio.checkpoints.pickles.rebuild import Rebuilder, Storage

_EXPORTED = ("serialized_exported_program.json", "archive_format", "aotinductor", "models/model.json")


def read_torch_zip(file: OpenFile, rebuild: Rebuilder) -> Any:
    """The value in a torch zip; its tensors point into the file."""
    entries = read_directory(file)
    prefix = _data_folder(entries)

    def stored(name: str) -> Blob:
        entry = entries.get(prefix + name)
        if entry is None:
            raise damaged(f"its part “{name[:40]}” is missing")
        return entry.blob(file)

    if prefix + "byteorder" in entries and stored("byteorder").size < 16 and stored("byteorder").read() != b"little":
        raise ModelError(
            "This checkpoint was written on a machine with another byte order.", "", "Save it again on a PC or a Mac."
        )
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise damaged("it refers to a part in an unknown way")
        kind, key, count = storage_kind(pid[1]), pid[2], pid[4]
        if isinstance(kind, NotDense):
            return kind
        if isinstance(key, int):
            key = str(key)
        if not isinstance(key, str) or type(count) is not int or count < 0:
            raise damaged("the numbers of a tensor are described by something else")
        if key not in storages:
            blob = stored(f"data/{key}")
            if blob.size < count * ITEM_SIZE[kind]:
                raise damaged(f"a tensor of {count:,} numbers has {blob.size:,} bytes of data")
            rebuild.budget.charge(300)
            storages[key] = Storage(kind, count, blob)
        return storages[key]

    return rebuild.run(Reader(stored("data.pkl")), persistent)


def _data_folder(entries: dict[str, Entry]) -> str:
    """The folder that holds ``data.pkl``, or the refusal of what this zip is instead."""
    names = list(entries)
    if any(n.endswith(tail) or f"/{tail}" in f"/{n}" for n in names for tail in _EXPORTED):
        raise ModelError(
            "This is an exported program (.pt2), which contains code to run.",
            "Latent Studio never runs the code in a model file.",
            "Ask its author for the weights as a state dict or as safetensors.",
        )
    if any(n.endswith("/constants.pkl") or "/code/" in n for n in names):
        raise ModelError(
            "This is a TorchScript file, which contains a program to run.",
            "Latent Studio never runs the code in a model file.",
            "Ask its author for the weights as a state dict or as safetensors.",
        )
    found = [n for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(found) == 1 and found[0].count("/") <= 1:
        return found[0][: -len("data.pkl")]
    if found:
        raise damaged("it contains more than one checkpoint's bookkeeping")
    ends = {n.rsplit(".", 1)[-1].lower() for n in names if "." in n}
    what = "This zip file is not a checkpoint."
    if "session.json" in names and "manifest.json" in names:
        raise ModelError("This is a Latent Studio project, not a model.", "", "Open it with File, Open project.")
    if names and ends == {"npy"}:
        raise ModelError("This is a numpy archive (.npz), not a generator.", "", "Directions are opened in Explore.")
    if ends & {"safetensors", "pt", "pth", "pkl", "ckpt"}:
        raise ModelError(what, "It contains model files.", "Unpack it and choose the model file inside.")
    if ends & {"png", "jpg", "jpeg", "webp"}:
        raise ModelError(what, "It contains pictures.", "Use it as training data instead.")
    if ends & {"h5", "keras"}:
        raise ModelError(what, "It is a Keras model.", "Latent Studio reads PyTorch checkpoints and safetensors.")
    raise ModelError(what, "It has none of the parts that torch writes.", "Choose a .pt, .pth, .pkl or .safetensors.")

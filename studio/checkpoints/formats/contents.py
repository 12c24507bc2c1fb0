"""A model file as plain data, whatever its container."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, OpenFile
from studio.checkpoints.formats.safetensors import read_safetensors
from studio.checkpoints.formats.sniff import sniff
from studio.checkpoints.formats.torch_old import read_old_torch
from studio.checkpoints.formats.torch_zip import read_torch_zip
from studio.checkpoints.limits import Budget, damaged, plain
from studio.checkpoints.pickles.interpreter import Reader
from studio.checkpoints.pickles.rebuild import Rebuilder


@dataclass(eq=False, slots=True)
class Contents:
    """What was in the file; tensors are still in it."""

    container: str
    root: Any
    metadata: dict[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    """Names of code that the file asks for; left inert."""


def read_contents(file: OpenFile) -> Contents:
    """Read ``file`` by its content.  Raises :class:`ModelError` for everything that is no sound checkpoint."""
    kind = sniff(file)
    if kind == "safetensors":
        tensors, metadata = read_safetensors(file)
        return Contents("safetensors", tensors, metadata)
    if kind == "npy":
        raise ModelError("This is a numpy array (.npy), not a generator.", "", "Directions are opened in Explore.")
    rebuild = Rebuilder(Budget(file.size))
    whole = Blob(file, 0, file.size)
    if kind == "zip":
        container, root = "torch", read_torch_zip(file, rebuild)
    elif kind == "torch_old":
        container, root = "torch (old)", read_old_torch(whole, rebuild)
    else:
        source = Reader(whole)
        container, root = "pickle", rebuild.run(source)
        if file.size - source.at > 64:
            raise damaged(f"{file.size - source.at:,} bytes follow after its end")
    for name in rebuild.foreign:
        packer = name.split(".")[0]
        if packer in ("cloudpickle", "dill"):
            raise ModelError(
                f"This file contains a program, packed with {packer}.",
                "Latent Studio never runs the code in a model file.",
                "Ask its author for the weights as a state dict or as safetensors.",
            )
    return Contents(container, root, {}, tuple(plain(name) for name in rebuild.foreign))

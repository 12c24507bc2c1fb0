"""What the machine has: devices, memory, threads.  torch is imported inside the functions.

A device is named as torch names it (``cpu``, ``cuda:0``, ``mps``); ``auto`` is a wish, answered by :func:`choose`.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.base.errors import ResourceError

DeviceKind = Literal["cpu", "cuda", "mps"]
GB = 1 << 30


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device to work on.  ``memory`` in bytes (0: not known)."""

    id: str
    name: str
    kind: DeviceKind
    memory: int


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes used and bytes there are, of the device that counts (the graphics card's, else the machine's)."""

    used: int
    total: int


def available_devices() -> list[DeviceInfo]:
    """The devices of this machine, best first; the processor is always the last one."""
    import torch

    found: list[DeviceInfo] = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(DeviceInfo(f"cuda:{index}", properties.name, "cuda", int(properties.total_memory)))
    if torch.backends.mps.is_available():
        found.append(DeviceInfo("mps", "Apple GPU", "mps", _machine_memory()))
    found.append(DeviceInfo("cpu", _processor_name(), "cpu", _machine_memory()))
    return found


def choose(wish: str = "auto") -> str:
    """The torch name of the wished device; ``auto`` takes the best.  :class:`ResourceError` when it is not there."""
    devices = available_devices()
    if wish in ("", "auto"):
        return devices[0].id
    known = {device.id for device in devices}
    name = "cuda:0" if wish == "cuda" else wish
    if name not in known:
        raise ResourceError(
            f"There is no device “{wish}” on this machine.",
            f"It has {', '.join(sorted(known))}.",
            "Choose another device in the settings.",
        )
    return name


def memory_use(device: str = "cpu") -> MemoryUse:
    """What is used now: on CUDA everything in use on the card, elsewhere this program's resident memory.

    Zeros for a card that does not answer any more.
    """
    if device.startswith("cuda"):
        import torch

        try:
            free, total = torch.cuda.mem_get_info(device)
        except RuntimeError:
            return MemoryUse(0, 0)
        return MemoryUse(int(total - free), int(total))
    import psutil

    return MemoryUse(int(psutil.Process().memory_info().rss), _machine_memory())


def model_budget(device: str) -> int:
    """Bytes for loaded models unless the person says otherwise: half of a card, a quarter of the machine's memory."""
    if device.startswith("cuda"):
        return memory_use(device).total // 2
    return min(max(GB, _machine_memory() // 4), 16 * GB)


def empty_cache(device: str) -> None:
    """Give the allocator's reserve back to the device."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def usable_cores() -> int:
    """Processor cores that this program may use (affinity and containers respected)."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def set_threads() -> int:
    """Let torch use the physical cores, one less when there are more than four so that the window keeps one; the count.

    ``OMP_NUM_THREADS`` in the environment is respected.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        import psutil

        cores = min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())
        torch.set_num_threads(cores - 1 if cores > 4 else cores)
    return torch.get_num_threads()


@functools.cache
def _machine_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _processor_name() -> str:
    return platform.processor() or platform.machine() or "CPU"


def load_torch() -> None:
    """Import torch so that the window's thread goes on meanwhile.

    ``import`` maps the libraries (hundreds of megabytes) while it holds Python's lock, which freezes every other
    thread: 137 ms measured with warm files, seconds with cold ones.  A foreign call does not hold the lock, so they are
    mapped by one before.  Windows needs none of this: there torch maps them by foreign calls itself.
    """
    if "torch" not in sys.modules and os.name == "posix":
        spec = importlib.util.find_spec("torch")
        for root in (spec.submodule_search_locations or ()) if spec is not None else ():
            _map_libraries(Path(root) / "lib", ("c10", "torch_cpu", "torch", "torch_python"))
    import torch  # noqa: F401


def _map_libraries(folder: Path, names: tuple[str, ...]) -> None:
    import ctypes

    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for name in names:
        library = folder / f"lib{name}.{suffix}"
        if library.is_file():
            dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)  # a failure is told by the import that follows

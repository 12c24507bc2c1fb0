"""Which precision this machine is fast in: measured at start-up, not assumed."""

from __future__ import annotations

import time
from functools import cache

import torch
import torch.nn.functional as F

WORTH = 1.3
"""Half precision must be this much faster than float32 to be chosen."""


def probe_dtype(device: str | torch.device) -> torch.dtype:
    """The faster precision for convolutions on ``device``: float32, bfloat16 (CPU) or float16 (CUDA, MPS).

    Measured once for each device and remembered; takes a few hundredths of a second.
    """
    return _probe(str(torch.device(device)))


@cache
def _probe(device: str) -> torch.dtype:
    kind = torch.device(device).type
    half = torch.bfloat16 if kind == "cpu" else torch.float16
    if kind == "cpu" and not _bf16_convolutions():
        return torch.float32
    try:
        slow, fast = _seconds(device, torch.float32), _seconds(device, half)
    except (RuntimeError, NotImplementedError):
        return torch.float32
    return half if slow > WORTH * fast else torch.float32


def _bf16_convolutions() -> bool:
    """Whether oneDNN has bfloat16 convolutions for this CPU; without it torch falls back to very slow loops."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def has_matrix_unit() -> bool:
    """Whether the CPU multiplies bfloat16 matrices in hardware tiles (AMX): multiplications are then nearly free,
    and the polyphase form, which has four times as many and no second pass over memory, is the faster one."""
    asked = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(asked()) if asked is not None else False


def _seconds(device: str, dtype: torch.dtype) -> float:
    """Best time of a small layer: convolution, leaky ReLU."""
    with torch.no_grad():
        x = torch.ones(1, 96, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        w = torch.full((96, 96, 3, 3), 0.01, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        best = float("inf")
        for i in range(5):
            begin = time.perf_counter()
            for _ in range(1 if device == "cpu" else 10):
                F.leaky_relu_(F.conv2d(x, w, padding=1), 0.2)
            _wait(device)
            taken = time.perf_counter() - begin
            if i:  # the first one compiles or chooses a kernel
                best = min(best, taken)
            elif taken > 0.3:
                return taken
    return best


def _wait(device: str) -> None:
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()

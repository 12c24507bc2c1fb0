"""Which precision this machine is fast in: measured at start-up, not assumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F

WORTH = 1.3
"""Half precision must be this much faster than float32 to be chosen."""

ROUNDS = 12
PATIENCE = 0.4
"""Seconds after which the probe decides by what it has seen; a clear case takes a few hundredths."""


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
    slow = fast = float("inf")
    begin = time.perf_counter()
    threads = torch.get_num_threads()
    if kind == "cpu":
        torch.set_num_threads(1)  # waiting for threads of a busy machine would drown what is measured
    try:
        for _ in range(ROUNDS):  # in turns, and the best of each: other work on the machine must not decide
            slow = min(slow, _seconds(device, torch.float32))
            fast = min(fast, _seconds(device, half))
            if slow > 2 * WORTH * fast or time.perf_counter() - begin > PATIENCE:
                break
    except (RuntimeError, NotImplementedError):
        return torch.float32
    finally:
        if kind == "cpu":
            torch.set_num_threads(threads)
    return half if slow > WORTH * fast else torch.float32


def _clock(device: str) -> Callable[[], float]:
    """This thread's own processor time where the system counts it finely, else the time on the wall."""
    own = torch.device(device).type == "cpu" and time.get_clock_info("thread_time").resolution < 1e-4
    return time.thread_time if own else time.perf_counter


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
    """Time of a small layer: convolution, leaky ReLU.  The first run, which chooses kernels, is not counted."""
    repeat, now = (2 if device == "cpu" else 10), _clock(device)
    with torch.no_grad():
        x = torch.ones(1, 96, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        w = torch.full((96, 96, 3, 3), 0.01, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        F.leaky_relu_(F.conv2d(x, w, padding=1), 0.2)
        _wait(device)
        begin = now()
        for _ in range(repeat):
            F.leaky_relu_(F.conv2d(x, w, padding=1), 0.2)
        _wait(device)
        return (now() - begin) / repeat


def _wait(device: str) -> None:
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()

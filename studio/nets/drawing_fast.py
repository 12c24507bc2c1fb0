"""The prepared form of an autoencoder: its decoder in half precision where this machine is faster in it.

Only the decoder: where a picture lies in latent space must not depend on how quickly it is drawn.  Used only when it is
measured to draw the same picture (:data:`FAITHFUL`); otherwise the plain network is used as it is.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.base.steps import Steps
from studio.nets.roles import Autoencoder
from studio.nets.stylegan2_fast_probe import probe_dtype

log = logging.getLogger(__name__)

FAITHFUL = 45.0
"""dB of PSNR that the prepared form must keep; the peak is four standard deviations of the plain picture."""

LIGHT = 0.025
"""Seconds of one processor core for a picture, below which one core draws it: several would mostly wait for each other
(on a busy computer for long), and the window needs one itself."""

TRIED = 8
"""Places on a side of the spatial latent that is tried."""


class FastAutoencoder(nn.Module):
    """``exact`` with a decoder in ``dtype`` and channels last; ``encode`` is that of ``exact``."""

    def __init__(self, exact: Autoencoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.exact = cast(Any, exact)
        self.dtype = dtype
        self.spatial, self.factor = exact.spatial, exact.factor
        self.resolution, self.latent_dim = exact.resolution, exact.latent_dim
        # The encoder is not copied: nobody asks the prepared form for it.
        encoder = getattr(exact, "encoder", None)
        swift = copy.deepcopy(exact, {} if encoder is None else {id(encoder): None})
        self.light = False
        self.swift = cast(Any, swift).to(dtype=dtype, memory_format=torch.channels_last).eval().requires_grad_(False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As the plain network."""
        found: tuple[Tensor, Tensor] = self.exact.encode(x)
        return found

    def decode(self, z: Tensor) -> Tensor:
        """``z`` to pictures, float32."""
        with one_core() if self.light else nullcontext():
            picture: Tensor = self.swift.decode(z.to(self.dtype)).float()
        return picture

    def decode_steps(self, z: Tensor, tile: int) -> Steps[Tensor]:
        """:meth:`decode` tile by tile, where the plain network can."""
        picture: Tensor = yield from self.swift.decode_steps(z.to(self.dtype), tile)
        return picture.float()


def prepared(net: Autoencoder) -> Autoencoder:
    """The fast form of an autoencoder, or the network itself where nothing is gained or the picture would differ."""
    device = next(iter(cast(nn.Module, net).parameters())).device
    wished = probe_dtype(device)
    if wished is torch.float32 and (device.type != "cpu" or seconds(net) > LIGHT):
        return net
    # float16 overflows in some decoders; a light one in float32 gains by its layout and by its one core.
    choices = [wished, torch.bfloat16] if wished is torch.float16 else [wished]
    for dtype in choices:
        try:
            fast = FastAutoencoder(net, dtype)
            quality = agreement(net, fast)
        except (RuntimeError, NotImplementedError) as exc:
            log.info("%s does not decode in %s: %s", type(net).__name__, dtype, exc)
            continue
        if quality >= FAITHFUL:
            fast.light = device.type == "cpu" and seconds(fast) <= LIGHT
            return fast
        log.info("%s in %s is only %.1f dB like itself and stays in float32", type(net).__name__, dtype, quality)
    return net


@contextmanager
def one_core() -> Iterator[None]:
    """One thread for what is small; this thread's setting is put back afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def seconds(net: Autoencoder) -> float:
    """Time of one core for one picture of the size that the network is at home with; the best of three after the first.

    Processor time of this thread where it is counted finely, so that other work on the machine does not decide.
    """
    clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-4 else time.perf_counter
    places = net.resolution // net.factor if net.spatial else 0
    z = torch.zeros(1, net.latent_dim, *((places, places) if net.spatial else ()))
    taken = []
    with one_core(), torch.no_grad():
        for _ in range(4):
            begin = clock()
            net.decode(z)
            taken.append(clock() - begin)
            if taken[-1] > 20 * LIGHT:  # a heavy one shows at once
                break
    return min(taken[1:] or taken)


def agreement(net: Autoencoder, fast: Autoencoder) -> float:
    """PSNR in dB of ``fast`` against ``net`` on four draws from N(0, 1), the lowest of them (-inf for no numbers)."""
    device = next(iter(cast(nn.Module, net).parameters())).device
    shape = (net.latent_dim, TRIED, TRIED) if net.spatial else (net.latent_dim,)
    gen = torch.Generator().manual_seed(0)
    lowest = math.inf
    with torch.no_grad():
        for _ in range(4):
            z = torch.randn(1, *shape, generator=gen).to(device)
            plain, other = net.decode(z), fast.decode(z)
            if not torch.isfinite(other).all():
                return -math.inf
            error = float((plain - other).double().square().mean())
            peak = 4 * float(plain.double().std())
            lowest = min(lowest, 10 * math.log10(max(1e-30, peak**2) / max(1e-30, error)))
    return lowest

"""Translators and upscalers against plain float32: live frames per second, and 4096 px in tiles.

    python -m benchmarks.translate [--sizes 128,256] [--huge 4096] [--whole] [--nets unet,resnet] [--cpu]

"plain" is the network as its authors have it: float32, NCHW, one pass over the whole picture.  "fast" and "exact" are
what the studio uses.  unet: pix2pix' U-Net 256 (ngf 64, batch norm with the picture's own statistics); resnet:
CycleGAN's with 9 blocks (ngf 64, instance norm), both with random weights; and the networks that come with the program.
Each measurement is a process of its own; memory is what it holds at its peak above what it held before.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.style import _Peak

SECONDS = 3.0
"""Of repeating a live picture."""
KNOWN = ("unet", "resnet")
FOLDER = "STUDIO_BENCH_FOLDER"
"""Where the pictures of the single measurements lie until they are compared."""


def _clock() -> float:
    """Seconds; of the processor instead of the wall clock when the machine is busy with other things."""
    return time.process_time() if os.environ.get("STUDIO_BENCH_CPU") else time.perf_counter()


def _net(name: str) -> Any:
    """A network by its name, plain."""
    import torch

    if name not in KNOWN:
        from studio.engine.context import Context

        ctx = Context(device="cpu")
        card = next(c for c in ctx.library.entries() if c.name == name)
        return ctx.network(card, (card.role,), "exact")
    from studio.nets.resnet_generator import ResNetGenerator
    from studio.nets.unet_generator import UNetGenerator

    torch.manual_seed(0)
    net: Any = UNetGenerator(dropout=False) if name == "unet" else ResNetGenerator()
    for weight in net.parameters():
        if weight.ndim == 4:
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    return net.eval().requires_grad_(False)


def _embedded() -> list[tuple[str, str]]:
    """(name, role) of what comes with the program."""
    from studio.engine.context import Context

    return [(c.name, c.role) for c in Context(device="cpu").library.entries() if c.role in ("translator", "upscaler")]


def _picture(side: int) -> Any:
    """``[1, 3, side, side]`` in [-1, 1]: waves, a disc, a little noise."""
    import torch

    gen = torch.Generator().manual_seed(1)
    row = torch.linspace(-1, 1, side)
    waves = torch.sin(7 * row[:, None] + torch.arange(3.0)[:, None, None]) * torch.cos(5 * row[None, :])
    disc = (row[:, None].square() + row[None, :].square() < 0.3).float()
    return (0.6 * waves + 0.3 * disc + 0.05 * torch.randn(3, side, side, generator=gen)).clamp(-1, 1)[None]


def _form(name: str, how: str) -> Any:
    """The network in one form, as a function of a picture."""
    net = _net(name)
    if hasattr(net, "upscale"):
        from studio.nets import upscaler_fast

        larger = upscaler_fast.prepared(net) if how == "fast" else net
        return lambda x: larger.upscale(x / 2 + 0.5)
    from studio.nets import translator_fast

    other = translator_fast.prepared(net) if how == "fast" else net
    return lambda x: other.translate(x, "own")


def live(name: str, side: int, how: str, seconds: float) -> dict[str, Any]:
    """Milliseconds of one picture after the other: median and 95th percentile."""
    import torch

    call, x, times = _form(name, how), _picture(side), []
    with torch.no_grad():
        y = call(x)
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            begun = _clock()
            call(x)
            times.append(1000 * (_clock() - begun))
    times.sort()
    return {
        "ms": times[len(times) // 2],
        "p95": times[int(0.95 * len(times))],
        "picture": _save(y, f"{name}{side}{how}"),
    }


def tiled(name: str, side: int, how: str, tile: int) -> dict[str, Any]:
    """A large picture: seconds, the longest step, peak memory.  ``plain`` is one pass over the whole of it."""
    import numpy as np
    import torch

    call, x = _form(name, how), _picture(side)
    small = _picture(64)
    with torch.no_grad():
        call(small)
    net = _net(name)
    pixels = ((x[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    del x
    peak, begun, longest = _Peak(), _clock(), 0.0
    if how == "plain":
        given = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            out = ((call(given)[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    else:
        if how == "fast":
            from studio.nets import translator_fast

            net = translator_fast.prepared(net)
        steps, last = net.translate_steps(pixels, "own", tile=tile), time.perf_counter()
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                out = stop.value
                break
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
    seconds = _clock() - begun
    y = torch.from_numpy(out[::8, ::8].astype(np.float32) / 127.5 - 1)
    return {"seconds": seconds, "longest": longest, "peak": peak.stop(), "picture": _save(y, f"{name}{side}{how}")}


def _save(x: Any, name: str) -> str:
    import numpy as np

    path = f"{os.environ[FOLDER]}/{name}.npy"
    np.save(path, x.float().numpy())
    return path


def _psnr(a: str, b: str, peak: float = 2.0) -> float:
    import numpy as np

    apart = float(np.mean((np.load(a) - np.load(b)) ** 2))
    return 99.0 if apart <= 1e-12 else 10 * math.log10(peak**2 / apart)


def _apart(what: str, *rest: Any) -> dict[str, Any]:
    """One measurement in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.translate", "--one", json.dumps([what, *rest])],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="128,256")
    parser.add_argument("--nets", default="", help="names, divided by commas (default: all)")
    parser.add_argument("--huge", type=int, default=4096, help="side of the picture in tiles (0: none)")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--whole", action="store_true", help="the plain network over the whole large picture too")
    parser.add_argument("--upscale", type=int, default=512, help="side of the picture that is enlarged (0: none)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each live picture is repeated")
    parser.add_argument("--cpu", action="store_true", help="processor seconds instead of the clock's (a busy machine)")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        what, *rest = json.loads(args.one)
        from studio.engine import devices

        if "OMP_NUM_THREADS" not in os.environ:
            devices.set_threads()
        measured: dict[str, Callable[..., dict[str, Any]]] = {"live": live, "tiled": tiled}
        print(json.dumps(measured[what](*rest)))
        return
    if args.cpu:
        os.environ["STUDIO_BENCH_CPU"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        _report(args)


def _report(args: argparse.Namespace) -> None:
    wanted = [n for n in args.nets.split(",") if n]
    named = [*((n, "translator") for n in KNOWN), *_embedded()]
    nets = [(n, role) for n, role in named if not wanted or n in wanted]
    print(f"{'network':18} {'px':>5} {'':6} {'fps':>7} {'ms':>7} {'p95':>7} {'times':>6} {'PSNR dB':>8}")
    for name, role in nets:
        sides = [int(s) for s in args.sizes.split(",") if s] if role == "translator" else [args.upscale]
        for side in filter(None, sides):
            base = _apart("live", name, side, "plain", args.seconds)
            for how in ("plain", "fast"):
                got = base if how == "plain" else _apart("live", name, side, how, args.seconds)
                line = f"{name:18} {side:5} {how:6} {1000 / got['ms']:7.1f} {got['ms']:7.1f} {got['p95']:7.1f}"
                if how == "fast":
                    near = _psnr(base["picture"], got["picture"], 2.0 if role == "translator" else 1.0)
                    line += f" {base['ms'] / got['ms']:6.2f} {near:8.1f}"
                print(line, flush=True)
    if not args.huge:
        return
    print(f"\n{'network':18} {'px':>5} {'':6} {'s':>7} {'MB':>7} {'longest step':>13} {'PSNR dB':>8}")
    for name in (n for n, role in nets if role == "translator"):
        first = ""
        for how in ["plain", "exact", "fast"] if args.whole else ["exact", "fast"]:
            got = _apart("tiled", name, args.huge, how, args.tile)
            line = f"{name:18} {args.huge:5} {how:6} {got['seconds']:7.1f} {got['peak'] / 1e6:7.0f}"
            line += f" {got['longest']:13.2f}" + (f" {_psnr(first, got['picture']):8.1f}" if first else "")
            print(line, flush=True)
            first = first or got["picture"]


if __name__ == "__main__":
    main()

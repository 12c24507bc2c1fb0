"""StyleGAN2: milliseconds, ratio to the plain formulation in the same run, PSNR and peak memory.

``python -m benchmarks.generators [--sizes 128 256 512 1024] [--device cpu] [--repeats 7] [--no-memory] [--json]``

Networks of the config-f widths (channel base 32768, at most 512) with random weights, and the embedded model where
there is one.  README.md in this folder says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from studio.nets.stylegan2 import StyleGAN2
from studio.nets.stylegan2_fast import FastStyleGAN2, probe_dtype

PREVIEW = 128
LAST_ROWS = 4
VARIANTS = ("plain", "fast", "float32")


def random_network(size: int) -> StyleGAN2:
    """A config-f network of this size; noise, biases and colour gains as large as trained networks have them."""
    torch.manual_seed(size)
    channels = {4 << j: min(32768 // (4 << j), 512) for j in range(int(math.log2(size)) - 1)}
    net = StyleGAN2(512, 512, channels)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.1)
            elif name.endswith(".bias") and "affine" not in name:
                p.normal_(0.0, 0.1)
    return net.eval().requires_grad_(False)


def network(name: str) -> StyleGAN2:
    """``embedded`` or a size."""
    if name != "embedded":
        return random_network(int(name))
    from studio.base.paths import weights
    from studio.checkpoints import load_model

    net = load_model(embedded_path(weights())).network
    if not isinstance(net, StyleGAN2):
        raise SystemExit("The embedded generator is not a StyleGAN2.")
    return net


def embedded_path(folder: Any) -> Any:
    """The first embedded StyleGAN2 file, or ``None``."""
    for card in sorted(folder.glob("*.json")):
        told = json.loads(card.read_text(encoding="utf-8"))
        file = card.with_suffix(".safetensors")
        if isinstance(told, dict) and told.get("architecture") == "stylegan2" and file.is_file():
            return file
    return None


def wait(device: str) -> None:
    """Until the device has finished."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def milliseconds(work: Callable[[], object], device: str) -> float:
    """One run."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return (time.perf_counter() - start) * 1e3


def psnr(got: Tensor, want: Tensor) -> float:
    """dB, against four standard deviations of the reference: what [-1, 1] is for a trained network."""
    error = float((got.double() - want.double()).square().mean())
    return 10 * math.log10((4 * float(want.double().std())) ** 2 / max(error, 1e-30))


def variant(net: StyleGAN2, name: str, device: str) -> Any:
    """One way of computing the same network."""
    if name == "plain":
        return net.to(device)
    return FastStyleGAN2(net, device=device, dtype=torch.float32 if name == "float32" else None)


class Edits:
    """New codes without end: each differs from the last one from a given row on."""

    def __init__(self, net: StyleGAN2, device: str) -> None:
        torch.manual_seed(1)
        self.ws = net.map(torch.randn(1, net.z_dim, device=device))
        self._count = 0

    def __call__(self, start: int = 0) -> Tensor:
        """ws ``[1, num_ws, w_dim]``, moved a little in the rows from ``start`` on."""
        self._count += 1
        ws = self.ws.clone()
        ws[:, start:] += 0.01 * math.sin(self._count)
        return ws


def measure(name: str, device: str, repeats: int) -> dict[str, Any]:
    """All figures of one network but memory; repeats of the variants take turns, so that all see the same machine."""
    net = network(name).to(device)
    edits = Edits(net, device)
    models = {v: variant(net, v, device) for v in VARIANTS}
    fast = models["fast"]
    first_of = {band: next(row.index for row in net.layers if row.band == band) for band in ("middle", "fine")}
    first_of["last rows"] = net.num_ws - LAST_ROWS
    preview = max((r for r in net.low_resolutions if r <= PREVIEW), default=None)
    want = net.synthesize(edits.ws)
    result: dict[str, Any] = {
        "network": name,
        "size": net.resolution,
        "dtype": str(fast.dtype).removeprefix("torch."),
        "psnr_fast": psnr(fast.synthesize(edits.ws), want),
        "psnr_float32": psnr(models["float32"].synthesize(edits.ws), want),
        "error_float32": float((models["float32"].synthesize(edits.ws) - want).abs().max() / (want.max() - want.min())),
        "preview_size": preview,
    }
    times: dict[str, list[float]] = {}

    def record(what: str, work: Callable[[], object]) -> None:
        times.setdefault(what, []).append(milliseconds(work, device))

    with torch.no_grad():
        for turn in range(repeats + 1):
            for v, model in models.items():
                ws = edits()
                record(v, lambda model=model, ws=ws: model.synthesize(ws))
            for band, start in first_of.items():
                ws = edits(start)
                fast.synthesize(edits(start))  # the prefix below the band belongs to this code from here on
                record(band, lambda ws=ws: fast.synthesize(ws))
            if preview is not None:
                ws = edits()
                record("preview", lambda ws=ws: fast.synthesize(ws, size=preview))
            if turn == 0:
                times.clear()  # warm
        codes = [edits() for _ in range(6 * repeats)]
        drags = [milliseconds(lambda ws=ws: fast.synthesize(ws), device) for ws in codes]
    result["ms"] = {what: statistics.median(all_) for what, all_ in times.items()}
    result["best_ms"] = {what: min(all_) for what, all_ in times.items()}
    result["drag_p95"] = sorted(drags)[int(0.95 * (len(drags) - 1))]
    result["ratio"] = result["ms"]["plain"] / result["ms"]["fast"]
    result["ratio_float32"] = result["ms"]["plain"] / result["ms"]["float32"]
    return result


def memory_of(name: str, which: str, device: str) -> float:
    """MB that the first pictures need above the loaded network, in this process (run in a fresh one)."""
    import psutil

    net = network(name).to(device)
    edits = Edits(net, device)
    with torch.no_grad():
        if device.startswith("cuda"):
            before = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
            model = variant(net, which, device)
            for _ in range(2):
                model.synthesize(edits())
            return (torch.cuda.max_memory_allocated(device) - before) / 1e6
        me = psutil.Process()
        before = me.memory_info().rss
        peak, done = [before], threading.Event()

        def watch() -> None:
            while not done.wait(0.001):
                peak[0] = max(peak[0], me.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            model = variant(net, which, device)
            for _ in range(2):
                model.synthesize(edits())
        finally:
            done.set()
            watcher.join()
    return (peak[0] - before) / 1e6


def peak_memory(name: str, which: str, device: str) -> float:
    """:func:`memory_of` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generators", "--peak-of", which, "--sizes", name, "--device", device]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The memory of {name} ({which}) could not be measured.\n{done.stderr}")
    return float(done.stdout.strip().splitlines()[-1])


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
    elif os.path.exists("/proc/cpuinfo"):  # noqa: PTH110
        with open("/proc/cpuinfo", encoding="utf-8") as f:  # noqa: PTH123
            name = next((line.partition(":")[2].strip() for line in f if line.startswith("model name")), name)
    return {
        "device": device,
        "name": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "chosen_dtype": str(probe_dtype(device)).removeprefix("torch."),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def table(results: list[dict[str, Any]], with_memory: bool) -> str:
    """The figures for reading."""
    head = [
        "network",
        "plain",
        "fast",
        "ratio",
        "float32",
        "ratio",
        "middle",
        "fine",
        f"last {LAST_ROWS}",
        "preview",
        "drag p95",
    ]
    head += ["PSNR fast", "PSNR f32", "error f32"]
    head += ["MB plain", "MB fast", "MB f32"] if with_memory else []
    rows = [head]
    for r in results:
        ms = r["ms"]
        name = f"{r['size']} px" if r["network"] != "embedded" else f"embedded {r['size']} px"
        preview = f"{ms['preview']:.1f} ({r['preview_size']} px)" if "preview" in ms else "none"
        row = [name, f"{ms['plain']:.0f}", f"{ms['fast']:.1f}", f"{r['ratio']:.1f} x", f"{ms['float32']:.1f}"]
        row += [f"{r['ratio_float32']:.1f} x", f"{ms['middle']:.1f}", f"{ms['fine']:.1f}"]
        row += [f"{ms['last rows']:.1f}", preview]
        row += [f"{r['drag_p95']:.1f}", f"{r['psnr_fast']:.1f} dB", f"{r['psnr_float32']:.0f} dB"]
        row += [f"{r['error_float32']:.0e}"]
        row += [f"{r['peak_mb'][v]:.0f}" for v in VARIANTS] if with_memory else []
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["embedded", "128", "256", "512", "1024"], help="px or embedded")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    parser.add_argument("--repeats", type=int, default=7, help="turns; the median counts")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for torch's own choice")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out (it starts processes)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--peak-of", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.peak_of:
        print(memory_of(options.sizes[0], options.peak_of, options.device))
        return 0
    from studio.base.paths import weights

    names = [n for n in options.sizes if n != "embedded" or embedded_path(weights()) is not None]
    told = machine(options.device)
    if not options.json:
        print(f"{told['name']}, {told['threads']} threads, {told['device']}, torch {told['torch']}: ", end="")
        print(f"convolutions in {told['chosen_dtype']}; load before: {told['load']}.  Milliseconds:\n", flush=True)
    results = []
    for name in names:
        result = measure(name, options.device, options.repeats)
        if not options.no_memory:
            result["peak_mb"] = {v: peak_memory(name, v, options.device) for v in VARIANTS}
        results.append(result)
    if options.json:
        print(json.dumps({"machine": told, "results": results}, indent=1))
    else:
        print(table(results, not options.no_memory))
    return 0


if __name__ == "__main__":
    sys.exit(main())

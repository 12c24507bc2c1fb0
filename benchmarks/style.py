"""Style transfer against a plain loop: iterations per second, peak memory, and how far the pictures differ.

    python -m benchmarks.style [--sizes 256,512,1024] [--statistic covariance] [--huge 2048]

"plain" is float32 NCHW: the same network, layers, costs and steps, written with autograd as one would (Adam, unfused).
Each measurement is a process of its own; memory is what it holds at its peak above what it held before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = 12
LAYERS = {
    "relu1_1": (0.0, 1.0),
    "relu2_1": (0.0, 1.0),
    "relu2_2": (0.5, 0.0),
    "relu3_1": (0.0, 1.0),
    "relu4_1": (0.0, 1.0),
}


def _clock() -> float:
    """Seconds; of the processor instead of the wall clock when the machine is busy with other things."""
    return time.process_time() if os.environ.get("STUDIO_BENCH_CPU") else time.perf_counter()


def _pictures(size: int) -> tuple[Any, Any]:
    """A content and a style picture, 4 : 3."""
    import numpy as np

    rng = np.random.RandomState(1)
    h, w = size * 3 // 4, size
    y, x = np.mgrid[0:h, 0:w] / size
    content = np.stack([0.5 + 0.3 * np.sin(9 * (x * a + y * b)) for a, b in rng.randn(3, 2)], -1)
    content += 0.2 * ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.04)[..., None]
    style = np.stack([0.5 + 0.4 * np.sign(np.sin(60 * (x * a + y * b))) for a, b in rng.randn(3, 2)], -1)
    noise = 0.03 * rng.randn(2, h, w, 3)
    return tuple((np.clip(p + n, 0, 1) * 255).astype(np.uint8) for p, n in zip((content, style), noise, strict=True))


class _Peak:
    """The most resident memory since it was made, in bytes above the start."""

    def __init__(self) -> None:
        import psutil

        self._process = psutil.Process()
        self.start = self.most = self._process.memory_info().rss
        self._on = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._on:
            self.most = max(self.most, self._process.memory_info().rss)
            time.sleep(0.002)

    def stop(self) -> int:
        self._on = False
        self._thread.join()
        return int(self.most - self.start)


def _context() -> tuple[Any, str]:
    """A context, and the feature network that comes with the program."""
    from studio.engine.context import Context
    from studio.project.style import FIXED_FEATURES

    ctx = Context(device="cpu")
    model = "" if ctx.library.default("features") is not None else FIXED_FEATURES
    return ctx, model


def weights(size: int, statistic: str) -> dict[str, float]:
    """What each term counts, for the plain loop."""
    from studio.engine.style.run import StyleTransfer

    content, style = _pictures(size)
    ctx, model = _context()
    return _weights(
        StyleTransfer(ctx, _request(ctx, model, content, style, size, statistic, "exact"), light=True), size
    )


def plain(size: int, statistic: str, steps: int, weights: dict[str, float]) -> dict[str, Any]:
    """The plain loop: the costs of covariance or Gram with the engine's weights, by autograd in float32."""
    import torch

    from studio.engine.style.run import StyleTransfer

    content, style = _pictures(size)
    ctx, model = _context()
    transfer = StyleTransfer(ctx, _request(ctx, model, content, style, size, statistic, "exact"), light=True)
    _weights(transfer, min(size, 64))  # everything is imported and warm
    net, keep = transfer.network.net, transfer.network._told
    peak, times = _Peak(), []
    c, s = (torch.from_numpy(p).permute(2, 0, 1)[None].float().div(255).contiguous() for p in (content, style))
    names = list(LAYERS)
    if hasattr(net, "to"):
        net = net.to(memory_format=torch.contiguous_format)

    def moments(f: Any) -> tuple[Any, Any]:
        flat = f[0].flatten(1)
        return flat.mean(dim=1), flat @ flat.T / flat.shape[1]

    with torch.no_grad():
        aim = {n: f for n, f in net.features(c, names, **keep).items() if LAYERS[n][0]}
        targets = {n: moments(f) for n, f in net.features(s, names, **keep).items() if LAYERS[n][1]}
    x = c.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.02, betas=(0.9, 0.99), foreach=False)
    for _ in range(steps):
        begun = _clock()
        found = net.features(x, names, **keep)
        total = torch.zeros(())
        for n, (lc, ls) in LAYERS.items():
            f = found[n]
            if lc:
                total = total + weights[f"content {n}"] * (f - aim[n]).square().sum() / (4 * f.numel())
            if ls:
                (m, q), (tm, tq) = moments(f), targets[n]
                channels = len(m)
                if statistic == "gram":
                    value = (q - tq).square().sum() / (4 * channels**2)
                else:
                    unit = tq.diagonal().mean()
                    apart = (q - torch.outer(m, m)) - (tq - torch.outer(tm, tm))
                    value = (m - tm).square().sum() / (channels * unit) + apart.square().sum() / (channels * unit**2)
                total = total + weights[f"style {n}"] * value
        dx, dy = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
        total = total + weights["tv"] * (dx.square().sum() + dy.square().sum()) / x.numel()
        adam.zero_grad()
        (total * x.numel()).backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        times.append(_clock() - begun)
    return {"seconds": _typical(times), "peak": peak.stop(), "picture": _save(x.detach(), size, "plain")}


def ours(size: int, statistic: str, steps: int, precision: str, tile: int = 0) -> dict[str, Any]:
    """The engine's own loop at one scale."""
    from studio.base.steps import Loss
    from studio.engine.pictures import tensor
    from studio.engine.registry import start

    content, style = _pictures(size)
    ctx, model = _context()
    run = _request(ctx, model, content, style, size, statistic, precision, steps, tile)
    from studio.engine.style.run import StyleTransfer

    _weights(StyleTransfer(ctx, run, light=True), min(size, 64))  # everything is imported and warm
    peak, times, last = _Peak(), [], 0.0
    steps_ = start(ctx, run)
    try:
        while True:
            event = next(steps_)
            if isinstance(event, Loss):
                now = _clock()
                times.append(now - last)
                last = now
    except StopIteration as stop:
        made = stop.value
    return {
        "seconds": _typical(times[1:] or times),
        "peak": peak.stop(),
        "picture": _save(tensor(made.raw), size, f"{precision}{tile}"),
        "low": made.info["low"],
        "tile": made.info["tile"],
    }


def _request(
    ctx: Any,
    model: str,
    content: Any,
    style: Any,
    size: int,
    statistic: str,
    precision: str,
    steps: int = 1,
    tile: int = 0,
) -> Any:
    from studio.project.style import LayerWeight, StyleLook, StyleSource, Stylize

    layers = tuple(LayerWeight(name=n, content=a, style=b) for n, (a, b) in LAYERS.items())
    look = StyleLook(
        styles=(StyleSource(picture=ctx.assets.put_image(style)),),
        layers=layers,
        alpha=1.0,
        beta=8.0,
        tv=1.0,
        step=0.02,
    )
    return Stylize(
        model=model,
        precision=precision,  # type: ignore[arg-type]
        content=ctx.assets.put_image(content),
        look=look,
        statistic=statistic,  # type: ignore[arg-type]
        size=size,
        iterations=steps,
        pyramid=False,
        average=0.0,
        keep=0,
        tile=tile,
    )


def _weights(transfer: Any, size: int) -> dict[str, float]:
    """What each term is multiplied by in the balanced scale."""
    from studio.engine.style.costs import Costs

    look = transfer.look(0)
    transfer.read_styles(look)
    costs = Costs(transfer.setting, (size * 3 // 4, size), transfer.regions)
    for _ in costs.prepare(look):
        pass
    source = look.styles[0]
    found = {"tv": look.tv * costs._factor("tv")}
    for n, (a, b) in LAYERS.items():
        if a:
            found[f"content {n}"] = look.alpha * a * costs._factor("content", n)
        if b:
            found[f"style {n}"] = look.beta * b * costs._factor("style", n, source.picture, str(source.scale))
    return found


def _typical(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def _save(x: Any, size: int, name: str) -> str:
    import tempfile

    import numpy as np

    path = str(Path(tempfile.gettempdir()) / f"studio-style-{os.getppid()}-{size}-{name}.npy")
    np.save(path, x[0].cpu().numpy())
    return path


def _apart(what: str, *rest: Any) -> dict[str, Any]:
    """One measurement in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.style", "--one", json.dumps([what, *rest])],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _psnr(a: str, b: str) -> float:
    import numpy as np

    apart = float(np.mean((np.load(a) - np.load(b)) ** 2))
    return 99.0 if apart <= 0 else float(-10 * np.log10(apart))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--statistic", choices=("gram", "covariance"), default="covariance")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--huge", type=int, default=0, help="peak memory of one iteration in tiles at this size")
    parser.add_argument("--cpu", action="store_true", help="processor seconds instead of the clock's (a busy machine)")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        what, *rest = json.loads(args.one)
        from studio.engine import devices

        if "OMP_NUM_THREADS" not in os.environ:
            devices.set_threads()
        measured: dict[str, Callable[..., dict[str, Any]]] = {"plain": plain, "ours": ours, "weights": weights}
        print(json.dumps(measured[what](*rest)))
        return
    if args.cpu:
        os.environ["STUDIO_BENCH_CPU"] = "1"
    made: list[str] = []
    print(f"{'px':>5} {'':8} {'its/s':>8} {'times':>6} {'MB':>7} {'share':>6} {'PSNR dB':>8}")
    for size in (int(s) for s in args.sizes.split(",") if s):
        base = _apart("plain", size, args.statistic, args.steps, _apart("weights", size, args.statistic))
        made.append(base["picture"])
        print(f"{size:5} {'plain':8} {1 / base['seconds']:8.2f} {'':6} {base['peak'] / 1e6:7.0f}", flush=True)
        for precision in ("fast", "exact"):
            got = _apart("ours", size, args.statistic, args.steps, precision)
            made.append(got["picture"])
            name = f"{precision}{'' if precision == 'exact' or got['low'] else ' f32'}"
            near = _psnr(base["picture"], got["picture"])
            print(
                f"{size:5} {name:8} {1 / got['seconds']:8.2f} {base['seconds'] / got['seconds']:6.2f} "
                f"{got['peak'] / 1e6:7.0f} {100 * got['peak'] / base['peak']:5.0f}% {near:8.1f}",
                flush=True,
            )
    if args.huge:
        got = _apart("ours", args.huge, args.statistic, 1, "fast", 512)
        made.append(got["picture"])
        print(f"{args.huge:5} {'tiles':8} {'':8} {'':6} {got['peak'] / 1e6:7.0f}")
    for path in set(made):
        Path(path).unlink()


if __name__ == "__main__":
    main()

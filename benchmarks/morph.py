"""Drag to picture in Morph, through the worker.  ``python -m benchmarks.morph [--model NAME] [--seconds 6]``

A hand drags the pad between four pictures, then two, then an attribute, 60 moves a second; for every picture that comes
back: the time from the move that asked for it to its arrival in the UI thread.  Then the parts: decoding (fast,
exact, how alike they are), encoding, the look at a walk that an even speed needs, the statistics of the latent space.
Goal (embedded model, 2 cores): p95 <= 50 ms.  Without an embedded autoencoder one of the same size with random weights
stands in.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

STAND_IN = {"encoder": {4: 128, 8: 128, 16: 96, 32: 64, 64: 32}, "decoder": {4: 160, 8: 128, 16: 96, 32: 64, 64: 32}}


def main(argv: list[str] | None = None) -> int:
    """Drag, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="name or sha256 of an autoencoder (default: the embedded one)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each drag (default 6)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDIO_DATA"] = folder
        return run(options, Path(folder))


def autoencoder(name: str, folder: Path) -> tuple[Any, Any]:
    """(library, card) of the model to measure."""
    from studio.base import paths
    from studio.checkpoints.library import Library

    library = Library(paths.weights(), paths.models_dir())
    cards = [c for c in library.entries() if c.role == "autoencoder" and (not name or name in (c.name, c.sha256))]
    if cards:
        return library, cards[0]
    if name:
        raise SystemExit(f"There is no autoencoder “{name}”.")
    import torch
    from safetensors.torch import save_file

    from studio.checkpoints import inspect
    from studio.nets.vae import VAE

    torch.manual_seed(0)
    blocks = {4: 1, 8: 1, 16: 1, 32: 2, 64: 1}
    net = VAE(96, STAND_IN["encoder"], STAND_IN["decoder"], blocks=blocks)
    net.keep("attributes", {"vectors": torch.eye(4, 96), "sigmas": torch.ones(4)})
    kept = folder / "stand-in"
    kept.mkdir()
    file = kept / "random.safetensors"
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, file)
    file.with_suffix(".json").write_text(inspect(file).to_json())
    library = Library(kept, paths.models_dir())
    return library, library.entries()[0]


def run(options: argparse.Namespace, folder: Path) -> int:
    """The worker, three drags, the parts."""
    import numpy as np
    from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer

    from benchmarks.live import percentile
    from studio.project.assets import AssetStore
    from studio.project.latents import Blend, Direction, Encoded, Latent, Look, Part, Push
    from studio.project.requests import Render
    from studio.worker.bridge import Worker

    library, card = autoencoder(options.model, folder)
    app = QCoreApplication.instance() or QCoreApplication([])
    assets = AssetStore()
    side = int(card.hyper["resolution"])
    rng = np.random.RandomState(0)
    pictures: list[Latent] = []
    for _ in range(4):
        small = rng.randint(0, 256, (4, 4, 3)).astype(np.uint8)
        pictures.append(Encoded(picture=assets.put_image(small.repeat(side // 4, 0).repeat(side // 4, 1))))
    worker = Worker(assets=assets, library=library)
    asked: dict[int, float] = {}
    waits: list[float] = []
    failures: list[str] = []

    def landed(job: int, *_: object) -> None:
        if job in asked:
            waits.append(1000 * (time.perf_counter() - asked.pop(job)))

    worker.finished.connect(landed)
    worker.failed.connect(lambda _job, _request, error: failures.append(error.sentence()))

    def wait(condition: Callable[[], bool], seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not condition():
            app.processEvents()
            time.sleep(0.001)

    def drag(what: str, request: Callable[[int], object]) -> None:
        asked.clear()
        waits.clear()
        first = worker.live("morph.picture", request(0))
        asked[first] = time.perf_counter()
        wait(lambda: first not in asked or bool(failures), 60.0)  # opened, prepared, looked at
        wait(lambda: False, 0.3)
        waits.clear()
        moves = [0]

        def step() -> None:
            moves[0] += 1
            asked.setdefault(worker.live("morph.picture", request(moves[0])), time.perf_counter())

        hand = QTimer()
        hand.setInterval(16)
        hand.timeout.connect(step)
        hand.start()
        loop = QEventLoop()
        QTimer.singleShot(int(1000 * options.seconds), loop.quit)
        loop.exec()
        hand.stop()
        wait(lambda: not asked, 1.0)
        if failures or not waits:
            raise SystemExit(f"{what}: {failures[0] if failures else 'no picture arrived'}")
        rate = len(waits) / options.seconds
        median, slow = percentile(waits, 0.5), percentile(waits, 0.95)
        print(f"{what:28} {rate:4.0f} pictures/s   to picture median {median:.0f} ms, p95 {slow:.0f} ms")
        waits.clear()

    look = Look(psi=1.0)

    def pad(curve: Any, corners: int) -> Callable[[int], Render]:
        def request(i: int) -> Render:
            x, y = (i % 97) / 97, (i % 61) / 61
            shares = ((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y) if corners == 4 else (1 - x, x)
            parts = tuple(Part(latent=p, weight=w) for p, w in zip(pictures, shares, strict=False) if w > 0)
            return Render(model=card.sha256, latent=Blend(parts=parts, curve=curve), look=look)

        return request

    print(f"{card.title or card.name} · {side} px · {worker.status.device or 'cpu'}")
    drag("pad of four pictures", pad("linear", 4))
    drag("pad of two, slerp", pad("slerp", 2))

    kind: Any = "attribute" if card.hyper.get("attributes") else "axis"

    def attribute(i: int) -> Render:
        push = Push(direction=Direction(kind=kind, index=0, clean=kind == "attribute"), amount=(i % 120) / 20 - 3)
        return Render(model=card.sha256, latent=pictures[0], look=Look(psi=1.0, pushes=(push,)))

    drag(f"{kind} slider", attribute)
    worker.stop()
    parts(library, card, assets, pictures)
    sys.stdout.flush()
    os._exit(0)


def parts(library: Any, card: Any, assets: Any, pictures: list[Any]) -> None:
    """What a drag and a walk are made of."""
    import torch

    from studio.base.steps import run as finish
    from studio.engine import devices
    from studio.engine.context import Context
    from studio.engine.morph.encodings import moments
    from studio.engine.registry import start
    from studio.nets.drawing_fast import agreement
    from studio.project.latents import Key, Look, Walk
    from studio.project.morph import LatentSpace
    from studio.project.requests import WalkFrames

    devices.set_threads()
    ctx = Context(library=library, assets=assets)
    nets = {precision: ctx.autoencoder(card.sha256, precision) for precision in ("exact", "fast")}  # type: ignore[arg-type]

    def median(call: Callable[[int], object], times: int = 15) -> float:
        call(0)
        taken = []
        for i in range(1, times + 1):
            begin = time.perf_counter()
            call(i)
            taken.append(1000 * (time.perf_counter() - begin))
        return sorted(taken)[times // 2]

    for name, net in nets.items():
        places = net.resolution // net.factor if net.spatial else 0
        shape = (net.latent_dim, places, places) if net.spatial else (net.latent_dim,)
        z = torch.randn(1, *shape)

        def decode(_: int, net: Any = net, z: Any = z) -> None:
            with torch.no_grad():
                net.decode(z)

        print(f"decode, {name:20} {median(decode):6.1f} ms")
    same = nets["fast"] is nets["exact"]
    likeness = "the same network" if same else f"{agreement(nets['exact'], nets['fast']):.1f} dB"
    print(f"fast against exact           {likeness}")

    def encode(_: int) -> None:
        ctx.cache.clear()
        moments(ctx, card.sha256, nets["exact"], pictures[0])

    print(f"frame and encode             {median(encode):6.1f} ms")
    walk = Walk(keys=tuple(Key(latent=p) for p in pictures), speed="even")
    begin = time.perf_counter()
    finish(start(ctx, WalkFrames(model=card.sha256, walk=walk, look=Look(psi=1.0), count=1)))
    print(f"first look at an even walk   {1000 * (time.perf_counter() - begin):6.0f} ms (four keys, once)")
    begin = time.perf_counter()
    finish(start(ctx, LatentSpace(model=card.sha256, pictures=() if card.hyper.get("data_count") else tuple(pictures))))
    print(f"latent space                 {1000 * (time.perf_counter() - begin):6.0f} ms")


if __name__ == "__main__":
    raise SystemExit(main())

"""How fast a large project opens and saves: ``python -m benchmarks.project [--pictures 500] [--size 512]``.

Builds a project with many gallery pictures in a temporary folder (noisy gradients, which PNG packs as little as it
packs photographs) and prints milliseconds.  The aim is to open 500 pictures within a second, and to save an edit
without packing anything again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from studio.media.images import thumbnail
from studio.project import storage
from studio.project.assets import AssetStore
from studio.project.latents import Look, Seed
from studio.project.recovery import Autosave
from studio.project.requests import Render
from studio.project.session import GalleryItem, Session


def picture(index: int, size: int) -> np.ndarray:
    """A picture of which PNG makes about 1.5 bytes for each pixel, as of a generated one."""
    rng = np.random.default_rng(index)
    y, x = np.mgrid[0:size, 0:size] * (255.0 / size)
    soft = np.dstack([x, y, 255 - x]) + rng.normal(0, 2.0, (size, size, 1))
    return np.clip(soft, 0, 255).astype(np.uint8)


def build(assets: AssetStore, count: int, size: int) -> Session:
    """A session with ``count`` gallery pictures of ``size`` px and their thumbnails."""
    items = []
    for index in range(count):
        pixels = picture(index, size)
        items.append(
            GalleryItem(
                id=f"g{index}",
                title=f"Picture {index}",
                request=Render(model="ab" * 32, latent=Seed(seed=index), look=Look(psi=0.8)),
                picture=assets.put_image(pixels),
                thumbnail=assets.put_image(thumbnail(pixels, 96)),
                created=float(index),
            )
        )
    return Session(gallery=tuple(items))


def timed(name: str, work: Callable[[], object], repeats: int = 5) -> object:
    """Print the median and the worst of ``repeats`` runs; returns the last result."""
    spent = []
    result: object = None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        spent.append(1000 * (time.perf_counter() - start))
    spent.sort()
    print(f"{name:<44}{spent[len(spent) // 2]:9.1f} ms   (worst of {repeats}: {spent[-1]:.1f})")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--size", type=int, default=512)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STUDIO_DATA"] = str(Path(folder, "data"))
        path = Path(folder) / "large.studio"
        assets = AssetStore()
        session = build(assets, chosen.pictures, chosen.size)
        timed("first save (everything is new)", lambda: storage.save(path, session, assets), 1)
        assets.close()
        print(f"{chosen.pictures} pictures of {chosen.size} px, {path.stat().st_size / 2**20:.0f} MB")

        def open_and_close() -> None:
            storage.load(path).assets.close()

        timed("open", open_and_close)
        opened = storage.load(path)
        everything = timed(
            "open, then read all thumbnails", lambda: [opened.assets.image(i.thumbnail) for i in session.gallery], 3
        )
        assert len(list(everything)) == chosen.pictures  # type: ignore[call-overload]
        state = {"session": opened.session, "index": chosen.pictures}

        def edit_and_save() -> None:
            state["index"] += 1
            pixels = picture(state["index"], chosen.size)
            item = msgspec.structs.replace(
                session.gallery[0], id=f"n{state['index']}", picture=opened.assets.put_image(pixels)
            )
            value = state["session"]
            state["session"] = msgspec.structs.replace(value, gallery=(*value.gallery, item))  # type: ignore[attr-defined]
            storage.save(path, state["session"], opened.assets)  # type: ignore[arg-type]

        timed("save with one new picture", edit_and_save)
        autosave = Autosave()
        timed("autosave", lambda: autosave.write(state["session"], opened.assets, original=path))  # type: ignore[arg-type]
        autosave.close()
        opened.assets.close()


if __name__ == "__main__":
    main()

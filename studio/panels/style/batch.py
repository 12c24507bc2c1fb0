"""A folder of pictures through a feed-forward painter, beside the window.  No Qt, no torch at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from studio.base.errors import Cancelled, as_studio_error
from studio.base.steps import Preview, Progress, Steps
from studio.project.style import Paint

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
AS_JPEG = frozenset({".jpg", ".jpeg"})


@dataclass(frozen=True, slots=True)
class Painted:
    """What became of a folder: files that were written, and (name, why) of those that could not be painted."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    folder: Path


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder by name, those of its sub-folders not."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
    return sorted(found, key=lambda path: path.name.lower())


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """A name that is not taken: "a.png", "a 2.png", "a 3.png" ... nothing is written over."""
    path, number = folder / f"{stem}{suffix}", 2
    while path.exists():
        path = folder / f"{stem} {number}{suffix}"
        number += 1
    return path


def painter(source: Path, target: Path, request: Paint) -> Callable[[Any], Steps[Painted]]:
    """The job that paints every picture of ``source`` into ``target``.

    One that cannot be read or painted is skipped and told at the end.  The pictures do not go into the project.
    """

    def paint(ctx: Any) -> Steps[Painted]:
        files = pictures_in(source)
        target.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        failures: list[tuple[str, str]] = []
        for index, file in enumerate(files):
            yield Progress(index, len(files), file.name)
            try:
                image = yield from _one(ctx, file, request, index, len(files))
                written.append(_save(image, file, target))
            except Cancelled:
                raise
            except Exception as error:
                told = as_studio_error(error, doing=f"Painting “{file.name}”")
                failures.append((file.name, told.why or told.what))
        yield Progress(len(files), len(files), "")
        return Painted(tuple(written), tuple(failures), target)

    return paint


def _one(ctx: Any, file: Path, request: Paint, index: int, total: int) -> Steps[Any]:
    from studio.engine import registry
    from studio.media.images import load_image
    from studio.project.assets import AssetStore

    pixels = load_image(file).pixels
    store = AssetStore()
    try:
        for source in request.styles:
            for sha in (source.picture, source.mask):
                if sha:
                    store.put(ctx.assets.get(sha), ctx.assets.ext(sha))
        own = ctx.derive()
        own.assets = store
        steps = registry.start(own, msgspec.structs.replace(request, picture=store.put_image(pixels)))
        try:
            while True:
                try:
                    event = next(steps)
                except StopIteration as stop:
                    return stop.value.image
                # The job counts pictures; what the painter counts within one would jump back and forth.
                yield event if isinstance(event, Preview) else Progress(index, total, file.name)
        finally:
            steps.close()
    finally:
        store.close()


def _save(image: Any, file: Path, target: Path) -> Path:
    from studio.media.images import save_image

    suffix = ".jpg" if file.suffix.lower() in AS_JPEG and image.shape[2] == 3 else ".png"
    path = free_path(target, file.stem, suffix)
    save_image(path, image, recipe=None)
    return path

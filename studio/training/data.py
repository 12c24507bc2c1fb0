"""A folder or zip of pictures, and optionally a ``labels.csv``, as one uint8 tensor."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from studio.base.errors import StudioError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Pictures:
    """``images`` ``[N, 3, S, S]`` uint8 RGB; ``names`` their file names; ``rows`` the label table (may be empty).

    ``folders``: the name of the folder that each lies in, for sets whose folders are classes (may be empty).
    """

    images: Tensor
    names: tuple[str, ...]
    rows: tuple[dict[str, str], ...] = ()
    folders: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, index: list[int]) -> Pictures:
        """The pictures at these positions, in this order."""
        return Pictures(
            self.images[index],
            tuple(self.names[i] for i in index),
            tuple(self.rows[i] for i in index) if self.rows else (),
            tuple(self.folders[i] for i in index) if self.folders else (),
        )

    def split(self, every: int = 10) -> tuple[Pictures, Pictures]:
        """(training, held-out): each ``every``-th picture is held out, always the same ones."""
        n = len(self)
        held = [i for i in range(n) if i % every == every - 1]
        return self.subset([i for i in range(n) if i % every != every - 1]), self.subset(held)


def entries(source: Path) -> Iterator[tuple[str, bytes]]:
    """(relative name, bytes) of every picture and of ``labels.csv``, in sorted order."""

    def wanted(name: str) -> bool:
        path = PurePosixPath(name)
        return path.suffix.lower() in SUFFIXES or path.name == "labels.csv"

    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            name = path.relative_to(source).as_posix()
            if wanted(name):
                yield name, path.read_bytes()
        return
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as exc:
        raise StudioError(
            f"The training pictures could not be opened: {source.name}.",
            "It is neither a folder nor a readable zip.",
            "Choose a folder of pictures or a zip of one.",
        ) from exc
    with archive:
        for name in sorted(archive.namelist()):
            if wanted(name):
                yield name, archive.read(name)


def square(image: Image.Image, size: int) -> Image.Image:
    """The centred square of a picture at ``size`` px, RGB, turned upright; transparent parts become white."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba)
    image = image.convert("RGB")
    side = min(image.size)
    if side == size and image.size == (size, size):
        return image
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    # A whole-number reduction is a plain average; anything else is Lanczos, which also averages when it shrinks.
    method = Image.Resampling.BOX if side % size == 0 else Image.Resampling.LANCZOS
    return image.resize((size, size), method, box=box)


def load_pictures(
    source: Path | str, size: int, *, labels: Path | str | None = None, least: int = 0, every: int = 1
) -> Pictures:
    """Read every picture of a folder or zip at ``size`` px, with the rows of ``labels.csv`` when there is one.

    ``labels`` names another table.  A table has a column ``file`` with the file names (folders are ignored); pictures
    without a row are left out when there is a table.  Pictures whose shorter side is below ``least`` px are left out,
    and with ``every`` only each so-manieth one is read.  Raises :class:`StudioError` when nothing can be used.
    """
    source = Path(source)
    if not source.exists():
        raise StudioError(f"The training pictures were not found: {source}.", todo="Choose a folder or a zip.")
    table: dict[str, dict[str, str]] | None = None
    arrays: list[np.ndarray] = []
    names: list[str] = []
    folders: list[str] = []
    broken: list[str] = []
    small = count = 0
    text: str | None = Path(labels).read_text("utf-8") if labels is not None else None
    for name, data in entries(source):
        if name.endswith("labels.csv"):
            text = data.decode("utf-8") if text is None else text
            continue
        count += 1
        if (count - 1) % every:
            continue
        try:
            with Image.open(io.BytesIO(data)) as image:
                if min(image.size) < least:
                    small += 1
                    continue
                arrays.append(np.asarray(square(image, size), dtype=np.uint8))
        except (OSError, ValueError, Image.DecompressionBombError):
            broken.append(name)
            continue
        names.append(PurePosixPath(name).name)
        folders.append(PurePosixPath(name).parent.name)
    if text is not None:
        table = {row["file"]: row for row in csv.DictReader(io.StringIO(text)) if row.get("file")}
        keep = [i for i, name in enumerate(names) if name in table]
        arrays, names = [arrays[i] for i in keep], [names[i] for i in keep]
        folders = [folders[i] for i in keep]
    if not arrays and small:
        raise StudioError(
            f"All pictures in {source.name} are too small.",
            f"The shorter side of each of the {small} is below {least} pixels.",
            "Choose larger pictures, or a smaller size.",
        )
    if not arrays:
        raise StudioError(
            f"No usable pictures in {source.name}.",
            f"{len(broken)} files could not be read." if broken else "There are no PNG, JPEG, WebP or TIFF pictures.",
            "Choose a folder or zip with pictures in it.",
        )
    images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    rows = tuple(table[n] for n in names) if table is not None else ()
    return Pictures(images, tuple(names), rows, tuple(folders))


def to_float(images: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """uint8 ``[N, 3, H, W]`` to float32 in [-1, 1]: the inverse of ``x * 127.5 + 128``, clipped."""
    return ((images.to(device).float() - 128.0) / 127.5).clamp(-1, 1)


def to_uint8(images: Tensor) -> Tensor:
    """Float pictures about [-1, 1] to uint8, as ``x * 127.5 + 128``."""
    return (images.float() * 127.5 + 128.0).clamp(0, 255).to(torch.uint8)

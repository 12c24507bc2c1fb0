"""Folders of pictures: which there are, in an order that people expect, and names that are still free."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from studio.base.errors import StudioError, as_studio_error
from studio.media.images import FORMATS, READABLE_SUFFIXES

PICTURES = frozenset(READABLE_SUFFIXES)


def natural(text: str) -> tuple[Any, ...]:
    """A key for sorting names as people do: "a2" before "a10", capitals as small letters, "a.png" before "a2.png"."""
    stem, dot, suffix = text.casefold().rpartition(".")
    parts = re.split(r"(\d+)", stem if dot else suffix)
    # Words and numbers alternate, so that like is compared with like; the text itself settles what is left ("01", "1").
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), text


def pictures_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """The pictures of a folder in natural order; with ``recursive`` those of its folders after them, each in turn.

    Hidden files and folders are left out, and links to folders are not followed.  StudioError: no such folder.
    """
    found: list[Path] = []

    def failed(exc: OSError) -> None:
        raise exc

    try:
        for root, folders, files in os.walk(folder, onerror=failed):
            folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural) if recursive else []
            names = [n for n in files if Path(n).suffix.lower() in PICTURES and not n.startswith(".")]
            found += [path for path in (Path(root, n) for n in sorted(names, key=natural)) if path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        raise StudioError(f"There is no folder “{folder}”.") from None
    except OSError as exc:
        raise as_studio_error(exc, doing=f"Looking into “{folder.name}”") from exc
    return found


def free_path(
    folder: Path, stem: str, suffix: str, *, taken: Callable[[Path], bool] = lambda path: os.path.lexists(path)
) -> Path:
    """A name that is not taken: "a.png", "a 2.png", "a 3.png" ... nothing is written over."""
    path, number = folder / f"{stem}{suffix}", 2
    while taken(path):
        path = folder / f"{stem} {number}{suffix}"
        number += 1
    return path


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture file, from its head alone; None: it cannot be told."""
    try:
        with PILImage.open(path, formats=FORMATS) as image:
            return image.size
    except Exception:  # for an estimate only: whoever reads the picture tells what is wrong with it
        return None


def has_profile(path: Path) -> bool:
    """Whether a picture file carries a colour profile, from its head alone; False as well when it cannot be told."""
    try:
        with PILImage.open(path, formats=FORMATS) as image:
            return bool(image.info.get("icc_profile"))
    except Exception:  # as above
        return False

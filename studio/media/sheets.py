"""Many pictures on one: contact sheets and strips."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.media.images import flatten

BACKGROUND = (16, 17, 20)


def contact_sheet(
    images: Sequence[UInt8Image], columns: int = 0, gap: int = 2, background: tuple[int, int, int] = BACKGROUND
) -> UInt8Image:
    """Pictures in rows, each in the middle of its cell; ``[H, W, 3]``.

    Cells are as large as the largest picture; ``columns`` 0: about as many as rows; ``gap`` px between cells and none
    around.  Transparent parts show ``background``.  StudioError: there are no pictures.
    """
    if not images:
        raise StudioError("There are no pictures to put on a sheet.")
    columns = min(columns or math.ceil(math.sqrt(len(images))), len(images))
    rows = math.ceil(len(images) / columns)
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    sheet = np.empty((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), np.uint8)
    sheet[:] = background
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top = row * (height + gap) + (height - image.shape[0]) // 2
        left = column * (width + gap) + (width - image.shape[1]) // 2
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = flatten(image, background)
    return sheet


def strip(
    images: Sequence[UInt8Image],
    gap: int = 2,
    background: tuple[int, int, int] = BACKGROUND,
    *,
    vertical: bool = False,
) -> UInt8Image:
    """Pictures side by side (or one below the other)."""
    return contact_sheet(images, 1 if vertical else len(images), gap, background)

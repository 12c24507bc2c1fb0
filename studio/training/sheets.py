"""Sample sheets: many pictures on one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.base.steps import UInt8Image
from studio.training.data import to_uint8


def sheet(images: Tensor, columns: int, *, zoom: int = 1) -> UInt8Image:
    """Pictures ``[N, 3, H, W]`` about [-1, 1] in rows of ``columns``, each enlarged ``zoom`` times by repetition."""
    x = to_uint8(images.detach().cpu())
    if zoom > 1:
        x = x.repeat_interleave(zoom, 2).repeat_interleave(zoom, 3)
    n, _, h, w = x.shape
    rows = -(-n // columns)
    out = torch.full((rows * columns, 3, h, w), 24, dtype=torch.uint8)
    out[:n] = x
    grid = out.view(rows, columns, 3, h, w).permute(0, 3, 1, 4, 2).reshape(rows * h, columns * w, 3)
    return np.ascontiguousarray(grid.numpy())


def save_sheet(path: Path, images: Tensor, columns: int, *, zoom: int = 1) -> None:
    """Write :func:`sheet` as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(images, columns, zoom=zoom)).save(path)

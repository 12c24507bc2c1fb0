"""Equal changes to both pictures of a pair, and pen strokes in many hands: what widens a small set of drawings.

A generator that has only seen perfect glyphs does not know what to do with a circle drawn by mouse.  Here each
drawing's lines become thicker, thinner, hollow, wobbly or broken, or are traced anew from the contours of a coloured
picture; whatever moves the drawing as a whole moves its target as well.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

GLYPH, HOLLOW, TRACED = 0, 1, 2


def placements(
    n: int,
    gen: torch.Generator,
    *,
    least: float = 1.0,
    most: float = 1.0,
    turn: float = 0.0,
    shift: float = 0.0,
    flip: bool = True,
) -> Tensor:
    """Random affine places ``[N, 2, 3]`` for ``affine_grid``: scale ``least``..``most``, ``turn`` degrees.

    ``shift``: a share of the side; what is drawn smaller may also go where there is room.
    """
    scale = torch.exp2(torch.rand(n, generator=gen) * math.log2(most / least)) * least
    angle = (torch.rand(n, generator=gen) * 2 - 1) * turn * math.pi / 180
    room = 2 * shift + (1 - scale).clamp_min(0)
    move = (torch.rand(n, 2, generator=gen) * 2 - 1) * room[:, None]
    mirror = torch.where(torch.rand(n, generator=gen) < 0.5, -1.0, 1.0) if flip else torch.ones(n)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    # From places in the outcome to places in the source.
    linear = torch.stack((torch.stack((cos * mirror, sin * mirror), 1), torch.stack((-sin, cos), 1)), 1)
    return torch.cat((linear, -(linear @ move[:, :, None])), dim=2)


def wobble(n: int, size: int, pixels: float, gen: torch.Generator, cells: int = 5) -> Tensor:
    """Smooth random displacements ``[N, size, size, 2]`` of about ``pixels``, in the units of ``grid_sample``."""
    coarse = torch.randn(n, 2, cells, cells, generator=gen) * (pixels * 2 / size)
    return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def moved(x: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """``[N, C, S, S]`` in [0, 1] sampled at ``grid``; outside is white."""
    return 1 - F.grid_sample(1 - x, grid, mode=mode, padding_mode="zeros", align_corners=False).clamp(0, 1)


def spread(mask: Tensor, radius: float) -> Tensor:
    """A mask ``[N, 1, H, W]`` in [0, 1] grown by about ``radius`` px (shrunk, if negative)."""
    if radius < 0:
        return 1 - spread(1 - mask, -radius)
    whole = int(radius)
    for i in range(whole):
        # A square and a diamond in turn are nearly a disc.
        if i % 2:
            mask = torch.maximum(F.max_pool2d(mask, (3, 1), 1, (1, 0)), F.max_pool2d(mask, (1, 3), 1, (0, 1)))
        else:
            mask = F.max_pool2d(mask, 3, 1, 1)
    rest = radius - whole
    if rest > 1e-3:
        mask = torch.lerp(mask, F.max_pool2d(mask, 3, 1, 1), rest)
    return mask


def contours(x: Tensor, threshold: Tensor) -> Tensor:
    """Where colours change by more than ``threshold`` ``[N]``: thin lines ``[N, 1, H, W]`` of ``[N, C, H, W]``."""
    right = F.pad((x[:, :, :, 1:] - x[:, :, :, :-1]).abs(), (0, 1, 0, 0))
    below = F.pad((x[:, :, 1:] - x[:, :, :-1]).abs(), (0, 0, 0, 1))
    steep = (right + below).amax(dim=1, keepdim=True)
    return ((steep - threshold.view(-1, 1, 1, 1)) * 8 + 0.5).clamp(0, 1)


def smooth(mask: Tensor) -> Tensor:
    """Edges of a mask as a pen leaves them: not stairs, not fog."""
    soft = F.avg_pool2d(F.pad(mask, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return ((soft - 0.5) * 2 + 0.5).clamp(0, 1)


def inked(drawing: Tensor, traced: Tensor | None, gen: torch.Generator, *, traces: float = 0.4) -> Tensor:
    """Drawings ``[N, 3, S, S]`` in [0, 1] (black on white) in other hands, the same range and shape.

    A share ``traces`` of them are the contours of ``traced`` instead (coloured pictures of the same things), and a
    tenth are only the outlines of what is black.  Lines have 2 to 8 px, a few are broken, ink is not always black.
    """
    n, _, h, w = drawing.shape
    black = 1 - drawing.mean(dim=1, keepdim=True)
    pick = torch.rand(n, generator=gen)
    share = traces if traced is not None else 0.0
    kind = torch.where(pick < share, TRACED, torch.where(pick < share + 0.1, HOLLOW, GLYPH))
    thick = torch.rand(n, generator=gen)
    threshold = 0.12 + 0.5 * torch.rand(n, generator=gen)
    unit = w / 128
    lines = contours(traced if traced is not None else drawing, threshold)
    edge = contours(black, torch.full((n,), 0.4))
    out = []
    for i in range(n):
        if int(kind[i]) == GLYPH:
            # A tenth as they are: the shape of thin parts survives no thinning.
            radius = 0.0 if float(thick[i]) < 0.1 else (float(thick[i]) * 3.6 - 2.2) * unit
            out.append(spread(black[i : i + 1], radius))
        else:
            source = lines if int(kind[i]) == TRACED else edge
            out.append(spread(source[i : i + 1], (0.3 + 2.5 * float(thick[i])) * unit))
    mask = smooth(torch.cat(out))
    mask = mask * (1 - gaps(n, h, gen))
    shade = torch.where(torch.rand(n, generator=gen) < 0.7, 1.0, 0.75 + 0.25 * torch.rand(n, generator=gen))
    return (1 - mask * shade.view(n, 1, 1, 1)).expand(n, 3, h, w)


def gaps(n: int, size: int, gen: torch.Generator, share: float = 0.3) -> Tensor:
    """Small discs where the pen left the paper, ``[N, 1, S, S]`` 0 or 1, in a ``share`` of the drawings."""
    at = torch.arange(size, dtype=torch.float32)
    x, y = (torch.rand(2, n, 2, generator=gen) * size).unbind(0)
    radius = (torch.rand(n, 2, generator=gen) * 0.03 + 0.02) * size
    radius = radius * (torch.rand(n, 1, generator=gen) < share)
    dx = at.view(1, 1, 1, -1) - x[:, :, None, None]
    dy = at.view(1, 1, -1, 1) - y[:, :, None, None]
    inside = dx.square() + dy.square() < radius.square()[:, :, None, None]
    return inside.any(dim=1, keepdim=True).float()

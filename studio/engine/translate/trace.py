"""A photograph as a drawing to go on from: its lines, or its flat areas."""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import ImageColor

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds
from studio.engine.pictures import fitted
from studio.engine.registry import operation
from studio.engine.results import Picture
from studio.engine.translate import edges
from studio.engine.translate.canvas import Canvas, averaged, open_canvas
from studio.engine.translate.segments import SIDE, enlarged, segments
from studio.nets.drawing_fast import one_core
from studio.project.translate import Trace

LARGEST = 2048
"""Pixels on the longer side of a drawing."""
MOST_COLOURS = 32
WIDEST = 64.0
"""Pixels of a line."""


@operation(Trace, doing="Tracing the picture")
def trace(ctx: Context, request: Trace) -> Steps[Picture]:
    """Dark lines on white, or flat areas of colour; what is transparent counts as white paper.

    ``info``: ``ms``, ``size``, and for areas ``colours`` ("#rrggbb", those that occur).
    """
    started = time.perf_counter()
    yield Progress(0, 1, "Tracing")
    if not 1 <= request.size <= LARGEST:
        raise StudioError(
            f"A drawing of {request.size} px cannot be made.",
            f"1 to {LARGEST} px are possible.",
            "Choose another size.",
        )
    palette = _palette(request.palette)
    smooth, width = min(max(request.smooth, 0.0), 1.0), min(request.width, WIDEST) if request.width > 0.0 else 0.0
    told: dict[str, tuple[str, ...]] = {}
    with torch.no_grad(), one_core():  # small pictures only
        if request.kind == "edges":
            seen = open_canvas(ctx, request.picture, edges.side_for(smooth))
            size = fitted(_own(ctx, request), request.size)
            ink = edges.drawn(seen.shown(), size, request.detail, width)
            paper = ((1.0 - ink) * 255.0 + 0.5).astype(np.uint8)
            image = np.repeat(paper[..., None], 3, axis=2)
        else:
            image, told = _areas(ctx, request, palette, smooth)
    return Picture(image, {"ms": milliseconds(started), "size": image.shape[:2], **told})


def _own(ctx: Context, request: Trace) -> tuple[int, int]:
    return open_canvas(ctx, request.picture).size


def _areas(
    ctx: Context, request: Trace, palette: edges.Floats | None, smooth: float
) -> tuple[UInt8Image, dict[str, tuple[str, ...]]]:
    size = fitted(_own(ctx, request), request.size)
    seen: Canvas = open_canvas(ctx, request.picture, min(request.size, SIDE))
    found, colours = segments(
        averaged(seen.shown(), seen.size),
        min(max(request.colours, 1), MOST_COLOURS),
        palette,
        request.detail,
        smooth,
    )
    which = enlarged(found, len(colours), size)
    table = (np.clip(colours, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    used = tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in table[np.unique(which)].tolist())
    return table[which], {"colours": used}


def _palette(names: tuple[str, ...]) -> edges.Floats | None:
    if not names:
        return None
    try:
        found = [ImageColor.getrgb(name)[:3] for name in names]
    except ValueError as exc:
        raise StudioError("One of the colours of the palette is no colour.", f"{exc}.", "Write it as #rrggbb.") from exc
    return np.array(found, np.float32) / np.float32(255.0)

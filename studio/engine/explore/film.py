"""A walk as a file: the frames of :class:`WalkFrames`, exactly as they were previewed, into an encoder."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.registry import start
from studio.project.requests import WalkFrames


def film(ctx: Context, request: WalkFrames, path: Path, *, show_every: float = 0.2) -> Steps[Path]:
    """Draw a walk and write it by the suffix of ``path`` (.mp4, .webp, .gif, .png, or a folder of pictures).

    Frames stream into the encoder one by one.  Yields the encoder's progress, and the newest frame as a Preview at
    most every ``show_every`` seconds.  Errors are those of the walk and of the encoder; an unfinished file is removed
    by the encoder's own writer.
    """
    from studio.engine.explore.walks import frame_count
    from studio.media.video import write_animation

    newest: Preview | None = None

    def frames() -> Generator[UInt8Image, None, None]:
        nonlocal newest
        for event in start(ctx, request):
            if isinstance(event, Preview):
                newest = event
                yield event.image

    total = frame_count(request.walk)
    count = total - min(request.first, total) if request.count <= 0 else min(request.count, total)
    source = frames()
    writer = write_animation(path, source, request.walk.fps, loop=request.walk.loop)
    shown = 0.0
    try:
        while True:
            try:
                event = next(writer)
            except StopIteration as stop:
                return Path(stop.value)
            if isinstance(event, Progress):
                event = Progress(event.done, event.total or count, event.phase or "Writing the film")
            yield event
            if newest is not None and time.perf_counter() - shown > show_every:
                shown = time.perf_counter()
                yield newest
    finally:
        writer.close()
        source.close()

"""A walk as a file: the frames of :class:`WalkFrames`, exactly as they were previewed, into an encoder."""

from __future__ import annotations

import time
from pathlib import Path

from studio.base.steps import Preview, Progress, Steps
from studio.engine.context import Context
from studio.engine.registry import start
from studio.project.requests import WalkFrames


def film(
    ctx: Context, request: WalkFrames, path: Path, *, recipe: str | None = None, show_every: float = 0.2
) -> Steps[Path]:
    """Draw a walk and write it by the suffix of ``path`` (.mp4, .webp, .gif, .png, or a folder of pictures).

    Frames stream into the encoder one by one; a Preview of the newest comes at most every ``show_every`` seconds.
    ``recipe`` is the text that restores the walk when the film is dropped back.  Closing the generator or any failure
    leaves what was there before.  Errors are those of the walk and of the encoder, in sentences.
    """
    from studio.media.video import animation_writer

    shown = 0.0
    with animation_writer(path, request.walk.fps, loop=request.walk.loop, recipe=recipe) as writer:
        drawing = start(ctx, request)
        try:
            for event in drawing:
                if isinstance(event, Preview):
                    writer.add(event.image)
                    if time.perf_counter() - shown < show_every:
                        continue
                    shown = time.perf_counter()
                yield event
        finally:
            drawing.close()
        for _ in writer.finish():
            yield Progress(0, 0, "Finishing the film")
    return path

"""Small pictures that explain: what one layer makes of a pair, and a contact sheet of settings."""

from __future__ import annotations

import msgspec

from studio.base.steps import Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.registry import operation
from studio.engine.results import Pictures
from studio.engine.style.run import StyleTransfer
from studio.project.style import LayerThumbs, LayerWeight, Start, StyleLook, StyleSheet, Stylize

THUMB_STEP = 0.04
"""Adam's step: a thumbnail shows the manner of a layer, and has few iterations for it."""
THUMB_TV = 0.3


def _drawn(ctx: Context, run: Stylize, at: int, count: int, phase: str) -> Steps[UInt8Image]:
    """A small run to its end; only its progress is told."""
    steps = StyleTransfer(ctx, run, light=True).steps()
    try:
        while True:
            event = next(steps)
            if isinstance(event, Progress):
                yield Progress(at, count, phase)
    except StopIteration as stop:
        image: UInt8Image = stop.value.image
        return image
    finally:
        steps.close()


@operation(LayerThumbs, doing="Drawing what the layers do")
def layer_thumbs(ctx: Context, request: LayerThumbs) -> Steps[Pictures]:
    """What each style layer alone makes of the content, from the content on and without a content cost.

    One preview for each of ``request.layers`` (``index`` is its place there), kept in the context's cache.
    """
    found = []
    for index, layer in enumerate(request.layers):
        key = ("layer thumb", msgspec.structs.replace(request, layers=(layer,)))
        image = ctx.cache.get(key)
        if image is None:
            look = StyleLook(
                styles=tuple(msgspec.structs.replace(s, mask="", alpha=1.0, beta=1.0) for s in request.styles),
                layers=(LayerWeight(name=layer, style=1.0),),
                tv=THUMB_TV,
                step=THUMB_STEP,
            )
            run = Stylize(
                model=request.model,
                precision=request.precision,
                content=request.content,
                look=look,
                statistic=request.statistic,
                size=request.size,
                iterations=request.iterations,
                pyramid=False,
                start=Start(noise=0.15),
                seed=request.seed,
                average=0.8,
                keep=0,
            )
            image = yield from _drawn(ctx, run, index, len(request.layers), "Drawing what the layers do")
            ctx.cache.put(key, image, image.nbytes)
        found.append(image)
        yield Preview(image, layer, index)
    return Pictures(tuple(found))


@operation(StyleSheet, long=True, doing="Drawing the contact sheet")
def style_sheet(ctx: Context, request: StyleSheet) -> Steps[Pictures]:
    """The run with each of ``looks`` instead of its own, small; one preview each (``index``)."""
    found = []
    for index, look in enumerate(request.looks):
        run = msgspec.structs.replace(
            request.run,
            look=look,
            changes=(),
            resume=None,
            stop=0,
            tile=0,
            keep=0,
            size=request.size,
            iterations=request.iterations,
        )
        image = yield from _drawn(ctx, run, index, len(request.looks), "Drawing the contact sheet")
        found.append(image)
        yield Preview(image, f"{index + 1}", index)
    return Pictures(tuple(found))

"""The run itself: from a content and a style to a picture, iteration by iteration."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any

import msgspec
import numpy as np
import torch

from studio.base.errors import StudioError
from studio.base.steps import Event, Loss, Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.pictures import read, resized, tensor, to_uint8
from studio.engine.registry import operation
from studio.engine.results import KeptPreview, StyleRun
from studio.engine.style.colours import recolour
from studio.engine.style.costs import Costs, Setting, used_layers
from studio.engine.style.lean import kept_memory
from studio.engine.style.masks import Regions
from studio.engine.style.needs import tile_for
from studio.engine.style.network import Network, open_network
from studio.engine.style.pyramid import Scale, scales, share
from studio.engine.style.state import State, load, new_optimiser
from studio.project.session import KeptIterate
from studio.project.style import Change, StyleLook, Stylize, preset

PREVIEW_S = 0.4
"""Seconds between two previews."""
KEPT_BYTES = 96 << 20
"""Bytes of optimiser states kept for each scale; large pictures keep fewer."""


def complete(look: StyleLook, layers: tuple[str, ...]) -> StyleLook:
    """The look with its layers: without any, the preset "balanced" of the network."""
    return look if look.layers else msgspec.structs.replace(look, layers=preset("balanced", layers))


def look_at(run: Stylize, at: int) -> StyleLook:
    """The look that holds at iteration ``at``."""
    look = run.look
    for change in run.changes:
        if change.at <= at:
            look = change.look
    return look


def _latest(run: Stylize) -> StyleLook:
    return run.changes[-1].look if run.changes else run.look


@operation(Stylize, long=True, parts=True, doing="Painting in the style")
def stylize(ctx: Context, request: Stylize) -> Steps[StyleRun]:
    """Gatys et al. 2015 with a weight on every layer.

    Yields the picture every 0.4 s, the weighted cost of every layer at each iteration ("content relu2_2",
    "style relu1_1", "tv", "total") and a :class:`KeptPreview` for each kept iterate.  A new :class:`Stylize` sent in
    changes the look from the next iteration on, or ends the run early (``stop``); both are in the result's
    ``info["run"]``, which makes the same picture again.
    """
    with kept_memory():
        run = StyleTransfer(ctx, request)
        return (yield from run.steps())


class StyleTransfer:
    """One run.  ``light``: it keeps no iterates (thumbnails, contact sheets)."""

    def __init__(self, ctx: Context, request: Stylize, *, light: bool = False) -> None:
        self.ctx, self.request, self.sent, self.light = ctx, request, request, light
        self.started = time.perf_counter()
        self.device = torch.device(ctx.device)
        styles = request.look.styles
        self.network: Network = open_network(
            ctx,
            request.model,
            low=request.precision == "fast",
            pooling=request.pooling,
            style=styles[0].picture if styles else "",
        )
        self.content_pixels = read(ctx, request.content, "content picture")
        self.content = tensor(self.content_pixels, self.device)
        self.regions = Regions(ctx)
        self.kept: list[KeptIterate] = []
        self.shown = 0.0
        self._levels: tuple[Scale, ...] = ()
        self.setting = Setting(
            self.network,
            self.content,
            {},
            request.statistic,
            request.scaling,
            request.seed,
            tile=request.tile,
            parts=ctx.parts,
        )

    # The run ----------------------------------------------------------------------------------------------------

    def steps(self) -> Steps[StyleRun]:
        first = self.look(0)
        self.read_styles(first)
        size = (self.content.shape[2], self.content.shape[3])
        levels = scales(self.request, size, self._need())
        self._levels = levels
        total = levels[-1].end
        if self.request.stop:
            total = max(1, min(total, self.request.stop))
        self.setting.tile = tile_for(self.ctx, self.request, self.network, levels[-1].size, self.layers())
        state = load(self.ctx, self.request)
        if state is None:
            state = self._begin(levels[0])
        elif not any(tuple(state.x.shape[2:]) == level.size for level in levels):
            raise StudioError(
                "The run cannot be taken up from this iterate.", "It has another size.", "Start it from the beginning."
            )
        for level in levels:
            if level.end <= state.at or level.first >= total:
                continue
            total = yield from self._level(state, level, len(levels), total)
        return self._result(state)

    def _level(self, state: State, level: Scale, count: int, total: int) -> Generator[Event, Any, int]:
        """All iterations of one scale that are left; the run's total, which an update may have lowered."""
        before = tuple(state.x.shape[2:])
        if before != level.size:
            gain = 1.0
            if self.request.scaling == "gatys":  # those formulas are means over places: more places, smaller gradients
                gain = before[0] * before[1] / (level.size[0] * level.size[1])
            state.x = resized(state.mean, level.size).contiguous()
            state.mean = state.x.clone()
            state.optimiser.resize(level.size, gain)
        phase = f"Scale {level.index + 1} of {count} · {max(level.size)} px"
        costs = Costs(self.setting, level.size, self.regions)
        every = self._keep_every(state, level)
        ready: StyleLook | None = None
        if not self.shown:
            yield from self._say(self._preview(state), state.at)
        while state.at < min(level.end, total):
            look = self.look(state.at)
            if look is not ready:
                self.read_styles(look)
                yield from self._told(costs.prepare(look), state.at, total, phase)
                if look is not self.look(state.at):
                    continue
                ready = look
            # What is sent in between its tiles holds from the next iteration on.
            found = yield from self._told(costs.evaluate(state.x, look, state.at), state.at, total, phase, ahead=1)
            with torch.no_grad():
                state.optimiser.step(state.x, found.grad, look.step)
                state.x.clamp_(0.0, 1.0)
                done = state.at - level.first
                state.mean.lerp_(state.x, max(1.0 - self.request.average, 1.0 / (done + 1)))
            state.at += 1
            for name, value in found.values.items():
                curve = state.losses.setdefault(name, [float("nan")] * 0)
                curve.extend([0.0] * (state.at - 1 - len(curve)))
                curve.append(value)
            events: list[Event] = [Loss(state.at, found.values)]
            if every and (state.at % every == 0) and state.at < total:
                events.append(self._keep(state, with_start=True))
            elif time.perf_counter() - self.shown > PREVIEW_S:
                events.append(self._preview(state))
            events.append(self._progress(state.at, total, phase))
            for event in events:
                yield from self._say(event, state.at)
            if self.request.stop:
                total = min(total, max(state.at, self.request.stop))
        return total

    def _progress(self, at: int, total: int, phase: str) -> Progress:
        return Progress(at, total, phase, share(self._levels, at, total))

    def _told(
        self, steps: Generator[Progress, Any, Any], at: int, total: int, phase: str, ahead: int = 0
    ) -> Generator[Event, Any, Any]:
        """Steps inside of one iteration: their phrase beside the run's own progress."""
        try:
            while True:
                inner = next(steps)
                part = f" · {inner.phase} {inner.done}/{inner.total}" if inner.total else f" · {inner.phase}"
                yield from self._say(self._progress(at, total, phase + part), at + ahead)
        except StopIteration as stop:
            return stop.value

    # Changes ----------------------------------------------------------------------------------------------------

    def _say(self, event: Event, at: int = 0) -> Generator[Event, Any, None]:
        """Yield; whatever is sent in holds from iteration ``at`` on."""
        changed = yield event
        if not isinstance(changed, Stylize) or changed == self.sent:
            return
        look = changed.look if changed.look != self.sent.look else _latest(changed)
        if look != _latest(self.request):
            earlier = tuple(c for c in self.request.changes if c.at < at)
            if at == 0:
                self.request = msgspec.structs.replace(self.request, look=look, changes=())
            else:
                self.request = msgspec.structs.replace(self.request, changes=(*earlier, Change(at=at, look=look)))
            self._looks.clear()
        if changed.stop:
            self.request = msgspec.structs.replace(self.request, stop=max(1, at, min(changed.stop, 1 << 30)))
        if changed.colours != self.request.colours:
            self.request = msgspec.structs.replace(self.request, colours=changed.colours)
        self.sent = changed

    _looks: dict[int, StyleLook]

    def look(self, at: int) -> StyleLook:
        """The complete look at an iteration; the same object while nothing changes."""
        if not hasattr(self, "_looks"):
            self._looks = {}
        bare = look_at(self.request, at)
        key = id(bare)
        if key not in self._looks:
            self._looks[key] = complete(bare, self.network.layers)
        return self._looks[key]

    def _need(self) -> int:
        """The least side in px that all layers of the run want."""
        return self.network.need(self.layers())

    def layers(self) -> tuple[str, ...]:
        """All layers that the run looks at, from shallow to deep."""
        names: set[str] = set()
        for look in (self.request.look, *(c.look for c in self.request.changes)):
            for part in used_layers(complete(look, self.network.layers), self.network):
                names |= set(part)
        return tuple(n for n in self.network.layers if n in names)

    def read_styles(self, look: StyleLook) -> None:
        if not look.styles:
            raise StudioError("There is no style picture yet.", "", "Drop a style picture first.")
        for source in look.styles:
            if source.picture not in self.setting.styles:
                self.setting.styles[source.picture] = tensor(
                    read(self.ctx, source.picture, "style picture"), self.device
                )

    # Pictures ---------------------------------------------------------------------------------------------------

    def _begin(self, level: Scale) -> State:
        start, size = self.request.start, level.size
        if start.kind == "style":
            whole = self.setting.styles[self.look(0).styles[0].picture]
        elif start.kind == "picture":
            whole = tensor(read(self.ctx, start.picture, "picture to begin with"), self.device)
        else:
            whole = self.content
        x = resized(whole, size).clone()
        mix = 1.0 if start.kind == "noise" else min(max(start.noise, 0.0), 1.0)
        if mix > 0.0:
            rng = np.random.RandomState(self.request.seed & 0xFFFFFFFF)
            noise = torch.from_numpy(rng.standard_normal((1, 3, *size)).astype(np.float32)).to(self.device)
            x = torch.lerp(x, (0.5 + 0.2 * noise).clamp_(0.0, 1.0), mix)
        x = x.contiguous()
        return State(x, x.clone(), new_optimiser(self.request))

    def _picture(self, state: State) -> UInt8Image:
        return to_uint8(state.mean if self.request.average > 0 else state.x)

    def _coloured(self, raw: UInt8Image) -> UInt8Image:
        return recolour(raw, self.content_pixels, self.request.colours)

    def _preview(self, state: State) -> Preview:
        self.shown = time.perf_counter()
        return Preview(self._coloured(self._picture(state)), f"step {state.at}", state.at)

    def _keep_every(self, state: State, level: Scale) -> int:
        """Every so many iterations an iterate is kept: fewer of large pictures, whose states are large."""
        if self.request.keep <= 0 or self.light:
            return 0
        pixels = level.size[0] * level.size[1]
        each = pixels * 3 * 4 * (4 if self.request.optimiser == "adam" else 24)
        most = max(1, KEPT_BYTES // each)
        wished = max(1, level.count // self.request.keep)
        return self.request.keep * math.ceil(wished / most)

    def _keep(self, state: State, *, with_start: bool) -> KeptPreview:
        raw = self._picture(state)
        start = self.ctx.assets.put(state.pack(self.request), "npz") if with_start else ""
        kept = KeptIterate(at=state.at, picture=self.ctx.assets.put_image(raw), start=start)
        self.kept.append(kept)
        self.shown = time.perf_counter()
        return KeptPreview(self._coloured(raw), f"step {state.at}", state.at, kept)

    def _result(self, state: State) -> StyleRun:
        raw = self._picture(state)
        if not self.light:
            self._keep(state, with_start=True)
        seconds = time.perf_counter() - self.started
        run = msgspec.structs.replace(self.request, resume=None, tile=self.setting.tile or self.request.tile)
        info = {
            "run": run,
            "ms": round(1000 * seconds),
            "iterations": state.at,
            "size": (raw.shape[1], raw.shape[0]),
            "tile": self.setting.tile,
            "low": self.network.low,
        }
        losses = {name: tuple(curve) for name, curve in state.losses.items()}
        return StyleRun(self._coloured(raw), raw, tuple(self.kept), losses, seconds, info)

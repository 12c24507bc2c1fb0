"""A photograph into latent space: the code whose picture comes closest, by optimisation (after Karras et al. 2020,
section 5, and Abdal et al. 2019), in W or in W+.

What is minimised are three shares of what the mean picture leaves unexplained: perceptual distance, pixels, and low
frequencies (which carry pose and colours when details do not fit yet).  Editability keeps W+ near W: a penalty on how
far the rows leave their common code and on how far that leaves the distribution of w.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Loss, Preview, Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.explore.codes import Model, open_model
from studio.engine.explore.draw import batch_size, info_of, shrink, synthesize, to_uint8
from studio.engine.explore.labels import draw_many
from studio.engine.explore.perception import Perception, perception
from studio.engine.explore.wstats import WStats, w_stats
from studio.engine.registry import operation
from studio.engine.results import Inversion
from studio.project.requests import Invert

CANDIDATES = 256
STAGES = ((0.0, 128), (0.4, 256), (0.7, 0))
"""From which share of the steps on pictures of at most so many px are compared (0: full size), where a network has
smaller outputs.  A processor stays at the last but one: a step of a 1024 px network would take it many seconds."""
LEARNING_RATE = 0.1  # in standard deviations of w
WEIGHTS = {"perceptual": 1.0, "pixel": 0.6, "low": 0.4}
_PHASE = "Finding the picture"


@dataclass(slots=True)
class _Target:
    """The picture to be found at the sizes that are needed, and what the mean picture leaves unexplained of it."""

    full: Tensor
    eyes: Perception
    sizes: dict[int, Tensor] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)

    def at(self, size: int) -> Tensor:
        if size not in self.sizes:
            self.sizes[size] = shrink(self.full, size)
        return self.sizes[size]

    def losses(self, x: Tensor, *, glance: bool = False) -> dict[str, Tensor]:
        """Raw losses ``[N]`` of pictures ``[N, 3, s, s]``; a ``glance`` leaves out the perceptual one."""
        goal = self.at(x.shape[-1]).expand(x.shape[0], -1, -1, -1)
        # What is beyond black or white shows no more, and a photograph cannot ask for it; a little slope stays, so
        # that nothing is lost out there.
        shown = x.clamp(-1.0, 1.0)
        x = shown + 0.05 * (x - shown)
        small = max(4, min(32, x.shape[-1] // 4))
        low = F.interpolate(x, size=(small, small), mode="area") - F.interpolate(goal, size=(small, small), mode="area")
        found = {} if glance else {"perceptual": self.eyes.distance(x, goal)}
        found["pixel"] = (x - goal).square().mean(dim=(1, 2, 3))
        found["low"] = low.square().mean(dim=(1, 2, 3))
        return found

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """Their weighted sum in units of the mean picture's, ``[N]``."""
        return torch.stack([WEIGHTS[k] * v / self.scale[k] for k, v in losses.items()]).sum(dim=0)


@operation(Invert, long=True, doing="Finding the picture in the latent space")
def invert(ctx: Context, request: Invert) -> Steps[Inversion]:
    """Find a picture (asset) in W or W+.

    Yields losses at every step and previews on the way; a new :class:`Invert` sent in changes editability and the
    number of steps from the next one on.  The result's ``ws`` ``[num_ws, w_dim]`` is in the assets; ``info`` holds
    ``psnr`` (dB at the network's size), ``perceptual`` with the ``features`` that measured it, ``spread`` (how far
    the rows leave their mean, in standard deviations of w) and ``ordinary`` (how far the code is from the mean w,
    1: as far as codes usually are).
    """
    started = time.perf_counter()
    model = open_model(ctx.derive(frugal=False), request.model, "exact")
    if model.autoencoder is not None:
        raise StudioError(
            "This model has an encoder.",
            "It reads the code of a picture at once, without a search.",
            "Drop the picture into Morph.",
        )
    net = model.net
    target = _Target(_read_target(ctx, request, net.resolution, model.device), perception(model))
    stats = yield from w_stats(model)
    start_w = yield from _best_start(model, target, request)
    search = _Search(model, stats, target, start_w, request.seed, wplus=request.space == "w+" and net.num_ws > 1)
    curves: dict[str, list[float]] = {}
    shown = time.perf_counter()
    i = 0
    while i < max(1, request.steps):
        values, x = search.step(i, max(1, request.steps), request.editability)
        i += 1
        for name, value in values.items():
            curves.setdefault(name, []).append(value)
        events: list[Any] = [Loss(i, values), Progress(i, max(1, request.steps), _PHASE)]
        if i == 1 or i % 10 == 0 or time.perf_counter() - shown > 0.5:
            events.insert(0, Preview(to_uint8(x)[0], f"step {i}", i))
            shown = time.perf_counter()
        for event in events:
            changed = yield event
            if isinstance(changed, Invert):
                request = changed
    ws = search.ws(request.editability)
    picture = synthesize(net, ws[None])
    image = to_uint8(picture)[0]
    with torch.no_grad():
        distance = float(target.eyes.distance(picture, target.full)[0])
    facts = info_of(
        net,
        started,
        psnr=psnr(image, to_uint8(target.full)[0]),
        perceptual=distance,
        features=target.eyes.name,
        spread=float((ws - ws.mean(dim=0)).std(unbiased=False)) / max(1e-12, stats.spread),
        ordinary=math.sqrt(search.unusual(ws.mean(dim=0))),
        space=request.space,
        steps=i,
    )
    asset = ctx.assets.put_array(ws.cpu().numpy().astype(np.float32))
    return Inversion(asset, image, {name: tuple(curve) for name, curve in curves.items()}, facts)


def psnr(a: UInt8Image, b: UInt8Image) -> float:
    """Peak signal to noise ratio of two uint8 pictures in dB (99 for equal ones)."""
    mse = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return 99.0 if mse == 0.0 else min(99.0, 10.0 * math.log10(255.0**2 / mse))


def _read_target(ctx: Context, request: Invert, size: int, device: torch.device) -> Tensor:
    from studio.media.images import fit_square, flatten

    if request.labels and not all(math.isfinite(x) for x in request.labels):
        raise StudioError("The labels of this inversion are no numbers.")
    # What is transparent becomes white, as on paper.
    pixels = flatten(fit_square(ctx.assets.image(request.picture), size), (255, 255, 255))
    rgb = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    return (rgb / 127.5 - 1.0).contiguous().to(device)


def _best_start(model: Model, target: _Target, request: Invert) -> Steps[Tensor]:
    """The w ``[w_dim]`` to begin with: the mean or the best of many seeds, judged on small pictures.

    All are glanced at, and the most promising are looked at closely.
    """
    net = model.net
    small = min([r for r in net.low_resolutions if r >= 64], default=net.resolution)
    count, close = (CANDIDATES, CANDIDATES // 16) if small <= 256 else (32, 8)
    rng = np.random.RandomState(request.seed & 0xFFFFFFFF)
    z = torch.from_numpy(rng.randn(count, net.z_dim).astype(np.float32)).to(model.device)
    labels = _labels(model, request, rng, count)
    with torch.no_grad():
        w = torch.cat((net.w_avg[None], net.map(z, labels, psi=0.8)[:, 0]))

    def draw(part: Tensor) -> Tensor:
        return synthesize(net, part[:, None].expand(-1, net.num_ws, -1), size=small)

    with torch.no_grad():
        target.scale.update({k: max(1e-4, float(v)) for k, v in target.losses(draw(w[:1])).items()})
    each = batch_size(model.ctx, net, small)
    glances: list[float] = []
    for start in range(0, len(w), each):
        with torch.no_grad():
            glances += target.total(target.losses(draw(w[start : start + each]), glance=True)).tolist()
        yield Progress(min(count, start + each), count, "Looking for a start")
    best, best_total = 0, math.inf
    for at in sorted({0, *np.argsort(glances, kind="stable")[:close].tolist()}):
        with torch.no_grad():
            total = float(target.total(target.losses(draw(w[at : at + 1]))))
        if total < best_total:
            best, best_total = at, total
        yield Progress(count, count, "Looking for a start")
    return w[best].clone()


def _labels(model: Model, request: Invert, rng: np.random.RandomState, count: int) -> Tensor | None:
    net = model.net
    if net.c_dim == 0:
        return None
    if request.labels:
        if len(request.labels) != net.c_dim:
            raise StudioError(
                "The labels do not fit this model.", f"It has {net.c_dim}, {len(request.labels)} were given."
            )
        return torch.tensor(request.labels, device=model.device).expand(count, -1)
    drawn = draw_many(rng, count, net.c_dim, model.label_groups)
    return torch.from_numpy(cast(Any, drawn)).to(model.device)


class _Search:
    """The optimisation itself: a common code and, in W+, what each layer adds to it; both in standard deviations."""

    def __init__(self, model: Model, stats: WStats, target: _Target, start: Tensor, seed: int, *, wplus: bool) -> None:
        self._net, self._target, self._wplus = model.net, target, wplus
        self._origin, self._unit = start, max(1e-6, stats.spread)
        device = model.device
        self._base = torch.zeros(model.net.w_dim, device=device, requires_grad=True)
        self._extra = torch.zeros(model.net.num_ws, model.net.w_dim, device=device, requires_grad=True)
        self._adam = torch.optim.Adam([self._base, self._extra], lr=LEARNING_RATE, betas=(0.9, 0.999))
        self._noise = torch.Generator()
        self._noise.manual_seed(seed & 0x7FFFFFFF)
        floor = 0.03 * float(stats.sigmas[0])
        self._mean = torch.from_numpy(stats.mean.astype(np.float32)).to(device)
        whiten = stats.components / np.maximum(stats.sigmas, max(floor, 1e-6))[:, None]
        self._whiten = torch.from_numpy(whiten.astype(np.float32)).to(device)
        self._full_size = device.type != "cpu"

    def ws(self, editability: float) -> Tensor:
        """The code so far, ``[num_ws, w_dim]``, without gradients."""
        with torch.no_grad():
            return self._code(self._free(editability)).clone()

    def _size(self, t: float) -> int | None:
        """The output to compare at this share of the steps (``None``: the full picture)."""
        net = self._net
        limits = [limit for begin, limit in STAGES if t >= begin and (limit or self._full_size)]
        fitting = [r for r in net.low_resolutions if limits[-1] and r <= limits[-1] < net.resolution]
        return max(fitting, default=None)

    def _free(self, editability: float) -> bool:
        return self._wplus and editability < 1.0

    def _code(self, free: bool) -> Tensor:
        common = self._origin + self._unit * self._base
        ws = common.expand(self._net.num_ws, -1)
        return ws + self._unit * self._extra if free else ws

    def unusual(self, w: Tensor) -> float:
        """The mean squared distance from the mean of w along its components, in variances: about 1 is usual."""
        with torch.no_grad():
            return float((self._whiten @ (w - self._mean)).square().mean())

    def step(self, i: int, steps: int, editability: float) -> tuple[dict[str, float], Tensor]:
        """One step of the descent: (losses, the picture ``[1, 3, s, s]`` before it)."""
        t = i / steps
        free = self._free(editability) and t >= 0.25  # first the common code: rows that leave it early never return
        for group in self._adam.param_groups:
            group["lr"] = LEARNING_RATE * _ramp(t)
        size = self._size(t)
        e = min(max(editability, 0.0), 0.999)
        pull = e / (1.0 - e)
        with torch.enable_grad(), _trainable(self._net):
            ws = self._code(free)
            stir = 0.05 * self._unit * max(0.0, 1.0 - t / 0.75) ** 2
            shaken = ws + stir * torch.randn(ws.shape[-1], generator=self._noise).to(ws.device)
            x = self._net.synthesize(shaken[None], "const", size=size)
            losses = self._target.losses(x)
            total = self._target.total(losses)[0]
            common = ws.mean(dim=0)
            odd = (self._whiten @ (common - self._mean)).square().mean()
            penalty = 0.02 * pull * F.relu(odd - 1.0)
            if free:
                penalty = penalty + 0.2 * pull * ((ws - common) / self._unit).square().mean()
            self._adam.zero_grad(set_to_none=True)
            (total + penalty).backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        values = {"total": float(total.detach()), **{k: float(v.detach()[0]) for k, v in losses.items()}}
        return values, x.detach()


def _ramp(t: float) -> float:
    """The learning rate's share: up over the first 5 %, down like a cosine over the last 30 %."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1.0 - t) / 0.3))
    return min(1.0, (t + 0.01) / 0.05) * max(down, 0.02)


@contextmanager
def _trainable(net: Any) -> Iterator[None]:
    """Gradients through the shared-weight formulation of the network, which costs less than one weight per sample."""
    before = net.training
    net.training = True
    try:
        yield
    finally:
        net.training = before

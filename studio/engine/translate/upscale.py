"""A picture made larger by a network, in tiles that go straight into the outcome."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.base.errors import ModelError
from studio.base.steps import Progress, Steps
from studio.checkpoints.card import ModelCard
from studio.engine.context import Context
from studio.engine.explore.draw import milliseconds
from studio.engine.registry import operation
from studio.engine.results import Picture
from studio.engine.style.needs import SHARE, available
from studio.engine.translate.canvas import LUMA, Canvas, Outcome, not_pictures, open_canvas
from studio.engine.translate.network import bytes_per_pixel
from studio.nets.roles import Upscaler
from studio.nets.translator_ops import mix_weights
from studio.project.base import Precision
from studio.project.translate import Upscale

TILE = 192
"""Side of tiles in px of the input: a step stays short, and the overlap is a small part of it."""
SMALLEST = 32
STEPS = 50
"""In how many steps the way to the sharper sister is divided; each is a network of its own for a while."""
SPREAD = 8
"""Pixels by which colours reach under what is transparent, so that no hidden colour shines through an edge."""


@operation(Upscale, parts=True, doing="Enlarging the picture")
def upscale(ctx: Context, request: Upscale) -> Steps[Picture]:
    """The picture (asset) ``scale`` times as large.

    Alpha goes through the same network as a grey picture and stays within its neighbours, so that what was clear stays
    clear; a network for grey makes the light, and the colours are interpolated.  ``info``: ``ms``, ``model``,
    ``scale``, ``size``, ``tile``, ``sharpness``.
    """
    started = time.perf_counter()
    canvas = open_canvas(ctx, request.picture)
    precision: Precision = "exact" if canvas.deep else request.precision
    net, card, sharpness = open_upscaler(ctx, request, precision)
    h, w = canvas.size
    outcome = Outcome((h * net.scale, w * net.scale), alpha=canvas.alpha, deep=canvas.deep, icc=canvas.icc)
    side = tile_for(ctx, net, request.tile)
    pieces = tiles(canvas.size, side, int(getattr(net, "multiple", 1)))
    for done, (top, bottom, left, right) in enumerate(pieces):
        yield Progress(done, len(pieces), "Enlarging")
        with torch.no_grad():
            colours, alpha = _enlarged(net, canvas, (top, bottom, left, right), ctx.device)
        outcome.put(colours, alpha, top * net.scale, left * net.scale)
    info = {
        "ms": milliseconds(started),
        "model": card.title or card.name,
        "scale": net.scale,
        "size": outcome.size,
        "tile": side if len(pieces) > 1 else 0,
        "sharpness": sharpness,
    }
    return outcome.picture(info)


def open_upscaler(ctx: Context, request: Upscale, precision: Precision | None) -> tuple[Upscaler, ModelCard, float]:
    """(network, card, how far towards the sharper one) of a request.

    ModelError: one of the two is missing, is no upscaler or not for pictures, or they are not of one shape.
    """
    card = ctx.card(request.model) if request.model else ctx.library.default("upscaler")
    if card is None:
        raise ModelError(
            "There is no upscaler on this computer yet.",
            "None came with this installation.",
            "Drop a model file on the window: SRResNet, SRGAN, ESRGAN and their like.",
        )
    t = round(min(max(request.sharpness, 0.0), 1.0) * STEPS) / STEPS if request.sharper else 0.0
    if t >= 1.0:
        card, plain = ctx.card(request.sharper), card
        if card.role == "upscaler" and card.hyper.get("scale") != plain.hyper.get("scale"):
            raise _no_sister(plain, card)
    net = ctx.network(card, ("upscaler",), precision)
    if 0.0 < t < 1.0:
        other = ctx.card(request.sharper)
        sister = ctx.network(other, ("upscaler",), precision)
        net = _between(ctx, (card, net), (other, sister), t)
    if net.in_channels not in (1, 3) or net.out_channels not in (1, 3):
        raise not_pictures(net.in_channels if net.in_channels not in (1, 3) else net.out_channels)
    return cast(Upscaler, net), card, t


def _between(ctx: Context, a: tuple[ModelCard, Any], b: tuple[ModelCard, Any], t: float) -> Any:
    """The network whose numbers lie ``t`` of the way from one to the other, kept while the slider may come back."""
    plain, sharp = a[1], b[1]
    if type(plain) is not type(sharp):  # one of them has a prepared form and the other has not
        plain, sharp = getattr(plain, "exact", plain), getattr(sharp, "exact", sharp)
    if _built(plain) != _built(sharp):
        raise _no_sister(a[0], b[0])
    # What was assumed about the files decides what networks they are.
    who = tuple((card.sha256, repr(sorted(card.assumed().items()))) for card in (a[0], b[0]))
    key = ("between", *who, round(t, 4), type(plain).__name__, ctx.device)
    found: Any = ctx.cache.make(key, lambda: mix_weights((plain, sharp), (1.0 - t, t)).eval().requires_grad_(False))
    return found


def _no_sister(plain: ModelCard, sharp: ModelCard) -> ModelError:
    return ModelError(
        f"“{sharp.title or sharp.name}” is no sharper sister of “{plain.title or plain.name}”.",
        "Their networks are not built alike, so there is nothing between them.",
        "Choose the two models of one pair.",
    )


def _built(net: Any) -> tuple[Any, ...]:
    """How a network is built, and in which order it takes its colours."""
    exact = getattr(net, "exact", net)
    return net.scale, getattr(exact, "colors", "rgb"), {k: v.shape for k, v in net.state_dict().items()}


def tile_for(ctx: Context, net: Upscaler, asked: int = 0) -> int:
    """The side of tiles in px of the input: as asked for, else :data:`TILE`, or less where memory is short."""
    side = asked or TILE
    if not asked:
        need = bytes_per_pixel(net, net.in_channels)
        side = min(side, int(math.sqrt(SHARE * available(ctx.device) / max(need, 1.0))))
    return max(min(SMALLEST, side), int(side / math.sqrt(ctx.parts)))


def tiles(size: tuple[int, int], side: int, multiple: int) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of nearly equal tiles, in reading order, that begin at multiples."""

    def cuts(n: int) -> list[tuple[int, int]]:
        count = max(1, -(-n // max(1, side)))
        edges = sorted({min(n, round(i * n / count / multiple) * multiple) for i in range(count)} | {n})
        return list(itertools.pairwise(edges))

    return [(top, bottom, left, right) for top, bottom in cuts(size[0]) for left, right in cuts(size[1])]


@dataclass(frozen=True, slots=True)
class _Window:
    """What a tile sees: the tile and its overlap, and where it lies in that."""

    top: int
    bottom: int
    left: int
    right: int
    inner: tuple[int, int, int, int]

    def cut(self, y: Tensor, scale: int) -> Tensor:
        top, bottom, left, right = (n * scale for n in self.inner)
        return y[:, :, top:bottom, left:right]


def _window(size: tuple[int, int], tile: tuple[int, int, int, int], margin: int, multiple: int) -> _Window:
    top, bottom, left, right = tile
    halo = -(-margin // multiple) * multiple
    see_top, see_left = max(0, top - halo), max(0, left - halo)
    see_bottom, see_right = min(size[0], bottom + halo), min(size[1], right + halo)
    inner = (top - see_top, bottom - see_top, left - see_left, right - see_left)
    return _Window(see_top, see_bottom, see_left, see_right, inner)


def _enlarged(
    net: Upscaler, canvas: Canvas, tile: tuple[int, int, int, int], device: str
) -> tuple[Tensor, Tensor | None]:
    """A tile's colours and alpha at full size."""
    multiple = int(getattr(net, "multiple", 1))
    reach = net.margin + (SPREAD if canvas.alpha else 0)
    window = _window(canvas.size, tile, reach, multiple)
    colours, alpha = canvas.part(window.top, window.bottom, window.left, window.right)
    colours = colours.to(device)
    if alpha is None:
        return window.cut(_colours(net, colours), net.scale), None
    alpha = alpha.to(device)
    made = window.cut(_colours(net, spread(colours, alpha)), net.scale)
    return made, window.cut(_alpha(net, alpha), net.scale)


def _colours(net: Upscaler, x: Tensor) -> Tensor:
    if net.in_channels == x.shape[1]:
        y = net.upscale(x)
        return y if y.shape[1] == 3 else y.expand(-1, 3, -1, -1)
    # The usual way with networks for grey: they make the light, whose details the eye sees (Dong et al., 2014).
    weights = x.new_tensor(LUMA).view(1, 3, 1, 1)
    light = (x * weights).sum(dim=1, keepdim=True)
    plain = F.interpolate(x, scale_factor=net.scale, mode="bicubic", align_corners=False)
    return plain + (_grey(net, light) - (plain * weights).sum(dim=1, keepdim=True))


def _grey(net: Upscaler, x: Tensor) -> Tensor:
    y = net.upscale(x.expand(-1, net.in_channels, -1, -1))
    return y[:, :3].mean(dim=1, keepdim=True)


def _alpha(net: Upscaler, alpha: Tensor) -> Tensor:
    low, high = float(alpha.min()), float(alpha.max())
    if low == high:
        return alpha.new_full((1, 1, alpha.shape[2] * net.scale, alpha.shape[3] * net.scale), low)
    made = _grey(net, alpha)
    # A network draws ripples beside edges and noise on what is even: never beyond what the neighbours have.
    around = F.pad(alpha, (1, 1, 1, 1), mode="replicate")
    most, least = F.max_pool2d(around, 3, 1), -F.max_pool2d(-around, 3, 1)
    largest, smallest = (F.interpolate(v, scale_factor=net.scale, mode="nearest") for v in (most, least))
    return torch.minimum(torch.maximum(made, smallest), largest)


def spread(colours: Tensor, alpha: Tensor) -> Tensor:
    """Colours ``[1, 3, H, W]`` of what is seen carried :data:`SPREAD` px under what is not (alpha ``[1, 1, H, W]``)."""
    known = (alpha > 0).to(colours.dtype)
    if bool(known.min() > 0) or not bool(known.max() > 0):
        return colours
    box = colours.new_ones(1, 1, 3, 3)
    seen = colours * known
    for _ in range(SPREAD):
        count = F.conv2d(known, box, padding=1)
        total = F.conv2d(seen.transpose(0, 1), box, padding=1).transpose(0, 1)
        new = (known == 0) & (count > 0)
        seen = torch.where(new, total / count.clamp_min(1.0), seen)
        known = torch.where(new, torch.ones_like(known), known)
    return torch.where(known > 0, seen, colours)

"""Translators as the operations use them: which one, with which statistics and labels, in tiles of which size."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy.typing as npt
import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Steps
from studio.checkpoints.card import ModelCard
from studio.engine.context import Context
from studio.engine.stepping import lightly, without_gradients
from studio.engine.style.needs import available
from studio.engine.translate.canvas import Canvas, not_pictures, to_network, to_pixels
from studio.engine.translate.labels import labels_for
from studio.project.base import Precision
from studio.project.translate import TranslateLook

TILE = 512
SMALLEST = 128
"""Sides of tiles in px: a step of one takes some tenths of a second."""
SMALL = 1 << 21
"""Pixels up to which a picture travels as floating point."""
ROOM = (1 << 28, 8 << 30)
"""Bytes for the activations of large pictures, at least and at most; what exceeds them goes to a file."""
ROOM_SHARE = 0.4
"""Of the memory that is free now."""
ALIVE = 4.0
"""Times the largest activation: what a pass holds at once."""
PROBE = 64

Made = Tensor | npt.NDArray[Any]
"""A picture ``[N, C, H, W]`` in [-1, 1], or a large one as pixels ``[H, W, C]``."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A translator and what one request asks of it."""

    net: Any
    """A :class:`studio.nets.roles.Translator` with ``translate_steps``."""
    card: ModelCard
    device: str
    statistics: float
    seed: int | None
    labels: Tensor | None

    @property
    def title(self) -> str:
        """The model's name for a person."""
        return self.card.title or self.card.name

    @property
    def facts(self) -> dict[str, Any]:
        """For the ``info`` of a result."""
        told: dict[str, Any] = {"model": self.title}
        if self.net.has_stored_statistics:
            told["statistics"] = self.statistics
        if self.net.has_dropout and self.seed is not None:
            told["seed"] = self.seed
        return told

    def input(self, canvas: Canvas) -> Made:
        """The picture as this network takes it."""
        pixels = canvas.size[0] * canvas.size[1]
        if pixels <= SMALL:
            with lightly(pixels):
                return to_network(canvas, self.net.in_channels, self.device)
        return to_pixels(canvas, self.net.in_channels)

    def run(
        self, ctx: Context, x: Made, tile: int, *, seeds: Sequence[int] = (), labels: Tensor | None = None
    ) -> Steps[Made]:
        """Through the network, to the same kind of picture; none of the steps has gradients.

        ``seeds`` and ``labels`` in place of the request's, one for each of several pictures.
        """
        seed: int | Sequence[int] | None = seeds or self.seed
        labels = self.labels if labels is None else labels
        room = int(min(max(ROOM_SHARE * available(self.device), ROOM[0]), ROOM[1]) / ctx.parts)
        steps = self.net.translate_steps(x, self.statistics, seed, labels, tile=tile, room=room)
        made: Made = yield from without_gradients(steps)
        return made


def open_translator(ctx: Context, sha: str, look: TranslateLook, precision: Precision | None = None) -> Ready:
    """The translator of a request (``""``: the embedded one) with what its look asks for.

    ModelError: it is not here, no translator, or not for pictures.  StudioError: the labels do not fit it.
    """
    card = ctx.card(sha) if sha else ctx.library.default("translator")
    if card is None:
        raise ModelError(
            "There is no translator on this computer yet.",
            "None came with this installation.",
            "Drop a model file on the window: pix2pix, CycleGAN, CUT or StarGAN.",
        )
    net = ctx.network(card, ("translator",), precision)
    for channels in (int(net.in_channels), int(net.out_channels)):
        if channels not in (1, 3):  # told before it works for minutes
            raise not_pictures(channels)
    wished = _advised(card) if look.statistics is None else look.statistics
    labels = labels_for(card.label_groups, int(net.c_dim), look.labels)
    return Ready(
        net=net,
        card=card,
        device=ctx.device,
        statistics=min(max(wished, 0.0), 1.0) if net.has_stored_statistics else 1.0,
        seed=look.seed if net.has_dropout else None,
        labels=None if labels is None else torch.tensor(labels, device=ctx.device)[None],
    )


def _advised(card: ModelCard) -> float:
    """The statistics that the card advises; the picture's own, as the authors run their networks, if it does not."""
    value = card.hyper.get("statistics")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 1.0


def tile_for(ctx: Context, asked: int = 0) -> int:
    """The side of tiles in px: as asked for, smaller after memory ran out."""
    side = asked or TILE
    return max(min(SMALLEST, side), int(side / math.sqrt(ctx.parts)))


_known: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()


def bytes_per_pixel(net: Any, channels: int) -> float:
    """About what one pass holds at once for each pixel of the picture, in float32, from a look at a small one."""
    if net not in _known:
        plain: nn.Module = getattr(net, "exact", net)
        most = 0

        def note(_module: nn.Module, _given: Any, y: Any) -> None:
            nonlocal most
            if isinstance(y, Tensor):
                most = max(most, y.numel() * 4)

        hooks = [m.register_forward_hook(note) for m in plain.modules()]
        side = max(PROBE, int(getattr(net, "multiple", 1)))
        try:
            x = torch.zeros(1, channels, side, side, device=next(plain.parameters()).device)
            with torch.no_grad():
                cast(Any, plain).upscale(x) if hasattr(plain, "upscale") else cast(Any, plain).translate(x, "own")
        finally:
            for hook in hooks:
                hook.remove()
        _known[net] = ALIVE * most / side**2
    return _known[net]

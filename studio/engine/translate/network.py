"""Translators as the operations use them: which one, with which statistics and labels, in tiles of which size."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Progress, Steps
from studio.checkpoints.card import ModelCard
from studio.engine.context import Context
from studio.engine.stepping import without_gradients
from studio.engine.style.needs import SHARE, available
from studio.engine.translate.canvas import Canvas, to_network
from studio.engine.translate.labels import labels_for
from studio.nets.roles import Translator
from studio.project.base import Precision
from studio.project.translate import TranslateLook

WHOLE = 1024
"""Pictures up to this side go through in one piece: no step takes long, and one pass is the fastest."""
SMALLEST = 128
ALIVE = 4.0
"""Times the largest activation: what a pass holds at once, skips of a U-Net included."""
PROBE = 64


@dataclass(frozen=True, eq=False)
class Ready:
    """A translator and what one request asks of it."""

    net: Translator
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

    def input(self, canvas: Canvas) -> Tensor:
        """The picture as this network takes it."""
        return to_network(canvas, self.net.in_channels, self.device)

    def run(self, x: Tensor, tile: int) -> Steps[Tensor]:
        """``[1, C, H, W]`` in [-1, 1] through the network, ``[1, C', H, W]``; none of its steps has gradients."""
        net: Any = self.net
        if max(x.shape[2:]) <= tile or not hasattr(net, "translate_steps"):
            y: Tensor = self.now(x)
            yield Progress(1, 1, "Translating")
            return y
        steps = net.translate_steps(x, self.statistics, self.seed, self.labels, tile=tile)
        y = yield from without_gradients(steps)
        return y

    def now(self, x: Tensor, *, seeds: Sequence[int] = (), labels: Tensor | None = None) -> Tensor:
        """The same in one step, for one or several pictures; with a dropout seed or labels for each."""
        seed: int | Sequence[int] | None = seeds or self.seed
        with torch.no_grad():
            y: Tensor = self.net.translate(x, self.statistics, seed, self.labels if labels is None else labels)
            return y


def open_translator(ctx: Context, sha: str, look: TranslateLook, precision: Precision | None = None) -> Ready:
    """The translator of a request (``""``: the embedded one) with what its look asks for.

    ModelError: it is not here or no translator.  StudioError: the labels do not fit it.
    """
    card = ctx.card(sha) if sha else ctx.library.default("translator")
    if card is None:
        raise ModelError(
            "There is no translator on this computer yet.",
            "None came with this installation.",
            "Drop a model file on the window: pix2pix, CycleGAN, CUT or StarGAN.",
        )
    net = cast(Translator, ctx.network(card, ("translator",), precision))
    advised = card.hyper.get("statistics", 1.0) if look.statistics is None else look.statistics
    labels = labels_for(card.label_groups, int(net.c_dim), look.labels)
    return Ready(
        net=net,
        card=card,
        device=ctx.device,
        statistics=min(max(float(advised), 0.0), 1.0) if net.has_stored_statistics else 1.0,
        seed=look.seed if net.has_dropout else None,
        labels=None if labels is None else torch.tensor(labels, device=ctx.device)[None],
    )


def tile_for(ctx: Context, ready: Ready, asked: int = 0) -> int:
    """The side of tiles in px: as asked for, else :data:`WHOLE`, or less where memory is short."""
    side = asked or WHOLE
    if not asked:
        room = SHARE * available(ctx.device)
        need = bytes_per_pixel(ready.net, ready.net.in_channels)
        side = min(side, int(math.sqrt(room / max(need, 1.0))))
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

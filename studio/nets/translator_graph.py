"""A picture-to-picture network as a graph, every node of which can be asked for a part of its map.

A node knows which part of its sources it needs for a part of its own map, so that any rectangle of any map can be
computed, exactly as in a pass over the whole picture: borders are filled at the borders of the picture only.
:mod:`studio.nets.translator_tiles` decides which maps are kept and which are computed anew for each tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.nets.resnet_generator import BlurDown, BlurUp, ResNetBlock, ResNetGenerator
from studio.nets.stargan import StarGAN, StarGANBlock
from studio.nets.translator_ops import Dropout, Norm, PictureTranslator, ResizeConv
from studio.nets.unet_generator import UNetGenerator, UNetLevel


class Span(NamedTuple):
    """Rows or columns ``start`` to ``end`` (not included); they may reach out of the map."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many."""
        return self.end - self.start

    def inside(self, n: int) -> Span:
        """The part inside a map of ``n``."""
        return Span(max(0, self.start), min(n, self.end))

    def within(self, outer: Span) -> slice:
        """Where this part is in what was cut out as ``outer``."""
        return slice(self.start - outer.start, self.end - outer.start)


class Local:
    """A step in which a place depends on places near it: convolutions of any kind.

    ``macs``: multiplications for a place of the outcome.
    """

    border: str = "zero"
    """What lies beyond the picture: ``zero``, ``reflect``, ``replicate``, or ``once`` (replicated once, then zero)."""
    halving: int = 0
    """1: half the size, -1: twice the size."""
    macs: int = 0

    def reach(self, part: Span) -> Span:
        """What is read of the source for this part of the outcome, along one axis."""
        raise NotImplementedError

    def apply(self, x: Tensor, rows: Span, columns: Span) -> Tensor:
        """The part of the outcome from exactly what :meth:`reach` says, borders filled."""
        raise NotImplementedError


@dataclass(frozen=True)
class Window(Local):
    """A convolution with stride 1 or 2; ``before``: how far the first window sticks out."""

    weight: Tensor
    bias: Tensor | None
    stride: int
    before: int
    groups: int = 1
    border: str = "zero"

    @property
    def halving(self) -> int:  # type: ignore[override]
        """1 with stride 2."""
        return self.stride // 2

    @property
    def macs(self) -> int:  # type: ignore[override]
        """Multiplications for a place of the outcome."""
        return self.weight.numel()

    def reach(self, part: Span) -> Span:
        """See :class:`Local`."""
        first = part.start * self.stride - self.before
        return Span(first, (part.end - 1) * self.stride - self.before + self.weight.shape[2])

    def apply(self, x: Tensor, rows: Span, columns: Span) -> Tensor:
        """See :class:`Local`."""
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


@dataclass(frozen=True)
class Rising(Local):
    """A transposed convolution to twice the size."""

    weight: Tensor
    bias: Tensor | None
    padding: int
    groups: int = 1
    border: str = "zero"
    halving: int = -1

    @property
    def macs(self) -> int:  # type: ignore[override]
        """Multiplications for a place of the outcome."""
        return self.weight.numel() // 4

    def reach(self, part: Span) -> Span:
        """See :class:`Local`."""
        first = -(-(part.start + self.padding - self.weight.shape[2] + 1) // 2)
        return Span(first, (part.end - 1 + self.padding) // 2 + 1)

    def apply(self, x: Tensor, rows: Span, columns: Span) -> Tensor:
        """See :class:`Local`."""
        y = F.conv_transpose2d(x, self.weight, self.bias, stride=2, groups=self.groups)
        top, left = (p.start - (2 * self.reach(p).start - self.padding) for p in (rows, columns))
        return y[:, :, top : top + rows.length, left : left + columns.length]


@dataclass(frozen=True)
class Doubling(Local):
    """Nearest neighbour to twice the size and a 3x3 convolution."""

    weight: Tensor
    bias: Tensor | None
    halving: int = -1

    @property
    def macs(self) -> int:  # type: ignore[override]
        """Multiplications for a place of the outcome."""
        return self.weight.numel()

    def reach(self, part: Span) -> Span:
        """See :class:`Local`."""
        return Span((part.start - 1) // 2, part.end // 2 + 1)

    def apply(self, x: Tensor, rows: Span, columns: Span) -> Tensor:
        """See :class:`Local`."""
        y = F.interpolate(x, scale_factor=2, mode="nearest")
        top, left = (p.start - 1 - 2 * self.reach(p).start for p in (rows, columns))
        y = y[:, :, top : top + rows.length + 2, left : left + columns.length + 2]
        return F.conv2d(y, self.weight, self.bias)


def fill(x: Tensor, rows: tuple[int, int], columns: tuple[int, int], border: str) -> Tensor:
    """``x`` with so many rows before and after it, and columns, as they are beyond the border of a picture."""
    if not any((*rows, *columns)):
        return x
    if border == "zero":
        return F.pad(x, (*columns, *rows))
    if border == "once":
        once = [min(1, n) for n in (*columns, *rows)]
        x = F.pad(x, once, mode="replicate")
        return F.pad(x, [n - m for n, m in zip((*columns, *rows), once, strict=True)])
    return F.pad(x, (*columns, *rows), mode=border)


@dataclass(eq=False, slots=True)
class Node:
    """One map.  ``op``: None for the picture, a :class:`Local`, ``"add"``, ``"cat"``, or what happens to each number.

    What happens to each number: a :class:`Norm`, a :class:`Dropout`, ``"tanh"`` or a float, the slope below zero of a
    ReLU.  The map's sides are those of the picture, halved ``halvings`` times.
    """

    op: Local | Norm | Dropout | str | float | None
    sources: tuple[Node, ...]
    channels: int
    halvings: int
    users: list[Node] = field(default_factory=list)

    @property
    def pointwise(self) -> bool:
        """Whether each number depends on one number of the source."""
        return isinstance(self.op, Norm | Dropout | float) or self.op == "tanh"

    def root(self) -> Node:
        """Itself or, of what happens to each number, what it happens to in the end."""
        node = self
        while node.pointwise:
            node = node.sources[0]
        return node


class Graph:
    """All nodes in an order in which sources come first; the last one is the outcome."""

    def __init__(self, planes: int, dtype: torch.dtype) -> None:
        """``planes`` of the picture (its labels with it); weights are taken in ``dtype``."""
        self.dtype = dtype
        self.nodes: list[Node] = []
        self.picture = self.add(None, (), planes, 0)

    @property
    def goal(self) -> Node:
        """The outcome."""
        return self.nodes[-1]

    def add(self, op: Local | Norm | Dropout | str | float | None, sources: tuple[Node, ...], channels: int,
            halvings: int) -> Node:  # fmt: skip
        """One more node."""
        node = Node(op, sources, channels, halvings)
        for source in sources:
            source.users.append(node)
        self.nodes.append(node)
        return node

    def point(self, op: Norm | Dropout | str | float, source: Node) -> Node:
        """What happens to each number."""
        return self.add(op, (source,), source.channels, source.halvings)

    def local(self, op: Local, source: Node, channels: int) -> Node:
        """A convolution of any kind."""
        return self.add(op, (source,), channels, source.halvings + op.halving)

    def through(self, steps: Iterable[nn.Module], node: Node) -> Node:
        """The modules of a sequence, one after the other."""
        border, before = "zero", 0
        for step in steps:
            if isinstance(step, nn.ReflectionPad2d | nn.ReplicationPad2d):
                border = "reflect" if isinstance(step, nn.ReflectionPad2d) else "replicate"
                before = step.padding[0]
                continue
            node = self._step(step, node, border, before)
            border, before = "zero", 0
        return node

    def _step(self, step: nn.Module, node: Node, border: str, before: int) -> Node:
        if isinstance(step, Norm | Dropout):
            return self.point(step, node)
        if isinstance(step, nn.ReLU | nn.LeakyReLU):
            return self.point(float(getattr(step, "negative_slope", 0.0)), node)
        if isinstance(step, nn.Tanh):
            return self.point("tanh", node)
        if isinstance(step, nn.Identity):
            return node
        if isinstance(step, ResNetBlock | StarGANBlock):
            inner = step.conv_block if isinstance(step, ResNetBlock) else step.main
            return self.add("add", (node, self.through(inner, node)), node.channels, node.halvings)
        if isinstance(step, UNetLevel):
            # What joins later went through the level's first ReLU, which works in place.
            skip = node if step.outermost else self.point(0.2, node)
            inside = self.through(step.model if step.outermost else list(step.model)[1:], skip)
            if step.outermost:
                return inside
            return self.add("cat", (skip, inside), skip.channels + inside.channels, node.halvings)
        op, channels = self._local(step, node, border, before)
        return self.local(op, node, channels)

    def _local(self, step: nn.Module, node: Node, border: str, before: int) -> tuple[Local, int]:
        if isinstance(step, BlurDown):
            return Window(self._ready(step.filt), None, 2, step.pad[0], step.channels, "reflect"), node.channels
        if isinstance(step, BlurUp):
            return Rising(self._ready(step.filt), None, (step.taps - 1) // 2, step.channels, "once"), node.channels
        if isinstance(step, nn.Conv2d | nn.ConvTranspose2d):
            weight, bias = self._ready(step.weight), None if step.bias is None else step.bias.detach().to(self.dtype)
            if isinstance(step, ResizeConv):
                return Doubling(weight, bias), step.out_channels
            padding = int(step.padding[0])
            if isinstance(step, nn.ConvTranspose2d):
                return Rising(weight, bias, padding), step.out_channels
            return Window(weight, bias, step.stride[0], before or padding, border=border), step.out_channels
        raise TypeError(f"a {type(step).__name__} cannot be worked on in tiles")

    def _ready(self, weight: object) -> Tensor:
        assert isinstance(weight, Tensor)
        return weight.detach().to(self.dtype).contiguous(memory_format=torch.channels_last)


def graph_of(net: PictureTranslator, dtype: torch.dtype) -> Graph:
    """The graph of a network, its weights in ``dtype``.  Raises ``TypeError`` for kinds it does not know."""
    graph = Graph(net.in_channels + net.c_dim, dtype)
    if isinstance(net, ResNetGenerator):
        graph.through(net.model, graph.picture)
    elif isinstance(net, StarGAN):
        graph.through(net.main, graph.picture)
    elif isinstance(net, UNetGenerator):
        graph.through([net.model], graph.picture)
    else:
        raise TypeError(f"a {type(net).__name__} cannot be worked on in tiles")
    return graph


Kept = Callable[[Node], bool]


def work(net: PictureTranslator) -> float:
    """Multiplications for a pixel of the picture, in one pass over the whole of it."""
    nodes = graph_of(net, next(net.parameters()).dtype).nodes
    return sum(node.op.macs / 4.0**node.halvings for node in nodes if isinstance(node.op, Local))


def macs(node: Node, kept: Kept) -> float:
    """Multiplications for a place of ``node``, with those for what is not kept (halos not counted)."""
    total = float(node.op.macs) if isinstance(node.op, Local) else float(node.channels)
    for source in set(node.sources):
        if source.op is not None and not kept(source):
            total += macs(source, kept) * 4.0 ** (node.halvings - source.halvings)
    return total


def reads(node: Node, part: Span, kept: Kept, found: dict[Node, Span] | None = None) -> dict[Node, Span]:
    """What is read of every kept map (and of the picture) for a part of ``node``, along one axis, borders aside."""
    found = {} if found is None else found
    for source in node.sources:
        need = node.op.reach(part) if isinstance(node.op, Local) else part
        if source.op is None or kept(source):
            known = found.get(source, need)
            found[source] = Span(min(known.start, need.start), max(known.end, need.end))
        else:
            reads(source, need, kept, found)
    return found

"""In which order the maps of a large picture are made, which of them are kept, and in which pieces.

A map is kept (made once, read often) where memory allows.  Otherwise the largest ones, at full and at half size, are
computed anew for every tile that needs them: they come after few layers, while the many layers in the middle of such a
network work at a quarter of the size or below.  A normalisation with the picture's own statistics needs a visit to the
whole of the map before it, kept or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from studio.nets.translator_graph import Graph, Kept, Local, Node, Span, macs, reads
from studio.nets.translator_ops import Norm, Pass

STEP = 12e9
"""Multiplications for a step: a few tenths of a second of two processor cores in float32."""

COARSEST = 2
"""Maps halved this often are kept in any case, on file if they must."""

LEAST = 16
"""Places on the side of a tile that it is not worth going below."""


@dataclass(eq=False, slots=True)
class Visit:
    """One walk over a map, piece by piece.

    ``kept``: it is written down; ``gather``: its means and variances are wanted; ``over``: the kept map in whose place
    it is written, read by this visit for the last time; ``halo``: rows of that which a piece reads of its neighbours.
    """

    node: Node
    kept: bool
    gather: bool
    cost: float
    over: Node | None = None
    halo: int = 0
    done_with: list[Node] = field(default_factory=list)
    boxes: list[tuple[Span, Span]] = field(default_factory=list)

    @property
    def price(self) -> float:
        """Multiplications."""
        return self.cost * sum(rows.length * columns.length for rows, columns in self.boxes)


@dataclass(frozen=True, slots=True)
class Plan:
    """All visits in order; the last one is to the outcome.  ``peak``: numbers kept at the most."""

    visits: list[Visit]
    peak: int


def make_plan(graph: Graph, how: Pass, whole: tuple[int, int], real: tuple[int, int], tile: int, room: float) -> Plan:
    """The plan for a picture with sides ``whole``, of which ``real`` are wanted, with ``room`` numbers to keep.

    ``tile``: the longest side of a piece, in pixels of the picture.
    """
    deepest = max(node.halvings for node in graph.nodes)
    chosen: Plan | None = None
    for finest in range(min(deepest, COARSEST) + 1):
        chosen = _plan(graph, how, whole, finest)
        if chosen.peak <= room:
            break
    assert chosen is not None
    for visit in chosen.visits:
        cut = real if visit.node is graph.goal else sides(visit.node, whole)
        visit.boxes = list(_boxes(visit, cut, tile, _kept_of(chosen)))
    return chosen


def sides(node: Node, whole: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a node's map."""
    return whole[0] >> node.halvings, whole[1] >> node.halvings


def own_share(norm: Norm, how: Pass) -> float:
    """How much of the picture's own statistics a normalisation uses."""
    return how.own if norm.stored else 1.0


def _kept_of(plan: Plan) -> Kept:
    kept = {visit.node for visit in plan.visits if visit.kept}
    return lambda node: node in kept


def _plan(graph: Graph, how: Pass, whole: tuple[int, int], finest: int) -> Plan:
    last_step = graph.goal.root()
    gathered = {
        node for node in graph.nodes if any(isinstance(u.op, Norm) and own_share(u.op, how) > 0 for u in node.users)
    }
    chosen = {node for node in graph.nodes if node is not last_step and _worth(node, finest, node in gathered)}

    def kept(node: Node) -> bool:
        return node in chosen

    visits = [
        Visit(node, node in chosen, node in gathered, macs(node, kept))
        for node in graph.nodes
        if node in chosen or node in gathered or node is graph.goal
    ]
    last: dict[Node, Visit] = {}
    read = [reads(visit.node, Span(1 << 16, 1 << 17), kept) for visit in visits]
    for visit, found in zip(visits, read, strict=True):
        last.update(dict.fromkeys((n for n in found if n in chosen), visit))
    held = peak = 0
    for visit, found in zip(visits, read, strict=True):
        visit.done_with = [node for node in found if last.get(node) is visit]
        if visit.kept:
            _take_over(visit, found)
            if visit.over is None:
                held += _numbers(visit.node, whole)
                peak = max(peak, held)
        held -= sum(_numbers(node, whole) for node in visit.done_with if node is not visit.over)
    return Plan(visits, peak)


def _worth(node: Node, finest: int, gathered: bool) -> bool:
    """Whether a node's map is kept when maps halved ``finest`` times and more are."""
    if node.op == "add":
        return True  # what is added to is needed twice, so that computing it anew would double with every block
    if not isinstance(node.op, Local):
        return False
    added = [user for user in _ends(node) if user.op == "add"]
    if len(added) and len(_ends(node)) > 1:
        return True
    if added and not gathered:
        return False  # it is made while it is added
    return node.halvings >= finest


def _ends(node: Node) -> list[Node]:
    """The nodes that use a map, what happens to each number left out."""
    out: list[Node] = []
    for user in node.users:
        out += _ends(user) if user.pointwise else [user]
    return out


def _take_over(visit: Visit, found: dict[Node, Span]) -> None:
    """Write it in the place of a map of this size that nobody will read again."""
    node = visit.node
    for other in visit.done_with:
        if (other.channels, other.halvings) == (node.channels, node.halvings):
            halo = max((1 << 16) - found[other].start, found[other].end - (1 << 17))
            if visit.over is None or halo < visit.halo:
                visit.over, visit.halo = other, halo


def _numbers(node: Node, whole: tuple[int, int]) -> int:
    rows, columns = sides(node, whole)
    return node.channels * rows * columns


def _boxes(visit: Visit, cut: tuple[int, int], tile: int, kept: Kept) -> Iterator[tuple[Span, Span]]:
    """Pieces: bands of whole rows where nothing is computed twice for them, squares otherwise."""
    rows, columns = cut
    node = visit.node
    places = max(LEAST**2, min(STEP / max(1.0, visit.cost), 64 * tile * tile / node.channels))
    if visit.halo or _steps(node, kept) <= 1:
        height = max(1, visit.halo, int(places) // columns)
        width = columns if visit.halo else max(1, int(places) // height)
    else:
        height = width = max(1, min(tile >> node.halvings, math.isqrt(int(places))))
    for r in _cuts(rows, height, visit.halo):
        for c in _cuts(columns, width, 0):
            yield r, c


def _steps(node: Node, kept: Kept) -> int:
    """Convolutions one after the other from what is kept to a node."""
    below = [_steps(source, kept) for source in node.sources if source.op is not None and not kept(source)]
    return max(below, default=0) + isinstance(node.op, Local)


def _cuts(n: int, size: int, least: int) -> Iterator[Span]:
    """Nearly equal parts of at most ``size``, none below ``least`` where ``n`` allows it."""
    pieces = max(1, -(-n // size))
    if least:
        pieces = max(1, min(pieces, n // least))
    edges = [i * n // pieces for i in range(pieces + 1)]
    for start, end in pairwise(edges):
        yield Span(start, end)

"""Feed-forward networks over large pictures in tiles whose statistics are those of the whole picture.

A network that normalises by means and variances over the picture gives other colours for every tile that is painted
on its own, and seams between them.  Here each tile is worked on with a halo (pixels around it that it can see, thrown
away afterwards), and what is normalised with is gathered from all tiles first.  The outcome is that of one pass over
the whole picture, up to rounding.

Only the large maps are tiled.  A network is taken as three stages: a *head* from the picture to small maps, a *trunk*
on small maps, which runs whole (one number in sixteen pixels for each channel, 100 bytes for each pixel of the picture
with 128 channels), and a *tail* back.  A normalisation inside head or tail costs one pass over that part of the stage
that lies before it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from studio.base.steps import Progress, Steps
from studio.nets.translator_ops import Norm, Pass

PAINTING, LOOKING = "Painting", "Looking at the whole picture"
"""What is said of the progress: of tiles that are painted, and of tiles whose statistics are gathered."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile in places of the coarsest map: what counts, and what is read (with the halo)."""

    top: int
    bottom: int
    left: int
    right: int
    y0: int
    y1: int
    x0: int
    x1: int

    def read(self, x: Tensor, scale: int) -> Tensor:
        """The tile and its halo of ``x``, which has ``scale`` numbers for a place."""
        return x[:, :, self.y0 * scale : self.y1 * scale, self.x0 * scale : self.x1 * scale]

    def inner(self, y: Tensor) -> Tensor:
        """What counts of something computed for the tile with its halo, at whatever scale."""
        rows, columns = self.y1 - self.y0, self.x1 - self.x0
        h, w = y.shape[2], y.shape[3]
        return y[:, :, (self.top - self.y0) * h // rows : (self.bottom - self.y0) * h // rows,
                 (self.left - self.x0) * w // columns : (self.right - self.x0) * w // columns]  # fmt: skip

    def place(self, out: Tensor, scale: int) -> Tensor:
        """Where what counts belongs in the whole."""
        return out[:, :, self.top * scale : self.bottom * scale, self.left * scale : self.right * scale]


def tiles(rows: int, columns: int, size: int, halo: int) -> list[Tile]:
    """Nearly equal tiles of at most ``size`` places on a side, in reading order."""
    out = []
    for top, bottom in _cuts(rows, size):
        for left, right in _cuts(columns, size):
            out.append(Tile(top, bottom, left, right, max(0, top - halo), min(rows, bottom + halo),
                            max(0, left - halo), min(columns, right + halo)))  # fmt: skip
    return out


def _cuts(n: int, size: int) -> Iterator[tuple[int, int]]:
    pieces = max(1, -(-n // max(1, size)))
    edges = [i * n // pieces for i in range(pieces + 1)]
    yield from pairwise(edges)


class Moments:
    """Mean and variance over places, gathered piece by piece in double precision (Chan et al., 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor | None = None
        self.squares: Tensor | None = None

    def add(self, x: Tensor) -> None:
        """A piece ``[N, C, H, W]``; each of the N pictures has its own moments."""
        n = x.shape[2] * x.shape[3]
        if n == 0:
            return
        # float32 over one tile, double between tiles: the deviations from a tile's own mean lose nothing.  Twice over
        # the numbers: torch's var_mean is ten times slower on them.
        x = x.float()
        near = x.mean(dim=(2, 3))
        deviations = x - near[:, :, None, None]
        off = deviations.mean(dim=(2, 3)).double()
        mean, squares = near.double() + off, (deviations.square_().mean(dim=(2, 3)).double() - off.square()) * n
        if self.mean is None or self.squares is None:
            self.mean, self.squares, self.count = mean, squares, n
            return
        total = self.count + n
        step = mean - self.mean
        self.mean = self.mean + step * (n / total)
        self.squares = self.squares + squares + step.square() * (self.count * n / total)
        self.count = total

    def done(self, correction: int = 0) -> tuple[Tensor, Tensor]:
        """Mean and variance, ``[N, C]`` float32 each."""
        assert self.mean is not None
        assert self.squares is not None
        return self.mean.float(), (self.squares / max(1, self.count - correction)).float()


def moments(x: Tensor, correction: int = 0) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over places, ``[N, C]`` each."""
    var, mean = torch.var_mean(x.float(), dim=(2, 3), correction=correction)
    return mean, var


class _Enough(Exception):
    """The pass has come to a normalisation whose statistics are being gathered."""


class SharedPass(Pass):
    """A pass in which every normalisation uses the statistics of the whole picture.

    While :attr:`tile` is set, the first normalisation without known statistics adds what it sees of the tile and ends
    the pass; :meth:`settle` makes its statistics known.
    """

    def __init__(self, like: Pass | None = None) -> None:
        super().__init__("own")
        if like is not None:
            self.own, self.seeds = like.own, like.seeds
        self.known: dict[int, tuple[Tensor, Tensor]] = {}
        self.tile: Tile | None = None
        self._gathering: tuple[int, Moments] | None = None

    def moments(self, norm: Norm, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Known statistics; ``None`` (those of ``x``) outside of tiles."""
        if self.tile is None:
            return None
        known = self.known.get(id(norm))
        if known is not None:
            return known
        if self._gathering is None:
            self._gathering = (id(norm), Moments())
        self._gathering[1].add(self.tile.inner(x))
        raise _Enough

    def settle(self) -> bool:
        """Make gathered statistics known; False if the pass went through and there is nothing to gather."""
        if self._gathering is None:
            return False
        at, gathered = self._gathering
        self.known[at] = gathered.done()
        self._gathering = None
        return True


Stage = Callable[[Tensor, Pass], Tensor]


@dataclass(frozen=True, slots=True)
class Staged:
    """A network in three stages.  ``head`` takes the picture, ``leave`` gives the finished one.

    ``factor``: pixels for a place of the trunk's maps.  ``margin``: pixels that head and tail each see to a side.
    """

    head: Stage
    trunk: Stage
    tail: Stage
    leave: Stage
    factor: int
    margin: int


class HasStages(Protocol):
    """A network that can be run by :func:`staged`."""

    def stages(self) -> Staged:
        """Its stages."""


def staged(net: HasStages, x: Tensor, tile: int = 1024, *, how: Pass | None = None) -> Steps[Tensor]:
    """``x`` ``[N, C, H, W]``, sides multiples of the network's, through all stages, in tiles of ``tile`` pixels.

    Yields progress after every tile.  ``how``: the dropout and the share of own statistics (default: own only).
    """
    plan = net.stages()
    factor = plan.factor
    rows, columns = x.shape[2] // factor, x.shape[3] // factor
    if max(x.shape[2:]) <= tile:
        shared = how or Pass("own")
        y = plan.leave(plan.tail(plan.trunk(plan.head(x, shared), shared), shared), shared)
        yield Progress(1, 1, PAINTING)
        return y
    pieces = tiles(rows, columns, max(1, tile // factor), -(-plan.margin // factor))
    shared = SharedPass(how)
    small = yield from over_tiles(lambda v: plan.head(v, shared), x, pieces, factor, 1, shared)
    shared.tile = None
    small = plan.trunk(small, shared)
    yield Progress(len(pieces), 2 * len(pieces), PAINTING)

    def tail(v: Tensor) -> Tensor:
        return plan.leave(plan.tail(v, shared), shared)

    return (yield from over_tiles(tail, small, pieces, 1, factor, shared))


def over_tiles(
    fn: Callable[[Tensor], Tensor], x: Tensor, pieces: Sequence[Tile], n_in: int, n_out: int, shared: SharedPass
) -> Generator[Progress, None, Tensor]:
    """``fn`` over all tiles: as many times as there are statistics to gather, then once more to the end.

    ``n_in`` and ``n_out``: numbers on the side of a place in ``x`` and in the outcome.
    """
    out: Tensor | None = None
    while out is None:
        whole: Tensor | None = None
        for done, piece in enumerate(pieces):
            shared.tile = piece
            try:
                y = fn(piece.read(x, n_in).contiguous())
            except _Enough:
                y = None
            if y is not None:
                inner = piece.inner(y)
                if whole is None:
                    side = (pieces[-1].bottom * n_out, pieces[-1].right * n_out)
                    whole = inner.new_empty(inner.shape[0], inner.shape[1], *side)
                piece.place(whole, n_out).copy_(inner)
            yield Progress(done + 1, len(pieces), PAINTING if y is not None else LOOKING)
        if not shared.settle():
            out = whole
    return out


def local(
    fn: Callable[[Tensor], Tensor], x: Tensor, n_in: int, n_out: int, tile: int, margin: int
) -> Generator[Progress, None, Tensor]:
    """``fn``, which gathers no statistics, over tiles.

    ``tile`` and ``margin`` are in pixels of the larger side; a place has ``max(n_in, n_out)`` of them.
    """
    factor = max(n_in, n_out)
    rows, columns = x.shape[2] // n_in, x.shape[3] // n_in
    pieces = tiles(rows, columns, max(1, tile // factor), -(-margin // factor))
    if len(pieces) == 1:
        y = fn(x)
        yield Progress(1, 1, PAINTING)
        return y
    return (yield from over_tiles(fn, x, pieces, n_in, n_out, SharedPass()))


def pieces_of(x: Tensor, factor: int, tile: int, margin: int) -> Iterator[tuple[Tile, Tensor]]:
    """All tiles of a picture, each with what is read for it."""
    for piece in tiles(x.shape[2] // factor, x.shape[3] // factor, max(1, tile // factor), -(-margin // factor)):
        yield piece, piece.read(x, factor).contiguous()


def blended(x: Tensor, y: Tensor, strength: float) -> Tensor:
    """The picture and its painting, both ``[N, 3, H, W]`` in [0, 1], mixed; above 1 the painting is exaggerated."""
    x = x.float()
    y = y.to(x.device, torch.float32)
    return y if strength == 1 else torch.lerp(x, y, float(strength)).clamp_(0, 1)

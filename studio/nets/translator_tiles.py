"""Translators over pictures of any size: in tiles, with the statistics and the dropout of the whole picture.

The outcome is that of one pass over the whole picture, up to rounding, for every kind of normalisation and however far
a network sees (a U-Net sees everything).  What is kept on the way is at most what :mod:`studio.nets.translator_plan`
found room for; what exceeds it lies in a file that has no name and is gone with the generator.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import ResourceError
from studio.base.steps import Progress, Steps
from studio.nets.roles import Statistics
from studio.nets.tiling import LOOKING, PAINTING, Moments
from studio.nets.translator_graph import Graph, Local, Node, Span, fill, graph_of, work
from studio.nets.translator_ops import Dropout, Norm, Pass, PictureTranslator, Pixels
from studio.nets.translator_plan import STEP, Plan, Visit, make_plan, own_share, sides

TILE = 512
ROOM = 4 << 30
"""Bytes of kept maps in memory, if nothing else is said."""

RESERVE = 1 << 30
"""Bytes of a disk that are left free."""


class NotFinite(ArithmeticError):
    """Half precision has overflowed."""


def translate_steps(
    net: PictureTranslator,
    x: Tensor | Pixels,
    statistics: Statistics = "stored",
    dropout_seed: int | Sequence[int] | None = None,
    labels: Tensor | None = None,
    *,
    tile: int = TILE,
    room: int = ROOM,
    dtype: torch.dtype = torch.float32,
) -> Steps[Any]:
    """``net.translate(x, ...)`` in steps of a few tenths of a second and in bounded memory.

    ``x`` is ``[N, C, H, W]`` in [-1, 1] on the network's device, and the outcome then float32 there; or pixels
    ``[H, W, C]``, and the outcome then pixels of the same kind, ``[H, W, out_channels]``.  ``tile``: the longest side
    of a piece in pixels; ``room``: bytes of activations in memory, above which they go to a file.  ``dtype``: what
    is computed and kept in.  Gradients are off inside every step.  Raises :class:`ResourceError` when neither memory
    nor disk is enough, and :class:`NotFinite` when float16 overflows.
    """
    if dtype is torch.float32 and isinstance(x, Tensor) and is_light(net, x, tile):
        with torch.no_grad():
            picture = net.translate(x, statistics, dropout_seed, labels)
        yield Progress(1, 1, PAINTING)
        return picture
    source = _Picture(net, x, labels, dtype)
    how = Pass(statistics, dropout_seed, count=source.count)
    graph = graph_of(net, dtype)
    per_number = dtype.itemsize * source.count
    plan = make_plan(graph, how, source.whole, source.real, max(8, tile), room / per_number)
    out = source.outcome(net.out_channels)
    walk = _Walk(graph, plan, how, source, room)
    try:
        yield from walk.steps(out, net)
    finally:
        walk.close()
    return out


def is_light(net: PictureTranslator, x: Tensor | Pixels, tile: int = TILE) -> bool:
    """Whether one pass over the whole picture is a step by itself."""
    rows, columns = x.shape[2:] if isinstance(x, Tensor) else x.shape[:2]
    return max(rows, columns) <= tile and rows * columns * work(net) <= STEP


class _Picture:
    """The picture, grown to sides that fit, as a map that can be read in parts."""

    def __init__(self, net: PictureTranslator, x: Tensor | Pixels, labels: Tensor | None, dtype: torch.dtype) -> None:
        self.x, self.dtype, self.flip = x, dtype, net.colors == "bgr"
        self.device = next(net.parameters()).device
        if isinstance(x, Tensor):
            if x.ndim != 4 or x.shape[1] != net.in_channels or 0 in x.shape:
                raise ValueError(f"pictures are [N, {net.in_channels}, H, W] here, not {list(x.shape)}")
            self.count, self.real = int(x.shape[0]), (int(x.shape[2]), int(x.shape[3]))
        else:
            if x.ndim != 3 or x.shape[2] != net.in_channels or 0 in x.shape or x.dtype.kind != "u":
                raise ValueError(f"pixels are [H, W, {net.in_channels}] here, not {list(x.shape)} {x.dtype}")
            self.count, self.real = 1, (int(x.shape[0]), int(x.shape[1]))
            self.half = float(np.iinfo(x.dtype).max) / 2
        h, w = (max(net.least, n) for n in self.real)
        self.whole = (h + -h % net.multiple, w + -w % net.multiple)
        self.labels: Tensor | None = None
        if net.c_dim:
            labels = torch.zeros(1, net.c_dim) if labels is None else labels
            if labels.ndim != 2 or labels.shape[0] not in (1, self.count) or labels.shape[1] != net.c_dim:
                raise ValueError(f"labels are [{self.count}, {net.c_dim}] here, not {list(labels.shape)}")
            self.labels = labels.to(self.device, dtype)[:, :, None, None]

    def read(self, rows: Span, columns: Span) -> Tensor:
        """A part, ``[N, C (and the labels), h, w]``."""
        if isinstance(self.x, Tensor):
            part = self.x
            for dim, span in ((2, rows), (3, columns)):
                part = part[(slice(None),) * dim + (self._at(span, self.real[dim - 2]),)]
        else:
            pixels = self.x[self._at(rows, self.real[0])][:, self._at(columns, self.real[1])]
            part = torch.from_numpy(pixels.astype(np.float32) / self.half - 1).permute(2, 0, 1)[None]
        part = part.to(self.device, self.dtype)
        if self.flip and part.shape[1] == 3:
            part = part.flip(1)
        if self.labels is not None:
            part = torch.cat((part, self.labels.expand(part.shape[0], -1, *part.shape[2:])), dim=1)
        return part.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def _at(span: Span, n: int) -> Any:
        """Where a part is in a picture of ``n``, which is mirrored beyond its end as often as needed."""
        if span.end <= n:
            return slice(span.start, span.end)
        period = max(1, 2 * n - 2)
        at = np.arange(span.start, span.end) % period
        return np.minimum(at, period - at) if n > 1 else at

    def outcome(self, channels: int) -> Any:
        """Room for what comes out."""
        if isinstance(self.x, Tensor):
            return torch.empty(self.count, channels, *self.real, device=self.device)
        return np.empty((*self.real, channels), self.x.dtype)

    def write(self, out: Any, y: Tensor, rows: Span, columns: Span) -> None:
        """A part of the outcome, into its place."""
        if self.flip and y.shape[1] == 3:
            y = y.flip(1)
        if isinstance(out, Tensor):
            out[:, :, rows.start : rows.end, columns.start : columns.end] = y
            return
        y = (y[0].float() + 1).mul_(self.half).round_().clamp_(0, 2 * self.half).permute(1, 2, 0)
        out[rows.start : rows.end, columns.start : columns.end] = y.cpu().numpy().astype(out.dtype)


class _Maps:
    """Kept maps: on the device, then in the machine's memory or in a file."""

    def __init__(self, room: int, device: torch.device, dtype: torch.dtype) -> None:
        self.room, self.device, self.dtype = room, device, dtype
        self.held = 0
        self._maps: dict[Node, Tensor] = {}
        self._files: dict[Node, IO[bytes]] = {}

    def get(self, node: Node) -> Tensor | None:
        """A kept map ``[N, C, H, W]``."""
        return self._maps.get(node)

    def new(self, node: Node, shape: tuple[int, int, int, int]) -> Tensor:
        """Room for one more, places in rows, channels beside each other."""
        n, c, h, w = shape
        nbytes = n * c * h * w * self.dtype.itemsize
        if self.held + nbytes <= self.room:
            flat = torch.empty(nbytes, dtype=torch.uint8, device=self.device)
            self.held += nbytes
        elif self.device.type != "cpu":
            flat = torch.empty(nbytes, dtype=torch.uint8)
        else:
            flat = self._on_file(node, nbytes)
        made = self._maps[node] = flat.view(self.dtype).view(n, h, w, c).permute(0, 3, 1, 2)
        return made

    def _on_file(self, node: Node, nbytes: int) -> Tensor:
        folder = spill_folder()
        free = shutil.disk_usage(folder).free - RESERVE
        if free < nbytes:
            raise _no_room(nbytes, free)
        file = self._files[node] = tempfile.TemporaryFile(prefix="latent-studio-", dir=folder)  # noqa: SIM115
        try:
            # A file with holes would kill the program in the middle of a step when the disk fills up.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, nbytes)
            return torch.from_numpy(np.memmap(file, np.uint8, "w+", shape=(nbytes,)))
        except OSError as exc:
            del self._files[node]
            file.close()  # at once: it may hold all that was free
            raise _no_room(nbytes, free) from exc

    def hand_over(self, old: Node, new: Node) -> Tensor:
        """The place of one map, for another one."""
        self._maps[new] = self._maps.pop(old)
        if old in self._files:
            self._files[new] = self._files.pop(old)
        return self._maps[new]

    def drop(self, node: Node) -> None:
        """Nobody reads it again."""
        gone = self._maps.pop(node, None)
        file = self._files.pop(node, None)
        if gone is not None and file is None and gone.device.type == self.device.type:
            self.held -= gone.numel() * self.dtype.itemsize
        del gone
        if file is not None:
            file.close()

    def clear(self) -> None:
        """Forget everything."""
        for node in list(self._maps):
            self.drop(node)


def spill_folder() -> str:
    """Where maps go that memory has no room for: on many Linux systems ``/tmp`` is memory itself."""
    folder, disk = tempfile.gettempdir(), "/var/tmp"  # noqa: S108 - files without names
    return disk if folder == "/tmp" and os.access(disk, os.W_OK | os.X_OK) else folder  # noqa: S108


def _no_room(nbytes: int, free: int) -> ResourceError:
    return ResourceError(
        "There is not enough room for a picture of this size.",
        f"It needs {nbytes / 1e9:.1f} GB more for a while, and the disk has {max(0, free) / 1e9:.1f} GB to spare.",
        "Free some space, close other programs, or choose a smaller size.",
    )


class _Walk:
    """All visits of a plan."""

    def __init__(self, graph: Graph, plan: Plan, how: Pass, source: _Picture, room: int) -> None:
        self.graph, self.plan, self.how, self.source = graph, plan, how, source
        self.maps = _Maps(room, source.device, graph.dtype)
        self.factors: dict[Norm, tuple[Tensor, Tensor]] = {}
        self._masks: dict[Node, Tensor] = {}
        self._seen = graph.dtype is torch.float16

    def close(self) -> None:
        """Give back all memory and files."""
        self.maps.clear()
        self._masks.clear()

    def steps(self, out: Any, net: PictureTranslator) -> Steps[None]:
        """Walk; the outcome is written into ``out``."""
        price = sum(visit.price for visit in self.plan.visits)
        total, done, paid = sum(len(visit.boxes) for visit in self.plan.visits), 0, 0.0
        for visit in self.plan.visits:
            phase = PAINTING if visit.kept or visit.node is self.graph.goal else LOOKING
            with torch.no_grad():
                begun = self._begin(visit)
            waiting: tuple[Tensor, Tensor] | None = None
            moments = Moments()
            for rows, columns in visit.boxes:
                with torch.no_grad():
                    y = self._compute(visit.node, rows, columns)
                    if self._seen and not torch.isfinite(y).all():
                        raise NotFinite
                    if visit.gather:
                        moments.add(y)
                    if begun is not None:
                        # The next piece may still read what lies where this one goes.
                        place = begun[:, :, rows.start : rows.end, columns.start : columns.end]
                        if waiting is not None:
                            waiting[0].copy_(waiting[1])
                        waiting = place, y
                    elif visit.node is self.graph.goal:
                        self.source.write(out, y, rows, columns)
                    del y
                done, paid = done + 1, paid + visit.cost * rows.length * columns.length
                yield Progress(done, total, phase, min(1.0, paid / max(1.0, price)))
            if waiting is not None:
                waiting[0].copy_(waiting[1])
            self._end(visit, moments, begun)

    def _begin(self, visit: Visit) -> Tensor | None:
        if not visit.kept:
            return None
        if visit.over is not None:
            place = self.maps.get(visit.over)
            assert place is not None
            return place
        node = visit.node
        return self.maps.new(node, (self.source.count, node.channels, *sides(node, self.source.whole)))

    def _end(self, visit: Visit, moments: Moments, begun: Tensor | None) -> None:
        self._masks.clear()
        if visit.gather:
            for user in visit.node.users:
                if isinstance(user.op, Norm):
                    self.factors[user.op] = self.how.scale_shift(user.op, *moments.done())
        if visit.over is not None:
            self.maps.hand_over(visit.over, visit.node)
        for node in visit.done_with:
            if node is not visit.over:
                self.maps.drop(node)

    def _read(self, node: Node, rows: Span, columns: Span) -> tuple[Tensor, bool]:
        """A part of a node's map, and whether it may be written over."""
        if node.op is None:
            return self.source.read(rows, columns), False
        kept = self.maps.get(node)
        if kept is not None:
            part = kept[:, :, rows.start : rows.end, columns.start : columns.end]
            return part.to(self.source.device), part.device != self.source.device
        return self._compute(node, rows, columns), True

    def _compute(self, node: Node, rows: Span, columns: Span) -> Tensor:
        """A part of a node's map, new."""
        op = node.op
        if isinstance(op, Local):
            need = op.reach(rows), op.reach(columns)
            held = [s.inside(n) for s, n in zip(need, sides(node.sources[0], self.source.whole), strict=True)]
            x, _ = self._read(node.sources[0], *held)
            beyond = [(h.start - n.start, n.end - h.end) for h, n in zip(held, need, strict=True)]
            x = fill(x, beyond[0], beyond[1], op.border)
            return op.apply(x.contiguous(memory_format=torch.channels_last), rows, columns)
        if op == "add" or op == "cat":
            (a, fresh), (b, _) = (self._read(source, rows, columns) for source in node.sources)
            if op == "cat":
                return torch.cat((a, b), dim=1)
            return a.add_(b) if fresh else a + b
        x, fresh = self._read(node.sources[0], rows, columns)
        if not fresh:
            x = x.clone(memory_format=torch.channels_last)
        return self._point(node, x, rows, columns)

    def _point(self, node: Node, x: Tensor, rows: Span, columns: Span) -> Tensor:
        """What happens to each number, in place."""
        op = node.op
        if op == "tanh":
            return x.float().tanh_()  # half precision has steps here that skies show
        if isinstance(op, float):
            return torch.relu_(x) if op == 0 else torch.nn.functional.leaky_relu_(x, op)
        if isinstance(op, Dropout):
            return self._drop(node, op, x, rows, columns)
        assert isinstance(op, Norm)
        factors = self.factors.get(op)
        if factors is None:
            assert own_share(op, self.how) == 0, "a normalisation comes before its statistics"
            assert op.running_mean is not None
            assert op.running_var is not None
            factors = self.how.scale_shift(op, op.running_mean.float()[None], op.running_var.float()[None])
            self.factors[op] = factors
        scale, shift = factors
        return x.mul_(scale.to(x.dtype)).add_(shift.to(x.dtype))

    def _drop(self, node: Node, op: Dropout, x: Tensor, rows: Span, columns: Span) -> Tensor:
        if not self.how.seeds or op.rate <= 0:
            return x
        mask = self._masks.get(node)
        if mask is None:
            shape = (node.channels, *sides(node, self.source.whole))
            mask = self._masks[node] = self.how.mask(shape, op.place, op.rate)
        part = mask[:, :, rows.start : rows.end, columns.start : columns.end]
        return x.mul_(part.to(x.device, x.dtype)).mul_(1 / (1 - op.rate))

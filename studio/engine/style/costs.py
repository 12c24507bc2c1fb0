"""All costs of a run at one scale: content and style with a lambda for each layer, and total variation.

Content of a layer: sum((F - P)^2) / (4 nH nW nC).  Style: see :mod:`studio.engine.style.statistics`; for ``gram``
sum((G - A)^2) / (4 nC^2 (nH nW)^2) with G = F F^T (Gatys et al. 2015 in the seed's scale).  Total variation: mean of
the squared differences of neighbours.  ``balanced`` multiplies each by 1 / sum|dL/dx| at a fixed probe, the content
picture with a little noise: there all terms pull equally hard, whatever the network's activations are like.

Gradients are made by hand at the layers (value and derivative of each term, summed) and by backpropagation below them,
which lets whole pictures and tiles go through the same code.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Progress
from studio.engine.pictures import Size, fitted, resized
from studio.engine.style.masks import Mix, Regions
from studio.engine.style.needs import KEPT_CONTENT
from studio.engine.style.network import Network
from studio.engine.style.statistics import Measure, SlicedTerm, Term
from studio.engine.style.tiles import Tile, places, planes, tiles
from studio.project.style import Scaling, Statistic, StyleLook

PROBE = 192
"""The longer side at which influence is measured, at most."""
PROBE_NOISE = 0.1

Pause = Generator[Progress, Any, None]


@dataclass(slots=True)
class Evaluation:
    """Gradient ``[1, 3, H, W]`` and the weighted value of every term, with their sum as "total"."""

    grad: Tensor
    values: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Setting:
    """What stays the same during a run: pictures are ``[1, 3, H, W]`` at full size."""

    network: Network
    content: Tensor
    styles: dict[str, Tensor]
    statistic: Statistic
    scaling: Scaling
    seed: int
    tile: int = 0
    parts: int = 1


def used_layers(look: StyleLook, network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(content layers, style layers) with lambdas above zero, from shallow to deep."""
    have = set(network.layers)
    lambdas = {w.name: w for w in look.layers if w.name in have}
    content = tuple(n for n in network.layers if n in lambdas and lambdas[n].content > 0)
    style = tuple(n for n in network.layers if n in lambdas and lambdas[n].style > 0)
    return content, style


class Costs:
    """The costs of pictures of one size.  Targets and influences are made when they are first needed and kept."""

    def __init__(self, setting: Setting, size: Size, regions: Regions) -> None:
        self._s, self.size, self._regions = setting, size, regions
        self._net = setting.network
        self._content = resized(setting.content, size)
        self._terms: dict[tuple[str, str, float], Term] = {}
        self._influence: dict[tuple[str, ...], float] = {}
        self._kept: dict[tuple[Tile, str], Tensor] = {}
        self._kept_bytes = 0
        self._grids: dict[str, Size] = {}
        self._tv_influence = 0.0

    # Targets ----------------------------------------------------------------------------------------------------

    def prepare(self, look: StyleLook) -> Pause:
        """Measure what the look needs and is not known yet."""
        content, style = used_layers(look, self._net)
        if not content and not style:
            raise StudioError(
                "Every layer of this run is at zero.", "", "Raise at least one lambda, or choose a preset."
            )
        for source in look.styles:
            missing = [n for n in style if (n, source.picture, source.scale) not in self._terms]
            if not missing or source.weight <= 0:
                continue
            # In tiles one layer at a time: then its sums do not depend on which others were asked for with it, and a
            # run that is taken up later has the same to the last bit.
            for names in [[n] for n in missing] if self._s.tile else [missing]:
                yield from self._measure_style(source.picture, source.scale, names)
        if self._s.scaling == "balanced":
            yield from self._weigh(look, content, style)

    def _measure_style(self, picture: str, scale: float, names: list[str]) -> Pause:
        whole = self._s.styles[picture]
        side = max(8, round(max(self.size) * max(0.05, scale)))
        size = fitted((whole.shape[2], whole.shape[3]), side)
        need = self._net.need(self._net.layers)
        if min(size) < need:  # a thin style picture, small: as small as the layers can look at
            grow = need / min(size)
            size = (max(need, round(size[0] * grow)), max(need, round(size[1] * grow)))
        x = resized(whole, size)
        parts = self._tiles(size, names)
        grids = self._net.grid(size, names)
        measures = {}
        for n in names:
            count = grids[n][0] * grids[n][1]
            key = (self._s.seed * 1009 + self._net.layers.index(n)) * 31 + zlib.crc32(f"{picture} {scale}".encode())
            measures[n] = Measure(self._s.statistic, count, key)
        for i, tile in enumerate(parts):
            with torch.no_grad():
                found = self._net.features(tile.cut(x), names)
                for n, f in found.items():
                    rows, columns = tile.owned(f, self._net.stride(n))
                    measures[n].add(places(f[:, :, rows, columns]))
            if len(parts) > 1:
                yield Progress(i + 1, len(parts), "Measuring the style")
        for n in names:
            term = measures[n].term()
            if isinstance(term, SlicedTerm):
                h, w = self._grid(n)
                term.expect(h * w)
            self._terms[n, picture, scale] = term

    def _grid(self, name: str) -> Size:
        if name not in self._grids:
            self._grids |= self._net.grid(self.size, [name])
        return self._grids[name]

    def _tiles(self, size: Size, names: list[str] | tuple[str, ...]) -> tuple[Tile, ...]:
        side = self._s.tile
        if side <= 0 or max(size) <= side:
            return tiles(size, 0, 0, 1)
        align = max(self._net.stride(n) for n in names)
        return tiles(size, side, self._net.reach(names), align)

    # Influence --------------------------------------------------------------------------------------------------

    def _weigh(self, look: StyleLook, content: tuple[str, ...], style: tuple[str, ...]) -> Pause:
        wanted: list[tuple[str, ...]] = [("content", n) for n in content]
        for source in look.styles:
            if source.weight > 0:
                wanted += [("style", n, source.picture, str(source.scale)) for n in style]
        wanted = [k for k in wanted if k not in self._influence]
        if not self._tv_influence:
            wanted.append(("tv",))
        if not wanted:
            return
        names = sorted({k[1] for k in wanted if len(k) > 1}, key=self._net.layers.index)
        clean = self._content
        if max(self.size) > PROBE:
            size = fitted(self.size, PROBE)
            need = min(*self.size, self._net.need(self._net.layers))
            clean = resized(clean, (max(need, size[0]), max(need, size[1])))
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(4711)).to(clean.device)
        probe = (clean + PROBE_NOISE * noise).clamp_(0.0, 1.0)
        if ("tv",) in wanted:
            _, g = _variation(probe)
            self._tv_influence = max(float(g.abs().sum()), 1e-30)
        if not names:
            return
        with torch.no_grad():
            aims = self._net.features(clean, names)
        x = probe.clone().requires_grad_()
        found = self._net.features(x, names)
        for i, k in enumerate(w for w in wanted if len(w) > 1):
            n = k[1]
            f = found[n].detach()
            with torch.no_grad():
                if k[0] == "content":
                    pull = _content(f, aims[n], None, float(f.numel()))[1]
                else:
                    term = self._terms[n, k[2], float(k[3])]
                    rows = places(f)
                    term.begin(-1)
                    term.measure(rows, None)
                    term.finish()
                    pull = planes(term.pull(rows, None), f)
            (g,) = torch.autograd.grad(found[n], x, pull, retain_graph=True)
            self._influence[k] = max(float(g.abs().sum()), 1e-30)
            if i % 4 == 3:
                yield Progress(0, 0, "Weighing the layers")

    def _factor(self, *key: str) -> float:
        if self._s.scaling != "balanced":
            return 1.0
        return 1.0 / (self._tv_influence if key == ("tv",) else self._influence[key])

    # One evaluation ---------------------------------------------------------------------------------------------

    def evaluate(self, x: Tensor, look: StyleLook, step: int) -> Generator[Progress, Any, Evaluation]:
        """Value and gradient at picture ``x``; :meth:`prepare` comes before.  Yields between tiles only."""
        content, style = used_layers(look, self._net)
        lambdas = {w.name: w for w in look.layers}
        names = [n for n in self._net.layers if n in content or n in style]
        parts = self._tiles(self.size, names)
        mix = self._regions.of(look, self.size)
        active: list[tuple[str, int, Term, float]] = []
        for n in style:
            for at, source in enumerate(look.styles):
                if source.weight <= 0 or mix.amount[at] <= 0:
                    continue
                factor = self._factor("style", n, source.picture, str(source.scale))
                weight = look.beta * source.beta * lambdas[n].style * mix.amount[at] * factor
                active.append((n, at, self._terms[n, source.picture, source.scale], weight))
        values = {f"content {n}": 0.0 for n in content} | {f"style {n}": 0.0 for n in style}
        for _, _, term, _ in active:
            term.begin(step)
        whole = len(parts) == 1
        grad = torch.zeros_like(x)
        found: dict[str, Tensor] = {}
        leaf = x
        if whole:
            leaf = x.detach().requires_grad_()
            found = self._net.features(leaf, names)
        for i, tile in enumerate(parts if style else ()):
            with torch.no_grad():
                seen = found if whole else self._net.features(tile.cut(x), style)
                self._measure(seen, tile, active, mix)
            seen = {}
            if not whole:
                yield Progress(i + 1, 2 * len(parts), "Measuring tiles")
        with torch.no_grad():
            for n, _, term, weight in active:
                values[f"style {n}"] += weight * term.finish()
        for i, tile in enumerate(parts):
            if not whole:
                leaf = tile.cut(x).detach().clone().requires_grad_()
                found = self._net.features(leaf, names)
            aims = self._aims(tile, content)
            with torch.no_grad():
                pulls = self._pulls(found, aims, tile, look, content, active, mix, values)
            (g,) = torch.autograd.grad([found[n] for n in names], leaf, pulls)
            found, pulls, aims = {}, [], {}
            if whole:
                grad = g.contiguous()
            else:
                tile.cut(grad).add_(g)
                yield Progress(len(parts) + i + 1, 2 * len(parts), "Painting tiles")
        if look.tv > 0:
            value, g = _variation(x)
            weight = look.tv * self._factor("tv")
            values["tv"] = weight * value
            grad.add_(g, alpha=weight)
        if self._s.scaling == "balanced":
            grad.mul_(float(x.numel()))  # about the sum of the weights for each value of the picture, at any size
        values["total"] = sum(values.values())
        return Evaluation(grad, values)

    def _measure(
        self, found: dict[str, Tensor], tile: Tile, active: list[tuple[str, int, Term, float]], mix: Mix
    ) -> None:
        for n, at, term, _ in active:
            f = found[n].detach()
            rows, columns = tile.owned(f, self._net.stride(n))
            term.measure(places(f[:, :, rows, columns]), self._mask(mix, at, n, tile, rows, columns))

    def _mask(self, mix: Mix, at: int, n: str, tile: Tile, rows: slice, columns: slice) -> Tensor | None:
        if mix.masks[at] is None:
            return None
        stride = self._net.stride(n)
        whole = mix.at(at, self._grid(n))
        top, left = tile.top // stride, tile.left // stride
        cut = whole[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
        return cut.reshape(-1)

    def _aims(self, tile: Tile, content: tuple[str, ...]) -> dict[str, Tensor]:
        missing = [n for n in content if (tile, n) not in self._kept]
        found: dict[str, Tensor] = {n: self._kept[tile, n] for n in content if (tile, n) in self._kept}
        if missing:
            with torch.no_grad():
                made = self._net.features(tile.cut(self._content), missing)
            for n, f in made.items():
                found[n] = f
                if self._kept_bytes + f.nbytes <= KEPT_CONTENT // self._s.parts:
                    self._kept[tile, n] = f
                    self._kept_bytes += f.nbytes
        return found

    def _pulls(
        self,
        found: dict[str, Tensor],
        aims: dict[str, Tensor],
        tile: Tile,
        look: StyleLook,
        content: tuple[str, ...],
        active: list[tuple[str, int, Term, float]],
        mix: Mix,
        values: dict[str, float],
    ) -> list[Tensor]:
        """The derivative of the sum of all terms with respect to each layer's activations, nought outside the tile."""
        lambdas = {w.name: w for w in look.layers}
        pulls = []
        for n, f in found.items():
            f = f.detach()
            rows, columns = tile.owned(f, self._net.stride(n))
            mine = f[:, :, rows, columns]
            total: Tensor | None = None
            if n in content:
                weight = look.alpha * lambdas[n].content * self._factor("content", n)
                h, w = self._grid(n)
                where = None
                if mix.alpha is not None:
                    stride = self._net.stride(n)
                    top, left = tile.top // stride, tile.left // stride
                    where = mix.alpha_at((h, w))[top : top + mine.shape[2], left : left + mine.shape[3]]
                value, total = _content(mine, aims[n][:, :, rows, columns], where, float(f.shape[1] * h * w))
                values[f"content {n}"] += weight * value
                total = total * weight
            for layer, at, term, weight in active:
                if layer == n:
                    pull = term.pull(places(mine), self._mask(mix, at, n, tile, rows, columns)) * weight
                    pull = planes(pull, mine)
                    total = pull if total is None else total.add_(pull)
            if total is None:
                total = torch.zeros_like(mine)
            if mine.shape != f.shape:
                wide = torch.zeros_like(f)
                wide[:, :, rows, columns] = total
                total = wide
            pulls.append(total.to(f.dtype))
        return pulls


def _content(f: Tensor, aim: Tensor, where: Tensor | None, count: float) -> tuple[float, Tensor]:
    """sum((F - P)^2) / (4 count) and its derivative; ``where`` ``[h, w]`` weights places."""
    apart = f.float() - aim.float()
    pull = apart if where is None else apart * where
    value = float((pull * apart).sum()) / (4.0 * count)
    return value, pull.mul_(0.5 / count) if where is None else pull * (0.5 / count)


def _variation(x: Tensor) -> tuple[float, Tensor]:
    """Mean squared difference of neighbours (right and below), and its derivative."""
    with torch.no_grad():
        count = float(x.numel())
        grad = torch.zeros_like(x)
        total = 0.0
        for dim in (2, 3):
            n = x.shape[dim]
            apart = x.narrow(dim, 1, n - 1) - x.narrow(dim, 0, n - 1)
            total += float(apart.square().sum())
            grad.narrow(dim, 1, n - 1).add_(apart, alpha=2.0 / count)
            grad.narrow(dim, 0, n - 1).sub_(apart, alpha=2.0 / count)
        return total / count, grad

"""Pairs for flat drawings whose label table is complete: the same portrait with one thing changed.

No such pairs are in the data, but three kinds can be made from it:

* **Colours.**  A drawing is put together from flat layers, so each pixel is linear in a layer's colour.  For every
  shape of a layer, a least-squares fit over its pictures tells how much of the colour each pixel has (``alpha``):
  another colour is ``x + alpha * (new - old)``.
* **Overlays.**  In the same way a layer that lies on top can be laid over any other picture:
  ``x + alpha * (colour - x)``.
* **Drawn twins.**  A labelled generator that learned the same pictures (:mod:`studio.training.anchor`) draws a
  picture's factors with one of them changed.  Where its two drawings differ, its pixels are taken; everything else
  stays as it is (after "StyleGAN2 Distillation", Viazovetskyi et al. 2020).  Twins are kept only where the generator
  gets the unchanged picture right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from studio.base.errors import StudioError
from studio.nets.stylegan2 import StyleGAN2
from studio.training.anchor import AnchorSpec
from studio.training.data import Pictures, to_float, to_uint8
from studio.training.publish import draw
from studio.training.translate.stargan_labels import LabelPlan

LEAST = 0.1
"""Shares of a colour below this are noise of the fit."""
SEEN = 0.06
"""Two drawings of the generator differ where they differ by more than this (of a range of 2)."""
RIGHT = 0.07
"""A twin is kept if the generator's drawing of the unchanged picture is off by less than this where things change."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A toggle that follows from a factor: the value that switches it on, and the one that stands for off."""

    toggle: str
    factor: str
    on: str
    off: str


PERSONAS = (
    Change("a_glasses", "eyes", "glasses", "open"),
    Change("a_sunglasses", "eyes", "sunglasses", "open"),
    Change("a_hat", "hair", "beanie", "shortCombover"),
)
BEARD = "beardMustache"
LOCAL = ("eyes",)
"""Factors that always lie in the same place: what changes elsewhere is a mistake of the generator."""
OFTEN = 0.2
"""The same place: where so many of the twins change."""


def rgb(color: str) -> Tensor:
    """``#rrggbb`` to ``[3]`` in [-1, 1]."""
    return torch.tensor([int(color[i : i + 2], 16) for i in (1, 3, 5)]).float() / 127.5 - 1


def color_share(images: Tensor, rows: Sequence[Row], color: str, others: Sequence[str], least: float = LEAST) -> Tensor:
    """How much of the column ``color``'s colour each pixel has, ``[1, H, W]`` in [0, 1].

    ``images`` uint8 ``[N, 3, H, W]`` of one shape; the columns ``others`` explain what else differs (one step for each
    value).  Least squares; slight shares are taken for noise.
    """
    x = to_float(images).flatten(1)
    parts = [torch.ones(len(rows), 1)]
    for name in others:
        values = sorted({r[name] for r in rows})[1:]
        parts.append(torch.tensor([[float(r[name] == v) for v in values] for r in rows]).view(len(rows), -1))
    shades = torch.stack([rgb(r[color]) for r in rows])
    rest = torch.cat(parts, dim=1)
    n = images.shape[-2] * images.shape[-1]
    covered, spread = torch.zeros(n), 0.0
    # A trace of ridge keeps rare combinations from being explained exactly.
    gram = torch.linalg.inv(rest.T @ rest + 1e-2 * torch.eye(rest.shape[1])) @ rest.T
    for channel in range(3):
        s = shades[:, channel] - rest @ (gram @ shades[:, channel])
        y = x[:, channel * n : (channel + 1) * n]
        covered += s @ (y - rest @ (gram @ y))
        spread += float(s @ s)
    alpha = (covered / max(spread, 1e-6)).view(1, 1, *images.shape[-2:])
    # What is left of the noise are single pixels; a layer is not.
    smooth = F.avg_pool2d(F.pad(alpha, (1, 1, 1, 1), mode="replicate"), 3, 1)
    alpha = torch.where(smooth > least, alpha, torch.zeros(()))
    return torch.where(alpha > least, alpha, torch.zeros(())).clamp(0, 1)[0]


class Twins:
    """Made pairs from labelled drawings; :meth:`batch` draws from them."""

    def __init__(
        self,
        data: Pictures,
        plan: LabelPlan,
        teacher: str,
        *,
        sources: int = 1600,
        beards: float = 0.25,
        spec: AnchorSpec | None = None,
    ) -> None:
        self.added = beards
        self.images, self.rows, self.plan = data.images, data.rows, plan
        needed = (
            "eyes",
            "hair",
            "facialHair",
            "color_hair",
            "color_facialHair",
            "color_skin",
            "background",
            "color_clothing",
            "clothes",
            "mouth",
            "nose",
        )
        if not data.rows or any(n not in data.rows[0] for n in needed):
            raise StudioError("These pictures have not the label table that twins are made from.")
        self.colors = tuple(sorted({r["color_hair"] for r in data.rows}))
        self.shades = torch.stack([rgb(c) for c in self.colors])
        hair, clothes = (sorted({r[k] for r in data.rows}) for k in ("hair", "clothes"))
        # Clothes lie over long hair, so each pair of the two has its own share.
        self.styles = tuple((h, c) for h in hair for c in clothes)
        self.beards = tuple(sorted({r["facialHair"] for r in data.rows} - {"none"}))
        self.style_of = torch.tensor([self.styles.index((r["hair"], r["clothes"])) for r in data.rows])
        self.color_of = torch.tensor([self.colors.index(r["color_hair"]) for r in data.rows])
        beside = ("background", "color_skin", "color_clothing", "clothes", "eyes", "mouth", "nose")
        self.hair = torch.stack([self._share({"hair": h, "clothes": c}, "color_hair", beside) for h, c in self.styles])
        self.beard = torch.stack([self._share({"facialHair": v}, "color_facialHair", (*beside, "hair", "color_hair"))
                                  for v in self.beards])  # fmt: skip
        self.bare = torch.tensor([r["facialHair"] == "none" for r in data.rows])
        spec = spec or AnchorSpec(data.rows)
        self._drawn(spec, read_twins(data, plan, spec, teacher, sources))

    def _share(self, values: Row, color: str, others: Sequence[str]) -> Tensor:
        index = [i for i, r in enumerate(self.rows) if all(r[k] == v for k, v in values.items())]
        if not index:
            return torch.zeros(1, *self.images.shape[-2:])
        rows = [self.rows[i] for i in index]
        # Beards are rare: fewer pictures, more noise.
        least = LEAST if color == "color_hair" else 1.7 * LEAST
        return color_share(self.images[index], rows, color, [k for k in others if k not in values], least)

    def _drawn(self, spec: AnchorSpec, found: Mapping[str, Tensor]) -> None:
        """Take over what :func:`draw_twins` found, as far as it is good."""
        kept = (found["off"] < RIGHT).nonzero().flatten()
        source, column, value = (found[k][kept].long() for k in ("source", "column", "value"))
        if not len(kept) or int(source.max()) >= len(self.rows):
            raise StudioError("The teacher draws these pictures too badly to make twins.", todo="Name another.")
        self.source, self.twin = source, found["twin"][kept]
        if (k := self.twin.shape[-1] // self.images.shape[-1]) > 1:
            # Drawn before, for a larger training.
            self.twin = torch.cat([F.avg_pool2d(t.float(), k).round().to(torch.uint8) for t in self.twin.split(256)])
        for c in (i for i, f in enumerate(spec.factors) if f.name in LOCAL):
            these = (column == c).nonzero().flatten()
            x, y = to_float(self.images[source[these]]), to_float(self.twin[these])
            often = ((y - x).abs().amax(dim=1, keepdim=True) > SEEN).float().mean(dim=0, keepdim=True) > OFTEN
            place = F.avg_pool2d(F.max_pool2d(often.float(), 5, 1, 2), 3, 1, 1)
            self.twin[these] = to_uint8(torch.lerp(x, y, place))
        rows = []
        for i, c, v in zip(source.tolist(), column.tolist(), value.tolist(), strict=True):
            factor = spec.factors[c]
            row = {**self.rows[i], factor.name: factor.values[v]}
            for t, by_value in factor.toggles:
                row[spec.toggles[t]] = str(by_value[v])
            rows.append(row)
        self.twin_labels = self.plan.encode(rows)
        self.twin_style = torch.tensor([self.styles.index((r["hair"], r["clothes"])) for r in rows])
        # The way back is taught only where the original is what "off" stands for.
        offs = {(c.factor, c.off) for c in PERSONAS}
        names = [spec.factors[c].name for c in column.tolist()]
        self.twin_back = torch.tensor(
            [(name, self.rows[i][name]) in offs for i, name in zip(source.tolist(), names, strict=True)]
        )

    def batch(self, labels: Tensor, n: int, gen: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``n`` pairs: pictures, labels to be reached, what they should look like then, and 1 where the way is whole.

        Pictures ``[n, 3, H, W]`` in [-1, 1]; ``labels`` are those of all pictures.  Half of the pairs change eyes or
        hat, a half the colour of hair (both: a quarter), some the beard, a quarter goes only part of the way.
        """

        def chance(p: float) -> Tensor:
            return torch.rand(n, generator=gen) < p

        index = torch.randint(len(self.images), (n,), generator=gen)
        pick = torch.randint(len(self.source), (n,), generator=gen)
        twin = chance(0.55)
        back = twin & self.twin_back[pick] & chance(0.5)
        index = torch.where(twin, self.source[pick], index)
        x, there = to_float(self.images[index]), to_float(self.twin[pick])
        own, theirs = labels[index], self.twin_labels[pick]
        style, their_style = self.style_of[index], self.twin_style[pick]

        def either(use: Tensor, a: Tensor, b: Tensor) -> Tensor:
            return torch.where(use.view(-1, *[1] * (a.ndim - 1)), a, b)

        y, y_labels, y_style = (either(twin, a, b) for a, b in ((there, x), (theirs, own), (their_style, style)))
        x, y = either(back, y, x), either(back, x, y)
        own, y_labels = either(back, y_labels, own), either(back, own, y_labels)
        style, y_style = either(back, y_style, style), either(back, style, y_style)
        # Another colour of hair: for both at times, so that no portrait is always the same, then for the target alone.
        old = self.color_of[index]
        first = torch.where(chance(0.5), torch.randint(len(self.colors), (n,), generator=gen), old)
        second = torch.where(chance(0.5), torch.randint(len(self.colors), (n,), generator=gen), first)
        x = x + self.hair[style] * (self.shades[first] - self.shades[old])[:, :, None, None]
        y = y + self.hair[y_style] * (self.shades[second] - self.shades[old])[:, :, None, None]
        x_labels, y_labels = self._colored(own, first), self._colored(y_labels, second)
        # Beards: none, put on (one kind, in the colour of the hair), taken off, or kept (any kind and colour).
        bare, way = self.bare[index], torch.rand(n, generator=gen)
        kind = torch.randint(len(self.beards), (n,), generator=gen)
        shade = self.shades[torch.randint(len(self.colors), (n,), generator=gen)]
        worn = bare & (way < min(0.3, 1 - self.added))
        kept = worn & (way < 0.12)
        added = bare & (way > 1 - self.added)
        x = self._bearded(x, worn, kind, shade)
        y = self._bearded(y, kept, kind, shade)
        y = self._bearded(y, added, torch.full_like(kind, self.beards.index(BEARD)), self.shades[second])
        if "a_facial_hair" in self.plan.toggles:
            at = self.plan.toggles.index("a_facial_hair")
            x_labels[:, at] = torch.where(worn, torch.ones(()), x_labels[:, at])
            y_labels[:, at] = torch.where(kept | added, torch.ones(()), y_labels[:, at])
        # Part of the way, so that sliders mean something in between.
        t = torch.where(chance(0.25), torch.rand(n, generator=gen), torch.ones(()))
        target = torch.lerp(x, y, t[:, None, None, None]).clamp(-1, 1)
        return x.clamp(-1, 1), torch.lerp(x_labels, y_labels, t[:, None]), target, (t == 1).float()

    def _bearded(self, x: Tensor, use: Tensor, kind: Tensor, shade: Tensor) -> Tensor:
        cover = self.beard[kind] * use.view(-1, 1, 1, 1)
        return x + cover * (shade[:, :, None, None] - x)

    def _colored(self, labels: Tensor, color: Tensor) -> Tensor:
        """Labels with another colour of hair (if that is one of the choices)."""
        out = labels.clone()
        for (name, values), (start, end) in zip(self.plan.choices, self.plan.spans(), strict=True):
            if name == "color_hair":
                out[:, start:end] = 0
                at = torch.tensor([values.index(c) for c in self.colors])
                out[torch.arange(len(out)), start + at[color]] = 1
        return out


def read_twins(data: Pictures, plan: LabelPlan, spec: AnchorSpec, teacher: str, sources: int) -> Mapping[str, Tensor]:
    """What :func:`draw_twins` makes with the generator in ``teacher``, or what it made before, if that is in there."""
    if not Path(teacher).is_file():
        raise StudioError(f"The teacher was not found: {teacher}.", todo="Name another with --teacher.")
    found = load_file(teacher)
    if {"source", "twin", "column", "value", "off"} <= found.keys():
        return found
    net = StyleGAN2.from_state_dict(found, conv_clamp=None)
    if net.c_dim != spec.c_dim or net.z_dim != spec.z_dim:
        raise StudioError("The teacher knows other labels than these pictures have.", todo="Name another.")
    return draw_twins(data, plan, spec, net, sources)


def draw_twins(data: Pictures, plan: LabelPlan, spec: AnchorSpec, net: StyleGAN2, sources: int) -> dict[str, Tensor]:
    """Have a generator draw ``sources`` pictures with other eyes and another head.

    ``source`` (positions in ``data``), ``twin`` (uint8 pictures), ``column`` and ``value`` (the factor of ``spec`` that
    was changed, and to what), ``off`` (how wrong the generator is about the unchanged picture, where things change).
    """
    table = spec.table(data.rows)
    at = {f.name: (i, f.values) for i, f in enumerate(spec.factors)}
    gen = torch.Generator().manual_seed(17)
    # Rare toggles are drawn more often.
    chance = 1 + 2 * plan.encode(data.rows)[:, : len(plan.toggles)].sum(dim=1)
    index = torch.multinomial(chance, min(sources, len(data)), generator=gen)
    found: list[tuple[Tensor, ...]] = []
    for part in index.split(64):
        f, x = table[part], to_float(data.images[part])
        seed = int(torch.randint(1 << 30, (), generator=gen))

        def render(factors: Tensor, seed: int = seed) -> Tensor:
            codes = spec.codes(factors, torch.Generator().manual_seed(seed))
            return draw(net, codes.z, codes.c)

        plain = render(f)
        for name in ("eyes", "hair"):
            column, values = at[name]
            changes = [c for c in PERSONAS if c.factor == name]
            new = f.clone()
            coin = torch.rand(len(part), generator=gen).tolist()
            for i, row in enumerate(int(k) for k in part):
                # What is on goes off or becomes the other one; everything else gets one of them.
                on = [c for c in changes if data.rows[row][c.toggle] == "1"]
                ways = [c.on for c in changes if c not in on] + [c.off for c in on]
                new[i, column] = values.index(ways[int(coin[i] * len(ways))])
            made = render(new)
            blend = transition(made, plain)
            wrong = (plain - x).abs().mean(dim=1, keepdim=True)
            size = blend.sum(dim=(1, 2, 3))
            off = (wrong * blend).sum(dim=(1, 2, 3)) / size.clamp_min(1)
            off = torch.where(size > 20, off, torch.ones(()))
            twin = to_uint8(x + blend * (made.clamp(-1, 1) - x))
            found.append((part, twin, torch.full((len(part),), column), new[:, column], off))
    names = ("source", "twin", "column", "value", "off")
    return {n: torch.cat(parts).contiguous() for n, parts in zip(names, zip(*found, strict=True), strict=True)}


def transition(made: Tensor, plain: Tensor) -> Tensor:
    """Where two drawings differ, ``[N, 1, H, W]`` from 0 to 1, grown by two pixels with soft edges."""
    far = F.max_pool2d((made - plain).abs().amax(dim=1, keepdim=True), 5, 1, 2)
    return F.avg_pool2d(((far - SEEN) / (2 * SEEN)).clamp(0, 1), 3, 1, 1)

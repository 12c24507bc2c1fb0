"""Latents to codes: every kind of :class:`~studio.project.latents.Latent` as ws of one network, under one look.

What acts where, in this order:

1. seeds become z (``RandomState(seed).randn(z_dim)``) and labels (:mod:`.labels`);
2. blends happen in z (before the mapping, labels blend with the same weights) or in w, as the look says.  A z blend
   is the weighted mean, given the weighted mean of its sources' lengths: a style network normalises z anyway, and a
   network that takes z as it comes stays on the shell where its training data lay.  What has no z (stored w, mixes,
   the mean) makes the whole blend happen in w;
3. truncation towards the mean w (of an autoencoder, whose mean is zero: the temperature of a draw).  It is an affine
   map, so truncating what enters a blend in w is the same as truncating the blend.  A stored ``ws`` and an encoded
   picture are taken as they are: they were settled when they were made, and a photograph that was found with care must
   not drift away from itself because seeds beside it are truncated;
4. pushes along directions (:mod:`.directions`), which truncation therefore never shrinks.

Weights of exactly 1 pass their source through untouched, bit for bit.  Sums with negative weights (the analogy
D = B + C - A) are added in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.engine.context import Context
from studio.engine.explore.labels import free_labels, groups_of
from studio.engine.explore.walks import Mix, at
from studio.engine.mix.weights import normalised
from studio.engine.morph.encodings import companion, grid_of, moments
from studio.nets.drawing import AutoencoderGenerator
from studio.nets.roles import Autoencoder, Generator
from studio.nets.roles import Noise as NetNoise
from studio.nets.tensors import truncate
from studio.project.latents import (
    Blend,
    DataPoint,
    Direct,
    Encoded,
    Latent,
    Look,
    MapPoint,
    Mixed,
    Noise,
    Part,
    Seed,
    Stored,
    Walk,
)


@dataclass(frozen=True, slots=True)
class Model:
    """A generator at work: its context, its content address and how its labels fall."""

    ctx: Context
    sha: str
    net: Generator
    label_groups: tuple[Any, ...]

    @property
    def device(self) -> torch.device:
        """Where its codes live."""
        return self.net.w_avg.device

    @property
    def autoencoder(self) -> Autoencoder | None:
        """The autoencoder whose drawing half this is, if it is one."""
        return self.net.net if isinstance(self.net, AutoencoderGenerator) else None

    def on_grid(self, look: Look) -> Model:
        """The same model with the grid of a spatial latent that the look asks for."""
        net = self.net
        if not isinstance(net, AutoencoderGenerator) or not net.net.spatial:
            return self
        rows, columns = grid_of(net.net, look.rows, look.columns)
        if (rows, columns) == (net.rows, net.columns):
            return self
        return replace(self, net=cast(Generator, AutoencoderGenerator(net.net, rows, columns)))


def open_model(ctx: Context, sha: str, precision: str | None = None, look: Look | None = None) -> Model:
    """The generator of a request (``""``: the embedded one); of a spatial autoencoder with the grid of the ``look``."""
    card = ctx.card(sha)
    net = ctx.generator(card.sha256, cast(Any, precision))
    model = Model(ctx, card.sha256, net, ctx.label_prior(card.sha256).groups)
    return model if look is None else model.on_grid(look)


@dataclass(frozen=True, slots=True)
class Point:
    """A place before the mapping: z ``[z_dim]``, labels ``[c_dim]`` (``None`` without any); float32, on the CPU."""

    z: Tensor
    labels: Tensor | None


def seed_z(seed: int, z_dim: int) -> Tensor:
    """The z that people mean by a seed: ``numpy.random.RandomState(seed).randn(z_dim)``, float32."""
    return torch.from_numpy(np.random.RandomState(seed & 0xFFFFFFFF).randn(z_dim).astype(np.float32))


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Along the great circle from a to b (last dimension), the length going linearly; exact at t 0 and 1."""
    if t == 0.0 or t == 1.0:
        return b if t else a
    exact = torch.float32 if a.device.type == "mps" else torch.float64  # Apple's GPUs have no doubles
    x, y = a.to(exact), b.to(exact)
    la, lb = x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)
    cos = ((x * y).sum(dim=-1, keepdim=True) / (la * lb).clamp_min(1e-12)).clamp(-1.0, 1.0)
    angle = torch.acos(cos)
    sin = torch.sin(angle)
    straight = (sin < 1e-6).expand_as(x)
    safe = sin.clamp_min(1e-6)
    unit = torch.sin((1 - t) * angle) / safe * (x / la.clamp_min(1e-12))
    unit = unit + torch.sin(t * angle) / safe * (y / lb.clamp_min(1e-12))
    return torch.where(straight, x.lerp(y, t), unit * ((1 - t) * la + t * lb)).to(a.dtype)


def shares(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights divided by their sum.  Negative ones are allowed; a sum of 0 is told as an error."""
    total = math.fsum(weights)
    if not weights or abs(total) < 1e-9:
        raise StudioError(
            "This blend has nothing to blend.", "Its weights sum to 0.", "Give one of its parts a weight."
        )
    return tuple(w / total for w in weights)


def map_parts(point: MapPoint) -> tuple[Part, ...]:
    """The four seeds around a point of the map and their bilinear weights (those of weight 0 left out)."""
    if not (math.isfinite(point.x) and math.isfinite(point.y)):
        raise StudioError("This point is outside of the latent map.", "Its coordinates are no numbers.")
    i, j = math.floor(point.x), math.floor(point.y)
    u, v = point.x - i, point.y - j
    corners = ((i, j, (1 - u) * (1 - v)), (i + 1, j, u * (1 - v)), (i, j + 1, (1 - u) * v), (i + 1, j + 1, u * v))
    return tuple(Part(latent=Seed(seed=(a + 100 * b) % 2**32), weight=w) for a, b, w in corners if w > 0.0)


def mean_point(
    points: Sequence[Point], weights: Sequence[float], curved: bool = False, *, keep_length: bool = True
) -> Point:
    """Blend before the mapping.  ``weights`` sum to 1; ``curved`` blends two along the great circle.

    ``keep_length``: the weighted mean of the lengths (a bare sum otherwise, as an analogy wants it).
    """
    if len(points) == 1:
        return points[0]
    labels = None
    if points[0].labels is not None:
        labels = torch.stack([w * cast(Tensor, p.labels).double() for p, w in zip(points, weights, strict=True)])
        labels = labels.sum(dim=0).float()
    if curved and len(points) == 2:
        return Point(slerp(points[0].z, points[1].z, weights[1]), labels)
    z = torch.stack([w * p.z.double() for p, w in zip(points, weights, strict=True)]).sum(dim=0)
    wanted = math.fsum(w * float(p.z.double().norm()) for p, w in zip(points, weights, strict=True))
    length = float(z.norm())
    if keep_length and wanted > 0.0 and length > 1e-6 * wanted:
        z = z * (wanted / length)
    return Point(z.float(), labels)


def mean_ws(codes: Sequence[Tensor], weights: Sequence[float], curved: bool, w_avg: Tensor) -> Tensor:
    """Blend after the mapping; ``curved`` turns around the mean w."""
    if len(codes) == 1:
        return codes[0]
    if curved and len(codes) == 2:
        return slerp(codes[0] - w_avg, codes[1] - w_avg, weights[1]) + w_avg
    if min(weights) < 0.0 and codes[0].device.type != "mps":  # Apple's GPUs have no doubles
        exact = torch.stack([w * code.double() for w, code in zip(weights, codes, strict=True)])
        return exact.sum(dim=0).to(codes[0].dtype)
    total = weights[0] * codes[0]
    for code, weight in zip(codes[1:], weights[1:], strict=True):
        total = total + weight * code
    return total


class Codes:
    """Latents of one model as ws ``[num_ws, w_dim]``, truncated as the look says, without its pushes."""

    def __init__(self, model: Model, look: Look) -> None:
        self.model = model.on_grid(look)
        self.look = look
        self._net = self.model.net

    # Before the mapping -----------------------------------------------------------------------------------------

    def point(self, latent: Latent) -> Point | None:
        """The z and the labels of a latent, blended before the mapping; ``None`` for what has no z."""
        net = self._net
        if isinstance(latent, Seed):
            return Point(seed_z(latent.seed, net.z_dim), self._labels(latent.seed))
        if isinstance(latent, Stored):
            if latent.form != "z":
                return None
            z = self._asset(latent.asset).reshape(-1)
            if z.shape[0] != net.z_dim:
                raise _unfit(latent, f"It has {z.shape[0]} numbers, this model takes {net.z_dim}.")
            return Point(z, self._labels(int(latent.asset[:8] or "0", 16)))
        if isinstance(latent, MapPoint | Blend):
            parts, weights, curved = _ingredients(latent)
            points = [self.point(part) for part in parts]
            if any(p is None for p in points):
                return None
            positive = all(weight > 0.0 for weight in weights)
            return mean_point(cast("list[Point]", points), weights, curved, keep_length=positive)
        return None

    def _labels(self, seed: int) -> Tensor | None:
        drawn = free_labels(seed, self._net.c_dim, self.model.label_groups, self.look.labels)
        return None if drawn is None else torch.from_numpy(drawn)

    def _asset(self, sha: str) -> Tensor:
        values = np.asarray(self.model.ctx.assets.array(sha), dtype=np.float32)
        if not np.all(np.isfinite(values)):
            raise StudioError("A stored code is damaged.", "It holds values that are no numbers.")
        return torch.from_numpy(np.ascontiguousarray(values))

    # After the mapping ------------------------------------------------------------------------------------------

    def map(self, point: Point) -> Tensor:
        """One point to ws ``[num_ws, w_dim]``, truncated.

        Points are mapped one by one and kept: a batch would be rounded differently than its members alone, and then
        a picture would depend on what it was asked together with.
        """
        net, look = self._net, self.look
        # A network with a mapping is truncated here, so that one mapping serves every psi.  One without knows itself
        # what of its input is z and may be pulled to the mean, and what is a class and may not.
        own = (look.psi, look.cutoff) if net.num_ws == 1 else (1.0, None)
        drawn = None if point.labels is None else point.labels.numpy().tobytes()
        kind = type(net).__name__
        key = ("w", self.model.sha, kind, str(self.model.device), point.z.numpy().tobytes(), drawn, own)
        w = self.model.ctx.cache.make(key, lambda: self._map(point, *own))
        ws = w.expand(net.num_ws, -1) if w.shape[0] == 1 else w
        return ws if net.num_ws == 1 else truncate(ws, net.w_avg, look.psi, look.cutoff)

    def _map(self, point: Point, psi: float, cutoff: int | None) -> Tensor:
        device = self.model.device
        labels = None if point.labels is None else point.labels[None].to(device)
        with torch.no_grad():
            ws = self._net.map(point.z[None].to(device), labels, psi, cutoff)[0]
        same = bool((ws == ws[:1]).all())
        return (ws[:1] if same else ws).clone()

    def ws(self, latent: Latent) -> Tensor:
        """Any latent as ws ``[num_ws, w_dim]`` float32 on the model's device."""
        if isinstance(latent, Seed):
            return self.map(cast(Point, self.point(latent)))
        if isinstance(latent, Stored):
            return self._stored(latent)
        if isinstance(latent, Direct):
            return self._net.w_avg.expand(self._net.num_ws, -1)
        if isinstance(latent, Mixed):
            return self._mixed(latent)
        if isinstance(latent, Encoded | DataPoint):
            return self._seen(latent)
        parts, weights, curved = _ingredients(latent)
        if len(parts) == 1:
            return self.ws(parts[0])
        if self.look.space == "z":
            point = self.point(latent)
            if point is not None:
                return self.map(point)
        return mean_ws([self.ws(part) for part in parts], weights, curved, self._net.w_avg)

    def _stored(self, latent: Stored) -> Tensor:
        net = self._net
        if latent.form == "z":
            return self.map(cast(Point, self.point(latent)))
        values = self._asset(latent.asset)
        if isinstance(net, AutoencoderGenerator) and values.ndim == 3 and values.shape == net.latent_shape:
            values = values.reshape(-1)  # a latent as the encoder writes it: [C, rows, columns]
        if values.shape[-1] != net.w_dim:
            if isinstance(net, AutoencoderGenerator) and net.net.spatial:
                raise _other_grid(f"This one has the shape {tuple(values.shape)}, the picture {net.latent_shape}.")
            raise _unfit(latent, f"Its codes have {values.shape[-1]} numbers, those of this model {net.w_dim}.")
        rows = values.reshape(-1, net.w_dim).to(self.model.device)
        if rows.shape[0] == 1:
            ws = rows.expand(net.num_ws, -1)
        elif rows.shape[0] == net.num_ws:
            ws = rows
        else:
            raise _unfit(latent, f"It has {rows.shape[0]} layers, this model has {net.num_ws}.")
        settled = latent.form == "ws" or net.num_ws == 1
        return ws if settled else truncate(ws, net.w_avg, self.look.psi, self.look.cutoff)

    def _seen(self, latent: Encoded | DataPoint) -> Tensor:
        """A picture through the encoder, or one whose encoding came with the model: ws ``[1, w_dim]``."""
        net, auto = self._net, self.model.autoencoder
        if auto is None or not isinstance(net, AutoencoderGenerator):
            raise StudioError(
                "This model has no encoder.",
                "It makes pictures from codes, but cannot read the code of a picture.",
                "Choose an autoencoder, or find the picture in the model first (Explore, “Find a photograph”).",
            )
        if isinstance(latent, Encoded):
            seen = moments(self.model.ctx, self.model.sha, auto, latent, net.rows, net.columns)
            return seen.draw(latent.sample).reshape(1, -1).to(self.model.device)
        data = companion(auto, "data_mu")
        if data is None or data[0].size != net.w_dim:
            raise StudioError("This model came without examples.", "", "Add pictures of your own.")
        if not 0 <= latent.index < len(data):
            raise StudioError(
                f"There is no example number {latent.index + 1}.", f"The model came with {len(data)}, counted from 1."
            )
        return torch.from_numpy(data[latent.index].reshape(1, -1)).to(self.model.device)

    def _mixed(self, latent: Mixed) -> Tensor:
        if not latent.sources:
            raise StudioError("This mix has no sources.", "", "Add a source to the mixing board.")
        n, count = self._net.num_ws, len(latent.sources)
        rows = list(latent.weights[:n]) or [()]
        rows += [rows[-1]] * (n - len(rows))
        weights = [normalised([*row[:count], *(0.0,) * (count - len(row))]) for row in rows]
        used = [s for s in range(count) if any(row[s] for row in weights)]
        total: Tensor | None = None
        for s in used:
            share = torch.tensor([row[s] for row in weights], device=self.model.device)[:, None]
            term = share * self.ws(latent.sources[s])
            total = term if total is None else total + term
        return cast(Tensor, total)

    # Walks ------------------------------------------------------------------------------------------------------

    def path(self, walk: Walk, space: str | None = None) -> Callable[[float], Tensor]:
        """The ws of a walk at any frame number; keys blend in z where they all have one and the space is z."""
        space = space or self.look.space
        points = [self.point(key.latent) for key in walk.keys] if space == "z" else []
        if points and all(p is not None for p in points):
            known = cast("list[Point]", points)

            def in_z(frame: float) -> Tensor:
                mix = at(walk, frame)
                return self.map(mean_point([known[k] for k in mix.keys], mix.weights, mix.curved))

            return in_z
        codes = [self.ws(key.latent) for key in walk.keys]

        def in_w(frame: float) -> Tensor:
            mix: Mix = at(walk, frame)
            return mean_ws([codes[k] for k in mix.keys], mix.weights, mix.curved, self._net.w_avg)

        return in_w

    def has_z(self, latent: Latent) -> bool:
        """Whether a latent can be blended before the mapping."""
        return self.point(latent) is not None

    def labels_of(self, latent: Latent) -> tuple[float, ...]:
        """The labels that a latent has in this look (empty without labels or without a z)."""
        point = self.point(latent) if groups_of(self.model.label_groups, self._net.c_dim) else None
        return () if point is None or point.labels is None else tuple(float(x) for x in point.labels)


def _ingredients(latent: MapPoint | Blend) -> tuple[list[Latent], tuple[float, ...], bool]:
    """What a blend is made of: latents with a weight other than 0, weights of sum 1, and whether it is spherical."""
    parts = map_parts(latent) if isinstance(latent, MapPoint) else latent.parts
    weights = shares([part.weight for part in parts])
    kept = [(part.latent, weight) for part, weight in zip(parts, weights, strict=True) if weight != 0.0]
    curved = isinstance(latent, Blend) and latent.curve == "slerp" and len(kept) == 2
    return [latent for latent, _ in kept], tuple(weight for _, weight in kept), curved


def _unfit(latent: Stored, why: str) -> StudioError:
    name = f"“{latent.name}”" if latent.name else "This code"
    return StudioError(f"{name} belongs to another model.", why, "Choose the model that it was made with.")


def _other_grid(why: str) -> StudioError:
    return StudioError(
        "This code belongs to pictures of another size.",
        why,
        "Choose the size that it was made in, or encode it again.",
    )


def codes(ctx: Context, generator: Generator, latent: Latent, look: Look, *, model: str = "") -> Tensor:
    """ws ``[1, num_ws, w_dim]`` of a latent: seeds, blends and truncation, without the pushes of the look."""
    card = ctx.card(model)
    at_work = Model(ctx, card.sha256, generator, ctx.label_prior(card.sha256).groups)
    return Codes(at_work, look).ws(latent)[None]


def noise_of(noise: Noise, net: Generator) -> tuple[NetNoise, float | Tensor]:
    """The network's two noise arguments: which noise, and its strength (for each layer where they differ)."""
    kind: NetNoise = noise.seed if noise.mode == "seed" else noise.mode
    if not noise.layers:
        return kind, noise.strength
    factors = [noise.layers[i] if i < len(noise.layers) else 1.0 for i in range(net.num_ws)]
    return kind, torch.tensor([noise.strength * f for f in factors], device=net.w_avg.device)

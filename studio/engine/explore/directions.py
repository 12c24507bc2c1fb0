"""Directions of w: principal components, closed-form factors, imported ones; pushes along them; film strips."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Progress, Steps
from studio.engine.context import Context
from studio.engine.explore.codes import Codes, Model, noise_of, open_model
from studio.engine.explore.draw import batch_size, info_of, pictures, synthesize
from studio.engine.explore.ranges import span, suggested_range
from studio.engine.explore.wstats import Float64Array, WStats, one_sign, w_stats
from studio.engine.morph.encodings import companion, plain
from studio.engine.registry import operation
from studio.engine.results import Directions, Pictures
from studio.nets.drawing import AutoencoderGenerator
from studio.project.latents import Direction, Look, Push
from studio.project.requests import FilmStrip, FindDirections


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A direction made ready: ``rows`` ``[1 or num_ws, w_dim]`` float32 of unit length (rms over the rows), and how
    much one ``sigma`` is."""

    rows: Tensor
    sigma: float


# Style weights and their factors --------------------------------------------------------------------------------


def style_weights(net: Any, layer: int) -> Float64Array:
    """The rows by which w of ``layer`` steers its convolutions, ``[styles, w_dim]`` float64.

    StyleGAN2: the affine weights of the layer's convolution (of the colours only where nothing else takes that w);
    StyleGAN3: of its layer (or of its input's placement); a network without styles: what its first layer makes of z.
    """
    net = plain(net)
    found: list[Tensor] = []
    synthesis = getattr(net, "synthesis", None)
    if synthesis is not None:
        for module in _style_modules(synthesis, layer):
            found.append(cast(Tensor, module.affine.weight))
    else:
        found += _first_layer(net)
    if not found:
        raise StudioError(
            "This model has no style weights to factorise.",
            "Its layers are not steered by a common code.",
            "Use principal components instead.",
        )
    return torch.cat([w.detach().cpu().double() for w in found]).numpy()


def _first_layer(net: Any) -> list[Tensor]:
    """What the first layer makes of the network's input: its weights as rows ``[outputs, w_dim]``.

    Of an autoencoder the decoder's; the columns of a spatial latent are its channels.
    """
    width = net.w_dim
    if isinstance(net, AutoencoderGenerator):
        width = net.net.latent_dim
        net = plain(net.net)
        net = getattr(net, "decoder", net)
    for module in net.modules():
        if isinstance(module, nn.Linear) and module.in_features == width:
            return [module.weight]
        if isinstance(module, nn.ConvTranspose2d | nn.Conv2d) and module.in_channels == width:
            inputs = 0 if isinstance(module, nn.ConvTranspose2d) else 1
            return [module.weight.movedim(inputs, 0).reshape(width, -1).t()]
    return []


def _style_modules(synthesis: Any, layer: int) -> Iterator[Any]:
    if hasattr(synthesis, "names"):  # StyleGAN3: the input takes ws[0], L0 ws[1] ...
        yield synthesis.input if layer == 0 else getattr(synthesis, synthesis.names[layer - 1])
        return
    colours = None
    for r in synthesis.resolutions:
        block = synthesis.block(r)
        for name in ("conv0", "conv1"):
            conv = getattr(block, name, None)
            if conv is not None and conv.index == layer:
                yield conv
        if hasattr(block, "torgb") and block.conv1.index + 1 == layer:
            colours = block.torgb
    if colours is not None and layer == 2 * len(synthesis.resolutions) - 1:
        yield colours


def factors(net: Any, first: int, last: int) -> tuple[Float64Array, Float64Array]:
    """Closed-form factorisation (Shen & Zhou 2021, "SeFa"): (vectors ``[w_dim, w_dim]``, eigenvalues), strongest first.

    The eigenvectors of A^T A for the style weights A of the layers, each style normalised as the authors do: the unit
    steps of w that move the styles of these layers most.
    """
    start, stop = span(first, last, net.num_ws)
    if start >= stop:
        raise StudioError("This layer range is empty.", "", "Choose a first layer that is not after the last one.")
    a = np.concatenate([style_weights(net, layer) for layer in range(start, stop)])
    a = a / np.linalg.norm(a, axis=1, keepdims=True).clip(min=1e-12)
    values, vectors = np.linalg.eigh(a.T @ a)
    return one_sign(np.ascontiguousarray(vectors.T[::-1])), np.asarray(values[::-1].clip(min=0.0))


def _factors(model: Model, first: int, last: int) -> tuple[Float64Array, Float64Array]:
    start, stop = span(first, last, model.net.num_ws)
    key = ("factors", model.sha, start, stop)
    found: tuple[Float64Array, Float64Array] = model.ctx.cache.make(key, lambda: factors(model.net, first, last))
    return found


# One direction ---------------------------------------------------------------------------------------------------


def resolve(model: Model, direction: Direction, first: int = 0, last: int = -1) -> Steps[Vector]:
    """The unit vector and the sigma of a direction (measures w on first use).

    Raises a user error for an index that is not there or a stored direction of another model.
    """
    stats = yield from w_stats(model)
    net = model.net
    told: float | None = None
    if direction.kind == "principal":
        rows = stats.direction(_row(stats.components, direction.index))[None]
    elif direction.kind == "factor":
        rows = stats.direction(_row(_factors(model, first, last)[0], direction.index))[None]
    elif direction.kind == "axis":
        rows = stats.direction(_row(np.eye(len(stats.mean)), direction.index))[None]
    elif direction.kind == "attribute":
        rows, told = attribute(model, stats, direction.index)
    else:
        rows = _stored_rows(model, direction)
    rows = _unit(rows)
    sigma = stats.sigma(rows) if told is None else told
    if direction.clean:
        cleaned = _unit(clean(rows, _others(model, stats, direction, rows)))
        sigma *= stats.sigma(cleaned) / max(1e-12, stats.sigma(rows))
        rows = cleaned
    made = torch.from_numpy(rows.astype(np.float32)).to(model.device)
    if made.shape[0] not in (1, net.num_ws):
        raise StudioError(
            "This direction belongs to another model.",
            f"It has {made.shape[0]} layers, this model has {net.num_ws}.",
            "Import it for the model that it was found in.",
        )
    return Vector(made, sigma)


def _unit(rows: Float64Array) -> Float64Array:
    size = float(np.sqrt(np.mean(np.sum(rows**2, axis=1))))
    if not np.isfinite(size) or size <= 1e-12:
        raise StudioError("This direction leads nowhere.", "Its vector is zero or damaged.", "Choose another one.")
    return np.asarray(rows / size)


def _attributes(model: Model, stats: WStats) -> Float64Array:
    """The attribute vectors that came with the model, ``[A, w_dim]`` (A is 0 where there are none)."""
    vectors = companion(model.net, "attributes_vectors") if model.autoencoder is not None else None
    if vectors is None:
        return np.zeros((0, model.net.w_dim))
    rows = [np.asarray(row, dtype=np.float64) for row in vectors]
    return np.stack([stats.direction(row) if len(row) == len(stats.mean) else row for row in rows])


def attribute(model: Model, stats: WStats, index: int) -> tuple[Float64Array, float | None]:
    """Attribute number ``index`` of the model: its vector ``[1, w_dim]`` and, where the model tells it, its sigma."""
    vectors = _attributes(model, stats)
    if len(vectors) == 0:
        raise StudioError(
            "This model came without attributes.",
            "Nobody measured what its latent space means.",
            "Make one of your own from pictures with and without it.",
        )
    row = _row(vectors, index)[None]
    sigmas = companion(model.net, "attributes_sigmas")
    return row, float(sigmas[index]) if sigmas is not None and len(sigmas) == len(vectors) else None


SAME = 0.7
"""A stored direction this close (cosine) to an attribute of the model means the same; it is not cleaned of it."""

LEFT = 0.05
"""What must be left of a direction when it is cleaned; less is only rounding and chance."""


def _others(model: Model, stats: WStats, direction: Direction, rows: Float64Array) -> Float64Array:
    """The attributes of the model that are not this direction itself, ``[n, w_dim]``."""
    vectors = _attributes(model, stats)
    if direction.kind == "attribute":
        return np.delete(vectors, direction.index, axis=0)
    lengths = np.linalg.norm(vectors, axis=1)
    mean = rows.mean(axis=0)
    cosines = np.abs(vectors @ mean) / np.maximum(1e-12, lengths * np.linalg.norm(mean))
    return np.asarray(vectors[cosines < SAME])


def clean(rows: Float64Array, others: Float64Array) -> Float64Array:
    """What ``rows`` ``[n, w_dim]`` does not share with ``others`` ``[m, w_dim]``: its part orthogonal to all of them.

    The residual of least squares, which is what Gram and Schmidt leave, in any order of the others.  A user error when
    next to nothing is left.
    """
    if len(others) == 0:
        return rows
    shared, *_ = np.linalg.lstsq(others.T, rows.T, rcond=1e-6)
    rest = rows - (others.T @ shared).T
    if np.linalg.norm(rest) < LEFT * np.linalg.norm(rows):
        raise StudioError(
            "Nothing of this direction is its own.",
            "It is made of the other attributes of the model.",
            "Use it without cleaning.",
        )
    return np.asarray(rest)


def _row(rows: Float64Array, index: int) -> Float64Array:
    if not 0 <= index < len(rows):
        raise StudioError(f"There is no direction number {index}.", f"This model has {len(rows)}, counted from 0.")
    return np.asarray(rows[index])


def _stored_rows(model: Model, direction: Direction) -> Float64Array:
    values = np.asarray(model.ctx.assets.array(direction.asset), dtype=np.float64)
    width = model.net.w_dim
    if values.ndim == 1:
        values = values[None]
    if values.shape[-1] != width:
        raise StudioError(
            "This direction belongs to another model.",
            f"It has {values.shape[-1]} numbers, codes of this model have {width}.",
            "Import it for the model that it was found in.",
        )
    if not 0 <= direction.index < len(values):
        raise StudioError(
            f"There is no direction number {direction.index} in this file.", f"It holds {len(values)}, counted from 0."
        )
    return np.asarray(values[direction.index].reshape(-1, width))


def push_by(ws: Tensor, vector: Vector, amount: float, first: int, last: int) -> Tensor:
    """ws ``[..., num_ws, w_dim]`` moved by ``amount`` sigmas in the layers ``first..last``."""
    start, stop = span(first, last, ws.shape[-2])
    if amount == 0.0 or start >= stop:
        return ws
    step = (amount * vector.sigma) * vector.rows.expand(ws.shape[-2], -1)[start:stop]
    return torch.cat((ws[..., :start, :], ws[..., start:stop, :] + step, ws[..., stop:, :]), dim=-2)


def pusher(model: Model, pushes: Sequence[Push]) -> Steps[list[tuple[Vector, Push]]]:
    """The pushes of a look that do anything, made ready once for many codes."""
    ready: list[tuple[Vector, Push]] = []
    for push in pushes:
        if push.amount != 0.0:
            vector = yield from resolve(model, push.direction, push.first, push.last)
            ready.append((vector, push))
    return ready


def pushed(ws: Tensor, ready: Sequence[tuple[Vector, Push]]) -> Tensor:
    """ws after all pushes."""
    for vector, push in ready:
        ws = push_by(ws, vector, push.amount, push.first, push.last)
    return ws


# Finding them ----------------------------------------------------------------------------------------------------


@operation(FindDirections, long=True, doing="Finding directions")
def find_directions(ctx: Context, request: FindDirections) -> Steps[Directions]:
    """Principal components of w, or closed-form factors of a layer range, with their sigmas.

    ``samples`` other than the default are for study: sliders always refer to the default statistics.
    """
    model = open_model(ctx, request.model, request.precision)
    stats: WStats = yield from w_stats(model, max(2, request.samples), request.seed)
    count = max(1, min(request.count, len(stats.mean)))
    if request.method == "principal":
        vectors = np.stack([stats.direction(row) for row in stats.components[:count]])
        sigmas = stats.sigmas[:count]
        variance = float(np.trace(stats.covariance)) or 1.0
        return Directions(
            "principal",
            vectors.astype(np.float32),
            np.array([stats.sigma(v) for v in vectors], dtype=np.float32),
            (sigmas**2 / variance).astype(np.float32),
            info={"samples": stats.samples, "seed": request.seed},
        )
    yield Progress(0, 1, "Factorising the style weights")
    all_vectors, values = _factors(model, request.first, request.last)
    vectors = np.stack([stats.direction(row) for row in all_vectors[:count]])
    return Directions(
        "factor",
        vectors.astype(np.float32),
        np.array([stats.sigma(v) for v in vectors], dtype=np.float32),
        (values[:count] / max(1e-12, float(values.sum()))).astype(np.float32),
        first=request.first,
        last=request.last,
        info={"samples": stats.samples, "seed": request.seed},
    )


# Showing one -----------------------------------------------------------------------------------------------------


@operation(FilmStrip, parts=True, doing="Drawing the film strip")
def film_strip(ctx: Context, request: FilmStrip) -> Steps[Pictures]:
    """The strip from ``-reach`` to ``+reach`` sigmas, and in ``info`` the layer range where the direction acts most.

    The look's own pushes along this very direction and range are left out: the strip shows its whole way.
    """
    started = time.perf_counter()
    model = open_model(ctx, request.model, request.precision, request.look)
    look = request.look
    others = [
        p for p in look.pushes if (p.direction, p.first, p.last) != (request.direction, request.first, request.last)
    ]
    base = Codes(model, look).ws(request.latent)
    ready = yield from pusher(model, others)
    base = pushed(base, ready)
    vector = yield from resolve(model, request.direction, request.first, request.last)
    count = max(1, request.count)
    amounts = [0.0] if count == 1 else [float(a) for a in np.linspace(-request.reach, request.reach, count)]
    images = yield from pictures(
        ctx,
        model.net,
        count,
        lambda i: push_by(base, vector, amounts[i], request.first, request.last),
        [look.noise],
        request.tile,
        phase="Drawing the strip",
    )
    effect = yield from effect_by_layer(model, base, vector, look)
    low, high = suggested_range(effect)
    facts = info_of(
        model.net,
        started,
        amounts=tuple(amounts),
        sigma=vector.sigma,
        suggested=(low, high),
        effect=tuple(effect),
    )
    return Pictures(tuple(images), facts)


def effect_by_layer(model: Model, ws: Tensor, vector: Vector, look: Look, amount: float = 2.0) -> Steps[list[float]]:
    """How much the picture changes when one layer alone goes ``amount`` sigmas up or down: mean absolute difference.

    Measured on pictures of at most 256 px; finer layers of larger networks only draw what cannot be seen there.
    """
    net = model.net
    noise = noise_of(look.noise, net)
    size = min(256, net.resolution)
    base = synthesize(net, ws[None], *noise, size)
    yield Progress(0, net.num_ws, "Looking where it acts")
    cases = [(layer, sign) for layer in range(net.num_ws) for sign in (-1.0, 1.0)]
    effect = [0.0] * net.num_ws
    each = batch_size(model.ctx, net, size)
    for start in range(0, len(cases), each):
        part = cases[start : start + each]
        moved = torch.stack([push_by(ws, vector, sign * amount, layer, layer) for layer, sign in part])
        change = (synthesize(net, moved, *noise, size) - base).abs().mean(dim=(1, 2, 3))
        for (layer, _), value in zip(part, change.tolist(), strict=True):
            effect[layer] += value / 2
        yield Progress(part[-1][0] + 1, net.num_ws, "Looking where it acts")
    return effect

"""Arithmetic with latents as plain values: the point of a pad, an analogy, a cooler draw, a shift on the map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from studio.project.latents import Blend, DataPoint, Direct, Encoded, Latent, Mixed, Part, Seed, Stored, Walk
from studio.project.session import Pad

Curve = Literal["linear", "slerp"]


def between(a: Latent, b: Latent, t: float, curve: Curve) -> Latent:
    """From ``a`` (t 0) to ``b`` (t 1); the ends are exactly the latents themselves."""
    if t <= 0.0 or a == b:
        return a
    if t >= 1.0:
        return b
    return Blend(parts=(Part(latent=a, weight=1.0 - t), Part(latent=b, weight=t)), curve=curve)


def bilinear(x: float, y: float) -> tuple[float, float, float, float]:
    """Weights of the corners A (top left), B, C (bottom left), D of a unit square; their sum is 1."""
    return (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y


def pad_latent(pad: Pad) -> Latent | None:
    """The latent at the point of a pad; None without any corner.

    Two corners: along the upper edge.  Three: barycentric (A where x = y = 0, B at x = 1, C at y = 1).  Four:
    bilinear.  Corners without weight are left out, so a corner is exactly its own latent.  ``slerp``: great circles
    along the rows and then between them.
    """
    corners, x, y = pad.corners, pad.x, pad.y
    if len(corners) < 2:
        return corners[0] if corners else None
    if len(corners) == 2:
        return between(corners[0], corners[1], x, pad.curve)
    if pad.curve == "slerp":
        along = x if len(corners) == 4 else (x / (1 - y) if y < 1 else 0.0)
        upper = between(corners[0], corners[1], along, "slerp")
        lower = between(corners[2], corners[3], x, "slerp") if len(corners) == 4 else corners[2]
        return between(upper, lower, y, "slerp")
    weights = bilinear(x, y) if len(corners) == 4 else (1 - x - y, x, y)
    shares: dict[Latent, float] = {}
    for latent, weight in zip(corners, weights, strict=True):
        shares[latent] = shares.get(latent, 0.0) + weight
    parts = tuple(Part(latent=latent, weight=weight) for latent, weight in shares.items() if abs(weight) > 1e-9)
    return parts[0].latent if len(parts) == 1 else Blend(parts=parts)


def analogy(a: Latent, b: Latent, c: Latent) -> Latent:
    """``b + c - a``: what ``c`` becomes when it changes as ``a`` does to ``b``."""
    if a == b:
        return c
    if a == c:
        return b
    return Blend(parts=(Part(latent=b), Part(latent=c), Part(latent=a, weight=-1.0)))


def tempered(seed: int, temperature: float) -> Latent:
    """A draw at a temperature, whole in itself: the mean (which is zero) plus ``temperature`` times the seed's z."""
    if temperature == 1.0:
        return Seed(seed=seed)
    return Blend(
        parts=(
            Part(latent=Seed(seed=seed), weight=temperature),
            Part(latent=Direct(), weight=1.0 - temperature),
        )
    )


def drawn_seed(latent: Latent) -> int | None:
    """The seed of a :func:`tempered` draw (or a bare seed); None for anything else."""
    if isinstance(latent, Seed):
        return latent.seed
    if isinstance(latent, Blend) and len(latent.parts) == 2:
        first, second = latent.parts[0].latent, latent.parts[1].latent
        if isinstance(first, Seed) and isinstance(second, Direct):
            return first.seed
    return None


def shifted(latent: Latent, axes: Sequence[str], amounts: Sequence[float]) -> Latent:
    """``latent + sum(amount * axis)`` for a network whose mean is zero; ``axes`` are assets of single codes ``[1, D]``.

    A latent that was shifted along the same axes before is shifted on, not wrapped again.
    """
    before = [0.0] * len(axes)
    if isinstance(latent, Blend) and len(latent.parts) == len(axes) + 2:
        inner = latent.parts[1:-1]
        same = [isinstance(p.latent, Stored) and p.latent.asset == axis for p, axis in zip(inner, axes, strict=True)]
        if all(same) and isinstance(latent.parts[-1].latent, Direct):
            before = [part.weight for part in inner]
            latent = latent.parts[0].latent
    total = [b + a for b, a in zip(before, amounts, strict=True)]
    if not any(total):
        return latent
    moved = tuple(Part(latent=Stored(asset=axis, form="w"), weight=w) for axis, w in zip(axes, total, strict=True))
    return Blend(parts=(Part(latent=latent), *moved, Part(latent=Direct(), weight=-sum(total))))


def portable(latent: Latent) -> bool:
    """Whether a latent means a picture in every model: nothing in it was stored, or read by one encoder."""
    if isinstance(latent, Blend):
        return all(portable(part.latent) for part in latent.parts)
    if isinstance(latent, Mixed):
        return all(portable(source) for source in latent.sources)
    return not isinstance(latent, Stored | Encoded | DataPoint)


def replaced(latent: Latent, change: Callable[[Latent], Latent]) -> Latent:
    """``latent`` with every latent that it is made of changed."""
    if isinstance(latent, Blend):
        parts = tuple(msgspec.structs.replace(p, latent=replaced(p.latent, change)) for p in latent.parts)
        return msgspec.structs.replace(latent, parts=parts)
    if isinstance(latent, Mixed):
        return msgspec.structs.replace(latent, sources=tuple(replaced(s, change) for s in latent.sources))
    return change(latent)


def with_draw(latent: Latent, seed: int | None) -> Latent:
    """Pictures stand for a draw of this seed, or (None) for their mean."""

    def change(part: Latent) -> Latent:
        return msgspec.structs.replace(part, sample=seed) if isinstance(part, Encoded) else part

    return replaced(latent, change)


def walk_with(walk: Walk, change: Callable[[Latent], Latent]) -> Walk:
    """The walk with the latent of every key changed."""
    keys = tuple(msgspec.structs.replace(key, latent=change(key.latent)) for key in walk.keys)
    return msgspec.structs.replace(walk, keys=keys)

"""Reading what people write on the command line: seeds, labels, noise, pushes, sources.  No torch."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from studio.base.errors import StudioError
from studio.project.latents import Direction, LabelValue, Latent, Look, Noise, Push, Seed

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context

MAX_SEEDS = 10_000


def seeds(text: str) -> list[int]:
    """``0-63`` or ``1,5,9`` or both."""
    found: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise StudioError(f"“{part}” is not a seed.", "", "Write for example 0-63 or 1,5,9.")
        low, high = int(match[1]), int(match[2] or match[1])
        if high < low or high - low >= MAX_SEEDS:
            raise StudioError(f"“{part}” is not a range of at most {MAX_SEEDS} seeds.")
        found += range(low, high + 1)
    if not found:
        raise StudioError("No seeds were given.", "", "Write for example 0-63 or 1,5,9.")
    if max(found) >= 2**32 or len(found) > MAX_SEEDS:
        raise StudioError("These seeds are too many or too large.", f"At most {MAX_SEEDS}, each below {2**32}.")
    return found


def layer_range(text: str) -> tuple[int, int]:
    """``2-5`` or ``3`` as (first, last); empty: all layers."""
    if not text:
        return 0, -1
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if match is None:
        raise StudioError(f"“{text}” is not a range of layers.", "", "Write for example 2-5.")
    return int(match[1]), int(match[2] or match[1])


def noise(text: str, strength: float) -> Noise:
    """``const``, ``none`` or ``seed:N``."""
    mode, _, number = text.partition(":")
    if mode == "seed" and (number or "0").isdigit():
        return Noise(mode="seed", seed=int(number or 0), strength=strength)
    if mode not in ("const", "none") or number:
        raise StudioError(f"“{text}” is not a kind of noise.", "", "Write const, none or seed:N.")
    return Noise(mode=cast(Any, mode), strength=strength)


def label_index(card: ModelCard) -> dict[str, int]:
    """Every name by which a label of the model can be called, in lower case: number, name, group/name."""
    c_dim = int(card.hyper.get("c_dim", 0))
    known: dict[str, int] = {str(i): i for i in range(c_dim)}
    twice: set[str] = set()

    def add(name: str, index: int) -> None:
        key = name.strip().lower()
        if known.get(key, index) != index:
            twice.add(key)
        known[key] = index

    for index, name in enumerate(card.label_names[:c_dim]):
        add(name, index)
    for group in card.label_groups:
        for name, index in zip(group.get("names", ()), group.get("indices", ()), strict=False):
            add(f"{group.get('title', '')}/{name}", int(index))
            add(str(name), int(index))
    return {name: index for name, index in known.items() if name not in twice}


def labels(words: list[str], card: ModelCard) -> tuple[LabelValue, ...]:
    """``NAME=0.5 ...`` (a bare NAME means 1)."""
    known = label_index(card)
    found = []
    for word in words:
        name, _, value = word.partition("=")
        if name.strip().lower() not in known:
            names = ", ".join(name for name in known if not name.isdigit()) or "none"
            raise StudioError(f"This model has no label “{name}”.", f"It has: {names}.")
        try:
            amount = float(value or 1.0)
        except ValueError:
            raise StudioError(f"“{word}” does not end in a number.", "", f"Write for example {name}=0.5.") from None
        found.append(LabelValue(index=known[name.strip().lower()], value=amount))
    return tuple(found)


def push(text: str, ctx: Context) -> Push:
    """``principal:3=1.5@2-5``, ``factor:0=-2@0-4`` or ``smile.pt:0=1``; a file's vectors become an asset."""
    match = re.fullmatch(r"(.+?)(?::(\d+))?=([-+]?[0-9.]+)(?:@(\d+(?:-\d+)?))?", text.strip())
    if match is None:
        raise StudioError(f"“{text}” is not a push.", "", "Write for example principal:0=1.5@2-5.")
    name, index, amount, layers = match.groups()
    first, last = layer_range(layers or "")
    kind, asset = name, ""
    if name not in ("principal", "factor"):
        kind, asset = "stored", directions_asset(Path(name), ctx)
    direction = Direction(kind=cast(Any, kind), index=int(index or 0), asset=asset)
    return Push(direction=direction, name=Path(name).stem, amount=float(amount), first=first, last=last)


def directions_asset(path: Path, ctx: Context) -> str:
    """The vectors of a file of directions as an asset."""
    if not path.is_file():
        raise StudioError(f"There is no file “{path}”.", "", "Write principal:N, factor:N, or a file of directions.")
    from studio.checkpoints.directions import read_directions

    return ctx.assets.put_array(read_directions(path).vectors)


def look_of(args: argparse.Namespace, card: ModelCard, ctx: Context) -> Look:
    """The look that the options describe."""
    return Look(
        space=args.space,
        psi=args.psi,
        cutoff=args.cutoff,
        labels=labels(args.labels, card),
        noise=noise(args.noise, args.noise_strength),
        pushes=tuple(push(text, ctx) for text in args.push),
    )


def split_sources(text: str) -> list[str]:
    """``1,5,pic.png`` in its parts; ranges of seeds are spelled out."""
    parts: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        if re.fullmatch(r"\d+-\d+", piece):
            parts += [str(seed) for seed in seeds(piece)]
        else:
            parts.append(piece)
    if not parts:
        raise StudioError("No sources were given.", "", "Write for example 1,5,pic.png.")
    return parts


def as_seed(word: str) -> Latent | None:
    """A seed, if the word is a number."""
    return Seed(seed=seeds(word)[0]) if word.isdigit() else None

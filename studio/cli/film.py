"""``studio walk``, ``invert`` and ``directions``: what takes longer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from studio.base.errors import StudioError
from studio.cli.headless import ask, drive, generator_card, make_context, precision_of, session_with, tell
from studio.cli.pictures import card_for_sources, check_picture_path, facts, save, source
from studio.cli.words import layer_range, look_of, split_sources
from studio.project import recipes
from studio.project.latents import Direction, Key, Seed, Stored, Walk
from studio.project.requests import FilmStrip, FindDirections, Invert, Render, WalkFrames

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context


def walk(args: argparse.Namespace) -> int:
    """A film through keys."""
    from studio.engine.explore.walks import with_frames

    if args.fps < 1 or args.fps > 240:
        raise StudioError("Films have 1 to 240 frames per second.")
    words = split_sources(args.sources)
    ctx = make_context(args)
    card = card_for_sources(ctx, args.model, words)
    look = look_of(args, card, ctx)
    keys = tuple(Key(latent=source(ctx, card, look, word), easing=args.easing, name=word) for word in words)
    speed: Literal["keys", "even"] = "even" if args.even else "keys"
    made = Walk(keys=keys, curve=args.curve, loop=args.loop, fps=args.fps, noise_loop=args.noise_loop, speed=speed)
    made = with_frames(made, args.frames)
    request = WalkFrames(model=card.sha256, precision=precision_of(args), walk=made, look=look, size=args.size)
    told = write_film(ctx, card, request, Path(args.out))
    if args.recipe:
        path = Path(args.recipe)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(recipes.to_text(recipes.recipe_for(request, session_with(card), ctx.assets)), encoding="utf-8")
        told["recipe"] = path
    tell(args, f"Wrote {told['out']} ({told['frames']} frames, {told['seconds']:.1f} s)", told)
    return 0


def write_film(ctx: Context, card: ModelCard, request: WalkFrames, out: Path) -> dict[str, Any]:
    """Draw a walk into a file; what ``--json`` says about it."""
    from studio.engine.explore.film import film
    from studio.engine.explore.walks import frame_count

    frames = frame_count(request.walk)
    out.parent.mkdir(parents=True, exist_ok=True)
    text = recipes.to_text(recipes.recipe_for(request, session_with(card), ctx.assets))
    path = drive(film(ctx, request, out, recipe=text))
    seconds = frames / request.walk.fps
    return {"out": path, "frames": frames, "fps": request.walk.fps, "seconds": seconds, "model": card.sha256}


def invert(args: argparse.Namespace) -> int:
    """Find a photograph; the exported picture carries the code, so that it can be mixed, pushed and walked."""
    from studio.media.images import load_image

    out = check_picture_path(Path(args.out))
    if args.steps < 1:
        raise StudioError("At least one step is needed.")
    picture = load_image(Path(args.picture))
    ctx = make_context(args)
    card = generator_card(ctx, args.model)
    request = Invert(
        model=card.sha256,
        picture=ctx.assets.put_image(picture.pixels),
        space=args.space,
        editability=args.editability,
        steps=args.steps,
        seed=args.seed,
    )
    found = ask(ctx, request)
    latent = Stored(asset=found.ws_asset, name=Path(args.picture).stem)
    render = Render(model=card.sha256, precision=precision_of(args), latent=latent)
    result = ask(ctx, render)
    save(ctx, card, out, result.image, render)
    told = facts(card, out, result.image, result)
    told |= {name: found.info[name] for name in ("psnr", "perceptual", "features", "spread", "ordinary", "steps")}
    if args.code:
        Path(args.code).parent.mkdir(parents=True, exist_ok=True)
        np.save(args.code, ctx.assets.array(found.ws_asset), allow_pickle=False)
        told["code"] = args.code
    tell(args, f"Wrote {out} (PSNR {found.info['psnr']:.1f} dB)", told)
    return 0


def directions(args: argparse.Namespace) -> int:
    """A table of directions, their vectors, and a film strip of each."""
    ctx = make_context(args)
    card = generator_card(ctx, args.model)
    look = look_of(args, card, ctx)
    first, last = layer_range(args.range)
    if args.strips:
        check_picture_path(Path(args.strips))
    request = FindDirections(model=card.sha256, method=args.method, count=max(1, args.count), first=first, last=last)
    found = ask(ctx, request)
    rows: list[dict[str, Any]] = [
        {"index": i, "sigma": float(s), "share": float(p)}
        for i, (s, p) in enumerate(zip(found.sigmas, found.share, strict=True))
    ]
    told: dict[str, Any] = {"model": card.sha256, "method": found.method, "directions": rows}
    if args.out:
        out = Path(args.out)
        if out.suffix.lower() != ".npy":
            raise StudioError(f"“{out.name}” is not a name for vectors.", "", "Use .npy at its end.")
        out.parent.mkdir(parents=True, exist_ok=True)
        np.save(out, found.vectors, allow_pickle=False)
        told["out"] = out
    if args.strips:
        _strips(args, ctx, card, look, rows, (first, last))
        told["strips"] = args.strips
    lines = [f"{'':>5}  {'sigma':>8}  {'share':>6}  {'layers' if args.strips else ''}".rstrip()]
    for row in rows:
        low, high = row.get("layers", ("", ""))
        layers = f"{low}-{high}" if "layers" in row else ""
        lines.append(f"{row['index']:>5}  {row['sigma']:>8.3f}  {100 * row['share']:>5.1f}%  {layers}".rstrip())
    tell(args, "\n".join(lines), told)
    return 0


def _strips(
    args: argparse.Namespace,
    ctx: Context,
    card: ModelCard,
    look: Any,
    rows: list[dict[str, Any]],
    layers: tuple[int, int],
) -> None:
    """One row of pictures for each direction, and the layers where it acts most into the table."""
    from studio.media.images import save_image
    from studio.media.sheets import contact_sheet

    images = []
    for row in rows:
        request = FilmStrip(
            model=card.sha256,
            precision=precision_of(args),
            latent=Seed(seed=args.seed),
            look=look,
            direction=Direction(kind=cast(Any, args.method), index=row["index"]),
            first=layers[0],
            last=layers[1],
        )
        result = ask(ctx, request)
        images += list(result.images)
        row["layers"] = result.info["suggested"]
    Path(args.strips).parent.mkdir(parents=True, exist_ok=True)
    save_image(Path(args.strips), contact_sheet(images, columns=7))

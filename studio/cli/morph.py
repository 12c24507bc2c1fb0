"""``studio morph``, ``encode``, ``sample`` and ``attributes``: what an autoencoder can do, headless."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from studio.base.errors import ModelError, StudioError
from studio.cli.film import write_film
from studio.cli.headless import ask, drive, make_context, precision_of, shelf_of, tell
from studio.cli.pictures import check_picture_path, draw_seeds, facts, save, source
from studio.cli.words import as_seed, directions_asset
from studio.project.latents import Blend, Direction, Encoded, Frame, Key, Latent, Look, Part, Push, Walk
from studio.project.morph import Encode, MakeAttribute
from studio.project.requests import Render, Sheet, WalkFrames

if TYPE_CHECKING:
    from studio.base.steps import UInt8Image
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context

FULL_LOOK = Look(psi=1.0)


# What is shared ----------------------------------------------------------------------------------------------------


def autoencoder_card(ctx: Context, text: str) -> ModelCard:
    """The autoencoder that ``--model`` names (empty: the embedded one), with a sentence if it is of another kind."""
    card = shelf_of(ctx).named(text) if text else shelf_of(ctx).default("autoencoder")
    if card is None:
        raise ModelError("No autoencoder came with this installation.", "", "Name one with --model.")
    if card.role != "autoencoder":
        raise ModelError(
            f"“{card.title or card.name}” does not turn pictures into codes and back.",
            f"It is of the kind “{card.role}”.",
            "Choose an autoencoder.",
        )
    return card


def sides(card: ModelCard, pixels: UInt8Image) -> tuple[int, int, Look]:
    """(width, height) in px at which pictures go in, and the look that says so.

    A flat latent has the model's own size.  A spatial one follows the picture's proportions, its longer side that
    which the model is at home with.
    """
    resolution, factor = int(card.hyper["resolution"]), int(card.hyper.get("factor", 0))
    if not card.hyper.get("spatial") or factor < 1:
        return resolution, resolution, FULL_LOOK
    height, width = pixels.shape[:2]
    longer = max(width, height)
    columns, rows = (max(1, round(resolution * side / longer / factor)) for side in (width, height))
    return columns * factor, rows * factor, msgspec.structs.replace(FULL_LOOK, rows=rows, columns=columns)


def load(path: Path) -> UInt8Image:
    """The pixels of a picture file."""
    from studio.media.images import load_image

    return load_image(path).pixels


def frame_of(args: argparse.Namespace, pixels: UInt8Image) -> Frame | None:
    """``--fit``: the middle of a picture, or all of it on ``--background``."""
    if args.fit == "cover":
        return None
    from studio.engine.morph.framing import all_of

    frame = all_of(pixels.shape[1], pixels.shape[0])
    if args.background == "edge":
        return frame
    return msgspec.structs.replace(frame, fill="colour", colour=args.background)


def encoded(ctx: Context, path: Path, frame: Frame | None, width: int, height: int, sample: int | None) -> Encoded:
    """A picture file as a latent.

    Kept framed, at the size that the model sees: a recipe carries that and not the whole photograph.
    """
    from studio.engine.morph.framing import framed

    asset = ctx.assets.put_image(framed(load(path), frame, width, height))
    return Encoded(picture=asset, sample=sample, name=path.stem)


def latent_of(args: argparse.Namespace, ctx: Context, card: ModelCard, word: str, size: tuple[int, int]) -> Latent:
    """A seed, a ``.npy`` code, a picture that this model made (its own code), or any other picture, encoded."""
    seed = as_seed(word)
    if seed is not None:
        return seed
    path = Path(word)
    if path.suffix.lower() == ".npy" or _made_by(path, card):
        return source(ctx, card, FULL_LOOK, word)
    return encoded(ctx, path, frame_of(args, load(path)), *size, args.sample)


def _made_by(path: Path, card: ModelCard) -> bool:
    """Whether a picture carries the recipe of one picture of this model."""
    from studio.media.images import read_recipe
    from studio.project import recipes

    text = read_recipe(path)
    if not text:
        return False
    try:
        request = recipes.from_text(text).request
    except StudioError:
        return False  # a recipe of another version: it is a picture all the same
    return isinstance(request, Render) and request.model == card.sha256


def first_picture(words: list[str]) -> Path | None:
    """The first word that is a picture file."""
    return next((Path(w) for w in words if as_seed(w) is None and Path(w).suffix.lower() != ".npy"), None)


def look_and_size(card: ModelCard, words: list[str]) -> tuple[Look, tuple[int, int]]:
    """The look and the size that the first picture of a command asks for."""
    import numpy as np

    path = first_picture(words)
    own = int(card.hyper["resolution"])
    width, height, look = sides(card, load(path) if path else np.zeros((own, own, 3), dtype=np.uint8))
    return look, (width, height)


# Commands ----------------------------------------------------------------------------------------------------------


def morph(args: argparse.Namespace) -> int:
    """A film from picture to picture, or a strip of in-betweens."""
    from studio.engine.explore.walks import with_frames

    words: list[str] = args.pictures
    if len(words) < 2:
        raise StudioError("A morph needs at least two pictures.", "", "Write for example: studio morph a.png b.png …")
    if not 1 <= args.fps <= 240:
        raise StudioError("Films have 1 to 240 frames per second.")
    if not args.out and not args.strip:
        raise StudioError("Nothing would be written.", "", "Give --out for a film, or --strip for a row of pictures.")
    if args.strip:
        check_picture_path(Path(args.strip))
    ctx = make_context(args)
    card = autoencoder_card(ctx, args.model)
    look, size = look_and_size(card, words)
    latents = [latent_of(args, ctx, card, word, size) for word in words]
    curve: Literal["linear", "slerp", "cubic"] = args.curve or ("slerp" if len(words) == 2 else "cubic")
    told: dict[str, Any] = {"model": card.sha256, "model_name": card.name, "curve": curve}
    lines = []
    if args.out:
        keys = tuple(
            Key(latent=latent, easing="smooth", name=Path(word).stem)
            for word, latent in zip(words, latents, strict=True)
        )
        speed: Literal["keys", "even"] = "even" if args.even else "keys"
        walk = Walk(keys=keys, curve=curve, loop=args.loop, fps=args.fps, speed=speed)
        walk = with_frames(walk, args.frames)
        request = WalkFrames(model=card.sha256, precision=precision_of(args), walk=walk, look=look, size=args.size)
        told |= write_film(ctx, card, request, Path(args.out))
        lines.append(f"Wrote {told['out']} ({told['frames']} frames, {told['seconds']:.1f} s)")
    if args.strip:
        told["strip"] = _strip(args, ctx, card, look, latents)
        lines.append(f"Wrote {args.strip}")
    tell(args, "\n".join(lines), told)
    return 0


def _strip(args: argparse.Namespace, ctx: Context, card: ModelCard, look: Look, latents: list[Latent]) -> str:
    """In-betweens in one row for each pair of neighbours, both ends shown."""
    from studio.engine.explore.pace import straight, times
    from studio.engine.explore.walks import at, with_frames

    count = max(2, args.count)
    pairs = list(zip(latents, latents[1:] + latents[:1] if args.loop else latents[1:], strict=False))
    # A row between two pictures is the same whichever curve leads through the others.
    curve: Literal["linear", "slerp"] = "slerp" if args.curve in (None, "slerp") else "linear"
    speed: Literal["keys", "even"] = "even" if args.even else "keys"
    cells: list[Latent] = []
    for a, b in pairs:
        keys = (Key(latent=a, easing="linear"), Key(latent=b))
        walk = with_frames(Walk(keys=keys, curve=curve, loop=False, speed=speed), count)
        film = WalkFrames(model=card.sha256, precision=precision_of(args), walk=walk, look=look)
        with ctx.scope() as scoped:
            for time in drive(times(scoped, film)):
                mix = at(straight(walk), time)
                parts = tuple(Part(latent=(a, b)[k], weight=w) for k, w in zip(mix.keys, mix.weights, strict=True))
                cells.append(Blend(parts=parts, curve=curve))
    request = Sheet(
        model=card.sha256,
        precision=precision_of(args),
        latents=tuple(cells),
        look=look,
        tile=args.size,
        columns=count,
    )
    save(ctx, card, Path(args.strip), ask(ctx, request).image, request)
    return str(args.strip)


def encode(args: argparse.Namespace) -> int:
    """A picture's code, what comes back of it, and where they differ."""
    import numpy as np

    outputs = {name: getattr(args, name) for name in ("out", "reconstruction", "error")}
    if not any(outputs.values()):
        raise StudioError("Nothing would be written.", "", "Give --out, --reconstruction or --error.")
    if args.out and Path(args.out).suffix.lower() != ".npy":
        raise StudioError(f"“{Path(args.out).name}” is not a name for a code.", "", "Use .npy at its end.")
    for name in ("reconstruction", "error"):
        if outputs[name]:
            check_picture_path(Path(outputs[name]))
    ctx = make_context(args)
    card = autoencoder_card(ctx, args.model)
    path = Path(args.picture)
    pixels = load(path)
    frame = frame_of(args, pixels)
    if args.tile:
        request = Encode(
            model=card.sha256,
            precision=precision_of(args),
            picture=ctx.assets.put_image(pixels),
            frame=frame,
            sample=args.sample,
            tile=args.tile,
        )
    else:
        size = int(card.hyper["resolution"])
        latent = encoded(ctx, path, frame, size, size, args.sample)
        request = Encode(model=card.sha256, precision=precision_of(args), picture=latent.picture, sample=args.sample)
    found = ask(ctx, request)
    told: dict[str, Any] = {
        "model": card.sha256,
        "model_name": card.name,
        "shape": list(found.mu.shape),
        "psnr": found.psnr,
        "sigma": found.sigma if found.info["sure"] else None,
        "kl": found.info["kl"] if found.info["sure"] else None,
        "ms": found.info["ms"],
    }
    if args.out:
        import torch

        from studio.engine.morph.encodings import Moments

        code = Moments(torch.from_numpy(found.mu), torch.from_numpy(found.logvar)).draw(args.sample)
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        np.save(args.out, code.numpy(), allow_pickle=False)
        told["out"] = args.out
    if args.reconstruction:
        save(ctx, card, Path(args.reconstruction), found.reconstruction, request)
        told["reconstruction"] = args.reconstruction
    if args.error:
        from studio.engine.mix.influence import grey

        save(ctx, card, Path(args.error), grey(found.error), request)
        told["error"] = args.error
    tell(args, f"PSNR {found.psnr:.1f} dB, {' x '.join(map(str, found.mu.shape))} numbers", told)
    return 0


def sample(args: argparse.Namespace) -> int:
    """Draws from N(0, temperature): one sheet, or a folder of pictures."""
    if not 1 <= args.count <= 10_000:
        raise StudioError("1 to 10,000 pictures can be drawn at once.")
    ctx = make_context(args)
    card = autoencoder_card(ctx, args.model)
    seeds = [(args.seed + i) % 2**32 for i in range(args.count)]
    return draw_seeds(args, ctx, card, seeds, Look(psi=args.temperature))


# Attributes --------------------------------------------------------------------------------------------------------


def attributes(args: argparse.Namespace) -> int:
    """List what a model knows, change a picture, or make an attribute of one's own."""
    if args.make is not None:
        return _make(args)
    ctx = make_context(args)
    card = autoencoder_card(ctx, args.model)
    if args.list or not args.set:
        if not args.list and args.picture:
            raise StudioError("Nothing was asked for.", "", "Write for example --set glasses=2.")
        return _list(args, card)
    if not args.picture or not args.out:
        raise StudioError("A picture and --out are needed.", "", "Write: studio attributes a.png --set … --out b.png")
    path = check_picture_path(Path(args.out))
    look, size = look_and_size(card, [args.picture])
    latent = latent_of(args, ctx, card, args.picture, size)
    pushes = tuple(push(word, ctx, card, args.clean) for word in args.set)
    look = msgspec.structs.replace(look, pushes=pushes)
    request = Render(model=card.sha256, precision=precision_of(args), latent=latent, look=look)
    result = ask(ctx, request)
    save(ctx, card, path, result.image, request)
    told = facts(card, path, result.image, result, set={p.name: p.amount for p in pushes})
    tell(args, f"Wrote {path}", told)
    return 0


def known(card: ModelCard) -> list[dict[str, Any]]:
    """The attributes on a card, in the order of their vectors."""
    return [a if isinstance(a, dict) else {"name": str(a)} for a in card.hyper.get("attributes") or []]


def push(text: str, ctx: Context, card: ModelCard, clean: bool) -> Push:
    """``glasses=2`` or ``smile.npy:0=-1``: so many sigmas along an attribute of the model or a file's direction."""
    match = re.fullmatch(r"(.+)=([-+]?(?:\d+\.?\d*|\.\d+))", text.strip())
    if match is None:
        raise StudioError(f"“{text}” does not say how much.", "", "Write for example glasses=2 (in sigmas).")
    name, amount = match[1].strip(), float(match[2])
    names = [_word(a.get("name", "")) for a in known(card)]
    titles = [_word(a.get("title", "")) for a in known(card)]
    for words in (names, titles):
        if _word(name) in words:
            index = words.index(_word(name))
            return Push(
                direction=Direction(kind="attribute", index=index, clean=clean), name=names[index], amount=amount
            )
    file, _, row = name.partition(":")
    if not Path(file).is_file():
        has = ", ".join(names) or "none"
        raise StudioError(f"This model has no attribute “{name}”.", f"It has: {has}.")
    direction = Direction(kind="stored", index=int(row or 0), asset=directions_asset(Path(file), ctx), clean=clean)
    return Push(direction=direction, name=Path(file).stem, amount=amount)


def _word(text: object) -> str:
    return re.sub(r"[\s_-]+", " ", str(text)).strip().lower()


def _list(args: argparse.Namespace, card: ModelCard) -> int:
    rows = [
        {"index": i, **{k: a[k] for k in ("name", "title", "sigma", "low", "high") if k in a}}
        for i, a in enumerate(known(card))
    ]
    lines = [f"{'name':<24} {'sigma':>7}  {'data (sigmas)':>14}"]
    for row in rows:
        reach = f"{row['low']:+.1f} … {row['high']:+.1f}" if "low" in row and "high" in row else ""
        sigma = f"{row['sigma']:.3f}" if "sigma" in row else ""
        lines.append(f"{row.get('name', ''):<24} {sigma:>7}  {reach:>14}".rstrip())
    text = "\n".join(lines) if rows else f"“{card.title or card.name}” came without attributes."
    tell(args, text, {"model": card.sha256, "model_name": card.name, "attributes": rows})
    return 0


def _make(args: argparse.Namespace) -> int:
    import numpy as np

    if not args.having or not args.lacking or not args.out:
        raise StudioError(
            "--make needs --with, --without and --out.", "", "Give two folders of pictures and a .npy file."
        )
    out = Path(args.out)
    if out.suffix.lower() != ".npy":
        raise StudioError(f"“{out.name}” is not a name for a direction.", "", "Use .npy at its end.")
    ctx = make_context(args)
    card = autoencoder_card(ctx, args.model)
    piles = [pictures_in(folder) for folder in (args.having, args.lacking)]
    look, size = look_and_size(card, [str(path) for path in piles[0]])
    having, lacking = (tuple(latent_of(args, ctx, card, str(path), size) for path in pile) for pile in piles)
    request = MakeAttribute(
        model=card.sha256, precision=precision_of(args), having=having, lacking=lacking, look=look, name=args.make
    )
    made = ask(ctx, request)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.save(out, ctx.assets.array(made.asset), allow_pickle=False)
    measured = bool(made.info["measured"])
    told = {
        "out": out,
        "name": args.make,
        "model": card.sha256,
        "separability": made.separability if measured else None,
        "sigma": made.sigma,
        "shrink": made.shrink,
        "examples": made.info["examples"],
    }
    how = f"{100 * made.separability:.0f} % right on pictures left out" if measured else "too few pictures to test it"
    tell(args, f"Wrote {out} ({how})", told)
    return 0


def pictures_in(text: str) -> list[Path]:
    """The picture files of a folder in the order of their names, or one picture file."""
    from studio.cli.pictures import PICTURE_SUFFIXES

    path = Path(text)
    if path.is_file():
        return [path]
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in PICTURE_SUFFIXES | {".gif", ".bmp"})
    if not found:
        raise StudioError(f"There are no pictures in “{text}”.", "", "Give a folder with pictures in it.")
    return found

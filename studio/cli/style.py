"""``studio style``: a picture in the style of others, by a run or in one pass."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.errors import ModelError, StudioError
from studio.cli.headless import ask, make_context, precision_of, session_with, shelf_of, tell
from studio.cli.pictures import PICTURE_SUFFIXES, check_picture_path, is_folder
from studio.project import recipes
from studio.project.style import (
    FIXED_FEATURES,
    PRESETS,
    LayerWeight,
    Paint,
    Recolour,
    Start,
    StyleLook,
    StyleSource,
    Stylize,
)

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context

FIXED = "fixed"
"""What ``--model`` calls the feature network without learned weights."""
SIZE = 384
"""The longer side of a run's picture unless --size says otherwise."""
LARGE = 2 << 20
"""Bytes from which on a picture file travels shrunk in the recipe."""


def style(args: argparse.Namespace) -> int:
    """A run of style transfer, or with a painting network one pass over any number of pictures."""
    ctx = make_context(args)
    model, card = _model(ctx, args.model)
    if card is not None and card.role == "stylizer":
        return _paint(args, ctx, card)
    if args.pictures:
        raise StudioError(
            "Pictures by themselves are painted by a painting network.",
            "A run takes one content picture.",
            "Name the network with --model, or the picture with --content.",
        )
    if not args.content or not args.style:
        raise StudioError("A run needs a content and a style.", "", "Give --content FILE and --style FILE.")
    path = check_picture_path(Path(args.out))
    size = args.size or SIZE
    run = Stylize(
        model=model,
        precision=precision_of(args),
        content=_asset(ctx, args.content, size),
        look=_look(args, ctx, size),
        size=size,
        seed=args.seed,
        colours=args.colours,
        optimiser=args.optimiser,
        scaling=args.scaling,
        start=Start(kind=args.start),
        tile=args.tile,
        keep=0,
    )
    if args.statistic:
        run = msgspec.structs.replace(run, statistic=args.statistic)
    if args.iterations:
        run = msgspec.structs.replace(run, iterations=args.iterations)
    if not args.pyramid:
        run = msgspec.structs.replace(run, pyramid=False)
    told = write(ctx, card, run, path)
    tell(args, f"Wrote {path}", told)
    return 0


def write(ctx: Context, card: ModelCard | None, request: Any, path: Path) -> dict[str, Any]:
    """Do a request of the Style panel and write the picture with its recipe; what ``--json`` says about it."""
    from studio.engine.results import StyleRun
    from studio.media.images import save_image
    from studio.project.session import Session

    result = ask(ctx, request)
    made = request
    if isinstance(result, StyleRun):
        made = result.info["run"]
    pixels = result.image
    session = Session() if card is None else session_with(card)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, pixels, recipe=recipes.to_text(recipes.recipe_for(made, session, ctx.assets)))
    return {
        "out": path,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "model": request.model,
        "model_name": "" if card is None else card.name,
        "ms": result.info.get("ms"),
        **(
            {"iterations": result.info["iterations"], "tile": result.info["tile"]}
            if isinstance(result, StyleRun)
            else {}
        ),
    }


def render(args: argparse.Namespace, ctx: Context, request: Any) -> dict[str, Any]:
    """The picture of a recipe of this kind again (for ``studio render``)."""
    if args.model:
        model, card = _model(ctx, args.model)
    elif request.model in ("", FIXED_FEATURES) or isinstance(request, Recolour):
        model, card = request.model, None
    else:
        card = shelf_of(ctx).card(request.model)
        if card is None and args.models:
            from studio.cli.headless import drive
            from studio.project.session import ModelRef

            found = drive(shelf_of(ctx).library.relink(ModelRef(sha256=request.model, name=""), Path(args.models)))
            card = shelf_of(ctx).add(found) if found else None
        if card is None:
            raise ModelError(
                "The model of this recipe is not on this computer.",
                f"Its sha256 is {request.model[:16]}…",
                "Import it, name a folder with --models, or choose another with --model.",
            )
        model = card.sha256
    changes: dict[str, Any] = {"model": model}
    if args.size is not None and hasattr(request, "size"):
        changes["size"] = args.size
    if args.precision is not None:
        changes["precision"] = args.precision
    return write(ctx, card, msgspec.structs.replace(request, **changes), check_picture_path(Path(args.out)))


# One pass ----------------------------------------------------------------------------------------------------------


def _paint(args: argparse.Namespace, ctx: Context, card: ModelCard) -> int:
    sources = _pictures([*args.pictures, *([args.content] if args.content else [])])
    if not sources:
        raise StudioError("There is no picture to be painted.", "", "Name pictures or a folder.")
    many = len(sources) > 1 or is_folder(args.out)
    if many and not is_folder(args.out):
        raise StudioError("Several pictures need a folder.", "", "Give a folder as --out.")
    targets = [Path(args.out) / f"{p.stem}.png" if many else check_picture_path(Path(args.out)) for p in sources]
    taken: dict[Path, Path] = {}
    for source, target in zip(sources, targets, strict=True):
        if target in taken:
            raise StudioError(
                f"“{source.name}” and “{taken[target].name}” would both become “{target.name}”.", "", "Rename one."
            )
        taken[target] = source
    there = [t for t in targets if t.exists()]
    if there and many and not args.overwrite:
        raise StudioError(
            f"{len(there)} of {len(targets)} pictures are in “{args.out}” already.",
            f"“{there[0].name}” is one of them.",
            "Choose another folder, or allow it with --overwrite.",
        )
    styles = tuple(_sources(args, ctx, 1024))
    written = []
    for source, target in zip(sources, targets, strict=True):
        request = Paint(
            model=card.sha256,
            precision=precision_of(args),
            picture=ctx.assets.put(source.read_bytes(), source.suffix.lstrip(".").lower() or "png"),
            styles=styles,
            strength=args.strength,
            size=args.size or 0,
            tile=args.tile,
            colours=args.colours,
        )
        written.append(write(ctx, card, request, target))
    text = f"Wrote {targets[0]}" if len(targets) == 1 else f"Wrote {len(targets)} pictures to {args.out}"
    tell(args, text, {"pictures": written} if many else written[0])
    return 0


def _pictures(words: list[str]) -> list[Path]:
    found: list[Path] = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
            if not inside:
                raise StudioError(f"There are no pictures in “{path}”.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise StudioError(f"There is no file “{path}”.")
    return found


# Words -------------------------------------------------------------------------------------------------------------


def _model(ctx: Context, text: str) -> tuple[str, ModelCard | None]:
    """(sha256 as requests name it, card) of ``--model``: empty is the embedded feature network."""
    if text == FIXED:
        return FIXED_FEATURES, None
    if not text:
        card = shelf_of(ctx).default("features")
        return (FIXED_FEATURES, None) if card is None else (card.sha256, card)
    card = shelf_of(ctx).named(text)
    if card.role not in ("features", "stylizer"):
        raise ModelError(
            f"“{card.title or card.name}” knows nothing of style.",
            f"It is of the kind “{card.role}”.",
            "Choose a feature network or a painting network.",
        )
    return card.sha256, card


def _asset(ctx: Context, name: str, size: int) -> str:
    """A picture file as an asset: as it is, or as large as it is used when it is too large for a recipe."""
    path = Path(name)
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise StudioError(f"There is no file “{name}”.") from None
    if len(data) <= LARGE:
        return ctx.assets.put(data, path.suffix.lstrip(".").lower() or "png")
    from studio.media.images import load_image, thumbnail

    pixels = load_image(data).pixels
    return ctx.assets.put_image(thumbnail(pixels, size) if max(pixels.shape[:2]) > size else pixels)


def _look(args: argparse.Namespace, ctx: Context, size: int) -> StyleLook:
    look = StyleLook(styles=tuple(_sources(args, ctx, size)))
    given = {"alpha": args.alpha, "beta": args.beta, "tv": args.tv, "step": args.step}
    look = msgspec.structs.replace(look, **{k: v for k, v in given.items() if v is not None})
    if args.preset or args.layer:
        look = msgspec.structs.replace(look, layers=_layers(args.preset or "balanced", args.layer))
    return look


def _layers(preset: str, words: list[str]) -> tuple[LayerWeight, ...]:
    """The preset's lambdas with those of ``--layer [content:|style:]NAME=X`` in their place."""
    found = {} if preset == "none" else {n: [content, style] for n, content, style in PRESETS[preset]}
    for word in words:
        name, _, value = word.partition("=")
        kind, colon, layer = name.partition(":")
        kind, layer = (kind, layer) if colon else ("style", name)
        try:
            amount = float(value)
        except ValueError:
            amount = -1.0
        if kind not in ("content", "style") or not layer or not 0.0 <= amount < float("inf"):
            raise StudioError(f"“{word}” is no layer and weight.", "", "Write relu3_1=0.5 or content:relu2_2=0.3.")
        found.setdefault(layer, [0.0, 0.0])[kind == "style"] = amount
    return tuple(LayerWeight(name=n, content=c, style=s) for n, (c, s) in found.items())


def _sources(args: argparse.Namespace, ctx: Context, size: int) -> list[StyleSource]:
    masks = [m if m != "-" else "" for m in args.mask]
    if len(masks) > len(args.style):
        raise StudioError("There are more masks than styles.", "", "Give one --mask for each --style, or - for none.")
    found = []
    for i, word in enumerate(args.style):
        name, weight = word, 1.0
        before, colon, after = word.rpartition(":")
        if colon and before and not Path(word).is_file():
            try:
                name, weight = before, float(after)
            except ValueError:
                name = word
        if not 0.0 <= weight < float("inf"):
            raise StudioError(f"“{word}” has no usable weight.", "", "Write style.jpg:0.3.")
        mask = _asset(ctx, masks[i], size) if i < len(masks) and masks[i] else ""
        found.append(
            StyleSource(
                picture=_asset(ctx, name, max(size, round(size * args.style_scale))),
                weight=weight,
                scale=args.style_scale,
                mask=mask,
                name=Path(name).stem,
            )
        )
    return found

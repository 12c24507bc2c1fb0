"""``studio translate``, ``upscale`` and ``trace``: pictures into pictures, one, many or whole folders."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.errors import ModelError, StudioError
from studio.cli import words
from studio.cli.headless import drive, make_context, precision_of, shelf_of, tell
from studio.project import recipes
from studio.project.session import models_of
from studio.project.translate import Amount, Cycle, ReadLabels, Trace, Translate, TranslateLook, Upscale, Variations

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.base.steps import Steps, UInt8Image
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context
    from studio.project.recipes import Recipe

KINDS = (Translate, Cycle, Variations, Upscale, Trace)
"""Requests that are done here."""
MOST = 64
"""Variations on one sheet."""
LOST = 0.25
"""Mean difference of the colours that a heat map shows as white."""


@dataclass(frozen=True)
class Work:
    """What is to be done with each picture."""

    template: Any
    name: str = ""
    """After the names of the written files."""
    prepare: Callable[[Any, Any], Steps[Any]] | None = None


# Commands ----------------------------------------------------------------------------------------------------------


def translate(args: argparse.Namespace) -> int:
    """Pictures through a translator, there and back, or with several seeds of its dropout."""
    ctx = make_context(args)
    if args.recipe:
        return _by_recipe(args, ctx)
    card = _card(ctx, args.model, "translator")
    other = _partner(args, ctx, card) if args.back or args.cycle or args.partner else None
    if other is not None and args.back:
        card, other = other, card
    seed = args.seed
    look = TranslateLook(
        statistics=args.statistics,
        seed=seed,
        strength=Amount(value=args.strength),
        keep_colours=Amount(value=args.keep_colours),
    )
    common = {"model": card.sha256, "precision": precision_of(args), "picture": "", "size": args.size}
    prepare = _labels(args, card)
    if args.cycle and other is not None:
        if args.variations:
            raise StudioError("A cycle has no variations.", "", "Leave out --cycle or --variations.")
        template: Any = Cycle(**common, back=other.sha256, look=look, tile=args.tile)
        return _run(args, ctx, Work(template, "_cycle", prepare))
    if args.heat:
        raise StudioError("A heat map shows what a cycle lost.", "", "Add --cycle.")
    if args.variations:
        if args.variations > MOST:
            raise StudioError(f"At most {MOST} variations fit on a sheet.")
        seeds = tuple(range(1, args.variations + 1))
        template = Variations(**common, look=look, seeds=seeds, thumbnail=args.size or 256)
        return _run(args, ctx, Work(template, "_variations", prepare))
    return _run(args, ctx, Work(Translate(**common, look=look, tile=args.tile), f"_{card.name}", prepare))


def upscale(args: argparse.Namespace) -> int:
    """Pictures through an upscaler."""
    ctx = make_context(args)
    if args.recipe:
        return _by_recipe(args, ctx)
    if args.model and args.scale is not None:
        raise StudioError("A model has its own scale.", "", "Give --model or --scale.")
    card = _card(ctx, args.model, "upscaler") if args.model else _upscaler(ctx, args.scale)
    sharper = str(card.hyper.get("sharper") or "")
    if args.sharpness and not sharper:
        raise ModelError(
            f"“{card.title or card.name}” has no sharper sister.",
            "Between two models of one pair the sharpness can be chosen.",
            "Leave out --sharpness, or choose another model.",
        )
    template = Upscale(
        model=card.sha256,
        precision=precision_of(args),
        picture="",
        sharper=shelf_of(ctx).named(sharper).sha256 if args.sharpness else "",
        sharpness=args.sharpness,
        tile=args.tile,
    )
    return _run(args, ctx, Work(template, f"_{card.hyper.get('scale', card.name)}x"))


def trace(args: argparse.Namespace) -> int:
    """The lines or the flat areas of pictures."""
    ctx = make_context(args)
    if args.recipe:
        return _by_recipe(args, ctx)
    for colour in args.palette:
        if re.fullmatch("#[0-9a-fA-F]{6}", colour) is None:
            raise StudioError(f"“{colour}” is not a colour.", "", "Write for example #ff8800.")
    template = Trace(
        picture="",
        kind=args.kind,
        detail=args.detail,
        smooth=args.smooth,
        width=args.width,
        colours=args.colours,
        palette=tuple(args.palette),
        size=args.size,
    )
    return _run(args, ctx, Work(template, "_lines" if args.kind == "edges" else "_areas"))


def _by_recipe(args: argparse.Namespace, ctx: Context) -> int:
    """What a recipe says, with its own picture or with those that are named."""
    from studio.cli.pictures import read_recipe

    recipe = read_recipe(Path(args.recipe))
    if not isinstance(recipe.request, KINDS):
        raise StudioError(
            f"“{Path(args.recipe).name}” was made in another way.", "", f"Try: studio render {args.recipe} --out …"
        )
    if not args.pictures:
        told = render(args, ctx, recipe)
        tell(args, _sentence(told), told)
        return 0
    recipes.install(recipe, ctx.assets)  # of what it lacks the picture is one, and another takes its place
    request = _found_models(args, ctx, recipe)
    named = ctx.library.card(request.model)
    return _run(args, ctx, Work(request, "_again" if named is None else f"_{named.name}"))


def render(args: argparse.Namespace, ctx: Context, recipe: Recipe) -> dict[str, Any]:
    """The picture of a recipe again, from the picture that it carries (also for ``studio render``)."""
    from studio.cli.headless import ask
    from studio.cli.pictures import check_picture_path
    from studio.engine.translate.batch import session_for, write

    path = check_picture_path(Path(args.out))
    request: Any = recipe.request
    notes = recipes.install(recipe, ctx.assets)
    if not ctx.assets.has(request.picture):
        raise StudioError(
            "The picture that this recipe was made of did not travel with it.",
            "Large pictures stay where they are.",
            f"Name it: studio {_command_of(request)} --recipe FILE PICTURE --out {args.out}",
        )
    for note in notes:
        raise StudioError(note)
    request = _found_models(args, ctx, recipe)
    changes: dict[str, Any] = {}
    if getattr(args, "size", None) and hasattr(request, "size"):
        changes["size"] = args.size
    if args.precision is not None and hasattr(request, "precision"):
        changes["precision"] = args.precision
    request = msgspec.structs.replace(request, **changes)
    picture = finish(ask(ctx, request))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = recipes.to_text(recipes.recipe_for(request, session_for(ctx, request), ctx.assets))
    return {**write(path, picture, text, keep_profile=not bool(getattr(args, "srgb", False))), "model": request.model}


def _command_of(request: Any) -> str:
    return "upscale" if isinstance(request, Upscale) else "trace" if isinstance(request, Trace) else "translate"


def _found_models(args: argparse.Namespace, ctx: Context, recipe: Recipe) -> Any:
    """The request of a recipe with models that are here: its own, those found in --models, or --model."""
    from studio.project.session import ModelRef

    request: Any = recipe.request
    named, folder = str(getattr(args, "model", "")), str(getattr(args, "models", ""))
    shelf = shelf_of(ctx)
    if named:
        request = msgspec.structs.replace(request, model=shelf.named(named).sha256)
    names = {ref.sha256: ref.name for ref in recipe.models}
    for sha in models_of(request):
        card = shelf.card(sha)
        if card is None and folder:
            found = drive(shelf.library.relink(ModelRef(sha256=sha, name=names.get(sha, "")), Path(folder)))
            card = shelf.add(found) if found else None
        if card is None:
            name = names.get(sha, "")
            raise ModelError(
                f"The model {f'“{name}” ' if name else ''}of this recipe is not on this computer.",
                f"Its sha256 is {sha[:16]}…",
                "Import it, name a folder with --models, or choose another with --model.",
            )
    return request


# Pictures ----------------------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace, ctx: Context, work: Work) -> int:
    """The work on every picture that is named: one into a file, else all into a folder."""
    from studio.cli.pictures import check_picture_path, is_folder

    sources, root = _sources(args)
    if not is_folder(args.out):
        if len(sources) > 1:
            raise StudioError("Several pictures need a folder.", "", "Give a folder as --out.")
        return _one(args, ctx, work, sources[0], check_picture_path(Path(args.out)))
    if getattr(args, "heat", ""):
        raise StudioError("One heat map cannot be of a folder.", "", "Give a file as --out, or leave out --heat.")
    from studio.engine.translate.batch import run_batch

    suffix = re.sub(r"[^\w .+-]+", "_", work.name) if args.suffix is None else args.suffix
    if os.path.basename(suffix) != suffix:  # noqa: PTH119 - both kinds of slashes are looked for, not a path
        raise StudioError(f"“{suffix}” cannot be a part of a name.")
    done = drive(
        run_batch(
            ctx,
            sources,
            Path(args.out),
            work.template,
            suffix=suffix,
            format=args.format,
            root=root,
            overwrite=args.overwrite,
            keep_profile=not args.srgb,
            prepare=work.prepare,
            finish=finish,
        )
    )
    lines = [f"Wrote {_pictures(len(done.written))} to {args.out}"]
    lines += [f"{_pictures(len(done.skipped))} had been made before"] if done.skipped else []
    lines += [_lost(told) for told in done.told if "l1" in told]
    values = {
        "pictures": list(done.told),
        "skipped": list(done.skipped),
        "failures": [{"name": f.name, "why": f.why, "source": f.source} for f in done.failures],
        "seconds": round(done.seconds, 2),
    }
    tell(args, "\n".join(lines), values)
    for failure in done.failures:
        print(f"studio: {failure.name}: {failure.why}", file=sys.stderr)
    return 1 if done.failures else 0


def _one(args: argparse.Namespace, ctx: Context, work: Work, file: Path, path: Path) -> int:
    from studio.engine.translate.batch import Source, with_model

    if path.exists() and path.samefile(file) and not args.overwrite:
        raise StudioError(
            f"“{path.name}” is the picture itself.", "It would be lost.", "Choose another name, or allow --overwrite."
        )
    heat = getattr(args, "heat", "")
    if heat:
        from studio.cli.pictures import check_picture_path

        check_picture_path(Path(heat))
    with Source(ctx, file, with_model(ctx, work.template)) as source:
        if work.prepare is not None:
            source.request = drive(work.prepare(source.ctx, source.request))
        result = drive(source.steps())
        if heat:
            from studio.media.images import save_image

            Path(heat).parent.mkdir(parents=True, exist_ok=True)
            save_image(heat, heat_map(result.error))
        path.parent.mkdir(parents=True, exist_ok=True)
        told = source.save(path, finish(result), keep_profile=not args.srgb)
    told["model"] = work.template.model
    tell(args, _sentence(told), told)
    return 0


def _sentence(told: dict[str, Any]) -> str:
    return f"Wrote {told['out']}" + (f"\n{_lost(told)}" if "l1" in told else "")


def _lost(told: dict[str, Any]) -> str:
    return f"{Path(told['out']).name}: there and back changes {told['l1']:.4f} on average (PSNR {told['psnr']:.2f} dB)"


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _sources(args: argparse.Namespace) -> tuple[list[Path], Path | None]:
    """The files, and the folder below which they keep their folders when one is named."""
    from studio.media.folders import pictures_in

    found: list[Path] = []
    folders = []
    for word in args.pictures:
        path = Path(word)
        if path.is_dir():
            inside = pictures_in(path, recursive=args.recursive)
            if not inside:
                raise StudioError(f"There are no pictures in “{path}”.")
            folders.append(path)
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise StudioError(f"There is no file “{path}”.")
    if not found:
        raise StudioError("There is no picture to begin with.", "", "Name pictures or a folder.")
    return found, folders[0] if len(folders) == 1 else None


def finish(result: Any) -> Any:
    """What is written of a result: a picture as it is; of a cycle its four pictures; of variations a sheet."""
    from studio.engine.results import CycleResult, Picture, Pictures
    from studio.media.sheets import contact_sheet, strip

    if isinstance(result, CycleResult):
        four = (result.source, result.image, result.back, heat_map(result.error))
        return Picture(strip(four), {**result.info, "l1": result.l1, "psnr": result.psnr})
    if isinstance(result, Pictures):
        return Picture(contact_sheet(list(result.images)), result.info)
    return result


def heat_map(error: npt.NDArray[np.float32]) -> UInt8Image:
    """Differences ``[H, W]`` in 0..1 as colours: black where nothing was lost, over red and yellow to white."""
    import numpy as np

    levels = np.clip(error / LOST, 0.0, 1.0) * 3.0
    steps = [np.clip(levels - first, 0.0, 1.0) for first in range(3)]
    made: UInt8Image = (np.stack(steps, axis=2) * 255.0 + 0.5).astype(np.uint8)
    return made


# Models ------------------------------------------------------------------------------------------------------------


def _card(ctx: Context, text: str, role: Any) -> ModelCard:
    card = shelf_of(ctx).named(text) if text else ctx.library.default(role)
    if card is None:
        raise ModelError(f"There is no {role} on this computer yet.", "", "Name a file with --model.")
    if card.role != role:
        does = "translates no pictures" if role == "translator" else "makes no pictures larger"
        raise ModelError(
            f"“{card.title or card.name}” {does}.", f"It is of the kind “{card.role}”.", f"Choose a model: {role}."
        )
    return card


def _upscaler(ctx: Context, scale: int | None) -> ModelCard:
    """An upscaler of this scale; the plain one of two sisters, which leads to the sharper one."""
    cards = [c for c in shelf_of(ctx).library.entries() if c.role == "upscaler" and c.usable]
    sharp = {str(c.hyper.get("sharper") or "") for c in cards}
    fit = [c for c in cards if c.hyper.get("scale") == (scale or 2)]
    if not fit and scale is None:
        return _card(ctx, "", "upscaler")
    if not fit:
        have = ", ".join(sorted({f"{c.hyper.get('scale')}" for c in cards})) or "none"
        raise ModelError(
            f"No model here makes pictures {scale} times as large.", f"There are: {have}.", "Name a file with --model."
        )
    return min(fit, key=lambda c: (c.name in sharp, not c.embedded))


def _partner(args: argparse.Namespace, ctx: Context, card: ModelCard) -> ModelCard:
    """The model that goes back: the one that is named, the other of the pair, or a file beside it of that name."""
    from studio.checkpoints.pairs import partners, way

    if args.partner:
        return _card(ctx, args.partner, "translator")
    shelf = shelf_of(ctx)
    cards = shelf.library.entries()
    known = partners([*cards, *([] if any(c.sha256 == card.sha256 for c in cards) else [card])])
    other = shelf.card(known[card.sha256]) if card.sha256 in known else None
    if other is None and Path(args.model).is_file() and (mine := way(Path(args.model).stem)) is not None:
        for file in sorted(Path(args.model).parent.glob(f"*{Path(args.model).suffix}")):
            theirs = way(file.stem)
            if theirs is not None and theirs.key == mine.key and theirs.forth != mine.forth:
                other = _card(ctx, str(file), "translator")
    if other is None:
        raise ModelError(
            f"Nothing is known that goes back from “{card.title or card.name}”.",
            "Models of a pair name each other.",
            "Name the other one with --partner.",
        )
    return other


def _labels(args: argparse.Namespace, card: ModelCard) -> Callable[[Any, Any], Steps[Any]] | None:
    """What sets the labels of a many-domain model for each picture; ``None``: they are as the card has them."""
    if not args.label:
        return None
    wished = {value.index: value.value for value in words.labels(args.label, card)}
    from studio.engine.translate.labels import card_labels, groups_of

    c_dim = int(card.hyper.get("c_dim", 0))
    groups = groups_of(card.label_groups, c_dim)

    def prepare(ctx: Any, request: Any) -> Steps[Any]:
        from studio.engine import registry

        if args.rest == "picture":
            asked = ReadLabels(
                model=request.model, precision=request.precision, picture=request.picture, size=request.size
            )
            read = yield from registry.start(ctx, asked)
            values = list(read.values)
        else:
            values = list(card_labels(card.label_groups, c_dim))
        look = msgspec.structs.replace(request.look, labels=with_wishes(values, wished, groups))
        return msgspec.structs.replace(request, look=look)

    return prepare


def with_wishes(values: list[float], wished: dict[int, float], groups: Any) -> tuple[float, ...]:
    """Labels with some of them set; the others of a choice make room, so that hair is not of two colours."""
    values = list(values)
    for group in groups:
        indices = [int(i) for i in group["indices"]]
        set_here = [i for i in indices if i in wished]
        if group.get("kind") == "choice" and set_here:
            others = [i for i in indices if i not in wished]
            room = max(0.0, 1.0 - sum(max(0.0, wished[i]) for i in set_here))
            total = sum(values[i] for i in others)
            for i in others:
                values[i] = values[i] * room / total if total > 0.0 else 0.0
    for i, value in wished.items():
        values[i] = value
    return tuple(values)

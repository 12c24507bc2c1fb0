"""``studio render``, ``explore`` and ``mix``: pictures from recipes, seeds and mixes, exported with their recipes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from studio.base.errors import StudioError
from studio.cli import translate
from studio.cli.headless import (
    ask,
    drive,
    generator_card,
    make_context,
    precision_of,
    session_with,
    shelf_of,
    tell,
)
from studio.cli.words import as_seed, layer_range, look_of, seeds, split_sources
from studio.project import recipes
from studio.project.latents import Latent, Look, Mixed, Seed, Stored
from studio.project.recipes import Recipe
from studio.project.requests import Matrix, ReadWs, Render, Sheet, WalkFrames
from studio.project.style import Paint, Recolour, Stylize

if TYPE_CHECKING:
    from studio.base.steps import UInt8Image
    from studio.checkpoints.card import ModelCard
    from studio.engine.context import Context
    from studio.project.session import Session

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})


# Writing -----------------------------------------------------------------------------------------------------------


def check_picture_path(path: Path) -> Path:
    """A file name that a picture can have; told before anything is drawn."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise StudioError(
            f"“{path.name}” is not a name for a picture.", "", "Use .png, .jpg, .webp or .tiff at its end."
        )
    return path


def is_folder(out: str) -> bool:
    """Whether ``--out`` means a folder: it is one, ends with a slash, or has no suffix."""
    return out.endswith(("/", "\\")) or Path(out).is_dir() or not Path(out).suffix


def save(ctx: Context, card: ModelCard, path: Path, pixels: UInt8Image, request: Any) -> None:
    """Export a picture with the recipe that makes it again."""
    from studio.media.images import save_image

    path.parent.mkdir(parents=True, exist_ok=True)
    text = recipes.to_text(recipes.recipe_for(request, session_with(card), ctx.assets))
    save_image(path, pixels, recipe=text)


def facts(card: ModelCard, path: Path, pixels: UInt8Image, result: Any, **more: Any) -> dict[str, Any]:
    """What ``--json`` says about one written picture."""
    return {
        "out": path,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "model": card.sha256,
        "model_name": card.name,
        "ms": result.info.get("ms"),
        **more,
    }


# Recipes -----------------------------------------------------------------------------------------------------------


def read_recipe(path: Path) -> Recipe:
    """The recipe in a picture, film or ``.json`` file."""
    if path.suffix.lower() == ".json":
        try:
            text: str | None = path.read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError):
            raise StudioError(f"There is no file “{path}”.") from None
        except UnicodeDecodeError:
            raise StudioError(f"“{path.name}” is not a recipe.") from None
    else:
        from studio.media.images import read_recipe as in_picture

        text = in_picture(path)
    if not text:
        raise StudioError(
            f"“{path.name}” carries no recipe.",
            "It was not exported by Latent Studio, or another program removed it.",
            f"To find it in the latent space, try: studio invert {path.name} --out found.png",
        )
    return recipes.from_text(text)


def render(args: argparse.Namespace) -> int:
    """Make a picture again from a recipe, an exported picture or a project."""
    source = Path(args.source)
    if source.suffix.lower() == ".studio":
        return _render_project(args, source)
    recipe = read_recipe(source)
    ctx = make_context(args)
    if isinstance(recipe.request, translate.KINDS):
        told = translate.render(args, ctx, recipe)
        tell(args, f"Wrote {told['out']}", told)
        return 0
    for note in recipes.install(recipe, ctx.assets):
        raise StudioError(note, "", "Use the project instead, which keeps everything.")
    if isinstance(recipe.request, Stylize | Paint | Recolour):
        from studio.cli.style import render as render_style

        told = render_style(args, ctx, recipe.request)
        tell(args, f"Wrote {told['out']}", told)
        return 0
    card = _model_for(args, ctx, recipe.request.model, [ref.name for ref in recipe.models])
    request = _changed(args, recipe.request, card)
    told = write_any(ctx, card, request, Path(args.out))
    tell(args, f"Wrote {told['out']}", told)
    return 0


def _changed(args: argparse.Namespace, request: Any, card: ModelCard) -> Any:
    changes: dict[str, Any] = {"model": card.sha256}
    if args.size is not None and hasattr(request, "size"):
        changes["size"] = args.size
    if args.precision is not None:
        changes["precision"] = args.precision
    return msgspec.structs.replace(request, **changes)


def _model_for(args: argparse.Namespace, ctx: Context, sha: str, names: list[str]) -> ModelCard:
    """The model of a recipe: the one asked for, the one it names, or one found in ``--models``."""
    shelf = shelf_of(ctx)
    if args.model:
        named = shelf.named(args.model)
        # Whether a model of another kind can do what the recipe asks for is told when it is asked.
        return generator_card(ctx, args.model) if named.role == "generator" else named
    card = shelf.card(sha) if sha else ctx.card("")
    if card is None and args.models:
        from studio.project.session import ModelRef

        ref = ModelRef(sha256=sha, name=names[0] if names else "")
        found = drive(shelf.library.relink(ref, Path(args.models)))
        card = shelf.add(found) if found else None
    if card is None:
        name = next((name for name in names if name), "")
        raise StudioError(
            f"The model {f'“{name}” ' if name else ''}of this recipe is not on this computer.",
            f"Its sha256 is {sha[:16]}…",
            "Import it, name a folder with --models, or choose another with --model.",
            kind="model",
        )
    return card


def _render_project(args: argparse.Namespace, path: Path) -> int:
    from studio.project.storage import load

    opened = load(path)
    ctx = make_context(args, opened.assets)
    names = {ref.sha256: [ref.name] for ref in opened.session.models}
    if args.all:
        return _render_gallery(args, ctx, opened.session, names)
    card = _model_for(args, ctx, _project_model(opened.session, args.panel), names.get("", []))
    request = _changed(args, current_request(opened.session, args.panel, card), card)
    told = write_any(ctx, card, request, Path(args.out))
    tell(args, f"Wrote {told['out']}", {**told, "notes": opened.notes})
    return 0


def _project_model(session: Session, panel: str) -> str:
    return session.mix.model if panel == "mix" else session.explore.model


def current_request(session: Session, panel: str, card: ModelCard) -> Render:
    """The picture that a project shows in its Explore or Mix panel."""
    if panel == "mix":
        from studio.engine.mix.weights import effective

        latent: Latent = effective(session.mix, card.hyper["layers"])
        return Render(model=card.sha256, latent=latent, look=session.mix.look)
    state = session.explore
    look = msgspec.structs.replace(state.look, pushes=tuple(p for p in state.directions if p.amount))
    return Render(model=card.sha256, latent=state.latent, look=look)


def _render_gallery(args: argparse.Namespace, ctx: Context, session: Session, names: dict[str, list[str]]) -> int:
    starred = [item for item in session.gallery if item.starred]
    if not starred:
        raise StudioError("This project has no starred pictures.", "", "Star some in the history strip first.")
    if not is_folder(args.out):
        raise StudioError("--all writes many pictures.", "", "Give a folder as --out.")
    written = []
    for number, item in enumerate(starred, 1):
        card = _model_for(args, ctx, item.request.model, names.get(item.request.model, []))
        stem = " ".join(re.sub(r"[^\w .-]+", " ", item.title).split())[:60] or "picture"
        path = Path(args.out) / f"{number:03d} {stem}.png"
        written.append(write_any(ctx, card, _changed(args, item.request, card), path))
    tell(args, f"Wrote {len(written)} pictures to {args.out}", {"pictures": written})
    return 0


def write_any(ctx: Context, card: ModelCard, request: Any, out: Path) -> dict[str, Any]:
    """Do a request of any kind and write what comes of it; what ``--json`` says about it."""
    from studio.engine.results import Array, Attribute, Directions, Encoding, Inversion, Numbers, Picture, Pictures

    if isinstance(request, WalkFrames):
        from studio.cli.film import write_film

        return write_film(ctx, card, request, out)
    numeric = out.suffix.lower() == ".npy"
    if not numeric:
        check_picture_path(out)
    result = ask(ctx, request)
    if isinstance(result, Picture | Inversion) and not numeric:
        image = result.image
    elif isinstance(result, Encoding) and not numeric:
        image = result.reconstruction
    elif isinstance(result, Pictures) and not numeric:
        from studio.media.sheets import contact_sheet

        columns = int(result.info.get("columns", 0)) or len(result.images)
        image = contact_sheet(list(result.images), columns=columns)
    elif isinstance(result, Array) and result.values.ndim == 2 and not numeric:
        from studio.engine.mix.influence import grey

        image = grey(result.values)
    elif isinstance(result, Array | Directions | Encoding | Attribute) and numeric:
        import numpy as np

        out.parent.mkdir(parents=True, exist_ok=True)
        values: Any
        if isinstance(result, Encoding):
            values = result.mu
        elif isinstance(result, Attribute):
            values = ctx.assets.array(result.asset)
        else:
            values = result.vectors if isinstance(result, Directions) else result.values
        np.save(out, values, allow_pickle=False)
        return {"out": out, "shape": values.shape, "model": card.sha256}
    elif isinstance(result, Numbers):
        return {"out": "", "values": dict(result.values), "model": card.sha256}
    else:
        raise StudioError(f"This recipe makes no file of the kind “{out.suffix}”.", "", "Choose .png or .npy.")
    save(ctx, card, out, image, request)
    return facts(card, out, image, result)


# Seeds -------------------------------------------------------------------------------------------------------------


def explore(args: argparse.Namespace) -> int:
    """A contact sheet of seeds, or a folder with a picture of each."""
    wanted = seeds(args.seeds)
    ctx = make_context(args)
    card = generator_card(ctx, args.model)
    look = look_of(args, card, ctx)
    return draw_seeds(args, ctx, card, wanted, look)


def draw_seeds(args: argparse.Namespace, ctx: Context, card: ModelCard, wanted: Sequence[int], look: Look) -> int:
    """One sheet, or a folder with a picture of each, as ``args`` (out, tile, columns, precision) says."""
    precision = precision_of(args)
    if is_folder(args.out):
        written = []
        for seed in wanted:
            request = Render(model=card.sha256, precision=precision, latent=Seed(seed=seed), look=look, size=args.tile)
            result = ask(ctx, request)
            path = Path(args.out) / f"seed{seed:04d}.png"
            save(ctx, card, path, result.image, request)
            written.append(facts(card, path, result.image, result, seed=seed))
        tell(args, f"Wrote {len(written)} pictures to {args.out}", {"pictures": written})
        return 0
    path = check_picture_path(Path(args.out))
    sheet = Sheet(
        model=card.sha256,
        precision=precision,
        latents=tuple(Seed(seed=seed) for seed in wanted),
        look=look,
        tile=args.tile,
        columns=args.columns,
    )
    result = ask(ctx, sheet)
    save(ctx, card, path, result.image, sheet)
    tell(args, f"Wrote {path} ({len(wanted)} pictures)", facts(card, path, result.image, result, seeds=wanted))
    return 0


# Mixing ------------------------------------------------------------------------------------------------------------


def mix(args: argparse.Namespace) -> int:
    """One picture mixed layer by layer, or the matrix of everyone with everyone."""
    from studio.engine.mix.weights import bands_of, parse_layers, preset

    path = check_picture_path(Path(args.out))
    ctx = make_context(args)
    words = split_sources(args.sources)
    card = card_for_sources(ctx, args.model, words)
    look = look_of(args, card, ctx)
    latents = tuple(source(ctx, card, look, word) for word in words)
    bands = bands_of(card.hyper["layers"])
    precision = precision_of(args)
    if args.matrix:
        first, last = layer_range(args.matrix)
        request: Any = Matrix(
            model=card.sha256, precision=precision, sources=latents, look=look, first=first, last=last, tile=args.tile
        )
    else:
        if args.preset:
            weights = preset(args.preset, bands, len(latents))
        else:
            weights = parse_layers(args.layers, bands, len(latents))
        mixed = Mixed(sources=latents, weights=weights)
        request = Render(model=card.sha256, precision=precision, latent=mixed, look=look, size=args.size)
    told = write_any(ctx, card, request, path)
    tell(args, f"Wrote {path}", told)
    return 0


def card_for_sources(ctx: Context, model: str, words: list[str]) -> ModelCard:
    """The model that is asked for, else that of the first exported picture among the sources, else the default."""
    if not model:
        for word in words:
            if as_seed(word) is None:
                sha = read_recipe(Path(word)).request.model
                card = shelf_of(ctx).card(sha) if sha else None
                if card is not None:
                    return card
                break
    return generator_card(ctx, model)


def source(ctx: Context, card: ModelCard, look: Look, word: str) -> Latent:
    """A seed, the latent of an exported picture, or a code in a ``.npy`` file.

    A picture that was made in another look keeps its own: its finished code is taken instead of its latent.
    """
    seed = as_seed(word)
    if seed is not None:
        return seed
    path = Path(word)
    if path.suffix.lower() == ".npy":
        return Stored(asset=_code(ctx, path), name=path.stem)
    recipe = read_recipe(path)
    request = recipe.request
    if not isinstance(request, Render):
        raise StudioError(f"“{path.name}” is not one picture but several.", "", "Give pictures of one latent each.")
    if request.model and request.model != card.sha256:
        raise StudioError(
            f"“{path.name}” was made with another model.",
            "Codes mean different things to different models.",
            f"Invert it first: studio invert {path.name} --out found.png",
        )
    recipes.install(recipe, ctx.assets)
    own, asked = ((k.space, k.psi, k.cutoff, k.labels, k.pushes) for k in (request.look, look))
    settled = isinstance(request.latent, Stored) and request.latent.form == "ws"  # no look changes it, but for pushes
    if own == asked or (settled and not request.look.pushes and not look.pushes):
        return request.latent
    values = ask(ctx, ReadWs(model=card.sha256, latent=request.latent, look=request.look)).values
    return Stored(asset=ctx.assets.put_array(values), name=path.stem)


def _code(ctx: Context, path: Path) -> str:
    import numpy as np

    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise StudioError(f"There is no file “{path}”.") from None
    except (ValueError, OSError, EOFError) as exc:
        raise StudioError(f"“{path.name}” is not an array of numbers.", detail=str(exc)) from exc
    return ctx.assets.put_array(np.asarray(values, dtype=np.float32))

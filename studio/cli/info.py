"""``studio info``: what is this file?  Pictures, recipes and projects need no torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from studio.base.errors import StudioError
from studio.cli.headless import tell


def info(args: argparse.Namespace) -> int:
    """Say what a file is, in a few lines or as JSON."""
    path = Path(args.file)
    if not path.exists():
        raise StudioError(f"There is no file “{path}”.")
    if path.suffix.lower() == ".mp4":
        return _film(args, path)
    from studio.app.drops import classify

    drop = classify(path)
    if drop.error is not None:
        raise drop.error
    found: dict[str, Any] = {"file": path, "kind": drop.kind, "bytes": path.stat().st_size}
    if drop.pixels is not None:
        found |= {"width": drop.pixels.shape[1], "height": drop.pixels.shape[0]}
    if drop.recipe is not None:
        found |= _recipe(drop.recipe)
    if drop.kind == "project":
        found |= _project(path)
    if drop.kind == "model":
        found |= _model(path)
    if drop.kind == "directions":
        found |= _directions(path)
    tell(args, "\n".join(_lines(found)), found)
    return 0


def _film(args: argparse.Namespace, path: Path) -> int:
    from studio.media.images import read_recipe
    from studio.project.recipes import from_text

    text = read_recipe(path)
    found: dict[str, Any] = {"file": path, "kind": "recipe" if text else "film", "bytes": path.stat().st_size}
    if text:
        found |= _recipe(from_text(text))
    tell(args, "\n".join(_lines(found)), found)
    return 0


def _recipe(recipe: Any) -> dict[str, Any]:
    import msgspec

    from studio.project.names import describe

    request = recipe.request
    latent = getattr(request, "latent", None)
    latents = getattr(request, "latents", ())
    walk = getattr(request, "walk", None)
    if latent is not None:
        shows = describe(latent)
    elif walk is not None:
        shows = " to ".join(describe(key.latent) for key in walk.keys[:6]) + (" ..." if len(walk.keys) > 6 else "")
    else:
        shows = f"{len(latents)} pictures" if latents else ""
    return {
        "made_by": recipe.app,
        "operation": type(request).__name__.lower(),
        "shows": shows,
        "models": [ref.name or ref.sha256[:12] for ref in recipe.models],
        "codes_inside": len(recipe.assets),
        "request": msgspec.to_builtins(request),
    }


def _project(path: Path) -> dict[str, Any]:
    from studio.project.names import describe
    from studio.project.storage import load

    opened = load(path)
    session = opened.session
    try:
        return {
            "format_version": opened.format_version,
            "workspace": session.workspace,
            "models": [ref.name or ref.sha256[:12] for ref in session.models],
            "shows": describe(session.explore.latent),
            "gallery": len(session.gallery),
            "starred": sum(item.starred for item in session.gallery),
            "bookmarks": len(session.bookmarks),
            "mix_sources": len(session.mix.columns),
            "keys": len(session.explore.walk.keys),
            "read_only": opened.read_only,
            "notes": opened.notes,
        }
    finally:
        opened.assets.close()


def _model(path: Path) -> dict[str, Any]:
    from studio.checkpoints import inspect

    return {"card": inspect(path).to_dict()}


def _directions(path: Path) -> dict[str, Any]:
    from studio.checkpoints.directions import read_directions

    found = read_directions(path)
    return {"count": len(found.vectors), "shape": list(found.vectors.shape), "names": list(found.names)}


_KINDS = {
    "project": "a project",
    "recipe": "made by Latent Studio, with its recipe",
    "film": "a film without a recipe",
    "picture": "a picture without a recipe",
    "model": "a model",
    "directions": "directions of a latent space",
    "recipe_file": "a recipe",
}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['file'].name}: {_KINDS.get(found['kind'], found['kind'])}"]
    card = found.get("card")
    if card:
        names = ("name", "role", "architecture", "sha256", "licence", "credit")
        lines += [f"  {name}: {card[name]}" for name in names if card.get(name)]
        lines += [f"  {k}: {v}" for k, v in card["hyper"].items() if isinstance(v, int | float | str)]
        lines += [f"  assumed {a['name']} = {a['value']}: {a['why']}" for a in card["assumptions"]]
    for name, value in found.items():
        if name in ("file", "kind", "card", "request") or value in ("", None, []):
            continue
        text = value
        if isinstance(value, list):
            text = ", ".join(map(str, value[:8])) + (f" and {len(value) - 8} more" if len(value) > 8 else "")
        lines.append(f"  {name.replace('_', ' ')}: {text}")
    return lines

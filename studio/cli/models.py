"""``studio models``: list, inspect, import, remove."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from studio.base.errors import StudioError
from studio.cli.headless import Shelf, drive, tell

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard


def list_models(args: argparse.Namespace) -> int:
    """What the library has."""
    cards = Shelf().library.entries()
    lines = [f"{'name':<28} {'kind':<12} {'architecture':<14} {'size':>7}  {'sha256':<12}"]
    for card in cards:
        size = f"{card.hyper['resolution']} px" if "resolution" in card.hyper else ""
        name = f"{card.name} *" if card.embedded else card.name
        lines.append(f"{name:<28} {card.role:<12} {card.architecture:<14} {size:>7}  {card.sha256[:12]}")
    text = "\n".join(lines) if cards else "No models. Import one: studio models import FILE"
    tell(args, text, {"models": [card.to_dict() for card in cards]})
    return 0


def inspect_model(args: argparse.Namespace) -> int:
    """The card of a file (or of a model of the library) as JSON, whether ``--json`` is given or not."""
    path = Path(args.file)
    if path.exists():
        from studio.checkpoints import inspect

        card = inspect(path)
    else:
        card = Shelf().named(args.file)
    print(card.to_json(), end="")
    return 0


def import_model(args: argparse.Namespace) -> int:
    """Take a file into the library."""
    path = Path(args.file)
    if not path.exists():
        raise StudioError(f"There is no file “{path}”.")
    card = drive(Shelf().library.import_file(path))
    tell(args, _sentence(card), card.to_dict())
    return 0


def _sentence(card: ModelCard) -> str:
    assumed = "".join(f"\n  assumed {a.name} = {a.value} ({a.why})" for a in card.assumptions)
    return f"Imported “{card.name}”: {card.architecture}, {card.role}, {card.sha256[:12]}{assumed}"


def remove_model(args: argparse.Namespace) -> int:
    """Remove an imported model (its original file stays)."""
    shelf = Shelf()
    card = shelf.named(args.model)
    if card.embedded:
        raise StudioError(f"“{card.name}” came with the program and stays.")
    if shelf.library.card(card.sha256) is None:
        raise StudioError(f"“{args.model}” is not in the library.")
    shelf.library.remove(card.sha256)
    tell(args, f"Removed “{card.name}” from the library. The file that it came from is untouched.", card.to_dict())
    return 0

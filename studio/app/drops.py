"""What was dropped, pasted or given on the command line?  Decided by looking into the file, off the UI thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile, ZipFile, is_zipfile

from studio.base.errors import StudioError, as_studio_error
from studio.base.steps import UInt8Image
from studio.checkpoints.library import SUFFIXES
from studio.project.recipes import Recipe

Kind = Literal["project", "recipe", "picture", "model", "directions", "recipe_file", "unknown"]

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic"})
MODELS = frozenset(SUFFIXES)
ARRAYS = frozenset({".npy", ".npz"})
DIRECTIONS_LIMIT = 64_000_000
"""Bytes; a larger file is taken for a model without a look inside (importing looks)."""
PROJECT = ".studio"
RECIPE = ".json"


@dataclass(frozen=True, slots=True, eq=False)
class Drop:
    """One thing.  ``pixels``: of a picture; ``recipe``: of a file that carries one; ``error``: why it is unknown."""

    kind: Kind
    path: Path | None = None
    pixels: UInt8Image | None = None
    recipe: Recipe | None = None
    error: StudioError | None = field(default=None)

    @property
    def title(self) -> str:
        """A short name for captions and sentences."""
        return self.path.stem if self.path else ""


def classify(path: Path) -> Drop:
    """Look at one file (not the UI thread: pictures are decoded here).  Never raises: ``unknown`` says why."""
    try:
        return _classify(path)
    except Exception as exc:
        return Drop("unknown", path, error=as_studio_error(exc, doing=f"Opening “{path.name}”"))


def _classify(path: Path) -> Drop:
    if path.is_dir():
        if _is_model_folder(path):
            return Drop("model", path)
        raise StudioError(
            f"“{path.name}” is a folder.", "Only files can be opened here.", "Open the folder and drop what is in it."
        )
    suffix = path.suffix.lower()
    if suffix == PROJECT or _is_project(path):
        return Drop("project", path)
    if suffix in PICTURES:
        return picture(path)
    if suffix in ARRAYS:
        return Drop("directions", path)
    if suffix == RECIPE:
        from studio.project import recipes

        return Drop("recipe_file", path, recipe=recipes.from_text(path.read_text(encoding="utf-8")))
    if suffix in MODELS:
        return _model_or_directions(path)
    raise StudioError(
        f"“{path.name}” is not something that can be opened here.",
        "Pictures, models, directions, recipes and projects can.",
        "",
    )


def picture(path: Path) -> Drop:
    """Read a picture, and the recipe that it may carry."""
    from studio.media.images import load_image
    from studio.project import recipes

    image = load_image(path)
    text = image.text.get("latent-studio", "")
    recipe = recipes.from_text(text) if text else None
    return Drop("recipe" if recipe else "picture", path, pixels=image.pixels, recipe=recipe)


def _is_model_folder(path: Path) -> bool:
    """A folder that is a model itself (its settings and weights), and not merely one with model files in it."""
    from studio.checkpoints import ModelError
    from studio.checkpoints.folders import model_file

    if not any((path / name).is_file() for name in ("config.json", "model_index.json", "model_config.json")):
        return False
    try:
        return model_file(path).is_file()
    except ModelError:
        return False


def _is_project(path: Path) -> bool:
    if not is_zipfile(path):
        return False
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist())
    except (BadZipFile, OSError):
        return False
    return {"manifest.json", "session.json"} <= names


def _model_or_directions(path: Path) -> Drop:
    # Files of directions have the suffixes of models.  Only a small file can be one, and only if it is no model.
    if path.stat().st_size <= DIRECTIONS_LIMIT:
        from studio.checkpoints import ModelError, inspect, read_directions

        try:
            inspect(path)
        except ModelError as no_model:
            try:
                read_directions(path)
            except ModelError:
                raise no_model from None
            return Drop("directions", path)
    return Drop("model", path)


def in_order(drops: list[Drop]) -> list[Drop]:
    """Models and projects before what may need them; of several projects only the first is opened."""
    order: dict[Kind, int] = {
        "project": 0,
        "model": 1,
        "directions": 2,
        "recipe_file": 3,
        "recipe": 3,
        "picture": 4,
        "unknown": 5,
    }
    result: list[Drop] = []
    for drop in sorted(drops, key=lambda d: order[d.kind]):
        if drop.kind == "project" and any(other.kind == "project" for other in result):
            continue
        result.append(drop)
    return result

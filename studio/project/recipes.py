"""The recipe that travels inside an exported picture: all that makes it again, as text.

``media`` writes and reads the text (PNG text key "latent-studio", EXIF elsewhere); here is what it says.  Equal
recipes give equal text.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

import studio
from studio.base.errors import StudioError
from studio.base.paths import APP_NAME
from studio.project import plain
from studio.project.assets import SHA, AssetStore, MissingAssetError, digest
from studio.project.requests import Request
from studio.project.session import ModelRef, Session, assets_of, models_of
from studio.project.style import Stylize

RECIPE_VERSION = 1
MAX_ASSETS = 12 * 2**20
"""Bytes of assets that a recipe carries at most; larger ones (photographs to be inverted) stay behind."""

_NPY, _PNG, _JPEG = b"\x93NUMPY", b"\x89PNG", b"\xff\xd8\xff"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """``assets``: sha256 -> base64 of what the request refers to; ``models``: which model files it was made with."""

    request: Request
    models: tuple[ModelRef, ...] = ()
    assets: dict[str, str] = {}
    format_version: int = RECIPE_VERSION
    app: str = f"{APP_NAME} {studio.__version__}"


def recipe_for(request: Request, session: Session, assets: AssetStore) -> Recipe:
    """The recipe of a request made in this session.  Assets that are missing or too large are left out."""
    if isinstance(request, Stylize) and request.resume is not None:
        request = msgspec.structs.replace(request, resume=None)  # saves time and changes nothing; it is large
    kept: dict[str, str] = {}
    size = 0
    for sha in sorted(assets_of(request)):
        try:
            data = assets.get(sha)
        except MissingAssetError:
            continue
        if size + len(data) <= MAX_ASSETS:
            size += len(data)
            kept[sha] = base64.b64encode(data).decode()
    known = {ref.sha256: ref for ref in reversed(session.models)}
    # A path on the maker's machine helps nobody else, and it tells who they are.
    models = tuple(
        msgspec.structs.replace(known.get(sha, ModelRef(sha256=sha, name="")), path="") for sha in models_of(request)
    )
    return Recipe(request=request, models=models, assets=kept)


def to_text(recipe: Recipe) -> str:
    """JSON, canonical: equal recipes give equal text."""
    return plain.encode(recipe).decode()


def from_text(text: str) -> Recipe:
    """Read a recipe from anywhere.  StudioError with a sentence: damaged, or of a newer program."""
    tree = plain.parse(text.encode("utf-8", "replace"), "The recipe in this picture")
    version = tree.get("format_version")
    if type(version) is not int or version < 0:
        raise StudioError("The recipe in this picture is damaged.", "It does not say which format it has.")
    try:
        recipe = msgspec.convert(tree, Recipe)
        for sha, coded in recipe.assets.items():
            _decoded(sha, coded)
    except (msgspec.ValidationError, RecursionError) as exc:
        if version > RECIPE_VERSION:
            raise StudioError(
                f"The recipe in this picture was made by a newer version of {APP_NAME}.",
                "This version cannot read all of it.",
                "Update the program, then drop the picture again.",
                detail=str(exc),
            ) from exc
        raise StudioError("The recipe in this picture is damaged.", detail=str(exc)) from exc
    return recipe


def _decoded(sha: str, coded: str) -> bytes:
    try:
        data = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise StudioError("The recipe in this picture is damaged.", detail=str(exc)) from exc
    if not SHA.fullmatch(sha) or digest(data) != sha:
        raise StudioError("The recipe in this picture is damaged.", "A code in it is not what it was.")
    return data


def install(recipe: Recipe, assets: AssetStore) -> list[str]:
    """Put what the recipe carries into the store; returns sentences about what it needs and does not carry."""
    for sha, coded in recipe.assets.items():
        data = _decoded(sha, coded)
        assets.put(data, _kind(data))
    missing = [sha for sha in assets_of(recipe.request) if not assets.has(sha)]
    if not missing:
        return []
    count = "1 picture or code" if len(missing) == 1 else f"{len(missing)} pictures or codes"
    return [f"{count} that this recipe needs did not travel with it. All settings are kept."]


def _kind(data: bytes) -> str:
    if data.startswith(_NPY):
        return "npy"
    if data.startswith(_PNG):
        return "png"
    if data.startswith(_JPEG):
        return "jpg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "bin"


def request_to_text(request: Request) -> str:
    """A request alone as canonical JSON (cache keys, logs, comparisons)."""
    return plain.encode(request).decode()


def request_from_text(text: str) -> Request:
    """The other way.  StudioError: it is not a request of ours."""
    tree = plain.parse(text.encode("utf-8", "replace"), "The request")
    try:
        found: Any = msgspec.convert(tree, Request)
    except (msgspec.ValidationError, RecursionError) as exc:
        raise StudioError("The request cannot be read.", detail=str(exc)) from exc
    request: Request = found
    return request

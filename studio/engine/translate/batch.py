"""Many pictures through one operation: folders for the command line and the panels.  No torch at import.

A picture file reaches the operation byte for byte (its 16 bits, its profile), in a store of its own, so that nothing
of it stays in the project.  What is written carries its recipe; by that a picture that is there already is recognised
when a folder is taken up again.  Every file is written whole or not at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from studio.base.errors import Cancelled, ModelError, ResourceError, StudioError, as_studio_error
from studio.base.steps import Preview, Progress, Steps
from studio.media.folders import free_path, has_profile, size_of
from studio.project import recipes
from studio.project.assets import AssetStore
from studio.project.session import ModelRef, Session, assets_of, models_of
from studio.project.style import Paint
from studio.project.translate import Cycle, Trace, Translate, Upscale, Variations

if TYPE_CHECKING:
    from studio.engine.context import Context
    from studio.engine.results import Picture

Template = Translate | Upscale | Trace | Paint | Cycle | Variations
"""A request whose ``picture`` is filled in for each file."""
Prepare = Callable[[Any, Any], Steps[Any]]
"""``(ctx, request) -> Steps[request]``: what depends on each picture (labels that are read from it)."""
Finish = Callable[[Any], "Picture"]
"""What is written of a result that is more than one picture (a cycle, variations)."""
T = TypeVar("T")

CARRIED = 2 << 20
"""Bytes of pictures that a recipe carries.  Larger ones stay where they are: the recipe has their sha256, and a folder
of photographs does not become twice as heavy."""
ROLES: dict[Any, str] = {Translate | Variations: "translator", Upscale: "upscaler", Paint: "stylizer"}
FORMATS = {"png": ".png", "jpg": ".jpg", "jpeg": ".jpg", "webp": ".webp", "tif": ".tif", "tiff": ".tif"}
"""What ``format`` may be, and the suffix that it gives."""


class Failure(NamedTuple):
    """A file that could not be done, and why."""

    name: str
    why: str
    source: Path


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of the files: ``written`` pictures; ``skipped`` sources that were done before, with the same
    settings; ``failures``; ``seconds`` it took.
    """

    folder: Path
    written: tuple[Path, ...] = ()
    skipped: tuple[Path, ...] = ()
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    told: tuple[dict[str, Any], ...] = field(default=(), compare=False)
    """Of each written picture its ``out``, ``source``, ``width``, ``height``, and small facts of the operation."""

    @property
    def failed(self) -> tuple[Path, ...]:
        """The sources to be tried again."""
        return tuple(failure.source for failure in self.failures)

    def joined(self, later: Batch) -> Batch:
        """Both together, after the failed ones were tried again."""
        return Batch(
            later.folder,
            self.written + later.written,
            self.skipped + later.skipped,
            later.failures,
            self.seconds + later.seconds,
            self.told + later.told,
        )


def run_batch(
    ctx: Context,
    sources: Sequence[Path],
    target: Path,
    template: Template,
    *,
    suffix: str = "",
    format: str = "",
    root: Path | None = None,
    overwrite: bool = False,
    keep_profile: bool = True,
    prepare: Prepare | None = None,
    finish: Finish | None = None,
) -> Steps[Batch]:
    """Every file of ``sources`` through ``template``, into the folder ``target``.

    Names: the source's stem, ``suffix`` (the model's name, say) and the format's ending, so that they sort like the
    sources; below ``root`` the sources' folders are kept.  ``format``: "png", "jpg", "webp", "tiff"; "": JPEG stays
    JPEG (unless the outcome is transparent), TIFF stays TIFF, all else becomes PNG.  A name that is taken gets a
    number, or with ``overwrite`` is replaced; a source is never.  A file that was made of the same picture with the
    same settings before is not made again.  ``keep_profile``: see :mod:`studio.media.carrying`.

    Progress counts files, its ``share`` their pixels, those done of the picture in work included.  What fails is told
    in the result and the rest goes on, but for what would fail for all: the model (raised), a full disk (the files
    left are failures).  StudioError: no such format.
    """
    if format and format.lower() not in FORMATS:
        raise StudioError(f"“{format}” is no format that is written.", "", "Choose png, jpg, webp or tiff.")
    started = time.perf_counter()
    template = with_model(ctx, template)
    ending = FORMATS.get(format.lower(), "")
    guarded = {_real(path) for path in sources}
    pixels = [(lambda s: s[0] * s[1] if s else 1)(size_of(path)) for path in sources]
    everything, before = max(1, sum(pixels)), 0
    made: dict[Path, dict[str, Any]] = {}
    skipped: list[Path] = []
    failures: list[Failure] = []

    def taken(path: Path) -> bool:
        return path in made or (os.path.lexists(path) and (not overwrite or _real(path) in guarded))

    for index, file in enumerate(sources):
        yield Progress(index, len(sources), file.name, before / everything)
        folder, stem, like = target / _below(file, root), f"{file.stem}{suffix}", _like(file)
        try:
            with Source(ctx, file, template) as source:
                if prepare is not None:
                    source.request = yield from prepare(source.ctx, source.request)
                endings = (ending,) if ending else (like, ".png")
                if not overwrite and _done(folder, stem, endings, source.request, keep_profile):
                    skipped.append(file)
                    before += pixels[index]
                    continue
                steps = source.steps()
                result = yield from _within(steps, index, len(sources), file.name, before, pixels[index], everything)
                picture: Picture = result if finish is None else finish(result)
                folder.mkdir(parents=True, exist_ok=True)
                clear = like == ".jpg" and picture.image.shape[2] == 4
                path = free_path(folder, stem, ending or (".png" if clear else like), taken=taken)
                made[path] = source.save(path, picture, keep_profile=keep_profile)
        except (Cancelled, ModelError):
            raise
        except Exception as exc:
            error = as_studio_error(exc, doing=f"“{file.name}”")
            failures.append(Failure(file.name, error.why or error.what, file))
            if isinstance(error, ResourceError) and _disk_is_full(exc):
                failures += [Failure(left.name, error.what, left) for left in sources[index + 1 :]]
                break
        before += pixels[index]
    yield Progress(len(sources), len(sources), "", 1.0)
    seconds = time.perf_counter() - started
    return Batch(target, tuple(made), tuple(skipped), tuple(failures), seconds, tuple(made.values()))


def with_model(ctx: Context, template: Any) -> Any:
    """The request with the sha256 of the embedded model where it names none: its recipe says which it was."""
    role: Any = next((role for kind, role in ROLES.items() if isinstance(template, kind)), None)
    if role is None or template.model:
        return template
    card = ctx.library.default(role)
    return template if card is None else msgspec.structs.replace(template, model=card.sha256)


def session_for(ctx: Context, request: Any) -> Session:
    """A session that knows the models of a request, for its recipe."""
    cards = [ctx.library.card(sha) for sha in models_of(request)]
    refs = (ModelRef(sha256=c.sha256, name=c.name, path="", architecture=c.architecture) for c in cards if c)
    return Session(models=tuple(refs))


class Source:
    """A picture file on its way through an operation, in a store of its own; to be used in a ``with`` block.

    ``request``: the template with the file as its picture.  StudioError: the file cannot be read.
    """

    def __init__(self, ctx: Context, file: Path, template: Any) -> None:
        self.file = file
        self._store = AssetStore()
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            raise StudioError(f"“{file.name}” is not there any more.", "It was moved or removed.") from None
        except OSError as exc:
            raise as_studio_error(exc, doing=f"Opening “{file.name}”") from exc
        self._size = len(data)
        sha = self._store.put(data, file.suffix.lstrip(".").lower() or "png")
        del data
        for other in assets_of(template) - {sha}:
            if other and ctx.assets.has(other):
                self._store.put(ctx.assets.get(other), ctx.assets.ext(other))
        self.request = msgspec.structs.replace(template, picture=sha)
        self.ctx = ctx.derive()
        self.ctx.assets = self._store

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def steps(self) -> Steps[Any]:
        """The operation on this file, in more modest ways where memory runs out."""
        from studio.engine.memory import climbing

        return climbing(self.ctx, self.request)

    def recipe(self) -> str:
        """The recipe as text, with all its pictures but a large file."""
        found = recipes.recipe_for(self.request, session_for(self.ctx, self.request), self._store)
        if self._size > CARRIED:
            sha = self.request.picture
            found = msgspec.structs.replace(found, assets={k: v for k, v in found.assets.items() if k != sha})
        return recipes.to_text(found)

    def save(self, path: Path, picture: Picture, *, keep_profile: bool = True) -> dict[str, Any]:
        """Write what came of it, with its recipe; the facts about it."""
        return {**write(path, picture, self.recipe(), keep_profile=keep_profile), "source": self.file}


def write(path: Path, picture: Picture, recipe: str, *, keep_profile: bool = True) -> dict[str, Any]:
    """A picture as a file, with its recipe; the facts about it (see :attr:`Batch.told`)."""
    from studio.media.carrying import DEEP_SUFFIXES, save_like

    icc = picture.icc if keep_profile else None
    kept = save_like(path, picture.image, deep=picture.deep, icc=icc, recipe=recipe)
    height, width = picture.image.shape[:2]
    facts = {key: value for key, value in picture.info.items() if isinstance(value, int | float | str)}
    deep = picture.deep is not None and path.suffix.lower() in DEEP_SUFFIXES
    return {"out": path, "width": width, "height": height, "bits": 16 if deep else 8, "profile": kept, **facts}


def _within(steps: Steps[T], index: int, total: int, name: str, before: int, pixels: int, everything: int) -> Steps[T]:
    """The steps of one picture as a part of all of them; an operation of several phases never runs backwards."""
    furthest = 0.0
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(event, Preview):
                yield event
            elif isinstance(event, Progress):
                part = event.done / event.total if event.share is None and event.total else event.share or 0.0
                furthest = max(furthest, min(1.0, part))
                yield Progress(index, total, name, (before + furthest * pixels) / everything)
    finally:
        steps.close()


def _done(folder: Path, stem: str, endings: tuple[str, ...], request: Any, keep_profile: bool) -> bool:
    """Whether one of the pictures with this name, or this name and a number, was made by this very request."""
    from studio.media.images import read_recipe

    for ending in endings:
        number, path = 2, folder / f"{stem}{ending}"
        while os.path.lexists(path):
            try:
                text = read_recipe(path)
                if text and recipes.from_text(text).request == request and (keep_profile or not has_profile(path)):
                    return True
            except StudioError:
                pass  # not a picture of ours: it is left alone, and this one gets another name
            path, number = folder / f"{stem} {number}{ending}", number + 1
    return False


def _like(file: Path) -> str:
    """The ending of a picture made from this one."""
    kind = file.suffix.lower()
    if kind in {".jpg", ".jpeg", ".jpe", ".jfif"}:
        return ".jpg"
    return ".tif" if kind in {".tif", ".tiff"} else ".png"


def _below(file: Path, root: Path | None) -> Path:
    if root is None:
        return Path()
    parent = file.parent.absolute()
    return parent.relative_to(root.absolute()) if parent.is_relative_to(root.absolute()) else Path()


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _disk_is_full(exc: BaseException) -> bool:
    import errno

    while exc.__cause__ is not None:
        exc = exc.__cause__
    return isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT)

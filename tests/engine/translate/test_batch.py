"""Folders of pictures: names, progress, taking up again, failures; by a stand-in, and once by real networks."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.base.errors import ModelError, StudioError
from studio.base.steps import Preview, Progress
from studio.engine import registry
from studio.engine.context import Context
from studio.engine.results import Picture
from studio.engine.translate.batch import CARRIED, Batch, run_batch
from studio.media.carrying import save_like
from studio.media.images import load_image, read_recipe, save_image
from studio.project import recipes
from studio.project.assets import AssetStore
from studio.project.translate import Translate, TranslateLook, Upscale
from tests.engine.translate.parts import Shelf, enlarger, events, photograph, resnet


class Inverter:
    """In the engine's place: inverts pictures in three steps of two phases; refuses those 13 px wide."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def start(self, ctx: Any, request: Any) -> Any:
        self.seen.append(request)
        image = load_image(ctx.assets.get(request.picture))
        yield Progress(1, 2, "half")
        if image.pixels.shape[1] == 13:
            raise StudioError("No.", "It is 13 px wide.")
        if image.pixels.shape[1] == 14:
            raise ModelError("The model is gone.")
        yield Preview(image.pixels)
        yield Progress(1, 4, "another phase")
        yield Progress(4, 4, "another phase")
        return Picture(
            255 - image.pixels, {"ms": 1.0}, deep=None if image.deep is None else 65535 - image.deep, icc=image.icc
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Inverter:
    made = Inverter()
    monkeypatch.setattr(registry, "start", made.start)
    return made


@pytest.fixture
def ctx(shelf: Shelf) -> Context:
    return shelf.ctx


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in"
    found.mkdir()
    for name, width in (("a2.png", 20), ("a10.png", 40), ("b.jpg", 30)):
        save_image(found / name, photograph(10, width))
    return found


ASK = Translate(model="a" * 64, picture="", look=TranslateLook(statistics=0.5))


def done(ctx: Any, sources: list[Path], target: Path, **how: Any) -> Batch:
    return events(run_batch(ctx, sources, target, how.pop("template", ASK), **how))[1]


def named(batch: Batch) -> list[str]:
    return [path.name for path in batch.written]


def files(folder: Path) -> list[Path]:
    from studio.media.folders import pictures_in

    return pictures_in(folder)


def test_every_picture_once_with_names_that_sort(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    batch = done(ctx, files(folder), tmp_path / "out", suffix=" toon")
    assert named(batch) == ["a2 toon.png", "a10 toon.png", "b toon.jpg"]
    assert batch.failures == () and batch.skipped == () and batch.folder == tmp_path / "out"
    assert np.array_equal(load_image(batch.written[0]).pixels, 255 - photograph(10, 20))
    assert engine.seen[0].look == ASK.look and engine.seen[0].model == ASK.model
    assert [fact["source"].name for fact in batch.told] == ["a2.png", "a10.png", "b.jpg"]
    assert (batch.told[1]["width"], batch.told[1]["height"], batch.told[1]["ms"]) == (40, 10, 1.0)
    assert ctx.assets.shas() == frozenset(), "the pictures do not go into the project"


def test_progress_counts_pixels_and_never_runs_back(
    engine: Inverter, ctx: Context, folder: Path, tmp_path: Path
) -> None:
    told, _ = events(run_batch(ctx, files(folder), tmp_path / "out", ASK))
    steps = [event for event in told if isinstance(event, Progress)]
    shares = [event.share for event in steps]
    assert None not in shares and shares == sorted(shares) and shares[-1] == 1.0  # type: ignore[type-var]
    begun = [next(s.share for s in steps if s.done == i) for i in range(3)]
    assert begun == pytest.approx([0, 20 / 90, 60 / 90])
    assert 10 / 90 in [pytest.approx(share) for share in shares], "half of the first picture"
    assert sum(isinstance(event, Preview) for event in told) == 3
    assert [(s.done, s.total) for s in steps] == sorted((s.done, 3) for s in steps)


def test_a_folder_is_taken_up_again(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    sources, out = files(folder), tmp_path / "out"
    steps = run_batch(ctx, sources, out, ASK)
    while not (out / "a2.png").exists():
        next(steps)
    next(steps)
    steps.close()
    assert [p.name for p in out.iterdir()] == ["a2.png"], "nothing half-made stays"
    first = (out / "a2.png").stat().st_mtime_ns
    batch = done(ctx, sources, out)
    assert [p.name for p in batch.skipped] == ["a2.png"] and named(batch) == ["a10.png", "b.jpg"]
    assert (out / "a2.png").stat().st_mtime_ns == first
    again = done(ctx, sources, out)
    assert again.written == () and len(again.skipped) == 3
    # Another picture under the old name, or other settings: made, beside what is there.
    save_image(folder / "a2.png", photograph(10, 20, seed=5))
    assert named(done(ctx, sources, out)) == ["a2 2.png"]
    other = done(ctx, sources, out, template=Translate(model="a" * 64, picture="", size=8))
    assert named(other) == ["a2 3.png", "a10 2.png", "b 2.jpg"]
    assert len(done(ctx, sources, out).skipped) == 3


def test_nothing_is_overwritten_unasked(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a2.png").write_bytes(b"mine")
    batch = done(ctx, files(folder), out)
    assert named(batch)[0] == "a2 2.png" and (out / "a2.png").read_bytes() == b"mine"
    batch = done(ctx, files(folder), out, overwrite=True)
    assert named(batch) == ["a2.png", "a10.png", "b.jpg"] and (out / "a2.png").read_bytes() != b"mine"
    before = (folder / "a2.png").read_bytes()
    batch = done(ctx, files(folder), folder, overwrite=True)
    assert named(batch)[0] == "a2 2.png" and (folder / "a2.png").read_bytes() == before, "a source never"


def test_two_of_one_name(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    save_image(folder / "a2.webp", photograph(8, 9))
    sources, out = files(folder), tmp_path / "out"
    assert named(done(ctx, sources, out)) == ["a2.png", "a2 2.png", "a10.png", "b.jpg"]
    assert len(done(ctx, sources, out).skipped) == 4
    batch = done(ctx, sources, out, overwrite=True)
    assert named(batch) == ["a2.png", "a2 2.png", "a10.png", "b.jpg"], "not over one made a moment ago"


def test_failures_are_told_and_tried_again(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    save_image(folder / "a3.png", photograph(10, 13))
    (folder / "c.png").write_bytes(b"nothing")
    sources = [*files(folder), folder / "gone.png"]
    batch = done(ctx, sources, tmp_path / "out")
    assert named(batch) == ["a2.png", "a10.png", "b.jpg"]
    assert [name for name, _, _ in batch.failures] == ["a3.png", "c.png", "gone.png"]
    assert batch.failures[0].why == "It is 13 px wide." and all(failure.why for failure in batch.failures)
    save_image(folder / "a3.png", photograph(10, 12))
    save_image(folder / "c.png", photograph(10, 12))
    later = batch.joined(done(ctx, list(batch.failed), tmp_path / "out"))
    assert named(later)[3:] == ["a3.png", "c.png"] and [f.name for f in later.failures] == ["gone.png"]


def test_what_fails_for_all_ends_it(
    engine: Inverter, ctx: Context, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(folder / "a3.png", photograph(10, 14))
    with pytest.raises(ModelError):
        done(ctx, files(folder), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a2.png"]
    (folder / "a3.png").unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("studio.media.carrying.write_png", full)
    asked = len(engine.seen)
    batch = done(ctx, files(folder), tmp_path / "full")
    assert len(batch.failures) == 3 and "disk is full" in batch.failures[2].why
    assert len(engine.seen) == asked + 1, "the rest is not even tried"


def test_formats_and_folders(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    (folder / "in").mkdir()
    save_image(folder / "in" / "c.png", photograph(8, 9, channels=4))
    save_image(folder / "t.tiff", photograph(8, 9))
    from studio.media.folders import pictures_in

    sources = pictures_in(folder, recursive=True)
    batch = done(ctx, sources, tmp_path / "out", root=folder)
    assert [str(p.relative_to(tmp_path / "out")) for p in batch.written][-2:] == ["t.tif", str(Path("in", "c.png"))]
    jpegs = done(ctx, sources, tmp_path / "jpg", format="jpg")
    assert {p.suffix for p in jpegs.written} == {".jpg"} and len(jpegs.written) == 5
    with pytest.raises(StudioError, match="no format"):
        done(ctx, sources, tmp_path / "x", format="gif")


def test_bits_profile_and_alpha_go_through(engine: Inverter, ctx: Context, tmp_path: Path) -> None:
    from tests.media.deep_files import curve, profile

    icc = profile(curve(2.2))
    deep = np.random.default_rng(3).integers(0, 65536, (6, 7, 4), dtype=np.uint16)
    save_like(tmp_path / "a.png", (deep >> 8).astype(np.uint8), deep=deep, icc=icc)
    source = load_image(tmp_path / "a.png")
    assert source.deep is not None
    batch = done(ctx, [tmp_path / "a.png"], tmp_path / "out")
    found = load_image(batch.written[0])
    assert found.icc == icc and found.deep is not None and found.deep.shape == (6, 7, 4)
    assert np.abs(found.deep.astype(int) - (65535 - source.deep)).max() <= 64
    assert batch.told[0]["bits"] == 16 and batch.told[0]["profile"] is True
    batch = done(ctx, [tmp_path / "a.png"], tmp_path / "out", keep_profile=False)
    assert named(batch) == ["a 2.png"], "what is there has a profile"
    assert len(done(ctx, [tmp_path / "a.png"], tmp_path / "out", keep_profile=False).skipped) == 1
    found = load_image(batch.written[0])
    assert found.icc is None and found.deep is not None
    assert np.array_equal(found.deep, 65535 - source.deep)


def test_what_depends_on_the_picture(engine: Inverter, ctx: Context, folder: Path, tmp_path: Path) -> None:
    import msgspec

    def prepare(own: Any, request: Any) -> Any:
        yield Progress(0, 0, "Looking")
        width = own.assets.image(request.picture).shape[1]
        return msgspec.structs.replace(request, size=width)

    done(ctx, files(folder), tmp_path / "out", prepare=prepare)
    assert [request.size for request in engine.seen] == [20, 40, 30]
    assert len(done(ctx, files(folder), tmp_path / "out", prepare=prepare).skipped) == 3


def test_large_pictures_stay_out_of_the_recipe(engine: Inverter, ctx: Context, tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    save_image(tmp_path / "a.png", big)
    assert (tmp_path / "a.png").stat().st_size > CARRIED
    batch = done(ctx, [tmp_path / "a.png"], tmp_path / "out")
    recipe = recipes.from_text(read_recipe(batch.written[0]) or "")
    assert recipe.assets == {} and recipe.request.picture  # type: ignore[union-attr]


def test_by_real_networks_and_again_by_the_recipe(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    sha = shelf.put(resnet(), "toon", title="Toon")
    batch = done(shelf.ctx, files(folder), tmp_path / "out", template=Translate(model="", picture=""))
    assert named(batch) == ["a2.png", "a10.png", "b.jpg"]
    recipe = recipes.from_text(read_recipe(batch.written[1]) or "")
    assert recipe.request.model == sha and recipe.models[0].name == "toon", "the embedded one is named"  # type: ignore[union-attr]
    store = AssetStore()
    assert recipes.install(recipe, store) == []
    own = shelf.ctx.derive()
    own.assets = store
    again = events(registry.start(own, recipe.request))[1]
    assert np.array_equal(again.image, load_image(batch.written[1]).pixels)
    store.close()


def test_larger_by_a_real_network(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    template = Upscale(model=shelf.put(enlarger(), "twice"), picture="")
    batch = done(shelf.ctx, files(folder), tmp_path / "out", template=template, suffix=" 2x")
    assert [fact["width"] for fact in batch.told] == [40, 80, 60]
    assert named(batch)[0] == "a2 2x.png"

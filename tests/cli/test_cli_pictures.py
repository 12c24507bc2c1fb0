"""Render, explore, mix, walk, invert, directions: headless twins on a tiny network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.media.images import load_image
from studio.project import recipes
from studio.project.latents import Mixed, Seed, Stored
from studio.project.requests import Render

Studio = Callable[..., Any]


def pixels(path: Path) -> np.ndarray:
    return load_image(path).pixels


def recipe(path: Path) -> Any:
    return recipes.from_text(load_image(path).text["latent-studio"])


def test_a_sheet_of_seeds_and_a_folder_of_pictures(studio: Studio, tmp_path: Path) -> None:
    sheet = tmp_path / "new" / "sheet.png"
    ran = studio("explore", "--seeds", "0-5", "--psi", ".7", "--columns", 3, "--out", sheet, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["seeds"] == [0, 1, 2, 3, 4, 5] and Path(ran.json["out"]) == sheet
    assert pixels(sheet).shape[1] >= 96 and recipe(sheet).request.columns == 3
    folder = tmp_path / "pictures"
    ran = studio("explore", "--seeds", "3,7", "--labels", "glasses=1", "Hair/curly=0.5", "--out", f"{folder}/")
    assert ran.code == 0 and sorted(p.name for p in folder.iterdir()) == ["seed0003.png", "seed0007.png"]
    request = recipe(folder / "seed0003.png").request
    assert {(v.index, v.value) for v in request.look.labels} == {(0, 1.0), (2, 0.5)}
    assert request.latent == Seed(seed=3) and len(request.model) == 64


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_an_exported_picture_makes_itself_again(studio: Studio, tmp_path: Path, suffix: str) -> None:
    """The promise: the same request, the same pixels."""
    folder = tmp_path / "f"
    options = ("--noise", "seed:5", "--push", "principal:1=1.5@2-4", "--cutoff", 5, "--psi", "1.1")
    assert studio("explore", "--seeds", 11, *options, "--out", f"{folder}/").code == 0
    first = folder / "seed0011.png"
    middle = tmp_path / f"again{suffix}"
    assert studio("render", first, "--out", middle).code == 0
    assert studio("render", middle, "--out", tmp_path / "third.png").code == 0
    assert np.array_equal(pixels(tmp_path / "third.png"), pixels(first))
    ran = studio("render", first, "--out", tmp_path / "small.png", "--size", 16, "--json")
    assert (ran.json["width"], ran.json["height"]) == (16, 16)
    exact = tmp_path / "exact.png"
    assert studio("render", first, "--out", exact, "--precision", "exact").code == 0
    assert recipe(exact).request.precision == "exact"
    text = tmp_path / "r.json"
    text.write_text(load_image(first).text["latent-studio"], encoding="utf-8")
    assert studio("render", text, "--out", tmp_path / "fromtext.png").code == 0
    assert np.array_equal(pixels(tmp_path / "fromtext.png"), pixels(first))


def test_mixing_seeds_and_pictures(studio: Studio, tmp_path: Path) -> None:
    studio("explore", "--seeds", 9, "--psi", "1", "--out", f"{tmp_path}/a/")
    picture = tmp_path / "a" / "seed0009.png"
    out = tmp_path / "mix.png"
    ran = studio("mix", "--sources", f"1,5,{picture}", "--layers", "0-2:0,3-5:1,6-7:2", "--out", out)
    assert ran.code == 0, ran.err
    latent = recipe(out).request.latent
    assert isinstance(latent, Mixed) and latent.sources[0] == Seed(seed=1) and isinstance(latent.sources[2], Stored)
    assert latent.weights[0] == (1, 0, 0) and latent.weights[7] == (0, 0, 1)
    assert studio("render", out, "--out", tmp_path / "again.png").code == 0, "the code did not travel in the recipe"
    assert np.array_equal(pixels(tmp_path / "again.png"), pixels(out))
    alone = tmp_path / "alone.png"
    assert studio("mix", "--sources", f"{picture},1", "--layers", "all:0", "--out", alone).code == 0
    assert np.array_equal(pixels(alone), pixels(picture)), "a picture from another look came out changed"
    assert studio("mix", "--sources", "1,5", "--preset", "crossover:4", "--out", out).code == 0
    assert recipe(out).request.latent.weights == ((1.0, 0.0),) * 4 + ((0.0, 1.0),) * 4
    ran = studio("mix", "--sources", "1-3", "--matrix", "2-5", "--tile", 16, "--out", out, "--json")
    assert ran.code == 0 and ran.json["width"] >= 48


def test_walks_become_films(studio: Studio, tmp_path: Path) -> None:
    film = tmp_path / "loop.webp"
    ran = studio(
        "walk", "--seeds", "1,2,3", "--frames", 6, "--fps", 12, "--loop", "--curve", "cubic", "--size", 16,
        "--out", film, "--recipe", tmp_path / "loop.json", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["frames"] == 6 and ran.json["seconds"] == 0.5
    with Image.open(film) as image:
        assert image.n_frames == 6 and image.size == (16, 16)  # type: ignore[attr-defined]
    folder = tmp_path / "frames"
    assert studio("render", tmp_path / "loop.json", "--out", folder).code == 0
    frames = sorted(folder.glob("*.png"))
    assert len(frames) == 6
    studio("explore", "--seeds", 2, "--tile", 16, "--out", f"{tmp_path}/two/")
    assert np.array_equal(pixels(frames[2]), pixels(tmp_path / "two" / "seed0002.png")), "a key is not its seed"
    assert studio("walk", "--seeds", "1,2,3", "--frames", 2, "--out", film).code == 1
    even = tmp_path / "even"
    assert studio("walk", "--seeds", "1,2,3", "--frames", 6, "--even", "--size", 16, "--out", even).code == 0
    same = [np.array_equal(pixels(a), pixels(b)) for a, b in zip(sorted(even.glob("*.png")), frames, strict=True)]
    assert same[0] and not all(same)


def test_a_film_keeps_its_recipe(studio: Studio, tmp_path: Path) -> None:
    from studio.media.video import encoders

    if not encoders()["mp4"]:
        pytest.skip("no film encoder here")
    film = tmp_path / "loop.mp4"
    assert studio("walk", "--seeds", "1,2", "--frames", 4, "--out", film).code == 0
    ran = studio("info", film, "--json")
    assert ran.json["kind"] == "recipe" and ran.json["shows"] == "seed 1 to seed 2"
    assert studio("render", film, "--out", tmp_path / "frames").code == 0
    assert len(list((tmp_path / "frames").glob("*.png"))) == 4


def test_a_photograph_is_found_and_can_be_mixed(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.engine.explore.invert.CANDIDATES", 16)
    studio("explore", "--seeds", 4, "--out", f"{tmp_path}/p/")
    photo = tmp_path / "photo.jpg"
    Image.fromarray(pixels(tmp_path / "p" / "seed0004.png")).resize((48, 40)).save(photo)
    found = tmp_path / "found.png"
    ran = studio("invert", photo, "--steps", 4, "--out", found, "--code", tmp_path / "ws.npy", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["psnr"] > 5 and ran.json["features"] and ran.json["steps"] == 4
    assert np.load(tmp_path / "ws.npy").shape == (8, 24)
    out = tmp_path / "m.png"
    assert studio("mix", "--sources", f"{found},{tmp_path / 'ws.npy'}", "--layers", "all:0", "--out", out).code == 0
    assert np.array_equal(pixels(out), pixels(found))


def test_directions_are_listed_written_and_drawn(studio: Studio, tmp_path: Path) -> None:
    vectors, strips = tmp_path / "d.npy", tmp_path / "strips.png"
    ran = studio("directions", "--count", 2, "--out", vectors, "--strips", strips, "--json")
    assert ran.code == 0, ran.err
    assert [row["index"] for row in ran.json["directions"]] == [0, 1]
    assert ran.json["directions"][0]["sigma"] >= ran.json["directions"][1]["sigma"]
    assert len(ran.json["directions"][0]["layers"]) == 2
    assert np.load(vectors).shape == (2, 24) and pixels(strips).shape[1] >= 7 * 32
    ran = studio("directions", "--method", "factor", "--range", "0-3", "--count", 3)
    assert ran.code == 0 and len(ran.out.splitlines()) == 4
    out = tmp_path / "pushed.png"
    push = f"{vectors}:1=2@0-3"
    assert studio("mix", "--sources", "1,2", "--layers", "all:0", "--push", push, "--out", out).code == 0
    assert recipe(out).request.look.pushes[0].direction.index == 1


def test_projects_can_be_rendered(studio: Studio, tmp_path: Path) -> None:
    from studio.project.assets import AssetStore
    from studio.project.latents import Direction, Look, Push
    from studio.project.session import ExploreState, GalleryItem, MixColumn, MixState, Session
    from studio.project.storage import save

    pushes = (Push(direction=Direction(kind="principal"), amount=1.0), Push(direction=Direction(kind="factor")))
    items = tuple(
        GalleryItem(
            id=str(i), title=f"Nice: {i}/", request=Render(model="", latent=Seed(seed=i)), picture="", starred=i < 2
        )
        for i in range(3)
    )
    columns = tuple(MixColumn(id=str(i), latent=Seed(seed=i), name="") for i in (1, 2))
    session = Session(
        explore=ExploreState(latent=Seed(seed=6), look=Look(psi=0.5), directions=pushes),
        mix=MixState(columns=columns, weights=((0.0, 1.0),)),
        gallery=items,
    )
    path = tmp_path / "my.studio"
    save(path, session, AssetStore())
    out = tmp_path / "now.png"
    ran = studio("render", path, "--out", out)
    assert ran.code == 0, ran.err
    assert recipe(out).request.look.pushes == pushes[:1]
    twin = tmp_path / "twin"
    studio("explore", "--seeds", 6, "--psi", ".5", "--push", "principal:0=1", "--out", f"{twin}/")
    assert np.array_equal(pixels(out), pixels(twin / "seed0006.png"))
    assert studio("render", path, "--panel", "mix", "--out", out).code == 0
    studio("explore", "--seeds", 2, "--out", f"{twin}/")
    assert np.array_equal(pixels(out), pixels(twin / "seed0002.png"))
    ran = studio("render", path, "--all", "--out", tmp_path / "gallery", "--json")
    assert ran.code == 0, ran.err
    assert sorted(p.name for p in (tmp_path / "gallery").iterdir()) == ["001 Nice 0.png", "002 Nice 1.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("explore", "--seeds", "x", "--out", "a.png"), "not a seed"),
        (("explore", "--seeds", "1", "--out", "a.txt"), "name for a picture"),
        (("explore", "--seeds", "1", "--labels", "beard=1", "--out", "a.png"), "no label"),
        (("explore", "--seeds", "1", "--labels", "curly=much", "--out", "a.png"), "number"),
        (("explore", "--seeds", "1", "--noise", "loud", "--out", "a.png"), "kind of noise"),
        (("explore", "--seeds", "1", "--push", "up", "--out", "a.png"), "not a push"),
        (("explore", "--seeds", "1", "--push", "no.npy=1", "--out", "a.png"), "no file"),
        (("explore", "--model", "nobody", "--out", "a.png"), "no model"),
        (("explore", "--device", "cuda:77", "--seeds", "1", "--out", "a.png"), "no device"),
        (("mix", "--sources", "1,2", "--preset", "odd", "--out", "a.png"), "no mixing preset"),
        (("mix", "--sources", "1,2", "--layers", "0-99:1", "--out", "a.png"), "outside the board"),
        (("render", "nothing.png", "--out", "a.png"), "not there"),
        (("render", "nothing.json", "--out", "a.png"), "no file"),
        (("walk", "--seeds", "1", "--fps", "0", "--out", "a.webp"), "frames per second"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_sentence(
    studio: Studio, words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = studio(*words)
    assert ran.code == 1 and told in ran.err and "Traceback" not in ran.err and ran.out == ""
    assert list(tmp_path.glob("a.*")) == []
    ran = studio(*words, "--json")
    assert ran.json["error"]["what"]


def test_a_picture_without_a_recipe_says_what_to_do(studio: Studio, tmp_path: Path) -> None:
    bare = tmp_path / "bare.png"
    Image.new("RGB", (8, 8)).save(bare)
    ran = studio("render", bare, "--out", tmp_path / "x.png")
    assert ran.code == 1 and "no recipe" in ran.err and "studio invert" in ran.err


def test_cancelling_leaves_nothing_half_made(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.engine.explore import draw

    drawn = []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        drawn.append(1)
        if len(drawn) > 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    original = draw.to_uint8
    monkeypatch.setattr(draw, "to_uint8", interrupted)
    ran = studio("walk", "--seeds", "1,2", "--frames", 8, "--out", tmp_path / "half.webp")
    assert ran.code == 130 and "Cancelled" in ran.err and drawn
    assert [p.name for p in tmp_path.iterdir() if p.name != "data"] == []

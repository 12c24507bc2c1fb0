"""``studio translate``, ``upscale`` and ``trace`` with small random networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from studio.base.steps import Progress
from studio.checkpoints import inspect
from studio.cli.headless import Bar
from studio.cli.translate import heat_map, with_wishes
from studio.media.carrying import save_like
from studio.media.images import load_image, save_image
from tests.engine.translate.parts import enlarger, photograph, resnet, stargan, unet

GROUPS = (
    {"title": "Hair", "kind": "choice", "names": ["black", "blond", "brown"], "indices": [0, 1, 2]},
    {"title": "", "kind": "toggle", "names": ["glasses", "smiling"], "indices": [3, 4]},
)
NAMES = ("black", "blond", "brown", "glasses", "smiling")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair of translators, one with dropout, one of many domains, two sisters that enlarge."""
    folder = tmp_path_factory.mktemp("weights")

    def put(net: Any, name: str, labels: dict[str, Any] | None = None, **hyper: Any) -> None:
        file = folder / f"{name}.safetensors"
        save_file({k: v.contiguous().clone() for k, v in net.state_dict().items()}, file)
        card = inspect(file)
        card = card.changed(name=name, hyper={**card.hyper, **hyper}, **(labels or {}))
        file.with_suffix(".json").write_text(card.to_json(), encoding="utf-8")

    put(resnet(1), "flat_round", partner="round_flat")
    put(resnet(2), "round_flat", partner="flat_round")
    put(unet(), "dots")
    put(stargan(), "heads", {"label_names": NAMES, "label_groups": GROUPS})
    put(enlarger(1), "twice", sharper="twice_sharp")
    put(enlarger(2), "twice_sharp")
    put(enlarger(3, scale=4), "fourfold")
    return folder


@pytest.fixture
def run(studio: Callable[..., Any], shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line where these models came with the program."""
    monkeypatch.setattr("studio.base.paths.weights", lambda: shelf)

    def call(*words: object) -> Any:
        return studio(*words, *(() if words[0] in ("render", "trace") else ("--precision", "exact")))

    return call


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    save_image(path, photograph(48, 64))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in"
    (found / "more").mkdir(parents=True)
    for name in ("a2.png", "a10.jpg", "more/b.png"):
        save_image(found / name, photograph(32, 40, seed=len(name)))
    return found


def pixels(path: Path) -> Any:
    return load_image(path).pixels


def test_a_picture_and_again_by_its_recipe(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    out, again, third = (tmp_path / name for name in ("b.png", "c.png", "d.png"))
    ran = run("translate", "--model", "flat_round", picture, "--strength", ".7", "--tile", 32, "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["width"], ran.json["height"], ran.json["bits"]) == (64, 48, 8) and ran.json["tile"] == 32
    assert ran.json["model"] and Path(ran.json["out"]) == out and Path(ran.json["source"]) == picture
    assert not np.array_equal(pixels(out), photograph(48, 64))
    assert run("render", out, "--out", again).code == 0
    assert np.array_equal(pixels(again), pixels(out))
    assert run("translate", "--recipe", out, "--out", third).code == 0
    assert np.array_equal(pixels(third), pixels(out))
    other = tmp_path / "other.png"
    save_image(other, photograph(40, 40, seed=9))
    assert run("translate", "--recipe", out, other, "--out", third).code == 0
    direct = tmp_path / "e.png"
    words = ("--model", "flat_round", other, "--strength", ".7", "--tile", 32)
    assert run("translate", *words, "--out", direct).code == 0
    assert np.array_equal(pixels(third), pixels(direct)), "the recipe's settings on another picture"


def test_a_file_as_model_and_no_source_is_lost(
    run: Callable[..., Any], picture: Path, shelf: Path, tmp_path: Path
) -> None:
    assert run("translate", "--model", shelf / "dots.safetensors", picture, "--out", tmp_path / "b.png").code == 0
    before = picture.read_bytes()
    ran = run("translate", "--model", "dots", picture, "--out", picture)
    assert ran.code == 1 and "picture itself" in ran.err and picture.read_bytes() == before


def test_the_way_back_and_the_cycle(run: Callable[..., Any], picture: Path, shelf: Path, tmp_path: Path) -> None:
    back, direct, cycle, heat = (tmp_path / name for name in ("b.png", "c.png", "cycle.png", "heat.png"))
    assert run("translate", "--model", "flat_round", "--back", picture, "--out", back).code == 0
    assert run("translate", "--model", "round_flat", picture, "--out", direct).code == 0
    assert np.array_equal(pixels(back), pixels(direct))
    words = ("translate", "--model", "flat_round", "--cycle", picture)
    ran = run(*words, "--out", cycle, "--heat", heat)
    assert ran.code == 0 and "PSNR" in ran.out
    strip = pixels(cycle)
    assert strip.shape == (48, 4 * 64 + 6, 3)
    source, there, home = (strip[:, i * 66 : i * 66 + 64].astype(float) for i in range(3))
    assert np.array_equal(source, photograph(48, 64))
    lost = np.abs(source - home).mean(axis=2) / 255
    told = run(*words, "--out", cycle, "--json").json
    assert told["l1"] == pytest.approx(lost.mean(), abs=1e-6) and told["psnr"] > 0
    assert np.array_equal(pixels(heat), heat_map(lost.astype(np.float32)))
    assert run("translate", "--model", "flat_round", picture, "--out", direct).code == 0
    assert np.array_equal(there, pixels(direct))
    assert run("render", cycle, "--out", tmp_path / "again.png").code == 0
    assert np.array_equal(pixels(tmp_path / "again.png"), strip)
    none = run("translate", "--model", "dots", "--back", picture, "--out", back)
    assert none.code == 1 and "--partner" in none.err
    assert run("translate", "--model", "dots", "--back", "--partner", "round_flat", picture, "--out", back).code == 0


def test_a_partner_beside_a_loose_file(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    for letter, seed in (("A", 11), ("B", 12)):
        net = resnet(seed)
        file = tmp_path / f"latest_net_G_{letter}.safetensors"
        save_file({k: v.contiguous().clone() for k, v in net.state_dict().items()}, file)
    ran = run(
        "translate", "--model", tmp_path / "latest_net_G_A.safetensors", "--back", picture, "--out", tmp_path / "b.png"
    )
    assert ran.code == 0, ran.err
    words = ("translate", "--model", tmp_path / "latest_net_G_B.safetensors", picture)
    assert run(*words, "--out", tmp_path / "c.png").code == 0
    assert np.array_equal(pixels(tmp_path / "b.png"), pixels(tmp_path / "c.png"))


def test_statistics_seeds_and_variations(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    seen = {}
    for name, words in {
        "own": ("--statistics", "own"),
        "stored": ("--statistics", "stored"),
        "half": ("--statistics", "0.5"),
        "five": ("--statistics", "own", "--seed", "5"),
    }.items():
        out = tmp_path / f"{name}.png"
        assert run("translate", "--model", "dots", picture, *words, "--out", out).code == 0
        seen[name] = pixels(out).astype(int)
    assert len({array.tobytes() for array in seen.values()}) == 4
    sheet = tmp_path / "sheet.png"
    assert run("translate", "--model", "dots", picture, "--variations", 8, "--size", 64, "--out", sheet).code == 0
    assert pixels(sheet).shape == (3 * 48 + 4, 3 * 64 + 4, 3)
    assert run("translate", "--model", "flat_round", picture, "--variations", 2, "--out", sheet).code == 1
    assert run("translate", "--model", "dots", picture, "--statistics", "2", "--out", sheet).code == 2


def test_labels(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    out, same, read = (tmp_path / name for name in ("b.png", "c.png", "d.png"))
    words = ("translate", "--model", "heads", picture, "--size", 32, "--rest", "card")
    assert run(*words, "--label", "blond=1", "--label", "smiling", "--out", out).code == 0
    assert run(*words, "--label", "1=1", "--label", "smiling=1", "--label", "black=0", "--out", same).code == 0
    assert np.array_equal(pixels(out), pixels(same)), "by number, and the other hair makes room"
    assert run("translate", "--model", "heads", picture, "--size", 32, "--label", "smiling=1", "--out", read).code == 0
    assert run("render", read, "--out", same).code == 0
    assert np.array_equal(pixels(read), pixels(same)), "what was read is in the recipe"
    ran = run(*words, "--label", "wings=1", "--out", out)
    assert ran.code == 1 and "blond" in ran.err


def test_wishes_make_room() -> None:
    values = [0.0, 0.0, 1.0, 1.0, 0.0]
    assert with_wishes(values, {1: 1.0}, GROUPS) == (0.0, 1.0, 0.0, 1.0, 0.0)
    assert with_wishes(values, {1: 0.25}, GROUPS) == (0.0, 0.25, 0.75, 1.0, 0.0)
    assert with_wishes(values, {2: 0.5, 4: 1.5}, GROUPS) == (0.0, 0.0, 0.5, 1.0, 1.5)
    assert with_wishes([0.0] * 5, {3: -1.0}, GROUPS) == (0.0, 0.0, 0.0, -1.0, 0.0)


def test_a_folder(run: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("translate", "--model", "flat_round", folder, "--recursive", "--out", f"{out}/")
    ran = run(*words, "--json")
    assert ran.code == 0, ran.err
    names = [str(Path(told["out"]).relative_to(out)) for told in ran.json["pictures"]]
    assert names == ["a2_flat_round.png", "a10_flat_round.jpg", str(Path("more", "b_flat_round.png"))]
    again = run(*words, "--json")
    assert again.json["pictures"] == [] and len(again.json["skipped"]) == 3
    (folder / "a3.png").write_bytes(b"nothing")
    ran = run(*words, "--suffix", "")
    assert ran.code == 1 and "a3.png" in ran.err and "Wrote 3 pictures" in ran.out
    assert (out / "a2.png").exists()
    assert run("translate", "--model", "flat_round", folder, "--out", out / "x.png").code == 1
    assert run("translate", "--model", "flat_round", "--out", f"{out}/").code == 1
    assert run(*words, "--suffix", "../x").code == 1
    assert run("translate", "--model", "flat_round", "--cycle", folder / "a2.png", "--out", f"{out}/").code == 0
    assert (out / "a2_cycle.png").exists()


def test_larger(run: Callable[..., Any], picture: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.png"
    ran = run("upscale", picture, "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["width"] == 128
    assert run("upscale", picture, "--scale", 4, "--out", out, "--json").json["width"] == 256
    seen = []
    for words in (("--sharpness", 0), ("--sharpness", 0.5), ("--sharpness", 1), ("--model", "twice_sharp")):
        assert run("upscale", picture, *words, "--out", out).code == 0
        seen.append(pixels(out))
    assert np.array_equal(seen[2], seen[3]) and len({array.tobytes() for array in seen}) == 3
    assert run("render", out, "--out", tmp_path / "c.png").code == 0
    assert np.array_equal(pixels(tmp_path / "c.png"), seen[3])
    for words in (
        ("--scale", 3),
        ("--scale", 4, "--sharpness", 1),
        ("--model", "dots"),
        ("--model", "twice", "--scale", 2),
    ):
        ran = run("upscale", picture, *words, "--out", out)
        assert ran.code == 1 and ran.err.startswith("studio: ") and "Traceback" not in ran.err
    many = run("upscale", folder, "--out", f"{tmp_path / 'large'}/", "--format", "jpg", "--json")
    assert [Path(told["out"]).name for told in many.json["pictures"]] == ["a2_2x.jpg", "a10_2x.jpg"]


def test_what_pictures_carry(run: Callable[..., Any], tmp_path: Path) -> None:
    from tests.media.deep_files import curve, profile

    icc = profile(curve(2.2))
    deep = np.zeros((24, 32, 4), np.uint16)
    deep[..., :3] = photograph(24, 32).astype(np.uint16) * 257 + 100
    deep[..., 3] = np.linspace(0, 65535, 32).astype(np.uint16)
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    save_like(source, (deep >> 8).astype(np.uint8), deep=deep, icc=icc)
    for words in (("translate", "--model", "flat_round"), ("upscale",)):
        ran = run(*words, source, "--out", out, "--json")
        assert ran.code == 0 and ran.json["bits"] == 16 and ran.json["profile"] is True
        found = load_image(out)
        assert found.icc == icc and found.deep is not None and found.deep.shape[2] == 4
        assert len(np.unique(found.deep[..., 0] & 255)) > 100, "more than 8 bits are used"
        kept = found.deep[:, :: found.deep.shape[1] // 32, 3].astype(int)
        assert np.abs(kept - deep[: kept.shape[0], :, 3][: kept.shape[0]].mean(axis=0)).max() < 2200
        assert run(*words, source, "--srgb", "--out", out).code == 0
        plain = load_image(out)
        assert plain.icc is None and plain.deep is not None
        assert np.abs(plain.deep[..., :3].astype(int) - found.deep[..., :3]).max() <= 64, "the same colours"
        assert run(*words, source, "--out", tmp_path / "c.jpg").code == 0
        assert load_image(tmp_path / "c.jpg").icc == icc


def test_no_change_is_no_change(run: Callable[..., Any], tmp_path: Path) -> None:
    from tests.media.deep_files import curve, profile

    icc = profile(curve(2.2))
    deep = photograph(24, 32).astype(np.uint16) * 257 + 77
    source, out = tmp_path / "a.tiff", tmp_path / "b.tiff"
    save_like(source, (deep >> 8).astype(np.uint8), deep=deep, icc=icc)
    before = load_image(source)
    assert run("translate", "--model", "flat_round", source, "--strength", 0, "--out", out).code == 0
    after = load_image(out)
    assert before.deep is not None and after.deep is not None and after.icc == icc
    assert np.abs(after.deep.astype(int) - before.deep).max() <= 64


def test_traces(run: Callable[..., Any], picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "lines.png"
    ran = run("trace", picture, "--size", 96, "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["width"], ran.json["height"]) == (96, 72)
    drawn = pixels(out)
    assert (drawn[..., 0] == drawn[..., 1]).all() and drawn.max() == 255
    words = ("trace", picture, "--kind", "segments", "--palette", "#ff0000", "#0000ff", "--size", 64)
    assert run(*words, "--out", out).code == 0
    assert {tuple(c) for c in pixels(out).reshape(-1, 3)} <= {(255, 0, 0), (0, 0, 255)}
    assert run("render", out, "--out", tmp_path / "again.png").code == 0
    assert np.array_equal(pixels(out), pixels(tmp_path / "again.png"))
    assert run("trace", picture, "--palette", "red", "--out", out).code == 1


def test_a_recipe_without_its_picture_says_what_to_do(run: Callable[..., Any], tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    source, out, again = (tmp_path / name for name in ("a.png", "b.png", "c.png"))
    save_image(source, big)
    assert run("trace", source, "--out", out).code == 0
    ran = run("render", out, "--out", again)
    assert ran.code == 1 and "studio trace --recipe" in ran.err and not again.exists()
    assert run("trace", "--recipe", out, source, "--out", again).code == 0
    assert np.array_equal(pixels(out), pixels(again))


def test_time_left_counts_the_share_of_the_work() -> None:
    bar = Bar()
    assert bar._left(Progress(0, 3, "a.png", 0.2), 100.0) is None
    assert bar._left(Progress(0, 3, "a.png", 0.3), 110.0) == pytest.approx(70.0)
    assert bar._left(Progress(1, 3, "b.png", 0.6), 120.0) == pytest.approx(20.0), "another picture, the same work"
    assert bar._left(Progress(3, 3, "", 1.0), 130.0) is None

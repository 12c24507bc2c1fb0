"""``studio morph``, ``encode``, ``sample`` and ``attributes`` with a tiny embedded autoencoder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.media.images import load_image, read_recipe, save_image
from studio.project import recipes
from studio.project.requests import Encode, Render, WalkFrames

ATTRIBUTES = [
    {"name": "glasses", "title": "Glasses", "sigma": 0.8, "low": -2.0, "high": 2.5},
    {"name": "long hair", "sigma": 0.6, "low": -1.0, "high": 3.0},
]


@pytest.fixture(scope="session")
def tiny_vae(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Path:
    """A weights folder with the tiny generator and a random VAE of 32 px."""
    import torch
    from safetensors.torch import save_file

    from studio.checkpoints import inspect
    from studio.nets.vae import VAE

    folder = tmp_path_factory.mktemp("morph-weights")
    for file in tiny_weights.iterdir():
        shutil.copy(file, folder)
    torch.manual_seed(0)
    net = VAE(8, {4: 16, 8: 8, 16: 8}, {4: 16, 8: 16, 16: 8}, top=8)
    gen = torch.Generator().manual_seed(1)
    vectors = torch.nn.functional.normalize(torch.randn(2, 8, generator=gen), dim=1)
    net.keep("attributes", {"vectors": vectors, "sigmas": torch.tensor([0.8, 0.6])})
    labels = (torch.rand(30, 2, generator=gen) < 0.5).to(torch.uint8)
    data = {"mu": torch.randn(30, 8, generator=gen), "logvar": torch.full((30, 8), -2.0), "labels": labels}
    net.keep("data", data)
    file = folder / "faces.safetensors"
    save_file({k: v.contiguous().clone() for k, v in net.state_dict().items()}, file)
    card = inspect(file)
    file.with_suffix(".json").write_text(
        card.changed(name="faces", title="Faces", hyper={**card.hyper, "attributes": ATTRIBUTES}).to_json()
    )
    return folder


@pytest.fixture
def embedded(tiny_vae: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("studio.base.paths.weights", lambda: tiny_vae)
    return tiny_vae


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.RandomState(0)
    y, x = np.mgrid[0:50, 0:70] / 70
    found = []
    for i in range(4):
        waves = [np.sin(6 * (rng.randn() * x + rng.randn() * y) + rng.rand() * 6) for _ in range(3)]
        path = tmp_path / f"photo{i}.png"
        save_image(path, (127.5 + 120 * np.stack(waves, -1)).astype(np.uint8), recipe=None)
        found.append(path)
    return found


def request_in(path: Path) -> Any:
    text = read_recipe(path)
    assert text
    return recipes.from_text(text).request


def test_a_morph_goes_from_picture_to_picture(studio: Callable[..., Any], photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "frames"
    ran = studio(
        "morph", *photos[:2], "--frames", 9, "--out", out, "--strip", tmp_path / "s.png", "--count", 4, "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["frames"] == 9 and ran.json["curve"] == "slerp"
    frames = [load_image(p).pixels for p in sorted(out.glob("*.png"))]
    assert len(frames) == 9 and frames[0].shape == (32, 32, 3)
    for photo, frame in ((photos[0], frames[0]), (photos[1], frames[-1])):
        back = tmp_path / "back.png"
        assert studio("encode", photo, "--reconstruction", back).code == 0
        assert np.array_equal(load_image(back).pixels, frame), "the ends of a morph are what the pictures become"
    strip = load_image(tmp_path / "s.png").pixels
    weights = [p.weight for latent in request_in(tmp_path / "s.png").latents for p in latent.parts]
    assert len(weights) == 6 and weights[0] == weights[-1] == 1.0, "both ends are the pictures themselves"
    assert strip.shape[1] > 4 * 32 and strip.shape[0] < 2 * 32
    again = tmp_path / "again.png"
    assert studio("render", tmp_path / "s.png", "--out", again).code == 0
    assert np.array_equal(load_image(again).pixels, strip)


def test_a_loop_is_a_film_with_a_recipe(studio: Callable[..., Any], photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "m.webp"
    ran = studio("morph", *photos[:3], 7, "--frames", 8, "--loop", "--no-even", "--out", out)
    assert ran.code == 0, ran.err
    request = request_in(out)
    assert isinstance(request, WalkFrames) and request.walk.loop and request.walk.speed == "keys"
    assert request.walk.curve == "cubic" and len(request.walk.keys) == 4
    assert studio("render", out, "--out", tmp_path / "again.webp").code == 0
    assert (tmp_path / "again.webp").read_bytes() == out.read_bytes()


def test_a_code_and_what_comes_back(studio: Callable[..., Any], photos: list[Path], tmp_path: Path) -> None:
    code, back, error = tmp_path / "code.npy", tmp_path / "r.png", tmp_path / "e.png"
    ran = studio("encode", photos[0], "--out", code, "--reconstruction", back, "--error", error, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["shape"] == [8] and ran.json["psnr"] > 0 and ran.json["sigma"] > 0
    assert np.load(code).shape == (8,) and load_image(error).pixels.shape[:2] == (32, 32)
    assert isinstance(request_in(back), Encode)
    assert studio("render", back, "--out", tmp_path / "again.png").code == 0
    assert np.array_equal(load_image(tmp_path / "again.png").pixels, load_image(back).pixels)
    drawn = tmp_path / "drawn.npy"
    assert studio("encode", photos[0], "--sample", 3, "--out", drawn).code == 0
    assert not np.allclose(np.load(drawn), np.load(code), atol=1e-3)
    whole = tmp_path / "whole.npy"
    assert studio("encode", photos[0], "--fit", "whole", "--background", "#ffffff", "--out", whole).code == 0
    assert not np.allclose(np.load(whole), np.load(code), atol=1e-3)
    # A code is a source like any other.
    assert studio("morph", code, photos[1], "--frames", 3, "--out", tmp_path / "f").code == 0
    first = load_image(min((tmp_path / "f").glob("*.png"))).pixels
    assert np.array_equal(first, load_image(back).pixels)


def test_samples_are_seeds_at_a_temperature(studio: Callable[..., Any], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    ran = studio("sample", "--count", 4, "--seed", 5, "--temperature", 0.5, "--out", sheet, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["seeds"] == [5, 6, 7, 8]
    assert studio("sample", "--count", 2, "--seed", 5, "--temperature", 0.5, "--out", tmp_path / "many").code == 0
    one = request_in(tmp_path / "many" / "seed0005.png")
    assert isinstance(one, Render) and one.look.psi == 0.5
    cold = tmp_path / "cold"
    assert studio("sample", "--count", 2, "--temperature", 0, "--out", cold).code == 0
    same = [load_image(p).pixels for p in sorted(cold.glob("*.png"))]
    assert np.array_equal(same[0], same[1]), "without temperature all are the average"


def test_attributes_are_listed_and_applied(studio: Callable[..., Any], photos: list[Path], tmp_path: Path) -> None:
    ran = studio("attributes", "--list", "--json")
    assert ran.code == 0 and [a["name"] for a in ran.json["attributes"]] == ["glasses", "long hair"]
    assert "glasses" in studio("attributes").out
    out = tmp_path / "b.png"
    ran = studio("attributes", photos[0], "--set", "glasses=2", "long_hair=-1.5", "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["set"] == {"glasses": 2.0, "long hair": -1.5}
    plain = tmp_path / "plain.png"
    assert studio("encode", photos[0], "--reconstruction", plain).code == 0
    assert not np.array_equal(load_image(out).pixels, load_image(plain).pixels)
    assert studio("attributes", out, "--set", "glasses=0", "--out", tmp_path / "c.png").code == 0
    assert np.abs(load_image(tmp_path / "c.png").pixels.astype(int) - load_image(out).pixels).max() <= 1
    clean = tmp_path / "clean.png"
    assert studio("attributes", photos[0], "--set", "glasses=2", "--clean", "--out", clean).code == 0
    assert request_in(clean).look.pushes[0].direction.clean
    assert studio("render", out, "--out", tmp_path / "again.png").code == 0
    assert np.array_equal(load_image(tmp_path / "again.png").pixels, load_image(out).pixels)


def test_an_attribute_from_two_folders(studio: Callable[..., Any], photos: list[Path], tmp_path: Path) -> None:
    for name, part in (("with", photos[:2]), ("without", photos[2:])):
        (tmp_path / name).mkdir()
        for photo in part:
            shutil.copy(photo, tmp_path / name)
    out = tmp_path / "own.npy"
    options = ("--with", tmp_path / "with", "--without", tmp_path / "without", "--out", out, "--json")
    ran = studio("attributes", "--make", "own", *options)
    assert ran.code == 0, ran.err
    assert ran.json["examples"] == [2, 2] and 0 <= ran.json["separability"] <= 1
    vector = np.load(out)
    assert vector.shape == (1, 8) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    ran = studio("attributes", photos[2], "--set", f"{out}=1.5", "--out", tmp_path / "b.png")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("morph", "PHOTO"), "at least two pictures"),
        (("morph", "PHOTO", "PHOTO"), "Nothing would be written"),
        (("morph", "PHOTO", "PHOTO", "--out", "x.webp", "--frames", "1"), "too few"),
        (("morph", "PHOTO", "missing.png", "--out", "x.webp"), "missing.png"),
        (("morph", "PHOTO", "PHOTO", "--out", "x.webp", "--model", "tiny"), "does not turn pictures into codes"),
        (("encode", "PHOTO"), "Nothing would be written"),
        (("encode", "PHOTO", "--out", "code.png"), "not a name for a code"),
        (("encode", "PHOTO", "--out", "code.npy", "--tile", "64"), "one size only"),
        (("encode", "PHOTO", "--out", "c.npy", "--fit", "whole", "--background", "bluish"), "not a colour"),
        (("sample", "--count", "0", "--out", "x.png"), "1 to 10,000"),
        (("attributes", "PHOTO", "--set", "beard=1", "--out", "x.png"), "no attribute “beard”"),
        (("attributes", "PHOTO", "--set", "glasses", "--out", "x.png"), "does not say how much"),
        (("attributes", "PHOTO"), "Nothing was asked for"),
        (("attributes", "--make", "x", "--out", "x.npy"), "needs --with"),
        (("attributes", "--make", "x", "--with", "nowhere", "--without", "PHOTO", "--out", "x.npy"), "no pictures"),
    ],
)
def test_mistakes_are_told(
    studio: Callable[..., Any],
    photos: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = studio(*(photos[0] if word == "PHOTO" else word for word in words))
    assert ran.code == 1 and says in ran.err, ran.err
    assert not (tmp_path / "x.webp").exists() and not (tmp_path / "x.png").exists()

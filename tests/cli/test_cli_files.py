"""Models, info, doctor, window, help: what needs no drawing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.cli import main

Studio = Callable[..., Any]


def run(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """The real program in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [sys.executable, "-m", "studio", *map(str, words)], capture_output=True, text=True, env={**clean, **env}
    )


def test_help_is_light_and_complete() -> None:
    code = (
        "import sys; from studio.cli import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'PySide6', 'msgspec', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in ("render", "explore", "mix", "walk", "invert", "directions", "models", "info", "doctor", "train"):
        assert command in done.stdout


def test_the_presets_of_the_help_are_those_that_there_are() -> None:
    from studio.cli.parser import STYLE_PRESETS
    from studio.project.style import PRESETS

    assert ", ".join(f"“{name}”" for name in PRESETS) == STYLE_PRESETS


@pytest.mark.parametrize("words", [["models", "list"], ["info", "PICTURE"], ["info", "PROJECT"]])
def test_some_commands_never_import_torch(words: list[str], tmp_path: Path) -> None:
    from studio.project.assets import AssetStore
    from studio.project.session import Session
    from studio.project.storage import save

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    save(tmp_path / "a.studio", Session(), AssetStore())
    named = {"PICTURE": str(tmp_path / "a.png"), "PROJECT": str(tmp_path / "a.studio")}
    real = [named.get(word, word) for word in words]
    code = (
        f"import sys; from studio.cli import main; c = main({real!r}); assert 'torch' not in sys.modules; sys.exit(c)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_exit_codes_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0 and "Latent Studio" in capsys.readouterr().out
    assert main(["rendr"]) == 2 and "Did you mean “render”" in capsys.readouterr().err
    assert main(["explore"]) == 2 and "--out" in capsys.readouterr().err
    assert main(["models"]) == 2 and main(["explore", "--out", "x", "--tile", "-4"]) == 2
    assert main(["invert", "x", "--out", "y", "--editability", "3"]) == 2
    assert main(["--json"]) == 2
    assert main(["train", "--help"]) == 0 and "stylegan2" in capsys.readouterr().out


def test_without_a_display_the_window_is_declined_in_a_sentence() -> None:
    if sys.platform in ("win32", "darwin"):
        pytest.skip("there is always a display here")
    done = run()
    assert done.returncode == 1 and "display" in done.stderr and "studio render" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_opens_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    asked: list[list[str]] = []
    start = types.ModuleType("studio.app.start")
    start.run_window = lambda paths: asked.append(paths) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "studio.app.start", start)
    file = tmp_path / "my.studio"
    file.touch()
    assert main([str(file)]) == 0 and main([]) == 0
    assert asked == [[str(file)], []]


def test_models_are_listed_inspected_imported_and_removed(studio: Studio, tmp_path: Path) -> None:
    from explore_tiny import stylegan2
    from safetensors.torch import save_file

    file = tmp_path / "mine.safetensors"
    save_file({k: v.contiguous().clone() for k, v in stylegan2(seed=9).state_dict().items()}, file)
    card = json.loads(studio("models", "inspect", file).out)
    assert card["role"] == "generator" and card["hyper"]["resolution"] == 32 and len(card["sha256"]) == 64
    ran = studio("models", "import", file, "--json")
    assert ran.code == 0, ran.err
    names = {entry["name"]: entry["sha256"] for entry in studio("models", "list", "--json").json["models"]}
    assert set(names) >= {"tiny", ran.json["name"]} and names[ran.json["name"]] == card["sha256"]
    assert ran.json["name"] in studio("models", "list").out
    by_name, by_sha, by_file = (tmp_path / f"{x}.png" for x in ("name", "sha", "file"))
    for out, model in ((by_name, ran.json["name"]), (by_sha, card["sha256"][:10]), (by_file, file)):
        assert studio("explore", "--model", model, "--seeds", "1", "--out", out).code == 0
        assert Image.open(out).tobytes() == Image.open(by_name).tobytes()
    gone = studio("models", "remove", ran.json["name"])
    assert gone.code == 0 and file.exists()
    assert studio("explore", "--model", card["sha256"][:10], "--seeds", "1", "--out", by_sha).code == 1
    assert studio("render", by_name, "--out", by_sha).code == 1, "a model that is gone must be told"
    found = studio("render", by_name, "--out", by_sha, "--models", tmp_path)
    assert found.code == 0, found.err
    assert studio("render", by_name, "--out", by_sha, "--model", file).code == 0
    assert studio("models", "remove", "tiny").code == 1
    assert studio("models", "inspect", "tiny").code == 0
    assert studio("models", "import", tmp_path / "none").code == 1


def test_a_model_file_may_be_used_without_importing_it(studio: Studio, tmp_path: Path) -> None:
    from explore_tiny import stylegan2
    from safetensors.torch import save_file

    file = tmp_path / "loose.safetensors"
    save_file({k: v.contiguous().clone() for k, v in stylegan2(seed=4).state_dict().items()}, file)
    out = tmp_path / "loose.png"
    ran = studio("explore", "--model", file, "--seeds", "1", "--out", out, "--json")
    assert ran.code == 0 and ran.json["model_name"]
    assert [m["name"] for m in studio("models", "list", "--json").json["models"]] == ["tiny"]


def test_info_knows_every_kind(studio: Studio, embedded: Path, tmp_path: Path) -> None:
    from studio.project.assets import AssetStore
    from studio.project.latents import Seed
    from studio.project.session import ExploreState, Session
    from studio.project.storage import save

    studio("explore", "--seeds", "5", "--out", f"{tmp_path}/p/")
    picture = tmp_path / "p" / "seed0005.png"
    ran = studio("info", picture, "--json")
    assert ran.json["kind"] == "recipe" and ran.json["shows"] == "seed 5" and ran.json["models"] == ["tiny"]
    assert ran.json["request"]["latent"]["seed"] == 5
    assert "seed 5" in studio("info", picture).out
    Image.new("RGB", (9, 7)).save(tmp_path / "bare.png")
    assert studio("info", tmp_path / "bare.png", "--json").json["width"] == 9
    save(tmp_path / "p.studio", Session(explore=ExploreState(latent=Seed(seed=8))), AssetStore())
    ran = studio("info", tmp_path / "p.studio", "--json")
    assert ran.json["kind"] == "project" and ran.json["shows"] == "seed 8"
    ran = studio("info", embedded / "tiny.safetensors", "--json")
    assert ran.json["kind"] == "model" and ran.json["card"]["architecture"] == "stylegan2"
    np.save(tmp_path / "d.npy", np.ones((2, 24), np.float32))
    ran = studio("info", tmp_path / "d.npy", "--json")
    assert ran.json["kind"] == "directions" and ran.json["shape"] == [2, 24]
    for bad in (tmp_path / "nothing", tmp_path):
        assert studio("info", bad).code == 1
    (tmp_path / "x.xyz").write_text("hello")
    assert studio("info", tmp_path / "x.xyz").code == 1


def test_doctor_finds_a_damaged_model(studio: Studio, embedded: Path, tmp_path: Path, monkeypatch: Any) -> None:
    ran = studio("doctor", "--json")
    by_name = {check["name"]: check for check in ran.json["checks"]}
    assert {"packages", "devices", "precision", "memory", "data folder", "encoders"} <= set(by_name)
    assert by_name["embedded models"]["ok"] and by_name["data folder"]["ok"]
    broken = tmp_path / "weights"
    broken.mkdir()
    for file in embedded.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "tiny.safetensors").write_bytes((embedded / "tiny.safetensors").read_bytes()[:-1] + b"?")
    monkeypatch.setattr("studio.base.paths.weights", lambda: broken)
    ran = studio("doctor")
    assert ran.code == 1 and "damaged" in ran.out and "BAD embedded models" in ran.out


def test_the_real_program_draws(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.png"
    model = tiny_weights / "tiny.safetensors"
    done = run("explore", "--model", model, "--seeds", "0-3", "--out", out, "--json", STUDIO_DATA=str(tmp_path / "d"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seeds"] == [0, 1, 2, 3] and out.is_file()
    assert done.stderr == "", "progress is for terminals only"

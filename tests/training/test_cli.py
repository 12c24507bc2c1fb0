"""``studio train``: training, resuming and exporting from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.training.cli import main

TINY = ["--size", "16", "--batch", "4", "--w-dim", "16", "--mapping-layers", "2", "--channels", "4:8,8:8,16:8"]
TINY += ["--warm-steps", "3", "--pl-every", "2"]


def test_train_resume_and_export(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(folder), "--out", "mini", "--runs", str(tmp_path / "runs")]
    assert main(["stylegan2", *where, *TINY, "--anchor", "--images", "8"]) == 0
    assert main(["stylegan2", *where, *TINY, "--anchor", "--images", "16", "--resume"]) == 0
    assert "16 pictures seen" in capsys.readouterr().out
    about = tmp_path / "about.json"
    about.write_text('{"credit": "nobody", "training": {"machine": "a test"}}')
    export = ["--weights", str(tmp_path / "weights"), "--name", "mini", "--about", str(about), "--judge-steps", "5"]
    export += ["--mapping-steps", "3"]
    assert main(["export", *where, *export]) == 0
    card = json.loads((tmp_path / "weights" / "mini.json").read_text())
    assert card["training"]["images"] == 16 and card["training"]["machine"] == "a test"
    assert card["scores"]["frechet"]["frechet"] > card["scores"]["frechet"]["frechet_training_pictures"]
    assert (tmp_path / "runs" / "mini" / "look_toggles.png").exists()


def test_failures_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylegan2", "--data", str(tmp_path / "none"), "--out", "x"]) == 1
    assert "not found" in capsys.readouterr().err
    assert main(["stylegan2"]) == 2
    assert main(["--help"]) == 0

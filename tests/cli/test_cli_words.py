"""Small words: seeds, ranges, labels, progress for people who look."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from studio.base.errors import StudioError
from studio.base.steps import Progress
from studio.checkpoints.card import ModelCard
from studio.cli.headless import Bar, plain
from studio.cli.pictures import is_folder
from studio.cli.words import label_index, labels, layer_range, noise, seeds, split_sources
from studio.project.latents import LabelValue, Noise

CARD = ModelCard(
    name="a",
    role="generator",
    architecture="stylegan2",
    hyper={"c_dim": 4},
    label_names=("glasses", "hair:red", "hair:blue", "coat:red"),
    label_groups=(
        {"title": "Hair", "names": ["red", "blue"], "indices": [1, 2]},
        {"title": "Coat", "names": ["red"], "indices": [3]},
    ),
)


def test_seeds_and_ranges() -> None:
    assert seeds("0-3,9, 7") == [0, 1, 2, 3, 9, 7]
    assert layer_range("") == (0, -1) and layer_range("4") == (4, 4) and layer_range("2-5") == (2, 5)
    assert split_sources("1-3,a.png") == ["1", "2", "3", "a.png"]
    for bad in ("", "5-1", "-3", "0-99999999", str(2**32)):
        with pytest.raises(StudioError):
            seeds(bad)
    with pytest.raises(StudioError):
        split_sources(" , ")


def test_labels_by_number_name_or_group() -> None:
    known = label_index(CARD)
    assert known["glasses"] == 0 and known["hair/red"] == 1 and known["coat/red"] == 3 and known["blue"] == 2
    assert "red" not in known, "a name that two groups have must not be guessed"
    assert labels(["Glasses", "2=.25"], CARD) == (LabelValue(index=0, value=1.0), LabelValue(index=2, value=0.25))


def test_noise_words() -> None:
    assert noise("seed:4", 0.5) == Noise(mode="seed", seed=4, strength=0.5)
    assert noise("none", 1.0) == Noise(mode="none")
    for bad in ("seed:x", "const:3", ""):
        with pytest.raises(StudioError):
            noise(bad, 1.0)


def test_what_out_means(tmp_path: Path) -> None:
    assert is_folder("pictures") and is_folder("a.png/") and is_folder(str(tmp_path)) and not is_folder("a.png")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    bar = Bar()
    for done in (1, 2, 3):
        bar.show(Progress(done, 4, "Drawing"))
    assert "Drawing 3/4, about" in screen.getvalue() and "\n" not in screen.getvalue()
    bar.clear()
    assert screen.getvalue().endswith(" \r") and screen.getvalue().split("\r")[-2].strip() == ""
    quiet = io.StringIO()
    monkeypatch.setattr(sys, "stderr", quiet)
    Bar().show(Progress(1, 2, "Drawing"))
    assert quiet.getvalue() == ""


def test_numbers_for_json() -> None:
    import numpy as np

    assert plain({"a": np.float32(1.5), "b": (np.int64(2), Path("x"))}) == {"a": 1.5, "b": [2, "x"]}

"""The pictures to open with: they are there, large enough, light enough, and painted by the script that ships."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
INDEX = json.loads((EXAMPLES / "index.json").read_text("utf-8"))["pictures"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_paint", EXAMPLES / "paint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_index_is_what_the_script_writes(script: ModuleType) -> None:
    assert script.index() == {"pictures": INDEX}


def test_there_are_enough_of_each_kind() -> None:
    kinds = [p["kind"] for p in INDEX]
    assert kinds.count("content") >= 4
    assert kinds.count("style") >= 6


def test_pairs_are_a_content_and_a_style() -> None:
    kind = {p["name"]: p["kind"] for p in INDEX}
    for p in INDEX:
        assert p["title"]
        assert p["pairs"]
        assert all(kind[other] != p["kind"] for other in p["pairs"]), p["name"]


@pytest.mark.parametrize("entry", INDEX, ids=lambda p: p["name"])
def test_picture_is_large_enough_and_not_heavy(entry: dict) -> None:
    path = EXAMPLES / entry["file"]
    with Image.open(path) as image:
        assert min(image.size) >= 768
        assert image.mode == "RGB"
        pixels = np.asarray(image.resize((64, 64)), dtype=np.float32)
    assert pixels.std() > 20, "nearly one colour"
    assert path.stat().st_size <= 450_000


def test_together_they_stay_small() -> None:
    assert sum((EXAMPLES / p["file"]).stat().st_size for p in INDEX) < 3_300_000


def test_script_paints_the_shipped_picture(script: ModuleType) -> None:
    painted = script.paint("panels").astype(np.float32)
    entry = next(p for p in INDEX if p["name"] == "panels")
    with Image.open(EXAMPLES / entry["file"]) as image:
        shipped = np.asarray(image, dtype=np.float32)
    assert painted.shape == shipped.shape
    assert np.abs(painted - shipped).mean() < 3, "JPEG costs about 1 of 255"
    assert (script.paint("panels") == painted.astype(np.uint8)).all(), "the same every time"


def test_pictures_for_translators_are_there_and_small(script: ModuleType) -> None:
    listed = json.loads((EXAMPLES / "translate.json").read_text("utf-8"))["pictures"]
    assert listed == list(script.TRANSLATE)
    for entry in listed:
        path = EXAMPLES / entry["file"]
        assert entry["models"] and entry["title"]
        with Image.open(path) as image:
            assert max(image.size) <= 256 and path.stat().st_size < 90_000
    assert sum("any" in entry["models"] for entry in listed) == 1, "one for models that none was made for"

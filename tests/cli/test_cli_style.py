"""``studio style``: runs, recipes that make the same picture again, folders in one pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.media.images import load_image, save_image
from tests.engine.style.parts import painting, photograph

FAST = ("--model", "fixed", "--size", "64", "--iterations", "3", "--layer", "relu2_1=0.5", "--layer", "relu4_1=0")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    content, style = tmp_path / "a.png", tmp_path / "b.png"
    save_image(content, photograph())
    save_image(style, painting())
    return content, style


def test_a_rendered_recipe_is_the_picture_bit_for_bit(
    studio: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path
) -> None:
    content, style = files
    out, again = tmp_path / "c.png", tmp_path / "d.png"
    words = ("--content", content, "--style", style, "--style", f"{content}:0.3", "--tile", "32", "--seed", "5")
    ran = studio("style", *words, *FAST, "--statistic", "sliced", "--colours", "luminance", "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["width"] == 64 and ran.json["iterations"] == 3 and ran.json["tile"] == 32
    assert studio("render", out, "--out", again).code == 0
    assert np.array_equal(load_image(out).pixels, load_image(again).pixels)
    assert not np.array_equal(load_image(out).pixels, photograph())


def test_words_that_mean_nothing_end_in_sentences(
    studio: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path
) -> None:
    content, style = files
    out = tmp_path / "c.png"
    for words in (
        ("--content", content),
        ("--content", content, "--style", tmp_path / "none.jpg"),
        ("--content", content, "--style", style, "--layer", "relu3_1=often"),
        ("--content", content, "--style", style, "--mask", "-", "--mask", "-"),
        (content, "--style", style),
    ):
        ran = studio("style", *words, "--model", "fixed", "--out", out)
        assert ran.code == 1 and ran.err.strip() and "Traceback" not in ran.err
    assert not out.exists()


def test_a_folder_is_painted_and_nothing_overwritten(
    studio: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    from studio.nets.johnson import JohnsonNet

    torch.manual_seed(0)
    model, out = tmp_path / "painter.safetensors", tmp_path / "painted"
    save_file({k: v.contiguous() for k, v in JohnsonNet().state_dict().items()}, model)
    folder = files[0].parent
    ran = studio("style", "--model", model, folder, "--size", "32", "--out", f"{out}/", "--json")
    assert ran.code == 0, ran.err
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.png"]
    assert load_image(out / "a.png").pixels.shape == (32, 32, 3)
    before = (out / "a.png").read_bytes()
    refused = studio("style", "--model", model, folder, "--size", "32", "--out", f"{out}/")
    assert refused.code == 1 and "already" in refused.err
    assert studio("style", "--model", model, folder, "--strength", "0", "--out", f"{out}/", "--overwrite").code == 0
    assert (out / "a.png").read_bytes() != before
    assert np.array_equal(load_image(out / "a.png").pixels, photograph())

"""Pictures of a folder and free names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio.base.errors import StudioError
from studio.media.folders import free_path, natural, pictures_in, size_of
from studio.media.images import save_image


def test_names_sort_as_people_sort_them() -> None:
    names = [
        "a10.png",
        "a2.png",
        "B1.png",
        "a.png",
        "a02.png",
        "10.png",
        "9.png",
        "ä.png",
        ".png",
        "a1b10.png",
        "a1b9.png",
    ]
    found = sorted(names, key=natural)
    assert [n for n in found if n[0] in "aB" and "b" not in n] == ["a.png", "a02.png", "a2.png", "a10.png", "B1.png"]
    assert found.index("9.png") < found.index("10.png") < found.index("a.png")
    assert found.index("a1b9.png") < found.index("a1b10.png")


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.PNG", "a10.jpg", "a2.tif", "notes.txt", ".hidden.png", "in/c.webp", "in/deep/d.png", ".git/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in pictures_in(tmp_path)] == ["a2.tif", "a10.jpg", "b.PNG"]
    assert [p.name for p in pictures_in(tmp_path, recursive=True)] == ["a2.tif", "a10.jpg", "b.PNG", "c.webp", "d.png"]
    with pytest.raises(StudioError, match="no folder"):
        pictures_in(tmp_path / "none")
    with pytest.raises(StudioError, match="no folder"):
        pictures_in(tmp_path / "b.PNG")


def test_a_free_name(tmp_path: Path) -> None:
    assert free_path(tmp_path, "a", ".png").name == "a.png"
    (tmp_path / "a.png").touch()
    (tmp_path / "a 2.png").symlink_to(tmp_path / "nowhere")  # a link is a name, too
    assert free_path(tmp_path, "a", ".png").name == "a 3.png"
    assert free_path(tmp_path, "a", ".png", taken=lambda path: False).name == "a.png"


def test_size_from_the_head(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 7, 3), np.uint8))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:45])
    (tmp_path / "c.png").write_bytes(b"nothing")
    assert size_of(tmp_path / "a.png") == (7, 4) == size_of(tmp_path / "b.png")
    assert size_of(tmp_path / "c.png") is None and size_of(tmp_path / "d.png") is None

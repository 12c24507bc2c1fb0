"""Reading training pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.base.errors import StudioError
from studio.training.data import load_pictures, square, to_float, to_uint8
from studio.training.sheets import sheet


def test_folder_and_zip_are_the_same(folder: Path, archive: Path) -> None:
    a, b = load_pictures(folder, 16), load_pictures(archive, 16)
    assert a.images.shape == (40, 3, 16, 16) and a.images.dtype == torch.uint8
    assert torch.equal(a.images, b.images) and a.names == b.names and a.rows == b.rows
    assert a.rows[3]["file"] == a.names[3] == "003.png"


def test_split_holds_out_and_loses_nothing(folder: Path) -> None:
    data = load_pictures(folder, 16)
    train, held = data.split()
    assert len(held) == 4 and len(train) == 36
    assert sorted(train.names + held.names) == sorted(data.names)
    assert held.rows[0]["file"] == held.names[0]


def test_pictures_without_a_row_are_left_out(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "other.csv"
    table.write_text("file,a_x\n001.png,1\n002.png,0\nmissing.png,0\n")
    data = load_pictures(folder, 16, labels=table)
    assert data.names == ("001.png", "002.png") and data.rows[0]["a_x"] == "1"


def test_damaged_files_are_skipped_and_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(StudioError, match="1 files could not be read"):
        load_pictures(tmp_path, 16)
    Image.new("RGB", (20, 20)).save(tmp_path / "b.png")
    assert load_pictures(tmp_path, 16).names == ("b.png",)
    with pytest.raises(StudioError, match="not found"):
        load_pictures(tmp_path / "nowhere", 16)
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    with pytest.raises(StudioError, match="neither"):
        load_pictures(tmp_path / "x.zip", 16)


def test_square_crops_the_middle_and_composes_on_white() -> None:
    wide = Image.new("RGB", (40, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (10, 0, 30, 20))
    assert np.unique(np.asarray(square(wide, 10)).reshape(-1, 3), axis=0).tolist() == [[0, 0, 255]]
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert square(clear, 8).getpixel((0, 0)) == (255, 255, 255)
    checks = np.indices((8, 8)).sum(0) % 2 * 200
    assert square(Image.fromarray(checks.astype(np.uint8)), 4).getpixel((1, 1)) == (100, 100, 100)


def test_float_and_back_is_exact() -> None:
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert (to_uint8(to_float(x)).int() - x.int()).abs().max() <= 1
    assert torch.equal(to_uint8(to_float(x))[..., 1:], x[..., 1:])


def test_sheet_puts_pictures_in_reading_order() -> None:
    x = torch.stack([torch.full((3, 2, 2), v) for v in (-1.0, 0.0, 127 / 127.5)])
    s = sheet(x, 2, zoom=2)
    assert s.shape == (8, 8, 3)
    assert s[0, 0, 0] == 0 and s[0, 4, 0] == 128 and s[4, 0, 0] == 255 and s[4, 4, 0] == 24

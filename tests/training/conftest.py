"""A tiny labelled data set: coloured squares whose every property is in the table."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

COLOURS = {"red": (220, 60, 60), "green": (70, 180, 90), "blue": (60, 90, 220)}


def picture(row: dict[str, str], size: int = 32) -> Image.Image:
    """A square or a disc, with or without a hat, on a background."""
    image = Image.new("RGB", (size, size), COLOURS[row["background"]])
    draw = ImageDraw.Draw(image)
    box = (size // 4, size // 4, size * 3 // 4, size * 3 // 4)
    fill = COLOURS[row["color_skin"]]
    if row["hair"] == "disc":
        draw.ellipse(box, fill=fill)
    else:
        draw.rectangle(box, fill=fill)
    if row["a_hat"] == "1":
        draw.rectangle((size // 4, 2, size * 3 // 4, size // 4), fill=(250, 250, 250))
    return image


def rows(count: int = 40) -> list[dict[str, str]]:
    """Every combination, again and again."""
    names = list(COLOURS)
    hairs = ["disc", "square", "cap", "beanie"]
    out = []
    for i in range(count):
        hair = hairs[i % 4]
        out.append(
            {
                "file": f"{i:03d}.png",
                "background": names[i % 3],
                "hair": hair,
                "color_skin": names[(i // 3) % 3],
                "a_hat": str(int(hair in ("cap", "beanie"))),
            }
        )
    return out


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set as a folder."""
    path = tmp_path_factory.mktemp("data")
    table = rows()
    for row in table:
        picture(row).save(path / row["file"])
    with (path / "labels.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, table[0])
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture(scope="session")
def archive(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a zip with everything inside one folder."""
    path = tmp_path_factory.mktemp("zip") / "data.zip"
    with zipfile.ZipFile(path, "w") as z:
        for file in folder.iterdir():
            z.writestr(f"set/{file.name}", file.read_bytes())
    return path


def png(image: Image.Image) -> bytes:
    """A picture as PNG bytes."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()

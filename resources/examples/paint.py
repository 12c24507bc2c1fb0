"""Paint the example pictures: ``python resources/examples/paint.py [NAME ...]`` (all without names).

Everything comes from formulas and fixed seeds; only ``portrait`` starts from a picture of the embedded generator.
Writes ``content_NAME.jpg`` or ``style_NAME.jpg`` beside this file, and ``index.json``: what they are called and which
go well together.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from painting.tools import to_bytes  # noqa: E402

PICTURES: tuple[dict[str, Any], ...] = (
    {"name": "lake", "kind": "content", "title": "Mountain lake", "pairs": ["swirls", "waves", "ink"]},
    {"name": "fruit", "kind": "content", "title": "Still life", "pairs": ["dots", "swirls", "glass"]},
    {"name": "portrait", "kind": "content", "title": "Portrait", "pairs": ["glass", "panels", "dots"]},
    {"name": "street", "kind": "content", "title": "Street at dusk", "pairs": ["swirls", "glass", "dots"]},
    {"name": "swirls", "kind": "style", "title": "Night in swirls", "pairs": ["lake", "street", "fruit"]},
    {"name": "waves", "kind": "style", "title": "Woodblock wave", "pairs": ["lake", "portrait"]},
    {"name": "ink", "kind": "style", "title": "Ink and mist", "pairs": ["lake", "street"]},
    {"name": "dots", "kind": "style", "title": "River in dots", "pairs": ["fruit", "street", "portrait"]},
    {"name": "glass", "kind": "style", "title": "Rose window", "pairs": ["portrait", "street", "fruit"]},
    {"name": "panels", "kind": "style", "title": "Red, yellow, blue", "pairs": ["portrait", "fruit"]},
)
"""In the order in which a panel shows them."""
QUALITY = {"dots": 80, "swirls": 84}
"""Of JPEG, where the usual 88 makes a large file."""


def file_of(picture: dict[str, Any]) -> str:
    """The file's name."""
    return f"{picture['kind']}_{picture['name']}.jpg"


def index() -> dict[str, Any]:
    """What ``index.json`` holds."""
    return {"pictures": [{"file": file_of(p), **p} for p in PICTURES]}


def paint(name: str) -> NDArray[np.uint8]:
    """One picture, ``[H, W, 3]`` uint8."""
    return to_bytes(importlib.import_module(f"painting.{name}").paint())


def main(names: list[str]) -> None:
    """Paint and save those named, or all."""
    for picture in PICTURES:
        if names and picture["name"] not in names:
            continue
        path = HERE / file_of(picture)
        Image.fromarray(paint(picture["name"])).save(path, quality=QUALITY.get(picture["name"], 88), optimize=True)
        sys.stdout.write(f"{path.name}: {path.stat().st_size // 1024} KB\n")
    (HERE / "index.json").write_text(json.dumps(index(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Paint the example pictures: ``python resources/examples/paint.py [NAME ...]`` (all without names).

Everything comes from formulas and fixed seeds; only ``portrait`` starts from a picture of the embedded generator.
Writes ``content_NAME.jpg`` or ``style_NAME.jpg`` beside this file, and ``index.json``: what they are called and which
go well together.  For translators ``translate_NAME.png``, and ``translate.json``: to which models they belong.
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
TRANSLATE: tuple[dict[str, Any], ...] = (
    {"file": "translate_flat.png", "title": "A flat face", "models": ["emoji_to_3d"]},
    {"file": "translate_ball.png", "title": "A round face", "models": ["emoji_to_flat"]},
    {
        "file": "portrait_source.png",
        "title": "A cartoon portrait",
        "models": ["portrait", "personas_to_toon", "toon_to_personas", "any"],
    },
    {"file": "translate_small.png", "title": "A small lake", "models": ["upscaler"]},
)
"""What Translate begins with: "upscaler" for enlarging, "any" for models that none was made for."""
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


def paint_translate() -> None:
    """The pictures for translators: two faces, and a lake that asks to be larger."""
    from painting import faces

    Image.fromarray(to_bytes(faces.flat())).save(HERE / "translate_flat.png", optimize=True)
    Image.fromarray(to_bytes(faces.ball())).save(HERE / "translate_ball.png", optimize=True)
    small = Image.fromarray(paint("lake")).resize((240, 180), Image.Resampling.LANCZOS)
    small.save(HERE / "translate_small.png", optimize=True)


def main(names: list[str]) -> None:
    """Paint and save those named ("translate" for the small ones), or all."""
    if not names or "translate" in names:
        paint_translate()
    for picture in PICTURES:
        if names and picture["name"] not in names:
            continue
        path = HERE / file_of(picture)
        Image.fromarray(paint(picture["name"])).save(path, quality=QUALITY.get(picture["name"], 88), optimize=True)
        sys.stdout.write(f"{path.name}: {path.stat().st_size // 1024} KB\n")
    (HERE / "index.json").write_text(json.dumps(index(), indent=1) + "\n", encoding="utf-8")
    (HERE / "translate.json").write_text(json.dumps({"pictures": TRANSLATE}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

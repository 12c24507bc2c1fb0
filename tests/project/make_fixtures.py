"""Wrote the files in tests/fixtures/projects, one for each version of the format.

Run it only to add the file of a new version: ``python tests/project/make_fixtures.py VERSION``.  Files of old versions
are never written again, since what old programs wrote is what they are there for.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parents[1] / "fixtures" / "projects"
MODEL = "5e" * 32


def picture() -> bytes:
    y, x = np.mgrid[0:24, 0:24] * 10
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([x, y, 255 - x]).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def code() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.linspace(-1, 1, 6 * 8, dtype=np.float32).reshape(6, 8))
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def session_0() -> dict[str, Any]:
    """The draft, as described in ``studio/project/migrations.py``."""
    return {
        "workspace": "explore",
        "models": [{"sha256": MODEL, "name": "Portraits", "path": "/models/portraits.pkl"}],
        "explore": {"model": MODEL, "seed": 4127, "truncation": 0.55, "truncation_layers": 8, "draft_zoom": 2},
        "favourites": [{"name": "Anna", "seed": 12}, {"name": "Ben", "seed": 99, "truncation": 1.0}],
        "history": [
            {"title": "First", "model": MODEL, "seed": 7, "truncation": 0.5, "picture": sha(picture()), "star": True},
            {"title": "Second", "model": MODEL, "seed": 8, "picture": sha(picture())},
        ],
    }


def session_1() -> dict[str, Any]:
    """Every part of the first released format."""
    look = {
        "space": "z",
        "psi": 0.9,
        "cutoff": 6,
        "labels": [{"index": 3, "value": 0.5}],
        "noise": {"mode": "seed", "seed": 5, "strength": 0.5, "layers": [1.0, 0.0]},
        "pushes": [{"direction": {"kind": "principal", "index": 2}, "name": "older", "amount": -1.5, "last": 4}],
    }
    stored = {"type": "stored", "asset": sha(code()), "name": "my photo"}
    blend = {"type": "blend", "parts": [{"latent": stored, "weight": 2.0}, {"latent": {"type": "seed", "seed": 3}}]}
    mixed = {"type": "mixed", "sources": [blend, {"type": "map", "x": 0.5, "y": 1.25}], "weights": [[1.0, 0.0], [0.5]]}
    walk = {"keys": [{"latent": blend, "seconds": 2.0, "easing": "in"}, {"latent": {"type": "direct"}}], "fps": 30}
    return {
        "workspace": "mix",
        "models": [{"sha256": MODEL, "name": "Portraits", "path": "", "architecture": "stylegan2"}],
        "explore": {"model": MODEL, "latent": mixed, "look": look, "directions": look["pushes"], "walk": walk},
        "mix": {"columns": [{"id": "c", "latent": stored, "name": "A", "mute": True}], "weights": [[1.0]]},
        "bookmarks": [{"id": "b", "name": "Anna", "model": MODEL, "latent": blend, "look": look}],
        "gallery": [
            {
                "id": "g",
                "title": "Picture",
                "request": {"type": "render", "model": MODEL, "latent": mixed, "look": look, "size": 64},
                "picture": sha(picture()),
                "starred": True,
                "created": 1.7e9,
            },
            {"id": "h", "title": "Walk", "request": {"type": "walk", "model": MODEL, "walk": walk}, "picture": ""},
        ],
        "canvas_background": "checker",
    }


def write(version: int) -> None:
    session = (session_0, session_1)[version]()
    manifest = {"format_version": version, "min_reader": version, "app": "Latent Studio", "app_version": f"0.{version}"}
    with zipfile.ZipFile(FOLDER / f"version-{version}.studio", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(zipfile.ZipInfo("mimetype"), "application/x-latent-studio")
        for name, tree in (("manifest.json", manifest), ("session.json", session)):
            target.writestr(zipfile.ZipInfo(name), json.dumps(tree), zipfile.ZIP_DEFLATED)
        target.writestr(zipfile.ZipInfo(f"gallery/{sha(picture())}.png"), picture())
        if version > 0:
            target.writestr(zipfile.ZipInfo(f"assets/{sha(code())}.npy"), code(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write(int(sys.argv[1]))

"""Cards and the catalogue are plain data that survives a file, and are checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.base.errors import ModelError
from studio.base.paths import weights
from studio.checkpoints.card import Assumption, ModelCard
from studio.checkpoints.catalogue import CatalogueEntry, read_catalogue

CARD = ModelCard(
    name="avatars",
    role="generator",
    architecture="stylegan2",
    hyper={"resolution": 128, "layers": [{"index": 0, "name": "4 px", "resolution": 4, "band": "coarse"}]},
    sha256="ab" * 32,
    assumptions=(Assumption("conv_clamp", None, "because", (256.0, None)),),
    label_names=("glasses",),
    label_groups=({"title": "Glasses", "kind": "toggle", "indices": [0]},),
    training={"images": 1_000_000},
    notes=("A note.",),
    extra={"from the future": [1, 2]},
)


def test_card_round_trip() -> None:
    """JSON and back; unknown keys are kept."""
    text = CARD.to_json()
    assert ModelCard.from_json(text) == CARD and json.loads(text)["from the future"] == [1, 2]
    assert CARD.assumed() == {"conv_clamp": None}
    assert ModelCard.from_json(b'{"name": "a", "role": "generator", "architecture": "x"}').hyper == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "null",
        '{"name": "a"}',
        '{"name": "a", "role": "wizard", "architecture": "x"}',
        '{"name": 3, "role": "generator", "architecture": "x"}',
        '{"name": "a", "role": "generator", "architecture": "x", "hyper": []}',
        '{"name": "a", "role": "generator", "architecture": "x", "assumptions": [1]}',
        '{"name": "a", "role": "generator", "architecture": "x", "size": "big"}',
        "[" * 100_000,
    ],
)
def test_broken_cards(text: str) -> None:
    """A sentence each."""
    with pytest.raises(ModelError):
        ModelCard.from_json(text)


ENTRY: dict[str, Any] = {
    "name": "faces",
    "title": "Faces",
    "role": "generator",
    "architecture": "stylegan2",
    "url": "https://example.org/faces.pkl",
    "size": 1000,
    "sha256": "0f" * 32,
    "licence": "CC BY 4.0",
}


def catalogue(tmp_path: Path, value: Any) -> tuple[CatalogueEntry, ...]:
    path = tmp_path / "catalog.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return read_catalogue(path)


def test_catalogue(tmp_path: Path) -> None:
    """Entries are read; a missing file is an empty catalogue; the shipped one is sound."""
    (entry,) = catalogue(tmp_path, {"format_version": 1, "models": [{**ENTRY, "future": 1}]})
    assert (entry.name, entry.size, entry.role) == ("faces", 1000, "generator")
    assert read_catalogue(tmp_path / "none.json") == ()
    for shipped in read_catalogue(weights() / "catalog.json"):
        assert shipped.licence and shipped.credit


@pytest.mark.parametrize(
    "value",
    [
        "{",
        [],
        {"models": 3, "format_version": 1},
        {"models": []},
        {"models": [], "format_version": 2},
        {"models": [3], "format_version": 1},
        {"models": [ENTRY, ENTRY], "format_version": 1},
        *(
            {"models": [{**ENTRY, key: bad}], "format_version": 1}
            for key, bad in (
                ("name", ""),
                ("role", "x"),
                ("url", "http://example.org/x"),
                ("url", "file:///etc/passwd"),
                ("sha256", "unknown"),
                ("size", 0),
                ("size", "1 GB"),
                ("licence", ""),
                ("title", 3),
            )
        ),
    ],
)
def test_broken_catalogues(tmp_path: Path, value: Any) -> None:
    """No entry without an address, a size, a checksum and a licence."""
    with pytest.raises(ModelError):
        catalogue(tmp_path, value)

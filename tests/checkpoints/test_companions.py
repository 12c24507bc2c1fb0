"""Networks in several files: any part opens the whole, by content; what is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from studio.base.errors import ModelError
from studio.base.steps import run
from studio.checkpoints import Library, inspect, load_model
from studio.checkpoints.companions import Part, Several
from studio.checkpoints.families import registry
from studio.checkpoints.families.base import Recognised, ours
from studio.checkpoints.unwrap import Candidate


class Painter(nn.Module):
    """Two numbers' worth of a painter."""

    wants_style = True

    def __init__(self, n: int) -> None:
        super().__init__()
        self.eye = nn.Linear(n, n, bias=False)
        self.hand = nn.Linear(n, n, bias=False)
        self.left = nn.Linear(n, n, bias=False)
        self.hyper = {"n": n}


def _key(name: str) -> Any:
    return lambda c: c.tensors[name].shape[0] if set(c.tensors) == {name} else None


def _whole(tensors: dict[str, Any]) -> Recognised:
    n = tensors["eye.weight"].shape[0]

    def make(meta: Mapping[str, Any], _: Any) -> nn.Module:
        net = Painter(n)
        assert set(meta) == set(net.state_dict())
        return net

    return Recognised("stylizer", "painter", "A painter", tensors, make)


def _joined(parts: Mapping[str, Candidate]) -> Recognised:
    return _whole(
        {
            "hand.weight": parts["hand"].tensors["h"],
            "eye.weight": parts["eye"].tensors["e"],
            "left.weight": parts["left"].tensors["e"],
        }
    )


PAINTER = Several(
    "painter",
    "stylizer",
    "a painter",
    (
        Part("hand", "the hand", _key("h")),
        Part("eye", "the right eye", _key("e"), hint="right"),
        Part("left", "the left eye", _key("e"), hint="left"),
    ),
    _joined,
)


@pytest.fixture(autouse=True)
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "IN_PARTS", (PAINTER,))
    own = (lambda c: _whole(dict(c.tensors)) if ours(c, "painter") else None,)
    monkeypatch.setattr(registry, "DETECTORS", (*registry.DETECTORS, *own))


def put(folder: Path, *, n: int = 16, hand: str = "hand.pth", eyes: tuple[str, str] = ("right.pt", "left.pt")) -> None:
    torch.manual_seed(n)
    for name, key in ((hand, "h"), (eyes[0], "e"), (eyes[1], "e")):
        torch.save({key: torch.randn(n, n)}, folder / name)


@pytest.mark.parametrize("opened", ["hand.pth", "right.pt", "left.pt"])
def test_any_part_opens_the_whole(opened: str, tmp_path: Path) -> None:
    """The same network and the same identity whichever file was chosen; each part in its own place."""
    put(tmp_path)
    loaded = load_model(tmp_path / opened)
    assert loaded.card.usable and loaded.card.hyper["wants_style"] is True
    state = loaded.network.state_dict()
    for name, key, file in (("hand", "h", "hand.pth"), ("eye", "e", "right.pt"), ("left", "e", "left.pt")):
        assert torch.equal(state[f"{name}.weight"], torch.load(tmp_path / file, weights_only=True)[key])
    assert [f["name"] for f in loaded.card.hyper["files"]] == ["hand.pth", "right.pt", "left.pt"]
    assert loaded.card.sha256 == loaded.card.hyper["files"][0]["sha256"]
    assert any("put together" in note for note in loaded.card.notes)
    assert inspect(tmp_path / opened) == loaded.card


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """What it is, what it lacks and what to do; the same when all others are there."""
    put(tmp_path)
    (tmp_path / "left.pt").unlink()
    with pytest.raises(
        ModelError, match=r"the hand of a painter; the left eye is not beside it\. Put it into the same"
    ):
        load_model(tmp_path / "hand.pth")
    card = inspect(tmp_path / "right.pt")
    assert not card.usable and card.role == "stylizer" and "the left eye" in card.notes[0]
    (tmp_path / "right.pt").unlink()
    with pytest.raises(ModelError, match="the right eye and the left eye are not beside it"):
        load_model(tmp_path / "hand.pth")


def test_names_that_do_not_tell(tmp_path: Path) -> None:
    """Parts that are alike inside need a name that says which they are."""
    put(tmp_path, eyes=("a.pt", "b.pt"))
    with pytest.raises(ModelError, match="contains “right” or “left”"):
        load_model(tmp_path / "a.pt")


def test_others_in_the_folder(tmp_path: Path) -> None:
    """Broken, hostile, huge-claiming and unfitting neighbours are passed over; the likeliest name wins."""
    put(tmp_path, hand="big_hand.pth", eyes=("big_right.pt", "big_left.pt"))
    put(tmp_path, n=8, hand="small_hand.pth", eyes=("small_right.pt", "small_left.pt"))
    for n, name in ((16, "right_of_another.pt"), (16, "left_of_another.pt")):
        torch.save({"e": torch.zeros(n, n)}, tmp_path / name)
    (tmp_path / "big_left.ckpt").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "big_left_right.pth").write_bytes(b"")
    (tmp_path / "big_right.pkl").write_bytes(b"cos\nsystem\n(S'echo x > MARKER'\ntR.")
    (tmp_path / "big_right.bin").mkdir()
    (tmp_path / "big_left.safetensors").write_bytes((1 << 50).to_bytes(8, "little") + b'{"')
    loaded = load_model(tmp_path / "big_hand.pth")
    assert [f["name"] for f in loaded.card.hyper["files"]] == ["big_hand.pth", "big_right.pt", "big_left.pt"]
    assert load_model(tmp_path / "small_left.pt").network.hyper == {"n": 8}
    assert not list(tmp_path.glob("MARKER*"))


def test_the_library_keeps_one_file(tmp_path: Path) -> None:
    """One model, imported through whichever part, in one file that needs no other."""
    put(tmp_path)
    (tmp_path / "weights").mkdir()
    library = Library(tmp_path / "weights", tmp_path / "models")
    first = run(library.import_file(tmp_path / "hand.pth"))
    assert run(library.import_file(tmp_path / "left.pt")) == first and len(library.entries()) == 1
    want = load_model(tmp_path / "hand.pth").network.state_dict()
    for name in ("hand.pth", "right.pt", "left.pt"):
        (tmp_path / name).unlink()
    copy = library.find(first.sha256)
    assert copy is not None and copy.parent == library.models_dir
    loaded = load_model(copy)
    assert all(torch.equal(loaded.network.state_dict()[k], v) for k, v in want.items())
    assert loaded.card == first


def test_a_broken_part_is_said(tmp_path: Path) -> None:
    """Numbers that are none, in a companion: the sentence of the whole."""
    put(tmp_path)
    torch.save({"e": torch.full((16, 16), float("nan"))}, tmp_path / "left.pt")
    with pytest.raises(ModelError, match="not numbers"):
        load_model(tmp_path / "hand.pth")

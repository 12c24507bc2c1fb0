"""The library keeps what was imported, finds it again by content, and never harms what is there."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from studio.base.errors import ModelError, ResourceError, StudioError
from studio.base.steps import Progress, run
from studio.checkpoints import Library, ModelCard, inspect, load_model
from tests.checkpoints import makers
from tests.checkpoints.makers import pictures, tiny


@dataclass(frozen=True)
class Ref:
    sha256: str
    name: str
    path: str = ""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "weights").mkdir()
    return Library(tmp_path / "weights", tmp_path / "models")


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    net = tiny(clamp=256.0)
    return makers.nvidia_pickle(
        tmp_path / "My Faces 256.pkl", net, attributes={"synthesis.b4.conv1": {"conv_clamp": 256}}
    )


def embed(library: Library, name: str = "avatars", **fields: object) -> ModelCard:
    """Put a model among those that come with the program, as the training room writes it."""
    from safetensors.torch import save_file

    path = library.weights_dir / f"{name}.safetensors"
    save_file(tiny(c_dim=2, clamp=None).state_dict(), path, metadata={"conv_clamp": "none"})
    groups = [{"title": "Glasses", "kind": "toggle", "names": ["glasses"], "indices": [0], "prior": 0.3}]
    card = inspect(path).changed(
        title="Avatars",
        label_names=("glasses", "hat"),
        label_groups=tuple(groups),
        credit="Draftbit",
        licence="CC BY 4.0",
    )
    path.with_suffix(".json").write_text(json.dumps({**card.to_dict(), **fields}))
    return card


def test_import_keeps_a_canonical_copy(library: Library, snapshot: Path) -> None:
    """safetensors and a card beside it; the same network; the original is not needed any more."""
    steps = library.import_file(snapshot)
    events = []
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        card = stop.value
    assert {e.phase for e in events if isinstance(e, Progress)} >= {"Checking the file", "Keeping a copy"}
    before = pictures(load_model(snapshot).network)
    original = inspect(snapshot)
    snapshot.unlink()
    copy = library.find(card.sha256)
    assert copy is not None and copy.parent == library.models_dir and copy.suffix == ".safetensors"
    assert sorted(p.suffix for p in library.models_dir.iterdir()) == [".json", ".safetensors"]
    loaded = load_model(copy)
    assert torch.equal(pictures(loaded.network), before)
    assert set(load_file(copy)) == set(loaded.network.state_dict())
    assert loaded.card == card and loaded.card.sha256 == original.sha256 != card.stored_sha256
    assert loaded.card.hyper["conv_clamp"] == 256.0 and loaded.card.assumptions == ()
    with safe_open(copy, "pt") as f:
        assert f.metadata()["source_sha256"] == original.sha256
    assert library.entries() == [card] and library.card(card.sha256) == card
    for key in (card.sha256, card.stored_sha256, "My Faces 256", copy.stem, str(copy), copy):
        assert library.find(key) == copy
    assert library.find("nothing") is None and library.find("") is None


def test_import_again_is_the_same_model(library: Library, snapshot: Path) -> None:
    """Twice, under another name, and from the library's own folder: one entry."""
    first = run(library.import_file(snapshot))
    other = snapshot.with_name("renamed.pkl")
    shutil.copy(snapshot, other)
    assert run(library.import_file(other)) == first
    copy = library.find(first.sha256)
    assert copy is not None and run(library.import_file(copy)) == first
    assert len(library.entries()) == 1


def test_the_copy_knows_everything_without_its_card(library: Library, tmp_path: Path) -> None:
    """Given to somebody without the card, the copy still says its clamp and what was assumed."""
    path = tmp_path / "raw.pt"
    torch.save(tiny(clamp=0.7).state_dict(), path)
    card = run(library.import_file(path, assumptions={"conv_clamp": 0.7}))
    copy = library.find(card.sha256)
    assert copy is not None
    alone = tmp_path / "given.safetensors"
    shutil.copy(copy, alone)
    loaded = load_model(alone)
    assert loaded.network.conv_clamp == 0.7 and loaded.card.assumed() == {"conv_clamp": 0.7}
    assert torch.equal(pictures(loaded.network), pictures(tiny(clamp=0.7)))


def test_half_precision_stays_half(library: Library, tmp_path: Path) -> None:
    """The copy of a float16 file is not twice its size and loses nothing."""
    sd = {k: v.half() for k, v in tiny(clamp=None).state_dict().items()}
    torch.save(sd, tmp_path / "half.pt")
    card = run(library.import_file(tmp_path / "half.pt"))
    copy = library.find(card.sha256)
    assert copy is not None and all(v.dtype == torch.float16 for v in load_file(copy).values())
    want = load_model(tmp_path / "half.pt").network
    assert torch.equal(pictures(load_model(copy).network), pictures(want))
    assert card.precision == "float16"


def test_assumptions_can_be_changed_later(library: Library, tmp_path: Path) -> None:
    """Choosing another value rewrites the card; the next load obeys; nonsense is refused and changes nothing."""
    path = tmp_path / "raw.pt"
    torch.save(tiny(clamp=None).state_dict(), path)
    card = run(library.import_file(path))
    assert card.assumed() == {"conv_clamp": 256.0}
    changed = library.set_assumptions(card.sha256, {"conv_clamp": None})
    assert changed.assumed() == {"conv_clamp": None} and library.card(card.sha256) == changed
    copy = library.find(card.sha256)
    assert copy is not None and load_model(copy).network.conv_clamp is None
    for wrong in ({"conv_clamp": -3}, {"nothing": 1}):
        with pytest.raises(StudioError):
            library.set_assumptions(card.sha256, wrong)
    assert library.card(card.sha256) == changed
    again = run(library.import_file(path, assumptions={"conv_clamp": 256.0}))
    assert again.assumed() == {"conv_clamp": 256.0} and len(library.entries()) == 1


def test_embedded_first_and_protected(library: Library, snapshot: Path) -> None:
    """Models of the program come first, carry their labels, and are neither changed nor removed."""
    given = embed(library)
    mine = run(library.import_file(snapshot))
    cards = library.entries()
    assert [c.sha256 for c in cards] == [given.sha256, mine.sha256]
    assert cards[0].embedded and not cards[1].embedded
    assert library.default("generator") == cards[0] and library.default("translator") is None
    path = library.find("avatars")
    assert path is not None
    loaded = load_model(path)
    assert loaded.card.title == "Avatars" and loaded.card.label_names == ("glasses", "hat")
    assert loaded.card.label_groups[0]["title"] == "Glasses" and loaded.card.licence == "CC BY 4.0"
    assert loaded.card.hyper["c_dim"] == 2 and len(loaded.card.hyper["layers"]) == loaded.network.num_ws
    for change in (
        lambda: library.remove(given.sha256),
        lambda: library.rename(given.sha256, "x"),
        lambda: library.set_assumptions(given.sha256, {}),
    ):
        with pytest.raises(StudioError):
            change()
    assert run(library.import_file(path)).sha256 == given.sha256 and len(library.entries()) == 2


def test_what_the_card_states_is_not_assumed(library: Library) -> None:
    """An embedded file without notes of its own: the card beside it says how activations are clamped."""
    from safetensors.torch import save_file

    path = library.weights_dir / "plain.safetensors"
    save_file(tiny(clamp=None).state_dict(), path)
    card = inspect(path)
    assert card.assumed() == {"conv_clamp": 256.0}
    stated = card.changed(assumptions=(), hyper={**card.hyper, "conv_clamp": None})
    path.with_suffix(".json").write_text(stated.to_json())
    for found in (load_model(path).card, inspect(path)):
        assert found.assumptions == () and found.hyper["conv_clamp"] is None
    assert load_model(path).network.conv_clamp is None


def test_default_follows_the_mark(library: Library) -> None:
    """Of several embedded models the marked one is the first that a person sees."""
    embed(library, "aaa")
    marked = library.weights_dir / "zzz.safetensors"
    from safetensors.torch import save_file

    save_file(tiny(depth=2).state_dict(), marked)
    marked.with_suffix(".json").write_text(json.dumps({**inspect(marked).to_dict(), "default": True}))
    chosen = library.default("generator")
    assert chosen is not None and chosen.name == "zzz"


def test_a_foreign_card_is_not_believed(library: Library, tmp_path: Path) -> None:
    """A card beside a file with other content (or no card at all) says nothing about it."""
    card = embed(library)
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file(tiny(depth=2).state_dict(), other)
    other.with_suffix(".json").write_text(card.to_json())
    loaded = load_model(other).card
    assert loaded.label_names == () and "belongs to another file" in loaded.notes[0]
    other.with_suffix(".json").write_text("{broken")
    assert load_model(other).card.title.startswith("other")


def test_remove_and_rename(library: Library, snapshot: Path) -> None:
    """Only the library's copy goes; the title is the person's."""
    card = run(library.import_file(snapshot))
    assert library.rename(card.sha256, "  Grandmothers ").title == "Grandmothers"
    assert library.entries()[0].title == "Grandmothers"
    library.remove(card.sha256)
    library.remove(card.sha256)
    assert library.entries() == [] and snapshot.exists() and list(library.models_dir.iterdir()) == []


def test_relink_by_content(library: Library, snapshot: Path, tmp_path: Path) -> None:
    """A folder search: by sha256 whatever the name, by the card of a library copy, and in vain."""
    card = run(library.import_file(snapshot))
    store = tmp_path / "elsewhere" / "deep" / "er"
    store.mkdir(parents=True)
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "elsewhere")
    (store / "decoy.pt").write_bytes(b"x" * 1000)
    (store / "broken.safetensors").write_bytes(b"")
    moved = store / "unrecognisable.bin"
    shutil.move(snapshot, moved)
    ref = Ref(card.sha256, "My Faces 256", "/gone/My Faces 256.pkl")
    assert run(library.relink(ref, tmp_path / "elsewhere")) == moved
    moved.unlink()
    assert run(library.relink(ref, tmp_path / "elsewhere")) is None
    copy = library.find(card.sha256)
    assert copy is not None and run(library.relink(ref, library.models_dir)) == copy
    assert run(library.relink(ref, tmp_path / "nowhere")) is None


def test_failed_import_leaves_nothing(library: Library, snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad file, a full disk in the middle, a cancelled import: no half model, no entry."""
    bad = snapshot.with_name("bad.pkl")
    bad.write_bytes(snapshot.read_bytes()[:-5000])
    with pytest.raises(ModelError):
        run(library.import_file(bad))
    assert not library.models_dir.exists() or not list(library.models_dir.iterdir())
    steps = library.import_file(snapshot)
    for event in steps:
        if isinstance(event, Progress) and event.phase == "Keeping a copy":
            steps.close()
            break
    assert list(library.models_dir.iterdir()) == [] and library.entries() == []

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.checkpoints.formats.safetensors.os.fsync", full)
    with pytest.raises(ResourceError, match="disk is full"):
        run(library.import_file(snapshot))
    assert list(library.models_dir.iterdir()) == [] and library.entries() == []


def test_broken_cards_are_skipped(library: Library, snapshot: Path) -> None:
    """Other people's JSON, broken cards, cards without a model: the rest of the library works."""
    card = run(library.import_file(snapshot))
    (library.models_dir / "a.json").write_text("{")
    (library.models_dir / "b.json").write_text('{"hello": 1}')
    (library.models_dir / "c.json").write_text(card.to_json())
    (library.models_dir / "d.json").write_bytes(b"\xff" * 10)
    assert [c.sha256 for c in library.entries()] == [card.sha256]


def test_unusable_kinds_are_not_imported(library: Library, tmp_path: Path) -> None:
    """A piece of a style network is recognised, but not kept."""
    sd = {"conv1.conv2d.weight": torch.ones(8, 3, 9, 9), "res1.conv1.conv2d.weight": torch.ones(8, 8, 3, 3),
          "deconv1.conv2d.weight": torch.ones(8, 8, 3, 3)}  # fmt: skip
    torch.save(sd, tmp_path / "style.pth")
    with pytest.raises(ModelError, match="not complete"):
        run(library.import_file(tmp_path / "style.pth"))
    card = inspect(tmp_path / "style.pth")
    assert card.role == "stylizer" and not card.usable and "not complete" in card.notes[0]

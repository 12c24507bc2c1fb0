"""Files of every version open, and show what they showed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.base.errors import StudioError
from studio.project import plain, storage
from studio.project.latents import (
    Blend,
    Direct,
    Direction,
    Key,
    LabelValue,
    Look,
    MapPoint,
    Mixed,
    Noise,
    Part,
    Push,
    Seed,
    Stored,
    Walk,
)
from studio.project.migrations import FORMAT_VERSION, MIGRATIONS, migrate
from studio.project.requests import Render, WalkFrames
from studio.project.session import Bookmark, ExploreState, GalleryItem, MixColumn, MixState, ModelRef, Session

MODEL = "5e" * 32
PICTURE = "0"  # replaced by what the file holds


@pytest.fixture
def projects(fixtures: Path) -> Path:
    return fixtures / "projects"


def test_there_is_a_file_and_a_migration_for_every_version(projects: Path) -> None:
    assert sorted(file.name for file in projects.iterdir()) == [
        f"version-{n}.studio" for n in range(FORMAT_VERSION + 1)
    ]
    assert [migration.version for migration in MIGRATIONS] == list(range(FORMAT_VERSION))
    for version in range(FORMAT_VERSION + 1):
        with zipfile.ZipFile(projects / f"version-{version}.studio") as archive:
            assert json.loads(archive.read("manifest.json"))["format_version"] == version


def test_version_0(projects: Path, tmp_path: Path) -> None:
    opened = storage.load(projects / "version-0.studio")
    picture = opened.session.gallery[0].picture
    assert opened.session == Session(
        models=(ModelRef(sha256=MODEL, name="Portraits", path="/models/portraits.pkl"),),
        explore=ExploreState(model=MODEL, latent=Seed(seed=4127), look=Look(psi=0.55, cutoff=8)),
        bookmarks=(
            Bookmark(id="favourite-0", name="Anna", model=MODEL, latent=Seed(seed=12)),
            Bookmark(id="favourite-1", name="Ben", model=MODEL, latent=Seed(seed=99), look=Look(psi=1.0)),
        ),
        gallery=(
            GalleryItem(
                id="history-0",
                title="First",
                request=Render(model=MODEL, latent=Seed(seed=7), look=Look(psi=0.5)),
                picture=picture,
                starred=True,
            ),
            GalleryItem(
                id="history-1", title="Second", request=Render(model=MODEL, latent=Seed(seed=8)), picture=picture
            ),
        ),
    )
    assert opened.format_version == 0 and not opened.read_only
    assert opened.notes == [
        "This project was made by an earlier version of the program; saving brings it to today's form."
    ]
    assert opened.assets.image(picture).shape == (24, 24, 3)

    path = tmp_path / "new.studio"
    storage.save(path, opened.session, opened.assets)
    again = storage.load(path)
    assert again.session == opened.session and again.format_version == FORMAT_VERSION and not again.notes
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("session.json"))["explore"]["draft_zoom"] == 2  # unknown then, kept now


def test_version_1(projects: Path) -> None:
    opened = storage.load(projects / "version-1.studio")
    session = opened.session
    code, picture = session.mix.columns[0].latent.asset, session.gallery[0].picture  # type: ignore[union-attr]
    push = Push(direction=Direction(kind="principal", index=2), name="older", amount=-1.5, last=4)
    look = Look(
        space="z",
        psi=0.9,
        cutoff=6,
        labels=(LabelValue(index=3, value=0.5),),
        noise=Noise(mode="seed", seed=5, strength=0.5, layers=(1.0, 0.0)),
        pushes=(push,),
    )
    stored = Stored(asset=code, name="my photo")
    blend = Blend(parts=(Part(latent=stored, weight=2.0), Part(latent=Seed(seed=3))))
    mixed = Mixed(sources=(blend, MapPoint(x=0.5, y=1.25)), weights=((1.0, 0.0), (0.5,)))
    walk = Walk(keys=(Key(latent=blend, seconds=2.0, easing="in"), Key(latent=Direct())), fps=30)
    assert session == Session(
        workspace="mix",
        models=(ModelRef(sha256=MODEL, name="Portraits", architecture="stylegan2"),),
        explore=ExploreState(model=MODEL, latent=mixed, look=look, directions=(push,), walk=walk),
        mix=MixState(columns=(MixColumn(id="c", latent=stored, name="A", mute=True),), weights=((1.0,),)),
        bookmarks=(Bookmark(id="b", name="Anna", model=MODEL, latent=blend, look=look),),
        gallery=(
            GalleryItem(
                id="g",
                title="Picture",
                request=Render(model=MODEL, latent=mixed, look=look, size=64),
                picture=picture,
                starred=True,
                created=1.7e9,
            ),
            GalleryItem(id="h", title="Walk", request=WalkFrames(model=MODEL, walk=walk), picture=""),
        ),
        canvas_background="checker",
    )
    assert not opened.notes and not opened.read_only
    assert np.allclose(opened.assets.array(code), np.linspace(-1, 1, 48).reshape(6, 8))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS_0 = ("explore", "favourites", "history", "seed", "truncation", "truncation_layers", "model", "star")


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS_0), JSON | st.dictionaries(st.sampled_from(KEYS_0), JSON) | st.lists(JSON)))
def test_whatever_an_old_file_says(tree: dict[str, Any]) -> None:
    try:
        session, notes = plain.decode_session(migrate(tree, 0))
    except StudioError as exc:
        assert exc.kind == "user"
    else:
        assert isinstance(session, Session) and all(note.endswith(".") for note in notes)


def test_a_failing_migration_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.project import migrations

    failing = migrations.Migration(0, "a test", lambda tree: tree["not there"])
    monkeypatch.setattr(migrations, "MIGRATIONS", (failing,))
    with pytest.raises(StudioError, match="early version"):
        migrate({}, 0)

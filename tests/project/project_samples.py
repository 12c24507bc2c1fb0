"""Sessions and project files for the tests in this folder."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from studio.project import storage
from studio.project.assets import AssetStore
from studio.project.latents import (
    Blend,
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
from studio.project.requests import Invert, Render, WalkFrames
from studio.project.session import Bookmark, ExploreState, GalleryItem, MixColumn, MixState, ModelRef, Session

MODEL = "ab" * 32


def picture(index: int, size: int = 16) -> np.ndarray:
    """A small picture, different for every index."""
    return np.random.default_rng(index).integers(0, 256, (size, size, 3), dtype=np.uint8)


def sample(assets: AssetStore, pictures: int = 3) -> Session:
    """A session that uses every part of the schema, with its assets in the store."""
    ws = Stored(asset=assets.put_array(np.arange(24, dtype=np.float32).reshape(6, 4)), name="my photo")
    photo = assets.put(b"\xff\xd8\xff not really a photograph" * 40, "jpg")
    look = Look(
        psi=0.5,
        cutoff=4,
        space="z",
        labels=(LabelValue(index=2, value=0.25),),
        noise=Noise(mode="seed", seed=9, layers=(1.0, 0.5)),
        pushes=(Push(direction=Direction(kind="stored", asset=ws.asset), name="smile", amount=1.5, first=2, last=5),),
    )
    blend = Blend(parts=(Part(latent=ws, weight=2.0), Part(latent=Seed(seed=5))), curve="slerp")
    mixed = Mixed(sources=(Seed(seed=1), blend, MapPoint(x=0.5, y=-3.25)), weights=((1.0, 0.0, 0.5), (0.25,)))
    walk = Walk(keys=(Key(latent=Seed(seed=3)), Key(latent=blend, seconds=2.5, easing="in")), fps=12, noise_loop=True)
    gallery = []
    for index in range(pictures):
        request = (Render(model=MODEL, latent=mixed, look=look), WalkFrames(model=MODEL, walk=walk))[index % 2]
        gallery.append(
            GalleryItem(
                id=f"g{index}",
                title=f"Picture {index} 그림",
                request=request if index else Invert(model=MODEL, picture=photo),
                picture=assets.put_image(picture(index)),
                thumbnail=assets.put_image(picture(1000 + index, 4)),
                starred=index % 3 == 0,
                created=1.7e9 + index,
            )
        )
    return Session(
        workspace="mix",
        models=(ModelRef(sha256=MODEL, name="Portraits", path="/models/a.pt", architecture="stylegan2"),),
        explore=ExploreState(model=MODEL, latent=blend, look=look, directions=look.pushes, walk=walk),
        mix=MixState(
            columns=(MixColumn(id="a", latent=ws, name="A", solo=True), MixColumn(id="b", latent=mixed, name="B")),
            weights=((1.0, 0.0), (0.5, 0.5)),
            band_mute=("coarse",),
        ),
        bookmarks=(Bookmark(id="b1", name="Anna", model=MODEL, latent=ws, look=look),),
        gallery=tuple(gallery),
        canvas_background="checker",
    )


def sample_file(path: Path, pictures: int = 3) -> Session:
    """Save a sample project; returns its session."""
    assets = AssetStore()
    session = sample(assets, pictures)
    storage.save(path, session, assets, preview=b"\x89PNG preview")
    assets.close()
    return session


FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def values(kind: Any, deep: int = 3) -> st.SearchStrategy[Any]:
    """Values of a type of the schema, whole numbers in float fields included."""
    origin = typing.get_origin(kind)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(-(2**63), 2**63)
    if kind is float:
        return FLOATS
    if kind is str:
        return TEXT
    if kind is type(None):
        return st.none()
    if origin is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if origin is tuple:
        inner = values(typing.get_args(kind)[0], deep - 1)
        return st.lists(inner, max_size=3 if deep > 0 else 0).map(tuple)
    if origin is dict:
        return st.just({})
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        infos = msgspec.structs.fields(kind)
        required = {info.name: values(info.type, deep - 1) for info in infos if info.required}
        optional = {info.name: values(info.type, deep - 1) for info in infos if not info.required}
        return st.fixed_dictionaries(required, optional=optional).map(lambda given: kind(**given))
    options = typing.get_args(kind)
    if deep <= 0:  # only those that hold no others
        options = [option for option in options if option not in (Blend, Mixed)]
    return st.one_of(*(st.deferred(lambda option=option: values(option, deep)) for option in options))

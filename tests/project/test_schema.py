"""The schema is a promise to old files: defaults that are left out of files must never change their meaning."""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from studio.project import latents, requests, session, translate
from studio.project.latents import Direct, Look, Noise, Seed, Stored
from studio.project.requests import Invert, Render
from studio.project.session import (
    Bookmark,
    ExploreState,
    GalleryItem,
    Session,
    TranslateState,
    assets_of,
    models_of,
)
from studio.project.style import FIXED_FEATURES, Stylize
from studio.project.translate import Amount, Cycle, Trace, TranslateLook, Upscale


def omitted_defaults(module: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, kind in vars(module).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.omit_defaults:
            if kind.__module__ != module.__name__ or name.startswith("_"):
                continue
            found[name] = {
                info.name: info.default
                for info in msgspec.structs.fields(kind)
                if info.default is not msgspec.NODEFAULT
            }
    return found


LOOK, NOISE = Look(), Noise()
LATENTS = {
    "Seed": {},
    "MapPoint": {},
    "Stored": {"form": "ws", "name": ""},
    "Part": {"weight": 1.0},
    "Blend": {"curve": "linear"},
    "Mixed": {},
    "Direct": {},
    "Noise": {"mode": "const", "seed": 0, "strength": 1.0, "layers": ()},
    "Frame": {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0, "fill": "edge", "colour": "#ffffff"},
    "Encoded": {"frame": None, "sample": None, "name": ""},
    "DataPoint": {},
    "Direction": {"index": 0, "asset": "", "clean": False},
    "Push": {"name": "", "amount": 0.0, "first": 0, "last": -1},
    "LabelValue": {},
    "Look": {
        "space": "w",
        "psi": 0.7,
        "cutoff": None,
        "labels": (),
        "noise": NOISE,
        "pushes": (),
        "rows": 0,
        "columns": 0,
    },
    "Key": {"seconds": 1.0, "easing": "smooth", "name": ""},
    "Walk": {"keys": (), "curve": "cubic", "loop": True, "fps": 24, "noise_loop": False, "speed": "keys"},
}
REQUESTS = {
    "Render": {"look": LOOK, "size": 0},
    "Sheet": {"look": LOOK, "tile": 0, "columns": 0},
    "Tiles": {"looks": (LOOK,), "tile": 64},
    "WalkFrames": {"look": LOOK, "size": 0, "first": 0, "count": 0},
    "PathLength": {
        "latent_a": Direct(),
        "latent_b": Direct(),
        "look": LOOK,
        "walk": None,
        "samples": 64,
        "seed": 0,
    },
    "Compare": {"t": 0.5, "look": LOOK},
    "FindDirections": {"count": 32, "samples": 20_000, "seed": 0, "first": 0, "last": -1},
    "FilmStrip": {"look": LOOK, "first": 0, "last": -1, "reach": 3.0, "count": 7, "tile": 64},
    "Invert": {"space": "w+", "editability": 0.5, "steps": 300, "seed": 0, "labels": ()},
    "Influence": {"look": LOOK, "samples": 6, "seed": 0, "size": 0},
    "Matrix": {"look": LOOK, "tile": 64},
    "ReadWs": {"look": LOOK},
}
TRANSLATE = {
    "Amount": {"value": 1.0, "mask": "", "outside": 0.0, "feather": 8.0},
    "TranslateLook": {
        "statistics": None,
        "seed": None,
        "labels": (),
        "strength": Amount(),
        "keep_colours": Amount(value=0.0),
    },
    "Translate": {"precision": "fast", "look": TranslateLook(), "size": 0, "tile": 0},
    "Cycle": {"precision": "fast", "look": TranslateLook(), "size": 0, "tile": 0},
    "Variations": {
        "precision": "fast",
        "look": TranslateLook(),
        "seeds": (1, 2, 3, 4, 5, 6, 7, 8),
        "size": 0,
        "thumbnail": 128,
    },
    "ReadLabels": {"precision": "fast", "size": 0},
    "Trace": {
        "precision": "fast",
        "model": "",
        "kind": "edges",
        "detail": 0.5,
        "smooth": 0.35,
        "width": 2.0,
        "colours": 6,
        "palette": (),
        "size": 256,
    },
    "Upscale": {"precision": "fast", "sharper": "", "sharpness": 0.0, "tile": 0},
}


def test_defaults_are_part_of_the_format() -> None:
    """Files leave defaults out.  Whoever changes one changes old pictures: add a migration, then this table.

    New fields and new types are added here without ado.
    """
    found = omitted_defaults(latents)
    assert {name: found[name] for name in LATENTS} == LATENTS
    found = omitted_defaults(requests)
    assert {name: found[name] for name in REQUESTS} == {
        name: {"precision": "fast"} | fields for name, fields in REQUESTS.items()
    }
    found = omitted_defaults(translate)
    assert {name: found[name] for name in TRANSLATE} == TRANSLATE


def test_requests_have_distinct_tags() -> None:
    tags = [kind.__struct_config__.tag for kind in typing.get_args(requests.Request)]
    assert len(set(tags)) == len(tags) and all(tags)
    tags = [kind.__struct_config__.tag for kind in typing.get_args(latents.Latent)]
    assert len(set(tags)) == len(tags) and all(tags)


def test_everything_is_frozen_and_hashable() -> None:
    for module in (latents, requests, session, translate):
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
                assert kind.__struct_config__.frozen, name
    assert hash(Session()) == hash(Session())


def test_assets_of_finds_every_reference() -> None:
    value = Session(
        explore=ExploreState(latent=Stored(asset="a1")),
        bookmarks=(Bookmark(id="b", name="", model="", latent=Seed(seed=1), thumbnail="t1"),),
        gallery=(
            GalleryItem(id="g", title="", request=Invert(model="m", picture="p2"), picture="p1", thumbnail=""),
            GalleryItem(id="h", title="", request=Render(model="m", latent=Stored(asset="a2")), picture="p3"),
        ),
    )
    assert assets_of(value) == {"a1", "t1", "p1", "p2", "p3", "a2"}
    assert assets_of(value.gallery[1].request) == {"a2"}
    drawn = Session(
        translate=TranslateState(
            drawing="d1", picture="p1", trace=Trace(picture="p2"), look=TranslateLook(strength=Amount(mask="m1"))
        )
    )
    assert assets_of(drawn) == {"d1", "p1", "p2", "m1"}
    assert assets_of(Session()) == frozenset()


def test_models_of_a_request_are_all_that_it_needs() -> None:
    assert models_of(Cycle(model="a", back="b", picture="p")) == ("a", "b")
    assert models_of(Upscale(model="a", sharper="c", picture="p")) == ("a", "c")
    assert models_of(Upscale(model="a", picture="p")) == ("a",)
    assert models_of(Stylize(model=FIXED_FEATURES, content="c")) == models_of(Trace(picture="p")) == ()

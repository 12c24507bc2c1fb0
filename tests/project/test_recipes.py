"""Recipes: from a request to text in a picture, and back on another machine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from project_samples import MODEL, sample, values

from studio.base.errors import StudioError
from studio.media.images import load_image, read_recipe, save_image
from studio.project import recipes
from studio.project.assets import AssetStore
from studio.project.latents import Look, Seed, Stored
from studio.project.recipes import Recipe, from_text, install, recipe_for, to_text
from studio.project.requests import Invert, Render, Request
from studio.project.session import ModelRef, Session


@settings(max_examples=100, deadline=None)
@given(values(Request, deep=4), values(tuple[ModelRef, ...], deep=2))
def test_text_round_trips(request: Any, models: tuple[ModelRef, ...]) -> None:
    recipe = Recipe(request=request, models=models)
    text = to_text(recipe)
    assert from_text(text) == recipe
    assert to_text(from_text(text)) == text


@settings(max_examples=60, deadline=None)
@given(values(Request, deep=4))
def test_requests_as_text(request: Any) -> None:
    assert recipes.request_from_text(recipes.request_to_text(request)) == request


def test_equal_requests_give_equal_recipes() -> None:
    a = recipe_for(Render(model=MODEL, latent=Seed(seed=1), look=Look(psi=float("0.7"))), Session(), AssetStore())
    b = recipe_for(Render(model=MODEL, latent=Seed(seed=1)), Session(), AssetStore())
    assert to_text(a) == to_text(b)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff"])
def test_a_picture_restores_its_recipe_on_another_machine(tmp_path: Path, suffix: str) -> None:
    assets = AssetStore()
    session = sample(assets)
    request = session.gallery[2].request
    recipe = recipe_for(request, session, assets)
    assert len(recipe.assets) == 1 and recipe.models[0].name == "Portraits" and recipe.models[0].path == ""
    save_image(tmp_path / f"a{suffix}", np.zeros((8, 8, 3), np.uint8), recipe=to_text(recipe))

    found = from_text(load_image(tmp_path / f"a{suffix}").text["latent-studio"])
    assert found == recipe and from_text(read_recipe(tmp_path / f"a{suffix}") or "") == recipe
    other = AssetStore()
    assert install(found, other) == []
    (sha,) = recipe.assets
    assert np.array_equal(other.array(sha), np.arange(24).reshape(6, 4)) and other.ext(sha) == "npy"
    assert found.request == request


def test_models_that_the_session_does_not_know() -> None:
    recipe = recipe_for(Render(model="f" * 64, latent=Seed(seed=1)), Session(), AssetStore())
    assert recipe.models == (ModelRef(sha256="f" * 64, name=""),)
    assert recipe_for(Render(model="", latent=Seed(seed=1)), Session(), AssetStore()).models == ()


def test_what_does_not_travel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assets = AssetStore()
    photo = assets.put(b"\xff\xd8\xff" + bytes(5000), "jpg")
    request = Invert(model=MODEL, picture=photo)
    small = recipe_for(request, Session(), assets)
    other = AssetStore()
    assert install(small, other) == [] and other.ext(photo) == "jpg"
    monkeypatch.setattr(recipes, "MAX_ASSETS", 1000)
    recipe = recipe_for(request, Session(), assets)
    assert recipe.assets == {}
    (note,) = install(recipe, AssetStore())
    assert note.startswith("1 picture or code that this recipe needs did not travel")
    lost = Render(model=MODEL, latent=Stored(asset="0" * 64))
    assert recipe_for(lost, Session(), assets).assets == {}


GOOD = json.loads(to_text(Recipe(request=Render(model="m", latent=Seed(seed=1)))))


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": "1"},
        {"format_version": -1},
        {"request": {"type": "dream"}},
        {"request": None},
        {"assets": {"0" * 64: base64.b64encode(b"x").decode()}},
        {"assets": {"zz": ""}},
        {"assets": {"0" * 64: "not base64!"}},
        {"assets": {"0" * 64: 5}},
        {"models": 3},
    ],
)
def test_damaged_recipes_are_sentences(change: dict[str, Any]) -> None:
    with pytest.raises(StudioError, match="damaged"):
        from_text(json.dumps(GOOD | change))
    assert from_text(json.dumps(GOOD)).request == Render(model="m", latent=Seed(seed=1))


@pytest.mark.parametrize("text", ["", "{", "[]", "hello", "[" * 100_000, "\ud800", "{}"])
def test_other_texts_are_sentences(text: str) -> None:
    with pytest.raises(StudioError):
        from_text(text)
    with pytest.raises(StudioError):
        recipes.request_from_text(text)


def test_recipes_of_newer_programs() -> None:
    newer = GOOD | {"format_version": 3, "future": 1}
    assert from_text(json.dumps(newer)).request == Render(model="m", latent=Seed(seed=1))  # it is all that is needed
    with pytest.raises(StudioError, match="newer version"):
        from_text(json.dumps(newer | {"request": {"type": "sculpt"}}))

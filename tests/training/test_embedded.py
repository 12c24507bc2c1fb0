"""The embedded generator: whole, varied, and its named controls do something."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from studio.base.paths import weights
from studio.nets.stylegan2 import StyleGAN2

CARD = weights() / "avatars.json"


@pytest.fixture(scope="module")
def model() -> tuple[StyleGAN2, dict]:
    card = json.loads(CARD.read_text("utf-8"))
    sd = load_file(weights() / "avatars.safetensors")
    return StyleGAN2.from_state_dict(sd, conv_clamp=card["hyper"]["conv_clamp"]), card


def seeds(count: int, z_dim: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.random.RandomState(s).randn(z_dim) for s in range(count)])).float()


def test_card_describes_the_file(model: tuple[StyleGAN2, dict]) -> None:
    g, card = model
    path = weights() / "avatars.safetensors"
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size <= 9_000_000
    assert g.hyper == {k: card["hyper"][k] for k in g.hyper}
    assert card["role"] == "generator" and card["architecture"] == "stylegan2"
    assert "Draftbit" in card["credit"] and "CC BY 4.0" in card["licence"]
    assert len(card["label_names"]) == g.c_dim
    indices = [i for group in card["label_groups"] for i in group["indices"]]
    assert sorted(indices) == list(range(g.c_dim))
    for group in card["label_groups"]:
        assert len(group["names"]) == len(group["indices"]) == len(group["prior"])
    for key in ("training", "scores", "assumptions", "data", "title"):
        assert card[key]


def test_sixteen_seeds_are_different_pictures(model: tuple[StyleGAN2, dict]) -> None:
    g, _ = model
    x = g.synthesize(g.map(seeds(16, g.z_dim)))
    assert x.shape == (16, 3, g.resolution, g.resolution) and bool(x.isfinite().all())
    assert float(x.min()) > -2.5 and float(x.max()) < 2.5
    gaps = torch.cdist(x.flatten(1), x.flatten(1), p=1) / x[0].numel()
    gaps.fill_diagonal_(9.0)
    assert float(gaps.min()) > 0.04, "two of sixteen seeds look the same"


def test_each_toggle_changes_the_picture(model: tuple[StyleGAN2, dict]) -> None:
    g, card = model
    z = seeds(6, g.z_dim)
    toggles = next(group for group in card["label_groups"] if group["kind"] == "toggle")
    off = torch.zeros(6, g.c_dim)
    base = g.synthesize(g.map(z, off))
    for name, i in zip(toggles["names"], toggles["indices"], strict=True):
        on = off.clone()
        on[:, i] = 1
        changed = (g.synthesize(g.map(z, on)) - base).abs().amax(dim=1)
        # Part of the picture changes clearly in most of the seeds.
        clear = (changed > 0.2).float().mean(dim=(1, 2))
        assert int((clear > 0.002).sum()) >= 4, name


def test_each_colour_choice_sets_the_colour(model: tuple[StyleGAN2, dict]) -> None:
    """Averaged over seeds, choosing another colour moves the picture more than any other part of it."""
    g, card = model
    z = seeds(4, g.z_dim)
    for group in card["label_groups"]:
        if group["kind"] != "choice":
            continue
        pictures = []
        for i in group["indices"]:
            c = torch.zeros(4, g.c_dim)
            c[:, i] = 1
            pictures.append(g.synthesize(g.map(z, c)))
        x = torch.stack(pictures)
        spread = (x - x.mean(dim=0)).abs().mean()
        assert float(spread) > 0.01, group["title"]

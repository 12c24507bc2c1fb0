"""Models that are no generators, in the library's words."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PySide6")

from studio.checkpoints.card import ModelCard, Role
from studio.panels.library import content
from studio.panels.library.details import ModelDetails
from studio.panels.parts.models import model_line, picture_words, role_name
from studio.panels.registry import HOME, entries


def card(role: Role, architecture: str, **hyper: Any) -> ModelCard:
    return ModelCard(name="x", role=role, architecture=architecture, title="X", sha256="a" * 64, hyper=hyper)


CARDS = {
    "KL": (
        card("autoencoder", "autoencoder-kl", resolution=512, spatial=True),
        "AutoencoderKL · autoencoder · any size",
    ),
    "VAE": (card("autoencoder", "vae", resolution=128, spatial=False), "VAE · autoencoder · 128 px"),
    "Johnson": (card("stylizer", "johnson", wants_style=False), "feed-forward style · style network · any size"),
    "VGG": (card("features", "vgg"), "VGG · looks at pictures · any size"),
    "generator": (card("generator", "dcgan", resolution=64, num_ws=1), "DCGAN · 64 px"),
    "stranger": (card("translator", "something-new"), "something-new · translator · any size"),
}


@pytest.mark.parametrize("name", CARDS)
def test_rows_say_what_a_model_is_for(name: str, qtbot: Any) -> None:
    """Kind, role and size; what has no workspace says so and offers no Use."""
    shown, words = CARDS[name]
    row = content.model_row(shown, set())
    assert row.detail == words
    home = HOME.get(shown.role) in {entry.name for entry in entries()}
    assert content.has_home(shown) is home
    assert any("no workspace" in text for text, _ in row.tags) is not home
    assert content.has_home(shown.changed(usable=False)) is False
    details = ModelDetails(shown, usable=home)
    qtbot.addWidget(details)
    assert (picture_words(shown) in model_line(shown) and role_name(shown) in words) or shown.role == "generator"

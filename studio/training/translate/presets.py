"""The settings with which the embedded translators were made: each is a list of stages of one training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """``data``: what reads the pictures; ``settings``: of its configuration; ``hyper``: facts for the card."""

    data: str
    settings: Mapping[str, Any]
    hyper: Mapping[str, Any] = field(default_factory=dict)


PIX2PIX: dict[str, Preset] = {
    "ink-emoji": Preset(
        "emoji",
        {
            "widths": "32,64,96,128,128,120",
            "l1_weight": 25.0,
            "perceptual_weight": 6.0,
            "perceptual_reduce": 2,
            "gan_weight": 2.5,
            "own_share": 0.12,
            "ink": True,
            "wobble": 1.2,
            "least_scale": 0.55,
            "most_scale": 1.05,
            "turn": 10.0,
            "ema_images": 2500.0,
            "critic_init": "normal",
            "beta2": 0.999,
        },
        {"source_title": "Ink drawing", "target_title": "3D emoji", "input": "ink"},
    ),
}
CYCLEGAN: dict[str, Preset] = {
    "flat-3d-emoji": Preset(
        "emoji",
        {
            # Shapes stay where they are: lines that skip the deep levels keep them sharp, in half of the time.
            "network": "unet",
            "widths": "32,48,64,96,96",
            "lr": 5e-4,
            "gan_weight": 2.5,
            "identity_weight": 0.1,
            "identity_every": 2,
            "border": "white",
            "least_scale": 0.75,
        },
        {"source_title": "Flat emoji", "target_title": "3D emoji"},
    ),
    "personas-toon": Preset(
        "worlds",
        {
            # Backgrounds and colours stay, heads change: lines that skip the deep levels, and critics that see whole
            # heads.  (A ResNet with three halvings forgets the colours first and needs many times as long.)
            "network": "unet",
            "widths": "32,48,64,92,92",
            "critic_layers": 4,
            "lr": 3e-4,
            "lr_critic": 8e-4,
            "gan_weight": 2.0,
            "identity_weight": 0.2,
            "identity_every": 2,
            "least_scale": 0.95,
        },
        {"source_title": "Personas", "target_title": "Toon heads"},
    ),
}
"""The second one was trained at 96 px first (``--size 96 --decay-from 1``), then with ``--resume`` at 128 px."""

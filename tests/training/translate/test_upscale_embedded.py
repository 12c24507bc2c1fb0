"""The enlarging networks that ship: what their cards say is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from studio.nets.srresnet import MSRResNet
from studio.nets.translator_ops import mix_weights
from studio.training.translate.upscale import bicubic, pillow_reduced
from studio.training.translate.upscale_scores import fidelity

WEIGHTS = Path(__file__).parents[3] / "weights"


def card(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text("utf-8"))
    return found


def drawing(size: int = 96) -> Tensor:
    """Smooth-edged coloured discs, which no training has seen."""
    at = torch.arange(size).float()
    x = torch.full((1, 3, size, size), 0.9)
    for cx, cy, r, color in (
        (30, 34, 20, (0.9, 0.2, 0.1)),
        (62, 58, 24, (0.1, 0.3, 0.8)),
        (50, 20, 9, (0.1, 0.1, 0.1)),
    ):
        far = ((at[None] - cx) ** 2 + (at[:, None] - cy) ** 2).sqrt()
        cover = (r + 0.5 - far).clamp(0, 1)
        x = x + cover * (torch.tensor(color).view(1, 3, 1, 1) - x)
    return (x * 255).round() / 255


@pytest.mark.parametrize("scale", [2, 4])
def test_it_beats_bicubic_and_its_sister_fits(scale: int) -> None:
    plain_card = card(f"enlarge_{scale}x")
    plain, sharp = (
        MSRResNet.from_state_dict(load_file(WEIGHTS / f"{n}.safetensors"))
        for n in (f"enlarge_{scale}x", plain_card["hyper"]["sharper"])
    )
    assert plain.scale == plain_card["hyper"]["scale"] == scale
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in sharp.state_dict().items()}
    x = drawing()
    small = pillow_reduced(x, scale)
    usual = fidelity(bicubic(small, scale), x, scale)
    made = {t: mix_weights([plain, sharp], [1 - t, t]).upscale(small) for t in (0.0, 0.5, 1.0)}  # type: ignore[operator]
    assert fidelity(made[0.0], x, scale)["psnr_y"] > usual["psnr_y"] + 2
    assert fidelity(made[0.0], x, scale)["ssim_y"] > usual["ssim_y"]
    for y in made.values():
        assert fidelity(y, x, scale)["psnr_y"] > usual["psnr_y"]
    scores = plain_card["scores"]
    assert scores["psnr_y"] > scores["bicubic"]["psnr_y"] + 1.5
    assert scores["ssim_y"] > scores["bicubic"]["ssim_y"] + 0.04


@pytest.mark.parametrize("name", ["enlarge_2x", "enlarge_2x_sharp", "enlarge_4x", "enlarge_4x_sharp"])
def test_the_cards_are_whole(name: str) -> None:
    found = card(name)
    assert found["role"] == "upscaler"
    assert "Caltech-101" in found["credit"]
    assert "CC BY 4.0" in found["licence"]
    assert found["training"]["minutes"] > 0
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size <= 450_000

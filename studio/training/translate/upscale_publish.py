"""From a finished training of an enlarging network to an embedded model with a card, and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.checkpoints.facts import facts
from studio.nets.roles import FeatureNet
from studio.nets.srresnet import MSRResNet
from studio.nets.translator_ops import mix_weights
from studio.training.data import Pictures
from studio.training.export import half_state, write_model
from studio.training.translate.common import load_features
from studio.training.translate.scores import perceptual_distance
from studio.training.translate.upscale import bicubic, parted, pillow_reduced, take_over
from studio.training.translate.upscale_config import STEPS, SharpConfig, UpscaleConfig
from studio.training.translate.upscale_scores import fidelity

MOST = 100
"""At most so many held-out pictures of each kind are measured, spread evenly."""
HALFWAY = (0.0, 0.5, 1.0)
SHARPNESS = ("psnr_y", "psnr_rgb", "ssim_y", "perceptual")
METHOD = (
    "Held-out pictures of {size} px, made {scale} times smaller by Pillow's bicubic (8 bits), enlarged again, compared "
    "without {scale} px at the borders. PSNR in dB and SSIM (Wang et al. 2004, Gaussian window of 11 px, sigma 1.5) of "
    "Y (ITU-R BT.601, 16 to 235), and PSNR of RGB. Perceptual: activations of four layers of the studio's own feature "
    "network, channels scaled to length 1 at every place, squared difference, as in LPIPS but without its learned "
    "weights; the sharper network was trained with the same feature network, so that number flatters it"
)


def network_of(state: Mapping[str, Any]) -> MSRResNet:
    """The averaged network of a snapshot, its numbers in half precision as they will be read."""
    cfg = UpscaleConfig.from_dict(state["config"])
    net = MSRResNet(3, 3, cfg.nf, cfg.num_block, STEPS[cfg.scale])
    net.load_state_dict(state["ema"])
    return rounded(net)


def rounded(net: MSRResNet) -> MSRResNet:
    """The network with its numbers in half precision, to be used in float32."""
    net.load_state_dict({k: v.float() for k, v in half_state(net).items()})
    return net.eval().requires_grad_(False)


@torch.no_grad()
def compared(made: Tensor, truth: Tensor, scale: int, features: FeatureNet) -> dict[str, float]:
    """PSNR, SSIM and perceptual distance of enlargements ``[N, 3, H, W]`` in [0, 1]."""
    found = {k: round(v, 4 if k.startswith("ssim") else 3) for k, v in fidelity(made, truth, scale).items()}
    return {**found, "perceptual": round(perceptual_distance(features, made.clamp(0, 1), truth), 4)}


@torch.no_grad()
def score(net: MSRResNet, truth: Tensor, features: FeatureNet) -> dict[str, Any]:
    """Scores of a network on true pictures (uint8), and those of bicubic beside them."""
    x = truth.float() / 255
    small = pillow_reduced(x, net.scale)
    made = torch.cat([net.upscale(part) for part in small.split(16)])
    return {
        "held_out": len(x),
        **compared(made, x, net.scale, features),
        "bicubic": compared(bicubic(small, net.scale), x, net.scale, features),
    }


def _mixed(plain: MSRResNet, sharp: MSRResNet, part: float) -> MSRResNet:
    net = mix_weights([plain, sharp], [1 - part, part])
    assert isinstance(net, MSRResNet)
    return net


def some(pictures: Pictures) -> Tensor:
    """At most :data:`MOST` of them, uint8."""
    return pictures.images[:: max(1, -(-len(pictures) // MOST))]


def export_upscaler(
    state: Mapping[str, Any], data: Pictures, weights: Path, name: str, *, title: str = "", about: Mapping[str, Any]
) -> dict[str, Any]:
    """``NAME.safetensors`` (half precision) and ``NAME.json`` (card) of a finished training; returns the card.

    ``data`` as :func:`studio.training.translate.upscale.load_upscale` gives it: the held-out pictures give the scores.
    ``about`` overrides parts of the card (credit, licence, notes); its ``hyper`` is added to the card's (``sharper``).
    Its ``part`` (0..1): how far from the plain network to the trained sharp one the exported network lies; the last
    part of the way can bring more grid than texture.
    """
    sharp = state["trained"] == "srgan"
    cfg: UpscaleConfig = (SharpConfig if sharp else UpscaleConfig).from_dict(state["config"])
    about = dict(about)
    part = float(about.pop("part", 1.0))
    net = network_of(state)
    if sharp:
        plain = MSRResNet(3, 3, cfg.nf, cfg.num_block, STEPS[cfg.scale])
        take_over(plain, cfg.base)
        plain = rounded(plain)
        net = rounded(_mixed(plain, net, part))
    features = load_features("embedded", torch.float32)
    own, further = parted(data)
    held, drawings = own.split()[1], further.split()[1]
    scores: dict[str, Any] = score(net, some(held), features)
    if len(drawings):
        scores["drawings"] = score(net, some(drawings), features)
    if sharp:
        for way in HALFWAY:
            found = scores if way == 1 else score(_mixed(plain, net, way), some(held), features)
            scores[f"sharpness_{way:g}"] = {k: v for k, v in found.items() if k in SHARPNESS}
    scores["method"] = METHOD.format(size=cfg.size, scale=cfg.scale)
    recipe = cfg.to_dict()
    for key in ("base", "features"):
        if key in recipe:
            recipe[key] = Path(recipe[key]).name
    recipe["more"] = ",".join("/".join(Path(p).parts[-2:]) for p in cfg.more.split(",") if p)
    training = {
        "pictures": len(own) - len(held),
        "further_pictures": len(further) - len(drawings),
        "cuts_seen": state["seen"],
        "steps": state["steps"],
        "minutes": round(state["minutes"], 1),
        **({"part_of_the_way_from_the_plain_network": part} if sharp and part != 1 else {}),
        "config": recipe,
        **about.pop("training", {}),
    }
    card = {
        "title": title or name,
        "role": "upscaler",
        "architecture": "srgan" if sharp else "srresnet",
        "hyper": {**facts("upscaler", net), **about.pop("hyper", {})},
        "scores": scores,
        "training": training,
        **about,
    }
    return write_model(net, weights, name, card)

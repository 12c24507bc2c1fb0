"""What a card says of a network, by role: the facts that panels need before the network is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio.checkpoints.card import Role

NAMES = {
    "stylegan2": "StyleGAN2",
    "stylegan3-t": "StyleGAN3-T",
    "stylegan3-r": "StyleGAN3-R",
    "stylegan3": "StyleGAN3",
    "dcgan": "DCGAN",
    "vae": "VAE",
    "autoencoder-kl": "AutoencoderKL",
    "autoencoder-tiny": "TAESD",
    "pytorch-vae": "PyTorch-VAE",
    "vgg": "VGG",
    "studio-vgg": "small VGG",
    "johnson": "feed-forward style",
    "adain": "AdaIN",
    "microast": "MicroAST",
    "cyclegan-resnet": "CycleGAN",
    "pix2pix-resnet": "pix2pix",
    "pix2pixhd": "pix2pixHD",
    "resnet-generator": "ResNet translator",
    "cut-resnet": "CUT",
    "pix2pix-unet": "pix2pix",
    "stargan": "StarGAN",
    "srresnet": "SRResNet",
    "srgan": "SRGAN",
    "compact": "Real-ESRGAN, compact",
    **{
        name.lower(): name
        for name in ("ATD", "AuraSR", "CRAFT", "DAT", "DCTLSA", "DITN", "DRCT", "ESRGAN", "FDAT", "GRL", "HAT", "IPT",
                     "MoESR", "MoSR", "OmniSR", "PLKSR", "RCAN", "RGT", "SAFMN", "SPAN", "SeemoRe", "SwiftSRGAN",
                     "Swin2SR", "SwinIR")
    },
    "mmrealsr": "MM-RealSR",
    "realcugan": "Real-CUGAN",
}  # fmt: skip
"""Architectures as they are written in papers."""

_SAME = (
    frozenset(("cyclegan-resnet", "pix2pix-resnet", "cut-resnet", "pix2pixhd", "resnet-generator")),
    frozenset(("pix2pix-unet", "unet-generator")),
    frozenset(("srresnet", "srgan", "msrresnet")),
)


def same_network(a: str, b: str) -> bool:
    """Whether two architectures differ only in how they were trained, which a card knows better than the numbers."""
    return a == b or any(a in group and b in group for group in _SAME)


COMPUTED = ("layers", "low_resolutions", "layer_names")
"""Facts that follow from the network alone, so that no file needs to state them."""


def facts(role: Role, net: Any) -> dict[str, Any]:
    """The ``hyper`` of the card of ``net``: its own ``net.hyper`` and what its role adds."""
    return {**dict(getattr(net, "hyper", {})), **_FACTS.get(role, _nothing)(net)}


def title(stem: str, architecture: str, role: Role, hyper: dict[str, Any]) -> str:
    """ "faces (StyleGAN2, 256 px)": the file's name, the kind of network, and one number that tells it from others."""
    words = [NAMES.get(architecture, architecture)]
    if role == "autoencoder" and hyper.get("spatial"):
        words.append(f"{hyper['latent_dim']} channels, 1/{hyper['factor']}")
    elif role in ("generator", "autoencoder"):
        words.append(f"{hyper['resolution']} px")
    elif role == "upscaler":
        words.append(f"{hyper['scale']}×")
    elif role == "translator" and hyper.get("source_title") and hyper.get("target_title"):
        words.append(f"{hyper['source_title']} → {hyper['target_title']}")
    return f"{stem} ({', '.join(words)})"


def _nothing(_: Any) -> dict[str, Any]:
    return {}


def _generator(net: Any) -> dict[str, Any]:
    rows = [
        {"index": row.index, "name": row.name, "resolution": row.resolution, "band": row.band} for row in net.layers
    ]
    return {"layers": rows, "low_resolutions": list(net.low_resolutions)}


def _autoencoder(net: Any) -> dict[str, Any]:
    return {
        "resolution": int(net.resolution),
        "spatial": bool(net.spatial),
        "latent_dim": int(net.latent_dim),
        "factor": int(net.factor),
    }


def _features(net: Any) -> dict[str, Any]:
    return {"layer_names": list(net.layer_names)}


def _stylizer(net: Any) -> dict[str, Any]:
    return {"wants_style": bool(net.wants_style)}


def _translator(net: Any) -> dict[str, Any]:
    return {
        "in_channels": int(net.in_channels),
        "out_channels": int(net.out_channels),
        "c_dim": int(net.c_dim),
        "multiple": int(net.multiple),
        "has_stored_statistics": bool(net.has_stored_statistics),
        "has_dropout": bool(net.has_dropout),
    }


def _upscaler(net: Any) -> dict[str, Any]:
    return {
        "in_channels": int(net.in_channels),
        "out_channels": int(net.out_channels),
        "scale": int(net.scale),
        "margin": int(net.margin),
        "multiple": int(getattr(net, "multiple", 1)),
        "exact_tiles": bool(getattr(net, "exact_tiles", True)),
    }


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "generator": _generator,
    "autoencoder": _autoencoder,
    "features": _features,
    "stylizer": _stylizer,
    "translator": _translator,
    "upscaler": _upscaler,
}

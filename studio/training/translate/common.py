"""What the trainings of translators share: networks by settings, their arithmetic, and their optimisers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.base import paths
from studio.base.errors import StudioError
from studio.nets.resnet_generator import ResNetGenerator
from studio.nets.roles import FeatureNet
from studio.nets.translator_ops import Norm, NormKind, PictureTranslator
from studio.nets.unet_generator import UNetGenerator
from studio.training.johnson import feature_network
from studio.training.trainer import half_precision_pays
from studio.training.translate.adversarial import CriticInit, CriticNorm, PatchCritic, init_weights, linear_decay
from studio.training.translate.translate_config import TranslateConfig

Generator = UNetGenerator | ResNetGenerator


def build_generator(
    cfg: TranslateConfig, in_channels: int = 3, out_channels: int = 3, *, base: str | None = None
) -> Generator:
    """A fresh generator, or the one in ``base`` (that of the settings) to go on from."""
    net: Generator
    norm = cast(NormKind, cfg.norm)
    if cfg.network == "unet":
        net = UNetGenerator(
            in_channels, out_channels, cfg.width_list(), norm=norm, dropout=cfg.dropout, up=cast(Any, cfg.up)
        )
    else:
        net = ResNetGenerator(
            in_channels, out_channels, cfg.ngf, cfg.n_blocks, cfg.n_downsampling, norm=norm, up=cast(Any, cfg.up),
            dropout=cfg.dropout,
        )  # fmt: skip
    init_weights(net)
    path = cfg.base if base is None else base
    if path:
        load_base(net, path)
    return net


def base_file(name: str) -> Path:
    """The file of a model to begin with: a path, or the name of an embedded one.  Raises :class:`StudioError`."""
    for path in (Path(name), paths.weights() / f"{name}.safetensors"):
        if path.is_file():
            return path
    raise StudioError(f"The model to begin with was not found: {name}.", todo="Name another with --base.")


def base_shape(name: str) -> dict[str, Any]:
    """The settings that decide a network, as a .safetensors file has them, for :class:`TranslateConfig`."""
    path = base_file(name)
    sd = _tensors(path)
    for network, cls in (("unet", UNetGenerator), ("resnet", ResNetGenerator)):
        try:
            hyper = cls.from_state_dict(sd).hyper
        except StudioError:
            continue
        kept: dict[str, Any] = {k: hyper[k] for k in ("ngf", "n_blocks", "n_downsampling", "norm", "up") if k in hyper}
        widths = {"widths": ",".join(map(str, cast(list[int], hyper["widths"])))} if "widths" in hyper else {}
        dropout = {"dropout": hyper["dropout"]} if network == "resnet" else {}
        return {"network": network, **kept, **widths, **dropout}
    raise StudioError(
        f"{path.name} cannot be trained on.", "It is neither a U-Net nor a ResNet translator.", "Name another model."
    )


def load_base(net: Generator, name: str) -> None:
    """Take over all numbers of a model of ours.  Raises :class:`StudioError` when it has another shape."""
    path = base_file(name)
    try:
        net.load_state_dict(type(net).from_state_dict(_tensors(path)).state_dict())
    except (StudioError, RuntimeError) as exc:
        raise StudioError(
            f"{path.name} has another shape than the network of this training.",
            todo="Give the settings that it was trained with (they are on its card), or begin without it.",
            detail=str(exc),
        ) from exc


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as exc:
        raise StudioError(
            f"{path.name} cannot be read.", "It is no safetensors file.", "Name another with --base.", detail=str(exc)
        ) from exc


def build_critic(cfg: TranslateConfig, in_channels: int) -> PatchCritic:
    """The critic of the settings."""
    norm = cast(CriticNorm, cfg.critic_norm)
    init = cast(CriticInit, cfg.critic_init)
    return PatchCritic(in_channels, cfg.critic_width, cfg.critic_layers, norm=norm, init=init)


def load_features(name: str, dtype: torch.dtype) -> FeatureNet:
    """The feature network that a setting names; the fixed one where ours is not at hand."""
    if name != "embedded":
        return feature_network(name, dtype)
    path = paths.weights() / "features.safetensors"
    return feature_network(str(path) if path.exists() else "", dtype)


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """``bf16``, ``fp32`` or ``auto`` on this device."""
    half = precision == "bf16" or (precision == "auto" and half_precision_pays(device))
    return torch.bfloat16 if half else torch.float32


def last_format(net: nn.Module, device: torch.device) -> None:
    """Move a network to its device, channels last: the arrangement in which convolutions are fast."""
    net.to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def adam(net: nn.Module, lr: float, beta1: float, device: torch.device, *, beta2: float = 0.999) -> torch.optim.Adam:
    """The optimiser of all trainings here."""
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(beta1, beta2), fused=device.type != "mps")


def rate(cfg: TranslateConfig, part: float, steps: int) -> float:
    """What the learning rates are multiplied with: up over 50 steps, constant, down in a line."""
    return linear_decay(part, cfg.decay_from) * min(1.0, (steps + 1) / 50)


def set_rate(opt: torch.optim.Optimizer, lr: float) -> None:
    """Set one learning rate for all parameters."""
    for group in opt.param_groups:
        group["lr"] = lr


def unit(images: Tensor, device: torch.device) -> Tensor:
    """uint8 ``[N, 3, S, S]`` to float32 in [0, 1], channels last."""
    return (images.to(device).float() / 255).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def recalibrate(net: PictureTranslator, batches: list[Tensor], dtype: torch.dtype) -> None:
    """Set a network's stored statistics to the mean over ``batches`` ``[N, C, S, S]`` in [-1, 1] (no dropout).

    The averaged weights of a training have never been used in it; the statistics that come with them are those of the
    unaveraged ones.
    """
    norms = [m for m in net.modules() if isinstance(m, Norm) and m.stored]
    if not norms or not batches:
        return
    before = [m.momentum for m in norms]
    net.eval()
    for m in norms:
        m.training = True
    try:
        for i, x in enumerate(batches):
            for m in norms:
                m.momentum = 1 / (i + 1)
            with torch.autocast(x.device.type, dtype, enabled=dtype == torch.bfloat16):
                net(x.contiguous(memory_format=torch.channels_last))
    finally:
        for m, momentum in zip(norms, before, strict=True):
            m.momentum, m.training = momentum, False
            m.training = False

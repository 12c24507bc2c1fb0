"""The training of a feed-forward style network from one style picture and a folder of photographs (Johnson 2016)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.features import StudioFeatures
from studio.nets.johnson import JohnsonNet
from studio.nets.roles import FeatureNet
from studio.nets.style_features import StudioVGG
from studio.training.data import Pictures, load_pictures
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.johnson_config import JohnsonConfig
from studio.training.perceptual import PerceptualLoss, total_variation
from studio.training.sheets import sheet
from studio.training.stylegan2 import Trained
from studio.training.trainer import half_precision_pays

SHOWN = 6


def train_johnson(
    cfg: JohnsonConfig,
    data: Pictures,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder``, as :func:`studio.training.driver.drive` tells; every tenth photograph is held out."""
    t = opened(lambda settings, dev: JohnsonTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


def style_picture(path: Path | str, size: int) -> Tensor:
    """A style picture ``[1, 3, h, w]`` in [0, 1] whose shorter side has ``size`` px."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
            scale = size / min(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as exc:
        raise StudioError(
            f"The style picture could not be opened: {Path(path).name}.", todo="Choose another one.", detail=str(exc)
        ) from exc
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def feature_network(path: str, dtype: torch.dtype = torch.float32) -> FeatureNet:
    """The network that looks at pictures: a file of :class:`StudioVGG`, or the fixed-seed features (``""``)."""
    if not path:
        return cast(FeatureNet, _Fixed(dtype))
    if not Path(path).exists():
        raise StudioError(f"The feature network was not found: {path}.", todo="Name another with --features.")
    return cast(FeatureNet, StudioVGG.from_state_dict(load_file(path)).prepared(dtype))


class _Fixed(StudioFeatures):
    """The fixed-seed features, in the role :class:`FeatureNet` and in the training's precision."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.to(dtype)

    @property
    def layer_names(self) -> tuple[str, ...]:
        from studio.nets.features import LAYERS

        return LAYERS

    def features(self, x: Tensor, names: Any = ()) -> dict[str, Tensor]:
        return super().features(x.to(self.dtype), names)


class JohnsonTrainer:
    """Network, optimiser, random stream and counters: all that a snapshot holds."""

    def __init__(self, cfg: JohnsonConfig, data: Pictures, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.device = cfg, device
        self.pictures, self.held = data.split()
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        half = cfg.precision == "bf16" or (cfg.precision == "auto" and half_precision_pays(device))
        self.dtype = torch.bfloat16 if half else torch.float32
        self.net = JohnsonNet(cfg.width_list(), cfg.n_blocks, values="0-1").to(device).train()
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            # Starts as a grey picture instead of anything between black and white.
            cast(Tensor, self.net.deconv3.conv2d.bias).fill_(0.5)
        if cfg.base:
            base = JohnsonNet.from_state_dict(load_file(cfg.base), values="0-1")
            try:
                self.net.load_state_dict(base.state_dict())
            except RuntimeError as exc:
                raise StudioError(f"{Path(cfg.base).name} has another shape.", todo="Begin without it.") from exc
        self.ema = Ema(self.net, cfg.ema_images)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=cfg.lr, betas=(0.9, 0.99), fused=device.type != "mps")
        self.style = style_picture(cfg.style, cfg.style_size).to(device)
        features = cast(torch.nn.Module, feature_network(cfg.features, self.dtype)).to(device).eval()
        self.loss = PerceptualLoss(
            cast(FeatureNet, features),
            [self.style],
            content={n: w * cfg.content_weight for n, w in cfg.layers(cfg.content_layers).items()},
            style={n: w * cfg.style_weight for n, w in cfg.layers(cfg.style_layers).items()},
            statistic=cfg.statistic,
            pooled=cfg.pooled,
        )
        self.steps = self.seen = 0
        self.minutes = 0.0

    def learning_rate(self, part: float) -> float:
        """Rises over 50 steps, is constant, falls along a cosine."""
        x = max(0.0, min(1.0, (part - self.cfg.decay_from) / max(1e-6, 1 - self.cfg.decay_from)))
        return self.cfg.lr * min(1.0, (self.steps + 1) / 50) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * x)))

    def painted(self, net: JohnsonNet, x: Tensor) -> Tensor:
        """``[N, 3, H, W]`` in [0, 1] through a network; about [0, 1], not clipped."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            y: Tensor = net(x * 2 - 1)
        return y.float() * 0.5 + 0.5

    def terms(self, net: JohnsonNet, x: Tensor) -> dict[str, Tensor]:
        """All weighted terms of the loss for photographs ``x``."""
        content = self.loss.content_of(x)
        y = self.painted(net, x)
        # What lies outside of [0, 1] is not seen by anybody; the way back into it stays open.
        return {**self.loss(y, content), "tv": self.cfg.tv_weight * total_variation(y)} | {
            "range": 10 * (y - y.clamp(0, 1)).square().mean()
        }

    def step(self, part: float) -> dict[str, float]:
        """One batch."""
        for group in self.opt.param_groups:
            group["lr"] = self.learning_rate(part)
        index = torch.randint(len(self.pictures), (self.cfg.batch,), generator=self.gen)
        x = zoomed(self.pictures.images[index].float() / 255, self.cfg.zoom, self.gen).to(self.device)
        terms = self.terms(self.net, x)
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += self.cfg.batch
        self.ema.update(self.net, self.cfg.batch, self.seen)
        return {**{k: float(v.detach()) for k, v in terms.items()}, "total": float(total.detach())}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """The unweighted content and style terms of the averaged network on held-out photographs."""
        cfg = self.cfg
        terms = self.terms(
            self.ema.net, self.held.images[:: max(1, len(self.held) // 32)][:32].float().to(self.device) / 255
        )
        content = sum(float(v) for k, v in terms.items() if k.startswith("content")) / max(1e-9, cfg.content_weight)
        style = sum(float(v) for k, v in terms.items() if k.startswith("style")) / max(1e-9, cfg.style_weight)
        return {"held-out content": content, "held-out style": style}

    @torch.no_grad()
    def preview(self) -> UInt8Image | None:
        """Held-out photographs above what the averaged network makes of them."""
        x = self.held.images[:: max(1, len(self.held) // SHOWN)][:SHOWN].float().to(self.device) / 255
        y = self.painted(self.ema.net, x)
        return sheet(torch.cat((x, y)).clamp(0, 1) * 2 - 1, len(x))

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": "johnson",
            "config": self.cfg.to_dict(),
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "opt": self.opt.state_dict(),
            "gen": self.gen.get_state(),
            "steps": self.steps,
            "seen": self.seen,
            "minutes": self.minutes,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.net.load_state_dict(state["net"])
        self.ema.net.load_state_dict(state["ema"])
        self.opt.load_state_dict(state["opt"])
        self.gen.set_state(state["gen"])
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]


def zoomed(x: Tensor, most: float, gen: torch.Generator) -> Tensor:
    """``[N, C, S, S]``: each picture, mirrored or not, enlarged 1 to ``most`` times, a random part of it at size S."""
    n = x.shape[0]
    half = torch.exp2(-torch.rand(n, generator=gen) * math.log2(max(1.0, most)))
    move = (torch.rand(n, 2, generator=gen) * 2 - 1) * (1 - half)[:, None]
    mirror = (torch.rand(n, generator=gen) < 0.5).float() * 2 - 1
    zero = torch.zeros(n)
    theta = torch.stack(
        (torch.stack((half * mirror, zero, move[:, 0]), 1), torch.stack((zero, half, move[:, 1]), 1)), dim=1
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def export_johnson(
    state: dict[str, Any], source: Path, weights: Path, name: str, *, title: str = "", about: Mapping[str, Any]
) -> dict[str, Any]:
    """``NAME.safetensors`` (half precision) and ``NAME.json`` (card) of a finished training; returns the card.

    ``state`` is a snapshot of :class:`JohnsonTrainer`, ``source`` the photographs that it was trained on: the held-out
    ones give the scores.  ``about`` overrides parts of the card (credit, licence).
    """
    cfg = JohnsonConfig.from_dict(state["config"])
    t = JohnsonTrainer(cfg, load_pictures(source, cfg.size), torch.device("cpu"))
    t.load(state)
    tensors = {k: v.detach().half().contiguous() for k, v in t.ema.net.state_dict().items()}
    bad = [k for k, v in tensors.items() if not bool(v.isfinite().all())]
    if bad:
        raise ValueError(f"{bad[0]} does not fit into half precision")
    weights.mkdir(parents=True, exist_ok=True)
    path = weights / f"{name}.safetensors"
    save_file(tensors, path, metadata={"name": name, "architecture": "johnson"})
    path.chmod(0o644)
    recipe = cfg.to_dict()
    for key in ("style", "features", "base"):
        recipe[key] = Path(recipe[key]).name
    card: dict[str, Any] = {
        "name": name,
        "title": title or name,
        "role": "stylizer",
        "architecture": "johnson",
        "precision": "float16",
        "hyper": t.net.hyper,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size": path.stat().st_size,
        "scores": {k.replace("-", "_").replace(" ", "_"): round(v, 4) for k, v in t.measure().items()},
        "training": {
            "style_picture": recipe["style"],
            "photographs": len(t.pictures),
            "pictures_seen": state["seen"],
            "minutes": round(state["minutes"], 1),
            "config": recipe,
        },
        **about,
    }
    (weights / f"{name}.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return card

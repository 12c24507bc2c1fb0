"""The training of the feature network: photographs and the names of their folders, no weights from anywhere else.

Issue "Style" wants a feature network that comes with the program.  VGG's ImageNet weights may not; so a small network
of VGG's shape learns to name the classes of a folder of photographs (Caltech-101), and is then normalised as Gatys et
al. (2015) did with VGG: every channel's mean activation over photographs is one, by exactly compensated scaling, so
that layers and channels compare.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.style_features import StudioVGG
from studio.training.data import Pictures, load_pictures
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.features_config import FeaturesConfig
from studio.training.features_net import FeatureClassifier
from studio.training.stylegan2 import Trained
from studio.training.trainer import half_precision_pays


def train_features(
    cfg: FeaturesConfig,
    data: Pictures,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder``, as :func:`studio.training.driver.drive` tells; every tenth picture is held out.

    ``data`` needs ``folders``: at least two classes, else :class:`StudioError`.
    """
    t = opened(lambda settings, dev: FeaturesTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class FeaturesTrainer:
    """Network, optimiser, random stream and counters: all that a snapshot holds."""

    def __init__(self, cfg: FeaturesConfig, data: Pictures, device: torch.device) -> None:
        self.classes = tuple(sorted(set(data.folders)))
        if len(self.classes) < 2:
            raise StudioError(
                "These pictures have no classes.",
                "The feature network learns to tell in which folder a picture lies.",
                "Choose a folder or zip with one folder of pictures for each class.",
            )
        self.cfg, self.device = cfg, device
        self.pictures, self.held = data.split()
        number = {name: i for i, name in enumerate(self.classes)}
        self.labels = torch.tensor([number[f] for f in self.pictures.folders])
        self.held_labels = torch.tensor([number[f] for f in self.held.folders])
        counts = torch.bincount(self.labels, minlength=len(self.classes)).clamp_min(1).double()
        self.weights = (counts**-cfg.balance)[self.labels]
        small = self.pictures.images.shape[2] // 2
        self.small = torch.cat([_halved(part) for part in self.pictures.images.split(256)]) if small >= 32 else None
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        half = cfg.precision == "bf16" or (cfg.precision == "auto" and half_precision_pays(device))
        self.dtype = torch.bfloat16 if half else torch.float32
        self.net = FeatureClassifier(cfg.plan(), len(self.classes), dropout=cfg.dropout).to(device).train()
        self.ema = Ema(self.net, cfg.ema_images)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        free = [p for p in self.net.parameters() if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": cfg.weight_decay}, {"params": free, "weight_decay": 0.0}]
        self.opt = torch.optim.AdamW(groups, lr=cfg.lr, betas=(0.9, 0.99), fused=device.type != "mps")
        self.steps = self.seen = 0
        self.minutes = 0.0

    def learning_rate(self, part: float) -> float:
        """Rises over 100 steps, falls to nothing along a cosine."""
        return (
            self.cfg.lr * min(1.0, (self.steps + 1) / 100) * max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, part))))
        )

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Photographs ``[N, 3, size, size]`` in [0, 1], cut, turned, mirrored and relit at random; their classes."""
        index = torch.multinomial(self.weights, self.cfg.batch, replacement=True, generator=self.gen)
        source = self.pictures.images
        if self.small is not None and size <= self.small.shape[2]:
            source = self.small
        return vary(source[index].float() / 255, size, self.gen).to(self.device), self.labels[index].to(self.device)

    def step(self, part: float) -> dict[str, float]:
        """One batch; cross entropy and the share that was named rightly."""
        for group in self.opt.param_groups:
            group["lr"] = self.learning_rate(part)
        x, y = self.batch(self.cfg.crop_at(part))
        logits = self.net(x.to(self.dtype).contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, y, label_smoothing=self.cfg.smoothing)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += self.cfg.batch
        self.ema.update(self.net, self.cfg.batch, self.seen)
        return {"cross entropy": float(loss.detach()), "right": float((logits.detach().argmax(1) == y).float().mean())}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Accuracy of the averaged network on held-out pictures (as they are and mirrored), and the mean of classes."""
        right = []
        for part, y in zip(self.held.images.split(128), self.held_labels.split(128), strict=True):
            x = (part.to(self.device).float() / 255).to(self.dtype).contiguous(memory_format=torch.channels_last)
            logits = self.ema.net(x) + self.ema.net(x.flip(3))
            right.append(logits.argmax(1).cpu() == y)
        hit = torch.cat(right).double()
        count = torch.bincount(self.held_labels, minlength=len(self.classes))
        by_class = torch.bincount(self.held_labels, weights=hit, minlength=len(self.classes)) / count.clamp_min(1)
        return {"held-out accuracy": float(hit.mean()), "held-out class mean": float(by_class[count > 0].mean())}

    def preview(self) -> UInt8Image | None:
        """There is nothing to look at."""
        return None

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": "features",
            "config": self.cfg.to_dict(),
            "classes": list(self.classes),
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "opt": self.opt.state_dict(),
            "gen": self.gen.get_state(),
            "torch": torch.get_rng_state(),
            "steps": self.steps,
            "seen": self.seen,
            "minutes": self.minutes,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`; :class:`StudioError` when it learned other classes."""
        if tuple(state["classes"]) != self.classes:
            raise StudioError("This training learned other classes.", todo="Resume it with the same pictures.")
        self.net.load_state_dict(state["net"])
        self.ema.net.load_state_dict(state["ema"])
        self.opt.load_state_dict(state["opt"])
        self.gen.set_state(state["gen"])
        torch.set_rng_state(state["torch"])
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]


def vary(x: Tensor, size: int, gen: torch.Generator) -> Tensor:
    """``[N, C, H, W]`` in [0, 1] cut to 40-100 % of their area, turned by 15 degrees, mirrored, relit, at ``size``."""
    n = x.shape[0]
    side = torch.empty(n).uniform_(0.4, 1.0, generator=gen).sqrt()
    aspect = torch.empty(n).uniform_(-0.2, 0.2, generator=gen).exp2()
    angle = torch.empty(n).uniform_(-0.26, 0.26, generator=gen)
    mirror = (torch.rand(n, generator=gen) < 0.5).float() * 2 - 1
    w, h = (side * aspect).clamp(max=1.0), (side / aspect).clamp(max=1.0)
    move = torch.rand(n, 2, generator=gen) * 2 - 1
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack(
        (
            torch.stack((w * cos * mirror, -h * sin, move[:, 0] * (1 - w)), dim=1),
            torch.stack((w * sin * mirror, h * cos, move[:, 1] * (1 - h)), dim=1),
        ),
        dim=1,
    )
    grid = F.affine_grid(theta, [n, x.shape[1], size, size], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    light = torch.randn(n, 1, 1, 1, generator=gen) * 0.08
    contrast = torch.exp2(torch.randn(n, 1, 1, 1, generator=gen) * 0.25)
    colour = torch.exp2(torch.randn(n, 1, 1, 1, generator=gen) * 0.35)
    grey = x.mean(dim=1, keepdim=True)
    return ((grey + (x - grey) * colour - 0.5) * contrast + 0.5 + light).clamp(0, 1)


def _halved(x: Tensor) -> Tensor:
    """Half the size, averaged; uint8 to uint8."""
    return (F.avg_pool2d(x.float(), 2) + 0.5).clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def normalised(filters: Mapping[str, Tensor], plan: list[tuple[str, int]], pictures: Tensor) -> dict[str, Tensor]:
    """The same network with every channel's mean activation (after ReLU) over ``pictures`` and places at one.

    ``pictures`` ``[N, 3, H, W]`` in [0, 1].  ReLU and average pooling commute with positive factors, so a channel's
    factor is taken back exactly by the next layer's weights.  A channel that hardly ever speaks is raised by at most
    30 times the layer's median, lest it drown the others.
    """
    out: dict[str, Tensor] = {}
    x = pictures
    before: Tensor | None = None
    for name, _ in plan:
        if name.endswith("_1") and name != "1_1":
            x = F.avg_pool2d(x, 2)
        w, b = filters[f"conv{name}.weight"].float(), filters[f"conv{name}.bias"].float()
        if before is not None:
            w = w / before.view(1, -1, 1, 1)
        x = torch.cat([F.relu(F.conv2d(F.pad(p, (1, 1, 1, 1), mode="reflect"), w, b)) for p in x.split(32)])
        mean = x.double().mean(dim=(0, 2, 3)).float()
        before = 1 / mean.clamp_min(float(mean.median()) / 30)
        x = x * before.view(1, -1, 1, 1)
        out[f"conv{name}.weight"] = w * before.view(-1, 1, 1, 1)
        out[f"conv{name}.bias"] = b * before
    return out


def export_features(
    state: dict[str, Any], source: Path, weights: Path, name: str, *, title: str = "", about: Mapping[str, Any]
) -> dict[str, Any]:
    """``NAME.safetensors`` (half precision) and ``NAME.json`` (card) of a finished training; returns the card.

    ``state`` is a snapshot of :class:`FeaturesTrainer`, ``source`` the pictures that it was trained on: the held-out
    ones give the scores and the normalisation.  ``about`` overrides parts of the card (credit, licence).
    """
    cfg = FeaturesConfig.from_dict(state["config"])
    t = FeaturesTrainer(cfg, load_pictures(source, cfg.size), torch.device("cpu"))
    t.load(state)
    filters = normalised(t.ema.net.filters(), cfg.plan(), t.held.images[::4].float() / 255)
    tensors = {k: v.half().contiguous() for k, v in filters.items()}
    bad = [k for k, v in tensors.items() if not bool(v.isfinite().all())]
    if bad:
        raise ValueError(f"{bad[0]} does not fit into half precision")
    net = StudioVGG.from_state_dict(tensors)
    weights.mkdir(parents=True, exist_ok=True)
    path = weights / f"{name}.safetensors"
    save_file(tensors, path, metadata={"name": name, "architecture": "studio-vgg"})
    path.chmod(0o644)
    scores = {k.replace("-", "_").replace(" ", "_"): round(v, 4) for k, v in t.measure().items()}
    card: dict[str, Any] = {
        "name": name,
        "title": title or name,
        "role": "features",
        "architecture": "studio-vgg",
        "precision": "float16",
        "hyper": {**net.hyper, "layer_names": list(net.layer_names), "normalised": True},
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size": path.stat().st_size,
        "scores": {**scores, "held_out": len(t.held)},
        "training": {
            "task": f"naming the {len(state['classes'])} folders of {len(t.pictures)} photographs",
            "pictures_seen": state["seen"],
            "minutes": round(state["minutes"], 1),
            "config": cfg.to_dict(),
        },
        **about,
    }
    (weights / f"{name}.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return card

"""The training of an SRResNet: enlarging learned from pictures and their own reductions, by L1 (Ledig et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.srresnet import MSRResNet
from studio.training.data import Pictures, load_pictures
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.sheets import sheet
from studio.training.stylegan2 import Trained
from studio.training.translate import coach
from studio.training.translate.common import arithmetic
from studio.training.translate.upscale_config import STEPS, UpscaleConfig
from studio.training.translate.upscale_scores import fidelity

SHOWN = 6
MEASURED = 64
FURTHER = "+"
"""The folder name of pictures that come from the further sources (:attr:`UpscaleConfig.more`)."""


def load_upscale(source: Path | str, cfg: UpscaleConfig) -> Pictures:
    """The pictures of ``source`` that are large enough, and those of the further sources (folder :data:`FURTHER`).

    Raises :class:`StudioError` where a source has none.
    """
    pictures = load_pictures(source, cfg.size, least=cfg.size)
    parts = [replace(pictures, rows=(), folders=("",) * len(pictures))]
    for path in filter(None, cfg.more.split(",")):
        found = load_pictures(path, cfg.size, least=cfg.size)
        found = found.subset(list(range(0, len(found), max(1, -(-len(found) // max(1, cfg.more_most))))))
        parts.append(replace(found, rows=(), folders=(FURTHER,) * len(found)))
    return Pictures(
        torch.cat([p.images for p in parts]),
        tuple(n for p in parts for n in p.names),
        (),
        tuple(n for p in parts for n in p.folders),
    )


def parted(data: Pictures) -> tuple[Pictures, Pictures]:
    """(own, further) pictures of :func:`load_upscale`."""
    further = [i for i, name in enumerate(data.folders) if name == FURTHER]
    taken = set(further)
    return data.subset([i for i in range(len(data)) if i not in taken]), data.subset(further)


def reduced(x: Tensor, scale: int) -> Tensor:
    """``[N, C, H, W]`` in [0, 1] to ``[N, C, H / scale, W / scale]`` of 8 bits: Pillow's bicubic (a -0.5, antialiased).

    Pillow rounds and clips between its two passes too, so single values may differ by a step or two of 255.
    """
    y = F.interpolate(x, scale_factor=1 / scale, mode="bicubic", antialias=True, align_corners=False)
    return (y.clamp(0, 1) * 255).round() / 255


def bicubic(x: Tensor, scale: int) -> Tensor:
    """``[N, 3, H, W]`` in [0, 1], 8 bits, enlarged by Pillow's bicubic: what the network must beat."""
    return _resized(x, x.shape[-2] * scale, x.shape[-1] * scale)


def pillow_reduced(x: Tensor, scale: int) -> Tensor:
    """:func:`reduced` by Pillow itself, for scores: ``[N, 3, H, W]`` in [0, 1]."""
    return _resized(x, x.shape[-2] // scale, x.shape[-1] // scale)


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    out = []
    for picture in (x.clamp(0, 1) * 255).round().to(torch.uint8).cpu():
        image = Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()))
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        out.append(torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1))
    return torch.stack(out).to(x.device)


def begun(net: MSRResNet) -> None:
    """First weights: residual branches a tenth of He's (Wang et al. 2018), nothing added to the enlargement yet."""
    for name, m in net.named_modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, a=0.1)
            m.weight.data.mul_(0.1 if name.startswith("body") else 0.01 if name == "conv_last" else 1.0)
            assert m.bias is not None
            nn.init.zeros_(m.bias)


def take_over(net: nn.Module, path: str) -> int:
    """Give ``net`` the tensors of a file that have its names and shapes; returns how many.  :class:`StudioError`."""
    if not Path(path).is_file():
        raise StudioError(f"The network to begin with was not found: {path}.", todo="Name another with --base.")
    try:
        found = load_file(path)
    except Exception as exc:  # safetensors has an exception of its own for damaged files
        raise StudioError(f"{Path(path).name} cannot be read.", todo="Name another with --base.") from exc
    own = net.state_dict()
    same = {k: v.float() for k, v in found.items() if k in own and own[k].shape == v.shape}
    if len(same) <= len(own) // 2:
        raise StudioError(f"{Path(path).name} has another shape.", todo="Begin with a network of the same width.")
    net.load_state_dict({**own, **same})
    return len(same)


def train_srresnet(
    cfg: UpscaleConfig,
    data: Pictures,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder``, as :func:`studio.training.driver.drive` tells; every tenth picture is held out."""
    t = opened(lambda settings, dev: UpscaleTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class UpscaleTrainer:
    """Network, optimiser, random stream and counters: all that a snapshot holds."""

    TRAINED = "srresnet"

    def __init__(self, cfg: UpscaleConfig, data: Pictures, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.device = cfg, device
        own, further = parted(data)
        self.pictures, self.held = own.split()
        self.further, self.further_held = further.split()
        if not len(self.pictures) or not len(self.held):
            raise StudioError(
                f"{len(own)} pictures are too few.", "Every tenth one is kept for judging.", "Choose at least ten."
            )
        if cfg.patch * cfg.scale > cfg.size:
            raise StudioError(
                f"Cuts of {cfg.patch} px, {cfg.scale} times larger, do not fit into pictures of {cfg.size} px.",
                todo="Choose a smaller --patch or a larger --size.",
            )
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.dtype = arithmetic(cfg.precision, device)
        self.net = MSRResNet(3, 3, cfg.nf, cfg.num_block, STEPS[cfg.scale])
        begun(self.net)
        if cfg.base:
            take_over(self.net, cfg.base)
        self.net = self.net.to(device).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.net, cfg.ema_images)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=cfg.lr, betas=(0.9, 0.99), fused=device.type != "mps")
        self.steps = self.seen = 0
        self.minutes = 0.0
        self.says: list[str] = []

    def learning_rate(self, part: float) -> float:
        """The part of the full rate: rises over the first steps, then falls along a cosine, to a hundredth."""
        rise = min(1.0, (self.steps + 1) / max(1, self.cfg.warm))
        return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * max(0.0, min(1.0, part)))))

    def cuts(self) -> tuple[Tensor, Tensor]:
        """A batch: small cuts ``[B, 3, P, P]`` and their truths ``[B, 3, sP, sP]``, in [0, 1], mirrored and turned.

        Whole pictures are made smaller before they are cut, so that a cut's border knows its surroundings.
        """
        cfg, gen = self.cfg, self.gen
        count = cfg.batch
        index = torch.randint(len(self.pictures), (count,), generator=gen)
        x = self.pictures.images[index]
        if len(self.further) and cfg.more_share:
            other = self.further.images[torch.randint(len(self.further), (count,), generator=gen)]
            x = torch.where((torch.rand(count, generator=gen) < cfg.more_share)[:, None, None, None], other, x)
        x = x.to(self.device).float() / 255
        small = reduced(x, cfg.scale)
        places = torch.randint(cfg.size // cfg.scale - cfg.patch + 1, (count, 2), generator=gen).tolist()
        turns = torch.randint(8, (count,), generator=gen).tolist()
        inputs: list[Tensor] = []
        truths: list[Tensor] = []
        for i, ((top, left), turn) in enumerate(zip(places, turns, strict=True)):
            for out, picture, k in ((inputs, small[i], 1), (truths, x[i], cfg.scale)):
                cut = picture[:, k * top : k * (top + cfg.patch), k * left : k * (left + cfg.patch)]
                cut = cut.flip(2) if turn >= 4 else cut
                out.append(torch.rot90(cut, turn % 4, (1, 2)))
        return torch.stack(inputs), torch.stack(truths)

    def enlarged(self, net: nn.Module, x: Tensor) -> Tensor:
        """``[N, 3, H, W]`` in [0, 1] through a network in the training's precision; float32, not clipped."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            y: Tensor = net(x)
        return y.float()

    def step(self, part: float) -> dict[str, float]:
        """One batch."""
        self._rates(part)
        x, truth = self.cuts()
        loss = F.l1_loss(self.enlarged(self.net, x), truth)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self._counted()
        return {"difference": float(loss.detach())}

    def _rates(self, part: float) -> None:
        for group in self.opt.param_groups:
            group["lr"] = self.cfg.lr * self.learning_rate(part)

    def _counted(self) -> None:
        self.steps += 1
        self.seen += self.cfg.batch
        self.ema.update(self.net, self.cfg.batch, self.seen)

    def held_out(self, most: int) -> tuple[Tensor, Tensor]:
        """Held-out pictures, small and true, in [0, 1]: spread evenly over the set."""
        truth = self.held.images[:: max(1, len(self.held) // most)][:most].to(self.device).float() / 255
        return pillow_reduced(truth, self.cfg.scale), truth

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """PSNR and SSIM of the averaged network on held-out pictures, and how much better than bicubic it is."""
        x, truth = self.held_out(MEASURED)
        mine = fidelity(self.enlarged(self.ema.net, x), truth, self.cfg.scale)
        plain = fidelity(bicubic(x, self.cfg.scale), truth, self.cfg.scale)
        out = {f"held-out {k}": v for k, v in mine.items()}
        return {**out, **{f"{k} over bicubic": v - plain[k] for k, v in mine.items()}}

    @torch.no_grad()
    def preview(self) -> UInt8Image | None:
        """Held-out pictures: enlarged by bicubic, by the averaged network, and the truth."""
        x, truth = self.held_out(SHOWN)
        plain, mine = bicubic(x, self.cfg.scale), self.enlarged(self.ema.net, x)
        self.says = [str(f) for f in self.findings(plain * 2 - 1, mine * 2 - 1, truth * 2 - 1)]
        rows = torch.cat((plain, mine, truth))
        return sheet(rows.clamp(0, 1) * 2 - 1, len(x), zoom=2 if self.cfg.size <= 128 else 1)

    def findings(self, x: Tensor, y: Tensor, truth: Tensor) -> list[coach.Finding]:
        """What the coach sees: ``x`` the plain enlargement, ``y`` the network's, in [-1, 1]."""
        # Sub-pixel convolutions cannot be exchanged for others in this network; its loss can.
        grid = "A larger --pixel-weight or a smaller --gan-weight makes it fainter; it also fades as the rate falls."
        found = [replace(f, advice=grid) if f.code == "checkerboard" else f for f in coach.look(None, y, truth)]
        if self.steps > 2 * self.cfg.warm and float((y - x).abs().mean()) < 0.1 * float((truth - x).abs().mean()):
            found += [
                coach.Finding(
                    "nothing yet",
                    "The network still enlarges as plain interpolation does: nothing has been learned yet.",
                    "Wait; if it stays so for minutes, choose a larger --lr.",
                )
            ]
        return found

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": self.TRAINED,
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

"""StarGAN (Choi et al. 2018): one network for many domains, taught by a critic that also reads labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.stargan import StarGAN
from studio.nets.translator_ops import make_norm
from studio.training.anchor import AnchorSpec
from studio.training.data import Pictures, to_float
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.sheets import sheet
from studio.training.stylegan2 import Trained
from studio.training.translate import coach
from studio.training.translate.adversarial import (
    LossKind,
    critic_loss,
    generator_loss,
    gradient_penalty,
    linear_decay,
)
from studio.training.translate.common import adam, arithmetic, last_format, set_rate
from studio.training.translate.stargan_config import StarganConfig
from studio.training.translate.stargan_labels import labelled
from studio.training.translate.stargan_twins import Twins

SHOWN = 8
MEASURED = 48
PENALTY_EVERY = 8
"""Steps between penalties on real pictures (losses other than WGAN's)."""


class StarCritic(nn.Module):
    """Halvings with 4x4 convolutions, then two heads: real or made (for each patch), and the labels."""

    def __init__(self, size: int, c_dim: int, width: int, n_layers: int, *, norm: bool = False) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        before = 3
        for i in range(n_layers):
            n = width * min(1 << i, 32)
            steps.append(nn.Conv2d(before, n, 4, stride=2, padding=1))
            if norm and i:
                steps.append(make_norm(n, "instance_affine"))
            steps.append(nn.LeakyReLU(0.01, inplace=True))
            before = n
        self.main = nn.Sequential(*steps)
        self.real = nn.Conv2d(before, 1, 3, padding=1, bias=False)
        self.label = nn.Conv2d(before, c_dim, size >> n_layers, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, 3, S, S]`` in [-1, 1] to the logits of patches ``[N, 1, h, w]`` and of labels ``[N, c_dim]``."""
        y = self.main(x)
        return self.real(y).float(), self.label(y).flatten(1).float()


def train_stargan(
    cfg: StarganConfig,
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
    t = opened(lambda settings, dev: StarganTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class StarganTrainer:
    """Network, critic, optimisers, random stream and counters: all that a snapshot holds."""

    def __init__(self, cfg: StarganConfig, data: Pictures, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.device = cfg, device
        self.plan, _, data = labelled(data, cfg.toggles, cfg.choices)
        self.pictures, self.held = data.split()
        if not len(self.held):
            raise StudioError(f"{len(data)} pictures are too few.", "Every tenth one is kept for judging.")
        self.labels, self.held_labels = self.plan.encode(self.pictures.rows), self.plan.encode(self.held.rows)
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.dtype = arithmetic(cfg.precision, device)
        self.net = StarGAN(3, self.plan.c_dim, cfg.conv_dim, cfg.repeat_num, cfg.n_downsampling, cast(Any, cfg.up))
        if cfg.base:
            self._begin(cfg.base)
        self.critic = StarCritic(cfg.size, self.plan.c_dim, cfg.critic_width, cfg.critic_layers)
        for net in (self.net, self.critic):
            last_format(net.train(), device)
        self.ema = Ema(self.net, cfg.ema_images)
        self.opt = adam(self.net, cfg.lr, cfg.beta1, device)
        self.opt_critic = adam(self.critic, cfg.lr_critic, cfg.beta1, device)
        self.twins: Twins | None = None
        if cfg.twins:
            spec = AnchorSpec(data.rows)
            self.twins = Twins(
                self.pictures, self.plan, cfg.teacher, sources=cfg.twin_sources, beards=cfg.twin_beards, spec=spec
            )
        self.steps = self.seen = 0
        self.minutes = 0.0
        self.sure: list[float] = []
        self.errors: list[tuple[float, float]] = []
        self.says: list[str] = []

    def _begin(self, path: str) -> None:
        if not Path(path).is_file():
            raise StudioError(f"The network to begin with was not found: {path}.", todo="Name another with --base.")
        try:
            self.net.load_state_dict(StarGAN.from_state_dict(load_file(path)).state_dict())
        except (StudioError, RuntimeError) as exc:
            raise StudioError(
                f"{Path(path).name} has another shape.", todo="Begin without it.", detail=str(exc)
            ) from exc

    def changed(self, net: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
        """``[N, 3, S, S]`` in [-1, 1] with the labels, in the training's precision; float32."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            y: Tensor = net(x, None, labels)
        return y.float()

    def judged(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's logits of pictures and of labels."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            real, labels = self.critic(x)
        return real.float(), labels.float()

    def some(self) -> tuple[Tensor, Tensor]:
        """A batch of true pictures, mirrored or not, and their labels."""
        n = self.cfg.batch
        index = torch.randint(len(self.pictures), (n,), generator=self.gen)
        x = to_float(self.pictures.images[index], self.device)
        if self.twins is None:
            mirror = torch.rand(n, 1, 1, 1, generator=self.gen) < 0.5
            x = torch.where(mirror.to(self.device), x.flip(3), x)
        return x, self.labels[index].to(self.device)

    def step(self, part: float) -> dict[str, float]:
        """One batch for the critic and, every ``n_critic`` steps, one for the network."""
        cfg = self.cfg
        scale = linear_decay(part, cfg.decay_from, 0.02) * min(1.0, (self.steps + 1) / 50)
        set_rate(self.opt, cfg.lr * scale)
        set_rate(self.opt_critic, cfg.lr_critic * scale)
        out: dict[str, float] = {}
        if self.twins is not None:
            found, made = self.twin_step(self.twins)
            out |= found
            if (cfg.adv_weight or cfg.class_weight) and len(made):
                out |= self.critic_step(made)
        else:
            out |= self.critic_step()
            if self.steps % max(1, cfg.n_critic) == 0:
                out |= self.network_step()
        self.ema.update(self.net, cfg.batch, self.seen + cfg.batch)
        self.steps += 1
        self.seen += cfg.batch
        return out

    def critic_step(self, made: Tensor | None = None) -> dict[str, float]:
        """True pictures against made ones (those of the network's step, or fresh ones), and the true ones' labels."""
        cfg = self.cfg
        kind = cast(LossKind, cfg.loss)
        x, labels = self.some()
        if made is None:
            wanted = labels[torch.randperm(len(x), generator=self.gen).to(labels.device)]
            with torch.no_grad():
                made = self.changed(self.net, x, wanted)
        n = len(x)
        real, read = self.judged(torch.cat((x, made)))
        adv, named = critic_loss(real[:n], real[n:], kind), self.plan.loss(read[:n], labels)
        total = cfg.adv_weight * adv + cfg.class_weight * named
        out = {"critic": float(adv.detach()), "critic labels": float(named.detach())}
        if kind == "wgan":
            penalty = gradient_penalty(lambda p: self.judged(p)[0], x[: len(made)], made, self.gen)
            total = total + cfg.penalty * penalty
            out["penalty"] = float(penalty.detach())
        elif cfg.penalty and self.steps % PENALTY_EVERY == 0:
            flat = x.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.judged(flat)[0].mean(dim=(1, 2, 3)).sum(), flat, create_graph=True)
            total = total + 0.5 * cfg.penalty * PENALTY_EVERY * slope.square().sum(dim=(1, 2, 3)).mean()
        total.backward()
        self.opt_critic.step()
        self.opt_critic.zero_grad(set_to_none=True)
        if kind != "wgan":
            middle = 0.5 if kind == "lsgan" else 0.0
            taken = [float((t.detach() > middle).float().mean()) for t in (real[:n], real[n:])]
            self.sure = [*self.sure[-99:], taken[0] - taken[1]]
        return out

    def network_step(self) -> dict[str, float]:
        """The paper's: fool the critic, be read as labelled, and be the same picture again after the way back."""
        cfg = self.cfg
        x, labels = self.some()
        wanted = labels[torch.randperm(len(x), generator=self.gen).to(labels.device)]
        made = self.changed(self.net, x, wanted)
        self.critic.requires_grad_(False)
        real, read = self.judged(made)
        terms = {
            "generator": cfg.adv_weight * generator_loss(real, cast(LossKind, cfg.loss)),
            "labels": cfg.class_weight * self.plan.loss(read, wanted),
        }
        if cfg.reconstruction_weight:
            back = self.changed(self.net, made, labels)
            terms["reconstruction"] = cfg.reconstruction_weight * F.l1_loss(back, x)
        if cfg.same_weight:
            terms["same"] = cfg.same_weight * F.l1_loss(self.changed(self.net, x, labels), x)
        return self._update(terms)

    def twin_step(self, twins: Twins) -> tuple[dict[str, float], Tensor]:
        """Pairs show what to do; the critic sees that it is done crisply, and reads the labels.

        Returns the losses and the pictures that went the whole way.
        """
        cfg = self.cfg
        x, wanted, target, whole = (t.to(self.device) for t in twins.batch(self.labels, cfg.batch, self.gen))
        made = self.changed(self.net, x, wanted)
        some = whole.nonzero().flatten()
        terms = {"twins": cfg.twin_weight * F.l1_loss(made, target)}
        if (cfg.adv_weight or cfg.class_weight) and len(some):
            # Half-way pictures are not real ones, so the critic is not asked.
            self.critic.requires_grad_(False)
            real, read = self.judged(made[some])
            terms["generator"] = cfg.adv_weight * generator_loss(real, cast(LossKind, cfg.loss))
            terms["labels"] = cfg.class_weight * self.plan.loss(read, wanted[some])
        return self._update(terms), made[some].detach()

    def _update(self, terms: dict[str, Tensor]) -> dict[str, float]:
        torch.stack(list(terms.values())).sum().backward()
        self.critic.requires_grad_(True)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        return {k: float(v.detach()) for k, v in terms.items()}

    @torch.no_grad()
    def _kept(self, images: Tensor, labels: Tensor) -> float:
        step = max(1, len(images) // MEASURED)
        x, c = to_float(images[::step][:MEASURED], self.device), labels[::step][:MEASURED].to(self.device)
        total = sum(
            float((self.changed(self.ema.net, a, b) - a).abs().mean()) * len(a)
            for a, b in zip(x.split(16), c.split(16), strict=True)
        )
        return total / len(x)

    def measure(self) -> dict[str, float]:
        """How far portraits with their own labels are from themselves (0..2): seen in training, and held out."""
        seen = self._kept(self.pictures.images, self.labels)
        held = self._kept(self.held.images, self.held_labels)
        self.errors.append((seen, held))
        return {"training same": seen, "held-out same": held}

    @torch.no_grad()
    def preview(self) -> UInt8Image | None:
        """Held-out pictures, each followed by itself with its own labels and with each label turned."""
        step = max(1, len(self.held) // SHOWN)
        x, c = to_float(self.held.images[::step][:SHOWN], self.device), self.held_labels[::step][:SHOWN]
        labels = torch.stack([c, *(turned(c, self.plan.spans(), i) for i in range(self.plan.c_dim))], dim=1)
        columns = labels.shape[1]
        wide = x[:, None].expand(-1, columns, -1, -1, -1).flatten(0, 1)
        made = torch.cat(
            [
                self.changed(self.ema.net, a, b)
                for a, b in zip(wide.split(16), labels.flatten(0, 1).to(self.device).split(16), strict=True)
            ]
        )
        made = made.view(len(x), columns, *x.shape[1:])
        latest = [sum(self.sure[-20:]) / len(self.sure[-20:])] * coach.LATEST if len(self.sure) >= 20 else []
        found = coach.look(x, made[:, 1], errors=self.errors, critic=latest)
        self.says = [str(f) for f in found]
        return sheet(torch.cat((x[:, None], made), dim=1).flatten(0, 1), columns + 1)

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": "stargan",
            "config": self.cfg.to_dict(),
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "critic": self.critic.state_dict(),
            "opt": self.opt.state_dict(),
            "opt_critic": self.opt_critic.state_dict(),
            "gen": self.gen.get_state(),
            "sure": self.sure,
            "errors": [list(pair) for pair in self.errors],
            "steps": self.steps,
            "seen": self.seen,
            "minutes": self.minutes,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.net.load_state_dict(state["net"])
        self.ema.net.load_state_dict(state["ema"])
        self.critic.load_state_dict(state["critic"])
        self.opt.load_state_dict(state["opt"])
        self.opt_critic.load_state_dict(state["opt_critic"])
        self.gen.set_state(state["gen"])
        self.sure = [float(v) for v in state["sure"]]
        self.errors = [(float(a), float(b)) for a, b in state["errors"]]
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]


def turned(labels: Tensor, spans: list[tuple[int, int]], index: int) -> Tensor:
    """Labels ``[N, c_dim]`` with one entry switched: toggles to the other state, choices to this value."""
    out = labels.clone()
    for start, end in spans:
        if start <= index < end:
            out[:, start:end] = 0
            out[:, index] = 1
            return out
    out[:, index] = 1 - out[:, index]
    return out

"""The training of a translator from pairs (pix2pix; Isola et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.roles import FeatureNet
from studio.nets.translator_ops import Pass
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.sheets import sheet
from studio.training.stylegan2 import Trained
from studio.training.translate import coach, common
from studio.training.translate.adversarial import Watch, augmented, certainty, critic_loss, gap, generator_loss
from studio.training.translate.pairs import Pairs
from studio.training.translate.scores import l1, perceptual_distance
from studio.training.translate.strokes import inked, moved, placements, wobble
from studio.training.translate.translate_config import Pix2PixConfig

SHOWN = 8
PERCEPTUAL_LAYERS = ("relu1_2", "relu2_2", "relu3_1")


def train_pix2pix(
    cfg: Pix2PixConfig,
    data: Pairs,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train into ``folder``, as :func:`studio.training.driver.drive` tells; every tenth group of pairs is held out."""
    t = opened(lambda settings, dev: Pix2PixTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class Pix2PixTrainer:
    """Networks, optimisers, random streams and counters: all that a snapshot holds."""

    def __init__(self, cfg: Pix2PixConfig, data: Pairs, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.device = cfg, device
        self.pairs, self.held = data.split()
        if not len(self.pairs):
            raise StudioError("There are no pairs to train on.", todo="Choose a folder with pairs of pictures.")
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.dtype = common.arithmetic(cfg.precision, device)
        self.net = common.build_generator(cfg)
        self.critic = common.build_critic(cfg, 6)
        for net in (self.net, self.critic):
            common.last_format(net, device)
            net.train()
        self.ema = Ema(self.net, cfg.ema_images)
        self.opt = common.adam(self.net, cfg.lr, cfg.beta1, device, beta2=cfg.beta2)
        self.opt_critic = common.adam(self.critic, cfg.lr_critic, cfg.beta1, device, beta2=cfg.beta2)
        self.features: FeatureNet | None = None
        if cfg.perceptual_weight:
            features = common.load_features(cfg.features, self.dtype)
            cast(nn.Module, features).to(device).eval().requires_grad_(False)
            self.features = features
        self.watch = Watch()
        self.sure = 0.0
        self.says: list[str] = []
        """What the coach sees in the last preview."""
        self.steps = self.seen = 0
        self.minutes = 0.0

    def batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets ``[batch, 3, S, S]`` in [-1, 1], changed in the same way."""
        cfg, n, size = self.cfg, self.cfg.batch, self.cfg.size
        at = torch.multinomial(self.pairs.weights, n, replacement=True, generator=self.gen)
        x, y = common.unit(self.pairs.inputs[at], self.device), common.unit(self.pairs.targets[at], self.device)
        theta = placements(
            n, self.gen, least=cfg.least_scale, most=cfg.most_scale, turn=cfg.turn, shift=cfg.shift, flip=cfg.flip
        )
        grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
        bent = grid
        if cfg.wobble:
            pixels = cfg.wobble * size / 128
            grid = grid + wobble(n, size, pixels, self.gen)
            # The hand also differs from the picture that it means.
            bent = grid + wobble(n, size, pixels / 2, self.gen, cells=9)
        grid, bent = grid.to(self.device), bent.to(self.device)
        x = moved(x, bent)
        if cfg.ink:
            traces = self.pairs.traces
            traced = None if traces is None else moved(common.unit(traces[at], self.device), bent)
            x = inked(x, traced, self.gen, traces=cfg.traces)
        y = moved(y, grid, "bicubic")
        last = torch.channels_last
        return (x * 2 - 1).contiguous(memory_format=last), (y * 2 - 1).contiguous(memory_format=last)

    def run(self, net: nn.Module, x: Tensor, *more: Any) -> Tensor:
        """A network in the training's arithmetic; float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            y: Tensor = net(x.contiguous(memory_format=torch.channels_last), *more)
        return y.float()

    def step(self, part: float) -> dict[str, float]:
        """One batch: the critic learns, then the generator."""
        cfg = self.cfg
        rate = common.rate(cfg, part, self.steps)
        common.set_rate(self.opt, cfg.lr * rate)
        common.set_rate(self.opt_critic, cfg.lr_critic * rate)
        x, y = self.batch()
        self.sure = 0.0
        own = cfg.own_share and float(torch.rand((), generator=self.gen)) < cfg.own_share
        made = self.run(self.net, x, Pass("own")) if own else self.run(self.net, x)
        out: dict[str, float] = {}
        if cfg.gan_weight:
            out |= self.critic_step(x, y, made)
        terms = {"l1": cfg.l1_weight * (made - y).abs().mean()}
        if self.features is not None:
            terms["perceptual"] = cfg.perceptual_weight * self.perceptual(made, y)
        if cfg.gan_weight:
            self.critic.requires_grad_(False)
            logits = self.run(self.critic, augmented(made, cfg.critic_augment, self.gen, x))
            terms["adversarial"] = cfg.gan_weight * generator_loss(logits, cast(Any, cfg.loss))
            self.critic.requires_grad_(True)
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += cfg.batch
        self.ema.update(self.net, cfg.batch, self.seen)
        self.watch.note(float((made - y).detach().abs().mean()) / 2, self.sure)
        return {k: float(v.detach()) for k, v in terms.items()} | out | {"total": float(total.detach())}

    def critic_step(self, x: Tensor, y: Tensor, made: Tensor) -> dict[str, float]:
        """True pictures beside their inputs against made ones beside theirs."""
        cfg = self.cfg
        # One pass for both: the critic normalises each picture by itself.
        real = augmented(y, cfg.critic_augment, self.gen, x)
        fake = augmented(made.detach(), cfg.critic_augment, self.gen, x)
        a, b = self.run(self.critic, torch.cat((real, fake))).chunk(2)
        loss = critic_loss(a, b, cast(Any, cfg.loss))
        loss.backward()
        self.opt_critic.step()
        self.opt_critic.zero_grad(set_to_none=True)
        self.sure = certainty(a, b, cast(Any, cfg.loss))
        return {"critic": float(loss.detach()), "critic gap": gap(a, b)}

    def perceptual(self, made: Tensor, y: Tensor) -> Tensor:
        """Squared error of activations over their variance, a mean over layers."""
        assert self.features is not None
        names = tuple(n for n in PERCEPTUAL_LAYERS if n in self.features.layer_names) or self.features.layer_names
        made, y = (F.avg_pool2d(x, k) if (k := self.cfg.perceptual_reduce) > 1 else x for x in (made, y))
        with torch.no_grad():
            truth = self.features.features(y * 0.5 + 0.5, names)
        seen = self.features.features(made * 0.5 + 0.5, names)
        terms = []
        for n in names:
            t = truth[n].float()
            spread = t.var(dim=(2, 3), correction=0).mean().clamp_min(1e-8)
            terms.append((seen[n].float() - t).square().mean() / spread)
        return torch.stack(terms).mean()

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """The averaged network on held-out pairs as they are: L1 (values 0 to 1) and perceptual distance."""
        if not len(self.held):
            return {}
        held = self.held.subset(range(0, len(self.held), max(1, len(self.held) // 64)))
        made, truth = self.made(held.inputs), common.unit(held.targets, self.device)
        out = {"held-out l1": l1(made, truth)}
        self.watch.held = out["held-out l1"]
        if self.features is not None:
            out["held-out perceptual"] = perceptual_distance(self.features, made, truth)
        return out

    @torch.no_grad()
    def made(self, inputs: Tensor, statistics: float | str = "stored") -> Tensor:
        """Pictures in [0, 1] that the averaged network makes of uint8 ``inputs``."""
        how = Pass(cast(Any, statistics))
        parts = [self.run(self.ema.net, common.unit(x, self.device) * 2 - 1, how) for x in inputs.split(32)]
        return (torch.cat(parts) * 0.5 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def preview(self) -> UInt8Image | None:
        """The fixed strip: held-out inputs, what the averaged network makes of them, and the true pictures."""
        shown = self.held if len(self.held) else self.pairs
        shown = shown.subset(range(0, len(shown), max(1, -(-len(shown) // SHOWN))))
        inputs, made, truth = shown.inputs, self.made(shown.inputs), common.unit(shown.targets, self.device)
        rows = [common.unit(inputs, self.device), made]
        self.watch.close()
        errors = self.watch.errors if len(self.held) else ()
        # A drawing's black says nothing of what shall be dark: only the truth is compared with.
        seen = coach.look(rows[0] * 2 - 1, made * 2 - 1, truth * 2 - 1, errors=errors, critic=self.watch.critic)
        self.says = [str(finding) for finding in seen]
        if self.ema.net.has_stored_statistics:
            rows.append(self.made(inputs, "own"))
        rows.append(truth)
        return sheet(torch.cat(rows) * 2 - 1, len(shown))

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": "pix2pix",
            "config": self.cfg.to_dict(),
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "critic": self.critic.state_dict(),
            "opt": self.opt.state_dict(),
            "opt_critic": self.opt_critic.state_dict(),
            "watch": self.watch.state(),
            "gen": self.gen.get_state(),
            "rng": torch.get_rng_state(),
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
        self.watch.load(state.get("watch", {}))
        self.gen.set_state(state["gen"])
        torch.set_rng_state(state["rng"])
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]

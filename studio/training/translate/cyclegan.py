"""The training of two translators between two unpaired worlds (CycleGAN; Zhu et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Steps, UInt8Image
from studio.nets.translator_ops import Pass
from studio.training.driver import drive, opened
from studio.training.ema import Ema
from studio.training.sheets import sheet
from studio.training.stylegan2 import Trained
from studio.training.translate import coach, common
from studio.training.translate.adversarial import (
    ImagePool,
    Watch,
    augmented,
    certainty,
    critic_loss,
    gap,
    generator_loss,
)
from studio.training.translate.common import Generator
from studio.training.translate.scores import l1
from studio.training.translate.strokes import moved, placements
from studio.training.translate.translate_config import CycleConfig
from studio.training.translate.worlds import Worlds

SHOWN = 8
MEASURED = 64


def train_cyclegan(
    cfg: CycleConfig,
    data: Worlds,
    folder: Path,
    *,
    device: str = "cpu",
    minutes: float = 0.0,
    resume: bool = False,
    save_minutes: float = 4.0,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Trained]:
    """Train both directions into ``folder``, as :func:`studio.training.driver.drive` tells."""
    t = opened(lambda settings, dev: CycleTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class CycleTrainer:
    """Four networks, two optimisers, pools, random streams and counters: all that a snapshot holds.

    ``there`` leads from A to B, ``back`` from B to A.
    """

    def __init__(self, cfg: CycleConfig, data: Worlds, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.data, self.device = cfg, data, device
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.dtype = common.arithmetic(cfg.precision, device)
        bases = [b for b in cfg.base.split(",") if b]
        if len(bases) not in (0, 2):
            raise StudioError(
                "A training of two directions begins with two models.", todo="Write --base THERE.safetensors,BACK."
            )
        self.there, self.back = common.build_generator(cfg, base=""), common.build_generator(cfg, base="")
        for net, base in zip((self.there, self.back), bases, strict=False):
            common.load_base(net, base)
        self.critic_a, self.critic_b = common.build_critic(cfg, 3), common.build_critic(cfg, 3)
        for module in (self.there, self.back, self.critic_a, self.critic_b):
            common.last_format(module, device)
            module.train()
        self.generators = nn.ModuleList([self.there, self.back])
        self.critics = nn.ModuleList([self.critic_a, self.critic_b])
        self.ema_there, self.ema_back = Ema(self.there, cfg.ema_images), Ema(self.back, cfg.ema_images)
        self.opt = common.adam(self.generators, cfg.lr, cfg.beta1, device, beta2=cfg.beta2)
        self.opt_critic = common.adam(self.critics, cfg.lr_critic, cfg.beta1, device, beta2=cfg.beta2)
        self.pool_a, self.pool_b = ImagePool(cfg.pool), ImagePool(cfg.pool)
        self.watch = Watch()
        self.says: list[str] = []
        """What the coach sees in the last preview."""
        self.sure = 0.0
        self.steps = self.seen = 0
        self.minutes = 0.0

    def draw(self, pictures: Tensor, weights: Tensor) -> Tensor:
        """A batch ``[batch, 3, S, S]`` in [-1, 1] of one world, each picture moved a little."""
        cfg, n = self.cfg, self.cfg.batch
        at = torch.multinomial(weights, n, replacement=True, generator=self.gen)
        theta = placements(
            n, self.gen, least=cfg.least_scale, most=cfg.most_scale, turn=cfg.turn, shift=cfg.shift, flip=cfg.flip
        )
        grid = F.affine_grid(theta, [n, 3, cfg.size, cfg.size], align_corners=False).to(self.device)
        x = common.unit(pictures[at], self.device)
        if cfg.border == "white":
            x = moved(x, grid, "bicubic")
        else:
            x = F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
        return (x * 2 - 1).contiguous(memory_format=torch.channels_last)

    def run(self, net: nn.Module, x: Tensor, *more: Any) -> Tensor:
        """A network in the training's arithmetic; float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            y: Tensor = net(x.contiguous(memory_format=torch.channels_last), *more)
        return y.float()

    def both(self, net: Generator, x: Tensor, same: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``net`` of pictures to translate and of pictures to leave alone; one pass where batches do not mix."""
        if same is None:
            return self.run(net, x), None
        if net.has_stored_statistics:
            return self.run(net, x), self.run(net, same)
        y, kept = self.run(net, torch.cat((x, same))).chunk(2)
        return y, kept

    def step(self, part: float) -> dict[str, float]:
        """One batch of each world: the generators learn, then the critics."""
        cfg = self.cfg
        rate = common.rate(cfg, part, self.steps)
        common.set_rate(self.opt, cfg.lr * rate)
        common.set_rate(self.opt_critic, cfg.lr_critic * rate)
        a, b = self.draw(self.data.a, self.data.weights_a), self.draw(self.data.b, self.data.weights_b)
        kind = cast(Any, cfg.loss)
        identity = bool(cfg.identity_weight) and part < cfg.identity_until and self.steps % cfg.identity_every == 0
        self.critics.requires_grad_(False)
        made_b, kept_b = self.both(self.there, a, b if identity else None)
        made_a, kept_a = self.both(self.back, b, a if identity else None)
        cycle = (self.run(self.back, made_b) - a).abs().mean() + (self.run(self.there, made_a) - b).abs().mean()
        fooled = generator_loss(self.run(self.critic_b, augmented(made_b, cfg.critic_augment, self.gen)), kind)
        fooled = fooled + generator_loss(self.run(self.critic_a, augmented(made_a, cfg.critic_augment, self.gen)), kind)
        terms = {"cycle": cfg.cycle_weight * cycle, "adversarial": cfg.gan_weight * fooled}
        if kept_a is not None and kept_b is not None:
            weight = cfg.cycle_weight * cfg.identity_weight
            terms["identity"] = weight * ((kept_a - a).abs().mean() + (kept_b - b).abs().mean())
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.critics.requires_grad_(True)
        out = {k: float(v.detach()) for k, v in terms.items()}
        self.sure = 0.0
        out |= self.critic_step("b", self.critic_b, b, self.pool_b.query(made_b, self.gen))
        out |= self.critic_step("a", self.critic_a, a, self.pool_a.query(made_a, self.gen))
        self.opt_critic.step()
        self.opt_critic.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += cfg.batch
        self.ema_there.update(self.there, cfg.batch, self.seen)
        self.ema_back.update(self.back, cfg.batch, self.seen)
        self.watch.note(float(cycle.detach()) / 4, self.sure)
        return out | {"total": float(total.detach())}

    def critic_step(self, name: str, critic: nn.Module, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Gradients of one critic."""
        strength = self.cfg.critic_augment
        x = torch.cat((augmented(real, strength, self.gen), augmented(fake, strength, self.gen)))
        p, q = self.run(critic, x).chunk(2)
        loss = critic_loss(p, q, cast(Any, self.cfg.loss))
        loss.backward()
        self.sure += 0.5 * certainty(p, q, cast(Any, self.cfg.loss))
        return {f"critic {name}": float(loss.detach()), f"critic gap {name}": gap(p, q)}

    @torch.no_grad()
    def translated(self, net: Generator, inputs: Tensor) -> Tensor:
        """What an averaged generator makes of uint8 or float pictures, in [0, 1]."""
        x = common.unit(inputs, self.device) if inputs.dtype == torch.uint8 else inputs
        parts = [self.run(net, p * 2 - 1, Pass("stored")) for p in x.split(16)]
        return (torch.cat(parts) * 0.5 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Held-out pictures, values 0 to 1: the error of both cycles; L1 to the true partners where there are any."""
        out: dict[str, float] = {}
        there, back = self.ema_there.net, self.ema_back.net
        ways = (("a", self.data.held_a, self.data.held_b, there, back),
                ("b", self.data.held_b, self.data.held_a, back, there))  # fmt: skip
        for name, held, partners, go, come in ways:
            at = list(range(0, len(held), max(1, len(held) // MEASURED)))[:MEASURED]
            made = self.translated(go, held[at])
            out[f"held-out cycle {name}"] = l1(self.translated(come, made), common.unit(held[at], self.device))
            if self.data.paired:
                out[f"held-out l1 {name}"] = l1(made, common.unit(partners[at], self.device))
        self.watch.held = (out["held-out cycle a"] + out["held-out cycle b"]) / 2
        return out

    @torch.no_grad()
    def preview(self) -> UInt8Image | None:
        """The fixed strip, for A and then for B: held-out pictures, translations, the way back, true partners."""
        rows = []
        self.watch.close()
        told: dict[str, None] = {}
        there, back = self.ema_there.net, self.ema_back.net
        n = min(SHOWN, len(self.data.held_a), len(self.data.held_b))
        for held, partners, go, come in (
            (self.data.held_a, self.data.held_b, there, back),
            (self.data.held_b, self.data.held_a, back, there),
        ):
            at = [i * len(held) // n for i in range(n)]
            made = self.translated(go, held[at])
            others = common.unit(partners[at if self.data.paired else slice(0, n)], self.device)
            x = common.unit(held[at], self.device)
            rows += [x, made, self.translated(come, made)]
            if self.data.paired:
                rows.append(others)
            truth, world = (others * 2 - 1, None) if self.data.paired else (None, others * 2 - 1)
            seen = coach.look(
                x * 2 - 1, made * 2 - 1, truth, world=world, errors=self.watch.errors, critic=self.watch.critic
            )
            told |= {str(finding): None for finding in seen}
        self.says = list(told)
        return sheet(torch.cat(rows) * 2 - 1, n)

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            "trained": "cyclegan",
            "config": self.cfg.to_dict(),
            "generators": self.generators.state_dict(),
            "critics": self.critics.state_dict(),
            "ema_there": self.ema_there.net.state_dict(),
            "ema_back": self.ema_back.net.state_dict(),
            "opt": self.opt.state_dict(),
            "opt_critic": self.opt_critic.state_dict(),
            "pool_a": self.pool_a.state(),
            "pool_b": self.pool_b.state(),
            "watch": self.watch.state(),
            "gen": self.gen.get_state(),
            "rng": torch.get_rng_state(),
            "steps": self.steps,
            "seen": self.seen,
            "minutes": self.minutes,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`; older pictures of another size are forgotten."""
        self.generators.load_state_dict(state["generators"])
        self.critics.load_state_dict(state["critics"])
        self.ema_there.net.load_state_dict(state["ema_there"])
        self.ema_back.net.load_state_dict(state["ema_back"])
        self.opt.load_state_dict(state["opt"])
        self.opt_critic.load_state_dict(state["opt_critic"])
        if state["config"]["size"] == self.cfg.size:
            self.pool_a.load(state["pool_a"], self.device)
            self.pool_b.load(state["pool_b"], self.device)
        self.watch.load(state.get("watch", {}))
        self.gen.set_state(state["gen"])
        torch.set_rng_state(state["rng"])
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]

"""One StyleGAN2 training as an object: networks, optimisers, random streams, and what one batch does."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.nets.stylegan2 import StyleGAN2, TrainNoise
from studio.nets.stylegan2_discriminator import Discriminator
from studio.training import losses
from studio.training.anchor import AnchorSpec
from studio.training.anchored import banded_codes, mapping_groups, mapping_loss, paired_loss
from studio.training.augment import Adaptive, augment
from studio.training.config import TrainConfig
from studio.training.data import Pictures, to_float
from studio.training.ema import Ema


def half_precision_pays(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is fast here (CUDA, or a CPU with AMX / AVX512-BF16)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    check = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(check is not None and check())


class Trainer:
    """Networks, optimisers, random streams and counters: all that a snapshot holds."""

    def __init__(self, cfg: TrainConfig, data: Pictures, device: torch.device) -> None:
        self.cfg, self.device = cfg, device
        self.pictures, self.held = data.split()
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.spec = AnchorSpec(data.rows) if data.rows or cfg.anchor else None
        if self.spec is not None:
            self.factors = self.spec.table(self.pictures.rows)
            if cfg.anchor:
                cfg.z_dim = self.spec.z_dim
                self.weights = self.spec.rarity(self.factors) ** cfg.balance
        c_dim = self.spec.c_dim if self.spec is not None else 0
        half = cfg.precision == "bf16" or (cfg.precision == "auto" and half_precision_pays(device))
        self.g = StyleGAN2(
            cfg.z_dim, cfg.w_dim, cfg.widths(), c_dim=c_dim, mapping_layers=cfg.mapping_layers, conv_clamp=None
        )
        self.g.to(device).train()
        self.g.compute_dtype = torch.bfloat16 if half else torch.float32
        self.ema = Ema(self.g, cfg.ema_images)
        groups = mapping_groups(self.g, cfg.lr_g, cfg.lr_mapping)
        self.opt_g = torch.optim.Adam(groups, betas=(cfg.beta1, 0.99), eps=1e-8, fused=device.type != "mps")
        d_c = 0 if self.spec is None else self.spec.one_hot_dim if cfg.anchor else c_dim
        self.d_size = cfg.d_size or cfg.size
        widths = {r: max(8, int(c * cfg.d_channel_scale)) for r, c in cfg.widths().items() if r <= self.d_size}
        self.d = Discriminator(widths, c_dim=d_c, mapping_layers=cfg.d_mapping_layers).to(device).train()
        self.d.compute_dtype = self.g.compute_dtype
        hidden = [p for k, p in self.d.named_parameters() if k.startswith("mapping.fc")]
        rest = [p for k, p in self.d.named_parameters() if not k.startswith("mapping.fc")]
        d_groups = [{"params": rest, "scale": 1.0}, {"params": hidden, "scale": cfg.lr_mapping}]
        # Lazy regularisation: the penalty steps count as steps of their own, so both are scaled (Karras et al. 2020).
        ratio = cfg.r1_every / (cfg.r1_every + 1)
        betas = (0.0, 0.99**ratio)
        self.opt_d = torch.optim.Adam(d_groups, lr=cfg.lr_d, betas=betas, fused=device.type != "mps")
        self.ada = Adaptive(cfg.augment, cfg.augment_target)
        self.pl_mean = torch.zeros([], device=device)
        if cfg.noise_fixed:
            self._fix_noise(cfg.noise_fixed)
        self.steps = 0
        self.age = 0
        self.seen = 0
        self.minutes = 0.0
        self.warm = False

    def _fix_noise(self, strength: float) -> None:
        """Give the 8 to 32 px layers a constant noise strength: shapes may vary a little, flats stay flat."""
        for net in (self.g, self.ema.net):
            for name, p in net.named_parameters():
                if name.endswith("noise_strength"):
                    p.data.fill_(strength if name.split(".")[1] in ("b8", "b16", "b32") else 0.0)
                    p.requires_grad_(False)

    def learning_rate(self, part: float) -> float:
        """Multiplier of the learning rate after ``part`` (0..1) of the training."""
        rise = min(1.0, (self.age + 1) / 100)
        start = self.cfg.decay_from
        if part <= start:
            return rise
        x = min(1.0, (part - start) / max(1e-6, 1 - start))
        return rise * (self.cfg.decay_to + (1 - self.cfg.decay_to) * 0.5 * (1 + math.cos(math.pi * x)))

    @property
    def adversarial(self) -> bool:
        """Whether the discriminator takes part by now."""
        return self.cfg.adv_weight > 0 and self.seen >= self.cfg.adv_from

    def step(self, part: float) -> dict[str, float]:
        """One batch (one step of each network); returns the losses.  ``part`` of the whole training is over."""
        rate = self.learning_rate(part)
        for group in self.opt_g.param_groups:
            group["lr"] = self.cfg.lr_g * group["scale"] * rate
        for group in self.opt_d.param_groups:
            group["lr"] = self.cfg.lr_d * group["scale"] * rate
        out, fakes, cond = self.generator_step()
        if fakes is not None:
            out |= self.discriminator_step(fakes, cond)
        self.steps += 1
        self.age += 1
        self.seen += self.cfg.batch
        self.ema.update(self.g, self.cfg.batch, self.seen)
        return out

    def generator_step(self) -> tuple[dict[str, float], Tensor | None, Tensor | None]:
        """Anchored reconstruction and / or the non-saturating loss; returns the fakes for the discriminator."""
        cfg = self.cfg
        out: dict[str, float] = {}
        ws_parts: list[Tensor] = []
        target: Tensor | None = None
        if cfg.anchor and cfg.recon_weight:
            assert self.spec is not None
            index = torch.multinomial(self.weights, cfg.batch, replacement=True, generator=self.gen)
            target = to_float(self.pictures.images[index], self.device)
            ws_parts.append(banded_codes(self.g, self.spec, self.factors[index], self.gen))
        cond: Tensor | None = None
        if self.adversarial:
            count = max(4, int(cfg.batch * cfg.adv_share)) if cfg.anchor else cfg.batch
            ws, cond = self.anchored_fakes(count) if cfg.anchor else self.plain_fakes(count)
            ws_parts.append(ws)
        noise: TrainNoise = "none" if cfg.anchor and not cfg.noise_fixed else "random"
        pictures = self.g.synthesize_all(torch.cat(ws_parts), noise)
        loss = pictures[-1].new_zeros(())
        n = 0
        if target is not None:
            n = target.shape[0]
            rec = paired_loss([p[:n] for p in pictures], target)
            out["reconstruction"] = float(rec.detach())
            loss = loss + cfg.recon_weight * rec
        fakes: Tensor | None = None
        if self.adversarial:
            fakes = pictures[-1][n:]
            self.d.requires_grad_(False)
            fakes = self.reduced(fakes)
            adv = losses.g_nonsaturating(self.d(augment(fakes, self.ada.strength, self.gen), cond))
            self.d.requires_grad_(True)
            out["generator"] = float(adv.detach())
            loss = loss + cfg.adv_weight * adv
            fakes = fakes.detach()
        if cfg.anchor and cfg.mapping_batch:
            assert self.spec is not None
            rows = torch.multinomial(self.weights, cfg.mapping_batch, replacement=True, generator=self.gen)
            extra, right = mapping_loss(self.g, self.spec, self.spec.shuffled(self.factors[rows], self.gen), self.gen)
            out["readable"] = right
            loss = loss + 0.3 * extra
        loss.backward()
        if self.adversarial and cfg.pl_weight and self.steps % cfg.pl_every == 0:
            out["path_length"] = self.path_length_step()
        self.opt_g.step()
        self.opt_g.zero_grad(set_to_none=True)
        return out, fakes, cond

    def reduced(self, x: Tensor) -> Tensor:
        """Pictures at the size that the discriminator looks at."""
        k = x.shape[-1] // self.d_size
        return x if k == 1 else F.avg_pool2d(x, k)

    def path_length_step(self) -> float:
        """Add the gradient of the lazy path length penalty, on half a batch; returns the mean length."""
        cfg = self.cfg
        ws, _ = self.anchored_fakes(max(2, cfg.batch // 2)) if cfg.anchor else self.plain_fakes(max(2, cfg.batch // 2))
        lengths = losses.path_lengths(self.g.synthesize(ws, "none" if cfg.anchor else "random"), ws)
        penalty, self.pl_mean = losses.path_length_penalty(lengths, self.pl_mean)
        (penalty * (cfg.pl_weight * cfg.pl_every)).backward()
        return float(lengths.detach().mean())

    def plain_fakes(self, n: int) -> tuple[Tensor, Tensor | None]:
        """ws of random codes with labels as frequent as in the data, crossed over with ``mix_prob``; the labels."""
        cfg, g = self.cfg, self.g
        c: Tensor | None = None
        if self.spec is not None:
            rows = torch.randint(self.factors.shape[0], (n,), generator=self.gen)
            c = self.spec.labels(self.factors[rows]).to(self.device)
        z = torch.randn(2 * n, cfg.z_dim, generator=self.gen).to(self.device)
        w = g.mapping(z, None if c is None else torch.cat((c, c)))
        with torch.no_grad():
            g.mapping.w_avg.copy_(w.detach().mean(dim=0).lerp(g.mapping.w_avg, 0.998))
        cross = torch.randint(1, g.num_ws, (n, 1), generator=self.gen)
        cross = torch.where(torch.rand(n, 1, generator=self.gen) < cfg.mix_prob, cross, g.num_ws)
        first = (torch.arange(g.num_ws)[None] < cross).to(self.device)[:, :, None]
        return torch.where(first, w[:n, None], w[n:, None]), c

    def anchored_fakes(self, n: int) -> tuple[Tensor, Tensor]:
        """ws of free codes, and what the discriminator is told (all factors, or nothing).

        Half of them are plain codes; the others are in-betweens of two codes, crossovers at any layer, and truncated
        codes, which only have to be plausible pictures.
        """
        g, spec, gen = self.g, self.spec, self.gen
        assert spec is not None
        f = spec.shuffled(self.factors[torch.randint(self.factors.shape[0], (2 * n,), generator=gen)], gen)
        codes = spec.codes(f, gen, drop=0.1, drop_all=0.4, extra=0.1)
        w = g.mapping(codes.z.to(self.device), codes.c.to(self.device))
        a, b = w[:n, None].expand(-1, g.num_ws, -1), w[n:, None].expand(-1, g.num_ws, -1)
        kind = torch.arange(n) % 8
        t = torch.where(kind[:, None] < 6, torch.rand(n, 1, generator=gen), torch.zeros(n, 1))
        cross = torch.randint(1, g.num_ws, (n, 1), generator=gen)
        step = (torch.arange(g.num_ws)[None] >= cross).float()
        blend = torch.where(kind[:, None] == 6, step, t.expand(-1, g.num_ws))
        plain = (kind < 4)[:, None]
        blend = torch.where(plain, torch.zeros(()), blend)[:, :, None].to(self.device)
        ws = a.lerp(b, blend)
        psi = torch.where(kind == 7, torch.rand(n, generator=gen) * 1.4, torch.ones(n))[:, None, None].to(self.device)
        ws = g.w_avg + psi * (ws - g.w_avg)
        told = plain & (torch.rand(n, 1, generator=gen) < 0.7)
        return ws, torch.where(told, spec.one_hot(f[:n]), torch.zeros(())).to(self.device)

    def discriminator_step(self, fakes: Tensor, cond: Tensor | None) -> dict[str, float]:
        """The logistic loss on the same fakes and as many real pictures, and lazy R1."""
        cfg = self.cfg
        n = fakes.shape[0]
        index = torch.randint(len(self.pictures), (n,), generator=self.gen)
        real = self.reduced(to_float(self.pictures.images[index], self.device))
        if cfg.flip:
            real = torch.where(torch.rand(n, 1, 1, 1, generator=self.gen).to(self.device) < 0.5, real.flip(3), real)
        real_c: Tensor | None = None
        if self.spec is not None:
            if cfg.anchor:
                told = torch.rand(n, 1, generator=self.gen) < 0.35
                real_c = torch.where(told, self.spec.one_hot(self.factors[index]), torch.zeros(())).to(self.device)
            else:
                real_c = self.spec.labels(self.factors[index]).to(self.device)
        shown = augment(real, self.ada.strength, self.gen)
        both = torch.cat((shown, augment(fakes, self.ada.strength, self.gen)))
        # Each half keeps its own minibatch statistics.
        real_logits = self.d(both[:n], real_c)
        fake_logits = self.d(both[n:], cond)
        loss = losses.d_logistic(real_logits, fake_logits)
        loss.backward()
        self.ada.update(real_logits)
        out = {"discriminator": float(loss.detach()), "real_sign": self.ada.sign, "augment": self.ada.strength}
        if cfg.r1_gamma and self.steps % cfg.r1_every == 0:
            part = max(1, n // 2)
            x = shown[:part].detach().requires_grad_(True)
            penalty = losses.r1_penalty(self.d(x, None if real_c is None else real_c[:part]), x)
            (penalty * (cfg.r1_gamma / 2 * cfg.r1_every)).backward()
            out["r1"] = float(penalty.detach())
        self.opt_d.step()
        self.opt_d.zero_grad(set_to_none=True)
        return out

    @torch.no_grad()
    def held_out_error(self, count: int = 128) -> float:
        """Mean absolute error (0..255) of held-out pictures rebuilt from their labels by the averaged network."""
        assert self.spec is not None
        gen = torch.Generator().manual_seed(5)
        codes = self.spec.codes(self.spec.table(self.held.rows)[:count], gen, drop_all=0.5)
        images = self.render(codes.z, codes.c)
        return float((images.clamp(-1, 1) - to_float(self.held.images[:count], self.device)).abs().mean() * 127.5)

    @torch.no_grad()
    def render(self, z: Tensor, c: Tensor | None, psi: float = 1.0) -> Tensor:
        """Pictures of the averaged network, in its fast arithmetic."""
        net = self.ema.net.train()
        net.compute_dtype = self.g.compute_dtype
        try:
            parts = []
            for i in range(0, z.shape[0], 32):
                cc = None if c is None else c[i : i + 32].to(self.device)
                parts.append(net.synthesize(net.map(z[i : i + 32].to(self.device), cc, psi=psi), "none"))
            return torch.cat(parts)
        finally:
            net.eval()

    def samples(self, count: int = 64) -> Tensor:
        """The fixed sample sheet: seeds 0.. with labels from the data (the first half) and without."""
        gen = torch.Generator().manual_seed(99)
        if self.spec is None:
            return self.render(torch.randn(count, self.cfg.z_dim, generator=gen), None)
        if not self.cfg.anchor:
            return self.render(
                torch.randn(count, self.cfg.z_dim, generator=gen),
                self.spec.labels(self.factors[torch.arange(count) % len(self.factors)]),
            )
        f = self.spec.shuffled(self.factors[torch.arange(count) % len(self.factors)], gen)
        codes = self.spec.codes(f, gen)
        z = torch.randn(count, self.cfg.z_dim, generator=gen)
        c = codes.c.clone()
        c[count // 2 :, len(self.spec.toggles) :] = 0
        return self.render(z, c)

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "format": 1,
            "config": self.cfg.to_dict(),
            "g": self.g.state_dict(),
            "ema": self.ema.net.state_dict(),
            "d": self.d.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "ada": {"strength": self.ada.strength, "sign": self.ada.sign},
            "pl_mean": self.pl_mean,
            "steps": self.steps,
            "age": self.age,
            "seen": self.seen,
            "minutes": self.minutes,
            "warm": self.warm,
            "gen": self.gen.get_state(),
            "rng": torch.get_rng_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`; a smaller network in it is grown (see :func:`grow`)."""
        if grow(self.g, state["g"]):
            grow(self.ema.net, state["ema"])
        else:
            self.g.load_state_dict(state["g"])
            self.ema.net.load_state_dict(state["ema"])
            # The learning rates are set before every step; what changes with the settings is not in the snapshot.
            self.opt_g.load_state_dict(self._with_groups(state["opt_g"], self.opt_g))
            self.age = state.get("age", 100)
        own = self.d.state_dict()
        if "d" in state and {k: v.shape for k, v in state["d"].items()} == {k: v.shape for k, v in own.items()}:
            self.d.load_state_dict(state["d"])
            self.opt_d.load_state_dict(self._with_groups(state["opt_d"], self.opt_d))
            self.ada.sign = state["ada"]["sign"]
            if self.ada.adaptive:
                self.ada.strength = state["ada"]["strength"]
            self.pl_mean = state["pl_mean"].to(self.device)
        if self.cfg.noise_fixed:
            self._fix_noise(self.cfg.noise_fixed)
        self.steps, self.seen, self.minutes = state.get("steps", 0), state["seen"], state["minutes"]
        self.warm = state["warm"]
        self.gen.set_state(state["gen"])
        torch.set_rng_state(state["rng"])

    @staticmethod
    def _with_groups(saved: dict[str, Any], opt: torch.optim.Optimizer) -> dict[str, Any]:
        """A saved optimiser state with the settings (betas, scale) of the present one."""
        now = opt.state_dict()["param_groups"]
        return {"state": saved["state"], "param_groups": now}


def grow(net: StyleGAN2, sd: dict[str, Tensor]) -> bool:
    """Load a smaller network of the same widths; the new top blocks begin as a nearly invisible addition.

    Returns whether ``net`` was larger.  The picture starts as the up-sampled smaller one: ToRGB of the new block is
    scaled down.  Rows of w beyond the old ones need nothing, since every layer has its own affine.
    """
    own = net.state_dict()
    fresh = [k for k in own if k not in sd]
    if not fresh:
        return False
    net.load_state_dict({**own, **sd})
    for r in net.channels:
        if f"synthesis.b{r}.torgb.weight" in fresh:
            net.synthesis.block(r).torgb.weight.data.mul_(0.02)
    return True

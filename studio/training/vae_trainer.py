"""One training of an autoencoder as an object: networks, optimisers, random streams, and what one batch does."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import UInt8Image
from studio.nets.features import StudioFeatures
from studio.nets.vae import VAE, kl_per_dimension, reparameterise
from studio.training import losses
from studio.training.anchor import AnchorSpec
from studio.training.attributes import Judge, train_judge
from studio.training.data import Pictures, to_float
from studio.training.ema import Ema, NetT
from studio.training.sheets import sheet
from studio.training.trainer import half_precision_pays
from studio.training.vae_anchor import LabelCodes
from studio.training.vae_config import VaeConfig, by_resolution
from studio.training.vae_critics import PatchCritic, latent_critic, recoloured
from studio.training.vae_passes import decode_all, encode_all, psnr, reduced

ACTIVE = 0.01
"""A dimension is active when the variance of its mean over pictures exceeds this (Burda et al. 2016)."""

BORDER = 0.47
"""How far on the way to another picture a shape is held."""

GUIDE_SIZE = 64


def build(cfg: VaeConfig) -> VAE:
    """The network of these settings."""
    return VAE(
        cfg.latent_dim,
        by_resolution(cfg.encoder),
        by_resolution(cfg.decoder),
        blocks=by_resolution(cfg.blocks),
        top=cfg.top,
        variational=cfg.kind == "vae",
    )


def channels_last(net: NetT) -> NetT:
    """The same network with its filters laid out for channels-last pictures."""
    for p in net.parameters():
        if p.dim() == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)
    return net


class VaeTrainer:
    """Networks, optimisers, random streams and counters: all that a snapshot holds."""

    def __init__(self, cfg: VaeConfig, data: Pictures, device: torch.device) -> None:
        cfg.check()
        self.cfg, self.device = cfg, device
        self.pictures, self.held = data.split()
        torch.manual_seed(cfg.seed)
        self.gen = torch.Generator().manual_seed(cfg.seed + 1)
        self.half = cfg.precision == "bf16" or (cfg.precision == "auto" and half_precision_pays(device))
        self.net = channels_last(build(cfg).to(device)).train()
        self.ema = Ema(self.net, cfg.ema_images)
        fused = device.type != "mps"
        self.opt = torch.optim.Adam(self.net.parameters(), lr=cfg.lr, betas=(0.9, 0.99), fused=fused)
        self.spec = AnchorSpec(data.rows) if data.rows else None
        self.probe: nn.Linear | None = None
        self.codes: LabelCodes | None = None
        self.helpers: dict[str, nn.Module] = {}
        """Networks that only the training needs: critics and probe."""
        self.weights = torch.ones(len(self.pictures))
        if self.spec is not None and self.spec.factors:
            self.factors = self.spec.table(self.pictures.rows)
            self.weights = self.spec.rarity(self.factors) ** cfg.balance
            self.probe = nn.Linear(cfg.latent_dim, self.spec.z_dim).to(device)
            nn.init.zeros_(self.probe.weight)
            self.helpers["probe"] = self.probe
            self.means = torch.zeros(self.spec.z_dim, cfg.latent_dim, device=device)
            self.counts = torch.zeros(self.spec.z_dim, device=device)
            if cfg.anchor_weight:
                self.codes = LabelCodes(self.spec, cfg.latent_dim)
                self.means = self.codes.rows.to(device)
        elif cfg.anchor_weight:
            raise StudioError("There is no label table to anchor the latent to.", todo="Use --anchor-weight 0.")
        self.critic = channels_last(PatchCritic().to(device))
        self.latent_critic = latent_critic(cfg.latent_dim).to(device)
        self.helpers |= {"critic": self.critic, "latent_critic": self.latent_critic}
        self.opts = {
            name: torch.optim.Adam(
                net.parameters(), lr=cfg.lr if name == "probe" else cfg.lr_d, betas=(0.5, 0.99), fused=fused
            )
            for name, net in self.helpers.items()
        }
        self.guide: Judge | None = None
        self.features = StudioFeatures().to(device) if cfg.perceptual_weight else None
        self.kl_dimensions: list[float] = []
        """KL of each dimension on held-out pictures, nats, as of the last :meth:`measure`."""
        self.warning = ""
        """A sentence while the latent is found to have collapsed."""
        self.places: Tensor | None = None
        """Running mean of absolute errors by place; found anew by every session."""
        self.spare: dict[str, dict[str, Tensor]] = {}
        """Tensors of a larger or smaller network that this one was made of, by network."""
        self.steps = 0
        self.age = 0
        self.seen = 0
        self.minutes = 0.0

    # -- schedule

    def learning_rate(self, part: float) -> float:
        """Multiplier of the learning rate after ``part`` (0..1) of the training."""
        rise = min(1.0, (self.age + 1) / 100)
        start = self.cfg.decay_from
        if part <= start:
            return rise
        x = min(1.0, (part - start) / max(1e-6, 1 - start))
        return rise * (self.cfg.decay_to + (1 - self.cfg.decay_to) * 0.5 * (1 + math.cos(math.pi * x)))

    @property
    def beta(self) -> float:
        """The weight of KL by now."""
        return self.cfg.beta * min(1.0, self.seen / max(1, self.cfg.warm))

    @property
    def adversarial(self) -> bool:
        """Whether the patch critic takes part by now."""
        return self.cfg.adv_weight > 0 and self.seen >= self.cfg.adv_from

    def autocast(self) -> torch.autocast:
        """bfloat16 arithmetic where it pays."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    # -- one batch

    def step(self, part: float) -> dict[str, float]:
        """One batch; returns the losses.  ``part`` of the whole training is over."""
        cfg = self.cfg
        rate = self.learning_rate(part)
        for group in self.opt.param_groups:
            group["lr"] = cfg.lr * rate
        for name, opt in self.opts.items():
            for group in opt.param_groups:
                group["lr"] = (cfg.lr if name == "probe" else cfg.lr_d) * rate
        index = torch.multinomial(self.weights, cfg.batch, replacement=True, generator=self.gen)
        x = to_float(self.pictures.images[index], self.device).contiguous(memory_format=torch.channels_last)
        if cfg.flip:
            x = torch.where(torch.rand(len(x), 1, 1, 1, generator=self.gen).to(x.device) < 0.5, x.flip(3), x)
        out, fakes = self.network_step(x, index)
        if fakes is not None and self.adversarial:
            out |= self.critic_step(fakes)
        self.steps += 1
        self.age += 1
        self.seen += cfg.batch
        self.ema.update(self.net, cfg.batch, self.seen)
        return out

    def network_step(self, x: Tensor, index: Tensor) -> tuple[dict[str, float], Tensor | None]:
        """Reconstruction, the latent's shape, and what the critics and the guide say; returns losses and fakes."""
        cfg = self.cfg
        out: dict[str, float] = {}
        with self.autocast():
            mu, logvar = self.net.encode(x)
        z = reparameterise(mu, logvar, torch.randn(mu.shape, generator=self.gen).to(x.device))
        if self.codes is not None:
            target = self.codes.mean(self.factors[index]).to(x.device)
            pull = (mu - target)[:, : self.codes.spec.z_dim].square().sum(dim=1).mean()
            told = self.codes.draw(self.factors[index], self.gen).to(x.device)
            mine = (torch.arange(len(x)) % 2 == 0)[:, None].to(x.device)
            z = torch.where(mine, z, told)
        codes, wanted = self.further_codes(mu.detach(), index)
        gliding, halfway = self.gliding(x, index) if self.codes is not None and cfg.glide_weight else (z[:0], x[:0])
        parts = [z, gliding] if codes is None else [z, gliding, codes]
        with self.autocast():
            pictures = self.net.decode(torch.cat(parts))
        n = len(x)
        made, glided, pictures = pictures[:n], pictures[n : n + len(gliding)], pictures[n + len(gliding) :]
        rec = self.distance(made, x)
        out["reconstruction"] = float(rec.detach())
        loss = rec
        if cfg.kind == "vae":
            kl = kl_per_dimension(mu, logvar).mean(dim=0)
            out["kl"] = float(kl.detach().sum())
            loss = loss + self.beta * kl.clamp_min(cfg.free_bits).sum()
        elif cfg.kind == "aae":
            loss = loss + cfg.latent_weight * losses.g_nonsaturating(self.latent_critic(mu))
        if len(gliding):
            glide = self.distance(glided, halfway)
            out["glide"] = float(glide.detach())
            loss = loss + cfg.glide_weight * glide
        if self.codes is not None:
            out["anchor"] = float(pull.detach())
            loss = loss + cfg.anchor_weight * pull
        if self.features is not None:
            with self.autocast():
                seen = self.features.perceptual_distance(made, x).mean()
            out["perceptual"] = float(seen.detach())
            loss = loss + cfg.perceptual_weight * seen
        if self.probe is not None and cfg.probe_weight:
            named, right = self.reading(self.probe(z), self.factors[index])
            out |= {"labels": float(named.detach()), "readable": right}
            loss = loss + cfg.probe_weight * named
        if self.probe is not None and self.codes is None:
            self.follow_means(mu.detach(), index)
        if wanted is not None and self.guide is not None:
            told = self.guide_loss(pictures[: len(wanted)], wanted)
            out["guide"] = float(told.detach())
            loss = loss + cfg.guide_weight * told
        if self.adversarial:
            self.critic.requires_grad_(False)
            pictures = torch.cat((made[: int(cfg.adv_made * n)], pictures))
            with self.autocast():
                adv = losses.g_nonsaturating(self.critic(recoloured(pictures, self.gen)))
            self.critic.requires_grad_(True)
            out["generator"] = float(adv.detach())
            loss = loss + cfg.adv_weight * adv
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        if self.probe is not None and cfg.probe_weight:
            self.opts["probe"].step()
            self.opts["probe"].zero_grad(set_to_none=True)
        if cfg.kind == "aae":
            out["latent_critic"] = self.latent_critic_step(mu.detach())
        return out, pictures.detach() if self.adversarial else None

    @torch.no_grad()
    def gliding(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Codes between those of two pictures, for a quarter of the batch, and what they should show.

        Half of them are on the way in their colours alone, the others in all; the latter come nearly to the middle,
        where the nearer shape is still to be seen.  The recoloured picture at the other end is the averaged network's.
        """
        assert self.codes is not None
        n = max(2, len(x) // 4)
        f = self.factors[index]
        shapes = (torch.arange(n) % 2 == 0)[:, None]
        t = torch.rand(n, 1, generator=self.gen) * torch.where(shapes, BORDER, 1.0)
        z, there = self.codes.between(f[:n], f[-n:], t, shapes)
        with self.autocast():
            end = self.ema.net.decode(there.to(x.device))
        return z.to(x.device), torch.lerp(x[:n], end.clamp(-1, 1), t.view(n, 1, 1, 1).to(x.device))

    @torch.no_grad()
    def focus(self, e: Tensor) -> Tensor:
        """Weights of places ``[1, 1, H, W]`` from the running mean of absolute errors around them."""
        now = F.avg_pool2d(e.abs().mean(dim=(0, 1), keepdim=True), 9, stride=1, padding=4, count_include_pad=False)
        self.places = now if self.places is None else self.places.lerp(now, 0.02)
        return (self.places / self.places.mean()).clamp(1 / self.cfg.focus**0.25, self.cfg.focus)

    def distance(self, made: Tensor, x: Tensor) -> Tensor:
        """The reconstruction loss: a mean over batch, channels and pixels."""
        cfg = self.cfg
        if cfg.reconstruction == "mse":
            return F.mse_loss(made, x)
        if cfg.reconstruction == "l1":
            return F.l1_loss(made, x)
        e = (made - x).contiguous()
        if cfg.focus > 1:
            e = e * self.focus(e.detach())
        # Errors need no more than 8 bits, and in half the memory they take a third less time.
        loss = losses.reconstruction(e.bfloat16() if self.half else e, e.new_zeros(()))
        return loss + cfg.mse_weight * e.square().mean() if cfg.mse_weight else loss

    # -- labels

    def reading(self, logits: Tensor, f: Tensor) -> tuple[Tensor, float]:
        """Cross entropy of factor values (a mean over factors and batch), and the share read rightly."""
        assert self.spec is not None
        f = f.to(logits.device)
        parts = [logits[:, v.start : v.start + len(v.values)] for v in self.spec.factors]
        loss = torch.stack([F.cross_entropy(y, f[:, i]) for i, y in enumerate(parts)]).mean()
        right = torch.stack([(y.detach().argmax(1) == f[:, i]).float().mean() for i, y in enumerate(parts)]).mean()
        return loss, float(right)

    @torch.no_grad()
    def follow_means(self, mu: Tensor, index: Tensor) -> None:
        """Keep the running mean code of every factor value."""
        assert self.spec is not None
        hot = self.spec.one_hot(self.factors[index]).to(mu.device)
        seen = hot.sum(0)
        share = torch.where(seen > 0, 1 - 0.99**seen, torch.zeros_like(seen))
        share = torch.where((self.counts == 0) & (seen > 0), torch.ones_like(share), share)[:, None]
        self.means.lerp_(hot.t() @ mu / seen.clamp_min(1)[:, None], share)
        self.counts += seen

    def further_codes(self, mu: Tensor, index: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Codes beside the batch's own that the critic and the guide look at, and the factor values of the first ones.

        Edits first (one factor, now and then two, moved to another value by the difference of mean codes: what an
        attribute slider does), then in-betweens of two pictures, then samples.
        """
        cfg = self.cfg
        guided = self.guide is not None and cfg.guide_weight > 0
        if not guided and not self.adversarial:
            return None, None
        count = max(4, int(cfg.adv_share * len(mu)))
        edits = count // 2 if guided else 0
        rest = count - edits
        between = (rest + 1) // 2 if cfg.kind != "ae" else rest
        parts: list[Tensor] = []
        wanted: Tensor | None = None
        if edits:
            z, wanted = self.edited(mu[:edits], index[:edits])
            parts.append(z)
        a, b = torch.randint(len(mu), (2, between), generator=self.gen)
        t = 0.2 + 0.6 * torch.rand(between, 1, generator=self.gen).to(mu.device)  # near the ends nothing is in doubt
        parts.append(torch.lerp(mu[a], mu[b], t))
        if rest > between:
            parts.append(0.9 * torch.randn(rest - between, mu.shape[1], generator=self.gen).to(mu.device))
        return torch.cat(parts), wanted

    def edited(self, mu: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Codes with one or two factors moved to other values, and the factor values that they should now show."""
        assert self.spec is not None
        f = self.factors[index].clone()
        rows = torch.arange(len(f))
        for turn in range(2):
            which = torch.randint(len(self.spec.factors), (len(f),), generator=self.gen)
            go = torch.rand(len(f), generator=self.gen) < (1.0 if turn == 0 else 0.3)
            for i, factor in enumerate(self.spec.factors):
                hit = rows[(which == i) & go]
                if not len(hit):
                    continue
                new = torch.randint(len(factor.values), (len(hit),), generator=self.gen)
                shift = self.means[factor.start + new] - self.means[factor.start + f[hit, i]]
                amount = 0.9 + 0.5 * torch.rand(len(hit), 1, generator=self.gen).to(mu.device)
                mu = mu.index_add(0, hit.to(mu.device), amount * shift)
                f[hit, i] = new
        return mu, f

    def guide_loss(self, pictures: Tensor, wanted: Tensor) -> Tensor:
        """Cross entropy of the guide's reading of edited pictures with what they should show."""
        assert self.guide is not None
        k = max(1, pictures.shape[-1] // GUIDE_SIZE)
        with self.autocast():
            logits = self.guide(F.avg_pool2d(pictures, k) if k > 1 else pictures)
        f = wanted.to(pictures.device)
        return torch.stack([F.cross_entropy(y.float(), f[:, i]) for i, y in enumerate(logits)]).mean()

    def fit_guide(self) -> None:
        """Fit the guide to the true labels (another one than the judge that measures: another seed, fewer steps)."""
        if self.spec is None or not self.cfg.guide_weight:
            return
        small = reduced(self.pictures, GUIDE_SIZE)
        self.guide = train_judge(self.spec, small, steps=self.cfg.guide_steps, seed=101).to(self.device)
        self.guide.requires_grad_(False)

    # -- critics

    def latent_critic_step(self, mu: Tensor) -> float:
        """The logistic loss of the latent critic: draws from N(0, 1) against codes."""
        opt = self.opts["latent_critic"]
        opt.zero_grad(set_to_none=True)  # what the encoder's step left there
        prior = torch.randn(mu.shape, generator=self.gen).to(mu.device)
        loss = losses.d_logistic(self.latent_critic(prior), self.latent_critic(mu))
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        return float(loss.detach())

    def critic_step(self, fakes: Tensor) -> dict[str, float]:
        """The logistic loss of the patch critic on the same fakes and as many real pictures, and lazy R1."""
        cfg = self.cfg
        n = len(fakes)
        index = torch.multinomial(self.weights, n, replacement=True, generator=self.gen)
        real = to_float(self.pictures.images[index], self.device).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            logits = self.critic(recoloured(torch.cat((real, fakes)), self.gen))
        loss = losses.d_logistic(logits[:n], logits[n:])
        loss.backward()
        out = {"critic": float(loss.detach()), "real_sign": float(logits[:n].detach().sign().mean())}
        if cfg.r1_gamma and self.steps % cfg.r1_every == 0:
            x = real[: max(1, n // 3)].requires_grad_(True)
            penalty = losses.r1_penalty(self.critic(x).mean(dim=1), x)
            (penalty * (cfg.r1_gamma / 2 * cfg.r1_every)).backward()
            out["r1"] = float(penalty.detach())
        opt = self.opts["critic"]
        opt.step()
        opt.zero_grad(set_to_none=True)
        return out

    # -- looking at it

    @torch.no_grad()
    def measure(self, count: int = 400) -> dict[str, float]:
        """Errors of held-out pictures rebuilt from their means by the averaged network, KL and active units.

        Also remembers KL of each dimension, and a sentence when the latent has collapsed.
        """
        images = self.held.images[:count]
        mu, logvar = encode_all(self.ema.net, images, self.device, half=self.half)
        e = decode_all(self.ema.net, mu, self.device, half=self.half).clamp(-1, 1) - to_float(images)
        active = int((mu.var(dim=0) > ACTIVE).sum())
        found = {"held_out_l1_0_255": float(e.abs().mean() * 127.5), "held_out_psnr": float(psnr(e).mean())}
        if self.net.variational:
            kl = kl_per_dimension(mu, logvar).mean(dim=0)
            self.kl_dimensions = [round(float(v), 4) for v in kl]
            found["held_out_kl"] = float(kl.sum())
        self.warning = self.collapse(active)
        return {**found, "active_units": float(active)}

    def collapse(self, active: int) -> str:
        """A sentence when so few active dimensions mean that the latent has collapsed, else nothing."""
        if (self.cfg.kind == "vae" and self.seen < self.cfg.warm) or active > max(1, self.cfg.latent_dim // 50):
            return ""
        return (
            f"The latent has collapsed: {active} of its {self.cfg.latent_dim} dimensions carry anything, so every "
            "picture is decoded alike. Lower --beta, or raise --free-bits or --warm."
        )

    @torch.no_grad()
    def preview(self) -> UInt8Image:
        """The fixed sheet, rows of 8: held-out pictures, their reconstructions, four in-betweens, samples (0.8)."""
        net = self.ema.net
        x = to_float(self.held.images[:16])
        mu, _ = encode_all(net, self.held.images[:16], self.device, half=self.half)
        t = torch.linspace(0, 1, 8)[:, None]
        z = 0.8 * torch.randn(16, mu.shape[1], generator=torch.Generator().manual_seed(99))
        lines = [torch.lerp(mu[2 * i], mu[2 * i + 1], t) for i in range(min(4, len(mu) // 2))]
        made = decode_all(net, torch.cat((mu, *lines, z)), self.device, half=self.half)
        n = len(x)
        half = n // 2
        return sheet(torch.cat((x[:half], made[:half], x[half:], made[half:n], made[n:])), 8)

    # -- snapshots

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        state: dict[str, Any] = {
            "format": 1,
            "trained": "vae",
            "config": self.cfg.to_dict(),
            "net": self.net.state_dict(),
            "ema": self.ema.net.state_dict(),
            "opt": self.opt.state_dict(),
            "helpers": {name: net.state_dict() for name, net in self.helpers.items()},
            "opts": {name: opt.state_dict() for name, opt in self.opts.items()},
            "spare": self.spare,
            "steps": self.steps,
            "age": self.age,
            "seen": self.seen,
            "minutes": self.minutes,
            "gen": self.gen.get_state(),
            "rng": torch.get_rng_state(),
        }
        if self.probe is not None:
            state |= {"means": self.means, "counts": self.counts}
        return state

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`; of a network of another size, with all of it that fits.

        What does not fit is kept for a network that it fits again: the top layers wait while a smaller one is trained.
        """
        fresh: dict[str, Tensor] = {}
        nets: dict[str, VAE] = {"net": self.net, "ema": self.ema.net}
        for name, net in nets.items():
            own, left = net.state_dict(), dict(state.get("spare", {}).get(name, {}))
            fits = {k: v for sd in (left, state[name]) for k, v in sd.items() if k in own and v.shape == own[k].shape}
            net.load_state_dict({**own, **fresh, **fits})
            fresh = {k: v for k, v in net.state_dict().items() if k not in fits}
            self.spare[name] = {
                k: v for k, v in {**left, **state[name]}.items() if k not in own or v.shape != own[k].shape
            }
        if {k: v.shape for k, v in state["net"].items()} == {k: v.shape for k, v in self.net.state_dict().items()}:
            self.opt.load_state_dict(with_groups(state["opt"], self.opt))
            self.age = state["age"]
        for name, helper in self.helpers.items():
            if name in state["helpers"]:
                helper.load_state_dict(state["helpers"][name])
                self.opts[name].load_state_dict(with_groups(state["opts"][name], self.opts[name]))
        if self.probe is not None and self.codes is None and "means" in state:
            self.means.copy_(state["means"])
            self.counts.copy_(state["counts"])
        self.steps, self.seen, self.minutes = state["steps"], state["seen"], state["minutes"]
        self.gen.set_state(state["gen"])
        torch.set_rng_state(state["rng"])


def with_groups(saved: dict[str, Any], opt: torch.optim.Optimizer) -> dict[str, Any]:
    """A saved optimiser state with the settings of the present one."""
    return {"state": saved["state"], "param_groups": opt.state_dict()["param_groups"]}

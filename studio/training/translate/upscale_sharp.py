"""SRGAN: an enlarging network gets texture from a critic of patches and a perceptual loss (Ledig et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import StudioError
from studio.base.steps import Steps
from studio.training.data import Pictures
from studio.training.driver import drive, opened
from studio.training.perceptual import PerceptualLoss
from studio.training.stylegan2 import Trained
from studio.training.translate import coach
from studio.training.translate.adversarial import PatchCritic
from studio.training.translate.common import load_features
from studio.training.translate.upscale import MEASURED, UpscaleTrainer
from studio.training.translate.upscale_config import SharpConfig

R1_EVERY = 8


def train_srgan(
    cfg: SharpConfig,
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
    t = opened(lambda settings, dev: SharpTrainer(settings, data, dev), cfg, folder, device=device, resume=resume)
    return (yield from drive(t, folder, cfg.images, minutes=minutes, save_minutes=save_minutes, stop=stop))


class SharpTrainer(UpscaleTrainer):
    """An enlarging network, its critic, and the eyes of a feature network.

    The critic is relativistic (Jolicoeur-Martineau 2018, as in Wang et al. 2018): it says which of the two is more
    real, the truth or what the network made of the same cut, so that flat places teach nothing and texture does.
    """

    TRAINED = "srgan"
    cfg: SharpConfig

    def __init__(self, cfg: SharpConfig, data: Pictures, device: torch.device) -> None:
        super().__init__(cfg, data, device)
        features = load_features(cfg.features, self.dtype)
        cast(nn.Module, features).to(device).eval()
        try:
            self.seen_by = PerceptualLoss(features, [], content=cfg.layer_weights(), style={})
        except ValueError as exc:
            raise StudioError("The layers to compare are not there.", f"{exc}.", "Name others with --layers.") from exc
        self.critic = PatchCritic(3, cfg.critic_width, cfg.critic_layers, norm="none")
        # Without normalisation the small first weights of GANs would let nothing through at first.
        for m in self.critic.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, a=0.2)
        self.critic = self.critic.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.opt_critic = torch.optim.Adam(
            self.critic.parameters(), lr=cfg.lr_critic, betas=(0.5, 0.99), fused=device.type != "mps"
        )
        self.sure: list[float] = []

    def judged(self, x: Tensor) -> Tensor:
        """The critic's logits of pictures in [0, 1]."""
        x = (x * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            out: Tensor = self.critic(x)
        return out.float()

    def perceived(self, y: Tensor, truth: Tensor) -> Tensor:
        """The perceptual distance: relative squared errors of the layers, weighted."""
        terms = self.seen_by(y, self.seen_by.content_of(truth))
        return torch.stack(list(terms.values())).sum()

    def step(self, part: float) -> dict[str, float]:
        """One batch: the network, then the critic."""
        cfg = self.cfg
        self._rates(part)
        x, truth = self.cuts()
        y = self.enlarged(self.net, x)
        pixel, perceptual = F.l1_loss(y, truth), self.perceived(y, truth)
        self.critic.requires_grad_(False)
        with torch.no_grad():
            real = self.judged(truth)
        # Each patch against the truth of the same patch: brightness and content cancel, texture remains.
        gan = F.softplus(real - self.judged(y)).mean()
        self.critic.requires_grad_(True)
        total = cfg.pixel_weight * pixel + cfg.perceptual_weight * perceptual + cfg.gan_weight * gan
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.5)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        out = {"difference": float(pixel.detach()), "perceptual": float(perceptual.detach()),
               "generator": float(gan.detach()), **self._criticise(truth, y.detach(), part)}  # fmt: skip
        self._counted()
        return out

    def _criticise(self, truth: Tensor, made: Tensor, part: float) -> dict[str, float]:
        cfg = self.cfg
        for group in self.opt_critic.param_groups:
            group["lr"] = cfg.lr_critic * self.learning_rate(part)
        n = len(truth)
        logits = self.judged(torch.cat((truth, made)))
        gaps = logits[:n] - logits[n:]
        loss = F.softplus(-gaps).mean()
        out = {"critic": float(loss.detach()), "critic right": float((gaps > 0).float().mean())}
        if cfg.r1 and self.steps % R1_EVERY == 0:
            real = truth.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.judged(real).mean(dim=(1, 2, 3)).sum(), real, create_graph=True)
            penalty = slope.square().sum(dim=(1, 2, 3)).mean()
            loss = loss + 0.5 * cfg.r1 * R1_EVERY * penalty
        loss.backward()
        self.opt_critic.step()
        self.opt_critic.zero_grad(set_to_none=True)
        # -1 (always fooled) to 1 (never), a mean over the latest steps.
        sign = 2 * out["critic right"] - 1
        self.sure = [*self.sure[-99:], sign]
        return out

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """As the plain training, and the perceptual distance of held-out pictures."""
        x, truth = self.held_out(MEASURED)
        far = [float(self.perceived(self.enlarged(self.ema.net, a), b)) for a, b in zip(x.split(8), truth.split(8),
                                                                                      strict=True)]  # fmt: skip
        return {**super().measure(), "held-out perceptual": sum(far) / len(far)}

    def findings(self, x: Tensor, y: Tensor, truth: Tensor) -> list[coach.Finding]:
        """What the coach sees, of the critic too."""
        latest = [sum(self.sure[-20:]) / len(self.sure[-20:])] * coach.LATEST if len(self.sure) >= 20 else []
        return [*super().findings(x, y, truth), *coach.look(critic=latest)]

    def state(self) -> dict[str, Any]:
        """Everything, as plain data and tensors."""
        return {
            **super().state(),
            "critic": self.critic.state_dict(),
            "opt_critic": self.opt_critic.state_dict(),
            "sure": self.sure,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`."""
        super().load(state)
        self.critic.load_state_dict(state["critic"])
        self.opt_critic.load_state_dict(state["opt_critic"])
        self.sure = [float(v) for v in state["sure"]]

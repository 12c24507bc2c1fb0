"""What adversarial translation shares: the critic of patches, its losses, and the pool of older pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.nets.translator_ops import make_norm
from studio.training.augment import augment

CriticNorm = Literal["none", "instance", "instance_affine"]
CriticInit = Literal["normal", "kaiming"]
LossKind = Literal["lsgan", "nonsaturating", "wgan"]
LOSSES: tuple[LossKind, ...] = ("lsgan", "nonsaturating", "wgan")


class PatchCritic(nn.Module):
    """Real or made, for each patch of a picture: the PatchGAN of pix2pix and CycleGAN (Isola et al. 2017).

    ``n_layers`` halvings with 4x4 convolutions, from ``width`` channels doubled up to eight times as many (or
    ``widths``, one number for each halving and one for the layer after them), and two of stride 1: each logit sees
    :func:`receptive_field` pixels, 70 for three halvings.  No normalisation in the first and last layer.  A conditional
    critic takes input and picture concatenated: ``in_channels`` 6.  ``init``: ``normal`` as the authors
    (:func:`init_weights`), or ``kaiming``, which learns to tell two worlds apart about twice as fast at first.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 64,
        n_layers: int = 3,
        *,
        norm: CriticNorm = "instance",
        widths: Sequence[int] = (),
        max_scale: int = 8,
        init: CriticInit = "normal",
    ) -> None:
        super().__init__()
        sizes = tuple(widths) or tuple(width * min(1 << i, max_scale) for i in range(n_layers + 1))
        if n_layers < 1 or len(sizes) != n_layers + 1:
            raise ValueError(f"{n_layers} halvings need {n_layers + 1} widths, not {len(sizes)}")
        self.n_layers, self.in_channels = n_layers, in_channels
        steps: list[nn.Module] = []
        before = in_channels
        for i, n in enumerate(sizes):
            # Only instance normalisation without a shift of its own leaves room for a bias.
            bias = i == 0 or norm in ("none", "instance")
            steps.append(nn.Conv2d(before, n, 4, stride=2 if i < n_layers else 1, padding=1, bias=bias))
            if i:
                steps.append(make_norm(n, norm))
            steps.append(nn.LeakyReLU(0.2, inplace=True))
            before = n
        steps.append(nn.Conv2d(before, 1, 4, padding=1))
        self.model = nn.Sequential(*steps)
        init_weights(self)
        if init == "kaiming":
            for step in steps:
                if isinstance(step, nn.Conv2d):
                    nn.init.kaiming_normal_(step.weight, a=0.2)
            # The last layer begins small: no opinion yet.
            with torch.no_grad():
                cast(nn.Conv2d, steps[-1]).weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` to the logits of all patches ``[N, 1, h, w]``, float32."""
        y: Tensor = self.model(x)
        return y.float()


def receptive_field(n_layers: int) -> int:
    """Pixels on a side that one logit of a :class:`PatchCritic` of so many halvings sees."""
    seen = 1
    for stride in (1, 1, *(2,) * n_layers):
        seen = (seen - 1) * stride + 4
    return seen


def init_weights(net: nn.Module, gain: float = 0.02, gen: torch.Generator | None = None) -> None:
    """Convolutions from N(0, ``gain``), biases 0, scales N(1, ``gain``): the beginning that the authors use.

    Small first weights make a generator begin as a nearly constant grey picture, which keeps an unpaired training from
    falling into inverted colours.
    """
    for m in net.modules():
        weight, bias = getattr(m, "weight", None), getattr(m, "bias", None)
        if isinstance(weight, nn.Parameter):
            nn.init.normal_(weight, 1.0 if weight.ndim == 1 else 0.0, gain, generator=gen)
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)


def critic_loss(real: Tensor, fake: Tensor, kind: LossKind = "lsgan") -> Tensor:
    """What a critic minimises, from its logits (any shape, means over all).

    ``lsgan``: half of the squared distances from 1 and 0 (Mao et al. 2017); ``nonsaturating``: logistic
    (Goodfellow et al. 2014); ``wgan``: the difference of means (Arjovsky et al. 2017), to be used with
    :func:`gradient_penalty`.
    """
    if kind == "lsgan":
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())
    if kind == "nonsaturating":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    if kind == "wgan":
        return fake.mean() - real.mean()
    raise ValueError(f"there is no adversarial loss {kind}; there are {', '.join(LOSSES)}")


def generator_loss(fake: Tensor, kind: LossKind = "lsgan") -> Tensor:
    """What a generator minimises, from the critic's logits of its pictures."""
    if kind == "lsgan":
        return (fake - 1).square().mean()
    if kind == "nonsaturating":
        return F.softplus(-fake).mean()
    if kind == "wgan":
        return -fake.mean()
    raise ValueError(f"there is no adversarial loss {kind}; there are {', '.join(LOSSES)}")


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    gen: torch.Generator | None = None,
    *,
    target: float = 1.0,
) -> Tensor:
    """(|grad D(x)| - ``target``)^2 on the lines between real and made pictures (Gulrajani et al. 2017), a mean.

    ``real``, ``fake`` ``[N, C, H, W]``, not differentiated.  The logits of a picture are summed, as StarGAN's authors
    do: a critic of many patches is told to be 1-Lipschitz in that sum.  The result can be differentiated again.
    """
    alpha = torch.rand(len(real), 1, 1, 1, generator=gen).to(real.device, real.dtype)
    x = torch.lerp(fake.detach(), real.detach(), alpha).requires_grad_(True)
    (grad,) = torch.autograd.grad(critic(x).float().sum(), x, create_graph=True)
    # A square root has no slope at 0; a critic that is flat somewhere must not poison all weights.
    norm = (grad.float().square().flatten(1).sum(dim=1) + 1e-12).sqrt()
    return (norm - target).square().mean()


class ImagePool:
    """Older made pictures, so that the critic does not forget what the generator did before (Shrivastava 2017).

    Holds ``size`` pictures.  Until it is full it gives back what it gets; then each picture is, by chance, either given
    back or exchanged for an older one.
    """

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def query(self, x: Tensor, gen: torch.Generator) -> Tensor:
        """``[N, C, H, W]`` to as many, some of them from earlier calls; without gradients."""
        x = x.detach()
        if self.size <= 0:
            return x
        out = []
        for picture in x:
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
                out.append(picture)
            elif float(torch.rand((), generator=gen)) < 0.5:
                at = int(torch.randint(self.size, (), generator=gen))
                out.append(self.pictures[at])
                self.pictures[at] = picture.clone()
            else:
                out.append(picture)
        return torch.stack(out)

    def state(self) -> dict[str, Any]:
        """What a snapshot keeps."""
        return {"pictures": torch.stack(self.pictures).cpu() if self.pictures else torch.empty(0)}

    def load(self, state: dict[str, Any], device: torch.device | str = "cpu") -> None:
        """Continue from :meth:`state`."""
        self.pictures = [p.clone() for p in state["pictures"].to(device)][: max(0, self.size)]


def augmented(x: Tensor, strength: float, gen: torch.Generator, condition: Tensor | None = None) -> Tensor:
    """What the critic sees of pictures ``[N, 3, H, W]``: lightly changed, and the ``condition`` beside them.

    The condition ``[N, C, H, W]`` is shifted exactly as its picture is, and keeps its colours.
    """
    if strength <= 0:
        return x if condition is None else torch.cat((condition, x), dim=1)
    y = augment(x, strength, gen, shift=0.0)
    both = y if condition is None else torch.cat((condition, y), dim=1)
    n, c, h, w = both.shape
    reach = h // 16
    if reach:
        move = torch.randint(-reach, reach + 1, (n, 2), generator=gen)
        move = move * (torch.rand(n, 1, generator=gen) < strength)
        rows = (torch.arange(h)[None] + move[:, :1]).clamp(0, h - 1).to(x.device)
        cols = (torch.arange(w)[None] + move[:, 1:]).clamp(0, w - 1).to(x.device)
        both = both.gather(2, rows[:, None, :, None].expand(-1, c, h, w))
        both = both.gather(3, cols[:, None, None, :].expand(-1, c, h, w))
    return both


def linear_decay(part: float, start: float = 0.5, least: float = 0.0) -> float:
    """The authors' schedule: 1 until ``start`` of the training, then down to ``least`` in a line."""
    x = max(0.0, min(1.0, (part - start) / max(1e-6, 1 - start)))
    return 1 - (1 - least) * x


def gap(real: Tensor, fake: Tensor) -> float:
    """How far a critic tells its pictures apart: difference of its mean logits (one number for the log)."""
    found = float(real.detach().mean() - fake.detach().mean())
    return found if math.isfinite(found) else 0.0


def certainty(real: Tensor, fake: Tensor, kind: LossKind = "lsgan") -> float:
    """The share of true patches minus the share of made ones that a critic takes for true, -1 to 1: 1 is sure."""
    middle = 0.5 if kind == "lsgan" else 0.0
    return float((real.detach() > middle).float().mean() - (fake.detach() > middle).float().mean())


class Watch:
    """What the coach wants to know of the time between two previews: means of errors, and how sure the critic was."""

    def __init__(self) -> None:
        self.errors: list[tuple[float, float]] = []
        """(training, held-out), one entry for each preview."""
        self.critic: list[float] = []
        self.sums, self.count, self.held = [0.0, 0.0], 0, 0.0

    def note(self, error: float, sure: float) -> None:
        """One batch."""
        self.sums = [self.sums[0] + error, self.sums[1] + sure]
        self.count += 1

    def close(self) -> None:
        """A preview is made: one more entry."""
        if self.count:
            self.errors.append((self.sums[0] / self.count, self.held))
            self.critic.append(self.sums[1] / self.count)
        self.sums, self.count = [0.0, 0.0], 0

    def state(self) -> dict[str, Any]:
        """What a snapshot keeps."""
        return {"errors": [list(e) for e in self.errors], "critic": list(self.critic)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state`."""
        self.errors = [(float(a), float(b)) for a, b in state.get("errors", [])]
        self.critic = [float(c) for c in state.get("critic", [])]

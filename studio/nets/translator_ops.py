"""What the picture-to-picture networks share: normalisation with a choice of statistics, seeded dropout, padding.

A :class:`Pass` says how one run through a network normalises and drops.  It travels with the activations, so one
network can serve many requests without carrying their settings.  Without a pass a network behaves as torch's own
modules do in training and in evaluation mode, which is what training wants.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Steps
from studio.nets.roles import Statistics

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture ``[H, W, C]``, the whole range used."""

NormKind = Literal["batch", "instance", "instance_affine", "none"]
"""``batch``: scale, shift and stored statistics; ``instance``: neither; ``instance_affine``: scale and shift only."""

MAX_WIDTH = 1 << 16
MAX_DEPTH = 256
_BAD = (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError)


class Pass:
    """How one run normalises and drops.  Subclass it to bring statistics from elsewhere (those of a whole picture).

    ``statistics`` is ``"stored"`` (those of training), ``"own"`` (each picture's own, whatever else is in the batch)
    or a number from 0 (stored) to 1 (own) for means and variances in between.  ``dropout_seed`` ``None`` drops
    nothing; an integer drops the same places in every picture of the batch, so that a picture's result does not
    depend on its neighbours; a sequence gives each picture its own seed.
    """

    def __init__(
        self, statistics: Statistics = "stored", dropout_seed: int | Sequence[int] | None = None, *, count: int = 1
    ) -> None:
        if isinstance(statistics, str):
            if statistics not in ("stored", "own"):
                raise ValueError(f"statistics are 'stored', 'own' or a number from 0 to 1, not {statistics!r}")
            self.own = 1.0 if statistics == "own" else 0.0
        else:
            self.own = float(statistics)
            if not 0 <= self.own <= 1:
                raise ValueError(f"statistics are 'stored', 'own' or a number from 0 to 1, not {statistics!r}")
        if dropout_seed is None:
            self.seeds: tuple[int, ...] = ()
        elif isinstance(dropout_seed, Sequence):
            self.seeds = tuple(int(s) for s in dropout_seed)
            if len(self.seeds) != count:
                raise ValueError(f"{len(self.seeds)} dropout seeds for {count} pictures")
        else:
            self.seeds = (int(dropout_seed),)

    def moments(self, norm: Norm, x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Mean and (biased) variance to use as the picture's own before ``norm``, each ``[N or 1, C]``.

        ``None``, as here, means those of ``x`` itself.
        """
        return None

    def normalise(self, norm: Norm, x: Tensor) -> Tensor:
        """``x`` ``[N, C, H, W]`` through ``norm``."""
        own = self.own if norm.stored else 1.0
        if own == 0:
            return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        given = self.moments(norm, x)
        if given is None and own == 1 and x.shape[2] * x.shape[3] > 1:
            return F.instance_norm(x, weight=norm.weight, bias=norm.bias, eps=norm.eps)
        if given is None:
            var, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0)
        else:
            mean, var = (t.float() for t in given)
        scale, shift = self.scale_shift(norm, mean, var)
        return x * scale.to(x.dtype) + shift.to(x.dtype)

    def scale_shift(self, norm: Norm, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """What ``norm`` multiplies by and then adds, ``[N, C, 1, 1]`` float32 each.

        ``mean`` and ``var`` are the picture's own, ``[N or 1, C]`` float32; stored ones have their share here.
        """
        own = self.own if norm.stored else 1.0
        if own < 1:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            mean = torch.lerp(norm.running_mean.float().expand_as(mean), mean, own)
            var = torch.lerp(norm.running_var.float().expand_as(var), var, own)
        scale = (var + norm.eps).rsqrt()
        if norm.weight is not None:
            scale = scale * norm.weight.float()
        shift = -mean * scale
        if norm.bias is not None:
            shift = shift + norm.bias.float()
        return scale[:, :, None, None], shift[:, :, None, None]

    def drop(self, x: Tensor, place: int, rate: float) -> Tensor:
        """Zero a share ``rate`` of the numbers of ``x`` ``[N, C, H, W]`` and raise the others to make up for it.

        What is dropped follows from the seed, the place in the network and the size alone.  The draw is the CPU's on
        every device, so that a seed means the same picture everywhere.
        """
        if not self.seeds or rate <= 0:
            return x
        return x * self.mask(tuple(x.shape[1:]), place, rate).to(x.device, x.dtype) * (1 / (1 - rate))

    def mask(self, shape: tuple[int, ...], place: int, rate: float) -> Tensor:
        """What :meth:`drop` keeps of a whole map ``[C, H, W]``: ones and zeros, ``[seeds, C, H, W]`` uint8."""
        masks = torch.empty((len(self.seeds), *shape), dtype=torch.uint8)
        for seed, mask in zip(self.seeds, masks, strict=True):
            generator = torch.Generator().manual_seed((seed * 1_000_003 + place) % (1 << 63))
            mask.bernoulli_(1 - rate, generator=generator)
        return masks


class Aware(nn.Module):
    """A module that wants to know the pass: ``forward(x, how)``."""


class Norm(Aware):
    """Batch or instance normalisation: which of the two is a matter of the statistics it has and is asked to use.

    torch's counter of batches is left out: nothing here reads it, and old files lack it.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(self, channels: int, *, affine: bool, stored: bool, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.stored, self.momentum = eps, stored, 0.1
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if affine else None)
        self.register_buffer("running_mean", torch.zeros(channels) if stored else None)
        self.register_buffer("running_var", torch.ones(channels) if stored else None)

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        if how is not None:
            return how.normalise(self, x)
        if self.stored:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training,
                                self.momentum, self.eps)  # fmt: skip
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)


class Dropout(Aware):
    """Dropout that a seed can repeat.  ``place`` tells the dropouts of one network apart."""

    def __init__(self, place: int, rate: float = 0.5) -> None:
        super().__init__()
        self.place, self.rate = place, rate

    def forward(self, x: Tensor, how: Pass | None = None) -> Tensor:
        """``[N, C, H, W]`` to the same."""
        if how is not None:
            return how.drop(x, self.place, self.rate)
        return F.dropout(x, self.rate, self.training)


class ResizeConv(nn.Conv2d):
    """Nearest neighbour x2, then a convolution: up-sampling that cannot make checkerboards (Odena et al., 2016)."""

    def forward(self, input: Tensor) -> Tensor:
        """``[N, I, H, W]`` to ``[N, O, 2H, 2W]``."""
        return super().forward(F.interpolate(input, scale_factor=2, mode="nearest"))


def make_norm(channels: int, kind: NormKind) -> nn.Module:
    """The normalisation of this kind; ``none`` still takes its place in a sequence."""
    if kind == "none":
        return nn.Identity()
    if kind not in ("batch", "instance", "instance_affine"):
        raise ValueError(f"unknown normalisation {kind!r}")
    return Norm(channels, affine=kind != "instance", stored=kind == "batch")


def through(steps: Iterable[nn.Module], x: Tensor, how: Pass | None) -> Tensor:
    """``x`` through modules in order; those that are :class:`Aware` are told the pass."""
    for step in steps:
        x = step(x, how) if isinstance(step, Aware) else step(x)
    return x


def reflect_to(x: Tensor, multiple: int, least: int = 1) -> Tensor:
    """``[N, C, H, W]`` grown at the right and the bottom to multiples, by reflection, as often as it takes."""
    for dim in (2, 3):
        n = int(x.shape[dim])
        want = max(least, n)
        want += -want % multiple
        if want != n:
            period = max(1, 2 * n - 2)
            at = torch.arange(want, device=x.device) % period
            x = x.index_select(dim, torch.minimum(at, period - at) if n > 1 else at)
    return x


class HyperNet(nn.Module):
    """A network that its own hyper-parameters can build again."""

    ARCHITECTURE: ClassVar[str]
    TITLE: ClassVar[str]
    HYPER: ClassVar[tuple[str, ...]]
    """The arguments of the constructor, which are also attributes."""

    in_channels: int
    out_channels: int
    colors: str

    @property
    def hyper(self) -> dict[str, object]:
        """Everything that :meth:`from_hyper` needs, for the model card."""
        told = {name: getattr(self, name) for name in self.HYPER}
        told = {name: list(v) if isinstance(v, tuple) else v for name, v in told.items()}
        return {"architecture": self.ARCHITECTURE, **told}

    @classmethod
    def from_hyper(cls, hyper: Mapping[str, Any]) -> Self:
        """The network that :attr:`hyper` of another one describes, with fresh weights.  Raises :class:`ModelError`."""
        try:
            return cls(**{name: hyper[name] for name in cls.HYPER if name in hyper})
        except (*_BAD, RuntimeError) as exc:
            raise ModelError(f"This {cls.TITLE} is not described completely.", f"{exc}.") from exc

    def _picture(self, x: Tensor) -> Tensor:
        """Checked, in the network's own precision and order of colours."""
        if x.ndim != 4 or x.shape[1] != self.in_channels or 0 in x.shape:
            raise ValueError(f"pictures are [N, {self.in_channels}, H, W] here, not {list(x.shape)}")
        return self._colors(x.to(next(self.parameters()).dtype))

    def _colors(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.colors == "bgr" and x.shape[1] == 3 else x


class PictureTranslator(HyperNet):
    """The part of :class:`studio.nets.roles.Translator` that all networks share."""

    c_dim: int = 0
    multiple: int
    """Sides that are multiples of this need no padding."""
    least: int
    """The smallest side that needs no padding."""

    def forward(self, x: Tensor, how: Pass | None = None, labels: Tensor | None = None) -> Tensor:
        """A picture of fitting size, ``[N, C, H, W]`` in [-1, 1], to another; without padding."""
        raise NotImplementedError

    @property
    def has_stored_statistics(self) -> bool:
        """Whether ``statistics`` changes anything."""
        return any(m.stored for m in self.modules() if isinstance(m, Norm))

    @property
    def has_dropout(self) -> bool:
        """Whether ``dropout_seed`` changes anything."""
        return any(isinstance(m, Dropout) for m in self.modules())

    def translate(
        self,
        x: Tensor,
        statistics: Statistics = "stored",
        dropout_seed: int | Sequence[int] | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """``[N, C, H, W]`` of any size in [-1, 1] to the same size, float32 in [-1, 1].  See :class:`Pass`."""
        return self.run(x, Pass(statistics, dropout_seed, count=int(x.shape[0])), labels)

    def translate_steps(
        self,
        x: Tensor | Pixels,
        statistics: Statistics = "stored",
        dropout_seed: int | Sequence[int] | None = None,
        labels: Tensor | None = None,
        *,
        tile: int = 512,
        room: int = 4 << 30,
    ) -> Steps[Any]:
        """:meth:`translate` in short steps and bounded memory: the same outcome, for pictures of any size.

        See :func:`studio.nets.translator_tiles.translate_steps`, also for pixels instead of a tensor.
        """
        from studio.nets.translator_tiles import translate_steps

        return translate_steps(self, x, statistics, dropout_seed, labels, tile=tile, room=room)

    def run(self, x: Tensor, how: Pass, labels: Tensor | None = None) -> Tensor:
        """:meth:`translate` with a pass of one's own."""
        h, w = x.shape[-2:]
        y = self.forward(reflect_to(self._picture(x), self.multiple, self.least), how, labels)
        return self._colors(y[:, :, :h, :w]).float()


def check_width(*widths: int) -> None:
    """Refuse what no such network has, before anything is allocated for it."""
    if not all(0 < n <= MAX_WIDTH for n in widths):
        raise ValueError(f"a width of {min(widths)} or {max(widths)} channels is impossible")


def strays(names: Iterable[str], *, affine: bool = True) -> set[str]:
    """Keys that old or careful programs store and no network here uses.

    The counters of batches, and the running statistics that instance normalisation without a scale carried in old
    files.  ``affine`` False: those with a scale too (networks that always use the picture's own statistics).
    """
    known = set(names)
    found = set()
    for name in known:
        parent, _, last = name.rpartition(".")
        unused = last in ("running_mean", "running_var") and not (affine and f"{parent}.weight" in known)
        if unused or last == "num_batches_tracked":
            found.add(name)
    return found


def norm_kind(sd: Mapping[str, Tensor], biased: bool) -> NormKind:
    """Which normalisation these tensors belong to: scales and statistics speak first, then the convolutions' biases.

    A convolution before a normalisation without a shift of its own has a bias, all others have none.
    """
    scales = [k[: -len(".weight")] for k, t in sd.items() if k.endswith(".weight") and t.ndim == 1]
    if scales:
        return "batch" if any(f"{k}.running_mean" in sd for k in scales) else "instance_affine"
    return "instance" if biased else "none"


def shape_of(sd: Mapping[str, Tensor], name: str, what: str, ndim: int = 4) -> tuple[int, ...]:
    """The shape of one tensor that a network of kind ``what`` cannot be without.  Raises :class:`ModelError`."""
    if name not in sd:
        raise ModelError(f"This is not a complete {what}.", f"missing: {name}.")
    shape = tuple(int(n) for n in sd[name].shape)
    if len(shape) != ndim or not all(0 < n <= MAX_WIDTH for n in shape):
        raise ModelError(f"This is not a complete {what}.", f"wrong shape: {name} {list(shape)}.")
    return shape


def consecutive(found: Iterable[int], first: int, what: str, name: str) -> int:
    """How many blocks there are, if they are numbered without a gap from ``first``.  Raises :class:`ModelError`."""
    numbers = sorted(set(found))
    gap = next((first + i for i, n in enumerate(numbers) if n != first + i), None)
    if not numbers or gap is not None:
        missing = name.format(first if gap is None else gap)
        raise ModelError(f"This is not a complete {what}.", f"missing: {missing}.")
    if len(numbers) > MAX_DEPTH:
        raise ModelError(f"This {what} is not possible.", f"It would have {len(numbers)} blocks.")
    return len(numbers)


def mix_weights(networks: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
    """A new network whose every number is the weighted mean of theirs (network interpolation, Wang et al., 2018).

    ``weights`` need not add up to 1; whole numbers (tables of places) are the first one's.  Raises
    :class:`ModelError` where the networks are not built alike.
    """
    total = math.fsum(weights)
    if len(networks) != len(weights) or not networks or not math.isfinite(total) or total == 0:
        raise ValueError("one weight for each network, and not all of them zero, is needed")
    states = [n.state_dict() for n in networks]
    first = {k: t.shape for k, t in states[0].items()}
    if any({k: t.shape for k, t in s.items()} != first for s in states[1:]):
        raise ModelError("These models cannot be mixed.", "They are not built alike.", "Choose models of one family.")
    mixed = copy.deepcopy(networks[0])
    mixed.load_state_dict(
        {k: sum((s[k] * (w / total) for s, w in zip(states, weights, strict=True)), start=torch.zeros(()).to(t))
         if t.is_floating_point() else t
         for k, t in states[0].items()}
    )  # fmt: skip
    return mixed

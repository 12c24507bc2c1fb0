"""What a StyleGAN2 training is told."""

from __future__ import annotations

import ctypes
import dataclasses
import sys
from dataclasses import dataclass
from typing import Any


@dataclass
class TrainConfig:
    """All settings of one training; stored in its snapshots, so that a resumed run is the same run.

    Sizes in pixels, times in minutes, intervals in steps (or minutes where the name says so).
    """

    size: int = 64
    batch: int = 32
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    z_dim: int = 128
    w_dim: int = 256
    mapping_layers: int = 6
    channel_base: int = 8192
    channel_max: int = 256
    channels: str = ""
    """Explicit widths such as ``4:192,8:192,16:192,32:128,64:64`` (empty: from base and max)."""
    anchor: bool = False
    balance: float = 0.75
    """Anchored: how far pictures with rare values are drawn more often (0: not at all, 1: every value as often)."""
    recon_weight: float = 1.0
    mapping_batch: int = 128
    """Anchored: extra codes in every step that keep the mapping true to its directions (0: none)."""
    adv_weight: float = 1.0
    adv_from: int = 0
    """Pictures before the adversarial part begins (anchored trainings start without it)."""
    adv_share: float = 0.5
    """Anchored: the part of each batch, in pictures, that the adversarial losses see."""
    lr_g: float = 2.5e-3
    lr_d: float = 2.0e-3
    lr_mapping: float = 1.0
    """Multiplies ``lr_g`` for the mapping network (its parameters are stored a hundred times enlarged)."""
    beta1: float = 0.0
    decay_from: float = 0.75
    """Part of the training after which the learning rate falls, to ``decay_to`` of itself."""
    decay_to: float = 0.05
    d_mapping_layers: int = 2
    d_channel_scale: float = 1.0
    d_size: int = 0
    """The discriminator looks at pictures averaged down to this size (0: the full size)."""
    r1_gamma: float = 2.0
    r1_every: int = 16
    pl_weight: float = 2.0
    pl_every: int = 8
    mix_prob: float = 0.5
    ema_images: float = 10000.0
    augment: str = "ada"
    """``ada`` (raise the strength when real signs exceed ``augment_target``), ``none``, or a fixed strength 0..1."""
    augment_target: float = 0.6
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""
    noise_fixed: float = 0.0
    """Anchored: the fixed noise strength of the 8 to 32 px layers (0: no noise at all)."""
    flip: bool = False
    warm_steps: int = 3000
    """Anchored: steps that teach the mapping alone, before the first picture."""

    def widths(self) -> dict[int, int]:
        """Channels of each resolution of the generator."""
        if self.channels:
            return {int(r): int(c) for r, c in (p.split(":") for p in self.channels.split(","))}
        out, r = {}, 4
        while r <= self.size:
            out[r] = min(self.channel_max, self.channel_base // r)
            r *= 2
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain data for snapshots and cards."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TrainConfig:
        """The inverse of :meth:`to_dict`; unknown keys of newer versions are ignored."""
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in data.items() if k in known})


def keep_memory() -> bool:
    """Tell glibc to keep freed memory instead of returning it: training on the CPU becomes twice as fast.

    Every step allocates the same large activations; by default each is a fresh mapping whose pages fault in again.
    Returns whether the allocator took the setting (only glibc has it).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        return bool(libc.mallopt(m_mmap_max, 0)) and bool(libc.mallopt(m_trim_threshold, 2**31 - 1))
    except OSError:
        return False

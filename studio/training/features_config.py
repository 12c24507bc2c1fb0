"""What the training of the feature network is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.base.errors import StudioError
from studio.training.settings import Settings


@dataclass
class FeaturesConfig(Settings):
    """All settings of one training of a feature network; stored in its snapshots.

    The network learns to name the folder that a photograph lies in; what it needs for that is what it later sees.
    """

    SHAPE: ClassVar[tuple[str, ...]] = ("blocks",)

    size: int = 128
    """Pixels on a side that the photographs are read at."""
    blocks: str = "32x2,64x2,96x3,128x3,192x1"
    """Channels and number of the convolutions of each block, VGG's way."""
    crops: str = "64,96,112"
    """Sizes that the network is shown, one after the other: small ones first, since they are many times faster."""
    shares: str = "0.4,0.4,0.2"
    """The part of the training at each of these sizes."""
    batch: int = 64
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.1
    """Label smoothing (Szegedy et al. 2016)."""
    balance: float = 0.5
    """How far pictures of small classes are drawn more often (0: not at all, 1: every class alike)."""
    dropout: float = 0.2
    ema_images: float = 4000.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""

    def plan(self) -> list[tuple[str, int]]:
        """(layer, channels) of every convolution in order: ``("1_1", 32)``, ..."""
        out = []
        for block, part in enumerate(_numbers(self.blocks, "x"), start=1):
            if len(part) != 2:
                raise StudioError(f"“{self.blocks}” are no blocks.", "They are written as 32x2,64x2,96x3.")
            out += [(f"{block}_{i + 1}", int(part[0])) for i in range(int(part[1]))]
        return out

    def crop_at(self, part: float) -> int:
        """The crop's size after ``part`` (0..1) of the training."""
        sizes = [int(p[0]) for p in _numbers(self.crops, "x")]
        shares = [p[0] for p in _numbers(self.shares, "x")]
        if len(sizes) != len(shares):
            raise StudioError("Crops and shares do not fit.", "Each size needs its part of the training.")
        end = 0.0
        for size, share in zip(sizes, shares, strict=True):
            end += share / sum(shares)
            if part < end:
                return size
        return sizes[-1]


def _numbers(text: str, between: str) -> list[list[float]]:
    try:
        return [[float(n) for n in part.split(between)] for part in text.split(",")]
    except ValueError as exc:
        raise StudioError(f"“{text}” are no numbers.", "Several are written as 64,96,112.") from exc

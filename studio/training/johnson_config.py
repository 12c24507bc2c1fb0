"""What the training of a style network is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.base.errors import StudioError
from studio.training.perceptual import STATISTICS
from studio.training.settings import Settings


@dataclass
class JohnsonConfig(Settings):
    """All settings of one training of a feed-forward style network; stored in its snapshots.

    The loss is :class:`studio.training.perceptual.PerceptualLoss`, times ``content_weight`` and ``style_weight``, plus
    total variation.
    """

    SHAPE: ClassVar[tuple[str, ...]] = ("widths", "n_blocks")

    style: str = ""
    """The style picture: a file."""
    style_size: int = 320
    """The style picture's shorter side in training, px: larger means larger strokes."""
    features: str = ""
    """A feature network: a .safetensors file of ours (``""``: the fixed-seed features, which need none)."""
    base: str = ""
    """A style network to begin with (a .safetensors file of ours of the same shape): a new style takes a fraction of
    the time from there."""
    size: int = 128
    """Pixels on a side that the photographs are read at, and of the cuts that the network sees."""
    zoom: float = 2.5
    """Cuts are enlarged by up to this, so that the network also meets smooth places and soft edges."""
    widths: str = "16,32,64"
    n_blocks: int = 4
    content_layers: str = "relu3_1:1"
    style_layers: str = "relu1_1:1,relu2_1:1,relu3_1:1,relu4_1:1"
    statistic: str = "covariance"
    pooled: bool = True
    """The pictures of a batch share the style: not every one of them must have all of its colours."""
    content_weight: float = 1.0
    style_weight: float = 4.0
    tv_weight: float = 4.0
    batch: int = 4
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 2e-3
    decay_from: float = 0.4
    """Part of the training after which the learning rate falls, to a hundredth."""
    ema_images: float = 300.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        if not self.style:
            raise StudioError("There is no style picture.", todo="Name one with --style.")
        if self.statistic not in STATISTICS:
            raise StudioError(f"There is no statistic “{self.statistic}”.", f"There are {', '.join(STATISTICS)}.")
        if self.size % 16 or self.size < 32:
            raise StudioError("The size of the cuts must be a multiple of 16, at least 32.")

    def layers(self, text: str) -> dict[str, float]:
        """``relu1_1:1,relu2_1:0.5`` as a table."""
        try:
            return {name: float(weight) for name, weight in (part.split(":") for part in text.split(","))}
        except ValueError as exc:
            raise StudioError(f"“{text}” are no layers.", "They are written as relu1_1:1,relu2_1:0.5.") from exc

    def width_list(self) -> list[int]:
        """Channels at full, half and quarter size."""
        try:
            return [int(n) for n in self.widths.split(",")]
        except ValueError as exc:
            raise StudioError(f"“{self.widths}” are no widths.", "They are written as 16,32,64.") from exc

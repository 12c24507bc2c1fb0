"""What the trainings of enlarging networks are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from studio.base.errors import StudioError
from studio.training.settings import Settings

STEPS: dict[int, tuple[int, ...]] = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}


@dataclass
class UpscaleConfig(Settings):
    """All settings of one training of an SRResNet (L1); stored in its snapshots.

    The small pictures are made from the large ones: bicubic, averaging where it shrinks (Pillow's definition), rounded
    to 8 bits.
    """

    SHAPE: ClassVar[tuple[str, ...]] = ("scale", "nf", "num_block")

    scale: int = 2
    """How many times larger: 2, 3, 4 or 8."""
    nf: int = 32
    """Channels of the network."""
    num_block: int = 8
    """Residual blocks of the network."""
    base: str = ""
    """A network to begin with (a .safetensors file of ours): layers of the same name and shape are taken over, so a
    4x network may begin with a 2x one."""
    size: int = 128
    """Pixels on a side that the pictures are read at (their middle square, made smaller); smaller ones are left out."""
    patch: int = 40
    """Pixels on a side of the small cuts that the network sees (``size / scale`` at most)."""
    more: str = ""
    """Further folders or zips, with commas: drawings and emoji beside photographs, say."""
    more_share: float = 0.2
    """The part of all cuts that comes from them."""
    more_most: int = 1500
    """At most about so many pictures of each of them."""
    batch: int = 16
    """Cuts for each step."""
    images: int = 0
    """Stop after this many cuts (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 1e-3
    warm: int = 100
    """Steps over which the learning rate rises."""
    ema_images: float = 4000.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        if self.scale not in STEPS:
            raise StudioError(f"Enlarging {self.scale} times cannot be trained.", f"It can be {_listed(STEPS)} times.")
        if self.size % self.scale:
            raise StudioError(f"The size of the pictures must be a multiple of {self.scale}, the enlargement.")
        if self.patch < 8 or self.batch < 1:
            raise StudioError("The cuts must be at least 8 pixels wide, and a batch at least one cut.")
        if not 0 <= self.more_share <= 1:
            raise StudioError("The share of further pictures must be from 0 to 1.")


@dataclass
class SharpConfig(UpscaleConfig):
    """All settings of one SRGAN finish: it begins with an SRResNet (``base``) and gives it texture.

    The loss is L1, the perceptual loss of a feature network, and a critic of patches (Ledig et al. 2017, with the
    weights of Wang et al. 2018).
    """

    lr: float = 2e-4
    batch: int = 8
    ema_images: float = 2000.0
    features: str = "embedded"
    """The feature network that compares pictures: ``embedded`` (the program's own), a .safetensors file of ours, or
    ``""`` (fixed-seed features, which need no file)."""
    layers: str = "relu1_1:0.5,relu2_1:1,relu3_1:1,relu4_1:0.5"
    """Which of its layers are compared, and how much each counts."""
    pixel_weight: float = 1e-2
    """How much the plain difference to the truth counts."""
    perceptual_weight: float = 1.0
    gan_weight: float = 5e-3
    """How much the critic counts: more is crisper, and invents more."""
    critic_width: int = 24
    """Channels of the critic's first layer."""
    critic_layers: int = 2
    lr_critic: float = 4e-4
    r1: float = 0.5
    """Weight of the critic's gradient penalty on real pictures (every eighth step)."""

    def layer_weights(self) -> dict[str, float]:
        """``relu1_1:1,relu2_1:0.5`` as a table."""
        try:
            return {name: float(weight) for name, weight in (part.split(":") for part in self.layers.split(","))}
        except ValueError as exc:
            raise StudioError(f"“{self.layers}” are no layers.", "They are written as relu1_1:1,relu2_1:0.5.") from exc

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        super().check()
        if not self.base:
            raise StudioError(
                "There is no network to sharpen.",
                "SRGAN begins with a finished SRResNet.",
                "Train one with “studio train srresnet”, export it, and name the file with --base.",
            )
        self.layer_weights()


def _listed(values: Any) -> str:
    return ", ".join(str(v) for v in values)

"""What the trainings of translators are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.base.errors import StudioError
from studio.training.settings import Settings
from studio.training.translate.adversarial import LOSSES

CRITIC_NORMS = ("none", "instance", "instance_affine")


@dataclass
class TranslateConfig(Settings):
    """What all of them share; stored in their snapshots."""

    SHAPE: ClassVar[tuple[str, ...]] = (
        "network",
        "widths",
        "ngf",
        "n_blocks",
        "n_downsampling",
        "norm",
        "dropout",
        "up",
        "critic_width",
        "critic_layers",
        "critic_norm",
    )

    preset: str = ""
    """Settings, and the way to read the data, of an embedded model ."""
    size: int = 128
    """Pixels on a side that pictures are read at."""
    network: str = "unet"
    """``unet`` (lines stay where they are) or ``resnet`` (shapes may change more)."""
    widths: str = "32,64,96,128,128,128"
    """U-Net: channels of each level; each level halves the picture."""
    ngf: int = 32
    """ResNet: channels at full size."""
    n_blocks: int = 6
    n_downsampling: int = 2
    norm: str = "batch"
    """``batch`` (statistics are stored; the panel's slider mixes them with the picture's own) or ``instance``."""
    dropout: bool = True
    """Drop half of the deepest numbers in training: each seed then gives another variation (U-Net only)."""
    up: str = "resize"
    """``resize`` (no checkerboards) or ``transposed`` (as the authors)."""
    critic_width: int = 32
    critic_layers: int = 3
    critic_norm: str = "instance"
    critic_init: str = "kaiming"
    """How a critic begins: ``normal`` (as the authors), or ``kaiming``, which learns faster."""
    loss: str = "lsgan"
    """The adversarial loss: ``lsgan`` or ``nonsaturating``."""
    gan_weight: float = 1.0
    flip: bool = True
    """Mirrored pictures are as good as the others."""
    least_scale: float = 0.9
    most_scale: float = 1.1
    turn: float = 0.0
    """Pictures are turned by up to so many degrees."""
    shift: float = 0.04
    """Pictures are moved by up to this share of the side."""
    critic_augment: float = 0.0
    """How often the critic's pictures are changed in brightness, contrast, colour and place (0..1)."""
    batch: int = 8
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 8e-4
    lr_critic: float = 4e-4
    beta1: float = 0.5
    beta2: float = 0.99
    """Of the optimisers. The authors have 0.999: then a training remembers a bad moment for a thousand batches."""
    decay_from: float = 0.5
    """Part of the training after which the learning rates fall in a line to nothing."""
    ema_images: float = 2000.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""
    base: str = ""
    """A translator to begin with, an embedded one by its name or a .safetensors file: a new pair of worlds then takes
    a fraction of the time. The network has its shape. (cyclegan: two of them, THERE,BACK)"""
    features: str = "embedded"
    """The feature network that compares pictures: ``embedded``, a .safetensors file of ours, or empty (fixed ones)."""

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        self._one_of("network", ("unet", "resnet"))
        self._one_of("norm", ("batch", "instance", "instance_affine", "none"))
        self._one_of("up", ("resize", "transposed"))
        self._one_of("critic_norm", CRITIC_NORMS)
        self._one_of("critic_init", ("normal", "kaiming"))
        self._one_of("loss", tuple(k for k in LOSSES if k != "wgan"))
        multiple = 1 << (len(self.width_list()) if self.network == "unet" else self.n_downsampling)
        if self.size < 16 or self.size % multiple:
            raise StudioError(
                f"A size of {self.size} px does not suit this network.",
                f"It must be a multiple of {multiple}, at least 16.",
            )
        if self.batch < 1 or not 0 < self.least_scale <= self.most_scale:
            raise StudioError("The batch must be at least 1, and the scales must rise.")

    def _one_of(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise StudioError(
                f"“{getattr(self, name)}” is no {name.replace('_', ' ')}.", f"There are {', '.join(choices)}."
            )

    def width_list(self) -> list[int]:
        """Channels of the levels of a U-Net."""
        try:
            return [int(n) for n in self.widths.split(",")]
        except ValueError as exc:
            raise StudioError(f"“{self.widths}” are no widths.", "They are written as 32,64,96.") from exc


@dataclass
class Pix2PixConfig(TranslateConfig):
    """A training from pairs (Isola et al. 2017): adversarial, plus the distance to the true picture."""

    preset: str = ""
    """Settings, and the way to read the data, of an embedded model: ink-emoji."""
    direction: str = "AtoB"
    """``BtoA``: the second picture of each pair becomes the first."""
    l1_weight: float = 100.0
    """Of the mean absolute difference (values -1 to 1), as in the paper."""
    perceptual_weight: float = 0.0
    """Of the difference in what a feature network sees: sharper than L1 alone."""
    perceptual_reduce: int = 1
    """The feature network looks at pictures averaged down so many times: 2 takes a quarter of the time."""
    own_share: float = 0.0
    """Batch normalisation: part of the batches that are normalised picture by picture, so that the panel's slider works
    over its whole range."""
    ink: bool = False
    """Inputs are line drawings: draw their lines in many hands (thick, thin, hollow, wobbly, broken)."""
    traces: float = 0.4
    """Ink: how often the lines are traced from a coloured picture instead (the emoji set)."""
    wobble: float = 0.0
    """Pictures are bent by about so many pixels (of 128)."""

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        super().check()
        self._one_of("direction", ("AtoB", "BtoA"))


@dataclass
class CycleConfig(TranslateConfig):
    """A training from two unpaired worlds (Zhu et al. 2017): adversarial, there and back again, and identity."""

    preset: str = ""
    """Settings, and the way to read the data, of an embedded model: flat-3d-emoji or personas-toon."""
    network: str = "resnet"
    norm: str = "instance"
    dropout: bool = False
    ngf: int = 20
    cycle_weight: float = 10.0
    """Of the mean absolute difference after A -> B -> A, and after B -> A -> B."""
    identity_weight: float = 0.5
    """Of the difference when a picture is already of the target world; times ``cycle_weight``, as in the paper."""
    identity_until: float = 1.0
    """The identity term ends after this part of the training: it forbids to change colours."""
    identity_every: int = 1
    """It is asked for in every so many-th batch only: it costs a third of the time."""
    border: str = "repeat"
    """What comes in where a picture is moved or made smaller: ``repeat`` its border, or ``white``."""
    pool: int = 50
    batch: int = 4
    most_scale: float = 1.05
    least_scale: float = 0.85

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        super().check()
        self._one_of("border", ("repeat", "white"))
        if self.identity_every < 1:
            raise StudioError("The identity term must come in every batch, or every second, third … one.")

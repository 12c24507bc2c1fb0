"""What the training of a StarGAN is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.base.errors import StudioError
from studio.training.settings import Settings
from studio.training.translate.adversarial import LOSSES


@dataclass
class StarganConfig(Settings):
    """All settings of one training of a StarGAN; stored in its snapshots.  The defaults are those of the paper.

    (Choi et al. 2018, with resize-convolutions and an averaged network.)  The pictures need a labels.csv, or lie in
    one folder for each kind.
    """

    SHAPE: ClassVar[tuple[str, ...]] = ("size", "conv_dim", "repeat_num", "n_downsampling", "up", "toggles", "choices")

    size: int = 128
    """Pixels on a side that the pictures are read at."""
    toggles: str = ""
    """Columns of labels.csv that are 0 or 1, with commas (empty: all whose names begin with a_)."""
    choices: str = ""
    """Columns of labels.csv with a few values each, with commas (empty: class, label and colours; none: -)."""
    conv_dim: int = 32
    """Channels of the first layer."""
    repeat_num: int = 6
    """Residual blocks."""
    n_downsampling: int = 2
    up: str = "resize"
    """How the network grows pictures: resize (no checkerboards) or transposed (as in the paper)."""
    base: str = ""
    """A network to begin with (a .safetensors file of ours of the same shape)."""
    critic_width: int = 32
    """Channels of the critic's first layer."""
    critic_layers: int = 6
    """Halvings in the critic."""
    loss: str = "wgan"
    """wgan (with a gradient penalty), nonsaturating or lsgan (with a penalty on real pictures)."""
    adv_weight: float = 1.0
    class_weight: float = 1.0
    reconstruction_weight: float = 10.0
    """How much the way there and back must give the picture again."""
    same_weight: float = 0.0
    """How much a picture with its own labels must stay as it is."""
    penalty: float = 10.0
    n_critic: int = 5
    """Steps of the critic for each step of the network."""
    twins: str = ""
    """“personas”: pairs made from the label table of these drawings teach the network too."""
    teacher: str = ""
    """For twins: a labelled generator (.safetensors of ours) that was trained on the same pictures, or a
    file with the twins that it has drawn before."""
    twin_sources: int = 1600
    """For twins: so many pictures are drawn by the teacher with something changed."""
    twin_beards: float = 0.25
    """For twins: share of the bare portraits that a beard is put on."""
    twin_weight: float = 10.0
    batch: int = 16
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 1e-4
    lr_critic: float = 1e-4
    beta1: float = 0.5
    decay_from: float = 0.5
    """Part of the training after which the learning rates fall."""
    ema_images: float = 3000.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        if self.loss not in LOSSES:
            raise StudioError(f"There is no loss “{self.loss}”.", f"There are {', '.join(LOSSES)}.")
        if self.up not in ("resize", "transposed"):
            raise StudioError(f"Pictures cannot grow by “{self.up}”.", "There are resize and transposed.")
        if self.size % (1 << max(1, self.n_downsampling)) or self.size < 16:
            raise StudioError(f"The size must be a multiple of {1 << max(1, self.n_downsampling)}, at least 16.")
        if self.size < 2 << self.critic_layers:
            raise StudioError(
                f"Pictures of {self.size} px are too small for {self.critic_layers} halvings.",
                todo="Choose fewer with --critic-layers.",
            )
        if self.twins not in ("", "personas"):
            raise StudioError(f"There are no twins “{self.twins}”.", "There are those of personas.")
        if self.twins and not self.teacher:
            raise StudioError("Twins need a teacher.", todo="Name a labelled generator with --teacher.")

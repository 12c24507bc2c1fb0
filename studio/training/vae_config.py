"""What the training of an autoencoder is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from studio.base.errors import StudioError
from studio.training.settings import Settings

KINDS = ("vae", "ae", "aae")
RECONSTRUCTIONS = ("edges", "l1", "mse")


def by_resolution(text: str) -> dict[int, int]:
    """``4:96,8:128`` as ``{4: 96, 8: 128}``."""
    try:
        return {int(r): int(c) for r, c in (part.split(":") for part in text.split(","))}
    except ValueError as exc:
        raise StudioError(f"“{text}” are no widths.", "They are written as 4:96,8:128,16:128.") from exc


@dataclass
class VaeConfig(Settings):
    """All settings of one training of an autoencoder; stored in its snapshots.

    The loss is ``reconstruction`` (a mean over the batch, channels and pixels, in the [-1, 1] scale) plus ``beta``
    times KL (summed over the latent's dimensions, a mean over the batch, in nats), plus what else has a weight.  Sizes
    in pixels, lengths of the training in pictures.
    """

    SHAPE: ClassVar[tuple[str, ...]] = ("size", "kind", "latent_dim", "encoder", "decoder", "blocks", "top")

    size: int = 128
    kind: str = "vae"
    """``vae``: KL to N(0, 1); ``ae``: nothing shapes the latent; ``aae``: a critic on the latent does (Makhzani et
    al. 2015)."""
    latent_dim: int = 96
    encoder: str = "4:64,8:96,16:64,32:48,64:24"
    """Widths of the encoder by resolution, 4 to half the size."""
    decoder: str = "4:96,8:128,16:128,32:80,64:48"
    blocks: str = "4:1,8:1,16:1,32:2,64:1"
    """Residual blocks of the decoder at each resolution."""
    top: int = 16
    """Channels of the decoder at the full size."""
    batch: int = 32
    images: int = 0
    """Stop after this many pictures (0: only the time limit stops)."""
    seed: int = 0
    lr: float = 1e-3
    decay_from: float = 0.75
    """Part of the training after which the learning rate falls, to ``decay_to`` of itself."""
    decay_to: float = 0.05
    reconstruction: str = "edges"
    """``edges``: Charbonnier distance of pixels and of their differences at three scales; ``l1``; ``mse``."""
    mse_weight: float = 0.0
    """Adds the mean squared error to it: what is missing altogether (a rare beard) counts more than what is soft."""
    focus: float = 1.0
    """Aligned pictures: places whose error is above the mean of all places count more, at most this many times (1: all
    places count alike), so that a small thing such as a beard is not lost in large flat areas."""
    beta: float = 2e-4
    warm: int = 20000
    """KL warm-up: ``beta`` rises from 0 over this many pictures."""
    free_bits: float = 0.02
    """Nats of a dimension that cost nothing (its KL is averaged over the batch first; Kingma et al. 2016)."""
    latent_weight: float = 0.05
    """``aae``: weight of the critic on the latent."""
    probe_weight: float = 0.02
    """With a label table: how much the labels shall be readable from z by a linear layer (0: no supervision)."""
    anchor_weight: float = 0.0
    """With a label table: how strongly mu is pulled to the codes of the labels (see
    :mod:`studio.training.vae_anchor`); half of the pictures are then decoded from such codes (0: no supervision)."""
    glide_weight: float = 0.0
    """Anchored: weight of in-betweens (0: left to the decoder).  A flat drawing is linear in its colours, so the mean
    of a picture and of its recoloured self is the drawing in the mean colours: colours glide, and a shape stays what it
    is until the other is nearer, instead of two shapes showing through each other."""
    balance: float = 0.5
    """With a label table: how far pictures with rare values are drawn more often (0: not at all, 1: every value as
    often)."""
    perceptual_weight: float = 0.0
    """Weight of the distance in fixed-seed features (:mod:`studio.nets.features`)."""
    adv_weight: float = 0.0
    """Weight of the patch critic on reconstructions, in-betweens and samples (0: no critic)."""
    adv_from: int = 0
    """Pictures before the patch critic begins."""
    adv_share: float = 0.75
    """In-betweens, edits and samples for each picture of the batch, while there is a critic or a guide."""
    adv_made: float = 1.0
    """Part of the reconstructions that the critic looks at."""
    lr_d: float = 1e-3
    r1_gamma: float = 1.0
    r1_every: int = 16
    guide_weight: float = 0.0
    """With a label table: a classifier fitted to the true labels looks at edited codes, so that a change of one value
    changes that one alone (0: no guide)."""
    guide_steps: int = 1200
    ema_images: float = 8000.0
    precision: str = "auto"
    """``bf16``, ``fp32`` or ``auto`` (bf16 where the machine multiplies in it)."""
    flip: bool = False

    def check(self) -> None:
        """:class:`StudioError` when a setting makes no sense."""
        for name, value, known in (
            ("kind", self.kind, KINDS),
            ("reconstruction", self.reconstruction, RECONSTRUCTIONS),
            ("precision", self.precision, ("auto", "bf16", "fp32")),
        ):
            if value not in known:
                raise StudioError(f"There is no {name} “{value}”.", f"There are {', '.join(known)}.")
        sizes = sorted(by_resolution(self.decoder))
        if not sizes or 2 * sizes[-1] != self.size:
            raise StudioError(
                f"The widths do not make pictures of {self.size} px.",
                f"The decoder's last resolution must be {self.size // 2}.",
                "Give --encoder, --decoder and --blocks for 4, 8, 16, ... up to half the size.",
            )

    def resumed(self, data: dict[str, Any]) -> VaeConfig:
        """These settings, with the network of a snapshot's; at another size the network is grown or shrunk instead."""
        if data.get("size") != self.size:
            return self
        return super().resumed(data)

"""Any style in one pass: AdaIN (Huang and Belongie 2017), a VGG encoder, moments exchanged, a decoder.

The content's features at ``relu4_1`` are given the mean and deviation of the style's, channel by channel, and drawn
again.  Several styles mix by their moments; ``strength`` moves the features from the content's own (0) to the style's.
Module numbers of the decoder are those of the public PyTorch implementation's ``nn.Sequential``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from studio.base.errors import ModelError
from studio.base.steps import Progress, Steps, run
from studio.nets.tensors import fill
from studio.nets.tiling import LOOKING, Moments, local, moments, pieces_of
from studio.nets.translator_ops import check_width, reflect_to, shape_of
from studio.nets.vgg import VGG

WHAT = "AdaIN style transfer"
LAYER = "relu4_1"
EPS = 1e-5
"""Added to variances."""

CONVS = (1, 5, 8, 11, 14, 18, 21, 25, 28)
"""Numbers of the decoder's convolutions."""
DOUBLINGS = (1, 14, 21)
"""After these (and their ReLU) the maps are doubled."""
WHOLE = 1 << 30
"""A tile as large as any picture."""


class AdaIN(nn.Module):
    """Encoder and decoder, in the role Stylizer of :mod:`studio.nets.roles`.

    ``encoder`` reaches at least to ``relu4_1``; ``widths`` are the channels before each of the decoder's nine
    convolutions.
    """

    ARCHITECTURE = "adain"
    TITLE = WHAT
    wants_style = True
    multiple = 8
    least = 16

    def __init__(self, encoder: VGG, widths: Sequence[int] = (512, 256, 256, 256, 256, 128, 128, 64, 64)) -> None:
        super().__init__()
        check_width(*widths)
        if len(widths) != len(CONVS):
            raise ValueError(f"the decoder has {len(CONVS)} convolutions")
        if LAYER not in encoder.layer_names or encoder.channels(LAYER) != widths[0]:
            raise ValueError("encoder and decoder do not fit together")
        self.encoder = encoder
        self.widths = tuple(int(n) for n in widths)
        steps: list[nn.Module] = []
        for at, n_in, n_out in zip(CONVS, self.widths, (*self.widths[1:], 3), strict=True):
            steps += [nn.ReflectionPad2d(1), nn.Conv2d(n_in, n_out, 3)]
            if at != CONVS[-1]:
                steps.append(nn.ReLU(inplace=True))
            if at in DOUBLINGS:
                steps.append(nn.Upsample(scale_factor=2, mode="nearest"))
        self.decoder = nn.Sequential(*steps)

    @property
    def hyper(self) -> dict[str, Any]:
        """For the model card."""
        return {"widths": list(self.widths), "encoder": self.encoder.hyper}

    def encode(self, x: Tensor) -> Tensor:
        """RGB in [0, 1], sides multiples of 8, to ``[N, C, H / 8, W / 8]``."""
        return self.encoder.features(x, [LAYER])[LAYER]

    def decode(self, features: Tensor) -> Tensor:
        """``[N, C, h, w]`` to RGB ``[N, 3, 8 h, 8 w]``, about [0, 1], not clipped."""
        return cast(Tensor, self.decoder(features))

    def stylize(
        self, x: Tensor, styles: Sequence[Tensor] = (), weights: Sequence[float] = (), strength: float = 1.0
    ) -> Tensor:
        """``[N, 3, H, W]`` RGB in [0, 1] of any size in the mixed styles (``[1, 3, h, w]`` each), the same size.

        ``weights`` count relative to each other (none: all alike).  Raises :class:`ValueError` without a style.
        """
        return run(self.stylize_steps(x, styles, weights, strength, tile=WHOLE))

    def stylize_steps(
        self,
        x: Tensor,
        styles: Sequence[Tensor] = (),
        weights: Sequence[float] = (),
        strength: float = 1.0,
        *,
        tile: int = 1024,
    ) -> Steps[Tensor]:
        """:meth:`stylize` in tiles of ``tile`` pixels with moments of the whole pictures: the same outcome."""
        shares = shares_of(styles, weights)
        margin = self.encoder.halo([LAYER])
        mixed: list[Tensor] = []
        for style, share in zip(styles, shares, strict=True):
            gathered = Moments()
            for piece, picture in pieces_of(self._picture(style), self.multiple, tile, margin):
                gathered.add(piece.inner(self.encode(picture)))
                yield Progress(0, 0, LOOKING)
            found = [share * part for part in deviation(*gathered.done(correction=1))]
            mixed = [a + b for a, b in zip(mixed, found, strict=True)] if mixed else found
        mean, std = mixed
        h, w = x.shape[-2:]
        content = yield from local(self.encode, self._picture(x), self.multiple, 1, tile, margin)
        own_mean, own_std = deviation(*moments(content, correction=1))
        painted = (content - own_mean) / own_std * std + mean
        wanted = painted if strength == 1 else torch.lerp(content, painted, float(strength))
        y = yield from local(self.decode, wanted, 1, self.multiple, tile, 32)
        return y[:, :, :h, :w].float().clamp(0, 1)

    def _picture(self, x: Tensor) -> Tensor:
        return fitting(x, cast(nn.Conv2d, self.decoder[1]).weight.dtype, self.multiple, self.least)

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], **told: Any) -> AdaIN:
        """Build the network from ``encoder.conv1_1.weight`` ... and ``decoder.1.weight`` ..., in evaluation mode.

        ``told``: ``preprocessing`` of the encoder; other names are ignored.  Raises :class:`ModelError`.
        """
        inside = {k.removeprefix("encoder."): t for k, t in sd.items() if k.startswith("encoder.")}
        encoder = VGG.from_state_dict(inside, **{k: told[k] for k in ("preprocessing",) if k in told})
        widths = [shape_of(sd, f"decoder.{at}.weight", WHAT)[1] for at in CONVS]
        try:
            net = cls(encoder, widths)
        except ValueError as exc:
            raise ModelError(f"This is not a complete {WHAT}.", f"{exc}.") from exc
        fill(net, sd, WHAT)
        net.eval().requires_grad_(False)
        return net


def deviation(mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """Moments ``[N, C]`` as mean and deviation ``[N, C, 1, 1]``."""
    return mean[:, :, None, None], (var + EPS).sqrt()[:, :, None, None]


def shares_of(styles: Sequence[Tensor], weights: Sequence[float]) -> list[float]:
    """Weights that add up to 1, one for each style."""
    if not styles:
        raise ValueError("a picture to take the style from is needed")
    given = list(weights) if weights else [1.0] * len(styles)
    total = sum(given)
    if len(given) != len(styles) or not total > 0:
        raise ValueError("one weight for each style, and not all of them zero, is needed")
    return [w / total for w in given]


def fitting(x: Tensor, dtype: torch.dtype, multiple: int, least: int) -> Tensor:
    """A picture ``[N, 3, H, W]`` in the network's precision, grown by reflection to sides that fit."""
    if x.ndim != 4 or x.shape[1] != 3 or 0 in x.shape:
        raise ValueError(f"pictures are [N, 3, H, W] here, not {list(x.shape)}")
    return reflect_to(x.to(dtype), multiple, least)

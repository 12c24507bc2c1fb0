"""AdaIN in two files, ``decoder.pth`` and ``vgg_normalised.pth``, and the library's copy with both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.base.errors import ModelError
from studio.checkpoints.companions import Part, Several
from studio.checkpoints.families import vgg
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

CONVS = (1, 5, 8, 11, 14, 18, 21, 25, 28)
_LAST = "conv4_1"
"""Where the encoder ends."""


def detect(c: Candidate) -> Recognised | None:
    """Both halves in one table, as the library keeps them."""
    if "encoder.conv4_1.weight" not in c or "decoder.28.weight" not in c:
        return None
    return _recognised(dict(c.tensors), "AdaIN, both halves in one file")


def _decoder(c: Candidate) -> int | None:
    """The channels it draws from."""
    wanted = {f"{at}.{leaf}" for at in CONVS for leaf in ("weight", "bias")}
    if set(c.tensors) != wanted or len(c.tensors["1.weight"].shape) != 4:
        return None
    return c.tensors["1.weight"].shape[1]


def _encoder(c: Candidate) -> int | None:
    """The channels of the layer that the decoder draws from."""
    tensors = vgg.normalised(c)
    return None if tensors is None or f"{_LAST}.weight" not in tensors else tensors[f"{_LAST}.weight"].shape[0]


def _join(parts: Mapping[str, Candidate]) -> Recognised:
    inside = vgg.normalised(parts["encoder"])
    if inside is None:
        raise ModelError("This looks like an AdaIN style transfer, but its encoder is missing.")
    deep = [n for n in inside if n.startswith(("conv4_", "conv5_")) and not n.startswith(f"{_LAST}.")]
    tensors: dict[str, Lazy] = {f"encoder.{n}": t for n, t in inside.items() if n not in deep}
    tensors.update({f"decoder.{n}": t for n, t in parts["decoder"].tensors.items()})
    return _recognised(tensors, "AdaIN, a file for each half")


def _recognised(tensors: dict[str, Lazy], source: str) -> Recognised:
    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        del values
        from studio.nets.adain import AdaIN

        return AdaIN.from_state_dict(meta)

    return Recognised("stylizer", "adain", source, tensors, make)


IN_TWO_FILES = Several(
    "adain",
    "stylizer",
    "an AdaIN style transfer",
    (Part("decoder", "the decoder", _decoder), Part("encoder", "the VGG encoder (vgg_normalised.pth)", _encoder)),
    _join,
)

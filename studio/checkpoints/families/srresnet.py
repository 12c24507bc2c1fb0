"""SRResNet and SRGAN: ``block1`` ... ``block8`` (leftthomas), and BasicSR's MSRResNet under old and new names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.families.translators import beside, colors, kept_name, layout, open_questions, stated
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn


def detect(c: Candidate) -> Recognised | None:
    """The corner stones of either."""
    if _is_conv(c, "block1.0.weight") and "block2.conv1.weight" in c:
        return _recognised(c, dict(c.tensors), "leftthomas SRGAN", "srgan")
    old = "recon_trunk.0.conv1.weight" in c
    if not (_is_conv(c, "conv_first.weight") and "conv_last.weight" in c and "upconv1.weight" in c):
        return None
    if old or "body.0.conv1.weight" in c:
        from studio.nets.srresnet import canonical_msr

        where = "BasicSR MSRResNet" + (", old names" if old else "")
        return _recognised(c, canonical_msr(c.tensors), where, "srresnet")  # type: ignore[arg-type]
    return None


def _is_conv(c: Candidate, name: str) -> bool:
    tensor = c.tensors.get(name)
    return tensor is not None and len(tensor.shape) == 4


def _recognised(c: Candidate, tensors: dict[str, Lazy], where: str, architecture: str) -> Recognised:
    fixed, left = open_questions(c, colors())

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.srresnet import MSRResNet, SRGANGenerator

        kind = SRGANGenerator if architecture == "srgan" else MSRResNet
        return kind.from_state_dict(meta, **{**fixed, **values})

    return Recognised(
        "upscaler",
        kept_name(c, architecture, "srgan", "srresnet"),
        layout(c, where),
        tensors,
        make,
        assumptions=left,
        notes=beside(c),
        hyper=stated(c),
    )

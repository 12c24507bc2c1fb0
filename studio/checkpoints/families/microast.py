"""MicroAST in four files, and the library's copy with all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from studio.checkpoints.companions import Part, Several
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_CORNERS = {
    "encoder": ("enc1.0.conv_layer.weight", "enc2.0.conv2.conv_layer.weight"),
    "modulator": ("weight1.0.conv_layer.weight", "bias2.0.conv_layer.weight"),
    "decoder": ("dec1.conv1.conv_layer.weight", "dec3.10.conv_layer.weight"),
}
_WIDE = {
    "encoder": "enc2.0.conv2.conv_layer.weight",
    "modulator": "weight1.0.conv_layer.weight",
    "decoder": "dec1.conv1.conv_layer.weight",
}
"""The tensor whose first number all parts share."""


def detect(c: Candidate) -> Recognised | None:
    """All parts in one table, as the library keeps them."""
    if "content_encoder.enc1.0.conv_layer.weight" not in c or "decoder.dec1.conv1.conv_layer.weight" not in c:
        return None
    return _recognised(dict(c.tensors), "MicroAST, all parts in one file")


def _part(kind: str) -> Callable[[Candidate], int | None]:
    def test(c: Candidate) -> int | None:
        from studio.nets.microast import part_of

        if not all(name in c for name in _CORNERS[kind]) or part_of(list(c.tensors)) != kind:
            return None
        return c.tensors[_WIDE[kind]].shape[0]

    return test


def _join(parts: Mapping[str, Candidate]) -> Recognised:
    tensors: dict[str, Lazy] = {f"{part}.{n}": t for part, c in parts.items() for n, t in c.tensors.items()}
    return _recognised(tensors, "MicroAST, a file for each part")


def _recognised(tensors: dict[str, Lazy], source: str) -> Recognised:
    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        del values
        from studio.nets.microast import MicroAST

        return MicroAST.from_state_dict(meta)

    return Recognised("stylizer", "microast", source, tensors, make)


IN_FOUR_FILES = Several(
    "microast",
    "stylizer",
    "a MicroAST style transfer",
    (
        Part("decoder", "the decoder", _part("decoder")),
        Part("content_encoder", "the content encoder", _part("encoder"), hint="content"),
        Part("style_encoder", "the style encoder", _part("encoder"), hint="style"),
        Part("modulator", "the modulator", _part("modulator")),
    ),
    _join,
)

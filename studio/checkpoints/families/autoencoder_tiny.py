"""Tiny autoencoders (TAESD, TAESDXL, TAESD3, TAEF1, TAEF2 ...): both halves in one file, or a file each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.base.errors import ModelError
from studio.checkpoints.companions import Part, Several
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_LEAF = r"(?:weight|bias|conv\.[024]\.(?:weight|bias)|skip\.weight|pool\.(?:[03]\.weight|1\.(?:weight|bias)))"
_BARE = re.compile(rf"\d{{1,3}}\.{_LEAF}")
_BOTH = re.compile(rf"(?:taesd_)?(encoder|decoder)\.(layers\.)?(\d{{1,3}})\.({_LEAF})")
_BESIDE = ("vae_scale", "vae_shift")
"""Numbers that some programs keep beside the network."""


def detect(c: Candidate) -> Recognised | None:
    """Both halves in one table: the author's class, diffusers' (``encoder.layers.N``), ComfyUI's."""
    names = [n for n in c.tensors if n not in _BESIDE]
    if not names or not any(".conv.0.weight" in n for n in names):
        return None
    found = {n: _BOTH.fullmatch(n) for n in names}
    matched = {n: m for n, m in found.items() if m is not None}
    if len(matched) != len(names) or {m.group(1) for m in matched.values()} != {"encoder", "decoder"}:
        return None
    tensors: dict[str, Lazy] = {}
    for name, m in matched.items():
        # diffusers leaves the soft clamp out of its numbers.
        number = int(m.group(3)) + (1 if m.group(2) and m.group(1) == "decoder" else 0)
        tensors[f"{m.group(1)}.{number}.{m.group(4)}"] = c.tensors[name]
    layout = "diffusers' layout" if any(m.group(2) for m in matched.values()) else "both halves in one file"
    return _recognised(tensors, f"Tiny autoencoder (TAESD), {layout}")


def _recognised(tensors: dict[str, Lazy], source: str) -> Recognised:
    def make(meta: Mapping[str, Tensor], _: Values) -> nn.Module:
        from studio.nets.autoencoder_tiny import AutoencoderTiny

        return AutoencoderTiny.from_state_dict(meta)

    return Recognised("autoencoder", "autoencoder-tiny", source, tensors, make)


def _half(c: Candidate) -> dict[str, Lazy] | None:
    """A half alone under the author's names; the number tells which half it is."""
    tensors = {n: t for n, t in c.tensors.items() if n not in _BESIDE}
    if not any(".conv.0.weight" in n for n in tensors):
        return None
    if all(_BARE.fullmatch(n) for n in tensors):
        return tensors
    for side, shift in (("encoder", 0), ("decoder", 1)):
        found = {n: re.fullmatch(rf"(?:{side}\.)?layers\.(\d{{1,3}})\.({_LEAF})", n) for n in tensors}
        if all(found.values()):
            moved = {f"{int(m.group(1))}.{m.group(2)}": tensors[n] for n, m in found.items() if m}
            # Without the clamp a decoder begins with a convolution from latents and a ReLU.
            if shift and "1.weight" not in moved and moved["0.weight"].shape[1] != 3:
                moved = {f"{int(m.group(1)) + 1}.{m.group(2)}": tensors[n] for n, m in found.items() if m}
            return moved
    return None


def _encoder(c: Candidate) -> tuple[int, int] | None:
    from studio.nets.autoencoder_tiny import factor_of, half, plan_encoder

    tensors = _half(c)
    if tensors is None or "0.weight" not in tensors or tensors["0.weight"].shape[1:2] not in ((3,), (4,)):
        return None
    plan = plan_encoder(half({n: t.shape for n, t in tensors.items()}, ""))
    return plan[-1].n_out, factor_of(plan)


def _decoder(c: Candidate) -> tuple[int, int] | None:
    from studio.nets.autoencoder_tiny import factor_of, half, inputs_of, plan_decoder

    tensors = _half(c)
    if tensors is None or "0.weight" in tensors or "1.weight" not in tensors:
        return None
    plan = plan_decoder(half({n: t.shape for n, t in tensors.items()}, ""))
    return inputs_of(plan), factor_of(plan)


def _join(parts: Mapping[str, Candidate]) -> Recognised:
    tensors: dict[str, Lazy] = {}
    for side, candidate in parts.items():
        inside = _half(candidate)
        if inside is None:
            raise ModelError("This looks like a tiny autoencoder, but one of its halves is missing.")
        tensors.update({f"{side}.{n}": t for n, t in inside.items()})
    return _recognised(tensors, "Tiny autoencoder (TAESD), a file for each half")


IN_TWO_FILES = Several(
    "autoencoder-tiny",
    "autoencoder",
    "a tiny autoencoder (TAESD)",
    (Part("decoder", "the decoder", _decoder), Part("encoder", "the encoder", _encoder)),
    _join,
)

"""StyleGAN2 in the canonical layout: raw state dicts, NVIDIA's pickles, our own files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import (
    Recognised,
    Values,
    average_of_mapped,
    is_clamp,
    stored_assumptions,
    stored_value,
    zeros,
)
from studio.checkpoints.lazy import Lazy, made
from studio.checkpoints.limits import plain
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

CLAMP_WHY = "The file does not say at which value activations are cut off; the authors' training uses 256."
CLAMP_CHOICES = (256.0, None)
LR = 0.01
MAX_SIZES = 10
"""Doublings after 4 px: 4096 px."""


def detect(c: Candidate) -> Recognised | None:
    """Canonical keys: ``synthesis.b4.const`` and ``synthesis.b4.conv1.weight``."""
    if "synthesis.b4.const" not in c or "synthesis.b4.conv1.weight" not in c or "mapping.fc0.weight" not in c:
        return None
    return canonical(c, dict(c.tensors), "StyleGAN2, NVIDIA's layout", clamp=_clamp(c), lr=_learning_rate(c))


def canonical(
    c: Candidate,
    tensors: dict[str, Lazy],
    source: str,
    *,
    clamp: float | Assumption | None,
    lr: float = LR,
    notes: tuple[str, ...] = (),
) -> Recognised:
    """Tensors under canonical names as a usable generator; every layout ends here.

    ``clamp`` is the known value or the assumption about it; ``lr`` the mapping's learning-rate multiplier, which
    scales its stored weights.
    """
    told = list(notes)
    for name in tensors:
        found = re.match(r"synthesis\.b(\d{1,9})\.", name)
        if found and int(found.group(1)) > 4 << MAX_SIZES:
            raise ModelError("This StyleGAN2 is larger than any that exists.", f"It has {found.group(1)} px.")
    tensors = _three_channels(tensors, told)
    if lr != LR:
        for name in [n for n in tensors if re.match(r"mapping\.fc\d+\.", n)]:
            tensors[name] = tensors[name].map(lambda t: t * (lr / LR))
    finish = None
    if "mapping.w_avg" not in tensors and "mapping.w_avg" not in c:
        affine = tensors.get("synthesis.b4.conv1.affine.weight")
        tensors["mapping.w_avg"] = zeros(*(affine.shape[-1:] if affine else (0,)))
        told.append("The file has no average of w; the mean of 4096 mapped z stands for it.")
        finish = average_of_mapped
    if not any(n.endswith(".noise_strength") for n in tensors):
        for name in [n for n in tensors if re.fullmatch(r"synthesis\.b\d+\.conv[01]\.weight", n)]:
            resolution = int(name.split(".")[1][1:])
            tensors[name.replace(".weight", ".noise_strength")] = zeros()
            tensors[name.replace(".weight", ".noise_const")] = zeros(resolution, resolution)
        told.append("This network was made without noise.")
    assumption = clamp if isinstance(clamp, Assumption) else None
    known = None if isinstance(clamp, Assumption) else clamp

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.stylegan2 import StyleGAN2

        chosen = values["conv_clamp"] if assumption else known
        return StyleGAN2.from_state_dict(meta, conv_clamp=None if chosen is None else float(chosen))

    return Recognised(
        "generator",
        "stylegan2",
        source,
        tensors,
        make,
        assumptions=(assumption,) if assumption else (),
        optional=_optional,
        finish=finish,
        notes=tuple(told),
    )


def _optional(name: str, shape: tuple[int, ...]) -> Lazy | None:
    if not name.endswith("resample_filter"):
        return None

    def fn() -> Tensor:
        from studio.nets.stylegan2_ops import fir_filter

        return fir_filter()

    return made(shape, fn)


def _three_channels(tensors: dict[str, Lazy], notes: list[str]) -> dict[str, Lazy]:
    """Grey networks repeat their channel, those with transparency lose it."""
    last = [n for n in tensors if n.endswith(".torgb.weight")]
    channels = {tensors[n].shape[0] for n in last if len(tensors[n].shape) == 4}
    if channels == {1}:
        notes.append("A grey network: its one channel is shown as three.")
    elif channels == {4}:
        notes.append("This network also makes transparency, which is left out.")
    else:
        return tensors
    out = dict(tensors)
    for name in tensors:
        if name.endswith((".torgb.weight", ".torgb.bias")):
            out[name] = tensors[name].repeat(3) if channels == {1} else tensors[name].first(3)
    return out


def _clamp(c: Candidate) -> float | Assumption | None:
    listed = stored_assumptions(c).get("conv_clamp")
    if listed is not None and is_clamp(listed.value):
        return listed
    value = stored_value(c, "conv_clamp", "absent")
    if is_clamp(value):
        return None if value is None else float(value)
    node = c.modules.get("synthesis.b4.conv1")
    if node is not None:
        inside = node.attributes
        activation = inside.get("activation", "lrelu")
        if activation != "lrelu":
            raise ModelError("This StyleGAN2 uses another activation.", f"It is “{plain(activation, 20)}”.")
        if "conv_clamp" in inside and is_clamp(inside["conv_clamp"]):
            value = inside["conv_clamp"]
            return None if value is None else float(value)
    return Assumption("conv_clamp", 256.0, CLAMP_WHY, CLAMP_CHOICES)


def _learning_rate(c: Candidate) -> float:
    gain: Any = c.attribute("mapping.fc0", "bias_gain")
    return float(gain) if isinstance(gain, int | float) and 0 < gain < 100 else LR

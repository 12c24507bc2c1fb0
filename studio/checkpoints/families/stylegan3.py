"""StyleGAN3, configurations T and R, in the canonical layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_WHY = {
    "conv_clamp": "The file does not say at which value activations are cut off; the authors' training uses 256.",
    "output_scale": "The file does not say how the picture is scaled at the end; every published network uses 0.25.",
    "first_cutoff": "The file does not say how fine the first layer's waves may be; every published network uses 2.",
}
_DEFAULT: dict[str, Any] = {"conv_clamp": 256.0, "output_scale": 0.25, "first_cutoff": 2.0}
_CHOICES: dict[str, tuple[Any, ...]] = {"conv_clamp": (256.0, None)}


def detect(c: Candidate) -> Recognised | None:
    """``synthesis.input.freqs`` and layers ``synthesis.L0_...``."""
    first = next((n for n in c.tensors if re.fullmatch(r"synthesis\.L0_\d+_\d+\.weight", n)), None)
    if "synthesis.input.freqs" not in c or first is None:
        return None
    tensors = dict(c.tensors)
    hyper: dict[str, Any] = {}
    assumptions: list[Assumption] = []
    layer = next((n for n in c.modules if n.startswith("synthesis.L0_") and n.count(".") == 1), "")
    places = {
        "conv_clamp": (layer, "conv_clamp"),
        "output_scale": ("synthesis", "output_scale"),
        "first_cutoff": ("synthesis.input", "bandwidth"),
        "num_critical": ("synthesis", "num_critical"),
    }
    for name, (module, attribute) in places.items():
        listed = stored_assumptions(c).get(name)
        stated = stored_value(c, name, "absent")
        node = c.modules.get(module)
        said = node.attributes.get(attribute, "absent") if node is not None else "absent"
        if listed is not None and _fits(name, listed.value):
            assumptions.append(listed)
        elif _fits(name, stated):
            hyper[name] = stated
        elif _fits(name, said):
            hyper[name] = said
        elif name in _DEFAULT:
            assumptions.append(Assumption(name, _DEFAULT[name], _WHY[name], _CHOICES.get(name, ())))
    finish = None
    notes: list[str] = []
    if "mapping.w_avg" not in c:
        affine = tensors.get("synthesis.input.affine.weight")
        tensors["mapping.w_avg"] = zeros(*(affine.shape[-1:] if affine else (0,)))
        notes.append("The file has no average of w; the mean of 4096 mapped z stands for it.")
        finish = average_of_mapped

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.stylegan3 import StyleGAN3

        return StyleGAN3.from_state_dict(meta, {**hyper, **{a.name: values[a.name] for a in assumptions}})

    kernel = tensors[first].shape[-1:]
    return Recognised(
        "generator",
        "stylegan3-r" if kernel == (1,) else "stylegan3-t",
        "StyleGAN3, NVIDIA's layout",
        tensors,
        make,
        assumptions=tuple(assumptions),
        finish=finish,
        notes=tuple(notes),
    )


def _fits(name: str, value: Any) -> bool:
    if name == "conv_clamp":
        return is_clamp(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e4

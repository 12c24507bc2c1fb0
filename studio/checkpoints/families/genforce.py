"""StyleGAN2 in genforce's layout."""

from __future__ import annotations

import re

from studio.base.errors import ModelError
from studio.checkpoints.families.base import Recognised, Taking
from studio.checkpoints.families.stylegan2 import MAX_SIZES, canonical
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

_LAYOUT = "StyleGAN2, genforce's layout"


def detect(c: Candidate) -> Recognised | None:
    """``synthesis.early_layer.const`` and ``mapping.dense0.weight``."""
    if "synthesis.early_layer.const" not in c or "mapping.dense0.weight" not in c:
        return None
    names = set(c.tensors)
    if "synthesis.layer0.style.weight" not in names:
        raise ModelError(
            "This is a StyleGAN of the first generation (genforce).",
            "Its layers work in another way.",
            "StyleGAN2 and 3 are read.",
        )
    take = Taking(c.tensors, "a StyleGAN2 in genforce's layout")
    for i in range(sum(1 for n in names if re.fullmatch(r"mapping\.dense\d+\.weight", n))):
        take.put(f"mapping.fc{i}.weight", f"mapping.dense{i}.weight")
        take.put(f"mapping.fc{i}.bias", f"mapping.dense{i}.bias")
    if "truncation.w_avg" in names:
        take.put("mapping.w_avg", "truncation.w_avg", lambda t: t.reshape(t.shape[-1]))
    take.put("synthesis.b4.const", "synthesis.early_layer.const", lambda t: t.reshape(*t.shape[1:]))
    count = sum(1 for n in names if re.fullmatch(r"synthesis\.layer\d+\.weight", n))
    if count > 2 * MAX_SIZES + 1:
        raise ModelError("This StyleGAN2 is larger than any that exists.", f"It has {count} layers.")
    for k in range(count):
        j = (k + 1) // 2
        r = 4 << j
        target, source = f"synthesis.b{r}.conv{0 if k % 2 else 1}", f"synthesis.layer{k}"
        # Odd layers double the size; genforce turns their kernels around at run time.
        take.put(f"{target}.weight", f"{source}.weight", _turned if k % 2 else None)
        _style(take, target, source)
        take.put(f"{target}.noise_strength", f"{source}.noise_strength", lambda t: t.reshape())
        take.put(f"{target}.noise_const", f"{source}.noise", lambda t, r=r: t.reshape(r, r))  # type: ignore[misc]
    for name in sorted(n for n in names if re.fullmatch(r"synthesis\.output\d+\.weight", n)):
        j = int(name.split(".")[1][len("output") :])
        if j > MAX_SIZES:
            raise ModelError("This StyleGAN2 is larger than any that exists.", f"It has an output {j}.")
        target = f"synthesis.b{4 << j}.torgb"
        take.put(f"{target}.weight", name)
        _style(take, target, f"synthesis.output{j}")
    take.drop(".kernel", "lod")
    return canonical(c, take.done(), _LAYOUT, clamp=None)


def _turned(t: Lazy) -> Lazy:
    return t.flip(2, 3)


def _style(take: Taking, target: str, source: str) -> None:
    take.put(f"{target}.bias", f"{source}.bias")
    take.put(f"{target}.affine.weight", f"{source}.style.weight")
    take.put(f"{target}.affine.bias", f"{source}.style.bias", lambda t: t.map(lambda v: v + 1))

"""StyleGAN2 in rosinality's layout, and its relatives (e4e and pSp decoders, StyleGAN-NADA)."""

from __future__ import annotations

import re

from studio.base.errors import ModelError
from studio.checkpoints.families.base import Recognised, Taking, seeded_noise
from studio.checkpoints.families.stylegan2 import MAX_SIZES, canonical
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate, to_lazy

_LAYOUT = "StyleGAN2, rosinality's layout"


def detect(c: Candidate) -> Recognised | None:
    """``input.input``, ``conv1.conv.weight`` and ``to_rgb1.conv.weight``."""
    if "input.input" not in c or "conv1.conv.weight" not in c or "to_rgb1.conv.weight" not in c:
        return None
    if any(".iwt." in n or n.startswith("iwt.") for n in c.tensors) or c.tensors["to_rgb1.conv.weight"].shape[1:2] == (
        12,
    ):
        raise ModelError(
            "This is a SWAGAN, a StyleGAN2 that works on wavelets.", "", "StyleGAN2 and 3 without wavelets are read."
        )
    take = Taking(c.tensors, "a StyleGAN2 in rosinality's layout")
    depth = len({m.group(1) for n in c.tensors if (m := re.match(r"style\.(\d+)\.weight$", n))})
    for i in range(depth):
        take.put(f"mapping.fc{i}.weight", f"style.{i + 1}.weight")
        take.put(f"mapping.fc{i}.bias", f"style.{i + 1}.bias")
    take.put("synthesis.b4.const", "input.input", lambda t: t.reshape(*t.shape[1:]))
    stored = any(n.startswith("noises.") for n in c.tensors)
    _layer(take, "synthesis.b4.conv1", "conv1", 0, 4, stored=stored)
    _rgb(take, "synthesis.b4.torgb", "to_rgb1")
    blocks = len({m.group(1) for n in c.tensors if (m := re.match(r"to_rgbs\.(\d+)\.conv\.weight$", n))})
    if blocks > MAX_SIZES:
        raise ModelError("This StyleGAN2 is larger than any that exists.", f"It has {blocks + 1} sizes.")
    for j in range(1, blocks + 1):
        r = 4 << j
        block = f"synthesis.b{r}"
        _layer(take, f"{block}.conv0", f"convs.{2 * j - 2}", 2 * j - 1, r, stored=stored)
        _layer(take, f"{block}.conv1", f"convs.{2 * j - 1}", 2 * j, r, stored=stored)
        _rgb(take, f"{block}.torgb", f"to_rgbs.{j - 1}")
        for target, source in (
            (f"{block}.conv0.resample_filter", f"convs.{2 * j - 2}.conv.blur.kernel"),
            (f"{block}.resample_filter", f"to_rgbs.{j - 1}.upsample.kernel"),
        ):
            if source in c.tensors:
                # rosinality's kernels hold the gain of the zeros between the pixels.
                take.put(target, source, lambda t: t.reshape(4, 4).map(lambda v: v / 4))
    notes = []
    average = _average(c)
    tensors = take.done()
    if average is not None:
        tensors["mapping.w_avg"] = average
    if not stored:
        notes.append("The file has no stored noise; that of seed 0 stands for it.")
    if c.left:
        notes.append(f"The file also holds other networks ({c.left} tensors), which are left out.")
    return canonical(c, tensors, _LAYOUT, clamp=None, notes=tuple(notes))


def _modulated(take: Taking, target: str, source: str) -> None:
    take.put(f"{target}.weight", f"{source}.conv.weight", lambda t: t.reshape(*t.shape[1:]))
    take.put(f"{target}.affine.weight", f"{source}.conv.modulation.weight")
    take.put(f"{target}.affine.bias", f"{source}.conv.modulation.bias")


def _layer(take: Taking, target: str, source: str, index: int, r: int, *, stored: bool) -> None:
    _modulated(take, target, source)
    take.put(f"{target}.bias", f"{source}.activate.bias")
    take.put(f"{target}.noise_strength", f"{source}.noise.weight", lambda t: t.reshape())
    if stored:
        take.put(f"{target}.noise_const", f"noises.noise_{index}", lambda t: t.reshape(r, r))
    else:
        take.out[f"{target}.noise_const"] = seeded_noise(r, index)


def _rgb(take: Taking, target: str, source: str) -> None:
    _modulated(take, target, source)
    take.put(f"{target}.bias", f"{source}.bias", lambda t: t.reshape(t.shape[1]))


def _average(c: Candidate) -> Lazy | None:
    """``latent_avg`` beside the network: [w], or one row for each layer (all the same)."""
    found = to_lazy(c.outer.get("latent_avg"))
    if found is None:
        return None
    width = c.tensors["conv1.conv.modulation.weight"].shape[-1] if "conv1.conv.modulation.weight" in c.tensors else 0
    if len(found.shape) not in (1, 2, 3) or found.shape[-1] != width or not found.floating:
        return None
    return Lazy((width,), "float32", lambda: found.load().float().reshape(-1, width).mean(dim=0), found.stored, True)

"""ResNet translators: junyanz' CycleGAN and pix2pix, CUT, pix2pixHD's global network, and widespread rewritings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.families.translators import (
    answered,
    beside,
    colors,
    kept_name,
    layout,
    open_questions,
    size,
    stated,
    takes,
)
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_NAME = re.compile(r"(?:model\.|main\.)?(\d{1,4})\.(?:(conv_block|block|res)\.(\d{1,3})\.)?([a-z_]+)")
"""``model.10.conv_block.5.weight``, with the prefix cut off or of another name."""
_UNUSED = ("running_mean", "running_var", "num_batches_tracked")


def detect(c: Candidate) -> Recognised | None:
    """A 7x7 convolution at step 1 and numbered residual blocks later."""
    tensors: dict[str, Lazy] = {}
    blocks: set[int] = set()
    spelled: set[str] = set()
    for name, tensor in c.tensors.items():
        m = _NAME.fullmatch(name)
        if m is None:
            # Left as it is: it will be told as unexpected.
            tensors[name] = tensor
            continue
        at, block, inner, leaf = m.groups()
        tensors[f"model.{at}.conv_block.{inner}.{leaf}" if block else f"model.{at}.{leaf}"] = tensor
        if block and leaf == "weight" and len(tensor.shape) == 4:
            blocks.add(int(at))
            spelled.add(block)
    first = tensors.get("model.1.weight")
    if not blocks or first is None or len(first.shape) != 4 or first.shape[2:] != (7, 7) or min(blocks) < 4:
        return None
    if any(name.startswith("model1_") for name in c.tensors):
        return None
    tensors, resized = _resized(tensors, max(blocks) + 1)
    where = "resnet translator"
    if spelled == {"res"}:
        where = "Lornatang CycleGAN-PyTorch"
    elif spelled == {"block"}:
        where = "eriklindernoren PyTorch-GAN" if resized else where
    elif not resized:
        where = "junyanz CycleGAN, pix2pix, CUT"
    return _recognised(c, tensors, min(blocks), where)


def _resized(tensors: dict[str, Lazy], after: int) -> tuple[dict[str, Lazy], bool]:
    """Up-sampling as a step of its own before each convolution (four steps instead of three), joined to it."""
    is_conv = {int(m[1]) for n, t in tensors.items() if (m := re.fullmatch(r"model\.(\d+)\.weight", n)) and t.shape[1:]}
    if after in is_conv or after + 1 not in is_conv or any(n.endswith(".filt") for n in tensors):
        return tensors, False
    moved: dict[str, Lazy] = {}
    for name, tensor in tensors.items():
        m = re.fullmatch(r"model\.(\d+)\.([a-z_]+)", name)
        if m and int(m[1]) > after:
            group, step = divmod(int(m[1]) - after, 4)
            # Closing: padding at 0, the convolution at 1 of the last group.
            place = after + 3 * group + (step - 1 if int(m[1]) != max(is_conv) else 1)
            name = f"model.{place}.{m[2]}"
        moved[name] = tensor
    return moved, True


def _recognised(c: Candidate, tensors: dict[str, Lazy], first: int, where: str) -> Recognised:
    blurred = any(n.endswith(".filt") for n in tensors)
    scales = {n.rpartition(".")[0] for n, t in tensors.items() if n.endswith(".weight") and len(t.shape) == 1}
    stored = any(f"{n}.running_mean" in tensors for n in scales)
    depth = (first - 4) // (4 if blurred else 3)
    if blurred:
        kinds = ("cut-resnet",)
    elif depth > 2:
        kinds = ("pix2pixhd",)
    elif stored:
        kinds = ("pix2pix-resnet",)
    elif not scales and any(n.endswith(".conv_block.1.bias") for n in tensors):
        kinds = ("cyclegan-resnet",)
    else:
        kinds = ("resnet-generator",)
    every = ("cyclegan-resnet", "cut-resnet", "pix2pix-resnet", "pix2pixhd", "resnet-generator")
    padded = f"model.{first}.conv_block.0.weight" not in tensors
    why = "No file says how the borders inside are made. The authors' own way is reflection."
    padding = Assumption("padding", "reflect", why, ("reflect", "replicate")) if padded else None
    fixed, left = open_questions(
        c, colors(), padding, size(1024 if kinds == ("pix2pixhd",) else 256), takes(tensors["model.1.weight"].shape[1])
    )
    old = any(n.endswith(_UNUSED[:2]) and f"{n.rpartition('.')[0]}.weight" not in tensors for n in tensors)
    notes = ("Running statistics of an old version of torch were left out: nothing uses them.",) if old else ()

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.resnet_generator import ResNetGenerator

        return ResNetGenerator.from_state_dict(meta, **{**fixed, **values})

    hyper = stated(c)

    def tells(values: Values) -> dict[str, Any]:
        return answered(values, fixed, {"size": 256, "input": "picture", "statistics": float(stored)}, hyper)

    return Recognised(
        "translator",
        kept_name(c, *kinds, *every),
        layout(c, where),
        tensors,
        make,
        assumptions=left,
        tells=tells,
        notes=(*notes, *beside(c)),
        hyper=hyper,
    )

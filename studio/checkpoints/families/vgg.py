"""VGG-16 and VGG-19 as feature networks: torchvision's names, Caffe's, and AdaIN's ``vgg_normalised``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values, ours, stored_assumptions, stored_value
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

CHOICES = ("torchvision", "caffe", "none")
KNOWN = {
    "dcbb9e9d": "torchvision",  # vgg19
    "397923af": "torchvision",  # vgg16
    "d01eb7cb": "caffe",  # vgg19
    "00b39a1b": "caffe",  # vgg16
}
"""Preprocessing by the beginning of a file's sha256, which its publishers put into its name."""
WIDTHS = (64, 128, 256, 512, 512)
NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
"""Numbers of VGG-19's convolutions in AdaIN's sequence; 0 is the 1x1 convolution in front."""
_BLOCKS_19 = (2, 2, 4, 4, 4)
_LEAST = 4
"""Convolutions that a file must have to be worth its name."""
_CREDIT = "VGG: Simonyan and Zisserman, Visual Geometry Group, Oxford; the published weights are CC BY 4.0."


def detect(c: Candidate) -> Recognised | None:
    """The layouts in turn; what is narrower than a VGG is not one."""
    if ours(c, "vgg"):
        return _own(c)
    if "features.0.weight" in c:
        return _torchvision(c, "features.")
    if "conv1_1.weight" in c:
        return _caffe(c)
    if "0.weight" in c and "2.weight" in c:
        return _normalised(c) if c.tensors["0.weight"].shape[2:] == (1, 1) else _torchvision(c, "")
    return None


def convolutions(c: Candidate, prefix: str) -> list[int]:
    """Numbers of the 3x3 convolutions in a sequence, in order."""
    pattern = re.compile(rf"{re.escape(prefix)}(\d{{1,3}})\.weight")
    found = [(int(m[1]), t) for m, t in ((pattern.fullmatch(n), t) for n, t in c.tensors.items()) if m]
    return sorted(i for i, t in found if len(t.shape) == 4 and t.shape[2:] == (3, 3))


def normalised(c: Candidate) -> dict[str, Lazy] | None:
    """AdaIN's encoder by canonical names, if that is what the table holds."""
    if c.tensors.get("0.weight") is None or c.tensors["0.weight"].shape != (3, 3, 1, 1):
        return None
    found = convolutions(c, "")
    if len(found) < _LEAST or tuple(found) != NORMALISED[: len(found)]:
        return None
    places = [f"{b}_{i + 1}" for b, count in enumerate(_BLOCKS_19, start=1) for i in range(count)]
    names = {0: "conv0", **{at: f"conv{place}" for at, place in zip(found, places, strict=False)}}
    if any(f"{at}.bias" not in c for at in names):
        return None
    return {f"{new}.{leaf}": c.tensors[f"{at}.{leaf}"] for at, new in names.items() for leaf in ("weight", "bias")}


def _normalised(c: Candidate) -> Recognised | None:
    tensors = normalised(c)
    if tensors is None:
        return None
    # The 1x1 convolution in front does the preprocessing; borders and pooling follow from the family.
    return _recognised("vgg_normalised (AdaIN)", tensors, {})


def _torchvision(c: Candidate, prefix: str) -> Recognised | None:
    found = convolutions(c, prefix)
    if len(found) < _LEAST or found[0] != 0:
        return None
    if f"{prefix}1.running_mean" in c:
        raise ModelError(
            "This is a VGG with batch normalisation, which is not used here.",
            "Style transfer works with the plain VGG-16 and VGG-19.",
            "Choose a VGG without batch normalisation.",
        )
    gaps = [b - a for a, b in pairwise(found)]
    if any(gap not in (2, 3) for gap in gaps):
        return None
    names: dict[int, str] = {}
    block = number = 1
    for at, gap in zip(found, [0, *gaps], strict=True):
        block, number = (block + 1, 1) if gap == 3 else (block, number + (gap == 2))
        names[at] = f"conv{block}_{number}"
    widths = [c.tensors[f"{prefix}{at}.weight"].shape[0] for at in found if names[at].endswith("_1")]
    if tuple(widths) != WIDTHS[: len(widths)]:
        return None
    tensors = {
        f"{new}.{leaf}": c.tensors[f"{prefix}{at}.{leaf}"]
        for at, new in names.items()
        for leaf in ("weight", "bias")
        if f"{prefix}{at}.{leaf}" in c.tensors
    }
    why = (
        "Files converted from Caffe have the same names as torchvision's, and this one is none of the published ones. "
        "With the wrong choice the layers see pictures of another range and in another order of colours."
    )
    return _recognised("torchvision's VGG", tensors, {}, Assumption("preprocessing", "torchvision", why, CHOICES))


def _caffe(c: Candidate) -> Recognised | None:
    tensors = {n: t for n, t in c.tensors.items() if re.fullmatch(r"conv[1-5]_[1-4]\.(?:weight|bias)", n)}
    first = tensors.get("conv1_1.weight")
    if first is None or first.shape[:2] != (64, 3) or len(tensors) < 2 * _LEAST:
        return None
    why = "Files with these names come from Caffe. The file itself does not say it."
    return _recognised("VGG from Caffe", tensors, {}, Assumption("preprocessing", "caffe", why, CHOICES))


def _own(c: Candidate) -> Recognised:
    """The library's copy says everything."""
    known = stored_assumptions(c).get("preprocessing")
    names = ("padding", "pooling", "ceil") if known else ("preprocessing", "padding", "pooling", "ceil")
    fixed = {n: stored_value(c, n) for n in names if n in c.metadata}
    return _recognised("a VGG", dict(c.tensors), fixed, known)


def _recognised(
    source: str, tensors: dict[str, Lazy], fixed: dict[str, Any], assumed: Assumption | None = None
) -> Recognised:
    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.vgg import VGG

        return VGG.from_state_dict(meta, **{**fixed, **values})

    def settled(sha256: str) -> dict[str, Any]:
        known = KNOWN.get(sha256[:8])
        return {"preprocessing": known} if known else {}

    return Recognised(
        "features",
        "vgg",
        source,
        tensors,
        make,
        assumptions=(assumed,) if assumed else (),
        notes=(_CREDIT,),
        settled=settled,
    )

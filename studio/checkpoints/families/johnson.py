"""Feed-forward style networks under the names of those who published them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Taking, Values, ours, stored_assumptions, stored_value
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_VALUES = ("0-255", "imagenet", "0-1")
_COLORS = ("rgb", "bgr")
_UNUSED = (".running_mean", ".running_var", ".num_batches_tracked")
_BODY = ("conv1", "conv2", "conv3", "deconv1", "deconv2", "deconv3")
"""The convolutions outside of the blocks; the normalisation of the n-th is ``in`` n."""
_BOTH = ("weight", "bias")


def detect(c: Candidate) -> Recognised | None:
    """The first of the layouts whose corner stones are there."""
    if c.tensors.get("conv1.conv2d.weight") is not None and "deconv3.conv2d.weight" in c:
        return _examples(c)
    if "conv1.conv2d.weight" in c and "up3.conv2d.weight" in c:
        return _gordic(c)
    if "conv1.norm.weight" in c and "conv4.weight" in c and "deconv2.weight" in c:
        return _tensorflow(c)
    if "ConvBlock.0.conv_layer.weight" in c and "DeconvBlock.4.conv_layer.weight" in c:
        return _blocks(c)
    if "0.block.1.weight" in c and "0.norm.weight" in c and "3.block.0.block.1.weight" in c:
        return _lindernoren(c)
    return None


def _blocks_in(c: Candidate, pattern: str) -> int:
    """One more than the highest number that matches; what is missing below it is told later."""
    return max((int(m[1]) for m in (re.match(pattern, n) for n in c.tensors) if m), default=0)


def _values(value: str, why: str) -> Assumption:
    return Assumption("values", value, why, _VALUES)


def _examples(c: Candidate) -> Recognised:
    """pytorch/examples, and our own; old files carry running statistics that nothing reads."""
    tensors = {n: t for n, t in c.tensors.items() if not n.endswith(_UNUSED)}
    fixed: dict[str, Any] = {}
    if ours(c, "johnson"):
        known = stored_assumptions(c)
        for name in ("values", "colors", "up", "tanh", "relu"):
            if name not in known and name in c.metadata:
                fixed[name] = stored_value(c, name)
        return _recognised("a feed-forward style network", tensors, fixed, tuple(known.values()))
    if c.metadata.get("architecture") == "johnson":
        # Trained by this program, without its card.
        return _recognised("a feed-forward style network", tensors, {"values": stored_value(c, "values", "0-1")})
    why = "The file does not say it. pytorch/examples paints with 0 to 255; others with ImageNet's mean and deviation."
    return _recognised("pytorch/examples fast_neural_style", tensors, fixed, (_values("0-255", why),))


def _gordic(c: Candidate) -> Recognised:
    """gordicaleksa: ``up`` for ``deconv``, one level more in the doubling ones."""
    taking = Taking(c.tensors, "a style network of pytorch-neural-style-transfer-johnson")
    taking.drop(*_UNUSED)
    for name in [n for n in taking.left if not n.startswith("deconv")]:
        target = re.sub(r"^up([12])\.conv2d\.conv2d\.", r"deconv\1.conv2d.", name)
        taking.put(re.sub(r"^up3\.", "deconv3.", target), name)
    return _recognised("gordicaleksa pytorch-neural-style-transfer-johnson", taking.done(), {"values": "imagenet"})


def _tensorflow(c: Candidate) -> Recognised:
    """lengstrom's TensorFlow networks as they were brought to torch: ``conv1.weight``, ``conv1.norm.weight``."""
    taking = Taking(c.tensors, "a style network of fast-style-transfer")
    body = (*_BODY[:5], "conv4")
    for i, (target, source) in enumerate(zip(_BODY, body, strict=True), start=1):
        taking.put(f"{target}.conv2d.weight", f"{source}.weight")
        for leaf in _BOTH:
            taking.put(f"in{i}.{leaf}", f"{source}.norm.{leaf}")
    for i in range(1, _blocks_in(c, r"res(\d{1,3})\.") + 1):
        for half in (1, 2):
            taking.put(f"res{i}.conv{half}.conv2d.weight", f"res{i}.conv{half}.weight")
            for leaf in _BOTH:
                taking.put(f"res{i}.in{half}.{leaf}", f"res{i}.conv{half}.norm.{leaf}")
    return _recognised("lengstrom fast-style-transfer (ml5)", taking.done(), {"values": "0-255"})


def _blocks(c: Candidate) -> Recognised:
    """rrmina: numbered layers in three sequences."""
    taking = Taking(c.tensors, "a style network of fast-neural-style-pytorch")
    taking.drop(*_UNUSED)
    body = (*(f"ConvBlock.{i}.conv_layer" for i in (0, 2, 4)), "DeconvBlock.0.conv_transpose",
            "DeconvBlock.2.conv_transpose", "DeconvBlock.4.conv_layer")  # fmt: skip
    for i, (target, source) in enumerate(zip(_BODY, body, strict=True), start=1):
        for leaf in _BOTH:
            taking.put(f"{target}.conv2d.{leaf}", f"{source}.{leaf}")
            if i < 6:
                taking.put(f"in{i}.{leaf}", f"{source.rpartition('.')[0]}.norm_layer.{leaf}")
    for i in range(_blocks_in(c, r"ResidualBlock\.(\d{1,3})\.") + 1):
        for half in (1, 2):
            for leaf in _BOTH:
                source = f"ResidualBlock.{i}.conv{half}"
                taking.put(f"res{i + 1}.conv{half}.conv2d.{leaf}", f"{source}.conv_layer.{leaf}")
                taking.put(f"res{i + 1}.in{half}.{leaf}", f"{source}.norm_layer.{leaf}")
    why = "The file does not say it. The published networks were trained on pictures in OpenCV's order, BGR."
    assumed = (Assumption("colors", "bgr", why, _COLORS),)
    return _recognised("rrmina fast-neural-style-pytorch", taking.done(), {"values": "0-255", "up": "torch"}, assumed)


def _lindernoren(c: Candidate) -> Recognised:
    """eriklindernoren: one numbered sequence, a ReLU after everything."""
    taking = Taking(c.tensors, "a style network of Fast-Neural-Style-Transfer")
    taking.drop(*_UNUSED)
    last = _blocks_in(c, r"(\d{1,3})\.block\.1\.weight$")
    body = (0, 1, 2, last - 2, last - 1, last)
    for i, (target, at) in enumerate(zip(_BODY, body, strict=True), start=1):
        for leaf in _BOTH:
            taking.put(f"{target}.conv2d.{leaf}", f"{at}.block.1.{leaf}")
            if i < 6:
                taking.put(f"in{i}.{leaf}", f"{at}.norm.{leaf}")
    for i in range(3, last - 2):
        for half in (0, 1):
            for leaf in _BOTH:
                taking.put(f"res{i - 2}.conv{half + 1}.conv2d.{leaf}", f"{i}.block.{half}.block.1.{leaf}")
                taking.put(f"res{i - 2}.in{half + 1}.{leaf}", f"{i}.block.{half}.norm.{leaf}")
    return _recognised(
        "eriklindernoren Fast-Neural-Style-Transfer", taking.done(), {"values": "imagenet", "relu": True}
    )


def _recognised(
    source: str, tensors: dict[str, Lazy], fixed: dict[str, Any], assumed: tuple[Assumption, ...] = ()
) -> Recognised:
    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.johnson import JohnsonNet

        return JohnsonNet.from_state_dict(meta, **{**fixed, **values})

    return Recognised("stylizer", "johnson", source, tensors, make, assumptions=assumed)

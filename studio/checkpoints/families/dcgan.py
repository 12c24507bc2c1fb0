"""Generators of the DCGAN family: any chain of transposed convolutions from z, and PyTorch-GAN's up-sampling chains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Taking, Values, stored_assumptions, stored_value
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.nets.dcgan import BlockPlan

_NORM = ("weight", "bias", "running_mean", "running_var")
_EMBEDDINGS = ("label_emb", "label_embedding", "embed", "embedding", "label_embed")
_MAX_BLOCKS = 16


def detect(c: Candidate) -> Recognised | None:
    """Our own layout, ``l1.0`` with ``conv_blocks.N``, or a chain of transposed convolutions that uses every key."""
    if "blocks.0.conv.weight" in c and isinstance(stored_value(c, "blocks", None), list):
        return _own(c)
    if not 2 <= len(c.tensors) <= 200 or c.bad:
        return None
    if "l1.0.weight" in c and "conv_blocks.0.weight" in c:
        return _upsampling(c)
    return _transposed(c)


def _own(c: Candidate) -> Recognised:
    names = (
        *("z_dim", "c_dim", "stem", "stem_norm", "label_mode", "label_width"),
        *("activation", "output", "norm_eps", "blocks", "w_dim"),
    )
    hyper = {n: stored_value(c, n) for n in names if n in c.metadata}
    known = ("label_inputs", "norm_eps", "activation", "output")
    listed = [a for n, a in stored_assumptions(c).items() if n in known]
    return _recognised(dict(c.tensors), hyper, listed, "DCGAN, our own layout")


def _modules(c: Candidate) -> list[tuple[str, dict[str, Lazy]]]:
    """(module name, its tensors) in the order of the names' numbers; counters are left out."""
    from studio.nets.dcgan import natural

    groups: dict[str, dict[str, Lazy]] = {}
    for name, tensor in c.tensors.items():
        module, _, leaf = name.rpartition(".")
        if leaf != "num_batches_tracked":
            groups.setdefault(module, {})[leaf] = tensor
    return sorted(groups.items(), key=lambda item: natural(item[0]))


def _is_norm(leaves: Mapping[str, Lazy], channels: int) -> bool:
    return set(leaves) == set(_NORM) and all(t.shape == (channels,) for t in leaves.values())


def _transposed(c: Candidate) -> Recognised | None:
    """Transposed convolutions [in, out, k, k], each followed by its norm or by nothing, the last to a picture."""
    from studio.nets.dcgan import BlockPlan

    modules = _modules(c)
    embedding = None
    if modules and modules[0][0] in _EMBEDDINGS and set(modules[0][1]) == {"weight"}:
        embedding = modules.pop(0)[0]
    stem = None
    if modules and set(modules[0][1]) == {"weight", "bias"} and len(modules[0][1]["weight"].shape) == 2:
        stem = modules.pop(0)
    convolutions = [i for i, (_, leaves) in enumerate(modules) if len(_shape(leaves)) == 4]
    if not 2 <= len(convolutions) <= _MAX_BLOCKS or convolutions[0] not in (0, 1):
        return None
    shapes = [_shape(modules[i][1]) for i in convolutions]
    chained = all(a[1] == b[0] for a, b in pairwise(shapes))
    if not chained or shapes[-1][1] not in (1, 3, 4) or any(s[2] != s[3] for s in shapes):
        return None
    take = Taking({n: t for n, t in c.tensors.items() if not n.endswith("num_batches_tracked")}, "a DCGAN")
    stem_shape, stem_norm = None, convolutions[0] == 1
    if stem is not None:
        out = stem[1]["weight"].shape[0]
        side = math.isqrt(out // shapes[0][0]) if shapes[0][0] else 0
        if side < 1 or shapes[0][0] * side * side != out:
            return None
        stem_shape = (shapes[0][0], side)
        take.put("fc.weight", f"{stem[0]}.weight")
        take.put("fc.bias", f"{stem[0]}.bias")
    elif stem_norm:
        return None
    if stem_norm:
        if not _is_norm(modules[0][1], shapes[0][0]):
            return None
        _put_norm(take, "stem_norm", modules[0][0])
    plans: list[BlockPlan] = []
    for n, at in enumerate(convolutions):
        end = convolutions[n + 1] if n + 1 < len(convolutions) else len(modules)
        after = modules[at + 1 : end]
        name, leaves = modules[at]
        n_in, n_out, kernel, _ = shapes[n]
        if len(after) > 1 or (after and not _is_norm(after[0][1], n_out)) or not set(leaves) <= {"weight", "bias"}:
            return None
        stride, padding = _stride(kernel, first=n == 0 and stem is None)
        last = n == len(convolutions) - 1
        plans.append(
            BlockPlan(n_in, n_out, kernel, stride, padding, bias="bias" in leaves, norm=bool(after), active=not last)
        )
        _put_conv(take, f"blocks.{n}", name, leaves)
        if after:
            _put_norm(take, f"blocks.{n}.norm", after[0][0])
    width = stem[1]["weight"].shape[1] if stem is not None else shapes[0][0]
    weight = stem[1]["weight"] if stem is not None else modules[convolutions[0]][1]["weight"]
    hyper: dict[str, Any] = {
        "stem": list(stem_shape) if stem_shape else None,
        "stem_norm": stem_norm,
        "blocks": [asdict(p) for p in plans],
    }
    guessed = [
        Assumption("activation", "relu", "The file names no activations; DCGAN's are ReLU.", ("relu", "leaky")),
        Assumption(
            "norm_eps", 1e-5, "The file does not hold the norms' epsilon; torch's default is 1e-5.", (1e-5, 0.8)
        ),
    ]
    _inputs(c, hyper, guessed, take, embedding, width, weight, axis=1 if stem is not None else 0)
    return _recognised(take.done(), hyper, guessed, "DCGAN, a chain of transposed convolutions")


def _upsampling(c: Candidate) -> Recognised:
    """PyTorch-GAN's layout: a linear layer, a norm, then (up-sampling, convolution, norm) with the numbers telling."""
    from studio.nets.dcgan import BlockPlan

    take = Taking(
        {n: t for n, t in c.tensors.items() if not n.endswith("num_batches_tracked")}, "a DCGAN in PyTorch-GAN's layout"
    )
    modules = [(int(m.split(".")[1]), v) for m, v in _modules(c) if m.startswith("conv_blocks.") and _numbered(m)]
    if len(modules) > 4 * _MAX_BLOCKS:
        raise ModelError("This DCGAN is larger than any that exists.", f"It has {len(modules)} modules.")
    linear = c.tensors["l1.0.weight"]
    channels = modules[0][1]["weight"].shape[0] if modules and "weight" in modules[0][1] else 0
    side = math.isqrt(linear.shape[0] // channels) if channels and len(linear.shape) == 2 else 0
    if side < 1 or channels * side * side != linear.shape[0] or not _is_norm(modules[0][1], channels):
        raise ModelError(
            "This looks like a DCGAN in PyTorch-GAN's layout, but its first layers do not fit.",
            f"l1.0.weight is {list(linear.shape)}, conv_blocks.0 has {channels} channels.",
        )
    take.put("fc.weight", "l1.0.weight")
    take.put("fc.bias", "l1.0.bias")
    _put_norm(take, "stem_norm", "conv_blocks.0")
    plans: list[BlockPlan] = []
    before, active = modules[0][0], False
    rest = modules[1:]
    while rest:
        at, leaves = rest.pop(0)
        shape = _shape(leaves)
        if len(shape) != 4 or shape[2] != shape[3] or shape[2] % 2 == 0:
            raise ModelError(
                "This looks like a DCGAN in PyTorch-GAN's layout, but a layer does not fit.", f"It is conv_blocks.{at}."
            )
        # Between two convolutions stand an activation (not after the first norm) and perhaps an up-sampling.
        up = at - before - 1 - int(active) >= 1
        norm = bool(rest) and len(_shape(rest[0][1])) == 1
        n = len(plans)
        _put_conv(take, f"blocks.{n}", f"conv_blocks.{at}", leaves)
        before = at
        if norm:
            before = rest[0][0]
            _put_norm(take, f"blocks.{n}.norm", f"conv_blocks.{before}")
            rest.pop(0)
        active = bool(rest)
        plans.append(
            BlockPlan(
                shape[1],
                shape[0],
                shape[2],
                1,
                shape[2] // 2,
                transposed=False,
                up=up,
                bias="bias" in leaves,
                norm=norm,
                active=active,
            )
        )
    hyper: dict[str, Any] = {
        "stem": [channels, side],
        "stem_norm": True,
        "activation": "leaky",
        "blocks": [asdict(p) for p in plans],
    }
    eps = "The file does not hold the norms' epsilon; this layout's authors pass 0.8 where they meant the momentum."
    guessed = [Assumption("norm_eps", 0.8, eps, (0.8, 1e-5))]
    embedding = next((n for n in _EMBEDDINGS if f"{n}.weight" in c), None)
    _inputs(c, hyper, guessed, take, embedding, linear.shape[1], linear, axis=1)
    return _recognised(take.done(), hyper, guessed, "DCGAN, PyTorch-GAN's layout")


def _numbered(module: str) -> bool:
    number = module.split(".")[1]
    return module.count(".") == 1 and number.isascii() and number.isdigit() and len(number) < 10


def _shape(leaves: Mapping[str, Lazy]) -> tuple[int, ...]:
    return leaves["weight"].shape if "weight" in leaves else ()


def _stride(kernel: int, *, first: bool) -> tuple[int, int]:
    """(stride, padding) that these networks use with a kernel: the first makes its own size, the others double."""
    if first:
        return 1, 0
    try:
        return {2: (2, 0), 3: (1, 1), 4: (2, 1), 6: (2, 2)}[kernel]
    except KeyError:
        raise ModelError(
            "This looks like a DCGAN, but one of its layers cannot be told.",
            f"How a kernel of {kernel} px is used is not in the file.",
        ) from None


def _put_conv(take: Taking, target: str, source: str, leaves: Mapping[str, Lazy]) -> None:
    take.put(f"{target}.conv.weight", f"{source}.weight")
    if "bias" in leaves:
        take.put(f"{target}.conv.bias", f"{source}.bias")


def _put_norm(take: Taking, target: str, source: str) -> None:
    for leaf in _NORM:
        take.put(f"{target}.{leaf}", f"{source}.{leaf}")


def _inputs(
    c: Candidate,
    hyper: dict[str, Any],
    guessed: list[Assumption],
    take: Taking,
    embedding: str | None,
    width: int,
    weight: Lazy,
    *,
    axis: int,
) -> None:
    """What the first layer takes: z alone, z and classes, or z and an embedding of the class."""
    hyper.update(z_dim=width, c_dim=0, label_mode="none", label_width=0)
    if embedding is not None:
        table = c.tensors[f"{embedding}.weight"]
        if len(table.shape) != 2 or not 0 < table.shape[1] <= width:
            raise ModelError("This looks like a DCGAN, but its class embedding does not fit.", f"{list(table.shape)}.")
        classes, depth = table.shape
        take.put("label_emb.weight", f"{embedding}.weight")
        joined = depth < width
        hyper.update(c_dim=classes, label_width=depth, label_mode="embed_concat" if joined else "embed_multiply")
        hyper["z_dim"] = width - depth if joined else width
        return
    n = _label_inputs(weight, axis)
    why = (
        f"The last {n} inputs weigh differently from the other {width - n}, so they are taken for classes."
        if n
        else "No input weighs differently from the others, so all are taken for z."
    )
    guessed.append(Assumption("label_inputs", n, why, tuple(range(width // 2 + 1))))


def _label_inputs(weight: Lazy, axis: int) -> int:
    """How many inputs at the end of the first layer are classes and not noise.

    Noise inputs are all alike in training, so the norms of their weights agree within a few percent; classes are
    rare or frequent, so theirs do not.  Counted from the end while the norm stays 4 deviations from the first half's.
    """
    t = weight.load().float()
    norms = t.transpose(0, axis).reshape(t.shape[axis], -1).norm(dim=1)
    if norms.numel() < 8:
        return 0
    half = norms[: norms.numel() // 2]
    middle = half.median()
    spread = (half - middle).abs().median() * 1.4826
    far = ((norms - middle).abs() > 4 * spread.clamp(min=1e-6 * middle)).tolist()
    n = 0
    while n < len(far) // 2 and far[-1 - n]:
        n += 1
    return n if n >= 2 else 0


def _recognised(tensors: dict[str, Lazy], hyper: dict[str, Any], guessed: list[Assumption], source: str) -> Recognised:
    if "output" not in hyper and not any(a.name == "output" for a in guessed):
        why = "The file does not name its last step; DCGAN's is tanh."
        guessed = [*guessed, Assumption("output", "tanh", why, ("tanh", "sigmoid", "none"))]

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.dcgan import DCGAN

        full = {**hyper, **{n: values[n] for n in ("activation", "output", "norm_eps") if n in values}}
        labels = values.get("label_inputs")
        if labels is not None:
            width = hyper.get("w_dim", hyper["z_dim"])
            if type(labels) is not int or not 0 <= labels < width:
                raise ModelError(f"“label_inputs” must be a number from 0 to {width - 1}.", f"{labels!r} was given.")
            full.update(z_dim=width - labels, c_dim=labels, label_mode="concat" if labels else "none")
        return DCGAN.from_state_dict(meta, full)

    return Recognised("generator", "dcgan", source, tensors, make, assumptions=tuple(guessed))

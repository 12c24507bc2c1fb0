"""StarGAN, version 1: one translator for many domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.families.translators import answered, beside, colors, layout, open_questions, size, stated
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_CELEBA = ("black hair", "blond hair", "brown hair", "male", "young")
_RAFD = ("angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
_NUMBERED = "numbered"


def detect(c: Candidate) -> Recognised | None:
    """A 7x7 convolution first, and residual blocks that are called ``main`` as the whole is."""
    prefix = "main." if "main.0.weight" in c else "" if "0.weight" in c else None
    if prefix is None:
        return None
    first = c.tensors.get(f"{prefix}0.weight")
    if first is None or len(first.shape) != 4 or first.shape[2:] != (7, 7):
        return None
    blocks = [n for n in c.tensors if n.startswith(prefix) and ".main." in n[len(prefix) :]]
    if not blocks:
        return None
    tensors = {f"main.{n[len(prefix) :]}": t for n, t in c.tensors.items()}
    last = max((n for n in tensors if n.count(".") == 2 and len(tensors[n].shape) == 4), key=_place)
    labels = first.shape[1] - tensors[last].shape[0]
    fixed, left = open_questions(c, _labels(labels), colors(), size(128))
    hyper = stated(c)

    def make(meta: Mapping[str, Tensor], values: Values) -> nn.Module:
        from studio.nets.stargan import StarGAN

        return StarGAN.from_state_dict(meta, **{**fixed, **values})

    def tells(values: Values) -> dict[str, Any]:
        names, groups = _named(str(values.get("labels", _NUMBERED)), labels)
        told = answered(values, fixed, {"size": 128, "input": "picture", "statistics": 0.0}, hyper)
        return {**told, "label_names": names, "label_groups": groups}

    return Recognised(
        "translator",
        "stargan",
        layout(c, "yunjey StarGAN"),
        tensors,
        make,
        assumptions=left,
        tells=tells,
        notes=beside(c),
        hyper=hyper,
    )


def _place(name: str) -> int:
    at = name.split(".")[1]
    return int(at) if at.isdecimal() and len(at) < 5 else -1


def _labels(count: int) -> Assumption | None:
    guess = {len(_CELEBA): "celeba", len(_RAFD): "rafd"}.get(count)
    if guess is None:
        return None
    why = {
        "celeba": "The file does not name its labels; the authors' five are hair colours, male and young (CelebA).",
        "rafd": "The file does not name its labels; the authors' eight are expressions (RaFD).",
    }[guess]
    return Assumption("labels", guess, why, (guess, _NUMBERED))


def _named(which: str, count: int) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """Names of the labels, and the controls that they make."""

    def group(title: str, kind: str, names: tuple[str, ...], start: int) -> dict[str, Any]:
        zero: Any = [0] * len(names) if kind == "toggle" else None
        at = list(range(start, start + len(names)))
        return {"title": title, "kind": kind, "names": list(names), "indices": at, "default": zero}

    if which == "celeba" and count == len(_CELEBA):
        hair = tuple(n.removesuffix(" hair") for n in _CELEBA[:3])
        return _CELEBA, (group("Hair colour", "choice", hair, 0), group("Features", "toggle", _CELEBA[3:], 3))
    if which == "rafd" and count == len(_RAFD):
        return _RAFD, (group("Expression", "choice", _RAFD, 0),)
    names = tuple(f"label {i + 1}" for i in range(max(0, min(count, 512))))
    return names, (group("Labels", "toggle", names, 0),) if names else ()

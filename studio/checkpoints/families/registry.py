"""All detectors, in the order in which they are asked.  A new family is one module here and one line below.

Networks in one file are ``DETECTORS``; those that come in several files are ``IN_PARTS`` (asked afterwards, see
:mod:`studio.checkpoints.companions`); then a library is asked that knows many upscalers; what is known and cannot be
used is in ``others``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from studio.base.errors import ModelError
from studio.checkpoints.companions import Beside, Several, gather
from studio.checkpoints.families import (
    adain,
    autoencoder_kl,
    autoencoder_tiny,
    dcgan,
    genforce,
    johnson,
    microast,
    others,
    pix2pix_unet,
    pytorch_vae,
    resnet_translator,
    rosinality,
    spandrel_upscaler,
    srresnet,
    stargan,
    studio_vgg,
    stylegan2,
    stylegan3,
    tensorflow,
    vae_own,
    vgg,
)
from studio.checkpoints.families.base import SURPRISES, Detector, Recognised
from studio.checkpoints.formats.contents import Contents
from studio.checkpoints.limits import damaged, plain, too_much
from studio.checkpoints.unwrap import Candidate, candidates, to_lazy

DETECTORS: tuple[Detector, ...] = (
    stylegan2.detect,
    stylegan3.detect,
    tensorflow.detect,
    rosinality.detect,
    genforce.detect,
    vae_own.detect,
    autoencoder_kl.detect,
    autoencoder_tiny.detect,
    pytorch_vae.detect,
    resnet_translator.detect,
    pix2pix_unet.detect,
    stargan.detect,
    srresnet.detect,
    johnson.detect,
    adain.detect,
    microast.detect,
    studio_vgg.detect,
    vgg.detect,
    dcgan.detect,
)
_Answer = TypeVar("_Answer")
_MEMORY = {"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "acc_delta", "sum"}
"""What optimizers remember of each weight."""

IN_PARTS: tuple[Several, ...] = (autoencoder_tiny.IN_TWO_FILES, adain.IN_TWO_FILES, microast.IN_FOUR_FILES)
MAX_TENSORS = 4096
"""Tensors of one network, whatever else its file holds (StyleGAN2 at 1024 px has about 200, SDXL's autoencoder 250)."""


def recognise(
    contents: Contents, beside: Beside | None = None, config: Mapping[str, Any] | None = None
) -> tuple[Recognised, Candidate]:
    """What the file holds.  Raises :class:`ModelError` saying what it looks like when it is nothing known.

    ``beside`` are its neighbours, where the other parts of a network in several files are looked for; ``config`` the
    settings that stand beside it.
    """
    found = candidates(contents)
    for candidate in found:
        candidate.config = dict(config or {})
    for candidate in found:
        for detector in DETECTORS:
            recognised = _ask(detector, candidate)
            if recognised is None:
                continue
            _check_count(recognised)
            if candidate.bad:
                name, what = next(iter(candidate.bad.items()))
                raise ModelError(
                    "This model holds tensors of a kind that cannot be read.",
                    f"“{plain(name)}” is {what}.",
                    "Save it again with ordinary (dense) tensors.",
                )
            return recognised, candidate
    for several in IN_PARTS:
        whole = _ask(gather, several, found, beside)
        if whole is not None:
            _check_count(whole[0])
            return whole
    almost: tuple[Recognised, Candidate] | None = None
    for candidate in found:
        upscaler = _ask(spandrel_upscaler.detect, candidate)
        if upscaler is not None and upscaler.make is not None and not candidate.bad:
            _check_count(upscaler)
            return upscaler, candidate
        almost = almost or (None if upscaler is None else (upscaler, candidate))
    if almost is not None and almost[0].architecture not in spandrel_upscaler.VAGUE:
        return almost
    for candidate in found:
        other = others.detect(candidate)
        if other is not None:
            return other, candidate
    if almost is not None:
        return almost
    raise _unknown(contents, found)


def _ask(question: Callable[..., _Answer], *about: Any) -> _Answer:
    """One detector's answer.  Names and shapes of a stranger may surprise it: that is the file's fault."""
    try:
        return question(*about)
    except SURPRISES as exc:
        raise damaged(
            "its tensors have names or shapes that make no sense", detail=f"{type(exc).__name__}: {exc}"
        ) from exc


def _check_count(recognised: Recognised) -> None:
    if len(recognised.tensors) > MAX_TENSORS:
        raise too_much(f"its network has {len(recognised.tensors):,} tensors", f"{MAX_TENSORS:,} tensors")


def _unknown(contents: Contents, found: list[Candidate]) -> ModelError:
    root = contents.root
    lone = to_lazy(root)
    directions = {"comp", "mean", "std", "eigvec"}
    few = bool(found) and len(found[0].tensors) <= 8 and all(len(t.shape) <= 3 for t in found[0].tensors.values())
    if lone is not None or (few and (directions & set(found[0].tensors) or _vectors(found[0]))):
        return ModelError(
            "This looks like directions in a latent space, not a network.",
            "",
            "Load a generator first, then open this file under Directions in Explore.",
        )
    if isinstance(root, dict) and any(_is_optimizer(v) for v in (root, *root.values())) and not _networks(found):
        return ModelError(
            "This is the state of an optimizer, the part of a training that makes no pictures.",
            "",
            "Choose the checkpoint with the network; it was saved beside this one.",
        )
    bad = [(n, w) for c in found for n, w in c.bad.items()]
    if bad and not any(c.tensors for c in found):
        return ModelError(
            "This model holds tensors of a kind that cannot be read.",
            f"“{plain(bad[0][0])}” is {bad[0][1]}.",
            "Save it again with ordinary (dense) tensors.",
        )
    if not found or not any(c.tensors for c in found):
        code = f" It asks for {', '.join(contents.foreign[:3])}, which was not run." if contents.foreign else ""
        return ModelError(
            "There is no network in this file.", f"It holds no tensors.{code}", "Choose the checkpoint of a network."
        )
    best = max(found, key=lambda c: len(c.tensors))
    names = ", ".join(plain(n, 40) for n in list(best.tensors)[:3])
    return ModelError(
        "This is a checkpoint of a network that Latent Studio does not know.",
        f"It has {len(best.tensors):,} tensors: {names} ...",
        "StyleGAN2, StyleGAN3 and DCGAN generators, autoencoders (Stable Diffusion, TAESD, PyTorch-VAE), style "
        "networks, translators (pix2pix, CycleGAN, CUT, StarGAN) and upscalers are read.",
        detail="\n".join(f"{plain(n)} {list(t.shape)} {t.dtype}" for n, t in list(best.tensors.items())[:500]),
    )


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, dict) and "param_groups" in value and isinstance(value.get("state"), dict)


def _networks(found: list[Candidate]) -> bool:
    """Whether there is a table of weights that is not an optimizer's memory."""
    return any(not {n.rpartition(".")[2] for n in c.tensors} <= _MEMORY for c in found if c.tensors)


def _vectors(c: Candidate) -> bool:
    """Rows as long as a w, few of them."""
    shapes = [t.shape for t in c.tensors.values() if t.floating]
    return len(shapes) == len(c.tensors) and all(s and s[-1] >= 16 and max(s[:-1], default=1) <= 18 for s in shapes)

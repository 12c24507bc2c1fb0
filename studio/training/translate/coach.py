"""The coach: looks at a training's preview and its numbers, and names what it sees in a sentence with advice.

::

    findings = coach.look(inputs, outputs, truths, errors=errors, critic=signs)
    for finding in findings:
        log(finding.code, finding.sentence, finding.advice)

``inputs``, ``outputs`` ``[N, C, H, W]`` in [-1, 1]: what the network was shown and what it made of it (a few held-out
pictures are enough, of 32 px or more).  ``truths``: what it should have made, where that is known (pairs, enlargement);
``world``: pictures of the target world where it is not (unpaired), of any number.  ``keeps`` False for translations
that are allowed to invert brightness.  ``errors``: (training, held-out) errors over time, oldest first, of the same
measure, smaller is better.  ``critic``: over time, the share of real pictures (or patches) minus the share of made ones
that the critic takes for real, -1 to 1.  Whatever is not given is not judged.  An empty list means that nothing is
wrong.  Everything here is a pure function.

A trainer keeps the sentences of its last preview in an attribute ``says`` (a list of strings): the loop in
:mod:`studio.training.driver` puts them into the log and beside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)

INVERTED = -0.3
"""Correlation with what is expected below which brightness or colours count as turned round."""
SAME = 0.15
"""Outputs that differ from each other by less than this part of what their inputs do are all one picture."""
FLAT = 0.02
"""A picture whose values deviate by less than this (of a range of 2) shows nothing."""
PEAK = 8.0
"""A frequency of a checkerboard that is so many times as strong as its neighbours, and as in real pictures."""
TOO_SURE = 0.9
LATEST = 5
"""Entries of the series of numbers whose mean is judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is seen: a ``code`` for programs, a plain sentence, and what to do about it."""

    code: str
    sentence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}"


def look(
    inputs: Tensor | None = None,
    outputs: Tensor | None = None,
    truths: Tensor | None = None,
    *,
    world: Tensor | None = None,
    keeps: bool = True,
    errors: Sequence[tuple[float, float]] = (),
    critic: Sequence[float] = (),
) -> list[Finding]:
    """All that is seen, most serious first.  See the module for what goes in."""
    found: list[Finding | None] = []
    if outputs is not None:
        outputs = outputs.detach().float().cpu()
        inputs, truths, world = (t if t is None else t.detach().float().cpu() for t in (inputs, truths, world))
        collapsed = collapse(inputs, outputs, truths)
        found.append(collapsed)
        if collapsed is None:
            # What does not follow its input can be neither inverted nor a copy.
            reference = truths if truths is not None else inputs if keeps else None
            found.append(None if reference is None else inversion(reference, outputs))
            found.append(None if inputs is None or truths is None else copying(inputs, outputs, truths))
        real = truths if truths is not None else world if world is not None else inputs
        found.append(checkerboard(outputs, real))
    found += [overfitting(errors), too_sure(critic)]
    return [f for f in found if f is not None]


def inversion(reference: Tensor, outputs: Tensor) -> Finding | None:
    """Bright became dark, or colours became their opposites, compared with pictures that they should resemble."""
    light = correlation(_luma(reference), _luma(outputs))
    if light < INVERTED:
        return Finding(
            "inverted brightness",
            f"Bright and dark are swapped (correlation {light:.2f} with what is expected).",
            "Start again with another --seed; a larger identity or pixel weight prevents it.",
        )
    if outputs.shape[1] != 3 or reference.shape[1] != 3:
        return None
    tints = [t - _luma(t) for t in (reference, outputs)]
    if min(float(t.std()) for t in tints) < FLAT:
        return None
    colour = correlation(*tints)
    if colour < INVERTED:
        return Finding(
            "inverted colours",
            f"Colours have turned into their opposites (correlation {colour:.2f} with what is expected).",
            "Start again with another --seed; a larger identity or pixel weight prevents it.",
        )
    return None


def collapse(inputs: Tensor | None, outputs: Tensor, truths: Tensor | None = None) -> Finding | None:
    """Pictures that show nothing at all, or the same picture whatever goes in."""
    inside = float(outputs.flatten(1).std(dim=1).mean())
    known = truths if truths is not None else inputs
    if inside < FLAT and (known is None or float(known.flatten(1).std(dim=1).mean()) > 2 * FLAT):
        return Finding(
            "nothing yet",
            "The pictures are still one flat colour: nothing has been learned yet.",
            "Wait; if it stays so for minutes, choose a smaller learning rate.",
        )
    if known is None or len(outputs) < 2:
        return None
    variety, wanted = _variety(outputs), _variety(known)
    if wanted > FLAT and variety < SAME * wanted:
        return Finding(
            "collapse",
            f"Nearly the same picture comes out whatever goes in ({100 * variety / wanted:.0f} % of the variety).",
            "Lower the weight of the critic or raise that of the cycle or of the pixels, and go on from an earlier "
            "snapshot.",
        )
    return None


def copying(inputs: Tensor, outputs: Tensor, truths: Tensor) -> Finding | None:
    """The input comes out as it went in, although something else is wanted."""
    if not inputs.shape == outputs.shape == truths.shape:
        return None
    moved, wanted = (float((t - inputs).abs().mean()) for t in (outputs, truths))
    if wanted > FLAT and moved < 0.1 * wanted:
        return Finding(
            "copies",
            "The network still gives back what it is shown: nothing has been learned yet.",
            "Wait; if it stays so for minutes, choose a larger learning rate.",
        )
    return None


def checkerboard(outputs: Tensor, real: Tensor | None = None) -> Finding | None:
    """A regular grid of 2 or 4 pixels that up-sampling has left; ``real`` pictures may have one of their own."""
    found = grid_peak(outputs)
    own = grid_peak(real) if real is not None else 1.0
    if found < PEAK or found < PEAK / 2 * own:
        return None
    return Finding(
        "checkerboard",
        f"There is a regular grid in the pictures ({found:.0f} times as strong as beside it).",
        "Train with resize-convolutions (--up resize), which cannot make one; it also fades with a longer training.",
    )


def grid_peak(x: Tensor) -> float:
    """How much stronger the frequencies of grids of 2 and 4 px are than those beside them, ``[N, C, H, W]``; about 1.

    Power spectra of brightness under a Hann window, averaged over pictures.  A grid is a line in the spectrum, which
    edges and textures are not.  The strongest of the frequencies (f, g) with f, g in 0, 1/4, 1/2 that are not both 0.
    """
    h, w = (n - n % 8 for n in x.shape[-2:])
    if min(h, w) < 32:
        return 1.0
    x = _luma(x.float())[..., :h, :w]
    x = x - x.mean(dim=(2, 3), keepdim=True)
    window = torch.hann_window(h, periodic=True)[:, None] * torch.hann_window(w, periodic=True)
    power = torch.fft.fft2(x * window).abs().square()
    # One odd picture must not speak for all of them.
    power = (power / power.sum(dim=(2, 3), keepdim=True).clamp_min(1e-12)).mean(dim=(0, 1))
    # A floor at what 8-bit rounding leaves keeps empty spectra from having peaks.
    floor = 1e-7
    strongest = 1.0
    for i in (0, h // 4, h // 2):
        for j in (0, w // 4, w // 2):
            if i == j == 0:
                continue
            near = torch.roll(power, (5 - i, 5 - j), (0, 1))[:11, :11]
            centre = near[4:7, 4:7].sum() / 9
            ring = near.clone()
            # Three bins belong to the line itself, under this window; the axes hold what borders and edges leave.
            ring[3:8, 3:8] = float("nan")
            beside = ring.nanmedian() if i and j else _axis(near, upright=j == 0)
            strongest = max(strongest, float((centre + floor) / (beside + floor)))
    return strongest


def _axis(near: Tensor, *, upright: bool) -> Tensor:
    """Beside a frequency on an axis: its neighbours along that axis, since level and upright edges live there too."""
    line = near[:, 4:7].mean(dim=1) if upright else near[4:7, :].mean(dim=0)
    return torch.cat((line[:3], line[8:])).median()


def overfitting(errors: Sequence[tuple[float, float]]) -> Finding | None:
    """Held-out pictures get worse while those of the training get better; (training, held-out), oldest first."""
    if len(errors) < 3:
        return None
    train, held = zip(*errors, strict=True)
    best = min(range(len(held)), key=lambda i: held[i])
    if best < len(held) - 1 and held[-1] > 1.1 * held[best] and train[-1] < train[best]:
        return Finding(
            "overfitting",
            f"Pictures that it has not seen get worse ({held[best]:.3g} before, {held[-1]:.3g} now) while the others "
            "get better: it learns its pictures by heart.",
            "Stop here or earlier; more pictures or more augmentation help.",
        )
    return None


def too_sure(critic: Sequence[float]) -> Finding | None:
    """The critic tells real pictures from made ones nearly always, so it has nothing left to teach."""
    latest = list(critic)[-LATEST:]
    if len(latest) < LATEST or sum(latest) / len(latest) < TOO_SURE:
        return None
    return Finding(
        "critic too sure",
        "The critic is never fooled any more.",
        "Give it less: a smaller --lr-critic, more --augment, or a stronger penalty.",
    )


def correlation(x: Tensor, y: Tensor) -> float:
    """Of all values of two sets of pictures, each picture about its own mean; -1 to 1, 0 where one is constant."""
    if x.shape[-2:] != y.shape[-2:]:
        y = F.interpolate(y, size=x.shape[-2:], mode="bilinear", antialias=True)
    x, y = (t.flatten(1) - t.flatten(1).mean(dim=1, keepdim=True) for t in (x, y))
    power = float(x.square().sum().sqrt() * y.square().sum().sqrt())
    return float((x * y).sum()) / power if power > 1e-8 else 0.0


def _luma(x: Tensor) -> Tensor:
    return x if x.shape[1] != 3 else (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _variety(x: Tensor) -> float:
    """How much pictures differ from each other: the root mean square deviation from their mean picture."""
    return float((x - x.mean(dim=0, keepdim=True)).square().mean().sqrt())

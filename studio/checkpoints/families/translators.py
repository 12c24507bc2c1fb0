"""What the families of translators and upscalers share: what their files leave open, and what ours state."""

from __future__ import annotations

import re
from typing import Any

from studio.checkpoints.card import Assumption
from studio.checkpoints.families.base import Values, ours, stored_assumptions, stored_value
from studio.checkpoints.unwrap import Candidate

STATED = ("input", "statistics", "partner", "palette", "sharper", "source_title", "target_title", "size")
"""What a card says of a translator beside the network's own hyper-parameters; the library's copies carry it along."""
_SIZES = (64, 128, 256, 512, 1024)
_GENERATOR = re.compile(r"(?i)^(net)?_?g(en|enerator)?(?=$|[-_ab0-9])|_?ema$")


def colors() -> Assumption:
    """The order of the colour channels."""
    why = "The file does not say it. Nearly all are trained on RGB; some, on pictures that OpenCV read, on BGR."
    return Assumption("colors", "rgb", why, ("rgb", "bgr"))


def size(value: int) -> Assumption:
    """The side in px at which it was trained, and works best."""
    why = f"The file does not say at which size it was trained; {value} px is usual for this kind."
    return Assumption("size", value, why, tuple(sorted({*_SIZES, value})))


def takes(channels: int) -> Assumption | None:
    """What the pictures are that it takes: black lines on white paper bring the drawing canvas."""
    if channels not in (1, 3, 4):
        return None
    why = "The file does not say what it was trained on: pictures, or black lines on white (“ink”), which one can draw."
    return Assumption("input", "picture", why, ("picture", "ink"))


def answered(values: Values, fixed: dict[str, Any], usual: dict[str, Any], hyper: dict[str, Any]) -> dict[str, Any]:
    """What the card says beside the network's own hyper-parameters: the usual, unless somebody says otherwise."""
    said = {k: v for table in (fixed, values) for k, v in table.items() if k in ("size", "input")}
    return {**usual, **hyper, **said}


def open_questions(c: Candidate, *asked: Assumption | None) -> tuple[dict[str, Any], tuple[Assumption, ...]]:
    """(What the file's own notes answer, what has to be assumed)."""
    known = stored_assumptions(c) if c.metadata.get("format") == "latent-studio" else {}
    fixed: dict[str, Any] = {}
    left: list[Assumption] = []
    for question in asked:
        if question is None:
            continue
        if question.name in known:
            left.append(known[question.name])
        elif question.name in c.metadata:
            fixed[question.name] = stored_value(c, question.name)
        else:
            left.append(question)
    if "direction" in known:
        left.append(known["direction"])
    return fixed, tuple(left)


def stated(c: Candidate) -> dict[str, Any]:
    """What the library wrote into its copy beside the network's own hyper-parameters."""
    if c.metadata.get("format") != "latent-studio":
        return {}
    return {name: stored_value(c, name) for name in STATED if name in c.metadata}


def layout(c: Candidate, theirs: str) -> str:
    """The layout in words: ours where the file was written by this program."""
    return "Latent Studio" if "architecture" in c.metadata else theirs


def kept_name(c: Candidate, *names: str) -> str:
    """The first of the architectures, or the one of them that the library's copy names."""
    return next((n for n in names if ours(c, n)), names[0])


def beside(c: Candidate) -> tuple[str, ...]:
    """A sentence about other generators in the same file, of which one alone can be used."""
    if not c.trail:
        return ()
    others = [str(k) for k, v in c.outer.items() if k != c.trail[-1] and isinstance(v, dict) and isinstance(k, str)]
    others = [k for k in others if _GENERATOR.search(k) and "optim" not in k.lower()]
    if not others:
        return ()
    listed = ", ".join(f"“{k[:40]}”" for k in others[:4])
    return (
        f"“{c.trail[-1]}” of this file is used. It also holds {listed}; what is saved in a file of its own can be used "
        "too.",
    )

"""Upscalers that the library ``spandrel`` knows: ESRGAN in three layouts, Real-ESRGAN, SwinIR, DAT and others.

The library sees names and tensors, never the file.  A network is planned without numbers first, so shapes that ask
for more than the file holds are refused before they cost anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.base.errors import ModelError
from studio.checkpoints.families.base import Recognised, Values
from studio.checkpoints.families.translators import beside, colors, kept_name, open_questions, stated
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.limits import plain
from studio.checkpoints.unwrap import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

VAGUE = ("compact", "dncnn", "scunet", "restoreformer")
"""Architectures that the library tells by names which others have too."""
MAX_TENSORS = 4096
_CREDIT = (
    "Run with the library spandrel (MIT, the chaiNNer team). The licence of the weights is their author's: look where "
    "you got them before you use the pictures commercially."
)
_NEARLY = "Large pictures are made in overlapping tiles, which agree nearly and not to the last bit for this kind."


def detect(c: Candidate) -> Recognised | None:
    """Ask the library.  What it knows and cannot use, or cannot build, comes back with a sentence."""
    from studio.nets import spandrel_upscaler as nets

    if not _plausible(c) or not nets.available():
        return None
    for tensors in _spellings(c):
        architecture = nets.architecture_of(tensors)
        if architecture is not None:
            return _recognised(c, tensors, architecture)
    return None


def _plausible(c: Candidate) -> bool:
    """A few convolutions, and numbers in names that count something: nobody builds a thousand empty layers."""
    if not 4 <= len(c.tensors) <= MAX_TENSORS or not any(len(t.shape) == 4 for t in c.tensors.values()):
        return False
    places: dict[str, set[int]] = defaultdict(set)
    for name in c.tensors:
        parts = name.split(".")
        for i, part in enumerate(parts):
            if part.isdecimal():
                if len(part) > 3 or not part.isascii():
                    return False
                places[".".join(parts[:i])].add(int(part))
    return all(max(found) <= 6 * len(found) + 16 for found in places.values())


def _spellings(c: Candidate) -> list[dict[str, Lazy]]:
    """The tensors as they are, and with the ``model.`` that was taken for a prefix."""
    again = {f"model.{n}": t for n, t in c.tensors.items()} if "0.weight" in c else None
    return [dict(c.tensors), *([again] if again else [])]


def _recognised(c: Candidate, tensors: dict[str, Lazy], architecture: str) -> Recognised | None:
    from studio.checkpoints.facts import NAMES
    from studio.checkpoints.skeleton import Hollow, hollow
    from studio.nets import spandrel_upscaler as nets

    name = architecture.lower()
    called = NAMES.get(name, architecture)
    limit = sum(t.stored for t in tensors.values()) + (8 << 20)
    sketch = {n: t.load() if _count(t.shape) <= nets.SMALL else hollow(t.shape, t.dtype) for n, t in tensors.items()}
    try:
        bare = nets.plan(architecture, sketch, lambda: Hollow(limit))
    except ModelError as exc:
        return Recognised("upscaler", name, called, sentence=str(exc))
    except Exception as exc:
        # The library raises whatever comes, for what does not fit.
        first = plain(str(exc).strip().partition("\n")[0], 120)
        sentence = f"This looks like an upscaler ({called}), but its tensors do not fit together. Get the file again."
        return Recognised(
            "upscaler", name, called, sentence=sentence, hyper={"reason": f"{type(exc).__name__}: {first}"}
        )
    fixed, left = open_questions(c, colors())

    def make(_: Mapping[str, Tensor], values: Values) -> nn.Module:
        bare.colors = values.get("colors", fixed.get("colors", bare.colors))
        return bare

    def whole(numbers: Mapping[str, Tensor], values: Values) -> nn.Module:
        return nets.build(architecture, numbers, **{**fixed, **values})

    return Recognised(
        "upscaler",
        kept_name(c, name),
        f"{called}, through spandrel",
        tensors,
        make,
        whole=whole,
        assumptions=left,
        notes=(_CREDIT, *(() if bare.exact_tiles else (_NEARLY,)), *beside(c)),
        hyper=stated(c),
    )


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total

"""Two worlds of pictures that are not pairs, and the true pairs that only the scores may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.base.errors import StudioError
from studio.training.data import Pictures, load_pictures
from studio.training.translate.pairs import base_emoji, load_emoji

A_NAMES, B_NAMES = {"A", "trainA"}, {"B", "trainB"}


@dataclass(frozen=True)
class Worlds:
    """``a``, ``b`` ``[N, 3, S, S]`` and ``[M, 3, S, S]`` uint8 to train on; ``held_a``, ``held_b`` to measure with.

    ``paired``: the held-out pictures are true pairs, one by one.  ``weights_a``, ``weights_b``: how often each is
    drawn; the two are always drawn independently.
    """

    a: Tensor
    b: Tensor
    held_a: Tensor
    held_b: Tensor
    weights_a: Tensor
    weights_b: Tensor
    paired: bool = False

    def __len__(self) -> int:
        """Pictures of both to train on."""
        return len(self.a) + len(self.b)

    def turned(self) -> Worlds:
        """B first."""
        return Worlds(self.b, self.a, self.held_b, self.held_a, self.weights_b, self.weights_a, self.paired)


def load_worlds(sources: Sequence[Path | str], size: int) -> Worlds:
    """Two folders or zips of pictures; or one with two folders in it (``A`` and ``B``, or ``trainA`` and ``trainB``).

    The numbers of pictures need not agree.  Every tenth picture of each is held out.  Raises :class:`StudioError`.
    """
    if len(sources) == 2:
        a, b = (load_pictures(Path(s), size) for s in sources)
    elif len(sources) == 1:
        both = load_pictures(Path(sources[0]), size)
        a, b = (_part(both, names) for names in (A_NAMES, B_NAMES))
        if not len(a) or not len(b):
            folders = sorted(set(both.folders))
            if len(folders) != 2:
                raise StudioError(
                    f"{Path(sources[0]).name} does not hold two worlds.",
                    f"It has {len(folders)} folders with pictures; a folder A and a folder B are needed.",
                    "Name two folders, or put the pictures into two folders A and B.",
                )
            a, b = (_part(both, {f}) for f in folders)
    else:
        raise StudioError("Two worlds come from one or two places.", todo="Name two folders of pictures.")
    for pictures, which in ((a, "first"), (b, "second")):
        if len(pictures) < 2:
            raise StudioError(
                f"The {which} folder has only {len(pictures)} picture.", todo="Add more; a few dozen are a beginning."
            )
    (ta, ha), (tb, hb) = (split(p) for p in (a, b))
    return Worlds(ta.images, tb.images, ha.images, hb.images, torch.ones(len(ta)), torch.ones(len(tb)))


def split(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """(training, held out): every tenth, of a few the last."""
    if len(pictures) >= 10:
        return pictures.split()
    last = len(pictures) - 1
    return pictures.subset(list(range(last))), pictures.subset([last])


def _part(pictures: Pictures, folders: set[str]) -> Pictures:
    return pictures.subset([i for i, f in enumerate(pictures.folders) if f in folders])


def emoji_worlds(source: Path | str, size: int, first: str = "flat", second: str = "3d") -> Worlds:
    """Two renderings of the emoji set, drawn independently; held out by base emoji, as true pairs for the scores.

    The five skin tones of an emoji together are drawn as often as the one without a tone.
    """
    parts, rows = load_emoji(source, size, (first, second))
    groups = [base_emoji(r["code"]) for r in rows]
    held_groups = set(sorted(set(groups))[9::10])
    here = [i for i, g in enumerate(groups) if g not in held_groups]
    # One of each base is measured: the skin tones of one person are not many different pictures.
    there = [i for i, g in enumerate(groups) if g in held_groups and not rows[i]["skin_tone"]]
    weights = torch.tensor([0.2 if rows[i]["skin_tone"] else 1.0 for i in here])
    a, b = parts[first], parts[second]
    return Worlds(a[here], b[here], a[there], b[there], weights, weights.clone(), paired=True)

"""Pictures in pairs: two folders with the same names, one picture beside the other, or the emoji with their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.base.errors import StudioError
from studio.training.data import SUFFIXES, Pictures, entries, load_pictures, square

PICTURE_FOLDERS = ("3d", "flat", "high_contrast")
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
_FIRST = """
2764 2b50 1f31f 1f3e0 1f3e1 1f332 1f333 1f334 1f335 1f337 1f338 1f339 1f33b 1f33c 1f34e 1f34c 1f352
1f353 1f34b 1f41f 1f420 1f697 1f680 26f5 2708 2601 2600 1f319 1f327 1f388 1f381 1f382 1f9c1 1f366
1f369 1f355 2602 1f98b 1f426 1f40c 1f422 1f433 1f986 1f344 1f340 1f343 1f4a7 1f525 1f451 1f47b 2603
2615 26a1 1f514 1f511 1f431 1f436 1f430 1f43b 1f437 1f438 1f42d 1f955 1f95a 26bd 1f3c0 1f45f 1f455
1f41d 1f577 1f40d
"""
FIRST_DRAWN = frozenset(_FIRST.split())
"""What people draw first: heart, star, house, trees, flowers, fruit, fish, car, rocket, sun, moon, cake, animals ..."""
_TWINS = "1f499 1f49a 1f49b 1f49c 1f9e1 1f90d 1f90e 1f5a4 1f34f 2665 1fa75 1fa76 1fa77"
TWINS = frozenset(_TWINS.split())
"""The same shapes in other colours: a line does not tell them, and the mean of all colours is none."""
_SIGNS = {"fe0f", "2640", "2642"}
_PERSON = {"1f468": "1f9d1", "1f469": "1f9d1"}


@dataclass(frozen=True)
class Pairs:
    """``inputs`` and ``targets`` ``[N, 3, S, S]`` uint8 RGB; ``names`` of the pairs.

    ``groups``: pairs of one group are held out together.  ``traces`` ``[N, 3, S, S]``: pictures whose contours may
    stand for the input (ink only).  ``weights`` ``[N]``: how often each is drawn.
    """

    inputs: Tensor
    targets: Tensor
    names: tuple[str, ...]
    groups: tuple[str, ...]
    weights: Tensor
    traces: Tensor | None = None

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, index: Sequence[int]) -> Pairs:
        """The pairs at these positions, in this order."""
        at = list(index)
        return replace(
            self,
            inputs=self.inputs[at],
            targets=self.targets[at],
            names=tuple(self.names[i] for i in at),
            groups=tuple(self.groups[i] for i in at),
            weights=self.weights[at],
            traces=None if self.traces is None else self.traces[at],
        )

    def turned(self) -> Pairs:
        """The other direction: targets become inputs."""
        return replace(self, inputs=self.targets, targets=self.inputs, traces=None)

    def split(self, every: int = 10) -> tuple[Pairs, Pairs]:
        """(training, held out): each ``every``-th group is held out, always the same ones; one of a few at least.

        A single group cannot be split: then nothing is held out.
        """
        groups = sorted(set(self.groups))
        held = set(groups[every - 1 :: every]) or (set(groups[-1:]) if len(groups) > 1 else set())
        here = [i for i, g in enumerate(self.groups) if g not in held]
        there = [i for i, g in enumerate(self.groups) if g in held]
        return self.subset(here), self.subset(there)


def base_emoji(code: str) -> str:
    """What all variants of an emoji share: no skin tones, no signs of gender, a person for man and woman.

    ``code`` is the hyphenated code points, such as ``1f469-1f3fd-200d-1f680`` (woman astronaut of medium skin).
    """
    kept = [_PERSON.get(p, p) for p in code.split("-") if p not in SKIN_TONES | _SIGNS]
    out: list[str] = []
    for p in kept:
        if p == "200d" and (not out or out[-1] == "200d"):
            continue
        out.append(p)
    while out and out[-1] == "200d":
        out.pop()
    return "-".join(out) or code


def stem(name: str) -> str:
    """A file's name without its ending."""
    return PurePosixPath(name).stem


def aligned(a: Pictures, b: Pictures, what_a: str, what_b: str) -> Pairs:
    """Pairs by the names of the files, whatever their endings.  Raises :class:`StudioError` if names have no partner.

    The label table's column ``group`` keeps pairs together when the data are split.
    """
    at_a = {stem(n): i for i, n in enumerate(a.names)}
    at_b = {stem(n): i for i, n in enumerate(b.names)}
    names = sorted(at_a.keys() & at_b.keys())
    alone = sorted(at_a.keys() ^ at_b.keys())
    if alone:
        some = ", ".join(alone[:3])
        raise StudioError(
            f"{len(alone)} pictures have no partner of the same name: {some}{' …' if len(alone) > 3 else ''}.",
            f"Each picture in {what_a} needs one of the same name in {what_b}.",
            "Rename them or take them out, then start again. For pictures without partners there is “cyclegan”.",
        )
    ia, ib = [at_a[n] for n in names], [at_b[n] for n in names]
    rows, at = (a.rows, ia) if a.rows else (b.rows, ib)
    groups = tuple((rows[i].get("group") or n) if rows else n for i, n in zip(at, names, strict=True))
    return Pairs(a.images[ia], b.images[ib], tuple(names), groups, torch.ones(len(names)))


def load_pairs(sources: Sequence[Path | str], size: int, *, direction: str = "AtoB") -> Pairs:
    """Read pairs at ``size`` px.

    Two sources: folders (or zips) with pictures of the same names.  One source: a folder or zip with exactly two
    folders of the same names, or with pictures that show input and target side by side (width twice the height), as the
    authors of pix2pix publish theirs; there the names ``A`` and ``B`` are left and right.  ``direction`` ``BtoA`` turns
    them around.  Raises :class:`StudioError`.
    """
    if direction not in ("AtoB", "BtoA"):
        raise StudioError(f"There is no direction “{direction}”.", todo="Choose AtoB or BtoA.")
    if len(sources) == 2:
        a, b = (load_pictures(Path(s), size) for s in sources)
        found = aligned(a, b, Path(sources[0]).name, Path(sources[1]).name)
    elif len(sources) == 1:
        found = _one_source(Path(sources[0]), size)
    else:
        raise StudioError("Pairs come from one or two places.", todo="Name one folder with pairs, or two folders.")
    return found if direction == "AtoB" else found.turned()


def _one_source(source: Path, size: int) -> Pairs:
    if not source.exists():
        raise StudioError(f"The training pictures were not found: {source}.", todo="Choose a folder or a zip.")
    left: list[np.ndarray] = []
    right: list[np.ndarray] = []
    names: list[str] = []
    plain: list[str] = []
    for name, data in entries(source):
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            continue
        try:
            with Image.open(io.BytesIO(data)) as image:
                w, h = image.size
                if w == 2 * h:
                    left.append(np.asarray(square(image.crop((0, 0, h, h)), size)))
                    right.append(np.asarray(square(image.crop((h, 0, w, h)), size)))
                    names.append(PurePosixPath(name).with_suffix("").as_posix())
                else:
                    plain.append(name)
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
    if left and plain:
        raise StudioError(
            f"{len(plain)} pictures are not pairs: {plain[0]}.",
            "The others show input and target side by side, twice as wide as high.",
            "Take them out, or put inputs and targets into two folders.",
        )
    if left:
        return Pairs(stacked(left), stacked(right), tuple(names), tuple(names), torch.ones(len(names)))
    pictures = load_pictures(source, size)
    folders = sorted(set(pictures.folders))
    if len(folders) != 2:
        raise StudioError(
            f"No pairs were found in {source.name}.",
            f"It has {len(folders)} folders with pictures; two with the same names are needed, or pictures that show "
            "input and target side by side.",
            "Put the inputs into a folder A and what they shall become into a folder B, under the same names.",
        )
    halves = [pictures.subset([i for i, f in enumerate(pictures.folders) if f == folder]) for folder in folders]
    return aligned(halves[0], halves[1], folders[0], folders[1])


def stacked(arrays: Iterable[np.ndarray]) -> Tensor:
    """``[H, W, 3]`` uint8 arrays to ``[N, 3, H, W]``."""
    return torch.from_numpy(np.stack(list(arrays))).permute(0, 3, 1, 2).contiguous()


def load_emoji(
    source: Path | str, size: int, parts: Sequence[str] = PICTURE_FOLDERS, *, tones: bool = True
) -> tuple[dict[str, Tensor], list[dict[str, str]]]:
    """The emoji set (folders ``3d``, ``flat``, ``high_contrast`` and ``labels.csv``) on white, in the table's order.

    Returns uint8 ``[N, 3, size, size]`` by part, and the rows of all emoji that have every part.  A line drawing serves
    all skin tones.  ``tones`` False: only the emoji without a skin tone.
    """
    pictures: dict[tuple[str, str], np.ndarray] = {}
    rows: list[dict[str, str]] = []
    wanted = set(parts)
    source = Path(source)
    if not source.exists():
        raise StudioError(f"The emoji were not found: {source}.", todo="Choose the folder or zip of the emoji set.")
    for name, data in entries(source):
        path = PurePosixPath(name)
        if path.name == "labels.csv":
            rows = [r for r in csv.DictReader(io.StringIO(data.decode("utf-8"))) if r.get("code")]
        elif path.parent.name in wanted:
            with Image.open(io.BytesIO(data)) as image:
                pictures[path.parent.name, path.stem] = np.asarray(square(image, size), dtype=np.uint8)
    if not rows or "high_contrast" not in rows[0]:
        raise StudioError(
            f"{source.name} is not the emoji set.", "Its labels.csv with the column high_contrast is missing."
        )

    def key(row: dict[str, str], part: str) -> tuple[str, str]:
        return part, row["high_contrast"] if part == "high_contrast" else row["code"]

    rows = [r for r in rows if (tones or not r["skin_tone"]) and all(key(r, p) in pictures for p in parts)]
    if not rows:
        raise StudioError(f"There are no complete emoji in {source.name}.", f"Each needs {', '.join(parts)}.")
    return {p: stacked(pictures[key(r, p)] for r in rows) for p in parts}, rows


def emoji_weights(rows: Sequence[dict[str, str]], pictures: Tensor) -> Tensor:
    """How often each emoji is drawn, ``[N]``: yellow faces and what people draw first oftener, the many people less.

    The newcomer's first drawing is a face; a tenth of the set are people in every profession, who look much alike.
    """
    weights = torch.ones(len(rows))
    for i, row in enumerate(rows):
        first = row["code"].split("-")[0]
        if first in ("1f468", "1f469", "1f9d1") or row["gender_sign"] != "neutral":
            weights[i] = 0.35
        elif row["code"] in TWINS:
            weights[i] = 0.1
        elif row["code"] in FIRST_DRAWN:
            weights[i] = 5.0
        elif "FACE" in row["name"] and is_yellow(pictures[i]):
            weights[i] = 3.0
    return weights


def is_yellow(picture: Tensor) -> bool:
    """Whether most of ``[3, S, S]`` uint8 that is not white is yellow or orange."""
    r, g, b = picture.float()
    drawn = picture.float().amin(dim=0) < 240
    yellow = drawn & (r > 180) & (g > 100) & (b < 0.75 * r) & (r > g)
    return bool(yellow.sum() > 0.5 * drawn.sum()) and bool(drawn.float().mean() > 0.35)


def ink_pairs(source: Path | str, size: int) -> Pairs:
    """Line drawing to 3D emoji: the emoji set without skin tones (a line does not tell them), grouped by base emoji."""
    parts, rows = load_emoji(source, size, tones=False)
    return Pairs(
        parts["high_contrast"],
        parts["3d"],
        tuple(r["code"] for r in rows),
        tuple(base_emoji(r["code"]) for r in rows),
        emoji_weights(rows, parts["3d"]),
        parts["flat"],
    )

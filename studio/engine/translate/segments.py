"""Flat areas of few colours from photographs: posterised pictures, and maps of classes.

Colours are grouped by k-means in Oklab (Lloyd, 1982), begun at the colours farthest from each other and from the mean,
so that there is no chance in it; or each place takes the nearest colour of a palette.  Areas too small to be painted
join the neighbour that they share most of their border with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from studio.engine.translate.edges import AT, blurred
from studio.engine.translate.graph import Ints, areas
from studio.engine.translate.oklab import oklab

Floats = npt.NDArray[np.float32]

SIDE = 256
"""The longer side in px at which areas are found; larger outcomes get smooth borders by interpolation."""
SAMPLE = 6000
"""Places that vote for the colours."""
ROUNDS = 12
SOFTEST = 2.4
"""Sigma in px at :data:`AT` of what is blurred away for ``smooth`` 1."""
LARGEST, SMALLEST = 0.02, 0.0002
"""The smallest area that is kept, as a share of the picture, for ``detail`` 0 and 1."""
PASSES = 6
SAME = 0.015
"""Colours nearer to each other than this in Oklab look alike."""


def segments(rgb: Tensor, colours: int, palette: Floats | None, detail: float, smooth: float) -> tuple[Ints, Floats]:
    """Which colour each place has ``[H, W]``, and the colours ``[k, 3]`` in [0, 1].  ``rgb`` ``[1, 3, H, W]``.

    ``palette`` ``[k, 3]`` in [0, 1]: take these; else ``colours`` are found, fewer in a picture that has fewer.
    """
    lab = oklab(rgb)[0].cpu().numpy()
    sigma = SOFTEST * smooth * max(rgb.shape[2:]) / AT
    if sigma > 0.3:
        lab = _within_edges(lab, sigma)
    h, w = lab.shape[1:]
    places = lab.reshape(3, -1).T
    if palette is None:
        centres = _centres(places[_spaced(len(places))], max(1, colours))
    else:
        shown = torch.from_numpy(palette.T.copy()).float()[None, :, :, None]
        centres = oklab(shown)[0, :, :, 0].numpy().T
    which = _nearest(places, centres).reshape(h, w)
    which = cleaned(which, len(centres), _least(detail) * h * w)
    if palette is not None:
        return which, palette
    flat, shown_by = which.ravel(), rgb[0].reshape(3, -1).cpu().numpy().T
    count = np.maximum(np.bincount(flat, minlength=len(centres)), 1)
    mean = np.stack([np.bincount(flat, shown_by[:, c], len(centres)) / count for c in range(3)], axis=1)
    return which, mean.astype(np.float32)


def _least(detail: float) -> float:
    return float(LARGEST * (SMALLEST / LARGEST) ** min(max(detail, 0.0), 1.0))


def _within_edges(lab: Floats, sigma: float) -> Floats:
    """Smooth where it is nearly even, as it is at edges: the guided filter (He et al., 2010) with itself as guide."""
    mean = blurred(lab, sigma)
    variance = np.maximum(blurred(lab * lab, sigma) - mean * mean, 0.0)
    # One weight for all channels, so that no colour bleeds where another changes.
    total = variance.sum(axis=0)
    a = total / (total + np.float32(0.004))
    made: Floats = blurred(a[None], sigma)[0] * lab + blurred(mean * (1.0 - a), sigma)
    return made


def _spaced(count: int) -> Ints:
    """Places all over the picture that follow no pattern (multiples of the golden ratio)."""
    if count <= SAMPLE:
        return np.arange(count)
    return np.unique((np.arange(SAMPLE) * 0.6180339887498949 % 1.0 * count).astype(np.intp))


def _nearest(places: Floats, centres: Floats) -> Ints:
    distance = (centres**2).sum(axis=1) - 2.0 * (places @ centres.T)
    nearest: Ints = distance.argmin(axis=1)
    return nearest


def _centres(sample: Floats, count: int) -> Floats:
    """``[k, 3]`` with k at most ``count``."""
    chosen: list[Floats] = []
    # Far counts, but so does company: a lone pixel is no colour of a picture.
    dense = np.sqrt(_company(sample))
    distance = ((sample - sample.mean(axis=0)) ** 2).sum(axis=1)
    for _ in range(count):
        at = int((distance * dense).argmax())
        if chosen and distance[at] < SAME**2:
            break
        chosen.append(sample[at])
        far = ((sample - sample[at]) ** 2).sum(axis=1)
        distance = far if len(chosen) == 1 else np.minimum(distance, far)
    centres: Floats = np.array(chosen, np.float32)
    for _ in range(ROUNDS):
        which = _nearest(sample, centres)
        size = np.bincount(which, minlength=len(centres))
        total = np.stack([np.bincount(which, sample[:, c], len(centres)) for c in range(3)], axis=1)
        moved: Floats = np.where(size[:, None] > 0, total / np.maximum(size, 1)[:, None], centres).astype(np.float32)
        if np.abs(moved - centres).max() < 1e-4:
            break
        centres = moved
    return centres


def _company(sample: Floats) -> npt.NDArray[np.float64]:
    """How many of the others have nearly the same colour (cells of 0.06 in Oklab)."""
    cell = np.floor(sample / 0.06).astype(np.int64)
    cell -= cell.min(axis=0)
    spread = cell.max(axis=0) + 1
    key = (cell[:, 0] * spread[1] + cell[:, 1]) * spread[2] + cell[:, 2]
    _, back, count = np.unique(key, return_inverse=True, return_counts=True)
    others: npt.NDArray[np.float64] = count[back].astype(np.float64)
    return others


def cleaned(which: Ints, colours: int, least: float) -> Ints:
    """Areas smaller than ``least`` places given to the neighbour with whom they share the longest border."""
    for _ in range(PASSES):
        part, size = areas(which)
        small = size < least
        if not small.any() or small.all():
            return which
        # Borders between a small area and a larger one, counted for each colour beyond.
        near = [(part[:, :-1], part[:, 1:], which[:, 1:]), (part[:, 1:], part[:, :-1], which[:, :-1])]
        near += [(part[:-1], part[1:], which[1:]), (part[1:], part[:-1], which[:-1])]
        votes = np.zeros(len(size) * colours, np.intp)
        for here, there, colour in near:
            counts = small[here] & (here != there)
            mine, other, theirs = here[counts], there[counts], colour[counts]
            larger = size[other] > size[mine]
            votes += np.bincount(mine[larger] * colours + theirs[larger], minlength=len(votes))
        table = votes.reshape(-1, colours)
        taken = np.where(table.any(axis=1), table.argmax(axis=1), -1)
        if (taken < 0).all():
            return which
        new = taken[part]
        which = np.where(new >= 0, new, which)
    return which


def enlarged(which: Ints, colours: int, size: tuple[int, int]) -> Ints:
    """The same areas at another size, with smooth borders: each place belongs to the area that covers most of it."""
    if which.shape == size:
        return which
    best = torch.full((1, 1, *size), -1.0)
    owner = torch.zeros((1, 1, *size), dtype=torch.long)
    for colour in range(colours):
        soft = torch.from_numpy(blurred((which == colour).astype(np.float32), 0.8))[None, None]
        grown = torch.nn.functional.interpolate(soft, size=size, mode="bilinear", antialias=True, align_corners=False)
        owner = torch.where(grown > best, colour, owner)
        best = torch.maximum(best, grown)
    made: Ints = owner[0, 0].numpy()
    return made

"""Which places hang together, in numpy alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]


def components(count: int, a: Ints, b: Ints) -> Ints:
    """For each of ``count`` nodes the smallest node that it is joined to by links ``a[i] - b[i]``.

    Roots are hooked to the smallest root that any of their links leads to, then all paths are shortened (Shiloach and
    Vishkin, 1982): few rounds, whatever the shape.
    """
    root = np.arange(count)
    while True:
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        apart = low != high
        if not apart.any():
            return root
        np.minimum.at(root, high[apart], low[apart])
        while True:
            nearer = root[root]
            if np.array_equal(nearer, root):
                break
            root = nearer


def neighbours(mask: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Links between places of a mask that touch, corners included; places are numbered in reading order."""
    number = np.full((mask.shape[0] + 1, mask.shape[1] + 2), -1, np.intp)
    number[:-1, 1:-1][mask] = np.arange(int(mask.sum()))
    here = number[:-1, 1:-1]
    pairs = [
        (here, number[:-1, 2:]),
        (here, number[1:, 1:-1]),
        (here, number[1:, 2:]),
        (here, number[1:, :-2]),
    ]
    a = np.concatenate([p[(p >= 0) & (q >= 0)] for p, q in pairs])
    b = np.concatenate([q[(p >= 0) & (q >= 0)] for p, q in pairs])
    return a, b


def areas(values: Ints) -> tuple[Ints, Ints]:
    """Parts of equal neighbouring numbers (side by side, not corner to corner) of ``[H, W]``.

    Returns the part of each place ``[H, W]``, numbered from 0, and how many places each part has.
    """
    begins = np.ones(values.shape, bool)
    begins[:, 1:] = values[:, 1:] != values[:, :-1]
    # A row's runs are few; only they are joined, not the places.
    run = np.cumsum(begins.ravel()).reshape(values.shape) - 1
    touch = values[1:] == values[:-1]
    # Two runs that touch do so along a stretch: its first place is enough.
    first = touch.copy()
    first[:, 1:] &= ~touch[:, :-1] | begins[1:, 1:] | begins[:-1, 1:]
    root = components(int(run[-1, -1]) + 1, run[:-1][first], run[1:][first])
    _, number = np.unique(root, return_inverse=True)
    part: Ints = number.astype(np.intp)[run]
    return part, np.bincount(part.ravel())

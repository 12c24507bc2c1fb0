"""Whose colours a finished picture has.

``luminance``: the picture's light, the content's colours (YIQ, Gatys et al. 2016, "Preserving color").  ``match``: a
linear map gives its colours the content's mean and covariance (the same paper; the symmetric root, which moves
colours least).  ``histogram``: each channel gets the content's distribution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from studio.base.steps import Progress, Steps, UInt8Image
from studio.engine.context import Context
from studio.engine.pictures import read, resized, tensor, to_uint8
from studio.engine.registry import operation
from studio.engine.results import Picture
from studio.project.style import Colours, Recolour

_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_RGB = np.linalg.inv(_YIQ)


def recolour(picture: UInt8Image, content: UInt8Image, colours: Colours) -> UInt8Image:
    """``picture`` ``[H, W, 3]`` with other colours; ``content`` is scaled to it."""
    if colours == "style":
        return picture
    size = (picture.shape[0], picture.shape[1])
    fitting = content if content.shape[:2] == size else to_uint8(resized(tensor(content), size))
    if colours == "histogram":
        return np.stack([_histogram(picture[..., c], fitting[..., c]) for c in range(3)], axis=-1)
    a, b = picture.astype(np.float32) / 255.0, fitting.astype(np.float32) / 255.0
    made = _luminance(a, b) if colours == "luminance" else _match(a, b)
    return (np.clip(made, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _luminance(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    light = (a - b) @ _YIQ[0].astype(np.float32)
    moved: npt.NDArray[np.float32] = b + light[..., None] * _RGB[:, 0].astype(np.float32)
    return moved


def _match(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    x, y = a.reshape(-1, 3).astype(np.float64), b.reshape(-1, 3).astype(np.float64)
    mx, my = x.mean(axis=0), y.mean(axis=0)
    # A trace of grey noise: a picture of one colour has no covariance to divide by.
    cx, cy = np.cov((x - mx).T) + 1e-5 * np.eye(3), np.cov((y - my).T) + 1e-5 * np.eye(3)
    root = _root(cx)
    inverse = np.linalg.inv(root)
    # The optimal transport map between two normal distributions (symmetric).
    mapping = inverse @ _root(root @ cy @ root) @ inverse
    moved: npt.NDArray[np.float32] = ((x - mx) @ mapping.T + my).astype(np.float32).reshape(a.shape)
    return moved


def _root(c: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(c)
    root: npt.NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _histogram(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    below = np.cumsum(np.bincount(a.ravel(), minlength=256)) / a.size
    target = np.cumsum(np.bincount(b.ravel(), minlength=256)) / b.size
    middle = below - 0.5 * np.diff(below, prepend=0.0)
    table = np.interp(middle, target, np.arange(256.0))
    matched: npt.NDArray[np.uint8] = (table + 0.5).astype(np.uint8)[a]
    return matched


@operation(Recolour, doing="Changing the colours")
def recolour_picture(ctx: Context, request: Recolour) -> Steps[Picture]:
    """The finished picture (asset) with other colours; the picture's own size."""
    picture = read(ctx, request.picture, "picture")
    content = read(ctx, request.content, "content picture")
    yield Progress(0, 1, "Changing the colours")
    with torch.no_grad():
        return Picture(recolour(picture, content, request.colours))

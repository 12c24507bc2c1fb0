"""A feature network without learned weights, for perceptual distances where no trained one may be shipped.

What it is, plainly: VGG-19's shape (Simonyan and Zisserman 2015, configuration E) at half its width, with *random*
filters from a fixed seed.  It has seen no pictures.  Three things make random filters useful (measured for style
transfer, and the reason that it beats plain random VGG there): the filters of a layer are orthogonal to each other,
so that they look at different things; from the second layer on they sum to zero, so that no layer only measures
brightness; and every layer is calibrated on a fixed synthetic batch to zero mean and unit variance before its ReLU,
so that no channel is dead or always on.  It compares texture, edges and layout at five scales.  It does not know
what a face is: distances from it are no LPIPS, and whatever shows one says :data:`FEATURES_NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.nets.style_features import StudioVGG

FEATURES_NAME = "studio fixed-seed features"
"""What the interface calls the measure."""

SEED = 20190612
BLOCKS = (("1", 32, 2), ("2", 64, 2), ("3", 128, 4), ("4", 256, 4), ("5", 256, 1))
"""(block, channels, convolutions): the channels of VGG-19, halved, up to ``relu5_1``."""

LAYERS = tuple(f"relu{block}_{i + 1}" for block, _, count in BLOCKS for i in range(count))
"""All layers in order, by their VGG names."""

COMPARED = ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_1")
"""The layers of :meth:`StudioFeatures.perceptual_distance`, all with the same weight."""

PIXEL_WEIGHT = 0.5


class StudioFeatures(nn.Module):
    """Random, orthogonal, calibrated VGG features; the same everywhere up to rounding.

    Building it takes a fraction of a second and draws from numpy's legacy generator, whose stream is frozen.
    """

    name = FEATURES_NAME

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.RandomState(SEED)
        x = torch.from_numpy(calibration_pictures(rng)).contiguous(memory_format=torch.channels_last)
        n_in = 3
        with torch.no_grad():
            for name, n_out in _plan():
                weight = torch.from_numpy(orthogonal_filters(rng, n_out, n_in, zero_mean=n_in != 3))
                if name.endswith("_1") and n_in != 3:
                    x = F.avg_pool2d(x, 2)
                y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight)
                mean = y.double().mean(dim=(0, 2, 3))
                std = y.double().var(dim=(0, 2, 3), unbiased=False).sqrt()
                self.register_buffer(f"{name}_weight", (weight / std[:, None, None, None]).float(), persistent=False)
                self.register_buffer(f"{name}_bias", (-mean / std).float(), persistent=False)
                x = F.relu(((y - mean[:, None, None]) / std[:, None, None]).float())
                n_in = n_out

    @property
    def layer_names(self) -> tuple[str, ...]:
        """What :meth:`features` can be asked for, from shallow to deep."""
        return LAYERS

    @property
    def hyper(self) -> dict[str, Any]:
        """What a card would tell."""
        return {"blocks": [[n, count] for _, n, count in BLOCKS], "seed": SEED}

    def as_vgg(self) -> StudioVGG:
        """The same network as convolutions: with ``conv`` layers, a choice of pooling, and in other precisions."""
        tensors = {}
        for name, _ in _plan():
            place = name.removeprefix("relu")
            tensors[f"conv{place}.weight"] = getattr(self, f"{name}_weight")
            tensors[f"conv{place}.bias"] = getattr(self, f"{name}_bias")
        net = StudioVGG([(n, count) for _, n, count in BLOCKS]).to(tensors["conv1_1.weight"].device)
        net.load_state_dict(tensors)
        return net.eval().requires_grad_(False)

    def calibrated(self, x: Tensor) -> StudioVGG:
        """The same filters calibrated on pictures ``x`` instead (see :meth:`StudioVGG.calibrated`)."""
        return self.as_vgg().calibrated(x)

    def features(self, x: Tensor, names: Sequence[str] = LAYERS) -> dict[str, Tensor]:
        """Pictures ``[N, 3, H, W]`` in [0, 1] to activations ``[N, C, h, w]``, about unit variance before the ReLU.

        Computes no further than the last wished layer.  :class:`ValueError` for an unknown name or a picture too
        small for a layer (``relu5_1`` wants 32 pixels on each side).
        """
        unknown = [n for n in names if n not in LAYERS]
        if unknown:
            raise ValueError(f"there is no layer {unknown[0]}; there are {', '.join(LAYERS)}")
        wanted = set(names)
        found: dict[str, Tensor] = {}
        for i, (name, _) in enumerate(_plan()):
            if len(found) == len(wanted):
                break
            if i and name.endswith("_1"):
                x = F.avg_pool2d(x, 2)
            if min(x.shape[2:]) < 2:
                raise ValueError(f"the picture is too small for {name}")
            weight, bias = getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias))
            if name in wanted:
                found[name] = x
        return {n: found[n] for n in names}

    def perceptual_distance(self, a: Tensor, b: Tensor) -> Tensor:
        """How different pictures ``[N, 3, H, W]`` in [-1, 1] look: ``[N]``, 0 for equal ones; differentiable.

        In the shape of LPIPS (Zhang et al. 2018): activations normalised over channels at each place, squared
        differences summed over channels and averaged over places and layers, plus half the mean squared difference
        of the pixels.  Layers that small pictures do not reach are left out.
        """
        if a.shape != b.shape:
            raise ValueError(f"pictures of one size are compared, not {list(a.shape)} and {list(b.shape)}")
        names = _compared(a)
        fa, fb = (self.features(v * 0.5 + 0.5, names) for v in (a, b))
        total = PIXEL_WEIGHT * (a - b).square().mean(dim=(1, 2, 3))
        for n in names:
            difference = _unit(fa[n]) - _unit(fb[n])
            total = total + difference.square().sum(dim=1).mean(dim=(1, 2)) / len(names)
        return total

    def signature(self, x: Tensor) -> Tensor:
        """``[N, K]`` of pictures ``[N, 3, H, W]`` in [-1, 1]: the squared distance of two signatures is their
        :meth:`perceptual_distance`, so that in a row of pictures each is looked at once."""
        names = _compared(x)
        found = self.features(x * 0.5 + 0.5, names)
        parts = [x.flatten(1) * (PIXEL_WEIGHT / x[0].numel()) ** 0.5]
        for n in names:
            places = found[n].shape[2] * found[n].shape[3]
            parts.append(_unit(found[n]).flatten(1) / (len(names) * places) ** 0.5)
        return torch.cat(parts, dim=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """All layers of :meth:`features`."""
        return self.features(x)


def _compared(x: Tensor) -> list[str]:
    """The layers that pictures of this size reach."""
    return [n for n in COMPARED if min(x.shape[2:]) >= 2 ** int(n[4])]


def _plan() -> list[tuple[str, int]]:
    return [(f"relu{block}_{i + 1}", channels) for block, channels, count in BLOCKS for i in range(count)]


def _unit(f: Tensor) -> Tensor:
    """Length 1 over channels; a place where nearly nothing is on stays near zero instead of amplifying rounding."""
    return f * (f.square().sum(dim=1, keepdim=True) + 0.01 * f.shape[1]).rsqrt()


def orthogonal_filters(rng: np.random.RandomState, n_out: int, n_in: int, *, zero_mean: bool) -> NDArray[np.float32]:
    """``[n_out, n_in, 3, 3]`` of unit filters, orthogonal in groups as large as their dimension allows.

    Gram-Schmidt by the Cholesky factor of the rows' products: unique, so every machine's LAPACK gives the same filters.
    """
    size = n_in * 9
    room = size - 1 if zero_mean else size
    groups = []
    for start in range(0, n_out, room):
        rows = rng.standard_normal((min(room, n_out - start), size))
        if zero_mean:
            rows -= rows.mean(axis=1, keepdims=True)
        groups.append(np.linalg.solve(np.linalg.cholesky(rows @ rows.T), rows))
    filters: NDArray[np.float32] = np.concatenate(groups).reshape(n_out, n_in, 3, 3).astype(np.float32)
    return filters


def calibration_pictures(rng: np.random.RandomState, count: int = 4, size: int = 64) -> NDArray[np.float32]:
    """``[count, 3, size, size]`` in [0, 1]: soft clouds over octaves, with flat shapes and edges, in varied colours.

    What photographs and drawings have in common for small filters: power at all scales, more at the large ones;
    correlated colours; sharp borders.
    """
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    pictures = np.zeros((count, 3, size, size))
    for picture in pictures:
        cells = 2
        while cells <= size:
            grid = rng.standard_normal((3, cells + 1, cells + 1))
            picture += _stretch(grid, x * cells, y * cells) / cells**0.7
            cells *= 2
        for _ in range(6):
            cx, cy, radius, angle = rng.uniform(size=4)
            disc = (x - cx) ** 2 + (y - cy) ** 2 < (0.05 + 0.3 * radius) ** 2
            half_plane = (x - cx) * np.cos(angle * 6.3) + (y - cy) * np.sin(angle * 6.3) > 0
            colour = rng.standard_normal((3, 1))
            picture[:, disc & half_plane] = 0.3 * picture[:, disc & half_plane] + colour
        mix = rng.standard_normal((3, 3)) * 0.3 + 0.7  # channels of a photograph rise and fall together
        picture[:] = np.tensordot(mix, picture, axes=1)
        picture -= picture.mean()
        picture /= picture.std()
    return np.clip(0.5 + 0.22 * pictures, 0.0, 1.0).astype(np.float32)


def _stretch(grid: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear reading of ``grid[:, row, column]`` at (y, x)."""
    i, j = y.astype(int), x.astype(int)
    v, u = y - i, x - j
    top = grid[:, i, j] * (1 - u) + grid[:, i, j + 1] * u
    low = grid[:, i + 1, j] * (1 - u) + grid[:, i + 1, j + 1] * u
    stretched: NDArray[np.float64] = top * (1 - v) + low * v
    return stretched

"""Directions in a latent space, as people share them: GANSpace, InterFaceGAN, closed-form factors, plain arrays."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, OpenFile
from studio.checkpoints.formats.contents import read_contents
from studio.checkpoints.formats.npy import read_npy, read_npz
from studio.checkpoints.formats.sniff import sniff
from studio.checkpoints.lazy import Lazy
from studio.checkpoints.limits import plain, too_much
from studio.checkpoints.unwrap import to_lazy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_DIRECTIONS = 4096
MAX_NUMBERS = 1 << 26
_COMPONENTS = (("lat_comp", "lat_stdev", "lat_mean"), ("comp", "std", "mean"), ("act_comp", "act_stdev", "act_mean"))
_SIDE = frozenset(
    {"mean", "std", "stdev", "var", "var_ratio", "lat_mean", "lat_stdev", "act_mean", "act_stdev", "act_comp", "eigval"}
)


@dataclass(frozen=True, slots=True, eq=False)
class DirectionFile:
    """Named directions.  ``vectors`` are as stored, not normalised."""

    names: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    """``[n, w_dim]``, or ``[n, num_ws, w_dim]`` when each layer has its own."""
    sigmas: npt.NDArray[np.float32] | None = None
    """How far one standard deviation goes along each, ``[n]``, where the file says it."""
    mean: npt.NDArray[np.float32] | None = None
    """The centre that the directions were measured from, ``[w_dim]``, where the file says it."""
    source: str = ""


def read_directions(path: str | os.PathLike[str], *, num_ws: int | None = None) -> DirectionFile:
    """Read a ``.pt``, ``.npy``, ``.npz``, ``.pkl`` or safetensors file of directions, by content.

    A table of ``num_ws`` rows could be as many directions or one direction for every layer: with ``num_ws`` given it
    is the latter.  Raises :class:`ModelError` for everything that holds no directions.
    """
    with OpenFile(path) as file:
        tables = _tables(file)
        found = _find(tables, file.path.stem, num_ws)
    if found is None:
        what = ", ".join(f"{plain(k, 30)} {list(v.shape)}" for k, v in list(tables.items())[:3])
        raise ModelError(
            "There are no directions in this file.",
            f"It holds {what or 'no arrays'}.",
            "Directions are rows as long as the generator's w (often 512).",
        )
    return found


def _tables(file: OpenFile) -> dict[str, Lazy]:
    """All arrays of the file by name; a lone array is called ''."""
    kind = sniff(file)
    whole = Blob(file, 0, file.size)
    if kind == "npy":
        return {"": read_npy(whole)}
    if kind == "zip" and (arrays := read_npz(file)) is not None:
        return arrays
    root: Any = read_contents(file).root
    # One table inside another is as far as people nest these.
    for _ in range(2):
        if isinstance(root, dict) and len(root) == 1 and isinstance(next(iter(root.values())), dict):
            root = next(iter(root.values()))
    out: dict[str, Lazy] = {}
    if isinstance(root, Mapping):
        pairs = [(k if isinstance(k, str) else str(k), v) for k, v in list(root.items())[: MAX_DIRECTIONS + 1]]
    elif isinstance(root, list | tuple):
        pairs = [(f"Direction {i + 1}", v) for i, v in enumerate(root[: MAX_DIRECTIONS + 1])]
    else:
        pairs = [("", root)]
    for name, value in pairs:
        lazy = to_lazy(value)
        if lazy is not None and lazy.floating:
            out[name] = lazy
    return out


def _find(tables: dict[str, Lazy], stem: str, num_ws: int | None) -> DirectionFile | None:
    if sum(t.stored for t in tables.values()) > 4 * MAX_NUMBERS:
        raise too_much("its arrays are far larger than directions", f"{MAX_NUMBERS:,} numbers")
    for component, sigma, centre in _COMPONENTS:
        if component in tables and (component != "act_comp" or centre in tables):
            vectors = _rows(tables[component], None)
            if vectors is None:
                continue
            n = len(vectors)
            return _made(
                [f"Component {i + 1}" for i in range(n)],
                vectors,
                _column(tables.get(sigma), n),
                _column(tables.get(centre), vectors.shape[-1]),
                stem,
            )
    if "eigvec" in tables and len(tables["eigvec"].shape) == 2:
        # rosinality's closed-form factors are the columns.
        columns = _rows(tables["eigvec"].permute(1, 0), None)
        if columns is not None:
            return _made([f"Factor {i + 1}" for i in range(len(columns))], columns, None, None, stem)
    if set(tables) == {""}:
        vectors = _rows(tables[""], num_ws)
        if vectors is None:
            return None
        names = [_title(stem)] if len(vectors) == 1 else [f"Direction {i + 1}" for i in range(len(vectors))]
        return _made(names, vectors, None, None, stem)
    names, rows = [], []
    for name, lazy in tables.items():
        if name in _SIDE:
            continue
        vectors = _rows(lazy, num_ws)
        if vectors is None:
            return None
        names += [name] if len(vectors) == 1 else [f"{name} {i + 1}" for i in range(len(vectors))]
        rows.append(vectors)
    if not rows or len({r.shape[1:] for r in rows}) != 1:
        return None
    import numpy as np

    return _made(names, np.concatenate(rows), None, None, stem)


def _rows(lazy: Lazy, num_ws: int | None) -> npt.NDArray[np.float32] | None:
    """The array as ``[n, w]`` or ``[n, layers, w]``; ``None`` if it is neither."""
    shape = lazy.shape
    if not lazy.floating or not 1 <= len(shape) <= 3 or shape[-1] < 2 or 0 in shape:
        return None
    if lazy.nbytes > 8 * MAX_NUMBERS:
        raise too_much("an array in it is far larger than directions", f"{MAX_NUMBERS:,} numbers")
    values: npt.NDArray[np.float32] = lazy.load().float().numpy()
    if len(shape) == 1:
        return values[None]
    if len(shape) == 2:
        return values[None] if num_ws is not None and num_ws > 1 and shape[0] == num_ws else values
    return values[:, 0] if shape[1] == 1 else values


def _column(lazy: Lazy | None, n: int) -> npt.NDArray[np.float32] | None:
    """A side table of ``n`` numbers, if it is one."""
    if lazy is None or not lazy.floating:
        return None
    count = 1
    for size in lazy.shape:
        count *= size
    if count != n:
        return None
    values: npt.NDArray[np.float32] = lazy.load().float().reshape(-1).numpy()
    return values


def _made(
    names: list[str],
    vectors: npt.NDArray[np.float32],
    sigmas: npt.NDArray[np.float32] | None,
    mean: npt.NDArray[np.float32] | None,
    stem: str,
) -> DirectionFile:
    import numpy as np

    if len(vectors) > MAX_DIRECTIONS:
        raise too_much(f"it has {len(vectors):,} directions", f"{MAX_DIRECTIONS:,} directions")
    for values in (vectors, sigmas, mean):
        if values is not None and not bool(np.isfinite(values).all()):
            raise ModelError("These directions are broken: some of their numbers are not numbers.")
    if not bool((np.abs(vectors).reshape(len(vectors), -1).max(axis=1) > 0).all()):
        raise ModelError("A direction in this file goes nowhere.", "All its numbers are zero.")
    if sigmas is not None and not bool((sigmas > 0).all()):
        sigmas = None
    return DirectionFile(tuple(plain(n, 80) or "Direction" for n in names), vectors, sigmas, mean, stem)


def _title(stem: str) -> str:
    words = re.sub(r"[_\-.]+", " ", stem).strip()
    return words[:1].upper() + words[1:] or "Direction"

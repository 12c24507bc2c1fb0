"""The arithmetic of the mixing board: presets, solo, mute and lock, without torch (panel and command line share it).

A weight table is ``weights[layer][column]``, every number >= 0; a row counts by its proportions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from studio.base.errors import StudioError
from studio.engine.explore.ranges import span
from studio.project.latents import Direct, Latent, Mixed
from studio.project.session import MixState

BANDS = ("coarse", "middle", "fine")
Weights = tuple[tuple[float, ...], ...]


class LayerLike(Protocol):
    """A row of the board: what :class:`studio.nets.roles.Layer` and the model card's layer entries both say."""

    @property
    def band(self) -> str: ...


Layers = Sequence[LayerLike] | Sequence[Mapping[str, Any]]


def bands_of(layers: Layers) -> tuple[str, ...]:
    """The band (coarse, middle, fine) of every layer, from role objects or from a model card."""
    return tuple(str(layer["band"]) if isinstance(layer, Mapping) else layer.band for layer in layers)


def normalised(row: Sequence[float]) -> tuple[float, ...]:
    """The row's proportions, sum 1; negative numbers count as 0 and an empty row takes source 0."""
    kept = [max(0.0, float(x)) for x in row]
    total = sum(kept)
    if total <= 0.0:
        return tuple(1.0 if i == 0 else 0.0 for i in range(len(kept)))
    return tuple(x / total for x in kept)


def table(weights: Weights, layers: int, columns: int) -> Weights:
    """The table with exactly ``layers`` rows and ``columns`` columns (missing rows repeat the last, cells are 0)."""
    rows = list(weights[:layers])
    last: tuple[float, ...] = rows[-1] if rows else tuple(1.0 if i == 0 else 0.0 for i in range(columns))
    rows += [last] * (layers - len(rows))
    return tuple(tuple(row[i] if i < len(row) else 0.0 for i in range(columns)) for row in rows)


def preset(name: str, bands: Sequence[str], columns: int, *, base: int = 0, other: int = 1) -> Weights:
    """The weights of a named preset.

    ``coarse``, ``middle``, ``fine``: column ``other`` gives the layers of that band, ``base`` gives the rest.
    ``crossover:K`` (or ``crossover(K)``): ``base`` below layer K, ``other`` from K on.
    ``single``: all of ``base``.  ``even``: every column alike.  Raises a user error for any other name.
    """
    name = name.strip().lower()
    n = len(bands)
    cross = re.fullmatch(r"crossover[:( ]*(\d+)\)?", name)
    if name == "even":
        return tuple(tuple(1.0 / columns for _ in range(columns)) for _ in range(n))
    if name == "single":
        taken = [base] * n
    elif name in BANDS:
        taken = [other if band == name else base for band in bands]
    elif cross:
        k = int(cross[1])
        taken = [base if i < k else other for i in range(n)]
    else:
        raise StudioError(
            f"There is no mixing preset called “{name}”.",
            "",
            "Choose coarse, middle, fine, even, single or crossover:K with a layer number K.",
        )
    if not (0 <= base < columns and 0 <= other < columns):
        raise StudioError(f"The preset “{name}” needs two sources.", "", "Add another source first.")
    return tuple(tuple(1.0 if i == at else 0.0 for i in range(columns)) for at in taken)


def apply_preset(state: MixState, layers: Layers, name: str, *, base: int = 0, other: int = 1) -> Weights:
    """The board's weights after a preset; rows of locked bands and cells of locked columns stay as they are."""
    bands = bands_of(layers)
    now = table(state.weights, len(bands), len(state.columns))
    wanted = preset(name, bands, len(state.columns), base=base, other=other)
    locked = [column.locked for column in state.columns]
    return tuple(
        row
        if band in state.band_locked
        else tuple(o if lock else n for o, n, lock in zip(row, new, locked, strict=True))
        for band, row, new in zip(bands, now, wanted, strict=True)
    )


def with_cell(state: MixState, layers: Layers, layer: int, column: int, value: float) -> Weights:
    """The board's weights after one cell was dragged (unchanged where the column or the band is locked)."""
    bands = bands_of(layers)
    rows = [list(row) for row in table(state.weights, len(bands), len(state.columns))]
    if not state.columns[column].locked and bands[layer] not in state.band_locked:
        rows[layer][column] = max(0.0, float(value))
    return tuple(tuple(row) for row in rows)


def with_only(state: MixState, layers: Layers, layer: int, column: int) -> Weights:
    """The board's weights with one layer given wholly to one column (Alt-click on a cell); locks are respected."""
    bands = bands_of(layers)
    rows = [list(row) for row in table(state.weights, len(bands), len(state.columns))]
    if not state.columns[column].locked and bands[layer] not in state.band_locked:
        rows[layer] = [
            row if state.columns[i].locked else (1.0 if i == column else 0.0) for i, row in enumerate(rows[layer])
        ]
    return tuple(tuple(row) for row in rows)


def effective(state: MixState, layers: Layers) -> Mixed:
    """What the board sounds like now: the weights after solo and mute, as a latent.

    A muted column gives nothing; with any column on solo only those on solo give.  A layer whose sources are all
    silent, and every layer of a muted band (or outside the soloed bands), falls back to the network's neutral picture
    (the mean w), so that what remains is exactly what the audible sources contribute.  A row that was never given a
    weight takes the first column.  Locks concern editing, not hearing.
    """
    if not state.columns:
        raise StudioError("The mixing board is empty.", "", "Add a source first: a seed, a bookmark or a picture.")
    bands = bands_of(layers)
    columns = state.columns
    solo = any(column.solo for column in columns)
    audible = [(column.solo or not solo) and not column.mute for column in columns]
    rows: list[tuple[float, ...]] = []
    silent = False
    for band, row in zip(bands, table(state.weights, len(bands), len(columns)), strict=True):
        heard = band in state.band_solo if state.band_solo else band not in state.band_mute
        asked = normalised(row)
        kept = tuple(x if on else 0.0 for x, on in zip(asked, audible, strict=True))
        if not heard or sum(kept) <= 0.0:
            rows.append((*(0.0,) * len(columns), 1.0))
            silent = True
        else:
            rows.append((*normalised(kept), 0.0))
    sources: tuple[Latent, ...] = tuple(column.latent for column in columns)
    if silent:
        return Mixed(sources=(*sources, Direct()), weights=tuple(rows))
    return Mixed(sources=sources, weights=tuple(row[:-1] for row in rows))


def parse_layers(text: str, bands: Sequence[str], columns: int) -> Weights:
    """Weights from the command line's ``0-3:0,4-11:1``: layers (a number, a range or a band) to a source.

    A part may carry a share, ``4-7:1*0.5``; parts on the same layer add up.  Layers that no part names take source 0.
    """
    rows = [[0.0] * columns for _ in bands]
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"(?:(\d+)(?:-(\d+))?|(coarse|middle|fine|all)):(\d+)(?:\*([0-9.]+))?", part)
        if match is None:
            raise StudioError(
                f"“{part}” does not say which layers take which source.", "", "Write for example 0-3:0,4-11:1."
            )
        low, high, band, source, share = match.groups()
        if band:
            chosen = [i for i, name in enumerate(bands) if band in (name, "all")]
        else:
            chosen = list(range(int(low), int(high or low) + 1))
        if int(source) >= columns or any(i >= len(bands) for i in chosen):
            raise StudioError(
                f"“{part}” is outside the board.", f"It has {len(bands)} layers and {columns} sources, counted from 0."
            )
        for i in chosen:
            rows[i][int(source)] += float(share or 1.0)
    return tuple(normalised(row) for row in rows)


def cell(row: Latent, column: Latent, first: int, last: int, layers: int) -> Latent:
    """The latent of a cell of the mixing matrix: ``row`` with layers ``first..last`` taken from ``column``."""
    start, stop = span(first, last, layers)
    if row == column or start >= stop:
        return row
    weights = tuple((0.0, 1.0) if start <= i < stop else (1.0, 0.0) for i in range(layers))
    return Mixed(sources=(row, column), weights=weights)

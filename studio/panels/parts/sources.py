"""Bringing a latent onto the mixing board, from whatever panel it is in."""

from __future__ import annotations

import uuid

import msgspec

from studio.project.latents import Latent
from studio.project.session import MixColumn, MixState

COLOURS = 8


def with_source(state: MixState, latent: Latent, name: str) -> MixState:
    """The board with one more column: the first carries every layer, later ones begin silent."""
    used = {column.colour for column in state.columns}
    colour = next((c for c in range(COLOURS) if c not in used), len(state.columns) % COLOURS)
    column = MixColumn(id=uuid.uuid4().hex, latent=latent, name=name, colour=colour)
    first = 1.0 if not state.columns else 0.0
    rows = state.weights or ((),)
    weights = tuple((*row, first) for row in rows)
    return msgspec.structs.replace(state, columns=(*state.columns, column), weights=weights)


def without_source(state: MixState, column: str) -> MixState:
    """The board without the column of this id."""
    at = next((i for i, c in enumerate(state.columns) if c.id == column), None)
    if at is None:
        return state
    return msgspec.structs.replace(
        state,
        columns=tuple(c for c in state.columns if c.id != column),
        weights=tuple(tuple(w for i, w in enumerate(row) if i != at) for row in state.weights),
    )

"""The mixing board's arithmetic."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from studio.base.errors import StudioError
from studio.engine.mix.weights import (
    apply_preset,
    bands_of,
    effective,
    normalised,
    parse_layers,
    preset,
    table,
    with_cell,
    with_only,
)
from studio.project.latents import Direct, Seed
from studio.project.session import MixColumn, MixState

BANDS = ("coarse",) * 3 + ("middle",) * 3 + ("fine",) * 2
LAYERS = [{"index": i, "name": "", "resolution": 4, "band": band} for i, band in enumerate(BANDS)]


def board(columns: int = 3, **kwargs: object) -> MixState:
    made = tuple(MixColumn(id=f"c{i}", latent=Seed(seed=i), name=f"Seed {i}") for i in range(columns))
    weights = tuple(tuple(1.0 if i == layer % columns else 0.0 for i in range(columns)) for layer in range(len(BANDS)))
    return MixState(columns=made, weights=weights, **kwargs)  # type: ignore[arg-type]


def with_column(state: MixState, at: int, **changes: object) -> MixState:
    columns = list(state.columns)
    columns[at] = replace(columns[at], **changes)
    return replace(state, columns=tuple(columns))


def test_presets_give_each_band_to_the_right_source() -> None:
    assert preset("coarse", BANDS, 2) == ((0.0, 1.0),) * 3 + ((1.0, 0.0),) * 5
    assert preset("Fine", BANDS, 3, base=2, other=0)[-1] == (1.0, 0.0, 0.0)
    assert preset("crossover:4", BANDS, 2) == ((1.0, 0.0),) * 4 + ((0.0, 1.0),) * 4
    assert preset("crossover(4)", BANDS, 2) == preset("crossover 4", BANDS, 2)
    assert preset("even", BANDS, 4)[0] == (0.25,) * 4
    for bad, columns in (("sideways", 2), ("coarse", 1)):
        with pytest.raises(StudioError):
            preset(bad, BANDS, columns)


def test_without_solo_or_mute_the_board_is_what_it_says() -> None:
    state = board()
    mixed = effective(state, LAYERS)
    assert mixed.sources == tuple(c.latent for c in state.columns)
    assert mixed.weights == state.weights


def test_mute_and_solo_of_sources() -> None:
    muted = effective(with_column(board(), 1, mute=True), LAYERS)
    assert muted.sources[-1] == Direct(), "what nobody gives is neutral"
    assert muted.weights[1] == (0, 0, 0, 1) and muted.weights[0] == (1, 0, 0, 0)
    solo = effective(with_column(board(), 2, solo=True), LAYERS)
    assert solo.weights[2] == (0, 0, 1, 0) and solo.weights[0] == (0, 0, 0, 1)
    both = effective(with_column(with_column(board(), 2, solo=True), 2, mute=True), LAYERS)
    assert all(row == (0, 0, 0, 1) for row in both.weights)


def test_shares_are_kept_among_those_who_remain() -> None:
    state = replace(board(), weights=((1.0, 2.0, 1.0),))
    assert effective(state, LAYERS).weights[0] == (0.25, 0.5, 0.25)
    assert effective(with_column(state, 1, mute=True), LAYERS).weights[0] == (0.5, 0.0, 0.5)


def test_bands_can_be_heard_alone_or_silenced() -> None:
    muted = effective(board(band_mute=("fine",)), LAYERS)
    assert muted.weights[-1] == (0, 0, 0, 1) and muted.weights[0] == (1, 0, 0, 0)
    solo = effective(board(band_solo=("fine",), band_mute=("fine",)), LAYERS)
    assert solo.weights[0] == (0, 0, 0, 1) and solo.weights[-1][:3] == board().weights[-1]


def test_locks_hold_against_presets_and_drags() -> None:
    state = board(band_locked=("coarse",))
    after = apply_preset(state, LAYERS, "coarse")
    assert after[:3] == state.weights[:3] and after[5] == (1, 0, 0)
    held = with_column(board(), 2, locked=True)
    assert [row[2] for row in apply_preset(held, LAYERS, "fine")] == [row[2] for row in held.weights]
    assert with_cell(held, LAYERS, 0, 2, 0.7) == held.weights
    assert with_cell(held, LAYERS, 0, 1, 0.7)[0] == (1.0, 0.7, 0.0)
    assert with_only(board(), LAYERS, 0, 2)[0] == (0, 0, 1)
    assert with_only(state, LAYERS, 0, 2) == state.weights


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=6))
def test_rows_always_sum_to_one(row: list[float]) -> None:
    assert sum(normalised(row)) == pytest.approx(1.0)


def test_tables_fit_any_network() -> None:
    assert len(table((), 5, 2)) == 5 and table((), 2, 2)[0] == (1.0, 0.0)
    assert table(((0.2, 0.8, 0.5),), 3, 2) == ((0.2, 0.8),) * 3
    assert bands_of(LAYERS) == BANDS


def test_the_command_line_form() -> None:
    rows = parse_layers("0-3:0,4-6:1,7:2", BANDS, 3)
    assert rows[3] == (1, 0, 0) and rows[4] == (0, 1, 0) and rows[7] == (0, 0, 1)
    assert parse_layers("coarse:1", BANDS, 2)[2:4] == ((0, 1), (1, 0))
    assert parse_layers("all:0*0.5,all:1*0.5", BANDS, 2)[0] == (0.5, 0.5)
    for bad in ("0-3", "0:9", "0-99:1", "x:1"):
        with pytest.raises(StudioError):
            parse_layers(bad, BANDS, 3)


def test_an_empty_board_is_told_and_no_torch_is_needed() -> None:
    with pytest.raises(StudioError, match="empty"):
        effective(MixState(), LAYERS)
    code = "import sys, studio.engine.mix.weights, studio.engine.explore.walks; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

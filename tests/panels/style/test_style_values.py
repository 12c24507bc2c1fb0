"""The arithmetic of the Style panel: looks, presets, branches, shares, the contact sheet."""

from __future__ import annotations

import math

import msgspec
import pytest

from studio.panels.style import values
from studio.project.session import KeptIterate, StyleState
from studio.project.style import PRESETS, Change, LayerWeight, StyleLook, StyleSource, Stylize, preset

NAMES = ("relu1_1", "relu2_1", "relu2_2", "relu3_1")


def test_the_fixed_layers_are_those_of_the_network() -> None:
    from studio.nets.features import LAYERS

    assert values.FIXED_LAYERS == LAYERS


def test_cells_have_names() -> None:
    cell = ("relu3_1", "style")
    assert values.cells_named([values.cell_name(cell), "tv", "other relu1_1", "style "]) == {cell}


def test_without_layers_the_preset_balanced_stands_there() -> None:
    found = values.weights_of(StyleLook(), NAMES)
    assert found["relu2_2", "content"] == 0.5 and found["relu3_1", "style"] == 1.0
    assert values.preset_of(found, NAMES) == "balanced"
    found["relu3_1", "style"] = 0.9
    assert values.preset_of(found, NAMES) == ""
    rows = values.rows_from(found, NAMES)
    assert values.weights_of(StyleLook(layers=rows), NAMES) == found
    assert values.weights_of(StyleLook(layers=rows), ("relu3_1", "new")) == {
        ("relu3_1", "content"): 0.0,
        ("relu3_1", "style"): 0.9,
        ("new", "content"): 0.0,
        ("new", "style"): 0.0,
    }


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_recognised(name: str) -> None:
    rows = preset(name, values.FIXED_LAYERS)
    found = {(row.name, c): getattr(row, c) for row in rows for c in ("content", "style")}
    assert values.preset_of(found, values.FIXED_LAYERS) == name


def test_solo_and_mute() -> None:
    weights = {(n, c): 1.0 for n in NAMES for c in ("content", "style")}
    acting = values.audible(weights, ["style relu2_1"], ["content relu1_1", "style relu2_1"])
    assert {cell for cell, value in acting.items() if value} == {(n, "content") for n in NAMES[1:]}
    assert values.audible(weights, ["style gone"], []) == weights, "a solo of another network silences nothing"


def _run(**changes: object) -> Stylize:
    made = Stylize(model="m", content="c", look=StyleLook(styles=(StyleSource(picture="s"),)))
    return msgspec.structs.replace(made, **changes)


def test_a_branch_is_the_same_run_up_to_there() -> None:
    one, two, now = (StyleLook(beta=b) for b in (1.0, 2.0, 3.0))
    made = _run(changes=(Change(at=20, look=one), Change(at=60, look=two)), stop=80)
    kept = KeptIterate(at=50, picture="p", start="x")
    found = values.branch(made, kept, now, "match")
    assert found.changes == (Change(at=20, look=one), Change(at=50, look=now)) and found.stop == 0
    assert (found.resume.at, found.resume.start, found.colours) == (50, "x", "match")  # type: ignore[union-attr]
    assert values.branch(made, kept, one, "style").changes == (Change(at=20, look=one),), "nothing was changed"
    assert values.branch(made, KeptIterate(at=20, picture="p", start="x"), now, "style").changes == (
        Change(at=20, look=now),
    )
    assert [values.look_at(made, at).beta for at in (0, 19, 20, 59, 60, 99)] == [8.0, 8.0, 1.0, 1.0, 2.0, 2.0]


def test_request_of_a_recalled_run_is_that_run() -> None:
    rows = preset("Gatys", NAMES)
    look = StyleLook(styles=(StyleSource(picture="s"),), layers=rows)
    run = _run(look=look, changes=(Change(at=9, look=msgspec.structs.replace(look, beta=1.0)),), stop=30)
    assert values.request_of(StyleState(run=run), "m", NAMES, "fast") == run
    edited = values.with_look(StyleState(run=run), values.shown_look(run))
    assert edited.changes == () and edited.stop == 0 and edited.look.beta == 1.0


def test_shares_and_curves() -> None:
    losses = {"content relu2_2": 1.0, "style relu1_1": 2.0, "style relu2_1": 0.5, "tv": 0.5, "total": 4.0}
    assert values.shares_of(losses) == {
        ("relu2_2", "content"): 0.25,
        ("relu1_1", "style"): 0.5,
        ("relu2_1", "style"): 0.125,
    }
    assert values.curves_of(losses) == {"content": 1.0, "style": 2.5, "tv": 0.5}
    assert values.shares_of({"style relu1_1": math.nan, "total": math.nan}) == {}
    assert values.shares_of({}) == {}


@pytest.mark.parametrize(("vary", "count"), [("presets", 15), ("strength", 12), ("scale", 12)])
def test_sheets_have_different_looks(vary: str, count: int) -> None:
    look = StyleLook(styles=(StyleSource(picture="s"),), layers=preset("balanced", NAMES))
    looks, columns = values.sheet_looks(look, values.FIXED_LAYERS, vary)
    assert len(looks) == len(set(looks)) == count and count % columns == 0
    assert all(one.styles[0].picture == "s" for one in looks)


def test_where_a_dropped_picture_goes() -> None:
    assert values.place_for(("content", "style")) == "content"
    assert values.place_for(("style",)) == "style"
    assert values.place_for(()) == "content"


def test_thumbnails_do_not_depend_on_masks() -> None:
    plain = StyleSource(picture="s", scale=0.5)
    painted = msgspec.structs.replace(plain, mask="m", name="n", alpha=2.0)
    assert values.sources_alone(StyleLook(styles=(painted,))) == (plain,)


def test_rows_of_one_style() -> None:
    run = values.with_style(_run(), 0, weight=0.5)
    assert run.look.styles[0].weight == 0.5
    with pytest.raises(IndexError):
        values.with_style(run, 3, weight=0.5)
    assert values.rows_from({("a", "style"): 1.0}, ("a",)) == (LayerWeight(name="a", style=1.0),)


def test_the_examples_that_ship_are_known_to_translators() -> None:
    from studio.panels.style.examples import TEXTS, examples, first_pair

    found = examples()
    if not found:
        pytest.skip("this copy has no example pictures")
    assert {example.title for example in found} <= set(TEXTS)
    pair = first_pair()
    assert pair is not None and (pair[0].kind, pair[1].kind) == ("content", "style")

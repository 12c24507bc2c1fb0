"""The arithmetic of the Style panel on plain values: from the session to requests and back.  No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from studio.project.session import KeptIterate, StyleState
from studio.project.style import (
    FIXED_FEATURES,
    PRESETS,
    Change,
    LayerWeight,
    Resume,
    StyleLook,
    StyleSource,
    Stylize,
    preset,
)

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard

Cell = tuple[str, str]
"""(layer, "content" | "style")."""
Slot = Literal["content", "style"]

FIXED_LAYERS = tuple(
    f"relu{block}_{i + 1}" for block, count in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)) for i in range(count)
)
"""Layers of the network without learned weights (``nets.features.LAYERS``; a test holds them together)."""
FIRST_PRESET = "balanced"


def layers_of(card: ModelCard | None) -> tuple[str, ...]:
    """The layers with a row: those after their activation where a network names both, shallow to deep."""
    if card is None:
        return FIXED_LAYERS
    named = card.hyper.get("layer_names") or card.hyper.get("layers") or ()
    names = [str(entry.get("name", "")) if isinstance(entry, Mapping) else str(entry) for entry in named]
    active = tuple(name for name in names if name.startswith("relu"))
    return active or tuple(name for name in names if name) or FIXED_LAYERS


def cell_name(cell: Cell) -> str:
    """As solo and mute name it: "style relu3_1"."""
    return f"{cell[1]} {cell[0]}"


def cells_named(names: Iterable[str]) -> frozenset[Cell]:
    """The other way; what is no cell is left out."""
    found = (name.partition(" ") for name in names)
    return frozenset((layer, column) for column, _, layer in found if column in ("content", "style") and layer)


def weights_of(look: StyleLook, layers: Sequence[str]) -> dict[Cell, float]:
    """Every lambda of a look, for a network with these layers; no layers in the look: the preset "balanced"."""
    rows = look.layers or preset(FIRST_PRESET, tuple(layers))
    found = {row.name: row for row in rows}
    values: dict[Cell, float] = {}
    for name in layers:
        row = found.get(name, LayerWeight(name=name))
        values[name, "content"], values[name, "style"] = row.content, row.style
    return values


def rows_from(values: Mapping[Cell, float], layers: Sequence[str]) -> tuple[LayerWeight, ...]:
    """A look's ``layers`` from cells."""
    return tuple(
        LayerWeight(name=n, content=values.get((n, "content"), 0.0), style=values.get((n, "style"), 0.0))
        for n in layers
    )


def audible(values: Mapping[Cell, float], solo: Iterable[str], mute: Iterable[str]) -> dict[Cell, float]:
    """The lambdas that act: solo silences the others of its own column, mute itself."""
    soloed, muted = cells_named(solo) & values.keys(), cells_named(mute)
    columns = {column for _, column in soloed}
    return {
        cell: 0.0 if cell in muted or (cell[1] in columns and cell not in soloed) else value
        for cell, value in values.items()
    }


def preset_of(values: Mapping[Cell, float], layers: Sequence[str]) -> str:
    """The preset that stands there now ("" for none)."""
    for name in PRESETS:
        rows = preset(name, tuple(layers))
        if all(
            abs(values.get((row.name, column), 0.0) - getattr(row, column)) < 0.005
            for row in rows
            for column in ("content", "style")
        ):
            return name
    return ""


def shown_look(run: Stylize) -> StyleLook:
    """What the sliders show: the look that the run ends with."""
    return run.changes[-1].look if run.changes else run.look


def sounding_look(state: StyleState, layers: Sequence[str]) -> StyleLook:
    """The look as it acts, with solo and mute worked in."""
    look = shown_look(state.run)
    acting = audible(weights_of(look, layers), state.solo, state.mute)
    return msgspec.structs.replace(look, layers=rows_from(acting, layers))


def with_look(state: StyleState, look: StyleLook) -> Stylize:
    """The run with another look.  What was changed on the way of a recalled run belonged to the old one."""
    return msgspec.structs.replace(state.run, look=look, changes=(), stop=0)


def request_of(state: StyleState, model: str, layers: Sequence[str], precision: str) -> Stylize:
    """What Start asks for.  A recalled run that nobody touched is asked for as it was, changes and all."""
    run = state.run
    look = run.look if run.changes else sounding_look(state, layers)
    if run.changes and not run.look.layers:
        look = msgspec.structs.replace(look, layers=preset(FIRST_PRESET, tuple(layers)))
    return msgspec.structs.replace(run, model=model, look=look, precision=precision, resume=None)


def look_at(run: Stylize, at: int) -> StyleLook:
    """The look with which iteration ``at`` was made."""
    return next((change.look for change in reversed(run.changes) if change.at <= at), run.look)


def branch(made: Stylize, kept: KeptIterate, look: StyleLook, colours: str) -> Stylize:
    """The run ``made`` up to a kept iterate, and from there on with ``look``."""
    before = tuple(change for change in made.changes if change.at < kept.at)
    stump = msgspec.structs.replace(made, changes=before, stop=0)
    after = () if look_at(stump, kept.at) == look else (Change(at=kept.at, look=look),)
    resume = Resume(at=kept.at, start=kept.start) if kept.start else None
    return msgspec.structs.replace(stump, changes=(*before, *after), resume=resume, colours=colours)


def shares_of(values: Mapping[str, float]) -> dict[Cell, float]:
    """From loss values by name ("style relu3_1", "total") to each layer's share of all layers and tv together."""
    parts = {name: max(0.0, value) for name, value in values.items() if name != "total" and value == value}
    whole = sum(parts.values())
    if whole <= 0:
        return {}
    return {cell: parts[cell_name(cell)] / whole for cell in cells_named(parts) if cell_name(cell) in parts}


def curves_of(values: Mapping[str, float]) -> dict[str, float]:
    """The few curves worth drawing: content, style, tv."""
    found: dict[str, float] = {}
    for column in ("content", "style"):
        parts = [value for name, value in values.items() if name.startswith(f"{column} ")]
        if parts:
            found[column] = sum(parts)
    if values.get("tv"):
        found["tv"] = values["tv"]
    return found


def place_for(examples: Iterable[str]) -> Slot:
    """Where a dropped picture goes: the first replaces the example content, the second the example style."""
    waiting = set(examples)
    return "content" if "content" in waiting or "style" not in waiting else "style"


def with_style(run: Stylize, index: int, **changes: Any) -> Stylize:
    """One style changed; IndexError where there is none."""
    look = shown_look(run)
    styles = list(look.styles)
    styles[index] = msgspec.structs.replace(styles[index], **changes)
    return msgspec.structs.replace(run, look=msgspec.structs.replace(look, styles=tuple(styles)), changes=(), stop=0)


def sources_alone(look: StyleLook) -> tuple[StyleSource, ...]:
    """The styles as far as thumbnails of layers depend on them: without masks."""
    return tuple(msgspec.structs.replace(s, mask="", name="", alpha=1.0, beta=1.0) for s in look.styles)


def sheet_looks(look: StyleLook, layers: Sequence[str], vary: str) -> tuple[tuple[StyleLook, ...], int]:
    """Looks for the contact sheet, row by row, and the number of columns.

    ``presets``: presets against a third, one and three times the style's strength; ``strength``: the strength of
    the style against smoothness; ``scale``: the size of the strokes against the strength.
    """
    if vary == "presets":
        grid = [
            msgspec.structs.replace(look, layers=preset(name, tuple(layers)), beta=_rounded(look.beta * factor))
            for name in PRESETS
            for factor in (1 / 3, 1.0, 3.0)
        ]
        return tuple(grid), 3
    if vary == "scale":
        grid = [
            msgspec.structs.replace(
                look,
                beta=_rounded(look.beta * factor),
                styles=tuple(msgspec.structs.replace(s, scale=_rounded(s.scale * size)) for s in look.styles),
            )
            for size in (0.5, 0.75, 1.0, 1.5)
            for factor in (1 / 3, 1.0, 3.0)
        ]
        return tuple(grid), 3
    grid = [
        msgspec.structs.replace(look, beta=_rounded(look.beta * factor), tv=_rounded(tv))
        for tv in (0.0, 1.0, 4.0)
        for factor in (1 / 4, 1 / 2, 1.0, 2.0)
    ]
    return tuple(grid), 4


def for_forecast(run: Stylize) -> Stylize:
    """The run as far as time and memory depend on it: sliders that only weigh do not ask for another forecast."""
    rows = tuple(
        LayerWeight(name=row.name, content=float(row.content > 0), style=float(row.style > 0))
        for row in run.look.layers
    )
    styles = tuple(
        msgspec.structs.replace(s, weight=1.0, feather=12.0, alpha=1.0, beta=1.0, name="") for s in run.look.styles
    )
    look = StyleLook(styles=styles, layers=rows, alpha=float(run.look.alpha > 0))
    return msgspec.structs.replace(run, look=look, changes=(), seed=0, colours="style", average=0.9, stop=0)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def features_model(chosen: str, card: ModelCard | None) -> str:
    """The model of requests: the card's, or the network without weights where there is no embedded one."""
    if chosen == FIXED_FEATURES or (not chosen and card is None):
        return FIXED_FEATURES
    return card.sha256 if card is not None else chosen

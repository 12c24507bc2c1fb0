"""Bringing a recipe back: which fields of the state make its picture again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from studio.panels.style.values import shown_look
from studio.project.session import StyleState
from studio.project.style import Forecast, LayerThumbs, Paint, Recolour, StyleSheet, Stylize

if TYPE_CHECKING:
    from studio.panels.style.panel import StylePanel


def recalled(panel: StylePanel, request: msgspec.Struct) -> dict[str, Any] | None:
    """The fields for a request of this panel; None for one of another.

    A run that was finished before comes with its iterates, so that its picture is seen at once.
    """
    state: StyleState = panel.state
    if isinstance(request, Paint):
        return panel.passing.recall(request)
    if isinstance(request, Recolour):
        run = msgspec.structs.replace(state.run, content=request.content, colours=request.colours, changes=(), stop=0)
        return {"run": run, "mode": "run", "content_name": "", "examples": ()}
    found: msgspec.Struct = request.run if isinstance(request, StyleSheet | Forecast) else request
    if isinstance(found, LayerThumbs):
        look = msgspec.structs.replace(shown_look(state.run), styles=found.styles)
        found = msgspec.structs.replace(
            state.run, model=found.model, content=found.content, look=look, changes=(), stop=0
        )
    if not isinstance(found, Stylize):
        return None
    run = msgspec.structs.replace(found, resume=None)
    fields: dict[str, Any] = {"run": run, "mode": "run", "solo": (), "mute": (), "examples": ()}
    fields["content_name"] = state.content_name if run.content == state.run.content else ""
    if state.made is None or msgspec.structs.replace(state.made, colours=run.colours) != run:
        kept = panel.running.known(run)
        fields |= {"made": run if kept else None, "kept": kept}
    return fields

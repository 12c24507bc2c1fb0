"""Bringing a recipe back: which fields of the state make its picture again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from studio.panels.translate.values import OWN, home_size, takes_ink
from studio.project.session import TranslateState
from studio.project.translate import Cycle, ReadLabels, Trace, Translate, Upscale, Variations

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


def recalled(panel: TranslatePanel, request: msgspec.Struct) -> dict[str, Any] | None:
    """The fields for a request of this panel; None for one of another."""
    state: TranslateState = panel.state
    if isinstance(request, Trace):
        return {"mode": "draw", "trace": request}
    if isinstance(request, Upscale):
        return {
            "mode": "enlarge",
            "upscaler": request.model,
            "sharpness": request.sharpness,
            **_picture(state, request.picture),
        }
    if not isinstance(request, Translate | Cycle | Variations | ReadLabels):
        return None
    card = panel.studio.card(request.model, "translator")
    if card is not None and card.role != "translator":
        return None
    # A drawing goes back on the paper: it is that of the session, or its network wants ink.
    draws = request.picture == state.drawing or (takes_ink(card) and request.picture != state.picture)
    size = request.size or (0 if draws else OWN)
    fields: dict[str, Any] = {"mode": "draw" if draws else "picture", "size": 0 if size == home_size(card) else size}
    if draws:
        fields |= {"drawing": request.picture, "trace": None}
    else:
        fields |= _picture(state, request.picture)
    if not isinstance(request, ReadLabels):
        fields["look"] = request.look
    if isinstance(request, Cycle):
        return {**fields, "model": request.model, "back": request.back, "way": "cycle"}
    models = panel.modelling.models
    if models.back is not None and models.there is not None and request.model == models.back.sha256:
        return {**fields, "way": "back"}
    known = models.there is not None and request.model == models.there.sha256
    return {**fields, "model": request.model, "way": "there", "back": state.back if known else ""}


def _picture(state: TranslateState, sha: str) -> dict[str, Any]:
    name = state.picture_name if sha == state.picture else ""
    return {"picture": sha, "picture_name": name, "example": False}

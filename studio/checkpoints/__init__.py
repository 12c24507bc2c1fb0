"""Recognising and reading model files safely; the model library; the catalogue of downloadable models.

Importing this package does not import torch; its names appear when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.base.errors import ModelError
    from studio.checkpoints.card import Assumption, ModelCard
    from studio.checkpoints.directions import DirectionFile, read_directions
    from studio.checkpoints.library import Library
    from studio.checkpoints.load import LoadedModel, inspect, load_model, load_steps

_WHERE = {
    "ModelError": "studio.base.errors",
    "Assumption": "studio.checkpoints.card",
    "ModelCard": "studio.checkpoints.card",
    "DirectionFile": "studio.checkpoints.directions",
    "read_directions": "studio.checkpoints.directions",
    "Library": "studio.checkpoints.library",
    "LoadedModel": "studio.checkpoints.load",
    "inspect": "studio.checkpoints.load",
    "load_model": "studio.checkpoints.load",
    "load_steps": "studio.checkpoints.load",
}

__all__ = [
    "Assumption",
    "DirectionFile",
    "Library",
    "LoadedModel",
    "ModelCard",
    "ModelError",
    "inspect",
    "load_model",
    "load_steps",
    "read_directions",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(importlib.import_module(_WHERE[name]), name)

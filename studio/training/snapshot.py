"""Snapshots of a training: written atomically, read without executing anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from studio.base.errors import ModelError


def save_snapshot(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, lists, dicts) so that ``path`` is always a whole snapshot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as f:
        torch.save(state, f)
        f.flush()
        os.fsync(f.fileno())
    temporary.replace(path)


def load_snapshot(path: Path) -> dict[str, Any]:
    """Read a snapshot; only tensors and plain data can be in it."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch raises many kinds for a damaged or foreign file
        raise ModelError(
            f"The training snapshot {path.name} cannot be read.",
            "It is damaged or was not written by this program.",
            "Start the training again without --resume.",
            detail=str(exc),
        ) from exc
    if not isinstance(state, dict):
        raise ModelError(f"{path.name} is not a training snapshot.")
    return state

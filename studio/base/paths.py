"""Where things are: what ships with the program and where the person's own things live.

``STUDIO_DATA`` in the environment moves every personal folder (tests and portable installations use it).
"""

from __future__ import annotations

import os
from pathlib import Path

APP_NAME = "Latent Studio"
_PACKAGE = Path(__file__).resolve().parents[1]


def _shipped(name: str) -> Path:
    # In a checkout (and an editable install) the folder stands beside the package; in a wheel and in the
    # frozen program it travels inside it.
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resources() -> Path:
    """Icons, theme, example pictures, translations."""
    return _shipped("resources")


def weights() -> Path:
    """Embedded models: NAME.safetensors beside NAME.json, and catalog.json."""
    return _shipped("weights")


def data_dir() -> Path:
    """The person's data folder (models, autosaves, settings, logs); made on first use."""
    chosen = os.environ.get("STUDIO_DATA")
    if chosen:
        path = Path(chosen)
    else:
        import platformdirs

        path = Path(platformdirs.user_data_dir("LatentStudio", appauthor=False))
    path.mkdir(parents=True, exist_ok=True)
    return path


def _sub(name: str) -> Path:
    path = data_dir() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def models_dir() -> Path:
    """The library: imported checkpoints as safetensors with their cards."""
    return _sub("models")


def autosave_dir() -> Path:
    """Autosaved sessions, one file for each running program."""
    return _sub("autosave")


def cache_dir() -> Path:
    """Things that can be computed again (principal components, thumbnails)."""
    return _sub("cache")


def log_dir() -> Path:
    """Log files, rotated."""
    return _sub("logs")

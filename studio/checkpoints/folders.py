"""Models that are a folder, settings that stand beside a file, and what to call a file named like all others."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from studio.base.errors import ModelError
from studio.checkpoints.limits import plain

SUFFIXES = (".safetensors", ".pkl", ".pt", ".pth", ".ckpt", ".tar", ".bin")
"""Endings of model files."""
_MAX_CONFIG = 1 << 20
_PIECES = ("vae", "vae_decoder", "autoencoder", "unet", "transformer", "text_encoder")
_USUAL = ("diffusion_pytorch_model", "pytorch_model", "model", "encoder", "decoder", "vae", "weights")
"""Names that say nothing: the folder's says more."""
_ORDER = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.fp16.bin",
    "model.safetensors",
    "model.pt",
    "pytorch_model.bin",
)
"""The files that folders of this kind hold, the most exact first."""


def model_file(path: str | os.PathLike[str]) -> Path:
    """The file to read for ``path``: itself, or for a folder its one model.

    A folder is a diffusers model (``config.json`` and its weights), a pipeline (its ``vae`` is taken), or holds one
    model file only.  Raises :class:`ModelError` for every other folder.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            return path
        for folder in (path, path / "vae"):
            if not folder.is_dir():
                continue
            for name in _ORDER:
                if (folder / name).is_file():
                    return folder / name
            lone = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            if len(lone) == 1:
                return lone[0]
    except (OSError, ValueError) as exc:
        raise ModelError(f"“{plain(path.name)}” cannot be opened.", "", "Check its permissions.") from exc
    shown = plain(path.name or str(path))
    raise ModelError(f"“{shown}” is a folder, not a model file.", "", "Choose the checkpoint file inside it.")


def config_beside(path: Path) -> dict[str, Any]:
    """The settings that stand beside a model file (``STEM.json``, ``config.json``, pythae's), or nothing.

    They are a stranger's: whoever reads a value from them checks it.
    """
    for name in dict.fromkeys((f"{path.stem}.json", "config.json", "model_config.json")):
        beside = path.with_name(name)
        try:
            if not beside.is_file() or beside.stat().st_size > _MAX_CONFIG:
                continue
            value = json.loads(beside.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        # A card of ours is read elsewhere.
        if isinstance(value, dict) and not {"role", "architecture"} <= set(value):
            return value
    return {}


def shown_name(path: Path, part: str = "") -> str:
    """What to call the model in ``path``: the file's name, or the folder's where every such file has the same name.

    ``part`` is what the file is of a network in several files; that word is left out.
    """
    stem = path.name
    while Path(stem).suffix.lower() in SUFFIXES:
        stem = Path(stem).stem
    if part:
        stem = re.sub(rf"(?i)(^|[-_ .]){re.escape(part)}(?=$|[-_ .])", "", stem).strip("-_ .") or part
    if stem.removesuffix(".fp16") not in (*_USUAL, part):
        return stem or path.stem
    for folder in path.absolute().parents:
        name = folder.name
        if name in _PIECES or name in ("snapshots", "") or re.fullmatch(r"[0-9a-f]{40}", name):
            continue
        # The download cache of Hugging Face: models--AUTHOR--NAME/snapshots/HASH/vae/...
        return name.split("--")[-1] if name.startswith("models--") else name
    return stem
